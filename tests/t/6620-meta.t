#!/bin/sh
# meta/custom-audience: from raw rows to digests at the vendor, who refuses what
# is not hashed.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
for tool in retl-map retl-hash retl-push; do
	[ -x "$B/bin/$tool" ] || skip_all "$tool is not built"
done
META_TOKEN=EAABsecret META_APP_SECRET=appsecret
export META_TOKEN META_APP_SECRET
mkdir -p contracts/meta
jq '. * {retry: {first: 0.01, most: 0.05}}' \
	"$top/contracts/meta/custom-audience.json" >contracts/meta/custom-audience.json
audience=23850000000000000

push() {
	timeout 60 retl-push -c meta/custom-audience \
		--set audience_id=$audience --set base_url="$(mock_url meta)/v25.0" \
		"$@" >out 2>err
	status=$?
}

# ---- raw rows become digests that the vendor publishes ----
cat >rows <<'EOF1'
{"id":7,"mail":" John_Smith@gmail.com ","tel":"+1 (650) 555-1212","first":"Mary","last":"Valéry","land":"US","sex":"Female","plz":"94035-1234"}
{"id":9007199254740993,"mail":null,"tel":"","first":"정","last":"","land":null,"sex":"","plz":""}
EOF1
cat >meta.jq <<'EOF1'
{extern_id: .id, email: .mail, phone: .tel, fn: .first, ln: .last,
 country: .land, gen: .sex, zip: .plz}
EOF1
mock_start meta mockapi meta --ledger meta.ledger --log meta.log \
	--state meta.state --account $audience
sealed rows >in
exits 0 'rows are mapped' retl-map -c meta/custom-audience -m meta.jq \
	--set audience_id=$audience in
mv out mapped
exits 0 'and hashed' retl-hash -c meta/custom-audience \
	--set audience_id=$audience mapped
mv out in
lacks in gmail 'no raw address leaves retl-hash'
push --as added <in
is $status 0 'the members are taken'
digest() {
	printf %s "$1" | openssl dgst -sha256 | sed 's/.*= //'
}
cat >want <<EOF1
["7","62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f","e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176","252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111","","","","08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c","6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec","","","","$(digest 94035)","79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621",""]
["9007199254740993","","","","","","","","8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14","","","","","",""]
EOF1
jq -c .row meta.ledger >got
same want got 'each value is the digest that the vendor would make'
sed 's/"DiffAdded"/"DiffRemoved"/' in >removals
push --as removed <removals
is $status 0 'the same rows take the members out'
is "$(counts out)" 'delivered 2' 'all of them'

# ---- the gate ----
retl-map -c meta/custom-audience -m meta.jq --set audience_id=$audience \
	<rows >raw 2>err
n=$(wc -l <meta.ledger)
push --as added <raw
is $status 65 'without retl-hash the push ends'
is "$(wc -l <meta.ledger)" "$n" 'and nothing leaves'
is "$(counts out)" 'failed 2' 'and nothing is rejected'
lacks err Smith 'the message shows no value'
META_TOKEN=no push --as added <in
is $status 77 'a token that is not valid ends the push'
lacks err appsecret 'no secret is shown'
push --as added -n <in
contains out 'appsecret_proof={HMAC of token}' 'a dry run shows the proof'
META_APP_SECRET='' push --as added -n <in
lacks out appsecret_proof 'and none where the app has no secret'
mock_stop meta
ok $? 'no request broke a rule'
is "$(wc -c <meta.state)" 0 'the audience is empty again'

# ---- bad rows, and a storm ----
i=0
while [ $i -lt 300 ]; do
	i=$((i + 1))
	m=$([ $((i % 37)) = 0 ] && echo bad$i || echo good$i)
	d=$(printf '%064x' $i)
	echo "{\"extern_id\":\"$m\",\"email\":\"$d\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"s:$i\"}"
done >records
sealed records >in
mock_start meta mockapi meta --ledger bad.ledger --account $audience --poison bad
push --set rows=100 <in
is $status 1 'bad rows show in the status'
is "$(counts out)" 'delivered 292 rejected 8' 'they alone are rejected'
settled records out bad.ledger .extern_id '.row[0]'
ok $? 'receipts and ledger agree'
mock_stop meta
ok $? 'no request broke a rule'

mock_start meta mockapi meta --ledger storm.ledger --account $audience \
	--poison bad --state storm.state --chance 10=throttle \
	--chance 10=code4 --chance 10=reset-after --chance 5=reset-before \
	--chance 5=half --chance 5=500-after
jq '.retry.attempts = 12' contracts/meta/custom-audience.json >c &&
	mv c contracts/meta/custom-audience.json
push --set rows=7 <in
is $status 1 'a storm of faults is outlived'
is "$(counts out)" 'delivered 292 rejected 8' 'all that is good is delivered'
settled records out storm.ledger .extern_id '.row[0]'
ok $? 'receipts and ledger agree'
grep -v '"bad' records | sed 's/DiffAdded/DiffRemoved/' >removals
sealed removals >in
push --set rows=7 <in
is $status 0 'and so are the removals'
mock_stop meta
ok $? 'no request broke a rule'
is "$(wc -c <storm.state)" 0 'which leave nobody behind'
done_testing

#!/bin/sh
# webhook/standard against a receiver that checks signatures, ids and messages.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'
WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export WEBHOOK_SECRET
mkdir -p contracts/webhook
jq '. * {retry: {first: 0.01, most: 0.05}}' \
	"$top/contracts/webhook/standard.json" >contracts/webhook/standard.json

# push URL FILE [OPTION...]: status in $status
push() {
	at=$1 in=$2
	shift 2
	timeout 60 retl-push -c webhook/standard --set url="$at" "$@" \
		<"$in" >out 2>err
	status=$?
}

cat >records <<'EOF1'
{"id":9007199254740993,"d":1.10,"s":"\u00e9\/é \ud83d\ude00","n":null,"diff_result":"DiffAdded","diff_id":"r:1"}
{"id":2,"s":"<&>","diff_result":"DiffUpdated","diff_id":"r:2"}
{"id":3,"diff_result":"DiffRemoved","diff_id":"r:3"}
EOF1
sealed records >in
mock_start hook mockapi webhook --ledger hook.ledger --log hook.log --account /in
push "$(mock_url hook)/in" in --concurrency 1
is $status 0 'signed messages are taken'
jq -r '.type' hook.ledger | tr '\n' ' ' >types
is "$(cat types)" 'record.added record.updated record.removed ' \
	'in order, the kind of change in the type'
sed 's/^.*"data"://; s/}$//' hook.ledger >got
sed 's/,"diff_result.*/}/' records >want
same want got 'values arrive as they came'
push "$(mock_url hook)/in" in
is "$(jq -r .webhook_id hook.ledger | sort -u | wc -l)" 6 \
	'every message of every run has an id of its own'
WEBHOOK_SECRET=whsec_c29tZXRoaW5nIHRoYXQgaXMgbm90IHRoZSBrZXk= \
	push "$(mock_url hook)/in" in -v
is $status 77 'another secret is refused'
is "$(counts out)" 'failed 3' 'and nothing is rejected for it'
lacks err c29tZXRoaW5n 'the secret is not shown'
WEBHOOK_SECRET="whsec_c29tZXRoaW5nIHRoYXQgaXMgbm90IHRoZSBrZXk= $WEBHOOK_SECRET" \
	push "$(mock_url hook)/in" in
is $status 0 'while keys change, either may fit'
mock_stop hook
ok $? 'no message broke a rule'

# ---- a kept connection that dies with a message on it ----
cp contracts/webhook/standard.json kept.json
jq '.retry.attempts = 1' kept.json >contracts/webhook/standard.json
mock_start hook mockapi webhook --ledger kept.ledger --log kept.log \
	--at 2=reset-after
push "$(mock_url hook)/" in --concurrency 1
is $status 75 'whether it was taken is not known'
is "$(counts out)" 'delivered 2 unknown 1' 'and the receipt says so'
is "$(wc -l <kept.log)" 3 'nobody sent it again behind our back'
mock_stop hook
mv kept.json contracts/webhook/standard.json

# ---- a storm ----
# Which message meets which fault depends on the order in which they come; the
# chances are such that none meets six in a row.
i=0
while [ $i -lt 300 ]; do
	i=$((i + 1))
	w=$([ $((i % 37)) = 0 ] && echo POISON || echo fine)
	echo "{\"id\":$i,\"w\":\"$w\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"s:$i\"}"
done >records
sealed records >in
mock_start hook mockapi webhook --ledger storm.ledger --log storm.log \
	--poison POISON --chance 3=429 --chance 3=500-after \
	--chance 2=reset-after --chance 2=reset-before --chance 1=half \
	--chance 1=503 --chance 3=slow20
push "$(mock_url hook)/" in
case $status in
1 | 75) ok 0 'a storm of faults is outlived' ;;
*) is $status '1 or 75' 'a storm of faults is outlived' ;;
esac
is "$(jq -r 'select(.status == "delivered") | .line' out | wc -l)" 292 \
	'all that is good is delivered'
settled records out storm.ledger .id .data.id
ok $? 'receipts and ledger agree'
mock_stop hook
ok $? 'repeated messages kept their ids'
# Refused after an attempt that had no answer: the next run settles it.
jq -r 'select(.status == "unknown" and (.reason | test("earlier attempt"))) | .line' out |
	while read -r n; do sed -n "${n}p" records; done >again
is "$(($(wc -l <again) + $(grep -c '"rejected"' out)))" 8 'all that is bad is refused'
n_again=$(wc -l <again)
mock_start hook mockapi webhook --ledger again.ledger --poison POISON
push "$(mock_url hook)/" again
is "$(grep -c '"rejected"' out)" "$n_again" 'what was in doubt by the next run at the latest'
mock_stop hook

mock_start hook mockapi webhook --ledger bad.ledger --chance 60=reset-after \
	--chance 30=500 --chance 20=429
push "$(mock_url hook)/" in
is $status 75 'a worse storm is not'
settled records out bad.ledger .id .data.id
ok $? 'but receipts claim no more and no less than they know'
mock_stop hook
ok $? 'and ids were kept'
done_testing

#!/bin/sh
# Answers that no client should trust: cut, endless, garbled, lying. Each has
# a documented outcome, and none crashes, hangs or fills the memory.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

head -c 100000000 /dev/zero | gzip -1 >bomb.gz
hostile "$work/bomb.gz"
contract plain '{}'
contract read '{"operations": {"send": {"results": "{status: \"delivered\", x: .a}"}}}'
contract text '{"operations": {"send": {"response": "text", "results":
	"{status: (if test(\"bad\") then \"rejected\" else \"delivered\" end)}"}}}'
contract judge '{"rules": [{"when": ".errors | length > 0", "then": "rejected"}]}'
contract bycode '{"rules": [{"status": 200, "code": ["E1"], "then": "rejected"}]}'
contract never '{"operations": {"send": {"resend": "never"}}}'

# push CONTRACT WORD... : one record a word; outcomes in ./got, status in
# $status. A word that keeps a client waiting is given $patience seconds.
patience=30
push() {
	name=$1
	shift
	n=0
	for word in "$@"; do
		n=$((n + 1))
		echo "{\"id\":$n,\"to\":\"$word\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:$n\"}"
	done >in
	timeout 60 retl-push -c "t/$name" --set "base_url=$hostile" \
		--timeout $patience --rejects rejects <in >out 2>err
	status=$?
	outcomes out >got
}

push plain ok cutjson html deep badutf8 notgzip bomb big
is "$(uniq got)/$status" 'delivered/0' \
	'where the contract does not look, 200 is enough'

push read ok html cutjson deep badutf8 notgzip bomb big
cat >want <<\EOF
delivered
unknown 200 unreadable
unknown 200 unreadable
unknown 200 unreadable
unknown 200 unreadable
unknown 200 unreadable
unknown 200 unreadable
unknown 200 unreadable
EOF
same want got 'where it looks, an answer that cannot be read leaves a doubt'
is $status 75 'and another run can help'
is "$(grep -c 'the answer is too large' out)" 2 'the receipt of an endless one says so'

# What is packed and does not say so is bounded as what says so.
most=900000
[ -z "${RETL_VALGRIND-}" ] && ! grep -q __asan_init "$B/bin/retl-push" ||
	most=unlimited
# shellcheck disable=SC3045 # dash and bash have it
is "$(ulimit -v $most && push read packed && cat got)" 'unknown 200 unreadable' \
	'a hundred megabytes that come as a few are not taken apart'
push text text textopen emptyopen
cat >want <<\EOF
delivered
unknown 200 unreadable
unknown 200 unreadable
EOF
same want got 'a text that ends with the connection may lack the rest'
contains out 'ends with the connection' 'which the receipt says'
push read jsonopen
is "$(uniq got)" delivered 'JSON says itself where it ends'
push plain textopen emptyopen
is "$(uniq got)/$status" 'delivered/0' 'which is nothing to who does not look'
push read bom bombare bomonly blank
cat >want <<\EOF
delivered
delivered
unknown 200 unreadable
unknown 200 unreadable
EOF
same want got 'a mark in front of JSON is no part of it, and white space is none'
push judge ok empty textopen cutjson html
cat >want <<\EOF
delivered
delivered
unknown 200 unreadable
unknown 200 unreadable
delivered
EOF
same want got 'a rule that looks into an answer cannot let pass what it cannot read'
push bycode ok textopen cutjson s400
cat >want <<\EOF
delivered
unknown 200 unreadable
unknown 200 unreadable
rejected 400
EOF
same want got 'nor one that asks for its code, where the status fits'

patience=1
push plain headers header half close garbage lie slow
cat >want <<\EOF
unknown 200 lost
unknown 200 lost
unknown 200 lost
unknown lost
unknown lost
unknown 200 lost
unknown lost
EOF
same want got 'an answer that does not arrive is asked for again, then in doubt'
is "$(jq -s 'map(.attempts) | unique | tojson' -r out)/$status" '[3]/75' \
	'after all attempts'

push never half close slow half500 s500
cat >want <<\EOF
unknown 200 lost
unknown lost
unknown lost
unknown 500
unknown 500
EOF
same want got 'what must not be repeated is in doubt at once'
is "$(jq -r 'select(.status == "unknown") | "\(.attempts) \(.resend)"' out |
	sort -u)/$status" '1 false/1' 'and says that it stays so'
is "$(jq -r 'select(.status == "sending") | .line' out | sort | uniq -c |
	awk '{ print $1 }' | uniq)" 1 'one "sending" stands before'

# Three kept connections, all dead. libcurl tries on a second one by itself, and
# may not; the next attempt has a new one.
contract twice '{"retry": {"attempts": 2}}'
mkfifo feed
rm -f out
timeout 60 retl-push -c t/twice --as added --set "base_url=$hostile" <feed >out 2>err &
exec 3>feed
for i in 1 2 3; do echo "{\"id\":$i,\"to\":\"once\"}"; done >&3
soon has 3 delivered out
echo '{"id":4,"to":"once"}' >&3
exec 3>&-
wait $!
is "$?/$(counts out)" '0/delivered 4' \
	'a request that was lost is not sent again on another dead connection'

patience=30
push plain half500 s500 s503 s429
cat >want <<\EOF
unknown 500
unknown 500
unknown 503
failed 429
EOF
same want got 'a server that breaks down may have done its work; 429 has not'
is $status 75 'both can be tried again'

rm -f rejects
push plain half400 text400 s400 s404 s409 s413 s422 ok
is "$(cut -d ' ' -f 1 got | uniq -c | awk '{ print $1, $2 }' |
	tr '\n' ',')/$status" '7 rejected,1 delivered,/1' \
	'what is the record'\''s fault is rejected, the rest goes on'
is "$(wc -l <rejects)/$(jq -r .code rejects | uniq)" 7/refused \
	'rejected records are listed'

for stop in s401/77 s403/77 s302/69 s418/69 s999/69; do
	push plain "${stop%/*}" ok ok ok ok ok ok ok ok ok
	is "$(cut -d ' ' -f 1 got | sort -u | grep -v delivered)/$status" \
		"failed/${stop#*/}" "HTTP ${stop%/*} ends the push"
done

# ---- outcomes ----
# The server repeats what it is sent: each record brings an outcome along.
stray='unknown 200 stray'
contract says '{"operations": {"send": {"batch": {"records": 4},
	"match": ".k", "results": ".[] | select(. != null)",
	"request": {"url": "/echo", "item": ".o"}}}}'
# says OUTCOME...: one batch of records k1, k2, ... with these outcomes
says() {
	n=0
	for o in "$@"; do
		n=$((n + 1))
		printf '{"id":%d,"k":"k%d","o":%s,"diff_result":"DiffAdded"}\n' \
			$n $n "$o"
	done >in
	timeout 30 retl-push -c t/says --set "base_url=$hostile" \
		<in >out 2>err
	status=$?
	outcomes out | tr '\n' ',' >got
}
# Digits that jq cannot keep, in a record and in the answer, are no doubt.
contract digits '{"operations": {"send": {"batch": {"records": 4},
	"results": ["if ($batch | length) == length then .[] |",
		"{status: \"rejected\", code: .big} else error(\"?\") end"],
	"request": {"url": "/echo", "item": "."}}}}'
echo '{"id":9007199254740993,"big":0.12345678901234567890,"diff_result":"DiffAdded"}' |
	timeout 30 retl-push -c t/digits --set "base_url=$hostile" >out 2>err
is "$?/$(jq -r .status out)/$(jq -r .code out)" \
	1/rejected/0.12345678901234567890 \
	'a verdict on numbers that jq cannot keep'

says '{"status":"delivered","index":2}' '{"status":"rejected","index":0,"code":"c"}' \
	'{"status":"failed","index":1}' null
is "$(cat got)$status" \
	'rejected 200 c,failed 200,delivered,unknown 200 no_outcome,75' \
	'outcomes by position; whom none reaches is in doubt'
says '{"status":"delivered","key":"k4"}' '{"status":"rejected","key":"k1"}' \
	'{"status":"skipped","ref":"2"}' '{"status":"rejected","ref":3}'
is "$(cat got)$status" 'rejected 200,skipped 200,rejected 200,delivered,1' \
	'by key and by reference'
says '{"status":"delivered"}' '{"status":"rejected","key":"k1"}' \
	'{"status":"delivered","key":"k1"}' null
is "$(cat got)$status" 'rejected 200,delivered,delivered,delivered,1' \
	'who is not named shares what names nobody; bad news outweigh good'
says '{"status":"delivered"}' '{"status":"rejected","key":"nobody"}' \
	'{"status":"rejected","index":99}' '{"status":"rejected","index":-1}'
is "$(cat got)$status" "$stray,$stray,$stray,$stray,75" \
	'if a stranger is refused, it may be any of them'
says '{"status":"delivered","index":0}' '{"status":"rejected","index":1.0}' \
	'{"status":"skipped","index":20e-1}' '{"status":"rejected","index":"3"}'
is "$(cat got)$status" 'delivered,rejected 200,skipped 200,rejected 200,1' \
	'a position is a number, however it is written, or its digits'
for odd in 1.5 1e30 9007199254740993e2 -1 '"one"' '""'; do
	says '{"status":"delivered"}' "{\"status\":\"rejected\",\"index\":$odd}" null null
	is "$(cat got)$status" "$stray,$stray,$stray,$stray,75" "$odd is nobody's"
done
says '{"status":"delivered"}' '{"status":"rejected","index":"one"}' \
	'{"status":"rejected","key":"k2"}' '{"status":"delivered","key":"k3"}'
is "$(cat got)$status" "$stray,rejected 200,delivered,$stray,75" \
	'but who is spoken of by name'
says '{"status":"delivered"}' '{"status":"delivered","key":"nobody"}' \
	'{"status":"skipped","index":99}' '{"status":"delivered","index":-1}'
is "$(cat got)$status" 'delivered,delivered,delivered,delivered,0' \
	'that strangers were taken is nobody'\''s business'
says '{"status":"rejected","key":null}' null null null
is "$(cat got)" 'unknown 200 no_outcome,unknown 200 no_outcome,unknown 200 no_outcome,unknown 200 no_outcome,' \
	'one that names null names nobody we know'
printf '%s\n' '{"id":1,"o":{"status":"delivered","key":""}}' '{"id":2,"o":null}' >in
timeout 30 retl-push --quiet -c t/says --as added --set "base_url=$hostile" <in >out
is "$(outcomes out | tr '\n' ,)" 'unknown 200 no_outcome,unknown 200 no_outcome,' \
	'no name calls nobody, also not those that have none'
for odd in 7 '"delivered"' '[]' '{}' '{"status":"great"}' '{"status":1}' \
	'{"status":"ok"}'; do
	says '{"status":"delivered"}' "$odd" null null
	is "$(cat got)$status" \
		'unknown 200 unreadable,unknown 200 unreadable,unknown 200 unreadable,unknown 200 unreadable,75' \
		"$odd is no outcome: nothing is certain"
done
says '{"status":"split"}' null null null
is "$(cut -d , -f 1 got)" 'rejected 200' 'halves, until one stands alone'
contract once '{"operations": {"send": {"batch": {"records": 4}, "resend": "never",
	"results": ".[] | select(. != null)",
	"request": {"url": "/echo", "item": ".o"}}}}'
printf '%s\n' '{"id":1,"o":{"status":"split"}}' '{"id":2,"o":null}' >in
timeout 30 retl-push --quiet -c t/once --as added --set "base_url=$hostile" <in >out
is "$(outcomes out | tr '\n' ,)$(grep -c '"sending"' out)" 'unknown 200 split,unknown 200 split,2' \
	'but not where some may have been taken, and none may be sent twice'
says '{"status":"retry"}' null null null
is "$(cat got)" 'failed 200,failed 200,failed 200,failed 200,' \
	'retry has an end'
is "$(jq -r .attempts out | sort -u)" 3 'after all attempts'
says '{"status":"again"}' null null null
is "$(cat got)" 'failed 200,failed 200,failed 200,failed 200,' \
	'again without a culprit too'
says '{"status":"again"}' '{"status":"rejected","key":"k1"}' null null
is "$(sed 's/ [^,]*//g' got)" 'rejected,unknown,unknown,unknown,' \
	'again beside one is sent once more'
says '{"status":"stop","code":"gone","reason":"no list"}' null null null
is "$(cat got)$status" 'failed 200 gone,failed 200 gone,failed 200 gone,failed 200 gone,69' \
	'stop ends the push'
# The records have the answers in them, and a message shows no record.
contains err 'gone: *******; nothing' 'with the reason'

# ---- secrets that come back ----
contract key '{"settings": {"key": {"env": "T_KEY", "secret": true}},
	"auth": {"type": "header", "name": "X-Key", "value": "{key}"}}'
T_KEY=s3cr3t-k3y
export T_KEY
rm -f rejects
push key secret
is "$(jq -r .reason out)" 'key **********' \
	'a secret that the destination repeats is not shown'
cat out err rejects >all
lacks all "$T_KEY" 'anywhere'
printf '%s\n' '{"id":1,"to":"secret","diff_result":"DiffAdded"}' >in
retl-push -v -c t/key --set "base_url=$hostile" <in >out 2>err
contains err 'HTTP 400' 'with -v the answer is shown'
contains err '> X-Key: ***' 'and what was sent, without the credentials'
cat out err >all
lacks all "$T_KEY" 'the secret is not shown then either'
contract packed '{"operations": {"send": {"request": {"gzip": true}}}}'
echo '{"id":1,"to":"ok","word":"packed"}' >in
retl-push -v -c t/packed --as added --set "base_url=$hostile" <in >out 2>err
contains err '"word":"packed"' 'a body is shown as it was before it was packed'
done_testing

#!/bin/sh
# What a contract can say of an answer: "exists", of what a lost attempt may
# have made; "later", of a quota that opens again another day.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/push.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

rules='"rules": [{"status": 422, "code": "DUP", "then": "exists"}, {"status": 429, "code": "DAY", "then": "later", "reason": "the quota is used up"}]'
contract one '{'"$rules"'}'
contract many '{'"$rules"', "operations": {"send": {"batch": {"records": 9}, "request": {"url": "/b", "item": ".id"},
	"response": "json", "results": ".[]?"}}}'

# plays CONTRACT N EXCHANGE...: N records against it; outcomes and status in $got
plays() {
	name=$1
	seq 1 "$2" | sed 's/.*/{"id":&,"to":"x"}/' >in
	shift 2
	printf '%s\n' "$@" | jq -s '[{name: "x", exchange: .}]' >cases
	mock_start play mockapi play --case 1 cases
	timeout 30 retl-push -c "t/$name" --as added --concurrency 1 \
		--set base_url="$(mock_url play)" <in >out 2>err
	status=$?
	mock_stop play
	ok $? 'what was to be asked was asked'
	got="$(outcomes out | tr '\n' ',')$status"
}
# asks BODY ANSWER
asks() {
	echo '{"request": {"method": "POST", "url": "/'"$path"'", "body": '"$1"'}, "answer": '"$2"'}'
}
dup='{"status": 422, "body": {"code": "DUP"}}'
day='{"status": 429, "body": {"code": "DAY"}}'
lost='{"reset": "after"}'
none='{"status": 503}'
done='{"status": 200, "body": [{"status": "delivered"}]}'

path=x a='{"id":1,"to":"x"}'
plays one 1 "$(asks "$a" "$lost")" "$(asks "$a" "$dup")"
is "$got/$(jq .attempts out)" 'delivered,0/2' 'what a lost attempt has made is delivered'
plays one 1 "$(asks "$a" "$none")" "$(asks "$a" "$dup")"
is "$got" 'delivered,0' 'or one that ended in a 5xx'
plays one 1 "$(asks "$a" "$dup")"
is "$got" 'rejected 422 DUP,1' 'what was there before is not'
plays one 1 "$(asks "$a" '{"status": 429}')" "$(asks "$a" "$dup")"
is "$got" 'rejected 422 DUP,1' 'nor after an attempt that was only put off'

path=b
plays many 2 "$(asks '[1,2]' "$lost")" "$(asks '[1,2]' "$dup")" \
	"$(asks '[1]' "$dup")" "$(asks '[2]' "$done")"
is "$got" 'delivered,delivered,0' 'a batch is halved: one was made, the other is now'
plays many 2 "$(asks '[1,2]' "$dup")" "$(asks '[1]' "$dup")" "$(asks '[2]' "$done")"
is "$got" 'rejected 422 DUP,delivered,1' 'without a lost answer the one is a stranger'\''s'
plays many 3 "$(asks '[1,2,3]' "$lost")" "$(asks '[1,2,3]' \
	'{"status": 200, "body": [{"index": 0, "status": "exists"}, {"index": 2, "status": "exists"}, {"status": "delivered"}]}')"
is "$got" 'delivered,delivered,delivered,0' 'outcomes may say it of each record'
plays many 2 "$(asks '[1,2]' \
	'{"status": 200, "body": [{"index": 0, "status": "exists", "code": "DUP"}, {"status": "delivered"}]}')"
is "$got" 'rejected 200 DUP,delivered,1' 'and then only a lost answer excuses it'

path=x
plays one 3 "$(asks "$a" "$day")"
is "$got" 'failed 429 DAY,failed stopped,failed stopped,75' \
	'a quota that is used up ends the push with 75, and the rest is found again'
contains err 'takes nothing more for now, HTTP 429 DAY: the quota is used up' 'the message says why'
path=b
plays many 2 "$(asks '[1,2]' '{"status": 200, "body": [{"index": 0, "status": "delivered"},
	{"index": 1, "status": "later", "code": "DAY"}]}')"
is "$got" 'delivered,failed 200 DAY,75' 'an outcome can say so too'

# ---- nothing to send ----
contract some '{"operations": {"send": {"batch": {"records": 9},
	"request": {"url": "/b", "item": "if .id == 2 then empty else .id end"}}}}'
plays some 3 "$(asks '[1,3]' '{"status": 200}')"
is "$got" 'delivered,skipped,delivered,0' 'a record that no request carries is skipped'
contract steps '{"operations": {"send": {"request": null, "batch": {"records": 9}, "steps": [
	{"request": {"method": "POST", "url": "/b", "item": "if .id == 2 then empty else .id end"}},
	{"request": {"method": "POST", "url": "/b", "item": "if .id == 3 then empty else .id end"}, "when": "false"}]}}}'
plays steps 3 "$(asks '[1,3]' '{"status": 200}')"
is "$got" 'delivered,skipped,delivered,0' 'by none of its steps'
contract none '{"operations": {"send": {"request": {"url": "/b", "item": "empty"}}}}'
plays none 3
is "$got" 'skipped,skipped,skipped,0' 'nor are all of them delivered where nothing is sent'

# ---- how often it was tried ----
plays many 2 "$(asks '[1,2]' '{"status": 200, "body": [{"index": 0, "status": "rejected"},
	{"index": 1, "status": "again"}]}')" "$(asks '[2]' "$done")"
is "$got/$(jq -s 'sort_by(.line)[1].attempts' out)" 'rejected 200,delivered,1/2' \
	'a record that was sent again for its neighbour was tried twice'


# ---- why, for who does not look into the receipts ----

contract curt '{"retry": {"attempts": 1}, "answers": {"reason": ".message"}}'
echo '{"id":1,"to":"x"}' >in
timeout 30 retl-push -c t/curt --as added --set base_url=http://127.0.0.1:1 \
	<in >out 2>err
is "$?/$(head -n 1 err | cut -d: -f1-5)" \
	'75/retl-push: error: 1 failed, the first of them line 1: unreachable: Failed to connect to 127.0.0.1 port 1 after 0 ms' \
	'where nobody is there, that is said'
plays curt 2 '{"request": {"method": "POST", "url": "/x"},
	"answer": {"status": 500, "body": {"message": "what about a@example.com?"}}}' \
	'{"request": {"method": "POST", "url": "/x"}, "answer": {"status": 500}}'
is "$(head -n 1 err)" 'retl-push: error: 2 unknown, the first of them line 1: HTTP 500' \
	'of an answer the status'
contains out 'a@example.com' 'its words stand in the receipt'
lacks err example.com 'alone, as they may quote a record'

# ---- a message shows no record, even where the destination does ----
contract whole '{"record": {"additionalProperties": {}}, "answers": {"code": ".code", "reason": ".message"}}'
cat >in <<\EOF
{"id":770012345,"to":"x","mail":"a@example.com","tags":["Zoë","Anne"],"n":4.50}
EOF
say='a@example.com (770012345) may not, nor Zoë; not annexes, nor a@example.community'
jq -n --arg say "$say" '[{name: "x", exchange: [{request: {method: "POST", url: "/x"},
	answer: {status: 403, body: {code: "NO", message: $say}}}]}]' >cases
mock_start play mockapi play --case 1 cases
timeout 30 retl-push -c t/whole --as added --set base_url="$(mock_url play)" <in >out 2>err
is "$?/$(jq -r .reason out)" "77/$say" 'the receipt has the words of the destination'
contains err 'HTTP 403 NO: ************* (*********) may not, nor ****; not annexes, nor a@example.community (check' \
	'a message has not those that stand in the record'
mock_stop play
done_testing

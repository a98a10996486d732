#!/bin/sh
# The order in which a destination sees changes, with many of them under way
# and a server that fails and dawdles.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export WEBHOOK_SECRET
mkdir -p contracts/webhook
jq '. * {retry: {attempts: 20, first: 0.01, most: 0.05}}' \
	"$top/contracts/webhook/standard.json" >contracts/webhook/standard.json

# push FILE [OPTION...]
push() {
	in=$1
	shift
	timeout 60 retl-push -c webhook/standard --set url="$(mock_url hook)/" \
		"$@" <"$in" >out 2>err
	status=$?
}
mishaps='--chance 10=429 --chance 10=500 --chance 10=reset-before
	--chance 20=slow30 --chance 10=slow5'

# ---- keys ----
# A third of the changes are of one key; the others of ten.
awk 'BEGIN { for (i = 1; i <= 400; i++)
	printf "{\"id\":%d,\"v\":%d,\"diff_result\":\"DiffUpdated\"}\n",
		i % 3 ? i % 10 : 77, i }' >in
# shellcheck disable=SC2086
mock_start hook mockapi webhook --ledger keys.ledger $mishaps
push in --concurrency 16
is "$status/$(counts out)" '0/delivered 400' 'all changes of few keys arrive'
jq -r '"\(.data.id) \(.data.v)"' keys.ledger | sort -s -n -k 1,1 >got
sort -s -n -k 1,1 -k 2,2n got >want
same want got 'and those of one key in their order'
mock_stop hook

# ---- removals and what stands around them ----
awk 'BEGIN { for (i = 1; i <= 300; i++)
	printf "{\"id\":%d,\"diff_result\":\"Diff%s\",\"diff_id\":\"r:%d\"}\n",
		i, i <= 100 ? "Added" : i <= 200 ? "Removed" : "Updated", i }' >in
# shellcheck disable=SC2086
mock_start hook mockapi webhook --ledger turns.ledger $mishaps
push in --concurrency 16
is "$status/$(counts out)" '0/delivered 300' 'additions, removals and more arrive'
is "$(jq -r .type turns.ledger | uniq -c | awk '{ print $1, $2 }' |
	tr '\n' ',')" \
	'100 record.added,100 record.removed,100 record.updated,' \
	'removals overtake nothing and nothing overtakes them'
mock_stop hook

# ---- any of several keys ----
contract any '{"key": {"any": ["email", "phone"]},
	"operations": {"send": {"batch": {"records": 10},
	"request": {"url": "/x"}}}}'
cat >in <<\EOF
{"email":"a","phone":"1"}
{"email":"b","phone":"2"}
{"email":"c","phone":"1"}
{"email":"b"}
{"phone":"2","email":"d"}
{"email":"e"}
EOF
retl-push -n -c t/any --as added in >out
is "$(jq -c .lines out | tr '\n' ' ')" '[1,2,6] [3,4,5] ' \
	'who shares any value of the key waits'

# Who waits for a flow of its key that ends without an answer, behind a pause,
# goes then: nobody else will come, as the removal behind waits for both.
contract pause '{"operations": {"send": {"request": null, "batch": {"records": 5}, "steps": [
	{"pause": 0.05, "request": {"method": "POST", "url": "/a", "item": "{id}"}},
	{"when": "false", "request": {"method": "POST", "url": "/b", "item": "{id}"}}]}}}'
cat >in <<E
{"id":1,"diff_result":"DiffAdded","diff_id":"r:1"}
{"id":1,"diff_result":"DiffUpdated","diff_id":"r:2"}
{"id":2,"diff_result":"DiffRemoved","diff_id":"r:3"}
E
echo '[{"name": "a", "exchange": [{"request": {"method": "POST", "url": "/a"}, "times": 3}]}]' >cases
mock_start play mockapi play cases
exits 0 'a removal is waited for no longer than what stands before it' \
	timeout 30 retl-push -c t/pause --set base_url="$(mock_url play)" in
mock_stop play

# ---- how much is under way ----
awk 'BEGIN { for (i = 1; i <= 60; i++)
	printf "{\"id\":%d,\"diff_result\":\"DiffAdded\"}\n", i }' >in
mock_start hook mockapi webhook --ledger some.ledger --every 1=slow20
begin=$(date +%s%N)
push in --concurrency 1
one=$(($(date +%s%N) - begin))
begin=$(date +%s%N)
push in --concurrency 12
many=$(($(date +%s%N) - begin))
mock_stop hook
is $((one > 1200000000)) 1 'one at a time takes its time'
is $((many < one / 2)) 1 'several at once take less'
done_testing

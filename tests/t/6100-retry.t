#!/bin/sh
# When it is tried again, and when no more.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v perl >/dev/null || skip_all 'perl is missing'
HUBSPOT_TOKEN=hub
export HUBSPOT_TOKEN

hostile none
mkdir -p contracts/hubspot
jq '. * {retry: {first: 0.01, most: 0.05}}' \
	"$top/contracts/hubspot/contact.json" >contracts/hubspot/contact.json

# people N: so many contacts
people() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"email\":\"p%d@x.de\",\"n\":\"%s\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:%d\"}\n",
			i, i % 50 == 7 ? "BAD" : "good", i }'
}
push() {
	begin=$(date +%s%N)
	timeout 60 retl-push -c hubspot/contact --set base_url="$(mock_url hub)" \
		"$@" <in >out 2>err
	status=$?
	took=$((($(date +%s%N) - begin) / 1000000))
}

people 5 >in
mock_start hub mockapi hubspot --at 1=429+1
push
is "$status/$(counts out)" 0/'delivered 5' 'after a 429 it is tried again'
is $((took >= 1000 && took < 4000)) 1 'not before Retry-After says'
is "$(jq -s -r 'map(.attempts) | unique | tojson' out)" '[2]' \
	'the receipts count the attempts'
mock_stop hub

people 300 >in
mock_start hub mockapi hubspot --at 2=429+1 --log hub.log
push --concurrency 3
is "$status/$(counts out)" '0/delivered 300' 'three batches under way, one throttled'
is $((took >= 1000)) 1 'all wait for what one was told'
mock_stop hub

# ---- halving ----
people 200 >in
mock_start hub mockapi hubspot --poison BAD --whole --log halves.log \
	--ledger halves.ledger
push --rejects rejects
is "$status/$(counts out)" '1/delivered 196, rejected 4' \
	'of a batch that is refused the culprits are found'
is "$(jq -r '.record.n' rejects | uniq -c | awk '{ print $1, $2 }')" '4 BAD' \
	'and listed, whole'
is "$(wc -l <halves.log | awk '{ print ($1 <= 60) }')" 1 \
	'in few requests'
is "$(jq -r .email halves.ledger | sort | uniq -d)" '' \
	'nobody else is sent twice'
mock_stop hub

# ---- no end of it ----
contract plain '{}'
echo '{"id":1,"to":"day","diff_result":"DiffAdded","diff_id":"r:1"}' >in
for i in 2 3 4 5 6 7 8 9; do
	echo "{\"id\":$i,\"to\":\"ok\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:$i\"}"
done >>in
timeout 20 retl-push -c t/plain --concurrency 1 --set "base_url=$hostile" \
	<in >out 2>err
is "$?/$(counts out)" '75/failed 9' 'a wait of a day ends the push with 75'
contains err 'asks to wait 86400 s' 'and says so'

# ---- rates ----
contract slow '{"limits": [{"requests": 5, "seconds": 1}]}'
for i in 1 2 3 4 5 6 7 8 9 10 11; do
	echo "{\"id\":$i,\"to\":\"ok\",\"diff_result\":\"DiffAdded\"}"
done >in
begin=$(date +%s%N)
timeout 20 retl-push -c t/slow --set "base_url=$hostile" <in >out 2>err
took=$((($(date +%s%N) - begin) / 1000000))
is "$(counts out)" 'delivered 11' 'within a rate all arrive'
is $((took >= 2000 && took < 4000)) 1 'eleven at five a second take two seconds'

# ---- from the first step ----
contract again '{"operations": {"send": {"request": null, "steps": [
	{"name": "find", "request": {"method": "GET", "url": "/ok"},
		"save": {"a": ".a"}},
	{"name": "make", "resend": "restart", "request": {"method": "POST",
		"url": "/{record.to}", "item": "{id, a: $saved.a}"}}]}}}'
echo '{"id":1,"to":"close","diff_result":"DiffAdded"}' >in
timeout 20 retl-push -v -c t/again --set "base_url=$hostile" <in >out 2>err
is "$?/$(outcomes out)" '75/unknown lost' 'a flow that starts over has its end'
is "$(grep -c '> GET ' err)/$(grep -c '> POST ' err)" 3/3 \
	'and looks up again before it creates again'
contains err '{"id":1,"a":1}' 'with what was found'

# ---- what is left to clean up ----
contract tidy '{"operations": {"send": {"request": null,
	"batch": {"records": 4}, "steps": [
	{"request": {"method": "POST", "url": "/ok"}, "save": {"a": ".a"}},
	{"commits": true, "request": {"method": "POST", "url": "/s400",
		"item": "."}}],
	"cleanup": [{"request": {"method": "DELETE", "url": "/s503?{saved.a}"}}]}}}'
for i in 1 2 3; do
	echo "{\"id\":$i,\"diff_result\":\"DiffAdded\"}"
done >in
timeout 20 retl-push -v -c t/tidy --set "base_url=$hostile" <in >out 2>err
is "$?/$(counts out)" '1/rejected 3' \
	'halves of a batch go on where cleaning up fails'
is "$(grep -c '> DELETE ' err)" 15 'each was tried three times'
done_testing

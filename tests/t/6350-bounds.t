#!/bin/sh
# Programs of a contract are bounded: one that does not end, or makes too much,
# costs the record that it was about, and never the run.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

hostile none
endless='def f: if . < 0 then . else (. + 1 | f) end; f'
# push CONTRACT RECORD...: outcomes and status in $got
push() {
	name=$1
	shift
	printf '%s\n' "$@" >in
	timeout 60 retl-push -c "t/$name" --as added --set base_url="$hostile" \
		--limit-ms 25 --rejects rejects <in >out 2>err
	status=$?
	got="$(outcomes out | tr '\n' ',')$status"
}

contract item '{"operations": {"send": {"request": {"url": "/ok",
	"item": "if .x then .x | '"$endless"' else . end"}}}}'
push item '{"id":1}' '{"id":2,"x":1}' '{"id":3}'
is "$got" 'delivered,rejected limit,delivered,1' 'a record for which a program does not end is refused alone'
is "$(jq -r .reason out | grep -v null)" \
	'operations.send.item:1: takes longer than --limit-ms allows' 'the receipt says why'
is "$(jq -r .code rejects)" limit 'so does the list of what was refused'
# shellcheck disable=SC2046
push item $(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo "{\"id\":$i,\"x\":1}"; done)
is "$(counts out)/$status" 'failed 4, rejected 9/78' 'after ten of them it is the contract'

contract large '{"operations": {"send": {"request": {"url": "/ok",
	"item": "if .x then [range(100000000)] else . end"}}}}'
push large '{"id":1}' '{"id":2,"x":1}' '{"id":3}'
is "$got" 'delivered,rejected limit,delivered,1' 'the same where it takes more and more memory'

contract body '{"operations": {"send": {"batch": {"records": 8}, "request": {"url": "/ok", "item": ".",
	"body": "{n: (map(.n // 0 | @base64 | length) | add), rows: .}"}}}}'
push body '{"id":1}' '{"id":2,"n":12345678901234567890}' '{"id":3}' '{"id":4}'
is "$got" 'delivered,rejected precision,delivered,delivered,1' \
	'a number that a body cannot hold refuses its record, and not the batch'
contract vars '{"operations": {"send": {"batch": {"records": 8}, "vars": {"n": "map(.n // 0 | @base64 | length) | add"},
	"request": {"url": "/ok?n={vars.n}", "item": "{id}"}}}}'
push vars '{"id":1}' '{"id":2}' '{"id":3,"n":12345678901234567890}' '{"id":4}'
is "$got" 'delivered,delivered,rejected precision,delivered,1' 'the same for what stands before'
contract by '{"operations": {"send": {"batch": {"records": 8, "by": ".n | @base64"},
	"request": {"url": "/ok", "item": "{id}"}}}}'
push by '{"id":1}' '{"id":1,"n":12345678901234567890}' '{"id":1}' '{"id":4}'
is "$got" 'delivered,rejected precision,delivered,delivered,1' 'and for what makes groups'

# ---- on answers ----
contract results '{"operations": {"send": {"request": {"url": "/ok"}, "results": ".a | '"$endless"'"}}}'
push results '{"id":1}'
is "$got" 'unknown 200 unreadable,75' 'an answer on which it does not end is none'
contract when '{"rules": [{"when": ".a | '"$endless"'", "then": "rejected"}]}'
push when '{"id":1,"to":"ok"}' '{"id":2,"to":"s400"}'
is "$got" 'unknown 200 unreadable,rejected 400,75' \
	'a rule that does not end is no "no": a success is in doubt, a refusal is one'

# ---- together ----
case $B in
*address*) ;;
*)
	contract held '{"operations": {"send": {"results": "{status: .a}"}}}'
	i=0
	while [ $i -lt 12 ]; do
		i=$((i + 1))
		echo "{\"id\":$i,\"to\":\"big\"}"
	done >in
	# libcurl and the rest take 20 MiB.
	peak peak.kib timeout 60 retl-push -c t/held --as added --concurrency 4 \
		--set base_url="$hostile" <in >out 2>err
	is "$(counts out)/$(($(cat peak.kib) < (4 * 16 + 2 * 16 + 20) * 1024))" \
		'unknown 12/1' 'answers without an end are held up to the bound of each' ;;
esac

done_testing

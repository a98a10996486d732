#!/bin/sh
# A single step of libjq that does not end cannot be bounded: it ends the push,
# after ten seconds of processor time, and what was known by then has its
# receipt.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"

contract stuck '{"operations": {"send": {"request": {"item": ["{id, x:",
	"(if .n then [range(.n)] | contains([range(length)]) else null end)}"]}}}}'
printf '%s\n' '{"n":1}' '{"id":2,"to":"a","n":100000}' '{"id":3}' >in
timeout 900 retl-push -c t/stuck --as added --limit-ms 25 --threads 1 \
	<in >out 2>err
is "$?/$(outcomes out)" '78/rejected required' \
	'a step that does not end, ends the push; the receipts before it are there'
contains err 'a step of a jq program does not end' 'and it says why'
done_testing

#!/bin/sh
# A destination that asks for quiet has it, whatever becomes of the record that
# was told so.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"

# ---- whatever becomes of the record that was told so ----
# waits CLAIM MEMBERS: three records; the first is told to wait a second
seq 3 | sed 's/.*/{"id":&}/' >three
waits() {
	contract told "{\"concurrency\": 1, \"operations\": {\"send\": {\"request\": {\"url\": \"/x\"}}}}"
	jq -c --argjson m "$2" '. * $m' contracts/t/told.json >told
	mv told contracts/t/told.json
	rm -f log
	mock_start sink sink --log log --first 503 --first-header 'Retry-After: 1'
	timeout 30 retl-push -c t/told --as added --set base_url="$(mock_url sink)" <three >out 2>err
	mock_stop sink
	is "$(awk 'NR == 1 { t = $1 } NR == 2 { print ($1 - t >= 950) }' log)" 1 "$1"
}
waits 'which may not be sent again: the next one waits' '{"operations": {"send": {"resend": "never"}}}'
waits 'which is failed by a rule' '{"rules": [{"status": 503, "then": "failed"}]}'
waits 'or rejected' '{"rules": [{"status": 503, "then": "rejected"}]}'
mock_start sink sink --first 503 --first-header 'Retry-After: 86400'
timeout 20 retl-push -c t/told --as added --set base_url="$(mock_url sink)" <three >out 2>err
is "$?/$(counts out)" '75/failed 2, rejected 1' 'too long is too long for all'
mock_stop sink

# ---- a destination that is down ----
contract once '{"concurrency": 1, "retry": {"first": 0.1, "most": 0.4},
	"operations": {"send": {"resend": "never", "request": {"url": "/x"}}}}'
seq 12 | sed 's/.*/{"id":&}/' >in
rm -f log
mock_start sink sink --log log --first 500 --first-n 12
timeout 60 retl-push -c t/once --as added --set base_url="$(mock_url sink)" <in >out 2>err
mock_stop sink
is "$(awk '{ t[NR] = $1 } END { print (t[12] - t[1] > 400) }' log)" 1 \
	'costs those that may not be sent twice slower and slower'
done_testing

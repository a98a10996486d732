#!/bin/sh
# A destination that refuses everything in the same words says no to the
# settings, not to each record: no million of rejected records comes of that.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

hostile none
contract plain '{}'
# records WORD N ...: N records that go to that path, and so on
records() {
	while [ $# -gt 0 ]; do
		yes "$1" | head -n "$2"
		shift 2
	done | awk '{ printf "{\"id\":%d,\"to\":\"%s\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:%d\"}\n",
		NR, $1, NR }'
}
push() {
	rm -f rejects
	timeout 30 retl-push -c t/plain --set base_url="$hostile" \
		--concurrency 1 --rejects rejects "$@" <in >out 2>err
	status=$?
}

records s400 60 >in
push --max-alike 20
is "$(counts out)/$status" 'failed 60/78' 'the push ends, and nothing is held against the records'
is "$(outcomes out | sed -n '1p;20p;$p' | tr '\n' ',')" \
	'failed 400,failed 400,failed stopped,' 'receipts say what the destination said'
is "$(jq -r '.diff_id + " " + (.line | tostring)' out | sort -u | wc -l)" 60 'each has one'
is "$(wc -l <rejects)/$(jq -r .line rejects | tail -n 1)" 20/20 'those that were refused are listed'
contains err 'the first 20 records were all refused alike (HTTP 400) and none was taken: check the settings' \
	'the message says where to look'

push
is "$(counts out)/$status" 'rejected 60/1' 'as long as it may be the records, it is'
push --max-alike 0
is "$(counts out)/$status" 'rejected 60/1' 'the guard can be taken away'
is "$(wc -l <rejects)" 60 'and all are listed'

records s400 19 ok 1 s400 40 >in
push --max-alike 20
is "$(counts out)/$status" 'delivered 1, rejected 59/1' 'one that was taken tells it from the others'
records s400 19 s422 1 s400 40 >in
push --max-alike 20
is "$(counts out)/$status" 'rejected 60/1' 'so does another refusal'
records s400 19 s503 1 s400 40 >in
push --max-alike 20
is "$(counts out)/$status" 'failed 59, unknown 1/78' 'but no failure that passes'

# ---- in the words of results, a batch at a time ----
contract says '{"operations": {"send": {"batch": {"records": 30}, "results": ".[] | select(. != null)",
	"request": {"url": "/echo", "item": ".o"}}}}'
# says REASON: 60 records, refused with it; N is the number of the record
says() {
	awk -v why="$1" 'BEGIN { for (i = 0; i < 60; i++) { w = why; gsub(/N/, i, w)
		gsub(/L/, sprintf("%c", 97 + i % 26), w)
		printf "{\"id\":%d,\"o\":{\"status\":\"rejected\",\"index\":%d,\"code\":\"c\",\"reason\":\"%s\"}}\n",
			i, i % 30, w } }' >in
	timeout 30 retl-push -c t/says --as added --set base_url="$hostile" \
		--concurrency 1 --max-alike 20 <in >out 2>err
	status=$?
}
says 'row N: no field of this name'
is "$(counts out)/$status" 'failed 60/78' 'a number in the words does not make them others'
is "$(grep -c 'no field of this name' out)" 30 'what was said of the whole batch counts'
says 'L: not valid'
is "$(counts out)/$status" 'rejected 60/1' 'other words do'

# ---- ends ----
records s400 5 >in
push --max-alike 5
is "$(counts out)/$status" 'failed 5/78' 'exactly so many are enough'
push --max-alike 6
is "$(counts out)/$status" 'rejected 5/1' 'at the end of the input nobody waits any more'

done_testing

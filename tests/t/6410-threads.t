#!/bin/sh
# Reading and checking may have a thread of their own: with and without, each
# record comes to the same, and a push ends when it should.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

hostile none
contract many '{"key": ["id"],
	"record": {"properties": {"to": {"maxLength": 5}},
		"additionalProperties": {}},
	"operations": {"send": {"batch": {"records": 10},
		"request": {"url": "/ok"}}}}'

# records N: of every hundred one is too long, the key of ten comes again
records() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"id\":%d,\"to\":\"%s\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:%d\"}\n",
			i % 100 < 10 ? i % 100 : i, i % 100 ? "ok" : "too long", i }'
}
by_line() {
	jq -c '[.line, .diff_id, .status, .code]' "$@" | sort -t '[' -k 2n
}
mkfifo pipe

for threads in 1 2 5; do
	push() {
		timeout 60 retl-push --set "base_url=$hostile" \
			--threads $threads -c t/many "$@"
	}
	as="with --threads $threads"

	records 3000 >in
	push --rejects bad.$threads <in >out 2>err
	is $? 1 "$as: refused records are told by the status"
	by_line out >receipts.$threads
	same receipts.1 receipts.$threads "$as: each record has the same receipt"
	is "$(wc -l <out)" 3000 "$as: and one"
	sort bad.$threads >rejects.$threads
	same rejects.1 rejects.$threads "$as: the same records are listed"

	{ records 1234; echo '{"id":'; } >broken
	push --quiet <broken >out 2>err
	is "$?/$(wc -l <out)" 65/1234 \
		"$as: what stands before a broken line is answered"

	# The writer stays, and has nothing more to say.
	rm -f out
	timeout 60 retl-push --set "base_url=$hostile" --threads $threads \
		-c t/many <pipe >out 2>err &
	pid=$!
	exec 9>pipe
	records 13 >&9
	soon has 13 delivered out
	ok $? "$as: a batch does not wait for a silent writer"
	kill -TERM $pid
	wait $pid
	is $? 75 "$as: SIGTERM ends a push that has nothing to read"
	exec 9>&-

	push --limit 500 <pipe >out 2>err &
	pid=$!
	exec 9>pipe
	records 700 >&9
	wait $pid
	is "$?/$(wc -l <out)" 1/500 "$as: --limit ends it, whoever is still writing"
	exec 9>&-
done
done_testing

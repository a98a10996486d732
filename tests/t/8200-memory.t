#!/bin/sh
# Every filter but sort runs in constant memory: what it needs for many records
# is what it needs for few. ROWS=1000000 plays the large version.
. "$(dirname "$0")/../lib.sh"
every_tool_or_skip
case $B in
*address*) skip_all 'a sanitizer needs memory of its own' ;;
esac
rows=${ROWS:-100000}

# make_records N OFFSET: about 250 bytes each, ids beyond 2^53.
make_records() {
	awk -v n="$1" -v offset="$2" 'BEGIN {
		pad = sprintf("%150s", ""); gsub(/ /, "x", pad)
		for (i = 1; i <= n; i++)
			printf "{\"id\":90071992%010d,\"email\":\"user%d@example.com\"," \
				"\"score\":%d.10,\"about\":\"%s\"}\n",
				i, i, (i % 100 < 3) ? offset : 0, pad }'
}
make_records "$rows" 1 >records
sealed records >first
{ make_records "$rows" 2 | sed '1~200d' >records; sealed records; } >second
rm records

# within KIB NAME COMMAND...: what it needs at most; its output in ./out.
within() {
	limit=$1 name=$2
	shift 2
	rm -f peak.kib
	timeout 300 peak peak.kib "$@" >out 2>err
	status=$?
	used=$(cat peak.kib)
	[ $status = 0 ] && [ "$used" -le "$limit" ]
	ok $? "$name within $((limit / 1024)) MiB" \
		"status $status, $used KiB: $(head -n 1 err)"
}

within 16384 'retl-extract from a file' retl-extract first
within 16384 'retl-extract from a command' retl-extract -- cat first
within 24576 'retl-map' retl-map -e '{id, email: .email, n: "\(.id)"}' <first
cp first in
within 24576 'retl-map with libjq' retl-map -e '{id, n: (.email | length)}' <in
within 16384 'retl-hash' retl-hash -f email=trim,lower,sha256 <first
within 65536 'retl-sort in its bound' retl-sort -k id -S 32M <first

retl-diff --init -s state -k id 2>err
within 32768 'retl-diff, the first run' retl-diff -s state <first
receipts() {
	sed -n 's/.*"diff_id":\("[^"]*"\).*/{"diff_id":\1,"to":"x#00000000","status":"delivered"}/p'
}
receipts <out >in
within 32768 'retl-diff --commit, everything' retl-diff --commit -s state <in
within 32768 'retl-diff, a second run' retl-diff -s state <second
is "$(grep -c Removed out)" $((rows / 200)) 'with its removals'
receipts <out >in
within 32768 'retl-diff --commit, what changed' retl-diff --commit -s state <in
within 32768 'retl-diff, nothing changed' retl-diff -s state <second
is "$(grep -c diff_id out)" 0 'and says so'
within 32768 'retl-diff --dump' retl-diff --dump -s state

done_testing

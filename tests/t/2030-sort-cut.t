#!/bin/sh
# retl-sort and streams that are cut, thinned or fed in pieces: what is not
# complete never leaves sealed, and what is does not depend on how it came.
. "$(dirname "$0")/../lib.sh"

tab=$(printf '\t')
sortgen 3 400 n | cut -f2- >records
(head -n 100 records; seal 100; tail -n +101 records; seal 300) >in
size=$(wc -c <in)
retl-sort -k a in >want
contains want "$tab" 'the whole stream leaves sealed'

# ---- cuts ----
sealed_cuts=0
other_status=0
cut=1
while [ "$cut" -lt "$((size - 1))" ]; do
	head -c "$cut" in >part
	retl-sort -k a part >out 2>err
	status=$?
	! grep -q "$tab" out || {
		# A cut just behind the first seal leaves a whole stream.
		[ "$(tail -n 1 part)" = "$(seal 100)" ] ||
			sealed_cuts=$((sealed_cuts + 1))
	}
	case $status in
	0 | 65) ;;
	*) other_status=$((other_status + 1)) ;;
	esac
	cut=$((cut + 97))
done
is "$sealed_cuts" 0 'no cut leaves sealed'
is "$other_status" 0 'a cut is 0 between lines, 65 within'

# ---- thinning ----
thinned=0
for line in 1 2 50 100 101 102 250 401 402; do
	sed "${line}d" in >part
	retl-sort -k a part >out 2>err || :
	! grep -q "$tab" out || thinned=$((thinned + 1))
done
# Without the seal in the middle the last one counts too few.
is "$thinned" 0 'no missing line passes for complete'
grep -v '"n":7[0-9]' in | retl-sort -k a >out
lacks out "$tab" 'nor does what grep leaves'
tail -n +2 in | retl-sort -k a >out
lacks out "$tab" 'nor what tail leaves'
(cat in; cat records) | retl-sort -k a >out
lacks out "$tab" 'nor more records behind the last seal'

# ---- pieces ----
# One byte at a time in the end, so that every state of the reader is met.
(
	head -c 5000 in
	sleep 0.1
	dd if=in bs=997 skip=5000 iflag=skip_bytes count=20 2>/dev/null
	sleep 0.1
	dd if=in bs=1 skip=24940 2>/dev/null
) | retl-sort -k a -S 64k >out
same want out 'pieces of a stream are the stream'
sed 's/$/\r/' in | retl-sort -k a >out
same want out 'so are lines that end with CR LF'

# ---- a terminal is told ----
if command -v script >/dev/null; then
	script -qec 'retl-sort -k a records records | tail -n 1 >out' \
		/dev/null >screen </dev/null
	is "$(grep -c 'the stream has no seal' screen)" 1 \
		'a terminal is told once that a seal is missing'
	script -qec 'retl-sort -k a in >out' /dev/null >screen </dev/null
	[ ! -s screen ]
	ok $? 'and nothing else'
fi

# ---- whatever the memory and the threads, the same bytes ----
same_bytes=0
for bound in 64k 65537 100k 128k 1M 16M 1G; do
	for threads in 1 2 5; do
		retl-sort -k a -S "$bound" --threads=$threads in |
			cmp -s - want || same_bytes=1
	done
done
ok $same_bytes 'every --memory and --threads gives the same bytes'

# ---- in order already: pages are lent to the pipe ----
awk 'BEGIN { for (i = 0; i < 200000; i++)
	print "{\"a\":" i ",\"b\":\"" i * 7919 % 1000003 "\"}" }' >ordered
sealed ordered >want
for bound in 4M 12M 1G; do
	for threads in 1 2; do
		# Slow at first, so that the pipe is full for a while.
		retl-sort -k a -S $bound --threads=$threads want |
			{ sleep 0.1; cat; } >out
		same want out "in order, $bound, $threads threads"
	done
done
retl-sort -k a want | dd bs=100 count=1 2>/dev/null >first
is "$(wc -c <first)" 100 'a reader that goes early is no harm'
(
	retl-sort -k a want 2>err
	echo $? >status
) | head -n 1 >first
is "$(cat status)" 141 'it ends by SIGPIPE'
retl-sort -k a <want >out
same want out 'in order, to a file'

done_testing

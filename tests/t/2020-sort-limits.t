#!/bin/sh
# retl-sort where memory, disks, descriptors and readers run out.
. "$(dirname "$0")/../lib.sh"

tab=$(printf '\t')
sortgen 7 40000 i | cut -f2- >records
sealed records >in
retl-sort -k a records >sorted
sealed sorted >want

# ---- a reader that has had enough ----
# `sh -c` so that the pipe's writer is seen: 141 is SIGPIPE's status.
(
	retl-sort -k a in 2>err
	echo $? >status
) | head -n 1 >first
is "$(cat status)" 141 'a closed downstream ends it by SIGPIPE'
[ ! -s err ]
ok $? 'quietly'
is "$(cat first)" "$(head -n 1 sorted)" 'what had gone out was right'

# ---- full disks ----
exits 74 'a full disk under standard output' sh -c 'retl-sort -k a in >/dev/full'
contains err 'standard output: No space left' 'it is said'
exits 74 'the same with runs' sh -c 'retl-sort -k a -S 64k in >/dev/full'
exits 74 'the same for one record' sh -c \
	'echo "{\"id\":1}" | retl-sort -k id >/dev/full'

exits 66 'a --tmpdir that is not there' retl-sort -k a -T nowhere in
contains err 'nowhere' 'it is named'
exits 66 'a --tmpdir that is a file' retl-sort -k a -T records in
mkdir locked
chmod 500 locked
# shellcheck disable=SC2086
exits 66 'a --tmpdir that may not be written' $unprivileged retl-sort -k a -T locked in
is "$(cat err)" 'retl-sort: error: --tmpdir locked: Permission denied' 'and why'
exits 74 'TMPDIR is used' env TMPDIR=/nowhere retl-sort -k a -S 64k in
contains err '/nowhere: cannot make a run file: No such file' 'and named'
contains err '-T names another folder' 'with what to do'
[ ! -s out ]
ok $? 'nothing was written by then'
env TMPDIR=/nowhere retl-sort -k a in >out
same want out 'a folder that is not needed is not looked for'

# ---- nothing is left behind ----
mkdir runs
mkfifo pipe
retl-sort -k a -S 64k -T runs pipe >out 2>err &
pid=$!
exec 9>pipe
cat records >&9
is "$(ls -A runs)" '' 'run files have no name'
kill -9 $pid
exec 9>&-
wait $pid 2>/dev/null
is "$(ls -A runs)" '' 'a kill leaves nothing'
lacks out "$tab" 'and seals nothing'

# ---- memory ----
if [ -z "${RETL_VALGRIND-}" ] && ! grep -q __asan_init "$B/bin/retl-sort"; then
	# Records of three shapes: what one needs for text another needs for
	# what stands beside it.
	for shape in short long mixed; do
		awk -v shape=$shape 'BEGIN { srand(1)
			for (i = 0; i < 1000; i++) pad = pad "0123456789"
			n = shape == "short" ? 1000000 : shape == "long" ? 6000 \
				: 1000000
			for (i = 0; i < n; i++) {
				id = int(rand() * 1000000)
				long = shape == "long" || \
					shape == "mixed" && i % 200000 < 1500
				print "{\"id\":" id ",\"i\":" i \
					(long ? ",\"p\":\"" pad "\"" : "") "}"
			} }' >big
		sort -s -t: -k2,2n big >want.big
		(
			retl-sort -k id -S 8M big >out.big &
			pid=$!
			most=0
			while kill -0 $pid 2>/dev/null; do
				now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' \
					/proc/$pid/status 2>/dev/null)
				[ "${now:-0}" -le "$most" ] || most=$now
			done
			echo "$most" >most
		)
		cmp -s want.big out.big
		ok $? "$(wc -c <big) bytes of $shape records are sorted in 8M"
		[ "$(cat most)" -gt 4000 ] && [ "$(cat most)" -lt $((12 * 1024)) ]
		ok $? "and the peak is near: $(cat most) KiB"
		rm -f big want.big out.big
	done
fi

# ---- records larger than the bound ----
awk 'BEGIN { for (i = 0; i < 100000; i++) pad = pad "x"
	for (i = 5; i > 0; i--) print "{\"id\":" i ",\"p\":\"" pad "\"}"
	for (i = 9; i > 5; i--) print "{\"id\":" i "}" }' >large
sort -s -t: -k2,2n large >want
retl-sort -k id -S 64k large >out 2>err
ok $? 'records larger than --memory'
same want out 'are sorted all the same'
retl-sort -k p -S 64k -ulast large 2>/dev/null >/dev/null
is $? 65 'a key that some lack is refused there too'
head -n 5 large | retl-sort -k p,id -S 64k >out 2>err
head -n 5 want >want5
same want5 out 'keys larger than --memory too'

# Sizes from a few bytes to a megabyte, in any order.
awk 'BEGIN { srand(4)
	for (i = 0; i < 1000000; i++) pad = pad "y"
	for (i = 0; i < 60; i++)
		print "{\"id\":" int(rand() * 30) ",\"n\":" i ",\"p\":\"" \
			substr(pad, 1, int(exp(rand() * 13.8))) "\"}" }' >sizes
sort -s -t: -k2,2n sizes >want
split -n l/5 sizes part.
for part in part.a?; do
	retl-sort -k id -S 64k "$part" >"s$part"
done
for bound in 64k 1M; do
	retl-sort -k id -S $bound sizes >out
	same want out "records of all sizes in $bound"
	retl-sort -m -k id -S $bound spart.a? >out
	same want out "and merged in $bound"
done

# ---- duplicates that are far apart ----
awk 'BEGIN { for (i = 0; i < 20000; i++) print "{\"id\":" i * 7 % 20000 "}"
	print "{\"id\":14.0}" }' >twice
exits 65 '-uerror over many runs' retl-sort -k id -uerror -S 64k twice
contains err 'twice:20001: has the same key (id) as twice:3' 'names both lines'
head -n 20000 twice >once
retl-sort -k id -uerror -S 64k once >out
is $? 0 '-uerror with nothing to refuse, over many runs'
retl-sort -k id once >want
same want out 'sorts as ever'
exits 65 '-uerror over files' retl-sort -k id -uerror -S 64k once - <<\EOF
{"id":77}
EOF
contains err 'line 1: has the same key (id) as once:12' 'names both places'

# ---- many files ----
i=0
while [ $i -lt 40 ]; do
	awk -v i=$i 'NR % 40 == i' sorted >shard.$i
	sealed shard.$i >sealed.$i
	i=$((i + 1))
done
sealed sorted >want
retl-sort -m -k a -S 64k sealed.* >merged
retl-sort -k a,n merged >by-both
retl-sort -k a,n in >out
same out by-both 'more files than --memory can merge at once: nothing is lost'
retl-sort -c -k a merged
ok $? 'it is sorted and sealed'
# shellcheck disable=SC3045
(ulimit -n 24 && retl-sort -m -k a sealed.* >merged2)
same merged merged2 'more files than descriptors: the same'
rm -f shard.7 && printf '{"n":1,"a":5}\n{"n":1,"a":4}\n' >sealed.7
exits 65 'one of them that is not sorted' retl-sort -m -k a -S 64k sealed.*
contains err 'sealed.7:2: not sorted by a: belongs before sealed.7:1' 'is named'

# Lines that do not fit the small blocks of a merge.
awk 'BEGIN { for (i = 0; i < 30000; i++) pad = pad "x"
	for (i = 0; i < 9; i++) print "{\"id\":" i ",\"p\":\"" pad "\"}" }' >wide
sealed wide >wide.sealed
retl-sort -m -k id -S 64k wide.sealed >out
same wide.sealed out 'long lines are merged in little memory'


# ---- much of it in memory, where pages may be asked for in larger pieces ----

awk 'BEGIN { for (i = 0; i < 200; i++) pad = pad "x"
	for (i = 0; i < 200000; i++)
		printf "{\"id\":%d,\"pad\":\"%s\"}\n", i * 7919 % 200000, pad }' >in
sort -t: -k2,2n in >want
for threads in 1 2; do
	rm -f most
	peak most retl-sort -k id --threads $threads -S 512M <in >out
	same want out "46 MB in memory, $threads threads"
	# Text, two entries of 24 bytes a record at most, a few megabytes.
	[ "$(cat most)" -lt $(((46 + 10 + 12) * 1024)) ] ||
		case $B in *address* | *thread*) ;; *) false ;; esac
	ok $? "which take no more than they must: $(cat most) KiB"
done
done_testing

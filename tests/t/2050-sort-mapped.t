#!/bin/sh
# A regular file is sorted where it lies in the system's cache: the same records
# in the same order as through a pipe, and not one that was changed meanwhile.
# shellcheck disable=SC2002 # a pipe is wanted
. "$(dirname "$0")/../lib.sh"

# ids N [SEED]: that many short records in no order.
ids() {
	awk -v n="$1" -v s="${2:-7}" 'BEGIN { for (i = 0; i < n; i++)
		print "{\"id\":" (i * 7919 + s) % n "}" }'
}

# same_as_piped CLAIM OPTION...: ./in as a file, as standard input, in a pipe.
same_as_piped() {
	claim=$1
	shift
	cat in | retl-sort --quiet "$@" >want 2>err
	retl-sort --quiet "$@" in >got 2>err
	same want got "$claim: a file"
	retl-sort --quiet "$@" <in >got 2>err
	same want got "$claim: standard input"
}

ids 20000 >plain
sealed plain >in
same_as_piped 'all in memory' -k id
same_as_piped 'by one thread' -k id --threads=1
# The text fits into half of it, the entries do not: the rest is read then.
same_as_piped 'that does not fit beside what is known of it' -k id -S 1M
same_as_piped 'the same by one thread' -k id -S 1M --threads=1
same_as_piped 'that does not fit' -k id -S 64k
(cat plain plain) >in
same_as_piped 'with duplicates' -k id -ulast
ids 20000 | sort -t: -k2n >sorted
sealed sorted >in
same_as_piped 'in order' -k id
printf '{"id":2}\r\n\n{"id":1}' >in
same_as_piped 'without an end of line' -k id
awk 'BEGIN { printf "{\"id\":2,\"t\":\""; for (i = 0; i < 40000; i++) printf "x"
	print "\"}"; print "{\"id\":1}" }' >in
same_as_piped 'a record longer than the memory' -k id -S 64k
sealed plain >in
retl-sort -k id plain in sorted >got
cat plain in sorted >all
retl-sort -k id <all >want
same want got 'several files are as one'

# The whole of a page, and one byte more and less.
for n in 4095 4096 4097; do
	ids 300 | head -c 3000 | sed '$d' >in
	printf '{"id":999,"t":"%0*d"}' $((n - $(wc -c <in) - 17)) 0 >>in
	[ "$(wc -c <in)" = $n ]
	ok $? "a file of $n bytes"
	echo '{"id":7.5}' | retl-sort -k id in - >got
	(cat in; echo; echo '{"id":7.5}') | retl-sort -k id >want
	same want got 'and behind it a pipe'
done

sealed plain >in
{ retl-sort -k id >got; cat >rest; } <in
is "$(cat rest)" '' 'what has the same descriptor finds all of it read'
printf '{"id":%d}\n' 4 3 2 1 >in
{ dd bs=9 count=1 of=first status=none; retl-sort -k id >got; } <in
is "$(tr -d '\n' <got)" '{"id":1}{"id":2}{"id":3}' \
	'and who comes to it in its middle begins there'

# ---- it is changed meanwhile ----

# meanwhile COMMAND: ./in is sorted, and COMMAND is done when it has been looked
# at: then the sort waits for what a pipe brings.
meanwhile() {
	rm -f fifo
	mkfifo fifo
	timeout 20 retl-sort -k id in fifo >got 2>err &
	sorting=$!
	exec 3>fifo
	echo '{"id":5}' >&3
	eval "$1"
	exec 3>&-
	wait $sorting
}

ids 200000 >plain
sealed plain >in
meanwhile :
is $? 0 'a file that stays as it is'
sealed plain >in
meanwhile 'truncate -s 4096 in'
is $? 74 'one that is cut short'
contains err 'in: was cut short' 'is told by name'
is "$(grep -c "$(printf '^\t')" got)" 0 'and not sealed'
sealed plain >in
meanwhile 'printf "{\"id\":1}\n" >>in'
is $? 74 'one that grows'
contains err 'in: was changed while it was sorted' 'is told by name'
is "$(grep -c "$(printf '^\t')" got)" 0 'and not sealed'
sealed plain >in
meanwhile 'printf "{\"id\":7" | dd of=in conv=notrunc status=none'
is $? 74 'one that is written to'
sealed plain >in
meanwhile 'mv in away; echo x >in'
is $? 0 'another in its place does no harm'

# ---- it is changed when the sort is over ----

ids 30000 | sort -t: -k2n >plain
sealed plain >in
retl-sort -k id in >want
{ retl-sort -k id in && echo >over; } | {
	soon test -f over
	printf '{"id":7' | dd of=in conv=notrunc status=none
	cat >got
}
same want got 'what still is in the pipe stays as it was'
done_testing

#!/bin/sh
# Every call of retl-sort that can fail does so once, in turn, with one thread
# and with several: the program ends with 74, seals nothing and lets out nothing
# that is not in order; where there is another way, it is taken.
# shellcheck disable=SC2002 # a pipe is wanted
. "$(dirname "$0")/../lib.sh"
needs_strace

tab=$(printf '\t')
sortgen 7 9000 i | cut -f2- >records
sealed records >in
retl-sort -k a records >sorted
sealed sorted >want

# each NAME CALL:ERROR FIRST LAST STEP OPTION...: such a call of a thread fails,
# the FIRST, then one STEP further on, as long as there is one. What $only says
# narrows down which calls are meant. Nothing may come out but a beginning of
# what is wanted.
only=
each() {
	name=$1 fault=$2 n=$3 last=$4 step=$5
	shift 5
	bad='' times=0
	while [ "$n" -le "$last" ]; do
		# shellcheck disable=SC2086
		strace -f -o trace $only -e "trace=${fault%:*}" -e \
			"inject=${fault%:*}:error=${fault#*:}:when=$n" \
			retl-sort -k a -S 256k -T . "$@" in >out 2>err
		status=$?
		grep -q INJECTED trace || break
		[ $status = 74 ] || bad="$bad $n:status"
		[ "$(grep -c '^retl-sort: error' err)" = 1 ] || bad="$bad $n:err"
		! grep -q "$tab" out || bad="$bad $n:sealed"
		head -c "$(wc -c <out)" want | cmp -s - out || bad="$bad $n:out"
		n=$((n + step)) times=$((times + 1))
	done
	is "$bad" '' "$name: $times times $fault"
	[ $times -gt 1 ]
	ok $? "$name: more than once"
}

for threads in 1 2; do
	each "$threads threads, runs and output" write:ENOSPC 1 12 1 \
		--threads=$threads
	each "$threads threads, runs and output" write:EIO 1 40 6 \
		--threads=$threads
	# The first two are the loader's.
	each "$threads threads, runs" pread64:EIO 3 20 3 --threads=$threads
	only='-P in'
	each "$threads threads, the input" read:EIO 1 400 60 --threads=$threads
	only=
done

# ---- another way is taken ----
# instead NAME FAULT WANT COMMAND...
instead() {
	name=$1 fault=$2 wanted=$3
	shift 3
	strace -f -o trace -e "trace=${fault%:*}" \
		-e "inject=${fault%:*}:error=${fault#*:}" "$@" >out 2>err
	is $? 0 "$name: $fault does not matter"
	grep -q INJECTED trace
	ok $? "$name: it did happen"
	same "$wanted" out "$name: the output is the same"
}
instead 'no thread' clone3:EAGAIN want retl-sort -k a -S 256k --threads=4 in
instead 'no memory ahead' madvise:EINVAL want retl-sort -k a in
instead 'no wide pipes' fcntl:EPERM want sh -c 'cat in | retl-sort -k a | cat'
# Only a long piece is lent, so the rows are in order; nor is a file's own.
awk 'BEGIN { for (i = 0; i < 20000; i++) print "{\"a\":" i "}" }' >rows
sealed rows >ordered
instead 'nothing is lent' vmsplice:EINVAL ordered \
	sh -c 'cat ordered | retl-sort -k a | cat'
cat ordered | (
	strace -f -o trace -e trace=vmsplice,write \
		-e inject=vmsplice:error=EINVAL -e inject=write:error=EIO:when=1 \
		retl-sort -k a 2>err
	echo $? >status
) | cat >out
is "$(cat status)" 74 'nor can it be written'
contains err 'standard output: Input/output error' 'which is told'
lacks out "$tab" 'and not sealed'
# Of reads those of the input alone: a sanitizer's do not take it so well.
for call in write read; do
	# shellcheck disable=SC2086
	strace -f -o trace $only -e "trace=$call" \
		-e "inject=$call:error=EINTR:when=3+2" \
		retl-sort -k a -S 256k -T . in >out 2>err
	is $? 0 "$call is interrupted often"
	same want out 'which changes nothing'
	only='-P in'
done
mkdir empty
exits 0 'no O_TMPFILE' strace -f -o trace -P ./empty \
	-e trace=openat -e inject=openat:error=EOPNOTSUPP:when=1 \
	retl-sort -k a -S 256k -T ./empty in
same want out 'a file with a name does as well'
is "$(ls -A empty)" '' 'its name is gone'
done_testing

#!/bin/sh
# Random histories: the shop moves on, and in each run one stage dies, or loses
# its disk, at a random system call, or the stream is cut at a random place.
# Nothing may be removed that is there, and a quiet run makes up for all of it.
#	ROUNDS=300 SEED=1
. "$(dirname "$0")/../lib.sh"
. "$top/tests/pipeline.sh"
every_tool_or_skip
needs_strace
receiver_starts

# random N: a number below N.
seed=${SEED:-1}
random() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	dice=$((seed / 65536 % $1))
}
# one_of WORD...: one of them, in $one.
one_of() {
	random $#
	shift $dice
	one=$1
}

move_on() {
	random 4
	for _ in $(seq 0 $dice); do
		shop "INSERT INTO customer VALUES ($next, 'customer $next')"
		next=$((next + 1))
	done
	random 5
	shop "UPDATE customer SET name = name || '!' WHERE id % 7 = $dice"
	random 3
	shop "DELETE FROM customer WHERE id IN
		(SELECT id FROM customer ORDER BY id % 11, id LIMIT $dice)"
}

disturb() {
	one_of extract sort diff map hash push commit diff commit commit
	victim=$one
	one_of write fsync rename openat unlink link flock sendto lseek read close
	call=$one
	one_of signal=KILL signal=KILL signal=TERM error=ENOSPC error=EIO
	how=$one
	random 12
	lead="strace -f -o /dev/null -e trace=$call"
	eval "lead_$victim='$lead -e inject=$call:$how:when=$((dice + 1))'"
	did="$victim: $how at $call $((dice + 1))"
	pipeline nowhere true
	eval "lead_$victim="
}
cut_somewhere() {
	one_of extract sort diff map hash push
	place=$one
	random 30
	one_of "head -n $dice" "tail -n $dice" "sed ${dice}d" \
		"grep -v '$dice'" "head -c ${dice}00"
	did="$place | $one"
	pipeline "$place" "$one"
}

shop_of 30
next=31
retl-diff --init -s state -k id 2>err
sync 'a state to begin with'
round=0
while [ $round -lt "${ROUNDS:-300}" ]; do
	round=$((round + 1))
	move_on
	random 3
	if [ $dice = 0 ]; then cut_somewhere; else disturb; fi
	removals_were_due "$round: $did: nothing is removed that is there"
	random 2
	[ $dice = 0 ] || continue
	tries=0
	until whole_run || [ $tries = 3 ]; do
		tries=$((tries + 1))
	done
	is "$(tail -c 2 statuses | head -c 1)" 0 "$round: a quiet run goes through"
	in_step "$round: after $did"
done
done_testing

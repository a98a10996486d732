#!/bin/sh
# A pipeline with a stage that dies anywhere removes nothing that is there, and
# a later run makes up for it.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/pipeline.sh"
every_tool_or_skip
needs_strace
moving_shop

# killed STAGE CALL N: the N-th time it makes this system call it dies.
killed() {
	move_on
	eval "lead_$1='strace -f -o /dev/null -e trace=$2 -e inject=$2:signal=KILL:when=$3'"
	whole_run
	eval "lead_$1="
	removals_were_due "$1 dies at $2 $3: nothing is removed that is there"
	whole_run
	status=$?
	[ $status = 0 ] || { whole_run; status=$?; }
	is $status 0 "$1 dies at $2 $3: a later run goes through"
	in_step "$1 dies at $2 $3"
}
killed extract write 1
killed sort write 1
killed diff write 1
killed diff write 2
killed diff rename 1
killed map write 1
killed hash write 1
killed push sendto 1
killed push sendto 3
killed push write 2
killed commit write 1
killed commit fsync 1
killed commit rename 1

done_testing

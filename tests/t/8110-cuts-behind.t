#!/bin/sh
# A pipeline whose changes are cut or thinned on their way, or whose receipts
# are, loses none of them: the next run sends what was missed.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/pipeline.sh"
every_tool_or_skip
moving_shop

# behind_diff STAGE COMMAND: what is removed was due, the rest comes later.
behind_diff() {
	move_on
	pipeline "$1" "$2"
	status=$?
	removals_were_due "$1 | $2: nothing is removed that is there"
	# What a cut behind push leaves of its receipts says nothing about push.
	[ "$1" = push ] || receipts_fit "$1 | $2: what push read has its receipts"
	[ $status = 75 ] || [ $status = 65 ]
	ok $? "$1 | $2: commit says that this was not all" "$status"
	whole_run
	is $? 0 "$1 | $2: the next run goes through"
	in_step "$1 | $2"
}

for place in diff map hash push; do
	behind_diff $place 'head -n 2'
	behind_diff $place 'tail -n 2'
	behind_diff $place "grep -v ':2\"'"
	behind_diff $place 'head -c 150'
	behind_diff $place 'true'
done

done_testing

#!/bin/sh
# A pipeline whose stream is cut or thinned before the diff stage removes
# nothing, and the next run makes up for it.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/pipeline.sh"
every_tool_or_skip
moving_shop

# before_diff STAGE COMMAND: no removal may be sent at all.
before_diff() {
	move_on
	before=$(removals)
	pipeline "$1" "$2"
	is "$(removals)" "$before" "$1 | $2: nothing is removed"
	receipts_fit "$1 | $2: what push read has its receipts"
	whole_run
	is $? 0 "$1 | $2: the next run goes through"
	in_step "$1 | $2"
}

for place in extract sort; do
	before_diff $place 'head -n 20'
	before_diff $place 'tail -n 20'
	before_diff $place "grep -v '\"id\":3'"
	before_diff $place "sed '\$d'"
	before_diff $place "sed 5d"
	before_diff $place 'head -c 700'
	before_diff $place 'tr -d "\t"'
done
before_diff sort "sed '5{h;d};6G'"
before_diff extract 'true'
before_diff extract "grep id"

done_testing

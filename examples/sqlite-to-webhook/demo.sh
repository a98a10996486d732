#!/bin/sh
# Runs the connection of this folder three times against a receiver on
# 127.0.0.1, in a temporary folder that is removed at the end.
#	demo.sh BUILD     BUILD: where make put the programs
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
PATH=$build/bin:$PATH
RETL_CONTRACTS=$here/../../contracts
# Of the receiver below: made up, and good for nothing else.
WEBHOOK_SECRET=whsec_cmV0bC1kZW1vLXJldGwtZGVtby1yZXRsLWRlbW8=
export PATH RETL_CONTRACTS WEBHOOK_SECRET
# A make that runs this has flags for its own jobs, which the one below cannot use.
unset MAKEFLAGS MFLAGS MAKELEVEL

dir=$(mktemp -d)
receiver=
finish() {
	[ -z "$receiver" ] || kill "$receiver" 2>/dev/null || :
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step=0
say() {
	step=$((step + 1))
	printf '\n%d. %s\n' "$step" "$1"
}
# Shows a command and what it does.
run() {
	printf '\n$ %s\n' "$*"
	sh -c "$*"
}
# Behind the line number $logged, which is where the last look ended.
logged=0
run_log() {
	printf '\n$ tail -n +%d receiver.log\n' $((logged + 1))
	tail -n +$((logged + 1)) receiver.log
	logged=$(wc -l <receiver.log)
}

cp "$here"/Makefile "$here"/source.json "$here"/mapping.jq "$here"/*.sql "$dir"
cd "$dir"

say 'A shop: six customers in SQLite. Ids beyond 2^53, prices such as 1.10,
   names in many scripts, one with a line break in it.'
run 'sqlite3 shop.db <shop.sql'

say 'Its rows as a stream, one JSON object a line. The last line is white space:
   the seal, which counts the rows (cat -TE shows its tab as ^I and the end of
   each line as a dollar sign). Whoever cuts the stream loses it.'
run 'retl-extract -s source.json customers | cat -TE'

say 'A receiver of signed webhooks on 127.0.0.1. It accepts what carries the right
   signature and appends it to receiver.log.'
"$build/tests/receiver" --log receiver.log --port-file port --idle 60 &
receiver=$!
tries=0
until [ -s port ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 300 ] || {
		echo 'error: the receiver has not begun within 30 s' >&2
		exit 1
	}
	sleep 0.1
done
URL=http://127.0.0.1:$(cat port)/
export URL
: >>receiver.log

say 'The connection is a rule of a Makefile: the tools, and a lock around them.'
run "sed -n '/^sync:/,/^\$/p' Makefile"

say 'Its state is made once. It is empty: the receiver has nothing yet.'
run 'make -s init'

say 'First run: every customer is new to the receiver.'
run 'make -s sync'

say 'What went into the mapping. The tools talk to each other in members that begin
   with diff_; they are never delivered.'
run 'cat changes.ndjson'

say 'What the receiver got: the values are the bytes of the database.'
run_log

say 'One receipt for each record. By these, and by nothing else, the state moved.'
run 'cat receipts.ndjson'

say 'Something happens in the shop: one customer comes, one changes, one goes.'
run 'cat changes.sql'
run 'sqlite3 shop.db <changes.sql'

say 'What would the next run send? Nothing is sent to find out.'
run 'make -s preview'

say 'Second run: three kinds of change.'
run 'make -s sync'
run 'cat changes.ndjson'
run_log
run 'cat receipts.ndjson'

say 'Third run: nothing changed, so nothing is sent.'
run 'make -s sync'
run 'cat changes.ndjson'
run_log

say 'What the state knows: the rows that the receiver has acknowledged.'
run 'retl-diff --dump -s state/customers'
run 'retl-diff --status -s state/customers'

printf '\nThat was it. The files of the connection are in\n%s;\n' \
	'examples/sqlite-to-webhook'
printf 'what the demo made of them in a temporary folder is gone.\n'

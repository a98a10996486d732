#!/bin/sh
# retl-extract -- COMMAND: its status vouches for the end of its output.
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"

printf '{"id":1,"x":1.10}\n{"id":2}\n' >rows
sealed rows >wanted

# ---- what is sealed ----

retl-extract -- cat rows >out 2>err
ok $? 'a command that ends with 0'
same wanted out 'its output is sealed'
is "$(cat err)" '' 'in silence'
retl-extract -- cat wanted >out
same wanted out 'output that is sealed is sealed once'
retl-extract -- true >out
seal 0 >none
same none out 'no output, and status 0: no rows'
retl-extract --format csv -- printf 'id,x\n1,a\n2,' >out
printf '{"id":"1","x":"a"}\n{"id":"2","x":null}\n' >csv
sealed csv >wanted.csv
same wanted.csv out 'CSV; status 0 also vouches for a last line without LF'
retl-extract -- printf '[{"a": 1}]' >out
is "$(head -n 1 out)" '{"a":1}' 'a JSON array'
retl-extract -- gzip -c rows >out
same wanted out 'output in gzip'
echo 'from stdin' | retl-extract --format csv --columns x -- cat >out
is "$(head -n 1 out)" '{"x":"from stdin"}' 'a command has our standard input'
retl-extract -- sh -c 'echo hello >&2; cat rows' >out 2>err
is "$(cat err)" hello 'and our standard error'
retl-extract -- sh -c 'cat rows; sleep 0.3; cat rows' >out
is "$(tail -n 1 out)" "$(seal 4)" 'a pause is no end'
retl-extract -- env printf '{"%s":1}\n' --limit >out
is "$(head -n 1 out)" '{"--limit":1}' 'options of the command are its own'

# ---- what is not ----

# fails STATUS NAME COMMAND...: rows are written, no seal.
fails() {
	want=$1 name=$2
	shift 2
	exits "$want" "$name" retl-extract -- "$@"
	lacks out "$(printf '\t')" "$name: no seal"
}
fails 69 'a command that ends with 3' sh -c 'cat rows; exit 3'
same rows out 'what it wrote is written'
is "$(cat err)" 'retl-extract: error: sh: ended with status 3: its output may not be all' \
	'the message tells the status'
fails 69 'a command that ends with 1' false
fails 75 'a status of the table is passed on' sh -c 'cat rows; exit 75'
fails 69 'a command killed by a signal' sh -c 'cat rows; kill -9 $$'
contains err 'signal 9' 'the message tells the signal'
fails 66 'a command that is not there' ./nosuch
contains err './nosuch: cannot be run' 'the message names it'
fails 66 'a file that is no program' ./rows
fails 65 'a broken line' sh -c 'cat rows; echo "{"; cat rows'
same rows out 'the lines before it are written'
fails 69 'a broken line at the end, of a command that failed' \
	sh -c 'cat rows; printf "{\"id\""; exit 1'
fails 69 'no header, of a command that failed' \
	retl-extract --format csv -- false
fails 65 'gzip that is cut off' sh -c 'gzip -c rows | head -c 20'
fails 0 'a seal in the output that is wrong' sh -c 'cat wanted; cat rows'
contains err 'warning: not sealed' 'the warning says so'
exits 0 '--limit' retl-extract --limit 1 -- yes '{"a":1}'
is "$(cat out)" '{"a":1}' '--limit stops an endless command'

exits 64 'a source and a command' retl-extract a.csv -- cat rows
exits 64 'a query and a command' retl-extract -q 'SELECT 1' -- cat rows
exits 64 '-- and nothing behind it' retl-extract --

# SIGCHLD ignored by whoever started us must not hide the status.
exits 69 'with SIGCHLD ignored' perl -e '$SIG{CHLD} = "IGNORE";
	exec "retl-extract", "--", "sh", "-c", "cat rows; exit 1"'
lacks out "$(printf '\t')" 'there is no seal'

# ---- signals and readers that go away ----

for sig in INT TERM HUP; do
	rm -f child
	timeout 20 perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' retl-extract \
		-- sh -c 'echo $$ >child.new; mv child.new child; cat rows
			exec sleep 20' >out 2>err &
	pid=$!
	soon eval '[ -s child ] && [ -s out ]'
	same rows out "SIG$sig: rows come out while the command goes on"
	# timeout passes the signal on to retl-extract
	kill -s $sig $pid
	wait $pid 2>log
	[ $? -gt 128 ]
	ok $? "SIG$sig ends it"
	soon eval '! kill -0 "$(cat child)" 2>/dev/null'
	! kill -0 "$(cat child)" 2>/dev/null
	ok $? "SIG$sig ends the command too"
	same rows out "SIG$sig: no seal"
done
exits 141 'a reader that goes away ends it by SIGPIPE' bash -c \
	'retl-extract -- yes "{\"a\":1}" | head -n 1; exit ${PIPESTATUS[0]}'
is "$(cat err)" '' 'quietly'
exits 74 'a full disk' sh -c 'retl-extract -- cat rows >/dev/full'

done_testing

#!/bin/sh
# retl-extract from ClickHouse of today, played by a fake that knows the
# settings, the format of parameters and the exceptions that are documented.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"

unset CLICKHOUSE_USER CLICKHOUSE_PASSWORD
# serve OPTION...
serve() {
	mock_stop ch
	rm -f log
	mock_start ch clickhoused --log log "$@"
	db=clickhouse://127.0.0.1:$(cat ch.port)
}
row='"t":"2024-01-31T12:00:00Z","d":1.10'
for i in 0 1 2; do
	printf '{"i":1844674407370955%04d,%s,"p":""}\n' $i "$row"
done >rows
sealed rows >wanted

for version in 23.3.1.1 23.8.1.1 24.3.1.1 25.8.1.1 25.11.1.1; do
	serve --version $version
	retl-extract -q 'SELECT 1' "$db" >out 2>err
	same wanted out "$version: settings that it knows, and values as they are"
done

serve --generate 500 --limit 100
retl-extract -q 'SELECT 1' "$db" >out 2>err
is "$?/$(grep -c '^{' out)" 0/500 'all rows, whatever limit the profile of the user has'

# param VALUE JSON CLAIM
param() {
	retl-extract -p x="$1" -q 'SELECT :x' "$db" >out 2>err
	is "$(sed -n '1s/.*"p":\(.*\)}/\1/p' out)" "$2" "$3"
}
serve
param 'a b&c=%41é' '"a b&c=%41é"' 'a parameter'
# shellcheck disable=SC1003 # the last backslash is of the text
param 'a\b\N\' '"a\\b\\N\\"' 'with backslashes'
param '\N' '"\\N"' 'that looks like NULL'
param "$(printf 'a\tb\nc\rd')" '"a\tb\nc\rd"' 'with tabs and line breaks'
param '' '""' 'that is empty'
: >cursor
retl-extract --cursor i=cursor -q 'SELECT 1 WHERE i > :cursor' "$db" >out 2>err
is "$(sed -n '1s/.*"p":\(.*\)}/\1/p' out)" null 'that is NULL'
contains log '{cursor:Nullable(String)}' 'and may be'

for how in text cut block; do
	serve --ending $how --generate 500
	retl-extract -q 'SELECT 1' "$db" >out 2>err
	status=$?
	lacks out "$(printf '\t')" "an exception behind rows ($how): no seal"
	if [ $how = cut ]; then
		is $status 75 'a connection that is cut'
		continue
	fi
	is $status 65 'it is about a value'
	contains err '(code 395)' 'which the message says'
	lacks err zoe 'but not the value'
	is "$(grep -c '^{' out)" 500 'the rows before it have come'
done
serve --ending open --generate 500
retl-extract -q 'SELECT 1' "$db" >out 2>err
is "$?/$(wc -l <out)" 0/500 'an answer whose end nobody marks: the rows come'
contains err 'not sealed: the server, or a proxy' 'without a seal'
serve --ending block --generate 0
retl-extract -q 'SELECT 1' "$db" >out 2>err
is $? 65 'an exception in place of rows, with status 200'
mock_stop ch
done_testing

#!/bin/sh
# retl-extract from ClickHouse, the version that Debian has.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/clickhouse.sh"
. "$top/tests/sqlopts.sh"

# gives EXPRESSION JSON NAME
gives() {
	retl-extract -q "SELECT $1 AS v" "$db" >raw 2>err
	is "$(sed -n '1s/^{"v":\(.*\)}$/\1/p' raw)" "$2" "${3:-$1}"
}

# ---- values ----

gives 'toInt64(-9223372036854775808)' -9223372036854775808
gives 'toUInt64(18446744073709551615)' 18446744073709551615
gives 'toUInt8(255)' 255
gives "toDecimal128('12345678901234567890.123456789', 10)" \
	12345678901234567890.1234567890
gives "toDecimal32('1.10', 2)" 1.10 'a decimal keeps its zero'
gives '0.1 + 0.2' 0.30000000000000004
gives 'toFloat32(0.1)' 0.1 'a float of 32 bits'
gives '1e20' 1e+20 'as others write it'
gives '1 / 0' null
contains err 'NaN or infinite' 'a warning says so'
gives 'NULL' null
gives "toNullable('x')" '"x"'
gives "''" '""'
gives "'a/b\\\\c\"d\\n😀'" '"a/b\\c\"d\n😀"' 'a text'
gives "'a\\0b'" '"a\u0000b"' 'with a NUL'
gives "toDate('2024-02-29')" '"2024-02-29"'
gives "toDateTime('2024-01-31 12:00:00')" '"2024-01-31T12:00:00Z"' \
	'a DateTime is a moment'
exits 78 'one in another zone' retl-extract \
	-q "SELECT toDateTime('2024-01-31 12:00:00', 'Europe/Paris') v" "$db"
contains err toTimeZone 'says what to do'
gives "toUUID('a3f0c000-0000-4000-8000-000000000001')" \
	'"a3f0c000-0000-4000-8000-000000000001"'
gives "CAST('b', 'Enum8(\\'a\\' = 2, \\'b\\' = 1)')" '"b"'
gives '[1, 2]' '[1,2]'
gives "('x', 18446744073709551615)" '["x",18446744073709551615]'
gives "'repeat'" '"repeat"'
retl-extract -q "SELECT toString(arrayStringConcat(arrayMap(x -> 'é',
	range(1500000)))) v" "$db" >out 2>err
is "$(wc -c <out)" $((3000000 + 12)) 'a value of 3 MB' "$(cat err)"
exits 65 'text that is not UTF-8' retl-extract -q "SELECT unhex('61ff') v" "$db"
lacks out "$(printf '\t')" 'is not sealed'

retl-extract -q 'SELECT number AS id, toString(number) t,
	if(number % 3 = 0, NULL, number) n FROM numbers(100000)' "$db" >out 2>err
is "$(tail -n 1 out)" "$(seal 100000)" '100000 rows'
is "$(sed -n 's/^{"id":\([0-9]*\),"t":"\([0-9]*\)".*/\1\2/p' out | cksum)" \
	"$(seq 0 99999 | sed 's/.*/&&/' | cksum)" 'each of them'
is "$(grep -c '"n":null' out)" 33334 'with nulls'
retl-extract -q 'SELECT 1 a FROM numbers(3) WHERE number > 5' "$db" >out
seal 0 >none
same none out 'no rows'
retl-extract -q 'SELECT number FROM numbers(1000000000)' --limit 2 "$db" >out
is "$(wc -l <out)" 2 '--limit'

# ---- options ----

sql 'CREATE TABLE key_rows (n Int64, d Decimal(12, 2), t String, u Int32)
	ENGINE = Memory'
keys_sql clickhouse | sed -n 's/^INSERT INTO key_rows VALUES (\([^,]*\), \([^,]*\), /INSERT INTO key_rows VALUES (\1, \2, /p' |
	sed 's/^INSERT INTO key_rows VALUES //; s/;$//' >values
sql "INSERT INTO key_rows VALUES $(tr '\n' ' ' <values)"
is "$(sql 'SELECT count(*) FROM key_rows')" 1200 'there are rows'
for key in n,u d,u t,u u; do
	retl-extract -k $key "$db" key_rows >out 2>err
	ok $? "-k $key" "$(cat err)"
	retl-sort -c -k $key <out 2>err
	ok $? "-k $key: in key order" "$(cat err)"
done
for i in 1 2 3; do
	retl-extract -k u --shard $i/3 "$db" key_rows >part.$i
	[ "$(wc -l <part.$i)" -gt 300 ]
	ok $? "--shard $i/3"
done
retl-sort -m -k u part.1 part.2 part.3 >out
retl-extract -k u "$db" key_rows >wanted
same wanted out 'no row is lost or doubled'
retl-extract -k v --shard 1/1 -q 'SELECT toNullable(1) v UNION ALL SELECT NULL' \
	"$db" >out
is "$(tail -n 1 out)" "$(seal 2)" 'a null is in some shard'
one_zero "$db" "SELECT toFloat64(t) v FROM (SELECT arrayJoin(['0', '-0']) t)"
one_zero "$db" "SELECT toFloat32(t) v FROM (SELECT arrayJoin(['0', '-0']) t)"
exits 78 'a parameter, for this old server' \
	retl-extract -q 'SELECT :x v' -p x=1 "$db"
contains err 'too old for parameters' 'is told'
exits 0 '--schema' retl-extract --schema "$db" key_rows
grep '"$comment"' out >got
cat >wanted <<\END
    "n": {"type": ["integer", "null"], "$comment": "Int64"},
    "d": {"type": ["number", "null"], "$comment": "Decimal(12, 2)"},
    "t": {"type": ["string", "null"], "$comment": "String"},
    "u": {"type": ["integer", "null"], "$comment": "Int32"}
END
same wanted got 'names types'
sql 'CREATE DATABASE sales'
sql 'CREATE TABLE sales.`a.b` (x Int8) ENGINE = Memory'
exits 0 '--list' retl-extract --list "$db"
is "$(cat out)" 'key_rows
sales."a.b"' 'gives names as they can be used'
retl-extract "$db" 'sales."a.b"' >out
same none out 'such a table'

# ---- what is refused, and what breaks off ----

exits 78 'a statement that writes' \
	retl-extract -q 'INSERT INTO key_rows VALUES (1, 1, 1, 1)' "$db"
is "$(sql 'SELECT count(*) FROM key_rows')" 1200 'is not run'
exits 78 'SQL that does not compile' retl-extract -q 'SELEC 1' "$db"
exits 78 'a table that is not there' retl-extract "$db" nosuch
exits 78 'a database that is not there' \
	retl-extract "clickhouse://127.0.0.1:$port/nosuch" x
exits 78 'two columns of one name' \
	retl-extract -q 'SELECT 1 a, number a FROM numbers(2)' "$db"
exits 65 'an error behind rows' retl-extract -q \
	'SELECT number, throwIf(number = 500000) t FROM numbers(1000000)' "$db"
grep -q '^{"number":0' out
ok $? 'which have come, with status 200'
lacks out "$(printf '\t')" 'is no end'
contains err '(code 395)' 'the message is the server'\''s'
exits 65 'an error at the very end' retl-extract -q \
	'SELECT number, throwIf(number = 999999) t FROM numbers(1000000)' "$db"
lacks out "$(printf '\t')" 'is none either'
exits 77 'a password is missing' \
	retl-extract "clickhouse://secretive@127.0.0.1:$port" key_rows
CLICKHOUSE_PASSWORD=wrongwrong exits 77 'a password is wrong' \
	retl-extract "clickhouse://secretive@127.0.0.1:$port" key_rows
lacks err wrongwrong 'the message does not show it'
CLICKHOUSE_PASSWORD=hunter2hunter2 exits 0 'a password' \
	retl-extract "clickhouse://secretive@127.0.0.1:$port" key_rows
exits 64 'a password in the URL' \
	retl-extract "clickhouse://secretive:hunter2hunter2@127.0.0.1:$port" x
lacks err hunter2 'is refused, and not shown'
exits 69 'nobody listens' retl-extract clickhouse://127.0.0.1:1/ x

one="clickhouse://single@127.0.0.1:$port/default"
curl -sS -m 30 --data-binary 'SELECT sleep(3), sleep(2)' "http://127.0.0.1:$port/?user=single" >/dev/null &
first=$!
soon eval "[ \"\$(sql \"SELECT count(*) FROM system.processes WHERE user = 'single'\")\" = 1 ]"
exits 75 'more queries at once than the user may have' retl-extract "$one" key_rows
contains err '(code 202)' 'is the server'\''s word'
kill $first
wait $first 2>/dev/null

slow="SELECT number AS id, sleepEachRow(0.01) s, arrayStringConcat(
	arrayMap(x -> 'x', range(20000))) t FROM numbers(60000)
	SETTINGS max_block_size = 10"
running="SELECT count(*) FROM system.processes WHERE query LIKE '%60000%'"
idle() {
	[ "$(sql "SELECT count(*) FROM system.processes
		WHERE query LIKE '%numbers(50)%' AND query NOT LIKE '%system%'")" = 0 ]
}
leaves "$db" "SELECT number AS id, arrayStringConcat(arrayMap(x -> 'x', range(1000))) t
	FROM numbers(3000) UNION ALL SELECT 0, toString(sleepEachRow(1)) FROM numbers(50)
	SETTINGS max_block_size = 1" idle
for how in interrupt kill; do
	: >slow.out
	timeout 60 perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' \
		retl-extract -q "$slow" "$db" \
		>slow.out 2>slow.err &
	pid=$!
	soon eval "grep -qs '\"id\":5,' slow.out || [ -s slow.err ]"
	case $how in
	kill) kill -9 "$server_pid" ;;
	interrupt) kill -INT $pid ;;
	esac
	wait $pid
	got=$?
	lacks slow.out "$(printf '\t')" "$how: no seal"
	if [ $how = interrupt ]; then
		[ $got -gt 128 ]
		ok $? 'interrupt: ended by the signal' "$(cat slow.err)"
		soon eval "[ \"\$(sql \"$running AND query NOT LIKE '%system%'\")\" = 0 ]"
		is "$(sql "$running AND query NOT LIKE '%system%'")" 0 \
			'interrupt: the server has stopped too'
	else
		is $got 75 "$how: try again later"
	fi
done

done_testing

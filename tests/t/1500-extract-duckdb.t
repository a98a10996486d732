#!/bin/sh
# retl-extract from DuckDB and Parquet files, through a libduckdb that npm has.
# shellcheck disable=SC2002 # a pipe is wanted
. "$(dirname "$0")/../lib.sh"
. "$top/tests/npm.sh"
. "$top/tests/sqlopts.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"

[ "$(uname -m)" = x86_64 ] || skip_all 'libduckdb is fetched for x86-64 only'
npm_need @duckdb/node-bindings-linux-x64 1.5.6-r.1
RETL_DUCKDB=$NODE_PATH/@duckdb/node-bindings-linux-x64/libduckdb.so
export RETL_DUCKDB

# gives EXPRESSION JSON NAME
gives() {
	retl-extract -q "SELECT $1 AS v" duckdb: >raw 2>err
	is "$(sed -n '1s/^{"v":\(.*\)}$/\1/p' raw)" "$2" "${3:-$1}"
}

# ---- values ----

cat >types.sql <<\END
SELECT 127::TINYINT i1, 255::UTINYINT u1, (-32768)::SMALLINT i2, 65535::USMALLINT u2,
	(-2147483648)::INTEGER i4, 4294967295::UINTEGER u4,
	(-9223372036854775808)::BIGINT i8, 18446744073709551615::UBIGINT u8,
	(-170141183460469231731687303715884105728)::HUGEINT i16,
	'340282366920938463463374607431768211455'::UHUGEINT u16,
	1.10::DECIMAL(4,2) d2, (-1.1)::DECIMAL(9,4) d4, 0.05::DECIMAL(18,2) d8,
	-12345678901234567890123456789012345.678::DECIMAL(38,3) d16,
	0.1::FLOAT f, 0.1 + 0.2::DOUBLE g, 1e20::DOUBLE h, true b, NULL n,
	DATE '2024-02-29' d, DATE '0044-03-15 (BC)' bc, 'infinity'::DATE inf,
	TIMESTAMP '2024-01-31 12:00:00.5' ts, TIMESTAMP '-infinity' ninf,
	'1969-12-31 23:59:59.123456789'::TIMESTAMP_NS ns,
	TIMESTAMPTZ '2024-01-31 12:00:00+02' tz, TIME '12:00:00.25' t,
	INTERVAL '1 year 2 months 3 days 4 hours' iv,
	INTERVAL '-5.5 seconds' iw,
	'x' s, 'a"b\c' || chr(10) || '😀 longer than twelve bytes' st,
	'' e, '\x00\xff'::BLOB bl, '{"a": 1.10, "b":[1]}'::JSON js,
	UUID 'a3f0c000-0000-4000-8000-000000000001' id,
	'sad'::ENUM('happy', 'sad') en, [1, NULL, 3] l, [[1], [], NULL] ll,
	[1.10, 2.2]::DECIMAL(5,2)[2] ar, {'a': 1, 'b"c': [{'x': 'y'}]} o,
	MAP {'k': 1, 'l': NULL} m, MAP {1: 'x'} mi
END
cat >wanted <<\END
{"i1":127,"u1":255,"i2":-32768,"u2":65535,"i4":-2147483648,"u4":4294967295,"i8":-9223372036854775808,"u8":18446744073709551615,"i16":-170141183460469231731687303715884105728,"u16":340282366920938463463374607431768211455,"d2":1.10,"d4":-1.1000,"d8":0.05,"d16":-12345678901234567890123456789012345.678,"f":0.1,"g":0.30000000000000004,"h":1e+20,"b":true,"n":null,"d":"2024-02-29","bc":"0044-03-15 BC","inf":"infinity","ts":"2024-01-31T12:00:00.5","ninf":"-infinity","ns":"1969-12-31T23:59:59.123456789","tz":"2024-01-31T10:00:00Z","t":"12:00:00.25","iv":"P1Y2M3DT4H","iw":"PT-5.5S","s":"x","st":"a\"b\\c\n😀 longer than twelve bytes","e":"","bl":"AP8=","js":{"a":1.10,"b":[1]},"id":"a3f0c000-0000-4000-8000-000000000001","en":"sad","l":[1,null,3],"ll":[[1],[],null],"ar":[1.10,2.20],"o":{"a":1,"b\"c":[{"x":"y"}]},"m":{"k":1,"l":null},"mi":{"1":"x"}}
END
retl-extract -f types.sql duckdb: >out 2>err
ok $? 'all types' "$(cat err)"
head -n 1 out >first
same wanted first 'each value exactly'
gives "'NaN'::DOUBLE" null
contains err 'NaN or infinite' 'a warning says so'
gives 'current_setting('"'TimeZone'"')' '"UTC"' 'the session is in UTC'
gives "to_days(0)" '"PT0S"'
gives "'12:00:00.5+02'::TIMETZ" '"12:00:00.5+02"' 'a time with its zone'
gives "'23:59:59.999999-05:30'::TIMETZ" '"23:59:59.999999-05:30"'
gives "'12:00:00+00'::TIMETZ" '"12:00:00+00"'
gives "'12:00:00.123456789'::TIME_NS" '"12:00:00.123456789"'
gives "'101100010'::BIT" '"101100010"' 'bits'
gives "'00000001'::BIT" '"00000001"'
gives "'0'::BIGNUM" 0 'a number of any length'
gives "'-1'::BIGNUM" -1
gives "'255'::BIGNUM" 255
gives "'-123456789012345678901234567890123456789012345678901234567890'::BIGNUM" \
	-123456789012345678901234567890123456789012345678901234567890
gives "['101'::BIT, NULL]" '["101",null]' 'in a list'
retl-extract -k b -q "SELECT b::BIT AS b FROM (VALUES ('1'), ('011'), ('01')) x(b)" \
	duckdb: >out 2>err
retl-sort -c -k b <out 2>>err
ok $? '-k of bits' "$(cat err)"
exits 78 'a type that is not known here' \
	retl-extract -q "SELECT union_value(a := 1) v" duckdb:
contains err "cast it" 'says what to do'

# ---- files ----

ducksql t.db "
	CREATE TABLE t AS SELECT range AS id, CASE WHEN range % 7 = 0 THEN NULL
		ELSE repeat('é', (range % 20)::INT) END AS x,
		[range, NULL] AS l, {'a': range / 4} AS s FROM range(100000);
	CREATE SCHEMA sales; CREATE VIEW sales.\"a.b\" AS SELECT 1 AS one;
	CREATE TABLE none (i INT);
	COPY t TO 'rows.parquet'; COPY none TO 'none.parquet';
	COPY (SELECT repeat('é', 3000000) AS v) TO 'long.parquet'"
ok $? 'files are made'
retl-extract duckdb:t.db t >out 2>err
ok $? 'a table' "$(cat err)"
is "$(tail -n 1 out)" "$(seal 100000)" '100000 rows, sealed'
is "$(sed -n 2,3p out)" '{"id":1,"x":"é","l":[1,null],"s":{"a":0.25}}
{"id":2,"x":"éé","l":[2,null],"s":{"a":0.5}}' 'as they are'
is "$(grep -c '"x":null' out)" 14286 'nulls where they belong'
is "$(sed -n 's/^{"id":\([0-9]*\),.*"l":\[\([0-9]*\),.*/\1\2/p' out | cksum)" \
	"$(seq 0 99999 | sed 's/.*/&&/' | cksum)" 'and lists with their rows'
retl-extract rows.parquet >out2 2>err
ok $? 'a Parquet file' "$(cat err)"
same out out2 'has the same rows'
mkdir day=7
cp rows.parquet day=7
retl-extract day=7/rows.parquet >out2
same out out2 'wherever it lies'
cp rows.parquet rows.bin
retl-extract parquet:rows.bin >out2
same out out2 'under another name'
gzip -k rows.parquet
retl-extract rows.parquet.gz >out2 2>err
same out out2 'in a compressed file' "$(cat err)"
retl-extract -- cat rows.parquet >out2 2>err
same out out2 'out of a command' "$(cat err)"
sed '$d' out >bare
# shellcheck disable=SC2002 # a file would be no pipe
cat rows.parquet | retl-extract - >out2 2>err
same bare out2 'out of a pipe, whose end proves nothing'
mkdir -p web/b/day
cp rows.parquet web/b/day/1.parquet
cp none.parquet web/b/day/2.parquet
mock_start web webfiles --root web/b/day --cut 300000
retl-extract "$(mock_url web)/1.parquet" >out2 2>err
same out out2 'from a web server that breaks off' "$(cat err)"
mock_stop web
aws_keys
mock_start aws fakeaws --root web --key AKID:s3kr3t/+ --region eu-west-1
AWS_ENDPOINT_URL_S3=$(mock_url aws)
export AWS_ENDPOINT_URL_S3
retl-extract s3://b/day/ >out2 2>err
same out out2 'all objects below a prefix' "$(cat err)"
mock_stop aws
head -c 100000 rows.parquet >web/b/cut
retl-extract -- cat web/b/cut >out2 2>err
is "$?" 65 'one that is cut off'
contains err 'cat: Invalid Input Error' 'is called what came was called'
exits 64 '-k of a stream' retl-extract -k id parquet:- <rows.parquet
seal 0 >none
retl-extract none.parquet >out
same none out 'no rows'
retl-extract long.parquet >out
is "$(wc -c <out)" $((6000000 + 12)) 'a value of 6 MB'
retl-extract -k x,id rows.parquet >out 2>err
grep -v '"x":null' out | retl-sort -c -k x,id 2>err
contains err 'the seal counts' '-k of a Parquet file'
lacks err 'not sorted' 'is in order'
retl-extract duckdb:t.db 'sales."a.b"' >out
is "$(head -n 1 out)" '{"one":1}' 'a view in a schema'
exits 0 '--list' retl-extract --list duckdb:t.db
is "$(cat out)" 'none
t
sales."a.b"' 'gives names as they can be used'
retl-extract -q "SELECT count(*) n FROM 'rows.parquet'" duckdb: >out
is "$(head -n 1 out)" '{"n":100000}' 'files in a query'

# ---- options ----

keys_sql duckdb >keys.sql
ducksql k.db "$(cat keys.sql)"
sql_options duckdb:k.db ':cursor::INT'
one_zero duckdb: "SELECT v::DOUBLE AS v FROM (VALUES ('0'), ('-0')) x(v)"
one_zero duckdb: "SELECT v::FLOAT AS v FROM (VALUES ('0'), ('-0')) x(v)"
retl-extract -q 'SELECT :x AS x, :y::INT + 1 AS y, :x || :y AS z' -p x=7 -p y=8 \
	duckdb: >out
is "$(head -n 1 out)" '{"x":"7","y":9,"z":"78"}' 'parameters'
exits 0 '--schema' retl-extract --schema rows.parquet
grep '"$comment"' out >got
cat >wanted <<\END
    "id": {"type": ["integer", "null"], "$comment": "bigint"},
    "x": {"type": ["string", "null"], "$comment": "varchar"},
    "l": {"type": ["array", "null"], "$comment": "list"},
    "s": {"type": ["object", "null"], "$comment": "struct"}
END
same wanted got 'names types'

# ---- what is refused, and what breaks off ----

exits 78 'a statement that writes' \
	retl-extract -q 'DELETE FROM t' duckdb:t.db
exits 78 'one that writes a file' \
	retl-extract -q "COPY (SELECT 1) TO 'new.csv'" duckdb:
[ ! -e new.csv ]
ok $? 'is not run'
exits 78 'two statements' retl-extract -q 'SELECT 1; SELECT 2' duckdb:
exits 78 'SQL that does not compile' retl-extract -q 'SELEC 1' duckdb:
exits 78 'a table that is not there' retl-extract duckdb:t.db nosuch
exits 66 'a file that is not there' retl-extract duckdb:nosuch.db t
[ ! -e nosuch.db ]
ok $? 'is not made'
exits 66 'a Parquet file that is not there' retl-extract nosuch.parquet
exits 65 'an error behind rows' retl-extract -q "SELECT range,
	CASE WHEN range > 900000 THEN error('Alice') END e FROM range(1000000)" duckdb:
grep -q '^{"range":0' out
ok $? 'which have come'
lacks out "$(printf '\t')" 'is no end'
exits 65 'a value that cannot be cast' \
	retl-extract -q "SELECT 'Alice'::INT" duckdb:
lacks err Alice 'the message does not show it'
head -c 100000 rows.parquet >cut.parquet
exits 65 'half a Parquet file' retl-extract cut.parquet
(head -c 1000 rows.parquet; head -c 2000 /dev/zero; tail -c +3001 rows.parquet) \
	>broken.parquet
retl-extract broken.parquet >out 2>err
is $? 65 'a Parquet file that is broken inside'
lacks out "$(printf '\t')" 'is not sealed'
RETL_DUCKDB=/nosuch exits 78 'no library' retl-extract rows.parquet
contains err RETL_DUCKDB 'says where it could be'
exits 0 '--list-sources' retl-extract --list-sources
grep '^duckdb' out >line
lacks line 'cannot be loaded' 'says that it is there'

done_testing

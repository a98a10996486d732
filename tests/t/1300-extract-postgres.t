#!/bin/sh
# retl-extract from a real PostgreSQL server: types, parameters, what is refused.
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"
. "$top/tests/postgres.sh"

# ---- types ----

# gives SQL JSON [NAME]
gives() {
	retl-extract -q "SELECT $1 AS v" "$db" >raw 2>err
	is "$(sed -n '1s/^{"v":\(.*\)}$/\1/p' raw)" "$2" "${3-$1}"
}
# Whatever the server's own settings are.
sql -c "ALTER ROLE postgres SET timezone = 'Asia/Kolkata'" \
	-c "ALTER ROLE postgres SET datestyle = 'German'" \
	-c "ALTER ROLE postgres SET bytea_output = 'escape'" \
	-c "ALTER ROLE postgres SET intervalstyle = 'postgres'" \
	-c "ALTER ROLE postgres SET standard_conforming_strings = off" \
	-c "ALTER ROLE postgres SET client_encoding = 'LATIN1'" \
	-c "ALTER ROLE postgres SET extra_float_digits = -5"

gives 9223372036854775807 9223372036854775807 'the largest bigint'
gives '(-9223372036854775808)::int8' -9223372036854775808 'and the smallest'
gives '9007199254740993::int8' 9007199254740993 'an id beyond 2^53'
gives '32767::int2' 32767
gives '2147483647::int4' 2147483647
gives '4294967295::oid' 4294967295
gives true true
gives false false
gives 'NULL::int' null
gives '1234567890123456789012345678.1234567890::numeric(38,10)' \
	1234567890123456789012345678.1234567890
gives '1.10::numeric' 1.10 'a decimal keeps its zero'
gives '-0.00::numeric' 0.00
gives '1e30::numeric' 1000000000000000000000000000000
gives "'NaN'::numeric" null
contains err "column 'v': NaN or infinite" 'a warning says so'
gives "'-Infinity'::float8" null
gives '0.1::float8 + 0.2' 0.30000000000000004 'a float has all its digits'
gives '0.1::float4' 0.1
gives '1e20::float8' 1e+20
gives '5e-324::float8' 5e-324
gives '9007199254740993::float8' 9.007199254740992e+15
gives "'2024-01-31 12:00:00.5+02'::timestamptz" '"2024-01-31T10:00:00.5Z"'
gives "'2024-01-31 12:00:00'::timestamptz" '"2024-01-31T12:00:00Z"' \
	'the session is in UTC'
gives "'2024-01-31 23:59:59.000001'::timestamp" '"2024-01-31T23:59:59.000001"'
gives "'infinity'::timestamptz" '"infinity"'
gives "'0044-03-15 BC'::timestamp" '"0044-03-15 00:00:00 BC"'
gives "'2024-02-29'::date" '"2024-02-29"'
gives "'12:00:00.25'::time" '"12:00:00.25"'
gives "'1 day 2 hours'::interval" '"P1DT2H"'
gives "'\\x00ff10'::bytea" '"AP8Q"' 'bytea is base64'
gives "''::bytea" '""'
gives "'a3f0c000-0000-4000-8000-000000000001'::uuid" \
	'"a3f0c000-0000-4000-8000-000000000001"'
gives "('{\"z\": 1.10,' || chr(10) || ' \"a\" : [1, \"x  y\\u00e9\"]}')::json" \
	'{"z":1.10,"a":[1,"x  y\u00e9"]}' 'json loses its white space only'
gives "'{\"z\":12345678901234567890.10, \"a\": 1e2}'::jsonb" \
	'{"a":100,"z":12345678901234567890.10}' 'jsonb'
gives "ARRAY[1,NULL,3]" '[1,null,3]'
gives "ARRAY['a','b \"c\" , }{',E'\\\\','NULL',NULL,'']" \
	'["a","b \"c\" , }{","\\","NULL",null,""]' 'an array of texts'
gives 'ARRAY[[1,2],[3,4]]' '[[1,2],[3,4]]'
gives "'{}'::int[]" '[]'
gives "'[0:1]={5,6}'::int[]" '[5,6]' 'an array that counts from 0'
gives "ARRAY['2024-01-31 12:00:00+00'::timestamptz]" '["2024-01-31T12:00:00Z"]'
gives "ARRAY['{\"a\": \"x,y\"}'::jsonb]" '[{"a":"x,y"}]'
gives 'ARRAY[1.10, 2.00]' '[1.10,2.00]'
gives 'ARRAY[true,false]' '[true,false]'
gives "ROW(1, 'x')" '"(1,x)"' 'a row of no type is a text'
gives 'NULL::int[]' null
gives "ARRAY['2024-01-31'::date, 'infinity']" '["2024-01-31","infinity"]'
gives "'-infinity'::date" '"-infinity"'
gives "ARRAY[box '((1,1),(0,0))', box '((2,2),(1,1))']" \
	'["(1,1),(0,0)","(2,2),(1,1)"]' 'an array with semicolons in it'
gives "ARRAY[int4range(1, 5), NULL]" '["[1,5)",null]' 'ranges in an array'
sql -c "CREATE TYPE mood AS ENUM ('sad', 'so, so')" \
	-c "CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0)" \
	-c "CREATE TYPE point3 AS (x float8, y numeric, \"z\"\"q\" text)" \
	-c "CREATE TYPE visit AS (at timestamptz, p point3, who cents[], m mood,
		ok boolean, raw bytea, doc jsonb)"
gives "'so, so'::mood" '"so, so"' 'an enum'
gives "ARRAY['sad', 'so, so']::mood[]" '["sad","so, so"]' 'an array of enums'
gives '7::cents' 7 'a domain is what it is made of'
gives 'ARRAY[7, 9007199254740993]::cents[]' '[7,9007199254740993]'
gives "(1e20, 1.10, E'a\"b\\\\c, )(\\n')::point3" \
	'{"x":1e+20,"y":1.10,"z\"q":"a\"b\\c, )(\n"}' 'a composite is an object'
gives "(NULL, NULL, '')::point3" '{"x":null,"y":null,"z\"q":""}' \
	'whose fields may be null, or empty'
gives "('2024-01-31 12:00:00+00', (1, 2.50, 'x \"y\"')::point3,
	ARRAY[1, 9007199254740993]::cents[], 'so, so', false, '\\x00ff10',
	'{\"k\": [1.10, \"(,)\"]}')::visit" \
	'{"at":"2024-01-31T12:00:00Z","p":{"x":1,"y":2.50,"z\"q":"x \"y\""},"who":[1,9007199254740993],"m":"so, so","ok":false,"raw":"AP8Q","doc":{"k":[1.10,"(,)"]}}' \
	'with others in it'
gives "ARRAY[(1, 2, 'a,b')::point3, NULL, (3, 4, E'{\\\\}\"')::point3]" \
	'[{"x":1,"y":2,"z\"q":"a,b"},null,{"x":3,"y":4,"z\"q":"{\\}\""}]' \
	'an array of composites'
gives "'x'::char(3)" '"x  "'
gives "'10.0.0.1'::inet" '"10.0.0.1"'
gives "int4range(1, 5)" '"[1,5)"'
gives "E'tab\\tnl\\n\"q\" \\\\ \\x01 é 😀'" \
	'"tab\tnl\n\"q\" \\ \u0001 é 😀"' 'text'
gives 'chr(1114111)' "\"$(printf '\364\217\277\277')\"" 'the last character'

# All of Unicode, there and back.
cat >unicode.sql <<\END
SELECT g AS id, chr(g) AS c FROM generate_series(1, 1114111) g
WHERE g NOT BETWEEN 55296 AND 57343
END
retl-extract -f unicode.sql "$db" >out 2>err
ok $? 'all of Unicode goes through' "$(cat err)"
perl -CO -e 'my %e = map { eval("ord qq(\\$_)"), "\\$_" } qw(b f n r t);
	@e{34, 92} = ("\\\"", "\\\\");
	no warnings;
	for my $u (1 .. 0xd7ff, 0xe000 .. 0x10ffff) {
		my $c = $e{$u} // ($u < 32 ? sprintf("\\u%04x", $u) : chr $u);
		print "{\"id\":$u,\"c\":\"$c\"}\n" }' >rows
sealed rows >wanted
cmp wanted out >differ 2>&1
ok $? 'as it is' "$(cat differ)"

retl-extract -q "SELECT g AS id, CASE g WHEN 1 THEN repeat('é', 1500000) WHEN 3 THEN 'x' END AS v,
	CASE g WHEN 2 THEN ARRAY[decode(repeat('00', 3000000), 'hex')] END AS a
	FROM generate_series(1, 3) g" "$db" >out 2>err
{
	awk 'BEGIN { printf "{\"id\":1,\"v\":\""; for (i = 0; i < 1500000; i++) printf "é"
		printf "\",\"a\":null}\n{\"id\":2,\"v\":null,\"a\":[\""; for (i = 0; i < 4000000; i++) printf "A"
		print "\"]}\n{\"id\":3,\"v\":\"x\",\"a\":null}" }'
	seal 3
} >wanted
cmp wanted out >differ 2>&1
ok $? 'values of millions of bytes' "$(cat differ err)"

# ---- rows and seals ----

sql -c 'CREATE TABLE customer (id bigint PRIMARY KEY, "Name" text)' \
	-c "INSERT INTO customer VALUES (9007199254740993, 'Zoë'), (2, NULL)" \
	-c 'CREATE SCHEMA sales' \
	-c 'CREATE VIEW sales.names AS SELECT "Name" FROM customer' \
	-c 'CREATE TABLE sales."a.b ""c" (x int)'
cat >rows <<\END
{"id":9007199254740993,"Name":"Zoë"}
{"id":2,"Name":null}
END
sealed rows >wanted
retl-extract "$db" customer >out 2>err
ok $? 'a table' "$(cat err)"
same wanted out 'its rows, sealed'
retl-extract "postgresql:host=127.0.0.1 port=$port user=postgres" customer >out
same wanted out 'a connection string of words'
PGHOST=127.0.0.1 PGPORT=$port PGUSER=postgres retl-extract postgres: customer \
	>out
same wanted out 'the connection from the environment'
retl-extract "$db" sales.names >out
is "$(head -n 1 out)" '{"Name":"Zoë"}' 'a view in a schema'
retl-extract "$db" 'sales."a.b ""c"' >out
seal 0 >none
same none out 'a name in quotes; no rows'
exits 0 '--list' retl-extract --list "$db"
is "$(cat out)" 'customer
sales."a.b ""c"
sales.names' 'gives names as they can be used'
exits 78 'names are exact' retl-extract "$db" Customer
contains err 'relation "Customer" does not exist (SQLSTATE 42P01)' \
	'the message is the server'\''s'
retl-extract --limit 3 -q 'SELECT generate_series(1, 100000000) g' \
	"$db" >out
is "$(tr -d '\n' <out)" '{"g":1}{"g":2}{"g":3}' '--limit: no seal'
busy="SELECT count(*) FROM pg_stat_activity
	WHERE application_name = 'retl-extract' AND state <> 'idle'"
# shellcheck disable=SC2317 # soon calls it
idle() {
	[ "$(sql -c "$busy")" = 0 ]
}
soon idle
ok $? 'and the query does not go on'
retl-extract --wide-numbers=string -q 'SELECT 9007199254740991 a,
	9007199254740992 b, 1.10 c, 0.5::float8 d' "$db" >out
is "$(head -n 1 out)" \
	'{"a":9007199254740991,"b":"9007199254740992","c":"1.10","d":0.5}' \
	'--wide-numbers=string'
retl-extract -q "SELECT g id, md5(g::text) h, 1.10::numeric d,
	now() - g * interval '1 s' t FROM generate_series(1, 200000) g" "$db" >out
is "$(tail -n 1 out)" "$(seal 200000)" '200000 rows'
is "$(cut -d, -f 1 out | sed '$d' | cksum)" \
	"$(seq 200000 | sed 's/^/{"id":/' | cksum)" 'each of them'

# ---- parameters ----

# bound JSON NAME SQL WORDS...
bound() {
	want=$1 name=$2 query=$3
	shift 3
	retl-extract -q "$query" "$@" "$db" >out 2>err
	is "$(head -n 1 out)" "$want" "$name"
}
bound '{"id":9007199254740993}' 'a parameter beside a bigint' \
	'SELECT id FROM customer WHERE id = :id' -p id=9007199254740993
bound '{"x":1}' 'beside a date' \
	"SELECT 1 x WHERE date '2024-01-02' > :since" -p since=2024-01-01
bound '{"x":42}' 'with a cast, twice' \
	'SELECT :a::int + :a::int x' -p a=21
bound '{"x":"'"' OR 1=1 --"'"}' 'a value is not SQL' \
	'SELECT :v::text x' -p "v=' OR 1=1 --"
bound '{"a":":v","b":":v","c":"1","d":"'"'"':v","e":[2]}' \
	'strings, quotes, comments and slices are left alone' \
	"SELECT ':v' a, \$\$:v\$\$ b, /* :v /* :v */ :v */ :v::text c, -- :v
	E'\\':v' || '' AS d, (ARRAY[1,2,3])[2:2] e" -p v=1
is "$(cat err)" '' 'no warning'
retl-extract -q "SELECT E'\\':v' d, \$t\$ :v \$\$ \$t\$ e, U&':v' f, 1 \":v\",
	:v::text g" -p v=1 "$db" >out
is "$(head -n 1 out)" "{\"d\":\"':v\",\"e\":\" :v \$\$ \",\"f\":\":v\",\":v\":1,\
\"g\":\"1\"}" 'of every kind'
exits 64 'a parameter without a value' \
	retl-extract -q 'SELECT :a::int x' "$db"
exits 64 'a value without a parameter' \
	retl-extract -q 'SELECT :a::int x' -p a=1 -p b=2 "$db"
exits 78 'a numbered parameter' retl-extract -q 'SELECT $1::int x' "$db"
exits 65 'a value of the wrong kind' \
	retl-extract -q 'SELECT id FROM customer WHERE id = :id' -p id=secret "$db"
lacks err secret 'the message does not show it'

# ---- the key, shards, cursors, columns ----

. "$top/tests/sqlopts.sh"
keys_sql postgresql | sql
sql -c "ALTER TABLE key_rows ALTER t TYPE varchar(60) COLLATE \"und-x-icu\"" \
	2>log2 || :
sql_options "$db" ':cursor::int'
ordered() {
	retl-extract -k v -q "$2" "$db" >out 2>err
	retl-sort -c -k v <out 2>>err
	ok $? "-k of $1" "$(cat err)"
}
ordered char "SELECT v::char(3) FROM (VALUES ('b'), ('a '), (E'a\t')) x(v)"
ordered timestamptz "SELECT v::timestamptz FROM (VALUES
	('2024-01-01 10:00:00.5'), ('2024-01-01 10:00:00'), ('infinity')) x(v)"
ordered timestamp "SELECT v::timestamp FROM (VALUES
	('2024-01-01 10:00:00.5'), ('2024-01-01 10:00:00')) x(v)"
ordered bytea "SELECT decode(repeat(md5(g::text), 9), 'hex') AS v
	FROM generate_series(1, 99) g"
ordered uuid "SELECT md5(g::text)::uuid AS v FROM generate_series(1, 99) g"
ordered enum "SELECT v::mood FROM (VALUES ('so, so'), ('sad')) x(v)"
ordered boolean 'SELECT v FROM (VALUES (true), (false)) x(v)'
ordered numeric "SELECT v FROM (VALUES (1e30), (-1e30), (0.1), (0.11)) x(v)"
ordered 'what a parameter gives' 'SELECT 1 AS v'
exits 78 '-k of an array' retl-extract -k v -q 'SELECT ARRAY[1] AS v' "$db"
contains err 'leave -k to retl-sort' 'says what to do'
retl-extract -k v --shard 1/1 -q "SELECT v FROM (VALUES (1), (NULL)) x(v)" \
	"$db" >out
is "$(tail -n 1 out)" "$(seal 2)" 'a null in a key is in some shard'
for i in 1 2 3 4 5; do
	retl-extract -k v --shard $i/5 -q "SELECT g::numeric(9, 0)::numeric AS v
		FROM generate_series(1, 30) g UNION ALL SELECT g::numeric(9, 2)
		FROM generate_series(1, 30) g UNION ALL SELECT g * 10.0
		FROM generate_series(1, 30) g" "$db" |
		sed -n 's/^{"v":\([0-9]*\)[.}].*/\1/p' | sort -u
done >out
is "$(wc -l <out) $(sort -u out | wc -l)" '57 57' \
	'1, 1.00 and 1.0 are one key, and so in one shard'
one_zero "$db" "SELECT v::float8 FROM (VALUES ('0'), ('-0')) x(v)"
one_zero "$db" "SELECT v::float4 FROM (VALUES ('0'), ('-0')) x(v)"
retl-extract -k id -q 'SELECT id FROM customer WHERE id > :id' -p id=1 \
	"$db" >out
is "$(tail -n 1 out)" "$(seal 2)" 'a parameter within'
retl-extract --schema -q "SELECT 1::int8 a, 1.1 b, now() c, '{}'::text[] d,
	'\\x00'::bytea e, ROW(1, 2, 'x')::point3 f, current_date g" "$db" >out
ok $? '--schema'
grep '"\$comment"' out >types
cat >wanted <<\END
    "a": {"type": ["integer", "null"], "$comment": "bigint"},
    "b": {"type": ["number", "null"], "$comment": "numeric"},
    "c": {"type": ["string", "null"], "format": "date-time", "$comment": "timestamptz"},
    "d": {"type": ["array", "null"], "$comment": "array"},
    "e": {"type": ["string", "null"], "contentEncoding": "base64", "$comment": "bytea"},
    "f": {"type": ["object", "null"], "$comment": "composite"},
    "g": {"type": ["string", "null"], "format": "date", "$comment": "date"}
END
same wanted types 'names types'

# ---- Redshift: the same protocol, no COPY, no catalogue ----

redshift=redshift:${db#postgresql:}
retl-extract -k id "$redshift" customer >out 2>err
ok $? 'redshift:' "$(cat err)"
retl-extract -k id "$db" customer >wanted
same wanted out 'gives the same rows'
retl-extract -q "SELECT 'sad'::mood AS m, (1, 2, 'x')::point3 AS p, :x::int AS x" \
	-p x=7 "$redshift" >out
is "$(head -n 1 out)" '{"m":"sad","p":"(1,2,x)","x":7}' \
	'what a database defines is text there'
exits 69 'its port is another' \
	retl-extract "$(echo "$redshift" | sed "s/:$port//")" customer
contains err 'port 5439' 'unless the URL says it'

# ---- what is refused ----

exits 78 'a statement that writes' \
	retl-extract -q 'DELETE FROM customer RETURNING id' "$db"
exits 78 'a function that writes' retl-extract \
	-q "SELECT nextval('s') FROM (SELECT setval('s', 1)) t" "$db"
is "$(sql -c 'SELECT count(*) FROM customer')" 2 'the table is as it was'
exits 78 'two statements' retl-extract -q 'SELECT 1 x; SELECT 2 x' "$db"
exits 78 'a statement without rows' retl-extract -q 'COMMIT' "$db"
exits 78 'COPY' retl-extract -q 'COPY customer TO STDOUT' "$db"
exits 78 'an empty query' retl-extract -q '-- nothing' "$db"
exits 78 'SQL that does not compile' retl-extract -q 'SELEC 1' "$db"
exits 65 'two columns of one name' retl-extract -q 'SELECT 1 a, 2 a' "$db"
exits 65 'also where there are no rows' \
	retl-extract -q 'SELECT 1 a, 2 a WHERE false' "$db"
exits 65 'a reserved name' retl-extract -q 'SELECT 1 diff_outcome' "$db"
exits 65 'a lone surrogate in json' \
	retl-extract -q "SELECT '\"\\ud800\"'::json x" "$db"
contains err "row 1: column 'x': a lone surrogate" 'row and column are named'
exits 65 'json nested too deep' \
	retl-extract -q "SELECT (repeat('[', 512) || repeat(']', 512))::json x" "$db"
exits 0 'json nested just so' \
	retl-extract -q "SELECT (repeat('[', 511) || repeat(']', 511))::json x" "$db"
exits 64 'a query and no table' retl-extract "$db"

sql -c "CREATE DATABASE raw ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
exits 65 'text that is not UTF-8, from a database that does not care' \
	retl-extract -q "SELECT E'a\\xff' x" "${db%/postgres}/raw"
contains err 'invalid byte sequence' 'the server refuses it'

done_testing

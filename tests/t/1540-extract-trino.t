#!/bin/sh
# retl-extract from Trino, played by a fake: types, pages in their order,
# failures at every place, and a server that is told when nobody reads on.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"

columns='"columns":[
{"name":"id","type":"bigint","typeSignature":{"rawType":"bigint","arguments":[]}},
{"name":"s","type":"varchar","typeSignature":{"rawType":"varchar","arguments":[{"kind":"LONG","value":9}]}}]'
columns=$(echo "$columns" | tr -d '\n')
queued='{"stats":{"state":"QUEUED"}}'
done='{"stats":{"state":"FINISHED"}}'

# serve OPTION...: plays ./script
serve() {
	mock_stop trino
	rm -f log
	mock_start trino trinod --script script --log log "$@"
	at=trino+http://me@127.0.0.1:$(cat trino.port)/hive/shop
}
# get OPTION...
get() {
	timeout 60 retl-extract --retries 2 "$@" "$at" >out 2>err
	status=$?
}
# broken STATUS MESSAGE CLAIM
broken() {
	get -q 'select 1'
	ended "$@"
}

# ---- types ----

sig() {
	printf '{"name":"%s","typeSignature":{"rawType":"%s","arguments":%s}}' \
		"$1" "$2" "${3-[]}"
}
varchar='{"rawType":"varchar","arguments":[]}'
decimal='{"rawType":"decimal","arguments":[]}'
field() {
	printf '{"kind":"NAMED_TYPE","value":{"fieldName":%s,"typeSignature":%s}}' \
		"$1" "$2"
}
# type CLAIM COLUMN VALUE WANTED
type() {
	{
		echo "$queued"
		printf '{"columns":[%s],"data":[[%s]],"stats":{}}\n' "$2" "$3"
		echo "$done"
	} >script
	serve
	printf '{"x":%s}\n' "$4" >rows
	sealed rows >wanted
	get -q 'select 1'
	same wanted out "$1"
}
type 'bigint' "$(sig x bigint)" 9223372036854775807 9223372036854775807
type 'double' "$(sig x double)" 1.0E20 1e+20
type 'NaN' "$(sig x double)" '"NaN"' null
type 'real' "$(sig x real)" 0.1 0.1
type 'decimal' "$(sig x decimal)" '"12345678901234567890.1200"' \
	12345678901234567890.1200
type 'number' "$(sig x number)" '"1.10"' 1.10
type 'boolean' "$(sig x boolean)" true true
type 'varchar' "$(sig x varchar)" '"a\u00e9\n\"😀"' '"aé\n\"😀"'
type 'NULL' "$(sig x varchar)" null null
type 'date' "$(sig x date)" '"2024-01-31"' '"2024-01-31"'
type 'time' "$(sig x time)" '"12:00:00.250000"' '"12:00:00.25"'
type 'timestamp' "$(sig x timestamp)" '"2024-01-31 12:00:00.120"' \
	'"2024-01-31T12:00:00.12"'
zoned='timestamp with time zone'
type 'timestamp in UTC' "$(sig x "$zoned")" '"2024-01-31 12:00:00.000 UTC"' \
	'"2024-01-31T12:00:00Z"'
type 'with an offset' "$(sig x "$zoned")" '"2024-02-29 23:30:00.5 -05:30"' \
	'"2024-03-01T05:00:00.5Z"'
type 'varbinary' "$(sig x varbinary)" '"AP8="' '"AP8="'
type 'json' "$(sig x json)" '"{\"a\": 1.10,\n\"b\":[]}"' '{"a":1.10,"b":[]}'
type 'uuid' "$(sig x uuid)" '"0-1"' '"0-1"'
type 'array' "$(sig x array "[{\"kind\":\"TYPE\",\"value\":$decimal}]")" \
	'["1.10",null]' '[1.10,null]'
type 'map' "$(sig x map \
	"[{\"kind\":\"TYPE\",\"value\":$varchar},{\"kind\":\"TYPE\",\"value\":$decimal}]")" \
	'{"a b":"1.10"}' '{"a b":1.10}'
type 'row' "$(sig x row \
	"[$(field '{"name":"n"}' "$decimal"),$(field null "$varchar")]")" \
	'["1.10","y"]' '{"n":1.10,"field1":"y"}'
get --wide-numbers string -q 'select 1'
contains out '"n":"1.10"' '--wide-numbers'
{ echo "{\"columns\":[$(sig x "$zoned")]}"
	echo '{"data":[["2024-01-31 12:00:00.000 Europe/Paris"]],"stats":{"state":"FINISHED"}}'; } >script
serve
broken 65 "AT TIME ZONE 'UTC'" 'a zone by its name'

# ---- pages ----

awk -v columns="$columns" 'BEGIN {
	print "{\"stats\":{\"state\":\"QUEUED\"}}"
	print "{" columns ",\"stats\":{\"state\":\"RUNNING\"}}"
	for (p = 0; p < 100; p++) {
		printf "{%s,\"data\":[", columns
		for (i = 1; i <= 1000; i++)
			printf "%s[%d,\"row %d é\"]", (i > 1 ? "," : ""),
				p * 1000 + i, i
		print "],\"stats\":{\"state\":\"RUNNING\"}}"
		if (p % 10 == 0)
			print "{\"stats\":{\"state\":\"RUNNING\"}}"
	}
	print "{\"stats\":{\"state\":\"FINISHED\"}}"
}' >pages
awk 'BEGIN { for (p = 0; p < 100; p++) for (i = 1; i <= 1000; i++)
	printf "{\"id\":%d,\"s\":\"row %d é\"}\n", p * 1000 + i, i }' >rows
sealed rows >all
cp pages script
serve
get -q 'select * from t;'
same all out '100,000 rows over many pages, some without rows'
contains log '[select * from t]' 'the statement goes without its semicolon'
serve --at 1=503 --at 5=502 --at 6=reset-before --at 9=429 --at 20=half \
	--at 30=empty
get -q 'select 1'
same all out 'troubles that pass: the page is asked for again'
serve --at 40=503 --at 41=503 --at 42=503
broken 75 '(3 attempts)' 'trouble that does not pass'
n=$(wc -l <pages)
serve --at "$n=503" --at $((n + 1))=503 --at $((n + 2))=503
broken 75 '(3 attempts)' 'trouble at the last page'
is "$(wc -l <out)" 100000 'the rows before it are written'
serve --at 1=429+0 --at 2=429+0 --at 3=429+0
broken 75 'HTTP 429 (3 attempts)' 'throttling without end'
serve --at 40=401
broken 77 'check the user' 'a token that runs out in the middle'
serve --at 40=500
broken 69 'HTTP 500' 'a 500 is for good'
serve --at 40=garbage
broken 69 'no JSON' 'a page that is none'
serve --elsewhere 127.0.0.2:80
broken 69 'another server' 'a next page somewhere else'
serve
timeout 60 retl-extract --limit 1500 -q 'select 1' "$at" >out 2>err
is "$?/$(wc -l <out)" 0/1500 '--limit'
contains log 'DELETE' 'the server is told'
serve --latency 100
retl-extract -q 'select 1' "$at" >out 2>err &
client=$!
soon has 5 GET log
kill -TERM $client
wait $client
is $? 143 'a signal ends it'
contains log 'DELETE' 'and the server is told'
serve --latency 10
timeout 60 bash -c 'retl-extract -q "select 1" "$1" | head -n 1 >/dev/null
	exit ${PIPESTATUS[0]}' - "$at" 2>err
is $? 141 'a reader that goes away ends it by SIGPIPE' "$(cat err)"
contains log 'DELETE' 'of which the server is told too'

{ echo "$queued"; echo "{$columns}"; echo "$done"; } >script
serve
: >rows
sealed rows >wanted
get -q 'select 1'
same wanted out 'no rows'
head -c 3000000 /dev/zero | tr '\0' x >cell
{ echo "$queued"; printf '{%s,"data":[[1,"%s"]]}\n' "$columns" "$(cat cell)"
	echo "$done"; } >script
serve
{ printf '{"id":1,"s":"'; cat cell; echo '"}'; } >rows
sealed rows >wanted
get -q 'select 1'
same wanted out 'a value of three million bytes'

# ---- errors ----

# fails NAME TYPE MESSAGE: after a page with a row
fails() {
	{
		echo "$queued"
		echo "{$columns,\"data\":[[1,\"a\"]],\"stats\":{\"state\":\"RUNNING\"}}"
		echo "{\"error\":{\"message\":\"$3\",\"errorCode\":1,\"errorName\":\"$1\",\"errorType\":\"$2\"},\"stats\":{\"state\":\"FAILED\"}}"
	} >script
	serve
}
fails DIVISION_BY_ZERO USER_ERROR 'Division by zero'
broken 65 DIVISION_BY_ZERO 'an error behind rows, with HTTP 200'
is "$(cat out)" '{"id":1,"s":"a"}' 'the rows before it are written'
fails INVALID_CAST_ARGUMENT USER_ERROR "Cannot cast 'zoe@x' to BIGINT"
broken 65 INVALID_CAST 'an error about a value'
lacks err zoe 'which is not shown'
fails TABLE_NOT_FOUND USER_ERROR "line 1:15: Table 'x' does not exist"
broken 78 "Table 'x'" 'a table that is not there'
fails PERMISSION_DENIED USER_ERROR 'Access Denied'
broken 77 'Access Denied' 'a right that is missing'
fails EXCEEDED_LOCAL_MEMORY_LIMIT INSUFFICIENT_RESOURCES 'too much'
broken 75 EXCEEDED 'resources that are missing'
fails GENERIC_INTERNAL_ERROR INTERNAL_ERROR 'oops'
broken 69 GENERIC_INTERNAL 'an error in the server'
echo '{"stats":{"state":"FINISHED"},"updateType":"CREATE TABLE"}' >script
serve
broken 78 'gives no rows' 'a statement without a result'
echo "{$columns,\"data\":[[1,\"a\"]],\"stats\":{\"state\":\"RUNNING\"}}" >script
serve
broken 69 'before the query had finished' 'pages that just stop'
echo "{$columns,\"data\":[[1]],\"stats\":{\"state\":\"FINISHED\"}}" >script
serve
broken 65 'not as many values' 'a row that is too short'
echo '{"columns":[{"name":"a"},{"name":"a"}],"stats":{"state":"FINISHED"}}' \
	>script
serve
broken 65 'has the name of column 1' 'two columns of one name'
echo "{$columns,\"data\":{\"encoding\":\"json+zstd\"}}" >script
serve
broken 69 'was not asked for' 'a spooled result'

# ---- who, and what ----

{ echo "$queued"; echo "{$columns,\"data\":[[1,\"a\"]]}"; echo "$done"; } >script
serve --authorization 'Bearer x'
broken 77 'TRINO_TOKEN' 'a server that wants credentials'
TRINO_PASSWORD=geheim broken 78 'in the clear' 'a password without TLS'
lacks err geheim 'is not shown'
serve
get -p "who=it's" -q 'select * from t where name = :who'
is "$status" 0 'a parameter'
contains log "[EXECUTE retl USING 'it''s'] [retl=select * from t where name = ?]" \
	'travels beside the statement'
exits 64 'a password in the URL' \
	retl-extract -q 'select 1' trino://me:pw@127.0.0.1/a
lacks err pw 'is not shown'
timeout 60 retl-extract "$at" 'sales.or"ders' >out 2>err
is "$?" 64 'a name that is none'
timeout 60 retl-extract "$at" sales.orders >out 2>err
contains log '[select * from "sales"."orders"]' 'a table'
names='"columns":[{"name":"a"},{"name":"b"}]'
{ echo "$queued"; echo "{$names,\"data\":[[\"s\",\"t\"],[\"s\",\"u.v\"]]}"
	echo "$done"; } >script
serve
is "$(retl-extract --list "$at")" 's.t
s."u.v"' '--list'

# ---- the key, shards, columns ----

# asked SCRIPT...: the key, from what the server says of its columns
asked() {
	mock_stop trino
	rm -f log
	mock_start trino trinod --log log "$@"
	at=trino+http://me@127.0.0.1:$(cat trino.port)/hive/shop
}
{ echo "$queued"; echo "{$columns}"; echo "$done"; } >bare
{ echo "$queued"; echo "{$columns,\"data\":[[1,\"a\"]]}"; echo "$done"; } >script
echo '{"id":1,"s":"a"}' >rows
sealed rows >wanted
asked --script bare --script script
get -k s,id --shard 2/3 -p x=1 -q 'select * from t where x = :x -- all'
same wanted out 'a key and a shard'
tr '\n' ' ' <log >line
contains line '[retl=select * from ( select * from t where x = ? ) "retl_rows" limit 0]' \
	'the columns are asked for first'
contains line '[retl=select * from ( select * from t where x = ? ) "retl_rows" where mod(mod(from_big_endian_64(xxhash64(to_utf8('"''"' || '"','"' || coalesce(cast("s" as varchar), '"''"') || '"','"' || coalesce(cast("id" as varchar), '"''"')))), 3) + 3, 3) = 1 order by "s", "id"]' \
	'then the rows of the shard, in order'
is "$(grep -c "EXECUTE retl USING '1'" log)" 2 'the parameter goes with both'
asked --script script
long=$(printf '%2100s' '' | tr ' ' x)
get -p x="it's" -q "select '$long' as a, :x as b"
contains log "[EXECUTE IMMEDIATE 'select ''$long'' as a, ? as b' USING 'it''s']" \
	'a statement that is too long for a header is prepared in the body'
asked --script bare --script script
timeout 60 retl-extract -k id "$at" orders >out 2>err
same wanted out 'a key of a table'
get -k nosuch -q 'select 1'
is "$status" 78 'a key that is no column'
echo "{\"columns\":[$(sig x char)],\"data\":[],\"stats\":{\"state\":\"FINISHED\"}}" >bare
asked --script bare
get -k x -q 'select 1'
is "$status" 78 'a key of char(n)'
contains err 'leave -k to retl-sort(1)' 'the message'
echo "{\"columns\":[$(sig i bigint),$(sig d date)],\"stats\":{\"state\":\"FINISHED\"}}" >bare
asked --script bare
get --schema -q 'select 1'
is "$(jq -c '.properties | [.i.type, .d.format, .d["$comment"]]' out)" \
	'[["integer","null"],"date","date"]' '--schema'
{
	echo "$queued"
	echo "{\"columns\":[$(sig x bigint)],\"data\":[[1]],\"stats\":{}}"
	echo "$done"
} >script
serve --repeats
broken 69 'the page behind this one is this one' 'a page that comes again and again'
mock_stop trino
done_testing

#!/bin/sh
# retl-extract from Databricks, played by a fake: links and inline chunks,
# types, failures at every place, a warehouse that is told to stop.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"

unset DATABRICKS_HOST DATABRICKS_CLIENT_ID DATABRICKS_CLIENT_SECRET
DATABRICKS_TOKEN=dapi-s3cret DATABRICKS_WAREHOUSE_ID=wh
# What whoever runs the tests has there is not ours.
DATABRICKS_CONFIG_FILE=$work/none
unset DATABRICKS_CONFIG_PROFILE
export DATABRICKS_TOKEN DATABRICKS_WAREHOUSE_ID DATABRICKS_CONFIG_FILE
# serve OPTION...
serve() {
	mock_stop dbx
	rm -f log
	mock_start dbx databricksd --log log "$@"
	DATABRICKS_HOST=$(mock_url dbx)
	export DATABRICKS_HOST
}
pat() {
	serve --pat dapi-s3cret "$@"
}
# get [URL]
get() {
	timeout 60 retl-extract --retries 2 -q 'select 1' \
		"${1-databricks:///main/shop}" >out 2>err
	status=$?
}
# broken STATUS MESSAGE CLAIM
broken() {
	get
	ended "$@"
}
awk 'BEGIN { for (i = 0; i < 100000; i++)
	printf "{\"id\":%d,\"name\":\"row %d é\"}\n", i, i }' >rows
sealed rows >all

# ---- chunks ----

pat --generate 100000 --pending 3
get
same all out '100,000 rows by links to a hundred chunks'
contains log '"disposition":"EXTERNAL_LINKS"' 'links are asked for'
contains log '"catalog":"main","schema":"shop"' 'the catalog and the schema'
lacks log '/storage/0 400' 'the storage never sees our credentials'
get 'databricks:///main/shop?disposition=inline'
same all out 'the same rows inline'
lacks log '/storage/100' 'without links'
pat --generate 100000 --stale 5
get
same all out 'links that have run out are asked for again'
contains log '/storage/0 403' 'they had'
pat --generate 100000 --stale 1000
broken 75 'HTTP 403 (3 attempts)' 'but not for ever'
lacks err sig= 'no link in a message'
pat --generate 100000 --at 3=503 --at 6=half --at 9=reset-before --at 12=429
get
same all out 'troubles that pass'
pat --generate 10000 $(seq -f '--at %g=500' 21 40)
broken 75 'HTTP 500 (3 attempts)' 'trouble at the last chunk'
grep -q '"id":4999,' out
ok $? 'rows before it are written'
pat --generate 10 --at 1=429+0 --at 2=429+0 --at 3=429+0
broken 75 'HTTP 429 (3 attempts)' 'throttling without end'
pat --generate 10000 --pat-uses 9
broken 77 'check the token' 'a token that runs out in the middle'
pat --generate 100000 --drops 1
broken 65 'was announced with 1000 rows and has 999' 'a row that gets lost'
[ "$(wc -l <out)" -gt 90000 ]
ok $? 'the rows before it are written'
pat --generate 100 --truncated
broken 69 'truncated' 'a result that was cut by the server'
pat --generate 100 --at 1=503
get
same /dev/null err 'a busy server at the beginning'
pat --generate 100 --at 1=500
broken 75 'HTTP 500' 'what may run twice is not sent twice'
pat --generate 100000 --at 20=garbage --at 21=garbage
broken 69 'chunk' 'a chunk that is none'
pat
: >rows
sealed rows >wanted
get
same wanted out 'no rows'
timeout 60 retl-extract --limit 1 -q 'select 1' databricks: >out 2>err
is $? 0 '--limit'

# ---- types ----

# type NAME VALUE WANTED
type() {
	pat --columns "[{\"name\":\"x\",\"type_name\":\"$1\"}]" --rows "[[$2]]"
	printf '{"x":%s}\n' "$3" >rows
	sealed rows >wanted
	get 'databricks:?disposition=inline'
	same wanted out "$1"
}
type LONG '"9223372036854775807"' 9223372036854775807
type DECIMAL '"12345678901234567890.1200"' 12345678901234567890.1200
type DOUBLE '"1.0E20"' 1e+20
type FLOAT '"0.1"' 0.1
type DOUBLE '"NaN"' null
type BOOLEAN '"true"' true
type STRING '"a\n\"é😀"' '"a\n\"é😀"'
type STRING '"null"' '"null"'
type STRING null null
type DATE '"2024-01-31"' '"2024-01-31"'
type TIMESTAMP '"2024-01-31T12:00:00.500Z"' '"2024-01-31T12:00:00.5Z"'
type TIMESTAMP '"2024-02-29 23:30:00-05:30"' '"2024-03-01T05:00:00Z"'
type TIMESTAMP_NTZ '"2024-01-31T12:00:00.000"' '"2024-01-31T12:00:00"'
pat --columns '[{"name":"raw","type_name":"BINARY"}]' --rows '[["AP8="]]'
broken 78 "column 'raw' is BINARY" 'bytes, which clients read in two ways'
retl-extract --schema databricks: t >out 2>err
is $? 0 'they have a place in --schema'
pat --columns '[{"name":"x","type_name":"TIMESTAMP","type_text":"TIMESTAMP_NTZ"},
	{"name":"v","type_text":"VARIANT"}]' \
	--rows '[["2024-01-31T12:00:00.000","{\"a\": 1}"]]'
get
is "$(head -n 1 out)" '{"x":"2024-01-31T12:00:00","v":{"a":1}}' \
	'types that only the text tells'
type STRUCT '"{\"a\": 1.10, \"b\":[1]}"' '{"a":1.10,"b":[1]}'
type INTERVAL '"1-2"' '"1-2"'
pat --columns '[{"name":"x","type_name":"LONG"}]' --rows '[["abc"]]'
broken 65 "column 'x'" 'a number that is none'
head -c 3000000 /dev/zero | tr '\0' x >cell
{ printf '[["'; cat cell; echo '"]]'; } >cell.json
{ printf '{"x":"'; cat cell; echo '"}'; } >rows
sealed rows >wanted
for how in inline links; do
	pat --columns '[{"name":"x","type_name":"STRING"}]' --rows-file cell.json
	get "databricks:?disposition=$how"
	same wanted out "a value of three million bytes: $how"
done

# ---- errors, with HTTP 200 ----

pat --fails 'BAD_REQUEST:[PARSE_SYNTAX_ERROR] Syntax error at or near selec'
broken 78 'PARSE_SYNTAX_ERROR' 'SQL that is none'
pat --fails "BAD_REQUEST:[CAST_INVALID_INPUT] The value 'zoe@x' of the type"
broken 65 'CAST_INVALID_INPUT' 'an error about a value'
lacks err zoe 'which is not shown'
pat --fails 'PERMISSION_DENIED:no'
broken 77 PERMISSION_DENIED 'a right that is missing'
pat --fails 'RESOURCE_EXHAUSTED:no'
broken 75 RESOURCE_EXHAUSTED 'resources that are missing'
pat --fails 'INTERNAL_ERROR:no'
broken 69 INTERNAL_ERROR 'an error in the server'

# ---- who ----

serve --pat other
broken 77 'check the token' 'a token that is not good'
lacks err s3cret 'is not shown'
DATABRICKS_TOKEN='' broken 77 'no credentials' 'no credentials'
unset DATABRICKS_TOKEN
serve --client me --client-secret pw --client-auth basic \
	--scope all-apis --generate 100000 --uses 40
DATABRICKS_CLIENT_ID=me DATABRICKS_CLIENT_SECRET=pw get
same all out 'a client, whose tokens run out and are renewed'
DATABRICKS_CLIENT_ID=me DATABRICKS_CLIENT_SECRET=no broken 77 \
	'no access token' 'a wrong secret'
cat >cfg <<END
; of the tools
[DEFAULT]
host  = $DATABRICKS_HOST/
token = dapi-s3cret

[client]
host = $DATABRICKS_HOST
client_id = me
client_secret = pw
warehouse_id = wh

[cli]
host = $DATABRICKS_HOST
auth_type = databricks-cli
END
host=$DATABRICKS_HOST
unset DATABRICKS_HOST
DATABRICKS_CONFIG_FILE=$work/cfg
DATABRICKS_CONFIG_PROFILE=client get
same all out 'a client of a profile'
DATABRICKS_WAREHOUSE_ID='' get 'databricks:?profile=client'
same all out 'one that the URL names, with its warehouse'
DATABRICKS_HOST=other.example.com broken 77 'no credentials' \
	'the default profile is not for another host'
get 'databricks://other.example.com/main?profile=client&warehouse=wh'
is "$status" 78 'nor is one that is named'
contains err 'another host' 'which the message says'
lacks err s3cret 'without a secret'
DATABRICKS_CONFIG_PROFILE=cli broken 77 auth_type 'a login for people'
DATABRICKS_CONFIG_PROFILE=nosuch broken 78 "no profile 'nosuch'" \
	'a profile that is not there'
DATABRICKS_CONFIG_FILE=$work/none DATABRICKS_CONFIG_PROFILE=client broken 66 \
	'none' 'a file that is not there'
pat --generate 100000
sed -i "s|$host|$DATABRICKS_HOST|" cfg
unset DATABRICKS_HOST
get
same all out 'the token of the default profile'
DATABRICKS_CONFIG_FILE=$work/none
export DATABRICKS_TOKEN=dapi-s3cret
exits 64 'no warehouse' env DATABRICKS_WAREHOUSE_ID= \
	retl-extract -q 'select 1' databricks://h
exits 64 'no host' env DATABRICKS_HOST= retl-extract -q 'select 1' databricks:
exits 64 'an option that is none' \
	retl-extract -q 'select 1' 'databricks://h?x=1'

# ---- parameters, tables, signals ----

pat --generate 1
retl-extract -p "a=it's" -q 'select :a from t;' databricks: >out 2>err
contains log '"statement":"select :a from t"' 'the statement is as it was'
contains log '"parameters":[{"name":"a","value":"it'"'"'s"}]' \
	'a value stands beside it'
retl-extract databricks: sales.orders >out 2>err
contains log 'select * from `sales`.`orders`' 'a table'
retl-extract -p x=1 -q 'select raw:a.b, :x from t' databricks: >out 2>err
contains log '"statement":"select raw:a.b, :x from t"' 'a path is no parameter'
exits 78 'a question mark' retl-extract -q 'select ?' databricks:

pat --generate 2
retl-extract -k name,id --shard 1/2 -p a=1 -q 'select :a -- all' databricks: \
	>out 2>err
ok $? 'a key and a shard' "$(cat err)"
is "$(grep -c '^{' out)" 2 'the rows'
contains log '"select * from (\nselect :a\n) `retl_rows` limit 0"' \
	'the columns are asked for first'
contains log '"select * from (\nselect :a\n) `retl_rows` where pmod(xxhash64(`name`, `id`), 2) = 0 order by cast(`name` as binary), `id`"' \
	'then the rows of the shard, in order'
exits 78 'a key that is no column' retl-extract -k x -q 'select 1' databricks:
retl-extract --schema databricks: t >out 2>err
is "$(jq -c '.properties | [.id.type, .name.type]' out)" \
	'[["integer","null"],["string","null"]]' '--schema'
pat --columns '[{"name":"x","type_name":"INTERVAL"}]' --rows '[["1-2"]]'
exits 78 'a key without an order' retl-extract -k x -q 'select 1' databricks:
pat --columns '[{"name":"s","type_name":"STRING"},{"name":"t","type_name":"STRING"}]' \
	--rows '[["shop","or.ders"]]'
is "$(retl-extract --list 'databricks:///main?disposition=inline')" \
	'shop."or.ders"' '--list'
contains log 'information_schema.tables' 'from the information schema'
pat --drops 1 --generate 10
retl-extract --list databricks: >out 2>err
is "$?/$(cat out)" 65/ '--list of which something is lost'

pat --never
retl-extract -q 'select 1' databricks: >out 2>err &
client=$!
soon has 2 GET log
kill -TERM $client
wait $client
is $? 143 'a signal ends it'
contains log '/cancel 200' 'and the statement is cancelled'
mock_stop dbx
done_testing

#!/bin/sh
# Snowflake: types, partitions, failures, against a fake that checks the JWT,
# the ids and the headers, and that breaks its promises on order.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'
retl-extract --list-sources | grep -q '^snowflake:' || skip_all 'not built in'

openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
openssl pkcs8 -topk8 -in key.pem -passout pass:sesame -out locked.pem 2>/dev/null
for v in $(env | sed -n 's/^\(SNOWFLAKE_[A-Z_]*\)=.*/\1/p'); do unset "$v"; done
export SNOWFLAKE_PRIVATE_KEY_PATH=key.pem SNOWFLAKE_PROTOCOL=http
# What whoever runs the tests has there is not ours.
mkdir sfhome
export SNOWFLAKE_HOME="$work/sfhome"
url='snowflake://my-acct/DB/PUBLIC?user=sync&warehouse=WH&role=R'

# serve ARGUMENT...: a fresh server
serve() {
	mock_stop sf
	rm -f log
	mock_start sf snowflaked --key pub.pem --issuer MY-ACCT.SYNC \
		--subject MY-ACCT.SYNC --log log "$@"
	SNOWFLAKE_HOST=127.0.0.1:$(cat sf.port)
	export SNOWFLAKE_HOST
}
# get ARGUMENT...: ./out, ./err, the status in $status
get() {
	timeout 60 retl-extract "$@" >out 2>err
	status=$?
}
sealed_end() {
	tail -n 1 out | grep -qv '[^[:space:]]'
}
# broken STATUS TEXT NAME: no seal, that status, that text
broken() {
	is "$status" "$1" "$3: $1"
	contains err "$2" "$3: the message"
	if sealed_end && [ -s out ]; then ok 1 "$3: not sealed"; else ok 0 "$3: not sealed"; fi
}

# ---- types ----
cat >types.json <<\E
{"rowType": [
 {"name":"I","type":"fixed","scale":0}, {"name":"D","type":"fixed","scale":2},
 {"name":"F","type":"real"}, {"name":"DF","type":"decfloat"}, {"name":"T","type":"text"},
 {"name":"B","type":"boolean"}, {"name":"DAY","type":"date"}, {"name":"CLOCK","type":"time"},
 {"name":"NTZ","type":"timestamp_ntz"}, {"name":"LTZ","type":"timestamp_ltz"},
 {"name":"TZ","type":"timestamp_tz"}, {"name":"BIN","type":"binary"},
 {"name":"V","type":"variant"}, {"name":"G","type":"geography"}],
 "rows": [
 ["99999999999999999999999999999999999999","1.10","0.1","1.5E+10","a\u0001\"\\\ud83d\ude00ä","true","19723","82919.123000000",
  "1706745600.000000000","-1.500000000","1706745600.123456789 1560","00FF10",
  "{\n  \"a\": 1.10,\n  \"b\": [\n    undefined,\n    \"undefined \\\" undefined\",\n    12345678901234567890\n  ]\n}",
  "{\"coordinates\":[1,2],\"type\":\"Point\"}"],
 ["-1","-0.01","1e300","-3","","false","-1","0","-86400","0","0.000000000 1440","","null","[ ]"],
 ["0","0.00","0.30000000000000004","0","null","true","2932896","86399.999999999","253402300799.999999999","-62135596800",
  "-0.000000001 720","ff","\"x\"","1"],
 [null,null,null,null,null,null,null,null,null,null,null,null,null,null]]}
E
cat >want <<\E
{"I":99999999999999999999999999999999999999,"D":1.10,"F":0.1,"DF":1.5E+10,"T":"a\u0001\"\\😀ä","B":true,"DAY":"2024-01-01","CLOCK":"23:01:59.123","NTZ":"2024-02-01T00:00:00","LTZ":"1969-12-31T23:59:58.5Z","TZ":"2024-02-01T00:00:00.123456789Z","BIN":"AP8Q","V":{"a":1.10,"b":[null,"undefined \" undefined",12345678901234567890]},"G":{"coordinates":[1,2],"type":"Point"}}
{"I":-1,"D":-0.01,"F":1e+300,"DF":-3,"T":"","B":false,"DAY":"1969-12-31","CLOCK":"00:00:00","NTZ":"1969-12-31T00:00:00","LTZ":"1970-01-01T00:00:00Z","TZ":"1970-01-01T00:00:00Z","BIN":"","V":null,"G":[]}
{"I":0,"D":0.00,"F":0.30000000000000004,"DF":0,"T":"null","B":true,"DAY":"9999-12-31","CLOCK":"23:59:59.999999999","NTZ":"9999-12-31T23:59:59.999999999","LTZ":"0001-01-01T00:00:00Z","TZ":"1969-12-31T23:59:59.999999999Z","BIN":"/w==","V":"x","G":1}
{"I":null,"D":null,"F":null,"DF":null,"T":null,"B":null,"DAY":null,"CLOCK":null,"NTZ":null,"LTZ":null,"TZ":null,"BIN":null,"V":null,"G":null}
E
sealed want >want.sealed
serve --result types.json --partition 2 --pending 3
get "$url" -q 'select * from t'
is "$status" 0 'the JWT is right'
same want.sealed out 'every type, exactly'
get --wide-numbers=string "$url" -q 'select 1'
is "$(head -n 1 out | jq -c '[.I, .D, .DF]')" \
	'["99999999999999999999999999999999999999","1.10","1.5E+10"]' 'wide numbers as strings'

is "$(jq -c 'select(.method == "POST") | .body | [.database, .schema, .warehouse, .role, .parameters.query_tag]' log | head -1)" \
	'["DB","PUBLIC","WH","R","retl-extract"]' 'database, schema, warehouse and role are named'
# ---- what is sent ----
serve --result types.json --partition 2
get "$url" -q "select src:a.b, ':x', x::int from t where a > :since and b = :nil // :no" -p since=2024-01-01 -p nil=
jq -c 'select(.method == "POST") | .body | [.statement, .bindings]' log | tail -n 1 >sent
is "$status/$(cat sent)" "0/$(jq -cn '["select src:a.b, '"':x'"', x::int from t where a > ? and b = ?",
	{"1": {type: "TEXT", value: "2024-01-01"}, "2": {type: "TEXT", value: ""}}]')" \
	'parameters are bound; paths, casts, texts and comments are not parameters'
n=$(wc -l <log)
get "$url" -q '/* select */ delete from t'
is "$status/$(wc -l <log)" "78/$n" 'what is no query is not run'
get "$url" -q '-- all
 (WITH x as (select 1) select * from x)'
is "$status" 0 'one in parentheses, behind a comment, is'
get "$url" orders
is "$(jq -r 'select(.method == "POST") | .body.statement' log | tail -n 1)" 'select * from orders' \
	'a plain name means what it means in SQL'
get "$url" 'PUBLIC."or ders"'
is "$(jq -r 'select(.method == "POST") | .body.statement' log | tail -n 1)" 'select * from "PUBLIC"."or ders"' \
	'one in quotes is kept'
get "$url" -k T --shard 2/3 -q 'select * from t'
is "$(jq -r 'select(.method == "POST") | .body.statement | gsub("\n"; " ")' log | tail -n 1)" \
	'select * from ( select * from t ) "retl_rows" where mod(md5_number_lower64('"''"' || '"','"' || nvl(to_varchar("T"), '"''"')), 3) = 1 order by collate("T", '"''"')' \
	'-k and --shard, by SQL'
get "$url" -k NTZ -q 'select * from t'
is "$status" 78 'a timestamp is no key that Snowflake can order'
get --schema "$url" t
is "$status/$(jq -c '.properties | [.I.type, .D.type, .DAY.format]' out)" '0/[["integer","null"],["number","null"],"date"]' '--schema'
printf '{"rowType":[{"name":"A","type":"text"},{"name":"B","type":"text"}],"rows":[["PUBLIC","ORDERS"],["S2","my table"]]}' >list.json
serve --result list.json
get --list "$url"
is "$(cat out)" "$(printf 'PUBLIC.ORDERS\nS2."my table"')" '--list'

# ---- credentials ----
serve --generate 1
SNOWFLAKE_PRIVATE_KEY_PATH=locked.pem PRIVATE_KEY_PASSPHRASE=sesame get "$url" t
is "$status" 0 'a key with a passphrase'
SNOWFLAKE_PRIVATE_KEY_PATH=locked.pem get "$url" t
broken 77 'it is encrypted' 'a locked key without one'
RETL_TEST_CLOCK=1700000000 get "$url" t
broken 77 'HTTP 401' 'a clock that is wrong'
openssl genrsa -out other.pem 2048 2>/dev/null
SNOWFLAKE_PRIVATE_KEY_PATH=other.pem get "$url" t
broken 77 'HTTP 401' 'another key'
is "$(jq -s 'map(select(.status == 401)) | length' log)" 4 'which is tried twice'
(unset SNOWFLAKE_PRIVATE_KEY_PATH; exec timeout 9 retl-extract "$url" t) 2>err >out
is "$?" 77 'no credentials at all'
serve --generate 1 --token pat-1 --kind PROGRAMMATIC_ACCESS_TOKEN
SNOWFLAKE_TOKEN=pat-1 SNOWFLAKE_AUTHENTICATOR=programmatic_access_token get "$url" t
is "$status" 0 'a programmatic access token'
SNOWFLAKE_TOKEN=pat-2 SNOWFLAKE_AUTHENTICATOR=programmatic_access_token get "$url" t
broken 77 'HTTP 401' 'a wrong one'
lacks err pat-2 'which no message shows'

serve --generate 300 --partition 100 --token t-1 --at 2=401 --at 3=401 --at 4=401
SNOWFLAKE_TOKEN=t-1 get "$url" t
broken 77 'HTTP 401' 'an OAuth token that runs out in the middle'

# ---- connections of other tools ----
serve --generate 1
at="host = '$SNOWFLAKE_HOST'
protocol = \"http\""
(
	unset SNOWFLAKE_PRIVATE_KEY_PATH SNOWFLAKE_HOST SNOWFLAKE_PROTOCOL
	cat >sfhome/config.toml <<-END
		default_connection_name = "main" # not "default"
		[cli.logs]
		account = "none"
		[connections.main]
		account = "my-acct"
		user = 'sync'
		$at
		authenticator = "SNOWFLAKE_JWT"
		private_key_file = "$work/locked.pem"
		private_key_file_pwd = "sesame"
		warehouse = "A \"B\\\\"
		[connections.other]
		account = "another"
		password = "geheim"
		[connections.sso]
		account = "my_acct"
		authenticator = "externalbrowser"
		[connections.lines]
		account = """
		my-acct"""
	END
	chmod 600 sfhome/config.toml
	get snowflake:///DB/PUBLIC t
	is "$status" 0 'the default connection of config.toml' "$(cat err)"
	is "$(jq -rs '.[-1].body | "\(.warehouse) \(.database)"' log)" 'A "B\ DB' \
		'what the URL says, and the rest from there'
	get snowflake://My-Acct/DB t
	is "$status" 0 'of the account that the URL names' "$(cat err)"
	get snowflake://elsewhere/DB t
	broken 77 'no credentials' 'the default one is not for another account'
	get 'snowflake://elsewhere/DB?connection=main' t
	broken 78 'another account' 'nor is one that is named'
	get 'snowflake:?connection=other' t
	broken 77 'a password is none' 'a password'
	lacks err geheim 'which no message shows'
	SNOWFLAKE_DEFAULT_CONNECTION_NAME=sso get snowflake: t
	broken 77 'authenticator' 'a login for people'
	get 'snowflake:?connection=lines' t
	broken 78 'account is not a text' 'a text in several lines'
	printf '[connections.main\0\0\0]\naccount = "x"\n' >>sfhome/config.toml
	get snowflake:///DB/PUBLIC t
	is "$status" 0 'a section with zeros in its name is another' "$(cat err)"
	get 'snowflake:?connection=nosuch' t
	broken 78 "no connection 'nosuch'" 'a connection that is not there'
	printf '[dev]\naccount = "my-acct"\nuser = "sync"\n%s\ntoken = "t-1"\n' \
		"$at" >sfhome/connections.toml
	get snowflake: t
	broken 78 'no account' 'connections.toml takes the place of the section'
	SNOWFLAKE_TOKEN=of-the-environment get 'snowflake:?connection=dev' t
	broken 77 'HTTP 401' 'a connection in the URL stands alone'
	is "$(jq -rs '.[-1].status' log)" 401 'and was asked with'
	chmod 620 sfhome/connections.toml
	get 'snowflake:?connection=dev' t
	broken 77 'others may write' 'a file that others may write'
	echo "$n_tests $n_failed" >counts
)
read -r n_tests n_failed <counts

# ---- results of all sizes ----
serve
get "$url" t
printf '\t\n' >want
same want out 'an empty result is sealed'
serve --generate 1
get "$url" t
is "$(cat out)" "$(printf '{"ID":0,"NAME":"name 0"}\n\t ')" 'one row'
serve --generate 100000 --partition 1000 --at 7=503 --at 30=429+0 --at 50=half --at 60=reset-after --at 70=401
get "$url" t
is "$status/$(wc -l <out)/$(sed '$d' out | jq -s 'map(.ID) == [range(100000)]')" 0/100001/true \
	'100000 rows in 100 partitions, in order, through stumbling'
awk 'BEGIN { printf "{\"rowType\":[{\"name\":\"T\",\"type\":\"text\"}],\"rows\":[[\"1\"],[\"";
	for (i = 0; i < 5000000; i++) printf "x"; print "\"]]}" }' >big.json
serve --result big.json --partition 1
get "$url" t
is "$status/$(sed -n 2p out | wc -c)" 0/5000009 'a value of 5 MB'
serve --generate 1000 --partition 100
get --limit 250 "$url" t
is "$status/$(wc -l <out)" 0/250 '--limit: no seal'

# ---- failures ----
serve --fails
get "$url" t
broken 78 "Object 'NOWHERE' does not exist" 'a statement that is wrong'
serve --generate 300 --partition 100 --at 3=422
get "$url" t
broken 78 'statement failed' 'an error behind the first rows'
serve --generate 300 --partition 100 --lacks 3
get "$url" t
broken 65 'partition 2 was announced with 100 rows and has 99' 'a row missing on the last page'
serve --generate 300 --partition 100 --extra 1
get "$url" t
broken 65 '301 rows were announced, and 300 came' 'a row less than announced'
serve --generate 300 --partition 100 --at 3=404
get "$url" t
broken 66 'HTTP 404' 'a partition that is gone'
serve --generate 300 --partition 100 --at 3=500 --at 4=500
get --retries 1 "$url" t
broken 75 'HTTP 500 (2 attempts)' 'the last partition does not come'
grep -q '"ID":99,' out
ok $? 'rows before it are written'
serve --generate 300 --partition 100 --every 1=429+0
get --retries 1 "$url" t
broken 75 'HTTP 429 (2 attempts)' 'throttling without end'
serve --generate 300 --partition 100 --every 1=500
get --retries 1 "$url" t
broken 75 'HTTP 500' 'nothing but 500'
serve --generate 300 --partition 100 --at 3=garbage
get "$url" t
broken 69 'an answer without rows' 'a partition that is a page'
serve --generate 300 --partition 100 --at 1=500-after
get "$url" t
is "$status/$(jq -s 'map(.run) | max' log)" 0/1 'a statement is submitted twice and run once'
mock_stop sf
get --retries 0 "$url" t
broken 69 'snowflake: ' 'no server'

# ---- interruption ----
serve --generate 10 --pending 1000
timeout 60 retl-extract "$url" t >out 2>err &
pid=$!
soon grep -q '"method":"GET"' log
extract=$(ps -o pid= --ppid $pid | tr -d ' ')
kill -INT "${extract:-$pid}"
wait $pid
soon grep -q '/cancel' log
contains log '/cancel","status":200' 'SIGINT stops the statement at the server'
is "$(wc -c <out)" 0 'and nothing is sealed'

done_testing

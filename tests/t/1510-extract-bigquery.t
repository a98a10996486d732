#!/bin/sh
# BigQuery: types, pages, failures, against a fake that checks assertions,
# tokens, places and formats, and that breaks its promises on order.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'
retl-extract --list-sources | grep -q '^bigquery:' || skip_all 'not built in'

openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
unset GOOGLE_CLOUD_PROJECT GOOGLE_CLOUD_QUOTA_PROJECT
export GOOGLE_APPLICATION_CREDENTIALS=sa.json
url=bigquery://proj/shop

# serve ARGUMENT...: a fresh server, and a service account that it knows
serve() {
	mock_stop bq
	rm -f log
	mock_start bq bigqueryd --key pub.pem --issuer sa@p --log log \
		--scope 'https://www.googleapis.com/auth/bigquery https://www.googleapis.com/auth/drive.readonly' "$@"
	BIGQUERY_EMULATOR_HOST=$(mock_url bq)
	export BIGQUERY_EMULATOR_HOST
	jq -n --rawfile k key.pem --arg u "$BIGQUERY_EMULATOR_HOST/token" '{type: "service_account",
		private_key: $k, private_key_id: "k1", client_email: "sa@p", token_uri: $u}' >sa.json
}
get() {
	timeout 60 retl-extract "$@" >out 2>err
	status=$?
}

# ---- types ----
cat >types.json <<\E
{"schema": {"fields": [
 {"name":"i","type":"INTEGER"}, {"name":"f","type":"FLOAT"}, {"name":"n","type":"NUMERIC"}, {"name":"bn","type":"BIGNUMERIC"},
 {"name":"b","type":"BOOLEAN"}, {"name":"s","type":"STRING"}, {"name":"by","type":"BYTES"}, {"name":"d","type":"DATE"},
 {"name":"t","type":"TIME"}, {"name":"dt","type":"DATETIME"}, {"name":"ts","type":"TIMESTAMP"}, {"name":"j","type":"JSON"},
 {"name":"g","type":"GEOGRAPHY"}, {"name":"iv","type":"INTERVAL"},
 {"name":"a","type":"INTEGER","mode":"REPEATED"},
 {"name":"r","type":"RECORD","fields":[{"name":"x\"","type":"INTEGER"},{"name":"y","type":"TIMESTAMP","mode":"REPEATED"}]},
 {"name":"rr","type":"RECORD","mode":"REPEATED","fields":[{"name":"z","type":"RECORD","fields":[{"name":"q","type":"JSON"}]}]}]},
 "rows": [
 {"f":[{"v":"9223372036854775807"},{"v":"0.1"},{"v":"1.1"},{"v":"12345678901234567890123456789.123456789"},{"v":"true"},
  {"v":"a\u0001\"\\\ud83d\ude00ä"},{"v":"AP8Q"},{"v":"2024-01-31"},{"v":"12:00:00.500000"},{"v":"2024-01-31T12:00:00.120"},
  {"v":"1706745600123456"},{"v":"{\"a\": 1.10, \"b\":[ 12345678901234567890 ]}"},{"v":"POINT(1 2)"},{"v":"1-2 3 4:5:6"},
  {"v":[{"v":"1"},{"v":"2"}]},{"v":{"f":[{"v":"7"},{"v":[{"v":"0"}]}]}},{"v":[{"v":{"f":[{"v":{"f":[{"v":"[1, 2]"}]}}]}}]}]},
 {"f":[{"v":"-1"},{"v":"1.0E10"},{"v":"0"},{"v":"-0.5"},{"v":"false"},{"v":""},{"v":""},{"v":"0001-01-01"},{"v":"00:00:00"},
  {"v":"9999-12-31T23:59:59.999999"},{"v":"-1"},{"v":"null"},{"v":"POINT EMPTY"},{"v":"0-0 0 0:0:0"},{"v":[]},
  {"v":{"f":[{"v":null},{"v":[]}]}},{"v":[]}]},
 {"f":[{"v":null},{"v":null},{"v":null},{"v":null},{"v":null},{"v":null},{"v":null},{"v":null},{"v":null},{"v":null},{"v":null},
  {"v":null},{"v":null},{"v":null},{"v":[]},{"v":null},{"v":[]}]}]}
E
cat >want <<\E
{"i":9223372036854775807,"f":0.1,"n":1.1,"bn":12345678901234567890123456789.123456789,"b":true,"s":"a\u0001\"\\😀ä","by":"AP8Q","d":"2024-01-31","t":"12:00:00.5","dt":"2024-01-31T12:00:00.12","ts":"2024-02-01T00:00:00.123456Z","j":{"a":1.10,"b":[12345678901234567890]},"g":"POINT(1 2)","iv":"1-2 3 4:5:6","a":[1,2],"r":{"x\"":7,"y":["1970-01-01T00:00:00Z"]},"rr":[{"z":{"q":[1,2]}}]}
{"i":-1,"f":10000000000,"n":0,"bn":-0.5,"b":false,"s":"","by":"","d":"0001-01-01","t":"00:00:00","dt":"9999-12-31T23:59:59.999999","ts":"1969-12-31T23:59:59.999999Z","j":null,"g":"POINT EMPTY","iv":"0-0 0 0:0:0","a":[],"r":{"x\"":null,"y":[]},"rr":[]}
{"i":null,"f":null,"n":null,"bn":null,"b":null,"s":null,"by":null,"d":null,"t":null,"dt":null,"ts":null,"j":null,"g":null,"iv":null,"a":[],"r":null,"rr":[]}
E
sealed want >want.sealed
serve --result types.json --pending 2
get "$url" -q 'select * from t'
is "$status" 0 'a service account'
same want.sealed out 'every type, exactly'
printf '{"schema":{"fields":[{"name":"f","type":"FLOAT"}]},"rows":[{"f":[{"v":"NaN"}]},{"f":[{"v":"-Infinity"}]}]}' >nan.json
serve --result nan.json
get "$url" t
is "$status/$(head -n 2 out | tr '\n' ' ')" '0/{"f":null} {"f":null} ' 'what JSON has no words for is null'
contains err 'NaN' 'and said'

# ---- what is sent ----
serve --result types.json
get "$url" -q "select ':x', b'\\':y' from t where a > :since and n = :n and q = :q # :no" -p since=2024-01-01 -p n=-5 -p q=0.25
is "$status/$(jq -c 'select(.method == "POST" and .body) | .body.configuration.query |
	[.query, .parameterMode, .useLegacySql, .defaultDataset.datasetId, (.queryParameters | map([.parameterType.type, .parameterValue.value]))]' log | tail -n 1)" \
	"0/$(jq -cn '["select '"':x', b'\\\\\\\\':y'"' from t where a > ? and n = ? and q = ?", "POSITIONAL", false, "shop",
		[["STRING","2024-01-01"],["INT64","-5"],["NUMERIC","0.25"]]]' | sed 's/\\\\\\\\/\\\\/g')" \
	'parameters are bound, typed as they are written'
n=$(wc -l <log)
get "$url" -q 'declare x int64; delete from t where true'
is "$status/$(wc -l <log)" "78/$n" 'what is no query is not run'
get "$url" -k s --shard 2/3 other.orders
is "$(jq -r 'select(.method == "POST" and .body) | .body.configuration.query.query | gsub("\n"; " ")' log | tail -n 1)" \
	'select * from ( select * from `other`.`orders` ) `retl_rows` where mod(mod(farm_fingerprint(concat('"''"', '"','"', ifnull(cast(`s` as string), '"''"'))), 3) + 3, 3) = 1 order by `s`' \
	'-k and --shard, by SQL'
get "$url" -k ts t
is "$status" 78 'a timestamp is no key that BigQuery can order'
get --schema "$url" t
is "$status/$(jq -c '.properties | [.i.type, .a.type, .r.type, .d.format]' out)" \
	'0/[["integer","null"],["array","null"],["object","null"],"date"]' '--schema, by a dry run'
get --list "$url"
is "$(cat out)" "$(printf 'table_1\ntable_2')" '--list, in pages'
get --list bigquery://proj
is "$(head -n 2 out)" "$(printf 'dataset_1.table_1\ndataset_1.table_2')" 'of all datasets'
lacks log 'startIndex=0&maxResults=20000&timeoutMs=10000&formatOptions.useInt64Timestamp=true&prettyPrint=false"' \
	'no page is asked for without its place'

# ---- results of all sizes ----
serve
get "$url" t
printf '\t\n' >want
same want out 'an empty result is sealed'
serve --generate 1
get "$url" t
is "$(cat out)" "$(printf '{"id":0,"name":"name 0"}\n\t ')" 'one row'
serve --generate 100000 --page 1500 --at 5=503 --at 9=429+0 --at 15=403 --at 20=half --at 25=reset-after
get "$url" t
is "$status/$(wc -l <out)/$(sed '$d' out | jq -s 'map(.id) == [range(100000)]')" 0/100001/true \
	'100000 rows in pages, in order, through stumbling'
serve --generate 5000 --page 400 --uses 4
get "$url" t
is "$status/$(wc -l <out)/$([ "$(grep -c /token log)" -gt 2 ] && echo renewed)" 0/5001/renewed \
	'a token that dies in mid-result is renewed'
serve --generate 1000 --page 100
get --limit 250 "$url" t
is "$status/$(wc -l <out)" 0/250 '--limit: no seal'
awk 'BEGIN { printf "{\"schema\":{\"fields\":[{\"name\":\"s\",\"type\":\"STRING\"}]},\"rows\":[{\"f\":[{\"v\":\"";
	for (i = 0; i < 3000000; i++) printf "x"; print "\"}]}]}" }' >big.json
serve --result big.json
get "$url" t
is "$status/$(head -n 1 out | wc -c)" 0/3000009 'a value of 3 MB'

# ---- failures ----
serve --fails invalidQuery
get "$url" t
ended 78 'invalidQuery: on order' 'a query that is wrong, said in a 200'
serve --fails accessDenied
get "$url" t
ended 77 accessDenied 'one that is not allowed'
serve --generate 10 --at 3=400
get "$url" t
ended 78 'Bad int64 value' 'a query that fails while it runs'
lacks err secret 'and no value in the message'
serve --generate 3000 --page 1000 --at 4=400
get "$url" t
ended 78 invalidQuery 'an error behind the first rows'
serve --generate 3000 --page 1000 --drops 1
get "$url" t
ended 65 'has 0 rows, of 1 asked for' 'a row missing at the end'
serve --generate 3000 --page 1000 --grows 1
get "$url" t
ended 65 'another number of rows' 'a result that changes'
serve --generate 3000 --page 1000 --at 6=500 --at 7=500
get --retries 1 "$url" t
ended 75 'HTTP 500 (2 attempts)' 'the last page does not come'
grep -q '"id":999,' out
ok $? 'rows before it are written'
serve --generate 3000 --at 2=403 --at 3=403
get --retries 1 "$url" t
ended 75 'rateLimitExceeded (2 attempts)' 'throttling without end'
serve --generate 3000 --every 2=500
get --retries 0 "$url" t
ended 75 'HTTP 500' 'HTTP 500'
serve --generate 3000 --page 1000 --at 4=garbage
get "$url" t
ended 69 'no page' 'a page of something else'
serve --generate 10 --at 2=500-after
get "$url" t
is "$status/$(jq -s 'map(select(.status == 409)) | length' log)" 0/1 'a job is inserted twice and run once'
serve --generate 10 --at 2=500-after --hides 2
get "$url" t
is "$status/$(wc -l <out)" 0/11 'and looked for again where it is not known yet'
serve --generate 10 --hides 9
get --retries 1 "$url" t
ended 75 'HTTP 404, of a job that was taken (2 attempts)' 'one that is never found'
serve --generate 10 --uses 0
jq '.client_email = "x"' sa.json >x && mv x sa.json
get "$url" t
ended 77 'iss is not known' 'an account that is not known'
serve --generate 10
RETL_TEST_CLOCK=1700000000 get "$url" t
ended 77 'clock' 'a clock that is wrong'
get bigquery://other/x t
ended 66 'no such project' 'a project that is not there'
(unset GOOGLE_APPLICATION_CREDENTIALS; exec timeout 9 retl-extract --list "$url") 2>err >out
is "$?" 77 'an emulator may do without credentials, and this one does not'

# ---- interruption ----
serve --generate 10 --pending 1000
timeout 60 retl-extract "$url" t >out 2>err &
pid=$!
soon grep -q '/queries/' log
extract=$(ps -o pid= --ppid $pid | tr -d ' ')
kill -INT "${extract:-$pid}"
wait $pid
soon grep -q '/cancel' log
contains log '/cancel?location=EU","status":200' 'SIGINT stops the job at the server'
is "$(wc -c <out)" 0 'and nothing is sealed'

done_testing

#!/bin/sh
# retl-extract from the Redshift Data API, played by a fake that checks
# signatures: pages, types, failures at every place, cancelling.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"

aws_keys
at=redshift-data://workgroup/shop/dev

serve() {
	mock_stop rs
	rm -f log
	mock_start rs redshiftd --log log "$@"
	AWS_ENDPOINT_URL_REDSHIFT_DATA=$(mock_url rs)
	export AWS_ENDPOINT_URL_REDSHIFT_DATA
}
key() {
	serve --key AKID:s3kr3t/+ "$@"
}
get() {
	timeout 60 retl-extract --retries 2 -q 'select 1' "$at" >out 2>err
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

key --generate 100000 --pending 2
get
same all out '100,000 rows in a hundred pages'
contains log '"WorkgroupName":"shop","Database":"dev"' 'the workgroup is named'
key --generate 100000 --at 1=503 --at 4=429 --at 20=half \
	--at 30=reset-before
get
same all out 'troubles that pass'
is "$(grep Execute log | sed 's/.*ClientToken":"\([0-9a-f]*\).*/\1/' |
	sort -u | wc -l)" 1 'a statement that is sent twice is the same one'
key --generate 100000 --at 50=500 --at 51=500 --at 52=500
broken 75 '(3 attempts)' 'trouble that does not pass'
key --generate 100000 --at 50=garbage
broken 69 'no JSON' 'a page that is none'
key --generate 100000 --at 102=500 --at 103=500 --at 104=500
broken 75 '(3 attempts)' 'trouble at the last page'
is "$(wc -l <out)" 99000 'the rows before it are written'
key --generate 100 --at 1=429 --at 2=429 --at 3=429
broken 75 'ThrottlingException (3 attempts)' 'throttling without end'
key --generate 2 --cell 3000000
get
{ for i in 0 1; do printf '{"id":%d,"name":"%03000000d"}\n' $i 7; done; } >rows
sealed rows >wanted
same wanted out 'values of three million bytes'
key --generate 100000 --drops 1
broken 65 '100000 rows were announced, and 99999 came' 'a row that gets lost'
key
: >rows
sealed rows >wanted
get
same wanted out 'no rows'
key --no-rows
broken 78 'gives no rows' 'a statement without a result'

# type NAME CELL WANTED
type() {
	key --generate 1 --columns "[{\"name\":\"x\",\"typeName\":\"$1\"}]" \
		--row "[$2]"
	printf '{"x":%s}\n' "$3" >rows
	sealed rows >wanted
	get
	same wanted out "type $1"
}
type int8 '{"longValue":9223372036854775807}' 9223372036854775807
type numeric '{"stringValue":"12345678901234567890.1200"}' \
	12345678901234567890.1200
type float8 '{"doubleValue":1.0E20}' 1e+20
type float8 '{"stringValue":"NaN"}' null
type bool '{"booleanValue":true}' true
type varchar '{"stringValue":"a\n\"é😀"}' '"a\n\"é😀"'
type varchar '{"isNull":true}' null
type varchar '{"stringValue":""}' '""'
type date '{"stringValue":"2024-01-31"}' '"2024-01-31"'
type timestamp '{"stringValue":"2024-01-31 12:00:00.50"}' \
	'"2024-01-31T12:00:00.5"'
type timestamptz '{"stringValue":"2024-01-31 12:00:00+00"}' \
	'"2024-01-31T12:00:00Z"'
type super '{"stringValue":"{\"a\": 1.10}"}' '{"a":1.10}'
type varbyte '{"blobValue":"AP8="}' '"AP8="'
key --generate 1 --columns '[{"name":"x","typeName":"int4"}]' --row '[{}]'
broken 65 "column 'x'" 'a cell with nothing in it'

key --error 'ERROR: relation "x" does not exist'
broken 78 'relation "x"' 'a table that is not there'
key --error 'ERROR: invalid input syntax for integer: "zoe@x"'
broken 65 'invalid input' 'an error about a value'
lacks err zoe 'which is not shown'
key --error 'ERROR: permission denied for relation x'
broken 77 'permission denied' 'a right that is missing'
key --error 'Query cancelled on user request'
broken 75 'cancelled' 'a statement that somebody cancelled'

AWS_SECRET_ACCESS_KEY=wrong broken 77 InvalidSignature 'a wrong secret'
AWS_ACCESS_KEY_ID=OTHER broken 77 UnrecognizedClient 'another key'
AWS_REGION='' broken 78 'AWS_REGION' 'no region'
serve --key AKID:s3kr3t/+ --key NEXT:nk --generate 100000 --expire 9
cat >config <<END
[default]
credential_process = cat '$work/proc.json'; cp '$work/next.json' '$work/proc.json'
END
echo '{"AccessKeyId":"AKID","SecretAccessKey":"s3kr3t/+"}' >proc.json
echo '{"AccessKeyId":"NEXT","SecretAccessKey":"nk"}' >next.json
AWS_ACCESS_KEY_ID='' get
same all out 'credentials that expire are renewed'
broken 77 ExpiredToken 'but not those of the environment'

key --generate 1
at='redshift-data://cluster/c1/dev?user=me'
timeout 60 retl-extract -p "a=it's" -q 'select :a from t;' "$at" >out 2>err
contains log '"ClusterIdentifier":"c1","Database":"dev","DbUser":"me"' \
	'a cluster, and a user'
contains log '"Sql":"select :a from t"' 'the statement is as it was'
contains log '"Parameters":[{"name":"a","value":"it'"'"'s"}]' \
	'a value stands beside it'
timeout 60 retl-extract "$at" sales.orders >out 2>err
contains log '"sales\".\"orders' 'a table'
exits 64 'no database' retl-extract -q 'select 1' redshift-data://cluster/c1

key --generate 2
retl-extract -k name,id --shard 1/2 -p a=1 -q 'select :a -- all' "$at" \
	>out 2>err
ok $? 'a key and a shard' "$(cat err)"
is "$(grep -c '^{' out)" 2 'the rows'
contains log '"select * from (\nselect :a\n) \"retl_rows\" limit 0"' \
	'the columns are asked for first'
contains log 'where mod(strtol(left(md5('"'' || ',' || coalesce(cast(\\\"name\\\" as varchar), '') || ',' || coalesce(cast(\\\"id\\\" as varchar), '')"'), 8), 16), 2) = 0 order by \"name\", \"id\""' \
	'then the rows of the shard, in order'
exits 78 'a key that is no column' retl-extract -k x -q 'select 1' "$at"
retl-extract --schema "$at" t >out 2>err
is "$(jq -c '.properties | [.id.type, .name.type]' out)" \
	'[["integer","null"],["string","null"]]' '--schema'
key --generate 1 --columns '[{"name":"x","typeName":"time"}]' \
	--row '[{"stringValue":"12:00:00"}]'
exits 78 'a key without an order' retl-extract -k x -q 'select 1' "$at"
key --generate 3 --page 2 --row '[{"stringValue":"shop"},{"stringValue":"a.b"}]'
is "$(retl-extract --list "$at" | sort -u)" 'shop."a.b"' '--list'
is "$(retl-extract --list "$at" | wc -l)" 3 'of all pages'
key --generate 10 --page 4 --ends-empty
get
is "$status/$(grep -c '^{' out)" 0/10 'a last page whose token has no length'
key --generate 10 --page 4 --repeats
broken 65 '10 rows were announced' 'a page that comes again and again'
key --generate 3 --drops 1
retl-extract --list "$at" >out 2>err
is "$?/$(cat out)" 69/ '--list of which something is no name'

key --never
retl-extract -q 'select 1' "$at" >out 2>err &
client=$!
soon has 2 Describe log
kill -TERM $client
wait $client
is $? 143 'a signal ends it'
contains log 'CancelStatement 200' 'and the statement is cancelled'
mock_stop rs
done_testing

#!/bin/sh
# retl-extract from Redshift by UNLOAD: played by the fakes of the Data API,
# which reads the statement, and of S3, where the files of it are.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"

aws_keys
url='redshift-data://workgroup/shop/dev?unload=s3://lake/out'
mkdir -p s3/lake/out
echo '{"id":-1,"name":"of somebody else"}' >s3/lake/out/0000_part_00.json
mock_start aws fakeaws --root s3 --log s3.log --region eu-west-1 \
	--key AKID:s3kr3t/+
AWS_ENDPOINT_URL_S3=$(mock_url aws)
export AWS_ENDPOINT_URL_S3

serve() {
	mock_stop rs
	rm -f log
	mock_start rs redshiftd --log log --key AKID:s3kr3t/+ --unload-root s3 "$@"
	AWS_ENDPOINT_URL_REDSHIFT_DATA=$(mock_url rs)
	export AWS_ENDPOINT_URL_REDSHIFT_DATA
}
# get OPTION...
get() {
	timeout 60 retl-extract --retries 2 "$@" >out 2>err
	status=$?
}
# broken STATUS MESSAGE CLAIM
broken() {
	get -q 'select 1' "$url"
	ended "$@"
}
awk 'BEGIN { for (i = 0; i < 100000; i++)
	printf "{\"id\":%d,\"name\":\"row %d é\"}\n", i, i }' >rows
sealed rows >all

serve --generate 100000 --pending 1
get -q 'select * from t limit 9 -- all' "$url"
same all out '100,000 rows in two files'
contains log '(\nselect * from t limit 9\n)' \
	'the query is a subquery, since UNLOAD takes no LIMIT'
contains log "iam_role default format json manifest verbose\"" 'the default role'
is "$(find s3 -name '*.json' | wc -l)" 3 'the files stay'
get -q 'select * from t' "$url&iam_role=arn:aws:iam::1:role/r&remove=yes"
same all out 'with a role'
contains log "iam_role 'arn:aws:iam::1:role/r'" 'which is named'
is "$(find s3 -name '*.json' | wc -l)" 3 'its files are removed if that is asked for'
is "$(find s3 -name manifest | wc -l)" 1 'and so is its manifest'
[ -e s3/lake/out/0000_part_00.json ]
ok $? 'but nobody else'"'"'s'
get -q 'select 1' "$url&region=eu-central-1"
same all out 'a bucket in another region'
contains log "verbose region 'eu-central-1'" 'which is named'
for bad in region= "region=a'b" 'region=x&remove=no'; do
	get -q 'select 1' "redshift-data://workgroup/shop/dev?$bad"
	is "$status" 64 "$bad"
done
get -k id,name --shard 1/2 -q "select * from t where name <> 'it''s \\\\ '" "$url"
same all out 'a key, a shard, quotes and backslashes'
contains log "where name <> ''it''''s" 'quotes are doubled'
contains log 'order by \"id\", \"name\"'"') to" 'the order is in the query'
contains log 'verbose parallel off' 'and kept by one file after the other'
get --limit 3 "$url" sales.orders
is "$status/$(wc -l <out)" 0/3 '--limit'
contains log '"sales\".\"orders' 'a table'

serve
: >rows
sealed rows >wanted
get -q 'select 1' "$url"
same wanted out 'no rows: there are neither files nor a manifest'

# ---- what gets lost ----

serve --generate 100 --drops 1
broken 65 'was announced with 50 rows and has 49' 'a row that gets lost'
is "$(grep -c '^{' out)" 99 'the rows before it are written'
serve --generate 100 --loses 1
broken 65 'its files have 50 rows, and 100 were unloaded' \
	'a file that the manifest does not name'
serve --generate 100 --error 'ERROR: S3ServiceException:Access Denied'
broken 69 S3ServiceException 'a bucket that the server may not write to'
serve --generate 100
AWS_ENDPOINT_URL_S3=http://127.0.0.1:1 broken 69 '' 'files that cannot be read'

# ---- types ----

# type NAME JSON WANTED
type() {
	serve --generate 2 --columns "[{\"name\":\"x\",\"typeName\":\"$1\"}]" \
		--record "{\"x\":$2}"
	printf '{"x":%s}\n{"x":%s}\n' "$3" "$3" >rows
	sealed rows >wanted
	get -q 'select 1' "$url"
	same wanted out "type $1"
}
type int8 9223372036854775807 9223372036854775807
type numeric 12345678901234567890.1200 12345678901234567890.1200
type float8 1.0E20 1e+20
type bool '"t"' true
type bool '"f"' false
type bool true true
type varchar '"a\n\"é😀"' '"a\n\"é😀"'
type varchar null null
type varchar '""' '""'
type date '"2024-01-31"' '"2024-01-31"'
type timestamp '"2024-01-31 12:00:00.50"' '"2024-01-31T12:00:00.5"'
type timestamptz '"2024-01-31 12:00:00+00"' '"2024-01-31T12:00:00Z"'
type super '{"a": 1.10, "b":["x"]}' '{"a":1.10,"b":["x"]}'
type super '"text"' '"text"'
serve --generate 2 --record '{"id":1,"other":2}'
broken 65 "column 'name'" 'a record without a column'
serve --generate 2 --record '{"id":1}'
broken 65 'not as many values' 'a record that is too short'
serve --generate 2 --record '{"id":'
broken 65 '' 'a record that is cut off'

# ---- the URL ----

serve --generate 1
exits 64 'a parameter' retl-extract -p a=1 -q 'select :a' "$url"
contains err 'UNLOAD takes no parameters' 'says why'
exits 64 'a place that is none' retl-extract -q 'select 1' \
	'redshift-data://workgroup/shop/dev?unload=/tmp/'
exits 64 'a quote in a role' retl-extract -q 'select 1' "$url&iam_role=a'b"
exits 64 'a role without unloading' retl-extract -q 'select 1' \
	'redshift-data://workgroup/shop/dev?iam_role=a'
get --schema "$url" t
is "$status/$(jq -c '.properties.id.type' out)" '0/["integer","null"]' '--schema'
lacks log Batch 'unloads nothing'
mock_stop rs
mock_stop aws
done_testing

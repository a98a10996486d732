#!/bin/sh
# retl-extract from Google Cloud Storage, played by a fake that verifies the
# service account's signature: parts of one generation, listings, tokens that
# run out.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'

openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
unset GOOGLE_CLOUD_PROJECT GOOGLE_CLOUD_QUOTA_PROJECT
export GOOGLE_APPLICATION_CREDENTIALS=sa.json

mkdir -p gs/shop gs/few
awk 'BEGIN { for (i = 1; i <= 300000; i++) printf \
	"{\"id\":%d,\"name\":\"a row with number %d, which is longer é\"}\n",
	i, i }' >gs/few/big.ndjson
for i in 1 2 3 4 5; do
	printf 'id\n%s\n' $i | gzip >gs/shop/p$i.csv.gz
done
: >gs/shop/p0.csv
: >gs/shop/p_empty.ndjson
echo '{"id":2}' >"gs/few/ö &+%41.ndjson"
: >gs/few/empty.ndjson
sealed gs/few/big.ndjson >big
for i in 1 2 3 4 5; do echo "{\"id\":\"$i\"}"; done >rows
sealed rows >all

serve() {
	mock_stop gcs
	rm -f log
	mock_start gcs gcsd --root gs --key pub.pem --issuer sa@p --log log \
		--scope https://www.googleapis.com/auth/devstorage.read_only "$@"
	STORAGE_EMULATOR_HOST=$(mock_url gcs)
	export STORAGE_EMULATOR_HOST
	jq -n --rawfile k key.pem --arg u "$STORAGE_EMULATOR_HOST/token" \
		'{type: "service_account", private_key: $k, token_uri: $u,
		private_key_id: "k1", client_email: "sa@p"}' >sa.json
}
get() {
	timeout 60 retl-extract --retries 2 "$1" >out 2>err
	status=$?
}
# whole URL WANTED CLAIM
whole() {
	get "$1"
	same "$2" out "$3"
	[ "$status" = 0 ] || ok 1 "$3: status 0" "$(cat err)"
}
# broken URL STATUS MESSAGE CLAIM
broken() {
	get "$1"
	shift
	ended "$@"
}

serve --page 3
whole gs://few/big.ndjson big 'an object in several parts'
is "$(grep -c generation= log)" 2 'all but the first name its generation'
whole 'gs://shop/p*' all 'a prefix: empty objects are passed over'
is "$(grep -c 'prefix=p' log)" 3 'over several pages'
{ cat gs/few/ö*; seal 1; } >wanted
whole "gs://few/ö &+%41.ndjson" wanted 'odd characters in a name'
get gs://few/empty.ndjson
is "$status/$(wc -c <out)" 0/0 'an empty object is not sealed'
broken gs://few/none.csv 66 notFound 'an object that is not there'
broken 'gs://few/none*' 66 'no object of that name' 'a prefix without objects'
broken gs://nowhere/a.csv 66 notFound 'a bucket that is not there'
broken gs://forbidden/a.csv 77 forbidden 'a bucket that is not ours'
broken gs://busy/a.csv 75 'rateLimitExceeded (3 attempts)' \
	'a limit that does not pass'
exits 64 'a URL without a bucket' retl-extract gs:///a

serve --uses 2
whole gs://few/big.ndjson big 'tokens that run out are renewed'
[ "$(grep -c ' /token 200' log)" -gt 1 ]
ok $? 'more than one was asked for'
jq '.client_email = "x"' sa.json >x && mv x sa.json
broken gs://few/big.ndjson 77 'no access token' 'an account that is not known'
unset GOOGLE_APPLICATION_CREDENTIALS
mock_stop gcs
mock_start gcs gcsd --root gs --log log
STORAGE_EMULATOR_HOST=127.0.0.1:$(cat gcs.port)
whole gs://few/big.ndjson big 'an emulator asks for no credentials'
STORAGE_EMULATOR_HOST=storage.example.com:80 broken gs://few/big.ndjson 78 \
	'not on this machine' 'but it has to be on this machine'
export GOOGLE_APPLICATION_CREDENTIALS=sa.json

serve --at 2=503 --at 4=half --at 6=reset-before
whole gs://few/big.ndjson big 'troubles that pass'
serve --at 4=500 --at 5=500 --at 6=500
broken gs://few/big.ndjson 75 '(3 attempts)' 'trouble at the end'
[ "$(wc -l <out)" -gt 100000 ]
ok $? 'the rows before it are written'
serve --change-at 2
broken gs://few/big.ndjson 75 'while it was read' 'an object that changes'
serve --change-at 4
broken 'gs://shop/p*' 75 'while it was read' 'one that changes after listing'
serve --at 2=garbage
broken 'gs://shop/p*' 69 'cannot be read' 'a listing that is none'

# A part has 8 MiB.
{ echo '{"id":0}'; printf '{"v":"%09000000d"}\n' 7; } >gs/few/cell.ndjson
sealed gs/few/cell.ndjson >wanted
serve
whole gs://few/cell.ndjson wanted 'a value of nine million bytes, from one part into the next'
mock_stop gcs
done_testing

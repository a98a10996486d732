#!/bin/sh
# retl-extract from a server of S3's that verifies signatures and is not ours
# (npm's @20minutes/s3rver).
. "$(dirname "$0")/../lib.sh"
. "$top/tests/npm.sh"
npm_need @20minutes/s3rver 4.0.4

cat >s3.js <<\END
const S3rver = require('@20minutes/s3rver');
const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true,
	directory: './data', resetOnClose: false,
	allowMismatchedSignatures: false, configureBuckets: [{ name: 'test' }] });
server.run().then((a) => console.log(a.port));
END
# Its tokens of pages use an old cipher.
NODE_OPTIONS=--openssl-legacy-provider node s3.js >port 2>server.err &
at_end "kill $!"
soon test -s port || skip_all "s3rver does not start: $(head -n 3 server.err)"
AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(cat port)
AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER AWS_CONFIG_FILE=none
AWS_SHARED_CREDENTIALS_FILE=none
export AWS_ENDPOINT_URL_S3 AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE

# put FILE KEY (encoded as in a URL)
put() {
	curl -sf --aws-sigv4 aws:amz:us-east-1:s3 --user S3RVER:S3RVER \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -T "$1" \
		"$AWS_ENDPOINT_URL_S3/test/$2"
}
# get URL
get() {
	timeout 60 retl-extract --retries 1 "$1" >out 2>err
	status=$?
}
awk 'BEGIN { for (i = 1; i <= 200000; i++) printf \
	"{\"id\":%d,\"name\":\"a row with number %d, made to be longer\"}\n",
	i, i }' >big.ndjson
put big.ndjson big.ndjson
echo '{"id":1}' >one
put one 'odd/a%20%2B%3D%C3%A9%21%28x%29~.ndjson'
printf 'id\n7\n' | gzip >c.gz
put c.gz odd/c.csv.gz
: >empty
put empty many/0.ndjson
put empty many/folder/

get s3://test/big.ndjson
sealed big.ndjson >wanted
same wanted out 'an object in two parts'
get 's3://test/odd/a +=é!(x)~.ndjson'
sealed one >wanted
same wanted out 'a key with odd characters'
get s3://test/odd/
{ cat one; echo '{"id":"7"}'; } >rows
sealed rows >wanted
same wanted out 'a prefix with such a key, and a compressed file'
seq 1 23 | while read -r i; do echo "{\"n\":$i}"; done >rows
n=100
while read -r row; do
	n=$((n + 1))
	echo "$row" >one
	put one many/$n.ndjson
done <rows
sealed rows >wanted
get s3://test/many/
same wanted out 'many objects, one of them empty'
get 's3://test/many/*1[0-4].ndjson'
sed -n 10,14p rows >some
sealed some >wanted
same wanted out 'a pattern of keys'
get s3://test/none.csv
is "$status" 66 'a key that is not there'
contains err NoSuchKey 'the message has the code'
get s3://test/none/
is "$status" 66 'a prefix without objects'
get s3://nowhere/a.csv
is "$status" 66 'a bucket that is not there'
AWS_SECRET_ACCESS_KEY=wrong get s3://test/big.ndjson
is "$status" 77 'a wrong secret'
contains err SignatureDoesNotMatch 'the server checks signatures'
lacks err wrong 'the secret is not shown'
done_testing

#!/bin/sh
# retl-extract from S3: what can go wrong on the way, and where credentials
# come from. The service is a fake that checks signatures with code of its own.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"

mkdir -p s3/shop/day s3/shop/none s3/shop/empty s3/dots.in.name
awk 'BEGIN { for (i = 1; i <= 300000; i++) printf \
	"{\"id\":%d,\"name\":\"a row with number %d, which is longer é\"}\n",
	i, i }' >s3/shop/big.ndjson
for i in 1 2 3 4 5 6 7; do
	printf 'id\n%s\n' "$i" | gzip >s3/shop/day/$i.csv.gz
done
: >s3/shop/day/_SUCCESS
: >s3/shop/day/0.csv
: >s3/shop/empty/a.ndjson
: >s3/shop/empty/b.ndjson
echo '{"id":1}' >s3/shop/one.ndjson
echo '{"id":2}' >"s3/shop/none/ö &+%41.ndjson"
cp s3/shop/one.ndjson s3/dots.in.name
sealed s3/shop/big.ndjson >big
sealed s3/shop/one.ndjson >one
for i in 1 2 3 4 5 6 7; do echo "{\"id\":\"$i\"}"; done >rows
sealed rows >day

unset AWS_REGION AWS_DEFAULT_REGION AWS_PROFILE AWS_ENDPOINT_URL
AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials
AWS_EC2_METADATA_DISABLED=true
AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=s3kr3t/+
export AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_EC2_METADATA_DISABLED
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# serve OPTION...
serve() {
	mock_stop aws
	rm -f log
	mock_start aws fakeaws --root s3 --log log "$@"
	AWS_ENDPOINT_URL_S3=$(mock_url aws)
	export AWS_ENDPOINT_URL_S3
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

# ---- a service that works ----

serve --key AKID:s3kr3t/+ --page 3
whole s3://shop/big.ndjson big 'an object in several parts'
is "$(grep -c bytes= log)" 3 'each asked for by range'
whole s3://shop/one.ndjson one 'an object of one row'
whole s3://shop/day/ day 'a prefix: marks and empty objects are passed over'
is "$(grep -c list-type log)" 3 'over several pages'
whole "s3://shop/none/ö &+%41.ndjson" /dev/stdin 'odd characters in a key' <<END
{"id":2}
$(seal 1)
END
whole "s3://shop/none/" /dev/stdin 'and in the listing' <<END
{"id":2}
$(seal 1)
END
whole s3://dots.in.name/one.ndjson one 'a bucket with dots'
broken s3://shop/nothing/ 66 'no object of that name' 'an empty prefix'
broken s3://shop/absent.csv 66 NoSuchKey 'an object that is not there'
broken s3://none/a.csv 66 NoSuchBucket 'a bucket that is not there'
get s3://shop/empty/
is "$status/$(wc -c <out)" 0/0 'nothing but empty objects are not sealed'
contains err 'all of its objects are empty' 'the warning says why'
get s3://shop/empty/a.ndjson
is "$status/$(wc -c <out)" 0/0 'nor is an empty one'
exits 64 'a URL without a bucket' retl-extract s3:///a
exits 64 'what is no name of a bucket' retl-extract 's3://a@b/c'

# ---- who we are ----

AWS_SECRET_ACCESS_KEY=wrong broken s3://shop/one.ndjson 77 \
	SignatureDoesNotMatch 'a wrong secret'
lacks err wrong 'which is not shown'
AWS_ACCESS_KEY_ID=OTHER broken s3://shop/one.ndjson 77 InvalidAccessKeyId \
	'another key'
AWS_ACCESS_KEY_ID='' broken s3://shop/one.ndjson 77 'no AWS credentials' \
	'no credentials'
serve --key AKID:s3kr3t/+:t0ken==
broken s3://shop/one.ndjson 77 InvalidToken 'a token is missing'
AWS_SESSION_TOKEN=t0ken== whole s3://shop/one.ndjson one 'with its token'

serve --key FILE:fk --key ROLE:rk:rt --key PROC:pk --grant ROLE:rk:rt \
	--web-token 'web.id/token+1' --container-token 'Bearer c'
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
cat >credentials <<\END
[default]
aws_access_key_id = FILE
aws_secret_access_key = fk
[bad]
aws_access_key_id = FILE
END
cat >config <<END
[default]
region = us-east-1
[profile run]
credential_process = cat '$work/proc.json'
[profile fails]
credential_process = false
[profile role]
role_arn = arn:aws:iam::1:role/x
source_profile = default
[profile circle]
role_arn = arn:aws:iam::1:role/x
source_profile = circle
[profile sso]
sso_account_id = 1
[profile at]
aws_access_key_id = FILE
aws_secret_access_key = fk
endpoint_url = $AWS_ENDPOINT_URL_S3
s3 =
  region = nested
END
echo '{"Version":1,"AccessKeyId":"PROC","SecretAccessKey":"pk"}' >proc.json
AWS_ENDPOINT_URL_STS=$AWS_ENDPOINT_URL_S3
export AWS_ENDPOINT_URL_STS
whole s3://shop/one.ndjson one 'the shared credentials file'
AWS_PROFILE=run whole s3://shop/one.ndjson one 'a credential_process'
AWS_PROFILE=fails broken s3://shop/one.ndjson 77 'credential_process' \
	'one that fails'
AWS_PROFILE=role whole s3://shop/one.ndjson one 'a role to assume'
AWS_PROFILE=circle broken s3://shop/one.ndjson 78 'without end' \
	'roles in a circle'
AWS_PROFILE=sso broken s3://shop/one.ndjson 77 'export-credentials' \
	'SSO: the message has the way'
AWS_PROFILE=none broken s3://shop/one.ndjson 78 "no profile 'none'" \
	'a profile that is not there'
AWS_PROFILE=bad broken s3://shop/one.ndjson 77 'both its parts' 'half a key'
AWS_PROFILE=at AWS_ENDPOINT_URL_S3='' whole s3://shop/one.ndjson one \
	"a profile's endpoint"
printf 'web.id/token+1\n' >token
AWS_WEB_IDENTITY_TOKEN_FILE=$work/token AWS_ROLE_ARN=arn:aws:iam::1:role/y \
	whole s3://shop/one.ndjson one 'a web identity'
echo other >token
AWS_WEB_IDENTITY_TOKEN_FILE=$work/token AWS_ROLE_ARN=arn:aws:iam::1:role/y \
	broken s3://shop/one.ndjson 77 InvalidIdentityToken \
	'one that STS does not know'
rm credentials config
AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_ENDPOINT_URL_S3/creds \
	AWS_CONTAINER_AUTHORIZATION_TOKEN='Bearer c' \
	whole s3://shop/one.ndjson one "a container's endpoint"
AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.com/creds \
	broken s3://shop/one.ndjson 78 'must be https' \
	'but not in the clear from somewhere'
unset AWS_EC2_METADATA_DISABLED
AWS_EC2_METADATA_SERVICE_ENDPOINT=$AWS_ENDPOINT_URL_S3 \
	whole s3://shop/one.ndjson one "the machine's metadata (IMDSv2)"
AWS_EC2_METADATA_DISABLED=true
export AWS_EC2_METADATA_DISABLED

# ---- what expires ----

serve --key ROLE:rk:rt --key NEXT:nk:nt --expire 3 --grant NEXT:nk:nt \
	--web-token w
echo w >token
echo '{"AccessKeyId":"ROLE","SecretAccessKey":"rk","SessionToken":"rt"}' \
	>proc.json
cat >config <<END
[default]
credential_process = cat '$work/proc.json'; cp '$work/next.json' '$work/proc.json'
END
echo '{"AccessKeyId":"NEXT","SecretAccessKey":"nk","SessionToken":"nt"}' \
	>next.json
whole s3://shop/big.ndjson big 'credentials that expire are renewed'
AWS_ACCESS_KEY_ID=ROLE AWS_SECRET_ACCESS_KEY=rk AWS_SESSION_TOKEN=rt \
	broken s3://shop/big.ndjson 77 'have expired' \
	'but not those of the environment'
rm config
AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=s3kr3t/+
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# ---- other regions, other clocks ----

serve --key AKID:s3kr3t/+ --region eu-west-9 --redirect
whole s3://shop/big.ndjson big 'a bucket of another region: 301'
serve --key AKID:s3kr3t/+ --region eu-west-9
whole s3://shop/day/ day 'the same, 400, in a listing'
AWS_REGION=eu-west-9 whole s3://shop/one.ndjson one 'the right region at once'
serve --key AKID:s3kr3t/+ --skew 4000
whole s3://shop/one.ndjson one 'a clock that is wrong by an hour'
contains err "clock is wrong" 'which is said'

# ---- passing troubles ----

serve --key AKID:s3kr3t/+ --at 1=503 --at 2=reset-before --at 4=half \
	--at 5=500
whole s3://shop/big.ndjson big 'SlowDown, a reset, half a part'
serve --key AKID:s3kr3t/+ --every 1=503
broken s3://shop/day/ 75 'SlowDown (3 attempts)' 'SlowDown without end'
serve --key AKID:s3kr3t/+ --at 3=500 --at 4=500 --at 5=500 --at 6=500 \
	--at 7=500
broken s3://shop/big.ndjson 75 '3 attempts' 'a failure at the end'
[ "$(wc -l <out)" -gt 100000 ]
ok $? 'the rows before it are written'

# ---- what changes meanwhile ----

serve --key AKID:s3kr3t/+ --change-at 2
broken s3://shop/big.ndjson 75 'was changed while it was read' \
	'an object that changes'
serve --key AKID:s3kr3t/+ --change-at 5
broken s3://shop/day/ 75 'was changed while it was read' \
	'one that changes after it was listed'
serve --key AKID:s3kr3t/+ --remove-at 4
broken s3://shop/day/ 75 'was removed or changed' 'one that vanishes'
serve --key AKID:s3kr3t/+ --archived 4.csv
broken s3://shop/day/ 69 Glacier 'one in an archive'
serve --key AKID:s3kr3t/+ --page 2 --silent
broken s3://shop/day/ 69 'the listing cannot be read' 'a listing that does not say whether it ends'
serve --key AKID:s3kr3t/+ --unversioned
broken s3://shop/big.ndjson 69 'which version it is' 'parts that nobody says are of one version'
broken s3://shop/day/ 69 'which version it is' 'nor that they are of the one that was listed'
for n in 1 3; do
	serve --key AKID:s3kr3t/+ --page 2 --loop $n
	broken s3://shop/day/ 69 'same page' "a listing that goes round: $n"
done
serve --key AKID:s3kr3t/+ --at 1=garbage
broken s3://shop/day/ 69 'cannot be read' 'a listing that is none'

# A part has 8 MiB.
{ echo '{"id":0}'; printf '{"v":"%09000000d"}\n' 7; } >s3/shop/cell.ndjson
sealed s3/shop/cell.ndjson >wanted
serve --key AKID:s3kr3t/+
whole s3://shop/cell.ndjson wanted 'a value of nine million bytes, from one part into the next'
mock_stop aws
done_testing

#!/bin/sh
# Access tokens: asked for, renewed and refused, against an endpoint that checks
# signatures, claims, clients and refresh tokens as real ones do.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'

# records N
records() {
	i=0
	while [ $((i += 1)) -le "$1" ]; do
		echo "{\"id\":$i,\"to\":\"x\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:$i\"}"
	done
}

# push CONTRACT ARGUMENT...: the outcome counts in $got, the status in $status
push() {
	name=$1
	shift
	timeout 60 retl-push -c "t/$name" --rejects rejects "$@" <in >out 2>err
	status=$?
	got=$(counts out)
}

# api NAME ARGUMENT...: starts a fresh one; its address is in $url
api() {
	name=$1
	shift
	mock_start "$name" authapi --log "$name.log" --ledger "$name.ledger" "$@"
	url=$(mock_url "$name")
}

# tokens NAME: how many were asked for
tokens() {
	grep -c '"path":"/token","status":200' "$1.log"
}

records 20 >in
export CLIENT_SECRET='s&ecret=1' REFRESH=refresh-0 NO_SUCH=
settings='"settings": {"secret": {"env": "CLIENT_SECRET", "secret": true},
	"tokens": {"default": "http://127.0.0.1:9"}, "list": {"account": true, "default": "one"}}'
client='"token_url": "{+tokens}/token", "client_id": "me", "client_secret": "{secret}"'
contract cc "{$settings, \"auth\": {\"type\": \"oauth2\", \"grant\": \"client_credentials\",
	$client, \"scope\": \"a b\", \"form\": {\"audience\": \"x y\"}}}"
contract basic "{$settings, \"auth\": {\"type\": \"oauth2\", \"grant\": \"client_credentials\",
	$client, \"client_auth\": \"basic\", \"header\": \"X-Auth\", \"prefix\": \"Zoho-oauthtoken \"}}"

api cc --client me --client-secret "$CLIENT_SECRET" --scope 'a b' --demand 'audience=x%20y'
push cc --set "base_url=$url" --set "tokens=$url"
is "$got/$status/$(tokens cc)" 'delivered 20/0/1' \
	'client credentials: one token serves all requests'
is "$(sort cc.ledger | uniq -c | wc -l)" 20 'and each record arrived once'

CLIENT_SECRET=wrong push cc --set "base_url=$url" --set "tokens=$url"
is "$got/$status" 'failed 20/77' 'a wrong secret: 77, and nothing was sent'
contains err 'HTTP 401 invalid_client: who are you?: check the client'"'"'s id and secret' \
	'the message says what to look at'
lacks err wrong 'and not the secret'

api basic --client me --client-secret "$CLIENT_SECRET" --client-auth basic \
	--show x-auth --header x-auth --prefix 'Zoho-oauthtoken '
push basic --set "base_url=$url" --set "tokens=$url"
is "$(jq -r .shown basic.log | sort -u | tail -1)" 'Zoho-oauthtoken token-1' \
	'the client in a header; header and prefix of the token as the contract says'

# ---- expiry ----
api short --client me --client-secret "$CLIENT_SECRET" --uses 7
push cc --set "base_url=$url" --set "tokens=$url"
is "$got/$status/$(tokens short)" 'delivered 20/0/3' \
	'a token that dies in mid-run is renewed, and what it was refused for is sent again'
is "$(sort short.ledger | uniq -d | wc -l)" 0 'nothing was sent twice'
is "$(jq -s 'map(.attempts // 1) | unique | tostring' out)" '"[1]"' \
	'and that counts as no attempt'

api deny --client me --client-secret "$CLIENT_SECRET" --deny
push cc --set "base_url=$url" --set "tokens=$url" --concurrency 1
is "$got/$status/$(tokens deny)" 'failed 20/77/2' \
	'two 401s, the second with a new token: 77'
api deny4 --client me --client-secret "$CLIENT_SECRET" --deny
push cc --set "base_url=$url" --set "tokens=$url" --concurrency 4
is "$status/$(tokens deny4)" '77/2' \
	'requests that were refused together ask for one new token'

api slow --client me --client-secret "$CLIENT_SECRET" --at 1=500 --at 2=429+0 --at 3=garbage
push cc --set "base_url=$url" --set "tokens=$url"
is "$got/$status" 'failed 20/77' 'an endpoint that answers with a page: 77'
api slow2 --client me --client-secret "$CLIENT_SECRET" --at 1=500 --at 2=reset-after
push cc --set "base_url=$url" --set "tokens=$url"
is "$got/$status" 'delivered 20/0' 'one that stumbles is asked again'

contract plain "{$settings, \"auth\": {\"type\": \"oauth2\", \"grant\": \"client_credentials\",
	\"token_url\": \"http://tokens.example/token\", \"client_id\": \"me\", \"client_secret\": \"{secret}\"}}"
push plain --set "base_url=$url"
is "$status" 78 'an endpoint without TLS is refused'
push cc --set "base_url=$url" --set tokens=http://127.0.0.1:9
is "$got/$status" 'failed 20/69' 'an endpoint that is not there: 69'

# ---- refresh tokens ----
contract rt "{$settings, \"auth\": {\"type\": \"oauth2\", \"grant\": \"refresh_token\",
	$client, \"refresh_token_file\": \"token\"}}"
echo refresh-0 >token
chmod 640 token
api rt --client me --client-secret "$CLIENT_SECRET" --refresh refresh-0 --rotate --uses 9
push rt --set "base_url=$url" --set "tokens=$url"
is "$got/$status/$(cat token)/$(stat -c %a token)" 'delivered 20/0/refresh-3/640' \
	'a refresh token that is good once is replaced in its file, each time'
push rt --set "base_url=$url" --set "tokens=$url"
is "$got/$status/$(cat token)" 'delivered 20/0/refresh-6' 'and serves the next run'

contract rs "{\"settings\": {\"secret\": {\"secret\": true}, \"refresh\": {\"secret\": true, \"env\": \"REFRESH\"},
	\"tokens\": {}, \"list\": {\"account\": true, \"default\": \"one\"}},
	\"auth\": {\"type\": \"oauth2\", \"grant\": \"refresh_token\", $client, \"refresh_token\": \"{refresh}\"}}"
printf '{"secret": "s&ecret=1",\n "refresh":"refresh-6", "tokens": "%s"}\n' "$url" >settings
push rs --set "base_url=$url" --settings settings
is "$got/$status/$(jq -c 'del(.tokens)' settings)" \
	'delivered 20/0/{"secret":"s&ecret=1","refresh":"refresh-9"}' \
	'one out of the settings file goes back there'
printf '{"secret": "s&ecret=1", "tokens": "%s"}\n' "$url" >settings
REFRESH=refresh-9 push rs --set "base_url=$url" --settings settings
contains err 'came from no file' 'one out of a variable cannot: a warning says so'
is "$got" 'delivered 20' 'and the run goes on'
push rs --set "base_url=$url" --settings settings
is "$got/$status" 'failed 20/77' 'a dead refresh token: 77'
contains err 'this token is dead: the refresh token has expired, was revoked' \
	'and how it may have died'

# Someone else has the file, and does not come to an end.
if command -v flock >/dev/null; then
	flock -F token sleep 60 &
	holder=$!
	soon sh -c '! flock -n token true'
	rm -f err
	retl-push -c t/rt --set "base_url=$url" --set "tokens=$url" <in >out 2>err &
	pid=$!
	soon grep -q 'token: waiting for another process' err
	ok $? 'who waits for another process says so'
	kill $pid $holder
	wait $pid
	is "$?/$(counts out)" '75/failed 20' 'and can be ended'
fi

# The push is to end while the new one is on its way.
echo refresh-0 >token
api late --client me --client-secret "$CLIENT_SECRET" --refresh refresh-0 --rotate \
	--at 1=slow1000
retl-push -c t/rt --set "base_url=$url" --set "tokens=$url" <in >out 2>err &
pid=$!
soon grep -q '"path":"/token"' late.log
kill -TERM $pid
wait $pid
is "$?/$(cat token)" 75/refresh-1 \
	'who is told to end waits for the token that replaces a dead one'

# Replaced while the disk is full: said at once, and at the end.
if command -v strace >/dev/null && [ -z "${RETL_VALGRIND:-}" ] && [ "$(uname -m)" = x86_64 ]; then
	echo refresh-0 >token
	api full --client me --client-secret "$CLIENT_SECRET" --refresh refresh-0 --rotate
	# LeakSanitizer cannot work beside strace.
	ASAN_OPTIONS=detect_leaks=0 timeout 60 strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:error=ENOSPC \
		retl-push -c t/rt --set "base_url=$url" --set "tokens=$url" <in >out 2>err
	status=$?
	is "$status/$(cat token)/$(counts out)" '74/refresh-0/delivered 20' \
		'a new token that cannot be kept: the records arrive, then 74'
	contains err 'token.tmp: No space left on device' 'the message names the file'
	# As where the file is mounted by itself, or the folder is not ours.
	for call in rename:error=EBUSY "openat:error=EACCES -P $PWD/token.tmp"; do
		echo 'refresh-0 ' >token
		api "stay${call%%:*}" --client me --client-secret "$CLIENT_SECRET" --refresh refresh-0 --rotate
		# shellcheck disable=SC2086 # call holds arguments
		ASAN_OPTIONS=detect_leaks=0 timeout 60 strace -f -qq -o /dev/null -e inject=$call \
			retl-push -c t/rt --set "base_url=$url" --set "tokens=$url" <in >out 2>err
		is "$?/$(cat token)/$(stat -c %a token)" '0/refresh-1 /640' \
			"a file that has to stay is written over (${call%% *})"
	done
fi

# ---- assertions ----
openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
openssl pkcs8 -topk8 -in key.pem -passout pass:sesame -out locked.pem 2>/dev/null
export PASSPHRASE=sesame
contract jwt '{"settings": {"pass": {"env": "PASSPHRASE", "secret": true, "optional": true}, "tokens": {},
	"iss": {"default": "app"}, "aud": {"default": "https://login"}, "keyfile": {"default": "locked.pem"},
	"list": {"account": true, "default": "one"}},
	"base_url": "{+auth.instance_url}",
	"auth": {"type": "jwt-bearer", "token_url": "{+tokens}/token", "key_file": "{keyfile}",
		"passphrase": "{pass}", "iss": "{iss}", "sub": "user@example.com", "aud": "{aud}",
		"save": {"instance_url": ".instance_url"}}}'
api jwt --key pub.pem --issuer app --audience https://login --subject user@example.com
push jwt --set "tokens=$url"
is "$got/$status" 'delivered 20/0' 'an assertion, signed with a locked key'
is "$(grep -c '"path":"/instance/x","status":200' jwt.log)" 20 \
	'the address that came with the token is where records go'
push jwt --set "tokens=$url" --set iss=other
is "$status/$(grep -c 'invalid_grant: iss is not known' err)" 77/1 'a wrong issuer: 77, with the reason'
push jwt --set "tokens=$url" --set aud=other
is "$status" 77 'a wrong audience: 77'
RETL_TEST_CLOCK=1700000000 push jwt --set "tokens=$url"
is "$status" 77 'a clock that is wrong: 77'
contains err 's behind theirs' 'and the message says by how much'
PASSPHRASE=x push jwt --set "tokens=$url"
is "$status/$(grep -c 'its passphrase does not open it' err)" 77/1 'a wrong passphrase: 77'
openssl genrsa -out other.pem 2048 2>/dev/null
push jwt --set "tokens=$url" --set keyfile=other.pem
is "$status/$(grep -c 'the signature does not fit' err)" 77/1 'another key: 77'
push jwt --set "tokens=$url" --set keyfile=missing.pem
is "$status" 77 'no key: 77'

# ---- Google ----
contract google '{"auth": {"type": "google", "scopes": ["https://a/x", "https://a/y"]}}'
jq -n --rawfile k key.pem --arg u "$url/token" '{type: "service_account", private_key: $k,
	private_key_id: "k1", client_email: "sa@p", token_uri: $u, quota_project_id: "proj"}' >sa.json
api g --key pub.pem --issuer sa@p --scope 'https://a/x https://a/y' --show x-goog-user-project
jq --arg u "$url/token" '.token_uri = $u' sa.json >sa2.json
export GOOGLE_APPLICATION_CREDENTIALS=sa2.json
push google --set "base_url=$url"
is "$got/$status/$(jq -r .shown g.log | tail -1)" 'delivered 20/0/proj' \
	'a service account; the project that pays is named'
api ga --key pub.pem --issuer sa@p --scope 'https://a/x https://a/y' --act-as other@p --uses 9
jq --arg u "$url" '{type: "impersonated_service_account", source_credentials: (.token_uri = "\($u)/token"),
	service_account_impersonation_url: "\($u)/v1/projects/-/serviceAccounts/other@p:generateAccessToken"}' sa.json >acts.json
GOOGLE_APPLICATION_CREDENTIALS=acts.json push google --set "base_url=$url"
is "$got/$status/$(grep -c generateAccessToken ga.log)" 'delivered 20/0/3' \
	'a service account that another one acts as, renewed on the way'
GOOGLE_APPLICATION_CREDENTIALS=none.json push google --set "base_url=$url"
is "$status" 77 'a file that is not there: 77'
mkdir gcloud
jq -n --arg u "$url/token" '{type: "authorized_user", client_id: "me", client_secret: "cs",
	refresh_token: "refresh-0", token_uri: $u}' >gcloud/application_default_credentials.json
api gu --client me --client-secret cs --refresh refresh-0
jq --arg u "$url/token" '.token_uri = $u' gcloud/application_default_credentials.json >x
mv x gcloud/application_default_credentials.json
unset GOOGLE_APPLICATION_CREDENTIALS
export CLOUDSDK_CONFIG=gcloud
push google --set "base_url=$url"
is "$got/$status" 'delivered 20/0' 'what gcloud has written'
CLOUDSDK_CONFIG=none
api gm --metadata --scope 'https://a/x,https://a/y'
export GCE_METADATA_HOST="${url#http://}"
push google --set "base_url=$url"
is "$got/$status" 'delivered 20/0' 'the metadata server'

# ---- dry runs ask for nothing ----
push jwt --set tokens=http://127.0.0.1:9 -n --limit 1
is "$status/$(jq -c '[.url, .headers.authorization]' out)" \
	'0/["{+auth.instance_url}/x","Bearer {access token}"]' \
	'a dry run shows where the token would stand'

# ---- signatures of each request ----
export AWS=aws-secret
contract aws '{"settings": {"s": {"env": "AWS", "secret": true}, "list": {"account": true, "default": "one"}},
	"auth": {"type": "aws-sigv4", "key_id": "AKID", "secret": "{s}", "region": "eu-west-1", "service": "execute-api"}}'
api aws --deny --show authorization
RETL_TEST_CLOCK=1700000000 push aws --set "base_url=$url" --limit 1
body=$(jq -cn '{id: 1, to: "x"}')
hmac() {
	printf '%s' "$2" | openssl dgst -sha256 -mac hmac -macopt "hexkey:$1" | sed 's/.* //'
}
sha() {
	printf '%s' "$1" | openssl dgst -sha256 | sed 's/.* //'
}
key=$(printf 'AWS4%s' "$AWS" | od -An -v -tx1 | tr -d ' \n')
for part in 20231114 eu-west-1 execute-api aws4_request; do
	key=$(hmac "$key" "$part")
done
canonical="POST
/x

content-type:application/json
host:${url#http://}
x-amz-date:20231114T221320Z

content-type;host;x-amz-date
$(sha "$body")"
is "$(jq -r .shown aws.log | head -1)" "AWS4-HMAC-SHA256 Credential=AKID/20231114/eu-west-1/execute-api/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=$(hmac "$key" "AWS4-HMAC-SHA256
20231114T221320Z
20231114/eu-west-1/execute-api/aws4_request
$(sha "$canonical")")" 'AWS: the signature, recomputed with openssl'
is "$status" 77 'and a 401 is final, as there is nothing to renew'

done_testing

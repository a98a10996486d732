#!/bin/sh
# Google's credentials that are no key of a service account: tokens of another
# issuer that are exchanged, service accounts that others act as, people of a
# workforce. The fake verifies the issuer's signature and claims, and the tokens
# on the way are good for nothing but the next one.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'

for k in key other; do
	openssl genrsa -out $k.pem 2048 2>/dev/null
done
openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
unset GOOGLE_CLOUD_PROJECT GOOGLE_CLOUD_QUOTA_PROJECT
export GOOGLE_APPLICATION_CREDENTIALS=credentials.json
scope=https://www.googleapis.com/auth/devstorage.read_only
pool=//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q
mkdir -p gs/b
echo '{"id":1}' >gs/b/a.ndjson
sealed gs/b/a.ndjson >all

b64() { openssl base64 -A | tr '+/' '-_' | tr -d =; }
# subject KEY ISSUER AGE: the issuer's token, made AGE seconds ago
subject() {
	now=$(($(date +%s) - $3))
	text=$(printf '{"alg":"RS256","typ":"JWT"}' | b64).$(
		printf '{"iss":"%s","aud":"%s","iat":%d,"exp":%d}' \
			"$2" "$pool" "$now" $((now + 600)) | b64)
	printf '%s.%s\n' "$text" \
		"$(printf %s "$text" | openssl dgst -sha256 -sign "$1" -binary | b64)"
}
serve() {
	mock_stop gcs
	rm -f log
	mock_start gcs gcsd --root gs --key pub.pem --log log "$@"
	url=$(mock_url gcs)
	STORAGE_EMULATOR_HOST=$url
	export STORAGE_EMULATOR_HOST
}
# pool ARGUMENT...: one that exchanges the issuer's tokens
pool() {
	serve --scope $scope --issuer https://issuer --sts $pool "$@"
}
# external FILTER: a configuration of a pool, changed by a filter of jq
external() {
	jq -n --arg u "$url" --arg p "$pool" '{type: "external_account",
		audience: $p, token_url: "\($u)/sts",
		subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
		credential_source: {file: "subject"}} | '"$1" >credentials.json
}
get() {
	timeout 60 retl-extract --retries 2 gs://b/a.ndjson >out 2>err
	status=$?
}
# whole CLAIM
whole() {
	get
	same all out "$1"
	[ "$status" = 0 ] || ok 1 "$1: status 0" "$(cat err)"
}
# broken STATUS MESSAGE CLAIM
broken() {
	get
	ended "$@"
}
acts='.service_account_impersonation_url =
	"\($u)/v1/projects/-/serviceAccounts/sa@p:generateAccessToken"'

# ---- another issuer's tokens ----
subject key.pem https://issuer 0 >subject
pool
external .
whole "a pool's token, for one in a file"
jq -R '{a: 1, token: .}' subject >subject.json
external '.credential_source = {file: "subject.json", format: {type: "json",
	subject_token_field_name: "token"}}'
whole 'in a file of JSON'
external '.credential_source.file = "none"'
broken 66 'none: No such file' 'a file that is not there'
subject other.pem https://issuer 0 >subject
external .
broken 77 'invalid_grant: the signature does not fit: check the file' \
	'another key than the issuer'"'"'s'
subject key.pem https://other 0 >subject
broken 77 'iss is not known' 'another issuer'
subject key.pem https://issuer 900 >subject
broken 77 expired 'a token that has expired'
lacks err "$(cut -c 1-40 subject)" 'and it is not shown'
subject key.pem https://issuer 0 >subject
external '.audience = "//iam.googleapis.com/x"'
broken 77 invalid_target 'a pool that is not there'

pool --subject-file subject
external '.credential_source = {url: "\($u)/subject", headers: {Metadata: "True"},
	format: {type: "json", subject_token_field_name: "access_token"}}'
whole 'for one that a server in the machine gives'
pool --subject-file subject --uses 2
external '.credential_source = {url: "\($u)/subject", headers: {Metadata: "True"},
	format: {type: "json", subject_token_field_name: "access_token"}}'
echo '{"id":2}' >gs/b/b.ndjson
timeout 60 retl-extract 'gs://b/*' >out 2>err
is "$?/$(wc -l <out)/$(grep -c '/subject 200' log)/$(grep -c '/sts 200' log)" \
	0/3/2/2 'renewed, with a fresh one each time'
rm gs/b/b.ndjson
external '.credential_source = {url: "\($u)/subject"}'
broken 77 'bad_request: the header is missing: check credential_source' \
	'a server that refuses'
pool --at 1=503 --at 2=reset-after
external .
whole 'troubles that pass'
pool --client me --client-secret 's&c' --client-auth basic
external '.client_id = "me" | .client_secret = "s&c"'
whole 'a client that shows its secret'

# ---- acting as a service account ----
pool --act-as sa@p
external "$acts"
whole 'a service account, for a token of the pool'
external .
broken 77 'invalid_scope' 'which a token of the pool alone is not'
external "$acts"' | .service_account_impersonation_url |= sub("sa@"; "other@")'
broken 77 'the account that asks needs the role Service Account Token Creator' \
	'one that it may not act as'
pool --act-as sa@p --at 2=503 --at 3=reset-before
external "$acts"
whole 'troubles on the way'
is "$(grep -c '/sts 200' log)" 1 'ask for no second token of the pool'

# ---- people ----
serve --scope $scope --act-as sa@p --client me --client-secret x --refresh r1
jq -n --arg u "$url" '{type: "impersonated_service_account", delegates: [],
	source_credentials: {type: "authorized_user", client_id: "me",
	client_secret: "x", refresh_token: "r1", token_uri: "\($u)/token"}} | '"$acts" >credentials.json
whole 'a service account that a person acts as'
jq '.source_credentials.refresh_token = "r0"' credentials.json >x && mv x credentials.json
broken 77 'authorize again' 'who is no longer signed in'
serve --scope $scope --act-as sa@p --issuer person@p
jq -n --arg u "$url" --rawfile k key.pem '{type: "impersonated_service_account",
	source_credentials: {type: "service_account", client_email: "person@p",
	private_key: $k, token_uri: "\($u)/token"}} | '"$acts" >credentials.json
whole 'one that another service account acts as'
serve --client me --client-secret 's&c' --client-auth basic --refresh r1 --rotate
jq -n --arg u "$url" '{type: "external_account_authorized_user", client_id: "me",
	client_secret: "s&c", refresh_token: "r1", token_url: "\($u)/token"}' >credentials.json
whole 'a member of a workforce'
is "$(jq -r .refresh_token credentials.json)" refresh-1 'whose next refresh token is kept'

# ---- what is wrong ----
external '.credential_source = {executable: {command: "x"}}'
broken 78 'only file and url are read' 'a program that gives the token'
external '.credential_source = {environment_id: "aws1", url: "http://x"}'
broken 78 'only file and url are read' "Amazon's"
external '.credential_source.format = {type: "json"}'
broken 78 'format is text, or json' 'a format without its field'
external '.credential_source = {url: "\($u)/subject", headers: {"A": "b\nc: d"}}'
broken 78 'headers are texts without control' 'a header that begins another'
external '.token_url = "http://sts.example.com/"'
broken 78 'not an https URL' 'a token that would go out without TLS'
external '.type = "gdch_service_account"'
broken 78 'credentials of this type are not supported' 'a type that is not known'
mock_stop gcs
done_testing

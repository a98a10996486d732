#!/bin/sh
# The fake vendor itself, asked by curl: it must catch what the engine must not
# do, and do on order what a vendor may.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
command -v curl >/dev/null || skip_all 'curl is missing'
HUBSPOT_TOKEN=hub META_TOKEN=met META_APP_SECRET=app
WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export HUBSPOT_TOKEN META_TOKEN META_APP_SECRET WEBHOOK_SECRET

# ask METHOD URL TOKEN BODY [CURL-OPTION...]: the status; the answer in ./answer
ask() {
	method=$1 at=$2 token=$3 body=$4
	shift 4
	printf %s "$body" >body
	: >answer
	curl -s -m 10 -o answer -D headers -w '%{http_code}' -X "$method" \
		-H 'Content-Type: application/json' \
		-H "Authorization: Bearer $token" --data-binary @body "$@" "$at"
}

# ---- HubSpot ----
mock_start hub mockapi hubspot --ledger hub.ledger --log hub.log \
	--state hub.state --poison BAD
hub=$(mock_url hub)/crm/v3/objects/contacts/batch
input() {
	echo "{\"id\":\"$1\",\"idProperty\":\"email\",\"objectWriteTraceId\":\"$2\",\"properties\":$3}"
}
a=$(input a@x.de r1 '{"email":"a@x.de","n":"1"}')
b=$(input b@x.de r2 '{"email":"b@x.de"}')
bad=$(input c@x.de r3 '{"email":"c@x.de","n":"BAD"}')
is "$(ask POST "$hub/upsert" hub "{\"inputs\":[$a,$b]}")" 200 'contacts are taken'
is "$(jq -r '.results[].objectWriteTraceId' answer | tr '\n' ' ')" 'r2 r1 ' \
	'results come in another order'
is "$(ask POST "$hub/upsert" hub "{\"inputs\":[$bad,$b]}")" 207 \
	'a poisoned one is refused alone'
is "$(jq -c '.errors[0].context.objectWriteTraceId' answer)" '["r3"]' \
	'and named by its trace id'
is "$(ask POST "$hub/upsert" no "{\"inputs\":[$a]}")" 401 'the token counts'
lacks hub.log violation 'none of this was a violation'
is "$(ask POST "$hub/upsert" hub "{\"inputs\":[$a,$(input A@X.de r9 '{}')]}")" \
	400 'one address twice in a batch is refused'
is "$(ask POST "$hub/upsert" hub "{\"inputs\":[$(input a@x.de r1 '{"n":1}')]}")" \
	400 'so is a property that is a number'
i=0 many=$a
while [ $i -lt 100 ]; do
	i=$((i + 1)) many="$many,$(input $i@x.de t$i '{}')"
done
is "$(ask POST "$hub/upsert" hub "{\"inputs\":[$many]}")" 400 \
	'so are 101 inputs'
is "$(ask POST "$hub/read" hub '{"idProperty":"email","properties":["email"],"inputs":[{"id":"a@x.de"},{"id":"no@x.de"}]}')" \
	207 'a look-up tells what it did not find'
is "$(ask POST "$hub/archive" hub "{\"inputs\":[{\"id\":$(jq .results[0].id answer)}]}")" \
	204 'what it found can be archived'
mock_stop hub
is $? 1 'violations show in the exit status'
is "$(grep -c violation hub.log)" 3 'and in the log'
is "$(cat hub.state)" '{"id":"b@x.de","value":{"id":"1002","email":"b@x.de"}}' \
	'the state is what is left'
is "$(jq -r '.op + " " + .email' hub.ledger | tr '\n' ',')" \
	'upsert a@x.de,upsert b@x.de,upsert b@x.de,archive a@x.de,' \
	'the ledger is what was accepted'

# ---- Meta ----
mock_start meta mockapi meta --account 77 --state meta.state --poison bad \
	--at 6=throttle --at 7=code190
proof=$(printf met | openssl dgst -sha256 -hmac app | sed 's/.*= //')
meta="$(mock_url meta)/v25.0/77/users?appsecret_proof=$proof"
digest=62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f
rows() {
	echo "{\"payload\":{\"schema\":[\"EXTERN_ID\",\"EMAIL\"],\"data\":[$1]}}"
}
is "$(ask POST "$meta" met "$(rows "[\"7\",\"$digest\"],[\"bad\",\"\"]")")" 200 \
	'members are taken'
is "$(jq -c '[.num_received,.num_invalid_entries]' answer)" '[2,1]' \
	'a poisoned one is counted'
is "$(ask DELETE "$meta" met "$(rows '["7",""]')")" 200 \
	'DELETE with a body takes out what it names'
is "$(ask POST "$meta" no "$(rows '["7",""]')")/$(jq .error.code answer)" \
	400/190 'the token counts'
is "$(ask POST "${meta}0" met "$(rows '["7",""]')")" 400 'so does the proof'
is "$(ask POST "$meta" met "$(rows '["7","a@x.de"]')")" 400 \
	'a raw address is refused'
is "$(ask POST "$meta" met "$(rows '["8",""]')")/$(jq .error.code answer)" \
	400/80003 'throttling is a 400 with a code'
is "$(ask POST "$meta" met "$(rows '["8",""]')")/$(jq .error.code answer)" \
	400/190 'and so is what else is ordered'
mock_stop meta
is $? 1 'the raw address was a violation'
is "$(cat meta.state)" "{\"id\":\"EMAIL:$digest\"}" 'the address is left'

# ---- webhooks and mishaps ----
mock_start hook mockapi webhook --ledger hook.ledger --log hook.log \
	--at 2=429+7 --at 3=reset-before --at 4=reset-after --at 5=half \
	--at 6=500-after --at 7=slow300 --every 10=301
key=$(echo ${WEBHOOK_SECRET#whsec_} | base64 -d | od -An -v -tx1 | tr -d ' \n')
hook() {
	text="{\"type\":\"t.added\",\"timestamp\":\"x\",\"data\":{\"id\":$2}}"
	t=$(date +%s)
	s=$(printf '%s.%s.%s' "$1" "$t" "$text" | openssl dgst -sha256 \
		-mac HMAC -macopt "hexkey:$key" -binary | base64)
	ask POST "$(mock_url hook)/" '' "$text" -H "webhook-id: $1" \
		-H "webhook-timestamp: $t" -H "webhook-signature: v1,$s"
}
is "$(hook m1 1)" 200 'a message is taken'
is "$(hook m2 2)" 429 'a status on order'
contains headers 'Retry-After: 7' 'with a hint on order'
is "$(hook m3 3)" 000 'a reset before the request is read'
is "$(hook m4 4)" 000 'a reset after'
is "$(hook m5 5)/$(cat answer)" '200/{"ok":' 'half an answer'
is "$(hook m6 6)" 500 'a 500 that lies'
is "$(hook m7 7)" 200 'a slow answer'
is "$(hook m1 1)" 200 'a repeated message is acknowledged'
is "$(hook m1 9)" 200 'one id with two messages too'
is "$(jq -r .webhook_id hook.ledger | tr '\n' ' ')" 'm1 m4 m5 m6 m7 ' \
	'but accepted once only; what was reset before is not'
is "$(hook m8 8)" 301 'every tenth is on order too'
mock_stop hook
is $? 1 'one id with two messages is a violation'

# ---- scripts ----
cat >s.test.json <<'END'
[{"name": "first", "exchange": []},
 {"name": "second", "settings": {"url": "{server}/x"}, "env": {"T": "t"},
  "now": 17, "exit": 1, "records": [{"id": 9007199254740993, "d": 1.10}],
  "exchange": [
    {"request": {"method": "POST", "url": "/a?b=1", "headers": {"X-Y": "*"},
                 "body": {"inputs": [{"ref": "<r1>"}, {"ref": "<r2>-<r1>"}]}},
     "answer": {"status": 207, "body": {"ok": ["<r2>", "<r1>"]}}, "times": 2},
    {"request": {"method": "POST", "url": "/b"}, "answer": {"reset": "before"}}],
  "receipts": [{"line": 1}]}]
END
mkdir d
mock_start stage mockapi stage s.test.json d
is "$(cat stage.port)/$(cat d/1/name)/$(cat d/2/name)" 2/first/second \
	'cases have names, and are counted'
is "$(cat d/2/records)" "{\"id\":9007199254740993,\"d\":1.10}
$(seal 1)" 'records are taken out unchanged, and sealed'
at=$(jq -r 'select(.settings != {}).server' d/plans)
is "$(cat d/2/env d/2/exit)/$(jq -c '[.settings, .contract]' d/plans | tr '\n' ' ')" \
	"RETL_TEST_CLOCK=17
T=t
1/[{},{}] [{\"url\":\"{server}/x\"},{}] " 'and the rest beside them'
is "$(tr -d ' \n' <d/receipts)" '[][{"line":1}]' 'and what receipts are wanted'
is "$(ask POST "$at/other" '' '{}')" 418 'each case has a server of its own'
mock_stop stage
is "$?/$(cat d/1/played d/2/played | tr '\n' ' ')" '1/0 1 ' \
	'which says what came of it'
contains d/2/play.err 'url: wanted /a?b=1, got /other' 'and why'
mock_start play mockapi play --case 2 s.test.json
play=$(mock_url play)
good='{"inputs":[{"ref":"p7"},{"ref":"q8-p7"}]}'
is "$(ask POST "$play/a?b=1" '' "$good" -H 'X-Y: 1')" 207 \
	'what the script says is answered'
is "$(cat answer)" '{"ok":["q8","p7"]}' 'with what was seen in its place'
is "$(ask POST "$play/a?b=1" '' "$good" -H 'X-Y: 1')" 207 'twice if it says so'
is "$(ask POST "$play/b" '' "$good")" 000 'and then a reset'
mock_stop play
ok $? 'then all is well'
mock_start play mockapi play --case 2 s.test.json
ask POST "$(mock_url play)/a?b=1" '' '{"inputs":[{"ref":"p7"},{"ref":"q8-p8"}]}' \
	-H 'X-Y: 1' >/dev/null
mock_stop play
is $? 1 'another request than the script says is a failure'
contains play.err 'body: wanted' 'that is explained'
contains play.err '2 exchanges were not asked for' 'and so is what is missing'
done_testing

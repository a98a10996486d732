#!/bin/sh
# What a replay sends is what the push would have sent, whatever shows who sends
# it and however the body is written; its receipts move a state as others do.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
every_tool_or_skip

T_KEY='s3cr3t+key&x=1'
export T_KEY
key='"settings": {"key": {"env": "T_KEY", "secret": true}}'

# ---- a state ----
serve() {
	rm -f whole
	mock_start sink sink --whole whole
	base=$(mock_url sink)
}
contract plain '{"operations": {"send": {"request": {"url": "/{record.id}"}}}}'
serve
retl-diff --init -s state -k id 2>err
printf '{"id":%d,"v":1}\n' 1 2 3 4 >rows; sealed rows >in
diff_into() {
	retl-diff -s state "$@" <in 2>err |
		retl-push -n -c t/plain --set base_url="$base" >plan 2>>err
}
replay() {
	retl-push -c t/plain --set base_url="$base" --replay plan "$@" 2>err |
		tee receipts | retl-diff --commit -s state 2>>err
}
diff_into
is "$(wc -l <plan)" 4 'changes become a plan'
grep -v '/3"' plan >"cut" && mv "cut" plan
replay
is $? 75 'a line that was taken out is not settled'
is "$(jq -r .target whole | tr '\n' ' ')" '/1 /2 /4 ' 'nor sent'
diff_into
is "$(jq -r .url plan)" "$base/3" 'the next run finds it, and nothing else'
replay
is $? 0 'replayed, it is settled'
printf '{"id":%d,"v":%d}\n' 1 1 2 2 4 1 >rows; sealed rows >in
diff_into --max-removed 100%
run=$(jq -r 'select(.diff_results[0] == "DiffRemoved").diff_ids[0]' plan | sed 's/:[^:]*$//')
cp plan again
: >whole
replay
is "$?/$(wc -l <whole)" '75/0' 'removals are not sent by themselves'
replay --replay-run "$run"
is "$?/$(jq -r .target whole | sort | tr '\n' ' ')" '0//2 /3 ' 'the run named, they are'
diff_into
is "$(wc -l <plan)" 0 'all is settled: there is nothing more to do'
cp again plan
retl-push -c t/plain --set base_url="$base" --replay plan --replay-run "$run" >receipts 2>err
is "$?/$(wc -l <receipts)" 0/2 'a plan can be sent twice'
retl-diff --commit -s state <receipts >out 2>err
diff_into
is "$(wc -l <plan)" 0 'and the state stays as it is'
# A replay that is killed: what has no receipt is in doubt, and sent again.
printf '{"id":%d,"v":9}\n' 1 2 4 5 6 7 8 9 >rows; sealed rows >in
mock_stop sink
mock_start sink sink --whole whole --delay 150
base=$(mock_url sink)
contract plain '{"account": false, "settings": {"list": null}, "operations": {"send": {"request": {"url": "/{record.id}"}}}}'
rm -rf state && retl-diff --init -s state -k id 2>err
diff_into
rm -f receipts
retl-push -c t/plain --set base_url="$base" --replay plan >receipts 2>err &
pid=$!
soon holds 300 receipts
kill -9 $pid
wait $pid 2>/dev/null
retl-diff --commit -s state <receipts >out 2>err
is $? 75 'a replay that was killed leaves something to do'
for _ in 1 2; do
	diff_into
	replay
	status=$?
done
is "$status/$(retl-diff --dump -s state 2>err | grep -c id)" 0/8 'which the next run makes up for'
mock_stop sink

# ---- the same bytes as a push ----
# alike CLAIM FILTER CONTRACT: FILTER of each request is the same in both
alike() {
	contract a "$3"
	serve
	RETL_TEST_CLOCK=1700000000
	export RETL_TEST_CLOCK
	timeout 30 retl-push -c t/a --as added --concurrency 1 --set base_url="$base" <in >out 2>err
	cp whole pushed
	: >whole
	timeout 30 retl-push -c t/a --as added -n --set base_url="$base" <in >plan 2>err
	is "$(grep -c s3cr3t plan)" 0 "$1: no secret in the plan"
	timeout 30 retl-push -c t/a --set base_url="$base" --replay plan >out 2>err
	is "$?/$(jq -r .status out | sort | uniq -c | awk '{print $2, $1}')" "0/delivered 3" "$1: replayed"
	unset RETL_TEST_CLOCK
	jq -c "$2" pushed >want
	jq -c "$2" whole >got
	same want got "$1: the same bytes"
	mock_stop sink
}
printf '{"id":%d,"n":12345678901234567890,"s":"a&b=\\u0000{key}"}\n' 1 2 3 >in
two='"batch": {"records": 2}, "request": {"url": "/x"'
alike 'AWS signatures' 'del(.headers.host)' '{"auth": {"type": "aws-sigv4", "key_id": "AKID", "secret": "{key}",
	"region": "eu-west-1", "service": "execute-api"}, '"$key"', "operations": {"send": {'"$two"'}}}}'
is "$(jq -r '.headers.authorization' got | grep -c Signature=)" 2 'which are there'
alike 'credentials in a body of JSON' '.body' '{"auth": {"type": "body", "pointer": "/k", "value": "{key}"}, '"$key"',
	"operations": {"send": {'"$two"', "item": ".", "body": "{rows: ., k2: 1}"}}}}'
is "$(jq -r . got | head -n 1 | base64 -d | jq -r .k)" "$T_KEY" 'the secret is in its place'
jq -c '.body.k = "x"' plan >edited && mv edited plan
retl-push -c t/a --set base_url="$base" --replay plan >out 2>err
is "$?/$(wc -c <out)" 65/0 'a body in which their place was taken away is not sent'
contains err 'body: without the place of the credentials' 'which is said'
alike 'credentials in a form' '.body' '{"auth": {"type": "body", "pointer": "/k", "value": "{key}"}, '"$key"',
	"operations": {"send": {'"$two"', "type": "form", "item": ".id", "body": "{ids: .}"}}}}'
alike 'credentials in a packed body' '[.headers["content-encoding"], .body]' '{"auth": {"type": "body", "pointer": "/k", "value": "{key}"}, '"$key"',
	"operations": {"send": {'"$two"', "gzip": true, "item": ".", "body": "{rows: .}"}}}}'
alike 'packed bodies' '[.headers["content-encoding"], .body]' '{"operations": {"send": {'"$two"', "gzip": true, "type": "ndjson", "item": "."}}}}'
is "$(jq -r '.[1]' got | head -n 1 | base64 -d | gunzip | wc -l)" 2 'are packed'
alike 'files in parts' '[.headers["content-type"], .body]' '{"operations": {"send": {'"$two"', "type": "multipart", "item": "{id, s}",
	"body": "{a: 1, file: {content: ., as: \"csv\", filename: \"r.csv\"}, sum: {digest: \"md5\", of: \"file\"}}"}}}}'
# Spaces, escapes and digits as they came, also in what lies deeper.
cp in plain
printf '{ "id": %d, "o": {"a":  1.10, "b" : [1, 2 ], "c":"\\u00e9\\/"},"p": "aé" }\n' 1 2 3 >in
alike 'bodies' '.body' '{"operations": {"send": {'"$two"', "item": "."}}}}'
is "$(head -n 1 got | jq -r . | base64 -d | grep -oF '{"a":  1.10, "b" : [1, 2 ], "c":"\u00e9\/"}' | wc -l)" 2 'as they came'
alike 'a record that is the body' '.body' '{"operations": {"send": {"request": {"url": "/x"}}}}'
alike 'one with credentials in it' '.body' '{"auth": {"type": "body", "pointer": "/k", "value": "{key}"}, '"$key"',
	"operations": {"send": {"request": {"url": "/x"}}}}'
cp plain in
alike 'OAuth 1.0a' '.headers.authorization | gsub("oauth_(nonce|signature)=\"[^\"]*\"";"")' '{"auth": {"type": "oauth1", "consumer_key": "c", "token": "t",
	"consumer_secret": "{key}", "token_secret": "{key}"}, '"$key"', "operations": {"send": {'"$two"'}}}}'

# ---- what a server checks ----
WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export WEBHOOK_SECRET
contract hook '{"settings": {"key": {"env": "WEBHOOK_SECRET", "secret": true}},
	"auth": {"type": "hmac", "scheme": "standard-webhooks", "secret": "{key}"},
	"operations": {"send": {"request": {"url": "/in"}}}}'
mock_start hook receiver --log hook.log
printf '{"id":%d,"diff_result":"DiffAdded","diff_id":"r:%d"}\n' 1 1 2 2 3 3 >in
retl-push -c t/hook --set base_url="$(mock_url hook)" -n <in >plan 2>err
retl-push -c t/hook --set base_url="$(mock_url hook)" --replay plan >out 2>err
is "$?/$(counts out)/$(wc -l <hook.log)" '0/delivered 3/3' 'messages are signed anew, each with its id'
retl-push -c t/hook --set base_url="$(mock_url hook)" --replay plan >out 2>err
is "$?/$(counts out)/$(wc -l <hook.log)" '0/delivered 3/3' 'which is the same when it is replayed twice'
mock_stop hook
jq -c '.auth.id = "m:{record.id}"' contracts/t/hook.json >c && mv c contracts/t/hook.json
mock_start hook receiver --log ids.log
retl-push -c t/hook --set base_url="$(mock_url hook)" -n <in >plan 2>err
is "$(jq -r '.headers["webhook-id"]' plan | tr '\n' ,)" m:1,m:2,m:3, 'an id of the record is shown'
retl-push -c t/hook --set base_url="$(mock_url hook)" --replay plan >out 2>err
retl-push -c t/hook --set base_url="$(mock_url hook)" --replay plan >out 2>err
is "$?/$(counts out)/$(wc -l <ids.log)" '0/delivered 3/3' 'and signed as the line has it, also twice'
for id in '"m:1\nx-y: z"' '""' 'null' 7; do
	jq -c ".headers[\"webhook-id\"] = $id" plan >torn
	retl-push -c t/hook --set base_url="$(mock_url hook)" --replay torn >out 2>err
	is "$?/$(wc -c <out)" 65/0 "but not $id"
done
mock_stop hook

mock_start api authapi --log api.log --ledger api.ledger --lifetime 3600 --uses 2 --client x --client-secret "$T_KEY"
contract oauth '{"auth": {"type": "oauth2", "grant": "client_credentials", "client_id": "x", "client_secret": "{key}",
	"token_url": "{+base_url}/token"}, '"$key"', "operations": {"send": {"request": {"url": "/x"}}}}'
retl-push -c t/oauth --set base_url="$(mock_url api)" -n <in >plan 2>err
retl-push -c t/oauth --set base_url="$(mock_url api)" --replay plan >out 2>err
is "$?/$(counts out)/$(wc -l <api.ledger)" '0/delivered 3/3' 'tokens are asked for anew, also in the middle'
mock_stop api

done_testing

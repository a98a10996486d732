#!/bin/sh
# Secrets are seen by the destination alone: not in what is shown of requests
# and answers, not in plans, receipts and messages, and no half of one either.
# shellcheck disable=SC2089,SC2090
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

T_KEY='s3cr3t+key&x=1/"y'
export T_KEY
key='"settings": {"key": {"env": "T_KEY", "secret": true}}'
printf '{"id":%d,"s":"\\u0000{key}"}\n' 1 2 3 >in
request='"batch": {"records": 2}, "request": {"url": "/x"'

# unseen CLAIM CONTRACT: whoever looks at a push, its plan, a replay of it
unseen() {
	contract a "$2"
	rm -f whole
	mock_start sink sink --whole whole
	base=$(mock_url sink)
	timeout 30 retl-push -v -c t/a --as added --set base_url="$base" --concurrency 1 \
		<in >pushed 2>err.push
	is $? 0 "$1: pushed"
	timeout 30 retl-push -n -c t/a --as added --set base_url="$base" <in >plan 2>err.plan
	timeout 30 retl-push -n=curl -c t/a --as added --set base_url="$base" <in >curl 2>err.curl
	timeout 30 retl-push --describe t/a >described 2>err.describe
	timeout 30 retl-push -v -c t/a --set base_url="$base" --replay plan >replayed 2>err.replay
	is $? 0 "$1: replayed"
	is "$(jq -c '[.target, .headers.authorization, .body]' whole | sort | uniq -c | awk '{print $1}' | sort -u)" 2 \
		"$1: the same was sent twice"
	is "$(grep -lF -e s3cr3t -e "$(printf %s "$T_KEY" | base64)" -e "$(printf %s "u:$T_KEY" | base64)" \
		pushed plan curl described replayed err.*)" '' "$1: nobody sees it"
	mock_stop sink
}
unseen 'in a form' '{"auth": {"type": "body", "pointer": "/k", "value": "{key}"}, '"$key"',
	"operations": {"send": {'"$request"', "type": "form", "item": ".id", "body": "{ids: .}"}}}}'
unseen 'in JSON' '{"auth": {"type": "body", "pointer": "/k", "value": "a \"{key}\""}, '"$key"',
	"operations": {"send": {'"$request"', "item": ".", "body": "{rows: .}"}}}}'
is "$(jq -r .body.k plan | sort -u)" 'a "{key}"' 'in JSON: its place is shown by its name'
is "$(sed -n "s/.*--data-raw '{\"k\":\"\\(.*\\)\",\"rows.*/\\1/p" curl | sort -u)" \
	'a \"'"'"'"${T_KEY}"'"'"'\"' 'in JSON: and to a shell as its variable'
unseen 'in an address' '{"auth": {"type": "query", "name": "k", "value": "{key}"}, '"$key"',
	"operations": {"send": {"batch": {"records": 2}, "request": {"url": "/{key}/x?q={+key}",
		"headers": {"X-A": "{key}", "X-B": "{+key}"}}}}}'
unseen 'with a user' '{"auth": {"type": "basic", "user": "u", "password": "{key}"}, '"$key"', "operations": {"send": {'"$request"'}}}}'
unseen 'as a proof' '{"auth": {"type": "bearer", "token": "t", "proof": "{key}"}, '"$key"', "operations": {"send": {'"$request"'}}}}'
lacks err.push "$(printf t | openssl dgst -sha256 -hmac "$T_KEY" | sed 's/.* //')" \
	'as a proof: nor what is computed from it'

# ---- what an answer repeats ----
contract echo '{"auth": {"type": "bearer", "token": "{key}"}, '"$key"', "operations": {"send": {'"$request"'}}}}'
for said in 's3cr3t/"k y' 's3cr3t/\"k y' 's3cr3t\/\"k y' s3cr3t%2F%22k%20y; do
	mock_start sink sink --body "{\"m\":\"of $said.\"}"
	T_KEY='s3cr3t/"k y' timeout 30 retl-push -v -c t/echo --as added --set base_url="$(mock_url sink)" <in >out 2>err
	is "$(grep -c s3cr3t err)/$(grep -c '< {"m":"of \*\**\."}' err)" 0/2 "not as $said"
	mock_stop sink
done

# ---- what an answer has brought ----
contract login '{"prepare": [{"request": {"method": "POST", "url": "/login"}, "save": {"t": ".t"}}],
	"operations": {"send": {"request": {"url": "/x", "headers": {"Authorization": "Bearer {saved.t}", "X-Seen": "yes"}}}}}'
echo '{"id":1}' >one
mock_start sink sink --whole whole --body '{"t":"t0k3n"}'
timeout 30 retl-push -v -c t/login --as added --set base_url="$(mock_url sink)" <one >out 2>err
is "$?/$(tail -n 1 whole | jq -r .headers.authorization)" '0/Bearer t0k3n' 'a token out of an answer is sent'
is "$(grep -ic '> authorization: \*\*\*' err)/$(grep -c '> X-Seen: yes' err)" 1/1 \
	'and not shown among the headers, as others are'
mock_stop sink

# ---- what is not there ----
contract part '{"settings": {"key": {"env": "T_NONE", "secret": true}, "dc": {"from": "key", "capture": "-([a-z]+)$"}},
	"base_url": "https://{dc}.example.com/api", "auth": {"type": "basic", "user": "u", "password": "{key}"}}'
echo '{"id":1,"to":"x"}' >one
unset T_NONE
retl-push -n -c t/part --as added <one >plan 2>err
is "$?/$(jq -r .url plan)/$(wc -l <err)" '0/https://{dc}.example.com/api/x/1' \
	'what is cut out of a secret has its place too where there is none'
T_NONE=abc-us retl-push -n -c t/part --as added <one >plan 2>err
is "$?/$(jq -r .url plan)" 0/https://us.example.com/api/x 'and is shown where there is one'

# ---- in front of a host ----
contract user '{}'
for at in http://u:s3cr3t@127.0.0.1:1 https://s3cr3t@example.com/a; do
	exits 78 "credentials in an address are refused, not shown: ${at#*@}" \
		retl-push -v -n -c t/user --as added --set "base_url=$at" one
	contains err 'belong into auth' 'with what to do'
	is "$(cat out err | grep -c s3cr3t)" 0 'and without them'
done
exits 0 'an @ further on is none' \
	retl-push -n -c t/user --as added --set base_url=http://127.0.0.1:1/@x one
contract user '{"operations": {"send": {"request": {"url": "https://u:s3cr3t@example.com/"}}}}'
exits 78 'the same in the address of a step' retl-push --lint t/user

# ---- halves ----
# A text that is cut ends before, in, or behind the secret.
contract cut '{"auth": {"type": "query", "name": "k", "value": "{key}"}, '"$key"',
	"operations": {"send": {"request": {"url": "/{record.to}"}}}}'
T_KEY=s3cr3t-0123456789
pad=$(printf '%4080s' '' | tr ' ' x)
for n in 4016 4020 4024 4028 4032 4036 4040; do
	printf '{"id":%d,"to":"%.*s"}\n' $n $n "$pad"
done >in
# body N: an answer that repeats the secret after N bytes
body() {
	printf '{"code":"c","m":"%.*s%s"}' "$1" "$pad" "$T_KEY"
}
mock_start sink sink --body "$(body 1978)"
timeout 30 retl-push -v -c t/cut --as added --set base_url="$(mock_url sink)" <in >out 2>err
is "$?" 0 'addresses as long as a message'
is "$(grep -c 's3c' err)" 0 'of a secret at the end of what is shown, no half is'
contains err 'xxx**' 'but that there is something'
mock_stop sink
head -n 1 in >one
mock_start sink sink --first 418 --first-n 99 --first-body "$(body 495)"
contract cut '{"auth": {"type": "query", "name": "k", "value": "{key}"}, '"$key"',
	"rules": [{"status": 418, "then": "rejected"}], "operations": {"send": {"request": {"url": "/"}}}}'
timeout 30 retl-push -c t/cut --as added --rejects rejects --set base_url="$(mock_url sink)" <one >out 2>err
is "$?/$(jq -r .reason out | tail -c 11)" '1/xxxxx*****' 'nor of a reason that is cut'
is "$(cat out err rejects | grep -c 's3c')" 0 'in receipts, messages and rejects'
mock_stop sink
done_testing

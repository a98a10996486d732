#!/bin/sh
# Dry runs of every kind of operation, and sending what they have shown.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# dry CONTRACT [OPTION...]: of ./in, into ./plan
dry() {
	name=$1
	shift
	timeout 30 retl-push -n -c "t/$name" "$@" <in >plan 2>err
	status=$?
}

# ---- what is not known yet ----
contract steps '{"auth": {"type": "bearer", "token": "{key}"},
	"settings": {"key": {"env": "T_NO_KEY", "secret": true}},
	"prepare": [{"name": "open", "request": {"method": "POST", "url": "/open"},
		"save": {"list": ".id"}}],
	"operations": {"send": {"batch": {"records": 2}, "request": null,
	"cleanup": [{"name": "drop", "request": {"method": "DELETE", "url": "/jobs/{saved.job}"}}],
	"steps": [
	{"name": "find", "each": true, "request": {"method": "GET", "url": "/find/{record.id}"},
		"save": {"found": ".id"}},
	{"name": "new", "each": true, "when": "$saved.found == null",
		"request": {"method": "POST", "url": "/new", "item": "{n: (1 + $saved.found)}"}},
	{"name": "job", "request": {"method": "POST", "url": "/lists/{saved.list}",
		"headers": {"X-List": "{saved.list}"},
		"item": "{id, to: $saved.found}", "body": "{rows: .}"}, "save": {"job": ".id"}},
	{"name": "wait", "vars": {"half": "$saved.job / 2"},
		"request": {"method": "GET", "url": "/jobs/{saved.job}?half={vars.half}"},
		"poll": {"until": ".done"}},
	{"name": "rows", "request": {"method": "GET", "url": "{+saved.rows}", "auth": false},
		"next": ".next"}]}}}'
printf '%s\n' '{"id":1.0}' '{"id":2}' >in
unset T_NO_KEY
dry steps --as added
is "$status/$(jq -r '[.step, .method, .url] | join(" ")' plan | sed s,http://127.0.0.1:9,,)" \
	'0/open POST /open
find GET /find/1.0
find GET /find/2
new POST /new
new POST /new
job POST /lists/{saved.list}
wait GET /jobs/{saved.job}?half={vars.half}
rows GET {saved.rows}
drop DELETE /jobs/{saved.job}' \
	'a dry run shows every step, what is not known by its name'
is "$(jq -c 'select(.step == "job").headers["X-List"]' plan)$(
	sed -n 's/.*"step":"job".*"body"://; s/,"diff_ids.*//p' plan | sed -n 6p)" \
	'"{saved.list}"{"rows":[{"id":1.0,"to":"{saved.found}"},{"id":2,"to":"{saved.found}"}]}' \
	'in headers and bodies too, the rest as it is'
is "$(jq -c 'select(.step == "new") | [.body, .when != null, .lines]' plan | head -n 1)" \
	'["{item}",true,[1]]' 'what cannot be computed of it is a text'
is "$(jq -r 'select(.when or .repeats) | [.step, .when // "", .repeats // ""] | join("|")' plan | sort -u)" \
	'drop|a step of the operation fails|
new|the answer to an earlier step asks for it|
open|once, before all else|
rows||for each further page
wait||until the other side is done' 'what decides whether it is sent is said'
is "$(jq -r 'select(.step == "job").headers.authorization' plan)/$(grep -c T_NO_KEY err)" \
	'Bearer {key}/1' 'a secret without a value is a placeholder, and said once'
is "$(jq -r 'select(.step == "rows").headers.authorization' plan)" null \
	'credentials are shown where they go, and only there'
dry steps --as added --dry-run=curl
contains plan "'http://127.0.0.1:9/jobs/'\"\${saved_job}\"'?half='\"\${vars_half}\"''" \
	'a shell is given variables'
contains plan '# again until the other side is done' 'and comments'
is "$(sh -n plan 2>&1)" '' 'that it can read'
timeout 30 retl-push -c t/steps --as added <in >out 2>err
is "$?" 77 'without a dry run the secret is demanded'

# ---- bytes that no argument holds ----
contract nul '{"operations": {"send": {"request": {"url": "/x", "type": "text", "gzip": true,
	"body": ".[0].t", "item": "."}, "batch": {"records": 1}}}}'
printf '%s\n' '{"id":1,"t":"a\u0000b\u0001c\u0002\n"}' >in
dry nul --as added
is "$(jq -c .body plan)" '"a\u0000b\u0001c\u0002\n"' 'a dry run shows NUL and its like'
dry nul --as added --dry-run=curl
sed 's/ | curl .*/ | gunzip/' plan >run
is "$(sh run | od -An -c | tr -d ' \n')" 'a\0b001c002\n' 'curl is given them'

# ---- replay ----
# replay [OPTION...]: ./plan, by the contract $name, to the server
replay() {
	timeout 60 retl-push -c "t/$name" --replay plan --set base_url="$base" \
		"$@" >out 2>err
	status=$?
}
# serve OPTION...: a server that says yes
serve() {
	mock_start sink sink "$@"
	base=$(mock_url sink)
}
# refused CLAIM WORDS FILTER [OPTION...]: the plan, edited so, is not sent
refused() {
	claim=$1
	words=$2
	jq -c "$3" good >plan
	shift 3
	: >whole
	replay "$@"
	is "$status/$(wc -l <out)/$(wc -l <whole)" 65/0/0 "refused: $claim"
	contains err "$words" "and why: $words"
}
T_KEY='s3cr3t key'
export T_KEY
settings='"settings": {"key": {"env": "T_KEY", "secret": true}}'
contract two '{"auth": {"type": "query", "name": "k", "value": "{key}"},
	'"$settings"',
	"headers": {"X-Fixed": "key {+key}", "X-List": "{list}"},
	"operations": {"send": {"batch": {"records": 2, "by": "\"a b\""},
		"request": {"url": "/in/{group}?q=1", "body": ".",
			"headers": {"Idempotency-Key": "{run.id}"}}}}}'
cat >in <<\EOF
{"id":1,"n":12345678901234567890,"s":"\u0000{key}","diff_result":"DiffAdded","diff_id":"r:1:1"}
{"id":2,"diff_result":"DiffAdded","diff_id":"r:1:2"}
{"id":3,"diff_result":"DiffUpdated","diff_id":"r:1:3"}
{"id":4,"diff_result":"DiffRemoved","diff_id":"r:1:4"}
EOF
serve --whole whole
name=two
dry two --set base_url="$base"
is "$status/$(wc -l <plan)/$(grep -c s3cr3t plan)" 0/3/0 'a plan to look at'
retl-push -c t/two --concurrency 1 --set base_url="$base" <in >receipts
mv whole pushed
: >whole
mock_stop sink
serve --whole whole
dry two --set base_url="$base"
cp plan good
replay --replay-run r:1
is "$status/$(jq -c '[.diff_id, .line, .status]' out | tr '\n' ' ')" \
	'0/["r:1:1",1,"delivered"] ["r:1:2",2,"delivered"] ["r:1:3",3,"delivered"] ["r:1:4",4,"delivered"] ' \
	'a replay has a receipt for each record'
plain() {
	jq -S -c 'del(.headers["idempotency-key"], .headers.host)' "$1"
}
plain pushed >want
plain whole >got
same want got 'it sends what the push would have sent, secrets and all'
is "$(jq -r '.headers["idempotency-key"]' whole | sort -u)" \
	"$(jq -r '.headers["Idempotency-Key"]' good | sort -u)" \
	'under the name that was shown, so that twice is as once'
contains whole 'k=s3cr3t%20key' 'the secret stands in its place'

# ---- what is not sent ----
refused 'removals, unless the run is named' 'name the run' .
refused 'those of another run' 'of another run' . --replay-run r:2
refused 'those without diff_id' 'no diff_ids' '.diff_ids = []' --replay-run r:1
adds='select(.diff_results[0] != "DiffRemoved")'
refused 'another server' 'not the address' \
	"$adds"'| .url |= sub("127.0.0.1"; "127.0.0.2")'
refused 'a server before an @' 'not the address' \
	"$adds"'| .url |= sub("//"; "//127.0.0.1@")'
refused 'another path' 'not the address' "$adds"'| .url |= sub("/in/"; "/out/")'
refused 'a longer path' 'not the address' "$adds"'| .url |= sub("a%20b"; "a/b")'
refused 'a path upwards' 'not the address' "$adds"'| .url |= sub("a%20b"; "..")'
refused 'another member of the query' 'not the address' \
	"$adds"'| .url |= sub("q=1"; "q=1&z={key}")'
refused 'an address without its credentials' 'the place of the credentials' \
	"$adds"'| .url |= sub("&k=.*"; "")'
refused 'one more header' 'does not have' "$adds"'| .headers["X-More"] = "1"'
refused 'a header in a header' 'control character' \
	"$adds"'| .headers["Idempotency-Key"] = "1\r\nX-More: 1"'
refused 'another value of a fixed header' 'X-List differs' \
	"$adds"'| .headers["X-List"] = "two"'
refused 'a header less' 'Idempotency-Key is missing' \
	"$adds"'| del(.headers["Idempotency-Key"])'
refused 'another method' 'has POST' "$adds"'| .method = "PUT"'
refused 'another account' 'another contract, address or account' "$adds" \
	--set list=two
refused 'what no dry run writes' 'no dry run writes' "$adds"'| .x = 1'
refused 'fewer lines than records' 'the same records' "$adds"'| .lines = .lines[1:]'
refused 'a record that is there twice' 'is in it twice' "$adds"'| ., .'
refused 'a kind that the contract skips' 'elsewhere now' "$adds" --on added=skip
: >whole
jq -c "$adds" good | head -n 1 >plan
printf '{"diff_result":"DiffAdded","id":1}\n' >>plan
replay
is "$status/$(wc -l <whole)" 65/0 'a single bad line keeps all from being sent'
contains err 'plan:2:' 'it is named'

# ---- what may be edited ----
jq -c "$adds"'| .body |= map(.id += 100)' good >plan
replay
is "$status/$(jq -r .body whole | head -n 1 | base64 -d | jq -c 'map(.id)')" \
	'0/[101,102]' 'a body is sent as it was edited'
mock_stop sink

# ---- outcomes ----
# outcome CLAIM WANT CONTRACT SINK-OPTION...: of two records in one line
outcome() {
	claim=$1
	want=$2
	contract out "$3"
	shift 3
	serve "$@"
	name=out
	dry out --as added --set base_url="$base"
	replay --max-failures 0
	mock_stop sink
	is "$status/$(outcomes out | tr '\n' ',')" "$want" "$claim"
}
printf '%s\n' '{"id":1}' '{"id":2}' >in
op='"batch": {"records": 2}, "request": {"url": "/x", "body": "."}'
by='"operations": {"send": {'"$op"', "results": ".[]"}}'
outcome 'a batch that may hold one bad record is left to the next push' \
	'75/failed 400,failed 400,' '{"operations": {"send": {'"$op"'}}}' \
	--first 400 --first-n 99
outcome 'what passes is tried again as a whole' \
	'0/delivered,delivered,' '{"operations": {"send": {'"$op"'}}}' \
	--first 503 --first-n 2
outcome 'outcomes by position are taken' '1/delivered,rejected 200 bad,' \
	"{$by}" --body '[{"index":0,"status":"delivered"},{"index":1,"status":"rejected","code":"bad"}]'
outcome 'a part of a line is not sent again' '75/delivered,failed 200 later,' \
	"{$by}" --body '[{"index":0,"status":"delivered"},{"index":1,"status":"retry","code":"later"}]'
outcome 'outcomes by key leave a doubt' '75/unknown 200 no_outcome,unknown 200 no_outcome,' \
	"{$by}" --body '[{"key":1,"status":"rejected"},{"status":"delivered"}]'
outcome 'a refusal of the account stops it' '77/failed 403,failed 403,' \
	'{"operations": {"send": {'"$op"'}}}' --first 403

# ---- what is shown, not replayed ----
# shown CLAIM WORDS CONTRACT
shown() {
	contract only "$3"
	name=only
	base=http://127.0.0.1:9
	dry only --as added
	replay
	is "$status/$(wc -l <out)" 65/0 "shown, not replayed: $1"
	contains err "$2" "with the reason: $2"
}
shown 'flows of several steps' 'flows of several steps' '{"operations": {"send": {
	"request": null, "steps": [{"request": {"method": "GET", "url": "/a"}},
		{"request": {"method": "POST", "url": "/b", "item": "."}}]}}}'
shown 'what prepares' 'flows of several steps' \
	'{"prepare": [{"request": {"method": "POST", "url": "/open"}}]}'
shown 'answers that are compared with records' 'compares answers with records' \
	'{"operations": {"send": {"results": "{status: \"delivered\", n: $record}",
		"request": {"url": "/x"}}}}'
exits 64 '--replay with -n' retl-push -c t/only --replay plan -n
exits 64 '--replay-run alone' retl-push -c t/only --replay-run r
exits 66 'a plan that is not there' retl-push -c t/two --replay absent
done_testing

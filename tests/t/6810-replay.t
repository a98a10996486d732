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
done_testing

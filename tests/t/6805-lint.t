#!/bin/sh
# What is wrong with a contract: every fault, with its line and its member.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

contract good '{"settings": {"list": {"account": true, "default": "one"}},
	"operations": {"send": {"request": {"url": "/{list}/{record.to}"}}}}'
exits 0 'a good one ends with 0' retl-push --lint t/good
is "$(cat out)$(grep -c 'no fault' err)" 1 'and says so'

# finds TEXT CLAIM: with the members on standard input
finds() {
	contract bad "$(cat)"
	timeout 20 retl-push --lint t/bad >found 2>err
	got=$?
	if [ $got = 78 ] && grep -qF -- "$1" found; then
		ok 0 "$2"
	else
		ok 1 "$2" "exit $got: $(head -n 3 found)"
		head -n 2 err
	fi
}
op='{"operations": {"send": {"request": {'
finds 'operations/send/request/item: ' 'a program that does not compile' <<E
$op"item": "{a: "}}}}
E
while IFS='|' read -r members place; do
	finds "$place" "nothing comes of 0: $members" <<M
$members
M
done <<\E
{"concurrency": 0}|concurrency: not more than 0
{"retry": {"attempts": 0}}|retry/attempts: 
{"retry": {"total": 0}}|retry/total: 
{"operations": {"send": {"batch": {"records": 0}}}}|operations/send/batch/records: 
{"operations": {"send": {"batch": {"bytes": 0}}}}|operations/send/batch/bytes: 
{"operations": {"send": {"batch": {"item_bytes": 0}}}}|operations/send/batch/item_bytes: 
{"operations": {"send": {"batch": {"seconds": 0}}}}|operations/send/batch/seconds: 
{"limits": [{"requests": 0, "seconds": 1}]}|limits/0/requests: 
{"settings": {"n": {"default": 0}}, "concurrency": "{n}"}|concurrency: at least 1
{"settings": {"n": {"default": 0}}, "retry": {"attempts": "{n}"}}|retry/attempts: at least 1
{"settings": {"n": {"default": 0}}, "operations": {"send": {"batch": {"records": "{n}"}, "request": {"url": "/x"}}}}|batch/records: at least 1
{"settings": {"n": {"default": 0}}, "operations": {"send": {"batch": {"seconds": "{n}"}, "request": {"url": "/x"}}}}|batch/seconds: more than 0 is needed
{"settings": {"n": {"default": 0}}, "limits": [{"requests": 5, "seconds": "{n}"}]}|limits/seconds: more than 0 is needed
{"concurrency": 257}|concurrency: 256 at most
E
contract three '{"settings": {"list": {"account": true, "default": "one"}, "n": {"default": 3}},
	"retry": {"attempts": "{n}"}, "operations": {"send": {"request": {"url": "/{list}/{record.to}"}}}}'
exits 0 'a setting that retry names is used' retl-push --lint t/three
contract zero '{"settings": {"n": {"default": 0, "type": "integer"}}, "concurrency": "{n}"}'
exits 78 'nor does a push go on with it' retl-push -c t/zero --as added -n /dev/null
contains err 'concurrency: at least 1' 'which says why'
finds '$recrod is not defined' 'a variable that there is not' <<E
$op"item": "\$recrod"}}}}
E
finds 'operations/send/request/item: $response is not defined' \
	'a variable of another place' <<E
$op"item": "\$response.status"}}}}
E
finds 'vars/x: ' 'a program among vars' <<E
{"operations": {"send": {"vars": {"x": "foo"}}}}
E
closed='"record": {"properties": {"id": {}, "to": {}}, "additionalProperties": false}'
finds 'operations/send/request/item: a: looks for nam, which is not a member of the record' \
	'a member that the record cannot have' <<E
{$closed, "operations": {"send": {"request": {"item": "{id, a: .nam}"}}}}
E
finds 'x: looks for nam' 'in whatever way it is looked for' <<E
{$closed, "operations": {"send": {"request": {"item": ". as \$r | {id, x: [\$r.nam]}"}}}}
E
finds 'record/required: nam: not a member of the record' 'nor can be required' <<E
{"record": {"properties": {"id": {}}, "required": ["id", "nam"], "additionalProperties": false}}
E
finds '$settings.nobody: there is no such setting' 'a setting of a program' <<E
$op"item": "{id, a: \$settings.nobody}"}}}}
E
finds '$settings.key: is a secret, which programs do not see' 'a secret in jq' <<E
{"settings": {"key": {"secret": true, "env": "K"}}, "auth": {"type": "bearer", "token": "{key}"},
 "operations": {"send": {"request": {"item": "{id, a: \$settings.key}"}}}}
E
finds 'request/url: nobody: there is no such setting' 'a setting of a template' <<E
$op"url": "/{nobody}"}}}}
E
finds 'request/url: {+record.id}: what comes with a record cannot' \
	'a value of a record that would go into a URL as it is' <<E
$op"url": "/{+record.id}"}}}}
E
finds 'headers/X-A: nobody: there' 'in a header' <<E
{"headers": {"X-A": "{nobody}"}}
E
finds 'settings/spare: nothing uses this setting' 'a setting that nothing uses' <<E
{"settings": {"spare": {"default": "x"}}}
E
finds 'settings: none has "account": true' 'no setting that names the account' <<E
{"settings": null}
E
finds 'operations/lost: no change leads to this operation' 'an operation in vain' <<E
{"operations": {"lost": {"request": {"method": "GET", "url": "/"}}}}
E
finds 'changes: gone: there is no such operation' 'a change to nowhere' <<E
{"settings": {"how": {"enum": ["send", "gone"], "default": "send"}}, "changes": {"DiffRemoved": "{how}"}}
E
finds 'changes/DiffRemoved: how: there is no such setting' 'or by a setting that is none' <<E
{"changes": {"DiffRemoved": "{how}"}}
E
finds '$saved.a: no step before saves it' 'what is saved too late' <<E
{"operations": {"send": {"request": null, "steps": [
 {"request": {"method": "POST", "url": "/", "item": "{id, a: \$saved.a}"}},
 {"request": {"method": "GET", "url": "/"}, "save": {"a": "."}}]}}}
E
finds '{saved.a}: no step before saves it' 'in a template too' <<E
{"operations": {"send": {"request": null, "steps": [
 {"request": {"method": "POST", "url": "/{saved.a}", "item": "{id}"}}]}}}
E
finds 'steps/1: a rule splits after a step that commits' 'a split that comes too late' <<E
{"operations": {"send": {"request": null, "batch": {"records": 5}, "steps": [
 {"request": {"method": "POST", "url": "/", "item": "{id}"}},
 {"request": {"method": "POST", "url": "/done", "body": {}}, "rules": [{"status": 400, "then": "split"}]}]}}}
E
finds 'limits: by a member of the record, but send sends batches' 'a limit that batches mix up' <<E
{"limits": [{"requests": 1, "seconds": 1, "by": "{record.to}"}],
 "operations": {"send": {"batch": {"records": 5}, "request": {"url": "/"}}}}
E
finds 'api/retires: this version of the API is gone' 'a version that is gone' <<E
{"api": {"retires": "2020-01-01"}}
E
finds "normalize: 'shout' is not a step" 'a step that is none' <<E
{"record": {"properties": {"a": {"normalize": ["shout"]}}}}
E
finds "normalize: the step date: 'DD/MM/YY' is not made of YYYY, MM" 'half a year' <<E
{"record": {"properties": {"a": {"normalize": ["date=DD/MM/YY"]}}}}
E
finds 'operations/send/request/methd: not a member' 'a member that is none' <<E
$op"methd": "POST"}}}}
E
finds 'operations/send/request/url: missing' 'and one that is missing' <<E
$op"url": null}}}}
E
finds '{vars.q}: the step has no such name in vars' 'a name that vars lacks' <<E
$op"url": "/{vars.q}"}}}}
E
finds '$vars.q: the step has no such name in vars' 'in a program of several lines too' <<E
$op"item": ["{id,", "a: \$vars.q}"]}}}}
E
finds '$settings.nobody: there is no such setting' 'and so a setting' <<E
$op"item": ["{id,", "a: \$settings.nobody}"]}}}}
E
finds '{derived.q}: there is no such name in derived' 'a derived value that there is not' <<E
$op"url": "/{derived.q}"}}}}
E
finds '$derived.q: there is no such name in derived' 'in a program' <<E
$op"item": "{id, a: \$derived.q}"}}}}
E
finds '{auth.q}: auth.save has no such member' 'what no token brings' <<E
$op"url": "/{auth.q}"}}}}
E
finds 'request/headers/X-A: {run.q}: there is no such variable' 'what no run has' <<E
$op"headers": {"X-A": "{run.q}"}}}}}
E
finds '{record.q}: not a member of the record' 'what no record can have' <<E
{"record": {"properties": {"id": {}}, "additionalProperties": false},
 "operations": {"send": {"request": {"url": "/{record.q}"}}}}
E
finds '{record.id}: the request is about a batch' 'a record where there are many' <<E
{"operations": {"send": {"batch": {"records": 5}, "request": {"url": "/{record.id}"}}}}
E
finds 'headers/X-A: {record.id}: send sends batches' 'in headers of all requests' <<E
{"headers": {"X-A": "{record.id}"},
 "operations": {"send": {"batch": {"records": 5}, "request": {"url": "/"}}}}
E
finds '{group}: the operation has no "batch" with "by"' 'a group that there is not' <<E
{"operations": {"send": {"batch": {"records": 5}, "request": {"url": "/{group}"}}}}
E
finds 'request/body: $group: the operation has no' 'in a program' <<E
{"operations": {"send": {"batch": {"records": 5}, "request": {"url": "/", "body": "{g: \$group}"}}}}
E
finds 'limits/0/by: {vars.a}: a limit counts by {record.x} or by {group}' \
	'what limits do not count by' <<E
{"limits": [{"requests": 1, "seconds": 1, "by": "{vars.a}"}]}
E
finds 'request/type: there is no body' 'the type of no body' <<E
$op"item": null, "type": "csv"}}}}
E
finds 'request/gzip: there is no body' 'and its packing' <<E
$op"item": null, "gzip": true}}}}
E
finds 'request/headers: x-a: is there twice' 'a header in two spellings' <<E
$op"headers": {"X-A": "1", "x-a": "2"}}}}}
E
finds 'rules/0: has no condition' 'a rule that hides others' <<E
{"rules": [{"then": "ok"}, {"status": 400, "then": "rejected"}]}
E
finds 'send/rules/0: "code" never matches' 'a code that nothing gives' <<E
{"answers": {"code": null}, "operations": {"send": {"rules": [{"code": "x", "then": "ok"}]}}}
E
finds 'rules/0: "sqlstate" is of tables alone' 'a state of no table' <<E
{"rules": [{"sqlstate": "23", "then": "failed"}]}
E
finds 'results: outcomes with "key" name nobody' 'outcomes by a key of several members' <<E
{"key": ["id", "to"], "operations": {"send": {"results": ".[] | {key: .id, status: \"rejected\"}"}}}
E
finds 'send/requires: q: not a member of the record' 'a demand that nobody meets' <<E
{"record": {"properties": {"id": {}}, "additionalProperties": false},
 "operations": {"send": {"requires": ["q"], "request": {"url": "/"}}}}
E
finds 'send/cleanup: is never run' 'nothing to clean up' <<E
{"operations": {"send": {"request": null, "batch": {"records": 5}, "steps": [
 {"request": {"method": "POST", "url": "/", "item": "{id}"}},
 {"request": {"method": "POST", "url": "/go"}}],
 "cleanup": [{"request": {"method": "DELETE", "url": "/"}}]}}}
E
finds 'request/url: neither a path' 'an address that is none' <<E
$op"url": "customers"}}}}
E
finds 'base_url: no address' 'for the whole API too' <<E
{"base_url": "api.example.com"}
E
finds 'send/resend: never, and "poll" or "next" would repeat the request' \
	'what must not be repeated, and is' <<E
{"operations": {"send": {"resend": "never", "poll": {"until": ".done"}}}}
E
finds 'request/gzip: not true or false' 'a setting that packs or not' <<E
{"settings": {"g": {"default": "maybe"}}, "operations": {"send": {"request": {"gzip": "{g}"}}}}
E
finds 'steps/1/resend: would repeat a step before it' 'to begin anew behind it' <<E
{"operations": {"send": {"request": null, "steps": [
 {"resend": "never", "request": {"method": "POST", "url": "/", "item": "{id}"}},
 {"resend": "restart", "request": {"method": "GET", "url": "/"}}]}}}
E
finds 'batch/records: not a whole number' 'half a record' <<E
{"operations": {"send": {"batch": {"records": 1.5}, "request": {"url": "/"}}}}
E
cat >deep.json <<\E

{
  "name": "deep", "account": false,
  "api": {"checked": "2026-11-22"},
  "base_url": "https://example.com",
  "auth": {"type": "none"},
  "record": {"properties": {"id": {}}, "additionalProperties": false},
  "key": ["id"],
  "changes": {"DiffAdded": "put"},
  "derived": {
    "d": {"hash": "md5",
          "from": ["no"]}
  },
  "operations": {"put": {"request": {"method": "PUT", "url": "/{derived.d}"}}}
}
E
exits 78 'what a stage before would refuse' retl-push --lint ./deep.json
is "$(cat out)" './deep.json:11: derived/d: no is not a member of the record' \
	'has its line and member, too'
for c in spare.example.com //spare.example.com ''; do
	echo '{"id":1,"to":"x"}' | retl-push -c t/good --as added --set base_url="$c" >out 2>err
	is "$?$(wc -c <out)$(grep -c 'base_url: no address' err)" 7801 \
		"'$c' is no address: nothing is sent, least of all without TLS"
done
echo '{"id":1,"to":"x"}' | retl-push -c t/good --as added --set base_url="http://127.0.0.1:9/?a=b" >out 2>err
is "$?$(wc -c <out)" 780 'no path stands behind a query'
cat >many.json <<\E

{
  "name": "many",
  "api": {"checked": "2026-11-22"},
  "base_url": "https://example.com",
  "auth": {"type": "none"},
  "settings": {
    "spare": {"default": 1},
    "list": {"account": true}
  },
  "record": {},
  "key": ["id"],
  "changes": {"DiffAdded": "put"},
  "operations": {
    "put": {
      "request": {
        "method": "PUT",
        "url": "/{lst}",
        "item": [
          "{id:",
          "$settings.other}"
        ]
      }
    }
  }
}
E
exits 78 'a contract with several' retl-push --lint ./many.json
cat >want <<\E
./many.json:18: operations/put/request/url: lst: there is no such setting
./many.json:19: operations/put/request/item: $settings.other: there is no such setting
./many.json:8: settings/spare: nothing uses this setting
E
same want out 'all are named, each with its line'
finds 'rules/0/reason: a list where text is expected' 'a reason is a text' <<\E
{"rules": [{"status": 400, "then": "rejected", "reason": ["a", "b"]}]}
E
contract bad '{"settings": {"s": {"default": "a", "pattern": "\n"}},
	"operations": {"send": {"request": {"url": "/{s}"}}}}'
exits 78 'a fault that quotes a line end' retl-push --lint t/bad
is "$(wc -l <out)" 1 'is one line'
echo '{"name": }' >broken.json
exits 78 'what is no JSON' retl-push --lint ./broken.json
contains err './broken.json:1:10' 'has its line and column'
exits 66 'what is not there' retl-push --lint ./absent.json


# ---- hints ----
# hint CLAIM STEPS HINTS [MEMBERS]: of the steps, those with a hint
hint() {
	contract odd "{\"operations\": {\"send\": {\"request\": null, \"batch\": {\"records\": 9}${4:-}, \"steps\": $2}}}"
	retl-push --lint t/odd >out 2>err
	is "$?$(grep -v ': hint: ' out)$(sed -n 's/.*steps\/\([0-9]*\): hint: .*/\1/p' out | tr '\n' ',')" \
		"0$3" "$1"
}

contract behind '{"operations": {"send": {"request": null, "batch": {"records": 5},
 "cleanup": [{"request": {"method": "DELETE", "url": "/{saved.job}"}}],
 "rules": [{"status": 400, "when": "$saved.job == 7", "then": "failed"}],
 "steps": [{"request": {"method": "POST", "url": "/", "body": {}}, "save": {"job": ".id"}},
  {"request": {"method": "POST", "url": "/go", "item": "{id}"}, "commits": true}]}}}'
exits 0 'cleanup and rules that stand before their steps know what these save' \
	retl-push --lint t/behind
finds 'batch/by: $saved.job: no step before saves it' 'a batch behind its steps does not' <<E
{"operations": {"send": {"request": null, "steps": [
  {"request": {"method": "POST", "url": "/", "body": {}}, "save": {"job": ".id"}},
  {"request": {"method": "POST", "url": "/go", "item": "{id}"}}],
 "batch": {"records": 5, "by": "\$saved.job"}}}}
E

# What only reading for use finds, whatever the settings are.
finds 'concurrency: ' 'a number that is none, where a setting has no default' <<E
{"settings": {"shop": {"account": true, "format": "uri", "pattern": "[.]example"}},
 "base_url": "{+shop}", "concurrency": "{list}"}
E
finds 'concurrency: ' 'or has one that is made of another' <<E
{"settings": {"shop": {"account": true, "pattern": "^[a-z]+-[a-z]+$"}, "zone": {"from": "shop", "capture": "-([a-z]+)$"}},
 "operations": {"send": {"request": {"url": "/{shop}/{zone}"}}}, "concurrency": "{list}"}
E
finds 'operations/drop/batch/records: ' 'one of an operation that a setting chooses' <<E
{"settings": {"gone": {"enum": ["keep", "drop"], "default": "keep"}}, "changes": {"DiffRemoved": "{gone}"},
 "operations": {"drop": {"batch": {"records": "{list}"}, "request": {"method": "POST", "url": "/drop", "item": "."}},
 "keep": {"request": {"method": "POST", "url": "/keep", "item": "."}}}}
E
finds '{nobody}: there is no such setting' 'what such a removal requires' <<E
{"settings": {"gone": {"enum": ["keep", "drop"], "default": "keep"}}, "changes": {"DiffRemoved": "{gone}"},
 "operations": {"drop": {"requires": ["{nobody}"], "request": {"method": "POST", "url": "/drop", "item": "."}},
 "keep": {"request": {"method": "POST", "url": "/keep", "item": "."}}}}
E

look='{"request": {"method": "GET", "url": "/x"}, "save": {"x": "."}}'
changes='{"when": "$saved.x", "request": {"method": "PUT", "url": "/x", "item": "."}, "results": "{status: \"delivered\"}"}'
makes='{"when": "$saved.x | not", "request": {"method": "POST", "url": "/x", "item": "."}}'
hint 'a step that acts beside one with results, and has none, is odd' "[$look, $changes, $makes]" 2,
contains out 'whoever it carries is delivered if its status is good' 'the hint says why'
hint 'whichever of them comes first' "[$look, $makes, $changes]" 1,
with() { printf '%s' "$makes" | jq -c ". + $1"; }
hint 'so is one that goes record by record' "[$look, $changes, $(with '{each: true}')]" 2,
hint 'and one that says in its address what it is about' \
	"[$look, $changes, $(with '{each: true, request: {method: "DELETE", url: "/x/{record.id}"}}')]" 2,
hint 'or of a single record' "[$look, $changes, $makes]" 2, ', "batch": null'
hint 'results are what it lacks' "[$look, $changes, $(with '{results: ".[]"}')]" ''
hint 'a rule with some is as good' "[$look, $changes, $(with '{rules: [{when: ".bad", results: ".bad"}]}')]" ''
hint 'or one that tells good answers apart' "[$look, $changes, $(with '{rules: [{status: [201, 200], when: ".bad", then: "rejected"}]}')]" ''
hint 'one about refusals is not' "[$look, $changes, $(with '{rules: [{status: 400, code: "x", then: "rejected"}]}')]" 2,
hint 'of the operation, too' "[$look, $changes, $makes]" '' ', "rules": [{"code": "BAD", "then": "rejected"}]'
hint 'so is what is saved of its answer' "[$look, $changes, $(with '{save: {id: ".id"}}')]" ''
hint 'one that looks acts not' "[$look, $changes, $look]" ''
hint 'nor is a job odd that others report on' \
	"[$(with '{when: "true"}'), {\"when\": \"true\", \"request\": {\"method\": \"GET\", \"url\": \"/x\"}, \"results\": \".[]\"}]" ''
hint 'where nobody has results nobody is odd' "[$look, $makes]" ''
hint 'what others have not settled before is unknown' \
	"[$(printf '%s' "$look" | jq -c '. + {results: ".bad[]"}'), $makes]" 1,
contains out 'a record of which the results before do not speak is unknown' 'whatever comes'
line=$(sed -n 's/.*odd.json:\([0-9]*\): operations.*/\1/p' out)
is "$(sed -n "$((line + 1))s/^ *\"\([a-z]*\)\".*/\1/p" contracts/t/odd.json)" when \
	'a hint has the line where its step begins'
done_testing

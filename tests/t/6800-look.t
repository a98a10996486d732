#!/bin/sh
# Looking at contracts: every fault of one with its line, a table of what it
# demands and does, a list of all.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# ---- ours ----
for c in "$top"/contracts/*/*.json; do
	case $c in *.test.json) continue ;; esac
	retl-push --quiet --lint "$c" >>all 2>>err
	retl-push --describe "$c" >described 2>>err || echo "$c" >>undescribed
done
is "$(cat all)$(cat err)" '' 'no fault is found in a contract of ours'
is "$(cat undescribed 2>/dev/null)" '' 'all of them can be described'

# ---- lint ----
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
finds 'operations/send/request/methd: not a member' 'a member that is none' <<E
$op"methd": "POST"}}}}
E
finds 'operations/send/request/url: missing' 'and one that is missing' <<E
$op"url": null}}}}
E
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
hint 'so is what is saved of its answer' "[$look, $changes, $(with '{save: {id: ".id"}}')]" ''
hint 'one that looks acts not' "[$look, $changes, $look]" ''
hint 'nor is a job odd that others report on' \
	"[$(with '{when: "true"}'), {\"when\": \"true\", \"request\": {\"method\": \"GET\", \"url\": \"/x\"}, \"results\": \".[]\"}]" ''
hint 'where nobody has results nobody is odd' "[$look, $makes]" ''
hint 'what others have not settled before is unknown' \
	"[$(printf '%s' "$look" | jq -c '. + {results: ".bad[]"}'), $makes]" 1,
contains out 'a record of which the results before do not speak is unknown' 'whatever comes'
line=$(sed -n 's/.*odd.json:\([0-9]*\): operations.*/\1/p' out)
is "$(sed "1,${line}d" contracts/t/odd.json | jq -Rr 'capture("\"(?<k>when)\"").k' | head -n 1)" when \
	'a hint has the line where its step begins'

# ---- describe ----
retl-push --describe hubspot/contact >out 2>err </dev/null
RETL_CONTRACTS=$top/contracts retl-push --describe hubspot/contact >out 2>err
is "$?" 0 '--describe needs no setting'
for word in 'hubspot/contact: HubSpot contacts' 'RECORD' 'SETTINGS' 'CHANGES' \
	'OPERATIONS' 'RULES' 'LIMITS' 'NOTES' 'HUBSPOT_TOKEN' 'records: 100' \
	'DAILY'; do
	contains out "$word" "it tells of $word"
done
is "$(awk '/[ \t]$/' out)" '' 'no line ends in blanks'

RETL_CONTRACTS=$top/contracts retl-push --describe braze/track >out 2>err
is "$(sed -n 3p out | tr -d '0-9-')" '  checked ' 'an API without versions has none'

# ---- list ----
mkdir -p more/acme contracts/webhook
jq '.title = "Mine"' "$top/contracts/webhook/standard.json" >contracts/webhook/standard.json
jq '.name = "acme/x"' "$top/contracts/webhook/standard.json" >more/acme/x.json
RETL_CONTRACTS=more:$top/contracts retl-push --list-contracts >out 2>err
is "$(grep -c '^webhook/standard ' out)/$(grep '^webhook/standard ' out | grep -c 'Mine$')" \
	1/1 'of two of a name the first that is found is listed'
contains out 'acme/x ' 'those of other folders too'
lacks out test 'test cases are none'
(cd "$top" && RETL_CONTRACTS='' retl-push --list-contracts=markdown) >out 2>err
awk '/^<!-- contracts -->/ { on = 1; next } /^<!-- end/ { on = 0 } on' \
	"$top/README.md" >want
same want out "README's table is up to date (make readme)"
exits 64 'one thing at a time' retl-push --lint a --describe b
done_testing

#!/bin/sh
# Looking at contracts: that ours have no fault, a table of what one demands and
# does, a list of all.
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

# Each construct has its place.
contract every '{"settings": {"key": {"secret": true, "default": "s3cr3t"}},
	"record": {"properties": {"id": {"type": "string"}, "at": {"format": "date-time", "maxAge": "7d"},
		"items": {"type": "array", "items": {"properties": {"sku": {"type": "string"}}, "required": ["sku"]}}},
		"dependentRequired": {"value": ["currency"]}},
	"prepare": [{"name": "lists", "request": {"method": "GET", "url": "/lists"},
		"rules": [{"status": 404, "then": "stop", "reason": "no list"}]}],
	"retry": {"attempts": 3, "total": 50},
	"operations": {"send": {"request": null, "changed_only": [], "batch": {"records": 7, "item_bytes": 99, "seconds": 5},
		"cleanup": [{"name": "drop", "request": {"method": "DELETE", "url": "/jobs/1"}}],
		"steps": [
		{"name": "look", "each": true, "request": {"method": "GET", "url": "/look"}},
		{"name": "load", "commits": true, "resend": "never", "request": {"method": "POST", "url": "/load", "type": "csv", "gzip": true, "item": "."}},
		{"name": "wait", "request": {"method": "GET", "url": "/jobs/1"}, "poll": {"until": ".done", "deadline": 90},
			"rules": [{"when": ".broken", "then": "failed"}]},
		{"name": "file", "when": ".[0]", "request": {"method": "GET", "url": "/file", "auth": false}, "next": ".next"}]}}}'
retl-push --describe t/every >out 2>err
is "$(sed 's/  */ /g; s/^ //; s/ $//' out | grep -E '^(items|at|dep|.once|lists|send|look|load|wait|file|.if|tried|key )')" \
	'at date-time, maxAge 7d
items array
items[].sku required string
dependentRequired: {"value":["currency"]}
key secret (secret)
(once a run) lists GET /lists
send look GET /look records: 7, bytes each: 99, seconds: 5, what changed, each record
load POST /load csv, gzip, commits, resend never
wait GET /jobs/1 asked again until done, seconds at most: 90
file GET /file without credentials, page after page, if need be
(if it fails) drop DELETE /jobs/1
(once a run) lists 404 stop no list
send wait .broken failed
at once: 4
tried again: attempts 3, first pause 0.01, most 0.02, in all 50' 'each construct is told of, members of members and cleaning up among it'
lacks out s3cr3t 'no secret is'

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

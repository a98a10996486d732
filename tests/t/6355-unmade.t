#!/bin/sh
# A record of which no request can be made does not keep others from theirs; a
# contract that can make none of any is wrong.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

hostile none
# push MEMBERS [OPTION...]: an operation with these; ./in is sent.
push() {
	contract one "{\"operations\": {\"send\": $1}, \"concurrency\": 1}"
	shift
	rm -f rejects
	timeout 30 retl-push -v -c t/one --as added --set "base_url=$hostile" \
		--rejects rejects "$@" <in >out 2>err
	got=$?/$(counts out)
}
lines() {
	jq -r "select(.status == \"$1\") | .line" out | sort -n | tr '\n' ' '
}
ok='"url": "/ok"'
text="{\"request\": {$ok, \"type\": \"text\", \"item\": \".a\"}}"
csv="{\"batch\": {\"records\": 100}, \"request\": {$ok, \"type\": \"csv\", \"item\": \".a\"}}"
number="{\"batch\": {\"records\": 100}, \"request\": {$ok, \"item\": \"{n: (.a | tonumber)}\"}}"

# ---- one that is not as the others ----
printf '{"id":%d,"a":%s}\n' 1 '"x"' 2 44117 3 '"z"' >in
push "$text"
is "$got/$(lines rejected)" '1/delivered 2, rejected 1/2 ' \
	'a value that a body cannot be made of costs its record'
is "$(jq -c '[.code, .reason]' rejects)/$(jq -r .line rejects)" \
	'["body","body: text is made of a string"]/2' 'which is listed with the reason'
is "$(cat out err rejects | grep -v '^{"stage\|^. ' | grep -c 44117)" 0 'and without the value'
printf '{"id":%d,"a":%s}\n' 1 44117 2 '"x"' 3 '"z"' >in
push "$text"
is "$got/$(lines rejected)" '1/delivered 2, rejected 1/1 ' 'also if it comes first'
is "$(jq -r .line out | head -n 1)" 1 'then its receipt waits for the first that is made'
push "$text" -n
is "$?/${got%%/*}/$(jq -c .lines out | tr '\n' ' ')" '0/1/[2] [3] ' \
	'a dry run shows the others'

for i in $(seq 1 64); do
	case $i in
	37) echo '{"id":37,"a":"44117"}' ;;
	*) echo "{\"id\":$i,\"a\":[$i]}" ;;
	esac
done >in
push "$csv"
is "$got/$(lines rejected)" '1/delivered 63, rejected 1/37 ' 'in a batch it is found'
is "$(grep -c '> POST' err)" 6 'and the others travel together'
sed 's/"a":"44117"/"a":"x44117"/; s/\[\(.*\)\]/"\1"/' in >words
mv words in
push "$number"
is "$got/$(lines rejected)" '1/delivered 63, rejected 1/37 ' \
	'a program that fails on a value costs its record'
is "$(grep -c '> POST' err)" 1 'and nobody else is asked about'
contains out '"operations.send.item:1: a text is not a number' 'the reason says where'
lacks out 44117 'without the value'
push "{\"batch\": {\"records\": 100, \"by\": \".a | tonumber > 0\"}, \"request\": {$ok, \"item\": \".\"}}"
is "$got/$(lines rejected)" '1/delivered 63, rejected 1/37 ' 'so it is with a group'
push "{\"request\": {\"url\": \"/ok?a={vars.a}\"}, \"vars\": {\"a\": \".a | tonumber\"}}"
is "$got/$(lines rejected)" '1/delivered 63, rejected 1/37 ' 'and with a variable'
push "{\"request\": {$ok, \"type\": \"multipart\",
	\"item\": \"{f: {content: \\\"c\\\", type: (if .id == 37 then \\\"a\\\\nb\\\" else \\\"text/plain\\\" end)}}\"}}"
is "$got/$(lines rejected)" '1/delivered 63, rejected 1/37 ' 'and with a part'
contains out 'body: f: its type has a control character in it' 'whose name is told'

# ---- all of them ----
printf '{"id":%d,"a":%s}\n' 1 1 2 2 3 3 >in
for members in "$text" "$csv" \
	"{\"batch\": {\"records\": 2}, \"request\": {$ok, \"item\": \".a | keys\"}}"; do
	push "$members"
	is "$got/$(grep -c '> POST' err)" '78/failed 3/0' 'none can be made: the contract is wrong'
	contains err 'of no record could it be made' 'the message says why'
done
awk 'BEGIN { for (i = 1; i <= 50; i++) printf "{\"id\":%d,\"a\":%s}\n", i, (i > 30 ? "\"x\"" : i) }' >in
push "$text" --max-alike 20
is "$got/$(lines delivered)" '78/failed 50/' 'so it is after as many as --max-alike says'
push "$text" --max-alike 0
is "$got" '1/delivered 20, rejected 30' 'unless it says never'

# ---- behind a step that may have acted ----
printf '{"id":%d,"a":%s}\n' 1 '"x"' 2 44117 3 '"z"' >in
push "{\"request\": null, \"steps\": [{\"request\": {\"method\": \"POST\", $ok, \"item\": \".\"}},
	{\"request\": {\"method\": \"POST\", $ok, \"type\": \"text\", \"item\": \".a\"}}]}"
is "$got/$(lines unknown)" '75/delivered 2, unknown 1/2 ' \
	'what a step before may have done leaves the record in doubt'
done_testing

#!/bin/sh
# Answers that are files of rows: what was cut off must not read as if the rest
# had gone well.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

hostile none
say='(if .error then {key: .id, status: "rejected", code: .error} else empty end), {status: "delivered"}'
# op RESPONSE MORE: a job is begun, and says in rows what went wrong
op() {
	jq -cn --arg say "$say" --arg response "$1" --argjson more "$2" '
		{operations: {send: {request: null, batch: {records: 9}, steps: [
		{request: {method: "POST", url: "/ok"}, save: {job: ".a"}},
		({request: {method: "GET", url: "/{list}"}, response: $response,
		 results: (if $response == "csv" then "if .error == \"\" then .error = null else . end | " + $say
			else $say end)} + $more)]}}}'
}
contract csv "$(op csv '{}')"
contract lines "$(op ndjson '{}')"
count='{"rows": "$response.headers[\"x-rows\"] | tonumber? // null"}'
contract csvcount "$(op csv "$count")"
contract linescount "$(op ndjson "$count")"
printf '{"id":"%s"}\n' 1 2 >in

# push CONTRACT WORD: outcomes and the exit status in $got
push() {
	timeout 30 retl-push -c "t/$1" --as added --set base_url="$hostile" \
		--set list="$2" <in >out 2>err
	got="$(outcomes out | tr '\n' ',')$?"
	reason=$(jq -r '.reason // empty' out | head -n 1)
}
lost='unknown 200 lost,unknown 200 lost,'
push csv rowstorn
is "$got" "${lost}75" 'a row that was cut, and still has all its columns, is none'
is "$(jq -r .attempts out | uniq)" 3 'the rows were asked for again'
is "$reason" 'rows that end with the connection, in the middle of a line' \
	'and the receipt says why'
push csv rowsshort
is "$got" "${lost}75" 'nor is one that lacks a column'
push csv rowsopen
is "$got" 'unknown 200 unreadable,unknown 200 unreadable,75' \
	'where nothing says that these are all, more may have been lost'
push csv rowsnone
is "$got" 'unknown 200 unreadable,unknown 200 unreadable,75' 'no rows at all neither'
push csvcount rowscount
is "$got" 'delivered,rejected 200 bad,1' 'a count says it'
push csvcount rowsfewer
is "$got" "${lost}75" 'or that there are too few'
is "$reason" 'fewer rows than there should be' 'in these words'
push csvcount rowstorn2
is "$got" "${lost}75" 'a count does not mend a row that was cut'
push csvcount rowsopen
is "$got" 'unknown 200 unreadable,unknown 200 unreadable,75' 'null is no count'
contract text "$(op csv '{"rows": "$response.headers[\"x-rows\"]"}')"
push text rowscount
is "$got" 'delivered,rejected 200 bad,1' 'a header is a text, and counts as well'
push text rowsfewer
is "$got" "${lost}75" 'in both directions'
for odd in '"all"' '[3]' 'true' 'error(\"x\")' '-1' '2.5'; do
	contract odd "$(op ndjson "{\"rows\": \"$(printf %s "$odd" | sed 's/\\*"/\\"/g')\"}")"
	push odd linesmore
	is "$got" 'unknown 200 unreadable,unknown 200 unreadable,75' \
		"$odd is no number of rows, and not the same as none"
done
push lines linestorn
is "$got" "${lost}75" 'a line of JSON that was cut is none'
push lines linesopen
is "$got" 'unknown 200 unreadable,unknown 200 unreadable,75' 'whole lines may not be all'
push linescount linesbom
is "$got" 'delivered,delivered,0' 'a mark in front of the first line is no part of it; 2.0 is 2'
push linescount linescount
is "$got" 'delivered,delivered,0' 'unless they are counted'
push linescount linesmore
is "$got" "${lost}75" 'more than counted are not what was meant'
push lines lineschunk
is "$got" 'delivered,delivered,0' 'chunks say where the rows end'
push lines lineslength
is "$got" 'delivered,delivered,0' 'so does a length, also without a last line feed'
push lines lineslost
is "$got" "${lost}75" 'chunks without their end are cut'

push csv html
is "$got" 'unknown 200 unreadable,unknown 200 unreadable,75' \
	'a page that excuses itself is no file without bad rows'

contract wrong '{"operations": {"send": {"rows": "1"}}}'
exits 78 'only files of rows have a number of rows' retl-push -c t/wrong -n in
contains err 'rows: of csv and ndjson alone' 'which is said'
retl-push --lint contracts/t/csvcount.json >out 2>&1
ok $? 'lint knows the member'

done_testing

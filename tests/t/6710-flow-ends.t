#!/bin/sh
# Flows that are ended from outside: signals in the middle of a poll, kills,
# streams without a seal; answers that are packed; what a dry run shows.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/push.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'
mkdir -p contracts/t
cp "$top"/tests/flows/contracts/t/*.json contracts/t/
rm -f contracts/t/*.test.json

outcomes() {
	jq -rs 'sort_by(.line)[] | "\(.status)\(if .code then " " + .code else "" end)"' \
		"$1" | tr '\n' ','
}

# ---- a poll without an end ----
cat >cases <<'EOF'
[{"name": "slow", "exchange": [
 {"request": {"method": "POST", "url": "/jobs"}, "answer": {"status": 200, "body": {"id": 7, "upload": "/up"}}},
 {"request": {"method": "PUT", "url": "/up"}, "answer": {"status": 200}},
 {"request": {"method": "POST", "url": "/jobs/7/start"}, "answer": {"status": 200}},
 {"request": {"method": "GET", "url": "/jobs/7"}, "answer": {"status": 200, "body": {"state": "running"}}, "times": 100000}]}]
EOF
jq '.operations.put.steps[3].poll.deadline = 60' contracts/t/job.json >c && mv c contracts/t/job.json
printf '{"id":"%s"}\n' a b | sealed >in
begin() {
	rm -f err out
	mock_start play mockapi play --case 1 cases
	retl-push -v -c t/job --as added --set base_url="$(mock_url play)" <in >out 2>err &
	pusher=$!
	soon grep -q 'running' err
}
begin
ok $? 'a job is waited for'
kill -TERM $pusher
wait $pusher
is "$?/$(outcomes out)" '75/unknown stopped,unknown stopped,' \
	'a signal ends the waiting: what was started is unknown, not failed'
mock_stop play
begin
kill -KILL $pusher
wait $pusher 2>/dev/null
is "$(wc -c <out)" 0 'a kill leaves no receipt, and so the rows are sent again'
mock_stop play

# ---- record by record ----
cat >cases <<'EOF'
[{"name": "each", "exchange": [
 {"request": {"method": "POST", "url": "/e/a"}},
 {"request": {"method": "POST", "url": "/e/b"}, "answer": {"delay": 300}}]}]
EOF
# told_to_end MEMBERS: the push is told to end while the second record is under way.
told_to_end() {
	jq ".operations.put = {batch: {records: 9}, steps: [{each: true, request: {method: \"POST\",
		url: \"/e/{record.id}\"}} + $1, {request: {method: \"POST\", url: \"/f\"}}]}" \
		"$top/tests/flows/contracts/t/words.json" >contracts/t/words.json
	printf '{"id":"%s"}\n' a b c >three
	rm -f err out
	mock_start play mockapi play --case 1 cases
	retl-push -v -c t/words --as added --set base_url="$(mock_url play)" <three >out 2>err &
	pusher=$!
	soon grep -q '> POST .*/e/b' err
	kill -TERM $pusher
	wait $pusher
	jq -c 'select(.status != "sending") | [.line, .status, .resend]' out |
		sort | tr '\n' ' ' >got
	mock_stop play
}
told_to_end '{}'
is "$(cat got)" '[1,"unknown",null] [2,"unknown",null] [3,"failed",null] ' \
	'who was taken before the end has not failed'
told_to_end '{resend: "never"}'
is "$(cat got)" '[1,"unknown",false] [2,"unknown",false] [3,"failed",null] ' \
	'and is not sent again where that must not be'

# ---- a stream that is not sealed ----
cat >cases <<'EOF'
[{"name": "first", "exchange": [
 {"request": {"method": "POST", "url": "/replace", "body": {"n": 1, "last": false, "rows": [{"id": "a"}, {"id": "b"}]}}, "answer": {"status": 200, "body": {}}}]}]
EOF
whole() {
	mock_start play mockapi play --case 1 cases
	timeout 30 retl-push -c t/whole --as added --set base_url="$(mock_url play)" \
		"$@" >out 2>err
	status=$?
	mock_stop play
	ok $? 'only what comes before the last batch is sent'
}
printf '{"id":"%s"}\n' a b c >rows
whole <rows
is "$status/$(outcomes out)" \
	'65/unknown incomplete,unknown incomplete,failed incomplete,' \
	'without its seal a stream replaces nothing'
contains err 'the input is not sealed: so the last batch' 'and is told so'
{ cat rows; seal 4; } >in
whole <in
is $status 65 'nor with a seal that counts otherwise'
sealed rows >in
whole --limit 3 <in
is $status 65 'nor when it was not read to its end'
{ cat rows; echo '{"id":'; } >in
whole <in
is $status 65 'nor when it breaks off'
head -n 2 rows >two
mock_start play mockapi play --case 1 cases
timeout 30 retl-push -c t/whole --as added --set base_url="$(mock_url play)" <two >out 2>err
is "$?/$(outcomes out)" '65/failed incomplete,failed incomplete,' 'a single batch is held back altogether'
mock_stop play
: | sealed >in
cat >empty <<'EOF'
#!/bin/sh
exec retl-push -c t/whole --as added --set base_url="${URL:-http://127.0.0.1:9}" "$@"
EOF
chmod +x empty
exits 65 'an empty dataset replaces nothing, sealed as it may be' ./empty in
contains err 'everything at the destination would be replaced by nothing (--allow-empty, if that is meant): nothing is sent' \
	'which is said, with what to do'
exits 65 'nor does a dry run' ./empty -n in
: >nothing
exits 65 'without its seal an option does not help' ./empty --allow-empty nothing
contains err 'the input is empty and not sealed' 'which is said'
cat >cases <<'EOF'
[{"name": "taken", "exchange": [
 {"request": {"method": "POST", "url": "/replace", "body": {"n": 1, "last": true, "rows": []}}, "answer": {"status": 503}},
 {"request": {"method": "POST", "url": "/replace", "body": {"n": 1, "last": true, "rows": []}}, "answer": {"status": 200, "body": {}}}]},
 {"name": "refused", "exchange": [
 {"request": {"method": "POST", "url": "/replace", "body": {"n": 1, "last": true, "rows": []}}, "answer": {"status": 400, "body": {"code": "EMPTY"}}}]}]
EOF
mock_start play mockapi play --case 1 cases
exits 0 'where it is meant, everything is replaced by nothing' env URL="$(mock_url play)" ./empty --allow-empty in
is "$(wc -c <out)" 0 'nobody gets a receipt for that'
mock_stop play
ok $? 'and one request was made of it'
mock_start play mockapi play --case 2 cases
exits 65 'a destination that does not take that ends it with 65' env URL="$(mock_url play)" ./empty --allow-empty in
contains err 'replacing everything by nothing was not taken: EMPTY' 'and its words'
mock_stop play
exits 0 'a dry run shows the request' ./empty --allow-empty -n in
is "$(jq -c .body out)" '{"n":1,"last":true,"rows":[]}' 'with no rows in it'
echo '{"name":1}' >row
sealed row >refused
exits 65 'a dataset of which all was refused replaces nothing' ./empty refused
contains err 'a record was refused: nothing is replaced' 'which is said too'
: | sealed >in
exits 0 'changes of which there are none are no empty dataset' \
	retl-push -c t/each --set base_url=http://127.0.0.1:9 in

# ---- an answer that is packed, whatever its headers say ----
contract packed '{"operations": {"send": {"batch": {"records": 9}, "request": {"url": "/packed"},
	"response": "csv", "results": "{key: .id, status: (if .error == \"\" then \"delivered\" else \"rejected\" end), code: .error}"}}}'
printf 'id,error\r\na,\r\nb,bad\r\n' | gzip >file.gz
hostile "$work/file.gz"
printf '{"id":"%s"}\n' a b | sealed >in
push() {
	timeout 30 retl-push -c t/packed --as added --set base_url="$hostile" <in >out 2>err
	status=$?
}
push
is "$status/$(outcomes out)" '1/delivered,rejected bad,' 'a file that is gzip is unpacked'
head -c 25 file.gz >file.cut && mv file.cut file.gz
push
is "$status/$(outcomes out)" '75/unknown unreadable,unknown unreadable,' 'one that is cut off says nothing'

# ---- preparing happens once, and for all ----
cat >cases <<'EOF'
[{"name": "p", "exchange": [
 {"request": {"method": "GET", "url": "/lists"}, "answer": {"status": 200, "delay": 200, "body": {"lists": [{"name": "x", "id": 2}]}}},
 {"request": {"method": "POST", "url": "/lists/2/members"}, "answer": {"status": 200}, "times": 40}]}]
EOF
i=0
while [ $i -lt 40 ]; do i=$((i + 1)); echo "{\"id\":\"$i\"}"; done >in
mock_start play mockapi play --case 1 cases
timeout 30 retl-push -c t/prepare --as added --concurrency 8 --set base_url="$(mock_url play)" <in >out 2>err
is "$?/$(jq -r .status out | sort | uniq -c | awk '{print $1, $2}')" '0/40 delivered' \
	'what is prepared is there for eight at once'
mock_stop play
ok $? 'and was asked for once'

contract prepared '{"prepare": [{"when": "error(\"set x\")",
	"request": {"method": "GET", "url": "/lists"}}],
	"operations": {"send": {"request": {"url": "/"}}}}'
timeout 30 retl-push -c t/prepared --as added --set base_url=http://127.0.0.1:1 <in >out 2>err
is "$?/$(head -n 1 err)" \
	'78/retl-push: error: t/prepared: prepare.steps.0.when:1: set x; nothing more is sent' \
	'what preparing asks for is said, and no record is named'

# ---- a dry run ----
printf '{"id":"%s"}\n' a b c | sealed >in
retl-push -c t/whole --as added -n <in >out 2>err
is "$(jq -c '[.body.n, .body.last]' out | tr '\n' ' ')" '[1,false] [2,true] ' 'a dry run shows how a session would go'
retl-push -c t/each --as added -n <in >out 2>err
is "$?/$(jq -r '.step + " " + (.url // "?")' out | head -n 3 | tr '\n' ',')" \
	'0/find https://api.example.com/find/a,find https://api.example.com/find/b,find https://api.example.com/find/c,' \
	'and each request of a step for each record'
# ---- refused after an answer was lost ----
contract twice '{"operations": {"send": {"request": {"url": "/new"}}}}'
cat >cases <<'EOF'
[{"name": "there already", "exchange": [
 {"request": {"method": "POST", "url": "/new"}, "answer": {"reset": "after"}},
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 409}}]},
 {"name": "after a fault", "exchange": [
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 502}},
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 409}}]},
 {"name": "after a limit", "exchange": [
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 429}},
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 409}}]}]
EOF
echo '{"id":1}' >in
# tries CASE: the status of the record, and of the push
tries() {
	mock_start play mockapi play --case "$1" cases
	timeout 20 retl-push --quiet -c t/twice --as added \
		--set base_url="$(mock_url play)" <in >out 2>err
	tried=$?
	mock_stop play
	tried=$(jq -r .status out)/$tried
}
tries 1
is "$tried" unknown/75 'what was lost and then refused may be there already'
tries 2
is "$tried" unknown/75 'so may what a server that broke down had got'
contains out '"reason":"an earlier attempt may have been accepted"' 'which its receipt says'
tries 3
is "$tried" rejected/1 'but not what was only told to wait'
# A vendor says so in other ways too; the next run, which has no such attempt
# behind it, hears what is said of the record itself.
for refusal in 400 422 404 410; do
	printf '[{"name": "x", "exchange": [%s, %s]}, {"name": "y", "exchange": [%s]}]' \
		'{"request": {"method": "POST", "url": "/new"}, "answer": {"reset": "after"}}' \
		"{\"request\": {\"method\": \"POST\", \"url\": \"/new\"}, \"answer\": {\"status\": $refusal, \"body\": {\"m\": \"is there\"}}}" \
		"{\"request\": {\"method\": \"POST\", \"url\": \"/new\"}, \"answer\": {\"status\": $refusal}}" >cases
	contract twice '{"operations": {"send": {"request": {"url": "/{record.to}"}}}}'
	echo '{"id":1,"to":"new"}' >in
	tries 1
	is "$tried" unknown/75 "lost, and then $refusal"
	contains out '"reason":"is there; an earlier attempt may have been accepted"' \
		"$refusal: the destination's words and ours"
	tries 2
	is "$tried" rejected/1 "$refusal, and nothing before"
done
printf '[{"name": "x", "exchange": [%s, %s]}]' \
	'{"request": {"method": "POST", "url": "/new"}, "answer": {"reset": "after"}}' \
	'{"request": {"method": "POST", "url": "/new"}, "answer": {"status": 413}}' >cases
tries 1
is "$tried" rejected/1 'what is too large was too large before'
contract twice '{"rules": [{"status": 422, "then": "rejected"}], "operations": {"send": {"request": {"url": "/new"}}}}'
sed 's/413/422/' cases >word
mv word cases
tries 1
is "$tried" rejected/1 'what a rule calls rejected is taken at its word'

contract apart '{"operations": {"send": {"batch": {"records": 9}, "request": {"url": "/new"},
	"results": ".[]?"}}}'
cat >cases <<'EOF'
[{"name": "taken, and then halved for another", "exchange": [
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 200, "body": [{"status": "split"}]}},
 {"request": {"method": "POST", "url": "/new", "body": [{"id": 1}]}, "answer": {"status": 409}},
 {"request": {"method": "POST", "url": "/new", "body": [{"id": 2}]}, "answer": {"status": 422}}]},
 {"name": "one alone, and somebody is refused", "exchange": [
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 200, "body": [{"status": "retry", "ref": "1"}, {"status": "delivered"}]}},
 {"request": {"method": "POST", "url": "/new"}, "answer": {"status": 200, "body": [{"status": "rejected", "key": "ID-1"}, {"status": "delivered"}]}}]}]
EOF
printf '{"id":%d}\n' 1 2 >two
mock_start play mockapi play --case 1 cases
timeout 20 retl-push --quiet -c t/apart --as added --concurrency 1 \
	--set base_url="$(mock_url play)" <two >out 2>err
is "$?/$(outcomes out)" '75/unknown,rejected,' \
	'a conflict after a batch of which some may have been taken is no refusal'
mock_stop play
mock_start play mockapi play --case 2 cases
timeout 20 retl-push --quiet -c t/apart --as added --concurrency 1 \
	--set base_url="$(mock_url play)" <two >out 2>err
is "$?/$(outcomes out)" '75/unknown stray,delivered,' \
	'who was sent again by himself is meant when a stranger is refused'
mock_stop play

# ---- pages and polls of a step for each record ----
contract turns '{"operations": {"send": {"batch": {"records": 9}, "request": null, "steps": [
	{"each": true, "request": {"method": "GET", "url": "/find/{record.id}"},
	 "next": ".next", "save": {"id": "(.id // $saved.id)"}},
	{"each": true, "when": "$saved.id != null",
	 "request": {"method": "DELETE", "url": "/del/{saved.id}"},
	 "poll": {"until": ".done", "every": 0.4, "deadline": 0.6}}]}}}'
cat >cases <<'EOF'
[{"name": "two are looked for, by pages", "exchange": [
 {"request": {"method": "GET", "url": "/find/a"}, "answer": {"status": 200, "body": {"next": "/find/a?page=2"}}},
 {"request": {"method": "GET", "url": "/find/a?page=2"}, "answer": {"status": 200, "body": {"id": 11}}},
 {"request": {"method": "GET", "url": "/find/b"}, "answer": {"status": 200, "body": {"id": 22}}},
 {"request": {"method": "DELETE", "url": "/del/11"}, "answer": {"status": 200, "body": {}}},
 {"request": {"method": "DELETE", "url": "/del/11"}, "answer": {"status": 200, "body": {"done": true}}},
 {"request": {"method": "DELETE", "url": "/del/22"}, "answer": {"status": 200, "body": {}}},
 {"request": {"method": "DELETE", "url": "/del/22"}, "answer": {"status": 200, "body": {"done": true}}}]},
 {"name": "pages that lead elsewhere", "exchange": [
 {"request": {"method": "GET", "url": "/find/a"}, "answer": {"status": 200, "body": {"next": "http://127.0.0.2:9/"}}},
 {"request": {"method": "GET", "url": "/find/b"}, "answer": {"status": 200, "body": {"id": 22}}},
 {"request": {"method": "DELETE", "url": "/del/22"}, "answer": {"status": 200, "body": {"done": true}}}]}]
EOF
printf '{"id":"%s"}\n' a b >two
# turns CASE: outcomes of two removals, in $got
turns() {
	mock_start play mockapi play --case "$1" cases
	timeout 20 retl-push --quiet -c t/turns --as removed \
		--set base_url="$(mock_url play)" <two >out 2>err
	got="$?/$(outcomes out)"
	mock_stop play || got="$got $(cat play.err)"
}
turns 1
is "$got" '0/delivered,delivered,' "one record's pages, and its deadline, are not the next one's"
turns 2
is "$got" '75/failed address,delivered,' 'pages that lead elsewhere are not the fault of the record'

# ---- what is made before the step that says "commits" ----
contract made '{"operations": {"send": {"request": null, "steps": [
	{"request": {"method": "GET", "url": "/find"}, "save": {"id": ".id"}},
	{"when": "$saved.id == null", "resend": "restart",
	 "request": {"method": "POST", "url": "/new", "item": "."}},
	{"when": "$saved.id != null", "commits": true,
	 "request": {"method": "PUT", "url": "/old", "item": "."}}]}}}'
cat >cases <<'EOF'
[{"name": "made, perhaps", "exchange": [
 {"request": {"method": "GET", "url": "/find"}, "answer": {"status": 200, "body": {}}},
 {"request": {"method": "POST", "url": "/new"}, "answer": {"reset": "after"}},
 {"request": {"method": "GET", "url": "/find"}, "answer": {"status": 503}, "times": 2}]}]
EOF
mock_start play mockapi play --case 1 cases
timeout 20 retl-push --quiet -c t/made --as added --set base_url="$(mock_url play)" <in >out 2>err
is "$?/$(jq -r .status out)" 75/unknown \
	'what must not simply be repeated acts, also before that: it is not called failed'
mock_stop play
ok $? 'and is looked for before it is made once more'
done_testing

#!/bin/sh
# postgresql/table: rows of a real server's table, written, changed and deleted,
# with values of every type; rows that it refuses; servers that go away.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/postgres.sh"
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'
command -v jq >/dev/null || skip_all 'jq is missing'

mkdir -p contracts/postgresql
jq '. * {retry: {first: 0.01, most: 0.05, attempts: 4}}' \
	"$top/contracts/postgresql/table.json" >contracts/postgresql/table.json
export DATABASE_URL="$db"

# push TABLE [OPTION...]: of ./in
push() {
	table=$1
	shift
	timeout 60 retl-push -c postgresql/table --set table="$table" "$@" \
		<in >out 2>err
	status=$?
}
counts() {
	jq -r 'select(.status != "sending") | .status' out | sort | uniq -c |
		awk '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1 }'
}

# ---- values ----
sql <<'EOF'
CREATE TABLE t (id bigint PRIMARY KEY, n numeric, b boolean, s text, "Odd ""name" text,
	j jsonb, raw json, a int[], d date, ts timestamptz, dflt text DEFAULT 'dflt');
EOF
cat >records <<'EOF'
{"id":9007199254740993,"n":12345678901234567890.10,"b":true,"s":"a'b\"\\ \t\u00e4\ud83d\ude00","Odd \"name":"x; DROP TABLE t","j":{"k":[1.10,9223372036854775808]},"raw":{"z":1.0,"a":2},"a":[1,null,3],"d":"2026-02-28","ts":"2026-01-02T03:04:05.678901+01:00","diff_result":"DiffAdded","diff_id":"r:1"}
{"id":2,"s":null,"n":1e3,"diff_result":"DiffAdded","diff_id":"r:2"}
{"n":-0.5,"id":3,"s":"","diff_result":"DiffUpdated","diff_id":"r:3"}
EOF
sealed records >in
push t
is "$status/$(counts)" '0/delivered 3' 'rows are written'
is "$(sql -c "SELECT id, n, b, s, \"Odd \"\"name\", j, raw, a, d, ts AT TIME ZONE 'UTC', dflt FROM t ORDER BY id DESC")" \
	"$(printf '%s\n' "9007199254740993|12345678901234567890.10|t|a'b\"\\ 	ä😀|x; DROP TABLE t|{\"k\": [1.10, 9223372036854775808]}|{\"z\":1.0,\"a\":2}|{1,NULL,3}|2026-02-28|2026-01-02 02:04:05.678901|dflt" \
		'3|-0.5|||||||||dflt' '2|1000|||||||||dflt')" \
	'each value as what its column is, exactly'
is "$(sql -c "SELECT s IS NULL FROM t WHERE id IN (2, 3) ORDER BY id" | tr '\n' ' ')" 't f ' \
	'null is NULL, and the empty text is not'

# ---- changes ----
echo '{"id":2,"s":"new","diff_result":"DiffUpdated","diff_id":"r:4"}
{"id":3,"n":"not a number","diff_result":"DiffRemoved","diff_id":"r:5"}
{"id":77,"diff_result":"DiffRemoved","diff_id":"r:6"}' >in
push t
is "$status/$(counts)" '0/delivered 3' 'changes, and removals by the key alone'
is "$(sql -c 'SELECT id, n, s FROM t WHERE id < 10')" '2|1000|new' \
	'what a row does not name stays as it is'
echo '{"id":2}
{"id":5}' >in
push t --as added
is "$status/$(sql -c 'SELECT count(*) FROM t')" 0/3 'a row of nothing but its key'

# ---- rows that are refused ----
sql -c "CREATE SCHEMA s; CREATE TABLE s.\"T.x\" (k int PRIMARY KEY, v smallint CHECK (v <> 13), u text UNIQUE)"
jq '.key = ["k"]' contracts/postgresql/table.json >c && mv c contracts/postgresql/table.json
i=0
while [ $i -lt 200 ]; do
	i=$((i + 1))
	case $i in
	13) v=12 ;;
	31) v=13 ;;
	77) v=99999 ;;
	150) v='"secret word"' ;;
	*) v=$i ;;
	esac
	[ $i = 151 ] && v='1,"u":"a\u0000b"'
	echo "{\"k\":$i,\"v\":$v,\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:$i\"}"
done | sed 's/"v":\([0-9]*\),"diff/"v":\1,"diff/' >in
push 's."T.x"' --rejects rejects
is "$status/$(counts)" '1/delivered 196, rejected 4' 'they alone are refused, of 200'
is "$(sql -c 'SELECT count(*) FROM s."T.x"')" 196 'the others are there'
is "$(jq -r 'select(.status == "rejected") | "\(.line) \(.code)"' out | sort -n | tr '\n' ' ')" \
	'31 23514 77 22003 150 22P02 151 22P05 ' 'each with its SQLSTATE'
cat err out >seen
lacks seen 'secret word' 'and no value is shown'

# ---- what is the contract's fault, or the account's ----
echo '{"k":1,"nope":1}' >in
push 's."T.x"' --as added
is $status/"$(counts)" '69/failed 1' 'a column that is not there ends the push'
contains err 'column "nope"' 'and is named'
push nothere --as added
is $status 69 'so does a table that is not there'
push 's.' --as added
is $status 78 'and a name that is none'
DATABASE_URL=postgresql://nobody@127.0.0.1:$port/postgres push t --as added
is $status 77 'and a user that is not known'
DATABASE_URL=mysql://root:hush@127.0.0.1/x push t --as added
is $status 78 'and an address of something else'
lacks err hush 'that is not shown'
sql -c "CREATE ROLE weak LOGIN"
DATABASE_URL=postgresql://weak@127.0.0.1:$port/postgres push 's."T.x"' --as added
is $status 77 'and missing privileges'

# ---- rules of a contract ----
jq '.rules = [{"sqlstate": "23", "then": "skipped", "reason": "there already"}]' \
	contracts/postgresql/table.json >c && mv c contracts/postgresql/table.json
printf '%s\n' '{"k":1,"v":1}' '{"k":1000,"v":1}' >in
push 's."T.x"' --as added --set on_change=insert --set rows=1
is "$status/$(counts)" '0/delivered 1, skipped 1' 'a rule by SQLSTATE, or by its class'
jq 'del(.rules)' contracts/postgresql/table.json >c && mv c contracts/postgresql/table.json
push 's."T.x"' --as added --set on_change=insert
is "$status/$(counts)" '1/rejected 2' 'without it an insert of what is there is refused'

# ---- a trigger that leaves rows out ----
sql <<'EOF'
CREATE TABLE quiet (k int PRIMARY KEY, v int);
CREATE FUNCTION drop_odd() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN IF NEW.k % 2 = 1 THEN RETURN NULL; END IF; RETURN NEW; END';
CREATE TRIGGER quiet BEFORE INSERT ON quiet FOR EACH ROW EXECUTE FUNCTION drop_odd();
EOF
printf '{"k":%d,"v":1}\n' 1 2 3 4 >in
push quiet --as added
is "$status/$(counts)/$(sql -c 'SELECT count(*) FROM quiet')" '1/delivered 2, rejected 2/2' \
	'what a trigger leaves out is not called delivered'

# ---- locks, deadlines, servers that go away ----
printf '{"k":%d,"v":1}\n' 1 2 >in
mkfifo hold
sql <hold >/dev/null 2>&1 &
holder=$!
exec 9>hold
echo 'BEGIN; LOCK TABLE s."T.x" IN EXCLUSIVE MODE; \! touch locked' >&9
soon test -e locked
jq '.retry.attempts = 2' contracts/postgresql/table.json >c && mv c contracts/postgresql/table.json
push 's."T.x"' --as added --timeout 1
is "$status/$(counts)" '75/failed 2' 'a statement that takes too long is given up, and nothing of it is there'
exec 9>&-
wait $holder
push 's."T.x"' --as added
is "$status/$(counts)" '0/delivered 2' 'and goes through later'

jq '.retry.attempts = 9 | .retry.first = 0.2 | .retry.most = 1' contracts/postgresql/table.json >c &&
	mv c contracts/postgresql/table.json
mkfifo feed
timeout 60 retl-push -c postgresql/table --set table='s."T.x"' --as added --set rows=10 \
	<feed >out 2>err &
pusher=$!
exec 9>feed
i=0
while [ $i -lt 20 ]; do i=$((i + 1)); echo "{\"k\":$((2000 + i)),\"v\":1}"; done >&9
# shellcheck disable=SC2317 # soon calls it
half() {
	[ "$(sql -c 'SELECT count(*) FROM s."T.x" WHERE k > 2000')" = 20 ]
}
soon half
# The server is not to hold the pipe open.
server -m immediate restart 9>&-
while [ $i -lt 40 ]; do i=$((i + 1)); echo "{\"k\":$((2000 + i)),\"v\":1}"; done >&9
exec 9>&-
wait $pusher
status=$?
is "$status/$(counts)/$(sql -c 'SELECT count(*) FROM s."T.x" WHERE k > 2000')" \
	'0/delivered 40/40' 'a server that restarts is waited for'

# ---- an answer to the commit that does not come ----
perl "$top/tests/cutoff.pl" cut.port "$port" COMMIT once >/dev/null 2>&1 &
cutter=$!
soon test -s cut.port
# lost TABLE OPTION...: the first commit's answer is lost; who, in $got
lost() {
	: >once
	DATABASE_URL="postgresql://postgres@127.0.0.1:$(cat cut.port)/postgres?sslmode=disable" \
		push "$@"
	got="$status/$(counts)/$(sql -c "SELECT count(*) FROM lost")"
}
sql -c 'CREATE TABLE lost (k int PRIMARY KEY, v int)'
jq '.retry.first = 0.01' contracts/postgresql/table.json >c &&
	mv c contracts/postgresql/table.json
echo '{"k":1,"v":1,"diff_result":"DiffAdded","diff_id":"r:1"}' >in
lost lost
is "$got" '0/delivered 1/1' 'an upsert is sent once more'
echo '{"k":2,"v":1,"diff_result":"DiffAdded","diff_id":"r:2"}' >in
lost lost --set on_change=insert
is "$got/$(jq -r .resend out | tail -n 1)" '1/unknown 1/2/false' 'an insert is not, and may be there'
jq '.operations.insert.resend = "same"' contracts/postgresql/table.json >c &&
	mv c contracts/postgresql/table.json
echo '{"k":3,"v":1,"diff_result":"DiffAdded","diff_id":"r:3"}' >in
lost lost --set on_change=insert
is "$got" '75/unknown 1/3' 'where it is, a conflict with what it has made is no refusal'
lost lost --set on_change=insert
is "$got" '1/rejected 1/3' 'one that was there before is'
kill $cutter

echo '{"k":1,"v":1,"diff_result":"DiffRemoved","diff_id":"r:9"}' >in
DATABASE_URL="$db?password=s3cr3t" push 's."T.x"' -v --limit 1
is $status 0 'an address with a password'
contains err '> DELETE FROM "s"."T.x"' 'what is asked can be watched'
contains err '> [{"k":1}]' 'with its rows'
contains err '< batch 1: committed' 'and what came of it'
lacks err s3cr3t 'but no password'
for url in "postgresql://u:s3cr3t/s3cr3t@127.0.0.1/x" "postgresql://u:1/s3cr3t@127.0.0.1/x" \
	"postgresql://u:s3cr3t@s3cr3t@127.0.0.1:1/x"; do
	DATABASE_URL=$url push t -v
	is "$status/$(cat out err | grep -c s3cr3t)" 78/0 'an address that is cut within its password is not shown'
done
push t -n
is "$status/$(jq -r .sql out)" \
	'0/DELETE FROM "t" AS t USING json_populate_recordset(NULL::"t", $1::json) AS r WHERE t."k" = r."k"' \
	'a dry run shows the statement'
is "$(jq -c .body out)" '[{"k":1}]' 'and its rows'
done_testing

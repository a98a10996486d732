#!/bin/sh
# Watching a run: rows on a terminal that the tools of a pipeline share, and
# files that say what was done.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'

awk 'BEGIN { for (i = 0; i < 1000; i++)
	printf "{\"id\":%d,\"name\":\"n%d\"}\n", i * 7 % 1000, i }' >records
sealed records >in

# ---- files ----
mkdir -p contracts/t
echo '{"name": "t/any", "api": {"version": "1", "checked": "2026-11-25"},
	"auth": {"type": "none"}, "base_url": "http://127.0.0.1:9", "record": {"required":
	["name"]}, "key": ["id"], "changes": {"DiffAdded": "put"}, "operations":
	{"put": {"request": {"method": "POST", "url": "/", "item": "."}}}}' \
	>contracts/t/any.json
retl-diff --init -s state -k id 2>err
retl-extract --stats extract in | retl-sort -k id --stats sort |
	retl-diff -s state --stats diff | retl-map --stats map \
		-e 'if .name == "n7" then error("no") else {id, name} end' \
		2>err | retl-hash --stats hash -f name=sha256 >hashed
counts() {
	jq -c .counts "$1"
}
is "$(counts extract)" '{"written":1000}' 'retl-extract counts rows'
is "$(counts sort)" '{"read":1000,"written":1000}' 'retl-sort counts both ends'
is "$(counts diff)" '{"read":1000,"added":1000,"updated":0,"removed":0}' \
	'retl-diff counts changes by kind'
is "$(counts map)" '{"read":1000,"written":1000,"rejected":1}' \
	'retl-map counts what it refused'
is "$(counts hash)" '{"read":1000,"written":1000,"rejected":0}' \
	'retl-hash counts, in its workers too'
is "$(jq -r '.tool + " \(.status)"' map)" 'retl-map 1' \
	'tool and status stand there'
is "$(jq '(.seconds | type) + (.peak_bytes | type)' map)" \
	'"numbernumber"' 'time and memory too'
is "$(wc -l <map)" 1 'in one line'
head -n 5 hashed | timeout 60 retl-push -c t/any --max-failures 1 \
	--stats push >receipts 2>err
is "$?/$(jq -c '[.status, .counts.failed + .counts.unknown]' push)" '75/[75,5]' \
	'retl-push counts receipts, and failures are failures'

printf '{"id":1}\n{"id":}\n' >bad
exits 65 'a stream that is broken' retl-sort -k id --stats broken bad
is "$(jq -c '[.status, .counts.read]' broken)" '[65,2]' \
	'is written down as well'
exits 0 'into a pipe' sh -c \
	'retl-sort -k id --stats /dev/stderr in 2>&1 >/dev/null | jq -e .counts'
exits 74 'a file that cannot be is told before the work' \
	retl-sort -k id --stats no/such/file in
is "$(wc -c <out)" 0 'and nothing comes out'
exits 64 'standard output is for records' retl-sort -k id --stats - in

exits 0 'metrics' retl-sort -k id --metrics shop.prom in
is "$(grep -v '^#' shop.prom | sed -n 's/.*what=//p' | tr '\n' ' ')" \
	'"read"} 1000 "written"} 1000 ' 'counts as gauges'
is "$(grep -v '^#' shop.prom | grep -cv 'tool="retl-sort",job="shop"[,}]')" 0 \
	'with tool and job'
is "$(grep '^# TYPE' shop.prom | sort | uniq -d)" '' 'each kind is told once'
is "$(sed -n 's/^# TYPE \([a-z_]*\) gauge/\1/p' shop.prom | sort)" \
	"$(grep -v '^#' shop.prom | sed 's/{.*//' | sort -u)" 'and each that there is'
(umask 022 && retl-sort -k id --metrics shop.prom in >out)
is "$(stat -c %a shop.prom)" 644 'a collector may read them'
before=$(grep '^retl_last_success' shop.prom)
exits 65 'a run that fails' retl-sort -k id --metrics shop.prom bad
is "$(grep '^retl_last_success' shop.prom)" "$before" \
	'leaves the time of the last that did not'
is "$(grep '^retl_run_status' shop.prom | sed 's/.*} //')" 65.000 \
	'and says its own status'

# ---- rows ----
command -v script >/dev/null || {
	done_testing
	exit
}
# on_terminal COMMAND: its terminal's text is in ./screen, its status in ./got.
on_terminal() {
	timeout 60 script -qec "$1; echo \$? >got" /dev/null </dev/null >screen
}
slow='(cat in; sleep 1.6)'
on_terminal "$slow | retl-sort -k id | retl-hash -f name=upper | cat >out"
is "$(cat got)/$(wc -l <out)" 0/1001 'a pipeline on a terminal'
tr '\r' '\n' <screen | grep -a 'retl-sort .*1,000 read' >seen
ok $? 'shows what is read'
is "$(tr -d '\r' <screen | tail -n 2 | sed 's/^.*A\(retl\)/\1/; s/ .*done.*/ done/')" \
	"retl-sort done
retl-hash done" 'a row each in order, which stays'
is "$(find "$XDG_RUNTIME_DIR/retl" -name 'rows.*')" '' 'and leaves nothing'
on_terminal "$slow | retl-sort -k id"
is "$(grep -ac 'read' screen)" 0 'no rows among records'
on_terminal "$slow | retl-sort -k id | cat"
is "$(grep -ac 'read' screen)" 0 "nor among those that another one shows"
on_terminal "$slow | retl-sort -k id --progress | cat"
ok $(($(grep -ac '1,000 read' screen) == 0)) 'but if they are asked for'
on_terminal "$slow | retl-sort -k id --quiet >out"
is "$(grep -ac 'read' screen)" 0 'nor with --quiet'
on_terminal "$slow | retl-sort -k id --progress=never >out"
is "$(grep -ac 'read' screen)" 0 'nor with never'
on_terminal "retl-sort -k id in >out"
is "$(wc -c <screen)" 0 'nor where it is over at once'
on_terminal "(cat in; sleep 1.6; cat bad) | retl-map -e . | cat >out"
is "$(tr -d '\r' <screen | grep -a error | sed 's/^.*\[J//')" \
	"retl-map: error: line 1003: byte 7: not a JSON value" \
	'messages stand by themselves'
exits 64 'a word that is not known' retl-sort -k id --progress=often in
done_testing

#!/bin/sh
# retl-map on several processors: the same bytes as on one, whatever happens;
# and programs that do not end, or want all of the memory.
# shellcheck disable=SC2016 # the dollars are jq's
. "$(dirname "$0")/../lib.sh"
[ -x "$B/bin/retl-map" ] || skip_all 'retl-map is not built'

# records N: about 150 bytes each; every 500th has a string for a number.
records() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf \
		"{\"id\":9007199254%06d,\"n\":%s,\"first\":\"Ada %d\",\"tags\":[\"b\",\"a\"]," \
		"\"about\":\"%060d\"%s}\n", i, i % 500 ? i : "\"x\"", i, i,
		i % 700 ? "" : ",\"diff_id\":\"r:" i "\",\"diff_result\":\"DiffAdded\"" }'
}
records 8000 >rows
sealed rows >in
native='{id, n: (.n + 1), name: "\(.first)!", s: (.tags | join(","))}'
libjq='{id, n: (.n / 2), s: (.tags | sort | join(","))}'

# alike NAME ARG...: 1, 2 and 8 threads do the same.
alike() {
	name=$1
	shift
	for t in 1 2 8; do
		rm -f rej
		timeout 60 retl-map --threads $t "$@" >out.$t 2>err.$t
		echo $? >status.$t
		[ ! -f rej ] || mv rej rej.$t
	done
	for t in 2 8; do
		cmp -s out.1 out.$t && cmp -s err.1 err.$t &&
			cmp -s status.1 status.$t &&
			{ [ ! -f rej.1 ] || cmp -s rej.1 rej.$t; }
		ok $? "$name: $t threads do what one does" "$(head -n 2 err.$t)"
	done
	rm -f rej.?
}
alike 'native' -e "$native" in
is "$(wc -l <out.8)" "$((8000 - 16 + 16 / 7))" 'and what is refused is missing'
alike 'native, with a key' -k id --rejects rej -e "$native" in
is "$(tail -n 1 out.8)" "$(tail -n 1 in)" 'stubs keep the seal'
is "$(grep -c '"status":"rejected"' out.8)" 16 'one for each refused record'
alike 'libjq' -k id --rejects rej -e "$libjq" in
is "$(tail -n 1 out.8)" "$(tail -n 1 in)" 'sealed'
alike 'no file of rejects' -e "$libjq" in
is "$(wc -l <err.8)" 12 'ten reasons, a count, and that there is no seal'
alike 'leaving out' -e 'select(.n != 7 and .id != 0) | {id, n: (.n | tostring | explode | length)}' in
alike 'the first refusal ends it' --strict -e "$libjq" in
is "$(cat status.8) $(wc -l <out.8)" '65 499' 'with what came before'
sed '6000s/.*/{"id":1,"n":2,/' in >broken
alike 'a broken line' -k id -e "$libjq" broken
is "$(cat status.8) $(wc -l <out.8)" '65 5999' 'ends it, with what came before'
contains err.8 'broken:6000: byte 15: ' 'and its place'
alike 'a broken line, native' -k id -e "$native" broken
sed '5500s/"tags"/"tags":{"a":1,"a":2},"x"/' in >twice
alike 'a name that stands twice' -k id -e "$libjq" twice
is "$(cat status.8) $(wc -l <out.8)" '65 5499' 'ends it'
{ cat rows; awk 'BEGIN { printf "{\"id\":1,\"n\":5,\"tags\":[";
	for (i = 0; i < 60000; i++) printf "\"%d\",", i; print "\"z\"]}" }'
	cat rows; } >long
sealed long >in
alike 'one long record among short ones' -k id -e "$libjq" in
is "$(wc -c <out.8)" "$(wc -c <out.1)" 'comes out whole'
exits 65 'and is refused where it is too long' \
	retl-map --max-record 256k --threads 2 -e "$libjq" long
awk 'BEGIN { for (i = 0; i < 30000; i++) print "{}" }' >tiny
sealed tiny >in
alike 'the smallest records' -e '{a: (.a | tostring | explode | implode)}' in
alike 'no record' -e "$libjq" /dev/null
{ sealed rows; sealed rows; } >in
alike 'two streams, one behind the other' -k id -e "$libjq" in
is "$(tail -n 1 out.8)" "$(seal 16000)" 'are sealed together'

# ---- what does not end ----

cat >in <<\END
{"id":1,"n":1}
{"id":2,"n":2}
{"id":3,"n":3}
END
sealed in >in1

# bounded PROGRAM REASON NAME: of the second record; the others go through.
bounded() {
	exits 1 "$3" retl-map --limit-ms "${limit:-200}" -k id -e "$1" in1
	is "$(sed -n '1p;3,4p' out)" '{"id":1,"x":1}
{"id":3,"x":3}
'"$(seal 3)" "$3: the other records are there"
	contains out "{\"id\":2,\"diff_outcome\":{\"status\":\"rejected\",$2}}" \
		"$3: refused, with its key"
}
time='"code":"limit","field":"x","reason":"-e:1: takes longer than --limit-ms allows"'
bounded '{id, x: (.n | if . == 2 then (def f: f; f) else . end)}' "$time" \
	'a program without end'
bounded '{id, x: (.n | if . == 2 then last(range(1e12)) else . end)}' "$time" \
	'a very long loop'
bounded '{id, x: (try (if .n == 2 then last(repeat(1)) else .n end) catch 7)}' "$time" \
	'try does not catch that'
bounded 'def g: .,.; {id, x: (if .n == 2 then ([1] | [g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|g|select(. == 2)] | length) else .n end)}' \
	"$time" 'a native one'
is "$(retl-map --explain -e 'def g: .,.; {x: [g|g|select(. == 2)]}' | grep -c libjq)" \
	0 'which it is'
size='"code":"size","field":"x","reason":"-e:1: more text than a record may have (--max-record)"'
bounded "{id, x: (if .n == 2 then (\"0123456789\" $(awk 'BEGIN { for (i = 0; i < 60; i++) printf "| \"\\(.)\\(.)\" " }')) else .n end)}" \
	"$size" 'text that doubles sixty times'
exits 1 'a result that is too long' retl-map --max-record 1000 -k id \
	-e '{id, x: (.n | if . == 2 then "y" * 1000 else . end)}' in1
contains out '{"id":2,"diff_outcome":{"status":"rejected","code":"size"' \
	'is refused'
is "$(tail -n 1 out)" "$(seal 3)" 'and stays in the count'
awk 'BEGIN { for (i = 1; i < 4; i++) { printf "{\"id\":%d,\"n\":\"", i
	for (k = 0; k < (i == 2 ? 300000 : 3); k++) printf "0123456789"
	print "\"}" } }' >large
alike 'a result many times as long as its record' --max-record 4M -k id -e \
	'{id, a: .n, b: .n, c: [.n, .n], d: {e: .n, f: .n}, g: (.n | length | tostring | explode | length)}' large
is "$(sed -n 's/^\({"id":2,"diff_outcome".*"code":"[a-z]*\).*/\1/p' out.1)" \
	'{"id":2,"diff_outcome":{"status":"rejected","code":"size' 'is refused as well'
case $B in
*address*) ;;
*)
	bounded '{id, x: (.n | if . == 2 then reduce range(1e9) as $i ([]; . + ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]) else . end)}' \
		"$time" 'a list that grows slowly'
	limit=5000
	bounded '{id, x: (.n | if . == 2 then (reduce range(40) as $i ("xxxxxxxx"; . + .) | length) else . end)}' \
		'"code":"limit","field":"x","reason":"-e:1: takes more than 512 MiB of memory"' \
		'a text of a terabyte'
	limit=
	bounded '{id, x: (.n | if . == 2 then reduce range(300000) as $i (null; [.]) | 1 else . end)}' \
		'"code":"limit","field":"x","reason":"-e:1: makes libjq crash"' \
		'what makes libjq crash'
	;;
esac
exits 1 'two members that do not end' retl-map --limit-ms 200 -e \
	'def f: f; {id, x: (if .n == 2 then f else 1 end), y: (if .n == 2 then (f | test("x")) else 1 end)}' in1
contains err 'x: -e:1: takes longer than --limit-ms allows; y: -e:1: takes' \
	'are both told'
head -n 40 rows >some
exits 0 'time enough for all, not for each' retl-map --limit-ms 300 -e \
	'{x: last(range(100000))}' some
for n in 0 x 9999999999; do
	exits 64 "--limit-ms $n" retl-map --limit-ms $n -e . in
	exits 64 "--threads $n" retl-map --threads $n -e . in
done

# ---- as a filter ----

# step LINE: sends it, and waits for what comes back.
mkfifo to from
retl-map --threads 4 -e '{n: (.n * 2)}' <to >from &
pid=$!
exec 3>to 4<from
for i in 1 2 3; do
	echo "{\"n\":$i}" >&3
	timeout 20 head -n 1 <&4
done >out
exec 3>&-
wait $pid
exec 4<&-
is "$(tr '\n' ' ' <out)" '{"n":2} {"n":4} {"n":6} ' \
	'what came is not held back until more comes'
exits 74 'a full disk' sh -c 'retl-map --threads 2 -e "$1" rows >/dev/full' x "$libjq"
sh -c 'retl-map --threads 2 -e "$1" rows; echo $? >status' x "$libjq" 2>err | head -n 1 >out
is "$(cat status)" 141 'a reader that closes early ends it by SIGPIPE'

retl-map --threads 2 -e '{n: (.n | def f: f; f)}' in1 >out 2>err &
pid=$!
soon pgrep -P $pid >worker
ok $? 'it has a worker'
kill -9 $pid
soon gone "$(cat worker)"
ok $? 'which does not outlive it'

done_testing

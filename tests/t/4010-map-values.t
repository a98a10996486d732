#!/bin/sh
# What programs do to the bytes of values: nothing, where they only copy; and
# numbers, which libjq would change.
# shellcheck disable=SC2016 # the dollars are jq's
. "$(dirname "$0")/../lib.sh"
[ -x "$B/tests/progrun" ] || skip_all 'progrun is not built'

# gives PROGRAM INPUT WANTED NAME: the outputs as an array, byte for byte.
gives() {
	is "$(printf '%s\n' "$2" | progrun -t "$1" 2>&1)" "$3" "$4"
}

# ---- copying ----

r='{"id":9007199254740993,"d":1.10,"e":1e5,"s":"\u00e9\/\"","o":{"b": [1.0, 2],"a":null},"z":-0.0}'
gives '.' "$r" "[$r]" 'the input leaves as it came'
gives '{id,d,e,s}' "$r" '[{"id":9007199254740993,"d":1.10,"e":1e5,"s":"\u00e9\/\""}]' \
	'members keep digits and escapes'
gives '{o,z}' "$r" '[{"o":{"b": [1.0, 2],"a":null},"z":-0.0}]' \
	'nested values keep order and spacing'
gives '[.o.b[]]' "$r" '[[1.0,2]]' 'elements keep their digits'
gives '.s + "!"' "$r" '["\u00e9\/\"!"]' 'joined strings keep their escapes'
gives '"<\(.s)>"' "$r" '["<\u00e9\/\">"]' 'so do strings in strings'
gives '. + {d: 2} | del(.o, .s)' "$r" \
	'[{"id":9007199254740993,"d":2,"e":1e5,"z":-0.0}]' \
	'what is added to or deleted from keeps the rest'
gives '{x: .id, y: (.s | test("a"))}' "$r" '[{"x":9007199254740993,"y":false}]' \
	'a member for libjq does not touch the others'
gives '{a: [.o.b[] | {v: ., s: (tostring | explode)}]}' "$r" \
	'[{"a":[{"v":1.0,"s":[49]},{"v":2,"s":[50]}]}]' \
	'a piece for libjq inside a plain array leaves its neighbours alone'
gives '.id == 9007199254740992, .id == 9007199254740993.0' "$r" \
	'[false,true]' 'numbers are compared exactly'
gives '.id > 9007199254740992, .d >= 1.1' "$r" '[true,true]' \
	'and ordered exactly'
gives '{a: 12345678901234567890, b: 0.30000000000000000001}' 1 \
	'[{"a":12345678901234567890,"b":0.30000000000000000001}]' \
	'a number in the program keeps its digits'
gives '[1., .5, 1.50, 1e3, -7, 1e17]' 1 '[[1,0.5,1.5,1000,-7,1e+17]]' \
	'and is written as jq writes it where that is the same'
gives '"18446744073709551617" | tonumber' 1 '[18446744073709551617]' \
	'tonumber keeps all digits'
gives '"[9007199254740993, 1.10]" | fromjson' 1 '[[9007199254740993,1.10]]' \
	'so does fromjson'
gives '"{\"a\":1,\"\\u0061\":2}" | fromjson' 1 \
	'jq: p:1: a text of JSON has a member name twice' \
	'and takes no name twice'
gives 'with_entries(select(.value != null and .key != "o"))' "$r" \
	'[{"id":9007199254740993,"d":1.10,"e":1e5,"s":"\u00e9\/\"","z":-0.0}]' \
	'entries that are kept keep digits and escapes'
gives 'to_entries | from_entries' "$r" "[$r]" 'so do those that are taken apart'
gives 'del(.[$settings.x], .o, .s) | map_values([.])' "$r" \
	'[{"id":[9007199254740993],"d":[1.10],"e":[1e5],"z":[-0.0]}]' \
	'and what a computed name leaves'
gives '[.id, .d][:1], ([[.id], [.d]] | add), any(.[]; . == 9007199254740992)' \
	"$r" '[[9007199254740993],[9007199254740993,1.10],false]' \
	'parts, sums of lists and any() see all digits'
gives '[1, .id] | add' "$r" \
	'precision: p:1: a number has more digits than jq can keep' \
	'a sum of numbers wants doubles'
gives '$settings.x | test("a")' 9007199254740993 '[true]' \
	'who does not look at the input does not give it to libjq'
gives '[.a? | test("a")]' '[9007199254740993]' '[[]]' \
	'nor does who looks for members where there are none'

# ---- text of numbers ----

gives '"\(.id) \(.d) \(.e) \(.z)"' "$r" '["9007199254740993 1.1 100000 -0"]' \
	'a string tells jq'\''s text of a number, or all its digits'
gives 'tojson' '[12345678901234567890.120, 1.10, {"a":1e2}]' \
	'["[12345678901234567890.12,1.1,{\"a\":100}]"]' 'so does tojson'
gives 'tostring' '0.00000012345678901234567890' \
	'["0.0000001234567890123456789"]' 'small ones too'
gives 'tostring' '123456789012345678901234567890e3' \
	'["123456789012345678901234567890000"]' 'and large ones'
gives 'tostring' '1e400' '["1e400"]' 'what nobody would write out stays short'

if [ "$(jq --version 2>/dev/null)" = jq-1.6 ]; then
	awk 'BEGIN { srand(7); for (i = 0; i < 400; i++) {
		n = 1 + int(rand() * 15); s = rand() < .2 ? "-" : ""
		d = 1 + int(rand() * 9)
		for (k = 1; k < n; k++) d = d int(rand() * 10)
		p = int(rand() * n)
		if (p) d = substr(d, 1, p) "." substr(d, p + 1)
		if (rand() < .5) d = d "e" int(rand() * 60 - 30)
		print s d } print "1e15\n1e16\n1e17\n1e-4\n1e-5\n0\n-0\n0.0"
		print "123456789012345e3\n5e-5\n1e100\n1e-100\n1e298" }' >numbers
	jq -c tostring numbers >want
	progrun tostring <numbers | sed 's/^\[//; s/\]$//' >got
	same want got 'numbers of 15 digits read as jq writes them'
	jq -c '. / 3, . * 7' numbers >want
	progrun '. / 3, . * 7' <numbers |
		sed 's/^\[//; s/\]$//' | tr ',' '\n' >got
	same want got 'computed numbers are written as jq writes them'
	jq -n -c 'range(-1074; 1024) | pow(2; .)' >want
	awk 'BEGIN { for (i = -1074; i < 1024; i++) print i }' |
		progrun 'pow(2; .)' | sed 's/^\[//; s/\]$//' >got
	same want got 'and powers of two, the smallest and the largest'
	progrun tojson <want | sed 's/^\["//; s/"\]$//' >got
	same want got 'what jq wrote reads the same again'
fi

# ---- numbers that libjq would change ----

for n in 9007199254740993 -9007199254740993 12345678901234567890.12 1e1000 1e350 \
	1e-400 0.1234567890123456789 100000000000000000000001 1e99999999999999999999
do
	gives '. * 1' "$n" \
		'precision: p:1: a number has more digits than jq can keep' \
		"libjq does not get $n"
done
for n in 0 -0 0.1 1.10 9007199254740992 9007199254740994 1e22 \
	0.1e1 100000000000000000000
do
	printf '%s\n' "$n" | progrun -t '. * 1' >out 2>&1
	lacks out precision "libjq gets $n"
done
gives '{a: (.a * 2)}' '{"a":2,"b":9007199254740993}' '[{"a":4}]' \
	'a number that libjq does not see does not matter'
gives '[.a[] * 1]' '{"a":[1,9007199254740993]}' \
	'precision: p:1: a number has more digits than jq can keep' \
	'numbers inside of what it sees do'
gives '. + 1' 9007199254740993 \
	'precision: p:1: a number has more digits than jq can keep' \
	'nor does plain addition change one'

# What a text says becomes a number in libjq: the digits must be the same.
inexact='precision: p:1: a number has more digits than jq can keep'
for n in 9007199254740993 -12345678901234567890 0.1234567890123456789 1e400 \
	1e-400
do
	gives '{a: (.x | tonumber? // 1)}' "{\"x\":\"$n\"}" "$inexact" \
		"tonumber in libjq does not round $n, and nothing catches that"
	gives '{a: (.x | try fromjson catch 1)}' "{\"x\":\"[$n]\"}" "$inexact" \
		"nor does fromjson"
done
gives '[.[] | tonumber? // "none"]' \
	'["12",-3,"0.5","1e3","x","9007199254740992","1.1000000000000000000","000000000000000000012","0e400",""]' \
	'[[12,-3,0.5,1000,"none",9007199254740992,1.1,12,0,"none"]]' \
	'what a double holds is a number'
printf '%s\n' '{"x":"9007199254740993"}' '{"x":"5"}' |
	progrun -t '{a: (.x | tonumber? // 1)}' >out
is "$(tail -n 1 out)" '[{"a":5}]' 'and the next record is not touched by that'
gives '{a: (.x | try fromjson catch "no")}' \
	'{"x":"{\"a\\\"1\":\"12345678901234567890\",\"b\":[1.5,-2e3]}"}' \
	'[{"a":{"a\"1":"12345678901234567890","b":[1.5,-2000]}}]' \
	'digits in a string inside of JSON are no number'
gives '{a: (.x | try fromjson catch "no")}' '{"x":"[1,"}' '[{"a":"no"}]' \
	'a text that is no JSON is caught'
gives '{a: (def tonumber: "mine"; .x | tonumber? // 1)}' '{"x":"9007199254740993"}' \
	'[{"a":"mine"}]' 'a definition of that name stays one'
for p in '[limit(1; 9007199254740993)]' 'def f: 0.12345678901234567; [limit(1; f)]' \
	'{a: 1, b: (.x | sort_by(. > 9007199254740993))}'
do
	exits 64 "$p has a number that libjq would change" progrun -p "$p"
	contains err 'and stands where libjq has to run' 'and is told so'
done
gives '.x + .y' '{"x":9007199254740992,"y":1}' \
	'precision: p:1: a sum has more digits than jq can keep' \
	'a sum that no double holds'
gives '.x + .y' '{"x":9007199254740992,"y":2}' '[9007199254740994]' \
	'and one that a double holds'

# ---- names that stand twice ----

for p in .x.a '.x | tojson' '.x | del(.a)' '.x + {b:1}' '[.x[]]' '.x | keys' \
	'{x:1} + .x' '.x | length'
do
	gives "$p" '{"x":{"a":1,"b":3,"\u0061":2}}' \
		'repeated: p:1: a member name stands twice in one object' \
		"$p sees that a name stands twice"
done
gives '{y:.x}' '{"x":{"a":1,"a":2}}' '[{"y":{"a":1,"a":2}}]' \
	'what is only copied is not looked into'

# ---- errors show no values ----

v='{"a":"secret-value","b":{"secret-value":1},"n":42424242}'
for p in '.a.b' '.a[0]' '.a[]' '.n + .a' '.a | tonumber' '.b | ascii_downcase' \
	'.a - 1' '.a | keys' '.n | test("x")' '.a | fromjson' '.b | implode' \
	'.a | error' 'error(.a)' '.b | error' '.a * {}' '.n | ltrimstr("x") | split(1)' \
	'.a | strptime("%Y")' '{(.n): 1}' '.a | @csv' '.b | join(",") | .[0:1] | .x' \
	'.a | has(0)' '.b | .[.n]' '.n[1:2]' '.a = 1 | .a.b = 2' 'break' \
	'.n as [$x] | $x' '.a | mktime' '.b | .[["x"]]' '.a | tojson | .x'
do
	printf '%s\n' "$v" | progrun -t "$p" >out 2>&1
	lacks out secret "$p shows no string"
	lacks out 4242 "$p shows no number"
done
gives 'error("no plan")' 1 'jq: p:1: no plan' \
	'what the program itself says is shown'
gives '(.a | test("x")) or error("no plan")' '{"a":"b"}' 'jq: p:1: no plan' \
	'in libjq too'
gives '{a: 1,
 b: (.x | ascii_upcase)}' '{"x":1}' \
	'jq: p:2: a number where a string is expected' 'the line is told'
gives 'halt' 1 'progrun: error: p:1: halt has no meaning here: a program sees its input and its variables, nothing else' \
	'halt does not end us'
for p in input inputs debug stderr env '$ENV' '$ENV.PATH' halt_error \
	input_filename input_line_number '{a: (.b | input)}' 'def f: env; f'
do
	exits 64 "$p does not compile" progrun -p "$p"
done
exits 0 'a definition of that name does' progrun -p 'def env: 1; env'
exits 0 'a member of that name does' progrun -p '{env: .input, debug}'
exits 64 'import needs a folder' progrun -p 'import "m" as m; m::f'
printf 'def f: "x";' >.jq
export HOME="$work"
gives 'f' 1 'progrun: error: p:1: f/0 is not defined' \
	'.jq in the home folder has no say'

done_testing

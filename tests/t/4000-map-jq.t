#!/bin/sh
# Programs answer what jq answers: a table of them, and random ones, each on
# many values, held against jq itself. How values are spelled is another
# matter (4010): here both sides go through jq once more.
# shellcheck disable=SC2016 # the dollars are jq's
. "$(dirname "$0")/../lib.sh"
. "$top/tests/programs.sh"
command -v jq >/dev/null || skip_all 'jq is not installed'
[ "$(jq --version)" = jq-1.6 ] || skip_all 'this is not jq 1.6'
[ -x "$B/tests/progrun" ] || skip_all 'progrun is not built'

# libjq 1.6 leaks by itself: ltrimstr() on what is no string, first() on the
# members of an object, a string that does not end.
echo 'leak:libjq' >suppressed
LSAN_OPTIONS=suppressions=$work/suppressed:print_suppressions=0
export LSAN_OPTIONS

settings='{"x":"a","n":1,"list":[1,2],"a":"s","b":2}'

# hold NAME: the programs in ./programs, which all compile, on ./inputs.
hold() {
	jq_runs programs inputs --argjson settings "$settings" >want 2>err ||
		ok 1 "$1: jq takes the programs" "$(head -n 1 err)"
	here_runs programs inputs | jq -c . >got
	agree want got programs inputs "$1: what jq says"
}

# ---- random programs ----

cat >generate.awk <<\END
function pick(n) { return int(rand() * n) }
function name() { return substr("abcd", 1 + pick(4), 1) }
function leaf(r) {
	r = pick(14)
	if (r < 4) return "." name()
	if (r == 4) return "." name() "." name()
	if (r == 5) return "." name() "?"
	if (r == 6) return ".[" (pick(4) - 1) "]?"
	if (r == 7) return "."
	if (r == 8) return pick(100) - 20
	if (r == 9) return pick(1000) / 8
	if (r == 10) return "\"t" pick(9) "\""
	if (r == 11) return pick(2) ? "null" : pick(2) ? "true" : "false"
	if (r == 12) return pick(2) ? "{}" : "[]"
	return "$settings." name()
}
function two(op, d) { return "(" gen(d) " " op " " gen(d) ")" }
function gen(d, r) {
	if (d-- <= 0) return leaf()
	r = pick(64)
	if (r == 0) return "{" name() ": (" gen(d) "), " name() ": (" gen(d) ")}"
	if (r == 1) return "{\"k\\(" gen(d) ")\": (" gen(d) "), " name() "}"
	if (r == 2) return "[" gen(d) ", " gen(d) "]"
	if (r == 3) return "[" gen(d) "]"
	if (r == 4) return two("//", d)
	if (r == 5) return "\"<\\(" gen(d) ")\\(" gen(d) ")>\""
	if (r == 6) return two("+", d)
	if (r == 7) return two("==", d)
	if (r == 8) return two("!=", d)
	if (r == 9) return "(" gen(d) " < " pick(50) ")"
	if (r == 10) return "(if " gen(d) " then " gen(d) " else " gen(d) " end)"
	if (r < 13) return two("|", d)
	if (r == 13) return "(" gen(d) " | tostring)"
	if (r == 14) return "(" gen(d) " | tojson)"
	if (r == 15) return "[.[]? | " gen(d) "]"
	if (r == 16) return "[.[]? | select(" gen(d) ")]"
	if (r == 17) return "(. + {" name() ": (" gen(d) ")})"
	if (r == 18) return "del(." name() ")"
	if (r == 19) return "(" gen(d) " | not)"
	if (r == 20) return "(" gen(d) " | length)"
	if (r == 21) return "(" gen(d) " and " gen(d) " or " gen(d) ")"
	if (r == 22) return "((" gen(d) ") as $v | [$v, " gen(d) "])"
	if (r == 23) return two(",", d)
	if (r == 24) return "(" gen(d) " | type)"
	if (r == 25) return "(" gen(d) " | tostring | explode | implode)"
	if (r == 26) return "(" gen(d) " | tostring | split(\"" name() "\"))"
	if (r == 27) return "(" gen(d) " | join(\"-\"))"
	if (r == 28) return "(" gen(d) " | to_entries)"
	if (r == 29) return "with_entries(select(" gen(d) "))"
	if (r == 30) return "with_entries(select(.value != " leaf() "))"
	if (r == 31) return "map_values([" gen(d) "])"
	if (r == 32) return "(" gen(d) " | add)"
	if (r == 33) return "(" gen(d) " | " (pick(2) ? "any" : "all") "(.[]?; " gen(d) "))"
	if (r == 34) return "(" gen(d) " | .[" pick(3) ":" (pick(6) - 3) "])"
	if (r == 35) return "[.[]? | {key: (" gen(d) " | tostring), value: .}] | from_entries"
	if (r == 36) return "has(\"" name() "\")"
	if (r == 37) return two("-", d)
	if (r == 38) return "del(.[" gen(0) " | tostring])"
	if (r == 39) return "(" gen(d) " | " word() ")"
	if (r < 42) return "(" gen(d) " | " asks() "(" gen(0) "))"
	if (r == 42) return "(" gen(d) " | " asks() "(\"" substr("t2xdeep", 1 + pick(6), 1 + pick(3)) "\"))"
	if (r == 43) return "(" gen(d) " | .[" gen(0) "]?)"
	if (r == 44) return "(" gen(d) " | .[" (pick(6) - 3) ":]?)"
	if (r == 45) return "(" gen(d) " | .[:" (pick(6) - 3) "]?)"
	if (r == 46) return "(" gen(d) " | IN(" gen(0) ", " gen(0) "))"
	if (r == 47) return "[.[]? | " word() "?]"
	if (r == 48) return "{(" gen(d) " | tostring): " gen(d) "}"
	if (r == 49) return "{(\"" name() "\", \"" name() "\"): (" gen(d) ")}"
	if (r == 50) return "(" gen(d) " | " (pick(2) ? "any" : "all") "(" gen(d) "))"
	if (r == 51) return "(" gen(d) " | with_entries({key, value: " gen(d) "}))"
	if (r == 52) return "(" gen(d) " | with_entries({key: \"\\(.value)\", value: .key}))"
	if (r == 53) return "(" gen(d) " | to_entries | from_entries)"
	if (r == 54) return "(" gen(d) " | map_values(" gen(d) "))"
	if (r == 55) return "(" gen(d) " | has(" (pick(4) - 1) "))"
	if (r == 56) return two(pick(2) ? "<" : ">=", d)
	# Outside of brackets jq 1.6 would catch what comes behind as well.
	if (r == 57) return "[(" gen(d) ")?]"
	if (r == 58) return "(if " gen(d) " then " gen(d) " elif " gen(d) " then " gen(d) " else " gen(d) " end)"
	if (r == 59) return "(def f: " gen(d) "; [f, (" gen(d) " | f)])"
	if (r == 60) return two(pick(2) ? "and" : "or", d)
	if (r == 61) return "(" gen(d) " as $v | " gen(d) " | [., $v])"
	if (r == 62) return pick(2) ? "empty" : "error(\"x\")"
	return "map(" gen(d) ")"
}
function word(r) {
	r = split("keys keys_unsorted first last reverse any all add values nulls strings numbers booleans arrays objects length type tostring tojson tonumber fromjson ascii_downcase ascii_upcase to_entries not", words, " ")
	return words[1 + pick(r)]
}
function asks(r) {
	r = split("index contains startswith endswith ltrimstr rtrimstr split join has", words, " ")
	return words[1 + pick(r)]
}
BEGIN { srand(seed); for (i = 0; i < n; i++) print gen(1 + pick(3)) }
END
cat >inputs <<\END
{"a":1,"b":"x","c":null,"d":[1,"t2",null]}
{"a":{"b":{"c":5},"a":"q"},"b":[1,2,{"a":3}],"d":false}
{"a":"A é\n","b":false,"c":true,"d":{"a":1.50,"d":"deep"}}
[{"a":1,"b":[]},{"a":2,"c":"z"},{}]
{"a":[],"b":{},"c":"","d":0}
[3,"x",null,true,[1]]
END
awk -v seed="${RETL_TEST_SEED:-1}" -v n="${RETL_TEST_PROGRAMS:-150}" \
	-f generate.awk >programs
hold 'random programs'
# With a seed of its own, that is all.
[ -z "${RETL_TEST_SEED:-}" ] || done_testing

# ---- the table ----

cat >inputs <<\END
null
true
0
-0
12.50
1e3
"text"
"a\"b\u0041\n\u007f/é😀\/"
""
[]
[1,"x",null,[2],{"a":3}]
[{"a":1,"b":"x"},{"a":null},{"b":2,"a":"q"}]
[{"a":1},7]
{}
{"a":1,"b":"x","c":null}
{"a":{"b":{"c":5}},"x y":"sp","b":[1,2,3]}
{"a":"A b","b":false,"c":true,"x":{"a":1.50}}
{"a":[{"id":1,"k":"v"},{"id":2}],"b":"B"}
{"a":null,"b":null,"z":1}
{"a":12345,"b":0.1,"c":"12","x":1e-7}
{"b":"1","a":"2","\u0061b":"esc"}
{"a":"x","b":"y","c":[3,1,2],"x":[]}
END
# "=" before those that must run natively.
cat >table <<\END
=.
=.a
=.a.b
=.a.b.c
=."x y"
=.["x y"]
=.a["b"]
=."a"."b"
=.a?
=.a.b?
=.a?.b?
=.[0]
=.[-1]
=.[1]?
=.[7]
=.a[0]
=.[]
=.[]?
=.a[]
=.a[]?
=[.[]?]
=[.a[]?.id]
=[.[]?|.a?]
=.ab
=$settings
=$settings.x
=$settings.x.y?
=.[$settings.x]
=.a[$settings.n]
=.[$settings.n]
=.[$settings.nope]
=null
=true
=false
=1
=1.50
=-1
=-0
=1e3
=100000000000000000
=0.00001
=.5
=1.
="s"
="a\nb\u00e9\t\"q\""
={}
=[]
={a:1}
={a}
={a,b}
={"a","x y"}
={a,}
={$settings}
={a:.b,b:.a}
={"x y":.a}
={"k\(.b)":1}
={"b\(1)"}
={(.b|tostring):1}
={(.b):1}
={a:1,b:2,a:3}
={a:.a,a:.b}
={a:(1,2),b:(3,4)}
={a:.a[]?}
={a:empty}
={if:1,then:2,and:.a}
={a:-1}
={a:.b|.c?}
={a:[.b,.c?]}
={a:{b:{c:.a}}}
={@text "x":1}
=[1,2,3]
=[.a?,.b?]
=[.]
=[[],{},""]
=.a // "d"
=.a? // "d"
=(.a?,.b?) // 7
=[.[]?|.a?] // 1
=.a // .b // "z"
=empty // 5
=false // false
(.a // .b)?
="x\(.)y"
"\(.a?)-\(.b?)"
="\("in\("ner")")"
="\(1+1)"
"\(.a?)" + "\(.b?)"
=@text "v\(.)"
@json "v\(.)"
=@text
=@json
=. + .
=.a? + .b?
=.a + "s"
=. + {}
=. + {a:9}
=. + {n:.a?}
={z:1} + .
=. + null
=null + .
=1 + 2
="a" + "b"
=[1] + [2]
=1.1 + 2.2
=(1,2) + (10,20)
=. + 1
=del(.a)
=del(.a,.b)
del(.a.b)
del(.[0])
=del(.nope)
=. as $x | $x
=. as $x | [$x,$x]
=.a? as $v | {v:$v}
=.[]? as $v | {v:$v}
. as {a:$q} | $q
. as [$q] | $q
=1 as $x | 2 as $y | [$x,$y]
1 as $x | (2 as $x | $x), $x
=if . then 1 else 2 end
if .a? then .b? else 0 end
=if . == null then "n" elif . == 1 then "one" else . end
if . == null then "n" elif .a? then .b? else 0 end
if . == null then "n" elif (.a? | not) then 1 elif 2 then (3 | floor) else 4 end
if (true,false) then 1 else 2 end
if empty then 1 else 2 end
.a? == .b?
=. == .
=. == null
=. != null
=. == 12.5
=. == "text"
.a? == 1
.a? != "x"
=. < 1
=. >= "a"
=. > null
. < .
.a? > 1 and .b?
.a? and .b?
.a? or .b?
(.a? and .b?) | not
=not
=(. == 1) == true
=1 == 1.0
=[1,{"a":2}] == [1.0,{"a":2e0}]
=tostring
=tojson
=tonumber
=fromjson
="[1, {\"a\": \"\\u00e9\", \"b\": {}} ]\n" | fromjson
="" | fromjson
="[1,]" | fromjson
="{\"a\":[1]}" | fromjson | .a[0]
="1 2" | fromjson
=ascii_downcase
=ascii_upcase
=length
=type
=.a?|tostring
=.a?|length
=.b?|ascii_downcase
="12"|tonumber
=" 12 "|tonumber
="+1"|tonumber
="01"|tonumber
="1."|tonumber
="x"|tonumber
=""|tonumber
="1e"|tonumber
="[1]"|tonumber
="0x10"|tonumber
=map(.)
=map(.a)
=map(.a?)
=map({a:.a?})
[.[]?|select(.a? == 1)]
map(select(.a? != null))
=map(select(.a?)|.a)
select(.a? == 1)
=select(.a?)|{a}
=select(true,true)
=[.[]?|{a:.a?,b:.b?}]
=(.a?,.b?)|tostring
=.,.
=.a?,1
=empty
=error("x")
=[.a?|.b?]
=.a?|.b?|.c?
=(.a?)
=((.))
=def f: .a?; f
=def f: .a?; {x:f}
def f(x): x|tostring; f(.a?)
=def f: f; 1
=def f: 1; def g: f; [g,f]
def map(f): 7; map(.)
=def tostring: 8; tostring
reduce .[]? as $x (0; .+1)
[foreach .[]? as $x (0; .+1)]
[foreach .[]? as $x (0; .+1; [$x,.])]
[limit(2;.[]?)]
first(.[]?)
.[1:]?
.[:1]?
try error("x") catch .
try .a.b.c catch "caught"
(.a|.b)?
.. 
[..]|length
keys?
to_entries?
with_entries(.)?
.a |= 3
.a = .b?
.a? |= 1
label $f | 1, break $f, 2
={a:.a?|tostring|length}
{a:(.b?|tostring|test("x")), b:.b?}
={n:(.a?|tostring|ltrimstr("1")), m:{k:(.b?|tostring|ascii_downcase|length)}}
. + {q:(.b?|tostring|gsub("x";"y"))}
=[.[]?|tostring|startswith("1")]
"\(.a?|tostring|ltrimstr("A"))!"
=(.b?|tostring|split(",")) as $p | {f:$p[0]}
=-(1)
-.a?
1 - 1
2 * 3
6 / 4
7 % 3
1 + 2 * 3 - 1
=1 == 1 and 2 == 2
=1 , 2 | . + 1
=1 // 2 | 3
="\u0041\ud83d\ude00"
="\(.)\(.)"
{"a":{"b":1}} * {"a":{"c":2}}
={a:1}.a
=[1,2][0]
="x".a?
={a:[1]}.a[0]
=. | . | .a?
=.a? | if . then . else "no" end
{x:(if .a? then 1 else 2 end)}
=[.[]? | if . then 1 else empty end]
=.a? # trailing
@text "\(.a?) and \(.b?)"
={a:1} | {b:.a}
={a:1} + {a:2,b:3} + {c:4}
=[1,[2]] + [3]
.[0:1]?
={"a":.a?} | del(.a)
=.a? // empty
=[.[]?] | length
"x" as $a | "\($a)\(.b?)"
=[.[]? | if type == "number" then . else empty end]
=def up: ascii_upcase; "a" | up
=def f: def g: 1; g; f
[range(3)]
[.[]?|numbers]
(.a?|tostring) as $t | {t:$t, n:($t|length), u:($t|explode|length)}
{a:error("x")}?
=[.[]? as $x | select($x != null) | {x:$x}]
=.a? as $x | .b? as $y | {x:$x,y:$y}
=map(type)
to_entries? | map(.key)
={(if . == null then "n" else "o" end): 1}
{("a","b"): (1,2)}
=[{a:(1,2)}, {b:.}]
=if . then "t" else error("no") end
="a" < "b"
[1] < [2]
=1 < "a"
=true > null
.a? < 2
(.a? == null) and (.b? == null)
tojson | fromjson
=[.[]? | tojson]
=ltrimstr("t")
@base64
@csv "\([1,"a"])"
@html "<\(.)>"
[splits("a")]?
test("t")?
(now | type)
$settings | keys
={settings:$settings.x, list:$settings.list}
=[$settings.list[] | . + 1]
=$settings.list[0]
=$settings["x"]
=$settings.x.y
=def f: nosuch; 1
=startswith("t")
=endswith("t")
=startswith("")
=ltrimstr("te")
=rtrimstr("xt")
=ltrimstr("a\"")
=ltrimstr("")
=rtrimstr("")
=ltrimstr("text")
=rtrimstr("/😀/")
=split("e")
=split("")
=split("text")
=split("t")
=split("xx")
=split("\"")
=.[]?|split(",")
=join(",")
=join("")
=join("\"\n")
=.a? | join("-")
=map(tostring) | join("/")
join(1)
join(.a?)
ltrimstr(1)
="a,b,,c,"|split(",")
=",,"|split(",,")
="aXbX"|split("X")|join("-")
=[null,null]|join(",")
=[true,1.50,"x",null]|join(", ")
=["a",[1]]|join(",")
=[[1]]|join(",")
=[{}]|join(",")
={"a":"x","b":"y"}|join(",")
=.a?|tostring|endswith("b")
="é😀x"|split("")
="é😀x"|ltrimstr("é")|rtrimstr("x")
def split(x): 7; split("a")
=to_entries
=from_entries
=with_entries(.)
=with_entries(select(.value != null))
=with_entries(select(.value == "x"))
=with_entries(select(.value != [1,2,3]))
=with_entries(select(.value > 1))
=with_entries(select(.key != "a"))
=with_entries(select(.key == "b" and .value))
with_entries(select(.value? == 1))
=with_entries(select(.value.a))
=with_entries(select(false))
=with_entries(select(.key | not))
=with_entries({key: .value, value: .key})
=with_entries({key: "k\(.key)", value})
=with_entries(select(.value) | {key, value: 1})
=with_entries(empty)
=with_entries(select(.value, .value))
=def some: with_entries(select(.value != null)); {a: (.a? // null), b: ({c: null} | some)} | some
=.a? | with_entries(select(.value))
with_entries(.value |= tostring)
with_entries(select(.value | tostring | test("x")))
=[{"key":"a","value":1},{"Key":"b","Value":2},{"name":"c"},{"Name":"d","value":null,"Value":7}] | from_entries
=[{"key":null,"name":"a"},{"key":false,"Key":"b"}] | from_entries
=[{"key":"a","value":1},{"key":"b"},{"key":"a","value":2}] | from_entries
=[{"key":1}] | from_entries
=[{"key":false}] | from_entries
=[{"key":"\u0061b"},{"key":"ab","value":1}] | from_entries
=[null] | from_entries
={"x":{"key":"a","value":1}} | from_entries
=to_entries | from_entries
=to_entries | map(.key)
=[to_entries[]? | .value]
=map_values(1)
=map_values([.])
=map_values(tostring)
=map_values(.a)
map_values(empty)
map_values(1, 2)
map_values(.[]?)
=keys
=keys_unsorted
={"b":1,"a":2,"é":3,"B":4,"\u0061a":5} | keys
=add
=[.[]? | tostring] | add
=[[1],[2,[3]],null] | add
=[{"a":1,"b":2},{"c":3},{"a":4}] | add
=[1,2.5,null,3] | add
=["a",null,"\u0062"] | add
=[true] | add
=[true,null] | add
=[true,false] | add
=[1,"a"] | add
=[null,null] | add
={"a":[1],"b":[2]} | add
={} | add
=[[], []] | add
=first
=last
=reverse
="" | reverse
=0 | reverse
=any
=all
=any(. == 1)
=all(. != null)
=any(.[]?; . == 1)
=all(.[]?; . == 1)
=any(.[]?, error("x"); . == 1)
=any(1, error("x"); true)
=any(1, 2, error("x"); true)
=all(1, error("x"); false)
=all(1, 2, error("x"); false)
=any(empty; true)
=all(empty; false)
=any(.a?, .b?; . == "x")
=any(.[]?.a?; . != null)
=any(error("x"))
any(true, false)
any(.[]?; true, true)
=has("a")
=has($settings.x)
=has($settings.n)
=has(-1)
=has(0)
=has(1.5)
=has(-0.5)
=has(null)
has("a", "b")
=index("x")
=index(1)
=index(null)
=index([2])
=[1,2,[1,2],1,2,3] | index([1,2,3])
=[1,2] | index([])
=[{"a":1}] | index({"a":1.0})
="aéb" | index("b")
="abab" | index($settings.a)
=contains("x")
="a\u0000b" | contains("b")
="a\u0000b" | contains("a\u0000c")
=contains("")
contains(["x"])
=IN("text", 0, null)
=.a? | IN(1)
IN(.[]?)
IN([1])
=[.[]? | strings]
=[.[]? | numbers]
=[.[]? | values, nulls, booleans, arrays, objects]
=.[1:]
=.[:1]
=.[:-1]
=.[-2:]
=.[1:3]
=.[2:1]
=.[-100:100]
=.[100:]
="é😀x" | .[1:2], .[:-1], .[-1:], .[3:], .[5:9]
=.a?[0:1]
=.[]?[0:1]
.[1:]?
.[1.5:]
.["a":]
=$settings.x[0:1]
=$settings.list[1:]
=. - .
=. - 1
=1 - .
=[.[]? | tostring] - ["1"]
=[1,2,1,[1],{"a":1}] - [1.0,{"a":1e0}]
=5 - 7.5
=0 - 0
=-0 - 0
="a" - "a"
(1,2) - 1
=del(.[$settings.x])
=del(.a, .[$settings.x])
del(.["a"], .[.b]?)?
=del(.["b\(1)"])
del(.[0])
=del(.[$settings.nope])
=del(.[$settings.n]) | objects
=.[.b // "a" | tostring]
=.a? | .[.]?
=.a? as $x | .b? | .[$x]?
=.a? as $x | .[]? | .[$x]?
=. as $v | [[1,2,1,2], [], "aéb", null, {"a":1}, 7] | map([.[$v]?])
=.[]? as $k | [[1,"x",1,"x"], "aéb", null] | map([.[$k]?])
=[{"start":0.5,"end":1.5}, {"start":null,"end":-1}, {"start":1}, {"start":-1e10,"end":1e17}, {"start":2,"end":1}, {"start":-1.5,"end":-0.5}, {"start":"x","end":1}, {"start":null,"end":null,"x":1}, {}] | .[] as $k | [[1,2,3], "aéb", null, true] | map([.[$k]?])
=[0.5, -1, -0.5, 1e10, -1e10, 2147483647, -2147483648, 1.0, 20e-1, -4] | .[] as $k | [[1,2,3], "aéb", null, {}] | map([.[$k]?])
=[[], [1], [1,1], [2,1], [1,2,1,2], [null]] | .[] as $k | [[1,1,1,2,1], [], null, {"a":1}] | map([.[$k]?])
=$settings[.b | tostring | ascii_downcase] // empty
=endswith(.b | tostring)
$settings[.b? | tostring]
$settings[.b? | tostring | ascii_downcase] // empty
=map($settings[.])
=[.[]? as $x | $settings[$x | tostring]]
=. as $r | ["a","b"] | map($r[.])
$settings.list[.a? | length]
=startswith($settings.x)
endswith(.b?|tostring)
=ltrimstr($settings.x)
=rtrimstr($settings.n)
=split($settings.x)
=split($settings.n)
=join($settings.x)
=join($settings.n)
=join($settings.nope)
=["x"] | join(1)
=[null,1] | join(null)
=. as $x | [$x | tostring] | index($x | tostring)
END

sed 's/^=//' table >programs
sed -n 's/^=//p' table >native
progrun -pf native | paste - native | sed -n '/^native\t/!p' >slow
is "$(cat slow)" '' 'the plain subset runs natively'
hold 'a table of programs'

# ---- what jq's manual explains, where it is plain ----

cat >inputs <<\END
{"foo":42,"bar":"something else","baz":true}
{"notfoo":true,"alsonotfoo":false}
{"foo":{"bar":{"baz":[1,{"q":null}]}}}
[{"name":"JSON","good":true},{"name":"XML","good":false}]
[1,"1",[1],{"foo":2},null,true,-1.5]
{"user":"stedolan","titles":["JQ Primer","More JQ"],"projects":["jq","wikiflow"]}
{"a":7,"b":[3,4],"c":null,"d":"x,y, z","e":{"f":[]}}
[[1,2],"string",{"a":2},null,"fob","foobar","barfoo"]
["a","b,c,d","e"]
{"posts":[{"title":"First","author":"anon"},{"title":"Well","author":"person1"}],"realnames":{"anon":"Coward","person1":"Person"}}
"a, b, c"
0
5
END
cat >table <<\END
.foo
.foo.bar.baz[1].q
.foo?
.["foo"]
.["foo"]?
[.foo?]
.[0]
.[-2]
.[]
.foo, .bar
.user, .projects[]
.[] | .name
[.[] | .name?]
[.user, .projects[]]
[.[] | . * 1]?
{user, title: .titles[]}
{(.user): .titles}
{"a b": .a, "c\(.a)": .b}
.a + 1
.a + .b
.a + null
{a: 1} + {b: 2} + {c: 3} + {a: 42}
(.a + 2) as $x | [$x, .a]
.[] | length
map(. + 1)
map(.name)
map(select(.good))
map(select(.good == false) | .name)
[.[] | select(. == 1)]
(.[] | select(.name == "XML")) | .name
del(.foo)
del(.foo, .bar)
.[] | tostring
.[] | tonumber?
map(type)
1, empty, 2
[1, empty, 2]
.foo // 42
(.notfoo, .alsonotfoo) // "none"
.a // .b // 1
if . == 0 then "zero" elif . == 1 then "one" else "many" end
if .foo then .foo else "none" end
42 and "a string"
(true, false) or false
[true, false | not]
.[] == 1
.a < 5
"inserting \(.foo) here: \(.bar)"
"The input was \(.), which is one less than \(.a? // 0)"
@text "I said \(.)"
[.[] | tojson]
[.[] | tojson | fromjson]
[.[] | ltrimstr("foo")]
[.[] | rtrimstr("foo")]
[.[] | startswith("foo")]?
split(", ")
join(", ")
.d | split(",") | map(ltrimstr(" "))
.realnames as $names | .posts[] | {title, author: $names[.author]}
. as $all | .posts | map({t: .title, who: $all.realnames[.author]})
.bar as $x | .foo | . + $x
[.posts[] | .author as $a | "\($a): \(.title)"]
def first_two: .[0], .[1]; [first_two]
def up: ascii_upcase; .bar | up
.[]?
.. | numbers
try error("x") catch .
[.[] | try if . > 2 then "big" else error("small") end catch .]
reduce .[] as $i (0; . + 1)
.posts | map(.title) | join("/")
with_entries(.value |= tostring)
to_entries | map(.key)
.foo |= . + 1
.a = 1 | .b
END
cp table programs
hold "what jq's manual explains"

for p in '' ' ' '# nothing' 'def f: 1;' 'def f: 1; # c'; do
	is "$(progrun "$p" <inputs | tr -d '[]')" \
		"$(tr -d '[]' <inputs)" "a program of nothing is the identity: $p"
done

# ---- what is no program ----

cat >wrong <<\END
"\(1
"a
.a?//1
$nope
.a.
.a +
{a: 1 + 2}
{a: if . then 1 else 2 end}
if . then 1 end
1 == 1 == 1
{a b}
[1 2]
.[
foo
foo(1)
"\x"
.a | = 1
. as x | 1
{$}
$
..a
.a.["b"]
1 as $x | (2 as $y | $y), $y
reduce . as $x (0)
try
import "x" as x; 1
. ; 1
1)
(1
\
END
while IFS= read -r p; do
	progrun -p "$p" >out 2>err
	[ $? = 64 ] || echo "$p"
done <wrong >taken
is "$(cat taken)" '' 'what is no program for jq 1.6 is none here'
while IFS= read -r p; do
	jq -n --argjson settings "$settings" "try empty catch ., empty | [$p
]" >out 2>err
	[ $? = 3 ] || echo "$p"
done <wrong >taken
is "$(cat taken)" '' 'and jq agrees'

done_testing

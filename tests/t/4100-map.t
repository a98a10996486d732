#!/bin/sh
# retl-map as a filter: reserved members, the seal, what is refused and what
# becomes of it.
# shellcheck disable=SC2016 # the dollars are jq's
. "$(dirname "$0")/../lib.sh"
[ -x "$B/bin/retl-map" ] || skip_all 'retl-map is not built'
# ---- mapping ----

cat >rows <<\END
{"id":1,"first":"Ada","last":"L","plan":null}
{"id":9007199254740993,"first":"B","last":"M","plan":"pro"}
END
sealed rows >in
cat >map.jq <<\END
# names
{id, name: "\(.first) \(.last)", plan: (.plan // "free")}
END
cat >want.rows <<\END
{"id":1,"name":"Ada L","plan":"free"}
{"id":9007199254740993,"name":"B M","plan":"pro"}
END
sealed want.rows >want
exits 0 'a mapping from a file' retl-map -m map.jq in
same want out 'makes the records and seals them'
exits 0 'the same from the command line' retl-map -e "$(cat map.jq)" in
same want out 'gives the same'
exits 0 'standard input' sh -c 'retl-map -m map.jq - <in'
same want out 'is read as well'
exits 0 'unsealed input' retl-map -m map.jq rows
same want.rows out 'gives unsealed output'

# ---- reserved members ----

cat >changes <<\END
{"id":1,"a":1,"b":2,"diff_result":"DiffAdded","diff_id":"r:1"}
{"diff_id":"r:2","id":2,"a":1,"b":2,"diff_result":"DiffUpdated","diff_changed":["a"]}
{"id":3,"a":1,"b":2,"diff_result":"DiffRemoved","diff_id":"r:3"}
END
cat >want <<\END
{"x":1,"k":"DiffAdded","diff_result":"DiffAdded","diff_id":"r:1"}
{"x":1,"k":"DiffUpdated","diff_result":"DiffUpdated","diff_id":"r:2","diff_changed":["x","k"]}
{"x":1,"k":"DiffRemoved","diff_result":"DiffRemoved","diff_id":"r:3"}
END
exits 0 'changes' retl-map -e '{x: .a, k: $diff_result}' changes
same want out 'carry their marks on, written last'
retl-map -e '.' changes >out
is "$(head -n 1 out)" '{"id":1,"a":1,"b":2,"diff_result":"DiffAdded","diff_id":"r:1"}' \
	'identity keeps them once'
retl-map -e '{n: length, d: .diff_id, k: (keys | join(","))}' changes >out
is "$(sed -n 2p out)" '{"n":3,"d":null,"k":"a,b,id","diff_result":"DiffUpdated","diff_id":"r:2","diff_changed":["n","k"]}' \
	'a program does not see them, native or not'
echo '{"a":1}' | retl-map -e '{k: $diff_result}' >out
is "$(cat out)" '{"k":null}' 'without a diff $diff_result is null'

# changed PROGRAM WANTED NAME: diff_changed of a row where a and c changed.
changed() {
	echo '{"a":1,"b":2,"c":3,"diff_result":"DiffUpdated","diff_id":"r:1","diff_changed":["a","c"]}' |
		retl-map -e "$1" >out 2>err
	is "$(sed -n 's/.*"diff_changed":\(\[.*\]\)}$/\1/p' out)" "$2" "$3"
}
changed '{x: .a, y: .b, z: "\(.b)\(.c)"}' '["x","z"]' \
	'members that read a changed one have changed'
changed '{y: .b, k: 1}' '[]' 'none has, where none reads one'
changed '{x: (.a | tostring | explode | implode), y: (.b | tostring | explode | implode)}' \
	'["x"]' 'libjq or not'
changed '.' '["a","c"]' 'identity'
changed '. + {b: .c}' '["a","c","b"]' 'members that go on, and one that is made'
changed '. + {a: .b} | del(.c)' '[]' 'made over, and deleted'
changed '{x: .a} | {y: .x, z: 1}' '["y"]' 'through a chain'
changed '. as $r | {x: $r.a, y: .b}' '["x"]' 'through a variable'
changed 'def f: .a; {x: f, y: .b}' '["x"]' 'through a definition'
changed '{x: ., y: .b}' '["x"]' 'the whole record reads all'
changed '{x: (to_entries | length), y: .b}' '["x"]' 'in libjq as well'
changed '. as $r | {x: $r.a, y: $r.b, z: "\($r.b)\($r.c)"}' '["x","z"]' \
	'member by member, if the variable is the record'
changed '. as $r | {x: ([.b] | map(. == $r.a)), y: .b}' '["x"]' 'also inside'
changed '{p: .a} | . as $s | {x: $s.p, y: $s.q}' '["x"]' \
	'or what a stage has made of it'
changed '[.b, .c] | {x: .[0], y: 1} | {z: .y, x}' '["z","x"]' \
	'through what is no object'
changed '{d: $diff_result, b} | {x: .d, y: .b}' '["x","y"]' \
	'the kind of change changes what is made of it'
changed '$diff_result as $d | {x: $d}' '["x"]' 'by a variable too'
changed '{"k\(.b)": .b, y: .b}' '' 'a computed name: all may have changed'
changed 'with_entries(.)' '' 'so may they where libjq has it all'
changed 'if .b then {x: .b} else {y: .b} end' '' 'or where it depends'

# ---- settings ----

echo '{"a":1}' >one
exits 0 '--set' retl-map --set f=a --set g=2 -e '{v: .[$settings.f], s: $settings}' one
is "$(cat out)" '{"v":1,"s":{"f":"a","g":"2"}}' 'gives strings'
printf '{"f":"b",\n "n": 12345678901234567890}' >set.json
exits 0 '--settings' retl-map --settings set.json --set f=a -e '{v: .[$settings.f], s: $settings}' one
is "$(cat out)" '{"v":1,"s":{"n":12345678901234567890,"f":"a"}}' \
	'reads a file, keeps its digits, gives way to --set, stays on one line'
exits 64 '--set without a value' retl-map --set f -e . one
exits 66 'settings that are not there' retl-map --settings none.json -e . one
echo '[1]' >bad.json
exits 78 'settings that are no object' retl-map --settings bad.json -e . one

# ---- what is no mapping ----

exits 64 'neither mapping nor contract' retl-map in
exits 64 'two mappings' retl-map -e . -m map.jq in
exits 64 'two inputs' retl-map -e . in in
exits 64 'a mapping without its -m' retl-map map.jq in
contains err 'a mapping (-m FILE or -e PROGRAM)' 'is no second input'
exits 66 'a mapping that is not there' retl-map -m none.jq in
exits 66 'an input that is not there' retl-map -e . none
printf '{\n a: .b +\n}' >bad.jq
exits 78 'a mapping that does not compile' retl-map -m bad.jq in
is "$(cat err)" "retl-map: error: bad.jq:2: syntax error, unexpected '+', expecting '}'" \
	'is told with its line'
for p in '{diff_id: 1}' '. + {diff_result: "x"}' '{a: 1} | {diff_changed: .a}' \
	'{"diff_outcome"}'
do
	exits 78 "$p defines a reserved member" retl-map -e "$p" in
done
printf '{a: "\377"}' >bad.jq
exits 78 'a mapping that is not UTF-8' retl-map -m bad.jq in
printf '.\000' >bad.jq
exits 78 'a mapping with a zero byte' retl-map -m bad.jq in
printf '\357\273\277{a}' >bad.jq
exits 78 'a mapping with a byte order mark' retl-map -m bad.jq in
is "$(cat err)" 'retl-map: error: bad.jq: begins with a byte order mark: take it away' \
	'which is named'
printf 'def m: "module";' >mod.jq
exits 78 'import without -L' retl-map -e 'import "mod" as m; {x: m::m}' one
exits 0 'import with -L' retl-map -L . -e 'import "mod" as m; {x: m::m, y: .a}' one
is "$(cat out)" '{"x":"module","y":1}' 'finds the module'
exits 0 'include' retl-map -L . -e 'include "mod"; {x: m}' one
exits 78 'a module that is not there' retl-map -L . -e 'import "no" as m; {}' one

FOO='x\y' BAR=2
export FOO BAR
unset NONE
for p in '$ENV.FOO' env.FOO '{a: (env | keys)}'; do
	exits 78 "$p without --env" retl-map -e "{v: ($p)}" one
done
exits 0 '--env' retl-map --env FOO --env BAR -e \
	'{a: $ENV.FOO, b: env.BAR, c: (env | keys), d: ($ENV.FOO | test("x")), e: env.PATH, f: (def env: 7; env)}' one
is "$(cat out)" '{"a":"x\\y","b":"2","c":["BAR","FOO"],"d":true,"e":null,"f":7}' \
	'shows these variables and no other, native or not'
exits 78 '--env of what is not set' retl-map --env NONE -e . one
contains err 'there is no variable NONE' 'says so'

# ---- refused records ----

# refused PROGRAM CODE NAME: the record is dropped, and the seal with it.
sealed one >in1
refused() {
	exits 1 "$3" retl-map --rejects rej -e "$1" in1
	is "$(cat out)" '' "$3: dropped, unsealed"
	contains rej "\"code\":\"$2\"" "$3: listed with its code"
	rm -f rej
}
refused '[.a]' type 'no object'
refused '.a' type 'a number'
refused '., .' outputs 'two results'
refused '{x: (1, 2)}' outputs 'two objects'
refused '.a.b' jq 'an error'
refused '{x: (.a | test("x"))}' jq 'an error in libjq'
refused '{("diff_" + "id"): 1}' reserved 'a reserved name that is computed'
refused '{a: 1} | with_entries(.key = "diff_result")' reserved \
	'a reserved name out of libjq'
echo '{"a":9007199254740993}' >big
sealed big >in1
refused '{x: (.a * 2)}' precision 'a number that jq would change'
awk 'BEGIN { for (i = 0; i < 511; i++) s = s "["; for (i = 0; i < 511; i++)
	t = t "]"; print "{\"a\":" s t "}" }' >deep
sealed deep >in1
exits 0 'nested as deep as may be' retl-map -e '{a}' in1
refused '{x: {y: .a}}' depth 'nested deeper than may be'

cat >bad <<\END
{"id":1,"v":"a"}
{"id":2,"v":5}
{"id":3,"v":"c"}
END
sealed bad >in
exits 1 'a bad record among good ones' retl-map -e '{id, v: (.v | ascii_upcase)}' in
is "$(cat out)" '{"id":1,"v":"A"}
{"id":3,"v":"C"}' 'is left out, and the seal'
is "$(cat err)" 'retl-map: error: in:2: v: -e:1: a number where a string is expected
retl-map: warning: 1 records refused (jq 1); --rejects FILE lists them
retl-map: warning: the output is not sealed: of a refused record there is no stub, for want of a key (-k KEY)' \
	'and told: place, member, program, reason, and what that means'
exits 65 '--strict' retl-map --strict -e '{id, v: (.v | ascii_upcase)}' in
is "$(cat out)" '{"id":1,"v":"A"}' '--strict ends there'
exits 1 'several faults' retl-map --rejects rej -e '{a: (.v | ascii_upcase), b: .v.x, id, c: (.v | test("a"))}' in
is "$(tail -n 2 rej | head -n 1)" '{"stage":"retl-map","line":2,"field":"a","source":["v"],"code":"jq","reason":"-e:1: a number where a string is expected","faults":[{"field":"a","source":["v"],"code":"jq","reason":"-e:1: a number where a string is expected"},{"field":"b","source":["v"],"code":"jq","reason":"-e:1: a number has no member '"'x'"'"},{"field":"c","source":["v"],"code":"jq","reason":"-e:1: only a string can be matched"}],"record":{"id":2,"v":5}}' \
	'all are listed, with the record'
exits 1 '--show-values' retl-map --show-values -e '{id, v: (.v | ascii_upcase)}' in
exits 1 'a member made of two' retl-map -e '{id, w: ("\(.id)" + (.v | ascii_upcase))}' in
contains err 'in:2: w (from id, v): -e:1: ' \
	'is told with their names at the source'
retl-map --show-values -e '{id, v: (.v | ascii_upcase)}' in >out 2>err
contains err 'a number where a string is expected (it is 5)' \
	'shows the value, where it is asked to'
exits 66 'rejects that cannot be written' retl-map --rejects none/x -e . in

# ---- stubs ----

exits 1 'with -k' retl-map -k key -e '{key: "k\(.id)", v: (.v | ascii_upcase)}' in
cat >want.rows <<\END
{"key":"k1","v":"A"}
{"key":"k2","diff_outcome":{"status":"rejected","code":"jq","field":"v","reason":"-e:1: a number where a string is expected"}}
{"key":"k3","v":"C"}
END
sealed want.rows >want
same want out 'a stub has the key as the good record would, and all is sealed'
retl-map --quiet -k id -e '. + {v: (.v | ascii_upcase)}' in >out 2>err
is "$(sed -n 's/,"diff_outcome.*//p' out)" '{"id":2' 'also behind a plus'
retl-map --quiet -k id -e '. + {id: (.v | ascii_upcase)}' in >out 2>err
is "$(sed -n 2p out)" '{"id":"C","v":"c"}' \
	'a key that fails is not taken from what it would replace'
retl-map --quiet -k v -e '{id, v: (.v | ascii_upcase)}' in >out 2>err
is "$(sed -n 2p out)" '{"id":3,"v":"C"}' 'a key that cannot be made makes no stub'
is "$(grep -c '	' out)" 0 'and the stream is unsealed'
retl-map --quiet -k id -e '{id: null, v: (.v | ascii_upcase)}' in >out 2>err
is "$(wc -l <out)" 2 'nor does a key that is null'
exits 64 'an empty key' retl-map -k '' -e . in
exits 64 'a reserved key' retl-map -k diff_id -e . in

cat >stub <<\END
{"id":7,"diff_outcome":{"status":"rejected","code":"x"},"more":  1}
{"id":8}
END
sealed stub >in
exits 0 'a stub of an earlier stage' retl-map -e '{x: .id}' in
is "$(head -n 1 out)" "$(head -n 1 stub)" 'passes as it is'
is "$(tail -n 1 out)" "$(seal 2)" 'and counts for the seal'

cat >changes <<\END
{"id":1,"v":5,"diff_result":"DiffUpdated","diff_id":"r:1","diff_changed":["v"]}
{"id":2,"v":5,"diff_result":"DiffRemoved","diff_id":"r:2"}
END
sealed changes >in
exits 1 'changes that fail' retl-map --quiet -e '{id, v: (.v | ascii_upcase)}' in
is "$(sed 's/"code.*//' out)" '{"diff_result":"DiffUpdated","diff_id":"r:1","diff_changed":["v"],"diff_outcome":{"status":"rejected",
{"diff_result":"DiffRemoved","diff_id":"r:2","diff_outcome":{"status":"rejected",
'"$(seal 2)" 'become stubs with their marks, and the seal is kept'

# ---- empty ----

sealed bad >in
exits 0 'empty' retl-map -e 'select(.id != 2)' in
is "$(cat out)" '{"id":1,"v":"a"}
{"id":3,"v":"c"}
'"$(seal 2)" 'drops a record as a filter does, and the seal is kept'
sealed changes >in
exits 1 'empty behind retl-diff' retl-map --quiet -e 'empty' in
is "$(grep -c '"code":"empty"' out)" 2 'is a refusal, whatever the change'
contains err 'filters belong before retl-diff' 'and says what to do'

# ---- broken streams ----

# broken TEXT NAME
broken() {
	printf '{"id":1}\n%s\n' "$1" >in
	exits 65 "$2" retl-map -e . in
	is "$(cat out)" '{"id":1}' "$2: what came before went on, unsealed"
	contains err 'in:2: byte ' "$2: the place is told"
}
broken '{"a":1' 'a record cut in half'
broken '[1]' 'an array'
broken '{"a":1,"\u0061":2}' 'a name that stands twice'
broken '{"a":1,"diff_result":"Diff"}' 'an unknown change'
echo '{"id":2,"x":{"a":1,"a":2}}' >in
exits 65 'a name that stands twice where the mapping looks' \
	retl-map -e '{v: .x.a}' in
is "$(cat err)" 'retl-map: error: in:1: v: -e:1: a member name stands twice in one object' \
	'is told'
exits 65 'or where libjq does' retl-map -e '{v: (.x | keys)}' in
exits 0 'where nobody looks it stays' retl-map -e '{x}' in
exits 65 'a line that is too long' retl-map --max-record 10 -e . in
exits 74 'a full disk' sh -c 'retl-map -e . in1 >/dev/full'

# ---- --explain ----

cat >want <<\END
MEMBER  FROM            RUNS    NOTE
id      id              native
email   email           libjq   because of gsub
name    first, last     native
tier    (constant)      native
all     (whole record)  native
END
exits 0 '--explain' retl-map --explain -e '{id, email: (.email | gsub(" "; "")), name: "\(.first) \(.last)", tier: $settings.tier, all: .}'
same want out 'shows for each member what it is made of, and where'
cat >want <<\END
MEMBER    FROM          RUNS    NOTE
x         y             native
(others)  (same names)  native  without z
END
retl-map --explain -e '. + {x: .y} | del(.z)' >out
same want out 'and what goes on'
cat >want <<\END
MEMBER  FROM            RUNS   NOTE
(any)   (whole record)  libjq  because of walk
END
retl-map --explain -e 'walk(.)' >out
same want out 'and what cannot be told'
retl-map --explain -e '{n: ([paths] | length)}' >out
is "$(sed -n '2s/.*libjq *//p' out)" \
	'because of paths, which is given all of the record' \
	'and that libjq gets all of it'
retl-map --explain -e 'if .a then {b} else {c} end' >out
is "$(sed -n '2s/.*native *//p' out)" 'names are not told by if' \
	'and why a native one cannot be told'
cat >want <<\END
MEMBER  FROM            RUNS    NOTE
id      id              native
mail    email           libjq   because of gsub
all     (whole record)  native
likes   tags, email     libjq   because of test, which is given all of the record
END
retl-map --explain -e '. as $r | {id: $r.id, mail: ($r.email | gsub(" "; "")), all: $r, likes: [.tags[] | select(test($r.email))]}' >out
same want out 'what a variable that is the record is used for'
cat >want <<\END
MEMBER  FROM        RUNS    NOTE
town    address     native
zip     address     libjq   because of sub
code    (constant)  native
END
retl-map --explain -e '.address | {c: .city, z: (.zip | sub(" "; ""))} | {town: .c, zip: .z, code: 1}' >out
same want out 'what stages before have made, and how'
retl-map --explain -e '.address | . + {x: 1}' >out
is "$(sed -n '2s/.*native *//p' out)" 'names are not told by a path' \
	'and that names of what lies inside are not known'
exits 74 '--explain into a full disk' sh -c 'retl-map --explain -e . >/dev/full'

done_testing

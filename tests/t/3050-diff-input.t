#!/bin/sh
# What retl-diff reads: broken, unsorted, repeated, mistyped; and what it takes
# for equal.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

rows 1 3 >three

# ---- equal or not ----

while read -r claim; do
	read -r kinds
	read -r old
	read -r new
	new st
	echo "$old" >old
	has st old
	echo "$new" | sealing >in
	retl-diff -s st <in >out
	is "$(short <out | sed 's/ .*//')" "$(echo "$kinds" | tr -d -)" "$claim"
done <<\EOF
member order is no change
-
{"id":1,"a":1,"b":2}
{"b":2,"a":1,"id":1}
nor is white space
-
{"id":1,"a":[1,2]}
 { "id" : 1 , "a" : [ 1 , 2 ] } 
nor the spelling of a number, a key's too
-
{"id":10,"a":1.50,"b":-0}
{"id":1e1,"a":15e-1,"b":0.0}
nor escapes
-
{"id":1,"a":"é/😀"}
{"id":1,"\u0061":"\u00e9\/\uD83D\uDE00"}
nor the order of members inside
-
{"id":1,"a":{"x":1,"y":{"p":1,"q":[{"r":1,"s":2}]}}}
{"id":1,"a":{"y":{"q":[{"s":2.0,"r":1}],"p":1},"x":1}}
the last digit of a long number is one
Updated
{"id":1,"a":9007199254740993}
{"id":1,"a":9007199254740992}
so is null where nothing was
Updated
{"id":1}
{"id":1,"a":null}
and nothing where null was
Updated
{"id":1,"a":null}
{"id":1}
a number is not its text
Updated
{"id":1,"a":1}
{"id":1,"a":"1"}
the order of an array counts
Updated
{"id":1,"a":[1,2]}
{"id":1,"a":[2,1]}
case counts, and composition
Updated
{"id":1,"a":"é"}
{"id":1,"a":"e\u0301"}
EOF

printf '%s\n' '{"id":1,"a":1,"b":2,"c":3}' >old
new st
has st old
printf '%s\n' '{"c":3.0,"id":1,"a":2,"d":4}' | sealing >in
retl-diff -s st --changed <in >out
contains out '"diff_changed":["a","d","b"]' '--changed names what changed, came and went'
receipts unknown <out | retl-diff --commit -s st 2>err
retl-diff -s st --changed <in >out
lacks out diff_changed 'but not where the destination may hold another row'

# ---- keys ----

new keys
printf '{"id":2}\n{"id":10}\n{"id":9007199254740992}\n{"id":9007199254740993}\n' >in
exits 0 'numbers in the order of their values' retl-diff -s keys <in
new keys
printf '{"id":"B"}\n{"id":"a"}\n{"id":"\\u00e9"}\n{"id":"\\ud83d\\ude00"}\n' >in
exits 0 'strings by code point' retl-diff -s keys <in
rm -rf keys
retl-diff --init -s keys -k region,/user/id
printf '{"region":"eu","user":{"id":2}}\n{"region":"us","user":{"id":1}}\n' >in
exits 0 'two members, one inside another' retl-diff -s keys <in

while read -r claim; do
	read -r line
	read -r said
	new bad
	has bad three
	{ echo '{"id":1,"v":2}'; printf '%b\n' "$line"; } >in
	seal 2 >>in
	exits 65 "$claim" retl-diff -s bad <in
	contains err "$said" "which is said: $said"
	is "$(short <out)" 'Updated 1' 'what came before it stands'
	receipts delivered <out | retl-diff --commit -s bad 2>err
	is "$? $(retl-diff --dump -s bad | head -n 1)" '65 {"id":1,"v":2}' \
		'can be acknowledged, and nothing else happens'
done <<\EOF
a key that is not above the one before
{"id":0}
line 2: its key comes before that of line 1: sort the stream with retl-sort -k id
a key twice
{"id":1.0}
lines 1 and 2 have the same key (id)
a key that is missing
{"ID":2}
line 2: id: the key is missing
a key that is null
{"id":null}
line 2: id: a key cannot be null
a key of another type
{"id":"2"}
line 2: id: a string, where the records before it have a number
a record that is torn
{"id":2,
line 2: byte 9:
a member twice
{"id":2,"a":1,"\\u0061":2}
line 2: byte
a record that is none
[2]
line 2: byte 1:
a record of another diff stage
{"id":2,"diff_result":"DiffAdded","diff_id":"00:1"}
line 2: diff_id:
a dataset that says itself what changed
{"id":2,"diff_result":"DiffAdded"}
needs no diff stage
EOF

new st
has st three
printf '{"id":1}\n{"id":3}\n{"id":2}\n' | sealing >in
exits 65 'out of order behind a row that is equal' retl-diff -s st <in
contains err 'line 3: its key comes before that of line 2' 'names both lines'
printf '{"id":1}\n{"id":1}\n' | sealing >in
exits 65 'an equal row twice' retl-diff -s st <in
contains err 'lines 1 and 2 have the same key' 'names both lines'
printf '{"id":"1"}\n' | sealing >in
exits 65 'a key type that differs from the state' retl-diff -s st <in
contains err 'line 1: id: a string' 'is named'
head -c 5000 /dev/zero | tr '\0' x | sed 's/.*/{"id":1,"x":"&"}/' >in
exits 65 'a line beyond --max-record' retl-diff -s st --max-record 4k <in
contains err '--max-record' 'names the option'
printf '{"id":1}\r\n{"id":2}\r\n{"id":3}\r\n\t   \r\n' >in
exits 0 'CR before LF' retl-diff -s st <in
printf '{"id":1}\n{"id":2}\n{"id":3}' >in
exits 0 'a last line without LF' retl-diff -s st <in

# ---- damaged states ----

new st
has st three
sealed three >in
cp -r st whole
echo '{"id":4}' >>st/snapshot.1.ndjson
exits 65 'a file that has grown' retl-diff -s st <in
contains err 'damaged' 'is damage'
rm -rf st && cp -r whole st
sed -i 's/"id":2/"id":x/' st/snapshot.1.ndjson
printf '{"id":1}\n{"id":3}\n' | sealing >in2
exits 65 'a row that is broken' retl-diff -s st <in2
contains err 'snapshot.1.ndjson:2' 'is named with its place'
rm -rf st && cp -r whole st
echo '{"format":1}' >st/state.json
exits 65 'a state of another format' retl-diff -s st <in
echo '{' >st/state.json
exits 65 'a torn state.json' retl-diff -s st <in
rm -rf st && cp -r whole st
sed -i 's/"id":1/"id":3/' st/snapshot.1.ndjson
exits 65 'rows that are out of order in the state' \
	retl-diff -s st --max-removed 100% <in
lacks out DiffRemoved 'remove nothing that the dataset has'
rm -rf st && cp -r whole st
rm st/snapshot.1.ndjson
exits 66 'a file that is missing' retl-diff -s st <in
lacks out Diff 'sends nothing'
exits 66 'to --dry-run as well' retl-diff -n -s st <in

# ---- damaged runs ----

two_days
run=$(basename open/runs/*.ndjson)
cp "open/runs/$run" run
sections=$(sed -n 's/.*"sections":\(.*\)}$/\1/p' run)
is "$(echo "$sections" | sed 's/\[[0-9]*,/[AT,/g')" '[[AT,3],[AT,1],[AT,0]]' \
	'an end mark counts three changes and a removal'
is "$(tail -c "+$(($(echo "$sections" | sed 's/.*\],\[\([0-9]*\).*\],.*/\1/') + 1))" run |
	head -n 1 | grep -c DiffRemoved)" 1 'and tells where the removal begins'
# damaged SED CLAIM: the run's file as sed leaves it is refused.
damaged() {
	rm -rf st && cp -r open st
	sed "$1" run >"st/runs/$run"
	exits 65 "$2" retl-diff --commit -s st <r
	retl-diff --dump -s st >got
	same in got 'moves nothing'
}
damaged '2d' 'a change that is gone from the file of a run'
damaged '2{h;d;}; 3G' 'changes that changed places'
contains err 'its changes are not what its end mark says' 'is damage'
damaged '3s/:2"/:3"/' 'a number that stands there twice'
damaged 's/"sections":\[\[\([0-9]*\),3/"sections":[[\1,4/; s/"changes":4/"changes":5/' \
	'an end mark that counts more than there are'
rm -rf st && cp -r open st
sed 's/,"sections":.*/}/' run >"st/runs/$run"
exits 0 'an end mark without sections: all is read' retl-diff --commit -s st <r
retl-diff --dump -s st >got
same in2 got 'and is acknowledged'
done_testing

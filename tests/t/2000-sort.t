#!/bin/sh
# retl-sort: the order of keys, what is refused, duplicates, checking, merging.
. "$(dirname "$0")/../lib.sh"

# sorts KEY CLAIM: ./in becomes ./want, in order and as it came.
sorts() {
	retl-sort -k "$1" <in >out 2>err
	ok $? "$2: status 0"
	same want out "$2"
}

# put_sealed: the records on stdin, sealed.
put_sealed() {
	cat >body
	sealed body
}

# ---- order ----
cat >in <<\EOF
{"id":2}
{"id":10}
{"id":-1}
{"id":1.5}
{"id":-1.5}
{"id":0}
EOF
cat >want <<\EOF
{"id":-1.5}
{"id":-1}
{"id":0}
{"id":1.5}
{"id":2}
{"id":10}
EOF
sorts id 'numbers sort by value'

cat >in <<\EOF
{"id":9007199254740993}
{"id":100000000000000000000000000000000000000000000000000000000000000000002}
{"id":9007199254740992}
{"id":1e999999999}
{"id":100000000000000000000000000000000000000000000000000000000000000000001}
{"id":-1e999999999}
{"id":1e-999999999}
{"id":0}
{"id":18446744073709551616}
{"id":18446744073709551615}
{"id":-18446744073709551616}
{"id":999999999999999999}
{"id":1000000000000000000}
EOF
cat >want <<\EOF
{"id":-1e999999999}
{"id":-18446744073709551616}
{"id":0}
{"id":1e-999999999}
{"id":9007199254740992}
{"id":9007199254740993}
{"id":999999999999999999}
{"id":1000000000000000000}
{"id":18446744073709551615}
{"id":18446744073709551616}
{"id":100000000000000000000000000000000000000000000000000000000000000000001}
{"id":100000000000000000000000000000000000000000000000000000000000000000002}
{"id":1e999999999}
EOF
sorts id 'numbers are exact at any length'

cat >in <<\EOF
{"n":1,"id":1e0}
{"n":2,"id":1.0}
{"n":3,"id":0}
{"n":4,"id":1}
{"n":5,"id":-0.0}
{"n":6,"id":10e-1}
EOF
cat >want <<\EOF
{"n":3,"id":0}
{"n":5,"id":-0.0}
{"n":1,"id":1e0}
{"n":2,"id":1.0}
{"n":4,"id":1}
{"n":6,"id":10e-1}
EOF
sorts id 'equal numbers stay in their order, however they are spelt'

cat >in <<\EOF
{"k":"\ud83d\ude00"}
{"k":"z"}
{"k":"\uffff"}
{"k":"é"}
{"k":""}
{"k":"\u0000"}
{"k":"B"}
{"k":"\u0061b"}
{"k":"a"}
{"k":"😀b"}
{"k":"abcdefgh"}
{"k":"abcdefg"}
{"k":"abcdefgh\u0000"}
EOF
cat >want <<\EOF
{"k":""}
{"k":"\u0000"}
{"k":"B"}
{"k":"a"}
{"k":"\u0061b"}
{"k":"abcdefg"}
{"k":"abcdefgh"}
{"k":"abcdefgh\u0000"}
{"k":"z"}
{"k":"é"}
{"k":"\uffff"}
{"k":"\ud83d\ude00"}
{"k":"😀b"}
EOF
sorts k 'strings sort by code point, unescaped'

printf '%s\n' '{"b":true}' '{"b":false}' >in
printf '%s\n' '{"b":false}' '{"b":true}' >want
sorts b 'false comes before true'

cat >in <<\EOF
{"r":"us","id":2}
{"r":"eu","id":10}
{"id":1,"r":"us"}
{"r":"eu","id":9}
{"r":"e","id":11}
EOF
cat >want <<\EOF
{"r":"e","id":11}
{"r":"eu","id":9}
{"r":"eu","id":10}
{"id":1,"r":"us"}
{"r":"us","id":2}
EOF
sorts r,id 'a second member orders what the first leaves equal'

cat >in <<\EOF
{"a":{"b":[0,3]}}
{"a":{"b":[0,1]}}
{"a":{"b":[1,2]}}
EOF
cat >want <<\EOF
{"a":{"b":[0,1]}}
{"a":{"b":[1,2]}}
{"a":{"b":[0,3]}}
EOF
sorts /a/b/1 'a JSON Pointer leads to the key'

cat >in <<\EOF
{"x":1.10, "id" : 2 ,"y":"\u00e9"}
{"\u0069d":1,"x":9007199254740993}
  {"id":0}  
EOF
cat >want <<\EOF
  {"id":0}  
{"\u0069d":1,"x":9007199254740993}
{"x":1.10, "id" : 2 ,"y":"\u00e9"}
EOF
sorts id 'records leave byte for byte as they came'

printf '{"id":2}\r\n{"id":1}\r\n\r\n' >in
printf '{"id":1}\n{"id":2}\n' >want
sorts id 'a CR before LF is not part of the line'
printf '{"id":2}\n\n{"id":1}' >in
sorts id 'a last line without LF, and empty lines'
: >in
: >want
sorts id 'nothing sorts to nothing'

cat >in <<\EOF
{"id":3}
{"id":1,"diff_outcome":{"status":"rejected","code":"x"}}
EOF
cat >want <<\EOF
{"id":1,"diff_outcome":{"status":"rejected","code":"x"}}
{"id":3}
EOF
sorts id 'stubs are ordered like other records'

printf '{"id":%d,"n":%d}\n' 1 1 2 2 1 3 >in
printf '{"id":%d,"n":%d}\n' 2 2 1 1 1 3 >want
retl-sort -r -k id in >out
same want out '--reverse leaves equal keys in their order'

# ---- what is refused ----
refuses() { # CLAIM TEXT-OF-MESSAGE RECORDS...
	claim=$1 text=$2
	shift 2
	printf '%s\n' "$@" >bad
	exits 65 "$claim" retl-sort -k id bad
	contains err "$text" "$claim: says where and what"
	[ ! -s out ]
	ok $? "$claim: nothing is written"
}
refuses 'a missing key' 'bad:2: id: the key is missing' '{"id":1}' '{"no":1}'
refuses 'a null key' 'bad:1: id: a key cannot be null' '{"id":null}'
refuses 'an array' 'bad:1: id: a key cannot be an array' '{"id":[1]}'
refuses 'an object' 'bad:1: id: a key cannot be an object' '{"id":{}}'
refuses 'a change of type' 'bad:3: id: a string, where' \
	'{"id":1}' '{"id":2}' '{"id":"2"}'
refuses 'an exponent beyond measure' 'bad:1: id: ' '{"id":1e9999999999999999}'
refuses 'broken JSON' 'bad:2: byte 7:' '{"id":1}' '{"id":}'
refuses 'half a record' 'bad:1: byte 10: the text ends' '{"id":"1"'
refuses 'a top level that is no object' 'bad:1: byte 1: not a JSON object' '[1]'
refuses 'a repeated key' 'bad:1: byte 10: a member name' '{"id":1,"\u0069d":2}'
refuses 'a lone surrogate' 'bad:1: byte 8: a lone' '{"id":"\ud800"}'
refuses 'a wrong diff_result' 'bad:1: ' '{"id":1,"diff_result":"x"}'
refuses 'a wrong stub' 'bad:1: ' '{"id":1,"diff_outcome":{"status":1}}'
printf '{"id":"\377"}\n' >bad
exits 65 'invalid UTF-8' retl-sort -k id bad
contains err 'bad:1: byte 8: invalid UTF-8' 'invalid UTF-8 is told with its byte'
printf '{"a":{"b":1,"b":2}}\n' >bad
exits 65 'a repeated member on the way to a key' retl-sort -k /a/b bad
printf '{"id":1}\n{"id":"1234567890"}\n' >bad
exits 65 'a line beyond --max-record' retl-sort --max-record=10 -k id bad
contains err 'bad:2: longer than 10 bytes' 'it is told with its line'
head -c 300000 /dev/zero | tr '\0' '[' >bad
exits 65 'nesting beyond measure' retl-sort -k id bad
printf '{"id":"x"}\n' >a
printf '{"id":1}\n' >b
exits 65 'one type over all files' retl-sort -k id a b
contains err 'b:1: id: a number, where the records before it have a string' \
	'and the file is named'
exits 66 'a file that is not there' retl-sort -k id nowhere
contains err 'nowhere' 'it is named'
exits 66 'a folder for a file' retl-sort -k id .

exits 64 '--key is required' retl-sort
contains err "Try 'retl-sort --help'" 'usage errors point to --help'
exits 64 'an empty key' retl-sort -k ''
exits 64 'a reserved key' retl-sort -k diff_id
exits 64 'a bound that is no size' retl-sort -k id -S 12q
exits 64 'a bound that is too small' retl-sort -k id -S 1k
exits 64 'an unknown --unique' retl-sort -k id -uall
exits 64 '--check with --merge' retl-sort -k id -c -m a
exits 64 'standard input twice' retl-sort -k id - -
exits 0 '--help' retl-sort --help
exits 0 '--version' retl-sort --version

# ---- seals ----
printf '{"id":%d}\n' 3 1 2 >records
printf '{"id":%d}\n' 1 2 3 >sorted
sealed records >in
sealed sorted >want
sorts id 'a sealed stream leaves sealed'
retl-sort -k id records >out
same sorted out 'an unsealed one does not'
head -n 2 in >thinned
retl-sort -k id thinned >out
lacks out "$(printf '\t')" 'a stream that was cut is not sealed'
(cat records; seal 2) >wrong
retl-sort -k id wrong >out
same sorted out 'nor one whose seal counts wrong'
printf '{"id":%d}\n' 5 4 | put_sealed >others
printf '{"id":%d}\n' 1 2 3 4 5 | put_sealed >want
retl-sort -k id in others >out
same want out 'files that are all sealed: sealed, with the sum'
retl-sort -k id others records >out
lacks out "$(printf '\t')" 'one that is not: unsealed'
cat in others | retl-sort -k id >out
same want out 'sealed streams one after another'
retl-sort -k id - others <in >out
same want out '- is standard input'
seal 0 | retl-sort -k id >out
seal 0 >want
same want out 'nothing, sealed'
retl-sort -k id in >out 2>err
[ ! -s err ]
ok $? 'no word without need'

# ---- duplicates ----
cat >in <<\EOF
{"id":2,"n":1}
{"id":1,"n":2}
{"id":2.0,"n":3}
{"id":1,"n":4}
{"id":2e0,"n":5}
EOF
printf '{"id":1,"n":2}\n{"id":2,"n":1}\n' | put_sealed >want
sealed in | retl-sort -k id -u >out 2>err
same want out '-u keeps the first of a key, and the seal counts what is left'
contains err '3 records left out' 'it says how many went'
sealed in | retl-sort -k id --unique=last >out 2>err
printf '{"id":1,"n":4}\n{"id":2e0,"n":5}\n' | put_sealed >want
same want out '--unique=last keeps the last'
exits 65 '--unique=error refuses a second' retl-sort -k id -uerror in
contains err 'in:4: has the same key (id) as in:2' 'and names both lines'
printf '{"id":%d}\n' 1 2 3 >in
exits 0 '--unique=error with nothing to refuse' retl-sort -k id -uerror in
printf '{"id":"%s"}\n' b a b >in
exits 65 '--unique=error with strings' retl-sort -k id -uerror in
contains err 'in:3: has the same key (id) as in:1' 'and names both lines too'

# ---- checking ----
printf '{"id":%d}\n' 1 2 2 3 | put_sealed >good
exits 0 '-c: sorted and sealed' retl-sort -c -k id good
[ ! -s out ] && [ ! -s err ]
ok $? '-c is silent'
exits 65 '-c -u: a second of a key' retl-sort -c -u -k id good
contains err 'good:3: has the same key (id) as good:2' '-c -u names both lines'
printf '{"id":%d}\n' 1 3 2 | put_sealed >disorder
exits 65 '-c: disorder' retl-sort -c -k id disorder
contains err 'disorder:3: not sorted by id: belongs before disorder:2' \
	'-c names both lines'
exits 65 '-c: no seal' retl-sort -c -k id sorted
contains err 'sorted: the stream has no seal' '-c says what is wrong with it'
(cat sorted; seal 4) >wrong
exits 65 '-c: a wrong seal' retl-sort -c -k id wrong
contains err 'wrong:4: the seal counts 4 records, 3 came' '-c tells the counts'
exits 65 '-c -r: another order' retl-sort -c -r -k id good
printf '{"id":%d}\n' 3 2 1 | put_sealed >down
exits 0 '-c -r' retl-sort -c -r -k id down
exits 65 '-c: a type that changes' sh -c \
	'printf "{\"id\":1}\n{\"id\":\"2\"}\n" | retl-sort -c -k id'
exits 65 '-c: standard input' sh -c \
	'printf "{\"id\":2}\n{\"id\":1}\n" | retl-sort -c -k id'
contains err 'line 2: not sorted by id: belongs before line 1' '-c: by line'

# ---- merging ----
printf '{"id":%d,"f":1}\n' 1 3 5 | put_sealed >m1
printf '{"id":%d,"f":2}\n' 2 3 9 | put_sealed >m2
seal 0 >m3
cat >merged <<\EOF
{"id":1,"f":1}
{"id":2,"f":2}
{"id":3,"f":1}
{"id":3,"f":2}
{"id":5,"f":1}
{"id":9,"f":2}
EOF
sealed merged >want
retl-sort -m -k id m1 m2 m3 >out
same want out '-m merges, the earlier file first, and seals'
retl-sort -m -k id m3 - m2 <m1 >out
same want out '-m reads standard input as one of them'
grep -v "$(printf '\t')" m2 >m2.cut
retl-sort -m -k id m1 m2.cut >out
same merged out '-m does not seal if one file is not sealed'
exits 65 '-m refuses a file that is not sorted' retl-sort -m -k id m1 disorder
contains err 'disorder:3: not sorted by id: belongs before disorder:2' \
	'-m names both lines'
exits 65 '-m: one type over all files' retl-sort -m -k id m1 a
exits 66 '-m: a file that is not there' retl-sort -m -k id m1 nowhere
retl-sort -m -u -k id m1 m2 >out 2>err
grep -v '"id":3,"f":2' merged | put_sealed >want
same want out '-m -u keeps the first'
retl-sort -m -ulast -k id m1 m2 >out 2>err
grep -v '"id":3,"f":1' merged | put_sealed >want
same want out '-m -ulast keeps the last'
exits 65 '-m -uerror' retl-sort -m -uerror -k id m1 m2
contains err 'm2:2: has the same key (id) as m1:2' '-m -uerror names both'
retl-sort -m -r -k id down down >out
printf '{"id":%d}\n' 3 3 2 2 1 1 | put_sealed >want
same want out '-m -r merges descending files'
retl-sort -m -k id m3 >out
seal 0 >want
same want out '-m of nothing, sealed'

done_testing

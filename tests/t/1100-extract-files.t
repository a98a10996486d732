#!/bin/sh
# retl-extract from files and standard input: CSV, TSV, NDJSON, JSON arrays,
# gzip, zstd; what proves an end and what does not.
# shellcheck disable=SC2002,SC2016,SC2059
. "$(dirname "$0")/../lib.sh"

# reads NAME WANTED WORDS...: retl-extract gives the rows in WANTED, sealed.
reads() {
	name=$1
	printf '%s' "$2" >rows
	shift 2
	sealed rows >wanted
	retl-extract "$@" >out 2>err
	ok $? "$name" "$(cat err)"
	same wanted out "$name: its rows, sealed"
}
# refuses STATUS MESSAGE NAME WORDS...
refuses() {
	want=$1 message=$2
	shift 2
	name=$1
	exits "$want" "$@"
	contains err "$message" "$name: the message"
	lacks out "$(printf '\t')" "$name: no seal"
}
# unsealed NAME WORDS...: status 0, a warning, no seal. Rows in ./out.
unsealed() {
	name=$1
	exits 0 "$@"
	lacks out "$(printf '\t')" "$name: no seal"
	contains err 'warning: not sealed: ' "$name: a warning"
}

# ---- CSV ----

printf '\357\273\277id,name,n\r\n1,"a ""b""\r\nc", x \r\n007,,""\r\n' >a.csv
reads 'CSV with a byte order mark and CRLF' '{"id":"1","name":"a \"b\"\r\nc","n":" x "}
{"id":"007","name":null,"n":""}
' a.csv
printf 'id\tname\n1\t"a\tb"\n2\t\\N\n' >a.tsv
reads 'TSV' '{"id":"1","name":"a\tb"}
{"id":"2","name":"\\N"}
' a.tsv
reads '--null' '{"id":"1","name":"a\tb"}
{"id":"2","name":null}
' --null '\N' a.tsv
printf 'id;x\n1;\n\n\n2;y\n' >a.txt
reads 'another delimiter; blank lines' '{"id":"1","x":""}
{"id":"2","x":"y"}
' --delimiter ';' --null y- csv:a.txt
reads '--columns' '{"a b":"id","c":"x"}
{"a b":"1","c":null}
{"a b":"2","c":"y"}
' --format csv --delimiter ';' --columns 'a b,c' a.txt
printf 'id,x\n' >head.csv
reads 'a header and no rows' '' head.csv
printf 'id,"a,""b"\n1,TRUE\n1e5,\342\202\254\n' >q.csv
reads 'a quoted header; no guesses about types' '{"id":"1","a,\"b":"TRUE"}
{"id":"1e5","a,\"b":"€"}
' q.csv
printf 'id,x\r1,a\r2,b\r' >mac.csv
reads 'lines that end with CR' '{"id":"1","x":"a"}
{"id":"2","x":"b"}
' mac.csv
printf 'id,x\n1,a\000b\n' >nul.csv
reads 'a NUL' '{"id":"1","x":"a\u0000b"}
' nul.csv

bad_csv() {
	printf "$2" >bad.csv
	refuses 65 "$1" "CSV: $3" retl-extract bad.csv
}
bad_csv 'bad.csv:3: 3 fields where there are 2 columns' \
	'a,b\n1,2\n1,2,3\n4,5\n' 'a field too many'
is "$(cat out)" '{"a":"1","b":"2"}' 'the rows before it are written'
bad_csv 'bad.csv:4: 1 fields' 'a,b\n"1\n",2\n3\n' 'a field too few'
bad_csv "column 2: has the name of column 1, 'a'" 'a,a\n1,2\n' 'a name twice'
bad_csv 'column 2: has no name' 'a,\n1,2\n' 'an empty name'
bad_csv 'column 2: has no name' 'a,""\n1,2\n' 'an empty name in quotes'
bad_csv "'diff_id' is reserved" 'a,diff_id\n1,2\n' 'a reserved name'
bad_csv 'bad.csv:1: the file is empty' '' 'an empty file'
bad_csv 'bad.csv:3: the quote' 'a,b\n1,2\n3,"4\n5,6\n' 'a quote never closed'
is "$(cat out)" '{"a":"1","b":"2"}' 'no row is made of the rest'
bad_csv 'bad.csv:2: a quote inside' 'a,b\n1,2"3"\n' 'a quote inside a field'
bad_csv 'bad.csv:2: a quote inside' 'a,b\n1,"2"3\n' 'text behind a quote'
bad_csv "bad.csv:3: column 'b': invalid UTF-8" 'a,b\n1,2\n3,\377\n' \
	'a value that is not UTF-8'
contains err 'convert the file first, for instance with iconv' 'and what to do'
printf 'id;name\n1;a,b\n' >semicolons.csv
exits 65 'fields between which something else stands' retl-extract semicolons.csv
contains err "semicolons.csv: the header is one column with ';' in its name: if that stands between the fields, say --delimiter ';'" \
	'are told, if the header tells them'
retl-extract --delimiter ';' semicolons.csv >out 2>err
is "$(head -n 1 out)$(cat err)" '{"id":"1","name":"a,b"}' 'and read by that'
bad_csv 'not UTF-8' 'a,\300\200\n1,2\n' 'a name that is not UTF-8'
bad_csv 'bad.csv:3: a blank line' 'a\n1\n\n2\n' 'a blank line, one column'
printf 'a\n1\n\n\n' >blank.csv
reads 'blank lines at the end of one column' '{"a":"1"}
' blank.csv
printf 'a,b\n1,"%01200d"\n' 0 >long.csv
refuses 65 'long.csv:2: the row is longer than 1024 bytes' 'a long row' \
	retl-extract --max-record 1k long.csv
awk 'BEGIN { print "a,b\n1,\"2"; for (i = 0; i < 300000; i++) print "x,y" }' \
	>open.csv
refuses 65 'open.csv:2: a field is longer' 'a quote that swallows the rest' \
	retl-extract --max-record 100k open.csv
printf 'a,b\n1,2\n3,4' >cut.csv
unsealed 'a last line without a newline' retl-extract cut.csv
is "$(wc -l <out)" 2 'its row is there'

# ---- NDJSON ----

cat >a.ndjson <<\END
{"id":9007199254740993,"x":1.10, "y":1E+2}
 {"s":"\u00e9\/\ud83d\ude00 é","o":{"b":1,"a":[ 1 ]}} 
END
reads 'NDJSON leaves as it came' "$(cat a.ndjson)
" a.ndjson
printf '{"a":1}\r\n{"a":2}' >crlf.jsonl
reads 'CRLF, and no newline at the end' '{"a":1}
{"a":2}
' crlf.jsonl
cp a.ndjson plain
reads 'what looks like JSON needs no name' "$(cat a.ndjson)
" plain
refuses 65 'line 2: byte 6: ' 'a broken line' \
	sh -c 'printf "{\"a\":1}\n{\"a\":}\n" | retl-extract -'
is "$(cat out)" '{"a":1}' 'the lines before it are written'
refuses 65 'a member name stands there twice' 'a name twice' \
	sh -c 'echo "{\"a\":1,\"\\u0061\":2}" | retl-extract -'
refuses 65 'diff_id: the name is reserved' 'a reserved name' \
	sh -c 'echo "{\"a\":1,\"diff_id\":\"x:1\"}" | retl-extract -'
echo '{"a":1,"diff_result":"DiffRemoved"}' >r.ndjson
reads 'diff_result may be there' "$(cat r.ndjson)
" r.ndjson
refuses 65 'longer than' 'a long line' \
	retl-extract --max-record 16 a.ndjson
: >empty.ndjson
unsealed 'an empty file' retl-extract empty.ndjson

# ---- seals ----

sealed a.ndjson >s.ndjson
cat s.ndjson s.ndjson >ss.ndjson
reads 'a sealed file, twice' "$(cat a.ndjson a.ndjson)
" ss.ndjson
sed 1d s.ndjson >thin.ndjson
unsealed 'a sealed file that was thinned' retl-extract thin.ndjson
contains err 'the seal counts 2 records, 1 came' 'the warning says how'
cat s.ndjson a.ndjson >more.ndjson
unsealed 'records behind the seal' retl-extract more.ndjson
{ seal 0; cat a.ndjson; } >zero.ndjson
unsealed 'records behind an empty seal' retl-extract zero.ndjson
cat s.ndjson | retl-extract - >out 2>err
cmp -s s.ndjson out
ok $? 'a sealed stream on standard input stays sealed'
unsealed 'a pipe without a seal' sh -c 'cat a.ndjson | retl-extract -'
unsealed 'a pipe with CSV' sh -c 'cat a.csv | retl-extract csv:-'
unsealed 'a pipe with an array' sh -c 'echo "[{}]" | retl-extract -'
unsealed 'one that begins with a blank line, in two pieces' \
	sh -c '{ echo; sleep 0.2; echo "[{}]"; } | retl-extract -'
mkfifo fifo
cat a.ndjson >fifo &
unsealed 'a named pipe' retl-extract ndjson:fifo
retl-extract - <a.ndjson >out
is "$(wc -l <out)" 3 'a file as standard input is a file'

# ---- values of millions of bytes, in every format ----

awk 'BEGIN { for (i = 0; i < 5000000; i++) printf "x" }' >cell
{ printf '{"id":"1","v":"'; cat cell; printf '"}\n{"id":"2","v":"y"}\n'; } >huge.ndjson
sealed huge.ndjson >wanted
{ printf 'id,v\n1,"'; cat cell; printf '"\n2,y\n'; } >huge.csv
{ printf 'id\tv\n1\t'; cat cell; printf '\n2\ty\n'; } >huge.tsv
{ echo '['; sed '1s/$/,/' huge.ndjson; echo ']'; } >huge.json
for kind in ndjson csv tsv json; do
	gzip -k huge.$kind
	for file in huge.$kind huge.$kind.gz; do
		retl-extract "$file" >out 2>err
		cmp wanted out >differ 2>&1
		ok $? "$file" "$(cat differ err)"
	done
done

# ---- JSON arrays ----

printf '\357\273\277 [ {"a" : 1.10, "b":[1,\n 2, {"c":"] , [ \\" }"} ]} ,\n{}]\n' \
	>a.json
reads 'a JSON array' '{"a":1.10,"b":[1,2,{"c":"] , [ \" }"}]}
{}
' a.json
echo ' [ ] ' >e.json
reads 'an empty array' '' e.json
cp a.ndjson lines.json
reads 'lines in a .json file' "$(cat a.ndjson)
" lines.json
bad_array() {
	printf '%s' "$2" >bad.json
	refuses 65 "$1" "array: $2" retl-extract json:bad.json
}
bad_array 'element 1: the text ends' '['
bad_array 'element 2: the text ends' '[{}'
bad_array 'element 2: the text ends' '[{},'
bad_array 'element 2: the text ends' '[{},{"a":1'
bad_array "element 2: an object expected" '[{},]'
bad_array 'element 1: an object expected' '[1]'
bad_array "element 2: ',' or ']' expected" '[{} {}]'
bad_array 'something follows the array' '[{}] x'
bad_array 'an array expected' '{}'
bad_array 'element 1: byte 2' '[{]}]'
bad_array 'element 2: byte 7' '[{},{"a":01}]'
bad_array 'element 1: the text ends' ''
awk 'BEGIN { printf "["; for (i = 0; i < 50000; i++)
	printf "%s{\"id\": %d, \"text\": \"some text to fill it\"}",
		i ? ", " : "", i; print "]" }' >big.json
retl-extract big.json >out
awk 'BEGIN { for (i = 0; i < 50000; i++)
	printf "{\"id\":%d,\"text\":\"some text to fill it\"}\n", i }' >rows
sealed rows >wanted
same wanted out 'a long array'
refuses 65 'longer than 20 bytes' 'a long element' \
	retl-extract --max-record 20 big.json

# ---- what is asked for ----

echo 'a,b' >text
refuses 64 'add --format' 'nobody tells the format' retl-extract text
refuses 64 'is not csv, tsv' 'a format that nobody has' \
	retl-extract --format xml text
refuses 64 'are for CSV' '--null with NDJSON' retl-extract --null x a.ndjson
refuses 64 'is another format' 'two formats' \
	retl-extract --format csv tsv:text
refuses 64 'takes no query' 'a query' retl-extract -q 'SELECT 1' a.csv
refuses 64 'has no dataset' 'a dataset' retl-extract a.csv customers
refuses 64 'one character' 'a long delimiter' \
	retl-extract --delimiter '||' a.csv
refuses 64 '--list: a file has no datasets' '--list' retl-extract --list a.csv
refuses 66 'No such file' 'no file' retl-extract no.csv
refuses 66 'Is a directory' 'a folder' retl-extract csv:.
printf '\377\376i\000' >utf16.csv
refuses 65 'is UTF-16' 'UTF-16' retl-extract utf16.csv
mkdir f
cp a.txt f/rows
echo '{"url":"csv:rows","settings":{"delimiter":";"},"datasets":{"all":{}}}' \
	>f/s.json
reads 'a source file for a file' '{"id":"1","x":null}
{"id":"2","x":"y"}
' -s f/s.json all
refuses 64 'there is no dataset' 'another dataset' retl-extract -s f/s.json al
retl-extract --limit 1 a.csv >out 2>err
is "$(cat out)" '{"id":"1","name":"a \"b\"\r\nc","n":" x "}' \
	'--limit cuts within a block'

printf 'a,b\n1,2\n"3"4,\n' >late.csv
retl-extract --limit 1 late.csv >out 2>err
ok $? '--limit: what follows is not looked at' "$(cat err)"

# ---- gzip and zstd ----

awk 'BEGIN { print "id,x"; for (i = 0; i < 40000; i++) print i ",text " i }' \
	>b.csv
retl-extract b.csv >wanted
gzip -c b.csv >b.csv.gz
retl-extract b.csv.gz >out
same wanted out 'gzip'
head -c 100000 b.csv | gzip -c >two.csv.gz
tail -c +100001 b.csv | gzip -c >>two.csv.gz
retl-extract two.csv.gz >out
same wanted out 'gzip of two members'
head -c 1000 /dev/zero >>two.csv.gz
retl-extract two.csv.gz >out
same wanted out 'with padding'
echo x >>two.csv.gz
refuses 65 'something follows the gzip data' 'with something behind it' \
	retl-extract two.csv.gz
head -c 20000 b.csv.gz >cut.csv.gz
refuses 65 'the gzip data is cut off' 'gzip, cut' retl-extract cut.csv.gz
head -c -4 b.csv.gz >cut.csv.gz
refuses 65 'the gzip data is cut off' 'gzip without its length' \
	retl-extract cut.csv.gz
head -c -8 b.csv.gz >crc.csv.gz
printf '\1\2\3\4\5\6\7\10' >>crc.csv.gz
refuses 65 'damaged gzip data' 'gzip with a wrong checksum' \
	retl-extract crc.csv.gz
if command -v zstd >/dev/null &&
	! retl-extract --list-sources | grep -q 'needs libzstd'; then
	zstd -q b.csv -o b.csv.zst
	retl-extract b.csv.zst >out
	same wanted out 'zstd'
	head -c 100000 b.csv | zstd -q -c >two.csv.zst
	tail -c +100001 b.csv | zstd -q -c >>two.csv.zst
	retl-extract two.csv.zst >out
	same wanted out 'zstd of two frames'
	{ printf '\120\052\115\030\003\0\0\0abc'; cat b.csv.zst; } >skip.csv.zst
	retl-extract skip.csv.zst >out
	same wanted out 'zstd that begins with a frame to skip'
	head -c 20000 b.csv.zst >cut.csv.zst
	refuses 65 'the zstd data is cut off' 'zstd, cut' \
		retl-extract cut.csv.zst
	head -c -1 b.csv.zst >cut.csv.zst
	refuses 65 'the zstd data is cut off' 'zstd without its last byte' \
		retl-extract cut.csv.zst
	echo x >>two.csv.zst
	refuses 65 'zstd data' 'zstd with something behind it' \
		retl-extract two.csv.zst
fi
gzip -c a.ndjson >a.ndjson.gz
reads 'NDJSON in gzip' "$(cat a.ndjson)
" a.ndjson.gz
gzip -c a.json | retl-extract - >out 2>err
is "$(wc -l <out)" 2 'a JSON array in gzip on standard input'
gzip -c </dev/null >none.ndjson.gz
unsealed 'nothing in gzip' retl-extract none.ndjson.gz

# ---- a file that is still being written ----

cat b.csv b.csv b.csv >grow.csv
exits 75 'a file that grows while it is read' bash -c \
	'retl-extract grow.csv | (head -c 1; echo 99999,late >>grow.csv; cat)
	exit ${PIPESTATUS[0]}'

# ---- reading fails ----

# At whichever read it happens: status 74, no seal. Leaks cannot be looked for
# under strace.
export ASAN_OPTIONS=detect_leaks=0
strace -o log true 2>err || {
	done_testing
}
head -n 9 b.csv >r.csv
gzip -c r.csv >r.csv.gz
echo '[{"a":1},{"a":2}]' >r.json
sealed a.ndjson >r.ndjson
for file in r.csv r.csv.gz r.json r.ndjson; do
	url=$file
	[ $file != r.json ] || url=json:$file
	n=0
	wrong=
	while [ $n -lt 50 ]; do
		n=$((n + 1))
		timeout 20 strace -o log -P "$work/$file" -e trace=read \
			-e inject=read:error=EIO:when=$n \
			retl-extract $url >out 2>err
		got=$?
		[ $got != 0 ] || break
		[ $got = 74 ] || wrong="$wrong read $n: status $got;"
		! grep -q "$(printf '\t')" out || wrong="$wrong read $n: sealed;"
	done
	is "$wrong" '' "$file: a read that fails is an error"
	[ $n -gt 2 ]
	ok $? "$file: $n reads were tried"
	is "$(grep -c "$(printf '^\t')" out)" 1 "$file: without, it is sealed"
	timeout 20 strace -o log -P "$work/$file" -e trace=read \
		-e inject=read:error=EINTR:when=1+2 \
		retl-extract $url >out2 2>err
	same out out2 "$file: interrupted reads are repeated"
done

done_testing

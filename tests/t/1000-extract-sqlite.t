#!/bin/sh
# retl-extract from SQLite: values byte for byte, parameters, what is refused,
# ends that do not look like ends.
. "$(dirname "$0")/../lib.sh"
command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'

# query SQL: the value of column v, as it is written, in ./out.
query() {
	retl-extract -q "$1" sqlite:t.db >raw 2>err
	sed -n '1s/^{"v":\(.*\)}$/\1/p' raw >out
}
# gives SQL JSON NAME
gives() {
	query "SELECT $1 AS v"
	is "$(cat out)" "$2" "$3"
}

sqlite3 t.db <<\END
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, price DECIMAL);
INSERT INTO customer VALUES (9007199254740993, 'Zoë', 1.5), (2, NULL, '1,10');
CREATE TABLE "a.b ""c" (x);
INSERT INTO "a.b ""c" VALUES (1);
CREATE VIEW names AS SELECT name FROM customer;
CREATE TABLE empty (id, name);
END

# Five seconds go by while the rest runs.
sqlite3 busy.db 'CREATE TABLE t (id)'
cat >lock.sql <<\END
BEGIN EXCLUSIVE;
.shell touch locked; while [ ! -e done ]; do sleep 0.1; done
COMMIT;
END
timeout 30 sqlite3 busy.db <lock.sql >log 2>&1 &
soon test -e locked
{
	retl-extract busy.db t >busy.out 2>busy.err
	echo $? >busy.status
	touch "done"
} &

# ---- values ----

gives 9223372036854775807 9223372036854775807 'the largest integer'
gives '-9223372036854775807 - 1' -9223372036854775808 'and the smallest'
gives 0 0 'zero'
gives '0.1 + 0.2' 0.30000000000000004 'a float has all digits that it needs'
gives 0.1 0.1 'and no more'
gives 12918.65 12918.65 'a price is not 12918.649999999999'
gives 100.0 100 'a whole float'
gives 123456789012345678.0 1.2345678901234568e+17 'a large float'
gives 1e15 1e+15 'an exponent from 10^15 on, as PostgreSQL writes it'
gives 999999999999999.0 999999999999999 'none below'
gives 0.0001 0.0001 'no exponent for 10^-4'
gives 0.00001 1e-05 'an exponent below'
gives 5e-324 5e-324 'the smallest float'
gives 2.2250738585072014e-308 2.2250738585072014e-308 'the smallest normal one'
gives 1.7976931348623157e308 1.7976931348623157e+308 'the largest float'
gives -1.5 -1.5 'a negative one'
gives 9007199254740993.0 9.007199254740992e+15 'what a float cannot hold'
gives NULL null 'NULL'
gives "''" '""' 'the empty string is not null'
gives "x''" '""' 'an empty blob'
gives "x'00ff10'" '"AP8Q"' 'a blob is base64'
gives "'a\"b\\c/' || char(9, 10, 13, 8, 12, 1, 127)" \
	"\"a\\\"b\\\\c/\\t\\n\\r\\b\\f\\u0001$(printf '\177')\"" \
	'what must be escaped is, and nothing else'
gives "'a' || char(0) || 'b'" '"a\u0000b"' 'a NUL in a text'
gives "'{\"a\": 1}'" '"{\"a\": 1}"' 'text that looks like JSON is text'
gives "char(0xe9, 0x20ac, 0x1f600, 0x10ffff, 0xfeff)" '"é€😀􏿿﻿"' \
	'characters of one to four bytes'

query 'SELECT 1e400 AS v, 2 AS w UNION ALL SELECT -1e400, 3'
is "$(head -n 2 raw)" '{"v":null,"w":2}
{"v":null,"w":3}' 'infinity is null'
is "$(cat err)" "retl-extract: warning: row 1: column 'v': NaN or infinite, \
which JSON does not have: null is written, here and from now on" \
	'with one warning'

# Every float reads back as it was: mantissa and exponent tell what it was.
awk 'BEGIN { srand(42)
	print "CREATE TABLE f (m INTEGER, e INTEGER, v REAL);"
	for (i = 0; i < 3000; i++) {
		m = int(rand() * 2 ^ 27) * 2 ^ 25 + int(rand() * 2 ^ 25)
		e = int(rand() * 1900) - 1000
		printf "INSERT INTO f VALUES (%d, %d, ieee754(%d, %d));\n", m, e, m, e
	} }' | sqlite3 f.db
retl-extract f.db f | tr -d '{}"' | tr ':' ',' |
	awk -F, 'NF > 1 && $6 + 0 != $2 * 2 ^ $4 { print } NF > 1 { n++ }
	END { print n }' >out
is "$(cat out)" 3000 '3000 floats read back as they were'

# ---- rows and seals ----

retl-extract sqlite:t.db customer >out 2>err
ok $? 'a table'
cat >rows <<\END
{"id":2,"name":null,"price":"1,10"}
{"id":9007199254740993,"name":"Zoë","price":1.5}
END
sealed rows >wanted
same wanted out 'gives its rows and the seal'
is "$(cat err)" '' 'in silence'
retl-extract t.db customer >out2
same out out2 'a file that is an SQLite database needs no scheme'
retl-extract t.db names >out
is "$(head -n 1 out)" '{"name":null}' 'a view'
retl-extract t.db empty >out
seal 0 >wanted
same wanted out 'no rows are sealed too'
retl-extract t.db main.customer >out
same out2 out 'a schema before the name'
retl-extract t.db '"a.b ""c"' >out
is "$(head -n 1 out)" '{"x":1}' 'a name with a dot and a quote, quoted'
exits 64 'half a quoted name' retl-extract t.db '"a'
exits 78 'a table that is not there' retl-extract t.db 'x; DROP TABLE customer'
exits 64 'a quote in a name' retl-extract t.db 'x"; DROP TABLE customer'
exits 0 '--list' retl-extract --list sqlite:t.db
is "$(cat out)" '"a.b ""c"
customer
empty
names' '--list gives names as they can be used'
retl-extract --limit 1 t.db customer >out 2>err
is "$(cat out)" '{"id":2,"name":null,"price":"1,10"}' '--limit does not seal'
retl-extract --limit 99 t.db customer >out
is "$(wc -l <out)" 2 'even where it changes nothing'
retl-extract --limit 0 t.db customer >out
is "$(wc -c <out)" 0 '--limit 0'
retl-extract --wide-numbers=string -q \
	'SELECT 9007199254740991 a, 9007199254740992 b, -9007199254740992 c' \
	t.db >out
is "$(head -n 1 out)" \
	'{"a":9007199254740991,"b":"9007199254740992","c":"-9007199254740992"}' \
	'--wide-numbers=string'
echo 'SELECT id FROM customer WHERE id < 3; -- the first' >q.sql
retl-extract -f q.sql t.db >out
is "$(head -n 1 out)" '{"id":2}' 'a query from a file, with a comment behind it'

retl-extract -q "SELECT 1 AS id, replace(hex(zeroblob(1500000)), '00', 'é') AS v
	UNION ALL SELECT 2, zeroblob(3000000) UNION ALL SELECT 3, ''" t.db >out
{
	awk 'BEGIN { printf "{\"id\":1,\"v\":\""; for (i = 0; i < 1500000; i++) printf "é"
		printf "\"}\n{\"id\":2,\"v\":\""; for (i = 0; i < 4000000; i++) printf "A"
		print "\"}\n{\"id\":3,\"v\":\"\"}" }'
	seal 3
} >wanted
cmp wanted out >differ 2>&1
ok $? 'values of millions of bytes' "$(cat differ)"

# ---- parameters ----

bound() {
	want=$1 name=$2 sql=$3
	shift 3
	retl-extract -q "$sql" "$@" t.db >out 2>err
	is "$(grep -c '^{' out)" "$want" "$name"
}
bound 1 'a number finds an INTEGER column' \
	'SELECT 1 FROM customer WHERE id = :id' -p id=2
bound 1 'and an expression' \
	'SELECT 1 FROM customer WHERE id * 2 = :id' -p id=4
bound 1 'and LIMIT' 'SELECT 1 FROM customer LIMIT :n' -p n=1
bound 1 'an id beyond 2^53 is bound exactly' \
	'SELECT 1 FROM customer WHERE id = :id' -p id=9007199254740993
bound 1 'a decimal' 'SELECT 1 WHERE 0.25 = :x' -p x=0.25
bound 1 'what is no number is text' \
	"SELECT 1 WHERE '2024-01-01' = :since" -p since=2024-01-01
bound 1 'zeros in front make a text' "SELECT 1 WHERE '007' = :x" -p x=007
bound 1 'a cast makes one' "SELECT 1 WHERE '7' = CAST(:x AS TEXT)" -p x=7
bound 0 'a value is not SQL' \
	'SELECT 1 FROM customer WHERE name = :x' -p "x=' OR '1'='1"
bound 1 'a value may have = and be empty' \
	"SELECT 1 WHERE :a = 'b=c' AND :d = ''" -p a=b=c -p d=
exits 64 'a parameter without a value' retl-extract -q 'SELECT :a x' t.db
contains err 'the query needs -p a=VALUE' 'the message says which'
exits 64 'a value without a parameter' \
	retl-extract -q 'SELECT :a x' -p a=1 -p b=2 t.db
contains err '-p b: the query has no :b' 'the message says which'
exits 64 'a value given twice' retl-extract -q 'SELECT :a x' -p a=1 -p a=2 t.db
exits 64 'a parameter without =' retl-extract -q 'SELECT :a x' -p a t.db
exits 64 'a parameter for a table' retl-extract -p a=1 t.db customer
exits 78 'a parameter without a name' retl-extract -q 'SELECT ? x' t.db

# ---- what is refused ----

cp t.db before.db
exits 78 'two statements' retl-extract -q 'SELECT 1 x; DROP TABLE customer' t.db
exits 78 'a statement that writes' retl-extract -q 'DELETE FROM customer' t.db
exits 78 'one that writes and returns' \
	retl-extract -q 'DELETE FROM customer RETURNING id' t.db
exits 78 'a statement without rows' \
	retl-extract -q "ATTACH 'new.db' AS n" t.db
[ ! -e new.db ]
ok $? 'is not run'
same before.db t.db 'the database is as it was'
exits 78 'SQL that does not compile' retl-extract -q 'SELEC 1' t.db
exits 78 'nor does that which SQLite calls a changed schema' \
	retl-extract -q 'SELECT 1 a, x"00ff" c' t.db
contains err 'query: near "c": syntax error' 'what is wrong is told'
exits 78 'an empty query' retl-extract -q ' -- nothing' t.db
exits 65 'two columns of one name' retl-extract -q 'SELECT 1 a, 2 a' t.db
is "$(wc -c <out)" 0 'nothing is written then'
contains err "column 2: has the name of column 1, 'a'" 'the message says which'
exits 65 'a column without a name' retl-extract -q 'SELECT 1 AS ""' t.db
exits 65 'a reserved name' retl-extract -q 'SELECT 1 AS diff_id' t.db
exits 0 'but diff_result may be there' \
	retl-extract -q "SELECT 1 AS id, 'DiffAdded' AS diff_result" t.db
exits 65 'text that is not UTF-8' retl-extract -q \
	"SELECT 1 id, 'ok' name UNION ALL SELECT 2, CAST(x'61ff' AS TEXT)" t.db
is "$(cat out)" '{"id":1,"name":"ok"}' \
	'the rows before it are written, unsealed'
is "$(cat err)" "retl-extract: error: row 2: column 'name': the text is not \
UTF-8" 'row and column are named'
for bytes in c080 eda080 f4908080 e28280c3 80 f0808080; do
	exits 65 "x'$bytes' is not UTF-8" retl-extract \
		-q "SELECT CAST(x'$bytes' AS TEXT) x" t.db
done
exits 65 'an error in mid-stream' retl-extract -q \
	"SELECT json(value) x FROM json_each('[\"1\", \"2\", \"{\"]')" t.db
is "$(cat out)" '{"x":"1"}
{"x":"2"}' 'is no end: there is no seal'
exits 65 'a row longer than --max-record' \
	retl-extract --max-record 1k -q 'SELECT hex(zeroblob(600)) x' t.db
is "$(wc -c <out)" 0 'nothing of it is written'

exits 66 'a database that is not there' retl-extract sqlite:no.db customer
[ ! -e no.db ]
ok $? 'is not made'
echo 'this is no database, only a text of some length' >text
exits 65 'a file that is no database' retl-extract sqlite:text customer
cp t.db broken.db
dd if=/dev/zero of=broken.db bs=1 seek=100 count=900 conv=notrunc 2>err
exits 65 'a broken database' retl-extract sqlite:broken.db customer
exits 64 'a database without a query' retl-extract t.db
exits 64 'a query and a table' retl-extract -q 'SELECT 1 x' t.db customer
exits 64 '-q and -f' retl-extract -q 'SELECT 1 x' -f q.sql t.db
exits 66 'a query file that is not there' retl-extract -f no.sql t.db
exits 64 '--format for a database' retl-extract --format csv t.db customer
exits 64 'nothing at all' retl-extract
exits 64 'too much' retl-extract t.db customer names
exits 64 'a source that nobody has' retl-extract nosuch:x
exits 64 '--wide-numbers=float' retl-extract --wide-numbers=float t.db names

exits 0 'a closed standard error' sh -c 'retl-extract t.db customer 2>&-'
is "$(wc -l <out)" 3 'harms nothing'
exits 74 'a closed standard input' sh -c 'retl-extract - <&- '

# ---- a database in use ----

sqlite3 wal.db "PRAGMA journal_mode = WAL; CREATE TABLE t (id);
	INSERT INTO t VALUES (1), (2)" >log
retl-extract wal.db t >out
is "$(wc -l <out)" 3 'a database in WAL mode'
mkdir closed
cp wal.db closed/
chmod 500 closed
# shellcheck disable=SC2086
exits 77 'one in a folder that may not be written to' \
	$unprivileged retl-extract closed/wal.db t
contains err 'closed/wal.db: in WAL mode, and its folder may not be written to' \
	'tells what is in the way'
chmod 700 closed
chmod 000 closed/wal.db
# shellcheck disable=SC2086
exits 66 'one that may not be read' $unprivileged retl-extract sqlite:closed/wal.db t
is "$(cat err)" 'retl-extract: error: closed/wal.db: Permission denied' 'says so'
exits 66 'a folder' retl-extract sqlite:closed t
is "$(cat err)" 'retl-extract: error: closed: Is a directory' 'says so'
exits 66 'one that is not there' retl-extract sqlite:nowhere.db t
is "$(cat err)" 'retl-extract: error: nowhere.db: No such file or directory' 'says so'
sqlite3 hot.db 'CREATE TABLE t (id, v); WITH RECURSIVE c (i) AS
	(SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000)
	INSERT INTO t SELECT i, hex(randomblob(50)) FROM c'
sqlite3 hot.db <<\END
PRAGMA cache_size = 5;
BEGIN;
UPDATE t SET v = hex(randomblob(50));
.shell cp hot.db cut.db; cp hot.db-journal cut.db-journal
ROLLBACK;
END
exits 77 'a transaction that was cut off is not rolled back here' \
	retl-extract cut.db t
contains err 'a transaction on it was cut off' 'but told'
sqlite3 cut.db .tables >log
exits 0 'and who may write does it' retl-extract cut.db t
wait
is "$(cat busy.status)" 75 'a database that stays locked for five seconds'
contains busy.err 'database is locked' 'the message says so'

# ---- source files ----

mkdir sources
cp t.db sources/shop.db
echo 'SELECT id FROM customer WHERE id > :min' >sources/big.sql
cat >sources/shop.json <<\END
{"url": "sqlite:shop.db", "datasets": {
	"big": {"query_file": "big.sql"},
	"one": {"query": "SELECT 1 AS x"},
	"empty": {}}}
END
retl-extract -s sources/shop.json -p min=2 big >out
is "$(head -n 1 out)" '{"id":9007199254740993}' \
	'a dataset, its files beside the source file'
retl-extract -s sources/shop.json one >out
is "$(head -n 1 out)" '{"x":1}' 'a query in the source file'
retl-extract -s sources/shop.json empty >out
seal 0 >wanted
same wanted out 'without a query it is the table of that name'
retl-extract -s sources/shop.json -q 'SELECT 2 AS y' >out
is "$(head -n 1 out)" '{"y":2}' 'a query of the moment'
exits 0 '--list of a source file' retl-extract --list -s sources/shop.json
is "$(cat out)" 'big
one
empty' 'gives the datasets'
exits 64 'a dataset that is not there' retl-extract -s sources/shop.json bog
contains err 'it has: big, one, empty' 'the message tells which there are'
exits 64 'no dataset' retl-extract -s sources/shop.json
is "$(head -n 1 err)" \
	'retl-extract: error: which dataset? (--list shows those of sources/shop.json)' \
	'which they are is easily seen'
exits 66 'no source file' retl-extract -s sources/nosuch.json big
bad() {
	echo "$2" >bad.json
	exits 78 "source file: $1" retl-extract -s bad.json a
}
bad 'no JSON' '{"url"'
bad 'no object' '[]'
bad 'no url' '{"datasets":{}}'
bad 'no datasets' '{"url":"t.db"}'
bad 'an unknown member' '{"url":"t.db","datasets":{"a":{}},"querys":1}'
bad 'an unknown member of a dataset' '{"url":"t.db","datasets":{"a":{"sql":"x"}}}'
bad 'an unknown setting' '{"url":"t.db","settings":{"x":"1"},"datasets":{"a":{}}}'
bad 'a name twice' '{"url":"t.db","datasets":{"a":{},"a":{}}}'
bad 'query and query_file' \
	'{"url":"t.db","datasets":{"a":{"query":"","query_file":""}}}'
bad 'a source that nobody has' '{"url":"nosuch:x","datasets":{"a":{}}}'
bad 'a setting that is wrong' \
	'{"url":"x.csv","settings":{"delimiter":"ab"},"datasets":{"a":{}}}'
bad 'a setting that is no string' \
	'{"url":"x.csv","settings":{"delimiter":1},"datasets":{"a":{}}}'
bad 'a query that is no string' '{"url":"t.db","datasets":{"a":{"query":1}}}'

done_testing

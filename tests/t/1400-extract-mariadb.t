#!/bin/sh
# retl-extract from MariaDB: values, sessions, options, what is refused, and
# results that break off.
# shellcheck disable=SC2016,SC1003
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mariadb.sh"
. "$top/tests/sqlopts.sh"

# gives EXPRESSION JSON NAME
gives() {
	retl-extract -q "SELECT $1 AS v" "$db" >raw 2>err
	is "$(sed -n '1s/^{"v":\(.*\)}$/\1/p' raw)" "$2" "${3:-$1}"
}

# ---- values ----

sql <<\END
SET sql_mode = '', time_zone = '+05:00';
CREATE TABLE v (
	i8 BIGINT, u8 BIGINT UNSIGNED, i1 TINYINT, u1 TINYINT UNSIGNED,
	i2 SMALLINT, u2 SMALLINT UNSIGNED, i3 MEDIUMINT, u3 MEDIUMINT UNSIGNED,
	i4 INT, u4 INT UNSIGNED, y YEAR, b BOOLEAN, d DECIMAL(38,10),
	z DECIMAL(8,2) ZEROFILL, f FLOAT, g DOUBLE, d1 DATE, dt DATETIME(6),
	ts TIMESTAMP(3) NULL, t TIME(6), bits BIT(12), bit64 BIT(64),
	c CHAR(5), vc VARCHAR(20) CHARACTER SET latin1, tx LONGTEXT, js JSON,
	bin VARBINARY(9), bl BLOB, e ENUM('x', 'é'), s SET('p', 'q'),
	geo POINT, id UUID, ip INET6) CHARACTER SET utf8mb4;
INSERT INTO v VALUES (
	-9223372036854775808, 18446744073709551615, -128, 255, -32768, 65535,
	-8388608, 16777215, -2147483648, 4294967295, 2024, TRUE,
	'1234567890123456789012345678.1000000000', 1.5, 0.1,
	0.30000000000000004, '2024-02-29', '2024-01-31 23:59:59.000100',
	'2024-01-31 12:00:00.500', '-838:59:58.25', b'100000000001',
	b'1111111111111111111111111111111111111111111111111111111111111111',
	'x', 'é', 'a"b\\c\n😀', '{"a": 1.10,  "b":[1]}', x'00ff10', x'', 'é',
	'p,q', POINT(1, 2), 'a3f0c000-0000-4000-8000-000000000001', '::1');
INSERT INTO v () VALUES ();
INSERT INTO v (d1, dt, t, f, i8, d) VALUES
	('0000-00-00', '2024-00-15', '00:00:00', -1.5e-30, 0, 0);
END
cat >wanted <<'END'
{"i8":-9223372036854775808,"u8":18446744073709551615,"i1":-128,"u1":255,"i2":-32768,"u2":65535,"i3":-8388608,"u3":16777215,"i4":-2147483648,"u4":4294967295,"y":2024,"b":1,"d":1234567890123456789012345678.1000000000,"z":1.50,"f":0.1,"g":0.30000000000000004,"d1":"2024-02-29","dt":"2024-01-31T23:59:59.0001","ts":"2024-01-31T07:00:00.5Z","t":"-838:59:58.25","bits":2049,"bit64":18446744073709551615,"c":"x","vc":"é","tx":"a\"b\\c\n😀","js":{"a":1.10,"b":[1]},"bin":"AP8Q","bl":"","e":"é","s":"p,q","geo":"AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA==","id":"a3f0c000-0000-4000-8000-000000000001","ip":"::1"}
END
retl-extract "$db" v >out 2>err
ok $? 'a table of all types' "$(cat err)"
head -n 1 out >first
same wanted first 'each value exactly'
is "$(sed -n 2p out | grep -o null | wc -l)" 33 'NULLs are null'
contains err "row 3: column 'd1': a date with a zero" 'a zero date is null'
is "$(sed -n 3p out | grep -o '"[dift0-9]*":[^,]*' | grep -v null | tr '\n' ' ')" \
	'"i8":0 "d":0.0000000000 "f":-1.5e-30 "t":"00:00:00" ' \
	'and zeros are zeros'
is "$(tail -n 1 out)" "$(seal 3)" 'and the seal'
gives 9007199254740993 9007199254740993
gives 1.10 1.10 'a decimal keeps its zero'
gives 1e0 1
gives NULL null
gives "''" '""'
gives 'TRUE' 1
gives "x'41'" '"QQ=="'
gives "TIMESTAMP '2024-01-31 00:00:00'" '"2024-01-31T00:00:00"'
gives '@@time_zone' '"+00:00"' 'the session is in UTC'
gives '@@tx_isolation' '"REPEATABLE-READ"' 'on one snapshot'
gives 'CHAR(0 USING utf8mb4)' '"\u0000"' 'a NUL'
gives "CONVERT(0xf09f9880 USING utf8mb4)" '"😀"'
retl-extract -q "SELECT REPEAT('é', 3000000) AS v" "$db" >out
is "$(wc -c <out)" $((6000000 + 12)) 'a value of 6 MB'
gives "JSON_EXTRACT('[1, 2]', '\$[1]')" 2 'what says that it is JSON'

retl-extract -q 'SELECT seq AS id, REPEAT(CHAR(97 + seq % 26 USING utf8mb4), IF(seq % 500, seq % 20, 3000)) AS t,
	IF(seq % 3, NULL, seq / 4) AS d FROM seq_1_to_100000' "$db" >out 2>err
is "$(tail -n 1 out)" "$(seal 100000)" '100000 rows'
is "$(sed -n 's/^{"id":\([0-9]*\),.*/\1/p' out | cksum)" "$(seq 100000 | cksum)" \
	'each of them'
is "$(awk -F '"' '{ n += length($6) } END { print n }' out)" \
	"$(awk 'BEGIN { for (i = 1; i <= 100000; i++)
		n += i % 500 ? i % 20 : 3000
	print n }')" 'with texts that outgrow their room'
retl-extract -q 'SELECT 1 AS a FROM seq_1_to_3 WHERE seq > 5' "$db" >out
seal 0 >none
same none out 'no rows'
retl-extract -q 'SELECT seq, SLEEP(0) FROM seq_1_to_100000000' --limit 2 \
	"$db" >out
is "$(wc -l <out)" 2 '--limit does not read the rest'
retl-extract -q "SELECT 1 AS id, REPEAT('é', 500) AS v, NULL AS b
	UNION ALL SELECT 2, REPEAT('é', 1500000), REPEAT(x'00', 3000000)
	UNION ALL SELECT 3, NULL, x'00' UNION ALL SELECT 4, REPEAT('é', 1000000), NULL
	UNION ALL SELECT 5, 'x', ''" "$db" >out 2>err
{
	awk 'function e(n) { while (n--) printf "é" }
	BEGIN { printf "{\"id\":1,\"v\":\""; e(500)
		printf "\",\"b\":null}\n{\"id\":2,\"v\":\""; e(1500000)
		printf "\",\"b\":\""; for (i = 0; i < 4000000; i++) printf "A"
		printf "\"}\n{\"id\":3,\"v\":null,\"b\":\"AA==\"}\n{\"id\":4,\"v\":\""; e(1000000)
		print "\",\"b\":null}\n{\"id\":5,\"v\":\"x\",\"b\":\"\"}" }'
	seal 5
} >wanted
cmp wanted out >differ 2>&1
ok $? 'values of millions of bytes among others' "$(cat differ err)"
sql -e 'SET GLOBAL sql_select_limit = 5, GLOBAL group_concat_max_len = 1000'
retl-extract -q 'SELECT seq FROM seq_1_to_1000' "$db" >out
is "$(tail -n 1 out)" "$(seal 1000)" 'all rows, whatever limit the server sets'
retl-extract -q 'SELECT GROUP_CONCAT(seq) AS v FROM seq_1_to_20000' "$db" >out
is "$(head -n 1 out)" "{\"v\":\"$(seq -s, 20000)\"}" 'and all of a text that it would cut'
sql -e 'SET GLOBAL sql_select_limit = DEFAULT, GLOBAL group_concat_max_len = DEFAULT'

# ---- datasets and parameters ----

sql -e 'CREATE DATABASE sales; CREATE TABLE sales.`a.b "``c` (x INT);
	CREATE TABLE customer (id BIGINT PRIMARY KEY, code VARCHAR(9), day DATE);
	INSERT INTO customer VALUES (9007199254740993, "007", "2024-01-02"),
		(9007199254740992, "7", "2024-01-01")'
retl-extract "mariadb://root@127.0.0.1:$port" 'sales."a.b ""`c"' >out 2>err
same none out 'a name in quotes'
exits 0 '--list' retl-extract --list "$db"
is "$(cat out)" 'customer
v' 'of a database'
exits 0 '--list without one' retl-extract --list "mysql://root@127.0.0.1:$port"
is "$(head -n 1 out)" 'sales."a.b ""`c"' 'gives names as they can be used'
# bound N NAME SQL WORDS...
bound() {
	want=$1 name=$2 query=$3
	shift 3
	retl-extract -q "$query" "$@" "$db" >out 2>err
	is "$(grep -c '^{' out)" "$want" "$name" "$(cat err)"
}
bound 1 'a parameter beside a bigint, exactly' \
	'SELECT 1 FROM customer WHERE id = :id' -p id=9007199254740993
bound 1 'beside a text that looks like a number' \
	'SELECT 1 FROM customer WHERE code = :c' -p c=7
bound 1 'beside a date' 'SELECT 1 FROM customer WHERE day > :d' -p d=2024-01-01
bound 0 'a value is not SQL' \
	'SELECT 1 FROM customer WHERE code = :c' -p "c=' OR 1=1 -- "
bound 2 'twice' 'SELECT :a FROM customer WHERE :a = :b' -p a=1 -p b=1
bound 1 'in LIMIT' 'SELECT 1 FROM customer LIMIT :n' -p n=1
bound 1 'strings and comments are left alone' "SELECT ':x' a, 'it''s \\' :x' b,
	\":x\" c, :x d -- :x
	# :x
	FROM customer /* :x */ LIMIT 1;" -p x=1
exits 64 'a parameter without a value' retl-extract -q 'SELECT :a' "$db"
exits 64 'a value without a parameter' retl-extract -q 'SELECT 1' -p a=1 "$db"
exits 78 'a parameter without a name' retl-extract -q 'SELECT ? a' "$db"

exits 141 'a reader that goes away ends it by SIGPIPE' bash -c \
	'retl-extract -q "SELECT seq FROM seq_1_to_1000000" "$1" | head -n 1
	exit ${PIPESTATUS[0]}' - "$db"
is "$(cat err)" '' 'quietly, though libmariadb turns that signal off'

# ---- the key, shards, cursors, columns ----

keys_sql mysql | sql
sql -e 'ALTER TABLE key_rows MODIFY t VARCHAR(60) COLLATE utf8mb4_unicode_ci'
sql_options "$db" :cursor
sql -e 'CREATE TABLE zeros (v DOUBLE); INSERT INTO zeros VALUES (0), (-0e0)'
one_zero "$db" 'SELECT v FROM zeros'
sql -e 'ALTER TABLE zeros MODIFY v FLOAT'
one_zero "$db" 'SELECT v FROM zeros'
ordered() {
	retl-extract -k v -q "$2" "$db" >out 2>err
	retl-sort -c -k v <out 2>>err
	ok $? "-k of $1" "$(cat err)"
}
ordered enum "SELECT CAST(e AS CHAR) v FROM v WHERE e IS NOT NULL"
ordered datetime "SELECT CAST(x AS DATETIME(6)) v FROM (
	SELECT '2024-01-01 10:00:00.5' x UNION SELECT '2024-01-01 10:00:00') y"
sql -e "CREATE TABLE long_rows (b BLOB, t TEXT);
	INSERT INTO long_rows SELECT UNHEX(REPEAT(MD5(seq), 9)),
		CONCAT(REPEAT('x', 5000), MD5(seq)) FROM seq_1_to_99"
ordered binary 'SELECT b AS v FROM long_rows'
ordered 'texts that begin alike' 'SELECT t AS v FROM long_rows'
ordered 'bits' "SELECT bits v FROM v WHERE bits IS NOT NULL"
exits 78 '-k of a time' retl-extract -k t -q 'SELECT t FROM v' "$db"
retl-extract --cursor ts=since -q 'SELECT ts FROM v WHERE ts >= :cursor' \
	"$db" 2>err
echo 2024-01-01T00:00:00Z >since
for i in 1 2; do
	retl-extract --cursor ts=since -q 'SELECT ts FROM v WHERE ts >= :cursor' \
		"$db" >out 2>err
	is "$(cat out)" '{"ts":"2024-01-31T07:00:00.5Z"}' "a timestamp as cursor, $i"
	mv since.next since
done
exits 0 '--schema' retl-extract --schema "$db" v
grep -E '"(u8|d|f|ts|js|bin|e)":' out >types
cat >wanted <<\END
    "u8": {"type": ["integer", "null"], "$comment": "bigint unsigned"},
    "d": {"type": ["number", "null"], "$comment": "decimal"},
    "f": {"type": ["number", "null"], "$comment": "float"},
    "ts": {"type": ["string", "null"], "format": "date-time", "$comment": "timestamp(6)"},
    "js": {"$comment": "json"},
    "bin": {"type": ["string", "null"], "contentEncoding": "base64", "$comment": "binary"},
    "e": {"type": ["string", "null"], "$comment": "enum"},
END
same wanted types 'names types'

# ---- what is refused ----

exits 78 'a statement that writes' \
	retl-extract -q 'DELETE FROM customer RETURNING id' "$db"
exits 78 'one that writes a file' \
	retl-extract -q "SELECT 1 INTO OUTFILE '$work/stolen'" "$db"
[ ! -e stolen ]
ok $? 'is not run'
is "$(sql -e 'SELECT count(*) FROM customer')" 2 'the table is as it was'
exits 78 'two statements' retl-extract -q 'SELECT 1; SELECT 2' "$db"
exits 78 'a statement without rows' retl-extract -q 'COMMIT' "$db"
exits 78 'SQL that does not compile' retl-extract -q 'SELEC 1' "$db"
exits 78 'a table that is not there' retl-extract "$db" nosuch
exits 78 'a database that is not there' \
	retl-extract "mysql://root@127.0.0.1:$port/nosuch" x
exits 65 'two columns of one name' retl-extract -q 'SELECT 1 a, 2 a' "$db"
exits 65 'a row longer than --max-record' \
	retl-extract --max-record 1k -q "SELECT REPEAT('x', 2000) x" "$db"
exits 65 'an error behind rows' retl-extract -q 'SELECT IF(seq < 9, seq,
	(SELECT 1 UNION SELECT 2)) x FROM seq_1_to_20' "$db"
lacks out "$(printf '\t')" 'is no end'
exits 75 'a statement timeout' retl-extract \
	-q 'SET STATEMENT max_statement_time = 0.2 FOR SELECT SLEEP(9) x' "$db"
exits 64 'an option of the URL that nobody knows' \
	retl-extract "$db?ssl-mod=required" customer

sql -e 'CREATE USER secretive@localhost IDENTIFIED BY "hunter2hunter2";
	CREATE USER other@localhost'
url=mysql://secretive@127.0.0.1:$port/test
exits 77 'a password is missing' retl-extract "$url" customer
MYSQL_PWD=wrongwrong exits 77 'a password is wrong' retl-extract "$url" customer
lacks err wrongwrong 'the message does not show it'
sql -e 'ALTER USER secretive@localhost PASSWORD EXPIRE'
MYSQL_PWD=hunter2hunter2 exits 77 'a password that has expired' \
	retl-extract "$url" customer
sql -e 'SET PASSWORD FOR secretive@localhost = PASSWORD("hunter2hunter2")'
MYSQL_PWD=hunter2hunter2 exits 77 'a database that one may not read' \
	retl-extract "$url" customer
sql -e 'GRANT SELECT ON test.v TO secretive@localhost'
MYSQL_PWD=hunter2hunter2 exits 77 'a table that one may not read' \
	retl-extract "$url" customer
MYSQL_PWD=hunter2hunter2 exits 0 'a password in MYSQL_PWD' \
	retl-extract "$url" v
printf '[client]\npassword=hunter2hunter2\n' >.my.cnf
exits 0 'a password in ~/.my.cnf' retl-extract "$url" v
rm .my.cnf
sql -e 'ALTER USER secretive@localhost WITH MAX_QUERIES_PER_HOUR 1'
MYSQL_PWD=hunter2hunter2 exits 75 'more questions than are allowed' \
	retl-extract "$url" v
sql -e 'ALTER USER secretive@localhost WITH MAX_QUERIES_PER_HOUR 0'
exits 64 'a password in the URL' \
	retl-extract "mysql://secretive:hunter2hunter2@127.0.0.1:$port/test" v
lacks err hunter2 'is refused, and not shown'
exits 64 'in another place' retl-extract "$db?password=hunter2hunter2" v
lacks err hunter2 'and not shown either'
exits 69 'nobody listens' retl-extract mysql://root@127.0.0.1:1/test x

# ---- TLS ----

gives_cipher() {
	retl-extract -q 'SELECT VARIABLE_VALUE <> "" c
		FROM information_schema.session_status
		WHERE VARIABLE_NAME = "ssl_cipher"' "$1" >out 2>err
	echo $? "$(head -n 1 out)"
}
is "$(gives_cipher "$db?ssl-mode=required")" '0 {"c":1}' 'TLS if asked for'
is "$(gives_cipher "$db")" '0 {"c":0}' 'none on this machine otherwise'
exits 69 'a certificate that nobody vouches for' \
	retl-extract "$db?ssl-mode=verify_identity" customer
is "$(gives_cipher "$db?ssl-mode=verify_identity&ssl-ca=$work/tls/cert.pem")" \
	'0 {"c":1}' 'the right one'
exits 0 'by --cacert' retl-extract --cacert tls/cert.pem "$db" customer
exits 69 'one for another name' retl-extract --cacert tls/cert.pem \
	"mysql://root@127.0.0.2:$port/test" customer
contains err certificate 'the message says so'

# ---- results that break off ----

# The server sends 16 KiB at once, and looks then whether anybody listens.
slow="SELECT seq AS id, SLEEP(0.001) s, REPEAT('x', 2000) t FROM seq_1_to_600000"
idle() {
	[ "$(sql -Ne "SELECT count(*) FROM information_schema.processlist
		WHERE info LIKE '%SLEEP(50)%' AND id <> connection_id()")" = 0 ]
}
leaves "$db" "SELECT seq AS id, REPEAT('x', 1000) AS t FROM seq_1_to_60
	UNION ALL SELECT 0, SLEEP(50)" idle
running="SELECT max(id) FROM information_schema.processlist
	WHERE info LIKE '%600000%' AND id <> connection_id()"
for how in terminate interrupt kill; do
	: >slow.out
	timeout 60 perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' \
		retl-extract -q "$slow" "$db" >slow.out 2>slow.err &
	pid=$!
	soon eval "grep -qs '\"id\":5,' slow.out"
	case $how in
	terminate) sql -e "KILL $(sql -e "$running")" ;;
	kill) kill -9 "$server_pid" ;;
	interrupt) kill -INT $pid ;;
	esac
	wait $pid
	got=$?
	grep -q '"id":5,' slow.out
	ok $? "$how: rows had come"
	lacks slow.out "$(printf '\t')" "$how: no seal"
	if [ $how = interrupt ]; then
		[ $got -gt 128 ]
		ok $? 'interrupt: ended by the signal'
		is "$(cat slow.err)" '' 'in silence'
	else
		is $got 75 "$how: try again later"
		is "$(wc -l <slow.err)" 1 "$how: one line says so"
	fi
	[ $how = kill ] || soon eval "[ \"\$(sql -e \"$running\")\" = NULL ]"
	[ $how = kill ] || is "$(sql -e "$running")" NULL \
		"$how: the server has stopped too"
done

done_testing

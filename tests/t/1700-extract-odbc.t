#!/bin/sh
# retl-extract through ODBC, with three drivers: SQLite, PostgreSQL, MariaDB.
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"
. "$top/tests/sqlopts.sh"

! retl-extract --list-sources | grep -q '^odbc.*needs' ||
	skip_all 'built without unixODBC'
command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
drivers=$(echo /usr/lib/*-linux-gnu/odbc)
[ -e "$drivers/libsqlite3odbc.so" ] || skip_all 'libsqliteodbc is not installed'
cat >odbcinst.ini <<END
[SQLite3]
Driver=$drivers/libsqlite3odbc.so
[PG]
Driver=$drivers/psqlodbcw.so
[Maria]
Driver=$drivers/libmaodbc.so
END
cat >odbc.ini <<END
[shop]
Driver=SQLite3
Database=$work/t.db
END
export ODBCSYSINI="$work" ODBCINI="$work/odbc.ini" LC_ALL=C.UTF-8
# Drivers lose memory of their own, which a sanitizer build would report.
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}"

# ---- SQLite ----

sqlite3 t.db <<\END
CREATE TABLE t (id INTEGER, big BIGINT, name VARCHAR(40), d DOUBLE, doc TEXT,
	raw BLOB, day DATE);
INSERT INTO t VALUES (1, 9007199254740993, 'Zoë 😀', 0.5, 'a"b', x'00ff10',
	'2024-02-29'), (2, -9223372036854775808, NULL, NULL, '', NULL, NULL);
CREATE TABLE plain (id BIGINT, d DOUBLE);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
	INSERT INTO plain SELECT i, i / 4.0 FROM n;
CREATE TABLE long (doc TEXT);
INSERT INTO long VALUES (replace(hex(zeroblob(1500000)), '00', 'é'));
END
cat >rows <<\END
{"id":1,"big":9007199254740993,"name":"Zoë 😀","d":0.5,"doc":"a\"b","raw":"AP8Q","day":"2024-02-29"}
{"id":2,"big":-9223372036854775808,"name":null,"d":null,"doc":"","raw":null,"day":null}
END
sealed rows >wanted
retl-extract odbc:shop t >out 2>err
ok $? 'a data source of odbc.ini' "$(cat err)"
same wanted out 'its rows, sealed'
retl-extract "odbc:Driver=SQLite3;Database=$work/t.db" t >out2
same wanted out2 'a connection string'
retl-extract odbc:shop plain >out 2>err
is "$(tail -n 1 out)" "$(seal 100000)" '100000 rows, many at a time' "$(cat err)"
is "$(sed -n 's/^{"id":\([0-9]*\),"d":\([0-9.]*\)}$/\1 \2/p' out | cksum)" \
	"$(awk 'BEGIN { for (i = 1; i <= 100000; i++) printf "%d %.10g\n", i, i / 4 }' | cksum)" \
	'each of them'
retl-extract odbc:shop long >out
is "$(wc -c <out)" $((3000000 + 14)) 'a value of 3 MB comes in pieces'
retl-extract -q 'SELECT 1 AS a WHERE 0' odbc:shop >out
seal 0 >none
same none out 'no rows'
retl-extract -q 'SELECT id FROM t WHERE name = :n' -p 'n=Zoë 😀' odbc:shop >out
is "$(head -n 1 out)" '{"id":1}' 'a parameter'
retl-extract -k id -q 'SELECT id FROM plain WHERE id < 50 ORDER BY id DESC' \
	odbc:shop >out
retl-sort -c -k id <out 2>err
ok $? '-k of a number' "$(cat err)"
exits 78 '-k of a text' retl-extract -k name odbc:shop t
exits 64 '--shard' retl-extract -k id --shard 1/2 odbc:shop t
exits 0 '--list' retl-extract --list odbc:shop
is "$(sort out)" 'long
plain
t' 'gives tables'
exits 0 '--schema' retl-extract --schema odbc:shop plain
contains out '"id": {"type": ["integer", "null"]}' 'gives types'
exits 78 'a statement without rows' retl-extract -q 'DELETE FROM t' odbc:shop
is "$(sqlite3 t.db 'SELECT count(*) FROM t')" 2 'is not run'
exits 65 'two columns of one name' retl-extract -q 'SELECT 1 a, 2 a' odbc:shop
exits 78 'no such data source' retl-extract odbc:nosuch t
exits 64 'a password in the URL' retl-extract 'odbc:DSN=shop;PWD=hunter2' t
lacks err hunter2 'is refused, and not shown'
exits 78 'SQL that does not compile' retl-extract -q 'SELECT SELEC' odbc:shop
exits 78 'no such table' retl-extract odbc:shop nosuch
contains err 'no such table' 'says so'
exits 78 'two statements' retl-extract -q 'SELECT 1 a; SELECT 2 a' odbc:shop
exits 65 'a value that a function cannot take' \
	retl-extract -q 'SELECT abs(big) a FROM t' odbc:shop
head -c 5000 /dev/zero | tr '\0' x >bad.db
exits 65 'a file that is no database' \
	retl-extract "odbc:Driver=SQLite3;Database=$work/bad.db" t

# ---- a driver that fails as the specification lets it ----

cat >>odbcinst.ini <<END
[Fake]
Driver=$B/tests/fakeodbc.so
END
fake() {
	retl-extract -q 'SELECT 1' "odbc:Driver=Fake;ROWS=250;$1" >out 2>err
	status=$?
}
fake ''
is "$status/$(tail -n 1 out)" "0/$(seal 250)" 'a driver of our own'
is "$(sed -n '$d; s/^{"id":\([0-9]*\),"name":"row \([0-9]*\)"}$/\1\2/p' out | cksum)" \
	"$(seq 250 | sed 's/.*/&&/' | cksum)" 'its rows'
for at in 1 120 200 250; do
	fake "BAD=$at"
	is "$status/$(grep -c '^{' out)" "65/$((at - 1))" \
		"a failure at row $at of many, that does not fail the fetch"
	lacks out "$(printf '\t')" 'is no end'
	contains err 'on order (SQLSTATE 22003)' 'and said'
done
fake 'LONG=120'
is "$status/$(grep -c '^{' out)" 65/119 'a value that was cut off'
fake 'SILENT=1'
is "$status/$(wc -c <out)" 69/0 'a driver that does not say how many rows came'

# ---- PostgreSQL ----

if [ -e "$drivers/psqlodbcw.so" ]; then
	(
		# A server of its own; where there is none, these are left out.
		skip_all() {
			echo "# $1"
			exit 3
		}
		. "$top/tests/postgres.sh"
		pg="odbc:Driver=PG;Server=127.0.0.1;Port=$port;Database=postgres;Uid=postgres;UseDeclareFetch=1;Fetch=1000"
		retl-extract -q "SELECT 9223372036854775807 AS i, 1.10::numeric(5,2) d,
			0.1::float8 f, 0.1::float4 g, 'Zoë 😀'::text t, NULL::int n,
			'\\x00ff10'::bytea b, '2024-02-29'::date AS day,
			'2024-01-31 12:00:00.5'::timestamp AS ts" "$pg" >pg.out 2>pg.err
		echo $? >pg.status
		retl-extract -q 'SELECT g, 100 / (90001 - g) AS x, md5(g::text)::varchar(40) h
			FROM generate_series(1, 100000) g' "$pg" >broken.out 2>broken.err
		echo $? >broken.status
		sql -c "ALTER ROLE postgres SET timezone = 'America/New_York'"
		TZ=Asia/Tokyo PGTZ=Asia/Tokyo retl-extract -q "SELECT
			'2024-01-31 12:00:00+00'::timestamptz AS ts" "$pg" >zone.out
		retl-extract -q 'SELECT 1 AS a; SELECT 2 AS a' "$pg" \
			>two.out 2>two.err
		echo $? >two.status
		RETL_ODBC_PASSWORD=wrongwrong retl-extract -q 'SELECT 1 a' \
			"$(echo "$pg" | sed 's/Uid=postgres/Uid=secretive/')" \
			>no.out 2>no.err
		echo $? >no.status
		running() {
			[ "$(sql -c "SELECT count(*) FROM pg_stat_activity
				WHERE query LIKE '%pg_sleep(50)%' AND state = 'active'
				AND pid <> pg_backend_pid()")" = "$1" ]
		}
		retl-extract -q 'SELECT pg_sleep(50)::text AS x' "$pg" \
			>cut.out 2>cut.err &
		client=$!
		soon running 1 && kill -TERM $client
		wait $client
		echo $? >cut.status
		# The server itself would notice that nobody is there only at the end.
		soon running 0
		echo $? >cut.stopped
		gone() {
			[ "$(sql -c "SELECT count(*) FROM pg_stat_activity
				WHERE query LIKE '%pg_sleep(51)%' AND pid <> pg_backend_pid()")" = 0 ]
		}
		leaves "$pg" "SELECT g AS i, repeat('x', 900)::varchar(900) AS t
			FROM generate_series(1, 3000) g
			UNION ALL SELECT 0, pg_sleep(51)::varchar(900)" gone >leaves.tap
		eval "$cleanup_commands"
		trap - EXIT
	)
	if [ -e pg.status ]; then
		is "$(cat pg.status)" 0 'PostgreSQL'
		sed 's/^/# /' pg.err
		is "$(head -n 1 pg.out)" \
			'{"i":9223372036854775807,"d":1.10,"f":0.1,"g":0.1,"t":"Zoë 😀","n":null,"b":"AP8Q","day":"2024-02-29","ts":"2024-01-31T12:00:00.5"}' \
			'each value exactly'
		is "$(head -n 1 zone.out)" '{"ts":"2024-01-31T12:00:00"}' \
			'a moment is in UTC, whatever zone anybody sets'
		is "$(cat broken.status)" 65 'an error behind rows'
		grep -q '^{"g":1,' broken.out
		ok $? 'which have come'
		lacks broken.out "$(printf '\t')" 'is no end'
		is "$(cat two.status)" 78 'two statements'
		contains two.err 'more than one result' 'are told of'
		lacks two.out "$(printf '\t')" 'the rows of one are not all'
		[ "$(cat no.status)" = 69 ] || [ "$(cat no.status)" = 77 ]
		ok $? 'a wrong password'
		lacks no.err wrongwrong 'is not shown'
		is "$(cat cut.status)" 143 'a signal ends it'
		is "$(cat cut.stopped)" 0 'and its query at the server'
		is "$(cat cut.out cut.err)" '' 'in silence'
		grep -q '^ok' leaves.tap && ! grep '^not' -A 9 leaves.tap >&2
		ok $? 'a reader that goes away, or has enough, ends it there too'
	fi
fi

# ---- MariaDB ----

if [ -e "$drivers/libmaodbc.so" ] && command -v mariadbd >/dev/null; then
	(
		skip_all() {
			echo "# $1"
			exit 3
		}
		. "$top/tests/mariadb.sh"
		my="odbc:Driver=Maria;Server=127.0.0.1;Port=$port;Uid=root;Database=test"
		retl-extract -q "SELECT 18446744073709551615 AS u, 1.10 AS d,
			0.1e0 AS f, _utf8mb4'Zoë 😀' AS t, x'00ff10' AS b, NULL AS n,
			DATE '2024-02-29' AS day,
			TIMESTAMP '2024-01-31 12:00:00.5' AS ts" "$my" \
			>my.out 2>my.err
		echo $? >my.status
		running() {
			[ "$(sql -Ne "SELECT count(*) FROM information_schema.processlist
				WHERE info LIKE '%SLEEP(50)%' AND id <> connection_id()")" = "$1" ]
		}
		retl-extract -q 'SELECT SLEEP(50) AS x' "$my" >mycut.out 2>mycut.err &
		client=$!
		soon running 1 && kill -TERM $client
		wait $client
		echo $? >mycut.status
		soon running 0
		echo $? >mycut.stopped
		sql -e 'SET GLOBAL sql_select_limit = 5'
		retl-extract -q 'SELECT seq FROM seq_1_to_1000' "$my" >all.out
		sql -e "SET GLOBAL time_zone = '+02:00'; CREATE TABLE test.moments
			(ts TIMESTAMP)"
		sql -e "SET time_zone = '+00:00'; INSERT INTO test.moments
			VALUES ('2024-01-31 12:00:00')"
		retl-extract -q 'SELECT ts FROM test.moments' "$my" >zone.out
		eval "$cleanup_commands"
		trap - EXIT
	)
	if [ -e my.status ]; then
		is "$(cat my.status)" 0 'MariaDB'
		is "$(cat mycut.status)" 143 'a signal ends it'
		is "$(cat mycut.stopped)" 0 'and its query at the server'
		sed 's/^/# /' my.err
		is "$(head -n 1 my.out)" \
			'{"u":18446744073709551615,"d":1.10,"f":0.1,"t":"Zoë 😀","b":"AP8Q","n":null,"day":"2024-02-29","ts":"2024-01-31T12:00:00.5"}' \
			'each value exactly'
		is "$(tail -n 1 all.out)" "$(seal 1000)" \
			'all rows, whatever limit the server sets'
		is "$(head -n 1 zone.out)" '{"ts":"2024-01-31T12:00:00"}' \
			'a moment is in UTC, whatever zone the server sets'
	fi
fi

done_testing

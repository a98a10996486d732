#!/bin/sh
# Results of PostgreSQL that break off, and servers that refuse: never a seal.
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"
. "$top/tests/postgres.sh"
. "$top/tests/sqlopts.sh"

# ---- errors in mid-stream ----

exits 65 'a division by zero after rows' retl-extract \
	-q 'SELECT 1 / (g - 3) x FROM generate_series(1, 5) g' "$db"
lacks out "$(printf '\t')" 'there is no seal'
contains err 'division by zero (SQLSTATE 22012)' 'the message says why'
exits 65 'a value that cannot be cast' retl-extract \
	-q "SELECT ('Alice' || g)::int x FROM generate_series(1, 5) g" "$db"
lacks err Alice 'the message does not show it'
contains err 'invalid input syntax for type integer: "..."' 'but the rest'
exits 75 'a statement timeout' retl-extract -q 'SELECT pg_sleep(9)' \
	"$db?options=-cstatement_timeout%3D200"

slow='SELECT g AS id, pg_sleep(0.001) FROM generate_series(1, 60000) g'

# A backend that is busy with us, once rows have come.
backend() {
	soon eval "grep -qs '\"id\":5,' slow.out"
	victim=$(sql -c "SELECT max(pid) FROM pg_stat_activity
		WHERE application_name = 'retl-extract'
		AND query LIKE '%60000%'")
}
for how in terminate kill interrupt; do
	: >slow.out
	timeout 60 perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' \
		retl-extract -q "$slow" "$db" >slow.out 2>slow.err &
	pid=$!
	backend
	case $how in
	terminate) sql -c "SELECT pg_terminate_backend($victim)" >log2 ;;
	kill) kill -9 "$victim" ;;
	interrupt) kill -INT $pid ;;
	esac
	wait $pid
	got=$?
	lacks slow.out "$(printf '\t')" "$how: no seal"
	if [ $how = interrupt ]; then
		[ $got -gt 128 ]
		ok $? 'interrupt: ended by the signal'
	else
		is $got 75 "$how: try again later"
		is "$(wc -l <slow.err)" 1 "$how: one line says so"
	fi
	soon eval "[ -n \"\$(sql -c 'SELECT 1' 2>log2)\" ]"
done
busy="SELECT count(*) FROM pg_stat_activity
	WHERE application_name = 'retl-extract'"
soon eval "[ \"\$(sql -c \"$busy\")\" = 0 ]"
is "$(sql -c "$busy")" 0 \
	'interrupt: the server has stopped too'
idle() {
	[ "$(sql -c "$busy")" = 0 ]
}
leaves "$db" "SELECT g AS id, repeat('x', 1000) AS t FROM generate_series(1, 60) g
	UNION ALL SELECT 0, pg_sleep(50)::text" idle

# ---- who may ----

sql -c 'CREATE TABLE customer (id bigint)'
sql -c "CREATE ROLE secretive LOGIN PASSWORD 'hunter2hunter2'"
url=postgresql://secretive@127.0.0.1:$port/postgres
exits 77 'a password is missing' retl-extract "$url" customer
for cut in "me:s3cr3t/s3cr3t@127.0.0.1/x" "me:1/s3cr3t@127.0.0.1/x" "me:s3cr3t@s3cr3t@127.0.0.1:1/x"; do
	for scheme in postgresql redshift; do
		exits 64 "$scheme: a password that cuts its address in two" \
			retl-extract "$scheme://$cut" -q 'SELECT 1'
		lacks err s3cr3t 'is not shown'
	done
done
PGPASSWORD=wrongwrong exits 77 'a password is wrong' \
	retl-extract "$url" customer
lacks err wrongwrong 'the message does not show it'
sql -c "ALTER ROLE secretive VALID UNTIL '2000-01-01'"
PGPASSWORD=hunter2hunter2 exits 77 'a password that has expired' \
	retl-extract "$url" customer
sql -c "ALTER ROLE secretive VALID UNTIL 'infinity' CONNECTION LIMIT 0"
PGPASSWORD=hunter2hunter2 exits 75 'too many connections' \
	retl-extract "$url" customer
sql -c 'ALTER ROLE secretive CONNECTION LIMIT -1'
PGPASSWORD=hunter2hunter2 exits 77 'a table that one may not read' \
	retl-extract "$url" customer
echo "127.0.0.1:$port:*:secretive:hunter2hunter2" >pgpass
chmod 600 pgpass
exits 0 'a password file' retl-extract -q 'SELECT 1 x' "$url"
PGPASSWORD=hunter2hunter2 exits 0 'only what may be read is listed' \
	retl-extract --list "$url"
is "$(cat out)" '' 'which is nothing'
exits 64 'a password in the URL' \
	retl-extract "postgresql://secretive:hunter2hunter2@127.0.0.1:$port/" x
lacks err hunter2 'is refused, and not shown'
exits 64 'in another place' \
	retl-extract "postgresql://127.0.0.1/?password=hunter2hunter2" x
exits 64 'in a connection string' \
	retl-extract 'postgresql:user=x password=hunter2hunter2' x
exits 64 'in a URL that is not right' \
	retl-extract 'postgresql://x:hunter2hunter2@127.0.0.1:port/[' x
lacks err hunter2 'is not shown either'
exits 64 'a URL that is not right' retl-extract 'postgresql://h/?nosuch=1' x
exits 69 'nobody listens' retl-extract postgresql://x@127.0.0.1:1/x x

# ---- TLS ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
	-keyout key.pem -out cert.pem -subj /CN=elsewhere \
	-addext 'subjectAltName=IP:127.0.0.1' 2>log2
cp key.pem cert.pem pg/
chmod 600 pg/key.pem
[ "$(id -u)" -ne 0 ] || chown postgres pg/key.pem pg/cert.pem
sql -c "ALTER SYSTEM SET ssl_cert_file = '$work/pg/cert.pem'" \
	-c "ALTER SYSTEM SET ssl_key_file = '$work/pg/key.pem'" \
	-c 'ALTER SYSTEM SET ssl = on' -c 'SELECT pg_reload_conf()' >log2
soon eval "[ \"\$(sql -c 'SHOW ssl')\" = on ]"
exits 0 'a server that proves its name' retl-extract -q "SELECT ssl FROM
	pg_stat_ssl WHERE pid = pg_backend_pid()" \
	"$db?sslmode=verify-full&sslrootcert=$work/cert.pem"
is "$(head -n 1 out)" '{"ssl":true}' 'is spoken to through TLS'
exits 69 'a server with another name' retl-extract -q 'SELECT 1 x' \
	"postgresql://postgres@localhost:$port/postgres?sslmode=verify-full&sslrootcert=$work/cert.pem"
exits 69 'one that nobody vouches for' \
	retl-extract -q 'SELECT 1 x' "$db?sslmode=verify-full&sslrootcert=/dev/null"

exits 69 'no such database' retl-extract "${db%/postgres}/nosuch" x

done_testing

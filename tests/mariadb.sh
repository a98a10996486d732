# A real MariaDB server for tests/t/*.t, on a free port of 127.0.0.1, with a
# certificate for that address in tls/, stopped at the end. Source it after
# lib.sh; it ends the test where there is none.
#	$db     URL of its database, for its superuser
#	sql     mariadb on it
#	start_server, $server_pid
# shellcheck shell=sh disable=SC2154,SC2034

! retl-extract --list-sources | grep -q 'needs libmariadb' ||
	skip_all 'built without libmariadb'
PATH=$PATH:/usr/sbin
for tool in mariadbd mariadb mysql_install_db openssl; do
	command -v $tool >/dev/null || skip_all "$tool is not installed"
done

port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
	Listen => 1, LocalAddr => "127.0.0.1")->sockport')
mkdir tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
	-keyout tls/key.pem -out tls/cert.pem -subj /CN=localhost \
	-addext 'subjectAltName=IP:127.0.0.1' 2>log
chmod 644 tls/*
timeout 60 mysql_install_db --no-defaults --datadir="$work/my" \
	--auth-root-authentication-method=normal --skip-test-db \
	--innodb-flush-method=nosync --innodb-log-file-size=8M \
	--user="$(id -un)" >log 2>&1 ||
	skip_all 'mysql_install_db fails'
sql() {
	timeout 30 mariadb --no-defaults -S "$work/my.sock" -uroot \
		--default-character-set=utf8mb4 -N -B test "$@"
}
start_server() {
	mariadbd --no-defaults --user="$(id -un)" --datadir="$work/my" \
		--socket="$work/my.sock" --bind-address=127.0.0.1,127.0.0.2 \
		--port="$port" --pid-file="$work/my.pid" \
		--innodb-buffer-pool-size=24M --innodb-flush-method=nosync \
		--innodb-log-file-size=8M --innodb-flush-log-at-trx-commit=0 \
		--performance-schema=off \
		--max-allowed-packet=64M --ssl-cert="$work/tls/cert.pem" \
		--ssl-key="$work/tls/key.pem" --ssl-ca="$work/tls/cert.pem" \
		>>log 2>&1 &
	server_pid=$!
	tries=0
	until timeout 5 mariadb --no-defaults -S "$work/my.sock" -uroot -e \
		'CREATE DATABASE IF NOT EXISTS test CHARACTER SET utf8mb4' \
		2>log2; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || skip_all 'mariadbd does not start'
		sleep 0.1
	done
}
at_end 'kill -9 $server_pid 2>/dev/null'
start_server

unset MYSQL_PWD MYSQL_HOST MYSQL_TCP_PORT MYSQL_UNIX_PORT
export HOME="$work"
db=mysql://root@127.0.0.1:$port/test

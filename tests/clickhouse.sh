# A real ClickHouse server for tests/t/*.t, on free ports of 127.0.0.1, stopped
# at the end. Source it after lib.sh; it ends the test where there is none.
#	$db     URL of its database
#	sql     runs one statement
# shellcheck shell=sh disable=SC2154,SC2034

PATH=$PATH:/usr/sbin
for tool in clickhouse-server curl; do
	command -v $tool >/dev/null || skip_all "$tool is not installed"
done
ports=$(perl -MIO::Socket::INET -e 'my @s = map { IO::Socket::INET->new(
	Listen => 1, LocalAddr => "127.0.0.1") } 1 .. 3;
	print join " ", map { $_->sockport } @s')
port=${ports%% *}
mkdir -p ch/data ch/tmp
# shellcheck disable=SC2086
set -- $ports
cat >ch/config.xml <<END
<yandex>
<logger><level>error</level><log>$work/ch/log</log>
<errorlog>$work/ch/errors</errorlog></logger>
<http_port>$1</http_port><tcp_port>$2</tcp_port>
<interserver_http_port>$3</interserver_http_port>
<listen_host>127.0.0.1</listen_host><mark_cache_size>5368709</mark_cache_size>
<path>$work/ch/data/</path><tmp_path>$work/ch/tmp/</tmp_path>
<users_config>$work/ch/users.xml</users_config><timezone>UTC</timezone>
<default_profile>default</default_profile>
<default_database>default</default_database>
</yandex>
END
cat >ch/users.xml <<END
<yandex><profiles><default></default><one>
<max_concurrent_queries_for_user>1</max_concurrent_queries_for_user></one></profiles>
<users><default><password></password>
<networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></default>
<secretive><password>hunter2hunter2</password>
<networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></secretive>
<single><password></password>
<networks><ip>127.0.0.1</ip></networks><profile>one</profile>
<quota>default</quota></single></users>
<quotas><default></default></quotas></yandex>
END
clickhouse-server --config-file="$work/ch/config.xml" >ch/out 2>&1 &
server_pid=$!
at_end 'kill -9 $server_pid 2>/dev/null'
tries=0
until curl -fs -m 2 "http://127.0.0.1:$port/ping" >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || skip_all 'clickhouse-server does not start'
	sleep 0.1
done
unset CLICKHOUSE_USER CLICKHOUSE_PASSWORD
db=clickhouse://127.0.0.1:$port/default
sql() {
	curl -sS -m 30 --data-binary "$1" "http://127.0.0.1:$port/"
}

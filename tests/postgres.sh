# A real PostgreSQL server for tests/t/*.t, on a free port of 127.0.0.1, stopped
# at the end. Source it after lib.sh; it ends the test where there is none.
#	$db     URL of its database, for its superuser
#	sql     psql on it
#	server  pg_ctl: `server -m fast restart`
# shellcheck shell=sh disable=SC2154

! retl-extract --list-sources | grep -q 'needs libpq' ||
	skip_all 'built without libpq'
pgbin=
for dir in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin; do
	[ ! -x "$dir/initdb" ] || pgbin=$dir
done
[ -n "$pgbin" ] || skip_all 'no PostgreSQL server is installed'

# The server refuses to run as root.
as_owner=
if [ "$(id -u)" -eq 0 ]; then
	id postgres >/dev/null 2>&1 || skip_all 'there is no user postgres'
	command -v setpriv >/dev/null || skip_all 'setpriv is missing'
	as_owner='setpriv --reuid=postgres --regid=postgres --clear-groups'
	chmod 711 "$work"
	install -d -o postgres pg
else
	mkdir pg
fi

port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
	Listen => 1, LocalAddr => "127.0.0.1")->sockport')
# shellcheck disable=SC2086
timeout 60 $as_owner "$pgbin/initdb" -D "$work/pg/data" -U postgres \
	--auth=trust -N -E UTF8 --locale=C.UTF-8 >log 2>&1 ||
	skip_all 'initdb fails'
printf 'local all all trust\nhost all secretive all scram-sha-256
host all all all trust\n' >pg/data/pg_hba.conf
server() {
	# shellcheck disable=SC2086
	timeout 60 $as_owner "$pgbin/pg_ctl" -D "$work/pg/data" -w \
		-l "$work/pg/log" -o "-p $port -k '$work/pg' -c fsync=off \
		-c listen_addresses=127.0.0.1" "$@" >>log 2>&1
}
at_end 'server -m immediate stop'
server start || skip_all 'the server does not start'

unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS
export PGPASSFILE="$work/pgpass"
db=postgresql://postgres@127.0.0.1:$port/postgres
sql() {
	PGCLIENTENCODING=UTF8 timeout 30 psql -XqAt -v ON_ERROR_STOP=1 "$db" "$@"
}

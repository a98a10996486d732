#!/bin/sh
# What servers send to retl-extract ends after any number of bytes, as if all
# were well: never is a part of the rows sealed, and the status says that it may
# be tried again.
#	STEP=1
# shellcheck disable=SC1090,SC2154
. "$(dirname "$0")/../lib.sh"
# In order: ClickHouse gives the parts of a UNION as they come.
query='SELECT id FROM (SELECT 1 AS id UNION ALL SELECT 2 UNION ALL SELECT 3) AS t
	ORDER BY id'

# through PORT: retl-extract from the server there; out, $status
through() {
	# shellcheck disable=SC2059
	timeout 30 retl-extract --retries 0 -q "$query" "$(printf "$url" "$1")" \
		>out 2>err
	status=$?
}
# sweep NAME: over all numbers of bytes, until there are enough
sweep() {
	# shellcheck disable=SC2154 # set by the server's file
	through "$port"
	cp out wanted
	n=0
	wrong=
	while [ $n -lt 5000 ]; do
		perl "$top/tests/cut.pl" cut "$port" $n &
		proxy=$!
		soon test -s cut
		through "$(cat cut)"
		kill $proxy
		wait $proxy 2>/dev/null
		rm cut
		! cmp -s wanted out || break
		! grep -q "$(printf '\t')" out || wrong="$wrong $n: sealed;"
		[ $status = 69 ] || [ $status = 75 ] ||
			wrong="$wrong $n: status $status;"
		n=$((n + ${STEP:-1}))
	done
	echo "$n $status $wrong" >"$1.end"
}
# swept NAME LEAST: a server that there was
swept() {
	[ -e "$1.end" ] || return 0
	read -r n status wrong <"$1.end"
	is "$wrong" '' "$1: every cut is an error"
	[ "$n" -gt "$2" ] && [ "$n" -lt 5000 ] && [ "$status" = 0 ]
	ok $? "$1: $n bytes were enough"
}
# each in a shell of its own, since each has its own way to end
for server in postgres mariadb clickhouse; do
	(
		skip_all() {
			echo "# $server: $1"
			exit 0
		}
		# shellcheck disable=SC1090
		. "$top/tests/$server.sh"
		case $server in
		postgres) url="postgresql://postgres@127.0.0.1:%s/postgres?sslmode=disable" ;;
		mariadb) url='mysql://root@127.0.0.1:%s/test' ;;
		clickhouse) url='clickhouse://127.0.0.1:%s/default' ;;
		esac
		sweep $server
		eval "$cleanup_commands"
		trap - EXIT
	)
done
swept postgres 300
swept mariadb 100
swept clickhouse 300
[ "$n_tests" -gt 0 ] || skip_all 'there is no server'
done_testing

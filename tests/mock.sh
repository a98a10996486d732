# Starting the servers of tests/mock from a test; source it after lib.sh:
#	. "$top/tests/mock.sh"
# shellcheck shell=sh

# mock_start NAME COMMAND...: runs a server in the background, waits until it
# listens. It ends with the test at the latest; its messages go to NAME.err.
mock_start() {
	mock_name=$1
	shift
	rm -f "$mock_name.port"
	"$@" --port-file "$mock_name.port" --idle 600 2>"$mock_name.err" &
	echo $! >"$mock_name.pid"
	at_end "mock_stop $PWD/$mock_name"
	soon test -s "$mock_name.port" || {
		echo "Bail out! $1 does not start: $(cat "$mock_name.err")"
		exit 99
	}
}

# mock_url NAME: where it listens.
mock_url() {
	echo "http://127.0.0.1:$(cat "$1.port")"
}

# mock_stop NAME: ends it and gives its exit status.
mock_stop() {
	[ -s "$1.pid" ] || return 0
	mock_pid=$(cat "$1.pid")
	rm -f "$1.pid"
	kill "$mock_pid" 2>/dev/null
	wait "$mock_pid"
}

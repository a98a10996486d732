# Helpers for tests/t/*.t: TAP on stdout, one empty folder a test, everything
# held still that could differ from run to run. Source it first:
#	. "$(dirname "$0")/../lib.sh"
# A test name is a claim: 'numbers sort by value'.
# shellcheck shell=sh

export LC_ALL=C TZ=UTC
top=$(cd "$(dirname "$0")/../.." && pwd)
: "${B:=$top/build}"
PATH=$B/bin:$B/tests:$PATH
export PATH B
unset RETL_CONTRACTS RETL_TEST_CLOCK RETL_TEST_NO_INDEX MAKEFLAGS MAKELEVEL

work=$(mktemp -d)
cd "$work" || exit 99
# What processes share while they run is this test's own.
XDG_RUNTIME_DIR=$work/.run
export XDG_RUNTIME_DIR
mkdir "$XDG_RUNTIME_DIR"
n_tests=0
n_failed=0
cleanup_commands=

# at_end COMMAND: run when the test is over, last one first.
at_end() {
	cleanup_commands="$1; $cleanup_commands"
}
finish_test() {
	status=$?
	eval "$cleanup_commands"
	cd / && rm -rf "$work"
	exit $status
}
trap finish_test EXIT
trap 'exit 99' INT TERM HUP

# ok STATUS NAME: passes if STATUS is 0.
ok() {
	n_tests=$((n_tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n_tests - $2"
	else
		echo "not ok $n_tests - $2"
		n_failed=$((n_failed + 1))
		[ $# -lt 3 ] || echo "# $3"
	fi
}

# is GOT WANTED NAME
is() {
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		printf '%s\n' "got:    $1" "wanted: $2" | sed 's/^/# /'
	fi
}

# same FILE FILE NAME: equal bytes (wanted first, got second).
same() {
	if cmp -s "$1" "$2"; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diff -u "$1" "$2" | head -n 40 | sed 's/^/# /'
	fi
}

# exits STATUS NAME COMMAND...: runs it; stdout in ./out, stderr in ./err.
exits() {
	want=$1 name=$2
	shift 2
	timeout 60 "$@" >out 2>err
	got=$?
	if [ "$got" = "$want" ]; then
		ok 0 "$name"
	else
		ok 1 "$name"
		echo "# exit $got, wanted $want: $*"
		head -n 5 err | sed 's/^/# /'
	fi
}

# contains FILE TEXT NAME: some line of FILE has TEXT in it.
contains() {
	if grep -qF -- "$2" "$1"; then
		ok 0 "$3"
	else
		ok 1 "$3"
		echo "# not in $1: $2"
		head -n 5 "$1" | sed 's/^/# /'
	fi
}

# lacks FILE TEXT NAME
lacks() {
	if grep -qF -- "$2" "$1"; then
		ok 1 "$3"
		echo "# in $1: $2"
	else
		ok 0 "$3"
	fi
}

# soon COMMAND...: runs it again and again until it succeeds, for a minute at
# most: a busy machine is slow, and only a failure waits for so long.
soon() {
	n_tries=0
	until "$@" 2>/dev/null; do
		n_tries=$((n_tries + 1))
		[ "$n_tries" -lt 600 ] || return 1
		if [ "$n_tries" -lt 10 ]; then sleep 0.01; else sleep 0.1; fi
	done
}

# gone PID: it has ended, even if nobody has looked after it yet, as the first
# process of a container may not for a while.
gone() {
	case $(ps -o stat= -p "$1") in
	'' | Z*) ;;
	*) return 1 ;;
	esac
}

# has N TEXT FILE: N lines of FILE, or more, have TEXT in them.
has() {
	[ "$(grep -cF -- "$2" "$3")" -ge "$1" ]
}

# holds N FILE: N bytes or more are in FILE.
holds() {
	[ "$(wc -c <"$2")" -ge "$1" ]
}

# seal N: the line that seals N records.
seal() {
	awk -v n="$1" 'BEGIN { s = n ""; for (i = 1; i <= length(s); i++) {
		printf "\t"; for (d = substr(s, i, 1); d > 0; d--) printf " " }
		print "" }'
}

# sealed FILE...: the records of the files, sealed.
sealed() {
	cat "$@"
	seal "$(cat "$@" | grep -c '[^[:space:]]')"
}

# What stands before a command for which permissions hold, also as root.
unprivileged=
if [ "$(id -u)" -eq 0 ]; then
	# shellcheck disable=SC2034
	unprivileged='setpriv --bounding-set=-dac_override,-dac_read_search'
fi

# skip_all REASON: for what this machine lacks; ends the test.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# needs_strace: for tests that make calls fail.
needs_strace() {
	strace -o /dev/null true 2>/dev/null ||
		skip_all 'strace cannot trace here'
	# The leak checker of a sanitizer build traces too, and there is one
	# tracer.
	export ASAN_OPTIONS=detect_leaks=0
}

# every_tool_or_skip: for tests of whole pipelines.
every_tool_or_skip() {
	for tool in extract sort diff map hash push; do
		[ -x "$B/bin/retl-$tool" ] ||
			skip_all "retl-$tool is not built"
	done
}

done_testing() {
	echo "1..$n_tests"
	[ "$n_failed" = 0 ] || exit 1
	exit 0
}

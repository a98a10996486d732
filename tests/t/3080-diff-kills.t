#!/bin/sh
# A run and a commit are killed before every call that leaves a trace, in turn:
# the state is whole, nothing is lost, nothing is left lying about.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"
needs_strace
two_days
two_days_in_a_crowd

# commits SUFFIX FILES: a commit of open$1, killed before each $call. So many
# files are left when all is done.
commits() {
	n=1
	bad=
	while [ $n -lt 60 ]; do
		rm -rf st && cp -r "open$1" st
		strace -f -o trace -e "trace=$call" \
			-e "inject=$call:signal=KILL:when=$n" \
			retl-diff --commit -s st <"r$1" 2>err && break
		retl-diff --dump -s st >got 2>err
		cmp -s got "in$1" || cmp -s got "in2$1" || bad="$bad $n:state"
		retl-diff --commit -s st <"r$1" 2>err || bad="$bad $n:again"
		retl-diff --dump -s st >got 2>err
		cmp -s got "in2$1" || bad="$bad $n:lost"
		[ "$(find st -type f | wc -l)" = "$2" ] || bad="$bad $n:strays"
		n=$((n + 1))
	done
	is "$bad" '' "commit$1: killed before each of $((n - 1)) $call"
}

for call in write fsync fdatasync rename unlink link openat close; do
	n=1
	bad=
	while [ $n -lt 60 ]; do
		rm -rf st && cp -r clean st
		strace -f -o trace -e "trace=$call" \
			-e "inject=$call:signal=KILL:when=$n" \
			retl-diff -s st --max-removed 100% <in2 >changes 2>err &&
			break
		receipts delivered <changes | retl-diff --commit -s st 2>err
		retl-diff -s st --max-removed 100% <in2 >out 2>err ||
			bad="$bad $n:next"
		receipts delivered <out | retl-diff --commit -s st 2>err ||
			bad="$bad $n:commit"
		retl-diff --dump -s st >got 2>err
		cmp -s in2 got || bad="$bad $n:lost"
		n=$((n + 1))
	done
	is "$bad" '' "run: killed before each of $((n - 1)) $call"
	commits '' 2
	commits .crowd 3
done
done_testing

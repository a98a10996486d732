#!/bin/sh
# Every write, flush and rename of a run and of a commit fails once, in turn:
# the old state stands or the new one does, nothing is lost, and the next sync
# brings all in step.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"
needs_strace
two_days
two_days_in_a_crowd

# fails CALL ERROR N COMMAND...: the N-th such call fails; 1 if there was none.
fails() {
	call=$1 error=$2 nth=$3
	shift 3
	strace -f -o trace -e "trace=$call" \
		-e "inject=$call:error=$error:when=$nth" "$@"
	fails_status=$?
	grep -q INJECTED trace
}

for fault in write:ENOSPC write:EIO fsync:EIO fdatasync:EIO rename:EIO \
	rename:ENOSPC openat:ENFILE; do
	call=${fault%:*} error=${fault#*:}
	n=1
	bad=
	while [ $n -lt 40 ]; do
		rm -rf st && cp -r clean st
		fails "$call" "$error" $n retl-diff -s st --max-removed 100% \
			<in2 >changes 2>err || break
		[ $fails_status != 0 ] || [ "$call" = openat ] || bad="$bad $n:status"
		[ $fails_status = 0 ] || [ -s err ] || [ "$call" = write ] ||
			bad="$bad $n:silent"
		retl-diff --dump -s st >got 2>/dev/null
		cmp -s in got || bad="$bad $n:state"
		# What came out may be acknowledged, if the rest is in doubt.
		receipts delivered <changes | retl-diff --commit -s st 2>/dev/null
		retl-diff -s st --max-removed 100% <in2 >out 2>err
		receipts delivered <out | retl-diff --commit -s st 2>/dev/null
		retl-diff --dump -s st >got 2>/dev/null
		cmp -s in2 got || bad="$bad $n:after"
		n=$((n + 1))
	done
	is "$bad" '' "run: each of $((n - 1)) $call fails with $error"
done

# commits SUFFIX FILES: a commit of open$1, each call of which fails once. So many
# files are left when all is done.
commits() {
	for fault in write:ENOSPC write:EIO fsync:EIO fdatasync:EIO rename:EIO \
		rename:ENOSPC unlink:EIO link:EIO; do
		call=${fault%:*} error=${fault#*:}
		n=1
		bad=
		while [ $n -lt 40 ]; do
			rm -rf st && cp -r "open$1" st
			fails "$call" "$error" $n retl-diff --commit -s st \
				<"r$1" 2>err || break
			[ $fails_status = 74 ] || [ "${call#un}" = link ] ||
				bad="$bad $n:status"
			retl-diff --dump -s st >got 2>err
			cmp -s got "in$1" || cmp -s got "in2$1" ||
				bad="$bad $n:state"
			retl-diff --commit -s st <"r$1" 2>err ||
				bad="$bad $n:again"
			retl-diff --dump -s st >got 2>err
			cmp -s got "in2$1" || bad="$bad $n:lost"
			[ "$(find st -type f | wc -l)" = "$2" ] ||
				bad="$bad $n:strays"
			n=$((n + 1))
		done
		is "$bad" '' "commit$1: each of $((n - 1)) $call fails with $error"
	done
}
commits '' 2
commits .crowd 3

for fault in write fsync rename mkdir; do
	n=1
	bad=
	while [ $n -lt 20 ]; do
		rm -rf new
		fails "$fault" EIO $n retl-diff --init -s new/st -k id 2>err ||
			break
		[ $fails_status = 74 ] || bad="$bad $n:status"
		retl-diff --init -s new/st -k id 2>err || bad="$bad $n:again"
		n=$((n + 1))
	done
	is "$bad" '' "--init: each of $((n - 1)) $fault fails"
done

# ---- a real full disk, where we may mount one ----

if mkdir disk && mount -t tmpfs -o size=256k tmpfs disk 2>/dev/null; then
	at_end "umount $work/disk"
	rm -rf st
	retl-diff --init -s disk/st -k id
	sealed three | retl-diff -s disk/st >changes
	receipts delivered <changes | retl-diff --commit -s disk/st
	rows 1 20000 ',"text":"some more, to fill what little there is"' |
		sealing >big
	exits 74 'a run that finds no room' retl-diff -s disk/st <big
	contains err 'No space left' 'says so'
	retl-diff --dump -s disk/st >got
	same in got 'and leaves the state whole'
fi
done_testing

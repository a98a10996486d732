# Helpers for tests of retl-diff, sourced behind lib.sh.
# shellcheck shell=sh

# receipts STATUS [MORE] <CHANGES: what retl-push would answer, all alike.
receipts() {
	sed -n "s/.*\"diff_id\":\"\([^\"]*\)\".*/{\"diff_id\":\"\1\",\"to\":\"shop#1\",\"status\":\"$1\"${2-}}/p"
}

# bare <CHANGES: run ids, which are random, taken out.
bare() {
	sed 's/"diff_id":"[0-9a-f]*:/"diff_id":"RUN:/'
}

# short <CHANGES: kind and key (or row, without a key) of each change, a line.
short() {
	sed -n 's/.*"id":\([^,}]*\).*"diff_result":"Diff\([A-Za-z]*\)".*/\2 \1/p
		t
		s/^\(.*\),"diff_result":"Diff\([A-Za-z]*\)".*/\2 \1}/p'
}

# sealing: standard input and its seal.
sealing() {
	cat >sealing.rows
	sealed sealing.rows
}

# rows FROM TO [MEMBERS]: that many rows.
rows() {
	awk -v i="$1" -v n="$2" -v more="${3-}" \
		'BEGIN { for (; i <= n; i++) print "{\"id\":" i more "}" }'
}

# new STATE [OPTION...]: a state keyed by id.
new() {
	new_state=$1
	shift
	rm -rf "$new_state"
	retl-diff --init -s "$new_state" -k id "$@"
}

# has STATE ROWS-FILE: a state that has acknowledged these rows.
has() {
	sealed "$2" | retl-diff -s "$1" >has.changes
	receipts delivered <has.changes | retl-diff --commit -s "$1"
}

# count STATE MEMBER: a figure of --status.
count() {
	retl-diff --status -s "$1" | sed -n "1s/.*\"$2\":\([0-9]*\).*/\1/p"
}

# two_days: in and in2, the dataset of two days; clean, a state that has
# acknowledged the first; open, the same with a run of the second, whose receipts
# are in r.
two_days() {
	rows 1 3 >three
	sealed three >in
	rows 2 4 ',"v":2' | sealing >in2
	retl-diff --init -s clean -k id
	has clean three
	cp -r clean open
	retl-diff -s open --max-removed 100% <in2 >changes
	receipts delivered <changes >r
}

# two_days_in_a_crowd: the same beside many rows that stay, so that a commit lays
# the changes over the snapshot instead of writing it anew: in.crowd and
# in2.crowd, open.crowd, r.crowd.
two_days_in_a_crowd() {
	rows -50 0 ",\"text\":\"$(printf '%0100d' 0)\"" >crowd
	cat crowd three | sealing >in.crowd
	(cat crowd; rows 2 4 ',"v":2') | sealing >in2.crowd
	retl-diff --init -s open.crowd -k id
	retl-diff --adopt -s open.crowd <in.crowd 2>err
	retl-diff -s open.crowd <in2.crowd >changes
	receipts delivered <changes >r.crowd
}

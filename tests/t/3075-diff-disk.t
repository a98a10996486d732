#!/bin/sh
# What is on the disk, and at which moment: a change before its first byte goes
# out, all that state.json names before it takes its place. And how much: a commit
# writes what changed.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"
needs_strace

# ---- a run ----

rows 1 30000 ",\"text\":\"$(printf '%0200d' 0)\"" | sealing >in
new st
strace -f -o trace -e trace=openat,write,fdatasync,fsync \
	retl-diff -s st <in >out 2>err
is "$(sort <out | uniq | grep -c DiffAdded)" 30000 'thirty thousand changes'
# Rows stand in the file as they go out, so what has gone out at any moment must
# be less than what had been flushed when that began. Calls of two threads may
# be told in two parts: the first tells when one began, the second what it gave.
cat >order.awk <<'EOF'
function given(line) { sub(/.*= /, "", line); return line + 0 }
{ pid = $1; call = $0; sub(/^[0-9]+ +/, "", call) }
call ~ /^openat.*runs\/[0-9a-f]*\.ndjson", O_WRONLY/ { file = given(call) }
file && index(call, "write(" file ",") == 1 { doing[pid] = "file" }
file && index(call, "fdatasync(" file) == 1 {
	doing[pid] = "flush"
	begun[pid] = written
}
call ~ /^write\(1,/ {
	doing[pid] = "out"
	n = call
	sub(/ <unfinished.*/, "", n)
	sub(/\) += [0-9]*$/, "", n)
	sub(/.*, /, "", n)
	out += n
	outs++
	if (out > flushed) early++
}
/unfinished/ { next }
doing[pid] == "file" { written += given(call) }
doing[pid] == "flush" { flushed = begun[pid]; flushes++ }
{ doing[pid] = "" }
END {
	print (outs > 3 && flushes > 3 ? "in steps" : "at once"), early + 0,
		(out > 6000000 ? "all" : out),
		(flushed == written ? "whole" : "torn")
}
EOF
is "$(awk -f order.awk trace)" 'in steps 0 all whole' \
	'go out in steps, each when it is on the disk, as the end mark is'

# ---- a commit ----

receipts delivered <out >r
strace -f -y -o trace -e trace=fsync,fdatasync,rename,unlink \
	retl-diff --commit -s st <r 2>err
# Calls in their order, by the name of what they are about.
sed -n 's/^[0-9]* *//
	s/^fdatasync([0-9]*<.*\.\(receipts\)>).*/flush \1/p
	s/^fsync([0-9]*<.*\/\([a-z]*\)\.[0-9]*\.ndjson>).*/flush \1/p
	s/^fsync([0-9]*<.*state\.json\.tmp>).*/flush tmp/p
	s/^fsync([0-9]*<.*\/st>).*/flush folder/p
	s/^rename.*state\.json".*/rename/p
	s/^unlink(".*\.\(receipts\|ndjson\)").*= 0/remove \1/p' trace >calls
is "$(tr '\n' ',' <calls)" 'flush receipts,flush snapshot,flush tmp,flush folder,flush tmp,rename,flush folder,remove receipts,remove ndjson,' \
	'a commit flushes what it names, then moves, then removes'
is "$(retl-diff --dump -s st | cmp - in && echo same)" same 'and has all rows'

# ---- how much ----

rows 1 1000 ",\"text\":\"$(printf '%0200d' 0)\"" >base
new small
has small base
# changing N: the same rows, N of them with another member.
changing() {
	awk -v n="$1" 'NR <= n { sub(/}/, ",\"v\":" n "}") } { print }' base |
		sealing >in
	retl-diff -s small <in >out
	receipts delivered <out | retl-diff --commit -s small
	find small -name '*.ndjson' | sed 's/.*\///' | sort | tr '\n' ' '
}
is "$(changing 50)" 'changes.2.ndjson snapshot.1.ndjson ' \
	'a commit writes what changed beside the snapshot'
is "$(grep -c diff_id small/changes.2.ndjson)" 50 'and nothing else'
is "$(changing 60)" 'changes.2.ndjson changes.3.ndjson snapshot.1.ndjson ' \
	'so does the next'
is "$(changing 400)" 'snapshot.4.ndjson ' \
	'until it has grown past a quarter of it: then all is written anew'
retl-diff --dump -s small | cmp -s - in
ok $? 'and is what was delivered'

# ---- for whom ----

rm -rf new && (
	umask 0
	retl-diff --init -s new -k id
	retl-diff -s new <in >out
	receipts delivered <out | head -n 500 >r
	retl-diff --commit -s new <r 2>err
)
is "$(find new -type f ! -perm 0600)" '' 'files are for their owner only'
is "$(find new -type d ! -perm 0700)" '' 'so are the folders'
ok "$([ "$(find new -type f | wc -l)" -ge 4 ]; echo $?)" \
	'snapshot, doubts, run and journal'
strace -f -o trace -e trace=fcntl sh -c 'cat in | retl-diff -n -s new | cat' >out
is "$(grep -c 'fcntl([01], F_SETPIPE_SZ, 1048576)' trace)" 2 \
	'pipes on both sides are asked to hold a mebibyte'
done_testing

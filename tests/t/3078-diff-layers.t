#!/bin/sh
# Commits pile up as layers on the snapshot: many days of few changes, for each
# way of spelling a key. What is acknowledged is the dataset, to the byte.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

# day N KIND: the dataset of that day: a few come, change and go each day. Some
# of it has what our marks are made of.
day() {
	awk -v d="$1" -v kind="$2" 'BEGIN { for (i = 1; i <= 400; i++) {
		if ((i * 5 + int(d / 6) * 11) % 83 == 0) continue
		for (v = d; v > 0 && (i + v * 31) % 120; v--);
		if (kind == "number") key = "\"id\":" i
		if (kind == "last") key = "\"x\":[],\"id\":" i
		if (kind == "text") key = sprintf("\"id\":\"k%04d\\u00e9\"", i)
		if (kind == "two") key = sprintf("\"id\":%d,\"b\":%d", i / 7, i)
		if (kind == "pointer") key = "\"id\":{\"n\":" i "}"
		print "{" key ",\"v\":" v ",\"o\":{\"a\":1,\"diff_result\":\"x\"}," \
			"\"t\":\",\\\"diff_result\\\":\\\"DiffRemoved\\\"}\"}"
	} }'
}

# has_layers STATE: files of changes; those that were written as runs.
has_layers() {
	grep -c '"sections"' "$1/state.json"
	find "$1" -name 'changes.*' | wc -l
}

for kind in number last text two pointer; do
	case $kind in
	two) key=id,b ;;
	pointer) key=/id/n ;;
	*) key=id ;;
	esac
	rm -rf st
	retl-diff --init -s st -k $key
	day 0 $kind | sealing | retl-diff --adopt -s st 2>err
	bad=
	most=0
	d=1
	while [ $d -le 14 ]; do
		day $d $kind | sealing >in
		more=
		[ $((d % 4)) != 0 ] || more=--changed
		retl-diff -s st --max-removed 50% $more <in >out 2>err ||
			bad="$bad $d:diff"
		# On some days one is refused, and taken the day after.
		{
			[ $((d % 7)) != 0 ] || head -n 2 out | receipts rejected
			receipts delivered <out
		} | awk -F'"' '!seen[$4]++' >r
		retl-diff --commit -s st <r 2>err
		status=$?
		[ $status = $((d % 7 == 0)) ] || bad="$bad $d:commit"
		retl-diff --dump -s st >got
		[ $status != 0 ] || cmp -s in got || bad="$bad $d:dump"
		[ "$(count st held)" = $((status * 2)) ] || bad="$bad $d:held"
		[ $((d % 3)) != 1 ] ||
			[ "$(retl-diff -n -s st --max-removed 50% <in |
				grep -c 'diff_result":"Diff[AU]')" = \
			"$((status ? 2 : 0))" ] || bad="$bad $d:silent"
		n=$(has_layers st | tail -n 1)
		[ "$n" -le "$most" ] || most=$n
		[ $d != 6 ] || runs=$(has_layers st | head -n 1)
		d=$((d + 1))
	done
	is "$bad" '' "$kind: 14 days are acknowledged as they were"
	is "$runs" 6 'each of the first as the run that it was'
	is "$most" 8 'and there are no more than eight layers'
done

# ---- where a file cannot have two names ----

needs_strace
rm -rf base one two
retl-diff --init -s base -k id
day 0 number | sealing | retl-diff --adopt -s base 2>err
day 1 number | sealing >in
retl-diff -s base --max-removed 50% <in >out
receipts delivered <out >r
cp -r base one
cp -r base two
retl-diff --commit -s one <r
strace -f -o trace -e trace=link -e inject=link:error=EPERM \
	retl-diff --commit -s two <r
is "$(grep -c INJECTED trace)" 1 'a second name is refused'
is "$(has_layers two | tr '\n' ' ')" '0 1 ' 'the changes are written then'
retl-diff --dump -s two >got
same in got 'and are the same'
retl-diff --dump -s one >got
same in got 'as those under a second name'
is "$(find one -name '*.ndjson' -links +1)" '' 'which is the only one in the end'

# ---- damage ----

cp -r one cut
f=$(find cut -name 'changes.*')
echo >>"$f"
exits 65 'a layer of another length' retl-diff --dump -s cut
contains err "retl-diff: error: $f: has not the size that it was saved with: the state is damaged" \
	'is named'
sed 's/"format": 2/"format": 1/' cut/state.json >x
cat x >cut/state.json
exits 65 'a state of another version' retl-diff --dump -s cut
contains err 'cut/state.json: format: not the one that this retl-diff writes' 'is told'
lacks err damaged 'and not taken for damage'

f=$(find one -name 'changes.*')
sed 's/"diff_result":"DiffUpdated"/"diff_result":"DiffXpdated"/' "$f" >x
cat x >"$f"
exits 65 'a layer that was tampered with' retl-diff --dump -s one
contains err 'the state is damaged' 'is told'
sed 's/"diff_result":"DiffXpdated",/                             /' x >"$f"
truncate -s "$(wc -c <x)" "$f"
exits 65 'one without marks' retl-diff --dump -s one
contains err 'diff_result: missing' 'is told'
done_testing

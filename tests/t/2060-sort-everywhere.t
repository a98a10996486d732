#!/bin/sh
# retl-sort and retl-diff give the same bytes whatever instructions the processor
# has, whatever memory and however many threads they are given: with the index of
# quotes, without it, and built as for a processor that nothing is known about.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

portable=$B/tests/portable
[ -x "$portable/retl-sort" ] || skip_all 'the portable tools are not built'

# each_way COMMAND...: standard output, messages and status of a tool, its name
# left out, must be the same in each way when it reads ./in. False if they are
# not.
each_way() {
	"$@" <in >want 2>want.err
	echo "status $?" >>want.err
	RETL_TEST_NO_INDEX=1 "$@" <in >got 2>got.err
	echo "status $?" >>got.err
	cmp -s want got && cmp -s want.err got.err || return 1
	tool=$1
	shift
	"$portable/$tool" "$@" <in >got 2>got.err
	echo "status $?" >>got.err
	cmp -s want got && cmp -s want.err got.err
}

# ---- sorting ----

seed=100
for kind in n i s p b ns isn pp; do
	key=$(echo abcdefg | cut -c "1-${#kind}" | sed 's/./&,/g; s/,$//')
	sortgen $seed 2000 "$kind" | cut -f2- >records
	sealed records >in
	seed=$((seed + 1))
	retl-sort -k "$key" in >first
	bad=
	for options in -S1G -S64k -S700k; do
		for threads in 1 2 7; do
			each_way retl-sort -k "$key" $options --threads=$threads &&
				cmp -s first want || bad="$bad $options/$threads"
		done
	done
	is "$bad" '' "$kind: the same with all memory and threads"
done

# ---- equal keys, however they are spelt ----

# spelt CLAIM SPELLING...: any two of these are one key.
spelt() {
	claim=$1
	bad=
	shift
	for a; do
		for b; do
			printf '{"id":%s}\n{"id":%s}\n' "$a" "$b" >in
			each_way retl-sort -k id -uerror &&
				grep -q 'status 65' want.err || bad="$bad $a/$b"
			each_way retl-sort -k id --quiet -ufirst &&
				[ "$(cat want)" = "{\"id\":$a}" ] || bad="$bad $a=$b"
			each_way retl-diff -n -s none || bad="$bad $a~$b"
			grep -q 'same key' want.err || bad="$bad $a-$b"
		done
	done
	is "$bad" '' "$claim"
}
retl-diff --init -s none -k id
spelt 'numbers of one value are duplicates' \
	1 1.0 1e0 0.1E+1 100000000000000000000e-20
spelt 'zeros are' 0 -0 0.0 -0e9
spelt 'long ones are' 9007199254740993 9007199254740993.0 9.007199254740993e15
spelt 'strings of one text are' '"a\u00e9\ud83d\ude00/"' \
	'"\u0061é😀\/"' '"aé\uD83D\uDE00\u002f"'

# ---- what is refused ----

bad=
n=0
while IFS= read -r line; do
	for before in 0 63 150; do
		printf '{"id":1,"t":"%0*d"}\n%b\n' "$before" 0 "$line" >in
		each_way retl-sort -k id || bad="$bad $before:$line"
		grep -q 'status 65' want.err || bad="$bad $before?$line"
		n=$((n + 1))
	done
done <<\EOF
{"id":2,}
{"id":02}
{"id":2."a":1}
{"id":2e}
{"id":"\\x"}
{"id":"\\ud83d"}
{"id":"\\ude00\\ud83d"}
{"id":"a\tb"}
{"id":"a\001b"}
{"id":"\0377"}
{"id":"\0300\0257"}
{"id":"\0355\0240\0200"}
{"id":"\0364\0220\0200\0200"}
{"id":"\0342\0202"}
{"id":2,"a":tru}
{"id":2,"a":[1}
{"id":2,"a":{"b":1]}
{"id":2,"a":1,"\\u0061":2}
{"id":2} {"id":3}
{"id":2,"a":"b}
{"id":null}
{"ID":2}
EOF
is "$bad" '' "$n broken streams are refused in the same words"

# ---- diffing ----

for kind in n s pp; do
	key=$(echo abcdefg | cut -c "1-${#kind}" | sed 's/./&,/g; s/,$//')
	for day in 1 2 3; do
		sortgen 7 1500 "$kind" | cut -f2- |
			retl-sort -k "$key" -ufirst --quiet |
			awk -v d=$day 'NR % 11 != d {
				if (NR % 7 == d) sub(/}$/, ",\"v\":" d "}")
				print }' | sealing >"day.$day"
	done
	rm -rf st.*
	bad=
	for way in index plain portable; do
		case $way in
		plain) export RETL_TEST_NO_INDEX=1 ;;
		portable) PATH=$portable:$PATH ;;
		esac
		retl-diff --init -s st.$way -k "$key"
		for day in 1 2 3; do
			retl-diff -s st.$way --max-removed 50% <"day.$day" \
				>changes 2>err
			bare <changes >"$way.$day"
			receipts delivered <changes |
				retl-diff --commit -s st.$way 2>err
			cmp -s "index.$day" "$way.$day" || bad="$bad $way.$day"
			retl-diff --dump -s st.$way >got
			cmp -s "day.$day" got || bad="$bad $way.$day.dump"
		done
		unset RETL_TEST_NO_INDEX
		PATH=${PATH#"$portable":}
	done
	is "$bad" '' "$kind: three days are the same changes and the same state"
	ok "$(grep -c Diff index.2 | awk '{ print $1 < 100 }')" \
		'of which there are many'
done
done_testing

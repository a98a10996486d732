#!/bin/sh
# retl-sort against a model: sortgen writes beside each record a text that
# GNU sort orders as the key should be. Many seeds, key types and bounds.
. "$(dirname "$0")/../lib.sh"

tab=$(printf '\t')

# model KIND KEY SEED N: in, and what should come out.
model() {
	sortgen "$3" "$4" "$1" >keyed
	cut -f2- keyed >in
	sort -s -t "$tab" -k1,1 keyed | cut -f2- >want
	sort -s -r -t "$tab" -k1,1 keyed | cut -f2- >want.r
	sort -s -u -t "$tab" -k1,1 keyed | cut -f2- >want.first
	sort -s -r -u -t "$tab" -k1,1 keyed | cut -f2- >want.r.first
	tac keyed | sort -s -u -t "$tab" -k1,1 | cut -f2- >want.last
}

# compare WANT CLAIM OPTION...: sorts ./in
compare() {
	want=$1 claim=$2
	shift 2
	retl-sort "$@" in >got 2>err && [ ! -s err ] && cmp -s "$want" got
	ok $? "$claim: $*"
}

seed=1
for kind in n i s p b ns sn ib isn pp; do
	key=$(echo abcdefg | cut -c "1-${#kind}" | sed 's/./&,/g; s/,$//')
	model "$kind" "$key" "$seed" 3000
	seed=$((seed + 1))
	compare want "$kind in memory" -k "$key"
	compare want "$kind in many runs" -k "$key" -S 64k
	compare want "$kind by one thread" -k "$key" -S 64k --threads=1
	export RETL_TEST_NO_INDEX=1
	compare want "$kind scanned without an index" -k "$key"
	unset RETL_TEST_NO_INDEX
	compare want.r "$kind reversed" -k "$key" -r
	compare want.r "$kind reversed in runs" -k "$key" -r -S 70k
	compare want.first "$kind, the first of a key" --quiet -k "$key" -ufirst
	compare want.last "$kind, the last of a key" --quiet -k "$key" -ulast
	compare want.first "$kind, first, in runs" --quiet -k "$key" -u -S 64k
	compare want.r.first "$kind, first, reversed" --quiet -k "$key" -ru -S 64k
	compare want.last "$kind, last, in runs" --quiet -k "$key" -ulast -S 90k
done

# Enough for the radix passes, and for merging in several passes.
for kind in i p n; do
	model "$kind" a "$seed" 60000
	seed=$((seed + 1))
	compare want "60000 $kind in memory" -k a
	compare want.r "60000 $kind reversed" -k a -r
	compare want "60000 $kind with 64k" -k a -S 64k
	compare want "60000 $kind with 1M" -k a -S 1M
	compare want "60000 $kind in two blocks" -k a -S 10M
	compare want "60000 $kind by one thread" -k a -S 10M --threads=1
	compare want.last "60000 $kind, last, 300k" --quiet -k a -ulast -S 300k
done

done_testing

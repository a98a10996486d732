#!/bin/sh
# retl-sort against the model of tests/t/2010-sort-model.t at random: kinds of
# keys, numbers of records, --memory, --threads, options, pieces in which the
# input comes, with the index of quotes and without.
#	ROUNDS=400 SEED=1
. "$(dirname "$0")/../lib.sh"

tab=$(printf '\t')
seed=${SEED:-1}
# random N: a number below N, in $dice.
random() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	dice=$((seed / 65536 % $1))
}
one_of() {
	random $#
	shift $dice
	one=$1
}

# model: what $unique and $reverse make of ./keyed, in want.
model() {
	# shellcheck disable=SC2086
	case $unique in
	last) tac keyed | sort -s -u -t "$tab" -k1,1 $reverse ;;
	first) sort -s -u -t "$tab" -k1,1 $reverse keyed ;;
	no) sort -s -t "$tab" -k1,1 $reverse keyed ;;
	esac | cut -f2- >want
}

# feed: ./in, in pieces of a random size.
feed() {
	one_of 1 77 1000 4096 65536 1000000
	if [ "$one" = 1 ]; then
		head -c 2000 in | dd bs=1 2>/dev/null
		tail -c +2001 in
	else
		dd if=in bs="$one" 2>/dev/null
	fi
}

bad=
round=0
while [ $round -lt "${ROUNDS:-150}" ]; do
	one_of n i s p b ns sn ib isn pp
	kind=$one
	key=$(echo abcdefg | cut -c "1-${#kind}" | sed 's/./&,/g; s/,$//')
	one_of 0 1 2 50 1000 8000 30000
	sortgen $((seed % 100000)) "$one" "$kind" >keyed
	cut -f2- keyed >records
	sealed records >in
	one_of no no first last
	unique=$one
	one_of '' -r
	reverse=$one
	model
	sealed want >sealed
	random 2000000
	memory=$((65536 + dice * dice / 1000))
	one_of 1 2 8
	threads=$one
	one_of '' 1
	options="-k $key -S $memory --threads=$threads $reverse"
	[ "$unique" = no ] || options="$options -u$unique"
	# shellcheck disable=SC2086
	feed | env ${one:+RETL_TEST_NO_INDEX=1} \
		retl-sort --quiet $options >out 2>err
	if ! cmp -s sealed out || [ -s err ]; then
		bad="$bad
# round $round: $kind, $(wc -l <keyed) records: $options"
	fi
	round=$((round + 1))
done
is "$bad" '' "$round random sorts are as the model"
done_testing

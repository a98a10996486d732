#!/bin/sh
# Random programs on random grounds: the quick tests of programs, again and
# again with other seeds. ROUNDS=1000 plays longer.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip_all 'jq is not installed'
first=${SEED:-1000}

seed=$first
while [ "$seed" -lt "$((first + ${ROUNDS:-40}))" ]; do
	for t in 4000-map-jq 4020-map-bytes; do
		RETL_TEST_SEED=$seed RETL_TEST_PROGRAMS=250 \
			sh "$top/tests/t/$t.t" >out 2>err
		! grep -q '^not ok' out && grep -q '^1\.\.' out
		ok $? "$t with seed $seed" \
			"$(grep -A 4 '^not ok' out | tr '\n' ' ')"
	done
	seed=$((seed + 1))
done

done_testing

#!/bin/sh
# Long random histories over three vendors: see tests/converge.sh. SEEDS and
# ROUNDS say how many and how long; a seed that failed can be run alone with
# SEED=17 sh tests/t/6630-converge.t.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/converge.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
HUBSPOT_TOKEN=a META_TOKEN=b
WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export HUBSPOT_TOKEN META_TOKEN WEBHOOK_SECRET

seed=0
while [ $seed -lt "${SEEDS:-30}" ]; do
	seed=$((seed + 1))
	for kind in webhook hubspot meta; do
		converge $kind $seed "${ROUNDS:-20}"
		ok $? "seed $seed: $kind holds what the dataset does"
	done
done
done_testing

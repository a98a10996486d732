#!/bin/sh
# Long storms: a few thousand changes against vendors that fail in every way
# they can, with many seeds. Receipts must agree with what the vendor accepted,
# whatever the exit status. SEEDS says how many, SEED begins elsewhere.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
HUBSPOT_TOKEN=a META_TOKEN=b
WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export HUBSPOT_TOKEN META_TOKEN WEBHOOK_SECRET

# additions KIND: 600 of them, some poisoned
additions() {
	awk -v kind="$1" 'BEGIN {
		for (i = 1; i <= 600; i++) {
			p = i % 53 ? "fine" : "POISON"
			if (kind == "webhook")
				row = sprintf("\"id\":%d,\"p\":\"%s\"", i, p)
			else if (kind == "hubspot")
				row = sprintf("\"email\":\"p%d@example.com\",\"p\":\"%s\"", i, p)
			else
				row = sprintf("\"extern_id\":\"%s%d\"", p, i)
			printf "{%s,\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:%d\"}\n", row, i
		}
	}'
}

# storm KIND SEED ATTEMPTS
storm() {
	case $1 in
	webhook) name=webhook/standard by=.id entry=.data.id ;;
	hubspot) name=hubspot/contact by=.email entry=.email ;;
	meta) name=meta/custom-audience by=.extern_id entry='.row[0]' ;;
	esac
	rm -f ledger vendor.log
	mock_start vendor mockapi "$1" --ledger ledger --log vendor.log \
		--seed "$2" --account "$([ "$1" = meta ] && echo 77 || echo /)" \
		--poison POISON --chance 8=500 --chance 8=500-after \
		--chance 8=reset-after --chance 8=reset-before --chance 5=half \
		--chance 5=throttle --chance 2=garbage --chance 2=empty \
		--chance 2=close-before --chance 2=close-after --chance 4=slow30
	touch ledger
	mkdir -p "contracts/${name%/*}"
	jq --argjson n "$3" '. * {retry: {first: 0.005, most: 0.02, attempts: $n}} |
		.operations |= map_values(if . == null or .batch == null then .
			else .batch.records = 9 end)' \
		"$top/contracts/$name.json" >"contracts/$name.json"
	case $1 in
	webhook) set -- "$@" --set url="$(mock_url vendor)/" ;;
	hubspot) set -- "$@" --set base_url="$(mock_url vendor)" --set rate=1000000 ;;
	meta) set -- "$@" --set base_url="$(mock_url vendor)/v25.0" --set audience_id=77 ;;
	esac
	kind=$1 seed=$2 attempts=$3
	shift 3
	timeout 120 retl-push -c "$name" "$@" <in >out 2>err
	status=$?
	mock_stop vendor
	ok $? "$kind, seed $seed: no request broke a rule"
	case $status in 1 | 75) ;; *) false ;; esac
	ok $? "$kind, seed $seed: the status is one for trouble ($status)"
	settled records out ledger "$by" "$entry"
	ok $? "$kind, seed $seed, $attempts attempts: $(counts out)"
}

seed=${SEED:-0} end=$((${SEED:-0} + ${SEEDS:-20}))
while [ "$seed" -lt "$end" ]; do
	seed=$((seed + 1))
	for kind in webhook hubspot meta; do
		additions $kind >records
		sealed records >in
		storm $kind "$seed" $((seed % 5 * 3 + 1))
	done
done
done_testing

#!/bin/sh
# Thousands of records in storms, in each of nine ways to tell of failures;
# pushes that are killed at random points and run again with what has no
# receipt. SEEDS says how many, SEED begins elsewhere.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
. "$top/tests/storm.sh"
. "$top/tests/nginx.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# pending IN OUT: the lines of IN without a final receipt that settles them. As
# in retl-diff, a later version that was delivered settles an earlier one.
pending() {
	jq -n -c --slurpfile in "$1" --slurpfile out "$2" '
		($out | map(select(.status == "delivered" or .status == "rejected") |
			{key: .diff_id, value: .status}) | from_entries) as $done |
		($in | map(select(.diff_result == "DiffUpdated" and
			$done[.diff_id] == "delivered") | {key: "\(.id)", value: 1}) |
			from_entries) as $newer |
		$in[] | select($done[.diff_id] == null and
			(.diff_result == "DiffUpdated" or $newer["\(.id)"] == null))' 
}

# storm MODE SEED [BEHIND]: BEHIND says how it is reached, see behind
storm() {
	storm_contract "$1" 8
	storm_records 1500 >in
	storm_vendor "$2"
	storm_at=$(mock_url vendor)
	[ -z "${3-}" ] || behind "$3"
	timeout 200 retl-push -c "t/e${1#E}" --max-failures 0 ${3:+--cacert "$nginx_ca"} \
		--set base_url="$storm_at" <in >out 2>err
	status=$?; [ $status != 77 ] || head -n 2 err >&2
	mock_stop vendor
	ok $? "$1, seed $2${3:+ by $3}: no request broke a rule"
	is "$(storm_faults in out "$1")" '' "$1, seed $2${3:+ by $3}: $(counts out) ($status)"
}

# behind tls|h2: nginx in front of the vendor; what that breaks off becomes a
# 502 or half an answer, by TLS or over streams of HTTP/2
behind() {
	[ -z "${nginx_pid-}" ] || kill "$nginx_pid"
	rm -rf "$work/nginx"
	nginx_start "$work/nginx" "location ~ . { proxy_pass $storm_at; proxy_buffering off;
		proxy_next_upstream off; proxy_http_version 1.0; }" || return
	storm_at=$nginx_tls
	[ "$1" != h2 ] || storm_at=$nginx_h2
}

# kills MODE SEED: at the end nothing is lost; only what had no receipt, or an
# unclear answer, comes twice
kills() {
	storm_contract "$1" 8
	storm_records 400 >in
	storm_vendor "$2"
	: >all
	for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
		pending in all >rest
		[ -s rest ] || break
		# One that is killed at once has not even opened it.
		: >out
		retl-push -c "t/e${1#E}" --max-failures 0 \
			--set base_url="$(mock_url vendor)" <rest >out 2>err &
		pid=$!
		if [ "$try" -le 8 ]; then
			sleep "0.$(awk -v s="$2" -v t="$try" \
				'BEGIN { srand(s * 100 + t); printf "%02d", rand() * 30 }')"
			kill -9 $pid 2>/dev/null
		fi
		wait $pid 2>/dev/null
		# A line that was cut is none.
		jq -cR 'fromjson?' out >>all
		[ "$try" -lt 9 ] || kill -USR1 "$(cat vendor.pid)"
	done
	mock_stop vendor
	ok $? "$1, seed $2, killed: no request broke a rule"
	pending in all >rest
	is "$(wc -l <rest)" 0 "$1, seed $2, killed: all is settled in the end"
	is "$(jq -rn --slurpfile in in --slurpfile ledger ledger --slurpfile all all '
		($ledger | map({key: "\(.row.id)", value: .row.v}) | from_entries) as $last |
		($all | map({key: .diff_id, value: .status}) | from_entries) as $status |
		$in[] | select(.diff_result == "DiffUpdated" and
			$status[.diff_id] == "delivered" and $last["\(.id)"] != .v) |
		"\(.id): \($last["\(.id)"])"' | head -n 3)" '' \
		"$1, seed $2, killed: the ledger ends with every last version"
}

seed=${SEED:-0} end=$((${SEED:-0} + ${SEEDS:-5}))
while [ "$seed" -lt "$end" ]; do
	seed=$((seed + 1))
	for mode in E1 E2 E3 E4 E5 E6 E7 E8 E9; do
		storm $mode "$seed"
	done
	for mode in E1 E2 E6 E7 E8 E9; do
		storm $mode "$seed" h2
	done
	storm E2 "$seed" tls
	storm E9 "$seed" tls
	kills E2 "$seed"
	kills E9 "$seed"
	kills E8 "$seed"
	kills E6 "$seed"
done
done_testing

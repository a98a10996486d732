#!/bin/sh
# Nine ways to tell which records were not taken, each in a storm of a vendor
# that fails in every way it can; tokens expire in mid-run. Longer ones are in
# tests/torture.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
. "$top/tests/storm.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

storm_records 150 >in
for mode in E1 E2 E3 E4 E5 E6 E7 E8 E9; do
	# So often that no batch is given up, which may hold a bad one. But an
	# answer that is none to the opening of a job fails its whole batch.
	storm_contract $mode 40
	storm_vendor 7
	timeout 60 retl-push -c "t/e${mode#E}" --max-failures 0 \
		--set base_url="$(mock_url vendor)" <in >out 2>err
	status=$?
	mock_stop vendor
	ok $? "$mode: no request broke a rule"
	is "$(storm_faults in out $mode)" '' "$mode: receipts and ledger agree"
	is "$(jq -s 'map(select(((.line - 1) % 150 + 1) % 37 == 0 and .status != "rejected" and
		.status != "unknown" and
		(.status == "failed" and (.code == "unreadable" or .code == "address") | not))) |
		length' out)" 0 \
		"$mode: no bad one arrives, or comes again ($(counts out); $status)"
	is "$(counts out | grep -c 'delivered 2')" 1 "$mode: most arrive"
done

# ---- k bad ones among n cost O(k log n) requests ----
storm_contract E8 6
jq '.operations.send.batch.records = 64 | .concurrency = 1' contracts/t/e8.json >c.json
mv c.json contracts/t/e8.json
for k in 1 4 16; do
	awk -v k=$k 'BEGIN { for (i = 1; i <= 1024; i++)
		printf "{\"id\":%d,\"v\":\"%s\",\"diff_result\":\"DiffAdded\"}\n", i,
			i % (1024 / k) == 5 ? "POISON" : "x" }' >many
	rm -f ledger vendor.log
	mock_start vendor mockapi modes --ledger ledger --log vendor.log \
		--poison POISON
	timeout 60 retl-push -c t/e8 --set base_url="$(mock_url vendor)" \
		<many >out 2>err
	mock_stop vendor
	n=$(grep -c '"path":"/E8"\|/E8' vendor.log)
	is "$(counts out)/$((n <= 16 + k * 12))" \
		"delivered $((1024 - k)), rejected $k/1" \
		"$k bad ones of 1024: $n requests, 12 more each at most"
	is "$(jq -r .row.id ledger | sort | uniq -d)" '' 'and nobody twice'
done
done_testing

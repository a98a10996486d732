# Storms against the vendor "modes" of tests/mock, which tells in nine ways
# what it did not take, the last of them a job of several steps; source it after lib.sh, push.sh and mock.sh.
# shellcheck shell=sh disable=SC2154,SC2034

# storm_contract MODE ATTEMPTS: contracts/t/MODE.json
storm_contract() {
	case $1 in
	E1) storm_results='["(.results | to_entries[] | {index: .key, status: (if .value.ok then \"delivered\" else \"rejected\" end)})"]' ;;
	E2) storm_results='["(.failed[] | {index: ., status: \"rejected\"}), {status: \"delivered\"}"]' ;;
	E3) storm_results='["(.keys[] | {key: ., status: \"rejected\"}), {status: \"delivered\"}"]' ;;
	E4) storm_results='["(.message | match(\"rows.([0-9]+).\"; \"g\") | {index: (.captures[0].string | tonumber), status: \"rejected\"}), {status: \"delivered\"}"]' ;;
	E5) storm_results='["(.fields[][] | {index: ., status: \"rejected\"}), {status: \"delivered\"}"]' ;;
	E7) storm_results='"{status: (if .bad > 0 then \"split\" else \"delivered\" end)}"' ;;
	*) storm_results='null' ;;
	esac
	storm_rq='{"method": "POST", "url": "/'$1'", "item": "{id, v, pad: (.pad // \"\")}", "body": "{rows: .}"}'
	storm_op='{"request": '$storm_rq', "response": "json", "results": '$storm_results'}'
	[ "$1" != E6 ] || storm_op='{"request": null, "steps": [
		{"request": '$storm_rq', "save": {"job": ".job"}},
		{"request": {"method": "GET", "url": "/file/{saved.job}"},
		 "response": "csv", "results":
		 "{key: .id, status: (if .error == \"\" then \"delivered\" else \"rejected\" end)}"}]}'
	[ "$1" != E9 ] || storm_op='{"request": null, "steps": [
		{"request": {"method": "POST", "url": "/jobs"}, "save": {"job": ".job"}},
		{"request": {"method": "PUT", "url": "/jobs/{saved.job}/rows", "item": "{id, v, pad: (.pad // \"\")}", "body": "{rows: .}"}},
		{"commits": true, "request": {"method": "POST", "url": "/jobs/{saved.job}/start"},
		 "rules": [{"status": 409, "then": "ok"}]},
		{"request": {"method": "GET", "url": "/jobs/{saved.job}"}, "response": "json",
		 "poll": {"until": ".state == \"done\"", "every": 0.01, "most": 0.02}, "save": {"failed": ".failed"}},
		{"when": "$saved.failed > 0", "request": {"method": "GET", "url": "/jobs/{saved.job}/failures/0"},
		 "response": "json", "next": ".next",
		 "results": ["(.rows[] | {key: .id, status: \"rejected\"}),", "{status: \"delivered\"}"]}],
		"cleanup": [{"request": {"method": "DELETE", "url": "/jobs/{saved.job}"}}]}'
	contract "$(echo "$1" | tr E e)" '{"auth": {"type": "oauth2", "grant": "client_credentials",
		"token_url": "{+base_url}/token", "client_id": "x", "client_secret": "y"},
		"answers": {"wait": ".wait"},
		"retry": {"attempts": '"$2"', "first": 0.005, "most": 0.02}, "concurrency": 6,
		"operations": {"send": '"$(printf '%s' "$storm_op" |
			jq -c '.batch = {records: 15} | .match = ".id | tostring"')"'}}'
}

# storm_records N: N ids, each twice (the second is its last version), some bad
storm_records() {
	awk -v n="$1" 'BEGIN { for (v = 1; v <= 2; v++) for (i = 1; i <= n; i++)
		printf "{\"id\":%d,\"v\":\"%d%s\",\"diff_result\":\"%s\",\"diff_id\":\"r:%d\"}\n",
			i, v, i % 37 ? "" : "POISON",
			v == 1 ? "DiffAdded" : "DiffUpdated", ++k }'
}

# storm_vendor SEED [OPTION...]: starts it with mishaps of every kind
storm_vendor() {
	storm_seed=$1
	shift
	rm -f ledger vendor.log state
	touch ledger
	mock_start vendor mockapi modes --ledger ledger --log vendor.log \
		--state state --seed "$storm_seed" --account 90 --poison POISON \
		--chance 6=500 --chance 4=503 --chance 5=500-after \
		--chance 5=reset-after --chance 5=reset-before --chance 3=half \
		--chance 6=throttle --chance 2=429+0 --chance 2=garbage \
		--chance 2=empty --chance 2=close-before --chance 2=close-after \
		--chance 4=slow20 "$@"
}

# storm_faults IN OUT MODE: what breaks a promise, nothing if all is well.
#	every record has one final receipt
#	delivered: the ledger has it; rejected, failed: it has not (of E7 it may
#	have it: the good ones beside a bad one are taken and sent again)
#	twice in the ledger: only after an answer that was not clear
#	the last version of what was delivered is the last in the ledger
storm_faults() {
	jq -rn --slurpfile in "$1" --slurpfile out "$2" --slurpfile ledger ledger \
		--slurpfile log vendor.log --arg mode "$3" '
	def name: "\(.id)/\(.v)";
	(["500-after", "reset-after", "close-after", "half", "garbage", "empty"]) as $unclear |
	($log | map({key: "\(.n)", value: (.mishap // "")}) | from_entries) as $mishap |
	($ledger | group_by(.row | name) |
		map({key: (.[0].row | name), value: map(.n)}) | from_entries) as $taken |
	($ledger | map({key: "\(.row.id)", value: .row.v}) | from_entries) as $last |
	($out | map(select(.status != "sending")) | group_by(.line)) as $finals |
	($finals | map({key: "\(.[0].line)", value: .[0].status}) | from_entries) as $status |
	($finals[] | select(length > 1) | "line \(.[0].line): \(length) receipts"),
	(range($in | length) as $i | $in[$i] as $r | ($r | name) as $name |
		$status["\($i + 1)"] as $s |
		if $s == null then "line \($i + 1): no receipt"
		elif $s == "delivered" and $taken[$name] == null then
			"line \($i + 1): delivered, and not taken"
		elif ($s == "rejected" or $s == "failed") and $taken[$name] != null and
			$mode != "E7" then "line \($i + 1): \($s), and taken"
		elif $s == "delivered" and $r.diff_result == "DiffUpdated" and
			$last["\($r.id)"] != $r.v then
			"line \($i + 1): an older version came after it"
		elif $s == "rejected" and ($r.v | contains("POISON") | not) then
			"line \($i + 1): rejected, and good"
		else empty end),
	($taken | to_entries[] | select((.value | length) > 1 and $mode != "E7") |
		.key as $name | .value[:-1][] as $n |
		select($unclear | index($mishap["\($n)"]) == null) |
		select($mode != "E6") |
		"\($name): sent again after request \($n), which was clear")
	' 2>&1 | head -n 5
}

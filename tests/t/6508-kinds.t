#!/bin/sh
# What kinds of cases each contract has beside it. What they say is played by
# 6500 and the files that follow.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# Files on servers and tables have servers of their own, in 6850 and 6860.
cd "$top/contracts" || exit 99
jq -n 'reduce inputs as $it ({}; .[input_filename | ltrimstr("./")] = $it) |
	. as $all | to_entries[] | select(.key | endswith(".test.json") | not) |
	select(.key | test("^(postgresql|sftp)/") | not) |
	($all[(.value.extends // "") + ".json"] // {}) * .value |
	{name, cases: $all[.name + ".test.json"],
		hashes: ([.record | .. | objects | select(.hash)] != []),
		removes: (.changes.DiffRemoved != null)}' ./*/*.json >"$work/all" 2>&1
# each KIND CLAIM: no contract is without a case for which jq's KIND holds.
each() {
	is "$(jq -r "def kind: $1; select(any(.cases[]; kind) | not) | .name" \
		"$work/all")" '' "each has a case $2"
}
is "$(jq -r 'select(.cases == null) | .name' "$work/all")" '' 'each has cases'
each '.exchange and .receipts != [] and all(.receipts[]; .status == "delivered")' \
	'of what is taken'
each '.exchange and any(.receipts[]; .status == "rejected")' 'of what is refused'
each 'any(.exchange[]?.answer; .status | IN(429, 503)) and
	any(.receipts[]; .status == "delivered") or
	any(.exchange[]?.answer; .status | IN(400, 403, 500, 502)) and
	.receipts != [] and all(.receipts[]; .status == "delivered")' \
	'of what has to wait'
each '.exit == 77' 'of credentials that are refused'
is "$(jq -r 'select(.hashes) | select(any(.cases[];
	.exit == 65 and (.exchange | not)) | not) | .name' "$work/all")" '' \
	'each that hashes has a case of what lacks its hash'
is "$(jq -r 'select(.removes) | select(any(.cases[]; any((.rows // .records)[];
	.diff_result == "DiffRemoved")) | not) | .name' "$work/all")" '' \
	'each that can remove has a case of a removal'
done_testing

#!/bin/sh
# Every contract does what the cases beside it say: what is asked of the vendor,
# byte for byte, and which receipts follow from its answers.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'

for file in "$top"/contracts/*/*.json; do
	case $file in *.test.json) continue ;; esac
	name=${file#"$top"/contracts/} name=${name%.json}
	[ -s "${file%.json}.test.json" ]
	ok $? "$name has cases beside it"
	is "$(rules_unused "$name")" '' "$name has a case for each rule"
	play_cases "$name"
done
done_testing

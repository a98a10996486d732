#!/bin/sh
# Short random histories over three vendors: see tests/converge.sh. The long
# ones are tests/torture/6630-converge.t.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/converge.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
for tool in retl-sort retl-diff retl-push; do
	[ -x "$B/bin/$tool" ] || skip_all "$tool is not built"
done
HUBSPOT_TOKEN=a META_TOKEN=b
WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export HUBSPOT_TOKEN META_TOKEN WEBHOOK_SECRET

for kind in webhook hubspot meta; do
	converge $kind "${SEED:-1}" "${ROUNDS:-5}"
	ok $? "after a history of faults $kind holds what the dataset does"
done
done_testing

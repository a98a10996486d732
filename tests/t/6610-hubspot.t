#!/bin/sh
# hubspot/contact against a vendor that checks what HubSpot would.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'
HUBSPOT_TOKEN=pat-na1-secret
export HUBSPOT_TOKEN
mkdir -p contracts/hubspot
jq '. * {retry: {first: 0.01, most: 0.05}}' \
	"$top/contracts/hubspot/contact.json" >contracts/hubspot/contact.json

push() {
	in=$1
	shift
	timeout 60 retl-push -c hubspot/contact --set rate=1000000 \
		--set on_remove=archive --set base_url="$(mock_url hub)" "$@" \
		<"$in" >out 2>err
	status=$?
}
# contacts FROM TO KIND [MEMBERS]
contacts() {
	awk -v from="$1" -v to="$2" -v kind="$3" -v more="$4" 'BEGIN {
		for (i = from; i <= to; i++)
			printf "{\"email\":\"p%d@example.com\",\"n\":\"%d\"%s,\"diff_result\":\"%s\",\"diff_id\":\"r:%d\"}\n",
				i, i, i % 41 ? "" : more, kind, i }'
}

contacts 1 250 DiffAdded >records
sealed records >in
mock_start hub mockapi hubspot --ledger hub.ledger --log hub.log --state hub.state
push in
is $status 0 '250 contacts are taken'
is "$(jq -c 'select(.status == 200)' hub.log | wc -l)" 3 'in three requests'
is "$(counts out)" 'delivered 250' 'each has its receipt'
{ contacts 1 10 DiffUpdated; contacts 200 300 DiffRemoved; } >records
sealed records >in
push in
is $status 0 'who is not there need not be archived'
is "$(counts out)" 'delivered 111' 'and is delivered all the same'
HUBSPOT_TOKEN=no push in
is $status 77 'another token is refused'
is "$(counts out)" 'failed 111' 'and nothing is rejected for it'
lacks err pat-na1 'the token is not shown'
mock_stop hub
ok $? 'no request broke a rule'
is "$(wc -l <hub.state)" 199 'what is left is what it should be'

# ---- partial rejections, whole rejections ----
contacts 1 250 DiffAdded ',"w":"POISON"' >records
sealed records >in
for whole in '' --whole; do
	mock_start hub mockapi hubspot --ledger "bad$whole.ledger" \
		--poison POISON $whole
	push in
	is $status 1 "poisoned records show in the status $whole"
	is "$(counts out)" 'delivered 244 rejected 6' \
		"they alone are rejected $whole"
	settled records out "bad$whole.ledger" .email .email
	ok $? "receipts and ledger agree $whole"
	mock_stop hub
	ok $? "no request broke a rule $whole"
done

# ---- a storm ----
mock_start hub mockapi hubspot --ledger storm.ledger --log storm.log \
	--state storm.state --poison POISON --chance 10=throttle \
	--chance 10=500-after --chance 10=reset-after --chance 10=reset-before \
	--chance 5=half --chance 5=502
jq '.operations.upsert.batch.records = 5 | .operations.archive.batch.records = 5
	| .retry.attempts = 12' contracts/hubspot/contact.json >c &&
	mv c contracts/hubspot/contact.json
push in
is $status 1 'a storm of faults is outlived'
is "$(counts out)" 'delivered 244 rejected 6' 'all that is good is delivered'
settled records out storm.ledger .email .email
ok $? 'receipts and ledger agree'
contacts 1 100 DiffRemoved >records
sealed records >in
push in
is $status 0 'so is a storm over look-ups and archiving'
is "$(counts out)" 'delivered 100' 'everybody is archived'
mock_stop hub
ok $? 'no request broke a rule'
is "$(wc -l <storm.state)" 146 'who was not removed is still there'
done_testing

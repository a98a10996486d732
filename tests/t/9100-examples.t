#!/bin/sh
# The connections of examples/ do what their pages say, against vendors of a few
# lines of jq: what they were asked is in the ledger.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
every_tool_or_skip
command -v jq >/dev/null || skip_all 'jq is missing'
RETL_CONTRACTS=$top/contracts
export RETL_CONTRACTS

# example NAME: a copy of examples/NAME as the current folder, its warehouse
# filled, its vendor started (the script is on standard input).
example() {
	cd "$work" || exit 99
	cp -r "$top/examples/$1" "$1"
	cd "$1" || exit 99
	[ ! -f warehouse.sql ] || sqlite3 warehouse.db <warehouse.sql
	cat >script.json
	: >ledger
	mock_start vendor mockapi scripted --script script.json \
		--ledger ledger --log requests
	at=$(mock_url vendor)
}
# setting FILE JQ: changes a file of settings; $at is the vendor.
setting() {
	jq --arg at "$at" "$2" "$1" >"$1.new" && mv "$1.new" "$1"
}
# asked PROGRAM: of what was accepted since the ledger was emptied.
asked() {
	jq -c "$1" ledger
}
runs() {
	timeout 60 make -s "$@" >out 2>err
}
# by_cron VARIABLE...: the line for cron that the example's page has, in the
# environment of cron, with these secrets in the file that it names.
by_cron() {
	name=${PWD##*/}
	mkdir -p "$work/.config/retl"
	export BIN="$B/bin"
	for variable in BIN RETL_CONTRACTS ${ASAN_OPTIONS:+ASAN_OPTIONS} "$@"; do
		eval "printf '%s=%s\n' $variable \"\$$variable\""
	done >"$work/.config/retl/$name.env"
	sed -n 's/^    \(\([^ ]* \)\{5\}\)//p' README.md >line
	env -i HOME="$work" PATH=/usr/bin:/bin TMPDIR="$TMPDIR" \
		timeout 60 sh -c "$(cat line)" >out 2>err
}
# locked NAME: a second run while one is under way.
locked() {
	mkfifo hold
	flock "state/$1.lock" cat hold >/dev/null &
	exec 9>hold
	soon sh -c "! flock -n 'state/$1.lock' true"
	runs "sync-$1"
	contains err 'Error 75' "$1: a second run at the same time stays away"
	exec 9>&-
	wait $!
}
done_with_it() {
	mock_stop vendor
	ok $? "$1: nothing was asked that the vendor does not know"
}

# ---- warehouse-to-conversions ----

example warehouse-to-conversions <<\EOF
[{"method": "POST", "path": "/token",
  "answer": "{status: 200, body: {access_token: \"t\", expires_in: 3599}}"},
 {"method": "POST", "path": "/1234567890/events",
  "answer": "if .headers.authorization == \"Bearer m\" then {status: 200, body: {events_received: (.body.data | length)}} else {status: 400, body: {error: {code: 190}}} end"},
 {"method": "POST", "path": "/events:ingest",
  "answer": "{status: 200, body: {requestId: \"r\"}}"}]
EOF
setting meta.json '. + {base_url: $at}'
setting google.json '. + {base_url: $at}'
jq -n --arg at "$at" '{type: "authorized_user", client_id: "c",
	client_secret: "s", refresh_token: "r", token_uri: "\($at)/token"}' >adc.json
GOOGLE_APPLICATION_CREDENTIALS=adc.json META_TOKEN=m
export GOOGLE_APPLICATION_CREDENTIALS META_TOKEN
runs init SINCE=2026-11-24T00:00:00Z
ok $? 'warehouse-to-conversions: init says where to begin'
timeout 60 make -s preview-meta >out 2>err
contains out 'purchase-9007199254740993' 'a preview shows what would be sent'
is "$(cat ledger)" '' 'and sends nothing'
is "$(cd state && echo *)" 'google.since meta.since' \
	'nor does it leave a cursor, which a run under way would take for its own'
runs -k sync
contains err 'Error 1' 'a run with a purchase refused says so'
is "$(asked 'select(.path | endswith("/events")) | [.body.data[].event_id]')" \
	'["purchase-9007199254740993","purchase-9007199254740995"]' \
	'Meta gets the purchases of people it can know'
is "$(asked 'select(.path == "/events:ingest") |
	.body.events[0].userData.userIdentifiers[0].emailAddress')" \
	'"62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"' \
	'Google gets addresses hashed'
contains state/meta.rejects '"line":3' 'the one that cannot be sent is listed'
is "$(cat state/meta.since state/google.since)" \
	"$(printf '%s\n' 2026-11-24T12:00:00Z 2026-11-24T12:00:00Z)" \
	'both go on behind the last purchase'
sqlite3 warehouse.db "INSERT INTO purchase VALUES
	(8, 1, '2026-11-25T09:00:00Z', 1.5, 'USD', NULL, 'Mozilla/5.0')"
META_TOKEN=wrong runs -k sync
contains err 'Error 77' 'a token that is refused fails the run'
is "$(cat state/meta.since)" 2026-11-24T12:00:00Z 'and its cursor stays'
is "$(cat state/google.since)" 2026-11-25T09:00:00Z 'the other one moves'
: >ledger
by_cron META_TOKEN GOOGLE_APPLICATION_CREDENTIALS
is "$(asked 'select(.path | endswith("/events")) | [.body.data[].event_id]')" \
	'["purchase-8"]' 'the next run, by cron, delivers what the failed one did not'
contains state/meta.rejects '"line":3' 'and what was refused before is still listed'
# One tool dies in the middle, and the one behind it refuses a purchase: 1 is the
# last status that is not 0, and not all that was read is on its way.
mkdir shim
printf '#!/bin/sh\n%s/bin/retl-map "$@" | head -n 1\nexit 70\n' "$B" >shim/retl-map
printf '#!/bin/sh\n%s/bin/retl-hash "$@"\nexit 1\n' "$B" >shim/retl-hash
chmod +x shim/*
sqlite3 warehouse.db "INSERT INTO purchase VALUES
	(9, 1, '2026-11-25T10:00:00Z', 1.5, 'USD', NULL, 'Mozilla/5.0'),
	(10, 1, '2026-11-25T11:00:00Z', 1.5, 'USD', NULL, 'Mozilla/5.0')"
PATH=$PWD/shim:$PATH runs sync-meta
contains err 'Error 70' 'a tool that dies before one that refuses is what the run ends with'
is "$(cat state/meta.since)" 2026-11-25T09:00:00Z 'and the cursor stays'
: >ledger
runs sync-meta
is "$(asked 'select(.path | endswith("/events")) | [.body.data[].event_id]')" \
	'["purchase-8","purchase-9","purchase-10"]' 'so that the next run brings all'
done_with_it warehouse-to-conversions

# ---- warehouse-to-crm ----

example warehouse-to-crm <<\EOF
[{"method": "POST", "path": "/crm/v3/objects/contacts/batch/upsert",
  "answer": "{status: 200, body: {status: \"COMPLETE\", results: [.body.inputs[] | {id: \"9\", objectWriteTraceId}]}}"},
 {"method": "POST", "path": "/crm/v3/objects/contacts/batch/read",
  "answer": "{status: 200, body: {status: \"COMPLETE\", results: [.body.inputs[] | {id: \"hs-\\(.id)\", properties: {customer_no: .id}}]}}"},
 {"method": "POST", "path": "/crm/v3/objects/contacts/batch/archive", "answer": "{status: 204}"},
 {"method": "PATCH", "path": "/services/data/v67.0/composite/sobjects/Contact/Customer_No__c",
  "answer": "{status: 200, body: [.body.records[] | {id: \"003\", success: true, errors: []}]}"},
 {"method": "GET", "path": "/services/data/v67.0/query",
  "answer": "{status: 200, body: {done: true, records: [{Id: \"0031\", Customer_No__c: \"9007199254740995\"}]}}"},
 {"method": "DELETE", "path": "/services/data/v67.0/composite/sobjects",
  "answer": "{status: 200, body: [{id: \"0031\", success: true, errors: []}]}"}]
EOF
setting hubspot.json '. + {base_url: $at}'
setting salesforce.json '. + {instance_url: $at}'
HUBSPOT_TOKEN=h SF_ACCESS_TOKEN=s
export HUBSPOT_TOKEN SF_ACCESS_TOKEN
runs init
ok $? 'warehouse-to-crm: init makes a state for each' "$(cat err)"
runs -k sync
ok $? 'the first run delivers all' "$(cat err)"
is "$(asked 'select(.path | endswith("/upsert")) |
	.body.inputs[0].properties | [.customer_no, .lifetime_value]')" \
	'["9007199254740993","20"]' \
	'HubSpot gets what the warehouse knows, as text'
is "$(asked 'select(.method == "PATCH") |
	[.body.records[].Customer_No__c]')" \
	'["9007199254740993","9007199254740995","9007199254740997"]' \
	'Salesforce gets each customer by number'
: >ledger
runs -k sync
is "$(cat ledger)" '' 'a second run has nothing to send'
sqlite3 warehouse.db "UPDATE customer SET plan = 'pro' WHERE id = 9007199254740997;
	DELETE FROM customer WHERE id = 9007199254740995"
locked hubspot
by_cron HUBSPOT_TOKEN SF_ACCESS_TOKEN
ok $? 'the third run, by cron' "$(cat sync.log)"
is "$(asked 'select(.path | endswith("/upsert")) | .body.inputs[].properties')" \
	'{"customer_no":"9007199254740997","plan":"pro"}' \
	'of a customer who changed only what changed is sent'
is "$(asked 'select(.path | endswith("/archive")) | .body')" \
	'{"inputs":[{"id":"hs-9007199254740995"}]}' 'who is gone is archived'
contains ledger 'ids=0031' 'and deleted in Salesforce'
echo '# another word' >>hubspot.jq
runs sync-hubspot
contains err '--bind mapping: the state is bound to another' 'a changed mapping is refused'
runs sync-hubspot DIFF=--rebase
ok $? 'until it is said how to go on' "$(cat err)"
: >ledger
sqlite3 warehouse.db 'DELETE FROM customer'
runs sync-hubspot
contains err 'Error 65' 'that all customers are gone is not believed'
is "$(cat ledger)" '' 'and nothing is archived'
runs sync-hubspot DIFF='--max-removed 100%'
ok $? 'unless it is said' "$(cat err)"
contains ledger /archive 'then it is done'
done_with_it warehouse-to-crm

# ---- warehouse-to-support ----

example warehouse-to-support <<\EOF
[{"method": "POST", "path": "/organizations/create_or_update",
  "answer": "{status: 201, body: {organization: {id: 1}}}"},
 {"method": "POST", "path": "/companies", "answer": "{status: 200, body: {type: \"company\", id: \"c\"}}"}]
EOF
setting zendesk.json '. + {base_url: $at}'
setting intercom.json '. + {base_url: $at}'
ZENDESK_EMAIL=a@example.com ZENDESK_API_TOKEN=z INTERCOM_ACCESS_TOKEN=i
export ZENDESK_EMAIL ZENDESK_API_TOKEN INTERCOM_ACCESS_TOKEN
runs init
runs -k sync
ok $? 'warehouse-to-support: the first run delivers all' "$(cat err)"
is "$(asked 'select(.path | endswith("update")) |
	.body.organization | [.external_id, .organization_fields.health]' | sort)" \
	"$(printf '%s\n' '["9007199254740993","green"]' '["9007199254740995","yellow"]')" \
	'Zendesk learns how each account is doing'
: >ledger
sqlite3 warehouse.db 'UPDATE usage SET days_idle = 40
	WHERE account_id = 9007199254740995'
by_cron ZENDESK_EMAIL ZENDESK_API_TOKEN INTERCOM_ACCESS_TOKEN
is "$(asked 'select(.path == "/companies") | .body')" \
	'{"company_id":"9007199254740995","custom_attributes":{"health":"red"}}' \
	'and Intercom, when it changes'
done_with_it warehouse-to-support

# ---- warehouse-to-audiences ----

example warehouse-to-audiences <<\EOF
[{"method": "POST", "path": "/token",
  "answer": "{status: 200, body: {access_token: \"t\", expires_in: 3599}}"},
 {"method": "POST", "path": "/23850000000000000/users",
  "answer": "{status: 200, body: {num_received: (.body.payload.data | length), num_invalid_entries: 0}}"},
 {"method": "DELETE", "path": "/23850000000000000/users",
  "answer": "{status: 200, body: {num_received: (.body.payload.data | length), num_invalid_entries: 0}}"},
 {"method": "POST", "path": "/v1/audienceMembers:", "answer": "{status: 200, body: {requestId: \"r\"}}"},
 {"method": "GET", "path": "/v1/requestStatus:retrieve",
  "answer": "{status: 200, body: {requestStatusPerDestination: [{requestStatus: \"SUCCESS\"}]}}"}]
EOF
setting meta.json '. + {base_url: $at}'
setting google.json '. + {base_url: $at}'
jq -n --arg at "$at" '{type: "authorized_user", client_id: "c",
	client_secret: "s", refresh_token: "r", token_uri: "\($at)/token"}' >adc.json
sha() {
	printf %s "$1" | openssl dgst -sha256 -r | cut -d' ' -f1
}
# members METHOD PATH: the digests of addresses that a vendor was told.
members() {
	asked "select(.method == \"$1\" and (.path | startswith(\"$2\"))) |
		(.body.payload.data[]?[1]),
		(.body.audienceMembers[]?.userData.userIdentifiers[] |
			.emailAddress // empty)" | tr -d '"' | sort
}
runs init
ok $? 'warehouse-to-audiences: init takes the identity from the contract' "$(cat err)"
runs -k sync
ok $? 'the first run adds all who agreed' "$(cat err)"
is "$(members POST /2385 | wc -l) $(members POST /v1/audienceMembers:ingest | wc -l)" \
	'6 6' 'to both'
lacks ledger '@' 'no address leaves in clear'
cat state/*/*.ndjson >kept
contains kept "$(sha person@example.com)" 'digests are kept'
lacks kept '@' 'and no address'
: >ledger
sqlite3 warehouse.db "UPDATE customer SET email = 'new@example.com' WHERE id = 2;
	UPDATE customer SET may_advertise = 0 WHERE id = 3"
by_cron META_TOKEN GOOGLE_APPLICATION_CREDENTIALS
ok $? 'one has a new address, one takes the permission back' "$(cat sync.log)"
gone=$(printf '%s\n' "$(sha person@example.com)" "$(sha grace@example.com)" | sort)
is "$(members DELETE /2385)" "$gone" 'Meta takes out the old address and who left'
is "$(members POST /v1/audienceMembers:remove)" "$gone" 'and so does Google'
is "$(members POST /v1/audienceMembers:ingest)" "$(sha new@example.com)" \
	'the new address is added'
done_with_it warehouse-to-audiences

# ---- sheet-to-slack ----

# A workbook of one tab, behind a server that checks the assertions.
book() {
	jq -n --args '{sheets: [{title: "Requests", gid: 0, rows:
		([["ticket", "subject", "from", "due"]] +
		($ARGS.positional | map(split("|"))))}]}' "$@" >book.json
	mock_stop sheet
	mock_start sheet sheetsd --book book.json --key pub.pem --issuer sa@p \
		--scope 'https://www.googleapis.com/auth/spreadsheets.readonly https://www.googleapis.com/auth/drive.metadata.readonly'
	GOOGLE_SHEETS_EMULATOR_HOST=$(mock_url sheet)
	export GOOGLE_SHEETS_EMULATOR_HOST
	jq -n --rawfile k key.pem --arg u "$GOOGLE_SHEETS_EMULATOR_HOST/token" '{
		type: "service_account", private_key: $k, client_email: "sa@p",
		token_uri: $u}' >adc.json
}
example sheet-to-slack <<\EOF
[{"method": "POST", "path": "/services/T0/B0/x", "answer": "{status: 200, body: \"ok\"}"}]
EOF
openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
SLACK_WEBHOOK_URL=$at/services/T0/B0/x
export SLACK_WEBHOOK_URL
sed 's/1aBcDeFgHiJkLmNoPqRsTuVwXyZ/book-1/' source.json >s.json && mv s.json source.json
book 'R-1|Old|Ada|'
runs init
ok $? 'sheet-to-slack: init takes what is there for old news' "$(cat err)"
book 'R-1|Old, changed|Ada|' 'R-2|<New> & urgent|Zoë|2026-12-01'
by_cron SLACK_WEBHOOK_URL GOOGLE_APPLICATION_CREDENTIALS \
	GOOGLE_SHEETS_EMULATOR_HOST
ok $? 'a new row' "$(cat sync.log)"
is "$(asked '.body.text')" \
	'"*&lt;New&gt; &amp; urgent*\nfrom Zoë, wanted by 2026-12-01"' \
	'is one message, and a changed one is none'
mock_stop sheet
done_with_it sheet-to-slack
done_testing

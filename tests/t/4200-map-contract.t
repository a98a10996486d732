#!/bin/sh
# retl-map with a contract: what is checked, what goes on, what of a removal.
# shellcheck disable=SC2016 # the dollars are jq's
. "$(dirname "$0")/../lib.sh"
[ -x "$B/bin/retl-map" ] || skip_all 'retl-map is not built'

mkdir -p contracts/test
cat >contracts/test/person.json <<\END
{"name": "test/person", "api": {"version": "v1", "checked": "2026-11-22"},
 "settings": {"list": {"account": true}, "on_remove": {"enum": ["delete", "ignore"], "default": "delete"},
              "token": {"env": "TEST_TOKEN", "secret": true}, "rate": {"type": "integer", "default": 7}},
 "base_url": "http://127.0.0.1:1", "auth": {"type": "bearer", "token": "{token}"},
 "record": {"properties": {"email": {"type": "string", "format": "email", "normalize": ["trim", "lower"]},
                           "age": {"type": "integer", "minimum": 0},
                           "plan": {"enum": ["free", "pro"], "default": "free"},
                           "note": {"type": "string", "null": "clear"}},
            "required": ["age"], "additionalProperties": false},
 "key": ["email"], "clear": "",
 "changes": {"DiffAdded": "put", "DiffUpdated": "put", "DiffRemoved": "{on_remove}"},
 "operations": {"put": {"request": {"method": "POST", "url": "/people/{list}", "item": "."}, "results": "{status: \"delivered\"}"},
                "delete": {"request": {"method": "DELETE", "url": "/people/{list}/{record.email}"}, "results": "{status: \"delivered\"}"},
                "ignore": null}}
END
retl_map() {
	retl-map -c test/person --set list=1 "$@"
}
map='{email: .mail, age: .years, note: .note}'
echo '{"mail":" A@x.org ","years":30,"note":null}' >row
exits 0 'a contract' retl-map -c test/person --set list=1 -e "$map" row
is "$(cat out)" '{"email":" A@x.org ","age":30,"note":"","plan":"free"}' \
	'defaults and nulls are settled, values stay as they are' || cat err

# ---- every fault is named ----

cat >bad <<\END
{"mail":"no","years":-1,"note":5,"id":1}
{"mail":"b@x.org","years":9007199254740993,"note":"n","id":2}
END
sealed bad >in
exits 1 'a record with faults' retl-map -c test/person --set list=1 --rejects rej -e "$map" in
is "$(wc -l <rej)" 1 'is refused'
for f in email age note; do
	contains rej "\"field\":\"$f\"" "and $f is named"
done
contains out '{"email":"b@x.org","age":9007199254740993,"note":"n","plan":"free"}' \
	'the other one keeps its digits'
is "$(grep -c '	' out)" 0 'without a stub there is no seal'
lacks err '"no"' 'no value is shown'
exits 1 'a member that the contract does not know' \
	retl-map -c test/person --set list=1 -e "$map"' + {zip: 1}' row
contains err zip 'is named'

# ---- in words that can be acted upon ----

cat >event.json <<\END
{"name": "event", "api": {"checked": "2026-11-22"}, "account": false,
 "base_url": "https://example.com", "auth": {"type": "none"},
 "record": {"properties": {
   "id": {"type": "integer"},
   "email": {"type": "string", "format": "email", "invalid": "omit"},
   "phone": {"type": "string", "normalize": ["e164"]},
   "kind": {"enum": ["email", "website", "app", "phone_call", "chat", "physical_store", "system_generated", "other"]},
   "when": {"format": "unix-seconds", "normalize": ["unix"]},
   "value": {"type": "number"}, "currency": {"format": "iso-4217"},
   "ip": {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
   "tags": {"type": "array", "minItems": 1, "items": {"type": "string"}},
   "note": {"type": "string", "null": "reject"},
   "lines": {"type": "array", "minItems": 2, "items": {"properties": {
     "sku": {"type": "string", "normalize": ["trim"]}}, "required": ["sku"]}}},
  "anyOf": [{"required": ["email"]}, {"required": ["phone"]},
    {"required": ["ip"], "anyOf": [{"required": ["note"]}, {"required": ["tags"]}]}],
  "dependentRequired": {"value": ["currency"]},
  "allOf": [{"properties": {"when": {"maxAge": "7d"}}}]},
 "key": ["id"], "changes": {"DiffAdded": "x"}, "operations": {"x": null}}
END
# told RECORD WANTED NAME: the message of a record that is refused.
told() {
	echo "$1" >row
	retl-map --quiet -c ./event.json \
		-e '. + {email: .mail, when: .ts} | del(.mail, .ts)' row >out 2>err
	is "$(sed 's/^retl-map: error: row:1: //' err)" "$2" "$3"
}
phone='"phone":"+4930123456"'
told "{\"id\":1,$phone,\"kind\":\"shop\"}" \
	'kind: must be one of "email", "website", "app", "phone_call", "chat", "physical_store", "system_generated", "other"' \
	'what may be chosen from'
told "{\"id\":1,$phone,\"value\":12.5,\"currency\":\"Euro\"}" \
	"currency: not a currency's three letters, such as EUR" \
	'what is wrong is not called missing as well'
told "{\"id\":1,$phone,\"ts\":\"yesterday\"}" \
	'when (from ts): not a date and time' \
	'nor is what is no date called too old'
told '{"id":1,"ip":"1.2.3","tags":[],"note":7,"lines":[{"sku":5},{}]}' \
	'ip: not an IPv4 address, and not an IPv6 address; tags: an empty list; note: a number where text is expected; lines/0/sku: a number where text is expected; lines/1/sku: missing' \
	'every fault, also in what is nested, and none that is not there'
told "{\"id\":1.5,$phone,\"lines\":[{}]}" \
	'id: not a whole number; lines/0/sku: missing; lines: fewer than 2 items' \
	'in whole sentences'
told '{"id":1,"mail":"a@","note":null}' \
	'note: null, where a value is needed; one of its members is needed: email, phone, or ip with (note or tags); email (from mail): not an e-mail address, so it was left out' \
	'what the contract leaves out is told where a record is refused for the lack of it'
echo "{\"id\":1,$phone,\"mail\":\"a@\"}" >row
exits 0 'and is no fault otherwise' retl-map -c ./event.json \
	-e '{id, phone, email: .mail}' row
is "$(cat out)" "{\"id\":1,$phone}" 'but left out'

# ---- keys of stubs ----

echo '{"mail":" A@x.org ","years":-1}' >one
sealed one >in
exits 1 'a stub' retl-map --quiet -c test/person --set list=1 -k email -e "$map" in
is "$(sed 's/,"diff_outcome.*//' out)" '{"email":" A@x.org "
'"$(seal 1)" 'has the key as the good record would, and the stream is sealed'
echo '{"mail":5,"years":-1}' >one
sealed one >in
exits 1 'a key that is wrong itself' retl-map --quiet -c test/person --set list=1 -k email -e "$map" in
is "$(cat out)" '' 'makes no stub and no seal'
echo '{"x":"a","years":1}' >one
sealed one >in
exits 1 'a key that fails' retl-map --quiet -c test/person --set list=1 -k plan \
	-e '{email: "a@x.org", age: .x.y, plan: (.years | ascii_upcase)}' in
is "$(cat out)" '' 'is not what its default would be'

# ---- removals ----

cat >gone <<\END
{"mail":"c@x.org","years":-5,"diff_result":"DiffRemoved","diff_id":"r:1"}
{"mail":"d@x.org","years":"x","diff_result":"DiffRemoved","diff_id":"r:2"}
{"mail":null,"years":5,"diff_result":"DiffRemoved","diff_id":"r:3"}
END
sealed gone >in
exits 1 'removals' retl-map --quiet -c test/person --set list=1 \
	-e '{email: .mail, age: (.years + 0)}' in
is "$(sed 's/"code.*//; s/,"plan":"free"//' out)" '{"email":"c@x.org","diff_result":"DiffRemoved","diff_id":"r:1"}
{"email":"d@x.org","diff_result":"DiffRemoved","diff_id":"r:2"}
{"diff_result":"DiffRemoved","diff_id":"r:3","diff_outcome":{"status":"rejected",
'"$(seal 3)" 'need what their operation needs; the rest is left out where it fails'

# ---- without a mapping ----

echo '{"email":"a@x.org","age":1,"diff_result":"DiffUpdated","diff_id":"r:1","diff_changed":["age"]}' >row
exits 0 'a contract alone' retl-map -c test/person --set list=1 row
is "$(cat out)" '{"email":"a@x.org","age":1,"plan":"free","diff_result":"DiffUpdated","diff_id":"r:1","diff_changed":["age"]}' \
	'checks records that are the destination'\''s already'

# ---- settings ----

echo '{"a":1}' >row
TEST_TOKEN=hush retl-map -c test/person --set list=5 \
	-e '{email: "a@x.org", age: $settings.rate, note: ($settings | tojson)}' row >out 2>err
contains out '"age":7' 'settings have their type'
printf '{email: .mail, # $settings.listt\n age: $settings.rat, note: "\\($settings.token)"}' >map.jq
retl_map -m map.jq row >out 2>err
is "$(head -n 2 err)" \
	'retl-map: warning: map.jq:2: $settings.rat: test/person has no such setting, so it is null
retl-map: warning: map.jq:2: $settings.token: a secret, which no mapping sees, so it is null' \
	'one that is misspelt, and a secret, are told'
lacks out hush 'secrets are none of them'
exits 66 'a contract that is not there' retl-map -c test/nobody -e . row
exits 64 '--on without a contract' retl-map --on removed=skip -e . row

# ---- --explain ----

cat >want <<\END
MEMBER  FROM  RUNS    NOTE
mail    mail  native
plan    p     libjq   because of gsub
email                 missing: a key of the contract
age                   missing: required by the contract
END
retl_map --explain -e '{mail, plan: (.p | gsub(" "; ""))}' >out 2>err
same want out '--explain tells what the contract demands and nobody makes'
retl_map --explain >out 2>err
contains out '(all)' 'and what happens without a mapping'

done_testing

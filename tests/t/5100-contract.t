#!/bin/sh
# How contracts are found, read, checked, and given their settings.
. "$(dirname "$0")/../lib.sh"

export RETL_TEST_CLOCK=1795305600 # 2026-11-22
unset T_TOKEN T_RATE

mkdir -p contracts/t
cat >contracts/t/base.json <<\E
{"$schema": "../contract.schema.json", "name": "t/base",
 "api": {"version": "v1", "checked": "2026-11-22"},
 "settings": {
   "token": {"env": "T_TOKEN", "secret": true},
   "code": {"from": "token", "capture": "-([a-z]+)$", "account": true},
   "list": {"account": true, "optional": true, "pattern": "^[0-9]+$"},
   "rate": {"type": "integer", "minimum": 1, "default": 100, "env": "T_RATE"},
   "width": {"type": "integer", "default": 3},
   "column": {"default": "id"}},
 "base_url": "https://example.com/{api_version}/{list}", "auth": {"type": "bearer", "token": "{token}"},
 "record": {"properties": {"id": {}, "name": {"normalize": ["first=$width"]}}},
 "key": ["{column}"],
 "changes": {"DiffAdded": "put"},
 "operations": {"put": {"request": {"method": "POST", "url": "/p", "item": "."}}, "off": null}}
E

echo '{"id":1,"name":"abcdef"}' >in

# with MEMBER VALUE: ./c.json is t/base with that member replaced (jq path).
with() {
	jq -c "$1 = $2" contracts/t/base.json >c.json
}
# refuses STATUS TEXT NAME [ARG...]: ./c.json is not taken, and why.
refuses() {
	want=$1 text=$2 name=$3
	shift 3
	exits "$want" "$name" retl-hash -c ./c.json "$@" in
	contains err "$text" "and says so: $text"
}

# ---- finding ----

exits 0 'a name is found in ./contracts' retl-hash -c t/base in
is "$(cat out)" '{"id":1,"name":"abc"}' 'and applied'
exits 0 'a path works too' retl-hash -c contracts/t/base.json in
mkdir other && mv contracts/t other/
exits 66 'what is not there is named' retl-hash -c t/base in
contains err 't/base: no such contract in ./contracts, ' 'with the folders'
contains err '; retl-push --list-contracts shows which there are' 'and with what to do'
exits 66 'a file that is not there' retl-hash -c absent.json in
contains err '; the path of a file has a slash in it' 'what makes a path is said'
RETL_CONTRACTS=nowhere:$PWD/other retl-hash -c t/base in >out
ok $? '$RETL_CONTRACTS is a list of folders'
rmdir contracts && mv other contracts
mkdir -p contracts/z && cp contracts/t/base.json contracts/z/base.json
exits 78 'a file knows itself by its name' retl-hash -c z/base in
exits 66 'a name leads nowhere else' retl-hash -c ../contracts/t/base in
contains err 'a name has no ".."' 'and says so'

# ---- reading ----

echo '{"name": "x"' >c.json
refuses 78 'c.json:2:1: the text ends too early' 'broken JSON'
echo '[]' >c.json
refuses 78 'not a JSON object' 'another value'
echo '{"name":"x","name":"y"}' >c.json
refuses 78 'name' 'a name that comes twice'
jq -c 'del(.key)' contracts/t/base.json >c.json
refuses 78 'key: missing' 'a member that is required'
with .colour '"red"'
refuses 78 'colour: not a member that is known here' 'a member that is not in the language'
with .operations.put.request.methd '"POST"'
refuses 78 'operations/put/request/methd: not a member' 'at any depth'
with .record.properties.name '{"normalise":["trim"]}'
refuses 78 'record/properties/name/normalise: not a keyword' 'a keyword of the record that is none'
with .record.properties.name.normalize '["trim","shout"]'
refuses 78 "'shout' is not a step" 'a step that is none'
with .record.properties.name.hash '"sha3"'
refuses 78 'record/properties/name/hash' 'a digest that is none'
with .record.properties.name '{"null":"clear"}'
refuses 78 'the contract has no "clear"' 'null: clear without a clear'
with .record.properties.diff_id '{}'
refuses 78 'diff_id: a name that the tools keep' 'a reserved member'
with .record.properties.name '{"type":"integer","default":"x"}'
refuses 78 'a default that its own schema does not take' 'a default that does not fit'
with .record '{"properties":{"id":{},"e":{"hash":"sha256"}},"if":{"properties":{"e":{"minLength":3}}},"then":{"required":["id"]}}'
refuses 78 'a condition on e, which is hashed' 'a condition that hashing would turn round'
with .record '{"properties":{"id":{}},"anyOf":[{"properties":{"e":{"hash":"sha256"}}}]}'
refuses 78 'have no effect under allOf, anyOf' 'a hash where it has no effect'
with .record '{"properties":{"x":{}},"additionalProperties":false}'
refuses 78 'key: id is not a member of the record' 'a key that no record can have'
with .changes.DiffRemoved '"purge"'
refuses 78 "changes/DiffRemoved: 'purge' is no operation of t/base: put, off" 'a change that leads nowhere'

# ---- extends, lines, files ----

cat >contracts/t/more.json <<\E
{"name": "t/more", "extends": "t/base", "settings": {"width": {"default": 1}, "rate": null},
 "api": {"version": "v2"}}
E
retl-hash -c t/more in >out
is "$(cat out)" '{"id":1,"name":"a"}' 'extends merges one contract over another'
exits 64 'null takes a member away' retl-hash -c t/more --set rate=1 in
echo '{"name": "t/third", "extends": "t/more"}' >contracts/t/third.json
exits 78 'but only over one' retl-hash -c t/third in
with .operations.put.request.item '[".", "| ."]'
exits 0 'a program may be a list of lines' retl-hash -c ./c.json in
with .operations.put.request.item '"@item.jq"'
refuses 78 ': "@item.jq": ' 'a file of a program must be there'
echo . >item.jq
exits 0 'beside the contract' retl-hash -c ./c.json in
with .operations.put.request.item '"@../item.jq"'
refuses 78 'must lie beside the contract' 'and nowhere else'

# ---- settings ----

exits 64 'a setting that is none' retl-hash -c t/base --set rte=1 in
contains err "did you mean 'rate'?" 'with the one that was meant'
exits 64 'a secret is refused on the command line' retl-hash -c t/base --set token=abcd-x in
lacks err 'abcd' 'and not shown'
exits 64 '--set without a value' retl-hash -c t/base --set rate in
exits 64 'a value its keywords refuse' retl-hash -c t/base --set rate=0 in
contains err "setting 'rate' (from --set): less than 1" 'with the reason'
exits 64 'of the wrong type' retl-hash -c t/base --set rate=many in
exits 64 'or the wrong form' retl-hash -c t/base --set list=x in
exits 78 'the environment is checked alike' env T_RATE=x retl-hash -c t/base in
contains err 'from T_RATE' 'and named'
exits 0 'an empty variable is none' env T_RATE= retl-hash -c t/base in
retl-hash -c t/base --set width=2 in >out
is "$(cat out)" '{"id":1,"name":"ab"}' 'a setting is used'
echo '{"width": 5, "token": "abcd-us"}' >s.json
retl-hash -c t/base --settings s.json in >out
is "$(cat out)" '{"id":1,"name":"abcde"}' '--settings FILE gives settings, secrets too'
retl-hash -c t/base --settings s.json --set width=4 in >out
is "$(cat out)" '{"id":1,"name":"abcd"}' '--set counts before it'
echo '{"width": "3"}' >s.json
retl-hash -c t/base --settings s.json in >out
is "$(cat out)" '{"id":1,"name":"abc"}' 'a text in the file is the number, as elsewhere'
echo '{"widht": 5}' >s.json
exits 78 'a slip in the file' retl-hash -c t/base --settings s.json in
echo '{"width": ' >s.json
exits 78 'a broken file' retl-hash -c t/base --settings s.json in
exits 66 'no file' retl-hash -c t/base --settings nowhere in
echo '{"n":1,"name":"abc"}' >named
retl-hash -c t/base --set column=n named >out
is "$(cat out)" '{"n":1,"name":"abc"}' 'a setting names the key'
echo '{"token": "nodash"}' >s.json
exits 78 'a derived setting that cannot be derived' retl-hash -c t/base --settings s.json in
contains err "setting 'code': cannot be taken from 'token'" 'is named'
lacks err 'nodash' 'without the secret'
with .record.properties.name.normalize '["first=$wide"]'
refuses 78 'there is no such setting' 'a step with a setting that is none'
with .settings.width '{"type":"integer"}'
refuses 78 "setting 'width' has no value: give --set width=..., or put it into --settings FILE" \
	'a setting that is needed'

with .record.properties.name.normalize '["cut=$token"]'
T_TOKEN=abcd-us refuses 78 'a secret, which cannot stand where it would be shown' 'a secret in a step'
with .key '["{token}"]'
T_TOKEN=abcd-us refuses 78 'a secret, which cannot' 'or as a name'
printf '{"n\\u0061me": "x"}' >c.json
refuses 78 'a member name with a backslash' 'a name of a contract that is escaped'

# ---- operations ----

exits 64 '--on takes three kinds' retl-hash -c t/base --on moved=skip in
exits 64 'and operations' retl-hash -c t/base --on removed=purge in
contains err "'purge' is no operation" 'that are there'
exits 0 'or skip' retl-hash -c t/base --on removed=skip --on added=off in

# ---- the version's end ----

with .api.retires '"2026-11-22"'
refuses 78 'was retired on 2026-11-22' 'a version that is retired'
exits 0 'but for who chooses one' retl-hash -c ./c.json --set api_version=v2 in
with .api.retires '"2026-12-22"'
exits 0 'a month before' retl-hash -c ./c.json in
contains err 'will be retired on 2026-12-22, in 30 days' 'it warns'
with .api.retires '"2027-12-22"'
exits 0 'a year before' retl-hash -c ./c.json in
is "$(wc -c <err)" 0 'it does not'

# ---- keys ----

with .key '{"any":["id",["a","b"]]}'
echo '{"name":"x"}' >none
exits 1 'any: none of them is refused' retl-hash -c ./c.json none
contains err 'none of these has a value: id, a with b' 'with the choice'
echo '{"a":1,"b":2}' >two
exits 0 'any: all of a list is one' retl-hash -c ./c.json two
echo '{"a":1,"b":""}' >two
exits 1 'an empty one is none' retl-hash -c ./c.json two
with .key '{"one":["id","a"]}'
echo '{"id":1,"a":2}' >two
exits 1 'one: two are too many' retl-hash -c ./c.json two
contains err 'more than one of these has a value: id, a' 'by name'

# ---- what receipts are bound to ----

# to ARG...: the digits behind t/base# in the receipt of a skipped record.
to() {
	echo '{"id":1}' | T_TOKEN=abcd-us retl-push --quiet -c t/base --as added --on added=skip "$@" |
		sed -n 's/.*"to":"t\/base#\([0-9a-f]*\)".*/\1/p'
}
# digits LINE...: what the page says they are.
digits() {
	printf '%s\n' "$@" | head -c -1 | sha256sum | cut -c1-8
}
if [ -x "$B/bin/retl-push" ]; then
	is "$(to --set list=5)" "$(digits https://example.com/v1/5 code=us list=5)" \
		'a receipt is bound to the address and the accounts'
	is "$(to --set list=5 --set rate=7)" "$(to --set list=5)" 'and to nothing else'
	is "$(to --set base_url=http://127.0.0.1:1)" "$(digits http://127.0.0.1:1 code=us)" \
		'another address is another account'
fi

# ---- every contract of ours ----

for c in "$top"/contracts/*/*.json; do
	case $c in *.test.json) continue ;; esac
	name=${c#"$top/contracts/"}
	retl-push --quiet --lint "$c" >err 2>&1
	ok $? "$name is a contract" "$(cat err)"
done

done_testing

#!/bin/sh
# What retl-hash makes of records: digests, what is left alone, what is refused.
. "$(dirname "$0")/../lib.sh"

export RETL_CONTRACTS="$top/contracts"

mkdir -p contracts/t
cat >contracts/t/person.json <<\E
{"name": "t/person", "api": {"checked": "2026-11-22"}, "account": false,
 "base_url": "https://example.com", "auth": {"type": "none"},
 "settings": {"step": {"default": "2"}, "on_remove": {"default": "gone"}},
 "record": {
   "properties": {
     "id": {"type": "integer"},
     "email": {"type": "string", "format": "email", "normalize": ["trim", "lower"], "hash": "sha256"},
     "phone": {"type": "string", "normalize": ["e164"], "hash": "sha256", "invalid": "omit"},
     "name": {"type": "string", "normalize": ["trim", "lower"], "hash": "sha256:base64"},
     "md": {"type": "string", "hash": "md5", "hashed": "reject"},
     "code": {"type": "string", "normalize": ["upper", "first=$step"]},
     "plan": {"enum": ["free", "paid"], "default": "free"},
     "note": {"type": "string", "null": "clear"},
     "must": {"type": "string", "null": "reject"},
     "mails": {"type": "array", "items": {"type": "string", "normalize": ["lower"], "hash": "sha256"}},
     "kin": {"type": "object", "properties": {"email": {"type": "string", "normalize": ["lower"], "hash": "sha256"}, "age": {"type": "integer"}}}
   },
   "additionalProperties": {"type": ["string", "number", "boolean", "null"]}
 },
 "key": ["id"], "clear": "#N/A",
 "changes": {"DiffAdded": "put", "DiffUpdated": "put", "DiffRemoved": "{on_remove}"},
 "operations": {
   "put": {"request": {"method": "POST", "url": "/p", "item": "."}},
   "gone": {"request": {"method": "DELETE", "url": "/p/{record.id}", "item": "{m: .email}"}},
   "ignore": null}}
E

cat >person <<\E
#!/bin/sh
exec retl-hash -c t/person "$@"
E
chmod +x person
PATH=$PWD:$PATH
# Makes ./in of its arguments, a line each, and seals it.
seal_in() {
	printf '%s\n' "$@" >lines
	sealed lines >in
}
sha=$(printf %s a@b.co | sha256sum | cut -c1-64)
SHA=$(echo "$sha" | tr a-f A-F)

# ---- digests ----

echo '{"id":1,"email":" A@b.CO ","x":1.10,"big":9007199254740993,"esc":"\u0041\/"}' >in
person <in >out; ok $? 'a record goes through'
is "$(cat out)" "{\"id\":1,\"email\":\"$sha\",\"x\":1.10,\"big\":9007199254740993,\"esc\":\"\\u0041\\/\",\"plan\":\"free\"}" \
	'what is hashed is normalised first, the rest keeps its bytes, a default is added'
person <out >twice
same out twice 'twice is as once'
echo "{\"id\":1,\"email\":\"$SHA\",\"plan\":\"paid\"}" | person >out
is "$(cat out)" "{\"id\":1,\"email\":\"$sha\",\"plan\":\"paid\"}" 'an upper-case digest is lowered'
printf '{"id":1,"email":" %s\\t","plan":"paid"}\n' "$SHA" | person >out
is "$(cat out)" "{\"id\":1,\"email\":\"$sha\",\"plan\":\"paid\"}" 'blanks around a digest do not make another of it'
echo '{"id":1,"name":" Mary ","plan":"free"}' | person >out
is "$(cat out)" "{\"id\":1,\"name\":\"$(printf mary | openssl dgst -sha256 -binary | openssl base64)\",\"plan\":\"free\"}" \
	'a digest as base64'
person <out >twice
same out twice 'a base64 digest is left alone'
echo '{"id":1,"md":"x","plan":"free"}' | person >out
is "$(cat out)" "{\"id\":1,\"md\":\"$(printf x | md5sum | cut -c1-32)\",\"plan\":\"free\"}" 'MD5'
exits 1 'hashed: reject refuses a digest' sh -c \
	'echo "{\"id\":1,\"md\":\"9dd4e461268c8034f5c8564e155c67a6\"}" | retl-hash -c t/person'
contains err 'md: a digest already' 'and says why'
echo '{"id":1,"mails":["A@b.co","",null,"a@b.co"],"kin":{"email":"A@B.co","age":3,"z":1.0},"plan":"free"}' | person >out
is "$(cat out)" "{\"id\":1,\"mails\":[\"$sha\",\"$sha\"],\"kin\":{\"email\":\"$sha\",\"age\":3,\"z\":1.0},\"plan\":\"free\"}" \
	'elements of lists and members of objects are hashed, empty ones left out'

echo "{\"id\":1,\"md\":\"9dd4e461268c8034f5c8564e155c67a6\"}" >in
exits 0 'but not after hashing' person --check in

# ---- nothing is not hashed ----

echo '{"id":1,"email":"","phone":null,"name":" \u00a0 ","plan":null}' | person >out
is "$(cat out)" '{"id":1,"plan":"free"}' 'null, empty and blank are never hashed'
echo '{"id":1,"note":null,"email":"#N/A","code":"#N/A","plan":"free"}' | person >out
is "$(cat out)" '{"id":1,"note":"#N/A","email":"#N/A","code":"#N/A","plan":"free"}' \
	'what clears a member passes unnormalised and unhashed'
person <out >twice
same out twice 'and does so again'
exits 1 'null: reject refuses null' sh -c 'echo "{\"id\":1,\"must\":null}" | retl-hash -c t/person'
contains err 'must: null' 'by name'
echo '{"id":1,"phone":"n/a","code":"abc","plan":"free"}' | person >out
is "$(cat out)" '{"id":1,"code":"AB","plan":"free"}' 'invalid: omit costs the value, not the record; a step takes a setting'
echo '{"id":1,"code":"abc","plan":"free"}' | person --set step=1 >out
is "$(cat out)" '{"id":1,"code":"A","plan":"free"}' 'and the setting is the one given'

# ---- what would slip through ----

for v in '["a@b.co"]' '{"a":"a@b.co"}' 7 true; do
	echo "{\"id\":1,\"email\":$v}" >in
	exits 1 "a hashed member that is $v is refused" person <in
	lacks out 'a@b.co' 'and its value does not go on'
done
echo '{"id":1,"mails":"a@b.co"}' >in
exits 1 'a text where a list of hashes is expected is refused' person <in
echo '{"id":1,"kin":["a@b.co"]}' >in
exits 1 'a list where an object with a hash is expected is refused' person <in
echo '{"id":1,"kin":{"email":"a@b.co","\u0065mail":"c@d.co"}}' >in
exits 65 'a name repeated in an object that is looked into ends the run' person <in
contains err 'line 1: kin: a member name comes twice' 'with its place'
echo '{"id":1,"email":"a@b.co","\u0065mail":"c@d.co"}' >in
exits 65 'so does one at the top, in another spelling' person <in

# A plan made for names with escapes must not serve the next record.
printf '%s\n' '{"\u0069d":1,"plan":"free"}' '{}' '{"id":2,"plan":"free"}' >in
exits 1 'names with escapes are names' person in
is "$(sed -n 2p out)" '{"id":2,"plan":"free"}' 'and nothing of them stays behind'

cat >ref.json <<\E
{"name": "ref", "api": {"checked": "2026-11-22"}, "account": false,
 "base_url": "https://example.com", "auth": {"type": "none"},
 "record": {"$ref": "#/$defs/person", "$defs": {
   "mail": {"type": "string", "normalize": ["lower"], "hash": "sha256"},
   "person": {"properties": {"id": {}, "email": {"$ref": "#/$defs/mail"},
       "friends": {"type": "array", "items": {"$ref": "#/$defs/person"}}},
     "required": ["email"], "additionalProperties": false}}},
 "key": ["id"], "changes": {}, "operations": {"put": null}}
E
echo '{"id":1,"email":"A@b.co","friends":[{"email":"a@B.co"}]}' | retl-hash -c ./ref.json >out
is "$(cat out)" "{\"id\":1,\"email\":\"$sha\",\"friends\":[{\"email\":\"$sha\"}]}" '$ref leads to rules, and round again'
for r in '{"id":1}' '{"id":1,"email":"a@b.co","x":1}' '{"id":1,"email":"a@b.co","friends":[{"email":"a@b.co","x":1}]}' \
	'{"id":1,"email":"a@b.co","friends":[{}]}' '{"id":1,"email":"a@b.co","friends":[{"email":["a@b.co"]}]}'; do
	echo "$r" >in
	exits 1 "behind a \$ref all holds: $r" retl-hash -c ./ref.json in
done

# ---- refusing ----

cat >in <<\E
{"id":1,"email":"nope","plan":"gold"}
{"id":2,"email":"a@b.co"}
{"email":"a@b.co"}
{"id":"x"}
{"id":null}
E
sealed in >sealed
exits 1 'refused records give 1' person --rejects rej <sealed
is "$(wc -l <out)" 1 'what is refused does not go on, nor does a seal'
is "$(grep -c '"stage":"retl-hash"' rej)" 4 'and is listed'
contains rej '"code":"format","reason":"not an e-mail address","faults":[' 'every fault of it'
contains rej 'must be one of \"free\", \"paid\"' 'in words'
contains rej '{"id":"x"}' 'with the record'
lacks err 'a@b.co' 'no message shows a value'
exits 65 'with --strict the first ends the run' person --strict <sealed
contains err 'line 1: email: not an e-mail address; plan: must be one of' 'with its faults'
sealed in >sealed
exits 1 'with a key refused records go on as stubs' person -k id <sealed
contains out '{"id":1,"diff_outcome":{"status":"rejected","code":"format","field":"email","reason":"not an e-mail address"}}' \
	'that carry it'
is "$(grep -c '"id":null' out)" 0 'a stub without its key is not made'
seal_in '{"id":1,"email":"nope"}'
person -k id <in >out 2>err
is "$(tail -n 1 out)" "$(seal 1)" 'a stub instead of a record keeps the seal'
seal_in '{"id":1,"email":" A@b.co","md":["x"]}'
person -k email,id <in >out 2>err
contains out "{\"email\":\"$sha\",\"id\":1,\"diff_outcome\"" "a stub's key is hashed as the good record's is"
seal_in '{"email":"A@b.co ","diff_outcome":{"status":"rejected"}}'
person <in >out
is "$(head -n 1 out)" "{\"email\":\"$sha\",\"diff_outcome\":{\"status\":\"rejected\"}}" "so is the key of an earlier stage's stub"
is "$(tail -n 1 out)" "$(seal 1)" 'which counts for the seal'
seal_in '{"email":"bad","diff_outcome":{"status":"rejected"}}'
exits 1 'a stub whose key cannot be hashed is dropped' person <in
is "$(wc -c <out)" 0 'and the stream is unsealed'
echo '{"email":"bad","diff_id":"r:1","diff_outcome":{"status":"rejected"}}' | person >out
is "$(cat out)" '{"diff_id":"r:1","diff_outcome":{"status":"rejected"}}' 'with a diff_id it goes on without the key'
echo '{"id":"x","diff_result":"DiffAdded","diff_id":"r:7"}' >in
exits 1 'a refused change goes on as a stub' person <in
contains out '{"diff_result":"DiffAdded","diff_id":"r:7","diff_outcome":{"status":"rejected","code":"type","field":"id"' 'for push'

# ---- removals ----

rm='"diff_result":"DiffRemoved","diff_id":"r:1"'
echo "{\"id\":1,\"plan\":\"gold\",\"code\":5,\"phone\":\"x\",$rm}" | person >out
is "$(cat out)" "{\"id\":1,$rm}" 'of a removal, what fails and is not needed is left out'
echo "{\"id\":1,\"email\":\"bad\",$rm}" >in
exits 1 'what its operation uses is not' person <in
echo "{\"email\":\"a@b.co\",$rm}" >in
exits 1 'nor the key' person <in
exits 0 'a removal that is skipped needs nothing' person --on removed=skip <in
exits 0 'by a setting too' person --set on_remove=ignore <in

# ---- the command line ----

echo '{"e":" A@b.co","l":["A@B.co",""],"n":null,"z":""}' |
	retl-hash -f e=trim,lower,sha256 -f l=lower,sha256 -f n=sha256 -f z=sha256 >out
is "$(cat out)" "{\"e\":\"$sha\",\"l\":[\"$sha\",\"\"],\"n\":null,\"z\":\"\"}" '-f needs no contract, and leaves null and empty as they are'
echo '{"e":" A "}' | retl-hash -f e=trim,lower >out
is "$(cat out)" '{"e":"a"}' '-f without a digest normalises'
echo '{"e":1}' >in
exits 1 '-f refuses a number where text is to be hashed' retl-hash -f e=sha256 <in
contains err 'the step string makes text of a number' 'and says what to do'
echo '{"e":12}' | retl-hash -f e=string,sha256 >out
is "$(cat out)" "{\"e\":\"$(printf 12 | sha256sum | cut -c1-64)\"}" 'which hashes its digits'
seal_in '{"e":"a"}'
exits 65 'a member that no record has ends the run' retl-hash -f f=sha256 <in
contains err "-f 'f=sha256': no record had such a member" 'by name'
is "$(wc -l <out)" 1 'unsealed'
exits 0 'no records, no fault' retl-hash -f f=sha256 </dev/null
for bad in e e= =trim e=trimm e=sha256,trim e=trim,,lower e=first=x diff_id=sha256; do
	exits 64 "-f $bad is a usage error" retl-hash -f "$bad" </dev/null
done
exits 64 'the same member twice is one' retl-hash -f e=trim -f e=lower </dev/null
exits 64 '-f and -c exclude each other' retl-hash -f e=trim -c t/person </dev/null
exits 64 'neither is none' retl-hash </dev/null
exits 64 'two files are one too many' retl-hash -f e=trim a b
exits 66 'a file that is not there' retl-hash -f e=trim nowhere
exits 65 'no JSON ends the run' sh -c 'echo "{" | retl-hash -f e=trim'

# ---- --check ----

seal_in "{ \"id\": 1,\"email\":\"$sha\" ,\"x\":1.0}" "{\"id\":\"bad\",\"email\":\"$SHA\"}"
exits 0 '--check passes what is hashed' person --check <in
same in out 'and changes nothing'
seal_in "{\"id\":1,\"email\":\"$sha\"}" '{"id":2,"phone":"+4930123456"}'
exits 65 '--check ends at the first value that should be hashed' person --check <in
contains err 'line 2: phone: not hashed, and the contract says sha256' 'naming it'
is "$(wc -l <out)" 1 'and what came before is unsealed'
for v in '["a@b.co"]' 7 '"nope"' '{}'; do
	echo "{\"id\":1,\"email\":$v}" >in
	exits 65 "--check takes no $v for a digest" person --check <in
done
echo '{"id":1,"mails":["a@b.co"],"kin":{"email":"x"}}' >in
exits 65 '--check looks into lists and objects' person --check <in
contains err 'mails/0' 'and says where'
echo '{"id":1,"email":"","phone":null,"name":"#N/A"}' >in
exits 0 '--check minds nothing where there is nothing' person --check <in
echo '{"e":"x"}' >in
exits 65 '--check works with -f' retl-hash --check -f e=sha256 <in

# ---- --explain ----

echo '{"id":1,"email":"Secret@b.co","zip":"x"}' >in
exits 0 '--explain prints a table' person --explain in
contains out 'text, 11 characters, not a digest  trim, lower, sha256' 'with kinds and steps'
contains out "$(printf secret@b.co | sha256sum | cut -c1-64)" 'and the digest of a sample'
lacks out 'ecret@' 'and no value'
exits 0 '--explain needs no record' person --explain /dev/null
contains out 'e164, sha256' 'to tell the steps'

# ---- the stream ----

retl-hash -f e=trim </dev/null >out
is "$(wc -c <out)" 0 'nothing gives nothing'
seal 0 | retl-hash -f e=trim >out
is "$(cat out)" "$(seal 0)" 'an empty dataset stays sealed'
echo '{"e":"x"}' >in
exits 74 'a full disk is an error' sh -c 'retl-hash -f e=trim <in >/dev/full'
exits 66 'rejects that cannot be written' retl-hash -f e=trim --rejects /nowhere/x in
exits 65 'a line that is too long' retl-hash -f e=trim --max-record 4 in

done_testing

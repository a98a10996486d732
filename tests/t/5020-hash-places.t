#!/bin/sh
# retl-hash: places below a record's members, keys, what looks like a digest,
# and that neither the order of stages nor the number of workers matters.
. "$(dirname "$0")/../lib.sh"

sum() {
	printf %s "$2" | "$1sum" | cut -d' ' -f1
}

# ---- places ----

cat >in <<\E
{"user_data":{"em":["A@b.c",null," x@Y.z"],"fn":"Q","z":null},"l":[{"id":"a","n":1.10},{"id":null}],"a.b":"K"}
E
retl-hash -f 'user_data.em[]=trim,lower,sha256' -f user_data.fn=lower,md5 \
	-f 'l[].id=sha1' -f 'a\.b=sha512' in >out
ok $? 'members of objects and items of lists'
is "$(jq -r '.user_data.em[0]' out)" "$(sum sha256 a@b.c)" 'each item of a list'
is "$(jq -r '.user_data.em[2]' out)" "$(sum sha256 x@y.z)" 'to the last'
is "$(jq -c '[.user_data.em[1], .user_data.z, .l[1].id]' out)" '[null,null,null]' 'null stays'
is "$(jq -r .user_data.fn out)" "$(sum md5 q)" 'a member of an object'
is "$(jq -r '.l[0].id' out)" "$(sum sha1 a)" 'a member of objects in a list'
is "$(jq -r '.["a.b"]' out)" "$(sum sha512 K)" 'a name with a dot in it'
contains out '"n":1.10' 'what is not named keeps its bytes'
retl-hash -f 'user_data.em[]=trim,lower,sha256' out >again
same out again 'a second run changes nothing'
retl-hash -f user_data.em=lower,sha256 in >out
is "$(jq -r '.user_data.em[0]' out)" "$(sum sha256 a@b.c)" 'without brackets a list is meant item by item too'
exits 1 'a text where a list should be is refused' sh -c \
	"echo '{\"u\":{\"em\":\"a@b.c\"}}' | retl-hash -f 'u.em[]=sha256'"
contains err 'u/em: ' 'by its place'
exits 65 'a place that no record has ends the run' retl-hash -f user_data.ph=sha256 in
for v in null '{"list":null}' '{"list":[]}' '{"list":[{"em":null}]}'; do
	echo "{\"user\":$v}" >hidden
	exits 0 "a place that cannot be seen may be there: $v" \
		retl-hash -f 'user.list[].em=sha256' hidden
	same hidden out 'and nothing is changed'
done
for v in '{}' '{"list":[{}]}'; do
	echo "{\"user\":$v}" >hidden
	exits 65 "one that can be seen not to be is a slip: $v" \
		retl-hash -f 'user.list[].em=sha256' hidden
done
exits 65 'nor an object that is none' retl-hash -f l.id=sha256 in
for bad in a.=trim .a=trim a..b=trim a[=trim a[]b=trim '[]=trim' a[x]=trim 'a\=trim'; do
	exits 64 "-f $bad is a usage error" retl-hash -f "$bad" in
done
exits 64 'an object is not hashed with its members' retl-hash -f a=trim -f a.b=trim in
exits 64 'nor after them' retl-hash -f a.b=trim -f a=trim in

exits 64 'a digest that there is not' retl-hash -f id=trim,sha257 in
contains err "retl-hash: error: -f: record/id: normalize: 'sha257' is not a step" \
	'is named'
contains err 'a digest, such as sha256, goes into hash, or behind the steps of -f' \
	'with where digests stand'

exits 64 'a setting without a contract' retl-hash -f id=trim --set a=b

# ---- keys ----

head -c 40 /dev/urandom | od -An -tx1 | tr -d ' \n' >key
echo '{"id":"abc"}' >in
retl-hash -f id=hmac-sha256=@key in >out
is "$(jq -r .id out)" "$(printf abc | openssl dgst -sha256 -hmac "$(cat key)" | sed 's/.* //')" \
	'HMAC-SHA-256 with the key of a file'
retl-hash -f id=hmac-sha512:base64=@key in >out
is "$(jq -r .id out)" "$(printf abc | openssl dgst -sha512 -hmac "$(cat key)" -binary | base64 -w 0)" \
	'HMAC-SHA-512 in base64'
{ cat key; echo; } >key.lf
retl-hash -f id=hmac-sha512:base64=@key.lf in | cmp -s - out
ok $? 'a line feed at the end is no part of the key'
echo "{\"id\":\"$(sum sha256 abc)\"}" >in
retl-hash -f id=hmac-sha256=@key in >out
is "$(jq -r .id out)" "$(sum sha256 abc | tr -d '\n' | openssl dgst -sha256 -hmac "$(cat key)" | sed 's/.* //')" \
	'what is a digest without the key is hashed as well'
echo short >short
exits 64 'a short key is refused' retl-hash -f id=hmac-sha256=@short in
contains err 'a key has 16 bytes at least' 'and why'
exits 64 'a key that is not there' retl-hash -f id=hmac-sha256=@nowhere in
exits 64 'a key is never on the command line' retl-hash -f id=hmac-sha256=secretsecretsecret in
exits 64 'nor left out' retl-hash -f id=hmac-sha256 in
lacks err secretsecret 'and is not shown'

# ---- what looks like a digest ----

nothing=$(sum sha256 '')
echo "{\"e\":\"$nothing\"}" >in
exits 1 'the digest of nothing is refused' retl-hash -f e=sha256 in
contains err 'the digest of an empty text' 'by its name'
printf '{"id":"0123456789abcdef0123456789abcdef"}\n{"id":"7"}\n' >in
retl-hash -f id=md5 in >out 2>err
ok $? 'what looks like a digest is left as it is'
contains err 'warning: id: some values were digests already' 'but not in silence'
retl-hash -f id=md5 out >again 2>err
is "$(cat err)" '' 'digests only are no reason to warn'
printf '{"id":"1"}\n{"id":"7"}\n' | retl-hash -f id=md5 2>err >out
is "$(cat err)" '' 'nor are values only'

mkdir contracts
cat >contracts/c.json <<\E
{"name": "c", "api": {"checked": "2026-11-22"}, "account": false, "base_url": "https://example.com",
 "auth": {"type": "none"}, "clear": "",
 "record": {"properties": {
   "id": {"type": "integer"},
   "email": {"type": "string", "format": "email", "normalize": ["trim", "lower"], "hash": "sha256"},
   "phone": {"type": "string", "normalize": ["e164=/country", "digits"], "hash": "sha256"},
   "country": {"type": "string", "normalize": ["country"], "hash": "sha256"},
   "ip": {"type": "string", "hashed": "reject"},
   "mails": {"type": "array", "items": {"type": "string", "normalize": ["lower"], "hash": "sha256"}},
   "price": {"type": "string", "normalize": ["string"]},
   "count": {"type": "number", "normalize": ["number"]},
   "ok": {"type": "boolean", "normalize": ["boolean"]}}, "additionalProperties": false},
 "key": ["id"], "changes": {"DiffAdded": "put"},
 "operations": {"put": {"request": {"method": "POST", "url": "/", "item": "."}}}}
E
echo "{\"id\":1,\"email\":\"$nothing\",\"mails\":[\"$nothing\",\"A\"]}" >in
retl-hash -c c in >out
is "$(cat out)" "{\"id\":1,\"mails\":[\"$(sum sha256 a)\"]}" 'a contract leaves out the digest of nothing'
echo "{\"id\":1,\"ip\":\"$(sum sha256 127.0.0.1)\"}" >in
exits 1 'a digest where the value is due is refused' retl-hash -c c in
contains err 'ip: a digest, where the contract wants the value itself' 'and why'
exits 65 'and ends --check' retl-hash -c c --check in
exits 1 'retl-map finds it too' retl-map -c c in
echo '{"id":1,"ip":"0123456789abcdef0123456789abcdef"}' >in
exits 0 'an id of 32 digits is none' retl-hash -c c in
jq -c '.record.properties.ip = {"type": "string", "hash": "md5"}' contracts/c.json >m.json
exits 78 'MD5 of what may be an id needs a word' retl-hash -c ./m.json in
contains err '32 hexadecimal digits may be an MD5 here' 'and says which'
jq -c '.record.properties.ip.hashed = "reject"' m.json >n.json
exits 1 'such as reject' retl-hash -c ./n.json in
jq -c '.record.properties.ip.format = "ipv4"' m.json >n.json
exits 0 'or a format that tells' retl-hash -c ./n.json in
jq -c '.record.properties.email.normalize = ["prefix=/nmae"]' contracts/c.json >n.json
exits 78 'an argument from no member is a slip' retl-hash -c ./n.json in
contains err 'normalize: =/nmae: that is not a member of the record' 'and named'

# ---- types ----

echo '{"id":1,"price":12.50,"count":" 12.50","ok":"No"}' >in
retl-hash -c c in >out
is "$(cat out)" '{"id":1,"price":"12.50","count":12.50,"ok":false}' 'money as text or number, as the contract has it'
retl-map -c c in >out
same in out 'retl-map checks it as it would be'
echo '{"id":1,"count":"12,50"}' >in
exits 1 'what is no number is refused' retl-map -c c in
contains err 'count: not a number such as 12 or 12.50' 'and why'

# ---- either order, any number of workers ----

awk 'BEGIN { for (i = 0; i < 30000; i++)
	printf "{\"id\":%d,\"email\":\" U%d@Example.com\",\"phone\":\"%s%d\",\"country\":\"%s\"}\n",
		i, i, i % 3 ? "+49 30 " : "0049 40 ", 1000000 + i, i % 2 ? "DE" : "Germany" }' >in
retl-map -c c -e . in | retl-hash -c c >first
ok $? 'map, then hash'
retl-hash -c c in | retl-map -c c -e . >second
same first second 'hash, then map: the same'
retl-hash -c c first | cmp -s - first
ok $? 'once more changes nothing'
sed '777s/ U/ /;20000s/@/ /' in >faulty
for n in 1 8; do
	retl-hash -c c --threads $n -k id --rejects "rejects.$n" faulty >"out.$n" 2>"err.$n"
	echo $? >>"out.$n"
done
sed 's/rejects.8/rejects.1/' err.8 >err.e
same out.1 out.8 'eight workers write what one writes'
same rejects.1 rejects.8 'and refuse the same'
same err.1 err.e 'and say the same'
exits 64 'no such number of workers' retl-hash -c c --threads 99 in
(cat in; echo '{"id":1,"id":2}') >broken
exits 65 'a broken line ends eight workers too' retl-hash -c c --threads 8 broken
retl-hash -f 'nix=trim' --threads 8 in >out 2>err
is $? 65 'and a member that no record has'

done_testing

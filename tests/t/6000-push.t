#!/bin/sh
# What is sent: batches, bytes, order, addresses, dry runs. No server is needed
# for most of it: a dry run shows the very request.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"

# dry CONTRACT FILE [OPTION...]
dry() {
	name=$1 file=$2
	shift 2
	retl-push -n -c "t/$name" "$@" <"$file" >out 2>err
	status=$?
}

contract plain '{"operations": {"send": {"request": {"url": "/x"}}}}'
contract many '{"operations": {"send": {"batch": {"records": 3},
	"request": {"url": "/x", "body": "{list: $settings.list, inputs: .}"}}}}'

# ---- values ----
cat >in <<\EOF
{"id":9007199254740993,"p":1.10,"s":"\u00e9é\/\ud83d\ude00","o":{"b":[1e2, 1E2]},"n":null,"diff_result":"DiffAdded","diff_id":"r:1"}
EOF
dry plain in
is "$status $(jq -r '.method + " " + .url' out)" '0 POST http://127.0.0.1:9/x' \
	'a dry run shows method and address'
contains out '"body":{"id":9007199254740993,"p":1.10,"s":"\u00e9é\/\ud83d\ude00","o' \
	'values leave as they came'
lacks out '"diff_result"' 'what is reserved is not sent'
is "$(jq -c '[.diff_ids,.lines]' out)" '[["r:1"],[1]]' 'its records are named'
dry many in
contains out '"body":{"list":"one","inputs":[{"id":9007199254740993,"p":1.10,' \
	'in a batch too'

# ---- what records are ----
printf '{"id":%d}\n' 1 2 >bare
dry plain bare
is "$status/$(wc -l <out)" 1/0 'records without diff_result are refused'
contains err 'line 1: diff_result: missing: put retl-diff before, or say --as' \
	'with a word on what to do'
dry plain bare --as added
is "$status/$(wc -l <out)" 0/2 '--as says what they are'
dry plain in --as added
is "$status/$(wc -l <out)" 1/0 'which is not said twice'
dry plain in --on added=skip
is "$status/$(wc -l <out)" 0/0 '--on added=skip'

# ---- batches ----
many() {
	awk -v n="$1" -v m="$2" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"id\":%d%s}\n", i % m, "" }'
}
many 8 100 >eight
dry many eight --as added
is "$(jq -c .lines out | tr '\n' ' ')" '[1,2,3] [4,5,6] [7,8] ' \
	'batches are full but for the last'
many 7 3 >keys
dry many keys --as added
is "$(jq -c .lines out | tr '\n' ' ')" '[1,2,3] [4,5,6] [7] ' \
	'no key is twice in a batch'
printf '{"id":%s}\n' 1 1.0 10e-1 '"1"' >same
dry many same --as added
is "$(jq -c .lines out | tr '\n' ' ')" '[1,4] [2] [3] ' \
	'a key is one value however it is spelled; 1 and "1" are two'
contract bytes '{"operations": {"send": {"batch": {"records": 100, "bytes": 100},
	"request": {"url": "/x", "body": "{list: $settings.list, inputs: .}"}}}}'
many 40 100 >forty
dry bytes forty --as added
is "$(jq -c '.body | tostring | length' out | sort -n | tail -n 1 |
	awk '{ print ($1 <= 100) }')" 1 'no body is larger than it may be'
is "$(jq -c '.lines[]' out | wc -l)" 40 'and all are sent'
is "$(wc -l <out | awk '{ print ($1 <= 7) }')" 1 'in few requests'
awk 'BEGIN { s = sprintf("%200s", ""); printf "{\"id\":1}\n{\"id\":2,\"s\":\"%s\"}\n{\"id\":3}\n", s }' >large
dry bytes large --as added
is "$status/$(jq -c '.lines[]' out | tr '\n' ' ')" '1/1 3 ' \
	'a record that does not fit at all is refused alone'
contract group '{"operations": {"send": {"batch": {"records": 3, "by": ".g"},
	"request": {"url": "/g/{group}"}}}}'
for i in 1 2 3 4 5 6 7; do
	echo "{\"id\":$i,\"g\":\"$((i % 2))/\"}"
done >groups
dry group groups --as added
is "$(jq -r '.url + (.lines | tojson)' out | sed 's/.*g.//' | sort |
	tr '\n' ' ')" '0%2F[2,4,6] 1%2F[1,3,5] 1%2F[7] ' \
	'a batch holds one group'

# ---- a value stays in its place ----
contract place '{"headers": {"X-Name": "{record.h}", "X-Raw": "{+record.r}"},
	"operations": {"send": {"request": {
	"url": "/a/{record.p}/b?q={record.q}&z=1"}}}}'
place() { # PATH QUERY HEADER RAW, as JSON
	printf '%s\n' "{\"id\":1,\"p\":$1,\"q\":$2,\"h\":$3,\"r\":$4}" >one
	dry place one --as added
}
place '"x/../y?z#"' '"a&b=c d"' '"é\r\nEvil: 1"' '"plain"'
is "$(jq -r .url out)" \
	'http://127.0.0.1:9/a/x%2F..%2Fy%3Fz%23/b?q=a%26b%3Dc%20d&z=1' \
	'a value cannot add a path segment or a query member'
is "$(jq -r '.headers["X-Name"]' out)" '%C3%A9%0D%0AEvil%3A%201' \
	'nor a header'
place 1.10 12345678901234567890 true '"x"'
is "$(jq -r '.url + .headers["X-Name"]' out)" \
	'http://127.0.0.1:9/a/1.10/b?q=12345678901234567890&z=1true' \
	'numbers keep their digits'
for bad in '""' '"."' '".."' null '[1]' '{}'; do
	place "$bad" 1 1 1
	is "$status/$(wc -l <out)" 1/0 "$bad in a path refuses the record"
done
place 1 '""' 1 1
is "$status" 0 'an empty value may stand in a query'
place 1 1 1 '"a\nb"'
is "$status/$(wc -l <out)" 1/0 'a control character in a header refuses it'
echo '{"id":1,"p":"x","q":"y"}' >one
dry place one --as added
contains err 'line 1: h: missing' 'the member is named'

# ---- secrets and curl ----
contract secret '{"settings": {"key": {"env": "T_KEY", "secret": true}},
	"auth": {"type": "bearer", "token": "{key}"},
	"operations": {"send": {"request": {"url": "/x"}}}}'
T_KEY='s3cr3t key'
export T_KEY
printf '%s\n' "{\"id\":1,\"s\":\"it's \$HOME \`x\` \\\\\"}" >quote
dry secret quote --as added
is "$(jq -r .headers.authorization out)" 'Bearer {key}' \
	'a dry run shows the place of a secret'
lacks out s3cr3t 'not the secret'
retl-push -n=curl -c t/secret --as added <quote >out 2>err
contains out "'authorization: Bearer '\"\${T_KEY}\"''" \
	'for a shell it is the variable'
sed 's/^curl /printf "%s\\n" /' out >run
sh run >ran
contains ran 'authorization: Bearer s3cr3t key' 'which the shell fills in'
is "$(tail -n 2 ran | head -n 1)" "$(cat quote)" \
	'quoting keeps every byte of the body'
for long in 0 86401 9223372036854775807; do
	exits 64 "--timeout=$long has no end" retl-push --timeout=$long -n -c t/secret quote
done
exits 64 '-n=wget' retl-push -n=wget -c t/secret quote
exits 78 'a secret of a file with Windows line ends' \
	env T_KEY="$(printf 's3cr3t\r')" retl-push -c t/secret --as added quote
contains err 'auth: token has a control character in it, such as the end of a line' \
	'says what is wrong with it'
lacks err s3cr3t 'and shows nothing of it'

# ---- an s that was forgotten ----
contract clear '{"retry": {"attempts": 1}, "settings": {"key": {"env": "T_KEY", "secret": true}},
	"auth": {"type": "bearer", "token": "{key}"}}'
timeout 20 retl-push -c t/clear --as added --set base_url=http://127.0.0.2:1 \
	<quote >out 2>err
contains err 'base_url: http, not https: the credentials go to it in the clear' \
	'credentials do not go out in the clear without a word'
timeout 20 retl-push -c t/clear --as added --set base_url=http://127.0.0.1:1 \
	<quote >out 2>err
lacks err 'in the clear' 'but to this machine'

# ---- only what changed ----
contract patch '{"operations": {"send": {"changed_only": ["lang"],
	"request": {"url": "/x"}}}}'
cat >in <<\EOF
{"id":1,"lang":"de","a":1,"b":2,"c":{"x":1.0},"diff_result":"DiffUpdated","diff_changed":["c"]}
{"id":1,"lang":"de","a":1,"b":2,"diff_result":"DiffAdded"}
{"id":1,"a":1,"diff_result":"DiffUpdated","diff_changed":[]}
EOF
dry patch in
is "$(sed "s/.*\"body\"://; s/,\"diff_ids.*//" out | tr '\n' ' ')" \
	'{"id":1,"lang":"de","c":{"x":1.0}} {"id":1,"lang":"de","a":1,"b":2} {"id":1} ' \
	'changed_only sends key, what it names, and what changed'

# ---- addresses ----
dry plain in --set base_url=http://127.0.0.1:9/v1/
is "$(jq -r .url out | uniq)" http://127.0.0.1:9/v1/x \
	'a slash too many at the end of base_url does no harm'

# ---- what a contract cannot do ----
contract crlf '{"operations": {"send": {"request": {"headers": {"a": "b\r\nc: d"}}}}}'
exits 78 'a contract does not add a header by a line end' retl-push -c t/crlf in
contract keyless '{"settings": {"token": {"secret": true}}, "auth": {"type": "bearer", "token": "{token}"}}'
exits 77 'a secret that no variable holds' retl-push -c t/keyless in
contains err "'token' has no value: put it into --settings FILE" 'is asked for'
done_testing

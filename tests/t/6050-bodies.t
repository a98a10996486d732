#!/bin/sh
# Request bodies: what each type makes of the items, byte by byte, and that no
# value leaves its place.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# body MEMBERS [RECORDS]: an operation with these members; what would be sent
# of the records, in ./body, one after the other.
body() {
	contract one "{\"operations\": {\"send\": $1}}"
	retl-push -n -c t/one --as added <"${2:-in}" >out 2>err
	status=$?
	jq -j '.body' out >body
}
header() {
	jq -r '.headers["content-type"]' out | uniq
}

# ---- json ----
# What only stands around the items is put there without the items being given
# to it; what looks at them is run on them. Both make the same of the same.
printf '{"id":1,"a":"\\u00e9 \\" x"}\n{"id":9007199254740993,"a":1.10}\n' >few
items='[{"id":1,"a":"\u00e9 \" x"},{"id":9007199254740993,"a":1.10}]'
json='{"batch": {"records": 10}, "request": {"url": "/", "item": ".", "body": '
for b in '.|.' '{in: .}|{"in":.}' '{a: {b: [1, ., 2]}, s: $settings.list}|{"a":{"b":[1,.,2]},"s":"one"}' \
	'{a: (., 1)}|{"a":.}' '{a: (1, .)}|{"a":1}' '{a: (1 as $x | .)}|{"a":.}' \
	'{a: ., n: length}|{"a":.,"n":2}' '{a: ., b: .}|{"a":.,"b":.}' \
	'{in: ., id: $run.id[0:0]}|{"in":.,"id":""}'; do
	body "$json\"${b%|*}\"}}" few
	# Not by jq, which would write it anew.
	sed 's/.*"body":\(.*\),"diff_ids".*/\1/' out | tr -d '\n' >body
	printf %s "${b##*|}" | ITEMS=$items awk '{ n = split($0, p, /\./)
		for (i = 1; i <= n; i++) printf "%s%s", p[i], i < n ? ENVIRON["ITEMS"] : "" }' >want
	same want body "json: ${b%|*}"
done

# ---- csv ----
cat >in <<\EOF
{"id":1,"a":"plain","b":"com,ma","c":null}
{"id":9007199254740993,"d":"say \"so\"","a":"line\nend","b":1.10}
{"id":3,"a":"","c":" blanks ","d":{"x":[1, 2]}}
{"id":4,"z,z":true,"a":"\r"}
EOF
csv='{"batch": {"records": 10}, "request": {"url": "/", "type": "csv"'
cat >want <<\EOF
id,a,b,d,c,"z,z"
1,plain,"com,ma",,,
EOF
printf '9007199254740993,"line\nend",1.10,"say ""so""",,\n' >>want
printf '3,"",,"{""x"":[1,2]}"," blanks ",\n4,"\r",,,,true\n' >>want
body "$csv}}"
same want body 'csv: all names, first seen first; quoted where it must be'
is "$(header)" 'text/csv; charset=utf-8' 'with its type'
if command -v sqlite3 >/dev/null; then
	sqlite3 :memory: '.import --csv body t' \
		"SELECT id, hex(a), b, d FROM t" >other 2>&1
	cat >want <<\EOF
1|706C61696E|com,ma|
9007199254740993|6C696E650A656E64|1.10|say "so"
3|||{"x":[1,2]}
4|0D||
EOF
	same want other 'another reader of CSV reads the same'
fi
body "$csv, \"item\": \"{e: .a}\"}}"
printf 'e\nplain\n"line\nend"\n""\n"\r"\n' >want
same want body 'of one column no line is empty'
printf '{"id":1,"a":null}\n{"id":2}\n' >nulls
body "$csv, \"item\": \"{a}\"}}" nulls
printf 'a\n""\n""\n' >want
same want body 'not for null either'
body "$csv, \"item\": \"[.id, .b]\"}}"
printf '1,"com,ma"\n9007199254740993,1.10\n3,\n4,\n' >want
same want body 'lists are lines, without a header'
body "$csv, \"item\": \".id\"}}"
is "$status" 78 'numbers are no lines'
contains err 'csv is made of a list of objects' 'which is said'

# ---- form ----
cat >one <<\EOF
{"id":1,"a&b":"x=1&y=2 é+","n":null,"o":{"k":[1, "&"]},"t":true}
EOF
form='"url": "/", "type": "form"'
body "{\"request\": {$form}}" one
is "$(cat body)" \
	'id=1&a%26b=x%3D1%26y%3D2%20%C3%A9%2B&o=%7B%22k%22%3A%5B1%2C%22%26%22%5D%7D&t=true' \
	'form: no value begins a member, an object is its JSON text'
is "$(header)" application/x-www-form-urlencoded 'with its type'
body "{\"batch\": {\"records\": 10}, \"request\": {$form,
	\"item\": \"{id}\", \"body\": \"{data: ., token: \\\"t\\\"}\"}}"
is "$(cat body)" \
	'data=%5B%7B%22id%22%3A1%7D%2C%7B%22id%22%3A9007199254740993%7D%2C%7B%22id%22%3A3%7D%2C%7B%22id%22%3A4%7D%5D&token=t' \
	'JSON inside a member, with its digits'
body "{\"batch\": {\"records\": 10}, \"request\": {$form,
	\"item\": \"{\\\"ids[]\\\": .id}\"}}"
is "$(cat body)" 'ids%5B%5D=1&ids%5B%5D=9007199254740993&ids%5B%5D=3&ids%5B%5D=4' \
	'a list of objects gives each of their members'

# ---- ndjson, text ----
printf '{"id":1, "s":"a\\nb"}\n{"id":2}\n' >two
body '{"batch": {"records": 10}, "request": {"url": "/", "type": "ndjson"}}' two
printf '{"id":1,"s":"a\\nb"}\n{"id":2}\n' >want
same want body 'ndjson: a line each'
body '{"batch": {"records": 10}, "request": {"url": "/", "type": "text",
	"item": ".id | tostring", "body": "join(\",\")"}}' two
is "$(cat body)" 1,2 'text: items joined'
body '{"request": {"url": "/", "type": "none"}}' two
is "$(jq -c '[.body, .headers]' out | uniq)" '[null,{}]' 'none is none'

# ---- multipart ----
cat >two <<\EOF
{"id":1,"a\"\r\nx: y":"--retl\r\nv"}
{"id":2,"e":"é,"}
EOF
body '{"request": {"url": "/", "type": "multipart"}}' two
mark=$(head -n 1 body | tr -d '\r')
cat >want <<EOF
$mark
content-disposition: form-data; name="id"

1
$mark
content-disposition: form-data; name="a%22%0D%0Ax: y"

--retl
v
EOF
sed -i 's/$/\r/' want
printf '%s--\r\n' "$mark" >>want
head -n 10 body >first
same want first 'multipart: a part each, no name begins a header'
is "$(header | head -n 1)" "multipart/form-data; boundary=${mark#--}" \
	'its type has the boundary'
is "$(header | sort -u | wc -l)" 2 'which is another for other parts'
cp out before
body '{"request": {"url": "/", "type": "multipart"}}' two
same before out 'and the same for the same ones'
body '{"batch": {"records": 9}, "request": {"url": "/", "type": "multipart",
	"item": "{id, e}", "body":
	["{job: {content: {a: 1}, type: \"application/json\"},",
	"file: {content: ., as: \"csv\", filename: \"r\\\"x.csv\", type: \"text/csv\"},",
	"sum: {digest: \"md5\", of: \"file\"}}"]}}' two
cat >want <<\EOF
content-disposition: form-data; name="job"
content-type: application/json

{"a":1}
content-disposition: form-data; name="file"; filename="r%22x.csv"
content-type: text/csv

id,e
1,
2,"é,"

content-disposition: form-data; name="sum"

EOF
printf 'id,e\n1,\n2,"é,"\n' >file.csv
openssl md5 -r file.csv 2>/dev/null | cut -d' ' -f1 >>want
tr -d '\r' <body | grep -v '^--retl' >got
same want got 'files of JSON and of CSV, and the digest of one'
body '{"request": {"url": "/", "type": "multipart", "body":
	"{f: {content: \"x\", type: \"a\\r\\nb: c\"}}"}}' two
is "$status" 78 'no type of a part begins a header'
body '{"request": {"url": "/", "type": "multipart", "body":
	"{f: {content: .id, filename: .none, type: .none, as: .none}}"}}' one
is "$(sed -n '2,4p' body | tr '\r\n' '  ')" \
	'content-disposition: form-data; name="f"    1  ' \
	'a name, a type and a form that are null are none'

# ---- batch.bytes ----
# sizes REQUEST NAME: bodies are within 2000 bytes, and full.
sizes() {
	body "{\"batch\": {\"records\": 500, \"bytes\": 2000}, \"request\":
		{\"url\": \"/\", $1}}" many
	jq -c '.body | if type == "string" then . else tojson end |
		utf8bytelength' out >sizes
	jq -c '.lines[]' out | sort -n >lines
	seq 1 600 >want
	same want lines "$2: every record is there"
	is "$(sort -n sizes | tail -n 1 | awk '{ print ($1 <= 2000) }')" 1 \
		"$2: no body is larger than it may be"
	is "$(sed '$d' sizes | awk '{ s += $1 } END { print (s > 1600 * NR) }')" \
		1 "$2: and they are well filled"
}
awk 'BEGIN { for (i = 1; i <= 600; i++)
	printf "{\"id\":%d,\"name\":\"é & %s\",\"x%d\":%d}\n", i, substr("abcdefghijkl", 1, i % 12), i % 5, i }' >many
sizes '"body": "{a: .}"' json
sizes '"type": "ndjson"' ndjson
sizes '"type": "csv"' csv
sizes '"type": "form", "body": "{a: .}"' form
sizes '"type": "multipart", "body": "{a: {content: ., as: \"csv\"}}"' multipart
sizes '"body": "{a: map(.name), b: map(.id)}"' columns
sizes '"body": "{a: (. + .)}"' twice

# ---- gzip ----
contract packed '{"operations": {"send": {"batch": {"records": 9}, "request":
	{"url": "/g", "gzip": true}}}}'
cat >case.json <<\EOF
[{"name": "gzip", "records": [], "receipts": [], "exchange": [{"request": {
	"method": "POST", "url": "/g",
	"headers": {"content-encoding": "gzip", "content-type": "application/json"},
	"body": [{"id":1},{"id":2}]}, "answer": {}}]}]
EOF
printf '{"id":%d}\n' 1 2 >ids
mock_start play mockapi play --case 1 case.json
retl-push -c t/packed --as added --set base_url="$(mock_url play)" <ids >out 2>err
is "$?/$(counts out)" '0/delivered 2' 'a packed body is delivered'
mock_stop play
ok $? 'and unpacks to what it should'
retl-push -n -c t/packed --as added <ids >out
is "$(jq -c '[.body, .headers["content-encoding"]]' out)" \
	'[[{"id":1},{"id":2}],"gzip"]' 'a dry run shows it as it was'
retl-push -n=curl -c t/packed --as added <ids | sed 's/| curl .*/| gunzip/' >run
is "$(sh run)" '[{"id":1},{"id":2}]' 'curl is given it packed'
contract secret '{"settings": {"key": {"env": "T_KEY", "secret": true}},
	"auth": {"type": "body", "pointer": "/k", "value": "{key}"},
	"operations": {"send": {"batch": {"records": 9}, "request":
	{"url": "/g", "gzip": true, "body": "{list: .}"}}}}'
sed 's/"body": \(.*\)}, "answer"/"body": {"k": "s", "list": \1}}, "answer"/' \
	case.json >secret.json
mock_start play mockapi play --case 1 secret.json
T_KEY=s retl-push -c t/secret --as added --set base_url="$(mock_url play)" \
	<ids >out 2>err
is "$?/$(counts out)" '0/delivered 2' 'a secret is put into the body before'
mock_stop play
ok $? 'it is packed'
done_testing

#!/bin/sh
# The head of a request. One handle of libcurl sends one after the other and is
# told only what differs: nothing of the last request may stay in the next.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

mock_start sink sink --whole whole
push() {
	: >whole
	timeout 30 retl-push --quiet -c "t/$1" --set "base_url=$(mock_url sink)" \
		--as added in >out 2>err
	status=$?
}
# said FILTER: of each request, a line.
said() {
	jq -c "$1" whole
}
for i in 1 2 3; do echo "{\"id\":$i,\"to\":\"a$i\"}"; done >in

# ---- each of several requests ----

contract plain '{"concurrency": 1}'
push plain
is "$status" 0 'three requests, one after the other'
is "$(grep -io '"user-agent":"retl/[0-9.]*"' whole | wc -l)/$(grep -io '"user-agent"' whole | wc -l)" 3/3 \
	'each says once who asks'
is "$(grep -io '"accept-encoding":"[^"]*gzip[^"]*"' whole | wc -l)/$(grep -io '"accept-encoding"' whole | wc -l)" 3/3 \
	'and once what can be unpacked'
is "$(grep -ic '"expect"' whole)" 0 'none waits for a 100'
is "$(said .target)" "$(printf '"/a1"\n"/a2"\n"/a3"')" 'each goes to its own address'
contract named '{"concurrency": 1, "headers": {"User-Agent": "mine/{record.id}", "accept-encoding": "identity"}}'
push named
is "$(said '[.headers | to_entries[] | select(.key | test("^(user-agent|accept-encoding)$"; "i")) | .value]')" \
	"$(printf '["mine/%d","identity"]\n' 1 2 3)" \
	'a contract may say something else, for each record'

# ---- steps of all kinds on one handle ----

contract steps '{"concurrency": 1, "operations": {"send": {"request": null, "steps": [
	{"name": "a", "request": {"method": "POST", "url": "/{record.to}", "item": "{id}",
		"headers": {"x-step": "a"}}},
	{"name": "b", "request": {"method": "GET", "url": "/b", "item": null}},
	{"name": "c", "request": {"method": "POST", "url": "/b", "item": null}},
	{"name": "d", "request": {"method": "DELETE", "url": "/b", "item": null}},
	{"name": "e", "request": {"method": "DELETE", "url": "/b", "item": "{id}"}},
	{"name": "f", "request": {"method": "PUT", "url": "/b?x=1", "item": "{id}", "type": "form"}},
	{"name": "h", "request": {"method": "PATCH", "url": "/b?x=1", "item": "{id}"}}]}}}'
push steps
is "$status" 0 'steps of all kinds'
for i in 1 2 3; do
	cat <<END
["POST","/a$i","{\"id\":$i}","application/json","a",null]
["GET","/b","",null,null,null]
["POST","/b","",null,null,"0"]
["DELETE","/b","",null,null,null]
["DELETE","/b","{\"id\":$i}","application/json",null,null]
["PUT","/b?x=1","id=$i","application/x-www-form-urlencoded",null,null]
["PATCH","/b?x=1","{\"id\":$i}","application/json",null,null]
END
done >want
said '.headers |= with_entries(.key |= ascii_downcase) | [.method, .target, (.body | @base64d),
	.headers["content-type", "x-step"],
	(.headers["content-length"] | select(. == "0") // null)]' >got
same want got 'each has its own method, address, body and headers, and no other'
done_testing

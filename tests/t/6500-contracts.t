#!/bin/sh
# Every contract does what the cases beside it say: what is asked of the vendor,
# byte for byte, and which receipts follow from its answers. A sixth of the
# contracts here, the others in the files that follow.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'

# The case that retl-contract(5) shows, with a contract for it.
mkdir -p page/contracts/acme
awk '/^\.Bd -literal/ { block = 1; next } /^\.Ed/ { block = 0 }
	block && /^\[/ { found = 1 } !block { found = 0 } found' \
	"$top/man/retl-contract.5" >page/contracts/acme/member.test.json
cat >page/contracts/acme/member.json <<'EOF'
{"name": "acme/member", "api": {"version": "v3", "checked": "2026-11-22"},
 "settings": {"token": {"env": "ACME_TOKEN", "secret": true}, "list": {"account": true}},
 "base_url": "https://api.example.com/{api_version}",
 "auth": {"type": "bearer", "token": "{token}"},
 "record": {}, "key": ["email"], "changes": {"DiffAdded": "put"},
 "operations": {"put": {
   "vars": {"trace": "\"\\($run.id)-\\($ref)\""},
   "request": {"method": "POST", "url": "/lists/{list}",
               "headers": {"X-Trace": "{vars.trace}"},
               "item": "{id: $ref} + ."},
   "results": ".done[] | {ref: ., status: \"delivered\"}"}}}
EOF
real_top=$top top=$work/page
play_cases acme/member
top=$real_top

play_contracts 1 6
done_testing

#!/bin/sh
# The examples of retl-contract(5) are contracts.
. "$(dirname "$0")/../lib.sh"

cat >base.json <<\E
{"name": "base", "api": {"version": "1", "checked": "2026-11-22"}, "account": false,
 "settings": {"token": {"secret": true, "env": "T_TOKEN"}, "shop": {"default": "x"}, "rate": {"default": 5},
   "column": {"default": "id"}, "on_remove": {"default": "ignore"}},
 "base_url": "https://example.com", "auth": {"type": "none"},
 "record": {}, "key": ["id"],
 "changes": {"DiffAdded": "put"},
 "operations": {"put": {"request": {"method": "POST", "url": "/p", "item": "."}}, "ignore": null}}
E
T_TOKEN=d2hhdGV2ZXItZm9yLWVu-eu
ACME_TOKEN=$T_TOKEN
export T_TOKEN ACME_TOKEN

# Each literal block that begins with a brace, by itself.
awk '/^\.Bd -literal/ { block = ++n; next }
	/^\.Ed/ { block = 0 }
	block { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print > ("block." block) }' \
	"$top/man/retl-contract.5"
for block in block.*; do
	head -n 1 "$block" | grep -q '^{' || continue
	title=$(head -n 1 "$block" | cut -c1-50)
	jq -s '.[0] * .[1]' base.json "$block" >c.json
	exits 0 "$title ... is read by retl-hash" retl-hash -c ./c.json --explain /dev/null
	[ -x "$B/bin/retl-push" ] || continue
	case $title in *hmac*) T_TOKEN=whsec_d2hhdGV2ZXItZm9yLWVu ;; *) T_TOKEN=d2hhdGV2ZXItZm9yLWVu-eu ;; esac
	exits 0 'and by retl-push' retl-push -c ./c.json --set shop=x -n /dev/null
done

jq '.base_url = "https://{record.host}"' base.json >c.json
exits 78 'a base URL that a record names is refused' retl-hash -c ./c.json --explain /dev/null

done_testing

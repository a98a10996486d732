# For tests of retl-push: small contracts of our own, and servers for them.
# Source it after lib.sh.
# shellcheck shell=sh disable=SC2016,SC2034,SC2154

# contract NAME MEMBERS: contracts/t/NAME.json, the JSON text MEMBERS merged
# over a contract that posts each record to the path that its member "to" names.
contract() {
	mkdir -p contracts/t
	cat >contracts/base.json <<\EOF
{"api": {"version": "1", "checked": "2026-11-22"},
 "settings": {"list": {"account": true, "default": "one"}},
 "base_url": "http://127.0.0.1:9",
 "auth": {"type": "none"},
 "record": {"additionalProperties": {}},
 "key": ["id"],
 "changes": {"DiffAdded": "send", "DiffUpdated": "send", "DiffRemoved": "send"},
 "operations": {"send": {"request":
	{"method": "POST", "url": "/{record.to}", "item": "."}}},
 "answers": {"code": ".code", "reason": ".m"},
 "retry": {"attempts": 3, "first": 0.01, "most": 0.02},
 "concurrency": 4}
EOF
	printf '%s' "$2" | jq -s --arg n "t/$1" '.[0] * .[1] * {name: $n} |
		walk(if type == "object" then with_entries(select(.value != null)) else . end)' \
		contracts/base.json - >"contracts/t/$1.json"
}

# hostile: starts tests/hostile.pl; its address is in $hostile.
hostile() {
	perl "$top/tests/hostile.pl" hostile.port "$@" >/dev/null 2>&1 &
	echo $! >hostile.pid
	at_end 'kill "$(cat hostile.pid)" 2>/dev/null'
	soon test -s hostile.port
	hostile=http://127.0.0.1:$(cat hostile.port)
}

# outcomes FILE: "status http_status code" of each final receipt, by line.
outcomes() {
	jq -rs 'map(select(.status != "sending")) | sort_by(.line)[] |
		[.status, .http_status, .code] | map(select(. != null)) |
		join(" ")' "$1"
}

# counts FILE: "delivered 3, failed 1", in the order of the words.
counts() {
	jq -r '.status' "$1" | sort | uniq -c |
		awk '{ s = s (s == "" ? "" : ", ") $2 " " $1 } END { print s }'
}

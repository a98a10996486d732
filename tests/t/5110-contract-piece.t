#!/bin/sh
# A record that needs nothing done to it leaves as one piece. With a space
# between its members it cannot, and is dealt with member by member: what comes
# of both must be the same, whatever is in them and wherever retl's own members
# stand.
. "$(dirname "$0")/../lib.sh"

contract() {
	cat >"$1.json" <<END
{"name": "$1", "api": {"checked": "2026-11-22"}, "account": false,
 "base_url": "https://example.com", "auth": {"type": "none"}, "key": ["id"], "clear": "",
 "record": {$2},
 "changes": {"DiffAdded": "a", "DiffUpdated": "a", "DiffRemoved": "a"},
 "operations": {"a": {"request": {"method": "POST", "url": "/{record.id}", "item": "."},
                      "results": "{status: \"delivered\"}"}}}
END
}
contract open '"additionalProperties": {}'
contract typed '"properties": {"id": {"type": ["string", "integer"]},
	"n": {"type": "integer"}, "x": {"type": "number"},
	"t": {"type": "string", "maxLength": 3}, "b": {"type": "boolean"},
	"e": {"enum": ["u", "v"]}, "l": {"type": "array"}, "z": {"type": ["string", "null"], "null": "clear"},
	"f": {"type": "string", "format": "email", "normalize": ["lower"]}},
	"required": ["n"], "additionalProperties": {}'
contract whole '"properties": {"n": {"type": "integer"}}, "minProperties": 4,
	"additionalProperties": {}'
contract filled '"properties": {"e": {"default": "u"}}, "additionalProperties": {}'

# ---- members in a fixed order, and values of many kinds ----

awk 'BEGIN {
	srand(7)
	n = split("id n x t b e l z f o", name, " ")
	k = split("1 -7 1.5 1e2 0 \"\" \"u\" \"abc\" \"abcd\" \"A@b.org\" null true [] [1] {} {\"a\":null} \"\\u0041\" 12345678901234567890", value, " ")
	own = "\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:1\""
	gone = "\"diff_result\":\"DiffRemoved\",\"diff_id\":\"r:1\""
	for (i = 0; i < 1500; i++) {
		line = ""
		at = int(rand() * 12)
		for (m = 1; m <= n; m++) {
			if (rand() < 0.04)
				continue
			v = m == 1 && rand() < 0.8 ? "\"k" i "\"" : value[1 + int(rand() * k)]
			if (rand() < 0.75) {
				if (name[m] == "n") v = i
				if (name[m] == "t" || name[m] == "e") v = "\"u\""
				if (name[m] == "b") v = "false"
				if (name[m] == "l") v = "[1,{\"a\":2}]"
				if (name[m] == "f") v = "\"a@b.org\""
			}
			line = line (line == "" ? "" : ",") "\"" name[m] "\":" v
			if (m == at)
				line = line "," (i % 3 ? own : gone)
		}
		if (at > n)
			line = line (line == "" ? "" : ",") (i % 3 ? own : gone)
		print "{" line "}"
	}
}' >in
sed 's/,"\([a-z]*\)":/, "\1":/g' in >apart
grep -q ', "x":' apart
ok $? 'records with spaces'
for c in open typed whole filled; do
	timeout 60 retl-hash -c "./$c.json" --rejects rej.1 in >out.1 2>err.1
	one=$?
	timeout 60 retl-hash -c "./$c.json" --rejects rej.2 apart >out.2 2>err.2
	is "$?" "$one" "$c: both end alike ($one)"
	# What is copied member by member has no spaces between them.
	sed 's/, "\([a-z_]*\)":/,"\1":/g' out.2 >want
	same want out.1 "$c: the same goes on"
	sed 's/, "\([a-z]*\)":/,"\1":/g' rej.2 >want
	same want rej.1 "$c: the same is refused, for the same reasons"
	[ "$(wc -l <out.1)" -gt 100 ] && [ -s rej.1 ]
	ok $? "$c: many went on, some did not"
done

# ---- names that change from record to record ----

awk 'BEGIN { for (i = 0; i < 300; i++) {
	printf "{\"id\":\"k%d\",\"n\":%d", i, i
	for (j = 0; j < i % 3; j++) printf ",\"m%d\":%s", j, i % 5 ? "1" : "null"
	print "}" } }' >in
sed 's/,"/, "/g' in >apart
retl-hash -c ./typed.json in >out.1 2>err
ok $? 'records of three shapes'
retl-hash -c ./typed.json apart 2>err | sed 's/, "/,"/g' >want
same want out.1 'leave as each of them should'
is "$(grep -c null out.1)" 0 'nulls are left out of every shape'

done_testing

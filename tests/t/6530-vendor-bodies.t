#!/bin/sh
# What the cases ask of a vendor, held against the vendor's own description of
# its requests, where there is one that may be had: tests/vendor/.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# described VENDOR I: a contract whose records are bodies of its I-th request.
described() {
	jq --argjson i "$2" '{name: "described", account: false,
		api: {checked: "2026-11-25"}, base_url: "https://example.com",
		auth: {type: "none"}, key: ["n"],
		record: {properties: {body: .operations[$i].schema},
			required: ["body"]},
		changes: {DiffAdded: "put"},
		operations: {put: {request: {method: "POST", url: "/"}}}}' \
		"$top/tests/vendor/$1.json" >described.json
}

# asked VENDOR I: what the cases of its contracts send there, numbered.
asked() {
	jq -c --slurpfile vendor "$top/tests/vendor/$1.json" --argjson i "$2" '
		$vendor[0].operations[$i] as $it | .[] | .exchange[]?.request |
		select(.method == $it.method and (.url | test($it.url)) and
			.body != null) | {n: 1, body}' \
		"$top/contracts/$1"/*.test.json
}

for path in "$top"/tests/vendor/*.json; do
	vendor=${path##*/} vendor=${vendor%.json} i=0
	while [ $i -lt "$(jq '.operations | length' "$path")" ]; do
		what="$vendor $(jq -r --argjson i $i \
			'.operations[$i] | .method + " " + .url' "$path")"
		described "$vendor" $i
		asked "$vendor" $i >bodies
		[ -s bodies ]
		ok $? "$what: some case sends it"
		retl-hash --quiet -c described.json <bodies >out 2>err
		ok $? "$what: what is sent is what the vendor describes" \
			"$(head -n 3 err)"
		is "$(wc -l <out)" "$(wc -l <bodies)" "$what: all of it"
		echo '{"n": 1, "body": 5}' |
			retl-hash --quiet -c described.json >out 2>err
		is $? 1 "$what: something else would be found"
		i=$((i + 1))
	done
done
done_testing

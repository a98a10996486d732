#!/bin/sh
# The bodies that the contracts' cases expect, held against what the vendors
# publish of them: tests/vendor has their descriptions as schemas, each a
# contract of its own, or a list of requests with the schema of each.
. "$(dirname "$0")/../lib.sh"
[ -x "$B/bin/retl-map" ] || skip_all 'retl-map is not built'
command -v jq >/dev/null || skip_all 'jq is missing'

# described CONTRACT VENDOR WRONG: the bodies of CONTRACT's cases fit VENDOR's
# description, and are no longer so after the jq program WRONG.
described() {
	jq -c '.[].exchange[]?.request | select(.method != "GET") | .body | objects' \
		"$top/contracts/$1.test.json" >in
	exits 0 "$1: bodies are held against $2's description" \
		retl-map -c "$top/tests/vendor/$2.json" -e . in
	is "$(cat err)" '' "$1: each is one that it describes"
	is "$(test -s out && echo yes)" yes "$1: there are such bodies"
	jq -c "$3" in >wrong
	exits 65 "$1: a body that is not is found" \
		retl-map -c "$top/tests/vendor/$2.json" --strict -e . wrong
}

described pinterest/event pinterest '.data[0].custom_data.amount = 1'
described google/event google-datamanager '.events[0].adIdentifiers.clickId = "x"'
described google/audience-member google-datamanager \
	'.audienceMembers[0].userData.userIdentifiers = [{addressInfo: {}}]'

# record_of VENDOR I: a contract whose records are bodies of its I-th request.
record_of() {
	jq --argjson i "$2" '{name: "described", account: false,
		api: {checked: "2026-11-25"}, base_url: "https://example.com",
		auth: {type: "none"}, key: ["n"],
		record: {properties: {body: .operations[$i].schema},
			required: ["body"]},
		changes: {DiffAdded: "put"},
		operations: {put: {request: {method: "POST", url: "/"}}}}' \
		"$top/tests/vendor/$1.json" >described.json
}

# asked VENDOR I: what the cases of all its contracts send there, numbered.
asked() {
	jq -c --slurpfile vendor "$top/tests/vendor/$1.json" --argjson i "$2" '
		$vendor[0].operations[$i] as $it | .[] | .exchange[]?.request |
		select(.method == $it.method and (.url | test($it.url)) and
			.body != null) | {n: 1, body}' \
		"$top/contracts/$1"/*.test.json
}

# requests VENDOR: so for each request of the list that VENDOR has.
requests() {
	i=0
	while [ $i -lt "$(jq '.operations | length' "$top/tests/vendor/$1.json")" ]; do
		what="$1 $(jq -r --argjson i $i '.operations[$i] | .method + " " + .url' \
			"$top/tests/vendor/$1.json")"
		record_of "$1" $i
		asked "$1" $i >bodies
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
}

requests intercom
requests mixpanel
requests sendgrid

done_testing

#!/bin/sh
# The bodies that the contracts' cases expect, held against what the vendors
# publish of them: tests/vendor has their descriptions as schemas.
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

done_testing

#!/bin/sh
# JSON Schema's official test suite for draft 2020-12, as Debian packages it.
# JSON_SCHEMA_SUITE names another copy's folder draft2020-12.
. "$(dirname "$0")/../lib.sh"

: "${JSON_SCHEMA_SUITE:=/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance/tests/draft2020-12}"
[ -d "$JSON_SCHEMA_SUITE" ] || {
	echo '1..0 # SKIP there is no JSON Schema test suite (libtest-json-schema-acceptance-perl)'
	exit 0
}

# Files about what contracts do without. retl-contract(5) lists the same.
unsupported='anchor content defs dynamicRef format id refRemote unevaluatedItems
	unevaluatedProperties unknownKeyword vocabulary optional/anchor
	optional/cross-draft optional/dependencies-compatibility
	optional/dynamicRef optional/format-assertion optional/id
	optional/refOfUnknownKeyword optional/unknownKeyword
	optional/format/duration optional/format/ecmascript-regex
	optional/format/idn-hostname optional/format/iri
	optional/format/iri-reference optional/format/json-pointer
	optional/format/regex optional/format/relative-json-pointer
	optional/format/unknown optional/format/uri-reference
	optional/format/uri-template'

# Where the answer is another than the suite's, and why.
cat >differs <<\E
# formats are held against values here, not noted
format	.* is only an annotation by default
# destinations take no address with a quoted name or at a numeric host
optional/format/(idn-)?email	.*(quoted|address-literal).*
# names in other scripts are not decoded
optional/format/hostname	validation of A-label .*
E
grep -v '^#' differs >known

# What a schema is refused for elsewhere: a keyword of the unsupported files.
because='\$(anchor|dynamicRef|dynamicAnchor|vocabulary): not a keyword|unevaluated(Items|Properties): not a keyword|\$ref: leads nowhere|\$schema: only '

is_unsupported() {
	for u in $unsupported; do
		[ "$u" != "$1" ] || return 0
	done
	return 1
}

# none FILE NAME: FILE has no line; the first is shown.
none() {
	ok "$(wc -l <"$1")" "$2" "$(head -n 1 "$1")"
}

for path in "$JSON_SCHEMA_SUITE"/*.json "$JSON_SCHEMA_SUITE"/optional/*.json \
	"$JSON_SCHEMA_SUITE"/optional/format/*.json; do
	file=${path#"$JSON_SCHEMA_SUITE/"}
	file=${file%.json}
	grep -q '"valid"' "$path" || continue
	exits 0 "$file can be played" schemarun "$path"
	grep '^FAIL' out | sed "s|^FAIL|$file|" | grep -vxEf known >unexpected
	none unexpected "$file: no answer is wrong"
	if is_unsupported "$file"; then
		contains "$top/man/retl-contract.5" "$file" \
			"$file: the page says that it is not supported"
		continue
	fi
	grep '^refused' out | grep -vE "$because" >unexpected
	none unexpected "$file: every schema is taken"
	grep -q '^pass' out
	ok $? "$file: some of it passes"
done

done_testing

#!/bin/sh
# What the documents show is what happens: the transcripts in README.md and in
# the pages are run, and the demo.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
for tool in retl-extract retl-sort retl-diff retl-map retl-hash retl-push; do
	[ -x "$B/bin/$tool" ] || skip_all "$tool is not built"
done

# play FILE: a transcript. A line that begins with "$ " is a command, those that
# end with |, && or \ go on in the next one; what follows is what it prints. In
# ./wanted what was shown, in ./got what came, both without what differs from
# run to run: run ids, ports, times, the order in which receipts come. A command that prints nothing in the
# transcript may print what it likes.
play() {
	play_at=$PWD
	: >"$play_at/wanted"
	: >"$play_at/got"
	awk -v quote="'" '
		/^\$ / || more {
			command = more ? command "\n" $0 : substr($0, 3)
			more = /(\||\\|&&)$/ || gsub(quote, quote, command) % 2
			if (!more) { n++; print command > ("command." n) }
			next }
		{ print > ("output." n) }
		END { print n + 0 }' "$1" >count
	i=0
	while [ $i -lt "$(cat "$play_at/count")" ]; do
		i=$((i + 1))
		command=$play_at/command.$i
		echo "\$ $(cat "$command")" |
			tee -a "$play_at/wanted" >>"$play_at/got"
		case $(cat "$command") in
		# What lasts: where we are, and what is exported.
		cd\ * | export\ *) eval "$(cat "$command")" ;;
		*) timeout 60 bash "$command" ;;
		esac >"$play_at/printed" 2>&1
		[ ! -f "$play_at/output.$i" ] || {
			steady <"$play_at/output.$i" | sort >>"$play_at/wanted"
			steady <"$play_at/printed" | sort >>"$play_at/got"
		}
	done
	cd "$play_at" || exit 99
	rm -f command.* output.* printed
}
steady() {
	sed 's/"diff_id":"[^":]*:/"diff_id":"RUN:/g
		s/"to":"\([^"#]*\)#[0-9a-f]*"/"to":"\1#TO"/g
		s/, [0-9]*\.[0-9] s$/, TIME s/
		s/127\.0\.0\.1:[0-9]*/127.0.0.1:PORT/g
		s/[0-9-]\{10\}T[0-9:.]\{8,12\}Z/TIME/g
		s/[[:space:]]*$//'
}

# ---- README.md ----

mkdir readme
cp -r "$top/examples/sqlite-to-webhook" "$top/examples/warehouse-to-crm" readme
cd readme/sqlite-to-webhook || exit 99
sqlite3 shop.db <shop.sql
WEBHOOK_SECRET=whsec_cmV0bC1kZW1vLXJldGwtZGVtby1yZXRsLWRlbW8=
RETL_CONTRACTS=$top/contracts
export WEBHOOK_SECRET RETL_CONTRACTS
mock_start rx receiver --log receiver.log
WEBHOOK_URL=$(mock_url rx)/
export WEBHOOK_URL
awk '/^```/ { on = /console/; next } on' "$top/README.md" >transcript
play transcript
[ "$(cat count)" -gt 0 ]
ok $? 'README.md shows commands'
same wanted got 'README.md shows what they print'
cd "$work" || exit 99

# ---- pages ----

# The literal blocks of EXAMPLES that make their own input, each by itself.
for page in "$top"/man/*.[1-9]; do
	name=$(basename "$page")
	rm -rf page
	mkdir page
	awk '/^\.Sh / { on = /EXAMPLES/ }
		on && /^\.Bd -literal/ { block = ++n; next }
		/^\.Ed/ { block = 0 }
		block { gsub(/\\e/, "\\"); gsub(/\\&/, "")
			print > ("page/block." block) }' "$page"
	for block in page/block.*; do
		grep -qs '^\$ \(printf\|echo\)' "$block" || continue
		mkdir page/run
		mv "$block" page/run/transcript
		cd page/run || exit 99
		play transcript
		same wanted got "$name shows what its examples print"
		cd "$work" || exit 99
		rm -rf page/run
	done
done

# ---- the demo ----

exits 0 'the demo goes through' sh "$top/examples/sqlite-to-webhook/demo.sh" "$B"
is "$(grep -v '^retl-push: [0-9]* delivered' err)" '' 'quietly'
for kind in Added Updated Removed; do
	contains out "\"diff_result\":\"Diff$kind\"" "it shows a Diff$kind"
done
contains out '"id":9007199254740993' 'and an id beyond 2^53'
contains out '"balance":"1.10"' 'and a price with its zero'
contains out 'Zoë Müller' 'and names as they are written'
contains out '"status":"delivered"' 'and receipts'

is "$(grep -n '^\.[DQ]l .* "' "$top"/man/*)" '' \
	'no macro takes the quotes out of what a page shows'
# mandoc ends a quotation with the line, so that the second is within the first.
is "$(grep -n '^\..*Ql .* \(Ql\|No\) ' "$top"/man/*)" '' \
	'what is quoted ends where its quotation mark stands'

done_testing

# Playing the test cases beside a contract; source it after mock.sh. Format of
# a case: tests/mock/lib/cases.h.
# shellcheck shell=sh disable=SC2154

# play_cases CONTRACT: each case of contracts/CONTRACT.test.json is one test. All
# of them have their vendors waiting; each runs in a folder of its own, cases/N.
play_cases() {
	rm -rf cases
	mkdir cases
	mock_start play mockapi stage "$top/contracts/$1.test.json" cases
	play_plan "$1"
	play_n=0
	while IFS= read -r play_contract && IFS= read -r play_settings; do
		play_n=$((play_n + 1))
		mkdir -p "cases/$play_n/contracts/${1%/*}"
		printf '%s\n' "$play_contract" >"cases/$play_n/contracts/$1.json"
		printf '%s\n' "$play_settings" >"cases/$play_n/settings"
		cd "cases/$play_n" || exit
		play_case "$1"
		cd ../.. || exit
	done <play.plans
	is "$play_n" "$(cat play.port)" "$1: each case is played"
	mock_stop play
	play_receipts
	play_n=0
	while [ -d "cases/$((play_n + 1))" ]; do
		play_n=$((play_n + 1))
		cd "cases/$play_n" || exit
		play_verdict "$1"
		cd ../.. || exit
	done
}

# play_contracts I N: the I-th of N shares of all contracts, or the one that
# RETL_TEST_CONTRACT names.
play_contracts() {
	[ -z "${RETL_TEST_CONTRACT:-}" ] || {
		play_whole "$RETL_TEST_CONTRACT"
		return
	}
	play_i=0
	for play_path in "$top"/contracts/*/*.json; do
		case $play_path in *.test.json) continue ;; esac
		play_i=$((play_i % $2 + 1))
		[ "$play_i" = "$1" ] || continue
		play_path=${play_path#"$top"/contracts/}
		play_whole "${play_path%.json}"
	done
}

# play_whole CONTRACT: it has cases beside it, and one for each of its rules.
play_whole() {
	[ -s "$top/contracts/$1.test.json" ]
	ok $? "$1 has cases beside it"
	is "$(rules_unused "$1")" '' "$1 has a case for each rule"
	play_cases "$1"
}

# play_plan CONTRACT: two lines a case in ./play.plans. The contract with what
# the case changes in it (RFC 7396), and waits cut short, those for a job too
# unless a setting says how often to ask; the settings, with the fake vendor in
# the place of the real one. What the contract extends is in ./play.parent, if
# it does.
play_plan() {
	play_file=$top/contracts/$1.json play_extends=
	echo '{}' >play.parent
	! grep -q '"extends"' "$play_file" || {
		play_extends=$(jq -r .extends "$play_file")
		cp "$top/contracts/$play_extends.json" play.parent
	}
	jq -c --slurpfile contract "$play_file" --slurpfile parent play.parent '
		def merged($p):
			if ($p | type) != "object" then $p
			else reduce ($p | to_entries[]) as $e
				(if type == "object" then . else {} end;
				if $e.value == null then del(.[$e.key])
				else .[$e.key] = (.[$e.key] | merged($e.value)) end)
			end;
		def hasty: walk(if type == "object" and (.poll | type) == "object" and
			(.poll.every | type) == "number"
			then .poll += {every: 0.02, most: 0.05} else . end);
		. as $plan | .server as $at |
		($contract[0] * {retry: {first: 0.01, most: 0.05}} | hasty |
			merged($plan.contract)) as $it |
		($parent[0] * $it) as $whole |
		$it, (.settings | map_values(if type == "string" then
				gsub("{server}"; $at) else . end) +
			($whole.base_url | if startswith("https://") then
				{base_url: ($at + (sub("https://[^/]*"; "") |
				gsub("{api_version}"; $whole.api.version)))}
			else {} end))' cases/plans >play.plans 2>play.fault ||
		ok 1 "$1: settings and contracts of the cases" \
			"$(head -n 1 play.fault)"
}

# play_case CONTRACT: the case in this folder. What came of it stays here.
play_case() {
	[ -z "$play_extends" ] || {
		mkdir -p "contracts/${play_extends%/*}"
		cp ../../play.parent "contracts/$play_extends.json"
	}
	if [ -e records ]; then
		mv records in
	else
		[ -s mapping ] || echo . >mapping
		play_tool retl-map --quiet -c "$1" --settings settings \
			-m mapping <rows >mapped 2>err.map
		play_tool retl-hash --quiet -c "$1" --settings settings \
			<mapped >in 2>err.hash
	fi
	# The words of args are words.
	# shellcheck disable=SC2046
	play_tool retl-push -c "$1" --settings settings --concurrency 1 \
		$(cat args) <in >out 2>err
	echo $? >status
}

# play_tool COMMAND...: with the variables of the case.
play_tool() (
	while IFS= read -r play_variable; do
		export "${play_variable?}"
	done <./env
	exec timeout 30 "$@"
)

# play_receipts: one final receipt a record, and in it what the case says: else
# cases/N/wrong.
play_receipts() {
	jq -rn --slurpfile want cases/receipts '
		(reduce inputs as $one ({}; .[input_filename] += [$one])) as $out |
		range($want | length) as $n |
		([$out["cases/\($n + 1)/out"][]? | select(.status != "sending")] |
			sort_by(.line)) as $got |
		range([$want[$n], $got | length] | max) as $i |
		($want[$n][$i] // {}) as $w | ($got[$i] // {}) as $g |
		select($w == {} or $g.to == null or
			($w | to_entries | any(.value != $g[.key]))) |
		"\($n + 1) wanted \($w), got \($g)"' \
		cases/*/out >play.wrong 2>play.fault ||
		ok 1 'receipts are JSON' "$(head -n 1 play.fault)"
	while read -r play_n play_text; do
		printf '%s\n' "$play_text" >>"cases/$play_n/wrong"
	done <play.wrong
}

# play_verdict CONTRACT: what came of the case in this folder is one test.
play_verdict() {
	play_exit='' play_says='' play_status=none
	read -r play_name <name
	[ ! -e status ] || read -r play_status <status
	read -r play_played <played
	read -r play_exit <./exit
	read -r play_says <says
	[ "$play_played" = 0 ] && [ ! -s wrong ] &&
		[ "$play_status" = "${play_exit:-0}" ] &&
		{ [ -z "$play_says" ] || grep -qF "$play_says" err; }
	play_ok=$?
	ok $play_ok "$1: $play_name"
	[ $play_ok = 0 ] || {
		echo "# exit $play_status, wanted ${play_exit:-0}"
		for play_part in wrong play.err err*; do
			[ ! -e "$play_part" ] || cat "$play_part"
		done | cut -c 1-2000 | sed 's/^/# /'
	}
}

# settled IN OUT LEDGER RECORD ENTRY: does what the receipts say agree with what
# the vendor accepted? RECORD and ENTRY are jq: what names a record in the
# stream and in the ledger. Every record has one final receipt; what was
# delivered was accepted, what was rejected or failed was not.
settled() {
	jq -rn --slurpfile in "$1" --slurpfile out "$2" --slurpfile ledger "$3" "
		([\$ledger[] | {key: ($5 | tostring), value: 1}] | from_entries)
			as \$accepted |
		([\$out[] | select(.status != \"sending\") |
			{key: (.line | tostring), value: .status}] |
			group_by(.key)) as \$finals |
		(\$finals | map(.[0]) | from_entries) as \$status |
		(\$finals[] | select(length > 1) | \"line \\(.[0].key) twice\"),
		(range(\$in | length) as \$i | \$status[\$i + 1 | tostring] as \$s |
			(\$in[\$i] | $4 | tostring) as \$id |
			select((\$s == null) or
				(\$s == \"delivered\" and \$accepted[\$id] == null) or
				((\$s == \"rejected\" or \$s == \"failed\") and
					\$accepted[\$id] != null)) |
			\"line \\(\$i + 1): \\(\$s), accepted \\(\$accepted[\$id])\")
		" >settled.wrong 2>&1
	head -n 5 settled.wrong | sed 's/^/# /'
	[ ! -s settled.wrong ]
}

# counts OUT: "delivered 7 rejected 1"
counts() {
	jq -r 'select(.status != "sending") | .status' "$1" | sort | uniq -c |
		awk '{ printf "%s%s %s", (NR > 1 ? " " : ""), $2, $1 }'
}

# rules_unused CONTRACT: the rules that match no answer of the cases beside it.
rules_unused() {
	grep -q '"rules"' "$top/contracts/$1.json" || return 0
	# What it extends may say how the answers are read.
	parent=$(jq -r '.extends // empty' "$top/contracts/$1.json")
	jq -r --slurpfile parent "$top/contracts/${parent:-$1}.json" '
		. as $own | ($parent[0] | {answers, settings}) as $parent |
		.answers = ($own.answers // $parent.answers) |
		.settings = ($parent.settings // {}) * (.settings // {}) |
		def text: if type == "array" then join("\n") else . end;
		def list: if type == "array" then . else [.] end;
		(.answers.code // "null") as $code |
		(.settings | map_values(.default?)) as $defaults |
		"[.[] | . as $case | .exchange[]?.answer |",
		"(\($defaults | tojson) * ($case.settings // {})) as $settings |",
		"(.status // 200) as $status |",
		"{$status, headers: (.headers // {})} as $response |",
		"(.body // null) |",
		"(try (\($code | text)) catch null) as $code | [",
		([.rules[]? |
			"(\((.status // null) | list | tojson) | " +
			". == [null] or index($status) != null) and " +
			"(\((.code // null) | list | tojson) | " +
			". == [null] or index($code) != null) and " +
			"((try (\((.when // "true") | text)) catch false) == true)"
			] | join(",\n")),
		"]] | [transpose[] | any] |",
		"\([.rules[]? | tojson]) as $rules |",
		"range(\(.rules | length)) as $i |",
		"select(.[$i] | not) | $rules[$i]"' \
		"$top/contracts/$1.json" >rules.jq
	jq -rf rules.jq "$top/contracts/$1.test.json" 2>&1
}

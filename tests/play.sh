# Playing the test cases beside a contract; source it after mock.sh. Format of
# a case: tests/mock/lib/cases.h.
# shellcheck shell=sh disable=SC2154

# play_cases CONTRACT: each case of contracts/CONTRACT.test.json is one test.
play_cases() {
	play_n=0
	mockapi names "$top/contracts/$1.test.json" >play.names
	while IFS= read -r play_name <&3; do
		play_n=$((play_n + 1))
		play_case "$1" "$play_n"
		play_verdict "$1: $play_name"
	done 3<play.names
}

# play_contracts I N: the I-th of N shares of all contracts. Each has cases
# beside it, and one for each of its rules.
play_contracts() {
	play_i=0
	for play_path in "$top"/contracts/*/*.json; do
		case $play_path in *.test.json) continue ;; esac
		play_i=$((play_i % $2 + 1))
		[ "$play_i" = "$1" ] || continue
		play_it=${play_path#"$top"/contracts/} play_it=${play_it%.json}
		[ -s "${play_path%.json}.test.json" ]
		ok $? "$play_it has cases beside it"
		is "$(rules_unused "$play_it")" '' \
			"$play_it has a case for each rule"
		play_cases "$play_it"
	done
}

# play_case CONTRACT N: the N-th case, against a vendor that knows the script.
# What came of it is left in ./case.
play_case() {
	play_file=$top/contracts/$1.test.json
	rm -rf case
	mkdir -p case "contracts/${1%/*}"
	mockapi extract --case "$2" "$play_file" case
	mock_start play mockapi play --case "$2" "$play_file"
	play_contract "$1"
	play_settings "$1"
	play_files
	{
		sed "s#{server}#$(mock_url play)#g" case/env
		[ ! -s case/now ] || echo "RETL_TEST_CLOCK=$(cat case/now)"
	} >case/environment
	play_stream "$1"
	# shellcheck disable=SC2046
	timeout 30 env $(cat case/environment) retl-push -c "$1" \
		--settings case/settings --concurrency 1 $(cat case/args) \
		<case/in >case/out 2>case/err
	echo $? >case/status
	mock_stop play
	echo $? >case/played
	play_receipts
}

# The contract with what the case changes in it, and waits cut short.
play_contract() {
	[ "$(cat case/contract.json)" = "$play_patch" ] &&
		[ "$1" = "$play_last" ] && return
	play_last=$1
	play_patch=$(cat case/contract.json)
	# RFC 7396
	jq -s 'def merged($p):
		if ($p | type) != "object" then $p
		else reduce ($p | to_entries[]) as $e
			(if type == "object" then . else {} end;
			if $e.value == null then del(.[$e.key])
			else .[$e.key] = (.[$e.key] | merged($e.value)) end)
		end;
		.[0] * {retry: {first: 0.01, most: 0.05}} | merged($p[0])' \
		--slurpfile p case/contract.json \
		"$top/contracts/$1.json" >"contracts/$1.json"
	# What it extends lies beside it; play.whole is both.
	play_parent=$(jq -r '.extends // empty' "contracts/$1.json")
	if [ -n "$play_parent" ]; then
		mkdir -p "contracts/${play_parent%/*}"
		cp "$top/contracts/$play_parent.json" "contracts/$play_parent.json"
	fi
	jq -s 'reduce .[] as $one ({}; . * $one)' \
		${play_parent:+"contracts/$play_parent.json"} \
		"contracts/$1.json" >play.whole
}

# Files that stand beside the run.
play_files() {
	for play_beside in case/files.*; do
		[ ! -e "$play_beside" ] || sed "s#{server}#$(mock_url play)#g" \
			"$play_beside" >"${play_beside#case/files.}"
	done
}

# The case's settings, and the fake vendor in the place of the real one.
play_settings() {
	jq --arg at "$(mock_url play)" --slurpfile c play.whole '
		map_values(if type == "string" then gsub("{server}"; $at)
			else . end) +
		($c[0].base_url |
			if startswith("https://") then
				{base_url: ($at + (sub("https://[^/]*"; "") |
				gsub("{api_version}"; $c[0].api.version)))}
			else {} end)' case/settings.json >case/settings
}

# The stream of a case: its records, or what its rows become on the way.
play_stream() {
	if [ ! -s case/rows ]; then
		sealed case/records >case/in
		return
	fi
	[ -s case/mapping ] || echo . >case/mapping
	sealed case/rows >case/in.rows
	# shellcheck disable=SC2046
	timeout 30 env $(cat case/environment) retl-map --quiet -c "$1" \
		--settings case/settings -m case/mapping \
		<case/in.rows >case/in.mapped 2>case/err.map
	# shellcheck disable=SC2046
	timeout 30 env $(cat case/environment) retl-hash --quiet -c "$1" \
		--settings case/settings \
		<case/in.mapped >case/in 2>case/err.hash
}

# One final receipt a record, and in it what the case says: else case/wrong.
play_receipts() {
	jq -rn --slurpfile want case/receipts --slurpfile got case/out '
		([$got[] | select(.status != "sending")] | sort_by(.line)) as $got |
		range([$want, $got | length] | max) as $i |
		($want[$i] // {}) as $w | ($got[$i] // {}) as $g |
		select($w == {} or $g.to == null or
			($w | to_entries | any(.value != $g[.key]))) |
		"wanted \($w), got \($g)"' >case/wrong 2>&1
}

play_verdict() {
	play_wanted=$(cat case/exit)
	[ "$(cat case/played)" = 0 ] && [ ! -s case/wrong ] &&
		[ "$(cat case/status)" = "${play_wanted:-0}" ] &&
		{ [ ! -s case/says ] || grep -qF "$(cat case/says)" case/err; }
	play_ok=$?
	ok $play_ok "$1"
	[ $play_ok = 0 ] || {
		echo "# exit $(cat case/status), wanted ${play_wanted:-0}"
		cat case/wrong play.err case/err* | cut -c 1-2000 | sed 's/^/# /'
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
	rules_cases=$top/contracts/$1.test.json
	jq -r '(.answers.code // "null") as $code |
		(.settings // {} | map_values(.default)) as $defaults |
		.rules[]? |
		def text: if type == "array" then join("\n") else . end;
		def list: if type == "array" then . else [.] end;
		"any(.[] | . as $case | .exchange[]?.answer | {$case, answer: .}; " +
		"(\($defaults | tojson) * (.case.settings // {})) as $settings | " +
		"(.answer.status // 200) as $status | " +
		"{$status, headers: (.answer.headers // {})} as $response | " +
		"(.answer.body // null) | " +
		"(try (\($code | text)) catch null) as $code | " +
		"(\((.status // null) | list | tojson) | . == [null] or " +
		"index($status) != null) and " +
		"(\((.code // null) | list | tojson) | . == [null] or " +
		"index($code) != null) and " +
		"((try (\((.when // "true") | text)) catch false) == true))"' \
		"$top/contracts/$1.json" |
		while IFS= read -r rules_one; do
			jq -e "$rules_one" "$rules_cases" >/dev/null ||
				echo "$rules_one"
		done
}

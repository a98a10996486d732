#!/bin/sh
# Contracts that are nearly right: members are dropped, doubled, moved, and get
# words of the language that stand elsewhere (tests/twist.pl). What --lint finds
# no fault in can be loaded by whoever reads contracts. A description, a dry run
# and a push to a vendor that answers as in the contract's cases end in bounded
# time, with a status of retl-push(1) and a reason; of the push each record has
# one final receipt, and the status is theirs. For two minutes; FUZZ_SECONDS and
# SEED say otherwise: what is wrong is told with the SEED that begins with it.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
perl -MJSON::PP -e 1 2>/dev/null || skip_all "perl's JSON::PP is missing"

RETL_CONTRACTS=$top/contracts:$top/tests/flows/contracts
export RETL_CONTRACTS
# Nothing of this is to reach a vendor.
http_proxy=http://127.0.0.1:9 https_proxy=$http_proxy no_proxy=127.0.0.1
export http_proxy https_proxy no_proxy

printf '%s\n' "$top"/contracts/*/*.json "$top"/tests/flows/contracts/t/*.json |
	grep -v '\.test\.json$' >all
n_all=$(wc -l <all)
bad=0 clean=0 pushed=0

# case_of PATH: the largest case of the contract in which all goes well, as
# files here: case, env, script (the answers of all cases in turn), in, and
# settings with {server} in them
case_of() {
	file=$1 cases=${1%.json}.test.json
	[ -e "$cases" ] || return 1
	jq -c '[.[] | select(.contract == null and .args == null and
			(.exit // 0) == 0)] |
		max_by((.records // .rows // []) | length) // {}' "$cases" >case
	jq -r '(.env // {} | to_entries[] | "\(.key)=\(.value)"),
		"RETL_TEST_CLOCK=\(.now // 1700000000)"' case >env.in
	jq -r '.files // {} | keys[]' case | while IFS= read -r name; do
		jq -r --arg n "$name" '.files[$n] | if type == "string" then .
			else tojson end' case >"$name"
	done
	jq -c '[.[].exchange[]?.answer | {status: (.status // 200),
			body: (.body // "")}] | unique |
		if . == [] then [{status: 200, body: {}}] else . end |
		"\(tojson) as $all | $all[.n * 7 % ($all | length)]" as $answer |
		[("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD") |
			{method: ., path: "/", $answer}]' "$cases" >script
	if jq -e .records case >/dev/null; then
		jq -c '.records[]' case >rows
		cp rows records
	else
		jq -c '.rows[]?' case >rows
		jq -r '.mapping // "."' case >mapping
		jq -c '.settings // {}' case >settings
		cp env.in variables
		with_env retl-map --quiet -c "$file" --settings settings \
			-m mapping <rows >mapped 2>/dev/null
		with_env retl-hash --quiet -c "$file" --settings settings \
			<mapped >records 2>/dev/null
	fi
	jq -c '. + {diff_id: "r:\(input_line_number)"}' records >in 2>/dev/null
	sealed in >sealed.in
	n_in=$(wc -l <in)
}

# with_env COMMAND...: with the variables of the case
with_env() (
	while IFS= read -r variable; do
		export "${variable?}"
	done <variables
	exec "$@"
)

# wrong TEXT: this contract has shown a fault
wrong() {
	bad=$((bad + 1))
	[ $bad -le "${MOST:-5}" ] || return 0
	echo "# SEED=$seed $file: $1"
	head -n 3 err | cut -c 1-300 | sed 's/^/#   /'
	[ -z "${KEEP:-}" ] || {
		mkdir -p "$KEEP/$seed"
		cp -r . "$KEEP/$seed"
	}
}

# run INPUT COMMAND...: what it says in out and err, its status in $status
run() {
	input=$1
	shift
	with_env timeout -s TERM -k 20 8 "$@" <"$input" >out 2>err
	status=$?
	case $status in
	0 | 1 | 64 | 65 | 66 | 69 | 74 | 75 | 77 | 78) ;;
	*) wrong "status $status: $*" ;;
	esac
	[ $status = 0 ] || [ -s err ] || [ -s out ] || wrong "silence: $*"
}

# faults: what in the receipts of out breaks a promise
faults() {
	jq -rn --slurpfile in in --slurpfile out out --argjson n "$n_in" \
		--argjson status $status '
		[$out[] | select(.status != "sending")] as $final |
		($final | map(.line) | sort) as $lines |
		(if $lines == [range(1; $n + 1)] then empty
		elif $final == [] and ($status | IN(64, 66, 77, 78)) then empty
		else "receipts of lines \($lines), of \($n)" end),
		(if $final == [] then empty else
		($final | map(select(.status == "failed" or
			(.status == "unknown" and .resend != false)))) as $later |
		($final | map(select((.status == "rejected" or
			.status == "unknown") and
			$in[.line - 1].diff_outcome == null))) as $refused |
		if $status == 0 and $later + $refused != [] then "status 0"
		elif $status == 1 and $later != [] then "status 1, and \($later[0])"
		elif $status == 1 and $refused == [] then "status 1, and none refused"
		elif $status == 75 and $later == [] then "status 75, and none failed"
		else empty end end)' 2>&1 | head -n 3
}

# loads TEXT: what lint has passed was read; of nothing there is nothing to do
loads() {
	case $lint$status in
	00 | 065) return 0 ;;
	0*) ! grep -q 'has no value: ' err || return 0 ;;
	*) return 0 ;;
	esac
	wrong "lint passes, nothing $1: $status"
}

# twisted: the contract in contracts/t/x.json
twisted() {
	cp env.in variables
	jq -c '.settings // {}' case | sed 's/{server}/http:\/\/127.0.0.1:9/g' >settings
	: >nothing
	run nothing retl-push --lint contracts/t/x.json
	lint=$status
	case $lint in
	0) clean=$((clean + 1)) ;;
	78) [ -s out ] || [ -s err ] || wrong 'lint names no fault' ;;
	*) wrong "lint ends with $lint" ;;
	esac
	run nothing retl-push --describe contracts/t/x.json
	[ $lint != 0 ] || [ $status = 0 ] || wrong 'lint passes, describe does not'
	set -- -c contracts/t/x.json --settings settings
	run nothing retl-hash "$@"
	loads 'to hash'
	run nothing retl-push -n "$@"
	loads 'to push'
	run sealed.in retl-push -n "$@"
	[ $lint = 0 ] || return 0
	pushed=$((pushed + 1))
	served=$(mock_url vendor)
	jq -c --arg s "$served" '(.settings // {} | map_values(if type == "string"
			then gsub("{server}"; $s) else . end)) +
		{base_url: $s}' case >settings
	sed "s,{server},$served," env.in >variables
	# What a limit counts outlives a push.
	rm -rf "$XDG_RUNTIME_DIR"/retl
	run sealed.in retl-push "$@" --timeout 2 --limit-ms 500
	told=$(faults)
	[ -z "$told" ] || wrong "$told"
}

seed=${SEED:-0}
end=$(($(date +%s) + ${FUZZ_SECONDS:-120}))
n=0
while [ "$(date +%s)" -lt $end ]; do
	one=$(sed -n "$((seed * 7919 % n_all + 1))p" "$work/all")
	rm -rf "$work/it"
	mkdir -p "$work/it/contracts/t"
	cd "$work/it" || exit
	case_of "$one" || { seed=$((seed + 1)); continue; }
	mock_start vendor mockapi scripted --script script --seed "$seed" \
		--chance 5=500 --chance 3=reset-after --chance 3=garbage
	# The vendor stays for a few of them.
	for _ in 1 2 3 4 5 6; do
		# The names of contracts are words.
		# shellcheck disable=SC2046
		perl "$top/tests/twist.pl" "$seed" "$one" \
			$(sed -n "$((seed % 7 + 1))~9p" "$work/all") \
			>contracts/t/x.json
		# Nobody waits here.
		jq '.retry = {attempts: 2, first: 0.01, most: 0.02}' \
			contracts/t/x.json >contracts/t/y.json &&
			mv contracts/t/y.json contracts/t/x.json
		twisted
		n=$((n + 1))
		seed=$((seed + n_all))
	done
	mock_stop vendor
	seed=$((seed - 6 * n_all + 1))
done
cd "$work" || exit
is $bad 0 "$n contracts, $clean without a fault, $pushed pushed: each keeps what is promised"
done_testing

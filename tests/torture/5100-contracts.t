#!/bin/sh
# Contracts that are broken in every way: whoever reads one says what is wrong
# with it, or does what it says; nobody crashes or hangs. For a minute; FUZZ_SECONDS
# and SEED say otherwise.
. "$(dirname "$0")/../lib.sh"
command -v perl >/dev/null || skip_all 'perl is missing'
perl -MJSON::PP -e 1 2>/dev/null || skip_all "perl's JSON::PP is missing"

mkdir -p contracts/t
printf '{"id":"1","email":"a@example.com","diff_result":"DiffAdded","diff_id":"r:1"}\n' >row
printf '{"id":"2","email":"b@example.com","diff_result":"DiffRemoved","diff_id":"r:2"}\n' >>row
printf '%s\n' "$top"/contracts/*/*.json "$top"/tests/flows/contracts/t/*.json |
	grep -v '\.test\.json$' >all
n=$(wc -l <all)
# tried STATUS COMMAND...: the exit status is one of those that the page has
tried() {
	timeout 20 "$@" <row >out 2>err
	status=$?
	case $status in
	0 | 1 | 64 | 65 | 66 | 69 | 74 | 75 | 77 | 78) return 0 ;;
	esac
	bad=$((bad + 1))
	[ $bad -gt 5 ] || {
		echo "# seed $seed: status $status: $*"
		head -n 3 err | cut -c 1-300 | sed 's/^/# /'
	}
}

seed=${SEED:-0} bad=0 good=0
first=$seed
end=$(($(date +%s) + ${FUZZ_SECONDS:-60}))
while [ "$(date +%s)" -lt $end ]; do
	seed=$((seed + 1))
	file=$(sed -n "$((seed * 7919 % n + 1))p" all)
	perl "$top/tests/mutate.pl" "$file" $seed >contracts/t/x.json 2>/dev/null
	tried retl-push --lint contracts/t/x.json
	[ $status != 0 ] || good=$((good + 1))
	tried retl-push -n -c contracts/t/x.json
	tried retl-push --describe contracts/t/x.json
	tried retl-push --limit-ms 200 -c contracts/t/x.json --timeout 2 \
		--set base_url=http://127.0.0.1:9/ --max-failures 1
done
is $bad 0 "$((seed - first)) contracts, $good of them without a fault: none crashes or hangs"
done_testing

#!/bin/sh
# Random flows (tests/flow.pl): steps that look and act, once a batch or once a
# record, jobs, ways to tell of failures, resend, save, when, with mishaps of
# every kind or none; some pushes are told to end. Every record has one final
# receipt; what was delivered the vendor has taken in all steps that carry it,
# what failed it has not; what goes well with nobody's mishap is delivered; no
# barrier is passed, no "never" done twice; the status is that of the receipts.
# For two minutes; FUZZ_SECONDS and SEED say otherwise: what is wrong is told
# with the SEED that begins with it.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
perl -MJSON::PP -e 1 2>/dev/null || skip_all "perl's JSON::PP is missing"

# words FILE: its lines as words
words() {
	tr '\n' ' ' <"$1"
}

# flow SEED: what is wrong with it, in the file wrong
flow() {
	rm -rf "$work/it"
	mkdir "$work/it"
	cd "$work/it" || exit
	perl "$top/tests/flow.pl" make "$1" flow
	timeout 20 retl-push --quiet --lint contracts/t/flow.json >wrong 2>&1 || return
	: >wrong
	: >ledger
	# The words of mishaps and options are words.
	# shellcheck disable=SC2046
	mock_start vendor mockapi scripted --script script --ledger ledger \
		--log vendor.log --seed "$1" $(words mishaps)
	ended='' seed_=$1
	# shellcheck disable=SC2046
	set -- $(words options)
	timeout 20 retl-push --quiet -n -c contracts/t/flow.json "$@" <in >dry 2>err
	status=$?
	case $status in
	0 | 65) ;;
	*) echo "a dry run ends with $status: $(head -n 1 err)" >>wrong ;;
	esac
	retl-push -c contracts/t/flow.json --set base_url="$(mock_url vendor)" \
		"$@" <in >out 2>err &
	pid=$!
	[ $((seed_ % 6)) != 0 ] || {
		ended=1
		sleep "0.$(awk -v s="$seed_" 'BEGIN { srand(s); printf "%02d", 3 + rand() * 30 }')"
		kill -TERM $pid 2>/dev/null
	}
	n_waits=0
	until gone $pid || [ $n_waits = 600 ]; do
		n_waits=$((n_waits + 1))
		sleep 0.05
	done
	[ $n_waits -lt 600 ] || {
		echo 'it does not end' >>wrong
		kill -9 $pid
	}
	wait $pid
	status=$?
	kill -USR1 "$(cat vendor.pid)"
	mock_stop vendor || grep violation vendor.log | head -n 1 >>wrong
	perl "$top/tests/flow.pl" check $status $ended >>wrong 2>counts
}

seed=${SEED:-0} bad=0 n=0
end=$(($(date +%s) + ${FUZZ_SECONDS:-120}))
while [ "$(date +%s)" -lt $end ]; do
	flow "$seed"
	n=$((n + 1))
	[ ! -s wrong ] || {
		bad=$((bad + 1))
		echo "# SEED=$seed, status $status, $(cat counts): $(head -n 1 err)"
		head -n 4 wrong | sed 's/^/#   /'
		[ -z "${KEEP:-}" ] || cp -r "$work/it" "$KEEP/$seed"
	}
	[ $bad -lt "${MOST:-5}" ] || break
	seed=$((seed + 1))
done
cd "$work" || exit
is $bad 0 "$n flows keep what is promised"
done_testing

#!/bin/sh
# However a push ends, every record that was read has one final receipt, and
# the status says what the worst was.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

hostile none
contract plain '{}'
contract many '{"operations": {"send": {"batch": {"records": 10},
	"request": {"url": "/ok"}}}}'

# records FROM TO [WORD]: removals if WORD is gone
records() {
	awk -v a="$1" -v b="$2" -v to="${3:-ok}" 'BEGIN { for (i = a; i <= b; i++)
		printf "{\"id\":%d,\"to\":\"%s\",\"diff_result\":\"DiffAdded\",\"diff_id\":\"r:%d\"}\n", i, to, i }'
}
push() {
	timeout 60 retl-push --set "base_url=$hostile" --timeout 2 "$@"
}
# each N FILE...: the files have one final receipt for each of N lines
each() {
	n=$1
	shift
	cat "$@" | grep '^{' | jq -r 'select(.status != "sending") | .line' |
		sort -n >lines
	seq 1 "$n" | cmp -s - lines
}

# ---- the other end of stdout ----
records 1 300 >in
(trap '' PIPE; soon eval '! echo'; push -c t/many --receipts left <in 2>err; echo $? >status) | true
is "$(cat status)" 74 'a reader that goes away ends the push with 74'
jq -r .line left | sort -n >lines
seq 1 "$(tail -n 1 lines)" >want
same want lines 'all that were read have their receipts in the file'
is "$(jq -r .status left | sort -u | tr '\n' ' ')" 'delivered failed ' \
	'what was under way was delivered, the rest not sent'
contains err 'receipts go to left' 'the message says so'
exits 74 'a full disk under the receipts' \
	sh -c 'retl-push -c t/many --set "base_url=$1" <in >/dev/full' sh "$hostile"
ok "$(grep -c '^{.*delivered' err | awk '{ print !($1 >= 1) }')" \
	'sends the receipts of what was under way to stderr'
contains err 'No space left' 'and says why'

# ---- signals ----
if strace -o /dev/null true 2>/dev/null; then
	ASAN_OPTIONS=detect_leaks=0 strace -o /dev/null -P ./contracts/t/many.json \
		-e inject=openat:signal=TERM:when=1 \
		retl-push -c t/many --set "base_url=$hostile" <in >out 2>err
	is "$?/$(cat out)/$(tail -n 1 err)" "75//retl-push: error: interrupted before anything was read" \
		'SIGTERM while the contract is read ends the push with 75'
fi
mkfifo pipe
(cat in; sleep 8) >pipe &
feeder=$!
rm -f out err
retl-push -v -c t/many --set "base_url=$hostile" <pipe >out 2>err &
pid=$!
soon has 30 '> POST' err
kill -TERM $pid
wait $pid
is $? 75 'SIGTERM ends the push with 75'
kill $feeder 2>/dev/null
each 300 out
ok $? 'each record that was read has a receipt'
is "$(counts out)" 'delivered 300' 'what was under way was waited for'
{ records 1 3 slow; cat in; } >slow
(cat slow; sleep 8) >pipe &
feeder=$!
rm -f out err
retl-push -v -c t/plain --set "base_url=$hostile" --concurrency 3 \
	<pipe >out 2>err &
pid=$!
soon has 3 begun slow.begun
kill -TERM $pid
soon has 1 failed out
kill -TERM $pid
wait $pid
is $? 75 'a second SIGTERM ends the waiting'
kill $feeder 2>/dev/null
is "$(jq -r 'select(.line <= 3) | .status' out | sort | uniq -c |
	awk '{ print $1, $2 }')" '3 unknown' 'what is under way is in doubt'
is "$(jq -r 'select(.line > 3) | .status' out | sort -u)" 'failed' \
	'what was read is failed'
{ records 1 3 slow; records 4 40; } >whole
rm -f out err
retl-push -v -c t/plain --set "base_url=$hostile" --concurrency 1 <whole >out 2>err &
pid=$!
soon has 1 '> POST' err
kill -TERM $pid
soon has 1 interrupted err
kill -TERM $pid
wait $pid
each 40 out
ok $? 'also what was read ahead, and not looked at'

# A server that takes connections and says nothing, to a client that wants TLS.
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 5,
	LocalAddr => "127.0.0.1") or die; alarm 60; $| = 1;
	print $s->sockport, "\n"; while (my $c = $s->accept) {
		sysread $c, my $b, 1; push @c, $c; print "read\n" }' >mute &
mute=$!
soon test -s mute
# Whom to trust is known: else nothing is begun where the system has no list.
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
	-keyout key.pem -out cert.pem 2>/dev/null
for to in http https; do
	rm -f out err
	retl-push -v -c t/plain --set "base_url=$to://127.0.0.1:$(head -n 1 mute)" \
		--cacert cert.pem <whole >out 2>err &
	pid=$!
	soon has 4 '> POST' err
	[ $to = https ] || soon has 4 read mute
	kill -TERM $pid
	(sleep 10; kill -KILL $pid) >/dev/null 2>&1 &
	watchdog=$!
	case $to in
	http)
		soon has 1 'waiting for 4 requests' err
		kill -TERM $pid
		;;
	esac
	wait $pid
	is "$?/$(counts out)" "75/$(case $to in https) echo failed 40 ;;
		http) echo failed 36, unknown 4 ;; esac)" \
		"$to: what is still connecting is given up at SIGTERM, what was sent not"
	kill $watchdog
done
kill $mute

# A reader that stands still, and more to write than a pipe holds.
records 1 22000 >in
rm -f out err
mkfifo still
(exec 3<still && sleep 60) &
feeder=$!
retl-push --quiet -c t/many --set "base_url=$hostile" --receipts rest \
	<in >still 2>err &
pid=$!
written=0
blocked() {
	before=$written
	sleep 0.5
	written=$(awk '/^wchar/ { print $2 }' "/proc/$pid/io")
	[ "$written" -gt 500000 ] && [ "$written" = "$before" ]
}
soon blocked
ended() {
	! kill -TERM "$pid" || grep -q '^State:.Z' "/proc/$pid/status"
}
soon ended
wait $pid
is "$?/$(grep -c 'receipts go to rest' err)" 74/1 \
	'a reader that stands still is not waited for after a second SIGTERM'
is "$(jq -r .status rest | sort -u | grep -vc -e delivered -e failed -e unknown)" 0 \
	'and receipts go where they go without one'
kill $feeder 2>/dev/null

# ---- a broken stream ----
{ records 1 25; echo '{"id":26,'; records 27 30; } >broken
push -c t/many <broken >out 2>err
is $? 65 'a malformed line ends the push with 65'
each 25 out
ok $? 'what came before is delivered'
contains err 'line 26: byte ' 'and the place is named'
{ records 1 3; printf '{"id":4,"to":"ok","diff_result":"DiffAdded","id":5}\n'; } >twice
push -c t/plain <twice >out 2>err
is $? 65 'a member that is there twice is never sent'

# ---- stops ----
{ records 1 5 s403; records 6 200; } >in
push -c t/plain --concurrency 2 <in >out 2>err
is $? 77 'a refused account ends the push with 77'
each 200 out
ok $? 'after that it reads on'
is "$(jq -r 'select(.line > 10) | .status' out | sort -u)" failed \
	'and answers failed'
is "$(grep -c error: err)" 1 'with one message'

# ---- refusals ----
{ records 1 1 s400; records 2 40; } >in
push -c t/plain --concurrency 1 --strict <in >out 2>err
is $? 65 '--strict ends with the first refusal'
each 40 out
ok $? 'each record has its receipt all the same'
push -c t/plain --rejects /dev/full <in >out 2>err
is $? 74 'rejects that cannot be written end the push with 74'
contains err 'not all are listed in /dev/full: No space left on device' \
	'a full disk under the rejects is told'
each 40 out
ok $? 'and each record has its receipt'

# ---- nothing to reach ----
records 1 30 >in
timeout 20 retl-push -c t/many --set base_url=http://127.0.0.1:1 <in >out 2>err
is "$?/$(counts out)" '75/failed 30' 'nobody listens: all failed, 75'
timeout 20 retl-push -c t/many --set base_url=ftp://127.0.0.1/ <in >out 2>err
is "$?/$(counts out)" '78/failed 30' 'an address of another kind: 78'

# ---- other ends ----
exits 74 'a closed standard output' \
	sh -c 'retl-push -c t/many --set "base_url=$1" <in >&-' sh "$hostile"
lacks err receipts 'is noticed before anything is sent'
exits 74 'a closed standard input' retl-push -c t/many --set "base_url=$hostile" <&-
push -c t/plain --limit 3 <in >out 2>err
is "$?/$(counts out)" '0/delivered 3' '--limit reads so many and no more'
push -c t/plain </dev/null >out 2>err
is "$?/$(wc -c <out)" 0/0 'an empty stream is delivered'
exits 66 'a file that is not there' retl-push -c t/plain absent
exits 64 'two files' retl-push -c t/plain in in
exits 64 'a contract is needed' retl-push
exits 64 'one without its -c' retl-push t/plain in
contains err '--contract is required' 'is no second input'
exits 64 'a limit of no records is not one of all' retl-push -c t/plain --limit 0 in
exits 64 'no batch under way is too few' retl-push -c t/plain --concurrency 0 in
exits 64 '257 are too many' retl-push -c t/plain --concurrency 257 in
is "$(head -n 1 err)" 'retl-push: error: --concurrency: from 1 to 256' 'and says so'
exits 64 'an unknown kind' retl-push -c t/plain --as gone in
exits 66 'no such contract' retl-push -c t/absent in
done_testing

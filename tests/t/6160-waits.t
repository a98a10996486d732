#!/bin/sh
# Waiting costs nothing: a push that may not send does not keep the machine busy.
# And it counts: what waits for a server that accepts late is spent when it goes.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
. "$top/tests/nginx.sh"

contract slow '{"limits": [{"requests": 1, "seconds": 60}], "concurrency": 1,
	"operations": {"send": {"batch": {"records": 10, "by": ".g"}, "request": {"url": "/x", "item": ".id"}}}}'
awk 'BEGIN { for (i = 0; i < 500; i++)
	printf "{\"id\":%d,\"g\":\"%s\",\"diff_result\":\"DiffAdded\"}\n", i, i % 7 ? "a" : "b" }' >in
mock_start sink sink --log log
# busy: hundredths of a second of processor time
busy() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}
retl-push -c t/slow --set base_url="$(mock_url sink)" <in >out 2>err &
pid=$!
soon has 1 POST log
sleep 0.3
before=$(busy $pid)
sleep 1
after=$(busy $pid)
kill -TERM $pid
wait $pid
is "$?/$((after - before < 20))" 75/1 \
	"a push that waits for its limit sleeps ($((after - before)) ms/10 in a second)"
is "$(jq -r .line out | sort -nu | wc -l)" "$(wc -l <out)" 'and answers for all that it has read'
mock_stop sink

# ---- somebody stops it, and lets it go on ----
contract plain '{}'
echo '{"id":1,"to":"x"}' >in
mock_start sink sink --log asked --delay 400
retl-push -c t/plain --as added --timeout 1 --set base_url="$(mock_url sink)" <in >out 2>err &
pid=$!
soon [ -s asked ]
kill -STOP $pid
sleep 2
kill -CONT $pid
wait $pid
is "$?/$(counts out)/$(wc -l <asked)" '0/delivered 1/1' \
	'what was answered while a push was stopped is not asked for again'
mock_stop sink

# ---- a server that accepts late ----
# late DELAY...: $late is nginx with TLS behind it, which hands on to the sink
late() {
	rm -f late.port
	perl "$top/tests/late.pl" late.port "${nginx_tls##*:}" "$@" >late.out 2>&1 &
	echo $! >late.pid
	at_end "kill $! 2>/dev/null"
	soon [ -s late.port ]
	late=https://localhost:$(cat late.port)
}
push() {
	timeout 30 retl-push -c t/late --as added --cacert "$nginx_ca" \
		--set base_url="$late"
}
mock_start sink sink --log arrivals
if nginx_start "$work/nginx" "location /x { proxy_pass $(mock_url sink); }"; then
	contract late '{"limits": [{"requests": 1, "seconds": 1}], "operations": {"send": {"request": {"url": "/x"}}}}'
	late 1.8 0
	echo '{"id":1}' >in.1
	echo '{"id":2}' >in.2
	push <in.1 >out.1 2>err &
	first=$!
	sleep 0.4
	push <in.2 >out.2 2>err
	is "$?/$(counts out.2)" '0/delivered 1' 'a second push has its turn'
	wait $first
	is "$?/$(counts out.1)" '0/delivered 1' 'behind one that waits for its connection'
	is "$(awk '{ t[NR] = $1 } END { print NR, (t[2] - t[1] >= 900) }' arrivals)" '2 1' \
		'and both arrive a window apart'
	kill "$(cat late.pid)"
else
	echo '# nginx is missing: no server that accepts late'
fi

done_testing

#!/bin/sh
# Many pushes share one account: no window ever holds more than its limit, none
# of them is forgotten, and little of what the limit allows is wasted. PUSHES
# says how many; a busy machine is part of it.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
. "$top/tests/nginx.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# worst FILE MS: the most requests in any window of MS, by the server's log
worst() {
	awk -v w="$2" '{ t[NR] = $1; while (t[NR] - t[j + 1] >= w) j++
		if (NR - j > most) most = NR - j } END { print most + 0 }' "$1"
}
# together CONTRACT N URL [OPTION...]: N pushes of ./in at once; out.*
together() {
	name=$1 n=$2 at=$3
	shift 3
	rm -f out.* bad
	pids=
	for i in $(seq "$n"); do
		timeout 300 retl-push -c "t/$name" --as added \
			--set base_url="$at" "$@" <in >"out.$i" 2>"err.$i" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || echo "$?" >>bad
	done
}
# took LOG: milliseconds from the first request to the last
took() {
	awk 'NR == 1 { a = $1 } END { print $1 - a }' "$1"
}

n=${PUSHES:-12}
awk 'BEGIN { for (i = 1; i <= 40; i++) printf "{\"id\":%d,\"to\":\"x%d\"}\n", i, i % 3 }' >in

# ---- two windows, many processes ----
contract two '{"limits": [{"requests": 20, "seconds": 0.5}, {"requests": 60, "seconds": 2}], "concurrency": 8}'
mock_start sink sink --log log
together two "$n" "$(mock_url sink)"
mock_stop sink
is "$(cat bad 2>/dev/null)/$(cat out.* | jq -r .status | sort | uniq -c | awk '{ print $2, $1 }')" \
	"/delivered $((n * 40))" "$n pushes deliver all that they have"
# The log tells when the server looked, which is later on a busy machine.
is "$(($(worst log 330) <= 20))/$(($(worst log 1400) <= 60))" 1/1 \
	"neither window holds more ($(worst log 330) of 20, $(worst log 1400) of 60)"
least=$(((n * 40 - 60) * 2000 / 60))
is "$(($(took log) < 2 * least + 3000))" 1 \
	"and what is allowed is used ($(took log) ms, $least at least)"

# ---- killed in the middle ----
mock_start sink sink --log log2
(
	sleep 1
	for victim in 1 2 3; do
		kill -9 "$(cat "pid.$victim")" 2>/dev/null
	done
) &
killer=$!
for i in 1 2 3 4 5 6; do
	retl-push -c t/two --as added --set base_url="$(mock_url sink)" \
		<in >"out.$i" 2>"err.$i" &
	echo $! >"pid.$i"
done
for i in 4 5 6; do
	wait "$(cat "pid.$i")" || echo "$i" >>bad2
done
wait $killer
for i in 1 2 3; do
	wait "$(cat "pid.$i")" 2>/dev/null
done
is "$(cat bad2 2>/dev/null)/$(cat out.4 out.5 out.6 | jq -r .status | sort | uniq -c | awk '{ print $2, $1 }')" \
	'/delivered 120' 'those that are killed leave an account that the others can use'
is "$(($(worst log2 330) <= 20))" 1 "which still holds ($(worst log2 330) of 20)"
mock_stop sink

# ---- a server that accepts late ----
mock_start sink sink --log log3
if nginx_start "$work/nginx" "location ~ ^/x { proxy_pass $(mock_url sink); }"; then
	perl "$top/tests/late.pl" late.port "${nginx_tls##*:}" r0.6 >late.out 2>&1 &
	at_end "kill $! 2>/dev/null"
	soon [ -s late.port ]
	# A connection for each request, made anew.
	contract late '{"limits": [{"requests": 10, "seconds": 0.5}], "concurrency": 6,
		"operations": {"send": {"resend": "never"}}}'
	together late 4 "https://localhost:$(cat late.port)" --cacert "$nginx_ca"
	is "$(cat bad 2>/dev/null)/$(cat out.* | jq -r 'select(.status != "sending").status' |
		sort | uniq -c | awk '{ print $2, $1 }')" '/delivered 160' \
		'connections that take their time are waited for'
	is "$(($(worst log3 330) <= 10))" 1 \
		"and counted when they are there ($(worst log3 330) of 10)"
fi
mock_stop sink
done_testing

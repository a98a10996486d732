#!/bin/sh
# Limits in any window, for processes together and values apart; what a vendor
# says about waiting; how many requests at once; when a push gives up.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/mock.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

# records N: ids 1 to N
records() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"id\":%d,\"to\":\"x%d\"}\n", i, i % 3 }'
}
# push CONTRACT [OPTION...]: of ./in, to the server "sink"
push() {
	name=$1
	shift
	timeout 60 retl-push -c "t/$name" --as added \
		--set base_url="$(mock_url sink)" "$@" <in >out 2>err
	status=$?
}
# worst FILE MS: the most requests in any window of MS, by the server's log
worst() {
	awk -v w="$2" '{ t[NR] = $1; while (t[NR] - t[j + 1] >= w) j++
		if (NR - j > most) most = NR - j } END { print most + 0 }' "$1"
}

# A busy machine may look at requests later than they came, and wake late who
# waits. So what is measured is measured again if it was not as it should be,
# three times at most; tests/unit/test_rate.c knows exactly when requests leave.

# measured RUN HELD: the function RUN, until the function HELD is content.
measured() {
	for _ in 1 2 3; do
		rm -f log bad
		"$1"
		! "$2" || break
	done
}
# aside NAME: the function NAME is measured in a folder of its own, beside
# others: most of it is waiting. joined NAME waits for it, and goes there.
aside() {
	mkdir "$work/$1"
	(cd "$work/$1" && measured "$1" "$1_held") &
	eval "pid_$1=$!"
	asked "$work/$1/log"
}
# lasted: ms from the first request to the last
lasted() {
	awk 'NR == 1 { a = $1 } END { print $1 - a }' log
}
# asked LOG: waits until a first request has come, so that nothing that starts
# later keeps it waiting.
asked() {
	soon test -s "$1"
}
joined() {
	eval "wait \$pid_$1"
	cd "$work/$1" || exit
}

# ---- limits ----
windows() {
	contract two '{"limits": [{"requests": 5, "seconds": 0.3},
		{"requests": 12, "seconds": 1}], "concurrency": 9}'
	records 9 >in
	mock_start sink sink --log log
	for i in 1 2 3; do
		timeout 60 retl-push -c t/two --as added \
			--set base_url="$(mock_url sink)" <in >"out.$i" 2>"err.$i" &
		eval "pid$i=$!"
	done
	for i in 1 2 3; do
		eval "wait \$pid$i" || echo "$i" >>bad
	done
	mock_stop sink
}
windows_held() {
	[ "$(worst log 200)" -le 5 ] && [ "$(worst log 700)" -le 12 ] &&
		[ "$(lasted)" -lt 4500 ]
}
value() {
	contract by '{"limits": [{"requests": 1, "seconds": 0.4, "by": "{record.to}"}]}'
	records 9 >in
	mock_start sink sink --log log
	push by
	echo "$status" >status
	mock_stop sink
}
value_held() {
	for to in x0 x1 x2; do
		grep "/$to " log >"log.$to"
		[ "$(worst "log.$to" 270)" = 1 ] || return
	done
	[ "$(lasted)" -lt 1600 ]
}
program() {
	contract by '{"limits": [{"requests": 1, "seconds": 0.3, "by": ".to | .[0:1]"}]}'
	records 3 >in
	mock_start sink sink --log log
	push by
	echo "$status" >status
	mock_stop sink
}
program_held() {
	[ "$(worst log 200)" = 1 ]
}
weight() {
	contract cost '{"limits": [{"requests": 10, "seconds": 0.3}],
		"operations": {"send": {"cost": 4}}}'
	records 5 >in
	mock_start sink sink --log log
	push cost
	echo "$status" >status
	mock_stop sink
}
weight_held() {
	[ "$(worst log 200)" -le 2 ]
}
# ---- hints ----
# waits LEAST MOST CONTRACT CLAIM OPTION...: the second request comes LEAST to
# MOST ms after the first, or up to a second later. All of them wait at once, each in a folder of its
# own; waited tells.
waits() {
	n_waits=$((${n_waits:-0} + 1))
	mkdir "wait$n_waits"
	cp -r in contracts "wait$n_waits"
	(
		cd "wait$n_waits" || exit
		least=$1 most=$(($2 + 1200)) name=$3
		echo "$least $most $4" >claim
		shift 4
		for _ in 1 2 3; do
			rm -f log
			mock_start sink sink --log log "$@"
			push "$name" --concurrency 1
			echo "$status" >status
			mock_stop sink
			came=$(second log)
			[ "$came" -lt "$least" ] || [ "$came" -ge "$most" ] || break
		done
	) &
	eval "wait$n_waits=$!"
}
# second LOG: ms until the second request
second() {
	awk 'NR == 1 { a = $1 } NR == 2 { print $1 - a; exit }' "$1"
}
waited() {
	for i in $(seq "$n_waits"); do
		eval "wait \$wait$i"
		read -r least most claim <"wait$i/claim"
		came=$(second "wait$i/log")
		is "$(cat "wait$i/status")/$((came >= least && came < most))" \
			0/1 "$claim (after $came ms)"
	done
}
contract hint '{"answers": {"wait":
	"($response.headers[\"x-reset\"] // empty | tonumber - $now), (.retry // empty | rtrimstr(\"s\") | tonumber)"},
	"rules": [{"status": 200, "code": [40100], "then": "retry"},
		{"status": 403, "when": ".code == \"LIMIT\"", "then": "retry"}]}'
records 3 >in
waits 1000 1000 hint 'Retry-After in seconds' --first 429 --first-header 'Retry-After: 1'
waits 1000 2000 hint 'Retry-After as a date' --first 503 \
	--first-header 'Retry-After: <date+2>'
waits 1000 2000 hint "a date by the server's own clock" --first 429 \
	--first-header 'Date: <date+3600>' --first-header 'Retry-After: <date+3602>'
waits 1000 2000 hint 'a header with a second since 1970' --first 429 \
	--first-header 'X-Reset: <epoch+2>'
waits 1000 1200 hint 'a duration in the body' --first 429 \
	--first-body '{"retry":"1.2s"}'
waits 1000 1000 hint 'throttled by a code under status 200' --first 200 \
	--first-header 'Content-Type: application/json' \
	--first-body '{"code":40100,"retry":"1s"}'
waits 1000 1000 hint 'throttled by a code under status 403' --first 403 \
	--first-body '{"code":"LIMIT","retry":"1s"}'

for i in $(seq "$n_waits"); do
	asked "wait$i/log"
done
aside windows
aside value
aside program
aside weight

# ---- limits: what came of them ----
# Somebody else keeps the account locked while a push's only record is to go,
# and so there is no other event that could wake it.
mkdir locked && cd locked || exit
contract one '{"limits": [{"requests": 7, "seconds": 0.7}]}'
records 1 >in
mock_start sink sink
XDG_RUNTIME_DIR=$work/locked/.run
mkdir "$XDG_RUNTIME_DIR"
push one
flock "$(find "$XDG_RUNTIME_DIR" -name 'rate*')" sh -c ': >held; sleep 1' &
soon test -e held
push one
is "$status/$(counts out)" '0/delivered 1' \
	'an account that is locked for a while is waited for'
is "$(sed -n 's/.*unknown, \([0-9]*\).*/\1/p' err | awk '{ print ($1 < 20) }')" 1 \
	'and no longer'
wait $!
mock_stop sink
XDG_RUNTIME_DIR=$work/.run
cd "$work" || exit
joined windows
is "$(cat bad 2>/dev/null)/$(cat out.? | jq -r .status | sort | uniq -c |
	awk '{ print $2, $1 }')" '/delivered 27' 'three pushes share their limits'
is "$(($(worst log 200) <= 5))/$(($(worst log 700) <= 12))" 1/1 \
	'neither window ever holds more'
is "$(($(lasted) < 4500))" 1 'and little time is lost'
joined value
is "$(cat status)/$(counts out)" '0/delivered 9' \
	'a limit by the value of a template'
for to in x0 x1 x2; do
	grep "/$to " log >"log.$to"
	is "$(worst "log.$to" 270)" 1 "$to: one in each window"
done
is "$(($(lasted) < 1600))" 1 'values do not wait for each other'
joined program
is "$(cat status)/$(counts out)/$(worst log 200)" '0/delivered 3/1' \
	'or by that of a program'
joined weight
is "$(cat status)/$(($(worst log 200) <= 2))" 0/1 \
	'a request can weigh more than one'
cd "$work" || exit

contract day '{"limits": [{"requests": 3, "seconds": 86400}]}'
records 5 >in
mock_start sink sink
push day
is "$status/$(counts out)" '75/delivered 3, failed 2' \
	"a day's limit ends the push with 75"
contains err 'limit of 3 requests in 86400 s is used up' 'and is named'
push day
is "$status/$(counts out)" '75/failed 5' 'it holds for the next one too'
push day --set base_url="$(mock_url sink)/other"
is "$(counts out)" 'failed 5' 'whatever the path'
mock_stop sink
contract turn '{"limits": [{"requests": 1, "seconds": 86400, "by": ".to"}],
	"operations": {"send": {"batch": {"records": 2}, "request": null, "steps": [
	{"each": true, "when": ".to == \"b\"",
	 "request": {"method": "GET", "url": "/{record.id}"}}]}}}'
printf '{"id":%d,"to":"%s"}\n' 1 a 2 b 3 b 4 a >in
rm -f log
mock_start sink sink --log log
push turn
mock_stop sink
is "$status/$(wc -l <log)" 75/1 \
	'record by record, whoever is asked about counts, not whoever is passed over'
is "$(find "$XDG_RUNTIME_DIR" -type f -perm /077 | wc -l)" 0 \
	'what is shared is for nobody else'

waited

# ---- how many at once ----
contract level '{"concurrency": 32, "retry": {"attempts": 20}}'
records 400 >in
rm -f log
mock_start sink sink --log log --delay 10 --most 6
push level
mock_stop sink
is "$status/$(counts out)" '0/delivered 400' 'a destination that bears six at once'
is "$(awk '{ n++; bad += $2 == 429 } END { print (bad < n / 4) }' log)" 1 \
	"is seldom asked for more ($(grep -c ' 429 ' log) of $(wc -l <log))"
rm -f log
mock_start sink sink --log log --delay 20
push level
mock_stop sink
is "$(awk '$3 > most { most = $3 } END { print (most >= 16) }' log)" 1 \
	'one that bears more gets more'

# ---- giving up ----
contract down '{"retry": {"attempts": 100, "first": 0.001, "most": 0.002}}'
records 1000 >in
rm -f log
mock_start sink sink --log log --first 500 --first-n 100000
push down --max-failures 25
mock_stop sink
is "$status" 75 'a destination that is down ends the push with 75'
is "$(wc -l <out)/$(jq -r .status out | sort -u | tr '\n' ' ')" \
	'1000/failed unknown ' 'every record has its receipt'
is "$(($(wc -l <log) >= 25 && $(wc -l <log) < 32))" 1 \
	"after so many requests ($(wc -l <log))"
contains err '25 requests in a row have failed (--max-failures)' 'and says so'
contract word '{"rules": [{"status": 500, "then": "failed"}]}'
records 60 >in
rm -f log
mock_start sink sink --log log --first 500 --first-n 100000
push word --max-failures 25
mock_stop sink
is "$status/$(outcomes out | sort | uniq -c | awk '{ print $1, $2, $3 }')/$(wc -l <log)" \
	'75/60 failed 500/60' 'what a rule says of a record is no failure of the destination'
contract total '{"retry": {"attempts": 100, "first": 0.001, "most": 0.002, "total": 10}}'
records 40 >in
rm -f log
mock_start sink sink --log log --first 429 --first-n 100000
push total --max-failures 0
mock_stop sink
is "$status/$(counts out)/$(wc -l <log)" '75/failed 40/50' \
	'a run has a number of second tries'
# ---- limits that are alike ----
# Settings may make two of them so: one holds, and none waits for the other.
contract alike '{"limits": [{"requests": "{rate}", "seconds": 10}, {"requests": 50, "seconds": 10}],
	"settings": {"rate": {"default": 50}}, "retry": {"attempts": 1}, "base_url": "http://127.0.0.1:9"}'
records 1 >in
timeout 30 retl-push -c t/alike --as added in >out 2>err
is "$?/$(jq -r .code out)" 75/unreachable 'two limits that are alike do not wait for each other'
done_testing

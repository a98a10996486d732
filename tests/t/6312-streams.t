#!/bin/sh
# HTTP/2: what a server says not to have looked at has certainly not been taken.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null ||
	skip_all 'no certificate can be made'

send='{"resend": "never", "request": {"url": "/"}}'
contract never "{\"operations\": {\"send\": $send}, \"concurrency\": 1}"
contract often '{"operations": {"send": {"request": {"url": "/"}}},
	"concurrency": 1}'
echo '{"id":1,"diff_result":"DiffAdded"}' >in
{ printf '{"id":1,"diff_result":"DiffAdded","pad":"'
  head -c 300000 /dev/zero | tr '\0' x; echo '"}'; } >large

# push CONTRACT FILE WORD...: what the server does, one request after the other.
# What came of it is in $got: receipts, and what the server was asked.
push() {
	name=$1 in=$2
	rm -f said
	shift 2
	h2d key.pem cert.pem "$@" >said 2>said.err &
	server=$!
	at_end "kill $server 2>/dev/null"
	soon grep -q "^port" said
	timeout 30 retl-push -c "t/$name" --cacert cert.pem --timeout 5 \
		--set "base_url=https://localhost:$(sed -n 's/^port //p' said)" \
		<"$in" >out 2>err
	kill $server 2>/dev/null
	got=$(outcomes out | tr '\n' ' ')/$(sed 1d said | tr '\n' ' ')
}

push never in yes
is "$got" 'delivered /yes ' 'a server that speaks HTTP/2 takes a record'
for word in refuse goaway; do
	push never in $word yes
	is "$got" "delivered /$word yes " \
		"$word: sent again, though it may not be sent twice"
	is "$(jq .attempts out | tail -n 1)" 2 "$word: an attempt it was"
	push never in $word
	is "$got" "failed unreachable /$word $word $word " \
		"$word for ever: failed, and no doubt"
	contains out 'did not look at it' "$word: the reason says so"
done
push never large -refuse yes
is "$got" 'delivered /-refuse yes ' \
	'so it is with one that is refused before all of it was sent'
push never in away
is "$(outcomes out)" 'failed unreachable' \
	'and where the server has gone since'
for word in error last late; do
	push never in $word yes
	case $word in
	late) want="unknown 200 lost " ;;
	*) want="unknown lost " ;;
	esac
	is "$got" "$want/$word " "$word: nobody knows, so it is not sent again"
done
# libcurl 7.88 keeps a refusal that it could not act on in mind, for whatever
# its handle is used for next. (Whether it sends that twice is then a matter of
# when the end of the connection is seen: of twenty, some were.)
for i in $(seq 24); do echo "{\"id\":$i,\"diff_result\":\"DiffAdded\"}"; done >some
# shellcheck disable=SC2046
push never some late late late late $(seq 20 | sed 's/.*/last/') yes
is "$(sed 1d said | sort | uniq -c | awk '{ print $1, $2 }' | tr '\n' ,)$(counts out)" \
	'20 last,4 late,sending 24, unknown 24' \
	'what was refused too late says nothing about the next'
push often in refuse goaway yes
is "$got" 'delivered /refuse goaway yes ' \
	'what may be sent twice is sent again in any case'

# ---- many at once ----
contract never "{\"operations\": {\"send\": $send}, \"concurrency\": 8,
	\"retry\": {\"attempts\": 20}}"
seq 60 | sed 's/.*/{"id":&,"diff_result":"DiffAdded"}/' >many
words=$(awk 'BEGIN { srand(7); n = split("yes yes yes yes refuse goaway -refuse error last late", w)
	for (i = 0; i < 200; i++) print w[1 + int(rand() * n)] }')
# shellcheck disable=SC2086
push never many $words yes
count() {
	echo "$got" | cut -d / -f 2- | tr ' ' '\n' | grep -cxE -- "$1"
}
is "$(counts out)" "delivered $(count yes), sending $(grep -c sending out), unknown $(count 'error|last|late')" \
	'in a storm of them: what was taken once is delivered, what was not clear unknown'
is "$(grep -c failed out)/$(($(count '-refuse|refuse|goaway') > 10))" 0/1 'and what was refused never either'
done_testing

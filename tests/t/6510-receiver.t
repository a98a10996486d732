#!/bin/sh
# The receiver of signed webhooks, asked by curl: independent of our own client.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
command -v curl >/dev/null || skip_all 'curl is missing'

WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
export WEBHOOK_SECRET
mock_start any receiver --log any.log --tolerance 0
any=$(mock_url any)
mock_start now receiver --log now.log
now=$(mock_url now)

# post URL ID TIMESTAMP SIGNATURE BODY: the status of the answer
post() {
	curl -s -m 10 -o /dev/null -w '%{http_code}' -H "webhook-id: $2" \
		-H "webhook-timestamp: $3" -H "webhook-signature: $4" \
		-d "$5" "$1"
}
id=msg_p5jXN8AQM9LWM0D4loKWxJek
good=v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
bad=v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1O0=
body='{"test": 2432232314}'

is "$(post "$any" $id 1614265330 $good "$body")" 200 \
	'the published example is accepted'
is "$(post "$any" $id 1614265330 $bad "$body")" 401 \
	'another signature is refused'
is "$(post "$any" $id 1614265330 "$bad v1a,x $good" "$body")" 200 \
	'one of several signatures is enough'
is "$(post "$any" $id 1614265331 $good "$body")" 401 \
	'the timestamp is signed'
is "$(post "$any" msg_x 1614265330 $good "$body")" 401 'the id is signed'
is "$(post "$any" $id 1614265330 $good "$body ")" 401 'the body is signed'
is "$(post "$now" $id 1614265330 $good "$body")" 401 \
	'a message of long ago is refused'
is "$(curl -s -m 10 -o /dev/null -w '%{http_code}' -d "$body" "$any")" 401 \
	'so is one without a signature'
is "$(curl -s -m 10 -o /dev/null -w '%{http_code}' "$any")" 405 \
	'GET is refused'

# sign ID TIMESTAMP BODY: by openssl
key=$(echo ${WEBHOOK_SECRET#whsec_} | base64 -d | od -An -v -tx1 | tr -d ' \n')
sign() {
	printf '%s.%s.%s' "$1" "$2" "$3" |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary |
		base64 | sed 's/^/v1,/'
}
t=$(date +%s)
body='{"n": 9007199254740993, "d":1.10, "s":"\u00e9\/é"}'
is "$(post "$now" m1 "$t" "$(sign m1 "$t" "$body")" "$body")" 200 \
	'a message of now is accepted'
is "$(post "$now" m1 "$((t + 1))" "$(sign m1 $((t + 1)) "$body")" "$body")" 200 \
	'and once more when it is repeated'
is "$(post "$now" m2 "$t" "$(sign m2 "$t" nonsense)" nonsense)" 400 \
	'a body that is not JSON is refused'

mock_stop any
ok $? 'the receiver ends with 0 on SIGTERM'
mock_stop now
echo '{"test":2432232314}' >want
same want any.log 'a message is logged once, on a line'
echo '{"n":9007199254740993,"d":1.10,"s":"\u00e9\/é"}' >want
same want now.log 'values are logged as they came'

exits 77 'no secret, no receiver' env -u WEBHOOK_SECRET receiver --log x
exits 78 'a secret that is none' env WEBHOOK_SECRET=whsec_@ receiver --log x
exits 64 'no log' receiver
exits 0 'it ends by itself when nobody calls' receiver --log x --idle 1
done_testing

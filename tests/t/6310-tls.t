#!/bin/sh
# Whom a push trusts, and where it does not go.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null ||
	skip_all 'no certificate can be made'
openssl s_server -accept 127.0.0.1:0 -key key.pem -cert cert.pem -www \
	>server 2>&1 &
at_end "kill $!"
soon grep -q '^ACCEPT .*:[0-9]' server
port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' server)
[ -n "$port" ] || skip_all 'openssl s_server does not say where it listens'

contract tls '{"operations": {"send": {"request":
	{"method": "GET", "url": "/", "item": null}}}}'
echo '{"id":1,"diff_result":"DiffAdded"}' >in
# push URL [OPTION...]
push() {
	at=$1
	shift
	timeout 30 retl-push -c t/tls --set "base_url=$at" "$@" <in >out 2>err
	status=$?
}

push "https://localhost:$port"
is "$status/$(outcomes out)" '69/failed certificate' \
	'a certificate that nobody vouches for ends the push'
contains err 'cacert' 'the message names the option for private authorities'
push "https://localhost:$port" --cacert cert.pem
is "$status/$(outcomes out)" 0/delivered '--cacert vouches for it'
push "https://127.0.0.1:$port" --cacert cert.pem
is "$status/$(outcomes out)" '69/failed certificate' \
	'a certificate is for one name only'
exits 66 'a file of certificates that is not there' \
	retl-push -c t/tls --cacert absent in
SSL_CERT_FILE=$work/cert.pem
export SSL_CERT_FILE
push "file:///etc/passwd"
is "$status" 78 'only http and https are spoken'
done_testing

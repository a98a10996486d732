#!/bin/sh
# A real web server, by TLS and HTTP/2; certificates on both sides; proxies.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
. "$top/tests/nginx.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
command -v perl >/dev/null || skip_all 'perl is missing'

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout us.key -out us.cert -days 2 -subj /CN=us 2>/dev/null
large=$(awk 'BEGIN { v = sprintf("%900s", ""); gsub(" ", "v", v)
	for (i = 0; i < 60; i++) print "add_header x-" i " " v ";" }')
nginx_start "$work/nginx" "ssl_client_certificate $work/us.cert;
	location /large { $large proxy_pass http://sink; }
	ssl_verify_client optional;
	location /whole { client_max_body_size 300; proxy_pass http://sink; }
	location /busy { limit_req zone=slow burst=1 nodelay;
		limit_req_status 429; proxy_pass http://sink; }
	location /gone { return 444; }
	location /moved { return 302 http://127.0.0.1:1/; }
	location /who { if (\$ssl_client_verify != SUCCESS) { return 403; }
		proxy_pass http://sink; }" ||
	skip_all 'nginx is missing, or cannot be started'

contract net '{"settings": {"key": {"env": "T_KEY", "secret": true}},
	"auth": {"type": "bearer", "token": "{key}"},
	"operations": {"send": {"batch": {"records": 10}, "request": {"url": "/all"},
		"results": "{status: (if .ok then \"delivered\" else \"failed\" end)}"}}}'
T_KEY=s3cr3t
export T_KEY
awk 'BEGIN { for (i = 1; i <= 200; i++) printf "{\"id\":%d}\n", i }' >in
# push CONTRACT URL [OPTION...]
push() {
	name=$1 at=$2
	shift 2
	timeout 60 retl-push -c "t/$name" --as added --set base_url="$at" \
		--cacert "$nginx_ca" "$@" <in >out 2>err
	status=$?
}

push net "$nginx_http"
is "$status/$(counts out)" '0/delivered 200' 'nginx, HTTP/1.1'
push net "$nginx_tls"
is "$status/$(counts out)" '0/delivered 200' 'by TLS'
push net "$nginx_h2" -v
is "$status/$(counts out)" '0/delivered 200' 'and HTTP/2'

# at PATH MEMBERS: a contract "at" that posts there
at() {
	contract at "{\"operations\": {\"send\": {\"batch\": {\"records\": ${2:-10}},
		\"request\": {\"url\": \"$1\"}}}, \"retry\": {\"attempts\": ${3:-2}}}"
}
at /whole 40
push at "$nginx_h2" --concurrency 1 -v
is "$status/$(counts out)" '0/delivered 200' '413: the batch is halved'
is "$(grep -c '< HTTP 413' err | awk '{ print ($1 <= 3) }')" 1 \
	"and the next ones are smaller ($(grep -c '< HTTP 413' err) times)"
at /busy 10 200
push at "$nginx_h2"
is "$status/$(counts out)" '0/delivered 200' '429: after a while'
at /gone
push at "$nginx_h2" --max-failures 0
is "$status/$(counts out)" '75/unknown 200' 'closed without an answer: in doubt'
at /moved
push at "$nginx_h2"
is "$status/$(counts out)" '69/failed 200' 'a redirect is not followed'

at /large 50
push at "$nginx_h2" --timeout 5
is "$status/$(counts out)" '0/delivered 200' \
	'HTTP/2: header lines of 54 kB, in one piece'

# ---- who we are ----
at /who
push at "$nginx_tls"
is "$status" 77 'a server that asks for a certificate'
push at "$nginx_tls" --cert us.cert --key us.key
is "$status/$(counts out)" '0/delivered 200' 'gets ours'
cat us.cert us.key >us.pem
push at "$nginx_h2" --cert us.pem
is "$status/$(counts out)" '0/delivered 200' 'from one file'
push at "$nginx_tls" --cert us.cert
is "$status/$(counts out)" '77/failed 200' 'without its key it is of no use'
contains err '--cert: ' 'which is said'
# A 400 of nginx, with a page: nobody's record is refused for it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout them.key -out them.cert -days 2 -subj /CN=them 2>/dev/null
push at "$nginx_tls" --cert them.cert --key them.key -v
is "$status/$(counts out)/$(grep -c '< HTTP 400' err | awk '{ print ($1 <= 4) }')" \
	'77/failed 200/1' 'a certificate that it does not trust ends the push'
contains err 'does not accept the client certificate' 'which is said'
push at "http://${nginx_tls#https://}"
is "$status/$(counts out)" '69/failed 200' 'so does an address without TLS'
contains err 'the server speaks TLS there' 'which is said too'
openssl ec -in us.key -aes128 -passout pass:x -out locked.key 2>/dev/null
push at "$nginx_tls" --cert us.cert --key locked.key </dev/null
is "$status" 77 'nobody is asked for a passphrase'
exits 66 'a certificate that is not there' retl-push -c t/at --cert absent in
exits 64 'a key alone' retl-push -c t/at --key us.key in

# ---- proxies ----
# proxy [CREDENTIALS]: starts one; its address without the scheme is in $proxy.
proxy() {
	rm -f proxy.port proxy.log
	perl "$top/tests/proxy.pl" proxy.port proxy.log "$@" >/dev/null 2>&1 &
	proxy_pid=$!
	at_end "kill $proxy_pid 2>/dev/null"
	soon test -s proxy.port
	proxy=127.0.0.1:$(cat proxy.port)
}
proxy
http_proxy=http://$proxy push net "$nginx_http"
is "$status/$(counts out)" '0/delivered 200' 'through a proxy'
contains proxy.log "POST $nginx_http/all" 'which saw it'
: >proxy.log
https_proxy=http://$proxy push net "$nginx_tls"
is "$status/$(counts out)" '0/delivered 200' 'TLS through a proxy'
contains proxy.log "CONNECT localhost:" 'which only hands bytes on'
lacks proxy.log s3cr3t 'and sees no credentials'
: >proxy.log
https_proxy=http://$proxy no_proxy=localhost push net "$nginx_tls"
is "$status/$(counts out)/$(wc -c <proxy.log)" '0/delivered 200/0' 'no_proxy'
at /all
https_proxy=http://127.0.0.1:1 push at "$nginx_tls" --max-failures 3
is "$status/$(jq -r .status out | sort -u)" 75/failed \
	'behind a proxy that is not there nothing is in doubt'
kill $proxy_pid
proxy "$(printf me:pass | openssl base64)"
https_proxy=http://me:pass@$proxy push net "$nginx_tls"
is "$status/$(counts out)" '0/delivered 200' 'a proxy with a password'
https_proxy=http://$proxy push at "$nginx_tls" --max-failures 3
is "$status/$(jq -r .status out | sort -u)" 75/failed \
	'nor behind one that refuses us'
done_testing

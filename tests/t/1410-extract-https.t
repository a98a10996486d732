#!/bin/sh
# retl-extract over TLS from nginx: whom it trusts, and a transfer whose worker
# is killed in the middle.
. "$(dirname "$0")/../lib.sh"
nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || skip_all 'nginx is missing'
command -v openssl >/dev/null || skip_all 'openssl is missing'

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null ||
	skip_all 'no certificate can be made'
mkdir www temp
awk 'BEGIN { for (i = 1; i <= 150000; i++)
	printf "{\"id\":%d,\"name\":\"row number %d\"}\n", i, i }' >www/a.ndjson
gzip -k www/a.ndjson
openssl passwd -apr1 geheim | sed 's/^/me:/' >users
sealed www/a.ndjson >all

user=
[ "$(id -u)" != 0 ] || user='user root;'
# start_nginx PORT PORT
start_nginx() {
	cat >nginx.conf <<-END
	$user
	worker_processes 1;
	pid $work/nginx.pid;
	error_log $work/error.log;
	events { worker_connections 64; }
	http {
		client_body_temp_path temp/a; proxy_temp_path temp/b;
		fastcgi_temp_path temp/c; uwsgi_temp_path temp/d;
		scgi_temp_path temp/e;
		access_log $work/access.log;
		types { text/csv csv; }
		server {
			listen 127.0.0.1:$1 ssl http2;
			ssl_certificate $work/cert.pem;
			ssl_certificate_key $work/key.pem;
			root $work/www;
			gzip on; gzip_types *; gzip_min_length 1;
			location /slow/ { alias $work/www/; limit_rate 4m; }
			location /private/ {
				alias $work/www/; auth_basic x;
				auth_basic_user_file $work/users;
			}
			location /down { return 301 http://127.0.0.1:$2/a.ndjson; }
			location /up { return 302 https://localhost:$1/a.ndjson; }
			location /busy { return 503; }
		}
		server { listen 127.0.0.1:$2; root $work/www;
			location /up { return 302 https://localhost:$1/a.ndjson; } }
	}
	END
	"$nginx" -p "$work" -c "$work/nginx.conf" -e "$work/error.log" 2>start.err
}
for try in 1 2 3 4 5; do
	[ "$try" = 1 ] || sleep 0.1
	port=$(($(od -An -N2 -tu2 /dev/urandom) % 20000 + 20000))
	start_nginx $port $((port + 1)) && break
	port=
done
[ -n "$port" ] || skip_all "nginx does not start: $(head -n 1 start.err)"
at_end 'kill "$(cat nginx.pid)" 2>/dev/null'
web=https://localhost:$port

# get PATH OPTION...
get() {
	what=$1
	shift
	timeout 60 retl-extract --retries 2 --cacert cert.pem "$@" \
		"$web/$what" >out 2>err
	status=$?
}

get a.ndjson
same all out 'a file over TLS'
get a.ndjson.gz
same all out 'a compressed file'
exits 69 'a certificate that nobody vouches for' \
	retl-extract --retries 0 "$web/a.ndjson"
contains err 'cacert' 'the message names the option'
exits 69 'a certificate is for one name only' retl-extract --retries 0 \
	--cacert cert.pem "https://127.0.0.1:$port/a.ndjson"
exits 66 'a file of certificates that is not there' \
	retl-extract --cacert absent "$web/a.ndjson"
get none.ndjson
is "$status" 66 'a file that is not there'
get private/a.ndjson
is "$status" 77 'a server that wants a password'
RETL_HTTP_USER=me RETL_HTTP_PASSWORD=geheim get private/a.ndjson
same all out 'a password from the environment'
RETL_HTTP_USER=me RETL_HTTP_PASSWORD=wrong get private/a.ndjson
is "$status" 77 'a wrong password'
get down
is "$status" 69 'no redirect from https to http'
contains err 'from https to http' 'the message says so'
exits 0 'a redirect from http to https' retl-extract --cacert cert.pem \
	"http://127.0.0.1:$((port + 1))/up"
same all out 'its rows'
get busy
is "$status" 75 'a server that is busy'

# A worker is killed while it sends: TLS is cut without its closing word.
rm -f out
timeout 60 retl-extract --cacert cert.pem "$web/slow/a.ndjson" >out 2>err &
client=$!
soon holds 300000 out
pkill -KILL -P "$(cat nginx.pid)"
wait $client
is "$?" 0 'a worker killed in the middle'
same all out 'every row, once'
is "$(grep -c '/slow/.* 206 ' access.log)" 1 'the rest came as a range'
done_testing

# A real web server for tests and the bench; source it after lib.sh, or with
# at_end of one's own. It listens on 127.0.0.1, on ports that were free.
# shellcheck shell=sh disable=SC2034

# nginx_start FOLDER LOCATIONS: answers each POST with 200 after it has read the
# body; LOCATIONS are more of nginx's words for each server. Sets nginx_http,
# nginx_tls, nginx_h2 (addresses, HTTP/2 by TLS) and nginx_ca. 1: it cannot.
nginx_start() {
	command -v nginx >/dev/null && command -v openssl >/dev/null || return 1
	mkdir -p "$1/logs"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$1/key.pem" -out "$1/cert.pem" -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null ||
		return 1
	nginx_ca=$1/cert.pem
	for nginx_try in 1 2 3 4 5 6; do
		nginx_port=$((20000 + ($$ * 7 + nginx_try * 911) % 30000))
		nginx_conf "$1" "$2" "$nginx_port"
		nginx -p "$1" -c conf >"$1/out" 2>&1 &
		nginx_pid=$!
		for nginx_wait in 1 2 3 5 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9; do
			sleep 0.0$nginx_wait
			kill -0 $nginx_pid 2>/dev/null || break
			! curl -s -o "$1/out" "http://127.0.0.1:$nginx_port/" ||
				break 2
		done
		kill $nginx_pid 2>/dev/null
		nginx_pid=
	done
	[ -n "$nginx_pid" ] || return 1
	at_end "kill $nginx_pid 2>/dev/null"
	nginx_http=http://127.0.0.1:$nginx_port
	nginx_tls=https://localhost:$((nginx_port + 1))
	nginx_h2=https://localhost:$((nginx_port + 2))
}

# A location that passes on reads the body first; "return" alone does not.
nginx_conf() {
	cat >"$1/conf" <<END
daemon off; worker_processes 1; pid nginx.pid; error_log logs/error.log crit;
events { worker_connections 1024; }
http {
	access_log off; keepalive_requests 100000000;
	client_body_buffer_size 1m; client_max_body_size 64m;
	client_body_temp_path tmp_b; proxy_temp_path tmp_p;
	fastcgi_temp_path tmp_f; uwsgi_temp_path tmp_u; scgi_temp_path tmp_s;
	limit_req_zone \$server_port zone=slow:1m rate=50r/s;
	ssl_certificate cert.pem; ssl_certificate_key key.pem;
	upstream sink { server 127.0.0.1:$(($3 + 3)); keepalive 32; }
	proxy_http_version 1.1; proxy_set_header Connection "";
	server { listen 127.0.0.1:$3; location / { proxy_pass http://sink; } $2 }
	server { listen 127.0.0.1:$(($3 + 1)) ssl;
		location / { proxy_pass http://sink; } $2 }
	server { listen 127.0.0.1:$(($3 + 2)) ssl http2;
		location / { proxy_pass http://sink; } $2 }
	server { listen 127.0.0.1:$(($3 + 3));
		location / { default_type application/json; return 200 "{\"ok\":true}"; } }
}
END
}

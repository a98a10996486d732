#!/bin/sh
# retl-extract from a web server that fails: what is taken up again, what is
# never taken for whole, who gets the credentials.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"

mkdir root
awk 'BEGIN { for (i = 1; i <= 20000; i++)
	printf "{\"id\":%d,\"name\":\"row %d é\"}\n", i, i }' >root/a.ndjson
printf 'id,name\n007,Zoe\n9,"a ""b"""\n' >root/a.csv
printf 'id\tname\n1\tx\n' >root/a.tsv
printf '[{"id":1},\n {"id":2}]' >root/a.json
: >root/empty.csv
: >root/empty.ndjson
head -n 1 root/a.ndjson >root/one.ndjson
{ head -n 12000 root/a.ndjson | gzip; tail -n 8000 root/a.ndjson | gzip; } \
	>root/two.ndjson.gz
zstd -q root/a.ndjson -o root/a.ndjson.zst 2>/dev/null
awk 'BEGIN { for (i = 0; i < 4000000; i++) printf "x"; }' >cell
{ printf '{"id":1,"s":"'; cat cell; printf '"}\n'; } >root/cell.ndjson
sealed root/a.ndjson >all

# serve OPTION...: the folder by web.
serve() {
	mock_stop web
	rm -f log
	mock_start web webfiles --root root --log log "$@"
	web=$(mock_url web)
}
# get NAME: ./out; the seal or its absence is for the caller.
get() {
	timeout 60 retl-extract --retries 2 "$web/$1" >out 2>err
	status=$?
}
# whole NAME CLAIM
whole() {
	get "$1"
	same all out "$2"
	[ "$status" = 0 ] || ok 1 "$2: status 0" "$(cat err)"
}
# broken FILE STATUS MESSAGE CLAIM
broken() {
	get "$1"
	shift
	ended "$@"
}

# ---- a server that works ----

serve
whole a.ndjson 'NDJSON'
whole two.ndjson.gz 'gzip of two members'
[ ! -f root/a.ndjson.zst ] || whole a.ndjson.zst 'zstd'
get a.csv
printf '{"id":"007","name":"Zoe"}\n{"id":"9","name":"a \\"b\\""}\n' >rows
sealed rows >wanted
same wanted out 'CSV'
get a.tsv
echo '{"id":"1","name":"x"}' >rows
sealed rows >wanted
same wanted out 'TSV'
get a.json
printf '{"id":1}\n{"id":2}\n' >rows
sealed rows >wanted
same wanted out 'a JSON array'
sealed root/one.ndjson >wanted
get one.ndjson
same wanted out 'one row'
sealed root/cell.ndjson >wanted
get cell.ndjson
same wanted out 'a value of four million bytes'
get 'one.ndjson?sig=geheim'
is "$status" 0 'a query goes along'
contains log '?sig=geheim' 'the server gets it'
broken 'none.csv?sig=geheim' 66 'HTTP 404' 'a file that is not there'
lacks err geheim 'no query in a message'
broken empty.csv 65 'the file is empty' 'an empty CSV file'
get empty.ndjson
is "$status/$(wc -c <out)" 0/0 'an empty NDJSON file is not sealed'
exits 64 'a password in the URL is refused' \
	retl-extract "http://u:pw@127.0.0.1/a.csv"
lacks err pw 'and not shown'
exits 64 'a URL without a host' retl-extract http:///a.csv
timeout 60 retl-extract --limit 2 "$web/a.ndjson" >out 2>err
is "$?/$(wc -l <out)" 0/2 '--limit ends the transfer'

# ---- lost connections ----

serve --cut 200000
whole a.ndjson 'a connection that ends every 200 kB is taken up again'
is "$(grep -c 'bytes=' log)" "$(($(wc -c <root/a.ndjson) / 200000))" \
	'each time by a range'
whole two.ndjson.gz 'in compressed data too'
serve --at 1=half --no-ranges
whole a.ndjson 'a server without ranges: what came before is passed over'
serve --cut 200000 --no-etag
broken a.ndjson 75 'neither ETag nor Last-Modified' \
	'without a validator there is no going on'
is "$(grep -c . log)" 1 'nor is it tried'
serve --cut 200000 --changing
broken a.ndjson 75 'was changed while it was read' \
	'a file that changes (412)'
serve --cut 200000 --changing --no-conditions
broken a.ndjson 75 'was changed while it was read' \
	'a file that changes, and a server that ignores If-Match'
serve --at 1=half --changing --no-ranges --no-conditions
broken a.ndjson 75 'was changed while it was read' \
	'a file that changes, and a server without ranges'
serve --at 1=half --at 2=close-before --at 3=reset-before --at 4=500
broken a.ndjson 75 'fails (3 attempts)' 'attempts come to an end'
serve --cut 200000 --range-status 200
broken a.ndjson 75 'was changed' 'a part that passes for the whole'
serve --cut 200000 --range-status 204
broken a.ndjson 69 'HTTP 204' 'a nonsensical status'

# ---- lengths ----

serve --longer 10
broken a.ndjson 75 'is shorter than' 'a length that is never reached'
serve --shorter 20
broken a.ndjson 65 'a.ndjson' 'a length in the middle of a row'
serve --bare
get a.ndjson
is "$status" 0 'a server that gives no length'
same root/a.ndjson out 'its rows come'
contains err 'warning: not sealed: the server says neither' 'not sealed'

serve --chunked
whole a.ndjson 'chunks show their end'
serve --chunked --at 1=half
whole a.ndjson 'chunks that are cut: a range says how much there is'
serve --chunked --at 1=half --cap 100000
whole a.ndjson 'a server that gives no more than it likes of a range'
[ "$(grep -c 'bytes=' log)" -gt 3 ]
ok $? 'is asked for the rest'
serve --at 1=half --cap 100000
whole a.ndjson 'also if the length was known before'
for how in --starred '--starred --cap 100000' '--starred --bare-ranges'; do
	# shellcheck disable=SC2086
	serve --chunked --at 1=half $how
	get a.ndjson
	lacks out "$(printf '\t')" "a rest whose end nobody says ($how) is not sealed"
done
serve --chunked --at 1=half --bare-ranges
whole a.ndjson 'a rest without a length, of a whole that has one'

printf '\n<!DOCTYPE html>\n<p>Log in\n' >root/page.csv
serve --type 'text/html; charset=utf-8'
broken page.csv 69 'a page of HTML' 'a page in place of a file'
get a.csv
is "$status" 0 'a file that is called a page'

# ---- passing troubles ----

serve --at 1=429+1 --at 2=reset-before
whole a.ndjson '429 and a reset before the answer'
serve --every 1=429
broken a.ndjson 75 'HTTP 429 (3 attempts)' 'throttling without end'
serve --every 1=500
broken a.ndjson 75 '(3 attempts)' 'a server that fails'
timeout 60 retl-extract --retries 0 http://127.0.0.1:1/a.csv >out 2>err
is "$?" 69 'nobody listens'

# ---- credentials and redirects ----

serve --authorization 'Bearer s3cret-token'
broken a.ndjson 77 'HTTP 401' 'a server that wants credentials'
RETL_HTTP_TOKEN=s3cret-token get a.ndjson
same all out 'RETL_HTTP_TOKEN'
RETL_HTTP_TOKEN=wrong-token broken a.ndjson 77 'HTTP 401' 'a wrong token'
lacks err wrong-token 'which is not shown'
RETL_HTTP_TOKEN="$(printf 'a\nX: y')" broken a.ndjson 78 'control character' \
	'a token with a line end'
RETL_HTTP_PASSWORD=x broken a.ndjson 78 'RETL_HTTP_USER' 'a user is missing'
serve --authorization 'Basic bWU6cHc6MQ=='
RETL_HTTP_USER=me RETL_HTTP_PASSWORD=pw:1 get a.ndjson
same all out 'user and password'
cp log log.first
mock_start other webfiles --root root --log other.log
serve --redirect "$(mock_url other)" --cut 200000
RETL_HTTP_TOKEN=s3cret-token get to/a.ndjson
same all out 'a redirect to another server'
contains log ' auth 302' 'the first got the credentials'
lacks other.log ' auth ' 'the other did not'
serve --redirect ''
RETL_HTTP_TOKEN=s3cret-token get to/a.ndjson
same all out 'a redirect within the server'
lacks log ' - - ' 'keeps the credentials'
serve --redirect 'file:///etc'
broken to/passwd 69 'no http URL' 'a redirect to a file'
serve --redirect '/to'
broken to/a.ndjson 69 'HTTP 302' 'redirects in a circle'
mock_stop other
mock_stop web
done_testing

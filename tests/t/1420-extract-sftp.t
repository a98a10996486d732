#!/bin/sh
# retl-extract from an OpenSSH server: who is trusted, what is taken up again,
# what shows that a file is still being written.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/sshd.sh"
at=sftp://127.0.0.1:$port$work

# get FILE
get() {
	timeout 60 retl-extract --retries 1 "$at/$1" >out 2>err
	status=$?
}
# broken FILE STATUS MESSAGE CLAIM
broken() {
	get "$1"
	shift
	ended "$@"
}
awk 'BEGIN { for (i = 1; i <= 300000; i++) printf \
	"{\"id\":%d,\"name\":\"a row with number %d, which is longer é\"}\n",
	i, i }' >big.ndjson
sealed big.ndjson >all
gzip -k big.ndjson
printf 'id\n7\n' >"a b.csv"
: >empty.csv

get big.ndjson
same all out 'a file of many megabytes'
get big.ndjson.gz
same all out 'a compressed file'
get a%20b.csv
echo '{"id":"7"}' >rows
sealed rows >wanted
same wanted out 'a name with a blank'
broken none.csv 66 'no such file' 'a file that is not there'
broken empty.csv 65 'the file is empty' 'an empty file'
timeout 60 retl-extract --limit 1 "$at/big.ndjson" >out 2>err
is "$?/$(wc -l <out)" 0/1 '--limit ends the transfer'
exits 64 'a password in the URL' retl-extract "sftp://a:geheim@127.0.0.1/x.csv"
lacks err geheim 'is not shown'
exits 64 'a folder' retl-extract "$at/"
exits 64 'no host' retl-extract sftp:///x.csv

RETL_SFTP_KNOWN_HOSTS=/dev/null broken big.ndjson 69 'host key is not known' \
	'an unknown host'
RETL_SFTP_KNOWN_HOSTS=$work/known2 broken big.ndjson 69 'host key' \
	'a host with another key'
RETL_SFTP_KEY=$work/other broken big.ndjson 77 'RETL_SFTP_KEY' \
	'a key that the server does not know'
RETL_SFTP_KEY=$work/rsa broken big.ndjson 77 'RSA keys do not work' \
	'an RSA key'
RETL_SFTP_KEY=$work/locked RETL_SFTP_PASSPHRASE='a phrase' get big.ndjson
same all out 'a key with a passphrase'

# A consumer that takes its time: the rest of the file is still at the server.
# slowly FILE: the rows in ./out, the status in ./status, until ./go is there.
slowly() {
	rm -f go
	{
		timeout 60 retl-extract --retries 2 "$at/$1" 2>err
		echo $? >status
	} | {
		dd bs=64k count=1 iflag=fullblock of=first 2>/dev/null
		soon test -e go
		cat >rest
	} &
	reader=$!
	soon test -s first
}
finish() {
	: >go
	wait $reader
	cat first rest >out
	status=$(cat status)
	rm -f first rest
}
slowly big.ndjson
pkill -KILL -P "$(cat sshd.pid)"
finish
is "$status" 0 'a connection that is killed in the middle'
same all out 'every row, once'
{ echo '{"id":0}'; printf '{"v":"%09000000d"}\n' 7; } >cell.ndjson
sealed cell.ndjson >wanted
get cell.ndjson
same wanted out 'a value of nine million bytes'
cp big.ndjson grows.ndjson
slowly grows.ndjson
echo '{"id":0}' >>grows.ndjson
finish
is "$status" 75 'a file that grows'
contains err 'writer has finished' 'the message says what to wait for'
lacks out "$(printf '\t')" 'no seal'
slowly big.ndjson
listener=$(cat sshd.pid)
sessions=$(pgrep -P "$listener")
kill "$listener"
# shellcheck disable=SC2086
kill -KILL $sessions
finish
[ "$status" = 69 ] || [ "$status" = 75 ]
ok $? 'a server that goes for good' "$status: $(cat err)"
lacks out "$(printf '\t')" 'no seal either'
broken big.ndjson 69 '127.0.0.1' 'nobody listens'
done_testing

#!/bin/sh
# sftp/file and sftp/changes: files put on an OpenSSH server, whole or not at
# all, whoever is killed, and whatever the server does not let us do.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/sshd.sh"
. "$top/tests/push.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

mkdir -p contracts/sftp in
for name in file changes; do
	jq '. * {retry: {first: 0.01, most: 0.05, attempts: 3}}' \
		"$top/contracts/sftp/$name.json" >contracts/sftp/$name.json
done
echo '{"host":"127.0.0.1:'"$port"'","folder":"'"${work#/}"/in/'","file":"crm"}' >settings

# push CONTRACT [OPTION...]: of ./rows
push() {
	contract=$1
	shift
	timeout 60 retl-push -c "$contract" --settings settings "$@" \
		<rows >out 2>err
	status=$?
}
whole() {
	push sftp/file --as added "$@"
}
names() {
	ls -A in
}
many() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf \
	"{\"id\":%d,\"name\":\"a row, %d, é\",\"n\":null,\"s\":\"\"}\n", i, i }' >records
	sealed records >rows
}
csv() {
	awk -v n="$1" 'BEGIN { print "id,name,n,s"; for (i = 1; i <= n; i++)
	printf "%d,\"a row, %d, é\",,\"\"\n", i, i }'
}

# ---- the whole dataset ----
many 1000
whole --set rows=300
is "$status/$(counts out)/$(names)" '0/delivered 1000/crm.csv' 'a dataset is one file'
csv 1000 >wanted
same wanted in/crm.csv 'of several pieces, under one header'
many 500
whole
csv 500 >wanted
same wanted in/crm.csv 'the next run takes its place'
whole --set format=ndjson --set gzip=true --set rows=200
gzip -dc in/crm.ndjson.gz >got
same records got 'lines of JSON, packed piece by piece'
rm in/crm.ndjson.gz
whole --set rows=200 --set columns=s,absent,id --set file=some
awk 'BEGIN { print "s,absent,id"; for (i = 1; i <= 500; i++)
	printf "\"\",,%d\n", i }' >chosen
same chosen in/some.csv 'the columns that are named, in their order, under one header'
whole --set format=ndjson --set columns=id,name --set file=some
jq -c '{id, name}' records >chosen
same chosen in/some.ndjson 'of lines of JSON too'
rm in/some.*
RETL_SFTP_PASSWORD=s3cr3t whole -v --set stamp=day --set gzip=true --set file=seen
contains err '> id,name,n,s 1,' 'what is written can be watched, as it was before it was packed'
contains err '< batch 1: written' 'and what came of it'
lacks err s3cr3t 'but no password'
rm in/seen-*
whole --set stamp=day
is "$(names | tr '\n' ' ')" "crm-$(date -u +%F).csv crm.csv " 'a file a day'
home=$(getent passwd "$(id -u)" | cut -d : -f 6 | sed 's|[^/][^/]*|..|g; s|^/||')
mkdir there
whole --set "folder=~/$home$work/there/" --set 'file=a "b" 100% ü'
is "$status" 0 'a folder as seen from home, a name of all kinds of characters'
same wanted "there/a \"b\" 100% ü.csv" 'is that of the file'
RETL_SFTP_KEY=$work/locked RETL_SFTP_PASSPHRASE='a phrase' whole
is "$status" 0 'a key with a passphrase'

# ---- what is not whole is not put there ----
: >records
sealed records >rows
cp in/crm.csv before
whole
is "$status" 65 'an empty dataset'
same before in/crm.csv 'leaves the file as it was, sealed as it may be'
whole --allow-empty --set file=none
is "$status/$(wc -c <in/none.csv)" 0/0 'unless it is meant: a file without a row'
rm -f in/none.csv
whole --allow-empty --set file=none --set columns=id,name
is "$(cat in/none.csv)" id,name 'or one with its header alone, where that is known'
rm -f in/none.csv
many 900
grep . records >rows
whole --set rows=100
is "$status/$(counts out)" '65/failed 100, unknown 800' 'a stream without its seal'
same wanted in/crm.csv 'leaves the file as it was'
{ cat records; echo '{"name":"without a key"}'; } >rest
sealed rest >rows
whole --set rows=100
is "$status/$(counts out)" '65/failed 100, rejected 1, unknown 800' 'a record that is refused'
same wanted in/crm.csv 'leaves the file as it was, too'
{ cat records; echo '{"id":1000,"other":1}'; } >rest
sealed rest >rows
whole --set rows=100
is "$status" 78 'a column that the header has not'
contains err 'other: not a column of the header' 'is named'
is "$(names | tr '\n' ' ')" "crm-$(date -u +%F).csv crm.csv " 'no temporary file stays behind'
echo '{"id":1,"diff_result":"DiffAdded","diff_id":"r:1"}' >rows
push sftp/file
is "$status" 64 'changes are not the whole'

# ---- changes ----
rm -rf in && mkdir in
cat >rows <<'END'
{"id":9007199254740993,"n":1.10,"diff_result":"DiffAdded","diff_id":"r:1"}
{"id":2,"n":null,"diff_result":"DiffUpdated","diff_id":"r:2"}
{"id":3,"n":"x","diff_result":"DiffRemoved","diff_id":"r:3"}
END
push sftp/changes
is "$status/$(counts out)" '0/delivered 3' 'changes are delivered'
is "$(cat in/*-1.csv; cat in/*-2.csv)" 'id,n,change
9007199254740993,1.10,added
2,,updated
id,n,change
3,x,removed' 'each batch is a file of its own'
push sftp/changes --set format=ndjson --on removed=skip
is "$status/$(counts out)/$(cat in/*-1.ndjson)" \
	'0/delivered 2, skipped 1/{"id":9007199254740993,"n":1.10,"change":"added"}
{"id":2,"n":null,"change":"updated"}' 'lines of JSON, without removals'
rm in/*
push sftp/changes --set columns=change,n,id --on removed=skip
is "$(cat in/*-1.csv)" 'change,n,id
added,1.10,9007199254740993
updated,,2' 'columns that are named, the change in its place'
rm in/*
push sftp/changes --set columns=id --set format=ndjson --on removed=skip
is "$(cat in/*-1.ndjson)" '{"id":9007199254740993,"change":"added"}
{"id":2,"change":"updated"}' 'or at the end, for it is never left out'
# one BATCH-OR-EMPTY REQUEST: a contract with a file a record
one() {
	contract one '{"base_url": "sftp://{user}@{+host}", "auth": {"type": "ssh",
		"key_file": "{key}", "known_hosts": "{known}"},
		"settings": {"host": {}, "user": {"env": "USER"}, "folder": {}, "file": {"optional": true},
			"key": {"env": "RETL_SFTP_KEY"}, "known": {"env": "RETL_SFTP_KNOWN_HOSTS"}},
		"retry": {"attempts": 3},
		"operations": {"send": {"request": {"method": "PUT", "item": ".",
			"url": "/{+folder}{record.id}.json", "type": "json"'"$1"'}}}}'
}
one ''
echo '{"id":"a","v":1.0,"diff_result":"DiffAdded"}
{"id":"a/b","diff_result":"DiffAdded"}
{"id":"..","diff_result":"DiffAdded"}' >rows
push t/one
is "$status/$(counts out)/$(cat in/*.json)" \
	'1/delivered 1, rejected 2/{"id":"a","v":1.0}' 'a file a record'
contains err 'has a slash' 'whose values do not lead into another folder'
push t/one
is "$status/$(counts out)" '1/rejected 3' 'what is there is not written over'
one ', "replace": true'
sed 's/1\.0/2.0/' rows >rest && mv rest rows
push t/one
is "$status/$(cat in/a.json)" '1/{"id":"a","v":2.0}' 'unless the contract says so'

# ---- what the server does not let us do ----
echo '{"id":1,"n":1,"diff_result":"DiffAdded"}' >rows
# refused STATUS MESSAGE CLAIM: what push has just met
refused() {
	is "$status/$(counts out)" "$1/failed 1" "$3"
	contains err "$2" "$3: the message"
}
changes() {
	push sftp/changes "$@"
}
export RETL_SFTP_KNOWN_HOSTS=/dev/null
changes
refused 69 'host key is not known' 'an unknown host'
RETL_SFTP_KNOWN_HOSTS=$work/known2
changes
refused 69 'host key' 'a host with another key'
RETL_SFTP_KNOWN_HOSTS=$work/known RETL_SFTP_KEY=$work/other
changes
refused 77 'RETL_SFTP_KEY' 'a key that the server does not know'
RETL_SFTP_KEY=$work/good
changes --set folder=nowhere/at/all/
refused 69 'no such folder' 'a folder that is not there'
# as KEY COMMAND: who comes with the key gets this program
as() {
	printf 'command="%s" %s\n' "$2" "$(cat "$1.pub")" >>authorized
	RETL_SFTP_KEY=$work/$1
}
ssh-keygen -q -t ed25519 -N '' -f reader
as reader 'internal-sftp -R'
changes
refused 77 'does not let us write' 'a server that may only be read'
ssh-keygen -q -t ed25519 -N '' -f writer
as writer 'internal-sftp -P rename,posix-rename'
rm -rf in && mkdir in
changes
refused 77 'does not let us write' 'a server that does not rename'
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 5,
	LocalAddr => "127.0.0.1") or die; open F, ">", "silent"; print F $s->sockport;
	close F; sleep 20' & silent=$!
at_end "kill $silent 2>/dev/null"
soon test -s silent
RETL_SFTP_KEY=$work/good
changes --timeout 1 --set "host=127.0.0.1:$(cat silent)"
refused 75 '' 'a server that says nothing'
is "$(jq -r .code out)" unreachable 'is one that was not reached'
contract bad '{"base_url": "sftp://h", "auth": {"type": "none"}, "operations":
	{"send": {"batch": {"records": 9}, "request": {"method": "POST", "url": "/f"},
	"results": "empty"}}}'
exits 78 'a contract that asks for what files are not' retl-push --lint contracts/t/bad.json
contains out 'results' 'says so'
contains out 'type ssh' 'and whom it has to speak to'

# ---- killed in the middle ----
many 20000
csv 20000 >wanted
# begin: pushes in many pieces, and waits until some are there; the rest of the
# rows comes when there is a file ./go.
mkfifo feed
begin() {
	rm -f go
	timeout 60 retl-push -c sftp/file --as added --settings settings \
		--set rows=200 <feed >out 2>err &
	push=$!
	{
		head -n 10000 records
		soon test -e go
		tail -n +10001 records
		seal 20000
	} >feed 2>/dev/null &
	feeder=$!
	part='in/.crm.csv.*.part'
	soon sh -c "test -s $part"
}
# end: lets the push come to its end
end() {
	: >go
	wait $push
	status=$?
	wait $feeder
}
begin
pkill -KILL -P "$(cat sshd.pid)"
end
is "$status/$(counts out)" '0/delivered 20000' 'a connection that is killed in the middle'
same wanted in/crm.csv 'costs no row, and brings none twice'
echo 'of yesterday' >in/crm.csv
begin
kill -9 "$(pgrep -P $push)"
end
is "$(cat in/crm.csv)" 'of yesterday' 'a push that is killed leaves the file as it was'
rm -f in/.crm*
begin
kill -TERM $push
end
is "$status/$(names)/$(cat in/crm.csv)" '75/crm.csv/of yesterday' \
	'one that is told to end takes its piece away'
whole
same wanted in/crm.csv 'and the next one puts all of it there'

# ---- an answer that is lost ----
server=/usr/lib/openssh/sftp-server
if strace -o /dev/null true 2>/dev/null && [ -x $server ]; then
	cat >dies <<-END
	#!/bin/sh
	rm "$work/once" 2>/dev/null || exec $server
	strace -o /dev/null -e trace="\$(cat $work/call)" \
		-e inject="\$(cat $work/call)":signal=KILL:when=1 $server
	kill -KILL \$PPID
	END
	chmod +x dies
	ssh-keygen -q -t ed25519 -N '' -f mortal
	as mortal "$work/dies"
	rm -rf in && mkdir in
	echo '{"id":1,"n":1,"diff_result":"DiffAdded"}' >rows
	for call in link unlink; do
		echo $call >call
		: >once
		rm -f in/* in/.crm*
		changes
		is "$status/$(counts out)/$(cat in/*.csv)/$(names | wc -l)" \
			'0/delivered 1/id,n,change
1,1,added/1' "a server that dies while it renames, at $call: the file is there once"
		[ ! -e once ] || echo '# it did not die'
	done
fi

# ---- a full disk ----
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k none small 2>/dev/null; then
	at_end "umount '$work/small'"
	RETL_SFTP_KEY=$work/good
	many 5000
	whole --set "folder=${work#/}/small/"
	is "$status/$(ls -A small)" 65/ 'a full disk'
	is "$(jq -r '.status + " " + .code' out | sort -u)" 'failed sftp' 'is for now'
fi
done_testing

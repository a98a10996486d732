#!/bin/sh
# sftp/file against a server that dies at its n-th call, for every n: the file
# is whole, or the one of the day before.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/sshd.sh"
needs_strace
server=/usr/lib/openssh/sftp-server
[ -x $server ] || skip_all 'sftp-server is missing'
command -v jq >/dev/null || skip_all 'jq is missing'

mkdir -p contracts/sftp in
jq '. * {retry: {first: 0.01, most: 0.05, attempts: 4}}' \
	"$top/contracts/sftp/file.json" >contracts/sftp/file.json
cat >dies <<END
#!/bin/sh
rm "$work/once" 2>/dev/null || exec $server
strace -o /dev/null -e trace="\$(cat $work/call)" \\
	-e inject="\$(cat $work/call)":signal=KILL:when="\$(cat $work/when)" $server
kill -KILL \$PPID
END
chmod +x dies
printf 'command="%s" %s\n' "$work/dies" "$(cat good.pub)" >authorized
awk 'BEGIN { print "id,name"; for (i = 1; i <= 700; i++) printf "%d,row %d\n", i, i }' >wanted
awk 'NR > 1 { split($0, f, ","); printf "{\"id\":%s,\"name\":\"%s\"}\n", f[1], f[2] }' \
	wanted >records
sealed records >rows

for call in write openat link unlink newfstatat; do
	echo $call >call
	for when in $(seq 1 40); do
		echo "$when" >when
		: >once
		rm -f in/.crm*
		echo 'of yesterday' >in/crm.csv
		timeout 60 retl-push -c sftp/file --as added --set host="127.0.0.1:$port" \
			--set user="$USER" --set folder="${work#/}/in/" --set file=crm \
			--set rows=200 <rows >out 2>err
		got=$?
		if cmp -s wanted in/crm.csv; then
			is "$got" 0 "dies at $call $when: the file is whole, and said to be"
		else
			is "$got/$(cat in/crm.csv)" "65/of yesterday" \
				"dies at $call $when: the file of yesterday"
		fi
	done
done
done_testing

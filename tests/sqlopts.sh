# What every SQL source promises of -k, --shard, --cursor and --schema, as
# tests. Source it after lib.sh.
#
# sql_options URL CURSOR: a source with a table `key_rows` with the columns n (integer), d (decimal or float),
# t (text), u (unique integer), and 1200 rows; :cursor as an integer of its SQL.
# shellcheck shell=sh disable=SC2154

sql_options() {
	source=$1 cast=$2
	rows='SELECT * FROM key_rows'
	for key in n,u d,u t,u u; do
		retl-extract "$source" -k $key -q "$rows" >out 2>err
		ok $? "-k $key" "$(cat err)"
		retl-sort -c -k $key <out 2>err
		ok $? "-k $key: in key order, and sealed" "$(cat err)"
	done
	retl-extract "$source" -q "$rows" >all 2>err
	n=$(grep -c '^{' all)
	retl-extract "$source" -k t,u -q 'SELECT t, u FROM key_rows; -- all of them' >out 2>err
	is "$(tail -n 1 out)" "$(seal "$n")" '-k around a query and its comment'
	for i in 1 2 3; do
		retl-extract "$source" -k u --shard $i/3 -q "$rows" >part.$i 2>err
		ok $? "--shard $i/3" "$(cat err)"
		[ "$(grep -c '^{' part.$i)" -gt $((n / 4)) ]
		ok $? "--shard $i/3: about a third of the rows"
	done
	retl-sort -m -k u part.1 part.2 part.3 >out 2>err
	ok $? 'shards are merged' "$(cat err)"
	retl-extract "$source" -k u -q "$rows" >wanted
	same wanted out 'no row is lost or doubled'
	retl-extract "$source" -k t,u --shard 2/3 -q "$rows" >out
	retl-extract "$source" -k t,u --shard 2/3 -q "$rows WHERE u > 600" >again
	grep -vxFf out again >new
	is "$(cat new)" "$(tail -n 1 again)" 'a row stays in its shard'

	echo 1000 >cursor
	touch cursor.next
	query="SELECT u, t FROM key_rows WHERE u > $cast ORDER BY u DESC"
	retl-extract "$source" --cursor u=cursor -q "$query" >out 2>err
	ok $? '--cursor' "$(cat err)"
	is "$(grep -c '^{' out)" $((n - 1000)) 'gives what is new'
	lacks out "$(printf '\t')" 'which is not sealed'
	is "$(cat cursor.next)" "$n" 'and notes the largest value'
	is "$(stat -c %a cursor.next)" 600 'for its owner only'
	mv cursor.next cursor
	retl-extract "$source" --cursor u=cursor -q "$query" >out
	is "$(cat out cursor.next)" "$n" 'nothing new: the value stays'
	retl-extract "$source" --cursor u=cursor --limit 1 -q "$query" >out
	[ ! -e cursor.next ]
	ok $? '--limit notes nothing, and removes what an older run noted'
	exits 78 'a column that is not there' retl-extract "$source" --cursor x=cursor -q \
		"SELECT u FROM key_rows WHERE u >= $cast"
	exits 78 'nor without rows' retl-extract "$source" --cursor x=cursor -q \
		"SELECT u FROM key_rows WHERE u > 1000000 + $cast"
	contains err "no column 'x'" 'which it names'
	[ ! -e cursor.next ]
	ok $? 'and notes nothing'
	exits 64 'a query without :cursor' \
		retl-extract "$source" --cursor u=cursor -q 'SELECT u FROM key_rows'
	exits 66 'no file' retl-extract "$source" --cursor u=nosuch -q "$query"
	: >cursor
	retl-extract "$source" --cursor u=cursor -q "$query" >out 2>err
	contains err ':cursor is NULL' 'an empty file is NULL'
	exits 78 '-k: a column that is not there' retl-extract "$source" -k nosuch -q "$rows"
	exits 64 '-k: a pointer' retl-extract "$source" -k /u -q "$rows"
	exits 64 '--shard without -k' retl-extract "$source" --shard 1/2 -q "$rows"
	for bad in 0/2 3/2 1 1/ /2 1/2/3 1/0; do
		exits 64 "--shard $bad" retl-extract "$source" -k u --shard $bad -q "$rows"
	done
}

# one_zero URL QUERY: of a query that gives 0 and -0 as v, a floating-point
# number.
one_zero() {
	for i in 1 2 3 4 5 6 7; do
		retl-extract "$1" -k v --shard $i/7 -q "$2" | grep -c '^{'
	done | sort >out
	is "$(tr '\n' ' ' <out)" '0 0 0 0 0 0 2 ' \
		'0 and -0 are one key, and so in one shard'
}

# leaves URL QUERY COMMAND...: a query that gives some rows, fewer than would hold
# up the server, and then takes its time, which nobody waits for; COMMAND succeeds
# when the server runs it no more.
leaves() {
	source=$1 query=$2
	shift 2
	# It has gone before the first row comes: not one who takes them first.
	timeout 40 bash -c 'perl -e "\$SIG{PIPE} = q(IGNORE);
			select undef, undef, undef, 0.01 while syswrite STDOUT, q(x);
			\$SIG{PIPE} = q(DEFAULT);
			exec @ARGV" retl-extract -q "$2" "$1" | true
		exit ${PIPESTATUS[0]}' - "$source" "$query" 2>err
	is "$?" 141 'a reader that goes away ends it by SIGPIPE' "$(cat err)"
	soon "$@"
	ok $? 'and the query at the server'
	timeout 40 retl-extract --limit 5 -q "$query" "$source" >out 2>err
	is "$?/$(wc -l <out)" 0/5 '--limit' "$(cat err)"
	soon "$@"
	ok $? 'ends it there too'
}

# keys_sql DIALECT: SQL that makes the table. Texts differ in case, in blanks,
# in accents and in their length, and one has a character beyond U+FFFF.
keys_sql() {
	awk -v dialect="$1" 'BEGIN {
		int_type = "INTEGER"; decimal = "DECIMAL(12,2)"; text = "TEXT"
		if (dialect == "mysql") text = "VARCHAR(60)"
		if (dialect == "sqlite") decimal = "REAL"
		# One transaction: a commit a row would be most of the test.
		print "BEGIN;"
		printf "CREATE TABLE key_rows (n BIGINT, d %s, t %s, u %s);\n", \
			decimal, text, int_type
		split("a A b B ab a-b a_b é e z Z ä 10 9 ~ 😀 ﬀ ", words, " ")
		srand(7)
		for (i = 1; i <= 1200; i++) {
			w = words[int(rand() * 17) + 1]
			if (rand() < 0.2) w = w " " words[int(rand() * 17) + 1]
			if (rand() < 0.1) w = w " "
			if (rand() < 0.05) w = ""
			n = int(rand() * 300) - 150
			if (rand() < 0.1) n = n "000000000000001"
			printf "INSERT INTO key_rows VALUES (%s, %d.%02d, %s, %d);\n", \
				n, int(rand() * 100) - 50, int(rand() * 4) * 25, \
				"\047" w "\047", (i * 7) % 1200 + 1
		}
		print "COMMIT;" }'
}

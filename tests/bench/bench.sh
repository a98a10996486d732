#!/bin/sh
# Our tools and their peers on one generated table, in turns, in one run: the
# median of wall and CPU seconds, our share of the peer's beside the share that
# we promise not to exceed, and the most memory that one of our processes took.
# A program with a table, not a test: nothing here can fail for being slow, but
# "over" marks what is.
#
#	make bench                            200000 rows, 3 turns
#	make bench ROWS=1000000 REPEAT=5
#	make bench ROWS=5000000 REPEAT=5 ONLY=sort
#	make bench ONLY=sort                  works whose name has "sort" in it
#	DUCK_MODULES=DIR                      a node_modules folder with
#	                                      @duckdb/node-api in it
#
# A tool or a peer that is not there is left out. Each stands between pipes, as
# in a pipeline, wherever the peer can. Data and states are written to TMPDIR;
# a table of a million rows takes 390 MB, and up to eight such files are there.
set -eu

: "${B:?is set by make bench}"
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/bench
: "${ROWS:=200000}" "${REPEAT:=3}" "${ONLY:=}" "${DUCK_MODULES:=}"
PATH=$B/bin:$B/tests:$B/tests/bench:$PATH
LC_ALL=C
NODE_PATH=$DUCK_MODULES
export PATH LC_ALL NODE_PATH here

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
at_end() { :; } # tests/nginx.sh: what is started is ended where it was
trap 'exit 99' INT TERM HUP
cd "$work"

have() {
	command -v "$1" >/dev/null 2>&1
}

duck=
if have node && node -e 'require("@duckdb/node-api")' 2>/dev/null; then
	duck="node $here/duck.cjs"
fi

# ---- data ----
# need FILE...: makes what a work reads, when the first one asks.
need() {
	while [ $# -gt 0 ]; do
		[ -e "$1" ] || make_data "$1"
		shift
	done
}

make_data() {
	case $1 in
	sorted) gen -n "$ROWS" >sorted ;;
	mixed) gen -n "$ROWS" -o shuffled >mixed ;;
	last) gen -n "$ROWS" -o shuffled --id-last >last ;;
	alike) gen -n "$ROWS" -o shuffled --alike >alike ;;
	tomorrow) gen -n "$ROWS" -m 1,2,0.5 >tomorrow 2>counts ;;
	table.csv) gen -n "$ROWS" -f csv >table.csv ;;
	*.sealed)
		need "${1%.sealed}"
		(cat "${1%.sealed}"; seal "$(wc -l <"${1%.sealed}")") >"$1"
		;;
	state)
		need sorted.sealed
		retl-diff --init -s state -k id 2>err
		retl-diff --adopt -s state <sorted.sealed 2>err
		;;
	esac
}

# The seal over N records.
seal() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= length(n ""); i++) {
		printf "\t"; for (d = substr(n, i, 1); d > 0; d--) printf " " }
		print "" }'
}

# An eighth of the data fits; of 5 million rows 256 MiB.
spill=$((ROWS * 386 / 8))
[ "$ROWS" -ne 5000000 ] || spill=268435456

# ---- one comparison ----
print_head() {
	printf '%-24s %-22s %7s %7s %7s %7s %6s %6s %6s  %s\n' \
		work peer 'wall s' 'cpu s' 'ours' 'cpu' 'wall x' 'cpu x' \
		'MiB' 'must: wall cpu'
}

# median FILE COLUMN
median() {
	sort -n -k "$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c }
		END { print v[int((NR + 1) / 2)] }'
}

# wanted WORK FILE...: is it asked for? Makes the files then.
wanted() {
	case $1 in
	*"$ONLY"*) ;;
	*) return 1 ;;
	esac
	shift
	need "$@"
}

# versus WORK PEER MUST PEER-COMMAND OUR-COMMAND: one line of the table. MUST is
# "WALL CPU", "WALL -" or "- -". What $before names is called before each of ours.
before=
versus() {
	# Else what has just been made is written while the first are timed.
	sync -f .
	rm -f peer.times our.times
	turn=0
	while [ "$turn" -lt "$REPEAT" ]; do
		clock peer.times "$4" 2>peer.err || {
			echo "$1: $2 failed: $(head -n 1 peer.err)"
			return 0
		}
		${before:+"$before"}
		clock our.times "$5" 2>our.err || {
			echo "$1: ours failed: $(head -n 1 our.err)"
			return 0
		}
		turn=$((turn + 1))
	done
	echo "$(median peer.times 1) $(median peer.times 2)" \
		"$(median our.times 1) $(median our.times 2)" \
		"$(median our.times 3) $3" |
		awk -v work="$1" -v peer="$2" '
			function over(x, must) { return must != "-" && x > must }
			{ wall = $3 / ($1 + 1e-9); cpu = $4 / ($2 + 1e-9)
			printf "%-24s %-22s %7.2f %7.2f %7.2f %7.2f %6.2f " \
				"%6.2f %6d  %4s %4s%s\n", work, peer, $1, $2,
				$3, $4, wall, cpu, $5 / 1024, $6, $7,
				over(wall, $6) || over(cpu, $7) ? " over" : "" }'
}

# ---- works ----
# What is in order must still be held until its end, since the last record could
# be the first. Between pipes half of the peer's time is out of reach for that on
# two processors: the peer takes 0.46 s of CPU and of wall for a million rows.
# Ours takes 0.76 of CPU: the two cats and their pipes 0.3; validation and keys
# 0.24; getting the memory, copying into it, lending its pages and giving it back
# 0.22. Were the memory free and all of it shared evenly by two processors, 0.28 s
# were left, since what is lent can only be read when all has come. So it would
# take validation at half the price as well. (Moving the pipe's buffers to a pipe
# of our own before reading them, and giving memory back while the reader is at
# work, gained nothing. Pipes that would hold the pages themselves end at 64 MiB
# for a user.) A file needs no memory at all: see mapped.h.
#
# GNU sort reads a pipe into a few megabytes and writes runs; with -S it is told
# to take what ours takes.
bench_sort() {
	ours='cat mixed | retl-sort -k id | cat >/dev/null'
	if wanted 'sort by number' mixed; then
		versus 'sort by number' 'GNU sort, raw lines' '0.60 0.60' \
			'cat mixed | sort | cat >/dev/null' "$ours"
		versus 'sort by number' 'the same with -S 4G' '0.60 0.60' \
			'cat mixed | sort -S 4G | cat >/dev/null' "$ours"
		[ -z "$duck" ] || versus 'sort by number' 'DuckDB, 2 threads' \
			'0.60 0.45' "$duck \"COPY (SELECT json FROM
			read_ndjson_objects('mixed')
			ORDER BY CAST(json->>'id' AS HUGEINT)) TO '/dev/stdout'
			(FORMAT csv, HEADER false, DELIMITER '\\x01',
			QUOTE '', ESCAPE '')\" | cat >/dev/null" "$ours"
		! have jq || versus 'sort by number' 'jq, paste, sort, cut' '- -' \
			'jq .id mixed | paste - mixed | sort -n | cut -f2- >/dev/null' \
			"$ours"
	fi
	! wanted 'sort, key last' last ||
		versus 'sort, key last' 'GNU sort, raw lines' '0.80 -' \
			'cat last | sort | cat >/dev/null' \
			'cat last | retl-sort -k id | cat >/dev/null'
	! wanted 'sort by string' alike ||
		versus 'sort by string, alike' 'GNU sort, raw lines' '0.80 -' \
			'cat alike | sort | cat >/dev/null' \
			'cat alike | retl-sort -k uuid | cat >/dev/null'
	! wanted 'sort by two' mixed ||
		versus 'sort by two' 'GNU sort, raw lines' '0.80 -' \
			'cat mixed | sort | cat >/dev/null' \
			'cat mixed | retl-sort -k country,id | cat >/dev/null'
	! wanted 'sort, spilling' mixed ||
		versus 'sort, spilling' "GNU sort -k2,2n -S" '0.80 -' \
			"cat mixed | sort -s -t: -k2,2n -S ${spill}b | cat >/dev/null" \
			"cat mixed | retl-sort -k id -S $spill | cat >/dev/null"
	! wanted 'sort, in order' sorted ||
		versus 'sort, in order' 'sort -c, and cat' '0.50 -' \
			'cat sorted | sort -c -t: -k2,2n; cat sorted | cat >/dev/null' \
			'cat sorted | retl-sort -k id | cat >/dev/null'
	! wanted 'sort, a file in order' sorted ||
		versus 'sort, a file in order' 'sort -c, and cat' '- -' \
			'sort -c -t: -k2,2n sorted; cat sorted | cat >/dev/null' \
			'retl-sort -k id sorted | cat >/dev/null'
}

no_runs() {
	rm -f state/runs/*
}

bench_diff() {
	if wanted 'diff, 3.5 % changed' sorted tomorrow.sealed state; then
		ours='cat tomorrow.sealed | retl-diff -s state | cat >/dev/null'
		before=no_runs
		! have mawk || versus 'diff, 3.5 % changed' 'mawk merge' \
			'0.60 -' "mawk -v OLD=sorted -v NEW=tomorrow \
				-f $here/merge.awk | cat >/dev/null" "$ours"
		[ -z "$duck" ] || versus 'diff, 3.5 % changed' \
			'DuckDB, 2 threads' '- -' \
			"$duck \"COPY (SELECT coalesce(b.json, a.json) FROM
			(SELECT json, CAST(json->>'id' AS HUGEINT) k
				FROM read_ndjson_objects('sorted')) a FULL JOIN
			(SELECT json, CAST(json->>'id' AS HUGEINT) k
				FROM read_ndjson_objects('tomorrow')) b
			ON a.k = b.k WHERE a.json IS DISTINCT FROM b.json
			ORDER BY coalesce(a.k, b.k)) TO '/dev/stdout'
			(FORMAT csv, HEADER false, DELIMITER '\\x01',
			QUOTE '', ESCAPE '')\" | cat >/dev/null" "$ours"
		no_runs
		before=
	fi
	! wanted 'diff, nothing changed' sorted.sealed state ||
		versus 'diff, nothing changed' 'cmp' '2.00 -' \
			'cmp sorted sorted.sealed || :' \
			'cat sorted.sealed | retl-diff -n -s state | cat >/dev/null'
	! wanted 'diff --commit' tomorrow.sealed state || {
		cp -r state open.state
		bench_commit 0.10 tomorrow.sealed
	}
	! wanted 'diff --commit, first' sorted.sealed || {
		retl-diff --init -s open.state -k id 2>err
		bench_commit - sorted.sealed
	}
	bench_memory
}

fresh_state() {
	rm -rf commit.state
	cp -r open.state commit.state
	sync -f commit.state
}

# acknowledge <CHANGES: the receipts of all of them.
acknowledge() {
	sed -n 's/.*\("diff_id":"[^"]*"\).*/{\1,"to":"bench","status":"delivered"}/p'
}

# bench_commit MUST FILE: all that a run of FILE on open.state changes has been
# delivered. The peer is what it costs to replace the rows by new ones.
bench_commit() {
	need sorted
	retl-diff -s open.state <"$2" 2>err | acknowledge >receipts
	before=fresh_state
	versus "diff --commit, $(wc -l <receipts)" 'new snapshot, fsync' "$1 -" \
		'dd if=sorted of=copy bs=1M conv=fsync status=none; rm copy' \
		'retl-diff --commit -s commit.state <receipts'
	before=
	rm -rf open.state commit.state receipts
}

# peak ROWS: our most memory in three days of that many rows, in MiB.
peak() {
	gen -n "$1" >day.1
	seal "$1" >>day.1
	gen -n "$1" -m 1,2,0.5 >day.2 2>counts
	seal "$(wc -l <day.2)" >>day.2
	rm -rf peak.state peak.times
	retl-diff --init -s peak.state -k id 2>err
	clock peak.times 'retl-diff --adopt -s peak.state <day.1 2>err'
	clock peak.times 'cat day.2 | retl-diff -s peak.state 2>err >changes'
	acknowledge <changes >receipts
	clock peak.times 'retl-diff --commit -s peak.state <receipts 2>err'
	clock peak.times 'cat day.1 | retl-diff -s peak.state 2>err |
		cat >/dev/null'
	sort -n -k 3,3 peak.times | awk '{ m = $3 } END { printf "%d", m / 1024 }'
	rm -rf day.1 day.2 changes receipts peak.state
}

bench_memory() {
	wanted 'diff, memory' || return 0
	few=$((ROWS / 5))
	echo "diff, memory             $few rows: $(peak "$few") MiB," \
		"$ROWS rows: $(peak "$ROWS") MiB; must: the same, under 32"
}

map_program='{id, email, name: "\(.first) \(.last)", tel: .phone,
	land: .country, tier: (.plan // "free"), seats, tags}'

# Eight members renamed, four dropped, one constant.
plain_program='{customer: .id, uid: .uuid, fname: .first, lname: .last,
	mail: .email, tel: .phone, land: .country, tier: .plan, seats, balance,
	active, source: "crm"}'
# Two of twelve members are for libjq.
mixed_program='{customer: .id, uid: .uuid, fname: .first, lname: .last,
	mail: .email, tel: .phone, land: .country, tier: .plan, seats, balance,
	since: (.created | fromdateiso8601),
	labels: (.tags | sort | unique | join(";"))}'

bench_map() {
	printf '%s\n' "$plain_program" >plain.jq
	printf '%s\n' "$mixed_program" >mixed.jq
	if wanted 'map, rename and drop' mixed; then
		ours='cat mixed | retl-map -m plain.jq | cat >/dev/null'
		! have jq || versus 'map, rename and drop' 'jq -c' '- 0.08' \
			'cat mixed | jq -c -f plain.jq | cat >/dev/null' "$ours"
		[ -z "$duck" ] || versus 'map, rename and drop' \
			'DuckDB, 2 threads' '1.00 0.60' \
			"$duck \"COPY (SELECT id customer, uuid AS uid,
			first fname, last lname, email mail, phone tel,
			country land, plan tier, seats, balance, active,
			'crm' AS source FROM read_ndjson('mixed', columns = {
			id: 'BIGINT', uuid: 'VARCHAR', email: 'VARCHAR',
			first: 'VARCHAR', last: 'VARCHAR', phone: 'VARCHAR',
			country: 'VARCHAR', plan: 'VARCHAR', active: 'BOOLEAN',
			seats: 'INTEGER', balance: 'DECIMAL(12,2)'}))
			TO '/dev/stdout' (FORMAT json)\" | cat >/dev/null" \
			"$ours"
	fi
	! have jq || ! wanted 'map, 2 of 12 in libjq' mixed ||
		versus 'map, 2 of 12 in libjq' 'jq -c' '0.25 0.45' \
		'cat mixed | jq -c -f mixed.jq | cat >/dev/null' \
		'cat mixed | retl-map -m mixed.jq | cat >/dev/null'
}

bench_hash() {
	ours='cat mixed | retl-hash -f email=trim,lower,sha256 | cat >/dev/null'
	wanted 'hash one member' mixed || return 0
	[ -z "$duck" ] || versus 'hash one member' 'DuckDB, 2 threads' '0.60 -' \
		"$duck \"COPY (SELECT * REPLACE
			(sha256(lower(trim(email))) AS email)
			FROM read_ndjson('mixed')) TO '/dev/stdout'
			(FORMAT json)\" | cat >/dev/null" "$ours"
	! have node || versus 'hash one member' 'node' '- 0.08' \
		"cat mixed | node $here/hash.cjs | cat >/dev/null" "$ours"
}

# What holding each record against a contract adds to a mapping: the peer is the
# same mapping without it. And how long it takes until the first record.
bench_contract() {
	wanted 'map, with a contract' mixed || return 0
	cat >bench.json <<-\END
	{"name": "bench", "api": {"checked": "2026-11-22"}, "account": false,
	 "base_url": "https://example.com", "auth": {"type": "none"},
	 "record": {"properties": {"id": {"type": "integer"},
	   "uuid": {"type": "string", "format": "uuid"},
	   "email": {"type": "string", "format": "email"},
	   "first": {"type": "string"}, "last": {"type": "string"},
	   "company": {"type": "string"}, "phone": {"type": "string"},
	   "country": {"type": "string"},
	   "plan": {"enum": ["free", "team", "business", "enterprise"]},
	   "active": {"type": "boolean"}, "seats": {"type": "integer"},
	   "balance": {"type": "number"}}, "additionalProperties": false},
	 "key": ["id"], "changes": {"DiffAdded": "x"}, "operations": {"x": null}}
	END
	plain="cat mixed | retl-map --threads 1 -e '{id, uuid, email, first,
		last, company, phone, country, plan, active, seats, balance}'"
	versus 'map, with a contract' 'the same without' '- 1.60' \
		"$plain | cat >/dev/null" "$plain -c ./bench.json | cat >/dev/null"
	head -n 1 mixed >one
	versus 'start, 50 times' '50 processes' '- -' \
		'for i in $(seq 50); do retl-hash --version; done >/dev/null' \
		'for i in $(seq 50); do retl-map -c ./bench.json -e "{id}" one; done >/dev/null'
}

bench_extract() {
	if have sqlite3 && wanted 'extract sqlite'; then
		gen -n "$ROWS" -f sql | sqlite3 table.db
		query='SELECT * FROM customers'
		versus 'extract sqlite' 'sqlite3 -json' '0.55 -' \
			"sqlite3 -json table.db '$query' | cat >/dev/null" \
			"retl-extract -q '$query' sqlite:table.db | cat >/dev/null"
	fi
	! wanted 'extract csv' table.csv || bench_csv
	! wanted 'extract postgresql' || (bench_postgresql) || :
	! wanted 'extract mariadb' || (bench_mariadb) || :
}

bench_csv() {
	[ -z "$duck" ] || versus 'extract csv' 'DuckDB, 2 threads' '- -' \
		"$duck \"COPY (SELECT * FROM
			read_csv('table.csv', all_varchar = true))
			TO '/dev/stdout' (FORMAT json)\" | cat >/dev/null" \
		'retl-extract table.csv | cat >/dev/null'
	! have mlr || versus 'extract csv' 'mlr' '0.25 -' \
		'mlr --icsv --ojsonl cat table.csv | cat >/dev/null' \
		'retl-extract table.csv | cat >/dev/null'
	versus 'extract csv' 'libcsv, fields only' '1.15 -' \
		'csvonly <table.csv >/dev/null' 'retl-extract table.csv | cat >/dev/null'
}

# For the files that start servers for tests. In a subshell only: what is started
# is ended with it.
for_servers() {
	skip_all() {
		echo "extract: $1"
		exit 0
	}
	at_end() {
		cleanup_commands="$1; ${cleanup_commands:-}"
		trap 'eval "$cleanup_commands"' EXIT
	}
}

bench_postgresql() {
	for_servers
	# shellcheck source=tests/postgres.sh
	. "$top/tests/postgres.sh"
	# Not sql, which gives up after a while.
	gen -n "$ROWS" -f sql | psql -Xq -o /dev/null "$db"
	versus 'extract postgresql' 'psql, row_to_json' '0.5 -' \
		"psql -Xqc 'COPY (SELECT row_to_json(t) FROM customers t)
			TO STDOUT' '$db' | cat >/dev/null" \
		"retl-extract '$db' customers | cat >/dev/null"
}

bench_mariadb() {
	for_servers
	# shellcheck source=tests/mariadb.sh
	. "$top/tests/mariadb.sh"
	{
		echo "SET sql_mode = 'NO_BACKSLASH_ESCAPES';"
		gen -n "$ROWS" -f sql | sed '1,3s/uuid text/uuid varchar(40)/'
	} | mariadb --no-defaults --default-character-set=utf8mb4 \
		-S "$work/my.sock" -uroot test
	! have jq || versus 'extract mariadb' 'mariadb --quick, jq' '0.6 -' \
		"mariadb --no-defaults -h127.0.0.1 -P$port -uroot test --quick \
			--batch -e 'SELECT * FROM customers' |
			jq -Rc 'split(\"\\t\")' | cat >/dev/null" \
		"retl-extract '$db' customers | cat >/dev/null"
	versus 'extract mariadb' 'C loop, fetch only' '1.3 -' \
		"myfetch $port 'SELECT * FROM customers' >/dev/null" \
		"retl-extract '$db' customers | cat >/dev/null"
}

# Pages of a server that takes 50 ms for one, four at once: 80 a second at best.
bench_pages() {
	wanted 'extract pages' || return 0
	if ! have sheetsd || ! have curl; then
		return 0
	fi
	awk 'BEGIN { print "{\"sheets\":[{\"title\":\"t\",\"gid\":1,\"rows\":[[\"id\"]"
		for (i = 1; i < 20000; i++) print ",[" i "]"
		print "]}]}" }' >book.json
	rm -f sheets.port
	sheetsd --book book.json --slow 50 --port-file sheets.port --idle 60 &
	sheets_pid=$!
	while [ ! -s sheets.port ]; do sleep 0.05; done
	host=127.0.0.1:$(cat sheets.port)
	awk -v h="$host" 'BEGIN { for (i = 1; i < 20000; i += 100) printf \
		"url = \"http://%s/v4/spreadsheets/book-1/values/" \
		"%%27t%%27%%21A%d%%3AA%d?majorDimension=ROWS&" \
		"valueRenderOption=UNFORMATTED_VALUE\"\noutput = /dev/null\n",
		h, i, i + 99 }' >pages.curl
	versus 'extract pages, 50 ms' 'curl, 4 at once' '1.10 -' \
		'curl -s -Z --parallel-max 4 -K pages.curl >/dev/null' \
		"env -u GOOGLE_APPLICATION_CREDENTIALS \
			GOOGLE_SHEETS_EMULATOR_HOST=$host \
			retl-extract 'sheets:book-1?page=100' t >/dev/null"
	kill "$sheets_pid"
	awk '{ printf "extract pages, 50 ms     200 pages: %.1f a second, " \
		"%.3f of 4/0.05\n", 200 / $1, 200 / $1 / 80 }' our.times
}

# What is pushed: 100 records of some 190 bytes a request.
bench_push() {
	wanted push mixed || return 0
	. "$top/tests/nginx.sh"
	nginx_start "$work/nginx" '' || {
		echo 'push: nginx or openssl is missing'
		return 0
	}
	push_contract 'http://127.0.0.1:9' >push.json
	retl-map -e '{id, email, first, last, phone, country, plan, seats,
		balance, created}' mixed >push.rows
	retl-push -n -c ./push.json --as added <push.rows |
		sed 's/.*"body":\(.*\),"diff_ids".*/\1/' >push.bodies
	ours='retl-push --quiet -c ./push.json --as added --concurrency 8'
	# 0.85 of what libcurl does alone, and 0.95 where it waits.
	versus 'push' 'libcurl alone, HTTP/1.1' '1.18 -' \
		"post -n 8 $nginx_http/x push.bodies" \
		"$ours --set base_url=$nginx_http <push.rows >/dev/null"
	versus 'push' 'the same, and the least' '- -' \
		"post -r -n 8 $nginx_http/x push.rows >/dev/null" \
		"$ours --set base_url=$nginx_http <push.rows >/dev/null"
	versus 'push, TLS' 'libcurl alone, HTTP/1.1' '1.18 -' \
		"post -n 8 -k $nginx_ca $nginx_tls/x push.bodies" \
		"$ours --cacert $nginx_ca --set base_url=$nginx_tls <push.rows >/dev/null"
	versus 'push, TLS' 'libcurl alone, HTTP/2' '- -' \
		"post -n 8 -k $nginx_ca $nginx_h2/x push.bodies" \
		"$ours --cacert $nginx_ca --set base_url=$nginx_h2 <push.rows >/dev/null"
	bench_push_latency
	bench_push_curl
	bench_push_memory
	kill "$nginx_pid"
}

push_contract() {
	cat <<END
{"name": "push", "api": {"checked": "2026-11-22"}, "account": false,
 "base_url": "$1", "auth": {"type": "none"},
 "record": {"additionalProperties": {}}, "key": ["id"],
 "changes": {"DiffAdded": "send"},
 "operations": {"send": {"batch": {"records": 100}, "request": {"method": "POST",
	"url": "/x", "item": ".", "body": "{inputs: .}"}}}}
END
}

# A server that takes 50 ms: eight requests at once are 160 a second at best.
bench_push_latency() {
	rm -f sink.port
	sink --port-file sink.port --idle 60 --delay 50 &
	sink_pid=$!
	while [ ! -s sink.port ]; do sleep 0.05; done
	head -n 64000 push.rows >push.few
	head -n 640 push.bodies >few.bodies
	versus 'push, 50 ms, 8 at once' 'libcurl alone' '1.05 -' \
		"post -n 8 http://127.0.0.1:$(cat sink.port)/x few.bodies" \
		"$ours --set base_url=http://127.0.0.1:$(cat sink.port) \
			<push.few >/dev/null"
	clock latency.times "$ours --set base_url=http://127.0.0.1:$(cat sink.port) \
		<push.few >/dev/null"
	kill "$sink_pid"
	awk -v n="$(($(wc -l <push.few) / 100))" '{ printf \
		"push, 50 ms, 8 at once   %d requests: %.1f a second, %.3f of 8/0.05\n",
		n, n / $1, n / $1 / 160 }' latency.times
}

# One curl a request, four at once, for a hundred of them.
bench_push_curl() {
	have xargs && have curl || return 0
	head -n 100 push.bodies | split -l 1 - curl.
	clock curl.times "ls curl.?? | xargs -P4 -I{} curl -s -o /dev/null \
		-H content-type:application/json --data-binary @{} $nginx_http/x"
	clock ours.times "$ours --set base_url=$nginx_http <push.rows >/dev/null"
	echo "$(wc -l <push.bodies) $(cat curl.times ours.times | tr '\n' ' ')" |
		awk '{ printf "push, xargs -P4 curl     %.0f requests a second, ours %.0f: %.0f times\n",
			100 / $2, $1 / $5, ($1 / $5) / (100 / $2) }'
	rm -f curl.??
}

# The same memory for ten times the rows.
bench_push_memory() {
	for n in 10000 $((ROWS)); do
		head -n "$n" push.rows >push.few
		clock "memory.$n" "$ours --set base_url=$nginx_http <push.few >/dev/null"
	done
	echo "push, memory             10000 rows: $(awk '{ printf "%d", $3 / 1024 }' memory.10000) MiB," \
		"$ROWS rows: $(awk '{ printf "%d", $3 / 1024 }' "memory.$ROWS") MiB"
}

# Day 2: a table as it comes, what changed, in the destination's words. The peer
# is the same in the usual tools, and wrong about ids beyond 2^53.
bench_pipeline() {
	wanted 'pipeline, day 2' sorted state || return 0
	printf '%s\n' "$map_program" >map.jq
	gen -n "$ROWS" -o shuffled -m 1,2,0.5 >tomorrow.mixed 2>counts
	n=$(wc -l <tomorrow.mixed)
	seal "$n" >>tomorrow.mixed
	versus 'pipeline, day 2' 'jq, sort, mawk, jq' '- -' \
		"jq .id tomorrow.mixed | paste - tomorrow.mixed |
			sort -n | cut -f2- >tomorrow.sorted
		mawk -v OLD=sorted -v NEW=tomorrow.sorted -f $here/merge.awk |
			cut -f2- | jq -c -f map.jq | cat >/dev/null" \
		'cat tomorrow.mixed | retl-sort -k id |
			retl-diff -n -s state | retl-map -m map.jq |
			retl-hash -f email=trim,lower,sha256 | cat >/dev/null'
}

echo "$ROWS rows, $(nproc) processors, median of $REPEAT turns;" \
	'x: our share of the peer, MiB: our peak'
print_head
for tool in sort diff map hash extract push; do
	if have "retl-$tool"; then
		"bench_$tool"
	else
		echo "$tool: retl-$tool is not built"
	fi
done
! have retl-extract || bench_pages
! have retl-map || bench_contract
if have jq && have mawk && have retl-map && have retl-hash; then
	bench_pipeline
fi

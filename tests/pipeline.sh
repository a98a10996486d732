# A whole connection for tests: a shop in SQLite, six tools, a receiver of
# webhooks. Source it after lib.sh:
#	. "$top/tests/pipeline.sh"
# The shop's key is small, so that jq may be asked what the receiver holds.
# shellcheck shell=sh
# shellcheck source=tests/mock.sh
. "${top:?}/tests/mock.sh"

WEBHOOK_SECRET=whsec_cGlwZWxpbmVzIG9mIHJldGwsIHRlc3RlZCBhcyBhIHdob2xl
RETL_CONTRACTS=$top/contracts
export WEBHOOK_SECRET RETL_CONTRACTS

# shop SQL: runs it on the shop.
shop() {
	sqlite3 shop.db "$1"
}

# shop_of N: a shop with N customers, and a mapping.
shop_of() {
	shop "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
			SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO customer SELECT i, 'customer ' || i FROM n"
	echo '{id: .id, name: .name, hello: "Hello \(.name)"}' >mapping.jq
}

# receiver_starts: at $url, accepted bodies in rx.log.
receiver_starts() {
	mock_start rx receiver --log rx.log
	url=$(mock_url rx)/
	: >>rx.log
}

# stage NAME: its words. $strace_STAGE may hold what to put before them.
stage() {
	eval "lead=\${lead_$1-}"
	case $1 in
	extract) words="retl-extract -q 'SELECT * FROM customer' sqlite:shop.db" ;;
	sort) words='retl-sort -k id' ;;
	diff) words="retl-diff -s state ${diff_options-}" ;;
	map) words="retl-map -c webhook/standard --set url=$url -m mapping.jq" ;;
	hash) words="retl-hash -c webhook/standard --set url=$url" ;;
	push) words="retl-push -c webhook/standard --set url=$url" ;;
	commit) words='retl-diff --commit -s state' ;;
	esac
	# Set by the eval above.
	# shellcheck disable=SC2154
	echo "$lead $words"
}

# pipeline STAGE COMMAND: one run, with COMMAND standing behind STAGE. What
# push read is in push.in, what it wrote in receipts, messages in err.NAME,
# the statuses, in order, in statuses. Gives the status of the last stage.
pipeline() {
	line=
	for name in extract sort diff map hash push commit; do
		line="${line:+$line | }$(stage $name) 2>err.$name"
		[ "$name" != "$1" ] || line="$line | $2"
		[ $name != hash ] || line="$line | tee push.in"
		[ $name != push ] || line="$line | tee receipts"
	done
	timeout 100 bash -c "$line
		s=(\"\${PIPESTATUS[@]}\")
		echo \"\${s[*]}\" >statuses
		exit \${s[-1]}" 2>err.shell
}

# whole_run: one run, with nothing between the stages.
whole_run() {
	pipeline nowhere true
}

# sync NAME: a run that must go through.
sync() {
	whole_run
	ok $? "$1" "$(cat statuses err.*)"
}

# moving_shop: a shop of 40 with its receiver, in step; move_on makes two rows
# come, two change and one go.
moving_shop() {
	receiver_starts
	shop_of 40
	next=41
	retl-diff --init -s state -k id 2>err
	sync 'a state to begin with'
}
move_on() {
	shop "INSERT INTO customer VALUES ($next, 'customer $next'),
			($((next + 1)), 'customer $((next + 1))');
		UPDATE customer SET name = name || '!'
			WHERE id IN ($((next - 7)), $((next - 1)));
		DELETE FROM customer WHERE id = (SELECT min(id) FROM customer)"
	next=$((next + 2))
}

# world: what the receiver holds, a line "ID NAME" for each customer, by id.
world() {
	jq -nr 'reduce inputs as $m ({};
			if $m.type | test("[Rr]emoved") then
				del(.[$m.data.id | tostring])
			else .[$m.data.id | tostring] = $m.data.name end) |
		to_entries | sort_by(.key | tonumber)[] |
		"\(.key) \(.value)"' rx.log
}

# in_step NAME: the receiver holds what the shop holds, and the state knows.
in_step() {
	shop 'SELECT id || " " || name FROM customer ORDER BY id' >shop.rows
	world >world.rows
	same shop.rows world.rows "$1: the receiver has what the shop has"
	retl-diff --dump -s state 2>err | jq -r '"\(.id) \(.name)"' >state.rows
	same shop.rows state.rows "$1: and the state knows"
}

# removals: how many removals the receiver was sent, ever.
removals() {
	grep -c '"type":"[^"]*[Rr]emoved' rx.log
}

# removals_were_due NAME: nothing was removed that the shop has.
removals_were_due() {
	world | cut -d ' ' -f 1 | sort >there
	jq -r 'select(.type | test("[Rr]emoved")).data.id' rx.log | sort >gone
	shop 'SELECT id FROM customer' | sort >wanted
	is "$(comm -12 gone wanted | comm -23 - there)" '' "$1"
}

# receipts_fit NAME: each record that push read has one final receipt.
receipts_fit() {
	sed -n 's/.*"diff_id":"\([^"]*\)".*/\1/p' push.in | sort >read.ids
	grep -v '"status":"sending"' receipts |
		sed -n 's/.*"diff_id":"\([^"]*\)".*/\1/p' | sort >answered.ids
	same read.ids answered.ids "$1"
}

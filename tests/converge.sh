# Random histories against a fake vendor: a dataset that changes, a vendor that
# fails, stages that are cut or killed. Whatever happened, no run may take out
# what the dataset still has, and two undisturbed runs at the end must bring the
# vendor to exactly what the dataset is; a third sends nothing. Source it after
# mock.sh.
# shellcheck shell=sh disable=SC2154

# dataset KIND SEED ROUND LAST: the rows of that round, in no order, sealed. For
# meta, some are broken in all rounds but the last.
dataset() {
	awk -v kind="$1" -v seed="$2" -v round="$3" -v last="$4" '
	function digest(what, k) { return sprintf("%s%062x", what, k + 1) }
	BEGIN {
		for (i = 1; i <= 60; i++) {
			# Rows change now and then: the draw of a row depends
			# on a round that it shares with the rounds before.
			srand(seed * 1000 + i)
			since = round - int(rand() * 3)
			srand(seed * 100003 + i * 101 + (since > 0 ? since : 0) * 7)
			rand()
			there = rand() < 0.8; v = int(rand() * 4)
			e = int(rand() * 25); p = int(rand() * 40)
			bad = round != last && rand() < 0.06
			if (!there)
				continue
			if (kind == "webhook")
				row = sprintf("{\"id\":%d,\"v\":\"%d\"}", i, v)
			else if (kind == "hubspot")
				row = sprintf("{\"email\":\"p%d@example.com\",\"v\":\"%d\"}", i, v)
			else {
				email = phone = ""
				if (bad)
					email = ",\"email\":\"broken\""
				else if (e < 20)
					email = ",\"email\":\"" digest("ee", e) "\""
				if (p < 20)
					phone = ",\"phone\":\"" digest("ff", p) "\""
				row = sprintf("{\"extern_id\":\"u%d\"%s%s}", i, email, phone)
			}
			print row
		}
	}' | sort -R --random-source="$top/Makefile" >dataset.rows
	sealed dataset.rows
}

# held KIND FILE: what the vendor holds if it holds that dataset.
held() {
	case $1 in
	webhook) jq -c 'select(.id) | {id: (.id | tostring), value: .}' "$2" ;;
	hubspot) jq -c '{id: .email, v}' "$2" ;;
	meta) jq -r '"EXTERN_ID:" + .extern_id,
		("EMAIL:" + (.email // empty)), ("PHONE:" + (.phone // empty))' "$2" ;;
	esac | sort -u
}

# holds KIND STATE: the same of what the vendor says that it holds.
holds() {
	case $1 in
	webhook) jq -c . "$2" ;;
	hubspot) jq -c '{id, v: .value.v}' "$2" ;;
	meta) jq -r .id "$2" ;;
	esac | sort -u
}

# removed KIND: what the ledger (stdin) says was taken out, in words of held.
removed() {
	case $1 in
	webhook) jq -r 'select(.type | endswith(".removed")) | .data.id' ;;
	hubspot) jq -r 'select(.op == "archive") | .email' ;;
	meta) jq -r 'select(.op == "remove") | .row |
		("EXTERN_ID:" + .[0], "EMAIL:" + .[1], "PHONE:" + .[2]) |
		select(test(":.")) ' ;;
	esac | sort -u
}
# What must not be taken out: of a broken row, its key.
names() {
	case $1 in
	webhook) jq -r .id "$2" ;;
	hubspot) jq -r .email "$2" ;;
	meta)
		jq -c 'if .email == "broken" then {extern_id} else . end' "$2" >unbroken
		held meta unbroken
		;;
	esac | sort -u
}

# converge_push KIND [PREFIX...]: the delivering stage.
converge_push() {
	kind=$1
	shift
	case $kind in
	webhook) set -- "$@" retl-push -c webhook/standard \
		--set url="$(mock_url vendor)/" ;;
	hubspot) set -- "$@" retl-push -c hubspot/contact \
		--set base_url="$(mock_url vendor)" \
		--set on_remove=archive --set rate=1000000 ;;
	meta) set -- "$@" retl-push -c meta/custom-audience \
		--set audience_id=77 --set rows=9 \
		--set base_url="$(mock_url vendor)/v25.0" ;;
	esac
	"$@"
}

# converge_hash KIND: the stages before sorting.
converge_hash() {
	if [ "$1" = meta ]; then
		retl-hash -c meta/custom-audience --set audience_id=77 -k extern_id
	else
		cat
	fi
}

converge_key() {
	case $1 in
	webhook) echo id ;;
	hubspot) echo email ;;
	meta) echo extern_id ;;
	esac
}

# converge_sync KIND FILE HARM: one run of the pipeline; the status of commit.
converge_sync() {
	(
		case $3 in
		cut) head -n 30 "$2" ;;
		thin) grep -v '7' "$2" ;;
		*) cat "$2" ;;
		esac
	) | converge_hash "$1" 2>>log | retl-sort -k "$(converge_key "$1")" 2>>log |
		case $3 in
		kill-diff) timeout -s KILL 0.03 retl-diff -s state --max-removed 100% ;;
		*) retl-diff -s state --max-removed 100% ;;
		esac 2>>log |
		case $3 in
		kill-push) converge_push "$1" timeout -s KILL 0.1 ;;
		*) converge_push "$1" ;;
		esac 2>>log |
		case $3 in
		kill-commit) timeout -s KILL 0.1 retl-diff --commit -s state ;;
		drop-receipts) sed -n 2~3p | retl-diff --commit -s state ;;
		*) retl-diff --commit -s state ;;
		esac 2>>log
}

# converge_init KIND: contract with short waits, state.
converge_init() {
	case $1 in
	webhook) name=webhook/standard more= ;;
	hubspot) name=hubspot/contact more= ;;
	meta) name=meta/custom-audience more='-c meta/custom-audience' ;;
	esac
	mkdir -p "contracts/${name%/*}"
	jq '. * {retry: {first: 0.005, most: 0.02, attempts: 2}} |
		.operations |= map_values(if . == null or .batch == null then .
			else .batch.records = 9 end)' \
		"$top/contracts/$name.json" >"contracts/$name.json"
	rm -rf state
	# shellcheck disable=SC2086
	retl-diff --init -s state -k "$(converge_key "$1")" $more 2>>log
}

# converge KIND SEED ROUNDS: 0 if all of the above held.
converge() {
	rm -f ledger vendor.log vendor.state log wrong
	converge_init "$1" || return 1
	mock_start vendor mockapi "$1" --ledger ledger --log vendor.log \
		--state vendor.state --account "$(
			[ "$1" = meta ] && echo 77 || echo /)" --seed "$2" \
		--chance 15=500 --chance 12=500-after --chance 12=reset-after \
		--chance 12=reset-before --chance 6=half --chance 6=throttle
	harms='none none cut thin kill-push kill-commit kill-diff drop-receipts'
	round=0
	while [ $round -lt "$3" ]; do
		round=$((round + 1))
		dataset "$1" "$2" $round "$3" >now
		n=$(($2 + round * 5))
		harm=$(echo "$harms" | tr ' ' '\n' | sed -n "$((n % 8 + 1))p")
		# What the last one got wrong is not mended by a change.
		[ $round -lt "$3" ] || harm=none
		touch ledger
		before=$(wc -l <ledger)
		converge_sync "$1" now "$harm" >/dev/null
		tail -n +$((before + 1)) ledger | removed "$1" >gone
		names "$1" dataset.rows | comm -12 gone - >wrong
		[ ! -s wrong ] || {
			echo "# seed $2, round $round ($harm): removed but there:"
			head -n 3 wrong | sed 's/^/# /'
			return 1
		}
	done
	kill -USR1 "$(cat vendor.pid)"
	for _ in 1 2; do
		converge_sync "$1" now none >/dev/null
		status=$?
	done
	before=$(wc -l <ledger)
	converge_sync "$1" now none >/dev/null
	after=$(wc -l <ledger)
	mock_stop vendor || echo "# violations: $(grep -c violation vendor.log)"
	held "$1" dataset.rows >want
	holds "$1" vendor.state >got
	if [ "$(wc -l <want)" -lt 30 ]; then
		echo "# the dataset is too small: $(wc -l <want)"
		return 1
	fi
	if [ "$status" != 0 ] || [ "$before" != "$after" ] || ! cmp -s want got; then
		echo "# seed $2: status $status, $((after - before)) sent for nothing"
		diff want got | head -n 6 | sed 's/^/# /'
		tail -n 5 log | sed 's/^/# /'
		return 1
	fi
}

#!/bin/sh
# A pipeline whose stream is cut or thinned anywhere, or whose stages die,
# removes nothing that it should not, and the next run makes up for it.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/pipeline.sh"
for tool in retl-extract retl-sort retl-diff retl-map retl-hash retl-push; do
	[ -x "$B/bin/$tool" ] || skip_all "$tool is not built"
done
receiver_starts
shop_of 40
retl-diff --init -s state -k id 2>err
sync 'a state to begin with'

# The shop moves on before each case: rows come, change and go.
next=41
move_on() {
	shop "INSERT INTO customer VALUES ($next, 'customer $next'),
			($((next + 1)), 'customer $((next + 1))');
		UPDATE customer SET name = name || '!'
			WHERE id IN ($((next - 7)), $((next - 1)));
		DELETE FROM customer WHERE id = (SELECT min(id) FROM customer)"
	next=$((next + 2))
}

# before_diff STAGE COMMAND: no removal may be sent at all.
before_diff() {
	move_on
	before=$(removals)
	pipeline "$1" "$2"
	is "$(removals)" "$before" "$1 | $2: nothing is removed"
	receipts_fit "$1 | $2: what push read has its receipts"
	whole_run
	is $? 0 "$1 | $2: the next run goes through"
	in_step "$1 | $2"
}

# behind_diff STAGE COMMAND: what is removed was due, the rest comes later.
behind_diff() {
	move_on
	pipeline "$1" "$2"
	status=$?
	removals_were_due "$1 | $2: nothing is removed that is there"
	receipts_fit "$1 | $2: what push read has its receipts"
	if [ "$(sort -u answered.ids | wc -l)" -lt 5 ]; then
		is $status 75 "$1 | $2: commit says that there is more to do"
	fi
	whole_run
	is $? 0 "$1 | $2: the next run goes through"
	in_step "$1 | $2"
}

for place in extract sort; do
	before_diff $place 'head -n 20'
	before_diff $place 'tail -n 20'
	before_diff $place "grep -v '\"id\":3'"
	before_diff $place "sed '\$d'"
	before_diff $place "sed 5d"
	before_diff $place 'head -c 700'
	before_diff $place 'tr -d "\t"'
	before_diff $place 'cat; false'
done
before_diff sort "sed '5{h;d};6G'"
before_diff extract true
before_diff extract 'grep .'

for place in diff map hash push; do
	behind_diff $place 'head -n 2'
	behind_diff $place 'tail -n 2'
	behind_diff $place "grep -v customer"
	behind_diff $place 'head -c 150'
	behind_diff $place 'true'
done

# ---- stages that are killed ----

# killed STAGE CALL N: the N-th time it makes this system call it dies.
killed() {
	move_on
	eval "lead_$1='strace -f -o /dev/null -e trace=$2 -e inject=$2:signal=KILL:when=$3'"
	whole_run
	eval "lead_$1="
	removals_were_due "$1 dies at $2 $3: nothing is removed that is there"
	whole_run
	status=$?
	[ $status = 0 ] || { whole_run; status=$?; }
	is $status 0 "$1 dies at $2 $3: a later run goes through"
	in_step "$1 dies at $2 $3"
}
if strace -o /dev/null true 2>err; then
	killed extract write 1
	killed sort write 1
	killed diff write 1
	killed diff write 2
	killed diff rename 1
	killed map write 1
	killed hash write 1
	killed push sendto 1
	killed push sendto 3
	killed push write 2
	killed commit write 1
	killed commit fsync 1
	killed commit rename 1
fi

done_testing

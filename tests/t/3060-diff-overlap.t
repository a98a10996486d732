#!/bin/sh
# Two syncs of one state: locks, runs that overlap, receipts that come late,
# stages that are killed.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

rows 1 3 >three
sealed three >in
for v in 2 3 4; do
	rows 1 3 ",\"v\":$v" | sealing >in$v
done
both() {
	receipts delivered <one >r1
	receipts delivered <two >r2
}

# ---- runs that overlap ----

new st
has st three
retl-diff -s st <in2 >one
retl-diff -s st <in3 >two
both
retl-diff --commit -s st <r1
is $? 0 'a run is open, another begins, the first commits'
retl-diff --commit -s st <r2
is $? 0 'and then the other'
is "$(count st doubts)" 3 'which of them came last is not known'
retl-diff -s st <in3 >out
is "$(short <out)" 'Updated 1
Updated 2
Updated 3' 'so the rows are sent once more'
receipts delivered <out | retl-diff --commit -s st
is "$? $(count st doubts) $(retl-diff -s st <in3 | grep -c diff_id)" '0 0 0' \
	'and all is quiet'
is "$(retl-diff --commit -s st </dev/null; ls st/runs)" '' 'nothing is left of the runs'

new st
has st three
retl-diff -s st <in2 >one
retl-diff -s st <in3 >two
both
retl-diff --commit -s st <r2
is "$? $(count st doubts)" '0 0' 'the newer one commits first'
retl-diff --commit -s st <r1
is "$? $(count st doubts)" '0 3' 'the older one turns out to have lived: doubts'
retl-diff -s st <in3 >out
is "$(short <out | wc -l)" 3 'sent once more'
receipts delivered <out | retl-diff --commit -s st
is "$(count st doubts) $(retl-diff -s st <in3 | grep -c diff_id)" '0 0' 'quiet'
retl-diff --commit -s st </dev/null
retl-diff --dump -s st >got
same in3 got 'the state has the last rows'

new st
retl-diff -s st <in2 >one
retl-diff -s st <in3 >two
receipts delivered <two | retl-diff --commit -s st
is "$(count st doubts) $(retl-diff -s st <in3 | grep -c diff_id)" '0 0' \
	'a run that is never heard of again is got over'
retl-diff --commit -s st </dev/null

new st
retl-diff -s st <in2 >one
echo '{"id":9}' | cat three - | sealing >in9
retl-diff -s st <in9 >two
both
cat r1 r2 >r
retl-diff --commit -s st <r
is "$? $(count st doubts)" '0 3' 'receipts of both in one commit'
is "$(retl-diff --dump -s st | grep -c 9)" 1 'what only one has sent is settled'

# In doubt twice; the second time turns out not to have arrived.
new st
has st three
sealed /dev/null >none
for n in 1 2 3; do
	retl-diff -s st --max-removed 100% <none >gone$n
done
receipts failed <gone2 | retl-diff --commit -s st 2>/dev/null
receipts failed <gone3 | retl-diff --commit -s st 2>/dev/null
retl-diff -s st <in >out
is "$(short <out | tr '\n' ' ')" 'Added 1 Added 2 Added 3 ' \
	'what may have been removed before is sent'

# A pipeline that is alive beside ours, in a process group of its own.
if command -v setsid >/dev/null; then
	new st
	setsid sh -c 'retl-diff -s st <in2 >one; echo >started; exec sleep 60' &
	alive=$!
	at_end "kill $alive 2>/dev/null"
	soon test -e started
	retl-diff -s st <in3 >two
	receipts delivered <two | retl-diff --commit -s st
	is "$(count st doubts)" 3 'a run whose pipeline is alive keeps its doubts'
	kill $alive
	wait $alive 2>/dev/null
	retl-diff -s st <in3 >out
	receipts delivered <out | retl-diff --commit -s st
	is "$(count st doubts) $(retl-diff -s st <in3 | grep -c diff_id)" '0 0' \
		'over one newer run'

	# The older one delivers after two newer ones did, and dies.
	cp in2 older && cp in3 newer
	new st
	retl-diff -s st <older | receipts delivered |
		retl-diff --commit -s st 2>/dev/null
	rm -f started
	setsid sh -c 'retl-diff -s st <newer >one; echo >started; exec sleep 60' &
	alive=$!
	at_end "kill $alive 2>/dev/null"
	soon test -e started
	for _ in 1 2 3; do
		retl-diff -s st <older >two
		receipts delivered <two | retl-diff --commit -s st
	done
	is "$(count st doubts)" "$(grep -c diff_id one)" \
		'and over every newer run, as long as it is alive'
	cp -a st dead
	cp -a st refused
	retl-diff --dump -s st >before
	receipts delivered <one | retl-diff --commit -s st
	retl-diff --dump -s st >after
	same before after 'what it is said to have delivered then'
	is "$(count st doubts)" "$(grep -c diff_id one)" \
		'does not stand above what newer ones delivered'
	receipts rejected <one | retl-diff --commit -s refused 2>/dev/null
	is $? 1 'what it is said to have been refused then'
	is "$(count refused held)" 0 'is not held: newer ones were accepted'
	kill $alive
	wait $alive 2>/dev/null
	for state in st dead; do
		retl-diff -s $state <older >out
		is "$(grep -c diff_id out)" "$(grep -c diff_id one)" \
			'what it sent last is sent over'
		receipts delivered <out | retl-diff --commit -s $state
		is "$(count $state doubts)" 0 'which settles it'
	done
fi

# ---- locks ----

new st
has st three
mkfifo pipe
ls st/runs >before
retl-diff -s st <pipe >one &
exec 3>pipe
soon eval '! ls st/runs | cmp -s before -'
exits 75 'a second run while one reads' retl-diff -s st <in
contains err 'another sync' 'is told why'
exits 75 'and --adopt too' retl-diff --adopt -s st <in
exits 0 '--dump does not wait' retl-diff --dump -s st
exits 0 'nor --status' retl-diff --status -s st
exits 0 'nor does a dry run' retl-diff -s st -n <in
cat in2 >&3
exec 3>&-
wait
is "$(grep -c diff_id one)" 3 'the first goes through'
flock st true
ok $? 'and lets go of the folder'

# One pipeline: commit starts before diff is done, and may not stop it.
new st
# shellcheck disable=SC2094 # the state is meant
retl-diff -s st <in | { receipts delivered; } | retl-diff --commit -s st
is "$? $(count st rows)" '0 3' 'diff and commit in one pipeline'
retl-diff -s st <in2 >one
flock st sh -c ': >taken; sleep 0.5' &
soon test -e taken
receipts delivered <one | retl-diff --commit -s st
is $? 0 'a commit waits for the lock'
wait

# ---- signals ----

# commit_begins: a commit in the background that reads what is written to 3.
mkfifo receipts.pipe
commit_begins() {
	retl-diff --commit -s st <receipts.pipe &
	commit=$!
	exec 3>receipts.pipe
}
# written N: so many receipts are in the state's files.
written() {
	[ "$(cat st/runs/*.receipts | wc -l)" = "$1" ]
}

new st
retl-diff -s st <in >one
commit_begins
receipts delivered <one | head -n 1 >&3
soon written 1
kill -TERM $commit
kill -INT $commit
kill -HUP $commit
written 1
ok $? 'a receipt is written down when it comes'
receipts delivered <one | tail -n 2 >&3
exec 3>&-
wait $commit
is "$? $(count st rows)" '0 3' 'commit reads to the end whatever is said to it'

new st
retl-diff -s st <in >one
commit_begins
receipts delivered <one | head -n 2 >&3
printf '{"torn' >&3
soon written 2
kill -9 $commit
wait $commit 2>/dev/null
exec 3>&-
exits 0 'commit is killed, the next run finds the receipts' retl-diff -s st <in
is "$(short <out)" 'Added 3' 'and sends what has none'
receipts delivered <out | retl-diff --commit -s st
is "$(count st rows) $(count st doubts)" '3 0' 'all is well'

# ---- a reader that goes away ----

rows 1 50000 | sealing >many
new st
retl-diff -s st <many 2>err | head -n 10 >one
is "$(cat err)" '' 'head ends it quietly'
receipts delivered <one | retl-diff --commit -s st 2>err
is "$? $(count st rows)" '75 10' 'what came through is acknowledged'
retl-diff -s st <many >out
is "$(grep -c diff_id out)" 49990 'the rest is sent again'
receipts delivered <out | retl-diff --commit -s st
is "$? $(count st rows)" '0 50000' 'and the state is whole'
exits 74 'a full disk under standard output' \
	sh -c 'grep -v 7 many | retl-diff -s st --trust-eof --max-removed 99% >/dev/full'
contains err 'standard output' 'is named'
retl-diff --commit -s st </dev/null 2>err
is $? 75 'and the commit says that running again helps'

# ---- a stage that has ended and that nobody has looked after ----
# Its group is there as long as its parent does not, as the first process of a
# container may never do.
new st
perl -e 'unless (fork) { setpgrp; exec @ARGV } sleep 60' \
	sh -c 'retl-diff -s st <in >one; echo $$ >leader' &
parent=$!
soon test -s leader
leader=$(cat leader)
soon grep -q '^State:.*Z' "/proc/$leader/status"
for _ in 1 2; do
	retl-diff -s st <in 2>err >out
	receipts delivered <out | retl-diff --commit -s st
done
is "$(grep -c diff_id one) $(kill -0 "-$leader" && echo there)" '3 there' \
	'a run whose pipeline has ended, but stays in the table of processes'
is "$(grep -c diff_id out) $(count st doubts)" '0 0' 'is no pipeline that may go on'
kill $parent
done_testing

#!/bin/sh
# What may be removed, and when: the seal, the guard, the kinds that are sent.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

rows 1 100 >full
rows 3 100 >less
rows 1 90 >few
rows 1 70 >fewer
new st
has st full

# ---- the seal ----

exits 65 'rows that are missing from an unsealed stream' retl-diff -s st <less
contains err 'the stream has no seal' 'are missing for want of a seal'
contains err '2 removals withheld' 'and are not removed'
contains err '--trust-eof' 'and the message says how to go on'
lacks out DiffRemoved 'nothing of them goes out'
retl-diff --commit -s st </dev/null 2>err
is $? 65 'the commit says so too'

for cut in 'head -n 50' 'tail -n 50' 'grep -v 7' 'sed 5d' 'head -c 700'; do
	sealed full | $cut >in
	retl-diff -s st <in >out 2>err
	status=$?
	is "$status $(grep -c DiffRemoved out)" '65 0' "$cut: no removal"
done
{ sealed full; cat less; } >in
exits 65 'records behind the last seal' retl-diff -s st <less
{ rows 1 50; seal 50; rows 51 98; seal 48; } >in
exits 0 'parts that are sealed each' retl-diff -s st <in
is "$(short <out)" 'Removed 99
Removed 100' 'are sealed together'
exits 0 'unsealed rows are no error' retl-diff -s st <full
is "$(grep -c '[^[:space:]]' out)" 2 'where nothing is to be removed (but doubts)'
is "$(tail -n 1 out | grep -c diff_id)" 1 'and the output is not sealed'
receipts delivered <out | retl-diff --commit -s st
exits 0 '--trust-eof takes the word of the user' \
	retl-diff -s st --trust-eof <less
is "$(short <out)" 'Removed 1
Removed 2' 'and removes'
receipts delivered <out | retl-diff --commit -s st
has st full

# ---- the guard ----

sealed few >in
exits 0 '10 of 100 rows may go' retl-diff -s st <in
receipts failed <out | retl-diff --commit -s st 2>/dev/null
echo '{"id":200}' | cat fewer - | sealing >in
exits 65 '30 of 100 may not' retl-diff -s st <in
contains err '30 of 100 rows would be removed' 'which is said with the figures'
contains err '--max-removed 30' 'and the option that lets them pass'
is "$(short <out)" 'Added 200' 'what is added goes out all the same'
receipts delivered <out | retl-diff --commit -s st 2>/dev/null
is $? 65 'the commit remembers that removals were withheld'
exits 0 '--max-removed 30 lets them pass' retl-diff -s st --max-removed 30 <in
is "$(grep -c DiffRemoved out)" 30 'all of them'
receipts failed <out | retl-diff --commit -s st 2>/dev/null
exits 65 '--max-removed 29 does not' retl-diff -s st --max-removed 29 <in
exits 65 '--max-removed 29% does not' retl-diff -s st --max-removed 29% <in
exits 0 '--max-removed 30% does' retl-diff -s st --max-removed=30% <in
exits 64 '--max-removed takes numbers' retl-diff -s st --max-removed=x <in
exits 64 'and no more than all' retl-diff -s st --max-removed=101% <in

rows 1 3 >three
new small
has small three
sealed /dev/null >in
exits 65 'all rows may not go, however few' retl-diff -s small <in
contains err '3 of 3' 'as the message says'
exits 0 'unless it is said' retl-diff -s small --max-removed 100% <in
is "$(grep -c DiffRemoved out)" 3 'then they go'
new empty
exits 0 'an empty dataset for an empty state' retl-diff -s empty <in
cmp -s in out
ok $? 'sends nothing, sealed'

# ---- kinds ----

printf '{"id":1}\n{"id":2,"plan":"paid"}\n{"id":4}\n' | sealing >in
for kind in added:4 updated:2 removed:3; do
	new modes
	has modes three
	retl-diff -s modes --emit ${kind%:*} <in >out
	is "$? $(short <out | sed 's/.* //')" "0 ${kind#*:}" "--emit $kind"
	receipts delivered <out | retl-diff --commit -s modes
	is "$(retl-diff -s modes <in | grep -c diff_id)" 2 \
		"--emit ${kind%:*} leaves the others for later"
done
new modes
has modes three
exits 0 'an unsealed stream is enough to insert and update' \
	retl-diff -s modes --emit added,updated <in
exits 64 'there are three kinds' retl-diff -s modes --emit added,deleted <in
contains err deleted 'and the message names what is none'

new delta
has delta full
printf '{"id":7,"plan":"paid"}\n{"id":101}\n' >in
exits 0 '--delta takes what changed' retl-diff -s delta --delta <in
is "$(short <out)" 'Updated 7
Added 101' 'and removes nothing'

# ---- a dry run ----

find delta -type f -exec cksum {} + | sort >before
sealed few >in
exits 0 'a dry run' retl-diff -s delta -n <in
is "$(grep -c DiffRemoved out)" 10 'shows the changes'
lacks out diff_id 'without ids'
find delta -type f -exec cksum {} + | sort >after
same before after 'and writes nothing'
done_testing

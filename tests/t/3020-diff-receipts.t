#!/bin/sh
# What each kind of receipt does to the state: doubts, held rows, changes that
# must not be sent twice, late and strange receipts.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

rows 1 3 >three
sealed three >in
rows 1 3 ',"v":2' | sealing >in2
head -n 2 three | sealing >gone

# answer STATE INPUT RECEIPT [MORE]: one sync, its status.
answer() {
	retl-diff -s "$1" --max-removed 100% <"$2" >out 2>err
	receipts "$3" "${4-}" <out >r
	retl-diff --commit -s "$1" <r 2>err
}

# ---- each kind ----

for case in 'delivered:0' 'skipped:0' 'rejected:1' 'failed:75' 'unknown:75'; do
	new st
	answer st in "${case%:*}"
	is $? "${case#*:}" "commit of ${case%:*} ends with ${case#*:}"
	is "$(retl-diff -s st <in | grep -c diff_id)" \
		"$([ "${case#*:}" = 0 ] && echo 0 || echo 3)" \
		"and ${case%:*} rows are sent again or not"
done

new st
has st three
answer st in2 failed
retl-diff --dump -s st >got
same in got 'what failed does not move the state'
is "$(count st doubts)" 0 'nor leave a doubt'
answer st in2 unknown
is "$(count st doubts)" 3 'unknown leaves doubts'
retl-diff --dump -s st >got
same in got 'beside the acknowledged rows'
retl-diff -s st <in >out
is "$(short <out)" 'Updated 1
Updated 2
Updated 3' 'they are sent though the source went back to what was acknowledged'
receipts delivered <out | retl-diff --commit -s st
is "$(count st doubts)" 0 'delivered settles them'
is "$(retl-diff -s st <in | grep -c diff_id)" 0 'and all is quiet'
retl-diff --commit -s st </dev/null

answer st gone unknown
retl-diff -s st <in >out
is "$(short <out)" 'Added 3' 'after a removal in doubt the row is added'
receipts delivered <out | retl-diff --commit -s st
answer st gone unknown
retl-diff -s st --max-removed 9 <gone >out
is "$(short <out)" 'Removed 3' 'or removed again'
receipts delivered <out | retl-diff --commit -s st
retl-diff --dump -s st >got
same gone got 'then it is gone'

new st
answer st in unknown
retl-diff -s st <in >out
is "$(short <out | head -n 1)" 'Added 1' 'never acknowledged: added, not updated'
receipts unknown <out | retl-diff --commit -s st 2>/dev/null
grep -v '"id":1}' three >less
exits 65 'what may be there is removed only by a sealed input' \
	retl-diff -s st <less
sealed less >less.in
exits 0 'a doubtful row that left the dataset' retl-diff -s st <less.in
is "$(short <out | tail -n 1)" 'Removed 1' 'is removed'

# ---- no receipts at all ----

new st
retl-diff -s st <in >out
retl-diff --commit -s st </dev/null 2>err
is $? 75 'a run whose receipts are all lost is worth another'
is "$(count st doubts)" 3 'its rows are in doubt'
new st
retl-diff -s st <in >out
retl-diff -s st <in >out
is "$(grep -c diff_id out)" 3 'a run that nobody closed is found by the next'
receipts delivered <out | retl-diff --commit -s st
is "$? $(count st doubts)" '0 0' 'which settles its doubts'
is "$(retl-diff -s st <in | grep -c diff_id)" 0 'for good'

# ---- held rows ----

new st
has st three
answer st in2 rejected
answer st in2 rejected
is "$? $(count st held)" '1 3' 'rejected rows are held'
retl-diff --status -s st >out
contains out '{"held":{"id":2},"change":"DiffAdded","times":2' 'and counted'
exits 0 'in quarantine' retl-diff -s st --quarantine 2 <in2
lacks out diff_id 'they are not sent any more'
retl-diff --commit -s st </dev/null
is $? 1 'which the commit answers with 1'
exits 0 'one refusal fewer than asked for' retl-diff -s st --quarantine 3 <in2
is "$(grep -c diff_id out)" 3 'and they are sent'
receipts failed <out | retl-diff --commit -s st 2>err
rows 1 2 ',"v":2' >mended
echo '{"id":3,"v":3}' | cat mended - | sealing >mended.in
exits 0 'another content' retl-diff -s st --quarantine 2 <mended.in
is "$(short <out)" 'Updated 3' 'is tried again'
receipts rejected <out | retl-diff --commit -s st 2>err
is "$(retl-diff --status -s st | grep '"held":{"id":3}' | grep -c '"times":1')" 1 \
	'and counted anew'
rows 1 3 ',"v":2.0' | sealing >spelled
exits 0 'another spelling' retl-diff -s st --quarantine 2 <spelled
is "$(short <out)" 'Updated 3' 'is not another content'
exits 0 '--full' retl-diff -s st --quarantine 1 --full <in2
is "$(short <out)" 'Added 1
Added 2
Added 3' 'sends held ones too'
receipts delivered <out | retl-diff --commit -s st
is "$(count st held)" 0 'what is delivered is held no more'

# ---- must not be sent twice ----

for more in unknown:',"resend":false' sending:; do
	new st
	answer st in "${more%%:*}" "${more#*:}"
	is $? 1 "${more%%:*}, not to be resent: status 1"
	is "$(count st unresent)" 3 'listed'
	retl-diff --dump -s st >got
	same in got 'settled as sent'
	exits 1 '--status ends with 1' retl-diff --status -s st
	contains out '{"unresent":{"id":1}' 'and names the key'
	is "$(retl-diff -s st <in | grep -c diff_id)" 0 'not sent again'
	retl-diff --commit -s st </dev/null
	answer st in2 delivered
	is "$? $(count st unresent)" '0 0' 'until something newer arrives'
done
new st
retl-diff -s st <in >out
{ receipts sending <out; receipts delivered <out; } |
	retl-diff --commit -s st
is "$? $(count st unresent)" '0 0' 'sending, then delivered, is delivered'
for before in failed rejected unknown; do
	new st
	retl-diff -s st <in >out
	{ receipts $before <out; receipts sending <out; } |
		retl-diff --commit -s st 2>/dev/null
	is "$? $(count st unresent)" '1 3' "$before, then sending, is sending"
done

# ---- several receipts for one change ----

while read -r first second doubts status claim; do
	new st
	has st three
	retl-diff -s st <in2 >out
	{ receipts "$first" <out; receipts "$second" <out; } >r
	retl-diff --commit -s st <r 2>err
	is "$? $(count st doubts)" "$status $doubts" "$claim"
done <<\EOF
unknown delivered 0 0 a later delivered settles unknown
failed delivered 0 0 and failed
rejected delivered 0 0 and rejected
delivered delivered 0 0 a repeated receipt is ignored
delivered failed 3 75 delivered, then failed: in doubt
delivered unknown 3 75 delivered, then unknown: in doubt
failed rejected 0 1 the worst counts: rejected before failed
rejected failed 0 1 in either order
failed unknown 3 75 unknown before failed
delivered sending 0 0 sending says nothing after the end
EOF

new st
retl-diff -s st <in >out
receipts delivered <out >r
retl-diff --commit -s st <r
exits 0 'the same receipts again' sh -c 'retl-diff --commit -s st <r'
retl-diff --dump -s st >got
same in got 'change nothing'

# ---- late ones ----

new st
has st three
retl-diff -s st <in2 >out
receipts unknown <out | head -n 2 | retl-diff --commit -s st 2>err
is "$(count st doubts)" 3 'a commit that closed a run into doubt'
receipts delivered <out | retl-diff --commit -s st
is "$? $(count st doubts)" '0 0' 'and receipts that come later settle it'
retl-diff --dump -s st >got
same in2 got 'as if they had come in time'

# ---- what is no receipt ----

new st
retl-diff -s st <in >out
run=$(sed -n 's/.*"diff_id":"\([0-9a-f]*\).*/\1/p;q' out)
{
	receipts delivered <out
	echo "{\"diff_id\":\"$run:4\",\"to\":\"shop#1\",\"status\":\"delivered\"}"
} >r
exits 65 'a receipt for a change that the run has not' \
	sh -c 'retl-diff --commit -s st <r'
contains err 'receipts name changes' 'is named'
retl-diff --dump -s st >got
same in got 'the rest is applied'
new st
retl-diff -s st <in >out
{
	echo '{"diff_id":"00000000000000000000000000000000:1","status":"failed"}'
	receipts delivered <out
	echo '{"diff_id":"../../state:1","status":"delivered"}'
	echo '{"diff_id":"x","status":"delivered"}'
	echo '{"diff_id":"x","status":"dropped"}'
	echo '{"line":1,"status":"delivered"}'
	echo '{"id":7}'
	echo '{"torn":'
} >r
exits 65 'receipts of an unknown run, and lines that are none' \
	sh -c 'retl-diff --commit -s st <r'
retl-diff --dump -s st >got
same in got 'leave the others in force'
is "$(find st/runs -type f)" '' 'and nothing behind'
new st
retl-diff -s st <in >changes
exits 65 'changes instead of receipts' \
	sh -c 'retl-diff --commit -s st <changes'
contains err 'retl-push' 'are told from them'

# Most receipts are as the one before but for two numbers; these only nearly.
new st
rows 1 5 | sealing >in5
retl-diff -s st <in5 >out
run=$(sed -n 's/.*"diff_id":"\([0-9a-f]*\).*/\1/p;q' out)
like() {
	printf '{"diff_id":"%s:%s","line":%s,"to":"shop#1","status":"%s"}%s\n' \
		"$run" "$@"
}
{
	like 1 1 delivered ''
	like 2 02 delivered ''
	like 0 3 delivered ''
	like 18446744073709551618 3 delivered ''
	like 2 2 delivered x
	like 2 '' delivered ''
	like 2x 2 delivered ''
	like '' 2 delivered ''
	like 3 3e0 delivered ''
	like 4 4 delivered ' '
	like 5 5 rejected ''
	like 4 4 delivered ''
} >r
exits 65 'receipts that are nearly as the one before' \
	sh -c 'retl-diff --commit -s st <r'
contains err '7 lines were left out' 'are read for themselves'
is "$(retl-diff --dump -s st | grep -o '"id":.' | tr '\n' ' ')" \
	'"id":1 "id":3 "id":4 ' 'and count for what they say'
is "$(count st doubts) $(count st held)" '1 1' 'no more and no less'

# ---- another destination ----

new st
retl-diff -s st <in >out
receipts delivered <out | sed 's/shop#1/shop#2/' >r
retl-diff --commit -s st <r
retl-diff -s st <in2 >out
receipts delivered <out >r
exits 78 'receipts from another destination' sh -c 'retl-diff --commit -s st <r'
contains err 'shop#2' 'are refused by name'
retl-diff --dump -s st >got
same in got 'and do nothing'
retl-diff -s st <in2 >out
receipts delivered <out | sed 's/shop#1/shop#2/' >r
retl-diff --commit -s st <r
is $? 0 'the right one is accepted still'
retl-diff -s st --rebase <in2 >out
is "$(grep -c diff_id out)" 0 '--rebase sends what the compared members show'
rows 1 3 ',"v":3' | sealing >in3
retl-diff --commit -s st </dev/null
answer st in3 delivered
is $? 0 'and accepts another destination'

# ---- --adopt ----

new st
exits 65 '--adopt wants a sealed stream' retl-diff --adopt -s st <three
is "$(count st rows)" 0 'and adopts nothing of another'
exits 0 'a sealed one' retl-diff --adopt -s st <in
is "$(cat out)" '' 'sends nothing'
retl-diff --dump -s st >got
same in got 'and is what the destination has'
is "$(retl-diff -s st <in | grep -c diff_id)" 0 'nothing is left to send'
exits 0 'rows may go by it too' retl-diff --adopt -s st <gone
retl-diff --dump -s st >got
same gone got 'without a word to the destination'
is "$(find st/runs -type f)" '' 'earlier runs are forgotten'

# ---- stubs ----

new st
has st three
{
	echo '{"id":1,"diff_outcome":{"status":"rejected","code":"format"}}'
	echo '{"id":2}'
	echo '{"id":9,"diff_outcome":{"status":"skipped"}}'
} | sealing >in
exits 0 'stubs in the input' retl-diff -s st <in
is "$(short <out)" 'Removed 3' 'leave their keys as they are'
receipts delivered <out | retl-diff --commit -s st
is $? 1 'and the commit ends with 1'
is "$(retl-diff --dump -s st | head -n 2)" '{"id":1}
{"id":2}' 'a stub removes nothing'
{
	echo '{"id":1,"diff_outcome":{"status":"rejected"}}'
	echo '{"id":1}'
} | sealing >in
exits 65 'a stub and a row of one key' retl-diff -s st <in
contains err 'lines 1 and 2' 'are a duplicate'
# ---- held no more ----
new st
rows 1 3 >three
has st three
(rows 1 1 ',"v":2'; rows 2 3) | sealing | retl-diff -s st >changes
receipts rejected <changes | retl-diff --commit -s st 2>err
is "$(count st held)" 1 'a change that was rejected is held'
sealed three | retl-diff -s st >changes
is "$(short <changes)" '' 'a row that is as it was again is no change'
retl-diff --commit -s st <changes
is $? 0 'and there is nothing to deliver'
is "$(count st held)" 0 'what was rejected is held no more'
retl-diff --dump -s st >got
sealed three >want
same want got 'the state is as it was'
rows 2 3 | sealing | retl-diff -s st >changes
receipts rejected <changes | retl-diff --commit -s st 2>err
is "$(count st held)" 1 'a removal that was rejected is held'
sealed three | retl-diff -s st >changes
retl-diff -s st </dev/null >changes 2>err
is "$(count st held)" 0 'until the row is there again, commit or not'

done_testing

#!/bin/sh
# What a state is bound to, and how it moves to another binding.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

rows 1 3 ',"a":1,"b":1' >three
sealed three >in
echo '{email: .mail}' >crm.jq

retl-diff --init -s st -k id --ignore b --bind mapping=@crm.jq --bind shard=1/2
ok $? 'a state bound to a file and a text'
exits 0 'the same again' retl-diff --init -s st -k id --ignore b \
	--bind mapping=@crm.jq --bind shard=1/2
while read -r what rest; do
	# shellcheck disable=SC2086 # words of a command line
	exits 78 "--init with another --$what" retl-diff --init -s st $rest
	contains err "--$what" 'is refused by name'
done <<\EOF
key -k other --ignore b --bind mapping=@crm.jq --bind shard=1/2
ignore -k id --bind mapping=@crm.jq --bind shard=1/2
ignore -k id --ignore a --bind mapping=@crm.jq --bind shard=1/2
bind -k id --ignore b --bind mapping=@crm.jq
bind -k id --ignore b --bind mapping=@crm.jq --bind shard=2/2
bind -k id --ignore b --bind mapping=@crm.jq --bind shard=1/2 --bind x=y
identity -k id --ignore b --bind mapping=@crm.jq --bind shard=1/2 --identity a
EOF

has st three
exits 0 'a run may repeat what holds' \
	retl-diff -s st -k id --ignore b --bind shard=1/2 <in
exits 0 'a text that is the content of the bound file holds too' \
	retl-diff -s st --bind "mapping=$(cat crm.jq)
" <in
while read -r what rest; do
	# shellcheck disable=SC2086 # words of a command line
	exits 78 "a run with another --$what" retl-diff -s st $rest <in
	contains err "--$what" 'is refused by name'
	is "$(cat out)" '' 'and sends nothing'
done <<\EOF
key --key=other
identity --identity=a
fields --fields=a
ignore --ignore=a,b
bind --bind shard=2/2
bind --bind query=x
EOF
retl-diff -s st <in >out
is "$(grep -c diff_id out)" 0 'the ignored member does not count'
rows 1 3 ',"a":1,"b":2' | sealing >in2
retl-diff -s st <in2 >out
is "$(grep -c diff_id out)" 0 'whatever it says'

# ---- a bound file that changes ----

echo '{email: .mail, plan}' >crm.jq
exits 78 'a bound file that has changed' retl-diff -s st <in
contains err '--bind mapping' 'is noticed without repeating it'
contains err '--rebase' 'and the message says how to go on'
exits 0 '--rebase accepts it' retl-diff -s st --rebase <in
is "$(grep -c diff_id out)" 0 'and sends what the compared members show'
retl-diff --commit -s st </dev/null
exits 0 'from then on it holds' retl-diff -s st <in
rm crm.jq
exits 66 'a bound file that is gone' retl-diff -s st <in
contains err 'crm.jq' 'is named'
echo '{mail}' >crm.jq
exits 0 '--full accepts it too' retl-diff -s st --full <in
is "$(short <out)" 'Added 1
Added 2
Added 3' 'and sends every row again'
receipts delivered <out | retl-diff --commit -s st
is "$? $(retl-diff -s st <in | grep -c diff_id)" '0 0' 'once'
exits 78 'another key needs a state of its own' \
	retl-diff -s st --rebase -k other <in
exits 0 'compared members may move' retl-diff -s st --rebase --fields b <in2
is "$(short <out)" 'Updated 1
Updated 2
Updated 3' 'and show what they show'
receipts delivered <out | retl-diff --commit -s st

# ---- --full that does not come to its end ----

new st
has st three
{ cat three; echo '{"id":'; } >broken
exits 65 'a --full run that breaks' retl-diff -s st --full <broken
is "$(grep -c DiffAdded out)" 3 'in the middle'
receipts delivered <out | retl-diff --commit -s st 2>err
retl-diff -s st <in >out
is "$(grep -c DiffAdded out)" 3 'is taken up by the next run'
receipts failed <out | retl-diff --commit -s st 2>err
retl-diff -s st <in >out
is "$(short <out | sort -u | wc -l)" 3 'what failed in it is not taken for sent'
contains out DiffAdded 'and is added, since the destination may lack it'
receipts delivered <out | retl-diff --commit -s st
is "$? $(retl-diff -s st <in | grep -c diff_id)" '0 0' 'then all is quiet'
retl-diff --commit -s st </dev/null
exits 0 'with --full' retl-diff -s st --full --max-removed 9 <in
rows 1 2 ',"a":1,"b":1' | sealing >in2
exits 0 'removals go out as usual' retl-diff -s st --full <in2
is "$(short <out)" 'Added 1
Added 2
Removed 3' 'behind the rows'

# ---- the command line ----

while read -r claim; do
	read -r line
	# shellcheck disable=SC2086 # words of a command line
	exits 64 "$claim" retl-diff $line <in
done <<\EOF
-s is required
--dump
a state needs a key
--init -s new
one thing at a time
--dump --status -s st
--fields or --ignore
--init -s new -k id --fields a --ignore b
--identity or a contract
--init -s new -k id --identity a -c meta/custom-audience
--commit takes no options of a run
--commit -s st --full
--dump takes no bindings
--dump -s st -k id
--bind wants a name
--init -s new -k id --bind text
a name binds once
--init -s new -k id --bind a=1 --bind a=2
no operands
-s st rows
settings are those of a contract
--init -s new -k id --set a=b
a key is no reserved member
--init -s new -k diff_id
EOF
[ ! -e new/state.json ]
ok $? 'a wrong command line creates no state'
done_testing

#!/bin/sh
# Audiences know their members by values: who is removed, who is not, and what
# stays in doubt.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"

# people STATE ROWS: a state keyed by id, known by e-mail and phone.
people() {
	rm -rf "$1"
	retl-diff --init -s "$1" -k id --identity email,phone
	printf '%s\n' "$2" >people.rows
	has "$1" people.rows
}

# run STATE ROWS [OPTION...]: the changes without their ids, in ./changes.
run() {
	run_state=$1
	printf '%s\n' "$2" | sealing >in
	shift 2
	retl-diff -s "$run_state" --max-removed 100% "$@" <in >out
	bare <out | sed 's/,"diff_id":"RUN:\([0-9]*\)"/,"n":\1/
		/^[[:space:]]*$/d' >changes
}

# settle STATE [STATUS...]: receipts of these kinds, one a change.
settle() {
	settle_state=$1
	shift
	grep diff_id out | while read -r line; do
		echo "$line" | receipts "${1:-delivered}"
		[ $# = 0 ] || shift
	done >answers
	retl-diff --commit -s "$settle_state" <answers 2>err
}

# quiet STATE NAME: the same rows again give nothing.
quiet() {
	retl-diff -s "$1" <in >out
	is "$(grep diff_id out | bare)" '' "$2"
	retl-diff --commit -s "$1" </dev/null
	is "$(count "$1" doubts)" 0 "$2: nothing is in doubt"
}

# ---- an identity that changes ----

people st '{"id":1,"email":"a","phone":"1"}'
run st '{"id":1,"email":"b","phone":"1"}'
cat >want <<\EOF
{"email":"a","diff_result":"DiffRemoved","n":1}
{"id":1,"email":"b","phone":"1","diff_result":"DiffAdded","n":2}
EOF
same want changes 'the old e-mail goes, then the new row comes; not the phone'
settle st
quiet st 'both delivered'

people st '{"id":1,"email":"a","plan":1}'
run st '{"id":1,"email":"a","plan":2}'
is "$(cat changes)" \
	'{"id":1,"email":"a","plan":2,"diff_result":"DiffUpdated","n":1}' \
	'another member is an update'
settle st
run st '{"id":1,"email":"a","phone":"1","plan":2}'
is "$(cat changes)" \
	'{"id":1,"email":"a","phone":"1","plan":2,"diff_result":"DiffAdded","n":1}' \
	'a value more is an addition, and removes nothing'
settle st
quiet st 'and that is all'

people st '{"id":1,"email":["a","b"]}'
run st '{"id":1,"email":["b","c"]}'
cat >want <<\EOF
{"email":["a"],"diff_result":"DiffRemoved","n":1}
{"id":1,"email":["b","c"],"diff_result":"DiffAdded","n":2}
EOF
same want changes 'elements of an array are values each on their own'
settle st
quiet st 'an array'

# ---- lost receipts ----

people st '{"id":1,"email":"a"}'
run st '{"id":1,"email":"b"}'
settle st delivered unknown
run st '{"id":1,"email":"b"}'
is "$(cat changes)" \
	'{"id":1,"email":"b","diff_result":"DiffAdded","n":1}' \
	'removed, but perhaps not added: added again'
settle st
quiet st 'then it is there'

people st '{"id":1,"email":"a"}'
run st '{"id":1,"email":"b"}'
settle st unknown delivered
run st '{"id":1,"email":"b"}'
cat >want <<\EOF
{"email":"a","diff_result":"DiffRemoved","n":1}
{"id":1,"email":"b","diff_result":"DiffAdded","n":2}
EOF
same want changes 'added, but perhaps not removed: the old row stays in doubt'
settle st
quiet st 'until its removal is settled'

people st '{"id":1,"email":"a"}'
run st '{"id":1,"email":"b"}'
settle st unknown unknown
run st '{"id":1,"email":"a"}'
cat >want <<\EOF
{"email":"b","diff_result":"DiffRemoved","n":1}
{"id":1,"email":"a","diff_result":"DiffAdded","n":2}
EOF
same want changes 'both in doubt, and the source goes back'
settle st
quiet st 'and it is as before'

people st '{"id":1,"email":"a"}'
run st '{"id":1,"email":"b"}'
settle st failed delivered
run st '{"id":2,"email":"z"}'
cat >want <<\EOF
{"id":2,"email":"z","diff_result":"DiffAdded","n":1}
{"email":"b","diff_result":"DiffRemoved","n":2}
{"email":"a","diff_result":"DiffRemoved","n":3}
EOF
same want changes 'a row that is gone is removed by each identity it may have'
settle st
quiet st 'and leaves nothing'

# ---- values that others hold ----

people st '{"id":1,"email":"a"}
{"id":2,"email":"b"}'
run st '{"id":1,"email":"b"}
{"id":2,"email":"a"}'
cat >want <<\EOF
{"id":1,"email":"b","diff_result":"DiffAdded","n":3}
{"id":2,"email":"a","diff_result":"DiffAdded","n":4}
EOF
same want changes 'two that swap their e-mails: nobody is removed'
settle st
quiet st 'and both are there'

people st '{"id":1,"email":"a"}
{"id":2,"email":"a"}
{"id":3,"email":"c"}'
run st '{"id":2,"email":"a"}
{"id":3,"email":"c"}'
is "$(cat changes)" '' 'one of two with the same e-mail goes: nothing is sent'
settle st
quiet st 'and it is forgotten'
run st '{"id":3,"email":"c"}'
is "$(cat changes)" '{"email":"a","diff_result":"DiffRemoved","n":1}' \
	'with the last one the e-mail goes'
settle st

people st '{"id":1,"email":"a"}
{"id":2,"email":"b"}'
run st '{"id":2,"email":"a"}'
cat >want <<\EOF
{"email":"b","diff_result":"DiffRemoved","n":2}
{"id":2,"email":"a","diff_result":"DiffAdded","n":3}
EOF
same want changes 'another takes the e-mail of one that goes'
settle st delivered rejected
is "$? $(count st doubts)" '1 1' 'but is refused: the e-mail stays in doubt'
run st '{"id":3,"email":"c"}'
cat >want <<\EOF
{"id":3,"email":"c","diff_result":"DiffAdded","n":1}
{"email":"a","diff_result":"DiffRemoved","n":2}
EOF
same want changes 'and goes when nobody holds it any more'
settle st
quiet st 'at last'

people st '{"id":1,"email":"a","phone":["1","2"]}
{"id":2,"email":"b"}'
run st '{"id":2,"email":"b","phone":"2"}'
cat >want <<\EOF
{"id":2,"email":"b","phone":"2","diff_result":"DiffAdded","n":1}
{"email":"a","phone":["1"],"diff_result":"DiffRemoved","n":2}
EOF
same want changes 'a removal loses the one value that another row takes'
settle st
quiet st 'and settles'

people st '{"id":1,"email":"a"}
{"id":2,"email":"b"}'
run st '{"id":1,"diff_outcome":{"status":"rejected"}}
{"id":3,"email":"a"}'
cat >want <<\EOF
{"id":3,"email":"a","diff_result":"DiffAdded","n":1}
{"email":"b","diff_result":"DiffRemoved","n":2}
EOF
same want changes 'a stub keeps its values'

people st '{"id":1,"email":"a"}
{"id":2,"phone":"a"}
{"id":3,"email":"c"}'
run st '{"id":2,"phone":"a"}
{"id":3,"email":"c"}'
is "$(cat changes)" '' 'a value is the same in whatever member it stands'

# ---- withheld together ----

people st '{"id":1,"email":"a"}'
printf '{"id":1,"email":"b"}\n' >open
exits 65 'an unsealed stream that changes an identity' retl-diff -s st <open
is "$(cat out)" '' 'neither removes nor adds'
retl-diff --commit -s st </dev/null 2>err
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
	echo "{\"id\":$i,\"email\":\"x$i\"}"
done >many
people st "$(cat many)"
sed 's/x/y/' many | sealing >in
exits 65 'too many that change theirs' retl-diff -s st <in
is "$(cat out)" '' 'are withheld, removals and additions'
contains err '25 of 25' 'by the guard'
retl-diff --commit -s st </dev/null 2>err

people st '{"id":1,"email":"a"}'
run st '{"id":1,"email":"b"}' --emit added,updated
is "$(cat changes)" '{"id":1,"email":"b","diff_result":"DiffAdded","n":1}' \
	'where nothing is to be removed, the new identity is added'
settle st
is "$(count st doubts)" 1 'and the old one stays in doubt'
run st '{"id":1,"email":"b"}'
cat >want <<\EOF
{"email":"a","diff_result":"DiffRemoved","n":1}
{"id":1,"email":"b","diff_result":"DiffAdded","n":2}
EOF
same want changes 'until a run may remove it'
settle st
quiet st 'and it is gone'

# ---- by contract ----

RETL_CONTRACTS=$top/contracts
export RETL_CONTRACTS
retl-diff --init -s audience -k id -c meta/custom-audience
ok $? 'the identity of a contract'
contains audience/state.json '["extern_id","email","phone","madid"]' \
	'is resolved by --init'
exits 0 'and may be repeated' \
	retl-diff --init -s audience -k id -c meta/custom-audience
exits 78 'another one is refused' \
	retl-diff --init -s audience -k id --identity email
contains err '--identity' 'by name'
exits 78 'a contract without one, too' \
	retl-diff --init -s audience -k id -c hubspot/contact
exits 0 'where nothing is bound yet it is a warning' \
	retl-diff --init -s plain -k id -c hubspot/contact
is "$(cat err)" \
	'retl-diff: warning: hubspot/contact has no identity: a row is known by its key alone' \
	'that says what it means'
# ---- numbers and their texts ----

new st --identity phone
printf '%s\n' '{"id":1,"phone":50}' '{"id":2,"phone":"50"}' | sealing >in
retl-diff -s st <in | receipts delivered | retl-diff --commit -s st
echo '{"id":2,"phone":"50"}' | sealing >in
retl-diff -s st <in >out
lacks out DiffRemoved 'a number is not removed where its text is held'
receipts delivered <out | retl-diff --commit -s st 2>/dev/null
echo '{"id":2,"phone":5.0e1}' | sealing >in
retl-diff -s st <in >out
is "$(short <out)" 'Updated 2' 'nor when one becomes the other'

# ---- refused, and gone ----

for options in '' '--identity email'; do
	# shellcheck disable=SC2086
	new st $options
	printf '%s\n' '{"id":1,"email":"a"}' '{"id":2,"email":"b"}' | sealing >in
	retl-diff -s st <in >out
	{ sed 1d out | receipts delivered; sed -n 1p out | receipts rejected; } |
		retl-diff --commit -s st 2>/dev/null
	sed 1d in | sed '$d' | sealing >in2
	retl-diff -s st <in2 | receipts delivered | retl-diff --commit -s st
	is "$(count st held)" 0 "what left the dataset is held no more ($options)"
done

# ---- a removal that was refused, and the row is back ----

new st
rows 1 2 ',"v":1' | sealing >both
rows 2 2 ',"v":1' | sealing >one
{ rows 1 1 ',"v":2'; rows 2 2 ',"v":1'; } | sealing >other
retl-diff -s st <both | receipts delivered | retl-diff --commit -s st
retl-diff -s st <one | receipts rejected | retl-diff --commit -s st 2>/dev/null
retl-diff -s st <other | receipts delivered | retl-diff --commit -s st
is "$(count st held)" 0 'its removal is held no more'
retl-diff -s st --quarantine 1 <both >out 2>err
is "$(short <out)" 'Updated 1' 'nor is a row in quarantine for its removal'

done_testing

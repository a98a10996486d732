#!/bin/sh
# The plain path: a state, a first delivery, the three kinds of change.
. "$(dirname "$0")/../lib.sh"

# receipts STATUS <CHANGES: what retl-push would answer, all with one status.
receipts() {
	sed -n "s/.*\"diff_id\":\"\([^\"]*\)\".*/{\"diff_id\":\"\1\",\"to\":\"shop#1\",\"status\":\"$1\"}/p"
}
# bare <CHANGES: run ids, which are random, taken out.
bare() {
	sed 's/"diff_id":"[0-9a-f]*:/"diff_id":"RUN:/'
}

retl-diff --init -s state/customers -k id
ok $? '--init creates the state and the folders on the way to it'
is "$(stat -c %a state/customers)" 700 'for its owner alone'
is "$(stat -c %a state/customers/state.json)" 600 'and so are its files'
exits 0 'on the same state --init is happy' \
	retl-diff --init -s state/customers -k id
contains err 'nothing to do' 'and says that it did nothing'
exits 78 'with another key it is not' retl-diff --init -s state/customers -k no
contains err '--key' 'and names the option'

cat >day1 <<\EOF
{"id":1,"plan":"free"}
{"id":2,"plan":"free"}
{"id":9007199254740993,"plan":"paid","price":1.10}
EOF
sealed day1 >in
retl-diff -s state/customers <in >changes
ok $? 'the first run ends well'
bare <changes >got
cat >want <<\EOF
{"id":1,"plan":"free","diff_result":"DiffAdded","diff_id":"RUN:1"}
{"id":2,"plan":"free","diff_result":"DiffAdded","diff_id":"RUN:2"}
{"id":9007199254740993,"plan":"paid","price":1.10,"diff_result":"DiffAdded","diff_id":"RUN:3"}
EOF
seal 3 >>want
same want got 'all rows are added, byte for byte, and sealed'

receipts delivered <changes >r
retl-diff --commit -s state/customers <r
ok $? 'receipts are committed'
retl-diff --dump -s state/customers >got
same in got 'the state holds the rows as they came, sealed'

retl-diff -s state/customers <in >changes
seal 0 >want
same want changes 'a second run with the same rows sends nothing'
retl-diff --commit -s state/customers </dev/null
ok $? 'and no receipts close it'

cat >day2 <<\EOF
{"plan" : "free", "id":1.0}
{"id":2,"plan":"paid"}
{"id":3,"plan":"new"}
EOF
sealed day2 >in
retl-diff -s state/customers --changed <in >changes
ok $? 'the next day'
bare <changes >got
cat >want <<\EOF
{"id":2,"plan":"paid","diff_result":"DiffUpdated","diff_id":"RUN:1","diff_changed":["plan"]}
{"id":3,"plan":"new","diff_result":"DiffAdded","diff_id":"RUN:2"}
{"id":9007199254740993,"plan":"paid","price":1.10,"diff_result":"DiffRemoved","diff_id":"RUN:3"}
EOF
seal 3 >>want
same want got 'three kinds of change, removals last; spelling is no change'
receipts delivered <changes | retl-diff --commit -s state/customers
ok $? 'which are committed'
cat >want <<\EOF
{"id":1,"plan":"free"}
{"id":2,"plan":"paid"}
{"id":3,"plan":"new"}
EOF
seal 3 >>want
retl-diff --dump -s state/customers >got
same want got 'and the state has moved by them'

is "$(ls state/customers/runs)" '' 'settled runs leave no files'

exits 66 'a run without a state ends' retl-diff -s nowhere
contains err '--init' 'and says how to make one'
exits 64 'a state without its -s' retl-diff --init nowhere -k id
contains err '-s DIR is required' 'is told as what it is'
exits 66 'so does a commit' retl-diff --commit -s nowhere
mkdir -p closed/state
chmod 000 closed/state
# shellcheck disable=SC2086
exits 66 'one that may not be read is not taken for none' \
	$unprivileged retl-diff -n -s closed/state
is "$(cat err)" 'retl-diff: error: closed/state/state.json: Permission denied' \
	'and nobody is told to create it'
exits 75 'a commit without a run says so' \
	retl-diff --commit -s state/customers
contains err 'no run to close' 'in words'
done_testing

#!/bin/sh
# The whole pipeline, from a database to a receiver and back into the state.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/pipeline.sh"
every_tool_or_skip
receiver_starts

# ---- first run, three kinds of change, nothing ----

shop_of 30
retl-diff --init -s state -k id 2>err
ok $? 'a state is made' "$(cat err)"
sync 'the first run goes through'
is "$(cat statuses)" '0 0 0 0 0 0 0 0 0' 'every stage ends with 0'
is "$(cat err.* | grep -v '^retl-push: [0-9]* delivered')" '' \
	'and says nothing but how much was delivered'
in_step 'first run'
is "$(jq -r .type rx.log | sort -u)" record.added 'every row was added'
receipts_fit 'each record has its receipt'
is "$(jq -r .status receipts | sort | uniq -c | tr -s ' ')" ' 30 delivered' \
	'all say delivered'

shop "INSERT INTO customer VALUES (31, 'customer 31');
	UPDATE customer SET name = 'somebody' WHERE id = 17;
	DELETE FROM customer WHERE id = 2"
sync 'the second run goes through'
is "$(tail -n +31 rx.log | jq -r '"\(.type) \(.data.id)"' | sort |
	tr '\n' ' ')" 'record.added 31 record.removed 2 record.updated 17 ' \
	'it sends three kinds of change and nothing else'
is "$(tail -n 1 rx.log | jq -r .type)" record.removed 'the removal comes last'
in_step 'second run'
receipts_fit 'each of the three has its receipt'

sync 'the third run goes through'
is "$(wc -l <rx.log)" 33 'and sends nothing'
is "$(wc -l <receipts)" 0 'so there are no receipts'

# ---- bytes ----

# Every value here must arrive as it stands: SQLite to the receiver's log.
shop 'DELETE FROM customer'
cat >values.sql <<\END
INSERT INTO customer VALUES
(9007199254740993, 'beyond 2^53'),
(9007199254740995, '1.10'),
(9223372036854775807, 'quote " backslash \ slash / e' || char(0x301)),
(-9223372036854775808, 'é ÅÅ' || char(10) || char(9) || char(1) || char(127)),
(4611686018427387905, char(0x1F468, 0x200D, 0x1F469, 0x200D, 0x1F467)),
(4611686018427387907, char(0xFEFF, 0x2028, 0xFFFD, 0x10FFFF)),
(4611686018427387909, '\u00e9 \n'),
(4611686018427387911, ''),
(4611686018427387913, NULL);
END
sqlite3 shop.db <values.sql
rm -rf state
: >rx.log
echo . >mapping.jq
retl-diff --init -s state -k id 2>err
sync 'awkward values go through'
is "$(cat err.* | grep -v '^retl-push: [0-9]* delivered')" '' 'without a word'
retl-extract -q "SELECT * FROM customer" sqlite:shop.db 2>err |
	grep "[^[:space:]]" | sort >rows
is "$(grep -c . rows)" 9 "nine rows are extracted"
sed 's/.*"data":\(.*\)}$/\1/' rx.log | sort >got
same rows got 'they arrive byte for byte'
retl-diff --dump -s state 2>err | grep '[^[:space:]]' | sort >got
same rows got 'the state has them byte for byte'
contains rx.log '"id":9007199254740993,' 'an id beyond 2^53 is not rounded'
contains rx.log '"id":-9223372036854775808,' 'nor is the smallest one'

# Numbers in any spelling, from a foreign producer.
cat >in <<\END
{"id":1,"price":1.10,"n":1.0e+2,"big":123456789012345678901234567890.10}
{"id":2,"price":1.1,"n":100,"big":0.1000000000000000055511151231257827}
{"id":3,"price":"1.10","n":-0,"big":1E400,"s":"\u00e9\/\ud83d\ude00 é/😀"}
END
sealed in >stream
rm -rf state
retl-diff --init -s state -k id 2>err
: >rx.log
retl-diff -s state <stream 2>err | retl-map -e . 2>err |
	retl-push -c webhook/standard --set url="$url" 2>err >receipts
retl-diff --commit -s state <receipts 2>err
ok $? 'numbers in any spelling are delivered' "$(cat err)"
sed 's/.*"data":\(.*\)}$/\1/' rx.log | sort >got
same in got 'as they were spelled'

sed 's/1.10,/1.1000,/; s/1.0e+2/100/; s/"id":3/"id" : 3.0/' in >respelled
sealed respelled >stream
retl-diff -n -s state <stream >out 2>err
is "$(grep -c '[^[:space:]]' out)" 0 'another spelling of a number is no change'

# ---- what is refused goes on as a stub and is not removed ----

rm -rf state shop.db
shop_of 25
: >rx.log
echo 'if .id == 7 and (.name | startswith("bad")) then error("no") else . end' \
	>mapping.jq
retl-diff --init -s state -k id 2>err
sync 'with a mapping that can fail, a good run'
shop "UPDATE customer SET name = 'bad' WHERE id = 7;
	UPDATE customer SET name = 'good' WHERE id = 8"
whole_run
is $? 1 'a refused record makes the sync end with 1'
is "$(cut -d ' ' -f 4 statuses)" 1 'as does the stage that refused it'
receipts_fit 'the refused record has a receipt, too'
contains receipts '"status":"rejected"' 'which says rejected'
is "$(world | sed -n '7,8p' | tr '\n' ' ')" '7 customer 7 8 good ' \
	'the receiver keeps the old row, and the good one went through'
whole_run
is $? 1 'the next run tries again'
shop "UPDATE customer SET name = 'mended' WHERE id = 7"
sync 'and when the row is mended it is delivered'
is "$(cat statuses)" '0 0 0 0 0 0 0 0 0' 'with every stage at 0'
is "$(removals)" 0 'nothing was removed in all this'

done_testing

#!/bin/sh
# More identity values of removals than fit into memory at once: one pass over
# what is current for each partition, with the same outcome.
#	ROWS=300000
. "$(dirname "$0")/../lib.sh"
. "$top/tests/diff.sh"
n=${ROWS:-300000}

# people FROM: n of them, keyed from there on; the mail says who it is.
people() {
	awk -v from="$1" -v n="$n" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"id\":%d,\"mail\":\"m%d@example.com\"}\n", from + i, i }'
}

retl-diff --init -s st -k id --identity mail
people 0 >base
has st base
# All keys are new, every third mail is still there, once.
{ people 1000000 | sed -n '0~3p'; } | sealing >in
retl-diff -s st --max-removed 100% <in >out 2>err
is "$(grep -c DiffAdded out)" $((n / 3)) 'the new keys are added'
is "$(grep -c DiffRemoved out)" $((n - n / 3)) \
	'removals name whom nobody holds any more'
sed -n 's/.*"mail":"m\([0-9]*\)@.*DiffRemoved.*/\1/p' out | sort -n >gone
awk -v n="$n" 'BEGIN { for (i = 1; i <= n; i++) if (i % 3) print i }' >want
same want gone 'exactly those'
receipts delivered <out | retl-diff --commit -s st
is $? 0 'all is acknowledged'
retl-diff --dump -s st >got
same in got 'and the state has the new rows'
retl-diff -s st <in >out
is "$(grep -c diff_id out)" 0 'a run after that has nothing to do'
done_testing

#!/bin/sh
# retl-extract from SQLite: -k, --shard, --cursor, --schema.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/sqlopts.sh"
command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'

keys_sql sqlite | sqlite3 t.db
sql_options sqlite:t.db ':cursor'
one_zero sqlite:t.db "SELECT CAST(column1 AS REAL) v FROM (VALUES ('0'), ('-0'))"

retl-extract -k u --shard 1/2 t.db key_rows >out 2>err
ok $? 'a table' "$(cat err)"
sqlite3 t.db <<\END
CREATE TABLE odd (k TEXT COLLATE NOCASE, b BLOB);
INSERT INTO odd VALUES ('b', x'00'), ('B', NULL), ('a', x'ff'), (NULL, 1);
END
retl-extract -k k t.db odd >out
is "$(grep -o '"k":[^,]*' out | tr '\n' ' ')" \
	'"k":null "k":"B" "k":"a" "k":"b" ' \
	"a column's own collation does not count, and nulls come through"
for i in 1 2 3; do
	retl-extract -k k,b --shard $i/3 t.db odd
done >out
is "$(grep -c '^{' out)" 4 'also through a shard'
sqlite3 t.db <<\END
CREATE TABLE spelt (k);
WITH RECURSIVE n(i) AS (SELECT -30 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
	INSERT INTO spelt SELECT i FROM n UNION ALL SELECT i + 0.0 FROM n;
INSERT INTO spelt VALUES (-0.0);
END
for i in 1 2 3 4 5; do
	retl-extract -k k --shard $i/5 t.db spelt |
		sed -n 's/^{"k":\(-*[0-9]*\)[.}].*/\1/p' |
		sed 's/^-0$/0/' | sort -u
done >out
is "$(wc -l <out) $(sort -u out | wc -l)" '61 61' '1 and 1.0 are in one shard'
sqlite3 u16.db "PRAGMA encoding = 'UTF-16'; CREATE TABLE t (k)"
exits 78 '-k of a database in UTF-16' retl-extract -k k u16.db t
contains err 'leave -k to retl-sort' 'says what to do'
exits 64 '-k of a file' retl-extract -k k "$top/README.md"
exits 64 '--schema of a file' retl-extract --schema "$top/README.md"
exits 0 '--schema' retl-extract --schema -q 'SELECT u, t, u + 1 AS v FROM key_rows' \
	t.db
cat >wanted <<\END
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "u": {"$comment": "INTEGER"},
    "t": {"$comment": "TEXT"},
    "v": {}
  },
  "required": ["u", "t", "v"],
  "additionalProperties": false
}
END
same wanted out 'types belong to values here, so none is promised'

done_testing

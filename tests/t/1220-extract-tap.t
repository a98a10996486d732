#!/bin/sh
# retl-extract from Singer taps and Airbyte sources: one stream of several,
# states, and what proves that a table was read whole.
. "$(dirname "$0")/../lib.sh"

# tap STATUS: a command that writes ./messages and ends so.
tap() {
	printf '#!/bin/sh\ncat %s/messages\nexit %s\n' "$work" "$1" >tap
	chmod +x tap
}
# read_tap DIALECT OPTION...: ./out, ./err, $status
read_tap() {
	dialect=$1
	shift
	timeout 30 retl-extract --dialect "$dialect" "$@" >out 2>err
	status=$?
}
# refused DIALECT STATUS MESSAGE CLAIM [OPTION...]
refused() {
	dialect=$1 want=$2 message=$3 claim=$4
	shift 4
	read_tap "$dialect" "$@" -- ./tap
	is "$status" "$want" "$claim"
	contains err "$message" "$claim: the message"
	lacks out "$(printf '\t')" "$claim: no seal"
}
# unsealed DIALECT MESSAGE CLAIM OPTION...
unsealed() {
	dialect=$1 message=$2 claim=$3
	shift 3
	read_tap "$dialect" "$@"
	is "$status" 0 "$claim"
	same rows out "$claim: its rows, no seal"
	contains err "$message" "$claim: a warning"
}

{
	printf '{"v":"'
	awk 'BEGIN { for (i = 0; i < 5000000; i++) printf "x" }'
	echo '"}'
} >rows
sealed rows >wanted
sed 's/^/{"type":"RECORD","stream":"s","record":/; s/$/}/' rows >messages
tap 0
read_tap singer -- ./tap
cmp wanted out >differ 2>&1
ok $? 'a value of five million bytes' "$(cat differ err)"

# ---- Singer ----

cat >singer <<\END
{"type": "SCHEMA", "stream": "users", "schema": {"properties": {"id": {"type": "integer"}}}, "key_properties": ["id"]}
{"type": "RECORD", "stream": "users", "record": {"id": 9007199254740993, "n": 1.10, "s": "a \u00e9 😀"}}
{"type": "STATE", "value": {"currently_syncing": "users"}}
{"type": "SCHEMA", "stream": "orders", "schema": {}, "key_properties": [], "bookmark_properties": ["day"]}
{"type": "record", "stream": "orders", "record": {"id": 1}, "time_extracted": "2024-01-01T00:00:00Z"}
{"type": "RECORD", "stream": "users", "record": {"id": 2, "o": {"b": [1, null]}}, "version": 1}
{"type": "ACTIVATE_VERSION", "stream": "users", "version": 1}
{"type": "STATE", "value": {"bookmarks": {"orders": {"day": "2024-01-01"}}, "n": 1.0}}
END
cat >rows <<\END
{"id":9007199254740993,"n":1.10,"s":"a \u00e9 😀"}
{"id":2,"o":{"b":[1,null]}}
END
sealed rows >wanted
cp singer messages
tap 0
read_tap singer --stream users -- ./tap --config c.json
is "$status" 0 'one stream of a tap'
same wanted out 'its records, byte for byte, sealed'
refused singer 64 "several streams, 'users' and 'orders'" \
	'which of two streams has to be said'
refused singer 78 "no stream 'user'" 'a stream that does not come' \
	--stream user
tap 3
refused singer 69 'status 3' 'a tap that fails' --stream users
tap 0
unsealed singer 'reads what has changed' 'a tap that is given a state' \
	--stream users -- ./tap --state s.json
echo '{"id":1}' >rows
unsealed singer 'reads what has changed' 'a stream with bookmarks' \
	--stream orders -- ./tap
grep -v orders singer >messages
cat >rows <<\END
{"id":9007199254740993,"n":1.10,"s":"a \u00e9 😀"}
{"id":2,"o":{"b":[1,null]}}
END
read_tap singer -- ./tap
same wanted out 'the only stream needs no name'
unsealed singer 'proves nothing' 'messages from a pipe' - <messages
unsealed singer 'proves nothing' 'messages in a file' messages

# States
cp singer messages
: >state.next
read_tap singer --stream users --state state -- ./tap
is "$(cat state.next)" '{"bookmarks":{"orders":{"day":"2024-01-01"}},"n":1.0}' \
	'the last state comes to be in FILE.next'
[ ! -e state ]
ok $? 'FILE itself is left alone'
tap 1
read_tap singer --stream users --state state -- ./tap
[ ! -e state.next ]
ok $? 'a tap that fails leaves no state, not even an older one'
tap 0
read_tap singer --stream users --state state - <messages
[ ! -e state.next ]
ok $? 'nor does what is not proved'
read_tap singer --stream users --state state --limit 1 -- ./tap
[ ! -e state.next ]
ok $? 'nor does --limit'
grep -v STATE singer >messages
echo '{"old":1}' >state
read_tap singer --stream users --state state -- ./tap
is "$(cat state.next)" '{"old":1}' 'without a new state the old one stays'

# What is wrong
bad() {
	printf '%s\n' '{"type":"SCHEMA","stream":"users"}' "$1" >messages
	refused singer 65 "$2" "$3"
}
bad '{"type":"RECORD","stream":"users","record":{"x":NaN}}' \
	'NaN and Infinity are no JSON' 'a bare NaN'
bad '{"type":"RECORD","stream":"users","record":{"x":-Infinity}}' \
	'NaN and Infinity are no JSON' 'a bare -Infinity'
bad 'INFO starting' 'line 2' 'a line that is no message'
bad '{"type":"RECORD","stream":"users"}' 'without its record' 'no record'
bad '{"type":"RECORD","record":{}}' 'without its stream' 'no stream'
bad '{"stream":"users"}' 'without its type' 'no type'
bad '{"type":"RECORD","stream":"users","record":{"diff_id":"x:1"}}' 'reserved' \
	'a reserved name'
bad '{"type":"RECORD","stream":"users","record":{"a":1,"a":2}}' 'twice' \
	'a member twice'
bad '{"type":"BATCH","stream":"users","manifest":["file:///x"]}' 'BATCH' \
	'a batch in files'
bad '{"type":"RECORD","stream":"users","record":{"_sdc_deleted_at":"2024"}}' \
	'_sdc_deleted_at' 'a row that was removed'
echo '{"type":"RECORD","stream":"users","record":{"_sdc_deleted_at":null}}' \
	>messages
echo '{"_sdc_deleted_at":null}' >rows
sealed rows >wanted
read_tap singer -- ./tap
same wanted out 'one that was not'
: >messages
: >rows
unsealed singer 'neither a schema nor a record' 'a tap that says nothing' \
	-- ./tap
echo '{"type":"SCHEMA","stream":"users","schema":{}}' >messages
sealed rows >wanted
read_tap singer -- ./tap
same wanted out 'a table without rows is a table'

# ---- Airbyte ----

rec() {
	printf '{"type":"RECORD","record":{"stream":"%s","namespace":"%s",' \
		"$1" "$2"
	printf '"data":{"id":%s},"emitted_at":1700000000000%s}}\n' "$3" "${4-}"
}
status() {
	printf '{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,'
	printf '"stream_status":{"stream_descriptor":{"name":"%s",' "$1"
	printf '"namespace":"shop"},"status":"%s"}}}\n' "$2"
}
state() {
	printf '{"type":"STATE","state":{"type":"STREAM","stream":{'
	printf '"stream_descriptor":{"name":"%s","namespace":"shop"},' "$1"
	printf '"stream_state":%s},"sourceStats":{"recordCount":%s}}}\n' \
		"$2" "$3"
}
log='{"type":"LOG","log":{"level":"INFO","message":"hello"}}'
full='{"__ab_full_refresh_state_message":true}'
{
	echo "$log"
	status users STARTED
	rec users shop 1
	rec orders shop 7
	rec users shop 2.0
	state users "$full" 2.0
	status users COMPLETE
	rec orders shop 8
	status orders INCOMPLETE
} >airbyte
printf '{"id":1}\n{"id":2.0}\n' >rows
sealed rows >wanted
cp airbyte messages
read_tap airbyte --stream users -- ./tap
same wanted out 'one stream of an Airbyte source, sealed'
read_tap airbyte --stream shop.users messages
same wanted out 'a stream that says that it is complete needs no command'
refused airbyte 69 'is incomplete' 'a stream that says that it is not' \
	--stream orders
refused airbyte 64 'several streams' 'which of two has to be said'
rec users other 3 >>messages
refused airbyte 64 'several streams' 'nor may two differ by namespace alone' \
	--stream users
grep -v COMPLETE airbyte >messages
refused airbyte 69 'did not say that the stream is complete' \
	'a start without an end' --stream users
{ grep -v STATUS airbyte; } >messages
read_tap airbyte --stream users -- ./tap
same wanted out 'an older source, without statuses'
unsealed airbyte 'proves nothing' 'which a pipe does not vouch for' \
	--stream users - <messages
{ status users STARTED; rec users shop 1; state users '{"day":"x"}' 1
	rec users shop 2.0; state users '{"day":"y"}' 1
	state orders '{"day":"z"}' 0; status users COMPLETE; } >messages
unsealed airbyte 'reads what has changed' 'a stream with a cursor' \
	--stream users --state state -- ./tap
is "$(cat state.next)" "[$(state users '{"day":"y"}' 1 | sed \
	's/^{"type":"STATE","state"://; s/}$//')]" 'its last state is noted'
{ rec users shop 1; rec users shop 2.0; state users '{}' 3; } >messages
unsealed airbyte 'counts other records' 'a count that is wrong' \
	--stream users -- ./tap
{ rec users shop 1; echo '{"type":"STATE","state":{"data":{"users":5}}}'
	rec users shop 2.0; } >messages
unsealed airbyte 'reads what has changed' 'a state of the older kind' \
	--state state -- ./tap
is "$(cat state.next)" '{"users":5}' 'is noted as it is'
{ rec users shop 1; rec users shop 2 \
	',"meta":{"changes":[{"field":"bio","change":"TRUNCATED"}]}'; } >messages
refused airbyte 65 "field 'bio'" 'a value that was cut'
error() {
	{ rec users shop 1
	printf '{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1,'
	printf '"error":{"message":"zoe@example.com","failure_type":"%s"}}}\n' \
		"$1"; } >messages
	refused airbyte "$2" "$1" "an error: $1"
	lacks err zoe 'its words are not shown'
}
error system_error 69
error transient_error 75
error config_error 78
read_tap airbyte -v -- ./tap
contains err zoe 'but with -v'
{ status users COMPLETE; rec users shop 1; } >messages
refused airbyte 65 "behind the stream's end" 'a record behind the end'

# ---- options ----

exits 64 'a dialect that is none' retl-extract --dialect meltano -- true
exits 64 '--stream without a dialect' retl-extract --stream x messages
exits 64 '--dialect and --format' \
	retl-extract --dialect singer --format json messages
exits 64 'a database speaks none' \
	retl-extract --dialect singer -q 'select 1' sqlite:x.db
done_testing

#!/bin/sh
# Google Sheets: tabs, what people do to cells, pages, failures, against a fake
# that checks assertions, tokens and ranges.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/extract.sh"
. "$top/tests/mock.sh"
command -v openssl >/dev/null || skip_all 'openssl is missing'
retl-extract --list-sources | grep -q '^sheets:' || skip_all 'not built in'

openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
unset GOOGLE_CLOUD_QUOTA_PROJECT
export GOOGLE_APPLICATION_CREDENTIALS=sa.json

# serve BOOK ARGUMENT...: a fresh server, and a service account that it knows
serve() {
	book=$1
	shift
	mock_stop gs
	rm -f log
	mock_start gs sheetsd --book "$book" --key pub.pem --issuer sa@p --log log \
		--scope 'https://www.googleapis.com/auth/spreadsheets.readonly https://www.googleapis.com/auth/drive.metadata.readonly' "$@"
	GOOGLE_SHEETS_EMULATOR_HOST=$(mock_url gs)
	export GOOGLE_SHEETS_EMULATOR_HOST
	jq -n --rawfile k key.pem --arg u "$GOOGLE_SHEETS_EMULATOR_HOST/token" '{type: "service_account",
		private_key: $k, client_email: "sa@p", token_uri: $u}' >sa.json
}
get() {
	timeout 60 retl-extract "$@" >out 2>err
	status=$?
}

cat >book.json <<\E
{"sheets": [
 {"title": "Customers", "gid": 0, "rows": [["id", "name", "vip", "since"],
  ["00123", "Zoe \"\ud83d\ude00\"", true, "2024-01-31"], [7, "", false], [1.5, "b"], [], ["x", "", "", "", ""], [1E+20, "c"], ["", "", "", ""]]},
 {"title": "It's 100% 'mine'/ü", "gid": 77, "rows": [["a", 2024], ["1", 2]]},
 {"title": "Chart", "gid": 5, "type": "OBJECT", "rows": []},
 {"title": "Empty", "gid": 6, "rows": []},
 {"title": "Header only", "gid": 8, "rows": [["a", "b", ""]]},
 {"title": "Third row", "gid": 9, "rows": [["Report of May"], [], ["a", "b"], [1, 2]]},
 {"title": "NA", "gid": 10, "rows": [["a", "b"], [1, 2], [1, "#REF!"]]},
 {"title": "Loading", "gid": 11, "rows": [["a"], ["Loading..."]]},
 {"title": "Long", "gid": 12, "rows": [["a"], [1], [1, 2]]},
 {"title": "Twice", "gid": 13, "rows": [["a", "b", "a"], [1]]},
 {"title": "Gap", "gid": 14, "rows": [["a", "", "c"], [1]]},
 {"title": "Ids", "gid": 15, "rows": [["id"], [1234567890123460000], [1.5]]},
 {"title": "Flag", "gid": 16, "rows": [["a", true], [1]]}]}
E
serve book.json
get sheets:book-1 Customers
cat >want <<\E
{"id":"00123","name":"Zoe \"😀\"","vip":true,"since":"2024-01-31"}
{"id":7,"name":null,"vip":false,"since":null}
{"id":1.5,"name":"b","vip":null,"since":null}
{"id":"x","name":null,"vip":null,"since":null}
{"id":1E+20,"name":"c","vip":null,"since":null}
E
sealed want >want.sealed
is "$status" 0 'a tab'
same want.sealed out 'ragged rows are filled up, empty ones left out, cells are what they are'
is "$(grep -c /values/ log)" 1 'it comes in one request, and so is of one moment'
get "sheets:https://docs.google.com/spreadsheets/d/book-1/edit?gid=0#gid=0" gid:77
is "$status/$(head -n 1 out)" '0/{"a":"1","2024":2}' 'the address of the browser; a tab by its gid'
get sheets:book-1 "It's 100% 'mine'/ü"
is "$status/$(head -n 1 out)" '0/{"a":"1","2024":2}' 'a title of all sorts'
get --list sheets:book-1
is "$(head -n 4 out)" "$(printf "Customers\nIt's 100%% 'mine'/ü\nEmpty\nHeader only")" '--list: tabs with cells'
get 'sheets:book-1?header=3' 'Third row'
is "$status/$(head -n 1 out)" '0/{"a":1,"b":2}' 'the header is another row'
get sheets:book-1 'Header only'
printf '\t\n' >want
same want out 'a header alone is an empty dataset, sealed'
get --schema sheets:book-1 Customers
is "$status/$(jq -c '.properties | keys' out)" '0/["id","name","since","vip"]' '--schema'
get 'sheets:book-1?dates=serial' Customers
contains log 'dateTimeRenderOption=SERIAL_NUMBER' 'dates as numbers, if asked for'

# ---- what people do to sheets ----
get sheets:book-1 Empty
ended 65 'row 1 should name the columns' 'an empty tab'
get sheets:book-1 NA
ended 65 "cell B3: column 'b': #REF!" 'a formula that is broken'
get sheets:book-1 Loading
ended 75 'cell A2' 'a formula that is not done'
get sheets:book-1 Long
ended 65 'row 3: a value right of the last column' 'a row longer than the header'
get sheets:book-1 Twice
ended 65 'row 1: column 3' 'a name that comes twice'
get sheets:book-1 Gap
ended 65 'row 1: column 2' 'a column without a name'
get sheets:book-1 Flag
ended 65 'row 1: column 2' 'a name that is a flag'
get sheets:book-1 Ids
is "$status/$(grep -c "column 'id': a number of more than 15 digits" err)" 0/1 'ids that the sheet has damaged: a warning'
get sheets:book-1 Nowhere
ended 66 "no tab 'Nowhere'" 'a tab that is not there'
get sheets:book-2 Customers
ended 66 'has to be shared' 'a spreadsheet that is not there'
get sheets:book-1 -q 'select 1'
is "$status" 64 'a query'
get sheets:book-1 -p a=1 Customers
is "$status" 64 'a parameter'

# ---- pages ----
awk 'BEGIN { print "{\"sheets\":[{\"title\":\"Big\",\"gid\":1,\"rows\":[[\"id\",\"name\"]";
	for (i = 1; i <= 20000; i++) printf ",[%d,\"n %d\"]\n", i, i;
	for (i = 0; i < 300; i++) printf ",[]"; print ",[20001,\"last\"]]}]}" }' >big.json
serve big.json --grid-rows 25000 --at 5=503 --at 8=429+0 --at 12=half --uses 9
get 'sheets:book-1?page=500' Big
is "$status/$(wc -l <out)/$(sed '$d' out | jq -s 'map(.id) == [range(1; 20002)]')" 0/20002/true \
	'20000 rows in pages, over a gap, in order, through stumbling'
serve big.json --grows 400
get 'sheets:book-1?page=5000' Big
is "$status/$(wc -l <out)" 0/20002 'rows that came while the tab was looked at are not missed'
serve big.json --edited
get 'sheets:book-1?page=5000' Big
ended 75 'was changed while it was read' 'a sheet that somebody edits'
serve big.json --no-drive
get 'sheets:book-1?page=5000' Big
is "$status/$(wc -l <out)/$(grep -c 'not sealed: the tab came in pages' err)" 0/20001/1 \
	'where nobody can know, the rows come without a seal'
serve big.json --at 6=400
get 'sheets:book-1?page=5000' Big
ended 69 'HTTP 400' 'a page that fails'
serve big.json --at 9=500 --at 10=500
get --retries 0 'sheets:book-1?page=5000' Big
ended 75 'HTTP 500' 'the last page does not come'
is "$(wc -l <out)" 19999 'the rows before it are written'
serve big.json --at 3=429+0
get --retries 0 sheets:book-1 Big
ended 75 'HTTP 429' 'throttling without end'
serve big.json --at 3=half --at 4=half
get --retries 0 sheets:book-1 Big
ended 75 'sheets: ' 'half an answer'
RETL_TEST_CLOCK=1700000000 get sheets:book-1 Big
ended 77 'clock' 'a clock that is wrong'
serve big.json
jq '.client_email = "x"' sa.json >x && mv x sa.json
get sheets:book-1 Big
ended 77 'iss is not known' 'an account that is not known'

done_testing

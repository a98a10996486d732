#!/bin/sh
# Phone numbers as people write them: with libphonenumber, and without.
. "$(dirname "$0")/../lib.sh"

# number TEXT COUNTRY WANTED: by ./retl-hash or retl-hash, as $hash says.
number() {
	jq -cn --arg p "$1" '{p: $p}' >in
	is "$($hash --quiet -f "p=e164${2:+=$2}" in 2>err | jq -r .p)" "$3" \
		"$1 ${2:+in $2 }gives ${3:-nothing}"
}

# Without the library, wherever that was built: this copy does not find it.
cp "$B/bin/retl-hash" .
hash=./retl-hash
number '+49 (0)30 / 123-456' '' +4930123456
number '0049 30 123456' '' +4930123456
number '0049 30 123456' DE +4930123456
number '030 123456' DE ''
contains err 'built without libphonenumber' 'and says why'
number '+49 030 123456' '' ''
contains err 'a 0 after the country code' 'a zero too many is not kept in silence'
number '+39 06 12345678' '' +390612345678

[ -f "$B/lib/retl/phone.so" ] || done_testing

hash=retl-hash
number '030 123456' DE +4930123456
number '030 123456' '' ''
number '(650)555-1212' US +16505551212
number '650.555.1212 ext. 12' us +16505551212
number '06 12345678' Italy +390612345678
number '+49 030 123456' '' +4930123456
number '+44-0447-234-2344' '' +444472342344
number '+49 (0)30 123456' FR +4930123456
number '0011 49 30 123456' AU +4930123456
number '0049 30 123456' FR +4930123456
number '07 12 34 56 78 90' CI ''
number '+225 07 12 34 56 78' '' +2250712345678
number 12 DE ''
contains err 'too short' 'a short one'
number '030 123456789012345' DE ''
contains err 'too long' 'a long one'
number '+49 (0-31 / 17' '' ''
number '+49 (00)3 12-34 65' '' ''
number 'ring me' DE ''

cat >in <<\E
{"p":"030 123456","c":"Deutschland"}
{"p":"030 123456","c":"DEU"}
{"p":"030 123456","c":"us"}
{"p":"030 123456","c":null}
{"p":"(650) 555-1212","c":"United States"}
{"p":"+4930123456","c":17}
E
retl-hash --quiet -f p=e164=/c in >out 2>err
is "$(jq -r .p out | tr '\n' ' ')" '+4930123456 +16505551212 +4930123456 ' 'the country of the record counts'
contains err 'in:1: p: not a phone number with its country code' 'an unknown country is none'
contains err 'in:3: p: not a phone number' 'the wrong country is found by the length'

# The same text again is remembered, with its country.
awk 'BEGIN { for (i = 0; i < 20000; i++)
	printf "{\"p\":\"0%d 1234567\",\"c\":\"%s\"}\n", 20 + i % 70, i % 2 ? "DE" : "FR" }' >in
retl-hash --quiet -f p=e164=/c in | sort -u | wc -l >n
awk '{ k = $0 } !(k in seen) { seen[k] = 1; print }' in >once
retl-hash --quiet -f p=e164=/c once | sort -u | wc -l >m
same m n 'numbers that come again give what they gave before'

done_testing

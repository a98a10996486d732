#!/bin/sh
# Values that a program only moves are the same bytes afterwards. Random plain
# programs run here on records of odd spellings; jq runs them on the same
# records with a word in the place of each value, and the values are put back
# into what it gives.
# shellcheck disable=SC2016 # the dollars are jq's
. "$(dirname "$0")/../lib.sh"
. "$top/tests/programs.sh"
command -v jq >/dev/null || skip_all 'jq is not installed'
[ "$(jq --version)" = jq-1.6 ] || skip_all 'this is not jq 1.6'
[ -x "$B/tests/progrun" ] || skip_all 'progrun is not built'

# Neither null nor false, and no two alike: a word must do for each of them.
cat >values <<\END
9007199254740993
1.10
-0.0
1E5
1e400
0.10000000000000000001
123456789012345678901234567890
"\u00e9"
"\/\u0041\ud83d\ude00"
""
"tab\tquote\"back\\slash"
true
18446744073709551615
-9223372036854775808
"é😀"
2.50e-7
100000000000000000000000
7
END
awk '{ printf "s/\"W%02d\"/%s/g\n", NR, gensub_(($0)) }
	function gensub_(s) { gsub(/[\\\/&]/, "\\\\&", s); return s }' values >back.sed

cat >words <<\END
{"a":"W01","b":"W02","c":"W08","d":{"a":"W03","b":["W04","W05"],"c":{"a":"W09"}}}
{"a":{"b":"W06","a":{"d":"W07"}},"b":["W10",{"a":"W11","c":"W12"},["W13"]],"c":null}
{"d":"W14","c":"W15","b":{},"a":[]}
[{"a":"W16","b":"W17"},{"b":"W18","a":["W01"]},"W02",null,false]
[["W03"],[["W04"]],{"d":{"c":{"b":{"a":"W05"}}}}]
{"a":false,"b":"W09","c":[{"a":"W10"},{"a":null},{"b":"W11"}],"d":"W12"}
END
sed -f back.sed words >inputs

cat >generate.awk <<\END
function pick(n) { return int(rand() * n) }
function name() { return substr("abcd", 1 + pick(4), 1) }
function leaf(r) {
	r = pick(12)
	if (r < 4) return "." name() "?"
	if (r == 4) return "." name() "." name()
	if (r == 5) return "." name()
	if (r == 6) return ".[" (pick(4) - 1) "]?"
	if (r < 9) return "."
	if (r == 9) return "null"
	if (r == 10) return "{" name() ", " name() "}"
	return "." name() "[]?"
}
function two(op, d) { return "(" gen(d) " " op " " gen(d) ")" }
function gen(d, r) {
	if (d-- <= 0) return leaf()
	r = pick(18)
	if (r == 0) return "{" name() ": (" gen(d) "), " name() ": (" gen(d) ")}"
	if (r == 1) return "[" gen(d) ", " gen(d) "]"
	if (r == 2) return "[" gen(d) "]"
	if (r == 3) return two("//", d)
	if (r == 4) return two(",", d)
	if (r == 5) return "(if " gen(d) " then " gen(d) " else " gen(d) " end)"
	if (r < 8) return two("|", d)
	if (r == 8) return "[.[]? | " gen(d) "]"
	if (r == 9) return "[.[]? | select(" gen(d) ")]"
	if (r == 10) return "(. + {" name() ": (" gen(d) ")})"
	if (r == 11) return "del(." name() ", ." name() ")"
	if (r == 12) return "((" gen(d) ") as $v | [$v, " gen(d) "])"
	if (r == 13) return "(if (" gen(d) ") == null then " gen(d) " else " gen(d) " end)"
	if (r == 14) return "([" gen(d) "] + [" gen(d) "])"
	if (r == 15) return "({" name() ": (" gen(d) ")} + {" name() ": (" gen(d) ")})"
	if (r == 16) return "(" gen(d) " | select(. == null | not))"
	return "map(" gen(d) ")"
}
BEGIN { srand(seed); for (i = 0; i < n; i++) print gen(1 + pick(4)) }
END
awk -v seed="${RETL_TEST_SEED:-1}" -v n="${RETL_TEST_PROGRAMS:-200}" \
	-f generate.awk >programs

progrun -pf programs | paste - programs | sed -n 's/^libjq\t//p' >slow
# What gives any number of values where one is needed is for libjq.
[ "$(wc -l <slow)" -lt "$(($(wc -l <programs) / 3))" ]
ok $? 'most of the programs run natively' "$(head -n 3 slow)"
grep -vxF -f slow programs >plain

jq_runs plain words | sed -f back.sed >want
here_runs plain inputs >got
[ "$(wc -l <want)" = "$(($(wc -l <plain) * $(wc -l <inputs)))" ]
ok $? 'jq takes the programs'
agree want got plain inputs 'what is moved keeps its bytes'
is "$(grep -c error want)" "$(grep -c error got)" 'and fails where jq fails'

done_testing

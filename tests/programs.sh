# Running many jq programs here and in jq; source it after lib.sh. A file of
# programs has one a line, and each runs on all values of another file.
# shellcheck shell=sh

# jq_runs PROGRAMS VALUES [OPTION...]: a line for each program and value: what
# it gives, as one array, or "error".
jq_runs() {
	{
		printf '. as $in | '
		programs_sep=
		while IFS= read -r programs_one; do
			printf '%s($in[] | try [%s\n] catch "error")\n' \
				"$programs_sep" "$programs_one"
			programs_sep=,
		done <"$1"
	} >all.jq
	programs_values=$2
	shift 2
	jq -c -s "$@" -f all.jq "$programs_values"
}

# here_runs PROGRAMS VALUES: the same here, as it is spelt. One program at a
# time, if one of them ends the process for all.
here_runs() {
	timeout 60 progrun -f "$1" <"$2" >programs.out 2>>err || {
		while IFS= read -r programs_one; do
			timeout 20 progrun -- "$programs_one" <"$2" 2>>err ||
				awk '{ print "\"crash\"" }' "$2"
		done <"$1" >programs.out
	}
	cat programs.out
}

# agree WANTED GOT PROGRAMS VALUES NAME: is one test.
agree() {
	paste -d '\n' "$1" "$2" | awk -v n="$(wc -l <"$4")" '
		NR % 2 { want = $0; next }
		want != $0 { printf "%d input %d: jq %s, here %s\n",
			int((NR / 2 - 1) / n) + 1, (NR / 2 - 1) % n + 1, want, $0 }
		' >differ
	[ ! -s differ ]
	ok $? "$5 ($(wc -l <"$3") programs)"
	head -n 10 differ | while read -r programs_line programs_rest; do
		echo "# $(sed -n "${programs_line}p" "$3")"
		echo "#   $programs_rest"
	done
}

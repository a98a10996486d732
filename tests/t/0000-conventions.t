#!/bin/sh
# What all tools have in common: the options that everybody has, option tables
# that agree with the manual pages, usage errors, full disks, closed pipes.
. "$(dirname "$0")/../lib.sh"

tools=
for tool in retl-extract retl-sort retl-diff retl-map retl-hash retl-push; do
	[ ! -x "$B/bin/$tool" ] || tools="$tools $tool"
done
[ -n "$tools" ] || skip_all 'no tool is built'

# ---- help, version, usage ----

for tool in $tools; do
	exits 0 "$tool --help ends with 0" "$tool" --help
	contains out "usage: $tool " "$tool --help begins with how to call it"
	contains out '--help-options' "$tool --help lists the options"
	is "$(wc -c <err)" 0 "$tool --help keeps stderr clean"
	is "$(awk 'length > 120' out)" '' "$tool --help fits a terminal"

	exits 0 "$tool --version ends with 0" "$tool" --version
	is "$(sed 's/[0-9][0-9.]*$/N/' out)" "$tool (retl) N" \
		"$tool --version names tool and version"

	exits 64 "$tool does not take an unknown option" "$tool" --nonsense
	is "$(cat err)" "$tool: error: there is no option --nonsense
Try '$tool --help'." "$tool says so, and where help is"
	exits 64 "$tool does not take an unknown letter" "$tool" -%
	is "$(wc -c <out)" 0 "$tool keeps stdout clean then"
	exits 64 "$tool does not take half an option's name" "$tool" --hel
	exits 74 "$tool --help on a full disk" sh -c "$tool --help >/dev/full"
	exits 74 "$tool --version on a full disk" \
		sh -c "$tool --version >/dev/full"
done

# ---- options, pages and completion from one table ----

# page_options FILE: "letter name" of each option that a page documents.
page_options() {
	awk '/^\.It Fl / {
		letter = "-"; name = ""
		for (i = 2; i < NF; i++) {
			if ($i != "Fl")
				continue
			if ($(i + 1) == "Fl")
				name = $(i + 2)
			else if ($(i + 1) ~ /^-/)
				name = substr($(i + 1), 2)
			else if ($(i - 1) != "Fl")
				letter = $(i + 1)
		}
		if (name != "") print letter, name }' "$1" | sort
}

for tool in $tools; do
	exits 0 "$tool --help-options ends with 0" "$tool" --help-options
	awk -F '\t' '{ print $1, $2 }' out | sort >table
	awk -F '\t' 'NF != 4 || $2 !~ /^[a-z][a-z0-9-]*$/' out >odd
	is "$(cat odd)" '' "$tool: each option has letter, name, value, help"
	is "$(cut -d ' ' -f 1 table | grep -v '^-$' | uniq -d)" '' \
		"$tool: no letter has two meanings"
	is "$(cut -d ' ' -f 2 table | sort | uniq -d)" '' \
		"$tool: no name stands there twice"
	page=$top/man/$tool.1
	if [ -f "$page" ]; then
		page_options "$page" >documented
		same table documented "man/$tool.1 has the options that $tool has"
		contains "$page" '.Sh EXIT STATUS' "man/$tool.1 lists statuses"
		contains "$page" '.Sh EXAMPLES' "man/$tool.1 has examples"
	else
		ok 1 "$tool has a manual page"
	fi
done

# complete TOOL WORD: what bash would offer.
complete_word() {
	bash -c '
		. "$B/bin/completion.bash"
		COMP_WORDS=("$1" "$2") COMP_CWORD=1
		_retl "$1" "$2" "$1" 2>/dev/null
		printf "%s\n" "${COMPREPLY[@]}"' bash "$1" "$2"
}
touch shop.json
for tool in $tools; do
	complete_word "$tool" --he >out
	is "$(sort out | tr '\n' ' ')" '--help --help-options ' \
		"$tool: --he is completed from the table"
	is "$(complete_word "$tool" sho)" shop.json \
		"$tool: files are completed"
done

# ---- full disks and readers that go away ----

# filter TOOL: its words as a filter for records with an id.
filter() {
	case $1 in
	retl-extract) echo 'retl-extract in' ;;
	retl-sort) echo 'retl-sort -k id' ;;
	retl-diff) echo 'retl-diff -n -s state' ;;
	retl-map) echo 'retl-map -e .' ;;
	retl-hash) echo 'retl-hash -f name=lower' ;;
	*) return 1 ;;
	esac
}
awk 'BEGIN { for (i = 100000; i < 200000; i++)
	printf "{\"id\":%d,\"name\":\"somebody\"}\n", i }' >records
sealed records >in
[ ! -x "$B/bin/retl-diff" ] || retl-diff --init -s state -k id 2>err
for tool in $tools; do
	words=$(filter "$tool") || continue
	exits 74 "$tool into a full disk" sh -c "$words <in >/dev/full"
	is "$(wc -l <err)" 1 "$tool says so in one line"
	head -n 1 in >one
	seal 1 >>one
	exits 74 "$tool with one record into a full disk" \
		sh -c "$(echo "$words" | sed 's/ in$/ one/') <one >/dev/full"
	exits 74 "$tool into a file that grows beyond a limit" \
		bash -c "ulimit -c 0; ulimit -f 1; $words <in >large"
	is "$(cat err)" "$tool: error: standard output: File too large" \
		"$tool says so, too"
	exits 141 "$tool ends by SIGPIPE when nobody reads on" \
		bash -c "$words <in | head -n 1 >/dev/null
			exit \${PIPESTATUS[0]}"
	is "$(cat err)" '' "$tool does so quietly"
	exits 74 "$tool without a stdout" sh -c "$words <in >&-"
	[ "$tool" = retl-extract ] ||
		exits 74 "$tool without a stdin" sh -c "$words <&-"
	[ "$tool" = retl-extract ] ||
		exits 66 "$tool with a folder as stdin" sh -c "$words <."
done

# ---- pages ----

for page in "$top"/man/*.[1-9]; do
	if command -v mandoc >/dev/null; then
		exits 0 "${page#"$top"/} passes mandoc's lint" \
			mandoc -T lint -W warning "$page"
	fi
	sed -n 's/^\.Xr \(retl[a-z-]*\) \([0-9]\).*/\1.\2/p' "$page" |
		sort -u >pointers
	while read -r to; do
		[ -f "$top/man/$to" ]
		ok $? "${page#"$top"/} points to a page that exists: $to"
	done <pointers
done

# ---- tests ----

is "$(find "$top/tests/t" "$top/tests/torture" -name '*.t' ! -perm -u+x)" '' \
	'every test can be run'
done_testing

#!/bin/sh
# Dependencies point down: common/ never includes bin/, a tool includes common/
# and its own folder only, and inside common/ a file includes its own layer or
# a lower one. The layers are listed here, lowest first.
set -eu
cd "$(dirname "$0")/../.."

layer() {
	case $1 in
	base | msg | mem | buf | str | utf8 | opt | clock | siphash) echo 0 ;;
	enc | codes | digest | file | json | json_index | json_scan | ndjson | process | rundir) echo 1 ;;
	http | http_* | ssh | retry | auth* | oauth* ) echo 3 ;;
	*) echo 2 ;;
	esac
}

bad=0
names=$(mktemp)
trap 'rm -f "$names"' EXIT
for file in common/*.[ch]; do
	mine=$(basename "$file" | sed 's/\.[ch]$//')
	sed -n 's/^#include "common\/\(.*\)\.h"/\1/p' "$file" >"$names"
	while read -r other; do
		if [ "$(layer "$other")" -gt "$(layer "$mine")" ]; then
			echo "$file includes common/$other.h, which is above it"
			bad=1
		fi
	done <"$names"
	if grep -n '^#include "bin/' "$file"; then
		echo "$file: common/ includes bin/"
		bad=1
	fi
done
for file in bin/*/*.[ch]; do
	own=$(dirname "$file")
	if sed -n 's/^#include "\(bin\/[^/]*\)\/.*/\1/p' "$file" |
		grep -vx "$own"; then
		echo "$file includes another tool's header"
		bad=1
	fi
done
exit $bad

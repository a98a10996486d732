# SPDX-License-Identifier: MIT
# The peer of retl-diff that people write: merges OLD and NEW, sorted by a
# leading numeric "id". It reads numbers as doubles: wrong beyond 2^53.
function key(line) {
	return substr(line, 7, index(line, ",") - 7) + 0
}
function next_old() {
	if ((getline old <OLD) > 0)
		old_key = key(old)
	else
		no_old = 1
}
function next_new() {
	if ((getline new <NEW) > 0)
		new_key = key(new)
	else
		no_new = 1
}
BEGIN {
	next_old()
	next_new()
	while (!no_old || !no_new) {
		if (no_new || (!no_old && old_key < new_key)) {
			print "DiffRemoved\t" old
			next_old()
		} else if (no_old || new_key < old_key) {
			print "DiffAdded\t" new
			next_new()
		} else {
			if (old != new)
				print "DiffUpdated\t" new
			next_old()
			next_new()
		}
	}
}

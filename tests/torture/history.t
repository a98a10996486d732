#!/bin/sh
# The random histories of tests/unit/test_history.c, a few hundred of them.
# RETL_SEED=N begins at another seed.
seed=${RETL_SEED:-1000}
[ -x "$B/bin/retl-diff" ] || {
	echo '1..0 # SKIP retl-diff is not built'
	exit 0
}
exec "$B/tests/unit/test_history" "$seed" 60 "${RETL_HISTORIES:-40}"

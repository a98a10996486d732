#!/bin/sh
# Flows of several steps: what each construct of retl-contract(5) does, and what
# becomes of the records where a step fails. The contracts and their cases are
# in tests/flows.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'
[ -x "$B/bin/retl-push" ] || skip_all 'retl-push is not built'

top=$top/tests/flows
for name in each job lacks prepare whole words; do
	play_cases t/$name
done
done_testing

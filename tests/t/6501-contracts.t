#!/bin/sh
# Contracts and the cases beside them: see 6500-contracts.t.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
. "$top/tests/play.sh"
command -v jq >/dev/null || skip_all 'jq is missing'

play_contracts 2 6
done_testing

#!/bin/sh
# make install puts everything where it belongs, the tools run from there and
# find the contracts, and make uninstall takes all of it away.
. "$(dirname "$0")/../lib.sh"
every_tool_or_skip

# What is built is installed: another build, with flags of its own, is not made.
install_to() {
	make -o all -C "$top" --no-print-directory -s B="$B" "$@" >out 2>err
}
install_to install PREFIX="$work/usr"
ok $? 'make install PREFIX=...' "$(tail -n 1 err)"
is "$(find usr/bin -type f -perm 755 | sort | tr '\n' ' ')" \
	'usr/bin/retl-diff usr/bin/retl-extract usr/bin/retl-hash usr/bin/retl-map usr/bin/retl-push usr/bin/retl-sort ' \
	'the six tools are there'
for page in "$top"/man/*.[1-9]; do
	name=${page##*/}
	cmp -s "$page" "usr/share/man/man${name##*.}/$name" || echo "$name"
done >missing
is "$(cat missing)" '' 'every page is there'
[ -f usr/share/bash-completion/completions/retl-map ]
ok $? 'completion is there'
is "$(find usr -name '*.test.json')" '' 'tests of contracts are not'

mkdir elsewhere
cd elsewhere || exit 99
echo '{"id":1}' | WEBHOOK_URL=http://127.0.0.1/ \
	"$work/usr/bin/retl-map" -c webhook/standard -e . >out 2>err
is "$(cat out)" '{"id":1}' 'the contract is found beside the tools'
exits 66 'one that nobody has is not' \
	"$work/usr/bin/retl-map" -c webhook/nonesuch -e .
contains err "$work/usr/share/retl/contracts" 'and the message says where it was sought'
cd "$work" || exit 99

install_to uninstall PREFIX="$work/usr"
ok $? 'make uninstall'
is "$(find usr -type f)" '' 'leaves no file behind'

install_to install DESTDIR="$work/stage" PREFIX=/opt/retl
ok $? 'make install DESTDIR=...'
[ -x stage/opt/retl/bin/retl-sort ] &&
	[ -f stage/opt/retl/share/retl/contracts/webhook/standard.json ]
ok $? 'puts the same below that folder'
mv stage/opt/retl moved
echo '{"id":1}' | WEBHOOK_URL=http://127.0.0.1/ \
	moved/bin/retl-map -c webhook/standard -e . >out 2>err
is "$(cat out)" '{"id":1}' 'where it may be moved from'

done_testing

#!/bin/sh
# What is whole, and what is not, is said by HTTP and not by what it looks like;
# nothing of an answer is taken for the next one.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/push.sh"
command -v perl >/dev/null || skip_all 'perl is missing'

hostile none
contract plain '{}'
contract read '{"operations": {"send": {"results": "{status: \"delivered\", x: .a}"}}}'
contract never '{"operations": {"send": {"resend": "never"}}}'

# push CONTRACT WORD... : one record a word, one after the other
push() {
	name=$1
	shift
	printf '%s\n' "$@" |
		awk '{ printf "{\"id\":%d,\"to\":\"%s\"}\n", NR, $1 }' >in
	timeout 60 retl-push -c "t/$name" --set "base_url=$hostile" --as added \
		--concurrency 1 --timeout 5 <in >out 2>err
	status=$?
	outcomes out >got
}

for name in plain read; do
	push $name s204 s204body s100 chunked longer ok
	is "$(uniq got)/$status" delivered/0 \
		"$name: no body, one chunk, an interim answer, bytes behind the end"
	push "$name" nolast badchunk trailer shorter twolengths ok
	is "$(uniq got | tr '\n' ,)$status" 'unknown 200 lost,delivered,75' \
		"$name: an answer whose end did not come is none, whole as it may look"
	push "$name" only100 s101 s103 ok
	is "$(tr '\n' , <got)$status" \
		'unknown 100 lost,unknown 101 lost,rejected 422,delivered,75' \
		"$name: what is said before the answer is no answer"
done
push read http10 longer3
is "$(uniq got)" 'unknown 200 unreadable' 'JSON that was cut without a word is none'
push never nolast shorter only100 s204 longer
is "$(tr '\n' , <got)$status" \
	'unknown 200 lost,unknown 200 lost,unknown 100 lost,delivered,delivered,1' \
	'nor is it sent again where that is forbidden'
done_testing

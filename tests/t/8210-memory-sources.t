#!/bin/sh
# A source needs for many rows what it needs for few: its peak at a tenth of the
# rows, and at all of them. ROWS=3000000 plays a large version.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/mock.sh"
command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
case $B in
*address*) skip_all 'a sanitizer needs memory of its own' ;;
esac
many=${ROWS:-300000}
few=$((many / 10))
slack=6144 # KiB

unset AWS_DEFAULT_REGION AWS_PROFILE AWS_ENDPOINT_URL
unset DATABRICKS_CLIENT_ID DATABRICKS_CLIENT_SECRET
export AWS_CONFIG_FILE=none AWS_SHARED_CREDENTIALS_FILE=none
export AWS_EC2_METADATA_DISABLED=true AWS_REGION=eu-west-1
export AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=s3kr3t
export DATABRICKS_TOKEN=pat DATABRICKS_WAREHOUSE_ID=wh

# uses ARGUMENT...: KiB at the most into peak.kib, the last line into last
uses() {
	rm -f peak.kib
	timeout 60 peak peak.kib retl-extract "$@" 2>err | tail -n 1 >last
}
# constant NAME: between what `measure FEW` and `measure MANY` use
constant() {
	measure "$few"
	at_few=$(cat peak.kib)
	is "$(cat last)" "$(seal "$few")" "$1: few rows" "$(cat err)"
	measure "$many"
	at_many=$(cat peak.kib)
	is "$(cat last)" "$(seal "$many")" "$1: ten times as many" "$(cat err)"
	[ "$at_many" -le $((at_few + slack)) ]
	ok $? "$1: in the same memory" "$at_few KiB, $at_many KiB"
}

measure() {
	rm -f t.db
	sqlite3 t.db "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
		SELECT i + 1 FROM n WHERE i < $1) SELECT i AS id, 'row ' || i AS name FROM n"
	uses sqlite:t.db t
}
constant SQLite

measure() {
	awk -v n="$1" 'BEGIN { print "id,name"
		for (i = 1; i <= n; i++) print i ",row " i }' >t.csv
	mock_stop web
	mock_start web webfiles --root .
	uses "$(mock_url web)/t.csv"
}
constant HTTP

measure() {
	mock_stop dbx
	mock_start dbx databricksd --pat pat --generate "$1" --chunk 5000
	DATABRICKS_HOST=$(mock_url dbx) uses -q 'select 1' databricks:
}
constant Databricks

measure() {
	mock_stop rs
	mock_start rs redshiftd --key AKID:s3kr3t --generate "$1" --page 5000
	AWS_ENDPOINT_URL_REDSHIFT_DATA=$(mock_url rs) \
		uses -q 'select 1' redshift-data://workgroup/shop/dev
}
constant 'the Redshift Data API'

measure() {
	mock_stop ch
	mock_start ch clickhoused --generate "$1"
	uses -q 'SELECT 1' "clickhouse://127.0.0.1:$(cat ch.port)"
}
constant ClickHouse

for server in web dbx rs ch; do
	mock_stop $server
done
done_testing

# What tests of sources share: how an extraction that fails must end, whose
# credentials the fakes of AWS know. Source it after lib.sh.
# shellcheck shell=sh disable=SC2154

# ended STATUS MESSAGE CLAIM: the extraction into ./out and ./err did so, with
# $status, and nothing is sealed.
ended() {
	is "$status" "$1" "$3"
	contains err "$2" "$3: the message"
	lacks out "$(printf '\t')" "$3: no seal"
}

# aws_keys: those of the fakes, and nothing of whoever runs the tests.
aws_keys() {
	unset AWS_DEFAULT_REGION AWS_PROFILE AWS_ENDPOINT_URL
	AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=none
	AWS_EC2_METADATA_DISABLED=true AWS_REGION=eu-west-1
	AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=s3kr3t/+
	export AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
	export AWS_EC2_METADATA_DISABLED
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
}

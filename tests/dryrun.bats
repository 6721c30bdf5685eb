#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --dry-run: the plan as JSON, without privilege, and nothing else happens.
# rootless

load helpers

setup()
{
	test_setup
	only_ctr
	new_bundle
	chmod -R a+rX "$BUNDLE"
}

@test "run and create print a plan, one JSON document" {
	for c in run create; do
		run ctr $c --dry-run -b "$BUNDLE" "$ID"
		assert_success
		jq -e --arg id "$ID" --arg b "$BUNDLE" '.id == $id and .bundle == $b and (.container | length > 20)
			and .container[-1].step == "exec"' <<<"$output"
	done
}

@test "nothing is made: no state, no cgroup, no hook, no pid file" {
	update_config '.hooks={prestart:[{path:"/bin/sh",args:["sh","-c",$c]}],createRuntime:[{path:"/bin/sh",args:["sh","-c",$c]}]}' \
		--arg c "touch $T/ran"
	set_sh "touch /ran"
	run ctr run --dry-run -b "$BUNDLE" --pid-file "$T/pid" "$ID"
	assert_success
	assert_missing "$T/ran"
	assert_missing "$T/pid"
	[ -z "$(ls -A "$ROOT")" ]
	assert_missing "/sys/fs/cgroup/ctr/$ID"
	assert_missing "$BUNDLE/rootfs/ran"
}

@test "without privilege, and without a root filesystem to look at" {
	root_only "becomes an ordinary user itself"
	needs setpriv util-linux
	new_bundle --rootless
	chmod -R a+rX "$BUNDLE"
	run setpriv --reuid 12345 --regid 12345 --clear-groups "$RUNTIME" --root "$T/none" run --dry-run -b "$BUNDLE" "$ID"
	assert_success
	jq -e . <<<"$output" >/dev/null
	assert_missing "$T/none"
}

@test "the same configuration gives the same plan" {
	a=$(ctr run --dry-run -b "$BUNDLE" "$ID")
	b=$(ctr run --dry-run -b "$BUNDLE" "$ID")
	assert_equal "$a" "$b"
}

@test "a refused configuration is refused here too" {
	update_config '.process.cwd="tmp"'
	run ctr run --dry-run -b "$BUNDLE" "$ID"
	assert_failure
	assert_output_has process.cwd
}

@test "odd strings keep the document valid" {
	update_config '.process.args=["a\"b\\c","\t\n","ünï","\u007f"] | .annotations={"a\"":"b\nc"}'
	run ctr run --dry-run -b "$BUNDLE" "$ID"
	assert_success
	jq -e '.container[-1].args == ["a\"b\\c","\t\n","ünï","\u007f"]' <<<"$output"
}

@test "options are in the plan" {
	plain=$(ctr run --dry-run -b "$BUNDLE" "$ID" | jq -c '[.container[] | select(.step == "pivot")]')
	moved=$(ctr run --dry-run --no-pivot -b "$BUNDLE" "$ID" | jq -c '[.container[] | select(.step == "pivot")]')
	[ "$plain" != "$moved" ]
	ctr run --dry-run --init -b "$BUNDLE" "$ID" | jq -e '.container[-1].supervise == true'
}

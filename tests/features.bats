#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `ctr features`: what engines read in it, and that it is true.
# rootless

load helpers

setup()
{
	test_setup
	run ctr features
	assert_success
}

@test "one JSON document on stdout, nothing on stderr" {
	jq -e 'type == "object"' <<<"$output"
	run bash -c '"$0" features 2>&1 >/dev/null' "$RUNTIME"
	assert_output ""
}

@test "what engines look for" {
	jq -e '(.ociVersionMin | length > 0) and (.ociVersionMax | length > 0) and (.mountOptions | index("rro"))
		and .linux.mountExtensions.idmap.enabled == true and (.linux.namespaces | index("user"))
		and (.hooks | length == 6)' <<<"$output"
}

@test "every option that the specification has is listed" {
	only_ctr
	for o in async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec \
		noiversion nolazytime norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime \
		remount rexec ridmap idmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow \
		ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave \
		strictatime suid symfollow sync tmpcopyup unbindable; do
		jq -e --arg o $o '.mountOptions | index($o)' <<<"$output" >/dev/null || fail "$o is missing"
	done
}

@test "every namespace, capability and seccomp word is accepted by a run" {
	only_ctr
	features=$output
	new_bundle
	update_config '.process.capabilities={bounding:$c}' --argjson c "$(jq -c .linux.capabilities <<<"$features")"
	for a in $(jq -r '.linux.seccomp.actions[] | select(. != "SCMP_ACT_NOTIFY")' <<<"$features"); do
		update_config '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["vhangup"],action:$a}]}' --arg a "$a"
		run_container
		assert_success
	done
	for a in $(jq -r '.linux.seccomp.archs[]' <<<"$features"); do
		update_config '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",architectures:[$a]}' --arg a "$a"
		run ctr run --dry-run -b "$BUNDLE" "$ID"
		[ "$status" = 0 ] || assert_output_has "byte order"
	done
}

@test "needs no privilege, no root directory, no environment and no /proc" {
	run env -i "$RUNTIME" --root /none/such features
	assert_success
	jq -e . <<<"$output" >/dev/null
	[ "$TEST_MODE" = root ] || return 0
	needs setpriv util-linux
	run setpriv --reuid 12345 --regid 12345 --clear-groups --bounding-set -all "$RUNTIME" features
	assert_success
	jq -e . <<<"$output" >/dev/null
}

@test "annotations that are unsafe are named" {
	only_ctr
	jq -e '.potentiallyUnsafeConfigAnnotations | type == "array"' <<<"$output"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `ctr spec --check`: every error with its place, one a line; nothing for a good file.
# rootless

load helpers

setup()
{
	test_setup
	only_ctr
	new_bundle
}

check() { run ctr spec --check "$BUNDLE/config.json"; }

@test "a good file gives nothing and 0" {
	check
	assert_success
	assert_output ""
}

@test "the template itself is good, for root and rootless" {
	for o in "" --rootless; do
		mkdir "$T/new$o"
		ctr spec $o -b "$T/new$o"
		run ctr spec --check "$T/new$o/config.json"
		assert_success
		assert_output ""
	done
}

@test "spec does not overwrite a file" {
	run ctr spec -b "$BUNDLE"
	assert_failure
	jq -e . "$BUNDLE/config.json" >/dev/null
}

@test "every error of the values is reported, with line, column and path" {
	update_config '.process.cwd="tmp" | .ociVersion="7.0.0" | .linux.maskedPaths=["x"] | .linux.namespaces+=[{type:"pid"}]'
	check
	assert_status 1
	for word in process.cwd ociVersion 'linux.maskedPaths[0]' linux.namespaces; do assert_output_has "$word"; done
	[ "$(grep -cE '^[^:]+:[0-9]+:[0-9]+: ' <<<"$output")" = "$(wc -l <<<"$output")" ]
	[ "${#lines[@]}" -ge 4 ]
}

@test "the line is the right one" {
	update_config '.process.cwd="tmp"'
	line=$(grep -n '"cwd"' "$BUNDLE/config.json" | cut -d: -f1)
	check
	assert_output_has ":$line:"
}

@test "every wrong type is reported" {
	update_config '.process.terminal="yes" | .root.readonly=1 | .linux.maskedPaths="x"'
	check
	assert_status 1
	for word in process.terminal root.readonly linux.maskedPaths; do assert_output_has "$word"; done
}

@test "a file that is not JSON, missing, a directory, a device" {
	printf '{"a":' >"$BUNDLE/config.json"
	check
	assert_status 1
	[ "${#lines[@]}" = 1 ]
	for p in "$BUNDLE/none" "$BUNDLE" /dev/null; do
		run ctr spec --check "$p"
		assert_status 1
		[ "${#lines[@]}" = 1 ]
	done
	mkfifo "$T/fifo"
	run timeout 5 "$RUNTIME" spec --check "$T/fifo"
	assert_failure
	[ "$status" != 124 ] || fail "hangs on a FIFO"
	run timeout 5 "$RUNTIME" spec --check /dev/zero
	assert_failure
	[ "$status" != 124 ] || fail "reads /dev/zero without end"
}

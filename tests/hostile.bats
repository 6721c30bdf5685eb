# SPDX-License-Identifier: Apache-2.0
# Hundreds of hostile configurations and root filesystems (tests/hostile): a clear error or a stated acceptance, in time,
# with little memory, and nothing of the host changed.
# rootless

load helpers

setup()
{
	test_setup
	command -v /usr/bin/python3 >/dev/null || skip "python3 is not installed"
	mkdir -p "$T/canary/vol"
	echo canary >"$T/canary/file"
	echo canary >"$T/canary/vol/file"
	new_bundle
}

@test "hostile: 400 configurations and more: one line that names the member, or a stated acceptance" {
	run timeout 120 /usr/bin/python3 "$BATS_TEST_DIRNAME/hostile/configs.py" "$RUNTIME" "$BUNDLE" "$ROOT" "$T/canary" 3>&-
	assert_success
	[[ "$output" =~ ([0-9]+)\ configurations:.*\;\ 0\ wrong$ ]]
	[ "${BASH_REMATCH[1]}" -ge 400 ]
	echo "# $output" >&3
}

@test "hostile: 60 root filesystems and more: an end in time, and the host's files stay as they are" {
	run timeout 300 /usr/bin/python3 "$BATS_TEST_DIRNAME/hostile/roots.py" "$RUNTIME" "$BUNDLE" "$ROOT" "$T/canary" 3>&-
	assert_success
	[[ "$output" =~ ([0-9]+)\ roots:.*\;\ 0\ wrong$ ]]
	[ "${BASH_REMATCH[1]}" -ge 60 ]
	echo "# $output" >&3
}

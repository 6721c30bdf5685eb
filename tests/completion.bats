# SPDX-License-Identifier: Apache-2.0
# What shells complete: printed from the tables of the options, the same as in contrib/, and understood by each shell.

load helpers

setup() { test_setup; }

@test "completions: those in contrib are what ctr prints" {
	for shell in bash zsh fish; do
		ctr completion $shell | cmp - "$BATS_TEST_DIRNAME/../contrib/completions/ctr.$shell"
	done
	try ctr completion tcsh
	assert_status 1
	assert_output_has 'no shell "tcsh"'
}

# completed WORD...: what bash offers for the last word.
completed()
{
	local COMP_WORDS=(ctr "$@") COMP_CWORD=$# COMPREPLY=()
	. "$BATS_TEST_DIRNAME/../contrib/completions/ctr.bash"
	ctr() { "$RUNTIME" --root "$ROOT" "$@"; }
	_ctr
	echo "${COMPREPLY[*]}"
}

@test "completions: bash offers commands, options and containers" {
	assert_equal "$(completed sand)" sandbox
	assert_equal "$(completed --root /x sandbox --overlay-)" --overlay-root
	assert_equal "$(completed run --pidfd)" --pidfd-socket
	new_bundle
	ctr create -b "$BUNDLE" "$ID" >"$T/log" 2>&1 </dev/null
	assert_equal "$(completed start "${ID:0:5}")" "$ID"
	ctr delete --force "$ID"
}

@test "completions: zsh reads them" {
	command -v zsh >/dev/null || skip "zsh is not installed"
	zsh -n "$BATS_TEST_DIRNAME/../contrib/completions/ctr.zsh"
}

@test "completions: fish offers options" {
	command -v fish >/dev/null || skip "fish is not installed"
	run env HOME="$T" fish --no-config -c "source '$BATS_TEST_DIRNAME/../contrib/completions/ctr.fish'; complete -C 'ctr sandbox --overlay-'"
	assert_success
	assert_output_has --overlay-root
}

# SPDX-License-Identifier: Apache-2.0
# Attackers swap names below the root for links to the host while containers are made and entered (tests/race): no
# escape, and hardly a failure. `make race ROUNDS=N` runs it longer.
# rootless

load helpers

setup()
{
	test_setup
	command -v cc >/dev/null || skip "cc is not installed"
}

@test "race: names exchanged under create and exec: no escape" {
	run timeout 200 "$BATS_TEST_DIRNAME/race/run" "$T/race" 40 3>&-
	echo "$output"
	assert_success
	[[ "$output" =~ ([0-9]+)\ attempts,\ ([0-9]+)\ swaps,\ [0-9]+\ failures,\ 0\ escapes ]]
	[ "${BASH_REMATCH[1]}" -ge 300 ] && [ "${BASH_REMATCH[2]}" -ge 10000 ]
}

@test "race: a runtime that follows the names is caught" {
	# What looks a name up on the host, as the container would not.
	cat >"$T/follower" <<-E
	#!/bin/sh
	case " \$* " in *" exec "*) exec cat "$T/race/b/rootfs/w/what" "$T/race/volume/what" ;; esac
	exec "$RUNTIME" "\$@"
	E
	chmod +x "$T/follower"
	RUNTIME=$T/follower run timeout 200 "$BATS_TEST_DIRNAME/race/run" "$T/race" 100 3>&-
	echo "$output"
	assert_failure
	[[ "$output" =~ ,\ ([0-9]+)\ escapes ]] && [ "${BASH_REMATCH[1]}" -ge 10 ]
}

# SPDX-License-Identifier: Apache-2.0
# A sample of what `make faults` and `make kills` try in full: a failing call or the end at every call of create,
# start, exec, update and delete, and the end at random moments; as root and as an ordinary user with one id. After
# each, `delete --force` leaves nothing.

load helpers

setup()
{
	test_setup
	root_only
	[ "$(uname -m)" = x86_64 ] || skip "the injector knows the registers of x86-64"
	[ -z "${SAN:-}" ] || skip "sanitizers make calls of their own"
}

sample()
{
	run timeout 200 "$BATS_TEST_DIRNAME/faults/sample" "$T/faults" "$@" 3>&-
	echo "$output"
	assert_success
	[[ "$output" =~ ([0-9]+)\ (points|kills)\ tried,\ 0\ not\ as\ promised ]] && [ "${BASH_REMATCH[1]}" -ge 30 ]
}

@test "faults: a call that fails, or is the last, at some of all places" { sample points stride=293 offset=57; }
@test "faults: the same for an ordinary user" { export ROOTLESS=1; sample points stride=293 offset=57; }
@test "faults: killed at random moments" { sample kills kills=15 offset=5; }
@test "faults: the same, an ordinary user's" { export ROOTLESS=1; sample kills kills=15 offset=5; }

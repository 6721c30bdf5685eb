# SPDX-License-Identifier: Apache-2.0
# A sample of what tests/faults tries: an error, or the end, at every hundredth place of create, start, exec, update and
# delete. `make faults` tries every place.

load helpers

setup()
{
	test_setup
	root_only
	[ "$(uname -m)" = x86_64 ] || skip "the injector knows x86-64 only"
	for c in gcc strace; do command -v $c >/dev/null || skip "$c is not installed"; done
	case $(readlink -f "$RUNTIME") in *-san/*) skip "the sanitizers' own calls are not the runtime's" ;; esac
}

@test "faults: whatever fails or is killed, one line, no hang, and nothing left" {
	run timeout 250 "$BATS_TEST_DIRNAME/faults/sample" "$T/faults" stride=103 offset=11 3>&-
	echo "$output"
	assert_success
	[[ "$output" =~ ([0-9]+)\ points\ tried,\ 0\ not\ as\ promised ]]
	[ "${BASH_REMATCH[1]}" -ge 50 ]
}

# SPDX-License-Identifier: Apache-2.0
# Every piece of memory that a command asks for may be refused: one line of error, no crash, and nothing left after
# `delete --force`. A part of what `make allocs` tries in full.
# rootless

load helpers

setup()
{
	test_setup
	needs python3
	ALLOC=$(dirname "$(readlink -f "$RUNTIME")")/ctr-alloc
	[ -x "$ALLOC" ] || skip "$ALLOC is not built (make unit-build)"
	new_bundle
	set_args sleep 1000
	# Of everything a little.
	update_config '.hooks = {poststop: [{path: "/bin/true", args: ["true", "x"], env: ["A=b"], timeout: 5}]} | .annotations = {a: "b"} |
		.linux.seccomp = $p | .linux.sysctl = {"net.ipv4.ip_forward": "0"}' --argjson p "$(cat "$TOP/contrib/seccomp/default.json")"
}

try_pieces()
{
	run timeout 300 /usr/bin/python3 "$BATS_TEST_DIRNAME/alloc/run.py" "$RUNTIME" "$ALLOC" "$BUNDLE" "$T/alloc" "$@" 3>&-
	echo "$output"
	assert_success
	[[ "$output" =~ ([0-9]+)\ points\ tried,\ 0\ not\ as\ promised ]] && [ "${BASH_REMATCH[1]}" -ge 40 ]
}

@test "alloc: a piece of memory that is refused, of create, run, start, exec, update, delete and more" {
	[ "$TEST_MODE" = rootless ] || needs_cgroup
	try_pieces 5 $RANDOM
}

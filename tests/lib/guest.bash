# SPDX-License-Identifier: Apache-2.0
# For tests that run inside of the guest of tests/vm: one boot for a file, and scripts with the same helpers. A file that
# loads this exports CTR_TEST_VM_KERNEL before where it wants another kernel.
#
# CTR_TEST_VM=0 skips all of it. CTR_TEST_VM_KEEP=1 leaves the guest running for the next time.

VM=$BATS_TEST_DIRNAME/vm

setup_file()
{
	local why
	if [ "${CTR_TEST_VM:-1}" = 0 ]; then
		why="CTR_TEST_VM=0"
	elif ! why=$("$VM" doctor); then
		:
	elif ! why=$("$VM" start 2>&1); then
		# Another suite changes from day to day, and its mirror may be out of reach; a guest that is there must start.
		[[ $why == *"no kernel of"* ]] || { echo "$why" >&2; return 1; }
	else
		why=
		"$VM" run sh -ec 'rm -rf /t; mkdir /t; cp -r /src/tests/bundle /t/; RUNTIME=/src/build/ctr sh /src/tests/bundle /t/b'
	fi
	export VM_SKIP=$why
}

teardown_file()
{
	[ -n "$VM_SKIP" ] || [ -n "${CTR_TEST_VM_KEEP:-}" ] || "$VM" stop
}

setup()
{
	[ -z "$VM_SKIP" ] || skip "$VM_SKIP"
}

# guest [OPTION...] [COMMAND...] <<script: runs it with `set -e`, PATH with the programs, and the helpers below; by COMMAND.
guest()
{
	local script
	script=$(cat)
	run "$VM" run --time 300 "$@" bash --norc -euc 'PATH=/src/build:$PATH; export ASAN_OPTIONS=detect_leaks=0; D=$(mktemp -d); trap "rm -rf $D" EXIT
	bad() { echo "BAD: $*"; exit 1; }
	# bundle FILTER: a bundle at $D/b whose configuration went through jq.
	# What is still on its way out may write for a moment.
	wipe() { for _ in $(seq 40); do rm -rf "$@" 2>/dev/null && return; sleep 0.5; done; rm -rf "$@"; }
	# A number in a file that its writer empties before it writes.
	number() { local n; for _ in $(seq 100); do n=$(cat "$1" 2>/dev/null || :); [ -z "$n" ] || break; sleep 0.02; done; echo "${n:-0}"; }
	bundle() { mkdir -p $D/b; [ -e $D/b/rootfs ] || cp -r /t/b/rootfs $D/b/; jq "$1" /t/b/config.json >$D/b/config.json; }
	is() { [ "$1" = "$2" ] || bad "\"$1\" is not \"$2\""; }
	eventually() { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; bad "never: $*"; }
	'"$script"
	echo "$output"
	[ "$status" = 0 ]
}

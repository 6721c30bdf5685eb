# SPDX-License-Identifier: Apache-2.0
# Post-conditions: a system call of the set-up that does nothing and says that all is well (a filter makes it so) is
# seen right before the program would run, and the error names the member. For create and for exec.
# rootless

load helpers

setup_file()
{
	export ATTACK=$BATS_FILE_TMPDIR/attack
	! command -v cc >/dev/null || cc -static -O1 -D_GNU_SOURCE -o "$ATTACK" "$BATS_TEST_DIRNAME/lib/attack.c"
}

setup()
{
	test_setup
	[ -x "$ATTACK" ] || skip "cc is not installed"
	[ "$(uname -m)" = x86_64 ] || skip "numbers of system calls of x86-64"
	new_bundle
	set_args echo ran
}

OTHERS=() # what else the filter does

# without NUMBER ARG FIELD: the start fails for FIELD when the call is passed over, and succeeds when it is not.
without()
{
	run_container
	assert_output ran
	try "$ATTACK" "${OTHERS[@]}" skip "$1" "$2" "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_status 1
	[ "${#lines[@]}" = 1 ] || fail "more than a line"
	assert_output_has "post-condition: $3"
	assert_missing "$ROOT/$ID"
}

@test "post-condition: process.user.additionalGids" {
	root_only "an ordinary user's groups are not set"
	update_config '.process.user = {uid: 0, gid: 0, additionalGids: [9, 7]}'
	without 116 - process.user.additionalGids
	update_config '.process.user = {uid: 0, gid: 0}'
	try setpriv --groups 4,27 "$ATTACK" skip 116 - "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_has "post-condition: process.user.additionalGids: there are 2, planned 0"
}

@test "post-condition: as many groups, in another order, and others" {
	root_only "an ordinary user's groups are not set"
	update_config '.process.user = {uid: 0, gid: 0, additionalGids: [9, 7, 9, 4294967294, 1]}'
	run_container
	assert_output ran
	update_config '.process.user.additionalGids = [5, 6]'
	try setpriv --groups 6,5 "$ATTACK" skip 116 - "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output ran
	try setpriv --groups 6,7 "$ATTACK" skip 116 - "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_has "post-condition: process.user.additionalGids: they are others"
}

@test "post-condition: process.user.uid and gid" {
	root_only "an ordinary user has one id"
	update_config '.process.user = {uid: 1000, gid: 1001}'
	without 117 - process.user.uid
	without 119 - process.user.gid
}

@test "post-condition: process.capabilities" {
	without 126 - process.capabilities.effective
	without 157 24 process.capabilities.bounding
	update_config '.process.capabilities.inheritable = ["CAP_KILL"] | .process.capabilities.ambient = ["CAP_KILL"]'
	without 157 47 process.capabilities.ambient
}

@test "post-condition: process.noNewPrivileges" {
	root_only "an ordinary user's filter needs no_new_privs itself"
	without 157 38 process.noNewPrivileges
}

@test "post-condition: root.readonly and linux.readonlyPaths" {
	update_config '.linux.readonlyPaths = [] | .linux.maskedPaths = [] | .mounts |= map(select(.type == "proc" or .type == "tmpfs"))'
	without 442 - root.readonly
	update_config '.linux.readonlyPaths = ["/etc"] | .root.readonly = false'
	# Where the kernel can do both in one call (467, Linux 6.15), that is missing (ENOSYS) for this.
	OTHERS=(deny 467 38 "$ATTACK")
	without 442 - "linux.readonlyPaths: /etc can be written"
}

@test "post-condition: linux.namespaces" {
	update_config '.mounts |= map(select(.type != "cgroup"))'
	run_container
	assert_output ran
	try "$ATTACK" skip 272 33554432 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_has "post-condition: linux.namespaces: cgroup is the caller's, planned was a new one"
	# The network's is made by the host side, unless a user namespace owns it.
	jq -e >/dev/null '.linux.namespaces | any(.type == "user")' "$BUNDLE/config.json" && return
	try "$ATTACK" skip 272 1073741824 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_has "post-condition: linux.namespaces: net is the caller's, planned was a new one"
	try "$ATTACK" skip 308 - "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_has "post-condition: linux.namespaces: net is the caller's, planned was a new one"
}

@test "post-condition: for exec too" {
	set_sleep
	start_container
	for what in "126 - process.capabilities.effective" "157 24 process.capabilities.bounding"; do
		set -- $what
		try "$ATTACK" skip "$1" "$2" "$RUNTIME" --root "$ROOT" exec "$ID" echo ran
		assert_status 255
		assert_output_has "post-condition: $3"
		assert_output_lacks ran
	done
	run ctr exec "$ID" echo ran
	assert_output ran
	# It stays outside.
	try "$ATTACK" skip 308 - "$RUNTIME" --root "$ROOT" exec "$ID" echo ran
	assert_status 255
	assert_output_lacks ran
	# An ordinary user's has not even got the id 0 of the namespace.
	[ "$TEST_MODE" = rootless ] || assert_output_matches 'post-condition: linux.namespaces: [a-z]+ is not the one to be joined'
}

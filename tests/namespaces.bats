#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.namespaces: each one new, inherited, joined by path; wrong types; time offsets.

load helpers

setup()
{
	test_setup
	new_bundle
}

LINKS='for n in pid net ipc uts mnt cgroup time user; do echo $n $(readlink /proc/self/ns/$n); done'
of() { awk -v n="$1" '$1 == n { print $2 }' <<<"$output"; }
host() { readlink "/proc/self/ns/$1"; }
without() { update_config '.linux.namespaces |= map(select(.type != $t))' --arg t "$1"; }

@test "each listed namespace is new, others are inherited" {
	set_sh "$LINKS"
	run_container
	for n in pid net ipc uts mnt cgroup; do [ "$(of $n)" != "$(host $n)" ] || fail "$n is the host's"; done
	for n in user time; do assert_equal "$(of $n)" "$(host $n)" $n; done
	for pair in network:net ipc:ipc uts:uts cgroup:cgroup; do
		without ${pair%:*}
		update_config 'del(.hostname) | .mounts |= map(select(.type != "mqueue" or '"$([ ${pair%:*} = ipc ] && echo false || echo true)"'))'
		run_container
		assert_success
		assert_equal "$(of ${pair#*:})" "$(host ${pair#*:})" "$pair"
	done
}

@test "a new time namespace, with offsets" {
	update_config '.linux.namespaces+=[{type:"time"}] | .linux.timeOffsets={monotonic:{secs:1000000},boottime:{secs:2000000,nanosecs:5}}'
	set_sh "$LINKS; cat /proc/self/timens_offsets | tr -s ' ' ; cut -d. -f1 /proc/uptime"
	run_container
	assert_success
	[ "$(of time)" != "$(host time)" ] || fail "the host's"
	assert_line "monotonic 1000000 0"
	assert_line "boottime 2000000 5"
	[ "$(tail -1 <<<"$output")" -gt 2000000 ]
}

@test "time offsets without their namespace, or out of range, are errors" {
	update_config '.linux.timeOffsets={monotonic:{secs:1}}'
	run_container
	assert_failure
	assert_output_has timeOffsets
	update_config '.linux.namespaces+=[{type:"time"}] | .linux.timeOffsets={monotonic:{nanosecs:1000000000}}'
	run_container
	assert_failure
	update_config '.linux.timeOffsets={realtime:{secs:1}}'
	run_container
	assert_failure
	update_config '.linux.timeOffsets={monotonic:{secs:-9000000000}}'
	run_container
	assert_failure
}

@test "loopback is up in a new network namespace" {
	set_sh 'cat /sys/class/net/lo/flags; ls /sys/class/net'
	run_container
	assert_line 0x9
	assert_line lo
}

# A container that holds namespaces to join; sets PID.
holder()
{
	local id=$ID

	set_sleep
	ID=$id-holder start_container
	PID=$(pid_of "$id-holder")
}

@test "every namespace is joined by its path" {
	holder
	for pair in network:net ipc:ipc uts:uts cgroup:cgroup pid:pid; do
		set_sh "$LINKS"
		update_config '(.linux.namespaces[] | select(.type == $t)).path = $p | del(.hostname)' \
			--arg t ${pair%:*} --arg p "/proc/$PID/ns/${pair#*:}"
		run_container
		assert_success
		assert_equal "$(of ${pair#*:})" "$(readlink "/proc/$PID/ns/${pair#*:}")" "$pair"
	done
}

@test "a joined mount namespace: nothing is mounted, the tree is the other's" {
	holder
	ctr exec "$ID-holder" touch /dev/mark 3>&- # on a tmpfs that only its namespace has
	update_config '(.linux.namespaces[] | select(.type == "mount")).path = $p | .mounts=[] | del(.linux.maskedPaths, .linux.readonlyPaths)
		| .root.readonly=false' --arg p "/proc/$PID/ns/mnt"
	set_sh 'ls /dev/mark'
	run_container
	assert_success
	assert_line /dev/mark
}

@test "a pid namespace whose init is gone is an error" {
	holder
	mkdir "$T/ns"
	touch "$T/ns/pid"
	mount --bind "/proc/$PID/ns/pid" "$T/ns/pid"
	ctr delete --force "$ID-holder"
	update_config '(.linux.namespaces[] | select(.type == "pid")).path = $p' --arg p "$T/ns/pid"
	set_args true
	run timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	umount "$T/ns/pid"
	assert_failure
	[ "$status" != 124 ] || fail "hangs"
	assert_missing "$ROOT/$ID"
}

@test "a path of another type, a file, and nothing are errors that name the member" {
	for p in /proc/self/ns/uts /etc/passwd /none /proc/self /dev/null; do
		update_config '(.linux.namespaces[] | select(.type == "network")).path = $p' --arg p "$p"
		run timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
		assert_failure
		assert_output_matches "network|namespaces"
		assert_output_lacks "no such file or directory"
	done
	mkfifo "$T/fifo"
	update_config '(.linux.namespaces[] | select(.type == "network")).path = $p' --arg p "$T/fifo"
	run timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_failure
	[ "$status" != 124 ] || fail "hangs on a FIFO"
}

@test "a type listed twice is an error" {
	update_config '.linux.namespaces+=[{type:"uts",path:"/proc/self/ns/uts"}]'
	run_container
	assert_failure
	assert_output_has namespaces
}

@test "no pid namespace: the program has the host's, and its children are killed with it" {
	root_only
	without pid
	set_sh 'echo $$; readlink /proc/self/ns/pid'
	run_container
	assert_success
	assert_line "$(host pid)"
	[ "${lines[0]}" -gt 1 ]
}

@test "the cgroup namespace hides the place" {
	[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs cgroup v2"
	set_sh 'grep ^0:: /proc/self/cgroup'
	run_container
	assert_output 0::/
}

@test "no mount namespace: refused with mounts, or a plain chroot without" {
	without mount
	run_container
	assert_failure
	assert_output_has "mount"
	update_config 'del(.linux.maskedPaths, .linux.readonlyPaths) | .mounts=[] | .root.readonly=false'
	set_sh 'ls /bin/busybox'
	before=$(wc -l </proc/self/mountinfo)
	run_container
	assert_success
	assert_line /bin/busybox
	assert_equal "$(wc -l </proc/self/mountinfo)" "$before"
}

@test "masked paths are not passed over for want of a mount namespace" {
	without mount
	update_config '.mounts=[] | .root.readonly=false | .linux.readonlyPaths=[] | .linux.maskedPaths=["/etc/passwd"]'
	run_container
	assert_failure
	assert_output_has maskedPaths
}

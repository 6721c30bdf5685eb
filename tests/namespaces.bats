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

# A place that is a mount or a directory; what is around it is shared, as systemd has it, or private, and has a mount of its
# own.
in_chroot()
{
	unshare -m --propagation private sh -euc '
		mount -t tmpfs around "$1" && mount --make-$6 "$1"
		mkdir "$1/place" "$1/below" && mount -t tmpfs below "$1/below" && touch "$1/below/host"
		[ "$2" = directory ] || mount -t tmpfs place "$1/place"
		for d in proc dev sys; do mkdir "$1/place/$d"; mount --rbind /$d "$1/place/$d"; done
		mkdir "$1/place/bin" "$1/place/run" && cp /bin/busybox "$1/place/bin/sh" && cp -L "$4" "$1/place/bin/ctr"
		cp -r "$3" "$1/place/bundle"
		chroot "$1/place" /bin/sh -c "$5"
		[ -e "$1/below/host" ] || echo "a mount around the chroot is gone"' x "$T/around" "$1" "$BUNDLE" "$RUNTIME" "$3" "$2" </dev/null 2>&1 3>&-
}

@test "in a chroot: exec is in the container, nothing around the chroot stays in its namespace or goes from the host's" {
	root_only "an ordinary user cannot make namespaces in a chroot"
	only_ctr "exec of others leaves the chroot"
	! readelf -lW "$RUNTIME" | grep -q INTERP || skip "the chroot needs a static ctr"
	mkdir "$T/around"
	set_sh 'sleep 1000'
	update_config '.process.capabilities.bounding += ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]'
	local mounts=$(($(jq '.mounts | length' "$BUNDLE/config.json") + $(jq '.linux | (.maskedPaths + .readonlyPaths) | length' "$BUNDLE/config.json") + 10))
	for kind in mount directory; do
		for around in shared private; do
			try in_chroot $kind $around '
				ctr --root /run/ctr run -d -b /bundle c >/dev/null 2>/run/log || sh -c "cat /run/log"
				ctr --root /run/ctr exec c sh -c "ls /; wc -l </proc/self/mountinfo"
				ctr --root /run/ctr delete --force c'
			assert_status 0
			assert_line etc
			assert_output_lacks "place"
			assert_output_lacks "around"
			[ "${lines[-1]}" -le "$mounts" ] || fail "many mounts"
		done
	done
	try in_chroot mount shared 'ctr --root /run/ctr run --no-pivot -b /bundle c'
	assert_status 1
	assert_output "ctr: --no-pivot: the caller is in a chroot, and what is around it would stay"
}

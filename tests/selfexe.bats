#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# CVE-2019-5736 and its kin: no process of a container ever has the host's binary as its /proc/self/exe, so that
# nothing in the container can open or overwrite it.

load helpers

setup()
{
	test_setup
	new_bundle
	BINARY=$(readlink -f "$RUNTIME")
	SUM=$(sha256sum <"$BINARY")
}

teardown()
{
	local changed=

	[ "$(sha256sum <"$BINARY")" = "$SUM" ] || changed=1
	test_teardown
	[ -z "$changed" ] || fail "the host's binary has changed"
}

# The device and inode of an executable.
node() { stat -L -c %d:%i "$1"; }

@test "the first process between create and start is not the host's binary" {
	set_sleep
	create_container
	pid=$(pid_of "$ID")
	[ "$(node "/proc/$pid/exe")" != "$(node "$BINARY")" ] || fail "the host's binary"
	# What it is cannot be written to, not even by the host's root.
	! (: >"/proc/$pid/exe") 2>/dev/null || fail "its image can be written"
	! grep -q "$BINARY" "/proc/$pid/maps" || fail "mapped"
	for fd in /proc/"$pid"/fd/*; do
		[ "$(node "$fd" 2>/dev/null)" != "$(node "$BINARY")" ] || fail "descriptor of the host's binary"
	done
}

@test "a program that is /proc/self/exe runs nothing of the host" {
	set_args /proc/self/exe features
	run_container
	assert_output_lacks ociVersionMax
	ln -s /proc/self/exe "$BUNDLE/rootfs/bin/link"
	set_args link --version
	run_container
	assert_output_lacks "ctr version"
}

@test "an interpreter that is /proc/self/exe runs nothing of the host" {
	printf '#!/proc/self/exe\n' >"$BUNDLE/rootfs/bin/script"
	chmod 755 "$BUNDLE/rootfs/bin/script"
	set_args script
	run_container
	assert_failure
}

@test "exec of /proc/self/exe, by link and by interpreter" {
	ln -s /proc/self/exe "$BUNDLE/rootfs/bin/link"
	printf '#!/proc/self/exe\n' >"$BUNDLE/rootfs/bin/script"
	chmod 755 "$BUNDLE/rootfs/bin/script"
	set_sleep
	start_container
	for program in /proc/self/exe link script; do
		run ctr exec "$ID" $program features
		assert_output_lacks ociVersionMax
	done
}

@test "a process of the container that watches exec never sees the host's binary" {
	# Opens every executable that appears in its pid namespace, for reading and for writing.
	update_config '.process.capabilities |= with_entries(.value += ["CAP_SYS_PTRACE","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH"])'
	set_sh 'while :; do for p in /proc/[0-9]*; do
			case $p in /proc/1 | /proc/$$) continue ;; esac
			head -c 64 $p/exe >/dev/shm/head 2>/dev/null && { readlink $p/exe; stat -L -c "%d:%i" $p/exe; } >>/dev/shm/seen 2>/dev/null
			: >>$p/exe && echo WRITABLE >>/dev/shm/seen
		done 2>/dev/null; done'
	start_container
	for _ in 1 2 3 4 5 6 7 8; do
		ctr exec "$ID" true || :
	done
	run ctr exec "$ID" cat /dev/shm/seen
	assert_output_lacks "$(node "$BINARY")"
	assert_output_lacks "$BINARY"
	ctr delete --force "$ID"
}

@test "libraries of an image are not loaded by the runtime" {
	mkdir -p "$BUNDLE/rootfs/lib/x86_64-linux-gnu" "$BUNDLE/rootfs/etc"
	for l in libseccomp.so.2 libcap.so.2 libc.so.6; do echo evil >"$BUNDLE/rootfs/lib/x86_64-linux-gnu/$l"; done
	echo /evil.so >"$BUNDLE/rootfs/etc/ld.so.preload"
	update_config '.process.env+=["LD_PRELOAD=/evil.so","LD_LIBRARY_PATH=/lib/x86_64-linux-gnu"]'
	set_args echo fine
	run_container
	assert_output fine
}

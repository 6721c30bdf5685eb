#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# contrib/seccomp/default.json: ordinary programs run under it, what it holds back is refused.
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
	update_config '.root.readonly=false | .linux.seccomp=$p[0]' --slurpfile p "$TOP/contrib/seccomp/default.json"
}

@test "a shell with pipes, files, jobs and signals" {
	set_sh 'set -e; cd /tmp; seq 100 | sort -rn | head -n 1 >a; cp a b; ln -s b c; mv a d; cmp b d; cat c
		mkdir e; chmod 700 e; touch e/f; find e -type f; rm -r e; ls -l / >/dev/null; ps >/dev/null
		trap "echo usr1" USR1; kill -USR1 $$; sleep 0.1 & wait $!; mkfifo p; echo through >p & cat p
		stty </dev/null 2>/dev/null || echo no terminal; date >/dev/null; id -u; df >/dev/null; echo end'
	run_container
	assert_success
	for line in 100 e/f usr1 through "no terminal" end; do
		assert_line "$line"
	done
}

@test "with a terminal" {
	needs python3
	set_sh 'stty size >/dev/null && echo "size known"; tty'
	update_config '.process.terminal=true'
	run with_terminal "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_success
	assert_output_has "size known"
}

@test "sockets of the families in use" {
	set_sh 'ip link >/dev/null && echo netlink; nc -w 1 127.0.0.1 9 </dev/null || echo refused'
	run_container
	assert_line netlink
	assert_line refused
	assert_output_lacks "ermitted"
}

@test "no user namespace, no mount, no other root" {
	set_sh 'unshare -U true || echo r1; mount -t tmpfs none /tmp || echo r2; umount /proc || echo r3
		pivot_root / /tmp || echo r4; swapoff /dev/null || echo r5; hostname other || echo r6'
	run_container
	for i in 1 2 3 4 5 6; do
		assert_line "r$i"
	done
	assert_output_has "unshare: unshare(0x10000000): Operation not permitted"
}

@test "with every capability too" {
	root_only
	update_config '[ "CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_TIME","CAP_SYS_BOOT","CAP_NET_ADMIN" ] as $c
		| .process.capabilities |= (.bounding += $c | .effective += $c | .permitted += $c)'
	set_sh 'mount -t tmpfs none /tmp || echo r1; umount /proc || echo r2; unshare -U true || echo r3
		hostname other || echo r4'
	run_container
	for i in 1 2 3 4; do
		assert_line "r$i"
	done
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ctr sandbox: what a command sees, what it may write, what it can reach; and what is left afterwards.
# rootless

load helpers

setup()
{
	test_setup
	mkdir -p "$T/home/.ssh" "$T/work"
	echo key >"$T/home/.ssh/id"
	export HOME=$T/home
	cd "$T/work"
}
teardown() { cd /; rmdir "$ROOT/.empty" 2>/dev/null || :; test_teardown; }

sandbox() { "$RUNTIME" --root "$ROOT" sandbox "$@"; }

@test "the current directory is writable, the system is not; the status is the command's; nothing is printed" {
	run sandbox sh -c 'echo x >made; touch /usr/x /etc/x 2>/dev/null; exit 7'
	assert_equal "$status" 7
	assert_output ""
	assert_equal "$(cat made)" x
	[ ! -e /usr/x ] && [ ! -e /etc/x ]
	assert_equal "$(stat -c %u made)" "$(id -u)"
}

@test "home, /run, other processes and the caller's environment are not there" {
	SECRET=1 run sandbox sh -c 'cat "$HOME/.ssh/id" 2>/dev/null; ls /run /root 2>/dev/null; echo "s=$SECRET"
		[ -z "$(ls -A "$HOME")" ] && echo empty; [ ! -e /proc/'$$'/environ ] && echo alone'
	assert_success
	assert_output "s=
empty
alone"
}

@test "no capability, no new privileges, a filter, no network device but the loopback" {
	run sandbox sh -c 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t"
		grep -c : /proc/net/dev; echo 1 2>/dev/null >/proc/sys/kernel/hostname || echo refused'
	assert_success
	for line in CapEff:0000000000000000 CapBnd:0000000000000000 NoNewPrivs:1 Seccomp:2 1 refused; do
		assert_line "$line"
	done
}

@test "named paths: writable, read-only inside a writable one, in memory" {
	mkdir "$T/other" hooks
	run sandbox --rw "$T/other" --ro hooks --tmpfs /scratch --env A=b sh -c \
		'touch '"$T"'/other/f /scratch/g; touch hooks/h 2>/dev/null || echo refused; echo $A'
	assert_success
	assert_output "refused
b"
	[ -e "$T/other/f" ] && [ ! -e hooks/h ]
}

@test "the home as current directory, a missing path, a missing program and a wrong word are errors" {
	run sandbox --ro /nosuch true
	assert_equal "$status" 1
	assert_output_has "--ro /nosuch: missing"
	run sandbox --net bad true
	assert_output_has 'invalid --net "bad"'
	run sandbox nosuch
	assert_equal "$status" 127
	cd "$HOME"
	run sandbox true
	assert_equal "$status" 1
	assert_output_has "holds the home directory"
}

@test "the saved configuration runs as a bundle" {
	mkdir -p "$T/b/rootfs"
	sandbox --save "$T/b/config.json" sh -c 'pwd'
	run "$RUNTIME" --root "$ROOT" run -b "$T/b" --overlay tmpfs saved
	assert_success
	assert_output "$T/work"
}

@test "a killed one leaves nothing that the next does not take along" {
	"$RUNTIME" --root "$ROOT" sandbox sh -c 'echo $$ >up; sleep 1000' 3>&- &
	local pid=$! inside
	for _ in $(seq 200); do [ ! -s up ] || break; sleep 0.05; done
	[ -s up ]
	inside=$("$RUNTIME" --root "$ROOT" state "sandbox-$pid" | jq .pid)
	kill -KILL "$pid"
	wait "$pid" || :
	kill -KILL "$inside"
	[ -d "$ROOT/sandbox-$pid" ]
	for _ in $(seq 200); do
		[ "$("$RUNTIME" --root "$ROOT" state "sandbox-$pid" | jq -r .status)" != stopped ] || break
		sleep 0.05
	done
	run sandbox true
	assert_success
	assert_output ""
	assert_equal "$(ls -A "$ROOT")" .empty
	assert_equal "$(find /tmp -maxdepth 1 -name 'ctr-sandbox.*' | wc -l)" 0
}

@test "without a command: the shell, with a prompt that says where it is" {
	run timeout 30 python3 - "$RUNTIME" --root "$ROOT" sandbox 3>&- <<-'P'
	import os, pty, sys
	os.environ["SHELL"] = "/bin/sh"
	pid, terminal = pty.fork()
	if pid == 0:
	    os.execv(sys.argv[1], sys.argv[1:])
	said = b""
	def until(word):
	    global said
	    while word not in said:
	        try:
	            data = os.read(terminal, 4096)
	        except OSError:
	            data = b""
	        if not data:
	            return
	        said += data
	until(b"(sandbox)")
	os.write(terminal, b"hostname; exit 5\r")
	until(b"nothing more")
	print(said.decode().replace("\r", ""))
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	P
	assert_equal "$status" 5
	assert_output_has "(sandbox)"
	assert_line sandbox
}

@test "where user namespaces are switched off: what does it, and how to allow them" {
	unshare -Ur true 2>/dev/null || skip "no user namespace to switch them off in"
	run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' - "$RUNTIME" --root "$T/other" sandbox true
	assert_equal "$status" 1
	assert_output "ctr: sandbox: no user namespaces here: user.max_user_namespaces is 0: sysctl -w user.max_user_namespaces=15000, and in /etc/sysctl.d"
	rm -rf "$T/other"
}

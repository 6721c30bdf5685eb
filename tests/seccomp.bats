#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.seccomp by behaviour: actions, arguments, flags, and a listener that gets the descriptor.
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
}

# rules DEFAULT RULES: a section for the native architecture.
rules() { update_config '.linux.seccomp={defaultAction:$d,syscalls:$r}' --arg d "$1" --argjson r "$2"; }

@test "errno, with a default and with an own number" {
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]'
	set_sh 'mkdir /tmp/x'
	run_container
	assert_failure
	assert_output_has "Operation not permitted"
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]'
	run_container
	assert_output_has "No space left"
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":0}]'
	run_container
	assert_success
	assert_missing "$BUNDLE/rootfs/tmp/x"
}

@test "kill: the program dies of SIGSYS" {
	for action in KILL KILL_THREAD KILL_PROCESS TRAP; do
		rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_'$action'"}]'
		set_args mkdir /tmp/x
		run_container
		assert_status 159
	done
}

@test "log lets through" {
	rules SCMP_ACT_ALLOW '[{"names":["uname"],"action":"SCMP_ACT_LOG"}]'
	set_args uname -s
	run_container
	assert_output Linux
}

@test "the filter is in force with and without no_new_privs" {
	root_only "without no_new_privs a filter needs CAP_SYS_ADMIN"
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]'
	set_sh 'grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status | tr -d "\t"; mkdir /tmp/x'
	run_container
	assert_line Seccomp:2
	assert_line NoNewPrivs:1
	assert_output_has "not permitted"
	update_config '.process.noNewPrivileges=false'
	run_container
	assert_line Seccomp:2
	assert_line NoNewPrivs:0
	assert_output_has "not permitted"
}

@test "an allow list" {
	# What a static busybox needs for `echo`; everything else is refused.
	rules SCMP_ACT_ERRNO '[{"names":["execve","brk","arch_prctl","set_tid_address","set_robust_list","rseq","prlimit64",
		"readlink","readlinkat","getrandom","mprotect","mmap","munmap","exit_group","exit","write","writev","getuid",
		"geteuid","getgid","getegid","rt_sigaction","rt_sigprocmask","ioctl","newfstatat","fstat","uname","prctl",
		"setuid","setgid","close","fcntl","dup2","poll","ppoll","madvise","futex","sigaltstack","gettid","getpid"],"action":"SCMP_ACT_ALLOW"}]'
	set_args echo through
	run_container
	assert_output through
	set_args ls /
	run_container
	assert_failure
}

@test "arguments: equal, masked, greater, and two on one index are alternatives" {
	# kill(pid, sig): sig is argument 1.
	rules SCMP_ACT_ALLOW '[{"names":["kill"],"action":"SCMP_ACT_ERRNO","errnoRet":95,"args":[{"index":1,"value":10,"op":"SCMP_CMP_EQ"}]}]'
	set_sh 'trap : USR1 USR2; kill -USR2 $$ && echo two; kill -USR1 $$ || echo refused'
	run_container
	assert_line two
	assert_line refused
	rules SCMP_ACT_ALLOW '[{"names":["kill"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"value":8,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}]}]'
	run_container
	assert_line refused
	rules SCMP_ACT_ALLOW '[{"names":["kill"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"value":10,"op":"SCMP_CMP_GT"}]}]'
	set_sh 'trap : USR1 USR2; kill -USR1 $$ && echo one; kill -USR2 $$ || echo refused'
	run_container
	assert_line one
	assert_line refused
	rules SCMP_ACT_ALLOW '[{"names":["kill"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"value":10,"op":"SCMP_CMP_EQ"},
		{"index":1,"value":12,"op":"SCMP_CMP_EQ"}]}]'
	set_sh 'trap : USR1 USR2; kill -USR1 $$ || echo r1; kill -USR2 $$ || echo r2'
	run_container
	assert_line r1
	assert_line r2
}

@test "names that nobody knows are no error" {
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat","very_new_call"],"action":"SCMP_ACT_ERRNO"}]'
	set_sh 'mkdir /tmp/x || echo refused'
	run_container
	assert_line refused
}

@test "flags" {
	for flags in '["SECCOMP_FILTER_FLAG_LOG"]' '["SECCOMP_FILTER_FLAG_TSYNC"]' '["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]' '[]'; do
		rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]'
		update_config ".linux.seccomp.flags=$flags"
		set_sh 'mkdir /tmp/x || echo refused'
		run_container
		assert_line refused
	done
	update_config '.linux.seccomp.flags=["SECCOMP_FILTER_FLAG_NOPE"]'
	run_container
	assert_failure
	assert_output_has flags
}

@test "architectures: a foreign one is named, an unknown one refused" {
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]'
	update_config '.linux.seccomp.architectures=["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32","SCMP_ARCH_AARCH64","SCMP_ARCH_ARM"]'
	set_sh 'mkdir /tmp/x || echo refused'
	run_container
	assert_line refused
	update_config '.linux.seccomp.architectures=["SCMP_ARCH_PDP11"]'
	run_container
	assert_failure
}

@test "exec has the container's filter" {
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]'
	set_sleep
	start_container
	run ctr exec "$ID" mkdir /tmp/y
	assert_failure
	assert_output_has "not permitted"
}

# A listener that takes one descriptor, says what came with it and answers every mkdir with 0.
listener()
{
	cat >"$T/listener.py" <<-'PYTHON'
	import array, ctypes, fcntl, json, os, select, socket, struct, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
	s.bind(sys.argv[1])
	s.listen(1)
	open(sys.argv[2] + ".ready", "w").close()
	s.settimeout(20)
	c, _ = s.accept()
	data, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(4 * 8))
	fds = array.array("i")
	for level, kind, d in anc:
	    fds.frombytes(d)
	while True:
	    more = c.recv(65536)
	    if not more:
	        break
	    data += more
	with open(sys.argv[2], "w") as f:
	    json.dump({"message": json.loads(data), "fds": len(fds)}, f)
	fd = fds[0]
	while True:
	    p = select.poll()
	    p.register(fd, select.POLLIN)
	    r = p.poll(20000)
	    if not r or r[0][1] & select.POLLHUP:
	        break
	    req = bytearray(80)
	    try:
	        fcntl.ioctl(fd, 0xc0502100, req)
	        fcntl.ioctl(fd, 0xc0182101, struct.pack("=QqiI", struct.unpack_from("=Q", req)[0], 0, 0, 0))
	    except OSError:
	        pass
	PYTHON
	python3 "$T/listener.py" "$T/notify.sock" "$T/got" 3>&- >"$T/listener.log" 2>&1 &
	wait_until 10 test -e "$T/got.ready"
}

@test "notify: the listener gets the descriptor and the state, and answers" {
	needs python3
	listener
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"}]'
	update_config '.linux.seccomp += {listenerPath:$p,listenerMetadata:"some words"} | .annotations={a:"b"}' --arg p "$T/notify.sock"
	set_sh 'mkdir /tmp/never && echo answered'
	run_container
	assert_success
	assert_output answered
	assert_missing "$BUNDLE/rootfs/tmp/never"
	wait_until 5 test -s "$T/got"
	cat "$T/got"
	jq -e --arg id "$ID" --arg b "$BUNDLE" '.fds == 1 and (.message.fds == ["seccompFd"]) and .message.metadata == "some words"
		and .message.pid > 1 and .message.state.id == $id and .message.state.status == "creating"
		and .message.state.bundle == $b and .message.state.annotations.a == "b" and (.message.ociVersion | length > 0)
		and .message.state.pid == .message.pid' "$T/got"
}

@test "notify with no_new_privs off" {
	needs python3
	root_only
	listener
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"}]'
	update_config '.linux.seccomp += {listenerPath:$p} | .process.noNewPrivileges=false' --arg p "$T/notify.sock"
	set_sh 'mkdir /tmp/never && echo answered'
	run_container
	assert_output answered
}

@test "notify: each exec has a listener of its own, with and without no_new_privs" {
	needs python3
	listener
	rules SCMP_ACT_ALLOW '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"}]'
	update_config '.linux.seccomp += {listenerPath:$p,listenerMetadata:"some words"} | .process.noNewPrivileges=$n' \
		--arg p "$T/notify.sock" --argjson n "$([ "$(id -u)" = 0 ] && echo false || echo true)"
	set_args sleep 100
	ctr run -d -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 3>&-
	for more in "" --no-new-privs; do
		rm "$T/notify.sock" "$T/got.ready" "$T/got"
		listener
		run ctr exec $more "$ID" sh -c 'mkdir /tmp/never && echo answered'
		assert_success
		assert_output answered
		wait_until 5 test -s "$T/got"
		jq -e --arg id "$ID" --argjson pid "$(ctr state "$ID" | jq .pid)" '.fds == 1 and .message.fds == ["seccompFd"] and
			.message.metadata == "some words" and .message.state.id == $id and .message.state.status == "running" and
			.message.state.pid == $pid and .message.pid != $pid' "$T/got"
	done
	assert_missing "$BUNDLE/rootfs/tmp/never"
	# Nobody there: not without an answer, and the container goes on.
	rm "$T/notify.sock"
	run ctr exec "$ID" true
	assert_status 255
	assert_output_has "connect to the seccomp listener $T/notify.sock"
	run ctr state "$ID"
	assert_output_has running
}

@test "notify: no listener, no path, or as the default is an error that leaves nothing" {
	rules SCMP_ACT_ALLOW '[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]'
	run_container
	assert_failure
	update_config '.linux.seccomp.listenerPath="/none/sock"'
	run_container
	assert_failure
	assert_output_has /none/sock
	assert_missing "$ROOT/$ID"
	rules SCMP_ACT_NOTIFY '[]'
	update_config '.linux.seccomp.listenerPath="/none/sock"'
	run_container
	assert_failure
}

@test "notify on write is refused, or handed over all the same" {
	needs python3
	listener
	rules SCMP_ACT_ALLOW '[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}]'
	update_config '.linux.seccomp += {listenerPath:$p}' --arg p "$T/notify.sock"
	run timeout 10 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	[ "$status" != 124 ] || fail "hangs"
}

@test "a profile that refuses execve, and the report of it: said by the host side" {
	only_ctr
	for action in SCMP_ACT_ERRNO SCMP_ACT_KILL_PROCESS; do
		rules $action '[{"names":["exit","exit_group","prctl","close"],"action":"SCMP_ACT_ALLOW"}]'
		update_config '.process.noNewPrivileges=true'
		set_args true
		run_container
		assert_status 126
		assert_output "ctr: exec: refused by the seccomp profile, which keeps the init from saying so as well"
	done
	# What can still be said is said by the first process.
	rules SCMP_ACT_ALLOW '[{"names":["execve"],"action":"SCMP_ACT_ERRNO"}]'
	run_container
	assert_output_has "not permitted"
	# A program that is executed and ends at once is not taken for one.
	rules SCMP_ACT_ALLOW '[{"names":["mount"],"action":"SCMP_ACT_ERRNO"}]'
	set_args false
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		run_container
		assert_status 1
		assert_output ""
	done
}

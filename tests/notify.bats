# SPDX-License-Identifier: Apache-2.0
# rootless
# sd_notify through `run`: what a service manager hears from a program in a container.

load helpers

setup()
{
	test_setup
	command -v python3 >/dev/null || skip "needs python3"
	new_bundle
	cat >"$T/say" <<-'P'
	import os, socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.sendto(sys.argv[1].encode().decode("unicode_escape").encode(), sys.argv[2])
	P
}

teardown()
{
	[ -z "${MANAGER:-}" ] || kill "$MANAGER" 2>/dev/null || :
	test_teardown
}

# A manager that writes down what it hears, a message a line. A barrier's descriptor is closed, as a manager does.
manager()
{
	python3 - "$T/manager" >"$T/heard" 2>"$T/manager.log" 3>&- <<-'P' &
	import os, socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	while True:
	    text, fds, _, _ = socket.recv_fds(s, 4096, 8)
	    print(repr(text.decode()) + (" +fd" if fds else ""), flush=True)
	    for fd in fds:
	        os.close(fd)
	P
	MANAGER=$!
	for _ in $(seq 100); do [ ! -S "$T/manager" ] || break; sleep 0.05; done
	export NOTIFY_SOCKET=$T/manager
}

heard() { grep -qF "$1" "$T/heard"; }
eventually() { for _ in $(seq 200); do "$@" && return; sleep 0.05; done; echo "never: $*" >&2; cat "$T/heard" >&2; return 1; }
# say TEXT: what the program would send to its socket; busybox cannot, so from outside through its root.
say() { python3 "$T/say" "$1" "/proc/$(ctr state "$ID" | jq .pid)/root/run/notify/notify.sock"; }

@test "notify: a service in the foreground: its words go on, others do not" {
	manager
	set_sh 'echo $NOTIFY_SOCKET; ls -l /run/notify/notify.sock | cut -c1; touch /tmp/up; sleep 1000'
	ctr run -b "$BUNDLE" "$ID" >"$T/out" 2>&1 </dev/null 3>&- &
	eventually grep -q '^s$' "$T/out"
	assert_equal "$(head -n 1 "$T/out")" /run/notify/notify.sock
	say 'STATUS=on the way\nMAINPID=1\nFDSTORE=1\nNONSENSE=1'
	eventually heard "'STATUS=on the way\\n'"
	say 'READY=1'
	eventually heard "'READY=1\\n'"
	assert_equal "$(grep -cE 'MAINPID|FDSTORE|NONSENSE' "$T/heard")" 0
	say 'MAINPID=1'
	say 'WATCHDOG=1'
	eventually heard "'WATCHDOG=1\\n'"
	assert_equal "$(wc -l <"$T/heard")" 3
	ctr kill "$ID" KILL
	wait $! || :
}

@test "notify: a barrier goes on with its descriptor" {
	manager
	set_args sleep 1000
	ctr run -b "$BUNDLE" "$ID" >"$T/out" 2>&1 </dev/null 3>&- &
	running() { [ "$(ctr state "$ID" 2>/dev/null | jq -r .status)" = running ]; }
	eventually running
	timeout 20 python3 - "/proc/$(ctr state "$ID" | jq .pid)/root/run/notify/notify.sock" <<-'P'
	import os, select, socket, sys
	r, w = os.pipe()
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.connect(sys.argv[1])
	socket.send_fds(s, [b"BARRIER=1"], [w])
	os.close(w)
	assert select.select([r], [], [], 15)[0], "nobody closed the other end"
	P
	eventually heard "'BARRIER=1\\n' +fd"
	ctr kill "$ID" KILL
	wait $! || :
}

@test "notify: detached, run waits for the word and names the process" {
	manager
	set_args sleep 1000
	ctr run -d -b "$BUNDLE" "$ID" >"$T/out" 2>&1 </dev/null 3>&- &
	local run=$!
	running() { [ "$(ctr state "$ID" 2>/dev/null | jq -r .status)" = running ]; }
	eventually running
	kill -0 "$run"
	say 'READY=1'
	wait "$run"
	assert_equal "$(cat "$T/heard")" "'READY=1\\nMAINPID=$(ctr state "$ID" | jq .pid)\\n'"
	# A program that ends before it is ready was not started well.
	set_args true
	try ctr run -d -b "$BUNDLE" "$ID-b"
	assert_status 1
	assert_output "ctr: the container ended before it said that it is ready"
	try ctr state "$ID-b"
	assert_output_has "does not exist"
}

@test "notify: without a manager nothing is added" {
	set_sh 'echo "<$NOTIFY_SOCKET>"; ls /run/notify 2>/dev/null | wc -l'
	unset NOTIFY_SOCKET
	run_container
	assert_output "<>
0"
}

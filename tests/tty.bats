#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rootless
# Terminals: handed over by --console-socket, and relayed in the foreground.

load helpers

setup()
{
	test_setup
	needs python3
	new_bundle
	update_config '.process.terminal = true'
}

# console PATH OUTPUT [INPUT]: receives one terminal at PATH, writes INPUT to it, copies what it says to OUTPUT.
console()
{
	cat >"$T/console.py" <<-'PY'
		import array, fcntl, os, socket, sys, termios
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		open(sys.argv[1] + ".ready", "w").close()
		s.settimeout(30)
		c, _ = s.accept()
		data, anc, flags, _ = c.recvmsg(4096, socket.CMSG_SPACE(16))
		fds = array.array("i")
		for level, kind, d in anc:
		    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
		        fds.frombytes(d[:len(d) - len(d) % fds.itemsize])
		out = open(sys.argv[2], "wb", buffering=0)
		out.write(b"fds %d name %s\n" % (len(fds), data))
		fd = fds[0]
		out.write(b"tty %d\n" % os.isatty(fd))
		rows = fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8)
		out.write(b"size %d %d\n" % tuple(array.array("H", rows)[:2]))
		if len(sys.argv) > 3:
		    os.write(fd, sys.argv[3].encode())
		try:
		    while True:
		        b = os.read(fd, 4096)
		        if not b:
		            break
		        out.write(b)
		except OSError:
		    pass
		out.write(b"end\n")
	PY
	python3 "$T/console.py" "$@" </dev/null >"$T/console.log" 2>&1 3>&- &
	wait_until 10 test -e "$1.ready"
}

@test "--console-socket gets the terminal's master" {
	set_sh 'tty; echo hello'
	console "$T/c.sock" "$T/out"
	start_container --console-socket "$T/c.sock"
	wait_until 10 grep -q end "$T/out"
	output=$(tr -d '\r' <"$T/out")
	assert_output_has "fds 1"
	assert_line "tty 1"
	assert_output_has /dev/pts/0
	assert_line hello
}

@test "input goes in, and the program's descriptors 0 to 2 are the terminal" {
	set_sh 'read x; echo "got $x"; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; stat -c %t,%T /dev/console /dev/pts/0'
	console "$T/c.sock" "$T/out" $'word\n'
	start_container --console-socket "$T/c.sock"
	wait_until 10 grep -q end "$T/out"
	output=$(tr -d '\r' <"$T/out")
	assert_output_has "got word"
	assert_line all
}

@test "consoleSize" {
	update_config '.process.consoleSize = {height: 33, width: 77}'
	set_sh 'stty size'
	console "$T/c.sock" "$T/out"
	start_container --console-socket "$T/c.sock"
	wait_until 10 grep -q end "$T/out"
	output=$(tr -d '\r' <"$T/out")
	assert_line "33 77"
}

@test "it is the controlling terminal: ^C is a signal" {
	set_sh 'trap "echo int; exit 0" INT; echo ready; while :; do sleep 0.05; done'
	console "$T/c.sock" "$T/out" $'\003'
	start_container --console-socket "$T/c.sock"
	# What was written before the program was there is thrown away or taken; the helper writes once, so ask again.
	wait_until 30 grep -qE 'ready|int' "$T/out"
	output=$(tr -d '\r' <"$T/out")
	assert_output_matches 'ready|int'
}

@test "create hands the terminal over, start uses it" {
	set_sh 'echo late'
	console "$T/c.sock" "$T/out"
	create_container --console-socket "$T/c.sock"
	wait_until 10 grep -q 'tty 1' "$T/out"
	run grep -q late "$T/out"
	assert_failure
	ctr start "$ID"
	wait_until 10 grep -q end "$T/out"
	grep late "$T/out"
}

@test "a terminal needs a socket when nobody waits, and a socket needs a terminal" {
	run ctr create -b "$BUNDLE" "$ID" 3>&-
	assert_status 1
	assert_output_has console
	run ctr run -d -b "$BUNDLE" "$ID" 3>&-
	assert_status 1
	assert_output_has console
	update_config '.process.terminal = false'
	run ctr create -b "$BUNDLE" --console-socket "$T/c.sock" "$ID" 3>&-
	assert_status 1
	assert_output_has console
	assert_equal "$(ls "$ROOT")" ""
}

@test "a socket that is not there" {
	run ctr create -b "$BUNDLE" --console-socket "$T/none.sock" "$ID" 3>&-
	assert_status 1
	assert_output_has none.sock
	assert_equal "$(ls "$ROOT")" ""
}

@test "in the foreground the caller's terminal is relayed" {
	needs python3
	set_sh 'tty; echo hello; exit 5'
	run with_terminal "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_status 5
	output=${output//$'\r'/}
	assert_line /dev/pts/0
	assert_line hello
}

@test "in the foreground the size of the caller's terminal is taken over" {
	needs python3
	set_sh 'stty size'
	run with_terminal -s 31x71 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output_has "31 71"
}

@test "exec -t over --console-socket" {
	update_config '.process.terminal = false'
	set_sleep
	start_container
	console "$T/c.sock" "$T/out"
	ctr exec -d -t --console-socket "$T/c.sock" "$ID" sh -c 'tty; echo from-exec' >/dev/null 2>&1 </dev/null 3>&-
	wait_until 10 grep -q end "$T/out"
	grep from-exec "$T/out"
}

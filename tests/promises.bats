# SPDX-License-Identifier: Apache-2.0
# What inputs and callers that are known to hang, to crash or to mislead container runtimes do to ctr: one test for each
# promise that no other file keeps; tests/security.md says where all of them are.
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
}

# cpu_of COMMAND...: tenths of a second of the processor, in CPU; status and output as try.
cpu_of()
{
	local TIMEFORMAT='%U %S' t

	t=$({ time try_into "$@"; } 2>&1)
	status=$(cat "$T/status")
	output=$(cat "$T/output")
	CPU=$(awk '{ printf "%d", ($1 + $2) * 10 }' <<<"$t")
}
try_into() { local s=0; "$@" >"$T/output" 2>&1 3>&- || s=$?; echo $s >"$T/status"; }
# The sanitizers take their own time.
slack() { [[ $(readlink -f "$RUNTIME") == *-san/* ]] && echo $(($1 * 20)) || echo "$1"; }

@test "promise: a kernel that always asks to try again is given up within seconds, with no weaker look-up" {
	command -v cc >/dev/null || skip "cc is not installed"
	[ "$(uname -m)" = x86_64 ] || skip "numbers of system calls of x86-64"
	cc -static -O1 -D_GNU_SOURCE -o "$T/attack" "$BATS_TEST_DIRNAME/lib/attack.c"
	SECONDS=0
	cpu_of timeout 30 "$T/attack" deny 437 11 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	[ "$status" = 1 ] || fail "status $status"
	[ $SECONDS -le 10 ] || fail "took $SECONDS s"
	assert_equal "$(ls -A "$ROOT")" ""
}

@test "promise: /proc is a FIFO, a file, a socket or missing in the image" {
	local kind

	for kind in fifo file socket none; do
		rm -rf "$BUNDLE/rootfs/proc"
		case $kind in
		fifo) mkfifo "$BUNDLE/rootfs/proc" ;;
		file) echo x >"$BUNDLE/rootfs/proc" ;;
		socket) (cd "$BUNDLE/rootfs" && /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("proc")') || continue ;;
		esac
		try timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
		if [ $kind = none ] && [ "$TEST_MODE" = root ]; then
			[ "$status" = 0 ] || [ "$status" = 1 ] || fail "$kind: status $status"
		elif [ $kind != none ]; then
			[ "$status" = 1 ] && [ "${#lines[@]}" = 1 ] || fail "$kind: status $status"
		fi
		assert_equal "$(ls -A "$ROOT")" "" $kind
	done
}

@test "promise: a console peer that closes, before and after it has the terminal" {
	needs python3
	update_config '.process.terminal = true'
	set_sh 'sleep 0.2; echo written'
	for how in at-once after; do
		/usr/bin/python3 - "$T/$how.sock" $how </dev/null >"$T/peer" 2>&1 3>&- <<-'PY' &
			import socket, sys
			s = socket.socket(socket.AF_UNIX)
			s.bind(sys.argv[1])
			s.listen(1)
			s.settimeout(30)
			c, _ = s.accept()
			if sys.argv[2] == "after":
			    socket.recv_fds(c, 4096, 1)
			c.close()
			s.close()
		PY
		wait_until 10 test -S "$T/$how.sock"
		SECONDS=0
		try timeout 30 "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" --console-socket "$T/$how.sock" "$ID"
		[ "$status" = 0 ] || { [ "$status" = 1 ] && [ "${#lines[@]}" = 1 ] && assert_output_has console; }
		[ $SECONDS -le 15 ] || fail "took $SECONDS s"
		ctr delete --force "$ID"
		assert_equal "$(ls -A "$ROOT")" ""
	done
}

@test "promise: what is no JSON, or not of the right type: strings for numbers, comments, NaN, text behind it" {
	local text good

	good=$(jq -c . "$BUNDLE/config.json")
	for text in "${good/\"uid\":0/\"uid\":\"0\"}" "${good/\{/\{\/* comment *\/}" "${good/\"uid\":0/\"uid\":NaN}" "$good x" "$good{}" \
		"${good/\"uid\":0/\"uid\":0x0}" "${good/\"uid\":0/\"uid\":+0}" "${good/\"uid\":0/\"uid\":00}" "${good/\"uid\":0/\"uid\":0.0}" \
		"${good/\"uid\":0/\"uid\":Infinity}" "${good/\{/\{,}" "${good%\}}" "${good/\"uid\":0/\"uid\":true}"; do
		[ "$text" != "$good" ] || fail "nothing was changed"
		printf '%s' "$text" >"$BUNDLE/config.json"
		run_container
		[ "$status" = 1 ] && [ "${#lines[@]}" = 1 ] || fail "accepted: ${text:0:200}"
		assert_output_has config.json
	done
}

@test "promise: a member in capital letters is another member" {
	update_config '. + {PROCESS: {args: ["false"], cwd: "/"}, Process: {user: {uid: 5, gid: 5}}} | .process.NoNewPrivileges = false | .process.Args = ["false"]'
	set_sh 'id -u; grep NoNewPrivs /proc/self/status'
	run_container
	assert_output $'0\nNoNewPrivs:\t1'
}

@test "promise: members nobody knows may be nested 63 deep, and not 64, 900 or 100000" {
	local n good

	good=$(jq -c . "$BUNDLE/config.json")
	for n in 63 64 900 100000; do
		printf '%s,"unknown":%s%s}' "${good%\}}" "$(head -c $n /dev/zero | tr '\0' '[')" "$(head -c $n /dev/zero | tr '\0' ']')" >"$BUNDLE/config.json"
		run_container
		[ $n = 63 ] && assert_success && continue
		assert_status 1
		[ "${#lines[@]}" = 1 ] || fail "more than a line"
	done
}

@test "promise: 100000 variables cost a fraction of a second" {
	update_config '.process.env += [range(100000) | "A\(.)=x"]'
	set_args true
	cpu_of ctr run -b "$BUNDLE" "$ID"
	assert_success
	[ "$CPU" -le "$(slack 10)" ] || fail "$CPU tenths of a second"
}

@test "promise: ten times the mounts cost ten times as much, not a hundred" {
	local few

	update_config '.mounts += [range(200) | {destination: "/tmp/m\(.)", type: "tmpfs", source: "t"}] | .root.readonly = false'
	set_args true
	cpu_of ctr run -b "$BUNDLE" "$ID"
	assert_success
	few=$CPU
	update_config '.mounts += [range(200; 2000) | {destination: "/tmp/m\(.)", type: "tmpfs", source: "t"}]'
	cpu_of ctr run -b "$BUNDLE" "$ID"
	assert_success
	[ "$CPU" -le $(((few + 2) * 25)) ] || fail "$few tenths for 200, $CPU for 2000"
}

@test "promise: run works with twelve descriptors" {
	needs python3
	update_config '.process.rlimits = []'
	set_args echo fine
	try /usr/bin/python3 -c 'import os, resource, sys
os.closerange(3, 1024)
resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
os.execv(sys.argv[1], sys.argv[1:])' "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output fine
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A hostile program in a sandbox (tests/sandbox/hostile.py): everything outside of the stated view fails.
# rootless

load helpers

setup()
{
	test_setup
	command -v /usr/bin/python3 >/dev/null || skip "python3 is not installed"
	mkdir -p "$T/home"/{.ssh,.aws,.mozilla,.config/systemd/user,.config/autostart} "$T/work/.git/hooks" "$T/other"
	export HOME=$T/home XDG_STATE_HOME=$T/layers
	for f in .ssh/id_ed25519 .ssh/authorized_keys .npmrc .aws/credentials .git-credentials .mozilla/cookies.sqlite .bashrc; do
		echo "secret of $f" >"$HOME/$f"
	done
	echo '[core]' >"$T/work/.git/config"
	echo "other project" >"$T/other/file"
	ln -s "$T/other/file" "$T/work/link"
	SHM=$(mktemp /dev/shm/ctr-test.XXXXXX)
	TMP=$(mktemp /tmp/ctr-test.XXXXXX)
	echo shm >"$SHM"
	echo tmp >"$TMP"
	# The outside: sockets, a port, shared memory, and a process with a secret in its environment.
	cat >"$T/outside.py" <<-'P'
	import ctypes, json, os, socket, sys, time
	t = sys.argv[1]
	facts, held = json.load(open(t + "/facts")), []
	for name in ("bus", "agent", "daemon", "x11", "abstract"):
	    s = socket.socket(socket.AF_UNIX)
	    s.bind("\0" + facts[name] if name == "abstract" else facts[name])
	    s.listen(64)
	    held.append(s)
	s = socket.create_server(("127.0.0.1", 0))
	facts["port"] = s.getsockname()[1]
	libc = ctypes.CDLL(None)
	facts["shmkey"] = os.getpid() + 0x43540000
	shm = libc.shmget(facts["shmkey"], 4096, 0o1600)
	libc.syscall(248, b"user", b"ctr-test-secret", b"x", 1, -3)  # add_key to the session keyring
	facts["victim"] = os.getpid()
	json.dump(facts, open(t + "/facts.new", "w"))
	os.rename(t + "/facts.new", t + "/facts.ready")
	try:
	    sys.stdin.read()
	finally:
	    libc.shmctl(shm, 0, 0)
	P
	jq -n --arg t "$T" --arg home "$HOME" --arg shm "$SHM" --arg tmp "$TMP" --arg m "marker-$$" '{home: $home, work: ($t + "/work"),
		other: ($t + "/other/file"), link: ($t + "/work/link"), tmp: $tmp, shm: $shm, bus: ($t + "/other/bus"),
		agent: ($t + "/other/agent"), daemon: ($t + "/other/daemon"), x11: ($t + "/other/X77"), abstract: ("ctr-" + $m),
		marker: $m}' >"$T/facts"
	mkfifo "$T/hold"
	SECRET=1 /usr/bin/python3 "$T/outside.py" "$T" "marker-$$" <"$T/hold" 3>&- &
	OUTSIDE=$!
	exec 8>"$T/hold"
	for _ in $(seq 400); do [ ! -e "$T/facts.ready" ] || break; sleep 0.05; done
	cp "$T/facts.ready" "$T/facts"
	cp "$BATS_TEST_DIRNAME/sandbox/hostile.py" "$T/work/"
	cd "$T/work"
}

teardown()
{
	[ ! -d "$T/layers" ] || "$RUNTIME" --root "$ROOT" sandbox discard 2>/dev/null || :
	cd /
	exec 8>&-
	[ -z "${OUTSIDE:-}" ] || wait "$OUTSIDE" || :
	rm -f "${SHM:-}" "${TMP:-}"
	rmdir "$ROOT/.empty" 2>/dev/null || :
	test_teardown
}

# hostile INSIDE COMMAND...: the facts with the word, and the program by the command.
hostile()
{
	jq ".inside = $1" "$T/facts" >facts.json
	shift
	find "$HOME" "$T/other" .git -type f -exec sha256sum {} + | sort >"$T/before"
	API_TOKEN=hidden run "$@" /usr/bin/python3 hostile.py facts.json 9<"$T/other/file" 8>&-
	find "$HOME" "$T/other" .git -type f -exec sha256sum {} + | sort >"$T/after"
}

@test "hostile: outside, what should be reached is reached: the control" {
	jq '.inside = false' "$T/facts" >facts.json
	API_TOKEN=seen run /usr/bin/python3 hostile.py facts.json 9<"$T/other/file" 8>&-
	assert_success
	assert_output_has " tries, 0 failed"
}

@test "hostile: inside, nothing but the current directory is reached, and .git stays as it is" {
	hostile true "$RUNTIME" --root "$ROOT" sandbox --ro .git
	assert_success
	[[ "$output" =~ ([0-9]+)\ tries,\ 0\ failed ]]
	[ "${BASH_REMATCH[1]}" -ge 60 ]
	cmp "$T/before" "$T/after"
	kill -0 "$OUTSIDE"
}

@test "hostile: the same as root of a user namespace of its own, without Landlock, without the supervisor" {
	hostile true "$RUNTIME" --root "$ROOT" sandbox --ro .git --user root --landlock=false --init=false
	assert_success
	cmp "$T/before" "$T/after"
	kill -0 "$OUTSIDE"
}

@test "hostile: with changes kept apart not even the current directory is changed" {
	"$RUNTIME" --root "$ROOT" sandbox --overlay true 2>/dev/null || skip "no overlay on the file system of this directory"
	"$RUNTIME" --root "$ROOT" sandbox discard
	hostile true "$RUNTIME" --root "$ROOT" sandbox --overlay sh -c 'echo owned >>.git/config; rm -rf .git/hooks; exec "$@"' -
	assert_success
	cmp "$T/before" "$T/after"
	"$RUNTIME" --root "$ROOT" sandbox discard
}

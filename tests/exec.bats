#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rootless
# ctr exec: another process in a running container.

load helpers

setup()
{
	test_setup
	new_running
}

x() { try ctr exec "$@"; }

# process FILTER: a process object for --process in $T/process.json.
process() { jq ".process | $1" "$BUNDLE/config.json" >"$T/process.json"; }

@test "arguments, output and exit status" {
	x "$ID" echo "a  b" -c
	assert_status 0
	assert_output "a  b -c"
	x "$ID" sh -c 'exit 42'
	assert_status 42
	x "$ID" sh -c 'kill -9 $$'
	assert_status 137
}

@test "it is in the container" {
	x "$ID" sh -c 'for n in pid net ipc uts mnt; do readlink /proc/self/ns/$n; done'
	assert_status 0
	inside=$output
	for n in pid net ipc uts mnt; do
		assert_equal "$(sed -n "/^$n:/p" <<<"$inside")" "$(readlink "/proc/$(pid_of "$ID")/ns/$n")"
	done
	x "$ID" ls /
	assert_output_has bin
	assert_output_lacks boot
}

@test "standard input, and errors apart" {
	run --separate-stderr ctr exec "$ID" sh -c 'cat; echo err >&2' <<<"through"
	assert_output through
	assert_equal "$stderr" err
}

@test "127, 126 and 255" {
	x "$ID" /bin/missing
	assert_status 127
	assert_output_has "no such file or directory"
	x "$ID" missing
	assert_status 127
	x "$ID" /etc/passwd
	assert_status 126
	assert_output_has "permission denied"
	x "$ID"
	assert_status 255
	x --nonsense "$ID" true
	assert_failure
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	x "$ID" true
	assert_status 255
	assert_output_has "not running"
}

@test "environment: --env takes the place of what the container has, and of an earlier one" {
	x --env PATH=/bin:/elsewhere --env A=1 --env A=2 "$ID" env
	assert_success
	assert_equal "$(grep -c '^PATH=' <<<"$output")" 1
	assert_line PATH=/bin:/elsewhere
	assert_line A=2
	assert_equal "$(grep -c "^A=" <<<"$output")" 1
}

@test "environment: the container's, and --env" {
	x --env A=1 -e "B=x y" "$ID" env
	assert_status 0
	assert_line A=1
	assert_line "B=x y"
	assert_output_has PATH=
	assert_line HOME=/root
}

@test "--cwd" {
	x --cwd /home/user "$ID" pwd
	assert_output /home/user
	x --cwd /not/there "$ID" pwd
	assert_failure
	assert_output_has /not/there
}

@test "--user" {
	root_only "needs a range of ids"
	x --user 1000:1000 "$ID" sh -c 'id -u; id -g; echo $HOME'
	assert_line 1000
	assert_line /home/user
	x --user 7 -g 8 -g 9 "$ID" grep -E '^(Uid|Groups):' /proc/self/status
	assert_output_has $'Uid:\t7\t7\t7\t7'
	assert_output_matches 'Groups:.8 9'
	x --user nonsense:x "$ID" true
	assert_failure
}

@test "capabilities are the container's, --cap adds" {
	x "$ID" grep CapEff /proc/self/status
	assert_output_has "$(grep CapEff "/proc/$(pid_of "$ID")/status" | cut -f2)"
	x --cap CAP_SYS_ADMIN "$ID" grep CapEff /proc/self/status
	assert_status 0
	local v
	v=0x${output##*[[:space:]]}
	[ $((v >> 21 & 1)) = 1 ] || fail "CAP_SYS_ADMIN is not effective"
	x --cap CAP_NONSENSE "$ID" true
	assert_failure
	assert_output_has CAP_NONSENSE
}

@test "no_new_privs is the container's" {
	x "$ID" grep NoNewPrivs /proc/self/status
	assert_output $'NoNewPrivs:\t1'
}

@test "--process takes a process object" {
	process '.args = ["sh", "-c", "echo $X; pwd; exit 3"] | .env += ["X=from-file"] | .cwd = "/tmp"'
	x --process "$T/process.json" "$ID"
	assert_status 3
	assert_line from-file
	assert_line /tmp
}

@test "--process takes it from a pipe and from standard input too" {
	process '.args = ["echo", "piped"]'
	x --process <(cat "$T/process.json") "$ID"
	assert_success
	assert_output piped
	run bash -c 'cat "$0" | "$@"' "$T/process.json" "$RUNTIME" --root "$ROOT" exec --process - "$ID"
	assert_success
	assert_output piped
}

@test "--process that is not right is refused" {
	only_ctr
	echo '{"args": "true"}' >"$T/process.json"
	x --process "$T/process.json" "$ID"
	assert_status 255
	assert_output_has args
	x --process "$T/none.json" "$ID"
	assert_status 255
	assert_output_has none.json
	process '.args = ["true"] | .user = "root"'
	x --process "$T/process.json" "$ID"
	assert_status 255
	assert_output_has user
}

@test "--detach and --pid-file" {
	ctr exec -d --pid-file "$T/pid" "$ID" sleep 300 >/dev/null 2>&1 </dev/null 3>&-
	assert_equal "$(wc -l <"$T/pid")" 0
	local pid
	pid=$(cat "$T/pid")
	assert_equal "$(readlink "/proc/$pid/ns/pid")" "$(readlink "/proc/$(pid_of "$ID")/ns/pid")"
	tr '\0' ' ' <"/proc/$pid/cmdline" | grep 'sleep 300'
	ctr kill "$ID" KILL
	wait_until 5 test ! -e "/proc/$pid/ns/pid"
}

@test "it is in the container's cgroup" {
	needs_cgroup
	x "$ID" cat /proc/self/cgroup
	assert_equal "$(grep '^0::' <<<"$output")" "0::/"
	ctr exec -d --pid-file "$T/pid" "$ID" sleep 300 >/dev/null 2>&1 </dev/null 3>&-
	assert_equal "$(grep '^0::' "/proc/$(cat "$T/pid")/cgroup")" "$(grep '^0::' "/proc/$(pid_of "$ID")/cgroup")"
}

@test "many at once" {
	local pids=() i
	for i in $(seq 8); do
		ctr exec "$ID" echo "n$i" >"$T/o$i" 2>&1 </dev/null 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	for i in $(seq 8); do assert_equal "$(cat "$T/o$i")" "n$i"; done
}

@test "signals in the foreground are forwarded" {
	"$RUNTIME" --root "$ROOT" exec "$ID" sh -c 'trap "echo term; exit 6" TERM; echo ready; while :; do sleep 0.05; done' \
		>"$T/log2" 2>&1 </dev/null 3>&- &
	local pid=$!
	wait_until 10 grep -q ready "$T/log2"
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	assert_status 6
}

@test "into a created container" {
	ctr delete --force "$ID"
	create_container
	x "$ID" echo early
	assert_status 0
	assert_output early
}

@test "--tty gives a terminal" {
	needs python3
	run with_terminal "$RUNTIME" --root "$ROOT" exec -t "$ID" sh -c 'tty; exit 4'
	assert_status 4
	assert_output_has /dev/pts/
}

@test "--preserve-fds" {
	echo handed >"$T/file"
	# Descriptor 3 of this shell is bats' own.
	run bash -c 'exec "$@" 3<"$0"' "$T/file" "$RUNTIME" --root "$ROOT" exec --preserve-fds 1 "$ID" sh -c 'cat <&3'
	assert_output handed
}

@test "nothing of the host's descriptors or program is visible" {
	only_ctr
	x "$ID" sh -c 'ls -l /proc/self/fd; readlink /proc/1/exe'
	assert_output_lacks state.json
	assert_output_lacks "$ROOT"
	assert_output_has /bin/busybox
}

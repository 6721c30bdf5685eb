#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rootless
# ctr run: what the program gets, what its end becomes, and what stays behind.

load helpers

@test "exit statuses are handed on" {
	new_bundle
	for n in 0 1 7 125 255; do
		set_sh "exit $n"
		run_container
		assert_status $n
	done
	run ctr state "$ID"
	assert_failure
}

@test "death by signal N is 128 + N" {
	new_bundle
	# Pid 1 is protected from signals of its own namespace only.
	for s in TERM:143 KILL:137 USR1:138; do
		set_args sleep 30
		start_container --keep
		run ctr delete "$ID"
		assert_failure
		ctr delete --force "$ID"
	done
	set_sh 'sleep 30 & kill -9 $!; wait $!; exit $?'
	run_container
	assert_status 137
	set_args sleep 30
	ctr run -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1 3>&- &
	local pid=$!
	wait_status "$ID" running
	ctr kill "$ID" KILL
	run wait $pid
	wait $pid || status=$?
	assert_status 137
}

@test "standard input, output and error are the caller's" {
	new_bundle
	set_sh 'cat; echo err >&2'
	run --separate-stderr ctr run -b "$BUNDLE" "$ID" <<<"through"
	assert_status 0
	assert_output through
	assert_equal "$stderr" err
}

@test "much output is not cut" {
	new_bundle
	set_sh 'head -c 3000000 /dev/zero'
	ctr run -b "$BUNDLE" "$ID" 3>&- | wc -c >"$T/n"
	assert_equal "$(cat "$T/n")" 3000000
}

@test "the environment is the configuration's and nothing else" {
	new_bundle
	set_args env
	update_config '.process.env = ["PATH=/bin", "A=1", "B=with space=x", "HOME=/tmp"]'
	LEAKED=1 run_container
	assert_status 0
	assert_line A=1
	assert_line "B=with space=x"
	assert_line HOME=/tmp
	assert_output_lacks LEAKED
	assert_equal "$(sed '/^PWD=/d;/^SHLVL=/d' <<<"$output" | wc -l)" 4
}

@test "HOME comes from the image's passwd" {
	new_bundle
	set_args env
	update_config 'del(.process.env[] | select(startswith("HOME=")))'
	run_container
	assert_line HOME=/root
}

@test "HOME of another user" {
	root_only "needs a range of ids"
	new_bundle
	set_args env
	update_config '.process.user = {uid: 1000, gid: 1000}'
	run_container
	assert_line HOME=/home/user
	update_config '.process.user = {uid: 4242, gid: 4242}'
	run_container
	assert_line HOME=/
}

@test "the working directory" {
	new_bundle
	set_args pwd
	update_config '.process.cwd = "/home/user"'
	run_container
	assert_output /home/user
}

@test "the working directory must be absolute, and there" {
	new_bundle
	update_config '.process.cwd = "home"'
	run_container
	assert_status 1
	assert_output_has cwd
	update_config '.process.cwd = "/etc/passwd"'
	run_container
	assert_failure
	assert_output_has "/etc/passwd"
	assert_equal "$(ls "$ROOT")" ""
}

@test "programs are looked up in PATH of the configuration" {
	new_bundle
	printf '#!/bin/sh\necho found $0\n' >"$BUNDLE/rootfs/usr/bin/prog"
	chmod 755 "$BUNDLE/rootfs/usr/bin/prog"
	set_args prog
	update_config '.process.env = ["PATH=/nowhere:/usr/bin"]'
	run_container
	assert_output "found /usr/bin/prog"
	update_config '.process.env = ["PATH=/nowhere"]'
	run_container
	assert_status 127
	assert_output_has prog
}

@test "127 for a missing program, 126 for one that cannot be executed" {
	new_bundle
	set_args /bin/missing
	run_container
	assert_status 127
	assert_output_has "/bin/missing"
	assert_output_has "no such file or directory"
	assert_equal "$(ls "$ROOT")" ""
	echo data >"$BUNDLE/rootfs/bin/data"
	chmod 644 "$BUNDLE/rootfs/bin/data"
	set_args /bin/data
	run_container
	assert_status 126
	assert_output_has "permission denied"
	chmod 755 "$BUNDLE/rootfs/bin/data"
	run_container
	assert_status 126
	assert_equal "$(ls "$ROOT")" ""
}

@test "--detach leaves it running; --pid-file is the pid without a line break" {
	new_bundle
	set_sleep
	start_container --pid-file "$T/pid"
	wait_status "$ID" running
	assert_equal "$(cat "$T/pid")" "$(pid_of "$ID")"
	assert_equal "$(wc -l <"$T/pid")" 0
	kill -0 "$(cat "$T/pid")"
}

@test "--keep keeps the stopped container" {
	only_ctr
	new_bundle
	set_sh 'exit 3'
	run_container --keep
	assert_status 3
	wait_status "$ID" stopped
	ctr delete "$ID"
	run ctr state "$ID"
	assert_failure
}

@test "signals to the foreground command reach the program" {
	new_bundle
	set_sh 'trap "echo got-hup" HUP; trap "echo got-term; exit 9" TERM; echo ready; while :; do sleep 0.05; done'
	"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$T/log" 2>&1 </dev/null 3>&- &
	local pid=$!
	wait_until 10 grep -q ready "$T/log"
	kill -HUP $pid
	wait_until 10 grep -q got-hup "$T/log"
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	output=$(cat "$T/log")
	assert_status 9
	assert_output_has got-term
}

# Descriptor 3 of this shell is bats' own. with_fds COMMAND...: with 3 and 4 open to $T/file.
with_fds() { bash -c 'exec "$@" 3<"$0" 4<"$0"' "$T/file" "$@"; }

@test "descriptors of the caller are closed, --preserve-fds hands them on" {
	new_bundle
	set_sh 'ls /proc/self/fd; cat <&3'
	echo secret >"$T/file"
	run with_fds "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_lacks secret
	run with_fds "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" --preserve-fds 1 "$ID"
	assert_status 0
	assert_output_has secret
	set_sh 'cat <&4'
	run with_fds "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" --preserve-fds 1 "$ID"
	assert_failure
	run with_fds "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" --preserve-fds 2 "$ID"
	assert_output secret
}

@test "LISTEN_FDS are handed on with LISTEN_PID of the program" {
	new_bundle
	set_sh 'echo "fds=$LISTEN_FDS pid=$LISTEN_PID"; cat <&3'
	echo activated >"$T/file"
	run with_fds env LISTEN_FDS=1 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_line "fds=1 pid=1"
	assert_line activated
}

@test "an error becomes one JSON record in --log" {
	new_bundle
	set_args /bin/missing
	run -127 ctr --log "$T/log.json" --log-format json run -b "$BUNDLE" "$ID"
	assert_status 127
	jq -e '.level == "error" and (.msg | contains("/bin/missing")) and (.time | fromdateiso8601? // true)' "$T/log.json"
	assert_equal "$(wc -l <"$T/log.json")" 1
}

@test "an error in text in --log" {
	run ctr --log "$T/log.txt" state nothing
	assert_failure
	grep 'does not exist' "$T/log.txt"
}

@test "a bundle or configuration that is not there" {
	run ctr run -b "$T/none" "$ID"
	assert_status 1
	assert_output_has "$T/none"
	mkdir "$T/empty"
	run ctr run -b "$T/empty" "$ID"
	assert_status 1
	assert_output_has config.json
}

@test "--config takes another file" {
	only_ctr
	new_bundle
	jq '.process.args = ["echo", "other"]' "$BUNDLE/config.json" >"$T/other.json"
	run_container --config "$T/other.json"
	assert_output other
}

@test "wrong types in config.json are named" {
	only_ctr "others word it differently"
	new_bundle
	update_config '.process.args = "true"'
	run_container
	assert_status 1
	assert_output_has process.args
	new_bundle b2
	echo '{"ociVersion": "1.0.0", ' >"$BUNDLE/config.json"
	run_container
	assert_status 1
	assert_output_has config.json
}

@test "--dry-run prints the plan and starts nothing" {
	only_ctr
	new_bundle
	set_sh 'echo started'
	run_container --dry-run
	assert_status 0
	jq -e . <<<"$output" >/dev/null
	assert_equal "$(ls "$ROOT")" ""
}

@test "--init: a supervisor is pid 1 and reaps" {
	only_ctr
	new_bundle
	set_sh 'echo "pid $$"; (sleep 0.1 &) ; sleep 0.4; ps -o stat,pid | grep -c "^Z"; exit 5'
	run_container --init
	assert_status 5
	assert_line 0
	assert_output_lacks "pid 1"
}

@test "the same id again after the container is gone" {
	new_bundle
	set_args echo again
	run_container
	assert_output again
	run_container
	assert_output again
}

@test "the container is in namespaces of its own" {
	new_bundle
	set_sh 'for n in pid net ipc uts mnt cgroup; do readlink /proc/self/ns/$n; done; hostname'
	update_config '.hostname = "box"'
	run_container
	assert_status 0
	assert_line box
	for n in pid net ipc uts mnt cgroup; do
		assert_output_lacks "$(readlink /proc/self/ns/$n)"
	done
}

@test "the root is read-only when the configuration says so" {
	new_bundle
	set_sh 'touch /x && echo written'
	update_config '.root.readonly = true'
	run_container
	assert_failure
	assert_missing "$BUNDLE/rootfs/x"
	update_config '.root.readonly = false'
	run_container
	assert_output written
	assert_exists "$BUNDLE/rootfs/x"
}

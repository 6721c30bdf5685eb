# SPDX-License-Identifier: Apache-2.0
# What ctr tells criu, with a played criu that writes its words down; the real one runs in tests/vm.bats.

load helpers

setup()
{
	test_setup
	root_only
	mkdir "$T/bin"
	# dump: writes its words down. restore: starts a process of its own in the cgroup it was put into.
	cat >"$T/bin/criu" <<-'P'
	#!/bin/bash
	printf '%s\n' "$@" >"$CRIU_SAID"
	while [ $# -gt 0 ]; do
		case $1 in --images-dir) images=$2 ;; --work-dir) work=$2 ;; --log-file) log=$2 ;; --status-fd) echo ready >&"$2" ;; --pidfile) pidfile=$2 ;; esac
		shift
	done
	if [ -n "${CRIU_FAILS:-}" ]; then
		printf '(00.1) Error (criu/a.c:1): %s\n(00.2) Error (criu/b.c:2): Dumping FAILED.\n(00.3) end\n' "$CRIU_FAILS" >"$work/$log"
		exit 1
	fi
	grep NoNewPrivs /proc/self/status >>"$CRIU_SAID"
	findmnt -n -o OPTIONS "$CRIU_ROOT" >>"$CRIU_SAID" 2>/dev/null
	if [ -n "${pidfile:-}" ]; then
		setsid sleep 1000 </dev/null >/dev/null 2>&1 &
		echo $! >"$pidfile"
	fi
	exit 0
	P
	chmod 755 "$T/bin/criu"
	export CRIU_SAID=$T/said
	PATH=$T/bin:$PATH
	new_bundle
	mkdir "$T/volume"
	update_config '.process.args = ["sleep", "1000"] | .mounts += [{destination: "/vol", source: $v, type: "bind", options: ["rbind"]}]' --arg v "$T/volume"
	export CRIU_ROOT=$BUNDLE/rootfs
}

running()
{
	ctr run --detach -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1
}

# said LINE...: these lines follow each other in what criu was told.
said()
{
	local want
	want=$(printf '%s\n' "$@")
	[[ $'\n'$(cat "$CRIU_SAID")$'\n' == *$'\n'"$want"$'\n'* ]] || { echo "criu was not told: $*"; cat "$CRIU_SAID"; return 1; }
}

@test "checkpoint: every option has its word, what came from outside is named, and the container is gone" {
	running
	pid=$(ctr state "$ID" | jq .pid)
	try ctr checkpoint --status-fd 7 "$ID"
	assert_status 1
	assert_output "ctr: --status-fd: descriptor 7 is not open"
	exec 7>"$T/ready"
	try ctr checkpoint --image-path "$T/i" --work-path "$T/w" --tcp-established --ext-unix-sk --shell-job --file-locks \
		--auto-dedup --lazy-pages --tcp-skip-in-flight --page-server 127.0.0.1:99 --status-fd 7 --manage-cgroups-mode soft \
		--empty-ns network --network-lock nftables --link-remap "$ID"
	assert_success
	assert_output ""
	said dump --images-dir "$T/i" --work-dir "$T/w" --log-file dump.log
	said --root "$BUNDLE/rootfs"
	said --tree "$pid"
	for w in --manage-cgroups=soft --tcp-established --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages \
		--skip-in-flight --link-remap; do said "$w"; done
	said --page-server --address 127.0.0.1 --port 99
	said --status-fd 7
	exec 7>&-
	assert_equal "$(cat "$T/ready")" ready
	said --empty-ns net
	said --network-lock nftables
	said --external "mnt[/vol]:/vol"
	said --external "mnt[/proc/interrupts]:/proc/interrupts"
	try ctr state "$ID"
	assert_status 1
	assert_output_has "does not exist"
}

@test "checkpoint: --leave-running and --pre-dump leave it running; a parent is relative" {
	running
	ctr checkpoint --image-path "$T/i" --leave-running "$ID"
	said --leave-running
	ctr checkpoint --image-path "$T/i" --pre-dump "$ID"
	said pre-dump
	said --track-mem
	ctr checkpoint --image-path "$T/i" --leave-running --parent-path ../before "$ID"
	said --prev-images-dir ../before
	try ctr checkpoint --image-path "$T/i" --parent-path /before "$ID"
	assert_status 1
	assert_output_has "must be relative to the images"
	assert_equal "$(ctr state "$ID" | jq -r .status)" running
	ctr pause "$ID"
	ctr checkpoint --image-path "$T/i" --leave-running "$ID"
	assert_equal "$(ctr state "$ID" | jq -r .status)" paused
	ctr delete --force "$ID"
}

@test "checkpoint: a network namespace of others stays theirs, at both ends" {
	# Held by a mount, as an engine does it.
	: >"$T/ns"
	unshare -n mount --bind /proc/self/ns/net "$T/ns" 2>/dev/null || skip "no namespace can be held by a mount here"
	update_config '(.linux.namespaces[] | select(.type == "network")).path = $p' --arg p "$T/ns"
	running
	ctr checkpoint --image-path "$T/i" "$ID"
	said --external "net[$(stat -Lc %i "$T/ns")]:extRootNetNS"
	ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	grep -q '^fd\[[0-9]*\]:extRootNetNS$' "$CRIU_SAID"
	ctr delete --force "$ID"
	umount "$T/ns"
}

@test "checkpoint: criu's own complaint is the error, and the container runs on" {
	running
	CRIU_FAILS="cannot dump this" try ctr checkpoint --image-path "$T/i" "$ID"
	assert_status 1
	assert_output "ctr: criu failed: cannot dump this (log file: $T/i/dump.log)"
	assert_equal "$(ctr state "$ID" | jq -r .status)" running
	ctr delete --force "$ID"
}

@test "checkpoint: what it cannot hold, wrong words, and no criu at all are errors" {
	running
	try ctr checkpoint --manage-cgroups-mode some "$ID"
	assert_output_has 'invalid --manage-cgroups-mode "some"'
	try ctr checkpoint --empty-ns pid "$ID"
	assert_output_has 'invalid --empty-ns "pid"'
	rm "$T/bin/criu"
	PATH=$T/bin:/nosuch try "$RUNTIME" --root "$ROOT" checkpoint --image-path "$T/i" "$ID"
	[ -x /usr/sbin/criu ] || assert_output_has "need the program criu (package criu)"
	ctr delete --force "$ID"
	try ctr checkpoint --image-path "$T/i" "$ID"
	assert_status 1
	assert_output_has "does not exist"
	ctr create -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1
	try ctr checkpoint --image-path "$T/i" "$ID"
	assert_output_has "container not running"
	ctr delete --force "$ID"
}

@test "restore: the process is ours, in its cgroup, with what was asked for; and nothing is left of one that fails" {
	update_config '.process.noNewPrivileges = true | .root.readonly = true'
	ctr restore --detach -b "$BUNDLE" --image-path "$T/i" --pid-file "$T/pid" --tcp-established -no-subreaper "$ID"
	said restore --images-dir "$T/i" --work-dir "$T/i" --log-file restore.log
	for w in --restore-detached --restore-sibling --tcp-established; do said "$w"; done
	said --external "mnt[/vol]:$T/volume"
	said --external "mnt[/proc/interrupts]:/dev/null"
	grep -q '^NoNewPrivs:.*1$' "$CRIU_SAID"
	grep -q '^ro,' "$CRIU_SAID"
	assert_equal "$(ctr state "$ID" | jq -r .status)" running
	pid=$(cat "$T/pid")
	assert_equal "$(ctr state "$ID" | jq .pid)" "$pid"
	grep -q "/$ID\$" "/proc/$pid/cgroup"
	try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_output_has "already exists"
	ctr delete --force "$ID"
	ctr restore --detach -b "$BUNDLE" --image-path "$T/i" --manage-cgroups-mode soft "$ID"
	said --cgroup-root "$(cut -d: -f3 "/proc/$(ctr state "$ID" | jq .pid)/cgroup" | tail -n 1)"
	ctr delete --force "$ID"
	CRIU_FAILS="no image" try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_status 1
	assert_output "ctr: criu failed: no image (log file: $T/i/restore.log)"
	try ctr state "$ID"
	assert_output_has "does not exist"
}

@test "restore: a protection that did not come back ends it" {
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}'
	try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_status 1
	assert_output "ctr: the restored process does not have its seccomp filter"
	try ctr state "$ID"
	assert_output_has "does not exist"
}

@test "restore: --help and an option without its value are answered as engines probe them" {
	try ctr checkpoint --help
	assert_success
	try ctr restore --lsm-mount-context
	assert_status 1
	assert_output_has "flag needs an argument"
	assert_equal "$(ctr features | jq -r '.annotations["org.opencontainers.runc.checkpoint.enabled"]')" true
}

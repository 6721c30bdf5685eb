# SPDX-License-Identifier: Apache-2.0
# What ctr tells criu, with a played criu that writes its words down; the real one runs in tests/vm.bats.

load helpers

setup()
{
	test_setup
	root_only
	mkdir "$T/bin"
	ln -s "$TOP/tests/lib/played-criu" "$T/bin/criu"
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
	said --inherit-fd extRootNetNS "$T/ns"
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
	cp "$BUNDLE/config.json" "$T/config.json"
	update_config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 9}] |
		.linux.gidMappings = .linux.uidMappings'
	try ctr restore -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_output_has "it has a user namespace of its own, which criu's images cannot hold"
	cp "$T/config.json" "$BUNDLE/config.json"
	ctr create -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1
	try ctr checkpoint --image-path "$T/i" "$ID"
	assert_output_has "container not running"
	ctr delete --force "$ID"
}

@test "restore: the process is ours, in its cgroup, with what was asked for; and nothing is left of one that fails" {
	update_config '.process.noNewPrivileges = true | .root.readonly = true'
	ctr restore --detach -b "$BUNDLE" --image-path "$T/i" --pid-file "$T/pid" --tcp-established -no-subreaper "$ID"
	said restore --images-dir "$T/i" --work-dir "$T/i"
	said --log-file restore.log
	said cgroups-mode 0
	for w in notify --restore-sibling --tcp-established --mntns-compat-mode; do said "$w"; done
	! grep -q 'unknown field' "$CRIU_SAID"
	said --external "mnt[/vol]:$T/volume"
	said --external "mnt[/proc/interrupts]:/dev/null"
	grep -q '^NoNewPrivs:.*1$' "$CRIU_SAID"
	grep -q '^options ro' "$CRIU_SAID"
	assert_equal "$(ctr state "$ID" | jq -r .status)" running
	pid=$(cat "$T/pid")
	assert_equal "$(ctr state "$ID" | jq .pid)" "$pid"
	grep -q "/$ID\$" "/proc/$pid/cgroup"
	try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_output_has "already exists"
	ctr delete --force "$ID"
	ctr restore --detach -b "$BUNDLE" --image-path "$T/i" --manage-cgroups-mode soft --network-lock nftables --empty-ns network \
		--lsm-profile apparmor:some --lsm-mount-context c --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages \
		--tcp-close --work-path "$T/w" "$ID"
	! grep -q 'unknown field' "$CRIU_SAID"
	said --images-dir "$T/i" --work-dir "$T/w"
	for w in --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages --tcp-close; do said "$w"; done
	said cgroups-mode 3
	said network-lock 2
	said empty-ns $((0x40000000))
	said --lsm-profile apparmor:some
	said --lsm-mount-context c
	said --cgroup-root "$(cut -d: -f3 "/proc/$(ctr state "$ID" | jq .pid)/cgroup" | tail -n 1)"
	ctr delete --force "$ID"
	CRIU_FAILS="no image" try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_status 1
	assert_output "ctr: criu failed: no image (log file: $T/i/restore.log)"
	try ctr state "$ID"
	assert_output_has "does not exist"
}

@test "restore: a bind whose source is relative to the bundle" {
	mkdir "$BUNDLE/data"
	update_config '.mounts += [{destination: "/data", source: "data", type: "bind", options: ["bind"]}]'
	running
	ctr checkpoint --image-path "$T/i" "$ID"
	said --external "mnt[/data]:/data"
	ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	said --external "mnt[/data]:$BUNDLE/data"
	ctr delete --force "$ID"
}

@test "restore: a protection that did not come back ends it" {
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}'
	try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_status 1
	assert_output "ctr: the restored process does not have its seccomp filter"
	try ctr state "$ID"
	assert_output_has "does not exist"
}

@test "restore: hooks before the start run again, and one that fails ends it" {
	update_config '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", $h]}], poststop: [{path: "/bin/sh", args: ["sh", "-c", $p]}]}' \
		--arg h "cat >'$T/hook'" --arg p "touch '$T/stopped'"
	ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_equal "$(jq -r '.status, .pid' "$T/hook" | xargs)" "creating $(ctr state "$ID" | jq .pid)"
	ctr delete --force "$ID"
	update_config '.hooks.createRuntime[0].args[2] = "echo no >&2; exit 3"'
	rm "$T/stopped"
	try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_status 1
	assert_output "ctr: createRuntime hook 0 (/bin/sh): exit status 3: no"
	[ -e "$T/stopped" ]
	try ctr state "$ID"
	assert_output_has "does not exist"
}

@test "restore: a terminal goes to the console socket; without one, or without a terminal in the images, it is an error" {
	update_config '.process.terminal = true'
	try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" "$ID"
	assert_output_has "needs --console-socket"
	python3 -c 'if 1:
		import socket, os, sys
		s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); c, _ = s.accept()
		_, fds, _, _ = socket.recv_fds(c, 100, 1)
		print(os.read(fds[0], 100).decode())' "$T/console" >"$T/heard" 3>&- &
	wait_until 20 test -S "$T/console"
	CRIU_TERMINAL=1 ctr restore --detach -b "$BUNDLE" --image-path "$T/i" --console-socket "$T/console" "$ID"
	said terminal
	said --external "mnt[/dev/console]:/dev/null"
	wait $!
	assert_equal "$(cat "$T/heard")" hello
	ctr delete --force "$ID"
	try ctr restore --detach -b "$BUNDLE" --image-path "$T/i" --console-socket "$T/console" "$ID"
	assert_status 1
	assert_output "ctr: criu restored no terminal, and process.terminal is true"
}

@test "restore: --help and an option without its value are answered as engines probe them" {
	try ctr checkpoint --help
	assert_success
	try ctr restore --lsm-mount-context
	assert_status 1
	assert_output_has "flag needs an argument"
	assert_equal "$(ctr features | jq -r '.annotations["org.opencontainers.runc.checkpoint.enabled"]')" true
}

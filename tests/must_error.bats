# SPDX-License-Identifier: Apache-2.0
# rootless
# Every "must generate an error" of the specification, by the number it has in this project: E1 to E37. E26 (a new
# limit below the use) needs a memory controller: tests/vm.bats. E27 to E30 (intelRdt): tests/rdt.bats.

load helpers

setup() { test_setup; new_bundle; set_args true; }

# Refused, with this text, and nothing is left.
refused()
{
	run_container
	assert_status 1
	assert_output_has "$1"
	assert_equal "$(wc -l <<<"$output")" 1
	assert_equal "$(ls "$ROOT")" ""
}

# with FILTER TEXT: the bundle changed by FILTER alone is refused with TEXT.
with()
{
	cp "$BUNDLE/config.json" "$T/keep"
	update_config "$1"
	refused "$2"
	mv "$T/keep" "$BUNDLE/config.json"
}

@test "E1 commands without an id" {
	for c in state start kill delete; do
		run ctr $c
		assert_failure
	done
}

@test "E2 an unknown id" {
	for c in state start "kill" delete pause resume ps "exec" events update; do
		run ctr $c nobody true
		assert_failure
		[ $c = exec ] || run ctr $c nobody
		assert_failure
		assert_output_has "nobody"
	done
	run ctr state nobody
	assert_output_has 'container "nobody" does not exist'
}

@test "E3 create without an id, a bundle that is none" {
	run ctr create -b "$BUNDLE"
	assert_failure
	run ctr create -b "$T/none" "$ID"
	assert_status 1
	assert_output_has "bundle $T/none: missing"
}

@test "E4 an id that is invalid or in use" {
	for id in "" . .. a/b $'a\nb' "$(printf 'x%.0s' $(seq 2000))"; do
		run ctr run -b "$BUNDLE" "$id"
		assert_status 1
	done
	create_container
	run ctr create -b "$BUNDLE" "$ID"
	assert_status 1
	assert_output_has "already exists"
	assert_equal "$(status_of "$ID")" created
}

@test "E5 a property that cannot be applied leaves no container" {
	with '.process.rlimits = [{type:"RLIMIT_NOFILE",soft:10,hard:9999999999}]' "RLIMIT_NOFILE"
	with '.hostname = "'"$(printf 'h%.0s' $(seq 65))"'"' "hostname"
}

@test "E6 start when not created, or without a process" {
	set_sleep
	start_container
	run ctr start "$ID"
	assert_status 1
	ctr delete --force "$ID"
	with 'del(.process)' "process"
}

@test "E7 kill when not created or running" {
	ctr create -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 3>&-
	ctr start "$ID"
	wait_status "$ID" stopped
	run ctr kill "$ID" TERM
	assert_status 1
	assert_output_has "not running"
}

@test "E8 delete when not stopped" {
	set_sleep
	start_container
	run ctr delete "$ID"
	assert_status 1
	assert_output_has "must be stopped"
	assert_equal "$(status_of "$ID")" running
}

@test "E9 a failing hook" {
	for p in prestart createRuntime createContainer poststart; do
		with '.hooks["'$p'"] = [{path:"/bin/false"}]' "$p hook 0"
	done
	with '.hooks.startContainer = [{path:"/bin/sh",args:["sh","-c","exit 3"]}]' "startContainer hook 0"
}

@test "E10 known members with invalid values" {
	with '.process.terminal = "yes"' "process.terminal"
	with '.linux.namespaces[0].type = "pidd"' "linux.namespaces[0].type"
	with '.process.user.uid = -1' "process.user.uid"
	with '.process.user.uid = 1.5' "process.user.uid"
}

@test "E11 a version that is none, or not compatible" {
	with '.ociVersion = "2.0.0"' "ociVersion"
	with '.ociVersion = "one"' "ociVersion"
}

@test "E12 an rlimit that the kernel does not have" { with '.process.rlimits = [{type:"RLIMIT_FLY",soft:1,hard:1}]' "process.rlimits[0].type"; }

@test "E13 the same rlimit twice" { with '.process.rlimits = [{type:"RLIMIT_CORE",soft:1,hard:1},{type:"RLIMIT_CORE",soft:1,hard:1}]' "process.rlimits[1]"; }

@test "E14 idmap without mappings and without a user namespace" {
	root_only "an ordinary user always has one"
	with '.mounts += [{destination:"/m",type:"bind",source:"/tmp",options:["bind","idmap"]}]' "needs uidMappings and gidMappings, or a user namespace"
}

@test "E15 only one of the mappings of a mount" {
	for m in uidMappings gidMappings; do
		with '.mounts += [{destination:"/m",type:"bind",source:"/tmp",options:["bind"],'$m':[{containerID:0,hostID:0,size:1}]}]' "Mappings"
	done
}

@test "E16 a relative working directory, no arguments" {
	with '.process.cwd = "tmp"' "process.cwd"
	with '.process.args = []' "process.args"
	with 'del(.process.args)' "process.args"
}

@test "E17 hooks with a relative path or without time" {
	with '.hooks.prestart = [{path:"bin/true"}]' "hooks.prestart[0].path"
	with '.hooks.poststop = [{path:"/bin/true",timeout:0}]' "hooks.poststop[0].timeout"
}

@test "E18 a namespace path of another type" {
	with '.linux.namespaces |= map(if .type == "uts" then .path = "/proc/self/ns/ipc" else . end)' "is a namespace of type ipc, not uts"
	with '.linux.namespaces |= map(if .type == "uts" then .path = "/etc/passwd" else . end)' "is not a namespace"
}

@test "E19 a namespace twice" { with '.linux.namespaces += [{type:"uts"}]' "linux.namespaces"; }

@test "E20 something else at the path of a device" {
	root_only
	touch "$BUNDLE/rootfs/etc/device"
	with '.linux.devices = [{path:"/etc/device",type:"c",major:1,minor:3}]' "/etc/device"
	[ -f "$BUNDLE/rootfs/etc/device" ]
}

@test "E21 a network device that is not there" {
	root_only
	with '.linux.netDevices = {nodev77:{}}' "nodev77"
}

@test "E22 a cgroup that is not fit for it" {
	needs_cgroup
	root_only
	mkdir -p /sys/fs/cgroup/ctr/busy
	sleep 100 3>&- &
	echo $! >/sys/fs/cgroup/ctr/busy/cgroup.procs
	with '.linux.cgroupsPath = "/ctr/busy"' "busy"
	kill $!
	wait $! || :
	wait_until 5 rmdir /sys/fs/cgroup/ctr/busy
	rmdir /sys/fs/cgroup/ctr 2>/dev/null || :
}

@test "E23 a cgroup path that is invalid" {
	for p in / /a/../../b ..; do with '.linux.cgroupsPath = "'$p'"' "cgroup"; done
	update_config '.linux.cgroupsPath = "a:b"'
	run ctr --systemd-cgroup run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_output_has "a:b"
}

@test "E24 unified keys of a controller that is not there" {
	needs_cgroup
	with '.linux.resources.unified = {"nothere.max":"1"}' "nothere"
	with '.linux.resources.unified = {"../x":"1"}' 'linux.resources.unified["../x"]'
}

@test "E25 values of v1 without a counterpart" {
	needs_cgroup
	with '.linux.resources.memory = {kernel:1048576}' "kernel"
	with '.linux.resources.cpu = {realtimeRuntime:1}' "realtime"
	with '.linux.resources.network = {classID:1}' "classID"
}

@test "E31 errnoRet for actions that have none" { with '.linux.seccomp = {defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["sync"],action:"SCMP_ACT_KILL",errnoRet:1}]}' "errnoRet"; }

@test "E32 a listener that nobody has" { with '.linux.seccomp = {defaultAction:"SCMP_ACT_ALLOW",listenerPath:"/nowhere.sock",syscalls:[{names:["sync"],action:"SCMP_ACT_NOTIFY"}]}' "/nowhere.sock"; }

@test "E33 listenerMetadata without listenerPath" { with '.linux.seccomp = {defaultAction:"SCMP_ACT_ALLOW",listenerMetadata:"x"}' "listenerMetadata"; }

@test "E34 entries without a value" {
	with '.linux.resources.blockIO = {weightDevice:[{major:8,minor:0}]}' "linux.resources.blockIO.weightDevice[0]"
	with '.linux.resources.rdma = {mlx:{}}' 'linux.resources.rdma["mlx"]'
}

@test "E35 paths that are not absolute" {
	with '.linux.maskedPaths = ["proc/kcore"]' "linux.maskedPaths[0]"
	with '.linux.readonlyPaths = ["proc/sys"]' "linux.readonlyPaths[0]"
	with '.linux.namespaces[0].path = "ns/x"' "linux.namespaces[0].path"
	with '.vm = {kernel:{path:"vmlinuz"}}' "vm.kernel.path"
}

@test "E36 schemata of several lines" {
	with '.linux.intelRdt = {l3CacheSchema:"L3:0=f\nMB:0=1"}' "linux.intelRdt.l3CacheSchema"
	with '.linux.intelRdt = {memBwSchema:"0=1"}' "linux.intelRdt.memBwSchema"
	with '.linux.intelRdt = {schemata:["a\nb"]}' "linux.intelRdt.schemata[0]"
}

@test "E37 duplicate names, bytes that are no UTF-8" {
	sed -i '0,/{/s//{ "hostname": "a", "hostname": "b",/' "$BUNDLE/config.json"
	refused "hostname"
	printf '{"ociVersion":"1.3.0","hostname":"\xff"}' >"$BUNDLE/config.json"
	refused "config.json:1:"
}

@test "must not be errors: unknown members, a size without a terminal, listenerPath without a rule for it" {
	update_config '.nobody = {knows:1} | .process.consoleSize = {height:1,width:1} | .linux.seccomp = {defaultAction:"SCMP_ACT_ALLOW",
		listenerPath:"/nowhere.sock",syscalls:[]}'
	run_container
	assert_success
}

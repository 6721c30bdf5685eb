#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What an ordinary user can do, cannot do, and is told: no privilege, a cgroup handed down at best, the state in
# the user's own directory; and the same inside a user namespace that an engine has entered before.
# rootless only

load helpers

setup() { rootless_only; test_setup; new_bundle; }
teardown() { [ "$TEST_MODE" != rootless ] || test_teardown; }

# A bundle without a user namespace of its own, as an engine gives that has entered one.
engine_bundle()
{
	update_config '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)'
}

# inside COMMAND...: as root of a user namespace with all ids of the user, in a mount namespace of it.
inside() { unshare -U -m --map-root-user --map-auto "$@"; }
can_map() { inside true 2>/dev/null || skip "cannot map subordinate ids here (package uidmap)"; }

@test "root inside is the user outside" {
	set_sh 'id -u; echo made >/out/file'
	mkdir "$T/out"
	update_config '.mounts += [{destination:"/out",type:"bind",source:$s,options:["bind"]}]' --arg s "$T/out"
	run_container
	assert_success
	assert_output 0
	assert_equal "$(stat -c %u:%g "$T/out/file")" "$(id -u):$(id -g)"
}

@test "the program has all capabilities of its namespace that the configuration gives, and none outside" {
	set_sh 'hostname other 2>/dev/null && echo renamed; mount -t tmpfs none /mnt 2>/dev/null && echo mounted; exit 0'
	host=$(hostname)
	run_container
	assert_success
	assert_output_lacks mounted
	assert_equal "$(hostname)" "$host"
}

@test "the state is below XDG_RUNTIME_DIR when --root is not given" {
	mkdir -m 700 "$T/xdg"
	set_sleep
	XDG_RUNTIME_DIR=$T/xdg timeout 20 "$RUNTIME" run -d -b "$BUNDLE" "$ID" >"$T/log" 2>&1 </dev/null 3>&-
	found=$(find "$T/xdg" -name "$ID")
	XDG_RUNTIME_DIR=$T/xdg timeout 20 "$RUNTIME" delete --force "$ID"
	[ -n "$found" ] || fail "nothing below XDG_RUNTIME_DIR"
	[ -z "$(find "$T/xdg" -name "$ID")" ] || fail "left behind"
}

@test "nobody else may look into the state" {
	only_ctr
	mkdir -m 755 "$T/open"
	set_sleep
	"$RUNTIME" --root "$T/open/new" run -d -b "$BUNDLE" "$ID" >"$T/log" 2>&1 </dev/null 3>&-
	mode=$(stat -c %a "$T/open/new")
	"$RUNTIME" --root "$T/open/new" delete --force "$ID"
	assert_equal "$mode" 700
}

@test "a state root that is not the user's is refused in one line" {
	set_args true
	for dir in /proc /root/x /usr/x; do
		run --separate-stderr "$RUNTIME" --root "$dir" run -b "$BUNDLE" "$ID" 3>&-
		assert_failure
		assert_equal "$(wc -l <<<"$stderr")" 1
	done
}

@test "--rootless auto and true" {
	only_ctr
	set_args true
	run ctr --rootless=true run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	run ctr --rootless auto run -b "$BUNDLE" "$ID" 3>&-
	assert_success
}

@test "without a user namespace the start is refused, or gets one; never half done" {
	set_sh 'id -u'
	engine_bundle
	run --separate-stderr ctr run -b "$BUNDLE" "$ID" 3>&-
	if [ "$status" = 0 ]; then
		assert_output 0
	else
		assert_equal "$(wc -l <<<"$stderr")" 1
	fi
	assert_missing "$ROOT/$ID"
}

@test "ids that are not the user's cannot be mapped" {
	set_args true
	update_config '.linux.uidMappings = [{containerID:0,hostID:0,size:1}]'
	run_container
	assert_failure
	assert_missing "$ROOT/$ID"
	update_config '.linux.uidMappings = [{containerID:0,hostID:$u,size:1},{containerID:1,hostID:1,size:10}]' --argjson u "$(id -u)"
	run_container
	assert_failure
	assert_missing "$ROOT/$ID"
}

@test "subordinate ids through newuidmap: files of several owners" {
	needs newuidmap uidmap
	start=$(awk -F: -v u="$(id -un)" '$1 == u { print $2; exit }' /etc/subuid)
	[ -n "$start" ] || skip "no line in /etc/subuid"
	update_config '.linux.uidMappings = [{containerID:0,hostID:$u,size:1},{containerID:1,hostID:$s,size:1000}]
		| .linux.gidMappings = [{containerID:0,hostID:$g,size:1},{containerID:1,hostID:$s,size:1000}]
		| .mounts += [{destination:"/out",type:"bind",source:$o,options:["bind"]}]
		| .process.capabilities |= map_values(. + ["CAP_CHOWN"])' \
		--argjson u "$(id -u)" --argjson g "$(id -g)" --argjson s "$start" --arg o "$T/out"
	mkdir "$T/out"
	set_sh 'echo >/out/a; chown 100:200 /out/a; stat -c %u:%g /out/a'
	run_container
	assert_success
	assert_output 100:200
	assert_equal "$(stat -c %u:%g "$T/out/a")" "$((start + 99)):$((start + 199))"
	# Only the mapped ids can take it away again.
	rm -f "$T/out/a"
}

@test "newuidmap is found without PATH" {
	needs newuidmap uidmap
	start=$(awk -F: -v u="$(id -un)" '$1 == u { print $2; exit }' /etc/subuid)
	[ -n "$start" ] || skip "no line in /etc/subuid"
	only_ctr "others look it up in PATH"
	update_config '.linux.uidMappings = [{containerID:0,hostID:$u,size:1},{containerID:1,hostID:$s,size:1000}]
		| .linux.gidMappings = [{containerID:0,hostID:$g,size:1},{containerID:1,hostID:$s,size:1000}]' \
		--argjson u "$(id -u)" --argjson g "$(id -g)" --argjson s "$start"
	set_sh 'wc -l </proc/self/uid_map'
	run env -i "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	assert_output 2
}

@test "a program of a PATH that the user controls is not taken for newuidmap" {
	needs newuidmap uidmap
	only_ctr "others look it up in PATH"
	start=$(awk -F: -v u="$(id -un)" '$1 == u { print $2; exit }' /etc/subuid)
	[ -n "$start" ] || skip "no line in /etc/subuid"
	mkdir "$T/bin"
	printf '#!/bin/sh\necho taken >"%s/taken"\n' "$T" >"$T/bin/newuidmap"
	chmod 755 "$T/bin/newuidmap"
	update_config '.linux.uidMappings = [{containerID:0,hostID:$u,size:1},{containerID:1,hostID:$s,size:1000}]
		| .linux.gidMappings = [{containerID:0,hostID:$g,size:1},{containerID:1,hostID:$s,size:1000}]' \
		--argjson u "$(id -u)" --argjson g "$(id -g)" --argjson s "$start"
	set_args true
	PATH=$T/bin:$PATH run_container
	assert_success
	assert_missing "$T/taken"
}

@test "a lower oomScoreAdj than the caller's is an error, a higher one is set" {
	set_args cat /proc/self/oom_score_adj
	update_config '.process.oomScoreAdj = 500'
	run_container
	assert_output 500
	update_config '.process.oomScoreAdj = -900'
	run_container
	assert_failure
	assert_missing "$ROOT/$ID"
}

@test "a limit above the hard one is an error, one below is set" {
	set_sh 'ulimit -n'
	update_config '.process.rlimits = [{type:"RLIMIT_NOFILE",soft:77,hard:88}]'
	run_container
	assert_output 77
	hard=$(ulimit -Hn)
	[ "$hard" != unlimited ] || skip "no hard limit"
	update_config '.process.rlimits = [{type:"RLIMIT_NOFILE",soft:1,hard:$h}]' --argjson h $((hard + 1))
	run_container
	assert_failure
	assert_output_lacks "no such file"
	assert_missing "$ROOT/$ID"
}

@test "device nodes are the host's, usable" {
	set_sh 'echo x >/dev/null && head -c 4 /dev/zero | wc -c && [ -c /dev/urandom ] && head -c 2 /dev/urandom | wc -c; : </dev/full && echo ok'
	run_container
	assert_success
	assert_output $'4\n2\nok'
}

@test "/sys without a network namespace of its own" {
	update_config '.linux.namespaces |= map(select(.type != "network"))
		| .mounts |= map(if .destination == "/sys" then {destination:"/sys",type:"bind",source:"/sys",options:["rbind","ro"]} else . end)
		| .mounts |= map(select(.destination != "/sys/fs/cgroup"))'
	set_sh 'ls /sys >/dev/null && echo seen'
	run_container
	assert_success
	assert_output seen
}

@test "a place in a cgroup that was handed down: pause, resume, kill --all, delete" {
	needs_cgroup
	update_config '.linux.cgroupsPath = $p' --arg p "${CTR_TEST_CGROUP:-}/here-$BATS_TEST_NUMBER"
	set_sh 'sleep 1000 & sleep 1000 & wait'
	start_container
	grep -q "here-$BATS_TEST_NUMBER" "/proc/$(pid_of "$ID")/cgroup" || fail "not there: $(cat "/proc/$(pid_of "$ID")/cgroup")"
	ctr pause "$ID"
	assert_equal "$(status_of "$ID")" paused
	ctr resume "$ID"
	assert_equal "$(status_of "$ID")" running
	ctr kill --all "$ID" KILL
	wait_status "$ID" stopped
	ctr delete "$ID"
	assert_missing "/sys/fs/cgroup${CTR_TEST_CGROUP:-}/here-$BATS_TEST_NUMBER"
}

@test "a cgroup that was not handed down is an error when it is asked for" {
	[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs cgroup v2"
	[ ! -w /sys/fs/cgroup ] || skip "the root of the hierarchy is the user's"
	update_config '.linux.cgroupsPath = "/not-mine"'
	set_args true
	run_container
	assert_failure
	assert_missing /sys/fs/cgroup/not-mine
	assert_missing "$ROOT/$ID"
}

@test "a limit that cannot be set is an error that names it, not a silent pass" {
	! grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null || skip "the memory controller is there"
	only_ctr
	set_args true
	update_config '.linux.resources = {memory:{limit:50000000}}'
	run_container
	assert_failure
	assert_output_has memory
	assert_output_lacks "no such file"
}

@test "resources that say nothing are no reason to fail" {
	set_args true
	update_config '.linux.resources = {devices:[{allow:false,access:"rwm"}],blockIO:{},memory:{},cpu:{},pids:null}'
	run_container
	[[ $status = 0 || $("$RUNTIME" --version) != ctr* ]] || fail "refused"
}

@test "detached, exec, kill and delete" {
	set_sleep
	start_container
	run ctr exec "$ID" sh -c 'id -u; exit 5' 3>&-
	assert_status 5
	assert_output 0
	ctr kill "$ID" TERM
	wait_status "$ID" stopped
	ctr delete "$ID"
}

@test "exec joins the user namespace: the ids are those of the container" {
	set_sleep
	start_container
	run ctr exec "$ID" cat /proc/self/uid_map 3>&-
	assert_success
	# Others map subordinate ids behind it.
	assert_equal "$(head -n 1 <<<"$output" | tr -s ' ')" " 0 $(id -u) 1"
}

@test "inside an engine's user namespace: uid 0 without a namespace of its own" {
	can_map
	engine_bundle
	set_sh 'id -u; cat /proc/self/uid_map | wc -l'
	run inside timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	assert_line 0
	assert_line 2
}

@test "inside an engine's user namespace: another user of the image" {
	can_map
	engine_bundle
	update_config '.process.user = {uid:1000,gid:1000,additionalGids:[5]}'
	set_sh 'id -u; id -G'
	run inside timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	assert_output $'1000\n1000 5'
}

@test "inside an engine's user namespace: a nested one (keep-id)" {
	can_map
	update_config '.linux.uidMappings = [{containerID:1000,hostID:0,size:1},{containerID:0,hostID:1,size:1000}]
		| .linux.gidMappings = .linux.uidMappings | .process.user = {uid:1000,gid:1000}'
	set_sh 'id -u; stat -c %u /bin/busybox'
	run inside timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	assert_output $'1000\n1000'
}

@test "inside an engine's user namespace: a root that only its mount namespace sees" {
	can_map
	engine_bundle
	mkdir "$T/up" "$T/work" "$T/merged"
	update_config '.root.path = $r | .root.readonly = false' --arg r "$T/merged"
	set_sh 'echo new >/tmp/new; cat /tmp/new'
	run inside timeout 20 sh -c 'mount -t tmpfs none "$1/merged" && cp -r "$2/rootfs/." "$1/merged/" &&
		exec "$3" --root "$4" run -b "$2" "$5"' x "$T" "$BUNDLE" "$RUNTIME" "$ROOT" "$ID" 3>&-
	assert_success
	assert_output new
	[ -z "$(ls -A "$T/merged")" ] || fail "it reached the directory below"
}

@test "inside an engine's user namespace: create, start, exec and delete from there" {
	can_map
	engine_bundle
	set_sleep
	run inside timeout 20 sh -c 'c="$1 --root $2"; b=$3; i=$4
		$c create -b "$b" "$i" </dev/null >/dev/null 2>&1 && $c start "$i" && $c exec "$i" echo in && $c delete --force "$i"' \
		x "$RUNTIME" "$ROOT" "$BUNDLE" "$ID" 3>&-
	assert_success
	assert_output in
	assert_missing "$ROOT/$ID"
}

@test "no descriptor, variable or process of the user is left when the start fails" {
	update_config '.mounts += [{destination:"/m",type:"bind",source:"/does/not/exist",options:["bind"]}]'
	for _ in 1 2 3; do
		run_container
		assert_failure
	done
	[ -z "$(ls -A "$ROOT")" ] || fail "state left"
}

@test "oomScoreAdj reaches exec, and a container started inside a user namespace that denies setgroups" {
	set_args sleep 20
	update_config '.process.oomScoreAdj = 300'
	start_container
	run ctr exec "$ID" cat /proc/self/oom_score_adj 3>&-
	assert_output 300
	ctr delete --force "$ID"
	update_config '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)
		| .process.args = ["cat", "/proc/self/oom_score_adj"]'
	# Another state root: inside, its owner is somebody else.
	run unshare -Urm "$RUNTIME" --root "$T/inner" --cgroup-manager disabled run -b "$BUNDLE" "$ID" 3>&-
	assert_output 300
}

@test "offsets of a time namespace" {
	[ -e /proc/self/ns/time ] || skip "the kernel has no time namespaces"
	update_config '.linux.namespaces+=[{type:"time"}] | .linux.timeOffsets={monotonic:{secs:1000000},boottime:{secs:2000000,nanosecs:5}}'
	set_sh 'tr -s " " </proc/self/timens_offsets; cut -d. -f1 /proc/uptime'
	run_container
	assert_success
	assert_line "monotonic 1000000 0"
	assert_line "boottime 2000000 5"
	[ "$(grep -x "[0-9]*" <<<"$output")" -gt 2000000 ] || fail "the uptime is the host's"
	update_config '.linux.timeOffsets={boottime:{secs:-9000000000}}'
	run_container
	assert_failure
	assert_output_has "set linux.timeOffsets"
}

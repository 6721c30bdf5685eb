#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `ctr features`: what engines read in it, and that it is true.
# rootless

load helpers

setup()
{
	test_setup
	run ctr features
	assert_success
}

@test "one JSON document on stdout, nothing on stderr" {
	jq -e 'type == "object"' <<<"$output"
	run bash -c '"$0" features 2>&1 >/dev/null' "$RUNTIME"
	assert_output ""
}

@test "what engines look for" {
	jq -e '(.ociVersionMin | length > 0) and (.ociVersionMax | length > 0) and (.mountOptions | index("rro"))
		and .linux.mountExtensions.idmap.enabled == true and (.linux.namespaces | index("user"))
		and (.hooks | length == 6)' <<<"$output"
}

@test "every option that the specification has is listed" {
	only_ctr
	for o in async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec \
		noiversion nolazytime norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime \
		remount rexec ridmap idmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow \
		ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave \
		strictatime suid symfollow sync tmpcopyup unbindable; do
		jq -e --arg o $o '.mountOptions | index($o)' <<<"$output" >/dev/null || fail "$o is missing"
	done
}

@test "every namespace, capability and seccomp word is accepted by a run" {
	only_ctr
	features=$output
	new_bundle
	update_config '.process.capabilities={bounding:$c}' --argjson c "$(jq -c .linux.capabilities <<<"$features")"
	for a in $(jq -r '.linux.seccomp.actions[] | select(. != "SCMP_ACT_NOTIFY")' <<<"$features"); do
		update_config '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["vhangup"],action:$a}]}' --arg a "$a"
		run_container
		assert_success
	done
	for a in $(jq -r '.linux.seccomp.archs[]' <<<"$features"); do
		update_config '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",architectures:[$a]}' --arg a "$a"
		run ctr run --dry-run -b "$BUNDLE" "$ID"
		assert_success
	done
}

@test "every mount option is taken by the kernel, or said to be too much by it" {
	only_ctr
	features=$output
	new_bundle
	mkdir "$T/source"
	chmod 755 "$T/source"
	set_args true
	for o in $(jq -r '.mountOptions[]' <<<"$features"); do
		m='{destination:"/mnt",type:"tmpfs",source:"tmpfs",options:[$o]}'
		case $o in
		bind | rbind | copy-symlink | src-nofollow | dest-nofollow) m='{destination:"/mnt",type:"bind",source:$s,options:["bind",$o]}' ;;
		remount) m='{destination:"/mnt",type:"tmpfs",source:"tmpfs",options:[]},{destination:"/mnt",options:["remount"]}' ;;
		# Mappings need a user namespace and a filesystem that can: tests/mounts.bats and userns.bats.
		idmap | ridmap) continue ;;
		esac
		jq --arg o "$o" --arg s "$T/source" ".mounts += [$m]" "$BUNDLE/config.json" >"$T/one.json"
		try ctr run -b "$BUNDLE" -f "$T/one.json" "$ID"
		[ "$status" = 0 ] || [[ $output =~ "mount tmpfs at /mnt: "|"set iversion" ]] || fail "$o"
	done
}

@test "every capability reaches the program" {
	only_ctr
	features=$output
	new_bundle
	update_config '.process.capabilities={bounding:$c,permitted:$c,effective:$c}' --argjson c "$(jq -c .linux.capabilities <<<"$features")"
	set_sh 'grep ^Cap /proc/self/status'
	run_container
	assert_success
	# What the caller itself does not have cannot be given; an own user namespace has all.
	if [ "$TEST_MODE" = root ]; then
		have=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
	else
		have=$(printf %016x $(((1 << $(($(cat /proc/sys/kernel/cap_last_cap) + 1))) - 1)))
	fi
	assert_output_matches "CapBnd:[[:space:]]*$have"
}

@test "every namespace is made" {
	only_ctr
	features=$output
	new_bundle
	for n in $(jq -r '.linux.namespaces[]' <<<"$features"); do
		update_config '.linux.namespaces |= (. + [{type:$n}] | unique_by(.type))' --arg n "$n"
	done
	if [ "$TEST_MODE" = root ]; then
		update_config '.linux.uidMappings=[{containerID:0,hostID:0,size:1000}] | .linux.gidMappings=.linux.uidMappings'
	fi
	set_sh 'for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done'
	run_container
	assert_success
	for n in cgroup ipc mnt net pid time user uts; do
		assert_output_has "$n:["
		assert_output_lacks "$(readlink /proc/self/ns/$n)"
	done
}

@test "every seccomp operator and flag, and every memory policy" {
	only_ctr
	features=$output
	new_bundle
	set_args true
	for o in $(jq -r '.linux.seccomp.operators[]' <<<"$features"); do
		update_config '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["vhangup"],action:"SCMP_ACT_ERRNO",
			args:[{index:0,value:7,valueTwo:3,op:$o}]}]}' --arg o "$o"
		run_container
		assert_success
	done
	for f in $(jq -r '.linux.seccomp.supportedFlags[] | select(. != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")' <<<"$features"); do
		update_config '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",flags:[$f]}' --arg f "$f"
		run_container
		assert_success
	done
	update_config 'del(.linux.seccomp)'
	for m in $(jq -r '.linux.memoryPolicy.modes[]' <<<"$features"); do
		case $m in MPOL_DEFAULT | MPOL_LOCAL) nodes= ;; *) nodes=0 ;; esac
		update_config '.linux.memoryPolicy={mode:$m,nodes:$n}' --arg m "$m" --arg n "$nodes"
		run_container
		# A kernel older than the mode, or one without NUMA, has its own word.
		[ "$status" = 0 ] || assert_output_has "set linux.memoryPolicy"
	done
	for f in $(jq -r '.linux.memoryPolicy.flags[]' <<<"$features"); do
		update_config '.linux.memoryPolicy={mode:"MPOL_BIND",nodes:"0",flags:[$f]}' --arg f "$f"
		run_container
		[ "$status" = 0 ] || assert_output_has "set linux.memoryPolicy"
	done
}

@test "needs no privilege, no root directory, no environment and no /proc" {
	run env -i "$RUNTIME" --root /none/such features
	assert_success
	jq -e . <<<"$output" >/dev/null
	[ "$TEST_MODE" = root ] || return 0
	needs setpriv util-linux
	run setpriv --reuid 12345 --regid 12345 --clear-groups --bounding-set -all "$RUNTIME" features
	assert_success
	jq -e . <<<"$output" >/dev/null
}

@test "annotations that are unsafe are named" {
	only_ctr
	jq -e '.potentiallyUnsafeConfigAnnotations | type == "array"' <<<"$output"
}

# SPDX-License-Identifier: Apache-2.0
# rootless
# Rules of the specification that runtimes are known to miss: one test each, named after the rule. Those about
# resources are in tests/unit/rules.c, since they need no kernel that has the controller.

load helpers

setup()
{
	test_setup
	new_bundle
	set_args true
}

refused() { run_container; assert_status 1; assert_output_has "$1"; assert_equal "$(ls "$ROOT")" ""; }

@test "rule: a duplicate rlimit type is an error" {
	update_config '.process.rlimits = [{type:"RLIMIT_NOFILE",soft:10,hard:10},{type:"RLIMIT_NOFILE",soft:20,hard:20}]'
	refused "process.rlimits[1]"
}

@test "rule: ociVersion is checked" {
	for v in 2.0.0 0.9.9 1 1.0 "" x 1.0.0.0; do
		update_config '.ociVersion = $v' --arg v "$v"
		refused "ociVersion"
	done
	for v in 1.0.0 1.0.2-dev 1.2.1 1.3.0 1.3.0+dev; do
		update_config '.ociVersion = $v' --arg v "$v"
		run_container
		assert_success
	done
}

@test "rule: duplicate names in the document are refused" {
	sed -i '0,/"process": {/s//"process": { "terminal": false, "terminal": false,/' "$BUNDLE/config.json"
	refused "process.terminal"
	update_config .
	sed -i '0,/{/s//{ "nobody.knows": 1, "nobody.knows": 2,/' "$BUNDLE/config.json"
	refused "nobody.knows"
}

@test "rule: an existing wrong device node is an error, the right one is fine" {
	root_only
	update_config '.mounts |= map(select(.destination != "/dev" and (.destination | startswith("/dev/") | not)))
		| .linux.devices = [{path:"/dev/mine",type:"c",major:1,minor:5,fileMode:438}] | .root.readonly = false'
	mknod "$BUNDLE/rootfs/dev/mine" c 1 5
	set_sh 'head -c 3 /dev/mine | wc -c'
	run_container
	assert_success
	assert_line 3
	rm "$BUNDLE/rootfs/dev/mine" && mknod "$BUNDLE/rootfs/dev/mine" c 1 3
	refused "/dev/mine"
	rm "$BUNDLE/rootfs/dev/mine" && touch "$BUNDLE/rootfs/dev/mine"
	refused "/dev/mine"
}

@test "rule: delete refuses a created container, on request" {
	set_sleep
	create_container
	run ctr delete --strict "$ID"
	assert_status 1
	assert_output_has "cannot delete container \"$ID\" in state created: it must be stopped"
	assert_equal "$(status_of "$ID")" created
	ctr start "$ID"
	run ctr delete "$ID"
	assert_status 1
	assert_equal "$(status_of "$ID")" running
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	ctr delete --strict "$ID"
	assert_equal "$(ls "$ROOT")" ""
}

@test "rule: poststop failures are warnings, and all hooks run" {
	update_config '.hooks.poststop = [{path:"/bin/false"},{path:"/nonexistent"},{path:"/bin/sh",args:["sh","-c","echo last >>\($t)/last"]}]' --arg t "$T"
	chmod 777 "$T"
	try ctr --log "$T/log" run -b "$BUNDLE" "$ID"
	assert_success
	assert_equal "$(grep -c poststop "$T/log")" 2
	assert_equal "$(cat "$T/last")" last
	assert_equal "$(ls "$ROOT")" ""
}

@test "rule: hooks get the specified status and pid" {
	chmod 777 "$T"
	for p in prestart createRuntime poststart poststop; do
		update_config '.hooks[$p] = [{path:"/bin/sh",args:["sh","-c","cat >\($t)/\($p)"]}]' --arg p "$p" --arg t "$T"
	done
	set_sleep
	create_container
	pid=$(pid_of "$ID")
	ctr start "$ID"
	ctr delete --force "$ID"
	for p in prestart createRuntime; do
		jq -e --argjson pid "$pid" '.status == "creating" and .pid == $pid' "$T/$p"
	done
	jq -e --argjson pid "$pid" '.status == "running" and .pid == $pid' "$T/poststart"
	jq -e '.status == "stopped" and (.pid // 0) == 0' "$T/poststop"
}

@test "rule: nosymfollow on a bind is effective" {
	mkdir "$T/dir" && echo text >"$T/dir/file" && ln -s file "$T/dir/link"
	chmod -R a+rX "$T/dir"
	update_config '.mounts += [{destination:"/mnt",type:"bind",source:"\($t)/dir",options:["rbind","nosymfollow"]}]' --arg t "$T"
	set_sh 'cat /mnt/file; cat /mnt/link 2>&1'
	run_container
	assert_line text
	assert_output_has "Too many levels of symbolic links"
	assert_equal "$(grep -c '^text$' <<<"$output")" 1
}

@test "rule: every mount option of the specification is understood" {
	# runtime-spec, config.md, Linux mount options: all that a runtime MUST support.
	for o in async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec \
		noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime \
		relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow \
		ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave \
		strictatime suid symfollow sync unbindable; do
		[ "$("$RUNTIME" features | jq --arg o "$o" '.mountOptions | index($o) != null')" = true ] || fail "$o is not in features"
		case $o in
		bind | rbind) m='{destination:"/mnt",source:$t,options:[$o]}' ;;
		remount) m='{destination:"/mnt",type:"tmpfs",source:"tmpfs"},{destination:"/mnt",options:["remount"]}' ;;
		# Not every filesystem has it: what the kernel says of tmpfs is its own word.
		iversion | mand | lazytime | dirsync | sync) m='{destination:"/mnt",type:"tmpfs",source:"tmpfs",options:[$o]}' ;;
		*) m='{destination:"/mnt",type:"tmpfs",source:"tmpfs",options:[$o]}' ;;
		esac
		jq --arg o "$o" --arg t "$T" ".mounts += [$m]" "$BUNDLE/config.json" >"$T/one.json"
		run ctr run --dry-run -b "$BUNDLE" -f "$T/one.json" "$ID"
		assert_success
	done
	jq '.mounts += [{destination:"/mnt",type:"tmpfs",source:"tmpfs",options:["rro","rnosuid","rnodev","rnoexec","rnoatime","rnosymfollow"]}]' \
		"$BUNDLE/config.json" >"$T/config.json"
	set_args true
	jq '.process.args = ["sh","-c","grep \" /mnt \" /proc/self/mountinfo"]' "$T/config.json" >"$BUNDLE/config.json"
	run_container
	for w in ro, nosuid nodev noexec noatime; do assert_output_has "$w"; done
}

@test "rule: errnoRet with an action that has none is an error" {
	for a in SCMP_ACT_ALLOW SCMP_ACT_KILL SCMP_ACT_LOG; do
		update_config '.linux.seccomp = {defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["getcwd"],action:$a,errnoRet:1}]}' --arg a "$a"
		refused "errnoRet"
	done
	update_config '.linux.seccomp = {defaultAction:"SCMP_ACT_ALLOW",defaultErrnoRet:1}'
	refused "defaultErrnoRet"
}

@test "rule: an unknown capability is a warning" {
	update_config '.process.capabilities.bounding += ["CAP_FLY"]'
	try ctr --log "$T/log" run -b "$BUNDLE" "$ID"
	assert_success
	grep -q CAP_FLY "$T/log"
}

@test "rule: the umask is left alone when unset" {
	set_sh umask
	umask 0037
	run_container
	umask 0022
	assert_line 0037
}

@test "rule: the ioPriority level is checked" {
	for p in -1 8 100; do
		update_config '.process.ioPriority = {class:"IOPRIO_CLASS_BE",priority:$p}' --argjson p "$p"
		refused "process.ioPriority.priority"
	done
}

@test "rule: personality flags are refused" {
	update_config '.linux.personality = {domain:"LINUX",flags:["ADDR_NO_RANDOMIZE"]}'
	refused "linux.personality.flags"
}

@test "rule: an invalid rootfsPropagation is refused" {
	update_config '.linux.rootfsPropagation = "sharedd"'
	refused "linux.rootfsPropagation"
}

@test "rule: AppArmor or SELinux requested and not there is an error" {
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ]; then
		update_config '.process.apparmorProfile = "some-profile"'
		refused "process.apparmorProfile: AppArmor is not enabled on this machine"
		update_config 'del(.process.apparmorProfile)'
	fi
	if [ ! -e /sys/fs/selinux/enforce ]; then
		update_config '.process.selinuxLabel = "system_u:system_r:svirt_lxc_net_t:s0"'
		refused "process.selinuxLabel: SELinux is not enabled on this machine"
	fi
}

@test "rule: supplementary groups are dropped when the list is empty" {
	root_only "an ordinary user cannot change his groups in his own user namespace"
	set_sh 'grep ^Groups /proc/self/status'
	try setpriv --groups 4,5,6 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_success
	assert_output_matches '^Groups:[[:space:]]*(0 ?)?$'
}

@test "rule: netDevices names may be templates" {
	root_only
	command -v ip >/dev/null || skip "needs ip (package iproute2)"
	unshare -n sleep 300 3>&- &
	host=$!
	wait_until 5 bash -c "[ \$(readlink /proc/$host/ns/net) != \$(readlink /proc/self/ns/net) ]"
	nsenter -t "$host" -n ip link add dum7 type veth peer name peer7 || skip "this kernel makes no veth devices"
	update_config '.linux.netDevices = {dum7:{name:"eth%d"}}'
	set_sh 'ls /sys/class/net; cat /proc/net/dev'
	try nsenter -t "$host" -n "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	kill "$host"
	assert_success
	assert_output_has eth0
}

@test "rule: features stays within ociVersionMax and is complete" {
	"$RUNTIME" features >"$T/f"
	jq -e '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0"' "$T/f"
	jq -e 'keys - ["ociVersionMin","ociVersionMax","hooks","mountOptions","linux","annotations","potentiallyUnsafeConfigAnnotations"] == []' "$T/f"
	jq -e '.hooks | sort == (["prestart","createRuntime","createContainer","startContainer","poststart","poststop"] | sort)' "$T/f"
	jq -e '.linux | keys - ["namespaces","capabilities","cgroup","seccomp","apparmor","selinux","intelRdt","memoryPolicy","mountExtensions","netDevices"] == []' "$T/f"
}

@test "rule: a remount changes the flags of the filesystem, both ways" {
	update_config '.mounts += [{destination:"/mnt",type:"tmpfs",source:"tmpfs",options:["ro","sync","lazytime"]},
		{destination:"/mnt",options:["remount","rw","async","nolazytime"]}]'
	set_sh 'echo x >/mnt/x && grep " /mnt " /proc/self/mountinfo'
	run_container
	assert_success
	assert_output_lacks "sync"
	assert_output_lacks "lazytime"
	update_config '.mounts[-1].options = ["remount","ro"]'
	set_sh 'echo x >/mnt/x; grep " /mnt " /proc/self/mountinfo'
	run_container
	assert_output_has "Read-only file system"
}

@test "rule: the state names the owner" {
	set_sleep
	start_container
	assert_equal "$(ctr state "$ID" | jq -r .owner)" "$(id -un)"
	run ctr list
	assert_output_matches "running .*$(id -un)"
}

@test "rule: proc shows processes alone where the caller's is partly hidden, or the reason is said" {
	root_only "has to hide a part of /proc"
	needs setpriv util-linux
	mkdir -m 777 "$T/home"
	cp -r "$TOP/tests/bundle" "$T/bundle.sh"
	cat >"$T/inside" <<-EOF
	cd $T/home && mkdir b && CTR=$RUNTIME $T/bundle.sh --rootless b &&
	jq '.process.args = ["sh", "-c", "test -d /proc/self && echo processes; test -e /proc/meminfo && echo more"]' b/config.json >c &&
	mv c b/config.json && XDG_RUNTIME_DIR=$T/home "$RUNTIME" --root $T/home/state run -b b x
	EOF
	try unshare -m --propagation private sh -c "mount -t tmpfs none /proc/fs &&
		exec setpriv --reuid 54321 --regid 54321 --clear-groups sh $T/inside"
	if [ "$status" = 0 ]; then
		assert_output processes
	else
		assert_output_has "mount proc at /proc: permission denied: a part of the caller's own /proc is hidden"
	fi
}

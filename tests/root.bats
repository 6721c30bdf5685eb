#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The root filesystem: read-only, propagation, masked and read-only paths, devices and links.

load helpers

setup()
{
	test_setup
	new_bundle
}

@test "a read-only root, and a writable one" {
	set_sh 'touch /x 2>&1; touch /tmp/y 2>&1; touch /dev/shm/z && echo shm'
	run_container
	assert_output_has "Read-only"
	assert_output_has shm
	assert_missing "$BUNDLE/rootfs/x"
	update_config '.root.readonly=false'
	run_container
	assert_success
	assert_exists "$BUNDLE/rootfs/x"
	update_config 'del(.root.readonly)'
	set_sh 'touch /w'
	run_container
	assert_success
}

@test "the root itself is left as it was: no flag of it on the host" {
	run_container
	assert_success
	touch "$BUNDLE/rootfs/writable"
}

@test "root.path: absolute, through a link, with dots" {
	set_args echo here
	update_config '.root.path=$p' --arg p "$BUNDLE/rootfs"
	run_container
	assert_output here
	ln -s rootfs "$BUNDLE/link"
	update_config '.root.path="link"'
	run_container
	assert_output here
	update_config '.root.path="./rootfs/../rootfs/"'
	run_container
	assert_output here
}

@test "nothing of the host's tree is left in sight" {
	set_sh 'wc -l </proc/self/mountinfo; cut -d" " -f5 /proc/self/mountinfo'
	run_container
	assert_success
	[ "${lines[0]}" -lt 60 ]
	assert_output_lacks "$T"
	set_sh 'cd /; ls -d ../../bin/busybox; ls /proc/1/root/; ls /..'
	run_container
	assert_output_lacks work
}

@test "rootfsPropagation" {
	for pair in private: slave: shared:shared unbindable:unbindable rprivate: rslave: rshared:shared; do
		update_config '.linux.rootfsPropagation=$p' --arg p "${pair%:*}"
		set_sh 'awk "\$5 == \"/\"" /proc/self/mountinfo | tail -1'
		run_container
		assert_success
		if [ -n "${pair#*:}" ]; then
			assert_output_has " ${pair#*:}"
		else
			assert_output_lacks "shared:"
		fi
	done
}

@test "rootfsPropagation: the root alone, or with an r every mount of the container" {
	[[ $("$RUNTIME" --version) != runc* ]] || skip "runc makes neither of them shared"
	set_sh 'awk "\$5 == \"/\" || \$5 == \"/proc\" { print \$5, \$7 ~ /^shared:/ }" /proc/self/mountinfo'
	update_config '.linux.rootfsPropagation = "shared"'
	run_container
	assert_output $'/ 1\n/proc 0'
	update_config '.linux.rootfsPropagation = "rshared"'
	run_container
	assert_output $'/ 1\n/proc 1'
}

@test "no mount of the container reaches the host, whatever the propagation" {
	mkdir "$T/shared"
	mount -t tmpfs tmpfs "$T/shared"
	mount --make-shared "$T/shared"
	mv "$BUNDLE/rootfs" "$T/shared/rootfs"
	update_config '.root.path=$p' --arg p "$T/shared/rootfs"
	set_args true
	before=$(wc -l </proc/self/mountinfo)
	for p in private slave shared; do
		update_config '.linux.rootfsPropagation=$p' --arg p $p
		run_container
		assert_success
		assert_equal "$(wc -l </proc/self/mountinfo)" "$before" $p
	done
	umount -l "$T/shared"
}

@test "masked paths: files are empty, directories too, missing ones are passed over" {
	mkdir -p "$BUNDLE/rootfs/secret/deep"
	echo x >"$BUNDLE/rootfs/secret/deep/file"
	echo y >"$BUNDLE/rootfs/afile"
	mkdir "$BUNDLE/rootfs/second"
	touch "$BUNDLE/rootfs/second/f"
	update_config '.linux.maskedPaths=["/secret","/afile","/none","/none/deeper","/afile/below","/second"] | .root.readonly=false'
	set_sh 'ls -A /secret /second; wc -c </afile; touch /secret/x 2>/dev/null || echo ro; echo z >/afile'
	run_container
	assert_success
	assert_output "/second:

/secret:
0
ro"
	assert_equal "$(cat "$BUNDLE/rootfs/afile")" y
}

@test "the template's masked paths are in force" {
	set_sh 'for p in /proc/kcore /proc/keys /proc/interrupts /proc/timer_list; do
		[ ! -e $p ] || [ "$(head -c 100 $p | wc -c)" = 0 ] || echo "open $p"; done; ls -A /sys/firmware /proc/scsi 2>/dev/null | grep -v :'
	run_container
	[ -z "${output//$'\n'/}" ] || fail "not masked"
}

@test "a masked path that is a link of the image stays inside" {
	ln -s /../../../../../etc/passwd "$BUNDLE/rootfs/link"
	before=$(cat /etc/passwd)
	update_config '.linux.maskedPaths=["/link"]'
	set_sh 'wc -c </etc/passwd'
	run_container
	assert_success
	assert_output 0
	assert_equal "$(cat /etc/passwd)" "$before"
}

@test "an image's own /dev/null as a file does not weaken a mask" {
	echo fake >"$BUNDLE/rootfs/dev/null"
	echo y >"$BUNDLE/rootfs/afile"
	update_config '.linux.maskedPaths=["/afile"] | .mounts |= map(select(.destination | startswith("/dev") | not))'
	set_sh 'wc -c </afile'
	run_container
	# Without a mount on /dev the image's file is at the place of a default device: that is refused.
	[ "$status" -ne 0 ] || assert_output 0
}

@test "read-only paths: files, directories with submounts, missing ones" {
	mkdir -p "$BUNDLE/rootfs/data/sub"
	echo a >"$BUNDLE/rootfs/file"
	update_config '.linux.readonlyPaths=["/data","/file","/none","/proc/sys"] | .root.readonly=false
		| .mounts+=[{destination:"/data/sub",type:"tmpfs",source:"t",options:["nosuid"]}]'
	set_sh 'touch /data/x || echo 1; touch /data/sub/x || echo 2; echo b >/file || echo 3
		echo 0 >/proc/sys/net/ipv4/ip_forward || echo 4; touch /fine; cat /file'
	run_container 2>/dev/null
	[ "$(grep -v : <<<"$output")" = "1
2
3
4
a" ] || fail "writable"
}

@test "default devices and links" {
	set_sh 'for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo "no $d"; stat -c "%n %t:%T %a" /dev/$d; done
		for l in fd stdin stdout stderr ptmx core; do echo $l $(readlink /dev/$l); done
		head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x >/dev/null; (echo x >/dev/full) 2>&1'
	run_container
	assert_output_lacks "no "[nzfrut]
	for want in "/dev/null 1:3 666" "/dev/zero 1:5 666" "/dev/full 1:7 666" "/dev/random 1:8 666" "/dev/urandom 1:9 666" \
		"/dev/tty 5:0 666" "fd /proc/self/fd" "stdin /proc/self/fd/0" "stdout /proc/self/fd/1" \
		"stderr /proc/self/fd/2" "ptmx pts/ptmx"; do
		assert_line "$want"
	done
	[ ! -e /proc/kcore ] || assert_line "core /proc/kcore"
	assert_output_has "No space left"
}

@test "configured devices have their type, numbers, mode and owner" {
	root_only
	update_config 'del(.linux.resources.devices) | .linux.devices=[{path:"/dev/one",type:"c",major:1,minor:3,fileMode:384,uid:5,gid:6},
		{path:"/dev/deep/two",type:"b",major:7,minor:200},{path:"/dev/pipe",type:"p",fileMode:420},
		{path:"/dev/three",type:"u",major:1,minor:5,fileMode:438}]'
	set_sh 'stat -c "%n %F %t:%T %a %u %g" /dev/one /dev/deep/two /dev/pipe /dev/three'
	run_container
	assert_success
	assert_line "/dev/one character special file 1:3 600 5 6"
	assert_line "/dev/deep/two block special file 7:c8 666 0 0"
	assert_line "/dev/pipe fifo 0:0 644 0 0"
	assert_line "/dev/three character special file 1:5 666 0 0"
}

@test "a different file at a device's path is an error, an equal one is not" {
	root_only
	update_config '.mounts |= map(select(.destination | startswith("/dev") | not)) | del(.linux.resources.devices)
		| .linux.devices=[{path:"/dev/x",type:"c",major:1,minor:3}] | .root.readonly=false'
	mknod "$BUNDLE/rootfs/dev/x" c 1 3
	run_container
	assert_success
	for make in 'touch' 'mkdir' 'ln -s /dev/null' 'mkfifo'; do
		rm -rf "$BUNDLE/rootfs/dev/x"
		$make "$BUNDLE/rootfs/dev/x"
		run_container
		assert_failure
		assert_output_has /dev/x
	done
	rm -rf "$BUNDLE/rootfs/dev/x"
	mknod "$BUNDLE/rootfs/dev/x" c 1 5
	run_container
	assert_failure
	assert_output_has /dev/x
}

@test "links of an image below /dev do not lead a device out of the root" {
	root_only
	mkdir "$T/outside"
	ln -s "$T/outside" "$BUNDLE/rootfs/dev/away"
	update_config '.mounts |= map(select(.destination | startswith("/dev") | not)) | del(.linux.resources.devices)
		| .linux.devices=[{path:"/dev/away/x",type:"c",major:1,minor:3}] | .root.readonly=false'
	run_container
	[ -z "$(ls -A "$T/outside")" ] || fail "made outside"
}

@test "a root without a mount on /dev gets its devices, and keeps links of its own" {
	root_only
	update_config '.mounts |= map(select(.destination | startswith("/dev") | not)) | .root.readonly=false'
	ln -s /elsewhere "$BUNDLE/rootfs/dev/fd"
	set_sh 'readlink /dev/fd; [ -c /dev/null ] && echo null'
	run_container
	assert_output "/elsewhere
null"
}

@test "device rules: what is not allowed cannot be opened" {
	root_only
	[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs cgroup v2"
	update_config '.linux.resources.devices=[{allow:false,access:"rwm"}] | .linux.devices=[{path:"/dev/mem2",type:"c",major:1,minor:1}]'
	set_sh 'cat /dev/mem2 | head -c 1; echo x >/dev/null && echo null; mknod /dev/new c 1 1'
	run_container
	assert_output_has null
	assert_output_has "not permitted"
}

@test "--no-pivot" {
	set_sh 'ls /bin/busybox; ls -d /work /home/user 2>&1; cd /; ls .. | grep -c proc'
	run_container --no-pivot
	assert_output_has /bin/busybox
	assert_output_has /home/user
	assert_output_lacks "$TOP"
}

# While a proc or sysfs of the old root is anywhere in the mount namespace, the kernel lets a user namespace of the
# container's own mount one in which nothing is masked.
@test "--no-pivot: no proc and no sysfs of the old root stays in reach" {
	root_only
	update_config '.process.noNewPrivileges = false | .process.capabilities |= map_values(. + ["CAP_SETFCAP"])'
	set_sh 'awk "\$4 == \"/\" && / - (proc|sysfs) /" /proc/self/mountinfo | wc -l; for t in proc sysfs; do
		unshare -Urm -pf sh -c "mount -t $t none /proc && echo bare $t"; done; echo over'
	run_container --no-pivot
	assert_success
	assert_output_has over
	assert_output_lacks bare
	# Those of the configuration, as with a pivot.
	assert_equal "${lines[0]}" "$(jq '[.mounts[] | select(.type == "proc" or .type == "sysfs")] | length' "$BUNDLE/config.json")"
}

@test "a file in place of a directory of the template names itself" {
	rm -rf "$BUNDLE/rootfs/sys"
	touch "$BUNDLE/rootfs/sys"
	run_container
	assert_failure
	assert_output_has /sys
}

@test "missing directories of mounts are made, in a read-only root too" {
	rm -rf "$BUNDLE/rootfs"/{proc,sys,dev}
	set_sh 'ls /proc/self/status /dev/null'
	run_container
	assert_success
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# User namespaces: maps by root, by newuidmap, of one id; sources that the mapped root may not read.
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
}

userns() { update_config '.linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}]
	| .linux.gidMappings=[{containerID:0,hostID:200000,size:65536}] | del(.linux.resources)'; }
# Runs $@ as an ordinary user with its own state root; the tree must be readable.
as_user()
{
	chmod 755 "$T"
	chown -R 12345:12345 "$BUNDLE"
	mkdir -p "$T/ustate"
	chown 12345:12345 "$T/ustate"
	run setpriv --reuid 12345 --regid 12345 --clear-groups env -u XDG_RUNTIME_DIR "$RUNTIME" --root "$T/ustate" "$@" 3>&-
}

@test "maps as root: ids inside and outside" {
	root_only
	userns
	set_sh 'cat /proc/self/uid_map /proc/self/gid_map | tr -s " "; id -u; id -g; cat /proc/self/setgroups; sleep 0.1'
	run_container
	assert_success
	assert_line " 0 100000 65536"
	assert_line " 0 200000 65536"
	assert_line 0
	assert_line allow
	set_sleep
	start_container
	assert_equal "$(stat -c %u:%g "/proc/$(pid_of "$ID")")" 100000:200000
	[ "$(readlink "/proc/$(pid_of "$ID")/ns/user")" != "$(readlink /proc/self/ns/user)" ]
	run ctr exec "$ID" id -u
	assert_output 0
}

@test "another user and groups in a user namespace" {
	root_only
	userns
	update_config '.process.user={uid:1000,gid:1001,additionalGids:[5,7]}'
	set_sh 'grep -E "^(Uid|Gid|Groups)" /proc/self/status | tr "\t" " "'
	run_container
	assert_success
	assert_line "Uid: 1000 1000 1000 1000"
	assert_line "Groups: 5 7 "
	update_config '.process.user={uid:70000,gid:0}'
	run_container
	assert_failure
	assert_output_has "uid"
}

@test "bind sources that the mapped root cannot reach" {
	root_only
	userns
	mkdir -p "$T/private/deep" "$BUNDLE/rootfs/mnt"
	echo hello >"$T/private/deep/file"
	chmod 700 "$T/private"
	chmod 644 "$T/private/deep/file"
	update_config '.mounts+=[{destination:"/mnt",type:"bind",source:$s,options:["bind","ro"]}]' --arg s "$T/private/deep"
	set_sh 'cat /mnt/file'
	run_container
	assert_success
	assert_output hello
}

@test "a root filesystem below a directory that the mapped root cannot enter" {
	root_only
	userns
	chmod 700 "$BUNDLE"
	set_sh 'echo in'
	run_container
	assert_success
	assert_output in
}

@test "devices in a user namespace are the host's nodes" {
	root_only
	userns
	set_sh 'echo x >/dev/null && head -c 3 /dev/zero | wc -c; stat -c %t:%T /dev/null'
	run_container
	assert_success
	assert_line 3
	assert_line 1:3
}

@test "a device that the host has no node of, in a user namespace: an error that names its field" {
	only_ctr "the text"
	[ "$TEST_MODE" = rootless ] || userns
	update_config '.linux.devices = [{path: "/dev/null", type: "c", major: 1, minor: 3}, {path: "/dev/no-such", type: "c", major: 1, minor: 3}]'
	set_sh true
	run_container
	assert_status 1
	assert_output "ctr: linux.devices[1]: open the host's /dev/no-such, since no node can be made here: missing"
	try ctr state "$ID"
	assert_output_has "does not exist"
}

@test "the mount point of a tmpfs without a mode, made by the caller: mode 1777, also when it is there the next time" {
	only_ctr "the second start"
	root_only
	userns
	chown -R 0:0 "$BUNDLE/rootfs"
	mkdir -p "$BUNDLE/rootfs/one"
	chmod 2711 "$BUNDLE/rootfs/one"
	update_config '.mounts += [{destination: "/one", type: "tmpfs", source: "t"}, {destination: "/neu", type: "tmpfs", source: "t"}]'
	set_sh 'stat -c %a /one /neu'
	for again in 1 2; do
		run_container
		assert_status 0
		assert_output "2711
1777"
	done
}

@test "mounts of a user namespace: flags of the source stay" {
	root_only
	userns
	mkdir "$T/m" "$BUNDLE/rootfs/mnt"
	mount -t tmpfs -o nosuid,nodev,noexec tmpfs "$T/m"
	update_config '.mounts+=[{destination:"/mnt",type:"bind",source:$s,options:["bind","ro"]}]' --arg s "$T/m"
	set_sh 'grep " /mnt " /proc/self/mountinfo'
	run_container
	umount "$T/m"
	assert_success
	for o in ro nosuid nodev noexec; do assert_output_has $o; done
}

@test "mappings without the namespace, empty, overlapping or with size 0 are errors" {
	root_only
	userns
	cp "$BUNDLE/config.json" "$BUNDLE/good"
	for f in '.linux.namespaces |= map(select(.type != "user"))' 'del(.linux.uidMappings)' '.linux.gidMappings=[]' \
		'.linux.uidMappings+=[{containerID:5,hostID:7,size:1}]' '.linux.uidMappings[0].size=0' \
		'.linux.uidMappings[0].size=4294967295' '.linux.uidMappings[0].containerID=4294967290' \
		'.linux.uidMappings=[{containerID:1,hostID:100000,size:1}]'; do
		cp "$BUNDLE/good" "$BUNDLE/config.json"
		update_config "$f"
		run_container
		[ "$status" -ne 0 ] || fail "$f"
		assert_missing "$ROOT/$ID"
	done
}

@test "no capability over the host: a user namespace's root is nobody there" {
	root_only
	userns
	echo secret >"$BUNDLE/rootfs/secret"
	chmod 600 "$BUNDLE/rootfs/secret"
	set_sh 'cat /secret; mount -o remount,rw / 2>&1; hostname other 2>&1; mknod /dev/shm/x c 1 1 2>&1'
	run_container
	assert_output_lacks secret$'\n'
	[ "$(grep -c -i -e denied -e permitted <<<"$output")" -ge 3 ] || fail "allowed"
}

@test "joined user namespace" {
	root_only
	userns
	set_sleep
	ID=$ID-a start_container
	pid=$(pid_of "$ID-a")
	update_config '.linux.namespaces=[{type:"user",path:"/proc/\($p)/ns/user"},{type:"pid"},{type:"mount"},{type:"ipc"},{type:"uts"},{type:"network"}]
		| del(.linux.uidMappings, .linux.gidMappings)' --argjson p "$pid"
	set_sh 'readlink /proc/self/ns/user; id -u'
	run_container
	assert_success
	assert_line "$(readlink "/proc/$pid/ns/user")"
	assert_line 0
}

@test "an ordinary user with one id" {
	root_only "becomes an ordinary user itself"
	needs setpriv util-linux
	new_bundle --rootless one
	update_config '.linux.uidMappings=[{containerID:0,hostID:12345,size:1}] | .linux.gidMappings=[{containerID:0,hostID:12345,size:1}]'
	set_sh 'id -u; cat /proc/self/setgroups; cat /proc/self/uid_map | tr -s " "; echo x >/dev/null && echo null'
	as_user run -b "$BUNDLE" "$ID"
	assert_success
	assert_line 0
	assert_line deny
	assert_line " 0 12345 1"
	assert_line null
}

@test "an ordinary user without a user namespace in the configuration is told what is missing" {
	root_only "becomes an ordinary user itself"
	needs setpriv util-linux
	new_bundle
	update_config '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings, .linux.resources)'
	set_sh 'id -u'
	as_user run -b "$BUNDLE" "$ID"
	assert_failure
	assert_output "ctr: creating namespaces without privilege needs a user namespace in linux.namespaces"
}

@test "an ordinary user without mappings in the configuration gets his own id as root" {
	root_only "becomes an ordinary user itself"
	needs setpriv util-linux
	new_bundle --rootless
	update_config 'del(.linux.uidMappings, .linux.gidMappings)'
	set_sh 'id -u; tr -s " " </proc/self/uid_map'
	as_user run -b "$BUNDLE" "$ID"
	assert_success
	assert_line 0
	assert_line " 0 12345 1"
}

@test "an ordinary user cannot map what is not his" {
	root_only "becomes an ordinary user itself"
	needs setpriv util-linux
	new_bundle --rootless
	update_config '.linux.uidMappings=[{containerID:0,hostID:0,size:1}] | .linux.gidMappings=[{containerID:0,hostID:0,size:1}]'
	set_args true
	as_user run -b "$BUNDLE" "$ID"
	assert_failure
	assert_missing "$T/ustate/$ID"
}

@test "an ordinary user with additional groups where setgroups is denied is told so" {
	root_only "becomes an ordinary user itself"
	needs setpriv util-linux
	new_bundle --rootless
	update_config '.linux.uidMappings=[{containerID:0,hostID:12345,size:1}] | .linux.gidMappings=[{containerID:0,hostID:12345,size:1}]
		| .process.user.additionalGids=[5]'
	as_user run -b "$BUNDLE" "$ID"
	assert_failure
	assert_output_has additionalGids
}

@test "newuidmap gives an ordinary user more ids" {
	root_only "becomes an ordinary user itself"
	needs setpriv util-linux
	needs newuidmap uidmap
	# A user of the machine with a range of subordinate ids.
	line=$(awk -F: 'NR == FNR { r[$1] = $2 " " $3; next } $3 >= 1000 && $3 < 60000 && ($1 in r) { print $3, $4, r[$1]; exit }' \
		/etc/subuid /etc/passwd)
	[ -n "$line" ] || skip "no user with subordinate ids in /etc/subuid"
	set -- $line
	new_bundle --rootless
	update_config '.linux.uidMappings=[{containerID:0,hostID:$u,size:1},{containerID:1,hostID:$s,size:$n}]
		| .linux.gidMappings=[{containerID:0,hostID:$g,size:1},{containerID:1,hostID:$s,size:$n}]' \
		--argjson u "$1" --argjson g "$2" --argjson s "$3" --argjson n "$4"
	set_sh 'cat /proc/self/uid_map | tr -s " "'
	chown -R "$1:$2" "$BUNDLE"
	mkdir "$T/ustate"
	chown "$1:$2" "$T/ustate"
	run setpriv --reuid "$1" --regid "$2" --init-groups env -u XDG_RUNTIME_DIR "$RUNTIME" --root "$T/ustate" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	assert_line " 0 $1 1"
	assert_line " 1 $3 $4"
}

@test "as whoever runs the tests: the template runs" {
	new_bundle
	set_sh 'id -u'
	run_container
	assert_success
	assert_output 0
}

@test "idmap of a bind inside a user namespace: the container's root owns what root owns outside" {
	root_only
	new_bundle
	mkdir "$T/source"
	touch "$T/source/file"
	update_config '.linux.namespaces += [{type:"user"}] | .linux.uidMappings = [{containerID:0,hostID:200000,size:65536}]
		| .linux.gidMappings = .linux.uidMappings
		| .mounts += [{destination:"/mapped",source:$s,options:["bind","idmap"]}] | .root.readonly = false' --arg s "$T/source"
	chmod 777 "$BUNDLE/rootfs"
	set_sh 'stat -c %u:%g /mapped/file'
	run_container
	assert_status 0
	assert_output_has "0:0"
}

@test "mount points that are missing in a root filesystem of the host's root" {
	root_only
	userns
	chown -R 0:0 "$BUNDLE/rootfs"
	ln -s /elsewhere "$BUNDLE/rootfs/link"
	ln -s ../../../../../../outside "$BUNDLE/rootfs/out"
	mkdir "$T/dir"
	touch "$T/dir/seen" "$T/file"
	update_config '.mounts+=[{destination:"/new/deep",type:"bind",source:$d,options:["bind"]},
		{destination:"/new/file",type:"bind",source:$f,options:["bind"]},
		{destination:"/new/memory",type:"tmpfs",source:"tmpfs"},
		{destination:"/new/memory/inside",type:"bind",source:$d,options:["bind"]},
		{destination:"/link/there",type:"bind",source:$d,options:["bind"]},
		{destination:"/out/there",type:"bind",source:$d,options:["bind"]}]' --arg d "$T/dir" --arg f "$T/file"
	set_sh 'ls /new/deep /new/memory/inside /link/there /elsewhere/there /outside/there; test -f /new/file && echo a file'
	run_container
	assert_success
	assert_equal "$(grep -cx seen <<<"$output")" 5
	assert_line "a file"
	assert_equal "$(stat -c %u:%g:%a "$BUNDLE/rootfs/new/deep")" 0:0:755
	assert_equal "$(stat -c %u:%g:%a:%F "$BUNDLE/rootfs/new/file")" "0:0:644:regular empty file"
	[ -z "$(ls "$BUNDLE/rootfs/new/memory")" ] || fail "a mount point beneath another mount was made in the root"
	assert_exists "$BUNDLE/rootfs/outside/there"
	assert_missing /outside
}

@test "a mount point is not made below a layer, nor in a root filesystem that cannot be written" {
	root_only
	userns
	chown -R 0:0 "$BUNDLE/rootfs"
	update_config '.mounts+=[{destination:"/new",type:"tmpfs",source:"tmpfs"}]'
	set_args true
	run_container --overlay tmpfs
	assert_missing "$BUNDLE/rootfs/new"
	mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"
	mount -o remount,bind,ro "$BUNDLE/rootfs"
	run_container
	umount "$BUNDLE/rootfs"
	assert_failure
	assert_output_has "mount at /new: "
	assert_missing "$BUNDLE/rootfs/new"
}

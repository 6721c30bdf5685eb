#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the host's mounts have (ro, nosuid, nodev, noexec, access times, mounts that cover something) cannot be undone
# by root of a user namespace in a clone of them, in whatever way the clone came into the container.

load helpers

setup()
{
	test_setup
	root_only "mounts a source of its own"
	new_bundle
	mkdir "$T/src" "$BUNDLE/rootfs/mnt"
	mount -t tmpfs -o nosuid,nodev,noexec,noatime tmpfs "$T/src"
	mkdir "$T/src/dir" "$T/src/dir/sub"
	echo seen >"$T/src/file"
	cp "$T/src/file" "$T/src/dir/file"
	echo covered >"$T/src/dir/sub/under"
	mount -t tmpfs tmpfs "$T/src/dir/sub"
	echo covers >"$T/src/dir/sub/over"
	chmod -R a+rX "$T/src"
	mount -o remount,bind,ro,nosuid,nodev,noexec,noatime "$T/src"
	update_config '.process.capabilities[]=["CAP_SYS_ADMIN"] | .process.noNewPrivileges=false | del(.linux.seccomp)'
}

teardown()
{
	umount -R "$T/plain" 2>/dev/null || :
	umount -R "$T/src" 2>/dev/null || :
	umount -R "$BUNDLE/rootfs" 2>/dev/null || :
	test_teardown
}

userns()
{
	update_config '.linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}]
		| .linux.gidMappings=.linux.uidMappings | del(.linux.resources)'
}

# bind SOURCE OPTION...: on /mnt.
bind()
{
	update_config '.mounts+=[{destination:"/mnt",type:"bind",source:$s,options:$o}]' --arg s "$1" --argjson o "$(json_strings "${@:2}")"
}

# What the program tries on the mount at $1, where all is locked: nothing may succeed, and all flags stay.
ATTACK='
try() {
	if out=$(mount -o "remount,bind,$2" none "$1" 2>&1); then echo "CLEARED by $2"
	else case $out in *"permission denied"*) ;; *) echo "OTHER: $out" ;; esac; fi
}
attack() {
	try "$1" rw,nosuid,nodev,noexec,noatime
	try "$1" ro,suid,nodev,noexec,noatime
	try "$1" ro,nosuid,dev,noexec,noatime
	try "$1" ro,nosuid,nodev,exec,noatime
	try "$1" ro,nosuid,nodev,noexec,strictatime
	try "$1" rw,suid,dev,exec,relatime
	# By an attribute for all below, too: a clone of the clone.
	mkdir -p /tmp/again && mount --rbind "$1" /tmp/again 2>/dev/null && try /tmp/again rw,nosuid,nodev,noexec,noatime
	grep " $1 " /proc/self/mountinfo | cut -d" " -f6 | grep -q "ro,nosuid,nodev,noexec,noatime" || { echo "FLAGS:"; grep " $1 " /proc/self/mountinfo; }
	echo "attacked $1"
}
# detach MOUNT: it covers something, and so it stays.
detach() {
	for how in "" -l; do
		if out=$(umount $how "$1" 2>&1); then echo "DETACHED $1"
		else case $out in *"nvalid argument"*) ;; *) echo "OTHER: $out" ;; esac; fi
	done
	echo "held $1"
}
'

attacked()
{
	set_sh "mount -t tmpfs t /tmp; $ATTACK $1"
	run_container
	assert_success
	for word in CLEARED DETACHED OTHER FLAGS; do assert_output_lacks $word; done
}

@test "the attack succeeds where nothing is locked" {
	bind "$T/src/dir" bind
	update_config '.process.apparmorProfile=null'
	set_sh "mount -t tmpfs t /tmp; $ATTACK attack /mnt"
	run_container
	assert_output_has "CLEARED by rw,nosuid"
	assert_output_has "CLEARED by rw,suid,dev,exec"
}

@test "bind of a directory" {
	userns
	mkdir "$T/plain"
	umount "$T/src/dir/sub"
	bind "$T/src/dir" bind
	attacked "attack /mnt; cat /mnt/file"
	assert_line "attacked /mnt"
	assert_line seen
}

@test "bind without the mounts below it: they are not there, and what they cover is" {
	userns
	bind "$T/src/dir" bind
	attacked "attack /mnt; cat /mnt/sub/under; ls /mnt/sub"
	assert_line "attacked /mnt"
	assert_line covered
	assert_output_lacks over$'\n'
	assert_output_lacks covers
}

@test "rbind: the mounts below cannot be taken away either" {
	userns
	bind "$T/src/dir" rbind
	attacked "attack /mnt; detach /mnt/sub; cat /mnt/sub/over"
	assert_line "attacked /mnt"
	assert_line "held /mnt/sub"
	assert_line covers
}

@test "bind of a file" {
	userns
	touch "$BUNDLE/rootfs/one"
	update_config '.mounts+=[{destination:"/one",type:"bind",source:$s,options:["bind"]}]' --arg s "$T/src/file"
	set_sh "mount -t tmpfs t /tmp; $ATTACK attack /one; cat /one"
	run_container
	assert_success
	for word in CLEARED OTHER FLAGS; do assert_output_lacks $word; done
	assert_line seen
}

@test "bind with mapped ids" {
	userns
	bind "$T/src/dir" bind idmap
	attacked "attack /mnt; stat -c %u /mnt/file"
	assert_line "attacked /mnt"
	assert_line 0
}

@test "rbind with mapped ids, all below" {
	userns
	bind "$T/src/dir" rbind ridmap
	attacked "attack /mnt; detach /mnt/sub; stat -c %u /mnt/file /mnt/sub/over"
	assert_line "held /mnt/sub"
	assert_line 0
	assert_output_lacks 65534
}

@test "a source by a descriptor of the host" {
	userns
	exec 8<"$T/src/dir"
	bind "/proc/$$/fd/8" bind
	attacked "attack /mnt; cat /mnt/file"
	exec 8<&-
	assert_line "attacked /mnt"
	assert_line seen
}

@test "a link as a source" {
	userns
	ln -s "$T/src/dir" "$T/link"
	bind "$T/link" rbind
	attacked "attack /mnt; detach /mnt/sub"
	assert_line "held /mnt/sub"
}

@test "a source below a directory that only the caller can enter" {
	userns
	mkdir -m 700 "$T/closed"
	mkdir "$T/closed/m"
	mount --bind "$T/src/dir" "$T/closed/m"
	mount -o remount,bind,ro,nosuid,nodev,noexec,noatime "$T/closed/m"
	bind "$T/closed/m" bind
	attacked "attack /mnt; cat /mnt/file" || { umount "$T/closed/m"; return 1; }
	umount "$T/closed/m"
	assert_line "attacked /mnt"
	assert_line seen
}

# locked_root [FILTER]: the root filesystem on a mount with flags of its own.
locked_root()
{
	mkdir "$BUNDLE/rootfs/below"
	mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"
	mount -t tmpfs tmpfs "$BUNDLE/rootfs/below"
	mount -o remount,bind,ro,nosuid,nodev,noatime "$BUNDLE/rootfs"
	userns
	update_config ".root.readonly=false | $1"
	set_sh "$ATTACK
		try / rw,nosuid,nodev,noatime; try / ro,suid,nodev,noatime; try / ro,nosuid,dev,noatime; detach /below
		grep ' / / ' /proc/self/mountinfo || grep -m1 ' / ' /proc/self/mountinfo"
	run_container
	assert_success
	for word in CLEARED DETACHED OTHER; do assert_output_lacks $word; done
	assert_line "held /below"
	assert_output_has "ro,nosuid,nodev,noatime"
}

@test "the root filesystem" { locked_root .; }
@test "the root filesystem, with a time namespace" { locked_root '.linux.namespaces+=[{type:"time"}] | .linux.timeOffsets={monotonic:{secs:100}}'; }

@test "the root filesystem with mapped ids" {
	chown -R 0:0 "$BUNDLE/rootfs"
	locked_root '.annotations["ctr.root.idmap"]="true"'
}

@test "devices of the host in a user namespace" {
	userns
	set_sh "$ATTACK"'
		mount | grep -q " /dev/null " && try /dev/null rw,suid,dev,exec,strictatime && grep " /dev/null " /proc/self/mountinfo'
	run_container
	assert_success
	assert_output_lacks CLEARED
}

@test "what the configuration takes away is taken away, and the rest stays locked" {
	userns
	bind "$T/src/dir" bind rw exec relatime
	chmod 777 "$T/src/dir" 2>/dev/null || { mount -o remount,bind,rw "$T/src"; chmod 777 "$T/src/dir"; mount -o remount,bind,ro,nosuid,nodev,noexec,noatime "$T/src"; }
	set_sh "$ATTACK try /mnt suid,nodev; try /mnt nosuid,dev; try /mnt nosuid,nodev,noatime
		echo new >/mnt/new && cat /mnt/new; grep ' /mnt ' /proc/self/mountinfo"
	run_container
	assert_success
	assert_output_lacks CLEARED
	assert_line new
	assert_output_has "rw,nosuid,nodev,relatime"
	# And nothing of it on the host.
	run findmnt -no OPTIONS "$T/src"
	assert_output_has ro,nosuid,nodev,noexec
}

@test "rw, recursively, where a mount below is read-only" {
	userns
	mount -o remount,bind,ro "$T/src/dir/sub"
	bind "$T/src/dir" rbind rrw
	set_sh "$ATTACK detach /mnt/sub; try /mnt rw,nosuid,nodev,exec; grep ' /mnt' /proc/self/mountinfo"
	run_container
	assert_success
	for word in CLEARED DETACHED OTHER; do assert_output_lacks $word; done
	[ "$(grep -c ' rw,' <<<"$output")" -ge 2 ] || fail "not both are writable"
}

@test "many sources that take the long way" {
	userns
	for i in 1 2 3 4 5; do
		mkdir "$BUNDLE/rootfs/m$i"
		update_config '.mounts+=[{destination:$d,type:"bind",source:$s,options:["bind"]}]' --arg d "/m$i" --arg s "$T/src/dir"
	done
	bind "$T/src/dir" rbind
	attacked 'for i in 1 2 3 4 5; do attack /m$i; cat /m$i/sub/under; done; cat /mnt/sub/over'
	assert_equal "$(grep -c covered <<<"$output")" 5
	assert_line covers
}

@test "a source that cannot be cloned at all is an error, and nothing is left" {
	userns
	mount --make-unbindable "$T/src"
	bind "$T/src/dir" bind
	set_sh true
	run_container
	assert_failure
	assert_output_has "open mount source $T/src/dir: invalid argument"
	[ "$(wc -l <<<"$output")" = 1 ] || fail "more than one line"
	mount --make-private "$T/src"
	bind "$T/missing" bind
	run_container
	assert_failure
	! pgrep -P $$ ctr-init || fail "a first process is left"
}

@test "what the host mounts later still arrives where that was asked for, and nothing goes back" {
	userns
	umount "$T/src/dir/sub"
	mount --make-shared "$T/src"
	bind "$T/src/dir" rbind rslave
	mkdir "$T/go"
	chmod 777 "$T/go"
	mkdir "$BUNDLE/rootfs/go"
	update_config '.mounts+=[{destination:"/go",type:"bind",source:$s,options:["bind"]}]' --arg s "$T/go"
	set_sh 'mount -t tmpfs inside /mnt/sub && umount /mnt/sub; touch /go/up; while [ ! -e /go/on ]; do sleep 0.02; done
		grep " /mnt/sub " /proc/self/mountinfo'
	start_container
	wait_until 10 test -e "$T/go/up"
	! grep -q " inside " /proc/self/mountinfo || fail "a mount of the container is on the host"
	mount -t tmpfs later "$T/src/dir/sub"
	touch "$T/go/on"
	wait_status "$ID" stopped
	run cat "$T/log"
	assert_output_has " /mnt/sub "
}

@test "an ordinary user's container: the same" {
	chmod 755 "$T"
	umount "$T/src/dir/sub"
	mount -t tmpfs tmpfs "$T/src/dir/sub"
	"$TOP/tests/bundle" --rootless "$BUNDLE"
	mkdir -p "$BUNDLE/rootfs/mnt" "$T/ustate"
	update_config '.process.capabilities[]=["CAP_SYS_ADMIN"] | .process.noNewPrivileges=false | del(.linux.seccomp)'
	bind "$T/src/dir" rbind
	set_sh "mount -t tmpfs t /tmp; $ATTACK attack /mnt; detach /mnt/sub"
	update_config '.linux.uidMappings=[{containerID:0,hostID:12345,size:1}] | .linux.gidMappings=.linux.uidMappings'
	chown -R 12345:12345 "$BUNDLE" "$T/ustate"
	run setpriv --reuid 12345 --regid 12345 --clear-groups env -u XDG_RUNTIME_DIR "$RUNTIME" --root "$T/ustate" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	for word in CLEARED DETACHED OTHER FLAGS; do assert_output_lacks $word; done
	assert_line "attacked /mnt"
	assert_line "held /mnt/sub"
}

@test "what the host mounts there later: the mount as a whole can be taken away, nothing of it can be changed or uncovered" {
	userns
	mkdir "$T/plain" "$T/plain/late"
	mount --bind "$T/plain" "$T/plain"
	mount --make-shared "$T/plain"
	update_config '.linux.rootfsPropagation="rslave"'
	bind "$T/plain" rbind rslave
	set_sh "mount -t tmpfs t /tmp; $ATTACK echo waits; until grep -q ' /mnt/late/dir/sub ' /proc/self/mountinfo; do sleep 0.05; done
		attack /mnt/late; detach /mnt/late/dir/sub; cat /mnt/late/dir/sub/over; umount -l /mnt/late && echo away; ls /mnt/late"
	ctr run -b "$BUNDLE" "$ID" >"$T/out" 2>&1 </dev/null 3>&- &
	local pid=$!
	for ((i = 0; i < 200; i++)); do grep -q waits "$T/out" && break; sleep 0.05; done
	mount --rbind "$T/src" "$T/plain/late"
	wait "$pid"
	cat "$T/out"
	mountpoint -q "$T/plain/late/dir/sub" # the host's own stay
	umount -R "$T/plain"
	for word in CLEARED DETACHED OTHER FLAGS; do ! grep -q $word "$T/out" || return 1; done
	for line in "attacked /mnt/late" "held /mnt/late/dir/sub" covers away; do grep -qx "$line" "$T/out"; done
	assert_equal "$(tail -n 1 "$T/out")" away
}

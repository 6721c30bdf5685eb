#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Mounts: kinds, every option string, and destinations that an image chose.

load helpers

setup()
{
	test_setup
	new_bundle
	SRC=$T/src
	mkdir -p "$SRC/sub"
	echo hello >"$SRC/file"
	chmod -R 755 "$SRC"
}

teardown()
{
	while umount -l "$SRC/sub" 2>/dev/null; do :; done
	while umount -l "$SRC" 2>/dev/null; do :; done
	test_teardown
}

# mount_at DEST TYPE SOURCE OPTION...
mount_at()
{
	local d=$1 t=$2 s=$3
	shift 3
	update_config '.mounts += [{destination:$d, type:$t, source:$s, options:$o}]' \
		--arg d "$d" --arg t "$t" --arg s "$s" --argjson o "$(json_strings "$@")"
}
# The options of the mount at $1: "VFS OPTIONS|SUPERBLOCK OPTIONS|propagation" from the container's mountinfo.
LINE='awk -v d=$D '\''$5 == d { o = $6; p = ""; for (i = 7; $i != "-"; i++) p = p $i " "; print o "|" $(i+3) "|" p }'\'' /proc/self/mountinfo | tail -1'
options_of()
{
	set_sh "D=$1; $LINE"
	run_container
	assert_status 0
}
# has WORD: among the options of the mount; hasnt WORD.
has() { case ,${output//|/,}, in *",$1,"*) ;; *) echo "no $1 in $output"; return 1 ;; esac; }
hasnt() { case ,${output//|/,}, in *",$1,"*) echo "$1 in $output"; return 1 ;; esac; }

@test "bind: a directory, written through, and a file" {
	mount_at /mnt bind "$SRC" bind
	mount_at /etc/one bind "$SRC/file" bind
	set_sh 'cat /mnt/file /etc/one; echo new >/mnt/new'
	run_container
	assert_status 0
	[ "$output" = "hello
hello" ]
	[ "$(cat "$SRC/new")" = new ]
}

@test "bind: ro is read-only, for directories and files" {
	mount_at /mnt bind "$SRC" bind ro
	mount_at /etc/one bind "$SRC/file" ro bind
	set_sh 'echo x >/mnt/new; echo x >/etc/one; cat /etc/one'
	run_container
	assert_output_has "hello"
	[ ! -e "$SRC/new" ]
	[ "$(cat "$SRC/file")" = hello ]
}

@test "bind is not recursive, rbind is; ro of an rbind is its top only, rro all" {
	mount -t tmpfs tmpfs "$SRC/sub"
	touch "$SRC/sub/inner"
	mount_at /a bind "$SRC" bind
	mount_at /b bind "$SRC" rbind ro
	mount_at /c bind "$SRC" rbind rro
	set_sh 'ls /a/sub; echo -; ls /b/sub; echo -; touch /b/x 2>/dev/null || echo ro; touch /b/sub/x && echo rw;
	    touch /c/x 2>/dev/null || echo ro; touch /c/sub/x 2>/dev/null || echo ro'
	run_container
	assert_output "-
inner
-
ro
rw
ro
ro"
}

@test "bind with relative source is below the bundle" {
	mkdir "$BUNDLE/data"
	touch "$BUNDLE/data/here"
	mount_at /mnt bind data bind
	set_sh 'ls /mnt'
	run_container
	[ "$output" = here ]
}

@test "kinds: tmpfs with options, proc, sysfs, devpts, mqueue, cgroup" {
	mount_at /t tmpfs tmpfs size=64k mode=0711 nr_inodes=10 uid=5 gid=6
	set_sh 'awk "{ for (i = 7; \$i != \"-\"; i++); print \$5, \$(i+1) }" /proc/self/mountinfo; stat -c "%a %u %g" /t
	    ls /dev/pts; df /t | tail -1'
	run_container
	assert_status 0
	for want in "/proc proc" "/sys sysfs" "/dev tmpfs" "/dev/pts devpts" "/dev/mqueue mqueue" "/dev/shm tmpfs" \
		"/sys/fs/cgroup cgroup2" "/t tmpfs" "711 5 6" ptmx; do
		assert_output_has "$want"
	done
	assert_output_has " 64 "
}

@test "flags of a new filesystem are in mountinfo" {
	for o in ro nosuid nodev noexec noatime nodiratime relatime nosymfollow; do
		update_config '.mounts |= map(select(.destination != "/t"))'
		mount_at /t tmpfs tmpfs $o
		echo "# $o"
		options_of /t
		has $o
	done
	for o in sync dirsync mand lazytime; do
		update_config '.mounts |= map(select(.destination != "/t"))'
		mount_at /t tmpfs tmpfs $o
		echo "# $o"
		run_container
		assert_status 0
	done
}

@test "superblock flags: sync and dirsync show, also by their opposites" {
	mount_at /t tmpfs tmpfs sync dirsync
	options_of /t
	has sync
	has dirsync
	mount_at /t tmpfs tmpfs sync async
	options_of /t
	hasnt sync
}

@test "the last of two opposite options wins" {
	for pair in 'ro rw ro' 'nosuid suid nosuid' 'nodev dev nodev' 'noexec exec noexec' 'noatime atime noatime' \
		'nodiratime diratime nodiratime' 'nosymfollow symfollow nosymfollow'; do
		set -- $pair
		update_config '.mounts |= map(select(.destination != "/t"))'
		mount_at /t tmpfs tmpfs "$1" "$2"
		echo "# $1 $2"
		options_of /t
		hasnt "$3"
		mount_at /t tmpfs tmpfs "$2" "$1"
		options_of /t
		has "$3"
	done
}

@test "access time: strictatime, nostrictatime, norelatime" {
	mount_at /t tmpfs tmpfs strictatime
	options_of /t
	hasnt relatime
	hasnt noatime
	mount_at /t tmpfs tmpfs strictatime nostrictatime
	options_of /t
	has relatime
	mount_at /t tmpfs tmpfs relatime norelatime
	options_of /t
	hasnt noatime
}

@test "options that change nothing are taken: defaults, loud, silent, iversion and their kin" {
	for o in defaults loud silent noiversion nolazytime nomand async iversion; do
		update_config '.mounts |= map(select(.destination != "/t"))'
		mount_at /t tmpfs tmpfs $o
		echo "# $o"
		options_of /t
		[ -n "$output" ]
	done
}

@test "flags of a bind, set and cleared" {
	mount -t tmpfs -o nosuid,nodev,noexec,noatime,nodiratime tmpfs "$SRC"
	mount_at /m bind "$SRC" bind
	options_of /m
	for o in nosuid nodev noexec noatime nodiratime; do has $o; done
	mount_at /m bind "$SRC" bind suid dev exec atime diratime
	options_of /m
	for o in nosuid nodev noexec noatime nodiratime; do hasnt $o; done
	mount_at /m bind "$SRC" bind ro nosymfollow strictatime
	options_of /m
	for o in ro nosuid nodev noexec nosymfollow; do has $o; done
	hasnt noatime
	hasnt relatime
}

@test "recursive flags reach submounts" {
	mount -t tmpfs tmpfs "$SRC"
	mkdir "$SRC/sub"
	mount -t tmpfs tmpfs "$SRC/sub"
	for o in ro nosuid nodev noexec noatime nodiratime nosymfollow relatime; do
		mount_at /m bind "$SRC" rbind r$o
		echo "# r$o"
		options_of /m/sub
		has $o
		options_of /m
		has $o
	done
	mount_at /m bind "$SRC" rbind rstrictatime
	options_of /m/sub
	hasnt relatime
	hasnt noatime
}

@test "recursive flags are cleared on submounts" {
	mount -t tmpfs -o ro,nosuid,nodev,noexec,noatime,nodiratime tmpfs "$SRC"
	mount -o remount,rw "$SRC"
	mkdir "$SRC/sub"
	mount -t tmpfs -o ro,nosuid,nodev,noexec,noatime,nodiratime tmpfs "$SRC/sub"
	for pair in suid:nosuid dev:nodev exec:noexec diratime:nodiratime atime:noatime relatime:noatime \
		strictatime:noatime; do
		mount_at /m bind "$SRC" rbind r${pair%:*}
		echo "# r${pair%:*}"
		options_of /m/sub
		hasnt "${pair#*:}"
	done
	mount_at /m bind "$SRC" rbind rsymfollow rnorelatime rnostrictatime
	options_of /m/sub
	# rrw clears the flag of the mount; the filesystem below stays what it is.
	mount_at /m bind "$SRC" rbind rrw
	options_of /m/sub
	[ "${output%%,*}" = rw ]
}

@test "nosymfollow on a bind is in force" {
	ln -s file "$SRC/link"
	mount_at /m bind "$SRC" bind nosymfollow
	set_sh 'cat /m/file; cat /m/link'
	run_container
	assert_failure
	assert_output_has hello
	assert_output_has "link"
}

@test "propagation options" {
	for pair in private: rprivate: shared:shared: rshared:shared: unbindable:unbindable runbindable:unbindable; do
		mount_at /m bind "$SRC" rbind "${pair%%:*}"
		echo "# $pair"
		options_of /m
		case $pair in
		*private:) [ "${output##*|}" = "" ] ;;
		*) assert_output_has "${pair#*:}" ;;
		esac
	done
	mount --bind "$SRC" "$SRC"
	mount --make-shared "$SRC"
	update_config '.linux.rootfsPropagation="shared"'
	for o in slave rslave; do
		mount_at /m bind "$SRC" rbind $o
		options_of /m
		assert_output_has master:
	done
}

@test "idmap and ridmap with mappings" {
	root_only
	mount -t tmpfs tmpfs "$SRC"
	touch "$SRC/owned"
	chown 1000:1000 "$SRC/owned"
	for o in idmap ridmap; do
		mount_at /m bind "$SRC" rbind $o
		update_config '.mounts[-1] += {uidMappings:[{containerID:0,hostID:0,size:1},{containerID:1000,hostID:2000,size:1}],
			gidMappings:[{containerID:0,hostID:0,size:1},{containerID:1000,hostID:3000,size:1}]}'
		set_sh 'stat -c "%u %g" /m/owned'
		run_container
		case $output in *"may not support"* | *"map the ids"*) skip "no id-mapped mounts on tmpfs here: $output" ;; esac
		[ "$output" = "2000 3000" ] || { echo "$output"; return 1; }
	done
}

@test "tmpcopyup copies what was there, with owner and mode" {
	mkdir -p "$BUNDLE/rootfs/data/deep"
	echo text >"$BUNDLE/rootfs/data/deep/file"
	chmod 0644 "$BUNDLE/rootfs/data/deep/file"
	chown 7:8 "$BUNDLE/rootfs/data/deep/file"
	ln -s deep/file "$BUNDLE/rootfs/data/link"
	mkfifo "$BUNDLE/rootfs/data/fifo"
	mount_at /data tmpfs tmpfs tmpcopyup mode=0751
	set_sh 'stat -c "%a %u %g" /data/deep/file; readlink /data/link; test -p /data/fifo && echo fifo
	    cat /data/link; echo x >/data/new; stat -f -c %T /data'
	run_container
	assert_status 0
	[ "$output" = "644 7 8
deep/file
fifo
text
tmpfs" ] || { echo "$output"; return 1; }
	[ ! -e "$BUNDLE/rootfs/data/new" ]
}

@test "a tmpfs without a mode: the mode of the directory it covers; where there was none everybody's, the second time too" {
	only_ctr "the second start"
	mkdir -p "$BUNDLE/rootfs/one" "$BUNDLE/rootfs/link-goes"
	chmod 2710 "$BUNDLE/rootfs/one"
	chmod 711 "$BUNDLE/rootfs/link-goes"
	ln -s link-goes "$BUNDLE/rootfs/link"
	mount_at /one tmpfs t nosuid
	mount_at /link tmpfs t ro
	mount_at /one/new tmpfs t
	mount_at /told tmpfs t mode=750
	mount_at /neu/two tmpfs t size=64k
	set_sh 'stat -c %a /one /link-goes /one/new /told /neu /neu/two | tr "\n" " "'
	for again in 1 2; do
		run_container
		assert_status 0
		assert_output "2710 711 1777 750 755 1777 "
	done
	assert_equal "$(stat -c %a "$BUNDLE/rootfs/one" "$BUNDLE/rootfs/told")" "2710
755"
}

@test "copy-symlink makes the link itself, src-nofollow and dest-nofollow" {
	only_ctr
	ln -s /some/where "$SRC/link"
	mount_at /etc/copied bind "$SRC/link" bind copy-symlink
	set_sh 'readlink /etc/copied'
	run_container
	[ "$output" = /some/where ]
	ln -s /tmp "$BUNDLE/rootfs/dlink"
	mount_at /dlink bind "$SRC" bind dest-nofollow
	run_container
	assert_failure
}

@test "remount changes the flags of an earlier mount" {
	mount_at /m bind "$SRC" bind
	mount_at /m none none remount bind ro nosuid
	options_of /m
	has ro
	has nosuid
	mount_at /t tmpfs tmpfs size=64k
	mount_at /t tmpfs tmpfs remount size=128k ro
	options_of /t
	has size=128k
	has ro
}

@test "a missing source names itself and not ENOENT's text" {
	mount_at /m bind "$SRC/none" bind
	run_container
	assert_failure
	assert_output_has "$SRC/none"
	case $output in *"o such file or directory"*) return 1 ;; esac
}

@test "unknown option and unknown filesystem are errors" {
	mount_at /m tmpfs tmpfs what=ever
	run_container
	assert_failure
	assert_output_has "what"
	update_config 'del(.mounts[-1])'
	mount_at /m nosuchfs none
	run_container
	assert_failure
	assert_output_has nosuchfs
}

@test "links in destinations stay inside the root filesystem" {
	mkdir "$T/outside"
	ln -s "$T/outside" "$BUNDLE/rootfs/abs"
	ln -s ../../../../../../../../..$T/outside "$BUNDLE/rootfs/rel"
	mount_at /abs/one bind "$SRC" bind
	mount_at /rel/two bind "$SRC/file" bind
	mount_at /../../three bind "$SRC" bind
	set_sh 'cat /three/file /abs/one/file /rel/two'
	run_container
	assert_status 0
	[ "$output" = "hello
hello
hello" ]
	[ -z "$(ls -A "$T/outside")" ]
	[ -d "$BUNDLE/rootfs$T/outside/one" ]
}

@test "a loop of links as a destination is an error" {
	ln -s loop "$BUNDLE/rootfs/loop"
	mount_at /loop/x bind "$SRC" bind
	run_container
	assert_failure
	assert_output_has loop
}

@test "a FIFO as a destination does not hang" {
	mkfifo "$BUNDLE/rootfs/fifo"
	mount_at /fifo bind "$SRC/file" bind
	set_sh 'cat /fifo'
	run timeout 10 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	[ "$status" -ne 124 ]
	[ "$output" = hello ] || assert_failure
}

@test "a directory on a file and a file on a directory are errors" {
	touch "$BUNDLE/rootfs/afile"
	mount_at /afile bind "$SRC" bind
	run_container
	assert_failure
	update_config 'del(.mounts[-1])'
	mkdir "$BUNDLE/rootfs/adir"
	mount_at /adir bind "$SRC/file" bind
	run_container
	assert_failure
}

@test "/proc as a link in the root filesystem is refused" {
	rmdir "$BUNDLE/rootfs/proc"
	mkdir "$BUNDLE/rootfs/elsewhere"
	ln -s elsewhere "$BUNDLE/rootfs/proc"
	set_args true
	run_container
	assert_failure
	assert_output_has proc
}

@test "mounts below /proc are refused but for what lxcfs replaces" {
	mount_at /proc/cpuinfo bind "$SRC/file" bind
	set_sh 'cat /proc/cpuinfo'
	run_container
	assert_status 0
	[ "$output" = hello ]
	for d in /proc/self/attr /proc/sys/kernel /proc/1 /proc/kcore /proc/self/exe /tmp/../proc/keys; do
		update_config 'del(.mounts[-1])'
		if [ $d = /proc/kcore ] || [ $d = /proc/self/exe ] || [ $d = /tmp/../proc/keys ]; then
			mount_at $d bind "$SRC/file" bind
		else
			mount_at $d bind "$SRC" bind
		fi
		run_container
		[ "$status" -ne 0 ] || { echo "$d was allowed"; return 1; }
	done
	update_config 'del(.mounts[-1])'
	mount_at /proc/self/attr tmpfs tmpfs
	run_container
	assert_failure
	update_config 'del(.mounts[-1])'
	ln -s /proc/sys "$BUNDLE/rootfs/plink"
	mount_at /plink/kernel bind "$SRC" bind
	run_container
	assert_failure
}

@test "mounts come in the order of the list" {
	mount_at /m tmpfs tmpfs
	mount_at /m/inner bind "$SRC" bind
	set_sh 'cat /m/inner/file'
	run_container
	[ "$output" = hello ]
}

@test "the host sees none of it" {
	before=$(wc -l </proc/self/mountinfo)
	mount_at /m bind "$SRC" bind
	set_args true
	run_container
	assert_status 0
	[ "$(wc -l </proc/self/mountinfo)" = "$before" ]
}

@test "a read-only /dev has its devices, links and mounts, and is read-only then" {
	update_config '.mounts |= map((select(.destination == "/dev") | .options += ["ro"]) // .)'
	set_sh 'echo x >/dev/null && ls /dev/pts /dev/shm >/dev/null && readlink /dev/fd; touch /dev/x 2>/dev/null || echo refused'
	run_container
	assert_success
	assert_output "/proc/self/fd
refused"
}

@test "a read-only tmpfs takes the mount point of a later mount, and is read-only then" {
	update_config '.mounts += [{destination: "/work", source: "tmpfs", type: "tmpfs", options: ["ro"]},
		{destination: "/work/inner", source: "tmpfs", type: "tmpfs", options: ["rw"]}]'
	set_sh 'echo x >/work/inner/g && echo written; touch /work/x 2>/dev/null || echo refused'
	run_container
	assert_success
	assert_output "written
refused"
}

@test "a read-only bind takes the mount point of a later one, and is read-only then" {
	mkdir -p "$T/outer" "$T/inner"
	echo in >"$T/inner/f"
	update_config '.mounts += [{destination: "/outer", source: $o, type: "bind", options: ["bind", "ro"]},
		{destination: "/outer/inner", source: $i, type: "bind", options: ["bind", "rw"]}]' --arg o "$T/outer" --arg i "$T/inner"
	set_sh 'cat /outer/inner/f; echo x >/outer/inner/g && echo written; touch /outer/x 2>/dev/null || echo refused'
	run_container
	assert_success
	assert_output "in
written
refused"
}

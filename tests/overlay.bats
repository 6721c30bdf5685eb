# SPDX-License-Identifier: Apache-2.0
# rootless
# A layer of the container's own over its root filesystem (--overlay, ctr.overlay), and an id-mapped root
# (ctr.root.idmap).

load helpers

setup()
{
	test_setup
	new_bundle
	BEFORE=$(tree)
}

# What the root filesystem on the disk holds. The mount points are made by an ordinary start, too.
tree() { (cd "$BUNDLE/rootfs" && find . -type f -o -type l | sort && cat bin/* | cksum); }

needs_overlay()
{
	[ "$TEST_MODE" = root ] || unshare -Urm sh -c "mkdir -p $T/o/l $T/o/u $T/o/w && mount -t overlay -o lowerdir=$T/o/l,upperdir=$T/o/u,workdir=$T/o/w,userxattr none $T/o/l" 2>/dev/null || skip "this kernel has no overlayfs in user namespaces"
	grep -qw overlay /proc/filesystems || skip "this kernel has no overlayfs"
}

@test "overlay: in memory: the program writes, the disk stays" {
	needs_overlay
	set_sh 'echo new >/etc/new && rm /bin/ls && mkdir /d && cat /etc/new; ls / 2>/dev/null; stat -c %a /'
	run_container --overlay tmpfs
	assert_success
	assert_line new
	assert_line 755
	assert_equal "$(tree)" "$BEFORE"
	set_sh 'ls /etc/new 2>&1; test -x /bin/ls && echo again'
	run_container --overlay tmpfs
	assert_line again
	assert_output_lacks "/etc/new$"
}

@test "overlay: in a directory: it stays for the next run" {
	needs_overlay
	mkdir "$T/layer"
	[ "$TEST_MODE" = root ] || chmod 755 "$T/layer"
	set_sh 'echo kept >/etc/kept'
	run_container --overlay "$T/layer"
	assert_success
	assert_equal "$(tree)" "$BEFORE"
	[ "$TEST_MODE" != root ] || assert_equal "$(cat "$T/layer/upper/etc/kept")" kept
	set_sh 'cat /etc/kept'
	run_container --overlay "$T/layer"
	assert_line kept
	# What a mapped root wrote, and the work directory that only root enters.
	[ "$TEST_MODE" = root ] || ctr_rm "$T/layer"
}

# Removes a tree with subordinate ids in it.
ctr_rm() { unshare --map-auto --map-root-user rm -rf "$1"; }

@test "overlay: by annotation" {
	needs_overlay
	update_config '.annotations["ctr.overlay"] = "tmpfs"'
	set_sh 'echo x >/etc/x && cat /etc/x'
	run_container
	assert_line x
	assert_equal "$(tree)" "$BEFORE"
}

@test "overlay: volumes, masks and devices lie on top of it" {
	needs_overlay
	mkdir "$T/vol" && chmod 777 "$T/vol"
	update_config '.mounts += [{destination: "/vol", type: "bind", source: $v, options: ["bind"]}] | .linux.maskedPaths += ["/etc/group"]' --arg v "$T/vol"
	set_sh 'echo out >/vol/f; test -s /etc/group || echo masked; echo x >/dev/null && echo device; rm -f /vol/none'
	run_container --overlay tmpfs
	assert_line masked
	assert_line device
	assert_equal "$(cat "$T/vol/f")" out
}

@test "overlay: two containers over one root filesystem do not see each other" {
	needs_overlay
	set_sleep
	ctr run -d -b "$BUNDLE" --overlay tmpfs "$ID" >"$T/log" 2>&1 </dev/null 3>&-
	ctr run -d -b "$BUNDLE" --overlay tmpfs "$ID-b" >"$T/log" 2>&1 </dev/null 3>&-
	run ctr exec "$ID" sh -c 'echo a >/a && cat /a'
	assert_line a
	run ctr exec "$ID-b" cat /a
	assert_failure
}

@test "overlay: nothing of the layers or of the host's root stays mounted" {
	needs_overlay
	mkdir "$T/layer"
	for where in tmpfs "$T/layer"; do
		set_sleep
		ctr run -d -b "$BUNDLE" --overlay "$where" "$ID" >"$T/log" 2>&1 </dev/null 3>&-
		run ctr exec "$ID" sh -c 'cut -d" " -f5 /proc/self/mountinfo | grep -cx /; ls -d /proc/1'
		assert_line 1
		assert_line /proc/1
		ctr delete --force "$ID"
	done
	[ "$TEST_MODE" = root ] || ctr_rm "$T/layer"
}

@test "overlay: a directory that is missing, a word that is none" {
	set_args true
	run_container --overlay "$T/none"
	assert_status 1
	assert_output_has "--overlay $T/none: missing"
	update_config '.annotations["ctr.overlay"] = "memory"'
	run_container
	assert_status 1
	assert_output_has 'must be tmpfs or an absolute path'
}

@test "overlay: dry run shows it" {
	run ctr run --dry-run -b "$BUNDLE" --overlay tmpfs "$ID"
	assert_success
	assert_output_has '"overlay"'
}

# ---- id-mapped root ---------------------------------------------------------------------------------------------------

mapped()
{
	update_config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 200000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings | .annotations["ctr.root.idmap"] = "true" | .root.readonly = false'
}

@test "root.idmap: the ids on the disk are the container's" {
	root_only
	mapped
	chown 7:8 "$BUNDLE/rootfs/etc"
	set_sh 'stat -c "%u:%g %n" / /etc /bin; echo x >/root/made; cat /proc/self/uid_map'
	run_container
	if [[ $output == *"may not support it"* ]]; then skip "the filesystem of the tests cannot be id-mapped"; fi
	assert_success
	assert_line "0:0 /"
	assert_line "7:8 /etc"
	assert_output_has 200000
	assert_equal "$(stat -c %u:%g "$BUNDLE/rootfs/root/made")" 0:0
}

@test "root.idmap: below an overlay" {
	root_only
	mapped
	set_sh 'stat -c "%u:%g %n" /bin && echo x >/etc/x && stat -c "%u" /etc/x'
	run_container --overlay tmpfs
	if [[ $output == *"may not support it"* ]]; then skip "the filesystem of the tests cannot be id-mapped"; fi
	assert_success
	assert_line "0:0 /bin"
	assert_line 0
	assert_missing "$BUNDLE/rootfs/etc/x"
}

@test "root.idmap: needs a user namespace" {
	root_only
	update_config '.annotations["ctr.root.idmap"] = "true"'
	run_container
	assert_status 1
	assert_output_has "annotations.ctr.root.idmap: needs a new user namespace"
}

@test "root.idmap: is beyond an ordinary user" {
	rootless_only
	update_config '.annotations["ctr.root.idmap"] = "true"'
	run_container
	assert_status 1
	assert_output_has "annotations.ctr.root.idmap: mapping the ids of a filesystem needs CAP_SYS_ADMIN"
}

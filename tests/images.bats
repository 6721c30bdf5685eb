#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Root filesystems as people have them: a Debian base, and an OCI image layout unpacked by umoci. What is fetched
# is kept under ${CTR_TEST_CACHE:-build/cache}; without network and cache the tests say that they were skipped.

load helpers

setup()
{
	test_setup
	root_only
	CACHE=${CTR_TEST_CACHE:-$TOP/build/cache}
}

# The Debian base, fetched once.
debian()
{
	needs debootstrap
	BASE=$CACHE/debian-minbase
	[ ! -e "$BASE/.complete" ] || return 0
	mkdir -p "$CACHE"
	rm -rf "$BASE"
	timeout 400 debootstrap --variant=minbase bookworm "$BASE" >"$T/debootstrap.log" 2>&1 3>&- || {
		rm -rf "$BASE"
		skip "debootstrap failed: $(tail -1 "$T/debootstrap.log")"
	}
	touch "$BASE/.complete"
}

@test "a Debian base: shell, glibc program, users, apt's own files" {
	debian
	new_bundle
	update_config '.root={path:$p,readonly:true}' --arg p "$BASE"
	set_args bash -c 'echo $BASH_VERSION | cut -c1; . /etc/os-release; echo $ID; getent passwd root; perl -e "print 6*7, qq(\n)"'
	run_container
	assert_success
	assert_line 5
	assert_line debian
	assert_line 42
	assert_line "root:x:0:0:root:/root:/bin/bash"
}

@test "a Debian base, writable through an overlay of the test's own" {
	debian
	mkdir "$T/up" "$T/work" "$T/merged"
	mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$T/up,workdir=$T/work" "$T/merged" || skip "no overlay here"
	new_bundle
	update_config '.root={path:$p,readonly:false}' --arg p "$T/merged"
	set_args bash -c 'echo x >/root/made && dpkg -l | grep -c "^ii"'
	run_container
	umount "$T/merged"
	assert_success
	[ "${lines[0]}" -gt 50 ]
	assert_exists "$T/up/root/made"
}

# A layout with one busybox image, made here: no registry is asked.
layout()
{
	needs umoci
	needs skopeo
	new_bundle plain
	umoci init --layout "$T/oci" >/dev/null
	umoci new --image "$T/oci:one" >/dev/null
	umoci unpack --image "$T/oci:one" "$T/empty" >/dev/null 2>&1
	cp -a "$T/plain/rootfs/." "$T/empty/rootfs/"
	umoci repack --image "$T/oci:one" "$T/empty" >/dev/null 2>&1
	umoci config --image "$T/oci:one" --config.cmd /bin/sh --config.env GREETING=hello --config.workingdir /tmp \
		--config.user 1000:1000 >/dev/null
}

@test "an image made by umoci, copied by skopeo, unpacked, and run as its configuration says" {
	layout
	skopeo copy --insecure-policy "oci:$T/oci:one" "oci:$T/copy:two" >/dev/null 2>&1 || skopeo copy "oci:$T/oci:one" "oci:$T/copy:two"
	umoci unpack --image "$T/copy:two" "$T/unpacked" >/dev/null 2>&1
	BUNDLE=$T/unpacked
	jq -e '.process.env | index("GREETING=hello")' "$BUNDLE/config.json"
	update_config '.process.terminal=false'
	set_sh 'echo $GREETING $(pwd) $(id -u):$(id -g)'
	run_container
	assert_success
	assert_output "hello /tmp 1000:1000"
}

@test "umoci's configuration as it comes is accepted by the check" {
	only_ctr
	layout
	umoci unpack --image "$T/oci:one" "$T/unpacked" >/dev/null 2>&1
	run ctr spec --check "$T/unpacked/config.json"
	assert_success
	assert_output ""
}

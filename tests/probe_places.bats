# SPDX-License-Identifier: Apache-2.0
# What ctr probe says inside real containers of other programs: systemd-nspawn, LXC, Podman, Buildah, and
# ctr itself. (The signs of all others are played in tests/unit/probe.c; real virtual machines: tests/probe-guests.)

load helpers

setup()
{
	test_setup
	root_only
	grep -q . "$TOP/contrib/probe-schema.json"
	file=$(readlink -f "$RUNTIME")
	! readelf -l "$file" | grep -q INTERP || skip "the build under test is not static"
	R=$T/root
	mkdir -p "$R"/{bin,etc,proc,sys,dev,tmp,run,var,usr,root}
	cp /bin/busybox "$R/bin/"
	ln -sf busybox "$R/bin/sh"
	cp "$file" "$R/bin/ctr"
	echo 'ID=test' >"$R/etc/os-release"
	printf '#!/bin/sh\nexec ctr probe --json >/report\n' >"$R/bin/report"
	chmod 755 "$R/bin/report"
}

# They leave control groups behind.
teardown()
{
	local here=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
	rmdir "$here"/payload "$here"/supervisor "$here"/lxc.pivot 2>/dev/null || :
	test_teardown
}

need() { command -v "$1" >/dev/null || skip "needs $1 (package $2)"; }

# inside FILTER [FILE]: is true of the report. Every one is valid, and the machine outside is the same.
inside()
{
	local report=${2:-$R/report}
	python3 -c 'import json, jsonschema, sys; jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' \
		"$report" "$TOP/contrib/probe-schema.json"
	jq -e "$1" "$report" >/dev/null || { jq -c .inside "$report"; return 1; }
	[ "$(jq .cpu.extension "$report")" = "$(ctr probe --json | jq .cpu.extension)" ]
}

@test "probe inside systemd-nspawn" {
	need systemd-nspawn systemd-container
	# nspawn wants /run on a file system that is no disk.
	unshare -m --propagation private sh -c 'mount -t tmpfs none /run &&
		exec timeout 30 systemd-nspawn -q -D "$1" --register=no --keep-unit --pipe /bin/report' - "$R" </dev/null
	inside '.inside.container == "systemd-nspawn" and .inside.initialNamespaces == false'
}

@test "probe inside LXC" {
	need lxc-start lxc
	mkdir "$T/lxc"
	cat >"$T/lxc.conf" <<-C
	lxc.rootfs.path = dir:$R
	lxc.uts.name = test
	lxc.mount.auto = proc:mixed sys:ro
	lxc.init.cmd = /bin/report
	lxc.net.0.type = empty
	lxc.apparmor.profile = unconfined
	C
	timeout 30 lxc-start -F -n test -P "$T/lxc" -f "$T/lxc.conf" -o "$T/lxc.log" </dev/null || { cat "$T/lxc.log"; false; }
	inside '.inside.container == "lxc" and .inside.initialNamespaces == false'
}

@test "probe inside Podman and Buildah" {
	need podman podman
	need buildah buildah
	local store="--root $T/store --runroot $T/run --storage-driver vfs"
	export CONTAINERS_CONF=$T/containers.conf
	sed "s#/usr/local/libexec/ctr/ctr#$RUNTIME#" "$TOP/contrib/engines/containers.conf" >"$CONTAINERS_CONF"
	tar -C "$R" -c . | podman $store import - image >/dev/null 2>&1 3>&-
	podman $store --cgroup-manager cgroupfs --runtime ctr run --rm --network none --pids-limit=-1 \
		--ulimit nofile=1000:1000 --ulimit nproc=5000:5000 image ctr probe --json >"$T/report" 3>&-
	inside '.inside.container == "podman"' "$T/report"
	printf 'FROM localhost/image\nRUN ctr probe --json >/report\n' >"$T/Containerfile"
	buildah $store bud -q --runtime "$RUNTIME" --cgroup-manager cgroupfs --network none --ulimit nofile=1000:1000 \
		--ulimit nproc=5000:5000 -t built -f "$T/Containerfile" "$T" >/dev/null 3>&-
	podman $store --cgroup-manager cgroupfs --runtime ctr run --rm --network none --pids-limit=-1 \
		--ulimit nofile=1000:1000 --ulimit nproc=5000:5000 built busybox cat /report >"$T/report" 3>&-
	inside '.inside.container == "buildah"' "$T/report"
	podman $store rmi -fa >/dev/null 2>&1 3>&- || :
	umount "$T/store/vfs" "$T/store" 2>/dev/null || :
	rmdir /sys/fs/cgroup/libpod_parent/* /sys/fs/cgroup/libpod_parent 2>/dev/null || :
}

@test "probe inside ctr" {
	new_bundle
	cp "$file" "$BUNDLE/rootfs/bin/ctr"
	set_args /bin/ctr probe --json
	ctr run -b "$BUNDLE" "$ID" >"$T/report" </dev/null
	inside '.inside.container != null and .inside.initialNamespaces == false' "$T/report"
}

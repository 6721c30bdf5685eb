# SPDX-License-Identifier: Apache-2.0
# Real engines drive ctr, configured by the very files of contrib/engines. Images are made from busybox. Limits that
# this machine's cgroups or capabilities cannot give (pids, RLIMIT_NOFILE above the caller's) are switched off.

load helpers

setup_file()
{
	[ "$(id -u)" = 0 ] || return 0
	export ENGINE_DIR=$BATS_FILE_TMPDIR
	mkdir -p "$ENGINE_DIR/rootfs/bin" "$ENGINE_DIR/rootfs/etc" "$ENGINE_DIR/rootfs/home/app"
	cp /bin/busybox "$ENGINE_DIR/rootfs/bin/"
	for a in sh id cat ls echo sleep true touch ps kill; do ln -sf busybox "$ENGINE_DIR/rootfs/bin/$a"; done
	printf 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$ENGINE_DIR/rootfs/etc/passwd"
	echo plain >"$ENGINE_DIR/rootfs/etc/plain"
	tar -C "$ENGINE_DIR/rootfs" -cf "$ENGINE_DIR/image.tar" .
}

need()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	local c
	for c; do command -v "$c" >/dev/null || skip "$c is not installed"; done
}

# ---- podman -----------------------------------------------------------------------------------------------------

podman_setup()
{
	need podman conmon
	P=$T/podman
	mkdir -p "$P"
	# The shipped file, with the path of the build under test.
	sed "s#/usr/local/libexec/ctr/ctr#$RUNTIME#" "$TOP/contrib/engines/containers.conf" >"$P/containers.conf"
	export CONTAINERS_CONF=$P/containers.conf
	pd import "$ENGINE_DIR/image.tar" busy >/dev/null 2>&1
}

pd()
{
	timeout 60 podman --root "$P/root" --runroot "$P/run" --cgroup-manager cgroupfs --storage-driver vfs \
		--runtime ctr "$@" 3>&-
}

LIMITS="--pids-limit=-1 --ulimit nofile=1000:1000 --ulimit nproc=5000:5000 --network none"

podman_end()
{
	pd rm -fa -t 0 >/dev/null 2>&1 || :
	pd rmi -fa >/dev/null 2>&1 || :
	umount "$P/root/vfs" "$P/root" 2>/dev/null || :
	rmdir /sys/fs/cgroup/libpod_parent/* /sys/fs/cgroup/libpod_parent 2>/dev/null || :
	rm -rf "$P"
}

@test "podman: run, exit status, output" {
	podman_setup
	run pd run --rm $LIMITS busy echo hello
	assert_status 0
	assert_output_has hello
	run pd run --rm $LIMITS busy sh -c 'exit 42'
	assert_status 42
	podman_end
}

@test "podman: a missing program is 127, a directory 126" {
	podman_setup
	run pd run --rm $LIMITS busy /nonexistent
	assert_status 127
	run pd run --rm $LIMITS busy nonexistent
	assert_status 127
	run pd run --rm $LIMITS busy /etc
	assert_status 126
	run pd run --rm $LIMITS busy /etc/plain
	assert_status 126
	podman_end
}

@test "podman: detached, exec, pause, stop, wait status" {
	podman_setup
	run pd run -d --name one $LIMITS busy sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
	assert_status 0
	run pd exec one sh -c 'id -u; exit 3'
	assert_status 3
	run pd exec one nosuch
	assert_status 127
	run pd pause one
	assert_status 0
	run pd inspect one --format '{{.State.Status}}'
	assert_output_has paused
	run pd unpause one
	assert_status 0
	run pd stop -t 5 one
	assert_status 0
	run pd inspect one --format '{{.State.ExitCode}}'
	assert_output_has 5
	podman_end
}

@test "podman: terminal" {
	podman_setup
	run with_terminal podman --root "$P/root" --runroot "$P/run" --cgroup-manager cgroupfs --storage-driver vfs \
		--runtime ctr run --rm -it $LIMITS busy sh -c 'test -t 0 && echo is-a-tty'
	assert_status 0
	assert_output_has is-a-tty
	podman_end
}

@test "podman: user, volume, read-only root, mapped ids" {
	podman_setup
	mkdir "$T/vol" && echo data >"$T/vol/file"
	run pd run --rm --read-only --user 1000:1000 -v "$T/vol:/data:ro" $LIMITS busy sh -c 'id -u; cat /data/file; touch /x'
	assert_output_has 1000
	assert_output_has data
	assert_output_has "Read-only file system"
	run pd run --rm --uidmap 0:100000:5000 --gidmap 0:100000:5000 $LIMITS busy cat /proc/self/uid_map
	assert_status 0
	assert_output_has 100000
	podman_end
}

@test "podman: a container without a cgroup" {
	podman_setup
	run pd run --rm --cgroups=disabled --ulimit nofile=1000:1000 --ulimit nproc=5000:5000 --network none busy echo free
	assert_status 0
	assert_output_has free
	podman_end
}

@test "podman: nothing is left in the state root" {
	podman_setup
	run pd run --rm $LIMITS busy true
	assert_status 0
	run "$RUNTIME" list -q
	assert_status 0
	[ -z "$output" ]
	podman_end
}

# ---- buildah ----------------------------------------------------------------------------------------------------

@test "buildah: RUN in a build" {
	podman_setup
	need buildah
	printf 'FROM localhost/busy\nRUN echo built > /made && id -u >> /made\n' >"$T/Containerfile"
	run timeout 120 buildah --root "$P/root" --runroot "$P/run" --storage-driver vfs bud --runtime "$RUNTIME" \
		--ulimit nofile=1000:1000 --ulimit nproc=5000:5000 --network none -t made -f "$T/Containerfile" "$T" 3>&-
	assert_status 0
	run pd run --rm $LIMITS made cat /made
	assert_output_has built
	podman_end
}

# ---- docker -----------------------------------------------------------------------------------------------------

# One daemon for all of it: its start costs seconds.
@test "docker: run, exec, pause, top, stop, and all failure cases" {
	need dockerd containerd docker
	cat >"$T/script" <<-'S'
	set -x
	U="--network none --ulimit nofile=1000:1000"
	docker import $ENGINE_DIR/image.tar busy >/dev/null
	docker info --format 'runtime={{.DefaultRuntime}}'
	docker run --rm $U busy echo hello-docker; echo run=$?
	docker run --rm $U busy sh -c 'exit 42'; echo status=$?
	docker run --rm $U busy /nonexistent; echo absolute=$?
	docker run --rm $U busy nonexistent; echo relative=$?
	docker run --rm $U busy /etc; echo directory=$?
	docker run --rm $U busy /etc/plain; echo plain=$?
	docker run --rm $U -u 1000 busy sh -c 'echo home=$HOME'
	docker run -d --name d1 $U busy sleep 100 >/dev/null; echo detached=$?
	docker exec d1 sh -c 'exit 3'; echo exec=$?
	docker exec d1 /etc; echo execdir=$?
	docker pause d1 >/dev/null; docker ps --format '{{.Status}}'; docker unpause d1 >/dev/null
	docker top d1 | grep -c 'sleep 100'
	docker stop -t 1 d1 >/dev/null; echo stop=$?
	docker inspect d1 --format 'exit={{.State.ExitCode}}'
	docker rm d1 >/dev/null; echo rm=$?
	docker run --rm $U --init busy ps | grep -q docker-init; echo init=$?
	S
	run timeout 180 "$TOP/tests/lib/with-docker" "$T/docker" bash "$T/script" 3>&-
	for want in runtime=ctr hello-docker run=0 status=42 absolute=127 relative=127 directory=126 plain=126 \
		home=/home/app detached=0 exec=3 execdir=126 "(Paused)" stop=0 exit=137 rm=0 init=0; do
		assert_output_has "$want"
	done
}

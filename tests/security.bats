# SPDX-License-Identifier: Apache-2.0
# Attacks that are known to have worked on some container runtime, by class and public number; tests/security.md is the
# table of all of them. Each runs as root, with the container in a user namespace, and as an ordinary user.
# rootless
# userns

load helpers

setup_file()
{
	export ATTACK=$BATS_FILE_TMPDIR/attack
	! command -v cc >/dev/null || cc -static -O1 -D_GNU_SOURCE -o "$ATTACK" "$BATS_TEST_DIRNAME/lib/attack.c"
	T=$BATS_FILE_TMPDIR
	new_bundle
	update_config '.root.readonly = false | del(.linux.resources)'
}

setup()
{
	test_setup
	cp -a "$BATS_FILE_TMPDIR/bundle" "$T/"
	BUNDLE=$T/bundle
	R=$BUNDLE/rootfs
	CANARY=$T/canary
	mkdir -p "$CANARY/dir"
	echo of-the-host >"$CANARY/file"
	echo of-the-host >"$CANARY/dir/file"
	# So that nothing but the runtime keeps the container's root from it.
	chmod -R a+rwX "$CANARY"
	UP=../../../../../../../../../../../../../..
	BEFORE=$(canary)
}

# Whatever a test was about, the host's files are as they were, and the state holds nothing that a failure left.
teardown()
{
	local now

	now=$(canary 2>&1)
	chmod -R u+rwX "$T" 2>/dev/null || :
	test_teardown || return 1
	[ "$now" = "${BEFORE-}" ] || { printf 'the canary has changed:\n%s\n' "$now" >&2; return 1; }
}

canary() { (cd "$CANARY" && find . -printf '%p %y %m %U %G %s %T@ %n\n' | sort && cat file dir/file); }
with_attack()
{
	[ -x "$ATTACK" ] || skip "cc is not installed"
	cp "$ATTACK" "$R/bin/attack"
}
# The image belongs to the container's root, whoever that is.
own() { [ -z "${CTR_TEST_USERNS:-}" ] || chown -hR 100000:100000 "$R"; }
# One line of error, and nothing of the container is there.
refused()
{
	own
	run_container
	[ "$status" = 1 ] || fail "status is $status: not refused"
	[[ $output == ctr:* ]] && [ "${#lines[@]}" = 1 ] || fail "not one line of error"
	[ -z "${1-}" ] || assert_output_has "$1"
	assert_missing "$ROOT/$ID"
}
# It may start or be refused; what it sees is its own.
contained()
{
	own
	run_container
	[ "$status" -lt 124 ] || [ "$status" = 126 ] || [ "$status" = 127 ] || fail "status is $status"
	assert_output_lacks of-the-host
}
# A user other than root, for whom an ordinary user has one id: the container's id is that one then.
as_id()
{
	update_config '.process.user = {uid: $n, gid: $n}' --argjson n "$1"
	[ "$TEST_MODE" = root ] ||
		update_config '.linux.uidMappings[0].containerID = $n | .linux.gidMappings[0].containerID = $n' --argjson n "$1"
}
no_mount_at() { update_config '.mounts |= map(select(.destination | startswith($p) | not))' --arg p "$1"; }
status_line() { sed -n "s/^$1:[[:space:]]*//p" <<<"$output"; }

# ---- names in the image: mounts, devices, directories ---------------------------------------------------------------

@test "path: CVE-2015-3627: a program that is a chain of links to a file of the host" {
	printf '#!/bin/sh\necho of-the-host\n' >"$T/program"
	chmod 755 "$T/program"
	ln -s "$UP$T/program" "$R/one"
	ln -s /one "$R/two"
	ln -s ../two "$R/bin/three"
	set_args three
	contained
	assert_failure
	set_args /one
	contained
	assert_failure
}

@test "path: CVE-2015-3629: a mount point that the program replaced by a link, at the next start" {
	mkdir "$R/data"
	update_config '.mounts += [{destination: "/data/sub", type: "tmpfs", source: "tmpfs"}]'
	set_sh 'touch /data/sub/x; umount /data/sub 2>/dev/null; ls /data'
	own
	run_container
	assert_success
	rm -rf "$R/data"
	ln -s "$CANARY" "$R/data"
	set_sh 'touch /data/sub/x; ls /data'
	contained
	assert_missing "$CANARY/sub"
}

@test "path: CVE-2019-18837 CVE-2015-1335: links to the host, absolute and climbing, as parents of mount points" {
	mkdir "$R/real"
	ln -s "$CANARY" "$R/absolute"
	ln -s "$UP$CANARY" "$R/climbing"
	ln -s "../$UP$CANARY/dir" "$R/real/inner"
	update_config '.mounts += [{destination: "/absolute/new/deep", type: "tmpfs", source: "tmpfs"},
		{destination: "/climbing/new", type: "tmpfs", source: "tmpfs"}, {destination: "/real/inner/new", type: "tmpfs", source: "tmpfs"}]'
	set_sh 'cat /absolute/file /climbing/file /real/inner/file'
	contained
}

@test "path: CVE-2021-30465: a mount below a volume whose links lead out of the root" {
	mkdir "$T/volume"
	ln -s / "$T/volume/root"
	ln -s "$UP$CANARY" "$T/volume/out"
	chmod 777 "$T/volume"
	mkdir "$R/vol"
	update_config '.mounts += [{destination: "/vol", type: "bind", source: $v, options: ["rbind"]},
		{destination: "/vol/out/x", type: "tmpfs", source: "tmpfs"},
		{destination: "/vol/root/y", type: "tmpfs", source: "tmpfs"}]' --arg v "$T/volume"
	set_sh 'cat /vol/out/file; ls -d /vol/root/y; ls /vol/root/etc/ctr-* /vol/root'"$T"
	contained
	[ ! -e /y ] || fail "a mount point on the host"
}

@test "path: CVE-2024-45310: missing directories and files of mounts are not made through links" {
	ln -s "$CANARY" "$R/a"
	ln -s "$UP$CANARY/dir" "$R/b"
	ln -s "$CANARY/new-file" "$R/c"
	echo x >"$T/source"
	update_config '.mounts += [{destination: "/a/x/y/z", type: "tmpfs", source: "tmpfs"},
		{destination: "/b/file2", type: "bind", source: $s, options: ["bind"]},
		{destination: "/c", type: "bind", source: $s, options: ["bind"]}]' --arg s "$T/source"
	contained
	assert_missing "$CANARY/new-file"
}

@test "path: CVE-2026-87766: a link in front of everything that the runtime makes" {
	local place

	ln -s "$UP$CANARY" "$R/link"
	echo x >"$T/source"
	for place in '.mounts += [{destination: "/link/new", type: "tmpfs", source: "tmpfs"}]' \
		'.mounts += [{destination: "/link/new", type: "bind", source: $s, options: ["bind"]}]' \
		'.linux.devices = [{path: "/link/new", type: "c", major: 1, minor: 3}]' \
		'.linux.devices = [{path: "/link/new", type: "p"}]' \
		'.process.cwd = "/link/new"' '.process.cwd = "/link/new/deeper"' \
		'.linux.maskedPaths = ["/link/file", "/link/dir"]' '.linux.readonlyPaths = ["/link/file", "/link/dir"]'; do
		cp "$BUNDLE/config.json" "$T/config.json"
		update_config "$place" --arg s "$T/source"
		contained
		cp "$T/config.json" "$BUNDLE/config.json"
	done
}

@test "path: CVE-2026-41579 CVE-2026-47766: /dev is a link to the host, and no mount covers it" {
	rm -rf "$R/dev"
	mkdir "$CANARY/pts"
	touch "$CANARY/ptmx" "$CANARY/null"
	BEFORE=$(canary)
	ln -s "$UP$CANARY" "$R/dev"
	no_mount_at /dev
	set_sh 'ls -l /dev/'
	contained
	rm "$R/dev"
	ln -s "$CANARY" "$R/dev"
	contained
}

@test "path: CVE-2026-41579: /dev is a link to the host, with the template's mounts below it" {
	rm -rf "$R/dev"
	ln -s "$UP$CANARY" "$R/dev"
	set_sh 'ls -l /dev/'
	contained
	assert_missing "$CANARY/null"
}

@test "path: CVE-2025-24965: nothing is written to an image, whatever names it has" {
	local f

	for f in .krun_config.json .krun_vm.json config.json state.json .dockerenv .containerenv exec.fifo; do
		ln -s "$UP$CANARY/file" "$R/$f"
		ln -s "$CANARY/dir/file" "$R/etc/$f"
	done
	mkdir -p "$R/dev/pts" "$R/dev/shm" "$R/dev/mqueue"
	# Mount points exist in any image that has run once.
	run_container
	assert_success
	find "$R" -printf '%P %y %s %T@ %m\n' | sort >"$T/first"
	run_container
	assert_success
	find "$R" -printf '%P %y %s %T@ %m\n' | sort >"$T/second"
	cmp "$T/first" "$T/second"
}

@test "path: a8deee3b: chains of long links end in an error" {
	local i long

	long=$(printf './%.0s' $(seq 1900))
	for i in $(seq 0 60); do ln -s "$long/l$((i + 1))" "$R/l$i"; done
	mkdir "$R/l61"
	update_config '.mounts += [{destination: "/l0/x", type: "tmpfs", source: "tmpfs"}]'
	refused /l0/x
	no_mount_at /l0
	update_config '.process.cwd = "/l0"'
	refused
}

@test "path: a8deee3b 3d6aba8a: without openat2 nothing is resolved in a weaker way" {
	local code

	with_attack
	ln -s "$UP$CANARY" "$R/link"
	update_config '.mounts += [{destination: "/link/new", type: "tmpfs", source: "tmpfs"}]'
	for code in 38 1 11; do # ENOSYS, EPERM, EAGAIN
		SECONDS=0
		try timeout 20 "$ATTACK" deny 437 $code "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
		assert_status 1
		[ "${#lines[@]}" = 1 ] || fail "more than a line"
		[ $SECONDS -le 10 ] || fail "took $SECONDS s"
		assert_missing "$ROOT/$ID"
	done
}

@test "path: CVE-2021-33909: paths that are too long or too deep" {
	local deep

	deep=$(printf '/d%.0s' $(seq 3000))
	update_config '.mounts += [{destination: $d, type: "tmpfs", source: "tmpfs"}]' --arg d "$deep"
	refused
	no_mount_at /d/
	update_config '.process.cwd = $d' --arg d "$deep"
	refused
}

@test "path: CVE-2024-42472: a bind source is what it was when the plan was made; the link is not followed for src-nofollow" {
	ln -s "$CANARY" "$T/persist"
	mkdir "$R/p"
	update_config '.mounts += [{destination: "/p", type: "bind", source: $s, options: ["bind", "src-nofollow"]}]' --arg s "$T/persist"
	set_sh 'ls /p/'
	contained
	[ "$status" != 0 ] || assert_output_lacks file
}

@test "path: nosymfollow: a mount whose links nobody follows" {
	mkdir "$R/p" "$T/source"
	ln -s /etc/passwd "$T/source/link"
	chmod 755 "$T/source"
	update_config '.mounts += [{destination: "/p", type: "bind", source: $s, options: ["bind", "nosymfollow"]}]' --arg s "$T/source"
	set_sh 'cat /p/link'
	contained
	assert_failure
	assert_output_lacks root:
}

@test "path: CVE-2015-2925: a program that renames what it is bound to does not get out" {
	mkdir -p "$T/volume/in/deep"
	chmod -R 777 "$T/volume"
	mkdir "$R/vol"
	update_config '.mounts += [{destination: "/vol", type: "bind", source: $s, options: ["rbind"]}]' --arg s "$T/volume/in/deep"
	set_sh 'cd /vol && while [ ! -e moved ]; do sleep 0.02; done; cat ../../canary/file ../canary/file; ls ..'
	start_container
	mv "$T/volume/in/deep" "$T/volume/deep"
	touch "$T/volume/deep/moved"
	wait_status "$ID" stopped
	! grep of-the-host "$T/log" || fail "out"
}

# ---- /proc, /sys and the files that decide about protection ------------------------------------------------------------

@test "proc: CVE-2015-3630: what of the template's /proc decides about the host cannot be written" {
	set_sh 'for p in asound bus fs irq sys sysrq-trigger timer_stats latency_stats scsi acpi; do
			[ ! -e /proc/$p ] || find /proc/$p -type f 2>/dev/null | while read -r f; do
				case $f in /proc/sys/net/* | /proc/sys/fs/mqueue/* | /proc/sys/kernel/ns_last_pid) continue ;; esac
				{ [ -w "$f" ] && [ ! -c "$f" ]; } && (: >>"$f") 2>/dev/null && echo "open $f"; done; done
		for f in kernel/core_pattern kernel/modprobe kernel/hotplug vm/drop_caches; do
			[ ! -e /proc/sys/$f ] || ! (: >>/proc/sys/$f) 2>/dev/null || echo "open $f"; done; echo done'
	run_container 2>/dev/null
	assert_success
	assert_output done
}

@test "proc: CVE-2015-3631: a volume over /proc is refused" {
	update_config '.mounts += [{destination: "/proc", type: "tmpfs", source: "tmpfs"}]'
	refused /proc
	update_config '.mounts[-1] = {destination: "/proc/self", type: "tmpfs", source: "tmpfs"}'
	refused /proc
	update_config '.mounts[-1] = {destination: "//proc/./", type: "tmpfs", source: "tmpfs"}'
	refused /proc
}

@test "proc: CVE-2019-16884: a directory that plays /proc is refused" {
	mkdir -p "$T/fake/self/attr" "$T/fake/sys/kernel"
	touch "$T/fake/self/attr/exec" "$T/fake/self/status"
	chmod -R a+rwX "$T/fake"
	update_config '.mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "bind", source: $s, options: ["rbind"]} else . end)' --arg s "$T/fake"
	refused /proc
}

@test "proc: CVE-2019-19921 CVE-2023-27561 CVE-2025-54867: /proc is a link of the image" {
	local to

	mkdir -p "$R/other/self/attr"
	for to in ../other other /other "$CANARY" "$UP$CANARY" .; do
		rm -rf "$R/proc"
		ln -s "$to" "$R/proc"
		refused /proc
	done
}

@test "proc: CVE-2025-54867: /sys is a link of the image" {
	local to

	mkdir "$R/other"
	for to in ../other /other "$CANARY" "$UP$CANARY"; do
		rm -rf "$R/sys"
		ln -s "$to" "$R/sys"
		refused /sys
	done
}

@test "proc: CVE-2023-28642: /proc is a link, and a volume puts files where it leads" {
	rm -rf "$R/proc"
	mkdir -p "$R/foo/self/attr"
	ln -s /foo "$R/proc"
	echo x >"$T/source"
	no_mount_at /proc
	update_config '.mounts = [{destination: "/foo/self/attr/exec", type: "bind", source: $s, options: ["bind"]}] + .mounts +
		[{destination: "/proc", type: "proc", source: "proc"}]' --arg s "$T/source"
	refused /proc
}

@test "proc: CVE-2025-52881 CVE-2025-62596: nothing is mounted on the files of /proc that protection is written to" {
	local f

	echo x >"$T/source"
	for f in self/attr/exec self/attr/apparmor/exec thread-self/attr/exec sysrq-trigger sys/kernel/core_pattern self/uid_map \
		sys self/status kmsg; do
		update_config '.mounts += [{destination: $d, type: "bind", source: $s, options: ["bind"]}]' --arg d "/proc/$f" --arg s "$T/source"
		refused "/proc/$f"
		update_config 'del(.mounts[-1])'
	done
	# By another name: a link of the image.
	ln -s /proc "$R/alias"
	update_config '.mounts += [{destination: "/alias/self/attr/exec", type: "bind", source: $s, options: ["bind"]}]' --arg s "$T/source"
	refused /alias
}

@test "proc: CVE-2025-52881 CVE-2022-0811: a sysctl goes to the container's own, and its value is one" {
	update_config '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	set_sh 'cat /proc/sys/net/ipv4/ip_forward'
	host=$(cat /proc/sys/net/ipv4/ip_forward)
	run_container
	assert_output 1
	assert_equal "$(cat /proc/sys/net/ipv4/ip_forward)" "$host"
	update_config '.linux.sysctl = {"kernel.core_pattern": "|/x"}'
	refused kernel.core_pattern
	update_config '.linux.sysctl = {"net.ipv4/../../kernel/core_pattern": "|/x"}'
	refused
	update_config '.linux.sysctl = {"kernel.shm_rmid_forced": "1+kernel.core_pattern=|/x"}'
	refused kernel.shm_rmid_forced
}

@test "proc: CVE-2015-1334: a container that covers its /proc does not change what exec is confined to" {
	update_config '.process.capabilities |= with_entries(if .key == "ambient" or .key == "inheritable" then . else .value += ["CAP_SYS_ADMIN"] end)
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["sync"], action: "SCMP_ACT_ERRNO"}]}'
	set_sh 'mount -t tmpfs none /proc && mkdir -p /proc/self/attr /proc/sys && : >/proc/self/attr/exec && echo covered >/dev/shm/ready
		trap "exit 0" TERM; while :; do sleep 0.05; done'
	start_container
	pid=$(pid_of "$ID")
	wait_until 10 test -e "/proc/$pid/root/dev/shm/ready"
	# It works with all that was asked for, or it is refused; never with less.
	status=0
	ctr exec -d --pid-file "$T/pid" "$ID" sleep 100 >"$T/out" 2>&1 3>&- || status=$?
	if [ "$status" = 0 ]; then
		wait_until 10 grep -q sleep "/proc/$(cat "$T/pid")/comm"
		output=$(cat "/proc/$(cat "$T/pid")/status")
		assert_equal "$(status_line NoNewPrivs)" 1
		assert_equal "$(status_line Seccomp)" 2
	else
		assert_equal "$(wc -l <"$T/out")" 1
	fi
}

@test "proc: GHSA-7ww5: the power meters are covered" {
	set_sh 'find /sys/devices/virtual/powercap -name energy_uj 2>/dev/null | while read -r f; do cat "$f"; done; echo done'
	run_container
	assert_output done
}

# ---- masks --------------------------------------------------------------------------------------------------------------

@test "mask: CVE-2025-31133 CVE-2025-62161: the image's /dev/null is a link to what a mask would lay open" {
	local to

	mkdir -p "$R/secret.d"
	echo secret >"$R/secret"
	echo secret >"$R/secret.d/file"
	update_config '.linux.maskedPaths += ["/secret", "/secret.d"]'
	for to in /proc/sys/kernel/core_pattern "$UP/proc/sys/kernel/core_pattern" "$CANARY/file" "$UP$CANARY/file" /proc/self/fd/3; do
		rm -f "$R/dev/null"
		ln -s "$to" "$R/dev/null"
		set_sh 'cat /secret /secret.d/file; (: >>/proc/sys/kernel/core_pattern) 2>/dev/null && echo writable; cat /proc/keys; :'
		contained
		[ "$status" = 0 ] || fail "the template's /dev covers it"
		assert_output_lacks secret$
		assert_output_lacks writable
		! grep -qx secret <<<"$output" || fail "not masked"
	done
}

@test "mask: CVE-2025-31133: the same where no mount covers the image's /dev" {
	local to

	echo secret >"$R/secret"
	update_config '.linux.maskedPaths += ["/secret"]'
	no_mount_at /dev
	for to in /proc/sys/kernel/core_pattern "$UP$CANARY/file" /secret; do
		rm -rf "$R/dev"
		mkdir "$R/dev"
		ln -s "$to" "$R/dev/null"
		set_sh 'cat /secret; (: >>/proc/sys/kernel/core_pattern) 2>/dev/null && echo writable; :'
		contained
		! grep -qx secret <<<"$output" || fail "not masked"
		assert_output_lacks writable
	done
}

@test "mask: CVE-2025-31133: a mask that cannot be laid is an error, not a pass" {
	ln -s loop "$R/loop"
	update_config '.linux.maskedPaths += ["/loop"]'
	refused /loop
	ln -s /proc/self/fd "$R/magic"
	update_config '.linux.maskedPaths[-1] = "/magic/0"'
	contained
}

@test "mask: a mask is not to be taken away by the program" {
	echo secret >"$R/secret"
	update_config '.linux.maskedPaths += ["/secret"] | .linux.readonlyPaths += ["/etc"]'
	set_sh 'umount /secret; mount -o remount,rw /etc; mount -o remount,rw,bind /etc; echo x >/etc/new; cat /secret; :'
	contained
	! grep -qx secret <<<"$output" || fail "not masked"
	assert_missing "$R/etc/new"
}

@test "console: CVE-2025-52565: /dev/console and /dev/pts of the image are links to the host" {
	needs python3
	no_mount_at /dev/console
	rm -rf "$R/dev"
	mkdir -p "$R/dev/pts"
	for n in 0 1 2 3; do ln -s "$UP$CANARY/file" "$R/dev/pts/$n"; done
	ln -s "$CANARY/dir/file" "$R/dev/console"
	ln -s "$UP$CANARY/file" "$R/dev/ptmx"
	set_sh 'tty; cat /dev/console </dev/null & sleep 0.1; echo typed >/dev/console; exit 0'
	update_config '.process.terminal = true'
	try with_terminal "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_lacks of-the-host
	# The same without a /dev of the container's own, but a devpts.
	update_config '.mounts |= map(select(.destination == "/dev" | not))'
	try with_terminal "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_lacks of-the-host
}

# ---- descriptors, the working directory, the runtime's own program ----------------------------------------------------------

@test "fd: CVE-2024-21626: a working directory through descriptors that the caller left open" {
	local fd

	with_attack
	set_sh 'pwd; cat file ../../canary/file; ls'
	for fd in 3 4 5 6 7 8 9 12 20; do
		update_config '.process.cwd = $c' --arg c "/proc/self/fd/$fd"
		try sh -c 'cd "$1" && shift && exec "$@"' - "$CANARY" "$ATTACK" steal "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
		assert_failure
		assert_output_lacks of-the-host
		assert_missing "$ROOT/$ID"
	done
}

@test "fd: CVE-2024-21626: the same for exec, and by a link of the image" {
	local cwd

	with_attack
	for fd in 3 6 7 8; do ln -s "/proc/self/fd/$fd" "$R/l$fd"; done
	set_sleep
	start_container
	for cwd in /proc/self/fd/{3,5,6,7,8,9,10,20} /l3 /l6 /l7 /l8 /proc/self/cwd/.. /proc/1/cwd; do
		try sh -c 'cd "$1" && shift && exec "$@"' - "$CANARY" "$ATTACK" steal "$RUNTIME" --root "$ROOT" exec --cwd "$cwd" "$ID" sh -c 'cat file ../../../../../etc/ctr-canary; pwd'
		assert_output_lacks of-the-host
	done
	for cwd in /proc/self/fd/{3,6,7,8}; do
		try "$ATTACK" steal "$RUNTIME" --root "$ROOT" exec --cwd "$cwd" "$ID" true
		assert_failure
	done
}

@test "fd: CVE-2024-21626: directories that the caller left open are not in the container" {
	with_attack
	set_sh 'ls -l /proc/self/fd /proc/1/fd | grep -c " -> "; ls /proc/self/fd | tr "\n" " "'
	try "$ATTACK" steal "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_success
	assert_output_has "0 1 2 3 " # 3: the open directory of ls
	assert_output_lacks 4
	set_sleep
	start_container
	try "$ATTACK" steal "$RUNTIME" --root "$ROOT" exec "$ID" ls /proc/self/fd
	assert_output "0
1
2
3"
}

# The program of the container, attack watch, has seen nothing that it should not.
saw_nothing()
{
	ctr kill "$ID" TERM
	wait_status "$ID" stopped 20
	grep -q '^rounds [1-9]' "$T/log" || fail "it did not look"
	! grep -e '^directory' -e '^traced ctr' "$T/log" || fail "an attack that worked"
}

@test "fd: CVE-2016-9962 CVE-2016-8649 CVE-2016-8659 CVE-2026-41163: nobody looks into exec or traces it" {
	with_attack
	set_args attack watch
	start_container
	wait_until 10 grep -q watching "$T/log"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do ctr exec "$ID" true >/dev/null 2>&1 3>&- || :; done
	saw_nothing
}

@test "fd: CVE-2016-9962: the same while another container is made in a pid namespace that the program sees" {
	with_attack
	set_args attack watch
	start_container
	wait_until 10 grep -q watching "$T/log"
	update_config '.linux.namespaces |= map(if .type == "pid" or .type == "user" then .path = "/proc/\($p)/ns/\(.type)" else . end) |
		del(.linux.uidMappings, .linux.gidMappings) | .process.args = ["true"]' --arg p "$(pid_of "$ID")"
	for _ in 1 2 3 4 5 6; do timeout -k 5 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID-b" >"$T/second" 2>&1 </dev/null 3>&- || :; done
	saw_nothing
}

@test "self: CVE-2019-5736 CVE-2019-8308 CVE-2020-14298: no way from /proc/self/exe to the host's binary" {
	BINARY=$(readlink -f "$RUNTIME")
	SUM=$(sha256sum <"$BINARY")
	printf '#!/proc/self/exe\n' >"$R/bin/script"
	chmod 755 "$R/bin/script"
	ln -s /proc/self/exe "$R/bin/link"
	for program in script link /proc/self/exe; do
		set_args $program features
		run_container
		assert_output_lacks ociVersionMax
	done
	set_sh 'while :; do for p in /proc/[0-9]*; do case $p in /proc/1 | /proc/$$) continue ;; esac
		stat -L -c "%d:%i" $p/exe >>/dev/shm/seen; : >>$p/exe && echo WRITABLE >>/dev/shm/seen; done 2>/dev/null; done'
	start_container
	for program in true script link /proc/self/exe; do
		run ctr exec "$ID" $program features
		assert_output_lacks ociVersionMax
	done
	run ctr exec "$ID" cat /dev/shm/seen
	assert_output_lacks "$(stat -L -c %d:%i "$BINARY")"
	assert_equal "$(sha256sum <"$BINARY")" "$SUM"
}

@test "self: CVE-2021-21261: neither the image nor the environment of the configuration steers the runtime" {
	mkdir -p "$R/lib/x86_64-linux-gnu"
	for f in lib/x86_64-linux-gnu/libc.so.6 lib/libseccomp.so.2 evil.so etc/ld.so.cache; do echo evil >"$R/$f"; done
	echo /evil.so >"$R/etc/ld.so.preload"
	update_config '.process.env += ["LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/lib", "CTR_LIBEXEC=/evil", "GCONV_PATH=/evil", "MALLOC_CHECK_=3"]'
	set_args echo fine
	run_container
	assert_output fine
	set_sleep
	start_container
	run ctr exec --env LD_PRELOAD=/evil.so "$ID" echo fine
	assert_output fine
}

# ---- credentials ------------------------------------------------------------------------------------------------------------

@test "creds: CVE-2016-3697: a user of the image whose name is a number is not looked up" {
	printf '1000:x:0:0:root:/root:/bin/sh\n%s' "$(cat "$R/etc/passwd")" >"$T/passwd"
	cp "$T/passwd" "$R/etc/passwd"
	printf '1000:x:0:\n' >"$R/etc/group"
	as_id 1000
	set_sh 'id -u; id -g'
	run_container
	assert_line 1000
	! grep -qx 0 <<<"$output" || fail "root"
	set_sleep
	start_container
	run ctr exec --user 1000:1000 "$ID" id -u
	assert_output 1000
}

@test "creds: CVE-2016-8867: another user than root has no capability" {
	as_id 1000
	set_sh 'grep -E "^Cap(Inh|Prm|Eff|Amb)" /proc/self/status | tr -s "\t" " "'
	run_container
	for set in Inh Prm Eff Amb; do assert_line "Cap$set: 0000000000000000"; done
}

@test "creds: CVE-2022-24769 CVE-2022-29162: nothing is inheritable, in create and in exec" {
	set_sh 'grep CapInh /proc/self/status'
	run_container
	assert_equal "$(status_line CapInh)" 0000000000000000
	set_sleep
	start_container
	output=$(ctr exec "$ID" cat /proc/self/status 3>&-)
	assert_equal "$(status_line CapInh)" 0000000000000000
	assert_equal "$(status_line CapAmb)" 0000000000000000
}

@test "creds: CVE-2022-27650 CVE-2025-27612: exec --cap adds nothing to the inheritable set" {
	set_sleep
	start_container
	output=$(ctr exec --cap CAP_CHOWN --cap CAP_SETUID "$ID" cat /proc/self/status 3>&-)
	assert_equal "$(status_line CapInh)" 0000000000000000
	assert_equal "$(status_line CapAmb)" 0000000000000000
	[ $((0x$(status_line CapEff) & 1)) = 1 ] || fail "CAP_CHOWN is not effective"
}

@test "creds: CVE-2026-30892: every form of exec --user is that user" {
	local form

	set_sleep
	start_container
	# Of an ordinary user's one id only 0 exists inside: any other must fail, and never be root.
	while read -r form uid gid; do
		try ctr exec --user "$form" "$ID" sh -c 'echo $(id -u) $(id -g)'
		if [ "$TEST_MODE" = root ]; then
			assert_output "$uid $gid"
		elif [ "$uid" != 0 ] || [ "$gid" != 0 ]; then
			assert_failure
		fi
	done <<-'FORMS'
		1000 1000 0
		1000:1000 1000 1000
		1000:0 1000 0
		0:1000 0 1000
		0 0 0
		65534:65534 65534 65534
		7 7 0
		007:008 7 8
	FORMS
	for form in '' : 1000: :1000 root user 1x 0x10 -1 +1 ' 1' '1 ' 1:2:3 4294967295 4294967296 18446744073709551616 1000.5 1e3 0:4294967295; do
		try ctr exec --user "$form" "$ID" id -u
		[ "$status" = 255 ] || [ "$status" = 1 ] || fail "--user '$form' is $status"
	done
}

@test "creds: CVE-2024-40635 CVE-2026-46680: ids that wrap are refused" {
	local id

	for id in 4294967295 4294967296 -1 '"0"' null; do
		update_config '.process.user.uid = '"$id"
		[ "$id" = null ] || refused user.uid
		update_config '.process.user = {uid: 0, gid: '"$id"'}'
		[ "$id" = null ] || refused user.gid
		update_config '.process.user = {uid: 0, gid: 0, additionalGids: ['"$id"']}'
		refused additionalGids
		update_config '.process.user = {uid: 0, gid: 0}'
	done
}

@test "creds: CVE-2023-25173 CVE-2022-36109 CVE-2022-2989: the caller's groups do not come along" {
	set_sh 'sed -n "s/^Groups:[[:space:]]*//p" /proc/self/status'
	if [ "$TEST_MODE" = root ]; then
		try setpriv --groups 4,27,3000 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
		assert_success
		assert_equal "$(tr -d ' ' <<<"$output")" ""
		set_sleep
		start_container
		try setpriv --groups 4,27,3000 "$RUNTIME" --root "$ROOT" exec "$ID" sed -n "s/^Groups:[[:space:]]*//p" /proc/self/status
		assert_equal "$(tr -d ' ' <<<"$output")" ""
	else
		# An ordinary user may not drop his own; those are no groups of the container's.
		run_container
		assert_success
		for g in $output; do [ "$g" = 65534 ] || [ "$g" = 0 ] || fail "group $g"; done
	fi
}

@test "creds: CVE-2014-8989: setgroups is denied where the maps are an ordinary user's" {
	set_sh 'cat /proc/self/setgroups'
	run_container
	assert_success
	[ "$TEST_MODE" = root ] || assert_output deny
}

@test "creds: b4d75e96: an image's passwd with bytes that are no digits" {
	printf 'a:x:\0:0::/nul:/bin/sh\nb:x:0/:0::/slash:/bin/sh\nc:x:/0:0::/before:/bin/sh\nd:x: 0:0::/blank:/bin/sh\ne:x:0x0:0::/hex:/bin/sh\nf:x:4294967296:0::/wrap:/bin/sh\ng:x:-0:0::/minus:/bin/sh\nh:x::0::/empty:/bin/sh\nroot:x:0:0:root:/right:/bin/sh\n' >"$R/etc/passwd"
	set_sh 'echo $HOME'
	run_container
	assert_output /right
}

@test "creds: CVE-2025-4437 CVE-2026-47262: an endless, a huge and a blocking passwd do not hold the start" {
	set_sh 'echo started $HOME'
	for kind in fifo huge link device; do
		rm -f "$R/etc/passwd"
		case $kind in
		fifo) mkfifo "$R/etc/passwd" ;;
		huge) truncate -s 20G "$R/etc/passwd" ;;
		link) ln -s /dev/zero "$R/etc/passwd" ;;
		device) [ "$TEST_MODE" = root ] || continue; mknod "$R/etc/passwd" c 1 5 ;;
		esac
		SECONDS=0
		try timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
		[ "$status" = 0 ] || [ "$status" = 1 ] || fail "$kind: status $status"
		[ $SECONDS -le 10 ] || fail "$kind took $SECONDS s"
	done
}

@test "creds: CVE-2025-4437: a running container replaces its passwd by a FIFO, and exec goes on" {
	set_sh 'rm /etc/passwd; mkfifo /etc/passwd; touch /dev/shm/ready; trap "exit 0" TERM; while :; do sleep 0.05; done'
	start_container
	wait_until 10 ctr exec --env HOME=/ "$ID" test -e /dev/shm/ready
	SECONDS=0
	try timeout 20 "$RUNTIME" --root "$ROOT" exec "$ID" echo fine
	[ "$status" != 124 ] && [ $SECONDS -le 10 ] || fail "hangs"
}

# ---- ids, users' words, engines' files ------------------------------------------------------------------------------------------

@test "words: ids of containers that are paths or options" {
	local id

	for id in .. . a/b ../x /abs '' ' ' $'a\nb' 'a b' 'a*b' $'\x01' 'ä' "$(printf 'x%.0s' $(seq 300))" 'a:b' 'a%b'; do
		try ctr run -b "$BUNDLE" "$id"
		assert_failure
		[ "${#lines[@]}" = 1 ] || fail "more than a line for '$id'"
		try ctr delete --force "$id"
		[ "$status" != 0 ] || [ "$id" = '' ] || [ -z "$output" ] || fail "delete '$id'"
	done
	try ctr run -b "$BUNDLE" -x
	assert_failure
	assert_equal "$(ls -A "$ROOT")" ""
}

@test "words: a cgroup path that climbs is refused" {
	local path

	for path in ../../x /../x /a/../../b a/./../b "/$(printf 'x%.0s' $(seq 300))" $'/a\nb'; do
		update_config '.linux.cgroupsPath = $p' --arg p "$path"
		refused
	done
}

@test "words: CVE-2024-32462: arguments that begin with a dash are the program's" {
	set_args echo --bind / --root=/x -- -x
	run_container
	assert_output "--bind / --root=/x -- -x"
	set_sleep
	start_container
	run ctr exec "$ID" echo --bind --user 0 -- -t
	assert_output "--bind --user 0 -- -t"
	run -127 ctr exec "$ID" -x
}

@test "words: CVE-2024-3154 CVE-2023-6476: an annotation that an engine hands on chooses no property of a unit" {
	update_config '.annotations = {"org.systemd.property.ExecStopPost": "[[\"/bin/sh\"]]", "org.systemd.property.DevicePolicy": "\"auto\"",
		"run.oci.handler": "krun", "run.oci.systemd.subgroup": "../..", "module.wasm.image/variant": "compat"}'
	set_args echo fine
	# Unknown ones are ignored, or refused by name; none has an effect.
	run_container
	[ "$status" = 0 ] && assert_output fine || assert_output_has annotations
}

@test "words: CVE-2026-40226: files in and beside the image that look like options have no effect" {
	local f

	for f in config.json ctr.json .nspawn "$(basename "$BUNDLE").nspawn" rootfs.nspawn runtime-config.json .ctr state.json process.json; do
		jq '.root.readonly = true | .process.args = ["echo", "of-the-image"] | .process.user = {uid: 0, gid: 0} | .process.noNewPrivileges = false' \
			"$BUNDLE/config.json" >"$R/$f"
		[ "$f" = config.json ] || cp "$R/$f" "$BUNDLE/$f"
		cp "$R/$f" "$R/etc/$f"
	done
	set_args grep NoNewPrivs /proc/self/status
	run_container
	assert_success
	assert_equal "$(status_line NoNewPrivs)" 1
}

@test "words: CVE-2021-43784: very many id maps are all or none" {
	local n

	for n in 341 5000; do
		update_config '(.linux.namespaces |= if any(.type == "user") then . else . + [{type: "user"}] end) |
			.linux.uidMappings = [range(0; $n) | {containerID: ., hostID: (1000 + . * 2), size: 1}] | .linux.gidMappings = .linux.uidMappings' --argjson n $n
		refused
	done
	[ "$TEST_MODE" = root ] || return 0
	update_config '.linux.uidMappings |= .[:340] | .linux.gidMappings |= .[:340]'
	chown -R 1000:1000 "$R"
	set_sh 'wc -l </proc/self/uid_map; id -u'
	run_container
	assert_success
	assert_line 340
	assert_line 0
}

@test "words: CVE-2013-6441: the template binds nothing of the host" {
	local o

	for o in '' --rootless; do
		mkdir "$T/spec$o"
		ctr spec $o -b "$T/spec$o"
		run jq -c '[.mounts[] | select((.type == "bind" or ((.options // []) | any(. == "bind" or . == "rbind"))) and
			((.options // []) | any(. == "ro") | not)) | .destination]' "$T/spec$o/config.json"
		assert_output '[]'
	done
}

# ---- cgroup, devices --------------------------------------------------------------------------------------------------------------

@test "cgroup: CVE-2023-25809 CVE-2022-0492: nothing below /sys/fs/cgroup can be written without a cgroup namespace" {
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))'
	set_sh 'find /sys/fs/cgroup -type f 2>/dev/null | head -2000 | while read -r f; do (: >>"$f") 2>/dev/null && echo "open $f"; done
		mkdir /sys/fs/cgroup/new 2>/dev/null && echo made; echo done'
	run_container
	assert_success
	assert_output done
}

@test "cgroup: CVE-2023-25809 CVE-2022-0492: the same with one, and no hierarchy of v1 can be mounted" {
	with_attack
	set_sh 'find /sys/fs/cgroup -type f 2>/dev/null | head -2000 | while read -r f; do (: >>"$f") 2>/dev/null && echo "open $f"; done
		mkdir /tmp/c; mount -t cgroup -o rdma none /tmp/c 2>/dev/null && echo mounted; find / -xdev -name release_agent 2>/dev/null; echo done'
	run_container
	assert_success
	assert_output done
}

@test "device: GHSA-g54h-m393-cpwq: without rules in the configuration no device can be made and used" {
	update_config '.process.capabilities |= with_entries(if .key == "ambient" or .key == "inheritable" then . else .value += ["CAP_MKNOD"] end)'
	set_sh 'mknod /tmp/d b 8 0 2>/dev/null && (: </tmp/d); mknod /tmp/m c 1 1 2>/dev/null && (: </tmp/m) && echo open; : >/dev/null && echo null'
	for rules in 'del(.linux.resources)' '.linux.resources = {devices: []}' '.linux.resources = {devices: [{allow: false, access: "rwm"}]}'; do
		[ "$TEST_MODE" = root ] || [ "$rules" = 'del(.linux.resources)' ] || continue
		update_config "$rules"
		rm -f "$R/tmp/d" "$R/tmp/m"
		run_container
		assert_line null
		! grep -qx open <<<"$output" || fail "opened with $rules"
	done
}

@test "device: a node of the image is not usable" {
	root_only "an ordinary user cannot make a node"
	mknod "$R/tmp/mem" c 1 1
	mknod "$R/tmp/kmsg" c 1 11
	chmod 666 "$R/tmp/mem" "$R/tmp/kmsg"
	set_sh '(: </tmp/mem) && echo open; (: >/tmp/kmsg) && echo open; echo done'
	run_container
	assert_line done
	! grep -qx open <<<"$output" || fail "opened"
}

# ---- the caller's terminal and processes --------------------------------------------------------------------------------------------

# A shell on a terminal that runs the container and then looks whether something was typed.
typed() { sed -n 's/.*typed:\[\(.*\)\].*/\1/p' <<<"$output"; }
on_terminal()
{
	try with_terminal sh -c '"$@"; stty -icanon min 0 time 2; printf "typed:[%s]\n" "$(head -c 8)"' - "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
}

@test "tty: CVE-2016-10124 CVE-2017-5226: nothing can be typed into the caller's terminal" {
	local terminal

	needs python3
	with_attack
	set_args attack ioctl 0x5412
	for terminal in false true; do
		update_config ".process.terminal = $terminal"
		on_terminal
		assert_output_has 'typed:['
		assert_equal "$(typed)" "" "terminal $terminal"
	done
}

@test "tty: CVE-2019-10063 CVE-2023-28100: TIOCSTI and TIOCLINUX with other upper bits under a filter that forbids them" {
	local profile

	with_attack
	needs python3
	for profile in own default; do
		if [ $profile = own ]; then
			update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["ioctl"], action: "SCMP_ACT_ERRNO", errnoRet: 7,
				args: [{index: 1, value: 4294967295, valueTwo: 21522, op: "SCMP_CMP_MASKED_EQ"}]},
				{names: ["ioctl"], action: "SCMP_ACT_ERRNO", errnoRet: 7, args: [{index: 1, value: 4294967295, valueTwo: 21532, op: "SCMP_CMP_MASKED_EQ"}]}]}'
		else
			update_config '.linux.seccomp = $p' --argjson p "$(cat "$TOP/contrib/seccomp/default.json")"
		fi
		set_sh 'for r in 0x5412 0x100005412 0xffffffff00005412 0x541c 0x80000000541c; do attack ioctl $r; done'
		run_container
		[ "$(wc -l <<<"$output")" = 5 ] || fail "not five answers"
		[ "$(sort -u <<<"$output" | wc -l)" = 1 ] || fail "the upper bits make a difference"
		assert_output_lacks ok
		assert_output_lacks ENOTTY # asked the kernel
	done
}

@test "tty: CVE-2026-97023: the container cannot signal the caller's process group" {
	set_sh 'kill -9 0; kill -9 -1; echo not reached'
	try sh -c '"$@" & wait $!; echo caller lives' - "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_output_has "caller lives"
	set_sleep
	start_container
	try sh -c '"$@" & wait $!; echo caller lives' - "$RUNTIME" --root "$ROOT" exec "$ID" sh -c 'kill -9 0'
	assert_output_has "caller lives"
	assert_equal "$(status_of "$ID")" running
}

@test "tty: CVE-2026-97023: sessions are the container's own, for create and exec" {
	set_sleep
	start_container
	pid=$(pid_of "$ID")
	mine=$(cut -d' ' -f6 /proc/self/stat)
	[ "$(cut -d' ' -f6 "/proc/$pid/stat")" != "$mine" ] || fail "the caller's session"
	ctr exec -d --pid-file "$T/pid" "$ID" sleep 100
	[ "$(cut -d' ' -f6 "/proc/$(cat "$T/pid")/stat")" != "$mine" ] || fail "the caller's session, of exec"
}

# ---- places of the runtime's own ----------------------------------------------------------------------------------------------------

@test "place: CVE-2015-1331: links at every path that the runtime makes" {
	mkdir "$T/other"
	ln -s "$T/other" "$ROOT/$ID"
	run_container
	assert_failure
	assert_equal "$(ls -A "$T/other")" ""
	rm "$ROOT/$ID"
	# A pid file replaces the link; what it leads to stays.
	ln -s "$CANARY/file" "$T/pidfile"
	set_sleep
	start_container --pid-file "$T/pidfile"
	[ ! -L "$T/pidfile" ] || fail "still a link"
	assert_equal "$(cat "$CANARY/file")" of-the-host
}

@test "place: CVE-2015-1331 CVE-2026-1386: a state root that is a link or somebody else's" {
	mkdir -m 777 "$T/open"
	try "$RUNTIME" --root "$T/open" run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ] || [ "$(stat -c %a "$T/open")" = 700 ] || fail "a root that everybody may write to"
	if [ "$TEST_MODE" = root ]; then
		mkdir -m 700 "$T/foreign"
		chown 12345 "$T/foreign"
		try "$RUNTIME" --root "$T/foreign" run -b "$BUNDLE" "$ID"
		assert_failure
		[ "${#lines[@]}" = 1 ] || fail "more than a line"
	else
		try "$RUNTIME" --root /root/state run -b "$BUNDLE" "$ID"
		assert_failure
	fi
	assert_equal "$(stat -c %a "$ROOT")" 700
}

@test "place: CVE-2019-12439: /tmp of the host is not needed" {
	root_only "an ordinary user cannot mount"
	mkdir -p "$T/m"
	unshare -m --propagation private sh -ec 'mount --bind "$1" /mnt; mount -t tmpfs -o ro none /tmp; mount -t tmpfs -o ro none /var/tmp
		cp /mnt/ctr /mnt/m/ 2>/dev/null || :; shift; exec "$@"' - "$T" true
	cp "$(readlink -f "$RUNTIME")" "$T/ctr"
	run unshare -m --propagation private sh -ec 'mount --bind "$1" /mnt; mount -t tmpfs -o ro none /tmp; mount -t tmpfs -o ro none /var/tmp
		exec /mnt/ctr --root /mnt/state run -b /mnt/bundle "$2"' - "$T" "$ID" 3>&-
	rm -f "$T/ctr"
	assert_success
}

@test "place: CVE-2020-15257: no socket of the runtime's has a name that others reach" {
	set_sleep
	create_container
	! grep -i ctr /proc/net/unix | grep -v "$ROOT" | grep '@' || fail "an abstract socket"
	[ -z "$(find "$ROOT" -type s ! -path "$ROOT/$ID/*")" ] || fail "a socket elsewhere"
	assert_equal "$(stat -c %a "$ROOT")" 700
}

@test "place: CVE-2017-5985 CVE-2022-31214 CVE-2020-5291: nothing of ours is set-uid, and nothing asks for it" {
	[ -z "$(find "$(dirname "$(readlink -f "$RUNTIME")")" -maxdepth 1 -type f -perm /6000)" ] || fail "set-uid"
	run grep -nE 'u\+s|4755|setcap' "$TOP/contrib/setup"
	assert_output ""
}

# ---- what a program may ask the kernel for ------------------------------------------------------------------------------------------------

@test "kernel: CVE-2021-41133: with the default profile the calls that mount and make namespaces are refused" {
	with_attack
	update_config '.linux.seccomp = $p' --argjson p "$(cat "$TOP/contrib/seccomp/default.json")"
	# mount umount2 pivot_root setns unshare open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr clone3
	set_sh 'for n in 165 166 155 308 428 429 430 431 432 433 442 435; do echo $n $(attack call $n 0 / 0 0 0); done; echo 272 $(attack call 272 0x10000000)'
	[ "$(uname -m)" = x86_64 ] || skip "numbers of x86-64"
	run_container
	[ "$(wc -l <<<"$output")" = 13 ] || fail "not thirteen answers"
	! grep -vE ' (EPERM|ENOSYS)$' <<<"$output" || fail "not refused"
}

@test "kernel: with the default profile what was often a hole is out of reach" {
	with_attack
	[ "$(uname -m)" = x86_64 ] || skip "numbers of x86-64"
	update_config '.linux.seccomp = $p' --argjson p "$(cat "$TOP/contrib/seccomp/default.json")"
	# bpf perf_event_open userfaultfd keyctl add_key request_key kexec_load init_module open_by_handle_at ptrace-free: io_uring_setup
	# 38 is AF_ALG, 40 AF_VSOCK
	set_sh 'for n in 321 298 323 250 248 249 246 175 304 425; do echo $n $(attack call $n 0 0 0 0 0); done
		echo alg $(attack call 41 38 5 0); echo vsock $(attack call 41 40 1 0)'
	run_container
	[ "$(wc -l <<<"$output")" = 12 ] || fail "not twelve answers"
	! grep -vE ' (EPERM|ENOSYS|EACCES|EAFNOSUPPORT)$' <<<"$output" || fail "not refused"
}

@test "kernel: keys: the caller's session keyring is not the container's" {
	with_attack
	[ "$(uname -m)" = x86_64 ] || skip "numbers of x86-64"
	# KEYCTL_SEARCH of the session keyring. The control: the caller himself finds it.
	search=(call 250 10 -3 user ctr-secret 0)
	[ "$("$ATTACK" secret "$ATTACK" "${search[@]}")" = ok ] || skip "no keys here"
	set_args attack "${search[@]}"
	try "$ATTACK" secret "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	[ "$output" != ok ] || fail "found the caller's key"
	set_sleep
	start_container
	try "$ATTACK" secret "$RUNTIME" --root "$ROOT" exec "$ID" attack "${search[@]}"
	[ "$output" != ok ] || fail "exec found the caller's key"
}

@test "kernel: keys: a keyring that somebody has named after the container is not the container's" {
	with_attack
	[ "$(uname -m)" = x86_64 ] || skip "numbers of x86-64"
	# As runtimes call theirs, with a key, and open to everybody; it lives as long as this process of the caller.
	set_args attack call 250 10 -3 user ctr-planted 0
	try python3 - "_ses.$ID" "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" <<-'EOF'
		import ctypes, subprocess, sys
		call = ctypes.CDLL(None, use_errno=True).syscall
		made = call(250, 1, None) >= 0 # a session keyring of this process
		ring = call(248, b"keyring", sys.argv[1].encode(), None, 0, -3)
		made = made and ring >= 0 and call(250, 5, ring, 0x3f3f3f3f) >= 0
		made = made and call(248, b"user", b"ctr-planted", b"x", 1, ring) >= 0
		made or sys.exit("no keys here")
		sys.exit(subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode)
	EOF
	[ "$output" != "no keys here" ] || skip "no keys here"
	[[ "$output" = E* ]] || fail "$output"
}

@test "kernel: open_by_handle_at does not reach other files of the host" {
	with_attack
	[ "$(uname -m)" = x86_64 ] || skip "numbers of x86-64"
	set_args attack call 304 -100 0 0
	run_container
	[ "$output" = EPERM ] || [ "$output" = EFAULT ] || [ "$output" = EBADF ] || fail "$output"
	set_sh 'grep CapEff /proc/self/status'
	run_container
	[ $((0x$(status_line CapEff) >> 2 & 1)) = 0 ] || fail "CAP_DAC_READ_SEARCH"
}

@test "kernel: namespaces to join are what they are said to be" {
	local p

	for p in /proc/self/ns/uts /proc/self/status /etc/passwd /dev/null "$CANARY/file" "$T"; do
		update_config '.linux.namespaces |= map(if .type == "network" then .path = $p else . end)' --arg p "$p"
		refused network
	done
}

@test "kernel: LISTEN_FDS of somebody else, and descriptors nobody asked for, do not arrive" {
	with_attack
	set_sh 'echo "${LISTEN_FDS-none}"; ls /proc/self/fd | tr "\n" " "'
	try env LISTEN_FDS=4 LISTEN_PID=1 "$ATTACK" steal "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_line none
	assert_output_lacks 4
}

# ---- the table ------------------------------------------------------------------------------------------------------------------

@test "table: every number names tests that exist, or says why it does not apply; every test is in it" {
	local table=$BATS_TEST_DIRNAME/security.md rows

	(cd "$BATS_TEST_DIRNAME" && sed -n 's/^@test "\(.*\)" {.*/\1/p;T;F' ./*.bats | paste -d '\t' - - | awk -F'\t' '{ print substr($2, 3) ": " $1 }'
		sed -n 's/^\t{ "\(.*\)", test_[a-z_]* },$/\1/p;s/^\t{ "\(.*\)", passes_over },$/\1/p;T;F' unit/*.c | paste -d '\t' - - |
			awk -F'\t' '{ print $2 ": " $1 }') | sort -u >"$T/have"
	grep -o '`[a-z_/]*\.\(bats\|c\): [^`]*`' "$table" | tr -d '`' | sort -u >"$T/want"
	grep -v ': table: ' "$T/have" | grep '^security.bats: ' >"$T/own"
	output=$(comm -23 "$T/want" "$T/have" | sed 's/^/no such test: /'; comm -13 "$T/want" "$T/own" | sed 's/^/not in the table: /'
		sed -n '/^|---/,/^$/{/^|---/d;/^|/p}' "$table" | grep -v -e '`' -e 'does not apply: ....' | sed 's/^/no test: /')
	[ -z "$output" ] || fail "the table is not right"
	rows=$(grep -c '^| .*`.*: ' "$table")
	[ "$rows" -ge 60 ] || fail "only $rows rows have tests"
}

# SPDX-License-Identifier: Apache-2.0
# rootless
# Containers in micro-VMs, by emulation: the same commands, a kernel of their own. The kernel is Debian's, downloaded
# and unpacked below the build directory where /boot has none (as root; an ordinary user takes what is there).
#
# CTR_TEST_VM=0 skips all of it.

load helpers

KERNELS=${CTR_TEST_HOME:+$CTR_TEST_HOME/top/build/isolation}
KERNELS=${KERNELS:-${CTR_TEST_CACHE:-$BATS_TEST_DIRNAME/../build}/isolation}

# An image with its modules beside it, in the way that a file system of a Debian has them.
setup_file()
{
	local package release
	if [ "${CTR_TEST_VM:-1}" != 0 ] && [ "$(id -u)" = 0 ] && [ -n "${CTR_TEST_PRIVATE:-}" ]; then
		# What a machine starts from, for each build anew: nothing of it stays.
		mkdir -p /var/cache/ctr && mount -t tmpfs none /var/cache/ctr || return
	fi
	[ "${CTR_TEST_VM:-1}" != 0 ] && [ "$(id -u)" = 0 ] && ! compgen -G "$KERNELS/boot/vmlinuz-*" >/dev/null || return 0
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/ { print $2; exit }')
	[ -n "$package" ] && command -v depmod >/dev/null || return 0
	mkdir -p "$KERNELS.new" && cd "$KERNELS.new" || return 0
	apt-get -q download "$package" >/dev/null 2>&1 && dpkg -x "$package"_*.deb . && rm -f ./*.deb || return 0
	release=$(basename lib/modules/*)
	depmod -b . "$release" || return 0
	# What no test needs: a copy of the rest goes to the ordinary user.
	cd "lib/modules/$release/kernel" && find . -name '*.ko' ! -path './drivers/virtio/*' ! -path './drivers/char/*' \
		! -path './drivers/net/*' ! -path './net/core/*' ! -path './fs/fuse/*' ! -path './fs/overlayfs/*' \
		! -path './arch/x86/kvm/*' ! -path './virt/*' -delete
	cd "$KERNELS.new" && rm -rf usr && chmod -R a+rX . && mv "$KERNELS.new" "$KERNELS"
}

setup()
{
	[ "${CTR_TEST_VM:-1}" != 0 ] || skip "CTR_TEST_VM=0"
	[ "$(uname -m)" = x86_64 ] || skip "the host is no x86_64"
	command -v qemu-system-x86_64 >/dev/null || skip "no QEMU (package qemu-system-x86)"
	# With sanitizers it lies beside (runtime/sanitized.h).
	[ -x "$(dirname "$(readlink -f "$RUNTIME")")/ctr-guest" ] || ! readelf -lW "$RUNTIME" | grep -q INTERP ||
		skip "the guest needs a static ctr"
	KERNEL=$(compgen -G "$(readlink -f "$KERNELS")/boot/vmlinuz-*" | tail -1)
	[ -n "$KERNEL" ] || skip "no kernel: linux-image-cloud-amd64 could not be downloaded"
	test_setup
	export HOME=$T XDG_CACHE_HOME=$T/../cache-$(id -u)
	mkdir -p "$XDG_CACHE_HOME"
	new_bundle
	update_config '.vm = {kernel: {path: $k}} | .annotations["ctr.isolation"] = "vm,emulate" | .root.readonly = false' \
		--arg k "$KERNEL"
}

pid_of() { ctr state "$1" | jq .pid; }
status_of() { ctr state "$1" | jq -r .status; }

eventually()
{
	for _ in $(seq 400); do "$@" && return; sleep 0.05; done
	echo "never: $*" >&2
	cat "$T/log" >&2
	return 1
}
said() { grep -q "$1" "$T/log"; }

@test "micro-vm: output, input and exit status are the program's; the kernel is another one" {
	set_sh 'uname -r; cat; echo to-err >&2; exit 7'
	status=0
	echo to-in | ctr run -b "$BUNDLE" "$ID" >"$T/out" 2>"$T/err" 3>&- || status=$?
	assert_status 7
	assert_equal "$(cat "$T/out")" "$(basename "$KERNEL" | sed s/vmlinuz-//)
to-in"
	assert_equal "$(cat "$T/err")" to-err
	set_args nosuch
	run_container
	assert_status 127
	assert_output 'ctr: exec: "nosuch": executable file not found in $PATH'
}

@test "micro-vm: what the configuration asks for holds inside the guest" {
	root_only
	set_sh 'grep -E "^(NoNewPrivs|Seccomp|CapEff):" /proc/self/status; hostname; cat /proc/self/cgroup
		mount | grep -c " / .*(ro,"; echo x 2>/dev/null >/file || echo ro; ls /proc/acpi 2>&1 | wc -l'
	update_config '.root.readonly = true | .hostname = "inside" | .process.noNewPrivileges = true |
		.process.capabilities = {bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"]} |
		.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
			syscalls: [{names: ["reboot"], action: "SCMP_ACT_ERRNO"}]}'
	run_container
	assert_status 0
	assert_equal "$(tr '\t\n' '  ' <<<"$output")" \
		"CapEff: 0000000000000020 NoNewPrivs: 1 Seccomp: 2 inside 0::/ 1 ro 0 "
}

@test "micro-vm: an overlay: its module is loaded when something asks for it, the image stays as it is" {
	set_sh 'grep -c ^overlay /proc/modules; cat /proc/sys/kernel/modprobe'
	run_container
	assert_output "0
/modprobe"
	set_sh 'echo x >/made; cat /made; grep -c ^overlay /proc/modules'
	update_config '.annotations["ctr.overlay"] = "tmpfs"'
	run_container
	assert_output "x
1"
	[ ! -e "$BUNDLE/rootfs/made" ]
}

@test "micro-vm: binds are the host's files at once, read-only ones stay so, bytes stay bytes" {
	mkdir "$T/rw" "$T/ro"
	head -c 3000000 /dev/urandom >"$T/rw/in"
	echo original >"$T/ro/file"
	echo one >"$T/single"
	update_config '.mounts += [{destination: "/rw", type: "bind", source: $rw, options: ["rbind", "rw"]},
		{destination: "/ro", type: "bind", source: $ro, options: ["rbind", "ro"]},
		{destination: "/etc/single", type: "bind", source: $s, options: ["bind", "ro"]}]' \
		--arg rw "$T/rw" --arg ro "$T/ro" --arg s "$T/single"
	set_sh 'cat /rw/in >/rw/out; cat /rw/in; cat /etc/single >&2; echo changed >/ro/file; echo root >/written; sleep 1000'
	ctr run -d -b "$BUNDLE" "$ID" >"$T/out" 2>"$T/log" </dev/null 3>&-
	eventually test -e "$BUNDLE/rootfs/written"
	cmp "$T/rw/in" "$T/rw/out"
	cmp "$T/rw/in" "$T/out"
	assert_equal "$(cat "$T/ro/file" "$BUNDLE/rootfs/written" | xargs)" "original root"
	said one
	said "can't create /ro/file: Read-only file system"
	# The other way round: a new file of the host is there.
	echo late >"$T/rw/late"
	assert_equal "$(ctr exec "$ID" busybox cat /rw/late)" late
}

@test "micro-vm: exec, also two at once; signals arrive; the state follows" {
	set_sh 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.1; done'
	start_container --pid-file "$T/pid"
	eventually said ready
	assert_equal "$(cat "$T/pid")" "$(pid_of "$ID")"
	assert_equal "$(status_of "$ID")" running
	status=0
	output=$(echo in | ctr exec --cwd /tmp -e A=b "$ID" sh -c 'pwd; echo $A; cat; exit 5') || status=$?
	assert_status 5
	assert_equal "$(xargs <<<"$output")" "/tmp b in"
	ctr exec "$ID" sh -c 'echo first; sleep 1; echo last' >"$T/one" 3>&- &
	ctr exec "$ID" busybox seq 50000 >"$T/two" 3>&-
	wait $!
	assert_equal "$(xargs <"$T/one")" "first last"
	assert_equal "$(tail -n 1 "$T/two") $(wc -l <"$T/two")" "50000 50000"
	try ctr exec "$ID" nosuch
	assert_status 127
	# Its addresses are its own each time, whatever those of ctr are there.
	assert_equal "$(ctr exec "$ID" cat /proc/1/personality /proc/self/personality | xargs)" "00000000 00000000"
	[ "$(ctr exec "$ID" grep stack /proc/self/maps)" != "$(ctr exec "$ID" grep stack /proc/self/maps)" ]
	ctr kill "$ID" TERM
	eventually said got
	is_stopped() { [ "$(status_of "$ID")" = stopped ]; }
	eventually is_stopped
	ctr delete "$ID"
}

@test "micro-vm: an exec that was begun ahead has the HOME that is in /etc/passwd when it is asked for" {
	root_only
	set_sh 'make() { sed "s,^root:.*,root:x:0:0::$1:/bin/sh," /etc/passwd >/etc/new; }
		trap "make /written; cat /etc/new >/etc/passwd; echo done1" USR1
		trap "make /renamed; mv /etc/new /etc/passwd; echo done2" USR2
		trap "rm /etc/passwd; echo done3" HUP
		echo ready; while :; do sleep 0.1; done'
	start_container
	eventually said ready
	home() { assert_equal "$(ctr exec "$ID" sh -c 'echo $HOME' </dev/null)" "$1"; sleep 1; } # the next one is begun
	home /root
	home /root
	ctr kill "$ID" USR1
	eventually said done1
	home /written
	ctr kill "$ID" USR2
	eventually said done2
	home /renamed
	ctr kill "$ID" HUP
	eventually said done3
	home /
}

@test "micro-vm: an emulated guest does not reckon who waits for what, unless its kernel's parameters say so" {
	set_sh '[ -e /proc/pressure/cpu ] && echo there || echo none'
	run_container
	assert_output none
	update_config '.vm.kernel.parameters = ["psi=1"]'
	run_container
	assert_output there
}

@test "micro-vm: in the guest a container has the cgroup controllers that it needs, or hands on" {
	set_sh 'cat /proc/self/cgroup; for f in pids.max memory.max; do ! [ -e /sys/fs/cgroup/$f ] || cat /sys/fs/cgroup/$f; done'
	run_container
	assert_output "0::/"
	update_config '.linux.resources.pids.limit = 77'
	run_container
	assert_output "0::/
77
max"
	update_config 'del(.linux.resources.pids) | (.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid"]'
	set_sh 'cd /sys/fs/cgroup; mkdir a b; echo $$ >a/cgroup.procs; echo "+memory +pids" >cgroup.subtree_control; cat b/memory.max b/pids.max'
	run_container
	assert_output "max
max"
}

@test "micro-vm: an exec that was begun ahead, for another process, is as one that was not" {
	root_only
	update_config '.process.capabilities = {bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"]} |
		.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
			syscalls: [{names: ["reboot"], action: "SCMP_ACT_ERRNO"}]}'
	set_sh 'echo ready; while :; do sleep 1000; done'
	start_container
	eventually said ready
	# Its rights, places, limits and descriptors; how many processes there are.
	local look='grep -E "^(Uid|Gid|Groups|Cap.*|NoNewPrivs|Seccomp|Sig(Blk|Ign)|NSpid|Cpus_allowed):" /proc/self/status | grep -v NSpid
		cat /proc/self/cgroup /proc/self/oom_score_adj; for n in mnt pid net ipc uts cgroup user; do readlink /proc/self/ns/$n; done
		env | sort; pwd; umask; ulimit -a; set -- /proc/[0-9]*; echo $#; ls /proc/self/fd | xargs'
	ahead() { sleep 1; } # nothing outside can see it
	ctr exec "$ID" sh -c "$look" >"$T/cold" </dev/null
	ahead
	assert_equal "$(ctr exec --user 5:6 --cap CAP_CHOWN --cwd /tmp -e A=b "$ID" sh -c 'id -u; id -g; echo $A $PWD; grep CapBnd /proc/self/status' |
		xargs)" "5 6 b /tmp CapBnd: 0000000000000021"
	ahead
	ctr exec "$ID" sh -c "$look" >"$T/warm" </dev/null
	diff "$T/cold" "$T/warm"
	[ "$(wc -l <"$T/warm")" -gt 30 ]
	ahead
	assert_equal "$(with_terminal "$RUNTIME" --root "$ROOT" exec -t "$ID" sh -c 'tty; cat /proc/self/cgroup' | tr -d '\r' | xargs)" "/dev/pts/0 0::/"
	ahead
	try ctr exec "$ID" nosuch
	assert_status 127
	ahead
	# More than is handed to one that waits: it goes on waiting, for the next.
	assert_equal "$(ctr exec -e BIG="$(printf %020000d 7)" "$ID" sh -c 'echo ${#BIG}' </dev/null)" 20000
	assert_equal "$(echo in | ctr exec "$ID" cat)" in
	ahead
	# What reads no more is not waited for: nothing of ctr's has its input open.
	assert_equal "$(head -c 1000000 /dev/zero | ctr exec "$ID" sh -c 'exec </dev/null; echo away; exec sleep 1' | cat)" away
}

@test "micro-vm: a terminal, also for exec, with its size" {
	root_only
	set_sh 'tty; stty size'
	update_config '.process.terminal = true'
	try with_terminal -s 30x90 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_equal "$(tr -d '\r' <<<"$output" | xargs)" "/dev/pts/0 30 90"
	update_config '.process.terminal = false'
	set_args sleep 1000
	start_container
	try with_terminal -s 31x91 "$RUNTIME" --root "$ROOT" exec -t "$ID" sh -c 'stty size; exit 3'
	assert_status 3
	assert_equal "$(tr -d '\r' <<<"$output" | xargs)" "31 91"
}

@test "micro-vm: create, start, pause, resume, delete" {
	root_only
	set_sh 'echo begun; sleep 1000'
	create_container
	assert_equal "$(status_of "$ID")" created
	ctr start "$ID"
	eventually said begun
	if ctr pause "$ID" 2>"$T/pause"; then
		assert_equal "$(status_of "$ID")" paused
		ctr resume "$ID"
	else
		grep -q 'cgroup' "$T/pause"
	fi
	try ctr delete "$ID"
	assert_status 1
	ctr kill "$ID" KILL
	ctr delete --force "$ID"
}

@test "micro-vm: the annotation and the name raise the isolation, nothing lowers it" {
	root_only
	set_args uname -r
	for options in "" "--isolation namespaces" "--isolation vm"; do
		try ctr $options run -b "$BUNDLE" "$ID"
		assert_output "$(basename "$KERNEL" | sed s/vmlinuz-//)"
	done
	try ctr --isolation strong run -b "$BUNDLE" "$ID"
	assert_output 'ctr: invalid --isolation "strong": must be namespaces, vm or vm,emulate'
	update_config '.annotations["ctr.isolation"] = "maybe"'
	run_container
	assert_output_has 'annotations["ctr.isolation"]: must be namespaces, vm or vm,emulate'
	# Without the word emulate, and with a processor without extension, the name alone is refused with the probe's reason.
	update_config 'del(.annotations, .vm)'
	if ! "$RUNTIME" probe --require kvm-linux >/dev/null 2>&1; then
		ln -s "$(readlink -f "$RUNTIME")" "$T/ctr-vm"
		try "$T/ctr-vm" --root "$ROOT" run -b "$BUNDLE" "$ID"
		assert_status 1
		assert_output_has "ctr: micro-VM: KVM"
	fi
}

@test "micro-vm: the administrator's limits, and the machine that annotations ask for" {
	root_only
	local made=
	[ -d /etc/ctr ] || { mkdir /etc/ctr; made=yes; }
	mount -t tmpfs none /etc/ctr
	mkdir /etc/ctr/vm.conf.d
	forget_limits() { umount /etc/ctr; [ -z "$made" ] || rmdir /etc/ctr; }
	refused() # FILTER STATUS... MESSAGE
	{
		cp "$BUNDLE/config.json" "$T/kept"
		update_config "$1"
		run_container
		cp "$T/kept" "$BUNDLE/config.json"
		assert_status 1 && assert_output "ctr: $2" || { forget_limits; return 1; }
	}
	set_sh 'awk "/MemTotal/ { print (\$2 > 90000 && \$2 < 150000) }" /proc/meminfo; nproc'
	jq -n --arg k "$KERNEL" '{isolation: ["vm,emulate"], kernels: [$k], memory: {default: 167772160, max: 201326592},
		vcpus: {max: 2}, hypervisors: ["/usr/bin/qemu-system-x86_64"]}' >/etc/ctr/vm.conf
	echo '{"annotations": ["ctr.isolation", "ctr.vm.memory", "ctr.vm.kernel"]}' >/etc/ctr/vm.conf.d/a.conf
	refused 'del(.vm, .annotations)' 'isolation "namespaces" is not allowed by /etc/ctr/vm.conf'
	refused '.annotations = {}' 'isolation "vm" is not allowed by /etc/ctr/vm.conf'
	refused '.annotations["ctr.vm.vcpus"] = "1"' 'annotations["ctr.vm.vcpus"]: not allowed by /etc/ctr/vm.conf.d/a.conf'
	refused '.annotations["ctr.vm.memory"] = "256m"' 'micro-VM: 256 MiB of memory: /etc/ctr/vm.conf allows 192'
	refused '.vm.hwConfig = {memory: 268435456}' 'micro-VM: 256 MiB of memory: /etc/ctr/vm.conf allows 192'
	refused '.vm.hwConfig = {vcpus: 3}' 'micro-VM: 3 processors: /etc/ctr/vm.conf allows 2'
	refused '.annotations["ctr.vm.kernel"] = "/boot/x"' 'annotations["ctr.vm.kernel"] /boot/x: not allowed by /etc/ctr/vm.conf'
	refused '.vm.kernel.path = "/boot/x"' 'vm.kernel.path /boot/x: not allowed by /etc/ctr/vm.conf'
	refused '.vm.hypervisor.path = "/usr/bin/qemu-system-i386"' \
		'vm.hypervisor.path /usr/bin/qemu-system-i386: not allowed by /etc/ctr/vm.conf'
	refused '.annotations["ctr.vm.memory"] = "180m" | .linux.resources.memory.limit = 134217728' \
		'micro-VM: 180 MiB of memory: linux.resources.memory.limit is 128'
	echo '{"vcpus": {"maximum": 1}}' >/etc/ctr/vm.conf.d/b.conf
	refused . '/etc/ctr/vm.conf.d/b.conf:1:12: vcpus["maximum"]: no such member'
	echo '{"kernel": "'"$KERNEL"'"}' >/etc/ctr/vm.conf.d/b.conf
	run_container --dry-run # with the kernel that is allowed
	[ "$status" = 0 ] || { forget_limits; assert_status 0; }
	# Its own default memory, two processors and the administrator's kernel.
	update_config 'del(.vm)'
	echo '{"vcpus": {"default": 2}}' >/etc/ctr/vm.conf.d/c.conf
	run_container
	forget_limits
	assert_output "1
2"
	assert_equal "$(ls -A "$ROOT")" ""
}

@test "micro-vm: what cannot hold in one is refused, by the field" {
	refused()
	{
		cp "$BUNDLE/config.json" "$T/kept"
		update_config "$1"
		run_container
		assert_status 1
		assert_output_has "$2"
		cp "$T/kept" "$BUNDLE/config.json"
	}
	set_args true
	refused '.hooks.createContainer = [{path: "/bin/true"}]' "hooks.createContainer: "
	refused '.linux.namespaces |= map(if .type == "ipc" then .path = "/proc/1/ns/ipc" else . end)' "linux.namespaces["
	refused '.vm.image = {path: "/disk", format: "raw"}' "vm.image: "
	refused '.vm.hwConfig = {memory: 1048576}' "at least 96"
	refused '.vm.hwConfig = {vcpus: 1000}' "vm.hwConfig.vcpus: "
	refused '.vm.kernel.path = "/nosuch"' "vm.kernel.path /nosuch: "
	refused '.annotations["ctr.root.idmap"] = "true"' 'annotations["ctr.root.idmap"]: '
	refused '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/x",
		syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}' "linux.seccomp.listenerPath: "
	assert_equal "$(ls -A "$ROOT")" ""
}

@test "micro-vm: its end is explained: the kernel's panic, and the VMM killed" {
	root_only
	update_config '.linux.maskedPaths = [] | .linux.readonlyPaths = []'
	set_sh 'echo c >/proc/sysrq-trigger; sleep 1000'
	run_container
	assert_status 125
	assert_output "ctr: the micro-VM ended: Kernel panic - not syncing: sysrq triggered crash"
	set_sh 'echo ready; sleep 1000'
	start_container
	eventually said ready
	kill -KILL "$(pgrep -P "$(pgrep -P "$(pid_of "$ID")")" qemu)"
	is_stopped() { [ "$(status_of "$ID")" = stopped ]; }
	eventually is_stopped
	said "the micro-VM ended"
	ctr delete "$ID"
}

# The process of a container whose first process is $1: the monitor, or one that it has started (qemu, virtiofsd).
vm_process() # PID NAME
{
	local monitor
	monitor=$(pgrep -P "$1") || return
	[ "$2" = monitor ] && echo "$monitor" || pgrep -P "$monitor" "$2"
}

@test "micro-vm: every process of it killed, at its start and when it runs: stopped, explained, nothing left" {
	root_only
	set_sh 'echo ready; sleep 1000'
	for when in start run; do
		for name in first monitor qemu virtiofsd; do
			# These two are killed in other tests.
			[ $when = start ] || [ $name = monitor ] || [ $name = virtiofsd ] || continue
			create_container
			first=$(pid_of "$ID")
			ctr start "$ID"
			victim=$first
			started() { [ "$name" = first ] || victim=$(vm_process "$first" "$name"); }
			eventually started
			[ $when = start ] || eventually said ready
			kill -KILL "$victim"
			wait_status "$ID" stopped
			case $name in
			qemu) said "ctr: the micro-VM ended" ;;
			virtiofsd) said "ctr: the file server ended" ;;
			monitor) said "ctr: the micro-VM's monitor ended" ;;
			esac
			ctr delete --force "$ID"
			alive() { [ -e "/proc/$first" ] || [ -e "/proc/$victim" ]; }
			gone() { ! alive; }
			eventually gone
		done
	done
}

@test "micro-vm: a guest that hangs is given up: while it starts, and when it runs" {
	root_only
	update_config '.annotations["ctr.vm.timeout"] = "4"'
	set_sh 'echo ready; sleep 1000'
	for when in start run; do
		# More for the guest that is to start: this machine may be slow.
		[ $when = start ] || update_config '.annotations["ctr.vm.timeout"] = "20"'
		create_container
		first=$(pid_of "$ID")
		ctr start "$ID"
		found() { vmm=$(vm_process "$first" qemu); }
		eventually found
		[ $when = start ] || eventually said ready
		if [ $when = run ]; then
			# Longer than the deadline in a pause is no hang.
			! ctr pause "$ID" 2>/dev/null || { sleep 1; ctr resume "$ID"; }
			assert_equal "$(ctr exec "$ID" echo there)" there
		fi
		kill -STOP "$vmm"
		[ $when = start ] || ! ctr exec "$ID" true 2>"$T/exec" || fail "exec into a guest that hangs"
		wait_status "$ID" stopped 60
		said "ctr: the micro-VM did not $([ $when = start ] && echo start || echo answer) within .* seconds"
		[ $when = start ] || grep -q "the micro-VM did not answer within 20 seconds" "$T/exec"
		ctr delete --force "$ID"
	done
}

# Starts a container whose first VMM ($was) stops before the guest's agent speaks; there is a second one then ($vmm).
is_new() { vmm=$(vm_process "$first" qemu) && [ "$vmm" != "$was" ]; }
start_with_hang()
{
	was=
	create_container
	first=$(pid_of "$ID")
	ctr start "$ID"
	eventually is_new
	kill -STOP "$vmm"
	was=$vmm
	eventually is_new
}

@test "micro-vm: a guest that hangs before its agent speaks is started again, and told about" {
	root_only
	# Of this a sixth is how long it may be silent, twice.
	update_config '.annotations["ctr.vm.timeout"] = "42"'
	set_sh 'cat; echo to-err >&2; exit 7'
	start_with_hang
	[ ! -e "/proc/$was" ]
	wait_status "$ID" stopped 60
	said "^ctr: warning: the micro-VM was silent for 7 seconds while it started.*: it is started again"
	said to-err
	assert_equal "$(grep -c "started again" "$T/log")" 1
	ctr delete "$ID"
}

@test "micro-vm: the guest without memory: the program is killed, the machine stays" {
	root_only
	# As little as starts: it is full the sooner.
	update_config '.annotations["ctr.vm.memory"] = "128m"'
	local eat='BEGIN { while (1) a[i++] = sprintf("%1000000s", "") }'
	set_sh "busybox awk '$eat'"'; echo "status $?"; sleep 1000'
	start_container
	# Before its kernel kills anything it may drop and read again what it has of the share, for minutes on a busy host.
	wait_until 300 said "status 137"
	try ctr exec "$ID" busybox awk "$eat"
	assert_status 137
	assert_equal "$(ctr exec "$ID" echo there)" there
	ctr delete --force "$ID"
	set_args busybox awk "$eat"
	run_container
	assert_status 137
}

@test "micro-vm: the host's disk full in a share: the program is told, the machine stays" {
	root_only
	mkdir "$T/small"
	mount -t tmpfs -o size=1m none "$T/small"
	update_config '.mounts += [{destination: "/small", type: "bind", source: $s, options: ["rbind", "rw"]}]' --arg s "$T/small"
	set_sh 'dd if=/dev/zero of=/small/file bs=64k count=64 2>&1; rm /small/file; sync; echo after >/small/file; cat /small/file'
	run_container
	left=$(cat "$T/small/file") || :
	umount "$T/small"
	assert_status 0
	assert_output_has "No space left on device"
	assert_equal "${lines[-1]} $left" "after after"
}

@test "micro-vm: the VMM has no capability, no way to get one, and sees no file of the host" {
	set_sh 'echo ready; sleep 1000'
	start_container
	eventually said ready
	monitor=$(pid_of "$ID")
	vmm=$(pgrep -P "$(pgrep -P "$monitor")" qemu)
	# All of them are filtered, QEMU and the file server by two lists at least: their own, and ours around it.
	for name in first monitor qemu virtiofsd; do
		p=$monitor
		[ $name = first ] || p=$(vm_process "$monitor" $name | head -n 1)
		[ $name = virtiofsd ] || assert_equal "$(awk '/^Cap(Eff|Prm|Bnd):/ { print $2 + 0 }' "/proc/$p/status" | xargs)" "0 0 0" $name
		assert_equal "$(awk '/^(NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$p/status" | xargs)" "1 2" $name
		filters=$(awk '/^Seccomp_filters:/ { print $2 }' "/proc/$p/status")
		[ "${filters:-9}" -ge $([ $name = qemu ] || [ $name = virtiofsd ] && echo 2 || echo 1) ]
	done
	assert_equal "$(awk '/^(CapEff|CapPrm|NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$vmm/status" | xargs)" \
		"0000000000000000 0000000000000000 1 2"
	[ "$TEST_MODE" != root ] || assert_equal "$(awk '/^Uid:/ { print $2 }' "/proc/$vmm/status")" 65534
	assert_equal "$(ls "/proc/$vmm/root" | xargs)" "bin boot ctr dev etc lib lib32 lib64 proc run sbin share sys tmp usr"
	for ns in mnt pid net ipc uts; do
		[ "$(readlink "/proc/$vmm/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ]
	done
	# Everything ends with the first process, whoever kills it.
	kill -KILL "$monitor"
	gone() { ! kill -0 "$vmm" 2>/dev/null; }
	eventually gone
	ctr delete "$ID"
}

@test "micro-vm: ids of the configuration are the host's, hooks are the host's" {
	root_only
	mkdir -m 777 "$T/shared"
	mkdir "$BUNDLE/rootfs/shared"
	printf '#!/bin/sh\ncat >>%s/states\n' "$T" >"$T/hook"
	chmod 755 "$T/hook"
	update_config '.process.capabilities |= map_values(. + ["CAP_CHOWN"]) | .linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 200000, size: 65536}] | .linux.gidMappings = .linux.uidMappings |
		.mounts += [{destination: "/shared", type: "bind", source: $s, options: ["rbind", "rw"]}] |
		.hooks = {createRuntime: [{path: $h}], poststop: [{path: $h}]}' --arg s "$T/shared" --arg h "$T/hook"
	set_sh 'touch /shared/zero; chown 5:6 /shared/zero; id -u'
	run_container
	assert_output 0
	assert_equal "$(stat -c %u:%g "$T/shared/zero")" 200005:200006
	assert_equal "$(jq -r .status "$T/states" | xargs)" "creating stopped"
}

# A namespace as an engine makes it: ctr-a on our side, ctr-b (10.99.0.2, fd99::2, a gateway) on the other. Sets NETNS.
make_network()
{
	unshare -n sleep 1000 3>&- &
	local holder=$!
	NETNS=/proc/$holder/ns/net
	entered() { [ "$(readlink "$NETNS")" != "$(readlink /proc/self/ns/net)" ]; }
	eventually entered
	ip link add ctr-a type veth peer name ctr-b netns "$holder"
	ip address add 10.99.0.1/24 dev ctr-a
	ip link set ctr-a up
	nsenter -n"$NETNS" sh -e <<-'S'
	ip link set ctr-b mtu 1400
	ip link set ctr-b up
	ip link set lo up
	ip address add 10.99.0.2/24 dev ctr-b
	[ ! -d /proc/sys/net/ipv6 ] || ip address add fd99::2/64 dev ctr-b nodad
	ip route add default via 10.99.0.1
	ip neighbour add 10.99.0.9 lladdr 02:00:00:00:00:09 nud permanent dev ctr-b
	S
	update_config '.linux.namespaces |= map(if .type == "network" then .path = $p else . end)' --arg p "$NETNS"
}

# Nothing of the micro-VM is left in the namespace.
untouched()
{
	[ -z "$(nsenter -n"$NETNS" tc qdisc show dev ctr-b ingress)" ] &&
		[ "$(nsenter -n"$NETNS" ip -o link | wc -l)" = 2 ]
}

@test "micro-vm: a user namespace of one id that is not root's" {
	rootless_only
	update_config '.process.user = {uid: 1000, gid: 1000} | .linux.uidMappings = [{containerID: 1000, hostID: $u, size: 1}] |
		.linux.gidMappings = [{containerID: 1000, hostID: $g, size: 1}]' --argjson u "$(id -u)" --argjson g "$(id -g)"
	set_sh 'id -u; id -g; echo x >/made; stat -c %u /made'
	run_container
	assert_output "1000
1000
1000"
	assert_equal "$(stat -c %u "$BUNDLE/rootfs/made")" "$(id -u)"
}

@test "micro-vm: it takes its container's place in the network namespace, in both directions" {
	root_only
	needs tc iproute2
	make_network
	# Out: a server on our side; in: one inside, which two clients ask, as a published port's forwarding would.
	echo greetings | busybox nc -l -p 7000 >/dev/null 3>&- &
	local server=$!
	set_sh 'busybox mkfifo /dev/shm/f; busybox nc 10.99.0.1 7000 <>/dev/shm/f; ip -o -4 address show dev ctr-b; ip -o link show ctr-b; ip route; ip neigh
		ip -o -6 address show dev ctr-b; echo ready; for i in 1 2; do echo answer $i | busybox nc -l -p 80; done
		head -c 300000 /dev/zero | busybox nc -l -p 81; sleep 1000'
	start_container
	eventually said ready
	asked() { answer=$({ ${2:-cat} <&5; } 2>/dev/null 5<>"/dev/tcp/10.99.0.2/$1") && [ -n "$answer" ]; }
	eventually asked 80
	assert_equal "$answer" "answer 1"
	eventually asked 80
	assert_equal "$answer" "answer 2"
	eventually asked 81 "wc -c"
	assert_equal "$answer" 300000
	said greetings
	said "inet 10.99.0.2/24"
	said "mtu 1400"
	grep -qi "link/ether $(nsenter -n"$NETNS" cat /sys/class/net/ctr-b/address 2>/dev/null ||
		nsenter -n"$NETNS" ip -o link show ctr-b | sed 's/.*ether \([^ ]*\).*/\1/')" "$T/log"
	said "default via 10.99.0.1 dev ctr-b"
	said "10.99.0.9 dev ctr-b lladdr 02:00:00:00:00:09.* PERMANENT"
	[ ! -d /proc/sys/net/ipv6 ] || said "inet6 fd99::2/64"
	# The VMM has the tap's descriptor, and no right to make another.
	monitor=$(pid_of "$ID")
	for p in $monitor $(pgrep -P "$monitor") $(pgrep -P "$(pgrep -P "$monitor")"); do
		[ $((0x$(awk '/^CapBnd/ { print $2 }' "/proc/$p/status") & 1 << 12)) = 0 ] || fail "CAP_NET_ADMIN: $(cat /proc/$p/comm)"
	done
	# A sudden end leaves a rule in the namespace, which delete removes.
	kill -KILL "$monitor"
	wait_status "$ID" stopped
	[ -n "$(nsenter -n"$NETNS" tc qdisc show dev ctr-b ingress)" ]
	ctr delete "$ID"
	untouched
	# A second one in the same namespace, and one that is deleted by force.
	set_sh 'echo again | busybox nc -l -p 80; sleep 1000'
	start_container
	eventually asked 80
	assert_equal "$answer" again
	ctr delete --force "$ID"
	untouched
	kill "$server" 2>/dev/null || :
	ip link del ctr-a
}

@test "micro-vm: a guest that is started again has its network" {
	root_only
	make_network
	update_config '.annotations["ctr.vm.timeout"] = "42"'
	set_sh 'echo first | busybox nc -l -p 80; sleep 1000'
	start_with_hang
	asked() { answer=$({ cat <&5; } 2>/dev/null 5<>/dev/tcp/10.99.0.2/80) && [ -n "$answer" ]; }
	eventually asked
	assert_equal "$answer" first
	said "it is started again"
	ctr delete --force "$ID"
	untouched
	ip link del ctr-a
}

@test "micro-vm: of several in one network namespace one has the place, and the others are told" {
	root_only
	make_network
	set_sh 'echo first | busybox nc -l -p 80; echo second | busybox nc -l -p 80; sleep 1000'
	start_container
	asked() { answer=$({ cat <&5; } 2>/dev/null 5<>/dev/tcp/10.99.0.2/80) && [ -n "$answer" ]; }
	eventually asked
	assert_equal "$answer" first
	local said="ctr: another micro-VM has the container's place in this network namespace (ctrtap0): one can"
	set_sh 'echo not reached'
	for kind in auto tap user; do
		update_config '.annotations["ctr.vm.network"] = $k' --arg k $kind
		try ctr run -b "$BUNDLE" "$ID-two"
		assert_status 125
		assert_output "$said"
	done
	# What needs no network of the namespace's starts: asked for, or because it only holds the pod's namespaces.
	set_sh 'ip -o link | wc -l'
	update_config '.annotations["ctr.vm.network"] = "none"'
	try ctr run -b "$BUNDLE" "$ID-two"
	assert_output 1
	update_config 'del(.annotations["ctr.vm.network"]) | .annotations["io.kubernetes.cri.container-type"] = "sandbox"'
	try ctr run -b "$BUNDLE" "$ID-two"
	assert_output 1
	# None of them took anything from the first.
	eventually asked
	assert_equal "$answer" second
	ctr delete --force "$ID"
	untouched
	# One that uses the namespace's own sockets: another one like it may be there, and none that takes what comes to them.
	update_config 'del(.annotations["io.kubernetes.cri.container-type"]) | .annotations["ctr.vm.network"] = "user"'
	set_sh 'echo ready; sleep 1000'
	start_container
	eventually said ready
	set_sh 'echo reached'
	for kind in tap auto user; do
		update_config '.annotations["ctr.vm.network"] = $k' --arg k $kind
		try ctr run -b "$BUNDLE" "$ID-two"
		[ $kind != user ] || { assert_output reached && continue; }
		assert_status 125
		assert_output "ctr: another micro-VM needs the sockets of this network namespace: none can have the container's place"
		untouched
	done
	ctr delete --force "$ID"
	update_config '.annotations["ctr.vm.network"] = "tap"'
	try ctr run -b "$BUNDLE" "$ID-two"
	assert_output reached
	ip link del ctr-a
}

@test "micro-vm: the network by the VMM's own sockets, and none" {
	root_only
	make_network
	echo greetings | busybox nc -l -p 7000 >/dev/null 3>&- &
	local server=$!
	set_sh 'ip -o -4 address | grep -c "eth0 .*10.0.2.15"; busybox mkfifo /dev/shm/f
		busybox nc 10.99.0.1 7000 <>/dev/shm/f 2>&1 || echo none; ip -o link | wc -l'
	update_config '.annotations["ctr.vm.network"] = "user"'
	run_container
	assert_output "1
greetings
2"
	update_config '.annotations["ctr.vm.network"] = "none"'
	run_container
	[ "${lines[0]}" = 0 ] && [ "${lines[2]}" = none ] || [ "${lines[1]}" = none ]
	update_config '.annotations["ctr.vm.network"] = "tap" | .linux.namespaces |= map(select(.type != "network"))'
	run_container
	assert_output 'ctr: annotations["ctr.vm.network"]: the machine'"'"'s own network namespace has no place for a micro-VM'
	kill "$server" 2>/dev/null || :
	ip link del ctr-a
	# A new namespace that nobody fills.
	update_config 'del(.annotations["ctr.vm.network"]) | .linux.namespaces += [{type: "network"}]'
	run_container
	[ "${lines[0]}" = 0 ] && [ "${lines[-1]}" = 1 ]
}

@test "micro-vm: prepare makes its files once" {
	root_only
	try ctr vm prepare --kernel "$KERNEL"
	assert_status 0
	[[ ${lines[0]} =~ ^(made|found)\ (/.*)$ ]]
	dir=${BASH_REMATCH[2]}
	[[ ${lines[1]} =~ ^\ *kernel\ .*,\ (unpacked|as\ it\ is) ]]
	[ -x "$dir/ctr" ] && [ -s "$dir/boot/vmlinuz" ] && [ $(($(stat -c %s "$dir/boot/initrd") % 4096)) = 0 ]
	before=$(stat -c %Y%i "$dir/boot/initrd")
	try ctr vm prepare --kernel "$KERNEL"
	assert_equal "${lines[0]}" "found $dir"
	assert_equal "$(stat -c %Y%i "$dir/boot/initrd")" "$before"
	try ctr vm prepare --kernel /etc/passwd
	assert_output "ctr: vm.kernel.path /etc/passwd: not a kernel image that we may read, with its modules in ../lib/modules"
}

@test "micro-vm: prune removes what no kernel refers to and nothing runs in" {
	local cache=/var/cache/ctr/vm place gone
	[ "$(id -u)" = 0 ] || cache=$XDG_CACHE_HOME/ctr/vm
	place=$(ctr vm prepare --kernel "$KERNEL" | sed -n '1s/^[a-z]* //p')
	[ -d "$place" ] && [ "${place%/*}" = "$cache" ]
	sleep 0.01 &
	gone=$!
	wait $gone
	mkdir -p "$cache/1.2.3-0000000000000000/boot" "$cache/.new-$gone" "$cache/.new-$$"
	touch "$cache/1.2.3-0000000000000000/boot/initrd"
	set_sh 'sleep 1000'
	ctr create -b "$BUNDLE" "$ID" >"$T/log" 2>&1 </dev/null 3>&-
	# The kernel is in no /boot here.
	try ctr vm prune
	assert_status 0
	# What another build has put there may go too.
	for line in "kept $place: a container runs in it" "removed $cache/.new-$gone" "removed $cache/1.2.3-0000000000000000"; do
		grep -qxF "$line" <<<"$output" || fail "not said: $line"
	done
	[ "$(grep -c "^kept" <<<"$output")" = 1 ]
	[ -d "$cache/.new-$$" ] && rmdir "$cache/.new-$$"
	ctr delete --force "$ID"
	try ctr vm prune --kernel "$KERNEL"
	assert_status 0
	assert_output ""
	try ctr vm prune
	grep -qxF "removed $place" <<<"$output"
	[ ! -e "$place" ]
	run ctr vm prone
	assert_output 'ctr: vm: unknown operand "prone": must be prepare or prune'
}

@test "micro-vm: with KVM, in a micro-VM by emulation whose processor has svm" {
	root_only
	local modules inner=$T/inner/config.json
	modules=$(dirname "$KERNEL")/../lib/modules/$(basename "$KERNEL" | sed s/vmlinuz-//)/kernel
	[ -e "$modules/arch/x86/kvm/kvm-amd.ko" ] || skip "the kernel has no kvm-amd as a plain file"
	set_sh 'echo nested; uname -r; exit 6'
	cp -r "$BUNDLE" "$T/inner"
	jq 'del(.annotations)' "$BUNDLE/config.json" >"$inner"
	cat >"$T/script" <<-S
	for m in virt/lib/irqbypass arch/x86/kvm/kvm arch/x86/kvm/kvm-amd; do busybox insmod $modules/\$m.ko || exit 1; done
	mount -t tmpfs none /var/cache || exit 2
	$(readlink -f "$RUNTIME") probe --require kvm,kvm-linux || exit 3
	PATH=/usr/bin:/bin $(readlink -f "$RUNTIME") --root /var/cache/state --cgroup-manager disabled --isolation vm \
		run -b $T/inner inner
	echo "status \$?"
	S
	# The whole machine, read-only, as the root of the outer one; it may do everything in its own kernel.
	set_args sh "$T/script"
	update_config '.root = {path: "/", readonly: true} | .vm.hwConfig = {memory: 1342177280} |
		.process.noNewPrivileges = false | .linux.maskedPaths = [] | .linux.readonlyPaths = [] |
		.process.capabilities = ($c | {bounding: ., effective: ., permitted: .}) |
		.linux.resources.devices = [{allow: true, access: "rwm"}] |
		.linux.devices = [{type: "c", path: "/dev/kvm", major: 10, minor: 232}]' --argjson c \
		"$(json_strings CAP_SYS_ADMIN CAP_SYS_MODULE CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_SETUID \
			CAP_SETGID CAP_SETPCAP CAP_SETFCAP CAP_MKNOD CAP_SYS_CHROOT CAP_KILL CAP_NET_ADMIN)"
	run_container
	assert_equal "$(xargs <<<"$output")" "nested $(basename "$KERNEL" | sed s/vmlinuz-//) status 6"
	assert_status 0
}

# An engine's user has the kernel where the package puts it.
install_kernel()
{
	[ -d /lib/modules ] || { mkdir /lib/modules; MADE=yes; }
	mount -t tmpfs none /boot && cp "$KERNEL" /boot/
	mount --bind "$(dirname "$KERNEL")/../lib/modules" /lib/modules
}

uninstall_kernel()
{
	umount /boot /lib/modules
	[ -z "${MADE:-}" ] || rmdir /lib/modules
}

@test "micro-vm: a sandbox in one" {
	root_only
	install_kernel
	mkdir "$T/work"
	cd "$T/work"
	HOME=$T/home try ctr --isolation vm,emulate sandbox --vm \
		sh -c 'uname -r; echo x >made; touch /usr/x /etc/x 2>/dev/null; ls -A "$HOME"; exit 6'
	cd /
	local first=$status said=$output
	if command -v pasta >/dev/null && [ -n "$(ip -o -4 route show default)" ]; then # its network is the guest's: the addresses are those outside
		cd "$T/work"
		HOME=$T/home try ctr --isolation vm,emulate sandbox --vm --net pasta sh -c 'ip -o -4 address'
		cd /
		addresses() { grep -o 'inet [0-9.]*' | sort; }
		assert_equal "$(addresses <<<"$output")" "$({ ip -o -4 address show lo; ip -o -4 address show dev "$(ip -o -4 route \
			show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)"; } | addresses)"
	fi
	uninstall_kernel
	rmdir "$ROOT/.empty"
	status=$first output=$said
	assert_status 6
	assert_output "$(basename "$KERNEL" | sed s/vmlinuz-//)"
	assert_equal "$(cat "$T/work/made")" x
	[ ! -e /usr/x ] && [ ! -e /etc/x ]
}

# An image of busybox below $1, with what engines look for.
engine_root()
{
	mkdir -p "$1/bin" "$1/etc" "$1/v"
	cp /bin/busybox "$1/bin/"
	for a in sh id cat echo sleep uname nc mkfifo; do ln -s busybox "$1/bin/$a"; done
	echo 'root:x:0:0::/root:/bin/sh' >"$1/etc/passwd"
}

@test "micro-vm: podman drives ctr-vm: run, logs, volume, port, exec, stop" {
	root_only
	command -v podman >/dev/null && command -v conmon >/dev/null || skip "podman is not installed"
	local r=$T/image P=$T/podman port=
	mkdir -p "$P" "$T/volume"
	engine_root "$r"
	echo text >"$T/volume/file"
	ln -s "$(readlink -f "$RUNTIME")" "$P/ctr-vm"
	printf '[engine.runtimes]\nctr-vm = ["%s"]\n[network]\nnetwork_config_dir = "%s"\n' "$P/ctr-vm" "$P/net" >"$P/containers.conf"
	export CONTAINERS_CONF=$P/containers.conf
	# Its bridge and its rules are in a network namespace of the test's; it keeps those of its containers here.
	local netns=
	[ -d /run/netns ] || { mkdir /run/netns; netns=made; }
	mount -t tmpfs none /run/netns
	make_network
	pd() { nsenter -n"$NETNS" timeout 100 podman --root "$P/root" --runroot "$P/run" --cgroup-manager cgroupfs --storage-driver vfs --runtime ctr-vm "$@" 3>&-; }
	install_kernel
	tar -C "$r" -c . | pd import - image >/dev/null 2>&1
	local options="--pids-limit=-1 --ulimit nofile=1000:1000 --ulimit nproc=5000:5000"
	options+=" --annotation ctr.isolation=vm-emulate"
	try pd run --rm $options --network none image sh -c 'uname -r; exit 3'
	assert_status 3
	assert_output "$(basename "$KERNEL" | sed s/vmlinuz-//)"
	[ ! -x /usr/lib/podman/netavark ] || port="-p 8080:80"
	# Where no port is forwarded nobody would ever ask the server, in which the shell hears no signal.
	local serve=:
	[ -z "$port" ] || serve='echo served | nc -l -p 80'
	pd run -d --name one $options ${port:---network none} -v "$T/volume:/v" image sh -c \
		"cat /v/file; trap 'exit 5' TERM; echo ready; while :; do $serve; sleep 0.1; done" >/dev/null
	logged() { pd logs one 2>&1 | grep -q ready; }
	eventually logged
	assert_equal "$(pd logs one | xargs)" "text ready"
	served() { [ "$(nsenter -n"$NETNS" timeout 5 bash -c 'cat <"/dev/tcp/10.99.0.2/8080"' 2>/dev/null)" = served ]; }
	[ -z "$port" ] || eventually served
	try pd exec one sh -c 'uname -r; echo written >/v/new; exit 4'
	assert_status 4
	assert_equal "$(cat "$T/volume/new")" written
	# The shell is in nc until it is asked once more.
	pd stop -t 10 one >/dev/null &
	local stop=$!
	is_exited() { served || :; [ "$(pd inspect one --format '{{.State.Status}}')" = exited ]; }
	eventually is_exited
	wait "$stop"
	assert_equal "$(pd inspect one --format '{{.State.ExitCode}}')" 5
	pd rm -fa >/dev/null
	pd rmi -fa >/dev/null 2>&1
	umount "$P/root/vfs" "$P/root" 2>/dev/null || :
	uninstall_kernel
	umount -R /run/netns
	[ -z "$netns" ] || rmdir /run/netns
	ip link del ctr-a
	rmdir /sys/fs/cgroup/libpod_parent/* /sys/fs/cgroup/libpod_parent 2>/dev/null || :
}

@test "micro-vm: containerd drives ctr-vm: run, output, volume, port, exec, stop" {
	root_only
	needs containerd
	command -v umoci skopeo >/dev/null || skip "umoci or skopeo is not installed"
	local r=$T/image
	mkdir -p "$T/volume" "$T/c"
	engine_root "$r"
	umoci init --layout "$T/oci" && umoci new --image "$T/oci:busy" && umoci insert --image "$T/oci:busy" "$r" / &&
		umoci config --image "$T/oci:busy" --config.env PATH=/bin
	skopeo copy -q "oci:$T/oci:busy" "oci-archive:$T/oci.tar:busy"
	ln -s "$(readlink -f "$RUNTIME")" "$T/c/ctr-vm"
	make_network
	install_kernel
	touch "$T/c/netns" # by a name that is good in another pid namespace
	mount --bind "$NETNS" "$T/c/netns"
	cat >"$T/script" <<-S
	set -eu
	run() { client run --runc-binary $T/c/ctr-vm --snapshotter native --annotation ctr.isolation=vm-emulate "\$@"; }
	client images import --index-name busy --snapshotter native $T/oci.tar >/dev/null
	s=0; run --rm busy one sh -c 'uname -r; exit 3' || s=\$?
	echo "status \$s"
	run -d --with-ns network:$T/c/netns --mount type=bind,src=$T/volume,dst=/v,options=rbind:rw busy two sh -c \
		'trap "exit 5" TERM; echo ready >/v/ready; while :; do echo served | nc -l -p 80; sleep 0.1; done'
	for i in \$(seq 400); do [ ! -s $T/volume/ready ] || break; sleep 0.05; done
	cat $T/volume/ready
	served() { timeout 5 bash -c 'cat </dev/tcp/10.99.0.2/80' 2>/dev/null; }
	for i in \$(seq 100); do ! served || break; sleep 0.05; done
	s=0; client t exec --exec-id e two sh -c 'uname -r; exit 4' || s=\$?
	echo "status \$s"
	client t ps two | grep -q '[0-9]'
	client t kill -s TERM two
	for i in \$(seq 100); do served >/dev/null || :; ! client t ls | grep -q 'two.*STOPPED' || break; sleep 0.1; done
	client t rm two 2>&1 | sed 's/.*exit code \([0-9]*\).*/exit code \1/'
	client c rm two
	S
	try timeout 150 "$TOP/tests/lib/with-containerd" "$T/c" bash "$T/script" 2>&1
	uninstall_kernel
	umount "$T/c/netns"
	local clean=no
	! untouched || clean=yes
	ip link del ctr-a
	release=$(basename "$KERNEL" | sed s/vmlinuz-//)
	assert_equal "$(xargs <<<"$output")" "$release status 3 ready served $release status 4 exit code 5" "$(tail -3 "$T/c/containerd.log")"
	assert_equal $clean yes "a rule of the micro-VM's is left"
}

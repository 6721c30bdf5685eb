#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What needs a kernel whose cgroup v2 tree has every controller, and systemd: limits, the end for lack of memory,
# the device program, the systemd driver. Everything runs inside the guest that tests/vm boots; one boot for all.

bats_require_minimum_version 1.5.0

load lib/guest

LIMITS='.process.args = ["sleep", "1000"] | .linux.resources = {memory: {limit: 67108864, swap: 67108864},
	pids: {limit: 50}, cpu: {quota: 50000, period: 100000, shares: 2048, cpus: "0"}}'

@test "limits: the files have the values, and update changes them" {
	guest <<E
bundle '$LIMITS'
trap 'ctr delete --force lim || :' EXIT
ctr create --bundle \$D/b lim </dev/null >/dev/null 2>&1
C=/sys/fs/cgroup\$(ctr state lim | jq -r '"/proc/\(.pid)/cgroup"' | xargs cut -d: -f3)
is "\$(cat \$C/memory.max)" 67108864
is "\$(cat \$C/memory.swap.max)" 0
is "\$(cat \$C/pids.max)" 50
is "\$(cat \$C/cpu.max)" "50000 100000"
is "\$(cat \$C/cpu.weight)" 174
is "\$(cat \$C/cpuset.cpus.effective)" 0
ctr start lim
ctr update --memory 134217728 --memory-swap -1 --pids-limit -1 --cpu-quota -1 lim
is "\$(cat \$C/memory.max)" 134217728
is "\$(cat \$C/memory.swap.max)" max
is "\$(cat \$C/pids.max)" max
is "\$(cat \$C/cpu.max)" "max 100000"
ctr delete --force lim
[ ! -e \$C ] || bad "the cgroup is still there"
E
}

@test "memory: the end for lack of it is exit status 137" {
	guest <<'E'
bundle '.process.args = ["sh", "-c", "tail /dev/zero; exit $?"] | .linux.resources.memory = {limit: 33554432, swap: 33554432}'
s=0; ctr run --bundle $D/b oom1 </dev/null || s=$?
is $s 137
bundle '.process.args = ["tail", "/dev/zero"] | .linux.resources.memory = {limit: 33554432, swap: 33554432}'
s=0; ctr run --bundle $D/b oom2 </dev/null || s=$?
is $s 137
# What is left of a container that nobody waited for says how it ended.
ctr run --detach --bundle $D/b oom3 </dev/null >/dev/null 2>&1
trap 'ctr delete --force oom3' EXIT
ended() { [ "$(ctr state oom3 | jq -r .status)" = stopped ]; }
eventually ended
is "$(ctr state oom3 | jq -r '.annotations["ctr.oom-killed"]')" true
E
}

@test "memory: too little to start says so" {
	guest <<'E'
bundle '.linux.resources.memory = {limit: 8192, swap: 8192}'
s=0; ctr run --bundle $D/b tiny </dev/null >$D/out 2>&1 || s=$?
cat $D/out
[ $s != 0 ] || bad "started within 8 kB"
! ctr state tiny 2>/dev/null || bad "it is still there"
E
}

@test "pids: no process more than allowed" {
	guest <<'E'
bundle '.process.args = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait"] | .linux.resources.pids.limit = 5'
ctr run --bundle $D/b pids </dev/null >$D/out 2>&1 || :
grep -q "fork" $D/out || bad "nobody was refused: $(cat $D/out)"
for n in 1 0; do
	bundle ".process.args = [\"echo\", \"alone\"] | .linux.resources.pids.limit = $n"
	is "$(ctr run --bundle $D/b one </dev/null)" alone
done
E
}

@test "cpu: a quota slows down" {
	guest <<'E'
bundle '.process.args = ["sh", "-c", "while :; do :; done"] | .linux.resources.cpu = {quota: 5000, period: 100000}'
trap 'ctr delete --force cpu || :' EXIT
ctr run --detach --bundle $D/b cpu </dev/null >/dev/null 2>&1
C=/sys/fs/cgroup$(ctr state cpu | jq -r '"/proc/\(.pid)/cgroup"' | xargs cut -d: -f3)
sleep 3
t=$(awk '$1 == "nr_throttled" { print $2 }' $C/cpu.stat); u=$(awk '$1 == "usage_usec" { print $2 }' $C/cpu.stat)
[ "$t" -gt 5 ] || bad "throttled $t times"
[ "$u" -lt 1500000 ] || bad "used $u us"
E
}

MKNOD='.root.readonly = false | .process.capabilities |= with_entries(.value += ["CAP_MKNOD"])'

@test "devices: what no rule allows can be made, but not opened" {
	local use='.process.args = ["sh", "-c", "mknod /k b MAJOR MINOR && dd if=/k of=/dev/null bs=512 count=1 2>&1; echo status $?; : >/dev/null && head -c 4 /dev/zero | wc -c"]'
	local none='{allow: false, access: "rwm"}' disk='{allow: true, type: "b", major: MAJOR, minor: MINOR, access: "rwm"}'
	guest <<E
read -r major minor < <(stat -c '%Hr %Lr' /dev/vda)
bundle_for_disk() { bundle "\$(sed "s/MAJOR/\$major/g; s/MINOR/\$minor/g" <<<"\$1")"; }
bundle_for_disk '$MKNOD | $use | .linux.resources.devices = [$none]'
ctr run --bundle \$D/b dev </dev/null >\$D/out 2>&1 || :
cat \$D/out
grep -q 'not permitted' \$D/out || bad "it was opened"
is "\$(tail -n 1 \$D/out)" 4
rm -f \$D/b/rootfs/k
bundle_for_disk '$MKNOD | $use | .linux.resources.devices = [$none, $disk]'
ctr run --bundle \$D/b dev </dev/null >\$D/out 2>&1 || :
cat \$D/out
grep -q 'status 0' \$D/out || bad "the allowed device was not opened"
E
}

@test "systemd driver: the unit knows the limits, the files have them, and update changes both" {
	guest <<E
bundle '$LIMITS | .linux.cgroupsPath = "vmtest.slice:vm:lim"'
trap 'ctr delete --force sd || :' EXIT
ctr --systemd-cgroup create --bundle \$D/b sd </dev/null >/dev/null 2>&1
C=/sys/fs/cgroup\$(ctr state sd | jq -r '"/proc/\(.pid)/cgroup"' | xargs cut -d: -f3)
[[ \$C == /sys/fs/cgroup/vmtest.slice/vm-lim.scope* ]] || bad "it is in \$C"
show() { systemctl show --value -p \$1 vm-lim.scope; }
is "\$(show MemoryMax)" 67108864
is "\$(show TasksMax)" 50
is "\$(show CPUQuotaPerSecUSec)" 500ms
is "\$(cat \$C/memory.max)" 67108864
is "\$(cat \$C/pids.max)" 50
is "\$(cat \$C/cpu.max)" "50000 100000"
ctr start sd
systemctl daemon-reload
is "\$(cat \$C/memory.max)" 67108864
ctr update --memory 134217728 --memory-swap 134217728 --pids-limit 60 sd
is "\$(show MemoryMax)" 134217728
is "\$(show TasksMax)" 60
is "\$(cat \$C/memory.max)" 134217728
is "\$(cat \$C/pids.max)" 60
ctr delete --force sd
is "\$(show LoadState)" not-found
[ ! -e \$C ] || bad "the cgroup is still there"
E
}

@test "systemd driver: lack of memory is 137, and the same name works again at once" {
	guest <<'E'
bundle '.process.args = ["tail", "/dev/zero"] | .linux.resources.memory = {limit: 33554432, swap: 33554432}'
for i in 1 2 3; do
	s=0; ctr --systemd-cgroup run --bundle $D/b sdoom </dev/null || s=$?
	is $s 137
done
bundle '.process.args = ["echo", "alone"] | .linux.resources.pids.limit = 1'
is "$(ctr --systemd-cgroup run --bundle $D/b sdone </dev/null)" alone
is "$(systemctl list-units --all --no-legend 'ctr-sd*' | wc -l)" 0
E
}

@test "systemd driver: its own test, with the controllers there" {
	"$VM" run test -x /src/build/tests/unit/systemd || skip "tests/unit/systemd is not built"
	! grep -qa __asan_init "$BATS_TEST_DIRNAME/../build/ctr" || skip "deadlines that sanitizers in an emulated machine do not keep"
	guest <<'E'
CTR_TEST_SYSTEMD=system /src/build/tests/unit/systemd
E
	guest --user user <<'E'
CTR_TEST_SYSTEMD=user CTR_TEST_RUNTIME_DIR=/run/user/1000 /src/build/tests/unit/systemd
E
}

@test "ordinary user: a limit in a delegated tree, by the user's manager" {
	guest --user user <<'E'
export XDG_RUNTIME_DIR=/run/user/1000
mkdir -p $D/b; cp -r /t/b/rootfs $D/b/
cd $D/b; ctr spec --rootless
jq '.process.terminal = false | .process.args = ["sh", "-c", "cat /proc/self/cgroup; tail /dev/zero"] |
	.linux.resources.memory = {limit: 33554432, swap: 33554432}' config.json >c; mv c config.json
s=0; ctr --systemd-cgroup run userlim </dev/null >$D/out || s=$?
cat $D/out
is $s 137
E
}

@test "apparmor: the profile confines the program, exec and what is started with no_new_privs" {
	command -v apparmor_parser >/dev/null || skip "needs apparmor_parser (package apparmor)"
	# Compiled here, so that the guest needs no compiler.
	cat >"$BATS_TEST_TMPDIR/profile" <<-'P'
	profile ctr-test flags=(attach_disconnected,mediate_deleted) {
	  file,
	  network,
	  capability,
	  signal,
	  ptrace,
	  deny /etc/passwd r,
	}
	P
	apparmor_parser -S -Q -K "$BATS_TEST_TMPDIR/profile" 2>/dev/null >"$BATS_TEST_TMPDIR/policy"
	"$VM" run sh -c 'cat >/t/policy && cat /t/policy >/sys/kernel/security/apparmor/.load' <"$BATS_TEST_TMPDIR/policy"
	guest <<'E'
program='cat /proc/self/attr/current; cat /etc/passwd 2>&1'
for nnp in true false; do
	bundle ".process.apparmorProfile = \"ctr-test\" | .process.noNewPrivileges = $nnp | .process.args = [\"sh\", \"-c\", \"$program\"]"
	out=$(ctr run --bundle $D/b aa </dev/null || true)
	case $out in "ctr-test (enforce)"*denied*) ;; *) bad "$nnp: $out" ;; esac
done
bundle '.process.apparmorProfile = "ctr-test" | .process.args = ["sleep", "1000"]'
trap 'ctr delete --force aa || :' EXIT
ctr run -d --bundle $D/b aa </dev/null >/dev/null 2>&1
out=$(ctr exec aa sh -c "$program" || true)
case $out in "ctr-test (enforce)"*denied*) ;; *) bad "exec: $out" ;; esac
ctr delete --force aa
bundle '.process.apparmorProfile = "no-such-profile"'
s=0; out=$(ctr run --bundle $D/b aa </dev/null 2>&1) || s=$?
is $s 1
case $out in *no-such-profile*) ;; *) bad "$out" ;; esac
! ctr state aa 2>/dev/null || bad "it is still there"
E
}

@test "leaf: exec with limits of its own; the container lives on, and nothing stays" {
	guest <<'E'
bundle '.annotations["ctr.cgroup.leaf"] = "true" | .process.args = ["sleep", "1000"]'
trap 'ctr delete --force lf 2>/dev/null || :' EXIT
ctr run -d --bundle $D/b lf </dev/null >/dev/null 2>&1
cg=/sys/fs/cgroup/ctr/lf
is "$(cat /proc/$(ctr state lf | jq .pid)/cgroup)" 0::/ctr/lf/init
is "$(ctr exec lf cat /proc/self/cgroup | sed 's/[0-9]*$//')" 0::/exec-
is "$(ctr exec --cgroup init lf cat /proc/self/cgroup)" 0::/init
echo '{"memory": {"limit": 20971520, "swap": 20971520}, "pids": {"limit": 5}}' >$D/limits
is "$(ctr exec --resources $D/limits lf sh -c 'cat /proc/self/cgroup' | sed 's/[0-9]*$//')" 0::/exec-
s=0; ctr exec --resources $D/limits lf tail /dev/zero || s=$?
is $s 137
s=0; ctr exec --resources $D/limits lf sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done' 2>$D/err || s=$?
grep -q "can't fork" $D/err || bad "$(cat $D/err)"
is "$(ctr state lf | jq -r .status)" running
echo '{"pids": {"limit": "x"}}' >$D/wrong
s=0; ctr exec --resources $D/wrong lf true 2>/dev/null || s=$?
is $s 255
is "$(ctr exec lf true; ls -d $cg/init)" $cg/init
ctr delete --force lf
[ ! -e $cg ] || bad "the cgroup is still there"
bundle '.process.args = ["sleep", "1000"]'
ctr run -d --bundle $D/b lf </dev/null >/dev/null 2>&1
s=0; out=$(ctr exec --resources $D/limits lf true 2>&1) || s=$?
is $s 255
case $out in *"annotation ctr.cgroup.leaf=true"*) ;; *) bad "$out" ;; esac
E
}

@test "leaf: a systemd as the container's program starts its units, with limits" {
	guest <<'E'
bundle '.annotations["ctr.cgroup.leaf"] = "true" | .root = {path: "/", readonly: false} | .process.args = ["/lib/systemd/systemd"] |
	.process.env = ["container=ctr"] | .process.noNewPrivileges = false | .linux.maskedPaths = [] | .linux.readonlyPaths = [] |
	.linux.namespaces |= unique_by(.type) |
	.process.capabilities |= map_values(["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_SETUID",
		"CAP_SETGID", "CAP_KILL", "CAP_NET_ADMIN", "CAP_SYS_RESOURCE", "CAP_SETPCAP", "CAP_DAC_READ_SEARCH", "CAP_MKNOD"]) |
	.mounts |= map(select(.destination != "/sys/fs/cgroup")) | .mounts += [
		{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "rw"]},
		{destination: "/run", type: "tmpfs", source: "tmpfs", options: ["mode=755"]},
		{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"]}]'
trap 'ctr delete --force sd 2>/dev/null || :' EXIT
ctr run -d --overlay tmpfs --bundle $D/b sd </dev/null >$D/log 2>&1
state() { ctr exec sd systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; }
for _ in $(seq 150); do ! state || break; sleep 0.3; done
state || bad "$(cat $D/log; ctr exec sd systemctl list-jobs 2>&1)"
is "$(ctr exec sd systemd-run -q --pipe --wait -p MemoryMax=30M -p TasksMax=7 sh -c 'cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max')" 31457280
E
}

@test "systemd: a service of type notify is up when the program in the container says so" {
	guest <<'E'
bundle '.root = {path: "/", readonly: true} | .process.args = ["sh", "-c", "sleep 1; systemd-notify --ready --status=inside; sleep 1000"] |
	.mounts += [{destination: "/run", type: "tmpfs", source: "tmpfs", options: ["mode=755"]}]'
trap 'systemctl stop cn 2>/dev/null || :; ctr --root /run/cn delete --force cn 2>/dev/null || :' EXIT
systemd-run -q --unit=cn -p Type=notify -p TimeoutStartSec=60 /src/build/ctr --root /run/cn run --bundle $D/b cn
is "$(systemctl show -P ActiveState cn)" active
is "$(systemctl show -P StatusText cn)" inside
is "$(ctr --root /run/cn state cn | jq -r .status)" running
# As the units of contrib/systemd end it.
systemctl kill -s KILL cn
ctr --root /run/cn delete --force cn
E
}

@test "update: what slows down, what is kept, the end of all; and device rules exchanged while it runs" {
	guest <<'E'
bundle '.process.args = ["sleep", "1000"] | .linux.resources = {memory: {limit: 134217728},
	devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}]} |
	.linux.devices = [{type: "c", path: "/dev/line", major: 4, minor: 64, fileMode: 438}]'
trap 'ctr delete --force up 2>/dev/null || :' EXIT
ctr run -d --bundle $D/b up </dev/null >/dev/null 2>&1
cg=/sys/fs/cgroup/ctr/up
ctr update --memory-high 64M --memory-min 16M --oom-group 1 up
is "$(cat $cg/memory.high $cg/memory.min $cg/memory.oom.group | xargs)" "67108864 16777216 1"
ctr update --memory-high -1 --oom-group 0 up
is "$(cat $cg/memory.high $cg/memory.oom.group | xargs)" "max 0"
s=0; ctr update --oom-group 2 up 2>/dev/null || s=$?
is $s 1
open='exec 3</dev/line && echo open'
out=$(ctr exec up sh -c "$open" 2>&1) && bad "it could be opened"
echo '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 4, "minor": 64, "access": "r"}]}' |
	ctr update --resources - up
is "$(ctr exec up sh -c "$open")" open
echo '{"devices": [{"allow": false, "access": "rwm"}]}' | ctr update --resources - up
out=$(ctr exec up sh -c "$open" 2>&1) && bad "it can still be opened"
ctr exec up sh -c 'echo x >/dev/null'
E
}

@test "F9: the caller may start few processes, or has little memory: a clean failure, nothing left" {
	guest <<'E'
few=/sys/fs/cgroup/few
mkdir $few; trap 'rmdir $few; wipe $D' EXIT
inside() { sh -c 'echo 0 >'$few'/cgroup.procs; exec "$@"' - ctr --root $D/s run --bundle $D/b few </dev/null >$D/out 2>&1; }
left() {
	ctr --root $D/s delete --force few
	is "$(ls -A $D/s 2>/dev/null)" ""
	[ -z "$(find /sys/fs/cgroup -mindepth 2 -name few)" ] || bad "$1: a cgroup is left"
}
# The container's processes are counted where they are born: in its own cgroup.
bundle '.process.args = ["true"]'
echo 1 >$few/pids.max
inside || bad "it needs a second process: $(cat $D/out)"
left "pids.max"
# A hook is the caller's.
bundle '.process.args = ["true"] | .hooks = {createRuntime: [{path: "/bin/true"}]}'
if inside; then bad "the hook ran"; fi
grep -qi "resource temporarily unavailable" $D/out || bad "$(cat $D/out)"
left "pids.max and a hook"
echo max >$few/pids.max
echo 65536 >$few/memory.max
if inside; then bad "it ran in 64 kB"; fi
left "memory.max"
E
}

@test "ordinary user: limits of a sandbox by his systemd" {
	guest --user user <<'E'
export XDG_RUNTIME_DIR=/run/user/1000
mkdir $D/w; cd $D/w
ctr sandbox --memory 48m --pids 40 --cpus 0.5 sh -c 'echo up >up; while [ ! -e go ]; do sleep 0.1; done' </dev/null & pid=$!
eventually test -s up
C=/sys/fs/cgroup$(cut -d: -f3 /proc/$(ctr state sandbox-$pid | jq .pid)/cgroup)
is "$(cat $C/memory.max) $(cat $C/memory.swap.max) $(cat $C/pids.max) $(cat $C/cpu.max)" "50331648 0 40 50000 100000"
touch go
wait $pid
[ ! -e $C ] || bad "the cgroup is left"
E
}

# A counter that writes into a volume, with the protections of an ordinary container.
COUNTER='.process.args = ["sh", "-c", "i=0; while :; do echo $i >/vol/n; i=$((i+1)); sleep 0.1; done"] |
	.process.noNewPrivileges = true | .root.readonly = true |
	.mounts += [{destination: "/vol", source: "@V", type: "bind", options: ["rbind", "rprivate"]}] |
	.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]} |
	.linux.resources = {memory: {limit: 67108864}, pids: {limit: 50}}'

@test "checkpoint: a counter goes on counting, protected and limited as before" {
	guest <<E
mkdir -p \$D/v
bundle '$(echo "$COUNTER" | sed "s#@V#'\$D'/v#")'
trap 'ctr delete --force c1 2>/dev/null; ctr delete --force c2 2>/dev/null; wipe \$D' EXIT
# advances: the counter is seen at two values, and goes up.
advances() { local a=\$(number \$D/v/n); for _ in \$(seq 100); do sleep 0.1; [ "\$(number \$D/v/n)" -le "\$a" ] || return 0; done; bad "stands at \$a"; }
ctr run --detach -b \$D/b c1 </dev/null >/dev/null 2>&1
eventually test -s \$D/v/n
advances
ctr checkpoint --image-path \$D/i --work-path \$D/w --leave-running c1
advances
ctr checkpoint --image-path \$D/p --pre-dump c1
advances
ctr checkpoint --image-path \$D/i2 --parent-path ../p c1
! ctr state c1 2>/dev/null || bad "still there"
[ -e \$D/i2/parent ] || bad "no parent"
at=\$(number \$D/v/n)
for _ in 1 2; do
	ctr restore --detach -b \$D/b --image-path \$D/i2 --work-path \$D/w --pid-file \$D/pid c2
	advances
	[ "\$(number \$D/v/n)" -gt "\$at" ] || bad "began anew"
	P=\$(cat \$D/pid)
	is "\$P" "\$(ctr state c2 | jq .pid)"
	grep -q '^NoNewPrivs:.1' /proc/\$P/status
	grep -q '^Seccomp:.2' /proc/\$P/status
	grep ' / / ro' /proc/\$P/mountinfo || grep -q 'rootfs / ro' /proc/\$P/mountinfo || bad "root is writable"
	C=/sys/fs/cgroup\$(cut -d: -f3 /proc/\$P/cgroup)
	is "\$(cat \$C/memory.max)" 67108864
	ctr exec c2 true
	ctr pause c2; ctr resume c2
	ctr kill c2 KILL
	stopped() { [ "\$(ctr state c2 | jq -r .status)" = stopped ]; }
	eventually stopped
	ctr delete c2
	[ ! -e \$C ] || bad "the cgroup is still there"
done
mount | grep "\$D" && bad "a mount is left" || :
E
}

@test "checkpoint: in the foreground, with the systemd driver; an image that is broken leaves nothing" {
	guest <<'E'
bundle '.process.args = ["sh", "-c", "trap \"exit 7\" TERM; while :; do sleep 0.1; done"] | .linux.cgroupsPath = "system.slice:ctr:cr"'
trap 'ctr delete --force cr 2>/dev/null; wipe $D' EXIT
ctr --systemd-cgroup run --detach -b $D/b cr </dev/null >/dev/null 2>&1
ctr --systemd-cgroup checkpoint --image-path $D/i cr
ctr --systemd-cgroup restore -b $D/b --image-path $D/i cr </dev/null >/dev/null 2>&1 & pid=$!
up() { [ "$(ctr state cr 2>/dev/null | jq -r .status)" = running ]; }
eventually up
systemctl is-active ctr-cr.scope
ctr kill cr TERM
s=0; wait $pid || s=$?
is $s 7
! ctr state cr 2>/dev/null || bad "still there"
rm $D/i/pstree.img
s=0; ctr --systemd-cgroup restore --detach -b $D/b --image-path $D/i cr </dev/null >$D/out 2>&1 || s=$?
is $s 1
grep -q "^ctr: criu failed: .*(log file: $D/i/restore.log)" $D/out || bad "$(cat $D/out)"
! ctr state cr 2>/dev/null || bad "still there"
! systemctl is-active ctr-cr.scope || bad "the scope is left"
E
}

@test "checkpoint: an open TCP connection, in a network namespace of an engine's" {
	guest <<'E'
ip netns add eng; ip -n eng link set lo up
bundle '(.linux.namespaces[] | select(.type == "network")).path = "/run/netns/eng" |
	.process.args = ["sh", "-c", "nc -l -p 5000 -e cat"]'
trap 'ctr delete --force tcp 2>/dev/null; ip netns del eng; wipe $D' EXIT
ctr run --detach -b $D/b tcp </dev/null >/dev/null 2>&1
listens() { ip netns exec eng ss -ltn | grep -q :5000; }
eventually listens
mkfifo $D/in
ip netns exec eng busybox nc 127.0.0.1 5000 <$D/in >$D/out & client=$!
exec 7>$D/in
echo before >&7
heard() { grep -q "$1" $D/out; }
eventually heard before
s=0; ctr checkpoint --image-path $D/i tcp 2>/dev/null || s=$?
is $s 1
ctr checkpoint --image-path $D/i --tcp-established tcp
ctr restore --detach -b $D/b --image-path $D/i --tcp-established tcp </dev/null
echo after >&7
eventually heard after
exec 7>&-
wait $client || :
E
}

@test "checkpoint: a program on a terminal, twice in a row; hooks before the start" {
	guest <<'E'
cat >$D/hear <<'P'
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); c, _ = s.accept()
_, fds, _, _ = socket.recv_fds(c, 100, 1)
os.write(fds[0], b"typed\n")
while True:
	try:
		sys.stdout.write(os.read(fds[0], 4096).decode()); sys.stdout.flush()
	except OSError:
		break
P
hear() { python3 $D/hear $D/$1.sock >$D/$1 & eventually test -S $D/$1.sock; }
heard() { grep -q "$2" $D/$1; }
# Counts, and between numbers hears what is typed.
bundle '.process.terminal = true | .process.args = ["sh", "-c", "i=0; (while :; do i=$((i+1)); echo at $i; sleep 0.1; done) & while read -r l; do echo got $l; done"] |
	.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "cat >'$D'/hook"]}]'
trap 'ctr delete --force tty 2>/dev/null; wipe $D' EXIT
hear first
ctr run --detach -b $D/b --console-socket $D/first.sock tty
eventually heard first "at 5"
eventually heard first "got typed"
rm $D/hook
ctr checkpoint --image-path $D/i tty
for n in second third; do
	hear $n
	ctr restore --detach -b $D/b --console-socket $D/$n.sock --image-path $D/i tty
	is "$(jq -r '"\(.status) \(.pid)"' $D/hook)" "creating $(ctr state tty | jq .pid)"
	eventually heard $n "at [0-9]"
	! heard $n "at 1"$'\r' || bad "began anew"
	eventually heard $n "got typed"
	# Its console is this terminal, and its own.
	is "$(ctr exec tty stat -c %t:%T /dev/console </dev/null)" 88:0
	ctr exec tty sh -c "echo to $n >/dev/console" </dev/null
	eventually heard $n "to $n"
	rm -rf $D/i
	ctr checkpoint --image-path $D/i tty
done
! ctr state tty 2>/dev/null || bad "still there"
E
}

@test "checkpoint: blanks in paths; groups that criu manages; a leaf of the cgroup" {
	guest <<'E'
mkdir -p "$D/a volume"; chmod 777 "$D/a volume"; chmod 755 $D
PROG='.process.args = ["sh", "-c", "i=0; while :; do echo $i >\"/a place/n\"; i=$((i+1)); sleep 0.1; done"] |
	.mounts += [{destination: "/a place", source: "'$D'/a volume", type: "bind", options: ["rbind", "rprivate"]}]'
trap 'ctr delete --force u 2>/dev/null; wipe $D' EXIT
n() { cat "$D/a volume/n"; }
above() { [ "$(n)" -gt "$1" ]; }
# round OPTION...: there and back.
round() {
	ctr run --detach -b $D/b u </dev/null >/dev/null 2>&1
	eventually test -s "$D/a volume/n"
	ctr checkpoint --image-path "$D/im ages" "$@" u || { grep Error "$D/im ages/dump.log"; exit 1; }
	at=$(n)
	ctr restore --detach -b $D/b --image-path "$D/im ages" "$@" u </dev/null || { grep Error "$D/im ages/restore.log"; exit 1; }
	P=$(ctr state u | jq .pid)
	eventually above "$at"
}
finish() { ctr delete --force u; rm -rf "$D/im ages" "$D/a volume/n"; }
bundle "$PROG | .linux.cgroupsPath = \"/manage/u\""
round --manage-cgroups-mode soft
grep -q "^0::/manage/u" /proc/$P/cgroup || bad "$(cat /proc/$P/cgroup)"
finish
bundle "$PROG | .linux.cgroupsPath = \"/leaf/u\" | .annotations[\"ctr.cgroup.leaf\"] = \"true\""
round
grep -q "^0::/leaf/u/init$" /proc/$P/cgroup || bad "$(cat /proc/$P/cgroup)"
finish
E
}

@test "checkpoint: through podman" {
	guest <<'E'
mkdir -p $D/r/bin; cp /bin/busybox $D/r/bin/; for a in sh sleep cat echo; do ln -s busybox $D/r/bin/$a; done
pd() { podman --root $D/root --runroot $D/run --storage-driver vfs --cgroup-manager systemd --runtime /src/build/ctr "$@"; }
trap 'pd rm -f --all >/dev/null 2>&1; wipe $D' EXIT
tar -C $D/r -c . | pd import - image >/dev/null 2>&1
pd run -d --name count --network none --security-opt seccomp=unconfined -v $D:/out image sh -c 'i=0; while :; do echo $i >/out/n; i=$((i+1)); sleep 0.1; done' >/dev/null
eventually test -s $D/n
pd container checkpoint count >/dev/null
is "$(pd inspect -f '{{.State.Status}}' count)" exited
at=$(cat $D/n)
pd container restore count >/dev/null
higher() { [ "$(cat $D/n)" -gt "$at" ]; }
eventually higher
is "$(pd inspect -f '{{.State.Status}}' count)" running
pd rm -f -t 0 count >/dev/null
E
}

# Programs of a small image, for engines.
IMAGE='mkdir -p $D/r/bin $D/r/etc; cp /bin/busybox $D/r/bin/
for a in sh sleep cat echo ps tail id true; do ln -s busybox $D/r/bin/$a; done
printf "root:x:0:0::/root:/bin/sh\n" >$D/r/etc/passwd'

@test "podman: limits, update, statistics, the end for lack of memory, secrets, a pod, health" {
	guest <<E
$IMAGE
$(cat <<'S'
sed "s#/usr/local/libexec/ctr/ctr#/src/build/ctr#" /src/contrib/engines/containers.conf >$D/containers.conf
export CONTAINERS_CONF=$D/containers.conf
pd() { podman --root $D/root --runroot $D/run --storage-driver vfs --cgroup-manager systemd --runtime ctr "$@"; }
trap 'pd pod rm -f --all >/dev/null 2>&1; pd rm -f -t 0 --all >/dev/null 2>&1; wipe $D' EXIT
tar -C $D/r -c . | pd import - busy >/dev/null 2>&1
pd run -d --name p1 --network none --memory 64m --cpus 0.5 --pids-limit 40 busy sleep 1000 >/dev/null
C=/sys/fs/cgroup$(cut -d: -f3 /proc/$(pd inspect -f "{{.State.Pid}}" p1)/cgroup)
is "$(cat $C/memory.max) $(cat $C/pids.max) $(cat $C/cpu.max)" "67108864 40 50000 100000"
pd update --cpus 0.25 p1 >/dev/null
is "$(cat $C/cpu.max)" "25000 100000"
[ "$(pd stats --no-stream --format "{{.PIDs}}" p1)" -ge 1 ] || bad "no statistics"
s=0; pd run --name oom --network none --memory 16m busy tail /dev/zero || s=$?
is $s 137 # Debian 12's conmon does not see it in time, whatever the runtime: podman's OOMKilled stays false
echo word | pd secret create word - >/dev/null
is "$(pd run --rm --network none --secret word --read-only --init busy cat /run/secrets/word)" word
pd run --rm --network none --cgroups disabled busy true
pd pod create --name pod --network none --infra-image busy --infra-command "/bin/sleep 1000" >/dev/null
pd run -d --pod pod --name inpod busy sleep 1000 >/dev/null
is "$(pd ps --filter pod=pod --format x | wc -l)" 2
pd pod stop -t 1 pod >/dev/null
pd run -d --name sick --network none --health-cmd "cat /healthy" --health-interval disable busy sleep 1000 >/dev/null
! pd healthcheck run sick >/dev/null || bad "healthy without a file"
pd exec sick sh -c "echo >/healthy"
pd healthcheck run sick >/dev/null
pd stop -t 1 p1 >/dev/null
is "$(pd inspect -f "{{.State.ExitCode}}" p1)" 137
S
)
E
}

@test "podman, as an ordinary user: limits by his systemd, keep-id, exec, pause, split cgroups; buildah" {
	guest --user user <<E
$IMAGE
$(cat <<'S'
sed "s#/usr/local/libexec/ctr/ctr#/src/build/ctr#" /src/contrib/engines/containers.conf >$D/containers.conf
export CONTAINERS_CONF=$D/containers.conf
pd() { podman --root $D/root --runroot $D/run --storage-driver vfs --runtime ctr "$@"; }
trap 'pd rm -f -t 0 --all >/dev/null 2>&1; pd rmi -fa >/dev/null 2>&1; for _ in 1 2 3 4 5 6; do podman unshare rm -rf $D && break; sleep 1; done' EXIT
tar -C $D/r -c . | pd import - busy >/dev/null 2>&1
is "$(pd run --rm --network none --userns keep-id busy id -u)" 1000
pd run -d --name a --network none --memory 48m busy sleep 1000 >/dev/null
is "$(cat /sys/fs/cgroup$(cut -d: -f3 /proc/$(pd inspect -f "{{.State.Pid}}" a)/cgroup)/memory.max)" 50331648
is "$(pd exec a echo in)" in
pd pause a >/dev/null
is "$(pd inspect -f "{{.State.Status}}" a)" paused
pd unpause a >/dev/null
pd rm -f -t 0 a >/dev/null
pd run --rm --network none --cgroups split busy true
printf "FROM busy\nRUN echo built >/built\nCMD cat /built\n" >$D/Containerfile
pd build -q --network none --runtime /src/build/ctr -t built $D >/dev/null
is "$(pd run --rm --network none built)" built
S
)
E
}

@test "containerd: its own client and the CRI plugin; pause, exec, checkpoint, restore, the systemd driver" {
	guest <<E
$IMAGE
$(cat <<'S'
client() { /usr/bin/ctr "$@" </dev/null; }
R="--runc-binary /src/build/ctr --snapshotter native"
trap 'for t in $(client t ls -q); do client t kill -s KILL $t; done; sleep 1; client c rm $(client c ls -q) || :; systemctl stop containerd; wipe $D' EXIT
mkdir -p /etc/containerd
sed "s#/usr/local/libexec/ctr/ctr#/src/build/ctr#" /src/contrib/engines/containerd.toml >/etc/containerd/config.toml
systemctl start containerd
cri() { client plugins ls | grep -q "cri .*ok"; }
eventually cri
pd() { podman --root $D/root --runroot $D/run --storage-driver vfs "$@"; }
tar -C $D/r -c . | pd import - busy >/dev/null 2>&1
pd save -q --format oci-archive -o $D/oci.tar busy >/dev/null 2>&1
client images import --index-name busy $D/oci.tar >/dev/null
is "$(client run --rm $R busy x1 echo hello)" hello
s=0; client run --rm $R busy x2 sh -c "exit 5" || s=$?
is $s 5
client run -d $R busy x3 sh -c "i=0; while :; do i=\$((i+1)); echo \$i >/n; sleep 0.1; done"
state() { client t ls | awk -v t=$1 "\$1 == t { print \$3 }"; }
s=0; client t exec --exec-id e1 x3 sh -c "exit 4" || s=$?
is $s 4
client t pause x3
is "$(state x3)" PAUSED
client t resume x3
[ "$(client t ps x3 | wc -l)" -ge 2 ] || bad "ps shows nothing"
client t metrics x3 | grep -q memory.usage || client t metrics x3 | grep -q pids.current || bad "no metrics"
client c checkpoint --rw --task x3 cp >/dev/null
client t kill -s KILL x3
stopped() { [ "$(state x3)" = STOPPED ] || [ -z "$(state x3)" ]; }
eventually stopped
client c rm x3
client c restore --live x3 cp
is "$(state x3)" RUNNING
client run -d $R --runc-systemd-cgroup --cgroup system.slice:ctr:x4 --memory-limit 33554432 busy x4 sleep 1000
is "$(cat /sys/fs/cgroup/system.slice/ctr-x4.scope/memory.max)" 33554432
S
)
E
}

@test "docker: limits, update, the end for lack of memory, restart policy, checkpoint, a build, a swarm service" {
	guest <<E
$IMAGE
$(cat <<'S'
trap 'docker swarm leave --force >/dev/null 2>&1; docker rm -f $(docker ps -aq) >/dev/null 2>&1; systemctl stop docker docker.socket containerd; wipe $D' EXIT
mkdir -p /usr/local/libexec/ctr /etc/docker
ln -sf /src/build/ctr* /usr/local/libexec/ctr/
jq ". + {bridge: \"none\", iptables: false, ip6tables: false, \"storage-driver\": \"vfs\", experimental: true}" \
	/src/contrib/engines/daemon.json >/etc/docker/daemon.json
systemctl start docker
is "$(docker info --format "{{.DefaultRuntime}} {{.CgroupDriver}} {{.CgroupVersion}}")" "ctr systemd 2"
docker rm -f $(docker ps -aq) >/dev/null 2>&1 || :
tar -C $D/r -c . | docker import - busy >/dev/null
U="--network none"
docker run -d --name d1 $U --memory 64m --cpus 0.5 --pids-limit 40 busy sleep 1000 >/dev/null
C=/sys/fs/cgroup$(cut -d: -f3 /proc/$(docker inspect -f "{{.State.Pid}}" d1)/cgroup)
is "$(cat $C/memory.max) $(cat $C/pids.max) $(cat $C/cpu.max)" "67108864 40 50000 100000"
docker update --memory 96m --memory-swap 96m d1 >/dev/null
is "$(cat $C/memory.max)" 100663296
docker stats --no-stream --format "{{.MemUsage}}" d1 | grep -q "96MiB" || bad "no statistics"
s=0; docker run --name oom $U --memory 16m busy sh -c "tail /dev/zero; sleep 1; exit 3" || s=$?
is $s 3
killed() { [ "$(docker inspect -f "{{.State.OOMKilled}}" oom)" = true ]; }
eventually killed
docker run -d --name again $U --restart on-failure:2 busy sh -c "exit 3" >/dev/null
restarted() { [ "$(docker inspect -f "{{.RestartCount}} {{.State.Status}}" again)" = "2 exited" ]; }
eventually restarted
docker checkpoint create d1 cp >/dev/null
exited() { [ "$(docker inspect -f "{{.State.Status}}" d1)" = exited ]; }
eventually exited
docker start --checkpoint cp d1
is "$(docker inspect -f "{{.State.Status}}" d1)" running
printf "FROM busy\nRUN echo built >/built\nCMD cat /built\n" >$D/Dockerfile
DOCKER_BUILDKIT=0 docker build --network none -q -t built $D >/dev/null
is "$(docker run --rm $U built)" built
printf "FROM busy\nRUN echo by BuildKit >/built\nCMD cat /built\n" >$D/Dockerfile
mount --bind /src/build/ctr /usr/sbin/runc # the BuildKit in this dockerd knows no other name
trap 'umount /usr/sbin/runc; docker swarm leave --force >/dev/null 2>&1; docker rm -f $(docker ps -aq) >/dev/null 2>&1; systemctl stop docker docker.socket containerd; wipe $D' EXIT
DOCKER_BUILDKIT=1 docker build --network none -q -t kit $D >/dev/null
is "$(docker run --rm $U kit)" "by BuildKit"
docker swarm init --advertise-addr 127.0.0.1 >/dev/null
docker service create -d --name svc --network host busy sleep 1000 >/dev/null 2>&1
serves() { docker service ps svc --format "{{.CurrentState}}" | grep -q ^Running; }
eventually serves
docker service rm svc >/dev/null
S
)
E
}

@test "conmon, as CRI-O calls it: create, start, an exec with its status, exit file, delete" {
	guest <<'E'
trap 'ctr --root $D/s delete --force cri >/dev/null 2>&1; wipe $D' EXIT
bundle '.process.args = ["sh", "-c", "echo out; trap \"exit 9\" TERM; while :; do sleep 0.1; done"] | .linux.cgroupsPath = "system.slice:crio:cri"'
mkdir $D/exits $D/persist $D/sock
C="-s -c cri -n cri -u cri -r /src/build/ctr -b $D/b --runtime-arg --root=$D/s --socket-dir-path $D/sock --log-level info"
mkfifo $D/sync; exec 7<>$D/sync
# An exec has no exit file of its own: it would take the place of the container's.
_OCI_SYNCPIPE=7 conmon $C --exit-dir $D/exits --persist-dir $D/persist -p $D/pid -P $D/conmon.pid -l k8s-file:$D/log </dev/null >$D/said 2>&1
read -t 20 line <&7
is "$(echo "$line" | jq .pid)" "$(cat $D/pid)"
is "$(ctr --root $D/s state cri | jq -r .status)" created
ctr --root $D/s --systemd-cgroup start cri
logged() { grep -q "stdout F out" $D/log; }
eventually logged
jq '.process | .args = ["sh", "-c", "echo in exec; exit 6"]' $D/b/config.json >$D/process.json
_OCI_SYNCPIPE=7 conmon $C -p $D/epid -l k8s-file:$D/elog -e --exec-process-spec $D/process.json </dev/null >>$D/said 2>&1 &
ended() { read -t 0.1 line <&7 && echo "$line" | jq -e '.exit_code == 6' >/dev/null; }
eventually ended
grep -q "stdout F in exec" $D/elog || bad "no output of exec"
ctr --root $D/s kill cri TERM
left() { [ -s $D/exits/cri ]; }
eventually left
is "$(cat $D/exits/cri)" 9
ctr --root $D/s delete cri
s=0; ctr --root $D/s delete cri 2>$D/err || s=$?
is $s 1
grep -q "does not exist" $D/err || bad "$(cat $D/err)"
E
}

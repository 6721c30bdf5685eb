#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The process section: identity, capabilities, limits, scheduling, names, working directory.

load helpers

setup()
{
	test_setup
	new_bundle
}

# The value of a line of /proc/self/status in the container.
status_line()
{
	set_sh "grep ^$1: /proc/self/status | cut -f2-"
	run_container
	assert_success
}

@test "uid, gid and groups are exactly the configured ones" {
	update_config '.process.user={uid:1000,gid:1001,additionalGids:[5,20,4000000000]}'
	set_sh 'grep -E "^(Uid|Gid|Groups):" /proc/self/status | tr "\t" " "'
	run_container
	assert_output "Uid: 1000 1000 1000 1000
Gid: 1001 1001 1001 1001
Groups: 5 20 4000000000 "
}

@test "without additionalGids there are no groups" {
	status_line Groups
	[ -z "${output// /}" ] || fail "groups"
}

@test "the umask is the caller's when unset, and what is asked for when set" {
	set_sh umask
	umask 0027
	run_container
	assert_output 0027
	update_config '.process.user.umask=63'
	run_container
	assert_output 0077
	update_config '.process.user.umask=0'
	run_container
	assert_output 0000
	umask 0022
}

@test "capability sets are the configured ones" {
	update_config '.process.capabilities={bounding:["CAP_CHOWN","CAP_KILL","CAP_NET_RAW"],permitted:["CAP_CHOWN","CAP_KILL"],
		effective:["CAP_CHOWN"],inheritable:["CAP_KILL"],ambient:["CAP_KILL"]} | .process.noNewPrivileges=false
		| .process.user={uid:1000,gid:1000}'
	set_sh 'grep ^Cap /proc/self/status'
	run_container
	assert_success
	# The exec of an ordinary user's program leaves what is ambient.
	assert_output_matches 'CapInh:.0000000000000020'
	assert_output_matches 'CapPrm:.0000000000000020'
	assert_output_matches 'CapEff:.0000000000000020'
	assert_output_matches 'CapBnd:.0000000000002021'
	assert_output_matches 'CapAmb:.0000000000000020'
}

@test "capabilities of root after exec are within the bounding set" {
	update_config '.process.capabilities={bounding:["CAP_CHOWN"],permitted:["CAP_CHOWN"],effective:["CAP_CHOWN"]}'
	set_sh 'grep ^Cap /proc/self/status'
	run_container
	assert_output_matches 'CapEff:.0000000000000001'
	assert_output_matches 'CapBnd:.0000000000000001'
	update_config 'del(.process.capabilities)'
	run_container
	assert_output_matches 'CapEff:.0000000000000000'
	assert_output_matches 'CapBnd:.0000000000000000'
}

@test "unknown capabilities are a warning" {
	only_ctr
	update_config '.process.capabilities.bounding+=["CAP_SOMETHING_NEW","NONSENSE"]'
	set_args echo fine
	run_container
	assert_success
	assert_output_has fine
	# A name cannot make a line of its own in the log.
	update_config '.process.capabilities.bounding+=["X\nerror: made up"]'
	run ctr --log "$T/log" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	! grep -q "^error: made up" "$T/log" || fail "a line of its own"
}

@test "rlimits" {
	update_config '.process.rlimits=[{type:"RLIMIT_NOFILE",soft:100,hard:200},{type:"RLIMIT_CORE",soft:0,hard:18446744073709551615},
		{type:"RLIMIT_STACK",soft:1048576,hard:2097152},{type:"RLIMIT_NPROC",soft:50,hard:50}]'
	set_sh 'cat /proc/self/limits | tr -s " "'
	sed -i 's/1844674407370955[0-9]*/18446744073709551615/' "$BUNDLE/config.json" # jq counts in doubles
	run_container
	assert_success
	assert_output_has "Max open files 100 200"
	assert_output_has "Max core file size 0 unlimited"
	assert_output_has "Max stack size 1048576 2097152"
	assert_output_has "Max processes 50 50"
}

@test "every rlimit type is known" {
	for t in AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK; do
		v=1000000000
		case $t in # what an unprivileged caller may have, too
		NOFILE | SIGPENDING | NPROC) v=500 ;;
		MEMLOCK | MSGQUEUE) v=65536 ;;
		NICE | RTPRIO) v=0 ;;
		esac
		update_config '.process.rlimits=[{type:$t,soft:$v,hard:$v}]' --arg t "RLIMIT_$t" --argjson v $v
		run_container
		assert_success
	done
}

@test "no_new_privs is set when asked for, and only then" {
	status_line NoNewPrivs
	assert_output 1
	update_config '.process.noNewPrivileges=false'
	status_line NoNewPrivs
	assert_output 0
	update_config 'del(.process.noNewPrivileges)'
	status_line NoNewPrivs
	assert_output 0
}

@test "oomScoreAdj is set when given and untouched when not" {
	set_args cat /proc/self/oom_score_adj
	run_container
	assert_output "$(cat /proc/self/oom_score_adj)"
	update_config '.process.oomScoreAdj=321'
	run_container
	assert_output 321
	update_config '.process.oomScoreAdj=1000'
	run_container
	assert_output 1000
}

@test "the environment is exactly the configured one" {
	update_config '.process.env=["A=1","B=two words","HOME=/x","EMPTY="]'
	set_args /bin/env
	SECRET=host run_container
	assert_success
	[ "$(grep -v -e ^SHLVL -e ^PWD -e '^_=' <<<"$output" | sort)" = "A=1
B=two words
EMPTY=
HOME=/x" ] || fail environment
}

@test "HOME comes from the container's passwd" {
	update_config '.process.user={uid:1000,gid:1000}'
	set_sh 'echo $HOME'
	run_container
	assert_output /home/user
}

@test "arguments go to the program as they are" {
	set_args printf '[%s]' a '' 'b c' '$d' $'new\nline' 'ünï'
	run_container
	assert_output "[a][][b c][\$d][new
line][ünï]"
}

@test "sysctls of the container's namespaces" {
	update_config '.linux.sysctl={"net.ipv4.ip_forward":"1","kernel.msgmax":"65000","net/ipv4/conf/lo/forwarding":"1",
		"fs.mqueue.msg_max":"77"}'
	set_sh 'cd /proc/sys; cat net/ipv4/ip_forward kernel/msgmax net/ipv4/conf/lo/forwarding fs/mqueue/msg_max'
	before=$(cat /proc/sys/kernel/msgmax)
	run_container
	assert_output "1
65000
1
77"
	assert_equal "$(cat /proc/sys/kernel/msgmax)" "$before"
}

@test "sysctls that are not the container's own are refused" {
	for key in kernel.pid_max vm.swappiness kernel.hostname fs.file-max net/../kernel/pid_max kernel.shm_rmid_forced/../pid_max '' . net..ipv4 /net; do
		update_config '.linux.sysctl={($k):"1"}' --arg k "$key"
		run_container
		assert_failure
	done
	update_config '.linux.sysctl={"net.ipv4.ip_forward":"1"} | .linux.namespaces |= map(select(.type != "network"))'
	run_container
	assert_failure
	assert_output_has net.ipv4.ip_forward
}

@test "hostname and domainname" {
	update_config '.hostname="box" | .domainname="example.org"'
	set_sh 'hostname; cat /proc/sys/kernel/domainname'
	host=$(cat /proc/sys/kernel/hostname)
	run_container
	assert_output "box
example.org"
	assert_equal "$(cat /proc/sys/kernel/hostname)" "$host"
	update_config '.linux.namespaces |= map(select(.type != "uts"))'
	run_container
	assert_failure
	assert_equal "$(cat /proc/sys/kernel/hostname)" "$host"
}

@test "a hostname that is too long is an error" {
	update_config '.hostname=("a"*65)'
	run_container
	assert_failure
	assert_output_has hostname
}

@test "personality" {
	[ "$(uname -m)" = x86_64 ] || skip "needs x86_64"
	update_config '.linux.personality={domain:"LINUX32"}'
	set_args uname -m
	run_container
	assert_output i686
	update_config '.linux.personality={domain:"LINUX"}'
	run_container
	assert_output x86_64
}

# Field N of /proc/self/stat, counted as in proc(5).
stat_field() { set_sh "sed 's/.*) //' /proc/self/stat | cut -d' ' -f$(($1 - 2))"; }

@test "scheduler: policies and nice" {
	update_config '.process.scheduler={policy:"SCHED_BATCH",nice:5}'
	stat_field 41
	run_container
	assert_output 3
	stat_field 19
	run_container
	assert_output 5
	update_config '.process.scheduler={policy:"SCHED_FIFO",priority:10}'
	stat_field 40
	run_container
	case $output in *"set process.scheduler"*) skip "no real-time scheduling here" ;; esac
	assert_output 10
	for bad in '{policy:"SCHED_OTHER",priority:1}' '{policy:"SCHED_FIFO",priority:100}' '{policy:"SCHED_OTHER",nice:20}' \
		'{policy:"SCHED_ISO"}' '{policy:"SCHED_OTHER",flags:["SCHED_FLAG_X"]}' '{policy:"SCHED_RR",nice:1,priority:1}'; do
		update_config ".process.scheduler=$bad"
		run_container
		assert_failure
		assert_output_has process.scheduler
	done
}

@test "ioPriority" {
	needs python3
	update_config '.process.ioPriority={class:"IOPRIO_CLASS_BE",priority:6}'
	set_sleep
	start_container
	got=$(python3 -c "import ctypes; print(ctypes.CDLL(None).syscall(252, 1, $(pid_of "$ID")))")
	[ "$(uname -m)" != x86_64 ] || assert_equal "$got" $((2 << 13 | 6))
	ctr delete --force "$ID"
	for bad in '{class:"IOPRIO_CLASS_BE",priority:8}' '{class:"IOPRIO_CLASS_BE",priority:-1}' '{class:"X",priority:1}'; do
		update_config ".process.ioPriority=$bad"
		run_container
		assert_failure
		assert_output_has process.ioPriority
	done
}

@test "cwd: made when missing, errors name it" {
	set_args pwd
	update_config '.process.cwd="/tmp"'
	run_container
	assert_output /tmp
	update_config '.process.cwd="/made/here" | .root.readonly=false'
	run_container
	assert_output /made/here
	touch "$BUNDLE/rootfs/afile"
	update_config '.process.cwd="/afile"'
	run_container
	assert_failure
	assert_output_has process.cwd
}

@test "cwd that only the user may enter" {
	mkdir "$BUNDLE/rootfs/private"
	chmod 700 "$BUNDLE/rootfs/private"
	chown 1000:1000 "$BUNDLE/rootfs/private"
	update_config '.process.cwd="/private" | .process.user={uid:1000,gid:1000}'
	set_args pwd
	run_container
	assert_output /private
	chown 0:0 "$BUNDLE/rootfs/private"
	update_config '.process.user={uid:1000,gid:1000} | .process.capabilities={}'
	set_sh 'ls .'
	run_container
	assert_failure
}

@test "cwd through a leaked descriptor stays inside (CVE-2024-21626)" {
	for fd in $(seq 0 40); do
		update_config '.process.cwd=$c' --arg c "/proc/self/fd/$fd"
		set_sh 'pwd; ls ../../../../etc/hostname.host'
		run ctr run -b "$BUNDLE" "$ID" 3>&- 9<"$TOP" 10<"/"
		[ "$status" -ne 0 ] || fail "fd $fd was entered"
		assert_missing "$ROOT/$ID"
	done
	mkdir -p "$BUNDLE/rootfs/x"
	ln -s /proc/self/fd/9 "$BUNDLE/rootfs/x/link"
	update_config '.process.cwd="/x/link"'
	run ctr run -b "$BUNDLE" "$ID" 3>&- 9<"$TOP"
	assert_failure
	# exec has the same rule.
	update_config '.process.cwd="/"'
	set_sleep
	start_container
	for fd in $(seq 3 30); do
		run ctr exec --cwd "/proc/self/fd/$fd" "$ID" pwd 3>&- 9<"$TOP" 10<"/"
		[ "$status" -ne 0 ] || fail "fd $fd was entered by exec"
	done
}

@test "descriptors 0 to 2 as the program's own, closed ones included" {
	set_sh 'readlink /proc/self/fd/0 >/tmp/x 2>&1; ls /proc/self/fd | wc -l'
	run ctr run -b "$BUNDLE" "$ID" 3>&- </dev/null
	assert_success
	update_config '.root.readonly=false'
	set_args true
	run bash -c '"$0" --root "$1" run -b "$2" "$3" <&- >&- 2>&-' "$RUNTIME" "$ROOT" "$BUNDLE" "$ID"
	assert_success
}

@test "the exit status is the program's, or 128 and the signal" {
	for n in 0 1 42 255; do
		set_sh "exit $n"
		run_container
		assert_status $n
	done
	set_sh 'kill -9 $$; sleep 1; exit 7'
	run_container --init
	assert_status 137
}

@test "signals are as a program expects them" {
	set_sh 'grep -E "^Sig(Blk|Ign):" /proc/self/status | tr -d "\t"'
	# Two of the signals that C libraries keep for themselves, by the system call (13, x86-64: 1 is SIG_IGN).
	reserved=
	[ "$(uname -m)" != x86_64 ] || reserved='my $a = pack("Q4", 1, 0x4000000, 0, 0); syscall(13, $_, $a, 0, 8) for 32, 33;'
	run bash -c 'trap "" PIPE HUP USR1; exec "$@"' x perl -e "$reserved"' exec @ARGV' "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_output "SigBlk:0000000000000000
SigIgn:0000000000000000"
}

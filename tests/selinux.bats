#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# SELinux on a kernel that enforces it: a guest of tests/vm, booted with SELinux in place of AppArmor, and a policy of
# a few lines: "host" may do everything, "box" everything but read a file that is labelled "secret".
#
# CTR_TEST_VM=0 skips all of it.

bats_require_minimum_version 1.5.0

VM=$BATS_TEST_DIRNAME/vm

# The kernel's initial identifiers all are "host"; what the policy does not define is allowed.
policy()
{
	local sids="kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet
		icmp_socket tcp_socket sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm
		sysctl_dev kmod policy scmp_packet devnull" name
	cat <<-'P'
	(handleunknown allow)
	(mls false)
	(policycap open_perms)
	(policycap nnp_nosuid_transition)
	(class process (fork transition dyntransition sigchld setexec setkeycreate))
	(class file (read open execute entrypoint))
	(class dir (rmdir))
	(classorder (process file dir))
	(sensitivity s0)
	(sensitivityorder (s0))
	(category c0)
	(categoryorder (c0))
	(sensitivitycategory s0 (c0))
	(level low (s0))
	(levelrange range (low low))
	(user u)
	(role r)
	(userrole u r)
	(userlevel u low)
	(userrange u range)
	(typeattribute any)
	(typeattributeset any (host box secret))
	(allow host host (process (fork transition dyntransition sigchld setexec setkeycreate)))
	(allow host box (process (transition dyntransition sigchld)))
	(allow box host (process (sigchld)))
	(allow box box (process (fork sigchld setexec setkeycreate)))
	(allow any any (dir (rmdir)))
	(allow host any (file (read open execute entrypoint)))
	(allow box host (file (read open execute entrypoint)))
	(allow box box (file (read open execute entrypoint)))
	P
	for name in host box secret; do echo "(type $name) (roletype r $name)"; done
	for name in $sids; do echo "(sid $name) (sidcontext $name (u r host range))"; done
	echo "(sidorder (${sids//[$'\n\t']/ }))"
	echo '(fsuse xattr ext4 (u r host range))'
	for name in tmpfs mqueue devpts; do echo "(fsuse trans $name (u r host range))"; done
}

setup_file()
{
	local why
	export CTR_TEST_VM_APPEND="security=selinux selinux=1 enforcing=0" CTR_TEST_VM_RUN
	CTR_TEST_VM_RUN=/tmp/ctr-selinux-$(id -u)-$(printf %s "$BATS_TEST_DIRNAME" | cksum | cut -d' ' -f1)
	if [ "${CTR_TEST_VM:-1}" = 0 ]; then
		why="CTR_TEST_VM=0"
	elif ! command -v secilc >/dev/null; then
		why="needs secilc (package secilc)"
	elif ! why=$("$VM" doctor); then
		:
	else
		why=
		policy >"$BATS_FILE_TMPDIR/policy.cil"
		secilc -c 33 -o "$BATS_FILE_TMPDIR/policy" -f /dev/null "$BATS_FILE_TMPDIR/policy.cil"
		"$VM" run sh -ec 'cat >/tmp/policy; cat /tmp/policy >/sys/fs/selinux/load; echo 1 >/sys/fs/selinux/enforce
			rm -rf /t; mkdir /t; cp -r /src/tests/bundle /t/; RUNTIME=/src/build/ctr sh /src/tests/bundle /t/b' \
			<"$BATS_FILE_TMPDIR/policy"
	fi
	export VM_SKIP=$why
}

teardown_file()
{
	[ -n "$VM_SKIP" ] || "$VM" stop
}

setup()
{
	[ -z "$VM_SKIP" ] || skip "$VM_SKIP"
}

# guest <<script: runs it with `set -e` and PATH with the programs. bundle FILTER sets the bundle /t/b up.
guest()
{
	local script
	script=$(cat)
	run --separate-stderr "$VM" run --time 120 bash --norc -euc 'PATH=/src/build:$PATH; cd /t
	[ -e plain ] || cp b/config.json plain
	bundle() { jq ".process.terminal = false | $1" plain >b/config.json; }
	trap "ctr delete --force se 2>/dev/null || :" EXIT
	'"$script"
	echo "$output"
	echo "$stderr"
}

SECRET='.linux.mountLabel = "u:r:secret" | .mounts += [{destination: "/s", type: "tmpfs", source: "tmpfs"}]'

@test "selinux: the label is the program's, with no_new_privs and without, and exec's" {
	guest <<'E'
for nnp in true false; do
	bundle ".process.selinuxLabel = \"u:r:box\" | .process.noNewPrivileges = $nnp | .process.args = [\"cat\", \"/proc/self/attr/current\"]"
	echo "$nnp $(ctr run --bundle b se </dev/null | tr -d '\0')"
done
bundle '.process.selinuxLabel = "u:r:box" | .process.args = ["sleep", "1000"]'
ctr run -d --bundle b se </dev/null >/dev/null 2>&1
echo "exec $(ctr exec se cat /proc/self/attr/current | tr -d '\0')"
echo "own $(ctr exec --process-label u:r:host se cat /proc/self/attr/current | tr -d '\0')"
E
	[ "$status" = 0 ]
	[ "${lines[*]}" = "true u:r:box false u:r:box exec u:r:box own u:r:host" ]
}

@test "selinux: what mountLabel makes secret cannot be read by the program, and mqueue has the label too" {
	guest <<E
bundle '.process.selinuxLabel = "u:r:box" | $SECRET | .process.args = ["sh", "-c", "echo text >/s/file || echo no >&2"]'
ctr run --bundle b se </dev/null
bundle '.process.selinuxLabel = "u:r:host" | $SECRET | .process.args = ["sleep", "1000"]'
ctr run -d --bundle b se </dev/null >/dev/null 2>&1
pid=\$(ctr state se | jq .pid)
echo text >/proc/\$pid/root/s/file
for path in s/file dev/mqueue dev/shm dev/pts; do echo "\$path \$(stat -c %C /proc/\$pid/root/\$path)"; done
ctr exec --process-label u:r:box se cat /s/file && exit 1
ctr exec --process-label u:r:host se cat /s/file
E
	[ "$status" = 0 ]
	[ "${lines[*]}" = "s/file u:r:secret dev/mqueue u:r:secret dev/shm u:r:secret dev/pts u:r:secret text" ]
	[[ "$stderr" = *"can't create /s/file: Permission denied"*"can't open '/s/file': Permission denied"* ]]
}

@test "selinux: a label that the policy does not know ends the start" {
	guest <<'E'
bundle '.process.selinuxLabel = "u:r:nobody" | .process.args = ["true"]'
s=0; ctr run --bundle b se </dev/null || s=$?
echo "status $s"
ctr state se 2>/dev/null || echo "gone"
bundle '.linux.mountLabel = "u:r:nobody" | .process.args = ["true"]'
ctr run --bundle b se </dev/null || echo "status $?"
E
	[ "${lines[*]}" = "status 1 gone status 1" ]
	[ "${stderr_lines[0]}" = "ctr: label the session keyring u:r:nobody: invalid argument" ]
	[[ "${stderr_lines[1]}" = "ctr: mount tmpfs at /dev: context: "* ]]
}

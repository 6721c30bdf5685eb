#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# On the kernel of Debian's unstable: what ctr does there in another way than on older ones (a mount namespace of the root
# alone), and the ordinary tests of that. In a guest of its own (tests/vm).

bats_require_minimum_version 1.5.0

export CTR_TEST_VM_KERNEL=${CTR_TEST_VM_KERNEL:-sid}
load lib/guest

# As guest, in a mount namespace of its own, whose mounts are shared.
apart()
{
	guest unshare -m --propagation shared <<<'trap "rm -rf --one-file-system $D" EXIT
	# What ctr plans: "alone", "copy" of the mounts of the host, or neither.
	plan()
	{
		local a=0 c=0
		ctr run --dry-run "$@" -b $D/b x >$D/plan
		! grep -q "\"step\": \"root\".*\"alone\"" $D/plan || a=1
		! grep -q "\"clone\": .*\"mount\"" $D/plan || c=1
		case $a$c in 10) echo alone ;; 01) echo copy ;; *) echo "neither ($a$c)" ;; esac
	}
	'"$(cat)"
}

@test "a mount namespace of the root alone is planned, unless the plan needs the host's mounts" {
	apart <<'E'
is "$(bundle .; plan)" alone
says() { ctr --debug run "$@" -b $D/b c </dev/null >$D/said 2>&1; grep -c '^ctr: debug: namespaces:.* the mount namespace is of the root alone' $D/said; }
is "$(says)" 1
is "$(says --no-pivot)" 0
is "$(plan --no-pivot)" copy
is "$(plan --overlay tmpfs)" copy
m() { bundle ".mounts += [{destination: \"/m\"} + $1]"; plan; }
is "$(m '{type: "bind", source: "/usr", options: ["rbind", "rshared"]}')" alone
is "$(m '{type: "bind", source: "/usr", options: ["bind", "copy-symlink"]}')" copy
is "$(m '{type: "ext4", source: "/dev/vda"}')" copy
is "$(m '{type: "tmpfs", source: "t", options: ["iversion"]}')" copy
for h in prestart createRuntime createContainer; do is "$h $(bundle ".hooks.$h = [{path: \"/bin/true\"}]"; plan)" "$h copy"; done
for h in startContainer poststart poststop; do is "$h $(bundle ".hooks.$h = [{path: \"/bin/true\"}]"; plan)" "$h alone"; done
E
}

# Up to the numbers of mounts, peer groups and devices, which are different in any two runs.
@test "mountinfo is the same in both ways, for every propagation" {
	apart <<'E'
mkdir -p $D/on
mount -t tmpfs on $D/on
mkdir $D/on/src $D/on/private
mount -t tmpfs below $D/on/src
mount -t tmpfs private $D/on/private
mount --make-private $D/on/private
bundle .
mkdir -p $D/b/rootfs/in
mount -t tmpfs in $D/b/rootfs/in
trap "umount -l $D/b/rootfs/in $D/on; rm -rf --one-file-system $D" EXIT
show() { ctr run -b $D/b c </dev/null | awk '{ $1 = $2 = $3 = ""; gsub(/(shared|master|propagate_from):[0-9]+/, "&N"); gsub(/:[0-9]+N/, ":N"); print }' | sort; }
for how in '' private rprivate slave rslave shared rshared unbindable runbindable; do
	f='.process.args = ["cat", "/proc/self/mountinfo"] | .root.readonly = false'
	[ -z "$how" ] || f="$f | .linux.rootfsPropagation = \"$how\""
	for o in bind rbind bind,private rbind,rslave rbind,rshared bind,shared rbind,ro rbind,rro; do
		f="$f | .mounts += [{destination: \"/out/$o\", type: \"bind\", source: \"$D/on\", options: (\"$o\" | split(\",\"))}]"
	done
	f="$f | .mounts += [{destination: \"/out/p\", type: \"bind\", source: \"$D/on/private\", options: [\"bind\"]}]"
	bundle "$f"
	is "$how $(plan)" "$how alone"
	show >$D/alone
	bundle "$f | .hooks.createRuntime = [{path: \"/bin/true\"}]"
	is "$how $(plan)" "$how copy"
	show >$D/copy
	[ "$(wc -l <$D/copy)" -gt 30 ] || bad "$how: $(cat $D/copy)"
	diff $D/copy $D/alone || bad "$how: they differ"
done
E
}

@test "what the host mounts later arrives where it was asked for, and nothing goes back" {
	apart <<'E'
mkdir -p $D/on
mount -t tmpfs on $D/on
trap "umount -l $D/on; rm -rf --one-file-system $D" EXIT
mkdir $D/on/a $D/on/b
bundle '.process.args = ["sh", "-c", "mount -t tmpfs inside /w/b && mount -t tmpfs inside /p/b && echo mounted; read x; cat /proc/self/mountinfo"]
	| .root.readonly = false | .process.capabilities |= with_entries(.value += ["CAP_SYS_ADMIN"])
	| .mounts += [{destination: "/w", type: "bind", source: "'$D/on'", options: ["rbind", "rslave"]},
		{destination: "/p", type: "bind", source: "'$D/on'", options: ["rbind", "rprivate"]}]'
is "$(plan)" alone
mkfifo $D/in
ctr run -b $D/b c <$D/in >$D/out &
exec 3>$D/in
for _ in $(seq 200); do [ ! -s $D/out ] || break; sleep 0.1; done
is "$(cat $D/out)" mounted
mount -t tmpfs outside $D/on/a
! grep inside /proc/self/mountinfo || bad "the container's mounts are the host's"
echo >&3
wait
grep -q ' /w/a .* outside ' $D/out || bad "did not arrive: $(cat $D/out)"
! grep -q ' /p/a .* outside ' $D/out || bad "arrived in what is private: $(cat $D/out)"
E
}

@test "the host's mounts are the same afterwards, also when a start fails" {
	apart <<'E'
cp /proc/self/mountinfo $D/before
fails() { is "$(plan)" alone; ! ctr run -b $D/b c </dev/null >$D/out 2>&1 || bad "started: $1"; grep -q "$1" $D/out || bad "$(cat $D/out)"; }
bundle .
ctr run -b $D/b c </dev/null
bundle '.process.args = ["/nothing"]'; fails 'no such file'
bundle '.mounts += [{destination: "/m", type: "bind", source: "/nothing", options: ["bind"]}]'; fails 'mount source /nothing: missing'
bundle '.mounts += [{destination: "/proc/sys", type: "tmpfs", source: "t"}]'; fails 'is inside proc'
mkdir $D/unbindable
mount -t tmpfs u $D/unbindable
mount --make-unbindable $D/unbindable
trap "umount -l $D/unbindable; rm -rf --one-file-system $D" EXIT
cp /proc/self/mountinfo $D/before
bundle '.mounts += [{destination: "/m", type: "bind", source: "'$D/unbindable'", options: ["bind"]}]'; fails "mount source $D/unbindable: the host's mount is unbindable"
bundle '.root.path = "'$D/unbindable'"'; fails "root filesystem $D/unbindable: the host's mount is unbindable"
mkdir $D/above $D/above/sub
mount --bind $D/above $D/above
mount -t tmpfs u $D/above/sub
touch $D/above/sub/file
mount --make-unbindable $D/above/sub
trap "umount -l $D/unbindable $D/above; rm -rf --one-file-system $D" EXIT
cp /proc/self/mountinfo $D/before
bundle '.process.args = ["ls", "/m/sub"] | .mounts += [{destination: "/m", type: "bind", source: "'$D/above'", options: ["rbind"]}]'
is "$(plan)" alone
is "$(ctr run -b $D/b c </dev/null)" ""
bundle '.linux.sysctl = {"net.ipv4.no_such_thing": "1"}'; fails 'unknown to this kernel'
diff $D/before /proc/self/mountinfo || bad "mounts stayed"
E
}

# Their bodies unchanged, as root in there; CTR_TEST_VM_FILES="run mounts ...": others, of which some take long.
@test "ordinary tests pass there" {
	for f in ${CTR_TEST_VM_FILES:-lifecycle}; do
		run "$VM" run --time 1500 sh -c "RUNTIME=/src/build/ctr bats --tap tests/$f.bats"
		echo "$output"
		[ "$status" = 0 ]
		[[ $output == *"ok 1"* ]]
	done
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ctr sandbox: what a command sees, what it may write, what it can reach; and what is left afterwards.
# rootless

load helpers

setup()
{
	test_setup
	mkdir -p "$T/home/.ssh" "$T/work"
	echo key >"$T/home/.ssh/id"
	export HOME=$T/home
	cd "$T/work"
}
teardown() { cd /; rmdir "$ROOT/.empty" 2>/dev/null || :; test_teardown; }

sandbox() { "$RUNTIME" --root "$ROOT" sandbox "$@"; }

@test "the current directory is writable, the system is not; the status is the command's; nothing is printed" {
	run sandbox sh -c 'echo x >made; touch /usr/x /etc/x 2>/dev/null; exit 7'
	assert_equal "$status" 7
	assert_output ""
	assert_equal "$(cat made)" x
	[ ! -e /usr/x ] && [ ! -e /etc/x ]
	assert_equal "$(stat -c %u made)" "$(id -u)"
}

@test "home, /run, other processes and the caller's environment are not there" {
	SECRET=1 run sandbox sh -c 'cat "$HOME/.ssh/id" 2>/dev/null; ls /run /root 2>/dev/null; echo "s=$SECRET"
		[ -z "$(ls -A "$HOME")" ] && echo empty; [ ! -e /proc/'$$'/environ ] && echo alone'
	assert_success
	assert_output "s=
empty
alone"
}

@test "no capability, no new privileges, a filter, no network device but the loopback" {
	run sandbox sh -c 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t"
		grep -c : /proc/net/dev; echo 1 2>/dev/null >/proc/sys/kernel/hostname || echo refused'
	assert_success
	for line in CapEff:0000000000000000 CapBnd:0000000000000000 NoNewPrivs:1 Seccomp:2 1 refused; do
		assert_line "$line"
	done
}

@test "named paths: writable, read-only inside a writable one, in memory" {
	mkdir "$T/other" hooks
	run sandbox --rw "$T/other" --ro hooks --tmpfs /scratch --env A=b sh -c \
		'touch '"$T"'/other/f /scratch/g; touch hooks/h 2>/dev/null || echo refused; echo $A'
	assert_success
	assert_output "refused
b"
	[ -e "$T/other/f" ] && [ ! -e hooks/h ]
}

@test "the home as current directory, a missing path, a missing program and a wrong word are errors" {
	run sandbox --ro /nosuch true
	assert_equal "$status" 1
	assert_output_has "--ro /nosuch: missing"
	run sandbox --net bad true
	assert_output_has 'invalid --net "bad"'
	run sandbox nosuch
	assert_equal "$status" 127
	cd "$HOME"
	run sandbox true
	assert_equal "$status" 1
	assert_output_has "holds the home directory"
}

@test "the saved configuration runs as a bundle" {
	mkdir -p "$T/b/rootfs"
	sandbox --save "$T/b/config.json" sh -c 'pwd'
	run "$RUNTIME" --root "$ROOT" run -b "$T/b" --overlay tmpfs saved
	assert_success
	assert_output "$T/work"
}

eventually() { for _ in $(seq 400); do "$@" && return; sleep 0.05; done; echo "never: $*" >&2; return 1; }
# inside: waits until the sandbox has written its file "up".
up() { [ -s "$T/work/up" ]; }
gone() { ! "$RUNTIME" --root "$ROOT" state "$1" >/dev/null 2>&1 || [ "$("$RUNTIME" --root "$ROOT" state "$1" | jq -r .status)" = stopped ]; }

@test "it dies with its ctr, and leaves nothing that the next does not take along" {
	"$RUNTIME" --root "$ROOT" sandbox sh -c 'echo $$ >up; sleep 1000' 3>&- &
	local pid=$! inside
	eventually up
	inside=$("$RUNTIME" --root "$ROOT" state "sandbox-$pid" | jq .pid)
	kill -KILL "$pid"
	wait "$pid" || :
	eventually gone "sandbox-$pid"
	[ ! -d "/proc/$inside/ns" ] || [ "$(cut -d' ' -f3 "/proc/$inside/stat")" = Z ]
	run sandbox true
	assert_success
	assert_output ""
	assert_equal "$(ls -A "$ROOT")" .empty
}

@test "without the supervisor it dies with its ctr too" {
	"$RUNTIME" --root "$ROOT" sandbox --init=false --name alone sh -c 'echo $$ >up; exec sleep 1000' 3>&- &
	local pid=$!
	eventually up
	assert_equal "$(cat up)" 1
	kill -KILL "$pid"
	wait "$pid" || :
	eventually gone alone
	"$RUNTIME" --root "$ROOT" delete alone
}

@test "a named one in the background: exec, kill, delete" {
	run sandbox --detach --name back sh -c 'echo x >up; sleep 1000'
	assert_success
	assert_output ""
	eventually up
	assert_equal "$("$RUNTIME" --root "$ROOT" exec back hostname)" back
	run sandbox --name back true
	assert_equal "$status" 1
	assert_output_has "already exists"
	"$RUNTIME" --root "$ROOT" delete --force back
	run sandbox --detach true
	assert_success
	[[ "$output" = sandbox-* ]]
	eventually gone "$output"
	sandbox true
	assert_equal "$(ls -A "$ROOT")" .empty
}

@test "overlay: changes are kept apart, shown, made or forgotten" {
	needs_overlay
	mkdir sub gone
	echo one >a
	echo two >sub/b
	touch gone/x
	ln -s a link
	sandbox --overlay sh -c 'echo more >>a; rm -r gone; rm -r sub; mkdir sub; echo c >sub/c; printf "#!/bin/sh\n" >new
		chmod 4755 new; ln -sf /etc/passwd link; touch "$(printf "a\nline")"'
	assert_equal "$(cat a sub/b)" "one
two"
	run sandbox diff
	assert_success
	assert_output "M $T/work/a
A $T/work/a\\012line
D $T/work/gone
M $T/work/link
A $T/work/new
D $T/work/sub/b
A $T/work/sub/c"
	run sandbox --overlay cat a
	assert_output "one
more"
	run sandbox apply
	assert_success
	assert_output ""
	assert_equal "$(cat a sub/c; readlink link; stat -c %a new; ls)" "one
more
c
/etc/passwd
755
a
a
line
link
new
sub"
	run sandbox diff
	assert_equal "$status" 1
	assert_output_has "no changes are kept"
	sandbox --overlay rm a
	sandbox discard
	[ -e a ] && [ ! -e "$HOME/.local/state/ctr/layers/"*work* ]
}

# Where the directory of the tests lies on an overlay there can be none on top of it.
needs_overlay()
{
	sandbox --overlay true 2>/dev/null || skip "no overlay on the file system of this directory"
	sandbox discard
}

@test "overlay: a tree too deep to show can be forgotten; a running one holds its layers; words need dashes" {
	needs_overlay
	sandbox --overlay --name n sh -c 'i=0; while [ $i -lt 400 ]; do mkdir x; cd x; i=$((i+1)); done; touch end'
	run sandbox --name n diff
	assert_equal "$status" 1
	assert_output_has "deeper than"
	run sandbox --name n discard
	assert_success
	"$RUNTIME" --root "$ROOT" sandbox --overlay sleep 1000 3>&- &
	local pid=$!
	busy() { ! "$RUNTIME" --root "$ROOT" sandbox diff >/dev/null 2>"$T/said" && grep -q "a running sandbox writes" "$T/said"; }
	eventually busy
	kill -KILL "$pid"
	wait "$pid" || :
	run sandbox diff a b
	assert_equal "$status" 1
	assert_output_has "ctr sandbox -- diff"
	run sandbox -- diff /etc/passwd /etc/passwd
	assert_success
}

# A root with a shell in it, owned by the caller.
make_root()
{
	mkdir -p "$1/bin" "$1/etc" "$1/tmp"
	cp /bin/busybox "$1/bin/"
	for a in sh id cat echo ls touch chown; do ln -s busybox "$1/bin/$a"; done
	echo "root:x:0:0::/root:/bin/sh" >"$1/etc/passwd"
	echo "mine" >"$1/etc/mine"
}

@test "root: a directory, read-only or with changes kept apart, the caller as root in it" {
	make_root "$T/other"
	run sandbox --root "$T/other" sh -c 'cat /etc/mine; touch /etc/new 2>/dev/null || echo refused; echo x >here; id -u'
	assert_success
	assert_output "mine
refused
$(id -u)"
	[ -e here ] && [ ! -e "$T/other/etc/new" ]
	run sandbox --root "$T/other" --user root sh -c 'id -u; echo $HOME'
	assert_success
	assert_output "0
/root"
	needs_overlay
	run sandbox --root "$T/other" --overlay-root --user root sh -c 'touch /etc/new && rm /etc/mine && echo done'
	assert_output done
	[ -e "$T/other/etc/mine" ] && [ ! -e "$T/other/etc/new" ]
	run sandbox diff
	assert_line "A $T/other/etc/new"
	assert_line "D $T/other/etc/mine"
	sandbox apply
	[ ! -e "$T/other/etc/mine" ] && [ -e "$T/other/etc/new" ]
}

@test "root: a bundle gives the command, an image layout is unpacked once" {
	mkdir "$T/bundle"
	make_root "$T/bundle/rootfs"
	(cd "$T/bundle" && "$RUNTIME" spec && jq '.process.args = ["echo", "of the bundle"] | .process.env = ["A=1"]' config.json >c && mv c config.json)
	run sandbox --root "$T/bundle"
	assert_success
	assert_output "of the bundle"
	run sandbox --root "$T/bundle" sh -c 'echo $A'
	assert_output 1
	command -v umoci >/dev/null || skip "umoci is not installed"
	umoci init --layout "$T/layout"
	umoci new --image "$T/layout:one"
	umoci insert --rootless --image "$T/layout:one" "$T/bundle/rootfs" / >/dev/null 2>&1
	umoci config --image "$T/layout:one" --config.cmd echo --config.cmd "of the image" >/dev/null 2>&1
	run sandbox --root "$T/layout:one"
	assert_success
	assert_output "of the image"
	run sandbox --root "$T/layout" sh -c 'cat /etc/mine'
	assert_output mine
	assert_equal "$(ls "$HOME/.cache/ctr/images" | wc -l)" 1
	run sandbox --root "$T/layout:two" true
	assert_equal "$status" 1
	assert_output_has 'no image "two"'
	run sandbox --root "$T/nothing" true
	assert_output_has "--root $T/nothing: missing"
	chmod -R u+rwX "$HOME/.cache"
}

@test "bind, device, user, name of the host, filter from a file" {
	mkdir "$T/other"
	echo there >"$T/other/f"
	run sandbox --bind "$T/other:/srv/data:ro" --device /dev/zero --user 0 sh -c \
		'cat /srv/data/f; touch /srv/data/g 2>/dev/null || echo refused; head -c 3 /dev/zero | od -An -tx1; id -u'
	assert_success
	assert_output "there
refused
 00 00 00
0"
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}' >"$T/filter"
	run sandbox --seccomp "$T/filter" mkdir new
	assert_equal "$status" 1
	assert_output_has "No space left"
	echo '{"defaultAction":"SCMP_ACT_ALLOW"},"x":1' >"$T/filter"
	run sandbox --seccomp "$T/filter" true
	assert_equal "$status" 1
	assert_output_has "$T/filter"
	run sandbox --bind nosuch true
	assert_output_has 'invalid --bind "nosuch"'
	run sandbox --device "$T/other" true
	assert_output_has "must be a path below /dev"
	run sandbox --memory 10x true
	assert_output_has 'invalid --memory "10x"'
}

@test "profiles: below the command line; their errors name file and line" {
	mkdir -p "$HOME/.config/ctr" "$T/other"
	cat >"$HOME/.config/ctr/build.sandbox" <<-'P'
	# for builds
	env A=profile
	env B=profile
	ro ~/.ssh
	tmpfs /scratch
	seccomp off
	P
	run sandbox --profile build --env A=line sh -c 'echo $A $B; cat ~/.ssh/id; ls -d /scratch; grep Seccomp: /proc/self/status | tr -d "\t"'
	assert_success
	assert_output "line profile
key
/scratch
Seccomp:0"
	printf 'rw /tmp\nnet wrong-word\nfly\n' >"$HOME/.config/ctr/bad.sandbox"
	run sandbox --profile bad true
	assert_equal "$status" 1
	assert_output_has "bad.sandbox:3: flag provided but not defined: --fly"
	run sandbox --profile none true
	assert_output_has "--profile none: neither"
}

@test "explain: in words, from the plan; nothing is started" {
	run sandbox --explain --ro /etc/passwd --tmpfs /scratch sh -c 'touch here'
	assert_success
	[ ! -e here ]
	for line in "runs sh -c touch here" "  /usr" "  $T/work" "  /scratch" \
		"  no network: a loopback of its own" "  as user $(id -u) and group $(id -g), without any capability"; do
		assert_line "$line"
	done
	run sandbox --explain --net host true
	assert_output_has "the host's network"
}

@test "landlock: the same paths once more, and no abstract socket of the host" {
	abi=$("$RUNTIME" probe --json | jq -r '.kernel.landlockAbi // 0')
	[ "$abi" -ge 6 ] || skip "needs Landlock ABI 6, the kernel has $abi"
	command -v python3 >/dev/null || skip "python3 is not installed"
	python3 -c 'import socket,time,sys
s = socket.socket(socket.AF_UNIX); s.bind("\0ctr-test-'$$'"); s.listen(1); open(sys.argv[1], "w").write("x"); time.sleep(1000)' "$T/work/up" 3>&- &
	local pid=$!
	eventually up
	try='import socket; socket.socket(socket.AF_UNIX).connect("\0ctr-test-'$$'")'
	run sandbox --net host python3 -c "$try"
	assert_equal "$status" 1
	assert_output_has "Operation not permitted"
	run sandbox --net host --landlock=false python3 -c "$try"
	assert_success
	kill "$pid"
	wait "$pid" || :
	run sandbox --dry-run true
	assert_output_has '"step": "landlock"'
}

@test "network through pasta, and connections from outside" {
	[ -x /usr/bin/pasta ] || skip "pasta is not installed"
	command -v python3 >/dev/null || skip "python3 is not installed"
	[ -w /dev/net/tun ] || skip "/dev/net/tun is not for ordinary users on this machine"
	# A device with a default route, so that there is something to be connected to.
	unshare -Urnm true 2>/dev/null || skip "no user namespace to play a network in"
	cat >"$T/inside" <<-'P'
	ip link set lo up && ip link add up0 type veth peer name up1 && ip link set up1 up && ip addr add 198.51.100.2/24 dev up0 && ip link set up0 up &&
		ip route add default via 198.51.100.1 || exit 99
	"$@" --net pasta --publish 8099:8080 python3 -c 'import socket
	s = socket.create_server(("0.0.0.0", 8080)); open("up", "w").write("x"); c, a = s.accept(); c.send(b"from inside"); c.close()' &
	for i in $(seq 200); do [ ! -s up ] || break; sleep 0.05; done
	python3 -c 'import socket
	print(socket.create_connection(("127.0.0.1", 8099), 10).recv(100).decode())'
	wait
	"$@" --net pasta sh -c 'grep -c up0 /proc/net/dev'
	"$@" --net none sh -c 'grep -c up0 /proc/net/dev'
	P
	# Root of a user namespace; and root itself, as under sudo.
	for way in -Urnm -nm; do
		[ $way = -Urnm ] || [ "$(id -u)" = 0 ] || continue
		run timeout 60 unshare $way --propagation private sh "$T/inside" "$RUNTIME" --root "$T/other" sandbox
		[ "$status" != 99 ] || skip "no network device can be made here"
		assert_output "from inside
1
0"
		rm -f up
	done
	rm -rf "$T/other"
	run sandbox --publish 1:1 true
	assert_output_has "--publish needs --net pasta"
}

@test "gui: the sockets of the display and no others, the fonts, and no display is an error" {
	run env -u WAYLAND_DISPLAY -u DISPLAY "$RUNTIME" --root "$ROOT" sandbox --gui true
	assert_equal "$status" 1
	assert_output_has "neither WAYLAND_DISPLAY nor DISPLAY is set"
	command -v python3 >/dev/null || skip "python3 is not installed"
	mkdir -p "$T/run" "$HOME/.fonts"
	touch "$HOME/.fonts/a.ttf" "$T/run/other"
	echo cookie >"$T/authority"
	python3 -c 'import socket, sys
for path in sys.argv[1:]:
    socket.socket(socket.AF_UNIX).bind(path)' "$T/run/wayland-7" "$T/run/bus"
	XDG_RUNTIME_DIR=$T/run WAYLAND_DISPLAY=wayland-7 DISPLAY=:77 XAUTHORITY=$T/authority run sandbox --gui sh -c \
		'ls "$XDG_RUNTIME_DIR"; cat "$XAUTHORITY"; ls "$HOME/.fonts"; echo $WAYLAND_DISPLAY $DISPLAY'
	assert_success
	assert_output "wayland-7
cookie
a.ttf
wayland-7 :77"
}

@test "bind: every option counts, and an unknown one is an error" {
	mkdir "$T/other"
	cp /bin/busybox "$T/other/"
	run sandbox --bind "$T/other:/srv/o:noexec,ro" sh -c '/srv/o/busybox true 2>/dev/null || echo kept; touch /srv/o/x 2>/dev/null || echo refused'
	assert_output "kept
refused"
	run sandbox --bind "$T/other:/srv/o:no-such-option-and-longer-than-any-word-that-a-mount-could-have-to-say" true
	assert_equal "$status" 1
	assert_output_has no-such-option
}

@test "limits: by a cgroup of one's own, or an error that says what is missing" {
	run sandbox --memory 64m --cpus 1.5 --pids 50 --dry-run true
	if [ "$status" = 0 ]; then
		assert_output_has '"67108864"'
		assert_output_has '"150000 100000"'
	else
		# Controllers held by cgroup v1 on this machine, or no cgroup of the caller's own.
		[[ "$output" = *"no cgroup for --memory, --cpus and --pids"* || "$output" = *"in use by cgroup v1"* ||
			"$output" = *"not available in"* ]]
	fi
}

@test "without a command: the shell, with a prompt that says where it is" {
	run timeout 30 python3 - "$RUNTIME" --root "$ROOT" sandbox 3>&- <<-'P'
	import os, pty, sys
	os.environ["SHELL"] = "/bin/sh"
	pid, terminal = pty.fork()
	if pid == 0:
	    os.execv(sys.argv[1], sys.argv[1:])
	said = b""
	def until(word):
	    global said
	    while word not in said:
	        try:
	            data = os.read(terminal, 4096)
	        except OSError:
	            data = b""
	        if not data:
	            return
	        said += data
	until(b"(sandbox)")
	os.write(terminal, b"hostname; exit 5\r")
	until(b"nothing more")
	print(said.decode().replace("\r", ""))
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	P
	assert_equal "$status" 5
	assert_output_has "(sandbox)"
	assert_line sandbox
}

@test "where user namespaces are switched off: what does it, and how to allow them" {
	unshare -Ur true 2>/dev/null || skip "no user namespace to switch them off in"
	run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' - "$RUNTIME" --root "$T/other" sandbox true
	assert_equal "$status" 1
	assert_output "ctr: sandbox: no user namespaces here: user.max_user_namespaces is 0: sysctl -w user.max_user_namespaces=15000, and in /etc/sysctl.d"
	rm -rf "$T/other"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The six hook points: order, state, namespaces, environment, time-outs and failures.
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
	HOST_NS=$(readlink /proc/self/ns/mnt)
	# Notes its point and what came on stdin; works on the host and, as busybox's sh, in the container.
	cat >"$T/hook" <<-HOOK
	#!/bin/sh
	state=\$(cat)
	echo "\$1 \$state" >>$T/notes
	HOOK
	chmod 755 "$T/hook"
	chmod 777 "$T"
}

# hook POINT PATH ARG...: appends one.
hook()
{
	local point=$1 path=$2
	shift 2
	update_config '.hooks[$p] += [{path:$x,args:([$x]+$a)}]' --arg p "$point" --arg x "$path" --argjson a "$(json_strings "$@")"
}
note() { hook "$1" "$T/hook" "${2:-$1}"; }
# The state that the point saw.
state_at() { grep "^$1 " "$T/notes" | head -1 | cut -d' ' -f2-; }

@test "all six points, in order, with the state of each" {
	for p in poststop poststart createContainer createRuntime prestart; do note $p; done
	mkdir "$BUNDLE/rootfs/notes"
	update_config '.mounts += [{destination:"/notes",type:"bind",source:$t,options:["bind"]}] | .annotations={"x.y":"a/b"}' --arg t "$T"
	update_config '.hooks.startContainer=[{path:"/bin/sh",args:["sh","-c","s=$(cat); echo \"startContainer $s\" >>/notes/notes"]}]'
	set_sh 'echo program >>/notes/notes'
	create_container
	pid=$(pid_of "$ID")
	assert_equal "$(cut -d' ' -f1 "$T/notes" | tr '\n' ' ')" "prestart createRuntime createContainer "
	ctr start "$ID"
	wait_status "$ID" stopped
	assert_equal "$(cut -d' ' -f1 "$T/notes" | grep -v program | tr '\n' ' ')" \
		"prestart createRuntime createContainer startContainer poststart "
	ctr delete "$ID"
	assert_equal "$(cut -d' ' -f1 "$T/notes" | tail -1)" poststop
	cat "$T/notes"
	for p in prestart createRuntime; do
		state_at $p | jq -e --argjson pid "$pid" '.status == "creating" and .pid == $pid'
	done
	state_at createContainer | jq -e '.status == "creating" and .pid == 1'
	state_at startContainer | jq -e '.status == "created" and .pid == 1'
	state_at poststart | jq -e --argjson pid "$pid" '.status == "running" and .pid == $pid'
	state_at poststop | jq -e '.status == "stopped" and (.pid // 0) == 0'
	for p in prestart createRuntime createContainer startContainer poststart poststop; do
		state_at $p | jq -e --arg id "$ID" --arg b "$BUNDLE" '.id == $id and .bundle == $b and (.ociVersion | length > 0)
			and .annotations["x.y"] == "a/b"'
		# Compact, one line, slashes as they are.
		! state_at $p | grep -q '\\/\|: ' || fail "$p: not compact"
	done
}

@test "hooks of one point run in the order of the list" {
	for n in 1 2 3 4; do note createRuntime h$n; done
	run_container
	assert_success
	assert_equal "$(cut -d' ' -f1 "$T/notes" | tr '\n' ' ')" "h1 h2 h3 h4 "
}

@test "namespaces: createContainer is in the container's, before the pivot" {
	cat >"$T/ns" <<-HOOK
	#!/bin/sh
	echo "\$1 \$(readlink /proc/self/ns/mnt) \$(readlink /proc/self/ns/net)" >>$T/nses
	HOOK
	chmod 755 "$T/ns"
	for p in prestart createRuntime createContainer poststart poststop; do hook $p "$T/ns" $p; done
	run_container
	assert_success
	cat "$T/nses"
	for p in prestart createRuntime poststart poststop; do
		assert_equal "$(grep "^$p " "$T/nses" | cut -d' ' -f2)" "$HOST_NS" $p
	done
	[ "$(grep "^createContainer " "$T/nses" | cut -d' ' -f3)" != "$(readlink /proc/self/ns/net)" ] || fail "host's network"
	[ "$(grep "^createContainer " "$T/nses" | cut -d' ' -f2)" != "$HOST_NS" ] || fail "host's mounts"
}

@test "the environment is exactly the configured one" {
	update_config '.hooks.createRuntime=[{path:"/bin/sh",args:["sh","-c",$c],env:["A=1","B=x y"]}]' --arg c "env >$T/env"
	SECRET=1 run_container
	assert_success
	[ "$(grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= "$T/env" | sort)" = "A=1
B=x y" ] || fail "$(cat "$T/env")"
}

@test "args are the whole argument vector; without them it is the path" {
	printf '#!/bin/sh\necho "$0" "$#" "$@" >>%s/args\n' "$T" >"$T/show"
	chmod 755 "$T/show"
	update_config '.hooks.createRuntime=[{path:$p},{path:$p,args:["zero","one","two words"]}]' --arg p "$T/show"
	run_container
	assert_success
	assert_equal "$(sed -n 1p "$T/args")" "$T/show 0"
	assert_equal "$(sed -n 2p "$T/args")" "$T/show 2 one two words"
}

@test "a failing hook stops the container: later ones do not run, poststop does" {
	for p in prestart createRuntime createContainer; do
		rm -f "$T/notes"
		update_config 'del(.hooks)'
		hook $p /bin/sh -c 'exit 3'
		note $p later
		note poststart
		note poststop
		set_sh 'echo ran'
		run_container
		assert_failure
		assert_output_has "$p"
		assert_output_has 3
		assert_output_lacks ran
		assert_missing "$ROOT/$ID"
		assert_equal "$(cut -d' ' -f1 "$T/notes")" poststop $p
	done
}

@test "a failing startContainer hook stops the container" {
	update_config '.hooks.startContainer=[{path:"/bin/false"}]'
	note poststart
	note poststop
	set_sh 'echo ran'
	run_container
	assert_failure
	assert_output_has startContainer
	assert_output_lacks ran
	assert_missing "$ROOT/$ID"
	assert_equal "$(cut -d' ' -f1 "$T/notes")" poststop
}

@test "a failing poststart hook stops the container" {
	hook poststart /bin/sh -c 'exit 4'
	note poststop
	set_sleep
	run timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_failure
	[ "$status" != 124 ]
	assert_output_has poststart
	assert_missing "$ROOT/$ID"
	assert_equal "$(cut -d' ' -f1 "$T/notes")" poststop
}

@test "failing poststop hooks are warnings, and the others run" {
	hook poststop /bin/sh -c 'exit 5'
	note poststop second
	hook poststop /none/such
	note poststop third
	run ctr --log "$T/log" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	grep -q poststop "$T/log"
	assert_equal "$(cut -d' ' -f1 "$T/notes" | tr '\n' ' ')" "second third "
	assert_missing "$ROOT/$ID"
}

@test "a hook that does not exist is an error that names it" {
	for p in prestart createRuntime createContainer startContainer; do
		update_config '.hooks={($p):[{path:"/no/such/hook"}]}' --arg p $p
		run_container
		assert_failure
		assert_output_has /no/such/hook
		assert_output_lacks "no such file or directory"
	done
}

@test "a hook killed by a signal is a failure" {
	hook createRuntime /bin/sh -c 'kill -9 $$'
	run_container
	assert_failure
	assert_output_has "signal 9"
	update_config 'del(.hooks)'
	hook createRuntime /bin/sh -c 'exit 200'
	run_container
	assert_output_has "exit status 200"
}

@test "a time-out kills the hook with its children and fails" {
	for p in createRuntime createContainer; do
		update_config '.hooks={($p):[{path:"/bin/sh",args:["sh","-c",$c],timeout:1}]}' --arg p $p \
			--arg c "sleep 4321 & echo \$! >$T/child; wait"
		start=$SECONDS
		run_container
		assert_failure
		assert_output_has "timed out"
		[ $((SECONDS - start)) -lt 8 ]
		[ $p != createRuntime ] || ! grep -q "^State:.[^Z]" "/proc/$(cat "$T/child")/status" || fail "child lives"
	done
	update_config '.hooks={startContainer:[{path:"/bin/sleep",args:["sleep","100"],timeout:1}]}'
	run_container
	assert_failure
	assert_output_has "timed out"
}

@test "a hook in time is left alone" {
	update_config '.hooks={createRuntime:[{path:"/bin/sleep",args:["sleep","0.3"],timeout:5}]}'
	run_container
	assert_success
}

@test "64k of output and a closed stdin do no harm" {
	for p in prestart createRuntime createContainer poststart poststop; do
		hook $p /bin/sh -c 'exec <&-; head -c 65536 /dev/zero; head -c 65536 /dev/zero >&2; exit 0'
	done
	update_config '.hooks.startContainer=[{path:"/bin/sh",args:["sh","-c","head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2"]}]'
	set_args echo fine
	run bash -c '"$@" 2>/dev/null | tr -d "\0"' x timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	assert_success
	assert_output fine
}

@test "hooks get no descriptors of the runtime" {
	cat >"$T/fds" <<-HOOK
	#!/bin/sh
	for f in /proc/self/fd/*; do readlink \$f; done >$T/fds.\$1 2>/dev/null
	exit 0
	HOOK
	chmod 755 "$T/fds"
	for p in createRuntime createContainer poststart poststop; do hook $p "$T/fds" $p; done
	run_container
	assert_success
	for p in createRuntime createContainer poststart poststop; do
		[ "$(grep -v -e "$T/fds" -e /dev/null -e pipe: -e "memfd:" -e '/proc/' "$T/fds.$p" | wc -l)" -le 1 ] || fail "$p: $(cat "$T/fds.$p")"
	done
}

@test "a startContainer hook runs before the program and sees the container's root" {
	update_config '.hooks.startContainer=[{path:"/bin/sh",args:["sh","-c","echo hook >/dev/shm/order; ls / >/dev/shm/ls"]}]'
	set_sh 'cat /dev/shm/order; cat /dev/shm/ls'
	run_container
	assert_success
	assert_line hook
	assert_line bin
}

@test "a createContainer hook's mount is seen by the program" {
	root_only
	mkdir "$BUNDLE/rootfs/extra"
	hook createContainer /bin/sh -c "mount -t tmpfs tmpfs $BUNDLE/rootfs/extra && touch $BUNDLE/rootfs/extra/made"
	set_sh 'ls /extra'
	run_container
	assert_success
	[ -z "$(ls -A "$BUNDLE/rootfs/extra")" ] || fail "on the host"
}

# What devices' vendors do: enter the container's mount namespace and add files to the root by its path on the host.
@test "a createRuntime hook adds a file to the root, in the container's mount namespace and by the host's path" {
	root_only
	echo driver >"$T/driver"
	cat >"$T/add" <<-HOOK
	#!/bin/sh
	touch $BUNDLE/rootfs/driver
	nsenter -m -t "\$(jq .pid)" mount --bind $T/driver $BUNDLE/rootfs/driver
	HOOK
	chmod 755 "$T/add"
	hook createRuntime "$T/add"
	set_sh 'cat /driver'
	run_container
	assert_success
	assert_output driver
	[ ! -s "$BUNDLE/rootfs/driver" ] || fail "on the host"
}

@test "a createContainer hook begins in the root" {
	echo driver >"$T/driver"
	hook createContainer /bin/sh -c "touch ./driver && cat $T/driver >./driver"
	set_sh 'cat /driver'
	run_container
	assert_success
	assert_output driver
}

@test "while hooks run the first process is closed to others, but an ordinary user's can enter its namespaces" {
	cat >"$T/look" <<-HOOK
	#!/bin/sh
	pid=\$(jq .pid)
	stat -c %u "/proc/\$pid/environ" >$T/owner
	readlink "/proc/\$pid/ns/net" >$T/net
	HOOK
	chmod 755 "$T/look"
	hook createRuntime "$T/look"
	if [ "$(id -u)" = 0 ]; then
		update_config '.linux.namespaces += [{type: "user"}] |
			.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
	fi
	set_sh true
	run_container
	assert_success
	# What cannot be traced belongs to root, whatever its ids (proc(5)); a container of the same ids cannot look in.
	[ "$(id -u)" != 0 ] || assert_equal "$(cat "$T/owner")" 0
	grep -q '^net:' "$T/net"
}

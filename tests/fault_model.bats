# SPDX-License-Identifier: Apache-2.0
# The fault model: what goes wrong around the runtime, one test each, by number. Kept elsewhere: F1 to F4 and F16
# (make faults), F9 (vm.bats: it needs controllers), F18 (hooks.bats), F20 (systemd.bats), F21 and F22 (hostile.bats),
# F26 (checkpoint.bats).
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
	set_sh 'sleep 1000'
}

gone() { ctr state "$1" 2>&1 | grep -q 'does not exist'; }
nothing_left() { assert_equal "$(ls -A "$ROOT" 2>/dev/null)" ""; }

@test "F5: the engine dies between create and start: it stays created, and delete works" {
	sh -c '"$@" </dev/null >/dev/null 2>&1' - "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID"
	assert_equal "$(ctr state "$ID" | jq -r .status)" created
	ctr delete "$ID"
	nothing_left
}

@test "F6: the first process ends between create and start: start says so" {
	ctr create -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1
	kill -KILL "$(ctr state "$ID" | jq .pid)"
	try ctr start "$ID"
	assert_status 1
	[[ "$output" = ctr:* ]] && [ "$(wc -l <<<"$output")" = 1 ]
	ctr delete --force "$ID"
	nothing_left
}

@test "F7: no room for the state: create fails and leaves nothing; what runs can be killed and deleted" {
	root_only
	mkdir -p "$T/small"
	for size in 4k 8k 12k 16k 24k; do
		mount -t tmpfs -o size=$size,nr_inodes=8 none "$T/small"
		status=0
		"$RUNTIME" --root "$T/small/state" run --detach -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1 || status=$?
		if [ "$status" = 0 ]; then
			dd if=/dev/zero of="$T/small/fill" 2>/dev/null || :
			"$RUNTIME" --root "$T/small/state" state "$ID" >/dev/null
			"$RUNTIME" --root "$T/small/state" kill "$ID" KILL
			"$RUNTIME" --root "$T/small/state" delete --force "$ID"
		else
			[ "$(wc -l <"$T/log")" = 1 ]
		fi
		assert_equal "$(ls -A "$T/small/state" 2>/dev/null)" ""
		umount "$T/small"
	done
}

@test "F8: few descriptors: a clean failure, and 12 are enough" {
	for n in 5 6 8 9 10; do
		status=0
		(ulimit -n $n && exec "$RUNTIME" --root "$ROOT" run --detach -b "$BUNDLE" "$ID") </dev/null >"$T/log" 2>&1 || status=$?
		[ "$status" = 0 ] || [ "$(wc -l <"$T/log")" = 1 ] || { cat "$T/log"; false; }
		ctr delete --force "$ID"
		nothing_left
	done
	update_config '.process.args = ["true"] | .process.rlimits = []'
	(ulimit -n 64 && exec "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID") </dev/null
}

@test "F10: twelve create the same id at once: one does, the others are told that it exists" {
	for i in $(seq 12); do
		("$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" </dev/null >"$T/out$i" 2>&1 3>&-; echo $? >"$T/status$i") &
	done
	wait
	assert_equal "$(cat "$T"/status* | grep -c '^0$')" 1
	assert_equal "$(cat "$T"/out* | grep -c 'already exists')" 11
	ctr delete --force "$ID"
	nothing_left
}

@test "F11: a storm of create, exec, kill and delete on one id: nothing is left, and the id works again" {
	local end=$((SECONDS + 3))
	for i in 1 2 3 4; do
		(while [ $SECONDS -lt $end ]; do
			"$RUNTIME" --root "$ROOT" run --detach -b "$BUNDLE" "$ID"
			"$RUNTIME" --root "$ROOT" exec "$ID" true
			"$RUNTIME" --root "$ROOT" kill "$ID" KILL
			"$RUNTIME" --root "$ROOT" delete --force "$ID"
		done) </dev/null >/dev/null 2>&1 3>&- &
	done
	wait
	ctr delete --force "$ID"
	nothing_left
	ctr run --detach -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1
	ctr delete --force "$ID"
}

@test "F12: list of fifty, and each can be deleted; none waits for another" {
	for i in $(seq 50); do "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "c$i" </dev/null >"$T/log" 2>&1 3>&-; done
	assert_equal "$(ctr list -q | wc -l)" 50
	exec 9<"$ROOT/c1"
	flock 9 # somebody is at work on one of them
	timeout 20 "$RUNTIME" --root "$ROOT" delete --force c2
	timeout 20 "$RUNTIME" --root "$ROOT" state c3 >/dev/null
	exec 9<&-
	for i in $(seq 50); do ctr delete --force "c$i"; done
	nothing_left
}

@test "F13: a number that belongs to somebody else now gets no signal" {
	ctr run --detach -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1
	kill -KILL "$(ctr state "$ID" | jq .pid)"
	sleep 1000 &
	local other=$!
	jq -c ".pid = $other" "$ROOT/$ID/state.json" >"$T/s" && cat "$T/s" >"$ROOT/$ID/state.json"
	try ctr kill "$ID" KILL
	assert_status 1
	ctr delete --force "$ID"
	kill -0 "$other"
	kill "$other"
}

@test "F14: parts of the state are gone, or from another boot: every command ends, delete --force removes it" {
	for damage in 'rm state.json' ': >state.json' 'rm -f start.sock' 'printf "{" >state.json' \
		'sed -i "s/\"boot_id\":\"[^\"]*/\"boot_id\":\"00000000-0000-0000-0000-000000000000/; s/bootId\":\"[^\"]*/bootId\":\"00000000-0000-0000-0000-000000000000/" state.json'; do
		ctr create -b "$BUNDLE" "$ID" </dev/null >"$T/log" 2>&1
		local pid
		pid=$(ctr state "$ID" | jq .pid)
		(cd "$ROOT/$ID" && eval "$damage")
		for command in state start "kill $ID" pause resume ps exec list; do
			timeout 20 "$RUNTIME" --root "$ROOT" $command "$ID" true </dev/null >"$T/log" 2>&1 || [ $? != 124 ]
		done
		timeout 20 "$RUNTIME" --root "$ROOT" delete --force "$ID"
		gone "$ID"
		# Without its state nothing but its name told of the process and its cgroup.
		kill -KILL "$pid" 2>/dev/null || :
		removed() { find /sys/fs/cgroup -name "$ID" -type d -exec rmdir {} + 2>/dev/null; [ -z "$(find /sys/fs/cgroup -name "$ID" -type d)" ]; }
		for _ in $(seq 100); do ! removed || break; sleep 0.05; done
	done
	nothing_left
}

@test "F19: console and pidfd sockets: nobody there, a file, a path too long" {
	update_config '.process.terminal = true'
	for socket in "$T/nobody" "$BUNDLE/config.json" "$T/$(printf 'x%.0s' $(seq 120))"; do
		try timeout 20 "$RUNTIME" --root "$ROOT" create --console-socket "$socket" -b "$BUNDLE" "$ID"
		assert_status 1
		gone "$ID"
	done
	nothing_left
}

@test "F23: closed streams, ignored signals, a strange umask, a directory that is gone, no argv[0]" {
	update_config '.process.args = ["true"]'
	"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" <&- >&- 2>&-
	(trap '' CHLD PIPE; exec "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID") </dev/null
	(umask 0777; exec "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID") </dev/null
	mkdir "$T/gone"
	(cd "$T/gone" && rmdir "$T/gone" && exec "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID") </dev/null
	(exec -a '' "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID") </dev/null
	nothing_left
}

@test "F24: a loaded machine makes no deadline false" {
	for i in 1 2 3 4 5 6; do (while :; do :; done) 3>&- & done
	local load
	load=$(jobs -p)
	update_config '.process.args = ["true"]'
	nice -n 19 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" </dev/null
	kill $load
	wait 2>/dev/null || :
	nothing_left
}

@test "F25: a pid file or a log that cannot be written: before the start, and nothing left" {
	mkdir "$T/directory"
	mkfifo "$T/fifo"
	for file in "$T/directory" "$T/missing/pid"; do
		try timeout 20 "$RUNTIME" --root "$ROOT" run --detach --pid-file "$file" -b "$BUNDLE" "$ID"
		assert_status 1
		gone "$ID"
	done
	for file in "$T/directory" "$T/missing/log"; do
		try timeout 20 "$RUNTIME" --root "$ROOT" --log "$file" run --detach -b "$BUNDLE" "$ID"
		[ "$status" != 124 ]
		ctr delete --force "$ID"
	done
	nothing_left
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line as engines use it: what they pass, what they read back, what they assume without saying.
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
	set_sleep
	# Where RLIMIT_MEMLOCK cannot be raised, others fail to load a device program.
	[[ $("$RUNTIME" --version) == ctr* ]] || update_config 'del(.linux.resources)'
}

stop_container() { ctr kill "$ID" KILL && wait_status "$ID" stopped; }

# gone PID: no such process, or one that only waits to be reaped.
gone() { ! grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

@test "a program killed from outside is 128 and the signal" {
	set_sh 'echo up >/tmp/up; while :; do sleep 0.05; done'
	update_config '.root.readonly=false'
	ctr run -b "$BUNDLE" "$ID" >"$T/out" 2>&1 </dev/null 3>&- &
	local job=$!
	wait_until 10 test -s "$BUNDLE/rootfs/tmp/up"
	ctr kill "$ID" KILL
	status=0
	wait $job || status=$?
	assert_status 137
}

@test "a file as stdout is the very file, with its offset and flags" {
	set_sh 'readlink /proc/self/fd/1 >&2; echo second'
	echo first >"$T/out"
	ctr run -b "$BUNDLE" "$ID" >>"$T/out" 2>"$T/err" </dev/null
	assert_equal "$(cat "$T/out")" $'first\nsecond'
}

@test "a reader that leaves does not hang the container" {
	set_sh 'while echo y; do :; done; exit 3'
	timeout 20 bash -c '"$@" | head -n 1' x "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$T/out" 2>"$T/err"
	assert_equal "$(cat "$T/out")" y
}

@test "the program is looked up in the container's PATH, not the caller's" {
	mkdir -p "$BUNDLE/rootfs/opt/one" "$BUNDLE/rootfs/opt/two"
	printf '#!/bin/sh\necho one\n' >"$BUNDLE/rootfs/opt/one/prog"
	printf '#!/bin/sh\necho two\n' >"$BUNDLE/rootfs/opt/two/prog"
	chmod 755 "$BUNDLE"/rootfs/opt/*/prog
	set_args prog
	update_config '.process.env=["PATH=/nowhere:/opt/one:/opt/two:/bin"]'
	run_container
	assert_output one
	# What cannot be executed is passed over.
	chmod 644 "$BUNDLE/rootfs/opt/one/prog"
	run_container
	assert_output two
	update_config '.process.env=["PATH=/bin"]'
	PATH=/opt/one:$PATH run_container
	assert_failure
	# Docker's client compares case; crun says it in another order of words.
	[[ $("$RUNTIME" --version) == crun* ]] || assert_output_has "executable file not found"
}

@test "a program with a slash is relative to the working directory" {
	mkdir -p "$BUNDLE/rootfs/opt"
	printf '#!/bin/sh\necho here\n' >"$BUNDLE/rootfs/opt/prog"
	chmod 755 "$BUNDLE/rootfs/opt/prog"
	set_args ./prog
	update_config '.process.cwd="/opt"'
	run_container
	assert_output here
}

@test "the bundle is the current directory when none is given" {
	set_args echo here
	cd "$BUNDLE"
	run ctr run "$ID" 3>&-
	assert_success
	assert_output here
}

@test "a relative bundle; state has its absolute path" {
	set_sleep
	cd "$T"
	ctr run -d -b bundle "$ID" >"$T/log" 2>&1 </dev/null 3>&-
	assert_equal "$(ctr state "$ID" | jq -r .bundle)" "$(readlink -f "$BUNDLE")"
	ctr delete --force "$ID"
	# However it is spelled, the state has it without links and dots.
	ln -s "$(dirname "$BUNDLE")" "$T/link"
	for where in "$BUNDLE/" "$(dirname "$BUNDLE")//$(basename "$BUNDLE")" "$BUNDLE/." "$BUNDLE/../$(basename "$BUNDLE")" \
		"$T/link/$(basename "$BUNDLE")"; do
		assert_equal "$(ctr run --dry-run -b "$where" "$ID" | jq -r .bundle)" "$(readlink -f "$BUNDLE")"
	done
}

@test "detached: output still goes where the caller's went" {
	set_sh 'echo early; sleep 0.2; echo late'
	start_container
	wait_status "$ID" stopped
	assert_equal "$(cat "$T/log")" $'early\nlate'
}

@test "pid file: replaced by rename, never half written" {
	only_ctr "others write in place"
	set_sleep
	echo old >"$T/pid"
	ln "$T/pid" "$T/kept"
	start_container --pid-file "$T/pid"
	assert_equal "$(cat "$T/kept")" old
	assert_equal "$(cat "$T/pid")" "$(pid_of "$ID")"
}

@test "pid file: none when the start fails" {
	set_args /no/such/program
	try ctr run -d -b "$BUNDLE" --pid-file "$T/pid" "$ID"
	assert_failure
	assert_missing "$T/pid"
	assert_missing "$ROOT/$ID"
}

# Starts `run` in the background with a program that says which signal came; sets job.
run_with_traps()
{
	set_sh 'for s in HUP INT QUIT USR1 USR2 TERM WINCH; do trap "echo $s >>/tmp/got; [ $s = WINCH ] || exit 33" $s; done
		echo >/tmp/up; while :; do sleep 0.02; done'
	update_config '.root.readonly=false'
	rm -f "$BUNDLE/rootfs/tmp/up" "$BUNDLE/rootfs/tmp/got"
	# Shells ignore SIGINT and SIGQUIT in background jobs.
	env --default-signal=INT,QUIT "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$T/out" 2>&1 </dev/null 3>&- &
	job=$!
	wait_until 10 test -e "$BUNDLE/rootfs/tmp/up"
}

@test "signals to the foreground command reach the program" {
	# An interactive shell's SIGQUIT and SIGINT included.
	for s in HUP INT QUIT USR1 USR2 TERM; do
		run_with_traps
		kill -$s $job
		status=0
		wait $job || status=$?
		assert_status 33
		assert_equal "$(cat "$BUNDLE/rootfs/tmp/got")" $s
	done
}

@test "stopping the foreground command does not stop the container" {
	run_with_traps
	kill -STOP $job
	assert_equal "$(status_of "$ID")" running
	kill -CONT $job
	kill -TERM $job
	status=0
	wait $job || status=$?
	assert_status 33
}

@test "a container whose foreground command was killed can be deleted" {
	set_sleep
	# Not through a function: the job has to be the command itself.
	"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$T/out" 2>&1 </dev/null 3>&- &
	job=$!
	wait_status "$ID" running
	pid=$(pid_of "$ID")
	kill -KILL $job
	wait $job || :
	kill -0 "$pid"
	assert_equal "$(status_of "$ID")" running
	ctr delete --force "$ID"
	assert_missing "$ROOT/$ID"
	wait_until 10 gone "$pid"
}

@test "--preserve-fds: a descriptor that is not open is an error or absent, never another one" {
	set_sh '[ ! -e /proc/self/fd/5 ] && echo none'
	run ctr run --preserve-fds 3 -b "$BUNDLE" "$ID" 3</dev/null 4</dev/null 5<&-
	[ "$status" != 0 ] || assert_line none
}

@test "the configuration is read once: later changes have no effect" {
	set_sh 'echo first'
	create_container
	set_sh 'echo second'
	ctr start "$ID"
	wait_status "$ID" stopped
	assert_equal "$(cat "$T/log")" first
}

@test "errors are one line and go to --log as well: text and JSON" {
	set_args /no/such/program
	ctr --log "$T/ctr.log" run -b "$BUNDLE" "$ID" >"$T/out" 2>"$T/err" </dev/null 3>&- && fail "succeeded"
	assert_equal "$(wc -l <"$T/err")" 1
	grep -q "no/such/program" "$T/ctr.log"
	ctr --log "$T/json.log" --log-format json run -b "$BUNDLE" "$ID" >"$T/out" 2>"$T/err" </dev/null 3>&- && fail "succeeded"
	jq -e '.level == "error" and (.msg | contains("no/such/program")) and (.time | length > 18)' <"$T/json.log"
	# One document: Podman takes the whole file for one. runc writes warnings before.
	[[ $("$RUNTIME" --version) == runc* ]] || assert_equal "$(jq -s length <"$T/json.log")" 1
}

@test "--log appends and never truncates" {
	set_args /no/such/program
	echo '{"level":"info","msg":"kept","time":"2026-01-01T00:00:00Z"}' >"$T/json.log"
	try ctr --log "$T/json.log" --log-format json run -b "$BUNDLE" "$ID"
	assert_failure
	assert_equal "$(jq -s '.[0].msg' <"$T/json.log")" '"kept"'
	assert_equal "$(jq -s -r '.[-1].level' <"$T/json.log")" error
}

@test "nothing is printed by what succeeds" {
	set_args true
	create_container --pid-file "$T/pid"
	run ctr start "$ID" 3>&-
	assert_success
	assert_output ""
	wait_status "$ID" stopped
	run ctr delete "$ID" 3>&-
	assert_success
	assert_output ""
	assert_equal "$(cat "$T/log")" ""
}

@test "state: the members, their types, and only one document" {
	update_config '.annotations={"com.example.key":"value","k2":""}'
	create_container
	run --separate-stderr ctr state "$ID" 3>&-
	assert_success
	[ -z "$stderr" ] || fail "stderr"
	jq -e --arg id "$ID" --arg b "$BUNDLE" '.id == $id and .status == "created" and .bundle == $b and (.pid | . > 1 and floor == .)
		and (.ociVersion | test("^1\\.[0-9]+\\.[0-9]+")) and .annotations["com.example.key"] == "value"' <<<"$output"
	# CRI-O and go-runc read the time.
	jq -r .created <<<"$output" | grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9:]{5})$' || fail "created"
	for k in started finished exitCode oomKilled error initPid initStartTime; do
		[ "$(jq "has(\"$k\")" <<<"$output")" = false ] || fail "member $k overwrites an engine's own"
	done
}

@test "state: stopped has no pid, and stays so when somebody else reaped" {
	start_container
	stop_container
	run ctr state "$ID" 3>&-
	assert_success
	assert_equal "$(jq -r '.pid // 0' <<<"$output")" 0
	assert_equal "$(jq -r .status <<<"$output")" stopped
}

@test "create: twice; the first one is left alone" {
	create_container
	pid=$(pid_of "$ID")
	run ctr create -b "$BUNDLE" "$ID" 3>&-
	assert_status 1
	assert_output_has "exist"
	assert_equal "$(pid_of "$ID")" "$pid"
	kill -0 "$pid"
}

@test "kill: by number, by name with and without SIG; TERM when none is given" {
	update_config '.root.readonly=false'
	set_sh 'for s in TERM USR1 USR2 HUP; do trap "echo $s >>/tmp/got" $s; done; echo >/tmp/up; while :; do sleep 0.02; done'
	start_container
	wait_until 10 test -e "$BUNDLE/rootfs/tmp/up"
	n=0
	for s in 10 SIGUSR1 USR1 12 SIGUSR2 1 HUP ""; do
		ctr kill "$ID" $s
		n=$((n + 1))
		wait_until 5 eval '[ "$(cat "$BUNDLE/rootfs/tmp/got" 2>/dev/null | wc -l)" = $n ]'
	done
	assert_equal "$(tr '\n' ' ' <"$BUNDLE/rootfs/tmp/got")" "USR1 USR1 USR1 USR2 USR2 HUP HUP TERM "
}

@test "kill: names that are none" {
	[[ $("$RUNTIME" --version) != crun* ]] || skip "crun 1.8 sends signal 0 for a name that is none"
	start_container
	for s in NOPE SIGNOPE 0x9 -1 65 999999999999 9x; do
		run ctr kill -- "$ID" "$s" 3>&-
		assert_failure
	done
	assert_equal "$(status_of "$ID")" running
}

@test "kill: the words that engines compare" {
	only_ctr "crun's words have capitals"
	start_container
	stop_container
	run ctr kill "$ID" 3>&-
	assert_output_has "container not running: no such process"
	run ctr kill nobody 3>&-
	assert_output_has 'container "nobody" does not exist'
	run ctr delete nobody 3>&-
	assert_output_has 'container "nobody" does not exist'
	run ctr state nobody 3>&-
	assert_output_has 'container "nobody" does not exist'
}

@test "kill --all: every process; quiet when all are gone" {
	root_only "needs a cgroup"
	needs_cgroup
	set_sh 'sleep 1000 & sleep 1000 & wait'
	start_container
	ctr kill --all "$ID" KILL
	wait_status "$ID" stopped
	run ctr kill --all "$ID" KILL 3>&-
	assert_success
	run ctr kill -a "$ID" 9 3>&-
	assert_success
}

@test "kill --all: without a pid namespace, the first process dead" {
	root_only "needs a cgroup"
	needs_cgroup
	update_config '.linux.namespaces |= map(select(.type != "pid")) | .root.readonly=false'
	set_sh 'sleep 1000 & echo $! >/tmp/child; exec sleep 1000'
	start_container
	wait_until 5 test -s "$BUNDLE/rootfs/tmp/child"
	child=$(cat "$BUNDLE/rootfs/tmp/child")
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	kill -0 "$child"
	ctr kill --all "$ID" KILL
	wait_until 5 gone "$child"
	ctr delete "$ID"
}

@test "delete --force: running, created, stopped" {
	create_container
	ctr delete --force "$ID"
	start_container
	pid=$(pid_of "$ID")
	ctr delete -f "$ID"
	wait_until 5 gone "$pid"
	start_container
	stop_container
	ctr delete --force "$ID"
	assert_missing "$ROOT/$ID"
}

@test "delete: removes what create made in the cgroup tree" {
	root_only
	needs_cgroup
	start_container
	cg=$(sed -n 's/^0:://p' "/proc/$(pid_of "$ID")/cgroup")
	[ "$cg" != "$(sed -n 's/^0:://p' /proc/self/cgroup)" ] || fail "no cgroup of its own"
	assert_exists "/sys/fs/cgroup$cg"
	ctr delete --force "$ID"
	assert_missing "/sys/fs/cgroup$cg"
}

@test "list: an empty list as JSON is an empty array or null" {
	run ctr list -f json 3>&-
	assert_success
	jq -e '. == [] or . == null' <<<"$output"
}

@test "list: a state root that does not exist is an empty list" {
	run "$RUNTIME" --root "$T/none" list -q 3>&-
	assert_success
	assert_output ""
}

@test "paused: SIGKILL and delete --force end it" {
	root_only
	needs_cgroup
	start_container
	ctr pause "$ID"
	ctr delete --force "$ID"
	assert_missing "$ROOT/$ID"
	only_ctr "others leave it paused"
	start_container
	ctr pause "$ID"
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
}

@test "two containers of one bundle at the same time" {
	start_container
	ctr run -d -b "$BUNDLE" "$ID-2" >/dev/null 2>&1 </dev/null 3>&-
	[ "$(pid_of "$ID")" != "$(pid_of "$ID-2")" ]
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	assert_equal "$(status_of "$ID-2")" running
}

@test "eight creates of one id at once: one wins, the others leave it alone" {
	for i in 1 2 3 4 5 6 7 8; do
		(ctr create -b "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null 3>&-; echo $? >"$T/rc.$i") &
	done
	wait
	assert_equal "$(cat "$T"/rc.* | grep -cx 0)" 1
	assert_equal "$(status_of "$ID")" created
	ctr start "$ID"
}

@test "every verb works with an environment of nothing" {
	set_args true
	env -i "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" >/dev/null </dev/null 3>&-
	env -i "$RUNTIME" --root "$ROOT" state "$ID" >/dev/null
	env -i "$RUNTIME" --root "$ROOT" start "$ID" 3>&-
	wait_status "$ID" stopped
	env -i "$RUNTIME" --root "$ROOT" delete "$ID"
}

@test "the option grammar of engines: = and blank, global options twice" {
	set_args true
	"$RUNTIME" --root="$ROOT" --root "$ROOT" --log "$T/l" --log-format=json create --bundle="$BUNDLE" --pid-file "$T/pid" \
		--no-new-keyring "$ID" >/dev/null </dev/null 3>&-
	"$RUNTIME" --root "$ROOT" delete --force "$ID"
	assert_equal "$(cat "$T/l")" ""
}

@test "global options: what cannot be honoured is refused, not dropped" {
	only_ctr
	local line
	for line in "--isolation strong" "--rootless perhaps" "--cgroup-manager other" "--log $T/missing/log" "--log-format xml"; do
		run "$RUNTIME" --root "$ROOT" $line list 3>&-
		assert_status 1
		[ "${#lines[@]}" = 1 ] || fail "$line: more than one line"
	done
	run "$RUNTIME" --root "" list 3>&-
	assert_status 1
	ln -s "$RUNTIME" "$T/ctr-vm"
	run "$T/ctr-vm" --root "$ROOT" list 3>&-
	assert_status 0
	run "$RUNTIME" --root "$ROOT" --isolation namespaces --log journald:x list 3>&-
	assert_status 0
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rootless
# create, start, state, kill, delete, list, ps, pause, resume: the states, and the words of the errors.

load helpers

@test "create, start, kill, delete" {
	new_bundle
	set_sleep
	create_container
	assert_equal "$(status_of "$ID")" created
	[ "$(pid_of "$ID")" -gt 0 ]
	ctr start "$ID"
	wait_status "$ID" running
	ctr kill "$ID" TERM
	wait_status "$ID" stopped
	ctr delete "$ID"
	run ctr state "$ID"
	assert_status 1
	assert_output_has "does not exist"
}

@test "the program does not run before start" {
	new_bundle
	set_sh 'echo started >/tmp/mark; while :; do sleep 0.05; done'
	update_config '.root.readonly = false'
	create_container
	sleep 0.2
	assert_missing "$BUNDLE/rootfs/tmp/mark"
	ctr start "$ID"
	wait_until 10 test -e "$BUNDLE/rootfs/tmp/mark"
}

@test "state is what the specification says" {
	new_bundle
	set_sleep
	update_config '.annotations = {"org.example.key": "value"}'
	create_container
	run ctr state "$ID"
	assert_success
	jq -e --arg id "$ID" --arg b "$BUNDLE" '(.ociVersion | test("^1\\.")) and .id == $id and .status == "created"
		and (.pid | type) == "number" and .bundle == $b and .annotations["org.example.key"] == "value"' <<<"$output"
	ctr start "$ID"
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	run ctr state "$ID"
	jq -e '.status == "stopped" and (.pid // 0) == 0' <<<"$output"
}

@test "the state validates against the schema's rules" {
	new_bundle
	create_container
	ctr state "$ID" | jq -e '[.ociVersion, .id, .status, .bundle] | all(type == "string")'
}

@test "commands on a container that is not there" {
	for c in state start kill delete pause resume ps exec; do
		args=()
		[ $c != exec ] || args=(true)
		run ctr $c nothing "${args[@]}"
		[ $c = exec ] && assert_status 255 || assert_status 1
		assert_output_has "does not exist"
	done
	run ctr delete --force nothing
	assert_success
}

@test "an id can be used once" {
	new_bundle
	create_container
	run ctr create -b "$BUNDLE" "$ID" 3>&-
	assert_status 1
	assert_output_has "already exists"
	assert_equal "$(status_of "$ID")" created
	run ctr run -b "$BUNDLE" "$ID" 3>&-
	assert_status 1
	assert_output_has "already exists"
}

@test "ids that are not allowed" {
	new_bundle
	for id in "" . .. a/b ../x "a b" .x "$(printf 'x%.0s' $(seq 1025))" $'a\nb' 'ä'; do
		! ctr create -b "$BUNDLE" -- "$id" >"$T/log" 2>&1 </dev/null 3>&- || fail "\"$id\" was taken"
		run ctr state -- "$id"
		assert_failure
	done
	assert_equal "$(ls "$ROOT")" ""
}

@test "ids that are allowed" {
	new_bundle
	for id in a A1 a.b a_b a-b a+b _x; do
		run ctr run -b "$BUNDLE" "$id" 3>&-
		assert_success
	done
}

@test "start twice, and after the end" {
	new_running
	run ctr start "$ID"
	assert_status 1
	assert_output_has "cannot start"
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	run ctr start "$ID"
	assert_status 1
}

@test "kill of a stopped container" {
	new_running
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	run ctr kill "$ID" TERM
	assert_status 1
	assert_output_has "container not running"
}

@test "kill takes names, short names and numbers" {
	new_bundle
	set_sh 'trap "echo usr1" USR1; trap "echo usr2" USR2; trap "echo hup" HUP; echo ready
		while :; do sleep 0.05; done'
	start_container
	wait_until 10 grep -q ready "$T/log"
	ctr kill "$ID" SIGUSR1
	wait_until 10 grep -q usr1 "$T/log"
	ctr kill "$ID" USR2
	wait_until 10 grep -q usr2 "$T/log"
	ctr kill "$ID" 1
	wait_until 10 grep -q hup "$T/log"
	run ctr kill "$ID" NOSUCH
	assert_status 1
	assert_output_has NOSUCH
	run ctr kill "$ID" 999
	assert_status 1
}

@test "kill without a signal is TERM" {
	new_bundle
	set_sh 'trap "echo term; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
	start_container
	wait_until 10 grep -q ready "$T/log"
	ctr kill "$ID"
	wait_status "$ID" stopped
	grep term "$T/log"
}

@test "kill with 0 sends nothing, and says whether somebody is there" {
	new_bundle
	set_args sleep 100
	start_container
	ctr kill "$ID" 0
	ctr kill --all "$ID" 0
	assert_equal "$(status_of "$ID")" running
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	run ctr kill "$ID" 0
	assert_failure
	assert_output_has "container not running"
}

@test "kill before start" {
	new_bundle
	create_container
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	ctr delete "$ID"
}

@test "kill --all" {
	needs_cgroup
	new_bundle
	set_sh 'setsid sleep 300 & setsid sleep 300 & echo ready; wait'
	start_container
	wait_until 10 grep -q ready "$T/log"
	ctr kill --all "$ID" KILL
	wait_status "$ID" stopped
}

@test "delete of a running container needs --force" {
	new_running
	run ctr delete "$ID"
	assert_status 1
	assert_equal "$(status_of "$ID")" running
	local pid
	pid=$(pid_of "$ID")
	ctr delete --force "$ID"
	wait_until 5 test ! -e "/proc/$pid"
	run ctr state "$ID"
	assert_failure
}

@test "delete kills what the program left in a pid namespace shared with the host" {
	needs_cgroup
	root_only
	new_bundle
	set_sh 'setsid sleep 287 >/dev/null 2>&1 & exit 0'
	update_config '.linux.namespaces |= map(select(.type != "pid"))'
	run_container
	assert_success
	sleep 0.1
	run pgrep -f 'sleep 287'
	assert_failure
}

@test "list: table, ids, JSON" {
	new_bundle
	set_sleep
	run ctr list -q
	assert_success
	assert_output ""
	run ctr list -f json
	jq -e '. == [] or . == null' <<<"$output"
	create_container
	run ctr list
	assert_output_has "$ID"
	assert_output_has created
	assert_output_has "$BUNDLE"
	run ctr list -q
	assert_output "$ID"
	run ctr list -f json
	jq -e --arg id "$ID" 'length == 1 and .[0].id == $id and .[0].status == "created" and .[0].pid > 0' <<<"$output"
	run ctr list -f nonsense
	assert_failure
}

@test "list: in the order of the ids" {
	mkdir "$ROOT/zz" "$ROOT/b" "$ROOT/B" "$ROOT/a.1" "$ROOT/a"
	run ctr list --quiet
	assert_output "B
a
a.1
b
zz"
	rmdir "$ROOT"/*
}

@test "list goes on when one container is damaged" {
	only_ctr
	new_running
	mkdir "$ROOT/broken"
	echo '{' >"$ROOT/broken/state.json"
	run ctr list
	assert_success
	assert_output_has "$ID"
	assert_output_has broken
	run ctr state broken
	assert_failure
	ctr delete --force broken
	assert_missing "$ROOT/broken"
}

@test "list: many, by all processors, are listed as by one" {
	only_ctr
	new_running
	for i in {100..299}; do
		mkdir "$ROOT/$i"
		echo '{' >"$ROOT/$i/state.json"
	done
	for format in table json; do
		ctr list -f $format >"$T/all"
		taskset -c "$(taskset -pc $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$RUNTIME" --root "$ROOT" list -f $format >"$T/one"
		cmp "$T/all" "$T/one"
	done
	jq -e --arg id "$ID" 'map(.id) == [$id]' "$T/all"
	ctr list >"$T/all"
	assert_equal "$(wc -l <"$T/all")" 202
	awk 'NR > 1 { print $1 }' "$T/all" | LC_ALL=C sort -c
	rm -r "$ROOT"/[12]*
}

@test "list: who runs in its cgroup now does not make a container run that has ended" {
	root_only
	needs_cgroup
	new_bundle
	set_sleep
	update_config '.linux.cgroupsPath = $p' --arg p "/shared-$BATS_TEST_NUMBER"
	start_container
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	ctr create -b "$BUNDLE" "$ID-2" >/dev/null 2>&1 3>&-
	ctr start "$ID-2"
	run ctr list -f json
	jq -e --arg id "$ID" 'map({(.id): .status}) | add == {($id): "stopped", ($id + "-2"): "running"}' <<<"$output" ||
		fail "$output"
	ctr delete --force "$ID-2"
	ctr delete "$ID"
}

@test "what a deletion leaves that was killed within is said, and goes with --force" {
	only_ctr
	mkdir "$ROOT/left"
	touch "$ROOT/left/seccomp.bpf" "$ROOT/left/.state.json.1"
	run ctr state left
	assert_status 1
	assert_output_has "delete --force removes it"
	run ctr delete left
	assert_status 1
	run ctr list
	assert_success
	assert_output_has left
	run ctr delete --force left
	assert_success
	assert_output ""
	assert_missing "$ROOT/left"
}

@test "ps: pids as JSON and ps's table" {
	needs_cgroup
	new_running
	run ctr ps -f json "$ID"
	assert_success
	jq -e --argjson p "$(pid_of "$ID")" 'index($p) != null' <<<"$output"
	needs ps procps
	run ctr ps "$ID"
	assert_success
	assert_output_has PID
	assert_output_has "$(pid_of "$ID")"
	run ctr ps "$ID" -o pid,comm
	assert_success
	assert_output_has COMMAND
}

@test "pause and resume" {
	needs_cgroup
	new_bundle
	set_sh 'i=0; while :; do i=$((i+1)); echo $i >/tmp/n; sleep 0.02; done'
	update_config '.root.readonly = false'
	start_container
	wait_until 10 test -s "$BUNDLE/rootfs/tmp/n"
	ctr pause "$ID"
	assert_equal "$(status_of "$ID")" paused
	a=$(cat "$BUNDLE/rootfs/tmp/n")
	sleep 0.3
	assert_equal "$(cat "$BUNDLE/rootfs/tmp/n")" "$a"
	run ctr exec "$ID" true 3>&-
	assert_status 255
	assert_output_has paused
	ctr resume "$ID"
	assert_equal "$(status_of "$ID")" running
	sleep 0.3
	[ "$(cat "$BUNDLE/rootfs/tmp/n")" != "$a" ]
	run ctr resume "$ID"
	assert_failure
}

@test "a paused container can be killed and deleted" {
	needs_cgroup
	new_running
	ctr pause "$ID"
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	ctr delete "$ID"
}

@test "pause of what does not run" {
	needs_cgroup
	new_running
	ctr kill "$ID" KILL
	wait_status "$ID" stopped
	run ctr pause "$ID"
	assert_status 1
	run ctr resume "$ID"
	assert_status 1
}

@test "a failed create leaves nothing" {
	new_bundle
	update_config '.mounts += [{destination: "/x", type: "bind", source: "/not/there", options: ["bind"]}]'
	run ctr create -b "$BUNDLE" "$ID" 3>&-
	assert_status 1
	assert_output_has "/not/there"
	assert_equal "$(ls "$ROOT")" ""
}

@test "the caller's death before start takes the waiting container along on delete" {
	new_bundle
	set_sleep
	create_container
	local pid
	pid=$(pid_of "$ID")
	ctr delete --force "$ID"
	wait_until 5 test ! -e "/proc/$pid"
}

@test "unknown commands, options and missing operands" {
	run ctr nonsense
	assert_status 1
	assert_output_has nonsense
	run ctr state
	assert_failure
	run ctr run --nonsense x
	assert_failure
	run ctr state a b
	assert_failure
}

@test "version, help, features" {
	run ctr --version
	assert_success
	assert_output_has "spec: 1."
	run ctr --help
	assert_success
	assert_output_has create
	run ctr features
	assert_success
	jq -e '.ociVersionMin and .ociVersionMax and (.hooks | length) > 0' <<<"$output"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ctr events and ctr stats. The container is a process in a cgroup and a network namespace of its own with the
# record that create would have written: what these commands need, without what they do not.

bats_require_minimum_version 1.5.0

CTR=${CTR:-${BATS_TEST_DIRNAME}/../build/ctr}

setup()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -x "$CTR" ] || skip "ctr is not built"
	for CG in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ "$(stat -fc %T "$CG" 2>/dev/null)" != cgroup2fs ] || break
	done
	[ "$(stat -fc %T "$CG")" = cgroup2fs ] || skip "needs cgroup2 mounted"
	ROOT=$(mktemp -d "${BATS_TMPDIR:-/tmp}/stats.XXXXXX")
	NAME=ctr-stats-$$-$BATS_TEST_NUMBER
	mkdir "$CG/$NAME"
	make_container c1
}

teardown()
{
	[ -z "${NAME:-}" ] || echo 1 >"$CG/$NAME/cgroup.kill" || :
	[ -z "${ROOT:-}" ] || rm -rf "$ROOT"
	[ -z "${NAME:-}" ] || for _ in $(seq 100); do
		rmdir "$CG/$NAME" 2>/dev/null && break
		sleep 0.02
	done
}

# Starts a process that waits, and writes the record; sets PID.
make_container()
{
	unshare -n sleep 300 3>&- &
	PID=$!
	echo $PID >"$CG/$NAME/cgroup.procs"
	for _ in $(seq 100); do
		[ "$(readlink /proc/$PID/ns/net)" = "$(readlink /proc/self/ns/net)" ] || break
		sleep 0.02
	done
	mkdir -p "$ROOT/$1"
	jq -n --arg id "$1" --arg boot "$(cat /proc/sys/kernel/random/boot_id)" --argjson pid $PID \
		--argjson start "$(sed 's/.*) //' /proc/$PID/stat | cut -d' ' -f20)" --arg cg "/$NAME" '{version: 1,
		ociVersion: "1.3.0", $id, bundle: "/b", rootfs: "/b/r", status: "running", bootId: $boot, $pid,
		startTime: $start, created: "2026-01-01T00:00:00Z", isolation: "namespaces", cgroupManager: "cgroupfs",
		cgroupPath: $cg, namespaces: 1073741824}' >"$ROOT/$1/state.json"
}

ctr() { "$CTR" --root "$ROOT" "$@"; }

@test "events --stats prints one object in the known layout" {
	run -0 --separate-stderr ctr events --stats c1
	[ "${#lines[@]}" = 1 ]
	jq -e '.type == "stats" and .id == "c1" and (.data.cpu.usage | .total == .total and has("kernel") and has("user"))
		and (.data | has("memory") and has("pids") and has("blkio"))
		and (.data.network_interfaces | map(.Name) | index("lo") != null)
		and (.data.network_interfaces[0] | has("RxBytes") and has("TxDropped"))' <<<"$output"
}

@test "events at an interval, until the container ends" {
	ctr events --interval 100ms c1 >"$ROOT/out" 3>&- &
	local watcher=$!
	sleep 0.55
	kill $PID
	wait $watcher
	[ "$(grep -c '"type":"stats"' "$ROOT/out")" -ge 4 ]
	jq -es 'map(.id == "c1") | all' "$ROOT/out"
}

@test "events ends when nobody reads" {
	run -0 timeout 10 sh -c "'$CTR' --root '$ROOT' events --interval 1h c1 | head -n 1"
	jq -e '.type == "stats"' <<<"$output"
}

@test "events of a container that is not there, or not alive" {
	run -1 ctr events nope
	[[ "$output" == *'container "nope" does not exist'* ]]
	kill $PID
	wait $PID || :
	run -1 ctr events c1
	[[ "$output" == *'container "c1" is not running (state stopped)'* ]]
	for i in 0 -1s 5x ""; do
		run -1 ctr events --interval "$i" c1
		[[ "$output" == *'--interval: invalid interval'* ]]
	done
}

@test "events reports a process that was killed for lack of memory" {
	[ -e "$CG/$NAME/memory.max" ] || skip "the memory controller is not in cgroup2 here"
	ctr events --interval 1h c1 >"$ROOT/out" 3>&- &
	local watcher=$!
	sleep 0.3
	echo 20M >"$CG/$NAME/memory.max"
	[ ! -e "$CG/$NAME/memory.swap.max" ] || echo 0 >"$CG/$NAME/memory.swap.max"
	sh -c "echo \$\$ >'$CG/$NAME/cgroup.procs'; exec tail /dev/zero" 3>&- || :
	kill $PID
	wait $watcher
	grep -q '"type":"oom","id":"c1","data":{"count":1}' "$ROOT/out"
	# the first process was not the victim, so there is one event
	[ "$(grep -c '"type":"oom"' "$ROOT/out")" = 1 ]
}

@test "events reports memory.high" {
	[ -e "$CG/$NAME/memory.high" ] || skip "the memory controller is not in cgroup2 here"
	ctr events --interval 1h c1 >"$ROOT/out" 3>&- &
	local watcher=$!
	sleep 0.3
	echo 10M >"$CG/$NAME/memory.high"
	timeout 3 sh -c "echo \$\$ >'$CG/$NAME/cgroup.procs'; exec head -c 30M /dev/zero | tail" 3>&- >/dev/null || :
	kill $PID
	wait $watcher
	grep -q '"type":"memory.high"' "$ROOT/out"
}

@test "stats: a table of 79 columns, one row per container" {
	make_container a-name-that-is-longer-than-its-column
	run -0 ctr stats --once
	[ "${#lines[@]}" = 3 ]
	for line in "${lines[@]}"; do
		[ ${#line} = 79 ]
	done
	[[ "${lines[0]}" == "ID "*"CPU%"*"MEM"*"PEAK"*"PIDS"*"PSI"* ]]
	[[ "${lines[1]}" == "a-name-that-is "* ]]
	[[ "${lines[2]}" == "c1 "* ]]
	run -0 ctr stats --once c1
	[ "${#lines[@]}" = 2 ]
}

@test "stats: CPU use is measured, a paused container shows" {
	sh -c "echo \$\$ >'$CG/$NAME/cgroup.procs'; while :; do :; done" 3>&- &
	sleep 0.2
	run -0 ctr stats --once --format json c1
	jq -e '.[0].cpuPercent > 20 and .[0].cpuPercent < 110' <<<"$output"
	echo 1 >"$CG/$NAME/cgroup.freeze"
	sleep 0.1
	run -0 ctr stats --once c1
	[[ "${lines[1]}" == *" paused "* ]]
}

@test "stats --format json: an array with the data of events" {
	run -0 ctr stats --once --format json
	jq -e --argjson pid $PID 'length == 1 and .[0].id == "c1" and .[0].pid == $pid and .[0].status == "running"
		and (.[0].data | has("cpu"))' <<<"$output"
	kill $PID
	wait $PID || :
	run -0 ctr stats --once --format json
	[ "$output" = "[]" ]
}

@test "stats: named containers must be alive in the beginning; the end of all ends it" {
	run -1 ctr stats --once c1 nope
	[[ "$output" == *'container "nope" does not exist'* ]]
	ctr stats -i 100ms c1 >"$ROOT/out" 3>&- &
	local viewer=$!
	sleep 0.5
	kill $PID
	wait $viewer
	[ "$(grep -c ^c1 "$ROOT/out")" -ge 2 ]
	tail -n 1 "$ROOT/out" | grep -q ^c1
	run -1 ctr stats --format xml
	[[ "$output" == *'must be table or json'* ]]
}

# SPDX-License-Identifier: Apache-2.0
# The benchmark runs, and its page says what was measured; not how fast anything is.

load helpers

setup()
{
	test_setup
	only_ctr "its own benchmark"
	root_only "mounts, cgroups"
	needs cc gcc
	needs python3
	needs_cgroup
	[ "$(uname -m)" = x86_64 ] || skip "the floor program was tried on x86-64 only"
}

@test "bench: ctr and the floor, a few rounds, and the page of them" {
	BENCH_DIR=$T/out RUNTIMES="ctr=$RUNTIME again=$RUNTIME" FIFO=0 MANY=3 ONLY='^(run-default|run-docker|exec|state|run-8-at-once)$' \
		"$TOP/tests/bench/run" 4 >"$T/text" 2>&1 || { cat "$T/text" >&2; return 1; }
	jq -e '.notes == []' "$T/out/bench.json" || { jq .notes "$T/out/bench.json" >&2; return 1; }
	for metric in run-default run-docker exec state run-8-at-once; do
		jq -e --arg m $metric '.metrics[$m] | [.ctr, .again, .floor] | all(length == 4)' "$T/out/bench.json"
	done
	jq -e '.numbers["syscalls-default"] | .ctr > .floor and .floor > 50' "$T/out/bench.json"
	"$TOP/tests/bench/report" "$T/out/bench.json" "$T/page"
	grep -q '^| run, default bundle | [0-9.]* | 0.50 | 0.38 | ' "$T/page/bench.md"
	grep -q '^| container side | mount | ' "$T/page/bench.md"
	# Which calls have rows of their own depends on what took longest.
	grep -q '^| \*\*sum\*\* | [0-9]* | [0-9]* | [0-9]* | [0-9]* | [0-9]* |$' "$T/page/bench.md"
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$T/page/bench.svg"
	ctr trace "$T/out/trace.json" | grep -q 'ctr run'
}

@test "bench: a target that is not reached is missed" {
	jq -n '{about: {runtimes: ["ctr", "peer"], versions: {}, many: 10, rounds: 5, fifo: true, machine: "m", cpus: 1, kernel: "k",
		architecture: "a", date: "d", commit: "c", controllers: [], load: 0}, notes: [],
		metrics: {"run-default": {ctr: {"1": [6, 10], "2": [6, 10], "3": [6, 10], "4": [6, 10]},
			peer: {"1": [10, 100], "2": [10, 100], "3": [10, 100], "4": [10, 100]}}},
		numbers: {"syscalls-default": {ctr: 30, peer: 100}, "mapped-kb": {ctr: 20, peer: 100}},
		profiles: {spans: {default: {"1 plan": 30, "2 pivot": 70, "2 root": 1}}, parts: {"our own": 15, yajl: 5},
			calls: {"run-default": {ctr: {mount: [10, 250], poll: [2, 900], getpid: [1, 5]}, peer: {mount: [20, 500]},
				floor: {mount: [8, 80], close: [1, 4]}}}}}' >"$T/made.json"
	"$TOP/tests/bench/report" "$T/made.json" "$T/page"
	for row in '| run, default bundle | 0.60 | 0.50 | 0.38 | - | [missed](#profile-run) |' \
		'| peak RSS of a run, default | 0.10 | 0.45 | 0.30 | - | aim reached |' \
		'| system calls of a run, default | 0.30 | 0.45 | 0.33 | - | aim reached |' \
		'| exec, default | - | 0.40 | 0.20 | - | not measured |' \
		'| binary and what it maps | 0.20 | 0.15 | - | - | [missed](#profile-binary) |'; do
		grep -qxF "$row" "$T/page/bench.md" || fail "no row $row"
	done
	# Of each missed target the profile, and of no other: what is long, without the tracer's share and without waits.
	assert_equal "$(grep '^### ' "$T/page/bench.md")" "### Profile: run
### Profile: binary"
	for row in '| host side | plan | 30 |' '| container side | pivot | 70 |' '| mount | 10 | 20 | 8 | 200 | 48 |' '| poll | 2 | 0 | 0 | 0 | 0 |' \
		'| **sum** | 13 | 20 | 9 | 200 | 48 |' '| our own | 15 |'; do
		grep -qxF "$row" "$T/page/bench.md" || fail "no row $row"
	done
	run ! grep -F '| container side | root |' "$T/page/bench.md"
}

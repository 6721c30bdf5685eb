# SPDX-License-Identifier: Apache-2.0
# rootless
# --trace: where the time went, of every side; and the picture of it. --debug: the same as lines.

load helpers

setup() { test_setup; only_ctr "--trace, and what --debug says"; }

# spans FILE LANE: names in the order of their beginning. Lanes: 1 host side, 2 container side, 3 hooks, 4 program.
spans() { jq -r --argjson lane "$2" '[.traceEvents[] | select(.ph == "X" and .tid == $lane)] | sort_by(.args.start_ns)[].name' "$1"; }

# Spans of the container side follow each other without a gap, and everything lies within the command's time.
check_times()
{
	jq -e '[.traceEvents[] | select(.ph == "X")] as $all | ($all | map(.args.start_ns + .args.ns) | max) as $last
		| ($all | map(select(.tid == 2)) | sort_by(.args.start_ns)) as $inside
		| ($all | all(.args.ns >= 0 and .args.start_ns >= 0 and .args.start_ns + .args.ns <= $last))
		and ([range(1; $inside | length)] | all($inside[.].args.start_ns == $inside[. - 1].args.start_ns + $inside[. - 1].args.ns))
		and ($all | all((.ts * 1000 - .args.start_ns | fabs) < 1.5))' "$1" >"$T/times" || { cat "$1" >&2; return 1; }
}

@test "trace: run shows each step of the plan in its order, the host side and the program" {
	new_bundle
	set_args true
	ctr run --dry-run -b "$BUNDLE" "$ID" | jq -r '.. | objects | select(has("step")).step' >"$T/steps"
	run_container --trace "$T/trace"
	assert_success
	check_times "$T/trace"
	spans "$T/trace" 2 | grep -vx -e 'namespaces, enter ctr-init' -e 'take the plan' -e execve | diff - "$T/steps"
	for name in "read config.json" plan clone "wait for the container side" destroy; do spans "$T/trace" 1 | grep -qxF "$name"; done
	assert_equal "$(spans "$T/trace" 4)" program
	assert_equal "$(jq -r '.otherData | "\(.command) \(.container) \(.failure)"' "$T/trace")" "run $ID null"
	jq -e '[.traceEvents[] | select(.name == "mount").args.detail] | index("/proc") != null' "$T/trace"
}

@test "trace: create, start and exec, and hooks of both sides with their time" {
	new_bundle
	set_sleep
	update_config '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "sleep 0.2"]}],
		startContainer: [{path: "/bin/sh", args: ["sh", "-c", "sleep 0.2"]}], poststart: [{path: "/bin/true"}]}'
	create_container --trace "$T/create"
	ctr start --trace "$T/start" "$ID"
	ctr exec --trace "$T/exec" "$ID" true
	for f in create start exec; do check_times "$T/$f"; done
	assert_equal "$(spans "$T/create" 3)" createRuntime
	jq -e '.traceEvents[] | select(.name == "createRuntime") | .args.ns >= 200000000 and .args.detail == "/bin/sh"' "$T/create"
	spans "$T/create" 2 | tail -n 1 | grep -qx lookup
	assert_equal "$(spans "$T/start" 3 | tr '\n' ' ')" "startContainer poststart "
	jq -e '.traceEvents[] | select(.name == "start_hook") | .args.ns >= 200000000' "$T/start"
	assert_equal "$(spans "$T/start" 2 | tail -n 2 | tr '\n' ' ')" "exec execve "
	spans "$T/exec" 2 | grep -qx join
	assert_equal "$(spans "$T/exec" 4)" program
	ctr delete --force "$ID"
}

@test "trace: without it the container side is not asked for a stamp" {
	root_only "strace follows into other ids only for root"
	needs strace
	new_bundle
	set_args true
	strace -f -qq -e trace=execveat,sendmsg -o "$T/off" "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	strace -f -qq -e trace=execveat,sendmsg -o "$T/on" "$RUNTIME" --root "$ROOT" run --trace "$T/trace" -b "$BUNDLE" "$ID"
	grep -q '"ctr-init", "[0-9]*", "trace"\]' "$T/on"
	grep -q '"ctr-init", "[0-9]*"\]' "$T/off"
	[ "$(grep -c sendmsg "$T/off")" -lt "$(grep -c sendmsg "$T/on")" ]
}

# ---- --debug: the same marks, as lines --------------------------------------------------------------------------

@test "debug: without a log, standard error has what was decided and each step in its order" {
	new_bundle
	set_args sh -c 'echo out; exit 3'
	try ctr --debug run --trace "$T/trace" -b "$BUNDLE" "$ID"
	assert_status 3
	grep -v '^ctr: warning: ' <<<"$output" | grep -vx out | grep -v '^ctr: debug: ' && return 1
	for line in "caller: uid $(id -u), " "bundle: $BUNDLE, root $BUNDLE/rootfs" "isolation: namespaces" "cgroup: " "seccomp: "; do
		grep -qF "ctr: debug: $line" <<<"$output" || { echo "no $line in $output" >&2; return 1; }
	done
	grep -q '^ctr: debug: namespaces: new:.* mount.* pid' <<<"$output"
	grep -qx 'ctr: debug: container side: mount /proc' <<<"$output"
	diff <(sed -n 's/^ctr: debug: container side: //p' <<<"$output") \
		<(jq -r '[.traceEvents[] | select(.ph == "X" and .tid == 2)][] | .name + (if .args.detail then " " + .args.detail else "" end)' "$T/trace")
	diff <(sed -n 's/^ctr: debug: host side: //p' <<<"$output") \
		<(jq -r '[.traceEvents[] | select(.ph == "X" and .tid == 1)][] | .name + (if .args.detail then " " + .args.detail else "" end)' "$T/trace")
}

@test "debug: with a log the lines are its records, and an error is the last of them" {
	new_bundle
	set_args missing-program
	try ctr --debug --log "$T/log" --log-format json run -b "$BUNDLE" "$ID"
	assert_status 127
	grep -q debug <<<"$output" && return 1
	jq -es 'all(has("level") and has("msg") and has("time")) and (.[:-1] | length > 20 and all(.level == "debug"))
		and .[-1].level == "error" and any(.msg == "container side: lookup missing-program")' "$T/log"
	try ctr --debug --log "$T/text" run -b "$BUNDLE" "$ID"
	grep -q '^[0-9TZ:.-]* debug: host side: clone$' "$T/text"
	tail -n 1 "$T/text" | grep -q ' error: exec: "missing-program"'
}

@test "debug: every command of a life; one line each, whatever names hold; and features stays a document" {
	new_bundle
	set_sleep
	update_config '.mounts += [{destination: "/mnt/a\nb", type: "tmpfs", source: "tmpfs"}]'
	ctr --debug create -b "$BUNDLE" "$ID" >"$T/log" 2>&1 </dev/null 3>&-
	grep -q '^ctr: debug: container side: mount /mnt/a' "$T/log"
	grep -v '^ctr: ' "$T/log" && return 1
	try ctr --debug start "$ID"
	assert_output_has "ctr: debug: host side: start: until the program is executed"
	try ctr --debug exec "$ID" sh -c 'exit 4'
	assert_status 4
	assert_output_has "ctr: debug: container side: join"
	try ctr --debug delete --force "$ID"
	assert_output_has "ctr: debug: host side: destroy"
	assert_equal "$(ctr --debug features 2>&1)" "$(ctr features)"
}

@test "debug: without it nothing is said, to no log either" {
	new_bundle
	set_args true
	ctr --log "$T/log" run -b "$BUNDLE" "$ID" 2>"$T/err"
	grep debug "$T/log" "$T/err" && return 1
	return 0
}

@test "trace: more steps than are kept at once" {
	new_bundle
	set_args true
	mkdir "$T/source"
	update_config '.mounts += [range(150) | {destination: "/mnt/\(.)", type: "bind", source: $s, options: ["bind"]}]' --arg s "$T/source"
	run_container --trace "$T/trace"
	assert_success
	check_times "$T/trace"
	assert_equal "$(spans "$T/trace" 2 | grep -cx mount)" "$(jq '.mounts | length' "$BUNDLE/config.json")"
}

@test "trace: a time namespace does not move the container side's time" {
	[ -e /proc/self/ns/time ] || skip "the kernel has no time namespaces"
	new_bundle
	set_args true
	update_config '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: 86400}, boottime: {secs: 86400}}'
	run_container --trace "$T/trace"
	assert_success
	check_times "$T/trace"
	jq -e '[.traceEvents[] | select(.ph == "X" and .tid == 2).args.ns] | add > 100000 and add < 60000000000' "$T/trace"
}

@test "trace: of a failed command, with the reason; a file that cannot be written is found before anything is done" {
	new_bundle
	set_args /missing
	run_container --trace "$T/trace"
	assert_status 127
	check_times "$T/trace"
	jq -e '.otherData.failure | contains("/missing")' "$T/trace"
	assert_equal "$(spans "$T/trace" 2 | tail -n 1)" lookup
	set_args touch /proof
	run_container --trace "$T/missing/trace"
	assert_status 1
	assert_output_has "open trace $T/missing/trace: no such file or directory"
	assert_missing "$BUNDLE/rootfs/proof"
}

@test "trace: ctr trace draws it, whatever the names hold" {
	new_bundle
	set_args true
	update_config '.annotations = {} | .mounts += [{destination: "/mnt/<&\"\u0001>", type: "tmpfs", source: "tmpfs"}]'
	run_container --trace "$T/trace"
	assert_success
	ctr trace "$T/trace" >"$T/svg"
	python3 - "$T/svg" "$ID" <<'PY'
import sys, xml.dom.minidom
text = "".join(n.data for t in xml.dom.minidom.parse(sys.argv[1]).getElementsByTagName("text") for n in t.childNodes if n.nodeType == 3)
for word in ("ctr run " + sys.argv[2], "host side", "container side", "program", "read config.json", "execve", "mount"):
    assert word in text, word
PY
	jq '.traceEvents |= map(if .args then .args.ns = 1 else . end) | .traceEvents |= map(select(.name != "mount" or .args.detail == "/mnt/<&\"\u0001>"))' \
		"$T/trace" >"$T/one"
	ctr trace "$T/one" | python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin); '
	ctr trace "$T/one" | grep -qF '/mnt/&lt;&amp;&quot;?&gt;'
}

@test "trace: what is not a trace is refused" {
	echo '{}' >"$T/empty"
	try ctr trace "$T/empty"
	assert_status 1
	assert_output_has otherData
	echo '{"otherData": {"command": "run", "container": "x"}, "traceEvents": [{"ph": "X", "name": "a", "ts": 1.5, "dur": 2}]}' >"$T/foreign"
	try ctr trace "$T/foreign"
	assert_status 1
	assert_output_has "it has no spans of ctr"
	try ctr trace "$T/none"
	assert_status 1
	assert_output_has "open $T/none: missing"
}

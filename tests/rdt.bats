# SPDX-License-Identifier: Apache-2.0
# linux.intelRdt against a resctrl filesystem that is played (tests/lib/fake-resctrl.c): no hardware is needed.

load helpers

setup_file()
{
	[ "$(id -u)" = 0 ] || return 0
	cc -O1 -o "$BATS_FILE_TMPDIR/fake-resctrl" "$BATS_TEST_DIRNAME/lib/fake-resctrl.c"
}

setup()
{
	test_setup
	root_only
	R=$T/resctrl
	mkdir "$R"
	new_bundle
	set_sleep
}

# rdt JSON: linux.intelRdt of the bundle.
rdt() { update_config ".linux.intelRdt = $1"; }

# play SCRIPT: with functions ctr and show, on the played machine; sets status and output.
play()
{
	cat >"$T/play" <<-EOF
	ctr() { timeout -k 5 60 "$RUNTIME" --root "$ROOT" "\$@"; }
	make() { ctr run -d -b "$BUNDLE" "$ID" >"$T/log" 2>&1 </dev/null || { cat "$T/log"; return 1; }; }
	pid() { ctr state "$ID" | jq .pid; }
	$1
	EOF
	try "$BATS_FILE_TMPDIR/fake-resctrl" "$R" bash "$T/play"
}

@test "rdt: without a resctrl mount (E27)" {
	rdt '{}'
	run_container
	assert_status 1
	assert_output_has "linux.intelRdt: resctrl is not mounted on this machine"
}

@test "rdt: an empty object: a group of the container's id, gone with it" {
	rdt '{}'
	play "make && cat $R/$ID/tasks && echo && pid && ctr delete --force $ID && ls $R"
	assert_success
	assert_equal "${lines[0]}" "${lines[1]}"
	[ "${lines[0]}" -gt 1 ]
	assert_output_lacks "$ID"
}

@test "rdt: schemata in their order" {
	rdt '{ l3CacheSchema: "L3:0=f;1=f0", memBwSchema: "MB:0=50", schemata: ["L2:0=3", "MB:1=20"] }'
	play "make && cat $R/$ID/schemata; ctr delete --force $ID"
	assert_success
	# A file only takes what is written; the kernel would merge it.
	assert_equal "$(head -n 4 <<<"$output")" $'L3:0=f;1=f0\nMB:0=50\nL2:0=3\nMB:1=20'
}

@test "rdt: without the member no file is touched" {
	play "make && ls $R; ctr delete --force $ID"
	assert_success
	assert_output_lacks "$ID"
}

@test "rdt: closID: made where it is missing, never removed" {
	rdt '{ closID: "gold", schemata: ["L3:0=f"] }'
	play "make && cat $R/gold/tasks && echo && ctr delete --force $ID && ls $R"
	assert_success
	assert_line gold
}

@test "rdt: closID that exists: compared by meaning, all schemata included (E28)" {
	rdt '{ closID: "gold", l3CacheSchema: "L3:0=0FFFFF", memBwSchema: "MB: 0=100", schemata: ["L3:1=fffff"] }'
	play "mkdir $R/gold; make && grep -c . $R/gold/tasks; ctr delete --force $ID; ls $R"
	assert_success
	assert_line gold
	for other in '{ closID: "gold", l3CacheSchema: "L3:0=ff" }' '{ closID: "gold", memBwSchema: "MB:0=10" }' \
		'{ closID: "gold", schemata: ["L3:1=1"] }' '{ closID: "gold", schemata: ["L2:0=1"] }'; do
		rdt "$other"
		play "mkdir $R/gold 2>/dev/null; make; ls $ROOT"
		assert_output_has "linux.intelRdt: group $R/gold exists with other schemata"
		assert_output_lacks "$ID"
	done
}

@test "rdt: closID without schemata must exist (E29)" {
	rdt '{ closID: "gold" }'
	play "make; ls $R"
	assert_output_has "linux.intelRdt.closID: group $R/gold: missing"
	play "mkdir $R/gold; make && cat $R/gold/tasks && ctr delete --force $ID"
	assert_success
}

@test "rdt: the root group" {
	rdt '{ closID: "/" }'
	play "make && cat $R/tasks && echo && pid; ctr delete --force $ID; ls $R"
	assert_success
	assert_equal "${lines[0]}" "${lines[1]}"
	assert_line tasks
}

@test "rdt: monitoring group, gone with the container (E30)" {
	rdt '{ closID: "/", enableMonitoring: true }'
	play "make && cat $R/mon_groups/$ID/tasks && ctr delete --force $ID && ls $R/mon_groups"
	assert_success
	assert_output_lacks "$ID"
	play "mkdir $R/mon_groups/$ID; make; ls $ROOT $R/mon_groups"
	assert_output_has "linux.intelRdt.enableMonitoring: make group $R/mon_groups/$ID: file exists"
	# What was there stays, and nothing else.
	assert_line "$ID"
}

@test "rdt: a group of the container's id that is somebody else's" {
	rdt '{}'
	play "mkdir $R/$ID; make; ls -d $R/$ID"
	assert_output_has "linux.intelRdt: make group $R/$ID: file exists"
	assert_line "$R/$ID"
}

@test "rdt: a failed start leaves no group" {
	rdt '{ enableMonitoring: true }'
	set_args /nowhere
	play "make; ls $R $R/mon_groups"
	assert_output_has "no such file or directory"
	assert_output_lacks "resctrl/$ID"
	run ls "$R"
	assert_output_lacks "$ID"
}

@test "rdt: exec joins the group" {
	rdt '{}'
	play "make && ctr exec -d --pid-file $T/x $ID sleep 100 && cat $T/x && echo && cat $R/$ID/tasks; ctr delete --force $ID"
	assert_success
	# A file keeps the last write alone.
	assert_equal "${lines[0]}" "${lines[1]}"
}

@test "rdt: names and lines that cannot be" {
	for bad in '{ closID: ".." }' '{ closID: "a/b" }' '{ l3CacheSchema: "L3:0=f\nMB:0=1" }' '{ memBwSchema: "0=1" }' \
		'{ schemata: ["L3:0=f\n"] }'; do
		rdt "$bad"
		run_container
		assert_status 1
		assert_output_has "linux.intelRdt."
	done
}

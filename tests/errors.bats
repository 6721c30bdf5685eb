#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bad input: every case is refused with one line on stderr and leaves nothing behind.
# rootless

load helpers

setup() { test_setup; new_bundle; set_args /bin/true; }

# Runs the container with stderr apart; checks that it failed in one line and left no state.
refused()
{
	status=0
	ctr run -b "$BUNDLE" "$ID" </dev/null >"$T/out" 2>"$T/err" || status=$?
	output=$(cat "$T/out") stderr=$(cat "$T/err")
	[ "$status" -ne 0 ] || { echo "it was taken"; return 1; }
	[ "$status" -lt 128 ]
	[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ] || { echo "more than one line: $stderr"; return 1; }
	[ -n "$stderr" ]
	[ -z "$output" ]
	[ ! -e "$ROOT/$ID" ]
	for word in "$@"; do
		case $stderr in *"$word"*) ;; *) echo "no \"$word\" in: $stderr"; return 1 ;; esac
	done
}

# Each argument is a jq filter and the word that the message must have.
each_refused()
{
	cp "$BUNDLE/config.json" "$BUNDLE/good.json"
	while [ $# -gt 0 ]; do
		cp "$BUNDLE/good.json" "$BUNDLE/config.json"
		update_config "$1"
		echo "# $1"
		refused "$2"
		shift 2
	done
}

raw() { printf '%s' "$1" >"$BUNDLE/config.json"; }

@test "no config.json" {
	rm "$BUNDLE/config.json"
	refused config.json missing '`ctr spec` writes one'
}

@test "empty, blank and truncated config.json" {
	cp "$BUNDLE/config.json" "$BUNDLE/good.json"
	: >"$BUNDLE/config.json"
	refused config.json
	raw '   '
	refused config.json
	cp "$BUNDLE/good.json" "$BUNDLE/config.json"
	size=$(stat -c %s "$BUNDLE/config.json")
	for at in 1 2 10 $((size / 2)) $((size - 3)); do
		head -c "$at" "$BUNDLE/config.json" >"$BUNDLE/part"
		cp "$BUNDLE/config.json" "$BUNDLE/whole"
		mv "$BUNDLE/part" "$BUNDLE/config.json"
		refused config.json
		mv "$BUNDLE/whole" "$BUNDLE/config.json"
	done
}

@test "config.json of 100 MB is refused at once" {
	head -c 104857600 /dev/zero | tr '\0' ' ' >"$BUNDLE/config.json"
	start=$(date +%s)
	refused config.json
	[ $(($(date +%s) - start)) -lt 5 ]
}

@test "three million nested arrays are refused without a crash" {
	{ printf '{"x":'; head -c 3000000 /dev/zero | tr '\0' '['; head -c 3000000 /dev/zero | tr '\0' ']'
	  printf '}'; } >"$BUNDLE/config.json"
	refused config.json
}

@test "text after the document, arrays and scalars as a document" {
	cp "$BUNDLE/config.json" "$BUNDLE/good.json"
	for tail in '{}' 'x' ']' '"a"'; do
		{ cat "$BUNDLE/good.json"; printf '%s' "$tail"; } >"$BUNDLE/config.json"
		refused config.json
	done
	for text in '[]' '"a"' 7 null true; do
		raw "$text"
		refused config.json
	done
}

@test "NUL and invalid UTF-8 in strings" {
	cp "$BUNDLE/config.json" "$BUNDLE/good.json"
	sed 's#"/bin/true"#"/bin/true\\u0000x"#' "$BUNDLE/good.json" >"$BUNDLE/config.json"
	refused process.args
	sed 's#"hostname": "[^"]*"#"hostname": "a\\u0000b"#' "$BUNDLE/good.json" >"$BUNDLE/config.json"
	refused hostname
	sed "s#\"/bin/true\"#\"/bin/\\xff\\xfe\"#" "$BUNDLE/good.json" >"$BUNDLE/config.json"
	refused config.json
	sed "s#\"/bin/true\"#\"/bin/\\x00\"#" "$BUNDLE/good.json" >"$BUNDLE/config.json"
	refused config.json
}

@test "wrong types of what protects are errors, not absences" {
	each_refused \
		'.linux.namespaces={}' linux.namespaces \
		'.linux.namespaces="pid"' linux.namespaces \
		'.process.noNewPrivileges="true"' process.noNewPrivileges \
		'.process.noNewPrivileges=1' process.noNewPrivileges \
		'.root.readonly="true"' root.readonly \
		'.linux.seccomp=[]' linux.seccomp \
		'.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:{}}' linux.seccomp.syscalls \
		'.linux.maskedPaths="/proc/kcore"' linux.maskedPaths \
		'.linux.maskedPaths={}' linux.maskedPaths \
		'.linux.maskedPaths=["/a",7]' 'linux.maskedPaths[1]' \
		'.linux.readonlyPaths="/proc"' linux.readonlyPaths \
		'.process.capabilities=[]' process.capabilities \
		'.process.capabilities.bounding="CAP_KILL"' process.capabilities.bounding \
		'.process.rlimits[0].soft="7"' 'process.rlimits[0].soft' \
		'.process.user.uid=0.9' process.user.uid \
		'.process.user.uid=-1' process.user.uid \
		'.process.user.uid=4294967296' process.user.uid \
		'.process.user.uid=4294967295' process.user.uid \
		'.process.args=["a",null]' 'process.args[1]' \
		'.mounts={}' mounts \
		'.hooks=[]' hooks \
		'.linux=[]' linux
}

@test "duplicate members are refused" {
	sed -i 's#"noNewPrivileges": true#"noNewPrivileges": true, "noNewPrivileges": false#' "$BUNDLE/config.json"
	refused noNewPrivileges
}

@test "unknown members and null are ignored" {
	update_config '.extra={a:[1,{b:2}]} | .linux.more="x" | .process.NoNewPrivileges=false | .linux.seccomp=null'
	run_container
	assert_status 0
}

@test "values that the specification forbids" {
	each_refused \
		'.ociVersion="2.0.0"' ociVersion \
		'.ociVersion="x"' ociVersion \
		'.ociVersion=""' ociVersion \
		'del(.ociVersion)' ociVersion \
		'.process.cwd="tmp"' process.cwd \
		'.process.cwd=""' process.cwd \
		'del(.process.cwd)' process.cwd \
		'.process.args=[]' process.args \
		'del(.process.args)' process.args \
		'.process.rlimits=[{type:"RLIMIT_X",soft:1,hard:1}]' 'process.rlimits[0].type' \
		'.process.rlimits=[{type:"RLIMIT_CORE",soft:1,hard:1},{type:"RLIMIT_CORE",soft:1,hard:1}]' process.rlimits \
		'.process.rlimits=[{type:"RLIMIT_CORE",soft:2,hard:1}]' 'process.rlimits[0]' \
		'.hooks={prestart:[{path:"bin/x"}]}' hooks.prestart \
		'.hooks={poststop:[{path:"/bin/true",timeout:0}]}' 'hooks.poststop[0].timeout' \
		'.hooks={poststop:[{path:"/bin/true",timeout:-1}]}' 'hooks.poststop[0].timeout' \
		'.linux.maskedPaths=["proc/kcore"]' linux.maskedPaths \
		'.linux.readonlyPaths=["proc"]' linux.readonlyPaths \
		'.linux.namespaces+=[{type:"pid"}]' linux.namespaces \
		'.linux.namespaces+=[{type:"foo"}]' linux.namespaces \
		'.linux.namespaces[0].path="proc/1/ns/pid"' 'linux.namespaces[0].path' \
		'.linux.seccomp={defaultAction:"SCMP_ACT_KILL",defaultErrnoRet:1}' defaultErrnoRet \
		'.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",listenerMetadata:"x"}' listenerMetadata \
		'.linux.seccomp={defaultAction:"SCMP_ACT_WHAT"}' defaultAction \
		'.linux.rootfsPropagation="sideways"' rootfsPropagation \
		'.linux.personality={domain:"LINUX64"}' linux.personality \
		'.mounts+=[{destination:"/m",type:"tmpfs",source:"t",uidMappings:[{containerID:0,hostID:0,size:1}]}]' Mappings \
		'.mounts+=[{destination:"/m",type:"bind",source:"/tmp",options:["bind","what=ever"]}]' what=ever \
		'.mounts+=[{destination:"/m",type:"sysfs",source:"s",options:["tmpcopyup"]}]' tmpcopyup \
		'.mounts+=[{type:"tmpfs",source:"t"}]' destination \
		'.linux.devices=[{path:"/dev/x",type:"q",major:1,minor:1}]' 'linux.devices[0].type' \
		'.linux.devices=[{path:"dev/x",type:"c",major:1,minor:1}]' 'linux.devices[0].path' \
		'.linux.devices=[{path:"/dev/x",type:"c"}]' 'linux.devices[0]' \
		'.process.scheduler={policy:"SCHED_WHAT"}' process.scheduler \
		'.process.ioPriority={class:"IOPRIO_CLASS_X",priority:1}' process.ioPriority \
		'.process.oomScoreAdj=1001' oomScoreAdj \
		'.process.user.umask=4096' umask \
		'.process.env=["NOEQUALS"]' 'process.env' \
		'.root.path=""' root.path \
		'del(.root)' root
}

@test "idmap needs mappings or a user namespace" {
	root_only
	each_refused '.mounts+=[{destination:"/m",type:"bind",source:"/tmp",options:["bind","idmap"]}]' uidMappings
}

@test "ids: empty, slash, dots, too long" {
	for id in '' a/b / . .. ../x 'a b' "$(head -c 5000 /dev/zero | tr '\0' a)" "$(printf 'a\nb')"; do
		run --separate-stderr ctr run -b "$BUNDLE" -- "$id"
		[ "$status" -ne 0 ] || { echo "id \"$id\" was taken"; return 1; }
		[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ] || { echo "id \"$id\": $stderr"; return 1; }
		for command in state kill delete start; do
			run ctr "$command" -- "$id"
			[ "$status" -ne 0 ]
		done
	done
	[ -z "$(ls -A "$ROOT")" ]
	[ -d "$BUNDLE" ]
}

@test "no id and too many operands" {
	for command in state start kill delete create run exec pause resume; do
		run ctr "$command"
		[ "$status" -ne 0 ]
	done
	run ctr state a b
	[ "$status" -ne 0 ]
}

@test "an unknown id" {
	for command in state start kill delete pause resume ps; do
		run ctr "$command" nobody
		assert_status 1
		assert_output_has "does not exist"
	done
	run ctr delete --force nobody
	assert_status 0
}

@test "an id in use" {
	set_args /bin/sleep 100
	create_container
	run ctr create -b "$BUNDLE" "$ID"
	assert_status 1
	assert_output_has "$ID"
	[ "$(ctr state "$ID" | jq -r .status)" = created ]
	run ctr run -b "$BUNDLE" "$ID"
	assert_status 1
	[ "$(ctr state "$ID" | jq -r .status)" = created ]
}

@test "a root filesystem that is missing or a file" {
	update_config '.root.path="nowhere"'
	refused nowhere missing
	: >"$BUNDLE/file"
	update_config '.root.path="file"'
	refused file
}

@test "a program that is missing: the words that engines look for" {
	set_args nothere
	refused 'exec: "nothere": executable file not found in $PATH'
	set_args /no/such
	refused 'exec: "/no/such": stat /no/such: no such file or directory'
	[ "$status" = 127 ]
}

@test "a program that cannot be executed: the words that engines look for" {
	: >"$BUNDLE/rootfs/file"
	set_args /file
	refused 'exec: "/file": permission denied'
	set_args /etc
	refused 'exec: "/etc": is a directory: permission denied'
	[ "$status" = 126 ]
	printf 'garbage' >"$BUNDLE/rootfs/garbage"
	chmod 755 "$BUNDLE/rootfs/garbage"
	set_args /garbage
	refused 'exec: "/garbage": exec format error: for another processor, or a script without #!'
	printf '#!/no/interpreter\n' >"$BUNDLE/rootfs/script"
	chmod 755 "$BUNDLE/rootfs/script"
	set_args /script
	refused 'exec: "/script": /script, or the interpreter that it names: no such file or directory'
}

@test "create says that the program is missing" {
	only_ctr
	set_args /no/such
	run ctr create -b "$BUNDLE" "$ID"
	assert_output_has "no such file or directory"
	[ "$status" -ne 0 ]
	[ ! -e "$ROOT/$ID" ]
}

@test "a bundle that is a file or missing" {
	: >"$BUNDLE/file"
	for b in "$BUNDLE/file" "$BUNDLE/none" ""; do
		run --separate-stderr ctr run -b "$b" "$ID"
		[ "$status" -ne 0 ]
		[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
		[ ! -e "$ROOT/$ID" ]
	done
}

@test "damaged and foreign state is an error, and delete --force removes it" {
	only_ctr
	set_args /bin/sleep 100
	start_container
	pid=$(ctr state "$ID" | jq .pid)
	file=$(find "$ROOT/$ID" -type f -size +0 | head -1)
	[ -n "$file" ]
	cp "$file" "$T/kept"
	for text in '' '{' '{}' '[]' 'x' '{"version":999}' '{"ociVersion":"1.0.0","id":"other"}'; do
		printf '%s' "$text" >"$file"
		for command in state kill start pause; do
			run ctr "$command" "$ID"
			[ "$status" -ne 0 ] && [ "$status" -lt 128 ]
		done
		run ctr list
		[ "$status" -lt 128 ]
	done
	kill -0 "$pid"
	cp "$T/kept" "$file"
	ctr delete --force "$ID"
	[ ! -e "$ROOT/$ID" ]
	! grep -q "^State:.[^Z]" "/proc/$pid/status" 2>/dev/null || fail "process $pid lives"
	mkdir "$ROOT/$ID"
	echo '{' >"$ROOT/$ID/state.json"
	run ctr delete --force "$ID"
	[ ! -e "$ROOT/$ID" ] || { echo "$output"; return 1; }
}

@test "help: of a command in both ways; and where there is none, who knows them" {
	only_ctr "the texts"
	assert_equal "$(ctr help run)" "$(ctr run --help)"
	assert_equal "$(ctr help)" "$(ctr --help)"
	for words in rnu "help rnu"; do
		try ctr $words
		assert_status 1
		assert_output 'ctr: unknown command "rnu": `ctr --help` lists them'
	done
}

@test "the state directory's default cannot be made: told that there is --root; an empty --bundle is told by its name" {
	only_ctr "the texts"
	new_bundle
	set_args true
	try env XDG_RUNTIME_DIR=/proc/no-such "$RUNTIME" run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_output_has "ctr: no --root is given, and the default cannot be made: make state directory /proc/no-such: "
	assert_equal "${#lines[@]}" 1
	try ctr run -b "" "$ID"
	assert_status 1
	assert_output 'ctr: invalid --bundle "": empty'
}

@test "unknown commands and options" {
	run ctr frobnicate
	[ "$status" -ne 0 ]
	run ctr run --frobnicate "$ID"
	[ "$status" -ne 0 ]
	run ctr --log-format xml state "$ID"
	[ "$status" -ne 0 ]
}

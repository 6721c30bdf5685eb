# SPDX-License-Identifier: Apache-2.0
# rootless
# linux.landlock and its annotation: rules of landlock(7) for the program, beside all other confinement.

load helpers

setup()
{
	test_setup
	new_bundle
	update_config '.process.noNewPrivileges = true | .root.readonly = false'
	cat >"$T/rules.json" <<-'EOF'
	{ "handledAccessFS": [ "execute", "read_file", "read_dir", "write_file", "make_reg" ],
	  "rules": { "pathBeneath": [
	    { "paths": [ "/bin", "/usr", "/proc" ], "allowedAccess": [ "execute", "read_file", "read_dir" ] },
	    { "paths": [ "/tmp", "/dev" ], "allowedAccess": [ "read_file", "read_dir", "write_file", "make_reg" ] } ] } }
	EOF
	mkdir -p "$BUNDLE/rootfs/etc"
	echo "root:x:0:0::/:/bin/sh" >"$BUNDLE/rootfs/etc/passwd"
}

landlock() { ctr probe --json | jq -r '.kernel.landlockAbi // 0'; }

needs_landlock()
{
	local have

	have=$(landlock)
	[ "$have" -ge "${1:-1}" ] || skip "needs Landlock ABI ${1:-1}, the kernel has $have"
}

# with FILTER...: the rules, changed by jq, as linux.landlock.
with() { update_config ".linux.landlock = (\$l[0] | ${1:-.})" --slurpfile l "$T/rules.json"; }

@test "landlock: only what is allowed" {
	needs_landlock
	with
	set_sh 'echo x >/tmp/f && cat /tmp/f; cat /etc/passwd 2>/dev/null || echo no passwd; ls /etc 2>/dev/null || echo no list
		echo y >/etc/new 2>/dev/null || echo no write'
	run_container
	assert_success
	for line in x "no passwd" "no list" "no write"; do assert_line "$line"; done
}

@test "landlock: without the rules the same program can" {
	set_sh 'cat /etc/passwd >/dev/null && echo read'
	run_container
	assert_line read
}

@test "landlock: execute" {
	needs_landlock
	cp "$BUNDLE/rootfs/bin/busybox" "$BUNDLE/rootfs/etc/tool"
	with
	set_sh '/etc/tool true 2>/dev/null || echo not executed'
	run_container
	assert_line "not executed"
}

@test "landlock: the program itself must be allowed" {
	needs_landlock
	cp "$BUNDLE/rootfs/bin/busybox" "$BUNDLE/rootfs/etc/sh"
	with
	set_args /etc/sh -c true
	run_container
	assert_status 126
	assert_output_has "permission denied"
}

@test "landlock: by annotation" {
	needs_landlock
	update_config '.annotations["ctr.landlock"] = ($l[0] | tojson)' --slurpfile l "$T/rules.json"
	set_sh 'cat /etc/passwd 2>/dev/null || echo no passwd'
	run_container
	assert_success
	assert_line "no passwd"
}

@test "landlock: annotation and member exclude each other, and the annotation is as strict" {
	with
	update_config '.annotations["ctr.landlock"] = ($l[0] | tojson)' --slurpfile l "$T/rules.json"
	run_container
	assert_status 1
	assert_output_has 'annotations["ctr.landlock"]: linux.landlock is given too'
	update_config 'del(.linux.landlock) | .annotations["ctr.landlock"] = "{\"handledAccessFS\":[\"fly\"]}"'
	run_container
	assert_status 1
	assert_output_has 'annotations["ctr.landlock"]: landlock:1:'
	assert_output_has 'fly'
	update_config '.annotations["ctr.landlock"] = "{\"handledAccessFS\":[\"execute\"]} x"'
	run_container
	assert_status 1
}

@test "landlock: for exec too" {
	needs_landlock
	with
	set_sleep
	start_container
	run ctr exec "$ID" cat /etc/passwd
	assert_status 1
	run ctr exec "$ID" cat /proc/self/status
	assert_success
	jq -c '{cwd: "/", args: ["true"], user: {uid: 0, gid: 0}, env: ["PATH=/bin"]}' <<<'{}' >"$T/process.json"
	run ctr exec --process "$T/process.json" "$ID"
	assert_failure
	assert_output_has "noNewPrivileges: the container's Landlock rules need it"
}

@test "landlock: under a supervisor" {
	needs_landlock
	with
	set_sh 'cat /etc/passwd 2>/dev/null || echo no passwd'
	run ctr run --init -b "$BUNDLE" "$ID"
	assert_success
	assert_line "no passwd"
}

@test "landlock: a rule for what the program's user cannot reach" {
	needs_landlock
	[ "$TEST_MODE" = root ] || skip "needs another user"
	mkdir -p "$BUNDLE/rootfs/closed/open"
	chmod 700 "$BUNDLE/rootfs/closed"
	with '.rules.pathBeneath[0].paths += ["/closed/open"]'
	update_config '.process.user = {uid: 1000, gid: 1000} | .process.capabilities = {}'
	set_args true
	run_container
	assert_success
}

@test "landlock: ports" {
	needs_landlock 4
	with '. + {handledAccessNet: ["bind_tcp", "connect_tcp"]} | .rules.netPort = [{ports: [4000], allowedAccess: ["bind_tcp"]}]'
	set_sh 'nc -l -p 4000 -w 1 >/dev/null 2>&1; echo allowed $?; nc -l -p 4001 -w 1 2>&1'
	run_container
	assert_output_has "allowed"
	assert_output_has "ermission denied"
}

@test "landlock: a missing path is an error, a file takes what fits a file" {
	needs_landlock
	with '.rules.pathBeneath[0].paths += ["/nowhere"]'
	set_args true
	run_container
	assert_status 1
	assert_output_has "linux.landlock: path /nowhere: missing"
	with '.rules.pathBeneath[0].paths += ["/etc/passwd"]'
	set_sh 'cat /etc/passwd >/dev/null && echo read'
	run_container
	assert_line read
}

@test "landlock: rules that make no sense" {
	with '.rules.pathBeneath[0].allowedAccess += ["make_dir"]'
	run_container
	assert_status 1
	assert_output_has "linux.landlock.rules.pathBeneath[0].allowedAccess: allows what is not in handledAccessFS"
	with '.rules.pathBeneath[0].paths = ["etc"]'
	run_container
	assert_status 1
	assert_output_has "must be an absolute path"
	with '{}'
	run_container
	assert_status 1
	assert_output_has "linux.landlock: must handle something"
	with
	update_config '.process.noNewPrivileges = false'
	run_container
	assert_status 1
	assert_output_has "linux.landlock: needs process.noNewPrivileges"
}

@test "annotations with our prefix that do not exist are errors" {
	update_config '.annotations["ctr.landlok"] = "{}"'
	run_container
	assert_status 1
	assert_output_has 'annotations["ctr.landlok"]: no such annotation'
	update_config '.annotations = {"ctr.init": "yes"}'
	run_container
	assert_status 1
	assert_output_has 'annotations["ctr.init"]: must be true or false'
	update_config '.annotations = {"org.example.ctr.landlok": "{}"}'
	set_args true
	run_container
	assert_success
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ctr probe on the machine at hand and in places made of it: other namespaces, a chroot, without devices.
# rootless

load helpers

@test "the report has its groups and stays inside 80 columns" {
	run -0 ctr probe
	for title in "Where this machine stands" "Virtual machines" Kernel "Namespaces and mounts" "Control groups" \
		Confinement Programs; do
		grep -qx "$title" <<<"$output"
	done
	[ -z "$(awk 'length($0) > 80' <<<"$output")" ]
	[[ $output != *$'\033'* ]]
}

@test "--json follows contrib/probe-schema.json" {
	ctr probe --json >"$T/probe.json"
	[ "$(wc -l <"$T/probe.json")" = 1 ]
	python3 -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
	python3 - "$TOP/contrib/probe-schema.json" "$T/probe.json" <<-'EOF'
	import json, sys, jsonschema
	schema, probe = (json.load(open(f)) for f in sys.argv[1:])
	jsonschema.Draft7Validator.check_schema(schema)
	jsonschema.validate(probe, schema)
	# and the schema is not one that takes anything
	for break_it in (lambda p: p.pop("verdict"), lambda p: p["kvm"].update(stage="flying"), lambda p: p.update(x=1)):
	    bad = json.loads(json.dumps(probe))
	    break_it(bad)
	    try:
	        jsonschema.validate(bad, schema)
	    except jsonschema.ValidationError:
	        continue
	    sys.exit("a broken report passed")
	EOF
	echo "# $(jq .microseconds "$T/probe.json") us" >&3
}

@test "--require answers with the status and one line" {
	run -0 ctr probe --require kernel,calls
	[ -z "$output" ]
	run ctr probe --require kernel,no-such-check
	[ "$status" -eq 1 ]
	[[ $output == *"no check is called no-such-check"* ]]
	# A check that is missing here: every answer of the report must be the status of its name.
	ctr probe --json >"$T/probe.json"
	missing=$(jq -r '[.checks | to_entries[] | select(.value.ok == false) | .key][0]' "$T/probe.json")
	[ "$missing" != null ] || skip "this machine has everything"
	run ctr probe --require "$missing"
	[ "$status" -eq 1 ]
	[ "$(wc -l <<<"$output")" = 1 ]
	[[ $output == *"$missing: "* ]]
}

@test "every missing check says what to do, no met one does" {
	ctr probe --json >"$T/probe.json"
	[ "$(jq '[.checks[] | select(.ok == true and .advice != null)] | length' "$T/probe.json")" = 0 ]
	# kvm-linux refers to kvm where there is no device; nesting is an advice only with an extension.
	[ "$(jq '[.checks | to_entries[] | select(.value.ok == false and .value.advice == null) | .key]
		- ["kvm-linux", "nested"] | length' "$T/probe.json")" = 0 ]
}

@test "answers agree with the machine's own files" {
	ctr probe --json >"$T/probe.json"
	[ "$(jq -r .kernel.release "$T/probe.json")" = "$(uname -r)" ]
	[ "$(jq -r .uid "$T/probe.json")" = "$(id -u)" ]
	[ "$(jq .kvm.device.exists "$T/probe.json")" = "$([ -e /dev/kvm ] && echo true || echo false)" ]
	[ "$(jq .kvm.device.usable "$T/probe.json")" = "$([ -r /dev/kvm ] && [ -w /dev/kvm ] && echo true || echo false)" ]
	unshare -U true && try=ok || try=refused
	[ "$(jq -r .namespaces.tried "$T/probe.json")" = $try ]
	case " $(grep -m1 ^flags /proc/cpuinfo) " in *" vmx "* | *" svm "*) flag=true ;; *) flag=false ;; esac
	[ "$(uname -m)" != x86_64 ] || [ "$(jq .cpu.extension "$T/probe.json")" = $flag ]
}

@test "nothing is left behind and nothing is changed" {
	seen() { cat /proc/self/mountinfo; ls /dev; cat /proc/filesystems; }
	before=$(seen)
	ctr probe >/dev/null
	after=$(seen)
	[ "$before" = "$after" ]
}

@test "a pid namespace of unknown origin is a container" {
	run -0 unshare -Urpf --mount-proc "$RUNTIME" probe --json
	[ "$(jq -r .inside.container <<<"$output")" != null ]
	[ "$(jq -r .inside.initialNamespaces <<<"$output")" = false ]
	[ "$(jq -r .uid <<<"$output")" = 0 ]
}

@test "a manager that gives its name in the environment is named" {
	run -0 unshare -Urpf --mount-proc env container=podman "$RUNTIME" probe --json
	[ "$(jq -r .inside.container <<<"$output")" = podman ]
	run -0 unshare -Urpf --mount-proc env KUBERNETES_SERVICE_HOST=10.0.0.1 container=oci "$RUNTIME" probe --json
	[ "$(jq -r .inside.container <<<"$output")" = buildah ]
	jq -e '[.inside.containerSigns[].id] | index("kubernetes")' <<<"$output"
}

@test "no user namespaces are left: says which limit" {
	run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" probe --require userns' "$RUNTIME"
	[ "$status" -eq 1 ]
	[[ $output == *"user.max_user_namespaces is 0"* ]]
}

@test "a chroot without any file system of the kernel answers all the same" {
	mkdir "$T/empty"
	cp -L "$RUNTIME" "$T/empty/ctr"
	ldd "$T/empty/ctr" >/dev/null 2>&1 && [[ $(ldd "$T/empty/ctr" 2>&1) == *"=>"* ]] && skip "not a static build"
	run -0 unshare -Ur chroot "$T/empty" /ctr probe --json
	[ "$(jq -r .kvm.device.exists <<<"$output")" = false ]
	[ "$(jq -r .kernel.release <<<"$output")" = null ]
	# the kernel refuses user namespaces to a process in a chroot
	[ "$(jq -r .namespaces.tried <<<"$output")" = refused ]
	run -0 unshare -Ur chroot "$T/empty" /ctr probe
}

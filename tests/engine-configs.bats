# SPDX-License-Identifier: Apache-2.0
# rootless
# Configurations that real engines wrote (tests/engine-configs) are accepted, and every leniency that they need is
# one: the tests fail when a rule becomes stricter than an engine.

load helpers

@test "every captured configuration is accepted" {
	only_ctr
	n=0
	for f in "$TOP"/tests/engine-configs/*.json; do
		run ctr spec --check "$f"
		assert_output ""
		assert_success
		n=$((n + 1))
	done
	[ $n -ge 15 ]
}

@test "every captured configuration becomes a plan" {
	only_ctr
	root_only "plans of an ordinary user need mappings"
	mkdir -p "$T/b"
	for f in "$TOP"/tests/engine-configs/*.json; do
		run ctr run --dry-run -b "$T/b" -f "$f" "$ID"
		# Limits need their controllers also in a plan: this machine's are what they are.
		[ "$status" = 0 ] || [[ $output == *"is not available in"* || $output == *"resctrl is not mounted"* ]] || fail "$f"
	done
}

# lenient FILTER: a change of the bundle that engines need; strict FILTER TEXT: its neighbour is refused.
lenient() { update_config "$1"; run ctr spec --check "$BUNDLE/config.json"; assert_output ""; assert_success; }
strict() { update_config "$1"; run ctr spec --check "$BUNDLE/config.json"; assert_failure; assert_output_has "$2"; }

@test "leniencies: null, empty strings and objects" {
	only_ctr
	new_bundle
	lenient '.hooks = null | .mounts[0].options = null | .linux.resources.blockIO = {} | .linux.resources.memory = {} | .linux.resources.cpu = {}'
	lenient '.process.apparmorProfile = "" | .process.selinuxLabel = "" | .linux.mountLabel = "" | .linux.cgroupsPath = ""'
	strict '.process.args = null | .process.args = [null]' 'process.args[0]'
}

@test "leniencies: modes with the type of the file, device rules without numbers" {
	only_ctr
	new_bundle
	lenient '.linux.devices = [{path:"/dev/a",type:"c",major:1,minor:3,fileMode:8630},{path:"/dev/b",type:"b",major:7,minor:0,fileMode:24960}]'
	strict '.linux.devices = [{path:"/dev/a",type:"c",major:1,minor:3,fileMode:24960}]' 'linux.devices[0].fileMode'
	new_bundle two
	lenient '.linux.resources.devices = [{allow:false,access:"rwm"},{allow:true,type:"",major:-1,minor:-1,access:"m"}]'
}

@test "leniencies: unlimited and unset numbers" {
	only_ctr
	new_bundle
	lenient '.linux.resources = {memory:{limit:0,swap:0},cpu:{shares:0,quota:-1},pids:{limit:-1},blockIO:{weight:0}}'
	strict '.linux.resources.memory.limit = -2' 'linux.resources.memory.limit'
	new_bundle two
	lenient '.linux.rootfsPropagation = "rslave"'
	strict '.linux.rootfsPropagation = "rrslave"' 'linux.rootfsPropagation'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.netDevices: ctr-net between two private network namespaces, and ctr with a configuration that names
# devices. Nothing of the machine's own network is touched.

bats_require_minimum_version 1.5.0

TOP=${BATS_TEST_DIRNAME}/..
CTR=${CTR:-$TOP/build/ctr}
NET=${CTR_NET:-$(dirname "$(readlink -f "$CTR")")/ctr-net}

setup()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v ip >/dev/null || skip "needs ip (package iproute2)"
	command -v nsenter >/dev/null || skip "needs nsenter (package util-linux)"
	[ -x "$NET" ] || skip "ctr-net is not built"
	unshare -n sleep 300 3>&- & HOST=$!
	unshare -n sleep 300 3>&- & CONT=$!
	for p in $HOST $CONT; do
		for _ in $(seq 100); do
			[ "$(readlink /proc/$p/ns/net)" = "$(readlink /proc/self/ns/net)" ] || break
			sleep 0.02
		done
	done
	T=/proc/$CONT/ns/net
	host ip link add v0 type veth peer name v1 2>/dev/null || skip "needs veth devices"
	host ip link add v2 type veth peer name v3
}

teardown()
{
	if [ -n "${BUNDLE:-}" ]; then
		host "$CTR" --root "$BUNDLE/state" delete --force netdev-$$ || :
		rm -rf "$BUNDLE"
	fi
	[ -z "${HOST:-}" ] || kill "$HOST"
	[ -z "${CONT:-}" ] || kill "$CONT"
}

host() { nsenter --net=/proc/$HOST/ns/net "$@"; }
cont() { nsenter --net=/proc/$CONT/ns/net "$@"; }
# The addresses of one device, one "FAMILY ADDRESS/PREFIX SCOPE LABEL" a line, without link-local ones.
addresses()
{
	"$1" ip -j addr show dev "$2" | jq -r '.[0].addr_info[] | select(.scope != "link") |
		"\(.family) \(.local)\(if .address then " peer " + .address else "" end)/\(.prefixlen) \(.label // "-")"'
}
names() { "$1" ip -j link | jq -r '.[].ifname' | sort | tr '\n' ' '; }

@test "a device keeps its name, is up, and has left the host" {
	run -0 host "$NET" move "$T" v0
	[ "$output" = "v0:v0" ]
	[ "$(names cont)" = "lo v0 " ]
	[ "$(names host)" = "lo v1 v2 v3 " ]
	cont ip -j link show dev v0 | jq -e '.[0].flags | index("UP")'
}

@test "permanent global addresses of both families come along, in their order" {
	host ip addr add 10.1.2.3/24 brd + dev v0 label v0:x
	host ip addr add 10.1.2.4/24 dev v0
	host ip addr add 10.9.9.1 peer 10.9.9.2/32 dev v0
	host ip addr add fd00::5/64 dev v0 nodad
	host ip addr add fd00::6/64 dev v0 preferred_lft 0 nodad
	host ip addr add 169.254.7.7/16 scope link dev v0
	host ip addr add 10.8.8.8/24 valid_lft 1000 preferred_lft 1000 dev v0
	run -0 host "$NET" move "$T" v0:eth0
	[ "$output" = "eth0:v0" ]
	run -0 addresses cont eth0
	[[ "$output" == *"inet 10.1.2.3/24 eth0:x"* ]]
	[[ "$output" == *"inet 10.1.2.4/24 eth0"* ]]
	[[ "$output" == *"inet 10.9.9.1 peer 10.9.9.2/32 eth0"* ]]
	[[ "$output" == *"inet6 fd00::5/64 -"* ]]
	[[ "$output" == *"inet6 fd00::6/64 -"* ]]
	[[ "$output" != *169.254* ]]
	[[ "$output" != *10.8.8.8* ]]
	[[ "${output%%10.1.2.4*}" == *10.1.2.3* ]]
	cont ip -6 addr show dev eth0 | grep -q 'fd00::6/64.*deprecated'
}

@test "a pattern gets the first free number" {
	cont ip link add eth0 type veth peer name eth2
	run -0 host "$NET" move "$T" v0:eth%d v2:eth3
	# eth1 is free, eth3 was asked for by name
	[ "${lines[0]}" = "eth1:v0" ]
	[ "${lines[1]}" = "eth3:v2" ]
	[ "$(names cont)" = "eth0 eth1 eth2 eth3 lo " ]
}

@test "a name that the target has is refused, and nothing moves" {
	cont ip link add eth0 type veth peer name x1
	run -1 --separate-stderr host "$NET" move "$T" v2:c0 v0:eth0
	[[ "$stderr" == *'network device "v0": the name "eth0" is taken in the network namespace of the container'* ]]
	[ -z "$output" ]
	[ "$(names host)" = "lo v0 v1 v2 v3 " ]
}

@test "an alternative name counts as taken: what moved before comes back" {
	cont ip link add eth0 type veth peer name x1
	cont ip link property add dev eth0 altname other
	host ip addr add 10.1.2.3/24 dev v2
	host ip link set v2 up
	run -1 --separate-stderr host "$NET" move "$T" v2:c0 v0:other
	[[ "$stderr" == *'network device "v0": '* ]]
	[ "$(names host)" = "lo v0 v1 v2 v3 " ]
	[ "$(names cont)" = "eth0 lo x1 " ]
	[ "$(addresses host v2)" = "inet 10.1.2.3/24 v2" ]
	host ip -j link show dev v2 | jq -e '.[0].flags | index("UP")'
}

@test "a failure at the last device puts all back, down ones down" {
	cont sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	host ip addr add 10.1.2.3/24 dev v2
	host ip addr add fd00::5/64 dev v0 nodad
	index=$(host ip -j link show dev v2 | jq '.[0].ifindex')
	run -1 --separate-stderr host "$NET" move "$T" v2:c0 v0:c%d
	[[ "$stderr" == *'network device "v0": '*'IPv6 is disabled'* ]]
	[ "$(names host)" = "lo v0 v1 v2 v3 " ]
	[ "$(names cont)" = "lo " ]
	[ "$(addresses host v2)" = "inet 10.1.2.3/24 v2" ]
	[ "$(addresses host v0)" = "inet6 fd00::5/64 -" ]
	[ "$(host ip -j link show dev v2 | jq '.[0].ifindex')" = "$index" ]
	host ip -j link show dev v2 | jq -e '.[0].flags | index("UP") | not'
}

@test "what move printed takes the devices back" {
	host ip addr add 10.1.2.3/24 dev v0
	cont ip link add eth0 type veth peer name x1
	run -0 host "$NET" move "$T" v0:eth%d v2
	# shellcheck disable=SC2086
	run -0 host "$NET" back "$T" $output
	[ "$(names host)" = "lo v0 v1 v2 v3 " ]
	[ "$(addresses host v0)" = "inet 10.1.2.3/24 v0" ]
}

@test "missing, unmovable and doubled devices, and wrong words, are errors of one line" {
	for args in "nix" "lo" "v0:x v2:x" "v0:a v0:b" "v0:a/b" "v0: v2" "v0:e%s" "v%d" "sixteen-bytes.xx" ""; do
		# shellcheck disable=SC2086
		run -1 --separate-stderr host "$NET" move "$T" $args
		[ -z "$output" ]
		[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
		[ -n "$stderr" ]
	done
	run -1 host "$NET" move /proc/$HOST/ns/net v0
	run -1 host "$NET" move /etc/passwd v0
	run -1 host "$NET" move /nonexistent v0
	run -1 host "$NET" push "$T" v0
	[ "$(names host)" = "lo v0 v1 v2 v3 " ]
}

# ---- ctr -------------------------------------------------------------------------------------------------

# A bundle whose program is busybox; $1: netDevices, $2: shell text that it runs.
bundle()
{
	[ -x "$CTR" ] || skip "ctr is not built"
	[ -z "${BUNDLE:-}" ] || rm -rf "$BUNDLE"
	local busybox
	busybox=$(command -v busybox) || skip "needs busybox (package busybox-static)"
	BUNDLE=$(mktemp -d "${BATS_TMPDIR:-/tmp}/netdev.XXXXXX")
	mkdir -p "$BUNDLE/rootfs/bin" "$BUNDLE/rootfs/proc" "$BUNDLE/rootfs/dev" "$BUNDLE/rootfs/sys"
	cp "$busybox" "$BUNDLE/rootfs/bin/busybox"
	ln -s busybox "$BUNDLE/rootfs/bin/sh"
	(cd "$BUNDLE" && "$CTR" spec)
	jq --argjson d "$1" --arg sh "$2" '.ociVersion = "1.3.0" | .process.terminal = false | .linux.netDevices = $d |
		.process.args = ["/bin/sh", "-c", $sh] | .process.env = ["PATH=/bin"]' \
		"$BUNDLE/config.json" >"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
}
ctr_run() { host "$CTR" --root "$BUNDLE/state" run --bundle "$BUNDLE" netdev-$$; }

@test "ctr run: the program finds its devices, renamed, with addresses and up" {
	bundle '{"v0": {"name": "eth0"}, "v2": {"name": "lan%d"}}' \
		'busybox ip -o addr; busybox ip -o link'
	host ip addr add 10.1.2.3/24 dev v0
	run -0 ctr_run
	[[ "$output" == *"eth0"*"inet 10.1.2.3/24"* ]]
	[[ "$output" == *"lan0"* ]]
	[ "$(names host)" = "lo v1 v3 " ] || [ "$(names host)" = "lo " ]
}

@test "ctr run: a network namespace that is joined keeps them" {
	bundle '{"v0": {"name": "eth%d"}}' 'busybox ip -o link'
	jq --arg p "$T" '(.linux.namespaces[] | select(.type == "network")).path = $p' "$BUNDLE/config.json" \
		>"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
	run -0 ctr_run
	[[ "$output" == *"eth0"* ]]
	[ "$(names cont)" = "eth0 lo " ]
}

@test "ctr run: into a user namespace" {
	bundle '{"v0": {"name": "eth0"}}' 'busybox ip -o addr'
	jq '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000,
		"size": 65536}] | .linux.gidMappings = .linux.uidMappings' "$BUNDLE/config.json" >"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
	chmod 755 "$BUNDLE"
	host ip addr add 10.1.2.3/24 dev v0
	run -0 ctr_run
	[[ "$output" == *"eth0"*"inet 10.1.2.3/24"* ]]
}

@test "ctr run: a device that does not exist fails the creation and names it" {
	bundle '{"v0": {}, "nix": {}}' 'true'
	run -1 ctr_run
	[[ "$output" == *'linux.netDevices: '*'network device "nix": '* ]]
	[ "$(names host)" = "lo v0 v1 v2 v3 " ]
	run ! host "$CTR" --root "$BUNDLE/state" state netdev-$$
}

@test "ctr run: a hook that fails afterwards gives the devices back" {
	bundle '{"v0": {"name": "eth0"}}' 'true'
	jq '.hooks.createRuntime = [{"path": "/bin/false"}]' "$BUNDLE/config.json" >"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
	host ip addr add 10.1.2.3/24 dev v0
	run -1 ctr_run
	[[ "$output" == *"createRuntime hook 0"* ]]
	[ "$(names host)" = "lo v0 v1 v2 v3 " ]
	[ "$(addresses host v0)" = "inet 10.1.2.3/24 v0" ]
}

@test "ctr refuses devices without a network namespace, and names that are none" {
	bundle '{"v0": {}}' 'true'
	jq '.linux.namespaces |= map(select(.type != "network"))' "$BUNDLE/config.json" >"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
	run -1 ctr_run
	[[ "$output" == *'needs a network namespace'* ]]
	bundle '{"v0": {"name": "a/b"}}' 'true'
	run -1 ctr_run
	[[ "$output" == *'is not the name of a network interface'* ]]
}

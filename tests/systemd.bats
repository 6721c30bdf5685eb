#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The systemd driver against a real manager, in a machine of its own (lib/with-systemd): tests/unit/systemd.c runs
# inside as root with the system's manager, and as an ordinary user with his own, and ctr itself.

bats_require_minimum_version 1.5.0

CTR=${CTR:-${BATS_TEST_DIRNAME}/../build/ctr}
WITH=$BATS_TEST_DIRNAME/lib/with-systemd

setup()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -x /lib/systemd/systemd ] && [ -x /usr/bin/dbus-daemon ] || skip "needs systemd and dbus"
	stat -fc %T /sys/fs/cgroup /sys/fs/cgroup/unified 2>/dev/null | grep -q cgroup2fs || skip "needs cgroup2 mounted"
	BUILD=$(dirname "$(readlink -f "$CTR")")
	UNIT=$BUILD/tests/unit/systemd
	[ -x "$BUILD/ctr-systemd" ] || skip "ctr-systemd is not built (libsystemd-dev)"
}

user()
{
	OTHER=$(getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }')
	[ -n "$OTHER" ] || skip "needs an ordinary user"
	export CTR_TEST_RUNTIME_DIR=/run/user/$(id -u "$OTHER")
}

unit_tests()
{
	[ -x "$UNIT" ] || skip "tests/unit/systemd is not built"
	run "$@" "$UNIT" </dev/null
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" != *"not run"* ]]
}

@test "system manager" {
	export CTR_TEST_SYSTEMD=system
	unit_tests "$WITH"
	[[ "$output" == *"born in the scope"* ]]
}

@test "user manager" {
	user
	export CTR_TEST_SYSTEMD=user
	unit_tests "$WITH" --user "$OTHER"
}

@test "user manager, from within a user namespace" {
	user
	export CTR_TEST_SYSTEMD=user
	unit_tests "$WITH" --user "$OTHER" unshare --user --map-root-user
}

@test "a bus that hangs: an error in time, nothing left, and a working bus afterwards" {
	cat >"$BATS_TEST_TMPDIR/slow" <<'E'
printf '\0' | "$1" start unix:path=/run/dbus/system_bus_socket 9000 a.scope system.slice x || exit 1
pid=$(pgrep -x dbus-daemon) || exit 1
kill -STOP "$pid"
begin=$(date +%s%N)
printf '\0' | "$1" start unix:path=/run/dbus/system_bus_socket 700 b.scope system.slice x && exit 1
echo "took $((($(date +%s%N) - begin) / 1000000)) ms"
kill -CONT "$pid"
sleep 0.3
systemctl show -p LoadState b.scope
printf '\0' | "$1" start unix:path=/run/dbus/system_bus_socket 9000 b.scope system.slice x
E
	run -0 "$WITH" sh "$BATS_TEST_TMPDIR/slow" "$BUILD/ctr-systemd" </dev/null
	echo "$output"
	[ "${lines[0]}" = "ok /system.slice/a.scope" ]
	[[ "${lines[1]}" == "error 110 systemd did not answer in time"* ]]
	took=${lines[2]#took }
	[ "${took% ms}" -ge 700 ] && [ "${took% ms}" -lt 1500 ]
	[ "${lines[3]}" = LoadState=not-found ]
	[ "${lines[4]}" = "ok /system.slice/b.scope" ]
}

# In the machine: create, look, start, delete, run. Its arguments: the bundle, and "--user" for the user's manager.
life()
{
	cat >"$BATS_TEST_TMPDIR/life" <<'E'
set -eu
manager=${2:-}
show() { systemctl $manager show --value -p "$1" vm-life.scope; }
ctr="$CTR --root $1/state --systemd-cgroup"
$ctr create --bundle "$1" --pid-file "$1/pid" life </dev/null >/dev/null 2>&1 || { $ctr create --bundle "$1" life; exit 1; }
echo "in $(grep ^0:: "/proc/$(cat "$1/pid")/cgroup")"
echo "state $(show ActiveState) stop $(show TimeoutStopUSec)"
$ctr start life
$ctr delete --force life
echo "after: $(show LoadState)"
$ctr run --bundle "$1" life </dev/null && echo "status 0"
echo "after: $(show LoadState)"
E
}

edit()
{
	jq '.linux.cgroupsPath = "vmtest.slice:vm:life" | .annotations["org.systemd.property.TimeoutStopUSec"] = "uint64 7000000"' \
		"$1/config.json" >"$1/new"
	mv "$1/new" "$1/config.json"
}

@test "ctr: the life of a container in a scope of the system's manager" {
	life
	RUNTIME=$CTR "$BATS_TEST_DIRNAME/bundle" "$BATS_TEST_TMPDIR/b"
	edit "$BATS_TEST_TMPDIR/b"
	CTR=$(readlink -f "$CTR") run -0 "$WITH" sh "$BATS_TEST_TMPDIR/life" "$BATS_TEST_TMPDIR/b" </dev/null
	echo "$output"
	[ "${lines[0]}" = "in 0::/vmtest.slice/vm-life.scope" ]
	[ "${lines[1]}" = "state active stop 7s" ]
	[[ "$output" == *"after: not-found"*"status 0"*"after: not-found" ]]
}

@test "ctr: the same for an ordinary user, with his own manager" {
	user
	life
	local b
	b=$(mktemp -d /tmp/ctr-systemd-user.XXXXXX)
	RUNTIME=$CTR "$BATS_TEST_DIRNAME/bundle" --rootless "$b"
	edit "$b"
	jq '.linux.uidMappings[0].hostID = $u | .linux.gidMappings[0].hostID = $g' --argjson u "$(id -u "$OTHER")" \
		--argjson g "$(id -g "$OTHER")" "$b/config.json" >"$b/new"
	mv "$b/new" "$b/config.json"
	chown -R "$OTHER" "$b"
	cp "$BATS_TEST_TMPDIR/life" "$b/life"
	CTR=$(readlink -f "$CTR") run "$WITH" --user "$OTHER" sh "$b/life" "$b" --user </dev/null
	rm -rf "$b"
	echo "$output"
	[ "$status" = 0 ]
	[[ "${lines[0]}" == "in 0::/"*"/vmtest.slice/vm-life.scope" ]]
	[ "${lines[1]}" = "state active stop 7s" ]
	[[ "$output" == *"after: not-found"*"status 0"*"after: not-found" ]]
}

# In the machine: each id's scope is where the plan says, also one that looks like a unit of the machine, and goes.
@test "ctr: ids that are no names of units, or another unit's" {
	cat >"$BATS_TEST_TMPDIR/ids" <<'E'
set -eu
ctr="$CTR --root $1/state --systemd-cgroup"
for id in _a a+b ++ a.b - system.slice init.scope memory "$(printf '%0200d' 0)"; do
	$ctr create --bundle "$1" --pid-file "$1/pid" -- "$id" </dev/null >"$1/log" 2>&1 || { cat "$1/log"; exit 1; }
	is=$(sed -n s/^0:://p "/proc/$(cat "$1/pid")/cgroup")
	planned=$($ctr run --dry-run --bundle "$1" -- "$id" | jq -r .host.cgroup.path)
	$ctr delete --force -- "$id"
	[ "$is" = "$planned" ] && echo "ok $is" || echo "planned $planned is $is"
	[ ! -e "/sys/fs/cgroup$is" ] && [ ! -e "/sys/fs/cgroup/unified$is" ] || echo "left $is"
done
for path in _a-b.slice::_x memory-a.slice::memory a.slice:p:x+y; do
	jq --arg p "$path" '.linux.cgroupsPath = $p' "$1/config.json" >"$1/other.json"
	$ctr create --bundle "$1" --config "$1/other.json" --pid-file "$1/pid" other </dev/null >"$1/log" 2>&1 || { cat "$1/log"; exit 1; }
	is=$(sed -n s/^0:://p "/proc/$(cat "$1/pid")/cgroup")
	planned=$($ctr run --dry-run --bundle "$1" --config "$1/other.json" other | jq -r .host.cgroup.path)
	$ctr delete --force other
	[ "$is" = "$planned" ] && echo "ok $is" || echo "planned $planned is $is"
done
systemctl is-active system.slice init.scope
E
	RUNTIME=$CTR "$BATS_TEST_DIRNAME/bundle" "$BATS_TEST_TMPDIR/b"
	CTR=$(readlink -f "$CTR") run "$WITH" sh "$BATS_TEST_TMPDIR/ids" "$BATS_TEST_TMPDIR/b" </dev/null
	echo "$output"
	[ "$(grep -c '^ok /' <<<"$output")" = 12 ]
	[ "$(grep -cx active <<<"$output")" = 2 ]
	[ "${#lines[@]}" = 14 ]
	grep -qxF 'ok /system.slice/ctr-a\x2bb.scope' <<<"$output"
	grep -qxF 'ok /__a.slice/__a-b.slice/__x.scope' <<<"$output"
}

@test "the environment itself: status, output, and nothing left" {
	run -7 --separate-stderr "$WITH" sh -c 'echo out; echo err >&2; exit 7' </dev/null
	[ "$output" = out ]
	[ "$stderr" = err ]
	for cg in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ -d "$cg" ] || continue
		run -0 find "$cg" -maxdepth 1 -name 'with-systemd.*'
		[ -z "$output" ]
	done
}

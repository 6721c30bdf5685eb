# SPDX-License-Identifier: Apache-2.0
# What every bats file uses: `load helpers`. Each test gets a directory of its own ($T), a state root ($ROOT),
# a bundle on demand, and a look at the end at what it left behind: a process, mount, cgroup or state entry that
# `delete --force` does not remove fails the test.
#
#   RUNTIME      the runtime under test (default: build/ctr)
#   TEST_MODE    root or rootless (default: by the caller's uid)
#   CTR_TEST_USERNS  as root, with every container of new_bundle in a user namespace
#
# A file whose head has the line "# rootless" is run by tests/run a second time as an ordinary user, and one with
# "# userns" once more as root with CTR_TEST_USERNS.

bats_require_minimum_version 1.5.0

TOP=$(cd "${BATS_TEST_DIRNAME}/.." && pwd)
RUNTIME=${RUNTIME:-$TOP/build/ctr}
[ "$(id -u)" = 0 ] && TEST_MODE=${TEST_MODE:-root} || TEST_MODE=${TEST_MODE:-rootless}
export RUNTIME TEST_MODE
export CTR=${CTR:-$RUNTIME}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}

# ---- set-up and tear-down ------------------------------------------------------------------------------------------
# A file that needs more defines its own setup() and calls test_setup first; the same with teardown.

setup() { test_setup; }
teardown() { test_teardown; }

test_setup()
{
	# Containers with ids of their own must be able to reach their root.
	[ ! -O "${BATS_RUN_TMPDIR:-/nonexistent}" ] || chmod 755 "$BATS_RUN_TMPDIR"
	[ -x "$RUNTIME" ] || { echo "no runtime: $RUNTIME" >&2; return 1; }
	T=$(mktemp -d "${BATS_RUN_TMPDIR:-/tmp}/t.XXXXXX")
	chmod 755 "$T"
	ROOT=$T/state
	BUNDLE=
	ID=t$$-$BATS_TEST_NUMBER
	mkdir -m 700 "$ROOT"
	snapshot >"$T.before"
}

test_teardown()
{
	local id leaks=

	[ -n "${T:-}" ] || return 0
	for id in $(ls "$ROOT" 2>/dev/null); do
		ctr delete --force "$id" 3>&- || echo "leak: delete --force $id failed" >&2
	done
	# Background jobs of the test are the test's own.
	kill $(jobs -p) 2>/dev/null || :
	leaks=$(ls -A "$ROOT" 2>/dev/null | sed 's/^/state entry /')
	[ -z "$leaks" ] || { echo "leak: $leaks" >&2; return 1; }
	sanitizers_silent || return 1
	for _ in $(seq 40); do
		snapshot >"$T.after"
		leaks=$(comm -13 "$T.before" "$T.after")
		[ -n "$leaks" ] || break
		sleep 0.05
	done
	rm -rf "$T" || leaks="$leaks cannot remove $T"
	rm -f "$T.before" "$T.after"
	[ -z "$leaks" ] || { printf 'leak: %s\n' "$leaks" >&2; return 1; }
}

# A build under sanitizers, also where a test does not look: in what it kept of any output, and in the container's root
# directory, where the processes around a micro-VM leave their reports (runtime/sanitized.h).
sanitizers_silent()
{
	local f reports

	reports=$(find "$T" -xdev -name 'sanitizer.[0-9]*' 2>/dev/null
		find "$T" -maxdepth 1 -type f -exec grep -lE 'ERROR: [A-Za-z]+Sanitizer|ERROR: Can.t open file: .*/sanitizer|: runtime error: ' {} + 2>/dev/null) || :
	for f in $reports; do
		echo "report of a sanitizer, $f:" >&2
		head -n 60 "$f" >&2
	done
	[ -z "$reports" ]
}

# Mounts, cgroups and, where the pid namespace is the tests' own (CTR_TEST_PRIVATE, set by tests/run), processes.
snapshot()
{
	{
		cut -d' ' -f5 /proc/self/mountinfo | sed 's/^/mount /'
		if [ -n "${CTR_TEST_PRIVATE:-}" ]; then
			find /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null | sed 's/^/cgroup /'
			for p in /proc/[0-9]*; do
				# Orphans only: the test's own children come and go.
				awk '/^Name:/ { n = $2 } /^State:/ { s = $2 } /^Pid:/ { p = $2 }
					/^PPid:/ && $2 == 1 && s != "Z" { print "process", p, n }' "$p/status" 2>/dev/null || :
			done
		fi
	} | sort
}

# ---- running --------------------------------------------------------------------------------------------------------

# A command that hangs fails its test.
ctr() { timeout --foreground -k 5 60 "$RUNTIME" --root "$ROOT" "$@"; }

# with_terminal [-s ROWSxCOLS] COMMAND...: with a new terminal whose input never ends.
with_terminal() { "$TOP/tests/lib/with-terminal" "$@" 3>&-; }

# new_bundle [--rootless] [NAME]: makes $T/NAME (default: bundle), sets BUNDLE. Rootless tests get rootless ones.
new_bundle()
{
	local flag=

	[ "$TEST_MODE" = root ] || flag=--rootless
	[ "${1:-}" != --rootless ] || { flag=--rootless; shift; }
	BUNDLE=$T/${1:-bundle}
	mkdir -p "$BUNDLE"
	"$TOP/tests/bundle" $flag "$BUNDLE"
	[ -z "${CTR_TEST_USERNS:-}" ] || [ -n "$flag" ] || give_user_namespace
}

# The container's root is id 100000 outside, and owns the root filesystem.
give_user_namespace()
{
	chown -R 100000:100000 "$BUNDLE/rootfs"
	update_config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings'
}

# update_config FILTER [JQ OPTIONS]: changes config.json of $BUNDLE.
update_config()
{
	local filter=$1

	shift
	jq "$@" "$filter" "$BUNDLE/config.json" >"$BUNDLE/config.new"
	mv "$BUNDLE/config.new" "$BUNDLE/config.json"
}

# json_strings STRING...: as a JSON array (jq 1.6 takes strings of --args that start with - for options).
json_strings()
{
	local args=() names= n=0 s

	for s; do
		args+=(--arg "a$n" "$s")
		names+=${names:+,}\$a$((n++))
	done
	jq -nc "${args[@]}" "[$names]"
}

# set_args COMMAND [ARGUMENT...]: the program of $BUNDLE. set_sh SCRIPT: the same for a shell's script.
set_args() { update_config '.process.args = $a' --argjson a "$(json_strings "$@")"; }
set_sh() { set_args sh -c "$1"; }

# try COMMAND...: what bats' run does, without its opinion on status 127: sets status, output and lines.
try()
{
	status=0
	output=$("$@" 2>&1 3>&-) || status=$?
	mapfile -t lines <<<"$output"
}

# run_container [OPTIONS]: `run` of $BUNDLE as $ID in the foreground: sets status and output.
run_container() { try ctr run -b "$BUNDLE" "$@" "$ID"; }

# start_container [OPTIONS]: `run -d` of $BUNDLE as $ID; its output goes to $T/log.
start_container() { ctr run -d -b "$BUNDLE" "$@" "$ID" >"$T/log" 2>&1 </dev/null 3>&- || { cat "$T/log" >&2; return 1; }; }

# create_container [OPTIONS]: `create` of $BUNDLE as $ID; its output goes to $T/log.
create_container() { ctr create -b "$BUNDLE" "$@" "$ID" >"$T/log" 2>&1 </dev/null 3>&- || { cat "$T/log" >&2; return 1; }; }

# A program that waits until it is killed, and dies of SIGTERM although it is pid 1.
set_sleep() { set_sh 'trap "exit 0" TERM; while :; do sleep 0.05; done'; }

# new_running [OPTIONS]: bundle with a waiting program, running as $ID.
new_running() { new_bundle; set_sleep; start_container "$@"; }

status_of() { ctr state "$1" 2>/dev/null | jq -r .status; }
pid_of() { ctr state "$1" | jq -r .pid; }

# wait_until SECONDS COMMAND...: true as soon as the command is.
wait_until()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "timed out: $*" >&2; return 1; }
		sleep 0.03
	done
}

# wait_status ID STATUS [SECONDS]
wait_status()
{
	local end=$((SECONDS + ${3:-10})) now=

	while now=$(status_of "$1"); [ "$now" != "$2" ]; do
		[ $SECONDS -lt $end ] || { echo "container $1 is ${now:-missing}, not $2" >&2; return 1; }
		sleep 0.03
	done
}

# ---- assertions: on $status, $output and $stderr of the last `run` --------------------------------------------------

fail()
{
	echo "$1" >&2
	printf 'status: %s\noutput:\n%s\n' "${status-}" "${output-}" | sed 's/^/  /' >&2
	[ -z "${stderr-}" ] || printf 'stderr:\n%s\n' "$stderr" | sed 's/^/  /' >&2
	return 1
}

assert_status() { [ "$status" = "$1" ] || fail "status is $status, not $1"; }
assert_success() { assert_status 0; }
assert_failure() { [ "$status" != 0 ] || fail "succeeded, but should not have"; }
assert_output() { [ "$output" = "$1" ] || fail "output is not \"$1\""; }
assert_output_has() { [[ $output == *"$1"* ]] || fail "output does not have \"$1\""; }
assert_output_lacks() { [[ $output != *"$1"* ]] || fail "output has \"$1\""; }
assert_output_matches() { [[ $output =~ $1 ]] || fail "output does not match $1"; }
assert_line() { grep -qxF -- "$1" <<<"$output" || fail "no line \"$1\""; }
assert_equal() { [ "$1" = "$2" ] || fail "\"$1\" is not \"$2\"${3:+ ($3)}"; }
assert_exists() { [ -e "$1" ] || fail "$1 does not exist"; }
assert_missing() { [ ! -e "$1" ] || fail "$1 exists"; }

# ---- conditions -------------------------------------------------------------------------------------------------------

# only_ctr [WHY]: behaviour that other runtimes do not promise.
only_ctr() { [[ $("$RUNTIME" --version) == "ctr "* ]] || skip "only ctr: ${1:-not promised by others}"; }
root_only() { [ "$TEST_MODE" = root ] || skip "${1:-needs root}"; }
rootless_only() { [ "$TEST_MODE" = rootless ] || skip "${1:-only for an ordinary user}"; }
# needs COMMAND [PACKAGE]
needs() { command -v "$1" >/dev/null || skip "needs $1${2:+ (package $2)}"; }
# needs_controller NAME: the cgroup controller must be available where the tests' cgroups are.
needs_controller() { grep -qw -- "$1" /sys/fs/cgroup/cgroup.controllers 2>/dev/null || skip "needs the cgroup v2 controller $1"; }
# needs_cgroup: a place where cgroups can be made.
needs_cgroup() { [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs cgroup v2"; [ "$TEST_MODE" = root ] || [ -n "${CTR_TEST_CGROUP:-}" ] || skip "needs a delegated cgroup"; }

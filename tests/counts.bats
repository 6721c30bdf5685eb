# SPDX-License-Identifier: Apache-2.0
# What each command costs in numbers that need no quiet machine: system calls, programs executed, tasks, page faults,
# peak memory and bytes read, of ctr and all it starts, against tests/counts. A regression shows here before it shows
# in any time. RECORD=FILE tests/run tests/counts.bats writes the numbers there, to become tests/counts.

load helpers

RECORDED=$BATS_TEST_DIRNAME/counts
COMMANDS=(version run-default run-hostnet run-docker run-podman create start exec state list kill delete
	create-docker exec-docker)

setup()
{
	test_setup
	only_ctr "numbers of this program"
	root_only "recorded for root"
	needs cc gcc
	# Sanitizers and another C library make calls of their own.
	! grep -qa -e __asan_init -e 'GNU C Library' "$RUNTIME" || skip "recorded with the static build against musl"
	[ "$(uname -m)" = x86_64 ] || skip "recorded on x86-64"
	cc -O2 -o "$T/count" "$TOP/tests/bench/count.c"
	cc -O2 -static -nostdlib -ffreestanding -fno-stack-protector -o "$T/noop" "$TOP/tests/bench/noop.c"
	for kind in default hostnet docker podman; do
		CTR=$RUNTIME "$TOP/tests/bench/bundle" $kind "$T/noop" "$T/$kind"
		CTR=$RUNTIME "$TOP/tests/bench/bundle" $kind "$T/noop" "$T/$kind-sleep" sleep
	done
}

# counted NAME ARGUMENT...: of a second time, when what is made once is there (mount points, the root of the cgroups).
counted() { echo "$1 $("$T/count" "$RUNTIME" --root "$ROOT" "${@:2}" </dev/null 2>"$T/err" | tail -n 1)" >>"$T/now"; }

measure()
{
	local kind

	for kind in default hostnet docker podman; do
		ctr run -b "$T/$kind" warm
		cp -a "$T/$kind/rootfs/." "$T/$kind-sleep/rootfs/"
	done
	echo "version $("$T/count" "$RUNTIME" --version | tail -n 1)" >"$T/now"
	for kind in default hostnet docker podman; do counted run-$kind run -b "$T/$kind" "$ID"; done
	for kind in default docker; do
		[ $kind = default ] && suffix= || suffix=-$kind
		"$T/count" "$RUNTIME" --root "$ROOT" create -b "$T/$kind-sleep" --pid-file "$T/pid" "$ID" </dev/null >"$T/count.out" 2>&1
		echo "create$suffix $(tail -n 1 "$T/count.out")" >>"$T/now"
		[ -n "$suffix" ] && ctr start "$ID" || counted start start "$ID"
		counted exec$suffix exec "$ID" /noop
		if [ -z "$suffix" ]; then
			counted state state "$ID"
			counted list list
			counted kill kill "$ID" KILL
			wait_status "$ID" stopped
			counted delete delete "$ID"
		else
			ctr delete --force "$ID"
		fi
	done
}

# Tolerance, since kernels and machines differ a little in what there is to mask, read and fault in: 8 % and
# what SLACK says.
declare -gA SLACK=([syscalls]=8 [execs]=0 [tasks]=0 [faults]=12 [rss_kb]=320 [read]=1500)

# Above the recorded number and the tolerance: a regression. Far below: the record is out of date and would hide one.
compare()
{
	local name rest bad=0 i words now was key

	while read -r name rest; do
		[[ $name != '#'* ]] || continue
		read -ra words <<<"$rest"
		read -ra now <<<"$(sed -n "s/^$name //p" "$T/now")"
		for ((i = 0; i < ${#words[@]}; i += 2)); do
			key=${words[i]} was=${words[i + 1]}
			if [ "${now[i + 1]:-x}" = x ] || [ "${now[i]}" != "$key" ]; then
				echo "$name: not measured: $(cat "$T/err")"; bad=1
			elif [ "${now[i + 1]}" -gt $((was + was * 8 / 100 + SLACK[$key])) ]; then
				echo "$name: $key is ${now[i + 1]}, recorded is $was"; bad=1
			elif [ $((now[i + 1] + SLACK[$key])) -lt $((was * 3 / 4)) ]; then
				echo "$name: $key is ${now[i + 1]}, far below the recorded $was: record it anew"; bad=1
			fi
		done
	done <"$RECORDED"
	return $bad
}

@test "counts: no command costs more than what is recorded" {
	measure
	assert_equal "$(cut -d' ' -f1 "$T/now" | sort)" "$(printf '%s\n' "${COMMANDS[@]}" | sort)"
	if [ -n "${RECORD:-}" ]; then
		{ sed -n '/^#/p' "$RECORDED"; cat "$T/now"; } >"$RECORD"
		skip "RECORD: written to $RECORD, not compared"
	fi
	assert_equal "$(grep -v '^#' "$RECORDED" | cut -d' ' -f1)" "$(cut -d' ' -f1 "$T/now")"
	compare
}

@test "counts: the comparison finds a regression and an outdated record" {
	measure
	awk '{ for (i = 2; i < NF; i += 2) if ($i == "syscalls") $(i + 1) = int($(i + 1) / 1.3) } 1' "$T/now" >"$T/lower"
	RECORDED=$T/lower try compare
	assert_status 1
	assert_output_matches 'run-default: syscalls is [0-9]+, recorded is'
	awk '{ for (i = 2; i < NF; i += 2) if ($i == "faults") $(i + 1) = 2 * $(i + 1) + 100 } 1' "$T/now" >"$T/higher"
	RECORDED=$T/higher try compare
	assert_status 1
	assert_output_matches 'run-default: faults is [0-9]+, far below the recorded'
}

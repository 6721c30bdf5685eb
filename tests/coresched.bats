# SPDX-License-Identifier: Apache-2.0
# Core scheduling (annotation ctr.core-sched). Where the kernel has none, that asking for it is refused.

load helpers

# cookie PID: that of a process; "none" without one.
cookie()
{
	python3 - "$1" <<-'EOF'
	import ctypes, os, sys
	value, libc = ctypes.c_uint64(), ctypes.CDLL(None, use_errno=True)
	if libc.prctl(62, 0, int(sys.argv[1]), 0, ctypes.byref(value)) < 0:
	    print("error", os.strerror(ctypes.get_errno()))
	else:
	    print(value.value or "none")
	EOF
}

setup()
{
	test_setup
	root_only
	needs python3
	new_bundle
	set_sleep
}

annotate() { update_config '.annotations["ctr.core-sched"] = $v' --arg v "$1"; }

has_core_sched() { [[ $(cookie $$) != error* ]]; }

@test "core-sched: a cookie of the container's own, which exec shares" {
	has_core_sched || skip "this kernel has no core scheduling, or this machine no threads to separate"
	annotate new
	start_container
	mine=$(cookie $$) theirs=$(cookie "$(pid_of "$ID")")
	assert_equal "$mine" none
	[ "$theirs" != none ]
	ctr exec -d --pid-file "$T/pid" "$ID" sleep 100 >/dev/null 2>&1 </dev/null 3>&-
	assert_equal "$(cookie "$(cat "$T/pid")")" "$theirs"
	ctr run -d -b "$BUNDLE" "$ID-b" >"$T/log" 2>&1 </dev/null 3>&-
	[ "$(cookie "$(pid_of "$ID-b")")" != "$theirs" ]
	annotate "pid:$(pid_of "$ID")"
	ctr run -d -b "$BUNDLE" "$ID-c" >"$T/log" 2>&1 </dev/null 3>&-
	assert_equal "$(cookie "$(pid_of "$ID-c")")" "$theirs"
	assert_equal "$(cookie $$)" none
}

@test "core-sched: a kernel without it refuses" {
	! has_core_sched || skip "this kernel has core scheduling"
	annotate new
	set_args true
	run_container
	if [ "$status" != 0 ]; then
		assert_status 1
		assert_output "ctr: ctr.core-sched: this kernel has no core scheduling"
	else
		# A kernel with it on a machine without threads: nothing to separate.
		assert_output ""
	fi
}

@test "core-sched: words that are none" {
	for bad in old pid: pid:0 pid:x "new " ""; do
		annotate "$bad"
		run_container
		assert_status 1
		assert_output_has 'annotations["ctr.core-sched"]: must be new or pid:NUMBER'
	done
}

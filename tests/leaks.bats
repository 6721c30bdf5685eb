#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the host side must not leave in a container: environment, descriptors, memory.
# rootless

load helpers

setup()
{
	test_setup
	new_bundle
}

@test "no variable of the host reaches the program or its environ file" {
	set_sh 'env; tr "\0" "\n" </proc/1/environ; tr "\0" "\n" </proc/self/environ'
	SECRET_TOKEN=xyzzy run_container
	assert_success
	assert_output_lacks xyzzy
	assert_output_lacks SECRET_TOKEN
}

@test "no variable of the host reaches a process of exec" {
	set_sleep
	start_container
	SECRET_TOKEN=xyzzy run ctr exec "$ID" env
	assert_output_lacks xyzzy
}

@test "no descriptor above 2 reaches the program" {
	set_sh 'ls /proc/self/fd; ls -l /proc/1/fd 2>/dev/null'
	run ctr run -b "$BUNDLE" "$ID" 3>&- 7</etc/passwd 9<"$TOP" 100</etc/passwd
	assert_success
	# 3 is the open directory of ls itself.
	assert_output_lacks passwd
	assert_output_lacks "$TOP"
	assert_equal "$(head -4 <<<"$output" | tr '\n' ' ')" "0 1 2 3 "
	[ "$(grep -cx '[0-9]*' <<<"$output")" = 4 ] || fail "more descriptors"
}

@test "no descriptor above 2 reaches a process of exec" {
	set_sleep
	start_container
	run ctr exec "$ID" ls /proc/self/fd 3>&- 7</etc/passwd 9<"$TOP"
	assert_output "0
1
2
3"
}

@test "--preserve-fds passes exactly the named ones" {
	echo three >"$T/three"
	echo four >"$T/four"
	set_sh 'cat <&3; cat <&4; ls /proc/self/fd | tr "\n" " "'
	run ctr run -b "$BUNDLE" --preserve-fds 2 "$ID" 3<"$T/three" 4<"$T/four" 5</etc/passwd 9<"$TOP"
	assert_success
	assert_line three
	assert_line four
	assert_line "0 1 2 3 4 5 " # 5: the open directory
	run ctr run -b "$BUNDLE" --preserve-fds 2 "$ID" 3<"$T/three" 4>&-
	assert_failure
}

@test "what waits between create and start is small" {
	set_sleep
	create_container
	pid=$(pid_of "$ID")
	ls -l "/proc/$pid/fd" || skip "cannot look into it"
	[ "$(ls "/proc/$pid/fd" | wc -l)" -le 12 ] || fail "many descriptors"
	[ -z "$(ls -l "/proc/$pid/fd" | grep -e "$BUNDLE" -e "$ROOT")" ] || fail "descriptors of the host's directories"
	pss=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")
	[ "$pss" -lt 300 ] || grep -qa __asan_init "$RUNTIME" || fail "$pss kB"
	[ -z "$(tr '\0' '\n' <"/proc/$pid/environ")" ] || fail "an environment"
}

@test "neither processes nor names of the host in the argument list" {
	set_sleep
	create_container
	run cat "/proc/$(pid_of "$ID")/cmdline"
	assert_output_lacks "$T"
	assert_output_lacks "$ROOT"
}

@test "create keeps no process on the host but the container's" {
	set_sleep
	before=$(pgrep -c -f "$ROOT" || :)
	create_container
	assert_equal "$(pgrep -c -f "$ROOT" || :)" "$before"
}

@test "many rounds leave nothing" {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		run_container
		assert_success
	done
	[ -z "$(ls -A "$ROOT")" ]
}

# SPDX-License-Identifier: Apache-2.0
# One life of a container under valgrind: tests/valgrind/run has how.

load helpers

setup()
{
	test_setup
	root_only "the newer valgrind is fetched as root"
	only_ctr "built for valgrind"
	needs gcc patchelf apt-get
	[ "$(uname -m)" = x86_64 ] || skip "valgrind is fetched for x86-64"
	REAL=$RUNTIME
	RUNTIME=$("$TOP/tests/valgrind/run" "$T/valgrind" 2>"$T/err") || {
		grep -q '^fetch-newer: ' "$T/err" && skip "$(tail -n 1 "$T/err")"
		cat "$T/err"
		false
	}
	new_bundle
	set_sleep
}

# What valgrind said of all calls until now, without its own troubles ("--": system calls that it does not know).
said() { find "$T/valgrind" -name 'log.*' -exec cat {} + | grep -v '^--' || :; }

@test "valgrind: it would say something" {
	run ctr run -b "$BUNDLE" "$ID" 3>&- </dev/null -b "$T/missing"
	assert_failure
	assert_equal "$(said)" ""
	# A wrong read and a descriptor that stays, in a program that is made of the same parts.
	cat >"$T/bad.c" <<-'END'
		#include <fcntl.h>
		#include <stdlib.h>
		int main(void) { char *volatile p = malloc(8); return open("/", O_RDONLY) < 0 || p[8] == 1; }
	END
	cc -g -o "$T/bad" "$T/bad.c"
	sed "s|\"[^\"]*/ctr-valgrind\"|\"$T/bad\"|" "$T/valgrind/ctr" >"$T/bad.sh"
	run sh "$T/bad.sh"
	assert_status 99
	[[ $(said) == *"Invalid read"*"definitely lost"* && $(said) == *"Open file descriptor"* ]]
}

@test "valgrind: a life has no error, no leak and no open descriptor" {
	local command

	ctr create -b "$BUNDLE" --pid-file "$T/pid" "$ID" </dev/null >"$T/out" 2>&1 3>&-
	for command in "state $ID" "start $ID" "exec $ID true" "ps $ID" "list" "list -q" "features" \
		"kill $ID 0" "pause $ID" "resume $ID" "events --stats $ID"; do
		run ctr $command 3>&-
		assert_success
	done
	ctr exec -d "$ID" sleep 1000 </dev/null >"$T/out" 2>&1 3>&-
	ctr kill "$ID" KILL
	RUNTIME=$REAL wait_status "$ID" stopped
	ctr delete "$ID"
	assert_equal "$(said)" ""
}

@test "valgrind: run, with all that a container of an engine asks for" {
	cc -O2 -static -nostdlib -ffreestanding -fno-stack-protector -o "$T/noop" "$TOP/tests/bench/noop.c"
	"$TOP/tests/bench/bundle" docker "$T/noop" "$T/docker"
	run ctr run -b "$T/docker" "$ID"
	assert_success
	assert_equal "$(said)" ""
	ctr run -b "$BUNDLE" --detach "$ID" </dev/null >"$T/out" 2>&1 3>&-
	run ctr delete --force "$ID"
	assert_success
	assert_equal "$(said)" ""
}

@test "valgrind: what is refused leaves nothing either" {
	update_config '.process.args = ["/no/such/program"]'
	run ctr run -b "$BUNDLE" "$ID"
	assert_failure
	update_config '.process.args = 5'
	run ctr run -b "$BUNDLE" "$ID"
	assert_failure
	run ctr delete "$ID"
	assert_failure
	assert_equal "$(said)" ""
}

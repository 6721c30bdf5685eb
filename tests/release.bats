# SPDX-License-Identifier: Apache-2.0
# What a release is: programs without what an attacker would use, the same bytes wherever they are built, and a list of
# what went into them.

load helpers

setup()
{
	test_setup
	root_only
	DIR=$(dirname "$(readlink -f "$RUNTIME")")
	[[ $DIR == */musl-cc ]] || skip "the build under test is not the release's (musl, cc)"
}

need() { command -v "$1" >/dev/null || skip "needs $1"; }

headers() { readelf -lW "$1" | awk '$1 ~ /^(LOAD|GNU_STACK|GNU_RELRO|INTERP|DYNAMIC)$/'; }

@test "release: no segment is writable and executable, the stack neither, relocations are read-only" {
	need readelf
	for program in ctr ctr-init ctr-net ctr-systemd; do
		file=$DIR/$program
		[ -e "$file" ] || [ $program = ctr-systemd ] || false
		[ -e "$file" ] || continue
		headers "$file" >"$T/headers"
		assert_equal "$program $(grep -c 'RWE' "$T/headers")" "$program 0"
		grep -q '^ *GNU_STACK .* RW  *0x10$' "$T/headers"
		grep -q '^ *GNU_RELRO' "$T/headers"
		readelf -dW "$file" >"$T/dynamic"
		grep -q 'FLAGS_1.*NOW.*PIE' "$T/dynamic"
		run ! grep TEXTREL "$T/dynamic"
	done
}

@test "release: ctr and ctr-init are static, and nothing in them loads code" {
	need readelf
	for program in ctr ctr-init; do
		run ! grep -E 'INTERP|NEEDED|RPATH|RUNPATH' <(readelf -lW "$DIR/$program"; readelf -dW "$DIR/$program")
	done
	run ! grep -wE 'dlopen|dlsym|__libc_dlopen_mode|execvp|system|popen' <(nm "$DIR/ctr.full" | awk '$2 ~ /[TtWw]/ {print $3}')
}

@test "release: stack protector and branch targets are in the code" {
	need objdump
	nm "$DIR/ctr.full" >"$T/names"
	grep -q ' T __stack_chk_fail$' "$T/names"
	objdump -d --no-show-raw-insn "$DIR/ctr.full" >"$T/code"
	[ "$(grep -c 'call.*<__stack_chk_fail' "$T/code")" -gt 100 ]
	# -fcf-protection: every function of ours that can be called through a pointer starts with endbr64.
	for f in main plan_build config_parse; do
		grep -A 1 "^[0-9a-f]* <$f>:" "$T/code" | grep -q endbr64 || { echo "$f"; false; }
	done
}

@test "release: what is installed has no set-id bit and nobody else may write it" {
	make -s -C "$TOP" install DESTDIR="$T/dest" B="${DIR#"$TOP"/}" >"$T/log" 2>&1
	[ -x "$T/dest/usr/local/libexec/ctr/ctr" ]
	assert_equal "$(find "$T/dest" -perm /6022 ! -type l)" ""
	make -s -C "$TOP" uninstall DESTDIR="$T/dest" B="${DIR#"$TOP"/}"
	assert_equal "$(find "$T/dest" ! -type d)" ""
}

@test "release: the archive, built in another directory, gives the same bytes, and lists its parts" {
	need git
	need jq
	git -C "$TOP" rev-parse -q --verify HEAD >/dev/null 2>&1 || skip "this is not a clone"
	[ -z "$(git -C "$TOP" status --porcelain -uno)" ] || skip "the tree has changes that are not committed"
	make -s -C "$TOP" dist >"$T/names"
	read -r archive sbom <"$T/names"
	sha256sum "$TOP/$archive" "$TOP/$sbom" >"$T/sums"
	mkdir -p "$T/a/deeper/place"
	tar -xf "$TOP/$archive" -C "$T/a/deeper/place" --strip-components=1
	(cd "$T/a/deeper/place" && env -u MAKEFLAGS make -s -j2 all GIT_DESC="$(ctr --version | sed -n 's/^commit: //p')" \
		>"$T/log" 2>&1) || { tail -5 "$T/log"; false; }
	run ! grep -a 'warning:' "$T/log"
	for program in ctr ctr-init ctr-net ctr-systemd; do
		[ ! -e "$DIR/$program" ] || cmp "$T/a/deeper/place/build/musl-cc/$program" "$DIR/$program"
	done
	jq -e --arg sum "$(sha256sum <"$TOP/$archive" | cut -d' ' -f1)" '.spdxVersion == "SPDX-2.3" and
		.packages[0].checksums[0].checksumValue == $sum and
		([.packages[] | select(.versionInfo == "NOASSERTION")] == []) and
		([.packages[].SPDXID] - [.relationships[].relatedSpdxElement] == []) and
		([.relationships[] | select(.relationshipType == "STATIC_LINK")] | length >= 4)' "$TOP/$sbom"
	make -s -C "$TOP" dist >/dev/null
	sha256sum -c --quiet "$T/sums"
}

@test "release: the other compiler and the other libc take everything, the tests too, without a warning" {
	need clang
	env -u MAKEFLAGS make -s -C "$TOP" -j2 "$T/clang/ctr" unit-build B="$T/clang" CC=clang LIBC=glibc SAN= CFLAGS=-Werror >"$T/log" 2>&1 ||
		{ grep -aE 'warning:|error:' "$T/log" || tail -5 "$T/log"; false; }
}

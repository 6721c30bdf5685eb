#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What README.md, the pages and the man pages say is there: links, files, targets, commands, options; and the quick start's
# commands do what they say.
# rootless

load helpers

setup()
{
	test_setup
	only_ctr "the documents are ctr's"
	cd "$TOP"
}

pages() { ls README.md contrib/results/*.md tests/security.md; }

# As the hosts of repositories make them: lower case, without marks, blanks as dashes.
anchors() { sed -n 's/^#\{1,\} *//p' "$1" | tr '[:upper:]' '[:lower:]' | tr -d '`,.:;()"'"'" | tr ' ' -; }

@test "docs: each link leads somewhere, with its anchor" {
	root_only "once is enough"
	n=0
	for page in $(pages); do
		while read -r link; do
			case $link in http*) continue ;; esac
			file=${link%%#*} anchor=
			[[ $link != *#* ]] || anchor=${link#*#}
			file=${file:+$(dirname "$page")/$file}
			file=${file:-$page}
			[ -e "$file" ] || fail "$page: $link"
			[ -z "$anchor" ] || anchors "$file" | grep -qx -- "$anchor" || fail "$page: $link"
			n=$((n + 1))
		done < <(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//')
	done
	[ $n -ge 5 ]
}

@test "docs: each file that README names is there" {
	root_only "once is enough"
	n=0
	while read -r path; do
		ls -d $path >/dev/null 2>&1 || fail "README.md: $path"
		n=$((n + 1))
	done < <(grep -o '`[^` ]*`' README.md | tr -d '`' | grep -E '^(contrib|tests|runtime|oci|cgroup|netns)/[^ ]+$' |
		sed 's/NAME/*/; s/@\.service/@.service/')
	[ $n -ge 15 ]
}

@test "docs: each target of make is one" {
	root_only "once is enough"
	n=0
	for target in $(grep -hoE '(`|    )make [A-Z=0-9a-z -]*' $(pages) contrib/man/* | sed 's/^[` ]*make //' |
		tr ' ' '\n' | grep -E '^[a-z-]+$' | grep -v '^-' | sort -u); do
		grep -qE "^\.PHONY:.* $target( |\$)" Makefile || fail "make $target"
		n=$((n + 1))
	done
	[ $n -ge 8 ]
}

commands() { ctr --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }
helps() { ctr --help; for c in $(commands); do ctr $c --help; done; }

@test "docs: each command is in the man page, and what README's table has is a command or an option" {
	root_only "once is enough"
	for c in $(commands); do
		grep -qE "\bIc $c\b" contrib/man/ctr.8 || fail "ctr.8: no $c"
	done
	helps >"$T/helps"
	table=$(sed -n '/^## Commands and options/,/^## Errors/p' README.md)
	for option in $(grep -oE -- "--[a-z][a-z-]*" <<<"$table" | sort -u) $(grep -oE '`-[a-z]\b' <<<"$table" | tr -d '`' | sort -u); do
		grep -qE -- "(^|[ ,])$option([ ,=|\[]|\$)" "$T/helps" || [ "$option" = --help ] || fail "README.md: $option"
	done
	for c in $(grep -oE '^\|( `[a-z]+`)+' <<<"$table" | grep -oE '[a-z]+'); do
		commands | grep -qx "$c" || fail "README.md: $c"
	done
}

@test "docs: each option of the man pages is one" {
	root_only "once is enough"
	helps >"$T/helps"
	n=0
	# mdoc: "Fl -name"; in examples as they are typed.
	for option in $(grep -hoE 'Fl -[a-z-]+|[ ]--[a-z][a-z-]*' contrib/man/*.8 | sed 's/Fl -/--/; s/^ //' | sort -u); do
		grep -qE -- "(^|[ ,])$option([ ,=|\[]|\$)" "$T/helps" || [ "$option" = --help ] || fail "$option"
		n=$((n + 1))
	done
	[ $n -ge 40 ]
}

# The blocks of code below a heading, without what installs and builds.
code() { sed -n "/^## $1/,/^## [^#]/s/^    //p" "$TOP/README.md" | grep -v '^contrib/\|^make '; }

# The quick start in a directory of its own, in which build/ctr is the program.
prepare_start()
{
	mkdir "$T/start" "$T/start/build" "$T/xdg"
	chmod 700 "$T/xdg"
	ln -s "$RUNTIME" "$T/start/build/ctr"
	cd "$T/start"
	export XDG_RUNTIME_DIR=$T/xdg
	code "Quick start" | sed 's/^sudo //; s/  *#.*//' >"$T/code"
	grep -n . "$T/code"
	grep '^mkdir\|^(cd box && \.\./build/ctr spec)' "$T/code" >"$T/make"
	[ "$(wc -l <"$T/make")" = 2 ]
	[ -x /bin/busybox ] || skip "no /bin/busybox"
	bash -e "$T/make"
}

# The shell's terminal has no input: it is ended from outside.
run_and_look()
{
	timeout 60 "$TOP/tests/lib/with-terminal" bash -c "$(grep -m1 '^build/ctr run ' "$T/code")" >"$T/out" 2>&1 3>&- &
	local job=$!
	running() { [ "$(build/ctr state c1 2>/dev/null | jq -r .status)" = running ]; }
	wait_until 20 running || fail "it does not run: $(cat "$T/out")"
	try bash -c "$(grep '^build/ctr exec ' "$T/code")"
	assert_status 0
	assert_output_matches '^[0-9]+$'
	build/ctr kill c1 KILL
	status=0
	wait $job || status=$?
	assert_status 137
	[ -z "$(build/ctr list -q)" ]
}

@test "docs: the quick start, as root" {
	root_only
	prepare_start
	run_and_look
	# In steps.
	sed -i 's/"terminal": true/"terminal": false/' box/config.json
	steps=$(grep -o 'In steps.*' "$TOP/README.md" | grep -oE '`(create|start|state|kill|delete) [^`]*`' | tr -d '`')
	[ "$(wc -l <<<"$steps")" = 5 ]
	stopped() { [ "$(build/ctr state c1 | jq -r .status)" = stopped ]; }
	# Its input is open, as a terminal's is.
	mkfifo "$T/in"
	exec 7<>"$T/in"
	while read -r step; do
		[[ $step != delete* ]] || wait_until 10 stopped
		build/ctr $step >"$T/out" 2>&1 <&7 3>&- || fail "$step: $(cat "$T/out")"
	done <<<"$steps"
	exec 7>&-
	[ -z "$(build/ctr list -q)" ]
}

@test "docs: the quick start, as an ordinary user" {
	rootless_only
	prepare_start
	rootless=$(grep '^(cd box && rm config.json' "$T/code")
	[ -n "$rootless" ]
	bash -e -c "$rootless"
	run_and_look
}

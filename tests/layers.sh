#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that dependencies point one way (TAP): base <- oci <- cgroup, netns <- runtime, that the container side
# includes nothing of the host side, and that its objects ask for nothing that a process between clone and exec
# must not use; and that each rule of defence has its place and nothing goes around it (defences.txt). B: the build directory whose objects are looked at (default: the one of build/ctr).
set -u
cd "$(dirname "$0")/.."
B=${B:-$(dirname "$(readlink -f build/ctr)")}
n=0
bad=0

result() # NAME FINDINGS
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
		bad=1
	fi
}

# Every include of our own as "FILE PATH", PATH from the top. Quotes are ours, angle brackets are the system's.
includes()
{
	for f in $(find "$@" -name '*.[chS]'); do
		sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$f" | while read -r i; do
			p=$(realpath -m --relative-to=. "$(dirname "$f")/$i")
			[ -e "$p" ] || p=$i # from the top (-I.)
			echo "$f $p"
		done
	done
}

# layer DIRECTORIES ALLOWED: includes of DIRECTORIES must match the regular expression ALLOWED.
layer() { includes $2 | awk -v ok="^($3)" '$2 !~ ok { print $1 " includes " $2 }' | { r=$(cat); result "$1" "$r"; echo "$n $bad" >&3; }; }

echo 1..10
state=$(mktemp)
trap 'rm -f "$state"' EXIT
check() { layer "$@" 3>"$state"; read -r n bad <"$state"; }

check "base includes only base" runtime/base 'runtime/base/'
check "oci includes only base and oci" oci 'runtime/base/|oci/'
check "cgroup includes only base, oci and cgroup" cgroup 'runtime/base/|oci/|cgroup/'
check "netns includes only base, oci and netns" netns 'runtime/base/|oci/|netns/'
check "the container side includes only base, the plan and the messages" runtime/init \
	'runtime/base/|runtime/plan\.h|runtime/sync\.h|runtime/init/'

result "nothing else lies at the top" "$(ls | grep -vxE 'Makefile|README.md|LICENSE|runtime|oci|netns|cgroup|tests|contrib|build.*|compile_commands.json')"

result "yajl is used in one file" "$(grep -rlE '#[ \t]*include[ \t]*<yajl' runtime oci cgroup netns | grep -vx oci/json.c)"

objects=$(ls "$B"/runtime/init/*.o "$B"/runtime/plan_wire.o "$B"/runtime/sync.o "$B"/runtime/base/path.o \
	"$B"/runtime/base/err.o 2>/dev/null)
if [ -z "$objects" ]; then
	result "the container side's objects" "no objects in $B"
else
	found=$(nm -A -u $objects | grep -E ' U (malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf|fopen|fdopen|f?open_memstream|(v|f|vf|d)?printf|fputs|puts|getpw[a-z_]*|getgr(nam|gid|ent|ouplist)[a-z_]*|dlopen|dlsym|system|popen|fork|vfork|yajl_[a-z_]*|mnl_[a-z_]*|seccomp_[a-z_]*)$')
	result "the container side's objects use no heap, no streams, no users' data base and no library" "$found"
fi

# ---- the rules of defence, by the table -------------------------------------------------------------------------------

lost=
for i in $(seq 22); do
	file=$(awk -F'\t' -v d="D$i" '$1 == d { print $2 }' tests/defences.txt)
	if [ -z "$file" ] || ! grep -qE "\(([D0-9, ]+)?D$i(, D[0-9]+)*[;)]" "$file"; then
		lost="${lost}D$i has no comment with its reason in ${file:-the table}
"
	fi
done
result "each rule of defence has one place, which says why" "$lost"

# Without comments and strings, so that a name in a text is no call.
stripped=$(mktemp -d)
trap 'rm -rf "$state" "$stripped"' EXIT
sources=$(find runtime oci cgroup netns -name '*.[ch]' | sort)
for f in $sources; do
	mkdir -p "$stripped/$(dirname "$f")"
	sed -E 's|/\*.*\*/||; /^[[:space:]]*(\/\*\|\*( \|\/\|$))/d; s/"([^"\\]|\\.)*"/""/g' "$f" >"$stripped/$f"
done
inside="$(find runtime/init -name '*.[ch]') runtime/base/path.c runtime/base/err.c runtime/plan_wire.c runtime/sync.c"
found=$(grep -E '^(calls|inside)	' tests/defences.txt | while IFS='	' read -r kind names files; do
	[ "$kind" = calls ] && where=$sources || where=$inside
	for f in $(cd "$stripped" && grep -lE "(^|[^a-zA-Z0-9_>.])($names)\(" $where); do
		case " $files " in
		*" $f "*) ;;
		*) echo "$f: $(grep -oE "(^|[^a-zA-Z0-9_>.])($names)\(" "$stripped/$f" | tr -d ' (\t!' | sort -u | tr '\n' ' ')is not for this file" ;;
		esac
	done
done)
result "no call goes around them" "$found"
exit $bad

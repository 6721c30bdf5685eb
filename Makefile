# SPDX-License-Identifier: Apache-2.0
# Builds ctr, its container side (ctr-init, embedded in ctr) and the helper programs.
#
#   make                 ctr, static, against musl where the machine has it (LIBC=glibc: the system's libc)
#   make check           every test that can run here (see tests/run)
#   make SAN=1 check     the same under AddressSanitizer and UndefinedBehaviorSanitizer (not what runs in micro-VMs' guests)
#   V=1 shows the commands. CFLAGS, CPPFLAGS and LDFLAGS of the caller come last and are never replaced.

VERSION  := 0.1.0
GIT_DESC := $(shell git describe --always --dirty 2>/dev/null || cat .version 2>/dev/null || echo $(VERSION))
PREFIX   ?= /usr/local
LIBEXEC  ?= $(PREFIX)/libexec/ctr
BINDIR   ?= $(PREFIX)/bin
MANDIR   ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
INSTALL  ?= install
# containerd installs a debug client called ctr: `make install BINLINK=0` leaves the link in BINDIR out.
BINLINK  ?= 1
CC       ?= cc
# For programs that run during the build. CC=aarch64-linux-gnu-gcc builds for another machine.
HOSTCC   ?= cc
STRIP    ?= $(shell $(CC) -print-prog-name=strip)
PKG      ?= pkg-config

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
MUSL_LIB  ?= /usr/lib/$(patsubst %-gnu,%-musl,$(MULTIARCH))
MUSL_INC  ?= /usr/include/$(patsubst %-gnu,%-musl,$(MULTIARCH))
ifeq ($(SAN),1)
LIBC ?= glibc
endif
ifeq ($(COVERAGE),1)
LIBC ?= glibc
endif
LIBC ?= $(if $(wildcard $(MUSL_LIB)/rcrt1.o),musl,glibc)

# Objects of different kinds of build never mix.
B := build/$(LIBC)-$(notdir $(firstword $(CC)))$(if $(filter 1,$(SAN)),-san)$(if $(filter 1,$(COVERAGE)),-cov)

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wempty-body -Wvla -Wundef -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough -Wconversion \
	-Wsign-conversion -Werror=return-type -Werror=incompatible-pointer-types -Werror=int-conversion
# For size: what is not read from the disk, not faulted in and not copied is the time that counts; -O2 is no faster.
OPT  := -Os -g -std=gnu11 -fPIE -fno-common -fno-strict-aliasing -fno-delete-null-pointer-checks \
	-ffunction-sections -fdata-sections -fstack-protector-strong
# Where size counts gcc copies with `rep movsb`, which begins after some 20 ns whatever little it copies. Not with glibc,
# whose build is what scan-build reads, with a compiler that does not know the word.
OPT  += $(if $(filter musl,$(LIBC)),$(shell $(CC) -mstringop-strategy=libcall -Werror -E -x c /dev/null >/dev/null 2>&1 && echo -mstringop-strategy=libcall))
# The build directory must not show in the result: two builds in different places are bit-identical.
OPT  += -ffile-prefix-map=$(CURDIR)=.
ifeq ($(SAN),1)
OPT  += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# In the program where the compiler asks for that: the guest of tests/vm has no libraries of sanitizers.
SANLD := -fsanitize=address,undefined $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
else
OPT  += -fno-asynchronous-unwind-tables -fno-unwind-tables -fstack-clash-protection $(if $(filter x86_64-%,$(MULTIARCH)),-fcf-protection=full) \
	$(if $(filter glibc,$(LIBC)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif
ifeq ($(COVERAGE),1)
OPT  += -O0 --coverage
SANLD += --coverage
endif
ALL_CPPFLAGS = -D_GNU_SOURCE -DCTR_VERSION='"$(VERSION)"' -DCTR_LIBEXEC='"$(LIBEXEC)"' $(CPPFLAGS)
ALL_CFLAGS = $(OPT) $(WARN) $(LIBC_CFLAGS) $(ALL_CPPFLAGS) $(CFLAGS)
LDHARD = -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--gc-sections

LIBS := seccomp yajl
STATIC_LIBS := $(foreach l,libseccomp.a libyajl_s.a,$(shell $(CC) -print-file-name=$(l)))

ifeq ($(LIBC),musl)
# Debian has no musl builds of the libraries; its static archives (position independent, C only) link
# against musl once the few entry points that glibc's headers put into them exist (runtime/base/compat.c).
LIBC_CFLAGS := -nostdinc -isystem $(MUSL_INC) -isystem $(shell $(CC) -print-file-name=include) -idirafter $(B)/include
LINK_START = -nostdlib -nostartfiles -static-pie $(PACKED) $(MUSL_LIB)/rcrt1.o $(MUSL_LIB)/crti.o
# Relocations in short, which runtime/base/start.c applies.
ifneq ($(filter x86_64-%,$(MULTIARCH)),)
PACKED     = -Wl,-z,pack-relative-relocs -Wl,-e,start_packed
endif
LINK_END   = -Wl,--start-group $(MUSL_LIB)/libc.a -lgcc -Wl,--end-group $(MUSL_LIB)/crtn.o
LINK_LIBS  = $(STATIC_LIBS)
LINK_USUAL = -Wl,--start-group $(filter %yajl_s.a,$(STATIC_LIBS)) $(MUSL_LIB)/libc.a -lgcc -Wl,--end-group
PREPARE    = $(B)/include/.done
else
LINK_START = $(SANLD) $(if $(filter 1,$(SAN)),-pie,-static-pie)
LINK_END   =
LINK_LIBS  = $(STATIC_LIBS)
endif

BASE_SRC := $(wildcard runtime/base/*.c)
HOST_SRC := $(BASE_SRC) $(wildcard oci/*.c cgroup/*.c netns/*.c) $(wildcard runtime/*.c)
# What the container side is made of: its own folder, the contract, and the parts of base without a heap.
INIT_BASE := runtime/base/err.c runtime/base/memcpy.c runtime/base/path.c runtime/base/start.c runtime/plan_wire.c runtime/sync.c
INIT_SRC := $(wildcard runtime/init/*.c) $(filter $(INIT_BASE),$(wildcard runtime/base/*.c runtime/*.c))
HOST_OBJ := $(HOST_SRC:%.c=$(B)/%.o)
# Sources made at build time by programs of our own that ask a library: ctr itself then does without it, or asks it less.
GEN_OBJ  := $(B)/gen/loopback.o $(B)/gen/capabilities.o $(B)/gen/syscalls.o
LIB_OBJ  := $(filter-out $(B)/runtime/main.o,$(HOST_OBJ))
# What no ordinary start, stop or look needs. The rest lies together, in front of it: around each page that is missing the
# kernel maps 64 kB of the file, and undoes it at the end. This decides where code lies, nothing else.
RARE_SRC := $(wildcard netns/*.c cgroup/systemd*.c cgroup/rdt.c oci/spec.c oci/features.c oci/json_where.c \
	runtime/probe*.c runtime/vm_*.c runtime/sandbox_*.c runtime/criu_*.c runtime/host_criu.c runtime/plan_print.c \
	runtime/stats.c runtime/trace_draw.c $(foreach c,checkpoint completion events features pause probe ps restore \
	sandbox* spec stats trace update vm,runtime/cmd_$(c).c))
USUAL_OBJ := $(filter-out $(RARE_SRC:%.c=$(B)/%.o),$(HOST_OBJ)) $(GEN_OBJ)
INIT_OBJ := $(INIT_SRC:%.c=$(B)/%.o)
TEST_SRC := $(wildcard tests/unit/*.c)
TESTS    := $(TEST_SRC:tests/unit/%.c=$(B)/tests/unit/%)

# Programs beside ctr that need a library which exists only shared; ctr starts them when they are needed.
HELPERS  := $(B)/ctr-net $(if $(shell $(PKG) --exists libsystemd && echo 1),$(B)/ctr-systemd)

ifeq ($(V),1)
Q :=
else
Q := @
# `make -s` says nothing at all.
say = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,printf '  %-5s %s\n' '$(1)' '$(2)';)
endif

.DELETE_ON_ERROR:
.PHONY: all allocs check check-security completions coverage coverage-tests faults faults-all kills race scale suites unit unit-build install uninstall clean dist format tidy fuzz fuzz-build fuzz-corpus bench bench-mounts bench-vm results compile_commands.json

all: $(B)/ctr $(HELPERS) $(if $(filter 1,$(SAN)),$(B)/ctr-guest) build/ctr

# Where tests and people look, whatever kind of build was made last.
build/ctr: $(B)/ctr FORCE
	$(Q)[ "$$(readlink $@)" = $(B:build/%=%)/ctr ] || { mkdir -p build && ln -sf $(B:build/%=%)/ctr $@; }
FORCE:

$(B)/include/.done:
	$(Q)mkdir -p $(B)/include
	$(Q)ln -sfn /usr/include/linux $(B)/include/linux
	$(Q)ln -sfn /usr/include/asm-generic $(B)/include/asm-generic
	$(Q)ln -sfn $(firstword $(wildcard /usr/include/$(MULTIARCH)/asm /usr/$(MULTIARCH)/include/asm)) $(B)/include/asm
	$(Q)ln -sfn /usr/include/yajl $(B)/include/yajl
	$(Q)ln -sf /usr/include/seccomp.h /usr/include/seccomp-syscalls.h $(B)/include/
	$(Q)touch $@

$(B)/%.o: %.c Makefile | $(PREPARE)
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The git description is part of one object only, rebuilt when it changes.
$(B)/runtime/main.o: ALL_CPPFLAGS += -DCTR_COMMIT='"$(GIT_DESC)"'

ifeq ($(COVERAGE),1)
INIT_START = $(filter-out --coverage,$(LINK_START)) tests/lib/uncounted.c
$(B)/ctr-init: OPT := $(filter-out --coverage,$(OPT))
else
INIT_START = $(LINK_START)
endif
$(B)/ctr-init: $(INIT_OBJ)
	$(call say,LD,$@)$(CC) $(OPT) $(LDHARD) $(LDFLAGS) -o $@ $(INIT_START) $(INIT_OBJ) $(LINK_END)
	$(Q)$(if $(filter 1,$(SAN) $(COVERAGE)),:,$(STRIP) $@)

$(B)/init_image.o: runtime/init_image.S $(B)/ctr-init
	$(Q)mkdir -p $(@D)
	$(call say,AS,$<)$(CC) -fPIE -DCTR_INIT_FILE='"$(B)/ctr-init"' -c -o $@ $<

$(B)/sandbox_image.o: runtime/sandbox_image.S contrib/seccomp/default.json
	$(Q)mkdir -p $(@D)
	$(call say,AS,$<)$(CC) -fPIE -c -o $@ $<

$(B)/gen-loopback: netns/gen/loopback.c
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<)$(HOSTCC) -O1 -Wall -Wextra -o $@ $< $(shell $(PKG) --cflags --libs libmnl)

$(B)/gen-capabilities: oci/gen/capabilities.c
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<)$(HOSTCC) -O1 -Wall -Wextra -o $@ $< $(shell $(PKG) --cflags --libs libcap)

$(B)/gen-syscalls: runtime/gen/syscalls.c runtime/seccomp_hash.h
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<)$(HOSTCC) -O1 -Wall -Wextra -o $@ $< $(shell $(PKG) --cflags --libs libseccomp)

$(B)/gen/%.c: $(B)/gen-%
	$(Q)mkdir -p $(@D) && $< > $@

$(B)/gen/%.o: $(B)/gen/%.c Makefile | $(PREPARE)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -I. -MMD -MP -c -o $@ $<

NET_SRC := $(wildcard netns/helper/*.c) netns/devices.c runtime/base/err.c runtime/base/arena.c
$(B)/ctr-net: $(NET_SRC) $(wildcard netns/helper/*.h) netns/netns.h Makefile
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(OPT) $(WARN) $(ALL_CPPFLAGS) $(CFLAGS) -pie $(SANLD) $(LDHARD) $(LDFLAGS) -o $@ $(NET_SRC) \
		$(shell $(PKG) --cflags --libs libmnl)

SYSTEMD_SRC := $(wildcard cgroup/helper/*.c) runtime/base/err.c
$(B)/ctr-systemd: $(SYSTEMD_SRC) runtime/base/err.h runtime/base/util.h Makefile
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(OPT) $(WARN) $(ALL_CPPFLAGS) $(CFLAGS) -pie $(SANLD) $(LDHARD) $(LDFLAGS) -o $@ $(SYSTEMD_SRC) \
		$(shell $(PKG) --cflags --libs libsystemd)

$(B)/libctr.a: $(LIB_OBJ) $(GEN_OBJ) $(B)/init_image.o $(B)/sandbox_image.o
	$(Q)rm -f $@ && ar rcs $@ $^

# With what debuggers want: three quarters of it, which a start from a cold cache would read from the disk as well.
$(B)/ctr.full: $(USUAL_OBJ) $(B)/libctr.a
	$(call say,LD,$@)$(CC) $(OPT) $(LDHARD) $(LDFLAGS) -o $@ $(LINK_START) $(USUAL_OBJ) $(LINK_USUAL) \
		-Wl,--start-group $(B)/libctr.a $(LINK_LIBS) -Wl,--end-group $(LINK_END)

$(B)/ctr: $(B)/ctr.full
	$(Q)$(if $(filter 1,$(SAN) $(COVERAGE)),cp $< $@,$(STRIP) -o $@ $<)

# Under sanitizers: what runs in micro-VMs' guests, without them (runtime/sanitized.h).
$(B)/ctr-guest: FORCE
	$(Q)$(MAKE) --no-print-directory SAN= B=$(B)/guest $(B)/guest/ctr
	$(Q)ln -sfn guest/ctr $@

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libctr.a
	$(call say,LD,$@)$(CC) $(OPT) $(LDFLAGS) -o $@ $(LINK_START) -Wl,--start-group $^ $(LINK_LIBS) -Wl,--end-group $(LINK_END)

# ctr with an allocator that refuses one piece of memory (tests/alloc/fail.c, in place of the arena's object).
WRAP := -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
$(B)/ctr-alloc: $(B)/tests/alloc/fail.o $(B)/runtime/main.o $(B)/libctr.a
	$(call say,LD,$@)$(CC) $(OPT) $(LDFLAGS) $(WRAP) -o $@ $(LINK_START) -Wl,--start-group $^ $(LINK_LIBS) -Wl,--end-group $(LINK_END)

# ctr for valgrind, which wants a libc to put its allocator into, and knows clone() but not clone3().
$(B)/ctr-valgrind: $(B)/tests/valgrind/clone.o $(B)/runtime/main.o $(B)/libctr.a
	$(call say,LD,$@)$(CC) $(OPT) $(LDFLAGS) -Wl,--wrap=syscall -o $@ -pie -Wl,--start-group $^ $(LINK_LIBS) -Wl,--end-group

.SECONDARY: $(TEST_SRC:%.c=$(B)/%.o)

# Runs the helper that lies beside ctr.
$(B)/tests/unit/systemd: | $(HELPERS)

# Unit and golden tests: no privilege, seconds. Each program prints TAP.
unit-build: $(TESTS) $(B)/ctr-alloc

unit: $(TESTS) $(B)/ctr-alloc
	$(Q)fail=0; for t in $(TESTS); do $$t || fail=1; done; exit $$fail

check: all
	$(Q)SAN=$(SAN) B=$(B) tests/run

# The attacks of tests/security.md alone; RUNTIME: another build than this one.
check-security: all
	$(Q)B=$(B) tests/run tests/security.bats

# ---- fuzzing (clang's libFuzzer): make fuzz [FUZZ_SECONDS=60] ----------------------------------------------
FUZZ_SECONDS ?= 60
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
FB := build/fuzz
FUZZ_FLAGS = -g -O1 -std=gnu11 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all $(ALL_CPPFLAGS)
FUZZ_HOST := $(filter-out runtime/main.c runtime/cmd_%.c runtime/base/compat.c,$(HOST_SRC))

$(FB)/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(call say,FUZZ,$<)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

# An archive: a target takes of it what it needs, and no more has to exist.
$(FB)/libctr.a: $(FUZZ_HOST:%.c=$(FB)/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^

$(FB)/bin/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h) $(FB)/libctr.a $(GEN_OBJ:.o=.c)
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)clang $(FUZZ_FLAGS) -I. -fsanitize=fuzzer -o $@ $< $(GEN_OBJ:.o=.c) $(FB)/libctr.a $(STATIC_LIBS)

# The objects stay for the next time.
.PRECIOUS: $(FB)/%.o

fuzz-build: $(FUZZ_SRC:tests/fuzz/%.c=$(FB)/bin/%)

# FUZZ_RESULTS=FILE: a page to which the run is added. Processor seconds count there, since a busy machine gives few.
fuzz: fuzz-build
	$(Q)tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_RESULTS)

# What the runs found worth keeping, into the repository.
fuzz-corpus: fuzz-build
	$(Q)tests/fuzz/run --keep

# Against other runtimes and against what the kernel's work alone takes; half an hour on two quiet CPUs.
bench: all
	$(Q)tests/bench/run

# Micro-VMs: how surely and how fast they start, exec, memory, files. As root; BOOTS=200 LOAD=4 ROUNDS=15, half an hour.
bench-vm: all
	$(Q)tests/bench/vm contrib/results/vm.md

# What a kernel saves of a start's mounts, here and on a newer kernel in an emulated guest.
bench-mounts: all
	$(Q)tests/bench/mounts contrib/results/mounts.md

# The pages and pictures in the repository: of the last `make bench`.
results: all
	$(Q)tests/bench/report build/bench.json contrib/results
	$(Q)build/ctr trace build/trace.json >contrib/results/trace.svg

# ---- checks of the source ----------------------------------------------------------------------------------------
ALL_SRC := $(sort $(HOST_SRC) $(INIT_SRC))
ALL_HDR := $(wildcard oci/*.h cgroup/*.h netns/*.h runtime/*.h runtime/base/*.h runtime/init/*.h)

format:
	$(Q)clang-format -i $(ALL_SRC) $(ALL_HDR)

# cppcheck, clang's analyser with its checks for mistakes (.clang-tidy) and over the whole build (scan-build), and gcc's
# analyser: nothing may be found. Four minutes on two cores; `contrib/setup tidy` installs what it needs.
tidy: compile_commands.json $(GEN_OBJ:.o=.c)
	$(Q)cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem -D_GNU_SOURCE $(ALL_SRC) $(NET_SRC) $(SYSTEMD_SRC)
	$(Q)printf '%s\n' $(ALL_SRC) | xargs -P $(shell nproc) -n 4 clang-tidy --quiet -p . 2>/dev/null
	$(Q)rm -rf build/analyzer build/scan
	$(Q)$(MAKE) -s -j $(shell nproc) all B=build/analyzer CFLAGS='-fanalyzer -Werror -DCTR_ANALYZER' >/dev/null
	$(Q)scan-build --status-bugs -o build/scan-report $(MAKE) -s -j $(shell nproc) all LIBC=glibc B=build/scan >/dev/null

compile_commands.json:
	$(Q){ printf '['; sep=; for f in $(ALL_SRC); do \
		printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' "$$sep" "$(CURDIR)" "$$f" \
		"clang -std=gnu11 -D_GNU_SOURCE -DCTR_VERSION='\\\"0\\\"' -DCTR_LIBEXEC='\\\"/\\\"' -c $$f"; sep=,; done; \
		printf '\n]\n'; } > $@

# ---- long tests --------------------------------------------------------------------------------------------------
# An error or the end at every place (an hour); STRIDE=N OFFSET=M tries every Nth: with a factor of 10 in it, not every fault.
faults: all
	$(Q)tests/faults/sample build/faults points stride=$(or $(STRIDE),1) offset=$(or $(OFFSET),0)

# All of both, as root and as an ordinary user, into a page.
faults-all: all
	$(Q)tests/faults/all build/faults $(or $(FAULTS_RESULTS),build/faults.md)

# The end at random moments: KILLS=N of each of the five commands.
kills: all
	$(Q)tests/faults/sample build/faults kills kills=$(or $(KILLS),2000) offset=$(or $(SEED),0)

# Every piece of memory that a command asks for is refused once.
allocs: all $(B)/ctr-alloc
	$(Q)rm -rf build/allocs && mkdir -p build/allocs && RUNTIME=$(abspath build/ctr) tests/bundle build/allocs/b
	$(Q)jq --slurpfile p contrib/seccomp/default.json '.process.args = ["sleep", "1000"] | .linux.seccomp = $$p[0] | .annotations = {a: "b"}' \
		build/allocs/b/config.json >build/allocs/c
	$(Q)mv build/allocs/c build/allocs/b/config.json
	$(Q)unshare -m -p -f --kill-child --propagation private sh -c 'mount -t proc proc /proc && mount -t cgroup2 none /sys/fs/cgroup && \
		exec /usr/bin/python3 tests/alloc/run.py $(abspath build/ctr) $(abspath $(B)/ctr-alloc) $(abspath build/allocs/b) build/allocs/w'

# Root, in a mount namespace with cgroup v2 of its own; ROUNDS=100000 is 10^6 attempts (an hour); RACE_RESULTS=FILE takes the page.
race: all
	$(Q)unshare -m --propagation private sh -c 'mount -t cgroup2 none /sys/fs/cgroup; tests/race/run $(abspath build/race) $(or $(ROUNDS),2000) $(RACE_RESULTS)'

# Root, with Debian's source packages: what the tests of other runtimes say of ctr (ten minutes).
suites: all
	$(Q)tests/suites/run

# Root: many containers at once, many cycles; SCALE_RESULTS=FILE takes the tables.
scale: all
	$(Q)tests/scale/run $(or $(CONTAINERS),1000) $(or $(CYCLES),100000) $(SCALE_RESULTS)

# Lines that the unit tests and the behaviour tests reach, but for those with engines and the guest (ten minutes).
# COVERAGE_RESULTS=FILE takes the table.
COVERAGE_BATS = $(filter-out $(patsubst %,tests/%.bats,vm engines race hostile faults probe_places),$(wildcard tests/*.bats))
coverage:
	$(Q)$(MAKE) --no-print-directory COVERAGE=1 all unit-build coverage-tests

coverage-tests:
	$(Q)find $(B) -name '*.gcda' -delete
	$(Q)for t in $(TESTS); do $$t >$(B)/unit.log 2>&1 || grep '^not ok' $(B)/unit.log; done
	$(Q)for p in ctr ctr-net ctr-systemd; do $(B)/$$p --version </dev/null >/dev/null 2>&1 || :; done; chmod -R a+rwX $(B)
	$(Q)RUNTIME=$(CURDIR)/$(B)/ctr tests/run $(COVERAGE_BATS) >$(B)/tests.log || tail -n 3 $(B)/tests.log
	$(Q)tests/coverage $(B) $(COVERAGE_RESULTS)

# ---- installation -----------------------------------------------------------------------------------------------
# The binary lives in a folder of its own: engines are given its absolute path, since containerd installs a
# debug client that is called ctr too. ctr-vm is the same program under another name.
# From the tables of the options; a test compares.
completions: all
	$(Q)for shell in bash zsh fish; do build/ctr completion $$shell >contrib/completions/ctr.$$shell; done

# Where each shell looks for its completions, below DATADIR.
COMPLETIONS := ctr.bash=bash-completion/completions/ctr ctr.zsh=zsh/site-functions/_ctr ctr.fish=fish/vendor_completions.d/ctr.fish
first = $(word 1,$(subst =, ,$(1)))
second = $(word 2,$(subst =, ,$(1)))

install: all
	$(INSTALL) -d $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(MANDIR)/man8
	$(INSTALL) -m 0755 $(B)/ctr $(HELPERS) $(DESTDIR)$(LIBEXEC)/
	ln -sfn ctr $(DESTDIR)$(LIBEXEC)/ctr-vm
	$(if $(filter 1,$(BINLINK)),$(INSTALL) -d $(DESTDIR)$(BINDIR) && ln -sfn $(LIBEXEC)/ctr $(DESTDIR)$(BINDIR)/ctr)
	$(foreach m,$(wildcard contrib/man/*.8),$(INSTALL) -m 0644 $(m) $(DESTDIR)$(MANDIR)/man8/;)
	$(foreach c,$(COMPLETIONS),$(INSTALL) -d $(DESTDIR)$(DATADIR)/$(dir $(call second,$(c))) && \
		$(INSTALL) -m 0644 contrib/completions/$(call first,$(c)) $(DESTDIR)$(DATADIR)/$(call second,$(c)) &&) :

uninstall:
	rm -f $(foreach c,$(COMPLETIONS),$(DESTDIR)$(DATADIR)/$(call second,$(c)))
	rm -f $(DESTDIR)$(LIBEXEC)/ctr $(DESTDIR)$(LIBEXEC)/ctr-vm $(HELPERS:$(B)/%=$(DESTDIR)$(LIBEXEC)/%) $(foreach m,$(wildcard contrib/man/*.8),$(DESTDIR)$(MANDIR)/man8/$(notdir $(m)))
	[ ! -L $(DESTDIR)$(BINDIR)/ctr ] || rm -f $(DESTDIR)$(BINDIR)/ctr
	[ ! -d $(DESTDIR)$(LIBEXEC) ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(LIBEXEC)

dist:
	$(Q)mkdir -p build
	$(Q)git archive --prefix=ctr-$(VERSION)/ -o build/ctr-$(VERSION).tar.gz HEAD
	$(Q)contrib/sbom build/ctr-$(VERSION).tar.gz >build/ctr-$(VERSION).spdx.json
	$(Q)echo build/ctr-$(VERSION).tar.gz build/ctr-$(VERSION).spdx.json

clean:
	$(Q)rm -rf build compile_commands.json

-include $(GEN_OBJ:.o=.d) $(HOST_OBJ:.o=.d) $(INIT_OBJ:.o=.d) $(TEST_SRC:%.c=$(B)/%.d) $(FUZZ_HOST:%.c=$(FB)/%.d)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp programs: ours against libseccomp's and a plain reading of the rules, call by call, by an
 * interpreter (seccomp_compare.h); then some loaded for real.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../runtime/base/sys.h"
#include "../../runtime/seccomp_names.h"
#include "seccomp_compare.h"
#include "tap.h"

static struct arena arena;
static struct pair p = { .all_numbers = true, .tries = 50 };

/* libseccomp 2.5.4 loses nodes of its trees where rules of one call meet. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:zmalloc\n";
}

/* Equal to the plain reading, and to libseccomp. */
static bool same(struct section *s)
{
	return same_section(s, &p) && p.library_wrong == 0;
}

/* What engines write: most calls, some only with certain arguments, the rest EPERM or ENOSYS. */
static void engine_section(struct section *s, size_t n_archs)
{
	static const char *const held_back[] = {
		"acct",
		"add_key",
		"bpf",
		"clone",
		"clone3",
		"delete_module",
		"finit_module",
		"init_module",
		"ioperm",
		"iopl",
		"kexec_file_load",
		"kexec_load",
		"keyctl",
		"lookup_dcookie",
		"mount",
		"move_mount",
		"nfsservctl",
		"open_by_handle_at",
		"perf_event_open",
		"personality",
		"pivot_root",
		"process_vm_readv",
		"process_vm_writev",
		"ptrace",
		"query_module",
		"quotactl",
		"reboot",
		"request_key",
		"setns",
		"socket",
		"sysfs",
		"_sysctl",
		"umount2",
		"unshare",
		"uselib",
		"userfaultfd",
		"ustat",
		"vm86",
		"swapon",
		"swapoff",
	};
	static const uint64_t personalities[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };
	static const char *const old_abis[] = { "_llseek",    "fstat64",   "mmap2",
						"socketcall", "ipc",	   "ugetrlimit",
						"chown32",    "stat64",	   "recv",
						"send",	      "sigreturn", "waitpid",
						"cacheflush", "set_tls",   "semtimedop_time64" };
	const char *all[MAX_NAMES], *allowed[MAX_NAMES];
	size_t n_all = known_names(all, MAX_NAMES), n = 0;

	section_init(s, &arena, SCMP_ACT_ERRNO(0), n_archs);
	for (size_t i = 0; i < n_all; i++) {
		bool held = false;

		for (size_t k = 0; k < ARRAY_SIZE(held_back); k++)
			held |= str_eq(all[i], held_back[k]);
		if (!held)
			allowed[n++] = all[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(old_abis); i++)
		allowed[n++] = old_abis[i];
	(void)section_rule(s, SCMP_ACT_ALLOW, n, allowed);
	for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
		rule_arg(s, RULE(s, SCMP_ACT_ALLOW, "personality"), 0, SCMP_CMP_EQ, personalities[i], 0);
	rule_arg(s, RULE(s, SCMP_ACT_ALLOW, "socket"), 0, SCMP_CMP_NE, 40, 0);
	rule_arg(s, RULE(s, SCMP_ACT_ALLOW, "clone"), 0, SCMP_CMP_MASKED_EQ, 0x7e020000, 0);
	struct seccomp_rule *r = RULE(s, SCMP_ACT_ERRNO(0), "clone3");
	r->errno_ret = (struct opt_u32){ true, ENOSYS };
}

/* ---- tests
 * ------------------------------------------------------------------------------------------------- */

static void test_engine(void)
{
	static const size_t n_archs[] = { 0, 1, 2, 3 };
	struct section s;

	for (size_t i = 0; i < ARRAY_SIZE(n_archs); i++) {
		size_t used = arena.used;

		engine_section(&s, n_archs[i]);
		CHECK(same(&s));
		CHECK(p.generated);
		printf("# %zu listed architectures: %zu instructions, libseccomp %zu, %zu questions\n",
		       n_archs[i], p.ours.n, p.theirs.n, p.asked);
		arena_rewind(&arena, used);
	}
	engine_section(&s, 6);
	CHECK(same(&s));
	CHECK(p.generated);
	printf("# all architectures: %zu instructions, libseccomp %zu\n", p.ours.n, p.theirs.n);
}

/* One rule of each operator, alone, at every place, on all architectures; the default is no errno here. */
static void test_operators(void)
{
	static const uint64_t values[] = {
		0, 1, 0x5412, 0xffffffff, 0x100000000, 0x1ffffffff, 0x7fffffffffffffff, UINT64_MAX
	};
	struct section s;

	for (uint32_t op = SCMP_CMP_NE; op <= SCMP_CMP_MASKED_EQ; op++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			size_t used = arena.used;

			section_init(&s, &arena, i % 2 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(0), 6);
			struct seccomp_rule *r =
				RULE(&s, SCMP_ACT_KILL_PROCESS, "ioctl", "mmap2", "cacheflush");
			rule_arg(&s, r, (uint32_t)(i % 6), op, values[i],
				 values[(i * 3 + 1) % ARRAY_SIZE(values)]);
			CHECK(same(&s));
			CHECK(p.generated);
			arena_rewind(&arena, used);
		}
}

static void test_small(void)
{
	struct section s;

	/* nothing at all, either way */
	section_init(&s, &arena, SCMP_ACT_ALLOW, 0);
	CHECK(same(&s));
	section_init(&s, &arena, SCMP_ACT_KILL_PROCESS, 3);
	CHECK(same(&s));
	section_init(&s, &arena, SCMP_ACT_KILL_PROCESS, 2);
	CHECK(same(&s));

	/* a rule that equals the default is no rule; a later one without arguments replaces those with */
	section_init(&s, &arena, SCMP_ACT_ALLOW, 3);
	(void)RULE(&s, SCMP_ACT_ALLOW, "read", "write");
	rule_arg(&s, RULE(&s, SCMP_ACT_LOG, "open"), 1, SCMP_CMP_EQ, 1, 0);
	(void)RULE(&s, SCMP_ACT_TRAP, "open", "close");
	rule_arg(&s, RULE(&s, SCMP_ACT_LOG, "close"), 1, SCMP_CMP_EQ, 1, 0);
	CHECK(same(&s));
	CHECK(p.generated);

	/* sub-calls of ipc and socketcall, with and without the calls themselves */
	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 3);
	(void)RULE(&s, SCMP_ACT_ALLOW, "semop", "semget", "semtimedop", "shmat", "msgsnd", "recv", "accept",
		   "bind", "recvmmsg", "sendmmsg", "accept4", "getsockopt", "setsockopt", "shutdown");
	rule_arg(&s, RULE(&s, SCMP_ACT_ALLOW, "socket"), 1, SCMP_CMP_LE, 3, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_ALLOW, "shmget"), 2, SCMP_CMP_MASKED_EQ, 0xf00, 0x100);
	CHECK(same(&s));
	CHECK(p.generated);

	/* different answers for what cannot be at the same time, as one engine has it for socket() */
	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 3);
	struct seccomp_rule *r = RULE(&s, SCMP_ACT_ERRNO(0), "socket");
	r->errno_ret = (struct opt_u32){ true, EINVAL };
	rule_arg(&s, r, 0, SCMP_CMP_EQ, 16, 0);
	rule_arg(&s, r, 2, SCMP_CMP_EQ, 9, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_ALLOW, "socket"), 2, SCMP_CMP_NE, 9, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_ALLOW, "socket"), 0, SCMP_CMP_NE, 16, 0);
	CHECK(same(&s));
}

/* The sections are about x86-64 on every machine. */
static uint32_t x64(const char *name)
{
	return (uint32_t)seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name);
}

/* Two comparisons of one argument are alternatives; those of different ones must all hold. */
static uint32_t answer(const struct seccomp_program *prog, uint32_t nr, uint64_t a0, uint64_t a1)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = AUDIT_ARCH_X86_64, .args = { a0, a1 } };
	bool looked = false;

	return bpf_run(prog->v, &d, &looked);
}

static void test_arguments(void)
{
	struct section s;

	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 1);
	struct seccomp_rule *r = RULE(&s, SCMP_ACT_ALLOW, "ioctl");
	rule_arg(&s, r, 1, SCMP_CMP_EQ, 5, 0);
	rule_arg(&s, r, 1, SCMP_CMP_EQ, 7, 0);
	r = RULE(&s, SCMP_ACT_ALLOW, "fcntl");
	rule_arg(&s, r, 0, SCMP_CMP_EQ, 5, 0);
	rule_arg(&s, r, 1, SCMP_CMP_EQ, 7, 0);
	CHECK(same(&s));
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 5), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 7), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 6), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, x64("fcntl"), 5, 7), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, x64("fcntl"), 5, 6), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, x64("fcntl"), 6, 7), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, x64("read"), 0, 0), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, 4000, 0, 0), SCMP_ACT_ERRNO(ENOSYS));
}

/* Rules that overlap: the one that denies more decides, whatever the order; equal ones by the order. */
static void test_overlap(void)
{
	struct section s;
	struct seccomp_rule *r;

	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 3);
	rule_arg(&s, RULE(&s, SCMP_ACT_ALLOW, "ioctl"), 1, SCMP_CMP_LT, 20, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_TRAP, "ioctl"), 1, SCMP_CMP_LT, 10, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_KILL_PROCESS, "ioctl"), 0, SCMP_CMP_EQ, 1, 0);
	for (uint32_t i = 3; i <= 4; i++) {
		r = RULE(&s, SCMP_ACT_ERRNO(0), "ioctl");
		r->errno_ret = (struct opt_u32){ true, i };
		rule_arg(&s, r, 1, SCMP_CMP_MASKED_EQ, i == 3 ? 0xff : 0xf, 15);
	}
	CHECK(same_section(&s, &p));
	CHECK(p.generated);
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 9), SCMP_ACT_TRAP);
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 10), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, x64("ioctl"), 1, 10), SCMP_ACT_KILL_PROCESS);
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 15), SCMP_ACT_ERRNO(3));
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 20), SCMP_ACT_ERRNO(EPERM));

	/* a known difference: libseccomp 2.5.4 ends the first comparison at its upper half and loses it */
	section_init(&s, &arena, SCMP_ACT_ALLOW, 1);
	rule_arg(&s, RULE(&s, SCMP_ACT_KILL_PROCESS, "ioctl"), 1, SCMP_CMP_LT, 1ULL << 63, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_KILL_PROCESS, "ioctl"), 1, SCMP_CMP_LE, 2, 0);
	CHECK(same_section(&s, &p));
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 0x9f36f43d), SCMP_ACT_KILL_PROCESS);
	CHECK(p.library_wrong > 0 || answer(&p.theirs, x64("ioctl"), 0, 0x9f36f43d) == SCMP_ACT_KILL_PROCESS);
}

/* An architecture that only libseccomp knows goes its way. */
static void test_by_library(void)
{
	struct section s;

	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 2);
	s.archs[1] = SCMP_ARCH_MIPSEL;
	(void)RULE(&s, SCMP_ACT_ALLOW, "read", "write", "ioctl");
	CHECK(same(&s));
	CHECK(!p.generated);
	CHECK_INT(answer(&p.ours, 4000, 0, 0), SCMP_ACT_ERRNO(ENOSYS));
}

/* Two actions for the same arguments: the strictest here; libseccomp refuses, and its text is made plain. */
static void test_contradiction(void)
{
	struct seccomp_program prog;
	struct section s;
	struct strv unknown;
	struct err e = { 0 };

	section_init(&s, &arena, SCMP_ACT_ALLOW, 1);
	rule_arg(&s, RULE(&s, SCMP_ACT_LOG, "ioctl"), 1, SCMP_CMP_EQ, 1, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_TRAP, "ioctl"), 1, SCMP_CMP_EQ, 1, 0);
	CHECK(same_section(&s, &p));
	CHECK_INT(answer(&p.ours, x64("ioctl"), 0, 1), SCMP_ACT_TRAP);
	s.c.architectures.n = 1;
	s.archs[0] = SCMP_ARCH_MIPSEL;
	CHECK_INT(seccomp_compile(&arena, &s.c, &prog, &unknown, &e), -EEXIST);
	CHECK_STR(e.text,
		  "linux.seccomp.syscalls[1]: another rule has a different action for ioctl with the same "
		  "arguments");
}

/* ENOSYS begins above the highest number that is named, per ABI, and only if the default is an errno. */
static void test_unknown_calls(void)
{
	struct seccomp_data d = { .nr = 1000, .arch = AUDIT_ARCH_I386 };
	struct section s;
	bool looked;

	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 2);
	(void)RULE(&s, SCMP_ACT_ALLOW, "openat", "newfstatat");
	CHECK(same(&s));
	CHECK_INT(answer(&p.ours, x64("newfstatat"), 0, 0), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, x64("newfstatat") - 1, 0, 0), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, x64("newfstatat") + 1, 0, 0), SCMP_ACT_ERRNO(ENOSYS));
	CHECK_INT(bpf_run(p.ours.v, &d, &looked), SCMP_ACT_ERRNO(ENOSYS));

	/* a rule that changes nothing still says that the call was known; x86 knows no such call */
	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 2);
	(void)RULE(&s, SCMP_ACT_ALLOW, "newfstatat");
	(void)RULE(&s, SCMP_ACT_ERRNO(0), "newfstatat", "no_such_call");
	CHECK(same(&s));
	CHECK_INT(bpf_run(p.ours.v, &d, &looked), SCMP_ACT_ERRNO(EPERM));
	(void)RULE(&s, SCMP_ACT_ERRNO(0), "clone3");
	CHECK(same(&s));
	CHECK_INT(answer(&p.ours, x64("clone3"), 0, 0), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, x64("clone3") + 1, 0, 0), SCMP_ACT_ERRNO(ENOSYS));
	CHECK_INT(bpf_run(p.ours.v, &d, &looked), SCMP_ACT_ERRNO(ENOSYS));

	section_init(&s, &arena, SCMP_ACT_KILL_PROCESS, 2);
	(void)RULE(&s, SCMP_ACT_ALLOW, "openat");
	CHECK(same(&s));
	CHECK_INT(answer(&p.ours, 1000, 0, 0), SCMP_ACT_KILL_PROCESS);
}

/* Long chains need far jumps; what is too long here may fit as libseccomp has it; the rest is refused. */
static void test_length(void)
{
	static const struct {
		size_t n;
		bool generated, fits;
	} cases[] = {
		{ 100, true, true }, { 700, true, true }, { 1030, false, true }, { 4200, false, false }
	};
	struct section s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t used = arena.used;
		struct seccomp_program prog;
		struct strv unknown;
		struct err e = { 0 };

		section_init(&s, &arena, SCMP_ACT_ERRNO(0), 1);
		struct seccomp_rule *r = RULE(&s, SCMP_ACT_ALLOW, "ioctl");
		r->args.n = cases[i].n;
		r->args.v = arena_array(&arena, r->args.n, sizeof(*r->args.v));
		for (size_t k = 0; k < r->args.n; k++)
			r->args.v[k] = (struct seccomp_arg){ .index = 1, .op = SCMP_CMP_EQ, .value = k * 2 };
		int rc = seccomp_compile(&arena, &s.c, &prog, &unknown, &e);
		CHECK_INT(seccomp_generate(&arena, &s.c, syscall_find_all(&arena, &s.c), &p.theirs, &e), cases[i].generated);
		CHECK_INT(rc, cases[i].fits ? 0 : -EINVAL);
		if (rc < 0) {
			CHECK(strstr(e.text, "instructions") != NULL);
			continue;
		}
		CHECK(bpf_valid(prog.v, prog.n));
		for (size_t k = 0; k < r->args.n * 2; k++) {
			CHECK_INT(answer(&prog, x64("ioctl"), 0, k),
				  k % 2 ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
			CHECK_INT(answer(&prog, x64("ioctl"), 0, k | 1ULL << 32), SCMP_ACT_ERRNO(EPERM));
		}
		arena_rewind(&arena, used);
	}
}

static void test_flags(void)
{
	static uint32_t list[] = { SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_TSYNC, 1U << 5 };
	struct section s;

	section_init(&s, &arena, SCMP_ACT_ALLOW, 1);
	(void)RULE(&s, SCMP_ACT_ERRNO(0), "mkdir", "zz_none", "aa_none", "zz_none");
	CHECK(same(&s));
	CHECK_INT(p.ours.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	CHECK(!p.ours.notify);
	CHECK_INT(p.unknown.n, 2);
	CHECK_STR(p.unknown.v[0], "aa_none");
	CHECK_STR(p.unknown.v[1], "zz_none");
	s.c.flags.v = list;
	CHECK(same(&s));
	CHECK_INT(p.ours.flags, 0);
	s.c.flags.n = 3;
	CHECK(same(&s));
	CHECK_INT(p.ours.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC);
	/* the kernel refuses TSYNC together with a listener */
	(void)RULE(&s, SCMP_ACT_NOTIFY, "unlinkat");
	CHECK(same(&s));
	CHECK(p.ours.notify);
	CHECK_INT(p.ours.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_NEW_LISTENER | 1U << 5);
	CHECK_INT(answer(&p.ours, x64("unlinkat"), 0, 0), SCMP_ACT_NOTIFY);
}

static void refused(struct section *s, const char *text)
{
	struct seccomp_program prog = { .n = 7 };
	struct strv unknown;
	struct err e = { 0 };

	CHECK_INT(seccomp_compile(&arena, &s->c, &prog, &unknown, &e), -EINVAL);
	CHECK(strstr(e.text, text) != NULL);
	CHECK_INT(prog.n, 7);
}

static void test_refused(void)
{
	struct section s;

	section_init(&s, &arena, SCMP_ACT_NOTIFY, 0);
	refused(&s, "linux.seccomp.defaultAction");
	section_init(&s, &arena, SCMP_ACT_ALLOW, 0);
	(void)RULE(&s, SCMP_ACT_LOG, "read");
	(void)RULE(&s, SCMP_ACT_NOTIFY, "read", "write");
	refused(&s, "linux.seccomp.syscalls[1]: SCMP_ACT_NOTIFY cannot be used for the write syscall");
	section_init(&s, &arena, SCMP_ACT_ALLOW, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_LOG, "read"), 6, SCMP_CMP_EQ, 0, 0);
	refused(&s, "linux.seccomp.syscalls[0].args[0].index");
}

/* No system call of the other byte order can come here: whoever lists it gets what he would without. */
static void test_other_byte_order(void)
{
	struct seccomp_program with, without;
	struct strv unknown = { 0 };
	struct section s;
	struct err e;

	section_init(&s, &arena, SCMP_ACT_ALLOW, 1);
	s.archs[0] = SCMP_ARCH_S390X;
	(void)RULE(&s, SCMP_ACT_LOG, "read");
	CHECK_INT(seccomp_compile(&arena, &s.c, &with, &unknown, &e), 0);
	section_init(&s, &arena, SCMP_ACT_ALLOW, 0);
	(void)RULE(&s, SCMP_ACT_LOG, "read");
	CHECK_INT(seccomp_compile(&arena, &s.c, &without, &unknown, &e), 0);
	CHECK(with.n > 0 && without.n > 0);
}

static double since(const struct timespec *t)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) * 1e6 + (double)(now.tv_nsec - t->tv_nsec) / 1e3;
}

/* No check but of order: ours is not slower. */
static void test_speed(void)
{
	static const size_t n_archs[] = { 1, 3 };
	struct section s;

	for (size_t i = 0; i < ARRAY_SIZE(n_archs); i++) {
		double ours = 1e9, theirs = 1e9;
		struct timespec t;
		struct strv unknown;
		struct err e;
		size_t start = arena.used;

		engine_section(&s, n_archs[i]);
		for (size_t k = 0; k < 10; k++) {
			size_t used = arena.used;

			(void)clock_gettime(CLOCK_MONOTONIC, &t);
			CHECK_INT(seccomp_compile(&arena, &s.c, &p.ours, &unknown, &e), 0);
			ours = MIN(ours, since(&t));
			(void)clock_gettime(CLOCK_MONOTONIC, &t);
			CHECK_INT(seccomp_by_library(&arena, &s.c, &p.theirs, &e), 0);
			theirs = MIN(theirs, since(&t));
			arena_rewind(&arena, used);
		}
		printf("# %zu ABIs: %.0f us, libseccomp %.0f us\n", n_archs[i], ours, theirs);
		arena_rewind(&arena, start);
	}
}

static void test_random(void)
{
	struct chance chance = { .seed = 2463534242U };
	size_t generated = 0, failed = 0, wrong = 0, wrong_alone = 0;
	struct section s;

	p.all_numbers = false;
	for (size_t i = 0; i < 200; i++) {
		size_t used = arena.used;

		random_section(&s, &arena, &chance);
		if (!same_section(&s, &p)) {
			printf("# section %zu\n", i);
			section_print(&s);
			failed++;
		}
		generated += p.generated;
		wrong += p.library_wrong > 0 && p.generated;
		wrong_alone += p.library_wrong > 0 && !p.generated;
		arena_rewind(&arena, used);
	}
	p.all_numbers = true;
	printf("# %zu of 200 generated here; libseccomp is wrong in %zu of them and in %zu others\n",
	       generated, wrong, wrong_alone);
	CHECK_INT(failed, 0);
	CHECK(generated > 100);
}

/* The kernel takes the program and answers as it says; high bits of an argument do not hide a request. */
static int loaded(const struct seccomp_program *prog)
{
	struct sock_fprog f = { (unsigned short)prog->n, (struct sock_filter *)(uintptr_t)prog->v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    sys_seccomp(SECCOMP_SET_MODE_FILTER, prog->flags, &f) < 0)
		return 1;
	if (syscall(__NR_ioctl, -1, 0x5412UL) != -1 || errno != EPERM)
		return 2;
	if (syscall(__NR_ioctl, -1, 0x5412UL | 1UL << 32) != -1 || errno != EPERM)
		return 3;
	if (syscall(__NR_ioctl, -1, 0x5413UL) != -1 || errno != EBADF)
		return 4;
	return getpid() > 0 ? 0 : 5;
}

/* The engine's profile answers real calls. */
static int loaded_engine(const struct seccomp_program *prog)
{
	static const struct {
		long nr;
		unsigned long arg;
		int error;
	} calls[] = {
		{ __NR_personality, 0x1234, EPERM }, { __NR_socket, 40, EPERM }, { __NR_unshare, 0, EPERM },
		{ __NR_clone, 0x10000000, EPERM },   { __NR_clone3, 0, ENOSYS }, { 999, 0, ENOSYS },
		{ __NR_close, 999999, EBADF },	     { __NR_mount, 0, EPERM },
	};
	struct sock_fprog f = { (unsigned short)prog->n, (struct sock_filter *)(uintptr_t)prog->v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    sys_seccomp(SECCOMP_SET_MODE_FILTER, prog->flags, &f) < 0)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (syscall(calls[i].nr, calls[i].arg, 0, 0, 0, 0) != -1 || errno != calls[i].error)
			return (int)i + 10;
	return syscall(__NR_personality, 0xffffffffUL) < 0 ? 2 : 0;
}

/* A number of x32 where that ABI is not listed. */
static int loaded_foreign(const struct seccomp_program *prog)
{
	struct sock_fprog f = { (unsigned short)prog->n, (struct sock_filter *)(uintptr_t)prog->v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    sys_seccomp(SECCOMP_SET_MODE_FILTER, prog->flags, &f) < 0)
		return 1;
	(void)syscall(__NR_getpid | 0x40000000);
	return 0;
}

static int in_child(int (*f)(const struct seccomp_program *), const struct seccomp_program *prog)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f(prog));
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static void test_loaded(void)
{
	struct section s;

	section_init(&s, &arena, SCMP_ACT_ALLOW, 3);
	s.archs[0] = seccomp_arch_native();
	rule_arg(&s, RULE(&s, SCMP_ACT_ERRNO(0), "ioctl"), 1, SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412);
	CHECK(same(&s));
	CHECK_INT(in_child(loaded, &p.ours), 0);
	engine_section(&s, 3);
	s.archs[0] = seccomp_arch_native();
	CHECK(same(&s));
	CHECK_INT(in_child(loaded_engine, &p.ours), 0);
	if (seccomp_arch_native() != SCMP_ARCH_X86_64)
		return; /* the only one with numbers of another kind */
	engine_section(&s, 2);
	CHECK(same(&s));
	int status = in_child(loaded_foreign, &p.ours);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* The table of names: complete for this machine, and each number as libseccomp gives it now. */
static void test_names(void)
{
	static const uint32_t all[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X32,    SCMP_ARCH_X86,  SCMP_ARCH_AARCH64,
					SCMP_ARCH_ARM,	  SCMP_ARCH_RISCV64, SCMP_ARCH_S390X };
	static const char *const none[] = { "", "rea", "readd", "Read", "no_such_call" };
	size_t wrong = 0, named = 0, missing = 0;

	for (size_t i = 0; i < syscall_rows_count; i++) {
		const char *name = syscall_names + syscall_rows[i].name;

		wrong += syscall_find(name) != &syscall_rows[i];
		wrong += seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR;
		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			wrong += syscall_number(&syscall_rows[i], syscall_column(all[k]), all[k], name) !=
				 seccomp_syscall_resolve_name_arch(all[k], name);
	}
	CHECK_INT(wrong, 0);
	for (int nr = 0; nr < 1024; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), nr);

		named += name != NULL;
		missing += name && !syscall_find(name);
		free(name);
	}
	CHECK(named > 250);
	CHECK_INT(missing, 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK(!syscall_find(none[i]));
		CHECK_INT(syscall_number(NULL, 0, SCMP_ARCH_X86_64, none[i]), __NR_SCMP_ERROR);
	}
	CHECK_INT(syscall_number(NULL, 0, SCMP_ARCH_X86_64, "read"), 0);
}

static const struct tap_test tests[] = {
	{ "names: equal to libseccomp", test_names },
	{ "engine profile: equal to libseccomp", test_engine },
	{ "every operator: equal to libseccomp", test_operators },
	{ "small sections: equal to libseccomp", test_small },
	{ "arguments of one rule: all, or any when repeated", test_arguments },
	{ "rules that overlap: the strictest decides", test_overlap },
	{ "what goes through libseccomp", test_by_library },
	{ "two actions for the same arguments", test_contradiction },
	{ "numbers above those named", test_unknown_calls },
	{ "length of the program", test_length },
	{ "flags, listener, unknown names", test_flags },
	{ "what is refused", test_refused },
	{ "an architecture of the other byte order", test_other_byte_order },
	{ "time to compile", test_speed },
	{ "random sections: equal to a plain reading", test_random },
	{ "loaded into the kernel", test_loaded },
};

int main(void)
{
	struct err e;

	if (arena_init(&arena, 0, &e) < 0)
		return 1;
	int r = tap_run("seccomp", tests, ARRAY_SIZE(tests));
	arena_done(&arena);
	return r;
}

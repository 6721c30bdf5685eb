/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp programs: ours against libseccomp's, call by call, by an interpreter; then one loaded for real.
 */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../runtime/base/sys.h"
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

static bool same(struct section *s)
{
	return same_section(s, &p);
}

/* What engines write: most calls, some only with certain arguments, the rest EPERM or ENOSYS. */
static void engine_section(struct section *s, size_t n_archs)
{
	static const char *const held_back[] = {
		"acct", "add_key", "bpf", "clone", "clone3", "delete_module", "finit_module", "init_module", "ioperm",
		"iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mount", "move_mount", "nfsservctl",
		"open_by_handle_at", "perf_event_open", "personality", "pivot_root", "process_vm_readv",
		"process_vm_writev", "ptrace", "query_module", "quotactl", "reboot", "request_key", "setns", "socket",
		"sysfs", "_sysctl", "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vm86", "swapon", "swapoff",
	};
	static const uint64_t personalities[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };
	static const char *const old_abis[] = { "_llseek", "fstat64", "mmap2", "socketcall", "ipc", "ugetrlimit",
						"chown32", "stat64", "recv", "send", "sigreturn", "waitpid",
						"cacheflush", "set_tls", "semtimedop_time64" };
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

/* ---- tests ------------------------------------------------------------------------------------------------- */

static void test_engine(void)
{
	static const size_t n_archs[] = { 0, 1, 2, 3 };
	struct section s;

	for (size_t i = 0; i < ARRAY_SIZE(n_archs); i++) {
		size_t used = arena.used;

		engine_section(&s, n_archs[i]);
		CHECK(same(&s));
		CHECK(p.generated);
		printf("# %zu listed architectures: %zu instructions, libseccomp %zu, %zu questions\n", n_archs[i], p.ours.n,
		       p.theirs.n, p.asked);
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
	static const uint64_t values[] = { 0, 1, 0x5412, 0xffffffff, 0x100000000, 0x1ffffffff, 0x7fffffffffffffff,
					   UINT64_MAX };
	struct section s;

	for (uint32_t op = SCMP_CMP_NE; op <= SCMP_CMP_MASKED_EQ; op++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			size_t used = arena.used;

			section_init(&s, &arena, i % 2 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(0), 6);
			struct seccomp_rule *r = RULE(&s, SCMP_ACT_KILL_PROCESS, "ioctl", "mmap2", "cacheflush");
			rule_arg(&s, r, (uint32_t)(i % 6), op, values[i], values[(i * 3 + 1) % ARRAY_SIZE(values)]);
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
	(void)RULE(&s, SCMP_ACT_ALLOW, "semop", "semget", "semtimedop", "shmat", "msgsnd", "recv", "accept", "bind",
		   "recvmmsg", "sendmmsg", "accept4", "getsockopt", "setsockopt", "shutdown");
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
	CHECK_INT(answer(&p.ours, __NR_ioctl, 0, 5), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, __NR_ioctl, 0, 7), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, __NR_ioctl, 0, 6), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, __NR_fcntl, 5, 7), SCMP_ACT_ALLOW);
	CHECK_INT(answer(&p.ours, __NR_fcntl, 5, 6), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, __NR_fcntl, 6, 7), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, __NR_read, 0, 0), SCMP_ACT_ERRNO(EPERM));
	CHECK_INT(answer(&p.ours, 4000, 0, 0), SCMP_ACT_ERRNO(ENOSYS));
}

/* An architecture that only libseccomp knows, and answers that overlap, go its way. */
static void test_by_library(void)
{
	struct section s;

	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 2);
	s.archs[1] = SCMP_ARCH_MIPSEL;
	(void)RULE(&s, SCMP_ACT_ALLOW, "read", "write", "ioctl");
	CHECK(same(&s));
	CHECK(!p.generated);
	CHECK_INT(answer(&p.ours, 4000, 0, 0), SCMP_ACT_ERRNO(ENOSYS));

	section_init(&s, &arena, SCMP_ACT_ERRNO(0), 3);
	rule_arg(&s, RULE(&s, SCMP_ACT_ALLOW, "ioctl"), 1, SCMP_CMP_LT, 10, 0);
	rule_arg(&s, RULE(&s, SCMP_ACT_TRAP, "ioctl"), 1, SCMP_CMP_LT, 20, 0);
	CHECK(same(&s));
	CHECK(!p.generated);
}

static void test_random(void)
{
	struct chance chance = { .seed = 2463534242U };
	size_t generated = 0, failed = 0, wrong = 0;
	struct section s;

	p.all_numbers = false;
	for (size_t i = 0; i < 200; i++) {
		size_t used = arena.used;

		random_section(&s, &arena, &chance);
		if (!same(&s)) {
			printf("# section %zu\n", i);
			section_print(&s);
			failed++;
		}
		generated += p.generated;
		wrong += p.library_wrong > 0;
		arena_rewind(&arena, used);
	}
	p.all_numbers = true;
	printf("# %zu of 200 generated here; libseccomp answers wrongly in %zu\n", generated, wrong);
	CHECK_INT(failed, 0);
	CHECK(generated > 100);
}

/* The kernel takes the program and answers as it says; high bits of an argument do not hide a request. */
static int loaded(const struct seccomp_program *prog)
{
	struct sock_fprog f = { (unsigned short)prog->n, (struct sock_filter *)(uintptr_t)prog->v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sys_seccomp(SECCOMP_SET_MODE_FILTER, prog->flags, &f) < 0)
		return 1;
	if (syscall(__NR_ioctl, -1, 0x5412UL) != -1 || errno != EPERM)
		return 2;
	if (syscall(__NR_ioctl, -1, 0x5412UL | 1UL << 32) != -1 || errno != EPERM)
		return 3;
	if (syscall(__NR_ioctl, -1, 0x5413UL) != -1 || errno != EBADF)
		return 4;
	return getpid() > 0 ? 0 : 5;
}

static void test_loaded(void)
{
	struct section s;
		int status = -1;

	section_init(&s, &arena, SCMP_ACT_ALLOW, 3);
	rule_arg(&s, RULE(&s, SCMP_ACT_ERRNO(0), "ioctl"), 1, SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412);
	CHECK(same(&s));
	CHECK_INT(p.ours.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	pid_t pid = fork();
	if (pid == 0)
		_exit(loaded(&p.ours));
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

static const struct tap_test tests[] = {
	{ "engine profile: equal to libseccomp", test_engine },
	{ "every operator: equal to libseccomp", test_operators },
	{ "small sections: equal to libseccomp", test_small },
	{ "arguments of one rule: all, or any when repeated", test_arguments },
	{ "what goes through libseccomp", test_by_library },
	{ "random sections: equal to libseccomp", test_random },
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

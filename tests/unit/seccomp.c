/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp programs: ours against libseccomp's, call by call, by an interpreter; then one loaded for real.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/base/sys.h"
#include "../../runtime/base/util.h"
#include "../../runtime/seccomp.h"
#include "bpf_sim.h"
#include "tap.h"

#define MAX_RULES 64
#define MAX_NAMES 512

static struct arena arena;

/* ---- building sections ---------------------------------------------------------------------------------- */

struct section {
	struct seccomp_conf c;
	struct seccomp_rule rules[MAX_RULES];
	uint32_t archs[8];
};

static void section_init(struct section *s, uint32_t act_default, size_t n_archs)
{
	static const uint32_t archs[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32, SCMP_ARCH_AARCH64,
					  SCMP_ARCH_ARM, SCMP_ARCH_RISCV64 };

	memset(s, 0, sizeof(*s));
	memcpy(s->archs, archs, sizeof(archs));
	s->c.default_action = act_default;
	s->c.architectures.v = s->archs;
	s->c.architectures.n = n_archs;
	s->c.syscalls.v = s->rules;
}

static struct seccomp_rule *section_rule(struct section *s, uint32_t action, size_t n_names, const char *const *names)
{
	struct seccomp_rule *r = &s->rules[s->c.syscalls.n++];

	r->action = action;
	r->names.v = arena_array(&arena, n_names, sizeof(char *));
	r->names.n = n_names;
	for (size_t i = 0; i < n_names; i++)
		r->names.v[i] = arena_strdup(&arena, names[i]);
	return r;
}

static void rule_arg(struct seccomp_rule *r, uint32_t index, uint32_t op, uint64_t value, uint64_t two)
{
	if (!r->args.v)
		r->args.v = arena_array(&arena, 16, sizeof(*r->args.v));
	r->args.v[r->args.n++] = (struct seccomp_arg){ index, value, two, op };
}

#define RULE(s, action, ...)                                                                       \
	section_rule((s), (action), ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })),             \
		     (const char *const[]){ __VA_ARGS__ })

/* Names of the system calls of x86_64, in the order of their numbers. */
static size_t known_names(const char **ret, size_t max)
{
	size_t n = 0;

	for (int i = 0; i < 600 && n < max; i++) {
		auto_free char *s = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, i);
		if (s)
			ret[n++] = arena_strdup(&arena, s);
	}
	return n;
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

	section_init(s, SCMP_ACT_ERRNO(0), n_archs);
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
		rule_arg(RULE(s, SCMP_ACT_ALLOW, "personality"), 0, SCMP_CMP_EQ, personalities[i], 0);
	rule_arg(RULE(s, SCMP_ACT_ALLOW, "socket"), 0, SCMP_CMP_NE, 40, 0);
	rule_arg(RULE(s, SCMP_ACT_ALLOW, "clone"), 0, SCMP_CMP_MASKED_EQ, 0x7e020000, 0);
	struct seccomp_rule *r = RULE(s, SCMP_ACT_ERRNO(0), "clone3");
	r->errno_ret = (struct opt_u32){ true, ENOSYS };
}

/* ---- the comparison ----------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252U;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

struct pair {
	const struct seccomp_conf *c;
	struct seccomp_program ours, theirs;
	bool enosys;
	uint32_t highest[8], audits[8];
	size_t n_archs;
	size_t asked;
	bool generated;
};

/* Found by asking libseccomp for every number, not by names. */
static uint32_t highest_by_number(uint32_t scmp)
{
	static struct { uint32_t scmp, highest; } known[8];
	uint32_t base = scmp == SCMP_ARCH_X32 ? 0x40000000 : 0, max = 0;
	size_t i = 0;

	for (; i < ARRAY_SIZE(known) && known[i].scmp; i++)
		if (known[i].scmp == scmp)
			return known[i].highest;
	for (uint32_t k = 0; k < 2000; k++) {
		auto_free char *s = seccomp_syscall_resolve_num_arch(scmp, (int)(base + k));
		if (s)
			max = base + k;
	}
	known[i].scmp = scmp;
	known[i].highest = max;
	return max;
}

static uint32_t audit_of(uint32_t scmp)
{
	return scmp == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : scmp;
}

/* Above the highest known number of its ABI, where ours says ENOSYS on purpose. */
static bool number_unknown(const struct pair *p, const struct seccomp_data *d)
{
	uint32_t nr = (uint32_t)d->nr;

	if (!p->enosys)
		return false;
	for (size_t i = 0; i < p->n_archs; i++) {
		uint32_t scmp = i ? p->c->architectures.v[i - 1] : seccomp_arch_native();
		uint32_t first = scmp == SCMP_ARCH_X32 ? 0x40000000 : 0, last = UINT32_MAX;

		if (audit_of(scmp) != d->arch)
			continue;
		if (scmp == SCMP_ARCH_X86_64)
			last = 0x3fffffff;
		if (scmp == SCMP_ARCH_X32)
			last = 0xfffffffe;
		if (scmp == SCMP_ARCH_ARM)
			last = 0xeffff;
		if (nr >= first && nr <= last && nr > highest_by_number(scmp))
			return true;
	}
	return false;
}

static bool same_answer(struct pair *p, const struct seccomp_data *d)
{
	uint32_t got = bpf_run(p->ours.v, d), want = bpf_run(p->theirs.v, d);

	if (number_unknown(p, d))
		want = SCMP_ACT_ERRNO(ENOSYS);
	p->asked++;
	if (got == want)
		return true;
	tap_bad++;
	printf("# arch %x nr %u args %llx %llx %llx %llx %llx %llx: %x, libseccomp says %x\n", d->arch, (unsigned)d->nr,
	       (unsigned long long)d->args[0], (unsigned long long)d->args[1], (unsigned long long)d->args[2],
	       (unsigned long long)d->args[3], (unsigned long long)d->args[4], (unsigned long long)d->args[5], got, want);
	return false;
}

/* Values next to those that the rules compare with, their halves moved, and the ends. */
static uint64_t boundary(const struct seccomp_conf *c)
{
	uint64_t v = 0;

	if (c->syscalls.n) {
		const struct seccomp_rule *r = &c->syscalls.v[rnd() % c->syscalls.n];
		if (r->args.n) {
			const struct seccomp_arg *a = &r->args.v[rnd() % r->args.n];
			v = rnd() % 3 ? a->value : a->value_two;
		}
	}
	switch (rnd() % 9) {
	case 0: return v - 1;
	case 1: return v + 1;
	case 2: return v ^ 1ULL << 32;
	case 3: return v ^ 1ULL << 63;
	case 4: return (uint32_t)v;
	case 5: return v + (1ULL << 32);
	case 6: return rnd() % 25;
	case 7: return rnd() % 2 ? UINT64_MAX : rnd();
	default: return v;
	}
}

static bool same_number(struct pair *p, uint32_t arch, uint32_t nr, size_t tries)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };

	if (!same_answer(p, &d))
		return false;
	for (size_t i = 0; i < tries; i++) {
		for (size_t k = 0; k < 6; k++)
			d.args[k] = boundary(p->c);
		if (!same_answer(p, &d))
			return false;
	}
	return true;
}

static bool same_everywhere(struct pair *p, size_t tries)
{
	static const uint32_t ends[] = { 0x000effff, 0x000f0000, 0x000f0001, 0x000f0002, 0x000f0005, 0x000f0006,
					 0x3ffffffe, 0x3fffffff, 0x7fffffff, 0x80000000, 0xbfffffff,
					 0xc0000000, 0xfffffffe, 0xffffffff, 1000, 1024, 4000, 5000, 6000, 65536 };
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM,
					  AUDIT_ARCH_RISCV64, AUDIT_ARCH_S390X };

	for (size_t a = 0; a < ARRAY_SIZE(archs); a++) {
		for (uint32_t nr = 0; nr <= 600; nr++)
			if (!same_number(p, archs[a], nr, tries) || !same_number(p, archs[a], nr | 0x40000000, tries))
				return false;
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
			if (!same_number(p, archs[a], ends[i], tries))
				return false;
	}
	return true;
}

/* Compiles both ways and compares; false when they differ or only one of them compiles. */
static bool same_section(struct section *s, size_t tries, struct pair *p)
{
	struct strv unknown;
	struct err e = { 0 }, other = { 0 };

	*p = (struct pair){ .c = &s->c, .n_archs = s->c.architectures.n + 1 };
	p->enosys = s->c.default_action == SCMP_ACT_ERRNO(0);
	int theirs = seccomp_by_library(&arena, &s->c, &p->theirs, &other);
	int r = seccomp_compile(&arena, &s->c, &p->ours, &unknown, &e);
	if (r < 0 || theirs < 0) {
		CHECK_INT(r, theirs);
		CHECK_STR(e.text, other.text);
		return r == theirs;
	}
	struct seccomp_program own;
	p->generated = seccomp_generate(&arena, &s->c, &own, &e) == 1;
	CHECK(bpf_valid(p->ours.v, p->ours.n));
	CHECK(bpf_valid(p->theirs.v, p->theirs.n));
	return tap_bad == 0 && same_everywhere(p, tries);
}

/* ---- tests ------------------------------------------------------------------------------------------------- */

static void test_engine(void)
{
	static const size_t n_archs[] = { 0, 1, 2, 3 };
	struct section s;
	struct pair p;

	for (size_t i = 0; i < ARRAY_SIZE(n_archs); i++) {
		size_t used = arena.used;

		engine_section(&s, n_archs[i]);
		CHECK(same_section(&s, 20, &p));
		CHECK(p.generated);
		printf("# %zu listed architectures: %zu instructions, libseccomp %zu, %zu questions\n", n_archs[i], p.ours.n,
		       p.theirs.n, p.asked);
		arena_rewind(&arena, used);
	}
	engine_section(&s, 6);
	CHECK(same_section(&s, 5, &p));
	CHECK(p.generated);
	printf("# all architectures: %zu instructions, libseccomp %zu\n", p.ours.n, p.theirs.n);
}

/* One rule of each operator, alone, at every place, on all architectures; the default is no errno here. */
static void test_operators(void)
{
	static const uint64_t values[] = { 0, 1, 0x5412, 0xffffffff, 0x100000000, 0x1ffffffff, 0x7fffffffffffffff,
					   UINT64_MAX };
	struct section s;
	struct pair p;

	for (uint32_t op = SCMP_CMP_NE; op <= SCMP_CMP_MASKED_EQ; op++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			size_t used = arena.used;

			section_init(&s, i % 2 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(0), 6);
			struct seccomp_rule *r = RULE(&s, SCMP_ACT_KILL_PROCESS, "ioctl", "mmap2", "cacheflush");
			rule_arg(r, (uint32_t)(i % 6), op, values[i], values[(i * 3 + 1) % ARRAY_SIZE(values)]);
			CHECK(same_section(&s, 40, &p));
			CHECK(p.generated);
			arena_rewind(&arena, used);
		}
}

static void test_small(void)
{
	struct section s;
	struct pair p;

	/* nothing at all, either way */
	section_init(&s, SCMP_ACT_ALLOW, 0);
	CHECK(same_section(&s, 2, &p));
	section_init(&s, SCMP_ACT_KILL_PROCESS, 3);
	CHECK(same_section(&s, 2, &p));
	section_init(&s, SCMP_ACT_KILL_PROCESS, 2);
	CHECK(same_section(&s, 2, &p));

	/* a rule that equals the default is no rule; a later one without arguments replaces those with */
	section_init(&s, SCMP_ACT_ALLOW, 3);
	(void)RULE(&s, SCMP_ACT_ALLOW, "read", "write");
	rule_arg(RULE(&s, SCMP_ACT_LOG, "open"), 1, SCMP_CMP_EQ, 1, 0);
	(void)RULE(&s, SCMP_ACT_TRAP, "open", "close");
	rule_arg(RULE(&s, SCMP_ACT_LOG, "close"), 1, SCMP_CMP_EQ, 1, 0);
	CHECK(same_section(&s, 20, &p));
	CHECK(p.generated);

	/* sub-calls of ipc and socketcall, with and without the calls themselves */
	section_init(&s, SCMP_ACT_ERRNO(0), 3);
	(void)RULE(&s, SCMP_ACT_ALLOW, "semop", "semget", "semtimedop", "shmat", "msgsnd", "recv", "accept", "bind",
		   "recvmmsg", "sendmmsg", "accept4", "getsockopt", "setsockopt", "shutdown");
	rule_arg(RULE(&s, SCMP_ACT_ALLOW, "socket"), 1, SCMP_CMP_LE, 3, 0);
	rule_arg(RULE(&s, SCMP_ACT_ALLOW, "shmget"), 2, SCMP_CMP_MASKED_EQ, 0xf00, 0x100);
	CHECK(same_section(&s, 60, &p));
	CHECK(p.generated);

	/* different answers for what cannot be at the same time, as one engine has it for socket() */
	section_init(&s, SCMP_ACT_ERRNO(0), 3);
	struct seccomp_rule *r = RULE(&s, SCMP_ACT_ERRNO(0), "socket");
	r->errno_ret = (struct opt_u32){ true, EINVAL };
	rule_arg(r, 0, SCMP_CMP_EQ, 16, 0);
	rule_arg(r, 2, SCMP_CMP_EQ, 9, 0);
	rule_arg(RULE(&s, SCMP_ACT_ALLOW, "socket"), 2, SCMP_CMP_NE, 9, 0);
	rule_arg(RULE(&s, SCMP_ACT_ALLOW, "socket"), 0, SCMP_CMP_NE, 16, 0);
	CHECK(same_section(&s, 300, &p));
}

/* Two comparisons of one argument are alternatives; those of different ones must all hold. */
static uint32_t answer(const struct seccomp_program *p, uint32_t nr, uint64_t a0, uint64_t a1)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = AUDIT_ARCH_X86_64, .args = { a0, a1 } };

	return bpf_run(p->v, &d);
}

static void test_arguments(void)
{
	struct section s;
	struct pair p;

	section_init(&s, SCMP_ACT_ERRNO(0), 1);
	struct seccomp_rule *r = RULE(&s, SCMP_ACT_ALLOW, "ioctl");
	rule_arg(r, 1, SCMP_CMP_EQ, 5, 0);
	rule_arg(r, 1, SCMP_CMP_EQ, 7, 0);
	r = RULE(&s, SCMP_ACT_ALLOW, "fcntl");
	rule_arg(r, 0, SCMP_CMP_EQ, 5, 0);
	rule_arg(r, 1, SCMP_CMP_EQ, 7, 0);
	CHECK(same_section(&s, 60, &p));
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
	struct pair p;

	section_init(&s, SCMP_ACT_ERRNO(0), 2);
	s.archs[1] = SCMP_ARCH_MIPSEL;
	(void)RULE(&s, SCMP_ACT_ALLOW, "read", "write", "ioctl");
	CHECK(same_section(&s, 2, &p));
	CHECK(!p.generated);
	CHECK_INT(answer(&p.ours, 4000, 0, 0), SCMP_ACT_ERRNO(ENOSYS));

	section_init(&s, SCMP_ACT_ERRNO(0), 3);
	rule_arg(RULE(&s, SCMP_ACT_ALLOW, "ioctl"), 1, SCMP_CMP_LT, 10, 0);
	rule_arg(RULE(&s, SCMP_ACT_TRAP, "ioctl"), 1, SCMP_CMP_LT, 20, 0);
	CHECK(same_section(&s, 40, &p));
	CHECK(!p.generated);
}

/* Sections of all kinds; one in three is small and dense, so that rules of one call meet. */
static void random_section(struct section *s, const char *const *names, size_t n_names)
{
	static const uint32_t actions[] = { SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(0), SCMP_ACT_KILL_PROCESS, SCMP_ACT_TRAP,
					    SCMP_ACT_LOG, SCMP_ACT_TRACE(0), SCMP_ACT_KILL_THREAD };
	bool dense = rnd() % 3 == 0;
	size_t n_rules = rnd() % (dense ? 8 : 30), span = dense ? 4 : n_names;
	uint32_t only = actions[rnd() % ARRAY_SIZE(actions)];

	section_init(s, actions[rnd() % ARRAY_SIZE(actions)], rnd() % 7);
	for (size_t i = 0; i < n_rules; i++) {
		const char *v[40];
		size_t n = 1 + rnd() % (dense ? 2 : 40);

		for (size_t k = 0; k < n; k++)
			v[k] = names[dense ? (rnd() % span) * 7 % n_names : rnd() % n_names];
		uint32_t action = dense && rnd() % 4 ? only : actions[rnd() % ARRAY_SIZE(actions)];
		struct seccomp_rule *r = section_rule(s, action, n, v);
		if (action == SCMP_ACT_ERRNO(0))
			r->errno_ret = (struct opt_u32){ rnd() % 2, (uint32_t)(rnd() % 3 + 1) };
		if (rnd() % 3 == 0 && !dense)
			continue;
		uint32_t first = (uint32_t)(rnd() % 6);
		for (size_t k = rnd() % 4; k-- > 0;)
			rule_arg(r, rnd() % 20 ? (first + (uint32_t)k) % 6 : (uint32_t)(rnd() % 6),
				 (uint32_t)(SCMP_CMP_NE + rnd() % 7), rnd() % 4 ? rnd() % 8 : rnd() >> rnd() % 64,
				 rnd() % 4 ? rnd() % 8 : rnd() >> rnd() % 64);
	}
}

static void test_random(void)
{
	const char *names[MAX_NAMES];
	size_t n = known_names(names, MAX_NAMES), generated = 0, failed = 0;
	struct section s;
	struct pair p;

	names[n++] = "socketcall";
	names[n++] = "ipc";
	names[n++] = "recv";
	names[n++] = "fstat64";
	names[n++] = "no_such_call";
	for (size_t i = 0; i < 60; i++) {
		size_t used = arena.used;

		random_section(&s, names, n);
		if (!same_section(&s, 3, &p)) {
			printf("# section %zu\n", i);
			failed++;
		}
		generated += p.generated;
		arena_rewind(&arena, used);
	}
	printf("# %zu of 60 generated here, %zu bad\n", generated, failed);
	CHECK(generated > 15);
}

/* The kernel takes the program and answers as it says; high bits of an argument do not hide a request. */
static int loaded(const struct seccomp_program *p)
{
	struct sock_fprog f = { (unsigned short)p->n, (struct sock_filter *)(uintptr_t)p->v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sys_seccomp(SECCOMP_SET_MODE_FILTER, p->flags, &f) < 0)
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
	struct pair p;
	int status = -1;

	section_init(&s, SCMP_ACT_ALLOW, 3);
	rule_arg(RULE(&s, SCMP_ACT_ERRNO(0), "ioctl"), 1, SCMP_CMP_MASKED_EQ, 0xffffffff, 0x5412);
	CHECK(same_section(&s, 20, &p));
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

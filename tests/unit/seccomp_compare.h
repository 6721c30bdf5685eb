/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_TESTS_SECCOMP_COMPARE_H
#define CTR_TESTS_SECCOMP_COMPARE_H

/*
 * Sections made by hand or at random, compiled both ways, and the two programs asked the same questions.
 * For the unit test and the fuzz target.
 */

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/base/util.h"
#include "../../runtime/seccomp.h"
#include "../../runtime/seccomp_names.h"
#include "bpf_sim.h"

#define MAX_RULES 64
#define MAX_NAMES 512
#define MAX_NUMBERS 32768
#define TABLE_SIZE 700 /* no ABI of the tests has a call with a higher number (x32 and ARM: relative) */

/* ---- building sections ------------------------------------------------------------------------------------
 */

struct section {
	struct arena *a;
	struct seccomp_conf c;
	struct seccomp_rule rules[MAX_RULES];
	uint32_t archs[8];
};

static inline void section_init(struct section *s, struct arena *a, uint32_t act_default, size_t n_archs)
{
	static const uint32_t archs[] = { SCMP_ARCH_X86_64,  SCMP_ARCH_X86, SCMP_ARCH_X32,
					  SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, SCMP_ARCH_RISCV64 };

	memset(s, 0, sizeof(*s));
	memcpy(s->archs, archs, sizeof(archs));
	s->a = a;
	s->c.default_action = act_default;
	s->c.architectures.v = s->archs;
	s->c.architectures.n = n_archs;
	s->c.syscalls.v = s->rules;
}

static inline struct seccomp_rule *section_rule(struct section *s, uint32_t action, size_t n_names,
						const char *const *names)
{
	struct seccomp_rule *r = &s->rules[s->c.syscalls.n++];

	r->action = action;
	r->names.v = arena_array(s->a, n_names, sizeof(char *));
	r->names.n = n_names;
	for (size_t i = 0; i < n_names; i++)
		r->names.v[i] = arena_strdup(s->a, names[i]);
	return r;
}

static inline void rule_arg(struct section *s, struct seccomp_rule *r, uint32_t index, uint32_t op,
			    uint64_t value, uint64_t two)
{
	if (!r->args.v)
		r->args.v = arena_array(s->a, 16, sizeof(*r->args.v));
	r->args.v[r->args.n++] = (struct seccomp_arg){ index, value, two, op };
}

#define RULE(s, action, ...)                                                                                 \
	section_rule((s), (action), ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })),                      \
		     (const char *const[]){ __VA_ARGS__ })

/* Where the numbers of an ABI begin. */
static inline uint32_t number_base(uint32_t scmp)
{
	if (scmp == SCMP_ARCH_X32)
		return 0x40000000;
	return scmp == SCMP_ARCH_MIPSEL ? 4000 : 0;
}

/* ARM's calls of its own; their numbers are far above the others. */
static inline const char *arm_name(uint32_t nr)
{
	static char *names[8];

	if (nr - 0xf0000 >= ARRAY_SIZE(names))
		return NULL;
	if (!names[nr - 0xf0000])
		names[nr - 0xf0000] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_ARM, (int)nr);
	return names[nr - 0xf0000];
}

/* Names by number above the base of an ABI, asked once. */
static inline const char *number_name(uint32_t scmp, uint32_t nr)
{
	static struct {
		uint32_t scmp;
		char *names[TABLE_SIZE];
	} known[8];
	size_t i = 0;

	if (scmp == SCMP_ARCH_ARM && nr >= TABLE_SIZE)
		return arm_name(nr);
	while (known[i].scmp && known[i].scmp != scmp)
		i++;
	for (uint32_t k = 0; !known[i].scmp && k < TABLE_SIZE; k++)
		known[i].names[k] = seccomp_syscall_resolve_num_arch(scmp, (int)(k + number_base(scmp)));
	known[i].scmp = scmp;
	return nr < TABLE_SIZE ? known[i].names[nr] : NULL;
}

/* Names of the system calls of x86_64, in the order of their numbers. */
static inline size_t known_names(const char **ret, size_t max)
{
	size_t n = 0;

	for (uint32_t i = 0; i < TABLE_SIZE && n < max; i++)
		if (number_name(SCMP_ARCH_X86_64, i))
			ret[n++] = number_name(SCMP_ARCH_X86_64, i);
	return n;
}

/* ---- chance: from a seed, or from the bytes of a fuzzer
 * ------------------------------------------------------- */

struct chance {
	uint64_t seed;
	const uint8_t *p; /* while there are some */
	size_t n;
	bool bytes;
};

static inline uint64_t chance_next(struct chance *x)
{
	x->seed ^= x->seed << 13;
	x->seed ^= x->seed >> 7;
	x->seed ^= x->seed << 17;
	return x->seed;
}

/* Below `n`; 0 when the bytes are used up. */
static inline size_t pick(struct chance *x, size_t n)
{
	size_t v = 0;

	if (!x->bytes)
		return chance_next(x) % n;
	for (size_t max = n - 1; max; max >>= 8)
		if (x->n) {
			v = v << 8 | *x->p++;
			x->n--;
		}
	return v % n;
}

static inline uint64_t pick_value(struct chance *x)
{
	static const uint64_t ends[] = { 0,	     1,		 2,	     3,		 4,
					 7,	     1ULL << 31, UINT32_MAX, 1ULL << 32, (1ULL << 32) + 1,
					 1ULL << 63, UINT64_MAX };
	uint64_t v = 0;

	if (pick(x, 4))
		return ends[pick(x, ARRAY_SIZE(ends))];
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | pick(x, 256);
	return v;
}

static inline void random_rule(struct section *s, struct chance *x, bool dense, uint32_t action)
{
	static const char *const others[] = { "socketcall",  "ipc",   "recv",	    "send",
					      "fstat64",     "mmap2", "cacheflush", "semtimedop_time64",
					      "no_such_call" };
	/* calls that are multiplexed, have other numbers, or do not exist on some ABI */
	static const char *const few[] = { "read", "socket", "semop", "ioctl", "ptrace", "accept4", "open" };
	const char *all[MAX_NAMES], *v[40];
	size_t n_all = known_names(all, MAX_NAMES), n = 1 + pick(x, dense ? 2 : 40);

	for (size_t i = 0; i < n; i++) {
		if (dense)
			v[i] = few[pick(x, ARRAY_SIZE(few))];
		else if (pick(x, 20) == 0)
			v[i] = others[pick(x, ARRAY_SIZE(others))];
		else
			v[i] = all[pick(x, n_all)];
	}
	struct seccomp_rule *r = section_rule(s, action, n, v);
	if (action == SCMP_ACT_ERRNO(0) || action == SCMP_ACT_TRACE(0))
		r->errno_ret.v = pick(x, 2) ? (uint32_t)pick(x, 3) : 0;
	r->errno_ret.set = r->errno_ret.v;
	if (!dense && pick(x, 3) == 0)
		return;
	uint32_t first = (uint32_t)pick(x, 6);
	for (size_t k = pick(x, 4); k-- > 0;) {
		uint32_t index = pick(x, 20) ? (first + (uint32_t)k) % 6 : (uint32_t)pick(x, 6);
		uint32_t op = (uint32_t)(SCMP_CMP_NE + pick(x, 7));
		uint64_t value = pick_value(x);

		rule_arg(s, r, index, op, value, pick_value(x));
	}
}

/* Sections of all kinds; one in two is small and dense, so that rules of one call meet. */
static inline void random_section(struct section *s, struct arena *a, struct chance *x)
{
	static const uint32_t actions[] = { SCMP_ACT_ERRNO(0),	 SCMP_ACT_ALLOW, SCMP_ACT_KILL_PROCESS,
					    SCMP_ACT_TRAP,	 SCMP_ACT_LOG,	 SCMP_ACT_TRACE(0),
					    SCMP_ACT_KILL_THREAD };
	bool dense = pick(x, 2);
	size_t n_rules = pick(x, dense ? 8 : 20);
	uint32_t only = actions[pick(x, ARRAY_SIZE(actions))];

	uint32_t act_default = actions[pick(x, ARRAY_SIZE(actions))];

	section_init(s, a, act_default, pick(x, 7));
	for (size_t i = 0; i + 1 < s->c.architectures.n; i++) {
		size_t k = i + pick(x, 6 - i);
		uint32_t t = s->archs[i];

		s->archs[i] = s->archs[k];
		s->archs[k] = t;
	}
	for (size_t i = 0; i < n_rules; i++)
		random_rule(s, x, dense, dense && pick(x, 4) ? only : actions[pick(x, ARRAY_SIZE(actions))]);
}

/* ---- the questions
 * --------------------------------------------------------------------------------------------- */

static inline uint32_t audit_of(uint32_t scmp)
{
	return scmp == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : scmp;
}

static inline bool section_names(const struct seccomp_conf *c, const char *name)
{
	for (size_t i = 0; i < c->syscalls.n; i++)
		for (size_t k = 0; k < c->syscalls.v[i].names.n; k++)
			if (str_eq(c->syscalls.v[i].names.v[k], name))
				return true;
	return false;
}

/* The highest number that the section names of an ABI, its multiplexed calls by all their numbers; -1: none.
 */
static inline int64_t highest_named(const struct seccomp_conf *c, uint32_t scmp)
{
	int64_t high = TABLE_SIZE;

	do {
		if (high-- == 0)
			break;
	} while (!number_name(scmp, (uint32_t)high) || !section_names(c, number_name(scmp, (uint32_t)high)));
	for (size_t i = 0; scmp == SCMP_ARCH_X86 && i < c->syscalls.n; i++)
		for (size_t k = 0; k < c->syscalls.v[i].names.n; k++)
			high = MAX(high,
				   seccomp_syscall_resolve_name_rewrite(scmp, c->syscalls.v[i].names.v[k]));
	return high;
}

/* ---- the plain reading: what the section says of one number
 * ------------------------------------------------------- */

struct reading {
	bool known; /* false: too many rules to tell */
	bool foreign; /* of no ABI of the section */
	bool wide;
	size_t n;
	struct {
		const struct seccomp_arg *args; /* all of them must hold */
		size_t n_args;
		uint32_t action, sub;
	} v[MAX_RULES * 4];
};

static inline bool arg_trivial(const struct reading *m, const struct seccomp_arg *g, uint32_t sub)
{
	return (sub && g->index == 0) ||
	       (g->op == SCMP_CMP_MASKED_EQ && (m->wide ? g->value : (uint32_t)g->value) == 0);
}

static inline void reading_add(struct reading *m, const struct seccomp_arg *args, size_t n, uint32_t action,
			       uint32_t sub)
{
	if (m->n == ARRAY_SIZE(m->v)) {
		m->known = false;
		return;
	}
	m->v[m->n].args = args;
	m->v[m->n].n_args = n;
	m->v[m->n].action = action;
	m->v[m->n++].sub = sub;
}

/* The ABI of a number, or 0 when the section does not have it. */
static inline uint32_t number_abi(const struct seccomp_conf *c, uint32_t audit, uint32_t nr)
{
	bool x32 = audit == AUDIT_ARCH_X86_64 && nr >= 0x40000000;
	uint32_t scmp = x32 ? SCMP_ARCH_X32 : audit;

	for (size_t i = 0; i < c->architectures.n; i++)
		if (c->architectures.v[i] == scmp)
			return scmp;
	return scmp == seccomp_arch_native() ? scmp : 0;
}

/* Which sub-call of a multiplexed call of 32-bit x86 a name is, or 0. */
static inline uint32_t sub_call(const char *name, uint32_t nr)
{
	int pseudo = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, name);

	if (pseudo >= -100 || seccomp_syscall_resolve_name_rewrite(SCMP_ARCH_X86, name) != (int)nr)
		return 0;
	return (uint32_t)(-pseudo % 100);
}

static inline void reading_of(struct reading *m, const struct seccomp_conf *c, uint32_t audit, uint32_t nr)
{
	uint32_t scmp = number_abi(c, audit, nr), sub;
	const char *name = number_name(scmp ? scmp : SCMP_ARCH_X86_64, nr - number_base(scmp));

	bool mux = scmp == SCMP_ARCH_X86 && (nr == 102 || nr == 117); /* socketcall, ipc */

	m->n = 0;
	m->wide = scmp == SCMP_ARCH_X86_64 || scmp == SCMP_ARCH_AARCH64 || scmp == SCMP_ARCH_RISCV64;
	m->known = true;
	/* minus one is what a tracer makes of a call that it takes away */
	m->foreign = !scmp && !(nr == UINT32_MAX && number_abi(c, audit, 0));
	for (size_t i = 0; i < c->syscalls.n && m->known; i++) {
		const struct seccomp_rule *r = &c->syscalls.v[i];
		uint32_t action = seccomp_action(r->action, &r->errno_ret);

		if (action == seccomp_action(c->default_action, &c->default_errno_ret))
			continue;
		for (size_t k = 0; k < r->names.n; k++) {
			sub = 0;
			if (!name || !str_eq(name, r->names.v[k])) {
				sub = mux ? sub_call(r->names.v[k], nr) : 0;
				if (!sub)
					continue;
			}
			if (!seccomp_args_repeat(r))
				reading_add(m, r->args.v, r->args.n, action, sub);
			for (size_t j = 0; j < r->args.n && seccomp_args_repeat(r); j++)
				reading_add(m, &r->args.v[j], 1, action, sub);
		}
	}
}

static inline bool arg_holds(const struct reading *m, const struct seccomp_arg *g,
			     const struct seccomp_data *d)
{
	uint64_t all = m->wide ? UINT64_MAX : UINT32_MAX, v = d->args[g->index] & all, w = g->value & all;

	switch (g->op) {
	case SCMP_CMP_NE:
		return v != w;
	case SCMP_CMP_LT:
		return v < w;
	case SCMP_CMP_LE:
		return v <= w;
	case SCMP_CMP_EQ:
		return v == w;
	case SCMP_CMP_GE:
		return v >= w;
	case SCMP_CMP_GT:
		return v > w;
	default:
		return (v & w) == (g->value_two & w);
	}
}

static inline bool entry_holds(const struct reading *m, size_t i, const struct seccomp_data *d)
{
	bool holds = !m->v[i].sub || (uint32_t)d->args[0] == m->v[i].sub;

	for (size_t k = 0; k < m->v[i].n_args; k++)
		holds &= arg_trivial(m, &m->v[i].args[k], m->v[i].sub) || arg_holds(m, &m->v[i].args[k], d);
	return holds;
}

static inline int32_t action_rank_of(uint32_t action)
{
	return (int32_t)(action & SECCOMP_RET_ACTION_FULL);
}

/*
 * A rule without conditions decides wherever it stands; else the strictest that holds, as the kernel orders
 * answers of several filters, the first of equal ones; else the default.
 */
static inline uint32_t reading_answer(const struct reading *m, const struct seccomp_conf *c,
				      const struct seccomp_data *d)
{
	const uint32_t *found = NULL;

	if (m->foreign)
		return SCMP_ACT_KILL;
	for (size_t i = 0; i < m->n; i++) {
		bool always = !m->v[i].sub;

		for (size_t k = 0; k < m->v[i].n_args; k++)
			always &= arg_trivial(m, &m->v[i].args[k], m->v[i].sub);
		if (always)
			return m->v[i].action;
	}
	for (size_t i = 0; i < m->n; i++)
		if (entry_holds(m, i, d) &&
		    (!found || action_rank_of(m->v[i].action) < action_rank_of(*found)))
			found = &m->v[i].action;
	return found ? *found : seccomp_action(c->default_action, &c->default_errno_ret);
}

struct pair {
	const struct seccomp_conf *c;
	struct seccomp_program ours, theirs;
	struct strv unknown;
	bool alone; /* libseccomp is not asked */
	bool generated; /* not by libseccomp */
	bool all_numbers; /* 0 to 600 too, not only those next to a number in one of the programs */
	size_t tries; /* sets of arguments at random where arguments matter */
	struct chance chance;
	size_t asked, library_wrong;
	struct reading reading;
	int64_t highest[9];
	uint64_t values[MAX_RULES * 64];
	size_t n_values;
	uint32_t numbers[MAX_NUMBERS];
	size_t n_numbers;
};

/* Where our program says ENOSYS on purpose: above all numbers that are named of the ABI. */
static inline bool number_unknown(const struct pair *p, const struct seccomp_data *d)
{
	uint32_t nr = (uint32_t)d->nr;

	for (size_t i = 0; i <= p->c->architectures.n && p->c->default_action == SCMP_ACT_ERRNO(0); i++) {
		uint32_t scmp = i ? p->c->architectures.v[i - 1] : seccomp_arch_native();
		uint32_t first = number_base(scmp), last = UINT32_MAX;

		if (scmp == SCMP_ARCH_X86_64)
			last = 0x3fffffff;
		if (scmp == SCMP_ARCH_X32)
			last = 0xfffffffe;
		if (scmp == SCMP_ARCH_ARM)
			last = 0xeffff;
		if (audit_of(scmp) == d->arch && (nr >= first || scmp != SCMP_ARCH_X32) && nr <= last)
			return p->highest[i] >= 0 && (int64_t)nr - first > p->highest[i];
	}
	return false;
}

/* Some rule that holds says it, or none holds and it is the default: what any order of the rules can give. */
static inline bool answer_possible(const struct reading *m, const struct seccomp_conf *c,
				   const struct seccomp_data *d, uint32_t answer)
{
	bool any = false;

	if (m->foreign)
		return answer == SCMP_ACT_KILL;
	for (size_t i = 0; i < m->n; i++) {
		if (!entry_holds(m, i, d))
			continue;
		if (m->v[i].action == answer)
			return true;
		any = true;
	}
	return !any && answer == seccomp_action(c->default_action, &c->default_errno_ret);
}

/*
 * Programs made here must answer as the plain reading has it; those of libseccomp are taken as they are.
 * Where libseccomp says something else, that is counted: 2.5.4 mixes up rules of one call that compare one
 * argument in different ways (a4 < 2^63 or a4 <= 2 is false for 2^32), and can forget to load the number for
 * an architecture.
 */
static inline bool same_answer(struct pair *p, const struct seccomp_data *d, bool *ret_looked)
{
	uint32_t got = bpf_run(p->ours.v, d, ret_looked), want = bpf_run(p->theirs.v, d, ret_looked),
		 plain = want;
	bool unknown = number_unknown(p, d), known = p->reading.known && !unknown;

	if (unknown)
		want = SCMP_ACT_ERRNO(ENOSYS);
	plain = want;
	if (p->generated && known)
		plain = reading_answer(&p->reading, p->c, d);
	p->asked++;
	if (p->generated ? want != plain : known && !answer_possible(&p->reading, p->c, d, want))
		p->library_wrong++;
	if (got == plain)
		return true;
	printf("# arch %x nr %u args %llx %llx %llx %llx %llx %llx: %x, libseccomp says %x, plain reading "
	       "%x\n",
	       d->arch, (unsigned)d->nr, (unsigned long long)d->args[0], (unsigned long long)d->args[1],
	       (unsigned long long)d->args[2], (unsigned long long)d->args[3], (unsigned long long)d->args[4],
	       (unsigned long long)d->args[5], got, want, plain);
	return false;
}

/* Values next to one that a rule compares with, and with its halves moved. */
static inline void value_add(struct pair *p, uint64_t v)
{
	const uint64_t near[] = {
		v, v - 1, v + 1, v ^ 1ULL << 32, v ^ 1ULL << 63, (uint32_t)v, v + (1ULL << 32), ~v
	};

	for (size_t j = 0; j < ARRAY_SIZE(near) && p->n_values < ARRAY_SIZE(p->values); j++)
		p->values[p->n_values++] = near[j];
}

static inline int value_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* All values worth asking for the number of p->reading, each once; the sub-calls of 32-bit x86 among them. */
static inline void collect_values(struct pair *p)
{
	static const uint64_t ends[] = { 0, 1, 1ULL << 31, UINT32_MAX, 1ULL << 32, 1ULL << 63, UINT64_MAX };
	const struct reading *m = &p->reading;
	size_t kept = 0;

	p->n_values = ARRAY_SIZE(ends);
	memcpy(p->values, ends, sizeof(ends));
	for (size_t i = 0; i < m->n; i++) {
		value_add(p, m->v[i].sub);
		for (size_t k = 0; k < m->v[i].n_args; k++) {
			value_add(p, m->v[i].args[k].value);
			if (m->v[i].args[k].op == SCMP_CMP_MASKED_EQ)
				value_add(p, m->v[i].args[k].value_two);
		}
	}
	for (size_t i = 0; i < p->c->syscalls.n && !m->known; i++) /* of any number */
		for (size_t k = 0; k < p->c->syscalls.v[i].args.n; k++)
			value_add(p, p->c->syscalls.v[i].args.v[k].value);
	qsort(p->values, p->n_values, sizeof(*p->values), value_compare);
	for (size_t i = 0; i < p->n_values; i++)
		if (i == 0 || p->values[i] != p->values[kept - 1])
			p->values[kept++] = p->values[i];
	p->n_values = kept;
}

static inline bool same_number(struct pair *p, uint32_t arch, uint32_t nr)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };
	bool looked = false;

	reading_of(&p->reading, p->c, arch, nr);
	if (!same_answer(p, &d, &looked))
		return false;
	if (!looked)
		return true;
	collect_values(p);
	/* each argument over all values, the others by chance */
	for (size_t i = 0; i < p->n_values * 6 + p->tries; i++) {
		for (size_t k = 0; k < 6; k++)
			d.args[k] = p->values[chance_next(&p->chance) % p->n_values];
		if (i < p->n_values * 6)
			d.args[i % 6] = p->values[i / 6];
		if (!same_answer(p, &d, &looked))
			return false;
	}
	return true;
}

static inline int number_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * Programs compare the number with constants only, so what is equal at all constants and next to them is
 * equal for all 2^32 numbers.
 */
static inline void collect_numbers(struct pair *p)
{
	static const uint32_t ends[] = { 0x000effff, 0x000f0000, 0x000f0001, 0x000f0002, 0x000f0005,
					 0x000f0006, 0x3ffffffe, 0x3fffffff, 0x7fffffff, 0x80000000,
					 0xbfffffff, 0xc0000000, 0xfffffffe, 0xffffffff, 0,
					 1000,	     1024,	 4000,	     5000,	 6000,
					 65536 };
	const struct seccomp_program *const both[] = { &p->ours, &p->theirs };
	uint32_t *v = p->numbers;
	size_t n = ARRAY_SIZE(ends), kept = 0;

	memcpy(v, ends, sizeof(ends));
	for (uint32_t nr = 0; p->all_numbers && nr <= 600; nr++) {
		v[n++] = nr;
		v[n++] = nr | 0x40000000;
	}
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < both[i]->n; k++) {
			const struct sock_filter *f = &both[i]->v[k];

			for (uint32_t j = 0; j < 3 && BPF_CLASS(f->code) == BPF_JMP && n < MAX_NUMBERS; j++)
				v[n++] = f->k + j - 1;
		}
	qsort(v, n, sizeof(*v), number_compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || v[i] != v[kept - 1])
			v[kept++] = v[i];
	p->n_numbers = kept;
}

static inline bool same_everywhere(struct pair *p)
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64,  AUDIT_ARCH_I386,
					  AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM,
					  AUDIT_ARCH_RISCV64, AUDIT_ARCH_MIPSEL,
					  AUDIT_ARCH_S390X,   0,
					  UINT32_MAX };

	collect_numbers(p);
	p->highest[0] = highest_named(p->c, seccomp_arch_native());
	for (size_t i = 0; i < p->c->architectures.n; i++)
		p->highest[i + 1] = highest_named(p->c, p->c->architectures.v[i]);
	for (size_t a = 0; a < ARRAY_SIZE(archs); a++)
		for (size_t i = 0; i < p->n_numbers; i++)
			if (!same_number(p, archs[a], p->numbers[i]))
				return false;
	return true;
}

static inline void section_print(const struct section *s)
{
	printf("# default %x, %zu architectures\n", s->c.default_action, s->c.architectures.n);
	for (size_t i = 0; i < s->c.syscalls.n; i++) {
		const struct seccomp_rule *r = &s->rules[i];

		printf("# %x %u:", r->action, r->errno_ret.set ? r->errno_ret.v : 0);
		for (size_t k = 0; k < r->names.n; k++)
			printf(" %s", r->names.v[k]);
		for (size_t k = 0; k < r->args.n; k++)
			printf(" [%u op %u %llx %llx]", r->args.v[k].index, r->args.v[k].op,
			       (unsigned long long)r->args.v[k].value,
			       (unsigned long long)r->args.v[k].value_two);
		printf("\n");
	}
}

/* Compiles both ways and compares; false when they differ or only one compiles. `p` is zeroed but for its
 * options. */
static inline bool same_section(struct section *s, struct pair *p)
{
	struct err e = { 0 }, other = { 0 };
	struct seccomp_program own;

	p->c = &s->c;
	p->asked = p->library_wrong = 0;
	p->chance = (struct chance){ .seed = 88172645463325252U };
	int theirs = p->alone ? -EEXIST : seccomp_by_library(s->a, &s->c, &p->theirs, &other);
	int r = seccomp_compile(s->a, &s->c, &p->ours, &p->unknown, &e);
	p->generated = seccomp_generate(s->a, &s->c, syscall_find_all(s->a, &s->c), &own, &e) == 1;
	/* It refuses two actions for the same arguments even where a rule without arguments decides. */
	if (theirs == -EEXIST && p->generated) {
		p->theirs = p->ours;
		theirs = 0;
	}
	if (r < 0 || theirs < 0) {
		if (r == theirs && str_eq(e.text, other.text))
			return true;
		printf("# ours: %d %s, libseccomp: %d %s\n", r, e.text, theirs, other.text);
		return false;
	}
	if (!bpf_valid(p->ours.v, p->ours.n) || !bpf_valid(p->theirs.v, p->theirs.n)) {
		printf("# not a valid program\n");
		return false;
	}
	return same_everywhere(p);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of a seccomp section, made here: seccomp_names.c gives the numbers of the names, each
 * architecture becomes a balanced tree over ranges of equal answers. It must answer as the section reads
 * (tests/unit/seccomp.c compares it with that and with libseccomp's program), and never more loosely: of
 * several rules of a call that hold, the strictest one decides.
 *
 * Code is emitted from its end to its start, so that every jump target exists before the jump. A mark is
 * the number of instructions emitted when its code began, counted from the end of the program.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/util.h"
#include "seccomp.h"
#include "seccomp_names.h"

#define X32_BIT 0x40000000U
#define ARM_PRIVATE 0x000f0000U /* cacheflush and others, far above the numbers of calls (asm/unistd.h) */
#define JUMP_MAX 255U
#define ACTIONS_MAX 64
#define DIGIT_BITS 10
#define CHAINS_MAX 256 /* that are remembered */
#define MUX_SOCKET (-100)
#define MUX_IPC (-200)

struct abi {
	uint32_t scmp, audit;
	bool wide; /* arguments have 64 bits */
	uint32_t first, last;
};

/* All little endian; x32 shares the token of x86_64 in struct seccomp_data (asm/unistd_x32.h). */
static const struct abi abis[] = {
	{ SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, true, 0, X32_BIT - 1 },
	{ SCMP_ARCH_X32, AUDIT_ARCH_X86_64, false, X32_BIT, UINT32_MAX - 1 },
	{ SCMP_ARCH_X86, AUDIT_ARCH_I386, false, 0, UINT32_MAX },
	{ SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, true, 0, UINT32_MAX },
	{ SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false, 0, UINT32_MAX },
	{ SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, true, 0, UINT32_MAX },
};

/*
 * Calls of 32-bit x86 that exist behind socketcall(2) or ipc(2) and, since Linux 4.3 and 5.1, as numbers of
 * their own. libseccomp gives them numbers below MUX_SOCKET or MUX_IPC by their sub-call.
 */
static const struct {
	int pseudo;
	uint32_t direct;
} x86_mux[] = {
	{ -101, 359 }, { -102, 361 }, { -103, 362 }, { -104, 363 }, { -106, 367 }, { -107, 368 },
	{ -108, 360 }, { -111, 369 }, { -112, 371 }, { -113, 373 }, { -114, 366 }, { -115, 365 },
	{ -116, 370 }, { -117, 372 }, { -118, 364 }, { -119, 337 }, { -120, 345 }, { -202, 393 },
	{ -203, 394 }, { -211, 400 }, { -212, 401 }, { -213, 399 }, { -214, 402 }, { -221, 397 },
	{ -222, 398 }, { -223, 395 }, { -224, 396 },
};

struct condition {
	uint32_t arg, op;
	uint64_t mask, value;
};

/* One number of one rule; `sub` is the sub-call of a multiplexed call, `only` one argument of alternatives.
 */
struct entry {
	const struct seccomp_rule *rule;
	const struct seccomp_arg *only;
	uint32_t nr, sub;
};

/* From `first` to the beginning of the next one: an action, or the entries that decide. */
struct range {
	uint32_t first, action;
	const struct entry *e;
	size_t n;
	const struct abi *abi;
};

struct gen {
	struct arena *a;
	const struct seccomp_conf *c;
	uint32_t act_default;
	bool enosys; /* wanted for numbers from `unknown` on, unless that is 0 */
	uint32_t unknown;
	bool exact; /* libseccomp's program could answer otherwise */
	const struct syscall_row *const *rows; /* of all names of the section, in its order */
	struct entry *entries;	 /* of the ABI at hand */
	uint32_t *order, *spare; /* indices of entries */
	size_t n_entries, max_entries;
	struct range *ranges;
	size_t n_ranges, max_ranges;
	struct sock_filter *code; /* reversed */
	size_t n, max;
	struct {
		uint32_t action;
		size_t mark;
	} returns[ACTIONS_MAX];
	size_t n_returns;
	struct {
		const struct entry *e;
		size_t n, mark;
		bool wide;
	} chains[CHAINS_MAX];
	size_t n_chains;
	bool full;
};

/* ---- emission, last instruction first ----------------------------------------------------------------- */

static size_t emit(struct gen *g, uint16_t op, uint32_t k, size_t jt, size_t jf)
{
	if (g->n == g->max) {
		g->full = true;
		return g->n;
	}
	g->code[g->n++] = (struct sock_filter){ op, (uint8_t)jt, (uint8_t)jf, k };
	return g->n;
}

/* A jump of eight bits may need a longer one next to it on the way. */
static size_t emit_jump(struct gen *g, uint16_t op, uint32_t k, size_t t, size_t f)
{
	while (!g->full && (g->n - t > JUMP_MAX || g->n - f > JUMP_MAX)) {
		size_t *far = g->n - t > g->n - f ? &t : &f;

		*far = emit(g, BPF_JMP | BPF_JA, (uint32_t)(g->n - *far), 0, 0);
	}
	return emit(g, (uint16_t)(BPF_JMP | BPF_K | op), k, g->n - t, g->n - f);
}

/* A load continues with what was emitted last. */
static size_t emit_load(struct gen *g, size_t offset)
{
	return emit(g, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Returns are shared while they are in reach; the margin is for the instructions up to the jump. */
static size_t emit_return(struct gen *g, uint32_t action)
{
	size_t i = 0;

	while (i < g->n_returns && g->returns[i].action != action)
		i++;
	if (i < g->n_returns && g->n - g->returns[i].mark < JUMP_MAX - 15)
		return g->returns[i].mark;

	size_t mark = emit(g, BPF_RET | BPF_K, action, 0, 0);
	if (i == g->n_returns && i < ACTIONS_MAX)
		g->returns[g->n_returns++].action = action;
	if (i < ACTIONS_MAX)
		g->returns[i].mark = mark;
	return mark;
}

/* ---- argument conditions ------------------------------------------------------------------------------ */

static size_t arg_offset(uint32_t arg, bool high)
{
	return offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + (high ? sizeof(uint32_t) : 0);
}

static size_t emit_equal(struct gen *g, const struct condition *c, bool high, size_t t, size_t f)
{
	uint32_t mask = (uint32_t)(high ? c->mask >> 32 : c->mask);
	uint32_t value = (uint32_t)(high ? c->value >> 32 : c->value);

	if (mask == 0)
		return t;
	(void)emit_jump(g, BPF_JEQ, value, t, f);
	if (mask != UINT32_MAX)
		(void)emit(g, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	return emit_load(g, arg_offset(c->arg, high));
}

/* Greater, or not less, in whole: the low half decides between equal high halves. */
static size_t emit_order(struct gen *g, const struct condition *c, uint16_t op, size_t t, size_t f)
{
	uint32_t high = (uint32_t)(c->value >> 32);
	(void)emit_jump(g, op, (uint32_t)c->value, t, f);
	size_t low = emit_load(g, arg_offset(c->arg, false));
	if (c->mask <= UINT32_MAX)
		return low;
	(void)emit_jump(g, BPF_JGT, high, t, emit_jump(g, BPF_JEQ, high, low, f));
	return emit_load(g, arg_offset(c->arg, true));
}

static size_t emit_condition(struct gen *g, const struct condition *c, size_t t, size_t f)
{
	switch (c->op) {
	case SCMP_CMP_GT:
		return emit_order(g, c, BPF_JGT, t, f);
	case SCMP_CMP_LE:
		return emit_order(g, c, BPF_JGT, f, t);
	case SCMP_CMP_GE:
		return emit_order(g, c, BPF_JGE, t, f);
	case SCMP_CMP_LT:
		return emit_order(g, c, BPF_JGE, f, t);
	case SCMP_CMP_NE:
		return emit_equal(g, c, true, emit_equal(g, c, false, f, t), t);
	default:
		return emit_equal(g, c, true, emit_equal(g, c, false, t, f), f);
	}
}

/* libseccomp compares the low halves only where the ABI has 32 bits. */
static struct condition condition_of(const struct seccomp_arg *a, bool wide)
{
	struct condition c = { .arg = a->index, .op = a->op, .mask = UINT64_MAX, .value = a->value };

	if (a->op == SCMP_CMP_MASKED_EQ) {
		c.mask = a->value;
		c.value = a->value_two;
	}
	if (!wide)
		c.mask &= UINT32_MAX;
	c.value &= c.mask;
	return c;
}

/* The conditions of an entry that can fail at all, one per argument; returns their number. */
static size_t entry_conditions(const struct entry *e, bool wide, struct condition *ret)
{
	const struct seccomp_arg *v = e->only ? e->only : e->rule->args.v;
	size_t n_args = e->only ? 1 : e->rule->args.n, n = 0;

	if (e->sub)
		ret[n++] = (struct condition){ .op = SCMP_CMP_EQ, .mask = UINT32_MAX, .value = e->sub };
	for (size_t i = 0; i < n_args; i++) {
		struct condition c = condition_of(&v[i], wide);

		/* The first argument of a multiplexed call is the sub-call. */
		if (c.mask == 0 || (e->sub && c.arg == 0))
			continue;
		ret[n++] = c;
	}
	return n;
}

/* Where several rules of a call meet, libseccomp (2.5.4) loses some unless all compare for equality. */
static bool entry_unequal(const struct entry *e)
{
	const struct seccomp_arg *v = e->only ? e->only : e->rule->args.v;
	size_t n = e->only ? 1 : e->rule->args.n;

	for (size_t i = 0; i < n; i++)
		if (v[i].op != SCMP_CMP_EQ)
			return true;
	return false;
}

/* ---- what is said of each number ---------------------------------------------------------------------- */

static uint32_t entry_action(const struct entry *e)
{
	return seccomp_action(e->rule->action, &e->rule->errno_ret);
}

/* As many as there are alternatives, one otherwise. */
static void add_entries(struct gen *g, uint32_t nr, uint32_t sub, const struct seccomp_rule *r, size_t alternatives)
{
	size_t i = 0;

	do
		g->entries[g->n_entries++] = (struct entry){ r, alternatives ? &r->args.v[i] : NULL, nr, sub };
	while (++i < alternatives);
}

/* The numbers of a name on an ABI, none, one or two; *ret_sub is the sub-call behind the first, or 0. */
static size_t name_numbers(uint32_t scmp, size_t column, const char *name, const struct syscall_row *row, uint32_t ret[2],
			   uint32_t *ret_sub)
{
	int nr = syscall_number(row, column, scmp, name);
	bool socket = nr < MUX_SOCKET && nr >= MUX_SOCKET - 20, ipc = nr < MUX_IPC && nr >= MUX_IPC - 24;
	size_t n = 0;

	*ret_sub = ret[0] = ret[1] = 0;
	if (nr >= 0) {
		ret[0] = (uint32_t)nr;
		return 1;
	}
	/* Any other negative number means that the architecture has no such call. */
	if (!socket && !ipc)
		return 0;
	int mux = seccomp_syscall_resolve_name_rewrite(scmp, name);
	if (mux >= 0) {
		*ret_sub = (uint32_t)((socket ? MUX_SOCKET : MUX_IPC) - nr);
		ret[n++] = (uint32_t)mux;
	}
	for (size_t i = 0; i < ARRAY_SIZE(x86_mux) && n < 2; i++)
		if (x86_mux[i].pseudo == nr)
			ret[n++] = x86_mux[i].direct;
	return n;
}

/* By number, stable: digit after digit, few of which differ at all; most numbers have one. */
static void sort_entries(struct gen *g)
{
	const struct entry *e = g->entries;
	uint32_t differ = 0;

	for (uint32_t i = 0; i < g->n_entries; i++) {
		g->order[i] = i;
		differ |= e[i].nr ^ e[0].nr;
	}
	for (unsigned int shift = 0; shift < 32; shift += DIGIT_BITS) {
		uint32_t at[1U << DIGIT_BITS] = { 0 }, sum = 0, *from = g->order;
		const uint32_t mask = ARRAY_SIZE(at) - 1;

		if (!(differ >> shift & mask))
			continue;
		for (size_t i = 0; i < g->n_entries; i++)
			at[e[i].nr >> shift & mask]++;
		for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
			uint32_t n = at[i];

			at[i] = sum;
			sum += n;
		}
		for (size_t i = 0; i < g->n_entries; i++)
			g->spare[at[e[from[i]].nr >> shift & mask]++] = from[i];
		g->order = g->spare;
		g->spare = from;
	}
}

/*
 * Sets g->entries to the rules of an ABI, and g->unknown to one more than the highest number that the
 * document names, whatever the action, or 0: its author knew the calls up to there, and a C library falls
 * back to older calls on ENOSYS only (runc has the same rule).
 */
static void add_rules(struct gen *g, uint32_t scmp)
{
	const uint32_t limit = scmp == SCMP_ARCH_ARM ? ARM_PRIVATE : UINT32_MAX;
	const size_t column = syscall_column(scmp);
	const struct syscall_row *const *row = g->rows;
	uint32_t nr[2], sub;

	g->n_entries = 0;
	g->unknown = 0;
	for (size_t i = 0; i < g->c->syscalls.n; i++) {
		const struct seccomp_rule *r = &g->c->syscalls.v[i];
		bool says = seccomp_action(r->action, &r->errno_ret) != g->act_default;
		size_t alternatives = seccomp_args_repeat(r) ? r->args.n : 0;

		for (size_t k = 0; k < r->names.n; k++) {
			size_t n = name_numbers(scmp, column, r->names.v[k], *row++, nr, &sub);

			for (size_t j = 0; j < n; j++) {
				if (nr[j] < limit)
					g->unknown = MAX(g->unknown, nr[j] + 1);
				if (says)
					add_entries(g, nr[j], j == 0 ? sub : 0, r, alternatives);
			}
		}
	}
	sort_entries(g);
}

static void add_range(struct gen *g, uint32_t first, uint32_t action)
{
	if (g->n_ranges) {
		const struct range *last = &g->ranges[g->n_ranges - 1];

		if (!last->n && last->action == action)
			return;
	}
	g->ranges[g->n_ranges++] = (struct range){ .first = first, .action = action };
}

/* Numbers without a rule: the default, but ENOSYS above all that are named. */
static void add_gap(struct gen *g, const struct abi *abi, uint32_t from, uint32_t to)
{
	const uint32_t unknown = g->enosys ? g->unknown : 0;
	uint32_t last = abi->scmp == SCMP_ARCH_ARM ? ARM_PRIVATE - 1 : UINT32_MAX;

	if (!unknown) {
		add_range(g, from, g->act_default);
		return;
	}
	if (from < unknown)
		add_range(g, from, g->act_default);
	if (to >= unknown && from <= last)
		add_range(g, MAX(from, unknown), SCMP_ACT_ERRNO(ENOSYS));
	if (to > last)
		add_range(g, MAX(from, last + 1), g->act_default);
}

/* As the kernel orders the answers of several filters (seccomp(2)): the lowest wins. */
static int32_t action_rank(uint32_t action)
{
	return (int32_t)(action & SECCOMP_RET_ACTION_FULL);
}

/* The strictest first, equal ones in the order of the document; true when they differ. */
static bool sort_strictest(struct entry *e, size_t n)
{
	bool differ = false;

	for (size_t i = 1; i < n; i++) {
		struct entry t = e[i];
		size_t k = i;

		differ |= entry_action(&e[0]) != entry_action(&t);
		for (; k > 0 && action_rank(entry_action(&e[k - 1])) > action_rank(entry_action(&t)); k--)
			e[k] = e[k - 1];
		e[k] = t;
	}
	return differ;
}

/*
 * All entries of one number. The first without conditions decides alone wherever it stands, as in libseccomp:
 * engines take back conditions that way. The others are copied: the range points to them until the program is made.
 */
static int add_number(struct gen *g, const struct abi *abi, const uint32_t *order, size_t n)
{
	const struct entry *all = g->entries;
	struct condition unused[SECCOMP_ARGS + 1];

	for (size_t i = 0; i < n; i++)
		if (entry_conditions(&all[order[i]], abi->wide, unused) == 0) {
			add_range(g, all[order[i]].nr, entry_action(&all[order[i]]));
			return 0;
		}
	struct entry *e = arena_array(g->a, n, sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		e[i] = all[order[i]];
	/* Each takes two instructions at least; the sort is quadratic. */
	if (n > BPF_MAXINSNS / 2)
		g->full = true;
	else
		g->exact |= sort_strictest(e, n);
	for (size_t i = 0; i < n && n > 1; i++)
		g->exact |= entry_unequal(&e[i]);
	g->ranges[g->n_ranges++] = (struct range){ .first = e->nr, .e = e, .n = n, .abi = abi };
	return 0;
}

static int add_abi(struct gen *g, const struct abi *abi, struct err *e)
{
	uint32_t next = abi->first;
	bool done = false;

	add_rules(g, abi->scmp);
	for (size_t i = 0, n; i < g->n_entries; i += n) {
		uint32_t nr = g->entries[g->order[i]].nr;

		for (n = 1; i + n < g->n_entries && g->entries[g->order[i + n]].nr == nr;)
			n++;
		if (nr > next)
			add_gap(g, abi, next, nr - 1);
		if (add_number(g, abi, g->order + i, n) < 0)
			return err_nomem(e);
		done = nr == abi->last;
		next = nr + 1;
	}
	if (!done)
		add_gap(g, abi, next, abi->last);
	return 0;
}

/* ---- the program -------------------------------------------------------------------------------------- */

static bool same_entries(const struct entry *a, const struct entry *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].rule != b[i].rule || a[i].only != b[i].only || a[i].sub != b[i].sub)
			return false;
	return true;
}

/* The names of a rule share its code; what is out of reach of a jump gets one in between (emit_jump()). */
static size_t emit_entries(struct gen *g, const struct range *r)
{
	struct condition c[SECCOMP_ARGS + 1];

	for (size_t i = 0; i < MIN(g->n_chains, (size_t)CHAINS_MAX); i++)
		if (g->chains[i].n == r->n && g->chains[i].wide == r->abi->wide &&
		    same_entries(g->chains[i].e, r->e, r->n))
			return g->chains[i].mark;

	size_t next = emit_return(g, g->act_default);
	for (size_t i = r->n; i-- > 0;) {
		size_t n = entry_conditions(&r->e[i], r->abi->wide, c);
		size_t mark = emit_return(g, entry_action(&r->e[i]));

		while (n-- > 0)
			mark = emit_condition(g, &c[n], mark, next);
		next = mark;
	}
	size_t slot = g->n_chains++ % CHAINS_MAX;
	g->chains[slot].e = r->e;
	g->chains[slot].n = r->n;
	g->chains[slot].wide = r->abi->wide;
	g->chains[slot].mark = next;
	return next;
}

static bool same_answer(const struct range *a, const struct range *b)
{
	return !a->n && !b->n && a->action == b->action;
}

static size_t emit_tree(struct gen *g, const struct range *r, size_t n)
{
	if (n == 1)
		return r->n ? emit_entries(g, r) : emit_return(g, r->action);
	/* One number alone among others of one answer. */
	if (n == 3 && r[2].first == r[1].first + 1 && same_answer(&r[0], &r[2])) {
		size_t alone = emit_tree(g, &r[1], 1);

		return emit_jump(g, BPF_JEQ, r[1].first, alone, emit_tree(g, &r[0], 1));
	}
	size_t half = n / 2, low, high;
	/* An odd half can be a group of the kind above. */
	if (n > 3 && half % 2 == 0)
		half--;
	high = emit_tree(g, r + half, n - half);
	low = emit_tree(g, r, half);
	return emit_jump(g, BPF_JGE, r[half].first, high, low);
}

static const struct abi *abi_find(uint32_t scmp)
{
	for (size_t i = 0; i < ARRAY_SIZE(abis); i++)
		if (abis[i].scmp == scmp)
			return &abis[i];
	return NULL;
}

static bool has_abi(const struct seccomp_conf *c, uint32_t scmp)
{
	if (scmp == seccomp_arch_native())
		return true;
	for (size_t i = 0; i < c->architectures.n; i++)
		if (c->architectures.v[i] == scmp)
			return true;
	return false;
}

/* One architecture of the kernel: x86_64 and x32 are one. */
static int emit_arch(struct gen *g, uint32_t audit, size_t *ret_mark, struct err *e)
{
	g->n_ranges = 0;
	for (size_t i = 0; i < ARRAY_SIZE(abis); i++) {
		if (abis[i].audit != audit)
			continue;
		if (!has_abi(g->c, abis[i].scmp)) {
			add_range(g, abis[i].first, SCMP_ACT_KILL);
			continue;
		}
		int r = add_abi(g, &abis[i], e);
		if (r < 0)
			return r;
	}
	/* Minus one is no call of x32 but one that a tracer took away. */
	if (audit == AUDIT_ARCH_X86_64)
		add_range(g, UINT32_MAX, g->act_default);
	/* One answer for every number is a shared return: nothing was emitted that a load could lead to. */
	size_t mark = emit_tree(g, g->ranges, g->n_ranges);
	*ret_mark = mark == g->n ? emit_load(g, offsetof(struct seccomp_data, nr)) : mark;
	return 0;
}

static bool expressible_arch(const struct seccomp_conf *c)
{
	if (!abi_find(seccomp_arch_native()))
		return false;
	for (size_t i = 0; i < c->architectures.n; i++)
		if (!abi_find(c->architectures.v[i]))
			return false;
	return true;
}

static int gen_init(struct gen *g, struct err *e)
{
	for (size_t i = 0; i < g->c->syscalls.n; i++) {
		const struct seccomp_rule *r = &g->c->syscalls.v[i];

		/* A multiplexed call has two numbers, and every argument can be an alternative. */
		g->max_entries += r->names.n * 2 * MAX(r->args.n, (size_t)1);
	}
	g->max_ranges = (g->max_entries * 2 + 8) * 2;
	g->max = (size_t)BPF_MAXINSNS * 2;
	/* What is touched at all is few pages: each ABI has the same places. */
	g->ranges = arena_array(g->a, g->max_ranges, sizeof(*g->ranges));
	g->code = arena_array(g->a, g->max, sizeof(*g->code));
	g->entries = arena_array(g->a, g->max_entries + 1, sizeof(*g->entries));
	g->order = arena_array(g->a, g->max_entries + 1, sizeof(*g->order));
	g->spare = arena_array(g->a, g->max_entries + 1, sizeof(*g->spare));
	return g->ranges && g->code && g->entries && g->order && g->spare ? 0 : err_nomem(e);
}

static int gen_program(struct gen *g, struct err *e)
{
	struct {
		uint32_t audit;
		size_t mark;
	} found[ARRAY_SIZE(abis)] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(abis); i++) {
		if (!has_abi(g->c, abis[i].scmp) || (n && found[n - 1].audit == abis[i].audit))
			continue;
		int r = emit_arch(g, abis[i].audit, &found[n].mark, e);
		if (r < 0)
			return r;
		found[n++].audit = abis[i].audit;
	}
	size_t next = emit_return(g, SCMP_ACT_KILL);
	for (size_t i = 0; i < n; i++)
		next = emit_jump(g, BPF_JEQ, found[i].audit, found[i].mark, next);
	(void)emit_load(g, offsetof(struct seccomp_data, arch));
	return 0;
}

static int gen_finish(const struct gen *g, struct seccomp_program *ret, struct err *e)
{
	struct sock_filter *v = arena_array(g->a, g->n, sizeof(*v));

	if (!v)
		return err_nomem(e);
	for (size_t i = 0; i < g->n; i++)
		v[i] = g->code[g->n - 1 - i];
	ret->v = v;
	ret->n = g->n;
	return 0;
}

static struct gen gen_of(struct arena *a, const struct seccomp_conf *c, const struct syscall_row *const *rows)
{
	uint32_t act = seccomp_action(c->default_action, &c->default_errno_ret);

	return (struct gen){ .a = a,
			     .c = c,
			     .rows = rows,
			     .act_default = act,
			     .enosys = (act & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO };
}

static int too_long(struct err *e)
{
	return err_bad(e,
		       "linux.seccomp: the program has more than the %d instructions that the kernel takes",
		       BPF_MAXINSNS);
}

int seccomp_generate(struct arena *a, const struct seccomp_conf *c, const struct syscall_row *const *rows,
		     struct seccomp_program *ret, struct err *e)
{
	struct gen g = gen_of(a, c, rows);

	if (!expressible_arch(c))
		return 0;
	int r = gen_init(&g, e);
	if (r < 0)
		return r;
	r = gen_program(&g, e);
	if (r < 0)
		return r;
	/* libseccomp shares the comparisons of rules with common beginnings: its program may still fit. */
	if (g.full || g.n > BPF_MAXINSNS)
		return g.exact ? too_long(e) : 0;
	r = gen_finish(&g, ret, e);
	return r < 0 ? r : 1;
}

/* The check of one ABI in front of a program of libseccomp; returns it, or `next`, which follows. */
static size_t emit_unknown(struct gen *g, uint32_t scmp, size_t next)
{
	const struct abi *known = abi_find(scmp);
	const struct abi abi = known ? *known : (struct abi){ scmp, scmp, false, 0, UINT32_MAX };
	uint32_t last = scmp == SCMP_ARCH_ARM ? ARM_PRIVATE - 1 : abi.last;

	add_rules(g, scmp);
	if (!g->unknown)
		return next;
	size_t mark = emit_return(g, SCMP_ACT_ERRNO(ENOSYS));
	mark = emit_jump(g, BPF_JGT, last, next, mark);
	(void)emit_jump(g, BPF_JGE, g->unknown, mark, next);
	mark = emit_load(g, offsetof(struct seccomp_data, nr));
	(void)emit_jump(g, BPF_JEQ, abi.audit, mark, next);
	return emit_load(g, offsetof(struct seccomp_data, arch));
}

int seccomp_prepend_enosys(struct arena *a, const struct seccomp_conf *c, const struct syscall_row *const *rows,
			   struct seccomp_program *p, struct err *e)
{
	struct gen g = gen_of(a, c, rows);

	if (!g.enosys)
		return 0;
	int r = gen_init(&g, e);
	if (r < 0)
		return r;
	for (size_t i = p->n; i-- > 0;)
		g.code[g.n++] = p->v[i];

	size_t next = emit_unknown(&g, seccomp_arch_native(), g.n);
	for (size_t i = 0; i < c->architectures.n; i++)
		if (c->architectures.v[i] != seccomp_arch_native())
			next = emit_unknown(&g, c->architectures.v[i], next);
	if (g.full || g.n > BPF_MAXINSNS)
		return too_long(e);
	return gen_finish(&g, p, e);
}

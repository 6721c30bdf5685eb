/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device rules -> one small BPF program. Pure; bpf.c gives it to the kernel.
 *
 * A request is a device and a set of wanted accesses (r, w, m). Each access is decided by the last rule
 * that matches the device and names the access, so the program looks at the rules from the last to the
 * first and keeps the accesses that are still undecided in one register: an allowing rule takes its own
 * away, a denying rule notes those of its own that are there. Allowed is what leaves none, and none noted.
 *
 * The program has no jump: to load a program is to have it verified, and that takes a fixed time and then
 * nearly ten times as much for a jump, with a copy of the verifier's state, as for five instructions of
 * arithmetic. So a rule that does not match is a mask without a bit.
 */
#include "internal.h"

#include <linux/bpf.h>
#include <stdio.h>

#include "../runtime/base/util.h"

/* What a rule takes at most, and all of them together besides. The kernel takes a million instructions. */
#define RULE_INSNS 18
#define START_AND_END_INSNS 12
#define RULES_MAX 3000

enum {
	TYPE_BLOCK = BPF_DEVCG_DEV_BLOCK,
	TYPE_CHAR = BPF_DEVCG_DEV_CHAR,
	TYPE_BOTH = TYPE_BLOCK | TYPE_CHAR,
	ACCESS_M = BPF_DEVCG_ACC_MKNOD,
	ACCESS_R = BPF_DEVCG_ACC_READ,
	ACCESS_W = BPF_DEVCG_ACC_WRITE,
	ACCESS_ALL = ACCESS_M | ACCESS_R | ACCESS_W,
};

struct rule {
	uint32_t types;	 /* TYPE_* */
	uint32_t access; /* ACCESS_* */
	bool any_major, any_minor, allow;
	uint32_t major, minor;
};

/* What every container may do (OCI "default devices", and what other runtimes allow with them). */
static const struct rule defaults[] = {
	{ .types = TYPE_BOTH, .access = ACCESS_M, .any_major = true, .any_minor = true, .allow = true },
#define DEV(maj, min) \
	{ .types = TYPE_CHAR, .access = ACCESS_ALL, .allow = true, .major = (maj), .minor = (min) }
	DEV(1, 3),    /* null */
	DEV(1, 5),    /* zero */
	DEV(1, 7),    /* full */
	DEV(1, 8),    /* random */
	DEV(1, 9),    /* urandom */
	DEV(5, 0),    /* tty */
	DEV(5, 2),    /* ptmx */
	DEV(10, 200), /* net/tun */
#undef DEV
	/* pts */
	{ .types = TYPE_CHAR, .access = ACCESS_ALL, .allow = true, .major = 136, .any_minor = true },
};

/* ---- reading ------------------------------------------------------------------------------------------ */

static int number(const struct opt_i64 *v, size_t i, const char *member, bool *any, uint32_t *ret,
		  struct err *e)
{
	*any = !v->set || v->v == -1;
	*ret = 0;
	if (*any)
		return 0;
	if (v->v < 0 || v->v > UINT32_MAX)
		return err_bad(e, "linux.resources.devices[%zu].%s is %lld: not a device number", i, member,
			       (long long)v->v);
	*ret = (uint32_t)v->v;
	return 0;
}

static int access_bits(const char *s, size_t i, uint32_t *ret, struct err *e)
{
	uint32_t bits = 0;

	if (!s) {
		*ret = ACCESS_ALL;
		return 0;
	}
	for (const char *p = s; *p; p++) {
		uint32_t b = *p == 'r' ? ACCESS_R : *p == 'w' ? ACCESS_W : *p == 'm' ? ACCESS_M : 0;

		bits |= b;
		if (!b) {
			bits = 0;
			break;
		}
	}
	if (!bits)
		return err_bad(e, "linux.resources.devices[%zu].access '%s' is not made of r, w and m", i, s);
	*ret = bits;
	return 0;
}

static int rule_read(const struct device_rule *d, size_t i, struct rule *ret, struct err *e)
{
	struct rule r = { .allow = d->allow };
	int x;

	switch (d->type) {
	case 0:
	case 'a':
		r.types = TYPE_BOTH;
		break;
	case 'b':
		r.types = TYPE_BLOCK;
		break;
	case 'c':
		r.types = TYPE_CHAR;
		break;
	default:
		return err_bad(e, "linux.resources.devices[%zu].type is not a, b or c", i);
	}
	x = number(&d->major, i, "major", &r.any_major, &r.major, e);
	if (x >= 0)
		x = number(&d->minor, i, "minor", &r.any_minor, &r.minor, e);
	if (x >= 0)
		x = access_bits(d->access, i, &r.access, e);
	*ret = r;
	return x;
}

static bool is_everything(const struct rule *r)
{
	return r->types == TYPE_BOTH && r->any_major && r->any_minor && r->access == ACCESS_ALL;
}

/* All rules in the order of evaluation: the last one of the configuration first, the defaults at the end. */
static int rules_read(const struct device_rule_list *l, struct rule *v, size_t *ret, struct err *e)
{
	size_t n = l ? l->n : 0, used = 0, skip = 0;

	for (size_t i = 0; i < n; i++) {
		int r = rule_read(&l->v[i], i, &v[n - 1 - i], e);

		if (r < 0)
			return r;
		/* "Deny everything" first is the state we start from anyway. */
		if (skip == i && !v[n - 1 - i].allow && is_everything(&v[n - 1 - i]))
			skip++;
	}
	used = n - skip;
	for (size_t i = ARRAY_SIZE(defaults); i-- > 0;)
		v[used++] = defaults[i];
	*ret = used;
	return 0;
}

/* Some device is of both. */
static bool meets(const struct rule *a, const struct rule *b)
{
	return a->types & b->types && (a->any_major || b->any_major || a->major == b->major) &&
	       (a->any_minor || b->any_minor || a->minor == b->minor);
}

bool cgroup_devices_leave(const struct device_rule_list *rules, const struct device_conf *v, size_t n)
{
	struct err ignored;
	bool leading = true;

	for (size_t i = 0; rules && i < rules->n; i++) {
		struct rule r;
		if (rule_read(&rules->v[i], i, &r, &ignored) < 0)
			return false;
		leading = leading && !r.allow && is_everything(&r);
		if (r.allow || leading)
			continue;
		/* The first of them is no device, but the making of all. */
		for (size_t k = 1; k < ARRAY_SIZE(defaults); k++)
			if (meets(&r, &defaults[k]))
				return false;
		for (size_t k = 0; k < n; k++) {
			const struct rule own = { .types = v[k].type == 'b' ? TYPE_BLOCK : TYPE_CHAR,
						  .major = (uint32_t)v[k].major.v,
						  .minor = (uint32_t)v[k].minor.v };
			if (meets(&r, &own))
				return false;
		}
	}
	return true;
}

/* ---- making it small ---------------------------------------------------------------------------------- */

/* Every device of b is one of a. */
static bool covers(const struct rule *a, const struct rule *b)
{
	return (b->types & ~a->types) == 0 && (a->any_major || (!b->any_major && a->major == b->major)) &&
	       (a->any_minor || (!b->any_minor && a->minor == b->minor));
}

/* Takes away what an earlier rule has decided, and denials at the end, where denial is what happens. */
static size_t rules_reduce(struct rule *v, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		struct rule r = v[i];

		for (size_t k = 0; k < used && r.access; k++)
			if (covers(&v[k], &r))
				r.access &= ~v[k].access;
		if (r.access)
			v[used++] = r;
	}
	while (used > 0 && !v[used - 1].allow)
		used--;
	return used;
}

static int compare(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* Wider before narrower; equal types together, and in them equal majors. */
static int rule_order(const void *x, const void *y)
{
	const struct rule *a = x, *b = y;
	int c = compare(b->types == TYPE_BOTH, a->types == TYPE_BOTH);

	c = c ? c : compare(b->types, a->types);
	c = c ? c : compare(b->any_major, a->any_major);
	c = c ? c : compare(a->major, b->major);
	c = c ? c : compare(b->any_minor, a->any_minor);
	return c ? c : compare(a->minor, b->minor);
}

/* Neighbours with the same verdict may change places: sorts each such run and joins equal devices. */
static size_t rules_merge(struct rule *v, size_t n)
{
	size_t used = 0;

	for (size_t start = 0, end; start < n; start = end) {
		size_t first = used;

		for (end = start; end < n && v[end].allow == v[start].allow;)
			end++;
		qsort(&v[start], end - start, sizeof(*v), rule_order);
		for (size_t i = start; i < end; i++) {
			if (used > first && rule_order(&v[used - 1], &v[i]) == 0)
				v[used - 1].access |= v[i].access;
			else
				v[used++] = v[i];
		}
	}
	return used;
}

/* ---- instructions ------------------------------------------------------------------------------------- */

/*
 * Of the context nothing is needed once it is read. A "miss" is 0 when what has been compared so far is the
 * same; all that is compared has 32 bits, and 64 are computed with where the sign says whether it is 0.
 */
enum { R_MISS, R_CTX, R_TYPE, R_LEFT, R_MAJOR, R_MINOR, R_TYPE_MISS, R_MAJOR_MISS, R_DENIED, R_VERDICT = R_MISS, R_SET = R_CTX };

struct program {
	struct bpf_insn *v;
	size_t n;
};

static void put(struct program *p, unsigned int code, unsigned int dst, unsigned int src, int off, int imm)
{
	struct bpf_insn *i = &p->v[p->n++];

	i->code = (uint8_t)code;
	i->dst_reg = dst & 0xf;
	i->src_reg = src & 0xf;
	i->off = (int16_t)off;
	i->imm = imm;
}

static void put_number(struct program *p, unsigned int op, unsigned int dst, uint32_t imm)
{
	put(p, BPF_ALU | op | BPF_K, dst, 0, 0, (int)imm);
}

static void put_register(struct program *p, unsigned int op, unsigned int dst, unsigned int src)
{
	put(p, BPF_ALU | op | BPF_X, dst, src, 0, 0);
}

/* With the sign: -1 has 64 bits. */
static void put_wide(struct program *p, unsigned int op, unsigned int dst, int imm)
{
	put(p, BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
}

/*
 * What becomes of the accesses that the rule names where it matches, or always (`matched` false). The bit that
 * says so is made a mask by multiplication: of a register that is 0 or -1 newer verifiers follow both cases.
 */
static void put_action(struct program *p, const struct rule *r, bool matched)
{
	uint32_t others = ACCESS_ALL & ~r->access;

	if (matched) {
		/* The sign of what is below 0: for an allowing rule when it missed, for a denying one when not. */
		if (r->allow)
			put_wide(p, BPF_NEG, R_MISS, 0);
		else
			put_wide(p, BPF_ADD, R_MISS, -1);
		put_wide(p, BPF_RSH, R_MISS, 63);
		put_number(p, BPF_MUL, R_MISS, r->access);
	}
	if (r->allow && matched) {
		if (others)
			put_number(p, BPF_OR, R_MISS, others);
		put_register(p, BPF_AND, R_LEFT, R_MISS);
	} else if (r->allow) {
		put_number(p, BPF_AND, R_LEFT, others);
	} else {
		if (!matched)
			put_number(p, BPF_MOV, R_MISS, r->access);
		put_register(p, BPF_AND, R_MISS, R_LEFT);
		put_register(p, BPF_OR, R_DENIED, R_MISS);
	}
}

static bool same_major(const struct rule *a, const struct rule *b)
{
	return a->types == b->types && a->any_major == b->any_major && a->major == b->major;
}

/* How many rules from v[0] on differ in nothing but a minor below 32, and those minors as a set. */
static size_t minor_set(const struct rule *v, size_t n, uint32_t *ret)
{
	size_t i = 0;

	*ret = 0;
	while (i < n && same_major(&v[i], v) && v[i].allow == v->allow && v[i].access == v->access &&
	       !v[i].any_minor && v[i].minor < 32)
		*ret |= 1U << v[i++].minor;
	return i;
}

/* The minors, and what follows when one is met. Returns how many rules that were. */
static size_t put_minors(struct program *p, const struct rule *v, size_t n)
{
	uint32_t set;
	size_t count = minor_set(v, n, &set);
	bool any = v->any_major && v->types == TYPE_BOTH; /* so far */

	if (count > 1) {
		/* The set is shifted by the lowest five bits of the minor, whatever the others are. */
		put_number(p, BPF_MOV, R_SET, set);
		put_register(p, BPF_RSH, R_SET, R_MINOR);
		put_number(p, BPF_AND, R_SET, 1);
		put_number(p, BPF_XOR, R_SET, 1);
		put_register(p, BPF_MOV, R_MISS, R_MINOR);
		put_number(p, BPF_RSH, R_MISS, 5);
		put_register(p, BPF_OR, R_MISS, R_SET);
	} else {
		count = 1;
		if (!v->any_minor) {
			put_register(p, BPF_MOV, R_MISS, R_MINOR);
			put_number(p, BPF_XOR, R_MISS, v->minor);
		} else if (!any) {
			put_register(p, BPF_MOV, R_MISS, R_MAJOR_MISS);
		}
	}
	if (!v->any_minor && !any)
		put_register(p, BPF_OR, R_MISS, R_MAJOR_MISS);
	put_action(p, v, !v->any_minor || !any);
	return count;
}

/* One or more neighbours of the same type and major, which are compared once. Returns how many. */
static size_t put_major(struct program *p, const struct rule *v, size_t n)
{
	size_t i = 0;

	if (v->any_major && v->types != TYPE_BOTH) {
		put_register(p, BPF_MOV, R_MAJOR_MISS, R_TYPE_MISS);
	} else if (!v->any_major) {
		put_register(p, BPF_MOV, R_MAJOR_MISS, R_MAJOR);
		put_number(p, BPF_XOR, R_MAJOR_MISS, v->major);
		if (v->types != TYPE_BOTH)
			put_register(p, BPF_OR, R_MAJOR_MISS, R_TYPE_MISS);
	}
	do
		i += put_minors(p, &v[i], n - i);
	while (i < n && same_major(&v[i], v));
	return i;
}

static void put_rules(struct program *p, const struct rule *v, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t types = v[i].types;

		if (types != TYPE_BOTH) {
			put_register(p, BPF_MOV, R_TYPE_MISS, R_TYPE);
			put_number(p, BPF_XOR, R_TYPE_MISS, types);
		}
		do
			i += put_major(p, &v[i], n - i);
		while (i < n && v[i].types == types);
	}
}

static void put_start(struct program *p)
{
	const int access = offsetof(struct bpf_cgroup_dev_ctx, access_type);

	put(p, BPF_LDX | BPF_MEM | BPF_W, R_LEFT, R_CTX, access, 0);
	put_register(p, BPF_MOV, R_TYPE, R_LEFT);
	put_number(p, BPF_RSH, R_LEFT, 16); /* accesses are the upper half */
	put_number(p, BPF_AND, R_TYPE, 0xffff);
	put(p, BPF_LDX | BPF_MEM | BPF_W, R_MAJOR, R_CTX, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	put(p, BPF_LDX | BPF_MEM | BPF_W, R_MINOR, R_CTX, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	put_number(p, BPF_MOV, R_DENIED, 0);
}

/* 1 when nothing was denied and, unless all that is left is allowed, nothing is left. */
static void put_end(struct program *p, bool final_allow)
{
	put_register(p, BPF_MOV, R_VERDICT, R_DENIED);
	if (!final_allow)
		put_register(p, BPF_OR, R_VERDICT, R_LEFT);
	put_wide(p, BPF_ADD, R_VERDICT, -1);
	put_wide(p, BPF_RSH, R_VERDICT, 63);
	put(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void put_same(struct program *p, bool allow)
{
	put_number(p, BPF_MOV, R_VERDICT, allow);
	put(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

int cgroup_device_compile(struct arena *a, const struct device_rule_list *rules,
			  struct cgroup_device_program *ret, struct err *e)
{
	struct program p = { 0 };
	size_t n = rules ? rules->n : 0;
	bool final_allow;
	struct rule *v;
	int r;

	if (n > RULES_MAX)
		return err_bad(e, "linux.resources.devices has more than %d rules", RULES_MAX);
	v = arena_array(a, n + ARRAY_SIZE(defaults), sizeof(*v));
	if (!v)
		return err_nomem(e);
	r = rules_read(rules, v, &n, e);
	if (r < 0)
		return r;
	n = rules_reduce(v, n);
	n = rules_merge(v, n);
	n = rules_reduce(v, n);
	p.v = arena_array(a, START_AND_END_INSNS + RULE_INSNS * n, sizeof(*p.v));
	if (!p.v)
		return err_nomem(e);
	/* Reduction left nothing behind a rule for everything. */
	final_allow = n > 0 && is_everything(&v[n - 1]);
	n -= final_allow;
	if (n > 0) {
		put_start(&p);
		put_rules(&p, v, n);
		put_end(&p, final_allow);
	} else {
		put_same(&p, final_allow);
	}
	ret->v = p.v;
	ret->n = p.n;
	return 0;
}

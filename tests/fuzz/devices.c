/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the device compiler: bytes -> rules and requests; the program, run by an interpreter of
 * the few instructions it may use, must give the verdict of a plain reading of the rules. The unit test
 * includes this file for the model and the interpreter.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cgroup/cgroup.h"
#include "../../runtime/base/util.h"

/* ---- the plain reading -------------------------------------------------------------------------------- */

struct request {
	uint32_t type;	 /* 1 block, 2 char */
	uint32_t access; /* 1 mknod, 2 read, 4 write; never 0 */
	uint32_t major, minor;
};

static bool model_number(const struct opt_i64 *v, uint32_t x)
{
	return !v->set || v->v == -1 || v->v == (int64_t)x;
}

static bool model_match(const struct device_rule *d, const struct request *q, char letter)
{
	bool type = d->type == 0 || d->type == 'a' || (d->type == 'b') == (q->type == 1);

	return type && model_number(&d->major, q->major) && model_number(&d->minor, q->minor) &&
	       (!d->access || strchr(d->access, letter));
}

static bool model_default(const struct request *q, char letter)
{
	static const uint32_t devs[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 },
					    { 1, 9 }, { 5, 0 }, { 5, 2 }, { 10, 200 } };

	if (letter == 'm')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++)
		if (q->type == 2 && q->major == devs[i][0] && q->minor == devs[i][1])
			return true;
	return q->type == 2 && q->major == 136;
}

/* Denies everything, whatever it says about it. */
static bool model_deny_all(const struct device_rule *d)
{
	return !d->allow && (d->type == 0 || d->type == 'a') && (!d->major.set || d->major.v == -1) &&
	       (!d->minor.set || d->minor.v == -1) &&
	       (!d->access || (strchr(d->access, 'r') && strchr(d->access, 'w') && strchr(d->access, 'm')));
}

static bool model_allowed(const struct device_rule_list *l, const struct request *q)
{
	static const char letters[] = "mrw";
	size_t first = 0;

	while (first < l->n && model_deny_all(&l->v[first]))
		first++;
	for (size_t b = 0; b < 3; b++) {
		bool ok = model_default(q, letters[b]);

		if (!(q->access & 1U << b))
			continue;
		for (size_t i = first; i < l->n; i++)
			if (model_match(&l->v[i], q, letters[b]))
				ok = l->v[i].allow;
		if (!ok)
			return false;
	}
	return true;
}

/* ---- the interpreter ----------------------------------------------------------------------------------- */

static void interpreter_bad(const char *why, size_t at)
{
	printf("# bad program: %s at instruction %zu\n", why, at);
	abort();
}

static uint32_t alu32(const struct bpf_insn *i, uint32_t dst, uint32_t src, size_t at)
{
	switch (BPF_OP(i->code)) {
	case BPF_MOV:
		return src;
	case BPF_AND:
		return dst & src;
	case BPF_OR:
		return dst | src;
	case BPF_XOR:
		return dst ^ src;
	case BPF_RSH:
		return dst >> (src & 31);
	case BPF_MUL:
		return dst * src;
	default:
		interpreter_bad("arithmetic of 32 bits", at);
		return 0;
	}
}

static uint64_t alu64(const struct bpf_insn *i, uint64_t dst, uint64_t src, size_t at)
{
	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		return dst + src;
	case BPF_NEG:
		return 0 - dst;
	case BPF_RSH:
		return dst >> (src & 63);
	default:
		interpreter_bad("arithmetic of 64 bits", at);
		return 0;
	}
}

/* Runs the program, which has no jump; any other instruction is a failure, and one that reads what nothing has set. */
static uint64_t interpret(const struct cgroup_device_program *p, const struct request *q)
{
	const uint32_t ctx[3] = { q->access << 16 | q->type, q->major, q->minor };
	uint64_t reg[11] = { 0 };
	uint32_t set = 1U << 1; /* the context */

	for (size_t at = 0; at < p->n; at++) {
		const struct bpf_insn *i = &p->v[at];
		bool from_register = BPF_SRC(i->code) == BPF_X;
		uint64_t src = from_register ? reg[i->src_reg] : (uint64_t)(int64_t)i->imm;

		if (i->code == (BPF_JMP | BPF_EXIT)) {
			if (!(set & 1))
				interpreter_bad("no verdict", at);
			return reg[0];
		}
		if ((from_register && !(set >> i->src_reg & 1)) ||
		    (BPF_CLASS(i->code) != BPF_LDX && BPF_OP(i->code) != BPF_MOV && !(set >> i->dst_reg & 1)))
			interpreter_bad("register that is not set", at);
		if (i->code == (BPF_LDX | BPF_MEM | BPF_W)) {
			if (i->src_reg != 1 || i->off < 0 || i->off > 8 || i->off % 4)
				interpreter_bad("load", at);
			reg[i->dst_reg] = ctx[i->off / 4];
		} else if (BPF_CLASS(i->code) == BPF_ALU) {
			reg[i->dst_reg] = alu32(i, (uint32_t)reg[i->dst_reg], (uint32_t)src, at);
		} else if (BPF_CLASS(i->code) == BPF_ALU64) {
			reg[i->dst_reg] = alu64(i, reg[i->dst_reg], src, at);
		} else {
			interpreter_bad("class", at);
		}
		set |= 1U << i->dst_reg;
	}
	interpreter_bad("ran off the end", p->n);
	return 0;
}

/* ---- bytes -> rules ------------------------------------------------------------------------------------ */

struct input {
	const uint8_t *p;
	size_t n;
};

static uint32_t take(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* Few values, so that rules meet; with the boundaries of the number space. */
static uint32_t pick_number(uint32_t b)
{
	static const uint32_t v[] = { 0, 1, 3, 5, 7, 10, 136, 200, 255, 4095, 0x7fffffff, 0x80000000, 0xffffffff };

	return v[b % ARRAY_SIZE(v)];
}

static struct opt_i64 pick_optional(uint32_t b)
{
	if (b % 4 == 0)
		return (struct opt_i64){ .set = b % 8 == 0, .v = -1 };
	return (struct opt_i64){ .set = true, .v = pick_number(b / 4) };
}

#define INPUT_RULES_MAX 40

static size_t pick_rules(struct input *in, struct device_rule v[INPUT_RULES_MAX])
{
	static const uint32_t types[] = { 0, 'a', 'b', 'c', 'c', 'b' };
	static const char *const access[] = { NULL, "r", "w", "m", "rw", "rm", "wm", "rwm" };
	size_t n = take(in) % (INPUT_RULES_MAX + 1);

	for (size_t i = 0; i < n; i++) {
		uint32_t b = take(in);

		v[i].allow = b & 1;
		v[i].type = types[(b >> 1) % ARRAY_SIZE(types)];
		v[i].access = access[(b >> 4) % ARRAY_SIZE(access)];
		v[i].major = pick_optional(take(in));
		v[i].minor = pick_optional(take(in));
	}
	return n;
}

/* One input; false (with the request in *bad) when program and model differ. */
static bool devices_agree(struct input *in, struct arena *a, struct request *bad)
{
	struct device_rule rules[INPUT_RULES_MAX] = { 0 };
	struct device_rule_list l = { .v = rules };
	struct cgroup_device_program p;
	struct err e = { 0 };

	l.n = pick_rules(in, rules);
	if (cgroup_device_compile(a, &l, &p, &e) < 0) {
		printf("# %s\n", e.text);
		return false;
	}
	for (int k = 0; k < 200; k++) {
		uint32_t m = k < 169 ? (uint32_t)k % 13 : take(in), n = k < 169 ? (uint32_t)k / 13 : take(in);
		struct request q = { .major = pick_number(m), .minor = pick_number(n) };

		for (q.type = 1; q.type <= 2; q.type++)
			for (q.access = 1; q.access <= 7; q.access++)
				if (interpret(&p, &q) != (model_allowed(&l, &q) ? 1U : 0U)) {
					*bad = q;
					return false;
				}
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct request bad;
	struct arena a;
	struct err e;

	if (arena_init(&a, 1 << 20, &e) < 0)
		return 0;
	if (!devices_agree(&in, &a, &bad))
		abort();
	arena_done(&a);
	return 0;
}

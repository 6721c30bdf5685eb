/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the seccomp compiler: bytes -> a section; its program must answer as a plain reading of the
 * rules for every number that it or libseccomp's program compares with.
 */
#include "../unit/seccomp_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__lsan_default_suppressions(void);

/* libseccomp 2.5.4 loses nodes of its trees where rules of one call meet. */
const char *__lsan_default_suppressions(void)
{
	return "leak:zmalloc\n";
}

/*
 * Conditions of one call in several places. libseccomp 2.5.4 gives wrong answers then, and can use freed
 * memory where it drops rules (_db_tree_prune), without end: it is not asked.
 */
static bool rules_meet(const struct seccomp_conf *c)
{
	static const char *seen[MAX_RULES * 40];
	size_t n = 0;

	for (size_t i = 0; i < c->syscalls.n; i++) {
		const struct seccomp_rule *r = &c->syscalls.v[i];

		for (size_t k = 0; k < r->names.n && r->args.n; k++) {
			for (size_t j = 0; j < n; j++)
				if (str_eq(seen[j], r->names.v[k]))
					return true;
			seen[n++] = r->names.v[k];
		}
		if (r->args.n && seccomp_args_repeat(r))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct arena arena;
	static struct pair p = { .tries = 20 };
	struct chance chance = { .p = data, .n = n, .bytes = true };
	struct section s;
	struct err e;

	if (!arena.base && arena_init(&arena, 0, &e) < 0)
		abort();
	random_section(&s, &arena, &chance);
	p.alone = rules_meet(&s.c);
	if (!same_section(&s, &p)) {
		section_print(&s);
		fflush(stdout);
		abort();
	}
	arena_rewind(&arena, 0);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_TESTS_PLAN_WALK_H
#define CTR_TESTS_PLAN_WALK_H

/* Reads every byte that an unpacked plan refers to, as the steps will: outside of it a sanitizer speaks up. */

#include <string.h>

#include "../../runtime/plan.h"

static inline size_t walk_field(const struct plan_field *f, const void *arg)
{
	const void *member = (const char *)arg + f->offset;
	size_t sum = 0;

	switch (f->kind) {
	case PLAN_BOOL:
		return *(const bool *)member;
	case PLAN_STR: {
		const char *s = *(char *const *)member;
		return s ? strlen(s) : 0;
	}
	case PLAN_STRV: {
		const struct plan_strv *l = member;
		for (uint64_t i = 0; i < l->n; i++)
			sum += strlen(l->v[i]);
		return sum + (l->v && l->v[l->n] != NULL);
	}
	case PLAN_U32S: {
		const struct plan_u32s *l = member;
		for (uint64_t i = 0; i < l->n; i++)
			sum += l->v[i];
		return sum;
	}
	case PLAN_BYTES: {
		const struct plan_bytes *l = member;
		for (uint64_t i = 0; i < l->n; i++)
			sum += l->v[i];
		return sum;
	}
	default:
		return 0;
	}
}

/* Number of steps; *ret_sum only keeps the compiler from leaving the reads out. */
static inline size_t walk_plan(const void *message, size_t *ret_sum)
{
	struct plan_cursor c = { 0 };
	struct step s;
	size_t n = 0;

	for (; plan_next(message, &c, &s); n++)
		for (uint32_t k = 0; k < plan_step_types[s.op].n_fields; k++)
			*ret_sum += walk_field(&plan_step_types[s.op].fields[k], s.arg);
	return n;
}

#endif

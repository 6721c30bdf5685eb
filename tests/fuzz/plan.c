/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the container side's plan reader: any bytes are refused, or every reference of what is taken lies
 * inside. The header is put right first, or nearly nothing would get past it.
 */
#include "../unit/plan_walk.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan_header h;
	struct err e = { 0 };
	size_t sum = 0;
	uint8_t *p = exact_copy(data, size);

	if (size >= sizeof(h)) {
		memcpy(&h, p, sizeof(h));
		h.magic = PLAN_MAGIC;
		h.version = PLAN_VERSION;
		h.size = size;
		h.n_slots %= PLAN_SLOTS_MAX + 1;
		h.n_open = h.n_open > h.n_slots ? h.n_slots : h.n_open;
		memcpy(p, &h, sizeof(h));
	}
	if (plan_unpack(p, size, &e) == 0)
		(void)walk_plan(p, &sum);
	else if (!e.text[0])
		abort();
	free(p);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_RECORD_H
#define CTR_HOST_RECORD_H

#include "ctx.h"
#include "plan_build.h"
#include "store.h"

/* Fills c->state from the plan as "creating" and writes it: the intent, before anything else is made. */
int record_new(struct ctx *ctx, struct container *c, const struct plan *p, struct err *e) MUST_CHECK;
/*
 * The first process is there: what is known of it from now on, and what others are to start from, which nobody needs
 * before. `status` as in the record. Prepared: store_commit() makes it hold.
 */
int record_process(struct ctx *ctx, struct container *c, const struct plan *p, pid_t pid, const char *status, struct err *e)
	MUST_CHECK;
/* Keeps the compiled seccomp program for exec. */
int record_filter(const struct container *c, const struct plan *p, struct err *e) MUST_CHECK;

#endif

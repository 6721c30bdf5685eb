/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_CORE_H
#define CTR_HOST_CORE_H

/*
 * Core scheduling (Documentation/admin-guide/hw-vuln/core-scheduling.rst, Linux 5.14): a cookie that only
 * processes of one container, or of one pod, share; no other runs at the same time on the threads of a core.
 * A cookie is inherited, so it is taken on by the host side around the clone, and given back.
 */

#include <sys/types.h>

#include "base/err.h"
#include "plan_build.h"

/* A process of ours that keeps the cookie that we had. */
struct core_keeper {
	pid_t pid; /* 0: nothing was taken on */
};

/*
 * Takes on what the plan asks for. A machine without simultaneous multithreading has nothing to separate, and
 * the container starts; a kernel without core scheduling is an error.
 */
int core_take(const struct plan_core *c, struct core_keeper *ret, struct err *e) MUST_CHECK;
/* Back to the cookie of before. */
void core_give_back(struct core_keeper *k);

#endif

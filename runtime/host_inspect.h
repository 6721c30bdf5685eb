/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_INSPECT_H
#define CTR_HOST_INSPECT_H

#include <sys/types.h>

#include "base/err.h"
#include "plan_build.h"

/*
 * Post-condition (D20) of a first process that is in all namespaces from its beginning, those excepted that the container
 * side makes or joins, and looks at, itself: each is new, or ours, as planned. -ESRCH: there is nothing to be seen, as
 * of a process that is ending.
 */
int host_inspect(const struct plan *p, pid_t pid, struct err *e) MUST_CHECK;

#endif

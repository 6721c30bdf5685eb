/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_DEBUG_H
#define CTR_DEBUG_H

#include "facts.h"
#include "plan_build.h"
#include "trace.h"

/* The plan's essentials, a line each; nothing where the trace does not talk. */
void debug_plan(const struct plan *p, const struct facts *f, const struct trace *t);

#endif

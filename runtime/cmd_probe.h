/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CMD_PROBE_H
#define CTR_CMD_PROBE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/*
 * ctr probe [--json] [--require NAMES]: the report in `out`; with `require` (names of checks, separated by
 * commas) only when json is asked for too, since a script wants the status. Returns 0, or 1 when a required
 * check is not met (e then says which and what to do), or -errno (-EINVAL: no check of that name).
 */
int cmd_probe_main(bool json, const char *require, struct strbuf *out, struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_SPEC_H
#define CTR_OCI_SPEC_H

/* The template of `ctr spec`: a config.json to start from. */

#include <stdbool.h>
#include <stdint.h>

#include "../runtime/base/str.h"

/*
 * Appends the template, indented, with a newline at the end. `rootless`: for a caller without privilege,
 * in a user namespace whose root is the host's `uid` and `gid` (otherwise unused). Failure shows in `b`.
 */
void spec_print(struct strbuf *b, bool rootless, uint32_t uid, uint32_t gid);

#endif

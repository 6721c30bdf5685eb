/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_FEATURES_H
#define CTR_OCI_FEATURES_H

/* The document of `ctr features` (features.md, features-linux.md), made from the parser's own tables. */

#include <stdint.h>

#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"
#include "../runtime/base/str.h"

/* The specification's versions whose documents are accepted. */
#define OCI_VERSION_MIN "1.0.0"
#define OCI_VERSION_MAX "1.3.0"

/*
 * Appends the document, indented, with a newline at the end. `seccomp_flags`: SECCOMP_FILTER_FLAG_* that
 * this kernel takes, the one member that does not describe the program alone. Uses `a` for its lists.
 * -ENOMEM.
 */
int features_print(struct strbuf *b, struct arena *a, uint32_t seccomp_flags, struct err *e) MUST_CHECK;

#endif

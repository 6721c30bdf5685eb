/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_FEATURES_H
#define CTR_OCI_FEATURES_H

/* The document of `ctr features` (features.md, features-linux.md), made from the parser's own tables. */

#include <stdbool.h>
#include <stdint.h>

#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"
#include "../runtime/base/str.h"

/* The specification's versions whose documents are accepted. */
#define OCI_VERSION_MIN "1.0.0"
#define OCI_VERSION_MAX "1.3.0"

/*
 * What the parser reads and the program does not do yet: announced as such here, and refused as such by
 * the plan builder. One place, so that the two cannot differ.
 */
#define FEATURE_NET_DEVICES true
#define FEATURE_INTEL_RDT true
#define FEATURE_CHECKPOINT true
/* Kinds of isolation in this build, separated by blanks. */
#define FEATURE_ISOLATION "namespaces"

/*
 * Appends the document, indented, with a newline at the end. `seccomp_flags`: SECCOMP_FILTER_FLAG_* that
 * this kernel takes, the one member that does not describe the program alone. Uses `a` for its lists.
 * -ENOMEM.
 */
int features_print(struct strbuf *b, struct arena *a, uint32_t seccomp_flags, struct err *e) MUST_CHECK;

#endif

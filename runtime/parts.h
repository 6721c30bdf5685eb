/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_PARTS_H
#define CTR_PARTS_H

/* The text of many like things, written by as many processes as there are processors. */

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Appends the text of the elements from `from` up to `to` to `out`. It may be called in a process of its own, in which what
 * else it changes is lost, or twice for the same elements.
 */
typedef int parts_fn(size_t from, size_t to, void *arg, struct strbuf *out, struct err *e);

/*
 * The text of n elements in their order: what part(0, n, ...) would append, with the error that it would have where one
 * cannot be written. No process is left when it returns, nor after our end.
 */
int parts_write(size_t n, parts_fn *part, void *arg, struct strbuf *out, struct err *e) MUST_CHECK;

#endif

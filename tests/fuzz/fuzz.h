/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_TESTS_FUZZ_H
#define CTR_TESTS_FUZZ_H

/* What the fuzz targets share: an end that names what did not hold, and input as exact copies. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool ok, const char *what, const char *text)
{
	if (ok)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, text);
	abort();
}

/* An error is one line that says something. */
static inline void must_be_error(const struct err *e)
{
	must(e->code > 0 && e->text[0] && !strchr(e->text, '\n'), "an error that is none", e->text);
}

/* One arena for all inputs, as new for each. */
static inline struct arena *fuzz_arena(void)
{
	static struct arena a;
	struct err e = { 0 };

	if (!a.base && arena_init(&a, 0, &e) < 0)
		abort();
	arena_rewind(&a, 0);
	return &a;
}

/* The input as an allocation of exactly its size: a read beyond it is seen. The caller frees it. */
static inline void *exact_copy(const uint8_t *data, size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		abort();
	if (size)
		memcpy(p, data, size);
	return p;
}

/* The words of the input, ended by `end`, each an allocation of exactly its size: a read beyond it is seen. */
struct words { char *v[64]; size_t n; };

static inline struct words words_of(const uint8_t *data, size_t size, char end)
{
	struct words w = { .n = 0 };

	while (size && w.n < sizeof(w.v) / sizeof(w.v[0]) - 1) {
		const uint8_t *stop = memchr(data, end, size);
		size_t n = stop ? (size_t)(stop - data) : size;
		char *s = malloc(n + 1);
		if (!s)
			abort();
		memcpy(s, data, n);
		s[n] = '\0';
		w.v[w.n++] = s;
		data += stop ? n + 1 : n;
		size -= stop ? n + 1 : n;
	}
	return w;
}

static inline void words_free(const struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
}

#endif

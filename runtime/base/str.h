/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_STR_H
#define CTR_BASE_STR_H

/* Text: strict numbers, lists of strings, a builder with a sticky failure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"

/* A list of strings; v[n] is NULL when the list was made by a str_list function or by the parser. */
struct strv {
	char **v;
	size_t n;
};

/* Appends a copy of `s`; the array ends with NULL, as execve() wants it. Both live in `a`. -ENOMEM. */
int strv_add(struct arena *a, struct strv *list, const char *s) MUST_CHECK;

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * Decimal digits only (one leading '-' for the signed form), nothing before or after, within the range:
 * 0, or -EINVAL / -ERANGE. *ret is untouched on failure.
 */
int str_u64(const char *s, uint64_t max, uint64_t *ret) MUST_CHECK;
int str_i64(const char *s, int64_t min, int64_t max, int64_t *ret) MUST_CHECK;

/* Bytes: a number of them, or of the units of 1024 that k, m, g and t stand for ("64M", "1gb"). 0, -EINVAL, -ERANGE. */
int str_size(const char *s, int64_t *ret) MUST_CHECK;

/*
 * A list of numbers and ranges, "0-3,7" (cpuset(7)): sets their bits in `mask`, of STR_IDS_MAX bits and zeroed by the
 * caller; NULL: only looks. Returns the highest number plus 1, or -EINVAL.
 */
#define STR_IDS_MAX 8192
#define STR_IDS_WORD (8 * sizeof(unsigned long))
int str_ids(const char *s, unsigned long *mask) MUST_CHECK;

/*
 * Text under construction on the heap, or as long as it fits in the array that it started with: STRBUF_ON(array).
 * After a failed allocation it stays empty and `failed` is set.
 */
struct strbuf {
	char *p;
	size_t n, size;
	bool failed, borrowed;
};
#define STRBUF_ON(array) { .p = (array), .size = sizeof(array), .borrowed = true }

void strbuf_add(struct strbuf *b, const char *s, size_t n);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A quoted JSON string; '/' is not escaped (consumers of hook input rely on that). */
void strbuf_json(struct strbuf *b, const char *s);
void strbuf_done(struct strbuf *b);
#define auto_strbuf __attribute__((cleanup(strbuf_done)))

#endif

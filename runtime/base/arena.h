/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_ARENA_H
#define CTR_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/*
 * Memory with one lifetime: a configuration, a plan, a command. One reserved mapping, handed out from
 * the bottom, zeroed, released as a whole. Host side only.
 */
struct arena {
	char *base;
	size_t used, size;
};

/* Reserves `size` bytes of address space (0: the default of 256 MiB); pages appear when touched. */
int arena_init(struct arena *a, size_t size, struct err *e) MUST_CHECK;
void arena_done(struct arena *a);

/* Zeroed, aligned to 16 bytes; NULL when the arena is full. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, alloc_size(2)));
/* n * size with the overflow checked. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* The `old` bytes at `p` with room for n * size: at the same place when nothing was handed out since. */
void *arena_grow(struct arena *a, void *p, size_t old, size_t n, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets everything handed out since `used` was noted; the memory is zeroed again. */
void arena_rewind(struct arena *a, size_t used);

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
/* What a caller says when one of the above gave NULL. */
int err_nomem(struct err *e) __attribute__((cold));
#if defined(__clang_analyzer__) || defined(CTR_ANALYZER)
#define err_nomem(e) (err_nomem(e), -1) /* as in err.h */
#endif

#endif

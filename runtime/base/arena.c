/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: a bump allocator over one lazily filled mapping. Never used on the container side. All memory of the host
 * side whose size an input decides comes from here or from strbuf, so that sums and products are checked here (D17).
 */
#include "arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "util.h"

#define ARENA_DEFAULT ((size_t)256 << 20)

#undef err_nomem
int err_nomem(struct err *e)
{
	return err_set(e, ENOMEM, "out of memory");
}

int arena_init(struct arena *a, size_t size, struct err *e)
{
	if (size == 0)
		size = ARENA_DEFAULT;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "reserve memory");
	*a = (struct arena){ .base = p, .size = size };
	return 0;
}

void arena_done(struct arena *a)
{
	if (a->base)
		(void)munmap(a->base, a->size);
	*a = (struct arena){ 0 };
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t rounded;

	if (__builtin_add_overflow(n, 15, &rounded))
		return NULL;
	rounded &= ~(size_t)15;
	if (!a->base || rounded > a->size - a->used)
		return NULL;
	void *p = a->base + a->used;
	a->used += rounded;
	return p;
}

void arena_rewind(struct arena *a, size_t used)
{
	memset(a->base + used, 0, a->used - used);
	a->used = used;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	return arena_alloc(a, total);
}

void *arena_grow(struct arena *a, void *p, size_t old, size_t n, size_t size)
{
	size_t total, rounded = (old + 15) & ~(size_t)15;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	if ((char *)p + rounded == a->base + a->used && total > rounded)
		return arena_alloc(a, total - rounded) ? p : NULL;
	void *more = arena_alloc(a, total);
	if (more)
		memcpy(more, p, MIN(old, total));
	return more;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	if (n == SIZE_MAX)
		return NULL;
	char *p = arena_alloc(a, n + 1);
	if (p)
		memcpy(p, s, n); /* the arena is zeroed: the terminator is there */
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list twice;

	va_copy(twice, ap);
	int n = vsnprintf(NULL, 0, fmt, twice);
	va_end(twice);
	char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (p)
		(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In place of the arena and around malloc(3): counts every piece of memory that the program asks for, and refuses one of
 * them. Linked with the objects of ctr this is ctr-alloc, for tests/alloc/run.py.
 *
 *	CTR_ALLOC_FILE=PATH	a file of 8 bytes, the counter: it lives on when the program does not
 *	CTR_ALLOC_FAIL=N	the Nth is refused, 1 the first; 0 or nothing: none
 */
#define arena_alloc arena_alloc_real
#define arena_array arena_array_real
#define arena_strndup arena_strndup_real
#define arena_strdup arena_strdup_real
#define arena_printf arena_printf_real
#include "../../runtime/base/arena.c"
#undef arena_alloc
#undef arena_array
#undef arena_strndup
#undef arena_strdup
#undef arena_printf

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static uint64_t *counter, refused;

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("CTR_ALLOC_FILE"), *which = getenv("CTR_ALLOC_FAIL");
	int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;

	for (; which && *which >= '0' && *which <= '9'; which++)
		refused = refused * 10 + (uint64_t)(*which - '0');
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	counter = p == MAP_FAILED ? NULL : p;
	(void)close(fd);
}

static bool fails(void)
{
	return counter && ++*counter == refused;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return fails() ? NULL : arena_alloc_real(a, n);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	return fails() ? NULL : arena_array_real(a, n, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	return fails() ? NULL : arena_strndup_real(a, s, n);
}

char *arena_strdup(struct arena *a, const char *s)
{
	return fails() ? NULL : arena_strdup_real(a, s);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *p = fails() ? NULL : arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? (errno = ENOMEM, NULL) : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? (errno = ENOMEM, NULL) : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? (errno = ENOMEM, NULL) : __real_realloc(p, n);
}

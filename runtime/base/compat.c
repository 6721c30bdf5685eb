/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets libseccomp and yajl, as static archives that a distribution built against glibc, link
 * against musl: the entry points that glibc's fortified headers put into their objects. Each does what
 * its unchecked counterpart does, and keeps the check where the size is known. Empty under glibc.
 */
#include <features.h>

#ifndef __GLIBC__

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t size);
int __snprintf_chk(char *s, size_t n, int flag, size_t size, const char *fmt, ...);
int __sprintf_chk(char *s, int flag, size_t size, const char *fmt, ...);
int __fprintf_chk(FILE *f, int flag, const char *fmt, ...);
int __asprintf_chk(char **ret, int flag, const char *fmt, ...);

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t size)
{
	if (n > size)
		abort();
	return memcpy(dst, src, n);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
int __snprintf_chk(char *s, size_t n, int flag, size_t size, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	if (n > size)
		abort();
	va_start(ap, fmt);
	int r = vsnprintf(s, n, fmt, ap);
	va_end(ap);
	return r;
}

int __sprintf_chk(char *s, int flag, size_t size, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	int r = vsnprintf(s, size, fmt, ap);
	va_end(ap);
	if (r >= 0 && (size_t)r >= size)
		abort();
	return r;
}

int __fprintf_chk(FILE *f, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	int r = vfprintf(f, fmt, ap);
	va_end(ap);
	return r;
}

int __asprintf_chk(char **ret, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	int r = vasprintf(ret, fmt, ap);
	va_end(ap);
	return r;
}
#pragma GCC diagnostic pop

#endif

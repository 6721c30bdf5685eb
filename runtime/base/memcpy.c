/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy() and memmove() in place of musl's on x86_64, for all of the program. Its own copy words with `rep movsq`, which
 * begins after some 30 ns; most of what is copied here are strings, done by then. Empty elsewhere.
 */
#include <features.h>

#if !defined(__GLIBC__) && defined(__x86_64__)

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LONG_COPY 1024 /* from here on the processor's own copying is faster */

/* No compiler may find out that these are copies, and call what they are in. */
#define NOT_A_CALL() __asm__ volatile("" ::: "memory")

static inline uint64_t word_at(const char *s)
{
	uint64_t w;

	__builtin_memcpy(&w, s, sizeof(w));
	return w;
}

static inline void put_word(char *d, uint64_t w)
{
	__builtin_memcpy(d, &w, sizeof(w));
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	const char *s = src;
	char *d = dst;

	if (n >= LONG_COPY) {
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
		return dst;
	}
	/* The last word overlaps the one before it, which is the same twice. */
	uint64_t last = n >= sizeof(last) ? word_at(s + n - sizeof(last)) : 0;
	char *end = d + n - sizeof(last);
	if (n >= sizeof(last)) {
		for (; d < end; d += sizeof(last), s += sizeof(last)) {
			put_word(d, word_at(s));
			NOT_A_CALL();
		}
		put_word(end, last);
		return dst;
	}
	for (; n > 0; n--) {
		*d++ = *s++;
		NOT_A_CALL();
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	const char *s = src;
	char *d = dst;

	if ((uintptr_t)d - (uintptr_t)s >= n && (uintptr_t)s - (uintptr_t)d >= n)
		return memcpy(dst, src, n);
	/* A word is read before it is overwritten, in either direction. */
	if (d < s) {
		for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t), d += sizeof(uint64_t), s += sizeof(uint64_t)) {
			put_word(d, word_at(s));
			NOT_A_CALL();
		}
		for (; n > 0; n--) {
			*d++ = *s++;
			NOT_A_CALL();
		}
		return dst;
	}
	for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
		put_word(d + n - sizeof(uint64_t), word_at(s + n - sizeof(uint64_t)));
		NOT_A_CALL();
	}
	for (; n > 0; n--) {
		d[n - 1] = s[n - 1];
		NOT_A_CALL();
	}
	return dst;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Text helpers of the host side. The number parsers are the only ones in the tree: no strtol elsewhere (D18). */
#include "str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util.h"

int str_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int str_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t u;
	int64_t v;
	int r = str_u64(negative ? s + 1 : s, UINT64_MAX, &u);

	if (r < 0)
		return r;
	if (negative ? u > (uint64_t)INT64_MAX + 1 : u > INT64_MAX)
		return -ERANGE;
	v = negative ? (int64_t)(0 - u) : (int64_t)u;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int str_size(const char *s, int64_t *ret)
{
	static const char units[] = "kmgt";
	char number[24];
	size_t n = strspn(s, "0123456789");
	const char *unit = s[n] ? strchr(units, s[n] | 0x20) : NULL, *rest = s + n + (unit ? 1 : 0);
	const unsigned int shift = unit ? 10 * (unsigned int)(unit - units + 1) : 0;
	uint64_t v;

	if (n >= sizeof(number) || (*rest && ((*rest | 0x20) != 'b' || rest[1])))
		return -EINVAL;
	memcpy(number, s, n);
	number[n] = '\0';
	int r = str_u64(number, (uint64_t)INT64_MAX >> shift, &v);
	if (r == 0)
		*ret = (int64_t)(v << shift);
	return r;
}

/* A number of such a list; the end of it, or NULL. */
static const char *one_id(const char *s, unsigned int *ret)
{
	const char *start = s;

	for (*ret = 0; *s >= '0' && *s <= '9'; s++) {
		*ret = *ret * 10 + (unsigned int)(*s - '0');
		if (*ret >= STR_IDS_MAX)
			return NULL;
	}
	return s == start ? NULL : s;
}

int str_ids(const char *s, unsigned long *mask)
{
	unsigned int from, to, n = 0;

	do {
		s = one_id(s, &from);
		to = from;
		if (s && *s == '-')
			s = one_id(s + 1, &to);
		if (!s || to < from || (*s && *s != ','))
			return -EINVAL;
		for (unsigned int i = from; mask && i <= to; i++)
			mask[i / STR_IDS_WORD] |= 1UL << i % STR_IDS_WORD;
		n = MAX(n, to + 1);
	} while (*s++ == ',');
	return (int)n;
}

int strv_add(struct arena *a, struct strv *list, const char *s)
{
	/* Doubling by powers of two: a new array when n is one. */
	if ((list->n & (list->n - 1)) == 0) {
		char **v = arena_array(a, list->n ? list->n * 2 + 1 : 2, sizeof(*v));
		if (!v)
			return -ENOMEM;
		if (list->n)
			memcpy(v, list->v, list->n * sizeof(*v));
		list->v = v;
	}
	char *copy = arena_strdup(a, s);
	if (!copy)
		return -ENOMEM;
	list->v[list->n++] = copy;
	list->v[list->n] = NULL;
	return 0;
}

static bool strbuf_room(struct strbuf *b, size_t n)
{
	size_t need;

	if (b->failed || __builtin_add_overflow(b->n, n, &need) || __builtin_add_overflow(need, 1, &need))
		goto fail;
	if (need <= b->size)
		return true;
	size_t size = MAX(need, b->size * 2);
	size = MAX(size, (size_t)2000); /* a state in one piece */
	char *p = realloc(b->borrowed ? NULL : b->p, size);
	if (!p)
		goto fail;
	if (b->borrowed)
		memcpy(p, b->p, b->n + 1);
	b->borrowed = false;
	b->p = p;
	b->size = size;
	return true;
fail:
	strbuf_done(b);
	b->failed = true;
	return false;
}

void strbuf_add(struct strbuf *b, const char *s, size_t n)
{
	if (!strbuf_room(b, n))
		return;
	if (n) /* nothing may be NULL, which memcpy() must not be given */
		memcpy(b->p + b->n, s, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	size_t left = b->size - b->n;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(left ? b->p + b->n : NULL, left, fmt, ap);
	va_end(ap);
	/* What had no room is written once more, where there is some. */
	if (n >= 0 && (size_t)n < left) {
		b->n += (size_t)n;
		return;
	}
	if (left)
		b->p[b->n] = '\0';
	if (n < 0 || !strbuf_room(b, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

#define EACH_BYTE(c) (UINT64_MAX / 255 * (c))
/* Eight bytes: the highest bit of some one is set when there is one below `n`, which is at most 128. */
#define ANY_BELOW(w, n) (((w) - EACH_BYTE(n)) & ~(w) & EACH_BYTE(0x80))

/* How many bytes from `s` on stand in JSON as they are. */
static size_t plain_bytes(const char *s, size_t n)
{
	size_t i = 0;
	uint64_t w;

	for (; n - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, s + i, sizeof(w));
		uint64_t quote = w ^ EACH_BYTE('"'), slash = w ^ EACH_BYTE('\\');
		if (ANY_BELOW(w, 0x20) | ANY_BELOW(quote, 1) | ANY_BELOW(slash, 1))
			break;
	}
	while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

void strbuf_json(struct strbuf *b, const char *s)
{
	static const char escapes[] = { ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
					['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };
	size_t n = strlen(s);

	strbuf_add(b, "\"", 1);
	for (;;) {
		size_t plain = plain_bytes(s, n);
		strbuf_add(b, s, plain);
		if (plain == n)
			break;
		unsigned char c = (unsigned char)s[plain];
		if (c < sizeof(escapes) && escapes[c])
			strbuf_add(b, (char[]){ '\\', escapes[c] }, 2);
		else
			strbuf_printf(b, "\\u%04x", c);
		s += plain + 1;
		n -= plain + 1;
	}
	strbuf_add(b, "\"", 1);
}

void strbuf_done(struct strbuf *b)
{
	if (!b->borrowed)
		free(b->p);
	*b = (struct strbuf){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter of the field tables: JSON text to structs. Knows types, never meaning (validate.c). What messages say
 * of a place is in json_where.c, the way back to text in json_print.c.
 *
 * The only file that touches yajl, and only its event interface: events carry string lengths (so a NUL
 * cannot cut a string), numbers arrive as text (never through a double), nothing is stored for unknown
 * members, and nesting costs one frame of a fixed array instead of recursion. What another reader could understand
 * differently, or what costs out of proportion, is refused (D16).
 *
 * A value's position in the text is remembered under its address. Elements move when their array must grow,
 * and their positions with them; nothing below them is open then, so nothing else points at them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "../runtime/base/util.h"
#include "config.h"
#include "json_local.h"

#define SCRATCH_SIZE 8192
#define ROOM_FIRST 4 /* elements that a list begins with; doubled as often as needed */

enum frame_kind { FRAME_OBJECT, FRAME_MAP, FRAME_ARRAY, FRAME_SKIP_OBJECT, FRAME_SKIP_ARRAY };

/* One level of the document that is open. */
struct frame {
	enum frame_kind kind;
	const struct json_obj *type;	/* FRAME_OBJECT */
	const struct json_field *field; /* FRAME_OBJECT: of the next value or NULL; else: the list's */
	char *p;			/* the struct, or the first element */
	struct json_list *list;		/* FRAME_MAP, FRAME_ARRAY: where to leave the result */
	size_t n, room, index;		/* elements stored, with a place, met */
	uint64_t seen, given;		/* FRAME_OBJECT: rows that had a name, that had a value */
	size_t hint;			/* FRAME_OBJECT: the row that likely comes next */
	size_t at;			/* of the opening bracket */
	size_t key_at, key_len;		/* raw text of the last name */
	const char *key;		/* the same, decoded */
	size_t keys;			/* first entry of parser.keys that belongs here */
};

/* A name that no row's bit remembers. */
struct key {
	const char *s;
	size_t len, at;
};

struct parser {
	struct json_doc *doc;
	bool with_spots;
	bool ascii; /* the whole text is */
	int failed; /* -errno: stop, not collectable */
	yajl_handle yajl;
	char *pool; /* all strings, with their NULs: a string's quotes are room for its NUL */
	size_t pool_used;
	const struct json_obj *type;
	void *root;
	struct key *keys;
	size_t nkeys, keys_room;
	unsigned int depth;
	struct frame frames[JSON_DEPTH_MAX];
	size_t scratch_used;
	char scratch[SCRATCH_SIZE] __attribute__((aligned(16)));
};

/* ---- memory of the parser itself -------------------------------------------------------------------- */

/*
 * yajl's buffers and the list of names: in the parser for an ordinary document, on the heap for the rest.
 * Saves mapping and unmapping a few pages per document, about a tenth of the time of a small one.
 */
struct block {
	size_t n;
	char p[] __attribute__((aligned(16)));
};

#ifdef CTR_ANALYZER /* gcc's: what a caller has points into the block, and that is how the block comes back */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static void *scratch_alloc(void *ctx, size_t n)
{
	struct parser *p = ctx;
	size_t total;
	struct block *b;

	if (__builtin_add_overflow(n, sizeof(*b) + 15, &total))
		return NULL;
	total &= ~(size_t)15;
	if (total <= SCRATCH_SIZE - p->scratch_used) {
		b = (void *)(p->scratch + p->scratch_used);
		p->scratch_used += total;
	} else {
		b = malloc(total);
	}
	if (!b)
		return NULL;
	b->n = n;
	return b->p;
}

static struct block *block_of(void *data)
{
	return (void *)((char *)data - offsetof(struct block, p));
}

static void scratch_free(void *ctx, void *data)
{
	const struct parser *p = ctx;
	uintptr_t first = (uintptr_t)p->scratch, here = (uintptr_t)data;

	if (data && (here < first || here >= first + SCRATCH_SIZE))
		free(block_of(data));
}

static void *scratch_realloc(void *ctx, void *data, size_t n)
{
	void *more = scratch_alloc(ctx, n);

	if (more && data) {
		memcpy(more, data, MIN(n, block_of(data)->n));
		scratch_free(ctx, data);
	}
	return more;
}

/* ---- messages --------------------------------------------------------------------------------------- */

/* Path of the value that is being read. */
static void parser_path(const struct parser *p, struct json_path *path)
{
	for (const struct frame *f = p->frames; f < p->frames + p->depth; f++) {
		if (f->kind == FRAME_ARRAY || f->kind == FRAME_SKIP_ARRAY)
			json_path_add(path, "[%zu]", f->index);
		else if (f->kind == FRAME_OBJECT && f->field)
			json_path_member(path, f->field->name);
		else if (f->key_len)
			json_path_key(path, p->doc->text + f->key_at, f->key_len, true);
	}
}

/* The parser's callbacks return this: yajl goes on after 1 and stops after 0. */
static __attribute__((format(printf, 3, 4), cold)) int bad(struct parser *p, size_t at, const char *fmt, ...)
{
	struct json_path path = { 0 };
	va_list ap;

	parser_path(p, &path);
	va_start(ap, fmt);
	json_say(p->doc, at, &path, fmt, ap);
	va_end(ap);
	return p->doc->report != NULL;
}

/* An error after which reading on makes no sense, even where errors are collected. */
static int fatal(struct parser *p, int code)
{
	p->failed = -code;
	return 0;
}

static __attribute__((cold)) int nomem(struct parser *p)
{
	(void)err_nomem(p->doc->e);
	return fatal(p, ENOMEM);
}

/* ---- strings ---------------------------------------------------------------------------------------- */

static size_t offset_now(const struct parser *p)
{
	return MIN(yajl_get_bytes_consumed(p->yajl), p->doc->n);
}

/*
 * Offset of the opening quote of the string that was just read. Without escapes yajl hands out a pointer
 * into the text; with them, the quote is found from the end: only escaped quotes stand before it.
 */
static size_t string_start(const struct parser *p, const char *s, bool *ret_raw)
{
	const char *text = p->doc->text;
	uintptr_t first = (uintptr_t)text, here = (uintptr_t)s;

	*ret_raw = here > first && here <= first + p->doc->n;
	if (*ret_raw)
		return here - first - 1;

	size_t at = offset_now(p) - 1; /* the closing quote */
	while (at > 0) {
		if (text[--at] != '"')
			continue;
		size_t slashes = 0;
		while (slashes < at && text[at - 1 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			break;
	}
	return at;
}

static bool is_ascii(const char *s, size_t n)
{
	uint64_t word, all = 0;

	for (; n >= sizeof(word); s += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		all |= word;
	}
	for (; n > 0; n--)
		all |= (unsigned char)*s++;
	return !(all & 0x8080808080808080u);
}

static bool utf8_valid(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;

	while (p < end) {
		if (*p < 0x80) {
			p++;
			continue;
		}
		/* Range of the second byte: no overlong form, no surrogate, nothing above 10ffff. */
		unsigned char c = *p, low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
		int more = c < 0xc2 || c > 0xf4 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		if (!more || end - p <= more || p[1] < low || p[1] > high)
			return false;
		for (int i = 2; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += more + 1;
	}
	return true;
}

static unsigned int hex4(const char *s)
{
	unsigned int v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned int c = (unsigned char)s[i];
		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* Raw text between the quotes; yajl has checked its escapes, and replaces a lone surrogate silently. */
static bool surrogates_paired(const char *s, size_t n)
{
	for (size_t i = 0; i + 6 <= n; i++) {
		if (s[i] != '\\')
			continue;
		if (s[++i] != 'u')
			continue;
		unsigned int v = hex4(s + i + 1) & 0xfc00;
		i += 4;
		if (v == 0xdc00)
			return false;
		if (v != 0xd800)
			continue;
		if (i + 6 >= n || s[i + 1] != '\\' || s[i + 2] != 'u' || (hex4(s + i + 3) & 0xfc00) != 0xdc00)
			return false;
		i += 6;
	}
	return true;
}

/* NULL when the string is fine. Only an escape can make a NUL or a surrogate, and in a text of ASCII what is not. */
static const char *string_fault(const struct parser *p, const char *s, size_t len, size_t at, bool raw)
{
	if (!raw && memchr(s, 0, len))
		return "must not contain a NUL character";
	if (!raw && !surrogates_paired(p->doc->text + at + 1, offset_now(p) - at - 2))
		return "contains half of a surrogate pair";
	if (!p->ascii && !utf8_valid(s, len))
		return "is not valid UTF-8";
	return NULL;
}

static char *pool_add(struct parser *p, const char *s, size_t len)
{
	char *ret = p->pool + p->pool_used;

	memcpy(ret, s, len); /* the arena is zeroed: the NUL is there */
	p->pool_used += len + 1;
	return ret;
}

/* ---- where values go -------------------------------------------------------------------------------- */

/* The place of the next value. f is NULL when the value is to be skipped. */
struct slot {
	const struct json_field *f;
	char *p;
	enum json_shape shape;
};

static struct frame *top(struct parser *p)
{
	return &p->frames[p->depth - 1];
}

/* An array moves: positions noted since its list was opened, which is the first of them. */
static void spots_move(struct parser *p, const struct frame *f, const char *to)
{
	const char *end = f->p + f->n * f->field->item_size;

	for (struct json_spots *s = p->doc->spots; s; s = s->next)
		for (size_t i = s->n; i-- > 0;) {
			const char *addr = s->v[i].addr;
			if (addr == (const char *)f->list && s->v[i].at == f->at)
				return;
			if (addr >= f->p && addr < end)
				s->v[i].addr = to + (addr - f->p);
		}
}

/* A place for one more element. There is always one more: lists of strings end in NULL. */
static bool list_grow(struct parser *p, struct frame *f)
{
	size_t size = f->field->item_size, room = f->room * 2;
	char *v = arena_grow(p->doc->arena, f->p, (f->room + 1) * size, room + 1, size);

	if (!v)
		return nomem(p);
	if (v != f->p)
		spots_move(p, f, v);
	f->list->v = f->p = v;
	f->room = room;
	return true;
}

static struct slot slot_next(struct parser *p)
{
	if (p->depth == 0)
		return (struct slot){ 0 };
	struct frame *f = top(p);
	const struct json_field *row = f->field;
	switch (f->kind) {
	case FRAME_OBJECT:
		if (row)
			return (struct slot){ row, f->p + row->offset, row->shape };
		break;
	case FRAME_ARRAY:
	case FRAME_MAP: /* an array's row has 0 for the offset of the value */
		if (f->n < f->room || list_grow(p, f))
			return (struct slot){ row, f->p + f->n * row->item_size + row->value, JSON_ONE };
		break; /* the end of the list ends the parse */
	case FRAME_SKIP_OBJECT:
	case FRAME_SKIP_ARRAY:
		break;
	}
	return (struct slot){ 0 };
}

/* The value in the slot is there (for a list's element: counts). */
static void slot_taken(struct parser *p)
{
	struct frame *f = top(p);

	if (f->kind == FRAME_OBJECT) {
		f->given |= (uint64_t)1 << (f->field - f->type->fields);
		return;
	}
	if (f->kind == FRAME_MAP) {
		const char **key = (const char **)(void *)(f->p + f->n * f->field->item_size);
		*key = f->key;
	}
	f->n++;
}

/* A value ends, whatever became of it. */
static void value_done(struct parser *p)
{
	if (p->depth > 0)
		top(p)->index++;
}

static int spot_add(struct parser *p, const void *addr, size_t at)
{
	struct json_spots *s = p->doc->spots;

	if (!p->with_spots)
		return 1;
	if (!s || s->n == JSON_SPOTS) {
		struct json_spots *more = arena_new(p->doc->arena, struct json_spots);
		if (!more)
			return nomem(p);
		more->next = s;
		p->doc->spots = s = more;
	}
	s->v[s->n++] = (struct json_spot){ addr, at };
	return 1;
}

/* ---- scalars ---------------------------------------------------------------------------------------- */

static const char *wanted(const struct slot *s)
{
	if (s->shape != JSON_ONE)
		return s->shape == JSON_ARRAY ? "an array" : "an object";
	switch ((enum json_kind)s->f->kind) {
	case JSON_STR:
	case JSON_ENUM:
	case JSON_OPT_ENUM:
		return "a string";
	case JSON_BOOL:
	case JSON_OPT_BOOL:
	case JSON_PRESENT:
		return "true or false";
	case JSON_STRUCT:
	case JSON_POINTER:
		return "an object";
	default:
		return "an integer";
	}
}

/* The value in the slot is wrong; it is left out where errors are collected. */
static int slot_bad_type(struct parser *p, const struct slot *s, size_t at, const char *got)
{
	if (top(p)->kind == FRAME_OBJECT)
		slot_taken(p); /* one error is enough: not missing too */
	return bad(p, at, "must be %s, not %s", wanted(s), got);
}

static bool slot_is(const struct slot *s, enum json_kind a, enum json_kind b)
{
	return s->shape == JSON_ONE && (s->f->kind == a || s->f->kind == b);
}

static int on_null(void *ctx)
{
	struct parser *p = ctx;
	struct slot s = slot_next(p);
	int r = 1;

	if (p->depth == 0)
		r = bad(p, offset_now(p) - 4, "must be an object, not null");
	else if (s.f && top(p)->kind != FRAME_OBJECT)
		r = slot_bad_type(p, &s, offset_now(p) - 4, "null");
	value_done(p);
	return r;
}

static int on_boolean(void *ctx, int value)
{
	struct parser *p = ctx;
	struct slot s = slot_next(p);
	size_t at = offset_now(p) - (value ? 4 : 5);
	int r = 1;

	if (p->depth == 0)
		return bad(p, at, "must be an object, not a boolean");
	if (s.f && slot_is(&s, JSON_BOOL, JSON_PRESENT)) {
		*(bool *)(void *)s.p = s.f->kind == JSON_PRESENT || value;
		r = spot_add(p, s.p, at);
		slot_taken(p);
	} else if (s.f && slot_is(&s, JSON_OPT_BOOL, JSON_OPT_BOOL)) {
		*(struct opt_bool *)(void *)s.p = (struct opt_bool){ true, value };
		r = spot_add(p, s.p, at);
		slot_taken(p);
	} else if (s.f) {
		r = slot_bad_type(p, &s, at, "a boolean");
	}
	value_done(p);
	return r;
}

static const struct int_range {
	bool is_signed;
	int64_t min;
	uint64_t max;
} int_ranges[] = {
	[JSON_I32] = { true, INT32_MIN, INT32_MAX },
	[JSON_I64] = { true, INT64_MIN, INT64_MAX },
	[JSON_U16] = { false, 0, UINT16_MAX },
	[JSON_U32] = { false, 0, UINT32_MAX },
	[JSON_U64] = { false, 0, UINT64_MAX },
	[JSON_OPT_I32] = { true, INT32_MIN, INT32_MAX },
	[JSON_OPT_I64] = { true, INT64_MIN, INT64_MAX },
	[JSON_OPT_U16] = { false, 0, UINT16_MAX },
	[JSON_OPT_U32] = { false, 0, UINT32_MAX },
	[JSON_OPT_U64] = { false, 0, UINT64_MAX },
};

static const struct int_range *slot_int(const struct slot *s)
{
	if (s->shape != JSON_ONE || s->f->kind >= ARRAY_SIZE(int_ranges) || int_ranges[s->f->kind].max == 0)
		return NULL;
	return &int_ranges[s->f->kind];
}

static void int_store(const struct slot *s, int64_t i, uint64_t u)
{
	void *p = s->p;

	switch ((enum json_kind)s->f->kind) {
	case JSON_I32: *(int32_t *)p = (int32_t)i; break;
	case JSON_I64: *(int64_t *)p = i; break;
	case JSON_U16: *(uint16_t *)p = (uint16_t)u; break;
	case JSON_U32: *(uint32_t *)p = (uint32_t)u; break;
	case JSON_U64: *(uint64_t *)p = u; break;
	case JSON_OPT_I32: *(struct opt_i32 *)p = (struct opt_i32){ true, (int32_t)i }; break;
	case JSON_OPT_I64: *(struct opt_i64 *)p = (struct opt_i64){ true, i }; break;
	case JSON_OPT_U16: *(struct opt_u16 *)p = (struct opt_u16){ true, (uint16_t)u }; break;
	case JSON_OPT_U32: *(struct opt_u32 *)p = (struct opt_u32){ true, (uint32_t)u }; break;
	case JSON_OPT_U64: *(struct opt_u64 *)p = (struct opt_u64){ true, u }; break;
	default: break;
	}
}

/* The number's text, never its double: 2^64-1 is a value that configurations use. */
static int number_read(struct parser *p, const struct slot *s, const struct int_range *range,
		       const char *text, size_t len, size_t at)
{
	char digits[24];
	int64_t i = 0;
	uint64_t u = 0;
	int r = -ERANGE;

	for (size_t k = 0; k < len; k++)
		if (text[k] == '.' || text[k] == 'e' || text[k] == 'E') {
			slot_taken(p);
			return bad(p, at, "must be an integer, without fraction or exponent");
		}
	if (len < sizeof(digits)) {
		memcpy(digits, text, len);
		digits[len] = '\0';
		r = range->is_signed ? str_i64(digits, range->min, (int64_t)range->max, &i) :
				       str_u64(digits, range->max, &u);
	}
	slot_taken(p);
	if (r < 0)
		return bad(p, at, "must be between %" PRId64 " and %" PRIu64, range->min, range->max);
	int_store(s, i, u);
	return spot_add(p, s->p, at);
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct parser *p = ctx;
	struct slot s = slot_next(p);
	size_t now = offset_now(p), at = now > len ? now - len : 0;
	const struct int_range *range = s.f ? slot_int(&s) : NULL;
	int r = 1;

	if (p->depth == 0)
		return bad(p, at, "must be an object, not a number");
	if (range) {
		r = number_read(p, &s, range, text, len, at);
	} else if (s.f && slot_is(&s, JSON_PRESENT, JSON_PRESENT)) {
		*(bool *)(void *)s.p = true;
		slot_taken(p);
	} else if (s.f) {
		r = slot_bad_type(p, &s, at, "a number");
	}
	value_done(p);
	return r;
}

static int enum_store(struct parser *p, const struct slot *s, const char *text, size_t len, size_t at)
{
	const struct name_table *t = s->f->sub;
	char buf[JSON_QUOTE_SIZE];

	slot_taken(p);
	for (size_t i = 0; i < t->n; i++) {
		if (strncmp(t->v[i].name, text, len) != 0 || t->v[i].name[len] != '\0')
			continue;
		if (s->f->kind == JSON_ENUM)
			*(uint32_t *)(void *)s->p = t->v[i].value;
		else
			*(struct opt_u32 *)(void *)s->p = (struct opt_u32){ true, t->v[i].value };
		return spot_add(p, s->p, at);
	}
	return bad(p, at, "unknown %s \"%s\"", t->what, json_quote(buf, text, len, false));
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct parser *p = ctx;
	struct slot s = slot_next(p);
	const char *str = (const char *)text;
	bool raw;
	size_t at = string_start(p, str, &raw);
	const char *fault = string_fault(p, str, len, at, raw);
	int r = 1;

	if (p->depth == 0)
		return bad(p, at, "must be an object, not a string");
	if (fault) {
		if (s.f && top(p)->kind == FRAME_OBJECT)
			slot_taken(p);
		r = bad(p, at, "%s", fault);
	} else if (!s.f) {
		;
	} else if (slot_is(&s, JSON_PRESENT, JSON_PRESENT)) {
		*(bool *)(void *)s.p = true;
		slot_taken(p);
	} else if (!slot_is(&s, JSON_STR, JSON_STR) && !slot_is(&s, JSON_ENUM, JSON_OPT_ENUM)) {
		r = slot_bad_type(p, &s, at, "a string");
	} else if (len == 0 && top(p)->kind == FRAME_OBJECT && !(s.f->flags & (JSON_REQUIRED | JSON_EMPTY))) {
		; /* "" is how Go programs write an absent string */
	} else if (s.f->kind != JSON_STR) {
		r = enum_store(p, &s, str, len, at);
	} else {
		*(const char **)(void *)s.p = pool_add(p, str, len);
		r = spot_add(p, s.p, at);
		slot_taken(p);
	}
	value_done(p);
	return r;
}

/* ---- objects and arrays ----------------------------------------------------------------------------- */

static struct frame *push(struct parser *p, enum frame_kind kind, size_t at)
{
	struct frame *f = &p->frames[p->depth++];

	*f = (struct frame){ .kind = kind, .at = at, .keys = p->nkeys };
	return f;
}

static int push_skip(struct parser *p, bool array, size_t at)
{
	push(p, array ? FRAME_SKIP_ARRAY : FRAME_SKIP_OBJECT, at);
	return 1;
}

static int push_list(struct parser *p, const struct slot *s, size_t at)
{
	void *v = arena_array(p->doc->arena, ROOM_FIRST + 1, s->f->item_size);
	struct json_list *list = (void *)s->p;

	if (!v)
		return nomem(p);
	list->v = v;
	if (!spot_add(p, list, at))
		return 0;
	slot_taken(p);
	struct frame *f = push(p, s->shape == JSON_ARRAY ? FRAME_ARRAY : FRAME_MAP, at);
	f->field = s->f;
	f->p = v;
	f->list = list;
	f->room = ROOM_FIRST;
	return 1;
}

static int push_object(struct parser *p, const struct json_obj *type, void *obj, size_t at)
{
	if (!spot_add(p, obj, at))
		return 0;
	struct frame *f = push(p, FRAME_OBJECT, at);
	f->type = type;
	f->p = obj;
	return 1;
}

static int open_root(struct parser *p, bool array, size_t at)
{
	if (array) {
		(void)bad(p, at, "must be an object, not an array");
		return push_skip(p, array, at);
	}
	p->root = arena_alloc(p->doc->arena, p->type->size);
	if (!p->root)
		return nomem(p);
	return push_object(p, p->type, p->root, at);
}

static int open_value(struct parser *p, bool array)
{
	size_t at = offset_now(p) - 1;
	struct slot s = slot_next(p);

	if (p->depth == JSON_DEPTH_MAX) {
		(void)bad(p, at, "more than %d levels of nesting", JSON_DEPTH_MAX);
		return fatal(p, EINVAL);
	}
	if (p->depth == 0)
		return open_root(p, array, at);
	if (!s.f)
		return push_skip(p, array, at);
	if (slot_is(&s, JSON_PRESENT, JSON_PRESENT)) {
		*(bool *)(void *)s.p = true;
		slot_taken(p);
		return push_skip(p, array, at);
	}
	if (s.shape == (array ? JSON_ARRAY : JSON_MAP))
		return push_list(p, &s, at);
	if (array || !slot_is(&s, JSON_STRUCT, JSON_POINTER)) {
		if (!slot_bad_type(p, &s, at, array ? "an array" : "an object"))
			return 0;
		return push_skip(p, array, at);
	}

	const struct json_obj *type = s.f->sub;
	void *obj = s.p;
	if (s.f->kind == JSON_POINTER) {
		obj = arena_alloc(p->doc->arena, type->size);
		if (!obj)
			return nomem(p);
		*(void **)(void *)s.p = obj;
	}
	slot_taken(p);
	return push_object(p, type, obj, at);
}

static int on_start_map(void *ctx)
{
	return open_value(ctx, false);
}

static int on_start_array(void *ctx)
{
	return open_value(ctx, true);
}

/* Remembers a name that has no row, to find a second one at the end of its object. */
static int key_add(struct parser *p, const char *s, size_t len, size_t at)
{
	if (p->nkeys == p->keys_room) {
		size_t room = p->keys_room ? p->keys_room * 2 : 64;
		struct key *more = scratch_realloc(p, p->keys, room * sizeof(*more));
		if (!more)
			return nomem(p);
		p->keys = more;
		p->keys_room = room;
	}
	p->keys[p->nkeys++] = (struct key){ s, len, at };
	return 1;
}

static bool field_named(const struct json_field *f, const char *s, size_t len)
{
	if (f->name_len != len)
		return false;
	if (memcmp(f->name, s, len) == 0)
		return true;
	if (!(f->flags & JSON_LOWER))
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = f->name[i];
		if (s[i] != (c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c))
			return false;
	}
	return true;
}

/* Documents list members in much the same order as the tables: look from where the last one was. */
static const struct json_field *field_find(struct frame *f, const char *s, size_t len)
{
	size_t n = f->type->n;

	for (size_t i = 0, at = f->hint; i < n; i++, at++) {
		if (at >= n)
			at = 0;
		if (field_named(&f->type->fields[at], s, len)) {
			f->hint = at + 1;
			return &f->type->fields[at];
		}
	}
	return NULL;
}

static int on_map_key(void *ctx, const unsigned char *text, size_t len)
{
	struct parser *p = ctx;
	struct frame *f = top(p);
	const char *str = (const char *)text;
	bool raw;
	size_t at = string_start(p, str, &raw);

	f->key_at = at + 1;
	f->key_len = offset_now(p) - at - 2;
	if (f->kind == FRAME_OBJECT) {
		f->field = field_find(f, str, len);
		if (f->field) {
			uint64_t bit = (uint64_t)1 << (f->field - f->type->fields);
			bool twice = f->seen & bit;
			f->seen |= bit;
			if (!twice)
				return 1;
			int r = bad(p, at, "given twice");
			f->field = NULL;
			return r;
		}
	}
	const char *fault = string_fault(p, str, len, at, raw);
	f->key = "";
	if (fault)
		return bad(p, at, "the name %s", fault);
	f->key = pool_add(p, str, len);
	if (f->kind == FRAME_OBJECT && f->type->strict) {
		int r = bad(p, at, "no such member");
		if (!r)
			return r;
	}
	return key_add(p, f->key, len, at);
}

static int key_cmp(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int r = memcmp(x->s, y->s, MIN(x->len, y->len));

	if (r)
		return r;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->at < y->at ? -1 : 1; /* same name: in the document's order */
}

/* Bytes up to the closing quote of a string that yajl has accepted. */
static size_t raw_len(const char *s)
{
	size_t n = 0;

	while (s[n] != '"')
		n += s[n] == '\\' ? 2 : 1;
	return n;
}

/* As most programs write them. */
static bool keys_ascend(const struct key *keys, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (key_cmp(&keys[i - 1], &keys[i]) > 0)
			return false;
	return true;
}

/* Sorting keeps this at n log n whatever the names are; a hash would need a secret. */
static int check_keys(struct parser *p, struct frame *f)
{
	size_t n = p->nkeys - f->keys;

	p->nkeys = f->keys;
	if (n < 2)
		return 1;
	struct key *keys = p->keys + f->keys;
	if (!keys_ascend(keys, n))
		qsort(keys, n, sizeof(*keys), key_cmp);
	for (size_t i = 1; i < n; i++) {
		if (keys[i].len != keys[i - 1].len || memcmp(keys[i].s, keys[i - 1].s, keys[i].len) != 0)
			continue;
		f->field = f->kind == FRAME_OBJECT ? NULL : f->field;
		f->key_at = keys[i].at + 1;
		f->key_len = raw_len(p->doc->text + f->key_at);
		if (!bad(p, keys[i].at, "given twice"))
			return 0;
	}
	return 1;
}

static int check_required(struct parser *p, const struct frame *f)
{
	for (size_t i = 0; i < f->type->n; i++) {
		const struct json_field *row = &f->type->fields[i];
		if (!(row->flags & JSON_REQUIRED) || (f->given & (uint64_t)1 << i))
			continue;
		top(p)->field = row;
		if (!bad(p, f->at, "is missing"))
			return 0;
	}
	return 1;
}

static int close_value(struct parser *p)
{
	struct frame *f = top(p);

	if (p->failed)
		return 0;
	if (f->list)
		f->list->n = f->n;
	p->depth--;
	value_done(p);
	return 1;
}

static int on_end_map(void *ctx)
{
	struct parser *p = ctx;
	struct frame *f = top(p);

	if (!check_keys(p, f))
		return 0;
	if (f->kind == FRAME_OBJECT && !check_required(p, f))
		return 0;
	return close_value(p);
}

static int on_end_array(void *ctx)
{
	return close_value(ctx);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_map_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* ---- the whole document ----------------------------------------------------------------------------- */

/* `at`: how far yajl came. */
static __attribute__((cold)) void bad_syntax(struct parser *p, size_t at)
{
	unsigned char *why = yajl_get_error(p->yajl, 0, NULL, 0);
	size_t n = why ? strcspn((const char *)why, ".\n") : 0;

	p->depth = 0; /* no path: the text is wrong, not a member */
	p->root = NULL;
	(void)bad(p, at > 0 ? at - 1 : 0, "not JSON: %.*s", (int)n, why ? (const char *)why : "");
	if (why)
		yajl_free_error(p->yajl, why);
}

static int parser_run(struct parser *p)
{
	/* cppcheck-suppress ctuuninitvar ; set member by member, because zeroing the pools would cost pages */
	struct json_doc *d = p->doc;
	yajl_alloc_funcs memory = { scratch_alloc, scratch_realloc, scratch_free, p };
	yajl_status status;

	p->ascii = is_ascii(d->text, d->n);
	p->pool = arena_alloc(d->arena, d->n + 1);
	p->yajl = yajl_alloc(&callbacks, &memory, p);
	if (!p->pool || !p->yajl) {
		(void)nomem(p);
		goto out;
	}
	/* Our own check is stricter: yajl lets overlong forms and surrogates pass. */
	(void)yajl_config(p->yajl, yajl_dont_validate_strings, 1);
	status = yajl_parse(p->yajl, (const unsigned char *)d->text, d->n);
	size_t at = offset_now(p);
	if (status == yajl_status_ok) {
		status = yajl_complete_parse(p->yajl);
		at = d->n + 1; /* the end is what is wrong */
	}
	if (status == yajl_status_error)
		bad_syntax(p, at);
out:
	if (p->yajl)
		yajl_free(p->yajl);
	scratch_free(p, p->keys);
	if (p->failed)
		return p->failed;
	return d->errors && !d->report ? -EINVAL : 0;
}

int json_parse(struct json_doc *doc, struct arena *a, const struct json_obj *type, const char *origin,
	       const char *text, size_t n, void **ret, struct err *e)
{
	struct json_doc own = { 0 };
	struct parser p;

	if (n > JSON_SIZE_MAX)
		return err_set(e, EFBIG, "%s: larger than %zu bytes", origin, JSON_SIZE_MAX);
	p.doc = doc ? doc : &own;
	p.with_spots = doc != NULL;
	p.doc->arena = a;
	p.doc->type = type;
	p.doc->root = NULL;
	p.doc->origin = origin;
	p.doc->text = text ? text : "";
	p.doc->n = n;
	p.doc->spots = NULL;
	p.doc->errors = 0;
	p.doc->e = e;
	p.failed = 0;
	p.yajl = NULL;
	p.pool_used = 0;
	p.type = type;
	p.root = NULL;
	p.keys = NULL;
	p.nkeys = p.keys_room = 0;
	p.depth = 0;
	p.scratch_used = 0;

	int r = parser_run(&p);
	if (r == -EINVAL && p.doc->report)
		p.root = NULL; /* reported already */
	else if (r < 0)
		return r;
	p.doc->root = p.root;
	*ret = p.root;
	return 0;
}

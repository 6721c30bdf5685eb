/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message says of a place in a document: line and column in its text, and the path of the value, while the text
 * is read and for a value of the struct that was made of it. Never decides what is wrong (json.c, validate.c).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../runtime/base/util.h"
#include "config.h"
#include "json_local.h"

/* ---- messages --------------------------------------------------------------------------------------- */

void json_path_add(struct json_path *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = vsnprintf(path->text + path->n, sizeof(path->text) - path->n, fmt, ap);
	va_end(ap);
	if (r > 0)
		path->n = MIN(path->n + (size_t)r, sizeof(path->text) - 1);
}

void json_path_member(struct json_path *path, const char *name)
{
	json_path_add(path, "%s%s", path->n ? "." : "", name);
}

const char *json_quote(char buf[JSON_QUOTE_SIZE], const char *s, size_t len, bool raw)
{
	char *p = buf;
	size_t n = MIN(len, (size_t)JSON_WORD_MAX);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 || c >= 0x7f || (!raw && (c == '"' || c == '\\')))
			p += snprintf(p, 5, "\\x%02x", c);
		else
			*p++ = (char)c;
	}
	memcpy(p, n < len ? "..." : "", n < len ? 4 : 1);
	return buf;
}

void json_path_key(struct json_path *path, const char *key, size_t len, bool raw)
{
	char buf[JSON_QUOTE_SIZE];

	json_path_add(path, "[\"%s\"]", json_quote(buf, key, len, raw));
}

void json_say(struct json_doc *d, size_t at, const struct json_path *path, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX], line[ERR_TEXT_MAX];
	size_t row = 1, start = 0;

	d->errors++;
	if (d->report ? d->errors > JSON_ERRORS_MAX : d->errors > 1)
		return;
	at = MIN(at, d->n);
	for (const char *p = d->text; (p = memchr(p, '\n', at - (size_t)(p - d->text))); p++) {
		row++;
		start = (size_t)(p - d->text) + 1;
	}
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (snprintf(line, sizeof(line), "%s:%zu:%zu: %s%s%s", d->origin, row, at - start + 1, path->text,
		     path->n ? ": " : "", text) < 0)
		return;
	if (d->report)
		d->report(d->arg, line);
	else
		(void)err_bad(d->e, "%s", line);
}

/* ---- positions after the parse ---------------------------------------------------------------------- */

/* A search through the struct for an address: the path to it, and what is known to be in the text. */
struct finder {
	const char *addr;
	bool object;	   /* the struct itself is meant, not its first member */
	const void *found; /* address that the parser knew the value by */
	const void *owner; /* the object that it belongs to */
	struct json_path path;
};

static const size_t kind_sizes[] = {
	[JSON_STR] = sizeof(char *),
	[JSON_BOOL] = sizeof(bool),
	[JSON_I32] = 4,
	[JSON_I64] = 8,
	[JSON_U16] = 2,
	[JSON_U32] = 4,
	[JSON_U64] = 8,
	[JSON_OPT_BOOL] = sizeof(struct opt_bool),
	[JSON_OPT_I32] = sizeof(struct opt_i32),
	[JSON_OPT_I64] = sizeof(struct opt_i64),
	[JSON_OPT_U16] = sizeof(struct opt_u16),
	[JSON_OPT_U32] = sizeof(struct opt_u32),
	[JSON_OPT_U64] = sizeof(struct opt_u64),
	[JSON_PRESENT] = sizeof(bool),
	[JSON_ENUM] = 4,
	[JSON_OPT_ENUM] = sizeof(struct opt_u32),
	[JSON_POINTER] = sizeof(void *),
};

static bool find_in_object(struct finder *w, const struct json_obj *type, const char *obj);

static bool inside(const struct finder *w, const char *start, size_t size)
{
	return w->addr >= start && w->addr < start + size;
}

static bool find_hit(struct finder *w, const void *found, const void *owner)
{
	w->found = found;
	w->owner = owner;
	return true;
}

static bool find_in_list(struct finder *w, const struct json_field *f, const char *member, const char *obj)
{
	const struct json_list *list = (const void *)member;
	size_t n = w->path.n;

	if (inside(w, member, sizeof(*list)))
		return find_hit(w, member, obj);
	for (size_t i = 0; i < list->n; i++) {
		const char *item = (const char *)list->v + i * f->item_size;
		const char *value = item;
		if (f->shape == JSON_MAP) {
			const char *key = *(const char *const *)(const void *)item;
			value = item + f->value;
			json_path_key(&w->path, key, strlen(key), false);
		} else {
			json_path_add(&w->path, "[%zu]", i);
		}
		if (f->kind == JSON_STRUCT ? find_in_object(w, f->sub, value) : inside(w, item, f->item_size))
			return f->kind == JSON_STRUCT ? true : find_hit(w, value, obj);
		if (inside(w, item, f->item_size)) /* the key of an entry of objects */
			return find_hit(w, value, value);
		w->path.n = n;
		w->path.text[n] = '\0';
	}
	return false;
}

static bool find_in_field(struct finder *w, const struct json_field *f, const char *obj)
{
	const char *member = obj + f->offset;

	if (f->shape != JSON_ONE)
		return find_in_list(w, f, member, obj);
	if (f->kind == JSON_STRUCT)
		return find_in_object(w, f->sub, member);
	if (inside(w, member, kind_sizes[f->kind])) {
		const void *pointee = f->kind == JSON_POINTER ? *(void *const *)(const void *)member : NULL;
		w->object = w->object || pointee;
		return find_hit(w, pointee ? pointee : member, obj);
	}
	if (f->kind == JSON_POINTER) {
		const char *pointee = *(char *const *)(const void *)member;
		return pointee && find_in_object(w, f->sub, pointee);
	}
	return false;
}

static bool find_in_object(struct finder *w, const struct json_obj *type, const char *obj)
{
	size_t n = w->path.n;

	if (w->object && w->addr == obj)
		return find_hit(w, obj, obj);
	for (size_t i = 0; i < type->n; i++) {
		json_path_member(&w->path, type->fields[i].name);
		if (find_in_field(w, &type->fields[i], obj))
			return true;
		w->path.n = n;
		w->path.text[n] = '\0';
	}
	return false;
}

/* The newest record of an address is the innermost value there; an object's own is the oldest. */
static bool spot_find(const struct json_doc *d, const void *addr, bool oldest, size_t *ret)
{
	bool found = false;

	for (const struct json_spots *s = d->spots; s; s = s->next) {
		for (size_t i = s->n; i-- > 0;) {
			if (s->v[i].addr != addr)
				continue;
			*ret = s->v[i].at;
			found = true;
			if (!oldest)
				return true;
		}
	}
	return found;
}

static __attribute__((format(printf, 4, 0))) void
doc_bad(struct json_doc *d, const void *addr, bool object, const char *fmt, va_list ap)
{
	struct finder w = { .addr = addr, .object = object };
	size_t at = 0;

	if (d->report ? d->errors < JSON_ERRORS_MAX : d->errors == 0) {
		if (!d->root || !find_in_object(&w, d->type, d->root)) {
			w.path.n = 0;
			w.path.text[0] = '\0';
		} else if (!spot_find(d, w.found, w.object, &at)) {
			(void)spot_find(d, w.owner, true, &at);
		}
	}
	json_say(d, at, &w.path, fmt, ap);
}

void json_bad(struct json_doc *doc, const void *addr, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	doc_bad(doc, addr, false, fmt, ap);
	va_end(ap);
}

void json_bad_obj(struct json_doc *doc, const void *addr, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	doc_bad(doc, addr, true, fmt, ap);
	va_end(ap);
}

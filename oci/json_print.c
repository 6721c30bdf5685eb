/* SPDX-License-Identifier: Apache-2.0 */
/* Structs to JSON text, by the field tables. Never reads a document (json.c). */
#include <inttypes.h>

#include "config.h"
#include "json_local.h"

struct printer {
	struct strbuf *b;
	unsigned int indent, level;
};

static void print_object(struct printer *pr, const struct json_obj *type, const char *obj);

static void print_open(struct printer *pr, const char *bracket)
{
	strbuf_puts(pr->b, bracket);
	pr->level++;
}

/* Before an element: the comma, and a line of its own. */
static void print_next(struct printer *pr, bool first)
{
	if (!first)
		strbuf_add(pr->b, ",", 1);
	if (pr->indent) {
		strbuf_add(pr->b, "\n", 1);
		strbuf_printf(pr->b, "%*s", (int)(pr->level * pr->indent), "");
	}
}

static void print_close(struct printer *pr, const char *bracket, bool empty)
{
	pr->level--;
	if (!empty)
		print_next(pr, true);
	strbuf_puts(pr->b, bracket);
}

static void print_name(struct printer *pr, const char *name)
{
	strbuf_json(pr->b, name);
	strbuf_puts(pr->b, pr->indent ? ": " : ":");
}

/* The integer of a member: true when there is one (an optional one may be unset). */
static bool int_load(const struct json_field *f, const void *p, bool *ret_set, int64_t *ret_i,
		     uint64_t *ret_u)
{
	*ret_set = true;
	*ret_i = 0;
	*ret_u = 0;
#define LOAD(kind, opt, ret)                                     \
	case kind:                                               \
		*ret_set = ((const struct opt *)p)->set;         \
		*(ret) = ((const struct opt *)p)->v;             \
		return true
	switch ((enum json_kind)f->kind) {
	case JSON_I32: *ret_i = *(const int32_t *)p; return true;
	case JSON_I64: *ret_i = *(const int64_t *)p; return true;
	case JSON_U16: *ret_u = *(const uint16_t *)p; return true;
	case JSON_U32: *ret_u = *(const uint32_t *)p; return true;
	case JSON_U64: *ret_u = *(const uint64_t *)p; return true;
	LOAD(JSON_OPT_I32, opt_i32, ret_i);
	LOAD(JSON_OPT_I64, opt_i64, ret_i);
	LOAD(JSON_OPT_U16, opt_u16, ret_u);
	LOAD(JSON_OPT_U32, opt_u32, ret_u);
	LOAD(JSON_OPT_U64, opt_u64, ret_u);
	default: return false;
	}
#undef LOAD
}

/* Whether there is something to write for a member without JSON_REQUIRED and JSON_ALWAYS. */
static bool present(const struct json_field *f, const void *p)
{
	bool set;
	int64_t i;
	uint64_t u;

	if (f->shape != JSON_ONE)
		return ((const struct json_list *)p)->v != NULL;
	if (int_load(f, p, &set, &i, &u)) {
		bool optional = f->kind >= JSON_OPT_BOOL;
		return optional ? set : i != 0 || u != 0;
	}
	switch ((enum json_kind)f->kind) {
	case JSON_STR:
	case JSON_POINTER: return *(void *const *)p != NULL;
	case JSON_BOOL: return *(const bool *)p;
	case JSON_OPT_BOOL: return ((const struct opt_bool *)p)->set;
	case JSON_ENUM: return name_of(f->sub, *(const uint32_t *)p) && *(const uint32_t *)p;
	case JSON_OPT_ENUM: return ((const struct opt_u32 *)p)->set;
	case JSON_PRESENT: return false;
	default: return true;
	}
}

static void print_value(struct printer *pr, const struct json_field *f, const void *p)
{
	bool set;
	int64_t i;
	uint64_t u;
	const char *s = NULL;

	if (int_load(f, p, &set, &i, &u)) {
		if (i < 0)
			strbuf_printf(pr->b, "%" PRId64, i);
		else
			strbuf_printf(pr->b, "%" PRIu64, (uint64_t)i + u);
		return;
	}
	switch ((enum json_kind)f->kind) {
	case JSON_STR: s = *(const char *const *)p; break;
	case JSON_ENUM: s = name_of(f->sub, *(const uint32_t *)p); break;
	case JSON_OPT_ENUM: s = name_of(f->sub, ((const struct opt_u32 *)p)->v); break;
	case JSON_BOOL: strbuf_puts(pr->b, *(const bool *)p ? "true" : "false"); return;
	case JSON_OPT_BOOL: strbuf_puts(pr->b, ((const struct opt_bool *)p)->v ? "true" : "false"); return;
	case JSON_STRUCT: print_object(pr, f->sub, p); return;
	case JSON_POINTER:
		if (*(const char *const *)p)
			print_object(pr, f->sub, *(const char *const *)p);
		else
			strbuf_puts(pr->b, "null");
		return;
	default: break;
	}
	strbuf_json(pr->b, s ? s : "");
}

static void print_list(struct printer *pr, const struct json_field *f, const void *p)
{
	const struct json_list *list = p;
	bool map = f->shape == JSON_MAP;

	print_open(pr, map ? "{" : "[");
	for (size_t i = 0; i < list->n; i++) {
		const char *item = (const char *)list->v + i * f->item_size;
		print_next(pr, i == 0);
		if (map)
			print_name(pr, *(const char *const *)(const void *)item);
		print_value(pr, f, map ? item + f->value : item);
	}
	print_close(pr, map ? "}" : "]", list->n == 0);
}

static void print_object(struct printer *pr, const struct json_obj *type, const char *obj)
{
	bool empty = true;

	print_open(pr, "{");
	for (size_t i = 0; i < type->n; i++) {
		const struct json_field *f = &type->fields[i];
		const char *p = obj + f->offset;
		bool always = f->flags & (JSON_REQUIRED | JSON_ALWAYS);
		if (f->kind == JSON_PRESENT || (!always && !present(f, p)))
			continue;
		print_next(pr, empty);
		empty = false;
		print_name(pr, f->name);
		if (f->shape != JSON_ONE)
			print_list(pr, f, p);
		else
			print_value(pr, f, p);
	}
	print_close(pr, "}", empty);
}

void json_print(struct strbuf *b, const struct json_obj *type, const void *p, unsigned int indent)
{
	struct printer pr = { .b = b, .indent = indent };

	print_object(&pr, type, p);
}

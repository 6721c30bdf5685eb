/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_JSON_H
#define CTR_OCI_JSON_H

/*
 * JSON documents as C structs, by tables. A table has one row per member; one interpreter reads and
 * writes every document of the project with it (config, process, resources, state, features).
 *
 *	struct hook { const char *path; struct strv args; struct opt_i64 timeout; };
 *	static JSON_OBJ(hook,
 *		J(hook, "path", STR, path, JSON_REQUIRED),
 *		J_LIST(hook, "args", STR, args, 0),
 *		J(hook, "timeout", OPT_I64, timeout, 0));
 *
 * defines `hook_json`. Each row is checked against the struct at compile time: a row whose kind does not
 * fit the member's C type does not compile.
 *
 * Reading is strict. Errors, with "ORIGIN:LINE:COLUMN: PATH: sentence": wrong type, a name given twice
 * (unknown names included, at any level), a NUL in a string, invalid UTF-8 and lone surrogates, a
 * fraction, exponent or value out of range where an integer is wanted, an unknown word, a missing
 * required member, text after the document, more than JSON_DEPTH_MAX levels, more than JSON_SIZE_MAX bytes.
 * Unknown members are ignored (JSON_OBJ_STRICT: an error). `null` is an absent member. "" is an absent member where an optional
 * string or word is wanted; in arrays, maps and required members it is an empty string.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"
#include "../runtime/base/str.h"
#include "names.h"

#define JSON_DEPTH_MAX 64
#define JSON_SIZE_MAX ((size_t)16 << 20)

enum json_kind {
	JSON_STR,	/* const char * (char * in lists): NULL when absent */
	JSON_BOOL,	/* bool: false when absent */
	JSON_I32,	/* int32_t ...: 0 when absent */
	JSON_I64,
	JSON_U16,
	JSON_U32,
	JSON_U64,
	JSON_OPT_BOOL,	/* struct opt_bool ... of config.h */
	JSON_OPT_I32,
	JSON_OPT_I64,
	JSON_OPT_U16,
	JSON_OPT_U32,
	JSON_OPT_U64,
	JSON_PRESENT,	/* bool: the member is there and not null, whatever it holds; never written */
	JSON_ENUM,	/* uint32_t: a word of a name table */
	JSON_OPT_ENUM,	/* struct opt_u32 */
	JSON_STRUCT,	/* an object, embedded */
	JSON_POINTER,	/* an object, T *: NULL when absent */
};

enum json_shape {
	JSON_ONE,
	JSON_ARRAY, /* struct { T *v; size_t n; }; absent: v == NULL, empty: v != NULL */
	JSON_MAP,   /* the same of struct { const char *key; T value; }, in the document's order */
};

/* Row flags. */
#define JSON_REQUIRED 1u /* absent or null is an error; written even when zero or empty */
#define JSON_ALWAYS 2u	 /* optional, and written even when zero or empty */
#define JSON_LOWER 4u	 /* the name is accepted in all lower case too */
#define JSON_EMPTY 8u	 /* "" is not taken for an absent member */

struct json_field {
	const char *name;
	uint8_t name_len, kind, shape, flags;
	uint16_t offset;     /* of the member in its struct */
	uint16_t item_size;  /* JSON_ARRAY, JSON_MAP: bytes of one element or entry */
	uint16_t value;	     /* JSON_MAP: offset of the value in the entry */
	const void *sub;     /* struct json_obj or struct name_table, by kind */
};

struct json_obj {
	const char *what;
	size_t size, n;
	const struct json_field *fields;
	bool strict; /* a member without a row is an error */
};

/* ---- rows ------------------------------------------------------------------------------------------ */

#define JSON_CTYPE_STR const char *
#define JSON_CTYPE_BOOL bool
#define JSON_CTYPE_I32 int32_t
#define JSON_CTYPE_I64 int64_t
#define JSON_CTYPE_U16 uint16_t
#define JSON_CTYPE_U32 uint32_t
#define JSON_CTYPE_U64 uint64_t
#define JSON_CTYPE_OPT_BOOL struct opt_bool
#define JSON_CTYPE_OPT_I32 struct opt_i32
#define JSON_CTYPE_OPT_I64 struct opt_i64
#define JSON_CTYPE_OPT_U16 struct opt_u16
#define JSON_CTYPE_OPT_U32 struct opt_u32
#define JSON_CTYPE_OPT_U64 struct opt_u64
#define JSON_CTYPE_PRESENT bool

/* Zero, or no program at all. */
#define JSON_ASSERT(cond) (0 * sizeof(char[(cond) ? 1 : -1]))
#define JSON_MEMBER(tag, member) __typeof__(((struct tag *)0)->member)
#define JSON_SAME(a, b) __builtin_types_compatible_p(a, b)
/* Lists of strings may be of char * too (struct strv). */
#define JSON_SAME_ITEM(type, item) \
	(JSON_SAME(type, item) || (JSON_SAME(type, const char *) && JSON_SAME(item, char *)))

#define JSON_ROW(tag, jname, jkind, jshape, member, jflags, jitem, jvalue, jsub, ok)                      \
	{                                                                                                 \
		.name = (jname), .name_len = sizeof(jname) - 1, .kind = (jkind), .shape = (jshape),       \
		.flags = (jflags), .offset = (uint16_t)(offsetof(struct tag, member) + JSON_ASSERT(ok)),  \
		.item_size = (uint16_t)(jitem), .value = (uint16_t)(jvalue), .sub = (jsub)                \
	}
#define JSON_ROW_ONE(tag, jname, jkind, member, type, jflags, jsub)               \
	JSON_ROW(tag, jname, jkind, JSON_ONE, member, jflags, 0, 0, jsub,         \
		 JSON_SAME(JSON_MEMBER(tag, member), type))
#define JSON_ROW_ARRAY(tag, jname, jkind, member, type, jflags, jsub)                                   \
	JSON_ROW(tag, jname, jkind, JSON_ARRAY, member, jflags, sizeof(JSON_MEMBER(tag, member.v[0])), 0, \
		 jsub, JSON_SAME_ITEM(type, JSON_MEMBER(tag, member.v[0])) &&                           \
			JSON_SAME(size_t, JSON_MEMBER(tag, member.n)))
#define JSON_ROW_MAP(tag, jname, jkind, member, type, jflags, jsub)                                     \
	JSON_ROW(tag, jname, jkind, JSON_MAP, member, jflags, sizeof(JSON_MEMBER(tag, member.v[0])),    \
		 offsetof(JSON_MEMBER(tag, member.v[0]), value), jsub,                                  \
		 JSON_SAME_ITEM(type, JSON_MEMBER(tag, member.v[0].value)) &&                           \
			JSON_SAME(const char *, JSON_MEMBER(tag, member.v[0].key)) &&                   \
			JSON_SAME(size_t, JSON_MEMBER(tag, member.n)) &&                                \
			offsetof(JSON_MEMBER(tag, member.v[0]), key) == 0)

/* One value, a list, or a map by name, of a plain kind (the words of enum json_kind without JSON_). */
#define J(tag, name, kind, member, flags) \
	JSON_ROW_ONE(tag, name, JSON_##kind, member, JSON_CTYPE_##kind, flags, NULL)
#define J_LIST(tag, name, kind, member, flags) \
	JSON_ROW_ARRAY(tag, name, JSON_##kind, member, JSON_CTYPE_##kind, flags, NULL)
#define J_MAP(tag, name, kind, member, flags) \
	JSON_ROW_MAP(tag, name, JSON_##kind, member, JSON_CTYPE_##kind, flags, NULL)
/* Words of a name table. */
#define J_ENUM(tag, name, member, table, flags) \
	JSON_ROW_ONE(tag, name, JSON_ENUM, member, uint32_t, flags, &(table))
#define J_OPT_ENUM(tag, name, member, table, flags) \
	JSON_ROW_ONE(tag, name, JSON_OPT_ENUM, member, struct opt_u32, flags, &(table))
#define J_ENUM_LIST(tag, name, member, table, flags) \
	JSON_ROW_ARRAY(tag, name, JSON_ENUM, member, uint32_t, flags, &(table))
/* Objects described by `sub`_json: embedded, by pointer, as list, as map. */
#define J_OBJ(tag, name, member, sub, flags) \
	JSON_ROW_ONE(tag, name, JSON_STRUCT, member, struct sub, flags, &sub##_json)
#define J_PTR(tag, name, member, sub, flags) \
	JSON_ROW_ONE(tag, name, JSON_POINTER, member, struct sub *, flags, &sub##_json)
#define J_OBJ_LIST(tag, name, member, sub, flags) \
	JSON_ROW_ARRAY(tag, name, JSON_STRUCT, member, struct sub, flags, &sub##_json)
#define J_OBJ_MAP(tag, name, member, sub, flags) \
	JSON_ROW_MAP(tag, name, JSON_STRUCT, member, struct sub, flags, &sub##_json)

/*
 * The table of `struct tag`, named tag_json; put `static` in front for one that stays in its file. JSON_OBJ_STRICT: of
 * a document of ours, where a name that is not known is a mistake and not something newer.
 */
#define JSON_OBJ(tag, ...) JSON_OBJ_AS(tag, false, __VA_ARGS__)
#define JSON_OBJ_STRICT(tag, ...) JSON_OBJ_AS(tag, true, __VA_ARGS__)
#define JSON_OBJ_AS(tag, is_strict, ...)                                                                \
	const struct json_obj tag##_json = {                                                            \
		.what = #tag,                                                                           \
		.size = sizeof(struct tag) + JSON_ASSERT(JSON_ROWS(__VA_ARGS__) <= 64),                 \
		.n = JSON_ROWS(__VA_ARGS__),                                                            \
		.fields = (const struct json_field[]){ __VA_ARGS__ },                                   \
		.strict = (is_strict),                                                                  \
	}
#define JSON_ROWS(...) (sizeof((const struct json_field[]){ __VA_ARGS__ }) / sizeof(struct json_field))

/* ---- reading --------------------------------------------------------------------------------------- */

/* At most this many errors of one document are reported one by one. */
#define JSON_ERRORS_MAX 100

/*
 * A document being read and checked. Only needed to report errors after the parse with their position,
 * or to collect all errors; zero it, set `report` to collect, and use it while text and arena live.
 */
struct json_doc {
	void (*report)(void *arg, const char *line); /* NULL: stop at the first error */
	void *arg;
	unsigned int errors; /* so far, syntax errors included */
	/* Private. */
	struct arena *arena;
	const struct json_obj *type;
	const void *root;
	const char *origin, *text;
	size_t n;
	struct json_spots *spots;
	struct err *e;
};

/*
 * Parses the `n` bytes at `text` (no NUL needed) into a new struct of `type` in the arena. `origin`
 * names the source in messages. Nothing in *ret points into `text`. `doc` may be NULL.
 *
 * 0; -EINVAL for a document that breaks a rule above, -EFBIG for one above JSON_SIZE_MAX, -ENOMEM.
 * With doc->report set, errors of the document are reported and counted instead, what is wrong is left
 * out of the struct, and 0 is returned: *ret is only complete when doc->errors is 0 (NULL after an
 * error in the syntax).
 */
int json_parse(struct json_doc *doc, struct arena *a, const struct json_obj *type, const char *origin,
	       const char *text, size_t n, void **ret, struct err *e) MUST_CHECK;

/*
 * Reports that the value stored at `addr` is wrong: any address inside what json_parse() made, a member
 * that was absent in the document included (its object's position is given then). The sentence follows
 * line, column and path. Goes to doc->report, or becomes the text of the parse's `e`, where only the
 * first one counts; doc->errors is incremented.
 */
void json_bad(struct json_doc *doc, const void *addr, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));
/* The same for an object (a list element, a map's value): `addr` is its struct, not its first member. */
void json_bad_obj(struct json_doc *doc, const void *addr, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* ---- writing --------------------------------------------------------------------------------------- */

/*
 * Writes a struct in the order of its table: on one line when `indent` is 0, else with that many blanks
 * a level. No newline at the end. Absent members are left out, and so are zero, false and NULL unless
 * the row says JSON_REQUIRED or JSON_ALWAYS. Failure shows in the buffer.
 */
void json_print(struct strbuf *b, const struct json_obj *type, const void *p, unsigned int indent);

#endif

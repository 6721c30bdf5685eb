/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_JSON_LOCAL_H
#define CTR_OCI_JSON_LOCAL_H

/* What the files of the interpreter share: json.c, json_where.c, json_print.c. Everyone else includes json.h. */

#include <stdarg.h>

#include "json.h"

#define JSON_WORD_MAX 64 /* bytes of a document's own text quoted in a message */
#define JSON_QUOTE_SIZE (4 * JSON_WORD_MAX + 4)

/* What every list and map of a document struct looks like. */
struct json_list {
	void *v;
	size_t n;
};

/* Where in the text the value at an address came from. */
struct json_spot {
	const void *addr;
	size_t at;
};

#define JSON_SPOTS 255
struct json_spots {
	struct json_spots *next; /* older ones */
	size_t n;
	struct json_spot v[JSON_SPOTS];
};

/* The way from the document to a value, as messages name it: "linux.resources.devices[3]". What is too long is cut. */
struct json_path {
	size_t n;
	char text[512];
};

void json_path_add(struct json_path *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void json_path_member(struct json_path *path, const char *name);
/* The name of an entry of a map, of `len` bytes; `raw`: still as escaped in the document. */
void json_path_key(struct json_path *path, const char *key, size_t len, bool raw);

/*
 * Text of the document inside a message: one line, bounded, printable ASCII, since messages end up on
 * terminals and in JSON logs. `raw`: still as escaped in the document. Returns `buf`.
 */
const char *json_quote(char buf[JSON_QUOTE_SIZE], const char *s, size_t len, bool raw);

/* Reports or counts an error of the document at the offset `at` of its text, as json_bad() does. */
void json_say(struct json_doc *doc, size_t at, const struct json_path *path, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Interpreter of option rows. Knows no option itself, prints nothing. */
#include "opt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../oci/config.h"

struct parser {
	struct arena *arena;
	const struct opt *rows;
	char *into;
	int argc;
	char **argv;
	int at;
};

static const struct opt *find_long(const struct opt *rows, const char *name, size_t n)
{
	for (const struct opt *o = rows; o->name; o++)
		if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
			return o;
	return NULL;
}

static const struct opt *find_letter(const struct opt *rows, char letter)
{
	for (const struct opt *o = rows; o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static bool is_flag(const struct opt *o)
{
	return o->kind == OPT_FLAG || o->kind == OPT_FLAG_OFF || o->kind == OPT_IGNORE_FLAG;
}

static int store_flag(const struct parser *p, const struct opt *o, const char *value, struct err *e)
{
	bool v = true;

	if (value && (str_eq(value, "false") || str_eq(value, "0")))
		v = false;
	else if (value && !str_eq(value, "true") && !str_eq(value, "1"))
		return err_bad(e, "invalid value \"%s\" for --%s: must be true or false", value, o->name);
	if (o->kind != OPT_IGNORE_FLAG)
		*(bool *)(p->into + o->offset) = v == (o->kind == OPT_FLAG);
	return 0;
}

static int store(struct parser *p, const struct opt *o, const char *value, struct err *e)
{
	void *member = p->into + o->offset;

	switch (o->kind) {
	case OPT_STRING:
		*(const char **)member = value;
		return 0;
	case OPT_U32: {
		uint64_t v;
		if (str_u64(value, UINT32_MAX, &v) < 0)
			return err_bad(e, "invalid value \"%s\" for --%s: must be a number", value, o->name);
		*(uint32_t *)member = (uint32_t)v;
		return 0;
	}
	case OPT_I64: {
		struct opt_i64 *v = member;
		if (str_i64(value, INT64_MIN, INT64_MAX, &v->v) < 0)
			return err_bad(e, "invalid value \"%s\" for --%s: must be a number", value, o->name);
		v->set = true;
		return 0;
	}
	case OPT_LIST:
		return strv_add(p->arena, member, value) < 0 ? err_nomem(e) : 0;
	default:
		return 0;
	}
}

static int store_or_next(struct parser *p, const struct opt *o, const char *value, struct err *e)
{
	if (is_flag(o))
		return store_flag(p, o, value, e);
	if (!value) {
		if (p->at + 1 >= p->argc)
			return err_bad(e, "flag needs an argument: --%s", o->name);
		value = p->argv[++p->at];
	}
	return store(p, o, value, e);
}

static int parse_long(struct parser *p, const char *arg, bool *ret_help, struct err *e)
{
	const char *eq = strchr(arg, '=');
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
	const struct opt *o = find_long(p->rows, arg, n);

	if (o)
		return store_or_next(p, o, eq ? eq + 1 : NULL, e);
	if (n == 4 && memcmp(arg, "help", 4) == 0) {
		*ret_help = true;
		return 0;
	}
	return err_bad(e, "flag provided but not defined: --%.*s", (int)n, arg);
}

static int parse_short(struct parser *p, const char *arg, bool *ret_help, struct err *e)
{
	/* A known long name behind one dash; a cluster of letters otherwise. */
	const char *eq = strchr(arg, '=');
	if (arg[1] && find_long(p->rows, arg, eq ? (size_t)(eq - arg) : strlen(arg)))
		return parse_long(p, arg, ret_help, e);
	for (const char *c = arg; *c; c++) {
		const struct opt *o = find_letter(p->rows, *c);
		if (!o && *c == 'h') {
			*ret_help = true;
			continue;
		}
		if (!o)
			return err_bad(e, "flag provided but not defined: -%s", arg);
		if (is_flag(o)) {
			int r = store_flag(p, o, NULL, e);
			if (r < 0)
				return r;
			continue;
		}
		const char *rest = c[1] == '=' ? c + 2 : c + 1;
		return store_or_next(p, o, c[1] ? rest : NULL, e);
	}
	return 0;
}

int opt_parse(struct arena *a, const struct opt *rows, void *into, enum opt_order order, int own, int argc,
	      char **argv, int *ret_n, bool *ret_help, struct err *e)
{
	struct parser p = { .arena = a, .rows = rows, .into = into, .argc = argc, .argv = argv };
	int n = 0, r = 0;

	for (p.at = 0; p.at < argc; p.at++) {
		char *arg = argv[p.at];
		if (order != OPT_MIXED && n >= own)
			break;
		if (arg[0] != '-' || arg[1] == '\0') {
			argv[n++] = arg;
			continue;
		}
		if (str_eq(arg, "--")) {
			const struct opt *dashes = find_long(rows, "", 0);
			r = dashes ? store_flag(&p, dashes, NULL, e) : 0;
			p.at++;
			break;
		}
		r = arg[1] == '-' ? parse_long(&p, arg + 2, ret_help, e) : parse_short(&p, arg + 1, ret_help, e);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	/* `exec ID -- cmd`: the dashes after our own operands end options too. */
	if (order == OPT_UNTIL_OPERANDS && n == own && p.at < argc && str_eq(argv[p.at], "--"))
		p.at++;
	for (; p.at < argc; p.at++)
		argv[n++] = argv[p.at];
	argv[n] = NULL;
	*ret_n = n;
	return 0;
}

static int merge_list(struct arena *a, struct strv *into, const struct strv *below, struct err *e)
{
	struct strv both = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < below->n + into->n; i++)
		r = strv_add(a, &both, i < below->n ? below->v[i] : into->v[i - below->n]);
	*into = both;
	return r < 0 ? err_nomem(e) : 0;
}

int opt_merge(struct arena *a, const struct opt *rows, void *into, const void *below, struct err *e)
{
	int r = 0;

	for (const struct opt *o = rows; r == 0 && o->name; o++) {
		char *to = (char *)into + o->offset;
		const char *from = (const char *)below + o->offset;
		switch (o->kind) {
		case OPT_FLAG:
		case OPT_FLAG_OFF:
			*(bool *)to |= *(const bool *)from;
			break;
		case OPT_STRING:
			if (!*(const char **)to)
				*(const char **)to = *(const char *const *)from;
			break;
		case OPT_LIST:
			r = merge_list(a, (struct strv *)to, (const struct strv *)from, e);
			break;
		case OPT_U32:
			if (!*(uint32_t *)to)
				*(uint32_t *)to = *(const uint32_t *)from;
			break;
		case OPT_I64:
			if (!((struct opt_i64 *)to)->set)
				*(struct opt_i64 *)to = *(const struct opt_i64 *)from;
			break;
		default:
			break;
		}
	}
	return r;
}

void opt_help(struct strbuf *out, const struct opt *rows)
{
	for (const struct opt *o = rows; o->name; o++) {
		char left[64];
		if (!o->help)
			continue;
		(void)snprintf(left, sizeof(left), "%c%c%s--%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			       o->letter ? ", " : "  ", o->name, o->kind == OPT_FLAG_OFF ? "=false" : o->arg ? " " : "",
			       o->arg ? o->arg : "");
		strbuf_printf(out, "  %-30s %s\n", left, o->help);
	}
}

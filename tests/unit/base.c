/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, text, errors and options: the small things that everything relies on. */
#include "../../oci/config.h"
#include "../../runtime/base/arena.h"
#include "../../runtime/base/err.h"
#include "../../runtime/base/mountinfo.h"
#include "../../runtime/base/str.h"
#include "../../runtime/opt.h"
#include "../../runtime/base/util.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void numbers(void)
{
	uint64_t u = 7;
	int64_t i = 7;

	CHECK(str_u64("18446744073709551615", UINT64_MAX, &u) == 0 && u == UINT64_MAX);
	CHECK_INT(str_u64("18446744073709551616", UINT64_MAX, &u), -ERANGE);
	CHECK_INT(str_u64("5", 4, &u), -ERANGE);
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "one", "\xc3\xa9" };
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
		CHECK_INT(str_u64(bad[k], UINT64_MAX, &u), -EINVAL);
	CHECK(u == UINT64_MAX); /* untouched by failures */
	CHECK(str_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i) == 0 && i == INT64_MIN);
	CHECK_INT(str_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &i), -ERANGE);
	CHECK_INT(str_i64("9223372036854775808", INT64_MIN, INT64_MAX, &i), -ERANGE);
	CHECK_INT(str_i64("--1", INT64_MIN, INT64_MAX, &i), -EINVAL);
	CHECK_INT(str_i64("-5", -4, 4, &i), -ERANGE);
	static const struct { const char *text; int64_t want; } sizes[] = {
		{ "0", 0 }, { "17", 17 }, { "64M", 64 << 20 }, { "1gb", 1 << 30 }, { "3k", 3072 }, { "7tB", (int64_t)7 << 40 },
		{ "9223372036854775807", INT64_MAX }, { "9223372036854775808", -ERANGE }, { "9007199254740992k", -ERANGE },
		{ "", -EINVAL }, { "k", -EINVAL }, { "-1", -EINVAL }, { "1 k", -EINVAL }, { "1kk", -EINVAL }, { "1kbb", -EINVAL },
		{ "1b", 1 }, { "0x10", -EINVAL },
	};
	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		i = 0;
		int got = str_size(sizes[k].text, &i);
		CHECK_INT(got < 0 ? got : i, sizes[k].want);
	}
}

static void ids(void)
{
	static const struct { const char *text; int want; unsigned long first; } lists[] = {
		{ "0", 1, 1 }, { "0-3,7", 8, 0x8f }, { "7,0-3", 8, 0x8f }, { "3-3", 4, 8 }, { "000", 1, 1 }, { "1,1", 2, 2 },
		{ "8191", 8192, 0 }, { "8192", -EINVAL, 0 }, { "0-8192", -EINVAL, 0 }, { "99999999999999999999", -EINVAL, 0 },
		{ "", -EINVAL, 0 }, { ",", -EINVAL, 0 }, { "0,", -EINVAL, 0 }, { ",0", -EINVAL, 0 }, { "0-", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 }, { "3-1", -EINVAL, 0 }, { "0-1-2", -EINVAL, 0 }, { "0, 1", -EINVAL, 0 }, { " 0", -EINVAL, 0 },
		{ "a", -EINVAL, 0 }, { "0x1", -EINVAL, 0 }, { "0\n", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		unsigned long mask[STR_IDS_MAX / STR_IDS_WORD] = { 0 };
		CHECK_INT(str_ids(lists[i].text, NULL), lists[i].want);
		CHECK_INT(str_ids(lists[i].text, mask), lists[i].want);
		if (lists[i].want > 0)
			CHECK(mask[0] == lists[i].first);
		if (lists[i].want == STR_IDS_MAX)
			CHECK(mask[ARRAY_SIZE(mask) - 1] >> (STR_IDS_WORD - 1) == 1);
	}
}

static void json_text(void)
{
	auto_strbuf struct strbuf b = { 0 };

	strbuf_json(&b, "a\"b\\c/d\n\t\x01\x1f");
	CHECK_STR(b.p, "\"a\\\"b\\\\c/d\\n\\t\\u0001\\u001f\"");
	/* Every byte at every place of a word, between bytes that stand as they are. */
	for (int c = 1; c < 256; c++)
		for (size_t at = 0; at < 20; at++) {
			char s[21] = "~ ![]\x7f\x80\xff~ ![]\x7f\x80\xff\xc3\xa4zz", want[32];
			const char *as = c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\t' ? "\\t" :
					 c == '\b' ? "\\b" : c == '\f' ? "\\f" : c == '\r' ? "\\r" : NULL;
			char form[8];
			(void)snprintf(form, sizeof(form), c < 0x20 ? "\\u%04x" : "%c", c);
			(void)snprintf(want, sizeof(want), "\"%.*s%s%s\"", (int)at, s, as ? as : form, s + at + 1);
			s[at] = (char)c;
			b.n = 0;
			strbuf_json(&b, s);
			CHECK_STR(b.p, want);
		}
}

/* Of every length, and over itself in both directions; nothing beside it is touched. */
static void copies(void)
{
	static char from[2100], to[2100], want[2100];

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (char)(i * 7 + i / 256);
	for (size_t n = 0; n <= 1030; n = n < 64 || n > 1016 ? n + 1 : n + 61)
		for (size_t by = 0; by < 20; by++) {
			memset(to, '-', sizeof(to));
			CHECK(memcpy(to + 8, from + by, n) == to + 8);
			for (size_t i = 0; i < n + 16; i++)
				if (to[i] != (i < 8 || i >= n + 8 ? '-' : from[by + i - 8])) {
					CHECK_INT(i, -1);
					break;
				}
			for (int up = 0; up < 2; up++) {
				size_t dst = up ? 20 + by : 20, src = up ? 20 : 20 + by;
				for (size_t i = 0; i < sizeof(to); i++)
					want[i] = to[i] = from[i];
				for (size_t i = 0; i < n; i++)
					want[dst + i] = from[src + i];
				CHECK(memmove(to + dst, to + src, n) == to + dst);
				CHECK(memcmp(to, want, sizeof(to)) == 0);
			}
		}
}

static void errors(void)
{
	struct err e;
	char longer[3 * ERR_TEXT_MAX];

	CHECK_INT(err_sys(&e, ENOENT, "open %s", "/x"), -ENOENT);
	CHECK_STR(e.text, "open /x: no such file or directory");
	CHECK_INT(err_in(&e, "container \"%s\"", "c"), -ENOENT);
	CHECK_STR(e.text, "container \"c\": open /x: no such file or directory");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT(err_sys(&e, -EACCES, "open %s", longer), -EACCES);
	CHECK(strlen(e.text) == ERR_TEXT_MAX - 1);
	CHECK_STR(e.text + strlen(e.text) - strlen(": permission denied"), ": permission denied");
	CHECK_INT(err_in(&e, "%s", longer), -EACCES);
	CHECK(strlen(e.text) == ERR_TEXT_MAX - 1);
	CHECK_STR(err_name(EBUSY), "EBUSY");
	CHECK(err_name(99999) == NULL);
}

/* ---- options ---------------------------------------------------------------------------------------------- */

struct sample {
	bool flag, other;
	const char *text;
	uint32_t number;
	struct opt_i64 value;
	struct strv list;
};
static const struct opt rows[] = {
	{ "flag", 'f', OPT_FLAG, offsetof(struct sample, flag), NULL, "a flag" },
	{ "other", 'o', OPT_FLAG, offsetof(struct sample, other), NULL, "another" },
	{ "text", 't', OPT_STRING, offsetof(struct sample, text), "WORD", "a word" },
	{ "number", 'n', OPT_U32, offsetof(struct sample, number), "N", "a number" },
	{ "value", 0, OPT_I64, offsetof(struct sample, value), "N", "a signed number" },
	{ "env", 'e', OPT_LIST, offsetof(struct sample, list), "X", "a list" },
	{ "no-subreaper", 0, OPT_IGNORE_FLAG, 0, NULL, NULL },
	OPT_END,
};

static int parse(struct sample *s, enum opt_order order, int own, const char *line, char **argv, int *n,
		 struct arena *a, struct err *e)
{
	static char words[512];
	int argc = 0;
	bool help = false;

	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *w = words + strspn(words, " "); *w; w += strspn(w, " ")) {
		argv[argc++] = w;
		w += strcspn(w, " ");
		if (*w)
			*w++ = '\0';
	}
	argv[argc] = NULL;
	*s = (struct sample){ 0 };
	int r = opt_parse(a, rows, s, order, own, argc, argv, n, &help, e);
	return r < 0 ? r : help;
}

static void options(void)
{
	struct arena a;
	struct err e = { 0 };
	struct sample s;
	char *v[32];
	int n;

	if (arena_init(&a, 0, &e) < 0)
		abort();
	CHECK_INT(parse(&s, OPT_MIXED, 0, "--text=a ID -f --number 7 -e A=1 -eB=2 --env=C=3 --value=-1", v, &n, &a, &e), 0);
	CHECK(s.flag && !s.other && s.number == 7 && s.value.set && s.value.v == -1 && n == 1 && s.list.n == 3);
	CHECK_STR(s.text, "a");
	CHECK_STR(v[0], "ID");
	CHECK_STR(s.list.v[1], "B=2");
	CHECK_STR(s.list.v[2], "C=3");
	/* A cluster, a value behind its letter, one dash before a long name, repetition: the last one counts. */
	CHECK_INT(parse(&s, OPT_MIXED, 0, "-foX -no-subreaper", v, &n, &a, &e), -EINVAL);
	CHECK_INT(parse(&s, OPT_MIXED, 0, "-fotword -no-subreaper -text z --flag=false", v, &n, &a, &e), 0);
	CHECK(!s.flag && s.other);
	CHECK_STR(s.text, "z");
	/* What follows our own operand is somebody else's. */
	CHECK_INT(parse(&s, OPT_UNTIL_OPERANDS, 1, "-f ID ls -l --text x", v, &n, &a, &e), 0);
	CHECK(s.flag && !s.text && n == 5);
	CHECK_STR(v[2], "-l");
	CHECK_INT(parse(&s, OPT_UNTIL_OPERANDS, 1, "ID -- ls -l", v, &n, &a, &e), 0);
	CHECK(n == 3);
	CHECK_STR(v[1], "ls");
	CHECK_INT(parse(&s, OPT_MIXED, 0, "-- -f", v, &n, &a, &e), 0);
	CHECK(!s.flag && n == 1);
	CHECK_INT(parse(&s, OPT_MIXED, 0, "x --help", v, &n, &a, &e), 1);
	arena_done(&a);
}

static void option_errors(void)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{ "--nothing", "flag provided but not defined: --nothing" },
		{ "-x", "flag provided but not defined: -x" },
		{ "--text", "flag needs an argument: --text" },
		{ "--number=x", "invalid value \"x\" for --number: must be a number" },
		{ "--number=4294967296", "invalid value \"4294967296\" for --number: must be a number" },
		{ "--flag=maybe", "invalid value \"maybe\" for --flag: must be true or false" },
	};
	struct arena a;
	struct err e = { 0 };
	struct sample s;
	char *v[32];
	int n;

	if (arena_init(&a, 0, &e) < 0)
		abort();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_INT(parse(&s, OPT_MIXED, 0, cases[i].line, v, &n, &a, &e), -EINVAL);
		CHECK_STR(e.text, cases[i].text);
	}
	arena_done(&a);
}

static void arenas(void)
{
	struct arena a;
	struct err e;

	if (arena_init(&a, 4096, &e) < 0)
		abort();
	char *p = arena_alloc(&a, 100);
	CHECK(p && ((uintptr_t)p & 15) == 0 && p[99] == 0);
	CHECK(arena_alloc(&a, 5000) == NULL);
	CHECK(arena_array(&a, SIZE_MAX / 2, 16) == NULL);
	size_t used = a.used;
	char *q = arena_alloc(&a, 16);
	memset(q, 1, 16);
	arena_rewind(&a, used);
	char *r = arena_alloc(&a, 16);
	CHECK(r == q && r[0] == 0 && r[15] == 0);
	r[15] = 'x';
	char *grown = arena_grow(&a, r, 16, 40, 1);
	CHECK(grown == r && grown[15] == 'x' && grown[39] == 0 && a.used == used + 48);
	q = arena_alloc(&a, 16);
	char *moved = arena_grow(&a, grown, 40, 50, 2);
	CHECK(moved && moved > q && moved[15] == 'x' && moved[99] == 0);
	CHECK(arena_grow(&a, moved, 100, SIZE_MAX / 2, 16) == NULL && arena_grow(&a, moved, 100, 5000, 1) == NULL);
	arena_done(&a);
	CHECK(arena_alloc(&a, 1) == NULL);
}

static void mountinfo(void)
{
	const char *text = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
			   "not a line of mountinfo\n"
			   "23 22 0:5 / /a\\040b\\134c rw master:2 propagate_from:1 - proc proc rw\n"
			   "24 22 8:1 /sub\\012dir /mnt rw - fuse.x name rw"; /* no line end */
	struct mountinfo_line line;

	CHECK(mountinfo_next(&text, &line));
	CHECK_STR(line.point, "/");
	CHECK_STR(line.type, "ext4");
	CHECK(mountinfo_next(&text, &line));
	CHECK_STR(line.point, "/a b\\c");
	CHECK_STR(line.type, "proc");
	CHECK(mountinfo_next(&text, &line));
	CHECK_STR(line.root, "/sub\ndir");
	CHECK_STR(line.type, "fuse.x");
	CHECK(!mountinfo_next(&text, &line) && *text == '\0');
}

static const struct tap_test tests[] = {
	{ "strict numbers", numbers },
	{ "lists of numbers and ranges", ids },
	{ "JSON text", json_text },
	{ "copies", copies },
	{ "errors keep their reason", errors },
	{ "option grammar", options },
	{ "option errors", option_errors },
	{ "arenas", arenas },
	{ "mountinfo", mountinfo },
};
TAP_MAIN("base", tests)

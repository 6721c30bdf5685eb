/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table interpreter, over tables of its own: every kind in every shape, the malformed documents,
 * positions, and the printer. Apostrophes stand for quotation marks in the documents below.
 */
#include "../../oci/json.h"

#include <stdlib.h>
#include <time.h>

#include "../../oci/config.h"
#include "../../runtime/base/util.h"
#include "tap.h"

struct leaf { const char *s; struct opt_u32 n; };
struct leaf_entry { const char *key; struct leaf value; };
struct number_entry { const char *key; uint64_t value; };

struct tree {
	const char *str, *kept;
	bool yes, there;
	int32_t i32;
	int64_t i64;
	uint16_t u16;
	uint32_t u32, word;
	uint64_t u64;
	struct opt_bool ob;
	struct opt_i32 oi32;
	struct opt_i64 oi64;
	struct opt_u16 ou16;
	struct opt_u32 ou32, oword;
	struct opt_u64 ou64;
	struct leaf leaf, *pointer;
	struct strv strings;
	struct u32_list words;
	LIST(uint64_t) numbers;
	LIST(bool) flags;
	LIST(struct leaf) leaves;
	struct string_map map;
	LIST(struct number_entry) number_map;
	LIST(struct leaf_entry) leaf_map;
};

static const struct name_value color_rows[] = { { "red", 1 }, { "green", 2 }, { "verde", 2 } };
static const struct name_table colors = { "color", color_rows, ARRAY_SIZE(color_rows) };

static JSON_OBJ(leaf,
	J(leaf, "s", STR, s, JSON_REQUIRED),
	J(leaf, "n", OPT_U32, n, 0));

static JSON_OBJ(tree,
	J(tree, "str", STR, str, 0),
	J(tree, "kept", STR, kept, JSON_EMPTY),
	J(tree, "yes", BOOL, yes, 0),
	J(tree, "there", PRESENT, there, 0),
	J(tree, "i32", I32, i32, 0),
	J(tree, "i64", I64, i64, 0),
	J(tree, "u16", U16, u16, 0),
	J(tree, "u32", U32, u32, 0),
	J(tree, "u64", U64, u64, 0),
	J_ENUM(tree, "word", word, colors, 0),
	J(tree, "ob", OPT_BOOL, ob, 0),
	J(tree, "oi32", OPT_I32, oi32, 0),
	J(tree, "oi64", OPT_I64, oi64, 0),
	J(tree, "ou16", OPT_U16, ou16, 0),
	J(tree, "ou32", OPT_U32, ou32, 0),
	J(tree, "ou64", OPT_U64, ou64, 0),
	J_OPT_ENUM(tree, "oWord", oword, colors, JSON_LOWER),
	J_OBJ(tree, "leaf", leaf, leaf, 0),
	J_PTR(tree, "pointer", pointer, leaf, 0),
	J_LIST(tree, "strings", STR, strings, 0),
	J_ENUM_LIST(tree, "words", words, colors, 0),
	J_LIST(tree, "numbers", U64, numbers, 0),
	J_LIST(tree, "flags", BOOL, flags, 0),
	J_OBJ_LIST(tree, "leaves", leaves, leaf, 0),
	J_MAP(tree, "map", STR, map, 0),
	J_MAP(tree, "numberMap", U64, number_map, 0),
	J_OBJ_MAP(tree, "leafMap", leaf_map, leaf, 0));

static char text_buf[4096];

static const char *quoted(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i <= n && i < sizeof(text_buf); i++)
		text_buf[i] = s[i] == '\'' ? '"' : s[i];
	return text_buf;
}

static int parse(struct arena *a, const char *s, struct tree **ret, struct err *e)
{
	void *p;
	const char *text = quoted(s);
	int r = json_parse(NULL, a, &tree_json, "t", text, strlen(text), &p, e);

	if (r == 0)
		*ret = p;
	return r;
}

/* What a document becomes when it is read and written again; NULL: unchanged. */
static const struct { const char *in, *out; } good[] = {
	{ "{}", "{'leaf':{'s':''}}" },
	{ " \n{ }\t", "{'leaf':{'s':''}}" },
	{ "{'str':'a','kept':'','leaf':{'s':'x','n':0}}", NULL },
	{ "{'str':'','leaf':{'s':''}}", "{'leaf':{'s':''}}" },
	{ "{'str':null,'yes':null,'i32':null,'ob':null,'pointer':null,'strings':null,'map':null,'oWord':null,"
	  "'leaf':null,'there':null}", "{'leaf':{'s':''}}" },
	{ "{'i32':-2147483648,'i64':-9223372036854775808,'u16':65535,'u32':4294967295,"
	  "'u64':18446744073709551615,'leaf':{'s':''}}", NULL },
	{ "{'ob':false,'oi32':0,'oi64':-1,'ou16':0,'ou32':0,'ou64':18446744073709551615,'oWord':'green',"
	  "'leaf':{'s':''}}", NULL },
	{ "{'word':'verde','oword':'red'}", "{'word':'green','oWord':'red','leaf':{'s':''}}" },
	{ "{'oWord':'','word':''}", "{'leaf':{'s':''}}" },
	{ "{'i64':-0}", "{'leaf':{'s':''}}" },
	{ "{'leaf':{'s':''},'strings':['','a\\\\b\\'\\n\\u0001'],'words':['red','green'],'numbers':[0,1],"
	  "'flags':[true,false],'leaves':[{'s':'a'},{'s':'b','n':3}]}", NULL },
	{ "{'leaf':{'s':''},'strings':[],'leaves':[],'map':{},'leafMap':{}}", NULL },
	{ "{'leaf':{'s':''},'map':{'b':'1','a':'','':'x'},'numberMap':{'k':7},'leafMap':{'x':{'s':'1'}}}", NULL },
	{ "{'zzz':{'a':[1,{'b':2.5e3}],'':null},'str':'a','Str':7,'STR':[]}", "{'str':'a','leaf':{'s':''}}" },
	{ "{'str':'\\ud83d\\ude00 \\u00e9 \xf4\x8f\xbf\xbf','leaf':{'s':''}}",
	  "{'str':'\xf0\x9f\x98\x80 \xc3\xa9 \xf4\x8f\xbf\xbf','leaf':{'s':''}}" },
	{ "{'str':'\\\\ud800','leaf':{'s':''}}", NULL },
	{ "{'\\u0073tr':'a\\/b'}", "{'str':'a/b','leaf':{'s':''}}" },
	{ "{'there':{'deep':[[[]]]},'str':'x'}", "{'str':'x','leaf':{'s':''}}" },
};

static void test_good(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct arena a;
		struct err e = { 0 };
		struct tree *t = NULL;
		struct strbuf b = { 0 };
		CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
		CHECK_INT(parse(&a, good[i].in, &t, &e), 0);
		if (t) {
			json_print(&b, &tree_json, t, 0);
			CHECK_STR(b.p, quoted(good[i].out ? good[i].out : good[i].in));
		} else {
			printf("# %s: %s\n", good[i].in, e.text);
		}
		strbuf_done(&b);
		arena_done(&a);
	}
}

static const struct { const char *in, *want; } broken[] = {
	/* text */
	{ "", "t:1:1: not JSON: parse error: premature EOF" },
	{ " \n", "t:2:1: not JSON: parse error: premature EOF" },
	{ "{", "t:1:2: not JSON: parse error: premature EOF" },
	{ "{} x", "t:1:4: not JSON: parse error: trailing garbage" },
	{ "{} {}", "t:1:4: not JSON: parse error: trailing garbage" },
	{ "{'a':1,}", "t:1:8: not JSON: parse error: invalid object key (must be a string)" },
	{ "{'a':NaN}", "t:1:6: not JSON: lexical error: invalid char in json text" },
	{ "// c\n{}",
	  "t:1:1: not JSON: lexical error: probable comment found in input text, comments are not enabled" },
	{ "{'a':'\n'}", "t:1:6: not JSON: lexical error: invalid character inside string" },
	{ "{'a':01}", "t:1:6: not JSON: parse error: after key and value, inside map, I expect ',' or '}'" },
	{ "\xef\xbb\xbf{}", "t:1:1: not JSON: lexical error: invalid char in json text" },
	/* the document itself */
	{ "null", "t:1:1: must be an object, not null" },
	{ "true", "t:1:1: must be an object, not a boolean" },
	{ "[]", "t:1:1: must be an object, not an array" },
	{ "'x'", "t:1:1: must be an object, not a string" },
	{ "7 ", "t:1:1: must be an object, not a number" },
	/* types */
	{ "{'str':7}", "t:1:8: str: must be a string, not a number" },
	{ "{'str':['a']}", "t:1:8: str: must be a string, not an array" },
	{ "{'str':{}}", "t:1:8: str: must be a string, not an object" },
	{ "{'yes':'true'}", "t:1:8: yes: must be true or false, not a string" },
	{ "{'yes':1}", "t:1:8: yes: must be true or false, not a number" },
	{ "{'u32':'7'}", "t:1:8: u32: must be an integer, not a string" },
	{ "{'u32':true}", "t:1:8: u32: must be an integer, not a boolean" },
	{ "{'word':1}", "t:1:9: word: must be a string, not a number" },
	{ "{'leaf':[]}", "t:1:9: leaf: must be an object, not an array" },
	{ "{'leaf':false}", "t:1:9: leaf: must be an object, not a boolean" },
	{ "{'pointer':'x'}", "t:1:12: pointer: must be an object, not a string" },
	{ "{'strings':'a'}", "t:1:12: strings: must be an array, not a string" },
	{ "{'strings':{'0':'a'}}", "t:1:12: strings: must be an array, not an object" },
	{ "{'leaves':{'s':'a'}}", "t:1:11: leaves: must be an array, not an object" },
	{ "{'map':[]}", "t:1:8: map: must be an object, not an array" },
	{ "{'strings':['a',7]}", "t:1:17: strings[1]: must be a string, not a number" },
	{ "{'strings':['a',null]}", "t:1:17: strings[1]: must be a string, not null" },
	{ "{'strings':['a',['b']]}", "t:1:17: strings[1]: must be a string, not an array" },
	{ "{'map':{'a.b':null}}", "t:1:15: map[\"a.b\"]: must be a string, not null" },
	{ "{'map':{'a.b':1}}", "t:1:15: map[\"a.b\"]: must be a string, not a number" },
	{ "{'leafMap':{'k':{'s':1}}}", "t:1:22: leafMap[\"k\"].s: must be a string, not a number" },
	{ "{'leaves':[{'s':'a'},{'s':'b','n':[]}]}",
	  "t:1:35: leaves[1].n: must be an integer, not an array" },
	{ "{'leaves':[{'s':'a'},\n null]}", "t:2:2: leaves[1]: must be an object, not null" },
	/* numbers */
	{ "{'u32':-1}", "t:1:8: u32: must be between 0 and 4294967295" },
	{ "{'u32':-0}", "t:1:8: u32: must be between 0 and 4294967295" },
	{ "{'u32':4294967296}", "t:1:8: u32: must be between 0 and 4294967295" },
	{ "{'u16':65536}", "t:1:8: u16: must be between 0 and 65535" },
	{ "{'i32':2147483648}", "t:1:8: i32: must be between -2147483648 and 2147483647" },
	{ "{'i64':9223372036854775808}",
	  "t:1:8: i64: must be between -9223372036854775808 and 9223372036854775807" },
	{ "{'u64':18446744073709551616}", "t:1:8: u64: must be between 0 and 18446744073709551615" },
	{ "{'u64':100000000000000000000000000000000}",
	  "t:1:8: u64: must be between 0 and 18446744073709551615" },
	{ "{'oi32':-2147483649}", "t:1:9: oi32: must be between -2147483648 and 2147483647" },
	{ "{'u32':0.9}", "t:1:8: u32: must be an integer, without fraction or exponent" },
	{ "{'u32':1.0}", "t:1:8: u32: must be an integer, without fraction or exponent" },
	{ "{'u32':1e3}", "t:1:8: u32: must be an integer, without fraction or exponent" },
	{ "{'ou64':1E+2}", "t:1:9: ou64: must be an integer, without fraction or exponent" },
	{ "{'numbers':[1,-1]}", "t:1:15: numbers[1]: must be between 0 and 18446744073709551615" },
	/* words and required members */
	{ "{'word':'blue'}", "t:1:9: word: unknown color \"blue\"" },
	{ "{'word':'Red'}", "t:1:9: word: unknown color \"Red\"" },
	{ "{'word':'re'}", "t:1:9: word: unknown color \"re\"" },
	{ "{'oWord':'\\n\\'\x7f'}", "t:1:10: oWord: unknown color \"\\x0a\\x22\\x7f\"" },
	{ "{'word':'\xc2\x9b'}", "t:1:9: word: unknown color \"\\xc2\\x9b\"" },
	{ "{'word':'0123456789012345678901234567890123456789012345678901234567890123456789'}",
	  "t:1:9: word: unknown color \"0123456789012345678901234567890123456789012345678901234567890123...\"" },
	{ "{'words':['']}", "t:1:11: words[0]: unknown color \"\"" },
	{ "{\n 'leaf': {'n':1}}", "t:2:10: leaf.s: is missing" },
	{ "{'pointer':{'s':null}}", "t:1:12: pointer.s: is missing" },
	{ "{'leaves':[{'s':''},{}]}", "t:1:21: leaves[1].s: is missing" },
	/* names given twice */
	{ "{'str':'a','str':'a'}", "t:1:12: str: given twice" },
	{ "{'str':null,'str':'a'}", "t:1:13: str: given twice" },
	{ "{'str':'a','s\\u0074r':'b'}", "t:1:12: str: given twice" },
	{ "{'oWord':'red','oword':'red'}", "t:1:16: oWord: given twice" },
	{ "{'x':1,'y':2,'x':3}", "t:1:14: [\"x\"]: given twice" },
	{ "{'u':{'v':[0,{'x':1,'\\u0078':3}]}}", "t:1:21: [\"u\"][\"v\"][1][\"\\u0078\"]: given twice" },
	{ "{'map':{'k':'1','j':'','k':'1'}}", "t:1:24: map[\"k\"]: given twice" },
	{ "{'there':{'k':'1','k':''}}", "t:1:19: there[\"k\"]: given twice" },
	{ "{'leafMap':{'k':{'s':''},'k':{'s':''}}}", "t:1:26: leafMap[\"k\"]: given twice" },
	/* strings */
	{ "{'str':'a\\u0000b'}", "t:1:8: str: must not contain a NUL character" },
	{ "{'zz':['\\u0000']}", "t:1:8: [\"zz\"][0]: must not contain a NUL character" },
	{ "{'a\\u0000':1}", "t:1:2: [\"a\\u0000\"]: the name must not contain a NUL character" },
	{ "{'str':'\\ud800'}", "t:1:8: str: contains half of a surrogate pair" },
	{ "{'str':'\\ud800\\u0041'}", "t:1:8: str: contains half of a surrogate pair" },
	{ "{'str':'\\udc00\\ud800'}", "t:1:8: str: contains half of a surrogate pair" },
	{ "{'str':'\\ud800\\ud800'}", "t:1:8: str: contains half of a surrogate pair" },
	{ "{'strings':['x','\\\\\\ud800']}", "t:1:17: strings[1]: contains half of a surrogate pair" },
	{ "{'str':'12345678\xff'}", "t:1:8: str: is not valid UTF-8" },
	{ "{'str':'\xc0\xaf'}", "t:1:8: str: is not valid UTF-8" },
	{ "{'str':'\xed\xa0\x80'}", "t:1:8: str: is not valid UTF-8" },
	{ "{'str':'\xf4\x90\x80\x80'}", "t:1:8: str: is not valid UTF-8" },
	{ "{'str':'\xe2\x82'}", "t:1:8: str: is not valid UTF-8" },
	{ "{'\xff':1}", "t:1:2: [\"\\xff\"]: the name is not valid UTF-8" },
};

static void test_broken(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct arena a;
		struct err e = { 0 };
		struct tree *t = NULL;
		CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
		CHECK_INT(parse(&a, broken[i].in, &t, &e), -EINVAL);
		CHECK(t == NULL);
		CHECK_STR(e.text, broken[i].want);
		arena_done(&a);
	}
}

static void test_values(void)
{
	struct arena a;
	struct err e = { 0 };
	struct tree *t = NULL;

	CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
	CHECK_INT(parse(&a, "{'there':0,'strings':['x','y'],'numbers':[],'pointer':{'s':'p'},'oWord':'green'}", &t, &e), 0);
	if (t) {
		CHECK(t->there);
		CHECK_INT(t->strings.n, 2);
		CHECK(t->strings.v[2] == NULL);
		CHECK(t->numbers.v != NULL && t->numbers.n == 0);
		CHECK(t->leaves.v == NULL && t->leaves.n == 0);
		CHECK_STR(t->pointer->s, "p");
		CHECK(t->oword.set && t->oword.v == 2);
	}
	arena_done(&a);
}

static void test_indent(void)
{
	struct arena a;
	struct err e = { 0 };
	struct tree *t = NULL;
	struct strbuf b = { 0 };

	CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
	CHECK_INT(parse(&a, "{'leaf':{'s':'x'},'strings':['a','b'],'leaves':[],'map':{'k':'v'}}", &t, &e), 0);
	if (t)
		json_print(&b, &tree_json, t, 2);
	CHECK_STR(b.p, quoted("{\n  'leaf': {\n    's': 'x'\n  },\n  'strings': [\n    'a',\n    'b'\n  ],\n  'leaves': [],\n"
			      "  'map': {\n    'k': 'v'\n  }\n}"));
	strbuf_done(&b);
	arena_done(&a);
}

/* ---- size, depth, time -------------------------------------------------------------------------------- */

static int parse_text(const char *text, size_t n, struct err *e)
{
	struct arena a;
	void *p;

	if (arena_init(&a, (size_t)512 << 20, e) < 0)
		return -ENOMEM;
	int r = json_parse(NULL, &a, &tree_json, "t", text, n, &p, e);
	arena_done(&a);
	return r;
}

static int parse_nested(const char *name, size_t levels, struct err *e)
{
	struct strbuf b = { 0 };

	strbuf_printf(&b, "{\"%s\":", name);
	for (size_t i = 0; i < levels; i++)
		strbuf_add(&b, "[", 1);
	for (size_t i = 0; i < levels; i++)
		strbuf_add(&b, "]", 1);
	strbuf_add(&b, "}", 1);
	int r = parse_text(b.p, b.n, e);
	strbuf_done(&b);
	return r;
}

static void test_depth(void)
{
	struct err e = { 0 };

	CHECK_INT(parse_nested("x", 63, &e), 0);
	CHECK_INT(parse_nested("x", 64, &e), -EINVAL);
	CHECK(strstr(e.text, "more than 64 levels of nesting") != NULL);
	CHECK_INT(parse_nested("there", 100000, &e), -EINVAL);
	CHECK_INT(parse_nested("x", 3000000, &e), -EINVAL);
}

static void test_size(void)
{
	struct err e = { 0 };
	size_t n = JSON_SIZE_MAX + 1;
	char *text = malloc(n);

	CHECK(text != NULL);
	if (!text)
		return;
	memset(text, ' ', n);
	memcpy(text, "{}", 2);
	CHECK_INT(parse_text(text, JSON_SIZE_MAX, &e), 0);
	CHECK_INT(parse_text(text, n, &e), -EFBIG);
	CHECK_STR(e.text, "t: larger than 16777216 bytes");
	free(text);
}

static int64_t ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 10^5 names in one object take linear time, give or take a logarithm: known by being far from quadratic. */
static void test_many(void)
{
	static const char *const forms[] = { "\"k%d\":0,", "\"map\":{", "\"k%d\":\"\"," };
	struct err e = { 0 };

	for (int map = 0; map < 2; map++) {
		struct strbuf b = { 0 };
		strbuf_printf(&b, "{%s", map ? forms[1] : "");
		for (int i = 0; i < 100000; i++)
			strbuf_printf(&b, map ? "\"k%d\":\"\"," : "\"k%d\":0,", (i * 7919) % 100000);
		strbuf_puts(&b, map ? "\"z\":\"\"}}" : "\"z\":0}");
		int64_t start = ms();
		CHECK_INT(parse_text(b.p, b.n, &e), 0);
		CHECK(ms() - start < 2000); /* 15 to 40 ms; sanitizers and a busy machine have their share */
		strbuf_done(&b);
	}
}

static void test_memory(void)
{
	struct arena a;
	struct err e = { 0 };
	struct tree *t = NULL;

	CHECK_INT(arena_init(&a, 4096, &e), 0);
	a.size = 64;
	CHECK_INT(parse(&a, "{'strings':['a','b','c','d'],'leaf':{'s':'x'}}", &t, &e), -ENOMEM);
	/* And where an array must grow. */
	a.size = a.used + sizeof(*t) + 160;
	CHECK_INT(parse(&a, "{'strings':['1','2','3','4','5','6','7','8','9','10','11','12'],'leaf':{'s':'x'}}", &t, &e), -ENOMEM);
	a.size = 4096;
	arena_done(&a);
}

/* ---- collecting, positions ---------------------------------------------------------------------------- */

static void collect(void *arg, const char *line)
{
	strbuf_puts(arg, line);
	strbuf_puts(arg, "\n");
}

static void test_collect(void)
{
	struct arena a;
	struct err e = { 0 };
	struct strbuf b = { 0 };
	struct json_doc d = { .report = collect, .arg = &b };
	void *p = NULL;
	const char *text = quoted("{'str':7,'leaf':{'n':{}},\n'strings':['a',[1],'b'],'x':{'y':1,'y':2},"
				  "'map':{'k':1},'str':'q','word':'no'}");

	CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
	CHECK_INT(json_parse(&d, &a, &tree_json, "t", text, strlen(text), &p, &e), 0);
	CHECK_INT(d.errors, 8);
	CHECK_STR(b.p, "t:1:8: str: must be a string, not a number\n"
		       "t:1:22: leaf.n: must be an integer, not an object\n"
		       "t:1:17: leaf.s: is missing\n"
		       "t:2:16: strings[1]: must be a string, not an array\n"
		       "t:2:36: [\"x\"][\"y\"]: given twice\n"
		       "t:2:54: map[\"k\"]: must be a string, not a number\n"
		       "t:2:57: str: given twice\n"
		       "t:2:74: word: unknown color \"no\"\n");
	if (p) {
		const struct tree *t = p;
		CHECK(t->str == NULL);
		CHECK_INT(t->strings.n, 2);
	}
	strbuf_done(&b);
	CHECK_INT(json_parse(&d, &a, &tree_json, "t", "{\"a\"", 4, &p, &e), 0);
	CHECK_INT(d.errors, 1);
	CHECK(p == NULL);
	strbuf_done(&b);
	arena_done(&a);
}

static void test_positions(void)
{
	struct arena a;
	struct err e = { 0 };
	struct strbuf b = { 0 };
	struct json_doc d = { .report = collect, .arg = &b };
	void *p = NULL;
	const char *text = quoted("{'u32':7,\n 'leaves':[{'s':'a'},{'s':'b'}],\n 'strings':['x','y'],\n"
				  " 'map':{'a.b':'1','c\\n':'2'},\n 'leafMap':{'k':{'s':'z'}},\n 'pointer':{'s':'p'}}");

	CHECK_INT(arena_init(&a, 1 << 20, &e), 0);
	CHECK_INT(json_parse(&d, &a, &tree_json, "t", text, strlen(text), &p, &e), 0);
	CHECK_INT(d.errors, 0);
	const struct tree *t = p;
	if (t) {
		json_bad(&d, &t->u32, "no");
		json_bad(&d, &t->leaves, "no");
		json_bad(&d, &t->leaves.v[1].s, "no");
		json_bad_obj(&d, &t->leaves.v[1], "no");
		json_bad(&d, &t->leaves.v[1].n, "absent");
		json_bad(&d, &t->strings.v[1], "no");
		json_bad(&d, &t->map.v[1], "no");
		json_bad(&d, &t->leaf_map.v[0].value.s, "no");
		json_bad_obj(&d, &t->leaf_map.v[0].value, "no");
		json_bad(&d, &t->pointer->s, "no");
		json_bad(&d, &t->pointer, "no");
		json_bad(&d, &t->u64, "absent %d", 5);
		json_bad_obj(&d, t, "all");
	}
	CHECK_STR(b.p, "t:1:8: u32: no\n"
		       "t:2:11: leaves: no\n"
		       "t:2:27: leaves[1].s: no\n"
		       "t:2:22: leaves[1]: no\n"
		       "t:2:22: leaves[1].n: absent\n"
		       "t:3:17: strings[1]: no\n"
		       "t:4:25: map[\"c\\x0a\"]: no\n"
		       "t:5:22: leafMap[\"k\"].s: no\n"
		       "t:5:17: leafMap[\"k\"]: no\n"
		       "t:6:17: pointer.s: no\n"
		       "t:6:12: pointer: no\n"
		       "t:1:1: u64: absent 5\n"
		       "t:1:1: all\n");
	strbuf_done(&b);
	arena_done(&a);
}

/* Every element of arrays that grew and moved, nested ones too, where it stands: one in each line. */
static void test_moved(void)
{
	enum { N = 100 };
	struct arena a;
	struct err e = { 0 };
	void *p;
	struct strbuf text = { 0 }, said = { 0 }, want = { 0 };
	struct json_doc d = { .report = collect, .arg = &said };

	CHECK(arena_init(&a, 1 << 20, &e) == 0);
	strbuf_puts(&text, "{\"leafMap\":{");
	for (int i = 0; i < N; i++)
		strbuf_printf(&text, "%s\"k%d\":\n{\"s\":\"v%d\",\"n\":%d}", i ? "," : "", i, i, i);
	strbuf_puts(&text, "},\"strings\":[");
	for (int i = 0; i < N; i++)
		strbuf_printf(&text, "%s\n\"s%d\"", i ? "," : "", i);
	strbuf_puts(&text, "]}");
	int r = json_parse(&d, &a, &tree_json, "t", text.p, text.n, &p, &e);
	CHECK_INT(r, 0);
	if (r == 0) {
		const struct tree *t = p;
		CHECK(t->leaf_map.n == N && t->strings.n == N && !t->strings.v[N]);
		for (size_t i = 0; i < N && i < JSON_ERRORS_MAX / 2; i++) {
			size_t k = N - 1 - i;
			CHECK(t->leaf_map.v[k].value.n.v == k);
			json_bad(&d, &t->leaf_map.v[k].value.n, "no");
			strbuf_printf(&want, "t:%zu:%zu: leafMap[\"k%zu\"].n: no\n", k + 2, k < 10 ? (size_t)15 : (size_t)16, k);
			json_bad(&d, &t->strings.v[k], "no");
			strbuf_printf(&want, "t:%zu:1: strings[%zu]: no\n", k + N + 2, k);
		}
	}
	CHECK_STR(said.p, want.p);
	strbuf_done(&text);
	strbuf_done(&said);
	strbuf_done(&want);
	arena_done(&a);
}

static const struct tap_test tests[] = {
	{ "documents survive reading and writing", test_good },
	{ "malformed documents are refused with their position", test_broken },
	{ "absent, empty and present differ", test_values },
	{ "indented output", test_indent },
	{ "64 levels and no more", test_depth },
	{ "16 MiB and no more", test_size },
	{ "a hundred thousand names", test_many },
	{ "a full arena is an error", test_memory },
	{ "all errors of a document", test_collect },
	{ "positions after the parse", test_positions },
	{ "positions in arrays that grew", test_moved },
};
TAP_MAIN("json", tests)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the command line: words, one per line -> options and operands, or one clean error. No word is lost:
 * each is an option, the value of one, or an operand, and those stay in their order.
 */
#include <stddef.h>

#include "../../oci/config.h"
#include "../../runtime/opt.h"
#include "fuzz.h"

struct into { bool flag, on, ended; const char *text; uint32_t number; struct opt_i64 big; struct strv list; };

#define M(member) (uint16_t)offsetof(struct into, member)
static const struct opt rows[] = {
	{ "flag", 'f', OPT_FLAG, M(flag), NULL, "flag" },
	{ "off", 'o', OPT_FLAG_OFF, M(on), NULL, "flag that is on" },
	{ "text", 't', OPT_STRING, M(text), "TEXT", "text" },
	{ "number", 'n', OPT_U32, M(number), "N", "number" },
	{ "big", 0, OPT_I64, M(big), "N", "larger number" },
	{ "list", 'l', OPT_LIST, M(list), "WORD", "list" },
	{ "old", 0, OPT_IGNORE, 0, "X", NULL },
	{ "older", 'x', OPT_IGNORE_FLAG, 0, NULL, NULL },
	{ "", 0, OPT_FLAG, M(ended), NULL, NULL },
	OPT_END,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = fuzz_arena();
	struct into into = { 0 };
	struct err e = { 0 };
	char *argv[64];
	bool help = false;
	int n = 0, at = 0;

	if (size == 0 || memchr(data, '\0', size))
		return 0;
	struct words w = words_of(data + 1, size - 1, '\n');
	memcpy(argv, w.v, sizeof(argv));
	int r = opt_parse(a, rows, &into, (enum opt_order)(data[0] % 3), data[0] / 3 % 4, (int)w.n, argv, &n, &help, &e);
	if (r < 0) {
		must_be_error(&e);
	} else {
		must(n >= 0 && (size_t)n <= w.n && into.list.n <= w.n, "operands", "more than there were words");
		for (int i = 0; i < n; i++, at++) {
			while ((size_t)at < w.n && w.v[at] != argv[i])
				at++;
			must((size_t)at < w.n, "an operand out of order", argv[i]);
		}
	}
	words_free(&w);
	return 0;
}

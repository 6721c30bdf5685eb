/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the reader of config.json, process.json and resources.json: whatever is accepted must come out
 * of the printer as a document that is accepted again and prints the same; whatever is refused must be
 * refused in the collecting mode too.
 *
 *	clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE tests/fuzz/config.c ... -lyajl
 *	./a.out -max_len=8192 tests/fuzz/corpus/config
 */
#include "../../oci/config.h"

#include <stdlib.h>

#include "../../oci/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void count(void *arg, const char *line)
{
	unsigned int *lines = arg;

	if (strchr(line, '\n') || strncmp(line, "c:", 2) != 0)
		abort();
	(*lines)++;
}

static void print(struct strbuf *b, const struct config *c)
{
	json_print(b, &config_json, c, 0);
	if (b->failed)
		abort();
}

static void again(struct arena *a, const struct config *c)
{
	const struct config *second;
	struct err e = { 0 };
	struct strbuf x = { 0 }, y = { 0 };

	print(&x, c);
	if (config_parse(a, "c", x.p, x.n, &second, &e) < 0)
		abort();
	print(&y, second);
	if (strcmp(x.p, y.p) != 0)
		abort();
	strbuf_done(&x);
	strbuf_done(&y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a;
	struct err e = { 0 };
	const struct config *c = NULL;
	const struct process *p;
	const struct resources *r;
	const char *text = (const char *)data;
	unsigned int lines = 0;

	if (arena_init(&a, (size_t)64 << 20, &e) < 0)
		return 0;
	int first = config_parse(&a, "c", text, n, &c, &e);
	int all = config_check(&a, "c", text, n, count, &lines, &e);
	if ((first == 0) != (all == 0) || (all >= 0 && all <= JSON_ERRORS_MAX && lines != (unsigned int)all))
		abort();
	if (first == 0)
		again(&a, c);
	if (process_parse(&a, "p", text, n, &p, &e) < 0 && !strstr(e.text, "p:"))
		abort();
	if (resources_parse(&a, "r", text, n, &r, &e) < 0 && !strstr(e.text, "r:"))
		abort();
	arena_done(&a);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the micro-VM's messages: bytes as a guest may send them -> frames that keep to their table, or one
 * clean error. The first byte says who speaks and in how large pieces it comes; pieces must not change the result.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../runtime/vm_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest of all frames, and how it ended. */
struct result { uint64_t digest; size_t frames; int end; };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "%s\n", what);
	abort();
}

static void take(struct result *r, enum vm_from from, const struct vm_head *h, const char *data)
{
	uint32_t value = 0;

	must(h->size <= VM_DATA_MAX && h->type < VM_TYPES && h->stream < VM_STREAMS_MAX, "a frame beyond its bounds");
	must(from == VM_FROM_HOST || (h->type != VM_PUT && h->type != VM_RUN && h->type != VM_SIGNAL && h->type != VM_NET), "a guest that gives orders");
	if (h->size == sizeof(value))
		memcpy(&value, data, sizeof(value));
	must(h->type != VM_EXIT || value <= 255, "an exit status that is none");
	must(h->type != VM_CREDIT || (value > 0 && value <= VM_WINDOW), "a credit that is none");
	for (uint32_t i = 0; i < h->size; i++)
		r->digest = (r->digest ^ (unsigned char)data[i]) * 1099511628211U;
	r->digest = (r->digest ^ h->type ^ ((uint64_t)h->stream << 8)) * 1099511628211U;
	r->frames++;
}

static struct result parse(enum vm_from from, const uint8_t *data, size_t size, size_t piece)
{
	struct result res = { 14695981039346656037U, 0, 0 };
	struct vm_reader *r = calloc(1, sizeof(*r));
	struct vm_head head;
	const char *bytes;
	struct err e = { 0 };
	int line[2];

	must(r && pipe(line) == 0, "no memory");
	while (res.end == 0 && size) {
		size_t n = piece < size ? piece : size;
		must(write(line[1], data, n) == (ssize_t)n, "write");
		data += n;
		size -= n;
		for (size_t left = n; left && res.end == 0;) {
			int got = vm_read(r, line[0]);
			must(got > 0, "a reader without room");
			left -= (size_t)got;
			while ((res.end = vm_next(r, from, &head, &bytes, &e)) > 0)
				take(&res, from, &head, bytes);
		}
	}
	must(res.end == 0 || (res.end == -EPROTO && e.text[0] && !strchr(e.text, '\n')), "an error without its text");
	(void)close(line[0]);
	(void)close(line[1]);
	free(r);
	return res;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 60000) /* what a pipe holds */
		return 0;
	enum vm_from from = (enum vm_from)(data[0] % 3);
	struct result whole = parse(from, data + 1, size - 1, 60000), parts = parse(from, data + 1, size - 1, 1 + data[0] / 3);
	must(whole.digest == parts.digest && whole.frames == parts.frames && whole.end == parts.end, "pieces change the result");
	return 0;
}

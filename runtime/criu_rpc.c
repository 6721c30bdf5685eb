/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodes and decodes the few messages that criu's service mode needs. Only the wire format of protocol buffers is
 * known here: numbers in groups of seven bits, and texts with their length before them. A generator (protobuf-c) would
 * need criu's .proto in this tree and its library built for musl, to write a few of the many fields; and
 * what criu answers must be read with bounds of our own in any case.
 */
#include "criu_rpc.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/util.h"

enum { WIRE_NUMBER = 0, WIRE_EIGHT = 1, WIRE_BYTES = 2, WIRE_FOUR = 5 };

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static void put_varint(struct strbuf *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		strbuf_add(b, &(char){ (char)(v | 0x80) }, 1);
	strbuf_add(b, &(char){ (char)v }, 1);
}

static void put_number(struct strbuf *b, uint32_t field, uint64_t v)
{
	put_varint(b, (uint64_t)field << 3 | WIRE_NUMBER);
	put_varint(b, v);
}

static void put_bytes(struct strbuf *b, uint32_t field, const void *p, size_t n)
{
	put_varint(b, (uint64_t)field << 3 | WIRE_BYTES);
	put_varint(b, n);
	strbuf_add(b, p, n);
}

/* ---- words to fields of criu_opts -------------------------------------------------------------------------------------- */

enum word_kind {
	WORD_NONE,	 /* said otherwise, or what service mode does anyway */
	WORD_NONE_VALUE, /* the same with a value */
	WORD_FLAG, WORD_TEXT,
	WORD_INHERIT,	 /* fd[N]:KEY */
	WORD_CGROUP_ROOT, WORD_EMPTY_NS, WORD_LOCK,
};

static const struct rpc_word { const char *word; uint8_t kind, field; } rpc_words[] = {
	{ "--images-dir", WORD_NONE_VALUE, 1 },
	{ "--ext-unix-sk", WORD_FLAG, 4 },
	{ "--tcp-established", WORD_FLAG, 5 },
	{ "--shell-job", WORD_FLAG, 7 },
	{ "--file-locks", WORD_FLAG, 8 },
	{ "-v4", WORD_NONE, 9 },
	{ "--log-file", WORD_TEXT, 10 },
	{ "--root", WORD_TEXT, 13 },
	{ "--auto-dedup", WORD_FLAG, 15 },
	{ "--work-dir", WORD_NONE_VALUE, 17 },
	{ "--link-remap", WORD_FLAG, 18 },
	{ "--cgroup-root", WORD_CGROUP_ROOT, 25 },
	{ "--restore-sibling", WORD_FLAG, 26 },
	{ "--restore-detached", WORD_NONE, 0 },
	{ "--inherit-fd", WORD_INHERIT, 27 },
	{ "--external", WORD_TEXT, 37 },
	{ "--empty-ns", WORD_EMPTY_NS, 38 },
	{ "--lazy-pages", WORD_FLAG, 48 },
	{ CRIU_TERMINAL_WORD, WORD_FLAG, 50 },
	{ "--config", WORD_TEXT, 51 },
	{ "--tcp-close", WORD_FLAG, 52 },
	{ "--lsm-profile", WORD_TEXT, 53 },
	{ "--lsm-mount-context", WORD_TEXT, 63 },
	{ "--network-lock", WORD_LOCK, 64 },
	{ "--mntns-compat-mode", WORD_FLAG, 65 },
};
enum { FIELD_IMAGES = 1, FIELD_LOG_LEVEL = 9, FIELD_NOTIFY = 12, FIELD_WORK = 17, FIELD_CGROUPS = 24, FIELD_CGROUPS_MODE = 34 };

#define CGROUPS_PREFIX "--manage-cgroups="

static uint64_t index_in(const char *const *words, const char *word)
{
	uint64_t i = 0;

	while (words[i] && !str_eq(words[i], word))
		i++;
	return i;
}

static void put_cgroups(struct strbuf *b, const char *mode)
{
	static const char *const modes[] = { "ignore", "none", "props", "soft", "full", "strict", NULL };

	put_number(b, FIELD_CGROUPS, 1);
	put_number(b, FIELD_CGROUPS_MODE, index_in(modes, mode));
}

static int put_inherited(struct strbuf *b, uint32_t field, const char *value, struct err *e)
{
	auto_strbuf struct strbuf inner = { 0 };
	char digits[16] = "";
	const char *end = strchr(value, ']');
	uint64_t fd;

	if (!str_starts(value, "fd[") || !end || end[1] != ':' || (size_t)(end - value - 3) >= sizeof(digits))
		return err_bad(e, "criu: no descriptor and key: %s", value);
	memcpy(digits, value + 3, (size_t)(end - value - 3));
	if (str_u64(digits, INT32_MAX, &fd) < 0)
		return err_bad(e, "criu: no descriptor and key: %s", value);
	put_bytes(&inner, 1, end + 2, strlen(end + 2));
	put_number(&inner, 2, fd);
	put_bytes(b, field, inner.p, inner.n);
	b->failed |= inner.failed;
	return 0;
}

static void put_cgroup_root(struct strbuf *b, uint32_t field, const char *path)
{
	auto_strbuf struct strbuf inner = { 0 };

	put_bytes(&inner, 2, path, strlen(path));
	put_bytes(b, field, inner.p, inner.n);
	b->failed |= inner.failed;
}

static int put_word(struct strbuf *b, const struct rpc_word *r, const char *value, struct err *e)
{
	static const char *const locks[] = { "", "iptables", "nftables", "skip", NULL };

	switch ((enum word_kind)r->kind) {
	case WORD_NONE:
	case WORD_NONE_VALUE:
		return 0;
	case WORD_FLAG:
		put_number(b, r->field, 1);
		return 0;
	case WORD_TEXT:
		put_bytes(b, r->field, value, strlen(value));
		return 0;
	case WORD_INHERIT:
		return put_inherited(b, r->field, value, e);
	case WORD_CGROUP_ROOT:
		put_cgroup_root(b, r->field, value);
		return 0;
	case WORD_EMPTY_NS:
		put_number(b, r->field, CLONE_NEWNET);
		return 0;
	case WORD_LOCK:
		put_number(b, r->field, index_in(locks, value));
		return 0;
	}
	return err_bad(e, "criu: unknown option %s", r->word);
}

static const struct rpc_word *find_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(rpc_words); i++)
		if (str_eq(rpc_words[i].word, word))
			return &rpc_words[i];
	return NULL;
}

int criu_request(struct strbuf *out, const struct criu_words *w, int images_fd, int work_fd, struct err *e)
{
	auto_strbuf struct strbuf opts = { 0 };

	put_number(&opts, FIELD_IMAGES, (uint64_t)images_fd);
	put_number(&opts, FIELD_WORK, (uint64_t)work_fd);
	put_number(&opts, FIELD_LOG_LEVEL, 4);
	put_number(&opts, FIELD_NOTIFY, 1);
	for (size_t i = 2; i < w->list.n; i++) {
		const struct rpc_word *r = find_word(w->list.v[i]);
		if (str_starts(w->list.v[i], CGROUPS_PREFIX)) {
			put_cgroups(&opts, w->list.v[i] + strlen(CGROUPS_PREFIX));
			continue;
		}
		bool valued = r && r->kind != WORD_NONE && r->kind != WORD_FLAG;
		if (!r || (valued && i + 1 == w->list.n))
			return err_bad(e, "criu: unknown option %s", w->list.v[i]);
		int ret = put_word(&opts, r, valued ? w->list.v[++i] : "", e);
		if (ret < 0)
			return ret;
	}
	put_number(out, 1, CRIU_RESTORE);
	put_bytes(out, 2, opts.p, opts.n);
	return opts.failed || out->failed ? err_nomem(e) : 0;
}

void criu_reply(struct strbuf *out, bool go_on)
{
	put_number(out, 1, CRIU_NOTIFY);
	put_number(out, 3, go_on);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

struct field { uint64_t number, value; const uint8_t *bytes; uint64_t n; uint8_t wire; };

static bool take_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	*ret = 0;
	for (unsigned int shift = 0; shift < 64 && *p < end; shift += 7) {
		uint8_t byte = *(*p)++;
		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* 1: a field, 0: the end, -EPROTO. */
static int take_field(const uint8_t **p, const uint8_t *end, struct field *f)
{
	uint64_t tag;

	if (*p == end)
		return 0;
	if (!take_varint(p, end, &tag))
		return -EPROTO;
	*f = (struct field){ .number = tag >> 3, .wire = tag & 7 };
	if (f->wire == WIRE_NUMBER)
		return take_varint(p, end, &f->value) ? 1 : -EPROTO;
	f->n = f->wire == WIRE_EIGHT ? 8 : 4;
	if (f->wire == WIRE_BYTES && !take_varint(p, end, &f->n))
		return -EPROTO;
	if (f->wire != WIRE_BYTES && f->wire != WIRE_EIGHT && f->wire != WIRE_FOUR)
		return -EPROTO;
	if (f->n > (uint64_t)(end - *p))
		return -EPROTO;
	f->bytes = *p;
	*p += f->n;
	return 1;
}

/* Of a failure it is -1: none. */
static pid_t pid_of(const struct field *f)
{
	return f->wire == WIRE_NUMBER && f->value <= INT32_MAX ? (pid_t)f->value : 0;
}

/* criu_restore_resp has the pid as field 1; criu_notify the name as 1 and the pid as 2. */
static int parse_inner(const struct field *outer, bool notify, struct criu_answer *ret)
{
	const uint8_t *p = outer->bytes, *end = p + outer->n;
	struct field f;
	int r;

	while ((r = take_field(&p, end, &f)) > 0) {
		if (notify && f.number == 1 && f.wire == WIRE_BYTES) {
			size_t n = MIN((size_t)f.n, sizeof(ret->script) - 1);
			memcpy(ret->script, f.bytes, n);
			ret->script[n] = '\0';
		} else if (f.number == (notify ? 2 : 1)) {
			ret->pid = pid_of(&f);
		}
	}
	return r;
}

int criu_answer_parse(const void *bytes, size_t n, struct criu_answer *ret)
{
	const uint8_t *p = bytes, *end = p + n;
	struct field f;
	int r;

	*ret = (struct criu_answer){ 0 };
	while ((r = take_field(&p, end, &f)) > 0) {
		if (f.number == 1 && f.wire == WIRE_NUMBER)
			ret->type = f.value;
		else if (f.number == 2 && f.wire == WIRE_NUMBER)
			ret->success = f.value != 0;
		else if ((f.number == 4 || f.number == 5) && f.wire == WIRE_BYTES)
			r = parse_inner(&f, f.number == 5, ret);
		if (r < 0)
			return r;
	}
	return r < 0 || !ret->type ? -EPROTO : 0;
}

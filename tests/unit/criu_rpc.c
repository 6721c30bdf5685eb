/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of criu's service mode: bytes as the format has them, and answers that are broken. */
#include "../../runtime/criu_rpc.h"

#include <errno.h>
#include <string.h>

#include "../../runtime/base/util.h"
#include "tap.h"

static struct err err;

static int request_of(const char *const *words, size_t n, struct strbuf *out)
{
	static struct arena arena;
	struct criu_words w = { .arena = &arena };

	err = (struct err){ 0 };
	if (!arena.base && arena_init(&arena, 0, &err) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		criu_word(&w, words[i]);
	return criu_request(out, &w, 5, 300, &err);
}

static void request_bytes(void)
{
	static const char *const words[] = { "criu", "restore", "--images-dir", "/i", "-v4", "--root", "/r", "--tcp-close",
					     "--inherit-fd", "fd[7]:k", "--manage-cgroups=soft", "--cgroup-root", "/c", "--empty-ns", "net" };
	static const unsigned char want[] = {
		0x08, 2, 0x12, 45, /* RESTORE, options */
		0x08, 5, 0x88, 0x01, 0xac, 0x02, 0x48, 4, 0x60, 1, /* the directories (300 in two bytes), log level, notify */
		0x6a, 2, '/', 'r', 0xa0, 0x03, 1, /* root, tcp_close */
		0xda, 0x01, 5, 0x0a, 1, 'k', 0x10, 7, /* inherit_fd */
		0xc0, 0x01, 1, 0x90, 0x02, 3, /* manage_cgroups, SOFT */
		0xca, 0x01, 4, 0x12, 2, '/', 'c', /* cg_root */
		0xb0, 0x02, 0x80, 0x80, 0x80, 0x80, 0x04, /* empty_ns: CLONE_NEWNET */
	};
	auto_strbuf struct strbuf b = { 0 };

	CHECK_INT(request_of(words, ARRAY_SIZE(words), &b), 0);
	CHECK_INT(b.n, sizeof(want));
	CHECK(b.n == sizeof(want) && memcmp(b.p, want, b.n) == 0);
}

static void request_refuses(void)
{
	static const char *const bad[][2] = { { "--unknown", "x" }, { "--inherit-fd", "7:k" }, { "--inherit-fd", "fd[x]:k" },
					      { "--tcp-close", "--root" } };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *const words[] = { "criu", "restore", bad[i][0], bad[i][1] };
		auto_strbuf struct strbuf b = { 0 };
		CHECK_INT(request_of(words, ARRAY_SIZE(words), &b), -EINVAL);
	}
}

static void answers(void)
{
	static const unsigned char notify[] = { 0x08, 6, 0x10, 1, 0x2a, 8, 0x0a, 3, 'a', '-', 'b', 0x10, 0xac, 0x02 };
	static const unsigned char done[] = { 0x08, 2, 0x10, 1, 0x22, 2, 0x08, 9, 0x4a, 1, 'x' };
	static const unsigned char failed[] = { 0x08, 2, 0x10, 0, 0x22, 11, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 };
	struct criu_answer a;

	CHECK_INT(criu_answer_parse(notify, sizeof(notify), &a), 0);
	CHECK_INT(a.type, CRIU_NOTIFY);
	CHECK_STR(a.script, "a-b");
	CHECK_INT(a.pid, 300);
	CHECK_INT(criu_answer_parse(done, sizeof(done), &a), 0);
	CHECK(a.success && a.type == CRIU_RESTORE);
	CHECK_INT(a.pid, 9);
	CHECK_INT(criu_answer_parse(failed, sizeof(failed), &a), 0);
	CHECK(!a.success && a.pid == 0);
	/* A cut one never reads on. */
	for (size_t n = 0; n < sizeof(done); n++)
		CHECK(criu_answer_parse(done, n, &a) == -EPROTO || a.pid == 0 || a.pid == 9);
	CHECK_INT(criu_answer_parse("", 0, &a), -EPROTO);
	CHECK_INT(criu_answer_parse("\x22\xff\xff\xff\xff\x0f", 6, &a), -EPROTO);
	CHECK_INT(criu_answer_parse("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, &a), -EPROTO);
	CHECK_INT(criu_answer_parse("\x0b", 1, &a), -EPROTO);
}

static void replies(void)
{
	auto_strbuf struct strbuf b = { 0 };

	criu_reply(&b, true);
	CHECK(b.n == 4 && memcmp(b.p, "\x08\x06\x18\x01", 4) == 0);
}

static const struct tap_test tests[] = {
	{ "the bytes of a request", request_bytes },
	{ "words without a field", request_refuses },
	{ "answers, whole and broken", answers },
	{ "replies", replies },
};

TAP_MAIN("criu_rpc", tests)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the readers of small texts that are not ours: the container's passwd, a mountinfo, criu's answers,
 * and what the container side says. The first byte chooses.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../cgroup/rdt.h"
#include "../../oci/passwd.h"
#include "../../runtime/criu_rpc.h"
#include "../../runtime/sync.h"
#include "fuzz.h"

/* `text` is an exact copy, without an end of its own. */
static void passwd(const char *text, size_t n)
{
	char home[64] = "untouched";

	for (uint32_t uid = 0; uid <= 1000; uid += 500)
		if (passwd_home(text, n, uid, home, sizeof(home))) {
			must(home[0] == '/' && memchr(home, '\0', sizeof(home)) && !strchr(home, '\n'), "home", home);
			must(memmem(text, n, home, strlen(home)) != NULL, "a home that is not in the text", home);
		}
}

static void mountinfo(const char *text, size_t n)
{
	struct arena *a = fuzz_arena();
	const char *where = NULL;
	struct err e = { 0 };

	if (rdt_find(a, arena_strndup(a, text, n), &where, &e) < 0)
		must_be_error(&e);
	else
		must(!where || where[0] == '/', "place", where);
}

static void answer(const char *text, size_t n)
{
	struct criu_answer a = { 0 };
	int r = criu_answer_parse(text, n, &a);

	must(r == 0 || r == -EPROTO, "answer", "another error");
	must(r < 0 || memchr(a.script, '\0', sizeof(a.script)), "answer", "a name without an end");
	must(r < 0 || a.pid >= 0, "answer", "a pid below zero");
}

static void message(const char *text, size_t n)
{
	struct sync_message m = { 0 };
	struct err e = { 0 };
	int pair[2], fd = -1;

	if (n == 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return;
	if (send(pair[0], text, n, MSG_DONTWAIT) == (ssize_t)n) {
		if (sync_recv(pair[1], 1000, &m, &fd, &e) < 0) {
			must_be_error(&e);
		} else {
			must(fd < 0 && m.type > 0 && m.type < SYNC_EOF, "message", sync_name(m.type));
			must(m.type != SYNC_ERROR || (m.err.code > 0 && memchr(m.err.text, '\0', sizeof(m.err.text))), "message", "error");
		}
	}
	close(pair[0]);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *, size_t) = { passwd, mountinfo, answer, message };

	if (size == 0)
		return 0;
	char *text = exact_copy(data + 1, size - 1);

	readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](text, size - 1);
	free(text);
	return 0;
}

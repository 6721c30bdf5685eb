/* SPDX-License-Identifier: Apache-2.0 */
#include "../../runtime/parts.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define MANY 1000

struct what {
	pid_t self;
	size_t here;	 /* elements written by this process */
	bool lost;	 /* other processes are killed */
	size_t bad;	 /* the element that cannot be written */
};

static int numbers(size_t from, size_t to, void *arg, struct strbuf *out, struct err *e)
{
	struct what *w = arg;

	for (size_t i = from; i < to; i++) {
		if (w->lost && i == (from + to) / 2 && getpid() != w->self)
			(void)raise(SIGKILL);
		if (i == w->bad)
			return err_set(e, EIO, "element %zu", i);
		strbuf_printf(out, "%zu\n", i);
		w->here++;
	}
	return 0;
}

static bool is_whole(const struct strbuf *b, size_t n)
{
	const char *p = b->p;
	size_t i = 0;

	for (char *end; i < n && p && *p; i++, p = end + 1)
		if (strtoul(p, &end, 10) != i || *end != '\n')
			return false;
	return i == n && (n == 0 || p == b->p + b->n);
}

static size_t cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (size_t)CPU_COUNT(&set);
}

static bool has_child(void)
{
	return waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
}

static void divided(void)
{
	struct what w = { .self = getpid(), .bad = MANY };
	struct strbuf b = { 0 };
	struct err e;

	if (cpus() < 2) {
		tap_skip("one processor");
		return;
	}
	CHECK_INT(parts_write(MANY, numbers, &w, &b, &e), 0);
	CHECK(is_whole(&b, MANY));
	CHECK(w.here > 0 && w.here <= MANY / 2);
	CHECK(!has_child());
	strbuf_done(&b);
}

static void few(void)
{
	for (size_t n = 0; n < 128; n += 127) {
		struct what w = { .self = getpid(), .bad = MANY };
		struct strbuf b = { 0 };
		struct err e;
		CHECK_INT(parts_write(n, numbers, &w, &b, &e), 0);
		CHECK(is_whole(&b, n));
		CHECK_INT(w.here, n);
		strbuf_done(&b);
	}
}

static void killed(void)
{
	struct what w = { .self = getpid(), .lost = true, .bad = MANY };
	struct strbuf b = { 0 };
	struct err e;

	CHECK_INT(parts_write(MANY, numbers, &w, &b, &e), 0);
	CHECK(is_whole(&b, MANY));
	CHECK_INT(w.here, MANY);
	CHECK(!has_child());
	strbuf_done(&b);
}

static void fails(void)
{
	static const size_t at[] = { 0, 1, MANY / 2, MANY - 1 };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct what w = { .self = getpid(), .bad = at[i] };
		struct strbuf b = { 0 };
		struct err e = { 0 };
		char text[32];
		CHECK_INT(parts_write(MANY, numbers, &w, &b, &e), -EIO);
		(void)snprintf(text, sizeof(text), "element %zu", at[i]);
		CHECK_STR(e.text, text);
		CHECK(!has_child());
		strbuf_done(&b);
	}
}

static const struct tap_test tests[] = {
	{ "many: in order, by more than this process, of which none is left", divided },
	{ "few: by this process", few },
	{ "what a process did not write that was killed is written here", killed },
	{ "the error of an element, wherever it is", fails },
};
TAP_MAIN("parts", tests)

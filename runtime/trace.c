/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes spans and writes them as JSON. Never fails in between: where memory is out, later spans are missing, and the
 * file says so. What the container side says is checked: it only places its own spans in time.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

#define OPEN_FLAGS (O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY)

int trace_new(struct arena *a, const char *file, const char *command, const char *id, struct trace **ret,
	      struct err *e)
{
	if (!file)
		return 0;
	struct trace *t = *ret ? *ret : arena_new(a, struct trace);
	auto_close int fd = open(file, OPEN_FLAGS | O_NONBLOCK, 0644);

	/* A FIFO that nobody reads yet is waited for at the end. */
	if (fd < 0 && errno != ENXIO)
		return err_sys(e, errno, "open trace %s", file);
	if (!t)
		return err_nomem(e);
	*t = (struct trace){ .arena = a, .file = file, .command = command, .id = id, .say = t->say, .who = t->who };
	*ret = t;
	return 0;
}

struct trace *trace_talk(struct arena *a, void (*say)(void *who, const char *line), void *who)
{
	struct trace *t = arena_new(a, struct trace);

	if (t)
		*t = (struct trace){ .arena = a, .say = say, .who = who };
	return t;
}

int64_t trace_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static const struct {
	enum trace_lane lane;
	const char *name;
} lanes[] = {
	{ TRACE_HOST, "host side" },
	{ TRACE_CONTAINER, "container side" },
	{ TRACE_HOOKS, "hooks" },
	{ TRACE_PROGRAM, "program" },
};

/* The mark as a line of --debug. */
static void say(const struct trace *t, const struct trace_event *ev)
{
	auto_strbuf struct strbuf b = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		if (lanes[i].lane == ev->lane)
			strbuf_printf(&b, "%s: ", lanes[i].name);
	strbuf_puts(&b, ev->name);
	if (ev->detail)
		strbuf_printf(&b, " %s", ev->detail);
	if (!b.failed)
		t->say(t->who, b.p);
}

static struct trace_event *add(struct trace *t, enum trace_lane lane, const char *name, const char *detail)
{
	if (t->n == t->size) {
		size_t size = t->size ? 2 * t->size : 128;
		struct trace_event *v = arena_array(t->arena, size, sizeof(*v));
		if (!v)
			return NULL;
		if (t->n)
			memcpy(v, t->v, t->n * sizeof(*v));
		t->v = v;
		t->size = size;
	}
	struct trace_event *ev = &t->v[t->n++];
	*ev = (struct trace_event){ .name = name, .detail = detail, .lane = lane };
	return ev;
}

struct trace_span trace_begin(struct trace *t, enum trace_lane lane, const char *name, const char *detail)
{
	struct trace_event *ev = add(t, lane, name, detail);

	if (!ev)
		return (struct trace_span){ NULL, 0 };
	if (t->say)
		say(t, ev);
	ev->start = trace_now();
	return (struct trace_span){ t, t->n - 1 };
}

void trace_end(const struct trace_span *s)
{
	s->t->v[s->at].end = trace_now();
}

/* ---- the container side ---------------------------------------------------------------------------------- */

/* A span of the container side, from the end of the one before it. */
static void add_step(struct trace *t, const char *name, const char *detail, int64_t until)
{
	struct trace_event *ev = add(t, TRACE_CONTAINER, name, detail);

	if (ev) {
		ev->start = t->container_ns;
		ev->end = until;
		if (t->say)
			say(t, ev);
	}
	t->container_ns = until;
}

/* What a step is about: its first member that is a text. */
static const char *step_detail(const struct step *s)
{
	const struct plan_step_type *type = &plan_step_types[s->op];

	for (uint32_t i = 0; i < type->n_fields; i++) {
		const void *member = (const char *)s->arg + type->fields[i].offset;
		const char *text = type->fields[i].kind == PLAN_STR ? *(const char *const *)member : NULL;
		if (text)
			return text;
	}
	return NULL;
}

static void take_stamp(struct trace *t, const struct sync_stamp *stamp, int64_t now)
{
	int64_t until = MIN(MAX((int64_t)MIN(stamp->ns, (uint64_t)INT64_MAX), t->container_ns), now);
	const struct step *s = t->steps && stamp->index < t->steps->n ? &t->steps->v[stamp->index] : NULL;
	int64_t from = t->container_ns;

	if (stamp->op == SYNC_STAMP_ENTERED && from == 0)
		t->container_ns = until;
	else if (stamp->op == SYNC_STAMP_ENTERED)
		add_step(t, "namespaces, enter ctr-init", NULL, until);
	else if (stamp->op == SYNC_STAMP_PLAN)
		add_step(t, "take the plan", NULL, until);
	else if (stamp->op < STEP_COUNT)
		add_step(t, plan_step_types[stamp->op].name, s && s->op == stamp->op ? step_detail(s) : NULL, until);
	if (stamp->op != STEP_HOOK && stamp->op != STEP_START_HOOK)
		return;
	struct trace_event *ev = add(t, TRACE_HOOKS, stamp->op == STEP_HOOK ? "createContainer" : "startContainer",
				     s && s->op == stamp->op ? step_detail(s) : NULL);
	if (ev) {
		ev->start = from;
		ev->end = until;
	}
}

void trace_stamps(struct trace *t, const struct sync_message *m)
{
	int64_t now = t ? trace_now() : 0;

	for (int32_t i = 0; t && i < m->value; i++)
		take_stamp(t, &m->stamps[i], now);
}

void trace_executed(struct trace *t)
{
	if (t && t->container_ns)
		add_step(t, "execve", NULL, trace_now());
}

/* ---- the document ----------------------------------------------------------------------------------------- */

static void print_micros(struct strbuf *b, int64_t ns)
{
	strbuf_printf(b, "%" PRId64 ".%03d", ns / 1000, (int)(ns % 1000));
}

static void print_event(struct strbuf *b, const struct trace *t, const struct trace_event *ev, int64_t now)
{
	int64_t start = ev->start - t->v[0].start, ns = (ev->end ? ev->end : now) - ev->start;

	strbuf_puts(b, ",\n{\"ph\":\"X\",\"name\":");
	strbuf_json(b, ev->name);
	strbuf_puts(b, ",\"ts\":");
	print_micros(b, MAX(start, (int64_t)0));
	strbuf_puts(b, ",\"dur\":");
	print_micros(b, MAX(ns, (int64_t)0));
	strbuf_printf(b, ",\"pid\":1,\"tid\":%u,\"args\":{", ev->lane);
	if (ev->detail) {
		strbuf_puts(b, "\"detail\":");
		strbuf_json(b, ev->detail);
		strbuf_puts(b, ",");
	}
	strbuf_printf(b, "\"start_ns\":%" PRId64 ",\"ns\":%" PRId64 "}}", MAX(start, (int64_t)0), MAX(ns, (int64_t)0));
}

static void print_text(struct strbuf *b, const char *name, const char *text)
{
	strbuf_printf(b, ",\"%s\":", name);
	strbuf_json(b, text);
}

static void print_head(struct strbuf *b, const struct trace *t, const char *version, const char *failure)
{
	struct utsname u;
	time_t when = (time_t)((t->n ? t->v[0].start : trace_now()) / 1000000000);
	struct tm tm;
	char date[32] = "";

	if (gmtime_r(&when, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	strbuf_puts(b, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"command\":");
	strbuf_json(b, t->command);
	print_text(b, "container", t->id);
	print_text(b, "version", version);
	print_text(b, "date", date);
	if (uname(&u) == 0) {
		print_text(b, "kernel", u.release);
		print_text(b, "machine", u.machine);
	}
	if (failure)
		print_text(b, "failure", failure);
	strbuf_puts(b, "},\n\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"ctr ");
	strbuf_puts(b, t->command);
	strbuf_puts(b, "\"}}");
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		strbuf_printf(b, ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":%d,\"args\":{\"name\":\"%s\"}}",
			      lanes[i].lane, lanes[i].name);
}

int trace_write(const struct trace *t, const char *version, const char *failure, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	int64_t now = trace_now();

	print_head(&b, t, version, failure);
	for (size_t i = 0; i < t->n; i++)
		print_event(&b, t, &t->v[i], now);
	strbuf_puts(&b, "\n]}\n");
	if (b.failed)
		return err_nomem(e);
	auto_close int fd = open(t->file, OPEN_FLAGS | O_TRUNC, 0644);
	if (fd < 0)
		return err_sys(e, errno, "open trace %s", t->file);
	int r = fd_write_all(fd, b.p, b.n);
	return r < 0 ? err_sys(e, r, "write trace %s", t->file) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr events: one JSON object a line, `{"type":...,"id":...,"data":...}`. Statistics at an interval; memory
 * events when the kernel announces them (poll on memory.events), never by looking again and again. Ends
 * with the container, and with the reader of its output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/util.h"
#include "stats.h"

struct events_opts {
	const char *interval;
	bool stats;
};

static const struct opt events_options[] = {
	{ "interval", 0, OPT_STRING, offsetof(struct events_opts, interval), "TIME",
	  "between statistics (default 5s)" },
	{ "stats", 0, OPT_FLAG, offsetof(struct events_opts, stats), NULL, "print the statistics once" },
	OPT_END,
};

struct watch {
	struct ctx *ctx;
	struct stats_source source;
	int memory; /* memory.events, -EBADF when there is none */
	struct cgroup_memory_events last;
};

static int put_line(struct strbuf *b, struct err *e)
{
	strbuf_puts(b, "}\n");
	return print_out(b, e);
}

static void begin_line(struct strbuf *b, const struct watch *w, const char *type)
{
	strbuf_printf(b, "{\"type\":\"%s\",\"id\":", type);
	strbuf_json(b, w->source.c->id);
	strbuf_puts(b, ",\"data\":");
}

static int put_stats(struct watch *w, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	struct container_stats s;
	size_t used = w->ctx->arena.used;
	int r = stats_read(&w->ctx->arena, &w->source, &s, e);

	if (r == 0) {
		begin_line(&b, w, "stats");
		stats_print_data(&b, &w->ctx->arena, &s);
		r = put_line(&b, e);
	}
	arena_rewind(&w->ctx->arena, used);
	return r;
}

/* `count` is since the cgroup was made; one event may stand for several. */
static int put_memory_event(struct watch *w, const char *type, struct opt_u64 before, struct opt_u64 now,
			    struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	if (!now.set || now.v <= before.v)
		return 0;
	begin_line(&b, w, type);
	strbuf_printf(&b, "{\"count\":%llu}", (unsigned long long)now.v);
	return put_line(&b, e);
}

/* Reading arms the descriptor again. false: the cgroup is gone. */
static bool read_memory_events(const struct watch *w, struct cgroup_memory_events *ret)
{
	char text[512];
	ssize_t n;

	do
		n = pread(w->memory, text, sizeof(text) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	text[n] = '\0';
	cgroup_parse_memory_events(text, ret);
	return true;
}

static int memory_changed(struct watch *w, struct err *e)
{
	struct cgroup_memory_events now;

	if (w->memory < 0)
		return 0;
	if (!read_memory_events(w, &now)) {
		fd_close(&w->memory);
		return 0;
	}
	int r = put_memory_event(w, "oom", w->last.oom_kill, now.oom_kill, e);
	if (r == 0)
		r = put_memory_event(w, "memory.high", w->last.high, now.high, e);
	w->last = now;
	return r;
}

static void watch_begin(struct watch *w)
{
	if (w->source.cgroup >= 0)
		w->memory = openat(w->source.cgroup, "memory.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (w->memory >= 0 && !read_memory_events(w, &w->last))
		fd_close(&w->memory);
	if (w->memory < 0)
		ctx_warn(w->ctx, "no memory events: the memory controller is not enabled for this container");
}

static int watch_loop(struct watch *w, int64_t interval, struct err *e)
{
	int64_t next = now_ms();

	for (;;) {
		struct pollfd p[] = { { .fd = w->source.pidfd, .events = POLLIN },
				      { .fd = w->memory, .events = POLLPRI },
				      { .fd = STDOUT_FILENO } };
		if (poll(p, ARRAY_SIZE(p), (int)MAX(next - now_ms(), (int64_t)0)) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for events");
		bool ended = p[0].revents;
		/* Even without a sign: what killed the first process is counted before the process ends. */
		int r = p[1].revents || ended ? memory_changed(w, e) : 0;
		if (r < 0 || ended || p[2].revents & (POLLERR | POLLHUP | POLLNVAL))
			return r;
		if (now_ms() < next)
			continue;
		r = put_stats(w, e);
		if (r == -ENODEV || r == -ESRCH)
			return 0;
		if (r < 0)
			return r;
		next = MAX(next + interval, now_ms());
	}
}

static int events_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct events_opts *o = opts;
	auto_container struct container c = CONTAINER_NONE;
	struct watch w = { .ctx = ctx, .source = STATS_SOURCE_NONE, .memory = -EBADF };
	int64_t interval = 0;
	int r = stats_interval(o->interval ? o->interval : "5s", &interval, e);

	(void)argc;
	if (r < 0)
		return err_in(e, "--interval");
	r = store_load(ctx, argv[0], &c, e);
	if (r == 0)
		r = stats_source_open(&c, &w.source, e);
	if (r == 0 && o->stats) {
		r = put_stats(&w, e);
	} else if (r == 0) {
		watch_begin(&w);
		r = watch_loop(&w, interval, e);
	}
	fd_close(&w.memory);
	stats_source_done(&w.source);
	return r;
}

const struct command command_events = {
	.name = "events",
	.operands = "ID",
	.help = "print statistics and memory events of a container as JSON",
	.run = events_run,
	.options = events_options,
	.opts_size = sizeof(struct events_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
	.details = "One object a line. stats: what the container uses. oom: a process of it was killed for lack\n"
		   "of memory. memory.high: it was slowed down at memory.high. The latter two carry the number\n"
		   "since the container was created. Ends when the container does.\n",
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr stats: what containers use, for people: a table that is drawn anew at an interval, 79 columns wide.
 * As JSON: one array a line, whose elements carry the data of `events`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/util.h"
#include "base/wait.h"
#include "stats.h"

/* CPU use is a difference: the first look happens this long before the first table. */
#define FIRST_SAMPLE_MS 200
/* Of an id in the table; the JSON has all of it. */
#define ID_COLUMNS 14

struct stats_opts {
	const char *format, *interval;
	bool once;
};

static const struct opt stats_options[] = {
	{ "format", 'f', OPT_STRING, offsetof(struct stats_opts, format), "FORMAT",
	  "table (default) or json" },
	{ "interval", 'i', OPT_STRING, offsetof(struct stats_opts, interval), "TIME",
	  "between two tables (default 2s)" },
	{ "once", 0, OPT_FLAG, offsetof(struct stats_opts, once), NULL, "print one table and end" },
	OPT_END,
};

/* The CPU time of one container as it was at the last look. */
struct sample {
	char id[256]; /* store_check_id() allows no more */
	uint64_t usage; /* microseconds */
	int64_t when;	/* microseconds */
	bool fresh;	/* seen in this round */
};

struct view {
	struct ctx *ctx;
	struct strv ids; /* named by the caller; n 0: all */
	bool json, tty;
	struct sample *samples;
	size_t n_samples;
	bool first;	   /* the look before the first round: nothing is printed */
	struct strbuf out; /* of this round */
	size_t shown;
};

/* ---- CPU ------------------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct sample *sample_of(struct view *v, const char *id)
{
	for (size_t i = 0; i < v->n_samples; i++)
		if (str_eq(v->samples[i].id, id))
			return &v->samples[i];
	struct sample *bigger = realloc(v->samples, (v->n_samples + 1) * sizeof(*bigger));
	if (!bigger)
		return NULL;
	v->samples = bigger;
	struct sample *s = &bigger[v->n_samples++];
	*s = (struct sample){ 0 };
	(void)strncat(s->id, id, sizeof(s->id) - 1);
	return s;
}

/* Tenths of a percent of one CPU since the last look. */
static int cpu_use(struct view *v, const char *id, struct opt_u64 usage, struct opt_u64 *ret, struct err *e)
{
	struct sample *s = sample_of(v, id);
	int64_t now = now_us();

	if (!s)
		return err_nomem(e);
	*ret = CGROUP_ABSENT;
	if (usage.set && s->when && now > s->when && usage.v >= s->usage)
		*ret = cgroup_some((usage.v - s->usage) * 1000 / (uint64_t)(now - s->when));
	s->fresh = true;
	s->usage = usage.v;
	s->when = usage.set ? now : 0;
	return 0;
}

/* Forgets containers that were not seen in this round: a new one of the same id starts from nothing. */
static void drop_old_samples(struct view *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n_samples; i++) {
		if (!v->samples[i].fresh)
			continue;
		if (kept != i)
			v->samples[kept] = v->samples[i];
		v->samples[kept++].fresh = false;
	}
	v->n_samples = kept;
}

/* ---- output ---------------------------------------------------------------------------------------- */

static struct opt_u64 io_sum(const struct cgroup_io_stats *io, bool write)
{
	struct opt_u64 total = { .set = io->set };

	for (size_t i = 0; i < io->n; i++)
		total.v += write ? io->v[i].wbytes.v : io->v[i].rbytes.v;
	return total;
}

/* Everything but the loopback device. */
static struct opt_u64 net_sum(const struct container_stats *s, bool transmit)
{
	struct opt_u64 total = { .set = s->net_set };

	for (size_t i = 0; i < s->net.n; i++)
		if (!str_eq(s->net.v[i].name, "lo"))
			total.v += transmit ? s->net.v[i].tx_bytes : s->net.v[i].rx_bytes;
	return total;
}

/* "2/0/15": whole percents of the last ten seconds in which something waited. */
static void print_pressure(struct strbuf *b, const struct cgroup_stats *s)
{
	const struct cgroup_pressure *p[] = { &s->cpu_pressure, &s->memory_pressure, &s->io_pressure };

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		strbuf_puts(b, i ? "/" : "");
		if (p[i]->some_set)
			strbuf_printf(b, "%u", MIN((p[i]->some.avg10 + 50) / 100, 99U));
		else
			strbuf_puts(b, "-");
	}
}

/* A line ends by clearing what the last table left to its right. */
static const char *line_end(const struct view *v)
{
	return v->tty ? "\033[K\n" : "\n";
}

static void table_heading(struct view *v)
{
	strbuf_printf(&v->out, "%-*s %6s %5s %5s %5s %5s %5s %5s %5s %5s %9s", ID_COLUMNS, "ID", "CPU%",
		      "MEM", "LIMIT", "PEAK", "READ", "WRITE", "NETRX", "NETTX", "PIDS", "PSI c/m/i");
}

static void table_row(struct view *v, const struct stats_source *src, const struct container_stats *s,
		      struct opt_u64 cpu)
{
	const struct cgroup_stats *c = &s->cgroup;
	const struct opt_u64 sizes[] = {
		c->memory.current,   c->memory.max,	 c->memory.peak,  io_sum(&c->io, false),
		io_sum(&c->io, true), net_sum(s, false), net_sum(s, true),
	};
	auto_strbuf struct strbuf psi = { 0 }, use = { 0 };
	char text[STATS_SIZE_TEXT];

	if (src->status == STATUS_PAUSED)
		strbuf_puts(&use, "paused");
	else if (cpu.set)
		strbuf_printf(&use, "%llu.%u", (unsigned long long)cpu.v / 10, (unsigned int)(cpu.v % 10));
	print_pressure(&psi, c);
	strbuf_printf(&v->out, "%-*.*s %6s", ID_COLUMNS, ID_COLUMNS, src->c->id, use.n ? use.p : "-");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		stats_size(text, sizes[i]);
		strbuf_printf(&v->out, " %5s", text);
	}
	/* A count, not a size; five digits, then thousands. */
	struct opt_u64 pids = c->pids_current;
	if (!pids.set)
		strbuf_printf(&v->out, " %5s", "-");
	else if (pids.v < 100000)
		strbuf_printf(&v->out, " %5u", (unsigned int)pids.v);
	else
		strbuf_printf(&v->out, " %4uk", (unsigned int)(pids.v / 1000));
	strbuf_printf(&v->out, " %9s%s", psi.p ? psi.p : "-", line_end(v));
}

static void json_row(struct view *v, const struct stats_source *src, const struct container_stats *s,
		     struct opt_u64 cpu)
{
	strbuf_puts(&v->out, v->shown ? ",{\"id\":" : "{\"id\":");
	strbuf_json(&v->out, src->c->id);
	strbuf_printf(&v->out, ",\"pid\":%lld,\"status\":\"%s\"", (long long)src->c->state->pid,
		      status_name(src->status));
	if (cpu.set)
		strbuf_printf(&v->out, ",\"cpuPercent\":%llu.%llu", (unsigned long long)cpu.v / 10,
			      (unsigned long long)cpu.v % 10);
	strbuf_puts(&v->out, ",\"data\":");
	stats_print_data(&v->out, &v->ctx->arena, s);
	strbuf_puts(&v->out, "}");
}

/* ---- one round ------------------------------------------------------------------------------------- */

static int show_one(struct view *v, const char *id, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	struct stats_source src = STATS_SOURCE_NONE;
	struct container_stats s;
	struct opt_u64 cpu = CGROUP_ABSENT;
	size_t used = v->ctx->arena.used;
	int r = store_load(v->ctx, id, &c, e);

	if (r == 0)
		r = stats_source_open(&c, &src, e);
	if (r == 0)
		r = stats_read(&v->ctx->arena, &src, &s, e);
	if (r == 0)
		r = cpu_use(v, id, s.cgroup.cpu.usage, &cpu, e);
	if (r == 0 && !v->first)
		(v->json ? json_row : table_row)(v, &src, &s, cpu);
	v->shown += r == 0;
	stats_source_done(&src);
	arena_rewind(&v->ctx->arena, used);
	return r;
}

static int show_all(struct view *v, struct err *e)
{
	bool named = v->ids.n > 0;
	const struct strv given = v->ids;
	size_t used = v->ctx->arena.used;
	int r = named ? 0 : store_ids(v->ctx, &v->ids, e);

	for (size_t i = 0; r == 0 && i < v->ids.n; i++) {
		r = show_one(v, v->ids.v[i], e);
		/* One that ended is left out; one that was asked for must have been there at first. */
		bool gone = r == -ENOENT || r == -ESRCH || r == -ENODEV;
		if (r < 0 && r != -ENOMEM && (!named || (gone && !v->first)))
			r = 0;
	}
	v->ids = given;
	arena_rewind(&v->ctx->arena, used);
	return r;
}

static int round_once(struct view *v, struct err *e)
{
	struct strbuf *b = &v->out;

	v->shown = 0;
	b->n = 0; /* the room of the last round is used again */
	if (v->json) {
		strbuf_puts(b, "[");
	} else {
		strbuf_puts(b, v->tty ? "\033[H" : "");
		table_heading(v);
		strbuf_puts(b, line_end(v));
	}
	int r = show_all(v, e);
	if (r < 0)
		return r;
	drop_old_samples(v);
	if (v->ids.n && !v->shown)
		return 0; /* all have ended: that is the end, not an empty table */
	strbuf_puts(b, v->json ? "]\n" : v->tty ? "\033[J" : "");
	return print_out(b, e);
}

/* 1: the time is over; 0: nobody reads any more. */
static int pause_until(int64_t when, struct err *e)
{
	int r = wait_for(STDOUT_FILENO, 0, when);

	return r == -ETIMEDOUT ? 1 : r < 0 ? err_sys(e, r, "wait") : 0;
}

static int show_loop(struct view *v, int64_t interval, bool once, struct err *e)
{
	int64_t next = now_ms() + FIRST_SAMPLE_MS;
	int r = show_all(v, e);

	drop_old_samples(v);
	v->first = false;
	if (r == 0 && v->tty)
		best_effort(fd_write_all(STDOUT_FILENO, "\033[2J", 4));
	while (r == 0) {
		r = pause_until(next, e);
		if (r <= 0)
			break;
		r = round_once(v, e);
		if (once || (v->ids.n && !v->shown))
			break;
		next = MAX(next + interval, now_ms());
	}
	return r;
}

static int stats_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct stats_opts *o = opts;
	struct view v = { .ctx = ctx,
			  .ids = { argv, (size_t)argc },
			  .json = o->format && str_eq(o->format, "json"),
			  .first = true };
	int64_t interval = 0;

	if (o->format && !v.json && !str_eq(o->format, "table"))
		return err_bad(e, "invalid --format \"%s\": must be table or json", o->format);
	int r = stats_interval(o->interval ? o->interval : "2s", &interval, e);
	if (r < 0)
		return err_in(e, "--interval");
	v.tty = !v.json && !o->once && isatty(STDOUT_FILENO);
	r = show_loop(&v, interval, o->once, e);
	free(v.samples);
	strbuf_done(&v.out);
	return r;
}

const struct command command_stats = {
	.name = "stats",
	.operands = "[ID...]",
	.help = "show what containers use: CPU, memory, IO, network, pressure",
	.run = stats_run,
	.options = stats_options,
	.opts_size = sizeof(struct stats_opts),
	.order = OPT_MIXED,
	.min_operands = 0,
	.max_operands = -1,
	.details = "Without an ID: all that run. CPU% is of one CPU. NETRX and NETTX count all devices of\n"
		   "the container's own network but lo. PSI: percent of the last ten seconds in which\n"
		   "something waited for CPU, memory and IO. A dash: the kernel does not say, for instance\n"
		   "since the controller is not enabled.\n",
};

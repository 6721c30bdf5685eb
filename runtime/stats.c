/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what a container uses and prints it. Nothing is looked up by pid twice: the process directory is
 * opened once and counts only if the container's first process, held by its pidfd, still lives then.
 */
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "../cgroup/cgroup.h"
#include "../oci/json.h"
#include "base/fd.h"
#include "base/sys.h"
#include "base/util.h"

#define NET_DEV_MAX ((size_t)1 << 20)
#define INTERVAL_MAX_MS ((int64_t)24 * 60 * 60 * 1000)

/* ---- network --------------------------------------------------------------------------------------- */

/* The blank-separated number at *p, which moves behind it. */
static bool take_number(const char **p, const char *end, uint64_t *ret)
{
	char buf[24];
	const char *s = *p;

	while (s < end && *s == ' ')
		s++;
	size_t n = 0;
	while (s + n < end && s[n] != ' ')
		n++;
	*p = s + n;
	if (n >= sizeof(buf))
		return false;
	memcpy(buf, s, n);
	buf[n] = '\0';
	return str_u64(buf, UINT64_MAX, ret) == 0;
}

/* "  eth0: BYTES PACKETS ERRS DROP fifo frame compressed multicast BYTES PACKETS ERRS DROP ..." */
static int parse_net_line(struct arena *a, const char *line, const char *end, struct net_counters *ret)
{
	const char *name = line + strspn(line, " "), *colon = NULL;
	uint64_t v[12];

	/* The last one before a blank: an alias would have one in its name. */
	for (const char *c = name; c < end && *c != ' '; c++)
		colon = *c == ':' ? c : colon;
	if (!colon)
		return 0;
	const char *p = colon + 1;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		if (!take_number(&p, end, &v[i]))
			return 0;
	*ret = (struct net_counters){ arena_strndup(a, name, (size_t)(colon - name)),
				      v[0], v[1], v[2], v[3], v[8], v[9], v[10], v[11] };
	return ret->name ? 1 : -ENOMEM;
}

int net_counters_parse(struct arena *a, const char *text, struct net_counters_list *ret)
{
	size_t lines = 1;

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	struct net_counters_list l = { .v = arena_array(a, lines, sizeof(*l.v)) };
	if (!l.v)
		return -ENOMEM;
	while (*text) {
		const char *end = text + strcspn(text, "\n");
		int r = parse_net_line(a, text, end, &l.v[l.n]);
		if (r < 0)
			return r;
		l.n += (size_t)r;
		text = end + (*end == '\n');
	}
	*ret = l;
	return 0;
}

static int read_net(struct arena *a, const struct stats_source *s, struct container_stats *st, struct err *e)
{
	char path[64], *text;
	size_t n;

	/* Another network namespace than the caller's, or the counters are those of the host. */
	if (!(s->c->state->namespaces & CLONE_NEWNET))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%lld", (long long)s->c->state->pid);
	auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || sys_pidfd_send_signal(s->pidfd, 0) < 0)
		return err_set(e, ESRCH, "container \"%s\" has ended", s->c->id);
	int r = file_read_at(a, dir, "net/dev", NET_DEV_MAX, &text, &n);
	if (r < 0)
		return 0; /* hidden, or the process is ending: absent */
	if (net_counters_parse(a, text, &st->net) < 0)
		return err_nomem(e);
	st->net_set = true;
	return 0;
}

/* ---- source ---------------------------------------------------------------------------------------- */

void stats_source_done(struct stats_source *s)
{
	fd_close(&s->pidfd);
	fd_close(&s->cgroup);
}

int stats_source_open(const struct container *c, struct stats_source *ret, struct err *e)
{
	struct stats_source s = STATS_SOURCE_NONE;
	int r = container_status(c, &s.status, &s.pidfd, e);

	s.c = c;
	if (r == 0 && (s.status == STATUS_STOPPED || s.status == STATUS_CREATING))
		r = err_set(e, ESRCH, "container \"%s\" is not running (state %s)", c->id,
			    status_name(s.status));
	if (r == 0 && c->state->cgroup_path) {
		r = cgroup_open(c->state->cgroup_path, &s.cgroup, e);
		if (r < 0)
			r = err_in(e, "container \"%s\"", c->id);
	}
	if (r < 0) {
		stats_source_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

int stats_read(struct arena *a, const struct stats_source *s, struct container_stats *ret, struct err *e)
{
	struct container_stats st = { 0 };
	int r = s->cgroup >= 0 ? cgroup_stats_read(a, s->cgroup, &st.cgroup, e) : 0;

	if (r == 0)
		r = read_net(a, s, &st, e);
	if (r == 0)
		*ret = st;
	return r;
}

/* ---- as JSON --------------------------------------------------------------------------------------- */

struct cpu_usage { uint64_t total, kernel, user; };
struct cpu_throttling { struct opt_u64 periods, throttled_periods, throttled_time; };
struct cpu_data { struct cpu_usage *usage; struct cpu_throttling *throttling; };
struct memory_entry { struct opt_u64 limit, usage, max, failcnt; };
struct memory_data {
	struct opt_u64 cache;
	struct memory_entry *usage, *swap, *kernel, *kernel_tcp;
	struct cgroup_counters raw;
	struct cgroup_memory_events *events;
};
struct pids_data { struct opt_u64 current, limit; };
struct io_entry { uint32_t major, minor; const char *op; uint64_t value; };
struct io_entries { struct io_entry *v; size_t n; };
struct io_data { struct io_entries bytes, operations; };
struct hugetlb_entry { const char *key; struct memory_entry value; };
struct rest_data {
	struct { struct hugetlb_entry *v; size_t n; } hugetlb;
	struct net_counters_list interfaces;
};

static JSON_OBJ(cpu_usage,
	J(cpu_usage, "total", U64, total, JSON_ALWAYS),
	J(cpu_usage, "kernel", U64, kernel, JSON_ALWAYS),
	J(cpu_usage, "user", U64, user, JSON_ALWAYS));
static JSON_OBJ(cpu_throttling,
	J(cpu_throttling, "periods", OPT_U64, periods, 0),
	J(cpu_throttling, "throttledPeriods", OPT_U64, throttled_periods, 0),
	J(cpu_throttling, "throttledTime", OPT_U64, throttled_time, 0));
static JSON_OBJ(cpu_data,
	J_PTR(cpu_data, "usage", usage, cpu_usage, 0),
	J_PTR(cpu_data, "throttling", throttling, cpu_throttling, 0));
static JSON_OBJ(memory_entry,
	J(memory_entry, "limit", OPT_U64, limit, 0),
	J(memory_entry, "usage", OPT_U64, usage, 0),
	J(memory_entry, "max", OPT_U64, max, 0),
	J(memory_entry, "failcnt", OPT_U64, failcnt, 0));
static JSON_OBJ(cgroup_memory_events,
	J(cgroup_memory_events, "low", OPT_U64, low, 0),
	J(cgroup_memory_events, "high", OPT_U64, high, 0),
	J(cgroup_memory_events, "max", OPT_U64, max, 0),
	J(cgroup_memory_events, "oom", OPT_U64, oom, 0),
	J(cgroup_memory_events, "oomKill", OPT_U64, oom_kill, 0),
	J(cgroup_memory_events, "oomGroupKill", OPT_U64, oom_group_kill, 0));
static JSON_OBJ(memory_data,
	J(memory_data, "cache", OPT_U64, cache, 0),
	J_PTR(memory_data, "usage", usage, memory_entry, 0),
	J_PTR(memory_data, "swap", swap, memory_entry, 0),
	J_PTR(memory_data, "kernel", kernel, memory_entry, 0),
	J_PTR(memory_data, "kernelTCP", kernel_tcp, memory_entry, 0),
	J_MAP(memory_data, "raw", U64, raw, 0),
	J_PTR(memory_data, "events", events, cgroup_memory_events, 0));
static JSON_OBJ(pids_data,
	J(pids_data, "current", OPT_U64, current, 0),
	J(pids_data, "limit", OPT_U64, limit, 0));
static JSON_OBJ(io_entry,
	J(io_entry, "major", U32, major, JSON_ALWAYS),
	J(io_entry, "minor", U32, minor, JSON_ALWAYS),
	J(io_entry, "op", STR, op, JSON_ALWAYS),
	J(io_entry, "value", U64, value, JSON_ALWAYS));
static JSON_OBJ(io_data,
	J_OBJ_LIST(io_data, "ioServiceBytesRecursive", bytes, io_entry, 0),
	J_OBJ_LIST(io_data, "ioServicedRecursive", operations, io_entry, 0));
static JSON_OBJ(net_counters,
	J(net_counters, "Name", STR, name, JSON_ALWAYS),
	J(net_counters, "RxBytes", U64, rx_bytes, JSON_ALWAYS),
	J(net_counters, "RxPackets", U64, rx_packets, JSON_ALWAYS),
	J(net_counters, "RxErrors", U64, rx_errors, JSON_ALWAYS),
	J(net_counters, "RxDropped", U64, rx_dropped, JSON_ALWAYS),
	J(net_counters, "TxBytes", U64, tx_bytes, JSON_ALWAYS),
	J(net_counters, "TxPackets", U64, tx_packets, JSON_ALWAYS),
	J(net_counters, "TxErrors", U64, tx_errors, JSON_ALWAYS),
	J(net_counters, "TxDropped", U64, tx_dropped, JSON_ALWAYS));
static JSON_OBJ(rest_data,
	J_OBJ_MAP(rest_data, "hugetlb", hugetlb, memory_entry, 0),
	J_OBJ_LIST(rest_data, "network_interfaces", interfaces, net_counters, 0));

/* Opens the object that was just printed again, for one more member. */
static void reopen(struct strbuf *b)
{
	if (b->failed || b->n < 2)
		return;
	b->p[--b->n] = '\0';
	if (b->p[b->n - 1] != '{')
		strbuf_puts(b, ",");
}

static void print_pressure_line(struct strbuf *b, const char *name, const struct cgroup_pressure_line *l)
{
	strbuf_printf(b, "\"%s\":{\"avg10\":%u.%02u,\"avg60\":%u.%02u,", name, l->avg10 / 100, l->avg10 % 100,
		      l->avg60 / 100, l->avg60 % 100);
	strbuf_printf(b, "\"avg300\":%u.%02u,\"total\":%llu}", l->avg300 / 100, l->avg300 % 100,
		      (unsigned long long)l->total);
}

/* Fractions are the one thing that the tables do not write. */
static void add_pressure(struct strbuf *b, const struct cgroup_pressure *p)
{
	if (!p->some_set && !p->full_set)
		return;
	reopen(b);
	strbuf_puts(b, "\"psi\":{");
	if (p->some_set)
		print_pressure_line(b, "some", &p->some);
	if (p->some_set && p->full_set)
		strbuf_puts(b, ",");
	if (p->full_set)
		print_pressure_line(b, "full", &p->full);
	strbuf_puts(b, "}}");
}

static struct opt_u64 nanoseconds(struct opt_u64 us)
{
	us.v *= 1000;
	return us;
}

static void print_cpu(struct strbuf *b, const struct cgroup_cpu_stats *c)
{
	struct cpu_usage usage = { c->usage.v * 1000, c->system.v * 1000, c->user.v * 1000 };
	struct cpu_throttling throttling = { c->periods, c->throttled_periods, nanoseconds(c->throttled) };
	const struct cpu_data d = { c->usage.set ? &usage : NULL, c->periods.set ? &throttling : NULL };

	json_print(b, &cpu_data_json, &d, 0);
}

static struct opt_u64 counter(const struct cgroup_counters *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].key, key))
			return cgroup_some(l->v[i].value);
	return CGROUP_ABSENT;
}

static struct opt_u64 sum(struct opt_u64 a, struct opt_u64 b)
{
	if (!a.set || !b.set)
		return CGROUP_ABSENT;
	if (__builtin_add_overflow(a.v, b.v, &a.v))
		a.v = CGROUP_NO_LIMIT;
	return a;
}

/* Swap means memory plus swap in this layout, as it did in cgroup v1. */
static void print_memory(struct strbuf *b, const struct cgroup_memory_stats *m)
{
	struct memory_entry usage = { m->max, m->current, m->peak, m->events.max };
	struct memory_entry swap = { .limit = sum(m->max, m->swap_max),
				     .usage = sum(m->current, m->swap_current) };
	struct memory_entry kernel = { .usage = counter(&m->stat, "kernel") };
	struct memory_entry tcp = { .usage = counter(&m->stat, "sock") };
	struct cgroup_memory_events events = m->events;
	bool any = events.low.set || events.high.set || events.max.set || events.oom.set ||
		   events.oom_kill.set;
	const struct memory_data d = {
		.cache = counter(&m->stat, "file"),
		.usage = m->current.set ? &usage : NULL,
		.swap = m->swap_current.set ? &swap : NULL,
		.kernel = kernel.usage.set ? &kernel : NULL,
		.kernel_tcp = tcp.usage.set ? &tcp : NULL,
		.raw = m->stat,
		.events = any ? &events : NULL,
	};

	json_print(b, &memory_data_json, &d, 0);
}

static struct opt_u64 limit(struct opt_u64 v)
{
	if (v.v == CGROUP_NO_LIMIT)
		return CGROUP_ABSENT;
	return v;
}

static void add_io(struct io_entries *l, const struct cgroup_io_device *d, const char *op, struct opt_u64 v)
{
	if (v.set)
		l->v[l->n++] = (struct io_entry){ d->major, d->minor, op, v.v };
}

static void print_io(struct strbuf *b, struct arena *a, const struct cgroup_io_stats *io)
{
	struct io_data d = { { arena_array(a, io->n * 3, sizeof(struct io_entry)), 0 },
			     { arena_array(a, io->n * 3, sizeof(struct io_entry)), 0 } };

	if (!d.bytes.v || !d.operations.v) {
		strbuf_done(b);
		b->failed = true;
		return;
	}
	for (size_t i = 0; i < io->n; i++) {
		const struct cgroup_io_device *v = &io->v[i];
		add_io(&d.bytes, v, "Read", v->rbytes);
		add_io(&d.bytes, v, "Write", v->wbytes);
		add_io(&d.bytes, v, "Discard", v->dbytes);
		add_io(&d.operations, v, "Read", v->rios);
		add_io(&d.operations, v, "Write", v->wios);
		add_io(&d.operations, v, "Discard", v->dios);
	}
	if (!io->set)
		d = (struct io_data){ 0 }; /* absent, not empty */
	json_print(b, &io_data_json, &d, 0);
}

/* Members that may be missing altogether; the object they come in is joined to the one before. */
static void add_rest(struct strbuf *b, struct arena *a, const struct container_stats *s)
{
	const struct cgroup_hugetlb_list *h = &s->cgroup.hugetlb;
	struct rest_data d = { .hugetlb.v = arena_array(a, h->n, sizeof(struct hugetlb_entry)),
			       .interfaces = s->net_set ? s->net : (struct net_counters_list){ 0 } };
	size_t start = b->n;

	if (!d.hugetlb.v) {
		strbuf_done(b);
		b->failed = true;
		return;
	}
	for (; d.hugetlb.n < h->n; d.hugetlb.n++) {
		const struct cgroup_hugetlb_stats *v = &h->v[d.hugetlb.n];
		d.hugetlb.v[d.hugetlb.n] = (struct hugetlb_entry){
			v->size, { .limit = limit(v->max), .usage = v->current, .failcnt = v->failures }
		};
	}
	if (!d.hugetlb.n)
		d.hugetlb.v = NULL;
	json_print(b, &rest_data_json, &d, 0);
	if (!b->failed && b->n > start)
		b->p[start] = ',';
	if (!b->failed && b->n == start + 2) { /* it was empty */
		b->n = start;
		strbuf_puts(b, "}");
	}
}

void stats_print_data(struct strbuf *b, struct arena *a, const struct container_stats *s)
{
	const struct pids_data pids = { s->cgroup.pids_current, limit(s->cgroup.pids_max) };

	strbuf_puts(b, "{\"cpu\":");
	print_cpu(b, &s->cgroup.cpu);
	add_pressure(b, &s->cgroup.cpu_pressure);
	strbuf_puts(b, ",\"memory\":");
	print_memory(b, &s->cgroup.memory);
	add_pressure(b, &s->cgroup.memory_pressure);
	strbuf_puts(b, ",\"pids\":");
	json_print(b, &pids_data_json, &pids, 0);
	strbuf_puts(b, ",\"blkio\":");
	print_io(b, a, &s->cgroup.io);
	add_pressure(b, &s->cgroup.io_pressure);
	add_rest(b, a, s);
}

/* ---- intervals and sizes --------------------------------------------------------------------------- */

/* One "12.5UNIT" at *p in microseconds. */
static bool take_span(const char **p, bool alone, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t us;
	} units[] = { { "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 }, { "h", 3600000000ULL } };
	const char *s = *p;
	uint64_t whole = 0, part = 0, scale = 1;
	size_t digits = strspn(s, "0123456789"), n;

	if (digits == 0 || digits > 9)
		return false;
	for (size_t i = 0; i < digits; i++)
		whole = whole * 10 + (uint64_t)(*s++ - '0');
	if (*s == '.') {
		n = strspn(++s, "0123456789");
		if (n == 0 || n > 6)
			return false;
		for (; n; n--, scale *= 10)
			part = part * 10 + (uint64_t)(*s++ - '0');
	}
	n = strspn(s, "abcdefghijklmnopqrstuvwxyz");
	if (n == 0 && alone && *s == '\0') {
		*p = s;
		*ret = whole * 1000000 + part * 1000000 / scale;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) != n || memcmp(units[i].name, s, n) != 0)
			continue;
		*p = s + n;
		*ret = whole * units[i].us + part * units[i].us / scale;
		return true;
	}
	return false;
}

int stats_interval(const char *text, int64_t *ret, struct err *e)
{
	uint64_t total = 0, span = 0;
	const char *p = text;

	do {
		if (!take_span(&p, p == text, &span))
			return err_bad(e, "invalid interval \"%s\": must be a time like 5s or 500ms", text);
		total += MIN(span, (uint64_t)INTERVAL_MAX_MS * 1000 + 1);
	} while (*p);
	if (total < 1000 || total > (uint64_t)INTERVAL_MAX_MS * 1000)
		return err_bad(e, "invalid interval \"%s\": must be between 1ms and 24h", text);
	*ret = (int64_t)(total / 1000);
	return 0;
}

void stats_size(char ret[STATS_SIZE_TEXT], struct opt_u64 n)
{
	static const char units[] = " KMGTPE";
	uint64_t v = n.v, before = 0;
	size_t unit = 0;

	if (!n.set || n.v == CGROUP_NO_LIMIT) {
		(void)snprintf(ret, STATS_SIZE_TEXT, "%s", n.set ? "max" : "-");
		return;
	}
	/* Up to three digits of a unit; below ten of it, one behind the point. */
	for (; v >= 1000 && units[unit + 1]; unit++) {
		before = v;
		v /= 1024;
	}
	if (unit == 0)
		(void)snprintf(ret, STATS_SIZE_TEXT, "%u", (unsigned int)v);
	else if (before >= (uint64_t)10 * 1024)
		(void)snprintf(ret, STATS_SIZE_TEXT, "%u%c", (unsigned int)v % 1000, units[unit]);
	else if (before < 1024)
		(void)snprintf(ret, STATS_SIZE_TEXT, "1.0%c", units[unit]);
	else
		(void)snprintf(ret, STATS_SIZE_TEXT, "%u.%u%c", (unsigned int)v % 10,
			       (unsigned int)(before % 1024 * 10 / 1024), units[unit]);
}

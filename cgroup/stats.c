/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of a cgroup: rows of (key, member) over the kernel's flat files. Only reads; conclusions
 * (percentages, units, layouts) are the caller's.
 */
#include "stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../runtime/base/util.h"
#include "internal.h"

/* No file here comes near it: a machine with a thousand disks has an io.stat of 100 kB. */
#define STATS_FILE_MAX ((size_t)256 << 10)

struct key_row {
	const char *key;
	size_t offset; /* of a struct opt_u64 */
};
#define KEY(type, key, member) { key, offsetof(struct type, member) }

/* ---- words and numbers ----------------------------------------------------------------------------- */

/* `n` bytes as a decimal number. */
static bool number(const char *s, size_t n, uint64_t *ret)
{
	char buf[24];

	if (n == 0 || n >= sizeof(buf))
		return false;
	memcpy(buf, s, n);
	buf[n] = '\0';
	return str_u64(buf, UINT64_MAX, ret) == 0;
}

static void set_row(const struct key_row *rows, size_t n_rows, void *into, const char *key, size_t key_n,
		    const char *value, size_t value_n)
{
	for (size_t i = 0; i < n_rows; i++) {
		if (strlen(rows[i].key) != key_n || memcmp(rows[i].key, key, key_n) != 0)
			continue;
		struct opt_u64 *member = (struct opt_u64 *)((char *)into + rows[i].offset);
		uint64_t v;
		if (number(value, value_n, &v))
			*member = cgroup_some(v);
		return;
	}
}

/* The next line at *p without its newline: its length; *ret points at it, NULL at the end. */
static size_t next_line(const char **p, const char **ret)
{
	size_t n = strcspn(*p, "\n");

	*ret = **p ? *p : NULL;
	*p += n + ((*p)[n] == '\n');
	return n;
}

/* "KEY VALUE": the length of KEY; 0 when the line is not of that form. */
static size_t split_line(const char *line, size_t n, const char **ret_value, size_t *ret_n)
{
	const char *blank = memchr(line, ' ', n);

	if (!blank)
		return 0;
	*ret_value = blank + 1;
	*ret_n = n - (size_t)(blank + 1 - line);
	return (size_t)(blank - line);
}

static void parse_flat(const char *text, const struct key_row *rows, size_t n_rows, void *into)
{
	const char *line, *value;
	size_t n, key_n, value_n;

	while ((n = next_line(&text, &line)), line) {
		key_n = split_line(line, n, &value, &value_n);
		if (key_n)
			set_row(rows, n_rows, into, line, key_n, value, value_n);
	}
}

/* ---- parsers --------------------------------------------------------------------------------------- */

struct opt_u64 cgroup_parse_value(const char *text)
{
	size_t n = strcspn(text, "\n");
	uint64_t v;

	if (n == 3 && memcmp(text, "max", 3) == 0)
		return cgroup_some(CGROUP_NO_LIMIT);
	if (!number(text, n, &v))
		return CGROUP_ABSENT;
	return cgroup_some(v);
}

void cgroup_parse_cpu(const char *text, struct cgroup_cpu_stats *ret)
{
	static const struct key_row rows[] = {
		KEY(cgroup_cpu_stats, "usage_usec", usage),
		KEY(cgroup_cpu_stats, "user_usec", user),
		KEY(cgroup_cpu_stats, "system_usec", system),
		KEY(cgroup_cpu_stats, "nr_periods", periods),
		KEY(cgroup_cpu_stats, "nr_throttled", throttled_periods),
		KEY(cgroup_cpu_stats, "throttled_usec", throttled),
	};

	*ret = (struct cgroup_cpu_stats){ 0 };
	parse_flat(text, rows, ARRAY_SIZE(rows), ret);
}

void cgroup_parse_memory_events(const char *text, struct cgroup_memory_events *ret)
{
	static const struct key_row rows[] = {
		KEY(cgroup_memory_events, "low", low),
		KEY(cgroup_memory_events, "high", high),
		KEY(cgroup_memory_events, "max", max),
		KEY(cgroup_memory_events, "oom", oom),
		KEY(cgroup_memory_events, "oom_kill", oom_kill),
		KEY(cgroup_memory_events, "oom_group_kill", oom_group_kill),
	};

	*ret = (struct cgroup_memory_events){ 0 };
	parse_flat(text, rows, ARRAY_SIZE(rows), ret);
}

static size_t count_lines(const char *text)
{
	const char *line;
	size_t lines = 0;

	while (next_line(&text, &line), line)
		lines++;
	return lines;
}

int cgroup_parse_counters(struct arena *a, const char *text, struct cgroup_counters *ret)
{
	struct cgroup_counters l = { .v = arena_array(a, count_lines(text), sizeof(*l.v)) };
	const char *line, *value;
	size_t n, key_n, value_n;

	if (!l.v)
		return -ENOMEM;
	while ((n = next_line(&text, &line)), line) {
		struct cgroup_counter *c = &l.v[l.n];
		key_n = split_line(line, n, &value, &value_n);
		if (!key_n || !number(value, value_n, &c->value))
			continue;
		c->key = arena_strndup(a, line, key_n);
		if (!c->key)
			return -ENOMEM;
		l.n++;
	}
	*ret = l;
	return 0;
}

/* "8:16 rbytes=1 wbytes=2 ..."; a device that has done nothing may have its numbers alone, or no line. */
static bool parse_io_line(const char *line, size_t n, struct cgroup_io_device *ret)
{
	static const struct key_row rows[] = {
		KEY(cgroup_io_device, "rbytes", rbytes), KEY(cgroup_io_device, "wbytes", wbytes),
		KEY(cgroup_io_device, "rios", rios),	 KEY(cgroup_io_device, "wios", wios),
		KEY(cgroup_io_device, "dbytes", dbytes), KEY(cgroup_io_device, "dios", dios),
	};
	const char *colon = memchr(line, ':', n), *end = line + n;
	const char *blank = memchr(line, ' ', n);
	uint64_t major, minor;

	if (!colon || !blank || blank < colon || !number(line, (size_t)(colon - line), &major) ||
	    !number(colon + 1, (size_t)(blank - colon - 1), &minor))
		return false;
	if (major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	*ret = (struct cgroup_io_device){ .major = (uint32_t)major, .minor = (uint32_t)minor };
	for (const char *w = blank; w < end;) {
		while (w < end && *w == ' ')
			w++;
		const char *stop = memchr(w, ' ', (size_t)(end - w));
		if (!stop)
			stop = end;
		const char *is = memchr(w, '=', (size_t)(stop - w));
		if (is)
			set_row(rows, ARRAY_SIZE(rows), ret, w, (size_t)(is - w), is + 1,
				(size_t)(stop - is - 1));
		w = stop;
	}
	return true;
}

int cgroup_parse_io(struct arena *a, const char *text, struct cgroup_io_stats *ret)
{
	struct cgroup_io_stats l = { .v = arena_array(a, count_lines(text), sizeof(*l.v)), .set = true };
	const char *line;
	size_t n;

	if (!l.v)
		return -ENOMEM;
	while ((n = next_line(&text, &line)), line)
		l.n += parse_io_line(line, n, &l.v[l.n]);
	*ret = l;
	return 0;
}

/* "12.34" in hundredths. */
static bool hundredths(const char *s, size_t n, uint64_t *ret)
{
	const char *dot = memchr(s, '.', n);
	uint64_t whole, part;

	if (!dot || (size_t)(dot - s) + 3 != n || !number(s, (size_t)(dot - s), &whole) ||
	    !number(dot + 1, 2, &part) || whole > 1000)
		return false;
	*ret = whole * 100 + part;
	return true;
}

/* "avg10=0.00 avg60=0.00 avg300=0.00 total=0" in exactly this order. */
static bool parse_pressure_line(const char *s, size_t n, struct cgroup_pressure_line *ret)
{
	static const char *const keys[] = { "avg10=", "avg60=", "avg300=", "total=" };
	uint64_t v[ARRAY_SIZE(keys)];
	const char *end = s + n;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t key_n = strlen(keys[i]);
		if ((size_t)(end - s) < key_n || memcmp(s, keys[i], key_n) != 0)
			return false;
		s += key_n;
		const char *stop = memchr(s, ' ', (size_t)(end - s));
		if (!stop)
			stop = end;
		if (!(i < 3 ? hundredths : number)(s, (size_t)(stop - s), &v[i]))
			return false;
		s = stop + (stop < end);
	}
	*ret = (struct cgroup_pressure_line){ (uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2], v[3] };
	return true;
}

void cgroup_parse_pressure(const char *text, struct cgroup_pressure *ret)
{
	const char *line;
	size_t n;

	*ret = (struct cgroup_pressure){ 0 };
	while ((n = next_line(&text, &line)), line) {
		if (n > 5 && memcmp(line, "some ", 5) == 0)
			ret->some_set = parse_pressure_line(line + 5, n - 5, &ret->some);
		else if (n > 5 && memcmp(line, "full ", 5) == 0)
			ret->full_set = parse_pressure_line(line + 5, n - 5, &ret->full);
	}
}

/* ---- files ----------------------------------------------------------------------------------------- */

struct reader {
	struct arena *a;
	int fd;
	char *buf; /* STATS_FILE_MAX */
};

/*
 * The text of a file; NULL when there is none. So it is when the kernel has the file and not the thing:
 * pressure that was switched off at boot reads as EOPNOTSUPP.
 */
static const char *text_of(struct reader *r, const char *file)
{
	return cg_read(r->fd, file, r->buf, STATS_FILE_MAX) >= 0 ? r->buf : NULL;
}

static struct opt_u64 value_of(struct reader *r, const char *file)
{
	const char *text = text_of(r, file);

	return cgroup_parse_value(text ? text : "");
}

static void read_values(struct reader *r, struct cgroup_stats *s)
{
	const struct {
		const char *file;
		struct opt_u64 *into;
	} rows[] = {
		{ "memory.current", &s->memory.current },
		{ "memory.max", &s->memory.max },
		{ "memory.high", &s->memory.high },
		{ "memory.peak", &s->memory.peak },
		{ "memory.swap.current", &s->memory.swap_current },
		{ "memory.swap.max", &s->memory.swap_max },
		{ "memory.swap.peak", &s->memory.swap_peak },
		{ "pids.current", &s->pids_current },
		{ "pids.max", &s->pids_max },
		{ "pids.peak", &s->pids_peak },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		*rows[i].into = value_of(r, rows[i].file);
}

static void read_pressure(struct reader *r, const char *file, struct cgroup_pressure *ret)
{
	const char *text = text_of(r, file);

	if (text)
		cgroup_parse_pressure(text, ret);
}

/* "hugetlb.2MB.current": the middle part, or 0. */
static size_t page_size(const char *name)
{
	size_t n = strlen(name), head = strlen("hugetlb."), tail = strlen(".current");

	if (n <= head + tail || memcmp(name, "hugetlb.", head) != 0 || !str_eq(name + n - tail, ".current"))
		return 0;
	n -= head + tail;
	return memchr(name + head, '.', n) ? 0 : n; /* hugetlb.2MB.rsvd.current */
}

static int read_page_size(struct reader *r, const char *name, size_t n, struct cgroup_hugetlb_list *l)
{
	struct cgroup_hugetlb_stats *h = &l->v[l->n];
	char file[64];
	const char *text;

	h->size = arena_strndup(r->a, name + strlen("hugetlb."), n);
	if (!h->size)
		return -ENOMEM;
	h->current = value_of(r, name);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.max", h->size);
	h->max = value_of(r, file);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.events", h->size);
	if ((text = text_of(r, file))) {
		int64_t v = cg_keyed(text, "max");
		if (v >= 0)
			h->failures = cgroup_some((uint64_t)v);
	}
	l->n++;
	return 0;
}

/* The sizes that there are show in the names of the files only. */
static int read_hugetlb(struct reader *r, struct cgroup_hugetlb_list *ret)
{
	struct cgroup_hugetlb_list l = { .v = arena_array(r->a, 16, sizeof(*l.v)) };
	int copy = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), e = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!d || !l.v) {
		e = !l.v ? -ENOMEM : -errno;
		if (copy >= 0 && !d)
			(void)close(copy);
	}
	while (e == 0 && d && l.n < 16 && (entry = readdir(d)) != NULL) {
		size_t n = page_size(entry->d_name);
		if (n)
			e = read_page_size(r, entry->d_name, n, &l);
	}
	if (d)
		(void)closedir(d);
	if (e == 0)
		*ret = l;
	return e;
}

int cgroup_stats_read(struct arena *a, int fd, struct cgroup_stats *ret, struct err *e)
{
	struct reader rd = { .a = a, .fd = fd, .buf = arena_alloc(a, STATS_FILE_MAX) };
	struct cgroup_stats s = { 0 };
	const char *text;
	int r = 0;

	if (!rd.buf)
		return err_nomem(e);
	/* Every cgroup has this file: without it there is no cgroup any more. */
	if (!text_of(&rd, "cgroup.controllers"))
		return err_set(e, ENODEV, "the cgroup is gone");
	if ((text = text_of(&rd, "cpu.stat")))
		cgroup_parse_cpu(text, &s.cpu);
	if ((text = text_of(&rd, "memory.events")))
		cgroup_parse_memory_events(text, &s.memory.events);
	if ((text = text_of(&rd, "memory.stat")))
		r = cgroup_parse_counters(a, text, &s.memory.stat);
	if (r == 0 && (text = text_of(&rd, "io.stat")))
		r = cgroup_parse_io(a, text, &s.io);
	read_values(&rd, &s);
	read_pressure(&rd, "cpu.pressure", &s.cpu_pressure);
	read_pressure(&rd, "memory.pressure", &s.memory_pressure);
	read_pressure(&rd, "io.pressure", &s.io_pressure);
	if (r == 0)
		r = read_hugetlb(&rd, &s.hugetlb);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(e) : err_sys(e, r, "read the statistics of the cgroup");
	*ret = s;
	return 0;
}

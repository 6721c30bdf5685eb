/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr ps: the processes of a container. JSON: their pids as the caller sees them. Table: the output of
 * ps(1) with the caller's arguments, cut to the lines that are ours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cgroup/cgroup.h"
#include "base/fd.h"
#include "base/util.h"
#include "facts.h"
#include "host_run.h"
#include "store.h"

#define PS_TIMEOUT_MS 10000

struct ps_opts {
	const char *format;
};

static const struct opt ps_options[] = {
	{ "format", 'f', OPT_STRING, offsetof(struct ps_opts, format), "FORMAT", "table (default) or json" },
	OPT_END,
};

struct pids {
	pid_t *v;
	size_t n, size;
};

static int add_pid(pid_t pid, void *arg)
{
	struct pids *p = arg;

	if (p->n == p->size) {
		size_t size = p->size ? p->size * 2 : 64;
		pid_t *v = realloc(p->v, size * sizeof(*v));
		if (!v)
			return -ENOMEM;
		p->v = v;
		p->size = size;
	}
	p->v[p->n++] = pid;
	return 0;
}

static bool has_pid(const struct pids *p, uint64_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if ((uint64_t)p->v[i] == pid)
			return true;
	return false;
}

static int collect(const struct container *c, enum status status, struct pids *p, struct err *e)
{
	auto_close int fd = -EBADF;

	if (status == STATUS_STOPPED)
		return 0;
	if (!c->state->cgroup_path)
		return add_pid((pid_t)c->state->pid, p) < 0 ? err_nomem(e) : 0;
	int r = cgroup_open(c->state->cgroup_path, &fd, e);
	if (r == 0)
		r = cgroup_procs(fd, add_pid, p, e);
	return r;
}

static void print_json(struct strbuf *b, const struct pids *p)
{
	strbuf_puts(b, "[");
	for (size_t i = 0; i < p->n; i++)
		strbuf_printf(b, "%s%d", i ? "," : "", p->v[i]);
	strbuf_puts(b, "]\n");
}

/* Number of the word "PID" in the heading, or -1. */
static int pid_column(const char *line)
{
	int column = 0;

	for (const char *w = line + strspn(line, " \t"); *w; column++) {
		size_t n = strcspn(w, " \t");
		if (n == 3 && memcmp(w, "PID", 3) == 0)
			return column;
		w += n;
		w += strspn(w, " \t");
	}
	return -1;
}

static bool line_is_ours(const char *line, int column, const struct pids *p)
{
	const char *w = line + strspn(line, " \t");
	char word[16] = "";
	uint64_t pid;

	for (int i = 0; i < column && *w; i++) {
		w += strcspn(w, " \t");
		w += strspn(w, " \t");
	}
	size_t n = strcspn(w, " \t");
	if (n >= sizeof(word))
		return false;
	memcpy(word, w, n);
	return str_u64(word, INT32_MAX, &pid) == 0 && has_pid(p, pid);
}

/* The column under "PID" decides which lines stay. */
static int filter_table(struct strbuf *b, char *text, const struct pids *p, struct err *e)
{
	int column = -1;

	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		bool heading = column < 0;
		if (heading)
			column = pid_column(line);
		if (column < 0)
			return err_bad(e, "the output of ps has no column PID");
		if (heading || line_is_ours(line, column, p))
			strbuf_printf(b, "%s\n", line);
	}
	return 0;
}

static int print_table(struct strbuf *b, const struct pids *p, int argc, char **argv, struct err *e)
{
	char path[64], *args[64] = { (char *)(uintptr_t) "ps", (char *)(uintptr_t) "-ef", NULL };
	struct job j = { .argv = args, .stdin_fd = -1, .timeout_ms = PS_TIMEOUT_MS, .pidfd = -EBADF, .output = -EBADF };

	j.path = find_helper("ps", path, sizeof(path));
	if (!j.path)
		return err_set(e, ENOSYS, "ps is missing (package procps): use --format json");
	if (argc > (int)ARRAY_SIZE(args) - 2)
		return err_bad(e, "too many arguments for ps");
	for (int i = 0; i < argc; i++)
		args[1 + i] = argv[i];
	args[argc ? 1 + argc : 2] = NULL;
	auto_strbuf struct strbuf out = { 0 };
	int r = job_start(&j, e);
	if (r == 0)
		r = job_wait_output(&j, &out, e);
	if (r < 0)
		return err_in(e, "ps");
	return out.n ? filter_table(b, out.p, p, e) : 0;
}

static int ps_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct ps_opts *o = opts;
	auto_container struct container c = CONTAINER_NONE;
	auto_strbuf struct strbuf b = { 0 };
	struct pids pids = { 0 };
	enum status status;
	bool json = o->format && str_eq(o->format, "json");

	if (o->format && !json && !str_eq(o->format, "table"))
		return err_bad(e, "invalid --format \"%s\": must be table or json", o->format);
	int r = store_load(ctx, argv[0], &c, e);
	if (r == 0)
		r = container_status(&c, &status, NULL, e);
	if (r == 0)
		r = collect(&c, status, &pids, e);
	if (r == 0 && json)
		print_json(&b, &pids);
	else if (r == 0)
		r = print_table(&b, &pids, argc - 1, argv + 1, e);
	free(pids.v);
	return r < 0 ? r : print_out(&b, e);
}

const struct command command_ps = {
	.name = "ps",
	.operands = "ID [PS ARGUMENTS]",
	.help = "list the processes of a container",
	.run = ps_run,
	.options = ps_options,
	.opts_size = sizeof(struct ps_opts),
	.order = OPT_UNTIL_OPERANDS,
	.min_operands = 1,
	.max_operands = -1,
};

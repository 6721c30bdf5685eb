/* SPDX-License-Identifier: Apache-2.0 */
/* What all trials have in common: the table of operations, command lines, output, and the look at the end. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

const char *const end_names[END_COUNT] = {
	[END_DONE] = "done",	 [END_LESS] = "with less", [END_ERROR] = "error", [END_KILLED] = "killed",
	[END_UNREACHED] = "not reached",
	[END_CRASH] = "crash",	 [END_HANG] = "hang",	  [END_SILENT] = "no or many lines",
	[END_WRONG] = "not as planned", [END_DELETE] = "delete failed", [END_LEFT] = "left behind",
};

#define RUN { "run", "-d", "-b", "%b", ID, NULL }

const struct op ops[] = {
	{ .name = "create",
	  .args = { "create", "-b", "%b", "--pid-file", "%o/pid", ID, NULL },
	  .then = { "start", ID, NULL },
	  .output = true },
	{ .name = "start",
	  .prepare = { "create", "-b", "%b", ID, NULL },
	  .follow_prepare = true,
	  .args = { "start", ID, NULL },
	  .output = true },
	{ .name = "exec", .prepare = RUN, .args = { "exec", ID, "/witness", "once", NULL }, .output = true },
	{ .name = "update", .prepare = RUN, .args = { "update", "-r", "%r", ID, NULL }, .knob = true },
	{ .name = "delete", .prepare = RUN, .args = { "delete", "--force", ID, NULL }, .removes = true },
};
const size_t n_ops = sizeof(ops) / sizeof(*ops);

bool op_wanted(const struct setting *s, const struct op *o)
{
	char list[256], name[64];

	(void)snprintf(list, sizeof(list), ",%s,", s->ops ? s->ops : "create,start,exec,update,delete");
	(void)snprintf(name, sizeof(name), ",%s,", o->name);
	return strstr(list, name) && (!o->knob || s->knob);
}

void line_make(struct line *l, const struct setting *s, const char *const *args)
{
	const char *const globals[] = { s->runtime, "--root", s->world.state, NULL };
	size_t n = 0;

	for (size_t i = 0; globals[i]; i++)
		(void)snprintf(l->text[n++], sizeof(*l->text), "%s", globals[i]);
	for (size_t i = 0; args[i]; i++, n++) {
		const char *a = args[i], *prefix = "";
		if (strncmp(a, "%b", 2) == 0)
			prefix = s->bundle;
		else if (strncmp(a, "%o", 2) == 0)
			prefix = s->world.outputs;
		else if (strncmp(a, "%r", 2) == 0)
			prefix = s->resources;
		(void)snprintf(l->text[n], sizeof(*l->text), "%s%s", prefix, *prefix ? a + 2 : a);
	}
	for (size_t i = 0; i < n; i++)
		l->argv[i] = l->text[i];
	l->argv[n] = NULL;
}

struct command command_of(const struct setting *s, const struct line *l)
{
	return (struct command){ .argv = l->argv, .dir = "/", .out = s->out, .err = s->err, .uid = s->uid, .gid = s->gid };
}

int run_line(const struct setting *s, const char *const *args)
{
	struct line l;

	line_make(&l, s, args);
	const struct command c = command_of(s, &l);
	return command_run(&c, 3 * LIMIT_MS);
}

/* ---- output --------------------------------------------------------------------------------------------------- */

void output_clear(const struct setting *s)
{
	/* The descriptors append: what is left of an earlier trial does not write behind a hole. */
	if (ftruncate(s->out, 0) < 0 || ftruncate(s->err, 0) < 0)
		abort();
}

const char *output_text(int fd, int slot)
{
	static char text[3][65536];
	ssize_t n = pread(fd, text[slot], sizeof(text[slot]) - 1, 0);

	text[slot][n > 0 ? n : 0] = '\0';
	return text[slot];
}

const char *output_wait(const struct setting *s, int limit_ms)
{
	int64_t deadline = clock_ms() + limit_ms;

	for (;;) {
		const char *text = output_text(s->out, 0);
		if (strstr(text, "\ndone\n"))
			return text;
		if (clock_ms() > deadline)
			return NULL;
		(void)usleep(500);
	}
}

/* ---- the end of a trial ------------------------------------------------------------------------------------------ */

bool one_line(const char *text, char *why, size_t size)
{
	const char *nl = strchr(text, '\n');

	(void)snprintf(why, size, "%.*s", nl ? (int)(nl - text) : (int)strlen(text), text);
	return nl && nl[1] == '\0' && strncmp(text, "ctr: ", 5) == 0 && nl > text + 5;
}

static void worse(enum end *end, enum end now, const char *text, char *why, size_t size)
{
	if (*end >= END_BAD)
		return;
	*end = now;
	(void)snprintf(why, size, "%s", text);
}

void judge_after(const struct setting *s, enum end *end, char *why, size_t size)
{
	static const char *const delete[] = { "delete", "--force", ID, NULL };
	char text[512];
	int64_t begun = clock_ms();

	if (ftruncate(s->err, 0) < 0)
		abort();
	int status = run_line(s, delete);
	if (s->world.outputs) {
		char pid[512];
		(void)snprintf(pid, sizeof(pid), "%s/pid", s->world.outputs);
		(void)unlink(pid);
	}
	if (status != 0) {
		(void)snprintf(text, sizeof(text), "delete --force: status %d: %.300s", status, output_text(s->err, 1));
		worse(end, END_DELETE, text, why, size);
	} else if (clock_ms() - begun > LIMIT_MS) {
		worse(end, END_HANG, "delete --force took too long", why, size);
	}
	if (!world_same(&s->world, 3000, text, sizeof(text)))
		worse(end, END_LEFT, text, why, size);
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */

void table_begin(FILE *f, const char *what)
{
	(void)fprintf(f, "| %s | tried | done | with less | error | killed | not reached | crash | hang | no or many lines | "
			 "not as planned | delete failed | left behind | slowest, ms |\n"
			 "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", what);
}

void table_row(FILE *f, const char *name, const struct tally *t)
{
	(void)fprintf(f, "| %s | %ld |", name, t->tried);
	for (int i = 0; i < END_COUNT; i++)
		(void)fprintf(f, " %ld |", t->n[i]);
	(void)fprintf(f, " %.0f |\n", t->slowest_ms);
}

void tally_add(struct tally *sum, const struct tally *t)
{
	for (int i = 0; i < END_COUNT; i++)
		sum->n[i] += t->n[i];
	sum->tried += t->tried;
	sum->needed_delete += t->needed_delete;
	if (t->slowest_ms > sum->slowest_ms)
		sum->slowest_ms = t->slowest_ms;
}

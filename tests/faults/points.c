/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call of every operation, with every fault: what the runtime does then, and what is left of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

static const struct {
	const char *name;
	enum fault_kind kind;
	int error;
} faults[] = {
	{ "ENOMEM", FAULT_RETURN, ENOMEM }, { "EMFILE", FAULT_RETURN, EMFILE }, { "ENOSPC", FAULT_RETURN, ENOSPC },
	{ "EIO", FAULT_RETURN, EIO },	    { "EINTR", FAULT_RETURN, EINTR },	{ "EAGAIN", FAULT_RETURN, EAGAIN },
	{ "EPERM", FAULT_RETURN, EPERM },   { "ENOSYS", FAULT_RETURN, ENOSYS }, { "SIGKILL", FAULT_KILL, 0 },
	{ "SIGKILL to all", FAULT_KILL_ALL, 0 },
};
#define N_FAULTS (sizeof(faults) / sizeof(*faults))

/*
 * Calls whose manual page knows no error, or that only the C library's own start makes, which ends the process
 * then. They are places to be killed at, and nothing else.
 */
static bool never_fails(long nr)
{
	static const long list[] = { SYS_getpid,  SYS_getppid, SYS_gettid,  SYS_getuid,	       SYS_geteuid,
				     SYS_getgid,  SYS_getegid, SYS_umask,   SYS_exit,	       SYS_exit_group,
				     SYS_rt_sigreturn, SYS_arch_prctl, SYS_set_tid_address, SYS_sched_yield };

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i] == nr)
			return true;
	return false;
}

/* ---- one trial --------------------------------------------------------------------------------------------------- */

struct trial {
	const struct setting *s;
	const struct op *op;
	struct fault fault;
	long nr; /* the call at which it comes */
	struct call_list *record;
	const char *expected; /* the container's output without a fault, NULL: do not compare */
	char why[512];
	bool needed_delete;
	double ms;
};

static bool knob_is_set(const struct setting *s)
{
	char path[512], want[64], is[64] = "";
	const char *eq = strchr(s->knob, '=');

	(void)snprintf(path, sizeof(path), "%.*s", (int)(eq - s->knob), s->knob);
	(void)snprintf(want, sizeof(want), "%s", eq + 1);
	FILE *f = fopen(path, "re");
	bool same = f && fscanf(f, "%63s", is) == 1 && strcmp(is, want) == 0;
	if (f)
		(void)fclose(f);
	return same;
}

/* The first line in which two texts differ. */
static void difference(const char *a, const char *b, char *why, size_t size)
{
	while (*a && *b) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
		if (n != m || memcmp(a, b, n) != 0)
			break;
		a += n + (a[n] == '\n');
		b += m + (b[m] == '\n');
	}
	(void)snprintf(why, size, "it says \"%.*s\" instead of \"%.*s\"", (int)strcspn(a, "\n"), a,
		       (int)strcspn(b, "\n"), b);
}

/* Whether a text has a line; `line` ends with its newline. */
static bool has_line(const char *text, const char *line)
{
	size_t n = strcspn(line, "\n");

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strncmp(text, line, n) == 0 && (text[n] == '\n' || !text[n]))
			return true;
	return false;
}

/* Whether a line of the witness is of something at or below a directory: "mount [/ ]PLACE ...", or a file's text. */
static bool line_below(const char *line, const char *dir)
{
	size_t n = strlen(dir);

	if (strncmp(line, "mount ", 6) == 0)
		line += strncmp(line, "mount / ", 8) == 0 ? 8 : 6;
	return strncmp(line, dir, n) == 0 && (line[n] == '/' || line[n] == ' ');
}

/* Every line of `a` that `b` does not have is below one of two directories. */
static bool differs_below(const char *a, const char *b, const char *one, const char *other)
{
	for (; *a; a += strcspn(a, "\n"), a += *a == '\n')
		if (!has_line(b, a) && !line_below(a, one) && !line_below(a, other))
			return false;
	return true;
}

/*
 * A new proc or sysfs was refused, as the kernel refuses it where a part of the caller's own is covered. What is planned
 * then: a proc of processes only, which lacks what else is covered or written there, and a clone of the sysfs that is
 * there, with what is mounted on it. More than that may not differ.
 */
static bool is_less(const struct trial *t, const char *text)
{
	static const long calls[] = { SYS_fsopen, SYS_fsconfig, SYS_fsmount };
	bool mount = false;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		mount |= t->nr == calls[i];
	return mount && t->fault.kind == FAULT_RETURN && t->fault.value == -EPERM &&
	       differs_below(t->expected, text, "/proc", "/sys") && differs_below(text, t->expected, "/proc", "/sys") &&
	       (strstr(text, "subset=pid") || differs_below(text, t->expected, "/sys", "/sys"));
}

static bool was_killed(const struct trial *t)
{
	return t->fault.kind == FAULT_KILL || t->fault.kind == FAULT_KILL_ALL;
}

/*
 * Killed in the container's process after its word that the program comes next: nobody can tell that from a program that
 * is killed at once.
 */
static bool killed_as_the_program(const struct trial *t)
{
	return was_killed(t) && strncmp(t->fault.role, "prepare", strlen("prepare")) == 0 &&
	       (t->nr == SYS_seccomp || t->nr == SYS_execve || t->nr == SYS_execveat);
}

/* It said that all is well: is it? */
static enum end judge_success(struct trial *t)
{
	const struct setting *s = t->s;
	bool less = false;
	struct stat st;
	char path[400];

	if (t->op->then[0]) {
		int status = run_line(s, t->op->then);
		if (status != 0) {
			(void)snprintf(t->why, sizeof(t->why), "%s afterwards: %.300s", t->op->then[0], output_text(s->err, 1));
			/* What was killed had said before that all is well, and it was. */
			return was_killed(t) ? END_KILLED : END_WRONG;
		}
	}
	if (t->op->output) {
		const char *text = output_wait(s, 5000);
		if (!text) {
			(void)snprintf(t->why, sizeof(t->why), "the program did not run");
			return killed_as_the_program(t) ? END_KILLED : END_WRONG;
		}
		if (t->expected && strcmp(text, t->expected) != 0 && is_less(t, text)) {
			less = true;
		} else if (t->expected && strcmp(text, t->expected) != 0) {
			difference(text, t->expected, t->why, sizeof(t->why));
			return END_WRONG;
		}
	}
	if (t->op->knob && !knob_is_set(s)) {
		(void)snprintf(t->why, sizeof(t->why), "the limit is not set");
		return END_WRONG;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", s->world.state, ID);
	if (t->op->removes && stat(path, &st) == 0) {
		(void)snprintf(t->why, sizeof(t->why), "success, and its state is there");
		return END_WRONG;
	}
	return less ? END_LESS : END_DONE;
}

static enum end judge_failure(struct trial *t, int status)
{
	bool one = one_line(output_text(t->s->err, 1), t->why, sizeof(t->why));
	struct stat st;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", t->s->world.state, ID);
	t->needed_delete = t->op->then[0] && stat(path, &st) == 0;
	if (status == 128 + 9 && t->fault.kind != FAULT_RETURN)
		return END_KILLED;
	if (!one)
		(void)snprintf(t->why, sizeof(t->why), "status %d: %.300s", status, output_text(t->s->err, 1));
	return one ? END_ERROR : END_SILENT;
}

static struct outcome run_traced(struct trial *t, struct tracer *tr, bool *ret_ready)
{
	struct line l;

	*ret_ready = false;
	if (t->op->prepare[0]) {
		line_make(&l, t->s, t->op->prepare);
		const struct command c = command_of(t->s, &l);
		int status = t->op->follow_prepare ? tracer_run(tr, &c, "prepare", LIMIT_MS).status :
						     command_run(&c, LIMIT_MS);
		if (status != 0 || (!t->op->follow_prepare && t->op->prepare[0] && !output_wait(t->s, 5000)))
			return (struct outcome){ .status = status };
		if (!t->op->follow_prepare)
			output_clear(t->s);
	}
	*ret_ready = true;
	tracer_reset(tr);
	tr->fault = t->fault;
	tr->record = t->record;
	line_make(&l, t->s, t->op->args);
	const struct command c = command_of(t->s, &l);
	return tracer_run(tr, &c, "host", LIMIT_MS);
}

static enum end trial_once(struct trial *t)
{
	struct tracer tr = { .runtime = t->s->runtime };
	struct outcome o;
	enum end end;
	bool ready, hit;

	output_clear(t->s);
	t->why[0] = '\0';
	t->needed_delete = false;
	o = run_traced(t, &tr, &ready);
	hit = tr.hit || t->fault.kind == FAULT_NONE;
	tracer_detach(&tr);
	t->ms = o.ms;
	if (!ready) {
		end = END_WRONG;
		(void)snprintf(t->why, sizeof(t->why), "preparation: status %d: %.300s", o.status, output_text(t->s->err, 1));
	} else if (tr.crash || o.status == 128 + 11 || o.status == 128 + 6) {
		end = END_CRASH;
		(void)snprintf(t->why, sizeof(t->why), "signal %d", tr.crash ? tr.crash : o.status - 128);
	} else if (o.hang) {
		end = END_HANG;
		(void)snprintf(t->why, sizeof(t->why), "no end after %d ms", LIMIT_MS);
	} else {
		end = o.status == 0 ? judge_success(t) : judge_failure(t, o.status);
	}
	if (!hit && end < END_BAD)
		end = END_UNREACHED;
	judge_after(t->s, &end, t->why, sizeof(t->why));
	return end;
}

/* On a loaded machine time alone is no proof: what hung must hang twice. */
static enum end trial_run(struct trial *t)
{
	enum end end = trial_once(t);

	return end == END_HANG ? trial_once(t) : end;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

struct sweep {
	struct setting *s;
	struct tally by_fault[N_FAULTS], sum;
	FILE *table;
	int64_t deadline;
	long counter;
};

static void count(struct tally *t, enum end end, const struct trial *trial)
{
	t->tried++;
	t->n[end]++;
	t->needed_delete += trial->needed_delete;
	if (trial->ms > t->slowest_ms && end != END_HANG)
		t->slowest_ms = trial->ms;
}

static void show(const struct trial *t, enum end end, const char *fault, const struct call *c)
{
	if (end < END_BAD && !getenv("FAULTS_VERBOSE"))
		return;
	(void)printf("%s %s #%u %s %s: %s: %s\n", t->op->name, c->role, c->index, call_name(c->nr), fault,
		     end_names[end], t->why);
	(void)fflush(stdout);
}

static bool out_of_time(const struct sweep *w)
{
	return w->deadline && clock_ms() > w->deadline;
}

static bool fault_wanted(const struct setting *s, size_t f)
{
	return !s->errors || strstr(s->errors, faults[f].name);
}

static void sweep_calls(struct sweep *w, struct trial *t, const struct call_list *calls, struct tally *of_op)
{
	const struct setting *s = w->s;

	for (size_t i = 0; i < calls->n && !out_of_time(w); i++)
		for (size_t f = 0; f < N_FAULTS && !out_of_time(w); f++) {
			const struct call *c = &calls->v[i];
			if (!fault_wanted(s, f) || (faults[f].kind == FAULT_RETURN && never_fails(c->nr)))
				continue;
			if (w->counter++ % s->stride != s->offset)
				continue;
			t->fault = (struct fault){ .kind = faults[f].kind, .value = -faults[f].error, .index = c->index, .nr = -1 };
			memcpy(t->fault.role, c->role, sizeof(c->role));
			t->nr = c->nr;
			enum end end = trial_run(t);
			show(t, end, faults[f].name, c);
			count(of_op, end, t);
			count(&w->by_fault[f], end, t);
		}
}

/* Without a fault first: it must succeed, twice in the same way; the first run also makes the list of calls. */
static bool sweep_reference(struct sweep *w, struct trial *t, struct call_list *calls, char **ret_expected)
{
	t->record = calls;
	enum end end = trial_run(t);
	*ret_expected = strdup(output_text(w->s->out, 0));
	t->record = NULL;
	t->expected = t->op->output ? *ret_expected : NULL;
	if (end == END_DONE)
		end = trial_run(t);
	if (end != END_DONE)
		(void)printf("%s without a fault: %s: %s\n", t->op->name, end_names[end], t->why);
	return end == END_DONE;
}

static bool sweep_op(struct sweep *w, const struct op *op)
{
	struct trial t = { .s = w->s, .op = op };
	struct tally tally = { 0 };
	struct call_list calls = { 0 };
	char *expected = NULL, name[96];
	bool good = sweep_reference(w, &t, &calls, &expected);

	if (good)
		sweep_calls(w, &t, &calls, &tally);
	(void)snprintf(name, sizeof(name), "%s, %zu calls", op->name, calls.n);
	table_row(w->table, name, &tally);
	tally_add(&w->sum, &tally);
	free(expected);
	free(calls.v);
	return good;
}

int points_main(struct setting *s)
{
	struct sweep w = { .s = s, .table = s->table ? fopen(s->table, "ae") : stdout };
	bool good = true;
	long bad = 0;

	if (!w.table)
		return 2;
	if (s->seconds)
		w.deadline = clock_ms() + s->seconds * 1000;
	(void)fprintf(w.table, "\n### %s\n\n", s->title);
	table_begin(w.table, "operation");
	for (size_t i = 0; i < n_ops; i++)
		if (op_wanted(s, &ops[i]) && !out_of_time(&w))
			good &= sweep_op(&w, &ops[i]);
	for (size_t f = 0; f < N_FAULTS; f++)
		if (fault_wanted(s, f))
			table_row(w.table, faults[f].name, &w.by_fault[f]);
	table_row(w.table, "**all**", &w.sum);
	(void)fprintf(w.table, "\nA failed create that was not killed undid itself in all but %ld trials.%s\n",
		      w.sum.needed_delete, out_of_time(&w) ? " The time was over before all points were tried." : "");
	for (int i = END_BAD; i < END_COUNT; i++)
		bad += w.sum.n[i];
	(void)printf("%ld points tried, %ld not as promised\n", w.sum.tried, bad);
	return good && bad == 0 && w.sum.tried ? 0 : 1;
}

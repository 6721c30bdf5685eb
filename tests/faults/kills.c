/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults kills: each command of the runtime killed at random moments of its life, untraced, so at its own speed.
 * `delete --force` follows each, and nothing may be left then. The command's first process is killed, not what it
 * made: what happens when an engine's deadline passes.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

static int64_t clock_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Small, and the same on every machine: a trial can be had again by its seed. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static bool prepare(const struct setting *s, const struct op *op)
{
	output_clear(s);
	return !op->prepare[0] || run_line(s, op->prepare) == 0;
}

/* How long the command takes undisturbed, in microseconds; negative: it failed. */
static int64_t measure(const struct setting *s, const struct op *op)
{
	char why[512] = "";
	enum end end = END_DONE;
	int64_t best = -1;

	for (int i = 0; i < 7; i++) {
		if (!prepare(s, op))
			return -1;
		int64_t begun = clock_us();
		if (run_line(s, op->args) != 0)
			return -1;
		int64_t took = clock_us() - begun;
		best = best < 0 || took < best ? took : best;
		judge_after(s, &end, why, sizeof(why));
		if (end != END_DONE)
			return -1;
	}
	return best;
}

static enum end kill_once(const struct setting *s, const struct op *op, int64_t after_us)
{
	struct line l;
	int status = 0;

	line_make(&l, s, op->args);
	const struct command c = command_of(s, &l);
	int64_t deadline = clock_us() + after_us;
	pid_t pid = command_start(&c);
	if (pid < 0)
		return END_UNREACHED;
	/* Not by a sleep alone, whose end the kernel puts off by as much as a short command lasts. */
	for (int64_t left; (left = deadline - clock_us()) > 0;)
		if (left > 500)
			(void)usleep((useconds_t)(left - 300));
	(void)kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		return END_UNREACHED;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? END_KILLED : END_CRASH;
	return WEXITSTATUS(status) == 0 ? END_DONE : END_ERROR;
}

static bool kills_op(const struct setting *s, FILE *table, const struct op *op, uint64_t *random, struct tally *sum)
{
	struct tally tally = { 0 };
	char name[96], why[512];
	int64_t lasts = measure(s, op);

	if (lasts < 0) {
		(void)printf("%s does not work undisturbed: %s\n", op->name, output_text(s->err, 1));
		return false;
	}
	for (long i = 0; i < s->kills; i++) {
		/* A tenth comes after the usual end. */
		int64_t after = (int64_t)(next_random(random) % (uint64_t)(lasts * 11 / 10 + 1));
		int64_t begun = clock_ms();
		why[0] = '\0';
		enum end end = prepare(s, op) ? kill_once(s, op, after) : END_WRONG;
		judge_after(s, &end, why, sizeof(why));
		tally.n[end]++;
		tally.tried++;
		double ms = (double)(clock_ms() - begun);
		tally.slowest_ms = ms > tally.slowest_ms ? ms : tally.slowest_ms;
		if (end >= END_BAD)
			(void)printf("%s killed after %lld us: %s: %s\n", op->name, (long long)after, end_names[end], why);
	}
	(void)snprintf(name, sizeof(name), "%s, which lasts %lld us", op->name, (long long)lasts);
	table_row(table, name, &tally);
	tally_add(sum, &tally);
	return true;
}

int kills_main(struct setting *s)
{
	FILE *table = s->table ? fopen(s->table, "ae") : stdout;
	uint64_t random = 88172645463325252ULL + (uint64_t)s->offset;
	struct tally sum = { 0 };
	long bad = 0;
	bool good = true;

	if (!table)
		return 2;
	(void)fprintf(table, "\n### %s\n\n", s->title);
	table_begin(table, "operation");
	for (size_t i = 0; i < n_ops; i++)
		if (op_wanted(s, &ops[i]))
			good &= kills_op(s, table, &ops[i], &random, &sum);
	table_row(table, "**all**", &sum);
	for (int i = END_BAD; i < END_COUNT; i++)
		bad += sum.n[i];
	(void)printf("%ld kills tried, %ld not as promised\n", sum.tried, bad);
	return good && bad == 0 && sum.n[END_KILLED] ? 0 : 1;
}

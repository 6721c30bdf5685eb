/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times commands as whole processes, interleaved: in each round the runtimes of one metric run one after the
 * other, in an order that rotates from round to round, so that a drift of the machine's speed and the effect
 * of the neighbour hit all alike. Prints one line per runtime and round:
 * "METRIC RUNTIME ROUND MICROSECONDS PEAK_RSS_KB". Rows of one metric must be adjacent. Reads from stdin a table of
 * "METRIC<TAB>RUNTIME<TAB>PREPARE<TAB>COMMAND<TAB>CLEANUP", each command as words separated by blanks; PREPARE and
 * CLEANUP (may be "-") are not timed. Words of our own: "@evict FILE..." drops files from the page cache; "@times N
 * COMMAND..." starts N at once, with @I in their words for 0 to N-1, and takes the time until the last has ended.
 * usage: launch ROUNDS [fifo]        fifo: at real-time priority, so that other work on the machine counts less
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROWS_MAX 512
#define WORDS_MAX 64

struct row {
	char *metric, *runtime, *words[3][WORDS_MAX];
	char text[4096];
};

extern char **environ;
static struct row rows[ROWS_MAX];

static void split(char *s, char **words)
{
	int n = 0;

	for (char *w = s; *w && n < WORDS_MAX - 1;) {
		w += strspn(w, " ");
		if (!*w)
			break;
		words[n++] = w;
		w += strcspn(w, " ");
		if (*w)
			*w++ = '\0';
	}
	words[n] = NULL;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static pid_t start(char **words)
{
	posix_spawn_file_actions_t fa;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	int r = posix_spawn(&pid, words[0], &fa, NULL, words, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (r != 0) {
		fprintf(stderr, "launch: %s: %s\n", words[0], strerror(r));
		return -1;
	}
	return pid;
}

/* Drops what is clean and not mapped of each file. */
static int evict(char **files)
{
	for (; *files; files++) {
		int fd = open(*files, O_RDONLY);
		if (fd < 0)
			return -1;
		(void)fdatasync(fd);
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		(void)close(fd);
	}
	return 0;
}

/* The words with each @I replaced by a number of one or two digits. */
static pid_t start_numbered(char **words, int number)
{
	static char text[WORDS_MAX][512];
	char *numbered[WORDS_MAX] = { NULL };

	for (int i = 0; words[i]; i++) {
		const char *at = strstr(words[i], "@I");
		if (at)
			snprintf(text[i], sizeof(text[i]), "%.*s%d%s", (int)(at - words[i]), words[i], number, at + 2);
		numbered[i] = at ? text[i] : words[i];
	}
	return start(numbered);
}

static int run_several(int n, char **words, double *us, long *rss)
{
	int status, failed = 0;
	struct rusage ru;
	double begin = now_us();

	*rss = 0;
	for (int i = 0; i < n; i++)
		failed |= start_numbered(words, i) < 0;
	while (wait4(-1, &status, 0, &ru) > 0) {
		failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
		*rss = ru.ru_maxrss > *rss ? ru.ru_maxrss : *rss;
	}
	*us = now_us() - begin;
	return failed;
}

/* Runs one command with its output thrown away; its status, time and peak memory. */
static int run(char **words, double *us, long *rss)
{
	struct rusage ru;
	int status;

	if (!strcmp(words[0], "@evict"))
		return evict(words + 1);
	if (!strcmp(words[0], "@times") && words[1])
		return run_several(atoi(words[1]), words + 2, us, rss);
	double begin = now_us();
	pid_t pid = start(words);
	if (pid < 0)
		return -1;
	while (wait4(pid, &status, 0, &ru) < 0)
		if (errno != EINTR)
			return -1;
	*us = now_us() - begin;
	*rss = ru.ru_maxrss;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int measure(struct row *r, int round)
{
	double us;
	long rss;
	int status = 0;

	if (strcmp(r->words[0][0], "-") != 0)
		status = run(r->words[0], &us, &rss);
	if (status == 0)
		status = run(r->words[1], &us, &rss);
	if (status != 0)
		fprintf(stderr, "launch: %s of %s failed with %d\n", r->metric, r->runtime, status);
	else if (round > 0)
		printf("%s %s %d %.1f %ld\n", r->metric, r->runtime, round, us, rss);
	if (strcmp(r->words[2][0], "-") != 0)
		run(r->words[2], &us, &rss);
	return status;
}

int main(int argc, char **argv)
{
	int n = 0, failed = 0, rounds = argc > 1 ? atoi(argv[1]) : 20;
	struct sched_param lowest = { .sched_priority = 1 };

	if (argc > 2 && syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &lowest) < 0) /* musl has none */
		fprintf(stderr, "launch: no real-time priority: %s\n", strerror(errno));

	while (n < ROWS_MAX && fgets(rows[n].text, sizeof(rows[n].text), stdin)) {
		char *fields[5], *s = rows[n].text;
		s[strcspn(s, "\n")] = '\0';
		for (int i = 0; i < 5; i++) {
			fields[i] = s;
			s += strcspn(s, "\t");
			if (*s)
				*s++ = '\0';
		}
		rows[n].metric = fields[0];
		rows[n].runtime = fields[1];
		for (int i = 0; i < 3; i++)
			split(fields[2 + i], rows[n].words[i]);
		n++;
	}
	/* The first round warms up and is not printed. */
	for (int round = 0; round <= rounds; round++)
		for (int first = 0, count; first < n; first += count) {
			for (count = 1; first + count < n && !strcmp(rows[first].metric, rows[first + count].metric);)
				count++;
			for (int k = 0; k < count; k++)
				failed += measure(&rows[first + (k + round) % count], round) != 0;
		}
	return failed != 0;
}

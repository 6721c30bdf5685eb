/* SPDX-License-Identifier: Apache-2.0 */
/* Before and after. Texts are compared, so that what differs can be shown. */
#define _GNU_SOURCE
#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

static void directories(FILE *out, const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		char sub[PATH_MAX];
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) >= (int)sizeof(sub))
			continue;
		(void)fprintf(out, "cgroup %s\n", sub);
		directories(out, sub);
	}
	if (d)
		(void)closedir(d);
}

static void entries(FILE *out, const char *what, const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	while (d && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)fprintf(out, "%s %s/%s\n", what, path, e->d_name);
	if (d)
		(void)closedir(d);
}

/* One field of each line of a file. */
static void fields(FILE *out, const char *what, const char *path, int field)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		char *save = NULL, *word = strtok_r(line, " :\t\n", &save);
		for (int i = 1; word && i < field; i++)
			word = strtok_r(NULL, " \t\n", &save);
		if (word)
			(void)fprintf(out, "%s %s\n", what, word);
	}
	free(line);
	if (f)
		(void)fclose(f);
}

static char *snapshot(const struct world *w)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	fields(out, "mount", "/proc/self/mountinfo", 5);
	fields(out, "network device", "/proc/net/dev", 1);
	entries(out, "state", w->state);
	if (w->outputs)
		entries(out, "file", w->outputs);
	if (w->cgroups)
		directories(out, w->cgroups);
	(void)fclose(out);
	return text;
}

bool world_begin(struct world *w)
{
	free(w->before);
	w->before = snapshot(w);
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

static pid_t some_child(void)
{
	char path[64];
	pid_t pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		(void)fclose(f);
	return pid;
}

static void name_of_process(pid_t pid, char *buf, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		(void)close(fd);
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n > 0 ? n : 0] = '\0';
}

/* No children: true. Else they are named and killed. */
static bool no_processes(int limit_ms, char *what, size_t size)
{
	int64_t deadline = clock_ms() + limit_ms;
	char name[32];

	for (;;) {
		pid_t r = waitpid(-1, NULL, WNOHANG | __WALL);
		if (r < 0)
			return true;
		if (r == 0 && clock_ms() > deadline)
			break;
		if (r == 0)
			(void)usleep(300);
	}
	pid_t pid = some_child();
	name_of_process(pid, name, sizeof(name));
	(void)snprintf(what, size, "process %d (%s)", pid, name);
	for (int64_t end = clock_ms() + 3000; (pid = some_child()) > 0 && clock_ms() < end; (void)usleep(500)) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, WNOHANG | __WALL);
	}
	return false;
}

static bool has_line(const char *text, const char *line, size_t n)
{
	for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		if ((size_t)(end - at) == n && memcmp(at, line, n) == 0)
			return true;
	}
	return false;
}

/* The first line of `a` that `b` does not have. */
static bool extra_line(const char *a, const char *b, char *what, size_t size)
{
	for (const char *end; *a; a = *end ? end + 1 : end) {
		end = strchrnul(a, '\n');
		if (has_line(b, a, (size_t)(end - a)))
			continue;
		(void)snprintf(what, size, "%.*s", (int)(end - a), a);
		return true;
	}
	return false;
}

bool world_same(const struct world *w, int limit_ms, char *what, size_t size)
{
	int64_t deadline = clock_ms() + limit_ms;
	bool same = no_processes(limit_ms, what, size);

	for (;;) {
		char *now = snapshot(w);
		bool equal = strcmp(now, w->before) == 0;
		if (!equal && same && clock_ms() > deadline) {
			char line[256];
			if (extra_line(now, w->before, line, sizeof(line)))
				(void)snprintf(what, size, "left: %s", line);
			else if (extra_line(w->before, now, line, sizeof(line)))
				(void)snprintf(what, size, "gone: %s", line);
			else
				equal = true; /* another order */
			free(now);
			return equal;
		}
		free(now);
		if (equal || !same)
			return same;
		(void)usleep(1000);
	}
}

size_t world_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts DIR RUNTIME ROUNDS EXECS: creates a container, enters it EXECS times and deletes it, ROUNDS times over, and
 * after each looks whether anything of the host came into the container or the canary on the host changed. It must not
 * look itself through the names that are exchanged. DIR/b is the bundle, DIR/canary what must not be reached, DIR/id.*
 * the container's name. Prints attempts, failures and escapes; messages of failures go to DIR/failed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK "of-the-host"

extern char **environ;

static const char *dir, *runtime;
static unsigned long attempts, failures, escapes;

static char *in_dir(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		exit(2);
	return path;
}

/* What is below the canary, in one number: names, kinds and times of change (FNV-1a). */
static unsigned long look(int at, unsigned long sum)
{
	int copy = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(copy);
	unsigned long all = sum;
	struct dirent *e;

	if (!d)
		exit(2);
	while ((e = readdir(d))) {
		unsigned long one = 1469598103934665603UL;
		struct stat st;

		if (strcmp(e->d_name, "..") == 0)
			continue;
		if (fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			exit(2);
		for (const char *p = e->d_name; *p; p++)
			one = (one ^ (unsigned char)*p) * 1099511628211UL;
		one = (one ^ st.st_mode) * 1099511628211UL;
		one = (one ^ (unsigned long)st.st_mtim.tv_sec) * 1099511628211UL;
		one = (one ^ (unsigned long)st.st_mtim.tv_nsec) * 1099511628211UL;
		all += one; /* in whatever order they are listed */
		if (S_ISDIR(st.st_mode) && strcmp(e->d_name, ".") != 0) {
			int below = openat(at, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (below < 0)
				exit(2);
			all += look(below, one);
			(void)close(below);
		}
	}
	(void)closedir(d);
	return all;
}

/* Runs it with its output in the file `out`; whether its status was 0. */
static bool run(const char *out, const char *const *words)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int status;

	if (posix_spawn_file_actions_init(&files) != 0 ||
	    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) != 0 ||
	    posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600) != 0 ||
	    posix_spawn_file_actions_adddup2(&files, 1, 2) != 0 ||
	    posix_spawn(&pid, runtime, &files, NULL, (char *const *)words, environ) != 0 || waitpid(pid, &status, 0) != pid)
		exit(2);
	(void)posix_spawn_file_actions_destroy(&files);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static size_t text_of(const char *file, char *text, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void escaped(const char *what, const char *text)
{
	escapes++;
	printf("escape: %s: %s\n", what, text);
}

static void failed(FILE *log, const char *out)
{
	char text[4096];

	failures++;
	(void)text_of(out, text, sizeof(text));
	(void)fprintf(log, "failed: %s%s", text, text[0] ? "" : "without a word\n");
	(void)fflush(log);
}

int main(int argc, char **argv)
{
	char text[4096], id[32];

	if (argc != 5)
		return 2;
	dir = argv[1];
	runtime = argv[2];
	(void)snprintf(id, sizeof(id), "race.%ld", (long)getpid());
	const char *state = in_dir("state"), *bundle = in_dir("b"), *created = in_dir(id), *out;
	(void)strcat(id, ".exec");
	out = in_dir(id);
	*strrchr(id, '.') = '\0';
	const char *const create[] = { runtime, "--root", state, "run", "--detach", "-b", bundle, id, NULL };
	const char *const enter[] = { runtime, "--root", state, "exec", "--cwd", "/w", id, "sh", "-c",
		"{ while read -r l; do echo $l; done <what; while read -r l; do echo $l; done </a/vol/what; } 2>/dev/null; :", NULL };
	const char *const delete[] = { runtime, "--root", state, "delete", "--force", id, NULL };
	int canary = open(in_dir("canary"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FILE *log = fopen(in_dir("failed"), "ae");
	if (canary < 0 || !log)
		return 2;
	unsigned long before = look(canary, 0);
	for (long round = strtol(argv[3], NULL, 10); round > 0; round--) {
		attempts++;
		bool made = run(created, create);
		if (!made)
			failed(log, created);
		for (long i = strtol(argv[4], NULL, 10); made && i > 0; i--) {
			attempts++;
			if (!run(out, enter))
				failed(log, out);
			(void)text_of(out, text, sizeof(text));
			if (strstr(text, MARK))
				escaped("exec", text);
		}
		if (!run(out, delete))
			failed(log, out);
		/* Now, since the container's program has gone on writing until its end. */
		(void)text_of(created, text, sizeof(text));
		if (strstr(text, MARK))
			escaped("create", text);
		if (look(canary, 0) != before) {
			escaped("the canary has changed", "");
			before = look(canary, 0);
		}
	}
	printf("%lu %lu %lu\n", attempts, failures, escapes);
	return 0;
}

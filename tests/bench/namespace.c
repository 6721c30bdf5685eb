/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to the same mounts, by the clock, in turns: what a kernel could save a runtime, before one is changed for it.
 *
 *	namespace DIR [ROUNDS]	measures below DIR, in a mount namespace of its own, and prints for each way
 *				"NAME MOUNTS READY END": medians in microseconds, until it is there, until its process is gone
 *
 * Ways that this kernel does not know are printed with "-". Tests nothing and is no part of the runtime.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef OPEN_TREE_NAMESPACE
#define OPEN_TREE_NAMESPACE 2 /* open_tree(2), Linux 7.0: into a mount namespace of its own */
#endif
#define RECURSIVE 0x8000 /* AT_RECURSIVE */
#define BINDS 1000
#define ROUNDS_MAX 1000
#define UNKNOWN 2	/* status of a child whose way this kernel does not know */
#define REST_US 5000 /* after a child: what the kernel throws away later shall not be the next one's time */

static const char *root; /* the container's */
static int64_t *ready;	 /* when the child is in its root and nothing of the host is left, shared with it */

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((noreturn)) static void fail(const char *what)
{
	(void)printf("failed %s: %s\n", what, strerror(errno));
	(void)fflush(stdout);
	_exit(1);
}

static int must(int r, const char *what)
{
	if (r < 0)
		fail(what);
	return r;
}

static int tree_of(const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLOEXEC | RECURSIVE | flags);
}

static int attach(int tree, int at, const char *path)
{
	return (int)syscall(SYS_move_mount, tree, "", at, path, MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH));
}

/* ---- ways into the root: each runs in a child ------------------------------------------------------------------- */

/* A copy of the host's mounts, of which all but the root is thrown away. */
static void way_copy(void)
{
	must(unshare(CLONE_NEWNS), "unshare");
	must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "make / slave");
	int tree = must(tree_of(root, OPEN_TREE_CLONE), "open_tree");
	must(attach(tree, AT_FDCWD, root), "move_mount");
	must(fchdir(tree), "fchdir");
	must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
}

/* A mount namespace that has nothing but the root. */
static void way_alone(void)
{
	int ns = tree_of(root, OPEN_TREE_NAMESPACE);

	if (ns < 0 && errno == EINVAL)
		_exit(UNKNOWN);
	must(ns, "open_tree");
	must(setns(ns, CLONE_NEWNS), "setns");
	must(chdir("/"), "chdir");
}

/* Neither: a fork and its end. */
static void way_none(void)
{
}

/* ---- ways to attach many binds ---------------------------------------------------------------------------------- */

static int destination(int at, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return must((int)syscall(SYS_openat2, at, path, &how, sizeof(how)), "openat2");
}

static void bind_all(int at)
{
	char path[32];

	for (int i = 0; i < BINDS; i++) {
		(void)snprintf(path, sizeof(path), "d/%d", i);
		int to = destination(at, path), tree = must(tree_of("src", OPEN_TREE_CLONE), "open_tree");
		must(attach(tree, to, ""), "move_mount");
		(void)close(to);
		(void)close(tree);
	}
}

/* To where they stay, one by one, as the runtime does. */
static void way_attached(void)
{
	must(unshare(CLONE_NEWNS), "unshare");
	int tree = must(tree_of(root, OPEN_TREE_CLONE), "open_tree");
	must(attach(tree, AT_FDCWD, root), "move_mount");
	*ready = -now_ns();
	bind_all(tree);
	*ready += now_ns();
}

/* To a tree that nobody sees yet, which is then attached at once (Linux 6.15). */
static void way_detached(void)
{
	must(unshare(CLONE_NEWNS), "unshare");
	int tree = must(tree_of(root, OPEN_TREE_CLONE), "open_tree");
	*ready = -now_ns();
	bind_all(tree);
	must(attach(tree, AT_FDCWD, root), "move_mount");
	*ready += now_ns();
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

struct way {
	const char *name;
	void (*run)(void);
};

static const struct way starts[] = { { "copy", way_copy }, { "alone", way_alone }, { "fork", way_none } };
static const struct way binds[] = { { "attached", way_attached }, { "detached", way_detached } };

static int64_t samples[3][ROUNDS_MAX], ends[3][ROUNDS_MAX];

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_us(int64_t *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return (double)v[n / 2] / 1000;
}

/* One child: how long until it was ready, and until it was gone. False: its way does not exist here. */
static int once(const struct way *w, int own_clock, int64_t *ret_ready, int64_t *ret_end)
{
	int64_t begun = now_ns();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		w->run();
		if (!own_clock)
			*ready = now_ns();
		_exit(0);
	}
	must(pid, "fork");
	must(waitpid(pid, &status, 0), "wait");
	*ret_end = now_ns() - begun;
	*ret_ready = own_clock ? *ready : *ready - begun;
	(void)usleep(REST_US);
	if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == UNKNOWN))
		exit(1);
	return status == 0;
}

/* Each way once in a round, in turned order, so that what else happens falls on all of them. */
static void measure(const struct way *ways, int n, int rounds, int own_clock, int mounts)
{
	int works[3] = { 1, 1, 1 };

	for (int i = 0; i < rounds; i++)
		for (int k = 0; k < n; k++) {
			int w = (i + k) % n;
			if (works[w])
				works[w] = once(&ways[w], own_clock, &samples[w][i], &ends[w][i]);
		}
	for (int w = 0; w < n; w++) {
		if (!works[w])
			(void)printf("%s %d - -\n", ways[w].name, mounts);
		else
			(void)printf("%s %d %.1f %.1f\n", ways[w].name, mounts, median_us(samples[w], rounds), median_us(ends[w], rounds));
	}
	(void)fflush(stdout);
}

static void measure_all(int rounds)
{
	static const int mounts[] = { 20, 200, 1000 };
	char path[64];
	int made = 0;

	root = "root";
	must(mkdir("root", 0755), "mkdir");
	must(mkdir("root/d", 0755), "mkdir");
	must(mkdir("src", 0755), "mkdir");
	must(mkdir("host", 0755), "mkdir");
	for (int i = 0; i < BINDS; i++) {
		(void)snprintf(path, sizeof(path), "root/d/%d", i);
		must(mkdir(path, 0755), "mkdir");
	}
	measure(binds, 2, rounds / 2, 1, BINDS);
	for (int i = 0; i < 3; i++) {
		for (; made < mounts[i]; made++) {
			(void)snprintf(path, sizeof(path), "host/%d", made);
			must(mkdir(path, 0755), "mkdir");
			must(mount("none", path, "tmpfs", 0, NULL), "mount");
		}
		measure(starts, 3, rounds, 0, mounts[i]);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 200;

	if (argc < 2 || rounds < 10 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "usage: namespace DIR [ROUNDS, 10 to %d]\n", ROUNDS_MAX);
		return 2;
	}
	ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ready == MAP_FAILED)
		fail("mmap");
	must(unshare(CLONE_NEWNS), "unshare");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	must(mount("none", argv[1], "tmpfs", 0, NULL), "mount");
	must(chdir(argv[1]), "chdir");
	measure_all(rounds);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Paths inside a root that somebody else filled: nothing leads out of it, nothing waits, nothing is
 * overwritten. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/base/path.h"
#include "../../runtime/base/sys.h"
#include "../../runtime/base/util.h"
#include "tap.h"

static char top[64];
static int outside, root; /* top and top/root */

static bool exists(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_dir(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool same(int fd, int dir, const char *path)
{
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && fstatat(dir, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void must(int r)
{
	if (r < 0) {
		printf("# setting up failed: %s\n", strerror(errno));
		tap_bad++;
	}
}

static void test_open(void)
{
	must(mkdirat(root, "a", 0755));
	must(mkdirat(root, "a/b", 0755));
	must(symlinkat("/a/b", root, "absolute"));
	must(symlinkat("../../../../a", root, "up"));
	must(symlinkat("self", root, "self"));
	auto_close int plain = path_open(root, "/a/b", O_PATH);
	CHECK(same(plain, root, "a/b"));
	auto_close int absolute = path_open(root, "absolute", O_PATH);
	CHECK(same(absolute, root, "a/b"));
	auto_close int up = path_open(root, "/up/b/../../../../..", O_PATH);
	CHECK(same(up, root, "."));
	CHECK_INT(path_open(root, "self", O_PATH), -ELOOP);
	CHECK_INT(path_open(root, "none", O_PATH), -ENOENT);
	CHECK_INT(fcntl(plain, F_GETFD), FD_CLOEXEC);
}

static void test_open_strict(void)
{
	auto_close int plain = path_open_strict(root, "a/b", O_PATH);
	CHECK(same(plain, root, "a/b"));
	/* The link at the end too, also where open(2) alone would give the link itself. */
	CHECK_INT(path_open_strict(root, "absolute", O_PATH), -ELOOP);
	CHECK_INT(path_open_strict(root, "absolute", O_PATH | O_NOFOLLOW), -ELOOP);
	CHECK_INT(path_open_strict(root, "up/b", O_PATH), -ELOOP);
	CHECK_INT(path_open_strict(root, "none", O_PATH), -ENOENT);
}

static void test_open_here(void)
{
	auto_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	auto_close int comm = path_open_here(proc, "self/comm", O_RDONLY);
	CHECK(comm >= 0);
	CHECK_INT(path_open_here(proc, "self/root/etc", O_PATH), -ELOOP); /* a magic link */
	CHECK_INT(path_open_here(root, "absolute", O_PATH), -EXDEV);
	CHECK_INT(path_open_here(root, "../root", O_PATH), -EXDEV);
	auto_close int slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(path_open_here(slash, "proc/self", O_PATH), -EXDEV); /* a mount */
}

static void test_make(void)
{
	struct err e = { 0 };

	auto_close int deep = path_make(root, "/x/y//z/", PATH_DIR, &e);
	CHECK(same(deep, root, "x/y/z") && is_dir(root, "x/y/z"));
	auto_close int again = path_make(root, "x/y/z", PATH_FILE, &e); /* as it is */
	CHECK(same(again, root, "x/y/z"));
	auto_close int file = path_make(root, "/f/g", PATH_FILE, &e);
	CHECK(same(file, root, "f/g") && is_dir(root, "f") && !is_dir(root, "f/g"));
	auto_close int through = path_make(root, "/absolute/new/dir", PATH_DIR, &e);
	CHECK(same(through, root, "a/b/new/dir"));
	auto_close int dots = path_make(root, "../../q/../r", PATH_DIR, &e);
	CHECK(same(dots, root, "r"));
	CHECK(!exists(outside, "r") && !exists(outside, "q"));
	CHECK_INT(path_make(root, "/f/g/h", PATH_DIR, &e), -ENOTDIR);
	CHECK_STR(e.text, "/f/g/h: not a directory");
}

static void test_dangling(void)
{
	struct err e = { 0 };

	must(symlinkat("/made/by/link", root, "dangling"));
	must(symlinkat("../../../escape", root, "a/out"));
	must(symlinkat("ring2", root, "ring1"));
	must(symlinkat("ring1/x", root, "ring2"));
	must(symlinkat("chain2/more", root, "chain1"));
	must(symlinkat("far", root, "chain2"));
	auto_close int made = path_make(root, "/dangling/end", PATH_DIR, &e);
	CHECK(same(made, root, "made/by/link/end"));
	auto_close int out = path_make(root, "/a/out", PATH_FILE, &e);
	CHECK(same(out, root, "escape") && !exists(outside, "escape"));
	auto_close int chain = path_make(root, "chain1", PATH_FILE, &e);
	CHECK(same(chain, root, "far/more"));
	CHECK_INT(path_make(root, "ring1", PATH_DIR, &e), -ELOOP);
	CHECK(e.text[0] && !exists(outside, "ring1"));
}

/* Returned without being opened: a FIFO would wait, a file would be truncated. */
static void test_no_effect(void)
{
	struct err e = { 0 };
	struct stat st;

	must(mkfifoat(root, "fifo", 0600));
	auto_close int fd = openat(root, "full", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(write(fd, "text", 4) == 4 ? 0 : -1);
	(void)alarm(20);
	auto_close int fifo = path_make(root, "fifo", PATH_FILE, &e);
	(void)alarm(0);
	CHECK(same(fifo, root, "fifo"));
	auto_close int full = path_make(root, "full", PATH_FILE, &e);
	CHECK(fstat(full, &st) == 0 && st.st_size == 4);
	CHECK_INT(fcntl(full, F_GETFL) & O_PATH, O_PATH);
}

static void test_parent(void)
{
	char name[PATH_NAME_SIZE] = "before", text[400];
	struct err e = { 0 };

	auto_close int one = path_parent(root, "/p/q/last//", name, &e);
	CHECK(same(one, root, "p/q"));
	CHECK_STR(name, "last");
	auto_close int two = path_parent(root, "/top", name, &e);
	CHECK(same(two, root, "."));
	CHECK_STR(name, "top");
	static const char *const bad[] = { "/", "", "/a/..", "/a/.", "..", "//" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(path_parent(root, bad[i], name, &e), -EINVAL);
	memset(text, 'n', 300);
	text[300] = '\0';
	CHECK_INT(path_parent(root, text, name, &e), -EINVAL);
	CHECK_INT(path_make(root, text, PATH_DIR, &e), -ENAMETOOLONG);
	CHECK_STR(name, "top"); /* not written on failure */
}

/* Another process exchanges a directory and a link that leads out; whatever happens, nothing is made outside.
 */
static void test_exchange(void)
{
	struct err e = { 0 };
	long done = 0;

	must(mkdirat(root, "swap", 0755));
	must(mkdirat(outside, "victim", 0755));
	must(symlinkat("../../victim", root, "link"));
	(void)fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		for ((void)prctl(PR_SET_PDEATHSIG, SIGKILL);;)
			(void)syscall(SYS_renameat2, root, "swap", root, "link", 2 /* RENAME_EXCHANGE */);
	for (int i = 0; i < 2000; i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "/swap/%d/x", i);
		int fd = path_make(root, path, i % 2 ? PATH_DIR : PATH_FILE, &e);
		if (fd >= 0)
			done++;
		fd_close(&fd);
	}
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	CHECK(done > 0);
	CHECK_INT(unlinkat(outside, "victim", AT_REMOVEDIR), 0); /* empty as it was */
}

static const struct tap_test tests[] = {
	{ "open", test_open },
	{ "open without links", test_open_strict },
	{ "open on the same mount", test_open_here },
	{ "make", test_make },
	{ "make behind dangling links", test_dangling },
	{ "what exists is not touched", test_no_effect },
	{ "the parent of a name", test_parent },
	{ "a tree that changes", test_exchange },
};

static void tear_down(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", top, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

int main(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/ctr-path-XXXXXX");
	if (!mkdtemp(top))
		return 1;
	outside = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(mkdirat(outside, "root", 0755));
	root = openat(outside, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = tap_run("path", tests, ARRAY_SIZE(tests));
	tear_down();
	return r;
}

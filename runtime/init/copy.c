/* SPDX-License-Identifier: Apache-2.0 */
/* tmpcopyup: the content of a directory into the tmpfs that is about to hide it. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "init.h"

struct entry { /* linux_dirent64, getdents64(2) */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static int copy_dir(int from, int to, dev_t dev, int depth, struct err *e);

static int copy_data(int in, int out, struct err *e)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			ssize_t w = write(out, buf + at, (size_t)(n - at));
			if (w < 0)
				return err_sys(e, errno, "write");
			at += w;
		}
	return n < 0 ? err_sys(e, errno, "read") : 0;
}

/* Extended attributes where both sides have them; a tmpfs without user.* is no error. */
static void copy_xattrs(int in, int out)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(in, names, sizeof(names));

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t v = fgetxattr(in, names + at, value, sizeof(value));
		if (v >= 0)
			(void)fsetxattr(out, names + at, value, (size_t)v, 0);
	}
}

static int copy_file(int from, int to, const char *name, const struct stat *st, struct err *e)
{
	auto_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	auto_close int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat now;

	if (in < 0 || out < 0)
		return err_sys(e, errno, "copy %s", name);
	if (fstat(in, &now) < 0 || now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return err_set(e, EAGAIN, "%s: the root filesystem is being modified concurrently", name);
	int r = copy_data(in, out, e);
	if (r < 0)
		return err_in(e, "copy %s", name);
	copy_xattrs(in, out);
	/* Owner before mode: a change of owner clears set-id bits. */
	if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0)
		return err_sys(e, errno, "copy the owner of %s", name);
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	(void)futimens(out, times);
	return 0;
}

static int copy_link(int from, int to, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, errno, "read link %s", name);
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? err_sys(e, errno, "copy link %s", name) : 0;
}

static int copy_subdir(int from, int to, const char *name, const struct stat *st, dev_t dev, int depth,
		       struct err *e)
{
	auto_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0 || mkdirat(to, name, 0700) < 0)
		return err_sys(e, errno, "copy %s", name);
	auto_close int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return err_sys(e, errno, "copy %s", name);
	int r = st->st_dev == dev ? copy_dir(in, out, dev, depth + 1, e) : 0;
	if (r < 0)
		return r;
	copy_xattrs(in, out);
	if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0)
		return err_sys(e, errno, "copy the owner of %s", name);
	return 0;
}

static int copy_entry(int from, int to, const char *name, dev_t dev, int depth, struct err *e)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "examine %s", name);
	if (S_ISDIR(st.st_mode))
		return copy_subdir(from, to, name, &st, dev, depth, e);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, &st, e);
	r = S_ISLNK(st.st_mode) ? copy_link(from, to, name, e)
	    : mknodat(to, name, st.st_mode & (S_IFMT | 07777), st.st_rdev) < 0
		    ? err_sys(e, errno, "copy node %s", name)
		    : 0;
	if (r == 0 && fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "copy the owner of %s", name);
	return r;
}

static int copy_dir(int from, int to, dev_t dev, int depth, struct err *e)
{
	char buf[4096] __attribute__((aligned(8)));
	long n;

	if (depth > COPY_DEPTH_MAX)
		return err_set(e, ELOOP, "more than %d levels of directories", COPY_DEPTH_MAX);
	while ((n = syscall(SYS_getdents64, from, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *d = (const struct entry *)(const void *)(buf + at);
			at += d->reclen;
			if (strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0)
				continue;
			int r = copy_entry(from, to, d->name, dev, depth, e);
			if (r < 0)
				return r;
		}
	return n < 0 ? err_sys(e, errno, "read a directory") : 0;
}

int copy_tree(int from, int to, struct err *e)
{
	auto_close int in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return err_sys(e, errno, "open the directory to copy");
	int r = copy_dir(in, out, st.st_dev, 0, e);
	if (r < 0)
		return r;
	copy_xattrs(in, out);
	if (fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0)
		return err_sys(e, errno, "copy the owner of the directory");
	return 0;
}

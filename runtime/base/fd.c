/* SPDX-License-Identifier: Apache-2.0 */
/* File and descriptor helpers of the host side. Paths here are the host's own, never a container's. */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "util.h"

static int open_regular(int dirfd, const char *name, struct stat *st)
{
	/* O_NONBLOCK: a FIFO in the way must not stop us; harmless on regular files. */
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) < 0)
		return -errno;
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	return TAKE_FD(fd);
}

static ssize_t read_some(int fd, char *buf, size_t n)
{
	ssize_t r;

	do
		r = read(fd, buf, n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int file_read_at(struct arena *a, int dirfd, const char *name, size_t max, char **ret, size_t *ret_n)
{
	struct stat st = { 0 };
	auto_close int fd = open_regular(dirfd, name, &st);

	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	/* Kernel files say size 0; a growing file is read to `size` and no further. */
	size_t size = st.st_size > 0 ? (size_t)st.st_size : MIN(max, (size_t)65536), n = 0;
	char *buf = arena_alloc(a, size + 1);
	if (!buf)
		return -ENOMEM;
	while (n < size) {
		ssize_t r = read_some(fd, buf + n, size - n);
		if (r < 0)
			return (int)r;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	buf[n] = '\0';
	*ret = buf;
	*ret_n = n;
	return 0;
}

int file_read(struct arena *a, int dirfd, const char *name, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	int r = file_read_at(a, dirfd, name, max, ret, ret_n);

	if (r == -EFBIG)
		return err_set(e, EFBIG, "read %s: larger than %zu MiB", name, max >> 20);
	if (r == -EINVAL)
		return err_set(e, EINVAL, "read %s: not a regular file", name);
	if (r == -ENOENT) /* not the errno's own words: engines take those for a missing program */
		return err_set(e, ENOENT, "open %s: missing", name);
	return r < 0 ? err_sys(e, r, "open %s", name) : 0;
}

/* To its end, since the size of a pipe says nothing. */
static int read_stream(struct arena *a, int fd, const char *what, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	char *buf = arena_alloc(a, max + 1);
	size_t n = 0;

	if (!buf)
		return err_nomem(e);
	for (;;) {
		ssize_t r = read_some(fd, buf + n, max + 1 - n);
		if (r < 0)
			return err_sys(e, (int)r, "read %s", what);
		if (r == 0)
			break;
		n += (size_t)r;
		if (n > max)
			return err_set(e, EFBIG, "%s: larger than %zu MiB", what, max >> 20);
	}
	*ret = buf;
	*ret_n = n;
	return 0;
}

int file_read_given(struct arena *a, const char *name, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	struct stat st;

	if (str_eq(name, "-"))
		return read_stream(a, STDIN_FILENO, "standard input", max, ret, ret_n, e);
	if (stat(name, &st) < 0 || !S_ISFIFO(st.st_mode))
		return file_read(a, AT_FDCWD, name, max, ret, ret_n, e);
	auto_close int fd = openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, errno, "open %s", name);
	return read_stream(a, fd, name, max, ret, ret_n, e);
}

int file_read_short(int dirfd, const char *name, char *buf, size_t size)
{
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t n = 0;

	if (fd < 0)
		return -errno;
	while (n < size - 1) {
		size_t room = size - 1 - n;
		ssize_t r = read_some(fd, buf + n, room);
		if (r < 0)
			return (int)r;
		n += (size_t)r;
		/* Such a file gives all it has at once, up to a page: asking for the end would cost as much again. */
		if ((size_t)r < room && n < 4096)
			break;
		if (r == 0)
			break;
	}
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return (int)n;
}

int dirs_make_above(const char *path, mode_t mode, const char *what, struct err *e)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return err_set(e, ENAMETOOLONG, "make %s %s: path too long", what, path);
	for (const char *c = strchr(path + 1, '/'); c; c = strchr(c + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(c - path), path);
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_set(e, errno, "make %s %s: %s", what, part, errno == ENOENT ? "missing parent" : err_text(errno));
	}
	return 0;
}

int fd_write_all(int fd, const void *data, size_t n)
{
	for (const char *p = data; n > 0;) {
		ssize_t r = write(fd, p, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int print_out(const struct strbuf *b, struct err *e)
{
	if (b->failed)
		return err_nomem(e);
	int r = b->n ? fd_write_all(STDOUT_FILENO, b->p, b->n) : 0;
	return r < 0 ? err_sys(e, r, "write to standard output") : 0;
}

int file_write(int dirfd, const char *name, const void *data, size_t n)
{
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t r;

	if (fd < 0)
		return -errno;
	do
		r = write(fd, data, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}

static int name_beside(const char *name, char *tmp, size_t size)
{
	const char *base = strrchr(name, '/');
	int prefix = base ? (int)(base + 1 - name) : 0;

	base = base ? base + 1 : name;
	/* The process has one thread, whose number the C library need not ask for. */
	return (size_t)snprintf(tmp, size, "%.*s.%s.%d", prefix, name, base, gettid()) >= size ? -ENAMETOOLONG : 0;
}

int file_beside(int dirfd, const char *name, const void *data, size_t n, mode_t mode, char tmp[FILE_BESIDE_SIZE])
{
	int r = name_beside(name, tmp, FILE_BESIDE_SIZE);

	if (r < 0)
		return r;
	auto_close int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 && errno == EEXIST) {
		/* Left by a process of the same number that was killed in between. */
		(void)unlinkat(dirfd, tmp, 0);
		fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	}
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, n);
	if (r < 0)
		(void)unlinkat(dirfd, tmp, 0);
	return r;
}

int file_take_place(int dirfd, const char *beside, const char *name)
{
	if (renameat(dirfd, beside, dirfd, name) == 0)
		return 0;
	int r = -errno;
	(void)unlinkat(dirfd, beside, 0);
	return r;
}

int file_replace(int dirfd, const char *name, const void *data, size_t n, mode_t mode)
{
	char tmp[FILE_BESIDE_SIZE];
	int r = file_beside(dirfd, name, data, n, mode, tmp);

	return r < 0 ? r : file_take_place(dirfd, tmp, name);
}

int file_new(int dirfd, const char *name, const void *data, size_t n, mode_t mode)
{
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

	return fd < 0 ? -errno : fd_write_all(fd, data, n);
}

int file_publish(const char *path, const void *data, size_t n, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".", from[32];
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	if (slash)
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)MAX(len, (size_t)1), path);
	auto_close int fd = openat(AT_FDCWD, dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
	if (fd < 0)
		return file_replace(AT_FDCWD, path, data, n, mode);
	int r = fd_write_all(fd, data, n);
	if (r < 0)
		return r;
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	for (int tries = 0; tries < 8; tries++) {
		if (linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST || (unlinkat(AT_FDCWD, path, 0) < 0 && errno != ENOENT))
			break;
	}
	return file_replace(AT_FDCWD, path, data, n, mode);
}

int fd_memory(const char *name, const void *data, size_t n)
{
	auto_close int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, data, n);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int fd_check_kept(uint32_t n, struct err *e)
{
	for (uint32_t i = 0; i < n; i++)
		if (fcntl(3 + (int)i, F_GETFD) < 0)
			return err_bad(e, "--preserve-fds: descriptor %u is not open", 3 + i);
	return 0;
}

int fd_sanitize(struct err *e)
{
	struct pollfd p[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	if (poll(p, ARRAY_SIZE(p), 0) < 0)
		return err_sys(e, errno, "look at the standard streams");
	for (int fd = 0; fd < 3; fd++) {
		if (!(p[fd].revents & POLLNVAL))
			continue;
		int null = open("/dev/null", O_RDWR);
		if (null < 0)
			return err_sys(e, errno, "open /dev/null for missing descriptor %d", fd);
		if (null != fd) /* lower ones exist already, so the lowest free number is fd */
			return err_set(e, EBADF, "descriptor %d cannot be opened", fd);
	}
	int r = sys_close_range(3, ~0U, SYS_CLOSE_RANGE_CLOEXEC);
	return r < 0 ? err_sys(e, r, "mark inherited descriptors close-on-exec") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOME for programs whose configuration names none. Reads one bounded regular file of the image, as data: a FIFO or an
 * endless one must not hold the start (D22).
 */
#include "host_home.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci/passwd.h"
#include "base/fd.h"
#include "base/sys.h"
#include "base/util.h"

#define PASSWD_MAX ((size_t)1 << 20)

static bool has_home(const struct strv *env)
{
	for (size_t i = 0; i < env->n; i++)
		if (str_starts(env->v[i], "HOME=") && env->v[i][5] != '\0')
			return true;
	return false;
}

#define OPEN_TRIES 1000

static int open_passwd(const char *root, uint64_t flags)
{
	const struct sys_open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_MAGICLINKS,
	};
	auto_close int dir = openat(AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -EAGAIN;

	if (dir < 0)
		return -errno;
	/* openat2(2): a rename was under way. A container that renames for ever does not keep us. */
	for (unsigned i = 0; i < OPEN_TRIES && (fd == -EINTR || fd == -EAGAIN); i++)
		fd = sys_openat2(dir, "etc/passwd", &how);
	return fd;
}

/* Of the machine and of the moment; all others speak of the image. */
static bool is_ours(int errnum)
{
	static const int ours[] = { ENOMEM, EMFILE, ENFILE, ENOSPC, EIO, EINTR, EAGAIN, ENOSYS, EPERM };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (errnum == ours[i])
			return true;
	return false;
}

/*
 * The file to read: `kept`, where that is still the one of this name, which is closed otherwise. On a micro-VM's share to
 * open and close a file asks the host, and to look for it does not.
 */
static int find_passwd(const char *root, int *kept)
{
	struct stat now, then;

	if (*kept >= 0) {
		auto_close int place = open_passwd(root, O_PATH);
		if (place >= 0 && fstat(place, &now) == 0 && fstat(*kept, &then) == 0 && now.st_dev == then.st_dev &&
		    now.st_ino == then.st_ino)
			return TAKE_FD(*kept);
		fd_close(kept);
	}
	return open_passwd(root, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

int host_home(struct arena *a, const char *root, const struct strv *env, uint32_t uid, int *kept, const char **ret,
	      struct err *e)
{
	char home[4096];
	struct stat st;
	int nothing = -EBADF;
	ssize_t n;

	*ret = NULL;
	if (has_home(env))
		return 0;
	*ret = "/";
	auto_close int fd = find_passwd(root, kept ? kept : &nothing);
	if (fd < 0)
		return is_ours(-fd) ? err_sys(e, fd, "read /etc/passwd of the container") : 0;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "read /etc/passwd of the container");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > PASSWD_MAX)
		return 0;
	char *text = arena_alloc(a, (size_t)st.st_size + 1);
	if (!text)
		return err_nomem(e);
	do
		n = pread(fd, text, (size_t)st.st_size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "read /etc/passwd of the container");
	if (kept)
		*kept = TAKE_FD(fd);
	if (!passwd_home(text, (size_t)n, uid, home, sizeof(home)))
		return 0;
	*ret = arena_strdup(a, home);
	return *ret ? 0 : err_nomem(e);
}

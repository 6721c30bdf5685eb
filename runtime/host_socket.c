/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets. Sends have a time limit: a peer that never reads must not hold a container's creation. */
#include "host_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"

#define SEND_TIMEOUT_S 10

/* `path` as an address; *hold keeps the directory open that a long path goes through. */
static int address(int dirfd, const char *path, struct sockaddr_un *ret, int *hold)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (dirfd == AT_FDCWD && strlen(path) < sizeof(ret->sun_path)) {
		memcpy(ret->sun_path, path, strlen(path) + 1);
		return 0;
	}
	char dir[4096];
	const char *base = strrchr(path, '/');
	size_t n = base ? (size_t)(base - path) : 0;
	if (n >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, n);
	dir[n] = '\0';
	*hold = openat(dirfd, !base ? "." : n ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*hold < 0)
		return -errno;
	int len = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", *hold, base ? base + 1 : path);
	return len < 0 || (size_t)len >= sizeof(ret->sun_path) ? -ENAMETOOLONG : 0;
}

int socket_connect(int dirfd, const char *path, int type, struct err *e)
{
	struct sockaddr_un addr;
	auto_close int hold = -EBADF;
	auto_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = SEND_TIMEOUT_S };

	if (fd < 0)
		return err_sys(e, errno, "make a socket");
	int r = address(dirfd, path, &addr, &hold);
	if (r < 0)
		return err_sys(e, r, "connect to %s", path);
	/* SO_SNDTIMEO bounds connect() too, when the listener's queue is full. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	do
		r = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, errno, "connect to %s", path);
	return TAKE_FD(fd);
}

int socket_listen(int dirfd, const char *name, int type, struct err *e)
{
	struct sockaddr_un addr;
	auto_close int hold = -EBADF;
	auto_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, errno, "make a socket");
	int r = address(dirfd, name, &addr, &hold);
	if (r < 0)
		return err_sys(e, r, "listen on %s", name);
	mode_t old = umask(0177);
	r = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	(void)umask(old);
	if (r == 0 && listen(fd, 16) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(e, r, "listen on %s", name);
	return TAKE_FD(fd);
}

int socket_send_fd(int sock, const char *text, size_t n, int fd, struct err *e)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, n };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t sent;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do
		sent = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	while (sent >= 0 && (size_t)sent < n) {
		text += sent;
		n -= (size_t)sent;
		sent = send(sock, text, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			sent = 0;
	}
	return sent < 0 ? err_sys(e, errno, "send a descriptor") : 0;
}

int socket_hand_over(const char *path, const char *what, const char *text, size_t n, int fd, struct err *e)
{
	auto_close int sock = socket_connect(AT_FDCWD, path, SOCK_STREAM, e);

	if (sock < 0)
		return err_set(e, e->code, "connect to the %s %s: %s", what, path,
			       e->code == ENOENT ? "missing" : err_text(e->code));
	int r = socket_send_fd(sock, text, n, fd, e);
	return r < 0 ? err_in(e, "%s %s", what, path) : 0;
}

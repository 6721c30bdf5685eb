/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's notification socket, passed on: see host_notify.h. Must not interpret what it does not list. */
#include "host_notify.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "base/util.h"

#define MESSAGE_MAX 4096
#define FDS_MAX 4

int notify_config(struct arena *a, const char *source, const struct config **c, struct err *e)
{
	static const char *const options[] = { "bind", "nosuid", "nodev", "noexec" };
	struct config *with = arena_new(a, struct config);
	struct process *p = arena_new(a, struct process);
	struct mount_conf *m = arena_array(a, (*c)->mounts.n + 1, sizeof(*m));
	char **env = (*c)->process ? arena_array(a, (*c)->process->env.n + 2, sizeof(*env)) : NULL;
	char **words = arena_array(a, ARRAY_SIZE(options) + 1, sizeof(*words));
	size_t n = 0;

	if (!(*c)->process)
		return 0;
	if (!with || !p || !m || !env || !words)
		return err_nomem(e);
	*with = **c;
	*p = *(*c)->process;
	for (size_t i = 0; i < p->env.n; i++)
		if (!str_starts(p->env.v[i], "NOTIFY_SOCKET="))
			env[n++] = p->env.v[i];
	env[n] = arena_strdup(a, "NOTIFY_SOCKET=" NOTIFY_INSIDE);
	if (!env[n++])
		return err_nomem(e);
	p->env = (struct strv){ env, n };
	for (size_t i = 0; i < with->mounts.n; i++)
		m[i] = with->mounts.v[i];
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		words[i] = (char *)(uintptr_t)options[i];
	m[with->mounts.n] = (struct mount_conf){ .destination = NOTIFY_INSIDE, .source = source, .type = "bind",
						 .options = { words, ARRAY_SIZE(options) } };
	with->mounts.v = m;
	with->mounts.n++;
	with->process = p;
	*c = with;
	return 0;
}

int notify_listen(struct notify *n, int dir_fd, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/" STORE_NOTIFY, dir_fd);
	if (n->fd < 0 || bind(n->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_sys(e, errno, "make the notification socket");
	/* Any user of the container may say that it is ready; the directory is closed to those of the machine. */
	return fchmodat(dir_fd, STORE_NOTIFY, 0666, 0) < 0 ? err_sys(e, errno, "open the notification socket") : 0;
}

/* ---- what goes on ------------------------------------------------------------------------------------------ */

static bool goes_on(const char *line, size_t n)
{
	static const char *const words[] = { "READY=", "RELOADING=", "STOPPING=", "STATUS=", "ERRNO=", "BUSERROR=", "WATCHDOG=",
					     "WATCHDOG_USEC=", "EXTEND_TIMEOUT_USEC=", "MONOTONIC_USEC=", "BARRIER=" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (n >= strlen(words[i]) && memcmp(line, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static size_t filter(const char *text, size_t n, char *out, size_t size)
{
	size_t used = 0;

	for (size_t at = 0; at < n;) {
		size_t len = strcspn(text + at, "\n");
		if (goes_on(text + at, len) && used + len + 1 < size) {
			memcpy(out + used, text + at, len);
			used += len;
			out[used++] = '\n';
		}
		at += len + 1;
	}
	return used;
}

static void send_outer(const char *to, const char *text, size_t n, int fd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec io = { (void *)(uintptr_t)text, n };
	size_t len = strlen(to);

	if (len >= sizeof(sa.sun_path) || (to[0] != '/' && to[0] != '@'))
		return;
	memcpy(sa.sun_path, to, len);
	if (to[0] == '@')
		sa.sun_path[0] = '\0';
	struct msghdr m = { .msg_name = &sa, .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len),
			    .msg_iov = &io, .msg_iovlen = 1 };
	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		control.h = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
	}
	auto_close int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s >= 0 && sendmsg(s, &m, MSG_NOSIGNAL) < 0)
		return; /* a manager that is gone waits for nothing */
}

/* Takes every descriptor that came, and keeps the first for a barrier. */
static int take_fds(struct msghdr *m, bool keep)
{
	/* The kernel makes one of all that were sent. */
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int kept = -EBADF;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return kept;
	for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
		int fd;
		memcpy(&fd, (const char *)c + at, sizeof(fd));
		if (keep && kept < 0)
			kept = fd;
		else
			(void)close(fd);
	}
	return kept;
}

void notify_pass(struct notify *n, pid_t main_pid)
{
	char text[MESSAGE_MAX + 1], out[MESSAGE_MAX + 64];
	union { struct cmsghdr h; char room[CMSG_SPACE(FDS_MAX * sizeof(int))]; } control;
	struct iovec io = { text, MESSAGE_MAX };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room) };
	ssize_t got = recvmsg(n->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0)
		return;
	text[got] = '\0';
	auto_close int fd = take_fds(&m, str_starts(text, "BARRIER=1"));
	size_t len = m.msg_flags & MSG_TRUNC ? 0 : filter(text, strlen(text), out, MESSAGE_MAX);
	bool ready = len && (str_starts(out, "READY=1\n") || memmem(out, len, "\nREADY=1\n", 9));
	if (ready && main_pid > 0)
		len += (size_t)snprintf(out + len, sizeof(out) - len, "MAINPID=%d\n", main_pid);
	if (len)
		send_outer(n->outer, out, len, fd);
	n->ready |= ready;
}

int notify_wait(struct notify *n, int pidfd, pid_t main_pid, struct err *e)
{
	while (!n->ready) {
		struct pollfd p[2] = { { .fd = n->fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the program's notification");
		if (p[0].revents)
			notify_pass(n, main_pid);
		else if (p[1].revents)
			return err_set(e, ESRCH, "the container ended before it said that it is ready");
	}
	return 0;
}

void notify_done(struct notify *n)
{
	fd_close(&n->fd);
}

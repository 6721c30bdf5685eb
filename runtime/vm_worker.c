/* SPDX-License-Identifier: Apache-2.0 */
/* See vm_worker.h. What a worker is told comes from the agent alone; nothing of the agent's is left to it but memory. */
#include "vm_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/util.h"
#include "vm_guest.h"

/* Descriptors of a worker, above its standard streams. */
#define IMAGE 3
#define SOCKET 4
#define PIPES 5 /* three */
#define EMPTY 8 /* /dev/null */
#define CONTAINER_WAIT_MS 60000
#define STATE "/run/ctr"
#define ID "container"
#define PID_FILE "/run/container.pid"

/* On the host the container runs as soon as its VM is started; who joins it waits until it is there. */
static void wait_for_container(void)
{
	best_effort(vm_wait_for_file("/run", PID_FILE, now_ms() + CONTAINER_WAIT_MS)); /* `ctr exec` says that there is none */
}

static int run(const struct vm_family *family, const struct vm_document *process, const struct exec_ahead *ahead,
	       const char *const *words)
{
	char *argv[12] = { NULL };
	const struct vm_role role = { IMAGE, process, ahead };
	int n = 0;

	for (; n < (int)ARRAY_SIZE(argv) - 1 && words[n]; n++)
		argv[n] = (char *)(uintptr_t)words[n];
	return family->ctr(&role, n, argv);
}

static int run_exec(const struct vm_family *family, const struct vm_document *process, const struct exec_ahead *ahead)
{
	static const char *const words[] = { "ctr", "--root", STATE, "exec", ID, NULL };

	return run(family, process, ahead, words);
}

/* The streams and the terminal of a task. */
static void take_streams(const struct vm_task *t, const int fds[3])
{
	for (int k = 0; k < 3; k++)
		if (dup2(fds[k], k) < 0)
			_exit(255);
	if (t->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		_exit(255);
}

static __attribute__((noreturn)) void become(const struct vm_family *family, const struct vm_task *t, const int fds[3])
{
	const char *const first[] = { "ctr", "--root", STATE, "run", "--bundle", VM_BUNDLE, "--pid-file", PID_FILE, ID, NULL };

	take_streams(t, fds);
	(void)sys_close_range(IMAGE + 1, ~0U, 0);
	if (t->exec)
		wait_for_container();
	exit(t->exec ? run_exec(family, &t->document, NULL) : run(family, NULL, NULL, first));
}

/* What every fork of the agent's does first. */
static void leave_agent(const struct vm_family *family)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)setpriority(PRIO_PROCESS, 0, 0);
	if (family->emulated)
		(void)personality(ADDR_NO_RANDOMIZE);
	if (family->init_image != IMAGE && dup3(family->init_image, IMAGE, O_CLOEXEC) < 0)
		_exit(255);
}

/* ---- the one that waits ------------------------------------------------------------------------------------ */

/* What the one that waits was given to do. */
static struct {
	bool done, said; /* said: the status */
	struct vm_task task;
	char text[VM_TASK_MAX + 1];
} given;

/* Whether with a terminal, the document, and a terminal's descriptors. */
static int receive(int socket, struct vm_task *t, int fds[3])
{
	union { struct cmsghdr h; char room[CMSG_SPACE(3 * sizeof(int))]; } c;
	struct iovec v[] = { { &t->terminal, sizeof(t->terminal) }, { given.text, VM_TASK_MAX } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = ARRAY_SIZE(v), .msg_control = &c, .msg_controllen = sizeof(c) };
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	if (n < (ssize_t)sizeof(t->terminal) || m.msg_flags & MSG_TRUNC)
		return -EPROTO;
	t->document = (struct vm_document){ given.text, (size_t)n - sizeof(t->terminal) };
	given.text[t->document.n] = '\0';
	if (!t->terminal)
		return 0;
	if (!h || h->cmsg_type != SCM_RIGHTS || h->cmsg_len != CMSG_LEN(3 * sizeof(int)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(h), 3 * sizeof(int));
	return 0;
}

static const struct vm_document *wait_for_task(void)
{
	int fds[3] = { PIPES, PIPES + 1, PIPES + 2 };

	memset(given.text, 0, 1); /* its first page is there before anybody waits for us */
	if (receive(SOCKET, &given.task, fds) < 0)
		_exit(255);
	given.done = true;
	take_streams(&given.task, fds);
	for (int k = 0; given.task.terminal && k < 3; k++)
		(void)close(fds[k]);
	(void)sys_close_range(PIPES, EMPTY, 0);
	return &given.task.document;
}

static void lend_streams(bool theirs)
{
	for (int k = 0; k < 3; k++)
		if (dup2(theirs ? PIPES + k : EMPTY, k) < 0)
			_exit(255);
}

/* Our end says it too, later. */
static void say_status(int status)
{
	if (!given.said)
		best_effort(send(SOCKET, &status, sizeof(status), MSG_NOSIGNAL) < 0 ? -errno : 0);
	given.said = true;
}

static const struct exec_ahead ahead = { wait_for_task, lend_streams, say_status };

static __attribute__((noreturn)) void begin(const struct vm_family *family, const struct vm_document *practice, int socket,
					    const int fds[3])
{
	const int from[] = { socket, fds[0], fds[1], fds[2], open("/dev/null", O_RDWR | O_CLOEXEC) };
	int away[ARRAY_SIZE(from)];

	/* Out of the way of the places that they are to be at. */
	for (size_t k = 0; k < ARRAY_SIZE(from); k++)
		away[k] = fcntl(from[k], F_DUPFD_CLOEXEC, EMPTY + 1);
	leave_agent(family);
	for (size_t k = 0; k < ARRAY_SIZE(from); k++)
		if (dup3(away[k], SOCKET + (int)k, O_CLOEXEC) < 0)
			_exit(255);
	(void)sys_close_range(EMPTY + 1, ~0U, 0); /* the agent's */
	lend_streams(false);
	int status = run_exec(family, practice, &ahead);
	/* It came to nothing before anybody asked: who does will hear why. */
	if (!given.done)
		status = run_exec(family, wait_for_task(), NULL);
	say_status(status);
	exit(status);
}

static void ends_done(struct vm_ends *ends)
{
	fd_close(&ends->in);
	fd_close(&ends->out[0]);
	fd_close(&ends->out[1]);
}

static void close_all(const int fds[3])
{
	for (int k = 0; k < 3; k++)
		(void)close(fds[k]);
}

static int make_pipes(int fds[3], struct vm_ends *ours)
{
	int p[3][2];

	for (int i = 0; i < 3; i++) {
		if (pipe2(p[i], O_CLOEXEC) == 0)
			continue;
		int r = -errno;
		for (; i > 0; i--) {
			(void)close(p[i - 1][0]);
			(void)close(p[i - 1][1]);
		}
		return r;
	}
	fds[0] = p[0][0];
	fds[1] = p[1][1];
	fds[2] = p[2][1];
	*ours = (struct vm_ends){ p[0][1], { p[1][0], p[2][0] }, -EBADF };
	(void)fcntl(ours->in, F_SETFL, O_NONBLOCK);
	(void)fcntl(ours->out[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(ours->out[1], F_SETFL, O_NONBLOCK);
	return 0;
}

void vm_worker_prepare(struct vm_worker *w, const struct vm_family *family, const struct vm_document *practice)
{
	struct vm_worker made = VM_WORKER_NONE;
	int pair[2], fds[3] = { -EBADF, -EBADF, -EBADF };

	if (w->pid || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	made.socket = pair[0];
	made.pid = make_pipes(fds, &made.ends);
	if (made.pid == 0) {
		made.pid = fork();
		if (made.pid == 0)
			begin(family, practice, pair[1], fds);
		close_all(fds);
		if (made.pid < 0)
			ends_done(&made.ends);
	}
	(void)close(pair[1]);
	if (made.pid < 0)
		(void)close(pair[0]);
	else
		*w = made;
}

void vm_worker_gone(struct vm_worker *w)
{
	fd_close(&w->socket);
	ends_done(&w->ends);
	w->pid = 0;
}

/* ---- starting ---------------------------------------------------------------------------------------------- */

static int hand_over(const struct vm_worker *w, const struct vm_task *t, const int *fds)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(3 * sizeof(int))]; } c = { .room = { 0 } };
	struct iovec v[] = { { (void *)(uintptr_t)&t->terminal, sizeof(t->terminal) },
			     { (void *)(uintptr_t)t->document.text, t->document.n } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = ARRAY_SIZE(v) };

	if (t->document.n > VM_TASK_MAX)
		return -EMSGSIZE;
	if (fds) {
		m.msg_control = &c;
		m.msg_controllen = sizeof(c);
		c.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(3 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&c.h), fds, 3 * sizeof(int));
	}
	return sendmsg(w->socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

pid_t vm_worker_run(struct vm_worker *w, const struct vm_family *family, const struct vm_task *t, const int *fds,
		    struct vm_ends *ours)
{
	pid_t pid = w->pid;
	int pipes[3] = { -EBADF, -EBADF, -EBADF };

	ours->says = -EBADF;
	if (t->exec && pid && hand_over(w, t, fds) == 0) {
		if (fds)
			ends_done(&w->ends);
		else
			*ours = w->ends;
		ours->says = w->socket;
		*w = (struct vm_worker)VM_WORKER_NONE;
		return pid;
	}
	int r = fds ? 0 : make_pipes(pipes, ours);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0) {
		leave_agent(family);
		become(family, t, fds ? fds : pipes);
	}
	if (!fds)
		close_all(pipes);
	if (pid >= 0)
		return pid;
	r = -errno;
	if (!fds)
		ends_done(ours);
	return r;
}

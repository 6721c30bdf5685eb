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
#define CONTAINER_WAIT_MS 60000
#define STATE "/run/ctr"
#define ID "container"
#define PID_FILE "/run/container.pid"

void vm_task_file(uint16_t stream, char ret[VM_FILE_MAX])
{
	if (stream == 0)
		(void)snprintf(ret, VM_FILE_MAX, VM_BUNDLE "/config.json");
	else
		(void)snprintf(ret, VM_FILE_MAX, "/run/process-%u", stream);
}

/* On the host the container runs as soon as its VM is started; who joins it waits until it is there. */
static void wait_for_container(void)
{
	best_effort(vm_wait_for_file("/run", PID_FILE, now_ms() + CONTAINER_WAIT_MS)); /* `ctr exec` says that there is none */
}

static int run(const struct vm_family *family, const char *(*ahead)(void), const char *const *words)
{
	char *argv[12] = { NULL };
	const struct vm_role role = { IMAGE, ahead };
	int n = 0;

	for (; n < (int)ARRAY_SIZE(argv) - 1 && words[n]; n++)
		argv[n] = (char *)(uintptr_t)words[n];
	return family->ctr(&role, n, argv);
}

static int run_exec(const struct vm_family *family, const char *(*ahead)(void), uint16_t stream)
{
	char file[VM_FILE_MAX];
	const char *const words[] = { "ctr", "--root", STATE, "exec", "--process", file, ID, NULL };

	vm_task_file(stream, file);
	return run(family, ahead, words);
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
	exit(t->exec ? run_exec(family, NULL, t->stream) : run(family, NULL, first));
}

/* What every fork of the agent's does first. */
static void leave_agent(const struct vm_family *family, int *socket)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)setpriority(PRIO_PROCESS, 0, 0);
	if (family->emulated)
		(void)personality(ADDR_NO_RANDOMIZE);
	/* Out of the way of the place that is the image's. */
	if (socket && *socket == IMAGE)
		*socket = fcntl(*socket, F_DUPFD_CLOEXEC, IMAGE + 1);
	if (family->init_image != IMAGE && dup3(family->init_image, IMAGE, O_CLOEXEC) < 0)
		_exit(255);
}

/* ---- the one that waits ------------------------------------------------------------------------------------ */

static int receive(int socket, struct vm_task *t, int fds[3])
{
	union { struct cmsghdr h; char room[CMSG_SPACE(3 * sizeof(int))]; } c;
	struct iovec v = { t, sizeof(*t) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *h = n == (ssize_t)sizeof(*t) ? CMSG_FIRSTHDR(&m) : NULL;

	if (!h || h->cmsg_type != SCM_RIGHTS || h->cmsg_len != CMSG_LEN(3 * sizeof(int)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(h), 3 * sizeof(int));
	return 0;
}

/* What the one that waits was given to do. */
static struct { bool done; struct vm_task task; char file[VM_FILE_MAX]; } given;

static const char *wait_for_task(void)
{
	int fds[3];

	if (receive(SOCKET, &given.task, fds) < 0)
		_exit(255);
	(void)close(SOCKET);
	given.done = true;
	take_streams(&given.task, fds);
	for (int k = 0; k < 3; k++)
		(void)close(fds[k]);
	vm_task_file(given.task.stream, given.file);
	return given.file;
}

/* `stream`: of an exec that was. */
static __attribute__((noreturn)) void begin(const struct vm_family *family, uint16_t stream, int socket)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	leave_agent(family, &socket);
	for (int k = 0; k < 3; k++)
		(void)dup2(null, k);
	if (socket != SOCKET && dup3(socket, SOCKET, O_CLOEXEC) < 0)
		_exit(255);
	(void)sys_close_range(SOCKET + 1, ~0U, 0); /* the agent's */
	int status = run_exec(family, wait_for_task, stream);
	/* It came to nothing before anybody asked: who does will hear why. */
	if (!given.done) {
		(void)wait_for_task();
		status = run_exec(family, NULL, given.task.stream);
	}
	exit(status);
}

void vm_worker_prepare(struct vm_worker *w, const struct vm_family *family, uint16_t stream)
{
	int pair[2];

	if (w->pid || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0)
		begin(family, stream, pair[1]);
	(void)close(pair[1]);
	if (pid < 0)
		(void)close(pair[0]);
	else
		*w = (struct vm_worker){ pid, pair[0] };
}

void vm_worker_gone(struct vm_worker *w)
{
	fd_close(&w->socket);
	w->pid = 0;
}

/* ---- starting ---------------------------------------------------------------------------------------------- */

static int hand_over(const struct vm_worker *w, const struct vm_task *t, const int fds[3])
{
	union { struct cmsghdr h; char room[CMSG_SPACE(3 * sizeof(int))]; } c = { .room = { 0 } };
	struct iovec v = { (void *)(uintptr_t)t, sizeof(*t) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };

	c.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(3 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&c.h), fds, 3 * sizeof(int));
	return sendmsg(w->socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

pid_t vm_worker_run(struct vm_worker *w, const struct vm_family *family, const struct vm_task *t, const int fds[3])
{
	pid_t pid = w->pid;

	if (t->exec && pid && hand_over(w, t, fds) == 0) {
		fd_close(&w->socket);
		w->pid = 0;
		return pid;
	}
	pid = fork();
	if (pid == 0) {
		leave_agent(family, NULL);
		become(family, t, fds);
	}
	return pid < 0 ? -errno : pid;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of a micro-VM's agent, the part that reads what the host says: jobs that start, get input and signals, and
 * end. No process is started, no file written and no network changed.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../../runtime/vm.h"

static pid_t fuzz_pid;

static int fuzz_kill(pid_t pid, int sig)
{
	if (pid <= 1000 || pid > fuzz_pid)
		abort();
	(void)sig;
	return 0;
}

/* Ends of nothing, of which every third has said already what its process will exit with. */
static pid_t fuzz_run(struct vm_worker *w, const struct vm_family *family, const struct vm_task *t, const int *fds,
		      struct vm_ends *ours)
{
	const int status = (int)t->document.n;
	int pair[2];

	(void)w;
	(void)family;
	*ours = (struct vm_ends){ -EBADF, { -EBADF, -EBADF }, -EBADF };
	if (t->exec != (t->document.text != NULL) || (t->exec && t->document.text[t->document.n]))
		abort();
	if (status % 7 == 6)
		return -EAGAIN;
	if (!fds) {
		ours->in = open("/dev/null", O_WRONLY | O_CLOEXEC);
		ours->out[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (status % 3 == 2 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
		if (write(pair[1], &status, sizeof(status)) == (ssize_t)sizeof(status))
			ours->says = pair[0];
		(void)close(pair[1]);
	}
	return ++fuzz_pid;
}

static void fuzz_prepare(struct vm_worker *w, const struct vm_family *family, const struct vm_document *practice)
{
	(void)w;
	(void)family;
	if (practice->n > VM_TASK_MAX || (practice->text && practice->text[practice->n]))
		abort();
}

static int fuzz_replay(const char *messages, size_t n, struct err *e)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + (uint8_t)messages[i]);
	return sum % 5 == 4 ? err_set(e, EPROTO, "set up the network: a message is cut") : 0;
}

#define kill fuzz_kill
#define vm_worker_run fuzz_run
#define vm_worker_prepare fuzz_prepare
#undef VM_CONFIG
#define VM_CONFIG "/dev/null"
#define tap_replay fuzz_replay
#define mkdir(path, mode) 0
#include "../../runtime/vm_agent.c"
#undef kill
#undef mkdir
#include "vm_frames.h"

/* Some processes end, in an order that the input has. */
static void end_some(struct agent *g, uint8_t which)
{
	for (size_t i = 0; i < VM_STREAMS_MAX; i++)
		if (g->jobs[i] && g->jobs[i]->used && (i ^ which) % 3 == 0) {
			g->jobs[i]->ended = true;
			g->jobs[i]->status = which;
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agent agent;
	struct agent *g = &agent;
	struct err e = { 0 };
	int line[2], r = 0;

	if (size < 1 || size > 60000)
		return 0;
	memset(g, 0, sizeof(*g));
	g->worker = (struct vm_worker)VM_WORKER_NONE;
	fuzz_pid = 1000;
	open_line(data + 1, size - 1, line);
	g->port = line[0];
	g->signals = eventfd(0, EFD_NONBLOCK);
	for (struct pollfd p = { .fd = g->port, .events = POLLIN }; r == 0 && poll(&p, 1, 0) > 0;) {
		r = step(g, &e);
		end_some(g, data[0]);
		drain(line[1]);
	}
	if (r < 0)
		must_be_error(&e);
	for (uint16_t i = 0; i < VM_STREAMS_MAX; i++)
		if (g->jobs[i])
			best_effort(job_exit(g, i, 0, &e));
	vm_queue_done(&g->out);
	strbuf_done(&g->network);
	strbuf_done(&g->practice);
	free(g->spare);
	(void)close(g->signals);
	(void)close(line[0]);
	(void)close(line[1]);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of a micro-VM's guest: makes it a machine (vm_guest.c) and then runs a `ctr` command per stream:
 * the container's own (run) and those that join it (exec). Must not decide anything
 * about the container: the configuration that it is sent goes to `ctr` as it is. Single-threaded; ends the machine
 * when its line ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host_spawn.h"
#include "vm.h"
#include "vm_guest.h"

/* ---- streams ----------------------------------------------------------------------------------------------- */

struct job {
	bool used, terminal, ended; /* ended: the process is reaped */
	pid_t pid;
	int in, out[2]; /* out[0] serves both directions of a terminal, `in` is a duplicate then */
	int says;	/* of its process: what it will exit with */
	struct strbuf document; /* being received */
	size_t at, n;	/* of input that the process has not taken yet */
	bool input_ended;
	uint32_t room;	/* how much output may be sent */
	uint32_t status;
	char input[VM_WINDOW];
};

struct agent {
	int port, signals;
	struct vm_reader in;
	struct vm_queue out;
	struct vm_family family;
	struct vm_worker worker; /* for the next exec */
	struct strbuf practice;	 /* the last one's document */
	struct vm_stamps stamps;
	bool again;		 /* there was one: there may be more */
	uint16_t last;		 /* its stream */
	struct strbuf network; /* what the host has said of it so far */
	struct job *jobs[VM_STREAMS_MAX];
	struct job *spare; /* one that was, whose memory is mapped */
};

static int send_frame(struct agent *g, enum vm_type type, uint16_t i, const void *data, size_t n, struct err *e)
{
	int r = vm_put(&g->out, SIZE_MAX / 2, type, i, data, n);

	return r < 0 ? err_sys(e, r, "answer") : 0;
}

static struct job *job_of(struct agent *g, uint16_t i)
{
	struct job *j = g->jobs[i];

	if (j)
		return j;
	j = g->spare ? g->spare : malloc(sizeof(*j));
	g->spare = NULL;
	g->jobs[i] = j;
	if (!j)
		return NULL;
	memset(j, 0, offsetof(struct job, input));
	j->in = j->out[0] = j->out[1] = j->says = -EBADF;
	return j;
}

static int job_exit(struct agent *g, uint16_t i, uint32_t status, struct err *e)
{
	struct job *j = g->jobs[i];
	int r = send_frame(g, VM_EXIT, i, &status, sizeof(status), e);

	if (r == 0 && (r = vm_flush(&g->out, g->port)) < 0) /* nobody waits for the rest */
		r = err_sys(e, r, "answer the host");
	fd_close(&j->in);
	fd_close(&j->out[0]);
	fd_close(&j->out[1]);
	fd_close(&j->says);
	strbuf_done(&j->document);
	free(g->spare);
	g->spare = j;
	g->jobs[i] = NULL;
	return r;
}

/* What cannot begin is told on its standard error, as `ctr` itself would. */
static int job_fail(struct agent *g, uint16_t i, const struct err *why, struct err *e)
{
	char text[ERR_TEXT_MAX + 16];
	int n = snprintf(text, sizeof(text), "ctr: %s\n", why->text);
	int r = send_frame(g, VM_ERR, i, text, (size_t)n, e);

	return r < 0 ? r : job_exit(g, i, 255, e);
}

static int put_document(struct job *j, const char *data, size_t n, struct err *e)
{
	if (n > VM_DOCUMENT_MAX - j->document.n)
		return err_set(e, EFBIG, "the document is too large");
	strbuf_add(&j->document, data, n);
	return j->document.failed ? err_nomem(e) : 0;
}

static int write_config(const struct strbuf *b, struct err *e)
{
	(void)mkdir(VM_BUNDLE, 0700);
	auto_close int fd = open(VM_CONFIG, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, b->p, b->n);

	return r < 0 ? err_sys(e, r, "write " VM_CONFIG) : 0;
}

static struct vm_document document_of(const struct strbuf *b)
{
	return (struct vm_document){ b->p ? b->p : "", b->n };
}

/* It is kept until the next, for practice; but for one that is too large to be handed over. */
static struct vm_document take_document(struct agent *g, struct job *j)
{
	struct strbuf *b = &j->document;

	if (b->n <= VM_TASK_MAX) {
		strbuf_done(&g->practice);
		g->practice = *b;
		*b = (struct strbuf){ 0 };
		b = &g->practice;
	}
	return document_of(b);
}

static int open_terminal(struct job *j, const struct vm_size *size, int fds[3], struct err *e)
{
	const struct winsize w = { .ws_row = size->rows, .ws_col = size->columns };
	int unlock = 0;
	auto_close int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	char path[32];

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 || ptsname_r(master, path, sizeof(path)) != 0 ||
	    ioctl(master, TIOCSWINSZ, &w) < 0)
		return err_sys(e, errno, "make a terminal");
	fds[0] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[0] < 0)
		return err_sys(e, errno, "open %s", path);
	fds[1] = fds[2] = fds[0];
	j->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	j->out[0] = TAKE_FD(master);
	return j->in < 0 ? err_sys(e, errno, "make a terminal") : 0;
}

static int job_start(struct agent *g, struct job *j, uint16_t i, const struct vm_run *run, struct err *e)
{
	struct vm_ends ours;
	int fds[3];

	if (j->used)
		return err_set(e, EPROTO, "a second program on one stream");
	j->terminal = run->terminal;
	j->room = VM_WINDOW;
	int r = i == VM_MAIN ? write_config(&j->document, e) : 0;
	if (r == 0 && run->terminal)
		r = open_terminal(j, &run->size, fds, e);
	if (r < 0)
		return r;
	if (i == VM_MAIN)
		vm_stamp(&g->stamps, "configuration");
	struct vm_task task = { .exec = run->exec, .terminal = run->terminal };
	if (run->exec)
		task.document = take_document(g, j);
	j->pid = vm_worker_run(&g->worker, &g->family, &task, run->terminal ? fds : NULL, &ours);
	strbuf_done(&j->document);
	j->used = j->pid > 0;
	j->says = ours.says;
	g->again |= run->exec;
	g->last = run->exec ? i : g->last;
	if (run->terminal) {
		(void)close(fds[0]);
	} else if (j->used) {
		j->in = ours.in;
		j->out[0] = ours.out[0];
		j->out[1] = ours.out[1];
	}
	return j->pid < 0 ? err_sys(e, j->pid, "start ctr") : 0;
}

/* ---- what comes -------------------------------------------------------------------------------------------- */

static void take_input(struct job *j, const char *data, size_t n)
{
	if (n == 0)
		j->input_ended = true;
	if (j->at) {
		memmove(j->input, j->input + j->at, j->n);
		j->at = 0;
	}
	n = MIN(n, sizeof(j->input) - j->n); /* the host keeps to its credit */
	memcpy(j->input + j->n, data, n);
	j->n += n;
}

static int take_network(struct agent *g, const char *data, size_t n, struct err *e)
{
	if (n) {
		strbuf_add(&g->network, data, n);
		return g->network.failed ? err_nomem(e) : 0;
	}
	int r = tap_replay(g->network.p, g->network.n, e);
	strbuf_done(&g->network);
	return r;
}

static int take(struct agent *g, const struct vm_head *h, const char *data, struct err *e)
{
	struct job *j = h->type == VM_PUT || h->type == VM_RUN ? job_of(g, h->stream) : g->jobs[h->stream];
	struct err why;
	struct vm_run run;
	struct vm_size size;
	uint32_t value = 0;
	int r = 0;

	if (h->size == sizeof(value))
		memcpy(&value, data, sizeof(value));
	if (h->type == VM_PING)
		return send_frame(g, VM_PONG, 0, data, h->size, e);
	if (h->type == VM_NET)
		return take_network(g, data, h->size, e);
	if (!j)
		return 0; /* its end is on the way to the host */
	switch (h->type) {
	case VM_PUT: r = put_document(j, data, h->size, &why); break;
	case VM_RUN:
		memcpy(&run, data, sizeof(run));
		r = job_start(g, j, h->stream, &run, &why);
		break;
	case VM_IN: take_input(j, data, h->size); break;
	case VM_CREDIT: j->room += value; break;
	case VM_RESIZE:
		memcpy(&size, data, sizeof(size));
		(void)ioctl(j->in, TIOCSWINSZ, &(struct winsize){ .ws_row = size.rows, .ws_col = size.columns });
		break;
	case VM_SIGNAL:
		if (j->used && !j->ended)
			(void)kill(j->pid, (int)value);
		break;
	case VM_GONE:
		if (j->used && !j->ended)
			(void)kill(j->pid, SIGHUP);
		j->room = UINT32_MAX / 2;
		j->input_ended = true;
		break;
	default: break;
	}
	return r < 0 ? job_fail(g, h->stream, &why, e) : 0;
}

static int receive(struct agent *g, struct err *e)
{
	struct vm_head h;
	const char *data;
	int r = vm_read(&g->in, g->port);

	if (r == -EAGAIN)
		return 0;
	if (r <= 0)
		return err_set(e, ECONNRESET, "the host is gone");
	while ((r = vm_next(&g->in, VM_FROM_HOST, &h, &data, e)) > 0) {
		r = take(g, &h, data, e);
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- what goes --------------------------------------------------------------------------------------------- */

static int give_input(struct agent *g, uint16_t i, struct err *e)
{
	static const char eot = 4;
	struct job *j = g->jobs[i];
	uint32_t took = 0;

	while (j->n) {
		ssize_t n = write(j->in, j->input + j->at, j->n);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) /* the program reads no more: what comes is swallowed */
			n = (ssize_t)j->n;
		j->at += (size_t)n;
		j->n -= (size_t)n;
		took += (uint32_t)n;
	}
	if (!j->n && j->input_ended && j->in >= 0) {
		if (j->terminal && write(j->in, &eot, 1) < 0)
			return 0; /* full: again when it is not */
		fd_close(&j->in);
	}
	return took ? send_frame(g, VM_CREDIT, i, &took, sizeof(took), e) : 0;
}

/* With the program's first output, once. */
static int tell_stamps(struct agent *g, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	g->stamps.told = false;
	vm_stamp(&g->stamps, "first output");
	strbuf_puts(&b, "ctr: stamps");
	for (size_t k = 0; k < g->stamps.n; k++)
		strbuf_printf(&b, "%s %s %.1f", k ? "," : "", g->stamps.v[k].what, g->stamps.v[k].ms);
	strbuf_puts(&b, "\n");
	return b.failed ? -ENOMEM : send_frame(g, VM_ERR, VM_MAIN, b.p, b.n, e);
}

static int fetch_output(struct agent *g, uint16_t i, int which, struct err *e)
{
	struct job *j = g->jobs[i];
	char data[8192];

	while (j->out[which] >= 0 && j->room) {
		ssize_t n = read(j->out[which], data, MIN(sizeof(data), (size_t)j->room));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) { /* EIO: nobody has the terminal open */
			fd_close(&j->out[which]);
			return 0;
		}
		j->room -= (uint32_t)n;
		if (i == VM_MAIN && g->stamps.told)
			best_effort(tell_stamps(g, e));
		int r = send_frame(g, which ? VM_ERR : VM_OUT, i, data, (size_t)n, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The end of the process counts, not that of its output: what it left behind may hold the pipes. */
static int job_finish(struct agent *g, uint16_t i, struct err *e)
{
	struct job *j = g->jobs[i];
	int left = 0;

	for (int k = 0; k < 2; k++) {
		int r = fetch_output(g, i, k, e), n = 0;
		if (r < 0)
			return r;
		if (j->out[k] >= 0 && ioctl(j->out[k], FIONREAD, &n) == 0)
			left += n;
	}
	return left && !j->room ? 0 : job_exit(g, i, j->status, e);
}

static void reap(struct agent *g)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(g->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == g->worker.pid)
			vm_worker_gone(&g->worker);
		for (size_t i = 0; i < VM_STREAMS_MAX; i++) {
			struct job *j = g->jobs[i];
			if (!j || !j->used || j->ended || j->pid != pid)
				continue;
			j->ended = true;
			j->status = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 128U + (uint32_t)WTERMSIG(status);
		}
	}
}

/* Sooner than its end, which takes a process some time. */
static void hear_status(struct job *j)
{
	int status;
	ssize_t n = j->says >= 0 ? recv(j->says, &status, sizeof(status), MSG_DONTWAIT) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	fd_close(&j->says); /* where it said nothing: its end says it */
	if (n == (ssize_t)sizeof(status) && !j->ended) {
		j->ended = true;
		j->status = (uint32_t)status & 0xff;
	}
}

/* Whether a command is being joined to the container. */
static bool is_busy(const struct agent *g)
{
	const struct job *j = g->jobs[g->last];

	return j && j->used && !j->ended;
}

static int step(struct agent *g, struct err *e)
{
	struct pollfd p[2 + 4 * VM_STREAMS_MAX];
	size_t n = 2;
	int r = 0;

	p[0] = (struct pollfd){ .fd = g->port, .events = (short)(POLLIN | (vm_waits(&g->out) ? POLLOUT : 0)) };
	p[1] = (struct pollfd){ .fd = g->signals, .events = POLLIN };
	for (size_t i = 0; i < VM_STREAMS_MAX; i++) {
		const struct job *j = g->jobs[i];
		if (!j || !j->used)
			continue;
		p[n++] = (struct pollfd){ .fd = j->n || j->input_ended ? j->in : -1, .events = POLLOUT };
		p[n++] = (struct pollfd){ .fd = j->room ? j->out[0] : -1, .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = j->room ? j->out[1] : -1, .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = j->says, .events = POLLIN };
	}
	if (poll(p, n, -1) < 0 && errno != EINTR)
		return err_sys(e, errno, "wait");
	if (p[1].revents)
		reap(g);
	if (p[0].revents & (POLLIN | POLLHUP | POLLERR))
		r = receive(g, e);
	for (uint16_t i = 0; r == 0 && i < VM_STREAMS_MAX; i++) {
		if (!g->jobs[i] || !g->jobs[i]->used)
			continue;
		hear_status(g->jobs[i]);
		r = give_input(g, i, e);
		for (int k = 0; r == 0 && k < 2; k++)
			r = fetch_output(g, i, k, e);
		if (r == 0 && g->jobs[i]->ended)
			r = job_finish(g, i, e);
	}
	if (r == 0 && (r = vm_flush(&g->out, g->port)) < 0)
		r = err_sys(e, r, "answer the host");
	/* After the answer, so that nobody waits for it. */
	if (r == 0 && g->again && !is_busy(g)) {
		const struct vm_document practice = document_of(&g->practice);
		g->again = false;
		vm_worker_prepare(&g->worker, &g->family, &practice);
	}
	return r;
}

int vm_agent(vm_ctr *ctr, struct err *e)
{
	static const uint32_t protocol = VM_PROTOCOL;
	static struct agent agent; /* the one of this process */
	struct agent *g = &agent;
	sigset_t set;

	g->worker = (struct vm_worker)VM_WORKER_NONE;
	g->family.ctr = ctr;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)setpriority(PRIO_PROCESS, 0, -20); /* the host hears of us, whatever the container does */
	g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	vm_stamp(&g->stamps, "kernel");
	g->port = vm_guest_set_up(&g->stamps, e);
	g->family.emulated = g->port >= 0 && vm_guest_is_told(VM_WORD_EMULATED);
	g->stamps.told = g->port >= 0 && vm_guest_is_told(VM_WORD_STAMPS);
	g->family.init_image = g->port < 0 ? g->port : host_spawn_image(e);
	int r = g->family.init_image < 0 ? g->family.init_image : send_frame(g, VM_HELLO, 0, &protocol, sizeof(protocol), e);
	if (r == 0)
		r = vm_flush(&g->out, g->port);
	while (r == 0)
		r = step(g, e);
	/* The host shows the last line of the serial line. */
	(void)fprintf(stderr, "ctr: micro-VM's agent: %s\n", e->text);
	(void)sync();
	(void)reboot(RB_AUTOBOOT); /* the VMM is told not to reboot, and ends */
	return -ECONNRESET;
}

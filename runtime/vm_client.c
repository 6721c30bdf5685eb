/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command in the micro-VM, seen from the host: our standard streams are its own. Runs inside the VMM's container,
 * as its first process (the container's program) and once per exec. Must not trust what comes: vm_frame.c checks it.
 */
#include "vm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

#define QUEUE_MAX ((size_t)VM_DOCUMENT_MAX + (1U << 20))
#define PIECE 4096 /* PIPE_BUF: a pipe that poll() calls writable takes so much without blocking */

struct output { int fd; size_t at, n; char data[VM_WINDOW]; bool dead; };

struct client {
	int socket, signals;
	struct vm_reader in;
	struct vm_queue out;
	struct output outputs[2];
	uint32_t credit; /* bytes of input that may be sent */
	bool input, terminal, raw, exited;
	uint32_t status;
	struct termios saved;
};

static int put(struct client *c, enum vm_type type, const void *data, size_t n, struct err *e)
{
	int r = vm_put(&c->out, QUEUE_MAX, type, VM_MAIN, data, n);

	return r < 0 ? err_sys(e, r, "talk to the micro-VM") : 0;
}

static struct vm_size window(void)
{
	struct winsize w = { 0 };

	(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &w);
	return (struct vm_size){ w.ws_row, w.ws_col };
}

/* The terminal is the guest's: it does the editing and the echo. */
static void make_raw(struct client *c)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &c->saved) < 0)
		return;
	t = c->saved;
	cfmakeraw(&t);
	c->raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

/* ---- what comes ------------------------------------------------------------------------------------------ */

static int take_output(struct client *c, struct output *o, const char *data, size_t n, struct err *e)
{
	if (o->n + n > sizeof(o->data))
		return err_set(e, EPROTO, "the micro-VM's agent sent more output than it was given room for");
	if (o->at) {
		memmove(o->data, o->data + o->at, o->n);
		o->at = 0;
	}
	memcpy(o->data + o->n, data, n);
	o->n += n;
	(void)c;
	return 0;
}

static int take(struct client *c, const struct vm_head *h, const char *data, struct err *e)
{
	uint32_t value = 0;

	if (h->size == sizeof(value))
		memcpy(&value, data, sizeof(value));
	switch (h->type) {
	case VM_OUT:
	case VM_ERR:
		return take_output(c, &c->outputs[h->type == VM_ERR], data, h->size, e);
	case VM_CREDIT:
		if (value > VM_WINDOW - c->credit)
			return err_set(e, EPROTO, "the micro-VM's agent gave back more room than there is");
		c->credit += value;
		return 0;
	case VM_EXIT:
		c->exited = true;
		c->status = value;
		return 0;
	case VM_FAIL:
		return h->size && *data ? err_set(e, ECONNRESET, "%.*s", (int)h->size, data) : err_set(e, ECONNRESET, "the micro-VM ended");
	default:
		return err_set(e, EPROTO, "unexpected message of kind %u from the micro-VM", h->type);
	}
}

static int receive(struct client *c, struct err *e)
{
	struct vm_head h;
	const char *data;
	int r = vm_read(&c->in, c->socket);

	if (r == 0 || r == -ECONNRESET) /* the latter: before it had read what we said */
		return err_set(e, ECONNRESET, "the micro-VM's monitor ended");
	if (r < 0)
		return r == -EAGAIN ? 0 : err_sys(e, r, "hear from the micro-VM");
	while (!c->exited && (r = vm_next(&c->in, VM_FROM_MONITOR, &h, &data, e)) > 0) {
		r = take(c, &h, data, e);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}

/* ---- what goes ------------------------------------------------------------------------------------------- */

static int write_output(struct client *c, struct output *o, struct err *e)
{
	size_t n = o->dead ? o->n : MIN(o->n, (size_t)PIECE);
	ssize_t w = o->dead ? (ssize_t)n : write(o->fd, o->data + o->at, n);

	if (w < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (w < 0) { /* nobody reads it any more: the program is not stopped for that */
		o->dead = true;
		w = (ssize_t)o->n;
	}
	o->at += (size_t)w;
	o->n -= (size_t)w;
	const uint32_t credit = (uint32_t)w;
	return credit ? put(c, VM_CREDIT, &credit, sizeof(credit), e) : 0;
}

static int read_input(struct client *c, struct err *e)
{
	char data[PIECE];
	ssize_t n = read(STDIN_FILENO, data, MIN(sizeof(data), (size_t)c->credit));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		c->input = false;
		return put(c, VM_IN, NULL, 0, e);
	}
	c->credit -= (uint32_t)n;
	return put(c, VM_IN, data, (size_t)n, e);
}

static int pass_signals(struct client *c, struct err *e)
{
	struct signalfd_siginfo si;
	int r = 0;

	while (r == 0 && read(c->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		const uint32_t number = si.ssi_signo;
		const struct vm_size size = window();

		if (number == SIGCHLD || number == SIGPIPE)
			continue;
		r = number == SIGWINCH && c->terminal ? put(c, VM_RESIZE, &size, sizeof(size), e)
						      : put(c, VM_SIGNAL, &number, sizeof(number), e);
	}
	return r;
}

static int step(struct client *c, struct err *e)
{
	struct pollfd p[5] = { { .fd = c->socket, .events = (short)(POLLIN | (vm_waits(&c->out) ? POLLOUT : 0)) },
			       { .fd = c->signals, .events = POLLIN },
			       { .fd = c->input && c->credit ? STDIN_FILENO : -1, .events = POLLIN },
			       { .fd = c->outputs[0].n ? c->outputs[0].fd : -1, .events = POLLOUT },
			       { .fd = c->outputs[1].n ? c->outputs[1].fd : -1, .events = POLLOUT } };
	int r = 0;

	if (c->exited) { /* what is left of the output, and nothing else */
		p[0].fd = p[1].fd = p[2].fd = -1;
	}
	if (poll(p, 5, -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "wait for the micro-VM");
	if (p[1].revents)
		r = pass_signals(c, e);
	if (r == 0 && p[2].revents)
		r = read_input(c, e);
	for (size_t i = 0; r == 0 && i < 2; i++)
		if (p[3 + i].revents)
			r = write_output(c, &c->outputs[i], e);
	if (r == 0 && p[0].revents & (POLLIN | POLLHUP | POLLERR))
		r = receive(c, e);
	if (r == 0 && !c->exited && vm_waits(&c->out) && (r = vm_flush(&c->out, c->socket)) < 0)
		r = r == -EPIPE ? receive(c, e) : err_sys(e, r, "talk to the micro-VM");
	return r;
}

static int begin(struct client *c, const struct vm_command *k, struct err *e)
{
	const struct vm_run run = { .exec = k->exec, .terminal = k->terminal, .size = window() };
	int r = 0;

	for (size_t at = 0; r == 0 && at < k->n; at += VM_DATA_MAX)
		r = put(c, VM_PUT, k->document + at, MIN(k->n - at, (size_t)VM_DATA_MAX), e);
	return r < 0 ? r : put(c, VM_RUN, &run, sizeof(run), e);
}

int vm_client(int socket, int signals, const struct vm_command *k, struct err *e)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return err_nomem(e);
	c->socket = socket;
	c->signals = signals;
	c->outputs[0].fd = STDOUT_FILENO;
	c->outputs[1].fd = STDERR_FILENO;
	c->credit = VM_WINDOW;
	c->input = true;
	c->terminal = k->terminal;
	if (c->terminal)
		make_raw(c);
	int r = begin(c, k, e);
	while (r == 0 && !(c->exited && !c->outputs[0].n && !c->outputs[1].n))
		r = step(c, e);
	if (c->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &c->saved);
	int status = (int)c->status;
	vm_queue_done(&c->out);
	free(c);
	return r < 0 ? r : status;
}

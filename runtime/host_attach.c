/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The foreground of `run` and `exec`: an event loop over the program's pidfd, our signals and, with a
 * terminal, both directions of its pty. Copies nothing when the program has our own streams.
 */
#include "host_attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"

#define DRAIN_MS 500 /* how long output that is still in the pty is waited for after the program's end */

/* One direction of the terminal. */
struct pipe_buf {
	int from, to;
	char data[4096];
	size_t at, n;
	bool ended;
};

struct session {
	const struct attach *a;
	struct pipe_buf in, out;
	struct termios saved;
	bool raw;
};

/* ---- our own terminal --------------------------------------------------------------------------------------------- */

void host_window_size(int console)
{
	struct winsize w;

	if (console >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &w) == 0)
		(void)ioctl(console, TIOCSWINSZ, &w);
}

static void terminal_raw(struct session *s)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &s->saved) < 0)
		return; /* not a terminal: bytes go through as they are */
	t = s->saved;
	cfmakeraw(&t);
	s->raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

static void terminal_restore(struct session *s)
{
	if (s->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
	s->raw = false;
}

/* ---- copying --------------------------------------------------------------------------------------------------------- */

static void pipe_fill(struct pipe_buf *b)
{
	ssize_t n = read(b->from, b->data, sizeof(b->data));

	if (n > 0) {
		b->at = 0;
		b->n = (size_t)n;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		b->ended = true; /* EIO is how a pty reports that nobody has its other side open */
	}
}

static void pipe_flush(struct pipe_buf *b)
{
	ssize_t n = write(b->to, b->data + b->at, b->n);

	if (n > 0) {
		b->at += (size_t)n;
		b->n -= (size_t)n;
	} else if (n < 0 && errno != EINTR && errno != EAGAIN) {
		b->n = 0;
		b->ended = true;
	}
}

/* What poll() shall wait for on one direction: room on one side or data on the other, never both. */
static struct pollfd pipe_poll(const struct pipe_buf *b)
{
	if (b->n)
		return (struct pollfd){ .fd = b->to, .events = POLLOUT };
	return (struct pollfd){ .fd = b->ended ? -1 : b->from, .events = POLLIN };
}

static void pipe_step(struct pipe_buf *b, short events)
{
	if (!events)
		return;
	if (b->n)
		pipe_flush(b);
	else
		pipe_fill(b);
}

/* The end of our input is what ^D is on a terminal. */
static void input_ended(struct session *s)
{
	static const char eot = 4;

	if (s->in.ended && s->in.from >= 0) {
		s->in.from = -1;
		if (write(s->in.to, &eot, 1) < 0)
			return; /* the program is gone: its end is noticed elsewhere */
	}
}

/* ---- signals ---------------------------------------------------------------------------------------------------------- */

static void forward_signal(const struct session *s, uint32_t signo)
{
	if (signo == SIGCHLD || signo == SIGPIPE)
		return;
	if (signo == SIGWINCH) {
		host_window_size(s->a->console);
		if (s->a->console >= 0)
			return;
	}
	(void)sys_pidfd_send_signal(s->a->pidfd, (int)signo);
}

static void forward_signals(const struct session *s)
{
	struct signalfd_siginfo si[4];
	size_t n;

	do {
		ssize_t got = read(s->a->signals, si, sizeof(si));
		n = got > 0 ? (size_t)got / sizeof(*si) : 0;
		for (size_t i = 0; i < n; i++)
			forward_signal(s, si[i].ssi_signo);
	} while (n == ARRAY_SIZE(si)); /* fewer are all there were */
}

static void drain_output(struct session *s)
{
	int64_t deadline = now_ms() + DRAIN_MS;

	while (!s->out.ended || s->out.n) {
		struct pollfd p = pipe_poll(&s->out);
		int64_t left = MAX(deadline - now_ms(), (int64_t)0);
		int r = poll(&p, 1, (int)left);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return;
		pipe_step(&s->out, p.revents);
	}
}

static int loop(struct session *s, struct err *e)
{
	for (;;) {
		struct pollfd p[5] = { { .fd = s->a->pidfd, .events = POLLIN },
				       { .fd = s->a->signals, .events = POLLIN },
				       { .fd = s->a->notify ? s->a->notify->fd : -1, .events = POLLIN },
				       pipe_poll(&s->in),
				       pipe_poll(&s->out) };
		int r = poll(p, s->a->console >= 0 ? 5 : 3, -1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(e, errno, "wait for the container");
		if (p[1].revents && !p[0].revents) /* else there is nobody for them any more */
			forward_signals(s);
		if (p[2].revents)
			notify_pass(s->a->notify, 0);
		if (s->a->console >= 0) {
			pipe_step(&s->in, p[3].revents);
			input_ended(s);
			pipe_step(&s->out, p[4].revents);
		}
		if (p[0].revents)
			return 0;
	}
}

int host_attach(const struct attach *a, struct err *e)
{
	struct session s = { .a = a,
			     .in = { .from = STDIN_FILENO, .to = a->console },
			     .out = { .from = a->console, .to = STDOUT_FILENO } };

	if (a->console >= 0) {
		(void)fcntl(a->console, F_SETFL, O_RDWR | O_NONBLOCK);
		terminal_raw(&s);
	}
	int r = loop(&s, e);
	if (r == 0 && a->console >= 0)
		drain_output(&s);
	terminal_restore(&s);
	if (r < 0)
		return r;
	if (a->ended && (r = proc_ended(a->pidfd)) >= 0)
		a->ended(r);
	r = proc_reap(a->pidfd);
	return r < 0 ? err_sys(e, r, "reap the container's first process") : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host side of the conversation: one row per message that may arrive before READY. Every wait has a
 * deadline and ends with the peer's end of file or with a signal to us: the peer may be stopped or worse (D21).
 */
#include "host_converse.h"

#include "host_core.h"

#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"
#include "host_idmap.h"
#include "sync.h"

int signals_take(struct err *e)
{
	sigset_t all;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return err_sys(e, errno, "block signals");
	int fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, errno, "make a signalfd") : fd;
}

/* True when one of the queued signals means that we shall give up. */
static bool asked_to_end(int signals)
{
	struct signalfd_siginfo si;

	while (read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT || si.ssi_signo == SIGHUP ||
		    si.ssi_signo == SIGQUIT)
			return true;
	return false;
}

static int wait_message(struct talk *t, int64_t deadline, struct err *e)
{
	TRACE(t->trace, HOST, "wait for the container side", NULL);
	/* Negative descriptors are passed over. */
	struct pollfd p[] = { { .fd = t->child.sync, .events = POLLIN }, { .fd = t->signals, .events = POLLIN },
			      { .fd = t->child.pidfd, .events = POLLIN } };

	for (;;) {
		int64_t left = MAX(deadline - now_ms(), (int64_t)0);
		int r = poll(p, ARRAY_SIZE(p), (int)left);
		if (r < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the container");
		if (r == 0 && left == 0)
			return err_set(e, ETIMEDOUT, "the container did not get ready within %d s",
				       t->timeout_ms / 1000);
		if (r > 0 && p[1].revents && asked_to_end(t->signals))
			return err_set(e, EINTR, "interrupted by a signal");
		if (r > 0 && p[0].revents)
			return 0;
		/* What it said before its end is there by now. A child of its own may hold the other end of the line. */
		if (r > 0 && p[2].revents && poll(p, 1, 0) == 0)
			return err_set(e, ECONNRESET, "the container's first process ended");
	}
}

/* ---- one function per message --------------------------------------------------------------------------------- */

/* Once, for the first process that exists: what it is given is inherited by those it forks. */
static int talk_born(struct talk *t, struct err *e)
{
	if (t->born_called || !t->born)
		return 0;
	t->born_called = true;
	return t->born(t, e);
}

/* Once, and for the first process; it is in its cgroup, or nothing is said about that yet. */
static int talk_meanwhile(struct talk *t, struct err *e)
{
	struct err later;

	if (t->meanwhile_called)
		return 0;
	t->meanwhile_called = true;
	int r = t->meanwhile ? t->meanwhile(t, e) : 0;
	if (r == 0 && t->cgroup_fd >= 0 && !t->outside)
		t->verified = cgroup_verify(t->cgroup_fd, t->child.pid, &later) == 0;
	return r;
}

/* The container's first process; its number is certain, since it is our own child and not reaped. */
static int on_forked(struct talk *t, const struct sync_message *m, int *fd, struct err *e)
{
	(void)fd;
	auto_close int pidfd = sys_pidfd_open(m->value, 0);

	if (pidfd < 0)
		return err_sys(e, pidfd, "open the container's first process");
	if (!t->ahead)
		best_effort(proc_reap(t->child.pidfd)); /* the part that forked ends by itself */
	fd_close(&t->child.pidfd);
	t->child.pidfd = TAKE_FD(pidfd);
	t->child.pid = m->value;
	bool maps = t->plan->maps.set && !t->mapped;
	int r = 0;
	if (maps) {
		t->mapped = true;
		TRACE(t->trace, HOST, "id maps", NULL);
		r = idmap_write(t->child.pid, &t->plan->maps, e);
	}
	if (r == 0)
		r = talk_born(t, e);
	if (r == 0 && maps)
		r = sync_send(t->child.sync, SYNC_MAPPED, 0, -1, e);
	return r < 0 ? r : talk_meanwhile(t, e);
}

static int on_mounted(struct talk *t, const struct sync_message *m, int *fd, struct err *e)
{
	const char *state = NULL;
	auto_close int state_fd = -EBADF;

	(void)m;
	(void)fd;
	int r = t->mounted ? t->mounted(t, &state, e) : 0;
	if (r < 0)
		return r;
	if (state) {
		state_fd = fd_memory("ctr-state", state, strlen(state));
		if (state_fd < 0)
			return err_sys(e, state_fd, "hold the state for hooks");
	}
	return sync_send(t->child.sync, SYNC_HOOKED, 0, state_fd, e);
}

static int on_console(struct talk *t, const struct sync_message *m, int *fd, struct err *e)
{
	(void)m;
	if (*fd < 0 || t->console >= 0)
		return err_set(e, EPROTO, "unexpected terminal from the container");
	t->console = take_fd(fd);
	return 0;
}

static int on_notify(struct talk *t, const struct sync_message *m, int *fd, struct err *e)
{
	(void)m;
	if (*fd < 0 || !t->notify)
		return err_set(e, EPROTO, "unexpected seccomp listener from the container");
	int r = t->notify(t, *fd, e);
	return r < 0 ? r : sync_send(t->child.sync, SYNC_HANDED, 0, -1, e);
}

static int on_trace(struct talk *t, const struct sync_message *m, int *fd, struct err *e)
{
	(void)fd;
	(void)e;
	trace_stamps(t->trace, m);
	return 0;
}

static int on_error(struct talk *t, const struct sync_message *m, int *fd, struct err *e)
{
	(void)t;
	(void)fd;
	*e = m->err;
	return -e->code;
}

static const struct {
	uint32_t type;
	int (*run)(struct talk *t, const struct sync_message *m, int *fd, struct err *e);
} answers[] = {
	{ SYNC_FORKED, on_forked }, { SYNC_MOUNTED, on_mounted }, { SYNC_CONSOLE, on_console },
	{ SYNC_NOTIFY, on_notify }, { SYNC_ERROR, on_error }, { SYNC_TRACE, on_trace },
};

int talk_until_ready(struct talk *t, struct err *e)
{
	int64_t deadline = now_ms() + t->timeout_ms;
	bool forks = false;

	for (size_t i = 0; i < t->plan->steps.n; i++)
		forks |= t->plan->steps.v[i].op == STEP_FORK;
	int first = forks ? 0 : talk_born(t, e);
	if (first == 0 && !forks)
		first = talk_meanwhile(t, e);
	if (first < 0)
		return first;
	for (;;) {
		struct sync_message m = { 0 };
		auto_close int fd = -EBADF;
		int r = wait_message(t, deadline, e);
		if (r == 0)
			r = sync_recv(t->child.sync, -1, &m, &fd, e); /* it is there */
		if (r < 0)
			return r;
		if (m.type == SYNC_EOF)
			return err_set(e, ECONNRESET, "the container's first process ended");
		t->heard = true;
		if (m.type == SYNC_READY)
			return 0;
		r = err_set(e, EPROTO, "unexpected message \"%s\" from the container", sync_name(m.type));
		for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
			if (answers[i].type == m.type) {
				r = answers[i].run(t, &m, &fd, e);
				break;
			}
		if (r < 0)
			return r;
	}
}

static bool killed_at_birth(const struct talk *t)
{
	siginfo_t si = { 0 };

	return !t->heard && waitid((idtype_t)P_PIDFD, (id_t)t->child.pidfd, &si, WEXITED | WNOWAIT) == 0 &&
	       si.si_code != CLD_EXITED && si.si_status == SIGKILL;
}

/* We go into the target first, so that the child is born there without the flag; then back. */
static int spawn_from_inside(struct talk *t, const struct spawn *s, struct err *e)
{
	struct cgroup_facts facts;
	struct spawn plain = *s;
	auto_close int own = -EBADF;
	int r = cgroup_detect(cgroup_caller_is_privileged(), &facts, e);

	if (r == 0)
		r = cgroup_open(facts.own, &own, e);
	if (r == 0)
		r = cgroup_enter(s->cgroup_fd, getpid(), e);
	if (r < 0)
		return r;
	plain.cgroup_fd = -1;
	r = host_spawn(&plain, &t->child, e);
	struct err back;
	if (cgroup_enter(own, getpid(), &back) < 0 && r == 0) {
		*e = back;
		return -e->code;
	}
	return r;
}

static int begin(struct talk *t, const struct spawn *s, struct err *e)
{
	int r = host_spawn(s, &t->child, e);

	/* A caller may allow so few descriptors that there is none for what only saves a look-up. */
	if (r == -EMFILE) {
		cgroup_forget_root();
		r = host_spawn(s, &t->child, e);
	}
	/* Not ours to clone into from where we are; whoever made the cgroup moves the process (born). */
	if (r == -EACCES && s->cgroup_fd >= 0 && t->outside_allowed) {
		struct spawn outside = *s;
		outside.cgroup_fd = -1;
		t->outside = true;
		r = host_spawn(&outside, &t->child, e);
	}
	if (r == 0)
		r = talk_until_ready(t, e);
	if (r == -ECONNRESET && !t->heard && host_spawn_entered(&t->child, e) < 0)
		return -e->code;
	if (r != -ECONNRESET || s->cgroup_fd < 0 || !killed_at_birth(t))
		return r;
	talk_abort(t);
	t->born_called = t->meanwhile_called = false;
	r = spawn_from_inside(t, s, e);
	return r < 0 ? r : talk_until_ready(t, e);
}

#define OOM_FILE "/proc/self/oom_score_adj"

/*
 * The score is taken on by us around the clone, and inherited: the container side is not dumpable, so that its
 * own file in /proc belongs to root, also where an ordinary user started it.
 */
static int begin_scored(struct talk *t, const struct spawn *s, struct err *e)
{
	char old[16], score[16];

	if (!t->plan->oom_score_adj.set)
		return begin(t, s, e);
	int n = snprintf(score, sizeof(score), "%lld", (long long)t->plan->oom_score_adj.v);
	int was = file_read_short(AT_FDCWD, OOM_FILE, old, sizeof(old));
	if (was >= 0 && str_eq(old, score))
		return begin(t, s, e);
	int r = was < 0 ? was : file_write(AT_FDCWD, OOM_FILE, score, (size_t)n);
	if (r < 0)
		return err_sys(e, r, "set process.oomScoreAdj to %s", score);
	r = begin(t, s, e);
	best_effort(file_write(AT_FDCWD, OOM_FILE, old, (size_t)was));
	return r;
}

int talk_begin(struct talk *t, const struct spawn *s, struct err *e)
{
	struct core_keeper keeper;
	int r = core_take(&t->plan->core, &keeper, e);

	t->cgroup_fd = s->cgroup_fd;
	if (r == 0)
		r = begin_scored(t, s, e);
	core_give_back(&keeper);
	if (r < 0 || s->cgroup_fd < 0 || t->verified)
		return r;
	return TRACE_CALL(t->trace, "look at the cgroup", cgroup_verify(s->cgroup_fd, t->child.pid, e));
}

/* The next message that is no TRACE; it is there. */
static int recv_start(int sync, struct trace *t, struct sync_message *m, struct err *e)
{
	for (;;) {
		auto_close int fd = -EBADF;
		int r = sync_recv(sync, -1, m, &fd, e);
		if (r < 0 || m->type != SYNC_TRACE)
			return r;
		trace_stamps(t, m);
	}
}

/*
 * Under its filter the first process may neither become the program nor say that it could not. It keeps its name until
 * then, and has no memory any more where its end is what ended the line.
 */
static int check_executed(pid_t pid, struct err *e)
{
	if (!proc_gone_as(pid, "ctr-init"))
		return 0;
	return err_set(e, EACCES, "exec: refused by the seccomp profile, which keeps the init from saying so as well");
}

int talk_start(int sync, pid_t pid, const char *state, int timeout_ms, struct trace *t, struct err *e)
{
	TRACE(t, HOST, "start: until the program is executed", NULL);
	auto_close int state_fd = -EBADF;
	struct sync_message m = { 0 };
	int r;

	if (state) {
		state_fd = fd_memory("ctr-state", state, strlen(state));
		if (state_fd < 0)
			return err_sys(e, state_fd, "hold the state for hooks");
	}
	r = sync_send(sync, SYNC_START, t ? SYNC_START_TRACE : 0, state_fd, e);
	/* Whatever comes of it, the line ends: one awakening for all that is said. */
	if (r == 0)
		r = sync_wait_end(sync, timeout_ms, e);
	if (r == 0)
		r = recv_start(sync, t, &m, e);
	bool executing = r == 0 && m.type == SYNC_EXECUTING, filtered = executing && m.value == SYNC_EXECUTING_FILTERED;
	if (executing)
		r = recv_start(sync, t, &m, e);
	if (r < 0)
		return r;
	if (m.type == SYNC_EOF && filtered && (r = check_executed(pid, e)) < 0)
		return r;
	if (m.type == SYNC_EOF && executing) {
		trace_executed(t);
		return 0;
	}
	if (m.type == SYNC_EOF)
		return err_set(e, ECONNRESET, "the container's first process ended before the program was executed");
	if (m.type != SYNC_ERROR)
		return err_set(e, EPROTO, "unexpected message \"%s\" from the container", sync_name(m.type));
	*e = m.err;
	return -e->code;
}

void talk_abort(struct talk *t)
{
	if (t->child.pidfd >= 0) {
		(void)sys_pidfd_send_signal(t->child.pidfd, SIGKILL);
		best_effort(proc_reap(t->child.pidfd));
	}
	fd_close(&t->child.pidfd);
	fd_close(&t->child.sync);
	fd_close(&t->console);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps: hooks, the look-up of the program, the gate, the exec. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../base/wait.h"
#include "init.h"

int init_reset_signals(uint64_t ignored)
{
	sigset_t none;

	for (int sig = 1; sig < 65; sig++) {
		int r = ignored >> (sig - 1) & 1 ? sys_default_signal(sig) : 0;
		if (r < 0 && r != -EINVAL)
			return r;
	}
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* ---- hooks --------------------------------------------------------------------------------------------- */

/* How long one that has connected to the gate may take to say what he wants. */
#define CALL_TIMEOUT_MS 10000

static void keep_state(struct init *in, int fd)
{
	fd_close(&in->state);
	in->state = fd;
}

int init_hook_point(struct init *in, const struct step_hook_point *s, struct err *e)
{
	struct sync_message m = { 0 };
	int fd = -1;

	if (s->dumpable)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	int r = sync_send(in->sync, SYNC_MOUNTED, 0, -1, e);
	if (r == 0)
		r = sync_recv(in->sync, -1, &m, &fd, e);
	if (s->dumpable && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 && r == 0)
		r = err_sys(e, errno, "close the first process to others");
	if (r < 0)
		return r;
	if (m.type != SYNC_HOOKED) {
		fd_close(&fd);
		return err_set(e, EPROTO, "unexpected message \"%s\" instead of hooked", sync_name(m.type));
	}
	keep_state(in, fd);
	return 0;
}

__attribute__((noreturn)) static void become_hook(const struct init *in, const struct step_start_hook *h)
{
	char *plain[] = { (char *)(uintptr_t)h->path, NULL }, *empty[] = { NULL };
	/* An image's /dev/null may be a FIFO: it must not make us wait. */
	int null = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	(void)setpgid(0, 0);
	if (init_reset_signals(in->exec->ignored) < 0)
		_exit(126);
	(void)umask(in->umask);
	if (in->state >= 0)
		(void)lseek(in->state, 0, SEEK_SET);
	(void)dup2(in->state >= 0 ? in->state : null, 0);
	(void)dup2(null, 1);
	(void)sys_close_range(3, ~0U, SYS_CLOSE_RANGE_CLOEXEC);
	(void)execve(h->path, h->args.n ? h->args.v : plain, h->env.v ? h->env.v : empty);
	_exit(errno == ENOENT ? 127 : 126);
}

int init_run_hook(struct init *in, const struct step_start_hook *h, const char *point, struct err *e)
{
	const struct sys_clone_args args = { .exit_signal = SIGCHLD };
	siginfo_t si = { 0 };
	pid_t pid = sys_clone3(&args);

	if (pid == 0)
		become_hook(in, h);
	if (pid < 0)
		return err_sys(e, pid, "%s hook %u (%s)", point, h->index, h->path);
	auto_close int pidfd = sys_pidfd_open(pid, 0);
	bool ended = pidfd >= 0 && wait_for(pidfd, POLLIN, deadline_in(h->timeout_ms ? h->timeout_ms : -1)) == 0;
	if (!ended) {
		/* Our own unreaped child: neither pid nor group can be another's. */
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL);
	}
	while (waitid(P_PID, (id_t)pid, &si, WEXITED) < 0 && errno == EINTR)
		;
	if (!ended)
		return err_set(e, ETIMEDOUT, "%s hook %u (%s): timed out after %lld ms", point, h->index,
			       h->path, (long long)h->timeout_ms);
	if (si.si_code != CLD_EXITED)
		return err_set(e, ECANCELED, "%s hook %u (%s): killed by signal %d", point, h->index, h->path,
			       si.si_status);
	if (si.si_status != 0)
		return err_set(e, ECANCELED, "%s hook %u (%s): exit status %d", point, h->index, h->path,
			       si.si_status);
	return 0;
}

int init_hook(struct init *in, const struct step_hook *s, struct err *e)
{
	const struct step_start_hook h = { s->path, s->args, s->env, s->timeout_ms, s->index };

	/* Not in the specification; hooks that were written for other runtimes begin in the root, by relative names. */
	int r = init_root_fd(in, e);
	if (r == 0 && fchdir(in->root) < 0)
		r = err_sys(e, errno, "enter the root filesystem for hooks");
	return r < 0 ? r : init_run_hook(in, &h, "createContainer", e);
}

int init_start_hook(struct init *in, const struct step_start_hook *s, struct err *e)
{
	return init_run_hook(in, s, "startContainer", e);
}

/* ---- look-up ------------------------------------------------------------------------------------------- */

/* Wording that engines turn into 127 and 126. */
static int not_executable(const char *name, const char *path, int errnum, struct err *e)
{
	switch (errnum) {
	case ENOENT:
		return err_set(e, ENOENT, "exec: \"%s\": stat %s: no such file or directory", name, path);
	case EISDIR:
		return err_set(e, EACCES, "exec: \"%s\": is a directory: permission denied", name);
	case EACCES:
		return err_set(e, EACCES, "exec: \"%s\": permission denied", name);
	default:
		return err_set(e, errnum, "exec: \"%s\": %s", name, err_text(errnum));
	}
}

/* The look-up has found the path, and a filter may be loaded: nothing is looked at any more. */
static int not_executed(const char *name, const char *path, int errnum, struct err *e)
{
	if (errnum == ENOENT)
		return err_set(e, ENOENT, "exec: \"%s\": %s, or the interpreter that it names: no such file or directory", name, path);
	if (errnum == ENOEXEC)
		return err_set(e, ENOEXEC, "exec: \"%s\": exec format error: for another processor, or a script without #!", name);
	return not_executable(name, path, errnum, e);
}

/* 0, or the errno that execve() would give for reasons of the path. */
static int examine(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

static bool join_path(char *buf, const char *dir, size_t n, const char *name)
{
	size_t m = strlen(name);

	if (n + m + 2 > PATH_MAX)
		return false;
	if (n == 0) { /* an empty element is the working directory */
		buf[0] = '.';
		n = 1;
	} else {
		memcpy(buf, dir, n);
	}
	buf[n] = '/';
	memcpy(buf + n + 1, name, m + 1);
	return true;
}

int init_lookup(struct init *in, const struct step_lookup *s, struct err *e)
{
	int denied = 0;

	if (strchr(s->program, '/')) {
		int why = strlen(s->program) >= sizeof(in->program) ? ENAMETOOLONG : examine(s->program);
		if (why)
			return not_executable(s->program, s->program, why, e);
		memcpy(in->program, s->program, strlen(s->program) + 1);
		return 0;
	}
	if (!*s->program)
		return err_set(e, ENOENT, "exec: \"\": executable file not found in $PATH");
	for (const char *dir = s->search, *end;; dir = end + 1) {
		end = dir + strcspn(dir, ":");
		int why = join_path(in->program, dir, (size_t)(end - dir), s->program) ? examine(in->program)
										       : ENOENT;
		if (why == 0)
			return 0;
		if (why == EACCES)
			denied = EACCES;
		if (!*end)
			break;
	}
	if (denied)
		return not_executable(s->program, s->program, denied, e);
	return err_set(e, ENOENT, "exec: \"%s\": executable file not found in $PATH", s->program);
}

/* ---- the gate ------------------------------------------------------------------------------------------ */

/*
 * The creator ends, and we stay. It says when: what it has not written down nobody could find and end, so that its
 * own end before that must be ours.
 */
static void wait_recorded(const struct init *in)
{
	struct sync_message m = { 0 };
	struct err ignored;
	int fd = -1, r = -1;

	/* No error of the moment shall end a container that was made: its creator asks no more. */
	for (int tries = 0; r < 0 && tries < 4; tries++)
		r = sync_recv(in->sync, -1, &m, &fd, &ignored);
	if (r < 0 || m.type != SYNC_RECORDED)
		_exit(1);
	fd_close(&fd);
}

/* From here on the host side is whoever calls the listener; until then nobody has to be there. */
static int wait_call(struct init *in, int listener, struct err *e)
{
	/* Still armed it would end us with the creator, who has said by then that all is well. */
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return err_sys(e, errno, "outlive the creator");
	init_send_stamps(in);
	int r = sync_send(in->sync, SYNC_READY, 0, -1, e);
	if (r < 0)
		return r;
	wait_recorded(in);
	/* What only the set-up needed; the conversation with the creator is over. */
	fd_close(&in->sync);
	fd_close(&in->root);
	fd_close(&in->null);
	fd_close(&in->empty);
	fd_close(&in->state);
	init_forget_dir(in);
	init_close_left(in);
	/*
	 * An ordinary user may only join the namespaces of a process that he could trace (`exec` into a created
	 * container). As pid 1 we share them with nobody but those he sends; our credentials are final already.
	 */
	if (getpid() == 1)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	for (unsigned int failures = 0;;) {
		struct sync_message m;
		struct err ignored;
		int fd = -1;
		int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (sock < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		/* Too few descriptors or too little memory, which may pass: for a second. */
		if (sock < 0 && ++failures < 100 && nanosleep(&(const struct timespec){ .tv_nsec = 10000000 }, NULL) == 0)
			continue;
		if (sock < 0)
			_exit(1);
		r = sync_recv(sock, CALL_TIMEOUT_MS, &m, &fd, &ignored);
		if (r == 0 && m.type == SYNC_START) {
			(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
			(void)close(listener);
			in->sync = sock;
			in->tracing = m.value & SYNC_START_TRACE;
			init_stamp(in, SYNC_STAMP_ENTERED, 0);
			keep_state(in, fd);
			return 0;
		}
		/* Somebody who only looked whether we are here, or who died before he said start. */
		fd_close(&fd);
		(void)close(sock);
	}
}

int init_gate(struct init *in, const struct step_gate *s, struct err *e)
{
	struct sync_message m = { 0 };
	int fd = -1;

	in->started = true;
	if (s->listener >= 0)
		return wait_call(in, in->slots[s->listener], e);
	init_send_stamps(in);
	int r = sync_send(in->sync, SYNC_READY, 0, -1, e);
	if (r == 0)
		r = sync_recv(in->sync, -1, &m, &fd, e);
	if (r < 0)
		return r;
	if (m.type != SYNC_START)
		_exit(1); /* the host side is gone, and with it the wish to run */
	keep_state(in, fd);
	return 0;
}

/* ---- exec ---------------------------------------------------------------------------------------------- */

/* A change of credentials has taken the signal away (prctl(2)); and whoever is to be outlived may be gone already. */
static void live_or_die(const struct init *in, const struct step_exec *s)
{
	struct pollfd p = { .fd = in->sync };

	/* Either way the signal must be what was asked for; an end here is known from one of the program (SYNC_EXECUTING). */
	if (prctl(PR_SET_PDEATHSIG, s->die_with_caller ? SIGKILL : 0, 0, 0, 0) < 0 ||
	    (s->die_with_caller && poll(&p, 1, 0) > 0))
		_exit(1);
}

static int become_program(struct init *in, const struct step_exec *s, struct err *e)
{
	live_or_die(in, s);
	(void)umask(in->umask);
	int r = init_reset_signals(s->ignored);
	if (r < 0)
		return err_sys(e, r, "give the program the default signals");
	r = init_lower_limits(in, e);
	init_stamp(in, STEP_EXEC, 0);
	init_send_stamps(in);
	/* Before the filter, which may not allow it. */
	if (r == 0)
		r = sync_send(in->sync, SYNC_EXECUTING, in->filter && !s->supervise ? SYNC_EXECUTING_FILTERED : 0, -1, e);
	if (r == 0 && in->filter)
		r = init_load_filter(in, in->filter, e);
	if (r < 0)
		return r;
	(void)execve(in->program, s->args.v, s->env.v);
	return not_executed(s->args.v[0], in->program, errno, e);
}

__attribute__((noreturn)) static void become_supervisor(struct init *in, const struct step_exec *s, pid_t child)
{
	struct err e;

	live_or_die(in, s);
	(void)sys_close_range(0, ~0U, 0);
	/* The program could take us over by ptrace if it had the filter and we had not. */
	if (in->filter && init_load_filter(in, in->filter, &e) < 0)
		_exit(1);
	/* Nothing of ours is left in here; `exec` of an ordinary user joins the namespaces of a process he could trace. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	init_supervise(child);
}

int init_exec(struct init *in, const struct step_exec *s, struct err *e)
{
	if (!s->args.n || !in->program[0])
		return err_set(e, EPROTO, "plan: exec without a program");
	int r = sys_close_range(3 + s->keep_fds, ~0U, SYS_CLOSE_RANGE_CLOEXEC);
	if (r < 0)
		return err_sys(e, r, "mark descriptors close-on-exec");
	r = init_enforce_landlock(in, e);
	if (r < 0)
		return r;
	if (!s->supervise)
		return become_program(in, s, e);
	const struct sys_clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid = sys_clone3(&args);
	if (pid < 0)
		return err_sys(e, pid, "start the program");
	if (pid > 0) {
		become_supervisor(in, s, pid);
	}
	(void)setpgid(0, 0);
	if (isatty(0)) {
		/* The program, not we, is what the terminal's keys speak to. SIGTTOU is blocked here. */
		(void)tcsetpgrp(0, getpid());
	}
	return become_program(in, s, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Runs helper programs and hooks with deadlines. They inherit nothing but what is named here. */
#include "host_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"

extern char **environ;

const char *own_helper(const char *name, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s/%s", CTR_LIBEXEC, name);

	if (n > 0 && (size_t)n < size && access(buf, X_OK) == 0)
		return buf;
	ssize_t len = readlink("/proc/self/exe", buf, size);
	if (len <= 0 || (size_t)len >= size)
		return NULL;
	buf[len] = '\0';
	char *base = strrchr(buf, '/');
	if (!base || (size_t)(base + 1 - buf) + strlen(name) >= size)
		return NULL;
	memcpy(base + 1, name, strlen(name) + 1);
	return access(buf, X_OK) == 0 ? buf : NULL;
}

static int spawn_with(struct job *j, int in, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	(void)posix_spawnattr_setflags(&attr,
				       POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	if (r == 0)
		r = posix_spawn(&j->pid, j->path, &actions, &attr, j->argv, j->env ? j->env : environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int job_start(struct job *j, struct err *e)
{
	auto_close int null = j->stdin_fd < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -EBADF;
	int pipefd[2];

	if (j->stdin_fd < 0 && null < 0)
		return err_sys(e, errno, "open /dev/null");
	if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(e, errno, "make a pipe");
	auto_close int ours = pipefd[0], theirs = pipefd[1];
	/* The writer's side blocks, as programs expect; ours does not. */
	if (fcntl(theirs, F_SETFL, 0) < 0)
		return err_sys(e, errno, "set up a pipe");
	if (j->stdin_fd >= 0)
		(void)lseek(j->stdin_fd, 0, SEEK_SET);
	int r = spawn_with(j, j->stdin_fd < 0 ? null : j->stdin_fd, theirs);
	if (r == -ENOENT) /* engines take the errno's text for the container's program */
		return err_set(e, ENOENT, "run %s: missing", j->path);
	if (r < 0)
		return err_sys(e, r, "run %s", j->path);
	j->pidfd = sys_pidfd_open(j->pid, 0);
	if (j->pidfd < 0) {
		r = j->pidfd;
		(void)kill(-j->pid, SIGKILL); /* our own unreaped child: the number is certain */
		(void)waitpid(j->pid, NULL, 0);
		return err_sys(e, r, "watch %s", j->path);
	}
	j->output = TAKE_FD(ours);
	return 0;
}

/* Takes what is there; more than the limit is read and thrown away, so that the writer never blocks. */
static void drain(struct job *j)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(j->output, buf, sizeof(buf))) > 0)
		if (j->text.n < JOB_OUTPUT_MAX)
			strbuf_add(&j->text, buf, MIN((size_t)n, JOB_OUTPUT_MAX - j->text.n));
}

/* The last line that holds something, for one-line messages. */
static const char *last_line(struct job *j)
{
	while (j->text.n && (unsigned char)j->text.p[j->text.n - 1] <= ' ')
		j->text.p[--j->text.n] = '\0';
	if (!j->text.n)
		return NULL;
	char *nl = strrchr(j->text.p, '\n');
	return nl ? nl + 1 : j->text.p;
}

static void job_release(struct job *j)
{
	fd_close(&j->pidfd);
	fd_close(&j->output);
	strbuf_done(&j->text);
}

static bool wait_or_kill(struct job *j)
{
	int64_t deadline = now_ms() + j->timeout_ms;

	for (;;) {
		struct pollfd p[2] = { { .fd = j->pidfd, .events = POLLIN }, { .fd = j->output, .events = POLLIN } };
		int64_t left = j->timeout_ms ? MAX(deadline - now_ms(), (int64_t)0) : -1;
		int r = poll(p, j->output >= 0 ? 2 : 1, (int)MIN(left, (int64_t)INT32_MAX));
		if (r < 0 && errno != EINTR)
			return false;
		if (r > 0 && j->output >= 0 && p[1].revents) {
			drain(j);
			if (p[1].revents & POLLHUP)
				fd_close(&j->output);
		}
		if (r > 0 && p[0].revents)
			return true;
		if (r == 0 && left == 0)
			break;
	}
	(void)kill(-j->pid, SIGKILL); /* not reaped yet: neither the pid nor the group can be another's */
	(void)sys_pidfd_send_signal(j->pidfd, SIGKILL);
	best_effort(proc_wait_end(j->pidfd, 5000));
	return false;
}

static int job_end(struct job *j, struct err *e)
{
	bool ended = wait_or_kill(j);

	if (j->output >= 0)
		drain(j);
	int status = 0, sig = 0, r = proc_reap_exact(j->pidfd, &status, &sig);
	bool clean = r == 0 && ended && status == 0 && sig == 0;
	const char *line = clean ? NULL : last_line(j);
	if (!ended)
		r = err_set(e, ETIMEDOUT, "timed out after %lld ms", (long long)j->timeout_ms);
	else if (r < 0)
		r = err_sys(e, r, "wait");
	else if (sig)
		r = err_set(e, ECANCELED, "killed by signal %d%s%s", sig, line ? ": " : "", line ? line : "");
	else if (status)
		r = err_set(e, ECANCELED, "exit status %d%s%s", status, line ? ": " : "", line ? line : "");
	return r;
}

int job_wait(struct job *j, struct err *e)
{
	int r = job_end(j, e);

	job_release(j);
	return r;
}

int job_wait_output(struct job *j, struct strbuf *ret, struct err *e)
{
	int r = job_end(j, e);

	*ret = j->text;
	j->text = (struct strbuf){ 0 };
	job_release(j);
	return r;
}

/* ---- hooks -------------------------------------------------------------------------------------------------- */

static int hook_run(const struct hook *h, int state_fd, struct err *e)
{
	char *plain[] = { (char *)(uintptr_t)h->path, NULL };
	struct job j = {
		.path = h->path,
		.argv = h->args.n ? h->args.v : plain,
		.env = h->env.v, /* absent: the caller's environment, as the other runtimes do */
		.stdin_fd = state_fd,
		.timeout_ms = h->timeout.set ? h->timeout.v * 1000 : 0,
		.pidfd = -EBADF,
		.output = -EBADF,
	};
	int r = job_start(&j, e);

	return r < 0 ? r : job_wait(&j, e);
}

static int hook_run_named(const struct hook_list *hooks, size_t i, const char *point, int state_fd, struct trace *t,
			  struct err *e)
{
	TRACE(t, HOOKS, point, hooks->v[i].path);
	int r = hook_run(&hooks->v[i], state_fd, e);

	return r < 0 ? err_in(e, "%s hook %zu (%s)", point, i, hooks->v[i].path) : 0;
}

int hooks_run(const struct hook_list *hooks, const char *point, const char *state, struct trace *t, struct err *e)
{
	if (!hooks->n)
		return 0;
	auto_close int fd = fd_memory("ctr-state", state, strlen(state));
	if (fd < 0)
		return err_sys(e, fd, "hold the state for %s hooks", point);
	for (size_t i = 0; i < hooks->n; i++) {
		int r = hook_run_named(hooks, i, point, fd, t, e);
		if (r < 0)
			return r;
	}
	return 0;
}

void hooks_run_all(const struct hook_list *hooks, const char *point, const char *state, struct trace *t,
		   void (*warn)(void *arg, const char *text), void *arg)
{
	struct err e;
	auto_close int fd = hooks->n ? fd_memory("ctr-state", state, strlen(state)) : -EBADF;

	if (hooks->n && fd < 0) {
		(void)err_sys(&e, fd, "hold the state for %s hooks", point);
		warn(arg, e.text);
		return;
	}
	for (size_t i = 0; i < hooks->n; i++)
		if (hook_run_named(hooks, i, point, fd, t, &e) < 0)
			warn(arg, e.text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Following processes with ptrace(2). Knows nothing of containers and judges nothing. */
#define _GNU_SOURCE
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
		 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)
#define REST_MS 30 /* a process that does nothing for so long, after its command ended, waits for somebody */

int64_t clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- starting ------------------------------------------------------------------------------------------------- */

static void become_command(const struct command *c, int gate)
{
	char byte;

	while (gate >= 0 && read(gate, &byte, 1) < 0 && errno == EINTR)
		;
	if (c->dir && chdir(c->dir) < 0)
		_exit(126);
	for (size_t i = 0; c->env && c->env[i]; i += 2)
		if (setenv(c->env[i], c->env[i + 1], 1) < 0)
			_exit(126);
	if (dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0) < 0 || dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0)
		_exit(126);
	if (c->uid && (setgroups(0, NULL) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
		       setresuid(c->uid, c->uid, c->uid) < 0))
		_exit(126);
	(void)syscall(SYS_close_range, 3, ~0U, 0);
	(void)execv(c->argv[0], c->argv);
	_exit(127);
}

pid_t command_start(const struct command *c)
{
	pid_t pid = fork();

	if (pid == 0)
		become_command(c, -1);
	return pid;
}

/*
 * Not waitpid() alone: the end has a deadline, and what became an orphan must be reaped meanwhile, as any subreaper
 * does: a pid namespace does not end before all in it are.
 */
int command_run(const struct command *c, int limit_ms)
{
	int64_t deadline = clock_ms() + limit_ms;
	pid_t pid = command_start(c);
	int status;

	if (pid < 0)
		return -1;
	for (unsigned int round = 0;; round++) {
		pid_t r = waitpid(-1, &status, WNOHANG);
		if (r == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (r < 0 || clock_ms() > deadline)
			break;
		if (r > 0)
			continue;
		(void)usleep(round < 50 ? 200 : 2000);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return -1;
}

/* ---- tasks ---------------------------------------------------------------------------------------------------- */

static struct task *task_of(struct tracer *t, pid_t pid)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (t->tasks[i].pid == pid)
			return &t->tasks[i];
	return NULL;
}

static struct task *task_add(struct tracer *t, pid_t pid)
{
	struct task *k = task_of(t, pid);

	if (k)
		return k;
	k = task_of(t, 0);
	if (k)
		*k = (struct task){ .pid = pid, .nr = -1, .entered = (uint64_t)clock_ms() };
	return k;
}

static void go_on(struct task *k, int sig)
{
	k->stopped = false;
	(void)ptrace(PTRACE_SYSCALL, k->pid, 0, (long)sig);
}

static void let_go(struct task *k)
{
	(void)ptrace(PTRACE_DETACH, k->pid, 0, 0);
	*k = (struct task){ 0 };
}

static bool executes_ours(const struct tracer *t, pid_t pid)
{
	char link[64], exe[PATH_MAX];

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	ssize_t n = readlink(link, exe, sizeof(exe) - 1);
	if (n < 0)
		return false;
	exe[n] = '\0';
	return strcmp(exe, t->runtime) == 0 || strncmp(exe, "/memfd:ctr-init", 15) == 0;
}

/* ---- system calls --------------------------------------------------------------------------------------------- */

static void remember(struct tracer *t, const struct task *k)
{
	struct call_list *l = t->record;

	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 1024;
		l->v = realloc(l->v, l->room * sizeof(*l->v));
		if (!l->v)
			abort();
	}
	struct call *c = &l->v[l->n++];
	*c = (struct call){ .index = k->calls, .nr = k->nr };
	memcpy(c->role, k->role, sizeof(c->role));
}

static bool is_point(struct tracer *t, const struct task *k, uint64_t arg0)
{
	const struct fault *f = &t->fault;

	if (f->kind == FAULT_NONE || t->hit)
		return false;
	if (f->nr < 0)
		return strcmp(f->role, k->role) == 0 && f->index == k->calls;
	if (f->nr != k->nr || (f->arg0 != UINT64_MAX && f->arg0 != arg0))
		return false;
	if (f->role[0] && strncmp(f->role, k->role, strlen(f->role)) != 0)
		return false;
	return t->matches++ == f->index;
}

static void kill_all(struct tracer *t)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (t->tasks[i].pid)
			(void)kill(t->tasks[i].pid, SIGKILL);
}

static void on_entry(struct tracer *t, struct task *k)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, k->pid, 0, &regs) < 0)
		return;
	k->nr = (long)regs.orig_rax;
	if (k->ours && t->record)
		remember(t, k);
	bool point = k->ours && is_point(t, k, regs.rdi);
	k->calls++;
	if (!point)
		return;
	t->hit = true;
	t->hit_nr = k->nr;
	if (t->fault.kind == FAULT_KILL)
		(void)kill(k->pid, SIGKILL);
	if (t->fault.kind == FAULT_KILL_ALL)
		kill_all(t);
	if (t->fault.kind != FAULT_RETURN)
		return;
	k->inject = true;
	if (k->nr == SYS_close)
		return;
	regs.orig_rax = (unsigned long)-1;
	(void)ptrace(PTRACE_SETREGS, k->pid, 0, &regs);
}

static void on_exit_of_call(struct tracer *t, struct task *k)
{
	struct user_regs_struct regs;

	if (!k->inject)
		return;
	k->inject = false;
	if (ptrace(PTRACE_GETREGS, k->pid, 0, &regs) < 0)
		return;
	regs.rax = (unsigned long)t->fault.value;
	(void)ptrace(PTRACE_SETREGS, k->pid, 0, &regs);
}

static void on_call(struct tracer *t, struct task *k)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, k->pid, sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(t, k);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		on_exit_of_call(t, k);
}

/* ---- events --------------------------------------------------------------------------------------------------- */

static void on_child(struct tracer *t, struct task *k)
{
	unsigned long pid;

	if (ptrace(PTRACE_GETEVENTMSG, k->pid, 0, &pid) < 0)
		return;
	k->children++;
	struct task *child = task_add(t, (pid_t)pid);
	if (!child)
		return;
	child->known = true;
	child->ours = k->ours;
	(void)snprintf(child->role, sizeof(child->role), "%.*s.%u", ROLE_MAX - 6, k->role, k->children);
	if (child->stopped) /* it was faster than the word of its birth */
		go_on(child, 0);
}

static void on_stop(struct tracer *t, struct task *k, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	k->stopped = true;
	k->entered = (uint64_t)clock_ms();
	if (!k->known)
		return; /* goes on once its parent's event has named it */
	if (sig == (SIGTRAP | 0x80)) {
		on_call(t, k);
		sig = 0;
	} else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
		on_child(t, k);
		sig = 0;
	} else if (event == PTRACE_EVENT_EXEC) {
		/* What came before is ours, and how much of it we saw depends on who was faster. */
		if (!k->ours)
			k->calls = 0;
		k->ours = executes_ours(t, k->pid);
		k->inject = false;
		if (!k->ours) {
			let_go(k);
			return;
		}
		sig = 0;
	} else if (event) {
		sig = 0; /* PTRACE_EVENT_STOP: born, or interrupted */
	}
	go_on(k, sig);
}

static bool is_crash(int sig)
{
	return sig == SIGSEGV || sig == SIGABRT || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGSYS ||
	       sig == SIGTRAP;
}

/* One event, if there is one. The main command's end is written to *status. */
static bool one_event(struct tracer *t, pid_t main_pid, int *status)
{
	int st;
	pid_t pid = waitpid(-1, &st, WNOHANG | __WALL);

	if (pid <= 0)
		return false;
	if (WIFEXITED(st) || WIFSIGNALED(st)) {
		struct task *k = task_of(t, pid);
		if (WIFSIGNALED(st) && is_crash(WTERMSIG(st)) && k && k->ours)
			t->crash = WTERMSIG(st);
		if (pid == main_pid)
			*status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
		if (k)
			*k = (struct task){ 0 };
		return true;
	}
	struct task *k = task_add(t, pid);
	if (k)
		on_stop(t, k, st);
	return true;
}

/* True when nobody who is followed has done anything for a while. */
static bool at_rest(const struct tracer *t, int64_t now)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (t->tasks[i].pid && (int64_t)t->tasks[i].entered + REST_MS > now)
			return false;
	return true;
}

static bool begin(struct tracer *t, const struct command *c, const char *role, int gate[2], pid_t *ret)
{
	if (pipe2(gate, O_CLOEXEC) < 0)
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(gate[1]);
		become_command(c, gate[0]);
	}
	(void)close(gate[0]);
	struct task *k = pid > 0 && ptrace(PTRACE_SEIZE, pid, 0, OPTIONS) == 0 ? task_add(t, pid) : NULL;
	if (!k) {
		(void)close(gate[1]);
		return false;
	}
	k->known = true;
	(void)snprintf(k->role, sizeof(k->role), "%s", role);
	(void)ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	*ret = pid;
	return true;
}

struct outcome tracer_run(struct tracer *t, const struct command *c, const char *role, int limit_ms)
{
	struct outcome o = { .status = -1 };
	int64_t begun = clock_ms(), ended = 0;
	int gate[2];
	pid_t pid;

	if (!begin(t, c, role, gate, &pid))
		return o;
	(void)close(gate[1]); /* end of file opens it */
	for (unsigned int idle = 0;;) {
		if (one_event(t, pid, &o.status)) {
			idle = 0;
			continue;
		}
		int64_t now = clock_ms();
		if (o.status >= 0 && !ended)
			ended = now;
		if (ended && at_rest(t, now))
			break;
		if (now > begun + limit_ms) {
			o.hang = !ended;
			break;
		}
		if (++idle > 20)
			(void)usleep(idle < 200 ? 50 : 500);
	}
	o.ms = (double)((ended ? ended : clock_ms()) - begun);
	if (!o.hang)
		return o;
	kill_all(t);
	while (o.status < 0 && clock_ms() < begun + limit_ms + 5000)
		if (!one_event(t, pid, &o.status))
			(void)usleep(1000);
	return o;
}

void tracer_reset(struct tracer *t)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		t->tasks[i].calls = 0;
	t->matches = 0;
	t->hit = false;
	t->crash = 0;
}

/* A running task can only be let go of once it stopped. */
void tracer_detach(struct tracer *t)
{
	int64_t deadline = clock_ms() + 2000;

	for (size_t i = 0; i < TASKS_MAX; i++)
		if (t->tasks[i].pid)
			(void)ptrace(PTRACE_INTERRUPT, t->tasks[i].pid, 0, 0);
	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *k = &t->tasks[i];
		while (k->pid && clock_ms() < deadline) {
			int st;
			pid_t r = waitpid(k->pid, &st, WNOHANG | __WALL);
			if (r == k->pid && WIFSTOPPED(st)) {
				bool group = (st >> 16) == PTRACE_EVENT_STOP || WSTOPSIG(st) == (SIGTRAP | 0x80) || st >> 16;
				(void)ptrace(PTRACE_DETACH, k->pid, 0, (long)(group ? 0 : WSTOPSIG(st)));
				break;
			}
			if (r < 0 || r == k->pid)
				break;
			(void)usleep(200);
		}
		*k = (struct task){ 0 };
	}
}

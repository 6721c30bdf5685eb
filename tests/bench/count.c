/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command costs in numbers that do not depend on the machine's speed: it and all it starts run under ptrace
 * until it ends. Prints "syscalls N execs N tasks N faults N rss_kb N read N". The numbers are those of all its
 * processes; faults and peak memory those that it waited for, as getrusage(2) has them. A process that outlives the
 * command (a container between create and start) goes on. usage: count COMMAND...
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS_MAX 256
/* Of linux/ptrace.h, which some C libraries' header clashes with. */
#define GET_SYSCALL_INFO 0x420e
struct syscall_info {
	unsigned char op, pad[3];
	unsigned int arch;
	unsigned long long ip, sp;
	union {
		struct { unsigned long long nr, args[6]; } entry;
		struct { long long rval; unsigned char is_error; } exit;
	};
};

static struct { pid_t pid; unsigned long long nr; } tasks[TASKS_MAX];
static struct { long syscalls, execs, tasks, read; } counts;

static unsigned long long *call_of(pid_t pid)
{
	static unsigned long long overflow;

	for (int i = 0; i < TASKS_MAX; i++)
		if (tasks[i].pid == pid)
			return &tasks[i].nr;
	for (int i = 0; i < TASKS_MAX; i++)
		if (tasks[i].pid == 0) {
			tasks[i].pid = pid;
			counts.tasks++;
			return &tasks[i].nr;
		}
	fprintf(stderr, "count: more than %d tasks\n", TASKS_MAX);
	exit(2);
	return &overflow;
}

static void forget(pid_t pid)
{
	for (int i = 0; i < TASKS_MAX; i++)
		if (tasks[i].pid == pid)
			tasks[i].pid = 0;
}

static void at_syscall(pid_t pid)
{
	struct syscall_info s;
	unsigned long long *nr = call_of(pid);

	if (ptrace((enum __ptrace_request)GET_SYSCALL_INFO, pid, (void *)sizeof(s), &s) <= 0)
		return;
	if (s.op == 1) {
		*nr = s.entry.nr;
		counts.syscalls++;
	} else if (s.op == 2 && s.exit.rval > 0 &&
		   (*nr == SYS_read || *nr == SYS_pread64 || *nr == SYS_readv || *nr == SYS_preadv)) {
		counts.read += (long)s.exit.rval;
	}
}

/* What the task is to be continued with: 0, or a signal. */
static int at_stop(pid_t pid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (sig == (SIGTRAP | 0x80)) {
		at_syscall(pid);
		return 0;
	}
	if (event == PTRACE_EVENT_EXEC)
		counts.execs++;
	if (event)
		return 0;
	/* A new task's first stop. */
	return sig == SIGSTOP || sig == SIGTRAP ? 0 : sig;
}

static int run_to_end(pid_t root)
{
	struct rusage ru;
	int status;

	for (;;) {
		pid_t pid = wait4(-1, &status, __WALL, &ru);
		if (pid < 0 && errno != EINTR)
			return 2;
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			(void)call_of(pid);
			(void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)at_stop(pid, status));
			continue;
		}
		if (pid != root) {
			forget(pid);
			continue;
		}
		printf("syscalls %ld execs %ld tasks %ld faults %ld rss_kb %ld read %ld\n", counts.syscalls, counts.execs,
		       counts.tasks, ru.ru_minflt + ru.ru_majflt, ru.ru_maxrss, counts.read);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 2)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		execv(argv[1], argv + 1);
		fprintf(stderr, "count: %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 2;
	(void)ptrace(PTRACE_SETOPTIONS, pid, NULL,
		     (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
				    PTRACE_O_TRACEEXEC));
	(void)ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	return run_to_end(pid);
}

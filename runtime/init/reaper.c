/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: pid 1 of a container started with --init. Holds no descriptor, waits for signals, passes
 * them on to the program, reaps whatever becomes an orphan, and ends with the program's status.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

/* Those that are about ourselves: a stop of the supervisor would stop reaping, a fault is our own. */
static bool is_ours(int sig)
{
	switch (sig) {
	case SIGCHLD:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
	case SIGTTIN:
	case SIGTTOU:
		return true;
	default:
		return false;
	}
}

void init_supervise(pid_t child)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	for (;;) {
		int status = 0, sig;
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		if (pid < 0 && errno == ECHILD)
			_exit(1);
		sig = sigwaitinfo(&all, NULL);
		/* A filter forbids it: then without signals, but not in a busy loop. */
		if (sig < 0 && errno != EINTR)
			(void)waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
		if (sig > 0 && !is_ours(sig))
			(void)kill(child, sig);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone3() for a ctr that runs under valgrind, which knows clone() only, and executes what has a name: linked in by
 * --wrap=syscall in place of libc's syscall(). All other calls go through. Must not be in any other build: between clone() and the entry into the cgroup
 * the child is in its parent's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../runtime/base/sys.h"

long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);

static long clone_by_clone(const struct sys_clone_args *a)
{
	const uint64_t plain = a->flags & ~(SYS_CLONE_VFORK | SYS_CLONE_INTO_CGROUP);
	long pid = __real_syscall(SYS_clone, plain | a->exit_signal, 0L, (void *)(uintptr_t)a->pidfd, NULL, 0L);

	if (pid == 0 && a->flags & SYS_CLONE_INTO_CGROUP) {
		int fd = openat((int)a->cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(errno);
		(void)close(fd);
	}
	return pid;
}

/* By the number: its process is a child of the tests, or stopped; nobody else gets the number meanwhile. */
static long kill_by_pidfd(int pidfd, int sig)
{
	char name[32], text[512] = "", *pid;

	(void)snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", pidfd);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0 || close(fd) < 0 || !(pid = strstr(text, "\nPid:\t"))) {
		errno = EBADF;
		return -1;
	}
	return kill(atoi(pid + 6), sig);
}

long __wrap_syscall(long nr, ...)
{
	va_list ap;
	long a[6];
	char path[32];

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_execveat && a[4] == AT_EMPTY_PATH) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%ld", a[0]);
		return __real_syscall(SYS_execve, path, a[2], a[3]);
	}
	if (nr == SYS_NR_pidfd_send_signal)
		return kill_by_pidfd((int)a[0], (int)a[1]);
	if (nr == SYS_NR_clone3)
		return clone_by_clone((const struct sys_clone_args *)(uintptr_t)a[0]);
	return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* In place of the library's object: with the fork in C that the calls above can be put into. */
#define CTR_PLAIN_CLONE
#include "../../runtime/host_spawn.c"

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a micro-VM leaves behind in a network namespace that lives on. A process of its own goes there, since the caller
 * has hooks to run where it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "vm.h"

static __attribute__((noreturn)) void leave(int ns, int says)
{
	struct err e = { 0 };
	int r = setns(ns, CLONE_NEWNET) < 0 ? err_sys(&e, errno, "enter it") : tap_forget(&e);

	if (r < 0)
		best_effort(fd_write_all(says, e.text, strlen(e.text)));
	_exit(r < 0);
}

int vm_leave_network(const char *path, uint64_t inode, struct err *e)
{
	auto_close int ns = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[ERR_TEXT_MAX] = "";
	struct stat st;
	int says[2], status = 0;

	if (ns < 0 || fstat(ns, &st) < 0 || st.st_ino != inode)
		return 0; /* it is gone, and everything with it */
	if (pipe2(says, O_CLOEXEC) < 0)
		return err_sys(e, errno, "leave network namespace %s", path);
	pid_t pid = fork();
	if (pid == 0)
		leave(ns, says[1]);
	(void)close(says[1]);
	ssize_t n = pid > 0 ? read(says[0], text, sizeof(text) - 1) : 0;
	(void)close(says[0]);
	if (pid < 0)
		return err_sys(e, errno, "leave network namespace %s", path);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	text[n > 0 ? n : 0] = '\0';
	return status ? err_set(e, EIO, "leave network namespace %s: %s", path, text) : 0;
}

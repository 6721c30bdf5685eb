/* SPDX-License-Identifier: Apache-2.0 */
/* Process identity and waiting. Signals are never sent by number alone: pids are reused (D14). */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "fd.h"
#include "str.h"
#include "sys.h"
#include "util.h"
#include "wait.h"

/* The text is changed. */
static int parse_stat(char *buf, uint64_t *ret_start, char *ret_state)
{
	/* The name in parentheses may hold blanks and parentheses: count fields after the last ')'. */
	char *p = strrchr(buf, ')');
	if (!p || p[1] != ' ' || p[2] == '\0')
		return -EPROTO;
	char state = p[2];
	p += 2;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EPROTO;
		p++;
	}
	char *end = strchr(p, ' ');
	if (end)
		*end = '\0';
	uint64_t start;
	if (str_u64(p, UINT64_MAX, &start) < 0)
		return -EPROTO;
	*ret_start = start;
	*ret_state = state;
	return 0;
}

int proc_stat(pid_t pid, uint64_t *ret_start, char *ret_state)
{
	char path[32], buf[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int n = file_read_short(AT_FDCWD, path, buf, sizeof(buf));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	return parse_stat(buf, ret_start, ret_state);
}

int proc_self(pid_t *ret_pid, uint64_t *ret_start)
{
	char buf[1024], state;
	uint64_t pid;
	int n = file_read_short(AT_FDCWD, "/proc/self/stat", buf, sizeof(buf));

	if (n < 0)
		return n;
	n = parse_stat(buf, ret_start, &state);
	buf[strcspn(buf, " ")] = '\0';
	if (n == 0 && str_u64(buf, INT32_MAX, &pid) < 0)
		n = -EPROTO;
	if (n == 0)
		*ret_pid = (pid_t)pid;
	return n;
}

bool proc_gone_as(pid_t pid, const char *name)
{
	char path[32], buf[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int n = file_read_short(AT_FDCWD, path, buf, sizeof(buf));
	char *open = n > 0 ? strchr(buf, '(') : NULL, *p = n > 0 ? strrchr(buf, ')') : NULL;
	if (!open || !p || (size_t)(p - open - 1) != strlen(name) || memcmp(open + 1, name, strlen(name)) != 0)
		return false;
	for (int field = 2; p && field < 23; field++) /* vsize */
		p = strchr(p + 1, ' ');
	return p && p[1] == '0' && p[2] == ' ';
}

int proc_boot_id(char ret[BOOT_ID_SIZE])
{
	int n = file_read_short(AT_FDCWD, "/proc/sys/kernel/random/boot_id", ret, BOOT_ID_SIZE);

	return n < 0 ? n : 0;
}

int proc_lives(pid_t pid, uint64_t start)
{
	uint64_t got;
	char state;
	int r = proc_stat(pid, &got, &state);

	if (r < 0)
		return r;
	return got != start || state == 'Z' || state == 'X' ? -ESRCH : 0;
}

int proc_open(pid_t pid, uint64_t start)
{
	if (pid <= 0)
		return -ESRCH;
	auto_close int fd = sys_pidfd_open(pid, 0);
	if (fd < 0)
		return fd == -EINVAL ? -ESRCH : fd;
	int r = proc_lives(pid, start);
	return r < 0 ? r : TAKE_FD(fd);
}

int proc_wait_end(int pidfd, int timeout_ms)
{
	return wait_for(pidfd, POLLIN, deadline_in(timeout_ms));
}

static int wait_ended(int pidfd, int flags, int *ret_status, int *ret_signal)
{
	siginfo_t si = { 0 };
	int r;

	do
		r = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &si, WEXITED | flags);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	bool exited = si.si_code == CLD_EXITED;
	*ret_status = exited ? si.si_status : 0;
	*ret_signal = exited ? 0 : si.si_status;
	return 0;
}

int proc_reap_exact(int pidfd, int *ret_status, int *ret_signal)
{
	return wait_ended(pidfd, 0, ret_status, ret_signal);
}

static int shell_status(int pidfd, int flags)
{
	int status = 0, sig = 0;
	int r = wait_ended(pidfd, flags, &status, &sig);

	return r < 0 ? r : sig ? 128 + sig : status;
}

int proc_ended(int pidfd)
{
	return shell_status(pidfd, WNOWAIT);
}

int proc_reap(int pidfd)
{
	return shell_status(pidfd, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with resctrl where there is none: fake-resctrl DIR COMMAND...
 *
 * Runs COMMAND with DIR looking like a mounted resctrl filesystem. A seccomp filter sends the few calls that
 * matter here, and they are answered in the kernel's stead: a directory made below DIR gets its files, one
 * that is removed loses them first, and mountinfo has one more line. Everything else goes to the kernel. Reads
 * of the callers' memory race with other threads of theirs; the programs under test have none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *top;

static void put(const char *dir, const char *name, const char *text)
{
	char path[2 * PATH_MAX];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (f) {
		(void)fputs(text, f);
		(void)fclose(f);
	}
}

static void fill(const char *dir)
{
	char path[2 * PATH_MAX];

	put(dir, "tasks", "");
	if (!strstr(dir, "/mon_groups/")) {
		put(dir, "schemata", "    L3:0=fffff;1=fffff\n    MB:0=100;1=100\n");
		(void)snprintf(path, sizeof(path), "%s/mon_groups", dir);
		(void)mkdir(path, 0755);
	}
}

static void empty(const char *dir)
{
	static const char *const files[] = { "tasks", "schemata" };
	char path[2 * PATH_MAX];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/mon_groups", dir);
	(void)rmdir(path);
}

/* A string of another process; false when it cannot be read. */
static int get_path(pid_t pid, unsigned long address, char *buf, size_t size)
{
	char mem[64];
	int fd;

	(void)snprintf(mem, sizeof(mem), "/proc/%d/mem", pid);
	fd = open(mem, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = pread(fd, buf, size - 1, (off_t)address);
	if (n < 0) /* the end of a mapping is nearer than the buffer is long */
		n = pread(fd, buf, 64, (off_t)address);
	(void)close(fd);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	return 1;
}

/* mountinfo with one more mount, as a descriptor. */
static int mountinfo(pid_t pid)
{
	char path[64], buf[65536];
	int fd = memfd_create("mountinfo", MFD_CLOEXEC), real;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	real = open(path, O_RDONLY | O_CLOEXEC);
	while (real >= 0 && (n = read(real, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			break;
	n = snprintf(buf, sizeof(buf), "9999 1 0:99 / %s rw,relatime shared:9 - resctrl resctrl rw\n", top);
	if (write(fd, buf, (size_t)n) != n)
		(void)fprintf(stderr, "fake-resctrl: short write\n");
	(void)close(real);
	/* A regular file with a link count, as the reader wants it: through /proc, at offset 0. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	real = open(path, O_RDONLY | O_CLOEXEC);
	(void)close(fd);
	return real;
}

static void answer(int listener, struct seccomp_notif *q)
{
	struct seccomp_notif_resp r = { .id = q->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	int nr = q->data.nr, at = nr == SYS_mkdirat || nr == SYS_unlinkat || nr == SYS_openat;
	char path[PATH_MAX];

	if (get_path((pid_t)q->pid, q->data.args[at], path, sizeof(path))) {
		int below = strncmp(path, top, strlen(top)) == 0 && path[strlen(top)] == '/';
		if (below && (nr == SYS_mkdir || nr == SYS_mkdirat)) {
			r.flags = 0;
			r.error = mkdir(path, 0755) < 0 ? -errno : 0;
			if (r.error == 0)
				fill(path);
		} else if (below && (nr == SYS_rmdir || (nr == SYS_unlinkat && q->data.args[2] & AT_REMOVEDIR))) {
			empty(path);
		} else if (strcmp(path, "/proc/self/mountinfo") == 0) {
			struct seccomp_notif_addfd add = { .id = q->id, .flags = 0, .srcfd = (unsigned)mountinfo((pid_t)q->pid),
							   .newfd_flags = O_CLOEXEC };
			int fd = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
			(void)close((int)add.srcfd);
			if (fd >= 0)
				r = (struct seccomp_notif_resp){ .id = q->id, .val = fd };
		}
	}
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

static int load_filter(void)
{
#define ASK(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ASK(SYS_mkdirat), ASK(SYS_unlinkat), ASK(SYS_openat),
#ifdef SYS_mkdir
		ASK(SYS_mkdir), ASK(SYS_rmdir), ASK(SYS_open),
#endif
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { sizeof(f) / sizeof(f[0]), f };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
}

int main(int argc, char **argv)
{
	int status = 0, pair[2];

	if (argc < 3)
		return 2;
	top = argv[1];
	fill(top);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		int fd = load_filter();
		/* The number alone: nothing may be called that would have to be answered. */
		if (fd < 0 || write(pair[1], &fd, sizeof(fd)) != sizeof(fd) || read(pair[1], &fd, 1) != 1)
			_exit(2);
		(void)execvp(argv[2], argv + 2);
		_exit(127);
	}
	int theirs, listener = -1, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	(void)close(pair[1]);
	if (read(pair[0], &theirs, sizeof(theirs)) == sizeof(theirs))
		listener = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	if (listener < 0 || write(pair[0], "x", 1) != 1)
		return 2;
	for (;;) {
		struct pollfd p[] = { { .fd = listener, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
		struct seccomp_notif q = { 0 };
		if (poll(p, 2, -1) < 0 || p[1].revents)
			break;
		if (p[0].revents & POLLIN && ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &q) == 0)
			answer(listener, &q);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

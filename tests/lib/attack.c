/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile program in a container, or a hostile caller, tries, for tests/security.bats. Linked statically, so
 * that it runs in any root. Each command prints "ok" or the name of the error; it judges nothing.
 *
 *	attack ioctl REQUEST              ioctl(0, REQUEST, "x"), all 64 bits of REQUEST as given
 *	attack call NUMBER [ARG...]       a system call by its number; numbers, or "" and other text as pointers
 *	attack watch                      opens and traces every other process in sight, again and again, until SIGTERM
 *	attack deny NUMBER ERRNO CMD...   runs CMD with a filter that answers the call NUMBER with ERRNO
 *	attack skip NUMBER ARG CMD...     runs CMD with a filter under which the call NUMBER, with ARG as its first argument
 *	                                  ("-": any), does nothing and says that all is well
 *	attack steal CMD...               runs CMD with directories of the host open from descriptor 3 to 20
 *	attack secret CMD...              runs CMD with a new session keyring that has the key "ctr-secret"
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int report(long r)
{
	printf("%s\n", r < 0 ? strerrorname_np(errno) : "ok");
	return r < 0;
}

static int try_ioctl(char **argv)
{
	return report(syscall(SYS_ioctl, 0, strtoul(argv[0], NULL, 0), "x"));
}

static int try_call(int argc, char **argv)
{
	long a[6] = { 0 };
	char *end;

	for (int i = 1; i < argc && i < 7; i++) {
		a[i - 1] = strtol(argv[i], &end, 0);
		if (end == argv[i] || *end)
			a[i - 1] = (long)argv[i];
	}
	return report(syscall(strtol(argv[0], NULL, 0), a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* A directory that another process holds open is a way out, and so is a set-up that lets itself be traced. */
static void look_into(const char *pid)
{
	char path[64], comm[32] = "", link[4096];
	struct dirent *d;
	pid_t p = (pid_t)atoi(pid);
	static char done[4096];

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		struct stat st;
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);
		int fd = n < 0 ? -1 : openat(dirfd(dir), d->d_name, O_PATH | O_CLOEXEC);
		if (fd >= 0 && d->d_name[0] != '.' && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			printf("directory %.*s of %s\n", (int)n, link, pid);
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	/* Once is proof enough, and more would keep the others from getting on. */
	if (p < (pid_t)sizeof(done) && (done[p] || ptrace(PTRACE_ATTACH, p, 0, 0) < 0))
		return;
	if (p < (pid_t)sizeof(done))
		done[p] = 1;
	waitpid(p, NULL, __WALL);
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, comm, sizeof(comm) - 1);
		comm[n > 0 ? n - 1 : 0] = '\0';
		close(fd);
	}
	printf("traced %s\n", comm);
	ptrace(PTRACE_DETACH, p, 0, 0);
	kill(p, SIGCONT); /* the stop of the beginning may come only now */
}

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static int watch(void)
{
	unsigned long rounds = 0;
	char self[32];

	signal(SIGTERM, end);
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(self, sizeof(self), "%d", getpid());
	printf("watching\n");
	while (!ended) {
		DIR *proc = opendir("/proc");
		struct dirent *d;
		while (proc && (d = readdir(proc)))
			if (d->d_name[0] > '0' && d->d_name[0] <= '9' && strcmp(d->d_name, self) != 0)
				look_into(d->d_name);
		if (proc)
			closedir(proc);
		rounds++;
	}
	printf("rounds %lu\n", rounds);
	return 0;
}

/* With `first` NULL for any first argument. Errno 0: the call is passed over. */
static int answer(const char *number, const char *first, unsigned int error, char **argv)
{
	unsigned int nr = (unsigned int)atoi(number), arg = first ? (unsigned int)atoi(first) : 0;
	const struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
		BPF_STMT(first ? BPF_LD | BPF_W | BPF_ABS : BPF_RET | BPF_K,
			 first ? offsetof(struct seccomp_data, args) : SECCOMP_RET_ERRNO | error),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(filter) / sizeof(filter[0]), (struct sock_filter *)filter };

	/* Who may gets it without no_new_privs, which the tests look at. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0))
		return report(-1);
	execvp(argv[0], argv);
	return report(-1);
}

static int steal(char **argv)
{
	static const char *const dirs[] = { "/", "/proc", "/sys/fs/cgroup", "." };

	for (int fd = 3; fd <= 20; fd++) {
		int dir = open(dirs[fd % 4], O_RDONLY | O_DIRECTORY);
		if (dir >= 0 && dir != fd && dup2(dir, fd) >= 0)
			close(dir);
	}
	execvp(argv[0], argv);
	return report(-1);
}

static int secret(char **argv)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
	    syscall(SYS_add_key, "user", "ctr-secret", "payload", 7, KEY_SPEC_SESSION_KEYRING) < 0)
		return report(-1);
	execvp(argv[0], argv);
	return report(-1);
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "ioctl") == 0)
		return try_ioctl(argv + 2);
	if (argc >= 3 && strcmp(argv[1], "call") == 0)
		return try_call(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "watch") == 0)
		return watch();
	if (argc >= 5 && strcmp(argv[1], "deny") == 0)
		return answer(argv[2], NULL, (unsigned int)atoi(argv[3]), argv + 4);
	if (argc >= 5 && strcmp(argv[1], "skip") == 0)
		return answer(argv[2], argv[3][0] == '-' ? NULL : argv[3], 0, argv + 4);
	if (argc >= 3 && strcmp(argv[1], "steal") == 0)
		return steal(argv + 2);
	if (argc >= 3 && strcmp(argv[1], "secret") == 0)
		return secret(argv + 2);
	return 2;
}

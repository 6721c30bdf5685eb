/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe's frame: the order of its parts, reading small files below a root, and work in a child with a
 * deadline. Never writes anywhere, never follows PATH, never keeps a descriptor.
 */
#include "probe_priv.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "base/util.h"
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* ---- files ----------------------------------------------------------------------------------------- */

static int open_regular(int root, const char *path)
{
	struct stat st;
	/* O_NONBLOCK: something odd put in the place of a file must not stop the probe. */
	auto_close int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return TAKE_FD(fd);
}

int probe_read(int root, const char *path, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	auto_close int fd = open_regular(root, path);
	if (fd < 0)
		return fd;
	while (n < size - 1) {
		ssize_t r = read(fd, buf + n, size - 1 - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && n == 0)
			return -errno;
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)buf[i];
		if (c == '\0')
			buf[i] = '\n';
		else if (!isprint(c) && !isspace(c))
			buf[i] = '?';
	}
	buf[n] = '\0';
	return (int)n;
}

int probe_read_line(int root, const char *path, char *buf, size_t size)
{
	int r = probe_read(root, path, buf, size);

	if (r < 0)
		return r;
	size_t n = strcspn(buf, "\n");
	while (n > 0 && isspace((unsigned char)buf[n - 1]))
		n--;
	buf[n] = '\0';
	return (int)n;
}

int64_t probe_read_number(int root, const char *path)
{
	char text[32];
	int64_t v;

	if (probe_read_line(root, path, text, sizeof(text)) <= 0)
		return -1;
	v = 0;
	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9' || v > (INT64_MAX - 9) / 10)
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

bool probe_exists(int root, const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, 0) == 0;
}

unsigned int probe_count_entries(int root, const char *path)
{
	unsigned int n = 0;
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	DIR *d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return 0;
	}
	for (struct dirent *ent; (ent = readdir(d)) != NULL;)
		n += ent->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

void probe_device_look(const struct probe_source *src, const char *path, struct probe_device *ret)
{
	ret->exists = probe_exists(src->root, path);
	ret->usable = PROBE_UNKNOWN;
	if (!ret->exists)
		ret->usable = PROBE_NO;
	else if (src->live)
		ret->usable = probe_answer_of(faccessat(src->root, path, R_OK | W_OK, AT_EACCESS) == 0);
}

/* ---- text ------------------------------------------------------------------------------------------ */

bool probe_has_word(const char *text, size_t n, const char *word)
{
	static const char separators[] = " \t\n,";
	size_t len = strlen(word);

	for (size_t i = 0; i < n;) {
		size_t end = i;
		while (end < n && !strchr(separators, text[end]))
			end++;
		if (end - i == len && memcmp(text + i, word, len) == 0)
			return true;
		i = end + 1;
	}
	return false;
}

void probe_copy(char *buf, size_t size, const char *text)
{
	size_t n = MIN(strlen(text), size - 1);

	memcpy(buf, text, n);
	buf[n] = '\0';
}

void probe_append(char *buf, size_t size, const char *separator, const char *text)
{
	size_t used = strlen(buf);

	if (used == 0)
		separator = "";
	if (used + strlen(separator) + strlen(text) >= size)
		return;
	(void)snprintf(buf + used, size - used, "%s%s", separator, text);
}

/* ---- work in a child ------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int read_answer(int fd, char *answer, size_t n, int timeout_ms)
{
	int64_t end = now_us() + (int64_t)timeout_ms * 1000;

	for (size_t got = 0; got < n;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int64_t left = (end - now_us() + 999) / 1000;
		int r = left > 0 ? poll(&pfd, 1, (int)left) : 0;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		ssize_t len = read(fd, answer + got, n - got);
		if (len <= 0)
			return len < 0 ? -errno : -EIO;
		got += (size_t)len;
	}
	return 0;
}

/* A child that the kernel does not let die (a broken KVM might do that) is left behind after 0.1 s. */
static void reap(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	for (int i = 0; i < 200; i++) {
		pid_t r = waitpid(pid, NULL, WNOHANG);
		if (r == pid || (r < 0 && errno != EINTR))
			return;
		struct timespec half_ms = { .tv_nsec = i < 20 ? 50000 : 500000 };
		(void)nanosleep(&half_ms, NULL);
	}
}

void probe_job_start(struct probe_job *job, void (*work)(const struct probe_source *src, int fd),
		     const struct probe_source *src)
{
	int fds[2];

	*job = (struct probe_job){ .fd = -EBADF };
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	auto_close int in = fds[0];
	auto_close int out = fds[1];
	pid_t pid = fork();
	if (pid < 0)
		return;
	if (pid == 0) {
		work(src, out);
		_exit(0);
	}
	*job = (struct probe_job){ .pid = pid, .fd = TAKE_FD(in) };
}

int probe_job_finish(struct probe_job *job, void *answer, size_t n, int timeout_ms)
{
	if (job->pid == 0)
		return -ECHILD;
	int r = read_answer(job->fd, answer, n, timeout_ms);
	fd_close(&job->fd);
	reap(job->pid);
	job->pid = 0;
	return r;
}

/* ---- frame ----------------------------------------------------------------------------------------- */

#if defined(__x86_64__) || defined(__i386__)
static void cpuid_machine(void *arg, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	(void)arg;
	__cpuid_count(leaf, subleaf, regs[0], regs[1], regs[2], regs[3]);
}
#define CPUID_MACHINE cpuid_machine
#else
#define CPUID_MACHINE NULL
#endif

static void gather(struct probe *p, const struct probe_source *src)
{
	struct probe_job userns, kvm;

	*p = (struct probe){ .arch = src->arch, .uid = src->uid };
	if (src->live) {
		probe_kvm_start(&kvm, src);
		probe_userns_start(&userns, src);
	}
	probe_cpu_read(p, src);
	probe_inside_read(p, src);
	probe_files_read(p, src);
	if (src->live) {
		probe_kernel_ask(p, src);
		probe_userns_finish(&userns, p);
		probe_kvm_finish(&kvm, p);
	}
	probe_judge(p);
}

/* The architecture this program was built for: uname(2) would name the personality. */
static const char *built_for(void)
{
#if defined(__x86_64__)
	return "x86_64";
#elif defined(__i386__)
	return "i386";
#elif defined(__aarch64__)
	return "aarch64";
#elif defined(__riscv)
	return "riscv64";
#elif defined(__s390x__)
	return "s390x";
#elif defined(__powerpc64__)
	return "ppc64";
#elif defined(__loongarch__)
	return "loongarch64";
#else
	return "unknown";
#endif
}

int probe_run(struct probe *ret, const struct probe_source *src, struct err *e)
{
	int64_t start = now_us();

	if (src) {
		gather(ret, src);
	} else {
		auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			return err_sys(e, errno, "open /");
		struct probe_source machine = { .root = root, .cpuid = CPUID_MACHINE, .arch = built_for(),
						.uid = geteuid(), .live = true };
		gather(ret, &machine);
	}
	ret->micros = (uint32_t)MIN(now_us() - start, (int64_t)UINT32_MAX);
	return 0;
}

const struct probe_check *probe_find(const struct probe *p, const char *name)
{
	for (size_t i = 0; i < p->check_count; i++)
		if (str_eq(p->checks[i].name, name))
			return &p->checks[i];
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of like work, divided among the processors. What takes the time of a long list is the kernel's opening and reading
 * of two small files for each container, and nothing in it waits for another.
 *
 * Processes, not threads: each has an arena and a table of descriptors of its own, so that no other code need know of this.
 * A part that another process could not write, whatever the reason, is written here; so an error is met where it can be
 * told, and too little of anything only makes it slower.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "parts.h"

#define PARTS_MAX 8
/* A process costs what some fifteen elements do; with fewer than this for each it is not worth the memory either. */
#define ELEMENTS_LEAST 64

struct part {
	size_t from, to;
	pid_t pid;
	int text;
};

static size_t count_parts(size_t n)
{
	cpu_set_t cpus;
	size_t most = n / ELEMENTS_LEAST;

	if (most < 2 || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	return MIN(MIN((size_t)CPU_COUNT(&cpus), most), (size_t)PARTS_MAX);
}

__attribute__((noreturn)) static void write_elsewhere(const struct part *p, parts_fn *part, void *arg)
{
	struct strbuf b = { 0 };
	struct err ignored;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (part(p->from, p->to, arg, &b, &ignored) < 0 || b.failed || fd_write_all(p->text, b.p, b.n) < 0)
		_exit(1);
	_exit(0);
}

static void begin(struct part *p, parts_fn *part, void *arg)
{
	p->text = memfd_create("ctr-part", MFD_CLOEXEC);
	if (p->text < 0)
		return;
	p->pid = fork();
	if (p->pid == 0)
		write_elsewhere(p, part, arg);
}

static bool has_ended_well(const struct part *p)
{
	int status = 0;
	pid_t r;

	if (p->pid <= 0)
		return false;
	while ((r = waitpid(p->pid, &status, 0)) < 0 && errno == EINTR)
		;
	return r == p->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool append(struct strbuf *out, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	size_t n = (size_t)st.st_size;
	char *text = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (text == MAP_FAILED)
		return false;
	if (n) {
		strbuf_add(out, text, n);
		(void)munmap(text, n);
	}
	return true;
}

int parts_write(size_t n, parts_fn *part, void *arg, struct strbuf *out, struct err *e)
{
	struct part parts[PARTS_MAX] = { 0 };
	size_t count = count_parts(n);

	for (size_t i = 1; i < count; i++) {
		parts[i] = (struct part){ .from = n * i / count, .to = n * (i + 1) / count, .pid = -1, .text = -EBADF };
		begin(&parts[i], part, arg);
	}
	int r = part(0, n / count, arg, out, e);
	for (size_t i = 1; i < count; i++) {
		bool written = has_ended_well(&parts[i]);
		if (r == 0 && !(written && append(out, parts[i].text)))
			r = part(parts[i].from, parts[i].to, arg, out, e);
		fd_close(&parts[i].text);
	}
	return r;
}

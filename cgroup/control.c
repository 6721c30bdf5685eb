/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to a cgroup with processes in it: list, signal, freeze, kill, wait, remove. Every wait ends
 * at a deadline and sleeps in poll() on cgroup.events, whose changes the kernel announces.
 *
 * The processes are hostile: they may have made any tree of cgroups below, so nothing here recurses
 * without a bound, and removal walks with one descriptor at a time.
 */
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../runtime/base/sys.h"
#include "../runtime/base/util.h"

/* Levels below the container's cgroup that a listing goes down; each costs two descriptors. */
#define LIST_DEPTH_MAX 64
/* A sleep never lasts longer than this: a safety net, not the way changes are noticed. */
#define POLL_SLICE_MS 1000
/* The pause before another look when the kernel says busy although nobody is left. */
#define SETTLE_MS 10
/* The file has two short lines. */
#define EVENTS_SIZE 256
/* How long killing one by one may take where cgroup.kill is missing. */
#define KILL_TIMEOUT_MS 5000

/* ---- cgroup.events ------------------------------------------------------------------------------------ */

static int events_open(int fd, struct err *e)
{
	int r = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (r < 0 && errno == ENOENT)
		return err_set(e, ENODEV, "the cgroup is gone");
	return r < 0 ? err_sys(e, errno, "open cgroup.events") : r;
}

static int events_read(int events, char text[EVENTS_SIZE], struct err *e)
{
	ssize_t n;

	do
		n = pread(events, text, EVENTS_SIZE - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "read cgroup.events");
	text[n] = '\0';
	return 0;
}

/* The value of one key, or negative. Reading also arms the descriptor for poll(). */
static int64_t events_get(int events, const char *key, struct err *e)
{
	char text[EVENTS_SIZE];
	int64_t v;
	int r = events_read(events, text, e);

	if (r < 0)
		return r;
	v = cg_keyed(text, key);
	return v < 0 ? err_set(e, EIO, "cgroup.events has no '%s'", key) : v;
}

/* Sleeps until cgroup.events changed, at most until the deadline. */
static int events_sleep(int events, int64_t deadline, struct err *e)
{
	struct pollfd p = { .fd = events, .events = POLLPRI };
	int64_t left = deadline - now_ms();

	if (left <= 0)
		return err_set(e, ETIMEDOUT, "timed out");
	if (poll(&p, 1, (int)MIN(left, POLL_SLICE_MS)) < 0 && errno != EINTR)
		return err_sys(e, errno, "poll cgroup.events");
	return 0;
}

static int events_wait(int fd, const char *key, int64_t want, int64_t deadline, struct err *e)
{
	auto_close int events = events_open(fd, e);
	int64_t v;
	int r = 0;

	if (events < 0)
		return events;
	do {
		v = events_get(events, key, e);
		if (v < 0)
			return (int)v;
	} while (v != want && (r = events_sleep(events, deadline, e)) == 0);
	return r;
}

static int events_now(int fd, const char *key, struct err *e)
{
	auto_close int events = events_open(fd, e);
	int64_t v = events < 0 ? events : events_get(events, key, e);

	return v > 0 ? 1 : (int)v;
}

int cgroup_is_populated(int fd, struct err *e)
{
	return events_now(fd, "populated", e);
}

int cgroup_is_frozen(int fd, struct err *e)
{
	return events_now(fd, "frozen", e);
}

int cgroup_root(struct err *e)
{
	const char *mount;

	return cg_base(&mount, e);
}

int cgroup_is_frozen_at(int root, const char *path, bool *ret_populated)
{
	char file[CGROUP_PATH_MAX + 16], text[EVENTS_SIZE];
	struct err ignored;

	if (snprintf(file, sizeof(file), "%s/cgroup.events", path) >= (int)sizeof(file))
		return -ENAMETOOLONG;
	auto_close int events = cg_open_below(root, file, O_RDONLY);
	int r = events < 0 ? events : events_read(events, text, &ignored);
	if (r < 0)
		return r;
	if (ret_populated)
		*ret_populated = cg_keyed(text, "populated") == 1;
	int64_t v = cg_keyed(text, "frozen");
	return v > 0 ? 1 : v < 0 ? -EIO : 0;
}

/* ---- processes ---------------------------------------------------------------------------------------- */

struct pid_reader {
	int fd;
	size_t n, at;
	char buf[4096];
};

/* The next pid, 0 at the end, or -errno. Processes that our pid namespace cannot see read 0: left out. */
static int pid_next(struct pid_reader *p)
{
	int pid = 0;

	for (;;) {
		ssize_t n;

		while (p->at < p->n) {
			char c = p->buf[p->at++];

			if (c >= '0' && c <= '9' && pid < INT_MAX / 16)
				pid = pid * 10 + (c - '0');
			else if (pid > 0)
				return pid;
		}
		n = read(p->fd, p->buf, sizeof(p->buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : pid;
		p->n = (size_t)n;
		p->at = 0;
	}
}

static bool is_child(const struct dirent *d)
{
	return d->d_type == DT_DIR && !str_eq(d->d_name, ".") && !str_eq(d->d_name, "..");
}

static DIR *dir_open(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d)
		fd_close(&copy);
	return d;
}

static int procs_here(int fd, int (*each)(pid_t pid, void *arg), void *arg, struct err *e)
{
	struct pid_reader p = { .fd = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW) };
	int pid = 0, r = 0;

	if (p.fd < 0)
		return err_sys(e, errno, "open cgroup.procs");
	while (r == 0 && (pid = pid_next(&p)) > 0)
		r = each(pid, arg);
	if (pid < 0 && pid != -EOPNOTSUPP) /* threaded: its processes are listed further up */
		r = err_sys(e, pid, "read cgroup.procs");
	fd_close(&p.fd);
	return r;
}

static int procs_walk(int fd, unsigned int depth, int (*each)(pid_t pid, void *arg), void *arg, struct err *e)
{
	struct dirent *d;
	DIR *dir;
	int r;

	if (depth > LIST_DEPTH_MAX)
		return err_set(e, ELOOP, "cgroups are nested more than %d deep", LIST_DEPTH_MAX);
	r = procs_here(fd, each, arg, e);
	if (r != 0)
		return r;
	dir = dir_open(fd);
	if (!dir)
		return err_sys(e, errno, "list the cgroup");
	while (r == 0 && (d = readdir(dir))) {
		int sub = is_child(d) ? cg_open_dir(fd, d->d_name) : -ENOENT;

		if (sub < 0)
			continue; /* a file, or removed meanwhile */
		r = procs_walk(sub, depth + 1, each, arg, e);
		if (r == -ENODEV || r == -ENOENT)
			r = 0;
		fd_close(&sub);
	}
	closedir(dir);
	return r;
}

int cgroup_procs(int fd, int (*each)(pid_t pid, void *arg), void *arg, struct err *e)
{
	return procs_walk(fd, 0, each, arg, e);
}

int cgroup_enter(int fd, pid_t pid, struct err *e)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", (int)pid);
	r = cg_write(fd, "cgroup.procs", text);
	return r < 0 ? err_sys(e, r, "move process %d into the cgroup", (int)pid) : 0;
}

static int is_it(pid_t pid, void *arg)
{
	return pid == *(const pid_t *)arg;
}

int cgroup_verify(int fd, pid_t pid, struct err *e)
{
	int r = cgroup_procs(fd, is_it, &pid, e);

	if (r < 0)
		return err_in(e, "post-condition: linux.cgroupsPath");
	return r > 0 ? 0 : err_set(e, EPERM, "post-condition: linux.cgroupsPath: process %d is not in the cgroup", (int)pid);
}

struct signal_job {
	int sig, sent, failed;
};

static int signal_one(pid_t pid, void *arg)
{
	struct signal_job *j = arg;

	if (kill(pid, j->sig) == 0)
		j->sent++;
	else if (errno != ESRCH)
		j->failed = errno;
	return 0;
}

int cgroup_signal(int fd, int sig, struct err *e)
{
	struct signal_job j = { .sig = sig };
	int r = cgroup_procs(fd, signal_one, &j, e);

	if (r < 0)
		return r;
	if (j.failed && j.sent == 0)
		return err_sys(e, j.failed, "send signal %d to the processes of the cgroup", sig);
	return j.sent;
}

/* ---- freeze, kill ------------------------------------------------------------------------------------- */

int cgroup_freeze(int fd, bool freeze, int timeout_ms, struct err *e)
{
	int64_t deadline = now_ms() + (timeout_ms < 0 ? CGROUP_FREEZE_TIMEOUT_MS : timeout_ms);
	int r = cg_write(fd, "cgroup.freeze", freeze ? "1" : "0");

	if (r < 0)
		return err_sys(e, r, "write %d to cgroup.freeze", freeze);
	r = events_wait(fd, "frozen", freeze, deadline, e);
	if (r < 0 && freeze)
		(void)!cg_write(fd, "cgroup.freeze", "0"); /* F16: never left half frozen */
	return r < 0 ? err_in(e, "%s the cgroup", freeze ? "freeze" : "thaw") : 0;
}

/* Without cgroup.kill (threaded cgroups): until a look finds nobody, since a fork may escape each round. */
static int kill_each(int fd, struct err *e)
{
	int64_t deadline = now_ms() + KILL_TIMEOUT_MS;
	auto_close int events = events_open(fd, e);
	int64_t v;
	int r;

	if (events < 0)
		return events;
	(void)!cg_write(fd, "cgroup.freeze", "0");
	for (;;) {
		v = events_get(events, "populated", e);
		if (v <= 0)
			return (int)v;
		r = cgroup_signal(fd, SIGKILL, e);
		if (r < 0)
			return r;
		if (r == 0 || now_ms() >= deadline)
			return 0; /* none that we can see: cgroup_wait_empty() has the last word */
		r = events_sleep(events, MIN(deadline, now_ms() + 20), e);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
}

int cgroup_kill(int fd, struct err *e)
{
	int r = cg_write(fd, "cgroup.kill", "1");

	if (r == -ENOENT || r == -EOPNOTSUPP)
		return kill_each(fd, e);
	return r < 0 ? err_sys(e, r, "write 1 to cgroup.kill") : 0;
}

/* ---- who is stuck ------------------------------------------------------------------------------------- */

struct stuck {
	pid_t first, pid; /* any one; one in uninterruptible sleep */
	char state;
};

/* The third field of /proc/PID/stat; the second is in parentheses and may hold anything. */
static char proc_state(pid_t pid)
{
	char file[64], text[512];
	const char *p;

	snprintf(file, sizeof(file), "/proc/%d/stat", (int)pid);
	if (cg_read(AT_FDCWD, file, text, sizeof(text)) < 0)
		return '?';
	p = strrchr(text, ')');
	return p && p[1] == ' ' && p[2] ? p[2] : '?';
}

static int stuck_look(pid_t pid, void *arg)
{
	struct stuck *s = arg;
	char state = proc_state(pid);

	if (!s->first) {
		s->first = pid;
		s->state = state;
	}
	if (state != 'D')
		return 0;
	s->pid = pid;
	return 1;
}

/* F17: names the process that keeps the cgroup alive, and where in the kernel it sleeps. */
static int err_stuck(int fd, struct err *e)
{
	struct stuck s = { 0 };
	char file[64], where[128];
	struct err ignored;

	(void)!cgroup_procs(fd, stuck_look, &s, &ignored);
	if (!s.first)
		return err_set(e, ETIMEDOUT, "the cgroup still holds processes that are not visible from here");
	if (!s.pid)
		return err_set(e, ETIMEDOUT, "process %d is still in the cgroup (state %c)", (int)s.first,
			       s.state);
	snprintf(file, sizeof(file), "/proc/%d/wchan", (int)s.pid);
	if (cg_read(AT_FDCWD, file, where, sizeof(where)) <= 0 || str_eq(where, "0"))
		snprintf(where, sizeof(where), "unknown place");
	return err_set(e, ETIMEDOUT, "process %d is in uninterruptible sleep (%s)", (int)s.pid, where);
}

static int pid_first(pid_t pid, void *arg)
{
	*(pid_t *)arg = pid;
	return 1;
}

/*
 * Sleeps until one of the processes is gone or cgroup.events changed. The kernel announces changes of the
 * file at most every 10 ms; the end of a process is known at once.
 */
static int exit_sleep(int fd, int events, int64_t deadline, struct err *e)
{
	auto_close int pidfd = -EBADF;
	struct pollfd p[2] = { { .fd = events, .events = POLLPRI }, { .events = POLLIN } };
	int64_t left = deadline - now_ms();
	struct err ignored;
	pid_t pid = 0;

	if (left <= 0)
		return err_set(e, ETIMEDOUT, "timed out");
	(void)!cgroup_procs(fd, pid_first, &pid, &ignored);
	if (pid > 0)
		pidfd = sys_pidfd_open(pid, 0);
	p[1].fd = pidfd;
	if (poll(p, 2, (int)MIN(left, POLL_SLICE_MS)) < 0 && errno != EINTR)
		return err_sys(e, errno, "poll cgroup.events");
	return 0;
}

static int wait_empty(int fd, int64_t deadline, struct err *e)
{
	auto_close int events = events_open(fd, e);
	int64_t v = events;
	int r = events < 0 ? events : 0;

	while (r >= 0) {
		v = events_get(events, "populated", e);
		if (v <= 0)
			break;
		r = exit_sleep(fd, events, deadline, e);
	}
	r = r < 0 ? r : (int)v;
	if (r == -ENODEV || r == -ENOENT)
		return 0; /* removed, so it was empty */
	return r == -ETIMEDOUT ? err_stuck(fd, e) : r;
}

int cgroup_wait_empty(int fd, int timeout_ms, struct err *e)
{
	return wait_empty(fd, now_ms() + (timeout_ms < 0 ? CGROUP_REMOVE_TIMEOUT_MS : timeout_ms), e);
}

/* ---- remove ------------------------------------------------------------------------------------------- */

/* Removes children of fd until one is in use: 0 and its name in `busy`, or 1 when none is left. */
static int remove_children(int fd, char busy[NAME_MAX + 1])
{
	DIR *dir = dir_open(fd);
	struct dirent *d;
	int r = 1;

	if (!dir)
		return errno == ENOENT ? 1 : -errno;
	while (r == 1 && (d = readdir(dir))) {
		if (!is_child(d) || unlinkat(fd, d->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		r = errno == EBUSY ? 0 : -errno;
		snprintf(busy, NAME_MAX + 1, "%s", d->d_name);
	}
	closedir(dir);
	return r;
}

/*
 * Everything below fd, depth first. Goes up by "..", which nobody can redirect: cgroup2 has no rename.
 * -EBUSY when something in there is in use.
 */
static int remove_below(int fd)
{
	auto_close int at = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char busy[NAME_MAX + 1];
	size_t depth = 0;
	struct stat s;
	ino_t left = 0; /* the directory that we emptied and came up from */

	while (at >= 0) {
		int r = remove_children(at, busy), next;

		if (r < 0 && r != -ENODEV)
			return r;
		if (r == 0 && left && fstatat(at, busy, &s, AT_SYMLINK_NOFOLLOW) == 0 && s.st_ino == left)
			return -EBUSY; /* its own children are gone, so it is in use itself */
		if (r != 0 && depth == 0)
			return 0;
		next = r == 0 ? cg_open_dir(at, busy) : openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (next == -ENOENT && r == 0)
			continue;
		left = r != 0 && fstat(at, &s) == 0 ? s.st_ino : 0;
		depth = r != 0 ? depth - 1 : depth + 1;
		fd_close(&at);
		at = next;
	}
	return at == -1 ? -errno : at;
}

int cg_remove_chain(int base, const char *path, unsigned int kept)
{
	char prefix[CGROUP_PATH_MAX] = "";
	unsigned int depth = 0;
	const char *p = path, *c;
	size_t n, used = 0;

	while ((n = cg_next_component(&p, &c)) > 0 && used + n + 2 < sizeof(prefix)) {
		used += (size_t)snprintf(prefix + used, sizeof(prefix) - used, "%s%.*s", used ? "/" : "", (int)n,
					 c);
		depth++;
	}
	for (bool last = true; depth > kept; depth--, last = false) {
		char *slash = strrchr(prefix, '/');
		auto_close int parent = -EBADF;

		if (slash)
			*slash = '\0';
		parent = slash ? cg_open_dir(base, prefix) : -EBADF;
		if (parent == -ENOENT)
			continue;
		if (slash && parent < 0)
			return last ? parent : 0;
		if (unlinkat(slash ? parent : base, slash ? slash + 1 : prefix, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return last ? -errno : 0;
	}
	return 0;
}

/* Kills, waits, removes what is below, once. */
static int remove_content(int fd, int64_t deadline, struct err *e)
{
	int r = cgroup_is_populated(fd, e);

	if (r > 0) {
		r = cgroup_kill(fd, e);
		if (r >= 0)
			r = wait_empty(fd, deadline, e);
	}
	if (r == -ENODEV || r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = remove_below(fd);
	return r < 0 && r != -EBUSY ? err_sys(e, r, "remove the cgroups below") : r;
}

/* Somebody moved in, or the last exit is not finished: look again soon, but not busily. */
static void settle(int fd)
{
	struct err ignored;
	auto_close int events = events_open(fd, &ignored);

	if (events >= 0 && events_get(events, "populated", &ignored) >= 0)
		(void)!events_sleep(events, now_ms() + SETTLE_MS, &ignored);
}

unsigned int cgroup_path_depth(const char *path)
{
	unsigned int count = 0;
	const char *c;

	while (cg_next_component(&path, &c) > 0)
		count++;
	return count;
}

int cgroup_remove(const char *path, unsigned int kept, int timeout_ms, struct err *e)
{
	int64_t deadline = now_ms() + (timeout_ms < 0 ? CGROUP_REMOVE_TIMEOUT_MS : timeout_ms);
	auto_close int fd = -EBADF;
	const char *mount;
	int base = -EBADF, r = cg_path_check(path, e);

	if (r >= 0)
		r = base = cg_base(&mount, e);
	if (r < 0)
		return r;
	/* Nearly always nobody is left in it, and nothing below. */
	r = kept < cgroup_path_depth(path) ? cg_remove_chain(base, path, kept) : -EBUSY;
	if (r != -EBUSY)
		return r < 0 ? err_sys(e, r, "remove cgroup %s%s", mount, path) : 0;
	fd = cg_open_dir(base, path);
	if (fd < 0 && fd != -ENOENT)
		return err_sys(e, fd, "open cgroup %s%s", mount, path);
	for (;;) {
		r = fd < 0 ? 0 : remove_content(fd, deadline, e);
		if (r < 0 && r != -EBUSY)
			return err_in(e, "remove cgroup %s", path);
		if (r >= 0)
			r = cg_remove_chain(base, path, kept);
		if (r != -EBUSY || now_ms() >= deadline)
			break;
		if (fd >= 0)
			settle(fd);
	}
	return r < 0 ? err_sys(e, r, "remove cgroup %s", path) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd driver's end in ctr: runs ctr-systemd, tells it what to ask for, and arranges the cgroup below
 * the scope. Speaks no D-Bus. Every wait has a deadline; a helper that misses it is killed and reaped.
 */
#include "systemd.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../runtime/base/fd.h"
#include "../runtime/base/proc.h"
#include "../runtime/base/sys.h"
#include "../runtime/base/util.h"
#include "../runtime/base/wait.h"
#include "internal.h"

/* What a socket takes without anybody reading; the helper's own limit is larger. */
#define ROWS_BYTES_MAX ((size_t)48 << 10)
#define ANSWER_MAX 4096
#define ARGS_MAX 8
/* The helper gives up that much earlier than it is killed, so that it can say why. */
#define SPARE_MS 500
/* How long a helper may take to end when it has nothing left to do. */
#define END_MS 2000
#define ANNOTATION "org.systemd.property."

/* ---- the bus ------------------------------------------------------------------------------------------- */

int cgroup_systemd_bus(struct arena *a, bool user, const char **ret, struct err *e)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.*";
	const char *address = getenv(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
	const char *dir = user ? getenv("XDG_RUNTIME_DIR") : NULL;
	char path[CGROUP_PATH_MAX] = "";
	size_t n = 0;

	if (!address || !address[0]) {
		if (user && (!dir || !dir[0]))
			return err_set(e, ENOENT,
				       "no bus of a user manager: neither DBUS_SESSION_BUS_ADDRESS nor "
				       "XDG_RUNTIME_DIR is set");
		/* D-Bus specification, server addresses: other bytes are written as %XX. */
		for (const char *s = user ? dir : "/run/dbus/system_bus_socket"; *s && n + 4 < sizeof(path);
		     s++)
			n += (size_t)snprintf(path + n, sizeof(path) - n, strchr(plain, *s) ? "%c" : "%%%02x",
					      (unsigned char)*s);
		address = arena_printf(a, "unix:path=%s%s", path, user ? "/bus" : "");
	}
	if (!address)
		return err_nomem(e);
	*ret = address;
	return 0;
}

/* ---- running the helper ----------------------------------------------------------------------------------
 */

static int spawn(const char *path, char *const argv[], int socket, pid_t *ret)
{
	static char *const no_env[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	for (int fd = 0; r == 0 && fd <= 2; fd++)
		r = posix_spawn_file_actions_adddup2(&actions, socket, fd);
	/* A group of its own: what is typed at the terminal is not meant for it. */
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, &attr, argv, no_env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Ends it: in its own time up to END_MS when it was told to, else at once. It is reaped in any case. */
static void helper_end(struct cgroup_systemd *s, bool now)
{
	if (s->pidfd < 0)
		return;
	fd_close(&s->socket);
	if (now || proc_wait_end(s->pidfd, END_MS) < 0) {
		(void)sys_pidfd_send_signal(s->pidfd, SIGKILL);
		best_effort(proc_wait_end(s->pidfd, END_MS));
	}
	best_effort(proc_reap(s->pidfd));
	fd_close(&s->pidfd);
	s->pid = 0;
}

static int helper_start(struct arena *a, const struct cgroup_systemd_options *o, const char *const args[],
			struct cgroup_systemd *ret, struct err *e)
{
	int timeout = o->timeout_ms ? o->timeout_ms : CGROUP_SYSTEMD_TIMEOUT_MS;
	const char *argv[ARGS_MAX + 1] = { "ctr-systemd", args[0], o->bus };
	struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
	int pair[2], r = 0;

	if (!o->helper)
		return err_set(e, ENOENT, "the program ctr-systemd is not installed");
	if (!o->bus)
		r = cgroup_systemd_bus(a, o->user, &argv[2], e);
	if (r < 0)
		return r;
	argv[3] = arena_printf(a, "%d", MAX(timeout - SPARE_MS, timeout / 2));
	if (!argv[3])
		return err_nomem(e);
	for (size_t i = 1; args[i] && i + 3 < ARGS_MAX; i++)
		argv[i + 3] = args[i];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket");
	auto_close int theirs = pair[1];
	s.socket = pair[0];
	r = spawn(o->helper, (char *const *)(uintptr_t)argv, theirs, &s.pid);
	if (r < 0) {
		fd_close(&s.socket);
		return r == -ENOENT ? err_set(e, ENOENT, "the program %s is not installed", o->helper)
				    : err_sys(e, r, "run %s", o->helper);
	}
	s.pidfd = sys_pidfd_open(s.pid, 0);
	if (s.pidfd < 0) {
		(void)kill(s.pid, SIGKILL); /* our own unreaped child: the number is certain */
		(void)waitpid(s.pid, NULL, 0);
		fd_close(&s.socket);
		return err_sys(e, s.pidfd, "watch %s", o->helper);
	}
	*ret = s;
	return 0;
}

/* Reads one line. 0, -ETIMEDOUT, or -EPIPE at an end without one; `line` has what came. */
static int read_line(int socket, int timeout_ms, char line[ANSWER_MAX])
{
	int64_t deadline = now_ms() + timeout_ms;
	size_t n = 0;

	line[0] = '\0';
	for (;;) {
		int r = wait_for(socket, POLLIN, deadline);

		if (r < 0)
			return r;
		ssize_t got = recv(socket, line + n, ANSWER_MAX - 1 - n, MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		n += got > 0 ? (size_t)got : 0;
		line[n] = '\0';
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		if (end || got <= 0)
			return end ? 0 : -EPIPE;
	}
}

/* Sends the rows, takes the answer: what follows "ok", in `line`. */
static int helper_talk(const struct cgroup_systemd_options *o, const struct cgroup_systemd *s,
		       const struct strbuf *rows, char line[ANSWER_MAX], const char **ret, struct err *e)
{
	int timeout = o->timeout_ms ? o->timeout_ms : CGROUP_SYSTEMD_TIMEOUT_MS;
	uint64_t code;

	/* A helper that ended already says why in its answer. */
	if (rows->n && send(s->socket, rows->p, rows->n, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		return err_sys(e, errno, "talk to ctr-systemd");
	int r = read_line(s->socket, timeout, line);
	if (r == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "systemd did not answer within %d ms", timeout);
	if (r == 0 && (str_eq(line, "ok") || str_starts(line, "ok "))) {
		*ret = line[2] ? line + 3 : "";
		return 0;
	}
	char *text = str_starts(line, "error ") ? strchr(line + 6, ' ') : NULL;
	if (!text) /* for instance the dynamic linker's complaint */
		return err_set(e, EPROTO, "ctr-systemd failed%s%s", line[0] ? ": " : "", line);
	*text++ = '\0';
	if (str_u64(line + 6, 4095, &code) < 0 || code == 0)
		code = EPROTO;
	return err_set(e, (int)code, "%s", text);
}

/* A verb whose process has nothing more to do after its answer. */
static int helper_run(struct arena *a, const struct cgroup_systemd_options *o, const char *const args[],
		      const struct strbuf *rows, struct err *e)
{
	struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
	char line[ANSWER_MAX] = "";
	const char *answer;
	int r = helper_start(a, o, args, &s, e);

	if (r < 0)
		return r;
	r = helper_talk(o, &s, rows, line, &answer, e);
	helper_end(&s, r == -ETIMEDOUT);
	return r;
}

/* ---- properties
 * -------------------------------------------------------------------------------------------- */

static void row(struct strbuf *b, const char *name, const char *signature, const char *value)
{
	strbuf_printf(b, "%s %s %s", name, signature, value);
	strbuf_add(b, "", 1);
}

/* What says where the unit is and who is in it is not the configuration's to choose. */
static bool is_reserved(const char *name)
{
	static const char *const names[] = { "PIDs", "PIDFDs", "Slice", "Controller" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

static int annotation_rows(struct strbuf *b, const struct string_map *m, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	for (size_t i = 0; m && i < m->n; i++) {
		const char *name = m->v[i].key + strlen(ANNOTATION);

		if (!str_starts(m->v[i].key, ANNOTATION))
			continue;
		if (!name[0] || name[strspn(name, letters)] || strlen(name) > 64)
			return err_bad(e, "annotation %s does not name a unit property", m->v[i].key);
		if (is_reserved(name))
			return err_bad(e, "annotation %s: this property is set by ctr", m->v[i].key);
		row(b, name, "?", m->v[i].value);
	}
	return 0;
}

/* The rows, ended by an empty one. `for_start`: see cgroup_systemd_release(). */
static int rows_make(struct strbuf *b, const struct cgroup_systemd_options *o, bool for_start,
		     const char **ret_tasks_max, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < o->limits.n; i++) {
		const struct cgroup_property *p = &o->limits.v[i];
		/* While the placeholder is there, a limit of one would leave no room for the container. */
		bool tight = for_start && str_eq(p->name, "TasksMax") && str_eq(p->value, "1");

		if (tight)
			*ret_tasks_max = p->value;
		row(b, p->name, p->signature, tight ? "2" : p->value);
	}
	if (for_start)
		r = annotation_rows(b, o->annotations, e);
	if (r < 0)
		return r;
	strbuf_add(b, "", 1);
	if (b->failed)
		return err_nomem(e);
	return b->n > ROWS_BYTES_MAX ? err_bad(e, "the unit's properties are too long") : 0;
}

/* ---- the cgroup
 * ---------------------------------------------------------------------------------------------- */

/* In the scope: makes the leaf, moves the placeholder there, then the scope can give its controllers on. */
static int make_leaf(const struct cgroup_plan *p, const char *scope, pid_t placeholder, int *fd,
		     struct err *e)
{
	char avail[CGROUP_WORDS_MAX], pid[16];
	int leaf, r;

	r = cg_read(*fd, "cgroup.controllers", avail, sizeof(avail));
	if (r < 0)
		return err_sys(e, r, "read cgroup.controllers of %s", scope);
	if (mkdirat(*fd, p->leaf, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make cgroup %s/%s", scope, p->leaf);
	leaf = cg_open_dir(*fd, p->leaf);
	if (leaf < 0)
		return err_sys(e, leaf, "open cgroup %s/%s", scope, p->leaf);
	(void)snprintf(pid, sizeof(pid), "%d", placeholder);
	r = placeholder ? cg_write(leaf, "cgroup.procs", pid) : 0;
	if (r < 0)
		r = err_sys(e, r, "enter cgroup %s/%s", scope, p->leaf);
	else
		r = cg_enable(*fd, false, avail, &p->controllers, scope, e);
	if (r < 0) {
		fd_close(&leaf);
		return r;
	}
	fd_close(fd);
	*fd = leaf;
	return 0;
}

/* Without a leaf the limits go to the scope itself: then it must have the controllers. */
static int check_scope(const struct cgroup_plan *p, const char *scope, int fd, struct err *e)
{
	char have[CGROUP_WORDS_MAX];
	int r = cg_read(fd, "cgroup.controllers", have, sizeof(have));

	if (r < 0)
		return err_sys(e, r, "read cgroup.controllers of %s", scope);
	for (size_t i = 0; i < p->controllers.n; i++)
		if (!cg_has_word(have, p->controllers.v[i], strlen(p->controllers.v[i])))
			return err_set(
				e, EOPNOTSUPP,
				"controller %s is not available in %s: the manager does not delegate it",
				p->controllers.v[i], scope);
	return 0;
}

static int arrange(struct arena *a, const struct cgroup_plan *p, const char *scope, pid_t placeholder,
		   int *ret_fd, const char **ret_path, struct err *e)
{
	auto_close int fd = -EBADF;
	const char *path = arena_printf(a, "%s%s%s", scope, p->leaf ? "/" : "", p->leaf ? p->leaf : "");
	int r = path ? cgroup_open(scope, &fd, e) : err_nomem(e);

	if (r >= 0)
		r = p->leaf ? make_leaf(p, scope, placeholder, &fd, e) : check_scope(p, scope, fd, e);
	if (r >= 0 && p->owner_set)
		r = cg_delegate(fd, p->owner_uid, e);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	*ret_path = path;
	return 0;
}

static bool is_slice(const char *unit)
{
	size_t n = strlen(unit), l = strlen(".slice");

	return n > l && str_eq(unit + n - l, ".slice");
}

/* ---- driver
 * ---------------------------------------------------------------------------------------------------- */

int cgroup_systemd_create(struct arena *a, const struct cgroup_plan *p,
			  const struct cgroup_systemd_options *o, struct cgroup_systemd *ret, int *ret_fd,
			  const char **ret_path, struct err *e)
{
	const char *args[] = { "start", p->unit, p->slice, arena_printf(a, "ctr container %s", o->id), NULL };
	struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
	auto_strbuf struct strbuf rows = { 0 };
	const char *scope, *tasks_max = NULL;
	char line[ANSWER_MAX] = "";
	int r = args[3] ? rows_make(&rows, o, true, &tasks_max, e) : err_nomem(e);

	if (r >= 0)
		r = helper_start(a, o, args, &s, e);
	if (r < 0)
		return err_in(e, "systemd cgroup manager");
	r = helper_talk(o, &s, &rows, line, &scope, e);
	if (r >= 0 && is_slice(p->unit)) /* no process is needed to keep one */
		helper_end(&s, false);
	if (r >= 0)
		r = arrange(a, p, scope, s.pid, ret_fd, ret_path, e);
	if (r < 0) {
		helper_end(&s, true);
		return err_in(e, "start unit %s", p->unit);
	}
	s.tasks_max = tasks_max;
	*ret = s;
	return 0;
}

int cgroup_systemd_release(struct arena *a, const struct cgroup_plan *p,
			   const struct cgroup_systemd_options *o, struct cgroup_systemd *s, struct err *e)
{
	const char *args[] = { "set", p->unit, NULL };
	auto_strbuf struct strbuf rows = { 0 };

	helper_end(s, false);
	if (!s->tasks_max)
		return 0;
	row(&rows, "TasksMax", "t", s->tasks_max);
	strbuf_add(&rows, "", 1);
	s->tasks_max = NULL;
	int r = rows.failed ? err_nomem(e) : helper_run(a, o, args, &rows, e);
	return r < 0 ? err_in(e, "limit the processes of unit %s", p->unit) : 0;
}

int cgroup_systemd_attach(struct arena *a, const struct cgroup_plan *p,
			  const struct cgroup_systemd_options *o, pid_t pid, struct err *e)
{
	const char *sub = p->leaf ? arena_printf(a, "/%s", p->leaf) : "";
	const char *args[] = { "attach", p->unit, sub, arena_printf(a, "%d", pid), NULL };
	const struct strbuf none = { 0 };
	int r = sub && args[3] ? helper_run(a, o, args, &none, e) : err_nomem(e);

	return r < 0 ? err_in(e, "move process %d into unit %s", pid, p->unit) : 0;
}

int cgroup_systemd_update(struct arena *a, const char *path, const char *unit,
			  const struct cgroup_systemd_options *o, const struct cgroup_knob_list *k,
			  struct err *e)
{
	const char *args[] = { "set", unit, NULL }, *unused;
	auto_strbuf struct strbuf rows = { 0 };
	auto_close int fd = -EBADF;
	int r = cgroup_open(path, &fd, e);

	if (r >= 0)
		r = cg_usage_check(fd, k, e);
	if (r >= 0)
		r = rows_make(&rows, o, false, &unused, e);
	if (r >= 0 && o->limits.n) {
		r = helper_run(a, o, args, &rows, e);
		if (r < 0)
			r = err_in(e, "change the limits of unit %s", unit);
	}
	if (r >= 0)
		r = cgroup_apply(fd, k, CGROUP_EARLY, e);
	return r < 0 ? r : cgroup_apply(fd, k, CGROUP_LATE, e);
}

/* Kills and waits; by the time systemd is asked nothing can be frozen or slow to end. */
static int empty(const char *path, struct err *e)
{
	auto_close int fd = -EBADF;
	int r = cgroup_open(path, &fd, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = cgroup_kill(fd, e);
	if (r >= 0)
		r = cgroup_wait_empty(fd, CGROUP_REMOVE_TIMEOUT_MS, e);
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

int cgroup_systemd_remove(struct arena *a, const char *path, const char *unit,
			  const struct cgroup_systemd_options *o, struct err *e)
{
	const char *args[] = { "stop", unit, NULL };
	const struct strbuf none = { 0 };
	int r = empty(path, e);

	if (r >= 0)
		r = helper_run(a, o, args, &none, e);
	return r < 0 ? err_in(e, "stop unit %s", unit) : 0;
}

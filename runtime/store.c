/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory. Works on descriptors below the root, which is private to the caller (mode 0700,
 * own uid, no link), so nobody else can plant or move anything in it (D19).
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "../cgroup/cgroup.h"
#include "base/util.h"
#include "host_socket.h"

#define STATE_MAX ((size_t)16 << 20)
#define STATE_USUAL 8192 /* most are smaller */
#define LOCK_TIMEOUT_MS 10000
#define ID_MAX 255

void container_done(struct container *c)
{
	fd_close(&c->dir_fd);
}

int store_check_id(const char *id, struct err *e)
{
	size_t n = strlen(id);

	if (n == 0)
		return err_bad(e, "invalid container id: empty");
	if (n > ID_MAX)
		return err_bad(e, "invalid container id: longer than %d characters", ID_MAX);
	for (size_t i = 0; i < n; i++) {
		char c = id[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
			    c == '+' || c == '-';
		if (!word && (c != '.' || i == 0))
			return err_bad(e, "invalid container id \"%.64s\": only letters, digits and _ + - . are allowed", id);
	}
	return 0;
}

/* ---- the root ------------------------------------------------------------------------------------------------- */

/*
 * Only --root, the effective uid and XDG_RUNTIME_DIR decide (an empty one counts as unset): engines give
 * different environments to different commands of one container.
 */
static const char *root_path(struct ctx *ctx, struct err *e)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	const char *path = ctx->root;

	if (!path && xdg && *xdg)
		path = arena_printf(&ctx->arena, "%s/ctr", xdg);
	else if (!path && sys_euid() == 0)
		path = "/run/ctr";
	else if (!path)
		path = arena_printf(&ctx->arena, "/run/user/%u/ctr", sys_euid());
	if (!path)
		(void)err_nomem(e);
	return path;
}

int store_path(struct ctx *ctx, const char *id, const char *file, const char **ret, struct err *e)
{
	const char *root = root_path(ctx, e);
	char here[PATH_MAX] = "";

	if (!root)
		return -e->code;
	if (root[0] != '/' && !getcwd(here, sizeof(here)))
		return err_sys(e, errno, "find the current directory");
	*ret = arena_printf(&ctx->arena, "%s%s%s/%s/%s", here, here[0] ? "/" : "", root, id, file);
	return *ret ? 0 : err_nomem(e);
}

/* The descriptor stays open until the call ends; whoever gets it must not close it. */
static int open_root(struct ctx *ctx, bool make, struct err *e)
{
	struct stat st;

	if (ctx->seen.root)
		return ctx->seen.root_fd;
	const char *path = root_path(ctx, e);
	if (!path)
		return -e->code;
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && make) {
		int r = dirs_make_above(path, 0755, "state directory", e);
		if (r < 0)
			return ctx->root ? r : err_in(e, "no --root is given, and the default cannot be made");
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "make state directory %s", path);
		fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return err_sys(e, errno, "open state directory %s", path);
	if (fstat(fd, &st) < 0 || st.st_uid != sys_euid() || st.st_mode & 022) {
		(void)close(fd);
		return err_set(e, EPERM, "state directory %s: must belong to uid %u and be writable by nobody else", path,
			       sys_euid());
	}
	ctx->seen.root = true;
	ctx->seen.root_fd = fd;
	return fd;
}

void store_forget(struct ctx *ctx)
{
	if (ctx->seen.root)
		fd_close(&ctx->seen.root_fd);
	ctx->seen = (struct store_seen){ 0 };
}

/* ---- one container ---------------------------------------------------------------------------------------------- */

int store_create(struct ctx *ctx, const char *id, struct container *ret, struct err *e)
{
	int r = store_check_id(id, e);

	if (r < 0)
		return r;
	int root = open_root(ctx, true, e);
	if (root < 0)
		return root;
	if (mkdirat(root, id, 0700) < 0) {
		if (errno == EEXIST)
			return err_set(e, EEXIST, "container \"%s\" already exists", id);
		return err_sys(e, errno, "make the state of container \"%s\"", id);
	}
	int dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0) {
		r = err_sys(e, errno, "open the state of container \"%s\"", id);
		(void)unlinkat(root, id, AT_REMOVEDIR);
		return r;
	}
	*ret = (struct container){ .id = id, .dir_fd = dir, .seen = &ctx->seen };
	return 0;
}

int store_reload(struct ctx *ctx, struct container *c, struct err *e)
{
	char *text;
	size_t n;
	int r = file_read_at(&ctx->arena, c->dir_fd, STORE_STATE, STATE_MAX, &text, &n);

	c->state = NULL;
	c->damaged = false;
	c->unread = r < 0 && r != -ENOENT && r != -EFBIG && r != -EINVAL && r != -EISDIR;
	if (r == -ENOENT)
		return 0; /* its creator was killed before it could write it, or deletion was */
	if (r == 0) {
		r = state_parse(&ctx->arena, text, n, &c->state, &c->why);
		c->unread = r == -ENOMEM; /* which says nothing about the state */
	} else {
		r = err_sys(&c->why, r, "read the state");
	}
	if (r == 0 && !str_eq(c->state->id, c->id))
		r = err_bad(&c->why, "the state is that of container \"%.64s\"", c->state->id);
	if (r < 0) {
		c->damaged = true;
		c->state = NULL;
	}
	(void)e;
	return 0;
}

int store_open(struct ctx *ctx, const char *id, struct container *ret, struct err *e)
{
	int r = store_check_id(id, e);

	if (r < 0)
		return r;
	int root = open_root(ctx, false, e);
	if (root < 0 && root != -ENOENT)
		return root;
	int dir = root < 0 ? -1 : openat(root, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0 && (root < 0 || errno == ENOENT))
		return err_set(e, ENOENT, "container \"%s\" does not exist", id);
	if (dir < 0)
		return err_sys(e, errno, "open the state of container \"%s\"", id);
	*ret = (struct container){ .id = id, .dir_fd = dir, .seen = &ctx->seen };
	return store_reload(ctx, ret, e);
}

static int check_usable(const struct container *c, struct err *e)
{
	if (c->damaged) {
		*e = c->why;
		return err_in(e, "container \"%s\"", c->id);
	}
	if (!c->state)
		return err_set(e, EINVAL, "container \"%s\" has no state: its creation was interrupted, delete --force removes it",
			       c->id);
	return 0;
}

int store_load(struct ctx *ctx, const char *id, struct container *ret, struct err *e)
{
	int r = store_open(ctx, id, ret, e);

	return r < 0 ? r : check_usable(ret, e);
}

int store_take(struct ctx *ctx, const char *id, struct container *ret, enum status *ret_status, struct err *e)
{
	struct stat st;
	int r = store_load(ctx, id, ret, e);

	if (r == 0)
		r = store_lock(ret, e);
	/* Whoever had the lock may have removed it. */
	if (r == 0 && (fstat(ret->dir_fd, &st) < 0 || st.st_nlink == 0))
		return err_set(e, ENOENT, "container \"%s\" does not exist", id);
	if (r == 0)
		r = store_reload(ctx, ret, e);
	if (r == 0)
		r = check_usable(ret, e);
	return r < 0 ? r : container_status(ret, ret_status, NULL, e);
}

int store_lock(struct container *c, struct err *e)
{
	int64_t deadline = now_ms() + LOCK_TIMEOUT_MS;

	/* Held for short steps only, so waiting in slices is as good as a signal and needs no handler. */
	while (flock(c->dir_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, errno, "lock container \"%s\"", c->id);
		if (now_ms() > deadline)
			return err_set(e, ETIMEDOUT, "container \"%s\" is locked by another command", c->id);
		(void)usleep(2000);
	}
	return 0;
}

static int failed_write(const struct container *c, int r, struct err *e)
{
	return r < 0 ? err_sys(e, r, "write the state of container \"%s\"", c->id) : 0;
}

static int write_beside(struct ctx *ctx, const struct container *c, char beside[FILE_BESIDE_SIZE], struct err *e)
{
	/* In what the arena has left, where it can grow without being copied; the arena stays zeroed. */
	char *room = ctx->arena.base + ctx->arena.used;
	size_t left = ctx->arena.size - ctx->arena.used;
	auto_strbuf struct strbuf b = { .p = room, .size = left, .borrowed = true };

	state_print(&b, c->state);
	int r = b.failed ? -ENOMEM : file_beside(c->dir_fd, STORE_STATE, b.p, b.n, 0600, beside);
	memset(room, 0, b.borrowed ? b.n + 1 : left);
	return failed_write(c, r, e);
}

int store_prepare(struct ctx *ctx, struct container *c, struct err *e)
{
	return write_beside(ctx, c, c->prepared, e);
}

int store_commit(struct container *c, struct err *e)
{
	return failed_write(c, file_take_place(c->dir_fd, c->prepared, STORE_STATE), e);
}

int store_save(struct ctx *ctx, const struct container *c, struct err *e)
{
	char beside[FILE_BESIDE_SIZE];
	int r = write_beside(ctx, c, beside, e);

	return r < 0 ? r : failed_write(c, file_take_place(c->dir_fd, beside, STORE_STATE), e);
}

static int empty_dir(int fd, struct err *e)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!d) {
		int r = err_sys(e, errno, "read the state directory");
		if (copy >= 0)
			(void)close(copy);
		return r;
	}
	while ((entry = readdir(d)) != NULL) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0 && errno == EISDIR)
			(void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
	return 0;
}

int store_remove(struct container *c, struct err *e)
{
	/* Most have nothing but the state. What else there may be goes before the directory that holds it. */
	if (c->state && c->state->seccomp)
		(void)unlinkat(c->dir_fd, STORE_SECCOMP, 0);
	(void)unlinkat(c->dir_fd, STORE_STATE, 0);
	if (unlinkat(c->seen->root_fd, c->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	int r = empty_dir(c->dir_fd, e);
	if (r < 0)
		return err_in(e, "container \"%s\"", c->id);
	if (unlinkat(c->seen->root_fd, c->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove the state of container \"%s\"", c->id);
	return 0;
}

int store_empty_dir(struct ctx *ctx, const char **ret, struct err *e)
{
	int root = open_root(ctx, true, e);

	if (root < 0)
		return root;
	if (mkdirat(root, ".empty", 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make an empty directory in the state directory");
	int r = store_path(ctx, ".", ".empty", ret, e);
	if (r < 0)
		return r;
	char path[PATH_MAX];
	if (!realpath(*ret, path) || !(*ret = arena_strdup(&ctx->arena, path)))
		return err_sys(e, errno, "find the state directory");
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_ids(struct arena *a, DIR *d, struct strv *ret, struct err *e)
{
	const struct dirent *entry;
	struct err ignored;

	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' && store_check_id(entry->d_name, &ignored) == 0 && strv_add(a, ret, entry->d_name) < 0)
			return err_nomem(e);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

int store_ids(struct ctx *ctx, struct strv *ret, struct err *e)
{
	int root = open_root(ctx, false, e);

	*ret = (struct strv){ 0 };
	if (root == -ENOENT)
		return 0;
	if (root < 0)
		return root;
	auto_close int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_sys(e, errno, "read the state directory");
	(void)TAKE_FD(fd);
	int r = read_ids(&ctx->arena, d, ret, e);
	(void)closedir(d);
	return r;
}

/* ---- status ----------------------------------------------------------------------------------------------------------- */

const char *status_name(enum status s)
{
	static const char *const names[] = { [STATUS_CREATING] = "creating",
					     [STATUS_CREATED] = "created",
					     [STATUS_RUNNING] = "running",
					     [STATUS_PAUSED] = "paused",
					     [STATUS_STOPPED] = "stopped" };
	return names[s];
}

/* Of this boot: only then its numbers mean anything. */
static bool is_of_this_boot(const struct container *c)
{
	struct store_seen *seen = c->seen;

	if (!c->state->boot_id)
		return true;
	if (!seen->boot && proc_boot_id(seen->boot_id) < 0)
		return false;
	seen->boot = true;
	return str_eq(seen->boot_id, c->state->boot_id);
}

/* A process as recorded: with `want_fd` a descriptor of it, else 0. -ESRCH: it has ended. */
static int find_recorded(const struct container *c, int64_t pid, uint64_t start, bool want_fd)
{
	if (pid <= 0 || !is_of_this_boot(c))
		return -ESRCH;
	return want_fd ? proc_open((pid_t)pid, start) : proc_lives((pid_t)pid, start);
}

/* Somebody accepts calls on the start socket: the init, which closes it by executing the program. */
static bool waits_for_start(const struct container *c)
{
	struct err ignored;
	auto_close int fd = socket_connect(c->dir_fd, STORE_START, SOCK_SEQPACKET, &ignored);

	return fd >= 0;
}

static bool is_frozen(const struct container *c, bool *ret_populated)
{
	struct store_seen *seen = c->seen;

	if (!c->state->cgroup_path)
		return false;
	struct err ignored;
	int root = seen->no_cgroup ? -ENOENT : cgroup_root(&ignored);
	seen->no_cgroup = root < 0;
	return root >= 0 && cgroup_is_frozen_at(root, c->state->cgroup_path, ret_populated) == 1;
}

int container_status(const struct container *c, enum status *ret, int *ret_pidfd, struct err *e)
{
	const struct state *s = c->state;
	auto_close int pidfd = -EBADF;

	if (ret_pidfd)
		*ret_pidfd = -EBADF;
	if (!s) {
		*ret = STATUS_STOPPED;
		return 0;
	}
	if (s->status && str_eq(s->status, "creating")) {
		/* Its creator still lives: creating. Otherwise it was killed, and what it left is to be deleted. */
		*ret = find_recorded(c, s->creator_pid, s->creator_start_time, false) == 0 ? STATUS_CREATING : STATUS_STOPPED;
		return 0;
	}
	int r = find_recorded(c, s->pid, s->start_time, ret_pidfd != NULL);
	if (ret_pidfd && r >= 0)
		pidfd = r;
	if (r < 0 && r != -ESRCH)
		return err_sys(e, r, "examine process %lld of container \"%s\"", (long long)s->pid, c->id);
	if (r < 0)
		*ret = STATUS_STOPPED;
	else if (is_frozen(c, NULL))
		*ret = STATUS_PAUSED;
	else if (s->status && str_eq(s->status, "created") && waits_for_start(c))
		*ret = STATUS_CREATED;
	else
		*ret = STATUS_RUNNING;
	if (ret_pidfd && pidfd >= 0)
		*ret_pidfd = TAKE_FD(pidfd);
	return 0;
}

/* Named after it, by us or by an engine. One of another name may hold a container that came later. */
static bool has_own_cgroup(const struct state *s)
{
	static const char scope[] = ".scope";
	const char *name = s->cgroup_path ? strrchr(s->cgroup_path, '/') + 1 : "";
	size_t n = strlen(name), k = strlen(s->id);

	if (n >= strlen(scope) && str_eq(name + n - strlen(scope), scope))
		n -= strlen(scope);
	return n >= k && memcmp(name + n - k, s->id, k) == 0 && (n == k || name[n - k - 1] == '-');
}

/*
 * The usual case of a row in a list: its state is one short file, and it runs. What its cgroup says is enough then, since
 * nothing of a pid namespace outlives its first process. Anything else: false, and it is looked at as a single one is.
 */
static bool peek(struct ctx *ctx, const char *id, struct container *c, enum status *ret)
{
	char name[ID_MAX + sizeof("/" STORE_STATE)];
	bool populated = false;

	(void)snprintf(name, sizeof(name), "%s/%s", id, STORE_STATE);
	char *text = arena_alloc(&ctx->arena, STATE_USUAL);
	int n = text ? file_read_short(ctx->seen.root_fd, name, text, STATE_USUAL) : -ENOMEM;
	if (n <= 0 || n >= STATE_USUAL - 1)
		return false;
	*c = (struct container){ .id = id, .dir_fd = -EBADF, .seen = &ctx->seen };
	if (state_parse(&ctx->arena, text, (size_t)n, &c->state, &c->why) < 0)
		return false;
	const struct state *s = c->state;
	if (!str_eq(s->id, id) || !str_eq(s->status, "running") || !s->own_pid_namespace || !has_own_cgroup(s) ||
	    !is_of_this_boot(c))
		return false;
	*ret = is_frozen(c, &populated) ? STATUS_PAUSED : STATUS_RUNNING;
	return populated;
}

int store_peek(struct ctx *ctx, const char *id, struct container *ret, enum status *ret_status, struct err *e)
{
	if (peek(ctx, id, ret, ret_status))
		return 0;
	int r = store_open(ctx, id, ret, e);
	return r < 0 ? r : container_status(ret, ret_status, NULL, e);
}

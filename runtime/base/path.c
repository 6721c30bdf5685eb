/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one file that looks up (D1) and creates (D2) names inside a foreign root. The kernel resolves, below a descriptor;
 * a resolver of our own would be a second one to race with. Where openat2(2) is refused, so is the path.
 */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "util.h"

#define RETRY_MS 1000
#define LINKS_MAX 40

static int open_how(int root, const char *path, int flags, uint64_t resolve)
{
	const struct sys_open_how how = { .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
					  .resolve = resolve };
	int64_t deadline = 0;

	for (;;) {
		int fd = sys_openat2(root, path, &how);
		if (fd != -EAGAIN && fd != -EINTR)
			return fd;
		if (!deadline)
			deadline = now_ms() + RETRY_MS;
		else if (now_ms() > deadline)
			return fd;
	}
}

int path_open(int root, const char *path, int flags)
{
	return open_how(root, path, flags, SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_MAGICLINKS);
}

int path_open_strict(int root, const char *path, int flags)
{
	/* With O_PATH | O_NOFOLLOW a link at the end would be opened itself, whatever is said about links. */
	return open_how(root, path, flags & ~O_NOFOLLOW,
			SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_MAGICLINKS | SYS_RESOLVE_NO_SYMLINKS);
}

int path_open_here(int dir, const char *path, int flags)
{
	return open_how(dir, path, flags,
			SYS_RESOLVE_BENEATH | SYS_RESOLVE_NO_MAGICLINKS | SYS_RESOLVE_NO_XDEV);
}

bool path_is_plain_dir(const char *path)
{
	if (*path != '/')
		return false;
	for (const char *c = path; *c;) {
		size_t n = strcspn(++c, "/");
		if (n == 0 || (n <= 2 && strncmp(c, "..", n) == 0))
			return false;
		c += n;
	}
	int fd = open_how(AT_FDCWD, path, O_PATH | O_DIRECTORY, SYS_RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static int explain(struct err *e, int errnum, const char *path)
{
	if (errnum == -EAGAIN)
		return err_set(e, EAGAIN, "%s: the root filesystem is being modified concurrently", path);
	return err_set(e, -errnum, "%s: %s", path, errnum == -ENOENT ? "missing" : err_text(-errnum));
}

/* A walk along a path whose components may have to be made. */
struct walk {
	int root;
	const char *path; /* as given, for messages */
	char text[PATH_MAX];
	int links;
	enum path_kind kind;
};

/* Puts what a dangling link points to in its place: "before/LINK/after" becomes "before/TARGET/after". */
static int follow_dangling(struct walk *w, int dir, const char *name, size_t start, size_t end, struct err *e)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));

	if (n < 0)
		return explain(e, -errno, w->path);
	if (++w->links > LINKS_MAX)
		return explain(e, -ELOOP, w->path);
	size_t before = target[0] == '/' ? 0 : start, after = strlen(w->text + end);
	if (before + (size_t)n + after >= sizeof(w->text))
		return explain(e, -ENAMETOOLONG, w->path);
	memcpy(rest, w->text + end, after + 1);
	memcpy(w->text + before, target, (size_t)n);
	memcpy(w->text + before + n, rest, after + 1);
	return 0;
}

/*
 * Makes one component in `dir`, which stays open, and returns it; 0 with *again set when it turned out
 * to be a link, whose target the walk has to take instead.
 */
static int make_component(struct walk *w, int dir, size_t start, size_t end, bool last, bool *again,
			  struct err *e)
{
	char name[NAME_MAX + 1];
	struct stat st;
	size_t n = end - start;

	if (n >= sizeof(name))
		return explain(e, -ENAMETOOLONG, w->path);
	memcpy(name, w->text + start, n);
	name[n] = '\0';
	int r = last && w->kind == PATH_FILE ? mknodat(dir, name, S_IFREG | 0644, 0)
					     : mkdirat(dir, name, 0755);
	if (r < 0 && errno != EEXIST)
		return explain(e, -errno, w->path);
	auto_close int fd =
		open_how(dir, name, O_PATH | O_NOFOLLOW, SYS_RESOLVE_BENEATH | SYS_RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return explain(e, fd, w->path);
	if (fstat(fd, &st) < 0)
		return explain(e, -errno, w->path);
	if (S_ISLNK(st.st_mode)) {
		*again = true;
		return follow_dangling(w, dir, name, start, end, e);
	}
	return TAKE_FD(fd);
}

/* One pass over the path. A descriptor, or 0 with *again set. */
static int walk_once(struct walk *w, bool *again, struct err *e)
{
	auto_close int dir = path_open(w->root, "/", O_PATH | O_DIRECTORY);

	if (dir < 0)
		return explain(e, dir, w->path);
	for (size_t start = strspn(w->text, "/"), end; w->text[start];
	     start = end + strspn(w->text + end, "/")) {
		end = start + strcspn(w->text + start, "/");
		bool last = w->text[end + strspn(w->text + end, "/")] == '\0';
		char saved = w->text[end];
		w->text[end] = '\0';
		int next = path_open(w->root, w->text, O_PATH);
		w->text[end] = saved;
		if (next == -ENOENT)
			next = make_component(w, dir, start, end, last, again, e);
		else if (next < 0)
			return explain(e, next, w->path);
		if (next < 0 || *again)
			return next;
		fd_close(&dir);
		dir = next;
	}
	return TAKE_FD(dir);
}

/*
 * The usual case, in which only the last name is missing. As walk_once(), with *again set also when it has to be taken
 * after all.
 */
static int make_last(struct walk *w, bool *again, struct err *e)
{
	size_t end = strlen(w->text), start;

	while (end > 1 && w->text[end - 1] == '/')
		end--;
	for (start = end; start > 0 && w->text[start - 1] != '/';)
		start--;
	if (start <= 1 || start == end) {
		*again = true;
		return 0;
	}
	w->text[start - 1] = '\0';
	auto_close int dir = path_open(w->root, w->text, O_PATH | O_DIRECTORY);
	w->text[start - 1] = '/';
	if (dir < 0) {
		*again = true;
		return 0;
	}
	return make_component(w, dir, start, end, true, again, e);
}

int path_make(int root, const char *path, enum path_kind kind, struct err *e)
{
	struct walk w = { .root = root, .path = path, .kind = kind };
	int fd = path_open(root, path, O_PATH);

	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return explain(e, fd, path);
	if (strlen(path) >= sizeof(w.text))
		return explain(e, -ENAMETOOLONG, path);
	memcpy(w.text, path, strlen(path) + 1);
	for (bool first = true;; first = false) {
		bool again = false;
		fd = first ? make_last(&w, &again, e) : walk_once(&w, &again, e);
		if (fd < 0 || !again)
			return fd;
	}
}

int path_parent(int root, const char *path, char *ret_name, struct err *e)
{
	char dir[PATH_MAX];
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	size_t start = n;
	while (start > 0 && path[start - 1] != '/')
		start--;
	size_t len = n - start;
	if (len == 0 || len >= PATH_NAME_SIZE || start >= sizeof(dir) || (len == 1 && path[start] == '.') ||
	    (len == 2 && path[start] == '.' && path[start + 1] == '.'))
		return err_bad(e, "%s: not a name that can be made", path);
	memcpy(dir, path, start);
	dir[start] = '\0';
	int fd = path_make(root, start ? dir : "/", PATH_DIR, e);
	if (fd < 0)
		return fd;
	memcpy(ret_name, path + start, len);
	ret_name[len] = '\0';
	return fd;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers in which a sandbox's changes lie: made, shown, taken over, dropped. What is in them was written by a
 * program that is not trusted: no path of it is ever followed, every step is taken from the descriptor of the
 * directory before it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "sandbox.h"

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define DEPTH_MAX 128 /* of a tree that is walked with a descriptor per level */

const char *sandbox_home(void)
{
	const char *home = getenv("HOME");

	return home && home[0] == '/' && home[1] ? home : "/tmp";
}

/* ---- names ------------------------------------------------------------------------------------------------ */

/* A path as one name that can be read back: '/' is "%-", '%' is "%%". */
static int path_to_name(struct arena *a, const char *path, const char **ret, struct err *e)
{
	char name[NAME_MAX + 1];
	size_t n = 0;

	for (const char *c = path; *c; c++) {
		bool special = *c == '/' || *c == '%';
		if (n + 2 + special > sizeof(name))
			return err_set(e, ENAMETOOLONG, "%s: too long to keep its changes under this name: use --name", path);
		if (special)
			name[n++] = '%';
		name[n++] = *c == '/' ? '-' : *c;
	}
	name[n] = '\0';
	*ret = arena_strdup(a, name);
	return *ret ? 0 : err_nomem(e);
}

static bool name_to_path(const char *name, char ret[PATH_MAX])
{
	size_t n = 0;

	for (const char *c = name; *c && n < PATH_MAX - 1; c++) {
		if (*c == '%' && *++c != '-' && *c != '%')
			return false;
		ret[n++] = c > name && c[-1] == '%' && *c == '-' ? '/' : *c;
	}
	ret[n] = '\0';
	return ret[0] == '/';
}

int layers_path(struct arena *a, const char *name, const char **ret, struct err *e)
{
	const char *state = getenv("XDG_STATE_HOME"), *key = name;
	char cwd[PATH_MAX];
	int r = 0;

	if (!name && !getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "find the current directory");
	if (!name)
		r = path_to_name(a, cwd, &key, e);
	if (r < 0)
		return r;
	*ret = state && state[0] == '/' ? arena_printf(a, "%s/ctr/layers/%s", state, key)
					: arena_printf(a, "%s/.local/state/ctr/layers/%s", sandbox_home(), key);
	return *ret ? 0 : err_nomem(e);
}

int layers_lock(const char *layers, bool make, int *ret_fd, struct err *e)
{
	/* What is new is the caller's alone. */
	int r = make ? dirs_make_above(layers, 0700, "directory", e) : 0;

	if (r == 0 && make && mkdir(layers, 0700) < 0 && errno != EEXIST)
		r = err_sys(e, errno, "make directory %s", layers);
	if (r < 0)
		return r;
	auto_close int fd = open(layers, DIRECTORY);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ENOENT, "sandbox: no changes are kept: %s: missing", layers);
	if (fd < 0)
		return err_sys(e, errno, "open %s", layers);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_set(e, EBUSY, "sandbox: a running sandbox writes to %s", layers)
					    : err_sys(e, errno, "lock %s", layers);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int layer_make(struct arena *a, const char *layers, const char *target, const char **ret, struct err *e)
{
	const char *name;
	int r = path_to_name(a, target, &name, e);
	char *dir = r < 0 ? NULL : arena_printf(a, "%s/%s", layers, name);
	struct stat st;

	if (r < 0)
		return r;
	if (!dir)
		return err_nomem(e);
	*ret = dir;
	if (stat(target, &st) < 0)
		return err_sys(e, errno, "stat %s", target);
	for (int i = 0; i < 3; i++) {
		static const char *const parts[] = { "", "/upper", "/work" };
		char path[PATH_MAX];
		(void)snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
		/* The merged directory shows the mode of the upper one. */
		if (mkdir(path, 0700) < 0 ? errno != EEXIST : i == 1 && chmod(path, st.st_mode & 0777) < 0)
			return err_sys(e, errno, "make directory %s", path);
	}
	return 0;
}

/* ---- removing a tree ---------------------------------------------------------------------------------------- */

static int remove_entry(int dir, const char *name, int top, unsigned depth, struct err *e);

/* All that is in the directory, which is closed. */
static int remove_content(int *dir, int top, unsigned depth, struct err *e)
{
	DIR *d = fdopendir(*dir);
	const struct dirent *entry;
	int r = 0;

	if (!d)
		return err_sys(e, errno, "read a directory");
	*dir = -EBADF;
	while (r == 0 && (errno = 0, entry = readdir(d)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			r = remove_entry(dirfd(d), entry->d_name, top, depth + 1, e);
	if (r == 0 && errno)
		r = err_sys(e, errno, "read a directory");
	(void)closedir(d);
	return r;
}

/*
 * A tree can be deeper than there are descriptors: what lies too deep is moved up beside the others (`top`, -1: it
 * may not be moved) and its turn comes there.
 */
static int remove_entry(int dir, const char *name, int top, unsigned depth, struct err *e)
{
	if (unlinkat(dir, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, errno, "remove %s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(e, errno, "remove directory %s", name);
	if (depth > DEPTH_MAX && top < 0)
		return err_set(e, ELOOP, "remove directory %s: deeper than %d levels", name, DEPTH_MAX);
	if (depth > DEPTH_MAX) {
		char moved[32];
		for (unsigned i = 0; i < 1000000; i++) {
			(void)snprintf(moved, sizeof(moved), ".deep-%u", i);
			if (renameat(dir, name, top, moved) == 0)
				return 0;
			if (errno != EEXIST && errno != ENOTEMPTY)
				break;
		}
		return err_sys(e, errno, "move directory %s up", name);
	}
	/* Its mode may forbid what its owner may do. By descriptor, or a link put there meanwhile would be followed. */
	auto_close int there = openat(dir, name, O_PATH | DIRECTORY);
	if (there >= 0) {
		char self[32];
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", there);
		best_effort(chmod(self, 0700));
	}
	auto_close int fd = openat(dir, name, DIRECTORY);
	if (fd < 0)
		return err_sys(e, errno, "open directory %s", name);
	int r = remove_content(&fd, top, depth, e);
	if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		r = err_sys(e, errno, "remove directory %s", name);
	return r;
}

int layers_discard(const char *layers, int layers_fd, struct err *e)
{
	int r = 0;

	/* What was moved up while the directory was read may not have been seen: until nothing is left. */
	while (r == 0 && unlinkat(AT_FDCWD, layers, AT_REMOVEDIR) < 0) {
		if (errno != ENOTEMPTY && errno != EEXIST)
			return err_sys(e, errno, "remove directory %s", layers);
		auto_close int fd = openat(layers_fd, ".", DIRECTORY);
		if (fd < 0)
			return err_sys(e, errno, "open %s", layers);
		r = remove_content(&fd, layers_fd, 0, e);
	}
	return r < 0 ? err_in(e, "discard %s", layers) : 0;
}

/* ---- walking the changes --------------------------------------------------------------------------------------- */

struct walk {
	struct strbuf *out; /* where changes are listed; NULL: they are made */
	char path[PATH_MAX]; /* of the entry, for messages and the list */
};

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* overlayfs(5): nothing of the directory below shows through. By either name: a privileged mount uses the second. */
static bool is_opaque(int dir)
{
	char value[2] = "";

	return (fgetxattr(dir, "user.overlay.opaque", value, 1) == 1 && value[0] == 'y') ||
	       (fgetxattr(dir, "trusted.overlay.opaque", value, 1) == 1 && value[0] == 'y');
}

/* One line per change, whatever the program put into the name. */
static void list(struct walk *w, char what)
{
	strbuf_printf(w->out, "%c ", what);
	for (const unsigned char *c = (const unsigned char *)w->path; *c; c++)
		strbuf_printf(w->out, *c < ' ' || *c == 0x7f ? "\\%03o" : "%c", *c);
	strbuf_puts(w->out, "\n");
}

static int failed(const struct walk *w, int error, const char *what, struct err *e)
{
	return err_sys(e, error, "%s %s", what, w->path);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names one after the other, each with its NUL, and where each begins. */
struct names { struct strbuf text; const char **v; size_t n; };

static void names_done(struct names *l)
{
	strbuf_done(&l->text);
	free(l->v);
	l->v = NULL;
}

static int names_sort(struct names *l)
{
	const char *at = l->text.p;

	if (l->text.failed)
		return -ENOMEM;
	if (!l->n)
		return 0;
	l->v = calloc(l->n, sizeof(*l->v));
	if (!l->v)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++, at += strlen(at) + 1)
		l->v[i] = at;
	qsort(l->v, l->n, sizeof(*l->v), compare);
	return 0;
}

/* The names in a directory, sorted. */
static int names_read(int dir, struct names *ret)
{
	int fd = openat(dir, ".", DIRECTORY), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!d) {
		r = -errno;
		fd_close(&fd);
		return r;
	}
	while ((errno = 0, entry = readdir(d))) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		strbuf_add(&ret->text, entry->d_name, strlen(entry->d_name) + 1);
		ret->n++;
	}
	r = -errno;
	(void)closedir(d);
	return r < 0 ? r : names_sort(ret);
}

static int copy_file(const struct walk *w, int from_dir, int to_dir, const char *name, const struct stat *st, struct err *e)
{
	char temporary[64];
	auto_close int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (from < 0)
		return failed(w, errno, "open the new", e);
	(void)snprintf(temporary, sizeof(temporary), ".ctr-apply.%d", getpid());
	(void)unlinkat(to_dir, temporary, 0);
	auto_close int to = openat(to_dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return failed(w, errno, "create", e);
	ssize_t n;
	do
		n = sendfile(to, from, NULL, (size_t)1 << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	/* The place of the old one is taken at once, so that it is never half there. */
	if (n < 0 || fchmod(to, st->st_mode & 0777) < 0 || futimens(to, times) < 0 ||
	    renameat(to_dir, temporary, to_dir, name) < 0) {
		int r = failed(w, errno, "write", e);
		(void)unlinkat(to_dir, temporary, 0);
		return r;
	}
	return 0;
}

static int copy_link(const struct walk *w, int from_dir, int to_dir, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return failed(w, errno, "read link", e);
	target[n] = '\0';
	(void)unlinkat(to_dir, name, 0);
	return symlinkat(target, to_dir, name) < 0 ? failed(w, errno, "make link", e) : 0;
}

static int copy(const struct walk *w, int from, int to, const char *name, const struct stat *st, struct err *e)
{
	if (S_ISREG(st->st_mode))
		return copy_file(w, from, to, name, st, e);
	if (S_ISLNK(st->st_mode))
		return copy_link(w, from, to, name, e);
	if (S_ISFIFO(st->st_mode)) {
		(void)unlinkat(to, name, 0);
		return mkfifoat(to, name, st->st_mode & 0777) < 0 ? failed(w, errno, "make fifo", e) : 0;
	}
	if (S_ISSOCK(st->st_mode))
		return 0; /* nobody listens on it any more */
	return err_set(e, EPERM, "apply %s: neither a file nor a link", w->path);
}

static int walk_directory(struct walk *w, int upper, int lower, unsigned depth, struct err *e);

static int drop(struct walk *w, int lower, const char *name, struct err *e)
{
	if (w->out) {
		list(w, 'D');
		return 0;
	}
	int r = remove_entry(lower, name, -1, 0, e);
	return r < 0 ? err_in(e, "remove %s", w->path) : 0;
}

/* A directory of the upper layer: in place of what is not a directory, or merged with one. */
static int enter(struct walk *w, int upper, int lower, const char *name, const struct stat *st, const struct stat *old,
		 unsigned depth, struct err *e)
{
	auto_close int up = openat(upper, name, DIRECTORY);
	int r = 0;

	if (up < 0)
		return failed(w, errno, "open the new", e);
	if (!old || !S_ISDIR(old->st_mode)) {
		if (w->out)
			list(w, old ? 'M' : 'A');
		else if (old)
			r = remove_entry(lower, name, -1, 0, e);
		if (r == 0 && !w->out && mkdirat(lower, name, 0700) < 0)
			r = failed(w, errno, "make directory", e);
	}
	if (r < 0)
		return r;
	auto_close int low = lower < 0 || (w->out && (!old || !S_ISDIR(old->st_mode))) ? -EBADF
										     : openat(lower, name, DIRECTORY);
	if (low == -1)
		return failed(w, errno, "open", e);
	r = walk_directory(w, up, low, depth + 1, e);
	if (r == 0 && !w->out && fchmod(low, st->st_mode & 0777) < 0)
		r = failed(w, errno, "set the mode of", e);
	return r;
}

static int visit(struct walk *w, int upper, int lower, const char *name, unsigned depth, struct err *e)
{
	struct stat st, old;
	bool there = lower >= 0 && fstatat(lower, name, &old, AT_SYMLINK_NOFOLLOW) == 0;

	if (fstatat(upper, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(w, errno, "stat the new", e);
	if (is_whiteout(&st))
		return there ? drop(w, lower, name, e) : 0;
	if (S_ISDIR(st.st_mode))
		return enter(w, upper, lower, name, &st, there ? &old : NULL, depth, e);
	if (w->out) {
		list(w, there ? 'M' : 'A');
		return 0;
	}
	if (there && S_ISDIR(old.st_mode)) {
		int r = remove_entry(lower, name, -1, 0, e);
		if (r < 0)
			return err_in(e, "remove %s", w->path);
	}
	return copy(w, upper, lower, name, &st, e);
}

/* Calls visit() or drop() for a name, with the path in its place. */
static int at_name(struct walk *w, int upper, int lower, const char *name, bool gone, unsigned depth, struct err *e)
{
	size_t n = strlen(w->path);

	if (n + strlen(name) + 2 > sizeof(w->path))
		return err_set(e, ENAMETOOLONG, "%s/%s: path too long", w->path, name);
	(void)snprintf(w->path + n, sizeof(w->path) - n, "/%s", name);
	int r = gone ? drop(w, lower, name, e) : visit(w, upper, lower, name, depth, e);
	w->path[n] = '\0';
	return r;
}

/* Below an opaque directory everything goes that is not there again. */
static int drop_hidden(struct walk *w, int upper, int lower, unsigned depth, struct err *e)
{
	struct names names = { 0 };
	struct stat st;
	int r = names_read(lower, &names);

	if (r < 0)
		r = failed(w, r, "read directory", e);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (fstatat(upper, names.v[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = at_name(w, upper, lower, names.v[i], true, depth, e);
	names_done(&names);
	return r;
}

static int walk_directory(struct walk *w, int upper, int lower, unsigned depth, struct err *e)
{
	struct names names = { 0 };
	int r = 0;

	if (depth > DEPTH_MAX)
		return err_set(e, ELOOP, "%s: deeper than %d levels", w->path, DEPTH_MAX);
	if (lower >= 0 && is_opaque(upper))
		r = drop_hidden(w, upper, lower, depth, e);
	if (r == 0) {
		r = names_read(upper, &names);
		if (r < 0)
			r = failed(w, r, "read the new", e);
	}
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = at_name(w, upper, lower, names.v[i], false, depth, e);
	names_done(&names);
	return r;
}

static int walk_layers(struct strbuf *out, int layers_fd, struct err *e)
{
	struct names names = { 0 };
	struct walk w = { .out = out };
	int r = names_read(layers_fd, &names);

	if (r < 0)
		r = err_sys(e, r, "read the layers");
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		if (!name_to_path(names.v[i], w.path))
			continue;
		auto_close int lower = open(w.path, DIRECTORY);
		if (lower < 0) {
			r = failed(&w, errno, "open", e);
			break;
		}
		auto_close int layer = openat(layers_fd, names.v[i], DIRECTORY);
		auto_close int upper = layer < 0 ? -EBADF : openat(layer, "upper", DIRECTORY);
		if (str_eq(w.path, "/"))
			w.path[0] = '\0';
		r = upper < 0 ? err_sys(e, errno, "open the layer of %s", w.path)
			      : walk_directory(&w, upper, lower, 0, e);
	}
	names_done(&names);
	return r;
}

int layers_diff(struct strbuf *out, int layers_fd, struct err *e)
{
	int r = walk_layers(out, layers_fd, e);

	return r == 0 && out->failed ? err_nomem(e) : r;
}

int layers_apply(int layers_fd, struct err *e)
{
	return walk_layers(NULL, layers_fd, e);
}

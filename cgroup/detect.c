/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at what the machine has: where cgroup2 is, which controllers it holds, where we are in it and
 * what we may do there. Also the small readers of cgroupfs that the rest is built on. Decides nothing.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <time.h>

#include "../runtime/base/sys.h"
#include "../runtime/base/util.h"

#define CGROUP2_MAGIC 0x63677270UL /* linux/magic.h */

static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
static const char private_mount[] = "cgroup2 (mounted privately)";

size_t cg_next_word(const char **p, const char **ret)
{
	const char *s = *p + strspn(*p, " \t\n");
	size_t n = strcspn(s, " \t\n");

	*ret = s;
	*p = s + n;
	return n;
}

bool cg_has_word(const char *words, const char *word, size_t n)
{
	const char *w;
	size_t l;

	while ((l = cg_next_word(&words, &w)) > 0)
		if (l == n && memcmp(w, word, n) == 0)
			return true;
	return false;
}

size_t cg_next_component(const char **p, const char **ret)
{
	for (;;) {
		const char *s = *p + strspn(*p, "/");
		size_t n = strcspn(s, "/");

		*ret = s;
		*p = s + n;
		if (n == 2 && s[0] == '.' && s[1] == '.')
			return (size_t)-1;
		if (n == 1 && s[0] == '.')
			continue;
		return n;
	}
}

int cg_path_check(const char *path, struct err *e)
{
	const char *p = path, *c;
	size_t n, count = 0;

	if (strlen(path) >= CGROUP_PATH_MAX)
		return err_bad(e, "cgroup path is longer than %d bytes", CGROUP_PATH_MAX - 1);
	while ((n = cg_next_component(&p, &c)) > 0) {
		if (n == (size_t)-1)
			return err_bad(e, "cgroup path '%s' contains '..'", path);
		if (n > 255)
			return err_bad(e, "cgroup path '%s' has a component of more than 255 bytes", path);
		if (memchr(c, '\n', n))
			return err_bad(e, "cgroup path contains a line break");
		count++;
	}
	if (count == 0)
		return err_bad(e, "cgroup path '%s' names no cgroup below the root", path);
	return 0;
}

int64_t cg_keyed(const char *text, const char *key)
{
	size_t k = strlen(key);

	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		int64_t v = 0;

		if (strncmp(s, key, k) != 0 || s[k] != ' ')
			continue;
		s += k + 1;
		if (*s < '0' || *s > '9')
			return -1;
		for (; *s >= '0' && *s <= '9' && v < INT64_MAX / 16; s++)
			v = v * 10 + (*s - '0');
		return v;
	}
	return -1;
}

/* Appends one word to a blank-separated list of fixed size; what does not fit is left out. */
static void word_add(char *list, size_t size, const char *word, size_t n)
{
	size_t used = strlen(list);

	if (n == 0 || used + n + 2 > size || cg_has_word(list, word, n))
		return;
	if (used)
		list[used++] = ' ';
	memcpy(list + used, word, n);
	list[used + n] = '\0';
}

void cg_parse_self(const char *text, struct cgroup_facts *f)
{
	f->own[0] = f->v1_controllers[0] = '\0';
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		const char *names = memchr(line, ':', n), *path;

		path = names ? memchr(names + 1, ':', n - (size_t)(names + 1 - line)) : NULL;
		if (path && path == names + 1 && line[0] == '0') {
			size_t len = n - (size_t)(path + 1 - line);

			/* "/.." : outside of our cgroup namespace, nothing we could name. */
			if (len < sizeof(f->own) && path[1] == '/' && strncmp(path + 1, "/..", 3) != 0) {
				memcpy(f->own, path + 1, len);
				f->own[len] = '\0';
			}
		}
		for (const char *c = names ? names + 1 : path; c && c < path;) {
			size_t l = strcspn(c, ",:");

			if (!memchr(c, '=', l)) /* name=systemd is no controller */
				word_add(f->v1_controllers, sizeof(f->v1_controllers), c, l);
			c += l + 1;
		}
		line += n;
		line += *line == '\n';
	}
}

int cg_read(int dirfd, const char *file, char *buf, size_t size)
{
	auto_close int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t used = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		size_t room = size - 1 - used;
		ssize_t n = read(fd, buf + used, room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		used += (size_t)n;
		/* Less than a page is all there is. */
		if (n == 0 || ((size_t)n < room && used < 4096))
			break;
	}
	while (used > 0 && buf[used - 1] == '\n')
		used--;
	buf[used] = '\0';
	return (int)used;
}

int cg_write(int dirfd, const char *file, const char *value)
{
	auto_close int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t n = strlen(value);
	ssize_t r;

	if (fd < 0)
		return -errno;
	if (n == 0) { /* a write of nothing would not reach the kernel's handler */
		value = "\n";
		n = 1;
	}
	do
		r = write(fd, value, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}

/* The container may own what is below, and rename it: no link, and nothing beside the tree, is followed (D15). */
int cg_open_below(int dirfd, const char *path, int flags)
{
	const struct sys_open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.resolve = SYS_RESOLVE_BENEATH | SYS_RESOLVE_NO_SYMLINKS | SYS_RESOLVE_NO_MAGICLINKS |
			   SYS_RESOLVE_NO_XDEV,
	};
	int fd;

	while (*path == '/')
		path++;
	do /* EAGAIN: a rename somewhere in the system disturbed the walk (openat2(2)) */
		fd = sys_openat2(dirfd, *path ? path : ".", &how);
	while (fd == -EAGAIN || fd == -EINTR);
	return fd;
}

int cg_open_dir(int dirfd, const char *path)
{
	return cg_open_below(dirfd, path, O_RDONLY | O_DIRECTORY);
}

static int private_mount_make(void)
{
	auto_close int fs = sys_fsopen("cgroup2", SYS_FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return fs;
	r = sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return r;
	return sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC,
			   SYS_MOUNT_ATTR_NOSUID | SYS_MOUNT_ATTR_NODEV | SYS_MOUNT_ATTR_NOEXEC);
}

/* The root of the tree, found once for all that one call does; it stays open. NULL: not looked for, or there is none. */
static struct {
	int fd;
	const char *mount;
	char controllers[CGROUP_WORDS_MAX]; /* "": not read */
} base_found = { .fd = -EBADF };

void cgroup_forget_root(void)
{
	fd_close(&base_found.fd);
	base_found.mount = NULL;
	base_found.controllers[0] = '\0';
}

/* -ENOENT, with no text: none is mounted. */
static int mount_find(struct err *e)
{
	struct statfs s;

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		if (statfs(mounts[i], &s) < 0 || (unsigned long)s.f_type != CGROUP2_MAGIC)
			continue;
		int fd = openat(AT_FDCWD, mounts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open %s", mounts[i]);
		base_found.fd = fd;
		base_found.mount = mounts[i];
		return 0;
	}
	return -ENOENT;
}

static int private_mount_open(void)
{
	int fd = private_mount_make();

	if (fd < 0)
		return fd;
	base_found.fd = fd;
	base_found.mount = private_mount;
	return 0;
}

int cg_base(const char **ret_mount, struct err *e)
{
	int r = base_found.mount ? 0 : mount_find(e);

	if (r == -ENOENT) {
		r = private_mount_open();
		if (r < 0)
			(void)err_sys(e, r, "no cgroup2 hierarchy is mounted and mounting one failed");
	}
	if (r < 0)
		return r;
	*ret_mount = base_found.mount;
	return base_found.fd;
}

int cg_base_controllers(char ret[CGROUP_WORDS_MAX], struct err *e)
{
	char *known = base_found.controllers;
	int r = *known ? 0 : cg_read(base_found.fd, "cgroup.controllers", known, CGROUP_WORDS_MAX);

	if (r < 0)
		return err_sys(e, r, "read %s/cgroup.controllers", base_found.mount);
	memcpy(ret, known, CGROUP_WORDS_MAX);
	return 0;
}

bool cgroup_caller_is_privileged(void)
{
	char map[128];
	const char *p = map, *w;

	if (geteuid() != 0 || cg_read(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
		return false;
	return cg_next_word(&p, &w) == 1 && *w == '0' && cg_next_word(&p, &w) == 1 && *w == '0' &&
	       cg_next_word(&p, &w) == 10 && strncmp(w, "4294967295", 10) == 0;
}

/* A cgroup can be made in `path`, and a process moved from there into it (cgroups(7), delegation). */
static bool is_writable(int base, const char *path)
{
	auto_close int fd = cg_open_dir(base, path);

	return fd >= 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0 &&
	       faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0;
}

static void detect_place(int base, struct cgroup_facts *f)
{
	char parent[CGROUP_PATH_MAX];
	char *slash;

	memcpy(parent, f->own, sizeof(parent));
	slash = strrchr(parent, '/');
	if (slash && slash[1]) {
		*slash = '\0';
		f->sibling_writable = is_writable(base, parent);
	}
	f->child_writable = is_writable(base, f->own);
}

/* Where we are, and what v1 holds: needed only where a simple unified hierarchy is not ours to use. */
static int detect_self(struct cgroup_facts *f, struct err *e)
{
	char text[2 * CGROUP_PATH_MAX];
	int r = cg_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));

	if (r == -ENOENT) /* a kernel without cgroups, or no /proc */
		return 0;
	if (r < 0)
		return err_sys(e, r, "read /proc/self/cgroup");
	cg_parse_self(text, f);
	return 0;
}

int cgroup_detect(bool privileged, struct cgroup_facts *ret, struct err *e)
{
	struct cgroup_facts f = { .mode = CGROUP_MODE_NONE, .privileged = privileged };
	int base = -EBADF, r = base_found.mount ? 0 : mount_find(e);

	if (r == -ENOENT)
		r = f.privileged && private_mount_open() == 0 ? 0 : -ENOENT;
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		f.mount = base_found.mount;
		f.mode = f.mount == mounts[0] ? CGROUP_MODE_UNIFIED : f.mount == mounts[1] ? CGROUP_MODE_HYBRID : CGROUP_MODE_PRIVATE;
		base = base_found.fd;
	}
	r = 0;
	if (base >= 0)
		f.root_writable = faccessat(base, ".", W_OK | X_OK, AT_EACCESS) == 0;
	if (f.mode != CGROUP_MODE_UNIFIED || !f.root_writable)
		r = detect_self(&f, e);
	if (r < 0)
		return r;
	if (base >= 0 && !f.root_writable && f.own[0])
		detect_place(base, &f);
	*ret = f;
	return 0;
}

int cgroup_detect_controllers(struct cgroup_facts *f, struct err *e)
{
	return f->mode == CGROUP_MODE_NONE ? 0 : cg_base_controllers(f->controllers, e);
}

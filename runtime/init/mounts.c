/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts. Every one is a detached tree whose attributes are complete before it is attached to an open
 * destination (D5): no path is given to mount(2), nothing is looked up twice, and there is no moment in
 * which a mount is there without its flags.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../base/path.h"
#include "copy.h"
#include "init.h"

#define PROC_MAGIC 0x9fa0

int init_attach(int tree, int destination, struct err *e, const char *what)
{
	int r = sys_move_mount(tree, "", destination, "", SYS_MOVE_MOUNT_F_EMPTY_PATH | SYS_MOVE_MOUNT_T_EMPTY_PATH);

	return r < 0 ? err_sys(e, r, "mount at %s", what) : 0;
}

/* "missing" instead of the errno's text: engines take the latter for a missing program. */
static int source_error(struct err *e, int errnum, const char *path)
{
	return err_set(e, -errnum, "mount source %s: %s", path, errnum == -ENOENT ? "missing" : err_text(-errnum));
}

int init_source(struct init *in, const struct step_source *s, struct err *e)
{
	unsigned int flags = SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC;

	if (s->slot < 0 || in->slots[s->slot] >= 0)
		return err_set(e, EPROTO, "plan: bad slot for %s", s->path);
	if (s->flags & STEP_SOURCE_RECURSIVE)
		flags |= SYS_AT_RECURSIVE;
	if (s->flags & STEP_SOURCE_NOFOLLOW)
		flags |= AT_SYMLINK_NOFOLLOW;
	int fd = sys_open_tree(AT_FDCWD, s->path, flags);
	if (fd < 0)
		return source_error(e, fd, s->path);
	in->slots[s->slot] = fd;
	return 0;
}

/* ---- destinations ---------------------------------------------------------------------------------------------- */

/*
 * What may be mounted below /proc: files that lxcfs and engines replace. Anything else there could stand in
 * for what a later step trusts (attr/exec and its kin).
 */
static bool allowed_below_proc(const char *path)
{
	static const char *const files[] = {
		"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat",   "/proc/swaps",
		"/proc/uptime",	 "/proc/loadavg",   "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid",
		"/proc/sys/crypto/fips_enabled",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(path, files[i]) == 0)
			return true;
	return false;
}

static bool is_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_MAGIC;
}

static bool is_kernel_fs(const struct step_mount *m)
{
	return m->fstype && (strcmp(m->fstype, "proc") == 0 || strcmp(m->fstype, "sysfs") == 0);
}

/* The destination as an open O_PATH descriptor, made where it is missing. */
static int open_destination(struct init *in, const struct step_mount *m, bool is_dir, struct err *e)
{
	auto_close int fd = -EBADF;

	/* proc and sysfs go to real directories only: a link could make /proc something else than it seems. */
	if (is_kernel_fs(m) || m->flags & STEP_MOUNT_DEST_NOFOLLOW) {
		fd = path_open_strict(in->root, m->destination, O_PATH | O_NOFOLLOW);
		if (fd < 0 && fd != -ENOENT)
			return err_set(e, -fd, "mount at %s: %s", m->destination,
				       fd == -ELOOP ? "a symbolic link is on the way" : err_text(-fd));
	}
	if (fd < 0)
		fd = path_make(in->root, m->destination, is_dir ? PATH_DIR : PATH_FILE, e);
	if (fd < 0)
		return err_in(e, "mount at %s", m->destination);
	if (is_procfs(fd) && !allowed_below_proc(m->destination) && !(m->fstype && strcmp(m->fstype, "proc") == 0))
		return err_set(e, EPERM, "mount at %s: is inside proc, where only some files may be replaced",
			       m->destination);
	return TAKE_FD(fd);
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static int set_attr(int fd, unsigned int flags, const struct sys_mount_attr *attr, const struct step_mount *m,
		    struct err *e)
{
	int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, attr);

	if (r == -EPERM && attr->attr_clr)
		return err_set(e, EPERM, "mount at %s: a flag of the source is locked by the caller's user namespace and "
					 "cannot be cleared", m->destination);
	return r < 0 ? err_sys(e, r, "set the flags of the mount at %s", m->destination) : 0;
}

static int set_attributes(struct init *in, int tree, const struct step_mount *m, bool with_own, struct err *e)
{
	const struct sys_mount_attr own = { .attr_set = m->attr_set, .attr_clr = m->attr_clr };
	const struct sys_mount_attr rec = { .attr_set = m->rec_set, .attr_clr = m->rec_clr };
	int r = 0;

	if (m->idmap >= 0) {
		const struct sys_mount_attr map = { .attr_set = SYS_MOUNT_ATTR_IDMAP,
						    .userns_fd = (uint64_t)in->slots[m->idmap] };
		r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | (unsigned int)m->idmap_flags, &map);
		if (r < 0)
			return err_sys(e, r, "map the ids of the mount at %s: the filesystem may not support it",
				       m->destination);
	}
	if (with_own && (own.attr_set || own.attr_clr))
		r = set_attr(tree, 0, &own, m, e);
	if (r == 0 && (rec.attr_set || rec.attr_clr))
		r = set_attr(tree, SYS_AT_RECURSIVE, &rec, m, e);
	return r;
}

static int set_propagation(int fd, const struct step_mount *m, struct err *e)
{
	const struct sys_mount_attr attr = { .propagation = m->propagation & ~(uint64_t)MS_REC };

	if (!m->propagation)
		return 0;
	return set_attr(fd, m->propagation & MS_REC ? SYS_AT_RECURSIVE : 0, &attr, m, e);
}

/* ---- binds ---------------------------------------------------------------------------------------------------------- */

static int attach_bind(struct init *in, int tree, const struct step_mount *m, struct err *e)
{
	struct stat st;

	if (fstat(tree, &st) < 0)
		return err_sys(e, errno, "examine the source of the mount at %s", m->destination);
	int r = set_attributes(in, tree, m, true, e);
	if (r < 0)
		return r;
	auto_close int to = open_destination(in, m, S_ISDIR(st.st_mode), e);
	if (to < 0)
		return to;
	r = init_attach(tree, to, e, m->destination);
	return r < 0 ? r : set_propagation(tree, m, e);
}

static int mount_bind(struct init *in, const struct step_mount *m, struct err *e)
{
	if (m->slot < 0)
		return err_set(e, EPROTO, "plan: bind at %s without a source", m->destination);
	int r = attach_bind(in, in->slots[m->slot], m, e);
	fd_close(&in->slots[m->slot]);
	return r;
}

/* A source that is a link is made anew; any other is bound. */
static int mount_copy_symlink(struct init *in, const struct step_mount *m, struct err *e)
{
	char target[PATH_MAX], name[PATH_NAME_SIZE];
	ssize_t n = readlink(m->source, target, sizeof(target) - 1);

	if (n < 0 && errno != EINVAL)
		return source_error(e, -errno, m->source);
	if (n < 0) {
		unsigned int deep = m->flags & STEP_MOUNT_RECURSIVE ? SYS_AT_RECURSIVE : 0;
		auto_close int tree = sys_open_tree(AT_FDCWD, m->source, SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC |
									 AT_SYMLINK_NOFOLLOW | deep);
		return tree < 0 ? source_error(e, tree, m->source) : attach_bind(in, tree, m, e);
	}
	target[n] = '\0';
	auto_close int dir = path_parent(in->root, m->destination, name, e);
	if (dir < 0)
		return err_in(e, "link at %s", m->destination);
	if (symlinkat(target, dir, name) == 0)
		return 0;
	char old[PATH_MAX];
	ssize_t have = errno == EEXIST ? readlinkat(dir, name, old, sizeof(old)) : -1;
	if (have == n && memcmp(old, target, (size_t)n) == 0)
		return 0;
	return err_set(e, EEXIST, "link at %s: something else is there", m->destination);
}

/* ---- new filesystems --------------------------------------------------------------------------------------------------- */

/* What the filesystem itself says about a refused option, without its "e " prefix and newline. */
static int fs_error(int fs, int errnum, const char *what, const struct step_mount *m, struct err *e)
{
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n <= 2)
		return err_sys(e, errnum, "mount %s at %s: %s", m->fstype, m->destination, what);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_set(e, errnum < 0 ? -errnum : errnum, "mount %s at %s: %s", m->fstype, m->destination, text + 2);
}

static int set_option(int fs, const char *option)
{
	char key[256];
	const char *eq = strchr(option, '=');

	if (!eq)
		return sys_fsconfig(fs, SYS_FSCONFIG_SET_FLAG, option, NULL, 0);
	size_t n = (size_t)(eq - option);
	if (n >= sizeof(key))
		return -EINVAL;
	memcpy(key, option, n);
	key[n] = '\0';
	return sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, key, eq + 1, 0);
}

/* Superblock flags have names here, not bits. */
static int set_flags(int fs, const struct step_mount *m, struct err *e)
{
	static const struct {
		uint64_t flag;
		const char *name;
	} flags[] = { { MS_RDONLY, "ro" },	 { MS_SYNCHRONOUS, "sync" }, { MS_DIRSYNC, "dirsync" },
		      { MS_MANDLOCK, "mand" }, { MS_LAZYTIME, "lazytime" } };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!(m->ms_flags & flags[i].flag))
			continue;
		int r = sys_fsconfig(fs, SYS_FSCONFIG_SET_FLAG, flags[i].name, NULL, 0);
		if (r < 0)
			return fs_error(fs, r, flags[i].name, m, e);
	}
	return 0;
}

static int configure(int fs, const struct step_mount *m, const char *extra_key, const char *extra, struct err *e)
{
	int r = m->source ? sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, "source", m->source, 0) : 0;

	if (r < 0)
		return fs_error(fs, r, "source", m, e);
	for (uint64_t i = 0; i < m->data.n; i++) {
		r = set_option(fs, m->data.v[i]);
		if (r < 0)
			return fs_error(fs, r, m->data.v[i], m, e);
	}
	if (m->label && (r = sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, "context", m->label, 0)) < 0)
		return fs_error(fs, r, "context", m, e);
	if (extra && (r = sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, extra_key, extra, 0)) < 0)
		return fs_error(fs, r, extra, m, e);
	return set_flags(fs, m, e);
}

/* A detached mount of a new filesystem; -EPERM is left to the caller, who may have something else. */
static int make_fs(const struct step_mount *m, const char *extra_key, const char *extra, struct err *e)
{
	auto_close int fs = sys_fsopen(m->fstype, SYS_FSOPEN_CLOEXEC);

	if (fs == -ENODEV)
		return err_set(e, ENODEV, "mount at %s: filesystem %s is unknown to the kernel", m->destination, m->fstype);
	if (fs < 0)
		return err_sys(e, fs, "mount %s at %s", m->fstype, m->destination);
	int r = configure(fs, m, extra_key, extra, e);
	if (r < 0)
		return r;
	r = sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return fs_error(fs, r, "create", m, e);
	int fd = sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC, (unsigned int)m->attr_set);
	return fd < 0 ? fs_error(fs, fd, "mount", m, e) : fd;
}

/* The classic call, for what the new one has no name for (iversion). The target is an open descriptor. */
static int mount_classic(struct init *in, const struct step_mount *m, struct err *e)
{
	char data[4096] = "", target[64];
	size_t at = 0;
	auto_close int to = open_destination(in, m, true, e);

	if (to < 0)
		return to;
	for (uint64_t i = 0; i < m->data.n; i++) {
		int n = snprintf(data + at, sizeof(data) - at, "%s%s", i ? "," : "", m->data.v[i]);
		if (n < 0 || (size_t)n >= sizeof(data) - at)
			return err_set(e, E2BIG, "mount at %s: too many options", m->destination);
		at += (size_t)n;
	}
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", to);
	if (mount(m->source, target, m->fstype, (unsigned long)m->ms_flags, data) < 0)
		return err_sys(e, errno, "mount %s at %s", m->fstype, m->destination);
	auto_close int on = path_open(in->root, m->destination, O_PATH);
	return on < 0 ? err_sys(e, on, "open the mount at %s", m->destination) : set_attributes(in, on, m, true, e);
}

/* What a user namespace may not mount anew: the host's sysfs as it is, or a proc that shows processes only. */
static int make_fallback(const struct step_mount *m, bool *ret_clone, struct err *e)
{
	if (m->flags & STEP_MOUNT_PROC_SUBSET)
		return make_fs(m, "subset", "pid", e);
	if (m->flags & STEP_MOUNT_SYSFS_FALLBACK) {
		int fd = sys_open_tree(AT_FDCWD, "/sys", SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC | SYS_AT_RECURSIVE);
		*ret_clone = fd >= 0;
		return fd < 0 ? source_error(e, fd, "/sys") : fd;
	}
	return -e->code;
}

static int mount_new(struct init *in, const struct step_mount *m, struct err *e)
{
	bool clone = false;
	auto_close int tree = make_fs(m, NULL, NULL, e);

	if (tree == -EPERM)
		tree = make_fallback(m, &clone, e);
	if (tree < 0)
		return tree;
	int r = set_attributes(in, tree, m, clone, e);
	if (r < 0)
		return r;
	auto_close int to = open_destination(in, m, true, e);
	if (to < 0)
		return to;
	if (m->flags & STEP_MOUNT_TMPCOPYUP) {
		r = copy_tree(to, tree, e);
		if (r < 0)
			return err_in(e, "tmpcopyup at %s", m->destination);
	}
	r = init_attach(tree, to, e, m->destination);
	return r < 0 ? r : set_propagation(tree, m, e);
}

/* ---- remounts ------------------------------------------------------------------------------------------------------------ */

static int mount_remount(struct init *in, const struct step_mount *m, struct err *e)
{
	auto_close int on = path_open(in->root, m->destination, O_PATH);

	if (on < 0)
		return err_set(e, -on, "remount %s: %s", m->destination, on == -ENOENT ? "missing" : err_text(-on));
	if (!(m->flags & STEP_MOUNT_BIND)) {
		auto_close int fs = sys_fspick(on, "", SYS_FSPICK_EMPTY_PATH | SYS_FSPICK_CLOEXEC);
		if (fs < 0)
			return err_sys(e, fs, "remount %s", m->destination);
		struct step_mount named = *m;
		named.fstype = "remount";
		named.source = NULL;
		int r = configure(fs, &named, NULL, NULL, e);
		if (r == 0 && (r = sys_fsconfig(fs, SYS_FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0)) < 0)
			r = fs_error(fs, r, "reconfigure", &named, e);
		if (r < 0)
			return r;
	}
	int r = set_attributes(in, on, m, true, e);
	return r < 0 ? r : set_propagation(on, m, e);
}

int init_mount(struct init *in, const struct step_mount *m, struct err *e)
{
	if (m->flags & STEP_MOUNT_REMOUNT)
		return mount_remount(in, m, e);
	if (m->flags & STEP_MOUNT_COPY_SYMLINK)
		return mount_copy_symlink(in, m, e);
	if (m->flags & STEP_MOUNT_BIND)
		return mount_bind(in, m, e);
	if (m->ms_flags & MS_I_VERSION)
		return mount_classic(in, m, e);
	return mount_new(in, m, e);
}

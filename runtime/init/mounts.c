/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts. Every one is a detached tree whose attributes are complete before it is attached to an open
 * destination (D5), or to a name in an open directory, which no link is followed in: no path is given to mount(2),
 * nothing is looked up twice, and there is no moment in which a mount is there without its flags.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "../base/path.h"
#include "copy.h"
#include "init.h"

int init_attach_at(int tree, int dir, const char *name)
{
	return sys_move_mount(tree, "", dir, name ? name : "",
			      SYS_MOVE_MOUNT_F_EMPTY_PATH | (name ? 0U : SYS_MOVE_MOUNT_T_EMPTY_PATH));
}

int init_attach(int tree, int destination, struct err *e, const char *what)
{
	int r = init_attach_at(tree, destination, NULL);

	return r < 0 ? err_sys(e, r, "mount at %s", what) : 0;
}

/* "missing" instead of the errno's text: engines take the latter for a missing program. */
static int source_error(struct err *e, int errnum, const char *path)
{
	return err_set(e, -errnum, "mount source %s: %s", path,
		       errnum == -ENOENT ? "missing" : err_text(-errnum));
}

int init_source(struct init *in, const struct step_source *s, struct err *e)
{
	unsigned int flags = 0;

	if (s->slot < 0 || in->slots[s->slot] >= 0)
		return err_set(e, EPROTO, "plan: bad slot for %s", s->path);
	if (s->flags & STEP_SOURCE_RECURSIVE)
		flags |= SYS_AT_RECURSIVE;
	if (s->flags & STEP_SOURCE_NOFOLLOW)
		flags |= AT_SYMLINK_NOFOLLOW;
	/* Where it is set the kernel has the call for it. */
	const struct sys_mount_attr cut = { .propagation = s->propagation };
	int fd = s->propagation ? init_clone_with(AT_FDCWD, s->path, flags, &cut) : init_clone(s->path, flags);
	if (fd == -EINVAL && s->propagation)
		return err_set(e, EINVAL, "mount source %s: the host's mount is unbindable", s->path);
	if (fd < 0 && s->device)
		return err_set(e, -fd, "%s: open the host's %s, since no node can be made here: %s", s->device, s->path,
			       fd == -ENOENT ? "missing" : err_text(-fd));
	if (fd < 0)
		return source_error(e, fd, s->path);
	in->slots[s->slot] = fd;
	return 0;
}

/* ---- destinations -------------------------------------------------------------------------------------- */

/*
 * What may be mounted below /proc: files that lxcfs and engines replace. Anything else there could stand in
 * for what a later step trusts (attr/exec and its kin).
 */
static bool allowed_below_proc(const char *path)
{
	static const char *const files[] = {
		"/proc/cpuinfo",
		"/proc/diskstats",
		"/proc/meminfo",
		"/proc/stat",
		"/proc/swaps",
		"/proc/uptime",
		"/proc/loadavg",
		"/proc/slabinfo",
		"/proc/net/dev",
		"/proc/sys/kernel/ns_last_pid",
		"/proc/sys/crypto/fips_enabled",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(path, files[i]) == 0)
			return true;
	return false;
}

static bool is_proc(const struct step_mount *m)
{
	return m->fstype && strcmp(m->fstype, "proc") == 0;
}

static bool is_kernel_fs(const struct step_mount *m)
{
	return is_proc(m) || (m->fstype && strcmp(m->fstype, "sysfs") == 0);
}

/* Whether `fd` is what the container will see as /proc. */
static bool is_the_proc(const struct init *in, int fd)
{
	struct stat a, b;
	auto_close int proc = path_open_strict(in->root, "/proc", O_PATH);

	return proc >= 0 && fstat(proc, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* "/proc/X" in any spelling without "." and "..", as its part behind "/proc"; NULL for other paths. */
static const char *below_proc(const char *path)
{
	path += strspn(path, "/");
	if (strncmp(path, "proc", 4) != 0 || (path[4] && path[4] != '/'))
		return NULL;
	return path + 4 + strspn(path + 4, "/");
}

/*
 * What stands at /proc must be proc, and of the files in it only those that say nothing about privilege may
 * be replaced (CVE-2019-16884, CVE-2015-3631). `direct`: no link was followed, so that the text is the place.
 * `tree`: what is to be mounted, when it is a bind.
 */
static int check_proc(const struct init *in, const struct step_mount *m, int fd, bool direct, int tree,
		      struct err *e)
{
	const char *below = below_proc(m->destination);
	bool dots = strstr(m->destination, "/.");
	bool there = direct && !dots ? below && !*below : is_the_proc(in, fd);

	if (there && !is_proc(m) && !(tree >= 0 && init_is_proc_root(tree)))
		return err_set(e, EPERM, "mount at %s: only proc itself may be there", m->destination);
	if (there)
		return 0;
	if (((below && *below) || init_is_procfs(fd)) && !allowed_below_proc(m->destination))
		return err_set(e, EPERM, "mount at %s: is inside proc, where only some files may be replaced",
			       m->destination);
	return 0;
}

static int strict_error(const struct step_mount *m, int errnum, struct err *e)
{
	return err_set(e, -errnum, "mount at %s: %s", m->destination,
		       errnum == -ELOOP ? "a symbolic link is on the way" : err_text(-errnum));
}

/*
 * The destination as an open O_PATH descriptor, made where it is missing. `found`: what is there where no link is on the
 * way, or -errno.
 */
static int open_destination(struct init *in, const struct step_mount *m, int tree, int found, struct err *e)
{
	struct stat st = { .st_mode = S_IFDIR };

	/* proc and sysfs go to real directories only: with a link /proc could be something else. */
	bool strict = is_kernel_fs(m) || m->flags & STEP_MOUNT_DEST_NOFOLLOW;
	auto_close int fd = found;
	bool direct = fd >= 0;

	if (strict && fd < 0 && fd != -ENOENT)
		return strict_error(m, fd, e);
	if (!direct) {
		if (tree >= 0 && fstat(tree, &st) < 0)
			return err_sys(e, errno, "examine the source of the mount at %s", m->destination);
		fd = path_make(in->root, m->destination, S_ISDIR(st.st_mode) ? PATH_DIR : PATH_FILE, e);
		if (fd < 0)
			return err_in(e, "mount at %s", m->destination);
	}
	if (strict && !direct) {
		(void)close(fd);
		fd = path_open_strict(in->root, m->destination, O_PATH);
		if (fd < 0)
			return strict_error(m, fd, e);
	}
	int r = check_proc(in, m, fd, direct, tree, e);
	return r < 0 ? r : TAKE_FD(fd);
}

/* ---- attributes ---------------------------------------------------------------------------------------- */

/* The first of the flags to be cleared that the mount has; a recursive change may fail for one further down. */
static const char *locked_flag(int fd, const struct sys_mount_attr *attr)
{
	static const struct {
		uint64_t attr;
		unsigned long shown;
		const char *name;
	} flags[] = { { SYS_MOUNT_ATTR_RDONLY, ST_RDONLY, "ro" },
		      { SYS_MOUNT_ATTR_NOSUID, ST_NOSUID, "nosuid" },
		      { SYS_MOUNT_ATTR_NODEV, ST_NODEV, "nodev" },
		      { SYS_MOUNT_ATTR_NOEXEC, ST_NOEXEC, "noexec" } };
	struct statvfs fs;

	if (fstatvfs(fd, &fs) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
			if (attr->attr_clr & flags[i].attr && fs.f_flag & flags[i].shown)
				return flags[i].name;
	return attr->attr_clr & SYS_MOUNT_ATTR__ATIME ? "the access time flag" : "a flag";
}

static int set_attr(int fd, unsigned int flags, const struct sys_mount_attr *attr, const struct step_mount *m,
		    struct err *e)
{
	int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, attr);

	if (r == -EPERM && attr->attr_clr)
		return err_set(e, EPERM,
			       "mount at %s: %s of the source is locked by the caller's user namespace and "
			       "cannot be changed",
			       m->destination, locked_flag(fd, attr));
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
			return err_sys(e, r,
				       "map the ids of the mount at %s: the filesystem may not support it",
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

/* ---- attaching ----------------------------------------------------------------------------------------- */

/* What a missing destination is made as: a directory for a filesystem, for a bind what its source is. */
static int make_at(int dir, const char *name, int tree, bool is_bind)
{
	struct stat st = { .st_mode = S_IFDIR };

	if (is_bind && fstat(tree, &st) < 0)
		return -errno;
	int r = S_ISDIR(st.st_mode) ? mkdirat(dir, name, 0755) : mknodat(dir, name, S_IFREG | 0644, 0);
	return r < 0 ? -errno : 0;
}

/* What is there is no link, and on the filesystem of its directory. */
static int look_in_row(struct init *in, int dir, const char *name)
{
	struct stat st;

	if (!in->dir_dev) {
		if (fstat(dir, &st) < 0)
			return -errno;
		in->dir_dev = st.st_dev;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? -ELOOP : st.st_dev != in->dir_dev ? -EXDEV : 0;
}

/*
 * To a name in a directory that is at hand: made where it is missing, and covered by that name, which no link can stand in
 * for. Neither the directory nor what is in it on the same filesystem is a part of proc. 0, or -errno with no text: then it
 * is looked for.
 */
static int attach_in_row(struct init *in, const struct step_mount *m, bool is_bind, int tree, bool missing)
{
	const char *name;
	int dir = below_proc(m->destination) ? -EPERM : init_dir_of(in, m->destination, &name), r = -EEXIST;

	if (dir < 0)
		return dir;
	if (!in->dir_is_plain && init_is_procfs(dir))
		return -EPERM;
	in->dir_is_plain = true;
	/* As the last one was, this one is too. */
	in->dir_lacks |= missing;
	if (in->dir_lacks)
		r = make_at(dir, name, tree, is_bind);
	in->dir_lacks &= r == 0;
	if (r == -EEXIST)
		r = look_in_row(in, dir, name);
	if (r == -ENOENT) {
		r = make_at(dir, name, tree, is_bind);
		in->dir_lacks = r == 0;
	}
	return r < 0 ? r : init_attach_at(tree, dir, name);
}

/* To open a directory for one or two takes more than it saves. */
static bool is_row(struct init *in, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;
	bool sibling = n > 1 && in->mounted_last && strncmp(in->mounted_last, path, n) == 0 && !strchr(in->mounted_last + n, '/');

	in->siblings = sibling ? in->siblings + 1 : 0;
	in->mounted_last = path;
	return (in->dir_is_plain && init_in_row(in, path)) || in->siblings >= 3;
}

/* Copies into the still detached tmpfs what its destination holds, and makes it read-only if it was to be. */
static int copy_up(int to, int tree, const struct step_mount *m, struct err *e)
{
	const struct sys_mount_attr ro = { .attr_set = SYS_MOUNT_ATTR_RDONLY };
	int r = copy_tree(to, tree, e);

	if (r < 0)
		return err_in(e, "tmpcopyup at %s", m->destination);
	if (!((m->attr_set & SYS_MOUNT_ATTR_RDONLY) | (m->ms_flags & MS_RDONLY)))
		return 0;
	return set_attr(tree, 0, &ro, m, e);
}

/* To its destination. `is_bind`: it was somewhere before. */
static int attach(struct init *in, int tree, const struct step_mount *m, bool is_bind, struct err *e)
{
	bool copies = m->flags & STEP_MOUNT_TMPCOPYUP;

	in->attached_direct = false;
	if (!m->destination[strspn(m->destination, "/")])
		return err_bad(e, "mount at /: that is where root.path is");
	if (is_row(in, m->destination) && !copies && attach_in_row(in, m, is_bind, tree, false) == 0)
		return 0;
	int found = path_open_strict(in->root, m->destination, O_PATH);
	if (found == -ENOENT && !copies && attach_in_row(in, m, is_bind, tree, true) == 0)
		return 0;
	bool direct = found >= 0;
	int to = open_destination(in, m, is_bind ? tree : -1, found, e);
	if (to < 0)
		return to;
	int r = copies ? copy_up(to, tree, m, e) : 0;
	if (r == 0)
		r = init_attach(tree, to, e, m->destination);
	init_leave(in, &to);
	if (direct)
		init_covered(in, m->destination);
	else
		init_forget_dir(in); /* it may be the one that was covered */
	in->attached_direct = direct;
	in->own_proc |= r == 0 && direct && is_proc(m) && strcmp(m->destination, "/proc") == 0;
	return r;
}

/* ---- binds --------------------------------------------------------------------------------------------- */

static int attach_bind(struct init *in, int tree, const struct step_mount *m, struct err *e)
{
	int r = set_attributes(in, tree, m, true, e);

	if (r < 0)
		return r;
	r = attach(in, tree, m, true, e);
	return r < 0 ? r : set_propagation(tree, m, e);
}

static int mount_bind(struct init *in, const struct step_mount *m, struct err *e)
{
	if (m->slot < 0)
		return err_set(e, EPROTO, "plan: bind at %s without a source", m->destination);
	int r = attach_bind(in, in->slots[m->slot], m, e);
	init_leave(in, &in->slots[m->slot]);
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
		auto_close int tree = init_clone(m->source, AT_SYMLINK_NOFOLLOW | deep);
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

/* ---- new filesystems ----------------------------------------------------------------------------------- */

/* What the filesystem itself says about a refused option, without its "e " prefix and newline. */
static int fs_error(int fs, int errnum, const char *what, const struct step_mount *m, struct err *e)
{
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n <= 2)
		return err_sys(e, errnum, "mount %s at %s: %s", m->fstype, m->destination, what);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_set(e, errnum < 0 ? -errnum : errnum, "mount %s at %s: %s", m->fstype, m->destination,
		       text + 2);
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
static int set_flags(int fs, const struct step_mount *m, uint64_t wanted, struct err *e)
{
	static const struct {
		uint64_t flag;
		const char *on, *off;
	} flags[] = { { MS_RDONLY, "ro", "rw" },
		      { MS_SYNCHRONOUS, "sync", "async" },
		      { MS_DIRSYNC, "dirsync", NULL },
		      { MS_MANDLOCK, "mand", "nomand" },
		      { MS_LAZYTIME, "lazytime", "nolazytime" } };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const char *word = wanted & flags[i].flag ? flags[i].on : m->ms_clear & flags[i].flag ? flags[i].off : NULL;
		if (!word)
			continue;
		int r = sys_fsconfig(fs, SYS_FSCONFIG_SET_FLAG, word, NULL, 0);
		if (r < 0)
			return fs_error(fs, r, word, m, e);
	}
	return 0;
}

static int configure(int fs, const struct step_mount *m, const char *extra_key, const char *extra,
		     struct err *e)
{
	int r = m->source ? sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, "source", m->source, 0) : 0;

	if (r < 0)
		return fs_error(fs, r, "source", m, e);
	for (uint64_t i = 0; i < m->data.n; i++) {
		r = set_option(fs, m->data.v[i]);
		if (r < 0)
			return fs_error(fs, r, m->data.v[i], m, e);
	}
	if (m->label && !(m->flags & STEP_MOUNT_LABEL_ROOT) &&
	    (r = sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, "context", m->label, 0)) < 0)
		return fs_error(fs, r, "context", m, e);
	if (extra && (r = sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, extra_key, extra, 0)) < 0)
		return fs_error(fs, r, extra, m, e);
	/* What is copied up must be written first. */
	return set_flags(fs, m, m->ms_flags & ~(m->flags & STEP_MOUNT_TMPCOPYUP ? (uint64_t)MS_RDONLY : 0),
			 e);
}

/* A detached mount of a new filesystem; -EPERM is left to the caller, who may have something else. */
static int make_fs(struct init *in, const struct step_mount *m, const char *extra_key, const char *extra, struct err *e)
{
	auto_close int fs = sys_fsopen(m->fstype, SYS_FSOPEN_CLOEXEC);

	if (fs == -ENODEV)
		return err_set(e, ENODEV, "mount at %s: filesystem %s is unknown to the kernel",
			       m->destination, m->fstype);
	if (fs < 0)
		return err_sys(e, fs, "mount %s at %s", m->fstype, m->destination);
	int r = configure(fs, m, extra_key, extra, e);
	if (r < 0)
		return r;
	r = sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return fs_error(fs, r, "create", m, e);
	uint64_t later = m->flags & STEP_MOUNT_TMPCOPYUP ? SYS_MOUNT_ATTR_RDONLY : 0;
	int fd = sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC, (unsigned int)(m->attr_set & ~later));
	if (fd < 0)
		return fs_error(fs, fd, "mount", m, e);
	init_leave(in, &fs);
	return fd;
}

/*
 * iversion has no name for fsconfig(2): set by a classic remount of what was just attached, through its
 * descriptor. The call sets the mount's flags too, so they are repeated; they have the same bits in both
 * interfaces.
 */
static int set_iversion(int tree, const struct step_mount *m, struct err *e)
{
	const uint64_t same = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	unsigned long flags =
		MS_REMOUNT | MS_I_VERSION | (unsigned long)(m->attr_set & same) |
		(unsigned long)(m->ms_flags & (MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK | MS_LAZYTIME));
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
	if (mount(NULL, path, NULL, flags, NULL) < 0)
		return err_sys(e, errno, "set iversion of the mount at %s", m->destination);
	/* The access time class and nosymfollow are no part of that. */
	const struct sys_mount_attr attr = { .attr_set = m->attr_set, .attr_clr = m->attr_clr };
	return attr.attr_set || attr.attr_clr ? set_attr(tree, 0, &attr, m, e) : 0;
}

static int label_root(int tree, const struct step_mount *m, struct err *e)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
	if (setxattr(path, "security.selinux", m->label, strlen(m->label) + 1, 0) < 0)
		return err_sys(e, errno, "label the mount at %s", m->destination);
	return 0;
}

/* What a user namespace may not mount anew: a proc that shows processes only, the host's sysfs as it is. */
static int make_fallback(struct init *in, const struct step_mount *m, bool *ret_clone, struct err *e)
{
	if (m->flags & STEP_MOUNT_PROC_SUBSET) {
		int fd = make_fs(in, m, "subset", "pid", e);
		return fd == -EPERM ? err_set(e, EPERM, "mount proc at %s: permission denied: a part of the caller's own "
							"/proc is hidden, and for that reason this kernel refuses a new "
							"one, with subset=pid too", m->destination)
				    : fd;
	}
	if (m->flags & STEP_MOUNT_SYSFS_FALLBACK) {
		int fd = init_clone("/sys", SYS_AT_RECURSIVE);
		*ret_clone = true;
		return fd < 0 ? source_error(e, fd, "/sys") : fd;
	}
	return -e->code;
}

/* In place of a filesystem of the container's own: no part of it may be more than that would have been. */
static int restrict_clone(int tree, const struct step_mount *m, struct err *e)
{
	const struct sys_mount_attr all = { .attr_set = m->attr_set & ~(uint64_t)SYS_MOUNT_ATTR__ATIME };

	return all.attr_set ? set_attr(tree, SYS_AT_RECURSIVE, &all, m, e) : 0;
}

/* What a tmpfs has for a mode when nothing says one; a mount point made for it gets it too, so that a second start finds it. */
void init_open_to_all(int point)
{
	auto_close int fd = path_open_here(point, ".", O_RDONLY | O_DIRECTORY);

	if (fd >= 0)
		(void)!fchmod(fd, 01777);
}

/* The mode of the directory at the destination; NULL: there is none, or there was none. */
static const char *covered_mode(const struct init *in, const struct step_mount *m, char ret[static 8])
{
	struct stat st;
	struct err ignored; /* said when it is attached */
	auto_close int fd = path_open(in->root, m->destination, O_PATH);

	if (fd == -ENOENT && !(m->flags & STEP_MOUNT_DEST_NOFOLLOW)) {
		auto_close int made = path_make(in->root, m->destination, PATH_DIR, &ignored);
		if (made >= 0)
			init_open_to_all(made);
	}
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return NULL;
	(void)snprintf(ret, 8, "%o", (unsigned int)(st.st_mode & 07777));
	return ret;
}

static int mount_new(struct init *in, const struct step_mount *m, struct err *e)
{
	bool clone = false;
	char mode[8];
	const char *covered = m->flags & STEP_MOUNT_COVERED_MODE ? covered_mode(in, m, mode) : NULL;
	auto_close int tree = make_fs(in, m, "mode", covered, e);

	if (tree == -EPERM)
		tree = make_fallback(in, m, &clone, e);
	if (tree < 0)
		return tree;
	int r = clone ? restrict_clone(tree, m, e) : set_attributes(in, tree, m, false, e);
	if (r == 0 && m->flags & STEP_MOUNT_LABEL_ROOT && !clone)
		r = label_root(tree, m, e);
	if (r < 0)
		return r;
	r = attach(in, tree, m, false, e);
	if (r == 0 && m->ms_flags & MS_I_VERSION && !clone)
		r = set_iversion(tree, m, e);
	if (r == 0)
		r = set_propagation(tree, m, e);
	if (r == 0 && in->attached_direct && strcmp(m->fstype, "tmpfs") == 0 && !(m->flags & STEP_MOUNT_TMPCOPYUP))
		init_into_new(in, m->destination, &tree);
	init_leave(in, &tree);
	return r;
}

/* ---- remounts ------------------------------------------------------------------------------------------ */

static int mount_remount(struct init *in, const struct step_mount *m, struct err *e)
{
	auto_close int on = path_open(in->root, m->destination, O_PATH);

	if (on < 0)
		return err_set(e, -on, "remount %s: %s", m->destination,
			       on == -ENOENT ? "missing" : err_text(-on));
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
	return mount_new(in, m, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root filesystem: made a mount, masked, and entered. What is masked is looked at by its name in a directory that
 * path.c found, and never through a link.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../base/path.h"
#include "init.h"

static int root_error(struct err *e, int errnum, const char *path)
{
	return err_set(e, -errnum, "root filesystem %s: %s", path,
		       errnum == -ENOENT ? "missing" : err_text(-errnum));
}

/*
 * Cloned while the host's /dev is in sight: what covers masked files must be the real thing (D4). Private: nothing of
 * the host's /dev arrives in it later, and a checkpoint need not know the host's mounts.
 */
static int clone_null(struct init *in, struct err *e)
{
	const struct sys_mount_attr alone = { .propagation = MS_PRIVATE };
	struct stat st;
	int r = in->null = init_clone_with(AT_FDCWD, "/dev/null", AT_SYMLINK_NOFOLLOW, &alone);

	if (r == -ENOSYS)
		in->null = init_clone("/dev/null", AT_SYMLINK_NOFOLLOW);
	if (in->null < 0)
		return err_sys(e, in->null, "open the host's /dev/null");
	if (fstat(in->null, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(e, EINVAL, "the host's /dev/null is not the null device");
	r = r < 0 ? sys_mount_setattr(in->null, "", AT_EMPTY_PATH, &alone) : 0;
	return r < 0 ? err_sys(e, r, "cut the host's /dev/null off") : 0;
}

/*
 * Until here we are in the host's mount namespace and have attached nothing in it (D24); from here on no path leads to a
 * mount of the host's. The root is a peer of the host's mount until it is cut off, and nobody mounts in it before that.
 */
static int enter_alone(struct init *in, const struct step_root *s, struct err *e)
{
	const struct sys_mount_attr cut = { .propagation = s->alone };
	auto_close int ns = init_tree_namespace(s->path);
	struct stat st;

	if (ns < 0 && fstatat(AT_FDCWD, s->path, &st, 0) == 0 && !S_ISDIR(st.st_mode))
		return root_error(e, -ENOTDIR, s->path);
	if (ns == -EINVAL)
		return err_set(e, EINVAL, "root filesystem %s: the host's mount is unbindable", s->path);
	if (ns < 0)
		return root_error(e, ns, s->path);
	if (setns(ns, CLONE_NEWNS) < 0)
		return err_sys(e, errno, "enter the mount namespace of the root filesystem");
	init_leave(in, &ns);
	in->root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->root < 0)
		return err_sys(e, errno, "open the root filesystem");
	int r = sys_mount_setattr(in->root, "", AT_EMPTY_PATH | SYS_AT_RECURSIVE, &cut);
	return r < 0 ? err_sys(e, r, "cut the mount namespace off from the host's") : 0;
}

/* Into the root of the mount namespace, which is where setns(2) leads. */
static int leave_chroot(struct init *in, struct err *e)
{
	auto_close int self = sys_pidfd_open(getpid(), 0);

	if (self < 0)
		return err_sys(e, self, "look for a chroot");
	if (setns(self, CLONE_NEWNS) < 0)
		return err_sys(e, errno, "look for a chroot%s", errno == EPERM ? " (needs CAP_SYS_CHROOT)" : "");
	init_leave(in, &self);
	return 0;
}

/* Back, where `before` is another one; notes that it is so. */
static int enter_chroot(struct init *in, int before, struct err *e)
{
	struct sys_place was, is;
	int r = sys_place(before, "", AT_EMPTY_PATH, &was);

	if (r >= 0)
		r = sys_place(AT_FDCWD, "/", 0, &is);
	if (r < 0)
		return err_sys(e, r, "look for a chroot");
	if (was.mount == is.mount && was.ino == is.ino)
		return 0;
	in->in_chroot = true;
	return fchdir(before) < 0 || chroot(".") < 0 ? err_sys(e, errno, "enter the chroot again") : 0;
}

/*
 * All of the namespace, also what is around a chroot of the caller's: it goes when the root is exchanged, and what is shared
 * would go on the host too. Until then the caller's paths are those of the chroot.
 */
int init_propagation(struct init *in, const struct step_propagation *s, struct err *e)
{
	auto_close int here = s->chroot ? openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;

	if (s->chroot && here < 0)
		return err_sys(e, errno, "open /");
	if (s->chroot && leave_chroot(in, e) < 0)
		return -e->code;
	if (mount(NULL, "/", NULL, (unsigned long)s->flags, NULL) < 0)
		return err_sys(e, errno, "cut the mount namespace off from the host's");
	in->cut_off = s->flags & MS_REC && s->flags & (MS_SLAVE | MS_PRIVATE);
	if (s->chroot && enter_chroot(in, here, e) < 0)
		return -e->code;
	init_leave(in, &here);
	return 0;
}

int init_root(struct init *in, const struct step_root *s, struct err *e)
{
	auto_close int fd = -EBADF;

	if (!s->new_ns) {
		in->root = openat(AT_FDCWD, s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return in->root < 0 ? root_error(e, -errno, s->path) : 0;
	}
	int r = clone_null(in, e);
	if (r < 0 || s->alone)
		return r < 0 ? r : enter_alone(in, s, e);
	if (s->slot >= 0)
		fd = take_fd(&in->slots[s->slot]);
	else
		fd = init_clone(s->path, SYS_AT_RECURSIVE);
	if (fd < 0)
		return root_error(e, fd, s->path);
	/* At its own path: hooks that come before pivot_root enter this mount namespace and add to the root there, by
	 * the name that the host has for it. Where that name cannot be opened (a mapped root in somebody's directory),
	 * on top of "/". */
	in->place = openat(AT_FDCWD, s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->place < 0)
		in->place = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->place < 0)
		return err_sys(e, errno, "open /");
	r = init_attach(fd, in->place, e, s->path);
	struct stat st;
	if (r < 0 && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)))
		return root_error(e, -ENOTDIR, s->path);
	if (r == 0)
		in->root = TAKE_FD(fd);
	return r;
}

int init_root_fd(struct init *in, struct err *e)
{
	if (in->root >= 0)
		return 0;
	in->root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return in->root < 0 ? err_sys(e, errno, "open /") : 0;
}

/* An empty directory that nobody can write to, detached; or -errno. */
static int new_empty(struct init *in)
{
	auto_close int fs = sys_fsopen("tmpfs", SYS_FSOPEN_CLOEXEC);
	int r = fs < 0 ? fs : sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, "nr_inodes", "1", 0);

	if (r == 0)
		r = sys_fsconfig(fs, SYS_FSCONFIG_SET_FLAG, "ro", NULL, 0);
	if (r == 0)
		r = sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r == 0)
		r = sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC, SYS_MOUNT_ATTR_RDONLY | SYS_MOUNT_ATTR_NOSUID | SYS_MOUNT_ATTR_NODEV |
								 SYS_MOUNT_ATTR_NOEXEC);
	init_leave(in, &fs);
	return r;
}

static int change_root(struct init *in, struct err *e)
{
	if (fchdir(in->root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, errno, "enter the root filesystem");
	in->entered = true;
	return 0;
}

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* An image's may be anything, also a FIFO that would wait. */
static int open_own_null(void)
{
	auto_close int fd = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !is_null(&st))
		return -1;
	(void)fcntl(fd, F_SETFL, 0);
	return TAKE_FD(fd);
}

/*
 * A standard stream that is the host's /dev/null becomes the container's: a descriptor of a mount outside of it
 * could not be checkpointed. Where it has none the stream stays as it is.
 */
static void take_own_null(struct init *in)
{
	struct stat st;
	int own = -1;

	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || !is_null(&st))
			continue;
		if (own < 0 && (own = open_own_null()) < 0)
			break;
		(void)dup2(own, fd);
	}
	init_leave(in, &own);
}

/*
 * Below a root that is only moved the old one stays, and with it a proc and a sysfs of which nothing is masked. While one
 * is in the mount namespace the kernel lets a user namespace in the container mount another (mount_too_revealing), so
 * none stays. A mount that is locked, since this namespace belongs to a user namespace, is covered instead.
 */
static int hide(struct init *in, const char *path, struct err *e)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	auto_close int place = openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "hide %s", path); /* below what is hidden already */
	auto_close int empty = new_empty(in);
	return empty < 0 ? err_sys(e, empty, "hide %s", path) : init_attach(empty, place, e, path);
}

/* As MS_MOVE has it, by descriptors. */
static int move_root(struct init *in, const struct step_pivot *s, struct err *e)
{
	for (size_t i = 0; i < s->hidden.n; i++) {
		int r = hide(in, s->hidden.v[i], e);
		if (r < 0)
			return r;
	}
	auto_close int top = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_sys(e, errno, "open /");
	return init_attach(in->root, top, e, "/");
}

int init_pivot(struct init *in, const struct step_pivot *s, struct err *e)
{
	init_leave(in, &in->place);
	if (s->mode == PIVOT_DONE) {
		in->entered = true;
		take_own_null(in);
		return 0;
	}
	if (in->in_chroot && s->mode == PIVOT_MOVE)
		return err_set(e, EINVAL, "--no-pivot: the caller is in a chroot, and what is around it would stay");
	/* pivot_root(2) would exchange what is at the chroot's place, and the namespace's own root would stay the host's (D25). */
	if (in->in_chroot && s->mode == PIVOT_ROOT && leave_chroot(in, e) < 0)
		return -e->code;
	if (s->mode == PIVOT_MOVE) {
		int r = move_root(in, s, e);
		if (r < 0)
			return r;
	}
	if (s->mode != PIVOT_ROOT)
		return change_root(in, e);
	auto_close int old = in->cut_off ? -EBADF : openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 && !in->cut_off)
		return err_sys(e, errno, "open the old root");
	if (fchdir(in->root) < 0)
		return err_sys(e, errno, "enter the root filesystem");
	int r = sys_pivot_root(".", ".");
	if (r < 0)
		return err_sys(e, r, "pivot_root");
	/*
	 * The old root is now on top of the new one, where our root and our working directory are; umount2() of "." finds it
	 * there (pivot_root(2)). Nothing of it may propagate back while it goes.
	 */
	if ((old >= 0 && (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)) || umount2(".", MNT_DETACH) < 0)
		return err_sys(e, errno, "detach the old root");
	if (old >= 0 && chdir("/") < 0)
		return err_sys(e, errno, "enter the root filesystem");
	in->entered = true;
	take_own_null(in);
	return 0;
}

int init_root_attr(struct init *in, const struct step_root_attr *s, struct err *e)
{
	const struct sys_mount_attr how = { .propagation = s->propagation & ~(uint64_t)MS_REC };
	const struct sys_mount_attr ro = { .attr_set = SYS_MOUNT_ATTR_RDONLY };
	int r = 0;

	if (s->propagation)
		r = sys_mount_setattr(in->root, "", AT_EMPTY_PATH | (s->propagation & MS_REC ? SYS_AT_RECURSIVE : 0), &how);
	if (r < 0)
		return err_sys(e, r, "set linux.rootfsPropagation");
	if (s->readonly)
		r = sys_mount_setattr(in->root, "", AT_EMPTY_PATH, &ro);
	return r < 0 ? err_sys(e, r, "make the root filesystem read-only") : 0;
}

/* ---- masked and read-only paths ------------------------------------------------------------------------ */

/* The path as it is now, or -1 when it does not exist: only that may be passed over. */
static int open_existing(struct init *in, const char *path, const char *what, int *ret, struct err *e)
{
	int fd = path_open(in->root, path, O_PATH);

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*ret = -1;
		return 0;
	}
	if (fd < 0)
		return err_set(e, -fd, "%s %s: %s", what, path,
			       fd == -EAGAIN ? "the root filesystem is being modified concurrently"
					     : err_text(-fd));
	*ret = fd;
	return 0;
}

/* Where something is to be attached: an open destination, or a name in a directory of a row. */
struct spot {
	int fd;
	const char *name; /* NULL: the descriptor itself */
};

/* What covers is attached itself the first time, and cloned from there afterwards. */
static int cover(struct init *in, int with, bool *attached, const struct spot *to)
{
	auto_close int clone = *attached ? init_clone_fd(with, 0) : -EBADF;
	int r = *attached && clone < 0 ? clone : init_attach_at(*attached ? clone : with, to->fd, to->name);

	*attached |= r == 0;
	if (r == 0)
		init_leave(in, &clone);
	return r;
}

/* One empty read-only directory for all. */
static int make_empty(struct init *in, const char *path, struct err *e)
{
	in->empty = new_empty(in);
	if (in->empty < 0)
		return err_sys(e, in->empty, "mask %s", path);
	struct stat st;
	if (fstat(in->empty, &st) < 0)
		return err_sys(e, errno, "mask %s", path);
	in->empty_at = (struct init_place){ st.st_dev, st.st_ino };
	return 0;
}

/*
 * A path whose directory is at hand and which is no link: 1 with what is there, 0 when nothing is there, or -errno with
 * no text, upon which it is to be looked up in the ordinary way. `st` NULL: perhaps nothing is there.
 */
static int find_in_row(struct init *in, const char *path, struct stat *st, struct spot *ret)
{
	int dir = init_dir_of(in, path, &ret->name);

	ret->fd = dir;
	if (dir == -ENOENT || dir == -ENOTDIR)
		return 0;
	if (dir < 0)
		return dir;
	if (!st)
		return 1;
	if (fstatat(dir, ret->name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISLNK(st->st_mode) ? -ELOOP : 1;
}

static int mask_at(struct init *in, const struct spot *to, const struct stat *st, const char *path, struct err *e)
{
	bool dir = S_ISDIR(st->st_mode);
	int r = dir && in->empty < 0 ? make_empty(in, path, e) : 0;

	return r < 0 ? r : cover(in, dir ? in->empty : in->null, dir ? &in->empty_attached : &in->null_attached, to);
}

int init_mask(struct init *in, const struct step_mask *s, struct err *e)
{
	auto_close int to = -EBADF;
	struct spot spot;
	struct stat st;
	uint32_t index = in->n_places;
	int r = find_in_row(in, s->path, &st, &spot);

	if (r >= 0) {
		init_note_place(in, r > 0 ? &st : NULL);
		if (r == 0 || mask_at(in, &spot, &st, s->path, e) == 0)
			return 0;
	}
	/* Not in that way: a link, or somebody exchanges what is there. */
	in->n_places = index;
	init_forget_dir(in);
	r = open_existing(in, s->path, "mask", &to, e);
	if (r < 0)
		return r;
	if (to >= 0 && fstat(to, &st) < 0)
		return err_sys(e, errno, "mask %s", s->path);
	init_note_place(in, to >= 0 ? &st : NULL);
	if (to < 0)
		return 0;
	r = mask_at(in, &(struct spot){ .fd = to }, &st, s->path, e);
	return r < 0 ? err_sys(e, r, "mask %s", s->path) : 0;
}

int init_readonly(struct init *in, const struct step_readonly *s, struct err *e)
{
	const struct sys_mount_attr ro = { .attr_set = SYS_MOUNT_ATTR_RDONLY };
	auto_close int to = -EBADF;
	struct spot spot;
	struct stat st = { .st_ino = 1 }; /* something, should it not be looked at */
	uint32_t index = in->n_places;
	int r = find_in_row(in, s->path, init_is_fixed(in, s->path) ? NULL : &st, &spot);

	if (r >= 0) {
		auto_close int clone = r == 0 ? -ENOENT : init_clone_with(spot.fd, spot.name, SYS_AT_RECURSIVE | AT_SYMLINK_NOFOLLOW, &ro);
		bool nothing = clone == -ENOENT;
		init_note_place(in, nothing ? NULL : &st);
		if (nothing || (clone >= 0 && init_attach_at(clone, spot.fd, spot.name) == 0)) {
			init_leave(in, &clone);
			return 0;
		}
	}
	/* Not in that way: a link, a kernel before Linux 6.15, or somebody exchanges what is there. */
	in->n_places = index;
	init_forget_dir(in);
	r = open_existing(in, s->path, "make read-only", &to, e);
	if (r < 0)
		return r;
	if (to >= 0 && fstat(to, &st) < 0)
		return err_sys(e, errno, "make %s read-only", s->path);
	init_note_place(in, to >= 0 ? &st : NULL);
	if (to < 0)
		return 0;
	auto_close int tree = init_clone_fd(to, SYS_AT_RECURSIVE);
	if (tree < 0)
		return err_sys(e, tree, "make %s read-only", s->path);
	r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | SYS_AT_RECURSIVE, &ro);
	return r < 0 ? err_sys(e, r, "make %s read-only", s->path) : init_attach(tree, to, e, s->path);
}

/* ---- names, sysctls, working directory ----------------------------------------------------------------- */

int init_hostname(struct init *in, const struct step_hostname *s, struct err *e)
{
	(void)in;
	return sethostname(s->name, strlen(s->name)) < 0 ? err_sys(e, errno, "set hostname") : 0;
}

int init_domainname(struct init *in, const struct step_domainname *s, struct err *e)
{
	(void)in;
	return setdomainname(s->name, strlen(s->name)) < 0 ? err_sys(e, errno, "set domainname") : 0;
}

/* /proc/sys shows the namespaces of whoever opens it, so any procfs will do, the host's as well. */
int init_sysctl(struct init *in, const struct step_sysctl *s, struct err *e)
{
	char path[512];
	int len = snprintf(path, sizeof(path), "sys/%s", s->path);

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(e, ENAMETOOLONG, "set sysctl %s: the name is too long", s->key);
	for (const char *p = s->path; p; p = (p = strchr(p, '/')) ? p + 1 : NULL)
		if (strncmp(p, "..", 2) == 0 && (!p[2] || p[2] == '/'))
			return err_bad(e, "set sysctl %s: \"..\" is not a name", s->key);
	/* The host's is at hand nearly always. */
	in->proc_is_root |= in->proc >= 0 && !in->proc_is_root && init_is_proc_root(in->proc);
	auto_close int fd = in->proc_is_root ? path_open_here(in->proc, path, O_WRONLY) : -EXDEV;
	if (fd == -EXDEV || fd == -EROFS)
		fd = init_proc_open(path, O_WRONLY);
	if (fd < 0)
		return err_set(e, -fd, "set sysctl %s: %s", s->key,
			       fd == -ENOENT ? "unknown to this kernel" : err_text(-fd));
	size_t n = strlen(s->value);
	ssize_t w = write(fd, s->value, n);
	if (w < 0)
		return err_sys(e, errno, "set sysctl %s", s->key);
	init_leave(in, &fd);
	return w == (ssize_t)n ? 0 : err_set(e, EINVAL, "set sysctl %s: only a part was taken", s->key);
}

int init_cwd_make(struct init *in, const struct step_cwd_make *s, struct err *e)
{
	struct err ignored;
	int fd = strcmp(s->path, "/") == 0 ? -EBADF : path_open(in->root, s->path, O_PATH);

	if (fd == -ENOENT) /* a root that cannot be written: chdir says so later, in its own words */
		fd = path_make(in->root, s->path, PATH_DIR, &ignored);
	fd_close(&fd);
	(void)e;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root filesystem and the bind sources where a privileged caller gives the container a user namespace. The
 * container's mount namespace is a copy of the host's, in which the kernel has locked what the host's mounts have: ro,
 * nosuid, nodev, noexec, the access times, and the mounts that cover something (mount_namespaces(7)). A clone made in
 * there keeps that, and nobody can undo it, root of the container neither (D23); one made in the host's would not.
 *
 * It takes the caller's privilege all the same: the container's ids may not reach a source, and may not map the ids of
 * a filesystem of the host's. So it is done by the part of us that forked, which is still outside of the user namespace
 * and ends afterwards. Of the container's root it makes mount points that are missing, and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../base/path.h"
#include "init.h"

/* The part behind the fork finds its slot filled. */
int init_tree(struct init *in, const struct step_tree *s, struct err *e)
{
	return s->slot >= 0 && in->slots[s->slot] >= 0 ? 0 : err_set(e, EPROTO, "plan: nobody cloned %s", s->path);
}

static unsigned int depth(const struct step_tree *s)
{
	return s->flags & STEP_SOURCE_RECURSIVE ? SYS_AT_RECURSIVE : 0;
}

static int enter(int pidfd, struct err *e)
{
	return setns(pidfd, CLONE_NEWNS) < 0 ? err_sys(e, errno, "enter a mount namespace to clone sources") : 0;
}

/* "missing" instead of the errno's text: engines take the latter for a missing program. */
static int clone_source(const struct step_tree *s, struct err *e)
{
	int fd = init_clone(s->path, depth(s) | (s->flags & STEP_SOURCE_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0U));

	return fd < 0 ? err_set(e, -fd, "open mount source %s: %s", s->path, fd == -ENOENT ? "missing" : err_text(-fd)) : fd;
}

/* rw, suid, noatime and so on take away what the source's mount has, and do so before it is locked or not at all. */
static int set_unlocked(int fd, const struct step_tree *s, struct err *e)
{
	const struct sys_mount_attr own = { .attr_set = s->attr_set, .attr_clr = s->attr_clr },
				    rec = { .attr_set = s->rec_set, .attr_clr = s->rec_clr };
	int r = 0;

	if (own.attr_set | own.attr_clr)
		r = sys_mount_setattr(fd, "", AT_EMPTY_PATH, &own);
	if (r == 0 && (rec.attr_set | rec.attr_clr))
		r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | SYS_AT_RECURSIVE, &rec);
	return r < 0 ? err_sys(e, r, "set the flags of mount source %s", s->path) : 0;
}

/* A clone of the host's own mount: nothing is locked, and nothing that happens to it reaches the host's. */
static int clone_of_host(const struct step_tree *s, struct err *e)
{
	const struct sys_mount_attr slave = { .propagation = MS_SLAVE };
	auto_close int host = sys_pidfd_open(getppid(), 0);

	if (host < 0)
		return err_sys(e, host, "open the host side");
	int r = enter(host, e);
	if (r < 0)
		return r;
	auto_close int tree = clone_source(s, e);
	if (tree < 0)
		return tree;
	r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | depth(s), &slave);
	if (r < 0)
		return err_sys(e, r, "cut mount source %s off from the host", s->path);
	r = set_unlocked(tree, s, e);
	return r < 0 ? r : TAKE_FD(tree);
}

/*
 * What cannot be had in the container's namespace although the caller may have it: a directory without the mounts below
 * it, which are locked there; one without flags that are locked there; one by a descriptor of the host's. It is cloned
 * from the host and then locked in the way the kernel knows: by a copy of a mount namespace in which it lies, for
 * another user namespace. That namespace is the container's, for a moment, on top of its "/", where no path leads; the
 * copy is one of ours that ends with us.
 */
static int clone_and_lock(int pidfd, const struct step_tree *s, struct err *e)
{
	auto_close int tree = clone_of_host(s, e);

	if (tree < 0)
		return tree;
	int r = enter(pidfd, e);
	if (r < 0)
		return r;
	auto_close int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_sys(e, errno, "open /");
	r = init_attach(tree, top, e, "/");
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, errno, "make a mount namespace to lock mount source %s", s->path);
	auto_close int locked = init_clone("/..", depth(s));
	if (locked < 0)
		return err_sys(e, locked, "lock the flags of mount source %s", s->path);
	r = enter(pidfd, e);
	if (r == 0 && umount2("/..", MNT_DETACH) < 0)
		r = err_sys(e, errno, "detach mount source %s", s->path);
	if (r == 0)
		r = enter(pidfd, e); /* its "/", which was hidden */
	return r < 0 ? r : TAKE_FD(locked);
}

static int clone_one(struct init *in, int pidfd, const struct step_tree *s, struct err *e)
{
	auto_close int tree = clone_source(s, e);
	int r = tree < 0 ? tree : set_unlocked(tree, s, e);

	if (tree < 0 ? r == -EINVAL : r == -EPERM) {
		fd_close(&tree);
		r = tree = clone_and_lock(pidfd, s, e);
	}
	if (r < 0)
		return r;
	if (s->idmap >= 0) {
		const struct sys_mount_attr map = { .attr_set = SYS_MOUNT_ATTR_IDMAP,
						    .userns_fd = (uint64_t)in->slots[s->idmap] };
		r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | (unsigned int)s->idmap_flags, &map);
		if (r < 0)
			return err_sys(e, r, "map the ids of %s: the filesystem may not support it", s->path);
		fd_close(&in->slots[s->idmap]);
	}
	in->slots[s->slot] = TAKE_FD(tree);
	return 0;
}

/* ---- mount points ---------------------------------------------------------------------------------------- */

/* An earlier mount lies above: what is missing is missing in that. Also for a text that does not say where it leads. */
static bool covered(const struct init *in, const struct step_mount *m)
{
	struct plan_cursor cursor = { 0 };
	struct step step;

	if (m->destination[0] != '/' || strstr(m->destination, "/.") || strstr(m->destination, "//"))
		return true;
	while (plan_next(in->plan, &cursor, &step) && step.arg != m) {
		if (step.op != STEP_MOUNT)
			continue;
		const char *above = ((const struct step_mount *)step.arg)->destination;
		size_t n = strlen(above);
		if (strncmp(m->destination, above, n) == 0 && m->destination[n] == '/')
			return true;
	}
	return false;
}

/*
 * In a root filesystem that is the caller's and not the container's, only the caller can make a mount point. It is made
 * as for a container without a user namespace (D1, D2), and belongs to whom the root belongs. What fails is said by the
 * part that mounts, which finds it missing.
 */
static void make_destination(const struct init *in, int root, const struct step_mount *m)
{
	auto_close int there = path_open(root, m->destination, O_PATH);
	int tree = m->slot >= 0 ? in->slots[m->slot] : -1;
	struct stat st;
	struct err ignored;

	if (there != -ENOENT || m->flags & (STEP_MOUNT_REMOUNT | STEP_MOUNT_COPY_SYMLINK) || covered(in, m))
		return;
	bool file = tree >= 0 && fstat(tree, &st) == 0 && !S_ISDIR(st.st_mode);
	int made = path_make(root, m->destination, file ? PATH_FILE : PATH_DIR, &ignored);
	if (made >= 0 && m->flags & STEP_MOUNT_COVERED_MODE)
		init_open_to_all(made);
	fd_close(&made);
}

/* The root filesystem, where it is the caller's own; else -1. */
static int own_root(const struct init *in, const struct step_root *s)
{
	struct stat st;

	return s->slot >= 0 && fstat(in->slots[s->slot], &st) == 0 && st.st_uid == geteuid() ? in->slots[s->slot] : -1;
}

int init_clone_trees(struct init *in, int pidfd, struct err *e)
{
	struct plan_cursor cursor = { 0 };
	struct step step;
	int root = -1, r = enter(pidfd, e);

	while (r == 0 && plan_next(in->plan, &cursor, &step)) {
		if (step.op == STEP_TREE)
			r = clone_one(in, pidfd, step.arg, e);
		if (step.op == STEP_ROOT)
			root = own_root(in, step.arg);
		if (step.op == STEP_OVERLAY)
			root = -1; /* what lies below a layer is not written */
		if (step.op == STEP_MOUNT && root >= 0)
			make_destination(in, root, step.arg);
	}
	return r;
}

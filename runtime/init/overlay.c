/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer of the container's own over its root filesystem, which is then never written: in memory, gone with
 * the container, or in a directory of the host. The layers are named by their descriptors, so no path has to be
 * quoted or looked up twice. Kernels before 6.15 want layers that are mounted in our namespace, so they are for a
 * moment; overlayfs keeps copies of its own, and under the new root nothing may stay that shows them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "init.h"

static int overlay_error(struct err *e, int errnum, const char *what, const struct step_overlay *s)
{
	return err_set(e, errnum < 0 ? -errnum : errnum, "overlay %s: %s: %s", s->dir ? s->dir : "tmpfs", what,
		       err_text(errnum < 0 ? -errnum : errnum));
}

/* By descriptor: a path would name whatever lies on top. */
static int detach(int fd, const struct step_overlay *s, struct err *e)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return umount2(path, MNT_DETACH) < 0 ? overlay_error(e, errno, "detach a layer", s) : 0;
}

/* What holds the layer: a new tmpfs, or the directory. */
static int open_store(const struct init *in, const struct step_overlay *s, struct err *e)
{
	if (s->dir) {
		int fd = openat(AT_FDCWD, s->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 ? overlay_error(e, errno, "open it", s) : fd;
	}
	auto_close int fs = sys_fsopen("tmpfs", SYS_FSOPEN_CLOEXEC);
	int r = fs < 0 ? fs : sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r == 0)
		r = sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC, SYS_MOUNT_ATTR_NODEV);
	if (r < 0)
		return overlay_error(e, r, "make it", s);
	auto_close int store = r;
	r = init_attach(store, in->place, e, "a layer");
	return r < 0 ? r : TAKE_FD(store);
}

/* The merged root shows the owner and mode of the upper directory: they are those of the root filesystem. */
static int make_upper(const struct init *in, int store, const struct step_overlay *s, struct err *e)
{
	struct stat st;

	if (mkdirat(store, "work", 0700) < 0 && errno != EEXIST)
		return overlay_error(e, errno, "make directory work", s);
	if (mkdirat(store, "upper", 0700) < 0)
		return errno == EEXIST ? 0 : overlay_error(e, errno, "make directory upper", s);
	if (fstat(in->root, &st) < 0)
		return err_sys(e, errno, "examine the root filesystem");
	auto_close int upper = openat(store, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0)
		return overlay_error(e, errno, "open directory upper", s);
	/* An owner that is not mapped stays away; the mode must be right or nobody gets in. */
	(void)!fchown(upper, st.st_uid, st.st_gid);
	return fchmod(upper, st.st_mode & 07777) < 0 ? overlay_error(e, errno, "set the mode of upper", s) : 0;
}

static int set_layers(int fs, int lower, int store, const struct step_overlay *s)
{
	const struct {
		const char *key, *suffix;
		int fd;
	} layers[] = { { "lowerdir", "", lower }, { "upperdir", "/upper", store }, { "workdir", "/work", store } };
	char path[64];
	int r = sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, "source", "ctr", 0);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(layers); i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d%s", layers[i].fd, layers[i].suffix);
		r = sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, layers[i].key, path, 0);
	}
	if (r == 0 && s->userxattr)
		r = sys_fsconfig(fs, SYS_FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
	return r == 0 ? sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0) : r;
}

int init_overlay(struct init *in, const struct step_overlay *s, struct err *e)
{
	auto_close int store = open_store(in, s, e);
	if (store < 0)
		return store;
	int r = make_upper(in, store, s, e);
	if (r < 0)
		return r;
	auto_close int fs = sys_fsopen("overlay", SYS_FSOPEN_CLOEXEC);
	if (fs < 0)
		return overlay_error(e, fs, fs == -ENODEV ? "the kernel has no overlayfs" : "open overlayfs", s);
	r = set_layers(fs, in->root, store, s);
	if (r < 0)
		return overlay_error(e, r, "mount it over the root filesystem", s);
	auto_close int merged = sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC, 0);
	if (merged < 0)
		return overlay_error(e, merged, "mount it over the root filesystem", s);
	/* The topmost first: what lies on a mount goes with it. */
	r = s->dir ? 0 : detach(store, s, e);
	if (r == 0)
		r = detach(in->root, s, e);
	if (r == 0)
		r = init_attach(merged, in->place, e, "the root filesystem");
	if (r < 0)
		return r;
	fd_close(&in->root);
	in->root = TAKE_FD(merged);
	return 0;
}

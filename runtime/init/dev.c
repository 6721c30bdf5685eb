/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes and the links of /dev. The image's /dev is data: what is there is examined, never trusted. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../base/path.h"
#include "init.h"

static bool same_node(const struct stat *st, const struct step_device *d)
{
	if ((st->st_mode & S_IFMT) != (d->mode & S_IFMT))
		return false;
	return S_ISFIFO(d->mode) || st->st_rdev == makedev(d->major, d->minor);
}

/* The host's node under the same path, where none can be made: its numbers must be the wanted ones. */
static int bind_node(struct init *in, const struct step_device *d, struct err *e)
{
	struct stat st;
	auto_close int tree = take_fd(&in->slots[d->slot]);

	if (fstat(tree, &st) < 0)
		return err_sys(e, errno, "examine the host's %s", d->path);
	if (!same_node(&st, d))
		return err_bad(
			e, "device %s: the host's node has other numbers, and a new one cannot be made here",
			d->path);
	auto_close int to = path_make(in->root, d->path, PATH_FILE, e);
	if (to < 0)
		return err_in(e, "device");
	if (init_is_procfs(to))
		return err_set(e, EPERM, "device %s: is inside proc", d->path);
	return init_attach(tree, to, e, d->path);
}

static int existing_node(int dir, const char *name, const struct step_device *d, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "examine device %s", d->path);
	return same_node(&st, d)
		       ? 0
		       : err_set(e, EEXIST, "device %s: a different file is there already", d->path);
}

/* As path_parent(), but the descriptor stays ours: devices come in rows, and a row is in one directory. */
static int parent_of(struct init *in, const char *path, char *ret_name, struct err *e)
{
	const char *name;
	int dir = init_dir_of(in, path, &name);

	if (dir >= 0) {
		memcpy(ret_name, name, strlen(name) + 1);
		return dir;
	}
	init_forget_dir(in);
	dir = path_parent(in->root, path, ret_name, e);
	if (dir < 0)
		return dir;
	in->dir = dir;
	in->dir_path = path;
	return dir;
}

int init_device(struct init *in, const struct step_device *d, struct err *e)
{
	char name[PATH_NAME_SIZE];

	if (d->slot >= 0)
		return bind_node(in, d, e);
	int dir = parent_of(in, d->path, name, e);
	if (dir < 0)
		return err_in(e, "device");
	/* The umask is 0 here, so the mode is exact. */
	if (mknodat(dir, name, (mode_t)d->mode, makedev(d->major, d->minor)) < 0) {
		if (errno == EEXIST || (errno == EROFS && d->is_default))
			return existing_node(dir, name, d, e);
		return err_sys(e, errno, "make device %s", d->path);
	}
	if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "set the owner of device %s", d->path);
	return 0;
}

int init_symlink(struct init *in, const struct step_symlink *s, struct err *e)
{
	char name[PATH_NAME_SIZE];

	if (s->if_exists) {
		int fd = path_open(in->root, s->target, O_PATH);
		if (fd < 0)
			return 0;
		(void)close(fd);
	}
	int dir = parent_of(in, s->path, name, e);
	if (dir < 0)
		return err_in(e, "link");
	if (symlinkat(s->target, dir, name) == 0)
		return 0;
	/* An image may bring its own: kept, but for a ptmx that would be the host's. */
	if ((errno == EEXIST || errno == EROFS) && strcmp(name, "ptmx") != 0)
		return 0;
	if (errno == EEXIST && unlinkat(dir, name, 0) == 0 && symlinkat(s->target, dir, name) == 0)
		return 0;
	return errno == EROFS ? 0 : err_sys(e, errno, "make link %s", s->path);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal: a pty of the container's own devpts. Its slave is never opened by name (D6). */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

#include "../base/path.h"
#include "init.h"

#define DEVPTS_MAGIC 0x1cd1
#define TIOCGPTPEER_IOCTL _IO('T', 0x41) /* Linux 4.13 */

static int open_master(struct init *in, struct err *e)
{
	struct statfs fs;
	struct stat st;
	int unlock = 0;
	/* First the directory: a node of the image must not even be opened, that alone can have effects. */
	auto_close int pts = path_open(in->root, "/dev/pts", O_PATH | O_DIRECTORY);

	if (pts < 0)
		return err_set(e, -pts, "process.terminal: open /dev/pts: %s",
			       pts == -ENOENT ? "missing" : err_text(-pts));
	if (fstatfs(pts, &fs) < 0 || fs.f_type != DEVPTS_MAGIC)
		return err_set(e, EINVAL, "process.terminal: there is no devpts at /dev/pts");
	auto_close int fd = path_open_here(pts, "ptmx", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return err_set(e, -fd, "process.terminal: open /dev/pts/ptmx: %s", err_text(-fd));
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return err_set(e, EINVAL, "process.terminal: /dev/pts/ptmx is not that of a devpts");
	if (ioctl(fd, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, errno, "process.terminal: unlock the pty");
	return TAKE_FD(fd);
}

static int bind_console(struct init *in, int slave, struct err *e)
{
	auto_close int to = path_make(in->root, "/dev/console", PATH_FILE, e);

	if (to < 0)
		return err_in(e, "process.terminal");
	if (init_is_procfs(to))
		return err_set(e, EPERM, "process.terminal: /dev/console leads into proc");
	auto_close int tree = init_clone_fd(slave, 0);
	return tree < 0 ? err_sys(e, tree, "process.terminal: mount the pty")
			: init_attach(tree, to, e, "/dev/console");
}

int init_console(struct init *in, const struct step_console *s, struct err *e)
{
	const struct winsize size = { .ws_row = (unsigned short)s->height,
				      .ws_col = (unsigned short)s->width };
	int r = init_root_fd(in, e);

	if (r < 0)
		return r;
	auto_close int master = open_master(in, e);
	if (master < 0)
		return master;
	auto_close int slave = ioctl(master, TIOCGPTPEER_IOCTL, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, errno, "process.terminal: open the pty");
	if ((s->width || s->height) && ioctl(master, TIOCSWINSZ, &size) < 0)
		return err_sys(e, errno, "process.consoleSize");
	if (s->uid && fchown(slave, s->uid, (gid_t)-1) < 0)
		return err_sys(e, errno, "process.terminal: give the pty to user %u", s->uid);
	if (s->bind && (r = bind_console(in, slave, e)) < 0)
		return r;
	r = sync_send(in->sync, SYNC_CONSOLE, 0, master, e);
	if (r < 0)
		return r;
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return err_sys(e, errno, "process.terminal: take the pty as controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return err_sys(e, errno, "process.terminal: take the pty as descriptor %d", fd);
	return 0;
}

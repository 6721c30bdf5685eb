/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/console of a restored container: a mount of its terminal, which criu can only take for one from outside, since
 * the terminal does not exist when it makes the mounts. Works while every process of the container is still stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/util.h"
#include "host_criu.h"

#define CONSOLE CRIU_CONSOLE
#define NULL_MINOR 3

static bool is_char(int fd, unsigned int *ret_major, unsigned int *ret_minor)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return false;
	*ret_major = major(st.st_rdev);
	*ret_minor = minor(st.st_rdev);
	return true;
}

/*
 * In the container's mount namespace. No link is followed: the container could have made one of what is no mount (any
 * more), and the mount behind it could be a mask.
 */
static int exchange(const char *terminal, struct err *e)
{
	unsigned int ma, mi;
	auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int old = root < 0 ? -EBADF : path_open_strict(root, CONSOLE, O_PATH);

	if (old < 0 || !is_char(old, &ma, &mi) || ma != MEM_MAJOR || mi != NULL_MINOR)
		return 0; /* it had none */
	auto_close int slave = path_open_strict(root, terminal, O_PATH);
	if (slave < 0 || !is_char(slave, &ma, &mi) || ma != UNIX98_PTY_SLAVE_MAJOR)
		return err_set(e, ENOENT, "mount " CONSOLE ": no terminal at %s", terminal);
	auto_close int tree = sys_open_tree(slave, "", SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(e, tree, "mount %s on " CONSOLE, terminal);
	if (umount2(CONSOLE, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_sys(e, errno, "unmount " CONSOLE);
	auto_close int place = path_open_strict(root, CONSOLE, O_PATH);
	int r = place < 0 ? place : sys_move_mount(tree, "", place, "", SYS_MOVE_MOUNT_F_EMPTY_PATH | SYS_MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_sys(e, r, "mount %s on " CONSOLE, terminal) : 0;
}

int criu_console_mount(pid_t pid, int master, struct err *e)
{
	char path[64], terminal[64];
	int status = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	auto_close int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || (errno = ptsname_r(master, terminal, sizeof(terminal))) != 0)
		return err_sys(e, errno, "look for the restored terminal");
	struct err *said = criu_shared_err(e);
	if (!said)
		return -e->code;
	pid_t child = fork();
	if (child == 0) {
		if (setns(ns, CLONE_NEWNS) < 0)
			_exit(err_sys(said, errno, "join the restored mount namespace") < 0);
		_exit(exchange(terminal, said) < 0);
	}
	int r = child < 0 ? err_sys(e, errno, "mount " CONSOLE) : 0;
	while (r == 0 && waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			r = err_sys(e, errno, "wait for a process of our own");
	if (r == 0 && status)
		r = err_set(e, said->code ? said->code : ECANCELED, "%s", said->code ? said->text : "mount " CONSOLE ": killed");
	(void)munmap(said, sizeof(*said));
	return r;
}

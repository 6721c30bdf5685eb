/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of procfs that decide about protection: labels, sysctls. They are reached through a procfs that has
 * been recognised as such, without crossing a mount (D3): an image or a volume can put anything at /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../base/path.h"
#include "init.h"

#define PROC_MAGIC 0x9fa0
#define PROC_ROOT_INODE 1

bool init_is_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_MAGIC;
}

bool init_is_proc_root(int fd)
{
	struct stat st;

	return init_is_procfs(fd) && fstat(fd, &st) == 0 && st.st_ino == PROC_ROOT_INODE;
}

/* Detached and ours alone; not permitted where the caller's own /proc has covered parts. */
static int private_proc(void)
{
	auto_close int fs = sys_fsopen("proc", SYS_FSOPEN_CLOEXEC);
	int r = fs < 0 ? fs : sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (r < 0)
		return r;
	return sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC,
			   SYS_MOUNT_ATTR_NOSUID | SYS_MOUNT_ATTR_NODEV | SYS_MOUNT_ATTR_NOEXEC);
}

int init_proc_open(const char *path, int flags)
{
	auto_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc >= 0 && init_is_proc_root(proc)) {
		int fd = path_open_here(proc, path, flags);
		/* Covered, or read-only (a container in a container): one of our own may still do. */
		if (fd != -EXDEV && fd != -EROFS)
			return fd;
		auto_close int other = private_proc();
		return other < 0 ? fd : path_open_here(other, path, flags);
	}
	auto_close int own = private_proc();
	return own < 0 ? own : path_open_here(own, path, flags);
}

int init_proc_read(const char *path, char *text, size_t size)
{
	auto_close int fd = init_proc_open(path, O_RDONLY);

	if (fd < 0)
		return fd;
	ssize_t n = read(fd, text, size - 1);
	if (n < 0)
		return -errno;
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return (int)n;
}

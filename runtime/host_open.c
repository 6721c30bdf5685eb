/* SPDX-License-Identifier: Apache-2.0 */
/* Opens what the plan wants the host side to open: all of it before the first process exists. */
#include "host_open.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../oci/names.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"
#include "host_idmap.h"
#include "host_socket.h"
#include "store.h"

#define NS_GET_NSTYPE_IOCTL _IO(0xb7, 0x3) /* linux/nsfs.h, Linux 4.11 */

int host_open_namespace(const char *path, uint32_t type, struct err *e)
{
	struct statfs fs;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set(e, errno, "open %s namespace %s: %s", name_of(&ns_names, type), path,
			       errno == ENOENT ? "missing" : err_text(errno));
	if (fstatfs(fd, &fs) < 0 || (unsigned long)fs.f_type != NSFS_MAGIC)
		return err_bad(e, "%s is not a namespace", path);
	int got = ioctl(fd, NS_GET_NSTYPE_IOCTL);
	if (got < 0)
		return err_sys(e, errno, "ask for the type of namespace %s", path);
	if ((uint32_t)got != type) {
		const char *name = name_of(&ns_names, (uint32_t)got);
		return err_bad(e, "%s is a namespace of type %s, not %s", path, name ? name : "unknown",
			       name_of(&ns_names, type));
	}
	return TAKE_FD(fd);
}

static int open_one(const struct plan_open *o, int state_dir, struct err *e)
{
	switch (o->kind) {
	case OPEN_NS: {
		int fd = host_open_namespace(o->path, o->ns_type, e);
		return fd < 0 ? err_in(e, "linux.namespaces: %s", name_of(&ns_names, o->ns_type)) : fd;
	}
	case OPEN_IDMAP:
		return idmap_namespace(&o->uid_map, &o->gid_map, e);
	case OPEN_LISTENER:
		return socket_listen(state_dir, STORE_START, SOCK_SEQPACKET, e);
	case OPEN_PIDFD: {
		int fd = proc_open(o->pid, o->start_time);
		return fd == -ESRCH ? err_set(e, ESRCH, "container not running: no such process") :
		       fd < 0	    ? err_sys(e, fd, "open the container's first process") :
				      fd;
	}
	default:
		return err_set(e, EINVAL, "descriptor of unknown kind %d", (int)o->kind);
	}
}

int host_open_all(const struct plan *p, int state_dir, int *fds, struct err *e)
{
	for (size_t i = 0; i < p->opens.n; i++)
		fds[i] = -EBADF;
	for (size_t i = 0; i < p->opens.n; i++) {
		int fd = open_one(&p->opens.v[i], state_dir, e);
		if (fd < 0) {
			host_close_all(p, fds);
			return fd;
		}
		fds[i] = fd;
	}
	return 0;
}

void host_close_all(const struct plan *p, int *fds)
{
	for (size_t i = 0; i < p->opens.n; i++)
		fd_close(&fds[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Landlock ruleset of the program. It is filled while we are still privileged, so that rules may name what
 * the program's user cannot reach, and comes into force as the last thing before the seccomp filter: from then
 * on we would be bound by it ourselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "../base/path.h"
#include "init.h"

/* What can be allowed on something that is not a directory: execute, write_file, read_file, truncate, ioctl_dev. */
#define ACCESS_FILE 0xc007ULL

int init_landlock(struct init *in, const struct step_landlock *s, struct err *e)
{
	const struct sys_landlock_ruleset_attr attr = { s->fs, s->net, s->scoped };
	/* Older kernels refuse more bytes than they know. */
	size_t size = s->scoped ? sizeof(attr)
		      : s->net	? offsetof(struct sys_landlock_ruleset_attr, scoped)
				: offsetof(struct sys_landlock_ruleset_attr, handled_access_net);
	int fd = sys_landlock_create_ruleset(&attr, size, 0);

	if (fd < 0)
		return err_sys(e, fd, "make the Landlock ruleset");
	in->landlock = fd;
	return 0;
}

int init_landlock_path(struct init *in, const struct step_landlock_path *s, struct err *e)
{
	struct stat st;
	int r = init_root_fd(in, e);

	if (r < 0)
		return r;
	auto_close int fd = path_open(in->root, s->path, O_PATH);
	if (fd < 0)
		return err_set(e, -fd, "linux.landlock: path %s: %s", s->path,
			       fd == -ENOENT ? "missing" : err_text(-fd));
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "linux.landlock: path %s", s->path);
	const struct sys_landlock_path_beneath_attr attr = {
		.allowed_access = S_ISDIR(st.st_mode) ? s->access : s->access & ACCESS_FILE,
		.parent_fd = fd,
	};
	if (!attr.allowed_access)
		return err_set(e, ENOTDIR, "linux.landlock: path %s: not a directory, and only accesses to directories are "
					   "allowed", s->path);
	r = sys_landlock_add_rule(in->landlock, SYS_LANDLOCK_RULE_PATH_BENEATH, &attr);
	return r < 0 ? err_sys(e, r, "linux.landlock: path %s", s->path) : 0;
}

int init_landlock_port(struct init *in, const struct step_landlock_port *s, struct err *e)
{
	const struct sys_landlock_net_port_attr attr = { s->access, s->port };
	int r = sys_landlock_add_rule(in->landlock, SYS_LANDLOCK_RULE_NET_PORT, &attr);

	return r < 0 ? err_sys(e, r, "linux.landlock: port %u", s->port) : 0;
}

int init_enforce_landlock(struct init *in, struct err *e)
{
	if (in->landlock < 0)
		return 0;
	int r = sys_landlock_restrict_self(in->landlock);
	if (r < 0)
		return err_sys(e, r, "put the Landlock rules into force");
	fd_close(&in->landlock);
	return 0;
}

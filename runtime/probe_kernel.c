/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the running kernel can answer: which calls it has, and what a new user namespace is worth. The
 * calls get arguments that fail before anything happens; the namespaces are made in a child, together with
 * the mounts in them, and go with it.
 */
#include "probe_priv.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "base/util.h"

/*
 * Every row's arguments are refused by the checks that come first in the call: an unknown flag, a size of
 * zero, a bad descriptor. No entry point: ENOSYS. EPERM counts as missing (a filter of the surroundings says
 * it), except where the call asks for a privilege before it looks at its arguments. The youngest that are
 * needed: mount_setattr (5.12) and landlock (5.13); not needed: statmount (6.8), open_tree_attr (6.15).
 */
static const struct call_row {
	const char *name;
	long nr, args[5];
	bool privileged;
} call_rows[] = {
	[PROBE_CALL_OPENAT2] = { "openat2", SYS_NR_openat2, { -1, 0, 0, 0 }, false },		 /* 5.6 */
	[PROBE_CALL_CLONE3] = { "clone3", SYS_NR_clone3, { 0, 0 }, false },			 /* 5.3 */
	[PROBE_CALL_CLOSE_RANGE] = { "close_range", SYS_NR_close_range, { 9, 3, 0 }, false },	 /* 5.9 */
	[PROBE_CALL_PIDFD_OPEN] = { "pidfd_open", SYS_NR_pidfd_open, { -1, ~0u }, false },	 /* 5.3 */
	[PROBE_CALL_PIDFD_SIGNAL] = { "pidfd_send_signal", SYS_NR_pidfd_send_signal, { -1, 0, 0, ~0u }, false },
	[PROBE_CALL_PIDFD_GETFD] = { "pidfd_getfd", SYS_NR_pidfd_getfd, { -1, -1, ~0u }, false }, /* 5.6 */
	[PROBE_CALL_OPEN_TREE] = { "open_tree", SYS_NR_open_tree, { -1, 0, ~0u }, false },	 /* 5.2 */
	[PROBE_CALL_MOVE_MOUNT] = { "move_mount", SYS_NR_move_mount, { -1, 0, -1, 0, ~0u }, true },
	[PROBE_CALL_FSOPEN] = { "fsopen", SYS_NR_fsopen, { 0, ~0u }, true },
	[PROBE_CALL_FSMOUNT] = { "fsmount", SYS_NR_fsmount, { -1, ~0u, ~0u }, true },
	[PROBE_CALL_MOUNT_SETATTR] = { "mount_setattr", SYS_NR_mount_setattr, { -1, 0, ~0u, 0, 0 }, true },
	[PROBE_CALL_STATMOUNT] = { "statmount", SYS_NR_statmount, { 0, 0, 0, ~0u }, false },	 /* 6.8 */
	[PROBE_CALL_LISTMOUNT] = { "listmount", SYS_NR_listmount, { 0, 0, 0, ~0u }, false },	 /* 6.8 */
	[PROBE_CALL_OPEN_TREE_ATTR] = { "open_tree_attr", SYS_NR_open_tree_attr, { -1, 0, ~0u, 0, 0 }, false },
	[PROBE_CALL_LANDLOCK] = { "landlock", SYS_NR_landlock_create_ruleset, { 0, 0, 1 }, false }, /* 1: the ABI */
};
_Static_assert(ARRAY_SIZE(call_rows) == PROBE_CALL_COUNT, "a row for every call");

const char *probe_call_name(enum probe_call call)
{
	return call_rows[call].name;
}

void probe_kernel_ask(struct probe *p, const struct probe_source *src)
{
	(void)src;
	for (size_t i = 0; i < PROBE_CALL_COUNT; i++) {
		long r = sys_any(call_rows[i].nr, call_rows[i].args);
		bool missing = r == -ENOSYS || (r == -EPERM && !call_rows[i].privileged);
		p->kernel.calls[i] = probe_answer_of(!missing);
		if (i != PROBE_CALL_LANDLOCK)
			continue;
		/* EOPNOTSUPP: compiled in, not among the active security modules. */
		p->kernel.calls[i] = probe_answer_of(r > 0);
		p->kernel.landlock_abi = r > 0 ? (int)r : 0;
	}
}

/* ---- user namespaces ------------------------------------------------------------------------------- */

struct userns_answer {
	enum probe_try tried;
	int error, overlay_error;
	enum probe_answer overlay, idmap;
};

static int set_strings(int fs, const char *const pairs[][2], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = sys_fsconfig(fs, SYS_FSCONFIG_SET_STRING, pairs[i][0], pairs[i][1], 0);
		if (r < 0)
			return r;
	}
	return sys_fsconfig(fs, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

/*
 * An overlay with an upper directory over a tmpfs, the way a rootless engine mounts one (Linux 5.11). The
 * tmpfs covers / of this private mount namespace, since overlay wants its layers in the caller's.
 */
static int overlay_try(void)
{
	static const char *const layers[][2] = { { "lowerdir", "lower" }, { "upperdir", "upper" },
						 { "workdir", "work" }, { "userxattr", NULL } };
	auto_close int tmp = sys_fsopen("tmpfs", SYS_FSOPEN_CLOEXEC);

	if (tmp < 0)
		return tmp;
	int r = sys_fsconfig(tmp, SYS_FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return r;
	auto_close int top = sys_fsmount(tmp, SYS_FSMOUNT_CLOEXEC, 0);
	if (top < 0)
		return top;
	r = sys_move_mount(top, "", AT_FDCWD, "/", SYS_MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 3; i++)
		if (mkdirat(top, layers[i][1], 0700) < 0)
			return -errno;
	if (fchdir(top) < 0)
		return -errno;
	auto_close int fs = sys_fsopen("overlay", SYS_FSOPEN_CLOEXEC);
	if (fs < 0)
		return fs;
	r = sys_fsconfig(fs, SYS_FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
	if (r < 0)
		return r;
	r = set_strings(fs, layers, 3);
	if (r < 0)
		return r;
	auto_close int mount = sys_fsmount(fs, SYS_FSMOUNT_CLOEXEC, 0);
	return mount < 0 ? mount : 0;
}

/* A kernel that knows the attribute gets as far as the bad descriptor (mount_setattr(2), EBADF). */
static enum probe_answer idmap_try(void)
{
	struct sys_mount_attr attr = { .attr_set = SYS_MOUNT_ATTR_IDMAP, .userns_fd = INT32_MAX };
	int r = sys_mount_setattr(AT_FDCWD, "/", 0, &attr);

	return probe_answer_of(r == -EBADF);
}

static void put_file(const char *path, const char *text)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		best_effort((int)write(fd, text, strlen(text)));
}

/* Without a map even root of the namespace owns no files (EOVERFLOW). They are this child's own. */
static void map_self(uint32_t uid, uint32_t gid)
{
	char line[32];

	put_file("/proc/self/setgroups", "deny");
	(void)snprintf(line, sizeof(line), "0 %u 1", uid);
	put_file("/proc/self/uid_map", line);
	(void)snprintf(line, sizeof(line), "0 %u 1", gid);
	put_file("/proc/self/gid_map", line);
}

static void userns_child(const struct probe_source *src, int fd)
{
	uint32_t uid = geteuid(), gid = getegid();
	/* fsopen() of a file system that is not loaded would make the kernel load a module. */
	bool overlay = probe_overlay_known(src->root);
	struct userns_answer a = { .tried = PROBE_TRY_USER_FAILED };

	if (unshare(CLONE_NEWUSER) < 0) {
		a.error = errno;
	} else if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		/* Ubuntu 23.10 and later let it be made but give no capability in it. */
		a.tried = PROBE_TRY_CAPS_FAILED;
		a.error = errno;
	} else {
		a.tried = PROBE_TRY_OK;
		map_self(uid, gid);
		a.idmap = idmap_try();
		if (overlay) {
			int r = overlay_try();
			a.overlay = probe_answer_of(r == 0);
			a.overlay_error = -r;
		}
	}
	best_effort((int)write(fd, &a, sizeof(a)));
}

void probe_userns_start(struct probe_job *job, const struct probe_source *src)
{
	probe_job_start(job, userns_child, src);
}

void probe_userns_finish(struct probe_job *job, struct probe *p)
{
	struct userns_answer a;

	if (probe_job_finish(job, &a, sizeof(a), 1000) < 0)
		return;
	p->ns.tried = a.tried;
	p->ns.error = a.error;
	p->ns.overlay = a.overlay;
	p->ns.overlay_error = a.overlay_error;
	p->ns.idmap = a.idmap;
}

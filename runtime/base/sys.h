/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_SYS_H
#define CTR_BASE_SYS_H

/*
 * Every system call younger than Linux 5.1, or without a wrapper in some C library: thin inline forms
 * that return a non-negative result or -errno. Structures and constants have names of our own, so a
 * newer libc cannot clash and the build needs no configure step. Nothing else calls syscall().
 * Since 5.1 a call has one number on all architectures we build for, so a missing __NR_ is one line.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define SYS_NR_pidfd_send_signal 424
#define SYS_NR_open_tree 428
#define SYS_NR_move_mount 429
#define SYS_NR_fsopen 430
#define SYS_NR_fsconfig 431
#define SYS_NR_fsmount 432
#define SYS_NR_fspick 433
#define SYS_NR_pidfd_open 434
#define SYS_NR_clone3 435
#define SYS_NR_close_range 436
#define SYS_NR_openat2 437
#define SYS_NR_pidfd_getfd 438
#define SYS_NR_mount_setattr 442
#define SYS_NR_landlock_create_ruleset 444
#define SYS_NR_landlock_add_rule 445
#define SYS_NR_landlock_restrict_self 446
#define SYS_NR_statmount 457
#define SYS_NR_listmount 458
#define SYS_NR_open_tree_attr 467

/* clone3(2) */
#define SYS_CLONE_NEWTIME 0x00000080ULL
#define SYS_CLONE_VM 0x00000100ULL
#define SYS_CLONE_FILES 0x00000400ULL
#define SYS_CLONE_PIDFD 0x00001000ULL
#define SYS_CLONE_VFORK 0x00004000ULL
#define SYS_CLONE_PARENT 0x00008000ULL
#define SYS_CLONE_INTO_CGROUP 0x200000000ULL

struct sys_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

/* statx(2); the mount since 5.8 */
#define SYS_STATX_INO 0x100U
#define SYS_STATX_MNT_ID 0x1000U

struct sys_place {
	uint64_t ino, mount;
};

/* openat2(2) */
struct sys_open_how {
	uint64_t flags, mode, resolve;
};
#define SYS_RESOLVE_NO_XDEV 0x01
#define SYS_RESOLVE_NO_MAGICLINKS 0x02
#define SYS_RESOLVE_NO_SYMLINKS 0x04
#define SYS_RESOLVE_BENEATH 0x08
#define SYS_RESOLVE_IN_ROOT 0x10

/* mount_setattr(2), fsmount(2) */
struct sys_mount_attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};
#define SYS_MOUNT_ATTR_RDONLY 0x00000001
#define SYS_MOUNT_ATTR_NOSUID 0x00000002
#define SYS_MOUNT_ATTR_NODEV 0x00000004
#define SYS_MOUNT_ATTR_NOEXEC 0x00000008
#define SYS_MOUNT_ATTR__ATIME 0x00000070
#define SYS_MOUNT_ATTR_RELATIME 0x00000000
#define SYS_MOUNT_ATTR_NOATIME 0x00000010
#define SYS_MOUNT_ATTR_STRICTATIME 0x00000020
#define SYS_MOUNT_ATTR_NODIRATIME 0x00000080
#define SYS_MOUNT_ATTR_IDMAP 0x00100000
#define SYS_MOUNT_ATTR_NOSYMFOLLOW 0x00200000

#define SYS_OPEN_TREE_CLONE 1
#define SYS_OPEN_TREE_CLOEXEC O_CLOEXEC
#define SYS_AT_RECURSIVE 0x8000
#define SYS_MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#define SYS_MOVE_MOUNT_T_EMPTY_PATH 0x00000040
#define SYS_FSOPEN_CLOEXEC 1
#define SYS_FSMOUNT_CLOEXEC 1
#define SYS_FSPICK_CLOEXEC 1
#define SYS_FSPICK_EMPTY_PATH 8
#define SYS_FSCONFIG_SET_FLAG 0
#define SYS_FSCONFIG_SET_STRING 1
#define SYS_FSCONFIG_CMD_CREATE 6
#define SYS_FSCONFIG_CMD_RECONFIGURE 7

#define SYS_CLOSE_RANGE_CLOEXEC 4
#define SYS_MFD_EXEC 0x0010U /* Linux 6.3 */

/* landlock(7): net since ABI 4, scoped since ABI 6; a kernel takes a shorter struct. */
struct sys_landlock_ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};
struct sys_landlock_path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));
struct sys_landlock_net_port_attr {
	uint64_t allowed_access, port;
};
#define SYS_LANDLOCK_VERSION 1U
#define SYS_LANDLOCK_RULE_PATH_BENEATH 1
#define SYS_LANDLOCK_RULE_NET_PORT 2

static inline long sys_ret(long r)
{
	return r < 0 ? -errno : r;
}

static inline int sys_landlock_create_ruleset(const struct sys_landlock_ruleset_attr *attr, size_t size,
					      unsigned int flags)
{
	return (int)sys_ret(syscall(SYS_NR_landlock_create_ruleset, attr, size, flags));
}

static inline int sys_landlock_add_rule(int ruleset, int type, const void *attr)
{
	return (int)sys_ret(syscall(SYS_NR_landlock_add_rule, ruleset, type, attr, 0));
}

static inline int sys_landlock_restrict_self(int ruleset)
{
	return (int)sys_ret(syscall(SYS_NR_landlock_restrict_self, ruleset, 0));
}

static inline int sys_openat2(int dirfd, const char *path, const struct sys_open_how *how)
{
	return (int)sys_ret(syscall(SYS_NR_openat2, dirfd, path, how, sizeof(*how)));
}

static inline int sys_open_tree(int dirfd, const char *path, unsigned int flags)
{
	return (int)sys_ret(syscall(SYS_NR_open_tree, dirfd, path, flags));
}

/* A flag of open_tree() since Linux 7.0: the descriptor is of a mount namespace that has the tree for its root. */
#define SYS_OPEN_TREE_NAMESPACE 2

/* Linux 6.15; the caller falls back to open_tree() + mount_setattr(). */
static inline int sys_open_tree_attr(int dirfd, const char *path, unsigned int flags,
				     const struct sys_mount_attr *attr)
{
	return (int)sys_ret(syscall(SYS_NR_open_tree_attr, dirfd, path, flags, attr, sizeof(*attr)));
}

static inline int sys_move_mount(int from, const char *from_path, int to, const char *to_path,
				 unsigned int flags)
{
	return (int)sys_ret(syscall(SYS_NR_move_mount, from, from_path, to, to_path, flags));
}

static inline int sys_fsopen(const char *fs, unsigned int flags)
{
	return (int)sys_ret(syscall(SYS_NR_fsopen, fs, flags));
}

static inline int sys_fsconfig(int fd, unsigned int cmd, const char *key, const void *value, int aux)
{
	return (int)sys_ret(syscall(SYS_NR_fsconfig, fd, cmd, key, value, aux));
}

static inline int sys_fsmount(int fd, unsigned int flags, unsigned int attrs)
{
	return (int)sys_ret(syscall(SYS_NR_fsmount, fd, flags, attrs));
}

static inline int sys_fspick(int dirfd, const char *path, unsigned int flags)
{
	return (int)sys_ret(syscall(SYS_NR_fspick, dirfd, path, flags));
}

static inline int sys_mount_setattr(int dirfd, const char *path, unsigned int flags,
				    const struct sys_mount_attr *attr)
{
	return (int)sys_ret(syscall(SYS_NR_mount_setattr, dirfd, path, flags, attr, sizeof(*attr)));
}

static inline int sys_pidfd_open(pid_t pid, unsigned int flags)
{
	return (int)sys_ret(syscall(SYS_NR_pidfd_open, pid, flags));
}

static inline int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)sys_ret(syscall(SYS_NR_pidfd_send_signal, pidfd, sig, NULL, 0));
}

static inline int sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return (int)sys_ret(syscall(SYS_NR_close_range, first, last, flags));
}

/* Which directory of which mount a path or, with "" and AT_EMPTY_PATH, a descriptor is. */
static inline int sys_place(int dirfd, const char *path, int flags, struct sys_place *ret)
{
	uint64_t stx[32] = { 0 }; /* struct statx */
	int r = (int)sys_ret(syscall(SYS_statx, dirfd, path, flags, SYS_STATX_INO | SYS_STATX_MNT_ID, stx));

	*ret = (struct sys_place){ .ino = stx[4], .mount = stx[18] };
	return r;
}

/* A call by its number, for the probe, which asks with arguments that no call takes. */
static inline long sys_any(long nr, const long args[5])
{
	return sys_ret(syscall(nr, args[0], args[1], args[2], args[3], args[4]));
}

/* fork-like only: without CLONE_VM, or the child would run on the parent's stack. */
static inline pid_t sys_clone3(const struct sys_clone_args *args)
{
	return (pid_t)sys_ret(syscall(SYS_NR_clone3, args, sizeof(*args)));
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)sys_ret(syscall(SYS_pivot_root, new_root, put_old));
}

static inline int sys_seccomp(unsigned int op, unsigned int flags, const void *args)
{
	return (int)sys_ret(syscall(SYS_seccomp, op, flags, args));
}

static inline int sys_bpf(int cmd, const void *attr, unsigned int size)
{
	return (int)sys_ret(syscall(SYS_bpf, cmd, attr, size));
}

static inline long sys_keyctl(int op, unsigned long a, unsigned long b, unsigned long c)
{
	return sys_ret(syscall(SYS_keyctl, op, a, b, c));
}

/*
 * The inode of a namespace by the text of its link below /proc/PID/ns, "NAME:[NUMBER]" (namespaces(7)): a third of what
 * stat() takes. 0: it cannot be read.
 */
static inline uint32_t sys_namespace_id(int dir, const char *link)
{
	char text[64];
	ssize_t n = readlinkat(dir, link, text, sizeof(text) - 1);
	uint32_t id = 0;

	text[n > 0 ? n : 0] = '\0';
	for (const char *c = strchr(text, '['); c && c[1] >= '0' && c[1] <= '9'; c++)
		id = id * 10 + (uint32_t)(c[1] - '0');
	return id;
}

/* The default for a signal, those included that C libraries keep for themselves; what the kernel has (all zero). */
static inline int sys_default_signal(int sig)
{
	static const unsigned long dfl[4]; /* handler, flags, restorer, mask */

	return (int)sys_ret(syscall(SYS_rt_sigaction, sig, dfl, NULL, sizeof(dfl[3])));
}

/* The effective ids that this program was started with, which no command changes: no call. */
static inline uid_t sys_euid(void)
{
	return (uid_t)getauxval(AT_EUID);
}

static inline gid_t sys_egid(void)
{
	return (gid_t)getauxval(AT_EGID);
}

/*
 * Ids of this one thread. A C library would stop the other threads first, and find out that there are none with ten
 * more calls; ours have none.
 */
static inline int sys_setresuid(uid_t uid)
{
	return (int)sys_ret(syscall(SYS_setresuid, uid, uid, uid));
}

static inline int sys_setresgid(gid_t gid)
{
	return (int)sys_ret(syscall(SYS_setresgid, gid, gid, gid));
}

static inline int sys_setgroups(size_t n, const uint32_t *groups)
{
	return (int)sys_ret(syscall(SYS_setgroups, n, groups));
}

/* The libc's own prlimit() takes an enum in one C library and an int in the other. */
struct sys_rlimit {
	uint64_t soft, hard;
};
static inline int sys_prlimit(pid_t pid, unsigned int resource, const struct sys_rlimit *limit)
{
	return (int)sys_ret(syscall(SYS_prlimit64, pid, resource, limit, NULL));
}

static inline int sys_prlimit_get(unsigned int resource, struct sys_rlimit *ret)
{
	return (int)sys_ret(syscall(SYS_prlimit64, 0, resource, NULL, ret));
}

static inline int sys_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	return (int)sys_ret(syscall(SYS_execveat, fd, path, argv, envp, flags));
}

#endif

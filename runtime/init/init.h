/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_INIT_INIT_H
#define CTR_INIT_INIT_H

/*
 * The container side: a small static program that executes the steps of a plan. It has no heap, parses
 * nothing, looks nobody up, and prints nothing: what goes wrong is sent to the host side. It sees the
 * plan, the sync messages and base/{err,path,sys,util}, and nothing else of the project.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../base/err.h"
#include "../base/sys.h"
#include "../base/util.h"
#include "../plan.h"
#include "../sync.h"

#define INIT_LEFT_MAX 96

struct init {
	int sync;	/* the conversation, or the call of `start` */
	int first;	/* the first descriptor from the host side */
	int *slots;	/* n_slots descriptors, -1: not open */
	uint32_t n_slots;
	bool forks;	/* the container's first process is a child of ours */
	int cgroup;	/* that this child is put into, or -1: it stays in ours */
	bool ahead; /* begun before anybody asked (init_rest) */
	int root;	/* the root filesystem; "/" where the plan has no root step */
	int place;	/* where it is attached: what replaces it goes there too */
	int dir;	/* the directory of the destination before (init_dir_of), or -1 */
	const char *dir_path; /* a path in it, or NULL: none is known */
	bool dir_is_root; /* then it is `root`, and `dir` is none */
	bool dir_is_plain; /* it is no part of proc */
	bool dir_lacks;	/* the last thing that was to be there was missing */
	dev_t dir_dev;	/* of its filesystem, 0: not known */
	bool attached_direct; /* the last mount went to what was there already, with no link on the way */
	const char *mounted_last; /* destination of the mount before */
	uint32_t siblings; /* how many before it in the same directory, one after the other */
	bool entered;	/* our own root is the container's */
	bool other_ids;	/* not those that this program was started with */
	bool in_chroot;	/* "/" is not the root of the mount namespace */
	bool cut_off;	/* nothing propagates to the host's mounts */
	bool own_proc;	/* /proc is one of the container's own: nobody exchanges names in it */
	int left[INIT_LEFT_MAX];	/* descriptors that are done with, in their order (init_leave) */
	uint32_t n_left, left_max;
	int null;	/* the host's /dev/null, verified: a mount of its own, for masks */
	bool null_attached;
	int empty;	/* an empty read-only directory, for masks */
	bool empty_attached;
	int state;	/* the state document for hooks, or -1 */
	mode_t umask;	/* what the program gets */
	bool started;	/* past the gate */
	bool tracing;	/* stamps are wanted */
	uint32_t n_stamps;
	struct sync_stamp *stamps; /* room for SYNC_STAMPS_MAX */
	const struct step_seccomp *filter; /* to be loaded right before the exec, or NULL */
	int landlock;	/* a ruleset that comes into force right before the exec, or -1 */
	const struct step_exec *exec;	   /* known from the beginning: what stays open */
	const struct step_verify *verify;  /* likewise: how a label is set depends on no_new_privs */
	const struct step_rlimit *limits[RLIM_NLIMITS]; /* to be lowered right before the exec */
	struct sys_rlimit files; /* RLIMIT_NOFILE as we found it */
	const char *apparmor, *selinux;	   /* labels that were set */
	const struct step_credentials *credentials;
	struct init_caps {
		uint64_t bounding, effective, permitted, inheritable, ambient;
	} caps; /* the planned sets without what this process cannot have */
	const void *plan;	/* for init_inspect() */
	bool inspects;		/* namespaces are to be compared */
	int proc;		/* the host's, until init_verify() has read our status there; or -1 */
	bool proc_is_root; /* it was looked at, and is one */
	uint32_t joined[PLAN_NAMESPACES_N]; /* inodes of those that were joined, in the order of PLAN_NAMESPACES */
	uint64_t joined_unknown; /* CLONE_NEW* of those that were joined and could not be looked at before */
	struct init_place {
		uint64_t dev, ino; /* what a mask or a read-only mount covers; 0, 0: nothing was there */
	} empty_at, *places;	/* of the empty directory itself, once it is there; of the MASK and READONLY steps, in their order */
	uint32_t n_places;
	char program[PATH_MAX]; /* found by the look-up */
};

/* One function per step; the table in main.c names them all. */
#define X(OP, name) int init_##name(struct init *in, const struct step_##name *s, struct err *e) MUST_CHECK;
PLAN_STEPS(X)
#undef X

/* The kinds of namespaces, in the order of the plan. */
extern const struct init_namespace { const char *name; uint64_t type; } init_namespaces[PLAN_NAMESPACES_N];

/* Executes a plan that is in a file, which is closed; does not return unless it fails. */
int init_run(struct init *in, int plan, struct err *e) MUST_CHECK;
/* Notes when something ended, where a trace is wanted. */
void init_stamp(struct init *in, uint32_t op, uint32_t index);
/* Sends what was noted. */
void init_send_stamps(struct init *in);
/* The container's root as a descriptor, opened when the plan had no root step (exec). */
int init_root_fd(struct init *in, struct err *e) MUST_CHECK;
/* Nobody looks into us, and we end with the host side. Again after each change of credentials, which undoes both. */
void init_guard(void);
/*
 * Opens a file of procfs by its path below /proc. The /proc in sight must be the root of a procfs, and the way
 * stays on it: neither a directory that plays proc nor a mount on top of the file is taken (D3). Where there is no
 * such /proc, a private one is made. A descriptor, or -errno with no text; -EXDEV: something covers the file.
 */
int init_proc_open(const char *path, int flags) MUST_CHECK;
/* The same, read into `text` as a string without its last newline. The length, or -errno. */
int init_proc_read(const char *path, char *text, size_t size) MUST_CHECK;
bool init_is_procfs(int fd);
bool init_is_proc_root(int fd);
/* A detached copy of what is at a path of our view, or at an open descriptor: a descriptor or -errno, no text. */
static inline int init_clone(const char *path, unsigned int flags)
{
	return sys_open_tree(AT_FDCWD, path, SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC | flags);
}
/* A mount namespace of a copy of what is at a path, and nothing else. */
static inline int init_tree_namespace(const char *path)
{
	return sys_open_tree(AT_FDCWD, path, SYS_OPEN_TREE_NAMESPACE | SYS_OPEN_TREE_CLOEXEC | SYS_AT_RECURSIVE);
}
static inline int init_clone_fd(int fd, unsigned int flags)
{
	return sys_open_tree(fd, "", SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);
}
/* The sources of all TREE steps, cloned in the mount namespace of a process that shares our descriptors. */
int init_clone_trees(struct init *in, int pidfd, struct err *e) MUST_CHECK;
/* As init_clone_fd() of a name in `dir`, no link, with the attributes set from the beginning. -ENOSYS before Linux 6.15. */
static inline int init_clone_with(int dir, const char *name, unsigned int flags, const struct sys_mount_attr *attr)
{
	return sys_open_tree_attr(dir, name, SYS_OPEN_TREE_CLONE | SYS_OPEN_TREE_CLOEXEC | flags, attr);
}
/*
 * The directory that `path` is in, below the root and with no link on the way, and the last name of `path`. It is not the
 * caller's to close: the next path of a row gets the same one. Whoever mounts anywhere but at a name in it, or lets
 * others do so, forgets it. -errno with no text, -EINVAL for a path that says more than names.
 */
int init_dir_of(struct init *in, const char *path, const char **ret_name) MUST_CHECK;
void init_forget_dir(struct init *in);
/* Something was attached at `path`, where no link is on the way: what it hides is forgotten. */
void init_covered(struct init *in, const char *path);
/* The mount point of a tmpfs without a mode was made: mode 1777. */
void init_open_to_all(int point);
/*
 * An empty filesystem of ours is attached at `path`, with no link on the way: what comes next is likely to go there. Its
 * descriptor is taken.
 */
void init_into_new(struct init *in, const char *path, int *fd);
/* Whether a name is the kernel's own, in a proc of the container's: nobody can rename it, or put a link in its place. */
bool init_is_fixed(const struct init *in, const char *path);
/* Whether init_dir_of() has the directory of `path` at hand. */
bool init_in_row(const struct init *in, const char *path);
/* To be closed later, many in one call: at the latest when the gate is reached or a program executed. Close-on-exec. */
void init_leave(struct init *in, int *fd);
void init_close_left(struct init *in);
/* Attaches a detached tree to a name in a directory, no link is followed; NULL: to `dir` itself. -errno with no text. */
int init_attach_at(int tree, int dir, const char *name) MUST_CHECK;
/* Attaches a detached tree to an open destination. */
int init_attach(int tree, int destination, struct err *e, const char *what) MUST_CHECK;
/* Runs a hook; `point` for messages. */
int init_run_hook(struct init *in, const struct step_start_hook *h, const char *point, struct err *e) MUST_CHECK;
/* Pid 1 with a program as its child: reap, forward, exit with its status. Does not return. */
__attribute__((noreturn)) void init_supervise(pid_t child);
/* What step_mask or step_readonly found, for init_inspect(); `st` NULL: nothing. At a fixed name it need not be known. */
void init_note_place(struct init *in, const struct stat *st);
int init_get_caps(struct init_caps *ret, struct err *e) MUST_CHECK;
/* Which of `caps` are in the bounding set. */
int init_get_bounding(uint64_t caps, uint64_t *ret, struct err *e) MUST_CHECK;
/* The limits as planned: the last thing but the filter, since one of few descriptors would stop ourselves. */
int init_lower_limits(struct init *in, struct err *e) MUST_CHECK;
/* Puts the Landlock ruleset into force, if there is one; before any filter. */
int init_enforce_landlock(struct init *in, struct err *e) MUST_CHECK;
/* Loads a filter; with a listener, hands its descriptor to the host side. */
int init_load_filter(struct init *in, const struct step_seccomp *s, struct err *e) MUST_CHECK;
/* Default dispositions of those that were ignored, nothing blocked: what a program expects. */
int init_reset_signals(uint64_t ignored) MUST_CHECK;

#endif

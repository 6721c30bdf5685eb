/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_PLAN_H
#define CTR_PLAN_H

/*
 * The contract between the halves of the program: what the container side does, decided completely on
 * the host side and constant afterwards.
 *
 * A plan is a list of steps. Each kind of step is a C struct below and a table of its members in
 * plan_wire.c; that table is what packs the step for the way to the container side, checks and relocates
 * it there, and prints it for --dry-run. The container side runs the steps in order, with one function
 * per kind, and has nothing to look up, to parse or to decide.
 *
 * To add a step: one row in PLAN_STEPS, one struct, one table in plan_wire.c, one function in init/.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Lists as members of steps. Strings of a list are NULL-terminated arrays, fit for execve(). */
struct plan_strv { char **v; uint64_t n; };
struct plan_u32s { const uint32_t *v; uint64_t n; };
struct plan_bytes { const uint8_t *v; uint64_t n; };

/*
 * Descriptors. A slot is a number in a small table on the container side: slots [0, n) come open from
 * the host side in this order, further ones are opened by steps (STEP_SOURCE). -1: none.
 */
typedef int32_t plan_slot;
#define PLAN_NO_SLOT (-1)
#define PLAN_SLOTS_MAX 100000

/* Files below /proc/self/ns, and their flag of clone(2). */
#define PLAN_NAMESPACES(X)                                                                         \
	X("cgroup", 0x02000000)                                                                    \
	X("ipc", 0x08000000)                                                                       \
	X("mnt", 0x00020000)                                                                       \
	X("net", 0x40000000)                                                                       \
	X("pid", 0x20000000)                                                                       \
	X("time", 0x00000080)                                                                      \
	X("user", 0x10000000)                                                                      \
	X("uts", 0x04000000)
#define PLAN_NAMESPACES_N 8

#define PLAN_STEPS(X)                                                                              \
	X(JOIN, join)             /* setns() into a namespace */                                   \
	X(REST, rest)             /* begun ahead: another plan takes the place of what follows */  \
	X(UNSHARE, unshare)       /* namespaces that must be made late (cgroup) */                 \
	X(TIME, time)             /* new time namespace and its offsets, before the fork */        \
	X(FORK, fork)             /* go on in a child, in new namespaces; the parent part ends */  \
	X(BECOME, become)         /* id 0 (or the mapped id) in the new user namespace */          \
	X(SESSION, session)       /* session, keyring */                                           \
	X(NETWORK, network)       /* into the network namespace that the host side makes meanwhile */ \
	X(NETLINK, netlink)       /* send prepared rtnetlink messages (loopback up) */             \
	X(PROPAGATION, propagation) /* of everything visible, before the first mount */            \
	X(TREE, tree)             /* a source that the part before FORK clones */                  \
	X(ROOT, root)             /* the root filesystem as a mount of its own */                  \
	X(OVERLAY, overlay)       /* a layer of the container's own over it */                     \
	X(SOURCE, source)         /* open the source of a later bind, before any target */         \
	X(MOUNT, mount)                                                                            \
	X(DEVICE, device)                                                                          \
	X(SYMLINK, symlink)                                                                        \
	X(HOOK_POINT, hook_point) /* the host runs its hooks; wait for it */                       \
	X(HOOK, hook)             /* createContainer */                                            \
	X(PIVOT, pivot)                                                                            \
	X(CONSOLE, console)       /* pty inside, master to the host side */                        \
	X(ROOT_ATTR, root_attr)   /* read-only root, propagation */                                \
	X(HOSTNAME, hostname)                                                                      \
	X(DOMAINNAME, domainname)                                                                  \
	X(SYSCTL, sysctl)                                                                          \
	X(READONLY, readonly)                                                                      \
	X(MASK, mask)                                                                              \
	X(CWD_MAKE, cwd_make)     /* create a missing working directory */                         \
	X(RLIMIT, rlimit)                                                                          \
	X(SCHEDULER, scheduler)                                                                    \
	X(IO_PRIORITY, io_priority)                                                                \
	X(MEMORY_POLICY, memory_policy)                                                            \
	X(PERSONALITY, personality)                                                                \
	X(AFFINITY, affinity)                                                                      \
	X(UMASK, umask)                                                                            \
	X(LABEL, label)           /* AppArmor profile or SELinux label of the next exec */         \
	X(LANDLOCK, landlock)     /* a Landlock ruleset; in force right before the exec */         \
	X(LANDLOCK_PATH, landlock_path) /* a rule of it: allowed beneath a path */                 \
	X(LANDLOCK_PORT, landlock_port)                                                            \
	X(INSPECT, inspect)       /* the places are what was planned; before privilege ends */     \
	X(NO_NEW_PRIVS, no_new_privs)                                                              \
	X(SECCOMP, seccomp)                                                                        \
	X(CREDENTIALS, credentials) /* ids, groups, capabilities, cwd; end of privilege */         \
	X(VERIFY, verify)         /* what is against what was planned */                           \
	X(LOOKUP, lookup)         /* the program must exist and be executable: create says so */   \
	X(GATE, gate)             /* report ready, wait for start */                               \
	X(START_HOOK, start_hook) /* startContainer */                                             \
	X(EXEC, exec)             /* become the program, or its supervisor */

enum step_op {
#define X(OP, name) STEP_##OP,
	PLAN_STEPS(X)
#undef X
	STEP_COUNT
};

struct step_join {
	plan_slot ns;	/* of one namespace, or the pidfd of a process whose namespaces are joined */
	uint32_t type;	/* CLONE_NEW*; of a pidfd several */
	uint32_t pid;	/* that process, in the host side's view; 0: it is a namespace */
};
struct step_rest {
	plan_slot plan;	  /* memory that the other plan is written to */
	plan_slot cgroup; /* that FORK puts the child into, or none */
};
struct step_unshare { uint64_t flags; };
struct step_time {
	const char *offsets; /* text for timens_offsets, NULL: none */
	bool alone;	     /* nobody else is in our user namespace yet */
};
struct step_fork {
	uint64_t flags; /* CLONE_NEW* */
	bool maps;	/* a user namespace whose maps the host side writes */
	bool trees;	/* before the parent part ends it clones the sources of all TREE steps */
};
struct step_become { uint32_t uid, gid; };
struct step_session {
	bool keyring; /* a new session keyring; else the caller's is kept */
	const char *key_label;
};
struct step_network { uint32_t unused; };
struct step_netlink { struct plan_bytes messages; const char *what; };
struct step_propagation {
	uint64_t flags; /* MS_SLAVE | MS_REC ... */
	bool chroot;	/* the caller may be in one: with a new user namespace the kernel refuses that */
};
struct step_root {
	const char *path;  /* absolute, host's view; NULL when slot is given */
	plan_slot slot;	   /* a detached tree: of a TREE step */
	bool new_ns;	   /* false: mount namespace is shared or joined, touch no propagation */
	uint64_t alone;	   /* MS_*: into a mount namespace of the root alone, with this propagation; 0: on top of the host's */
};

struct step_overlay {
	const char *dir; /* of the host, absolute; NULL: in memory */
	bool userxattr;	 /* in a user namespace: overlayfs(5), the attributes of its own that it may set */
};

#define STEP_SOURCE_RECURSIVE 1ULL
#define STEP_SOURCE_NOFOLLOW 2ULL
struct step_source {
	const char *path; /* absolute, host's view */
	plan_slot slot;	  /* where the detached tree goes */
	uint64_t flags;
	uint64_t propagation; /* MS_* of the clone, 0: leave as it comes */
	const char *device; /* "linux.devices[N]" whose node it stands in for; NULL: a mount's source */
};

/* A source out of reach of the container's ids, with all about it that only the caller's privilege can do. */
struct step_tree {
	const char *path; /* absolute, host's view */
	plan_slot slot;	  /* where the detached tree goes */
	plan_slot idmap;  /* user namespace whose maps it gets */
	uint64_t flags;	  /* STEP_SOURCE_* */
	uint64_t idmap_flags;	     /* AT_RECURSIVE for ridmap */
	uint64_t attr_set, attr_clr; /* MOUNT_ATTR_* that are locked afterwards: those taken away, access times */
	uint64_t rec_set, rec_clr;   /* the recursive forms */
};

#define STEP_MOUNT_BIND (1ULL << 0)
#define STEP_MOUNT_RECURSIVE (1ULL << 1)
#define STEP_MOUNT_REMOUNT (1ULL << 2)
#define STEP_MOUNT_TMPCOPYUP (1ULL << 3)
#define STEP_MOUNT_COPY_SYMLINK (1ULL << 4)
#define STEP_MOUNT_DEST_NOFOLLOW (1ULL << 5)
#define STEP_MOUNT_SYSFS_FALLBACK (1ULL << 6) /* EPERM on a new sysfs: bind the host's, recursively */
#define STEP_MOUNT_PROC_SUBSET (1ULL << 7)    /* EPERM on a new proc: try again with subset=pid */
#define STEP_MOUNT_LABEL_ROOT (1ULL << 8)     /* `label` is written to the root's security.selinux */
#define STEP_MOUNT_COVERED_MODE (1ULL << 9)   /* a tmpfs with the mode of the directory that it covers */
struct step_mount {
	const char *destination; /* in the container's view, absolute */
	const char *fstype;	 /* NULL for binds and remounts */
	const char *source;	 /* shown in mountinfo; for binds only a name for messages */
	plan_slot slot;		 /* detached source tree of a bind */
	plan_slot idmap;	 /* user namespace whose maps the mount gets */
	uint64_t flags;		 /* STEP_MOUNT_* */
	uint64_t attr_set, attr_clr; /* MOUNT_ATTR_*, this mount */
	uint64_t rec_set, rec_clr;   /* the recursive forms */
	uint64_t idmap_flags;	     /* AT_RECURSIVE for ridmap */
	uint64_t propagation;	     /* MS_*, 0: leave as it comes */
	uint64_t ms_flags;	     /* superblock flags as MS_* */
	uint64_t ms_clear;	     /* those that a remount takes away */
	struct plan_strv data;	     /* "key" or "key=value" for the filesystem */
	const char *label;	     /* SELinux context: the option, or see STEP_MOUNT_LABEL_ROOT */
};
struct step_device {
	const char *path;
	uint32_t mode;	     /* S_IFCHR, S_IFBLK or S_IFIFO with permissions */
	uint32_t major, minor;
	uint32_t uid, gid;   /* container's ids */
	plan_slot slot;	     /* the host's node to bind where mknod is not permitted; -1: mknod */
	bool is_default;     /* one of the runtime's own: an equal node already there is fine */
};
struct step_symlink { const char *target, *path; bool if_exists; /* only when the target exists */ };
struct step_hook_point { bool dumpable; /* the hooks are an ordinary user's, who may enter only what he could trace */ };
struct step_hook {
	const char *path;
	struct plan_strv args, env;
	int64_t timeout_ms; /* 0: none */
	uint32_t index;	    /* for messages */
};
enum pivot_mode { PIVOT_ROOT, PIVOT_MOVE /* --no-pivot: MS_MOVE and chroot */, PIVOT_CHROOT /* no mount ns */,
		  PIVOT_DONE /* the root's step has entered it */ };
struct step_pivot {
	uint32_t mode;
	struct plan_strv hidden; /* PIVOT_MOVE: where the old root shows the kernel's files */
};
struct step_console {
	uint32_t width, height; /* 0, 0: leave */
	uint32_t uid;		/* owner of the slave, container's id */
	bool bind;		/* put it on /dev/console (create; not exec) */
};
struct step_root_attr { bool readonly; uint64_t propagation; /* MS_*, of all mounts with MS_REC; 0: leave */ };
struct step_hostname { const char *name; };
struct step_domainname { const char *name; };
struct step_sysctl { const char *path; /* below /proc/sys, with slashes */ const char *value, *key; };
struct step_readonly { const char *path; };
struct step_mask { const char *path; };
struct step_cwd_make { const char *path; };
struct step_rlimit { uint32_t resource; uint64_t soft, hard; const char *name; /* for messages */ };
struct step_scheduler {
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
struct step_io_priority { uint32_t value; /* class << 13 | level */ };
struct step_memory_policy { uint32_t mode; /* with flags */ struct plan_bytes nodes; /* bit mask */ };
struct step_personality { uint64_t persona; };
struct step_affinity { struct plan_bytes mask; /* bit mask, native unsigned long words */ };
struct step_umask { uint32_t mask; };
struct step_label { bool apparmor; /* else SELinux */ const char *label; };
struct step_landlock { uint64_t fs, net, scoped; /* LANDLOCK_ACCESS_*, LANDLOCK_SCOPE_*: what is handled */ };
struct step_landlock_path { const char *path; /* in the container's view */ uint64_t access; };
struct step_landlock_port { uint64_t access; uint32_t port; };
/* Post-conditions about where we are (D20). The masked and read-only paths are those of the plan's other steps. */
struct step_inspect {
	struct plan_u32s namespaces; /* inodes of the host side's own, in the order of PLAN_NAMESPACES; 0: not known */
	uint64_t fresh;		     /* CLONE_NEW*: these are the container's own, and so another one */
};
struct step_no_new_privs { uint32_t unused; };
struct step_seccomp {
	struct plan_bytes filter; /* struct sock_filter[] */
	uint64_t flags;		  /* SECCOMP_FILTER_FLAG_*; NEW_LISTENER sends the descriptor to the host */
};
struct step_credentials {
	uint32_t uid, gid;
	struct plan_u32s groups;
	bool set_groups; /* false: keep the inherited ones (setgroups denied or asked for by annotation) */
	uint64_t bounding, effective, permitted, inheritable, ambient; /* bit per capability */
	uint32_t last_cap; /* highest capability of the running kernel */
	const char *cwd;
};
struct step_verify { const char *apparmor, *selinux; bool no_new_privs, seccomp; };
struct step_lookup { const char *program, *search; /* its $PATH */ };
struct step_gate {
	plan_slot listener; /* socket on which start calls; -1: the host side itself says start */
};
struct step_start_hook {
	const char *path;
	struct plan_strv args, env;
	int64_t timeout_ms;
	uint32_t index;
};
struct step_exec {
	struct plan_strv args, env;
	bool die_with_caller; /* keep the signal that comes when the host side ends */
	bool supervise;	      /* stay as pid 1: reap, forward signals, pass the exit status on */
	uint32_t keep_fds;    /* descriptors [3, 3 + keep_fds) stay open */
	uint64_t ignored;     /* signals that we came with so, 1 << (number - 1): for the program they are as usual */
};

/* ---- tables ------------------------------------------------------------------------------------- */

enum plan_kind {
	PLAN_BOOL, PLAN_U32, PLAN_I32, PLAN_U64, PLAN_I64, PLAN_HEX, /* uint64_t shown in base 16 */
	PLAN_SLOT, PLAN_STR, PLAN_STRV, PLAN_U32S, PLAN_BYTES,
};
struct plan_field { const char *name; uint8_t kind; uint16_t offset; };
struct plan_step_type { const char *name; uint32_t size; const struct plan_field *fields; uint32_t n_fields; };
extern const struct plan_step_type plan_step_types[STEP_COUNT];

struct step { uint32_t op; const void *arg; };
struct plan_steps { struct step *v; size_t n; };

/* ---- the way to the container side ------------------------------------------------------------------ */

#define PLAN_MAGIC 0x50525443u /* "CTRP" */
#define PLAN_VERSION 1u
struct plan_header {
	uint32_t magic, version;
	uint64_t size;	 /* of the whole message */
	uint32_t n_steps;
	uint32_t n_open; /* slots that come open */
	uint32_t n_slots;
	uint32_t reserved;
};
struct plan_record { uint32_t op, size; /* of what follows, a multiple of 8 */ };

/*
 * Size of the packed form; packs into `out` of that size, which is zeroed. Host side. Pointers become offsets from the
 * start of the message (0: NULL).
 */
size_t plan_packed_size(const struct plan_steps *steps);
void plan_pack(const struct plan_steps *steps, uint32_t n_open, uint32_t n_slots, void *out, size_t size);

/*
 * Container side: checks every record, size, offset, terminator and slot of the message, and turns
 * offsets into pointers, in place. Afterwards plan_next() walks the steps. -EPROTO with the reason when
 * anything is out of place; nothing of such a plan may be used.
 */
int plan_unpack(void *message, size_t size, struct err *e) MUST_CHECK;
/* Walks the steps of an unpacked plan from a zeroed cursor; false after the last one. */
struct plan_cursor { uint32_t index; size_t at; };
bool plan_next(const void *message, struct plan_cursor *c, struct step *ret);

#endif

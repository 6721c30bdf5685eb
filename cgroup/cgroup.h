/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CGROUP_CGROUP_H
#define CTR_CGROUP_CGROUP_H

/*
 * Control groups. Three layers, each usable alone:
 *
 *   facts   what this machine has (cgroup_detect, the only function that looks around)
 *   plan    pure: facts + request -> struct cgroup_plan, constant and printable; also the knob list of a
 *           bare resources object (update) and the device program
 *   driver  executes: create, apply, devices, freeze, kill, remove. Works on descriptors; paths are
 *           relative to the root of the cgroup2 mount and are walked beneath it without following links.
 *
 * Only cgroup v2 carries limits. A hybrid or v1 host still gives every container a cgroup of the unified
 * hierarchy (from /sys/fs/cgroup/unified, or from a private mount of it), so that the device program,
 * kill and freeze work; a limit whose controller is not there is an error that names both.
 *
 * Order of a start: cgroup_create -> cgroup_attach_devices -> cgroup_apply(EARLY) ->
 * clone3(CLONE_INTO_CGROUP) -> cgroup_apply(LATE), before the program is executed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"

struct bpf_insn; /* linux/bpf.h */

/* How long the driver waits for the kernel by default, in milliseconds (F16, F17). */
#define CGROUP_FREEZE_TIMEOUT_MS 10000
#define CGROUP_REMOVE_TIMEOUT_MS 10000

/* ---- facts ---------------------------------------------------------------------------------------- */

enum cgroup_mode {
	CGROUP_MODE_NONE,    /* no cgroup2 hierarchy within reach */
	CGROUP_MODE_PRIVATE, /* cgroup2 is not mounted; a privileged caller mounts it detached, for itself */
	CGROUP_MODE_HYBRID,  /* v1 with controllers, cgroup2 at /sys/fs/cgroup/unified */
	CGROUP_MODE_UNIFIED, /* cgroup2 at /sys/fs/cgroup */
};

#define CGROUP_PATH_MAX 4096
#define CGROUP_WORDS_MAX 256

struct cgroup_facts {
	enum cgroup_mode mode;
	const char *mount;		   /* where cgroup2 is mounted; a name for messages when it is not */
	/* Cgroup of the caller in cgroup2: "/", "/a/b"; "" when unknown or not needed (unified, root_writable). */
	char own[CGROUP_PATH_MAX];
	char controllers[CGROUP_WORDS_MAX]; /* of the root of the mount, separated by blanks; "": none, or not asked */
	char v1_controllers[CGROUP_WORDS_MAX]; /* held by v1 hierarchies, separated by blanks */
	bool root_writable;    /* cgroups can be made at the root of the mount */
	bool sibling_writable; /* ... and next to the caller's own, and a process can be put there */
	bool child_writable;   /* ... or below the caller's own */
	bool privileged;       /* root of the initial user namespace: device programs are possible (and mknod) */
};

/*
 * Fills the facts but the controllers: statfs, and where that is not all, /proc/self/cgroup and access().
 * `privileged`: the caller is root of the initial user namespace. Never reads mountinfo. Absence of cgroups is a fact
 * (CGROUP_MODE_NONE), not an error.
 */
int cgroup_detect(bool privileged, struct cgroup_facts *ret, struct err *e) MUST_CHECK;
/* Which controllers there are: for limits. Of the tree that was found. */
int cgroup_detect_controllers(struct cgroup_facts *f, struct err *e) MUST_CHECK;
/* Root of the initial user namespace: its map is the identity over all ids. */
bool cgroup_caller_is_privileged(void);

/* ---- plan (pure) ---------------------------------------------------------------------------------- */

enum cgroup_manager { CGROUP_DISABLED, CGROUP_FS, CGROUP_SYSTEMD };

enum cgroup_knob_flags {
	CGROUP_KNOB_OPTIONAL = 1 << 0, /* a missing file is no error and the controller is not required: the
					  value is the kernel's default or a refinement of another row */
	CGROUP_KNOB_SWAP = 1 << 1,     /* after EINVAL: write the next row first, then this one again */
	CGROUP_KNOB_OR_NEXT = 1 << 2,  /* file missing or EINVAL: the next row instead; else skip the next */
	CGROUP_KNOB_KEEP_FIRST = 1 << 3, /* the file's present first word stays in front of the value */
	CGROUP_KNOB_LATE = 1 << 4,     /* only when the container's first process exists (pids.max 0, 1) */
};

/* One write: `value` to `file` in the container's cgroup. */
struct cgroup_knob {
	const char *controller; /* "memory"; NULL for cgroup.* */
	const char *file;	/* "memory.max" */
	const char *value;
	uint32_t flags; /* enum cgroup_knob_flags */
};

struct cgroup_knob_list {
	const struct cgroup_knob *v;
	size_t n;
	/* memory.checkBeforeUpdate: refuse when usage is above; -1: no check. Bytes. */
	int64_t check_memory, check_total; /* against memory.current; plus memory.swap.current */
};

/*
 * Resources (NULL: none) as writes, in the order in which they must happen. Sections 2.10 to 2.13 of the
 * OCI configuration; values of v1 that v2 cannot express are -EINVAL with the member's name. Members with
 * default or empty values give no row.
 */
int cgroup_knobs(struct arena *a, const struct resources *r, struct cgroup_knob_list *ret,
		 struct err *e) MUST_CHECK;

/*
 * cpu.shares (2..262144) as cpu.weight (1..10000): the map that keeps the defaults together (1024 -> 100).
 * blockIO.weight (10..1000) as io.weight (1..10000). 0 (unset) gives 0.
 */
uint32_t cgroup_cpu_weight(uint64_t shares);
uint32_t cgroup_io_weight(uint16_t weight);

struct cgroup_device_program {
	const struct bpf_insn *v;
	size_t n; /* 0: no program */
	bool late; /* it takes nothing from who sets the container up: it may come while that goes on */
};

/*
 * The device rules (in order, a later one overrides, everything else is denied; each of r, w and m is
 * decided on its own) as one BPF_PROG_TYPE_CGROUP_DEVICE program. The built-in allowances (the devices
 * every container is given, and mknod) come before the rules, but behind a leading "deny everything":
 * that is what every generated configuration starts with, and it must not take /dev/null away.
 * -EINVAL names the member. `rules` may be NULL.
 */
int cgroup_device_compile(struct arena *a, const struct device_rule_list *rules,
			  struct cgroup_device_program *ret, struct err *e) MUST_CHECK;

/*
 * Whether the rules, which are fit, leave all access to what every container is given and to the `n` devices that are
 * made for this one.
 */
bool cgroup_devices_leave(const struct device_rule_list *rules, const struct device_conf *v, size_t n);

/* What the plan builder needs to know beyond the facts. */
struct cgroup_request {
	enum cgroup_manager manager;
	const char *cgroups_path; /* linux.cgroupsPath, or NULL */
	const char *id;		  /* of the container */
	const char *leaf;	  /* sub-cgroup of a systemd scope for the payload, or NULL */
	const struct resources *resources; /* or NULL */
	const struct device_conf *devices; /* that are made for it */
	size_t n_devices;
	bool copies;	/* nodes of the image may be made again (tmpcopyup): which, nobody knows */
	bool delegate;	/* hand the cgroup to owner_uid; see cgroup_delegates() */
	uid_t owner_uid; /* host id of process.user.uid */
	bool no_mknod;	/* the container never holds CAP_MKNOD of the initial user namespace, so that without a
			   cgroup it still reaches no device but those it is given */
};

struct cgroup_plan {
	enum cgroup_manager manager; /* CGROUP_DISABLED: nothing below is set */
	const char *path;	/* of the container's cgroup, absolute below the root of the mount. With systemd
				   the place that the system manager will choose; the real one comes back from it */
	const char *slice, *unit, *leaf; /* systemd */
	bool explicit_path;	/* the path came from the configuration */
	struct cgroup_knob_list knobs;
	struct strv controllers; /* that the knobs need; sorted, unique */
	struct cgroup_device_program devices;
	bool devices_skipped; /* the caller has no privilege to attach a program, nor can anyone mknod there */
	bool owner_set;
	uid_t owner_uid;
};

/*
 * Decides everything. Path: cgroupsPath as it is; relative: below /ctr (root) or next to the caller's own
 * cgroup; absent: the same with the id. -EINVAL: a path with "..", a limit whose controller is not
 * available, device rules that a privileged caller asked for where no cgroup2 can be had.
 */
int cgroup_plan_build(struct arena *a, const struct cgroup_facts *f, const struct cgroup_request *q,
		      const struct cgroup_plan **ret, struct err *e) MUST_CHECK;

/*
 * Whether the configuration allows the container to own its cgroup: a new cgroup namespace and a
 * writable mount of source "cgroup" at /sys/fs/cgroup.
 */
bool cgroup_delegates(const struct config *c);
/* Where containers go that ask for no place of their own, and relative paths start. */
#define CGROUP_PARENT "/ctr"

/* ---- systemd, pure part --------------------------------------------------------------------------- */

/* "slice:prefix:name" taken apart; strings live in the arena. */
struct cgroup_unit {
	const char *slice;	/* "a-b.slice" or "-.slice" */
	const char *unit;	/* "prefix-name.scope"; "name.slice" when the name is a slice */
	const char *slice_path; /* "/a.slice/a-b.slice"; "" for the root slice */
};

/* path NULL or "": default slice (system.slice or user.slice), prefix "ctr", name = id. A plus sign is escaped. */
int cgroup_unit_parse(struct arena *a, const char *path, const char *id, bool user_manager,
		      struct cgroup_unit *ret, struct err *e) MUST_CHECK;

/*
 * What systemd puts before a unit's name, "" or "_", to make a directory of it: where it could be taken for a file of the
 * cgroup tree. Of the first `n` bytes of the name, without the suffix.
 */
const char *cgroup_unit_prefix(const char *name, size_t n);

/* One property of StartTransientUnit or SetUnitProperties: D-Bus signature and the value as text. */
struct cgroup_property {
	const char *name;      /* "MemoryMax" */
	const char *signature; /* "t" (uint64) or "ay" (bytes) */
	const char *value;     /* t: decimal, 18446744073709551615 is infinity; ay: hexadecimal */
};
struct cgroup_property_list {
	const struct cgroup_property *v;
	size_t n;
};

/*
 * The limits of `r` as properties of a scope, so that the manager knows them and a reload does not undo
 * them; sections 2.8 to 2.13. Known `unified` files override the other members. What has no property
 * (cpu.idle, burst, io.max, ...) is written to the files by cgroup_apply() after the unit exists. Devices
 * have none on purpose: our program on the scope's cgroup decides alone, the manager never touches it.
 */
int cgroup_systemd_properties(struct arena *a, const struct resources *r, struct cgroup_property_list *ret,
			      struct err *e) MUST_CHECK;

/* ---- driver --------------------------------------------------------------------------------------- */

/*
 * Makes the plan's cgroup (manager CGROUP_FS), enabling in every ancestor the controllers that are needed
 * and, as far as possible, the others that exist (engines read their statistics). A frozen or populated
 * target is refused with -EBUSY (E22). On failure everything that was made is removed again.
 *
 * *ret_fd: the directory (O_RDONLY, close-on-exec), fit for CLONE_INTO_CGROUP, which takes any descriptor
 * of the directory. *ret_kept: how many leading components of the path existed before; cgroup_remove()
 * never removes those.
 */
int cgroup_create(const struct cgroup_plan *p, int *ret_fd, unsigned int *ret_kept,
		  struct err *e) MUST_CHECK;

/* How many names a path has: with more than cgroup_create() says were there, the last is new. */
unsigned int cgroup_path_depth(const char *path);

/* The cgroup at `path` below the root of the mount, or -ENOENT. */
int cgroup_open(const char *path, int *ret_fd, struct err *e) MUST_CHECK;

enum cgroup_phase { CGROUP_EARLY, CGROUP_LATE };

/* Writes the knobs of one phase; the error names file, value and reason. */
int cgroup_apply(int fd, const struct cgroup_knob_list *k, enum cgroup_phase phase, struct err *e) MUST_CHECK;

/*
 * Changes the limits of a running container: enables missing controllers down to `path`, honours
 * checkBeforeUpdate (-EBUSY), writes both phases.
 */
int cgroup_update(const char *path, const struct cgroup_knob_list *k, struct err *e) MUST_CHECK;

/*
 * Loads and attaches the program (BPF_F_ALLOW_MULTI); when one of ours is attached it is replaced
 * atomically. An empty program does nothing. `fresh`: the cgroup is new, and has none.
 */
int cgroup_attach_devices(int fd, const struct cgroup_device_program *p, bool fresh, struct err *e) MUST_CHECK;

/*
 * Moves a process into the cgroup. CLONE_INTO_CGROUP is the way to start one there (a move waits for other
 * CPUs, 4 to 14 ms on a busy machine); this is for what exists already, and for the way round a defect seen
 * in Linux 6.18: when cgroup.kill was written a different number of times to the target than to the cgroup
 * of the caller (or above either), what is cloned into the target dies of SIGKILL at birth. A first process
 * that dies of SIGKILL before it says anything should be started once more without CLONE_INTO_CGROUP, and
 * moved here.
 */
int cgroup_enter(int fd, pid_t pid, struct err *e) MUST_CHECK;
/* Post-condition of a start (D20): the process is in the cgroup or below it. -EPERM. */
int cgroup_verify(int fd, pid_t pid, struct err *e) MUST_CHECK;

/* The name of the leaf that a container's processes may be put into (annotation ctr.cgroup.leaf). */
#define CGROUP_LEAF "init"
/*
 * Moves `pid` from the cgroup at `fd` into a new leaf of it, and enables every available controller in the cgroup: it
 * can have further children with limits then, which processes in it would forbid (cgroups(7), no internal processes).
 * `path` is for messages; with `owner_set` the leaf belongs to `owner`.
 */
int cgroup_make_leaf(int fd, const char *path, pid_t pid, bool owner_set, uid_t owner, struct err *e) MUST_CHECK;
/* A new child with these limits, for processes that shall have fewer than the rest. Opens it: *ret_fd. -EEXIST. */
int cgroup_make_child(int fd, const char *path, const char *name, const struct cgroup_knob_list *k, int *ret_fd,
		      struct err *e) MUST_CHECK;
/* Removes it when nothing lives in it any more. -EBUSY. */
int cgroup_remove_child(int fd, const char *name) MUST_CHECK;

/* Calls `each` for every process in the cgroup and below; a non-zero result ends the walk and is returned. */
int cgroup_procs(int fd, int (*each)(pid_t pid, void *arg), void *arg, struct err *e) MUST_CHECK;

/* 1 when a process lives in it or below, else 0. -ENODEV when it was removed meanwhile. */
int cgroup_is_populated(int fd, struct err *e) MUST_CHECK;
/* 1 when every process in it is stopped by the freezer, else 0. */
int cgroup_is_frozen(int fd, struct err *e) MUST_CHECK;
/* The root of the tree: a descriptor that the caller does not close. */
int cgroup_root(struct err *e) MUST_CHECK;
/* Closes it, where descriptors are short or something else was mounted: who needs it again finds it again. */
void cgroup_forget_root(void);
/* As cgroup_is_frozen() and, where it is asked for, cgroup_is_populated() of a path below that. -errno without a text. */
int cgroup_is_frozen_at(int root, const char *path, bool *ret_populated) MUST_CHECK;

/*
 * Freezes or thaws and waits until the kernel reports it (cgroup.events). A freeze that does not complete
 * in time is taken back; -ETIMEDOUT then. Thawing twice is no error. Negative timeout: the default.
 */
int cgroup_freeze(int fd, bool freeze, int timeout_ms, struct err *e) MUST_CHECK;

/* SIGKILL to every process in it and below, frozen or not (cgroup.kill; one by one where that is missing). */
int cgroup_kill(int fd, struct err *e) MUST_CHECK;
/* Any other signal, to each process in turn. Returns how many got it. */
int cgroup_signal(int fd, int sig, struct err *e) MUST_CHECK;

/* Waits until no process is left; -ETIMEDOUT names one that is stuck and where. */
int cgroup_wait_empty(int fd, int timeout_ms, struct err *e) MUST_CHECK;

/*
 * Kills what is left, waits, and removes the cgroup with everything below, then its parents down to the
 * first `kept` components as long as they are empty. kept equal to the number of components: only what is
 * below. Gone already is success. Repeatable after -ETIMEDOUT.
 */
int cgroup_remove(const char *path, unsigned int kept, int timeout_ms, struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_PLAN_BUILD_H
#define CTR_PLAN_BUILD_H

/*
 * The plan as the host side sees it: its own part (cgroup, id maps, descriptors to open, hooks) and the
 * steps of the container side. Built by a function of three inputs (configuration, options, facts)
 * without a system call; constant afterwards.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../cgroup/cgroup.h"
#include "../cgroup/rdt.h"
#include "../oci/config.h"
#include "facts.h"
#include "plan.h"

/* What the command line asks for, with all paths absolute. */
struct create_options {
	const char *id, *bundle;
	bool no_pivot, no_new_keyring, init;
	bool dry_run;	     /* a missing privilege of the caller is a warning: nothing will be started */
	uint32_t keep_fds;   /* descriptors 3.. that reach the program */
	uint32_t listen_fds; /* of them, from socket activation */
	bool open_to_hooks;  /* a privileged caller's hooks may trace the first process by its ids alone */
	bool die_with_caller; /* the container is killed when the process that starts it ends */
	bool listener;	     /* wait for `start` (create), else the host side itself starts (run) */
	enum cgroup_manager cgroup_manager;
	const char *overlay; /* --overlay: "tmpfs" or an absolute path; NULL: as the annotation says */
	/* A micro-VM: the bundle's own configuration and root, where the plan is the VMM's container. Else NULL. */
	const struct config *guest;
	const char *guest_rootfs;
	const char *home; /* HOME for an environment without one; NULL: leave it */
};

/* A descriptor that the host side opens before the clone; its index is the slot number. */
enum open_kind {
	OPEN_NS,	/* a namespace by path; type checked */
	OPEN_IDMAP,	/* a user namespace with these maps, for an id-mapped mount */
	OPEN_LISTENER,	/* the socket on which start calls */
	OPEN_PIDFD,	/* the container's first process, whose namespaces exec joins */
};
struct plan_open {
	enum open_kind kind;
	const char *path;
	uint32_t ns_type;
	struct id_map_list uid_map, gid_map; /* OPEN_IDMAP */
	pid_t pid;
	uint64_t start_time;
};

struct id_maps {
	bool set;	     /* there is a new user namespace */
	bool deny_setgroups; /* must be written before gid_map by an unprivileged caller */
	bool helpers;	     /* newuidmap and newgidmap write them */
	struct id_map_list uid, gid;
};

/* `id`, of the container, is mapped. */
bool id_map_has(const struct id_map_list *l, uint32_t id);

/* Core scheduling: a new cookie, or that of a process of the host. */
struct plan_core { bool set; pid_t share; /* 0: a new one */ };

struct plan_rlimit { uint32_t resource; uint64_t soft, hard; };

struct plan {
	const char *id, *bundle, *rootfs;
	const struct config *config;
	const struct config *guest; /* as in create_options */
	const char *guest_rootfs;
	uint64_t clone_flags; /* namespaces of the first process */
	uint64_t fresh;	      /* CLONE_NEW* of new namespaces */
	bool inspects;	      /* the host side looks at what the first process is in, while it goes on */
	bool root_alone;      /* the mount namespace is made by the container side, of the root alone */
	bool network_apart;   /* a network namespace that the host side makes while the container side goes on */
	struct id_maps maps;
	bool new_pid_ns; /* the container's first process is its pid 1 */
	bool new_user_ns;
	uint64_t namespaces; /* CLONE_NEW* that differ from the caller's: what exec joins */
	struct { struct plan_open *v; size_t n; } opens;
	uint32_t n_slots;
	struct plan_steps steps;
	const struct cgroup_plan *cgroup;
	const struct rdt_plan *rdt; /* NULL: no resctrl file is touched */
	bool cgroup_leaf;	  /* the processes go into a leaf of it */
	const char *cgroup_manager; /* its name in the state: "cgroupfs", "systemd", "systemd-user", "disabled" */
	struct opt_i64 oom_score_adj;
	struct plan_core core;
	struct { struct plan_rlimit *v; size_t n; } rlimits; /* set by the host side (user namespaces) */
	const struct hooks *hooks; /* never NULL */
	bool hook_point;	   /* the container side waits before pivot_root */
	bool start_state;	   /* startContainer hooks want the state */
	bool terminal;
	struct plan_bytes initial_affinity; /* CPU mask of the host side around the clone; n 0: as it is */
	bool seccomp_notify;
	bool drop_mknod; /* stands in for device rules that no cgroup can enforce */
	const char *listener_path, *listener_metadata;
	struct plan_bytes filter; /* compiled seccomp program; n 0: none */
	uint64_t filter_flags;
	uint32_t keep_fds;
	struct strv warnings;
};

/* Fails with -EINVAL and "not supported yet: PATH" for what is parsed but not applied. */
int plan_build(struct arena *a, const struct config *c, const struct create_options *o, const struct facts *f,
	       const struct plan **ret, struct err *e) MUST_CHECK;

/* The plan as JSON, stable enough for golden tests. */
void plan_print(struct strbuf *out, const struct plan *p);

/* ---- shared between plan_*.c ---------------------------------------------------------------------------- */

struct mount_item;
struct builder {
	struct arena *a;
	const struct config *c;
	const struct linux_conf *l; /* never NULL */
	const struct create_options *o;
	const struct facts *f;
	struct plan *p;
	size_t steps_size, opens_size, warnings_size;
	uint64_t fresh;	     /* CLONE_NEW* of new namespaces; the joined ones are not among them */
	bool root_joined;    /* a mount namespace by path: its root is the root, and it is somebody else's to change */
	bool mounts_allowed; /* there is a mount namespace of our own */
	bool dev_is_bind;    /* /dev comes from outside: nothing is added there */
	bool root_mapped;    /* the root filesystem shows with the container's ids */
	bool trees;	     /* sources are TREE steps: the container's ids may not reach them, the caller does */
	bool overlay;	     /* the root is a layer of the container's own */
	bool network_due;    /* made apart, and not joined yet */
	plan_slot root_map;  /* user namespace whose maps the root gets */
	struct mount_item *mounts; /* decoded mounts, between plan_sources() and plan_late_readonly() */
	bool joined;	     /* exec: the program enters a container that exists */
	const struct process *process;
	const struct landlock *landlock; /* NULL: none */
	struct opt_u32 persona; /* PER_* */
	const char *who;     /* prefix of field paths in messages: "process" */
};

/* Appends a step and returns its zeroed argument; NULL when memory is out. */
void *builder_step(struct builder *b, enum step_op op);
#define STEP(b, OP, name) ((struct step_##name *)builder_step((b), STEP_##OP))
/* Appends a descriptor for the host side to open and returns it; the slot number is in *ret_slot. */
struct plan_open *builder_open(struct builder *b, enum open_kind kind, plan_slot *ret_slot);
/* The next free slot, opened by the container side. Only after the last builder_open(). */
plan_slot builder_slot(struct builder *b);
/* Appends a TREE step with a slot of its own; NULL when memory is out. */
struct step_tree *builder_tree(struct builder *b, const char *path, uint64_t flags);
int builder_warn(struct builder *b, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The container side joins what is made apart: what is planned next needs it. */
int plan_network(struct builder *b, struct err *e) MUST_CHECK;
int plan_sources(struct builder *b, struct err *e) MUST_CHECK;
int plan_mounts(struct builder *b, struct err *e) MUST_CHECK;
int plan_late_readonly(struct builder *b, struct err *e) MUST_CHECK;
int plan_devices(struct builder *b, struct err *e) MUST_CHECK;
int plan_readonly(struct builder *b, struct err *e) MUST_CHECK;
int plan_masks(struct builder *b, struct err *e) MUST_CHECK;
int plan_alone(struct builder *b, struct err *e) MUST_CHECK;

/* The phases that create and exec share (plan_process.c), in their order. */
int plan_session(struct builder *b, struct err *e) MUST_CHECK;
int plan_personality(struct builder *b, struct err *e) MUST_CHECK;
int plan_affinity(struct builder *b, struct err *e) MUST_CHECK;
int plan_scheduling(struct builder *b, struct err *e) MUST_CHECK;
int plan_rlimits(struct builder *b, struct err *e) MUST_CHECK;
int plan_labels(struct builder *b, struct err *e) MUST_CHECK;
int plan_landlock(struct builder *b, struct err *e) MUST_CHECK;
int plan_inspect(struct builder *b, struct err *e) MUST_CHECK;
int plan_early_filter(struct builder *b, struct err *e) MUST_CHECK;
int plan_credentials(struct builder *b, struct err *e) MUST_CHECK;
int plan_lookup(struct builder *b, struct err *e) MUST_CHECK;
int plan_late_filter(struct builder *b, struct err *e) MUST_CHECK;
int plan_program(struct builder *b, struct err *e) MUST_CHECK;

#endif

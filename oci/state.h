/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_STATE_H
#define CTR_OCI_STATE_H

/*
 * The record of one container that `create` leaves for the later commands, and the public state that the
 * specification defines (runtime.md, State). Facts are stored, conclusions are not: whether a container
 * runs is found from pid, start time and boot id.
 */

#include "config.h"

#define STATE_VERSION 1

struct state {
	uint32_t version;	/* of this record; another one is refused */
	const char *oci_version, *id, *bundle, *rootfs;
	const char *status;	/* "creating", "created" or "running" as last recorded */
	const char *boot_id;	/* pids and start times mean nothing in another boot */
	int64_t pid;		/* of the first process, in the creator's pid namespace; 0 while creating */
	uint64_t start_time;	/* field 22 of /proc/PID/stat */
	int64_t creator_pid;	/* while creating: who is at it */
	uint64_t creator_start_time;
	const char *created;	/* RFC 3339 with nanoseconds */
	uint32_t owner_uid;
	const char *owner;	/* user name, may be NULL */
	const char *isolation;	/* "namespaces" or "vm" */
	const char *cgroup_manager; /* "cgroupfs", "systemd", "disabled" */
	const char *cgroup_path;    /* below the cgroup2 mount; recorded before it is made */
	bool cgroup_leaf;	    /* its processes are in a leaf below (cgroup.h, CGROUP_LEAF) */
	uint32_t cgroup_kept;	    /* leading components that existed before */
	const char *systemd_scope;
	const char *rdt_group, *rdt_monitor; /* resctrl directories; recorded before they are made. NULL: none */
	bool rdt_own;		    /* rdt_group goes with the container */
	const char *tap_netns;	    /* of a micro-VM: the namespace that outlives it, where taps may have been; or NULL */
	uint64_t tap_netns_inode;
	uint64_t namespaces;	    /* CLONE_NEW* that differ from the caller's: what exec joins */
	bool own_pid_namespace;	    /* killing pid kills all */
	bool deny_setgroups;
	bool drop_mknod;	    /* CAP_MKNOD is not granted: device rules without a cgroup */
	bool start_hooks;	    /* there are startContainer hooks: they want the state at start */
	bool seccomp;		    /* seccomp.bpf lies beside this record */
	uint64_t seccomp_flags;
	const char *listener_path, *listener_metadata; /* of the filter's notifications; NULL: none */
	struct id_map_list uid_mappings, gid_mappings; /* of the user namespace made for it; n 0: none was */
	struct opt_u32 personality; /* PER_*: a process that joins does not inherit it */
	struct landlock *landlock; /* applies to what exec starts as well */
	struct process *process;    /* what exec starts from; without args (state_keep_process) */
	struct hooks *hooks;	    /* poststart and poststop only */
	struct string_map annotations;
};

/*
 * Strict; a cut or foreign file is -EINVAL with the reason, and so is a record of another version. What
 * later commands act upon (ids, paths, pids) has a plausible form afterwards; nothing is said about the
 * world. Everything lives in `a`.
 */
int state_parse(struct arena *a, const char *text, size_t n, struct state **ret, struct err *e) MUST_CHECK;
/* Appends the record on one line. Failure shows in `b`. */
void state_print(struct strbuf *b, const struct state *s);

/*
 * Makes `p` (may be NULL) the process that exec starts from: a copy, which shares everything it points
 * to, without the parts that belong to the first process alone (args, terminal, its size). -ENOMEM.
 */
int state_keep_process(struct arena *a, struct state *s, const struct process *p, struct err *e) MUST_CHECK;

/*
 * The public state: ociVersion, id, status, pid, bundle, rootfs, created, owner, annotations. Nothing more:
 * CRI-O decodes it into its own struct, where other keys would overwrite its bookkeeping. `indent` as in
 * json_print(). `container_pid` 0 is left as "pid": 0, as callers expect of a stopped container.
 */
void state_print_public(struct strbuf *b, const struct state *s, const char *status, int64_t pid,
			unsigned int indent);

#endif

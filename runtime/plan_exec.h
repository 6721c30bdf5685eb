/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_PLAN_EXEC_H
#define CTR_PLAN_EXEC_H

#include "plan_build.h"

/* What exec enters and as what. */
struct exec_options {
	const char *id;
	pid_t pid; /* the container's first process */
	uint64_t start_time;
	uint64_t namespaces; /* CLONE_NEW* to join */
	struct id_map_list uid_mappings, gid_mappings; /* of its own user namespace; n 0: none, or not known */
	bool deny_setgroups, drop_mknod;
	struct opt_u32 personality;
	const struct landlock *landlock; /* NULL: none */
	bool core_sched; /* the container has a cookie: to be shared */
	const struct process *process;
	struct plan_bytes filter;
	uint64_t filter_flags;
	bool filter_asks; /* the load gives a listener */
	uint32_t keep_fds;
	const char *home;
};

int plan_exec(struct arena *a, const struct exec_options *o, const struct facts *f, const struct plan **ret,
	      struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CGROUP_RDT_H
#define CTR_CGROUP_RDT_H

/*
 * linux.intelRdt (config-linux.md, IntelRdt): shares of cache and memory bandwidth through a mounted resctrl
 * filesystem (Documentation/arch/x86/resctrl.rst). A group is a directory with the files schemata and tasks;
 * processes made by a member are members. Host side.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"

/* Decided before anything is made, and constant. All paths are absolute. */
struct rdt_plan {
	const char *group;    /* directory of the group */
	bool own;	      /* named by the container's id: made by us, removed with the container */
	bool must_exist;      /* closID without any schema: somebody else has made it */
	const char *schemata; /* lines, each with its newline, in the order in which they are written; NULL: none */
	const char *monitor;  /* monitoring group, made by us; NULL: none */
};

/* Where resctrl is mounted, in the arena; *ret is NULL where it is not. `mountinfo`: text of the file of that name. */
int rdt_find(struct arena *a, const char *mountinfo, const char **ret, struct err *e) MUST_CHECK;

/* Pure. `mount` NULL: -ENOENT, there is no resctrl here. */
int rdt_plan_build(struct arena *a, const struct intel_rdt *conf, const char *id, const char *mount,
		   const struct rdt_plan **ret, struct err *e) MUST_CHECK;

/*
 * Makes or checks the group and writes its schemata, then makes the monitoring group. An existing group that is
 * named by closID must have what is asked for already (-EEXIST). On failure what this call made is removed.
 */
int rdt_make(const struct rdt_plan *p, struct err *e) MUST_CHECK;

/* Puts a process into group and monitoring group; either may be NULL. */
int rdt_join(const char *group, const char *monitor, pid_t pid, struct err *e) MUST_CHECK;

/* Removes the monitoring group, and the group when it is our own; what is gone already is fine. */
int rdt_remove(const char *group, bool own, const char *monitor, struct err *e) MUST_CHECK;

#endif

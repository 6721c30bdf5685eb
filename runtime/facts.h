/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_FACTS_H
#define CTR_FACTS_H

/*
 * What the kernel, the caller and the machine are, asked once and constant afterwards: the second input of
 * the plan builder. Golden tests fill the struct by hand, so nothing in it is a descriptor or a pointer
 * to something live.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../cgroup/cgroup.h"
#include "base/arena.h"
#include "base/err.h"
#include "plan.h"

struct id_range {
	uint32_t start, count; /* count 0: none */
};

struct config;

struct facts {
	uint32_t uid, gid; /* effective ids */
	uint64_t cap_effective, cap_bounding; /* bit per capability */
	uint64_t ignored; /* signals, 1 << (number - 1) */
	uint32_t last_cap;		      /* of the running kernel */
	bool in_userns;			      /* not the initial user namespace */
	bool setgroups_denied;		      /* in the caller's user namespace, and so in all below it */
	bool tree_namespaces;		      /* a mount namespace can be made of a tree; not asked: false */
	bool apparmor, selinux;		      /* enabled in this kernel; not asked: false */
	uint32_t landlock_abi;		      /* 0: none, or not asked */
	const char *resctrl;		      /* where it is mounted; NULL: nowhere, or not asked */
	struct strv kernel_views;	      /* where proc and sysfs are mounted, the last first; not asked: none */
	struct id_range subuid, subgid;	      /* first range of an unprivileged caller */
	bool newuidmap, newgidmap;	      /* helper programs found */
	uint32_t namespaces[PLAN_NAMESPACES_N]; /* inodes of the caller's; 0: this kernel has none of the kind, or not asked */
	bool inspects; /* the caller can see what namespaces a first process is in: they were not asked for here */
	struct cgroup_facts cgroup;
};

/*
 * For a container of the configuration; `c` NULL: for a process that joins one. Kernels below the floor (5.15) are refused
 * with a text that says so.
 */
int facts_gather(struct facts *ret, const struct config *c, struct err *e) MUST_CHECK;
/* What a plan with limits needs besides. */
int facts_add_controllers(struct facts *f, struct err *e) MUST_CHECK;

/* Name of a user by /etc/passwd alone, since a static program has no name services; untouched where it has none. */
void facts_user_name(uint32_t uid, char *name, size_t size);

/* What only few containers need to know, and costs a call: asked when it is needed. */
void facts_add_landlock(struct facts *f);
void facts_add_labels(struct facts *f);
int facts_add_resctrl(struct facts *f, struct arena *a, struct err *e) MUST_CHECK;
int facts_add_kernel_views(struct facts *f, struct arena *a, struct err *e) MUST_CHECK;

static inline bool facts_has_cap(const struct facts *f, unsigned int cap)
{
	return f->cap_effective >> cap & 1;
}

/* Where newuidmap and newgidmap live: fixed places, since engines call us without PATH. NULL: nowhere. */
const char *find_helper(const char *name, char *buf, size_t size);

#endif

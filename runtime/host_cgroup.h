/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_CGROUP_H
#define CTR_HOST_CGROUP_H

/* One container's cgroup over its life, whichever driver makes it. The only user of both drivers. */

#include "../cgroup/systemd.h"
#include "ctx.h"
#include "plan_build.h"
#include "store.h"

struct host_cgroup {
	int fd; /* for CLONE_INTO_CGROUP; -1: the container has none */
	bool made;
	bool fresh; /* the directory is new */
	struct cgroup_systemd placeholder;
	struct cgroup_systemd_options options;
	char helper[4096];
};
#define HOST_CGROUP_NONE { .fd = -EBADF, .placeholder = CGROUP_SYSTEMD_NONE }

/*
 * Makes the plan's cgroup, its device program, unless that may come late, and limits; c->state learns the path before and
 * after.
 */
int host_cgroup_make(struct ctx *ctx, struct container *c, const struct plan *p, struct host_cgroup *ret,
		     struct err *e) MUST_CHECK;
/* The device program that may come late: before anything of the container's runs. */
int host_cgroup_late(const struct plan *p, const struct host_cgroup *h, struct err *e) MUST_CHECK;
/* Lets the manager move a process in that could not be cloned into the scope (an ordinary user outside of it). */
int host_cgroup_attach(struct ctx *ctx, const struct plan *p, struct host_cgroup *h, pid_t pid, struct err *e) MUST_CHECK;
/* The container's first process is in it. */
int host_cgroup_entered(struct ctx *ctx, const struct plan *p, struct host_cgroup *h, struct err *e) MUST_CHECK;
void host_cgroup_done(struct ctx *ctx, const struct plan *p, struct host_cgroup *h);

/* Kills what lives in it and removes it; by the state alone. Repeatable. */
int host_cgroup_remove(struct ctx *ctx, const struct state *s, struct err *e) MUST_CHECK;
/* New limits for a running container. */
int host_cgroup_update(struct ctx *ctx, const struct state *s, const struct resources *r, struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_SPAWN_H
#define CTR_HOST_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "plan.h"
#include "trace.h"

/* What enters the container: the program embedded in ctr, its plan, and its descriptors. */
struct spawn {
	struct arena *arena;
	const struct plan_steps *steps;
	uint32_t n_slots;
	const int *open_fds; /* slots 0..n-1, stay the caller's */
	size_t n_open;
	uint64_t clone_flags; /* CLONE_NEW* */
	int cgroup_fd;	      /* -1: stay in the caller's cgroup */
	uint32_t keep_fds;    /* descriptors 3..3+n-1 are inherited */
	struct trace *trace;  /* NULL: none is wanted */
	int image;	      /* a copy of ctr-init from host_spawn_image(), stays the caller's; 0: a new one */
};

struct spawned {
	pid_t pid;
	int pidfd; /* close-on-exec */
	int sync;  /* our end of the conversation */
};

/* ctr-init as a sealed memfd: nobody can write to it, not even the root of a container that runs it. */
int host_spawn_image(struct err *e) MUST_CHECK;

/*
 * Starts the container side: a sealed memfd with the init program, one clone3() straight into namespaces
 * and cgroup, and execveat() of that memfd as the only thing our own text does in the child. All signals
 * must be blocked by the caller. On failure nothing runs.
 */
int host_spawn(const struct spawn *s, struct spawned *ret, struct err *e) MUST_CHECK;

/* Memory for a plan that comes later, and the steps for the child that was begun ahead (REST) with it. */
int host_spawn_room(struct err *e) MUST_CHECK;
int host_spawn_rest(const struct spawned *c, int room, const struct spawn *s, struct err *e) MUST_CHECK;

/*
 * To be asked where the child ended without a word: an image that cannot be executed shows as a child that is gone
 * with an errno as its status. Then negative.
 */
int host_spawn_entered(const struct spawned *c, struct err *e) MUST_CHECK;

#endif

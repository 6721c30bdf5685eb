/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_CREATE_H
#define CTR_HOST_CREATE_H

#include "ctx.h"
#include "host_converse.h"
#include "plan_build.h"
#include "store.h"

/* Where the results of a creation go; all may be NULL. */
struct create_outputs {
	const char *pid_file, *console_socket, *pidfd_socket;
};

/* A container in state created, as its creator holds it. */
struct created {
	pid_t pid;
	int pidfd;
	int sync;    /* -1 when `start` speaks to the listener instead */
	int console; /* master of the terminal, -1 when there is none or it was handed over */
	int signals; /* signalfd of everything that can be blocked; all signals are blocked from now on */
};
void created_done(struct created *c);
#define CREATED_NONE { .pidfd = -EBADF, .sync = -EBADF, .console = -EBADF, .signals = -EBADF }

/*
 * Executes the host side's part of the plan until the container waits for its start. `c` is fresh from
 * store_create(); its state is filled and written. On failure nothing is left: no process, cgroup or
 * state, and poststop hooks have run where the specification wants that.
 */
int host_create(struct ctx *ctx, struct container *c, const struct plan *p, const struct create_outputs *out,
		struct created *ret, struct err *e) MUST_CHECK;

/*
 * Lets the program run and waits until it was executed; then runs poststart hooks. Speaks over `sync`.
 * On failure the container is stopped, and destroyed as by `delete`.
 */
int host_start(struct ctx *ctx, struct container *c, int sync, struct err *e) MUST_CHECK;

/* Kills what is left, runs poststop hooks, removes cgroup and state. Repeatable. */
int host_destroy(struct ctx *ctx, struct container *c, int pidfd, struct err *e) MUST_CHECK;

/* Shared with exec: limits that only the host side may raise; terminal, pidfd and pid file to the caller. */
int host_rlimits(const struct talk *t, struct err *e) MUST_CHECK;
int host_outputs(struct talk *t, const struct create_outputs *o, struct err *e) MUST_CHECK;

/* Runs the poststop hooks; their failures are warnings. */
void host_poststop(struct ctx *ctx, struct container *c);

/* Why the first process ended before it said so itself: exit status, signal, out of memory. */
int host_explain_end(int pidfd, int cgroup_fd, const char *when, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_CONVERSE_H
#define CTR_HOST_CONVERSE_H

#include "host_spawn.h"
#include "plan_build.h"

/* The host side's half of the conversation in sync.h, for create and for exec. */
struct talk {
	/* Set by the caller. */
	const struct plan *plan;
	struct spawned child; /* pid and pidfd change when the container side forks */
	int signals;	      /* signalfd */
	int timeout_ms;
	/* When the first process exists, before the container side goes on (may be NULL). */
	int (*born)(struct talk *t, struct err *e);
	/* While the container side goes on: what is to be there before it is ready (may be NULL). */
	int (*meanwhile)(struct talk *t, struct err *e);
	/* Namespaces and mounts exist: runtime hooks. *ret_state: JSON for the container's own hooks, or NULL. */
	int (*mounted)(struct talk *t, const char **ret_state, struct err *e);
	/* A seccomp listener to hand over. */
	int (*notify)(struct talk *t, int fd, struct err *e);
	bool outside_allowed; /* born knows how to */
	bool ahead; /* begun so: the part that forked ends after us */
	struct trace *trace; /* NULL: none is wanted */
	void *arg;
	/* Results. */
	int console; /* -1: none */
	bool heard; /* the container side said something */
	bool outside; /* it could not be cloned into its cgroup: born has it moved there */
	bool mapped, born_called, meanwhile_called, verified;
	int cgroup_fd; /* where the first process was put; -1: nowhere */
};

/* host_spawn() and talk_until_ready(), over the defect of some kernels that cgroup_enter() describes. */
int talk_begin(struct talk *t, const struct spawn *s, struct err *e) MUST_CHECK;

/*
 * Answers the container side until it is ready. -EINTR when a signal asked us to end. An end of file is
 * -ECONNRESET with the reason found by the caller (host_explain_end()).
 */
int talk_until_ready(struct talk *t, struct err *e) MUST_CHECK;

/* START to process `pid`, then the end of file that means "executed"; ERROR becomes ours. `state` and `t` may be NULL. */
int talk_start(int sync, pid_t pid, const char *state, int timeout_ms, struct trace *t, struct err *e) MUST_CHECK;

/* Kills the container side and reaps it. */
void talk_abort(struct talk *t);

/* Blocks every signal and returns a signalfd for those that ask us to do something. */
int signals_take(struct err *e) MUST_CHECK;

#endif

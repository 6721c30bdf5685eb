/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULTS_TRACER_H
#define FAULTS_TRACER_H

/*
 * Runs commands of the runtime under ptrace(2), on x86-64, and lets one system call of theirs fail, lie, or be
 * the last of its process. A call is named by the role of its process and its number there: the roles follow
 * from who made whom, so that a point is the same in every run although host and container side run at once.
 * Processes are followed until they execute something that is neither the runtime nor its init.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ROLE_MAX 24
#define TASKS_MAX 64

enum fault_kind {
	FAULT_NONE,
	FAULT_RETURN,	/* the call is not made and returns `value`; close() is made, as the kernel's would be */
	FAULT_KILL,	/* SIGKILL to the process instead of the call */
	FAULT_KILL_ALL, /* the same to all that are followed */
};

struct fault {
	enum fault_kind kind;
	long value;	      /* FAULT_RETURN: a result or -errno */
	char role[ROLE_MAX];  /* where; with `nr` >= 0 empty: anywhere */
	unsigned int index;   /* the number of the call in its process, from 0; with `nr` >= 0 among those */
	long nr;	      /* only this system call, -1: all are counted */
	uint64_t arg0;	      /* with `nr` >= 0: only with this first argument; UINT64_MAX: any */
};

struct call {
	char role[ROLE_MAX];
	unsigned int index;
	long nr;
};
struct call_list {
	struct call *v;
	size_t n, room;
};

struct task {
	pid_t pid; /* 0: free */
	char role[ROLE_MAX];
	unsigned int calls, children;
	uint64_t entered; /* the last event, monotonic, in ms */
	bool known, stopped, inject;
	bool ours; /* executes the runtime or its init */
	long nr;
};

struct tracer {
	struct task tasks[TASKS_MAX];
	const char *runtime; /* absolute */
	struct fault fault;
	unsigned int matches; /* calls seen that fit fault.nr */
	bool hit;	      /* the fault was reached */
	long hit_nr;
	int crash;	      /* the signal of a crash, 0: none */
	struct call_list *record; /* NULL: none */
};

struct outcome {
	int status; /* of the command: exit status, or 128 + signal */
	bool hang;  /* it did not end in time; everything followed was killed */
	double ms;
};

/* What a command is started with. */
struct command {
	char *const *argv;
	const char *dir;
	const char *const *env; /* names and values in turn, NULL at the end; added to ours */
	int out, err;		/* descriptors */
	uid_t uid;		/* 0: the caller's */
	gid_t gid;
};

/* Starts a command without following it: its pid. */
pid_t command_start(const struct command *c);
/* Runs it to its end: exit status, 128 + signal, or -1 after `limit_ms` (it is killed then). */
int command_run(const struct command *c, int limit_ms);

/* Follows a command until it ended and what it left is at rest, at most `limit_ms`. Roles begin with `role`. */
struct outcome tracer_run(struct tracer *t, const struct command *c, const char *role, int limit_ms);
/* Begins a new count of calls in the processes that are still followed. */
void tracer_reset(struct tracer *t);
/* Lets go of all that is followed. */
void tracer_detach(struct tracer *t);

const char *call_name(long nr);
long call_number(const char *name);
int64_t clock_ms(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_VM_WORKER_H
#define CTR_VM_WORKER_H

/*
 * The processes of the agent's jobs. They are forks of the agent that go on as a `ctr` would that was just executed.
 * One of them can be made ahead: it has begun an exec, knows the container and the kernel, has made one plan for
 * practice, so that its code is in memory and in the emulator's cache, has a child that has joined the container, and
 * waits for the process.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* What the host has sent: the configuration, or the process of an exec. It ends with a NUL that is not counted. */
struct vm_document { const char *text; size_t n; };

/* How an exec is begun before anybody asks for it. */
struct exec_ahead {
	/* Called when all is known but the process; returns it when somebody asks. */
	const struct vm_document *(*wait)(void);
	/* Whether our standard streams shall be those that the process will have: a child inherits them. */
	void (*lend)(bool theirs);
	/* The program has ended: what is left to do need not be waited for. */
	void (*ended)(int status);
};
/* Members of struct ctx that such a process has; elsewhere 0 and NULL. */
struct vm_role { int init_image; const struct vm_document *process; const struct exec_ahead *ahead; };
/* Runs a command line and says what its process is to exit with. */
typedef int vm_ctr(const struct vm_role *role, int argc, char **argv);
/*
 * What they have of the agent. One copy of ctr-init for all: an emulator keeps what it has translated by the page that
 * it was on, and another copy would be on other pages. It keeps it by the address as well, so that there ctr-init is at the
 * same one each time; the program, and what it starts, is not (linux.personality, vm_config.c).
 */
struct vm_family { vm_ctr *ctr; int init_image; bool emulated; };

struct vm_task { bool exec, terminal; struct vm_document document; /* of exec */ };
#define VM_TASK_MAX 16384 /* bytes of a document that can be handed to one that waits */
/*
 * Our ends of a task's standard streams, and of the line on which one that waited says the status that it will exit with:
 * -1 for another one. What it takes to end comes after that.
 */
struct vm_ends { int in, out[2], says; };
struct vm_worker { pid_t pid; int socket; struct vm_ends ends; }; /* pid 0: there is none */
#define VM_WORKER_NONE { .pid = 0, .socket = -EBADF, .ends = { -EBADF, { -EBADF, -EBADF }, -EBADF } }

/* Where the configuration is when the container's own program is started. */
#define VM_BUNDLE "/run/bundle"
#define VM_CONFIG VM_BUNDLE "/config.json"

/*
 * The process of a task: that of `w` if it waits for one, which it is not afterwards, else a new one. Its pid, or -errno.
 * Its standard streams are `fds`; where these are NULL, pipes, whose other ends are in `ours` and do not block. The caller's
 * signals are blocked, its descriptors are not inherited.
 */
pid_t vm_worker_run(struct vm_worker *w, const struct vm_family *family, const struct vm_task *t, const int *fds,
		    struct vm_ends *ours) MUST_CHECK;
/* Makes one for the next time, which practises with the document of an exec that was. None is no error. */
void vm_worker_prepare(struct vm_worker *w, const struct vm_family *family, const struct vm_document *practice);
/* It has ended, and is reaped. */
void vm_worker_gone(struct vm_worker *w);

#endif

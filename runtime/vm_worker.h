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

/* How an exec is begun before anybody asks for it. */
struct exec_ahead {
	/* Called when all is known but the process; returns when somebody asks, with the file that it is to be read from. */
	const char *(*wait)(void);
	/* Whether our standard streams shall be those that the process will have: a child inherits them. */
	void (*lend)(bool theirs);
};
/* Members of struct ctx that such a process has; elsewhere 0 and NULL. */
struct vm_role { int init_image; const struct exec_ahead *ahead; };
/* Runs a command line and says what its process is to exit with. */
typedef int vm_ctr(const struct vm_role *role, int argc, char **argv);
/*
 * What they have of the agent. One copy of ctr-init for all: an emulator keeps what it has translated by the page that
 * it was on, and another copy would be on other pages. It keeps it by the address as well, so that there ctr-init is at the
 * same one each time; the program, and what it starts, is not (linux.personality, vm_config.c).
 */
struct vm_family { vm_ctr *ctr; int init_image; bool emulated; };

struct vm_task { uint16_t stream; bool exec, terminal; };
/*
 * Our ends of a task's standard streams, and of the line on which one that waited says the status that it will exit with:
 * -1 for another one. What it takes to end comes after that.
 */
struct vm_ends { int in, out[2], says; };
struct vm_worker { pid_t pid; int socket; struct vm_ends ends; }; /* pid 0: there is none */
#define VM_WORKER_NONE { .pid = 0, .socket = -EBADF, .ends = { -EBADF, { -EBADF, -EBADF }, -EBADF } }

/* Where a stream's document is. */
#define VM_BUNDLE "/run/bundle"
#define VM_FILE_MAX 64
void vm_task_file(uint16_t stream, char ret[VM_FILE_MAX]);

/*
 * The process of a task: that of `w` if it waits for one, which it is not afterwards, else a new one. Its pid, or -errno.
 * Its standard streams are `fds`; where these are NULL, pipes, whose other ends are in `ours` and do not block. The caller's
 * signals are blocked, its descriptors are not inherited.
 */
pid_t vm_worker_run(struct vm_worker *w, const struct vm_family *family, const struct vm_task *t, const int *fds,
		    struct vm_ends *ours) MUST_CHECK;
/* Makes one for the next time, which practises with the document of an exec that was. None is no error. */
void vm_worker_prepare(struct vm_worker *w, const struct vm_family *family, uint16_t stream);
/* It has ended, and is reaped. */
void vm_worker_gone(struct vm_worker *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_STORE_H
#define CTR_STORE_H

/*
 * The state directory: ROOT/ID/ with state.json (atomically replaced), the start socket while a container
 * is created, and its seccomp program if it has one. The directory of a container is made exclusively,
 * which is what makes ids unique; short changes are serialised by flock() on it.
 */

#include <errno.h>
#include <stdbool.h>

#include "../oci/state.h"
#include "base/arena.h"
#include "base/err.h"
#include "ctx.h"

#define STORE_STATE "state.json"
#define STORE_START "start.sock"
#define STORE_SECCOMP "seccomp.bpf"

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

struct container {
	const char *id;
	int dir_fd;
	struct store_seen *seen; /* of the call's ctx */
	struct state *state; /* as read or as about to be written; NULL when the file is missing */
	char prepared[256];  /* name of the state that waits to be the one that holds (store_prepare()) */
	bool unread; /* the state is there, and the kernel would not give it to us: it may be whole */
	bool damaged;	     /* state.json is there and cannot be read: only delete --force goes on */
	struct err why;	     /* the reason when damaged */
};

void container_done(struct container *c);
#define auto_container __attribute__((cleanup(container_done)))
#define CONTAINER_NONE { .dir_fd = -EBADF }

/* [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 255 bytes. */
int store_check_id(const char *id, struct err *e) MUST_CHECK;

/* The absolute path of a file in the directory of a container, which need not exist yet. */
int store_path(struct ctx *ctx, const char *id, const char *file, const char **ret, struct err *e) MUST_CHECK;
/* An empty directory below ROOT for all to share, made where it is missing; no container can have its name. */
int store_empty_dir(struct ctx *ctx, const char **ret, struct err *e) MUST_CHECK;
/* Makes ROOT (mode 0700) where needed and ROOT/ID; -EEXIST: "container "ID" already exists". */
int store_create(struct ctx *ctx, const char *id, struct container *ret, struct err *e) MUST_CHECK;
/* Opens an existing container; -ENOENT: "container "ID" does not exist". A damaged state is not an error here. */
int store_open(struct ctx *ctx, const char *id, struct container *ret, struct err *e) MUST_CHECK;
/* The same with its status, for one of many: `c` has no directory where it was not needed. */
int store_peek(struct ctx *ctx, const char *id, struct container *ret, enum status *ret_status, struct err *e) MUST_CHECK;
/* The same, and the state must be readable. */
int store_load(struct ctx *ctx, const char *id, struct container *ret, struct err *e) MUST_CHECK;
/* store_load() and the lock, and what is so now: the state as it is under the lock, and the status. */
int store_take(struct ctx *ctx, const char *id, struct container *ret, enum status *ret_status, struct err *e) MUST_CHECK;
/* Serialises changes of one container; released with the descriptor. Waits at most ten seconds. */
int store_lock(struct container *c, struct err *e) MUST_CHECK;
/* Reads the state again after the lock was taken. */
int store_reload(struct ctx *ctx, struct container *c, struct err *e) MUST_CHECK;
int store_save(struct ctx *ctx, const struct container *c, struct err *e) MUST_CHECK;
/* The same in two parts: beside the state that holds, until it is made the one that does. */
int store_prepare(struct ctx *ctx, struct container *c, struct err *e) MUST_CHECK;
int store_commit(struct container *c, struct err *e) MUST_CHECK;
/* Removes ROOT/ID with everything in it. What is gone already is no error. */
int store_remove(struct container *c, struct err *e) MUST_CHECK;
/* Every id in ROOT, in the order of strcmp(), so that two looks at the same containers read the same. In the arena. */
int store_ids(struct ctx *ctx, struct strv *ret, struct err *e) MUST_CHECK;

/* Closes what the calls of one command keep open together. */
void store_forget(struct ctx *ctx);

/* ---- status ----------------------------------------------------------------------------------------------- */

const char *status_name(enum status s);

/*
 * From facts, never from what was written down: the process with the recorded start time and boot, the
 * start socket (somebody listens: created), the freezer. *ret_pidfd (may be NULL) is the first process or -1.
 */
int container_status(const struct container *c, enum status *ret, int *ret_pidfd, struct err *e) MUST_CHECK;

#endif

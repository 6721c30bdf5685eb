/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_NOTIFY_H
#define CTR_HOST_NOTIFY_H

/*
 * sd_notify(3) for a container that `run` starts as a service: the program gets a socket of its own, and what it says
 * there goes on to the manager as the word of `ctr`, which is the process that the manager knows. Only what speaks of
 * the program's own condition goes on: not whose process it is, and no descriptor but a barrier's.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "base/arena.h"
#include "base/err.h"

#define NOTIFY_INSIDE "/run/notify/notify.sock" /* where engines that do the same put it */
#define STORE_NOTIFY "notify.sock"

struct notify {
	const char *outer; /* NOTIFY_SOCKET of the caller, NULL: nobody waits */
	int fd;		   /* what the program writes to */
	bool ready;	   /* READY=1 went on */
};
#define NOTIFY_NONE { .fd = -EBADF }

/* The configuration with the socket at `source` bound to NOTIFY_INSIDE, and its name in the environment. */
int notify_config(struct arena *a, const char *source, const struct config **c, struct err *e) MUST_CHECK;
/* Makes the socket in the state directory. */
int notify_listen(struct notify *n, int dir_fd, struct err *e) MUST_CHECK;
/* Passes one message on; `main_pid`: told with READY=1, for a manager whose process we shall not be; 0: none. */
void notify_pass(struct notify *n, pid_t main_pid);
/* Until READY=1 went on, or the process behind the pidfd ended: -ESRCH. */
int notify_wait(struct notify *n, int pidfd, pid_t main_pid, struct err *e) MUST_CHECK;
void notify_done(struct notify *n);

#endif

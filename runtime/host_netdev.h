/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_NETDEV_H
#define CTR_HOST_NETDEV_H

/* linux.netDevices: interfaces of the host go to the container, by the program ctr-net. */

#include <stddef.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "base/arena.h"
#include "base/err.h"

/* What has been moved, so that a creation that fails can give it back. */
struct netdev_move {
	int netns;	     /* of the container; -EBADF when nothing was moved */
	const char *printed; /* the pairs as ctr-net reported them */
};
#define NETDEV_MOVE_NONE { .netns = -EBADF }

/* Moves the devices (none: nothing is done) into the network namespace of process `pid`. All or nothing. */
int netdevs_move(struct arena *a, const struct config *c, pid_t pid, struct netdev_move *ret,
		 struct err *e) MUST_CHECK;
/*
 * Puts them back, for a creation that failed: devices that are made of software end with their namespace
 * otherwise. While the namespace lives, which the descriptor ensures. Nothing to do is success.
 */
int netdevs_return(struct arena *a, struct netdev_move *m, struct err *e) MUST_CHECK;
/* They stay in the container for good (they do not come back with its end, says the specification). */
void netdevs_done(struct netdev_move *m);

#endif

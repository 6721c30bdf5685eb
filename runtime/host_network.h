/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_NETWORK_H
#define CTR_HOST_NETWORK_H

#include "base/err.h"

/*
 * Makes the container's network namespace, its loopback device up, and hands it to the container side, which mounts
 * meanwhile. We are back in our own afterwards; where that fails, so does this, and nothing but cleaning up may follow.
 */
int host_network(int sync, struct err *e) MUST_CHECK;

#endif

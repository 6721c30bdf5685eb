/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_LISTENER_H
#define CTR_HOST_LISTENER_H

#include <sys/types.h>

#include "../oci/state.h"
#include "base/err.h"

/*
 * Sends the descriptor of a filter that asks somebody else to the socket that the state names, with the container process
 * state of the specification (config-linux.md, seccomp). `status`: of the container, whose first process s->pid is;
 * `process`: the one that has the filter.
 */
int host_hand_listener(const struct state *s, const char *status, pid_t process, int fd, struct err *e) MUST_CHECK;

#endif

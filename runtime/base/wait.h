/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_WAIT_H
#define CTR_BASE_WAIT_H

/* Waiting for one descriptor until a moment; both sides use it. Who waits for several calls poll() himself. */

#include <errno.h>
#include <poll.h>

#include "util.h"

/* The moment of now_ms() so many milliseconds from now; negative, which never comes, for a negative number. */
static inline int64_t deadline_in(int64_t ms)
{
	return ms < 0 ? -1 : now_ms() + ms;
}

/*
 * Waits for events of poll(2), or the end of the other side in any case (`events` may be 0). 0 when there is something,
 * -ETIMEDOUT when the moment `deadline` came first, -errno. A signal does not end it: the deadline is a moment of the
 * monotonic clock, so that signals do not move it either.
 */
static inline int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r;

	do {
		int64_t left = deadline < 0 ? -1 : MAX(deadline - now_ms(), (int64_t)0);
		r = poll(&p, 1, (int)MIN(left, (int64_t)INT32_MAX));
	} while (r < 0 && errno == EINTR);
	return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : -errno;
}

#endif

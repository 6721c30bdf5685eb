/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace takes the kernel about as long as everything else that a container is made of. It is made by the
 * host side, beside what the container side does: for a moment we are in it ourselves, alone, and nobody of the
 * container is there yet.
 */
#include "host_network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>

#include "../netns/message.h"
#include "../netns/netns.h"
#include "base/fd.h"
#include "base/util.h"
#include "sync.h"

static int open_ours(struct err *e)
{
	int fd = openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, errno, "open the network namespace") : fd;
}

static int loopback_up(struct err *e)
{
	union {
		struct nlmsghdr h;
		uint8_t bytes[64];
	} request;
	auto_close int nl = nl_open();
	int r = nl < 0 ? nl : 0;

	if (r == 0 && netns_loopback_up_size > sizeof(request))
		r = -E2BIG;
	if (r == 0) {
		memcpy(request.bytes, netns_loopback_up, netns_loopback_up_size);
		r = nl_talk_raw(nl, &request.h);
	}
	return r < 0 ? err_sys(e, r, "bring up the loopback device") : 0;
}

int host_network(int sync, struct err *e)
{
	auto_close int own = open_ours(e), made = -EBADF;

	if (own < 0)
		return own;
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(e, errno, "make a network namespace");
	int r = made = open_ours(e);
	if (r >= 0)
		r = sync_send(sync, SYNC_NETWORK, 0, made, e);
	/* It ended; why, it has said before. */
	if (r == -EPIPE || r == -ECONNRESET)
		r = 0;
	if (r >= 0)
		r = loopback_up(e);
	struct err back;
	if (setns(own, CLONE_NEWNET) < 0) {
		(void)err_sys(&back, errno, "return to the own network namespace");
		*e = back;
		return -e->code;
	}
	return r < 0 ? r : 0;
}

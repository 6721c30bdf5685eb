/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_NETNS_MESSAGE_H
#define CTR_NETNS_MESSAGE_H

/*
 * Netlink requests (netlink(7), rtnetlink(7)) for the places where libmnl cannot be: in the static program, inside a
 * micro-VM's container and in its guest. Who listens is the kernel; what it sends is taken by its lengths all the same.
 */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#include "../runtime/base/err.h"

/* One request under construction. More than fits is remembered and makes nl_talk() fail with -E2BIG. */
struct nl_request {
	union { struct nlmsghdr h; char bytes[2048]; };
	size_t n; /* with what did not fit */
};
/* `flags` beside NLM_F_REQUEST and NLM_F_ACK; `head` is the fixed structure of the type. */
void nl_begin(struct nl_request *q, uint16_t type, uint16_t flags, const void *head, size_t n);
void nl_put(struct nl_request *q, uint16_t type, const void *data, size_t n);
void nl_put_text(struct nl_request *q, uint16_t type, const char *text);
/* What is put until the end goes into an attribute. */
size_t nl_nest(struct nl_request *q, uint16_t type);
void nl_nest_end(struct nl_request *q, size_t at);

/* A NETLINK_ROUTE socket, or -errno. */
int nl_open(void) MUST_CHECK;
/* Sends it and waits for the kernel's word: 0 or -errno. */
int nl_talk(int fd, struct nl_request *q) MUST_CHECK;
/* The same for a finished message. */
int nl_talk_raw(int fd, struct nlmsghdr *h) MUST_CHECK;
/*
 * Asks for all objects of a type, `head` as above, and calls `each` for every one; a negative result of it ends the
 * dump and is returned. The message may be changed by it.
 */
int nl_dump(int fd, uint16_t type, const void *head, size_t n, int (*each)(void *arg, struct nlmsghdr *h), void *arg) MUST_CHECK;
/* The attribute of a message whose fixed structure has `head` bytes, or NULL; at least `size` bytes are in it. */
struct rtattr *nl_attr(struct nlmsghdr *h, size_t head, uint16_t type, size_t size);

#endif

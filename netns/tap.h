/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_NETNS_TAP_H
#define CTR_NETNS_TAP_H

/*
 * A micro-VM takes the place of its container in a network namespace. For every Ethernet device that is up there, a tap
 * is made; what comes in at either goes out at the other (tc(8): ingress, u32, mirred), before the namespace's own stack
 * sees it. The guest gets a device of the same name, hardware address and MTU, and the namespace's addresses, routes and
 * permanent neighbours: whatever an engine configured is true for it, for connections in both directions.
 *
 * The taps end with who has them open. The rule at the namespace's device stays, and would swallow what comes in for
 * whoever uses the namespace next: tap_forget() removes it.
 */

#include <stdint.h>

#include "../runtime/base/err.h"
#include "../runtime/base/str.h"

#define TAP_MAX 4
#define TAP_PREFIX "ctrtap" /* names of the taps in the namespace */

struct tap {
	int fd; /* for the VMM */
	uint8_t mac[6];
};
struct tap_set {
	struct tap v[TAP_MAX];
	size_t n;
	struct strbuf messages; /* netlink requests for tap_replay(), aligned; in the order in which they are to be made */
};
#define TAP_SET_NONE { .n = 0 }

/*
 * In the caller's network namespace, with CAP_NET_ADMIN over it and /dev/net/tun at hand. Without a device that is up
 * the set is empty. Rules that an earlier VM left are replaced. -EPERM: nothing is changed, the namespace is another's.
 * -EBUSY: nothing is changed, another VM has this place, or needs that nobody has it (tap_keep_out()).
 */
int tap_join(struct tap_set *ret, struct err *e) MUST_CHECK;
void tap_set_done(struct tap_set *s);
/*
 * For a VM that only needs packets to come to sockets of the caller's network namespace. -EBUSY: another one gets them.
 * *ret: a descriptor; while it is open, no VM joins there.
 */
int tap_keep_out(int *ret, struct err *e) MUST_CHECK;

/* In the guest: makes `n` bytes of the messages true for its devices, which are found by their hardware address. */
int tap_replay(const char *messages, size_t n, struct err *e) MUST_CHECK;

/* Removes the rules from the devices of the caller's network namespace, unless a tap of another VM is there. */
int tap_forget(struct err *e) MUST_CHECK;

#endif

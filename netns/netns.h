/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_NETNS_NETNS_H
#define CTR_NETNS_NETNS_H

/* Everything that speaks rtnetlink. */

#include <stddef.h>
#include <stdint.h>

/*
 * The RTM_NEWLINK request that sets IFF_UP on the loopback device (index 1 in every network namespace),
 * acknowledgement wanted. The bytes are made at build time by netns/gen_loopback.c with libmnl, so that the
 * container side only has to send them: no netlink code and no library runs inside the namespaces.
 */
extern const uint8_t netns_loopback_up[];
extern const size_t netns_loopback_up_size;

#endif

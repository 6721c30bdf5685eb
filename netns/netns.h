/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_NETNS_NETNS_H
#define CTR_NETNS_NETNS_H

/* Everything that speaks rtnetlink. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../oci/config.h"
#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"

/*
 * The RTM_NEWLINK request that sets IFF_UP on the loopback device (index 1 in every network namespace),
 * acknowledgement wanted. The bytes are made at build time by netns/gen_loopback.c with libmnl, so that the
 * container side only has to send them: no netlink code and no library runs inside the namespaces.
 */
extern const uint8_t netns_loopback_up[];
extern const size_t netns_loopback_up_size;

/* ---- linux.netDevices: interfaces of the host for the container ------------------------------------ */

/*
 * The work is done by the program ctr-net (netns/helper/ctr-net.c), since libmnl is a shared library and ctr
 * is static. Its command line:
 *
 *	ctr-net move NETNS PAIR...	from the caller's network namespace to the one at the path NETNS
 *	ctr-net back NETNS PAIR...	the other way
 *
 * A pair is NAME or NAME:NEW_NAME; a colon is the one printable character besides the slash that no
 * interface can have in its name. On success it prints one pair a line, fit for the opposite command; on
 * failure one line on stderr, status 1, and everything is where it was.
 */
#define NETNS_NAME_SIZE 16 /* IFNAMSIZ, the NUL included */

struct netns_pair {
	char name[NETNS_NAME_SIZE], new_name[NETNS_NAME_SIZE]; /* the same when it keeps its name */
};

/* What the kernel lets an interface be called; `pattern`: one %d in it stands for a free number. */
bool netns_name_ok(const char *name, bool pattern);
/* Whether it is such a pattern; of a name that is ok. */
bool netns_name_is_pattern(const char *name);

/* -EINVAL for what is not a pair of names. */
int netns_pair_parse(const char *text, struct netns_pair *ret, struct err *e) MUST_CHECK;

/* The command line of `move` for devices of the configuration, in the arena. -EINVAL names the device. */
int netns_move_argv(struct arena *a, const char *program, const char *netns, const struct net_device_entry *v,
		    size_t n, char *const **ret, struct err *e) MUST_CHECK;
/* The command line of `back` from what `move` printed. -EINVAL: that is not a list of pairs. */
int netns_back_argv(struct arena *a, const char *program, const char *netns, const char *printed,
		    char *const **ret, struct err *e) MUST_CHECK;

#endif

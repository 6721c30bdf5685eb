/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_NETNS_RTNL_H
#define CTR_NETNS_RTNL_H

/* rtnetlink(7) for ctr-net: one socket per network namespace, single requests, two kinds of dump. */

#include <stdbool.h>
#include <stdint.h>

#include "../../runtime/base/arena.h"
#include "../../runtime/base/err.h"
#include "../netns.h"

/* A network namespace with a socket in it; the socket stays there wherever the process goes. */
struct rtnl {
	int ns;		       /* descriptor of the namespace */
	struct mnl_socket *nl; /* NULL: not open */
	uint32_t seq;
	const char *where; /* for messages */
};

struct rtnl_link {
	uint32_t index, flags; /* flags: IFF_* */
	char name[NETNS_NAME_SIZE];
};
struct rtnl_links {
	struct rtnl_link *v;
	size_t n;
};

/* Addresses as RTM_NEWADDR messages of the kernel's own. */
struct rtnl_addrs {
	const struct nlmsghdr **v;
	size_t n;
};

/* Opens the socket in the calling thread's network namespace. */
int rtnl_open(struct rtnl *s, struct err *e) MUST_CHECK;
void rtnl_close(struct rtnl *s);

/* Every link of the namespace. */
int rtnl_links(struct rtnl *s, struct arena *a, struct rtnl_links *ret, struct err *e) MUST_CHECK;
const struct rtnl_link *rtnl_by_name(const struct rtnl_links *l, const char *name);
const struct rtnl_link *rtnl_by_index(const struct rtnl_links *l, uint32_t index);

/* The permanent addresses of global scope of one link, of all families, in the order they were given. */
int rtnl_addrs(struct rtnl *s, struct arena *a, uint32_t index, struct rtnl_addrs *ret,
	       struct err *e) MUST_CHECK;
/*
 * Gives them to a link, with all attributes. A label (IPv4) that begins with the link's old name gets the
 * new one there, as the kernel does when it renames.
 */
int rtnl_add_addrs(struct rtnl *s, const struct rtnl_addrs *l, uint32_t index, const char *old_name,
		   const char *new_name, struct err *e) MUST_CHECK;

/*
 * Moves a link into another namespace, with this index there, under `name` (NULL: the one it has); all in
 * one message. Not atomic in the kernel: after an error it may be there already, under its old name.
 */
int rtnl_move(struct rtnl *from, uint32_t index, const struct rtnl *to, uint32_t new_index, const char *name,
	      struct err *e) MUST_CHECK;
int rtnl_up(struct rtnl *s, uint32_t index, struct err *e) MUST_CHECK;

#endif

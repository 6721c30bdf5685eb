/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of tap.h: what the host wrote down becomes true for the guest's devices. Trusts the host's words. */
#include <errno.h>
#include <net/if_arp.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../runtime/base/util.h"
#include "message.h"
#include "tap.h"

/* A device of the host, and the guest's with the same hardware address. */
struct pair { int host, here; };
struct map { int nl; struct pair v[TAP_MAX]; size_t n; };
struct search { const void *mac; int index; };

static int compare_link(void *arg, struct nlmsghdr *h)
{
	struct search *s = arg;
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct rtattr *mac = nl_attr(h, sizeof(*i), IFLA_ADDRESS, 6);

	if (mac && RTA_PAYLOAD(mac) == 6 && memcmp(RTA_DATA(mac), s->mac, 6) == 0)
		s->index = i->ifi_index;
	return 0;
}

/* The kernel's names may be those that others are to have. */
static int put_aside(struct map *m, int index)
{
	const struct ifinfomsg i = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct nl_request q;
	char name[IFNAMSIZ];

	(void)snprintf(name, sizeof(name), "ctr-%d", index);
	nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
	nl_put_text(&q, IFLA_IFNAME, name);
	return nl_talk(m->nl, &q);
}

static int find_pair(struct map *m, struct nlmsghdr *h)
{
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC }, *i = NLMSG_DATA(h);
	struct rtattr *mac = nl_attr(h, sizeof(*i), IFLA_ADDRESS, 6);
	struct search s = { mac ? RTA_DATA(mac) : NULL, 0 };
	int r = mac && m->n < TAP_MAX ? nl_dump(m->nl, RTM_GETLINK, &any, sizeof(any), compare_link, &s) : -EPROTO;

	if (r == 0 && !s.index)
		r = -ENODEV;
	if (r == 0)
		r = put_aside(m, s.index);
	if (r == 0)
		m->v[m->n++] = (struct pair){ i->ifi_index, s.index };
	return r;
}

static int here(const struct map *m, int host)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].host == host)
			return m->v[i].here;
	return 0;
}

/* What is fixed in a message of the type; 0: no type of ours. */
static size_t head_of(uint16_t type)
{
	return type == RTM_NEWLINK  ? sizeof(struct ifinfomsg) :
	       type == RTM_NEWADDR  ? sizeof(struct ifaddrmsg) :
	       type == RTM_NEWNEIGH ? sizeof(struct ndmsg) :
	       type == RTM_NEWROUTE ? sizeof(struct rtmsg) :
				      0;
}

/* The numbers of devices in a message become the guest's. */
static int translate(const struct map *m, struct nlmsghdr *h)
{
	struct rtattr *out;
	int index;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK: {
		struct ifinfomsg *i = NLMSG_DATA(h);
		i->ifi_index = here(m, i->ifi_index);
		return i->ifi_index ? 0 : -ENODEV;
	}
	case RTM_NEWADDR: {
		struct ifaddrmsg *i = NLMSG_DATA(h);
		i->ifa_index = (unsigned int)here(m, (int)i->ifa_index);
		return i->ifa_index ? 0 : -ENODEV;
	}
	case RTM_NEWNEIGH: {
		struct ndmsg *i = NLMSG_DATA(h);
		i->ndm_ifindex = here(m, i->ndm_ifindex);
		return i->ndm_ifindex ? 0 : -ENODEV;
	}
	case RTM_NEWROUTE:
		out = nl_attr(h, sizeof(struct rtmsg), RTA_OIF, sizeof(index));
		if (!out)
			return -ENODEV;
		memcpy(&index, RTA_DATA(out), sizeof(index));
		index = here(m, index);
		memcpy(RTA_DATA(out), &index, sizeof(index));
		return index ? 0 : -ENODEV;
	default: return -EPROTO;
	}
}

static const char *name_of(uint16_t type)
{
	return type == RTM_NEWLINK  ? "a device" :
	       type == RTM_NEWADDR  ? "an address" :
	       type == RTM_NEWROUTE ? "a route" :
				      "a neighbour";
}

static int replay(struct map *m, const char *messages, size_t n, uint16_t only, struct err *e)
{
	union { struct nlmsghdr h; char bytes[8192]; } one;

	for (size_t at = 0; at < n;) {
		if (n - at < sizeof(one.h))
			return err_set(e, EPROTO, "set up the network: a message is cut");
		memcpy(&one.h, messages + at, sizeof(one.h));
		const size_t size = one.h.nlmsg_len;
		if (size < sizeof(one.h) || size > sizeof(one) || size > n - at)
			return err_set(e, EPROTO, "set up the network: a message is cut");
		memcpy(&one, messages + at, size);
		at += NLMSG_ALIGN(size);
		const size_t head = head_of(one.h.nlmsg_type);
		if (!head || size < NLMSG_LENGTH(head))
			return err_set(e, EPROTO, "set up the network: a message of kind %u, %zu bytes", one.h.nlmsg_type, size);
		if (only && one.h.nlmsg_type != only)
			continue;
		int r = only ? find_pair(m, &one.h) : translate(m, &one.h);
		if (r == 0 && !only)
			r = nl_talk_raw(m->nl, &one.h);
		if (r < 0 && r != -EEXIST)
			return err_sys(e, r, "set up the network: %s", name_of(one.h.nlmsg_type));
	}
	return 0;
}

int tap_replay(const char *messages, size_t n, struct err *e)
{
	auto_close int nl = nl_open();
	struct map m = { .nl = nl };

	if (nl < 0)
		return err_sys(e, nl, "set up the network");
	/* First all devices get out of the way of each other's names. */
	int r = replay(&m, messages, n, RTM_NEWLINK, e);
	return r < 0 ? r : replay(&m, messages, n, 0, e);
}

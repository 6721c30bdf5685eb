/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of tap.h: finds devices, makes taps, joins the two, and writes down what the guest is to be told. */
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../runtime/base/util.h"
#include "message.h"

#define PRIORITY 25460U /* of our rule: how it is told from others */
#define PARENT TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

struct link { int index; unsigned int mtu; char name[IFNAMSIZ]; uint8_t mac[6]; };
struct links { struct link v[TAP_MAX]; size_t n; bool taps; };

/* ---- what is there ----------------------------------------------------------------------------------------- */

static int take_link(void *arg, struct nlmsghdr *h)
{
	struct links *l = arg;
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct rtattr *name = nl_attr(h, sizeof(*i), IFLA_IFNAME, 2), *mac = nl_attr(h, sizeof(*i), IFLA_ADDRESS, 6),
			    *mtu = nl_attr(h, sizeof(*i), IFLA_MTU, sizeof(unsigned int));

	if (!name || !mac || !mtu || i->ifi_type != ARPHRD_ETHER || RTA_PAYLOAD(mac) != 6)
		return 0;
	if (strncmp(RTA_DATA(name), TAP_PREFIX, strlen(TAP_PREFIX)) == 0) {
		l->taps = true;
		return 0;
	}
	if (!(i->ifi_flags & IFF_UP))
		return 0;
	if (l->n == TAP_MAX)
		return -E2BIG;
	struct link *k = &l->v[l->n++];
	k->index = i->ifi_index;
	memcpy(&k->mtu, RTA_DATA(mtu), sizeof(k->mtu));
	memcpy(k->mac, RTA_DATA(mac), 6);
	(void)snprintf(k->name, sizeof(k->name), "%.*s", (int)RTA_PAYLOAD(name), (const char *)RTA_DATA(name));
	return 0;
}

static int find_links(int nl, struct links *ret, struct err *e)
{
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	int r = nl_dump(nl, RTM_GETLINK, &any, sizeof(any), take_link, ret);

	if (r == -E2BIG)
		return err_set(e, E2BIG, "the network namespace has more than %d devices that are up", TAP_MAX);
	return r < 0 ? err_sys(e, r, "list the network namespace's devices") : 0;
}

/* ---- joining the two --------------------------------------------------------------------------------------- */

/* Where a device's rules are, and ours among them. */
static struct tcmsg place_of(int index)
{
	return (struct tcmsg){ .tcm_ifindex = index,
			       .tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0),
			       .tcm_parent = TC_H_INGRESS };
}

static struct tcmsg rule_of(int index)
{
	return (struct tcmsg){ .tcm_ifindex = index,
			       .tcm_parent = PARENT,
			       .tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL)) };
}

static int forget_rule(int nl, int index)
{
	const struct tcmsg t = rule_of(index);
	struct nl_request q;

	nl_begin(&q, RTM_DELTFILTER, 0, &t, sizeof(t));
	nl_put_text(&q, TCA_KIND, "u32");
	int r = nl_talk(nl, &q);
	return r == -ENOENT || r == -EINVAL ? 0 : r; /* there is none, or nothing that could have one */
}

static int add_rule(int nl, int index, int to)
{
	const struct tcmsg parent = place_of(index), rule = rule_of(index);
	const struct tc_mirred where = { .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)to };
	/* One key that looks at no bit of the packet. */
	const struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL, .nkeys = 1 };
	char all[sizeof(sel) + sizeof(struct tc_u32_key)] = { 0 };
	struct nl_request q;

	memcpy(all, &sel, sizeof(sel));
	nl_begin(&q, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &parent, sizeof(parent));
	nl_put_text(&q, TCA_KIND, "ingress");
	int r = nl_talk(nl, &q);
	if (r < 0 && r != -EEXIST)
		return r;
	nl_begin(&q, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &rule, sizeof(rule));
	nl_put_text(&q, TCA_KIND, "u32");
	size_t options = nl_nest(&q, TCA_OPTIONS);
	nl_put(&q, TCA_U32_SEL, all, sizeof(all));
	size_t actions = nl_nest(&q, TCA_U32_ACT), first = nl_nest(&q, 1);
	nl_put_text(&q, TCA_ACT_KIND, "mirred");
	size_t parms = nl_nest(&q, TCA_ACT_OPTIONS);
	nl_put(&q, TCA_MIRRED_PARMS, &where, sizeof(where));
	nl_nest_end(&q, parms);
	nl_nest_end(&q, first);
	nl_nest_end(&q, actions);
	nl_nest_end(&q, options);
	return nl_talk(nl, &q);
}

/* Two guests with the same addresses: each would answer what the other was sent. */
static int taken(const char *name, struct err *e)
{
	return err_set(e, EBUSY, "another micro-VM has the container's place in this network namespace (%s): one can", name);
}

/* By names that every VM wants, so that of two at the same time one is told. */
static int make_tap(int nl, const struct link *like, size_t number, int *ret_index, struct err *e)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
	static const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	struct nl_request q;
	auto_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), TAP_PREFIX "%zu", number);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
		return fd >= 0 && errno == EBUSY ? taken(r.ifr_name, e) : err_sys(e, errno, "make a tap");
	i.ifi_index = (int)if_nametoindex(r.ifr_name);
	/* The namespace's own stack has no business there: no address, no words of IPv6. */
	nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
	size_t spec = nl_nest(&q, IFLA_AF_SPEC), inet6 = nl_nest(&q, AF_INET6);
	nl_put(&q, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	nl_nest_end(&q, inet6);
	nl_nest_end(&q, spec);
	best_effort(nl_talk(nl, &q)); /* there may be no IPv6 at all */
	i.ifi_flags = i.ifi_change = IFF_UP;
	nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
	nl_put(&q, IFLA_MTU, &like->mtu, sizeof(like->mtu));
	int done = nl_talk(nl, &q);
	if (done < 0)
		return err_sys(e, done, "bring up the tap %s", r.ifr_name);
	*ret_index = i.ifi_index;
	return TAKE_FD(fd);
}

static int join(int nl, const struct link *k, size_t number, struct tap *ret, struct err *e)
{
	int index, fd = make_tap(nl, k, number, &index, e), r;

	if (fd < 0)
		return fd;
	r = forget_rule(nl, k->index);
	if (r == 0)
		r = add_rule(nl, k->index, index);
	if (r == 0)
		r = add_rule(nl, index, k->index);
	if (r < 0) {
		(void)close(fd);
		best_effort(forget_rule(nl, k->index));
		return err_sys(e, r, "join %s to the micro-VM by a rule of tc's (ingress, u32, mirred)", k->name);
	}
	ret->fd = fd;
	memcpy(ret->mac, k->mac, sizeof(ret->mac));
	return 0;
}

/* ---- what the guest is told -------------------------------------------------------------------------------- */

struct notes { struct strbuf *b; const struct links *links; bool gateways; };

/* As a request that makes what the dump says. */
static void note(struct notes *x, struct nlmsghdr *h)
{
	static const char zero[NLMSG_ALIGNTO];

	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	h->nlmsg_seq = h->nlmsg_pid = 0;
	strbuf_add(x->b, (const char *)h, h->nlmsg_len);
	strbuf_add(x->b, zero, NLMSG_ALIGN(h->nlmsg_len) - h->nlmsg_len);
}

static bool is_ours(const struct notes *x, int index)
{
	for (size_t i = 0; i < x->links->n; i++)
		if (x->links->v[i].index == index)
			return true;
	return false;
}

static void note_link(struct notes *x, const struct link *k)
{
	const struct ifinfomsg i = { .ifi_family = AF_UNSPEC,
				     .ifi_index = k->index,
				     .ifi_flags = IFF_UP,
				     .ifi_change = IFF_UP };
	struct nl_request q;

	nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
	nl_put(&q, IFLA_ADDRESS, k->mac, sizeof(k->mac));
	nl_put_text(&q, IFLA_IFNAME, k->name);
	nl_put(&q, IFLA_MTU, &k->mtu, sizeof(k->mtu));
	note(x, &q.h);
}

static int note_address(void *arg, struct nlmsghdr *h)
{
	struct ifaddrmsg *i = NLMSG_DATA(h);
	struct rtattr *flags = nl_attr(h, sizeof(*i), IFA_FLAGS, sizeof(uint32_t));
	uint32_t v;

	if (!is_ours(arg, (int)i->ifa_index) || (i->ifa_family != AF_INET && i->ifa_family != AF_INET6))
		return 0;
	if (i->ifa_family == AF_INET6) {
		/* Its link-local and temporary ones the guest makes itself; nobody else has the others. */
		if (i->ifa_scope == RT_SCOPE_LINK || i->ifa_flags & IFA_F_TEMPORARY)
			return 0;
		i->ifa_flags = (uint8_t)((i->ifa_flags | IFA_F_NODAD) & ~(IFA_F_TENTATIVE | IFA_F_DADFAILED));
		if (flags) {
			memcpy(&v, RTA_DATA(flags), sizeof(v));
			v = (v | IFA_F_NODAD) & ~(uint32_t)(IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_MANAGETEMPADDR);
			memcpy(RTA_DATA(flags), &v, sizeof(v));
		}
	}
	note(arg, h);
	return 0;
}

static int note_route(void *arg, struct nlmsghdr *h)
{
	struct notes *x = arg;
	struct rtmsg *m = NLMSG_DATA(h);
	struct rtattr *out = nl_attr(h, sizeof(*m), RTA_OIF, sizeof(int));
	bool gateway = nl_attr(h, sizeof(*m), RTA_GATEWAY, 4) || nl_attr(h, sizeof(*m), RTA_VIA, 4);
	int index = 0;

	/* What the kernel and routers' words make, they make in the guest too. */
	if (m->rtm_table != RT_TABLE_MAIN || m->rtm_type != RTN_UNICAST || m->rtm_flags & RTM_F_CLONED ||
	    m->rtm_protocol == RTPROT_KERNEL || m->rtm_protocol == RTPROT_RA || m->rtm_protocol == RTPROT_REDIRECT)
		return 0;
	if (nl_attr(h, sizeof(*m), RTA_MULTIPATH, 0))
		return -ENOTSUP;
	if (out)
		memcpy(&index, RTA_DATA(out), sizeof(index));
	if (!is_ours(x, index) || gateway != x->gateways)
		return 0;
	m->rtm_flags &= RTNH_F_ONLINK; /* the rest is what has become of it */
	note(x, h);
	return 0;
}

static int note_neighbour(void *arg, struct nlmsghdr *h)
{
	struct ndmsg *m = NLMSG_DATA(h);

	if (is_ours(arg, m->ndm_ifindex) && m->ndm_state & NUD_PERMANENT)
		note(arg, h);
	return 0;
}

static int write_down(int nl, const struct links *l, struct strbuf *b, struct err *e)
{
	const struct rtmsg any_route = { .rtm_family = AF_UNSPEC };
	const struct ifaddrmsg any_address = { .ifa_family = AF_UNSPEC };
	const struct ndmsg any_neighbour = { .ndm_family = AF_UNSPEC };
	struct notes x = { b, l, false };

	for (size_t i = 0; i < l->n; i++)
		note_link(&x, &l->v[i]);
	int r = nl_dump(nl, RTM_GETADDR, &any_address, sizeof(any_address), note_address, &x);
	for (int pass = 0; r == 0 && pass < 2; pass++) { /* gateways are reached by routes without one */
		x.gateways = pass == 1;
		r = nl_dump(nl, RTM_GETROUTE, &any_route, sizeof(any_route), note_route, &x);
	}
	if (r == 0)
		r = nl_dump(nl, RTM_GETNEIGH, &any_neighbour, sizeof(any_neighbour), note_neighbour, &x);
	if (r == -ENOTSUP)
		return err_set(e, ENOTSUP, "the network namespace has a route over several devices, which a micro-VM "
					   "cannot take over");
	if (r == 0 && b->failed)
		r = -ENOMEM;
	return r < 0 ? err_sys(e, r, "list the network namespace's addresses and routes") : 0;
}

/* ---- the functions ----------------------------------------------------------------------------------------- */

void tap_set_done(struct tap_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		fd_close(&s->v[i].fd);
	strbuf_done(&s->messages);
	s->n = 0;
}

/*
 * Who needs the namespace's own sockets holds one of these names: abstract ones are known in one network namespace alone,
 * and are free when their process has ended.
 */
#define SHARERS_MAX 64

static socklen_t sharer_name(struct sockaddr_un *sa, int i)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int n = snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "ctr-vm-sockets-%d", i);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static bool has_sharers(void)
{
	struct sockaddr_un sa;
	auto_close int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	for (int i = 0; s >= 0 && i < SHARERS_MAX; i++) {
		socklen_t n = sharer_name(&sa, i);
		if (connect(s, (struct sockaddr *)&sa, n) == 0)
			return true;
	}
	return false;
}

static int shared(struct err *e)
{
	return err_set(e, EBUSY, "another micro-VM needs the sockets of this network namespace: none can have the container's place");
}

int tap_join(struct tap_set *ret, struct err *e)
{
	auto_close int nl = nl_open();
	struct links l = { .n = 0 };
	int r = nl < 0 ? err_sys(e, nl, "ask for the network namespace's devices") : find_links(nl, &l, e);

	if (r == 0 && l.n && has_sharers())
		r = shared(e);
	if (r == 0)
		r = write_down(nl, &l, &ret->messages, e);
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		r = join(nl, &l.v[i], i, &ret->v[i], e);
		ret->n += r == 0;
	}
	/* One that came at the same moment may not have seen the taps, but had its name before it looked for them. */
	if (r == 0 && l.n && has_sharers()) {
		tap_set_done(ret);
		r = tap_forget(e);
		return r < 0 ? r : shared(e);
	}
	if (r < 0)
		tap_set_done(ret);
	return r;
}

int tap_keep_out(int *ret, struct err *e)
{
	auto_close int nl = nl_open(), s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct links l = { .n = 0 };
	struct sockaddr_un sa;

	if (s < 0)
		return err_sys(e, errno, "keep the network namespace's sockets");
	/* Where all the names are taken, so many others are there to be seen. */
	for (int i = 0; i < SHARERS_MAX; i++) {
		socklen_t n = sharer_name(&sa, i);
		if (bind(s, (struct sockaddr *)&sa, n) == 0)
			break;
		if (errno != EADDRINUSE)
			return err_sys(e, errno, "keep the network namespace's sockets");
	}
	int r = nl < 0 ? err_sys(e, nl, "ask for the network namespace's devices") : find_links(nl, &l, e);

	if (r == -E2BIG) /* nothing is asked of them */
		r = 0;
	if (r == 0 && l.taps)
		r = taken(TAP_PREFIX "0", e);
	*ret = r == 0 ? TAKE_FD(s) : -EBADF;
	return r;
}

static int count_one(void *arg, struct nlmsghdr *h)
{
	(void)h;
	++*(size_t *)arg;
	return 0;
}

/* The place for rules goes too when no other rule is in it. */
static int forget_link(int nl, int index)
{
	const struct tcmsg parent = place_of(index), rules = { .tcm_ifindex = index, .tcm_parent = PARENT };
	struct nl_request q;
	size_t n = 0;
	int r = forget_rule(nl, index);

	if (r == 0)
		r = nl_dump(nl, RTM_GETTFILTER, &rules, sizeof(rules), count_one, &n);
	if (r < 0 || n)
		return r == -EINVAL || r == -ENOENT ? 0 : r;
	nl_begin(&q, RTM_DELQDISC, 0, &parent, sizeof(parent));
	nl_put_text(&q, TCA_KIND, "ingress");
	r = nl_talk(nl, &q);
	return r == -EINVAL || r == -ENOENT ? 0 : r;
}

int tap_forget(struct err *e)
{
	auto_close int nl = nl_open();
	struct links l = { .n = 0 };
	int r = nl < 0 ? err_sys(e, nl, "ask for the network namespace's devices") : find_links(nl, &l, e);

	for (size_t i = 0; r == 0 && !l.taps && i < l.n; i++) {
		r = forget_link(nl, l.v[i].index);
		if (r < 0)
			r = err_sys(e, r, "remove the micro-VM's rule from %s", l.v[i].name);
	}
	return r;
}

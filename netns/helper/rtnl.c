/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the kernel and the reading of its answers, with libmnl. Errors carry the kernel's own
 * explanation (extended acknowledgement) where it gives one. Decides nothing about devices.
 */
#include "rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../../runtime/base/str.h"
#include "../../runtime/base/util.h"

#define REQUEST_SIZE 4096
#define ANSWER_SIZE 32768 /* what the kernel uses for one part of a dump */
/* A dump that changed under way is taken again. */
#define DUMP_RETRIES 16
/* The kernel answers from within send(); this is for a kernel that does not answer at all. */
#define ANSWER_TIMEOUT_S 10

union request {
	char bytes[REQUEST_SIZE];
	struct nlmsghdr h;
};

/* One request's answers: data messages go to `each`, the final status stays here. */
struct answer {
	int (*each)(const struct nlmsghdr *h, void *arg); /* 0 or -errno */
	void *arg;
	int error; /* -errno */
	char text[200];
};

int rtnl_open(struct rtnl *s, struct err *e)
{
	const struct timeval limit = { .tv_sec = ANSWER_TIMEOUT_S };
	int on = 1;

	s->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!s->nl || mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return err_sys(e, errno, "open a netlink socket in %s", s->where);
	/* Without these the answers only lack the explanation. */
	best_effort(mnl_socket_setsockopt(s->nl, NETLINK_EXT_ACK, &on, sizeof(on)));
	best_effort(mnl_socket_setsockopt(s->nl, NETLINK_CAP_ACK, &on, sizeof(on)));
	if (setsockopt(mnl_socket_get_fd(s->nl), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(e, errno, "set up a netlink socket");
	return 0;
}

void rtnl_close(struct rtnl *s)
{
	if (s->nl)
		best_effort(mnl_socket_close(s->nl));
	s->nl = NULL;
	fd_close(&s->ns);
}

/* ---- answers --------------------------------------------------------------------------------------- */

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct answer *a = arg;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0) {
		(void)snprintf(a->text, sizeof(a->text), "%s", mnl_attr_get_str(attr));
		for (char *c = a->text; *c; c++)
			if (*c == '\n')
				*c = ' ';
	}
	return MNL_CB_OK;
}

static int take_error(const struct nlmsghdr *h, void *arg)
{
	struct answer *a = arg;
	const struct nlmsgerr *m = mnl_nlmsg_get_payload(h);
	size_t skip = sizeof(*m);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*m)) {
		a->error = -EBADMSG;
		return MNL_CB_STOP;
	}
	a->error = m->error;
	if (h->nlmsg_flags & NLM_F_ACK_TLVS) {
		if (!(h->nlmsg_flags & NLM_F_CAPPED))
			skip += m->msg.nlmsg_len - sizeof(m->msg);
		if (skip <= mnl_nlmsg_get_payload_len(h))
			(void)mnl_attr_parse(h, (unsigned int)skip, take_attr, a);
	}
	return MNL_CB_STOP;
}

static int take_data(const struct nlmsghdr *h, void *arg)
{
	struct answer *a = arg;
	int r = a->each ? a->each(h, a->arg) : 0;

	if (r < 0)
		a->error = r;
	return r < 0 ? MNL_CB_STOP : MNL_CB_OK;
}

/* Sends a request and takes everything that belongs to it; 0 or -errno, the explanation in `a`. */
static int exchange(struct rtnl *s, struct nlmsghdr *h, struct answer *a)
{
	mnl_cb_t control[] = { [NLMSG_ERROR] = take_error };
	union {
		char bytes[ANSWER_SIZE];
		struct nlmsghdr h;
	} buf;
	int r = MNL_CB_OK;

	h->nlmsg_seq = ++s->seq;
	if (mnl_socket_sendto(s->nl, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(s->nl, buf.bytes, sizeof(buf.bytes));
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		/* The rest of a dump that was given up. */
		if ((size_t)n >= sizeof(buf.h) && buf.h.nlmsg_seq != s->seq)
			continue;
		r = mnl_cb_run2(buf.bytes, (size_t)n, s->seq, mnl_socket_get_portid(s->nl), take_data, a,
				control, ARRAY_SIZE(control));
		if (r < 0)
			return -errno;
	} while (r > MNL_CB_STOP);
	return a->error;
}

/* The same for a request without data in its answer; the reason becomes the error's text. */
static int ask(struct rtnl *s, struct nlmsghdr *h, const char *what, struct err *e)
{
	struct answer a = { 0 };
	int r = exchange(s, h, &a);

	if (r < 0 && a.text[0])
		return err_set(e, -r, "%s: %s (%s)", what, err_text(-r), a.text);
	return r < 0 ? err_sys(e, r, "%s", what) : 0;
}

static struct nlmsghdr *request(union request *q, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h;

	memset(q, 0, sizeof(*q));
	h = mnl_nlmsg_put_header(q->bytes);
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return h;
}

static struct nlmsghdr *link_request(union request *q, uint32_t index, struct ifinfomsg **ret)
{
	struct nlmsghdr *h = request(q, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	m->ifi_family = AF_UNSPEC;
	m->ifi_index = (int)index;
	if (ret)
		*ret = m;
	return h;
}

/* ---- dumps ----------------------------------------------------------------------------------------- */

struct collect {
	struct arena *a;
	size_t size;
	struct rtnl_links links;
	struct rtnl_addrs addrs;
	uint32_t index;
};

/* Room for one more element of an array in the arena; the old one is left there. */
static void *grow(struct collect *c, void *v, size_t n, size_t item)
{
	if (n < c->size)
		return v;
	size_t size = c->size ? c->size * 2 : 16;
	void *bigger = arena_array(c->a, size, item);
	if (!bigger)
		return NULL;
	if (n)
		memcpy(bigger, v, n * item);
	c->size = size;
	return bigger;
}

static int take_name(const struct nlattr *attr, void *arg)
{
	struct rtnl_link *l = arg;

	if (mnl_attr_get_type(attr) == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		(void)snprintf(l->name, sizeof(l->name), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *h, void *arg)
{
	struct collect *c = arg;
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof(*m))
		return 0;
	struct rtnl_link *v = grow(c, c->links.v, c->links.n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	c->links.v = v;
	struct rtnl_link *l = &v[c->links.n++];
	*l = (struct rtnl_link){ .index = (uint32_t)m->ifi_index, .flags = m->ifi_flags };
	(void)mnl_attr_parse(h, sizeof(*m), take_name, l);
	return 0;
}

static int take_flags(const struct nlattr *attr, void *arg)
{
	uint32_t *flags = arg;

	/* The header has room for the first eight only. */
	if (mnl_attr_get_type(attr) == IFA_FLAGS && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		*flags = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int take_addr(const struct nlmsghdr *h, void *arg)
{
	struct collect *c = arg;
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	uint32_t flags;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof(*m) ||
	    m->ifa_index != c->index)
		return 0;
	flags = m->ifa_flags;
	(void)mnl_attr_parse(h, sizeof(*m), take_flags, &flags);
	if (!(flags & IFA_F_PERMANENT) || m->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	const struct nlmsghdr **v = grow(c, c->addrs.v, c->addrs.n, sizeof(*v));
	struct nlmsghdr *copy = arena_alloc(c->a, h->nlmsg_len);
	if (!v || !copy)
		return -ENOMEM;
	memcpy(copy, h, h->nlmsg_len);
	c->addrs.v = v;
	c->addrs.v[c->addrs.n++] = copy;
	return 0;
}

static int dump(struct rtnl *s, uint16_t type, size_t header, int (*each)(const struct nlmsghdr *, void *),
		struct collect *c, struct err *e)
{
	const struct collect start = *c;
	int r;

	for (int i = 0; i < DUMP_RETRIES; i++) {
		union request q;
		struct answer a = { .each = each, .arg = c };
		struct nlmsghdr *h = request(&q, type, NLM_F_DUMP);
		(void)mnl_nlmsg_put_extra_header(h, header); /* zeros: AF_UNSPEC, every link */
		*c = start;
		r = exchange(s, h, &a);
		if (r != -EINTR) /* else something changed under way */
			break;
	}
	if (r < 0)
		return err_sys(e, r, "list the %s of %s", type == RTM_GETLINK ? "links" : "addresses",
			       s->where);
	return 0;
}

int rtnl_links(struct rtnl *s, struct arena *a, struct rtnl_links *ret, struct err *e)
{
	struct collect c = { .a = a };
	int r = dump(s, RTM_GETLINK, sizeof(struct ifinfomsg), take_link, &c, e);

	if (r == 0)
		*ret = c.links;
	return r;
}

const struct rtnl_link *rtnl_by_name(const struct rtnl_links *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].name, name))
			return &l->v[i];
	return NULL;
}

const struct rtnl_link *rtnl_by_index(const struct rtnl_links *l, uint32_t index)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].index == index)
			return &l->v[i];
	return NULL;
}

int rtnl_addrs(struct rtnl *s, struct arena *a, uint32_t index, struct rtnl_addrs *ret, struct err *e)
{
	struct collect c = { .a = a, .index = index };
	int r = dump(s, RTM_GETADDR, sizeof(struct ifaddrmsg), take_addr, &c, e);

	if (r == 0)
		*ret = c.addrs;
	return r;
}

/* ---- changes --------------------------------------------------------------------------------------- */

/* "OLD" and "OLD:1" follow the link's name; a result that is too long loses the end of the name. */
static void relabel(char ret[NETNS_NAME_SIZE], const char *label, const char *old_name, const char *new_name)
{
	size_t n = strlen(old_name);

	if (strncmp(label, old_name, n) != 0 || (label[n] != ':' && label[n] != '\0')) {
		(void)snprintf(ret, NETNS_NAME_SIZE, "%s", label);
		return;
	}
	size_t suffix = strlen(label + n);
	size_t room = NETNS_NAME_SIZE - 1 - suffix;
	(void)snprintf(ret, NETNS_NAME_SIZE, "%.*s%s", (int)MIN(strlen(new_name), room), new_name, label + n);
}

struct readdress {
	struct nlmsghdr *h;
	const char *old_name, *new_name;
	bool too_large;
};

static int put_attr(const struct nlattr *attr, void *arg)
{
	struct readdress *re = arg;
	uint16_t type = mnl_attr_get_type(attr), n = mnl_attr_get_payload_len(attr);
	char label[NETNS_NAME_SIZE];
	bool ok;

	if (type == IFA_TARGET_NETNSID)
		return MNL_CB_OK;
	if (type == IFA_LABEL && n <= NETNS_NAME_SIZE && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0) {
		relabel(label, mnl_attr_get_str(attr), re->old_name, re->new_name);
		ok = mnl_attr_put_strz_check(re->h, REQUEST_SIZE, type, label);
	} else {
		ok = mnl_attr_put_check(re->h, REQUEST_SIZE, type, n, mnl_attr_get_payload(attr));
	}
	re->too_large = re->too_large || !ok;
	return MNL_CB_OK;
}

static int add_addr(struct rtnl *s, const struct nlmsghdr *from, uint32_t index, const char *old_name,
		    const char *new_name, struct err *e)
{
	union request q;
	struct nlmsghdr *h = request(&q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	struct readdress re = { .h = h, .old_name = old_name, .new_name = new_name };

	memcpy(m, mnl_nlmsg_get_payload(from), sizeof(*m));
	m->ifa_index = index;
	(void)mnl_attr_parse(from, sizeof(*m), put_attr, &re);
	if (re.too_large)
		return err_set(e, EMSGSIZE, "an address is too large");
	return ask(s, h, "give it its address again", e);
}

int rtnl_add_addrs(struct rtnl *s, const struct rtnl_addrs *l, uint32_t index, const char *old_name,
		   const char *new_name, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = add_addr(s, l->v[i], index, old_name, new_name, e);
	return r;
}

int rtnl_move(struct rtnl *from, uint32_t index, const struct rtnl *to, uint32_t new_index, const char *name,
	      struct err *e)
{
	union request q;
	struct nlmsghdr *h = link_request(&q, index, NULL);

	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)to->ns);
	mnl_attr_put_u32(h, IFLA_NEW_IFINDEX, new_index);
	if (name)
		mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return ask(from, h, "move it", e);
}

int rtnl_up(struct rtnl *s, uint32_t index, struct err *e)
{
	union request q;
	struct ifinfomsg *m;
	struct nlmsghdr *h = link_request(&q, index, &m);

	m->ifi_flags = IFF_UP;
	m->ifi_change = IFF_UP;
	return ask(s, h, "set it up", e);
}

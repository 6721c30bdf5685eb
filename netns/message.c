/* SPDX-License-Identifier: Apache-2.0 */
/* Building, sending and reading of netlink messages. Knows lengths, not what the messages mean. */
#include "message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../runtime/base/util.h"

static void append(struct nl_request *q, const void *data, size_t n)
{
	if (q->n + NLMSG_ALIGN(n) <= sizeof(q->bytes)) {
		if (n)
			memcpy(q->bytes + q->n, data, n);
		memset(q->bytes + q->n + n, 0, NLMSG_ALIGN(n) - n);
		q->h.nlmsg_len = (uint32_t)(q->n + NLMSG_ALIGN(n));
	}
	q->n += NLMSG_ALIGN(n);
}

void nl_begin(struct nl_request *q, uint16_t type, uint16_t flags, const void *head, size_t n)
{
	const struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags) };

	q->n = 0;
	append(q, &h, sizeof(h));
	append(q, head, n);
}

void nl_put(struct nl_request *q, uint16_t type, const void *data, size_t n)
{
	const struct rtattr a = { .rta_len = (uint16_t)RTA_LENGTH(n), .rta_type = type };

	append(q, &a, sizeof(a));
	append(q, data, n);
}

void nl_put_text(struct nl_request *q, uint16_t type, const char *text)
{
	nl_put(q, type, text, strlen(text) + 1);
}

size_t nl_nest(struct nl_request *q, uint16_t type)
{
	size_t at = q->n;

	nl_put(q, type, NULL, 0);
	return at;
}

void nl_nest_end(struct nl_request *q, size_t at)
{
	const uint16_t n = (uint16_t)(q->n - at);

	if (q->n <= sizeof(q->bytes))
		memcpy(q->bytes + at + offsetof(struct rtattr, rta_len), &n, sizeof(n));
}

int nl_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static int send_all(int fd, const struct nlmsghdr *h)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(fd, h, h->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static ssize_t receive(int fd, void *data, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, data, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The kernel's answer to a request: NLMSG_ERROR with 0 for success. */
static int error_of(struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) ? e->error : -EPROTO;
}

int nl_talk_raw(int fd, struct nlmsghdr *h)
{
	char answer[8192] __attribute__((aligned(4)));
	int r = send_all(fd, h);

	while (r == 0) {
		ssize_t n = receive(fd, answer, sizeof(answer));
		if (n < 0)
			return (int)n;
		for (struct nlmsghdr *a = (void *)answer; NLMSG_OK(a, n); a = NLMSG_NEXT(a, n))
			if (a->nlmsg_type == NLMSG_ERROR)
				return error_of(a);
	}
	return r;
}

int nl_talk(int fd, struct nl_request *q)
{
	return q->n > sizeof(q->bytes) ? -E2BIG : nl_talk_raw(fd, &q->h);
}

int nl_dump(int fd, uint16_t type, const void *head, size_t n, int (*each)(void *arg, struct nlmsghdr *h), void *arg)
{
	_Alignas(struct nlmsghdr) char answer[32768]; /* what the kernel puts into one piece of a dump at most */
	struct nl_request q;
	int heard = 0;
	bool done = false;

	nl_begin(&q, type, NLM_F_DUMP, head, n);
	int r = send_all(fd, &q.h);
	/* To the end, even when nobody wants the rest: the next answer on this socket must be another one's. */
	while (r == 0 && !done) {
		ssize_t got = receive(fd, answer, sizeof(answer));
		if (got < 0)
			return (int)got;
		for (struct nlmsghdr *a = (void *)answer; NLMSG_OK(a, got) && !done; a = NLMSG_NEXT(a, got)) {
			done = a->nlmsg_type == NLMSG_DONE || a->nlmsg_type == NLMSG_ERROR;
			if (a->nlmsg_type == NLMSG_ERROR)
				r = error_of(a);
			else if (!done && heard == 0)
				heard = each(arg, a);
		}
	}
	return r < 0 ? r : heard;
}

struct rtattr *nl_attr(struct nlmsghdr *h, size_t head, uint16_t type, size_t size)
{
	if (h->nlmsg_len < NLMSG_SPACE(head))
		return NULL;
	size_t n = h->nlmsg_len - NLMSG_SPACE(head), step;
	char *at = (char *)h + NLMSG_SPACE(head);
	/* The last one's padding may be missing: what is left is compared before it is taken from. */
	for (; n >= sizeof(struct rtattr); at += step, n -= step) {
		struct rtattr *a = (void *)at;
		if (a->rta_len < sizeof(*a) || a->rta_len > n)
			break;
		if ((a->rta_type & NLA_TYPE_MASK) == type && RTA_PAYLOAD(a) >= size)
			return a;
		step = RTA_ALIGN(a->rta_len);
		if (step > n)
			break;
	}
	return NULL;
}

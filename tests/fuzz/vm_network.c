/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the network's set-up in a micro-VM's guest: bytes as netlink messages of the host -> requests to the
 * guest's kernel that keep to their lengths and speak of the guest's own devices, or one clean error.
 */
#include <errno.h>
#include <fcntl.h>

#include "../../netns/message.h"

static int fuzz_open(void);
static int fuzz_talk(int fd, struct nl_request *q);
static int fuzz_talk_raw(int fd, struct nlmsghdr *h);
static int fuzz_dump(int fd, uint16_t type, const void *head, size_t n, int (*each)(void *arg, struct nlmsghdr *h), void *arg);

#define nl_open fuzz_open
#define nl_talk fuzz_talk
#define nl_talk_raw fuzz_talk_raw
#define nl_dump fuzz_dump
#include "../../netns/replay.c"
#include "fuzz.h"

static int fuzz_open(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int fuzz_talk(int fd, struct nl_request *q)
{
	(void)fd;
	must(q->n <= sizeof(q->bytes), "a request beyond its room", "");
	return 0;
}

/* Two devices, 3 and 4, with addresses that an input finds. */
static int fuzz_dump(int fd, uint16_t type, const void *head, size_t n, int (*each)(void *arg, struct nlmsghdr *h), void *arg)
{
	int r = 0;

	(void)fd;
	(void)head;
	(void)n;
	must(type == RTM_GETLINK, "another dump", "");
	for (int i = 3; r == 0 && i < 5; i++) {
		const struct ifinfomsg link = { .ifi_family = AF_UNSPEC, .ifi_index = i };
		const uint8_t mac[6] = { 2, 0, 0, 0, 0, (uint8_t)i };
		struct nl_request q;
		nl_begin(&q, RTM_NEWLINK, 0, &link, sizeof(link));
		nl_put(&q, IFLA_ADDRESS, mac, sizeof(mac));
		r = each(arg, &q.h);
	}
	return r;
}

static int fuzz_talk_raw(int fd, struct nlmsghdr *h)
{
	const uint8_t *p = (const uint8_t *)h;
	unsigned int sum = 0;
	int index = 0;

	(void)fd;
	for (size_t i = 0; i < h->nlmsg_len; i++)
		sum += p[i];
	if (h->nlmsg_type == RTM_NEWLINK)
		index = ((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
	must(h->nlmsg_type != RTM_NEWLINK || index == 3 || index == 4, "a device that is not the guest's", "");
	return sum % 11 == 10 ? -EEXIST : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	char *copy = exact_copy(data, size);

	if (tap_replay(copy, size, &e) < 0)
		must_be_error(&e);
	free(copy);
	return 0;
}

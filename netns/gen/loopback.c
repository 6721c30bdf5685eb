/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time program: prints, as a C source, the rtnetlink message that brings up the loopback device.
 * Runs on the build machine with libmnl; host and target have the same byte order in every build we
 * support, and the unit tests parse the bytes back.
 */
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	char buf[256] = { 0 };
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	h->nlmsg_type = RTM_NEWLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = 1;
	ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = 1; /* the first device of every network namespace */
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = IFF_UP;

	printf("/* Made by netns/gen/loopback.c. */\n#include \"netns/netns.h\"\n\n"
	       "const uint8_t netns_loopback_up[] __attribute__((aligned(8))) = {");
	for (unsigned int i = 0; i < h->nlmsg_len; i++)
		printf("%s0x%02x,", i % 12 ? " " : "\n\t", (unsigned char)buf[i]);
	printf("\n};\nconst size_t netns_loopback_up_size = sizeof(netns_loopback_up);\n");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* linux.netDevices: names, pairs and the command lines of ctr-net; the built-in loopback message. */
#include "tap.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "../../netns/netns.h"
#include "../../runtime/base/util.h"

static struct arena arena;

static void test_names(void)
{
	static const char *const good[] = { "eth0", "a", "a=b", "a,b", "a.5", "...", "-x", "fifteen-bytes.x", "\xc3\xa4" };
	static const char *const bad[] = { "", ".", "..", "a b", "a/b", "a:b", "a\tb", "a\n", "\x01", "\x7f", "\xc2\xa0",
					   "sixteen-bytes.xx", "%d", "eth%d", "eth%" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CHECK(netns_name_ok(good[i], false));
		CHECK(netns_name_ok(good[i], true));
		CHECK(!netns_name_is_pattern(good[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!netns_name_ok(bad[i], false));
	CHECK(netns_name_ok("eth%d", true));
	CHECK(netns_name_ok("%d", true));
	CHECK(netns_name_is_pattern("eth%d"));
	CHECK(!netns_name_ok("eth%s", true));
	CHECK(!netns_name_ok("eth%", true));
	CHECK(!netns_name_ok("eth%d%d", true));
	CHECK(!netns_name_ok("eth%%d", true));
}

static void test_pairs(void)
{
	static const char *const bad[] = { "", ":", ":a", "a:", "a:b:c", "a:b c", "e%d", "e%d:f", "a:%n", "..:a",
					   "sixteen-bytes.xx", "a:sixteen-bytes.xx", "sixteen-bytes.xx:a", "a:b\n" };
	struct netns_pair p;
	struct err e;

	CHECK_INT(netns_pair_parse("eth0", &p, &e), 0);
	CHECK_STR(p.name, "eth0");
	CHECK_STR(p.new_name, "eth0");
	CHECK_INT(netns_pair_parse("a=b:c%d", &p, &e), 0);
	CHECK_STR(p.name, "a=b");
	CHECK_STR(p.new_name, "c%d");
	CHECK_INT(netns_pair_parse("fifteen-bytes.x:fifteen-bytes.y", &p, &e), 0);
	CHECK_STR(p.new_name, "fifteen-bytes.y");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e = (struct err){ 0 };
		CHECK_INT(netns_pair_parse(bad[i], &p, &e), -EINVAL);
		CHECK_STR(p.new_name, "fifteen-bytes.y"); /* untouched */
		CHECK(e.text[0] && !strchr(e.text, '\n'));
	}
}

static void test_move_argv(void)
{
	const struct net_device_entry v[] = { { "eth0", { NULL } }, { "veth1", { "c%d" } } };
	const struct net_device_entry bad[] = { { "eth0", { NULL } }, { "a:b", { NULL } } };
	char *const *argv = NULL;
	struct err e;

	CHECK_INT(netns_move_argv(&arena, "/x/ctr-net", "/proc/self/fd/0", v, 2, &argv, &e), 0);
	CHECK_STR(argv[0], "/x/ctr-net");
	CHECK_STR(argv[1], "move");
	CHECK_STR(argv[2], "/proc/self/fd/0");
	CHECK_STR(argv[3], "eth0:eth0");
	CHECK_STR(argv[4], "veth1:c%d");
	CHECK(argv[5] == NULL);
	CHECK_INT(netns_move_argv(&arena, "p", "n", bad, 2, &argv, &e), -EINVAL);
	CHECK_STR(e.text, "linux.netDevices[1]: is not the name of a network interface");
}

static void test_back_argv(void)
{
	char *const *argv = NULL;
	struct err e;

	CHECK_INT(netns_back_argv(&arena, "p", "n", "c0:eth0\nx:x\n", &argv, &e), 0);
	CHECK_STR(argv[1], "back");
	CHECK_STR(argv[3], "c0:eth0");
	CHECK_STR(argv[4], "x:x");
	CHECK(argv[5] == NULL);
	CHECK_INT(netns_back_argv(&arena, "p", "n", "c0:eth0\nx:", &argv, &e), -EINVAL);
	CHECK_INT(netns_back_argv(&arena, "p", "n", "a b\n", &argv, &e), -EINVAL);
	CHECK_INT(netns_back_argv(&arena, "p", "n", "", &argv, &e), 0);
	CHECK(argv[3] == NULL);
}

static void test_loopback(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} m;

	CHECK_INT(netns_loopback_up_size, sizeof(m));
	memcpy(&m, netns_loopback_up, MIN(sizeof(m), netns_loopback_up_size));
	CHECK_INT(m.h.nlmsg_len, sizeof(m));
	CHECK_INT(m.h.nlmsg_type, RTM_NEWLINK);
	CHECK_INT(m.h.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	CHECK_INT(m.i.ifi_index, 1);
	CHECK_INT(m.i.ifi_flags, IFF_UP);
	CHECK_INT(m.i.ifi_change, IFF_UP);
}

static const struct tap_test tests[] = {
	{ "names of interfaces", test_names },
	{ "pairs", test_pairs },
	{ "command line of move", test_move_argv },
	{ "command line of back", test_back_argv },
	{ "the loopback message", test_loopback },
};

int main(void)
{
	struct err e;

	if (arena_init(&arena, 1 << 20, &e) < 0)
		return 1;
	return tap_run("netdevices", tests, ARRAY_SIZE(tests));
}

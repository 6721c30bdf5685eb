/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of the specification about resources that runtimes are known to miss: from the text of a document to
 * the writes of the driver, one test each, named after the rule. The others are in tests/rules.bats.
 */
#include <stdlib.h>

#include "../../cgroup/cgroup.h"
#include "../../oci/config.h"
#include "../../runtime/base/util.h"
#include "tap.h"

/* Whether the resources give this write; `text` NULL: whether they are refused. */
static bool gives(const char *resources, const char *file, const char *value)
{
	struct cgroup_knob_list l = { 0 };
	const struct resources *r;
	struct arena a;
	struct err e = { 0 };
	bool found = false;

	if (arena_init(&a, 0, &e) < 0)
		abort();
	int ret = resources_parse(&a, "resources", resources, strlen(resources), &r, &e);
	if (ret == 0)
		ret = cgroup_knobs(&a, r, &l, &e);
	for (size_t i = 0; ret == 0 && file && i < l.n; i++)
		found |= strcmp(l.v[i].file, file) == 0 && strcmp(l.v[i].value, value) == 0;
	if (!file)
		found = ret < 0 && e.text[0];
	arena_done(&a);
	return found;
}

#define REFUSED(text) CHECK(gives(text, NULL, NULL))
#define GIVES(text, file, value) CHECK(gives(text, file, value))

static void test_pids(void)
{
	GIVES("{\"pids\":{\"limit\":0}}", "pids.max", "0");
	GIVES("{\"pids\":{\"limit\":-1}}", "pids.max", "max");
}

static void test_rdma(void)
{
	GIVES("{\"rdma\":{\"mlx5_0\":{\"hcaHandles\":2,\"hcaObjects\":7}}}", "rdma.max", "mlx5_0 hca_handle=2 hca_object=7");
	REFUSED("{\"rdma\":{\"mlx5_0\":{}}}");
}

static void test_hugetlb(void)
{
	GIVES("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}", "hugetlb.2MB.max", "4194304");
	GIVES("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}", "hugetlb.2MB.rsvd.max", "4194304");
}

static void test_inconvertible(void)
{
	REFUSED("{\"memory\":{\"kernel\":1048576}}");
	REFUSED("{\"memory\":{\"kernelTCP\":1048576}}");
	REFUSED("{\"memory\":{\"swappiness\":60}}");
	REFUSED("{\"memory\":{\"disableOOMKiller\":true}}");
	REFUSED("{\"memory\":{\"useHierarchy\":false}}");
	REFUSED("{\"cpu\":{\"realtimeRuntime\":1000}}");
	REFUSED("{\"cpu\":{\"realtimePeriod\":1000}}");
	REFUSED("{\"blockIO\":{\"leafWeight\":100}}");
	REFUSED("{\"network\":{\"classID\":1}}");
	REFUSED("{\"network\":{\"priorities\":[{\"name\":\"eth0\",\"priority\":1}]}}");
}

static void test_swap(void)
{
	GIVES("{\"memory\":{\"limit\":1048576,\"swap\":1048576}}", "memory.swap.max", "0");
	GIVES("{\"memory\":{\"limit\":1048576,\"swap\":3145728}}", "memory.swap.max", "2097152");
	REFUSED("{\"memory\":{\"limit\":1048576,\"swap\":1000}}");
	REFUSED("{\"memory\":{\"swap\":1048576}}");
}

static void test_weights(void)
{
	REFUSED("{\"blockIO\":{\"weight\":9}}");
	REFUSED("{\"blockIO\":{\"weight\":1001}}");
	REFUSED("{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0}]}}");
}

static bool delegated(const char *mount, const char *cgroup_ns)
{
	char text[1024];
	const struct config *c;
	struct arena a;
	struct err e = { 0 };

	if (arena_init(&a, 0, &e) < 0)
		abort();
	(void)snprintf(text, sizeof(text),
		       "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/\",\"args\":[\"x\"]},"
		       "\"mounts\":[%s],\"linux\":{\"namespaces\":[{\"type\":\"mount\"}%s]}}", mount, cgroup_ns);
	int r = config_parse(&a, "config.json", text, strlen(text), &c, &e);
	CHECK_INT(r, 0);
	bool d = r == 0 && cgroup_delegates(c);
	arena_done(&a);
	return d;
}

static void test_chown(void)
{
	static const char rw[] = "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\"}";
	static const char ro[] = "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"ro\"]}";
	static const char other[] = "{\"destination\":\"/cg\",\"type\":\"cgroup\",\"source\":\"cgroup\"}";

	CHECK(delegated(rw, ",{\"type\":\"cgroup\"}"));
	CHECK(!delegated(ro, ",{\"type\":\"cgroup\"}"));
	CHECK(!delegated(other, ",{\"type\":\"cgroup\"}"));
	CHECK(!delegated("", ",{\"type\":\"cgroup\"}"));
	CHECK(!delegated(rw, ""));
	CHECK(!delegated(rw, ",{\"type\":\"cgroup\",\"path\":\"/proc/1/ns/cgroup\"}"));
}

static const struct tap_test tests[] = {
	{ "rule: pids.limit 0 is a limit of zero", test_pids },
	{ "rule: rdma limits are written", test_rdma },
	{ "rule: hugetlb limits reservations too", test_hugetlb },
	{ "rule: v1 values without a counterpart are errors on v2", test_inconvertible },
	{ "rule: swap equal to limit means no swap", test_swap },
	{ "rule: weights out of range are errors", test_weights },
	{ "rule: the cgroup is handed over under all conditions only", test_chown },
};
TAP_MAIN("rules", tests)

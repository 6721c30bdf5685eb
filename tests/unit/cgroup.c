/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs, plans, units and properties as pure functions; the driver on a private cgroup2 mount. */
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../cgroup/internal.h"
#include "../../runtime/base/sys.h"
#include "../../runtime/base/util.h"

static struct arena arena;

static void start(void)
{
	struct err e;

	CHECK_INT(arena_init(&arena, 8 << 20, &e), 0);
}

#define SET(x) { .set = true, .v = (x) }
#define LIST_OF(a) { a, ARRAY_SIZE(a) }

/* ---- weights ------------------------------------------------------------------------------------------ */

static void test_weights(void)
{
	static const uint32_t map[][2] = { { 0, 0 },	  { 1, 1 },	   { 2, 1 },	    { 3, 2 },
					   { 10, 4 },	  { 51, 11 },	   { 102, 17 },	    { 256, 35 },
					   { 512, 59 },	  { 1000, 99 },	   { 1024, 100 },   { 1536, 138 },
					   { 2048, 174 }, { 4096, 303 },   { 10240, 639 },  { 65536, 3023 },
					   { 262144, 10000 }, { 999999, 10000 } };
	uint32_t last = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		CHECK_INT(cgroup_cpu_weight(map[i][0]), map[i][1]);
	CHECK_INT(cgroup_cpu_weight(UINT64_MAX), 10000);
	for (uint64_t s = 1; s <= 262144; s += 37) {
		uint32_t w = cgroup_cpu_weight(s);

		CHECK(w >= last);
		last = w;
	}
	CHECK_INT(cgroup_io_weight(10), 1);
	CHECK_INT(cgroup_io_weight(100), 910);
	CHECK_INT(cgroup_io_weight(500), 4950);
	CHECK_INT(cgroup_io_weight(1000), 10000);
}

/* ---- knobs -------------------------------------------------------------------------------------------- */

/* Rows as text: FILE=VALUE with a suffix per flag, one per line. */
static const char *knobs_text(const struct cgroup_knob_list *l)
{
	static char text[4096];
	static const char flags[] = "?~|<!"; /* optional, swap, or next, keep first, late */
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < l->n; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s", n ? "\n" : "", l->v[i].file,
				      l->v[i].value);
		for (size_t b = 0; flags[b]; b++)
			if (l->v[i].flags & 1U << b)
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%c", flags[b]);
	}
	return text;
}

static void expect(const struct resources *r, const char *want)
{
	struct cgroup_knob_list l = { 0 };
	struct err e = { 0 };

	CHECK_INT(cgroup_knobs(&arena, r, &l, &e), 0);
	if (e.code)
		printf("# %s\n", e.text);
	CHECK_STR(knobs_text(&l), want);
}

static void refuse(const struct resources *r, const char *part)
{
	struct cgroup_knob_list l = { .n = 77 };
	struct err e = { 0 };

	CHECK_INT(cgroup_knobs(&arena, r, &l, &e), -EINVAL);
	if (!strstr(e.text, part))
		CHECK_STR(e.text, part);
	CHECK_INT(l.n, 77);
}

#define MEMORY(...) (&(struct resources){ .memory = &(struct memory_conf){ __VA_ARGS__ } })
#define CPU(...) (&(struct resources){ .cpu = &(struct cpu_conf){ __VA_ARGS__ } })
#define PIDS(x) (&(struct resources){ .pids = &(struct pids_conf){ .limit = SET(x) } })

static void test_memory(void)
{
	start();
	expect(NULL, "");
	expect(&(struct resources){ 0 }, "");
	expect(MEMORY(.disable_oom_killer = SET(false), .use_hierarchy = SET(true)), ""); /* Docker */
	expect(MEMORY(.limit = SET(0), .swap = SET(0), .reservation = SET(0)), "");
	expect(MEMORY(.limit = SET(1 << 20)), "memory.max=1048576");
	expect(MEMORY(.limit = SET(100), .swap = SET(150), .reservation = SET(50)),
	       "memory.swap.max=50\nmemory.max=100\nmemory.low=50");
	expect(MEMORY(.limit = SET(100), .swap = SET(100)), "memory.swap.max=0?\nmemory.max=100");
	expect(MEMORY(.limit = SET(100), .swap = SET(-1)), "memory.swap.max=max?\nmemory.max=100");
	expect(MEMORY(.limit = SET(-1)), "memory.swap.max=max?\nmemory.max=max?");
	expect(MEMORY(.limit = SET(-1), .swap = SET(500)), "memory.swap.max=500\nmemory.max=max?");
	expect(MEMORY(.swap = SET(-1)), "memory.swap.max=max?");
	expect(MEMORY(.reservation = SET(-1)), "memory.low=max");
	expect(MEMORY(.limit = SET(INT64_MAX)), "memory.max=9223372036854775807");
	refuse(MEMORY(.limit = SET(-2)), "memory.limit");
	refuse(MEMORY(.reservation = SET(-2)), "memory.reservation");
	refuse(MEMORY(.swap = SET(-2)), "memory.swap");
	refuse(MEMORY(.swap = SET(5)), "without memory.limit");
	refuse(MEMORY(.limit = SET(10), .swap = SET(5)), "below memory.limit");
	refuse(MEMORY(.kernel = SET(5)), "memory.kernel has no equivalent");
	refuse(MEMORY(.kernel_tcp = SET(5)), "memory.kernelTCP");
	refuse(MEMORY(.swappiness = SET(60)), "memory.swappiness");
	refuse(MEMORY(.disable_oom_killer = SET(true)), "memory.disableOOMKiller");
	refuse(MEMORY(.use_hierarchy = SET(false)), "memory.useHierarchy");
	arena_done(&arena);
}

static void test_check_before_update(void)
{
	struct cgroup_knob_list l = { 0 };
	struct err e;

	start();
	CHECK_INT(cgroup_knobs(&arena, MEMORY(.limit = SET(100), .swap = SET(150)), &l, &e), 0);
	CHECK_INT(l.check_memory, -1);
	CHECK_INT(l.check_total, -1);
	CHECK_INT(cgroup_knobs(&arena,
			       MEMORY(.limit = SET(100), .swap = SET(150), .check_before_update = SET(true)), &l,
			       &e),
		  0);
	CHECK_INT(l.check_memory, 100);
	CHECK_INT(l.check_total, 150);
	CHECK_INT(cgroup_knobs(&arena, MEMORY(.limit = SET(-1), .check_before_update = SET(true)), &l, &e), 0);
	CHECK_INT(l.check_memory, -1);
	arena_done(&arena);
}

static void test_cpu(void)
{
	start();
	expect(CPU(.shares = SET(0)), "");
	expect(CPU(.shares = SET(1024)), "cpu.weight=100?"); /* sent always by some; the kernel's default */
	expect(CPU(.shares = SET(512)), "cpu.weight=59");
	expect(CPU(.quota = SET(50000)), "cpu.max=50000");
	expect(CPU(.quota = SET(50000), .period = SET(200000)), "cpu.max=50000 200000");
	expect(CPU(.period = SET(200000)), "cpu.max=200000<");
	expect(CPU(.period = SET(100000)), "cpu.max=100000?<");
	expect(CPU(.quota = SET(-1)), "cpu.max=max?");
	expect(CPU(.quota = SET(0), .period = SET(7000)), "cpu.max=max 7000?");
	expect(CPU(.quota = SET(50000), .burst = SET(20000)), "cpu.max=50000~\ncpu.max.burst=20000");
	expect(CPU(.burst = SET(0)), "cpu.max.burst=0?");
	expect(CPU(.idle = SET(1)), "cpu.idle=1");
	expect(CPU(.idle = SET(0), .shares = SET(2048)), "cpu.idle=0?\ncpu.weight=174");
	expect(CPU(.cpus = "0-3,7", .mems = "0"), "cpuset.cpus=0-3,7\ncpuset.mems=0");
	expect(CPU(.cpus = "", .mems = ""), "");
	expect(CPU(.realtime_runtime = SET(0), .realtime_period = SET(0)), "");
	refuse(CPU(.quota = SET(50000), .burst = SET(50001)), "cpu.burst");
	refuse(CPU(.idle = SET(2)), "cpu.idle");
	refuse(CPU(.idle = SET(1), .shares = SET(5)), "cpu.shares cannot be combined");
	refuse(CPU(.realtime_runtime = SET(1000)), "cpu.realtimeRuntime");
	refuse(CPU(.realtime_period = SET(1000)), "cpu.realtimePeriod");
	refuse(CPU(.cpus = "0-"), "cpu.cpus");
	refuse(CPU(.cpus = "3-1"), "cpu.cpus");
	refuse(CPU(.cpus = "0,"), "cpu.cpus");
	refuse(CPU(.mems = "0\n1"), "cpu.mems");
	refuse(CPU(.cpus = "9000"), "cpu.cpus");
	arena_done(&arena);
}

static void test_io(void)
{
	struct throttle_device t[] = { { 8, 0, 1000 }, { 8, 16, 0 } };
	struct throttle_device bad[] = { { -1, 0, 1 } };
	struct weight_device w[] = { { 8, 0, SET(500), { 0 } } };
	struct weight_device neither[] = { { 8, 0, { 0 }, { 0 } } };
	struct block_io_conf empty = { 0 }, weight = { .weight = SET(100) }, zero = { .weight = SET(0) };
	struct block_io_conf low = { .weight = SET(9) }, high = { .weight = SET(1001) };
	struct block_io_conf leaf = { .leaf_weight = SET(10) };
	struct block_io_conf limits = { .throttle_read_bps = LIST_OF(t), .throttle_write_iops = LIST_OF(t) };
	struct block_io_conf wrong = { .throttle_write_bps = LIST_OF(bad) };
	struct block_io_conf device = { .weight_device = LIST_OF(w) };
	struct block_io_conf nothing = { .weight_device = LIST_OF(neither) };

	start();
	expect(&(struct resources){ .block_io = &empty }, "");
	expect(&(struct resources){ .block_io = &zero }, "");
	expect(&(struct resources){ .block_io = &weight }, "io.bfq.weight=100|\nio.weight=910");
	expect(&(struct resources){ .block_io = &device }, "io.bfq.weight=8:0 500|\nio.weight=8:0 4950");
	expect(&(struct resources){ .block_io = &limits },
	       "io.max=8:0 rbps=1000\nio.max=8:16 rbps=max?\nio.max=8:0 wiops=1000\nio.max=8:16 wiops=max?");
	refuse(&(struct resources){ .block_io = &low }, "blockIO.weight");
	refuse(&(struct resources){ .block_io = &high }, "blockIO.weight");
	refuse(&(struct resources){ .block_io = &leaf }, "blockIO.leafWeight");
	refuse(&(struct resources){ .block_io = &wrong }, "throttleWriteBpsDevice");
	refuse(&(struct resources){ .block_io = &nothing }, "has no weight");
	arena_done(&arena);
}

static void test_rest(void)
{
	struct hugepage_limit h[] = { { "2MB", 4096 }, { "1048576KB", 0 } }, bad[] = { { "2MiB", 1 } };
	struct hugepage_limit zero[] = { { "0KB", 1 } };
	struct rdma_entry d[] = { { "mlx5_0", { SET(3), SET(4) } }, { "hfi1_0", { { 0 }, SET(9) } } };
	struct rdma_entry none[] = { { "mlx5_0", { { 0 }, { 0 } } } };
	struct net_prio prio[] = { { "eth0", 1 } };
	struct network_conf class = { .class_id = SET(1) }, idle = { .class_id = SET(0) };
	struct network_conf prios = { .priorities = LIST_OF(prio) };

	start();
	expect(&(struct resources){ .hugepage_limits = LIST_OF(h) },
	       "hugetlb.2MB.max=4096\nhugetlb.2MB.rsvd.max=4096?\nhugetlb.1GB.max=0\nhugetlb.1GB.rsvd.max=0?");
	refuse(&(struct resources){ .hugepage_limits = LIST_OF(bad) }, "2MiB");
	refuse(&(struct resources){ .hugepage_limits = LIST_OF(zero) }, "0KB");
	expect(&(struct resources){ .rdma = LIST_OF(d) },
	       "rdma.max=mlx5_0 hca_handle=3 hca_object=4\nrdma.max=hfi1_0 hca_object=9");
	refuse(&(struct resources){ .rdma = LIST_OF(none) }, "mlx5_0");
	expect(PIDS(10), "pids.max=10");
	expect(PIDS(-1), "pids.max=max?");
	expect(PIDS(0), "pids.max=0!");
	expect(PIDS(1), "pids.max=1!");
	refuse(PIDS(-2), "pids.limit");
	expect(&(struct resources){ .network = &idle }, "");
	refuse(&(struct resources){ .network = &class }, "network.classID");
	refuse(&(struct resources){ .network = &prios }, "network.priorities");
	arena_done(&arena);
}

static void test_unified(void)
{
	struct map_entry u[] = { { "io.max", "8:0 rbps=1\n8:16 wbps=2\n" }, { "memory.high", "5" } };
	struct map_entry late[] = { { "pids.max", "7" } }, reset[] = { { "cpuset.cpus", "" } };
	static const char *const bad[] = { "memory", "../memory.max", "a/b.max",     ".max", "memory.",
					   "",	     "memory..max",   "cgroup.kill", "cgroup.procs" };
	struct resources r = { .unified = LIST_OF(u), .memory = &(struct memory_conf){ .limit = SET(9) } };

	start();
	expect(&r, "memory.max=9\nio.max=8:0 rbps=1\nio.max=8:16 wbps=2\nmemory.high=5");
	r = (struct resources){ .unified = LIST_OF(late), .pids = &(struct pids_conf){ SET(0) } };
	expect(&r, "pids.max=7");
	r = (struct resources){ .unified = LIST_OF(reset) };
	expect(&r, "cpuset.cpus=");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct map_entry m = { bad[i], "1" };

		refuse(&(struct resources){ .unified = { &m, 1 } }, "linux.resources.unified");
	}
	arena_done(&arena);
}

/* ---- facts and plan ------------------------------------------------------------------------------------ */

static void test_parse_self(void)
{
	static struct cgroup_facts f;

	cg_parse_self("9:name=systemd:/x\n4:memory:/y\n3:cpu,cpuacct:/\n0::/user.slice/a b\n", &f);
	CHECK_STR(f.own, "/user.slice/a b");
	CHECK_STR(f.v1_controllers, "memory cpu cpuacct");
	cg_parse_self("0::/../..\n", &f);
	CHECK_STR(f.own, "");
	cg_parse_self("0::/", &f);
	CHECK_STR(f.own, "/");
	cg_parse_self("garbage\n:\n::\n0::", &f);
	CHECK_STR(f.own, "");
	CHECK_INT(cg_keyed("populated 1\nfrozen 0\n", "frozen"), 0);
	CHECK_INT(cg_keyed("populated 1\nfrozen 0\n", "populated"), 1);
	CHECK_INT(cg_keyed("populated 1\n", "pop"), -1);
}

static struct cgroup_facts unified_root = {
	.mode = CGROUP_MODE_UNIFIED,
	.mount = "/sys/fs/cgroup",
	.own = "/a/b",
	.controllers = "cpuset cpu io memory pids",
	.root_writable = true,
	.privileged = true,
};

static const char *plan_path(const struct cgroup_facts *f, struct cgroup_request q, struct err *e)
{
	const struct cgroup_plan *p = NULL;

	*e = (struct err){ 0 };
	q.manager = q.manager ? q.manager : CGROUP_FS;
	q.id = "id1";
	if (cgroup_plan_build(&arena, f, &q, &p, e) < 0)
		return "error";
	return p->path ? p->path : "none";
}

#define PATH(f, ...) plan_path((f), (struct cgroup_request){ __VA_ARGS__ }, &e)

static void test_paths(void)
{
	struct cgroup_facts user = unified_root;
	struct err e;

	start();
	user.root_writable = user.privileged = false;
	CHECK_STR(PATH(&unified_root, .id = ""), "/ctr/id1");
	CHECK_STR(PATH(&unified_root, .cgroups_path = ""), "/ctr/id1");
	CHECK_STR(PATH(&unified_root, .cgroups_path = "/docker/x"), "/docker/x");
	CHECK_STR(PATH(&unified_root, .cgroups_path = "x/y"), "/ctr/x/y");
	CHECK_STR(PATH(&unified_root, .cgroups_path = "//x/./y//z/"), "/x/y/z");
	CHECK_STR(PATH(&unified_root, .cgroups_path = "/a/../b"), "error");
	CHECK(strstr(e.text, ".."));
	CHECK_STR(PATH(&unified_root, .cgroups_path = "/"), "error");
	CHECK_STR(PATH(&unified_root, .cgroups_path = "/.//"), "error");
	CHECK_STR(PATH(&user, .id = ""), "none");
	user.child_writable = true;
	CHECK_STR(PATH(&user, .id = ""), "/a/b/id1");
	user.sibling_writable = true;
	CHECK_STR(PATH(&user, .id = ""), "/a/id1");
	CHECK_STR(PATH(&user, .cgroups_path = "r"), "/a/r");
	strcpy(user.own, "/a");
	CHECK_STR(PATH(&user, .id = ""), "/id1");
	CHECK_STR(PATH(&unified_root, .manager = CGROUP_SYSTEMD, .cgroups_path = "a-b.slice:p:n"),
		  "/a.slice/a-b.slice/p-n.scope");
	CHECK_STR(PATH(&unified_root, .manager = CGROUP_SYSTEMD, .leaf = "container"),
		  "/system.slice/ctr-id1.scope/container");
	arena_done(&arena);
}

static void test_plan_limits(void)
{
	struct cgroup_facts hybrid = unified_root, none = { .mode = CGROUP_MODE_NONE, .privileged = true };
	struct cgroup_facts user = { .mode = CGROUP_MODE_UNIFIED,
				     .mount = "/sys/fs/cgroup",
				     .controllers = "pids" };
	struct device_rule rule = { .allow = false };
	struct resources devices = { .devices = { &rule, 1 } };
	struct cgroup_request q = { .manager = CGROUP_FS, .id = "x", .resources = CPU(.shares = SET(1024)) };
	const struct cgroup_plan *p;
	struct err e;

	start();
	hybrid.mode = CGROUP_MODE_HYBRID;
	hybrid.mount = "/sys/fs/cgroup/unified";
	strcpy(hybrid.controllers, "hugetlb");
	strcpy(hybrid.v1_controllers, "memory cpu");
	CHECK_STR(PATH(&hybrid, .resources = MEMORY(.limit = SET(5))), "error");
	CHECK_STR(e.text, "cannot set memory.max: controller memory is not available in /sys/fs/cgroup/unified: "
			  "it is in use by cgroup v1");
	CHECK_STR(PATH(&hybrid, .resources = CPU(.shares = SET(1024))), "/ctr/id1");
	CHECK_STR(PATH(&hybrid, .resources = PIDS(-1)), "/ctr/id1");
	CHECK_STR(PATH(&hybrid, .resources = PIDS(5)), "error");
	CHECK_STR(PATH(&unified_root, .resources = PIDS(5)), "/ctr/id1");
	CHECK_STR(PATH(&none, .resources = PIDS(5)), "error");
	CHECK(strstr(e.text, "there is no cgroup v2 hierarchy"));
	CHECK_STR(PATH(&none, .cgroups_path = "/docker/x"), "none");
	CHECK_STR(PATH(&none, .resources = &devices), "error");
	CHECK_STR(PATH(&none, .resources = &devices, .no_mknod = true), "none");
	CHECK_STR(PATH(&user, .resources = PIDS(5)), "error");
	CHECK(strstr(e.text, "no permission"));
	CHECK_STR(PATH(&user, .resources = &devices), "none");

	CHECK_INT(cgroup_plan_build(&arena, &unified_root, &q, &p, &e), 0);
	CHECK_INT(p->controllers.n, 0); /* a default asks for nothing */
	CHECK(p->devices.n > 0 && !p->devices_skipped && !p->owner_set);
	q.resources = &(struct resources){ .pids = &(struct pids_conf){ SET(5) },
					   .cpu = &(struct cpu_conf){ .shares = SET(5), .cpus = "0" } };
	q.delegate = true;
	q.owner_uid = 1000;
	CHECK_INT(cgroup_plan_build(&arena, &unified_root, &q, &p, &e), 0);
	CHECK_INT(p->controllers.n, 3);
	CHECK_STR(p->controllers.v[0], "cpu");
	CHECK_STR(p->controllers.v[1], "cpuset");
	CHECK_STR(p->controllers.v[2], "pids");
	CHECK(p->owner_set && p->owner_uid == 1000);
	user.child_writable = true;
	strcpy(user.own, "/u");
	q = (struct cgroup_request){ .manager = CGROUP_FS, .id = "x" };
	CHECK_INT(cgroup_plan_build(&arena, &user, &q, &p, &e), 0);
	CHECK(p->devices.n == 0 && p->devices_skipped);
	arena_done(&arena);
}

static void test_delegates(void)
{
	struct namespace_conf ns[] = { { CLONE_NEWNS, NULL }, { 0x02000000, NULL } };
	char *ro[] = { (char[]){ "nosuid" }, (char[]){ "ro" } };
	struct mount_conf m = { .destination = "/sys/fs/cgroup", .source = "cgroup", .options = { ro, 1 } };
	struct linux_conf l = { .namespaces = LIST_OF(ns) };
	struct config c = { .linux_ = &l, .mounts = { &m, 1 } };

	CHECK(cgroup_delegates(&c));
	m.options.n = 2;
	CHECK(!cgroup_delegates(&c));
	m.options.n = 1;
	ns[1].path = "/proc/1/ns/cgroup";
	CHECK(!cgroup_delegates(&c));
	ns[1].path = NULL;
	m.source = "tmpfs";
	CHECK(!cgroup_delegates(&c));
	CHECK(!cgroup_delegates(&(struct config){ 0 }));
}

/* ---- systemd ------------------------------------------------------------------------------------------ */

static void unit(const char *path, const char *slice, const char *name, const char *slice_path)
{
	struct cgroup_unit u = { 0 };
	struct err e = { 0 };

	if (!slice) {
		CHECK_INT(cgroup_unit_parse(&arena, path, "id", false, &u, &e), -EINVAL);
		return;
	}
	CHECK_INT(cgroup_unit_parse(&arena, path, "id", false, &u, &e), 0);
	if (e.code)
		printf("# %s\n", e.text);
	CHECK_STR(u.slice, slice);
	CHECK_STR(u.unit, name);
	CHECK_STR(u.slice_path, slice_path);
}

static void test_units(void)
{
	struct cgroup_unit u;
	struct err e;

	start();
	unit(NULL, "system.slice", "ctr-id.scope", "/system.slice");
	unit("machine.slice:libpod:abc", "machine.slice", "libpod-abc.scope", "/machine.slice");
	unit("machine-libpod_pod_1.slice:libpod:a", "machine-libpod_pod_1.slice", "libpod-a.scope",
	     "/machine.slice/machine-libpod_pod_1.slice");
	unit("a-b-c.slice:cri-containerd:x", "a-b-c.slice", "cri-containerd-x.scope",
	     "/a.slice/a-b.slice/a-b-c.slice");
	unit(":docker:x", "system.slice", "docker-x.scope", "/system.slice");
	unit("-.slice:docker:x", "-.slice", "docker-x.scope", "");
	unit("a.slice::x", "a.slice", "x.scope", "/a.slice");
	unit("a.slice:p:b.slice", "a.slice", "b.slice", "/a.slice");
	unit("/docker/x", NULL, NULL, NULL);
	unit("a.slice:b", NULL, NULL, NULL);
	unit("a.slice:b:c:d", NULL, NULL, NULL);
	unit("a.slice:b:", NULL, NULL, NULL);
	unit("a--b.slice:b:c", NULL, NULL, NULL);
	unit("-a.slice:b:c", NULL, NULL, NULL);
	unit("a-.slice:b:c", NULL, NULL, NULL);
	unit(".slice:b:c", NULL, NULL, NULL);
	unit("a/b.slice:b:c", NULL, NULL, NULL);
	unit("a:b:c", NULL, NULL, NULL);
	unit("a.slice:b:c/d", NULL, NULL, NULL);
	unit("a.slice:b:c d", NULL, NULL, NULL);
	unit("_a.slice::_b", "_a.slice", "_b.scope", "/__a.slice");
	unit("memory-a.slice:p:memory", "memory-a.slice", "p-memory.scope", "/_memory.slice/memory-a.slice");
	unit("a.slice:p:x+y", "a.slice", "p-x\\x2by.scope", "/a.slice");
	/* Every id is a scope's name, also one that looks like a unit of the machine. */
	static const char *const ids[][2] = { { "_a", "ctr-_a.scope" }, { "a+b+", "ctr-a\\x2bb\\x2b.scope" },
					      { "system.slice", "ctr-system.slice.scope" }, { "x.scope", "ctr-x.scope.scope" },
					      { "-", "ctr--.scope" }, { "a.b", "ctr-a.b.scope" } };
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		CHECK_INT(cgroup_unit_parse(&arena, NULL, ids[i][0], false, &u, &e), 0);
		CHECK_STR(u.unit, ids[i][1]);
	}
	CHECK_STR(cgroup_unit_prefix("_b.scope", SIZE_MAX), "_");
	CHECK_STR(cgroup_unit_prefix("memory.scope", SIZE_MAX), "_");
	CHECK_STR(cgroup_unit_prefix("memory-b.scope", SIZE_MAX), "");
	CHECK_INT(cgroup_unit_parse(&arena, ":p:n", "id", true, &u, &e), 0);
	CHECK_STR(u.slice, "user.slice");
	arena_done(&arena);
}

static void properties(const struct resources *r, const char *want)
{
	struct cgroup_property_list l = { 0 };
	struct err e = { 0 };
	char text[2048] = "";
	size_t n = 0;

	CHECK_INT(cgroup_systemd_properties(&arena, r, &l, &e), 0);
	for (size_t i = 0; i < l.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s(%s)=%s", n ? "\n" : "", l.v[i].name,
				      l.v[i].signature, l.v[i].value);
	CHECK_STR(text, want);
}

static void test_properties(void)
{
	struct map_entry u[] = { { "cpu.max", "max 50000" }, { "memory.max", "77" }, { "cpuset.cpus", "1" },
				 { "memory.high", "1G" },    { "misc.max", "x 1" },  { "pids.max", "0" } };
	struct block_io_conf io = { .weight = SET(500) };
	struct resources r = { .unified = LIST_OF(u), .memory = &(struct memory_conf){ .limit = SET(9) } };
	struct cgroup_property_list l;
	struct err e;

	start();
	properties(NULL, "");
	properties(MEMORY(.limit = SET(100), .swap = SET(150), .reservation = SET(-1)),
		   "MemoryMax(t)=100\nMemoryLow(t)=18446744073709551615\nMemorySwapMax(t)=50");
	properties(CPU(.shares = SET(1024), .quota = SET(50000), .period = SET(100000), .cpus = "0-3,8"),
		   "CPUWeight(t)=100\nCPUQuotaPerSecUSec(t)=500000\nCPUQuotaPeriodUSec(t)=100000\n"
		   "AllowedCPUs(ay)=0f01");
	properties(CPU(.quota = SET(33333)), "CPUQuotaPerSecUSec(t)=340000");
	properties(CPU(.quota = SET(-1), .mems = "1"),
		   "CPUQuotaPerSecUSec(t)=18446744073709551615\nAllowedMemoryNodes(ay)=02");
	properties(&(struct resources){ .block_io = &io }, "IOWeight(t)=4950");
	properties(PIDS(5), "TasksMax(t)=5");
	properties(PIDS(-1), "TasksMax(t)=18446744073709551615");
	properties(PIDS(0), "");
	properties(&r, "MemoryMax(t)=77\nCPUQuotaPerSecUSec(t)=18446744073709551615\n"
		       "CPUQuotaPeriodUSec(t)=50000\nAllowedCPUs(ay)=02");
	CHECK_INT(cgroup_systemd_properties(&arena, MEMORY(.swappiness = SET(3)), &l, &e), -EINVAL);
	arena_done(&arena);
}

/* ---- apply on a directory of plain files -------------------------------------------------------------- */

static void put_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static const char *get_file(int dir, const char *name)
{
	static char text[256];

	return cg_read(dir, name, text, sizeof(text)) < 0 ? "absent" : text;
}

static void test_apply(void)
{
	static const char *const files[] = { "cpu.max", "io.weight", "pids.max", "memory.max",
					     "cgroup.controllers" };
	char dir[] = "/tmp/ctr-cgroup.XXXXXX";
	struct cgroup_knob_list l;
	struct block_io_conf io = { .weight = SET(100) };
	struct err e = { 0 };
	int fd;

	start();
	CHECK(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put_file(fd, files[i], "");
	put_file(fd, "cpu.max", "12345 100000\n");
	CHECK_INT(cgroup_knobs(&arena, CPU(.period = SET(50000)), &l, &e), 0);
	CHECK_INT(cgroup_apply(fd, &l, CGROUP_EARLY, &e), 0);
	CHECK_STR(get_file(fd, "cpu.max"), "12345 500000"); /* a plain file keeps its tail */
	CHECK_INT(cgroup_knobs(&arena, &(struct resources){ .block_io = &io, .pids = &(struct pids_conf){ SET(0) } },
			       &l, &e),
		  0);
	CHECK_INT(cgroup_apply(fd, &l, CGROUP_EARLY, &e), 0);
	CHECK_STR(get_file(fd, "io.weight"), "910"); /* io.bfq.weight is missing */
	CHECK_STR(get_file(fd, "pids.max"), "");
	CHECK_INT(cgroup_apply(fd, &l, CGROUP_LATE, &e), 0);
	CHECK_STR(get_file(fd, "pids.max"), "0");
	put_file(fd, "io.bfq.weight", "");
	put_file(fd, "io.weight", "");
	CHECK_INT(cgroup_apply(fd, &l, CGROUP_EARLY, &e), 0);
	CHECK_STR(get_file(fd, "io.bfq.weight"), "100");
	CHECK_STR(get_file(fd, "io.weight"), "");
	CHECK_INT(cgroup_knobs(&arena, MEMORY(.limit = SET(-1)), &l, &e), 0);
	CHECK_INT(cgroup_apply(fd, &l, CGROUP_EARLY, &e), 0); /* memory.swap.max is missing */
	CHECK_STR(get_file(fd, "memory.max"), "max");
	CHECK_INT(cgroup_knobs(&arena, MEMORY(.reservation = SET(5)), &l, &e), 0);
	CHECK_INT(cgroup_apply(fd, &l, CGROUP_EARLY, &e), -ENOENT);
	CHECK_STR(e.text, "cannot set memory.low to '5': controller memory is not available in the cgroup");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlinkat(fd, files[i], 0);
	unlinkat(fd, "io.bfq.weight", 0);
	close(fd);
	CHECK_INT(rmdir(dir), 0);
	arena_done(&arena);
}

static void test_usage_check(void)
{
	char dir[] = "/tmp/ctr-cgroup.XXXXXX";
	struct cgroup_knob_list l = { .check_memory = -1, .check_total = -1 };
	struct err e = { 0 };
	int fd;

	CHECK(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(cg_usage_check(fd, &l, &e), 0); /* nothing asked, nothing read */
	l.check_memory = 1000;
	CHECK_INT(cg_usage_check(fd, &l, &e), -ENOENT);
	put_file(fd, "memory.current", "1000\n");
	CHECK_INT(cg_usage_check(fd, &l, &e), 0);
	l.check_memory = 999;
	CHECK_INT(cg_usage_check(fd, &l, &e), -EBUSY);
	CHECK_STR(e.text, "memory limit 999 is below the current usage of 1000 bytes");
	l.check_memory = 1000;
	l.check_total = 1499;
	CHECK_INT(cg_usage_check(fd, &l, &e), 0); /* no swap accounting */
	put_file(fd, "memory.swap.current", "500\n");
	CHECK_INT(cg_usage_check(fd, &l, &e), -EBUSY);
	l.check_total = 1500;
	CHECK_INT(cg_usage_check(fd, &l, &e), 0);
	unlinkat(fd, "memory.current", 0);
	unlinkat(fd, "memory.swap.current", 0);
	close(fd);
	CHECK_INT(rmdir(dir), 0);
}

/* ---- the driver on a private mount of cgroup2 -------------------------------------------------------- */

static char top[64]; /* "/ctr-test-PID": everything happens below */

static const char *driver_start(void)
{
	static const char *reason;
	static bool done;
	struct err e;

	if (!done) {
		done = true;
		snprintf(top, sizeof(top), "/ctr-test-%d", (int)getpid());
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			reason = "no private mount namespace";
		else if (mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
			reason = "cgroup2 cannot be mounted";
		else if (mkdir("/sys/fs/cgroup/ctr-test-probe", 0755) < 0 && errno != EEXIST)
			reason = "no cgroup can be made";
		rmdir("/sys/fs/cgroup/ctr-test-probe");
	}
	if (reason)
		printf("# skipped: %s\n", reason);
	else
		CHECK_INT(arena_init(&arena, 8 << 20, &e), 0);
	return reason;
}

static const char *full(const char *below)
{
	static char path[4][512];
	static unsigned int i;
	char *p = path[i++ % 4];

	snprintf(p, sizeof(path[0]), "/sys/fs/cgroup%s%s", top, below);
	return p;
}

static bool exists(const char *below)
{
	return access(full(below), F_OK) == 0;
}

/* A process in the cgroup that waits for its end. */
static pid_t occupy(int fd)
{
	struct sys_clone_args args = { .flags = SYS_CLONE_INTO_CGROUP,
				       .exit_signal = SIGCHLD,
				       .cgroup = (uint64_t)fd };
	pid_t pid = sys_clone3(&args);

	if (pid == 0)
		for (;;)
			pause();
	CHECK(pid > 0);
	return pid;
}

static void reap(pid_t pid, int sig)
{
	int status = 0;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), sig);
}

static struct cgroup_plan plan_for(const char *below)
{
	return (struct cgroup_plan){ .manager = CGROUP_FS, .path = arena_printf(&arena, "%s%s", top, below) };
}

static int count_one(pid_t pid, void *arg)
{
	*(int *)arg += 1;
	return pid > 0 ? 0 : -1;
}

static void test_driver_life(void)
{
	struct cgroup_plan p, again;
	unsigned int kept = 99;
	struct err e = { 0 };
	int fd = -1, other = -1, n = 0;
	pid_t pid;

	if (driver_start())
		return;
	p = plan_for("/a/b");
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_INT(kept, 0);
	CHECK(exists("/a/b"));
	CHECK_INT(cgroup_is_populated(fd, &e), 0);
	pid = occupy(fd);
	CHECK_INT(cgroup_is_populated(fd, &e), 1);
	CHECK_INT(cgroup_procs(fd, count_one, &n, &e), 0);
	CHECK_INT(n, 1);
	CHECK_INT(cgroup_create(&p, &other, &kept, &e), -EBUSY);
	CHECK(strstr(e.text, "is not empty"));
	CHECK(exists("/a/b"));
	again = plan_for("/a/c");
	CHECK_INT(cgroup_create(&again, &other, &kept, &e), 0);
	CHECK_INT(kept, 2);
	CHECK_INT(cgroup_is_frozen(fd, &e), 0);
	CHECK_INT(cgroup_freeze(fd, true, 2000, &e), 0);
	CHECK_INT(cgroup_is_frozen(fd, &e), 1);
	CHECK_INT(cgroup_freeze(fd, true, 2000, &e), 0);
	CHECK_INT(cgroup_freeze(fd, false, 2000, &e), 0);
	CHECK_INT(cgroup_freeze(fd, false, 2000, &e), 0);
	CHECK_INT(cgroup_is_frozen(fd, &e), 0);
	CHECK_INT(cgroup_wait_empty(fd, 50, &e), -ETIMEDOUT);
	CHECK(strstr(e.text, "is still in the cgroup (state S)"));
	CHECK_INT(cgroup_freeze(fd, true, 2000, &e), 0);
	CHECK_INT(cgroup_kill(fd, &e), 0); /* frozen ones die too */
	reap(pid, SIGKILL);
	CHECK_INT(cgroup_wait_empty(fd, 2000, &e), 0);
	CHECK_INT(cgroup_freeze(fd, false, 2000, &e), 0);
	/* Moved, not cloned into: see cgroup_enter(). */
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	CHECK_INT(cgroup_verify(fd, pid, &e), -EPERM);
	CHECK(strncmp(e.text, "post-condition: linux.cgroupsPath: process ", 43) == 0);
	CHECK_INT(cgroup_enter(fd, pid, &e), 0);
	CHECK_INT(cgroup_verify(fd, pid, &e), 0);
	CHECK_INT(cgroup_is_populated(fd, &e), 1);
	CHECK_INT(cgroup_signal(fd, SIGTERM, &e), 1);
	reap(pid, SIGTERM);
	close(fd);
	CHECK_INT(cgroup_remove(again.path, kept, 2000, &e), 0);
	CHECK(!exists("/a/c") && exists("/a/b"));
	CHECK_INT(cgroup_remove(p.path, 0, 2000, &e), 0);
	CHECK(!exists(""));
	CHECK_INT(cgroup_is_populated(other, &e), -ENODEV);
	close(other);
	CHECK_INT(cgroup_remove(p.path, 0, 2000, &e), 0); /* twice is fine */
	CHECK_INT(cgroup_open(p.path, &fd, &e), -ENOENT);
	arena_done(&arena);
}

/* A tree that the container made, with processes in several places. */
static void test_driver_remove_tree(void)
{
	char name[128];
	struct cgroup_plan p;
	unsigned int kept;
	pid_t pids[3];
	struct err e = { 0 };
	int fd = -1, at, next, n = 0;

	if (driver_start())
		return;
	p = plan_for("/t");
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), 0);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "wide%d", i);
		CHECK_INT(mkdirat(fd, name, 0755), 0);
		snprintf(name, sizeof(name), "wide%d/sub", i);
		CHECK_INT(mkdirat(fd, name, 0755), 0);
	}
	at = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 200; i++) {
		CHECK_INT(mkdirat(at, "deep", 0755), 0);
		next = openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
	}
	pids[0] = occupy(fd);
	pids[1] = occupy(at);
	next = openat(fd, "wide7/sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pids[2] = occupy(next);
	CHECK_INT(cgroup_procs(next, count_one, &n, &e), 0);
	CHECK_INT(n, 1);
	CHECK_INT(cgroup_procs(fd, count_one, &n, &e), -ELOOP); /* bounded, and said */
	close(at);
	close(next);
	close(fd);
	CHECK_INT(cgroup_remove(p.path, 0, 5000, &e), 0);
	if (e.code)
		printf("# %s\n", e.text);
	for (int i = 0; i < 3; i++)
		reap(pids[i], SIGKILL);
	CHECK(!exists(""));
	arena_done(&arena);
}

static void test_driver_refuse(void)
{
	char *missing[] = { (char[]){ "nonesuch" } };
	struct cgroup_plan p;
	unsigned int kept;
	struct err e = { 0 };
	int fd = -1, dir;

	if (driver_start())
		return;
	p = plan_for("/x/y");
	p.controllers = (struct strv)LIST_OF(missing);
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), -EOPNOTSUPP);
	CHECK(strstr(e.text, "controller nonesuch is not available in /sys/fs/cgroup"));
	CHECK(!exists(""));

	CHECK_INT(mkdir(full(""), 0755), 0);
	CHECK_INT(mkdir(full("/frozen"), 0755), 0);
	dir = open(full("/frozen"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(cg_write(dir, "cgroup.freeze", "1"), 0);
	p = plan_for("/frozen");
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), -EBUSY);
	CHECK(strstr(e.text, "is frozen"));
	p = plan_for("/frozen/new/leaf");
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), -EBUSY);
	CHECK(exists("/frozen") && !exists("/frozen/new"));

	/* The parent must not pass on controllers that know no threads. */
	p = plan_for("/th/threaded");
	CHECK_INT(mkdir(full("/th"), 0755), 0);
	CHECK_INT(mkdir(full("/th/threaded"), 0755), 0);
	close(dir);
	dir = open(full("/th/threaded"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(cg_write(dir, "cgroup.type", "threaded"), 0);
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), -EBUSY);
	CHECK(strstr(e.text, "of type 'threaded'"));
	close(dir);
	CHECK_INT(rmdir(full("/th/threaded")), 0);
	CHECK_INT(rmdir(full("/th")), 0);
	CHECK_INT(rmdir(full("/frozen")), 0);
	CHECK_INT(rmdir(full("")), 0);
	CHECK_INT(fd, -1);
	arena_done(&arena);
}

/* The one controller that v2 is sure to have here, if any: with a limit that is harmless. */
static const char *some_controller(const char **file)
{
	static const char *const known[][2] = { { "hugetlb", "hugetlb.2MB.max" }, { "pids", "pids.max" },
						{ "memory", "memory.high" } };
	static struct cgroup_facts f;
	struct err e;

	CHECK_INT(cgroup_detect(cgroup_caller_is_privileged(), &f, &e), 0);
	CHECK_INT(cgroup_detect_controllers(&f, &e), 0);
	CHECK_INT(f.mode, CGROUP_MODE_UNIFIED);
	CHECK_STR(f.mount, "/sys/fs/cgroup");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (cg_has_word(f.controllers, known[i][0], strlen(known[i][0]))) {
			*file = known[i][1];
			return known[i][0];
		}
	return NULL;
}

static void test_driver_limits(void)
{
	const char *file, *c;
	struct map_entry u[1];
	struct resources r = { .unified = LIST_OF(u) };
	static struct cgroup_facts f;
	const struct cgroup_plan *p = NULL;
	struct cgroup_request q = { .manager = CGROUP_FS, .id = "x", .resources = &r };
	struct cgroup_knob_list l;
	unsigned int kept;
	struct err e = { 0 };
	int fd = -1;
	pid_t pid;

	if (driver_start())
		return;
	c = some_controller(&file);
	if (!c) {
		printf("# skipped: cgroup2 has no controller here\n");
		return;
	}
	u[0] = (struct map_entry){ file, "8388608" };
	q.cgroups_path = arena_printf(&arena, "%s/l/x", top);
	CHECK_INT(cgroup_detect(cgroup_caller_is_privileged(), &f, &e), 0);
	CHECK_INT(cgroup_detect_controllers(&f, &e), 0);
	CHECK_INT(cgroup_plan_build(&arena, &f, &q, &p, &e), 0);
	CHECK_INT(cgroup_create(p, &fd, &kept, &e), 0);
	CHECK_INT(cgroup_apply(fd, &p->knobs, CGROUP_EARLY, &e), 0);
	CHECK_STR(get_file(fd, file), "8388608");
	u[0].value = "4194304";
	CHECK_INT(cgroup_knobs(&arena, &r, &l, &e), 0);
	CHECK_INT(cgroup_update(p->path, &l, &e), 0);
	CHECK_STR(get_file(fd, file), "4194304");
	u[0].value = "rubbish";
	CHECK_INT(cgroup_knobs(&arena, &r, &l, &e), 0);
	CHECK_INT(cgroup_update(p->path, &l, &e), -EINVAL);
	CHECK(strstr(e.text, "write 'rubbish' to") && strstr(e.text, file));
	close(fd);

	/* A process in an inner cgroup keeps the controller from being passed on. */
	CHECK_INT(cgroup_remove(p->path, 1, 2000, &e), 0);
	CHECK(exists("") && !exists("/l"));
	CHECK_INT(mkdir(full("/l"), 0755), 0);
	fd = open(full("/l"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid = occupy(fd);
	close(fd);
	fd = -1;
	CHECK_INT(cgroup_create(p, &fd, &kept, &e), -EBUSY);
	CHECK(strstr(e.text, c));
	CHECK(strstr(e.text, "/l/cgroup.subtree_control (processes live in this cgroup itself)"));
	CHECK(!exists("/l/x"));
	CHECK_INT(cgroup_remove(arena_printf(&arena, "%s/l", top), 0, 2000, &e), 0);
	reap(pid, SIGKILL);
	CHECK(!exists(""));
	arena_done(&arena);
}

static void test_driver_delegate(void)
{
	struct cgroup_plan p;
	unsigned int kept;
	struct err e = { 0 };
	struct stat s;
	int fd = -1;

	if (driver_start())
		return;
	p = plan_for("/d");
	p.owner_set = true;
	p.owner_uid = 12345;
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), 0);
	CHECK(fstat(fd, &s) == 0 && s.st_uid == 12345);
	CHECK(fstatat(fd, "cgroup.procs", &s, 0) == 0 && s.st_uid == 12345);
	CHECK(fstatat(fd, "cgroup.subtree_control", &s, 0) == 0 && s.st_uid == 12345);
	CHECK(fstatat(fd, "cgroup.freeze", &s, 0) == 0 && s.st_uid == 0);
	CHECK(stat(full(""), &s) == 0 && s.st_uid == 0);
	close(fd);
	CHECK_INT(cgroup_remove(p.path, kept, 2000, &e), 0);
	arena_done(&arena);
}

/* Waits for a child that exits with 0 when all was well. */
static void expect_child(pid_t pid)
{
	int status = -1;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

/* An unprivileged user in a delegated subtree: next to its own cgroup, without devices. */
static void unprivileged(int own)
{
	static struct cgroup_facts f;
	const struct cgroup_plan *p = NULL;
	struct cgroup_request q = { .manager = CGROUP_FS, .id = "box" };
	unsigned int kept = 0;
	struct err e = { 0 };
	char want[128];
	int fd = -1;
	pid_t pid;

	tap_bad = 0;
	CHECK_INT(cgroup_enter(own, getpid(), &e), 0);
	CHECK_INT(setuid(12345), 0);
	CHECK_INT(cgroup_detect(cgroup_caller_is_privileged(), &f, &e), 0);
	snprintf(want, sizeof(want), "%s/user/own", top);
	CHECK_STR(f.own, want);
	CHECK(!f.root_writable && f.sibling_writable && f.child_writable && !f.privileged);
	CHECK_INT(cgroup_plan_build(&arena, &f, &q, &p, &e), 0);
	snprintf(want, sizeof(want), "%s/user/box", top);
	CHECK_STR(p->path, want);
	CHECK_INT(cgroup_create(p, &fd, &kept, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_INT(kept, 2);
	pid = occupy(fd);
	CHECK_INT(cgroup_freeze(fd, true, 2000, &e), 0);
	CHECK_INT(cgroup_remove(p->path, kept, 2000, &e), 0);
	reap(pid, SIGKILL);
	q.cgroups_path = "/elsewhere";
	CHECK_INT(cgroup_plan_build(&arena, &f, &q, &p, &e), 0);
	CHECK_INT(cgroup_create(p, &fd, &kept, &e), -EACCES);
	fflush(stdout);
	_exit(tap_bad != 0);
}

static void test_driver_unprivileged(void)
{
	struct cgroup_plan p;
	unsigned int kept;
	struct err e = { 0 };
	int fd = -1, own;
	pid_t pid;

	if (driver_start())
		return;
	p = plan_for("/user");
	p.owner_set = true;
	p.owner_uid = 12345;
	CHECK_INT(cgroup_create(&p, &fd, &kept, &e), 0);
	CHECK_INT(mkdir(full("/user/own"), 0755), 0);
	CHECK_INT(chown(full("/user/own"), 12345, 12345), 0);
	CHECK_INT(chown(full("/user/own/cgroup.procs"), 12345, 12345), 0);
	own = open(full("/user/own"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		unprivileged(own);
	expect_child(pid);
	CHECK(!exists("/user/box"));
	close(own);
	close(fd);
	CHECK_INT(cgroup_remove(p.path, 0, 2000, &e), 0);
	arena_done(&arena);
}

/* No cgroup2 anywhere to be seen: a mount of our own does. */
static void test_driver_private(void)
{
	static struct cgroup_facts f;
	struct cgroup_plan p;
	unsigned int kept;
	struct err e = { 0 };
	int fd = -1;
	pid_t pid, inside;

	if (driver_start())
		return;
	p = plan_for("/p/q");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		tap_bad = 0;
		CHECK_INT(unshare(CLONE_NEWNS), 0);
		CHECK_INT(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL), 0);
		cgroup_forget_root();
		CHECK_INT(cgroup_detect(cgroup_caller_is_privileged(), &f, &e), 0);
		CHECK_INT(f.mode, CGROUP_MODE_PRIVATE);
		CHECK(f.root_writable && f.privileged);
		CHECK_INT(cgroup_create(&p, &fd, &kept, &e), 0);
		CHECK_STR(e.text, "");
		inside = occupy(fd);
		CHECK_INT(cgroup_is_populated(fd, &e), 1);
		CHECK_INT(cgroup_remove(p.path, kept, 2000, &e), 0);
		reap(inside, SIGKILL);
		fflush(stdout);
		_exit(tap_bad != 0);
	}
	expect_child(pid);
	CHECK(!exists(""));
	arena_done(&arena);
}

/* Containers that come and go under one parent that nobody keeps. */
static void test_driver_race(void)
{
	pid_t pids[3];

	if (driver_start())
		return;
	for (int k = 0; k < 3; k++) {
		fflush(stdout);
		pids[k] = fork();
		if (pids[k] != 0)
			continue;
		for (int i = 0; i < 100; i++) {
			char path[128];
			struct cgroup_plan p = { .manager = CGROUP_FS, .path = path };
			unsigned int kept;
			struct err e = { 0 };
			int fd;

			snprintf(path, sizeof(path), "%s/r/%d", top, k);
			if (cgroup_create(&p, &fd, &kept, &e) < 0 || close(fd) < 0 ||
			    cgroup_remove(path, 0, 2000, &e) < 0) {
				printf("# %s\n", e.text);
				fflush(stdout);
				_exit(1);
			}
		}
		_exit(0);
	}
	for (int k = 0; k < 3; k++)
		expect_child(pids[k]);
	/* A parent may stay behind when two containers met in it, but nothing of the containers. */
	CHECK(!exists("/r/0") && !exists("/r/1") && !exists("/r/2"));
	rmdir(full("/r"));
	rmdir(full(""));
	arena_done(&arena);
}

static const struct tap_test tests[] = {
	{ "weights", test_weights },
	{ "memory", test_memory },
	{ "check before update", test_check_before_update },
	{ "cpu", test_cpu },
	{ "block io", test_io },
	{ "hugetlb, rdma, pids, network", test_rest },
	{ "unified", test_unified },
	{ "/proc/self/cgroup", test_parse_self },
	{ "paths", test_paths },
	{ "plans", test_plan_limits },
	{ "delegation conditions", test_delegates },
	{ "systemd units", test_units },
	{ "systemd properties", test_properties },
	{ "apply", test_apply },
	{ "usage", test_usage_check },
	{ "driver: life of a cgroup", test_driver_life },
	{ "driver: remove a tree", test_driver_remove_tree },
	{ "driver: unfit targets", test_driver_refuse },
	{ "driver: limits", test_driver_limits },
	{ "driver: delegation", test_driver_delegate },
	{ "driver: unprivileged in a delegated subtree", test_driver_unprivileged },
	{ "driver: private mount", test_driver_private },
	{ "driver: concurrent containers", test_driver_race },
};

TAP_MAIN("cgroup", tests)

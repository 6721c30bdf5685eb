/* SPDX-License-Identifier: Apache-2.0 */
/* Device programs: against a plain reading of the rules, in size, and in the kernel. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "../../runtime/base/sys.h"
#include "../fuzz/devices.c"

static struct arena arena;

static void start(void)
{
	struct err e;

	CHECK_INT(arena_init(&arena, 64 << 20, &e), 0);
}

static struct opt_i64 num(int64_t v)
{
	return (struct opt_i64){ v >= 0, v };
}

#define RULE(yes, t, maj, min, acc) \
	{ .allow = (yes), .type = (t), .major = num(maj), .minor = num(min), .access = (acc) }

static struct cgroup_device_program compile(struct device_rule *v, size_t n)
{
	struct device_rule_list l = { v, n };
	struct cgroup_device_program p = { 0 };
	struct err e = { 0 };

	CHECK_INT(cgroup_device_compile(&arena, &l, &p, &e), 0);
	return p;
}

static bool asks(const struct cgroup_device_program *p, char type, uint32_t major, uint32_t minor,
		 uint32_t access)
{
	return interpret(p, &(struct request){ type == 'b' ? 1 : 2, access, major, minor }) != 0;
}

enum { M = 1, R = 2, W = 4 };

static void test_defaults(void)
{
	struct cgroup_device_program p;

	start();
	p = compile(NULL, 0);
	CHECK(asks(&p, 'c', 1, 3, R | W | M));
	CHECK(asks(&p, 'c', 136, 77, R | W));
	CHECK(asks(&p, 'c', 10, 200, R | W));
	CHECK(asks(&p, 'b', 8, 0, M));
	CHECK(!asks(&p, 'b', 8, 0, R));
	CHECK(!asks(&p, 'b', 8, 0, M | R));
	CHECK(!asks(&p, 'b', 1, 3, R));
	CHECK(!asks(&p, 'c', 5, 1, R));
	CHECK(!asks(&p, 'c', 1, 1, W));
	arena_done(&arena);
}

static void test_order(void)
{
	struct device_rule later[] = { RULE(false, 0, -1, -1, "rwm"), RULE(true, 'c', 1, 3, "rw"),
				       RULE(false, 'c', 1, 3, "w") };
	struct device_rule deny_last[] = { RULE(true, 'b', 8, -1, NULL), RULE(false, 'a', -1, -1, "rwm") };
	struct device_rule split[] = { RULE(true, 'b', 8, 0, "r"), RULE(true, 'b', 8, 0, "w") };
	struct cgroup_device_program p;

	start();
	p = compile(later, 3);
	CHECK(asks(&p, 'c', 1, 3, R));
	CHECK(!asks(&p, 'c', 1, 3, W));
	CHECK(!asks(&p, 'c', 1, 3, R | W));
	CHECK(asks(&p, 'c', 1, 5, R | W));
	p = compile(deny_last, 2); /* not leading: takes everything, the defaults too */
	CHECK(!asks(&p, 'b', 8, 1, R));
	CHECK(!asks(&p, 'c', 1, 3, R));
	CHECK_INT(p.n, 2);
	p = compile(split, 2); /* each access on its own */
	CHECK(asks(&p, 'b', 8, 0, R | W));
	CHECK(!asks(&p, 'b', 8, 1, R));
	arena_done(&arena);
}

/* Who sets a container up must not see whether the program is there yet. */
static void test_leave(void)
{
	const struct device_rule deny_all = RULE(false, 0, -1, -1, "rwm"), allow = RULE(true, 'b', 8, -1, "rw");
	const struct device_conf own[] = { { .type = 'c', .major = num(10), .minor = num(229) },
					   { .type = 'b', .major = num(7), .minor = num(0) } };
	const struct {
		struct device_rule rule;
		bool leaves;
	} t[] = {
		{ RULE(false, 'c', 10, 228, "rwm"), true },  { RULE(false, 'c', 10, 229, "m"), false },
		{ RULE(false, 'c', 7, 0, "rwm"), true },     { RULE(false, 'b', 7, 0, "r"), false },
		{ RULE(false, 'b', 7, 1, "r"), true },	     { RULE(false, 'c', 1, 3, "w"), false },
		{ RULE(false, 'b', 1, 3, "w"), true },	     { RULE(false, 'a', 136, 5, "r"), false },
		{ RULE(false, 'c', -1, 2, "m"), false },     { RULE(false, 'c', -1, 77, "r"), false }, /* of pts */
		{ RULE(false, 0, -1, -1, "r"), false },	     { RULE(true, 0, -1, -1, "rwm"), true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct device_rule v[] = { deny_all, allow, t[i].rule };
		CHECK_INT(cgroup_devices_leave(&(struct device_rule_list){ v, 3 }, own, 2), t[i].leaves);
	}
	CHECK(cgroup_devices_leave(NULL, NULL, 0));
}

static void test_size(void)
{
	struct device_rule all[] = { RULE(true, 0, -1, -1, "rwm") };
	struct device_rule engine[] = {
		RULE(false, 0, -1, -1, "rwm"), RULE(true, 'c', 1, 5, "rwm"),  RULE(true, 'c', 1, 3, "rwm"),
		RULE(true, 'c', 1, 9, "rwm"),  RULE(true, 'c', 1, 8, "rwm"),  RULE(true, 'c', 5, 0, "rwm"),
		RULE(true, 'c', 5, 1, "rwm"),  RULE(false, 'c', 10, 229, "rwm"),
	};
	struct cgroup_device_program p;

	start();
	p = compile(all, 1);
	CHECK_INT(p.n, 2);
	p = compile(engine, ARRAY_SIZE(engine));
	printf("# the rules of an engine: %zu instructions\n", p.n);
	CHECK(p.n <= 90); /* each is a fifth of a jump to the verifier: there is none */
	CHECK(asks(&p, 'c', 5, 1, R));
	CHECK(!asks(&p, 'c', 10, 229, M));
	arena_done(&arena);
}

static void test_bad(void)
{
	struct device_rule bad[] = { RULE(true, 'x', 1, 1, "r"), RULE(true, 'c', 1, 1, "rx"),
				     RULE(true, 'c', 1, 1, ""), RULE(true, 'c', 1LL << 32, 1, "r"),
				     RULE(true, 'c', 1, 1, "r") };
	struct device_rule_list l = { .n = 1 };
	struct cgroup_device_program p = { 0 };
	struct err e;

	bad[4].minor = (struct opt_i64){ true, -2 };
	start();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		l.v = &bad[i];
		CHECK_INT(cgroup_device_compile(&arena, &l, &p, &e), -EINVAL);
		CHECK(strstr(e.text, "linux.resources.devices[0]"));
	}
	CHECK_INT(p.n, 0);
	arena_done(&arena);
}

/* xorshift: the same inputs everywhere */
static uint64_t random_next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void test_random(void)
{
	uint64_t seed = 0x9e3779b97f4a7c15ULL;
	uint8_t bytes[256];

	for (int i = 0; i < 5000; i++) {
		struct input in = { bytes, sizeof(bytes) };
		struct request bad = { 0 };
		bool ok;

		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)random_next(&seed);
		start();
		ok = devices_agree(&in, &arena, &bad);
		arena_done(&arena);
		CHECK(ok);
		if (!ok) {
			printf("# list %d: type %u access %u device %u:%u\n", i, bad.type, bad.access, bad.major,
			       bad.minor);
			return;
		}
	}
}

/* ---- in the kernel ------------------------------------------------------------------------------------ */

static const char *skip_reason;

static int load_random(void)
{
	uint64_t seed = 42;
	union bpf_attr attr = { 0 };
	struct cgroup_device_program p;
	struct device_rule_list l;
	struct err e;
	int bad = 0;

	for (int i = 0; i < 300; i++) {
		size_t n = i == 299 ? 2900 : (size_t)i % 41; /* the last: nothing can be merged */
		struct device_rule *v;
		uint8_t bytes[8];

		start();
		v = arena_array(&arena, n + 1, sizeof(*v));
		for (size_t k = 0; v && k < n; k++) {
			struct device_rule some[INPUT_RULES_MAX] = { 0 };
			struct input in = { bytes, sizeof(bytes) };
			uint64_t r = random_next(&seed);

			memcpy(bytes, &r, sizeof(bytes));
			bytes[0] = 1;
			pick_rules(&in, some);
			v[k] = some[0];
			if (i == 299)
				v[k] = (struct device_rule)RULE(k % 2, 'b', (int)k, 1, k % 3 ? "r" : "w");
		}
		l = (struct device_rule_list){ v, n };
		if (cgroup_device_compile(&arena, &l, &p, &e) < 0)
			return -EINVAL;
		memset(&attr, 0, sizeof(attr));
		attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
		attr.insns = (uintptr_t)p.v;
		attr.insn_cnt = (uint32_t)p.n;
		attr.license = (uintptr_t) "x";
		int fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
		if (fd < 0)
			bad = -errno;
		else
			close(fd);
		arena_done(&arena);
		if (bad)
			return bad;
	}
	return 0;
}

/* ---- a cgroup of a private cgroup2 mount --------------------------------------------------------------- */

struct place {
	char dir[64], name[128];
	int fd;
};

/* 0, or -errno with the reason in skip_reason. */
static int place_make(struct place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/ctr-devices.%d", (int)getpid());
	snprintf(p->name, sizeof(p->name), "%s/ctr-test-%d", p->dir, (int)getpid());
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		skip_reason = "no private mount namespace";
		return -errno;
	}
	if (mkdir(p->dir, 0700) < 0 || mount("none", p->dir, "cgroup2", 0, NULL) < 0) {
		skip_reason = "cgroup2 cannot be mounted";
		rmdir(p->dir);
		return -errno;
	}
	if (mkdir(p->name, 0755) < 0 || (p->fd = open(p->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		skip_reason = "no cgroup can be made";
		return -errno;
	}
	return 0;
}

static void place_done(struct place *p)
{
	close(p->fd);
	CHECK_INT(rmdir(p->name), 0);
	CHECK_INT(umount2(p->dir, MNT_DETACH), 0);
	CHECK_INT(rmdir(p->dir), 0);
}

/* Inside the cgroup: bit 0 null opens, 1 a block device is refused with EPERM, 2 kmsg (1:11) opens. */
static int look(const struct place *p)
{
	char node[160];
	int status, fd;
	pid_t pid = fork();

	if (pid == 0) {
		int r = 0, c = openat(p->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

		if (c < 0 || write(c, "0", 1) != 1)
			_exit(64);
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		r |= fd >= 0 ? 1 : 0;
		snprintf(node, sizeof(node), "/tmp/ctr-devices-node.%d", (int)getpid());
		if (mknod(node, S_IFBLK | 0600, makedev(240, 250)) < 0)
			_exit(65);
		fd = open(node, O_RDONLY | O_CLOEXEC);
		r |= fd < 0 && errno == EPERM ? 2 : 0;
		unlink(node);
		if (mknod(node, S_IFCHR | 0600, makedev(1, 11)) < 0)
			_exit(66);
		fd = open(node, O_RDONLY | O_CLOEXEC);
		r |= fd >= 0 ? 4 : 0;
		unlink(node);
		_exit(r);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static uint32_t attached(int fd)
{
	union bpf_attr attr = { 0 };
	uint32_t ids[8] = { 0 };

	attr.query.target_fd = (uint32_t)fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = 8;
	return sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)) < 0 ? 99 : attr.query.prog_cnt;
}

static void test_kernel(void)
{
	struct device_rule deny[] = { RULE(false, 0, -1, -1, "rwm") };
	struct device_rule more[] = { RULE(true, 'c', 1, 11, "rwm") };
	struct device_rule none[] = { RULE(true, 'c', 1, 11, "rwm"), RULE(false, 0, -1, -1, "rw") };
	struct cgroup_device_program p;
	struct place place;
	struct err e = { 0 };
	int r = load_random();

	if (r == -EPERM) {
		printf("# skipped: no permission to load programs\n");
		return;
	}
	CHECK_INT(r, 0);
	if (place_make(&place) < 0) {
		printf("# skipped: %s\n", skip_reason);
		return;
	}
	start();
	CHECK_INT(look(&place), 1 | 4); /* no program: the block device fails with ENXIO */
	p = compile(deny, 1);
	CHECK_INT(cgroup_attach_devices(place.fd, &p, false, &e), 0);
	CHECK_INT(look(&place), 1 | 2);
	p = compile(more, 1);
	CHECK_INT(cgroup_attach_devices(place.fd, &p, false, &e), 0);
	CHECK_INT(attached(place.fd), 1); /* replaced, not added */
	CHECK_INT(look(&place), 1 | 2 | 4);
	p = compile(none, 2);
	CHECK_INT(cgroup_attach_devices(place.fd, &p, false, &e), 0);
	CHECK_INT(attached(place.fd), 1);
	CHECK_INT(look(&place), 2);
	if (tap_bad)
		printf("# %s\n", e.text);
	arena_done(&arena);
	place_done(&place);
}

static const struct tap_test tests[] = {
	{ "defaults", test_defaults },
	{ "order and single accesses", test_order },
	{ "what those who set up need", test_leave },
	{ "size", test_size },
	{ "bad rules", test_bad },
	{ "random rules against the model", test_random },
	{ "in the kernel", test_kernel },
};

TAP_MAIN("devices", tests)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden tests: configuration + facts -> plan. Each row reads tests/golden/CONFIG.config.json, builds the
 * plan under one of the fact sets below, and compares its JSON with tests/golden/NAME.plan.json. Run with
 * GOLDEN_UPDATE=1 to write the expected files anew; then read the difference. A row with `error` expects
 * the plan to be refused with that text.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../runtime/base/fd.h"
#include "../../runtime/base/util.h"
#include "../../runtime/plan_build.h"
#include "tap.h"

#define ALL_CAPS 0x1ffffffffffULL

static const struct facts root_facts = {
	.cap_effective = ALL_CAPS,
	.cap_bounding = ALL_CAPS,
	.last_cap = 40,
	.cgroup = { .mode = CGROUP_MODE_UNIFIED, .mount = "/sys/fs/cgroup", .own = "/",
		    .controllers = "cpuset cpu io memory hugetlb pids rdma misc", .root_writable = true,
		    .sibling_writable = true, .child_writable = true, .privileged = true },
};

/* Linux 7.0: a mount namespace is made of a tree. */
static const struct facts newer_facts = {
	.cap_effective = ALL_CAPS,
	.cap_bounding = ALL_CAPS,
	.last_cap = 40,
	.tree_namespaces = true,
	.cgroup = { .mode = CGROUP_MODE_UNIFIED, .mount = "/sys/fs/cgroup", .own = "/",
		    .controllers = "cpuset cpu io memory hugetlb pids rdma misc", .root_writable = true,
		    .sibling_writable = true, .child_writable = true, .privileged = true },
};

static const struct facts user_facts = {
	.uid = 1000,
	.gid = 1000,
	.last_cap = 40,
	.cap_bounding = ALL_CAPS,
	.subuid = { 100000, 65536 },
	.subgid = { 100000, 65536 },
	.newuidmap = true,
	.newgidmap = true,
	.cgroup = { .mode = CGROUP_MODE_UNIFIED, .mount = "/sys/fs/cgroup", .own = "/user.slice",
		    .controllers = "cpu memory pids" },
};

static const struct facts user_alone_facts = {
	.uid = 1000,
	.gid = 1000,
	.last_cap = 40,
	.cap_bounding = ALL_CAPS,
	.cgroup = { .mode = CGROUP_MODE_NONE },
};

static const struct golden {
	const char *name, *config;
	const struct facts *facts;
	struct create_options options;
	const char *error;
} rows[] = {
	{ "default-root", "default", &root_facts, { .cgroup_manager = CGROUP_FS }, NULL },
	{ "default-create", "default", &root_facts, { .cgroup_manager = CGROUP_FS, .listener = true }, NULL },
	{ "default-newer", "default", &newer_facts, { .cgroup_manager = CGROUP_FS }, NULL },
	{ "default-user", "default", &user_facts, { .cgroup_manager = CGROUP_FS },
	  "creating namespaces without privilege needs a user namespace in linux.namespaces" },
	{ "rootless-maps", "rootless", &user_facts, { .cgroup_manager = CGROUP_FS }, NULL },
	{ "rootless-alone", "rootless", &user_alone_facts, { .cgroup_manager = CGROUP_FS }, NULL },
	{ "engine-root", "engine", &root_facts, { .cgroup_manager = CGROUP_FS, .listener = true, .keep_fds = 2 }, NULL },
	{ "userns-root", "userns", &root_facts, { .cgroup_manager = CGROUP_FS, .init = true }, NULL },
	{ "joined", "joined", &root_facts, { .cgroup_manager = CGROUP_DISABLED }, NULL },
};

static char *slurp(struct arena *a, const char *path, size_t *n)
{
	char *text;

	return file_read_at(a, AT_FDCWD, path, (size_t)1 << 20, &text, n) < 0 ? NULL : text;
}

static void compare(struct arena *a, const char *name, const char *got)
{
	char *path = arena_printf(a, "tests/golden/%s.plan.json", name);
	size_t n;

	if (getenv("GOLDEN_UPDATE")) {
		CHECK(file_replace(AT_FDCWD, path, got, strlen(got), 0644) == 0);
		return;
	}
	const char *want = slurp(a, path, &n);
	CHECK(want != NULL);
	for (size_t line = 1; want && *want; line++) {
		size_t g = strcspn(got, "\n"), w = strcspn(want, "\n");
		if (g != w || memcmp(got, want, g) != 0) {
			printf("# %s:%zu\n#  is:       %.*s\n#  expected: %.*s\n", path, line, (int)g, got, (int)w, want);
			tap_bad++;
			return;
		}
		got += g + (got[g] == '\n');
		want += w + (want[w] == '\n');
	}
	CHECK(*got == '\0');
}

static void run_row(const struct golden *g)
{
	struct arena a;
	struct err e = { 0 };
	const struct config *c;
	const struct plan *p;
	size_t n;
	auto_strbuf struct strbuf out = { 0 };
	struct create_options o = g->options;

	o.id = "golden";
	o.bundle = "/bundle";
	if (arena_init(&a, 0, &e) < 0)
		abort();
	char *text = slurp(&a, arena_printf(&a, "tests/golden/%s.config.json", g->config), &n);
	CHECK(text != NULL);
	int r = text ? config_parse(&a, "config.json", text, n, &c, &e) : -1;
	if (r == 0)
		r = plan_build(&a, c, &o, g->facts, &p, &e);
	if (g->error) {
		CHECK(r < 0);
		CHECK_STR(e.text, g->error);
	} else if (r < 0) {
		printf("# %s\n", e.text);
		CHECK(r == 0);
	} else {
		plan_print(&out, p);
		compare(&a, g->name, out.p);
	}
	arena_done(&a);
}

#define ROW(i) static void row_##i(void) { run_row(&rows[i]); }
ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(6) ROW(7)

static void row_5(void)
{
#ifdef __x86_64__
	run_row(&rows[5]);
#else
	tap_skip("its plan names the length of the filter on x86-64");
#endif
}

static const struct tap_test tests[] = {
	{ "default bundle, root, run", row_0 },
	{ "default bundle, root, create", row_1 },
	{ "default bundle, ordinary user: refused", row_2 },
	{ "rootless bundle, subordinate ids", row_3 },
	{ "rootless bundle, own id alone", row_4 },
	{ "engine bundle: limits, hooks, devices, seccomp", row_5 },
	{ "user namespace as root, supervisor", row_6 },
	{ "namespaces joined by path", row_7 },
};
TAP_MAIN("golden", tests)

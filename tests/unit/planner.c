/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of the planner that depend on what the machine can do, each from a small configuration. */
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "../../runtime/base/util.h"
#include "../../runtime/plan_build.h"
#include "tap.h"

#define ALL_CAPS 0x1ffffffffffULL

static const struct facts root_facts = {
	.cap_effective = ALL_CAPS,
	.cap_bounding = ALL_CAPS,
	.last_cap = 40,
	.cgroup = { .mode = CGROUP_MODE_NONE, .privileged = true },
};

/* One planning: all of it lives in the arena. */
struct trial {
	struct arena a;
	struct err e;
	const struct plan *p; /* NULL: refused, e says why */
};

/* `linux_` and `rest` are members of JSON objects, each ending in a comma or empty. */
static void try_plan(struct trial *t, const struct facts *f, const char *linux_, const char *rest)
{
	const struct create_options o = { .id = "t", .bundle = "/b", .cgroup_manager = CGROUP_DISABLED };
	const struct config *c;

	*t = (struct trial){ 0 };
	if (arena_init(&t->a, 0, &t->e) < 0)
		abort();
	char *text = arena_printf(&t->a,
				  "{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, %s"
				  "\"process\": { \"cwd\": \"/\", \"args\": [ \"x\" ], \"noNewPrivileges\": true,"
				  " \"capabilities\": {} },"
				  "\"linux\": { %s \"namespaces\": [ { \"type\": \"mount\" } ] } }",
				  rest, linux_);
	if (config_parse(&t->a, "config.json", text, strlen(text), &c, &t->e) < 0 ||
	    plan_build(&t->a, c, &o, f, &t->p, &t->e) < 0)
		t->p = NULL;
}

static const void *step_of(const struct trial *t, enum step_op op)
{
	for (size_t i = 0; t->p && i < t->p->steps.n; i++)
		if (t->p->steps.v[i].op == op)
			return t->p->steps.v[i].arg;
	return NULL;
}

static bool has_warning(const struct trial *t, const char *text)
{
	for (size_t i = 0; t->p && i < t->p->warnings.n; i++)
		if (strstr(t->p->warnings.v[i], text))
			return true;
	return false;
}

/* ---- landlock -------------------------------------------------------------------------------------- */

#define RULES(best)                                                                                    \
	"\"landlock\": { \"handledAccessFS\": [ \"execute\", \"truncate\" ], \"scoped\": [ \"signal\" ]," \
	"\"rules\": { \"pathBeneath\": [ { \"paths\": [ \"/a\", \"/b\" ], \"allowedAccess\": [ \"execute\" ] },"  \
	"{ \"paths\": [ \"/c\" ], \"allowedAccess\": [ \"truncate\" ] } ] }, \"bestEffort\": " best " },"

static void test_landlock_known(void)
{
	struct facts f = root_facts;
	struct trial t;

	f.landlock_abi = 6;
	try_plan(&t, &f, RULES("false"), "");
	const struct step_landlock *s = step_of(&t, STEP_LANDLOCK);
	CHECK(s && s->fs == (1 | 1 << 14) && s->scoped == 2 && s->net == 0);
	arena_done(&t.a);
}

static void test_landlock_unknown(void)
{
	struct facts f = root_facts;
	struct trial t;

	f.landlock_abi = 2;
	try_plan(&t, &f, RULES("false"), "");
	CHECK_STR(t.e.text, "linux.landlock.handledAccessFS: truncate is not known to this kernel (Landlock ABI 2)");
	arena_done(&t.a);
	f.landlock_abi = 0;
	try_plan(&t, &f, RULES("false"), "");
	CHECK_STR(t.e.text, "linux.landlock: Landlock is not enabled in this kernel");
	arena_done(&t.a);
}

static void test_landlock_best_effort(void)
{
	struct facts f = root_facts;
	struct trial t;
	size_t paths = 0;

	f.landlock_abi = 2;
	try_plan(&t, &f, RULES("true"), "");
	const struct step_landlock *s = step_of(&t, STEP_LANDLOCK);
	CHECK(s && s->fs == 1 && s->scoped == 0);
	CHECK(has_warning(&t, "linux.landlock.handledAccessFS: truncate"));
	CHECK(has_warning(&t, "linux.landlock.scoped: signal"));
	/* A rule of which nothing is left is left out: the kernel refuses empty ones. */
	for (size_t i = 0; t.p && i < t.p->steps.n; i++)
		paths += t.p->steps.v[i].op == STEP_LANDLOCK_PATH;
	CHECK_INT(paths, 2);
	arena_done(&t.a);
	f.landlock_abi = 0;
	try_plan(&t, &f, RULES("true"), "");
	CHECK(t.p && !step_of(&t, STEP_LANDLOCK));
	arena_done(&t.a);
}

/* ---- a mount namespace of the root alone ------------------------------------------------------------ */

#define MOUNT(members) "\"mounts\": [ { \"destination\": \"/m\", " members " } ],"
#define HOOK(point) "\"hooks\": { \"" point "\": [ { \"path\": \"/h\" } ] },"

static bool is_alone(const struct facts *f, const char *linux_, const char *rest)
{
	struct trial t;

	try_plan(&t, f, linux_, rest);
	const struct step_root *root = step_of(&t, STEP_ROOT);
	const struct step_pivot *pivot = step_of(&t, STEP_PIVOT);
	bool alone = root && root->alone;
	/* All of it, or nothing. */
	CHECK(t.p && root && pivot);
	CHECK(alone == (pivot && pivot->mode == PIVOT_DONE));
	CHECK(alone == !step_of(&t, STEP_PROPAGATION));
	CHECK(alone == !(t.p && t.p->clone_flags & CLONE_NEWNS));
	CHECK(t.p && alone == t.p->root_alone);
	CHECK(t.p && t.p->fresh & CLONE_NEWNS);
	arena_done(&t.a);
	return alone;
}

static void test_alone(void)
{
	struct facts f = root_facts;

	CHECK(!is_alone(&f, "", ""));
	f.tree_namespaces = true;
	CHECK(is_alone(&f, "", ""));
	CHECK(is_alone(&f, "\"maskedPaths\": [ \"/a\" ], \"readonlyPaths\": [ \"/b\" ],", ""));
	CHECK(is_alone(&f, "", MOUNT("\"type\": \"tmpfs\", \"source\": \"t\"")));
	CHECK(is_alone(&f, "", MOUNT("\"source\": \"/s\", \"options\": [ \"rbind\" ]")));
	CHECK(is_alone(&f, "", HOOK("startContainer")));
}

static void test_not_alone(void)
{
	struct facts f = root_facts;

	f.tree_namespaces = true;
	CHECK(!is_alone(&f, "", MOUNT("\"type\": \"ext4\", \"source\": \"/dev/x\"")));
	CHECK(!is_alone(&f, "", MOUNT("\"type\": \"tmpfs\", \"options\": [ \"iversion\" ]")));
	CHECK(!is_alone(&f, "", MOUNT("\"source\": \"/s\", \"options\": [ \"bind\", \"copy-symlink\" ]")));
	CHECK(!is_alone(&f, "", HOOK("prestart")));
	CHECK(!is_alone(&f, "", HOOK("createRuntime")));
	CHECK(!is_alone(&f, "", HOOK("createContainer")));
	CHECK(!is_alone(&f, "", "\"annotations\": { \"ctr.overlay\": \"tmpfs\" },"));
	f.cap_effective &= ~(1ULL << 27); /* CAP_MKNOD: nodes are bound from the host when the root is there already */
	CHECK(!is_alone(&f, "", ""));
}

/* What all mounts of a copy are made is made of each clone. */
static void test_alone_propagation(void)
{
	static const struct { const char *linux_; uint64_t flags; } rows[] = {
		{ "", MS_SLAVE },
		{ "\"rootfsPropagation\": \"shared\",", MS_SLAVE },
		{ "\"rootfsPropagation\": \"private\",", MS_PRIVATE },
		{ "\"rootfsPropagation\": \"rprivate\",", MS_PRIVATE },
	};
	struct facts f = root_facts;
	struct trial t;

	f.tree_namespaces = true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		try_plan(&t, &f, rows[i].linux_, MOUNT("\"source\": \"/s\", \"options\": [ \"rbind\" ]"));
		const struct step_root *root = step_of(&t, STEP_ROOT);
		const struct step_source *source = step_of(&t, STEP_SOURCE);
		CHECK(root && root->alone == rows[i].flags);
		CHECK(source && source->propagation == rows[i].flags);
		arena_done(&t.a);
	}
}

static const struct tap_test tests[] = {
	{ "Landlock: every word known", test_landlock_known },
	{ "Landlock: a word that the kernel does not know", test_landlock_unknown },
	{ "a mount namespace of the root alone, where nothing needs the host's mounts", test_alone },
	{ "a copy of the host's mounts, where something needs them", test_not_alone },
	{ "the propagation of what is cloned for a root alone", test_alone_propagation },
	{ "Landlock: best effort leaves out with a warning", test_landlock_best_effort },
};
TAP_MAIN("planner", tests)

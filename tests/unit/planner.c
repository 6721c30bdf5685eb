/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of the planner that depend on what the machine can do, each from a small configuration. */
#include <stdlib.h>

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

static const struct tap_test tests[] = {
	{ "Landlock: every word known", test_landlock_known },
	{ "Landlock: a word that the kernel does not know", test_landlock_unknown },
	{ "Landlock: best effort leaves out with a warning", test_landlock_best_effort },
};
TAP_MAIN("planner", tests)

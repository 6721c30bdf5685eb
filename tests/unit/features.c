/* SPDX-License-Identifier: Apache-2.0 */
/* The features document: its members, and that every word in it is one that the parser takes. */
#include "../../oci/features.h"

#include <stdlib.h>

#include "../../oci/config.h"
#include "../../oci/json.h"
#include "../../oci/mount_options.h"
#include "../../oci/names.h"
#include "../../runtime/base/util.h"
#include "tap.h"

/* The document read back by rows of the test's own. */
struct rdt { struct opt_bool enabled, schemata, monitoring; };
struct toggle { struct opt_bool enabled; };
struct mpol { struct strv modes, flags; };
struct ext { struct toggle *idmap; };
struct cgroup { struct opt_bool v1, v2, systemd, systemd_user, rdma; };
struct filter { struct opt_bool enabled; struct strv actions, operators, archs, known, supported; };
struct platform {
	struct strv namespaces, capabilities;
	struct cgroup *cgroup;
	struct filter *seccomp;
	struct toggle *apparmor, *selinux, *net_devices;
	struct rdt *rdt;
	struct mpol *mpol;
	struct ext *ext;
};
struct document {
	const char *min, *max;
	struct strv hooks, mount_options, unsafe;
	struct platform *platform;
	struct string_map annotations;
};

#define MUST JSON_REQUIRED
static JSON_OBJ(toggle,
	J(toggle, "enabled", OPT_BOOL, enabled, MUST));
static JSON_OBJ(rdt,
	J(rdt, "enabled", OPT_BOOL, enabled, MUST),
	J(rdt, "schemata", OPT_BOOL, schemata, MUST),
	J(rdt, "monitoring", OPT_BOOL, monitoring, MUST));
static JSON_OBJ(mpol,
	J_LIST(mpol, "modes", STR, modes, MUST),
	J_LIST(mpol, "flags", STR, flags, MUST));
static JSON_OBJ(ext,
	J_PTR(ext, "idmap", idmap, toggle, MUST));
static JSON_OBJ(cgroup,
	J(cgroup, "v1", OPT_BOOL, v1, MUST),
	J(cgroup, "v2", OPT_BOOL, v2, MUST),
	J(cgroup, "systemd", OPT_BOOL, systemd, MUST),
	J(cgroup, "systemdUser", OPT_BOOL, systemd_user, MUST),
	J(cgroup, "rdma", OPT_BOOL, rdma, MUST));
static JSON_OBJ(filter,
	J(filter, "enabled", OPT_BOOL, enabled, MUST),
	J_LIST(filter, "actions", STR, actions, MUST),
	J_LIST(filter, "operators", STR, operators, MUST),
	J_LIST(filter, "archs", STR, archs, MUST),
	J_LIST(filter, "knownFlags", STR, known, MUST),
	J_LIST(filter, "supportedFlags", STR, supported, MUST));
static JSON_OBJ(platform,
	J_LIST(platform, "namespaces", STR, namespaces, MUST),
	J_LIST(platform, "capabilities", STR, capabilities, MUST),
	J_PTR(platform, "cgroup", cgroup, cgroup, MUST),
	J_PTR(platform, "seccomp", seccomp, filter, MUST),
	J_PTR(platform, "apparmor", apparmor, toggle, MUST),
	J_PTR(platform, "selinux", selinux, toggle, MUST),
	J_PTR(platform, "intelRdt", rdt, rdt, MUST),
	J_PTR(platform, "memoryPolicy", mpol, mpol, MUST),
	J_PTR(platform, "mountExtensions", ext, ext, MUST),
	J_PTR(platform, "netDevices", net_devices, toggle, MUST));
static JSON_OBJ(document,
	J(document, "ociVersionMin", STR, min, MUST),
	J(document, "ociVersionMax", STR, max, MUST),
	J_LIST(document, "hooks", STR, hooks, MUST),
	J_LIST(document, "mountOptions", STR, mount_options, MUST),
	J_PTR(document, "linux", platform, platform, MUST),
	J_MAP(document, "annotations", STR, annotations, MUST),
	J_LIST(document, "potentiallyUnsafeConfigAnnotations", STR, unsafe, MUST));

static struct arena arena;
static struct err err;

static const struct document *document(uint32_t flags)
{
	struct strbuf b = { 0 };
	void *p = NULL;

	if (!arena.base && arena_init(&arena, 0, &err) < 0)
		return NULL;
	if (features_print(&b, &arena, flags, &err) < 0 ||
	    json_parse(NULL, &arena, &document_json, "features", b.p, b.n, &p, &err) < 0) {
		tap_bad++;
		printf("# %s\n", err.text);
	}
	strbuf_done(&b);
	return p;
}

static bool has(const struct strv *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], word))
			return true;
	return false;
}

static const char *note(const struct document *d, const char *key)
{
	for (size_t i = 0; i < d->annotations.n; i++)
		if (str_eq(d->annotations.v[i].key, key))
			return d->annotations.v[i].value;
	return NULL;
}

static void test_top(void)
{
	static const char *const hooks[] = { "prestart",       "createRuntime", "createContainer",
					     "startContainer", "poststart",	"poststop" };
	const struct document *d = document(0);

	if (!d)
		return;
	CHECK_STR(d->min, "1.0.0");
	CHECK_STR(d->max, "1.3.0");
	CHECK_INT(d->hooks.n, 6);
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		CHECK(has(&d->hooks, hooks[i]));
	/* containerd looks for rro, and for id maps. */
	CHECK(has(&d->mount_options, "rro"));
	CHECK(has(&d->mount_options, "idmap") && has(&d->mount_options, "ridmap"));
	CHECK_INT(d->mount_options.n, mount_option_count());
	CHECK(has(&d->unsafe, "ctr.") && has(&d->unsafe, "run.oci."));
	CHECK(has(&d->unsafe, "org.systemd.property."));
	CHECK_STR(note(d, "org.opencontainers.runc.checkpoint.enabled"), "true");
	CHECK_STR(note(d, "ctr.isolation"), "namespaces");
	CHECK_STR(note(d, "ctr.version"), CTR_VERSION);
	CHECK(note(d, "io.github.seccomp.libseccomp.version") &&
	      strchr(note(d, "io.github.seccomp.libseccomp.version"), '.'));
}

static void check_words(const struct strv *l, const struct name_table *t)
{
	CHECK_INT(l->n, t->n);
	for (size_t i = 0; i < l->n; i++)
		CHECK(name_find(t, l->v[i]) != NULL);
}

static void test_linux(void)
{
	const struct document *d = document(UINT32_MAX);

	if (!d)
		return;
	const struct platform *l = d->platform;
	check_words(&l->namespaces, &ns_names);
	CHECK(has(&l->namespaces, "user") && has(&l->namespaces, "time"));
	CHECK_INT(l->capabilities.n, cap_count());
	for (size_t i = 0; i < l->capabilities.n; i++)
		CHECK_INT(cap_by_name(l->capabilities.v[i]), i);
	CHECK(!l->cgroup->v1.v && l->cgroup->v2.v && l->cgroup->rdma.v);
	CHECK(l->cgroup->systemd.v && l->cgroup->systemd_user.v);
	CHECK(l->apparmor->enabled.v && l->selinux->enabled.v && l->ext->idmap->enabled.v);
	CHECK_INT(l->net_devices->enabled.v, FEATURE_NET_DEVICES);
	CHECK_INT(l->rdt->enabled.v, FEATURE_INTEL_RDT);
	check_words(&l->mpol->modes, &mpol_names);
	check_words(&l->mpol->flags, &mpol_flag_names);
}

static void test_seccomp(void)
{
	const struct document *d = document(UINT32_MAX);

	if (!d)
		return;
	const struct filter *s = d->platform->seccomp;
	CHECK(s->enabled.v);
	check_words(&s->actions, &seccomp_action_names);
	check_words(&s->operators, &seccomp_op_names);
	check_words(&s->archs, &seccomp_arch_names);
	check_words(&s->known, &seccomp_flag_names);
	check_words(&s->supported, &seccomp_flag_names);

	d = document(0);
	if (d) {
		check_words(&d->platform->seccomp->known, &seccomp_flag_names);
		CHECK_INT(d->platform->seccomp->supported.n, 0);
		CHECK(d->platform->seccomp->supported.v != NULL); /* [] and not absent */
	}
	d = document(1u << 1 | 1u << 2);
	if (d) {
		CHECK_INT(d->platform->seccomp->supported.n, 2);
		CHECK(has(&d->platform->seccomp->supported, "SECCOMP_FILTER_FLAG_LOG"));
		CHECK(has(&d->platform->seccomp->supported, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"));
	}
}

static const struct tap_test tests[] = {
	{ "versions, hooks, mount options, annotations", test_top },
	{ "linux", test_linux },
	{ "seccomp", test_seccomp },
};

TAP_MAIN("features", tests)

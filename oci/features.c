/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program recognises, as the document of features.md: the words come from the tables that the
 * parser reads with, so a word added there is announced here. The document is about the program, not about
 * the machine it runs on; nothing is probed. Only members that OCI_VERSION_MAX defines may be written, and
 * "false" is written where something is known and not done: an absent member means "not reported".
 */
#include "features.h"

#include <seccomp.h>

#include "../runtime/base/util.h"
#include "annotations.h"
#include "config.h"
#include "json.h"
#include "mount_options.h"
#include "names.h"

#define ALWAYS JSON_ALWAYS

struct words { const char **v; size_t n; };
struct switched { bool enabled; };

struct features_cgroup { bool v1, v2, systemd, systemd_user, rdma; };
static JSON_OBJ(features_cgroup,
	J(features_cgroup, "v1", BOOL, v1, ALWAYS),
	J(features_cgroup, "v2", BOOL, v2, ALWAYS),
	J(features_cgroup, "systemd", BOOL, systemd, ALWAYS),
	J(features_cgroup, "systemdUser", BOOL, systemd_user, ALWAYS),
	J(features_cgroup, "rdma", BOOL, rdma, ALWAYS));

struct features_seccomp {
	bool enabled;
	struct words actions, operators, archs, known_flags, supported_flags;
};
static JSON_OBJ(features_seccomp,
	J(features_seccomp, "enabled", BOOL, enabled, ALWAYS),
	J_LIST(features_seccomp, "actions", STR, actions, ALWAYS),
	J_LIST(features_seccomp, "operators", STR, operators, ALWAYS),
	J_LIST(features_seccomp, "archs", STR, archs, ALWAYS),
	J_LIST(features_seccomp, "knownFlags", STR, known_flags, ALWAYS),
	J_LIST(features_seccomp, "supportedFlags", STR, supported_flags, ALWAYS));

static JSON_OBJ(switched, J(switched, "enabled", BOOL, enabled, ALWAYS));

struct features_rdt { bool enabled, schemata, monitoring; };
static JSON_OBJ(features_rdt,
	J(features_rdt, "enabled", BOOL, enabled, ALWAYS),
	J(features_rdt, "schemata", BOOL, schemata, ALWAYS),
	J(features_rdt, "monitoring", BOOL, monitoring, ALWAYS));

struct features_mpol { struct words modes, flags; };
static JSON_OBJ(features_mpol,
	J_LIST(features_mpol, "modes", STR, modes, ALWAYS),
	J_LIST(features_mpol, "flags", STR, flags, ALWAYS));

struct features_mount { struct switched idmap; };
static JSON_OBJ(features_mount, J_OBJ(features_mount, "idmap", idmap, switched, ALWAYS));

struct features_linux {
	struct words namespaces, capabilities;
	struct features_cgroup cgroup;
	struct features_seccomp seccomp;
	struct switched apparmor, selinux;
	struct features_rdt intel_rdt;
	struct features_mpol memory_policy;
	struct features_mount mount_extensions;
	struct switched net_devices;
};
static JSON_OBJ(features_linux,
	J_LIST(features_linux, "namespaces", STR, namespaces, ALWAYS),
	J_LIST(features_linux, "capabilities", STR, capabilities, ALWAYS),
	J_OBJ(features_linux, "cgroup", cgroup, features_cgroup, ALWAYS),
	J_OBJ(features_linux, "seccomp", seccomp, features_seccomp, ALWAYS),
	J_OBJ(features_linux, "apparmor", apparmor, switched, ALWAYS),
	J_OBJ(features_linux, "selinux", selinux, switched, ALWAYS),
	J_OBJ(features_linux, "intelRdt", intel_rdt, features_rdt, ALWAYS),
	J_OBJ(features_linux, "memoryPolicy", memory_policy, features_mpol, ALWAYS),
	J_OBJ(features_linux, "mountExtensions", mount_extensions, features_mount, ALWAYS),
	J_OBJ(features_linux, "netDevices", net_devices, switched, ALWAYS));

struct features {
	const char *min, *max;
	struct words hooks, mount_options;
	struct features_linux linux_;
	struct string_map annotations;
	struct words unsafe_annotations;
};
static JSON_OBJ(features,
	J(features, "ociVersionMin", STR, min, JSON_REQUIRED),
	J(features, "ociVersionMax", STR, max, JSON_REQUIRED),
	J_LIST(features, "hooks", STR, hooks, ALWAYS),
	J_LIST(features, "mountOptions", STR, mount_options, ALWAYS),
	J_OBJ(features, "linux", linux_, features_linux, ALWAYS),
	J_MAP(features, "annotations", STR, annotations, ALWAYS),
	J_LIST(features, "potentiallyUnsafeConfigAnnotations", STR, unsafe_annotations, ALWAYS));

/* ---- lists from the parser's tables ------------------------------------------------------------ */

static bool words_new(struct arena *a, size_t n, struct words *ret)
{
	*ret = (struct words){ arena_array(a, n, sizeof(*ret->v)), 0 };
	return ret->v != NULL;
}

/* The words of a table; of a table of flags only those in `mask`. */
static bool words_named(struct arena *a, const struct name_table *t, uint32_t mask, struct words *ret)
{
	if (!words_new(a, t->n, ret))
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (mask == UINT32_MAX || (t->v[i].value & ~mask) == 0)
			ret->v[ret->n++] = t->v[i].name;
	return true;
}

static bool words_hooks(struct arena *a, struct words *ret)
{
	if (!words_new(a, hooks_json.n, ret))
		return false;
	for (size_t i = 0; i < hooks_json.n; i++)
		ret->v[ret->n++] = hooks_json.fields[i].name;
	return true;
}

static bool words_mount_options(struct arena *a, struct words *ret)
{
	if (!words_new(a, mount_option_count(), ret))
		return false;
	for (size_t i = 0; i < mount_option_count(); i++)
		ret->v[ret->n++] = mount_option_name(i);
	return true;
}

static bool words_capabilities(struct arena *a, struct words *ret)
{
	if (!words_new(a, (size_t)cap_count(), ret))
		return false;
	for (int i = 0; i < cap_count(); i++)
		ret->v[ret->n++] = cap_name(i);
	return true;
}

/* The names of our own annotations, separated by blanks. */
static const char *words_annotations(struct arena *a)
{
	auto_strbuf struct strbuf b = { 0 };

	for (size_t i = 0; i < annotations_n; i++)
		strbuf_printf(&b, "%s%s", i ? " " : "", annotations[i].name);
	return b.failed ? NULL : arena_strdup(a, b.p);
}

/* ---- the document ------------------------------------------------------------------------------ */

static bool fill_linux(struct arena *a, uint32_t seccomp_flags, struct features_linux *l)
{
	struct features_seccomp *s = &l->seccomp;

	/* Limits are cgroup v2's only; what rdma has there is rdma.max. */
	l->cgroup.v2 = true;
	l->cgroup.systemd = true;
	l->cgroup.systemd_user = true;
	l->cgroup.rdma = true;
	l->apparmor.enabled = true;
	l->selinux.enabled = true;
	l->mount_extensions.idmap.enabled = true;
	s->enabled = true;
	l->intel_rdt = (struct features_rdt){ .enabled = FEATURE_INTEL_RDT,
					      .schemata = FEATURE_INTEL_RDT,
					      .monitoring = FEATURE_INTEL_RDT };
	l->net_devices.enabled = FEATURE_NET_DEVICES;

	return words_named(a, &ns_names, UINT32_MAX, &l->namespaces) &&
	       words_capabilities(a, &l->capabilities) &&
	       words_named(a, &seccomp_action_names, UINT32_MAX, &s->actions) &&
	       words_named(a, &seccomp_op_names, UINT32_MAX, &s->operators) &&
	       words_named(a, &seccomp_arch_names, UINT32_MAX, &s->archs) &&
	       words_named(a, &seccomp_flag_names, UINT32_MAX, &s->known_flags) &&
	       words_named(a, &seccomp_flag_names, seccomp_flags, &s->supported_flags) &&
	       words_named(a, &mpol_names, UINT32_MAX, &l->memory_policy.modes) &&
	       words_named(a, &mpol_flag_names, UINT32_MAX, &l->memory_policy.flags);
}

static const char *libseccomp_version(struct arena *a)
{
	const struct scmp_version *v = seccomp_version();

	return v ? arena_printf(a, "%u.%u.%u", v->major, v->minor, v->micro) : "unknown";
}

int features_print(struct strbuf *b, struct arena *a, uint32_t seccomp_flags, struct err *e)
{
	/* Configuration annotations that change what is done; a dot at the end: all that begin so. */
	static const char *unsafe[] = { "ctr.", "org.systemd.property.", "run.oci." };
	struct map_entry notes[] = {
		{ "ctr.annotations", words_annotations(a) },
		{ "ctr.version", CTR_VERSION },
		{ "ctr.isolation", FEATURE_ISOLATION },
		{ "io.github.seccomp.libseccomp.version", libseccomp_version(a) },
		/* The key that engines ask, whoever the runtime is. */
		{ "org.opencontainers.runc.checkpoint.enabled", FEATURE_CHECKPOINT ? "true" : "false" },
	};
	struct features f = {
		.min = OCI_VERSION_MIN,
		.max = OCI_VERSION_MAX,
		.annotations = { notes, ARRAY_SIZE(notes) },
		.unsafe_annotations = { unsafe, ARRAY_SIZE(unsafe) },
	};

	if (!notes[0].value || !notes[3].value || !words_hooks(a, &f.hooks) || !words_mount_options(a, &f.mount_options) ||
	    !fill_linux(a, seccomp_flags, &f.linux_))
		return err_nomem(e);
	json_print(b, &features_json, &f, 2);
	strbuf_puts(b, "\n");
	return b->failed ? err_nomem(e) : 0;
}

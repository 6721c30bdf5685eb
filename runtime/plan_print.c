/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan as JSON for people, golden tests and comparisons: the same tables that pack a step print it.
 * Prints decisions, not bytes: byte members show as their length, so the text does not depend on the
 * version of a library.
 */
#include "plan_build.h"

#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "../oci/names.h"
#include "base/sys.h"
#include "base/util.h"

static void print_list(struct strbuf *out, char *const *v, size_t n)
{
	strbuf_puts(out, "[");
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(out, i ? ", " : "");
		strbuf_json(out, v[i]);
	}
	strbuf_puts(out, "]");
}

static void print_u32s(struct strbuf *out, const struct plan_u32s *l)
{
	strbuf_puts(out, "[");
	for (size_t i = 0; i < l->n; i++)
		strbuf_printf(out, "%s%" PRIu32, i ? ", " : "", l->v[i]);
	strbuf_puts(out, "]");
}

/* True when the member holds what an unset one would: such members are left out. */
static bool is_unset(const struct plan_field *f, const void *m)
{
	switch (f->kind) {
	case PLAN_BOOL: return !*(const bool *)m;
	case PLAN_I32: return *(const int32_t *)m == 0;
	case PLAN_U64: return *(const uint64_t *)m == 0;
	case PLAN_HEX: return *(const uint64_t *)m == 0;
	case PLAN_I64: return *(const int64_t *)m == 0;
	case PLAN_SLOT: return *(const plan_slot *)m == PLAN_NO_SLOT;
	case PLAN_STR: return *(const char *const *)m == NULL;
	case PLAN_STRV: return ((const struct plan_strv *)m)->n == 0;
	case PLAN_U32S: return ((const struct plan_u32s *)m)->n == 0;
	case PLAN_BYTES: return ((const struct plan_bytes *)m)->n == 0;
	default: return false;
	}
}

static void print_value(struct strbuf *out, const struct plan_field *f, const void *m)
{
	switch (f->kind) {
	case PLAN_BOOL: strbuf_puts(out, *(const bool *)m ? "true" : "false"); break;
	case PLAN_U32: strbuf_printf(out, "%" PRIu32, *(const uint32_t *)m); break;
	case PLAN_I32: strbuf_printf(out, "%" PRId32, *(const int32_t *)m); break;
	case PLAN_SLOT: strbuf_printf(out, "%" PRId32, *(const plan_slot *)m); break;
	case PLAN_U64: strbuf_printf(out, "%" PRIu64, *(const uint64_t *)m); break;
	case PLAN_I64: strbuf_printf(out, "%" PRId64, *(const int64_t *)m); break;
	case PLAN_HEX: strbuf_printf(out, "\"0x%" PRIx64 "\"", *(const uint64_t *)m); break;
	case PLAN_STR: strbuf_json(out, *(const char *const *)m); break;
	case PLAN_STRV: {
		const struct plan_strv *l = m;
		print_list(out, l->v, l->n);
		break;
	}
	case PLAN_U32S: print_u32s(out, m); break;
	case PLAN_BYTES: strbuf_printf(out, "\"%" PRIu64 " bytes\"", ((const struct plan_bytes *)m)->n); break;
	default: break;
	}
}

static void print_step(struct strbuf *out, const struct step *s)
{
	const struct plan_step_type *t = &plan_step_types[s->op];

	strbuf_printf(out, "{ \"step\": \"%s\"", t->name);
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const void *m = (const char *)s->arg + t->fields[i].offset;
		if (is_unset(&t->fields[i], m) || str_eq(t->fields[i].name, "unused"))
			continue;
		strbuf_printf(out, ", \"%s\": ", t->fields[i].name);
		print_value(out, &t->fields[i], m);
	}
	strbuf_puts(out, " }");
}

static void print_namespaces(struct strbuf *out, uint64_t flags)
{
	bool first = true;

	strbuf_puts(out, "[");
	for (size_t i = 0; i < ns_names.n; i++)
		if (flags & ns_names.v[i].value) {
			strbuf_printf(out, "%s\"%s\"", first ? "" : ", ", ns_names.v[i].name);
			first = false;
		}
	strbuf_puts(out, "]");
}

static void print_maps(struct strbuf *out, const char *name, const struct id_map_list *l)
{
	strbuf_printf(out, ",\n    \"%s\": [", name);
	for (size_t i = 0; i < l->n; i++)
		strbuf_printf(out, "%s[%u, %u, %u]", i ? ", " : "", l->v[i].container_id, l->v[i].host_id,
			      l->v[i].size);
	strbuf_puts(out, "]");
}

static void print_cgroup(struct strbuf *out, const struct cgroup_plan *c, bool leaf)
{
	static const char *const managers[] = { [CGROUP_DISABLED] = "disabled",
						[CGROUP_FS] = "cgroupfs",
						[CGROUP_SYSTEMD] = "systemd" };

	strbuf_printf(out, ",\n    \"cgroup\": { \"manager\": \"%s\"", managers[c->manager]);
	if (c->path) {
		strbuf_puts(out, ", \"path\": ");
		strbuf_json(out, c->path);
	}
	if (c->unit) {
		strbuf_puts(out, ", \"unit\": ");
		strbuf_json(out, c->unit);
	}
	if (leaf)
		strbuf_puts(out, ", \"leaf\": \"" CGROUP_LEAF "\"");
	strbuf_puts(out, ", \"writes\": [");
	for (size_t i = 0; i < c->knobs.n; i++) {
		strbuf_printf(out, "%s[\"%s\", ", i ? ", " : "", c->knobs.v[i].file);
		strbuf_json(out, c->knobs.v[i].value);
		strbuf_puts(out, "]");
	}
	strbuf_printf(out, "], \"device_program\": %s }", c->devices.n ? "true" : "false");
}

static void print_opens(struct strbuf *out, const struct plan *p)
{
	static const char *const kinds[] = { [OPEN_NS] = "namespace",
					     [OPEN_IDMAP] = "id map",
					     [OPEN_LISTENER] = "start socket",
					     [OPEN_PIDFD] = "pidfd" };

	strbuf_puts(out, ",\n    \"descriptors\": [");
	for (size_t i = 0; i < p->opens.n; i++) {
		strbuf_printf(out, "%s{ \"slot\": %zu, \"kind\": \"%s\"", i ? ", " : "", i, kinds[p->opens.v[i].kind]);
		if (p->opens.v[i].path) {
			strbuf_puts(out, ", \"path\": ");
			strbuf_json(out, p->opens.v[i].path);
		}
		strbuf_puts(out, " }");
	}
	strbuf_puts(out, "]");
}

static void print_hooks(struct strbuf *out, const struct hooks *h)
{
	const struct {
		const char *name;
		const struct hook_list *l;
	} points[] = { { "prestart", &h->prestart },   { "createRuntime", &h->create_runtime },
		       { "poststart", &h->poststart }, { "poststop", &h->poststop } };

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		if (!points[i].l->n)
			continue;
		strbuf_printf(out, ",\n    \"%s\": [", points[i].name);
		for (size_t k = 0; k < points[i].l->n; k++) {
			strbuf_puts(out, k ? ", " : "");
			strbuf_json(out, points[i].l->v[k].path);
		}
		strbuf_puts(out, "]");
	}
}

void plan_print(struct strbuf *out, const struct plan *p)
{
	strbuf_puts(out, "{\n  \"id\": ");
	strbuf_json(out, p->id);
	strbuf_puts(out, ",\n  \"bundle\": ");
	strbuf_json(out, p->bundle);
	strbuf_puts(out, ",\n  \"host\": {\n    \"rootfs\": ");
	strbuf_json(out, p->rootfs);
	strbuf_puts(out, ",\n    \"clone\": ");
	print_namespaces(out, p->clone_flags);
	if (p->network_apart) {
		strbuf_puts(out, ",\n    \"meanwhile\": ");
		print_namespaces(out, CLONE_NEWNET);
	}
	if (p->maps.set) {
		print_maps(out, "uid_map", &p->maps.uid);
		print_maps(out, "gid_map", &p->maps.gid);
		strbuf_printf(out, ",\n    \"map_helpers\": %s", p->maps.helpers ? "true" : "false");
	}
	if (p->cgroup)
		print_cgroup(out, p->cgroup, p->cgroup_leaf);
	print_opens(out, p);
	if (p->core.set)
		strbuf_printf(out, ",\n    \"core_sched\": { \"share\": %d }", p->core.share);
	if (p->oom_score_adj.set)
		strbuf_printf(out, ",\n    \"oom_score_adj\": %" PRId64, p->oom_score_adj.v);
	for (size_t i = 0; i < p->rlimits.n; i++)
		strbuf_printf(out, "%s[\"%s\", %" PRIu64 ", %" PRIu64 "]%s", i ? ", " : ",\n    \"rlimits\": [",
			      name_of(&rlimit_names, p->rlimits.v[i].resource), p->rlimits.v[i].soft,
			      p->rlimits.v[i].hard, i + 1 == p->rlimits.n ? "]" : "");
	print_hooks(out, p->hooks);
	strbuf_printf(out, ",\n    \"terminal\": %s\n  },\n  \"container\": [\n", p->terminal ? "true" : "false");
	for (size_t i = 0; i < p->steps.n; i++) {
		strbuf_puts(out, "    ");
		print_step(out, &p->steps.v[i]);
		strbuf_puts(out, i + 1 < p->steps.n ? ",\n" : "\n");
	}
	strbuf_puts(out, "  ]");
	if (p->warnings.n) {
		strbuf_puts(out, ",\n  \"warnings\": ");
		print_list(out, p->warnings.v, p->warnings.n);
	}
	strbuf_puts(out, "\n}\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.landlock -> steps: which accesses the running kernel can handle, and the rules. Pure. What a kernel
 * cannot handle is an error unless the configuration calls for best effort.
 */
#include "../oci/names.h"
#include "base/util.h"
#include "plan_build.h"

/* The ABI since which the kernel knows the words, by the highest bit of each (landlock(7), Landlock ABI versions). */
static const struct {
	uint32_t abi;
	uint32_t fs, net, scoped;
} since[] = {
	{ 1, 0x1fff, 0, 0 }, { 2, 1U << 13, 0, 0 }, { 3, 1U << 14, 0, 0 },
	{ 4, 0, 3, 0 },	     { 5, 1U << 15, 0, 0 }, { 6, 0, 0, 3 },
};

struct accesses { uint32_t fs, net, scoped; };

static struct accesses known_to(uint32_t abi)
{
	struct accesses r = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(since); i++)
		if (since[i].abi <= abi) {
			r.fs |= since[i].fs;
			r.net |= since[i].net;
			r.scoped |= since[i].scoped;
		}
	return r;
}

/* The bits of a list of words that the kernel knows; the others are an error, or a warning each. */
static int keep_known(struct builder *b, const struct u32_list *words, uint32_t known, const struct name_table *names,
		      const char *what, uint32_t *ret, struct err *e)
{
	for (size_t i = 0; i < words->n; i++) {
		uint32_t bit = words->v[i];
		if (bit & known) {
			*ret |= bit;
			continue;
		}
		const char *name = name_of(names, bit);
		if (!b->landlock->best_effort)
			return err_bad(e, "linux.landlock.%s: %s is not known to this kernel (Landlock ABI %u)", what, name,
				       b->f->landlock_abi);
		int r = builder_warn(b, e, "linux.landlock.%s: %s is not known to this kernel and left out", what, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static uint32_t sum(const struct u32_list *words)
{
	uint32_t r = 0;

	for (size_t i = 0; i < words->n; i++)
		r |= words->v[i];
	return r;
}

static int add_paths(struct builder *b, const struct landlock_path *rule, uint32_t handled, struct err *e)
{
	uint32_t access = sum(&rule->allowed_access) & handled;

	for (size_t i = 0; access && i < rule->paths.n; i++) {
		struct step_landlock_path *s = STEP(b, LANDLOCK_PATH, landlock_path);
		if (!s)
			return err_nomem(e);
		s->path = rule->paths.v[i];
		s->access = access;
	}
	return 0;
}

static int add_ports(struct builder *b, const struct landlock_port *rule, uint32_t handled, struct err *e)
{
	uint32_t access = sum(&rule->allowed_access) & handled;

	for (size_t i = 0; access && i < rule->ports.n; i++) {
		struct step_landlock_port *s = STEP(b, LANDLOCK_PORT, landlock_port);
		if (!s)
			return err_nomem(e);
		s->port = rule->ports.v[i];
		s->access = access;
	}
	return 0;
}

static int add_rules(struct builder *b, const struct accesses *handled, struct err *e)
{
	const struct landlock_rules *rules = &b->landlock->rules;
	int r = 0;

	for (size_t i = 0; r == 0 && i < rules->path_beneath.n; i++)
		r = add_paths(b, &rules->path_beneath.v[i], handled->fs, e);
	for (size_t i = 0; r == 0 && i < rules->net_port.n; i++)
		r = add_ports(b, &rules->net_port.v[i], handled->net, e);
	return r;
}

int plan_landlock(struct builder *b, struct err *e)
{
	const struct landlock *l = b->landlock;
	struct accesses known = known_to(b->f->landlock_abi), handled = { 0 };

	if (!l)
		return 0;
	if (!b->process->no_new_privileges)
		return err_bad(e, "%s.noNewPrivileges: the container's Landlock rules need it", b->who);
	if (!b->f->landlock_abi && !l->best_effort)
		return err_bad(e, "linux.landlock: Landlock is not enabled in this kernel");
	int r = keep_known(b, &l->handled_access_fs, known.fs, &landlock_fs_names, "handledAccessFS", &handled.fs, e);
	if (r == 0)
		r = keep_known(b, &l->handled_access_net, known.net, &landlock_net_names, "handledAccessNet", &handled.net,
			       e);
	if (r == 0)
		r = keep_known(b, &l->scoped, known.scoped, &landlock_scope_names, "scoped", &handled.scoped, e);
	if (r < 0 || (!handled.fs && !handled.net && !handled.scoped))
		return r;
	struct step_landlock *s = STEP(b, LANDLOCK, landlock);
	if (!s)
		return err_nomem(e);
	*s = (struct step_landlock){ handled.fs, handled.net, handled.scoped };
	return add_rules(b, &handled, e);
}

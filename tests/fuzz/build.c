/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the whole way from a configuration to what the container side is sent: whatever is accepted gives a
 * plan whose message the container side's own reader takes, with every reference inside; id maps that were accepted
 * are ones that the kernel would take.
 */
#include "../../runtime/plan_build.h"
#include "../unit/plan_walk.h"
#include "fuzz.h"

#define ALL_CAPS 0x1ffffffffffULL
#define CONTROLLERS "cpuset cpu io memory hugetlb pids rdma misc"

/* root of the machine; an ordinary user with subordinate ids; one without, and without cgroups. */
static const struct facts callers[] = {
	{ .cap_effective = ALL_CAPS, .cap_bounding = ALL_CAPS, .last_cap = 40, .landlock_abi = 3,
	  .cgroup = { .mode = CGROUP_MODE_UNIFIED, .mount = "/sys/fs/cgroup", .own = "/", .controllers = CONTROLLERS,
		      .root_writable = true, .sibling_writable = true, .child_writable = true, .privileged = true } },
	{ .uid = 1000, .gid = 1000, .last_cap = 40, .cap_bounding = ALL_CAPS, .subuid = { 100000, 65536 },
	  .subgid = { 100000, 65536 }, .newuidmap = true, .newgidmap = true,
	  .cgroup = { .mode = CGROUP_MODE_UNIFIED, .mount = "/sys/fs/cgroup", .own = "/u", .controllers = "cpu memory pids" } },
	{ .uid = 1000, .gid = 1000, .last_cap = 40, .cap_bounding = ALL_CAPS, .in_userns = true, .setgroups_denied = true,
	  .cgroup = { .mode = CGROUP_MODE_NONE } },
};

static void check_maps(const struct id_map_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct id_map *m = &l->v[i];
		must(m->size > 0 && (uint64_t)m->container_id + m->size - 1 <= UINT32_MAX &&
		     (uint64_t)m->host_id + m->size - 1 <= UINT32_MAX, "id map", "out of range");
		for (size_t k = 0; k < i; k++)
			must((uint64_t)m->container_id + m->size <= l->v[k].container_id ||
			     (uint64_t)l->v[k].container_id + l->v[k].size <= m->container_id, "id map", "overlaps");
	}
}

static void check_message(const struct plan *p)
{
	struct err e = { 0 };
	size_t size = plan_packed_size(&p->steps), sum = 0;
	uint8_t *message = calloc(1, size);

	if (!message)
		abort();
	plan_pack(&p->steps, (uint32_t)p->opens.n, p->n_slots, message, size);
	must(plan_unpack(message, size, &e) == 0, "our own plan is refused", e.text);
	must(walk_plan(message, &sum) == p->steps.n, "steps", "some are lost");
	free(message);
}

static void try_as(struct arena *a, const struct config *c, const struct facts *f, uint8_t how)
{
	const struct create_options o = {
		.id = "fuzz", .bundle = "/bundle", .no_pivot = how & 1, .init = how & 2, .listener = how & 4,
		.keep_fds = how & 8 ? 2 : 0, .cgroup_manager = how & 16 ? CGROUP_SYSTEMD : how & 32 ? CGROUP_DISABLED : CGROUP_FS,
		.dry_run = how & 64,
	};
	const struct plan *p;
	struct err e = { 0 };
	struct strbuf shown = { 0 };

	if (plan_build(a, c, &o, f, &p, &e) < 0) {
		must_be_error(&e);
		return;
	}
	check_maps(&p->maps.uid);
	check_maps(&p->maps.gid);
	check_message(p);
	plan_print(&shown, p);
	must(!shown.failed, "the plan", "cannot be shown");
	strbuf_done(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = fuzz_arena();
	const struct config *c;
	struct err e = { 0 };

	if (size < 1)
		return 0;
	if (config_parse(a, "c", (const char *)data + 1, size - 1, &c, &e) < 0) {
		must_be_error(&e);
		return 0;
	}
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++)
		try_as(a, c, &callers[i], data[0]);
	return 0;
}

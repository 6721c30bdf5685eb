/* SPDX-License-Identifier: Apache-2.0 */
/* ctr update: new limits for a live container. Options are a short way to write a resources object. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../cgroup/cgroup.h"
#include "../oci/config.h"
#include "base/fd.h"
#include "base/util.h"
#include "host_cgroup.h"
#include "store.h"

#define RESOURCES_MAX ((size_t)16 << 20)

struct update_opts {
	const char *resources, *cpuset_cpus, *cpuset_mems;
	const char *memory, *memory_reservation, *memory_swap, *memory_high, *memory_min;
	struct opt_i64 blkio_weight, cpu_period, cpu_quota, cpu_burst, cpu_share, cpu_idle, cpu_rt_period, cpu_rt_runtime,
		pids_limit, oom_group;
};

#define O(kind, member) OPT_##kind, offsetof(struct update_opts, member)
static const struct opt update_options[] = {
	{ "resources", 'r', O(STRING, resources), "FILE", "a linux.resources object (JSON); - for standard input" },
	{ "blkio-weight", 0, O(I64, blkio_weight), "N", "block IO weight, 10 to 1000" },
	{ "cpu-period", 0, O(I64, cpu_period), "US", "CPU period in microseconds" },
	{ "cpu-quota", 0, O(I64, cpu_quota), "US", "CPU time per period; -1: no limit" },
	{ "cpu-burst", 0, O(I64, cpu_burst), "US", "CPU time that may be saved up" },
	{ "cpu-share", 0, O(I64, cpu_share), "N", "relative weight, 2 to 262144" },
	{ "cpu-idle", 0, O(I64, cpu_idle), "0|1", "run only when nothing else wants to" },
	{ "cpu-rt-period", 0, O(I64, cpu_rt_period), "US", NULL },
	{ "cpu-rt-runtime", 0, O(I64, cpu_rt_runtime), "US", NULL },
	{ "cpuset-cpus", 0, O(STRING, cpuset_cpus), "LIST", "CPUs it may use" },
	{ "cpuset-mems", 0, O(STRING, cpuset_mems), "LIST", "memory nodes it may use" },
	{ "memory", 0, O(STRING, memory), "BYTES", "memory limit; -1: none; K, M, G are understood" },
	{ "memory-reservation", 0, O(STRING, memory_reservation), "BYTES", "memory kept for it" },
	{ "memory-swap", 0, O(STRING, memory_swap), "BYTES", "memory plus swap; -1: no limit" },
	{ "memory-high", 0, O(STRING, memory_high), "BYTES", "above it the container is slowed down; -1: no limit" },
	{ "memory-min", 0, O(STRING, memory_min), "BYTES", "memory that is never taken from it" },
	{ "oom-group", 0, O(I64, oom_group), "0|1", "lack of memory ends all of it, not one process" },
	{ "pids-limit", 0, O(I64, pids_limit), "N", "number of processes; -1: no limit" },
	{ "kernel-memory", 0, OPT_IGNORE, 0, NULL, NULL },
	{ "kernel-memory-tcp", 0, OPT_IGNORE, 0, NULL, NULL },
	OPT_END,
};

/* A number of bytes with an optional unit of 1024: "64M", "1g", "-1". */
static int parse_bytes(const char *option, const char *text, struct opt_i64 *ret, struct err *e)
{
	int64_t v = -1;

	if (!str_eq(text, "-1") && str_size(text, &v) < 0)
		return err_bad(e, "invalid value \"%.64s\" for --%s: must be a number of bytes", text, option);
	*ret = (struct opt_i64){ true, v };
	return 0;
}

static int to_u64(const char *option, struct opt_i64 v, struct opt_u64 *ret, struct err *e)
{
	if (!v.set)
		return 0;
	if (v.v < 0)
		return err_bad(e, "invalid value %lld for --%s: must not be negative", (long long)v.v, option);
	*ret = (struct opt_u64){ true, (uint64_t)v.v };
	return 0;
}

static int fill_cpu(const struct update_opts *o, struct resources *r, struct cpu_conf *c, struct err *e)
{
	int ret = to_u64("cpu-share", o->cpu_share, &c->shares, e);

	if (ret == 0)
		ret = to_u64("cpu-period", o->cpu_period, &c->period, e);
	if (ret == 0)
		ret = to_u64("cpu-burst", o->cpu_burst, &c->burst, e);
	if (ret == 0)
		ret = to_u64("cpu-rt-period", o->cpu_rt_period, &c->realtime_period, e);
	c->quota = o->cpu_quota;
	c->idle = o->cpu_idle;
	c->realtime_runtime = o->cpu_rt_runtime;
	c->cpus = o->cpuset_cpus;
	c->mems = o->cpuset_mems;
	if (c->shares.set || c->period.set || c->burst.set || c->quota.set || c->idle.set || c->cpus || c->mems ||
	    c->realtime_period.set || c->realtime_runtime.set)
		r->cpu = c;
	return ret;
}

static int fill_memory(const struct update_opts *o, struct resources *r, struct memory_conf *m, struct err *e)
{
	const struct {
		const char *option, *text;
		struct opt_i64 *into;
	} rows[] = { { "memory", o->memory, &m->limit },
		     { "memory-reservation", o->memory_reservation, &m->reservation },
		     { "memory-swap", o->memory_swap, &m->swap } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].text)
			continue;
		int ret = parse_bytes(rows[i].option, rows[i].text, rows[i].into, e);
		if (ret < 0)
			return ret;
		r->memory = m;
	}
	return 0;
}

/* What the specification has no member for: files of cgroup v2 by their names. */
static int fill_unified(struct arena *a, const struct update_opts *o, struct resources *r, struct err *e)
{
	const struct {
		const char *option, *text, *file;
	} rows[] = { { "memory-high", o->memory_high, "memory.high" }, { "memory-min", o->memory_min, "memory.min" } };
	struct map_entry *m = arena_array(a, ARRAY_SIZE(rows) + 2, sizeof(*m));
	size_t n = 0;

	if (!m)
		return err_nomem(e);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct opt_i64 v = { 0 };
		int ret = rows[i].text ? parse_bytes(rows[i].option, rows[i].text, &v, e) : 0;
		if (ret < 0)
			return ret;
		if (v.set)
			m[n++] = (struct map_entry){ rows[i].file, v.v < 0 ? "max" : arena_printf(a, "%lld", (long long)v.v) };
	}
	if (o->oom_group.set && o->oom_group.v != 0 && o->oom_group.v != 1)
		return err_bad(e, "invalid value %lld for --oom-group: must be 0 or 1", (long long)o->oom_group.v);
	if (o->oom_group.set)
		m[n++] = (struct map_entry){ "memory.oom.group", o->oom_group.v ? "1" : "0" };
	for (size_t i = 0; i < n; i++)
		if (!m[i].value)
			return err_nomem(e);
	r->unified = (struct string_map){ m, n };
	return 0;
}

static int from_options(struct ctx *ctx, const struct update_opts *o, struct resources *r, struct err *e)
{
	struct cpu_conf *cpu = arena_new(&ctx->arena, struct cpu_conf);
	struct memory_conf *memory = arena_new(&ctx->arena, struct memory_conf);
	struct pids_conf *pids = arena_new(&ctx->arena, struct pids_conf);
	struct block_io_conf *io = arena_new(&ctx->arena, struct block_io_conf);

	if (!cpu || !memory || !pids || !io)
		return err_nomem(e);
	int ret = fill_cpu(o, r, cpu, e);
	if (ret == 0)
		ret = fill_memory(o, r, memory, e);
	if (ret == 0)
		ret = fill_unified(&ctx->arena, o, r, e);
	if (ret == 0 && o->pids_limit.set) {
		pids->limit = o->pids_limit;
		r->pids = pids;
	}
	if (ret == 0 && o->blkio_weight.set) {
		if (o->blkio_weight.v < 10 || o->blkio_weight.v > 1000)
			return err_bad(e, "invalid value %lld for --blkio-weight: must be 10 to 1000",
				       (long long)o->blkio_weight.v);
		io->weight = (struct opt_u16){ true, (uint16_t)o->blkio_weight.v };
		r->block_io = io;
	}
	return ret;
}

static int from_file(struct ctx *ctx, const char *file, struct resources *r, struct err *e)
{
	const struct resources *parsed;
	char *text = NULL;
	size_t n = 0;
	int ret = file_read_given(&ctx->arena, file, RESOURCES_MAX, &text, &n, e);

	if (ret == 0)
		ret = resources_parse(&ctx->arena, str_eq(file, "-") ? "standard input" : file, text, n, &parsed, e);
	if (ret == 0)
		*r = *parsed;
	return ret;
}

static int update_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct update_opts *o = opts;
	auto_container struct container c = CONTAINER_NONE;
	struct resources r = { 0 };
	enum status status;
	int ret = store_take(ctx, argv[0], &c, &status, e);

	(void)argc;
	if (ret == 0 && status == STATUS_STOPPED)
		ret = err_set(e, ESRCH, "cannot update container \"%s\": container not running: no such process", c.id);
	if (ret == 0)
		ret = o->resources ? from_file(ctx, o->resources, &r, e) : from_options(ctx, o, &r, e);
	const struct resources *limits = ret == 0 ? resources_of_version(&ctx->arena, &r, c.state->oci_version) : NULL;
	if (ret == 0 && !limits)
		ret = err_nomem(e);
	if (ret < 0)
		return ret;
	ret = host_cgroup_update(ctx, c.state, limits, e);
	return ret < 0 ? err_in(e, "update container \"%s\"", c.id) : 0;
}

const struct command command_update = {
	.name = "update",
	.operands = "ID",
	.help = "change the limits of a container",
	.run = update_run,
	.options = update_options,
	.opts_size = sizeof(struct update_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

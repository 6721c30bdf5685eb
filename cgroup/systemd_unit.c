/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is asked for, without asking it: unit and slice names out of cgroupsPath, and the limits as
 * unit properties. Pure. The bus is spoken by a helper program, not here.
 */
#include "internal.h"

#include <stdio.h>

#include "../runtime/base/util.h"

#define UNIT_NAME_MAX 255 /* systemd.unit(5) */

/* ---- names -------------------------------------------------------------------------------------------- */

static bool is_unit_name(const char *s, const char *suffix)
{
	size_t n = strlen(s), l = strlen(suffix);
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";

	/* systemd would give a name that begins with a dot another one in the cgroup tree. */
	return n > l && n <= UNIT_NAME_MAX && s[0] != '.' && strspn(s, chars) == n && str_eq(s + n - l, suffix);
}

const char *cgroup_unit_prefix(const char *name, size_t n)
{
	static const char *const files[] = { "cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids" };
	size_t first = MIN(strcspn(name, "."), n);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strlen(files[i]) == first && memcmp(name, files[i], first) == 0)
			return "_";
	return name[0] == '_' ? "_" : "";
}

/* "a-b.slice" lies in "/a.slice/a-b.slice" (systemd.slice(5)); "-.slice" is the root. */
static int slice_path(struct arena *a, const char *slice, const char **ret, struct err *e)
{
	static const char suffix[] = ".slice";
	size_t n = strlen(slice), end;
	char path[4 * CGROUP_PATH_MAX] = "";
	size_t used = 0;

	if (!is_unit_name(slice, suffix))
		return err_bad(e, "cgroupsPath: '%s' is no slice", slice);
	n -= sizeof(suffix) - 1;
	if (n > 1 || slice[0] != '-') {
		if (slice[0] == '-' || slice[n - 1] == '-' || strstr(slice, "--"))
			return err_bad(e, "cgroupsPath: '%s' is no slice: an empty part between dashes", slice);
		for (end = strcspn(slice, "-");; end += 1 + strcspn(slice + end + 1, "-")) {
			end = MIN(end, n); /* the last part ends before the suffix */
			if (used + end + sizeof(suffix) + 1 >= sizeof(path))
				return err_bad(e, "cgroupsPath: '%s' is nested too deep", slice);
			used += (size_t)snprintf(path + used, sizeof(path) - used, "/%s%.*s%s",
						 cgroup_unit_prefix(slice, end), (int)end, slice, suffix);
			if (end == n)
				break;
		}
	}
	*ret = arena_strdup(a, path);
	return *ret ? 0 : err_nomem(e);
}

/* An id may hold a plus sign, the name of a unit may not: it becomes what systemd-escape(1) makes of it. */
static const char *escape_id(struct arena *a, const char *id)
{
	static const char escaped[] = { '\\', 'x', '2', 'b' };
	size_t plus = 0, n = 0;

	for (const char *s = id; *s; s++)
		plus += *s == '+';
	if (!plus)
		return id;
	char *ret = arena_alloc(a, strlen(id) + (sizeof(escaped) - 1) * plus + 1);
	if (!ret)
		return NULL;
	for (const char *s = id; *s; s++)
		if (*s == '+') {
			memcpy(ret + n, escaped, sizeof(escaped));
			n += sizeof(escaped);
		} else {
			ret[n++] = *s;
		}
	return ret;
}

int cgroup_unit_parse(struct arena *a, const char *path, const char *id, bool user_manager,
		      struct cgroup_unit *ret, struct err *e)
{
	struct cgroup_unit u = { .slice = "" };
	const char *prefix = "ctr", *name = id, *c1, *c2, *end;
	int r;

	if (path && path[0]) {
		c1 = strchr(path, ':');
		c2 = c1 ? strchr(c1 + 1, ':') : NULL;
		if (!c2 || strchr(c2 + 1, ':'))
			return err_bad(e, "cgroupsPath '%s' is not of the form slice:prefix:name", path);
		u.slice = arena_strndup(a, path, (size_t)(c1 - path));
		prefix = arena_strndup(a, c1 + 1, (size_t)(c2 - c1 - 1));
		name = c2 + 1;
		if (!u.slice || !prefix)
			return err_nomem(e);
		if (!name[0])
			return err_bad(e, "cgroupsPath '%s' has no name after the second colon", path);
	}
	name = escape_id(a, name);
	if (!name)
		return err_nomem(e);
	if (!u.slice[0])
		u.slice = user_manager ? "user.slice" : "system.slice";
	r = slice_path(a, u.slice, &u.slice_path, e);
	if (r < 0)
		return r;
	end = strlen(name) > 6 ? name + strlen(name) - 6 : "";
	/* Only a configuration can ask for a slice: an id that looks like one is not to reach the machine's. */
	bool slice = path && path[0] && str_eq(end, ".slice");
	if (slice)
		u.unit = arena_strdup(a, name);
	else
		u.unit = arena_printf(a, "%s%s%s.scope", prefix, prefix[0] ? "-" : "", name);
	if (!u.unit)
		return err_nomem(e);
	if (!is_unit_name(u.unit, slice ? ".slice" : ".scope"))
		return err_bad(e, "'%s' is no valid name of a systemd unit", u.unit);
	*ret = u;
	return 0;
}

/* ---- properties --------------------------------------------------------------------------------------- */

#define PROPERTIES_MAX 32

struct properties {
	struct arena *a;
	struct cgroup_property *v;
	size_t n;
	struct err *e;
};

/* Sets a property; a later call for the same name wins. */
static int property(struct properties *p, const char *name, const char *signature, const char *value)
{
	size_t i = 0;

	if (!value)
		return err_nomem(p->e);
	while (i < p->n && !str_eq(p->v[i].name, name))
		i++;
	if (i == PROPERTIES_MAX)
		return err_nomem(p->e);
	p->v[i] = (struct cgroup_property){ name, signature, value };
	p->n = MAX(p->n, i + 1);
	return 0;
}

static int number(struct properties *p, const char *name, uint64_t v)
{
	return property(p, name, "t", arena_printf(p->a, "%llu", (unsigned long long)v));
}

/* -1 is infinity. */
static int limit(struct properties *p, const char *name, int64_t v)
{
	return number(p, name, v < 0 ? UINT64_MAX : (uint64_t)v);
}

static int list(struct properties *p, const char *name, const char *member, const char *text)
{
	unsigned long mask[STR_IDS_MAX / STR_IDS_WORD] = { 0 };
	int n = str_ids(text, mask);

	if (n < 0)
		return cg_bad_list(member, text, p->e);
	size_t bytes = ((size_t)n + 7) / 8;
	char *hex = arena_alloc(p->a, 2 * bytes + 1);
	for (size_t i = 0; hex && i < bytes; i++) /* bit 0 of byte 0 comes first, whatever the order in a word */
		snprintf(hex + 2 * i, 3, "%02x", (unsigned int)(mask[8 * i / STR_IDS_WORD] >> 8 * i % STR_IDS_WORD & 0xff));
	return property(p, name, "ay", hex);
}

/* CPU time per second, in steps of 10 ms because systemd keeps per cents: rounded up, never to nothing. */
static int quota(struct properties *p, int64_t us, uint64_t period)
{
	uint64_t v;

	if (us <= 0)
		return number(p, "CPUQuotaPerSecUSec", UINT64_MAX);
	period = period ? period : 100000;
	if ((uint64_t)us > UINT64_MAX / 1000000)
		return err_bad(p->e, "linux.resources.cpu.quota is too large");
	v = (uint64_t)us * 1000000 / period;
	return number(p, "CPUQuotaPerSecUSec", (v + 9999) / 10000 * 10000);
}

static int memory_properties(struct properties *p, const struct memory_conf *m)
{
	int64_t swap;
	int r = cg_swap(m, &swap, p->e);

	if (r >= 0 && m->limit.set && m->limit.v)
		r = limit(p, "MemoryMax", m->limit.v);
	if (r >= 0 && m->reservation.set && m->reservation.v)
		r = limit(p, "MemoryLow", m->reservation.v);
	if (r >= 0 && swap != -2)
		r = limit(p, "MemorySwapMax", swap);
	return r;
}

static int cpu_properties(struct properties *p, const struct cpu_conf *c)
{
	uint32_t weight = c->shares.set ? cgroup_cpu_weight(c->shares.v) : 0;
	uint64_t period = c->period.set ? c->period.v : 0;
	int r = 0;

	if (weight)
		r = number(p, "CPUWeight", weight);
	if (r >= 0 && c->quota.set)
		r = quota(p, c->quota.v, period);
	if (r >= 0 && period)
		r = number(p, "CPUQuotaPeriodUSec", period);
	if (r >= 0 && c->cpus && c->cpus[0])
		r = list(p, "AllowedCPUs", "cpu.cpus", c->cpus);
	if (r >= 0 && c->mems && c->mems[0])
		r = list(p, "AllowedMemoryNodes", "cpu.mems", c->mems);
	return r;
}

/* "max" or a number with an optional second one behind a blank. */
static int two_numbers(const char *s, int64_t *first, uint64_t *second)
{
	char words[2][24] = { "", "" };
	const char *w;
	uint64_t v;
	size_t n;

	for (int i = 0; (n = cg_next_word(&s, &w)) > 0; i++) {
		if (i == 2 || n >= sizeof(words[0]))
			return -EINVAL;
		memcpy(words[i], w, n);
		words[i][n] = '\0';
	}
	*first = -1;
	*second = 0;
	if (!str_eq(words[0], "max")) {
		int r = str_u64(words[0], INT64_MAX, &v);

		if (r < 0)
			return r;
		*first = (int64_t)v;
	}
	return words[1][0] ? str_u64(words[1], UINT64_MAX, second) : 0;
}

/* Files with a property: what systemd would write back to them at its next reload. */
static const struct {
	const char *file, *property;
	enum { NUMBER, QUOTA, CPUS } kind;
} unified[] = {
	{ "cpu.weight", "CPUWeight", NUMBER },
	{ "cpu.max", "CPUQuotaPerSecUSec", QUOTA },
	{ "cpuset.cpus", "AllowedCPUs", CPUS },
	{ "cpuset.mems", "AllowedMemoryNodes", CPUS },
	{ "memory.high", "MemoryHigh", NUMBER },
	{ "memory.low", "MemoryLow", NUMBER },
	{ "memory.min", "MemoryMin", NUMBER },
	{ "memory.max", "MemoryMax", NUMBER },
	{ "memory.swap.max", "MemorySwapMax", NUMBER },
	{ "memory.zswap.max", "MemoryZSwapMax", NUMBER },
	{ "pids.max", "TasksMax", NUMBER },
};

static int unified_property(struct properties *p, const char *file, const char *value)
{
	size_t i = 0;
	int64_t first;
	uint64_t second;
	int r;

	while (i < ARRAY_SIZE(unified) && !str_eq(unified[i].file, file))
		i++;
	if (i == ARRAY_SIZE(unified) || !value[strspn(value, " \n")])
		return 0;
	if (unified[i].kind == CPUS)
		return list(p, unified[i].property, file, value);
	/* Other forms (suffixes, cpu.weight idle) are left to the kernel's own parser, at the file. */
	if (two_numbers(value, &first, &second) < 0)
		return 0;
	if (unified[i].kind == NUMBER)
		return str_eq(file, "pids.max") && first == 0 ? 0 : limit(p, unified[i].property, first);
	r = quota(p, first, second);
	return r >= 0 && second ? number(p, "CPUQuotaPeriodUSec", second) : r;
}

int cgroup_systemd_properties(struct arena *a, const struct resources *res, struct cgroup_property_list *ret,
			      struct err *e)
{
	struct properties p = { .a = a, .e = e, .v = arena_array(a, PROPERTIES_MAX, sizeof(*p.v)) };
	struct cgroup_knob_list checked;
	int r = p.v ? 0 : err_nomem(e);

	if (r >= 0) /* one place that knows what is valid */
		r = cgroup_knobs(a, res, &checked, e);
	if (r >= 0 && res && res->memory)
		r = memory_properties(&p, res->memory);
	if (r >= 0 && res && res->cpu)
		r = cpu_properties(&p, res->cpu);
	if (r >= 0 && res && res->block_io && res->block_io->weight.set && res->block_io->weight.v)
		r = number(&p, "IOWeight", cgroup_io_weight(res->block_io->weight.v));
	/* TasksMax=0 is refused by systemd; the file takes it. */
	if (r >= 0 && res && res->pids && res->pids->limit.set && res->pids->limit.v)
		r = limit(&p, "TasksMax", res->pids->limit.v);
	for (size_t i = 0; r >= 0 && res && i < res->unified.n; i++)
		r = unified_property(&p, res->unified.v[i].key, res->unified.v[i].value);
	if (r < 0)
		return r;
	ret->v = p.v;
	ret->n = p.n;
	return 0;
}

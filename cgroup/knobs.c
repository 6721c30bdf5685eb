/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources -> rows of (file, value), with every conversion from the v1 terms of the OCI configuration to
 * cgroup v2. Pure: no system calls, no idea of the machine. A value that v2 cannot express is refused,
 * except when it is the default and so asks for nothing (engines send such values all the time).
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "../runtime/base/util.h"

/* ---- weights ------------------------------------------------------------------------------------------ */

/* (a * b) >> shift without a 128-bit type; the result must fit, 0 < shift < 64. */
static uint64_t mul_shift(uint64_t a, uint64_t b, unsigned int shift)
{
	uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	uint64_t mid = (al * bl >> 32) + (uint32_t)(ah * bl) + (uint32_t)(al * bh);
	uint64_t hi = ah * bh + (ah * bl >> 32) + (al * bh >> 32) + (mid >> 32);
	uint64_t lo = (mid << 32) | (uint32_t)(al * bl);

	return hi << (64 - shift) | lo >> shift;
}

#define FIX 48 /* fraction bits of the logarithms */

/* log2(v), v >= 1, by squaring the mantissa: each carry out of [1,2) is one binary digit. */
static uint64_t fix_log2(uint64_t v)
{
	unsigned int n = 63U - (unsigned int)__builtin_clzll(v);
	uint64_t m = v << (62 - n), r = (uint64_t)n << FIX;

	for (int bit = FIX - 1; bit >= 0; bit--) {
		m = mul_shift(m, m, 62);
		if (m >> 63) {
			m >>= 1;
			r |= 1ULL << bit;
		}
	}
	return r;
}

/*
 * weight = ceil(10^((l^2 + 125 l)/612 - 7/34)), l = log2(shares): the curve through (2,1), (1024,100) and
 * (262144,10000). Solved for the smallest weight with 612 log2(weight) >= (l^2 + 125 l - 126) log2(10),
 * so that only logarithms are needed. The slack absorbs the rounding where both sides are equal.
 */
uint32_t cgroup_cpu_weight(uint64_t shares)
{
	static const uint64_t log2_10 = 935039633142894ULL; /* log2(10) * 2^48 */
	uint32_t low = 1, high = 10000;
	uint64_t l, want;

	if (shares == 0)
		return 0;
	if (shares <= 2)
		return low;
	if (shares >= 262144)
		return high;
	l = fix_log2(shares);
	want = mul_shift(l, l, FIX) + 125 * l - (126ULL << FIX);
	want = mul_shift(want, log2_10, FIX) - (1ULL << (FIX - 36));
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (612 * fix_log2(middle) >= want)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t cgroup_io_weight(uint16_t weight)
{
	return weight == 0 ? 0 : 1 + ((uint32_t)weight - 10) * 9999 / 990;
}

/* ---- the list under construction ---------------------------------------------------------------------- */

struct rows {
	struct arena *a;
	struct cgroup_knob *v;
	size_t n, max;
	struct err *e;
};

/* A value NULL (arena full) or a full list is reported by rows_end(). */
static int row(struct rows *w, const char *controller, const char *file, uint32_t flags, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static int row(struct rows *w, const char *controller, const char *file, uint32_t flags, const char *fmt, ...)
{
	char text[4096]; /* cgroupfs takes no more than a page */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return err_bad(w->e, "value of %s is too long", file);
	if (w->n == w->max) {
		size_t max = w->max ? 2 * w->max : 32;
		struct cgroup_knob *v = arena_array(w->a, max, sizeof(*v));

		if (!v)
			return err_nomem(w->e);
		if (w->n)
			memcpy(v, w->v, w->n * sizeof(*v));
		w->v = v;
		w->max = max;
	}
	w->v[w->n] = (struct cgroup_knob){ controller, file, arena_strdup(w->a, text), flags };
	if (!w->v[w->n].value || !file)
		return err_nomem(w->e);
	w->n++;
	return 0;
}

/* One number; -1 is "max", which is the kernel's default. */
static int row_limit(struct rows *w, const char *controller, const char *file, int64_t v)
{
	return v < 0 ? row(w, controller, file, CGROUP_KNOB_OPTIONAL, "max") :
		       row(w, controller, file, 0, "%lld", (long long)v);
}

static int err_v1(struct rows *w, const char *member)
{
	return err_bad(w->e, "linux.resources.%s has no equivalent in cgroup v2", member);
}

static int err_range(struct rows *w, const char *member, long long v, const char *must)
{
	return err_bad(w->e, "linux.resources.%s is %lld: must be %s", member, v, must);
}

/* ---- memory ------------------------------------------------------------------------------------------- */

int cg_swap(const struct memory_conf *m, int64_t *ret, struct err *e)
{
	int64_t swap = m->swap.set ? m->swap.v : 0, limit = m->limit.set ? m->limit.v : 0;

	if (swap < -1)
		return err_bad(e, "linux.resources.memory.swap is %lld: must be -1 or more", (long long)swap);
	if (swap == -1 || (swap == 0 && limit == -1))
		*ret = -1;
	else if (swap == 0)
		*ret = -2;
	else if (limit == -1) /* nothing to subtract */
		*ret = swap;
	else if (limit <= 0)
		return err_bad(e, "linux.resources.memory.swap is set without memory.limit");
	else if (swap < limit)
		return err_bad(e, "linux.resources.memory.swap (memory plus swap) is %lld, below memory.limit %lld",
			       (long long)swap, (long long)limit);
	else
		*ret = swap - limit;
	return 0;
}

static int memory_v1(struct rows *w, const struct memory_conf *m)
{
	if (m->kernel.set && m->kernel.v != 0 && m->kernel.v != -1)
		return err_v1(w, "memory.kernel");
	if (m->kernel_tcp.set && m->kernel_tcp.v != 0 && m->kernel_tcp.v != -1)
		return err_v1(w, "memory.kernelTCP");
	if (m->swappiness.set)
		return err_v1(w, "memory.swappiness");
	if (m->disable_oom_killer.set && m->disable_oom_killer.v)
		return err_v1(w, "memory.disableOOMKiller");
	if (m->use_hierarchy.set && !m->use_hierarchy.v)
		return err_v1(w, "memory.useHierarchy=false");
	return 0;
}

static int memory_rows(struct rows *w, const struct memory_conf *m, struct cgroup_knob_list *list)
{
	bool check = m->check_before_update.set && m->check_before_update.v;
	int64_t swap = -2;
	int r = memory_v1(w, m);

	if (r >= 0 && m->limit.set && m->limit.v < -1)
		r = err_range(w, "memory.limit", m->limit.v, "-1 or more");
	if (r >= 0 && m->reservation.set && m->reservation.v < -1)
		r = err_range(w, "memory.reservation", m->reservation.v, "-1 or more");
	if (r >= 0)
		r = cg_swap(m, &swap, w->e);
	/* Swap first: on a lowered limit pages must have somewhere to go. 0 means unset (Docker sends it). */
	if (r >= 0 && swap > 0)
		r = row_limit(w, "memory", "memory.swap.max", swap);
	else if (r >= 0 && swap != -2) /* without swap accounting there is nothing to limit */
		r = row(w, "memory", "memory.swap.max", CGROUP_KNOB_OPTIONAL, "%s", swap < 0 ? "max" : "0");
	if (r >= 0 && m->limit.set && m->limit.v != 0)
		r = row_limit(w, "memory", "memory.max", m->limit.v);
	if (r >= 0 && m->reservation.set && m->reservation.v == -1)
		r = row(w, "memory", "memory.low", 0, "max"); /* not the default here, which is 0 */
	else if (r >= 0 && m->reservation.set && m->reservation.v != 0)
		r = row_limit(w, "memory", "memory.low", m->reservation.v);
	if (check && m->limit.set && m->limit.v > 0)
		list->check_memory = m->limit.v;
	if (check && m->swap.set && m->swap.v > 0)
		list->check_total = m->swap.v;
	return r;
}

/* ---- cpu ---------------------------------------------------------------------------------------------- */

int cg_bad_list(const char *member, const char *value, struct err *e)
{
	return err_bad(e, "linux.resources.%s: \"%s\" is no list such as 0-3,7", member, value);
}

static int list_row(struct rows *w, const char *member, const char *file, const char *value)
{
	if (!value || !value[0])
		return 0;
	return str_ids(value, NULL) < 0 ? cg_bad_list(member, value, w->e) : row(w, "cpuset", file, 0, "%s", value);
}

static int bandwidth_rows(struct rows *w, const struct cpu_conf *c)
{
	uint64_t period = c->period.set ? c->period.v : 0;
	bool limited = c->quota.set && c->quota.v > 0;
	/* A quota raised above the old burst, or lowered below it: one of the two orders is always legal. */
	uint32_t swap = c->burst.set ? CGROUP_KNOB_SWAP : 0;
	int r = 0;

	if (limited && c->burst.set && c->burst.v > (uint64_t)c->quota.v)
		return err_bad(w->e, "linux.resources.cpu.burst is %llu, above cpu.quota %lld",
			       (unsigned long long)c->burst.v, (long long)c->quota.v);
	if (limited && period)
		r = row(w, "cpu", "cpu.max", swap, "%lld %llu", (long long)c->quota.v,
			(unsigned long long)period);
	else if (limited)
		r = row(w, "cpu", "cpu.max", swap, "%lld", (long long)c->quota.v);
	else if (c->quota.set && period)
		r = row(w, "cpu", "cpu.max", CGROUP_KNOB_OPTIONAL, "max %llu", (unsigned long long)period);
	else if (c->quota.set)
		r = row(w, "cpu", "cpu.max", CGROUP_KNOB_OPTIONAL, "max");
	else if (period)
		r = row(w, "cpu", "cpu.max",
			CGROUP_KNOB_KEEP_FIRST | swap | (period == 100000 ? CGROUP_KNOB_OPTIONAL : 0U), "%llu",
			(unsigned long long)period);
	if (r >= 0 && c->burst.set)
		r = row(w, "cpu", "cpu.max.burst", c->burst.v ? 0 : CGROUP_KNOB_OPTIONAL, "%llu",
			(unsigned long long)c->burst.v);
	return r;
}

static int cpu_rows(struct rows *w, const struct cpu_conf *c)
{
	uint32_t weight = c->shares.set ? cgroup_cpu_weight(c->shares.v) : 0;
	int r = 0;

	if (c->realtime_runtime.set && c->realtime_runtime.v != 0)
		return err_v1(w, "cpu.realtimeRuntime");
	if (c->realtime_period.set && c->realtime_period.v != 0)
		return err_v1(w, "cpu.realtimePeriod");
	if (c->idle.set && c->idle.v != 0 && c->idle.v != 1)
		return err_range(w, "cpu.idle", c->idle.v, "0 or 1");
	if (weight && c->idle.set && c->idle.v == 1)
		return err_bad(w->e, "linux.resources.cpu.shares cannot be combined with cpu.idle");
	if (c->idle.set) /* before the weight, which an idle group refuses */
		r = row(w, "cpu", "cpu.idle", c->idle.v ? 0 : CGROUP_KNOB_OPTIONAL, "%d", (int)c->idle.v);
	if (r >= 0 && weight)
		r = row(w, "cpu", "cpu.weight", weight == 100 ? CGROUP_KNOB_OPTIONAL : 0, "%u", weight);
	if (r >= 0)
		r = bandwidth_rows(w, c);
	if (r >= 0)
		r = list_row(w, "cpu.cpus", "cpuset.cpus", c->cpus);
	if (r >= 0)
		r = list_row(w, "cpu.mems", "cpuset.mems", c->mems);
	return r;
}

/* ---- io ----------------------------------------------------------------------------------------------- */

static int device_check(struct rows *w, const char *member, int64_t major, int64_t minor)
{
	if (major < 0 || minor < 0 || major > UINT32_MAX || minor > UINT32_MAX)
		return err_bad(w->e, "linux.resources.blockIO.%s: %lld:%lld is no device number", member,
			       (long long)major, (long long)minor);
	return 0;
}

static int weight_check(struct rows *w, const char *member, uint16_t weight)
{
	return weight < 10 || weight > 1000 ? err_range(w, member, weight, "10 to 1000") : 0;
}

static int weight_rows(struct rows *w, const struct block_io_conf *b)
{
	int r = 0;

	if (b->leaf_weight.set && b->leaf_weight.v)
		return err_v1(w, "blockIO.leafWeight");
	if (b->weight.set && b->weight.v) {
		r = weight_check(w, "blockIO.weight", b->weight.v);
		if (r >= 0)
			r = row(w, "io", "io.bfq.weight", CGROUP_KNOB_OR_NEXT, "%u", b->weight.v);
		if (r >= 0)
			r = row(w, "io", "io.weight", 0, "%u", cgroup_io_weight(b->weight.v));
	}
	for (size_t i = 0; r >= 0 && i < b->weight_device.n; i++) {
		const struct weight_device *d = &b->weight_device.v[i];
		long long major = d->major, minor = d->minor;

		if (d->leaf_weight.set && d->leaf_weight.v)
			return err_v1(w, "blockIO.weightDevice.leafWeight");
		if (!d->weight.set)
			return err_bad(w->e, "linux.resources.blockIO.weightDevice: %lld:%lld has no weight", major,
				       minor);
		r = device_check(w, "weightDevice", major, minor);
		if (r >= 0)
			r = weight_check(w, "blockIO.weightDevice.weight", d->weight.v);
		if (r >= 0)
			r = row(w, "io", "io.bfq.weight", CGROUP_KNOB_OR_NEXT, "%lld:%lld %u", major, minor,
				d->weight.v);
		if (r >= 0)
			r = row(w, "io", "io.weight", 0, "%lld:%lld %u", major, minor,
				cgroup_io_weight(d->weight.v));
	}
	return r;
}

static int io_rows(struct rows *w, const struct block_io_conf *b)
{
	const struct {
		const char *member, *key;
		const struct throttle_list *l;
	} throttles[] = {
		{ "throttleReadBpsDevice", "rbps", &b->throttle_read_bps },
		{ "throttleWriteBpsDevice", "wbps", &b->throttle_write_bps },
		{ "throttleReadIOPSDevice", "riops", &b->throttle_read_iops },
		{ "throttleWriteIOPSDevice", "wiops", &b->throttle_write_iops },
	};
	int r = weight_rows(w, b);

	for (size_t t = 0; t < ARRAY_SIZE(throttles); t++)
		for (size_t i = 0; r >= 0 && i < throttles[t].l->n; i++) {
			const struct throttle_device *d = &throttles[t].l->v[i];
			long long major = d->major, minor = d->minor;

			r = device_check(w, throttles[t].member, major, minor);
			if (r >= 0 && d->rate == 0) /* removes the limit */
				r = row(w, "io", "io.max", CGROUP_KNOB_OPTIONAL, "%lld:%lld %s=max", major, minor,
					throttles[t].key);
			else if (r >= 0)
				r = row(w, "io", "io.max", 0, "%lld:%lld %s=%llu", major, minor, throttles[t].key,
					(unsigned long long)d->rate);
		}
	return r;
}

/* ---- the rest ----------------------------------------------------------------------------------------- */

/* "2048KB" -> "2MB": the name that the kernel gives to the size. */
static int page_size(struct rows *w, const char *s, char ret[32])
{
	static const char units[] = "KMG";
	size_t digits = strspn(s, "0123456789");
	const char *unit = s[digits] ? strchr(units, s[digits]) : NULL;
	char number[16];
	uint64_t v;
	size_t u;

	if (!unit || s[0] == '0' || !str_eq(unit ? s + digits + 1 : "", "B") || digits >= sizeof(number))
		return err_bad(w->e, "linux.resources.hugepageLimits.pageSize '%s' is no size such as 2MB", s);
	memcpy(number, s, digits);
	number[digits] = '\0';
	if (str_u64(number, UINT32_MAX, &v) < 0)
		return err_bad(w->e, "linux.resources.hugepageLimits.pageSize '%s' is too large", s);
	for (u = (size_t)(unit - units); v >= 1024 && v % 1024 == 0 && u < 2; u++)
		v /= 1024;
	snprintf(ret, 32, "%llu%cB", (unsigned long long)v, units[u]);
	return 0;
}

static int hugetlb_rows(struct rows *w, const struct resources *res)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < res->hugepage_limits.n; i++) {
		const struct hugepage_limit *h = &res->hugepage_limits.v[i];
		unsigned long long limit = h->limit;
		char size[32];

		r = page_size(w, h->page_size, size);
		if (r >= 0)
			r = row(w, "hugetlb", arena_printf(w->a, "hugetlb.%s.max", size), 0, "%llu", limit);
		/* Accounting by reservation refuses at mmap() instead of killing at the fault; Linux 5.7. */
		if (r >= 0)
			r = row(w, "hugetlb", arena_printf(w->a, "hugetlb.%s.rsvd.max", size),
				CGROUP_KNOB_OPTIONAL, "%llu", limit);
	}
	return r;
}

static int rdma_rows(struct rows *w, const struct resources *res)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < res->rdma.n; i++) {
		const char *dev = res->rdma.v[i].key;
		const struct rdma *d = &res->rdma.v[i].value;
		char text[64] = "";

		if (!dev[0] || strpbrk(dev, " \t\n"))
			return err_bad(w->e, "linux.resources.rdma: '%s' is no device name", dev);
		if (!d->hca_handles.set && !d->hca_objects.set)
			return err_bad(w->e, "linux.resources.rdma.%s has neither hcaHandles nor hcaObjects", dev);
		if (d->hca_handles.set)
			snprintf(text, sizeof(text), " hca_handle=%u", d->hca_handles.v);
		if (d->hca_objects.set)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " hca_object=%u",
				 d->hca_objects.v);
		r = row(w, "rdma", "rdma.max", 0, "%s%s", dev, text);
	}
	return r;
}

static int pids_rows(struct rows *w, const struct pids_conf *p)
{
	if (!p->limit.set)
		return 0;
	if (p->limit.v < -1)
		return err_range(w, "pids.limit", p->limit.v, "-1 or more");
	/*
	 * With 0 not even the clone into the cgroup would succeed, with 1 not the clone into a scope whose
	 * placeholder is still there (systemd.h): these wait until that has happened.
	 */
	if (p->limit.v == 0 || p->limit.v == 1)
		return row(w, "pids", "pids.max", CGROUP_KNOB_LATE, "%d", (int)p->limit.v);
	return row_limit(w, "pids", "pids.max", p->limit.v);
}

static int network_check(struct rows *w, const struct network_conf *n)
{
	if (n->class_id.set && n->class_id.v)
		return err_v1(w, "network.classID");
	return n->priorities.n ? err_v1(w, "network.priorities") : 0;
}

/* ---- unified ------------------------------------------------------------------------------------------ */

/* cgroup.* files that are the runtime's own means, or would change what the cgroup is. */
static bool is_reserved(const char *file)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.threads", "cgroup.subtree_control",
					     "cgroup.type",  "cgroup.freeze",  "cgroup.kill" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (str_eq(file, files[i]))
			return true;
	return false;
}

/* A later value replaces an earlier row of another phase, which would otherwise be written after it. */
static void rows_drop_late(struct rows *w, const char *file)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!((w->v[i].flags & CGROUP_KNOB_LATE) && str_eq(w->v[i].file, file)))
			w->v[n++] = w->v[i];
	w->n = n;
}

static int unified_row(struct rows *w, const char *file, const char *value)
{
	size_t n = strcspn(file, ".");
	const char *controller = NULL;
	int r = 0;

	if (strchr(file, '/') || strstr(file, "..") || n == 0 || !file[n] || !file[n + 1])
		return err_bad(w->e, "linux.resources.unified: '%s' is no cgroup file", file);
	if (is_reserved(file))
		return err_bad(w->e, "linux.resources.unified: '%s' may not be set", file);
	if (strncmp(file, "cgroup.", 7) != 0) {
		controller = arena_strndup(w->a, file, n);
		if (!controller)
			return err_nomem(w->e);
	}
	rows_drop_late(w, file);
	if (!value[strspn(value, "\n")]) /* empty: resets lists such as cpuset.cpus */
		return row(w, controller, file, 0, "%s", "");
	while (r >= 0 && *value) {
		size_t l = strcspn(value, "\n");
		bool late = l == 1 && (*value == '0' || *value == '1') && str_eq(file, "pids.max");

		if (l)
			r = row(w, controller, file, late ? CGROUP_KNOB_LATE : 0, "%.*s", (int)MIN(l, 4096U),
				value);
		value += l;
		value += *value == '\n';
	}
	return r;
}

int cgroup_knobs(struct arena *a, const struct resources *res, struct cgroup_knob_list *ret, struct err *e)
{
	struct cgroup_knob_list list = { .check_memory = -1, .check_total = -1 };
	struct rows w = { .a = a, .e = e };
	int r = 0;

	if (res && res->memory)
		r = memory_rows(&w, res->memory, &list);
	if (r >= 0 && res && res->cpu)
		r = cpu_rows(&w, res->cpu);
	if (r >= 0 && res && res->block_io)
		r = io_rows(&w, res->block_io);
	if (r >= 0 && res)
		r = hugetlb_rows(&w, res);
	if (r >= 0 && res)
		r = rdma_rows(&w, res);
	if (r >= 0 && res && res->network)
		r = network_check(&w, res->network);
	if (r >= 0 && res && res->pids)
		r = pids_rows(&w, res->pids);
	for (size_t i = 0; r >= 0 && res && i < res->unified.n; i++)
		r = unified_row(&w, res->unified.v[i].key, res->unified.v[i].value);
	if (r < 0)
		return r;
	list.v = w.v;
	list.n = w.n;
	*ret = list;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CGROUP_STATS_H
#define CTR_CGROUP_STATS_H

/*
 * What a cgroup (v2) says about its use of the machine. Parsers of the kernel's texts, pure, and one
 * function that reads them all. A file that is not there (its controller is not enabled, the kernel is
 * older) leaves its values absent; lines and keys that are not known are skipped.
 * Sources: Documentation/admin-guide/cgroup-v2.rst, Documentation/accounting/psi.rst.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../oci/config.h"
#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"

#define CGROUP_NO_LIMIT UINT64_MAX /* the word "max" */

struct cgroup_cpu_stats {
	struct opt_u64 usage, user, system; /* microseconds */
	struct opt_u64 periods, throttled_periods, throttled; /* throttled: microseconds */
};

struct cgroup_memory_events {
	struct opt_u64 low, high, max, oom, oom_kill, oom_group_kill;
};

/* One line of memory.stat. */
struct cgroup_counter {
	const char *key;
	uint64_t value;
};
struct cgroup_counters {
	struct cgroup_counter *v;
	size_t n;
};

struct cgroup_memory_stats {
	struct opt_u64 current, max, high, peak, swap_current, swap_max, swap_peak; /* bytes */
	struct cgroup_counters stat;
	struct cgroup_memory_events events;
};

struct cgroup_io_device {
	uint32_t major, minor;
	struct opt_u64 rbytes, wbytes, rios, wios, dbytes, dios;
};
struct cgroup_io_stats {
	struct cgroup_io_device *v;
	size_t n;
	bool set; /* io.stat is there; it may be empty */
};

struct cgroup_pressure_line {
	uint32_t avg10, avg60, avg300; /* hundredths of a percent */
	uint64_t total;		       /* microseconds */
};
struct cgroup_pressure {
	bool some_set, full_set;
	struct cgroup_pressure_line some, full;
};

struct cgroup_hugetlb_stats {
	const char *size; /* "2MB" */
	struct opt_u64 current, max, failures;
};
struct cgroup_hugetlb_list {
	struct cgroup_hugetlb_stats *v;
	size_t n;
};

struct cgroup_stats {
	struct cgroup_cpu_stats cpu;
	struct cgroup_memory_stats memory;
	struct opt_u64 pids_current, pids_max, pids_peak;
	struct cgroup_io_stats io;
	struct cgroup_hugetlb_list hugetlb;
	struct cgroup_pressure cpu_pressure, memory_pressure, io_pressure;
};

static inline struct opt_u64 cgroup_some(uint64_t v)
{
	return (struct opt_u64){ true, v };
}
#define CGROUP_ABSENT ((struct opt_u64){ false, 0 })

/* ---- parsers --------------------------------------------------------------------------------------- */

/* A file of one number or the word "max" (CGROUP_NO_LIMIT); anything else is absent. */
struct opt_u64 cgroup_parse_value(const char *text);
void cgroup_parse_cpu(const char *text, struct cgroup_cpu_stats *ret);
void cgroup_parse_memory_events(const char *text, struct cgroup_memory_events *ret);
/* Flat "KEY N" lines, in their order. -ENOMEM. */
int cgroup_parse_counters(struct arena *a, const char *text, struct cgroup_counters *ret) MUST_CHECK;
/* io.stat. -ENOMEM. */
int cgroup_parse_io(struct arena *a, const char *text, struct cgroup_io_stats *ret) MUST_CHECK;
void cgroup_parse_pressure(const char *text, struct cgroup_pressure *ret);

/* ---- files ----------------------------------------------------------------------------------------- */

/* Everything that the cgroup behind `fd` has to say. -ENODEV when it was removed. */
int cgroup_stats_read(struct arena *a, int fd, struct cgroup_stats *ret, struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_STATS_H
#define CTR_STATS_H

/* What a container uses: its cgroup and its network namespace, and how `events` and `stats` show it. */

#include "../cgroup/stats.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store.h"

struct net_counters {
	const char *name;
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped;
};
struct net_counters_list {
	struct net_counters *v;
	size_t n;
};

struct container_stats {
	struct cgroup_stats cgroup;
	bool net_set; /* false: it shares the caller's network, whose counters say nothing about it */
	struct net_counters_list net;
};

/* The text of /proc/PID/net/dev (proc(5)). Lines of another form are skipped. -ENOMEM. */
int net_counters_parse(struct arena *a, const char *text, struct net_counters_list *ret) MUST_CHECK;

/* A live container, its descriptors open. */
struct stats_source {
	const struct container *c;
	enum status status;
	int pidfd, cgroup; /* cgroup: -EBADF when it has none */
};
#define STATS_SOURCE_NONE { .pidfd = -EBADF, .cgroup = -EBADF }
void stats_source_done(struct stats_source *s);

/* -ESRCH with a text when the container is not alive; `c` must be loaded and outlive the source. */
int stats_source_open(const struct container *c, struct stats_source *ret, struct err *e) MUST_CHECK;
/* -ESRCH or -ENODEV when it has ended. */
int stats_read(struct arena *a, const struct stats_source *s, struct container_stats *ret,
	       struct err *e) MUST_CHECK;

/*
 * The `data` of a stats event, one line: cpu (nanoseconds), memory, pids, blkio, hugetlb,
 * network_interfaces. Layout of runc's `events`, which its users decode; what the kernel has in addition
 * (memory.events) is added. No limit is 2^64-1 for memory, absent for pids and hugetlb.
 */
void stats_print_data(struct strbuf *b, struct arena *a, const struct container_stats *s);

/* An interval: "5s", "100ms", "1m30s", "0.5s", or a bare number of seconds. 1 ms to 24 h; milliseconds. */
int stats_interval(const char *text, int64_t *ret, struct err *e) MUST_CHECK;

/* At most four characters: "999", "1.2K", "99M", "max", "-" (absent). Units of 1024. */
#define STATS_SIZE_TEXT 8
void stats_size(char ret[STATS_SIZE_TEXT], struct opt_u64 n);

#endif

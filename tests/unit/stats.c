/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's statistics as text: what is there is read exactly, what is missing or odd is absent. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../cgroup/stats.h"
#include "../../runtime/base/util.h"
#include "../../runtime/stats.h"

static struct arena arena;

#define CHECK_U64(got, want)                                       \
	do {                                                       \
		struct opt_u64 _o = (got);                         \
		CHECK(_o.set);                                     \
		CHECK_INT(_o.v, want);                             \
	} while (0)
#define CHECK_ABSENT(got) CHECK(!(got).set)

static void test_values(void)
{
	CHECK_U64(cgroup_parse_value("0"), 0);
	CHECK_U64(cgroup_parse_value("4096\n"), 4096);
	CHECK_U64(cgroup_parse_value("18446744073709551615"), UINT64_MAX);
	CHECK_U64(cgroup_parse_value("max\n"), CGROUP_NO_LIMIT);
	CHECK_ABSENT(cgroup_parse_value(""));
	CHECK_ABSENT(cgroup_parse_value("maximum"));
	CHECK_ABSENT(cgroup_parse_value("-1"));
	CHECK_ABSENT(cgroup_parse_value("12 13"));
	CHECK_ABSENT(cgroup_parse_value("18446744073709551616"));
	CHECK_ABSENT(cgroup_parse_value("999999999999999999999999999999"));
}

static void test_cpu(void)
{
	struct cgroup_cpu_stats c;

	cgroup_parse_cpu("usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnice_usec 0\n"
			 "core_sched.force_idle_usec 0\nnr_periods 7\nnr_throttled 3\nthrottled_usec 9\nnr_bursts 0\n",
			 &c);
	CHECK_U64(c.usage, 1500);
	CHECK_U64(c.user, 1000);
	CHECK_U64(c.system, 500);
	CHECK_U64(c.periods, 7);
	CHECK_U64(c.throttled_periods, 3);
	CHECK_U64(c.throttled, 9);
	/* Without the controller the times are there alone; a cut line says nothing. */
	cgroup_parse_cpu("usage_usec 5\nuser_usec\nsystem_usec x\n usage_usec 6\nusage_usec_ 7", &c);
	CHECK_U64(c.usage, 5);
	CHECK_ABSENT(c.user);
	CHECK_ABSENT(c.system);
	CHECK_ABSENT(c.periods);
	cgroup_parse_cpu("", &c);
	CHECK_ABSENT(c.usage);
}

static void test_memory(void)
{
	struct cgroup_memory_events ev;
	struct cgroup_counters l;

	cgroup_parse_memory_events("low 0\nhigh 12\nmax 34\noom 2\noom_kill 1\noom_group_kill 0\n", &ev);
	CHECK_U64(ev.low, 0);
	CHECK_U64(ev.high, 12);
	CHECK_U64(ev.max, 34);
	CHECK_U64(ev.oom, 2);
	CHECK_U64(ev.oom_kill, 1);
	CHECK_U64(ev.oom_group_kill, 0);
	cgroup_parse_memory_events("high 1\n", &ev);
	CHECK_U64(ev.high, 1);
	CHECK_ABSENT(ev.oom_kill);

	CHECK_INT(cgroup_parse_counters(&arena, "anon 8192\nfile 4096\nbroken\nodd 1x\nslab 5", &l), 0);
	CHECK_INT(l.n, 3);
	CHECK_STR(l.v[0].key, "anon");
	CHECK_INT(l.v[0].value, 8192);
	CHECK_STR(l.v[2].key, "slab");
	CHECK_INT(l.v[2].value, 5);
	CHECK_INT(cgroup_parse_counters(&arena, "", &l), 0);
	CHECK_INT(l.n, 0);
}

static void test_io(void)
{
	struct cgroup_io_stats io = { 0 };

	CHECK_INT(cgroup_parse_io(&arena,
				  "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=7 dios=1\n"
				  "254:0 rbytes=9 cost.usage=3 wbytes=\n"
				  "(unknown) rbytes=1\n"
				  "x:1 rbytes=1\n"
				  "9:0 \n"
				  "9:1\n"
				  "1:2 rbytes=18446744073709551616 rios=4",
				  &io),
		  0);
	CHECK(io.set);
	CHECK_INT(io.n, 4);
	CHECK_INT(io.v[0].major, 8);
	CHECK_INT(io.v[0].minor, 16);
	CHECK_U64(io.v[0].rbytes, 1459200);
	CHECK_U64(io.v[0].wbytes, 314773504);
	CHECK_U64(io.v[0].rios, 192);
	CHECK_U64(io.v[0].wios, 353);
	CHECK_U64(io.v[0].dbytes, 7);
	CHECK_U64(io.v[0].dios, 1);
	CHECK_INT(io.v[1].major, 254);
	CHECK_U64(io.v[1].rbytes, 9);
	CHECK_ABSENT(io.v[1].wbytes);
	CHECK_INT(io.v[2].major, 9);
	CHECK_ABSENT(io.v[2].rbytes);
	CHECK_ABSENT(io.v[3].rbytes);
	CHECK_U64(io.v[3].rios, 4);
}

static void test_pressure(void)
{
	struct cgroup_pressure p;

	cgroup_parse_pressure("some avg10=1.23 avg60=100.00 avg300=0.05 total=123456789\n"
			      "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", &p);
	CHECK(p.some_set && p.full_set);
	CHECK_INT(p.some.avg10, 123);
	CHECK_INT(p.some.avg60, 10000);
	CHECK_INT(p.some.avg300, 5);
	CHECK_INT(p.some.total, 123456789);
	CHECK_INT(p.full.total, 0);
	/* cpu.pressure of older kernels has no second line. */
	cgroup_parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=1", &p);
	CHECK(p.some_set && !p.full_set);
	static const char *const bad[] = { "", "some ", "some avg10=1.2 avg60=0.00 avg300=0.00 total=1",
					   "some avg10=1.20 avg60=0.00 avg300=0.00", "some avg10=.20 avg60=0.00",
					   "some avg60=0.00 avg10=0.00 avg300=0.00 total=1",
					   "some avg10=9999.00 avg60=0.00 avg300=0.00 total=1",
					   "some avg10=0.00 avg60=0.00 avg300=0.00 total=" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cgroup_parse_pressure(bad[i], &p);
		CHECK(!p.some_set && !p.full_set);
	}
}

static void put(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	if (fd >= 0)
		(void)close(fd);
}

/* A directory with a cgroup's files: with all of them, and with next to none. */
static void test_files(void)
{
	char path[] = "/tmp/ctr-stats.XXXXXX";
	static const char *const names[] = { "cgroup.controllers", "cpu.stat", "memory.current", "memory.max", "memory.peak",
					     "memory.stat", "memory.events", "pids.current", "pids.max", "io.stat",
					     "io.pressure", "hugetlb.2MB.current", "hugetlb.2MB.max", "hugetlb.2MB.events",
					     "hugetlb.2MB.rsvd.current" };
	struct cgroup_stats s;
	struct err e;

	CHECK(mkdtemp(path) != NULL);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(cgroup_stats_read(&arena, dir, &s, &e), -ENODEV);
	put(dir, "cgroup.controllers", "memory pids\n");
	CHECK_INT(cgroup_stats_read(&arena, dir, &s, &e), 0);
	CHECK_ABSENT(s.cpu.usage);
	CHECK_ABSENT(s.memory.current);
	CHECK(!s.io.set && s.hugetlb.n == 0 && !s.io_pressure.some_set);
	put(dir, "cpu.stat", "usage_usec 3\n");
	put(dir, "memory.current", "100\n");
	put(dir, "memory.max", "max\n");
	put(dir, "memory.peak", "200\n");
	put(dir, "memory.stat", "anon 1\nfile 2\n");
	put(dir, "memory.events", "oom_kill 4\n");
	put(dir, "pids.current", "5\n");
	put(dir, "pids.max", "6\n");
	put(dir, "io.stat", "");
	put(dir, "io.pressure", "some avg10=0.50 avg60=0.00 avg300=0.00 total=1\n");
	put(dir, "hugetlb.2MB.current", "2097152\n");
	put(dir, "hugetlb.2MB.max", "max\n");
	put(dir, "hugetlb.2MB.events", "max 9\n");
	put(dir, "hugetlb.2MB.rsvd.current", "1\n");
	CHECK_INT(cgroup_stats_read(&arena, dir, &s, &e), 0);
	CHECK_U64(s.cpu.usage, 3);
	CHECK_U64(s.memory.current, 100);
	CHECK_U64(s.memory.max, CGROUP_NO_LIMIT);
	CHECK_U64(s.memory.peak, 200);
	CHECK_INT(s.memory.stat.n, 2);
	CHECK_U64(s.memory.events.oom_kill, 4);
	CHECK_U64(s.pids_current, 5);
	CHECK_U64(s.pids_max, 6);
	CHECK(s.io.set && s.io.n == 0);
	CHECK_INT(s.io_pressure.some.avg10, 50);
	CHECK_INT(s.hugetlb.n, 1);
	CHECK_STR(s.hugetlb.v[0].size, "2MB");
	CHECK_U64(s.hugetlb.v[0].current, 2097152);
	CHECK_U64(s.hugetlb.v[0].failures, 9);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlinkat(dir, names[i], 0);
	(void)close(dir);
	CHECK_INT(rmdir(path), 0);
}

static void test_net(void)
{
	struct net_counters_list l;

	CHECK_INT(net_counters_parse(&arena,
				     "Inter-|   Receive                                                |  Transmit\n"
				     " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop "
				     "fifo colls carrier compressed\n"
				     "    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0"
				     "     0       0          0\n"
				     "  eth0:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
				     "  cut: 1 2 3\n",
				     &l),
		  0);
	CHECK_INT(l.n, 2);
	CHECK_STR(l.v[0].name, "lo");
	CHECK_INT(l.v[0].rx_bytes, 100);
	CHECK_STR(l.v[1].name, "eth0");
	CHECK(l.v[1].rx_bytes == UINT64_MAX);
	CHECK_INT(l.v[1].rx_packets, 2);
	CHECK_INT(l.v[1].rx_errors, 3);
	CHECK_INT(l.v[1].rx_dropped, 4);
	CHECK_INT(l.v[1].tx_bytes, 9);
	CHECK_INT(l.v[1].tx_packets, 10);
	CHECK_INT(l.v[1].tx_errors, 11);
	CHECK_INT(l.v[1].tx_dropped, 12);
	CHECK_INT(net_counters_parse(&arena, "", &l), 0);
	CHECK_INT(l.n, 0);
}

static void check_data(const struct container_stats *s, const char *want)
{
	auto_strbuf struct strbuf b = { 0 };

	stats_print_data(&b, &arena, s);
	CHECK_STR(b.p, want);
}

static void test_data(void)
{
	struct container_stats s = { 0 };

	check_data(&s, "{\"cpu\":{},\"memory\":{},\"pids\":{},\"blkio\":{}}");
	struct cgroup_counter stat[] = { { "anon", 5 }, { "file", 6 } };
	struct cgroup_io_device dev = { .major = 8, .minor = 1, .rbytes = { true, 0 }, .wbytes = { true, 2 },
					.wios = { true, 3 } };
	struct cgroup_hugetlb_stats huge = { "2MB", { true, 1 }, { true, CGROUP_NO_LIMIT }, { true, 2 } };
	struct net_counters net = { "eth0", 1, 2, 3, 4, 5, 6, 7, 8 };
	s.cgroup = (struct cgroup_stats){
		.cpu = { .usage = { true, 3 }, .user = { true, 2 }, .system = { true, 1 }, .periods = { true, 4 },
			 .throttled_periods = { true, 5 }, .throttled = { true, 6 } },
		.memory = { .current = { true, 100 }, .max = { true, CGROUP_NO_LIMIT }, .peak = { true, 150 },
			    .swap_current = { true, 10 }, .swap_max = { true, 20 }, .stat = { stat, 2 },
			    .events = { .max = { true, 1 }, .oom_kill = { true, 0 } } },
		.pids_current = { true, 2 },
		.pids_max = { true, 30 },
		.io = { &dev, 1, true },
		.hugetlb = { &huge, 1 },
		.io_pressure = { .some_set = true, .some = { 105, 10000, 0, 77 } },
	};
	s.net_set = true;
	s.net = (struct net_counters_list){ &net, 1 };
	check_data(&s,
		   "{\"cpu\":{\"usage\":{\"total\":3000,\"kernel\":1000,\"user\":2000},\"throttling\":{\"periods\":4,"
		   "\"throttledPeriods\":5,\"throttledTime\":6000}},\"memory\":{\"cache\":6,\"usage\":{\"limit\":"
		   "18446744073709551615,\"usage\":100,\"max\":150,\"failcnt\":1},\"swap\":{\"limit\":18446744073709551615,"
		   "\"usage\":110},\"raw\":{\"anon\":5,\"file\":6},\"events\":{\"max\":1,\"oomKill\":0}},"
		   "\"pids\":{\"current\":2,\"limit\":30},\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"minor\":1,"
		   "\"op\":\"Read\",\"value\":0},{\"major\":8,\"minor\":1,\"op\":\"Write\",\"value\":2}],"
		   "\"ioServicedRecursive\":[{\"major\":8,\"minor\":1,\"op\":\"Write\",\"value\":3}],\"psi\":{\"some\":{"
		   "\"avg10\":1.05,\"avg60\":100.00,\"avg300\":0.00,\"total\":77}}},\"hugetlb\":{\"2MB\":{\"usage\":1,"
		   "\"failcnt\":2}},\"network_interfaces\":[{\"Name\":\"eth0\",\"RxBytes\":1,\"RxPackets\":2,"
		   "\"RxErrors\":3,\"RxDropped\":4,\"TxBytes\":5,\"TxPackets\":6,\"TxErrors\":7,\"TxDropped\":8}]}");
}

static void test_interval(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = { { "5s", 5000 }, { "5", 5000 }, { "100ms", 100 }, { "1m30s", 90000 }, { "0.5s", 500 }, { "1h", 3600000 },
		     { "1.25s", 1250 } };
	static const char *const bad[] = { "", "s", "0", "0s", "-1s", "5x", "5 s", "1m30", "ms", "1.s", ".s", "99999999999h",
					   "1000h", "1s5" };
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t ms = 0;
		CHECK_INT(stats_interval(good[i].text, &ms, &e), 0);
		CHECK_INT(ms, good[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t ms = 7;
		if (stats_interval(bad[i], &ms, &e) != -EINVAL)
			printf("# %s\n", bad[i]);
		CHECK_INT(stats_interval(bad[i], &ms, &e), -EINVAL);
		CHECK_INT(ms, 7);
	}
}

static void test_sizes(void)
{
	static const struct {
		uint64_t n;
		const char *text;
	} rows[] = { { 0, "0" }, { 999, "999" }, { 1000, "1.0K" }, { 1023, "1.0K" }, { 10239, "9.9K" }, { 10240, "10K" },
		     { 1023999, "999K" }, { 1024000, "1.0M" }, { 1048576, "1.0M" }, { 536870912, "512M" },
		     { 1073741824, "1.0G" }, { UINT64_MAX - 1, "15E" }, { CGROUP_NO_LIMIT, "max" } };
	char buf[STATS_SIZE_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		stats_size(buf, (struct opt_u64){ true, rows[i].n });
		CHECK_STR(buf, rows[i].text);
		CHECK(strlen(buf) <= 4);
	}
	stats_size(buf, (struct opt_u64){ 0 });
	CHECK_STR(buf, "-");
}

static const struct tap_test tests[] = {
	{ "single values", test_values },
	{ "cpu.stat", test_cpu },
	{ "memory.events and memory.stat", test_memory },
	{ "io.stat", test_io },
	{ "pressure", test_pressure },
	{ "files of a cgroup, present and absent", test_files },
	{ "net/dev", test_net },
	{ "the data of an event", test_data },
	{ "intervals", test_interval },
	{ "sizes for people", test_sizes },
};

int main(void)
{
	struct err e;

	if (arena_init(&arena, 32 << 20, &e) < 0)
		return 1;
	return tap_run("stats", tests, ARRAY_SIZE(tests));
}

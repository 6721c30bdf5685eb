/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd driver. Everywhere: addresses, refusals, a helper or a bus that is not there or does not
 * answer. Where a manager is within reach (CTR_TEST_SYSTEMD=system or user, see tests/systemd.bats): units
 * for real.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../cgroup/internal.h"
#include "../../cgroup/systemd.h"
#include "../../runtime/base/fd.h"
#include "../../runtime/base/proc.h"
#include "../../runtime/base/sys.h"
#include "../../runtime/base/util.h"

static struct arena arena;
static char helper[PATH_MAX];

static bool start(void)
{
	struct err e;
	ssize_t n;

	arena_done(&arena);
	CHECK_INT(arena_init(&arena, 8 << 20, &e), 0);
	n = readlink("/proc/self/exe", helper, sizeof(helper) - 64);
	CHECK(n > 0);
	helper[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 3 && strrchr(helper, '/'); i++)
		*strrchr(helper, '/') = '\0';
	memcpy(helper + strlen(helper), "/ctr-systemd", sizeof("/ctr-systemd"));
	if (access(helper, X_OK) == 0)
		return true;
	printf("# not run: ctr-systemd is not built (libsystemd-dev is missing)\n");
	return false;
}

static struct cgroup_plan plan_of(const char *unit, const char *leaf)
{
	return (struct cgroup_plan){
		.manager = CGROUP_SYSTEMD, .slice = "ctrtest.slice", .unit = unit, .leaf = leaf
	};
}

/* ---- without a manager ----------------------------------------------------------------------------------
 */

static void test_addresses(void)
{
	const char *address = NULL;
	struct err e;

	start();
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("XDG_RUNTIME_DIR");
	CHECK_INT(cgroup_systemd_bus(&arena, false, &address, &e), 0);
	CHECK_STR(address, "unix:path=/run/dbus/system_bus_socket");
	CHECK_INT(cgroup_systemd_bus(&arena, true, &address, &e), -ENOENT);
	CHECK(strstr(e.text, "XDG_RUNTIME_DIR"));
	setenv("XDG_RUNTIME_DIR", "/run/us er,1=;%", 1);
	CHECK_INT(cgroup_systemd_bus(&arena, true, &address, &e), 0);
	CHECK_STR(address, "unix:path=/run/us%20er%2c1%3d%3b%25/bus");
	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/x", 1);
	CHECK_INT(cgroup_systemd_bus(&arena, true, &address, &e), 0);
	CHECK_STR(address, "unix:path=/tmp/x");
}

static int create(const struct cgroup_plan *p, const struct cgroup_systemd_options *o, struct err *e)
{
	struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
	const char *path;
	int fd = -EBADF;
	int r = cgroup_systemd_create(&arena, p, o, &s, &fd, &path, e);

	CHECK(r < 0);
	CHECK_INT(fd, -EBADF);
	CHECK_INT(s.pidfd, -EBADF);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	return r;
}

static void test_no_helper(void)
{
	const struct cgroup_plan p = plan_of("ctr-a.scope", NULL);
	struct cgroup_systemd_options o = { .id = "a", .bus = "unix:path=/nonexistent" };
	struct err e;

	start();
	CHECK_INT(create(&p, &o, &e), -ENOENT);
	CHECK(strstr(e.text, "ctr-systemd is not installed"));
	o.helper = "/nonexistent/ctr-systemd";
	CHECK_INT(create(&p, &o, &e), -ENOENT);
	CHECK(strstr(e.text, "/nonexistent/ctr-systemd is not installed"));
	o.helper = "/bin/false";
	CHECK_INT(create(&p, &o, &e), -EPROTO);
	o.helper = "/bin/echo"; /* says something, but not an answer */
	CHECK_INT(create(&p, &o, &e), -EPROTO);
	CHECK(strstr(e.text, "ctr-systemd failed: start unix:path=/nonexistent"));
}

/* A socket of the given name; answers nothing, and accepts only when told to. */
static int fake_bus(char address[160], bool listening)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	static int count;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "ctr-test-bus-%d-%d", getpid(), count++);
	(void)snprintf(address, 160, "unix:abstract=%s", a.sun_path + 1);
	CHECK(bind(fd, (struct sockaddr *)&a,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1))) == 0);
	if (listening)
		CHECK(listen(fd, 8) == 0);
	return fd;
}

static void test_no_bus(void)
{
	const struct cgroup_plan p = plan_of("ctr-a.scope", NULL);
	struct cgroup_systemd_options o = { .id = "a",
					    .helper = helper,
					    .bus = "unix:path=/nonexistent/bus" };
	char address[160];
	struct err e;

	if (!start())
		return;
	CHECK_INT(create(&p, &o, &e), -ENOENT);
	CHECK_STR(e.text,
		  "start unit ctr-a.scope: connect to the bus of systemd (unix:path=/nonexistent/bus): "
		  "no such file or directory");
	int fd = fake_bus(address, false);
	o.bus = address;
	CHECK_INT(create(&p, &o, &e), -ECONNREFUSED);
	CHECK_INT(cgroup_systemd_remove(&arena, "/nonexistent-ctr", "ctr-a.scope", &o, &e), -ECONNREFUSED);
	o.bus = "nonsense";
	CHECK(create(&p, &o, &e) < 0);
	fd_close(&fd);
}

static void test_silent_bus(void)
{
	const struct cgroup_plan p = plan_of("ctr-a.scope", NULL);
	char address[160];
	struct cgroup_systemd_options o = { .id = "a", .helper = helper, .bus = address, .timeout_ms = 800 };
	int fd = fake_bus(address, true);
	int64_t begin = now_ms();
	struct err e;

	if (!start()) {
		fd_close(&fd);
		return;
	}
	CHECK_INT(create(&p, &o, &e), -ETIMEDOUT);
	CHECK(strstr(e.text, "systemd did not answer in time"));
	CHECK(now_ms() - begin < 900);
	begin = now_ms();
	o.helper = "/usr/bin/yes"; /* talks without end */
	CHECK_INT(create(&p, &o, &e), -EPROTO);
	CHECK(now_ms() - begin < 3000);
	fd_close(&fd);
}

/* A helper that hangs itself is killed. */
static void test_hanging_helper(void)
{
	static const char script[] = "#!/bin/sh\nexec sleep 60\n";
	char name[] = "/tmp/ctr-test-hangs.XXXXXX";
	const struct cgroup_plan p = plan_of("ctr-a.scope", NULL);
	struct cgroup_systemd_options o = {
		.id = "a", .helper = name, .bus = "unix:path=/x", .timeout_ms = 300
	};
	int fd = mkostemp(name, O_CLOEXEC);
	struct err e;

	start();
	CHECK(fd >= 0 && fchmod(fd, 0700) == 0);
	CHECK_INT(fd_write_all(fd, script, sizeof(script) - 1), 0);
	fd_close(&fd);
	int64_t begin = now_ms();
	CHECK_INT(create(&p, &o, &e), -ETIMEDOUT);
	CHECK_STR(e.text, "start unit ctr-a.scope: systemd did not answer within 300 ms");
	CHECK(now_ms() - begin >= 300 && now_ms() - begin < 1000);
	(void)unlink(name);
}

/* One that throws everybody out at once ("maximum number of connections"): tried again until the deadline. */
static void test_full_bus(void)
{
	const struct cgroup_plan p = plan_of("ctr-a.scope", NULL);
	char address[160];
	struct cgroup_systemd_options o = { .id = "a", .helper = helper, .bus = address, .timeout_ms = 800 };
	auto_close int fd = fake_bus(address, true);
	struct err e;
	int n = 0;

	if (!start())
		return;
	pid_t pid = fork();
	if (pid == 0)
		for (n = 0;; n++) {
			int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
			if (c >= 0)
				close(c);
		}
	struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
	int64_t begin = now_ms();
	const char *path;
	int r = cgroup_systemd_create(&arena, &p, &o, &s, &n, &path, &e);
	CHECK(r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN);
	CHECK(now_ms() - begin >= 250 && now_ms() - begin < 900);
	(void)kill(pid, SIGKILL);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static void test_annotations(void)
{
	static const char *const bad[] = { "Slice", "PIDs", "PIDFDs", "Controller",
					   "",	    "a b",  "x.y",    "A\xc3\xa9" };
	const struct cgroup_plan p = plan_of("ctr-a.scope", NULL);
	struct err e;

	start();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct map_entry entry = { arena_printf(&arena, "org.systemd.property.%s", bad[i]), "true" };
		struct string_map map = { &entry, 1 };
		struct cgroup_systemd_options o = { .id = "a", .helper = "/bin/true", .annotations = &map };

		CHECK_INT(create(&p, &o, &e), -EINVAL);
		CHECK(strstr(e.text, "annotation org.systemd.property."));
	}
}

/* ---- with one
 * ------------------------------------------------------------------------------------------------ */

/* What systemctl says; in the arena. */
static const char *unit_show(bool user, const char *unit, const char *property)
{
	char command[256], text[4096];
	size_t n = 0;

	(void)snprintf(command, sizeof(command), "systemctl %s show --value -p %s %s",
		       user ? "--user" : "--system", property, unit);
	FILE *f = popen(command, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		(void)pclose(f);
	}
	while (n && text[n - 1] == '\n')
		n--;
	return arena_strndup(&arena, text, n);
}

/* A process that sleeps in the cgroup, started there. Negative: the error of clone3(). */
static pid_t sleeper(int cgroup)
{
	struct sys_clone_args a = { .flags = cgroup >= 0 ? SYS_CLONE_INTO_CGROUP : 0,
				    .exit_signal = SIGCHLD,
				    .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0 };
	pid_t pid = sys_clone3(&a);

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static const char *cgroup_of(pid_t pid)
{
	char name[64], *text, *line;
	size_t n;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	if (file_read_at(&arena, AT_FDCWD, name, 1 << 16, &text, &n) < 0)
		return "";
	line = strstr(text, "0::");
	if (!line)
		return "";
	line[strcspn(line, "\n")] = '\0';
	return line + 3;
}

static bool wait_gone(bool user, const char *unit)
{
	for (int i = 0; i < 100; i++) {
		if (str_eq(unit_show(user, unit, "LoadState"), "not-found"))
			return true;
		(void)usleep(50000);
	}
	return false;
}

static void life(bool user, const char *leaf)
{
	static const struct cgroup_property limits[] = { { "TasksMax", "t", "1" },
							 { "MemoryMax", "t", "104857600" },
							 { "AllowedCPUs", "ay", "01" },
							 { "NoSuchThing", "t", "5" } };
	static struct map_entry entries[] = { { "org.systemd.property.TimeoutStopUSec", "uint64 10000000" },
					      { "org.systemd.property.CollectMode", "'inactive'" },
					      { "org.systemd.property.After",
						"['dbus.socket', \"basic.target\"]" },
					      { "org.systemd.property.KillSignal", "3" },
					      { "org.systemd.property.SendSIGHUP", "true" },
					      { "org.systemd.property.RuntimeMaxSec", "1.5e3" },
					      { "other", "x" } };
	const struct string_map annotations = { entries, ARRAY_SIZE(entries) };
	const struct cgroup_plan p = plan_of("ctr-life.scope", leaf);
	struct cgroup_systemd_options o = { .id = "life",
					    .helper = helper,
					    .user = user,
					    .limits = { limits, ARRAY_SIZE(limits) },
					    .annotations = &annotations };
	struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
	const char *path = "";
	struct err e = { 0 };
	int fd = -EBADF;

	CHECK_INT(cgroup_systemd_create(&arena, &p, &o, &s, &fd, &path, &e), 0);
	if (e.code) {
		printf("# %s\n", e.text);
		return;
	}
	CHECK(strstr(path, "/ctrtest.slice/ctr-life.scope"));
	CHECK_STR(cgroup_of(s.pid), path);
	CHECK_STR(unit_show(user, p.unit, "TasksMax"), "2");
	pid_t pid = sleeper(fd);
	bool attached = pid == -EACCES;
	if (attached) { /* we are not in the user manager's tree */
		pid = sleeper(-EBADF);
		CHECK_INT(cgroup_systemd_attach(&arena, &p, &o, pid, &e), 0);
	}
	CHECK(pid > 0);
	CHECK_STR(cgroup_of(pid), path);
	CHECK_INT(cgroup_systemd_release(&arena, &p, &o, &s, &e), 0);
	CHECK_INT(s.pidfd, -EBADF);
	CHECK_STR(unit_show(user, p.unit, "ActiveState"), "active");
	CHECK_STR(unit_show(user, p.unit, "TasksMax"), "1");
	CHECK_STR(unit_show(user, p.unit, "MemoryMax"), "104857600");
	CHECK_STR(unit_show(user, p.unit, "AllowedCPUs"), "0");
	CHECK_STR(unit_show(user, p.unit, "Delegate"), "yes");
	CHECK_STR(unit_show(user, p.unit, "DefaultDependencies"), "no");
	CHECK_STR(unit_show(user, p.unit, "Slice"), "ctrtest.slice");
	CHECK_STR(unit_show(user, p.unit, "Description"), "ctr container life");
	CHECK_STR(unit_show(user, p.unit, "TimeoutStopUSec"), "10s");
	CHECK_STR(unit_show(user, p.unit, "CollectMode"), "inactive");
	CHECK_STR(unit_show(user, p.unit, "KillSignal"), "3");
	CHECK_STR(unit_show(user, p.unit, "SendSIGHUP"), "yes");
	CHECK_STR(unit_show(user, p.unit, "RuntimeMaxUSec"), "25min");
	CHECK(strstr(unit_show(user, p.unit, "After"), "dbus.socket"));

	/* A second one of that name is refused and leaves the first alone. */
	struct cgroup_systemd s2 = CGROUP_SYSTEMD_NONE;
	int fd2 = -EBADF;
	CHECK_INT(cgroup_systemd_create(&arena, &p, &o, &s2, &fd2, &path, &e), -EEXIST);
	CHECK_STR(e.text, "start unit ctr-life.scope: unit ctr-life.scope exists already and is active");
	CHECK_STR(unit_show(user, p.unit, "ActiveState"), "active");

	static const struct cgroup_property more[] = { { "TasksMax", "t", "77" },
						       { "AlsoUnknown", "t", "5" } };
	const struct cgroup_knob_list none = { .check_memory = -1, .check_total = -1 };
	o.limits = (struct cgroup_property_list){ more, ARRAY_SIZE(more) };
	CHECK_INT(cgroup_systemd_update(&arena, path, p.unit, &o, &none, &e), 0);
	CHECK_STR(unit_show(user, p.unit, "TasksMax"), "77");

	CHECK_INT(cgroup_systemd_remove(&arena, path, p.unit, &o, &e), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK_STR(unit_show(user, p.unit, "LoadState"), "not-found");
	CHECK_INT(cgroup_systemd_remove(&arena, path, p.unit, &o, &e), 0);
	fd_close(&fd);
	CHECK_INT(cgroup_open(path, &fd, &e), -ENOENT);
	printf("# %s\n", attached ? "moved by the manager" : "born in the scope");
}

static void test_life(void)
{
	const char *manager = getenv("CTR_TEST_SYSTEMD");

	if (!manager) {
		printf("# not run: no CTR_TEST_SYSTEMD\n");
		return;
	}
	CHECK(start());
	setenv("XDG_RUNTIME_DIR", getenv("CTR_TEST_RUNTIME_DIR") ? getenv("CTR_TEST_RUNTIME_DIR") : "", 1);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	life(str_eq(manager, "user"), NULL);
	life(str_eq(manager, "user"), "container");
}

/* The same unit name, one after another without a pause; and the death of the caller before the release. */
static void test_again(void)
{
	const char *manager = getenv("CTR_TEST_SYSTEMD"), *path;
	const struct cgroup_plan p = plan_of("ctr-again.scope", NULL);
	struct cgroup_systemd_options o = { .id = "again", .helper = helper };
	struct err e = { 0 };

	if (!manager)
		return;
	CHECK(start());
	o.user = str_eq(manager, "user");
	for (int i = 0; i < 10; i++) {
		struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
		int fd = -EBADF;
		int r = cgroup_systemd_create(&arena, &p, &o, &s, &fd, &path, &e);

		CHECK_INT(r, 0);
		if (r < 0)
			printf("# %s\n", e.text);
		CHECK_INT(cgroup_systemd_release(&arena, &p, &o, &s, &e), 0);
		if (i % 2)
			CHECK_INT(cgroup_systemd_remove(&arena, path, p.unit, &o, &e), 0);
		fd_close(&fd);
	}
	pid_t pid = fork();
	if (pid == 0) {
		struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
		int fd = -EBADF;
		int r = cgroup_systemd_create(&arena, &p, &o, &s, &fd, &path, &e);
		(void)kill(getpid(), r == 0 ? SIGKILL : SIGABRT);
	}
	int status;
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGKILL);
	CHECK(wait_gone(o.user, p.unit));
}

/* A unit that failed and was not collected: ours is cleared away, another's is not. */
static void test_leftover(void)
{
	const char *manager = getenv("CTR_TEST_SYSTEMD"), *path;
	static struct map_entry entries[] = { { "org.systemd.property.CollectMode", "'inactive'" } };
	static const struct string_map keep = { entries, 1 };
	const struct cgroup_plan p = plan_of("ctr-left.scope", NULL);
	struct cgroup_systemd_options o = { .id = "left", .helper = helper, .annotations = &keep };
	static struct map_entry bound[] = { { "org.systemd.property.CollectMode", "'inactive'" },
					    { "org.systemd.property.RuntimeMaxUSec", "uint64 200000" } };
	static const struct string_map fails = { bound, 2 };
	struct cgroup_systemd s = CGROUP_SYSTEMD_NONE;
	struct err e = { 0 };
	int fd = -EBADF;

	if (!manager)
		return;
	CHECK(start());
	o.user = str_eq(manager, "user");
	o.annotations = &fails;
	CHECK_INT(cgroup_systemd_create(&arena, &p, &o, &s, &fd, &path, &e), 0);
	for (int i = 0; i < 100 && !str_eq(unit_show(o.user, p.unit, "ActiveState"), "failed"); i++)
		(void)usleep(50000);
	CHECK_STR(unit_show(o.user, p.unit, "ActiveState"), "failed");
	CHECK_INT(cgroup_systemd_release(&arena, &p, &o, &s, &e), 0);
	fd_close(&fd);
	o.annotations = &keep;
	o.id = "another";
	CHECK_INT(cgroup_systemd_create(&arena, &p, &o, &s, &fd, &path, &e), -EEXIST);
	CHECK(strstr(e.text, "was not made by ctr (\"ctr container left\")"));
	o.id = "left";
	CHECK_INT(cgroup_systemd_create(&arena, &p, &o, &s, &fd, &path, &e), 0);
	CHECK_INT(cgroup_systemd_remove(&arena, path, p.unit, &o, &e), 0);
	CHECK_INT(cgroup_systemd_release(&arena, &p, &o, &s, &e), 0);
	fd_close(&fd);
}

/* What annotations say wrongly, in systemd's words or ours; nothing is left. */
static void test_refused(void)
{
	static const struct {
		const char *name, *value, *text;
	} bad[] = { { "TimeoutStopUSec", "'text'", "Failed to set unit properties" },
		    { "NoSuchProperty", "true", "NoSuchProperty" },
		    { "TimeoutStopUSec", "uint64 10 20", "is no value that is understood" },
		    { "TimeoutStopUSec", "uint64 18446744073709551616", "is no value that is understood" },
		    { "After", "[]", "is no value that is understood" },
		    { "After", "['a', true]", "is no value that is understood" },
		    { "After", "['a'", "is no value that is understood" },
		    { "TimeoutStopSec", "soon", "is no value that is understood" } };
	const char *manager = getenv("CTR_TEST_SYSTEMD");
	const struct cgroup_plan p = plan_of("ctr-refused.scope", NULL);
	struct err e;

	if (!manager)
		return;
	CHECK(start());
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct map_entry entry = { arena_printf(&arena, "org.systemd.property.%s", bad[i].name),
					   bad[i].value };
		struct string_map map = { &entry, 1 };
		struct cgroup_systemd_options o = {
			.id = "a", .helper = helper, .annotations = &map, .user = str_eq(manager, "user")
		};

		CHECK(create(&p, &o, &e) < 0);
		CHECK(strstr(e.text, bad[i].text));
		if (!strstr(e.text, bad[i].text))
			printf("# %s\n", e.text);
		CHECK_STR(unit_show(o.user, p.unit, "LoadState"), "not-found");
	}
}

static const struct tap_test tests[] = {
	{ "addresses", test_addresses },
	{ "no helper", test_no_helper },
	{ "no bus", test_no_bus },
	{ "a silent bus", test_silent_bus },
	{ "a hanging helper", test_hanging_helper },
	{ "a full bus", test_full_bus },
	{ "annotations", test_annotations },
	{ "life of a scope", test_life },
	{ "again and again", test_again },
	{ "leftovers", test_leftover },
	{ "refusals", test_refused },
};
TAP_MAIN("systemd", tests)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container side alone: plans made by hand, given to the embedded program, with this test as the host
 * side. Needs root and busybox; every test says so when it cannot run. Everything happens in new mount
 * namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/base/sys.h"
#include "../../runtime/base/util.h"
#include "../../runtime/host_inspect.h"
#include "../../runtime/host_spawn.h"
#include "../../runtime/sync.h"
#include "tap.h"

#define WAIT_MS 20000
#define S(x) ((char *)(uintptr_t)(x))

static char top[64]; /* of this test's files */
static char root[80]; /* the root filesystem in it */

#define ROOM 0

/* A plan under construction, and what came of it. */
struct box {
	struct step v[64];
	size_t n;
	int open[4];
	size_t n_open;
	uint32_t n_slots, keep;
	uint64_t clone_flags;
	bool user_ns; /* a fork step that waits for maps */
	bool hold; /* leave it at the gate */
	struct box *rest; /* of the plan, for a REST step, in the memory of the slot ROOM */
	uint32_t instead; /* a message that comes instead of it, SYNC_EOF: none */
	int network; /* sent at once, 0: nothing is */
	char *args[4]; /* of finish() */
	struct step_exec exec;
	/* results */
	struct spawned c;
	pid_t forker; /* of a rest: it stays as long as we do */
	uint32_t seen[16]; /* types of the messages */
	size_t n_seen;
	int console;
	struct err err;
	char out[16384];
	int status; /* of waitid: exit status, or 128 and the signal */
};

static void add(struct box *b, uint32_t op, const void *arg)
{
	if (b->n < ARRAY_SIZE(b->v))
		b->v[b->n++] = (struct step){ op, arg };
}
#define ADD(b, OP, name, ...) add(b, STEP_##OP, &(const struct step_##name){ __VA_ARGS__ })

static bool can_run(void)
{
	if (geteuid() == 0 && root[0])
		return true;
	tap_skip(geteuid() ? "needs root" : "needs busybox (package busybox-static)");
	return false;
}

/* ---- the host side ------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		printf("# cannot write %s\n", path);
}

static void on_forked(struct box *b, int pid)
{
	char path[64];

	if (b->rest)
		b->forker = b->c.pid;
	else
		(void)waitpid(b->c.pid, NULL, 0);
	fd_close(&b->c.pidfd);
	b->c.pid = pid;
	b->c.pidfd = sys_pidfd_open(pid, 0);
	if (!b->user_ns)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_file(path, "0 100000 65536\n");
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_file(path, "0 100000 65536\n");
	CHECK_INT(sync_send(b->c.sync, SYNC_MAPPED, 0, -1, &b->err), 0);
}

static int state_file(void)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, "{\"id\":\"x\"}", 10) != 10)
		fd_close(&fd);
	return fd;
}

/* Until the end of file, an error, or the gate when it is to be held. */
static void converse(struct box *b)
{
	if (b->network)
		CHECK(sync_send(b->c.sync, SYNC_NETWORK, 0, b->network, &b->err) == 0 || b->err.code == EPIPE);
	for (;;) {
		struct sync_message m;
		auto_close int fd = -EBADF;
		auto_close int state = -EBADF;
		if (sync_recv(b->c.sync, WAIT_MS, &m, &fd, &b->err) < 0)
			return;
		if (b->n_seen < ARRAY_SIZE(b->seen))
			b->seen[b->n_seen++] = m.type;
		switch (m.type) {
		case SYNC_FORKED:
			on_forked(b, m.value);
			break;
		case SYNC_MOUNTED:
			state = state_file();
			CHECK_INT(sync_send(b->c.sync, SYNC_HOOKED, 0, state, &b->err), 0);
			break;
		case SYNC_CONSOLE:
			b->console = TAKE_FD(fd);
			break;
		case SYNC_READY:
			if (b->hold)
				return;
			state = state_file();
			CHECK_INT(sync_send(b->c.sync, SYNC_START, 0, state, &b->err), 0);
			break;
		case SYNC_EXECUTING:
			break;
		case SYNC_ERROR:
			b->err = m.err;
			return;
		default:
			return;
		}
	}
}

static void begin(struct box *b, int *ret_pipe)
{
	static struct arena arena;
	const struct plan_steps steps = { b->v, b->n };
	struct spawn s = { .arena = &arena,
			   .steps = &steps,
			   .n_slots = MAX(b->n_slots, (uint32_t)b->n_open),
			   .open_fds = b->open,
			   .n_open = b->n_open,
			   .clone_flags = b->clone_flags,
			   .cgroup_fd = -1,
			   .keep_fds = b->keep };
	int out[2], saved;
	sigset_t all, before;

	if (b->rest) {
		b->open[ROOM] = host_spawn_room(&b->err);
		s.n_open = s.n_slots = ROOM + 1;
	}

	b->console = -1;
	(void)fflush(stdout);
	*ret_pipe = -1;
	if (!arena.base && arena_init(&arena, 0, &b->err) < 0)
		return;
	if (pipe2(out, O_CLOEXEC) < 0 || (saved = fcntl(1, F_DUPFD_CLOEXEC, 100)) < 0)
		return;
	(void)dup2(out[1], 1);
	(void)close(out[1]);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	b->c = (struct spawned){ .pid = -1, .pidfd = -1, .sync = -1 };
	int r = host_spawn(&s, &b->c, &b->err);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)dup2(saved, 1);
	(void)close(saved);
	*ret_pipe = out[0];
	if (r == 0 && b->rest) {
		const struct plan_steps rest = { b->rest->v, b->rest->n };
		const struct spawn more = { .arena = &arena, .steps = &rest, .n_slots = b->rest->n_slots };
		r = host_spawn_rest(&b->c, b->open[ROOM], &more, &b->err);
		fd_close(&b->open[ROOM]);
	}
	if (b->instead == SYNC_EOF)
		(void)shutdown(b->c.sync, SHUT_WR);
	else if (b->instead)
		CHECK_INT(sync_send(b->c.sync, b->instead, 0, -1, &b->err), 0);
	if (r == 0)
		converse(b);
}

static void end(struct box *b, int out)
{
	siginfo_t si = { 0 };
	struct pollfd p = { .fd = out, .events = POLLIN };
	size_t n = 0;
	ssize_t got;

	if (b->console < 0)
		while (n < sizeof(b->out) - 1 && poll(&p, 1, WAIT_MS) > 0 &&
		       (got = read(out, b->out + n, sizeof(b->out) - 1 - n)) > 0)
			n += (size_t)got;
	b->out[n] = '\0';
	if (b->forker) { /* and has no part in the output */
		CHECK(n < sizeof(b->out) - 1 && poll(&p, 1, 0) == 1 && p.revents == POLLHUP);
		CHECK_INT(waitpid(b->forker, NULL, WNOHANG), 0);
		(void)kill(b->forker, SIGKILL);
		(void)waitpid(b->forker, NULL, 0);
	}
	p.fd = b->c.pidfd;
	if (b->c.pidfd >= 0 && poll(&p, 1, WAIT_MS) == 0)
		(void)sys_pidfd_send_signal(b->c.pidfd, SIGKILL);
	if (b->c.pidfd >= 0 && waitid((idtype_t)P_PIDFD, (id_t)b->c.pidfd, &si, WEXITED) == 0)
		b->status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	else
		b->status = -1;
	fd_close(&b->c.pidfd);
	fd_close(&b->c.sync);
	fd_close(&b->console);
	(void)close(out);
}

static void run(struct box *b)
{
	int out;

	begin(b, &out);
	end(b, out);
}

/* The usual end: credentials of root with every capability, look-up, gate, exec of a shell's script. */
#define ALL_CAPS ((1ULL << (CAP_LAST_CAP + 1)) - 1)
/* As the planner has it: what is not in our own bounding set cannot be in a container's. */
static uint64_t own_bounding(void)
{
	uint64_t caps = 0;

	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		caps |= (uint64_t)(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) << cap;
	return caps;
}

#define CREDENTIALS                                                                                          \
	.bounding = own_bounding(), .permitted = ALL_CAPS, .effective = ALL_CAPS, .last_cap = CAP_LAST_CAP,        \
	.cwd = "/"
static char *shell_env[] = { S("PATH=/bin"), NULL };
#define ENV                                                                                                  \
	{                                                                                                    \
		shell_env, 1                                                                                 \
	}
static void finish(struct box *b, const char *script)
{
	static const struct step_lookup lookup = { "sh", "/bin" };
	static const struct step_gate gate = { PLAN_NO_SLOT };

	b->args[0] = S("sh");
	b->args[1] = S("-c");
	b->args[2] = S(script);
	b->exec = (struct step_exec){ .args = { b->args, 3 }, .env = ENV, .keep_fds = b->keep };
	add(b, STEP_LOOKUP, &lookup);
	add(b, STEP_GATE, &gate);
	add(b, STEP_EXEC, &b->exec);
}

#define NEW_NS (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)
#define START_ROOT(b)                                                                                        \
	(b)->clone_flags = NEW_NS;                                                                           \
	ADD(b, SESSION, session, .keyring = false);                                                           \
	ADD(b, PROPAGATION, propagation, .flags = MS_REC | MS_SLAVE, .chroot = true);                           \
	ADD(b, ROOT, root, .path = root, .slot = PLAN_NO_SLOT, .new_ns = true)
#define MOUNT_PROC(b)                                                                                        \
	ADD(b, MOUNT, mount, .destination = "/proc", .fstype = "proc", .source = "proc",                     \
	    .slot = PLAN_NO_SLOT, .idmap = PLAN_NO_SLOT)
#define MOUNT_TMPFS(b, where, ...)                                                                           \
	ADD(b, MOUNT, mount, .destination = where, .fstype = "tmpfs", .source = "tmpfs",                     \
	    .slot = PLAN_NO_SLOT, .idmap = PLAN_NO_SLOT, __VA_ARGS__)
#define PIVOT(b) ADD(b, PIVOT, pivot, .mode = PIVOT_ROOT)

/* ---- entry, look-up, gate ------------------------------------------------------------------------------ */

static void test_smallest(void)
{
	struct box b = { 0 };
	char *args[] = { S("sh"), S("-c"), S("echo $0 $A; exit 7"), S("zero"), NULL };
	char *env[] = { S("PATH=/bin"), S("A=b"), NULL };

	if (!can_run())
		return;
	ADD(&b, LOOKUP, lookup, "sh", "/bin");
	ADD(&b, GATE, gate, PLAN_NO_SLOT);
	ADD(&b, EXEC, exec, .args = { args, 4 }, .env = { env, 2 });
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "zero b\n");
	CHECK_INT(b.status, 7);
	CHECK_INT(b.n_seen, 3);
	CHECK_INT(b.seen[0], SYNC_READY);
	CHECK_INT(b.seen[1], SYNC_EXECUTING);
	CHECK_INT(b.seen[2], SYNC_EOF);
	CHECK_INT(b.seen[2], SYNC_EOF);
}

static void lookup_error(const char *program, const char *path, const char *text)
{
	struct box b = { 0 };
	char *args[] = { S(program), NULL }, *env[] = { S(path), NULL };

	ADD(&b, LOOKUP, lookup, program, path + strlen("PATH="));
	ADD(&b, GATE, gate, PLAN_NO_SLOT);
	ADD(&b, EXEC, exec, .args = { args, 1 }, .env = { env, 1 });
	run(&b);
	CHECK_STR(b.err.text, text);
	CHECK_INT(b.status, 1);
	CHECK_INT(b.n_seen, 1);
}

static void test_lookup(void)
{
	char dir[100], path[120], text[200];

	if (!can_run())
		return;
	lookup_error("nothing-like-it", "PATH=/bin:/usr/bin",
		     "exec: \"nothing-like-it\": executable file not found in $PATH");
	lookup_error("", "PATH=/bin", "exec: \"\": executable file not found in $PATH");
	lookup_error("/nothing", "PATH=/bin", "exec: \"/nothing\": stat /nothing: no such file or directory");
	lookup_error("/etc", "PATH=/bin", "exec: \"/etc\": is a directory: permission denied");
	lookup_error("/etc/passwd", "PATH=/bin", "exec: \"/etc/passwd\": permission denied");
	lookup_error("/etc/passwd/x", "PATH=/bin", "exec: \"/etc/passwd/x\": not a directory");
	/* A file that may not be executed does not end the search, but is what is told about. */
	(void)snprintf(dir, sizeof(dir), "%s/path", top);
	(void)snprintf(path, sizeof(path), "%s/path/tool", top);
	CHECK(mkdir(dir, 0755) == 0);
	write_file(path, "");
	(void)snprintf(path, sizeof(path), "PATH=%s", dir);
	(void)snprintf(text, sizeof(text), "exec: \"tool\": permission denied");
	lookup_error("tool", path, text);
	lookup_error("path", "PATH=/:", "exec: \"path\": executable file not found in $PATH");
}

/* A network namespace that is not ours. */
static int new_network(void)
{
	auto_close int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = unshare(CLONE_NEWNET) == 0 ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;

	CHECK_INT(setns(own, CLONE_NEWNET), 0);
	return fd;
}

static void test_network(void)
{
	struct box b = { 0 }, none = { .hold = true };
	char name[32];
	struct stat st;
	int pair[2];

	if (!can_run())
		return;
	b.network = new_network();
	CHECK(b.network > 0 && fstat(b.network, &st) == 0);
	(void)snprintf(name, sizeof(name), "net:[%lu]\n", (unsigned long)st.st_ino);
	ADD(&b, NETWORK, network, 0);
	finish(&b, "exec readlink /proc/self/ns/net");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, name);
	/* What is sent is a network namespace, or nothing goes on. */
	none.network = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ADD(&none, NETWORK, network, 0);
	finish(&none, "echo ran");
	run(&none);
	CHECK(strstr(none.err.text, "join the network namespace") != NULL);
	fd_close(&none.network);
	/* Who ends before he has read it has told why. */
	struct box early = { .network = b.network };
	early.args[0] = S("missing");
	ADD(&early, LOOKUP, lookup, "missing", "/bin");
	ADD(&early, NETWORK, network, 0);
	ADD(&early, GATE, gate, PLAN_NO_SLOT);
	ADD(&early, EXEC, exec, .args = { early.args, 1 }, .env = ENV);
	run(&early);
	CHECK(strstr(early.err.text, "executable file not found") != NULL);
	/* The same, with both there already. */
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	const struct err why = { .code = ENOENT, .text = "why" };
	struct sync_message m;
	struct err e;
	int fd;
	CHECK_INT(sync_send(pair[0], SYNC_NETWORK, 0, b.network, &e), 0);
	sync_send_error(pair[1], &why);
	(void)close(pair[1]);
	CHECK_INT(sync_recv(pair[0], WAIT_MS, &m, &fd, &e), 0);
	CHECK_INT(m.type, SYNC_ERROR);
	CHECK_INT(sync_recv(pair[0], WAIT_MS, &m, &fd, &e), 0);
	CHECK_INT(m.type, SYNC_EOF);
	(void)close(pair[0]);
	(void)close(b.network);
}

static void test_gate_end_of_file(void)
{
	struct box b = { .hold = true };
	int out;

	if (!can_run())
		return;
	finish(&b, "echo ran");
	begin(&b, &out);
	CHECK_INT(b.seen[0], SYNC_READY);
	fd_close(&b.c.sync);
	end(&b, out);
	CHECK_STR(b.out, "");
	CHECK_INT(b.status, 1);
}

static int call(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		fd_close(&fd);
	return fd;
}

/* A program behind the gate of a listener that is named `a`; the listener. */
static int begin_behind_gate(struct box *b, const struct sockaddr_un *a, socklen_t size, char **args, uint64_t n, int *out)
{
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK(bind(listener, (const struct sockaddr *)a, size) == 0 && listen(listener, 4) == 0);
	b->open[0] = listener;
	ADD(b, LOOKUP, lookup, args[0], "/bin");
	ADD(b, GATE, gate, 0);
	ADD(b, EXEC, exec, .args = { args, n }, .env = ENV);
	begin(b, out);
	CHECK_INT(b->seen[0], SYNC_READY);
	return listener;
}

/* A caller that says nothing is passed over; the one that says start is answered by the end of file. */
static void test_gate_listener(void)
{
	struct box b = { .hold = true, .n_open = 1 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char *args[] = { S("sh"), S("-c"), S("echo started; ls -l /proc/self/fd | wc -l"), NULL };
	struct sync_message m;
	struct err e;
	int out, fd = -1;

	if (!can_run())
		return;
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/gate", top);
	auto_close int listener = begin_behind_gate(&b, &a, sizeof(a), args, 3, &out);
	CHECK(listener >= 0);
	CHECK_INT(sync_send(b.c.sync, SYNC_RECORDED, 0, -1, &e), 0);
	fd_close(&b.c.sync); /* the creator goes away, the container stays */
	auto_close int silent = call(&a);
	CHECK(silent >= 0);
	fd_close(&silent);
	auto_close int loud = call(&a);
	CHECK_INT(sync_send(loud, SYNC_START, 0, -1, &e), 0);
	CHECK_INT(sync_recv(loud, WAIT_MS, &m, &fd, &e), 0);
	CHECK_INT(m.type, SYNC_EXECUTING);
	CHECK_INT(sync_recv(loud, WAIT_MS, &m, &fd, &e), 0);
	CHECK_INT(m.type, SYNC_EOF);
	end(&b, out);
	CHECK_STR(b.out, "started\n5\n"); /* "total 0" and 0, 1, 2, and the directory itself */
	CHECK_INT(b.status, 0);
}

/* Nobody has written down who we are: nobody could end us. */
static void test_gate_unrecorded(void)
{
	struct box b = { .hold = true, .n_open = 1 };
	char *args[] = { S("true"), NULL };
	int out;

	if (!can_run())
		return;
	const struct sockaddr_un a = { .sun_family = AF_UNIX };
	auto_close int listener = begin_behind_gate(&b, &a, sizeof(sa_family_t), args, 1, &out);
	CHECK(listener >= 0);
	fd_close(&b.c.sync);
	end(&b, out);
	CHECK_INT(b.status, 1);
}

static long resident_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f)
		(void)fclose(f);
	return kib;
}

static void test_small(void)
{
	struct box b = { .hold = true };
	int out;

	if (!can_run())
		return;
#ifdef __SANITIZE_ADDRESS__
	tap_skip("a sanitizer needs its own memory");
	return;
#endif
	START_ROOT(&b);
	MOUNT_PROC(&b);
	PIVOT(&b);
	ADD(&b, CREDENTIALS, credentials, CREDENTIALS);
	finish(&b, "true");
	begin(&b, &out);
	CHECK_INT(b.n_seen, 1);
	long kib = resident_kib(b.c.pid);
#ifdef __GLIBC__
	const long most = 1400;
#else
	const long most = 300;
#endif
	if (kib <= 0 || kib > most) {
		printf("# waiting with %ld kB resident\n", kib);
		tap_bad++;
	}
	fd_close(&b.c.sync);
	end(&b, out);
}

/* ---- descriptors, working directory -------------------------------------------------------------------- */

static void test_descriptors(void)
{
	struct box b = { .keep = 1 };

	if (!can_run())
		return;
	/* 3 is kept on purpose, 4 to 6 are what a careless caller left open. */
	auto_close int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int had[4];
	for (int i = 0; i < 4; i++) {
		had[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 60);
		(void)dup2(dir, 3 + i);
	}
	finish(&b, "for f in 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$f ] && echo $f; done; true");
	run(&b);
	for (int i = 0; i < 4; i++) {
		(void)close(3 + i);
		if (had[i] >= 0) {
			(void)fcntl(had[i], F_GETFD);
			(void)dup3(had[i], 3 + i, O_CLOEXEC);
			(void)close(had[i]);
		}
	}
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "3\n");
}

/* A kept directory of the host as the working directory: outside, however it is called (CVE-2024-21626). */
static void test_cwd_outside(void)
{
	struct box b = { .keep = 1 };

	if (!can_run())
		return;
	auto_close int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int had = fcntl(3, F_DUPFD_CLOEXEC, 60);
	(void)dup2(dir, 3);
	START_ROOT(&b);
	MOUNT_PROC(&b);
	PIVOT(&b);
	ADD(&b, CREDENTIALS, credentials, .bounding = ALL_CAPS, .last_cap = CAP_LAST_CAP,
	    .cwd = "/proc/self/fd/3");
	finish(&b, "echo ran");
	run(&b);
	(void)close(3);
	if (had >= 0) {
		(void)dup3(had, 3, O_CLOEXEC);
		(void)close(had);
	}
	CHECK_STR(b.err.text, "process.cwd /proc/self/fd/3: a loop of links, or a link of /proc, is on the way");
	CHECK_STR(b.out, "");
}

/* ---- processes ----------------------------------------------------------------------------------------- */

static void test_fork(void)
{
	for (int i = 0; i < 20; i++) {
		struct box b = { 0 };
		if (!can_run())
			return;
		ADD(&b, FORK, fork, CLONE_NEWNS | CLONE_NEWPID, false, false);
		finish(&b, "echo $$");
		run(&b);
		CHECK_STR(b.err.text, "");
		CHECK_STR(b.out, "1\n");
		CHECK_INT(b.seen[0], SYNC_FORKED); /* never after what the child says */
		CHECK_INT(b.n_seen, 4); /* forked, ready, executing, end of file */
	}
}

/* Begun as one process, and another one in the end; what takes the place of a plan has no part of it but the place. */
static void test_rest(void)
{
	struct box rest = { 0 }, b = { .rest = &rest };

	if (!can_run())
		return;
	ADD(&rest, FORK, fork, CLONE_NEWPID, false, false);
	finish(&rest, "echo another $$");
	ADD(&b, REST, rest, ROOM, PLAN_NO_SLOT);
	finish(&b, "echo practice");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "another 1\n");
	CHECK_INT(b.seen[0], SYNC_FORKED);
	CHECK_INT(b.n_seen, 4);
	struct box again = { .rest = &rest };
	rest.n_slots = 1;
	ADD(&again, REST, rest, ROOM, PLAN_NO_SLOT);
	finish(&again, "echo practice");
	run(&again);
	CHECK_STR(again.err.text, "plan: the rest of one brings descriptors");
	CHECK_STR(again.out, "");
}

static void test_no_rest(void)
{
	static const struct { uint32_t message; const char *text; uint32_t seen; } cases[] = {
		{ SYNC_START, "unexpected message \"start\" instead of the rest of the plan", SYNC_ERROR },
		{ SYNC_REST, "unexpected message \"rest\" instead of the rest of the plan", SYNC_ERROR }, /* for no memory */
		{ SYNC_EOF, "", SYNC_EOF },
	};

	for (size_t i = 0; can_run() && i < ARRAY_SIZE(cases); i++) {
		struct box b = { .instead = cases[i].message };
		ADD(&b, REST, rest, PLAN_NO_SLOT, PLAN_NO_SLOT);
		finish(&b, "echo practice");
		run(&b);
		CHECK_STR(b.err.text, cases[i].text);
		CHECK_INT(b.seen[0], cases[i].seen);
		CHECK_STR(b.out, "");
		CHECK_INT(b.status, 1);
	}
}

static void test_user_namespace(void)
{
	struct box b = { .user_ns = true };

	if (!can_run())
		return;
	ADD(&b, FORK, fork, CLONE_NEWUSER | NEW_NS, true, false);
	ADD(&b, BECOME, become, 0, 0);
	ADD(&b, PROPAGATION, propagation, .flags = MS_REC | MS_SLAVE);
	ADD(&b, ROOT, root, .path = root, .slot = PLAN_NO_SLOT, .new_ns = true);
	MOUNT_TMPFS(&b, "/tmp", .attr_set = SYS_MOUNT_ATTR_NOSUID);
	PIVOT(&b);
	ADD(&b, CREDENTIALS, credentials, .uid = 5, .gid = 6, .set_groups = true, .bounding = 0,
	    .last_cap = CAP_LAST_CAP, .cwd = "/");
	ADD(&b, VERIFY, verify, .no_new_privs = false);
	finish(&b, "id -u; id -g; touch /tmp/x && echo tmp");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "5\n6\ntmp\n");
}

static void test_supervisor(void)
{
	struct box b = { .clone_flags = NEW_NS, .hold = true };
	char *args[] = {
		S("sh"), S("-c"),
		S("trap 'echo got; exit 5' USR1; (sleep 0.1 &) ; echo up; while :; do sleep 0.05; done"), NULL
	};
	struct sync_message m;
	struct err e;
	int out, fd;
	char line[4] = "";

	if (!can_run())
		return;
	ADD(&b, SESSION, session, .keyring = false);
	ADD(&b, LOOKUP, lookup, "sh", "/bin");
	ADD(&b, GATE, gate, PLAN_NO_SLOT);
	ADD(&b, EXEC, exec, .args = { args, 3 }, .env = ENV, .supervise = true);
	begin(&b, &out);
	CHECK_INT(sync_send(b.c.sync, SYNC_START, 0, -1, &e), 0);
	CHECK_INT(sync_recv(b.c.sync, WAIT_MS, &m, &fd, &e), 0);
	CHECK_INT(m.type, SYNC_EXECUTING);
	CHECK_INT(sync_recv(b.c.sync, WAIT_MS, &m, &fd, &e), 0);
	CHECK_INT(m.type, SYNC_EOF);
	CHECK(read(out, line, 3) == 3); /* its trap is set */
	(void)sys_pidfd_send_signal(b.c.pidfd, SIGUSR1);
	end(&b, out);
	CHECK_STR(b.out, "got\n");
	CHECK_INT(b.status, 5);
}

static void test_supervisor_signal(void)
{
	struct box b = { .clone_flags = NEW_NS };
	char *args[] = { S("sh"), S("-c"), S("kill -TERM $$"), NULL };

	if (!can_run())
		return;
	ADD(&b, LOOKUP, lookup, "sh", "/bin");
	ADD(&b, GATE, gate, PLAN_NO_SLOT);
	ADD(&b, EXEC, exec, .args = { args, 3 }, .env = ENV, .supervise = true);
	run(&b);
	CHECK_INT(b.status, 128 + SIGTERM);
}

static void hook_case(const char *script, int64_t timeout_ms, const char *text, const char *out)
{
	struct box b = { .clone_flags = NEW_NS };
	char *args[] = { S("hook"), S("-c"), S(script), NULL };

	ADD(&b, HOOK_POINT, hook_point, 0);
	ADD(&b, HOOK, hook, "/bin/sh", { args, 3 }, ENV, timeout_ms, 3);
	finish(&b, "cat /proc/sys/kernel/hostname | grep -c .");
	run(&b);
	CHECK_STR(b.err.text, text);
	CHECK_STR(b.out, out);
	CHECK_INT(b.seen[0], SYNC_MOUNTED);
}

static void test_hooks(void)
{
	if (!can_run())
		return;
	/* The state on its input, its output nowhere, and nothing else of ours. */
	hook_case("[ \"$(cat)\" = '{\"id\":\"x\"}' ] && echo noise && [ ! -e /proc/self/fd/5 ]", 0, "",
		  "1\n");
	hook_case("exit 3", 0, "createContainer hook 3 (/bin/sh): exit status 3", "");
	hook_case("kill -9 $$", 0, "createContainer hook 3 (/bin/sh): killed by signal 9", "");
	hook_case("sleep 30 & sleep 30", 100, "createContainer hook 3 (/bin/sh): timed out after 100 ms", "");
}

/* ---- mounts -------------------------------------------------------------------------------------------- */

static void test_root(void)
{
	struct box b = { 0 };

	if (!can_run())
		return;
	START_ROOT(&b);
	MOUNT_PROC(&b);
	MOUNT_TMPFS(&b, "/new/deep/dir", .attr_set = SYS_MOUNT_ATTR_RDONLY | SYS_MOUNT_ATTR_NOEXEC);
	ADD(&b, MASK, mask, "/etc/passwd");
	ADD(&b, MASK, mask, "/home");
	ADD(&b, MASK, mask, "/usr");
	ADD(&b, MASK, mask, "/nothing/here");
	ADD(&b, READONLY, readonly, "/etc");
	PIVOT(&b);
	ADD(&b, ROOT_ATTR, root_attr, .readonly = true);
	ADD(&b, HOSTNAME, hostname, "inside");
	finish(&b, "hostname; wc -c </etc/passwd; ls /home | wc -l; ls /usr | wc -l; touch /etc/x /x /usr/x "
		   "/new/deep/dir/x 2>&-; "
		   "ls /etc/x /x /usr/x /new/deep/dir/x 2>&-; awk '$2 ~ /deep/ {print $4}' /proc/mounts");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "inside\n0\n0\n0\nro,noexec,relatime\n");
}

static void mount_error(const struct step_mount *m, const char *text)
{
	struct box b = { 0 };

	START_ROOT(&b);
	MOUNT_PROC(&b);
	add(&b, STEP_MOUNT, m);
	PIVOT(&b);
	finish(&b, "true");
	run(&b);
	CHECK_STR(b.err.text, text);
}
#define FS(where, type)                                                                                      \
	&(const struct step_mount)                                                                           \
	{                                                                                                    \
		.destination = where, .fstype = type, .source = "x", .slot = PLAN_NO_SLOT,                   \
		.idmap = PLAN_NO_SLOT                                                                        \
	}

static void test_proc_is_proc(void)
{
	static const char below[] = ": is inside proc, where only some files may be replaced";
	static const char other[] = ": only proc itself may be there";
	char text[200];

	if (!can_run())
		return;
	const struct {
		const char *where, *what;
	} cases[] = {
		{ "/proc/self/attr", below },  { "//proc//sys", below },  { "/proc/./sys", below },
		{ "/tmp/../proc/sys", below }, { "/to-proc/sys", below }, { "/proc", other },
		{ "/proc/", other },	       { "/tmp/../proc", other }, { "/to-proc", other },
		{ "/proc/.", other },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(text, sizeof(text), "mount at %s%s", cases[i].where, cases[i].what);
		mount_error(FS(cases[i].where, "tmpfs"), text);
	}
	mount_error(FS("/proc/sys", "proc"),
		    "mount at /proc/sys: is inside proc, where only some files may be replaced");
	mount_error(FS("/to-proc", "proc"), "mount at /to-proc: a symbolic link is on the way");
	mount_error(FS("/dangling", "sysfs"), "mount at /dangling: a symbolic link is on the way");
	mount_error(FS("/", "tmpfs"), "mount at /: that is where root.path is");
	mount_error(FS("/tmp", "nothing"), "mount at /tmp: filesystem nothing is unknown to the kernel");
	mount_error(FS("/dangling/x", "tmpfs"), "");
}

/* Binds of /proc: the host's is proc, a directory is not. Files that lxcfs replaces are fine. */
static void test_proc_binds(void)
{
	if (!can_run())
		return;
	for (int i = 0; i < 3; i++) {
		struct box b = { .n_slots = 1 };
		START_ROOT(&b);
		ADD(&b, SOURCE, source, .path = i == 0 ? "/proc" : i == 1 ? "/tmp" : "/etc/passwd", .slot = 0);
		const struct step_mount *proc = FS("/proc", "proc");
		if (i == 2)
			add(&b, STEP_MOUNT, proc);
		ADD(&b, MOUNT, mount, .destination = i == 2 ? "/proc/uptime" : "/proc", .slot = 0,
		    .idmap = PLAN_NO_SLOT, .flags = STEP_MOUNT_BIND);
		PIVOT(&b);
		finish(&b, "[ -e /proc/uptime ]");
		run(&b);
		CHECK_STR(b.err.text, i == 1 ? "mount at /proc: only proc itself may be there" : "");
		CHECK_INT(b.status, i == 1);
	}
}

static void test_copy_up(void)
{
	struct box b = { 0 };
	static char *data[] = { S("mode=755"), NULL };

	if (!can_run())
		return;
	START_ROOT(&b);
	MOUNT_TMPFS(&b, "/home", .flags = STEP_MOUNT_TMPCOPYUP, .attr_set = SYS_MOUNT_ATTR_RDONLY,
		    .ms_flags = MS_RDONLY, .data = { data, 1 });
	MOUNT_TMPFS(&b, "/tmp", .ms_flags = MS_I_VERSION,
		    .attr_set = SYS_MOUNT_ATTR_NOSUID | SYS_MOUNT_ATTR_NOATIME,
		    .attr_clr = SYS_MOUNT_ATTR__ATIME);
	MOUNT_PROC(&b);
	PIVOT(&b);
	finish(&b, "cat /home/user/file; stat -c '%u %g %a' /home/user/file; readlink /home/user/link; touch "
		   "/home/x 2>/dev/null || echo ro; "
		   "awk '$2 == \"/tmp\" {print $4}' /proc/mounts");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "text\n5 6 4750\nwhere\nro\nrw,nosuid,noatime\n");
}

/* An image that plays proc: nothing is written to its file (CVE-2019-16884). */
static void test_false_proc(void)
{
	struct box b = { 0 };
	char path[120];
	struct stat st;

	if (!can_run())
		return;
	START_ROOT(&b);
	PIVOT(&b);
	ADD(&b, LABEL, label, true, "ctr-test-profile");
	ADD(&b, VERIFY, verify, .apparmor = "ctr-test-profile");
	finish(&b, "echo ran");
	run(&b);
	CHECK(b.err.code != 0);
	CHECK_STR(b.out, "");
	(void)snprintf(path, sizeof(path), "%s/proc/self/attr/exec", root);
	CHECK(stat(path, &st) == 0 && st.st_size == 0);
	(void)snprintf(path, sizeof(path), "%s/proc/self/attr/apparmor/exec", root);
	CHECK(stat(path, &st) == 0 && st.st_size == 0);
}

static void test_sysctl(void)
{
	struct box b = { 0 };

	if (!can_run())
		return;
	START_ROOT(&b);
	ADD(&b, SYSCTL, sysctl, "kernel/msgmax", "4321", "kernel.msgmax");
	MOUNT_PROC(&b);
	PIVOT(&b);
	finish(&b, "cat /proc/sys/kernel/msgmax");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "4321\n");

	struct box bad = { 0 };
	START_ROOT(&bad);
	ADD(&bad, SYSCTL, sysctl, "../self/comm", "x", "../self/comm");
	ADD(&bad, EXEC, exec, .keep_fds = 0);
	run(&bad);
	CHECK_STR(bad.err.text, "set sysctl ../self/comm: \"..\" is not a name");
}

static void test_devices(void)
{
	struct box b = { 0 };

	if (!can_run())
		return;
	START_ROOT(&b);
	MOUNT_TMPFS(&b, "/dev", .attr_set = SYS_MOUNT_ATTR_NOSUID);
	ADD(&b, DEVICE, device, "/dev/null", S_IFCHR | 0666, 1, 3, 0, 0, PLAN_NO_SLOT, true);
	ADD(&b, DEVICE, device, "/dev/null", S_IFCHR | 0666, 1, 3, 0, 0, PLAN_NO_SLOT, false);
	ADD(&b, DEVICE, device, "/dev/sub/pipe", S_IFIFO | 0620, 0, 0, 3, 4, PLAN_NO_SLOT, false);
	ADD(&b, SYMLINK, symlink, "/proc/self/fd", "/dev/fd", false);
	ADD(&b, SYMLINK, symlink, "/not/there", "/dev/absent", true);
	PIVOT(&b);
	finish(&b, "stat -c '%F %a %t %T' /dev/null; stat -c '%F %a %u %g' /dev/sub/pipe; readlink /dev/fd; "
		   "ls /dev | wc -l");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "character special file 666 1 3\nfifo 620 3 4\n/proc/self/fd\n3\n");

	struct box other = { 0 };
	START_ROOT(&other);
	ADD(&other, DEVICE, device, "/etc/passwd", S_IFCHR | 0666, 1, 3, 0, 0, PLAN_NO_SLOT, false);
	ADD(&other, EXEC, exec, .keep_fds = 0);
	run(&other);
	CHECK_STR(other.err.text, "device /etc/passwd: a different file is there already");
}

static void test_console(void)
{
	struct box b = { 0 };
	static char *pts[] = { S("newinstance"), S("ptmxmode=0666"), S("mode=0620"), NULL };
	char text[200] = "";
	size_t n = 0;
	int out;

	if (!can_run())
		return;
	START_ROOT(&b);
	MOUNT_PROC(&b);
	MOUNT_TMPFS(&b, "/dev", .attr_set = SYS_MOUNT_ATTR_NOSUID);
	ADD(&b, MOUNT, mount, .destination = "/dev/pts", .fstype = "devpts", .source = "devpts",
	    .slot = PLAN_NO_SLOT, .idmap = PLAN_NO_SLOT, .data = { pts, 3 });
	PIVOT(&b);
	ADD(&b, CONSOLE, console, 80, 24, 0, true);
	finish(&b, "tty; stty size; [ -c /dev/console ] && echo console >/dev/console");
	begin(&b, &out);
	CHECK_STR(b.err.text, "");
	CHECK(b.console >= 0);
	struct pollfd p = { .fd = b.console, .events = POLLIN };
	ssize_t got;
	while (b.console >= 0 && n < sizeof(text) - 1 && poll(&p, 1, WAIT_MS) > 0 &&
	       (got = read(b.console, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	end(&b, out);
	CHECK_STR(text, "/dev/pts/0\r\n24 80\r\nconsole\r\n");
	CHECK_INT(b.status, 0);

	/* A directory of the image is no devpts, whatever lies in it. */
	struct box bad = { 0 };
	START_ROOT(&bad);
	PIVOT(&bad);
	ADD(&bad, CONSOLE, console, 0, 0, 0, true);
	finish(&bad, "true");
	run(&bad);
	CHECK_STR(bad.err.text, "process.terminal: there is no devpts at /dev/pts");
}

/* ---- privileges ---------------------------------------------------------------------------------------- */

static void test_credentials(void)
{
	static const uint32_t groups[] = { 7, 8 };
	struct box b = { 0 };
	uint64_t kill_cap = 1ULL << CAP_KILL, bind_cap = 1ULL << CAP_NET_BIND_SERVICE;

	if (!can_run())
		return;
	ADD(&b, UMASK, umask, 027);
	ADD(&b, NO_NEW_PRIVS, no_new_privs, 0);
	ADD(&b, CREDENTIALS, credentials, .uid = 1000, .gid = 1001, .groups = { groups, 2 },
	    .set_groups = true, .bounding = kill_cap | bind_cap, .permitted = kill_cap | bind_cap,
	    .effective = kill_cap | bind_cap, .inheritable = bind_cap, .ambient = bind_cap,
	    .last_cap = CAP_LAST_CAP, .cwd = "/");
	ADD(&b, VERIFY, verify, .no_new_privs = true);
	finish(&b, "umask; id -u; id -g; id -G; awk '/^(Cap|NoNew)/ {print $2}' /proc/self/status");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "0027\n1000\n1001\n1001 7 8\n0000000000000400\n0000000000000400\n0000000000000400\n"
			 "0000000000000420\n0000000000000400\n1\n");
}

/* What is not there cannot be given, and is not an error here: the planner warned. */
static void test_ungrantable(void)
{
	struct box b = { 0 };
	uint64_t kill_cap = 1ULL << CAP_KILL, admin = 1ULL << CAP_SYS_ADMIN;

	if (!can_run())
		return;
	ADD(&b, CREDENTIALS, credentials, .bounding = kill_cap, .permitted = ALL_CAPS, .effective = ALL_CAPS,
	    .last_cap = CAP_LAST_CAP, .cwd = "/");
	ADD(&b, CREDENTIALS, credentials, .bounding = kill_cap | admin, .permitted = kill_cap | admin,
	    .effective = kill_cap, .inheritable = kill_cap | admin, .ambient = kill_cap | admin,
	    .last_cap = CAP_LAST_CAP, .cwd = "/");
	ADD(&b, VERIFY, verify, .no_new_privs = false);
	finish(&b, "awk '/^Cap/ {print $2}' /proc/self/status");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(
		b.out,
		"0000000000000020\n0000000000000020\n0000000000000020\n0000000000000020\n0000000000000020\n");
}

/* Limits that the set-up itself could not live with. */
static void test_limits(void)
{
	struct box b = { 0 };

	if (!can_run())
		return;
	START_ROOT(&b); /* a static program: a loader would need a descriptor */
	PIVOT(&b);
	ADD(&b, RLIMIT, rlimit, RLIMIT_NOFILE, 3, 4, "RLIMIT_NOFILE");
	ADD(&b, RLIMIT, rlimit, RLIMIT_FSIZE, 0, 0, "RLIMIT_FSIZE");
	ADD(&b, RLIMIT, rlimit, RLIMIT_CORE, 1024, 2048, "RLIMIT_CORE");
	ADD(&b, HOOK_POINT, hook_point, 0);
	ADD(&b, CREDENTIALS, credentials, .uid = 1000, .gid = 1000, .last_cap = CAP_LAST_CAP, .cwd = "/");
	finish(&b, "ulimit -Sn; ulimit -Hn; ulimit -Hf; ulimit -Sc; ulimit -Hc");
	run(&b);
	CHECK_STR(b.err.text, "");
	CHECK_STR(b.out, "3\n4\n0\n2\n4\n");
}

/* What only prepares the exec need not be allowed, and pid 1 is under the filter as well. */
static void test_late_filter(void)
{
	static const struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_NR_close_range, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umask, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_NR_clone3, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct plan_bytes bytes = { (const uint8_t *)filter, sizeof(filter) };
	const char *const script = "grep -h ^Seccomp: /proc/1/status /proc/$$/status";

	if (!can_run())
		return;
	for (int supervise = 0; supervise < 2; supervise++) {
		struct box b = { 0 };
		START_ROOT(&b);
		MOUNT_PROC(&b);
		PIVOT(&b);
		ADD(&b, NO_NEW_PRIVS, no_new_privs, 0);
		ADD(&b, CREDENTIALS, credentials, .last_cap = CAP_LAST_CAP, .cwd = "/");
		finish(&b, script);
		b.exec.supervise = supervise;
		b.n--; /* the filter comes before the exec */
		ADD(&b, SECCOMP, seccomp, bytes, 0);
		add(&b, STEP_EXEC, &b.exec);
		run(&b);
		CHECK_STR(b.err.text, "");
		CHECK_STR(b.out, "Seccomp:\t2\nSeccomp:\t2\n");
	}
	struct box odd = { 0 };
	ADD(&odd, SECCOMP, seccomp, { (const uint8_t *)filter, 7 }, 0);
	finish(&odd, "true");
	run(&odd);
	CHECK_STR(odd.err.text, "linux.seccomp: 7 bytes are no program that the kernel takes");
}

static void test_postconditions(void)
{
	struct box b = { 0 };

	if (!can_run())
		return;
	ADD(&b, CREDENTIALS, credentials, CREDENTIALS);
	ADD(&b, VERIFY, verify, .no_new_privs = true);
	finish(&b, "echo ran");
	run(&b);
	CHECK_STR(b.err.text, "post-condition: process.noNewPrivileges is 0x0, planned 0x1");
	CHECK_STR(b.out, "");

	struct box caps = { 0 };
	ADD(&caps, CREDENTIALS, credentials, .bounding = 1ULL << CAP_KILL, .permitted = ALL_CAPS, .effective = ALL_CAPS,
	    .last_cap = CAP_LAST_CAP, .cwd = "/");
	ADD(&caps, CREDENTIALS, credentials, .bounding = 1ULL << CAP_KILL | 1ULL << CAP_CHOWN, .last_cap = CAP_LAST_CAP,
	    .cwd = "/");
	ADD(&caps, VERIFY, verify, .no_new_privs = false);
	finish(&caps, "echo ran");
	run(&caps);
	CHECK_STR(caps.err.text, "post-condition: process.capabilities.bounding is 0x20, planned 0x21");
	CHECK_STR(caps.out, "");

	struct box label = { 0 };
	ADD(&label, CREDENTIALS, credentials, CREDENTIALS);
	ADD(&label, VERIFY, verify, .selinux = "a:b:c");
	finish(&label, "echo ran");
	run(&label);
	CHECK_STR(label.err.text, "post-condition: process.selinuxLabel: was not set");
}

/* Inodes of our own namespaces, as the host side gives them. */
static void own_namespaces(uint32_t ids[PLAN_NAMESPACES_N])
{
	static const char *const names[] = {
#define X(name, type) name,
		PLAN_NAMESPACES(X)
#undef X
	};
	char path[64];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		ids[i] = stat(path, &st) == 0 ? (uint32_t)st.st_ino : 0;
	}
}

static void test_places(void)
{
	uint32_t ids[PLAN_NAMESPACES_N];
	struct box early = { 0 }, good = { 0 }, covered = { 0 }, old = { 0 }, fresh = { 0 };

	if (!can_run())
		return;
	own_namespaces(ids);
	/* What was not treated is seen, and so is a namespace that is another than planned. */
	START_ROOT(&early);
	PIVOT(&early);
	ADD(&early, INSPECT, inspect, { NULL, 0 }, 0);
	ADD(&early, MASK, mask, "/etc/passwd");
	finish(&early, "echo ran");
	run(&early);
	CHECK_STR(early.err.text, "post-condition: linux.maskedPaths: /etc/passwd is not masked");

	START_ROOT(&good);
	ADD(&good, READONLY, readonly, "/etc");
	ADD(&good, MASK, mask, "/etc/passwd");
	ADD(&good, MASK, mask, "/tmp");
	ADD(&good, MASK, mask, "/not-there");
	PIVOT(&good);
	ADD(&good, INSPECT, inspect, { ids, PLAN_NAMESPACES_N }, NEW_NS);
	finish(&good, "wc -c </etc/passwd");
	run(&good);
	CHECK_STR(good.err.text, "");
	CHECK_STR(good.out, "0\n");

	/* A mount on top: the name leads elsewhere now, and that is masked too. */
	START_ROOT(&covered);
	ADD(&covered, MASK, mask, "/tmp");
	ADD(&covered, MOUNT, mount, .destination = "/tmp", .fstype = "tmpfs", .source = "tmpfs", .slot = PLAN_NO_SLOT, .idmap = PLAN_NO_SLOT);
	PIVOT(&covered);
	ADD(&covered, INSPECT, inspect, { NULL, 0 }, 0);
	finish(&covered, "touch /tmp/x 2>/dev/null || echo masked");
	run(&covered);
	CHECK_STR(covered.err.text, "");
	CHECK_STR(covered.out, "masked\n");

	START_ROOT(&old);
	PIVOT(&old);
	ADD(&old, INSPECT, inspect, { ids, PLAN_NAMESPACES_N }, NEW_NS | CLONE_NEWNET);
	finish(&old, "echo ran");
	run(&old);
	CHECK_STR(old.err.text, "post-condition: linux.namespaces: net is the caller's, planned was a new one");

	START_ROOT(&fresh);
	PIVOT(&fresh);
	ADD(&fresh, INSPECT, inspect, { ids, PLAN_NAMESPACES_N }, CLONE_NEWIPC);
	finish(&fresh, "echo ran");
	run(&fresh);
	CHECK_STR(fresh.err.text, "post-condition: linux.namespaces: mnt is not the caller's");
}

/* ---- the files ----------------------------------------------------------------------------------------- */

static void make(const char *command)
{
	char line[400];

	(void)snprintf(line, sizeof(line), "cd %s && %s", root, command);
	pid_t pid = fork();
	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-ec", line, (char *)NULL);
		_exit(127);
	}
	int status = 1;
	(void)waitpid(pid, &status, 0);
	if (status)
		printf("# failed: %s\n", line);
}

static void set_up(void)
{
	const char *busybox = access("/bin/busybox", X_OK) == 0 ? "/bin/busybox" : "/usr/bin/busybox";
	char command[200];

	(void)snprintf(top, sizeof(top), "/tmp/ctr-init-XXXXXX");
	if (geteuid() != 0 || access(busybox, X_OK) < 0 || !mkdtemp(top))
		return;
	(void)chmod(top, 0755);
	(void)snprintf(root, sizeof(root), "%s/root", top);
	(void)mkdir(root, 0755);
	make("mkdir -p bin etc home/user usr/bin tmp dev/pts proc/self/attr/apparmor && echo "
	     "root:x:0:0::/:/bin/sh >etc/passwd");
	make("ln -s proc to-proc && ln -s /new-dir dangling && echo >proc/self/attr/exec -n && : "
	     ">proc/self/attr/apparmor/exec");
	make("echo text >home/user/file && chown 5:6 home/user/file && chmod 4750 home/user/file && ln -s "
	     "where home/user/link");
	(void)snprintf(command, sizeof(command), "cp %s bin/busybox", busybox);
	make(command);
	make("for a in sh cat echo ls id wc stat readlink touch awk tty stty hostname true grep sleep; do ln "
	     "-s busybox bin/$a; done");
}

static void tear_down(void)
{
	if (!root[0])
		return;
	(void)snprintf(root, sizeof(root), "/");
	char line[100];
	(void)snprintf(line, sizeof(line), "rm -rf --one-file-system %s", top);
	make(line);
}

/* The namespaces of a first process, seen from the host side. */
static void test_inspect(void)
{
	static const uint64_t all = CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS;
	struct plan p = { .fresh = CLONE_NEWIPC | CLONE_NEWUTS };
	struct spawned child = { .sync = -1 };
	struct err e = { 0 };
	siginfo_t si;

	if (!can_run())
		return;
	struct sys_clone_args args = { .flags = CLONE_NEWIPC | CLONE_NEWUTS | SYS_CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&child.pidfd,
				       .exit_signal = SIGCHLD };
	child.pid = sys_clone3(&args);
	if (child.pid == 0)
		for (;;)
			(void)pause();
	CHECK(child.pid > 0);
	CHECK_INT(host_inspect(&p, child.pid, &e), 0);
	p.fresh = all;
	CHECK_INT(host_inspect(&p, child.pid, &e), -EPERM);
	CHECK_STR(e.text, "post-condition: linux.namespaces: mnt is the caller's, planned was a new one");
	p.fresh = CLONE_NEWIPC;
	CHECK_INT(host_inspect(&p, child.pid, &e), -EPERM);
	CHECK_STR(e.text, "post-condition: linux.namespaces: uts is not the caller's");
	/* What the container side makes is looked at there. */
	p.fresh = CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET;
	p.network_apart = true;
	CHECK_INT(host_inspect(&p, child.pid, &e), 0);
	p.network_apart = false;
	CHECK_INT(host_inspect(&p, child.pid, &e), -EPERM);
	CHECK_STR(e.text, "post-condition: linux.namespaces: net is the caller's, planned was a new one");
	/* One that has ended is told from one that is elsewhere. */
	(void)kill(child.pid, SIGKILL);
	(void)waitid((idtype_t)P_PIDFD, (id_t)child.pidfd, &si, WEXITED | WNOWAIT);
	CHECK_INT(host_inspect(&p, child.pid, &e), -ESRCH);
	(void)waitpid(child.pid, NULL, 0);
	(void)close(child.pidfd);
}

static const struct tap_test tests[] = {
	{ "the smallest plan", test_smallest },
	{ "errors of the look-up", test_lookup },
	{ "a network namespace that comes later", test_network },
	{ "the gate without a host side", test_gate_end_of_file },
	{ "the gate with a listener", test_gate_listener },
	{ "the gate with a listener whose creator ends too early", test_gate_unrecorded },
	{ "waiting takes little memory", test_small },
	{ "descriptors that stay open", test_descriptors },
	{ "a working directory outside", test_cwd_outside },
	{ "forked comes first", test_fork },
	{ "the rest of a plan that was begun ahead", test_rest },
	{ "no rest of a plan", test_no_rest },
	{ "a user namespace", test_user_namespace },
	{ "the supervisor forwards and passes on", test_supervisor },
	{ "the supervisor's status after a signal", test_supervisor_signal },
	{ "hooks", test_hooks },
	{ "root, masks, read-only paths", test_root },
	{ "nothing but proc at and in /proc", test_proc_is_proc },
	{ "binds at and in /proc", test_proc_binds },
	{ "tmpcopyup and iversion", test_copy_up },
	{ "a false proc gets no label", test_false_proc },
	{ "sysctls", test_sysctl },
	{ "devices and links", test_devices },
	{ "a terminal", test_console },
	{ "credentials", test_credentials },
	{ "capabilities that cannot be had", test_ungrantable },
	{ "limits too low for the set-up", test_limits },
	{ "a filter that forbids what prepares the exec", test_late_filter },
	{ "post-conditions", test_postconditions },
	{ "post-conditions of places", test_places },
	{ "namespaces seen from outside", test_inspect },
};

int main(void)
{
	set_up();
	int r = tap_run("init", tests, ARRAY_SIZE(tests));
	tear_down();
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of the benchmark: exactly the kernel work of one bundle, and nothing else. No C library, no JSON (the bundle
 * is compiled in: floor.h, by tests/bench/floor), no check, a state of 12 bytes. What a runtime takes more than this is
 * its own. It is no runtime: it does not undo what it did when a step fails, it ends with the number of the line.
 *
 *	floor STATE COMMAND NAME        run create start exec state kill delete; list; version
 */
#include <asm/unistd.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

struct floor_mount { const char *type, *source, *target, *data; unsigned long flags; unsigned long attrs; int make; };
struct floor_sysctl { const char *path, *value; };
struct floor_node { const char *path; unsigned int major, minor; };
#include FLOOR_H

#define AF_INET 2
#define SOCK_DGRAM 2
#define MNT_DETACH 2
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define SIGKILL 9
#define SIGCHLD 17
#define P_PIDFD 3
#define SIOCSIFFLAGS 0x8914
#define NULL ((void *)0)
#define N(a) (sizeof(a) / sizeof((a)[0]))

/* ---- system calls ------------------------------------------------------------------------------------------- */

static long call6(long n, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long r;
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
#else
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
		      x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#endif
}
#define C(n, a, b, c, d, e) call6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

__attribute__((noreturn)) static void end(int status)
{
	for (;;)
		(void)C(exit_group, status, 0, 0, 0, 0);
}

static long must(long r, int line)
{
	if (r < 0)
		end(line & 0x7f ? line & 0x7f : 1);
	return r;
}
#define M(n, a, b, c, d, e) must(C(n, a, b, c, d, e), __LINE__)

static unsigned long length(const char *s)
{
	unsigned long n = 0;

	while (s[n])
		n++;
	return n;
}

void *memcpy(void *to, const void *from, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int c, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		((volatile char *)to)[i] = (char)c;
	return to;
}

/* ---- inside ------------------------------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text)
{
	long fd = M(openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0, 0);

	M(write, fd, text, length(text), 0, 0);
	(void)C(close, fd, 0, 0, 0, 0);
}

static void loopback_up(void)
{
	struct { char name[16]; short flags; char more[22]; } ifr;
	long fd = M(socket, AF_INET, SOCK_DGRAM | O_CLOEXEC, 0, 0, 0);

	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.name, "lo", 3);
	ifr.flags = 1; /* IFF_UP */
	M(ioctl, fd, SIOCSIFFLAGS, &ifr, 0, 0);
	(void)C(close, fd, 0, 0, 0, 0);
}

#define RECURSIVE 0x8000 /* AT_RECURSIVE */

static void mounts(void)
{
	M(mount, NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	long root = M(open_tree, AT_FDCWD, FLOOR_ROOT, OPEN_TREE_CLONE | O_CLOEXEC | RECURSIVE, 0, 0);
	M(move_mount, root, "", AT_FDCWD, FLOOR_ROOT, MOVE_MOUNT_F_EMPTY_PATH);
	M(fchdir, root, 0, 0, 0, 0);
	for (unsigned int i = 0; i < N(floor_mounts); i++) {
		const struct floor_mount *m = &floor_mounts[i];
		if (m->make)
			M(mkdirat, AT_FDCWD, m->target, 0755, 0, 0);
		if (m->type) {
			M(mount, m->source, m->target, m->type, m->flags, m->data);
			continue;
		}
		struct mount_attr attr = { .attr_set = m->attrs };
		long tree = M(open_tree, AT_FDCWD, m->source, OPEN_TREE_CLONE | O_CLOEXEC | RECURSIVE, 0, 0);
		if (m->attrs)
			M(mount_setattr, tree, "", AT_EMPTY_PATH | RECURSIVE, &attr, sizeof(attr));
		M(move_mount, tree, "", AT_FDCWD, m->target, MOVE_MOUNT_F_EMPTY_PATH);
		(void)C(close, tree, 0, 0, 0, 0);
	}
	for (unsigned int i = 0; i < N(floor_nodes); i++)
		M(mknodat, AT_FDCWD, floor_nodes[i].path, S_IFCHR | 0666, floor_nodes[i].major << 8 | floor_nodes[i].minor, 0);
	for (unsigned int i = 0; i < N(floor_links); i++)
		M(symlinkat, floor_links[i].value, AT_FDCWD, floor_links[i].path, 0, 0);
	for (unsigned int i = 0; i < N(floor_sysctls); i++)
		write_file(floor_sysctls[i].path, floor_sysctls[i].value);
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	for (unsigned int i = 0; i < N(floor_readonly); i++) {
		long tree = M(open_tree, AT_FDCWD, floor_readonly[i], OPEN_TREE_CLONE | O_CLOEXEC | RECURSIVE, 0, 0);
		M(mount_setattr, tree, "", AT_EMPTY_PATH | RECURSIVE, &ro, sizeof(ro));
		M(move_mount, tree, "", AT_FDCWD, floor_readonly[i], MOVE_MOUNT_F_EMPTY_PATH);
		(void)C(close, tree, 0, 0, 0, 0);
	}
	for (unsigned int i = 0; i < N(floor_masked_files); i++)
		M(mount, "/dev/null", floor_masked_files[i], NULL, 4096, NULL);
	for (unsigned int i = 0; i < N(floor_masked_dirs); i++)
		if (i == 0)
			M(mount, "tmpfs", floor_masked_dirs[0], "tmpfs", 1, "nr_inodes=1");
		else
			M(mount, floor_masked_dirs[0], floor_masked_dirs[i], NULL, 4096, NULL);
	M(pivot_root, ".", ".", 0, 0, 0);
	M(umount2, ".", MNT_DETACH, 0, 0, 0);
	if (FLOOR_ROOT_READONLY)
		M(mount_setattr, root, "", AT_EMPTY_PATH, &ro, sizeof(ro));
}

static void privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ (__u32)FLOOR_CAPS, (__u32)FLOOR_CAPS, 0 },
		{ (__u32)(FLOOR_CAPS >> 32), (__u32)(FLOOR_CAPS >> 32), 0 },
	};

	if (FLOOR_NO_NEW_PRIVS)
		M(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int i = 0; i <= FLOOR_LAST_CAP; i++)
		if (!(FLOOR_CAPS >> i & 1))
			M(prctl, PR_CAPBSET_DROP, i, 0, 0, 0);
	M(setgroups, 0, NULL, 0, 0, 0);
#ifdef FLOOR_FILTER
	/* Without no_new_privs it needs the right that the next call gives away. */
	struct sock_fprog filter = { sizeof(floor_filter) / sizeof(struct sock_filter), (struct sock_filter *)floor_filter };
	if (!FLOOR_NO_NEW_PRIVS)
		M(seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter, 0, 0);
#endif
	M(capset, &head, data, 0, 0, 0);
#ifdef FLOOR_FILTER
	if (FLOOR_NO_NEW_PRIVS)
		M(seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter, 0, 0);
#endif
}

__attribute__((noreturn)) static void program(const char *argument)
{
	const char *argv[] = { "/noop", argument, NULL };

	M(execve, "/noop", argv, floor_env, 0, 0);
	end(127);
}

static void inside(void)
{
	if (FLOOR_CLONE & CLONE_NEWCGROUP)
		M(unshare, CLONE_NEWCGROUP, 0, 0, 0, 0);
	M(setsid, 0, 0, 0, 0, 0);
	M(keyctl, 1, NULL, 0, 0, 0);
	if (FLOOR_CLONE & CLONE_NEWNET)
		loopback_up();
	mounts();
	if (sizeof(FLOOR_HOSTNAME) > 1)
		M(sethostname, FLOOR_HOSTNAME, sizeof(FLOOR_HOSTNAME) - 1, 0, 0, 0);
	privileges();
}

/* ---- outside ----------------------------------------------------------------------------------------------------- */

struct state { int pid; unsigned long long start; } __attribute__((packed));

static char path[512];

static char *in_state(const char *root, const char *name, const char *more)
{
	char *p = path;

	for (const char *parts[] = { root, "/", name, more, NULL }, **s = parts; *s; s++)
		for (const char *c = *s; *c; c++)
			*p++ = *c;
	*p = '\0';
	return path;
}

static long make_cgroup(const char *name)
{
	char *p = in_state("/sys/fs/cgroup", name, "");

	M(mkdirat, AT_FDCWD, p, 0755, 0, 0);
	long fd = M(openat, AT_FDCWD, p, O_DIRECTORY | O_CLOEXEC, 0, 0);
#ifdef FLOOR_DEVICES
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insn_cnt = sizeof(floor_devices) / 8;
	attr.insns = (__u64)(unsigned long)floor_devices;
	attr.license = (__u64)(unsigned long)"Apache-2.0";
	long prog = M(bpf, BPF_PROG_LOAD, &attr, sizeof(attr), 0, 0);
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (__u32)fd;
	attr.attach_bpf_fd = (__u32)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	M(bpf, BPF_PROG_ATTACH, &attr, sizeof(attr), 0, 0);
	(void)C(close, prog, 0, 0, 0, 0);
#endif
	return fd;
}

/* Field 22 of /proc/PID/stat. */
static unsigned long long start_time(int pid)
{
	char buf[512], digits[12];
	int n = 11, spaces = 0;
	unsigned long long v = 0;

	digits[11] = '\0';
	for (int p = pid; p; p /= 10)
		digits[--n] = (char)('0' + p % 10);
	long fd = C(openat, AT_FDCWD, in_state("/proc", digits + n, "/stat"), O_CLOEXEC, 0, 0);
	if (fd < 0)
		return 0;
	long got = M(read, fd, buf, sizeof(buf), 0, 0);
	(void)C(close, fd, 0, 0, 0, 0);
	for (long i = 0; i < got && spaces < 22; i++) {
		spaces += buf[i] == ' ';
		if (spaces == 21 && buf[i] != ' ')
			v = v * 10 + (unsigned int)(buf[i] - '0');
	}
	return v;
}

static struct state read_state(const char *root, const char *name)
{
	struct state s;
	long fd = M(openat, AT_FDCWD, in_state(root, name, ""), O_CLOEXEC, 0, 0);

	M(read, fd, &s, sizeof(s), 0, 0);
	(void)C(close, fd, 0, 0, 0, 0);
	return s;
}

static void write_state(const char *root, const char *name, int pid)
{
	struct state s = { pid, start_time(pid) };
	long fd = M(openat, AT_FDCWD, in_state(root, name, ""), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, 0);

	M(write, fd, &s, sizeof(s), 0, 0);
	(void)C(close, fd, 0, 0, 0, 0);
}

static void remove_all(const char *root, const char *name)
{
	M(unlinkat, AT_FDCWD, in_state("/sys/fs/cgroup", name, ""), AT_REMOVEDIR, 0, 0);
	M(unlinkat, AT_FDCWD, in_state(root, name, ""), 0, 0, 0);
}

static int clone_into(long cgroup, unsigned long flags, int *pidfd)
{
	struct clone_args args;

	memset(&args, 0, sizeof(args));
	args.flags = flags | CLONE_PIDFD | CLONE_INTO_CGROUP;
	args.pidfd = (__u64)(unsigned long)pidfd;
	args.exit_signal = SIGCHLD;
	args.cgroup = (__u64)cgroup;
	return (int)M(clone3, &args, sizeof(args), 0, 0, 0);
}

static int wait_end(int pidfd)
{
	int info[32];

	M(waitid, P_PIDFD, pidfd, info, 4 /* WEXITED */, NULL);
	return info[6];
}

static int run(const char *root, const char *name)
{
	int pidfd;
	long cgroup = make_cgroup(name);
	int pid = clone_into(cgroup, (FLOOR_CLONE & ~(unsigned long)CLONE_NEWCGROUP) | CLONE_VFORK, &pidfd);

	if (pid == 0) {
		inside();
		program(NULL);
	}
	write_state(root, name, pid);
	int status = wait_end(pidfd);
	(void)C(close, cgroup, 0, 0, 0, 0);
	remove_all(root, name);
	return status;
}

static int create(const char *root, const char *name)
{
	int pidfd, fds[2];
	char byte = 0;
	long cgroup = make_cgroup(name);

	M(mknodat, AT_FDCWD, in_state(root, name, ".start"), S_IFIFO | 0600, 0, 0);
	long gate = M(openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0, 0);
	M(pipe2, fds, O_CLOEXEC, 0, 0, 0);
	int pid = clone_into(cgroup, FLOOR_CLONE & ~(unsigned long)CLONE_NEWCGROUP, &pidfd);
	if (pid == 0) {
		inside();
		M(write, fds[1], &byte, 1, 0, 0);
		M(close_range, fds[0], fds[1], 0, 0, 0);
		M(read, gate, &byte, 1, 0, 0);
		program("sleep");
	}
	M(close, fds[1], 0, 0, 0, 0);
	if (M(read, fds[0], &byte, 1, 0, 0) != 1)
		return 1;
	write_state(root, name, pid);
	return 0;
}

static int start(const char *root, const char *name)
{
	char byte = 1;
	long gate = M(openat, AT_FDCWD, in_state(root, name, ".start"), O_WRONLY | O_CLOEXEC, 0, 0);

	M(write, gate, &byte, 1, 0, 0);
	M(unlinkat, AT_FDCWD, path, 0, 0, 0);
	return 0;
}

static int exec(const char *root, const char *name)
{
	struct state s = read_state(root, name);
	int pidfd;

	if (start_time(s.pid) != s.start)
		return 1;
	long first = M(pidfd_open, s.pid, 0, 0, 0, 0);
	long cgroup = M(openat, AT_FDCWD, in_state("/sys/fs/cgroup", name, ""), O_DIRECTORY | O_CLOEXEC, 0, 0);
	M(setns, first, FLOOR_CLONE, 0, 0, 0);
	if (clone_into(cgroup, CLONE_VFORK, &pidfd) == 0) {
		M(setsid, 0, 0, 0, 0, 0);
		privileges();
		program(NULL);
	}
	return wait_end(pidfd);
}

static int state(const char *root, const char *name)
{
	struct state s = read_state(root, name);

	return start_time(s.pid) == s.start ? (int)M(write, 1, "running\n", 8, 0, 0) & 0 : 1;
}

static int kill(const char *root, const char *name)
{
	struct state s = read_state(root, name);
	long fd = M(pidfd_open, s.pid, 0, 0, 0, 0);

	if (start_time(s.pid) != s.start)
		return 1;
	M(pidfd_send_signal, fd, 18 /* SIGCONT */, NULL, 0, 0);
	return 0;
}

static int delete(const char *root, const char *name)
{
	struct state s = read_state(root, name);

	if (start_time(s.pid) == s.start) {
		long fd = C(pidfd_open, s.pid, 0, 0, 0, 0);
		struct { int fd; short events, revents; } p = { (int)fd, 1, 0 };
		if (fd >= 0) {
			(void)C(pidfd_send_signal, fd, SIGKILL, NULL, 0, 0);
			(void)C(ppoll, &p, 1, NULL, NULL, 0);
		}
	}
	(void)C(unlinkat, AT_FDCWD, in_state(root, name, ".start"), 0, 0, 0);
	remove_all(root, name);
	return 0;
}

struct entry { unsigned long long ino; long long off; unsigned short len; unsigned char type; char name[]; };

static int list(const char *root)
{
	static char buf[65536];
	long n, fd = M(openat, AT_FDCWD, root, O_DIRECTORY | O_CLOEXEC, 0, 0);

	while ((n = M(getdents64, fd, buf, sizeof(buf), 0, 0)) > 0)
		for (long at = 0; at < n; at += ((struct entry *)(buf + at))->len) {
			const struct entry *e = (const struct entry *)(buf + at);
			if (e->type != 8)
				continue;
			struct state s = read_state(root, e->name);
			M(write, 1, e->name, length(e->name), 0, 0);
			(void)start_time(s.pid);
		}
	return 0;
}

static int is(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

__attribute__((used)) static void begin(long *stack)
{
	char **argv = (char **)(stack + 1);
	static const struct { const char *name; int (*run)(const char *root, const char *name); } commands[] = {
		{ "run", run }, { "create", create }, { "start", start }, { "exec", exec },
		{ "state", state }, { "kill", kill }, { "delete", delete },
	};

	if (stack[0] >= 3 && is(argv[2], "list"))
		end(list(argv[1]));
	for (unsigned int i = 0; stack[0] >= 4 && i < N(commands); i++)
		if (is(argv[2], commands[i].name))
			end(commands[i].run(argv[1], argv[3]));
	end(stack[0] == 2 ? 0 : 2);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#else
__asm__(".globl _start\n_start: mov x0, sp\n\tbl begin\n");
#endif

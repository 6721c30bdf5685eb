/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the host side to the container side. The child shares our memory until it executes the sealed copy
 * of ctr-init, so it costs no page-table copy, and nothing of our heap, descriptors or binary survives in
 * it: /proc/PID/exe of a container process is never the host's file (D10; CVE-2019-5736 and its kin).
 */
#include "host_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"
#include "sync.h"

extern const uint8_t ctr_init_image[];
extern const uint64_t ctr_init_image_size;

/*
 * clone3() with CLONE_VM | CLONE_VFORK, and execveat() in the child with nothing but registers in between: the child runs
 * on our stack while we wait, so not even a return may happen there. Not without CLONE_VFORK: where the container's
 * cgroup is out of memory before the exec the kernel ends all that share the memory, us too, but for who is in a vfork.
 * Returns what clone3() returned; the child exits with the errno of a failed execveat().
 */
#if defined(__x86_64__) && !defined(CTR_PLAIN_CLONE)
static long clone_and_exec(const struct sys_clone_args *args, int fd, char *const argv[], char *const envp[])
{
	register long rax __asm__("rax") = SYS_NR_clone3;
	register long rdi __asm__("rdi") = (long)args;
	register long rsi __asm__("rsi") = sizeof(*args);
	register long exec_fd __asm__("r12") = fd;
	register const char *path __asm__("r13") = "";
	register char *const *exec_argv __asm__("r14") = argv;
	register char *const *exec_envp __asm__("r15") = envp;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov %[fd], %%rdi\n\t"
			 "mov %[path], %%rsi\n\t"
			 "mov %[argv], %%rdx\n\t"
			 "mov %[envp], %%r10\n\t"
			 "mov %[flags], %%r8\n\t"
			 "mov %[execveat], %%eax\n\t"
			 "syscall\n\t"
			 "mov %%rax, %%rdi\n\t"
			 "neg %%rdi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "ud2\n"
			 "1:"
			 : "+r"(rax), "+r"(rdi), "+r"(rsi)
			 : [fd] "r"(exec_fd), [path] "r"(path), [argv] "r"(exec_argv), [envp] "r"(exec_envp),
			   [flags] "i"(AT_EMPTY_PATH), [execveat] "i"(SYS_execveat), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "rdx", "r10", "r8", "memory", "cc");
	return rax;
}
#define CLONE_SHARED (SYS_CLONE_VM | SYS_CLONE_VFORK)
#elif defined(__aarch64__) && !defined(CTR_PLAIN_CLONE)
static long clone_and_exec(const struct sys_clone_args *args, int fd, char *const argv[], char *const envp[])
{
	register long x8 __asm__("x8") = SYS_NR_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register long exec_fd __asm__("x19") = fd;
	register const char *path __asm__("x20") = "";
	register char *const *exec_argv __asm__("x21") = argv;
	register char *const *exec_envp __asm__("x22") = envp;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x0, %[fd]\n\t"
			 "mov x1, %[path]\n\t"
			 "mov x2, %[argv]\n\t"
			 "mov x3, %[envp]\n\t"
			 "mov x4, %[flags]\n\t"
			 "mov x8, %[execveat]\n\t"
			 "svc 0\n\t"
			 "neg x0, x0\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc 0\n"
			 "1:"
			 : "+r"(x0), "+r"(x1), "+r"(x8)
			 : [fd] "r"(exec_fd), [path] "r"(path), [argv] "r"(exec_argv), [envp] "r"(exec_envp),
			   [flags] "i"(AT_EMPTY_PATH), [execveat] "i"(SYS_execveat), [exit] "i"(SYS_exit)
			 : "x2", "x3", "x4", "memory", "cc");
	return x0;
}
#define CLONE_SHARED (SYS_CLONE_VM | SYS_CLONE_VFORK)
#else
/* Elsewhere, and where a tool has to see it (tests/valgrind), an ordinary fork: slower, and the same for the container. */
static long clone_and_exec(const struct sys_clone_args *args, int fd, char *const argv[], char *const envp[])
{
	pid_t pid = sys_clone3(args);

	if (pid == 0)
		_exit(-sys_execveat(fd, "", argv, envp, AT_EMPTY_PATH));
	return pid;
}
#define CLONE_SHARED SYS_CLONE_VFORK
#endif

/* ---- descriptors of the child --------------------------------------------------------------------------------- */

int host_spawn_image(struct err *e)
{
	auto_close int fd = memfd_create("ctr-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | SYS_MFD_EXEC);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 every memfd was executable */
		fd = memfd_create("ctr-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(e, errno, "make room for the init program");
	/* Two symbols of one object (init_image.S): cppcheck-suppress comparePointers */
	int r = fd_write_all(fd, ctr_init_image, (size_t)ctr_init_image_size);
	if (r < 0)
		return err_sys(e, r, "copy the init program");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(e, errno, "seal the init program");
	return TAKE_FD(fd);
}

static int image_memfd(const struct spawn *s, struct err *e)
{
	TRACE(s->trace, HOST, "copy and seal ctr-init", NULL);
	if (!s->image)
		return host_spawn_image(e);
	int fd = fcntl(s->image, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_sys(e, errno, "take the init program") : fd;
}

int host_spawn_room(struct err *e)
{
	/* For the child; nothing else is executed until it is closed. */
	int fd = memfd_create("ctr-plan", 0);

	return fd < 0 ? err_sys(e, errno, "make room for the plan") : fd;
}

static int write_plan(const struct spawn *s, int fd, struct err *e)
{
	TRACE(s->trace, HOST, "pack the plan", NULL);
	size_t size = plan_packed_size(s->steps);
	void *p = arena_alloc(s->arena, size);

	if (!p)
		return err_nomem(e);
	plan_pack(s->steps, (uint32_t)s->n_open, s->n_slots, p, size);
	int r = fd_write_all(fd, p, size);
	return r < 0 ? err_sys(e, r, "make room for the plan") : 0;
}

static int plan_memfd(const struct spawn *s, struct err *e)
{
	auto_close int fd = host_spawn_room(e);
	int r = fd < 0 ? fd : write_plan(s, fd, e);

	return r < 0 ? r : TAKE_FD(fd);
}

static void drop_block(int base, size_t n)
{
	/* An end of the line that stayed open would hide the child's end. */
	if (n > 0 && sys_close_range((unsigned int)base, (unsigned int)base + (unsigned int)n - 1, 0) == 0)
		return;
	for (size_t i = 0; i < n; i++)
		(void)close(base + (int)i);
}

/*
 * The child inherits a block of descriptors from `base` up: sync socket, plan, slots. They are duplicates
 * without close-on-exec, or sync and plan themselves; they live only around the clone. Returns base.
 */
static int make_block(const struct spawn *s, int sync, int plan, struct err *e)
{
	int base = 3 + (int)s->keep_fds;
	size_t n = s->n_open + 2;

	/* Made one after the other they usually lie as they should: a caller may allow few descriptors. */
	if (n == 2 && sync >= base && plan == sync + 1 && fcntl(sync, F_SETFD, 0) == 0)
		return sync;

	/* Where the first finds a place, the others follow, or all try again behind what was in the way. */
	for (size_t i = 0; i < n;) {
		int from = i == 0 ? sync : i == 1 ? plan : s->open_fds[i - 2];
		int at = fcntl(from, F_DUPFD, i == 0 ? base : base + (int)i);
		int saved = errno == EINVAL ? EMFILE : errno; /* that: beyond what the caller may have */
		if (at >= 0 && i == 0)
			base = at;
		if (at == base + (int)i) {
			i++;
			continue;
		}
		drop_block(base, i);
		if (at < 0)
			return err_sys(e, saved, "pass descriptors to the container side");
		(void)close(at);
		base = at;
		i = 0;
	}
	return base;
}

static void inherit_kept(uint32_t n, bool inherit)
{
	for (int fd = 3; fd < 3 + (int)n; fd++)
		(void)fcntl(fd, F_SETFD, inherit ? 0 : FD_CLOEXEC); /* the command checked that they are open */
}

int host_spawn_rest(const struct spawned *c, int room, const struct spawn *s, struct err *e)
{
	int r = write_plan(s, room, e);

	return r < 0 ? r : sync_send(c->sync, SYNC_REST, 0, -1, e);
}

int host_spawn_entered(const struct spawned *c, struct err *e)
{
	siginfo_t si = { 0 };

	if (waitid((idtype_t)P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
		return 0;
	if (si.si_code == CLD_EXITED && si.si_status > 1 && si.si_status < 134)
		return err_sys(e, si.si_status, "enter the init program");
	return 0;
}

int host_spawn(const struct spawn *s, struct spawned *ret, struct err *e)
{
	int pair[2], pidfd = -EBADF;
	char number[16];
	char *argv[] = { (char *)(uintptr_t) "ctr-init", number, s->trace ? (char *)(uintptr_t) "trace" : NULL, NULL };
	char *envp[] = { NULL };
	/* First, so that where few descriptors are allowed it takes the lower one of those that are left. */
	auto_close int image = image_memfd(s, e);

	if (image < 0)
		return image;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	auto_close int ours = pair[0], theirs = pair[1];
	auto_close int plan = plan_memfd(s, e);
	if (plan < 0)
		return plan;
	int base = make_block(s, theirs, plan, e);
	if (base < 0)
		return base;
	/* The block is what the child gets; where few descriptors are allowed, the pidfd has a place then. */
	if (base != theirs) {
		fd_close(&theirs);
		fd_close(&plan);
	} else {
		(void)TAKE_FD(theirs);
		(void)TAKE_FD(plan);
	}
	(void)snprintf(number, sizeof(number), "%d", base);

	struct sys_clone_args args = {
		.flags = s->clone_flags | CLONE_SHARED | SYS_CLONE_PIDFD |
			 (s->cgroup_fd >= 0 ? SYS_CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = s->cgroup_fd >= 0 ? (uint64_t)s->cgroup_fd : 0,
	};
	inherit_kept(s->keep_fds, true);
	if (s->trace)
		s->trace->steps = s->steps;
	struct trace_span cloning = trace_span(s->trace, TRACE_HOST, "clone", NULL);
	if (s->trace)
		s->trace->container_ns = trace_now();
	long pid = clone_and_exec(&args, image, argv, envp);
	trace_span_end(&cloning);
	int saved = pid < 0 ? (int)-pid : 0;
	inherit_kept(s->keep_fds, false);
	drop_block(base, s->n_open + 2);
	if (saved)
		return err_sys(e, saved, "create the container's first process");
	*ret = (struct spawned){ .pid = (pid_t)pid, .pidfd = pidfd, .sync = ours };
	(void)TAKE_FD(ours); /* now the caller's */
	return 0;
}

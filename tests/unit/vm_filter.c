/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of a micro-VM's processes: what each may do and may not, in processes that are filtered. */
#include "../../runtime/sanitized.h"
#include "../../runtime/vm_filter.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/base/util.h"
#include "tap.h"

/* Each returns 0 or -errno; what fails for another reason than the filter is no EPERM. */
static long answer(long r) { return r < 0 ? -errno : 0; }
static long do_read(void) { char c; return answer(read(-1, &c, 1)); }
static long do_unix(void) { return answer(socket(AF_UNIX, SOCK_STREAM, 0)); }
static long do_inet(void) { return answer(socket(AF_INET, SOCK_STREAM, 0)); }
static long do_netlink(void) { return answer(socket(AF_NETLINK, SOCK_RAW, 0)); }
static long do_open(void) { return answer(syscall(SYS_openat, -1, "/dev/null", 0, 0)); }
static long do_exec(void) { return answer(syscall(SYS_execve, "/nonexistent", NULL, NULL)); }
static long do_unshare_fs(void) { return answer(syscall(SYS_unshare, CLONE_FS)); }
static long do_unshare_none(void) { return answer(syscall(SYS_unshare, CLONE_FILES)); }
static long do_ptrace(void) { return answer(syscall(SYS_ptrace, PTRACE_PEEKDATA, 0, 0, 0)); }
static long do_uring(void) { return answer(syscall(425, 0, NULL)); }
static long do_chroot(void) { return answer(syscall(SYS_chroot, "/nonexistent")); }
static long do_setns(void) { return answer(syscall(SYS_setns, -1, 0)); }
static long do_accept(void) { return answer(syscall(SYS_accept4, -1, NULL, NULL, 0)); }
#ifdef __x86_64__
static long do_x32(void) { return answer(syscall(0x40000000L | SYS_getpid)); }
#endif

/* Before a call that is known not to return a sanitizer looks at its stacks, with calls that a filter refuses. */
static void leave(int status) { (void)syscall(SYS_exit_group, status); }

/* For client, monitor, VMM, VMM online, file server: '+' reaches the kernel, '-' does not. */
static const struct { const char *name; long (*run)(void); const char *want; } calls[] = {
	{ "read", do_read, "+++++" },
	{ "accept", do_accept, "-++++" },
	{ "socket of AF_UNIX", do_unix, "--+++" },
	{ "socket of AF_INET", do_inet, "---+-" },
	{ "socket of AF_NETLINK", do_netlink, "---+-" },
	{ "open", do_open, CTR_SANITIZED ? "+++++" : "--+++" }, /* a report is written to a file */
	{ "execve", do_exec, "--+++" },
	{ "unshare of the working directory", do_unshare_fs, "----+" },
	{ "unshare of descriptors", do_unshare_none, "-----" },
	{ "ptrace", do_ptrace, "-----" },
	{ "io_uring", do_uring, "-----" },
	{ "chroot", do_chroot, "----+" },
	{ "setns", do_setns, "-----" },
#ifdef __x86_64__
	{ "the x32 interface", do_x32, "-----" },
#endif
};

static char try(enum vm_filter which, long (*run)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || vm_filter_apply(which) < 0)
			leave(2);
		leave(run() == -EPERM);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return '?';
	return WEXITSTATUS(status) ? '-' : '+';
}

static void test_calls(void)
{
#if !defined(__x86_64__) && !defined(__aarch64__)
	tap_skip("no filter for this processor");
	return;
#endif
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		char got[VM_FILTER_FILES + 2] = "";
		for (int k = 0; k <= VM_FILTER_FILES; k++)
			got[k] = try((enum vm_filter)k, calls[i].run);
		if (strcmp(got, calls[i].want) != 0)
			printf("# %s\n", calls[i].name);
		CHECK_STR(got, calls[i].want);
	}
}

/* Another processor's calls have other numbers: who makes one is killed. */
static void test_foreign(void)
{
#ifndef __x86_64__
	tap_skip("a processor with one interface");
#else
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int r = 20; /* getpid of i386 */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || vm_filter_apply(VM_FILTER_VMM) < 0)
			leave(2);
		__asm__ volatile("int $0x80" : "+a"(r)::"memory");
		leave(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	/* A kernel without that interface sends SIGSEGV. */
	CHECK(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
#endif
}

static const struct tap_test tests[] = {
	{ "what each may and may not", test_calls },
	{ "calls of another processor", test_foreign },
};
TAP_MAIN("vm_filter", tests)

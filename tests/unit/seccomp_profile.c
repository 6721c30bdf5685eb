/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contrib/seccomp/default.json: read as a configuration, compiled, loaded into a child, which makes calls
 * that must be refused and calls that must go through. Most of them are refused by their number before the kernel
 * looks at the arguments, which are bad on purpose: a hole shows as another errno and does no harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../oci/config.h"
#include "../../runtime/base/fd.h"
#include "../../runtime/base/sys.h"
#include "../../runtime/base/util.h"
#include "../../runtime/seccomp.h"
#include "bpf_sim.h"
#include "tap.h"

#define HIGH (1UL << 32) /* what the kernel does not see in an int */
#define NEWUSER 0x10000000UL

static struct arena arena;
static struct seccomp_program program;

static bool load_profile(void)
{
	const struct config *c;
	struct strv unknown;
	struct err e = { 0 };
	char *text;
	size_t n;

	if (file_read_at(&arena, AT_FDCWD, "contrib/seccomp/default.json", (size_t)1 << 20, &text, &n) < 0 ||
	    !(text = arena_printf(&arena,
				  "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},"
				  "\"linux\":{\"seccomp\":%s}}",
				  text)) ||
	    config_parse(&arena, "default.json", text, strlen(text), &c, &e) < 0 ||
	    seccomp_compile(&arena, c->linux_->seccomp, &program, &unknown, &e) < 0) {
		printf("# %s\n", e.text);
		return false;
	}
	printf("# %zu instructions, %zu names unknown here\n", program.n, unknown.n);
	return bpf_valid(program.v, program.n);
}

struct call {
	long nr;
	unsigned long a[3];
	int want; /* errno, 0 for success */
};

/* The number of the first call that answers otherwise, from 1; 255: the filter could not be loaded. */
static int child(const struct call *v, size_t n)
{
	struct sock_fprog f = { (unsigned short)program.n, (struct sock_filter *)(uintptr_t)program.v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    sys_seccomp(SECCOMP_SET_MODE_FILTER, program.flags, &f) < 0)
		return 255;
	for (size_t i = 0; i < n; i++) {
		errno = 0;
		long r = syscall(v[i].nr, v[i].a[0], v[i].a[1], v[i].a[2], 0, 0, 0);
		if ((r < 0 ? errno : 0) != v[i].want)
			return (int)i + 1;
	}
	return 0;
}

static void check_calls(const struct call *v, size_t n)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(child(v, n));
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) > 0 && WEXITSTATUS(status) <= (int)n)
		printf("# call %d (number %ld) is not as expected\n", WEXITSTATUS(status),
		       v[WEXITSTATUS(status) - 1].nr);
	CHECK_INT(status, 0);
}

static void test_compiles(void)
{
	CHECK(load_profile());
	CHECK(!program.notify);
}

static void test_refused(void)
{
	static const struct call calls[] = {
		{ __NR_io_uring_setup, { 0, 0, 0 }, EPERM },
		{ __NR_io_uring_enter, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_io_uring_register, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_keyctl, { 99, 0, 0 }, EPERM },
		{ __NR_add_key, { 0, 0, 0 }, EPERM },
		{ __NR_request_key, { 0, 0, 0 }, EPERM },
		{ __NR_userfaultfd, { ~0UL, 0, 0 }, EPERM },
		{ __NR_fsopen, { 0, 0, 0 }, EPERM },
		{ __NR_fsconfig, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_fsmount, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_fspick, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_open_tree, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_move_mount, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_mount_setattr, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_mount, { 0, 0, 0 }, EPERM },
		{ __NR_umount2, { 0, 0, 0 }, EPERM },
		{ __NR_pivot_root, { 0, 0, 0 }, EPERM },
		{ __NR_bpf, { 999, 0, 0 }, EPERM },
		{ __NR_perf_event_open, { 0, 0, 0 }, EPERM },
		{ __NR_kexec_load, { 0, 99, 0 }, EPERM },
		{ __NR_kexec_file_load, { (unsigned long)-1, (unsigned long)-1, 0 }, EPERM },
		{ __NR_init_module, { 0, 0, 0 }, EPERM },
		{ __NR_finit_module, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_delete_module, { 0, 0, 0 }, EPERM },
		{ __NR_setns, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_open_by_handle_at, { (unsigned long)-1, 0, 0 }, EPERM },
		{ __NR_swapoff, { 0, 0, 0 }, EPERM },
		{ __NR_reboot, { 0, 0, 0 }, EPERM },
		{ __NR_clone3, { 0, 0, 0 }, ENOSYS },
		/* above all numbers that the profile names */
		{ 5000, { 0, 0, 0 }, ENOSYS },
	};

	check_calls(calls, ARRAY_SIZE(calls));
}

/* Bits above an int do not hide what the kernel would see. */
static void test_arguments(void)
{
	static const struct call calls[] = {
		{ __NR_socket, { AF_ALG, SOCK_SEQPACKET, 0 }, EAFNOSUPPORT },
		{ __NR_socket, { AF_ALG | HIGH, SOCK_SEQPACKET, 0 }, EAFNOSUPPORT },
		{ __NR_socket, { AF_VSOCK, SOCK_STREAM, 0 }, EAFNOSUPPORT },
		{ __NR_socket, { AF_VSOCK | HIGH, SOCK_STREAM, 0 }, EAFNOSUPPORT },
		{ __NR_socket, { AF_PACKET, SOCK_RAW, 0 }, EPERM },
		{ __NR_socket, { AF_UNIX, SOCK_STREAM, 0 }, 0 },
		{ __NR_socket, { AF_UNIX | HIGH, SOCK_STREAM, 0 }, 0 },
		{ __NR_socket, { AF_INET, SOCK_DGRAM, 0 }, 0 },
		{ __NR_socketpair, { AF_VSOCK, SOCK_STREAM, 0 }, EPERM },
		{ __NR_ioctl, { (unsigned long)-1, 0x5412, 0 }, EPERM },
		{ __NR_ioctl, { (unsigned long)-1, 0x5412 | HIGH, 0 }, EPERM },
		{ __NR_ioctl, { (unsigned long)-1, 0xffffffff00005412, 0 }, EPERM },
		{ __NR_ioctl, { (unsigned long)-1, 0x541c, 0 }, EPERM },
		{ __NR_ioctl, { (unsigned long)-1, 0x541c | HIGH, 0 }, EPERM },
		{ __NR_ioctl, { (unsigned long)-1, 0x5401, 0 }, EBADF },
		{ __NR_ioctl, { (unsigned long)-1, 0x5402, 0 }, EBADF },
		{ __NR_ioctl, { (unsigned long)-1, 0x5413, 0 }, EBADF },
		{ __NR_ioctl, { (unsigned long)-1, 0x80005412, 0 }, EBADF },
		{ __NR_ioctl, { (unsigned long)-1, 0, 0 }, EBADF },
		{ __NR_unshare, { NEWUSER, 0, 0 }, EPERM },
		{ __NR_unshare, { NEWUSER | HIGH, 0, 0 }, EPERM },
		{ __NR_unshare, { 0, 0, 0 }, 0 },
		/* CLONE_THREAD without CLONE_SIGHAND: the kernel refuses it otherwise */
		{ __NR_clone, { NEWUSER | 0x10000, 0, 0 }, EPERM },
		{ __NR_clone, { 0x10000, 0, 0 }, EINVAL },
		{ __NR_personality, { 0x0040000, 0, 0 }, EPERM }, /* ADDR_NO_RANDOMIZE */
		{ __NR_personality, { 0xffffffff, 0, 0 }, 0 },
		{ __NR_getpid, { 0, 0, 0 }, 0 },
		{ __NR_epoll_create1, { 0, 0, 0 }, 0 },
	};

	check_calls(calls, ARRAY_SIZE(calls));
}

/* The 32-bit door to sockets cannot see a family: it is shut, sockets have numbers of their own. */
static void test_i386(void)
{
	struct seccomp_data d = { .nr = 102, .arch = AUDIT_ARCH_I386, .args = { 1 } };
	bool looked = false;

	CHECK_INT(bpf_run(program.v, &d, &looked), SECCOMP_RET_ERRNO | ENOSYS);
	d.nr = 359;
	d.args[0] = AF_ALG;
	CHECK_INT(bpf_run(program.v, &d, &looked), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
	d.args[0] = AF_INET;
	CHECK_INT(bpf_run(program.v, &d, &looked), SECCOMP_RET_ALLOW);
	d.nr = 54;
	d.args[1] = 0x5412;
	CHECK_INT(bpf_run(program.v, &d, &looked), SECCOMP_RET_ERRNO | EPERM);
	/* x32 is not in the list */
	d = (struct seccomp_data){ .nr = 0x40000000, .arch = AUDIT_ARCH_X86_64 };
	CHECK_INT(bpf_run(program.v, &d, &looked), SECCOMP_RET_KILL_THREAD);
}

static const struct tap_test tests[] = {
	{ "the file is a valid section", test_compiles },
	{ "calls that are refused", test_refused },
	{ "arguments", test_arguments },
	{ "calls of 32-bit x86, and x32", test_i386 },
};

int main(void)
{
	struct err e;

	if (arena_init(&arena, 0, &e) < 0)
		return 1;
	int r = tap_run("seccomp_profile", tests, ARRAY_SIZE(tests));
	arena_done(&arena);
	return r;
}

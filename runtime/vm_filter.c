/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of vm_filter.h, and the programs that the kernel runs for them. Needs neither names nor a library. */
#include "vm_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "base/util.h"
#include "sanitized.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* the calls of other processors are not told apart from foreign ones */
#endif
#define X32 0x40000000U
#define PROGRAM_MAX 256

/* What memory, time, signals and the end of a process take. */
#define EVERYBODY                                                                                                     \
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_close, SYS_fcntl, SYS_ioctl, SYS_ppoll, SYS_brk, SYS_mmap,    \
	SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_clock_gettime, SYS_nanosleep, SYS_clock_nanosleep,     \
	SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_restart_syscall, SYS_futex,  \
	SYS_getpid, SYS_gettid, SYS_tkill, SYS_tgkill, SYS_wait4, SYS_waitid, SYS_exit, SYS_exit_group
#ifdef SYS_poll
#define POLL , SYS_poll
#else
#define POLL
#endif

static const int client[] = { EVERYBODY POLL SANITIZED_CALLS };
static const int monitor[] = { EVERYBODY POLL SANITIZED_CALLS, SYS_accept4, SYS_shutdown };

/* Ways into other processes, namespaces, the kernel and its keys: of use to who wants out, and to no VMM. */
#define NOBODY                                                                                                        \
	SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, 438 /* pidfd_getfd */, SYS_bpf,             \
	SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key, 425, 426, 427 /* io_uring_* */, \
	SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, 428, 429, 430, 431, 432, 433 /* open_tree ... fspick */,    \
	442 /* mount_setattr */, SYS_open_by_handle_at, SYS_kexec_load, SYS_init_module, SYS_finit_module,             \
	SYS_delete_module, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_syslog, SYS_sethostname,    \
	SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_fanotify_init,     \
	SYS_personality
static const int vmm[] = { NOBODY, SYS_unshare, SYS_chroot, SYS_mknodat };
static const int files[] = { NOBODY };

static const struct {
	const int *calls;
	size_t n;
	bool allow;   /* the list is of what is allowed, else of what is not */
	bool sockets; /* of any family; else AF_UNIX alone */
	bool own_fs;  /* unshare(2) of the working directory alone: a thread of the file server */
} filters[] = {
	[VM_FILTER_CLIENT] = { client, ARRAY_SIZE(client), true, false, false },
	[VM_FILTER_MONITOR] = { monitor, ARRAY_SIZE(monitor), true, false, false },
	[VM_FILTER_VMM] = { vmm, ARRAY_SIZE(vmm), false, false, false },
	[VM_FILTER_VMM_ONLINE] = { vmm, ARRAY_SIZE(vmm), false, true, false },
	[VM_FILTER_FILES] = { files, ARRAY_SIZE(files), false, false, true },
};

struct program { struct sock_filter v[PROGRAM_MAX]; unsigned short n; };

static void put(struct program *p, struct sock_filter f)
{
	if (p->n < PROGRAM_MAX)
		p->v[p->n] = f;
	p->n++;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define ONLY_IF(op, k, skip) BPF_JUMP(BPF_JMP | (op) | BPF_K, (uint32_t)(k), 0, (skip))
#define ANSWER(k) BPF_STMT(BPF_RET | BPF_K, (k))
#define DENIED (SECCOMP_RET_ERRNO | EPERM)

static void put_call(struct program *p, int call, uint32_t answer)
{
	put(p, (struct sock_filter)ONLY_IF(BPF_JEQ, call, 1));
	put(p, (struct sock_filter)ANSWER(answer));
}

/* `call` is answered with DENIED unless its first argument, 32 bits of it, is `value`. */
static void put_argument(struct program *p, int call, uint32_t value)
{
	put(p, (struct sock_filter)ONLY_IF(BPF_JEQ, call, 4));
	put(p, (struct sock_filter)LOAD(args[0]));
	put(p, (struct sock_filter)ONLY_IF(BPF_JEQ, value, 1));
	put(p, (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
	put(p, (struct sock_filter)ANSWER(DENIED));
}

int vm_filter_apply(enum vm_filter which)
{
	struct program p = { .n = 0 };

	if (!ARCH)
		return 0;
	put(&p, (struct sock_filter)LOAD(arch));
	put(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	put(&p, (struct sock_filter)ANSWER(SECCOMP_RET_KILL_PROCESS));
	put(&p, (struct sock_filter)LOAD(nr));
	if (ARCH == AUDIT_ARCH_X86_64) {
		put(&p, (struct sock_filter)ONLY_IF(BPF_JGE, X32, 1));
		put(&p, (struct sock_filter)ANSWER(DENIED));
	}
	for (size_t i = 0; i < filters[which].n; i++)
		put_call(&p, filters[which].calls[i], filters[which].allow ? SECCOMP_RET_ALLOW : DENIED);
	if (!filters[which].allow && !filters[which].sockets)
		put_argument(&p, SYS_socket, AF_UNIX);
	if (filters[which].own_fs)
		put_argument(&p, SYS_unshare, CLONE_FS);
	put(&p, (struct sock_filter)ANSWER(filters[which].allow ? DENIED : SECCOMP_RET_ALLOW));
	if (p.n > PROGRAM_MAX)
		return -E2BIG;
	const struct sock_fprog prog = { p.n, p.v };
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog);
}

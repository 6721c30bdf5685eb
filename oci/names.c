/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The word tables of names.h and their look-up. Tables and nothing else: no rule about which word may
 * stand where (validate.c), no system call. Tables are short, so they are searched from the front.
 */
#include "names.h"

#include <linux/mempolicy.h>
#include <linux/personality.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <time.h>

#include "../runtime/base/str.h"
#include "../runtime/base/util.h"

/* Newer than some <linux/mempolicy.h>: 5.15, 6.9. */
#define NR_MPOL_PREFERRED_MANY 5
#define NR_MPOL_WEIGHTED_INTERLEAVE 6

#define TABLE(name, what, ...)                                  \
	static const struct name_value name##_rows[] = { __VA_ARGS__ }; \
	const struct name_table name = { what, name##_rows, ARRAY_SIZE(name##_rows) }

TABLE(ns_names, "namespace type",
	{ "cgroup", CLONE_NEWCGROUP },
	{ "ipc", CLONE_NEWIPC },
	{ "mount", CLONE_NEWNS },
	{ "network", CLONE_NEWNET },
	{ "pid", CLONE_NEWPID },
	{ "time", CLONE_NEWTIME },
	{ "user", CLONE_NEWUSER },
	{ "uts", CLONE_NEWUTS });

/* include/uapi/asm-generic/resource.h; MIPS and SPARC number five of them differently. */
#if defined(__mips__) || defined(__sparc__)
#error "oci/names.c: resource limit numbers of this architecture are missing"
#endif
TABLE(rlimit_names, "resource limit",
	{ "RLIMIT_AS", 9 },
	{ "RLIMIT_CORE", 4 },
	{ "RLIMIT_CPU", 0 },
	{ "RLIMIT_DATA", 2 },
	{ "RLIMIT_FSIZE", 1 },
	{ "RLIMIT_LOCKS", 10 },
	{ "RLIMIT_MEMLOCK", 8 },
	{ "RLIMIT_MSGQUEUE", 12 },
	{ "RLIMIT_NICE", 13 },
	{ "RLIMIT_NOFILE", 7 },
	{ "RLIMIT_NPROC", 6 },
	{ "RLIMIT_RSS", 5 },
	{ "RLIMIT_RTPRIO", 14 },
	{ "RLIMIT_RTTIME", 15 },
	{ "RLIMIT_SIGPENDING", 11 },
	{ "RLIMIT_STACK", 3 });

/* sched(7), include/uapi/linux/sched.h */
TABLE(sched_names, "scheduling policy",
	{ "SCHED_OTHER", 0 },
	{ "SCHED_FIFO", 1 },
	{ "SCHED_RR", 2 },
	{ "SCHED_BATCH", 3 },
	{ "SCHED_ISO", 4 },
	{ "SCHED_IDLE", 5 },
	{ "SCHED_DEADLINE", 6 });

TABLE(sched_flag_names, "scheduling flag",
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },
	{ "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },
	{ "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 });

/* ioprio_set(2) */
TABLE(ioprio_names, "I/O priority class",
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 });

TABLE(seccomp_action_names, "seccomp action",
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP });

TABLE(seccomp_op_names, "seccomp operator",
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ });

/* What this build's libseccomp can translate; the word is an error on a build that cannot. */
static const struct name_value seccomp_archs[] = {
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
#ifdef SCMP_ARCH_LOONGARCH64
	{ "SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64 },
#endif
#ifdef SCMP_ARCH_M68K
	{ "SCMP_ARCH_M68K", SCMP_ARCH_M68K },
#endif
#ifdef SCMP_ARCH_SH
	{ "SCMP_ARCH_SH", SCMP_ARCH_SH },
#endif
#ifdef SCMP_ARCH_SHEB
	{ "SCMP_ARCH_SHEB", SCMP_ARCH_SHEB },
#endif
};
const struct name_table seccomp_arch_names = { "seccomp architecture", seccomp_archs, ARRAY_SIZE(seccomp_archs) };

/* seccomp(2); WAIT_KILLABLE_RECV is bit 5 since Linux 5.19 */
TABLE(seccomp_flag_names, "seccomp flag",
	{ "SECCOMP_FILTER_FLAG_TSYNC", 1U << 0 },
	{ "SECCOMP_FILTER_FLAG_LOG", 1U << 1 },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", 1U << 2 },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1U << 5 });

TABLE(mpol_names, "memory policy mode",
	{ "MPOL_DEFAULT", MPOL_DEFAULT },
	{ "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_BIND", MPOL_BIND },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_LOCAL", MPOL_LOCAL },
	{ "MPOL_PREFERRED_MANY", NR_MPOL_PREFERRED_MANY },
	{ "MPOL_WEIGHTED_INTERLEAVE", NR_MPOL_WEIGHTED_INTERLEAVE });

TABLE(mpol_flag_names, "memory policy flag",
	{ "MPOL_F_NUMA_BALANCING", 1U << 13 },
	{ "MPOL_F_RELATIVE_NODES", 1U << 14 },
	{ "MPOL_F_STATIC_NODES", 1U << 15 });

TABLE(propagation_names, "propagation",
	{ "shared", MS_SHARED },
	{ "slave", MS_SLAVE },
	{ "private", MS_PRIVATE },
	{ "unbindable", MS_UNBINDABLE },
	{ "rshared", MS_SHARED | MS_REC },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "runbindable", MS_UNBINDABLE | MS_REC });

TABLE(device_names, "device type",
	{ "c", 'c' },
	{ "b", 'b' },
	{ "u", 'u' },
	{ "p", 'p' });

TABLE(device_rule_names, "device type",
	{ "a", 'a' },
	{ "c", 'c' },
	{ "b", 'b' });

TABLE(personality_names, "execution domain",
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 });

TABLE(timens_names, "clock",
	{ "monotonic", CLOCK_MONOTONIC },
	{ "boottime", CLOCK_BOOTTIME });

/* linux/landlock.h; the rows of landlock_accesses() in runtime/plan_landlock.c say since which ABI. */
TABLE(landlock_fs_names, "Landlock access to files",
	{ "execute", 1U << 0 },
	{ "write_file", 1U << 1 },
	{ "read_file", 1U << 2 },
	{ "read_dir", 1U << 3 },
	{ "remove_dir", 1U << 4 },
	{ "remove_file", 1U << 5 },
	{ "make_char", 1U << 6 },
	{ "make_dir", 1U << 7 },
	{ "make_reg", 1U << 8 },
	{ "make_sock", 1U << 9 },
	{ "make_fifo", 1U << 10 },
	{ "make_block", 1U << 11 },
	{ "make_sym", 1U << 12 },
	{ "refer", 1U << 13 },
	{ "truncate", 1U << 14 },
	{ "ioctl_dev", 1U << 15 });

TABLE(landlock_net_names, "Landlock access to the network",
	{ "bind_tcp", 1U << 0 },
	{ "connect_tcp", 1U << 1 });

TABLE(landlock_scope_names, "Landlock scope",
	{ "abstract_unix_socket", 1U << 0 },
	{ "signal", 1U << 1 });

TABLE(isolation_names, "isolation",
	{ "namespaces", ISOLATION_WORD_NAMESPACES },
	{ "vm", ISOLATION_WORD_VM },
	{ "vm,emulate", ISOLATION_WORD_EMULATE },
	{ "vm-emulate", ISOLATION_WORD_EMULATE }); /* for command lines that split at commas (podman's) */

TABLE(vm_format_names, "image format",
	{ "raw", VM_IMAGE_RAW },
	{ "qcow2", VM_IMAGE_QCOW2 },
	{ "vdi", VM_IMAGE_VDI },
	{ "vmdk", VM_IMAGE_VMDK },
	{ "vhd", VM_IMAGE_VHD });

#define S(name) { #name, SIG##name }
TABLE(signal_names, "signal",
	S(HUP), S(INT), S(QUIT), S(ILL), S(TRAP), S(ABRT), { "IOT", SIGABRT }, S(BUS), S(FPE), S(KILL),
	S(USR1), S(SEGV), S(USR2), S(PIPE), S(ALRM), S(TERM), S(STKFLT), S(CHLD), { "CLD", SIGCHLD },
	S(CONT), S(STOP), S(TSTP), S(TTIN), S(TTOU), S(URG), S(XCPU), S(XFSZ), S(VTALRM), S(PROF),
	S(WINCH), S(IO), { "POLL", SIGIO }, S(PWR), S(SYS));
#undef S

const struct name_value *name_find(const struct name_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

const char *name_of(const struct name_table *t, uint32_t value)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].value == value)
			return t->v[i].name;
	return NULL;
}

int cap_by_name(const char *name)
{
	for (int i = 0; i < cap_names_count; i++)
		if (str_eq(cap_names[i], name))
			return i;
	return -1;
}

const char *cap_name(int cap)
{
	return cap >= 0 && cap < cap_count() ? cap_names[cap] : NULL;
}

int cap_count(void)
{
	return cap_names_count;
}

/* The kernel's real-time signals as programs count them: C libraries keep the first two for themselves. */
#define SIGNAL_RTMIN 34
#define SIGNAL_MAX 64

static int signal_realtime(const char *s)
{
	uint64_t add;

	if (str_eq(s, "RTMIN"))
		return SIGNAL_RTMIN;
	if (str_eq(s, "RTMAX"))
		return SIGNAL_MAX;
	if (str_starts(s, "RTMIN+") && str_u64(s + 6, SIGNAL_MAX - SIGNAL_RTMIN, &add) == 0)
		return SIGNAL_RTMIN + (int)add;
	if (str_starts(s, "RTMAX-") && str_u64(s + 6, SIGNAL_MAX - SIGNAL_RTMIN, &add) == 0)
		return SIGNAL_MAX - (int)add;
	return -EINVAL;
}

int signal_parse(const char *s, struct err *e)
{
	char up[16];
	size_t n = strlen(s);
	uint64_t number;

	if (str_u64(s, SIGNAL_MAX, &number) == 0 && number > 0)
		return (int)number;
	if (n < sizeof(up)) {
		for (size_t i = 0; i <= n; i++)
			up[i] = (char)(s[i] >= 'a' && s[i] <= 'z' ? s[i] - 'a' + 'A' : s[i]);
		const char *name = str_starts(up, "SIG") ? up + 3 : up;
		const struct name_value *v = name_find(&signal_names, name);
		int r = v ? (int)v->value : signal_realtime(name);
		if (r > 0)
			return r;
	}
	return err_bad(e, "unknown signal \"%.64s\"", s);
}

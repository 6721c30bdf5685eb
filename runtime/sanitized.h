/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_SANITIZED_H
#define CTR_SANITIZED_H

/*
 * What micro-VMs take from a build under sanitizers (make SAN=1) that others do not have: all of it is here, and decided
 * when ctr is compiled, so that a build for use cannot be talked into any of it.
 */

#ifdef __has_feature
#if __has_feature(address_sanitizer) /* clang's word for it */
#define CTR_SANITIZED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define CTR_SANITIZED 1
#endif
#ifndef CTR_SANITIZED
#define CTR_SANITIZED 0
#endif

/* The guest has no libraries, and a sanitized ctr needs some: the same sources in a plain build, beside it. */
#define SANITIZED_GUEST "ctr-guest"

/*
 * Where a process of the VMM's container leaves its report: in the container's root directory, which the tests look
 * through (helpers.bash). Its standard error may be anybody's, and its end is seen by nobody when the VM ends anyway.
 */
#define SANITIZED_OPTIONS "detect_leaks=0:log_path=" VM_SHARE_ROOT "/sanitizer"

/* System calls that a report takes: it opens its file, says what is mapped where, and which function is at an address. */
#if CTR_SANITIZED
#ifdef SYS_open
#define SANITIZED_OLD_CALLS , SYS_open, SYS_readlink, SYS_stat
#else
#define SANITIZED_OLD_CALLS
#endif
#define SANITIZED_CALLS                                                                                               \
	, SYS_openat, SYS_readlinkat, SYS_newfstatat, SYS_fstat, SYS_lseek, SYS_getdents64, SYS_prlimit64, SYS_sigaltstack, \
	SYS_sched_yield, SYS_sched_getaffinity SANITIZED_OLD_CALLS
#else
#define SANITIZED_CALLS
#endif

#endif

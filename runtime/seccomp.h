/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_SECCOMP_H
#define CTR_SECCOMP_H

/*
 * The seccomp section of a configuration as a BPF program. Host side only: nothing here loads a filter.
 * This header is ours; libseccomp's is <seccomp.h>.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../oci/config.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct syscall_row;

struct seccomp_program {
	const struct sock_filter *v;
	size_t n;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* for seccomp(2), NEW_LISTENER included */
	bool notify; /* some rule answers SCMP_ACT_NOTIFY: the load gives a listener */
};

/*
 * Compiles `c` (config-linux.md, "Seccomp") into *ret, which lives in `a`. Names that libseccomp does not
 * know on any architecture are no error (profiles are newer than hosts); *ret_unknown lists each once,
 * sorted. Of several rules of a call that hold, one without arguments decides, else the strictest (as the
 * kernel has it for several filters, seccomp(2)), else the first. The native architecture is always covered
 * besides those listed; any other is killed, as libseccomp does. Numbers above the highest that the section
 * names, under whatever action, answer ENOSYS when the default action is an errno, so that a C library falls
 * back to older calls. Errors: -EINVAL (also: more than 4096 instructions), -ENOMEM.
 */
int seccomp_compile(struct arena *a, const struct seccomp_conf *c, struct seccomp_program *ret,
		    struct strv *ret_unknown, struct err *e) MUST_CHECK;

/* ---- between seccomp.c, seccomp_gen.c and their tests ------------------------------------------------- */

#define SECCOMP_ARGS 6 /* arguments of a system call */

/* The action with its data: the errno given, or EPERM (config-linux.md). */
uint32_t seccomp_action(uint32_t action, const struct opt_u32 *errno_ret);
/* Some argument is compared twice: the comparisons are alternatives, as all runtimes read it. */
bool seccomp_args_repeat(const struct seccomp_rule *r);

/* The program as libseccomp makes it. */
int seccomp_by_library(struct arena *a, const struct seccomp_conf *c, struct seccomp_program *ret,
		       struct err *e) MUST_CHECK;
/*
 * The program of our own, ENOSYS included: 1, or 0 when libseccomp has to make it (*ret is not written): an architecture
 * without a table here, or too long. Too long is -EINVAL where libseccomp could answer otherwise. `rows`, here and below:
 * what syscall_find_all() gave for the section (seccomp_names.h).
 */
int seccomp_generate(struct arena *a, const struct seccomp_conf *c, const struct syscall_row *const *rows,
		     struct seccomp_program *ret, struct err *e) MUST_CHECK;
/* Puts the ENOSYS rule for unknown numbers in front of a program of libseccomp, where `c` wants it. */
int seccomp_prepend_enosys(struct arena *a, const struct seccomp_conf *c, const struct syscall_row *const *rows,
			   struct seccomp_program *p, struct err *e) MUST_CHECK;

#endif

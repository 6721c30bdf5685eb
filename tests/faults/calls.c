/* SPDX-License-Identifier: Apache-2.0 */
/* Names of system calls, from libseccomp, which knows them all. */
#include <seccomp.h>
#include <stdio.h>

#include "tracer.h"

const char *call_name(long nr)
{
	static char *last, number[24];

	__builtin_free(last);
	last = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)nr);
	(void)snprintf(number, sizeof(number), "call %ld", nr);
	return last ? last : number;
}

long call_number(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_SECCOMP_NAMES_H
#define CTR_SECCOMP_NAMES_H

/*
 * Numbers of system calls as libseccomp gives them, from a table that is made of it at build time
 * (runtime/gen/syscalls.c), for the architectures that this machine runs; for all others libseccomp is asked.
 */

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "../oci/config.h"
#include "base/arena.h"
#include "seccomp_hash.h"

#if defined(__x86_64__)
#define SYSCALL_ABIS { SCMP_ARCH_X86_64, SCMP_ARCH_X32, SCMP_ARCH_X86 }
#define SYSCALL_ABIS_COUNT 3
#elif defined(__aarch64__)
#define SYSCALL_ABIS { SCMP_ARCH_AARCH64 }
#define SYSCALL_ABIS_COUNT 1
#else
#define SYSCALL_ABIS { SCMP_ARCH_RISCV64 }
#define SYSCALL_ABIS_COUNT 1
#endif

/* `name`: its place in syscall_names; numbers of x32 without their bit. */
struct syscall_row {
	uint16_t name;
	int16_t nr[SYSCALL_ABIS_COUNT];
};

extern const char syscall_names[];
extern const struct syscall_row syscall_rows[];
extern const size_t syscall_rows_count;
extern const uint16_t syscall_slots[SYSCALL_SLOTS]; /* one more than the number of the row, 0: none */

/* NULL: not in the table, which says nothing about libseccomp. */
const struct syscall_row *syscall_find(const char *name);
/* Of all names of a section, in its order, NULL where there is none; NULL: out of memory. */
const struct syscall_row **syscall_find_all(struct arena *a, const struct seccomp_conf *c);
/* Where the rows have the numbers of an architecture; SYSCALL_ABIS_COUNT: nowhere. */
size_t syscall_column(uint32_t scmp);
/* As seccomp_syscall_resolve_name_arch(); `row` is what syscall_find() gave for the name, `column` syscall_column(scmp). */
int syscall_number(const struct syscall_row *row, size_t column, uint32_t scmp, const char *name);

#endif

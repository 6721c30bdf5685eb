/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of system calls. It must give what libseccomp gives for every name and architecture
 * (tests/unit/seccomp.c compares all of them), and asks it about whatever the table does not have.
 */
#include "seccomp_names.h"

#include "base/str.h"
#include "base/util.h"

#define X32_BIT 0x40000000

static const uint32_t columns[SYSCALL_ABIS_COUNT] = SYSCALL_ABIS;

const struct syscall_row *syscall_find(const char *name)
{
	for (uint32_t slot = syscall_hash(name); syscall_slots[slot]; slot = (slot + 1) % SYSCALL_SLOTS) {
		const struct syscall_row *row = &syscall_rows[syscall_slots[slot] - 1];

		if (str_eq(syscall_names + row->name, name))
			return row;
	}
	return NULL;
}

const struct syscall_row **syscall_find_all(struct arena *a, const struct seccomp_conf *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->syscalls.n; i++)
		n += c->syscalls.v[i].names.n;
	const struct syscall_row **rows = arena_array(a, n, sizeof(void *)), **row = rows;
	for (size_t i = 0; rows && i < c->syscalls.n; i++)
		for (size_t k = 0; k < c->syscalls.v[i].names.n; k++)
			*row++ = syscall_find(c->syscalls.v[i].names.v[k]);
	return rows;
}

size_t syscall_column(uint32_t scmp)
{
	size_t i = 0;

	while (i < SYSCALL_ABIS_COUNT && columns[i] != scmp)
		i++;
	return i;
}

int syscall_number(const struct syscall_row *row, size_t column, uint32_t scmp, const char *name)
{
	if (!row || column == SYSCALL_ABIS_COUNT)
		return seccomp_syscall_resolve_name_arch(scmp, name);
	return scmp == SCMP_ARCH_X32 && row->nr[column] >= 0 ? row->nr[column] | X32_BIT : row->nr[column];
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs at build time: libseccomp's names of system calls with their numbers, as a hash table in C. libseccomp takes a
 * name apart again for every architecture; a profile of an engine has 400 names and three architectures.
 * A name that is missed here costs time and nothing else: runtime/seccomp_names.c asks libseccomp then.
 */
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../seccomp_hash.h"

#define NAMES_MAX 2048
#define X32_BIT 0x40000000

/* In the order of the arguments of ROW(). */
static const uint32_t columns[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X32, SCMP_ARCH_X86, SCMP_ARCH_AARCH64, SCMP_ARCH_RISCV64 };
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static char *names[NAMES_MAX];
static size_t n_names;
static unsigned int slots[SYSCALL_SLOTS];

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every name has a number on each architecture, one below zero where there is no such call. */
static int collect(uint32_t scmp)
{
	for (int nr = -20000; nr < 2000; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(scmp, scmp == SCMP_ARCH_X32 && nr >= 0 ? nr | X32_BIT : nr);

		if (!name)
			continue;
		if (n_names == NAMES_MAX)
			return fprintf(stderr, "more than %d names\n", NAMES_MAX) < 0 ? -2 : -1;
		names[n_names++] = name;
	}
	/* Most were there already. */
	qsort(names, n_names, sizeof(names[0]), compare);
	size_t kept = 0;
	for (size_t i = 0; i < n_names; i++) {
		if (kept && strcmp(names[kept - 1], names[i]) == 0)
			free(names[i]);
		else
			names[kept++] = names[i];
	}
	n_names = kept;
	return 0;
}

static int print_rows(void)
{
	size_t at = 0;

	for (size_t i = 0; i < n_names; i++) {
		printf("\tROW(%zu", at);
		for (size_t k = 0; k < COLUMNS; k++) {
			int nr = seccomp_syscall_resolve_name_arch(columns[k], names[i]);

			if (nr >= 0 && columns[k] == SCMP_ARCH_X32)
				nr &= ~X32_BIT;
			if (nr < INT16_MIN || nr > INT16_MAX || nr == __NR_SCMP_ERROR)
				return fprintf(stderr, "%s: number %d\n", names[i], nr) < 0 ? -2 : -1;
			printf(", %d", nr);
		}
		puts("),");
		at += strlen(names[i]) + 1;
	}
	return at > UINT16_MAX ? -1 : 0;
}

static int print_slots(void)
{
	/* At most half full, so that a search is short and ends. */
	if (n_names * 2 > SYSCALL_SLOTS)
		return fprintf(stderr, "%zu names need more slots\n", n_names) < 0 ? -2 : -1;
	for (size_t i = 0; i < n_names; i++) {
		uint32_t slot = syscall_hash(names[i]);

		while (slots[slot])
			slot = (slot + 1) % SYSCALL_SLOTS;
		slots[slot] = (unsigned int)i + 1;
	}
	for (size_t i = 0; i < SYSCALL_SLOTS; i++)
		printf("%u,%c", slots[i], i % 16 == 15 ? '\n' : ' ');
	return 0;
}

int main(void)
{
	for (size_t k = 0; k < COLUMNS; k++)
		if (collect(columns[k]) < 0)
			return 1;
	puts("/* Made by runtime/gen/syscalls.c: libseccomp's names. */\n#include \"runtime/seccomp_names.h\"\n\n"
	     "#if defined(__x86_64__)\n"
	     "#define ROW(name, x86_64, x32, x86, aarch64, riscv64) { name, { x86_64, x32, x86 } }\n"
	     "#elif defined(__aarch64__)\n"
	     "#define ROW(name, x86_64, x32, x86, aarch64, riscv64) { name, { aarch64 } }\n"
	     "#else\n"
	     "#define ROW(name, x86_64, x32, x86, aarch64, riscv64) { name, { riscv64 } }\n"
	     "#endif\n\nconst char syscall_names[] =");
	for (size_t i = 0; i < n_names; i++)
		printf("\t\"%s\\0\"\n", names[i]);
	puts("\t;\nconst struct syscall_row syscall_rows[] = {");
	if (print_rows() < 0)
		return 1;
	printf("};\nconst size_t syscall_rows_count = %zu;\nconst uint16_t syscall_slots[SYSCALL_SLOTS] = {\n", n_names);
	if (print_slots() < 0)
		return 1;
	return puts("};") < 0 || fflush(stdout) != 0;
}

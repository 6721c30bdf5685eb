/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the program begins, with musl on x86_64: applies the relative relocations that the linker has packed (DT_RELR), and
 * goes on to the C library's start, which of this age knows only the long form. That took a tenth of what is loaded, at
 * 24 bytes for each pointer of a table. Nothing is set up yet: no stack protector, no call, no pointer that is stored.
 */
#include <features.h>

#if !defined(__GLIBC__) && defined(__x86_64__)

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR 36
#endif

extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
void start_relocate(void) __attribute__((visibility("hidden")));

/* An even word is the address of a pointer; an odd one tells by its bits which of the next 63 are pointers too. */
__attribute__((no_stack_protector)) void start_relocate(void)
{
	const uintptr_t base = (uintptr_t)__ehdr_start;
	const uint64_t *word = (const uint64_t *)base, *end;
	uint64_t *where = (uint64_t *)base;
	size_t size = 0; /* without a table nothing is read */

	for (const Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELR)
			word = (const uint64_t *)(base + d->d_un.d_ptr);
		if (d->d_tag == DT_RELRSZ)
			size = d->d_un.d_val;
	}
	for (end = word + size / sizeof(*word); word < end; word++) {
		if (!(*word & 1)) {
			where = (uint64_t *)(base + *word);
			*where++ += base;
			continue;
		}
		for (uint64_t bits = *word >> 1; bits; bits &= bits - 1)
			where[__builtin_ctzll(bits)] += base;
		where += 63;
	}
}

__asm__(".section .text.start_packed, \"ax\", @progbits\n"
	".globl start_packed\n"
	".type start_packed, @function\n"
	"start_packed:\n"
	"	endbr64\n"
	"	push %rdx\n"
	"	push %rdx\n" /* twice: the stack is aligned to 16 */
	"	call start_relocate\n"
	"	pop %rdx\n"
	"	pop %rdx\n"
	"	jmp _start\n"
	".size start_packed, . - start_packed\n"
	".previous\n");

#endif

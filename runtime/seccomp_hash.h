/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_SECCOMP_HASH_H
#define CTR_SECCOMP_HASH_H

/* Where the search for a name begins: for runtime/seccomp_names.c and the program that makes its table. */

#include <stdint.h>

#define SYSCALL_SLOTS 1024

static inline uint32_t syscall_hash(const char *name)
{
	uint32_t h = 0;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x9e3779b1U;
	return h >> 22;
}

#endif

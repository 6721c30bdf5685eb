/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_VM_GUEST_H
#define CTR_VM_GUEST_H

/* The machine around a micro-VM's agent: see vm_guest.c. Only the first process of a guest calls this. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Milliseconds of the guest's clock, which begins with its kernel. */
struct vm_stamps { size_t n; struct { const char *what; double ms; } v[12]; bool told; };
void vm_stamp(struct vm_stamps *s, const char *what);

/* From the kernel's first root to shares that are mounted. The line to the host, which listens. */
int vm_guest_set_up(struct vm_stamps *s, struct err *e) MUST_CHECK;
/* Whether the kernel's command line has a word of ours (VM_WORD_... in vm.h). */
bool vm_guest_is_told(const char *word);
/* Until `path`, which is in `dir`, exists. -ETIMEDOUT. */
int vm_wait_for_file(const char *dir, const char *path, int64_t deadline) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_VM_FILTER_H
#define CTR_VM_FILTER_H

/*
 * System calls of the processes in a VMM's container. Ours, which read what a guest says, have a list of the few that
 * they need. QEMU and the file server filter themselves, by lists of their own makers; ours is put around these and
 * takes away what no version of them needs, and the network from a VMM whose taps are open. What is not allowed is EPERM.
 */

#include <stdbool.h>

#include "base/err.h"

enum vm_filter {
	VM_FILTER_CLIENT,  /* reads and writes what is open, and ends */
	VM_FILTER_MONITOR, /* accepts clients as well */
	VM_FILTER_VMM,
	VM_FILTER_VMM_ONLINE, /* the same, with sockets of IP: the network in user mode */
	VM_FILTER_FILES,
};

/* For this process and what it starts, for good. Wants no_new_privs. 0 or -errno. */
int vm_filter_apply(enum vm_filter which) MUST_CHECK;

#endif

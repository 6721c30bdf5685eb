/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULTS_WORLD_H
#define FAULTS_WORLD_H

/* What a runtime could leave behind: processes, mounts, cgroups, state, network devices, files in a directory. */

#include <stdbool.h>
#include <stddef.h>

struct world {
	const char *state;  /* the state root */
	const char *outputs; /* a directory for pid files and the like */
	const char *cgroups; /* where cgroups are looked for, NULL: nowhere */
	char *before;	    /* all of it, as text */
};

/* Orphans become our children from now on, and what is there now is no leftover. */
bool world_begin(struct world *w);
/*
 * Waits up to `limit_ms` for the processes to end, ends what is left, and compares. False: `what` says in one
 * line what is there now and was not before, or the other way round.
 */
bool world_same(const struct world *w, int limit_ms, char *what, size_t size);
/* The number of descriptors that are open in us, and of kB in use: for counts over many rounds. */
size_t world_descriptors(void);

#endif

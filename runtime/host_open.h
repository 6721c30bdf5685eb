/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_OPEN_H
#define CTR_HOST_OPEN_H

#include "plan_build.h"

/*
 * Opens the plan's descriptors into fds[0..n) (close-on-exec): namespaces, trees, id maps, the start socket in
 * the state directory. On failure none stays open. host_close_all() closes them.
 */
int host_open_all(const struct plan *p, int state_dir, int *fds, struct err *e) MUST_CHECK;
void host_close_all(const struct plan *p, int *fds);

/* A namespace file, checked to be one of this CLONE_NEW* type. */
int host_open_namespace(const char *path, uint32_t type, struct err *e) MUST_CHECK;

#endif

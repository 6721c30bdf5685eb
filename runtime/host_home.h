/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_HOME_H
#define CTR_HOST_HOME_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/*
 * What HOME shall be for a program whose environment has none: from etc/passwd below the directory `root`
 * (a rootfs, or /proc/PID/root of a running container), else "/". Engines rely on the runtime here.
 * *ret is NULL when the environment has a HOME already. The file is the image's: it is resolved inside the root,
 * must be a regular file of at most 1 MiB, and a FIFO in its place does not block. What it lacks or how it is
 * broken gives "/"; an error is what has nothing to do with it (no memory, no descriptor left).
 */
int host_home(struct arena *a, const char *root, const struct strv *env, uint32_t uid, const char **ret,
	      struct err *e) MUST_CHECK;

#endif

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
 *
 * `kept`: for who will ask again: the file stays open in it, and is read anew but not opened anew as long as it is the one
 * that is there. The caller closes it. NULL: nobody will.
 */
int host_home(struct arena *a, const char *root, const struct strv *env, uint32_t uid, int *kept, const char **ret,
	      struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_INIT_COPY_H
#define CTR_INIT_COPY_H

#include "../base/err.h"

/*
 * Copies what directory `from` (O_PATH) holds into directory `to` (the root of a detached tmpfs): owner, mode,
 * times, links, nodes. Does not leave the filesystem of `from`, follows no link, opens nothing but regular files
 * and directories, and stops at a depth of COPY_DEPTH_MAX.
 */
#define COPY_DEPTH_MAX 64
int copy_tree(int from, int to, struct err *e) MUST_CHECK;

#endif

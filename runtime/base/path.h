/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_PATH_H
#define CTR_BASE_PATH_H

/*
 * Paths inside a root that somebody else controls. Everything takes the root (or a directory in it) as a
 * descriptor and returns descriptors; nothing is looked up twice by name. Resolution is the kernel's
 * (openat2, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS): there is no resolver of our own to fall back to.
 * No heap, usable on the container side.
 *
 * While the tree is being renamed concurrently the kernel may answer EAGAIN: it is asked again for up to
 * a second, then -EAGAIN ("the root filesystem is being modified concurrently").
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/* Opens `path` below `root` with open(2) flags (O_CLOEXEC is added): a descriptor or -errno, no text. */
int path_open(int root, const char *path, int flags) MUST_CHECK;
/* The same, refusing every symbolic link on the way and at the end: -ELOOP. */
int path_open_strict(int root, const char *path, int flags) MUST_CHECK;
/*
 * `path` below `dir`, on the same mount: -EXDEV when a mount is on the way. Relative symbolic links that
 * stay below are followed (/proc/self is one). For filesystems of the kernel.
 */
int path_open_here(int dir, const char *path, int flags) MUST_CHECK;

/* A directory by an absolute path that names it without a link or a detour: the kernel would give the same one. */
bool path_is_plain_dir(const char *path);

enum path_kind { PATH_DIR, PATH_FILE };

/*
 * An O_PATH descriptor of `path`, made where it is missing: directories on the way with mode 0755, the last
 * component as a directory or as an empty regular file. A dangling link is followed inside the root and
 * its target made. Never opens a device, FIFO or file for reading or writing. What exists is returned
 * as it is, of whatever kind.
 */
int path_make(int root, const char *path, enum path_kind kind, struct err *e) MUST_CHECK;

/*
 * The directory that holds the last component of `path`, made where missing, and that component in
 * `ret_name` (of NAME_MAX + 1 bytes). -EINVAL when the last component is empty, "." or "..".
 */
int path_parent(int root, const char *path, char *ret_name, struct err *e) MUST_CHECK;
#define PATH_NAME_SIZE 256

#endif

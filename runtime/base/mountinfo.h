/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_MOUNTINFO_H
#define CTR_BASE_MOUNTINFO_H

/* The text of /proc/PID/mountinfo (proc_pid_mountinfo(5)), line by line. Reads no file. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define MOUNTINFO_MAX ((size_t)16 << 20) /* 100,000 mounts, the default of fs.mount-max */

struct mountinfo_line {
	char root[PATH_MAX];  /* of the mount inside of its file system */
	char point[PATH_MAX]; /* where it is mounted */
	char type[64];	      /* of the file system */
};

/* Takes the next line that has these fields from *text, in the order of mounting; false: no more. */
bool mountinfo_next(const char **text, struct mountinfo_line *ret);

#endif

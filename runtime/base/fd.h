/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_FD_H
#define CTR_BASE_FD_H

/* Whole files, small writes, and the descriptors a process came with. Host side. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "arena.h"
#include "err.h"
#include "str.h"

/*
 * Reads a regular file to its end into the arena, NUL-terminated; -EFBIG above `max` bytes, -EINVAL for
 * anything but a regular file (never blocks on a FIFO). Returns 0 or -errno without a text, so that
 * callers can tell absence from failure; file_read() is the same with a text.
 */
int file_read_at(struct arena *a, int dirfd, const char *name, size_t max, char **ret, size_t *ret_n) MUST_CHECK;
int file_read(struct arena *a, int dirfd, const char *name, size_t max, char **ret, size_t *ret_n,
	      struct err *e) MUST_CHECK;
/*
 * A file that the caller named on the command line, with a text on failure: "-" is standard input, and a pipe
 * (standard input, the shell's <(...)) is read until its end, however long that takes.
 */
int file_read_given(struct arena *a, const char *name, size_t max, char **ret, size_t *ret_n, struct err *e) MUST_CHECK;
/* A short kernel file (proc, sys, cgroup) into a buffer, NUL-terminated, trailing newline removed. */
int file_read_short(int dirfd, const char *name, char *buf, size_t size) MUST_CHECK;
/* One write(2) of all of it into an existing file. -errno, no text. */
int file_write(int dirfd, const char *name, const void *data, size_t n) MUST_CHECK;
/* Atomic replacement: a temporary name in the same directory, then rename. No fsync: the state is gone at boot. */
int file_replace(int dirfd, const char *name, const void *data, size_t n, mode_t mode) MUST_CHECK;
/* Its two halves: what is written may wait beside the old one until it is true. */
#define FILE_BESIDE_SIZE 256
int file_beside(int dirfd, const char *name, const void *data, size_t n, mode_t mode, char ret_beside[FILE_BESIDE_SIZE]) MUST_CHECK;
int file_take_place(int dirfd, const char *beside, const char *name) MUST_CHECK;
/* A file that is not there yet, and that nobody looks for before it is whole. 0 or -errno. */
int file_new(int dirfd, const char *name, const void *data, size_t n, mode_t mode) MUST_CHECK;
/*
 * The same for a file in a directory of somebody else's: nothing is left there when we are killed in between, since
 * the file has no name before it is whole (O_TMPFILE; where the file system cannot, as above). An old one is removed
 * right before.
 */
int file_publish(const char *path, const void *data, size_t n, mode_t mode) MUST_CHECK;
/*
 * Every directory on the way to the last name of the absolute `path`, made with `mode` where it is missing.
 * `what` stands before the path in an error: "make state directory PATH: ...".
 */
int dirs_make_above(const char *path, mode_t mode, const char *what, struct err *e) MUST_CHECK;
/* All of it, over short writes and EINTR. */
int fd_write_all(int fd, const void *data, size_t n) MUST_CHECK;
/* What a command has to say, on standard output; a buffer that failed is -ENOMEM. */
int print_out(const struct strbuf *b, struct err *e) MUST_CHECK;
/* An anonymous file with this content, offset 0, close-on-exec. */
int fd_memory(const char *name, const void *data, size_t n) MUST_CHECK;
/*
 * Descriptors 3 to 3+n-1, which are to reach the program, are open. Asked before anything of our own is: it would
 * take their numbers.
 */
int fd_check_kept(uint32_t n, struct err *e) MUST_CHECK;

/* Descriptors 0, 1, 2 exist afterwards (/dev/null for missing ones); all from 3 on are close-on-exec. */
int fd_sanitize(struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_UTIL_H
#define CTR_BASE_UTIL_H

/* Small words of the language that C lacks: sizes, ownership of descriptors and memory. */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

static inline void fd_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		(void)close(*fd); /* EINTR included: on Linux the descriptor is gone either way */
		errno = saved;
		*fd = -EBADF;
	}
}

static inline void mem_free(void *p)
{
	free(*(void **)p);
}

/* For results that change nothing any more: undo steps, waits that were only a courtesy. */
static inline void best_effort(int result)
{
	(void)result;
}

/* Monotonic milliseconds: what every deadline is counted in, on both sides. */
static inline int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Closed or freed when the variable leaves its scope; initialise with -EBADF or NULL. */
#define auto_close __attribute__((cleanup(fd_close)))
#define auto_free __attribute__((cleanup(mem_free)))

/* Hands ownership on: the variable no longer closes or frees. */
static inline int take_fd(int *fd)
{
	int r = *fd;
	*fd = -EBADF;
	return r;
}
#define TAKE_FD(fd) take_fd(&(fd))
#define TAKE_PTR(p)                     \
	({                              \
		__typeof__(p) _p = (p); \
		(p) = NULL;             \
		_p;                     \
	})

#endif

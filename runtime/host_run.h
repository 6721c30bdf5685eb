/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_RUN_H
#define CTR_HOST_RUN_H

/* Programs that the host side runs: hooks and the id-map helpers. Never through a shell. */

#include <stdint.h>
#include <sys/types.h>

#include "../oci/config.h"
#include "base/err.h"
#include "base/str.h"
#include "trace.h"

struct job {
	/* Set by the caller. */
	const char *path;
	char *const *argv, *const *env;
	int stdin_fd;	 /* stays the caller's; offset is set to 0; -1: /dev/null */
	int64_t timeout_ms; /* 0: none */
	/* Owned by the job. */
	pid_t pid;
	int pidfd, output;
	struct strbuf text; /* what it wrote to stdout and stderr, at most JOB_OUTPUT_MAX bytes */
};
#define JOB_OUTPUT_MAX ((size_t)256 << 10)

/*
 * The path of a program of our own that ctr starts: where it was installed, else beside the running binary
 * (a build directory). NULL: in neither place.
 */
const char *own_helper(const char *name, char *buf, size_t size);

/* Starts it in a process group of its own, with default signals and no descriptor but 0, 1, 2. */
int job_start(struct job *j, struct err *e) MUST_CHECK;
/*
 * Waits for its end (not for the end of its output: a daemon it left may hold that). 0 when it exited with
 * status 0; otherwise an error that has the status and the last line it wrote. On time-out the whole
 * process group is killed. Releases everything in any case.
 */
int job_wait(struct job *j, struct err *e) MUST_CHECK;

/* The same, and hands over what the program wrote (release with strbuf_done). */
int job_wait_output(struct job *j, struct strbuf *ret, struct err *e) MUST_CHECK;

/*
 * Runs the hooks of one point in order, each with `state` (JSON) on its standard input; stops at the first
 * failure. `point` is the member's name ("createRuntime"). `t` may be NULL.
 */
int hooks_run(const struct hook_list *hooks, const char *point, const char *state, struct trace *t, struct err *e) MUST_CHECK;
/* All of them, whatever happens; each failure is handed to `warn`. */
void hooks_run_all(const struct hook_list *hooks, const char *point, const char *state, struct trace *t,
		   void (*warn)(void *arg, const char *text), void *arg);

#endif

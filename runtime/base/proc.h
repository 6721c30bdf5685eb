/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BASE_PROC_H
#define CTR_BASE_PROC_H

/* Processes seen from outside: identity that survives pid reuse, waiting with a deadline. Host side. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/*
 * Start time (field 22 of /proc/PID/stat, clock ticks since boot) and state letter of a process.
 * -ESRCH when there is no such process.
 */
int proc_stat(pid_t pid, uint64_t *ret_start, char *ret_state) MUST_CHECK;

/* Our own number, as /proc has it, and start time. */
int proc_self(pid_t *ret_pid, uint64_t *ret_start) MUST_CHECK;

/* The random id of this boot, 36 characters and a NUL. */
#define BOOT_ID_SIZE 37
int proc_boot_id(char ret[BOOT_ID_SIZE]) MUST_CHECK;

/*
 * A pidfd of the process that had this start time: -ESRCH when it has ended (zombies included) or the
 * number belongs to somebody else by now. The check is made after the pidfd is open, so it is exact.
 */
int proc_open(pid_t pid, uint64_t start) MUST_CHECK;

/* The same without a descriptor: 0, or -ESRCH. Good for telling what is so; not for acting on the process. */
int proc_lives(pid_t pid, uint64_t start) MUST_CHECK;

/* The process has no memory any more, and ended under this name. False also where it cannot be seen. */
bool proc_gone_as(pid_t pid, const char *name);

/* Waits for the end of the process behind a pidfd; 0, or -ETIMEDOUT. timeout_ms < 0: no limit. */
int proc_wait_end(int pidfd, int timeout_ms) MUST_CHECK;

/* Waits for a child's end, which stays to be reaped: what proc_reap() will say. */
int proc_ended(int pidfd) MUST_CHECK;
/* Reaps a child by pidfd: 0 with either its exit status or the signal that ended it (0: none). */
int proc_reap_exact(int pidfd, int *ret_status, int *ret_signal) MUST_CHECK;
/* The same as a shell would say it: its exit status, or 128 + signal. -ECHILD when it is not ours. */
int proc_reap(int pidfd) MUST_CHECK;

#endif

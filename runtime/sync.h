/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_SYNC_H
#define CTR_SYNC_H

/*
 * The conversation between the host side (H) and the container side (I) over one SOCK_SEQPACKET pair.
 *
 *	I <-REST-------------- H	only when I was begun ahead: the memory that I have holds what is to be done; nothing was
 *				said before
 *	I --FORKED pid-------> H	only when the plan has a fork step; H writes id maps, offsets
 *	I <-MAPPED------------ H	only when that fork asked for maps
 *	I <-NETWORK (fd)------ H	only with a network step: the namespace, which H has made meanwhile
 *	I --MOUNTED----------> H	only with a hook point: namespaces and mounts are there
 *	I <-HOOKED (state)---- H	after prestart and createRuntime; carries a memfd with the state JSON
 *	I --CONSOLE (pty)----> H	only with a terminal
 *	I --NOTIFY (fd)------> H	only with a seccomp listener; I waits for HANDED before it goes on
 *	I <-HANDED------------ H
 *	I --READY------------> H	everything is set up, the program was found
 *	I <-RECORDED---------- H	only with a listener: the state names I, which may outlive H now
 *	I <-START (state)----- H	the state memfd is there when startContainer hooks exist
 *	I --EXECUTING--------> H	the program comes next: an end of file before this is the end of I itself
 *	I  end of file		 	the program was executed (every descriptor is close-on-exec)
 *	I --ERROR err--------> H	instead of any message of I; I then exits with status 1
 *	I --TRACE stamps-----> H	only when I was started, or told to START, with a trace: before READY, EXECUTING
 *				and ERROR, and whenever the few stamps that I keeps are full
 *
 * Between create and start the pair is replaced by a connection to the listener in the state directory;
 * START, ERROR and the end of file then travel on that. An end of file from H before START means that
 * the host side died: I ends itself. A message that the table in sync.c does not allow at this point is
 * an error naming both.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum sync_type {
	SYNC_FORKED = 1, SYNC_MAPPED, SYNC_MOUNTED, SYNC_HOOKED, SYNC_CONSOLE, SYNC_NOTIFY, SYNC_HANDED,
	SYNC_READY, SYNC_RECORDED, SYNC_START, SYNC_EXECUTING, SYNC_ERROR, SYNC_TRACE, SYNC_NETWORK, SYNC_REST, SYNC_EOF,
};

/* The value of a START that asks for stamps. */
#define SYNC_START_TRACE 1
/* The value of an EXECUTING behind which a filter may refuse all that follows, ERROR as well: the end of file may mislead. */
#define SYNC_EXECUTING_FILTERED 1

/* When something ended: CLOCK_REALTIME in nanoseconds, the clock that a time namespace leaves alone. */
struct sync_stamp {
	uint64_t ns;
	uint32_t op;	/* enum step_op, or one of below */
	uint32_t index; /* of the step in the plan */
};
#define SYNC_STAMP_ENTERED 0x10000U /* our program runs; nothing of it before that is known */
#define SYNC_STAMP_PLAN 0x10001U    /* the plan is taken over and checked */
#define SYNC_STAMPS_MAX 62	    /* no longer a message than one with an error */

struct sync_message {
	uint32_t type;	/* enum sync_type */
	int32_t value;	/* FORKED: the pid in the sender's pid namespace; START: flags; TRACE: how many stamps */
	union {
		struct err err; /* ERROR only; not sent otherwise */
		struct sync_stamp stamps[SYNC_STAMPS_MAX]; /* TRACE only */
	};
};

const char *sync_name(uint32_t type);

/* Sends one message, with `fd` attached when it is >= 0. The descriptor stays the caller's. */
int sync_send(int sock, uint32_t type, int32_t value, int fd, struct err *e) MUST_CHECK;
/* Sends an ERROR; nothing to do when that fails. */
void sync_send_error(int sock, const struct err *what);

/* Sends n stamps, 1 to SYNC_STAMPS_MAX; nothing to do when that fails. */
void sync_send_stamps(int sock, const struct sync_stamp *v, uint32_t n);

/* Until the peer has ended the line, with what it said before still to be received. Time-out: -ETIMEDOUT. */
int sync_wait_end(int sock, int timeout_ms, struct err *e) MUST_CHECK;

/*
 * Receives one message; *ret_fd is the attached descriptor (close-on-exec) or negative. The peer's end of file
 * is reported as type SYNC_EOF. timeout_ms < 0: no limit. Malformed messages: -EPROTO; time-out: -ETIMEDOUT.
 */
int sync_recv(int sock, int timeout_ms, struct sync_message *ret, int *ret_fd, struct err *e) MUST_CHECK;

#endif

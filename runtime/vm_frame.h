/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_VM_FRAME_H
#define CTR_VM_FRAME_H

/*
 * The conversation with the agent inside a micro-VM: frames over one virtio-console port, many streams at once. A
 * stream is one `ctr` command that the agent runs (run, exec), with its input, output, terminal and exit status.
 *
 *	host -> guest	NET* once; then per stream PUT* RUN, then IN, RESIZE, SIGNAL, CREDIT; GONE when nobody is interested any more
 *	guest -> host	HELLO once; then per stream OUT, ERR, CREDIT, and EXIT last
 *	at any time	PING, which the guest answers by PONG
 *
 * Data flows under credit: a sender may have VM_WINDOW bytes on the way per stream and direction, and gets room back
 * by CREDIT. So what is buffered is bounded, however slow a reader is. What comes from the guest is hostile: every
 * frame is checked here, by type, direction, size and stream, before anything of it is used. Pure: no system call
 * but read and write on the descriptor that is given. Fuzzed by tests/fuzz/vm.c; both ends by vm_client.c, vm_monitor.c and
 * vm_agent.c there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define VM_PROTOCOL 1u
#define VM_DATA_MAX 32768u	 /* of one frame */
#define VM_WINDOW 65536u	 /* bytes on the way, per stream and direction */
#define VM_DOCUMENT_MAX (16u << 20) /* all PUT of a stream */
#define VM_STREAMS_MAX 256u
#define VM_MAIN 0u		 /* the stream of the container's own program */

struct vm_head { uint32_t size; uint16_t type, stream; }; /* in front of `size` bytes; both sides are one machine */

enum vm_type {
	VM_HELLO,  /* uint32_t protocol */
	VM_PUT,	   /* a part of the document: the configuration, or the process of exec */
	VM_RUN,	   /* struct vm_run */
	VM_IN,	   /* input; no byte: its end */
	VM_OUT, VM_ERR,
	VM_CREDIT, /* uint32_t bytes that were consumed */
	VM_RESIZE, /* struct vm_size */
	VM_SIGNAL, /* uint32_t number */
	VM_EXIT,   /* uint32_t status, 0 to 255 */
	VM_NET,	   /* requests for tap_replay() (netns/tap.h), in pieces; no byte: their end */
	VM_PING, VM_PONG, /* uint32_t, the same in both: whether the agent is there */
	VM_GONE,   /* the host's side of the stream is gone: end it */
	VM_FAIL,   /* a sentence for the user; only between the processes of the host */
	VM_TYPES
};

struct vm_size { uint16_t rows, columns; };
struct vm_run { uint8_t exec, terminal; struct vm_size size; };

enum vm_from { VM_FROM_HOST, VM_FROM_GUEST, VM_FROM_MONITOR /* the guest's, and FAIL */ };

/* What was read and not yet taken. */
struct vm_reader { size_t at, n; char buf[sizeof(struct vm_head) + VM_DATA_MAX]; };
/* Reads once. The number of bytes, 0 at the end, -EAGAIN, or another -errno. */
int vm_read(struct vm_reader *r, int fd) MUST_CHECK;
/*
 * The next whole frame: 1 with *head and *data (valid until the next vm_read), 0 when more must be read, -EPROTO with
 * the text in `e` when it is none that `from` may send.
 */
int vm_next(struct vm_reader *r, enum vm_from from, struct vm_head *head, const char **data, struct err *e) MUST_CHECK;

/* What is to be written. Frames are appended whole; vm_flush() writes what the descriptor takes. */
struct vm_queue { struct strbuf b; size_t at; };
/* -ENOBUFS when more than `max` bytes would wait, -ENOMEM. */
int vm_put(struct vm_queue *q, size_t max, enum vm_type type, uint16_t stream, const void *data, size_t n) MUST_CHECK;
static inline bool vm_waits(const struct vm_queue *q) { return q->b.n > q->at; }
/* 0, also when not everything went out (vm_waits()), or -errno. */
int vm_flush(struct vm_queue *q, int fd) MUST_CHECK;
void vm_queue_done(struct vm_queue *q);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the micro-VM's conversation: see vm_frame.h. Must not act upon what is in them. */
#include "vm_frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define H (1U << VM_FROM_HOST)
#define G (1U << VM_FROM_GUEST)
#define M (1U << VM_FROM_MONITOR)

static const struct {
	const char *name;
	unsigned int from;
	uint32_t min, max;
} types[VM_TYPES] = {
	[VM_HELLO] = { "hello", G, sizeof(uint32_t), sizeof(uint32_t) },
	[VM_PUT] = { "put", H, 1, VM_DATA_MAX },
	[VM_RUN] = { "run", H, sizeof(struct vm_run), sizeof(struct vm_run) },
	[VM_IN] = { "in", H, 0, VM_DATA_MAX },
	[VM_OUT] = { "out", G | M, 1, VM_DATA_MAX },
	[VM_ERR] = { "err", G | M, 1, VM_DATA_MAX },
	[VM_CREDIT] = { "credit", H | G | M, sizeof(uint32_t), sizeof(uint32_t) },
	[VM_RESIZE] = { "resize", H, sizeof(struct vm_size), sizeof(struct vm_size) },
	[VM_SIGNAL] = { "signal", H, sizeof(uint32_t), sizeof(uint32_t) },
	[VM_EXIT] = { "exit", G | M, sizeof(uint32_t), sizeof(uint32_t) },
	[VM_NET] = { "net", H, 0, VM_DATA_MAX },
	[VM_PING] = { "ping", H, sizeof(uint32_t), sizeof(uint32_t) },
	[VM_PONG] = { "pong", G, sizeof(uint32_t), sizeof(uint32_t) },
	[VM_GONE] = { "gone", H, 0, 0 },
	[VM_FAIL] = { "fail", M, 1, ERR_TEXT_MAX },
};

int vm_read(struct vm_reader *r, int fd)
{
	if (r->at) {
		r->n -= r->at;
		memmove(r->buf, r->buf + r->at, r->n);
		r->at = 0;
	}
	ssize_t n = read(fd, r->buf + r->n, sizeof(r->buf) - r->n);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	r->n += (size_t)n;
	return (int)n;
}

int vm_next(struct vm_reader *r, enum vm_from from, struct vm_head *head, const char **data, struct err *e)
{
	size_t n = r->n - r->at;
	uint32_t value;

	if (n < sizeof(*head))
		return 0;
	memcpy(head, r->buf + r->at, sizeof(*head));
	if (head->type >= VM_TYPES || !(types[head->type].from & 1U << from))
		return err_set(e, EPROTO, "the micro-VM's agent sent a message of kind %u", head->type);
	if (head->size < types[head->type].min || head->size > types[head->type].max)
		return err_set(e, EPROTO, "the micro-VM's agent sent %u bytes as \"%s\"", head->size, types[head->type].name);
	if (head->stream >= VM_STREAMS_MAX)
		return err_set(e, EPROTO, "the micro-VM's agent sent a message for stream %u", head->stream);
	if (n < sizeof(*head) + head->size)
		return 0;
	*data = r->buf + r->at + sizeof(*head);
	r->at += sizeof(*head) + head->size;
	if (head->size == sizeof(value)) {
		memcpy(&value, *data, sizeof(value));
		if (head->type == VM_CREDIT && (value == 0 || value > VM_WINDOW))
			return err_set(e, EPROTO, "the micro-VM's agent gave a credit of %u bytes", value);
		if (head->type == VM_EXIT && value > 255)
			return err_set(e, EPROTO, "the micro-VM's agent sent exit status %u", value);
	}
	return 1;
}

int vm_put(struct vm_queue *q, size_t max, enum vm_type type, uint16_t stream, const void *data, size_t n)
{
	const struct vm_head head = { (uint32_t)n, (uint16_t)type, stream };

	if (q->b.n - q->at + sizeof(head) + n > max)
		return -ENOBUFS;
	if (q->at == q->b.n)
		q->at = q->b.n = 0;
	strbuf_add(&q->b, (const char *)&head, sizeof(head));
	if (n)
		strbuf_add(&q->b, data, n);
	return q->b.failed ? -ENOMEM : 0;
}

int vm_flush(struct vm_queue *q, int fd)
{
	while (vm_waits(q)) {
		ssize_t n = write(fd, q->b.p + q->at, q->b.n - q->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		q->at += (size_t)n;
	}
	return 0;
}

void vm_queue_done(struct vm_queue *q)
{
	strbuf_done(&q->b);
	q->at = 0;
}

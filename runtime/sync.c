/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between host side and container side. Linked into both halves: no heap, no output. Nothing
 * of a message is trusted beyond its length: the container side turns hostile only at exec, but the host
 * side reads what it gets with the caller's privileges.
 */
#include "sync.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/util.h"
#include "base/wait.h"

struct wire {
	uint32_t type;
	int32_t value;
	union {
		struct {
			int32_t code;
			char text[ERR_TEXT_MAX];
		} error;
		struct sync_stamp stamps[SYNC_STAMPS_MAX];
	};
};
#define WIRE_SHORT offsetof(struct wire, error)
#define WIRE_TEXT offsetof(struct wire, error.text)

const char *sync_name(uint32_t type)
{
	static const char *const names[] = {
		[SYNC_FORKED] = "forked", [SYNC_MAPPED] = "mapped",   [SYNC_MOUNTED] = "mounted",
		[SYNC_HOOKED] = "hooked", [SYNC_CONSOLE] = "console", [SYNC_NOTIFY] = "notify",
		[SYNC_HANDED] = "handed", [SYNC_READY] = "ready",     [SYNC_START] = "start",
		[SYNC_ERROR] = "error",	  [SYNC_EOF] = "end of file", [SYNC_EXECUTING] = "executing",
		[SYNC_TRACE] = "trace",   [SYNC_RECORDED] = "recorded", [SYNC_NETWORK] = "network",
		[SYNC_REST] = "rest",
	};
	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

static int send_wire(int sock, const struct wire *w, size_t n, int fd)
{
	struct iovec iov = { (void *)(uintptr_t)w, n };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	ssize_t r;
	do
		r = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int sync_send(int sock, uint32_t type, int32_t value, int fd, struct err *e)
{
	struct wire w = { .type = type, .value = value };
	int r = send_wire(sock, &w, WIRE_SHORT, fd);

	return r < 0 ? err_sys(e, r, "send %s to the other side", sync_name(type)) : 0;
}

void sync_send_error(int sock, const struct err *what)
{
	struct wire w = { .type = SYNC_ERROR, .error.code = what->code };
	size_t n = strnlen(what->text, sizeof(w.error.text) - 1);

	memcpy(w.error.text, what->text, n);
	(void)send_wire(sock, &w, WIRE_TEXT + n, -1);
}

void sync_send_stamps(int sock, const struct sync_stamp *v, uint32_t n)
{
	struct wire w = { .type = SYNC_TRACE, .value = (int32_t)n };

	memcpy(w.stamps, v, n * sizeof(*v));
	(void)send_wire(sock, &w, WIRE_SHORT + n * sizeof(*v), -1);
}

int sync_wait_end(int sock, int timeout_ms, struct err *e)
{
	int r = wait_for(sock, 0, deadline_in(timeout_ms));

	return r < 0 ? err_sys(e, r, "wait for the other side") : 0;
}

/* The buffer holds one control message with one descriptor: a second one shows as MSG_CTRUNC. */
static int take_descriptor(struct msghdr *m, int *ret_fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
			return -EPROTO;
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	}
	return m->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;
}

/* What a message of this type and value must be long. */
static bool is_well_formed(const struct wire *w, size_t n)
{
	if (n < WIRE_SHORT || w->type == 0 || w->type >= SYNC_EOF)
		return false;
	if (w->type == SYNC_ERROR)
		return n >= WIRE_TEXT;
	if (w->type == SYNC_TRACE)
		return w->value > 0 && w->value <= SYNC_STAMPS_MAX &&
		       n == WIRE_SHORT + (size_t)w->value * sizeof(w->stamps[0]);
	return n == WIRE_SHORT;
}

int sync_recv(int sock, int timeout_ms, struct sync_message *ret, int *ret_fd, struct err *e)
{
	struct wire w = { 0 };
	struct iovec iov = { &w, WIRE_TEXT + ERR_TEXT_MAX - 1 }; /* the last byte of the text stays NUL */
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	auto_close int fd = -EBADF;
	int r = timeout_ms < 0 ? 0 : wait_for(sock, POLLIN, deadline_in(timeout_ms));
	bool reset = false;
	ssize_t n;

	if (r < 0)
		return err_sys(e, r, "wait for the other side");
	/* That the peer ended with something of ours unread is said once, before what it had sent. */
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
	if (n < 0 && errno != ECONNRESET)
		return err_sys(e, errno, "receive from the other side");
	*ret = (struct sync_message){ .type = SYNC_EOF };
	*ret_fd = -1;
	if (n <= 0)
		return 0;
	r = take_descriptor(&m, &fd);
	if (r < 0 || !is_well_formed(&w, (size_t)n))
		return err_set(e, EPROTO, "malformed message from the other side");
	ret->type = w.type;
	ret->value = w.value;
	if (w.type == SYNC_ERROR) {
		ret->err.code = w.error.code > 0 && w.error.code < 4096 ? w.error.code : EPROTO;
		memcpy(ret->err.text, w.error.text, sizeof(ret->err.text));
	}
	if (w.type == SYNC_TRACE)
		memcpy(ret->stamps, w.stamps, (size_t)w.value * sizeof(w.stamps[0]));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

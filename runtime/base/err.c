/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats errors. Allocates nothing, prints nothing, and never calls strerror(): its wording differs
 * between C libraries, and engines compare substrings of ours.
 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

static const struct {
	int code;
	const char *name, *text;
} errnos[] = {
#define E(code, text) { code, #code, text }
	E(EPERM, "operation not permitted"),
	E(ENOENT, "no such file or directory"),
	E(ESRCH, "no such process"),
	E(EINTR, "interrupted system call"),
	E(EIO, "input/output error"),
	E(ENXIO, "no such device or address"),
	E(E2BIG, "argument list too long"),
	E(ENOEXEC, "exec format error"),
	E(EBADF, "bad file descriptor"),
	E(ECHILD, "no child processes"),
	E(EAGAIN, "resource temporarily unavailable"),
	E(ENOMEM, "cannot allocate memory"),
	E(EACCES, "permission denied"),
	E(EFAULT, "bad address"),
	E(ENOTBLK, "block device required"),
	E(EBUSY, "device or resource busy"),
	E(EEXIST, "file exists"),
	E(EXDEV, "invalid cross-device link"),
	E(ENODEV, "no such device"),
	E(ENOTDIR, "not a directory"),
	E(EISDIR, "is a directory"),
	E(EINVAL, "invalid argument"),
	E(ENFILE, "too many open files in system"),
	E(EMFILE, "too many open files"),
	E(ENOTTY, "inappropriate ioctl for device"),
	E(ETXTBSY, "text file busy"),
	E(EFBIG, "file too large"),
	E(ENOSPC, "no space left on device"),
	E(ESPIPE, "illegal seek"),
	E(EROFS, "read-only file system"),
	E(EMLINK, "too many links"),
	E(EPIPE, "broken pipe"),
	E(EDOM, "numerical argument out of domain"),
	E(ERANGE, "numerical result out of range"),
	E(EDEADLK, "resource deadlock avoided"),
	E(ENAMETOOLONG, "file name too long"),
	E(ENOSYS, "function not implemented"),
	E(ENOTEMPTY, "directory not empty"),
	E(ELOOP, "too many levels of symbolic links"),
	E(ENODATA, "no data available"),
	E(EPROTO, "protocol error"),
	E(EBADMSG, "bad message"),
	E(EOVERFLOW, "value too large for defined data type"),
	E(EILSEQ, "invalid or incomplete multibyte or wide character"),
	E(EUSERS, "too many users"),
	E(ENOTSOCK, "socket operation on non-socket"),
	E(EMSGSIZE, "message too long"),
	E(EPROTONOSUPPORT, "protocol not supported"),
	E(EOPNOTSUPP, "operation not supported"),
	E(EAFNOSUPPORT, "address family not supported by protocol"),
	E(EADDRINUSE, "address already in use"),
	E(ENETDOWN, "network is down"),
	E(ECONNRESET, "connection reset by peer"),
	E(ENOBUFS, "no buffer space available"),
	E(ENOTCONN, "transport endpoint is not connected"),
	E(ETIMEDOUT, "connection timed out"),
	E(ECONNREFUSED, "connection refused"),
	E(ESTALE, "stale file handle"),
	E(EDQUOT, "disk quota exceeded"),
	E(ECANCELED, "operation canceled"),
#undef E
};

const char *err_text(int errnum)
{
	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].code == errnum)
			return errnos[i].text;
	return "unknown error";
}

const char *err_name(int errnum)
{
	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].code == errnum)
			return errnos[i].name;
	return NULL;
}

/* Names in a text may come from an image: they end up on terminals and in logs, one line each. */
static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == '\177')
			*s = '?';
}

/* For the analyser err.h makes macros of these. */
#undef err_sys
#undef err_set
#undef err_bad
#undef err_in

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (errnum < 0)
		errnum = -errnum;
	e->code = errnum;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	one_line(e->text);

	size_t n = strlen(e->text);
	const char *text = err_text(errnum);
	/* The reason must survive a long object name: cut the name, not the reason. */
	size_t room = sizeof(e->text) - 1, tail = strlen(text) + 2;
	if (n + tail > room)
		n = room - tail;
	(void)snprintf(e->text + n, sizeof(e->text) - n, ": %s", text);
	return -errnum;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	one_line(e->text);
	return -code;
}

int err_bad(struct err *e, const char *fmt, ...)
{
	va_list ap;

	e->code = EINVAL;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	one_line(e->text);
	return -EINVAL;
}

int err_in(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;

	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(e->text))
		n = (int)sizeof(e->text) - 1;
	one_line(e->text);
	size_t left = sizeof(e->text) - (size_t)n;
	if (snprintf(e->text + n, left, ": %s", old) < 0)
		e->text[n] = '\0';
	return -e->code;
}

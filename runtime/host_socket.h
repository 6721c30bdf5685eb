/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_SOCKET_H
#define CTR_HOST_SOCKET_H

#include <stddef.h>

#include "base/err.h"

/* Unix sockets by path. Paths longer than sun_path go through the descriptor of their directory. */

/* Connects a stream (or SEQPACKET) socket; -errno with a text. Close-on-exec. */
int socket_connect(int dirfd, const char *path, int type, struct err *e) MUST_CHECK;
/* Binds and listens on NAME in the directory; the socket file has mode 0600. */
int socket_listen(int dirfd, const char *name, int type, struct err *e) MUST_CHECK;
/*
 * Sends one descriptor with `text` as the payload (console-socket, pidfd-socket and seccomp protocols):
 * exactly one message, or for long texts the descriptor with the first part.
 */
int socket_send_fd(int sock, const char *text, size_t n, int fd, struct err *e) MUST_CHECK;
/* All three steps: connect to `path`, send, close. `what` names the socket in messages. */
int socket_hand_over(const char *path, const char *what, const char *text, size_t n, int fd, struct err *e) MUST_CHECK;

#endif

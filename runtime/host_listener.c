/* SPDX-License-Identifier: Apache-2.0 */
/* The listener of a seccomp filter, on its way to who answers. It must not keep the descriptor. */
#include "host_listener.h"

#include "base/str.h"
#include "host_socket.h"

int host_hand_listener(const struct state *s, const char *status, pid_t process, int fd, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	strbuf_printf(&b, "{\"ociVersion\":\"%s\",\"fds\":[\"seccompFd\"],\"pid\":%d,\"metadata\":", s->oci_version, process);
	strbuf_json(&b, s->listener_metadata ? s->listener_metadata : "");
	strbuf_puts(&b, ",\"state\":");
	state_print_public(&b, s, status, s->pid, 0);
	strbuf_puts(&b, "}");
	return b.failed ? err_nomem(e) : socket_hand_over(s->listener_path, "seccomp listener", b.p, b.n, fd, e);
}

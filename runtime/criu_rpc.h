/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CRIU_RPC_H
#define CTR_CRIU_RPC_H

/*
 * The messages of `criu swrk`, as criu's own rpc.proto has them (protocol buffers, version 2): one request, then
 * notifications that each want a reply, then the result. Pure: words in, bytes out, and back.
 */

#include <stdint.h>

#include "host_criu.h"

enum { CRIU_RESTORE = 2, CRIU_NOTIFY = 6 }; /* enum criu_req_type */

/*
 * Appends the request to restore. `w` is the command line for the same ("criu", "restore", options); a word that has
 * no field is -EINVAL. The directories are descriptors of the process that made the socket.
 */
int criu_request(struct strbuf *out, const struct criu_words *w, int images_fd, int work_fd, struct err *e) MUST_CHECK;
/* Appends the reply to a notification. */
void criu_reply(struct strbuf *out, bool go_on);

struct criu_answer {
	uint64_t type;
	bool success;
	pid_t pid;	 /* of the restored process; 0: not said */
	char script[64]; /* the notification's name, cut where it is longer */
};
/* -EPROTO when the bytes are no answer. */
int criu_answer_parse(const void *bytes, size_t n, struct criu_answer *ret) MUST_CHECK;

#endif

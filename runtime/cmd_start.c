/* SPDX-License-Identifier: Apache-2.0 */
/* ctr start: tells the waiting init of a created container to execute the program. */
#include <errno.h>
#include <sys/socket.h>

#include "base/util.h"
#include "host_create.h"
#include "host_socket.h"

struct start_opts {
	const char *trace;
};

static int start_take(struct ctx *ctx, const char *id, struct container *c, enum status *status, struct err *e)
{
	TRACE(ctx->trace, HOST, "read the state", NULL);

	return store_take(ctx, id, c, status, e);
}

static int start_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	const struct start_opts *o = opts;
	enum status status = STATUS_CREATING;
	int r = trace_new(&ctx->arena, o->trace, "start", argv[0], &ctx->trace, e);

	(void)argc;
	if (r == 0)
		r = start_take(ctx, argv[0], &c, &status, e);
	if (r < 0)
		return r;
	if (status != STATUS_CREATED)
		return err_set(e, EINVAL, "cannot start container \"%s\" in state %s: it must be created", c.id,
			       status_name(status));
	auto_close int sock = socket_connect(c.dir_fd, STORE_START, SOCK_SEQPACKET, e);
	if (sock < 0)
		return err_in(e, "start container \"%s\"", c.id);
	return host_start(ctx, &c, sock, e);
}

static const struct opt start_options[] = { TRACE_OPTION_ROW(struct start_opts, trace), OPT_END };

const struct command command_start = {
	.name = "start",
	.operands = "ID",
	.help = "run the program of a created container",
	.run = start_run,
	.options = start_options,
	.opts_size = sizeof(struct start_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

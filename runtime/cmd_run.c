/* SPDX-License-Identifier: Apache-2.0 */
/* ctr run: create and start in one, without the detour over the start socket; then wait, unless detached. */
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "bundle.h"
#include "host_attach.h"

struct run_opts {
	struct bundle_opts common;
	bool detach, keep;
};

static const struct opt run_options[] = {
	BUNDLE_OPTION_ROWS(struct run_opts),
	{ "detach", 'd', OPT_FLAG, offsetof(struct run_opts, detach), NULL, "do not wait for the program" },
	{ "keep", 0, OPT_FLAG, offsetof(struct run_opts, keep), NULL, "do not delete the container afterwards" },
	OPT_END,
};

/* As after any failure of `run`, nothing is left of a container that ends before it is ready. */
static int wait_ready(struct ctx *ctx, struct notify *n, struct container *c, const struct created *created, struct err *e)
{
	int r = notify_wait(n, created->pidfd, created->pid, e);
	struct err second;

	if (r < 0)
		best_effort(host_destroy(ctx, c, -1, &second));
	return r;
}

static int run_created(struct ctx *ctx, const struct run_opts *o, struct container *c, struct created *created,
		       struct err *e)
{
	if (!o->detach)
		host_window_size(created->console);
	int r = host_start(ctx, c, created->sync, e);

	if (r == 0 && o->detach && o->common.notify && o->common.notify->fd >= 0)
		r = wait_ready(ctx, o->common.notify, c, created, e);
	if (r < 0 || o->detach)
		return r;
	const struct attach a = { .pidfd = created->pidfd, .signals = created->signals, .console = created->console,
				  .notify = o->common.notify };
	struct trace_span running = trace_span(ctx->trace, TRACE_PROGRAM, "program", NULL);
	int status = host_attach(&a, e);
	trace_span_end(&running);
	if (status >= 0 && !o->keep) {
		c->state->pid = 0; /* reaped: the number may be another's from here on */
		r = host_destroy(ctx, c, -1, e);
		if (r < 0)
			return r;
	}
	return status;
}

static int run_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	struct run_opts with = *(const struct run_opts *)opts;
	const struct run_opts *o = &with;
	auto_container struct container c = CONTAINER_NONE;
	struct created created = CREATED_NONE;
	struct notify notify = NOTIFY_NONE;
	struct bundle_plan b = { 0 };

	notify.outer = getenv("NOTIFY_SOCKET");
	if (notify.outer && *notify.outer)
		with.common.notify = &notify;
	int r = trace_new(&ctx->arena, o->common.trace, "run", argv[0], &ctx->trace, e);
	if (r == 0)
		r = bundle_plan(ctx, &o->common, argv[0], false, &b, e);

	(void)argc;
	if (r < 0)
		return r;
	if (o->common.dry_run)
		return bundle_print(b.plan, e);
	r = bundle_check_terminal(&o->common, b.plan, o->detach, e);
	if (r == 0)
		r = bundle_create(ctx, &o->common, &b, &c, &created, e);
	if (r == 0)
		r = run_created(ctx, o, &c, &created, e);
	created_done(&created);
	notify_done(&notify);
	return r;
}

const struct command command_run = {
	.name = "run",
	.operands = "ID",
	.help = "create a container and run its program",
	.run = run_run,
	.options = run_options,
	.opts_size = sizeof(struct run_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
	.details = "The exit status is the program's, 128 + N when signal N killed it, 127 when the program does\n"
		   "not exist, 126 when it cannot be executed, 1 when the container could not be made.\n",
};

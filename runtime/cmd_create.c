/* SPDX-License-Identifier: Apache-2.0 */
/* ctr create: everything but the program. */
#include "bundle.h"

struct create_opts {
	struct bundle_opts common;
};

static const struct opt create_options[] = { BUNDLE_OPTION_ROWS(struct create_opts), OPT_END };

static int create_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct create_opts *o = opts;
	auto_container struct container c = CONTAINER_NONE;
	struct created created = CREATED_NONE;
	struct bundle_plan b = { 0 };
	int r = trace_new(&ctx->arena, o->common.trace, "create", argv[0], &ctx->trace, e);
	if (r == 0)
		r = bundle_plan(ctx, &o->common, argv[0], true, &b, e);

	(void)argc;
	if (r < 0)
		return r;
	if (o->common.dry_run)
		return bundle_print(b.plan, e);
	r = bundle_check_terminal(&o->common, b.plan, true, e);
	if (r == 0)
		r = bundle_create(ctx, &o->common, &b, &c, &created, e);
	created_done(&created);
	return r;
}

const struct command command_create = {
	.name = "create",
	.operands = "ID",
	.help = "set up a container from a bundle; `start` then runs its program",
	.run = create_run,
	.options = create_options,
	.opts_size = sizeof(struct create_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

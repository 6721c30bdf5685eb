/* SPDX-License-Identifier: Apache-2.0 */
/* ctr trace: a file of --trace as a picture on standard output. */
#include "base/fd.h"
#include "ctx.h"

static int trace_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	int r = trace_draw(&ctx->arena, argv[0], &b, e);

	(void)opts;
	(void)argc;
	return r < 0 ? r : print_out(&b, e);
}

static const struct opt trace_options[] = { OPT_END };

const struct command command_trace = {
	.name = "trace",
	.operands = "FILE",
	.help = "draw a file of --trace: where the time of a command went, as SVG",
	.run = trace_run,
	.options = trace_options,
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

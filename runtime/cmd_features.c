/* SPDX-License-Identifier: Apache-2.0 */
/* ctr features: what this build recognises. Engines read it before any container exists. */
#include "../oci/features.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/util.h"
#include "ctx.h"

/*
 * Which filter flags this kernel knows: a flag it does not know is EINVAL before the filter is looked at,
 * a known one gets as far as the bad address (seccomp(2)).
 */
static uint32_t kernel_flags(void)
{
	uint32_t known = 0;

	for (unsigned int bit = 0; bit < 8; bit++) {
		unsigned int flag = 1U << bit;
		/* Some flags are only valid in company. */
		unsigned int with = flag == (1U << 5) ? flag | SECCOMP_FILTER_FLAG_NEW_LISTENER : flag;
		if (sys_seccomp(SECCOMP_SET_MODE_FILTER, with, NULL) == -EFAULT)
			known |= flag;
	}
	return known;
}

static int features_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	(void)opts;
	(void)argc;
	(void)argv;
	int r = features_print(&b, &ctx->arena, kernel_flags(), e);
	if (r < 0)
		return r;
	return print_out(&b, e);
}

static const struct opt features_options[] = { OPT_END };

const struct command command_features = {
	.name = "features",
	.operands = "",
	.help = "print what this build supports as JSON",
	.run = features_run,
	.options = features_options,
	.order = OPT_MIXED,
	.min_operands = 0,
	.max_operands = 0,
};

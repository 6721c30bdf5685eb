/* SPDX-License-Identifier: Apache-2.0 */
/* ctr state: the specification's state document of one container. */
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "store.h"

static int state_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	auto_strbuf struct strbuf b = { 0 };
	enum status status = STATUS_CREATING;
	int r = store_load(ctx, argv[0], &c, e);

	(void)opts;
	(void)argc;
	if (r == 0)
		r = container_status(&c, &status, NULL, e);
	if (r < 0)
		return r;
	state_print_public(&b, c.state, status_name(status), status == STATUS_STOPPED ? 0 : c.state->pid, 2);
	strbuf_puts(&b, "\n");
	if (b.failed)
		return err_nomem(e);
	r = fd_write_all(STDOUT_FILENO, b.p, b.n);
	return r < 0 ? err_sys(e, r, "write to standard output") : 0;
}

static const struct opt state_options[] = { OPT_END };

const struct command command_state = {
	.name = "state",
	.operands = "ID",
	.help = "print the state of a container as JSON",
	.run = state_run,
	.options = state_options,
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* ctr delete: removes what create made. With --force from any state, and repeatable after any crash. */
#include <errno.h>

#include "base/util.h"
#include "host_create.h"

struct delete_opts {
	bool force, strict;
};

static const struct opt delete_options[] = {
	{ "force", 'f', OPT_FLAG, offsetof(struct delete_opts, force), NULL,
	  "kill what runs; a container that does not exist is no error" },
	{ "strict", 0, OPT_FLAG, offsetof(struct delete_opts, strict), NULL,
	  "only a stopped container, as the specification says: a created one is left alone" },
	OPT_END,
};

static int delete_force(struct ctx *ctx, const char *id, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	int r = store_open(ctx, id, &c, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = store_lock(&c, e);
	if (r == 0)
		r = store_reload(ctx, &c, e);
	if (r < 0)
		return r;
	if (c.unread) { /* forgotten now, what runs could never be removed */
		*e = c.why;
		return err_in(e, "container \"%s\"", id);
	}
	if (c.damaged)
		ctx_warn(ctx, "container \"%s\": %s", id, c.why.text);
	return host_destroy(ctx, &c, -1, e);
}

static int delete_stopped(struct ctx *ctx, const char *id, bool strict, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	enum status status = STATUS_CREATING;
	int r = store_take(ctx, id, &c, &status, e);

	if (r < 0)
		return r;
	/* The specification says stopped only; engines delete created ones after a failure of their own. */
	if (status != STATUS_STOPPED && (strict || status != STATUS_CREATED))
		return err_set(e, EBUSY, "cannot delete container \"%s\" in state %s: it must be stopped", id,
			       status_name(status));
	return host_destroy(ctx, &c, -1, e);
}

static int delete_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct delete_opts *o = opts;

	(void)argc;
	if (o->force && o->strict)
		return err_bad(e, "delete: --force and --strict exclude each other");
	return o->force ? delete_force(ctx, argv[0], e) : delete_stopped(ctx, argv[0], o->strict, e);
}

const struct command command_delete = {
	.name = "delete",
	.operands = "ID",
	.help = "remove a stopped container",
	.run = delete_run,
	.options = delete_options,
	.opts_size = sizeof(struct delete_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

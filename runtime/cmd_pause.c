/* SPDX-License-Identifier: Apache-2.0 */
/* ctr pause, ctr resume: the cgroup freezer. */
#include <errno.h>

#include "../cgroup/cgroup.h"
#include "base/util.h"
#include "store.h"

static int set_frozen(struct ctx *ctx, const char *id, bool freeze, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	auto_close int fd = -EBADF;
	enum status status = STATUS_CREATING;
	int r = store_take(ctx, id, &c, &status, e);

	if (r < 0)
		return r;
	bool ok = freeze ? status == STATUS_CREATED || status == STATUS_RUNNING || status == STATUS_PAUSED :
			   status == STATUS_PAUSED;
	if (!ok)
		return err_set(e, EINVAL, "cannot %s container \"%s\" in state %s", freeze ? "pause" : "resume", id,
			       status_name(status));
	if (!c.state->cgroup_path)
		return err_set(e, EOPNOTSUPP, "cannot %s container \"%s\": it has no cgroup", freeze ? "pause" : "resume", id);
	r = cgroup_open(c.state->cgroup_path, &fd, e);
	if (r == 0)
		r = cgroup_freeze(fd, freeze, -1, e);
	return r < 0 ? err_in(e, "%s container \"%s\"", freeze ? "pause" : "resume", id) : 0;
}

static int pause_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	(void)opts;
	(void)argc;
	return set_frozen(ctx, argv[0], true, e);
}

static int resume_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	(void)opts;
	(void)argc;
	return set_frozen(ctx, argv[0], false, e);
}

static const struct opt no_options[] = { OPT_END };

const struct command command_pause = {
	.name = "pause",
	.operands = "ID",
	.help = "stop every process of a container where it is",
	.run = pause_run,
	.options = no_options,
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

const struct command command_resume = {
	.name = "resume",
	.operands = "ID",
	.help = "let the processes of a paused container go on",
	.run = resume_run,
	.options = no_options,
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* ctr state: the specification's state document of one container. */
#include <unistd.h>

#include "../cgroup/cgroup.h"
#include "../cgroup/stats.h"
#include "../oci/annotations.h"
#include "base/fd.h"
#include "base/util.h"
#include "store.h"

/* The cgroup stays until `delete`, but for a scope of systemd's, which goes with its last process. */
static bool oom_killed(const struct state *s)
{
	struct cgroup_memory_events events = { 0 };
	struct err ignored;
	char text[512];
	int fd = -EBADF;

	if (!s->cgroup_path || cgroup_open(s->cgroup_path, &fd, &ignored) < 0)
		return false;
	ssize_t n = file_read_short(fd, "memory.events", text, sizeof(text));
	fd_close(&fd);
	if (n > 0)
		cgroup_parse_memory_events(text, &events);
	return events.oom_kill.set && events.oom_kill.v > 0;
}

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
	if (r == 0 && status == STATUS_STOPPED && oom_killed(c.state))
		r = string_map_put(&ctx->arena, &c.state->annotations, ANNOTATION_OOM_KILLED, "true", e);
	if (r < 0)
		return r;
	state_print_public(&b, c.state, status_name(status), status == STATUS_STOPPED ? 0 : c.state->pid, 2);
	strbuf_puts(&b, "\n");
	return print_out(&b, e);
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

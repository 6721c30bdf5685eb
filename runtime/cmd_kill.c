/* SPDX-License-Identifier: Apache-2.0 */
/* ctr kill: a signal to the first process, or to all of them. */
#include <errno.h>
#include <signal.h>

#include "../cgroup/cgroup.h"
#include "../oci/names.h"
#include "base/sys.h"
#include "base/util.h"
#include "store.h"

struct kill_opts {
	bool all;
};

static const struct opt kill_options[] = {
	{ "all", 'a', OPT_FLAG, offsetof(struct kill_opts, all), NULL, "every process of the container" },
	OPT_END,
};

static int signal_all(const struct container *c, int sig, struct err *e)
{
	auto_close int fd = -EBADF;
	int r = cgroup_open(c->state->cgroup_path, &fd, e);

	if (r == -ENOENT)
		return 0; /* removed: nobody is left */
	if (r < 0)
		return r;
	if (sig == SIGKILL)
		return cgroup_kill(fd, e);
	r = cgroup_signal(fd, sig, e);
	return r < 0 ? r : 0;
}

/* A frozen process dies of SIGKILL only once it is thawed. */
static void thaw(const struct container *c)
{
	struct err ignored;
	auto_close int fd = -EBADF;

	if (c->state->cgroup_path && cgroup_open(c->state->cgroup_path, &fd, &ignored) == 0)
		best_effort(cgroup_freeze(fd, false, 0, &ignored));
}

static int kill_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct kill_opts *o = opts;
	auto_container struct container c = CONTAINER_NONE;
	auto_close int pidfd = -EBADF;
	enum status status = STATUS_CREATING;
	/* 0, as kill(2) has it: nothing is sent, the answer tells whether somebody is there. */
	int sig = argc < 2 ? SIGTERM : str_eq(argv[1], "0") ? 0 : signal_parse(argv[1], e);

	if (sig < 0)
		return sig;
	int r = store_load(ctx, argv[0], &c, e);
	if (r == 0)
		r = container_status(&c, &status, &pidfd, e);
	if (r < 0)
		return r;
	if (o->all && c.state->cgroup_path && status != STATUS_CREATING)
		return signal_all(&c, sig, e);
	if (pidfd < 0)
		return o->all ? 0 : err_set(e, ESRCH, "container not running: no such process");
	r = sys_pidfd_send_signal(pidfd, sig);
	if (r == -ESRCH)
		return err_set(e, ESRCH, "container not running: no such process");
	if (r < 0)
		return err_sys(e, r, "signal container \"%s\"", c.id);
	if (sig == SIGKILL && status == STATUS_PAUSED)
		thaw(&c);
	return 0;
}

const struct command command_kill = {
	.name = "kill",
	.operands = "ID [SIGNAL]",
	.help = "send a signal (a number or a name, default TERM; 0: only ask) to a container",
	.run = kill_run,
	.options = kill_options,
	.opts_size = sizeof(struct kill_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 2,
};

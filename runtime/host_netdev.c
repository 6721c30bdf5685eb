/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs ctr-net. It gets the container's network namespace as its standard input: a descriptor that was
 * opened while the process was certain, and that keeps the namespace alive when the process has ended.
 */
#include "host_netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../netns/netns.h"
#include "base/util.h"
#include "host_run.h"

#define NETDEV_TIMEOUT_MS 30000
#define NETNS_IS_STDIN "/proc/self/fd/0"

/* Runs it and hands over what it printed, in the arena. */
static int run_ctr_net(struct arena *a, char *const *argv, int netns, const char **ret, struct err *e)
{
	static char *const no_env[] = { NULL };
	auto_strbuf struct strbuf out = { 0 };
	struct job j = { .path = argv[0],
			 .argv = argv,
			 .env = no_env,
			 .stdin_fd = netns,
			 .timeout_ms = NETDEV_TIMEOUT_MS,
			 .pidfd = -EBADF,
			 .output = -EBADF };
	int r = job_start(&j, e);

	if (r == 0)
		r = job_wait_output(&j, &out, e);
	if (r < 0)
		return err_in(e, "linux.netDevices");
	*ret = arena_strdup(a, out.p ? out.p : "");
	return *ret ? 0 : err_nomem(e);
}

int netdevs_move(struct arena *a, const struct config *c, pid_t pid, struct netdev_move *ret, struct err *e)
{
	char program[PATH_MAX], ns[64];
	char *const *argv = NULL;
	const char *printed = NULL;

	if (!c->linux_ || !c->linux_->net_devices.n)
		return 0;
	if (!own_helper("ctr-net", program, sizeof(program)))
		return err_set(e, ENOSYS, "linux.netDevices: the program ctr-net is missing");
	(void)snprintf(ns, sizeof(ns), "/proc/%d/ns/net", pid);
	auto_close int netns = open(ns, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return err_sys(e, errno, "linux.netDevices: open the container's network namespace");
	int r = netns_move_argv(a, program, NETNS_IS_STDIN, c->linux_->net_devices.v,
				c->linux_->net_devices.n, &argv, e);
	if (r == 0)
		r = run_ctr_net(a, argv, netns, &printed, e);
	if (r < 0)
		return r;
	ret->netns = TAKE_FD(netns);
	ret->printed = printed;
	return 0;
}

int netdevs_return(struct arena *a, struct netdev_move *m, struct err *e)
{
	char program[PATH_MAX];
	char *const *argv;
	const char *printed;

	if (m->netns < 0)
		return 0;
	if (!own_helper("ctr-net", program, sizeof(program)))
		return err_set(e, ENOSYS, "linux.netDevices: the program ctr-net is missing");
	int r = netns_back_argv(a, program, NETNS_IS_STDIN, m->printed, &argv, e);
	if (r == 0)
		r = run_ctr_net(a, argv, m->netns, &printed, e);
	netdevs_done(m);
	return r;
}

void netdevs_done(struct netdev_move *m)
{
	fd_close(&m->netns);
}

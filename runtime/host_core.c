/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of host_core.h, and the process that remembers. */
#include "host_core.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/util.h"

/* linux/prctl.h, Linux 5.14 */
#define SCHED_CORE 62
#define SCHED_CORE_CREATE 1
#define SCHED_CORE_SHARE_FROM 3
#define SCHED_CORE_THREAD_GROUP 1

/* Cookies cannot be written down: who has ours is a child made before the change. */
static int keep(struct core_keeper *k, struct err *e)
{
	const struct sys_clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid = sys_clone3(&args);

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)pause();
		_exit(0);
	}
	if (pid < 0)
		return err_sys(e, pid, "ctr.core-sched: keep the cookie");
	k->pid = pid;
	return 0;
}

int core_take(const struct plan_core *c, struct core_keeper *ret, struct err *e)
{
	*ret = (struct core_keeper){ 0 };
	if (!c->set)
		return 0;
	int r = keep(ret, e);
	if (r < 0)
		return r;
	r = c->share ? prctl(SCHED_CORE, SCHED_CORE_SHARE_FROM, c->share, 0, 0)
		     : prctl(SCHED_CORE, SCHED_CORE_CREATE, 0, SCHED_CORE_THREAD_GROUP, 0);
	if (r == 0)
		return 0;
	r = -errno;
	core_give_back(ret);
	if (r == -ENODEV)
		return 0;
	if (r == -EINVAL)
		return err_set(e, EINVAL, "ctr.core-sched: this kernel has no core scheduling");
	if (c->share)
		return err_sys(e, r, "ctr.core-sched: share with process %d", c->share);
	return err_sys(e, r, "ctr.core-sched: make a cookie");
}

void core_give_back(struct core_keeper *k)
{
	if (!k->pid)
		return;
	(void)prctl(SCHED_CORE, SCHED_CORE_SHARE_FROM, k->pid, 0, 0);
	(void)kill(k->pid, SIGKILL);
	while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	k->pid = 0;
}

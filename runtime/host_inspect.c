/* SPDX-License-Identifier: Apache-2.0 */
/* What namespaces the first process is in, seen from outside and beside it: that takes its time, and nobody waits for it. */
#include "host_inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/util.h"

static const struct {
	const char *name;
	uint64_t type;
} kinds[PLAN_NAMESPACES_N] = {
#define X(name, type) { name, type },
	PLAN_NAMESPACES(X)
#undef X
};

/* Made, joined or known by the container side, or, when they are nobody's wish, such as can only be had by wishing. */
static bool is_others(const struct plan *p, uint64_t type)
{
	return ((type == CLONE_NEWCGROUP || type == CLONE_NEWPID) && p->fresh & type) || (type == CLONE_NEWNET && p->network_apart) ||
	       (type == CLONE_NEWNS && p->root_alone) ||
	       type & (CLONE_NEWUSER | SYS_CLONE_NEWTIME);
}

static uint32_t id_of(pid_t pid, const char *name)
{
	char path[48];

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return sys_namespace_id(AT_FDCWD, path);
}

static int compare(const struct plan *p, pid_t pid, size_t i, struct err *e)
{
	uint32_t ours = id_of(0, kinds[i].name), is = ours ? id_of(pid, kinds[i].name) : 0; /* our own child, not reaped */
	bool new = p->fresh & kinds[i].type;

	if (!ours) /* this kernel has none of the kind */
		return 0;
	if (!is)
		return err_set(e, ESRCH, "post-condition: linux.namespaces: %s cannot be read", kinds[i].name);
	if ((is == ours) == !new)
		return 0;
	return err_set(e, EPERM, "post-condition: linux.namespaces: %s is %s", kinds[i].name,
		       new ? "the caller's, planned was a new one" : "not the caller's");
}

int host_inspect(const struct plan *p, pid_t pid, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		if (!is_others(p, kinds[i].type))
			r = compare(p, pid, i, e);
	return r;
}

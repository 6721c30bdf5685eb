/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same plan in a mount namespace of the root alone, where the kernel makes one of a tree (OPEN_TREE_NAMESPACE, Linux
 * 7.0): nothing of the host's mounts is copied, to be thrown away again at pivot_root, and from the root's step on no path
 * leads to any of them. Until that step the container side is in the host's mount namespace, so the plan stays as it is
 * unless all that comes before is known to attach nothing (D24), and all that comes after to need nothing of the host's.
 * What is unbindable on the host cannot be cloned there, whereas a copy that is made slaves has it no longer. Pure.
 */
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "base/util.h"
#include "plan_build.h"

/* Before the root's step: clones, which are nobody's to see, and what is not about mounts. */
static bool attaches_nothing(enum step_op op)
{
	return op == STEP_JOIN || op == STEP_UNSHARE || op == STEP_SESSION || op == STEP_NETLINK || op == STEP_PROPAGATION ||
	       op == STEP_SOURCE;
}

/* Filesystems whose source is a word and no path of the host's. */
static bool is_of_kernel(const char *fstype)
{
	static const char *const types[] = { "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(fstype, types[i]))
			return true;
	return false;
}

static bool mounts_alone(const struct step_mount *m)
{
	/* A link of the host's is read, the host's /sys bound, a flag or a label set through the host's /proc. */
	if (m->flags & (STEP_MOUNT_COPY_SYMLINK | STEP_MOUNT_SYSFS_FALLBACK | STEP_MOUNT_PROC_SUBSET | STEP_MOUNT_LABEL_ROOT) ||
	    m->ms_flags & MS_I_VERSION)
		return false;
	return !m->fstype || is_of_kernel(m->fstype);
}

/* Between the root's step and pivot_root. Hooks are not here: they are told the root's path on the host. */
static bool works_alone(const struct step *s)
{
	switch (s->op) {
	case STEP_MOUNT:
		return mounts_alone(s->arg);
	case STEP_DEVICE:
	case STEP_SYMLINK:
	case STEP_NETWORK:
	case STEP_SYSCTL:
	case STEP_CWD_MAKE:
	case STEP_READONLY:
	case STEP_MASK:
		return true;
	default:
		return false;
	}
}

/* The place of the step of this kind, or the number of all. */
static size_t find(const struct plan_steps *s, enum step_op op)
{
	size_t i = 0;

	while (i < s->n && s->v[i].op != op)
		i++;
	return i;
}

static bool can_be_alone(const struct builder *b, size_t root, size_t pivot)
{
	const struct plan_steps *s = &b->p->steps;

	if (!b->f->tree_namespaces || !(b->p->clone_flags & CLONE_NEWNS) || pivot == s->n || root > pivot ||
	    ((const struct step_pivot *)s->v[pivot].arg)->mode != PIVOT_ROOT)
		return false;
	for (size_t i = 0; i < root; i++)
		if (!attaches_nothing(s->v[i].op))
			return false;
	for (size_t i = root + 1; i < pivot; i++)
		if (!works_alone(&s->v[i]))
			return false;
	return true;
}

/* The steps are ours until the plan is handed out. */
#define ARG(s, type) ((struct step_##type *)(uintptr_t)(s)->arg)

int plan_alone(struct builder *b, struct err *e)
{
	struct plan_steps *s = &b->p->steps;
	size_t cut = find(s, STEP_PROPAGATION), root = find(s, STEP_ROOT), pivot = find(s, STEP_PIVOT);

	(void)e;
	if (cut > root || !can_be_alone(b, root, pivot))
		return 0;
	/* What all mounts were to be made is made of each that is cloned; there are no others. */
	uint64_t how = ARG(&s->v[cut], propagation)->flags & ~(uint64_t)MS_REC;
	for (size_t i = cut; i < root; i++)
		if (s->v[i].op == STEP_SOURCE)
			ARG(&s->v[i], source)->propagation = how;
	ARG(&s->v[root], root)->alone = how;
	ARG(&s->v[pivot], pivot)->mode = PIVOT_DONE;
	memmove(&s->v[cut], &s->v[cut + 1], (--s->n - cut) * sizeof(*s->v));
	b->p->clone_flags &= ~(uint64_t)CLONE_NEWNS;
	b->p->root_alone = true;
	return 0;
}

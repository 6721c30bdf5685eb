/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of an additional process in a running container: join, then the same end as create's. Pure. */
#include "plan_exec.h"

#include <linux/capability.h>
#include <sched.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"

static int exec_join(struct builder *b, const struct exec_options *o, struct err *e)
{
	plan_slot slot;
	struct plan_open *open = builder_open(b, OPEN_PIDFD, &slot);
	struct step_join *s = STEP(b, JOIN, join);

	if (!open || !s)
		return err_nomem(e);
	open->pid = o->pid;
	open->start_time = o->start_time;
	s->ns = slot;
	s->pid = (uint32_t)o->pid;
	s->type = (uint32_t)o->namespaces; /* all at once: the kernel orders them (setns(2), pidfd form) */
	if (o->namespaces & CLONE_NEWPID) {
		/* Only a child is in the joined pid namespace. */
		struct step_fork *f = STEP(b, FORK, fork);
		if (!f)
			return err_nomem(e);
	}
	if (!(o->namespaces & CLONE_NEWUSER))
		return 0;
	/* As for create: container root, or where that id is not mapped the user that the program will have. */
	struct step_become *id = STEP(b, BECOME, become);
	if (!id)
		return err_nomem(e);
	if (o->uid_mappings.n && !id_map_has(&o->uid_mappings, 0))
		id->uid = b->process->user.uid;
	if (o->gid_mappings.n && !id_map_has(&o->gid_mappings, 0))
		id->gid = b->process->user.gid;
	return 0;
}

static int exec_console(struct builder *b, struct err *e)
{
	const struct process *p = b->process;

	if (!p->terminal)
		return 0;
	struct step_console *s = STEP(b, CONSOLE, console);
	if (!s)
		return err_nomem(e);
	b->p->terminal = true;
	s->uid = p->user.uid;
	if (p->console_size) {
		s->width = p->console_size->width;
		s->height = p->console_size->height;
	}
	return 0;
}

static int exec_gate(struct builder *b, struct err *e)
{
	struct step_gate *s = STEP(b, GATE, gate);

	if (!s)
		return err_nomem(e);
	s->listener = PLAN_NO_SLOT;
	return 0;
}

static int (*const phases[])(struct builder *b, struct err *e) = {
	plan_session, exec_console, plan_affinity, plan_scheduling, plan_personality, plan_rlimits, plan_labels,
	plan_landlock, plan_inspect, plan_early_filter, plan_credentials, plan_lookup, exec_gate, plan_late_filter, plan_program,
};

int plan_exec(struct arena *a, const struct exec_options *o, const struct facts *f, const struct plan **ret,
	      struct err *e)
{
	static const struct linux_conf no_linux;
	static const struct hooks no_hooks;
	struct plan *p = arena_new(a, struct plan);
	const struct create_options co = { .id = o->id, .keep_fds = o->keep_fds, .home = o->home };
	struct builder b = { .a = a, .l = &no_linux, .o = &co, .f = f, .p = p, .process = o->process,
			     .who = "process", .joined = true, .persona = o->personality, .landlock = o->landlock };

	if (!p)
		return err_nomem(e);
	p->id = o->id;
	p->hooks = &no_hooks;
	p->keep_fds = o->keep_fds;
	p->namespaces = o->namespaces;
	p->maps.deny_setgroups = o->deny_setgroups;
	p->drop_mknod = o->drop_mknod;
	p->oom_score_adj = o->process->oom_score_adj;
	p->core = (struct plan_core){ o->core_sched, o->pid };
	p->filter = o->filter;
	p->filter_flags = o->filter_flags;
	p->seccomp_notify = o->filter_asks;
	int r = exec_join(&b, o, e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(phases); i++)
		r = phases[i](&b, e);
	if (r == 0)
		*ret = p;
	return r;
}

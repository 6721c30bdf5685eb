/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the plan that turns a set-up process into the program: limits, scheduling, labels, filter,
 * credentials, look-up, exec. Shared by create and exec. Pure.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "../oci/names.h"
#include "base/util.h"
#include "plan_build.h"

/* ---- session, personality ------------------------------------------------------------------------------------- */

int plan_session(struct builder *b, struct err *e)
{
	struct step_session *s = STEP(b, SESSION, session);

	if (!s)
		return err_nomem(e);
	s->keyring = !b->o->no_new_keyring;
	s->key_label = b->process->selinux_label;
	return 0;
}

int plan_personality(struct builder *b, struct err *e)
{
	if (!b->persona.set)
		return 0;
	struct step_personality *s = STEP(b, PERSONALITY, personality);
	if (!s)
		return err_nomem(e);
	s->persona = b->persona.v;
	return 0;
}

/* ---- scheduling -------------------------------------------------------------------------------------------- */

static int add_scheduler(struct builder *b, const struct scheduler *c, struct err *e)
{
	struct step_scheduler *s = STEP(b, SCHEDULER, scheduler);

	if (!s)
		return err_nomem(e);
	*s = (struct step_scheduler){ .policy = c->policy,
				      .nice = c->nice,
				      .priority = (uint32_t)c->priority,
				      .runtime = c->runtime,
				      .deadline = c->deadline,
				      .period = c->period };
	for (size_t i = 0; i < c->flags.n; i++)
		s->flags |= c->flags.v[i];
	return 0;
}

/* "0-3,7" as a bit mask of native words. */
static int parse_list(struct builder *b, const char *text, const char *what, struct plan_bytes *ret, struct err *e)
{
	unsigned long *mask = arena_array(b->a, STR_IDS_MAX / STR_IDS_WORD, sizeof(*mask));

	if (!mask)
		return err_nomem(e);
	int n = str_ids(text, mask);
	if (n < 0)
		return err_bad(e, "%s: \"%s\" is no list such as 0-3,7", what, text);
	*ret = (struct plan_bytes){ (const uint8_t *)mask, ((size_t)n + STR_IDS_WORD - 1) / STR_IDS_WORD * sizeof(*mask) };
	return 0;
}

static int add_memory_policy(struct builder *b, const struct memory_policy *c, struct err *e)
{
	struct step_memory_policy *s = STEP(b, MEMORY_POLICY, memory_policy);

	if (!s)
		return err_nomem(e);
	s->mode = c->mode;
	for (size_t i = 0; i < c->flags.n; i++)
		s->mode |= c->flags.v[i];
	return c->nodes ? parse_list(b, c->nodes, "linux.memoryPolicy.nodes", &s->nodes, e) : 0;
}

/*
 * exec only. `initial` is for the moment before the process enters the container's cgroup: the host side takes
 * it on itself before the clone, which is in that cgroup already. `final` is for afterwards.
 */
int plan_affinity(struct builder *b, struct err *e)
{
	const struct exec_cpu_affinity *c = b->process->exec_cpu_affinity;
	int r = 0;

	if (!c || !b->joined)
		return 0;
	if (c->initial)
		r = parse_list(b, c->initial, "process.execCPUAffinity.initial", &b->p->initial_affinity, e);
	if (r < 0 || !c->final)
		return r;
	struct step_affinity *s = STEP(b, AFFINITY, affinity);
	return s ? parse_list(b, c->final, "process.execCPUAffinity.final", &s->mask, e) : err_nomem(e);
}

int plan_scheduling(struct builder *b, struct err *e)
{
	const struct process *p = b->process;
	int r = 0;

	if (p->scheduler)
		r = add_scheduler(b, p->scheduler, e);
	if (r == 0 && p->io_priority) {
		struct step_io_priority *s = STEP(b, IO_PRIORITY, io_priority);
		if (!s)
			return err_nomem(e);
		s->value = p->io_priority->class << 13 | (uint32_t)p->io_priority->priority;
	}
	if (r == 0 && b->l->memory_policy)
		r = add_memory_policy(b, b->l->memory_policy, e);
	return r;
}

int plan_rlimits(struct builder *b, struct err *e)
{
	const struct rlimit_list *l = &b->process->rlimits;

	/* Raising a limit needs a privilege of the initial user namespace: there only the host side has it. */
	if (b->p->namespaces & CLONE_NEWUSER) {
		b->p->rlimits.v = arena_array(b->a, l->n, sizeof(*b->p->rlimits.v));
		if (!b->p->rlimits.v)
			return err_nomem(e);
		for (size_t i = 0; i < l->n; i++)
			b->p->rlimits.v[b->p->rlimits.n++] =
				(struct plan_rlimit){ l->v[i].type, l->v[i].soft, l->v[i].hard };
		return 0;
	}
	for (size_t i = 0; i < l->n; i++) {
		struct step_rlimit *s = STEP(b, RLIMIT, rlimit);
		if (!s)
			return err_nomem(e);
		*s = (struct step_rlimit){ l->v[i].type, l->v[i].soft, l->v[i].hard, name_of(&rlimit_names, l->v[i].type) };
	}
	return 0;
}

/* ---- labels and filter --------------------------------------------------------------------------------------- */

static int add_label(struct builder *b, bool apparmor, const char *label, struct err *e)
{
	struct step_label *s = STEP(b, LABEL, label);

	if (!s)
		return err_nomem(e);
	s->apparmor = apparmor;
	s->label = label;
	return 0;
}

int plan_labels(struct builder *b, struct err *e)
{
	const struct process *p = b->process;
	int r = 0;

	if (p->apparmor_profile && !b->f->apparmor)
		return err_bad(e, "%s.apparmorProfile: AppArmor is not enabled on this machine", b->who);
	if (p->selinux_label && !b->f->selinux)
		return err_bad(e, "%s.selinuxLabel: SELinux is not enabled on this machine", b->who);
	if (p->apparmor_profile)
		r = add_label(b, true, p->apparmor_profile, e);
	if (r == 0 && p->selinux_label)
		r = add_label(b, false, p->selinux_label, e);
	return r;
}

static int add_filter(struct builder *b, struct err *e)
{
	struct step_seccomp *s = STEP(b, SECCOMP, seccomp);

	if (!s)
		return err_nomem(e);
	s->filter = b->p->filter;
	s->flags = b->p->filter_flags;
	return 0;
}

/*
 * Without no_new_privs a filter needs CAP_SYS_ADMIN, so it comes before the credentials and is in force for
 * all that follows. With it, the filter comes as late as possible: between the gate and the exec the
 * container side needs few calls, and a profile need not allow what only the set-up uses. A filter with
 * a listener is installed before the gate in any case: its descriptor is part of `create`.
 */
static bool filter_is_late(const struct builder *b)
{
	return b->process->no_new_privileges && !b->p->seccomp_notify;
}

int plan_early_filter(struct builder *b, struct err *e)
{
	if (b->process->no_new_privileges && !STEP(b, NO_NEW_PRIVS, no_new_privs))
		return err_nomem(e);
	if (b->p->filter.n && !b->process->no_new_privileges)
		return add_filter(b, e);
	return 0;
}

int plan_late_filter(struct builder *b, struct err *e)
{
	return b->p->filter.n && filter_is_late(b) ? add_filter(b, e) : 0;
}

/* ---- credentials ------------------------------------------------------------------------------------------------- */

static int cap_set(struct builder *b, const struct strv *names, uint64_t possible, const char *set, uint64_t *ret,
		   struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		int cap = cap_by_name(names->v[i]);
		if (cap >= 0 && possible >> cap & 1) {
			*ret |= 1ULL << cap;
			continue;
		}
		/* The specification: a warning, never an error. */
		int r = builder_warn(b, e, "%s.capabilities.%s: %s %s", b->who, set, names->v[i],
				     cap < 0 ? "is not known" : "cannot be granted");
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_caps(struct builder *b, struct step_credentials *s, struct err *e)
{
	const struct capabilities *c = b->process->capabilities;
	uint64_t all = b->f->last_cap >= 63 ? ~0ULL : (1ULL << (b->f->last_cap + 1)) - 1;
	/* A new user namespace starts with every capability over itself. */
	uint64_t possible = b->p->namespaces & CLONE_NEWUSER ? all : b->f->cap_bounding & all;

	if (b->p->drop_mknod)
		possible &= ~(1ULL << CAP_MKNOD);
	s->last_cap = b->f->last_cap;
	if (!c)
		return builder_warn(b, e, "%s.capabilities: absent, all are dropped", b->who);
	const struct {
		const struct strv *names;
		const char *name;
		uint64_t *into;
	} sets[] = {
		{ &c->bounding, "bounding", &s->bounding },	     { &c->permitted, "permitted", &s->permitted },
		{ &c->effective, "effective", &s->effective },	     { &c->inheritable, "inheritable", &s->inheritable },
		{ &c->ambient, "ambient", &s->ambient },
	};
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		int r = cap_set(b, sets[i].names, possible, sets[i].name, sets[i].into, e);
		if (r < 0)
			return r;
	}
	/* The kernel's own rules: effective within permitted, ambient within permitted and inheritable. */
	if (s->effective & ~s->permitted || s->ambient & ~(s->permitted & s->inheritable)) {
		int r = builder_warn(b, e, "%s.capabilities: effective or ambient ones that are not permitted are left out",
				     b->who);
		if (r < 0)
			return r;
		s->effective &= s->permitted;
		s->ambient &= s->permitted & s->inheritable;
	}
	return 0;
}

static int add_groups(struct builder *b, struct step_credentials *s, struct err *e)
{
	const struct u32_list *groups = &b->process->user.additional_gids;
	const char *keep = b->c ? config_annotation(b->c, "run.oci.keep_original_groups") : NULL;

	s->set_groups = !b->p->maps.deny_setgroups && !b->f->setgroups_denied && !(keep && str_eq(keep, "1"));
	if (!s->set_groups && groups->n && !keep)
		return err_bad(e, "%s.user.additionalGids: cannot be set: setgroups is denied in this user namespace",
			       b->who);
	s->groups = (struct plan_u32s){ groups->v, groups->n };
	return 0;
}

/* While there is still the privilege to look, and before a filter that may not allow it. */
int plan_inspect(struct builder *b, struct err *e)
{
	struct step_inspect *s = STEP(b, INSPECT, inspect);

	if (!s)
		return err_nomem(e);
	for (size_t i = 0; i < ARRAY_SIZE(b->f->namespaces); i++)
		if (b->f->namespaces[i])
			s->namespaces = (struct plan_u32s){ b->f->namespaces, ARRAY_SIZE(b->f->namespaces) };
	s->fresh = b->fresh;
	return 0;
}

int plan_credentials(struct builder *b, struct err *e)
{
	const struct process *p = b->process;
	int r;

	if (p->user.umask.set) {
		struct step_umask *u = STEP(b, UMASK, umask);
		if (!u)
			return err_nomem(e);
		u->mask = p->user.umask.v;
	}
	struct step_credentials *s = STEP(b, CREDENTIALS, credentials);
	if (!s)
		return err_nomem(e);
	s->uid = p->user.uid;
	s->gid = p->user.gid;
	s->cwd = p->cwd;
	r = add_groups(b, s, e);
	if (r == 0)
		r = add_caps(b, s, e);
	if (r < 0)
		return r;
	struct step_verify *v = STEP(b, VERIFY, verify);
	if (!v)
		return err_nomem(e);
	v->apparmor = p->apparmor_profile;
	v->selinux = p->selinux_label;
	v->no_new_privs = p->no_new_privileges;
	v->seccomp = b->p->filter.n && !p->no_new_privileges;
	return 0;
}

/* ---- the program -------------------------------------------------------------------------------------------------- */

static struct plan_strv as_list(struct strv l)
{
	return (struct plan_strv){ l.v, l.n };
}

static const char *env_get(const struct strv *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = env->n; i > 0; i--)
		if (strncmp(env->v[i - 1], name, n) == 0 && env->v[i - 1][n] == '=')
			return env->v[i - 1] + n + 1;
	return NULL;
}

/* The program's environment: the configured one, HOME, and what socket activation promises. */
static int program_env(struct builder *b, struct strv *ret, struct err *e)
{
	const struct strv *env = &b->process->env;
	char **v = arena_array(b->a, env->n + 5, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_nomem(e);
	for (size_t i = 0; i < env->n; i++)
		if (!b->o->home || !str_starts(env->v[i], "HOME="))
			v[n++] = env->v[i];
	if (b->o->home && !(v[n++] = arena_printf(b->a, "HOME=%s", b->o->home)))
		return err_nomem(e);
	if (b->o->listen_fds && !env_get(env, "LISTEN_FDS")) {
		v[n++] = arena_printf(b->a, "LISTEN_FDS=%u", b->o->listen_fds);
		v[n++] = arena_strdup(b->a, "LISTEN_PID=1");
		if (!v[n - 1] || !v[n - 2])
			return err_nomem(e);
	}
	*ret = (struct strv){ v, n };
	return 0;
}

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *search_path(const struct strv *env)
{
	for (size_t i = env->n; i > 0; i--)
		if (str_starts(env->v[i - 1], "PATH="))
			return env->v[i - 1] + strlen("PATH=");
	return PATH_DEFAULT;
}

int plan_lookup(struct builder *b, struct err *e)
{
	if (b->p->filter.n && b->process->no_new_privileges && !filter_is_late(b)) {
		int r = add_filter(b, e);
		if (r < 0)
			return r;
	}
	struct step_lookup *s = STEP(b, LOOKUP, lookup);
	if (!s)
		return err_nomem(e);
	s->program = b->process->args.v[0];
	s->search = search_path(&b->process->env);
	return 0;
}

int plan_program(struct builder *b, struct err *e)
{
	struct step_exec *s = STEP(b, EXEC, exec);
	struct strv env = { 0 };

	if (!s)
		return err_nomem(e);
	int r = program_env(b, &env, e);
	if (r < 0)
		return r;
	s->args = as_list(b->process->args);
	s->env = as_list(env);
	s->supervise = b->o->init;
	s->die_with_caller = b->o->die_with_caller;
	s->keep_fds = b->o->keep_fds;
	s->ignored = b->f->ignored;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ctr sandbox --explain`: the plan in plain words. Reads the steps that will be executed, not the options they
 * came from, so that it cannot promise what the plan does not do.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/sys.h"
#include "base/util.h"
#include "sandbox.h"

/* What a mount is to its user. */
enum sight { SIGHT_NONE, SIGHT_READ, SIGHT_WRITE, SIGHT_LAYER, SIGHT_MEMORY, SIGHT_SYSTEM };

struct facets { /* of all steps together */
	bool filter, no_new_privs, landlock;
	unsigned masks, readonly;
	const struct step_exec *exec;
	const struct step_credentials *ids;
};

static const char *source_of(const struct plan *p, plan_slot slot)
{
	for (size_t i = 0; i < p->steps.n; i++)
		if (p->steps.v[i].op == STEP_SOURCE) {
			const struct step_source *s = p->steps.v[i].arg;
			if (s->slot == slot)
				return s->path;
		} else if (p->steps.v[i].op == STEP_TREE) {
			const struct step_tree *t = p->steps.v[i].arg;
			if (t->slot == slot)
				return t->path;
		}
	return NULL;
}

static const char *datum(const struct step_mount *m, const char *key)
{
	for (size_t i = 0; i < m->data.n; i++)
		if (str_starts(m->data.v[i], key))
			return m->data.v[i] + strlen(key);
	return NULL;
}

static enum sight sight_of(const struct step_mount *m)
{
	bool readonly = (m->attr_set | m->rec_set) & SYS_MOUNT_ATTR_RDONLY;

	if (m->flags & STEP_MOUNT_BIND)
		return readonly ? SIGHT_READ : SIGHT_WRITE;
	if (m->fstype && str_eq(m->fstype, "overlay") && datum(m, "upperdir="))
		return SIGHT_LAYER;
	if (m->fstype && str_eq(m->fstype, "tmpfs"))
		return readonly ? SIGHT_READ : SIGHT_MEMORY;
	return m->fstype ? SIGHT_SYSTEM : SIGHT_NONE;
}

static void put_path(struct strbuf *b, const struct plan *p, const struct step_mount *m)
{
	const char *source = m->flags & STEP_MOUNT_BIND ? source_of(p, m->slot) : NULL;

	if (source && !str_eq(source, m->destination))
		strbuf_printf(b, "  %s (the host's %s)\n", m->destination, source);
	else
		strbuf_printf(b, "  %s\n", m->destination);
}

static void put_mounts(struct strbuf *b, const struct plan *p, enum sight what, const char *title)
{
	bool any = false;

	for (size_t i = 0; i < p->steps.n; i++) {
		const struct step_mount *m = p->steps.v[i].arg;
		if (p->steps.v[i].op != STEP_MOUNT || sight_of(m) != what)
			continue;
		if (!any)
			strbuf_printf(b, "%s\n", title);
		any = true;
		put_path(b, p, m);
	}
}

static void look(const struct plan *p, struct facets *f)
{
	for (size_t i = 0; i < p->steps.n; i++) {
		const void *arg = p->steps.v[i].arg;
		switch (p->steps.v[i].op) {
		case STEP_NO_NEW_PRIVS:
			f->no_new_privs = true;
			break;
		case STEP_SECCOMP:
			f->filter = true;
			break;
		case STEP_LANDLOCK:
			f->landlock = true;
			break;
		case STEP_MASK:
			f->masks++;
			break;
		case STEP_READONLY:
			f->readonly++;
			break;
		case STEP_CREDENTIALS:
			f->ids = arg;
			break;
		case STEP_EXEC:
			f->exec = arg;
			break;
		default:
			break;
		}
	}
}

static void put_command(struct strbuf *b, const struct plan *p, const struct facets *f)
{
	strbuf_puts(b, "runs");
	for (size_t i = 0; f->exec && i < f->exec->args.n; i++)
		strbuf_printf(b, " %s", f->exec->args.v[i]);
	strbuf_printf(b, "\n  in %s%s\n", f->ids && f->ids->cwd ? f->ids->cwd : "/",
		      f->exec && f->exec->supervise ? ", under a small init that reaps its orphans" : "");
	if (f->ids)
		strbuf_printf(b, "  as user %u and group %u, %s\n", f->ids->uid, f->ids->gid,
			      f->ids->permitted | f->ids->bounding
				      ? "with capabilities in its own user namespace only"
				      : "without any capability");
	for (size_t i = 0; i < p->maps.uid.n; i++)
		strbuf_printf(b, "  user %u%s inside is user %u%s of the host\n", p->maps.uid.v[i].container_id,
			      p->maps.uid.v[i].size > 1 ? " and up" : "", p->maps.uid.v[i].host_id,
			      p->maps.uid.v[i].size > 1 ? " and up" : "");
}

static void put_limits(struct strbuf *b, const struct plan *p)
{
	if (!p->cgroup || !p->cgroup->knobs.n)
		return;
	strbuf_puts(b, "is limited by\n");
	for (size_t i = 0; i < p->cgroup->knobs.n; i++)
		strbuf_printf(b, "  %s %s\n", p->cgroup->knobs.v[i].file, p->cgroup->knobs.v[i].value);
}

static void put_network(struct strbuf *b, const struct plan *p)
{
	strbuf_puts(b, "reaches\n");
	if (!(p->namespaces & CLONE_NEWNET))
		strbuf_puts(b, "  the host's network, also what listens on its loopback\n");
	else if (p->hooks->create_runtime.n)
		strbuf_printf(b, "  the network through sockets of yours, by a hook: %s\n", p->hooks->create_runtime.v[0].path);
	else
		strbuf_puts(b, "  no network: a loopback of its own\n");
	strbuf_puts(b, "  no process, no IPC object and no terminal of the host\n");
}

static void put_guards(struct strbuf *b, const struct facets *f)
{
	static const char *const no_yes[] = { "not ", "" };

	strbuf_puts(b, "is held by\n  namespaces, and a root directory that holds nothing else\n");
	strbuf_printf(b, "  no_new_privs: %sset; filter of system calls: %sloaded; Landlock: the same paths %sruled once more\n",
		      no_yes[f->no_new_privs], no_yes[f->filter], no_yes[f->landlock]);
	strbuf_printf(b, "  %u paths of the kernel hidden, %u read-only\n", f->masks, f->readonly);
}

void sandbox_explain(struct strbuf *b, const struct plan *p)
{
	struct facets f = { 0 };

	look(p, &f);
	put_command(b, p, &f);
	put_mounts(b, p, SIGHT_READ, "sees, read-only");
	put_mounts(b, p, SIGHT_WRITE, "sees and writes: what it changes there is changed");
	put_mounts(b, p, SIGHT_LAYER, "sees; what it changes there is kept apart (diff, apply, discard)");
	put_mounts(b, p, SIGHT_MEMORY, "has in memory, empty at first and gone at the end");
	put_mounts(b, p, SIGHT_SYSTEM, "has of its own");
	put_network(b, p);
	put_limits(b, p);
	put_guards(b, &f);
}

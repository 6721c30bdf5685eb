/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts and request -> plan. Pure: decides where the cgroup goes, which controllers it takes, whether the
 * device program can be had, and refuses here what could only fail later.
 */
#include "internal.h"

#include <sched.h>
#include <stdio.h>

#include "../runtime/base/util.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

bool cgroup_delegates(const struct config *c)
{
	bool new_ns = false;

	if (!c->linux_)
		return false;
	for (size_t i = 0; i < c->linux_->namespaces.n; i++)
		if (c->linux_->namespaces.v[i].type == CLONE_NEWCGROUP)
			new_ns = !c->linux_->namespaces.v[i].path;
	for (size_t i = 0; new_ns && i < c->mounts.n; i++) {
		const struct mount_conf *m = &c->mounts.v[i];
		bool ro = false;

		if (!m->source || !str_eq(m->source, "cgroup") || !str_eq(m->destination, "/sys/fs/cgroup"))
			continue;
		for (size_t o = 0; o < m->options.n; o++)
			ro = ro || str_eq(m->options.v[o], "ro") || str_eq(m->options.v[o], "rro");
		return !ro;
	}
	return false;
}

/* The controllers of the rows that insist on them: sorted, unique. */
static int controllers_of(struct arena *a, const struct cgroup_knob_list *k, struct strv *ret, struct err *e)
{
	char **v = arena_array(a, k->n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_nomem(e);
	for (size_t i = 0; i < k->n; i++) {
		const char *c = k->v[i].controller;
		size_t at = 0;

		if (!c || (k->v[i].flags & CGROUP_KNOB_OPTIONAL))
			continue;
		while (at < n && strcmp(v[at], c) < 0)
			at++;
		if (at < n && str_eq(v[at], c))
			continue;
		memmove(&v[at + 1], &v[at], (n - at) * sizeof(*v));
		v[at] = arena_strdup(a, c);
		if (!v[at])
			return err_nomem(e);
		n++;
	}
	ret->v = v;
	ret->n = n;
	return 0;
}

/* The file of the first row that needs the controller. */
static const char *file_of(const struct cgroup_knob_list *k, const char *controller)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].controller && str_eq(k->v[i].controller, controller) &&
		    !(k->v[i].flags & CGROUP_KNOB_OPTIONAL))
			return k->v[i].file;
	return controller;
}

/* Every limit needs its controller in the unified hierarchy. */
static int controllers_check(const struct cgroup_facts *f, const struct cgroup_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->controllers.n; i++) {
		const char *c = p->controllers.v[i], *why = "";

		if (f->mode != CGROUP_MODE_NONE && cg_has_word(f->controllers, c, strlen(c)))
			continue;
		if (cg_has_word(f->v1_controllers, c, strlen(c)))
			why = ": it is in use by cgroup v1";
		else if (f->mode == CGROUP_MODE_NONE)
			why = ": there is no cgroup v2 hierarchy";
		return err_set(e, EOPNOTSUPP, "cannot set %s: controller %s is not available in %s%s",
			       file_of(&p->knobs, c), c, f->mount ? f->mount : "/sys/fs/cgroup", why);
	}
	return 0;
}

/* The directory part of a path without a final slash: "/a/b" -> "/a", "/a" -> "". */
static int parent_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) : 0;
}

/* As the kernel will show it: no empty and no "." component. */
static int tidy_path(struct arena *a, const char *path, const char **ret, struct err *e)
{
	char *out = arena_alloc(a, strlen(path) + 1), *at = out;
	const char *c;
	size_t n;

	if (!out)
		return err_nomem(e);
	while ((n = cg_next_component(&path, &c)) > 0) {
		*at++ = '/';
		at = mempcpy(at, c, n);
	}
	*ret = out;
	return 0;
}

/*
 * The path of the cgroupfs driver, or NULL when the caller may make no cgroup anywhere. Next to our own
 * and not below it: a cgroup with processes in it cannot give controllers to its children.
 */
static int fs_path(struct arena *a, const struct cgroup_facts *f, const struct cgroup_request *q,
		   const char **ret, struct err *e)
{
	const char *path = q->cgroups_path && q->cgroups_path[0] ? q->cgroups_path : NULL, *rest, *full;
	int own = (int)strlen(f->own);

	if (path && path[0] == '/') {
		full = arena_strdup(a, path);
	} else {
		rest = path ? path : q->id;
		if (f->root_writable)
			full = arena_printf(a, CGROUP_PARENT "/%s", rest);
		else if (f->sibling_writable)
			full = arena_printf(a, "%.*s/%s", parent_length(f->own), f->own, rest);
		else if (f->child_writable)
			full = arena_printf(a, "%.*s/%s", own == 1 ? 0 : own, f->own, rest);
		else
			return *ret = NULL, 0;
	}
	if (!full)
		return err_nomem(e);
	int r = cg_path_check(full, e);
	return r < 0 ? r : tidy_path(a, full, ret, e);
}

static int systemd_path(struct arena *a, const struct cgroup_facts *f, const struct cgroup_request *q,
			struct cgroup_plan *p, struct err *e)
{
	struct cgroup_unit u;
	int r = cgroup_unit_parse(a, q->cgroups_path, q->id, !f->privileged, &u, e);

	if (r < 0)
		return r;
	p->slice = u.slice;
	p->unit = u.unit;
	p->leaf = q->leaf ? arena_strdup(a, q->leaf) : NULL;
	p->path = arena_printf(a, "%s/%s%s%s%s", u.slice_path, cgroup_unit_prefix(u.unit, SIZE_MAX), u.unit,
			       p->leaf ? "/" : "", p->leaf ? p->leaf : "");
	return p->path && (!q->leaf || p->leaf) ? cg_path_check(p->path, e) : err_nomem(e);
}

static bool has_device_rules(const struct resources *r)
{
	return r && r->devices.n;
}

/* No cgroup: fine as long as nothing was asked for that only a cgroup could give. */
static int plan_without(const struct cgroup_facts *f, const struct cgroup_request *q, struct cgroup_plan *p,
			struct err *e)
{
	if (p->controllers.n) {
		const char *c = p->controllers.v[0];
		int r = controllers_check(f, p, e);

		if (r < 0)
			return r;
		return err_set(e, EPERM, "cannot set %s: no permission to make a cgroup with controller %s in %s",
			       file_of(&p->knobs, c), c, f->mount ? f->mount : "/sys/fs/cgroup");
	}
	if (f->privileged && !q->no_mknod && has_device_rules(q->resources))
		return err_set(e, EOPNOTSUPP, "cannot enforce linux.resources.devices: %s",
			       q->manager == CGROUP_DISABLED ? "cgroups are disabled" :
							       "there is no cgroup v2 hierarchy");
	*p = (struct cgroup_plan){ .manager = CGROUP_DISABLED, .devices_skipped = true };
	return 0;
}

int cgroup_plan_build(struct arena *a, const struct cgroup_facts *f, const struct cgroup_request *q,
		      const struct cgroup_plan **ret, struct err *e)
{
	struct cgroup_plan *p = arena_new(a, struct cgroup_plan);
	bool path_given = q->cgroups_path && q->cgroups_path[0];
	int r;

	if (!p)
		return err_nomem(e);
	r = cgroup_knobs(a, q->resources, &p->knobs, e);
	if (r >= 0)
		r = controllers_of(a, &p->knobs, &p->controllers, e);
	/* Compiled in any case: wrong rules are wrong also where they cannot be enforced. */
	if (r >= 0)
		r = cgroup_device_compile(a, q->resources ? &q->resources->devices : NULL, &p->devices, e);
	if (r < 0)
		return r;
	p->devices.late = !q->copies && cgroup_devices_leave(q->resources ? &q->resources->devices : NULL, q->devices, q->n_devices);
	p->manager = q->manager;
	if (q->manager == CGROUP_SYSTEMD)
		r = systemd_path(a, f, q, p, e);
	else if (q->manager == CGROUP_FS && f->mode != CGROUP_MODE_NONE)
		r = fs_path(a, f, q, &p->path, e);
	else if (path_given && q->manager == CGROUP_FS)
		r = cg_path_check(q->cgroups_path, e);
	if (r < 0)
		return r;
	if (!p->path) {
		r = plan_without(f, q, p, e);
		*ret = r < 0 ? *ret : p;
		return r;
	}
	r = controllers_check(f, p, e);
	if (r < 0)
		return r;
	p->explicit_path = path_given;
	p->owner_set = q->delegate;
	p->owner_uid = q->delegate ? q->owner_uid : 0;
	if (!f->privileged) { /* BPF needs the initial user namespace, and so does mknod(2) of a device */
		p->devices = (struct cgroup_device_program){ 0 };
		p->devices_skipped = true;
	}
	*ret = p;
	return 0;
}

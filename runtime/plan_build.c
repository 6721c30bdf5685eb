/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration + options + facts -> plan. Decides everything and does nothing: no system call happens
 * here (the seccomp compiler asks libseccomp for numbers, nothing else). The order of the phases below is
 * the order of the steps in the container.
 */
#include "plan_build.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "../netns/netns.h"
#include "../oci/annotations.h"
#include "../oci/names.h"
#include "base/sys.h"
#include "base/util.h"
#include "seccomp.h"

/* ---- the builder ---------------------------------------------------------------------------------------- */

/* Grows an array in the arena by doubling; the old copy stays behind, at most as much again is lost. */
static bool grow(struct arena *a, void **v, size_t *size, size_t n, size_t element)
{
	if (n < *size)
		return true;
	size_t bigger = *size ? *size * 2 : 32;
	void *p = arena_array(a, bigger, element);
	if (!p)
		return false;
	if (n)
		memcpy(p, *v, n * element);
	*v = p;
	*size = bigger;
	return true;
}

void *builder_step(struct builder *b, enum step_op op)
{
	struct plan_steps *s = &b->p->steps;
	void *v = s->v, *arg = arena_alloc(b->a, plan_step_types[op].size);

	if (!arg || !grow(b->a, &v, &b->steps_size, s->n, sizeof(*s->v)))
		return NULL;
	s->v = v;
	s->v[s->n++] = (struct step){ op, arg };
	return arg;
}

struct plan_open *builder_open(struct builder *b, enum open_kind kind, plan_slot *ret_slot)
{
	void *v = b->p->opens.v;

	if (!grow(b->a, &v, &b->opens_size, b->p->opens.n, sizeof(*b->p->opens.v)))
		return NULL;
	b->p->opens.v = v;
	*ret_slot = (plan_slot)b->p->opens.n;
	struct plan_open *o = &b->p->opens.v[b->p->opens.n++];
	*o = (struct plan_open){ .kind = kind };
	b->p->n_slots = (uint32_t)b->p->opens.n;
	return o;
}

plan_slot builder_slot(struct builder *b)
{
	return (plan_slot)b->p->n_slots++;
}

struct step_tree *builder_tree(struct builder *b, const char *path, uint64_t flags)
{
	struct step_tree *t = STEP(b, TREE, tree);

	if (t)
		*t = (struct step_tree){ .path = path, .slot = builder_slot(b), .idmap = PLAN_NO_SLOT, .flags = flags };
	return t;
}

int builder_warn(struct builder *b, struct err *e, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	void *v = b->p->warnings.v;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!grow(b->a, &v, &b->warnings_size, b->p->warnings.n, sizeof(char *)))
		return err_nomem(e);
	b->p->warnings.v = v;
	char *copy = arena_strdup(b->a, text);
	if (!copy)
		return err_nomem(e);
	b->p->warnings.v[b->p->warnings.n++] = copy;
	return 0;
}

/* ---- id maps ---------------------------------------------------------------------------------------------- */

bool id_map_has(const struct id_map_list *l, uint32_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (id >= l->v[i].container_id && id - l->v[i].container_id < l->v[i].size)
			return true;
	return false;
}

/* The caller's own id as 0, and behind it the subordinate range when a helper can write it. */
static int default_map(struct builder *b, uint32_t own, const struct id_range *sub, bool helpers,
		       struct id_map_list *ret, struct err *e)
{
	struct id_map *v = arena_array(b->a, 2, sizeof(*v));

	if (!v)
		return err_nomem(e);
	v[0] = (struct id_map){ 0, own, 1 };
	v[1] = (struct id_map){ 1, sub->start, sub->count };
	*ret = (struct id_map_list){ v, helpers && sub->count ? 2 : 1 };
	return 0;
}

static bool is_own_id(const struct id_map_list *l, uint32_t own)
{
	return l->n == 1 && l->v[0].size == 1 && l->v[0].host_id == own;
}

static int plan_maps(struct builder *b, struct err *e)
{
	const struct facts *f = b->f;
	struct id_maps *m = &b->p->maps;
	bool privileged = facts_has_cap(f, CAP_SETUID) && facts_has_cap(f, CAP_SETGID);
	bool helpers = f->newuidmap && f->newgidmap && f->subuid.count && f->subgid.count;
	int r;

	m->set = true;
	m->uid = b->l->uid_mappings;
	m->gid = b->l->gid_mappings;
	if (m->uid.n == 0 && privileged)
		return err_bad(e, "linux.uidMappings: a new user namespace needs mappings");
	if (m->uid.n == 0) {
		r = default_map(b, f->uid, &f->subuid, helpers, &m->uid, e);
		if (r < 0)
			return r;
	}
	if (m->gid.n == 0) {
		r = default_map(b, f->gid, &f->subgid, helpers, &m->gid, e);
		if (r < 0)
			return r;
	}
	if (privileged)
		return 0;
	/* An unprivileged caller may map its own id alone; everything else is up to the set-id helpers. */
	if (is_own_id(&m->uid, f->uid) && is_own_id(&m->gid, f->gid)) {
		m->deny_setgroups = true;
		return 0;
	}
	if (!f->newuidmap || !f->newgidmap)
		return err_set(e, EPERM, "linux.uidMappings: mapping other ids than your own needs newuidmap and "
					 "newgidmap (package uidmap)");
	m->helpers = true;
	return 0;
}

static int add_become(struct builder *b, bool joined, struct err *e)
{
	struct step_become *s = STEP(b, BECOME, become);
	const struct process *p = b->c->process;

	if (!s)
		return err_nomem(e);
	/* Set-up runs as container root; where that id is not mapped, as the user the program will have. */
	if (!joined && !id_map_has(&b->p->maps.uid, 0))
		s->uid = p ? p->user.uid : b->p->maps.uid.v[0].container_id;
	if (!joined && !id_map_has(&b->p->maps.gid, 0))
		s->gid = p ? p->user.gid : b->p->maps.gid.v[0].container_id;
	return 0;
}

/* ---- namespaces --------------------------------------------------------------------------------------------- */

static int add_join(struct builder *b, const struct namespace_conf *ns, struct err *e)
{
	plan_slot slot;
	struct plan_open *o = builder_open(b, OPEN_NS, &slot);
	struct step_join *s = STEP(b, JOIN, join);

	if (!o || !s)
		return err_nomem(e);
	o->path = ns->path;
	o->ns_type = ns->type;
	s->ns = slot;
	s->type = ns->type;
	return 0;
}

/* The user namespace first (it owns what follows), the mount namespace last (paths change with it). */
static int add_joins(struct builder *b, struct err *e)
{
	static const uint32_t passes[] = { CLONE_NEWUSER, 0, CLONE_NEWNS };
	int r = 0;

	for (size_t pass = 0; r == 0 && pass < ARRAY_SIZE(passes); pass++)
		for (size_t i = 0; r == 0 && i < b->l->namespaces.n; i++) {
			const struct namespace_conf *ns = &b->l->namespaces.v[i];
			bool special = ns->type == CLONE_NEWUSER || ns->type == CLONE_NEWNS;
			if (ns->path && (passes[pass] ? ns->type == passes[pass] : !special))
				r = add_join(b, ns, e);
		}
	return r;
}

static int add_time(struct builder *b, struct err *e)
{
	struct step_time *s = STEP(b, TIME, time);
	auto_strbuf struct strbuf text = { 0 };

	if (!s)
		return err_nomem(e);
	for (size_t i = 0; i < b->l->time_offsets.n; i++) {
		const struct time_offset_entry *t = &b->l->time_offsets.v[i];
		strbuf_printf(&text, "%s %lld %u\n", t->key, (long long)t->value.secs, t->value.nanosecs);
	}
	s->alone = b->p->new_user_ns;
	if (text.failed || (text.n && !(s->offsets = arena_strdup(b->a, text.p))))
		return err_nomem(e);
	return 0;
}

static int add_fork(struct builder *b, uint64_t flags, bool maps, struct err *e)
{
	struct step_fork *s = STEP(b, FORK, fork);

	if (!s)
		return err_nomem(e);
	s->flags = flags;
	s->maps = maps;
	s->trees = maps && b->trees;
	return 0;
}

/*
 * Which namespaces are made by the clone itself and which by a second process inside: a user namespace
 * must have its maps, a joined pid namespace and time offsets take effect, before the container's first
 * process exists. The cgroup namespace is made by that process, since only then it is in its cgroup.
 */
static int plan_namespaces(struct builder *b, struct err *e)
{
	uint64_t fresh = 0, joined = 0;
	int r;

	for (size_t i = 0; i < b->l->namespaces.n; i++)
		*(b->l->namespaces.v[i].path ? &joined : &fresh) |= b->l->namespaces.v[i].type;
	if (!b->c->linux_)
		fresh = CLONE_NEWNS;
	bool user = fresh & CLONE_NEWUSER, time = fresh & SYS_CLONE_NEWTIME && b->l->time_offsets.n;
	if (!facts_has_cap(b->f, CAP_SYS_ADMIN) && fresh && !((fresh | joined) & CLONE_NEWUSER)) {
		static const char need[] = "creating namespaces without privilege needs a user namespace in "
					   "linux.namespaces";
		r = b->o->dry_run ? builder_warn(b, e, "%s", need) : err_set(e, EPERM, "%s", need);
		if (r < 0)
			return r;
	}

	b->fresh = b->p->fresh = fresh;
	b->p->inspects = b->f->inspects;
	b->p->namespaces = fresh | joined;
	b->p->new_pid_ns = fresh & CLONE_NEWPID;
	b->p->new_user_ns = user;
	b->mounts_allowed = fresh & CLONE_NEWNS;
	b->root_joined = joined & CLONE_NEWNS;
	b->trees = user && b->mounts_allowed && facts_has_cap(b->f, CAP_SYS_ADMIN);
	fresh &= ~(uint64_t)CLONE_NEWCGROUP;
	r = add_joins(b, e);
	if (r < 0)
		return r;
	if (!user && !time && !(joined & (CLONE_NEWUSER | CLONE_NEWPID))) {
		/* The kernel takes longer for it than for all else. Who makes it must be let back into the caller's own. */
		b->p->network_apart = b->network_due = fresh & CLONE_NEWNET && !b->f->in_userns;
		b->p->clone_flags = b->p->network_apart ? fresh & ~(uint64_t)CLONE_NEWNET : fresh;
		return 0;
	}
	if (user) {
		/* The mount namespace with it: whoever clones sources is there to see it made. */
		uint64_t first = time ? fresh & (CLONE_NEWUSER | CLONE_NEWNS) : fresh;
		r = plan_maps(b, e);
		if (r == 0)
			r = add_fork(b, first, true, e);
		if (r < 0)
			return r;
		fresh &= ~first;
	}
	if (user || joined & CLONE_NEWUSER) {
		r = add_become(b, !user, e);
		if (r < 0)
			return r;
	}
	if (time) {
		r = add_time(b, e);
		fresh &= ~SYS_CLONE_NEWTIME;
	}
	if (r == 0 && (!user || time))
		r = add_fork(b, fresh, false, e);
	return r;
}

static int plan_cgroup_namespace(struct builder *b, struct err *e)
{
	const struct namespace_conf *ns = config_namespace(b->c, CLONE_NEWCGROUP);

	if (!ns || ns->path)
		return 0;
	struct step_unshare *s = STEP(b, UNSHARE, unshare);
	if (!s)
		return err_nomem(e);
	s->flags = CLONE_NEWCGROUP;
	return 0;
}

/* ---- session, network, names ---------------------------------------------------------------------------------- */

static int plan_loopback(struct builder *b, struct err *e)
{
	const struct namespace_conf *ns = config_namespace(b->c, CLONE_NEWNET);

	if (!ns || ns->path || b->p->network_apart)
		return 0;
	struct step_netlink *s = STEP(b, NETLINK, netlink);
	if (!s)
		return err_nomem(e);
	s->messages = (struct plan_bytes){ netns_loopback_up, netns_loopback_up_size };
	s->what = "bring up the loopback device";
	return 0;
}

int plan_network(struct builder *b, struct err *e)
{
	if (!b->network_due)
		return 0;
	b->network_due = false;
	return STEP(b, NETWORK, network) ? 0 : err_nomem(e);
}

/* ctr.root.idmap: the ids on the disk are the container's, whatever the host calls them. */
static int check_root_idmap(struct builder *b, struct err *e)
{
	const char *value = config_annotation(b->c, ANNOTATION_ROOT_IDMAP);

	b->root_mapped = value && str_eq(value, "true");
	if (!b->root_mapped)
		return 0;
	if (!b->p->maps.uid.n)
		return err_bad(e, "annotations.%s: needs a new user namespace", ANNOTATION_ROOT_IDMAP);
	if (!b->mounts_allowed)
		return err_bad(e, "annotations.%s: needs a mount namespace of the container's own", ANNOTATION_ROOT_IDMAP);
	if (!b->trees)
		return err_set(e, EPERM, "annotations.%s: mapping the ids of a filesystem needs CAP_SYS_ADMIN",
			       ANNOTATION_ROOT_IDMAP);
	return 0;
}

/* The slots that the host side opens come before all others. */
static int open_root(struct builder *b, struct err *e)
{
	b->root_map = PLAN_NO_SLOT;
	int r = check_root_idmap(b, e);
	if (r < 0 || !b->root_mapped)
		return r;
	struct plan_open *o = builder_open(b, OPEN_IDMAP, &b->root_map);
	if (!o)
		return err_nomem(e);
	o->uid_map = b->p->maps.uid;
	o->gid_map = b->p->maps.gid;
	return 0;
}

static int plan_propagation(struct builder *b, struct err *e)
{
	if (!b->mounts_allowed)
		return 0;
	struct step_propagation *p = STEP(b, PROPAGATION, propagation);
	if (!p)
		return err_nomem(e);
	/* Slave: nothing of ours reaches the host, and a bind that asks for it still receives what the host mounts. */
	uint32_t how = b->l->rootfs_propagation.set ? b->l->rootfs_propagation.v & ~(uint32_t)MS_REC : MS_SLAVE;
	p->chroot = !b->p->new_user_ns;
	p->flags = MS_REC | (how == MS_PRIVATE || how == MS_UNBINDABLE ? MS_PRIVATE : MS_SLAVE);
	return 0;
}

static int plan_root(struct builder *b, struct err *e)
{
	if (b->root_joined)
		return 0;
	plan_slot slot = PLAN_NO_SLOT;
	if (b->trees) {
		struct step_tree *t = builder_tree(b, b->p->rootfs, STEP_SOURCE_RECURSIVE);
		if (!t)
			return err_nomem(e);
		t->idmap = b->root_map;
		slot = t->slot;
	}
	struct step_root *s = STEP(b, ROOT, root);
	if (!s)
		return err_nomem(e);
	s->new_ns = b->mounts_allowed;
	s->slot = slot;
	s->path = b->p->rootfs;
	return 0;
}

/* Root.readonly is about what lies on the disk: below an overlay that is never written in any case. */
static int plan_overlay(struct builder *b, struct err *e)
{
	const char *where = b->o->overlay ? b->o->overlay : config_annotation(b->c, ANNOTATION_OVERLAY);

	if (!where)
		return 0;
	if (!b->mounts_allowed)
		return err_bad(e, "overlay: a mount namespace of the container's own is needed");
	struct step_overlay *s = STEP(b, OVERLAY, overlay);
	if (!s)
		return err_nomem(e);
	b->overlay = true;
	s->dir = str_eq(where, "tmpfs") ? NULL : where;
	s->userxattr = b->p->namespaces & CLONE_NEWUSER || b->f->in_userns;
	return 0;
}

static int plan_hook_point(struct builder *b, struct err *e)
{
	const struct hooks *h = b->p->hooks;

	if (h->prestart.n + h->create_runtime.n + h->create_container.n + b->l->net_devices.n == 0)
		return 0;
	b->p->hook_point = true;
	struct step_hook_point *point = STEP(b, HOOK_POINT, hook_point);
	if (!point)
		return err_nomem(e);
	/* Who may trace anybody needs no permission; the host's root is still in sight then, and stays closed to others. */
	point->dumpable = b->p->new_pid_ns && (b->o->open_to_hooks || !facts_has_cap(b->f, CAP_SYS_PTRACE));
	for (size_t i = 0; i < h->create_container.n; i++) {
		const struct hook *k = &h->create_container.v[i];
		struct step_hook *s = STEP(b, HOOK, hook);
		if (!s)
			return err_nomem(e);
		s->path = k->path;
		s->args = (struct plan_strv){ k->args.v, k->args.n };
		s->env = (struct plan_strv){ k->env.v, k->env.n };
		s->timeout_ms = k->timeout.set ? k->timeout.v * 1000 : 0;
		s->index = (uint32_t)i;
	}
	return 0;
}

static int plan_start_hooks(struct builder *b, struct err *e)
{
	const struct hook_list *l = &b->p->hooks->start_container;

	b->p->start_state = l->n > 0;
	for (size_t i = 0; i < l->n; i++) {
		struct step_start_hook *s = STEP(b, START_HOOK, start_hook);
		if (!s)
			return err_nomem(e);
		s->path = l->v[i].path;
		s->args = (struct plan_strv){ l->v[i].args.v, l->v[i].args.n };
		s->env = (struct plan_strv){ l->v[i].env.v, l->v[i].env.n };
		s->timeout_ms = l->v[i].timeout.set ? l->v[i].timeout.v * 1000 : 0;
		s->index = (uint32_t)i;
	}
	return 0;
}

static int plan_pivot(struct builder *b, struct err *e)
{
	if (b->root_joined)
		return 0;
	struct step_pivot *s = STEP(b, PIVOT, pivot);

	if (!s)
		return err_nomem(e);
	s->mode = !b->mounts_allowed ? PIVOT_CHROOT : b->o->no_pivot ? PIVOT_MOVE : PIVOT_ROOT;
	if (s->mode == PIVOT_MOVE)
		s->hidden = (struct plan_strv){ b->f->kernel_views.v, b->f->kernel_views.n };
	return 0;
}

static int plan_console(struct builder *b, struct err *e)
{
	const struct process *p = b->c->process;

	if (!p || !p->terminal)
		return 0;
	struct step_console *s = STEP(b, CONSOLE, console);
	if (!s)
		return err_nomem(e);
	b->p->terminal = true;
	s->uid = p->user.uid;
	s->bind = b->mounts_allowed && !b->dev_is_bind;
	if (p->console_size) {
		s->width = p->console_size->width;
		s->height = p->console_size->height;
	}
	return 0;
}

static int plan_root_attr(struct builder *b, struct err *e)
{
	struct opt_u32 how = b->l->rootfs_propagation;

	bool readonly = b->c->root->readonly && !b->overlay;

	if (!b->mounts_allowed || (!readonly && !how.set))
		return 0;
	if (b->o->no_pivot && how.set && how.v & MS_PRIVATE)
		return err_bad(e, "linux.rootfsPropagation: private does not work with --no-pivot");
	struct step_root_attr *s = STEP(b, ROOT_ATTR, root_attr);
	if (!s)
		return err_nomem(e);
	s->readonly = readonly;
	s->propagation = how.set ? how.v : 0;
	return 0;
}

static int plan_names(struct builder *b, struct err *e)
{
	if (b->c->hostname) {
		struct step_hostname *s = STEP(b, HOSTNAME, hostname);
		if (!s)
			return err_nomem(e);
		s->name = b->c->hostname;
	}
	if (b->c->domainname) {
		struct step_domainname *s = STEP(b, DOMAINNAME, domainname);
		if (!s)
			return err_nomem(e);
		s->name = b->c->domainname;
	}
	return 0;
}

/*
 * A key as a path: when its first separator is a dot, dots and slashes change places (sysctl(8)), so that
 * net.ipv4.conf.eth0/1.forwarding and net/ipv4/conf/eth0.1/forwarding are the same.
 */
static char *sysctl_path(struct arena *a, const char *key)
{
	char *path = arena_strdup(a, key);
	size_t first = strcspn(key, "./");

	if (path && key[first] == '.')
		for (char *c = path; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	return path;
}

static int plan_sysctls(struct builder *b, struct err *e)
{
	for (size_t i = 0; i < b->l->sysctl.n; i++) {
		struct step_sysctl *s = STEP(b, SYSCTL, sysctl);
		if (!s || !(s->path = sysctl_path(b->a, b->l->sysctl.v[i].key)))
			return err_nomem(e);
		s->key = b->l->sysctl.v[i].key;
		s->value = b->l->sysctl.v[i].value;
	}
	return 0;
}

static int plan_cwd(struct builder *b, struct err *e)
{
	if (b->root_joined)
		return 0;
	struct step_cwd_make *s = STEP(b, CWD_MAKE, cwd_make);

	if (!s)
		return err_nomem(e);
	s->path = b->process->cwd;
	return 0;
}

static int plan_filter(struct builder *b, struct err *e)
{
	const struct seccomp_conf *conf = b->l->seccomp;
	struct seccomp_program prog;
	struct strv unknown = { 0 };

	if (!conf)
		return 0;
	int r = seccomp_compile(b->a, conf, &prog, &unknown, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < unknown.n; i++) {
		r = builder_warn(b, e, "linux.seccomp: unknown system call %s", unknown.v[i]);
		if (r < 0)
			return r;
	}
	b->p->filter = (struct plan_bytes){ (const uint8_t *)prog.v, prog.n * sizeof(*prog.v) };
	b->p->filter_flags = prog.flags;
	b->p->seccomp_notify = prog.notify;
	b->p->listener_path = conf->listener_path;
	b->p->listener_metadata = conf->listener_metadata;
	return 0;
}

static int plan_gate(struct builder *b, struct err *e)
{
	struct step_gate *s = STEP(b, GATE, gate);

	if (!s)
		return err_nomem(e);
	s->listener = b->o->listener ? 0 : PLAN_NO_SLOT;
	return 0;
}

/* ---- what is not applied yet ------------------------------------------------------------------------------------ */

/* An example of the specification's own has devices and no namespace, so that this is no rule of the document. */
static int check_net_devices(struct builder *b, struct err *e)
{
	if (!b->l->net_devices.n || config_namespace(b->c, CLONE_NEWNET))
		return 0;
	return err_bad(e, "linux.netDevices[\"%s\"]: needs a network namespace in linux.namespaces",
		       b->l->net_devices.v[0].key);
}

static int refuse_unsupported(struct builder *b, struct err *e)
{
	const struct config *c = b->c;
	const struct {
		bool set;
		const char *path;
	} missing[] = {
		{ c->vm, "vm" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (missing[i].set)
			return err_bad(e, "not supported yet: %s", missing[i].path);
	if (!c->process)
		return err_bad(e, "process: missing: a container without a program cannot be started");
	return 0;
}

/* ---- cgroup ------------------------------------------------------------------------------------------------------- */

/* Host id of a container id; the same number without a new user namespace. */
static uint32_t host_uid(const struct plan *p, uint32_t uid)
{
	if (!p->maps.set)
		return uid;
	for (size_t i = 0; i < p->maps.uid.n; i++) {
		const struct id_map *m = &p->maps.uid.v[i];
		if (uid >= m->container_id && uid - m->container_id < m->size)
			return m->host_id + (uid - m->container_id);
	}
	return uid;
}

static bool copies_up(const struct config *c)
{
	for (size_t i = 0; i < c->mounts.n; i++)
		for (size_t k = 0; k < c->mounts.v[i].options.n; k++)
			if (str_eq(c->mounts.v[i].options.v[k], "tmpcopyup"))
				return true;
	return false;
}

static int plan_cgroup(struct builder *b, struct err *e)
{
	/*
	 * Without cgroups (podman --cgroups=disabled) nothing could enforce device rules. What they are about is
	 * nodes that the container makes for itself: so the capability to make them is not granted.
	 */
	b->p->drop_mknod = b->o->cgroup_manager == CGROUP_DISABLED && b->l->resources && b->l->resources->devices.n;
	const struct resources *limits = resources_of_version(b->a, b->l->resources, b->c->oci_version);
	if (b->l->resources && !limits)
		return err_nomem(e);
	struct cgroup_request q = {
		.manager = b->o->cgroup_manager,
		.cgroups_path = b->l->cgroups_path,
		.id = b->o->id,
		.resources = limits,
		.devices = b->l->devices.v,
		.n_devices = b->l->devices.n,
		.copies = copies_up(b->c),
		.delegate = cgroup_delegates(b->c),
		.no_mknod = b->f->in_userns || b->p->namespaces & CLONE_NEWUSER || b->p->drop_mknod,
		.owner_uid = host_uid(b->p, b->c->process->user.uid),
	};

	int r = cgroup_plan_build(b->a, &b->f->cgroup, &q, &b->p->cgroup, e);
	if (r < 0)
		return r;
	b->p->cgroup_manager = b->p->cgroup->manager == CGROUP_FS	  ? "cgroupfs" :
			       b->p->cgroup->manager == CGROUP_DISABLED ? "disabled" :
			       b->f->cgroup.privileged			  ? "systemd" :
									    "systemd-user";
	const char *leaf = config_annotation(b->c, ANNOTATION_CGROUP_LEAF);
	b->p->cgroup_leaf = leaf && str_eq(leaf, "true");
	if (b->p->cgroup_leaf && b->p->cgroup->manager == CGROUP_DISABLED)
		return err_bad(e, "annotations[\"%s\"]: the container has no cgroup", ANNOTATION_CGROUP_LEAF);
	return 0;
}

static int plan_rdt(struct builder *b, struct err *e)
{
	if (!b->l->intel_rdt)
		return 0;
	return rdt_plan_build(b->a, b->l->intel_rdt, b->o->id, b->f->resctrl, &b->p->rdt, e);
}

/* The value's form was checked with the document. */
static int plan_core_sched(struct builder *b, struct err *e)
{
	const char *value = config_annotation(b->c, ANNOTATION_CORE_SCHED);
	uint64_t pid = 0;

	if (!value)
		return 0;
	b->p->core.set = true;
	if (!str_eq(value, "new") && str_u64(value + strlen("pid:"), INT32_MAX, &pid) < 0)
		return err_bad(e, "annotations.%s: \"%s\" is not new or pid:NUMBER", ANNOTATION_CORE_SCHED, value);
	b->p->core.share = (pid_t)pid;
	return 0;
}

/* ---- the phases ---------------------------------------------------------------------------------------------------- */

static int plan_listener(struct builder *b, struct err *e)
{
	plan_slot slot;

	/* First of all, so that its slot is known to be 0; the gate step refers to it. */
	return b->o->listener && !builder_open(b, OPEN_LISTENER, &slot) ? err_nomem(e) : 0;
}

static int (*const phases[])(struct builder *b, struct err *e) = {
	refuse_unsupported,
	check_net_devices,
	plan_listener,
	plan_namespaces,
	plan_cgroup,
	plan_rdt,
	plan_core_sched,
	plan_cgroup_namespace,
	plan_session,
	plan_loopback,
	plan_propagation,
	open_root,
	plan_sources, /* before the root and every target is touched */
	plan_root,
	plan_overlay,
	plan_mounts,
	plan_devices,
	plan_network,
	plan_sysctls, /* the host's /proc is still in sight, and so is its /dev/null for the masks */
	plan_cwd,
	plan_readonly,
	plan_masks,
	plan_hook_point,
	plan_pivot,
	plan_console,
	plan_late_readonly,
	plan_root_attr,
	plan_names,
	plan_filter,
	plan_scheduling,
	plan_personality,
	plan_rlimits,
	plan_labels,
	plan_landlock,
	plan_inspect,
	plan_early_filter,
	plan_credentials,
	plan_lookup,
	plan_gate,
	plan_start_hooks,
	plan_late_filter,
	plan_program,
	plan_alone, /* of the plan that is complete */
};

int plan_build(struct arena *a, const struct config *c, const struct create_options *o, const struct facts *f,
	       const struct plan **ret, struct err *e)
{
	static const struct linux_conf no_linux;
	static const struct hooks no_hooks;
	struct plan *p = arena_new(a, struct plan);
	struct builder b = { .a = a, .c = c, .l = c->linux_ ? c->linux_ : &no_linux, .o = o, .f = f, .p = p,
			     .process = c->process, .who = "process" };

	b.landlock = b.l->landlock;
	if (b.l->personality)
		b.persona = (struct opt_u32){ true, b.l->personality->domain };

	if (!p)
		return err_nomem(e);
	p->config = c;
	p->guest = o->guest;
	p->guest_rootfs = o->guest_rootfs;
	p->id = o->id;
	p->bundle = o->bundle;
	p->hooks = c->hooks ? c->hooks : &no_hooks;
	p->keep_fds = o->keep_fds;
	p->rootfs = c->root->path[0] == '/' ? c->root->path : arena_printf(a, "%s/%s", o->bundle, c->root->path);
	if (!p->rootfs)
		return err_nomem(e);
	if (c->process)
		p->oom_score_adj = c->process->oom_score_adj;
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
		int r = phases[i](&b, e);
		if (r < 0)
			return r;
	}
	*ret = p;
	return 0;
}

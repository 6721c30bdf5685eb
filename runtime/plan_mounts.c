/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filesystem part of the plan: mounts, devices, links, masked and read-only paths. Pure. Sources of
 * binds come before every other mount step (D5: opened before any target is touched); who opens them
 * depends on whether the container's ids could.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../oci/mount_options.h"
#include "base/sys.h"
#include "base/util.h"
#include "plan_build.h"

/* One mount of the configuration with its options decoded, between the passes below. */
struct mount_item {
	const struct mount_conf *conf;
	struct mount_options opt;
	const char *where; /* "mounts[3]" */
	bool bind, late_readonly;
	plan_slot source, idmap;
};

static const char *bind_source(struct builder *b, const struct mount_item *m)
{
	return m->conf->source[0] == '/' ? m->conf->source :
					   arena_printf(b->a, "%s/%s", b->o->bundle, m->conf->source);
}

static int decode(struct builder *b, size_t i, struct mount_item *m, struct err *e)
{
	const struct mount_conf *c = &b->c->mounts.v[i];
	int r;

	*m = (struct mount_item){ .conf = c, .source = PLAN_NO_SLOT, .idmap = PLAN_NO_SLOT };
	m->where = arena_printf(b->a, "mounts[%zu]", i);
	if (!m->where)
		return err_nomem(e);
	r = mount_options_parse(b->a, &c->options, &m->opt, e);
	if (r < 0)
		return err_in(e, "%s.options", m->where);
	/* "bind" as a type is what runc and youki take for the option, and engines rely on it. */
	m->bind = m->opt.bind || (c->type && str_eq(c->type, "bind"));
	if (m->bind && mount_options_check_bind(&m->opt, e) < 0)
		return err_in(e, "%s.options", m->where);
	if (m->bind && !m->opt.remount && !c->source)
		return err_bad(e, "%s.source: a bind needs one", m->where);
	if (!m->bind && !m->opt.remount && !c->type)
		return err_bad(e, "%s.type: missing", m->where);
	return 0;
}

/* Pass 1: descriptors that the host side opens. Their slots must come before all others. */
static int open_on_host(struct builder *b, struct mount_item *m, struct err *e)
{
	const struct mount_conf *c = m->conf;

	if (!c->uid_mappings.n && !m->opt.idmap)
		return 0;
	struct plan_open *o = builder_open(b, OPEN_IDMAP, &m->idmap);
	if (!o)
		return err_nomem(e);
	/* The mount's own mappings, those of the option's extended form, or the container's. */
	o->uid_map = c->uid_mappings.n ? c->uid_mappings : m->opt.uid_map.n ? m->opt.uid_map : b->p->maps.uid;
	o->gid_map = c->gid_mappings.n ? c->gid_mappings : m->opt.gid_map.n ? m->opt.gid_map : b->p->maps.gid;
	if (!o->uid_map.n)
		return err_bad(e, "%s: idmap without mappings needs a new user namespace", m->where);
	return 0;
}

static bool has_new(const struct builder *b, uint32_t type)
{
	const struct namespace_conf *ns = config_namespace(b->c, type);

	return ns && !ns->path;
}

static bool is_cgroup(const struct mount_item *m)
{
	const char *type = m->conf->type;

	return type && !m->bind && !m->opt.remount && (str_eq(type, "cgroup") || str_eq(type, "cgroup2"));
}

#define ACCESS_TIMES (SYS_MOUNT_ATTR__ATIME | SYS_MOUNT_ATTR_NODIRATIME)

/* Where the caller's privilege opens a source, it also does what nobody may afterwards: see runtime/init/tree.c. */
static int open_as_tree(struct builder *b, struct mount_item *m, uint64_t flags, struct err *e)
{
	const char *path = bind_source(b, m);
	struct step_tree *t = path ? builder_tree(b, path, flags) : NULL;
	struct mount_options *o = &m->opt;

	if (!t)
		return err_nomem(e);
	m->source = t->slot;
	t->idmap = m->idmap;
	t->idmap_flags = o->idmap_recursive ? SYS_AT_RECURSIVE : 0;
	m->idmap = PLAN_NO_SLOT;
	t->attr_clr = o->attr_clr;
	t->attr_set = o->attr_set & ACCESS_TIMES;
	t->rec_clr = o->rec_clr;
	t->rec_set = o->rec_set & ACCESS_TIMES;
	o->attr_set &= ~(uint64_t)ACCESS_TIMES;
	o->rec_set &= ~(uint64_t)ACCESS_TIMES;
	o->attr_clr = o->rec_clr = 0;
	return 0;
}

/* Pass 2: sources, before everything that could be in their way. */
static int open_sources(struct builder *b, struct mount_item *m, struct err *e)
{
	uint64_t flags = (m->opt.recursive ? STEP_SOURCE_RECURSIVE : 0) | (m->opt.src_nofollow ? STEP_SOURCE_NOFOLLOW : 0);
	const char *path = NULL;

	if (m->bind && !m->opt.remount && !m->opt.copy_symlink) {
		if (b->trees)
			return open_as_tree(b, m, flags, e);
		path = bind_source(b, m);
		if (!path)
			return err_nomem(e);
	}
	/* Without a cgroup namespace of its own a container sees its own directory and nothing above. */
	if (is_cgroup(m) && !has_new(b, CLONE_NEWCGROUP) && b->p->cgroup->manager != CGROUP_DISABLED &&
	    b->f->cgroup.mount) {
		path = arena_printf(b->a, "%s%s", b->f->cgroup.mount, b->p->cgroup->path);
		if (!path)
			return err_nomem(e);
	}
	if (!path)
		return 0;
	struct step_source *s = STEP(b, SOURCE, source);
	if (!s)
		return err_nomem(e);
	s->path = path;
	m->source = s->slot = builder_slot(b);
	s->flags = flags;
	return 0;
}

static uint64_t fallbacks(const struct builder *b, const char *type)
{
	/* What a user namespace may not mount anew although its contents are harmless to show. */
	if (str_eq(type, "sysfs") && (b->p->namespaces & CLONE_NEWUSER || b->f->in_userns))
		return STEP_MOUNT_SYSFS_FALLBACK;
	if (str_eq(type, "proc") && (b->p->namespaces & CLONE_NEWUSER || b->f->in_userns))
		return STEP_MOUNT_PROC_SUBSET;
	return 0;
}

/*
 * linux.mountLabel on a new filesystem. What shares its superblock with the host or with the kernel's own mount
 * takes no context= option (the kernel refuses "different security settings"): either it has labels of its own
 * already, or the root gets its label as an extended attribute.
 */
static void set_label(const struct builder *b, const char *type, struct step_mount *s)
{
	static const struct {
		const char *type;
		bool label;
		uint64_t flags;
	} exceptions[] = { { "proc", false, 0 },
			   { "sysfs", false, 0 },
			   { "cgroup", false, 0 },
			   { "cgroup2", false, 0 },
			   { "mqueue", true, STEP_MOUNT_LABEL_ROOT } };
	bool label = true;

	if (!b->f->selinux || !b->l->mount_label)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++)
		if (str_eq(type, exceptions[i].type)) {
			label = exceptions[i].label;
			s->flags |= exceptions[i].flags;
		}
	s->label = label ? b->l->mount_label : NULL;
}

/* What a filesystem shows, or reaches its server by, may depend on the network namespace: of these it does not. */
static bool asks_for_network(const char *type)
{
	static const char *const others[] = { "proc", "tmpfs", "devpts", "mqueue", "cgroup2" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (str_eq(type, others[i]))
			return false;
	return true;
}

/* Without a mode a tmpfs is for everyone: over a directory that was not, it is as that was. */
static bool has_mode(const struct mount_options *o)
{
	for (size_t i = 0; i < o->data.n; i++)
		if (str_starts(o->data.v[i], "mode="))
			return true;
	return o->tmpcopyup;
}

static int add_mount(struct builder *b, struct mount_item *m, struct err *e)
{
	const struct mount_options *o = &m->opt;
	struct step_mount filled = { .slot = PLAN_NO_SLOT, .idmap = m->idmap }, *s = &filled;
	const struct mount_conf *c = m->conf;

	s->destination = c->destination[0] == '/' ? c->destination : arena_printf(b->a, "/%s", c->destination);
	if (!s->destination)
		return err_nomem(e);
	s->source = c->source;
	s->flags = (m->bind ? STEP_MOUNT_BIND : 0) | (o->recursive ? STEP_MOUNT_RECURSIVE : 0) |
		   (o->remount ? STEP_MOUNT_REMOUNT : 0) | (o->tmpcopyup ? STEP_MOUNT_TMPCOPYUP : 0) |
		   (o->copy_symlink ? STEP_MOUNT_COPY_SYMLINK : 0) |
		   (o->dest_nofollow ? STEP_MOUNT_DEST_NOFOLLOW : 0);
	if (m->bind && c->source && !(s->source = bind_source(b, m)))
		return err_nomem(e);
	if (o->tmpcopyup && (!c->type || !str_eq(c->type, "tmpfs")))
		return err_bad(e, "%s.options: tmpcopyup is for tmpfs only", m->where);
	s->attr_set = o->attr_set;
	s->attr_clr = o->attr_clr;
	s->rec_set = o->rec_set;
	s->rec_clr = o->rec_clr;
	s->idmap_flags = o->idmap_recursive ? SYS_AT_RECURSIVE : 0;
	s->propagation = o->propagation;
	s->ms_flags = o->ms_flags;
	s->ms_clear = o->remount ? o->ms_clear : 0;
	s->data = (struct plan_strv){ o->data.v, o->data.n };
	if (!m->bind && !o->remount) {
		s->fstype = c->type;
		s->flags |= fallbacks(b, c->type) | (str_eq(c->type, "tmpfs") && !has_mode(o) ? STEP_MOUNT_COVERED_MODE : 0);
		set_label(b, c->type, s);
	}
	if (is_cgroup(m)) {
		s->fstype = m->source == PLAN_NO_SLOT ? "cgroup2" : NULL;
		if (m->source != PLAN_NO_SLOT)
			s->flags |= STEP_MOUNT_BIND;
		s->data = (struct plan_strv){ NULL, 0 }; /* words of the v1 controllers mean nothing on v2 */
	}
	s->slot = m->source;
	int r = s->fstype && asks_for_network(s->fstype) ? plan_network(b, e) : 0;
	if (r < 0)
		return r;
	struct step_mount *step = STEP(b, MOUNT, mount);
	if (!step)
		return err_nomem(e);
	*step = filled;
	if (m->late_readonly) {
		step->attr_set &= ~(uint64_t)SYS_MOUNT_ATTR_RDONLY;
		step->ms_flags &= ~(uint64_t)MS_RDONLY;
	}
	return 0;
}

/* What the destinations seen so far lie in: a set of texts, by hash. There may be thousands of mounts. */
struct holders {
	struct holder {
		const char *path; /* not ended at n */
		size_t n;
	} *v;
	size_t mask; /* places less one */
};

/* The place of a text, or the free one for it. */
static struct holder *find_holder(const struct holders *h, const char *path, size_t n)
{
	uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)path[i]) * 1099511628211ULL;
	for (size_t at = (size_t)(hash ^ hash >> 32);; at++) {
		struct holder *p = &h->v[at & h->mask];
		if (!p->path || (p->n == n && memcmp(p->path, path, n) == 0))
			return p;
	}
}

/* Everything that `path` lies in, until one is known: then what that lies in is too. */
static void add_holders(struct holders *h, const char *path)
{
	for (size_t n = strlen(path); n > 1; n--) {
		struct holder *p = path[n - 1] == '/' ? find_holder(h, path, n - 1) : NULL;
		if (p && p->path)
			return;
		if (p)
			*p = (struct holder){ path, n - 1 };
	}
}

static int make_holders(struct builder *b, struct holders *ret, struct err *e)
{
	size_t slashes = 0, size = 16;

	for (size_t i = 0; i < b->c->mounts.n; i++)
		for (const char *c = b->mounts[i].conf->destination; *c; c++)
			slashes += *c == '/';
	while (size < 2 * slashes)
		size *= 2;
	*ret = (struct holders){ arena_array(b->a, size, sizeof(*ret->v)), size - 1 };
	return ret->v ? 0 : err_nomem(e);
}

/*
 * A read-only bind or tmpfs in which something has to be made (the mount point of podman's secrets in a read-only
 * container, the devices of a read-only /dev) is writable until it is there.
 */
static int find_late_readonly(struct builder *b, struct err *e)
{
	struct holders later;
	int r = make_holders(b, &later, e);

	for (size_t i = b->c->mounts.n; r == 0 && i-- > 0;) {
		struct mount_item *m = &b->mounts[i];
		const char *path = m->conf->destination;
		bool fills = m->bind || (m->conf->type && str_eq(m->conf->type, "tmpfs"));
		/* Devices, links and the console are made in /dev. */
		if (fills && !m->opt.remount && m->opt.attr_set & SYS_MOUNT_ATTR_RDONLY)
			m->late_readonly = str_eq(path, "/dev") || (strlen(path) > 1 && find_holder(&later, path, strlen(path))->path);
		add_holders(&later, path);
	}
	return r;
}

static int add_late_readonly(struct builder *b, struct mount_item *m, struct err *e)
{
	if (!m->late_readonly)
		return 0;
	struct step_mount *s = STEP(b, MOUNT, mount);
	if (!s)
		return err_nomem(e);
	*s = (struct step_mount){
		.destination = m->conf->destination,
		.slot = PLAN_NO_SLOT,
		.idmap = PLAN_NO_SLOT,
		.flags = STEP_MOUNT_REMOUNT | STEP_MOUNT_BIND | (m->opt.dest_nofollow ? STEP_MOUNT_DEST_NOFOLLOW : 0),
		.attr_set = SYS_MOUNT_ATTR_RDONLY,
	};
	return 0;
}

static int for_each(struct builder *b, int (*run)(struct builder *, struct mount_item *, struct err *), struct err *e)
{
	for (size_t i = 0; i < b->c->mounts.n; i++) {
		int r = run(b, &b->mounts[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

int plan_sources(struct builder *b, struct err *e)
{
	size_t n = b->c->mounts.n;

	if (n && !b->mounts_allowed)
		return err_bad(e, "mounts: a mount namespace of the container's own is needed");
	b->mounts = arena_array(b->a, n, sizeof(*b->mounts));
	if (!b->mounts)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		int r = decode(b, i, &b->mounts[i], e);
		if (r < 0)
			return r;
		b->dev_is_bind |= b->mounts[i].bind && str_eq(b->mounts[i].conf->destination, "/dev");
	}
	int r = for_each(b, open_on_host, e);
	return r < 0 ? r : for_each(b, open_sources, e);
}

int plan_mounts(struct builder *b, struct err *e)
{
	int r = find_late_readonly(b, e);

	return r < 0 ? r : for_each(b, add_mount, e);
}

int plan_late_readonly(struct builder *b, struct err *e)
{
	return for_each(b, add_late_readonly, e);
}

/* ---- devices ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *path;
	uint32_t major, minor;
} default_devices[] = {
	{ "/dev/null", 1, 3 },	 { "/dev/zero", 1, 5 },	   { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const struct {
	const char *target, *path;
	bool if_exists;
} default_links[] = {
	{ "/proc/self/fd", "/dev/fd", false },	     { "/proc/self/fd/0", "/dev/stdin", false },
	{ "/proc/self/fd/1", "/dev/stdout", false }, { "/proc/self/fd/2", "/dev/stderr", false },
	{ "/proc/kcore", "/dev/core", true },	     { "pts/ptmx", "/dev/ptmx", false },
};

static bool can_mknod(const struct builder *b)
{
	return !(b->p->namespaces & CLONE_NEWUSER) && !b->f->in_userns && facts_has_cap(b->f, CAP_MKNOD);
}

/*
 * Where nodes cannot be made, the host's node of the same path is bound; its numbers are checked there. `field`: the
 * configuration's, for the message when there is none; NULL: every host has it.
 */
static int add_device(struct builder *b, const struct step_device *want, const char *field, struct err *e)
{
	struct step_device d = *want;

	d.slot = PLAN_NO_SLOT;
	if (!can_mknod(b) && !S_ISFIFO(d.mode)) {
		struct step_source *src = STEP(b, SOURCE, source);
		if (!src)
			return err_nomem(e);
		src->path = d.path;
		src->device = field;
		d.slot = src->slot = builder_slot(b);
	}
	struct step_device *s = STEP(b, DEVICE, device);
	if (!s)
		return err_nomem(e);
	*s = d;
	return 0;
}

static bool is_configured(const struct builder *b, const char *path)
{
	for (size_t i = 0; i < b->l->devices.n; i++)
		if (str_eq(b->l->devices.v[i].path, path))
			return true;
	return false;
}

static int add_configured(struct builder *b, size_t i, struct err *e)
{
	const struct device_conf *c = &b->l->devices.v[i];
	struct step_device d = {
		.path = c->path,
		.mode = (c->file_mode.set ? c->file_mode.v : 0666) & 07777,
		.major = (uint32_t)c->major.v,
		.minor = (uint32_t)c->minor.v,
		.uid = c->uid.v,
		.gid = c->gid.v,
	};

	d.mode |= c->type == 'p' ? S_IFIFO : c->type == 'b' ? S_IFBLK : S_IFCHR;
	const char *field = arena_printf(b->a, "linux.devices[%zu]", i);
	return field ? add_device(b, &d, field, e) : err_nomem(e);
}

int plan_devices(struct builder *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->l->devices.n; i++)
		r = add_configured(b, i, e);
	if (r < 0 || b->dev_is_bind || !b->mounts_allowed)
		return r;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(default_devices); i++) {
		struct step_device d = { .path = default_devices[i].path,
					 .mode = S_IFCHR | 0666,
					 .major = default_devices[i].major,
					 .minor = default_devices[i].minor,
					 .is_default = true };
		if (!is_configured(b, d.path))
			r = add_device(b, &d, NULL, e);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(default_links); i++) {
		struct step_symlink *s = STEP(b, SYMLINK, symlink);
		if (!s)
			return err_nomem(e);
		s->target = default_links[i].target;
		s->path = default_links[i].path;
		s->if_exists = default_links[i].if_exists;
	}
	return r;
}

/* ---- masked and read-only paths ------------------------------------------------------------------------------ */

int plan_readonly(struct builder *b, struct err *e)
{
	if (b->l->readonly_paths.n && !b->mounts_allowed)
		return err_bad(e, "linux.readonlyPaths: a mount namespace of the container's own is needed");
	for (size_t i = 0; i < b->l->readonly_paths.n; i++) {
		struct step_readonly *s = STEP(b, READONLY, readonly);
		if (!s)
			return err_nomem(e);
		s->path = b->l->readonly_paths.v[i];
	}
	return 0;
}

int plan_masks(struct builder *b, struct err *e)
{
	if (b->l->masked_paths.n && !b->mounts_allowed)
		return err_bad(e, "linux.maskedPaths: a mount namespace of the container's own is needed");
	for (size_t i = 0; i < b->l->masked_paths.n; i++) {
		struct step_mask *s = STEP(b, MASK, mask);
		if (!s)
			return err_nomem(e);
		s->path = b->l->masked_paths.v[i];
	}
	return 0;
}

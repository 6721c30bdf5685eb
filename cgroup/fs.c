/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroupfs driver: makes the container's cgroup, enables controllers on the way down, writes the
 * knobs. Everything happens beneath the descriptor of the mount's root, and a failure takes back what was
 * made. Decides nothing: path, knobs and owner come from the plan.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "../runtime/base/sys.h"
#include "../runtime/base/util.h"

/* How long a walk starts again when another container's removal took a parent away under it. */
#define WALK_RETRY_MS 2000
#define WALK_PAUSE_NS 500000

/* ---- controllers ------------------------------------------------------------------------------------ */

static bool strv_has_word(const struct strv *v, const char *word, size_t n)
{
	for (size_t i = 0; i < v->n; i++)
		if (strlen(v->v[i]) == n && memcmp(v->v[i], word, n) == 0)
			return true;
	return false;
}

static int err_controller(struct err *e, int errnum, const char *name, const char *where)
{
	return err_sys(e, errnum, "cannot enable controller %s in %s/cgroup.subtree_control%s", name, where,
		       errnum == -EBUSY ? " (processes live in this cgroup itself)" : "");
}

/*
 * One by one, after the write of all together failed: only those in `need` must succeed. The others are a
 * courtesy to whoever reads statistics or updates limits later.
 */
static int enable_each(int fd, const char *list, const struct strv *need, const char *where, struct err *e)
{
	const char *w;
	size_t n;

	while ((n = cg_next_word(&list, &w)) > 0) {
		char word[CGROUP_WORDS_MAX];
		int r;

		snprintf(word, sizeof(word), "%.*s", (int)n, w);
		r = cg_write(fd, "cgroup.subtree_control", word);
		if (r < 0 && strv_has_word(need, word + 1, n - 1))
			return err_controller(e, r, word + 1, where);
	}
	return 0;
}

int cg_enable(int fd, bool fresh, char avail[CGROUP_WORDS_MAX], const struct strv *need, const char *where, struct err *e)
{
	char on[CGROUP_WORDS_MAX] = "", list[2 * CGROUP_WORDS_MAX] = "";
	const char *p = avail, *w;
	size_t n, used = 0;
	int r;

	for (size_t i = 0; i < need->n; i++)
		if (!cg_has_word(avail, need->v[i], strlen(need->v[i])))
			return err_set(e, EOPNOTSUPP, "controller %s is not available in %s", need->v[i], where);
	r = fresh ? 0 : cg_read(fd, "cgroup.subtree_control", on, sizeof(on));
	if (r < 0)
		return err_sys(e, r, "read %s/cgroup.subtree_control", where);
	while ((n = cg_next_word(&p, &w)) > 0)
		if (!cg_has_word(on, w, n))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s+%.*s", used ? " " : "",
						 (int)n, w);
	if (used == 0)
		return 0;
	/* All of them at once, or none: then the children have what we have. */
	if (cg_write(fd, "cgroup.subtree_control", list) == 0)
		return 0;
	r = enable_each(fd, list, need, where, e);
	if (r < 0)
		return r;
	r = cg_read(fd, "cgroup.subtree_control", avail, CGROUP_WORDS_MAX);
	return r < 0 ? err_sys(e, r, "read %s/cgroup.subtree_control", where) : 0;
}

/* ---- the walk ---------------------------------------------------------------------------------------- */

struct walk {
	const char *mount;
	int base;	   /* the root; borrowed */
	int fd;		   /* where we are; owned, unless it is the root */
	unsigned int depth; /* components below the root */
	unsigned int kept; /* of those, up to the last one that existed; what follows was made here */
};

static void walk_to(struct walk *w, int fd)
{
	if (w->fd != w->base)
		fd_close(&w->fd);
	w->fd = fd;
}

/* Nobody but us has been where we are: it was made a moment ago, with nothing in it. */
static bool is_fresh(const struct walk *w)
{
	return w->depth > w->kept;
}

/* Opens the child `name`, making it when `make`. -ENOENT: the ground vanished, start again. */
static int walk_step(struct walk *w, const char *name, const char *where, bool make, struct err *e)
{
	int fd;

	if (make && mkdirat(w->fd, name, 0755) < 0) {
		if (errno != EEXIST)
			return err_sys(e, errno, "make cgroup %s%s", w->mount, where);
		/* Perhaps below one that we made a moment ago: then another container shares that, too. */
		w->kept = w->depth + 1;
	}
	w->depth++;
	fd = cg_open_dir(w->fd, name);
	if (fd < 0)
		return err_sys(e, fd, "open cgroup %s%s", w->mount, where);
	walk_to(w, fd);
	return 0;
}

/*
 * To a parent of our own that is there already: whoever made it has enabled on the way what there is, or what it wanted
 * there to be (vm_guest.c). -ENOENT, with no text: it is not there.
 */
static int walk_to_parent(struct walk *w, const char *path)
{
	char parent[CGROUP_PATH_MAX];
	const char *last = strrchr(path, '/');

	if (!last || last == path || (size_t)(last - path) >= sizeof(parent))
		return -ENOENT;
	snprintf(parent, sizeof(parent), "%.*s", (int)(last - path), path);
	int fd = cg_open_dir(w->base, parent);
	if (fd < 0)
		return -ENOENT;
	walk_to(w, fd);
	w->depth = w->kept = cgroup_path_depth(parent);
	return 0;
}

/*
 * From the root to `path`, enabling controllers in every directory on the way except the last. `own`: no engine's, and
 * nobody is to share out anything below it.
 */
static int walk_down(struct walk *w, const char *path, const struct strv *need, bool own, bool make, struct err *e)
{
	char avail[CGROUP_WORDS_MAX], where[CGROUP_PATH_MAX + 1] = "", name[256], shown[CGROUP_PATH_MAX + 64];
	const char *p = path, *c;
	size_t n, used = 0;
	int r;

	if (own && need->n == 0 && walk_to_parent(w, path) == 0) {
		p = strrchr(path, '/');
		return walk_step(w, p + 1, path, make, e);
	}
	r = cg_base_controllers(avail, e);
	if (r < 0)
		return r;
	while ((n = cg_next_component(&p, &c)) > 0 && n < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)n, c);
		snprintf(shown, sizeof(shown), "%s%s", w->mount, where);
		r = cg_enable(w->fd, is_fresh(w), avail, need, shown, e);
		if (r < 0)
			return r;
		used += (size_t)snprintf(where + used, sizeof(where) - used, "/%s", name);
		r = walk_step(w, name, where, make, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* E22 and F15: fit to receive a container? */
static int target_check(int fd, const char *path, bool own, struct err *e)
{
	char text[256];
	int r;

	r = cg_read(fd, "cgroup.events", text, sizeof(text));
	if (r < 0)
		return err_sys(e, r, "read cgroup.events of cgroup %s", path);
	if (cg_keyed(text, "populated") != 0)
		return err_set(e, EBUSY, "cgroup %s is not empty", path);
	if (cg_keyed(text, "frozen") == 1)
		return err_set(e, EBUSY, "cgroup %s is frozen", path);
	/* Nobody makes a parent of our own a threaded one, and the kernel would put no process in. */
	if (own)
		return 0;
	r = cg_read(fd, "cgroup.type", text, sizeof(text));
	if (r < 0)
		return err_sys(e, r, "read cgroup.type of cgroup %s", path);
	if (!str_eq(text, "domain") && !str_eq(text, "domain threaded"))
		return err_set(e, EBUSY, "cgroup %s is of type '%s' and cannot hold a container", path, text);
	return 0;
}

/* ---- ownership --------------------------------------------------------------------------------------- */

/* The OCI runtime must hand over these where the kernel does not list the files itself. */
static const char delegate_fallback[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";

int cg_delegate(int fd, uid_t uid, struct err *e)
{
	char text[1024];
	const char *p = text, *w;
	size_t n;

	if (fchown(fd, uid, (gid_t)-1) < 0)
		return err_sys(e, errno, "change the owner of the cgroup to %u", (unsigned int)uid);
	if (cg_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", text, sizeof(text)) <= 0)
		p = delegate_fallback;
	while ((n = cg_next_word(&p, &w)) > 0) {
		char name[256];

		if (n >= sizeof(name) || memchr(w, '/', n))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)n, w);
		if (fchownat(fd, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return err_sys(e, errno, "change the owner of %s in the cgroup to %u", name,
				       (unsigned int)uid);
	}
	return 0;
}

/* ---- create, open ------------------------------------------------------------------------------------- */

static int create_once(const struct cgroup_plan *p, struct walk *w, struct err *e)
{
	int r = walk_down(w, p->path, &p->controllers, !p->explicit_path && !p->owner_set, true, e);

	/* What is new below the root itself is empty, and nothing above it is frozen or threaded. */
	if (r >= 0 && w->kept > 0)
		r = target_check(w->fd, p->path, !p->explicit_path && is_fresh(w), e);
	if (r >= 0 && p->owner_set)
		r = cg_delegate(w->fd, p->owner_uid, e);
	return r;
}

int cgroup_create(const struct cgroup_plan *p, int *ret_fd, unsigned int *ret_kept, struct err *e)
{
	const char *mount;
	int r;

	if (p->manager != CGROUP_FS)
		return err_bad(e, "the cgroup is not ours to make");
	const int base = cg_base(&mount, e);
	if (base < 0)
		return base;
	for (int64_t deadline = now_ms() + WALK_RETRY_MS;;) {
		struct walk w = { .mount = mount, .base = base, .fd = base };

		r = create_once(p, &w, e);
		if (r >= 0) {
			*ret_fd = w.fd;
			*ret_kept = w.kept;
			return 0;
		}
		walk_to(&w, base);
		if (is_fresh(&w))
			cg_remove_chain(base, p->path, w.kept);
		if ((r != -ENOENT && r != -ENODEV) || now_ms() > deadline)
			break;
		/* Where processors are scarce the other side must get its turn. */
		(void)nanosleep(&(struct timespec){ .tv_nsec = WALK_PAUSE_NS }, NULL);
	}
	return err_in(e, "create cgroup %s", p->path);
}

int cgroup_open(const char *path, int *ret_fd, struct err *e)
{
	const char *mount;
	int r, fd;

	r = cg_path_check(path, e);
	if (r >= 0)
		r = cg_base(&mount, e);
	if (r < 0)
		return r;
	fd = cg_open_dir(r, path);
	if (fd < 0)
		return err_sys(e, fd, "open cgroup %s%s", mount, path);
	*ret_fd = fd;
	return 0;
}

/* ---- children ----------------------------------------------------------------------------------------- */

int cgroup_make_leaf(int fd, const char *path, pid_t pid, bool owner_set, uid_t owner, struct err *e)
{
	const struct strv none = { NULL, 0 };
	char avail[CGROUP_WORDS_MAX];

	if (mkdirat(fd, CGROUP_LEAF, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make cgroup %s/%s", path, CGROUP_LEAF);
	auto_close int leaf = cg_open_dir(fd, CGROUP_LEAF);
	if (leaf < 0)
		return err_sys(e, leaf, "open cgroup %s/%s", path, CGROUP_LEAF);
	int r = cgroup_enter(leaf, pid, e);
	if (r == 0 && owner_set)
		r = cg_delegate(leaf, owner, e);
	if (r < 0)
		return r;
	r = cg_read(fd, "cgroup.controllers", avail, sizeof(avail));
	return r < 0 ? err_sys(e, r, "read cgroup.controllers of cgroup %s", path) : cg_enable(fd, false, avail, &none, path, e);
}

int cgroup_make_child(int fd, const char *path, const char *name, const struct cgroup_knob_list *k, int *ret_fd, struct err *e)
{
	if (mkdirat(fd, name, 0755) < 0)
		return err_sys(e, errno, "make cgroup %s/%s", path, name);
	int child = cg_open_dir(fd, name);
	int r = child < 0 ? err_sys(e, child, "open cgroup %s/%s", path, name) : 0;
	if (r == 0)
		r = cgroup_apply(child, k, CGROUP_EARLY, e);
	if (r == 0)
		r = cgroup_apply(child, k, CGROUP_LATE, e);
	if (r < 0) {
		fd_close(&child);
		best_effort(cgroup_remove_child(fd, name));
		return r;
	}
	*ret_fd = child;
	return 0;
}

int cgroup_remove_child(int fd, const char *name)
{
	return unlinkat(fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* ---- knobs -------------------------------------------------------------------------------------------- */

static int knob_write(int fd, const struct cgroup_knob *k)
{
	char text[256], value[512];
	const char *p = text, *w;
	size_t n;
	int r;

	if (!(k->flags & CGROUP_KNOB_KEEP_FIRST))
		return cg_write(fd, k->file, k->value);
	r = cg_read(fd, k->file, text, sizeof(text));
	if (r < 0)
		return r;
	n = cg_next_word(&p, &w);
	snprintf(value, sizeof(value), "%.*s %s", (int)n, w, k->value);
	return cg_write(fd, k->file, value);
}

static int err_knob(int fd, const struct cgroup_knob *k, int errnum, struct err *e)
{
	char have[CGROUP_WORDS_MAX];

	if (errnum != -ENOENT)
		return err_sys(e, errnum, "write '%s' to %s of the cgroup", k->value, k->file);
	if (k->controller && cg_read(fd, "cgroup.controllers", have, sizeof(have)) >= 0 &&
	    !cg_has_word(have, k->controller, strlen(k->controller)))
		return err_set(e, ENOENT, "cannot set %s to '%s': controller %s is not available in the cgroup",
			       k->file, k->value, k->controller);
	return err_set(e, ENOENT, "cannot set %s to '%s': this kernel has no such file", k->file, k->value);
}

/* Writes row i and whatever its flags tie to it; the number of rows used up, or negative. */
static int knob_apply(int fd, const struct cgroup_knob_list *l, size_t i, struct err *e)
{
	const struct cgroup_knob *k = &l->v[i], *next = i + 1 < l->n ? k + 1 : NULL;
	int r = knob_write(fd, k);

	if (next && (k->flags & CGROUP_KNOB_OR_NEXT)) {
		if (r == 0)
			return 2;
		if (r == -ENOENT || r == -EINVAL || r == -EOPNOTSUPP)
			return 1;
	}
	if (next && (k->flags & CGROUP_KNOB_SWAP) && r == -EINVAL) {
		r = knob_write(fd, next);
		if (r < 0)
			return err_knob(fd, next, r, e);
		r = knob_write(fd, k);
		return r < 0 ? err_knob(fd, k, r, e) : 2;
	}
	if (r == -ENOENT && (k->flags & CGROUP_KNOB_OPTIONAL))
		return 1;
	return r < 0 ? err_knob(fd, k, r, e) : 1;
}

int cgroup_apply(int fd, const struct cgroup_knob_list *k, enum cgroup_phase phase, struct err *e)
{
	for (size_t i = 0; i < k->n;) {
		bool late = k->v[i].flags & CGROUP_KNOB_LATE;
		int r = 1;

		if (late == (phase == CGROUP_LATE)) {
			r = knob_apply(fd, k, i, e);
			if (r < 0)
				return r;
		}
		i += (size_t)r;
	}
	return 0;
}

/* ---- update ------------------------------------------------------------------------------------------- */

static int usage_read(int fd, const char *file, int64_t *ret, struct err *e)
{
	char text[64];
	uint64_t v;
	int r = cg_read(fd, file, text, sizeof(text));

	if (r >= 0)
		r = str_u64(text, INT64_MAX, &v);
	if (r < 0)
		return err_sys(e, r, "read %s of the cgroup", file);
	*ret = (int64_t)v;
	return 0;
}

int cg_usage_check(int fd, const struct cgroup_knob_list *k, struct err *e)
{
	int64_t memory = 0, swap = 0;
	struct err ignored;
	int r;

	if (k->check_memory < 0 && k->check_total < 0)
		return 0;
	r = usage_read(fd, "memory.current", &memory, e);
	if (r < 0)
		return r;
	if (k->check_memory >= 0 && k->check_memory < memory)
		return err_set(e, EBUSY, "memory limit %lld is below the current usage of %lld bytes",
			       (long long)k->check_memory, (long long)memory);
	if (k->check_total < 0)
		return 0;
	if (usage_read(fd, "memory.swap.current", &swap, &ignored) < 0)
		swap = 0; /* no swap accounting, no usage */
	if (k->check_total < memory + swap)
		return err_set(e, EBUSY, "memory and swap limit %lld is below the current usage of %lld bytes",
			       (long long)k->check_total, (long long)(memory + swap));
	return 0;
}

/* The controllers of the rows that insist on them, for a list without a plan. */
static int need_of(const struct cgroup_knob_list *k, struct strv *need, struct err *e)
{
	size_t n = 0;

	need->v = calloc(k->n + 1, sizeof(*need->v));
	if (!need->v)
		return err_nomem(e);
	for (size_t i = 0; i < k->n; i++) {
		const char *c = k->v[i].controller;

		if (!c || (k->v[i].flags & CGROUP_KNOB_OPTIONAL))
			continue;
		need->n = n;
		if (!strv_has_word(need, c, strlen(c)))
			need->v[n++] = (char *)(uintptr_t)c; /* the list is only read */
	}
	need->n = n;
	return 0;
}

int cgroup_update(const char *path, const struct cgroup_knob_list *k, struct err *e)
{
	struct walk w = { .base = -EBADF, .fd = -EBADF };
	struct strv need = { 0 };
	int r = need_of(k, &need, e);

	if (r >= 0)
		r = cg_path_check(path, e);
	if (r >= 0)
		r = w.base = w.fd = cg_base(&w.mount, e);
	if (r >= 0)
		r = walk_down(&w, path, &need, false, false, e);
	if (r >= 0)
		r = cg_usage_check(w.fd, k, e);
	if (r >= 0)
		r = cgroup_apply(w.fd, k, CGROUP_EARLY, e);
	if (r >= 0)
		r = cgroup_apply(w.fd, k, CGROUP_LATE, e);
	walk_to(&w, w.base);
	free(need.v);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses between the cgroupfs driver and systemd, and keeps the record that lets delete undo either. */
#include "host_cgroup.h"

#include <errno.h>

#include "base/util.h"
#include "host_run.h"

static void fill_options(struct host_cgroup *h, const struct state *s)
{
	h->options.helper = own_helper("ctr-systemd", h->helper, sizeof(h->helper));
	h->options.user = str_eq(s->cgroup_manager, "systemd-user");
	h->options.id = s->id;
	h->options.annotations = &s->annotations;
}

static int make_scope(struct ctx *ctx, struct container *c, const struct plan *p, struct host_cgroup *h, struct err *e)
{
	const struct linux_conf *l = p->config->linux_;
	const struct resources *limits = l ? resources_of_version(&ctx->arena, l->resources, p->config->oci_version) : NULL;
	const char *path = NULL;
	int r = 0;

	fill_options(h, c->state);
	if (limits)
		r = cgroup_systemd_properties(&ctx->arena, limits, &h->options.limits, e);
	if (r == 0)
		r = cgroup_systemd_create(&ctx->arena, p->cgroup, &h->options, &h->placeholder, &h->fd, &path, e);
	if (r < 0)
		return r;
	h->made = true;
	c->state->cgroup_path = path; /* as the manager chose it */
	return store_save(ctx, c, e);
}

static int make_directory(struct container *c, const struct cgroup_plan *p, struct host_cgroup *h, struct err *e)
{
	unsigned int kept = 0;
	int r = cgroup_create(p, &h->fd, &kept, e);

	if (r < 0)
		return r;
	h->made = true;
	h->fresh = kept < cgroup_path_depth(p->path);
	/* The runtime's own parent goes with its last container, whichever of them made it. */
	c->state->cgroup_kept = !p->explicit_path && str_starts(p->path, "/ctr/") ? 0 : kept;
	return 0;
}

int host_cgroup_make(struct ctx *ctx, struct container *c, const struct plan *p, struct host_cgroup *ret, struct err *e)
{
	int r;

	if (p->cgroup->manager == CGROUP_DISABLED)
		return 0;
	r = p->cgroup->manager == CGROUP_SYSTEMD ? make_scope(ctx, c, p, ret, e) : make_directory(c, p->cgroup, ret, e);
	if (r == 0 && !p->cgroup->devices.late)
		r = cgroup_attach_devices(ret->fd, &p->cgroup->devices, ret->fresh, e);
	return r < 0 ? r : cgroup_apply(ret->fd, &p->cgroup->knobs, CGROUP_EARLY, e);
}

int host_cgroup_late(const struct plan *p, const struct host_cgroup *h, struct err *e)
{
	return h->fd >= 0 && p->cgroup->devices.late ? cgroup_attach_devices(h->fd, &p->cgroup->devices, h->fresh, e) : 0;
}

int host_cgroup_attach(struct ctx *ctx, const struct plan *p, struct host_cgroup *h, pid_t pid, struct err *e)
{
	return cgroup_systemd_attach(&ctx->arena, p->cgroup, &h->options, pid, e);
}

int host_cgroup_entered(struct ctx *ctx, const struct plan *p, struct host_cgroup *h, struct err *e)
{
	return cgroup_systemd_release(&ctx->arena, p->cgroup, &h->options, &h->placeholder, e);
}

void host_cgroup_done(struct ctx *ctx, const struct plan *p, struct host_cgroup *h)
{
	struct err ignored;

	best_effort(cgroup_systemd_release(&ctx->arena, p->cgroup, &h->options, &h->placeholder, &ignored));
	fd_close(&h->fd);
}

static bool is_systemd(const struct state *s)
{
	return s->systemd_scope && str_starts(s->cgroup_manager, "systemd");
}

int host_cgroup_remove(struct ctx *ctx, const struct state *s, struct err *e)
{
	struct host_cgroup h = HOST_CGROUP_NONE;

	if (!s->cgroup_path)
		return 0;
	if (!is_systemd(s))
		return cgroup_remove(s->cgroup_path, s->cgroup_kept, CGROUP_REMOVE_TIMEOUT_MS, e);
	fill_options(&h, s);
	return cgroup_systemd_remove(&ctx->arena, s->cgroup_path, s->systemd_scope, &h.options, e);
}

/* The rules that are given are all that hold from then on; the program is exchanged in one step. */
static int update_devices(struct ctx *ctx, const struct state *s, const struct resources *r, struct err *e)
{
	struct cgroup_device_program p;
	auto_close int fd = -EBADF;

	if (!r->devices.n)
		return 0;
	int ret = cgroup_device_compile(&ctx->arena, &r->devices, &p, e);
	if (ret == 0)
		ret = cgroup_open(s->cgroup_path, &fd, e);
	return ret < 0 ? ret : cgroup_attach_devices(fd, &p, false, e);
}

int host_cgroup_update(struct ctx *ctx, const struct state *s, const struct resources *r, struct err *e)
{
	struct host_cgroup h = HOST_CGROUP_NONE;
	struct cgroup_knob_list knobs;
	int ret = cgroup_knobs(&ctx->arena, r, &knobs, e);

	if (ret < 0 || (!knobs.n && !r->devices.n))
		return ret;
	if (!s->cgroup_path)
		return err_set(e, EOPNOTSUPP, "it has no cgroup");
	ret = update_devices(ctx, s, r, e);
	if (ret < 0 || !knobs.n)
		return ret;
	if (!is_systemd(s))
		return cgroup_update(s->cgroup_path, &knobs, e);
	fill_options(&h, s);
	ret = cgroup_systemd_properties(&ctx->arena, r, &h.options.limits, e);
	return ret < 0 ? ret :
			 cgroup_systemd_update(&ctx->arena, s->cgroup_path, s->systemd_scope, &h.options, &knobs, e);
}

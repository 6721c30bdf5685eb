/* SPDX-License-Identifier: Apache-2.0 */
/* From a bundle directory and options to a plan, and from the plan to a created container. */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci/annotations.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/util.h"
#include "debug.h"
#include "host_home.h"
#include "vm.h"

#define CONFIG_MAX ((size_t)16 << 20)

static int absolute_bundle(struct ctx *ctx, const char *bundle, const char **ret, struct err *e)
{
	char path[PATH_MAX], link[32];

	if (!*bundle)
		return err_bad(e, "invalid --bundle \"\": empty");
	/* As engines give it. */
	if (path_is_plain_dir(bundle)) {
		*ret = bundle;
		return 0;
	}
	auto_close int fd = openat(AT_FDCWD, bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR)
		return err_set(e, ENOTDIR, "bundle %s: not a directory", bundle);
	if (fd < 0)
		return err_set(e, errno, "bundle %s: %s", bundle, errno == ENOENT ? "missing" : err_text(errno));
	/* The kernel knows its name; one that has none any more, or none in our root, is looked for by the library. */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if ((path[0] != '/' || strstr(path, " (deleted)")) && !realpath(bundle, path))
		return err_set(e, errno, "bundle %s: %s", bundle, errno == ENOENT ? "missing" : err_text(errno));
	*ret = arena_strdup(&ctx->arena, path);
	return *ret ? 0 : err_nomem(e);
}

static int absolute_overlay(struct ctx *ctx, const char *where, const char **ret, struct err *e)
{
	char path[PATH_MAX];

	if (!str_eq(where, "tmpfs") && !realpath(where, path))
		return err_set(e, errno, "--overlay %s: %s", where, errno == ENOENT ? "missing" : err_text(errno));
	*ret = str_eq(where, "tmpfs") ? where : arena_strdup(&ctx->arena, path);
	return *ret ? 0 : err_nomem(e);
}

int bundle_config(struct arena *a, const char *file, const struct config **ret, struct err *e)
{
	char *text;
	size_t n;
	int r = file_read_at(a, AT_FDCWD, file, CONFIG_MAX, &text, &n);

	if (r == -EFBIG)
		return err_set(e, EFBIG, "%s: larger than %zu MiB", file, CONFIG_MAX >> 20);
	if (r == -EINVAL)
		return err_set(e, EINVAL, "%s: not a regular file", file);
	if (r < 0)
		return err_set(e, -r, "read %s: %s", file, r == -ENOENT ? "missing (`ctr spec` writes one)" : err_text(-r));
	return config_parse(a, "config.json", text, n, ret, e);
}

static int read_config(struct ctx *ctx, const struct bundle_opts *o, const char *bundle, const struct config **ret,
		       struct err *e)
{
	const char *path = o->config ? o->config : arena_printf(&ctx->arena, "%s/config.json", bundle);

	return path ? bundle_config(&ctx->arena, path, ret, e) : err_nomem(e);
}

/* LISTEN_FDS counts for us only when LISTEN_PID does not name another process; engines leave it out. */
static uint32_t listen_fds(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint64_t n, p;

	if (!fds || str_u64(fds, 1024, &n) < 0)
		return 0;
	if (pid && (str_u64(pid, INT32_MAX, &p) < 0 || (pid_t)p != getpid()))
		return 0;
	return (uint32_t)n;
}

/* The word was checked with the global options. */
static void pick_manager(const struct ctx *ctx, enum cgroup_manager *ret)
{
	const char *m = ctx->cgroup_manager;

	if (!m)
		*ret = ctx->systemd_cgroup ? CGROUP_SYSTEMD : CGROUP_FS;
	else if (str_eq(m, "cgroupfs"))
		*ret = CGROUP_FS;
	else if (str_eq(m, "systemd"))
		*ret = CGROUP_SYSTEMD;
	else
		*ret = CGROUP_DISABLED;
}

static const char *bundle_root(struct ctx *ctx, const struct config *c, const char *bundle)
{
	return c->root->path[0] == '/' ? c->root->path : arena_printf(&ctx->arena, "%s/%s", bundle, c->root->path);
}

static int bundle_home(struct ctx *ctx, const struct config *c, const char *bundle, const char **ret, struct err *e)
{
	const char *root = bundle_root(ctx, c, bundle);

	if (!root)
		return err_nomem(e);
	return c->process ? host_home(&ctx->arena, root, &c->process->env, c->process->user.uid, NULL, ret, e) : 0;
}

/* The strongest of what the caller, the annotation and the configuration's vm section ask for, if that is allowed. */
static int choose_isolation(struct ctx *ctx, const struct config *c, const struct vm_limits *limits,
			    struct isolation_choice *ret, struct err *e)
{
	const char *annotation = config_annotation(c, ANNOTATION_ISOLATION);
	struct isolation_choice own = { 0 }, its = { 0 };
	int r = ctx->isolation ? isolation_parse("--isolation", ctx->isolation, &own, e) : 0;

	if (r == 0 && annotation)
		r = isolation_parse(ANNOTATION_ISOLATION, annotation, &its, e);
	ret->kind = MAX(own.kind, its.kind);
	if (c->vm)
		ret->kind = ISOLATION_VM;
	ret->emulate = own.emulate || its.emulate;
	if (r == 0)
		r = vm_limits_annotations(limits, c, e);
	return r < 0 ? r : vm_limits_isolation(limits, ret, e);
}

/* The guest makes the overlay: it is told as by the annotation. */
static int overlay_inside(struct ctx *ctx, const char *overlay, const struct config **c, struct err *e)
{
	struct config *with = arena_new(&ctx->arena, struct config);

	if (!str_eq(overlay, "tmpfs"))
		return err_bad(e, "--overlay %s: a micro-VM's root can have an overlay in memory only (tmpfs)", overlay);
	if (!with)
		return err_nomem(e);
	*with = **c;
	*c = with;
	return string_map_put(&ctx->arena, &with->annotations, ANNOTATION_OVERLAY, "tmpfs", e);
}

/* Afterwards the configuration is that of the VMM's container. */
static int into_vm(struct ctx *ctx, const struct isolation_choice *how, const struct vm_limits *limits,
		   struct create_options *co, const struct config **c, struct err *e)
{
	struct vm_split split;
	const char *rootfs = bundle_root(ctx, *c, co->bundle);

	if (!rootfs)
		return err_nomem(e);
	if (co->keep_fds)
		return err_bad(e, "--preserve-fds: a descriptor of the host cannot be handed into a micro-VM");
	int r = vm_split(ctx, *c, rootfs, how, limits, co->init, &split, e);
	if (r < 0)
		return r;
	co->guest = *c;
	co->guest_rootfs = rootfs;
	co->init = false;
	*c = split.host;
	return 0;
}

static bool config_has_labels(const struct config *c)
{
	const struct process *p = c->process;

	return (p && (p->apparmor_profile || p->selinux_label)) || (c->linux_ && c->linux_->mount_label);
}

/* Whether there may be a limit that takes a controller: device rules do not. */
static bool config_has_limits(const struct config *c)
{
	const struct resources *r = c->linux_ ? c->linux_->resources : NULL;

	return r && (r->memory || r->cpu || r->pids || r->block_io || r->network || r->hugepage_limits.n || r->rdma.n || r->unified.n);
}

static int add_notify(struct ctx *ctx, const char *id, const struct config **c, struct err *e)
{
	const char *source = NULL;
	int r = store_path(ctx, id, STORE_NOTIFY, &source, e);

	return r < 0 ? r : notify_config(&ctx->arena, source, c, e);
}

int bundle_plan(struct ctx *ctx, const struct bundle_opts *o, const char *id, bool listener, struct bundle_plan *ret,
		struct err *e)
{
	struct create_options co = {
		.id = id,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.init = o->init,
		.open_to_hooks = o->open_to_hooks,
		.die_with_caller = o->die_with_caller,
		.dry_run = o->dry_run,
		.listener = listener,
		.listen_fds = listen_fds(),
	};
	int r = store_check_id(id, e);

	co.keep_fds = o->preserve_fds + co.listen_fds;
	if (r == 0)
		r = fd_check_kept(co.keep_fds, e);
	pick_manager(ctx, &co.cgroup_manager);
	if (r == 0)
		r = absolute_bundle(ctx, o->bundle ? o->bundle : ".", &co.bundle, e);
	if (r == 0)
		r = TRACE_CALL(ctx->trace, "read config.json", read_config(ctx, o, co.bundle, &ret->config, e));
	if (r < 0)
		return r;
	r = bundle_home(ctx, ret->config, co.bundle, &co.home, e);
	if (r < 0)
		return r;
	const char *init = config_annotation(ret->config, ANNOTATION_INIT);
	co.init |= init && str_eq(init, "true");
	struct isolation_choice how = { 0 };
	struct vm_limits limits = { 0 };
	r = vm_limits_read(&ctx->arena, VM_LIMITS_DIR, &limits, e);
	if (r == 0)
		r = choose_isolation(ctx, ret->config, &limits, &how, e);
	if (r == 0 && how.kind == ISOLATION_VM && o->overlay)
		r = overlay_inside(ctx, o->overlay, &ret->config, e);
	if (r == 0 && how.kind == ISOLATION_VM)
		r = into_vm(ctx, &how, &limits, &co, &ret->config, e);
	else if (r == 0 && o->notify)
		r = add_notify(ctx, id, &ret->config, e);
	if (r == 0)
		r = TRACE_CALL(ctx->trace, "ask the kernel", facts_gather(&ret->facts, ret->config, e));
	if (r < 0)
		return r;
	if (config_has_labels(ret->config))
		facts_add_labels(&ret->facts);
	if (ret->config->linux_ && ret->config->linux_->landlock)
		facts_add_landlock(&ret->facts);
	if (config_has_limits(ret->config))
		r = facts_add_controllers(&ret->facts, e);
	if (r == 0 && ret->config->linux_ && ret->config->linux_->intel_rdt)
		r = facts_add_resctrl(&ret->facts, &ctx->arena, e);
	if (r == 0 && co.no_pivot)
		r = facts_add_kernel_views(&ret->facts, &ctx->arena, e);
	if (r < 0)
		return r;
	if (o->overlay && !co.guest) {
		r = absolute_overlay(ctx, o->overlay, &co.overlay, e);
		if (r < 0)
			return r;
	}
	r = TRACE_CALL(ctx->trace, "plan", plan_build(&ctx->arena, ret->config, &co, &ret->facts, &ret->plan, e));
	for (size_t i = 0; r == 0 && i < ret->plan->warnings.n; i++)
		ctx_warn(ctx, "%s", ret->plan->warnings.v[i]);
	if (r == 0)
		debug_plan(ret->plan, &ret->facts, ctx->trace);
	return r;
}

int bundle_print(const struct plan *p, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	plan_print(&b, p);
	return print_out(&b, e);
}

int bundle_check_terminal(const struct bundle_opts *o, const struct plan *p, bool detached, struct err *e)
{
	if (!p->terminal && o->console_socket)
		return err_bad(e, "--console-socket is given, but process.terminal is not true");
	if (p->terminal && detached && !o->console_socket)
		return err_bad(e, "process.terminal is true: a detached container needs --console-socket");
	return 0;
}

int bundle_create(struct ctx *ctx, const struct bundle_opts *o, const struct bundle_plan *b, struct container *c,
		  struct created *ret, struct err *e)
{
	const struct create_outputs out = { .pid_file = o->pid_file,
					    .console_socket = o->console_socket,
					    .pidfd_socket = o->pidfd_socket };
	int r = TRACE_CALL(ctx->trace, "make the state directory", store_create(ctx, b->plan->id, c, e));

	if (r == 0 && o->notify && !b->plan->guest) {
		r = notify_listen(o->notify, c->dir_fd, e);
		if (r < 0) {
			struct err second;
			best_effort(store_remove(c, &second));
		}
	}
	return r < 0 ? r : host_create(ctx, c, b->plan, &out, ret, e);
}

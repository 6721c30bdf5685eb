/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr restore: a container from criu's images. Cgroup, state and hooks are ours, as for `run`; namespaces, mounts and
 * processes are made by criu, which is called in a mount namespace of its own, so that nothing is left of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"
#include "host_attach.h"
#include "host_core.h"
#include "host_create.h"
#include "host_criu.h"
#include "host_record.h"
#include "host_run.h"

struct restore_opts {
	struct bundle_opts common;
	struct criu_opts criu;
	const char *lsm_profile, *lsm_mount_context;
	bool detach;
};

static const struct opt restore_options[] = {
	{ "bundle", 'b', OPT_STRING, offsetof(struct restore_opts, common.bundle), "DIR", "the bundle (default: .)" },
	{ "pid-file", 0, OPT_STRING, offsetof(struct restore_opts, common.pid_file), "FILE", "write the first process's pid to FILE" },
	{ "pidfd-socket", 0, OPT_STRING, offsetof(struct restore_opts, common.pidfd_socket), "PATH", "socket that gets a pidfd" },
	{ "console-socket", 0, OPT_STRING, offsetof(struct restore_opts, common.console_socket), "PATH",
	  "socket that gets the terminal's master" },
	{ "no-pivot", 0, OPT_IGNORE_FLAG, 0, NULL, NULL },
	{ "no-subreaper", 0, OPT_IGNORE_FLAG, 0, NULL, NULL },
	{ "detach", 'd', OPT_FLAG, offsetof(struct restore_opts, detach), NULL, "do not wait for the program" },
	CRIU_OPTION_ROWS(struct restore_opts),
	{ "lsm-profile", 0, OPT_STRING, offsetof(struct restore_opts, lsm_profile), "TYPE:NAME", "another AppArmor or SELinux label" },
	{ "lsm-mount-context", 0, OPT_STRING, offsetof(struct restore_opts, lsm_mount_context), "CONTEXT",
	  "another SELinux context of mounts" },
	OPT_END,
};

/* One restoration under way. */
struct restoration {
	struct ctx *ctx;
	const struct restore_opts *o;
	const struct bundle_plan *b;
	struct container *c;
	struct host_cgroup cgroup;
	int console; /* master of the restored terminal; -1: none, or it was handed over */
	int inherited[CRIU_OUTSIDE]; /* namespaces for criu */
	int pidfd;
	pid_t pid;
	bool recorded;
};

/* ---- before criu, in its process --------------------------------------------------------------------------------- */

/* All that it restores begins where criu is: in the leaf of the cgroup, in the resctrl groups. */
static int enter_groups(const struct restoration *k, struct err *e)
{
	const struct plan *p = k->b->plan;
	int r = p->rdt ? rdt_join(p->rdt->group, p->rdt->monitor, getpid(), e) : 0;

	if (r == 0 && p->cgroup_leaf)
		r = cgroup_make_leaf(k->cgroup.fd, k->c->state->cgroup_path, getpid(), p->cgroup->owner_set,
				     p->cgroup->owner_uid, e);
	return r;
}

/*
 * criu wants the root to be a mount, which it takes over with its flags. The mount namespace is its own: nothing of
 * this is seen outside, or stays. What no_new_privs forbids criu (set-id programs) it does not need, and it does not
 * restore that bit itself: the container's tasks inherit it.
 */
static int surroundings(void *arg, struct err *e)
{
	const struct restoration *k = arg;
	const struct config *c = k->b->config;
	const char *root = k->b->plan->rootfs;
	const struct sys_mount_attr ro = { .attr_set = SYS_MOUNT_ATTR_RDONLY };

	int r = enter_groups(k, e);

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
	    mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(e, errno, "make a mount of %s for criu", root);
	r = c->root->readonly ? sys_mount_setattr(AT_FDCWD, root, 0, &ro) : 0;
	if (r < 0)
		return err_sys(e, r, "make %s read-only", root);
	if (config_namespace(c, CLONE_NEWCGROUP) && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, errno, "make a cgroup namespace");
	for (size_t i = 0; i < ARRAY_SIZE(k->inherited); i++)
		if (k->inherited[i] >= 0 && fcntl(k->inherited[i], F_SETFD, 0) < 0)
			return err_sys(e, errno, "pass a namespace on");
	if (c->process && c->process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "set no_new_privs");
	return 0;
}

/* ---- the words ------------------------------------------------------------------------------------------------------ */

/* A bind's source, relative ones below the bundle; NULL: no bind, or no memory. */
static const char *bind_source(const struct bundle_plan *b, const struct mount_conf *m, struct arena *a)
{
	if (!config_mount_is_bind(m) || !m->source)
		return NULL;
	return m->source[0] == '/' ? m->source : arena_printf(a, "%s/%s", b->plan->bundle, m->source);
}

static void add_mounts(const struct bundle_plan *b, struct criu_words *w)
{
	const struct config *c = b->config;

	for (size_t i = 0; i < c->mounts.n; i++) {
		const struct mount_conf *m = &c->mounts.v[i];
		const char *source = bind_source(b, m, w->arena);
		w->failed |= !source && config_mount_is_bind(m);
		if (source)
			criu_optionf(w, "--external", "mnt[%s]:%s", m->destination, source);
	}
	for (size_t i = 0; c->linux_ && i < c->linux_->devices.n; i++) {
		const char *path = c->linux_->devices.v[i].path;
		criu_optionf(w, "--external", "mnt[%s]:%s", path, path);
	}
	if (c->process && c->process->terminal)
		criu_option(w, "--external", "mnt[" CRIU_CONSOLE "]:" CRIU_CONSOLE_STAND_IN);
	for (size_t i = 0; c->linux_ && i < c->linux_->masked_paths.n; i++)
		criu_optionf(w, "--external", "mnt[%s]:/dev/null", c->linux_->masked_paths.v[i]);
}

static int add_namespaces(struct restoration *k, struct criu_words *w, struct err *e)
{
	for (size_t i = 0; i < CRIU_OUTSIDE; i++) {
		const struct namespace_conf *ns = config_namespace(k->b->config, criu_outside[i].type);
		if (!ns || !ns->path)
			continue;
		k->inherited[i] = open(ns->path, O_RDONLY | O_CLOEXEC);
		if (k->inherited[i] < 0)
			return err_sys(e, errno, "open namespace %s", ns->path);
		criu_optionf(w, "--inherit-fd", "fd[%d]:%s", k->inherited[i], criu_outside[i].key);
	}
	return 0;
}

static int make_words(struct restoration *k, struct criu_words *w, struct err *e)
{
	const struct restore_opts *o = k->o;
	int r = criu_begin(k->ctx, w, "restore", &o->criu, k->b->plan->rootfs, e);

	if (r < 0)
		return r;
	/* The container's first process becomes our child, as if we had cloned it. */
	criu_word(w, "--restore-detached");
	criu_word(w, "--restore-sibling");
	criu_word(w, "--mntns-compat-mode");
	if (k->b->plan->terminal)
		criu_word(w, CRIU_TERMINAL_WORD);
	/* What criu manages goes below the container's cgroup, not to where it was. */
	if (o->criu.manage_cgroups && !str_eq(o->criu.manage_cgroups, "ignore") && !str_eq(o->criu.manage_cgroups, "none"))
		criu_option(w, "--cgroup-root", k->c->state->cgroup_path);
	criu_option(w, "--lsm-profile", o->lsm_profile);
	criu_option(w, "--lsm-mount-context", o->lsm_mount_context);
	criu_option(w, "--config", config_annotation(k->b->config, CRIU_CONFIG_ANNOTATION));
	add_mounts(k->b, w);
	return add_namespaces(k, w, e);
}

/* ---- the root ------------------------------------------------------------------------------------------------------------ */

static bool below_another(const struct config *c, size_t which)
{
	const char *path = c->mounts.v[which].destination;

	for (size_t i = 0; i < which; i++) {
		const char *other = c->mounts.v[i].destination;
		size_t n = strlen(other);
		if (n > 1 && str_starts(path, other) && path[n] == '/')
			return true;
	}
	return false;
}

/* criu mounts on what is there: an engine's fresh copy of the root may lack what `create` once made. */
static int make_mount_points(struct arena *a, const struct bundle_plan *b, struct err *e)
{
	auto_close int root = open(b->plan->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? err_sys(e, errno, "open root filesystem %s", b->plan->rootfs) : 0;

	for (size_t i = 0; r == 0 && i < b->config->mounts.n; i++) {
		const struct mount_conf *m = &b->config->mounts.v[i];
		struct stat st;
		const char *source = bind_source(b, m, a);
		bool file = source && stat(source, &st) == 0 && !S_ISDIR(st.st_mode);
		if (below_another(b->config, i))
			continue;
		int fd = path_make(root, m->destination, file ? PATH_FILE : PATH_DIR, e);
		if (fd >= 0)
			(void)close(fd);
		r = fd < 0 ? err_in(e, "mount point %s", m->destination) : 0;
	}
	return r;
}

/* ---- around it -------------------------------------------------------------------------------------------------------- */

static int take_process(struct restoration *k, struct err *e)
{
	k->pidfd = sys_pidfd_open(k->pid, 0);
	if (k->pidfd < 0)
		return err_sys(e, k->pidfd, "open the restored process");
	int r = record_process(k->ctx, k->c, k->b->plan, k->pid, "running", e);

	return r < 0 ? r : store_commit(k->c, e);
}

/* What was asked for and is not there: the process does not run on. */
static int check_protections(const struct restoration *k, struct err *e)
{
	const struct config *c = k->b->config;
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", k->pid);
	if (file_read_short(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return err_set(e, EIO, "read %s: nothing there", path);
	if (c->process && c->process->no_new_privileges && !strstr(text, "\nNoNewPrivs:\t1\n"))
		return err_set(e, EPERM, "the restored process does not have no_new_privs");
	if (c->linux_ && c->linux_->seccomp && k->b->plan->filter.n && !strstr(text, "\nSeccomp:\t2\n"))
		return err_set(e, EPERM, "the restored process does not have its seccomp filter");
	return 0;
}

static int poststart(struct restoration *k, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	struct state *s = k->c->state;

	if (!s->hooks || !s->hooks->poststart.n)
		return 0;
	state_print_public(&b, s, "running", s->pid, 0);
	return b.failed ? err_nomem(e) : hooks_run(&s->hooks->poststart, "poststart", b.p, NULL, e);
}

static int outputs(struct restoration *k, struct err *e)
{
	const struct create_outputs out = { .pid_file = k->o->common.pid_file, .pidfd_socket = k->o->common.pidfd_socket,
					    .console_socket = k->o->common.console_socket };
	struct talk t = { .child = { .pid = k->pid, .pidfd = k->pidfd, .sync = -EBADF }, .console = k->console };

	if (k->b->plan->terminal && k->console < 0)
		return err_set(e, EPROTO, "criu restored no terminal, and process.terminal is true");
	int r = host_outputs(&t, &out, e);
	k->console = t.console;
	return r;
}

/* An existing group that is not ours must not go with a container that was never in it. */
static int make_rdt(const struct restoration *k, struct err *e)
{
	const struct plan *p = k->b->plan;
	int r = p->rdt ? rdt_make(p->rdt, e) : 0;

	if (r < 0)
		k->c->state->rdt_group = k->c->state->rdt_monitor = NULL;
	return r;
}

/* Hooks that come before the start: the namespaces are there, nothing runs in them yet. */
static int hooks_before(struct restoration *k, pid_t pid, struct err *e)
{
	const struct hooks *hooks = k->b->plan->hooks;
	auto_strbuf struct strbuf b = { 0 };

	k->c->state->pid = pid;
	state_print_public(&b, k->c->state, "creating", pid, 0);
	if (b.failed)
		return err_nomem(e);
	int r = hooks_run(&hooks->prestart, "prestart", b.p, NULL, e);
	return r < 0 ? r : hooks_run(&hooks->create_runtime, "createRuntime", b.p, NULL, e);
}

/* The first terminal is the container's own; others were of programs that joined it, whose callers are gone. */
static void take_console(struct restoration *k, int *fd)
{
	if (*fd >= 0 && k->console < 0)
		k->console = TAKE_FD(*fd);
}

static int event(void *arg, const char *script, pid_t pid, int *fd, struct err *e)
{
	struct restoration *k = arg;

	if (str_eq(script, "setup-namespaces") && pid > 0)
		return hooks_before(k, pid, e);
	if (str_eq(script, "orphan-pts-master"))
		take_console(k, fd);
	/* The processes are there, and stand still. */
	if (str_eq(script, "post-restore") && k->console >= 0 && pid > 0)
		return criu_console_mount(pid, k->console, e);
	return 0;
}

static int run_criu(struct restoration *k, struct criu_words *w, struct err *e)
{
	struct core_keeper keeper;
	int r = core_take(&k->b->plan->core, &keeper, e);

	if (r < 0)
		return r;
	r = criu_restore(k->ctx, w, &k->o->criu, k->cgroup.fd, surroundings, event, k, &k->pid, e);
	core_give_back(&keeper);
	return r;
}

static int restoration_steps(struct restoration *k, struct err *e)
{
	const struct plan *p = k->b->plan;
	struct criu_words w;
	int r = record_new(k->ctx, k->c, p, e);

	k->recorded = r == 0;
	if (r == 0)
		r = host_cgroup_make(k->ctx, k->c, p, &k->cgroup, e);
	if (r == 0)
		r = make_rdt(k, e);
	if (r == 0)
		r = record_filter(k->c, p, e);
	if (r == 0)
		r = make_mount_points(&k->ctx->arena, k->b, e);
	if (r == 0)
		r = make_words(k, &w, e);
	if (r == 0)
		r = run_criu(k, &w, e);
	if (r == 0)
		r = take_process(k, e);
	if (r == 0)
		r = host_cgroup_entered(k->ctx, p, &k->cgroup, e);
	if (r == 0 && k->cgroup.fd >= 0)
		r = cgroup_apply(k->cgroup.fd, &p->cgroup->knobs, CGROUP_LATE, e);
	if (r == 0)
		r = check_protections(k, e);
	if (r == 0)
		r = outputs(k, e);
	return r < 0 ? r : poststart(k, e);
}

static int wait_end(struct restoration *k, int signals, struct err *e)
{
	const struct attach a = { .pidfd = k->pidfd, .signals = signals, .console = k->console };

	host_window_size(k->console);
	int status = host_attach(&a, e);
	int r = status < 0 ? 0 : host_destroy(k->ctx, k->c, -1, e);

	return r < 0 ? r : status;
}

static int restore(struct ctx *ctx, const struct restore_opts *o, const struct bundle_plan *b, const char *id, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	struct restoration k = { .ctx = ctx, .o = o, .b = b, .c = &c, .cgroup = HOST_CGROUP_NONE, .pidfd = -EBADF, .console = -EBADF,
				 .inherited = { -EBADF, -EBADF } };
	int r = store_create(ctx, id, &c, e);

	if (r < 0)
		return r;
	auto_close int signals = signals_take(e);
	r = signals < 0 ? signals : restoration_steps(&k, e);
	host_cgroup_done(ctx, b->plan, &k.cgroup);
	for (size_t i = 0; i < ARRAY_SIZE(k.inherited); i++)
		fd_close(&k.inherited[i]);
	if (r < 0) {
		struct err second;
		best_effort(k.recorded ? host_destroy(ctx, &c, k.pidfd, &second) : store_remove(&c, &second));
		r = -e->code;
	} else if (!o->detach) {
		r = wait_end(&k, signals, e);
	}
	fd_close(&k.console);
	fd_close(&k.pidfd);
	return r;
}

static int restore_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct restore_opts *o = opts;
	struct bundle_plan b;
	int r = bundle_plan(ctx, &o->common, argv[0], false, &b, e);

	(void)argc;
	if (r == 0)
		r = bundle_check_terminal(&o->common, b.plan, o->detach, e);
	if (r == 0)
		r = criu_check_config(b.config, argv[0], "restore", e);
	return r < 0 ? r : restore(ctx, o, &b, argv[0], e);
}

const struct command command_restore = {
	.name = "restore",
	.operands = "ID",
	.help = "make a container from the images of a checkpoint, by criu",
	.run = restore_run,
	.options = restore_options,
	.opts_size = sizeof(struct restore_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

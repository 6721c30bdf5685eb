/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr sandbox: a command that sees the system read-only and its own directory, without a bundle. Generates
 * a configuration and hands it to what `ctr run` does; sets nothing up itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "bundle.h"
#include "host_attach.h"
#include "probe.h"
#include "sandbox.h"

#define S(kind, member) OPT_##kind, offsetof(struct sandbox_opts, member)
static const struct opt sandbox_options[] = {
	{ "rw", 0, S(LIST, rw), "PATH", "PATH is visible and writable" },
	{ "ro", 0, S(LIST, ro), "PATH", "PATH is visible, read-only (also inside a writable one)" },
	{ "bind", 0, S(LIST, bind), "SRC:DST[:OPT,...]", "SRC is visible at DST; OPT: ro, noexec, ..." },
	{ "tmpfs", 0, S(LIST, tmpfs), "PATH", "an empty directory in memory" },
	{ "overlay", 0, S(FLAG, overlay), NULL, "changes to the current directory are kept apart (diff, apply, discard)" },
	{ "overlay-root", 0, S(FLAG, overlay_root), NULL, "the root is writable, and its changes are kept apart" },
	{ "root", 0, S(STRING, root), "DIR[:TAG]", "the root: a directory, a bundle or an OCI image layout" },
	{ "device", 0, S(LIST, device), "PATH", "a device of the host" },
	{ "gui", 0, S(FLAG, gui), NULL, "the display (Wayland or X11) and the fonts" },
	{ "env", 'e', S(LIST, env), "NAME[=VALUE]", "set a variable, or take the caller's" },
	{ "workdir", 'w', S(STRING, workdir), "DIR", "where the command starts (default: the current directory)" },
	{ "user", 'u', S(STRING, user), "root|UID[:GID]", "who the caller is inside (default: himself)" },
	{ "net", 0, S(STRING, net), "none|host|pasta", "network (default: none)" },
	{ "publish", 'p', S(LIST, publish), "HOST:INSIDE[/udp]", "with --net pasta: connections from outside" },
	{ "memory", 'm', S(STRING, memory), "SIZE", "limit of memory, such as 512m" },
	{ "cpus", 0, S(STRING, cpus), "N", "limit of processor time, such as 1.5" },
	{ "pids", 0, S(STRING, pids), "N", "limit of processes and threads" },
	{ "seccomp", 0, S(STRING, seccomp), "FILE|default|off", "filter of system calls (default: default)" },
	{ "landlock", 0, S(FLAG_OFF, no_landlock), NULL, "do not rule the paths by Landlock too" },
	{ "init", 0, S(FLAG_OFF, no_init), NULL, "the command itself is pid 1" },
	{ "vm", 0, S(FLAG, vm), NULL, "in a micro-VM, with a kernel of its own" },
	{ "profile", 0, S(LIST, profile), "NAME", "more options, from ~/.config/ctr or /etc/ctr/NAME.sandbox" },
	{ "name", 0, S(STRING, name), "NAME", "for exec, kill, delete and other commands, and of the kept changes" },
	{ "detach", 'd', S(FLAG, detach), NULL, "do not wait; prints the name where none is given" },
	{ "save", 0, S(STRING, save), "FILE", "write the configuration to FILE, for a bundle with an empty rootfs" },
	{ "explain", 0, S(FLAG, explain), NULL, "say what the command could see, write and reach; start nothing" },
	{ "", 0, S(FLAG, dashes), NULL, NULL },
	{ "dry-run", 0, S(FLAG, dry_run), NULL, "print the plan as JSON and start nothing" },
	OPT_END,
};

static int save(const char *file, const struct strbuf *b, struct err *e)
{
	auto_close int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return err_sys(e, errno, "create %s", file);
	int r = fd_write_all(fd, b->p, b->n);
	return r < 0 ? err_sys(e, r, "write %s", file) : 0;
}

/* The usual reason has an answer that the kernel's error does not give: what is in the way, and how to lift it. */
static int explain_failure(struct err *e)
{
	struct probe p;
	struct err ignored;
	const struct probe_check *c = probe_run(&p, NULL, &ignored) < 0 ? NULL : probe_find(&p, "userns");

	if (!c || c->answer != PROBE_NO)
		return -e->code;
	return err_set(e, e->code, "sandbox: no user namespaces here: %s%s%s", c->value, c->advice[0] ? ": " : "", c->advice);
}

/* A sandbox and its files, from the options to the end. */
struct sandbox {
	const struct sandbox_opts *o;
	struct sandbox_root root;
	const char *id, *layers;
	int layers_fd; /* holds their lock */
};

static int wait_end(struct ctx *ctx, struct container *c, const struct created *created, struct err *e)
{
	const struct attach a = { .pidfd = created->pidfd, .signals = created->signals, .console = created->console };
	int r = host_attach(&a, e);
	int d = r < 0 ? 0 : host_destroy(ctx, c, -1, e);

	return d < 0 ? d : r;
}

/* In the background nobody reads or writes; ours come back when the program has those it keeps. */
struct streams { int saved[3]; };

static int streams_away(struct streams *s, struct err *e)
{
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return err_sys(e, errno, "open /dev/null");
	for (int i = 0; i < 3; i++) {
		s->saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (s->saved[i] < 0 || dup2(null, i) < 0)
			return err_sys(e, errno, "duplicate descriptor %d", i);
	}
	return 0;
}

static void streams_back(struct streams *s)
{
	for (int i = 0; i < 3; i++)
		if (s->saved[i] >= 0) {
			(void)dup2(s->saved[i], i);
			fd_close(&s->saved[i]);
		}
}

static int run_it(struct ctx *ctx, const struct sandbox *s, const struct bundle_opts *o, const struct bundle_plan *b,
		  struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	struct created created = CREATED_NONE;
	struct streams streams = { { -EBADF, -EBADF, -EBADF } };
	auto_strbuf struct strbuf name = { 0 };
	int r = s->o->detach ? streams_away(&streams, e) : 0;

	if (r == 0) {
		r = bundle_create(ctx, o, b, &c, &created, e);
		if (r < 0)
			r = explain_failure(e);
	}
	if (r == 0 && !s->o->detach)
		host_window_size(created.console);
	if (r == 0)
		r = host_start(ctx, &c, created.sync, e);
	streams_back(&streams);
	if (r == 0 && !s->o->detach) {
		r = wait_end(ctx, &c, &created, e);
	} else if (r == 0 && !s->o->name) {
		strbuf_printf(&name, "%s\n", s->id);
		r = print_out(&name, e);
	}
	created_done(&created);
	return r;
}

static int show_or_run(struct ctx *ctx, const struct sandbox *s, const struct bundle_opts *common, struct err *e)
{
	auto_strbuf struct strbuf words = { 0 };
	struct bundle_plan plan;
	int r = bundle_plan(ctx, common, s->id, false, &plan, e);

	if (r < 0)
		return r;
	if (s->o->dry_run)
		return bundle_print(plan.plan, e);
	if (!s->o->explain)
		return run_it(ctx, s, common, &plan, e);
	sandbox_explain(&words, plan.plan);
	return print_out(&words, e);
}

static int from_config(struct ctx *ctx, const struct sandbox *s, char **args, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	const struct sandbox_opts *o = s->o;
	struct sandbox_root root = s->root;

	/* A saved one stands in its bundle, where the host's view has an empty directory for a root. */
	if (o->save && root.host)
		root.path = "rootfs";
	int r = sandbox_config(&b, &ctx->arena, o, &root, s->layers, args, e);
	if (r < 0)
		return r;
	if (o->save)
		return save(o->save, &b, e);
	auto_close int fd = fd_memory("ctr-sandbox", b.p, b.n);
	if (fd < 0)
		return err_sys(e, fd, "hold the configuration");
	const struct bundle_opts common = {
		.bundle = s->root.path,
		.config = arena_printf(&ctx->arena, "/proc/self/fd/%d", fd),
		.init = !o->no_init,
		.open_to_hooks = o->net && str_eq(o->net, "pasta"),
		.die_with_caller = !o->detach,
		.dry_run = o->dry_run || o->explain,
	};
	return common.config ? show_or_run(ctx, s, &common, e) : err_nomem(e);
}

/*
 * Where there is no session (ssh without systemd, a container), nobody made the directory of the user's run-time
 * files: the state then lies in a directory of the user's own, which store.c takes only when it belongs to him.
 */
static const char *own_state(struct ctx *ctx)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	const char *usual = arena_printf(&ctx->arena, "/run/user/%u", geteuid());

	if (ctx->root || (xdg && *xdg) || geteuid() == 0 || !usual || access(usual, W_OK) == 0)
		return ctx->root;
	return arena_printf(&ctx->arena, "/tmp/ctr-%u", geteuid());
}

/* What a sandbox whose ctr was killed left in the state directory goes with the next one. */
static void sweep_one(struct ctx *ctx, const char *id)
{
	auto_container struct container c = CONTAINER_NONE;
	enum status status = STATUS_CREATING;
	struct err ignored;

	if (store_load(ctx, id, &c, &ignored) == 0 && container_status(&c, &status, NULL, &ignored) == 0 &&
	    status == STATUS_STOPPED)
		best_effort(host_destroy(ctx, &c, -1, &ignored));
}

static int sweep(struct ctx *ctx, struct err *e)
{
	struct strv ids;
	int r = store_ids(ctx, &ids, e);

	for (size_t i = 0; r == 0 && i < ids.n; i++)
		if (str_starts(ids.v[i], "sandbox-"))
			sweep_one(ctx, ids.v[i]);
	return r;
}

/* ---- the kept changes ------------------------------------------------------------------------------------------- */

static int show_changes(const char *layers, int fd, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	int r = layers_diff(&b, fd, e);

	(void)layers;
	return r < 0 ? r : print_out(&b, e);
}

static int apply_changes(const char *layers, int fd, struct err *e)
{
	int r = layers_apply(fd, e);

	return r < 0 ? r : layers_discard(layers, fd, e);
}

/* Words in the place of a command; `--` before them makes them a command's name. */
static const struct {
	const char *name;
	int (*run)(const char *layers, int layers_fd, struct err *e);
} subcommands[] = {
	{ "diff", show_changes },
	{ "apply", apply_changes },
	{ "discard", layers_discard },
};

/* -1: none of them. */
static int subcommand(int argc, char **argv)
{
	for (size_t i = 0; argc > 0 && i < ARRAY_SIZE(subcommands); i++)
		if (str_eq(argv[0], subcommands[i].name))
			return (int)i;
	return -1;
}

static int run_subcommand(struct ctx *ctx, const struct sandbox_opts *o, int which, int argc, struct err *e)
{
	const char *name = subcommands[which].name, *layers;
	auto_close int fd = -EBADF;

	if (argc > 1)
		return err_bad(e, "sandbox %s takes no operand: to run a program of this name write: ctr sandbox -- %s", name, name);
	int r = layers_path(&ctx->arena, o->name, &layers, e);
	if (r == 0)
		r = layers_lock(layers, false, &fd, e);
	return r < 0 ? r : subcommands[which].run(layers, fd, e);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

/* The command, else that of the bundle or image, else a shell. */
static int choose_args(struct ctx *ctx, const struct sandbox_root *root, int argc, char **argv, char ***ret, struct err *e)
{
	size_t n = argc ? (size_t)argc : root->args.n;
	char **args = arena_array(&ctx->arena, n + 2, sizeof(*args));
	const char *shell = getenv("SHELL");

	if (!args)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		args[i] = argc ? argv[i] : root->args.v[i];
	if (!n)
		args[0] = arena_strdup(&ctx->arena, root->host && shell && shell[0] == '/' ? shell : "/bin/sh");
	*ret = args;
	return args[0] ? 0 : err_nomem(e);
}

static bool has_limits(const struct sandbox_opts *o)
{
	return o->memory || o->cpus || o->pids;
}

/*
 * Limits need a cgroup: of one's own below a delegated one, else from the user's systemd. Without limits an
 * ordinary user's sandbox needs none.
 */
static int choose_manager(struct ctx *ctx, const struct sandbox_opts *o, struct err *e)
{
	struct cgroup_facts f;
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (!has_limits(o) || ctx->cgroup_manager || ctx->systemd_cgroup)
		return 0;
	int r = cgroup_detect(cgroup_caller_is_privileged(), &f, e);
	if (r < 0 || f.root_writable || f.child_writable || f.sibling_writable)
		return r;
	const char *bus = run ? arena_printf(&ctx->arena, "%s/systemd/private", run) : NULL;
	if (!bus || access(bus, F_OK) < 0)
		return err_set(e, EPERM, "sandbox: no cgroup for --memory, --cpus and --pids: neither is one delegated to you, nor "
					 "is there a systemd of yours (log in with a session, or: loginctl enable-linger)");
	ctx->cgroup_manager = "systemd";
	return 0;
}

static int prepare(struct ctx *ctx, struct sandbox *s, struct err *e)
{
	const struct sandbox_opts *o = s->o;
	int r = 0;

	if (o->detach && (o->overlay || o->overlay_root))
		return err_bad(e, "--detach: not with --overlay: nobody would keep others from its changes");
	if (o->vm && (!ctx->isolation || str_eq(ctx->isolation, "namespaces")))
		ctx->isolation = "vm";
	ctx->root = own_state(ctx);
	s->id = o->name ? o->name : arena_printf(&ctx->arena, "sandbox-%d", getpid());
	if (!s->id)
		return err_nomem(e);
	r = choose_manager(ctx, o, e);
	if (r == 0 && o->root)
		r = sandbox_root_find(&ctx->arena, o->root, &s->root, e);
	else if (r == 0)
		r = store_empty_dir(ctx, &s->root.path, e);
	s->root.host = !o->root;
	if (r == 0 && (o->overlay || o->overlay_root))
		r = layers_path(&ctx->arena, o->name, &s->layers, e);
	if (r == 0 && s->layers)
		r = layers_lock(s->layers, true, &s->layers_fd, e);
	return r;
}

static int sandbox_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	struct sandbox_opts o = *(const struct sandbox_opts *)opts;
	struct sandbox s = { .o = &o, .layers_fd = -EBADF };
	int which = o.dashes ? -1 : subcommand(argc, argv);
	char **args = NULL;

	if (which >= 0)
		return run_subcommand(ctx, &o, which, argc, e);
	int r = sandbox_profiles(&ctx->arena, sandbox_options, &o, e);
	if (r == 0)
		r = prepare(ctx, &s, e);
	if (r == 0)
		r = choose_args(ctx, &s.root, argc, argv, &args, e);
	if (r == 0)
		r = sweep(ctx, e);
	if (r == 0)
		r = from_config(ctx, &s, args, e);
	fd_close(&s.layers_fd);
	return r;
}

const struct command command_sandbox = {
	.name = "sandbox",
	.operands = "[[--] COMMAND [ARG...]]",
	.help = "run a command that sees the system read-only and writes only to the current directory",
	.run = sandbox_run,
	.options = sandbox_options,
	.opts_size = sizeof(struct sandbox_opts),
	.order = OPT_UNTIL_OPERANDS,
	.min_operands = 0,
	.max_operands = -1,
	.details = "Private /tmp, /dev and /proc, an empty home, a clean environment, no network, no capability,\n"
		   "the default filter of system calls. The exit status is the command's, as with run.\n"
		   "Without a COMMAND: your shell, whose prompt says where it is.\n"
		   "What is written outside of the named directories is gone afterwards.\n"
		   "\n"
		   "  ctr sandbox diff      what sandboxes with --overlay changed here (or, with --name, under that name)\n"
		   "  ctr sandbox apply     make these changes\n"
		   "  ctr sandbox discard   forget them\n",
};

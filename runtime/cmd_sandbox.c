/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr sandbox: a command that sees the system read-only and its own directory, without a bundle. Generates
 * a configuration and hands it to what `ctr run` does; sets nothing up itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "bundle.h"
#include "host_attach.h"
#include "probe.h"
#include "sandbox_config.h"

#define S(kind, member) OPT_##kind, offsetof(struct sandbox_opts, member)
static const struct opt sandbox_options[] = {
	{ "rw", 0, S(LIST, rw), "PATH", "PATH is visible and writable" },
	{ "ro", 0, S(LIST, ro), "PATH", "PATH is visible, read-only (also inside a writable one)" },
	{ "tmpfs", 0, S(LIST, tmpfs), "PATH", "an empty directory in memory" },
	{ "env", 'e', S(LIST, env), "NAME[=VALUE]", "set a variable, or take the caller's" },
	{ "workdir", 'w', S(STRING, workdir), "DIR", "where the command starts (default: the current directory)" },
	{ "net", 0, S(STRING, net), "none|host", "network (default: none)" },
	{ "seccomp", 0, S(STRING, seccomp), "default|off", "filter of system calls (default: default)" },
	{ "vm", 0, S(FLAG, vm), NULL, "in a micro-VM, with a kernel of its own" },
	{ "save", 0, S(STRING, save), "FILE", "write the configuration to FILE, for a bundle with an empty rootfs" },
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
static int explain(struct err *e)
{
	struct probe p;
	struct err ignored;
	const struct probe_check *c = probe_run(&p, NULL, &ignored) < 0 ? NULL : probe_find(&p, "userns");

	if (!c || c->answer != PROBE_NO)
		return -e->code;
	return err_set(e, e->code, "sandbox: no user namespaces here: %s%s%s", c->value, c->advice[0] ? ": " : "", c->advice);
}

static int run_it(struct ctx *ctx, const struct bundle_opts *o, const struct bundle_plan *b, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	struct created created = CREATED_NONE;
	int r = bundle_create(ctx, o, b, &c, &created, e);

	if (r < 0)
		r = explain(e);
	if (r == 0)
		host_window_size(created.console);
	if (r == 0)
		r = host_start(ctx, &c, created.sync, e);
	if (r == 0) {
		const struct attach a = { .pidfd = created.pidfd, .signals = created.signals, .console = created.console };
		r = host_attach(&a, e);
		if (r >= 0) {
			int d = host_destroy(ctx, &c, -1, e);
			r = d < 0 ? d : r;
		}
	}
	created_done(&created);
	return r;
}

static int in_directory(struct ctx *ctx, const struct sandbox_opts *o, const char *dir, char **argv, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	struct bundle_plan plan;
	int r = sandbox_config(&b, o, o->save ? "rootfs" : dir, argv, e);

	if (r < 0)
		return r;
	if (o->save)
		return save(o->save, &b, e);
	auto_close int fd = fd_memory("ctr-sandbox", b.p, b.n);
	if (fd < 0)
		return err_sys(e, fd, "hold the configuration");
	const struct bundle_opts common = {
		.bundle = dir,
		.config = arena_printf(&ctx->arena, "/proc/self/fd/%d", fd),
		.overlay = "tmpfs",
		.init = true,
		.dry_run = o->dry_run,
	};
	const char *id = arena_printf(&ctx->arena, "sandbox-%d", getpid());
	if (!common.config || !id)
		return err_nomem(e);
	r = bundle_plan(ctx, &common, id, false, &plan, e);
	if (r == 0)
		r = o->dry_run ? bundle_print(plan.plan, e) : run_it(ctx, &common, &plan, e);
	return r;
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
static int sweep(const char *id, void *arg, struct err *e)
{
	struct ctx *ctx = arg;
	auto_container struct container c = CONTAINER_NONE;
	enum status status = STATUS_CREATING;
	struct err ignored;

	(void)e;
	if (str_starts(id, "sandbox-") && store_load(ctx, id, &c, &ignored) == 0 &&
	    container_status(&c, &status, NULL, &ignored) == 0 && status == STATUS_STOPPED)
		best_effort(host_destroy(ctx, &c, -1, &ignored));
	return 0;
}

static int sandbox_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	char **args = arena_array(&ctx->arena, (size_t)argc + 2, sizeof(*args));
	const struct sandbox_opts *o = opts;
	const char *root = NULL, *shell = getenv("SHELL");

	if (!args)
		return err_nomem(e);
	for (int i = 0; i < argc; i++)
		args[i] = argv[i];
	if (argc == 0)
		args[0] = arena_strdup(&ctx->arena, shell && shell[0] == '/' ? shell : "/bin/sh");
	if (!args[0])
		return err_nomem(e);
	if (o->vm && (!ctx->isolation || str_eq(ctx->isolation, "namespaces")))
		ctx->isolation = "vm";
	ctx->root = own_state(ctx);
	int r = store_empty_dir(ctx, &root, e);
	if (r == 0)
		r = store_list(ctx, sweep, ctx, e);
	return r < 0 ? r : in_directory(ctx, opts, root, args, e);
}

const struct command command_sandbox = {
	.name = "sandbox",
	.operands = "[COMMAND [ARG...]]",
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
		   "What is written outside of the named directories is gone afterwards.\n",
};

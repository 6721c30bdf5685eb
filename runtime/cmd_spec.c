/* SPDX-License-Identifier: Apache-2.0 */
/* ctr spec: a configuration to start from; and the check of one that exists. Needs no privilege. */
#include "../oci/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../oci/config.h"
#include "base/fd.h"
#include "base/util.h"
#include "ctx.h"

#define CONFIG_MAX ((size_t)16 << 20)

struct spec_opts {
	const char *bundle, *check;
	bool rootless;
};

static const struct opt spec_options[] = {
	{ "bundle", 'b', OPT_STRING, offsetof(struct spec_opts, bundle), "DIR", "where config.json goes (default: .)" },
	{ "rootless", 0, OPT_FLAG, offsetof(struct spec_opts, rootless), NULL, "one that an ordinary user can run" },
	{ "check", 0, OPT_STRING, offsetof(struct spec_opts, check), "FILE", "report every error of FILE instead" },
	OPT_END,
};

static void report(void *arg, const char *line)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", line);
}

static int check(struct ctx *ctx, const char *file, struct err *e)
{
	char *text;
	size_t n;
	int r = file_read(&ctx->arena, AT_FDCWD, file, CONFIG_MAX, &text, &n, e);

	if (r == 0)
		r = config_check(&ctx->arena, file, text, n, report, NULL, e);
	return r < 0 ? r : r > 0;
}

static int spec_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct spec_opts *o = opts;
	auto_strbuf struct strbuf b = { 0 };

	(void)argc;
	(void)argv;
	if (o->check)
		return check(ctx, o->check, e);
	const char *path = arena_printf(&ctx->arena, "%s/config.json", o->bundle ? o->bundle : ".");
	spec_print(&b, o->rootless, geteuid(), getegid());
	if (!path || b.failed)
		return err_nomem(e);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_sys(e, errno, "create %s", path);
	int r = fd_write_all(fd, b.p, b.n);
	return r < 0 ? err_sys(e, r, "write %s", path) : 0;
}

const struct command command_spec = {
	.name = "spec",
	.operands = "",
	.help = "write a config.json to start from, or check one",
	.run = spec_run,
	.options = spec_options,
	.opts_size = sizeof(struct spec_opts),
	.order = OPT_MIXED,
	.min_operands = 0,
	.max_operands = 0,
	.details = "--check prints one line per error (FILE:LINE:COLUMN: PATH: what is wrong) and exits with 1\n"
		   "when there was one.\n",
};

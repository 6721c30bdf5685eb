/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry: normalises what the caller left behind, parses the global options, finds the command in the
 * table, and is the one place that reports an error (stderr, and the log file in the format engines read).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../cgroup/cgroup.h"
#include "base/fd.h"
#include "base/util.h"
#include "store.h"
#include "vm.h"

#ifndef CTR_COMMIT
#define CTR_COMMIT "unknown"
#endif

static const struct command *const commands[] = {
#define X(name) &command_##name,
	COMMANDS(X)
#undef X
};

#define G(kind, name) OPT_##kind, offsetof(struct ctx, name)
const struct opt global_options[] = {
	{ "root", 0, G(STRING, root), "DIR", "directory of the containers' state" },
	{ "log", 0, G(STRING, log), "FILE", "append errors to FILE" },
	{ "log-format", 0, G(STRING, log_format), "FORMAT", "text (default) or json" },
	{ "log-level", 0, G(STRING, log_level), "LEVEL", NULL },
	{ "debug", 0, G(FLAG, debug), NULL, "say what is decided and done: to the log, or without one to standard error" },
	{ "systemd-cgroup", 's', G(FLAG, systemd_cgroup), NULL, "place containers in systemd scopes" },
	{ "cgroup-manager", 0, G(STRING, cgroup_manager), "NAME", "cgroupfs (default), systemd or disabled" },
	{ "rootless", 0, G(STRING, rootless), "WORD", "auto, true or false; accepted from engines: what is needed is found out" },
	{ "isolation", 0, G(STRING, isolation), "WORD", "namespaces (default), vm, or vm,emulate: a kernel of its own" },
	{ "version", 'v', G(FLAG, version), NULL, "print the version" },
	OPT_END,
};

/* ---- log ------------------------------------------------------------------------------------------------ */

static void rfc3339(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	char day[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf, size, "%s.%09ldZ", day, now.tv_nsec);
}

/* One write per record: engines share the file between processes. */
static void log_record(const struct ctx *ctx, const char *level, const char *text, const char *code)
{
	auto_strbuf struct strbuf b = { 0 };
	char when[64];

	if (!ctx->log)
		return;
	auto_close int fd = open(ctx->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
	if (fd < 0)
		return;
	rfc3339(when, sizeof(when));
	if (ctx->log_format && str_eq(ctx->log_format, "json")) {
		strbuf_printf(&b, "{\"level\":\"%s\",\"msg\":", level);
		strbuf_json(&b, text);
		if (code)
			strbuf_printf(&b, ",\"code\":\"%s\"", code);
		strbuf_printf(&b, ",\"time\":\"%s\"}\n", when);
	} else {
		strbuf_printf(&b, "%s %s: %s\n", when, level, text);
	}
	if (!b.failed && fd_write_all(fd, b.p, b.n) < 0)
		return; /* nobody is left to tell: the text still goes to stderr */
}

void ctx_warn(struct ctx *ctx, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	struct err line;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(&line, 0, "%s", text); /* one line, whatever names it quotes */
	/* Engines read the JSON log as one document, or take its last error: a warning there hides it. */
	if (!ctx->log_format || !str_eq(ctx->log_format, "json"))
		log_record(ctx, "warning", line.text, NULL);
	if (ctx->debug)
		(void)fprintf(stderr, "ctr: warning: %s\n", line.text);
}

/* One line of --debug. Where the log is, as engines expect: with one, standard error is left to errors and warnings. */
static void debug_line(void *who, const char *text)
{
	const struct ctx *ctx = who;
	struct err line;

	(void)err_set(&line, 0, "%s", text);
	if (ctx->log)
		log_record(ctx, "debug", line.text, NULL);
	else
		(void)fprintf(stderr, "ctr: debug: %s\n", line.text);
}

/* ---- help ------------------------------------------------------------------------------------------------- */

static int help_global(struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	strbuf_puts(&b, "usage: ctr [options] command [options] [operands]\n\n"
			"Runs OCI bundles: config.json to an exit status.\n\noptions:\n");
	opt_help(&b, global_options);
	strbuf_puts(&b, "\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (*commands[i]->help)
			strbuf_printf(&b, "  %-12s %s\n", commands[i]->name, commands[i]->help);
	strbuf_puts(&b, "\n`ctr COMMAND --help` explains one command.\n");
	return print_out(&b, e);
}

static int help_command(const struct command *c, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	strbuf_printf(&b, "usage: ctr [options] %s [options]%s%s\n\n%s\n", c->name, *c->operands ? " " : "",
		      c->operands, c->help);
	if (c->options && c->options[0].name) {
		strbuf_puts(&b, "\noptions:\n");
		opt_help(&b, c->options);
	}
	if (c->details)
		strbuf_printf(&b, "\n%s", c->details);
	return print_out(&b, e);
}

/* Only the first line may hold the word "version": dockerd overwrites what it knows with each such line. */
static int print_version(struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	strbuf_puts(&b, "ctr version " CTR_VERSION "\ncommit: " CTR_COMMIT "\nspec: 1.3.0\n");
	return print_out(&b, e);
}

/* ---- dispatch ----------------------------------------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (str_eq(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int run_command(struct ctx *ctx, const struct command *c, int argc, char **argv, struct err *e)
{
	bool help = false;
	int n;
	void *opts = arena_alloc(&ctx->arena, c->opts_size ? c->opts_size : 1);

	if (!opts)
		return err_nomem(e);
	int r = opt_parse(&ctx->arena, c->options, opts, c->order, MAX(c->min_operands, 1), argc, argv, &n, &help, e);
	if (r < 0)
		return r;
	if (help)
		return help_command(c, e);
	if (n < c->min_operands)
		return err_bad(e, "%s: \"%s\" requires %s: usage: ctr %s [options] %s", c->name, c->name,
			       c->operands, c->name, c->operands);
	if (c->max_operands >= 0 && n > c->max_operands)
		return err_bad(e, "%s: unexpected operand \"%s\"", c->name, argv[c->max_operands]);
	if (ctx->debug)
		ctx->trace = trace_talk(&ctx->arena, debug_line, ctx);
	return c->run(ctx, opts, n, argv, e);
}

/* The name we are called by can only raise it. */
static int check_isolation(struct ctx *ctx, struct err *e)
{
	struct isolation_choice choice = { 0 };
	const char *slash = strrchr(ctx->program, '/');
	int r = ctx->isolation ? isolation_parse("--isolation", ctx->isolation, &choice, e) : 0;

	if (choice.kind == ISOLATION_NAMESPACES && str_eq(slash ? slash + 1 : ctx->program, "ctr-vm"))
		ctx->isolation = "vm";
	return r;
}

static int check_log(const struct ctx *ctx, struct err *e)
{
	if (!ctx->log)
		return 0;
	auto_close int fd = open(ctx->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
	return fd >= 0 ? 0 : err_set(e, errno, "open log %s: %s", ctx->log, errno == ENOENT ? "missing directory" : err_text(errno));
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && !str_eq(word, *words))
		words++;
	return *words != NULL;
}

static int check_globals(struct ctx *ctx, struct err *e)
{
	static const char *const rootless[] = { "auto", "true", "false", NULL };
	static const char *const managers[] = { "cgroupfs", "systemd", "disabled", NULL };

	if (ctx->rootless && !is_one_of(ctx->rootless, rootless))
		return err_bad(e, "invalid --rootless \"%s\": must be auto, true or false", ctx->rootless);
	if (ctx->cgroup_manager && !is_one_of(ctx->cgroup_manager, managers))
		return err_bad(e, "invalid --cgroup-manager \"%s\": must be cgroupfs, systemd or disabled",
			       ctx->cgroup_manager);
	if (ctx->root && !*ctx->root)
		return err_bad(e, "invalid --root \"\": empty");
	if (ctx->log_format && !str_eq(ctx->log_format, "text") && !str_eq(ctx->log_format, "json"))
		return err_bad(e, "invalid --log-format \"%s\": must be text or json", ctx->log_format);
	if (ctx->root && str_eq(ctx->root, "/"))
		return err_bad(e, "invalid --root \"/\"");
	if (ctx->log && str_starts(ctx->log, "file:"))
		ctx->log += strlen("file:");
	/* conmon-rs asks for journal or syslog: what is written there it gets from standard error as well. */
	if (ctx->log && (str_starts(ctx->log, "journald:") || str_starts(ctx->log, "syslog:")))
		ctx->log = NULL;
	int r = check_isolation(ctx, e);
	return r < 0 ? r : check_log(ctx, e);
}

static int dispatch(struct ctx *ctx, int argc, char **argv, struct err *e)
{
	bool help = false, asked;
	int n, r;

	r = opt_parse(&ctx->arena, global_options, ctx, OPT_UNTIL_COMMAND, 1, argc - 1, argv + 1, &n, &help, e);
	if (r < 0)
		return r;
	r = check_globals(ctx, e);
	if (r < 0)
		return r;
	if (ctx->version)
		return print_version(e);
	asked = n > 0 && str_eq(argv[1], "help"); /* "help COMMAND" is "COMMAND --help" */
	if (help || n == 0 || (asked && n == 1))
		return help_global(e) < 0 ? -e->code : n == 0 && !help;
	const struct command *c = find_command(argv[asked ? 2 : 1]);
	if (!c)
		return err_bad(e, "unknown command \"%s\": `ctr --help` lists them", argv[asked ? 2 : 1]);
	if (asked)
		return help_command(c, e);
	return run_command(ctx, c, n - 1, argv + 2, e);
}

/*
 * The program could not be entered: what a shell would answer. Engines that hand our status on to their
 * user (streaming exec, builds) want 127 and 126; everything else is 1.
 */
static int exit_status(const struct err *e, const char *command)
{
	/* Wrong options of the command exec start with its name too. */
	bool program = str_starts(e->text, "exec: ") && e->code != EINVAL;

	if (command && (str_eq(command, "exec") || str_eq(command, "run") || str_eq(command, "sandbox"))) {
		if (program && e->code == ENOENT)
			return 127;
		if (program)
			return 126;
		return str_eq(command, "exec") ? 255 : 1;
	}
	return 1;
}

/* Whatever the command did is done: that nobody can read how long it took does not undo it. */
static void write_trace(const struct ctx *ctx, const char *failure)
{
	struct err e;

	if (trace_write(ctx->trace, CTR_VERSION, failure, &e) < 0) {
		log_record(ctx, "warning", e.text, NULL);
		(void)fprintf(stderr, "ctr: %s\n", e.text);
	}
}

/* From the command line to the exit status; also in the children of a micro-VM's agent, which are not executed. */
static int run(const struct vm_role *role, int argc, char **argv)
{
	struct ctx ctx = { .program = argc > 0 && argv[0] ? argv[0] : "ctr",
			   .init_image = role->init_image,
			   .process = role->process,
			   .ahead = role->ahead };
	struct err e = { 0 };
	int r = arena_init(&ctx.arena, 0, &e);

	if (r == 0)
		r = dispatch(&ctx, MAX(argc, 1), argv, &e);
	if (ctx.trace && ctx.trace->file)
		write_trace(&ctx, r < 0 ? e.text : NULL);
	if (r < 0) {
		log_record(&ctx, "error", e.text, err_name(e.code));
		(void)fprintf(stderr, "ctr: %s\n", e.text);
		r = exit_status(&e, argc > 1 ? argv[1] : NULL);
	}
	store_forget(&ctx);
	cgroup_forget_root();
	/* The arena goes with the process: to take it apart first costs as much again. */
	return r;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	char *no_args[] = { NULL, NULL };

	if (argc < 1) {
		argc = 0;
		argv = no_args;
	}
	/* Engines may leave SIGPIPE ignored; a reader that went away must show as an error either way. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* A caller that ignores it would have the kernel reap our children before we see how they ended. */
	(void)signal(SIGCHLD, SIG_DFL);
	/* What we write we must be able to read: a mask takes nothing from the owner. */
	mode_t mask = umask(022);
	if (mask != 022)
		(void)umask(mask & 077);
	int r = fd_sanitize(&e);
	if (r == 0 && argc > 0 && str_eq(argv[0], "/init") && getpid() == 1)
		r = vm_agent(run, &e);
	else if (r == 0 && argc > 0 && str_eq(argv[0], VM_MODPROBE))
		return vm_modprobe(argc, argv, &e) < 0;
	if (r < 0) {
		(void)fprintf(stderr, "ctr: %s\n", e.text);
		return 1;
	}
	return run(&(const struct vm_role){ 0 }, argc, argv);
}

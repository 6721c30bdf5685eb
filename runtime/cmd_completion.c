/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr completion: what bash, zsh and fish need to complete command lines, printed from the tables that parse
 * them. Knows no option itself.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "ctx.h"

static const struct command *const all[] = {
#define X(name) &command_##name,
	COMMANDS(X)
#undef X
};

static bool takes_value(const struct opt *o)
{
	return o->arg != NULL;
}

static bool shown(const struct opt *o)
{
	return o->help && o->name[0];
}

static bool takes_id(const struct command *c)
{
	return str_starts(c->operands, "ID") || str_starts(c->operands, "[ID");
}

/* Text with a backslash before each of `special`. */
static void escaped(struct strbuf *b, const char *text, const char *special)
{
	for (const char *c = text; *c; c++)
		strbuf_printf(b, strchr(special, *c) ? "\\%c" : "%c", *c);
}

/* ---- bash ------------------------------------------------------------------------------------------------- */

static void bash_words(struct strbuf *b, const struct opt *rows)
{
	for (const struct opt *o = rows; o && o->name; o++)
		if (shown(o))
			strbuf_printf(b, "--%s ", o->name);
}

/* Options that are followed by a word of their own, as patterns of `case`. */
static void bash_with_value(struct strbuf *b, const struct opt *rows, const char *separator)
{
	for (const struct opt *o = rows; o && o->name; o++)
		if (shown(o) && takes_value(o)) {
			strbuf_printf(b, "%s--%s", separator, o->name);
			separator = " | ";
			if (o->letter)
				strbuf_printf(b, " | -%c", o->letter);
		}
}

static void bash(struct strbuf *b, const struct opt *global)
{
	strbuf_puts(b, "# bash completion for ctr: printed by `ctr completion bash`.\n"
		       "_ctr()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} command= options= ids= i\n"
		       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tcase ${COMP_WORDS[i]} in\n\t\t");
	bash_with_value(b, global, "");
	strbuf_puts(b, ") ((i++)) ;;\n\t\t-*) ;;\n\t\t*) command=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n"
		       "\tcase $command in\n\t'')\n\t\toptions=\"");
	bash_words(b, global);
	strbuf_puts(b, "\"\n\t\tids=\"");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (*all[i]->help)
			strbuf_printf(b, "%s ", all[i]->name);
	strbuf_puts(b, "\"\n\t\t;;\n");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!*all[i]->help)
			continue;
		strbuf_printf(b, "\t%s)\n\t\toptions=\"", all[i]->name);
		bash_words(b, all[i]->options);
		strbuf_puts(b, "--help\"\n");
		if (takes_id(all[i]))
			strbuf_puts(b, "\t\tids=$(ctr list --quiet 2>/dev/null)\n");
		strbuf_puts(b, "\t\t;;\n");
	}
	strbuf_puts(b, "\tesac\n\tif [[ $cur = -* ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
		       "\telif [ -n \"$ids\" ]; then\n\t\tCOMPREPLY=($(compgen -W \"$ids\" -- \"$cur\"))\n\tfi\n}\n"
		       "complete -o default -o bashdefault -F _ctr ctr\n");
}

/* ---- zsh -------------------------------------------------------------------------------------------------- */

/* Inside of single quotes, where only their end and what _arguments reads need care. */
static void zsh_text(struct strbuf *b, const char *text)
{
	for (const char *c = text; *c; c++)
		strbuf_printf(b, *c == '\'' ? "'\\''" : strchr("[]:\\", *c) ? "\\%c" : "%c", *c);
}

static void zsh_options(struct strbuf *b, const struct opt *rows, const char *indent)
{
	for (const struct opt *o = rows; o && o->name; o++) {
		if (!shown(o))
			continue;
		strbuf_printf(b, " \\\n%s'%s--%s%s[", indent, o->kind == OPT_LIST ? "*" : "", o->name, takes_value(o) ? "=" : "");
		zsh_text(b, o->help);
		strbuf_puts(b, "]");
		if (takes_value(o)) {
			strbuf_puts(b, ":");
			zsh_text(b, o->arg);
			strbuf_puts(b, ":_files");
		}
		strbuf_puts(b, "'");
	}
}

static void zsh(struct strbuf *b, const struct opt *global)
{
	strbuf_puts(b, "#compdef ctr\n# zsh completion for ctr: printed by `ctr completion zsh`.\n"
		       "_ctr_ids() { local -a ids; ids=(${(f)\"$(ctr list --quiet 2>/dev/null)\"}); _describe container ids }\n"
		       "_ctr()\n{\n\tlocal state line\n\tlocal -a commands\n\tcommands=(\n");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (*all[i]->help) {
			strbuf_printf(b, "\t\t'%s:", all[i]->name);
			zsh_text(b, all[i]->help);
			strbuf_puts(b, "'\n");
		}
	strbuf_puts(b, "\t)\n\t_arguments -C");
	zsh_options(b, global, "\t\t");
	strbuf_puts(b, " \\\n\t\t'1:command:->command' '*::arguments:->arguments'\n\tcase $state in\n"
		       "\tcommand) _describe command commands ;;\n\targuments)\n\t\tcase $line[1] in\n");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!*all[i]->help)
			continue;
		strbuf_printf(b, "\t\t%s) _arguments", all[i]->name);
		zsh_options(b, all[i]->options, "\t\t\t");
		strbuf_printf(b, " \\\n\t\t\t'--help[explain this command]' '%s' ;;\n",
			      takes_id(all[i]) ? "1:container:_ctr_ids" : "*::command:_normal");
	}
	strbuf_puts(b, "\t\tesac ;;\n\tesac\n}\n_ctr \"$@\"\n");
}

/* ---- fish ------------------------------------------------------------------------------------------------- */

static void fish_options(struct strbuf *b, const struct opt *rows, const char *condition)
{
	for (const struct opt *o = rows; o && o->name; o++) {
		if (!shown(o))
			continue;
		strbuf_printf(b, "complete -c ctr -n '%s' -l %s", condition, o->name);
		if (o->letter)
			strbuf_printf(b, " -s %c", o->letter);
		strbuf_printf(b, "%s -d '", takes_value(o) ? " -r" : "");
		escaped(b, o->help, "'\\");
		strbuf_puts(b, "'\n");
	}
}

static void fish(struct strbuf *b, const struct opt *global)
{
	strbuf_puts(b, "# fish completion for ctr: printed by `ctr completion fish`.\n");
	fish_options(b, global, "__fish_use_subcommand");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char condition[80];
		if (!*all[i]->help)
			continue;
		strbuf_printf(b, "complete -c ctr -f -n __fish_use_subcommand -a %s -d '", all[i]->name);
		escaped(b, all[i]->help, "'\\");
		strbuf_puts(b, "'\n");
		(void)snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %s", all[i]->name);
		fish_options(b, all[i]->options, condition);
		if (takes_id(all[i]))
			strbuf_printf(b, "complete -c ctr -f -n '%s' -a '(ctr list --quiet 2>/dev/null)'\n", condition);
	}
}

static const struct {
	const char *name;
	void (*print)(struct strbuf *b, const struct opt *global);
} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

static int completion_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	size_t i = 0;

	(void)ctx;
	(void)opts;
	(void)argc;
	while (i < ARRAY_SIZE(shells) && !str_eq(argv[0], shells[i].name))
		i++;
	if (i == ARRAY_SIZE(shells))
		return err_bad(e, "completion: no shell \"%s\": must be bash, zsh or fish", argv[0]);
	shells[i].print(&b, global_options);
	return print_out(&b, e);
}

static const struct opt no_options[] = { OPT_END };

const struct command command_completion = {
	.name = "completion",
	.operands = "bash|zsh|fish",
	.help = "print what a shell needs to complete command lines of ctr",
	.run = completion_run,
	.options = no_options,
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

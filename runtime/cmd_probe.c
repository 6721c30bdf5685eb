/* SPDX-License-Identifier: Apache-2.0 */
/* ctr probe: what this machine can run and what it runs inside of. Output and status only; see probe.h. */
#include "cmd_probe.h"

#include <stdio.h>

#include "base/fd.h"
#include "base/util.h"
#include "ctx.h"
#include "probe.h"

/* 0 when every name in the list is answered with yes, 1 when one is not, -EINVAL for a name of no check. */
static int require_check(const struct probe *p, const char *list, struct err *e)
{
	int result = 0;

	for (const char *s = list; *s;) {
		char name[32];
		size_t n = strcspn(s, ",");
		(void)snprintf(name, sizeof(name), "%.*s", (int)MIN(n, sizeof(name) - 1), s);
		const struct probe_check *c = probe_find(p, name);
		if (!c)
			return err_bad(e, "--require: no check is called %s", name);
		if (c->answer != PROBE_YES && result == 0) {
			result = 1;
			best_effort(err_set(e, ENOTSUP, "%s: %s%s%s", name, c->value, c->advice[0] ? "; " : "", c->advice));
		}
		s += n;
		s += *s == ',';
	}
	return result;
}

int cmd_probe_main(bool json, const char *require, struct strbuf *out, struct err *e)
{
	struct probe p;
	int status = 0;
	int r = probe_run(&p, NULL, e);

	if (r < 0)
		return r;
	if (require) {
		status = require_check(&p, require, e);
		if (status < 0)
			return status;
	}
	if (json)
		probe_print_json(&p, out);
	else if (!require)
		probe_print(&p, isatty(STDOUT_FILENO) == 1, out);
	return out->failed ? err_nomem(e) : status;
}

struct probe_opts {
	const char *require;
	bool json;
};

static const struct opt probe_options[] = {
	{ "json", 0, OPT_FLAG, offsetof(struct probe_opts, json), NULL, "print the report as JSON" },
	{ "require", 0, OPT_STRING, offsetof(struct probe_opts, require), "NAMES",
	  "only check these (kvm, userns, cgroup2, seccomp, ...): the status is 1 if one is missing" },
	OPT_END,
};

static int probe_command(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct probe_opts *o = opts;
	auto_strbuf struct strbuf b = { 0 };

	(void)ctx;
	(void)argc;
	(void)argv;
	int status = cmd_probe_main(o->json, o->require, &b, e);
	if (status < 0)
		return status;
	int r = print_out(&b, e);
	if (r < 0)
		return r;
	if (status != 0)
		(void)dprintf(STDERR_FILENO, "%s\n", e->text);
	return status;
}

const struct command command_probe = {
	.name = "probe",
	.operands = "",
	.help = "show what this machine can run and what it runs inside of",
	.run = probe_command,
	.options = probe_options,
	.opts_size = sizeof(struct probe_opts),
	.order = OPT_MIXED,
	.min_operands = 0,
	.max_operands = 0,
	.details = "The names that --require takes are the keys of \"checks\" in the JSON report, which\n"
		   "contrib/probe-schema.json describes. Needs no privilege and changes nothing.\n",
};

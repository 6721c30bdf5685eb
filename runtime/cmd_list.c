/* SPDX-License-Identifier: Apache-2.0 */
/* ctr list: every container of the state root. One that cannot be read is listed as such, not hidden. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "parts.h"
#include "store.h"

struct list_opts {
	const char *format;
	bool quiet;
};

static const struct opt list_options[] = {
	{ "format", 'f', OPT_STRING, offsetof(struct list_opts, format), "FORMAT", "table (default) or json" },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct list_opts, quiet), NULL, "ids only" },
	OPT_END,
};

struct listing {
	struct ctx *ctx;
	bool json;
	struct strv ids;
};

/* In JSON with a comma before each: only who has them all knows the first. */
static void list_row(const struct listing *l, const struct container *c, enum status status, struct strbuf *out)
{
	const struct state *s = c->state;
	int64_t pid = s && status != STATUS_STOPPED ? s->pid : 0;

	if (l->json) {
		strbuf_puts(out, ",");
		state_print_public(out, s, status_name(status), pid, 0);
	} else {
		strbuf_printf(out, "%-24s %-8lld %-9s %-30s %-30s %s\n", c->id, (long long)pid,
			      s ? status_name(status) : "damaged", s ? s->bundle : "-", s ? s->created : "-",
			      s && s->owner ? s->owner : "-");
	}
}

static int list_one(struct listing *l, const char *id, struct strbuf *out, struct err *e)
{
	auto_container struct container c = CONTAINER_NONE;
	enum status status;

	/* The arena grows by one record each: give it back, so that a thousand cost what one does. */
	size_t used = l->ctx->arena.used;
	int r = store_peek(l->ctx, id, &c, &status, e);
	if (r == -ENOENT)
		return 0; /* deleted meanwhile */
	/* Short of memory or descriptors we are ourselves, and a list without it would say that it is not there. */
	if (r == 0 && c.unread && (c.why.code == ENOMEM || c.why.code == EMFILE || c.why.code == ENFILE)) {
		*e = c.why;
		r = err_in(e, "container \"%s\"", id);
	}
	if (r == 0 && (c.state || !l->json))
		list_row(l, &c, status, out);
	arena_rewind(&l->ctx->arena, used);
	return r;
}

static int list_part(size_t from, size_t to, void *arg, struct strbuf *out, struct err *e)
{
	struct listing *l = arg;
	int r = 0;

	for (size_t i = from; r == 0 && i < to; i++)
		r = list_one(l, l->ids.v[i], out, e);
	return r;
}

static int print_ids(const struct strv *ids, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	for (size_t i = 0; i < ids->n; i++)
		strbuf_printf(&b, "%s\n", ids->v[i]);
	return print_out(&b, e);
}

static int list_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct list_opts *o = opts;
	auto_strbuf struct strbuf b = { 0 };
	struct listing l = { .ctx = ctx, .json = o->format && str_eq(o->format, "json") };

	(void)argc;
	(void)argv;
	if (o->format && !l.json && !str_eq(o->format, "table"))
		return err_bad(e, "invalid --format \"%s\": must be table or json", o->format);
	int r = store_ids(ctx, &l.ids, e);
	if (r < 0)
		return r;
	if (o->quiet)
		return print_ids(&l.ids, e);
	if (!l.json)
		strbuf_printf(&b, "%-24s %-8s %-9s %-30s %-30s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
	r = parts_write(l.ids.n, list_part, &l, &b, e);
	if (r < 0)
		return r;
	if (l.json) {
		strbuf_puts(&b, b.n ? "]\n" : "[]\n");
		if (!b.failed)
			b.p[0] = '[';
	}
	return print_out(&b, e);
}

const struct command command_list = {
	.name = "list",
	.operands = "",
	.help = "list containers",
	.run = list_run,
	.options = list_options,
	.opts_size = sizeof(struct list_opts),
	.order = OPT_MIXED,
	.min_operands = 0,
	.max_operands = 0,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace as a picture (SVG): a row for each span, or for several short ones of a kind in a row; bars on one time axis,
 * each with its name and time beside it. Reads only what trace.c writes: numbers are the nanoseconds in `args`.
 */
#include "trace.h"

#include <fcntl.h>
#include <string.h>

#include "../oci/json.h"
#include "base/fd.h"
#include "base/util.h"

/* ---- the document ----------------------------------------------------------------------------------------- */

struct drawn_args { const char *detail; int64_t start_ns, ns; };
struct drawn_event { const char *name, *ph; uint32_t tid; struct drawn_args *args; };
struct drawn_other { const char *command, *container, *version, *date, *kernel, *machine, *failure; };
struct drawn {
	struct drawn_other *other;
	struct { struct drawn_event *v; size_t n; } events;
};

static JSON_OBJ(drawn_args, J(drawn_args, "detail", STR, detail, 0), J(drawn_args, "start_ns", I64, start_ns, 0),
		J(drawn_args, "ns", I64, ns, 0));
static JSON_OBJ(drawn_event, J(drawn_event, "name", STR, name, JSON_REQUIRED), J(drawn_event, "ph", STR, ph, JSON_REQUIRED),
		J(drawn_event, "tid", U32, tid, 0), J_PTR(drawn_event, "args", args, drawn_args, 0));
static JSON_OBJ(drawn_other, J(drawn_other, "command", STR, command, JSON_REQUIRED),
		J(drawn_other, "container", STR, container, JSON_REQUIRED), J(drawn_other, "version", STR, version, 0),
		J(drawn_other, "date", STR, date, 0), J(drawn_other, "kernel", STR, kernel, 0),
		J(drawn_other, "machine", STR, machine, 0), J(drawn_other, "failure", STR, failure, 0));
static JSON_OBJ(drawn, J_PTR(drawn, "otherData", other, drawn_other, JSON_REQUIRED),
		J_OBJ_LIST(drawn, "traceEvents", events, drawn_event, JSON_REQUIRED));

#define FILE_MAX ((size_t)16 << 20)
/* Far above what any command takes, and nothing overflows. */
#define NS_MAX ((int64_t)1000000 * 1000000000)

static int load(struct arena *a, const char *file, const struct drawn **ret, struct err *e)
{
	void *parsed = NULL;
	char *text = NULL;
	size_t n = 0;
	int r = file_read(a, AT_FDCWD, file, FILE_MAX, &text, &n, e);

	if (r < 0)
		return r;
	r = json_parse(NULL, a, &drawn_json, file, text, n, &parsed, e);
	if (r < 0)
		return r;
	*ret = parsed;
	return 0;
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

#define ROW_MAX_SPANS 64

/* Spans first..first+n-1 of a lane, all of one name. */
struct row {
	const struct drawn_event *span[ROW_MAX_SPANS];
	size_t n;
	int64_t ns; /* of all */
};

static bool is_span(const struct drawn_event *ev)
{
	return strcmp(ev->ph, "X") == 0 && ev->args && ev->args->start_ns >= 0 && ev->args->ns >= 0 &&
	       ev->args->start_ns < NS_MAX && ev->args->ns < NS_MAX;
}

static int64_t end_of(const struct drawn_event *ev)
{
	return ev->args->start_ns + ev->args->ns;
}

/* The next row of the lane from event *at on; false: none is left. Spans that contain others stand alone. */
static bool next_row(const struct drawn *d, uint32_t lane, size_t *at, struct row *ret)
{
	*ret = (struct row){ .n = 0 };
	for (; *at < d->events.n; ++*at) {
		const struct drawn_event *ev = &d->events.v[*at];
		if (ev->tid != lane || !is_span(ev))
			continue;
		if (ret->n && (ret->n == ROW_MAX_SPANS || strcmp(ev->name, ret->span[0]->name) != 0 ||
			       ev->args->start_ns < end_of(ret->span[ret->n - 1])))
			break;
		ret->span[ret->n++] = ev;
		ret->ns += ev->args->ns;
	}
	return ret->n > 0;
}

/* ---- the picture -------------------------------------------------------------------------------------------- */

#define LEFT 20
#define WIDTH 900
#define TEXT_WIDTH 330 /* right of the axis, for the labels of the last bars */
#define TOP 64
#define ROW_HEIGHT 15
#define LANE_GAP 24
#define DETAIL_MAX 48

static const struct {
	enum trace_lane lane;
	const char *name, *color;
} lanes[] = {
	{ TRACE_HOST, "host side", "#4477aa" },
	{ TRACE_CONTAINER, "container side", "#228833" },
	{ TRACE_HOOKS, "hooks", "#ee6677" },
	{ TRACE_PROGRAM, "program", "#ccbb44" },
};

struct picture {
	struct strbuf *out;
	int64_t total; /* ns */
	int y;
};

/* As character data; characters that XML has no place for become question marks, long texts are cut. */
static void print_text(struct strbuf *out, const char *s, size_t max)
{
	size_t n = strlen(s), cut = n;

	if (n > max)
		for (cut = max; cut && ((unsigned char)s[cut] & 0xC0) == 0x80;)
			cut--;
	for (size_t i = 0; i < cut; i++) {
		switch (s[i]) {
		case '<': strbuf_puts(out, "&lt;"); break;
		case '>': strbuf_puts(out, "&gt;"); break;
		case '&': strbuf_puts(out, "&amp;"); break;
		case '"': strbuf_puts(out, "&quot;"); break;
		default: strbuf_printf(out, "%c", (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i]);
		}
	}
	if (cut < n)
		strbuf_puts(out, "...");
}

/* "12 us", "3.21 ms", "1.50 s". */
static void print_time(struct strbuf *out, int64_t ns)
{
	if (ns < 10000)
		strbuf_printf(out, "%.1f \xc2\xb5s", (double)ns / 1e3);
	else if (ns < 1000000)
		strbuf_printf(out, "%.0f \xc2\xb5s", (double)ns / 1e3);
	else if (ns < 1000000000)
		strbuf_printf(out, "%.2f ms", (double)ns / 1e6);
	else
		strbuf_printf(out, "%.2f s", (double)ns / 1e9);
}

static double x_of(const struct picture *p, int64_t ns)
{
	return LEFT + (double)ns * WIDTH / (double)p->total;
}

/* Lines of the axis: about ten, at round times. */
static void draw_axis(struct picture *p, int bottom)
{
	int64_t step = 1000;

	for (int i = 0; p->total / step > 12; i++)
		step = i % 3 == 1 ? step / 2 * 5 : step * 2; /* 1 2 5 10 */
	for (int64_t t = 0; t <= p->total; t += step) {
		strbuf_printf(p->out, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>\n", x_of(p, t), TOP - 8,
			      x_of(p, t), bottom);
		strbuf_printf(p->out, "<text x=\"%.1f\" y=\"%d\" fill=\"#666\" text-anchor=\"middle\">", x_of(p, t), TOP - 12);
		print_time(p->out, t);
		strbuf_puts(p->out, "</text>\n");
	}
}

static void draw_row(struct picture *p, const struct row *r, const char *color)
{
	double right = LEFT;

	for (size_t i = 0; i < r->n; i++) {
		double x = x_of(p, r->span[i]->args->start_ns), w = x_of(p, end_of(r->span[i])) - x;
		strbuf_printf(p->out, "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"%s/>\n", x, p->y,
			      MAX(w, 0.7), ROW_HEIGHT - 3, color, i % 2 ? " fill-opacity=\"0.6\"" : "");
		right = MAX(right, x + MAX(w, 0.7));
	}
	strbuf_printf(p->out, "<text x=\"%.1f\" y=\"%d\">", right + 4, p->y + ROW_HEIGHT - 5);
	print_text(p->out, r->span[0]->name, DETAIL_MAX);
	if (r->n > 1)
		strbuf_printf(p->out, " \xc3\x97%zu", r->n);
	if (r->n == 1 && r->span[0]->args->detail) {
		strbuf_puts(p->out, " ");
		print_text(p->out, r->span[0]->args->detail, DETAIL_MAX);
	}
	strbuf_puts(p->out, " <tspan fill=\"#888\">");
	print_time(p->out, r->ns);
	strbuf_puts(p->out, "</tspan></text>\n");
	p->y += ROW_HEIGHT;
}

static int count_rows(const struct drawn *d, uint32_t lane)
{
	struct row r;
	size_t at = 0;
	int n = 0;

	while (next_row(d, lane, &at, &r))
		n++;
	return n;
}

static int height(const struct drawn *d)
{
	int y = TOP + 8;

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
		int n = count_rows(d, lanes[i].lane);
		y += n ? n * ROW_HEIGHT + LANE_GAP : 0;
	}
	return y;
}

static void draw_lane(struct picture *p, const struct drawn *d, size_t lane)
{
	struct row r;
	size_t at = 0;

	if (!count_rows(d, lanes[lane].lane))
		return;
	p->y += LANE_GAP;
	strbuf_printf(p->out, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\" fill=\"%s\">%s</text>\n", LEFT, p->y - 6,
		      lanes[lane].color, lanes[lane].name);
	while (next_row(d, lanes[lane].lane, &at, &r))
		draw_row(p, &r, lanes[lane].color);
}

static void draw_title(const struct picture *p, const struct drawn_other *o)
{
	strbuf_printf(p->out, "<text x=\"%d\" y=\"20\" font-size=\"14\" font-weight=\"bold\">ctr ", LEFT);
	print_text(p->out, o->command, DETAIL_MAX);
	strbuf_puts(p->out, " ");
	print_text(p->out, o->container, DETAIL_MAX);
	strbuf_puts(p->out, ": ");
	print_time(p->out, p->total);
	strbuf_printf(p->out, "</text>\n<text x=\"%d\" y=\"36\" fill=\"#666\">", LEFT);
	print_text(p->out, o->failure ? o->failure : "", 160);
	strbuf_puts(p->out, o->failure ? ". " : "");
	strbuf_puts(p->out, "ctr ");
	print_text(p->out, o->version ? o->version : "", DETAIL_MAX);
	strbuf_puts(p->out, ", Linux ");
	print_text(p->out, o->kernel ? o->kernel : "", DETAIL_MAX);
	strbuf_puts(p->out, " ");
	print_text(p->out, o->machine ? o->machine : "", DETAIL_MAX);
	strbuf_puts(p->out, ", ");
	print_text(p->out, o->date ? o->date : "", DETAIL_MAX);
	strbuf_puts(p->out, "</text>\n");
}

int trace_draw(struct arena *a, const char *file, struct strbuf *out, struct err *e)
{
	const struct drawn *d = NULL;
	struct picture p = { .out = out, .y = TOP - LANE_GAP + 14 };
	int r = load(a, file, &d, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < d->events.n; i++)
		if (is_span(&d->events.v[i]))
			p.total = MAX(p.total, end_of(&d->events.v[i]));
	if (p.total == 0)
		return err_bad(e, "%s: it has no spans of ctr", file);
	int h = height(d);
	strbuf_printf(out,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
		      "font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		      LEFT + WIDTH + TEXT_WIDTH, h);
	draw_title(&p, d->other);
	draw_axis(&p, h - 8);
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		draw_lane(&p, d, i);
	strbuf_puts(out, "</svg>\n");
	return 0;
}

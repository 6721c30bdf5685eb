/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_TRACE_H
#define CTR_TRACE_H

/*
 * Where the time of a command went, for --trace: spans of the host side, the steps of the container side, hooks and
 * the program. --debug says the same marks as lines, each of the host side when it begins, each of the container side
 * when it is told to be done. Nothing is noted, asked for or sent without one of the two: every function takes a NULL
 * trace and does nothing. Written in the Trace Event Format (JSON) that Perfetto and Chrome read, and `ctr trace` draws.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "plan.h"
#include "sync.h"

enum trace_lane { TRACE_HOST = 1, TRACE_CONTAINER, TRACE_HOOKS, TRACE_PROGRAM };

/* The spans of a lane either follow or contain each other. */
struct trace_event {
	const char *name, *detail; /* detail: NULL, or what the span was about; both live as long as the arena */
	uint32_t lane;
	int64_t start, end; /* trace_now() */
};

struct trace {
	struct arena *arena;
	const char *file, *command, *id; /* file: NULL without --trace */
	void (*say)(void *who, const char *line); /* NULL without --debug */
	void *who;
	struct trace_event *v;
	size_t n, size;
	/* Of the container side. */
	const struct plan_steps *steps; /* NULL: unknown (start) */
	int64_t container_ns; /* until when its time is accounted for; 0: it does not run yet */
};

/*
 * Starts a trace that goes to `file`, which must be possible to open for writing: tried here, before anything is
 * done. The other arguments name the command and the container, and outlive the trace. *ret, in the arena, stays what it is
 * where `file` is NULL: NULL, or made by trace_talk().
 */
int trace_new(struct arena *a, const char *file, const char *command, const char *id, struct trace **ret,
	      struct err *e) MUST_CHECK;

/* For --debug: a trace that says its marks, and is not written to a file. NULL where memory is out. */
struct trace *trace_talk(struct arena *a, void (*say)(void *who, const char *line), void *who);
static inline bool trace_talks(const struct trace *t)
{
	return t && t->say;
}

#define TRACE_OPTION_ROW(type, member) \
	{ "trace", 0, OPT_STRING, offsetof(type, member), "FILE", "write where the time went to FILE, for Perfetto or `ctr trace`" }

/* CLOCK_REALTIME in nanoseconds: the one clock that the container side has too, whatever its time namespace. */
int64_t trace_now(void);

/* One span, from now to trace_span_end(). */
struct trace_span {
	struct trace *t;
	size_t at;
};
struct trace_span trace_begin(struct trace *t, enum trace_lane lane, const char *name, const char *detail);
void trace_end(const struct trace_span *s);

static inline struct trace_span trace_span(struct trace *t, enum trace_lane lane, const char *name, const char *detail)
{
	return t ? trace_begin(t, lane, name, detail) : (struct trace_span){ NULL, 0 };
}

static inline void trace_span_end(const struct trace_span *s)
{
	if (s->t)
		trace_end(s);
}

/* The rest of the block. */
#define TRACE_NAME2(line) trace_span_##line
#define TRACE_NAME(line) TRACE_NAME2(line)
#define TRACE(t, lane, name, detail)                                                                  \
	__attribute__((cleanup(trace_span_end), unused)) const struct trace_span TRACE_NAME(__LINE__) =       \
		trace_span((t), TRACE_##lane, (name), (detail))

/* One call, as an expression. */
#define TRACE_CALL(t, name, call)               \
	({                                      \
		TRACE((t), HOST, (name), NULL); \
		(call);                         \
	})

/* What a TRACE message says. Stamps that do not fit the plan or the order of time are left out. */
void trace_stamps(struct trace *t, const struct sync_message *m);
/* The container side was replaced by the program. */
void trace_executed(struct trace *t);

/* Writes the file. `failure`: why the command failed, or NULL. */
int trace_write(const struct trace *t, const char *version, const char *failure, struct err *e) MUST_CHECK;

/* ---- drawing -------------------------------------------------------------------------------------------- */

/* A document of trace_write() as SVG. */
int trace_draw(struct arena *a, const char *file, struct strbuf *out, struct err *e) MUST_CHECK;

#endif

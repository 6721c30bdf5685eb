/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULTS_FAULTS_H
#define FAULTS_FAULTS_H

/* What the parts of the program share: the setting of all trials, and how one trial ends. */

#include <stdio.h>

#include "tracer.h"
#include "world.h"

#define LIMIT_MS 10000 /* longer is a hang */
#define ID "f"

struct setting {
	const char *runtime, *bundle, *ops, *errors, *table, *title, *knob, *resources;
	struct world world;
	uid_t uid;
	gid_t gid;
	int out, err;	/* where standard output and error of the commands go */
	long stride, offset, seconds, kills;
};

/* Which commands of the runtime are tried. `args` behind the global options; %b, %o, %r: bundle, outputs, resources. */
struct op {
	const char *name;
	const char *prepare[8]; /* a command before, NULL: none */
	bool follow_prepare;	/* its processes belong to the trial */
	const char *args[8];
	const char *then[4]; /* a command after success, before the container's output is looked at */
	bool output;	     /* there is one */
	bool removes;	     /* success means that nothing is left already */
	bool knob;	     /* success means that the knob has its value */
};
extern const struct op ops[];
extern const size_t n_ops;
bool op_wanted(const struct setting *s, const struct op *o);

/* The command line of one of the tables above. */
struct line {
	char *argv[16];
	char text[16][512];
};
void line_make(struct line *l, const struct setting *s, const char *const *args);
struct command command_of(const struct setting *s, const struct line *l);
/* Runs a table's line untraced; its status. */
int run_line(const struct setting *s, const char *const *args);

void output_clear(const struct setting *s);
/* The text of a descriptor's file from its beginning; valid until the next call with the same `slot` (0 to 2). */
const char *output_text(int fd, int slot);
/* Waits until the container has said everything; NULL: it did not. */
const char *output_wait(const struct setting *s, int limit_ms);

enum end {
	END_DONE,      /* the command succeeded, and all is as it is without a fault */
	END_LESS,      /* it succeeded, with what is planned where a new proc or sysfs is refused */
	END_ERROR,     /* it failed with one line */
	END_KILLED,    /* it was killed, by the trial */
	END_UNREACHED, /* the place of the fault was not come to */
	END_BAD,       /* from here on: not as promised */
	END_CRASH = END_BAD,
	END_HANG,
	END_SILENT, /* it failed without a word, or with more than one line */
	END_WRONG,  /* it succeeded, and something is not as planned */
	END_DELETE, /* `delete --force` failed */
	END_LEFT,   /* something was left after it */
	END_COUNT,
};
extern const char *const end_names[END_COUNT];

struct tally {
	long n[END_COUNT], tried, needed_delete;
	double slowest_ms;
};
/* Removes the container and compares the world; what is bad takes the place of *end. */
void judge_after(const struct setting *s, enum end *end, char *why, size_t size);
/* One line or none? The message is copied to `why`. */
bool one_line(const char *text, char *why, size_t size);
void table_begin(FILE *f, const char *what);
void table_row(FILE *f, const char *name, const struct tally *t);
void tally_add(struct tally *sum, const struct tally *t);

int points_main(struct setting *s);
int kills_main(struct setting *s);

#endif

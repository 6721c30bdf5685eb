/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OPT_H
#define CTR_OPT_H

/*
 * Command line options as rows: one row parses an option, documents it in --help and completes it.
 *
 * Grammar (what engines send): --name VALUE, --name=VALUE, --flag, --flag=true|false, -n VALUE, -nVALUE,
 * clusters of short flags, a single dash before a long name (containerd's -no-subreaper), options in any
 * order and more than once (the last one counts), "--" ends them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum opt_kind {
	OPT_FLAG,   /* bool */
	OPT_FLAG_OFF, /* bool: a flag that is on unless --flag=false says otherwise, which sets the member */
	OPT_STRING, /* const char * */
	OPT_U32,    /* uint32_t */
	OPT_I64,    /* struct opt_i64 of oci/config.h */
	OPT_LIST,   /* struct strv: each use appends */
	OPT_IGNORE_FLAG, OPT_IGNORE, /* accepted for compatibility, without and with a value */
};

struct opt {
	const char *name; /* "": a flag that is set where "--" ended the options */
	char letter; /* 0: none */
	uint8_t kind;
	uint16_t offset;
	const char *arg;  /* name of the value in --help, NULL for flags */
	const char *help; /* NULL: accepted, not shown */
};

#define OPT_END { NULL, 0, 0, 0, NULL, NULL }

enum opt_order {
	OPT_MIXED,	  /* options may follow operands */
	OPT_UNTIL_OPERANDS, /* the first `n` operands are ours, what follows them is not looked at but for a "--" */
	OPT_UNTIL_COMMAND,  /* the same, and a "--" behind them is not ours either */
};

/*
 * Parses argv[0..argc) into `into`. The operands are moved to the front of argv; *ret_n is their number.
 * With OPT_UNTIL_OPERANDS parsing stops after `own` operands. `help` is set by --help and -h.
 */
int opt_parse(struct arena *a, const struct opt *rows, void *into, enum opt_order order, int own, int argc,
	      char **argv, int *ret_n, bool *ret_help, struct err *e) MUST_CHECK;

/* Options that `into` leaves open are taken from `below`; of lists, what `below` has comes first. Both of `rows`. */
int opt_merge(struct arena *a, const struct opt *rows, void *into, const void *below, struct err *e) MUST_CHECK;

/* The rows as help text, one line each. */
void opt_help(struct strbuf *out, const struct opt *rows);

#endif

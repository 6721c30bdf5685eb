/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CTX_H
#define CTR_CTX_H

/* What every command gets: global options, the arena of this run, and the command table's shape. */

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/proc.h"
#include "opt.h"
#include "trace.h"

struct ctx {
	struct arena arena;
	/* Global options. */
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless, *isolation;
	bool debug, systemd_cgroup, version, help;
	/* Derived by main(). */
	const char *program; /* base name of argv[0] */
	/* In the children of a micro-VM's agent (vm_worker.h); elsewhere 0 and NULL. */
	int init_image; /* descriptor of the sealed copy of ctr-init that all of them share */
	const struct vm_document *process; /* of exec, instead of --process */
	const struct exec_ahead *ahead; /* of an exec that nobody has asked for yet */
	struct trace *trace; /* made by the command, written at the end; NULL: none is wanted */
	/* What is the same for every container that one call looks at: asked once, by store.c alone. */
	struct store_seen {
		bool root, boot; /* known */
		bool no_cgroup;
		int root_fd;  /* the state directory */
		char boot_id[BOOT_ID_SIZE];
	} seen;
};

struct command {
	const char *name, *operands, *help;
	/* The exit status (0..255), or a negative errno with the text in e. `opts` is zeroed, opts_size long. */
	int (*run)(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e);
	const struct opt *options;
	size_t opts_size;
	enum opt_order order;
	int min_operands, max_operands; /* max < 0: any number */
	const char *details;		/* more help text, may be NULL */
};

extern const struct opt global_options[];

#define COMMANDS(X)                                                                              \
	X(create) X(start) X(run) X(state) X(kill) X(delete) X(list) X(ps) X(exec) X(pause) X(resume) \
	X(update) X(checkpoint) X(restore) X(spec) X(features) X(events) X(stats) X(probe) X(sandbox) X(sandbox_network) X(completion) X(trace) \
	X(vm) X(vm_monitor) X(vm_client)
#define X(name) extern const struct command command_##name;
COMMANDS(X)
#undef X

/* Warnings go to the log file (text format) and, with --debug, to stderr: never mixed into JSON records. */
void ctx_warn(struct ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

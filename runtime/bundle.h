/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_BUNDLE_H
#define CTR_BUNDLE_H

#include "../oci/config.h"
#include "ctx.h"
#include "host_create.h"
#include "host_notify.h"
#include "plan_build.h"

/* Options that create, run and (later) restore share; the first member of their option structs. */
struct bundle_opts {
	const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket, *overlay, *trace;
	bool no_pivot, no_new_keyring, init, dry_run;
	uint32_t preserve_fds;
	bool open_to_hooks;	/* they lay down the privilege that entering the namespaces would need; no option */
	bool die_with_caller;	/* when this process ends, so does the container; no option */
	struct notify *notify; /* the caller's service manager, or NULL; no option */
};

#define BUNDLE_OPTION_ROWS(type)                                                                              \
	{ "bundle", 'b', OPT_STRING, offsetof(type, common.bundle), "DIR", "the bundle (default: .)" },         \
	{ "config", 'f', OPT_STRING, offsetof(type, common.config), "FILE", "configuration instead of DIR/config.json" }, \
	{ "console-socket", 0, OPT_STRING, offsetof(type, common.console_socket), "PATH",                       \
	  "socket that gets the terminal's master" },                                                           \
	{ "pid-file", 0, OPT_STRING, offsetof(type, common.pid_file), "FILE", "write the first process's pid to FILE" }, \
	{ "pidfd-socket", 0, OPT_STRING, offsetof(type, common.pidfd_socket), "PATH", "socket that gets a pidfd" }, \
	{ "no-pivot", 0, OPT_FLAG, offsetof(type, common.no_pivot), NULL, "move the root mount instead of pivot_root" }, \
	{ "no-new-keyring", 0, OPT_FLAG, offsetof(type, common.no_new_keyring), NULL, "keep the caller's session keyring" }, \
	{ "preserve-fds", 0, OPT_U32, offsetof(type, common.preserve_fds), "N", "pass descriptors 3 to 3+N-1 on" }, \
	{ "overlay", 0, OPT_STRING, offsetof(type, common.overlay), "tmpfs|DIR",                                \
	  "write to memory or to DIR instead of to the root filesystem" },                                      \
	{ "init", 0, OPT_FLAG, offsetof(type, common.init), NULL, "pid 1 is a small supervisor, the program its child" }, \
	{ "dry-run", 0, OPT_FLAG, offsetof(type, common.dry_run), NULL, "print the plan as JSON and start nothing" }, \
	TRACE_OPTION_ROW(type, common.trace),                                                                   \
	{ "no-subreaper", 0, OPT_IGNORE_FLAG, 0, NULL, NULL }

/* Everything that is known before the first side effect. */
struct bundle_plan {
	const struct config *config;
	const struct plan *plan;
	struct facts facts;
};

/* Reads and checks a configuration; no side effect. It lives in `a`. */
int bundle_config(struct arena *a, const char *file, const struct config **ret, struct err *e) MUST_CHECK;
/*
 * Reads and checks the bundle, gathers the facts, builds the plan: no side effect. `listener`: the
 * container will wait for `ctr start`.
 */
int bundle_plan(struct ctx *ctx, const struct bundle_opts *o, const char *id, bool listener, struct bundle_plan *ret,
		struct err *e) MUST_CHECK;
/* Prints the plan on standard output. */
int bundle_print(const struct plan *p, struct err *e) MUST_CHECK;
/* Terminal and console socket must fit together. `detached`: nobody stays to hold the terminal. */
int bundle_check_terminal(const struct bundle_opts *o, const struct plan *p, bool detached, struct err *e) MUST_CHECK;
/* Creates the container from the plan. */
int bundle_create(struct ctx *ctx, const struct bundle_opts *o, const struct bundle_plan *b, struct container *c,
		  struct created *ret, struct err *e) MUST_CHECK;

#endif

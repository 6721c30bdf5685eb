/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_SANDBOX_CONFIG_H
#define CTR_SANDBOX_CONFIG_H

/* The OCI configuration of `ctr sandbox`. */

#include "base/err.h"
#include "base/str.h"

struct sandbox_opts {
	struct strv ro, rw, tmpfs, env;
	const char *workdir, *net, *seccomp, *save;
	bool dry_run, vm;
};

/*
 * Appends the configuration as JSON. `root`: absolute path of the (empty) root directory; `args`: the
 * command, NULL-terminated. Looks at the caller's directory, ids, terminal and environment; changes nothing.
 */
int sandbox_config(struct strbuf *b, const struct sandbox_opts *o, const char *root, char *const *args,
		   struct err *e) MUST_CHECK;

#endif

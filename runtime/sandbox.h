/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_SANDBOX_H
#define CTR_SANDBOX_H

/*
 * `ctr sandbox` in its parts: what was asked for, the root it stands on, the layers that keep changes apart,
 * and the OCI configuration that is made of all this. Nothing here sets a container up.
 */

#include <stdbool.h>

#include "../oci/config.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "opt.h"
#include "plan_build.h"

struct sandbox_opts {
	struct strv ro, rw, bind, tmpfs, env, device, publish, profile;
	const char *workdir, *net, *seccomp, *save, *root, *user, *memory, *cpus, *pids, *name;
	bool overlay, overlay_root, no_landlock, no_init, gui, vm, detach, explain, dry_run, dashes;
};

/* The root directory: the host's system directories, or what --root names. */
struct sandbox_root {
	const char *path;     /* absolute */
	bool host;	      /* the system directories of the host go into it */
	struct strv args, env; /* of the bundle or image that it comes from; n 0: none */
};

/*
 * What --root names: a directory, a bundle (its config.json gives command and environment too) or an
 * OCI image layout DIR[:TAG], which umoci unpacks once into the user's cache.
 */
int sandbox_root_find(struct arena *a, const char *name, struct sandbox_root *ret, struct err *e) MUST_CHECK;

/*
 * Appends the configuration as JSON. `layers`: where the layers of --overlay lie, or NULL; `args`: the command,
 * NULL-terminated. Looks at the caller's directory, ids, terminal, environment and at Landlock's version; makes
 * nothing but the directories of the layers.
 */
int sandbox_config(struct strbuf *b, struct arena *a, const struct sandbox_opts *o, const struct sandbox_root *root,
		   const char *layers, char *const *args, struct err *e) MUST_CHECK;

/*
 * Puts the options of ~/.config/ctr/NAME.sandbox, else /etc/ctr/NAME.sandbox, below those of the command line:
 * one option per line, without the dashes, with its value behind blanks; "~/" at its start is the home, "#" starts
 * a comment. `rows`: the table of the options.
 */
int sandbox_profiles(struct arena *a, const struct opt *rows, struct sandbox_opts *o, struct err *e) MUST_CHECK;

/* In plain words what the plan lets its program see, write and reach. */
void sandbox_explain(struct strbuf *b, const struct plan *p);

/* The caller's home directory, "/tmp" where he has none. */
const char *sandbox_home(void);

/* ---- layers (sandbox_layer.c) ------------------------------------------------------------------------------- */

/*
 * Changes that a sandbox made below its directories lie in layers of overlayfs(5): upper and work directory of
 * each, below ~/.local/state/ctr/layers/KEY, where KEY is --name or made of the current directory.
 */
int layers_path(struct arena *a, const char *name, const char **ret, struct err *e) MUST_CHECK;
/* Makes the layer of `target` (absolute) and returns its directory, which has `upper` and `work`. */
int layer_make(struct arena *a, const char *layers, const char *target, const char **ret, struct err *e) MUST_CHECK;
/* Takes the layers for one user at a time: the descriptor holds the lock. -EBUSY: another one has them. */
int layers_lock(const char *layers, bool make, int *ret_fd, struct err *e) MUST_CHECK;
/* Appends what changed: "A", "M" or "D", a blank and the path, per line, sorted. */
int layers_diff(struct strbuf *out, int layers_fd, struct err *e) MUST_CHECK;
/*
 * Makes the changes in the directories themselves. Never follows a link; set-id bits are not taken over. Can be
 * repeated when it failed in the middle.
 */
int layers_apply(int layers_fd, struct err *e) MUST_CHECK;
/* Removes all of them; the directory itself goes too. */
int layers_discard(const char *layers, int layers_fd, struct err *e) MUST_CHECK;

#endif

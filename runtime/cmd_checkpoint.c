/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr checkpoint: writes a running container to images by criu, and destroys it unless it is to run on. Reads the
 * bundle's configuration again, for the mounts that came from outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cgroup/cgroup.h"
#include "base/fd.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/util.h"
#include "host_create.h"
#include "host_criu.h"


struct checkpoint_opts {
	struct criu_opts criu;
	const char *parent_path, *page_server;
	struct opt_i64 status_fd;
	bool leave_running, pre_dump, skip_in_flight;
};

static const struct opt checkpoint_options[] = {
	CRIU_OPTION_ROWS(struct checkpoint_opts),
	{ "parent-path", 0, OPT_STRING, offsetof(struct checkpoint_opts, parent_path), "DIR",
	  "images of an earlier --pre-dump, relative to the images" },
	{ "pre-dump", 0, OPT_FLAG, offsetof(struct checkpoint_opts, pre_dump), NULL, "memory only; the container runs on" },
	{ "leave-running", 0, OPT_FLAG, offsetof(struct checkpoint_opts, leave_running), NULL, "the container runs on" },
	{ "tcp-skip-in-flight", 0, OPT_FLAG, offsetof(struct checkpoint_opts, skip_in_flight), NULL,
	  "leave out TCP connections that are being made" },
	{ "page-server", 0, OPT_STRING, offsetof(struct checkpoint_opts, page_server), "ADDRESS:PORT", "memory goes there" },
	{ "status-fd", 0, OPT_I64, offsetof(struct checkpoint_opts, status_fd), "N", "criu says there that lazy pages are ready" },
	OPT_END,
};

/* ---- what came from outside ----------------------------------------------------------------------------------- */

/* A running container as criu needs to know it. */
struct subject {
	const struct config *config;
	int root; /* of its first process */
	char *mountinfo;
};

/* Whether a mount is at this place; its root inside of its file system (of the topmost, which is the last). */
static bool find_mount(const struct subject *s, const char *path, char root[PATH_MAX])
{
	struct mountinfo_line line;
	bool found = false;

	for (const char *text = s->mountinfo; mountinfo_next(&text, &line);) {
		if (!str_eq(line.point, path))
			continue;
		found = true;
		(void)snprintf(root, PATH_MAX, "%s", line.root);
	}
	return found;
}

/*
 * A mount that criu cannot make again by itself: told by its place, under the name that restore knows. What is no mount
 * (any more) is criu's own business.
 */
static void external(const struct subject *s, struct criu_words *w, const char *destination, bool masked)
{
	char link[64], path[PATH_MAX], root[PATH_MAX];
	auto_close int fd = path_open(s->root, destination, O_PATH);

	/* The kernel's name of it, as the container sees it, links resolved. */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = fd < 0 ? -1 : readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return;
	path[n] = '\0';
	if (!find_mount(s, path, root))
		return;
	if (masked && !str_eq(root, "/null")) /* an empty directory: criu makes it again */
		return;
	criu_optionf(w, "--external", "mnt[%s]:%s", path, destination);
}

static int add_mounts(struct subject *s, struct criu_words *w, pid_t pid, struct err *e)
{
	const struct linux_conf *l = s->config->linux_;
	char path[64];
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	int r = file_read(w->arena, AT_FDCWD, path, MOUNTINFO_MAX, &s->mountinfo, &n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->config->mounts.n; i++)
		if (config_mount_is_bind(&s->config->mounts.v[i]))
			external(s, w, s->config->mounts.v[i].destination, false);
	for (size_t i = 0; l && i < l->devices.n; i++)
		external(s, w, l->devices.v[i].path, false);
	if (s->config->process && s->config->process->terminal)
		external(s, w, CRIU_CONSOLE, false);
	for (size_t i = 0; l && i < l->masked_paths.n; i++)
		external(s, w, l->masked_paths.v[i], true);
	return 0;
}

/* Namespaces that were joined by path stay where they are; restore hands in what the bundle names then. */
static int add_namespaces(const struct config *c, struct criu_words *w, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < CRIU_OUTSIDE; i++) {
		const struct criu_outside *known = &criu_outside[i];
		const struct namespace_conf *ns = config_namespace(c, known->type);
		char path[64];
		struct stat st;
		if (!ns || !ns->path)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, known->file);
		if (stat(path, &st) < 0)
			return err_sys(e, errno, "stat %s", path);
		criu_optionf(w, "--external", "%s[%llu]:%s", known->file, (unsigned long long)st.st_ino, known->key);
	}
	return 0;
}

/* ---- the call -------------------------------------------------------------------------------------------------------- */

static int add_page_server(struct criu_words *w, const char *where, struct err *e)
{
	char *host = arena_strdup(w->arena, where), *port = host ? strrchr(host, ':') : NULL;

	if (!host)
		return err_nomem(e);
	if (!port)
		return err_bad(e, "invalid --page-server \"%s\": must be ADDRESS:PORT", where);
	*port++ = '\0';
	criu_word(w, "--page-server");
	criu_option(w, "--address", host);
	criu_option(w, "--port", port);
	return 0;
}

static int add_own(const struct checkpoint_opts *o, struct criu_words *w, pid_t pid, bool terminal, struct err *e)
{
	if (o->parent_path && o->parent_path[0] == '/')
		return err_bad(e, "invalid --parent-path \"%s\": must be relative to the images", o->parent_path);
	criu_optionf(w, "--tree", "%d", pid);
	criu_option(w, "--prev-images-dir", o->parent_path);
	if (o->status_fd.set)
		criu_optionf(w, "--status-fd", "%d", (int)o->status_fd.v);
	/* What changes from now on is known to the next dump. */
	if (o->pre_dump)
		criu_word(w, "--track-mem");
	if (o->leave_running && !o->pre_dump)
		criu_word(w, "--leave-running");
	/* The master of a terminal is held by whoever made the container: restore makes another. */
	if (terminal && !o->criu.shell_job)
		criu_word(w, "--shell-job");
	if (o->skip_in_flight)
		criu_word(w, "--skip-in-flight");
	return o->page_server ? add_page_server(w, o->page_server, e) : 0;
}

/* Everything that we inherited ends with an exec; this descriptor is meant for criu. */
static int keep_status(void *arg, struct err *e)
{
	const struct checkpoint_opts *o = arg;

	if (o->status_fd.set && fcntl((int)o->status_fd.v, F_SETFD, 0) < 0)
		return err_sys(e, errno, "pass descriptor %d on", (int)o->status_fd.v);
	return 0;
}

/* Before anything is opened, which could get the number. */
static int check_status(const struct checkpoint_opts *o, struct err *e)
{
	if (!o->status_fd.set)
		return 0;
	if (o->status_fd.v < 0 || o->status_fd.v > INT_MAX || fcntl((int)o->status_fd.v, F_GETFD) < 0)
		return err_bad(e, "--status-fd: descriptor %lld is not open", (long long)o->status_fd.v);
	return 0;
}

static int dump(struct ctx *ctx, const struct checkpoint_opts *o, const struct container *c, struct err *e)
{
	const struct state *s = c->state;
	const char *action = o->pre_dump ? "pre-dump" : "dump", *annotation;
	struct subject subject = { .root = -EBADF };
	struct criu_words w;
	const char *file = arena_printf(&ctx->arena, "%s/config.json", s->bundle);
	char path[64];
	int r = file ? bundle_config(&ctx->arena, file, &subject.config, e) : err_nomem(e);

	if (r == 0 && s->isolation && str_eq(s->isolation, "vm"))
		return err_set(e, EOPNOTSUPP, "cannot checkpoint container \"%s\": it is a micro-VM", c->id);
	if (r == 0)
		r = criu_check_config(subject.config, c->id, "checkpoint", e);
	if (r == 0)
		r = criu_begin(ctx, &w, action, &o->criu, s->rootfs, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)s->pid);
	auto_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "open the container's root");
	subject.root = root;
	annotation = config_annotation(subject.config, CRIU_CONFIG_ANNOTATION);
	criu_option(&w, "--config", annotation);
	r = add_own(o, &w, (pid_t)s->pid, subject.config->process && subject.config->process->terminal, e);
	if (r == 0)
		r = add_mounts(&subject, &w, (pid_t)s->pid, e);
	if (r == 0)
		r = add_namespaces(subject.config, &w, (pid_t)s->pid, e);
	return r < 0 ? r : criu_run(ctx, &w, &o->criu, action, keep_status, (void *)(uintptr_t)o, e);
}

/* Containerd pauses first; criu stops the tasks itself and cannot reach those in a frozen cgroup. */
static int thawed_dump(struct ctx *ctx, const struct checkpoint_opts *o, const struct container *c, enum status status,
		       struct err *e)
{
	auto_close int fd = -EBADF;
	struct err second;
	int r = 0;

	if (status != STATUS_PAUSED)
		return dump(ctx, o, c, e);
	r = cgroup_open(c->state->cgroup_path, &fd, e);
	if (r == 0)
		r = cgroup_freeze(fd, false, CGROUP_FREEZE_TIMEOUT_MS, e);
	if (r < 0)
		return r;
	r = dump(ctx, o, c, e);
	if (r < 0 || o->leave_running || o->pre_dump)
		best_effort(cgroup_freeze(fd, true, CGROUP_FREEZE_TIMEOUT_MS, &second));
	return r;
}

static int checkpoint_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct checkpoint_opts *o = opts;
	auto_container struct container c = CONTAINER_NONE;
	enum status status = STATUS_CREATING;
	int r = check_status(o, e);

	(void)argc;
	if (r == 0)
		r = store_take(ctx, argv[0], &c, &status, e);
	if (r < 0)
		return r;
	if (status != STATUS_RUNNING && status != STATUS_PAUSED)
		return err_set(e, EBUSY, "container not running: cannot checkpoint container \"%s\" in state %s", c.id,
			       status_name(status));
	r = thawed_dump(ctx, o, &c, status, e);
	if (r < 0 || o->leave_running || o->pre_dump)
		return r;
	return host_destroy(ctx, &c, -1, e);
}

const struct command command_checkpoint = {
	.name = "checkpoint",
	.operands = "ID",
	.help = "write a running container to images, by criu, and end it",
	.run = checkpoint_run,
	.options = checkpoint_options,
	.opts_size = sizeof(struct checkpoint_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
};

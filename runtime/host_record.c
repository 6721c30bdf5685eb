/* SPDX-License-Identifier: Apache-2.0 */
/* What create writes down for the later commands. */
#include "host_record.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"

static const char *now_text(struct arena *a)
{
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (!gmtime_r(&now.tv_sec, &tm))
		return NULL;
	return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			    tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec);
}

static void fill_from_plan(struct state *s, const struct plan *p)
{
	s->version = STATE_VERSION;
	s->id = p->id;
	s->bundle = p->bundle;
	s->rootfs = p->guest ? p->guest_rootfs : p->rootfs;
	s->status = "creating";
	s->isolation = p->guest ? "vm" : "namespaces";
	s->cgroup_manager = p->cgroup_manager;
	s->cgroup_path = p->cgroup->path;
	s->cgroup_leaf = p->cgroup_leaf;
	s->systemd_scope = p->cgroup->unit;
	s->namespaces = p->namespaces;
	s->own_pid_namespace = p->new_pid_ns;
	s->drop_mknod = p->drop_mknod;
	s->deny_setgroups = p->maps.deny_setgroups;
	s->start_hooks = p->start_state;
	s->seccomp = p->filter.n > 0;
	s->seccomp_flags = p->filter_flags;
	s->oci_version = p->config->oci_version;
	s->annotations = (p->guest ? p->guest : p->config)->annotations;
	if (p->config->linux_)
		s->landlock = p->config->linux_->landlock;
	if (p->rdt) {
		s->rdt_group = p->rdt->group;
		s->rdt_monitor = p->rdt->monitor;
		s->rdt_own = p->rdt->own;
	}
	s->listener_path = p->listener_path;
	s->listener_metadata = p->listener_metadata;
	s->uid_mappings = p->maps.uid;
	s->gid_mappings = p->maps.gid;
	if (p->config->linux_ && p->config->linux_->personality)
		s->personality = (struct opt_u32){ true, p->config->linux_->personality->domain };
}

/* A namespace that the container did not bring along is there after it. */
static void fill_network(struct state *s, const struct config *c)
{
	const struct namespace_conf *n = config_namespace(c, CLONE_NEWNET);
	struct stat st;

	if (!n || !n->path || stat(n->path, &st) < 0)
		return;
	s->tap_netns = n->path;
	s->tap_netns_inode = st.st_ino;
}

static int fill_owner(struct arena *a, struct state *s, struct err *e)
{
	char name[256] = "";

	if (s->owner_uid == 0) {
		s->owner = "root"; /* whatever the file calls it, and without reading it */
		return 0;
	}
	facts_user_name(s->owner_uid, name, sizeof(name));
	if (name[0] && !(s->owner = arena_strdup(a, name)))
		return err_nomem(e);
	return 0;
}

int record_new(struct ctx *ctx, struct container *c, const struct plan *p, struct err *e)
{
	struct state *s = arena_new(&ctx->arena, struct state);
	struct hooks *hooks = arena_new(&ctx->arena, struct hooks);
	char boot[BOOT_ID_SIZE];
	uint64_t start = 0;
	pid_t own = 0;

	if (!s || !hooks)
		return err_nomem(e);
	int r = proc_boot_id(boot);
	if (r == 0)
		r = proc_self(&own, &start);
	if (r < 0)
		return err_sys(e, r, "read /proc");
	fill_from_plan(s, p);
	if (p->guest)
		fill_network(s, p->config);
	hooks->poststart = p->hooks->poststart;
	hooks->poststop = p->hooks->poststop;
	if (hooks->poststart.n || hooks->poststop.n)
		s->hooks = hooks;
	s->owner_uid = sys_euid();
	r = fill_owner(&ctx->arena, s, e);
	if (r < 0)
		return r;
	s->creator_pid = own;
	s->creator_start_time = start;
	s->boot_id = arena_strdup(&ctx->arena, boot);
	s->created = now_text(&ctx->arena);
	if (!s->boot_id || !s->created)
		return err_nomem(e);
	c->state = s;
	return store_save(ctx, c, e);
}

int record_process(struct ctx *ctx, struct container *c, const struct plan *p, pid_t pid, const char *status, struct err *e)
{
	struct state *s = c->state;
	char letter;
	int r = proc_stat(pid, &s->start_time, &letter);

	if (r < 0)
		return err_sys(e, r, "examine the container's first process");
	s->pid = pid;
	s->status = status;
	s->creator_pid = 0;
	s->creator_start_time = 0;
	r = state_keep_process(&ctx->arena, s, (p->guest ? p->guest : p->config)->process, e);
	return r < 0 ? r : store_prepare(ctx, c, e);
}

int record_filter(const struct container *c, const struct plan *p, struct err *e)
{
	if (!p->filter.n)
		return 0;
	int r = file_new(c->dir_fd, STORE_SECCOMP, p->filter.v, p->filter.n, 0600);
	return r < 0 ? err_sys(e, r, "keep the seccomp program") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ctr exec: another process in a running container. Starts from the process that create recorded. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../cgroup/cgroup.h"
#include "../cgroup/rdt.h"
#include "../oci/annotations.h"
#include "../oci/names.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/util.h"
#include "host_attach.h"
#include "host_converse.h"
#include "host_create.h"
#include "host_home.h"
#include "host_listener.h"
#include "host_open.h"
#include "host_socket.h"
#include "plan_exec.h"
#include "store.h"
#include "vm.h"

#define PROCESS_MAX ((size_t)16 << 20)
#define EXEC_TIMEOUT_MS 60000

struct exec_opts {
	const char *resources, *process, *cwd, *user, *pid_file, *console_socket, *pidfd_socket, *label, *apparmor, *cgroup, *trace;
	struct strv env, caps, groups;
	bool tty, detach, no_new_privs, ignore_paused;
	uint32_t preserve_fds;
	/* None of the command line's: what a micro-VM's agent was sent; host_home()'s file, of an exec that is begun ahead. */
	const struct vm_document *document;
	int *passwd;
};

#define O(kind, member) OPT_##kind, offsetof(struct exec_opts, member)
static const struct opt exec_options[] = {
	{ "process", 'p', O(STRING, process), "FILE", "the process object (JSON) to run" },
	{ "cwd", 0, O(STRING, cwd), "DIR", "working directory in the container" },
	{ "env", 'e', O(LIST, env), "NAME=VALUE", "add to the environment" },
	{ "tty", 't', O(FLAG, tty), NULL, "give it a terminal" },
	{ "user", 'u', O(STRING, user), "UID[:GID]", "run as these ids of the container" },
	{ "additional-gids", 'g', O(LIST, groups), "GID", "supplementary group" },
	{ "detach", 'd', O(FLAG, detach), NULL, "do not wait for it" },
	{ "pid-file", 0, O(STRING, pid_file), "FILE", "write its pid to FILE" },
	{ "console-socket", 0, O(STRING, console_socket), "PATH", "socket that gets the terminal's master" },
	{ "pidfd-socket", 0, O(STRING, pidfd_socket), "PATH", "socket that gets a pidfd" },
	{ "process-label", 0, O(STRING, label), "LABEL", "SELinux label" },
	{ "apparmor", 0, O(STRING, apparmor), "PROFILE", "AppArmor profile" },
	{ "no-new-privs", 0, O(FLAG, no_new_privs), NULL, "set no_new_privs" },
	{ "cap", 'c', O(LIST, caps), "CAP", "add a capability" },
	{ "preserve-fds", 0, O(U32, preserve_fds), "N", "pass descriptors 3 to 3+N-1 on" },
	{ "cgroup", 0, O(STRING, cgroup), "PATH", "cgroup below the container's" },
	{ "resources", 'r', O(STRING, resources), "FILE", "limits of its own, as linux.resources (JSON)" },
	TRACE_OPTION_ROW(struct exec_opts, trace),
	{ "ignore-paused", 0, O(FLAG, ignore_paused), NULL, "also into a paused container" },
	{ "no-subreaper", 0, OPT_IGNORE_FLAG, 0, NULL, NULL },
	OPT_END,
};

/* ---- the process ------------------------------------------------------------------------------------------------ */

static int append(struct arena *a, struct strv *list, const struct strv *more, struct err *e)
{
	char **v = arena_array(a, list->n + more->n + 1, sizeof(*v));

	if (!v)
		return err_nomem(e);
	for (size_t i = 0; i < list->n; i++)
		v[i] = list->v[i];
	for (size_t i = 0; i < more->n; i++)
		v[list->n + i] = more->v[i];
	*list = (struct strv){ v, list->n + more->n };
	return 0;
}

/* NAME=VALUE takes the place of the container's NAME: of two, a program finds the first. */
static int set_env(struct arena *a, struct strv *env, const struct strv *more, struct err *e)
{
	const size_t old = env->n;
	int r = append(a, env, more, e);

	if (r < 0)
		return r;
	env->n = old;
	for (size_t i = 0; i < more->n; i++) {
		size_t name = strcspn(more->v[i], "=") + 1, k = 0;

		while (k < env->n && strncmp(env->v[k], more->v[i], name) != 0)
			k++;
		env->v[k] = more->v[i];
		env->n += k == env->n;
	}
	return 0;
}

/* UID[:GID]: assigned only when all of it is right; the highest number means "unchanged" to the kernel. */
static int parse_user(const char *text, struct user *ret, struct err *e)
{
	char uid[16] = "";
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	uint64_t u, g = 0;

	if (n >= sizeof(uid))
		return err_bad(e, "invalid --user \"%.64s\": must be UID or UID:GID", text);
	memcpy(uid, text, n);
	if (str_u64(uid, UINT32_MAX - 1, &u) < 0 || (colon && str_u64(colon + 1, UINT32_MAX - 1, &g) < 0))
		return err_bad(e, "invalid --user \"%.64s\": must be UID or UID:GID", text);
	ret->uid = (uint32_t)u;
	ret->gid = (uint32_t)g;
	return 0;
}

static int add_groups(struct arena *a, const struct strv *more, struct user *u, struct err *e)
{
	uint32_t *v = arena_array(a, u->additional_gids.n + more->n + 1, sizeof(*v));
	size_t n = u->additional_gids.n;

	if (!v)
		return err_nomem(e);
	if (n)
		memcpy(v, u->additional_gids.v, n * sizeof(*v));
	for (size_t i = 0; i < more->n; i++) {
		uint64_t g;
		if (str_u64(more->v[i], UINT32_MAX - 1, &g) < 0)
			return err_bad(e, "invalid --additional-gids \"%.64s\": must be a number", more->v[i]);
		v[n++] = (uint32_t)g;
	}
	u->additional_gids = (struct u32_list){ v, n };
	return 0;
}

/* Into bounding, effective and permitted; never inheritable (CVE-2022-29162). */
static int add_caps(struct arena *a, const struct strv *more, struct process *p, struct err *e)
{
	for (size_t i = 0; i < more->n; i++)
		if (cap_by_name(more->v[i]) < 0)
			return err_bad(e, "exec: --cap \"%s\": not a capability", more->v[i]);
	struct capabilities *c = arena_new(a, struct capabilities);

	if (!c)
		return err_nomem(e);
	if (p->capabilities)
		*c = *p->capabilities;
	p->capabilities = c;
	int r = append(a, &c->bounding, more, e);
	if (r == 0)
		r = append(a, &c->effective, more, e);
	return r < 0 ? r : append(a, &c->permitted, more, e);
}

static int process_from_options(struct ctx *ctx, const struct exec_opts *o, const struct state *s, int argc, char **argv,
				struct process *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < o->env.n; i++)
		if (o->env.v[i][0] == '=' || !strchr(o->env.v[i], '='))
			return err_bad(e, "invalid --env \"%s\": must be NAME=VALUE", o->env.v[i]);
	*p = *s->process;
	p->terminal = o->tty;
	p->console_size = NULL;
	p->args = (struct strv){ argv, (size_t)argc };
	p->exec_cpu_affinity = NULL;
	if (o->cwd)
		p->cwd = o->cwd;
	if (o->label)
		p->selinux_label = o->label;
	if (o->apparmor)
		p->apparmor_profile = o->apparmor;
	p->no_new_privileges |= o->no_new_privs;
	if (o->user) {
		p->user.additional_gids = (struct u32_list){ NULL, 0 };
		r = parse_user(o->user, &p->user, e);
	}
	if (r == 0 && o->groups.n)
		r = add_groups(&ctx->arena, &o->groups, &p->user, e);
	if (r == 0)
		r = set_env(&ctx->arena, &p->env, &o->env, e);
	if (r == 0 && o->caps.n)
		r = add_caps(&ctx->arena, &o->caps, p, e);
	if (r == 0 && p->cwd[0] != '/')
		r = err_bad(e, "invalid --cwd \"%s\": must be absolute", p->cwd);
	return r;
}

static int process_from_document(struct ctx *ctx, const struct exec_opts *o, struct process *p, struct err *e)
{
	const struct process *parsed;
	char *text;
	size_t n;
	int r = 0;

	if (o->document)
		r = process_parse(&ctx->arena, "process.json", o->document->text, o->document->n, &parsed, e);
	else if ((r = file_read_given(&ctx->arena, o->process, PROCESS_MAX, &text, &n, e)) == 0)
		r = process_parse(&ctx->arena, "process.json", text, n, &parsed, e);
	if (r == 0)
		*p = *parsed;
	return r;
}

static int load_filter(struct ctx *ctx, const struct container *c, struct exec_options *x, struct err *e)
{
	char *data;
	size_t n;

	if (!c->state->seccomp)
		return 0;
	int r = file_read_at(&ctx->arena, c->dir_fd, STORE_SECCOMP, (size_t)1 << 20, &data, &n);
	if (r < 0)
		return err_sys(e, r, "read the seccomp program of container \"%s\"", c->id);
	x->filter = (struct plan_bytes){ (const uint8_t *)data, n };
	/* This process has a listener of its own, which goes where the first one's went. */
	x->filter_flags = c->state->seccomp_flags;
	x->filter_asks = x->filter_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return 0;
}

/* ---- running it --------------------------------------------------------------------------------------------------------- */

/* The container side of an exec that nobody has asked for yet: it has joined the container, and waits for its plan. */
struct begun { struct spawned child; int room, cgroup; };
#define BEGUN_NONE { { .pidfd = -EBADF, .sync = -EBADF }, -EBADF, -EBADF }

struct execution {
	const struct plan *plan;
	struct begun *begun;
	const struct state *state;
	const struct exec_opts *o;
	struct talk talk;
	/* With limits of its own: the container's cgroup, and the child's name in it. */
	int base;
	char child[32];
};

static int open_cgroup(const struct container *c, const struct exec_opts *o, struct ctx *ctx, int *ret, struct err *e)
{
	const char *base = c->state->cgroup_path;

	if (!base)
		return o->cgroup ? err_bad(e, "--cgroup: container \"%s\" has no cgroup", c->id) : 0;
	if (!o->cgroup)
		return cgroup_open(base, ret, e);
	/* runc's form names controllers first; on cgroup v2 there is one path. */
	const char *path = strrchr(o->cgroup, ':');
	path = path ? path + 1 : o->cgroup;
	const char *full = arena_printf(&ctx->arena, "%s%s%s", base, path[0] == '/' ? "" : "/", path);
	if (!full)
		return err_nomem(e);
	int r = cgroup_open(full, ret, e);
	if (r == -ENOENT)
		return err_set(e, ENOENT, "--cgroup %s: missing", o->cgroup);
	return r < 0 ? err_in(e, "--cgroup %s", o->cgroup) : 0;
}

static int limits_from_file(struct ctx *ctx, const char *file, struct cgroup_knob_list *k, struct err *e)
{
	const struct resources *parsed = NULL;
	char *text = NULL;
	size_t n = 0;
	int r = file_read_given(&ctx->arena, file, PROCESS_MAX, &text, &n, e);

	if (r == 0)
		r = resources_parse(&ctx->arena, file, text, n, &parsed, e);
	if (r == 0 && parsed && parsed->devices.n)
		return err_bad(e, "--resources %s: devices: the container's rules hold", file);
	return r < 0 ? r : cgroup_knobs(&ctx->arena, parsed, k, e);
}

/*
 * A cgroup of its own beside the container's processes; so these must be in a leaf. Not that leaf: what runs in it may
 * have made it a parent (a systemd does), and then no process can enter it.
 */
static int make_beside(struct execution *x, const struct container *c, struct ctx *ctx, int *ret, struct err *e)
{
	const struct state *s = c->state;
	struct cgroup_knob_list k = { 0 };
	int r = x->o->resources ? limits_from_file(ctx, x->o->resources, &k, e) : 0;

	if (r < 0)
		return r;
	if (!s->cgroup_path || !s->cgroup_leaf)
		return err_bad(e, "--resources: container \"%s\" has no place for a cgroup beside its own processes: create it "
				  "with the annotation %s=true", c->id, ANNOTATION_CGROUP_LEAF);
	r = cgroup_open(s->cgroup_path, &x->base, e);
	if (r < 0)
		return r;
	(void)snprintf(x->child, sizeof(x->child), "exec-%d", getpid());
	r = cgroup_make_child(x->base, s->cgroup_path, x->child, &k, ret, e);
	if (r < 0)
		x->child[0] = '\0';
	return r;
}

/* Whether a process can be begun as another one and go on as that of `p`: it is given all that it has after its fork. */
static bool can_begin(const struct plan *p, const struct container *c, const struct exec_opts *o)
{
	return p->steps.n > 2 && p->steps.v[0].op == STEP_JOIN && p->steps.v[1].op == STEP_FORK && p->opens.n == 1 &&
	       p->n_slots == 1 && !p->keep_fds && !p->core.set && !p->initial_affinity.n && !p->oom_score_adj.set &&
	       !o->resources && !o->cgroup && !c->state->cgroup_leaf;
}

static void begun_done(struct begun *b)
{
	struct talk t = { .child = b->child, .console = -EBADF };

	talk_abort(&t);
	b->child = t.child;
	fd_close(&b->room);
	fd_close(&b->cgroup);
}

/* As far as `p` is that of any other process. */
static int begin_ahead(struct ctx *ctx, const struct exec_opts *o, const struct container *c, const struct plan *p,
		       struct begun *b, struct err *e)
{
	int fds[3] = { -EBADF, -EBADF, -EBADF };
	struct step_rest rest = { .plan = 1, .cgroup = PLAN_NO_SLOT };
	struct plan_steps steps = { arena_array(&ctx->arena, p->steps.n + 1, sizeof(*steps.v)), 0 };

	if (!steps.v)
		return err_nomem(e);
	steps.v[steps.n++] = p->steps.v[0];
	steps.v[steps.n++] = (struct step){ STEP_REST, &rest };
	for (size_t i = 1; i < p->steps.n; i++)
		steps.v[steps.n++] = p->steps.v[i];
	auto_close int signals = signals_take(e); /* blocked, as the child shall have them */
	int r = signals < 0 ? signals : open_cgroup(c, o, ctx, &b->cgroup, e);
	if (r == 0 && (b->room = host_spawn_room(e)) < 0)
		r = b->room;
	if (r == 0)
		r = host_open_all(p, c->dir_fd, fds, e);
	if (r < 0)
		return r;
	if (b->cgroup >= 0)
		rest.cgroup = 2;
	fds[1] = b->room;
	fds[2] = b->cgroup;
	const struct spawn s = {
		.arena = &ctx->arena,
		.steps = &steps,
		.n_slots = b->cgroup >= 0 ? 3 : 2,
		.open_fds = fds,
		.n_open = b->cgroup >= 0 ? 3 : 2,
		.cgroup_fd = -1,
		.image = ctx->init_image,
	};
	ctx->ahead->lend(true);
	r = host_spawn(&s, &b->child, e);
	ctx->ahead->lend(false);
	host_close_all(p, fds);
	return r;
}

/* 1: it is of no use for this one, and not there any more. */
static int go_on(struct execution *x, const struct container *c, struct ctx *ctx, struct err *e)
{
	struct begun *b = x->begun;
	const struct plan_steps steps = { x->plan->steps.v + 1, x->plan->steps.n - 1 };
	const struct spawn s = { .arena = &ctx->arena, .steps = &steps };
	int r = can_begin(x->plan, c, x->o) ? host_spawn_rest(&b->child, b->room, &s, e) : -1;

	if (r == 0) {
		x->talk.child = b->child;
		x->talk.ahead = true;
		r = talk_until_ready(&x->talk, e);
		b->child = (struct spawned){ .pidfd = -EBADF, .sync = -EBADF };
		if (r == 0)
			r = b->cgroup >= 0 ? cgroup_verify(b->cgroup, x->talk.child.pid, e) : 0;
		if (r == 0 || x->talk.heard)
			return r;
		talk_abort(&x->talk);
		x->talk.ahead = false;
	}
	begun_done(b);
	return 1;
}

static int exec_start(struct execution *x, const struct container *c, struct ctx *ctx, struct err *e)
{
	auto_close int cgroup = -EBADF;
	int *fds = arena_array(&ctx->arena, x->plan->opens.n, sizeof(*fds));
	int r;

	if (!fds)
		return err_nomem(e);
	if (x->begun->child.sync >= 0 && (r = go_on(x, c, ctx, e)) <= 0)
		return r;
	r = x->o->resources || (c->state->cgroup_leaf && !x->o->cgroup) ? make_beside(x, c, ctx, &cgroup, e)
									 : open_cgroup(c, x->o, ctx, &cgroup, e);
	if (r == 0)
		r = TRACE_CALL(ctx->trace, "open descriptors", host_open_all(x->plan, c->dir_fd, fds, e));
	if (r < 0)
		return r;
	const struct spawn s = {
		.arena = &ctx->arena,
		.steps = &x->plan->steps,
		.n_slots = x->plan->n_slots,
		.open_fds = fds,
		.n_open = x->plan->opens.n,
		.cgroup_fd = cgroup,
		.keep_fds = x->plan->keep_fds,
		.trace = ctx->trace,
		.image = ctx->init_image,
	};
	if (x->plan->initial_affinity.n &&
	    syscall(SYS_sched_setaffinity, 0, x->plan->initial_affinity.n, x->plan->initial_affinity.v) < 0)
		r = err_sys(e, errno, "set process.execCPUAffinity.initial");
	if (r == 0)
		r = talk_begin(&x->talk, &s, e);
	host_close_all(x->plan, fds);
	return r;
}

static int hand_listener(struct talk *t, int fd, struct err *e)
{
	const struct execution *x = t->arg;

	return host_hand_listener(x->state, "running", t->child.pid, fd, e);
}

static int exec_outputs(struct execution *x, struct err *e)
{
	const struct create_outputs out = { .pid_file = x->o->pid_file,
					    .console_socket = x->o->console_socket,
					    .pidfd_socket = x->o->pidfd_socket };

	return host_outputs(&x->talk, &out, e);
}

static int exec_run_plan(struct ctx *ctx, const struct container *c, const struct exec_opts *o, const struct plan *p,
			 struct begun *begun, struct err *e)
{
	struct execution x = {
		.plan = p,
		.begun = begun,
		.state = c->state,
		.o = o,
		.base = -EBADF,
		.talk = { .plan = p,
			  .child = { .pidfd = -EBADF, .sync = -EBADF },
			  .timeout_ms = EXEC_TIMEOUT_MS,
			  .trace = ctx->trace,
			  .notify = hand_listener,
			  .arg = &x,
			  .cgroup_fd = -EBADF,
			  .console = -EBADF },
	};

	int r = signals_take(e);

	if (r < 0)
		return r;
	x.talk.signals = r;
	r = exec_start(&x, c, ctx, e);
	if (r == 0)
		r = rdt_join(c->state->rdt_group, c->state->rdt_monitor, x.talk.child.pid, e);
	if (r == 0)
		r = host_rlimits(&x.talk, e);
	if (r == 0 && !o->detach)
		host_window_size(x.talk.console);
	if (r == 0)
		r = talk_start(x.talk.child.sync, x.talk.child.pid, NULL, EXEC_TIMEOUT_MS, ctx->trace, e);
	if (r == 0)
		r = TRACE_CALL(ctx->trace, "outputs", exec_outputs(&x, e));
	if (r < 0) {
		if (e->code == ECONNRESET && x.talk.child.pidfd >= 0)
			best_effort(host_explain_end(x.talk.child.pidfd, -1, "before it ran", e));
		talk_abort(&x.talk);
	} else if (!o->detach) {
		const struct attach a = { .pidfd = x.talk.child.pidfd, .signals = x.talk.signals, .console = x.talk.console,
					  .ended = ctx->ahead ? ctx->ahead->ended : NULL };
		TRACE(ctx->trace, PROGRAM, "program", NULL);
		r = host_attach(&a, e);
	}
	/* With something still in it (a detached process, what it left behind) it goes with the container. */
	if (x.child[0])
		best_effort(cgroup_remove_child(x.base, x.child));
	fd_close(&x.base);
	fd_close(&x.talk.child.pidfd);
	fd_close(&x.talk.child.sync);
	fd_close(&x.talk.console);
	fd_close(&x.talk.signals);
	return r;
}

static bool has_cookie(const struct state *s)
{
	for (size_t i = 0; i < s->annotations.n; i++)
		if (str_eq(s->annotations.v[i].key, ANNOTATION_CORE_SCHED))
			return true;
	return false;
}

static int exec_prepare(struct ctx *ctx, const struct exec_opts *o, const struct container *c, struct facts *f, int argc,
			char **argv, const struct plan **ret, struct err *e)
{
	struct process *p = arena_new(&ctx->arena, struct process);
	const struct state *s = c->state;
	struct exec_options x = { .id = c->id,
				  .pid = (pid_t)s->pid,
				  .start_time = s->start_time,
				  .namespaces = s->namespaces,
				  .uid_mappings = s->uid_mappings,
				  .gid_mappings = s->gid_mappings,
				  .deny_setgroups = s->deny_setgroups,
				  .drop_mknod = s->drop_mknod,
				  .personality = s->personality,
				  .landlock = s->landlock,
				  .core_sched = has_cookie(s),
				  .process = p,
				  .keep_fds = o->preserve_fds };
	int r;

	if (!p)
		return err_nomem(e);
	const bool whole = o->process || o->document;
	if (!whole && argc < 1)
		return err_bad(e, "exec: a command or --process is needed");
	if (!s->process)
		return err_bad(e, "container \"%s\" has no process to start from", c->id);
	r = whole ? process_from_document(ctx, o, p, e) : process_from_options(ctx, o, s, argc, argv, p, e);
	if (r == 0 && str_eq(s->isolation, "vm")) {
		const struct process guest = *p;
		r = o->preserve_fds ? err_bad(e, "--preserve-fds: a descriptor of the host cannot be handed into a micro-VM")
				    : vm_exec_process(&ctx->arena, &guest, p, e);
	}
	if (r == 0 && p->terminal && o->detach && !o->console_socket)
		r = err_bad(e, "a detached process with a terminal needs --console-socket");
	if (r == 0 && !p->terminal && o->console_socket)
		r = err_bad(e, "--console-socket is given, but the process has no terminal");
	if (r == 0 && (p->apparmor_profile || p->selinux_label))
		facts_add_labels(f);
	if (r == 0)
		r = TRACE_CALL(ctx->trace, "read the filter", load_filter(ctx, c, &x, e));
	const char *root = arena_printf(&ctx->arena, "/proc/%d/root", x.pid);
	if (!root)
		return err_nomem(e);
	if (r == 0)
		r = host_home(&ctx->arena, root, &p->env, p->user.uid, o->passwd, &x.home, e);
	if (r == 0)
		r = TRACE_CALL(ctx->trace, "plan", plan_exec(&ctx->arena, &x, f, ret, e));
	for (size_t i = 0; r == 0 && i < (*ret)->warnings.n; i++)
		ctx_warn(ctx, "%s", (*ret)->warnings.v[i]);
	return r;
}

static int exec_ask_kernel(struct ctx *ctx, const struct state *s, struct facts *f, struct err *e)
{
	int r = TRACE_CALL(ctx->trace, "ask the kernel", facts_gather(f, NULL, e));

	if (r == 0 && s->landlock)
		facts_add_landlock(f);
	return r;
}

/* Until the process is known; one plan for practice, whose failure is that of the process that it was for. */
static void exec_wait(struct ctx *ctx, struct exec_opts *o, const struct container *c, struct facts *f, struct begun *b)
{
	const struct plan *p = NULL;
	struct err ignored;

	int r = exec_prepare(ctx, o, c, f, 0, NULL, &p, &ignored);
	if (r == 0 && p && can_begin(p, c, o) && begin_ahead(ctx, o, c, p, b, &ignored) < 0)
		begun_done(b);
	o->document = ctx->ahead->wait();
}

static int exec_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	struct exec_opts options = *(const struct exec_opts *)opts, *o = &options;
	auto_container struct container c = CONTAINER_NONE;
	const struct plan *p = NULL;
	struct facts f;
	struct begun begun = BEGUN_NONE;
	auto_close int passwd = -EBADF;
	enum status status = STATUS_CREATING;

	int r = trace_new(&ctx->arena, o->trace, "exec", argv[0], &ctx->trace, e);
	if (r == 0)
		r = fd_check_kept(o->preserve_fds, e);
	if (r == 0)
		r = TRACE_CALL(ctx->trace, "read the state", store_load(ctx, argv[0], &c, e));
	if (r == 0)
		r = container_status(&c, &status, NULL, e);
	if (r < 0)
		return r;
	if (status == STATUS_STOPPED)
		return err_set(e, ESRCH, "cannot exec in container \"%s\": container not running: no such process", c.id);
	if (status == STATUS_CREATING || (status == STATUS_PAUSED && !o->ignore_paused))
		return err_set(e, EINVAL, "cannot exec in container \"%s\" in state %s", c.id, status_name(status));
	r = exec_ask_kernel(ctx, c.state, &f, e);
	if (r < 0)
		return r;
	o->document = ctx->process;
	if (ctx->ahead) {
		o->passwd = &passwd;
		exec_wait(ctx, o, &c, &f, &begun);
	}
	r = exec_prepare(ctx, o, &c, &f, argc - 1, argv + 1, &p, e);
	if (r == 0 && p) /* there is a plan unless it failed */
		r = exec_run_plan(ctx, &c, o, p, &begun, e);
	begun_done(&begun);
	return r;
}

const struct command command_exec = {
	.name = "exec",
	.operands = "ID [COMMAND...]",
	.help = "run another process in a container",
	.run = exec_run,
	.options = exec_options,
	.opts_size = sizeof(struct exec_opts),
	.order = OPT_UNTIL_OPERANDS,
	.min_operands = 1,
	.max_operands = -1,
	.details = "The exit status is the program's, 128 + N when signal N killed it, 127 when it does not exist,\n"
		   "126 when it cannot be executed, 255 when it could not be started for another reason.\n",
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host side of create, start and delete. Everything that a creation leaves on the machine is recorded
 * before it is made, so that `delete --force` can undo it after any crash; on an ordinary failure it is
 * undone here, in reverse order.
 */
#include "host_create.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../oci/names.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"
#include "host_cgroup.h"
#include "host_converse.h"
#include "host_idmap.h"
#include "host_inspect.h"
#include "host_listener.h"
#include "host_netdev.h"
#include "host_network.h"
#include "host_open.h"
#include "host_record.h"
#include "host_run.h"
#include "host_socket.h"
#include "vm.h"

#define CREATE_TIMEOUT_MS 300000
#define START_TIMEOUT_MS 300000

/* One creation under way. */
struct creation {
	struct ctx *ctx;
	struct container *c;
	const struct plan *plan;
	const struct create_outputs *out;
	struct talk talk;
	struct host_cgroup cgroup;
	bool hooks_begun, rdt_made, inspect_again;
	struct netdev_move netdevs;
	struct strbuf hook_state;
};

void created_done(struct created *c)
{
	fd_close(&c->pidfd);
	fd_close(&c->sync);
	fd_close(&c->console);
	fd_close(&c->signals);
}

/* ---- the state as hooks see it -------------------------------------------------------------------------------- */

static void state_text(struct strbuf *b, const struct state *s, const char *status, int64_t pid)
{
	state_print_public(b, s, status, pid, 0);
}

/* On the host side's lane as one. */
static int run_traced_hooks(struct ctx *ctx, const struct hook_list *l, const char *point, const char *state, struct err *e)
{
	TRACE(ctx->trace, HOST, "hooks", point);

	return hooks_run(l, point, state, ctx->trace, e);
}

static int run_hooks(struct creation *k, const struct hook_list *l, const char *point, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	if (!l->n)
		return 0;
	state_text(&b, k->c->state, "creating", k->talk.child.pid);
	return b.failed ? err_nomem(e) : run_traced_hooks(k->ctx, l, point, b.p, e);
}

/* ---- answers to the container side -------------------------------------------------------------------------------- */

static int born(struct talk *t, struct err *e)
{
	struct creation *k = t->arg;

	TRACE(k->ctx->trace, HOST, "place the first process", NULL);

	k->c->state->pid = t->child.pid;
	int r = k->plan->rdt ? rdt_join(k->plan->rdt->group, k->plan->rdt->monitor, t->child.pid, e) : 0;
	if (r == 0 && t->outside)
		r = host_cgroup_attach(k->ctx, k->plan, &k->cgroup, t->child.pid, e);
	return r < 0 ? r : host_cgroup_entered(k->ctx, k->plan, &k->cgroup, e);
}

/* Started by whoever calls the listener (create), not by us (run). */
static bool by_listener(const struct plan *p)
{
	return p->opens.n && p->opens.v[0].kind == OPEN_LISTENER;
}

/* What is so as soon as the container is ready, beside what is so until then. */
static int prepare_record(struct creation *k, struct err *e)
{
	const struct state *s = k->c->state;
	/*
	 * Where nobody else is to say start, and no hook looks at the state in between, the program follows at once: one
	 * record for both. If we end here, the first process does too.
	 */
	bool at_once = !by_listener(k->plan) && !s->start_hooks && !(s->hooks && s->hooks->poststart.n);
	return record_process(k->ctx, k->c, k->plan, k->talk.child.pid, at_once ? "running" : "created", e);
}

/* While the container side mounts. */
static int meanwhile(struct talk *t, struct err *e)
{
	struct creation *k = t->arg;
	struct trace *tr = k->ctx->trace;
	int r = 0;

	/* It waits for this one. */
	if (k->plan->network_apart)
		r = TRACE_CALL(tr, "make the network namespace", host_network(t->child.sync, e));
	if (r == 0)
		r = TRACE_CALL(tr, "device program", host_cgroup_late(k->plan, &k->cgroup, e));
	if (r == 0 && k->plan->inspects) {
		r = TRACE_CALL(tr, "inspect", host_inspect(k->plan, t->child.pid, e));
		/* It may be ending, and say why. If it gets ready, there is something to be seen. */
		k->inspect_again = r == -ESRCH;
		r = k->inspect_again ? 0 : r;
	}
	if (r == 0 && k->plan->filter.n)
		r = TRACE_CALL(tr, "keep the filter", record_filter(k->c, k->plan, e));
	return r < 0 ? r : TRACE_CALL(tr, "write the state", prepare_record(k, e));
}

static int mounted(struct talk *t, const char **ret_state, struct err *e)
{
	struct creation *k = t->arg;

	k->c->state->pid = t->child.pid;
	/* Hooks see the network as the program will. */
	int r = TRACE_CALL(k->ctx->trace, "network devices",
			   netdevs_move(&k->ctx->arena, k->plan->config, t->child.pid, &k->netdevs, e));
	if (r < 0)
		return r;
	k->hooks_begun = true;
	r = run_hooks(k, &k->plan->hooks->prestart, "prestart", e);
	if (r == 0)
		r = run_hooks(k, &k->plan->hooks->create_runtime, "createRuntime", e);
	if (r < 0 || !k->plan->hooks->create_container.n)
		return r;
	/* Inside, the first process is 1 when the pid namespace is its own. */
	state_text(&k->hook_state, k->c->state, "creating", k->plan->new_pid_ns ? 1 : t->child.pid);
	*ret_state = k->hook_state.p;
	return k->hook_state.failed ? err_nomem(e) : 0;
}

static int hand_listener(struct talk *t, int fd, struct err *e)
{
	const struct creation *k = t->arg;

	return host_hand_listener(k->c->state, "creating", t->child.pid, fd, e);
}

/* ---- steps, each with what it leaves -------------------------------------------------------------------------------- */

static int start_container_side(struct creation *k, struct err *e)
{
	const struct plan *p = k->plan;
	int *fds = arena_array(&k->ctx->arena, p->opens.n, sizeof(*fds));

	if (!fds)
		return err_nomem(e);
	int r = TRACE_CALL(k->ctx->trace, "open descriptors", host_open_all(p, k->c->dir_fd, fds, e));
	if (r < 0)
		return r;
	const struct spawn s = {
		.arena = &k->ctx->arena,
		.steps = &p->steps,
		.n_slots = p->n_slots,
		.open_fds = fds,
		.n_open = p->opens.n,
		.clone_flags = p->clone_flags,
		.cgroup_fd = k->cgroup.fd,
		.keep_fds = p->keep_fds,
		.trace = k->ctx->trace,
		.image = k->ctx->init_image,
	};
	r = talk_begin(&k->talk, &s, e);
	host_close_all(p, fds);
	return r;
}

int host_rlimits(const struct talk *t, struct err *e)
{
	for (size_t i = 0; i < t->plan->rlimits.n; i++) {
		const struct plan_rlimit *l = &t->plan->rlimits.v[i];
		int r = sys_prlimit(t->child.pid, l->resource, &(struct sys_rlimit){ l->soft, l->hard });
		if (r < 0)
			return err_sys(e, r, "set %s", name_of(&rlimit_names, l->resource));
	}
	return 0;
}

static int write_pid_file(const char *path, pid_t pid, struct err *e)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);
	int r = file_publish(path, text, (size_t)n, 0644);

	return r < 0 ? err_set(e, -r, "write pid file %s: %s", path, r == -ENOENT ? "missing directory" : err_text(-r)) : 0;
}

int host_outputs(struct talk *t, const struct create_outputs *o, struct err *e)
{
	int r = 0;

	if (o->console_socket && t->console >= 0) {
		r = socket_hand_over(o->console_socket, "console socket", "/dev/pts/ptmx", 13, t->console, e);
		fd_close(&t->console);
	}
	if (r == 0 && o->pidfd_socket)
		r = socket_hand_over(o->pidfd_socket, "pidfd socket", "pidfd", 5, t->child.pidfd, e);
	if (r == 0 && o->pid_file)
		r = write_pid_file(o->pid_file, t->child.pid, e);
	return r;
}

/* An existing group of the container's own name is not ours: it must not be removed with the failed container. */
static int make_rdt(struct creation *k, struct err *e)
{
	if (!k->plan->rdt)
		return 0;
	int r = rdt_make(k->plan->rdt, e);
	k->rdt_made = r == 0;
	return r;
}

static int creation_steps(struct creation *k, struct err *e)
{
	struct trace *t = k->ctx->trace;
	int r = TRACE_CALL(t, "write the state", record_new(k->ctx, k->c, k->plan, e));

	if (r == 0)
		r = TRACE_CALL(t, "make the cgroup", host_cgroup_make(k->ctx, k->c, k->plan, &k->cgroup, e));
	if (r == 0)
		r = make_rdt(k, e);
	if (r == 0)
		r = start_container_side(k, e);
	if (r == 0 && k->inspect_again)
		r = host_inspect(k->plan, k->talk.child.pid, e);
	if (r == 0)
		r = host_rlimits(&k->talk, e);
	if (r == 0 && k->cgroup.fd >= 0)
		r = TRACE_CALL(t, "late limits", cgroup_apply(k->cgroup.fd, &k->plan->cgroup->knobs, CGROUP_LATE, e));
	if (r == 0 && k->plan->cgroup_leaf)
		r = cgroup_make_leaf(k->cgroup.fd, k->c->state->cgroup_path, k->talk.child.pid, k->plan->cgroup->owner_set,
				     k->plan->cgroup->owner_uid, e);
	if (r == 0)
		r = TRACE_CALL(t, "make the state hold", store_commit(k->c, e));
	if (r == 0)
		r = TRACE_CALL(t, "outputs", host_outputs(&k->talk, k->out, e));
	return r < 0 || !by_listener(k->plan) ? r : sync_send(k->talk.child.sync, SYNC_RECORDED, 0, -1, e);
}

static int remove_rdt(const struct state *s, struct err *e)
{
	return rdt_remove(s->rdt_group, s->rdt_own, s->rdt_monitor, e);
}

static void creation_undo(struct creation *k, struct err *e)
{
	struct err second = { 0 };

	if (e->code == ECONNRESET && k->talk.child.pidfd >= 0)
		best_effort(host_explain_end(k->talk.child.pidfd, k->cgroup.fd, "while the container was created", e));
	talk_abort(&k->talk);
	if (netdevs_return(&k->ctx->arena, &k->netdevs, &second) < 0)
		ctx_warn(k->ctx, "%s", second.text);
	if (k->hooks_begun && k->c->state)
		host_poststop(k->ctx, k->c);
	host_cgroup_done(k->ctx, k->plan, &k->cgroup);
	if (k->cgroup.made && k->c->state)
		best_effort(host_cgroup_remove(k->ctx, k->c->state, &second));
	if (k->rdt_made && k->c->state)
		best_effort(remove_rdt(k->c->state, &second));
	best_effort(store_remove(k->c, &second));
}

int host_create(struct ctx *ctx, struct container *c, const struct plan *p, const struct create_outputs *out,
		struct created *ret, struct err *e)
{
	struct creation k = {
		.ctx = ctx,
		.c = c,
		.plan = p,
		.out = out,
		.cgroup = HOST_CGROUP_NONE,
		.netdevs = NETDEV_MOVE_NONE,
		.talk = { .plan = p,
			  .child = { .pidfd = -EBADF, .sync = -EBADF },
			  .timeout_ms = CREATE_TIMEOUT_MS,
			  .trace = ctx->trace,
			  .born = born,
			  .meanwhile = meanwhile,
			  .mounted = mounted,
			  .notify = hand_listener,
			  .cgroup_fd = -EBADF,
			  .console = -EBADF },
	};
	int r = signals_take(e);

	k.talk.arg = &k;
	k.talk.outside_allowed = p->cgroup->manager == CGROUP_SYSTEMD;
	k.talk.signals = r;
	if (r >= 0)
		r = creation_steps(&k, e);
	if (r < 0) {
		creation_undo(&k, e);
		fd_close(&k.talk.signals);
	} else {
		if (by_listener(p))
			fd_close(&k.talk.child.sync);
		*ret = (struct created){ .pid = k.talk.child.pid,
					 .pidfd = k.talk.child.pidfd,
					 .sync = k.talk.child.sync,
					 .console = k.talk.console,
					 .signals = k.talk.signals };
	}
	strbuf_done(&k.hook_state);
	netdevs_done(&k.netdevs);
	host_cgroup_done(ctx, p, &k.cgroup);
	return r < 0 ? -e->code : 0;
}

/* ---- start -------------------------------------------------------------------------------------------------------------- */

int host_start(struct ctx *ctx, struct container *c, int sync, struct err *e)
{
	auto_strbuf struct strbuf inside = { 0 }, running = { 0 };
	struct state *s = c->state;
	int r;

	if (s->start_hooks)
		state_text(&inside, s, "created", s->own_pid_namespace ? 1 : s->pid);
	if (s->hooks && s->hooks->poststart.n)
		state_text(&running, s, "running", s->pid);
	if (inside.failed || running.failed)
		return err_nomem(e);
	r = talk_start(sync, (pid_t)s->pid, s->start_hooks ? inside.p : NULL, START_TIMEOUT_MS, ctx->trace, e);
	if (r == 0 && s->hooks)
		r = s->hooks->poststart.n ? run_traced_hooks(ctx, &s->hooks->poststart, "poststart", running.p, e) : 0;
	if (r == 0 && str_eq(s->status, "running"))
		return 0; /* recorded already */
	if (r == 0) {
		(void)unlinkat(c->dir_fd, STORE_START, 0);
		s->status = "running";
		return TRACE_CALL(ctx->trace, "write the state", store_save(ctx, c, e));
	}
	/* The specification: a failed start or poststart hook stops the container and goes on with its deletion. */
	struct err second;
	best_effort(host_destroy(ctx, c, -1, &second));
	return -e->code;
}

/* ---- the end -------------------------------------------------------------------------------------------------------------- */

int host_explain_end(int pidfd, int cgroup_fd, const char *when, struct err *e)
{
	siginfo_t si = { 0 };
	char events[512];

	if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOWAIT) < 0)
		return -e->code;
	if (si.si_code == CLD_EXITED)
		return err_set(e, e->code, "the container's first process exited with status %d %s", si.si_status, when);
	const char *oom = cgroup_fd >= 0 && file_read_short(cgroup_fd, "memory.events", events, sizeof(events)) > 0 ?
				  strstr(events, "oom_kill ") :
				  NULL;
	if (oom && oom[strlen("oom_kill ")] != '0')
		return err_set(e, ENOMEM, "the container's first process was killed for lack of memory %s: its memory "
					  "limit is too low", when);
	return err_set(e, e->code, "the container's first process was killed by signal %d %s", si.si_status, when);
}

static void warn_hook(void *arg, const char *text)
{
	ctx_warn(arg, "%s", text);
}

void host_poststop(struct ctx *ctx, struct container *c)
{
	auto_strbuf struct strbuf b = { 0 };

	if (!c->state || !c->state->hooks || !c->state->hooks->poststop.n)
		return;
	state_text(&b, c->state, "stopped", 0);
	if (!b.failed)
		hooks_run_all(&c->state->hooks->poststop, "poststop", b.p, ctx->trace, warn_hook, ctx);
}

int host_destroy(struct ctx *ctx, struct container *c, int pidfd, struct err *e)
{
	const struct state *s = c->state;
	TRACE(ctx->trace, HOST, "destroy", NULL);
	int r = 0;

	if (s) {
		auto_close int first = pidfd >= 0 ? fcntl(pidfd, F_DUPFD_CLOEXEC, 3) : proc_open((pid_t)s->pid, s->start_time);
		/* Without a cgroup nothing else ends it: forgotten while it lives, it could never be removed. */
		if (first < 0 && first != -ESRCH)
			return err_sys(e, first, "container \"%s\": open its first process", c->id);
		if (first >= 0) {
			r = sys_pidfd_send_signal(first, SIGKILL);
			if (r < 0 && r != -ESRCH && !s->cgroup_path) /* else the cgroup ends it too */
				return err_sys(e, r, "container \"%s\": kill its first process", c->id);
			if (r == 0)
				best_effort(proc_wait_end(first, CGROUP_REMOVE_TIMEOUT_MS));
			best_effort(proc_reap(first)); /* only when it is our own child */
		}
		r = TRACE_CALL(ctx->trace, "remove the cgroup", host_cgroup_remove(ctx, s, e));
		if (r == 0)
			r = remove_rdt(s, e);
		if (r < 0)
			return err_in(e, "container \"%s\"", c->id);
		struct err why;
		if (s->tap_netns && vm_leave_network(s->tap_netns, s->tap_netns_inode, &why) < 0)
			ctx_warn(ctx, "container \"%s\": %s", c->id, why.text);
	}
	/* Between undoing and forgetting: hooks may ask for the state no more, but a failed removal can be repeated. */
	host_poststop(ctx, c);
	return store_remove(c, e);
}

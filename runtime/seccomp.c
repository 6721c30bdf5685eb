/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the seccomp section of a configuration to a BPF program: the checks and flags, and the way through
 * libseccomp for what seccomp_gen.c does not express. It must not load anything: the filter belongs to the
 * container's process, and libseccomp is never asked to set no_new_privs.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "seccomp.h"
#include "seccomp_names.h"

#define FLAG_TSYNC (1U << 0)
#define FLAG_SPEC_ALLOW (1U << 2)
#define FLAG_NEW_LISTENER (1U << 3)
#define FLAG_WAIT_KILLABLE_RECV (1U << 5) /* Linux 5.19 */

static void filter_release(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

/* The action with its data; EPERM where the document gives none (config-linux.md). */
uint32_t seccomp_action(uint32_t action, const struct opt_u32 *errno_ret)
{
	uint32_t data = errno_ret->set ? errno_ret->v : EPERM;

	if (action == SCMP_ACT_ERRNO(0))
		return SCMP_ACT_ERRNO(data);
	if (action == SCMP_ACT_TRACE(0))
		return SCMP_ACT_TRACE(data);
	return action;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- what needs no libseccomp ------------------------------------------------------------------------- */

/*
 * The listener reaches the host through these calls of the container's process; answering them takes the
 * listener, so such a container could never start.
 */
static int check_notify(const struct seccomp_rule *r, struct err *e)
{
	static const char *const needed[] = { "sendmsg", "recvmsg", "write" };

	for (size_t i = 0; i < r->names.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(needed); k++)
			if (str_eq(r->names.v[i], needed[k]))
				return err_bad(
					e,
					"SCMP_ACT_NOTIFY cannot be used for the %s syscall: the listener is "
					"handed over with it",
					needed[k]);
	return 0;
}

static int check_rules(const struct seccomp_conf *c, bool *ret_notify, struct err *e)
{
	bool notify = false;

	if (c->default_action == SCMP_ACT_NOTIFY)
		return err_bad(e, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default");
	for (size_t i = 0; i < c->syscalls.n; i++) {
		const struct seccomp_rule *r = &c->syscalls.v[i];

		if (r->action == SCMP_ACT_NOTIFY) {
			if (check_notify(r, e) < 0)
				return err_in(e, "linux.seccomp.syscalls[%zu]", i);
			notify = true;
		}
		for (size_t k = 0; k < r->args.n; k++)
			if (r->args.v[k].index >= SECCOMP_ARGS)
				return err_bad(e,
					       "linux.seccomp.syscalls[%zu].args[%zu].index: must be between "
					       "0 and 5",
					       i, k);
	}
	*ret_notify = notify;
	return 0;
}

/* Without the member the mitigation is left off, as engines have come to rely on; an empty list is no flag.
 */
static uint32_t program_flags(const struct seccomp_conf *c, bool notify)
{
	uint32_t flags = c->flags.v ? 0 : FLAG_SPEC_ALLOW;

	for (size_t i = 0; c->flags.v && i < c->flags.n; i++)
		flags |= c->flags.v[i];
	/* The kernel knows it together with a listener only (seccomp(2)). */
	if (!notify)
		return flags & ~FLAG_WAIT_KILLABLE_RECV;
	/* It refuses TSYNC together with one, and the process that loads has one thread. */
	return (flags & ~FLAG_TSYNC) | FLAG_NEW_LISTENER;
}

/* ---- libseccomp --------------------------------------------------------------------------------------- */

static struct scmp_arg_cmp arg_compare(const struct seccomp_arg *g)
{
	/* MASKED_EQ: the mask comes first in both. */
	return (struct scmp_arg_cmp){
		.arg = g->index, .op = (enum scmp_compare)g->op, .datum_a = g->value, .datum_b = g->value_two
	};
}

bool seccomp_args_repeat(const struct seccomp_rule *r)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < r->args.n; i++) {
		if (seen & 1U << r->args.v[i].index)
			return true;
		seen |= 1U << r->args.v[i].index;
	}
	return false;
}

/* One name of one rule. An argument that is compared twice makes alternatives of the comparisons. */
static int reference_rule(scmp_filter_ctx ctx, uint32_t action, int nr, const struct seccomp_rule *r)
{
	struct scmp_arg_cmp args[SECCOMP_ARGS];

	if (!seccomp_args_repeat(r)) {
		for (size_t i = 0; i < r->args.n; i++)
			args[i] = arg_compare(&r->args.v[i]);
		return seccomp_rule_add_array(ctx, action, nr, (unsigned int)r->args.n, args);
	}
	for (size_t i = 0; i < r->args.n; i++) {
		args[0] = arg_compare(&r->args.v[i]);
		int rc = seccomp_rule_add_array(ctx, action, nr, 1, args);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int reference_rules(scmp_filter_ctx ctx, const struct seccomp_conf *c, uint32_t act_default,
			   struct err *e)
{
	for (size_t i = 0; i < c->syscalls.n; i++) {
		const struct seccomp_rule *r = &c->syscalls.v[i];
		uint32_t action = seccomp_action(r->action, &r->errno_ret);

		if (action == act_default)
			continue;
		for (size_t k = 0; k < r->names.n; k++) {
			int nr = seccomp_syscall_resolve_name(r->names.v[k]);

			if (nr == __NR_SCMP_ERROR)
				continue;
			int rc = reference_rule(ctx, action, nr, r);
			if (rc == -EEXIST)
				return err_set(e, EEXIST,
					       "linux.seccomp.syscalls[%zu]: another rule has a different "
					       "action for %s "
					       "with the same arguments",
					       i, r->names.v[k]);
			if (rc < 0)
				return err_sys(e, rc, "linux.seccomp.syscalls[%zu]: add a rule for %s", i,
					       r->names.v[k]);
		}
	}
	return 0;
}

/* libseccomp writes to descriptors only. */
static int reference_export(struct arena *a, scmp_filter_ctx ctx, struct seccomp_program *ret, struct err *e)
{
	auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_sys(e, errno, "memfd_create");
	int rc = seccomp_export_bpf(ctx, fd);
	if (rc < 0)
		return err_sys(e, rc, "linux.seccomp: generate the program");
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "fstat the seccomp program");

	size_t size = (size_t)st.st_size;
	struct sock_filter *v = arena_alloc(a, size);
	if (!v)
		return err_nomem(e);
	ssize_t got = pread(fd, v, size, 0);
	if (got < 0)
		return err_sys(e, errno, "read the seccomp program");
	if ((size_t)got != size || size == 0 || size % sizeof(*v))
		return err_set(e, EIO, "read the seccomp program: incomplete");
	if (size / sizeof(*v) > BPF_MAXINSNS)
		return err_bad(e, "linux.seccomp: the program has %zu instructions, the kernel takes %d",
			       size / sizeof(*v), BPF_MAXINSNS);
	ret->v = v;
	ret->n = size / sizeof(*v);
	return 0;
}

int seccomp_by_library(struct arena *a, const struct seccomp_conf *c, struct seccomp_program *ret,
		       struct err *e)
{
	uint32_t act_default = seccomp_action(c->default_action, &c->default_errno_ret);
	__attribute__((cleanup(filter_release))) scmp_filter_ctx ctx = seccomp_init(act_default);
	int rc;

	if (!ctx)
		return err_bad(e, "linux.seccomp.defaultAction: refused by libseccomp");
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (rc < 0)
		return err_sys(e, rc, "linux.seccomp: leave no_new_privs alone");
	for (size_t i = 0; i < c->architectures.n; i++) {
		rc = seccomp_arch_add(ctx, c->architectures.v[i]);
		/* -EDOM: of the other byte order. This machine has no system calls of it, so none can get through. */
		if (rc < 0 && rc != -EEXIST && rc != -EDOM)
			return err_sys(e, rc, "linux.seccomp.architectures[%zu]: add the architecture", i);
	}
	rc = reference_rules(ctx, c, act_default, e);
	return rc < 0 ? rc : reference_export(a, ctx, ret, e);
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static int collect_unknown(struct arena *a, const struct seccomp_conf *c, const struct syscall_row *const *rows,
			   struct strv *ret, struct err *e)
{
	struct strv l = { 0 };

	for (size_t i = 0; i < c->syscalls.n; i++) {
		const struct strv *names = &c->syscalls.v[i].names;

		for (size_t k = 0; k < names->n; k++)
			if (!*rows++ && seccomp_syscall_resolve_name(names->v[k]) == __NR_SCMP_ERROR &&
			    strv_add(a, &l, names->v[k]) < 0)
				return err_nomem(e);
	}
	if (l.n == 0)
		return 0;
	qsort(l.v, l.n, sizeof(*l.v), name_compare);
	size_t total = l.n;
	l.n = 0;
	for (size_t i = 0; i < total; i++)
		if (l.n == 0 || !str_eq(l.v[l.n - 1], l.v[i]))
			l.v[l.n++] = l.v[i];
	l.v[l.n] = NULL;
	*ret = l;
	return 0;
}

int seccomp_compile(struct arena *a, const struct seccomp_conf *c, struct seccomp_program *ret,
		    struct strv *ret_unknown, struct err *e)
{
	struct seccomp_program p = { 0 };
	struct strv unknown = { 0 };
	int r = check_rules(c, &p.notify, e);

	if (r < 0)
		return r;
	const struct syscall_row **rows = syscall_find_all(a, c);
	if (!rows)
		return err_nomem(e);
	r = collect_unknown(a, c, rows, &unknown, e);
	if (r < 0)
		return r;
	r = seccomp_generate(a, c, rows, &p, e);
	if (r < 0)
		return r;
	if (r == 0) {
		r = seccomp_by_library(a, c, &p, e);
		if (r < 0)
			return r;
		r = seccomp_prepend_enosys(a, c, rows, &p, e);
		if (r < 0)
			return r;
	}
	p.flags = program_flags(c, p.notify);
	*ret = p;
	*ret_unknown = unknown;
	return 0;
}

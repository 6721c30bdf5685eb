/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --debug: what was decided, and why, in a few lines; what is done afterwards the marks of --trace say. It only reads
 * what the plan and the facts hold already: it must not ask the kernel for anything, nor say what --dry-run says better.
 */
#include "debug.h"

#include <linux/filter.h>
#include <sched.h>

#include "../oci/names.h"
#include "base/util.h"

static void say_namespaces(struct strbuf *b, const char *what, uint64_t flags)
{
	const char *before = what;

	for (size_t i = 0; i < ns_names.n; i++)
		if (flags & ns_names.v[i].value) {
			strbuf_printf(b, "%s %s", before, ns_names.v[i].name);
			before = "";
		}
}

static void namespaces(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)f;
	strbuf_puts(b, "namespaces:");
	say_namespaces(b, " new:", p->fresh);
	say_namespaces(b, p->fresh ? "; joined:" : " joined:", p->namespaces & ~p->fresh);
	if (!(p->namespaces | p->fresh))
		strbuf_puts(b, " the caller's");
	if (p->root_alone)
		strbuf_puts(b, "; the mount namespace is of the root alone");
	if (p->network_apart)
		strbuf_puts(b, "; the network namespace is made while the container side mounts");
}

static void isolation(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)f;
	strbuf_puts(b, p->guest ? "isolation: vm; what follows is of the VMM's container" : "isolation: namespaces");
}

static void caller(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)p;
	strbuf_printf(b, "caller: uid %u, gid %u, capabilities 0x%llx, %s user namespace%s", f->uid, f->gid,
		      (unsigned long long)f->cap_effective, f->in_userns ? "in a" : "in the initial",
		      f->setgroups_denied ? ", setgroups denied" : "");
}

static void places(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)f;
	strbuf_printf(b, "bundle: %s, root %s", p->bundle, p->rootfs);
}

static void id_maps(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)f;
	if (p->maps.set)
		strbuf_printf(b, "id maps: %zu of users, %zu of groups, written %s", p->maps.uid.n, p->maps.gid.n,
			      p->maps.helpers ? "by newuidmap and newgidmap: the caller may not map ranges"
					      : "by ourselves");
}

static void cgroup(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	const struct cgroup_plan *c = p->cgroup;

	if (!c || c->manager == CGROUP_DISABLED) {
		strbuf_puts(b, "cgroup: none, the caller's: ");
		strbuf_puts(b, f->cgroup.mode == CGROUP_MODE_NONE ? "there is no cgroup2 to use" : "the manager is \"disabled\", or there is no place that the caller may write");
		return;
	}
	strbuf_printf(b, "cgroup: %s below %s", c->path ? c->path : "where systemd places it", f->cgroup.mount);
	if (c->unit)
		strbuf_printf(b, ", systemd unit %s in %s", c->unit, c->slice);
	strbuf_printf(b, "; %zu writes", c->knobs.n);
	if (*f->cgroup.v1_controllers)
		strbuf_printf(b, "; cgroup v1 holds %s", f->cgroup.v1_controllers);
}

static void devices(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)f;
	if (p->cgroup && p->cgroup->devices.n)
		strbuf_puts(b, "devices: a program at the cgroup");
	else if (p->drop_mknod)
		strbuf_puts(b, "devices: CAP_MKNOD is taken away, since no cgroup can hold the rules");
	else if (p->cgroup && p->cgroup->devices_skipped)
		strbuf_puts(b, "devices: no program: the caller may not attach one, and nobody there can make nodes");
}

static void filter(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)f;
	if (p->filter.n)
		strbuf_printf(b, "seccomp: a program of %llu instructions, flags 0x%llx%s",
			      (unsigned long long)(p->filter.n / sizeof(struct sock_filter)), (unsigned long long)p->filter_flags,
			      p->seccomp_notify ? ", with a listener" : "");
	else
		strbuf_puts(b, "seccomp: none, the configuration asks for none");
}

static void inspection(struct strbuf *b, const struct plan *p, const struct facts *f)
{
	(void)f;
	strbuf_puts(b, p->inspects ? "inspection: the host side looks at the first process's namespaces"
				   : "inspection: by the container side alone");
}

void debug_plan(const struct plan *p, const struct facts *f, const struct trace *t)
{
	static void (*const rows[])(struct strbuf *b, const struct plan *p, const struct facts *f) = {
		caller, places, isolation, namespaces, id_maps, cgroup, devices, filter, inspection,
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows) && trace_talks(t); i++) {
		auto_strbuf struct strbuf b = { 0 };
		rows[i](&b, p, f);
		if (b.n && !b.failed)
			t->say(t->who, b.p);
	}
}

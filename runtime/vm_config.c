/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configuration becomes two. The host's is that of the VMM's container: the bundle's limits, hooks, network
 * namespace, ids and labels around a program of ours. The guest's is the bundle's own without what the host does, with
 * the sources of its binds inside the share. What can hold in neither is refused: nothing becomes weaker in silence.
 * No system call here but looking for the VMM's programs and asking what the machine can.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../oci/annotations.h"
#include "../oci/json.h"
#include "base/util.h"
#include "probe.h"
#include "sanitized.h"
#include "vm.h"

#define MIB ((uint64_t)1024 * 1024)
#define MEMORY_DEFAULT 256U  /* MiB: of a guest without a limit */
#define MEMORY_MIN 96U	     /* less than this Debian's kernel does not start in */
#define VCPUS_MAX 64U
#define CPU_PERIOD 100000U   /* microseconds: the kernel's own (cgroup-v2.rst, cpu.max) */
#define TIMEOUT_KVM 30U	     /* seconds; a guest starts in one on an idle machine */
#define TIMEOUT_TCG 120U
#define OVERHEAD_KVM 96U     /* MiB that VMM and file server may use beside the guest's memory */
#define OVERHEAD_TCG 384U    /* emulation keeps translated code */

/* ---- the machine ------------------------------------------------------------------------------------------- */

static const char *first_of(struct arena *a, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (paths[i] && access(paths[i], X_OK) == 0)
			return arena_strdup(a, paths[i]);
	return NULL;
}

static int find_programs(struct arena *a, const struct vm_conf *v, const struct vm_limits *limits, struct vm_machine *m,
			 struct err *e)
{
	static const char *const servers[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd",
					       "/usr/bin/virtiofsd" };
	struct utsname u;

	if (v && v->hypervisor) {
		if (!str_starts(v->hypervisor->path, "/usr/") || access(v->hypervisor->path, X_OK) < 0)
			return err_bad(e, "vm.hypervisor.path %s: must be a QEMU below /usr", v->hypervisor->path);
		int r = vm_limits_hypervisor(limits, "vm.hypervisor.path", v->hypervisor->path, e);
		if (r < 0)
			return r;
		m->qemu = v->hypervisor->path;
	} else if (uname(&u) == 0) {
		const char *const qemu = arena_printf(a, "/usr/bin/qemu-system-%s", u.machine);
		m->qemu = first_of(a, &qemu, 1);
	}
	m->virtiofsd = first_of(a, servers, ARRAY_SIZE(servers));
	if (!m->qemu)
		return err_set(e, ENOENT, "micro-VM: QEMU is not installed (Debian: qemu-system-x86)");
	if (!m->virtiofsd)
		return err_set(e, ENOENT, "micro-VM: virtiofsd is not installed (Debian 12: qemu-system-common; later: "
					  "virtiofsd)");
	return 0;
}

/* A refusal says what the probe says. */
static int choose_accelerator(const struct isolation_choice *how, struct vm_machine *m, struct err *e)
{
	struct probe p;
	int r = probe_run(&p, NULL, e);

	if (r < 0)
		return r;
	m->kvm = str_eq(p.verdict, "kvm") || str_eq(p.verdict, "kvm-nested");
	if (m->kvm || how->emulate)
		return 0;
	const struct probe_check *c = probe_find(&p, str_eq(p.verdict, "kvm-software") ? "kvm-linux" : "kvm");
	return err_set(e, ENOTSUP, "micro-VM: %s: %s%s%s (--isolation vm,emulate takes emulation instead)",
		       c ? c->label : "KVM", c ? c->value : "not usable", c && c->advice[0] ? ": " : "",
		       c ? c->advice : "");
}

/* As many as the limit lets run at once; an emulated processor more is slower, not faster. */
static uint64_t vcpus_of_quota(const struct config *c, const struct vm_machine *m)
{
	const struct cpu_conf *cpu = c->linux_ && c->linux_->resources ? c->linux_->resources->cpu : NULL;
	const uint64_t period = cpu && cpu->period.set && cpu->period.v ? cpu->period.v : CPU_PERIOD;

	if (!m->kvm || !cpu || !cpu->quota.set || cpu->quota.v <= 0)
		return 0;
	return MIN(((uint64_t)cpu->quota.v + period - 1) / period, (uint64_t)VCPUS_MAX);
}

static uint32_t timeout_of(const struct config *c, const struct vm_machine *m)
{
	const char *annotation = config_annotation(c, ANNOTATION_VM_TIMEOUT);
	uint64_t v = m->kvm ? TIMEOUT_KVM : TIMEOUT_TCG;

	if (annotation)
		best_effort(str_u64(annotation, UINT32_MAX, &v)); /* its form is checked */
	return (uint32_t)v;
}

static int size_memory(const struct config *c, const struct vm_limits *limits, uint64_t *ret, struct err *e)
{
	const struct memory_conf *limit = c->linux_ && c->linux_->resources ? c->linux_->resources->memory : NULL;
	const struct vm_hw_config *hw = c->vm ? c->vm->hw_config : NULL;
	const char *annotation = config_annotation(c, ANNOTATION_VM_MEMORY);
	const uint64_t most = limit && limit->limit.set && limit->limit.v > 0 ? (uint64_t)limit->limit.v : 0;
	int64_t asked;

	if (annotation && str_size(annotation, &asked) == 0) /* its form is checked */
		*ret = (uint64_t)asked;
	else if (hw && hw->memory.set)
		*ret = hw->memory.v;
	else if (most)
		*ret = most;
	else if (limits->memory.usual.set)
		*ret = limits->memory.usual.v;
	else /* nobody has asked for anything */
		*ret = limits->memory.most.set ? MIN(limits->memory.most.v, MEMORY_DEFAULT * MIB) : MEMORY_DEFAULT * MIB;
	/* The VMM would be killed as soon as the guest used it. */
	if (most && *ret > most)
		return err_bad(e, "micro-VM: %llu MiB of memory: linux.resources.memory.limit is %llu",
			       (unsigned long long)(*ret / MIB), (unsigned long long)(most / MIB));
	if (*ret / MIB < MEMORY_MIN || *ret / MIB > UINT32_MAX)
		return err_bad(e, "micro-VM: %llu MiB of memory: must be at least %u", (unsigned long long)(*ret / MIB),
			       MEMORY_MIN);
	return 0;
}

static int size_machine(const struct config *c, const struct vm_limits *limits, struct vm_machine *m, struct err *e)
{
	const struct vm_hw_config *hw = c->vm ? c->vm->hw_config : NULL;
	const char *annotation = config_annotation(c, ANNOTATION_VM_VCPUS);
	uint64_t memory, vcpus = vcpus_of_quota(c, m);
	int r = size_memory(c, limits, &memory, e);

	if (r < 0)
		return r;
	if (hw && hw->vcpus.set)
		vcpus = hw->vcpus.v;
	if (annotation)
		best_effort(str_u64(annotation, UINT32_MAX, &vcpus)); /* its form is checked */
	if (!vcpus)
		vcpus = limits->vcpus.usual.set ? limits->vcpus.usual.v : 1;
	if (vcpus < 1 || vcpus > VCPUS_MAX)
		return err_bad(e, "%s: must be between 1 and %u",
			       annotation ? "annotations[\"" ANNOTATION_VM_VCPUS "\"]" : "vm.hwConfig.vcpus", VCPUS_MAX);
	m->timeout = timeout_of(c, m);
	m->memory_mib = memory / MIB;
	m->vcpus = (uint32_t)vcpus;
	return vm_limits_size(limits, memory, vcpus, e);
}

/* Who has the right in the namespace that it is about: a user namespace's root, or the caller. */
static bool may_make_taps(const struct config *c)
{
	return access("/dev/net/tun", F_OK) == 0 &&
	       (config_namespace(c, CLONE_NEWUSER) || prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) == 1);
}

static bool is_own_namespace(const char *path)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat("/proc/self/ns/net", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Its program waits; its micro-VM must not take from the pod's other one what comes in. */
static bool is_sandbox(const struct config *c)
{
	const char *cri = config_annotation(c, ANNOTATION_CRI_TYPE), *crio = config_annotation(c, ANNOTATION_CRIO_TYPE);

	return (cri && str_eq(cri, ANNOTATION_TYPE_SANDBOX)) || (crio && str_eq(crio, ANNOTATION_TYPE_SANDBOX));
}

static int choose_network(const struct config *c, enum vm_network *ret, struct err *e)
{
	static const char *const words[] = { [VM_NETWORK_NONE] = "none", [VM_NETWORK_USER] = "user",
					     [VM_NETWORK_TAP_OR_USER] = "auto", [VM_NETWORK_TAP] = "tap" };
	const char *asked = config_annotation(c, ANNOTATION_VM_NETWORK);
	const struct namespace_conf *n = config_namespace(c, CLONE_NEWNET);
	/* A device of the machine itself is never taken from it. */
	const bool hosts = !n || (n->path && is_own_namespace(n->path));
	const bool filled = c->hooks && (c->hooks->prestart.n || c->hooks->create_runtime.n);

	*ret = VM_NETWORK_TAP_OR_USER;
	for (size_t i = 0; asked && i < ARRAY_SIZE(words); i++)
		if (str_eq(asked, words[i]))
			*ret = (enum vm_network)i;
	if (*ret == VM_NETWORK_TAP && (hosts || !may_make_taps(c)))
		return err_bad(e, "annotations[\"" ANNOTATION_VM_NETWORK "\"]: %s", hosts ?
			       "the machine's own network namespace has no place for a micro-VM" :
			       "a tap needs CAP_NET_ADMIN and /dev/net/tun");
	if (*ret != VM_NETWORK_TAP_OR_USER)
		return 0;
	if ((n && !n->path && !filled) || is_sandbox(c))
		*ret = VM_NETWORK_NONE; /* nobody puts anything into it, or uses what is there */
	else if (hosts || !may_make_taps(c))
		*ret = VM_NETWORK_USER;
	return 0;
}

static const char *join(struct arena *a, const struct strv *l)
{
	const char *s = NULL;

	for (size_t i = 0; i < l->n; i++)
		s = s ? arena_printf(a, "%s %s", s, l->v[i]) : arena_strdup(a, l->v[i]);
	return s;
}

/* ---- what cannot hold -------------------------------------------------------------------------------------- */

static int check_vm_section(const struct vm_conf *v, struct err *e)
{
	const struct vm_hw_config *hw = v ? v->hw_config : NULL;

	if (v && v->image)
		return err_bad(e, "vm.image: the root filesystem is root.path, shared with the guest");
	if (v && v->kernel && v->kernel->initrd)
		return err_bad(e, "vm.kernel.initrd: the guest starts from one of ctr's own");
	if (v && v->hypervisor && v->hypervisor->parameters.n)
		return err_bad(e, "vm.hypervisor.parameters: the machine is put together by ctr");
	if (hw && (hw->device_tree || hw->dtdevs.n || hw->iomems.n || hw->irqs.n))
		return err_bad(e, "vm.hwConfig: devices of the host cannot be handed on");
	return 0;
}

static int check_namespaces(const struct linux_conf *l, struct err *e)
{
	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct namespace_conf *n = &l->namespaces.v[i];
		if (n->path && n->type != CLONE_NEWNET && n->type != CLONE_NEWUSER)
			return err_bad(e, "linux.namespaces[%zu].path: a micro-VM has a kernel of its own: only network and "
					  "user namespaces of the host can be joined", i);
	}
	return 0;
}

static int check_possible(const struct config *c, struct err *e)
{
	static const struct linux_conf none;
	const struct linux_conf *l = c->linux_ ? c->linux_ : &none;
	const char *overlay = config_annotation(c, ANNOTATION_OVERLAY);
	int r = check_vm_section(c->vm, e);

	if (r == 0)
		r = check_namespaces(l, e);
	if (r < 0)
		return r;
	if (!c->process)
		return err_bad(e, "process: a micro-VM needs a program");
	if (l->net_devices.n)
		return err_bad(e, "linux.netDevices: a device of the host cannot be moved into a micro-VM");
	if (l->seccomp && l->seccomp->listener_path)
		return err_bad(e, "linux.seccomp.listenerPath: a micro-VM's calls cannot be answered on the host");
	if (c->hooks && c->hooks->create_container.n)
		return err_bad(e, "hooks.createContainer: their programs are the host's, the container is in a micro-VM");
	if (config_annotation(c, ANNOTATION_ROOT_IDMAP))
		return err_bad(e, "annotations[\"%s\"]: not possible in a micro-VM", ANNOTATION_ROOT_IDMAP);
	if (overlay && !str_eq(overlay, "tmpfs"))
		return err_bad(e, "annotations[\"%s\"]: a micro-VM's root can have an overlay in memory only",
			       ANNOTATION_OVERLAY);
	return 0;
}

/* ---- mounts ------------------------------------------------------------------------------------------------ */

static struct strv words(struct arena *a, const char *const *w, size_t n)
{
	char **v = arena_array(a, n + 1, sizeof(*v));

	for (size_t i = 0; v && i < n; i++)
		v[i] = (char *)(uintptr_t)w[i];
	return (struct strv){ v, v ? n : 0 };
}
#define WORDS(a, ...) \
	words((a), (const char *const[]){ __VA_ARGS__ }, ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

struct mounts { struct mount_conf *v; size_t n, room; bool failed; };

static void add(struct mounts *l, struct mount_conf m)
{
	if (l->n < l->room && m.destination && m.source && m.options.v)
		l->v[l->n++] = m;
	else
		l->failed = true;
}

static struct mount_conf *new_fs(struct arena *a, struct mount_conf *m, const char *type, const char *at, const char *data)
{
	*m = (struct mount_conf){ .destination = at, .source = type, .type = type,
				  .options = data ? WORDS(a, "nosuid", "nodev", data) : WORDS(a, "nosuid", "nodev", "noexec") };
	return m;
}

/* Whether the host already keeps the guest from writing to it. */
static bool is_readonly(const struct mount_conf *m)
{
	bool ro = false;

	for (size_t i = 0; i < m->options.n; i++) {
		ro |= str_eq(m->options.v[i], "ro") || str_eq(m->options.v[i], "rro");
		ro &= !str_eq(m->options.v[i], "rw");
	}
	return ro;
}

static void host_mounts(struct arena *a, const struct config *c, const char *rootfs, struct mounts *l)
{
	struct mount_conf m;

	add(l, *new_fs(a, &m, "proc", "/proc", NULL));
	m = (struct mount_conf){ .destination = "/dev", .source = "tmpfs", .type = "tmpfs",
				 .options = WORDS(a, "nosuid", "noexec", "mode=755", "size=64k") };
	add(l, m);
	m = (struct mount_conf){ .destination = "/dev/pts", .source = "devpts", .type = "devpts",
				 .options = WORDS(a, "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620") };
	add(l, m);
	add(l, *new_fs(a, &m, "tmpfs", "/run", "mode=755"));
	add(l, *new_fs(a, &m, "tmpfs", "/tmp", "mode=1777"));
	add(l, *new_fs(a, &m, "tmpfs", VM_SHARE_VOLUMES, "mode=755"));
	m = (struct mount_conf){ .destination = "/usr", .source = "/usr", .type = "bind",
				 .options = WORDS(a, "rbind", "ro", "nosuid", "nodev") };
	add(l, m);
	m = (struct mount_conf){ .destination = VM_SHARE_ROOT, .source = rootfs, .type = "bind",
				 .options = WORDS(a, "rbind", c->root->readonly ? "rro" : "rw", "nodev") };
	add(l, m);
	for (size_t i = 0; i < c->mounts.n; i++) {
		if (!config_mount_is_bind(&c->mounts.v[i]))
			continue;
		m = c->mounts.v[i]; /* its maps stay */
		m.destination = arena_printf(a, VM_SHARE_VOLUMES "/%zu", i);
		m.type = "bind";
		m.options = WORDS(a, "rbind", is_readonly(&c->mounts.v[i]) ? "rro" : "rw", "nodev");
		add(l, m);
	}
}

/* Words that speak of ids and trees of the host. */
static bool is_hosts_word(const char *w)
{
	return str_eq(w, "idmap") || str_eq(w, "ridmap") || str_starts(w, "idmap=") || str_starts(w, "ridmap=") ||
	       str_eq(w, "src-nofollow");
}

static int guest_mounts(struct arena *a, const struct config *c, struct config *g, struct err *e)
{
	g->mounts.v = arena_array(a, c->mounts.n + 1, sizeof(*g->mounts.v));
	g->mounts.n = c->mounts.n;
	if (!g->mounts.v)
		return err_nomem(e);
	for (size_t i = 0; i < c->mounts.n; i++) {
		struct mount_conf *m = &g->mounts.v[i];
		size_t kept = 0;

		*m = c->mounts.v[i];
		if (!config_mount_is_bind(m))
			continue;
		m->source = arena_printf(a, VM_SHARE_VOLUMES "/%zu", i);
		m->uid_mappings = m->gid_mappings = (struct id_map_list){ NULL, 0 };
		m->options = words(a, (const char *const *)m->options.v, m->options.n);
		if (!m->source || (c->mounts.v[i].options.n && !m->options.v))
			return err_nomem(e);
		for (size_t k = 0; k < m->options.n; k++)
			if (!is_hosts_word(m->options.v[k]))
				m->options.v[kept++] = m->options.v[k];
		m->options.n = kept;
	}
	return 0;
}

/* ---- the guest's ------------------------------------------------------------------------------------------- */

static int guest_namespaces(struct arena *a, struct linux_conf *l, struct err *e)
{
	struct namespace_conf *v = arena_array(a, l->namespaces.n + 2, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_nomem(e);
	for (size_t i = 0; i < l->namespaces.n; i++) {
		struct namespace_conf one = l->namespaces.v[i];
		if (one.type == CLONE_NEWUSER)
			continue; /* the share shows the container's ids already */
		one.path = NULL;
		if (one.type == CLONE_NEWNET)
			one.path = "/proc/1/ns/net"; /* the guest's own is the container's */
		v[n++] = one;
	}
	l->namespaces.v = v;
	l->namespaces.n = n;
	return 0;
}

/* Of the bundle's annotations those that one side acts upon; all of them are in the state. */
static int pick_annotations(struct arena *a, const struct config *c, const char *name, struct string_map *ret, struct err *e)
{
	const char *value = config_annotation(c, name);
	struct map_entry *m = arena_array(a, ret->n + 2, sizeof(*m));

	if (!m)
		return err_nomem(e);
	for (size_t i = 0; i < ret->n; i++)
		m[i] = ret->v[i];
	if (value)
		m[ret->n++] = (struct map_entry){ name, value };
	ret->v = m;
	return 0;
}

static int make_guest(struct arena *a, const struct config *c, bool init, const struct config **ret, struct err *e)
{
	static const struct linux_conf none;
	struct config *g = arena_new(a, struct config);
	struct linux_conf *l = arena_new(a, struct linux_conf);
	struct process *p = arena_new(a, struct process);
	struct root *root = arena_new(a, struct root);
	struct hooks *hooks = arena_new(a, struct hooks);
	struct resources *limits = arena_new(a, struct resources);
	struct personality_conf *persona = arena_new(a, struct personality_conf);

	if (!g || !l || !p || !root || !hooks || !limits || !persona)
		return err_nomem(e);
	*g = *c;
	*l = c->linux_ ? *c->linux_ : none;
	*p = *c->process;
	*root = (struct root){ VM_SHARE_ROOT, c->root->readonly };
	g->root = root;
	g->process = p;
	g->linux_ = l;
	g->vm = NULL;
	g->annotations = (struct string_map){ NULL, 0 };
	g->hooks = NULL;
	if (c->hooks && c->hooks->start_container.n) {
		hooks->start_container = c->hooks->start_container;
		g->hooks = hooks;
	}
	/* The host's part: labels, the fate under memory pressure, ids, what is divided between containers. */
	p->apparmor_profile = p->selinux_label = NULL;
	p->oom_score_adj = (struct opt_i64){ 0 };
	l->mount_label = NULL;
	l->uid_mappings = l->gid_mappings = (struct id_map_list){ NULL, 0 };
	l->cgroups_path = NULL;
	l->intel_rdt = NULL;
	l->memory_policy = NULL;
	/* Said, because what makes the program there has another one (vm_worker.c). */
	if (!l->personality)
		l->personality = persona;
	if (l->resources) {
		/* What speaks of the guest's own processes and devices; the VMM's threads are none of them. */
		limits->pids = l->resources->pids;
		limits->devices = l->resources->devices;
		l->resources = limits;
	}
	int r = guest_namespaces(a, l, e);
	if (r == 0)
		r = guest_mounts(a, c, g, e);
	if (r == 0)
		r = pick_annotations(a, c, ANNOTATION_OVERLAY, &g->annotations, e);
	if (r == 0 && init) /* there is room for one more */
		g->annotations.v[g->annotations.n++] = (struct map_entry){ ANNOTATION_INIT, "true" };
	*ret = g;
	return r;
}

/* ---- the host's -------------------------------------------------------------------------------------------- */

/* One variable holds 128 KiB at most (execve(2), MAX_ARG_STRLEN). */
static int add_document(struct arena *a, struct strv *env, size_t room, const char *text, size_t n, struct err *e)
{
	for (size_t i = 0, at = 0; at < n; i++, at += VM_ENV_PIECE) {
		if (env->n + 1 >= room)
			return err_set(e, E2BIG, "micro-VM: the configuration is too long");
		env->v[env->n] = arena_printf(a, VM_ENV_DOCUMENT "%zu=%.*s", i, (int)MIN(n - at, (size_t)VM_ENV_PIECE), text + at);
		if (!env->v[env->n++])
			return err_nomem(e);
	}
	return 0;
}

#define ENV_MAX 32

static int set_environment(struct arena *a, struct process *p, const struct vm_machine *m, const char *text, size_t n,
			   struct err *e)
{
	struct strv env = { arena_array(a, ENV_MAX, sizeof(char *)), 0 };

	if (!env.v)
		return err_nomem(e);
	env.v[env.n++] = arena_printf(a, "CTR_VM_TERMINAL=%d", p->terminal);
	if (CTR_SANITIZED) {
		env.v[env.n++] = arena_strdup(a, "ASAN_OPTIONS=" SANITIZED_OPTIONS);
		env.v[env.n++] = arena_strdup(a, "UBSAN_OPTIONS=" SANITIZED_OPTIONS);
	}
	if (m) {
		env.v[env.n++] = arena_printf(a, "CTR_VM_KVM=%d", m->kvm);
		env.v[env.n++] = arena_printf(a, "CTR_VM_MEMORY=%llu", (unsigned long long)m->memory_mib);
		env.v[env.n++] = arena_printf(a, "CTR_VM_VCPUS=%u", m->vcpus);
		env.v[env.n++] = arena_printf(a, "CTR_VM_TIMEOUT=%u", m->timeout);
		env.v[env.n++] = arena_printf(a, "CTR_VM_VOLUMES=%d", m->volumes);
		env.v[env.n++] = arena_printf(a, "CTR_VM_NETWORK=%d", m->network);
		env.v[env.n++] = arena_printf(a, "CTR_VM_QEMU=%s", m->qemu);
		env.v[env.n++] = arena_printf(a, "CTR_VM_VIRTIOFSD=%s", m->virtiofsd);
		if (m->append)
			env.v[env.n++] = arena_printf(a, "CTR_VM_APPEND=%s", m->append);
	}
	for (size_t i = 0; i < env.n; i++)
		if (!env.v[i])
			return err_nomem(e);
	int r = add_document(a, &env, ENV_MAX, text, n, e);
	p->env = env;
	return r;
}

/* What the file server needs to act for the guest's ids, and the monitor for taps; it gives the VMM none of it. */
static struct capabilities *monitor_capabilities(struct arena *a, const struct vm_machine *m, bool root)
{
	struct capabilities *k = arena_new(a, struct capabilities);
	struct strv l = WORDS(a, "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_SETGID", "CAP_SETUID",
			      "CAP_MKNOD", "CAP_SETFCAP", "CAP_SYS_CHROOT", "CAP_SETPCAP", "CAP_NET_ADMIN");

	if (l.v && m->network < VM_NETWORK_TAP_OR_USER)
		l.n--; /* the last one is for the taps */
	/* Another id than root's keeps across the execution only what is ambient. */
	const struct strv kept = root ? (struct strv){ NULL, 0 } : l;
	if (k && l.v)
		*k = (struct capabilities){ .bounding = l, .effective = l, .permitted = l, .inheritable = kept, .ambient = kept };
	return k;
}

/* Root, or the one id that a user namespace has which maps no root. */
static uint32_t first_id(const struct id_map_list *maps)
{
	for (size_t i = 0; i < maps->n; i++)
		if (maps->v[i].container_id == 0)
			return 0;
	return maps->n ? maps->v[0].container_id : 0;
}

static struct process *monitor_process(struct arena *a, const struct config *c, const struct vm_machine *m)
{
	static const struct linux_conf none;
	const struct linux_conf *l = c->linux_ ? c->linux_ : &none;
	struct process *p = arena_new(a, struct process);

	if (!p)
		return NULL;
	*p = (struct process){
		.user = { .uid = first_id(&l->uid_mappings), .gid = first_id(&l->gid_mappings) },
		.terminal = c->process->terminal,
		.console_size = c->process->console_size,
		.cwd = "/",
		.args = WORDS(a, "/ctr", "vm-monitor"),
		.capabilities = monitor_capabilities(a, m, first_id(&l->uid_mappings) == 0),
		.no_new_privileges = true,
		.apparmor_profile = c->process->apparmor_profile,
		.selinux_label = c->process->selinux_label,
		.oom_score_adj = c->process->oom_score_adj,
	};
	return p->args.v && p->capabilities ? p : NULL;
}

/* The guest's memory is the limit; VMM and file server have theirs on top. */
static int host_resources(struct arena *a, struct linux_conf *l, const struct vm_machine *m, struct err *e)
{
	const int64_t more = (int64_t)((m->kvm ? OVERHEAD_KVM : OVERHEAD_TCG) * MIB);
	struct resources *r;
	struct memory_conf *memory;

	if (!l->resources)
		return 0;
	r = arena_new(a, struct resources);
	memory = arena_new(a, struct memory_conf);
	if (!r || !memory)
		return err_nomem(e);
	*r = *l->resources;
	r->pids = NULL;
	/* The guest's kernel has its own devices; the VMM's are the default ones, and KVM. */
	r->devices = (struct device_rule_list){ NULL, 0 };
	if (r->memory) {
		*memory = *r->memory;
		if (memory->limit.set && memory->limit.v > 0)
			memory->limit.v += more;
		if (memory->swap.set && memory->swap.v > 0)
			memory->swap.v += more;
		r->memory = memory;
	}
	l->resources = r;
	return 0;
}

static int host_namespaces(struct arena *a, const struct linux_conf *from, struct linux_conf *l, struct err *e)
{
	static const uint32_t own[] = { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWNET,
					CLONE_NEWUSER };
	struct namespace_conf *v = arena_array(a, ARRAY_SIZE(own), sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_nomem(e);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		const struct namespace_conf *asked = NULL;
		for (size_t k = 0; k < from->namespaces.n; k++)
			if (from->namespaces.v[k].type == own[i])
				asked = &from->namespaces.v[k];
		if (asked || (own[i] != CLONE_NEWUSER && own[i] != CLONE_NEWNET))
			v[n++] = (struct namespace_conf){ own[i], asked ? asked->path : NULL };
	}
	l->namespaces.v = v;
	l->namespaces.n = n;
	return 0;
}

static int host_linux(struct arena *a, const struct config *c, const struct vm_machine *m, struct config *h, struct err *e)
{
	static const struct linux_conf none;
	const struct linux_conf *from = c->linux_ ? c->linux_ : &none;
	struct linux_conf *l = arena_new(a, struct linux_conf);
	struct device_conf *v = arena_array(a, 2, sizeof(*v));

	if (!l || !v)
		return err_nomem(e);
	*l = (struct linux_conf){
		.uid_mappings = from->uid_mappings,
		.gid_mappings = from->gid_mappings,
		.cgroups_path = from->cgroups_path,
		.resources = from->resources,
		.intel_rdt = from->intel_rdt,
		.memory_policy = from->memory_policy,
		.mount_label = from->mount_label,
		.masked_paths = WORDS(a, "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/acpi", "/proc/scsi"),
		.readonly_paths = WORDS(a, "/proc/sys", "/proc/bus", "/proc/irq", "/proc/sysrq-trigger"),
	};
	l->devices.v = v;
	if (m->kvm)
		v[l->devices.n++] = (struct device_conf){ .type = 'c', .path = "/dev/kvm", .major = { true, 10 },
							  .minor = { true, 232 }, .file_mode = { true, 0666 } };
	if (m->network >= VM_NETWORK_TAP_OR_USER)
		v[l->devices.n++] = (struct device_conf){ .type = 'c', .path = "/dev/net/tun", .major = { true, 10 },
							  .minor = { true, 200 }, .file_mode = { true, 0600 } };
	h->linux_ = l;
	int r = host_namespaces(a, from, l, e);
	return r < 0 ? r : host_resources(a, l, m, e);
}

static int make_host(struct ctx *ctx, const struct config *c, const struct vm_place *place, const struct vm_machine *m,
		     const char *rootfs, const struct config *guest, const struct config **ret, struct err *e)
{
	struct arena *a = &ctx->arena;
	auto_strbuf struct strbuf text = { 0 };
	struct config *h = arena_new(a, struct config);
	struct root *root = arena_new(a, struct root);
	struct hooks *hooks = arena_new(a, struct hooks);
	struct mounts l = { .room = c->mounts.n + 16 };

	l.v = arena_array(a, l.room, sizeof(*l.v));
	if (!h || !root || !hooks || !l.v)
		return err_nomem(e);
	*root = (struct root){ place->root, true };
	*h = (struct config){ .oci_version = c->oci_version, .root = root };
	h->process = monitor_process(a, c, m);
	host_mounts(a, c, rootfs, &l);
	if (!h->process || l.failed)
		return err_nomem(e);
	h->mounts.v = l.v;
	h->mounts.n = l.n;
	if (c->hooks) {
		*hooks = *c->hooks;
		hooks->start_container = hooks->create_container = (struct hook_list){ NULL, 0 };
		h->hooks = hooks;
	}
	json_print(&text, &config_json, guest, 0);
	if (text.failed)
		return err_nomem(e);
	int r = set_environment(a, h->process, m, text.p, text.n, e);
	if (r == 0)
		r = pick_annotations(a, c, ANNOTATION_CORE_SCHED, &h->annotations, e);
	if (r == 0)
		r = pick_annotations(a, c, ANNOTATION_CGROUP_LEAF, &h->annotations, e);
	if (r == 0)
		r = host_linux(a, c, m, h, e);
	*ret = h;
	return r;
}

/* The image that is asked for, within the limits; else the administrator's, which may be NULL. */
static int choose_kernel(const struct config *c, const struct vm_limits *limits, const char **ret, struct err *e)
{
	const char *annotation = config_annotation(c, ANNOTATION_VM_KERNEL);

	*ret = annotation ? annotation : c->vm && c->vm->kernel ? c->vm->kernel->path : NULL;
	if (*ret)
		return vm_limits_kernel(limits, annotation ? "annotations[\"" ANNOTATION_VM_KERNEL "\"]" : "vm.kernel.path", *ret, e);
	*ret = limits->kernel;
	return 0;
}

int vm_split(struct ctx *ctx, const struct config *c, const char *rootfs, const struct isolation_choice *how,
	     const struct vm_limits *limits, bool init, struct vm_split *ret, struct err *e)
{
	struct arena *a = &ctx->arena;
	struct vm_machine m = { 0 };
	struct vm_place place;
	const char *kernel = NULL;
	int r = check_possible(c, e);

	if (r == 0)
		r = find_programs(a, c->vm, limits, &m, e);
	if (r == 0)
		r = choose_accelerator(how, &m, e);
	if (r == 0)
		r = size_machine(c, limits, &m, e);
	if (r == 0)
		r = choose_kernel(c, limits, &kernel, e);
	if (r == 0)
		r = vm_prepare(ctx, kernel, &place, e);
	if (r < 0)
		return r;
	if (c->vm && c->vm->kernel)
		m.append = join(a, &c->vm->kernel->parameters);
	for (size_t i = 0; i < c->mounts.n; i++)
		m.volumes |= config_mount_is_bind(&c->mounts.v[i]);
	r = choose_network(c, &m.network, e);
	if (r == 0)
		r = make_guest(a, c, init, &ret->guest, e);
	return r < 0 ? r : make_host(ctx, c, &place, &m, rootfs, ret->guest, &ret->host, e);
}

int vm_exec_process(struct arena *a, const struct process *guest, struct process *ret, struct err *e)
{
	auto_strbuf struct strbuf text = { 0 };

	json_print(&text, &process_json, guest, 0);
	if (text.failed)
		return err_nomem(e);
	*ret = (struct process){
		.terminal = guest->terminal,
		.console_size = guest->console_size,
		.cwd = "/",
		.args = WORDS(a, "/ctr", "vm-client"),
		.no_new_privileges = true,
	};
	return ret->args.v ? set_environment(a, ret, NULL, text.p, text.n, e) : err_nomem(e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the machine say about running containers and guests on it: devices, sysctls, cgroups,
 * subordinate ids, security modules, programs. Reads only; nothing here asks the kernel by other calls.
 */
#include "probe_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/util.h"

/* ---- devices --------------------------------------------------------------------------------------- */

/* The name that `id` has in a file of "name:x:id:..." lines; empty when it has none. */
static void name_of_id(int root, const char *file, uint32_t id, char *buf, size_t size)
{
	char text[16384], number[16];

	buf[0] = '\0';
	(void)snprintf(number, sizeof(number), ":%u:", id);
	if (probe_read(root, file, text, sizeof(text)) <= 0)
		return;
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *second = strchr(line, ':');
		const char *third = second ? strchr(second + 1, ':') : NULL;
		if (!third || !str_starts(third, number))
			continue;
		*second = '\0';
		probe_copy(buf, size, line);
		return;
	}
}

static void kvm_module(struct probe_kvm *k, const struct probe_source *src)
{
	/* The back ends of KVM: only these have something to say about nesting. */
	static const struct {
		const char *module, *nested;
	} modules[] = {
		{ "kvm_intel", "sys/module/kvm_intel/parameters/nested" }, /* Y or 1, by version */
		{ "kvm_amd", "sys/module/kvm_amd/parameters/nested" },
		{ "kvm_hv", "sys/module/kvm_hv/parameters/nested" },
		{ "kvm_pvm", NULL }, /* guests in user mode, without any extension */
	};
	char path[48], text[8];

	for (size_t i = 0; i < ARRAY_SIZE(modules) && !k->module[0]; i++) {
		(void)snprintf(path, sizeof(path), "sys/module/%s", modules[i].module);
		if (!probe_exists(src->root, path))
			continue;
		probe_copy(k->module, sizeof(k->module), modules[i].module);
		if (modules[i].nested && probe_read_line(src->root, modules[i].nested, text, sizeof(text)) > 0)
			k->nested = probe_answer_of(text[0] == 'Y' || text[0] == '1');
		else
			k->nested = PROBE_NO;
	}
	if (k->nested == PROBE_UNKNOWN && probe_read_line(src->root, "sys/module/kvm/parameters/nested", text,
							  sizeof(text)) > 0) /* s390 */
		k->nested = probe_answer_of(text[0] == 'Y' || text[0] == '1');
}

static void devices_read(struct probe *p, const struct probe_source *src)
{
	struct probe_kvm *k = &p->kvm;
	struct stat st;

	probe_device_look(src, "dev/kvm", &k->dev);
	probe_device_look(src, "dev/vhost-vsock", &k->vhost_vsock);
	probe_device_look(src, "dev/vhost-net", &k->vhost_net);
	probe_device_look(src, "dev/net/tun", &k->tun);
	if (k->dev.exists && fstatat(src->root, "dev/kvm", &st, 0) == 0 && (st.st_mode & 0060) == 0060)
		name_of_id(src->root, "etc/group", st.st_gid, k->group, sizeof(k->group));
	kvm_module(k, src);
	k->iommus = probe_count_entries(src->root, "sys/class/iommu");
	k->iommu_groups = probe_count_entries(src->root, "sys/kernel/iommu_groups");
}

/* ---- kernel ---------------------------------------------------------------------------------------- */

static void kernel_read(struct probe *p, const struct probe_source *src)
{
	struct probe_kernel *k = &p->kernel;
	char text[8192];

	(void)probe_read_line(src->root, "proc/sys/kernel/osrelease", k->release, sizeof(k->release));
	/* Two numbers with a dot; anything behind is the distribution's. */
	unsigned int *part = &k->major;
	for (const char *s = k->release; *s; s++) {
		if (*s >= '0' && *s <= '9' && *part < 10000)
			*part = *part * 10 + (unsigned int)(*s - '0');
		else if (*s == '.' && part == &k->major)
			part = &k->minor;
		else
			break;
	}
	if (probe_read_line(src->root, "sys/kernel/security/lsm", k->lsm, sizeof(k->lsm)) < 0) {
		/* securityfs is not mounted here; the two that matter leave other traces. */
		if (probe_read_line(src->root, "sys/module/apparmor/parameters/enabled", text, sizeof(text)) > 0 &&
		    text[0] == 'Y')
			probe_append(k->lsm, sizeof(k->lsm), ",", "apparmor");
		if (probe_exists(src->root, "sys/fs/selinux/enforce"))
			probe_append(k->lsm, sizeof(k->lsm), ",", "selinux");
	}
	int n = probe_read_line(src->root, "proc/sys/kernel/seccomp/actions_avail", k->seccomp_actions,
				sizeof(k->seccomp_actions));
	if (n > 0) {
		k->seccomp = PROBE_YES;
		k->seccomp_notify = probe_answer_of(probe_has_word(k->seccomp_actions, (size_t)n, "user_notif"));
	} else if (probe_read(src->root, "proc/self/status", text, sizeof(text)) > 0) {
		k->seccomp = probe_answer_of(strstr(text, "\nSeccomp:") != NULL);
	}
	if (probe_read(src->root, "proc/self/status", text, sizeof(text)) > 0)
		k->seccomp_active = strstr(text, "\nSeccomp:\t2") != NULL;
}

/* ---- namespaces ------------------------------------------------------------------------------------ */

/* Adds up the ranges of "owner:start:count" lines that belong to the name or to the number (subuid(5)). */
static void subids_read(const struct probe_source *src, const char *file, const char *name,
			uint64_t *ret_count, uint64_t *ret_first)
{
	char text[16384], number[16];

	(void)snprintf(number, sizeof(number), "%u", src->uid);
	if (probe_read(src->root, file, text, sizeof(text)) <= 0)
		return;
	for (char *line = text, *next; line && *line; line = next) {
		uint64_t start, count;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *colon = strchr(line, ':');
		char *second = colon ? strchr(colon + 1, ':') : NULL;
		if (!second)
			continue;
		*colon = *second = '\0';
		if (!str_eq(line, number) && (!name[0] || !str_eq(line, name)))
			continue;
		if (str_u64(colon + 1, UINT32_MAX, &start) < 0 || str_u64(second + 1, UINT32_MAX, &count) < 0)
			continue;
		if (*ret_count == 0)
			*ret_first = start;
		*ret_count += count;
	}
}

bool probe_overlay_known(int root)
{
	char text[4096];
	int n = probe_read(root, "proc/filesystems", text, sizeof(text));

	return n > 0 && probe_has_word(text, (size_t)n, "overlay");
}

static void namespaces_read(struct probe *p, const struct probe_source *src)
{
	struct probe_namespaces *n = &p->ns;
	struct stat st;

	n->max_user = probe_read_number(src->root, "proc/sys/user/max_user_namespaces");
	n->unprivileged_clone = probe_read_number(src->root, "proc/sys/kernel/unprivileged_userns_clone");
	n->apparmor_restrict = probe_read_number(src->root, "proc/sys/kernel/apparmor_restrict_unprivileged_userns");
	if (fstatat(src->root, "proc/self", &st, 0) == 0)
		n->built_in = probe_answer_of(fstatat(src->root, "proc/self/ns/user", &st, AT_SYMLINK_NOFOLLOW) == 0);
	n->overlay_known = probe_overlay_known(src->root);
	name_of_id(src->root, "etc/passwd", src->uid, n->user, sizeof(n->user));
	subids_read(src, "etc/subuid", n->user, &n->subuids, &n->subuid_first);
	subids_read(src, "etc/subgid", n->user, &n->subgids, &n->subgid_first);
}

/* ---- cgroups --------------------------------------------------------------------------------------- */

/* The cgroup that a user manager gives its user, else the own one; where its controllers are, if anywhere. */
static void delegation_read(struct probe_cgroup *c, const struct probe_source *src, const char *top)
{
	char path[320], at[sizeof(c->delegated_at)];

	(void)snprintf(at, sizeof(at), "/user.slice/user-%u.slice/user@%u.service", src->uid, src->uid);
	(void)snprintf(path, sizeof(path), "%s%s/cgroup.controllers", top, at);
	if (src->uid == 0 || !probe_exists(src->root, path)) {
		probe_copy(at, sizeof(at), src->uid == 0 ? "/" : c->path);
		(void)snprintf(path, sizeof(path), "%s%s/cgroup.procs", top, at);
		/* Not root: only a cgroup that the user may write to has been delegated. */
		if (src->uid != 0 && (!src->live || faccessat(src->root, path, W_OK, AT_EACCESS) < 0))
			return;
		(void)snprintf(path, sizeof(path), "%s%s/cgroup.controllers", top, at);
	}
	if (probe_read_line(src->root, path, c->delegated, sizeof(c->delegated)) >= 0)
		probe_copy(c->delegated_at, sizeof(c->delegated_at), at);
}

static void cgroup_read(struct probe *p, const struct probe_source *src)
{
	struct probe_cgroup *c = &p->cgroup;
	char text[4096], path[320];
	const char *top = NULL;

	if (probe_exists(src->root, "sys/fs/cgroup/cgroup.controllers")) {
		c->mode = PROBE_CGROUP_UNIFIED;
		top = "sys/fs/cgroup";
	} else if (probe_exists(src->root, "sys/fs/cgroup/unified/cgroup.controllers")) {
		c->mode = PROBE_CGROUP_HYBRID;
		top = "sys/fs/cgroup/unified";
	} else if (probe_exists(src->root, "sys/fs/cgroup/memory") || probe_exists(src->root, "sys/fs/cgroup/cpu") ||
		   probe_exists(src->root, "sys/fs/cgroup/systemd")) {
		c->mode = PROBE_CGROUP_LEGACY;
	}
	c->kill = PROBE_UNKNOWN;
	if (p->kernel.major)
		c->kill = probe_answer_of(top && (p->kernel.major > 5 || (p->kernel.major == 5 && p->kernel.minor >= 14)));
	if (!top)
		return;
	(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", top);
	(void)probe_read_line(src->root, path, c->controllers, sizeof(c->controllers));
	if (probe_read(src->root, "proc/self/cgroup", text, sizeof(text)) > 0) {
		const char *own = str_starts(text, "0::") ? text : strstr(text, "\n0::");
		if (own) {
			own = strchr(own, '/');
			int n = own ? (int)MIN(strcspn(own, "\n"), sizeof(c->path) - 1) : 0;
			(void)snprintf(c->path, sizeof(c->path), "%.*s", n, own ? own : "");
		}
	}
	delegation_read(c, src, top);
}

/* ---- programs -------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *files[3];
} helpers[] = {
	[PROBE_NEWUIDMAP] = { "newuidmap", { "newuidmap" } },
	[PROBE_NEWGIDMAP] = { "newgidmap", { "newgidmap" } },
	[PROBE_PASTA] = { "pasta", { "pasta" } },
	[PROBE_SLIRP] = { "slirp4netns", { "slirp4netns" } },
	[PROBE_CRIU] = { "criu", { "criu" } },
	[PROBE_QEMU] = { "qemu", { "qemu-system-", "qemu-kvm" } }, /* the first one takes the architecture */
	[PROBE_CLOUD_HYPERVISOR] = { "cloud-hypervisor", { "cloud-hypervisor" } },
	[PROBE_FIRECRACKER] = { "firecracker", { "firecracker" } },
	[PROBE_VIRTIOFSD] = { "virtiofsd", { "virtiofsd" } },
	[PROBE_FUSE_OVERLAYFS] = { "fuse-overlayfs", { "fuse-overlayfs" } },
};

/* Fixed places: a runtime is started with any PATH or none. */
static const char *const directories[] = { "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin",
					   "bin", "sbin", "usr/libexec", "usr/lib/qemu", "usr/libexec/qemu", "usr/lib/virtiofsd" };

const char *probe_helper_name(enum probe_helper helper)
{
	return helpers[helper].name;
}

/* QEMU's word for an architecture differs from the kernel's in places. */
static const char *qemu_arch(const char *arch)
{
	return str_eq(arch, "i686") ? "i386" : str_eq(arch, "ppc64le") ? "ppc64" : arch;
}

static bool program_look(const struct probe_source *src, const char *dir, const char *file,
			 struct probe_program *ret)
{
	char path[sizeof(ret->path) - 1], full[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s%s", dir, file,
		       file[strlen(file) - 1] == '-' ? qemu_arch(src->arch) : "");
	if (fstatat(src->root, path, &st, 0) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return false;
	(void)snprintf(ret->path, sizeof(ret->path), "/%s", path);
	/* getxattr(2) wants a path: the descriptor's own name in proc, which only the live machine has. */
	ret->privileged = (st.st_mode & S_ISUID) != 0;
	if (!ret->privileged && src->live) {
		auto_close int fd = openat(src->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		ret->privileged = fd >= 0 && fgetxattr(fd, "security.capability", full, sizeof(full)) > 0;
	}
	return true;
}

static void programs_read(struct probe *p, const struct probe_source *src)
{
	for (size_t h = 0; h < PROBE_HELPER_COUNT; h++)
		for (size_t f = 0; f < ARRAY_SIZE(helpers[h].files) && helpers[h].files[f]; f++)
			for (size_t d = 0; d < ARRAY_SIZE(directories) && !p->programs[h].path[0]; d++)
				(void)program_look(src, directories[d], helpers[h].files[f], &p->programs[h]);
}

void probe_files_read(struct probe *p, const struct probe_source *src)
{
	devices_read(p, src);
	kernel_read(p, src);
	namespaces_read(p, src);
	cgroup_read(p, src);
	programs_read(p, src);
}

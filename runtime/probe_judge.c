/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From facts to answers: one row a check, each with its value for people and what to do when it is missing.
 * Pure: looks at struct probe only, so a test can fill it by hand.
 */
#include "probe_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/util.h"

#define FLOOR_MAJOR 5 /* the oldest kernel that is supported: openat2, clone3, mount_setattr, cgroup.kill */
#define FLOOR_MINOR 15
#define SUBIDS_WANTED 65536 /* what images use */

static __attribute__((format(printf, 2, 3))) void value(struct probe_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->value, sizeof(c->value), fmt, ap);
	va_end(ap);
}

static __attribute__((format(printf, 2, 3))) void advice(struct probe_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->advice, sizeof(c->advice), fmt, ap);
	va_end(ap);
}

static bool inside_vm(const struct probe *p)
{
	return p->inside.vm_count > 0 && !(p->inside.xen_role && str_eq(p->inside.xen_role, "dom0"));
}

/* ---- virtual machines ------------------------------------------------------------------------------ */

static void judge_cpu(const struct probe *p, struct probe_check *c)
{
	const struct probe_cpu *cpu = &p->cpu;

	c->answer = cpu->extension;
	if (cpu->extension == PROBE_YES) {
		value(c, "%s%s%s", cpu->extension_name, cpu->paging == PROBE_YES ? ", " : "",
		      cpu->paging == PROBE_YES ? cpu->paging_name : "");
		if (cpu->paging == PROBE_NO)
			advice(c, "without %s guests run on shadow page tables: correct, but slow", cpu->paging_name);
	} else if (cpu->firmware_off) {
		value(c, "%s, but locked", cpu->extension_name);
		advice(c, "switch on %s in the firmware's set-up, then power the machine off and on",
		       str_eq(cpu->extension_name, "svm") ? "SVM (AMD-V)" : "VT-x (VMX)");
	} else if (cpu->extension == PROBE_NO) {
		value(c, "no %s", cpu->extension_name);
		if (inside_vm(p))
			advice(c, "the machine around this one (%s) passes no virtualisation on: enable nesting there",
			       p->inside.vms[0].name);
		else
			advice(c, "look for virtualisation in the firmware's set-up; without it only emulation is left");
	} else {
		value(c, "not to be seen on %s", p->arch);
	}
}

static void judge_kvm_permission(const struct probe *p, struct probe_check *c)
{
	const char *group = p->kvm.group;

	if (group[0])
		advice(c, "%s is there: add yourself to group %s (usermod -aG %s %s) and log in again",
		       p->cpu.extension == PROBE_YES ? p->cpu.extension_name : "the device", group, group,
		       p->ns.user[0] ? p->ns.user : "USER");
	else
		advice(c, "give /dev/kvm the group kvm and mode 0660 by a udev rule, and join that group");
}

static void judge_kvm_open(const struct probe *p, struct probe_check *c)
{
	value(c, "%s", err_text(p->kvm.error));
	if ((p->kvm.error == EACCES || p->kvm.error == EPERM) && p->uid == 0)
		advice(c, "the surroundings forbid the device: let the container have /dev/kvm (10:232, rw)");
	else if (p->kvm.error == EACCES || p->kvm.error == EPERM)
		judge_kvm_permission(p, c);
	else if (p->kvm.error == ENODEV || p->kvm.error == ENXIO || p->kvm.error == ENOENT)
		advice(c, "the device has no driver: modprobe %s",
		       str_eq(p->cpu.extension_name, "svm") ? "kvm_amd" : "kvm_intel");
	else
		advice(c, "opening /dev/kvm failed: see the kernel's log");
}

static void judge_kvm_missing(const struct probe *p, struct probe_check *c)
{
	value(c, "no /dev/kvm");
	if (p->inside.container_count > 0)
		advice(c, "hand the device into the container: --device /dev/kvm");
	else if (p->cpu.extension == PROBE_YES)
		advice(c, "%s is there: modprobe %s; if that fails, the firmware has it switched off",
		       p->cpu.extension_name,
		       str_eq(p->cpu.extension_name, "svm") ? "kvm_amd" :
		       str_eq(p->cpu.extension_name, "vmx") ? "kvm_intel" : "kvm");
	else
		advice(c, "nothing to run it on, see cpu above; a micro-VM has to be emulated");
}

static void judge_kvm(const struct probe *p, struct probe_check *c)
{
	const struct probe_kvm *k = &p->kvm;

	c->answer = PROBE_NO;
	if (!k->dev.exists) {
		judge_kvm_missing(p, c);
		return;
	}
	switch (k->stage) {
	case PROBE_KVM_NOT_TRIED:
		c->answer = PROBE_UNKNOWN;
		value(c, "/dev/kvm, not tried");
		break;
	case PROBE_KVM_OPEN_FAILED:
		judge_kvm_open(p, c);
		break;
	case PROBE_KVM_API_WRONG:
		value(c, "API version %d, not 12", k->api);
		advice(c, "/dev/kvm is not the kernel's KVM: see what made the device");
		break;
	case PROBE_KVM_CREATE_FAILED:
		value(c, "no machine can be made: %s", err_text(k->error));
		advice(c, k->error == EBUSY ? "another hypervisor (VirtualBox, VMware) holds the processor: end it" :
					      "see the kernel's log for kvm");
		break;
	case PROBE_KVM_VCPU_FAILED:
	case PROBE_KVM_RUN_FAILED:
		value(c, "a guest did not run: %s", k->error ? err_text(k->error) : "wrong exit");
		advice(c, "this KVM is broken: see the kernel's log for kvm");
		break;
	case PROBE_KVM_TIMEOUT:
		value(c, "a guest did not come back within two seconds");
		advice(c, "this KVM is broken, do not use it: see the kernel's log for kvm");
		break;
	case PROBE_KVM_LONG_FAILED:
	case PROBE_KVM_RAN:
		c->answer = PROBE_YES;
		value(c, "API %d, a guest ran%s", k->api, k->software ? " (in software)" : "");
		break;
	}
}

/* KVM that can carry a Linux guest: not one that interprets guest kernels. */
static void judge_kvm_linux(const struct probe *p, struct probe_check *c)
{
	if (p->kvm.stage == PROBE_KVM_NOT_TRIED && p->kvm.dev.exists) {
		c->answer = PROBE_UNKNOWN;
		value(c, "not tried");
		return;
	}
	c->answer = probe_answer_of(p->kvm.stage == PROBE_KVM_RAN);
	if (c->answer == PROBE_YES) {
		value(c, "64-bit guest code runs%s", p->kvm.software ? ", without vmx or svm" : "");
	} else if (p->kvm.stage == PROBE_KVM_LONG_FAILED) {
		value(c, "guest kernels are interpreted in software");
		advice(c, "fit for tiny guests, not for a stock Linux kernel: use emulation (QEMU's tcg) there");
	} else {
		value(c, "see kvm");
	}
}

static void judge_nested(const struct probe *p, struct probe_check *c)
{
	c->answer = p->kvm.nested;
	if (c->answer == PROBE_YES)
		value(c, "%s passes it on", p->kvm.module[0] ? p->kvm.module : "kvm");
	else if (c->answer == PROBE_NO)
		value(c, "%s does not pass it on", p->kvm.module);
	else
		value(c, "no KVM module to ask");
	if (c->answer == PROBE_NO && p->cpu.extension == PROBE_YES && p->kvm.module[0])
		advice(c, "options %s nested=1 in /etc/modprobe.d, then load the module again", p->kvm.module);
}

static void device_check(const struct probe *p, struct probe_check *c, const struct probe_device *d,
			 const char *path, const char *module)
{
	c->answer = d->exists && d->usable == PROBE_UNKNOWN ? PROBE_UNKNOWN :
							      probe_answer_of(d->usable == PROBE_YES);
	if (!d->exists) {
		value(c, "no %s", path);
		if (p->inside.container_count > 0)
			advice(c, "hand the device into the container: --device %s", path);
		else
			advice(c, "modprobe %s", module);
	} else if (d->usable == PROBE_NO) {
		value(c, "%s, no permission", path);
		advice(c, "let your user open %s: chmod or a udev rule", path);
	} else {
		value(c, "%s", path);
	}
}

static void judge_vsock(const struct probe *p, struct probe_check *c)
{
	device_check(p, c, &p->kvm.vhost_vsock, "/dev/vhost-vsock", "vhost_vsock");
}

static void judge_vhost_net(const struct probe *p, struct probe_check *c)
{
	device_check(p, c, &p->kvm.vhost_net, "/dev/vhost-net", "vhost_net");
}

static void judge_tun(const struct probe *p, struct probe_check *c)
{
	device_check(p, c, &p->kvm.tun, "/dev/net/tun", "tun");
}

static void judge_iommu(const struct probe *p, struct probe_check *c)
{
	c->answer = probe_answer_of(p->kvm.iommu_groups > 0);
	if (c->answer == PROBE_YES) {
		value(c, "%u group%s", p->kvm.iommu_groups, p->kvm.iommu_groups == 1 ? "" : "s");
		return;
	}
	value(c, p->kvm.iommus ? "present, without groups" : "none active");
	advice(c, "needed to hand devices to guests: VT-d or AMD-Vi in the firmware%s",
	       str_eq(p->cpu.extension_name, "vmx") ? ", intel_iommu=on for the kernel" : "");
}

/* ---- kernel ---------------------------------------------------------------------------------------- */

static void judge_kernel(const struct probe *p, struct probe_check *c)
{
	const struct probe_kernel *k = &p->kernel;

	value(c, "%s", k->release[0] ? k->release : "unknown");
	if (!k->major)
		return;
	c->answer = probe_answer_of(k->major > FLOOR_MAJOR || (k->major == FLOOR_MAJOR && k->minor >= FLOOR_MINOR));
	if (c->answer == PROBE_NO)
		advice(c, "Linux %d.%d or later is needed", FLOOR_MAJOR, FLOOR_MINOR);
}

static void calls_check(const struct probe *p, struct probe_check *c, const enum probe_call *calls, size_t n)
{
	char missing[80] = "";

	c->answer = PROBE_YES;
	for (size_t i = 0; i < n; i++) {
		if (p->kernel.calls[calls[i]] == PROBE_UNKNOWN)
			c->answer = PROBE_UNKNOWN;
		else if (p->kernel.calls[calls[i]] == PROBE_NO)
			probe_append(missing, sizeof(missing), ", ", probe_call_name(calls[i]));
	}
	if (missing[0]) {
		c->answer = PROBE_NO;
		value(c, "missing: %s", missing);
	} else {
		value(c, c->answer == PROBE_YES ? "all there" : "not asked");
	}
}

static void judge_calls(const struct probe *p, struct probe_check *c)
{
	static const enum probe_call needed[] = {
		PROBE_CALL_OPENAT2, PROBE_CALL_CLONE3, PROBE_CALL_CLOSE_RANGE, PROBE_CALL_PIDFD_OPEN,
		PROBE_CALL_PIDFD_SIGNAL, PROBE_CALL_PIDFD_GETFD, PROBE_CALL_OPEN_TREE, PROBE_CALL_MOVE_MOUNT,
		PROBE_CALL_FSOPEN, PROBE_CALL_FSMOUNT, PROBE_CALL_MOUNT_SETATTR,
	};

	calls_check(p, c, needed, ARRAY_SIZE(needed));
	if (c->answer == PROBE_NO && p->kernel.seccomp_active)
		advice(c, "a seccomp filter around this process may hide them: use a newer profile");
	else if (c->answer == PROBE_NO)
		advice(c, "a newer kernel has them");
}

static void judge_newer_calls(const struct probe *p, struct probe_check *c)
{
	static const enum probe_call newer[] = { PROBE_CALL_STATMOUNT, PROBE_CALL_LISTMOUNT,
						 PROBE_CALL_OPEN_TREE_ATTR };

	calls_check(p, c, newer, ARRAY_SIZE(newer));
	if (c->answer == PROBE_NO && p->kernel.seccomp_active)
		advice(c, "a seccomp filter around this process may hide them; older ways are used meanwhile");
	else if (c->answer == PROBE_NO)
		advice(c, "come with Linux 6.8 and 6.15; older ways are used meanwhile");
}

/* ---- namespaces ------------------------------------------------------------------------------------ */

/* Which rule of the machine stands against user namespaces; false when none is seen. */
static bool userns_forbidden(const struct probe *p, struct probe_check *c)
{
	const struct probe_namespaces *n = &p->ns;

	if (n->built_in == PROBE_NO) {
		value(c, "not in this kernel");
		advice(c, "a kernel with CONFIG_USER_NS is needed");
	} else if (n->max_user == 0) {
		value(c, "user.max_user_namespaces is 0");
		advice(c, "sysctl -w user.max_user_namespaces=15000, and in /etc/sysctl.d");
	} else if (n->unprivileged_clone == 0 && p->uid != 0) {
		value(c, "kernel.unprivileged_userns_clone is 0");
		advice(c, "sysctl -w kernel.unprivileged_userns_clone=1, and in /etc/sysctl.d");
	} else if (n->apparmor_restrict == 1 && p->uid != 0) {
		value(c, "AppArmor gives no capabilities in them");
		advice(c, "give ctr an AppArmor profile with the rule userns, or set "
			  "kernel.apparmor_restrict_unprivileged_userns=0");
	} else {
		return false;
	}
	return true;
}

static void judge_userns(const struct probe *p, struct probe_check *c)
{
	const struct probe_namespaces *n = &p->ns;

	if (n->tried == PROBE_TRY_OK) {
		c->answer = PROBE_YES;
		value(c, "allowed");
		if (n->max_user > 0)
			value(c, "allowed, up to %lld", (long long)n->max_user);
		return;
	}
	bool forbidden = userns_forbidden(p, c);
	c->answer = forbidden || n->tried != PROBE_TRY_NOT_DONE ? PROBE_NO : PROBE_UNKNOWN;
	if (forbidden)
		return;
	if (n->tried == PROBE_TRY_NOT_DONE) {
		if (n->built_in == PROBE_YES)
			c->answer = PROBE_YES;
		value(c, n->built_in == PROBE_YES ? "nothing forbids them" : "not tried");
		return;
	}
	value(c, "%s: %s", n->tried == PROBE_TRY_USER_FAILED ? "refused" : "made, but without capabilities",
	      err_text(n->error));
	if (n->error == ENOSPC || n->error == EUSERS)
		advice(c, "raise user.max_user_namespaces, or end what uses them up");
	else if (p->inside.chroot == PROBE_YES)
		advice(c, "the kernel refuses them to a process in a chroot: run outside of it");
	else if (p->kernel.seccomp_active || p->inside.container_count > 0)
		advice(c, "the surrounding container's seccomp profile forbids unshare and clone");
	else
		advice(c, "a security module forbids them: see the kernel's log");
}

static void judge_subids(const struct probe *p, struct probe_check *c)
{
	const struct probe_namespaces *n = &p->ns;
	const char *who = n->user[0] ? n->user : "USER";

	c->optional = p->uid == 0;
	c->answer = probe_answer_of(n->subuids >= SUBIDS_WANTED && n->subgids >= SUBIDS_WANTED);
	if (n->subuids == 0 && n->subgids == 0)
		value(c, "none for %s", n->user[0] ? n->user : "this user");
	else
		value(c, "%llu uids from %llu, %llu gids from %llu", (unsigned long long)n->subuids,
		      (unsigned long long)n->subuid_first, (unsigned long long)n->subgids,
		      (unsigned long long)n->subgid_first);
	if (c->answer == PROBE_YES)
		return;
	if (p->uid == 0)
		advice(c, "only for engines that give each container ids of its own, as docker's userns-remap");
	else
		advice(c, "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", who);
}

static void judge_idmap(const struct probe *p, struct probe_check *c)
{
	c->answer = p->ns.idmap;
	if (c->answer == PROBE_UNKNOWN && p->kernel.major && p->ns.tried == PROBE_TRY_NOT_DONE)
		c->answer = probe_answer_of(p->kernel.major > 5 || (p->kernel.major == 5 && p->kernel.minor >= 12));
	static const char *const texts[] = { [PROBE_UNKNOWN] = "not tried", [PROBE_NO] = "not in this kernel",
					     [PROBE_YES] = "known to the kernel" };
	value(c, "%s", texts[c->answer]);
	if (c->answer == PROBE_NO)
		advice(c, "Linux 5.12 and a file system that supports them; files are changed owner instead");
}

static void judge_overlay(const struct probe *p, struct probe_check *c)
{
	const struct probe_namespaces *n = &p->ns;

	c->answer = n->overlay;
	if (!n->overlay_known) {
		c->answer = PROBE_UNKNOWN;
		value(c, "overlay is not loaded");
		advice(c, "modprobe overlay, if the kernel has it as a module");
	} else if (n->overlay == PROBE_YES) {
		value(c, "mounted one");
	} else if (n->overlay == PROBE_NO) {
		value(c, "refused: %s", err_text(n->overlay_error));
		advice(c, "Linux 5.11 allows it; until then rootless engines use fuse-overlayfs");
	} else {
		value(c, "not tried");
	}
}

/* ---- cgroups --------------------------------------------------------------------------------------- */

static void judge_cgroup2(const struct probe *p, struct probe_check *c)
{
	static const char *const modes[] = { "no cgroups mounted", "legacy (v1)", "hybrid", "unified" };

	c->answer = probe_answer_of(p->cgroup.mode == PROBE_CGROUP_UNIFIED);
	value(c, "%s", modes[p->cgroup.mode]);
	if (p->cgroup.mode == PROBE_CGROUP_NONE)
		advice(c, "mount -t cgroup2 none /sys/fs/cgroup");
	else if (c->answer == PROBE_NO)
		advice(c, "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all; until then no limits");
}

static void judge_controllers(const struct probe *p, struct probe_check *c)
{
	static const char *const wanted[] = { "cpu", "memory", "pids" };
	const char *have = p->cgroup.delegated;
	char missing[48] = "";

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!probe_has_word(have, strlen(have), wanted[i]))
			probe_append(missing, sizeof(missing), " ", wanted[i]);
	c->answer = probe_answer_of(!missing[0]);
	value(c, "%s", have[0] ? have : "none");
	if (!missing[0])
		return;
	if (p->cgroup.mode != PROBE_CGROUP_UNIFIED)
		advice(c, "cgroup v1 holds them: see cgroup2 above");
	else if (p->uid == 0)
		advice(c, "missing: %s; see cgroup_disable= on the kernel's command line", missing);
	else
		advice(c, "missing: %s; Delegate=yes for user@.service, and log in through systemd", missing);
}

static void judge_cgroup_kill(const struct probe *p, struct probe_check *c)
{
	c->answer = p->cgroup.kill;
	value(c, c->answer == PROBE_YES ? "whole containers at once" : "processes are killed one by one");
	if (c->answer == PROBE_NO)
		advice(c, "comes with Linux 5.14 and the unified hierarchy");
}

/* ---- confinement ----------------------------------------------------------------------------------- */

static void judge_seccomp(const struct probe *p, struct probe_check *c)
{
	c->answer = p->kernel.seccomp;
	value(c, c->answer == PROBE_YES ? "filters" : "none");
	if (c->answer == PROBE_NO)
		advice(c, "a kernel with CONFIG_SECCOMP_FILTER is needed for profiles");
}

static void judge_notify(const struct probe *p, struct probe_check *c)
{
	c->answer = p->kernel.seccomp_notify;
	value(c, c->answer == PROBE_YES ? "user_notif" : "no user_notif");
	if (c->answer == PROBE_NO)
		advice(c, "comes with Linux 5.0");
}

static void judge_lsm(const struct probe *p, struct probe_check *c)
{
	const char *l = p->kernel.lsm;
	bool major = probe_has_word(l, strlen(l), "apparmor") || probe_has_word(l, strlen(l), "selinux");

	c->answer = probe_answer_of(major);
	value(c, "%s", l[0] ? l : "none to be seen");
	if (!major)
		advice(c, "AppArmor or SELinux would stand behind the namespaces as a second wall");
}

static void judge_landlock(const struct probe *p, struct probe_check *c)
{
	c->answer = p->kernel.calls[PROBE_CALL_LANDLOCK];
	if (c->answer == PROBE_YES) {
		value(c, "ABI %d", p->kernel.landlock_abi);
		return;
	}
	value(c, c->answer == PROBE_NO ? "not active" : "not asked");
	if (c->answer == PROBE_NO)
		advice(c, "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in its lsm= list");
}

/* ---- programs -------------------------------------------------------------------------------------- */

static const struct {
	enum probe_helper helper;
	const char *package, *use;
} programs[] = {
	{ PROBE_NEWUIDMAP, "uidmap (shadow-utils)", "id ranges of rootless containers" },
	{ PROBE_NEWGIDMAP, "uidmap (shadow-utils)", "id ranges of rootless containers" },
	{ PROBE_PASTA, "passt", "network of rootless containers" },
	{ PROBE_SLIRP, "slirp4netns", "network of rootless containers" },
	{ PROBE_CRIU, "criu", "checkpoint and restore" },
	{ PROBE_QEMU, "qemu-system", "micro-VMs" },
	{ PROBE_CLOUD_HYPERVISOR, "cloud-hypervisor", "micro-VMs" },
	{ PROBE_FIRECRACKER, "firecracker", "micro-VMs" },
	{ PROBE_VIRTIOFSD, "virtiofsd", "files of micro-VMs" },
	{ PROBE_FUSE_OVERLAYFS, "fuse-overlayfs", "rootless images on old kernels" },
};
_Static_assert(ARRAY_SIZE(programs) == PROBE_HELPER_COUNT, "a row for every program");

static void judge_program(const struct probe *p, struct probe_check *c, size_t i)
{
	const struct probe_program *prog = &p->programs[programs[i].helper];
	bool maps = programs[i].helper == PROBE_NEWUIDMAP || programs[i].helper == PROBE_NEWGIDMAP;

	c->answer = probe_answer_of(prog->path[0] != '\0');
	value(c, "%s", prog->path[0] ? prog->path : "not found");
	if (c->answer == PROBE_NO) {
		advice(c, "install %s, for %s", programs[i].package, programs[i].use);
	} else if (maps && !prog->privileged) {
		c->answer = PROBE_NO;
		value(c, "%s, without privilege", prog->path);
		advice(c, "chmod u+s %s", prog->path);
	}
}

/* ---- the table ------------------------------------------------------------------------------------- */

static const struct check_row {
	const char *name, *label;
	enum probe_group group;
	bool optional;
	void (*judge)(const struct probe *p, struct probe_check *c);
} check_rows[] = {
	{ "cpu", "processor extension", PROBE_GROUP_VM, false, judge_cpu },
	{ "kvm", "KVM", PROBE_GROUP_VM, false, judge_kvm },
	{ "kvm-linux", "KVM for Linux guests", PROBE_GROUP_VM, false, judge_kvm_linux },
	{ "nested", "nested guests", PROBE_GROUP_VM, true, judge_nested },
	{ "vhost-vsock", "vhost-vsock", PROBE_GROUP_VM, true, judge_vsock },
	{ "vhost-net", "vhost-net", PROBE_GROUP_VM, true, judge_vhost_net },
	{ "tun", "tun and tap", PROBE_GROUP_VM, true, judge_tun },
	{ "iommu", "IOMMU", PROBE_GROUP_VM, true, judge_iommu },
	{ "kernel", "Linux", PROBE_GROUP_KERNEL, false, judge_kernel },
	{ "calls", "system calls needed", PROBE_GROUP_KERNEL, false, judge_calls },
	{ "newer-calls", "newer system calls", PROBE_GROUP_KERNEL, true, judge_newer_calls },
	{ "userns", "user namespaces", PROBE_GROUP_NS, false, judge_userns },
	{ "subids", "subordinate ids", PROBE_GROUP_NS, false, judge_subids },
	{ "idmap", "id-mapped mounts", PROBE_GROUP_NS, true, judge_idmap },
	{ "overlay", "overlay, rootless", PROBE_GROUP_NS, true, judge_overlay },
	{ "cgroup2", "hierarchy", PROBE_GROUP_CGROUP, false, judge_cgroup2 },
	{ "controllers", "controllers for you", PROBE_GROUP_CGROUP, false, judge_controllers },
	{ "cgroup-kill", "cgroup.kill", PROBE_GROUP_CGROUP, true, judge_cgroup_kill },
	{ "seccomp", "seccomp", PROBE_GROUP_CONFINE, false, judge_seccomp },
	{ "seccomp-notify", "seccomp notification", PROBE_GROUP_CONFINE, true, judge_notify },
	{ "lsm", "security modules", PROBE_GROUP_CONFINE, true, judge_lsm },
	{ "landlock", "Landlock", PROBE_GROUP_CONFINE, true, judge_landlock },
};
_Static_assert(ARRAY_SIZE(check_rows) + PROBE_HELPER_COUNT <= PROBE_CHECK_MAX, "room for every check");

static const char *verdict_of(const struct probe *p)
{
	if (p->kvm.stage == PROBE_KVM_LONG_FAILED || (p->kvm.stage == PROBE_KVM_RAN && p->kvm.software))
		return "kvm-software";
	if (p->kvm.stage == PROBE_KVM_RAN)
		return inside_vm(p) ? "kvm-nested" : "kvm";
	return "none";
}

void probe_judge(struct probe *p)
{
	/* On x86 a KVM that works has vmx or svm under it, or does by itself what they would do. */
	bool runs = p->kvm.stage == PROBE_KVM_RAN || p->kvm.stage == PROBE_KVM_LONG_FAILED;
	p->kvm.software = runs && (p->cpu.extension == PROBE_NO || p->kvm.stage == PROBE_KVM_LONG_FAILED);
	p->verdict = verdict_of(p);
	p->check_count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(check_rows); i++) {
		const struct check_row *row = &check_rows[i];
		struct probe_check *c = &p->checks[p->check_count++];
		*c = (struct probe_check){ .name = row->name, .label = row->label, .group = row->group,
					   .optional = row->optional };
		row->judge(p, c);
	}
	for (size_t i = 0; i < PROBE_HELPER_COUNT; i++) {
		struct probe_check *c = &p->checks[p->check_count++];
		*c = (struct probe_check){ .name = probe_helper_name(programs[i].helper), .group = PROBE_GROUP_PROGRAMS,
					   .label = probe_helper_name(programs[i].helper), .optional = true };
		judge_program(p, c, i);
	}
}

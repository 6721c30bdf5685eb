/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe over small trees of files and forged processors: one row an environment, with the answer. Then
 * the checks over facts filled by hand, the two printers, and one run on the machine itself.
 */
#include "../../runtime/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/base/util.h"
#include "../../runtime/cmd_probe.h"
#include "../../runtime/probe_priv.h"
#include "tap.h"

/* Short words for the tables below. */
enum {
	T0 = PROBE_TYPE_NONE, T1 = PROBE_TYPE_1, T2 = PROBE_TYPE_2, T12 = PROBE_TYPE_1_OR_2, TX = PROBE_TYPE_UNKNOWN,
	M0 = PROBE_METHOD_NONE, HARD = PROBE_METHOD_HARDWARE, HYBRID = PROBE_METHOD_HYBRID,
	EMUL = PROBE_METHOD_EMULATION, PARA = PROBE_METHOD_PARA, MX = PROBE_METHOD_UNKNOWN,
	YES = PROBE_YES, NO = PROBE_NO, DUNNO = PROBE_UNKNOWN,
};

/* ---- trees ----------------------------------------------------------------------------------------- */

struct node {
	const char *path; /* with a slash at the end: a directory */
	const char *text; /* "-> X": a symbolic link to X */
};

static char top[64];

static void parents_make(int root, const char *path)
{
	char part[256];

	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(s - path), path);
		if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			printf("# mkdir %s: %s\n", part, err_text(errno));
	}
}

static void node_make(int root, const struct node *n)
{
	const char *text = n->text ? n->text : "";

	parents_make(root, n->path);
	if (n->path[strlen(n->path) - 1] == '/')
		return;
	if (strncmp(text, "-> ", 3) == 0) {
		CHECK(symlinkat(text + 3, root, n->path) == 0);
		return;
	}
	int fd = openat(root, n->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	fd_close(&fd);
}

static int tree_make(const struct node *nodes)
{
	(void)snprintf(top, sizeof(top), "/tmp/ctr-probe-XXXXXX");
	CHECK(mkdtemp(top) != NULL);
	int root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(root >= 0);
	for (; nodes && nodes->path; nodes++)
		node_make(root, nodes);
	return root;
}

static int tree_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void tree_done(int root)
{
	fd_close(&root);
	CHECK(nftw(top, tree_remove, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

/* ---- processors ------------------------------------------------------------------------------------ */

struct processor {
	const char *signature, *second; /* at 0x40000000 and 0x40000100 */
	bool no_bit, vmx, svm;
};

static void cpuid_forged(void *arg, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	const struct processor *c = arg;
	char text[13] = { 0 };

	(void)subleaf;
	memset(r, 0, 4 * sizeof(r[0]));
	if (leaf == 1) {
		r[2] = (c->vmx ? 1U << 5 : 0) | (c->signature && !c->no_bit ? 1U << 31 : 0);
	} else if (leaf == 0x80000000) {
		r[0] = 0x80000008;
	} else if (leaf == 0x80000001) {
		r[2] = c->svm ? 1U << 2 : 0;
	} else if (leaf == 0x40000000 || leaf == 0x40000100) {
		const char *s = leaf == 0x40000000 ? c->signature : c->second;
		r[0] = leaf + 1;
		if (s)
			(void)snprintf(text, sizeof(text), "%s", s);
		memcpy(&r[1], text, 12);
	}
}

static void probe_tree(struct probe *p, const struct node *nodes, const char *arch,
		       const struct processor *cpu)
{
	struct err e = { 0 };
	struct processor copy = { 0 };
	int root = tree_make(nodes);

	if (cpu)
		copy = *cpu;
	struct probe_source src = { .root = root, .cpuid = cpu ? cpuid_forged : NULL, .cpuid_arg = &copy,
				    .arch = arch ? arch : "x86_64", .uid = 1000 };
	CHECK_INT(probe_run(p, &src, &e), 0);
	tree_done(root);
}

/* ---- hypervisors ----------------------------------------------------------------------------------- */

#define DMI "sys/class/dmi/id/"
#define SIG(first) { .signature = first }
#define SIG2(first, next) { .signature = first, .second = next }
#define NOTHING { { NULL, NULL } }
#define VIRTIO { "sys/bus/virtio/devices/virtio0/", NULL }

static const struct vm_case {
	const char *name, *vm, *arch;
	struct processor cpu;
	bool no_cpuid;
	int type;
	int method;
	const char *role, *guest;
	struct node nodes[8];
} vm_cases[] = {
	{ "bare metal", NULL, NULL, { .vmx = true }, false, T0, M0, NULL, NULL, { { DMI "sys_vendor",
	  "LENOVO\n" }, { DMI "product_name", "20XWCTO1WW\n" } } },
	{ "kvm with virtio", "kvm", NULL, SIG("KVMKVMKVM"), false, T12, HYBRID, NULL, NULL,
	  { { DMI "sys_vendor", "QEMU\n" }, { DMI "product_name", "Standard PC (Q35 + ICH9, 2009)\n" },
	  VIRTIO } },
	{ "kvm, emulated devices", "kvm", NULL, SIG("KVMKVMKVM"), false, T12, HARD, NULL, NULL,
	  { { DMI "sys_vendor", "QEMU\n" } } },
	{ "kvm behind hyper-v leaves", "kvm", NULL, SIG2("Microsoft Hv", "KVMKVMKVM"), false, T12,
	  HARD, NULL, NULL, { { DMI "sys_vendor", "QEMU\n" } } },
	{ "kvm, DMI only", "kvm", NULL, { 0 }, false, T12, HARD, NULL, NULL, { { DMI "product_name",
	  "KVM\n" } } },
	{ "qemu tcg", "qemu-tcg", NULL, SIG("TCGTCGTCGTCG"), false, T2, EMUL, NULL, NULL,
	  { { DMI "sys_vendor", "QEMU\n" }, VIRTIO } },
	{ "qemu tcg without the bit", "qemu-tcg", NULL, { .signature = "TCGTCGTCGTCG", .no_bit = true },
	  false, T2,
	  EMUL, NULL, NULL, { { DMI "sys_vendor", "QEMU\n" } } },
	{ "qemu, kind hidden", "qemu", NULL, { 0 }, false, T2, MX, NULL, NULL, { { DMI "sys_vendor",
	  "QEMU\n" } } },
	{ "xen dom0 by capabilities", "xen", NULL, { 0 }, false, T1, PARA, "dom0", "PV",
	  { { "proc/xen/capabilities", "control_d\n" }, { "sys/hypervisor/type", "xen\n" },
	    { "sys/hypervisor/guest_type", "PV\n" }, { DMI "sys_vendor", "Dell Inc.\n" } } },
	{ "xen dom0 by features", "xen", NULL, SIG("XenVMMXenVMM"), false, T1, PARA, "dom0", "PV",
	  { { "proc/xen/capabilities", "" }, { "sys/hypervisor/type", "xen\n" },
	    { "sys/hypervisor/guest_type", "PV\n" }, { "sys/hypervisor/properties/features", "000228f0\n" } } },
	{ "xen domU PV", "xen", NULL, SIG("XenVMMXenVMM"), false, T1, PARA, "domU", "PV",
	  { { "proc/xen/capabilities", "" }, { "sys/hypervisor/type", "xen\n" },
	    { "sys/hypervisor/guest_type", "PV\n" }, { "sys/hypervisor/properties/features", "00002705\n" } } },
	{ "xen domU PVH", "xen", NULL, SIG("XenVMMXenVMM"), false, T1, HYBRID, "domU", "PVH",
	  { { "sys/hypervisor/type", "xen\n" }, { "sys/hypervisor/guest_type", "PVH\n" } } },
	{ "xen domU HVM with drivers", "xen", NULL, SIG("XenVMMXenVMM"), false, T1, HYBRID, "domU", "HVM",
	  { { "sys/hypervisor/type", "xen\n" }, { "sys/hypervisor/guest_type", "HVM\n" },
		   { DMI "sys_vendor", "Xen\n" }, { DMI "product_name", "HVM domU\n" },
		   { "sys/bus/xen/devices/vbd-768/", NULL } } },
	{ "xen behind viridian leaves", "xen", NULL, SIG2("Microsoft Hv", "XenVMMXenVMM"), false, T1,
	  HARD, "domU", "HVM", { { DMI "sys_vendor", "Xen\n" } } },
	{ "vmware", "vmware", NULL, SIG("VMwareVMware"), false, T12, HARD, NULL, NULL, { { DMI "sys_vendor",
	  "VMware, Inc.\n" }, { DMI "product_name", "VMware Virtual Platform\n" } } },
	{ "vmware by DMI", "vmware", NULL, { 0 }, false, T12, HARD, NULL, NULL, { { DMI "sys_vendor",
	  "VMware, Inc.\n" } } },
	{ "virtualbox says kvm", "virtualbox", NULL, SIG("KVMKVMKVM"), false, T2, HARD, NULL, NULL,
	  { { DMI "sys_vendor", "innotek GmbH\n" }, { DMI "product_name", "VirtualBox\n" } } },
	{ "virtualbox by its old vendor", "virtualbox", NULL, SIG("KVMKVMKVM"), false, T2, HARD, NULL, NULL,
	  { { DMI "sys_vendor", "innotek GmbH\n" } } },
	{ "virtualbox says hyper-v", "virtualbox", NULL, SIG("Microsoft Hv"), false, T2, HARD, NULL, NULL,
	  { { DMI "product_name", "VirtualBox\n" } } },
	{ "virtualbox, minimal provider", "virtualbox", NULL, SIG("VBoxVBoxVBox"), false, T2,
	  HARD, NULL, NULL, NOTHING },
	{ "parallels says kvm", "parallels", NULL, SIG("KVMKVMKVM"), false, T2, HARD, NULL, NULL,
	  { { DMI "sys_vendor", "Parallels Software International Inc.\n" } } },
	{ "parallels, own leaf", "parallels", NULL, SIG(" lrpepyh  vr"), false, T2, HARD, NULL, NULL, NOTHING },
	{ "bhyve", "bhyve", NULL, SIG("bhyve bhyve "), false, T2, HYBRID, NULL, NULL, { { DMI "bios_vendor",
	  "BHYVE\n" }, VIRTIO } },
	{ "hyper-v", "hyperv", NULL, SIG("Microsoft Hv"), false, T1, HYBRID, NULL, NULL, { { DMI "sys_vendor",
	  "Microsoft Corporation\n" }, { DMI "product_name", "Virtual Machine\n" },
	    { "sys/bus/vmbus/devices/0/", NULL } } },
	{ "surface laptop is no hyper-v", NULL, NULL, { 0 }, false, T0, M0, NULL, NULL, { { DMI "sys_vendor",
	  "Microsoft Corporation\n" }, { DMI "product_name", "Surface Laptop\n" } } },
	{ "wsl 2", "wsl2", NULL, SIG("Microsoft Hv"), false, T1, HARD, NULL, NULL,
	  { { "proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n" } } },
	{ "firecracker", "firecracker", NULL, SIG("KVMKVMKVM"), false, T12, HYBRID, NULL, NULL,
	  { { "proc/cmdline", "console=ttyS0 reboot=k panic=1 pci=off virtio_mmio.device=4K@0xd0000000:5\n" },
	    VIRTIO } },
	{ "kvm without DMI is not yet firecracker", "kvm", NULL, SIG("KVMKVMKVM"), false, T12,
	  HYBRID, NULL, NULL, { { "proc/cmdline", "console=ttyS0 root=/dev/vda\n" }, VIRTIO } },
	{ "cloud-hypervisor", "cloud-hypervisor", NULL, SIG("KVMKVMKVM"), false, T12, HYBRID, NULL, NULL,
	  { { DMI "sys_vendor", "Cloud Hypervisor\n" }, VIRTIO } },
	{ "kvmtool", "kvmtool", NULL, SIG("LKVMLKVMLKVM"), false, T12, HYBRID, NULL, NULL,
	  { VIRTIO } },
	{ "ec2 nitro", "amazon", NULL, SIG("KVMKVMKVM"), false, T1, HARD, NULL, NULL, { { DMI "sys_vendor",
	  "Amazon EC2\n" }, { DMI "product_name", "m5.large\n" } } },
	{ "ec2 bare metal", NULL, NULL, { 0 }, false, T0, M0, NULL, NULL, { { DMI "sys_vendor",
	  "Amazon EC2\n" }, { DMI "product_name", "m7i.metal-24xl\n" } } },
	{ "gce", "google", NULL, SIG("KVMKVMKVM"), false, T12, HYBRID, NULL, NULL, { { DMI "product_name",
	  "Google Compute Engine\n" }, VIRTIO } },
	{ "gce bare metal", NULL, NULL, { 0 }, false, T0, M0, NULL, NULL, { { DMI "product_name",
	  "Google Compute Engine\n" } } },
	{ "user-mode linux", "uml", NULL, { 0 }, true, T2, PARA, NULL, NULL, { { "proc/cpuinfo",
	  "processor\t: 0\nvendor_id\t: User Mode Linux\nmodel name\t: UML\nmode\t\t: skas\n" } } },
	{ "user-mode linux in a kvm guest", "uml", NULL, SIG("KVMKVMKVM"), false, T2, PARA, NULL, NULL,
	  { { "proc/cpuinfo", "processor\t: 0\nvendor_id\t: User Mode Linux\n" } } },
	{ "acrn", "acrn", NULL, SIG("ACRNACRNACRN"), false, T1, HARD, NULL, NULL, NOTHING },
	{ "openbsd vmm", "openbsd-vmm", NULL, SIG("OpenBSDVMM58"), false, T2, HARD, NULL, NULL,
	  NOTHING },
	{ "nvmm", "nvmm", NULL, SIG("___ NVMM ___"), false, T2, HARD, NULL, NULL, NOTHING },
	{ "jailhouse", "jailhouse", NULL, SIG("Jailhouse"), false, T1, HARD, NULL, NULL,
	  NOTHING },
	{ "apple", "apple", "aarch64", { 0 }, true, T2, HYBRID, NULL, NULL, { { DMI "product_name",
	  "Apple Virtualization Generic Platform\n" }, VIRTIO } },
	{ "nobody knows", "vm-other", NULL, SIG("WhoAmIWhoAmI"), false, TX, MX, NULL, NULL, NOTHING },
	{ "arm64 kvm, device tree", "kvm", "aarch64", { 0 }, true, T12, HYBRID, NULL, NULL,
	  { { "proc/device-tree/hypervisor/compatible", "linux,kvm" }, VIRTIO } },
	{ "arm64 qemu virt", "qemu", "aarch64", { 0 }, true, T2, MX, NULL, NULL,
	  { { "proc/device-tree/fw-cfg@9020000/", NULL } } },
	{ "s390 z/VM", "zvm", "s390x", { 0 }, true, T1, HARD, NULL, NULL, { { "proc/sysinfo",
	  "Manufacturer: IBM\nVM00 Control Program: z/VM    6.4.0\n" } } },
	{ "s390 kvm", "kvm", "s390x", { 0 }, true, T12, HARD, NULL, NULL, { { "proc/sysinfo",
	  "VM00 Control Program: KVM/Linux\n" } } },
	{ "powervm", "powervm", "ppc64le", { 0 }, true, T1, HARD, NULL, NULL,
	  { { "proc/device-tree/ibm,partition-name", "lpar1" } } },
};

static void hypervisors(void)
{
	struct probe p;

	for (size_t i = 0; i < ARRAY_SIZE(vm_cases); i++) {
		const struct vm_case *c = &vm_cases[i];
		int before = tap_bad;
		probe_tree(&p, c->nodes, c->arch, c->no_cpuid ? NULL : &c->cpu);
		const char *vm = p.inside.vm_count ? p.inside.vms[0].id : NULL;
		CHECK_STR(vm ? vm : "none", c->vm ? c->vm : "none");
		CHECK_INT(p.inside.vm_type, c->type);
		CHECK_INT(p.inside.vm_method, c->method);
		CHECK_STR(p.inside.xen_role ? p.inside.xen_role : "-", c->role ? c->role : "-");
		CHECK_STR(p.inside.xen_guest ? p.inside.xen_guest : "-", c->guest ? c->guest : "-");
		CHECK_INT(p.inside.container_count, 0);
		if (tap_bad != before)
			printf("# in \"%s\"\n", c->name);
	}
}

/* ---- containers ------------------------------------------------------------------------------------ */

#define FIRST_NS                                                                            \
	{ "proc/self/ns/pid", "-> pid:[4026531836]" },                                             \
	{ "proc/self/ns/user", "-> user:[4026531837]" },                                          \
	{ "proc/self/ns/cgroup", "-> cgroup:[4026531835]" }
#define OTHER_NS                                                                            \
	{ "proc/self/ns/pid", "-> pid:[4026532300]" },                                             \
	{ "proc/self/ns/user", "-> user:[4026531837]" },                                          \
	{ "proc/self/ns/cgroup", "-> cgroup:[4026532301]" }
#define HOST_ROOT { "proc/self/mountinfo", "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n" }
#define OVERLAY "500 400 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/x\n"

static const struct container_case {
	const char *name, *container, *also; /* also: a second layer that must be in the list */
	bool stale;
	int chroot;
	struct node nodes[9];
} container_cases[] = {
	{ "the machine itself", NULL, NULL, false, NO, { FIRST_NS, HOST_ROOT } },
	{ "a left-over mark", NULL, NULL, true, NO, { FIRST_NS, HOST_ROOT, { ".dockerenv", "" } } },
	{ "mount namespace of a service, with a left-over", NULL, NULL, true, NO,
	  { FIRST_NS, HOST_ROOT, { "proc/self/ns/mnt", "-> mnt:[4026532777]" }, { "run/.containerenv", "" } } },
	{ "a root in a btrfs subvolume, with a left-over", NULL, NULL, true, NO,
	  { FIRST_NS, { ".dockerenv", "" },
	    { "proc/self/mountinfo", "22 1 0:30 /root / rw - btrfs /dev/sda3 rw,subvol=/root\n" } } },
	{ "podman on btrfs, sharing pid and cgroup namespaces", "podman", NULL, false, DUNNO,
	  { FIRST_NS, { "run/.containerenv", "engine=\"podman-4.3.1\"\n" },
	    { "proc/self/mountinfo", "22 1 0:30 /a/storage/btrfs/subvolumes/0a1b / rw - btrfs /dev/sda3 rw\n" } } },
	{ "docker", "docker", NULL, false, DUNNO,
	  { OTHER_NS, { ".dockerenv", "" }, { "proc/self/mountinfo", OVERLAY } } },
	{ "docker that shares pid and cgroup namespaces", "docker", NULL, false, DUNNO,
	  { FIRST_NS, { ".dockerenv", "" }, { "proc/self/mountinfo", OVERLAY } } },
	{ "docker by the source of /etc/hostname", "docker", NULL, false, DUNNO,
	  { OTHER_NS, { "proc/self/mountinfo", OVERLAY "501 500 8:1 /var/lib/docker/containers/0a1b/hostname "
					       "/etc/hostname rw - ext4 /dev/sda1 rw\n" } } },
	{ "a container with docker's files elsewhere", "container-other", NULL, false, DUNNO,
	  { OTHER_NS, { "proc/self/mountinfo", OVERLAY "501 500 8:1 /var/lib/docker/containers/0a1b/mounts/shm "
					       "/srv/x rw - ext4 /dev/sda1 rw\n" } } },
	{ "docker by cgroup", "docker", NULL, false, DUNNO, { { "proc/self/cgroup",
	  "0::/system.slice/docker-0a1b2c.scope\n" } } },
	{ "a host with docker's mounts", NULL, NULL, false, NO,
	  { FIRST_NS, { "proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		      "90 22 0:50 / /var/lib/docker/overlay2/ab/merged rw - overlay overlay rw\n" } } },
	{ "podman", "podman", NULL, false, DUNNO,
	  { OTHER_NS, { "run/.containerenv", "engine=\"podman-4.3.1\"\nname=\"x\"\n" },
	    { "proc/self/environ", "PATH=/bin\ncontainer=podman\n" } } },
	{ "podman, unprivileged", "podman", NULL, false, DUNNO, { OTHER_NS, { "run/.containerenv", "" } } },
	{ "buildah", "buildah", NULL, false, DUNNO,
	  { OTHER_NS, { "run/.containerenv", "engine=\"buildah-1.28.2\"\n" }, { "proc/self/environ",
	  "container=oci\n" } } },
	{ "buildah by environment", "buildah", NULL, false, DUNNO,
	  { OTHER_NS, { "proc/self/environ", "A=1\ncontainer=oci\n" } } },
	{ "lxc", "lxc", NULL, false, DUNNO, { OTHER_NS, { "proc/1/environ", "container=lxc\nTERM=linux\n" } } },
	{ "lxd", "lxd", "lxc", false, DUNNO,
	  { OTHER_NS, { "proc/1/environ", "container=lxc\n" }, { "dev/lxd/sock", "" } } },
	{ "incus", "incus", "lxc", false, DUNNO,
	  { OTHER_NS, { "proc/1/environ", "container=lxc\n" }, { "dev/incus/sock", "" } } },
	{ "systemd-nspawn", "systemd-nspawn", NULL, false, DUNNO,
	  { OTHER_NS, { "run/host/container-manager", "systemd-nspawn\n" } } },
	{ "systemd-nspawn, by systemd", "systemd-nspawn", NULL, false, DUNNO,
	  { OTHER_NS, { "run/systemd/container", "systemd-nspawn\n" } } },
	{ "kubernetes on containerd", "containerd", "kubernetes", false, DUNNO,
	  { OTHER_NS, { "proc/self/environ", "KUBERNETES_SERVICE_HOST=10.96.0.1\n" },
	    { "proc/self/cgroup", "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-0a1b.scope\n" } } },
	{ "kubernetes on cri-o", "cri-o", "kubernetes", false, DUNNO,
	  { OTHER_NS, { "run/.containerenv", "" }, { "run/secrets/kubernetes.io/serviceaccount/", NULL },
	    { "proc/self/cgroup", "0::/kubepods.slice/crio-0a1b.scope\n" } } },
	{ "openvz", "openvz", NULL, false, DUNNO, { { "proc/vz/veinfo", "" } } },
	{ "the node of openvz", NULL, NULL, false, DUNNO, { { "proc/vz/veinfo", "" }, { "proc/bc/0", "" } } },
	{ "gvisor", "gvisor", NULL, false, DUNNO, { { "proc/version",
	  "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n" } } },
	{ "wsl 1", "wsl1", NULL, false, DUNNO, { { "proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n" } } },
	{ "a manager without a name", "container-other", NULL, false, DUNNO, { OTHER_NS } },
	{ "a manager with a new name", "container-other", NULL, false, DUNNO,
	  { OTHER_NS, { "proc/1/environ", "container=somethingnew\n" } } },
	{ "chroot", NULL, NULL, false, YES,
	  { FIRST_NS, { "proc/self/mountinfo", "40 22 0:5 / /proc rw - proc proc rw\n" } } },
	{ "nothing mounted", NULL, NULL, false, DUNNO, NOTHING },
};

static void containers(void)
{
	struct probe p;

	for (size_t i = 0; i < ARRAY_SIZE(container_cases); i++) {
		const struct container_case *c = &container_cases[i];
		int before = tap_bad;
		bool also = c->also == NULL;
		probe_tree(&p, c->nodes, NULL, NULL);
		const char *got = p.inside.container_count ? p.inside.containers[0].id : "none";
		CHECK_STR(got, c->container ? c->container : "none");
		for (size_t n = 1; n < p.inside.container_count && c->also; n++)
			also = also || str_eq(p.inside.containers[n].id, c->also);
		CHECK(also);
		CHECK_INT(p.inside.stale[0] != '\0', c->stale);
		CHECK_INT(p.inside.chroot, c->chroot);
		CHECK_INT(p.inside.vm_count, 0);
		if (tap_bad != before)
			printf("# in \"%s\"\n", c->name);
	}
}

/* Both layers are reported: a container in a guest. */
static void both_layers(void)
{
	static const struct node nodes[] = { OTHER_NS, { ".dockerenv", "" },
					     { DMI "product_name", "VirtualBox\n" }, { NULL, NULL } };
	static const struct processor cpu = SIG("KVMKVMKVM");
	struct probe p;

	probe_tree(&p, nodes, NULL, &cpu);
	CHECK_STR(p.inside.vms[0].id, "virtualbox");
	CHECK_STR(p.inside.vms[1].id, "kvm");
	CHECK_STR(p.inside.containers[0].id, "docker");
}

/* ---- processors ------------------------------------------------------------------------------------ */

#define FLAGS(text)                                                                              \
	{ "proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: X\nflags\t\t: " text "\n" }

static const struct cpu_case {
	const char *name, *arch;
	struct processor cpu;
	struct node nodes[3];
	const char *extension;
	int answer, paging;
	bool off;
} cpu_cases[] = {
	{ "intel", NULL, { .vmx = true }, { FLAGS("fpu vmx ept vpid") }, "vmx", YES, YES, false },
	{ "intel, vmx flags line", NULL, { .vmx = true }, { FLAGS("fpu vmx lm\nvmx flags\t: vnmi ept pml") },
	  "vmx",
	  YES, YES, false },
	{ "intel without ept", NULL, { .vmx = true }, { FLAGS("fpu vmx") }, "vmx", YES, NO, false },
	{ "intel, locked by firmware", NULL, { .vmx = true }, { FLAGS("fpu lm") }, "vmx", NO, DUNNO, true },
	{ "a word that only begins with vmx", NULL, { 0 }, { FLAGS("fpu vmxx xsvm") }, "vmx", NO, DUNNO,
	  false },
	{ "amd", NULL, { .svm = true }, { FLAGS("svm npt nrip_save avic") }, "svm", YES, YES, false },
	{ "amd, locked by firmware", NULL, { .svm = true }, { FLAGS("fpu npt") }, "svm", NO, DUNNO, true },
	{ "s390", "s390x", { 0 }, { { "proc/cpuinfo",
	  "vendor_id       : IBM/S390\nfeatures\t: esan3 zarch sie \n" } }, "sie",
	  YES, DUNNO, false },
	{ "riscv with h", "riscv64", { 0 }, { { "proc/cpuinfo", "isa\t\t: rv64imafdch_zicsr_zifencei\n" } },
	  "h", YES,
	  DUNNO, false },
	{ "riscv without h", "riscv64", { 0 }, { { "proc/cpuinfo", "isa\t\t: rv64imafdc_zicbom_zihpm\n" } },
	  "h", NO,
	  DUNNO, false },
	{ "power, bare", "ppc64le", { 0 }, { { "proc/device-tree/compatible", "ibm,powernv" } }, "hv", YES,
	  DUNNO, false },
	{ "power, partition", "ppc64le", { 0 }, { { "proc/device-tree/compatible", "IBM,9009-42A" } }, "hv", NO,
	  DUNNO, false },
	{ "loongarch", "loongarch64", { 0 }, { { "proc/cpuinfo", "Features\t\t: cpucfg lam lsx lvz\n" } },
	  "lvz", YES,
	  DUNNO, false },
	{ "arm64 with kvm", "aarch64", { 0 }, { { "dev/kvm", "" } }, "el2", YES, DUNNO, false },
	{ "arm64 without", "aarch64", { 0 }, { { NULL, NULL } }, "el2", DUNNO, DUNNO, false },
};

static void processors(void)
{
	struct probe p;

	for (size_t i = 0; i < ARRAY_SIZE(cpu_cases); i++) {
		const struct cpu_case *c = &cpu_cases[i];
		int before = tap_bad;
		probe_tree(&p, c->nodes, c->arch, c->arch ? NULL : &c->cpu);
		CHECK_STR(p.cpu.extension_name, c->extension);
		CHECK_INT(p.cpu.extension, c->answer);
		CHECK_INT(p.cpu.paging, c->paging);
		CHECK_INT(p.cpu.firmware_off, c->off);
		if (tap_bad != before)
			printf("# in \"%s\"\n", c->name);
	}
}

/* ---- the other files ------------------------------------------------------------------------------- */

static void files(void)
{
	static const struct node nodes[] = {
		{ "proc/sys/kernel/osrelease", "6.1.0-18-amd64\n" },
		{ "proc/sys/user/max_user_namespaces", "15000\n" },
		{ "proc/sys/kernel/unprivileged_userns_clone", "0\n" },
		{ "proc/sys/kernel/seccomp/actions_avail", "kill_process trap errno user_notif allow\n" },
		{ "proc/filesystems", "nodev\tproc\n\text4\nnodev\toverlay\n" },
		{ "proc/self/cgroup", "1:name=systemd:/\n0::/user.slice/user-1000.slice/session-1.scope\n" },
		{ "proc/self/ns/user", "-> user:[4026531837]" },
		{ "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n" },
		{ "sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers", "memory pids\n" },
		{ "sys/kernel/security/lsm", "lockdown,capability,landlock,yama,apparmor\n" },
		{ "sys/module/kvm_amd/parameters/nested", "1\n" },
		{ "sys/kernel/iommu_groups/0/", NULL },
		{ "sys/kernel/iommu_groups/1/", NULL },
		{ "etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n" },
		{ "etc/subuid", "alice:100000:65536\nbob:165536:65536\n1000:900000:1000\nbroken\nalice:x:1\n" },
		{ "etc/subgid", "alice:100000:65536\n" },
		{ "usr/bin/criu", "" },
		{ "usr/bin/qemu-system-x86_64", "" },
		{ "usr/libexec/virtiofsd", "" },
		{ "usr/bin/pasta/", NULL }, /* a directory is not a program */
		{ NULL, NULL },
	};
	struct probe p;

	probe_tree(&p, nodes, NULL, NULL);
	CHECK_INT(p.kernel.major * 1000 + p.kernel.minor, 6001);
	CHECK_INT(p.ns.max_user, 15000);
	CHECK_INT(p.ns.apparmor_restrict, -1);
	CHECK_INT(p.ns.overlay_known, true);
	CHECK_STR(p.ns.user, "alice");
	CHECK_INT(p.ns.subuids, 66536);
	CHECK_INT(p.ns.subgids, 65536);
	CHECK_INT(p.cgroup.mode, PROBE_CGROUP_UNIFIED);
	CHECK_STR(p.cgroup.path, "/user.slice/user-1000.slice/session-1.scope");
	CHECK_STR(p.cgroup.delegated, "memory pids");
	CHECK_STR(probe_find(&p, "controllers")->advice,
		  "missing: cpu; Delegate=yes for user@.service, and log in through systemd");
	CHECK_INT(probe_find(&p, "seccomp-notify")->answer, YES);
	CHECK_INT(probe_find(&p, "nested")->answer, YES);
	CHECK_INT(p.kvm.iommu_groups, 2);
	CHECK_INT(probe_find(&p, "userns")->answer, NO);
	CHECK_STR(probe_find(&p, "userns")->value, "kernel.unprivileged_userns_clone is 0");
	CHECK_INT(probe_find(&p, "subids")->answer, YES);
	CHECK_INT(probe_find(&p, "lsm")->answer, YES);
	CHECK_STR(p.programs[PROBE_QEMU].path, "/usr/bin/qemu-system-x86_64");
	CHECK_STR(p.programs[PROBE_VIRTIOFSD].path, "/usr/libexec/virtiofsd");
	CHECK_STR(p.programs[PROBE_PASTA].path, "");
}

static void cgroup_modes(void)
{
	static const struct {
		struct node nodes[2];
		enum probe_cgroup_mode mode;
	} cases[] = {
		{ { { NULL, NULL } }, PROBE_CGROUP_NONE },
		{ { { "sys/fs/cgroup/memory/tasks", "" } }, PROBE_CGROUP_LEGACY },
		{ { { "sys/fs/cgroup/unified/cgroup.controllers", "" } }, PROBE_CGROUP_HYBRID },
		{ { { "sys/fs/cgroup/cgroup.controllers", "" } }, PROBE_CGROUP_UNIFIED },
	};
	struct probe p;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		probe_tree(&p, cases[i].nodes, NULL, NULL);
		CHECK_INT(p.cgroup.mode, cases[i].mode);
		CHECK_INT(probe_find(&p, "cgroup2")->answer, cases[i].mode == PROBE_CGROUP_UNIFIED ? YES : NO);
	}
}

/* Bytes of a hostile or broken firmware neither break lines nor the JSON. */
static void odd_bytes(void)
{
	static const struct node nodes[] = { { DMI "sys_vendor", "VMware\"\\\x01\xff\x1b[31m\n" },
					     { "proc/cpuinfo", "model name\t: \xc3\x28\x07\n" }, { NULL, NULL } };
	struct probe p;
	auto_strbuf struct strbuf b = { 0 };

	probe_tree(&p, nodes, NULL, NULL);
	CHECK_STR(p.inside.vms[0].id, "vmware");
	probe_print(&p, false, &b);
	probe_print_json(&p, &b);
	for (size_t i = 0; i < b.n; i++)
		CHECK((b.p[i] >= ' ' && b.p[i] < 0x7f) || b.p[i] == '\n');
}

/* ---- conclusions ----------------------------------------------------------------------------------- */

static const struct judge_case {
	const char *name;
	int extension;
	bool exists, in_vm;
	enum probe_kvm_stage stage;
	int error;
	uint32_t uid;
	const char *group;
	const char *verdict;
	int kvm, linux_guests;
	const char *advice;
} judge_cases[] = {
	{ "works", YES, true, false, PROBE_KVM_RAN, 0, 1000, "kvm", "kvm", YES, YES, "" },
	{ "works nested", YES, true, true, PROBE_KVM_RAN, 0, 1000, "kvm", "kvm-nested", YES, YES, "" },
	{ "no extension under it", NO, true, true, PROBE_KVM_RAN, 0, 0, "", "kvm-software", YES, YES, "" },
	{ "interprets guest kernels", NO, true, true, PROBE_KVM_LONG_FAILED, EIO, 0, "", "kvm-software", YES,
	  NO, "" },
	{ "not in the group", YES, true, false, PROBE_KVM_OPEN_FAILED, EACCES, 1000, "kvm", "none", NO, NO,
	  "vmx is there: add yourself to group kvm (usermod -aG kvm alice) and log in again" },
	{ "only root's", YES, true, false, PROBE_KVM_OPEN_FAILED, EACCES, 1000, "", "none", NO, NO,
	  "give /dev/kvm the group kvm and mode 0660 by a udev rule, and join that group" },
	{ "device cgroup", YES, true, false, PROBE_KVM_OPEN_FAILED, EPERM, 0, "", "none", NO, NO,
	  "the surroundings forbid the device: let the container have /dev/kvm (10:232, rw)" },
	{ "no module behind it", YES, true, false, PROBE_KVM_OPEN_FAILED, ENODEV, 0, "", "none", NO, NO,
	  "the device has no driver: modprobe kvm_intel" },
	{ "held by another", YES, true, false, PROBE_KVM_CREATE_FAILED, EBUSY, 0, "", "none", NO, NO,
	  "another hypervisor (VirtualBox, VMware) holds the processor: end it" },
	{ "hangs", YES, true, false, PROBE_KVM_TIMEOUT, ETIMEDOUT, 0, "", "none", NO, NO,
	  "this KVM is broken, do not use it: see the kernel's log for kvm" },
	{ "module not loaded", YES, false, false, PROBE_KVM_NOT_TRIED, 0, 0, "", "none", NO, NO,
	  "vmx is there: modprobe kvm_intel; if that fails, the firmware has it switched off" },
	{ "nothing", NO, false, false, PROBE_KVM_NOT_TRIED, 0, 0, "", "none", NO, NO,
	  "nothing to run it on, see cpu above; a micro-VM has to be emulated" },
};

static void kvm_judged(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(judge_cases); i++) {
		const struct judge_case *c = &judge_cases[i];
		int before = tap_bad;
		struct probe p = { .arch = "x86_64", .uid = c->uid };
		p.cpu.extension = (enum probe_answer)c->extension;
		p.cpu.extension_name = "vmx";
		p.kvm.dev.exists = c->exists;
		p.kvm.stage = c->stage;
		p.kvm.error = c->error;
		(void)snprintf(p.kvm.group, sizeof(p.kvm.group), "%s", c->group);
		(void)snprintf(p.ns.user, sizeof(p.ns.user), "alice");
		if (c->in_vm) {
			p.inside.vm_count = 1;
			p.inside.vms[0] = (struct probe_layer){ .id = "kvm", .name = "KVM" };
		}
		probe_judge(&p);
		CHECK_STR(p.verdict, c->verdict);
		CHECK_INT(probe_find(&p, "kvm")->answer, c->kvm);
		CHECK_INT(probe_find(&p, "kvm-linux")->answer, c->linux_guests);
		CHECK_STR(probe_find(&p, "kvm")->advice, c->advice);
		if (tap_bad != before)
			printf("# in \"%s\"\n", c->name);
	}
}

static void userns_judged(void)
{
	static const struct {
		int64_t max, clone, apparmor;
		enum probe_try tried;
		int error;
		int answer;
		const char *value;
	} cases[] = {
		{ 100, -1, -1, PROBE_TRY_OK, 0, YES, "allowed, up to 100" },
		{ 0, -1, -1, PROBE_TRY_USER_FAILED, ENOSPC, NO, "user.max_user_namespaces is 0" },
		{ 100, 0, -1, PROBE_TRY_USER_FAILED, EPERM, NO, "kernel.unprivileged_userns_clone is 0" },
		{ 100, -1, 1, PROBE_TRY_CAPS_FAILED, EPERM, NO, "AppArmor gives no capabilities in them" },
		{ 100, 1, 0, PROBE_TRY_USER_FAILED, EPERM, NO, "refused: operation not permitted" },
		/* what was tried outweighs what the files say */
		{ 100, -1, 1, PROBE_TRY_OK, 0, YES, "allowed, up to 100" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct probe p = { .arch = "x86_64", .uid = 1000 };
		p.cpu.extension_name = "vmx";
		p.ns.built_in = PROBE_YES;
		p.ns.max_user = cases[i].max;
		p.ns.unprivileged_clone = cases[i].clone;
		p.ns.apparmor_restrict = cases[i].apparmor;
		p.ns.tried = cases[i].tried;
		p.ns.error = cases[i].error;
		probe_judge(&p);
		CHECK_INT(probe_find(&p, "userns")->answer, cases[i].answer);
		CHECK_STR(probe_find(&p, "userns")->value, cases[i].value);
		CHECK_INT(probe_find(&p, "userns")->advice[0] != '\0', cases[i].answer == NO);
	}
}

/* ---- printers -------------------------------------------------------------------------------------- */

static void json_balanced(const char *s)
{
	int depth = 0;
	bool string = false;

	for (; *s && *s != '\n'; s++) {
		if (string && *s == '\\')
			s++;
		else if (*s == '"')
			string = !string;
		else if (!string && (*s == '{' || *s == '['))
			depth++;
		else if (!string && (*s == '}' || *s == ']'))
			CHECK(--depth >= 0);
		if (!string && *s == ',')
			CHECK((s[1] == '"' || s[1] == '{') && s[-1] != '{' && s[-1] != '[');
	}
	CHECK_INT(depth, 0);
	CHECK(!string);
	CHECK_STR(s, "\n");
}

/* Every environment's report stays inside 80 columns and its JSON is whole. */
static void printers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(vm_cases) + ARRAY_SIZE(container_cases); i++) {
		bool vm = i < ARRAY_SIZE(vm_cases);
		const struct node *nodes = vm ? vm_cases[i].nodes : container_cases[i - ARRAY_SIZE(vm_cases)].nodes;
		auto_strbuf struct strbuf text = { 0 }, json = { 0 };
		struct probe p;
		probe_tree(&p, nodes, vm ? vm_cases[i].arch : NULL, vm && !vm_cases[i].no_cpuid ? &vm_cases[i].cpu : NULL);
		probe_print(&p, false, &text);
		probe_print_json(&p, &json);
		CHECK(text.p && json.p);
		for (const char *line = text.p, *end; line && *line; line = end + 1) {
			end = strchr(line, '\n');
			CHECK(end && end - line <= 80);
			if (!end || end - line > 80) {
				printf("# %.*s\n", end ? (int)(end - line) : 100, line);
				break;
			}
		}
		CHECK(strchr(text.p, '\033') == NULL);
		json_balanced(json.p ? json.p : "");
	}
}

/* ---- here ------------------------------------------------------------------------------------------ */

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void work_nothing(const struct probe_source *src, int fd)
{
	(void)src;
	(void)fd;
}

static void work_forever(const struct probe_source *src, int fd)
{
	(void)src;
	(void)fd;
	for (;;)
		(void)pause();
}

static void work_half(const struct probe_source *src, int fd)
{
	CHECK(write(fd, "ab", 2) == 2);
	work_forever(src, fd);
}

static void work_all(const struct probe_source *src, int fd)
{
	(void)src;
	CHECK(write(fd, "ab", 2) == 2 && write(fd, "cd", 2) == 2);
	work_forever(src, fd); /* the answer counts, not the end */
}

/* A child that hangs, as a broken KVM would make it, costs its deadline and is gone afterwards. */
static void deadlines(void)
{
	static const struct {
		void (*work)(const struct probe_source *src, int fd);
		int result;
	} cases[] = { { work_nothing, -EIO }, { work_forever, -ETIMEDOUT }, { work_half, -ETIMEDOUT },
		      { work_all, 0 } };
	int before = count_fds();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct probe_job job;
		char answer[4] = { 0 };
		probe_job_start(&job, cases[i].work, NULL);
		/* an answer gets all the time it needs, silence does not */
		CHECK_INT(probe_job_finish(&job, answer, sizeof(answer), cases[i].result == -ETIMEDOUT ? 30 : 10000),
			  cases[i].result);
		if (cases[i].result == 0)
			CHECK(memcmp(answer, "abcd", 4) == 0);
		CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	}
	struct probe_job none = { 0 };
	CHECK_INT(probe_job_finish(&none, &before, 1, 0), -ECHILD);
	CHECK_INT(count_fds(), before);
}

static void this_machine(void)
{
	struct probe p;
	struct err e = { 0 };
	int before = count_fds();

	CHECK_INT(probe_run(&p, NULL, &e), 0);
	CHECK_INT(count_fds(), before);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	CHECK(p.kernel.major >= 4);
	CHECK(p.ns.tried != PROBE_TRY_NOT_DONE);
	CHECK(p.kvm.dev.exists == (p.kvm.stage != PROBE_KVM_NOT_TRIED));
	CHECK_INT(probe_find(&p, "calls")->answer, YES);
	printf("# %u us: %s, in %s, micro-VMs: %s\n", p.micros,
	       p.inside.vm_count ? p.inside.vms[0].id : "bare metal",
	       p.inside.container_count ? p.inside.containers[0].id : "no container", p.verdict);
}

static void command(void)
{
	auto_strbuf struct strbuf b = { 0 };
	struct err e = { 0 };

	CHECK_INT(cmd_probe_main(false, "kernel,calls", &b, &e), 0);
	CHECK_INT(b.n, 0);
	CHECK_INT(cmd_probe_main(false, "kernel,perpetuum-mobile", &b, &e), -EINVAL);
	CHECK_STR(e.text, "--require: no check is called perpetuum-mobile");
	CHECK_INT(cmd_probe_main(true, NULL, &b, &e), 0);
	json_balanced(b.p ? b.p : "");
}

static const struct tap_test tests[] = {
	{ "hypervisors", hypervisors },	      { "containers", containers },
	{ "both layers", both_layers },	      { "processors", processors },
	{ "files", files },		      { "cgroup modes", cgroup_modes },
	{ "odd bytes", odd_bytes },	      { "kvm judged", kvm_judged },
	{ "user namespaces judged", userns_judged }, { "printers", printers },
	{ "deadlines", deadlines },	      { "this machine", this_machine },
	{ "command", command },
};
TAP_MAIN("probe", tests)

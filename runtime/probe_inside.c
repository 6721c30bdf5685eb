/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine runs inside of: a hypervisor, a container, both. Every sign is a row with a weight; all
 * signs are collected and the heaviest names the layer. Weights say how hard a sign is to come by otherwise:
 * a product's own DMI text outweighs a CPUID signature that several products present (KVM's, Hyper-V's).
 * Marks that images can carry count for nothing in a process of the machine's own first namespaces.
 */
#include "probe_priv.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

/* ---- the layers and their kinds -------------------------------------------------------------------- */

struct layer_kind {
	const char *id, *name;
	enum probe_type type;
	enum probe_method method;
};

static const struct layer_kind vm_kinds[] = {
	{ "kvm", "KVM", PROBE_TYPE_1_OR_2, PROBE_METHOD_HARDWARE },
	{ "qemu", "QEMU", PROBE_TYPE_2, PROBE_METHOD_UNKNOWN },
	{ "qemu-tcg", "QEMU TCG", PROBE_TYPE_2, PROBE_METHOD_EMULATION },
	{ "bochs", "Bochs", PROBE_TYPE_2, PROBE_METHOD_EMULATION },
	{ "firecracker", "Firecracker", PROBE_TYPE_1_OR_2, PROBE_METHOD_HARDWARE },
	{ "cloud-hypervisor", "Cloud Hypervisor", PROBE_TYPE_1_OR_2, PROBE_METHOD_HARDWARE },
	{ "crosvm", "crosvm", PROBE_TYPE_1_OR_2, PROBE_METHOD_HARDWARE },
	{ "kvmtool", "kvmtool", PROBE_TYPE_1_OR_2, PROBE_METHOD_HARDWARE },
	{ "amazon", "Amazon EC2 (Nitro)", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "google", "Google Compute Engine", PROBE_TYPE_1_OR_2, PROBE_METHOD_HARDWARE },
	{ "xen", "Xen", PROBE_TYPE_1, PROBE_METHOD_UNKNOWN },
	{ "vmware", "VMware", PROBE_TYPE_1_OR_2, PROBE_METHOD_HARDWARE },
	{ "virtualbox", "Oracle VirtualBox", PROBE_TYPE_2, PROBE_METHOD_HARDWARE },
	{ "parallels", "Parallels", PROBE_TYPE_2, PROBE_METHOD_HARDWARE },
	{ "bhyve", "bhyve", PROBE_TYPE_2, PROBE_METHOD_HARDWARE },
	{ "hyperv", "Microsoft Hyper-V", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "wsl2", "WSL 2 (Hyper-V)", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "uml", "User-Mode Linux", PROBE_TYPE_2, PROBE_METHOD_PARA },
	{ "acrn", "ACRN", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "qnx", "QNX Hypervisor", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "sre", "LMHS SRE", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "jailhouse", "Jailhouse", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "openbsd-vmm", "OpenBSD vmm", PROBE_TYPE_2, PROBE_METHOD_HARDWARE },
	{ "nvmm", "NetBSD NVMM", PROBE_TYPE_2, PROBE_METHOD_HARDWARE },
	{ "haxm", "Intel HAXM", PROBE_TYPE_2, PROBE_METHOD_HARDWARE },
	{ "apple", "Apple Virtualization", PROBE_TYPE_2, PROBE_METHOD_HARDWARE },
	{ "zvm", "IBM z/VM", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "powervm", "IBM PowerVM", PROBE_TYPE_1, PROBE_METHOD_HARDWARE },
	{ "vm-other", "an unknown hypervisor", PROBE_TYPE_UNKNOWN, PROBE_METHOD_UNKNOWN },
};

static const struct layer_kind container_kinds[] = {
	{ "docker", "Docker", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "podman", "Podman", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "buildah", "Buildah", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "cri-o", "CRI-O", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "containerd", "containerd", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "lxc", "LXC", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "lxd", "LXD", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "incus", "Incus", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "systemd-nspawn", "systemd-nspawn", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "kubernetes", "Kubernetes pod", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "openvz", "OpenVZ", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "gvisor", "gVisor", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "wsl1", "WSL 1", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "proot", "PRoot", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "rkt", "rkt", PROBE_TYPE_OS, PROBE_METHOD_OS },
	{ "container-other", "an unknown container manager", PROBE_TYPE_OS, PROBE_METHOD_OS },
};

static const struct layer_kind *kind_of(const struct layer_kind *kinds, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(kinds[i].id, id))
			return &kinds[i];
	return &kinds[n - 1];
}

const char *probe_type_text(enum probe_type type)
{
	static const char *const texts[] = {
		[PROBE_TYPE_NONE] = "none",
		[PROBE_TYPE_1] = "type 1 hypervisor",
		[PROBE_TYPE_2] = "type 2 hypervisor",
		[PROBE_TYPE_1_OR_2] = "type 1 or type 2 hypervisor",
		[PROBE_TYPE_OS] = "operating system level",
		[PROBE_TYPE_UNKNOWN] = "unknown",
	};
	return texts[type];
}

const char *probe_method_text(enum probe_method method)
{
	static const char *const texts[] = {
		[PROBE_METHOD_NONE] = "none",
		[PROBE_METHOD_EMULATION] = "software emulation",
		[PROBE_METHOD_HARDWARE] = "hardware-assisted",
		[PROBE_METHOD_PARA] = "paravirtual",
		[PROBE_METHOD_HYBRID] = "hybrid: hardware-assisted with paravirtual devices",
		[PROBE_METHOD_OS] = "operating system level",
		[PROBE_METHOD_UNKNOWN] = "unknown",
	};
	return texts[method];
}

/* ---- collecting ------------------------------------------------------------------------------------ */

/* Keeps the list ordered by weight; a layer seen twice keeps its heavier sign. */
static void layer_put(struct probe_layer *list, size_t *n, const struct layer_kind *kind, uint8_t weight,
		      const char *evidence)
{
	struct probe_layer new = { .id = kind->id, .name = kind->name, .weight = weight };
	size_t i;

	probe_copy(new.evidence, sizeof(new.evidence), evidence);
	for (i = 0; i < *n && !str_eq(list[i].id, kind->id); i++)
		;
	if (i < *n) {
		if (list[i].weight >= weight)
			return;
	} else if (*n < PROBE_LAYER_MAX) {
		(*n)++;
	} else {
		i = *n - 1;
		if (list[i].weight >= weight)
			return;
	}
	for (; i > 0 && list[i - 1].weight < weight; i--)
		list[i] = list[i - 1];
	list[i] = new;
}

#define EVIDENCE(...)                                                    \
	({                                                               \
		(void)snprintf(seen, sizeof(seen), __VA_ARGS__);         \
		seen;                                                    \
	})

static void vm_put(struct probe *p, const char *id, uint8_t weight, const char *evidence)
{
	layer_put(p->inside.vms, &p->inside.vm_count, kind_of(vm_kinds, ARRAY_SIZE(vm_kinds), id), weight, evidence);
}

static void container_put(struct probe *p, const char *id, uint8_t weight, const char *evidence)
{
	layer_put(p->inside.containers, &p->inside.container_count,
		  kind_of(container_kinds, ARRAY_SIZE(container_kinds), id), weight, evidence);
}

/* ---- hypervisors: CPUID ---------------------------------------------------------------------------- */

/*
 * The twelve bytes in ebx, ecx, edx of a hypervisor's base leaf. KVM's weighs little, since what is built on
 * it (VirtualBox, Parallels, clouds) shows it too; Hyper-V's least, as KVM, Xen, VirtualBox and VMware
 * present it to please a Windows guest.
 */
static const struct signature_row {
	char bytes[13];
	uint8_t weight;
	const char *id;
} signatures[] = {
	{ "KVMKVMKVM\0\0\0", 60, "kvm" },   /* Linux Documentation/virt/kvm/x86/cpuid.rst */
	{ "Linux KVM Hv", 60, "kvm" },	    /* KVM with Hyper-V enlightenments, QEMU docs/system/i386/hyperv.rst */
	{ "TCGTCGTCGTCG", 70, "qemu-tcg" }, /* QEMU target/i386/cpu.c, tcg-cpuid */
	{ "XenVMMXenVMM", 70, "xen" },	    /* Xen public/arch-x86/cpuid.h */
	{ "VMwareVMware", 70, "vmware" },   /* VMware KB 1009458 */
	{ "VBoxVBoxVBox", 70, "virtualbox" }, /* paravirtualisation provider "minimal" */
	{ "bhyve bhyve ", 70, "bhyve" },    /* FreeBSD sys/amd64/vmm/x86.c */
	{ " lrpepyh vr\0", 70, "parallels" }, /* "prl hyperv" with each word's bytes reversed */
	{ " lrpepyh  vr", 70, "parallels" },
	{ "prl hyperv  ", 70, "parallels" },
	{ "LKVMLKVMLKVM", 70, "kvmtool" },  /* kvmtool x86/cpuid.c */
	{ "ACRNACRNACRN", 70, "acrn" },	    /* Linux arch/x86/include/asm/acrn.h */
	{ "QNXQVMBSQG\0\0", 70, "qnx" },
	{ "SRESRESRESRE", 70, "sre" },
	{ "Jailhouse\0\0\0", 70, "jailhouse" }, /* Linux arch/x86/kernel/jailhouse.c */
	{ "OpenBSDVMM58", 70, "openbsd-vmm" }, /* OpenBSD sys/arch/amd64/include/vmmvar.h */
	{ "___ NVMM ___", 70, "nvmm" },	    /* NetBSD sys/dev/nvmm/x86 */
	{ "HAXMHAXMHAXM", 70, "haxm" },
	{ "Apple VZ\0\0\0\0", 70, "apple" },
	{ "Microsoft Hv", 40, "hyperv" },   /* Hypervisor top-level functional specification 2.3 */
};

static bool signature_match(struct probe *p, uint32_t leaf, const char bytes[12])
{
	char seen[112], text[13] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		if (memcmp(signatures[i].bytes, bytes, 12) != 0)
			continue;
		for (int c = 0; c < 12 && bytes[c]; c++)
			text[c] = bytes[c];
		vm_put(p, signatures[i].id, signatures[i].weight, EVIDENCE("cpuid 0x%08x \"%s\"", leaf, text));
		return true;
	}
	return false;
}

/*
 * Bases lie 0x100 apart, the second is used when Hyper-V's leaves come first. Linux looks at 256 of them;
 * each costs a trap of microseconds inside a guest, so two empty ones end the search here. Without the
 * hypervisor bit the first one is read all the same (QEMU -cpu max,-hypervisor keeps the leaf): a real
 * processor answers with unrelated numbers, which match no row.
 */
static void cpuid_look(struct probe *p, const struct probe_source *src)
{
	unsigned int empty = 0;

	if (!src->cpuid)
		return;
	for (uint32_t leaf = 0x40000000; leaf < 0x40010000 && empty < 2; leaf += 0x100) {
		uint32_t r[4];
		src->cpuid(src->cpuid_arg, leaf, 0, r);
		if (!signature_match(p, leaf, (const char *)&r[1]))
			empty++;
		if (empty && !p->cpu.hypervisor_bit)
			break;
	}
	if (p->cpu.hypervisor_bit)
		vm_put(p, "vm-other", 10, "cpuid 1 ecx bit 31 (hypervisor present)");
}

/* ---- hypervisors: files ---------------------------------------------------------------------------- */

enum match { M_EXISTS, M_PREFIX, M_CONTAINS, M_EQUALS };

struct file_row {
	const char *id, *path;
	uint8_t match;
	const char *text;
	uint8_t weight;
	bool with_bit; /* on x86 only together with the hypervisor bit: clouds rent bare machines too */
};

/* SMBIOS strings as the kernel shows them; all readable without privilege. */
#define DMI "sys/class/dmi/id/"
static const struct file_row vm_rows[] = {
	/* The product's own name. systemd-detect-virt and virt-what know the same texts. */
	{ "virtualbox", DMI "sys_vendor", M_PREFIX, "innotek GmbH", 80, false },
	{ "virtualbox", DMI "product_name", M_PREFIX, "VirtualBox", 80, false },
	{ "parallels", DMI "sys_vendor", M_PREFIX, "Parallels", 80, false },
	{ "vmware", DMI "sys_vendor", M_PREFIX, "VMware", 80, false },
	{ "vmware", DMI "bios_vendor", M_PREFIX, "VMW", 80, false },
	{ "bhyve", DMI "sys_vendor", M_PREFIX, "FreeBSD BHYVE", 80, false },
	{ "bhyve", DMI "product_name", M_PREFIX, "BHYVE", 80, false },
	{ "bhyve", DMI "bios_vendor", M_PREFIX, "BHYVE", 80, false },
	{ "cloud-hypervisor", DMI "sys_vendor", M_PREFIX, "Cloud Hypervisor", 80, false },
	{ "crosvm", DMI "product_name", M_EQUALS, "crosvm", 80, false },
	{ "apple", DMI "sys_vendor", M_PREFIX, "Apple Virtualization", 80, false },
	{ "apple", DMI "product_name", M_PREFIX, "Apple Virtualization", 80, false },
	{ "bochs", DMI "bios_vendor", M_PREFIX, "Bochs", 45, false }, /* old SeaBIOS says so under QEMU */
	{ "google", DMI "product_name", M_PREFIX, "Google Compute Engine", 75, true },
	{ "xen", DMI "sys_vendor", M_PREFIX, "Xen", 65, false },
	{ "xen", DMI "bios_vendor", M_PREFIX, "Xen", 65, false },
	{ "hyperv", DMI "product_version", M_PREFIX, "Hyper-V", 58, false },
	{ "hyperv", DMI "product_name", M_EQUALS, "Virtual Machine", 57, true }, /* vendor Microsoft, Azure too */
	{ "kvm", DMI "product_name", M_PREFIX, "KVM", 55, false },
	{ "kvm", DMI "product_name", M_PREFIX, "OpenStack", 52, true },
	{ "kvm", DMI "product_name", M_PREFIX, "KubeVirt", 55, false },
	{ "qemu", DMI "sys_vendor", M_PREFIX, "QEMU", 50, false }, /* KVM or TCG; only CPUID tells them apart */
	{ "qemu", DMI "product_name", M_PREFIX, "QEMU", 50, false },
	/* Not SMBIOS. */
	{ "uml", "proc/cpuinfo", M_CONTAINS, "User Mode Linux", 100, false }, /* arch/um/kernel/um_arch.c */
	{ "qemu-tcg", "proc/cpuinfo", M_CONTAINS, "QEMU Virtual CPU", 48, false }, /* or KVM */
	{ "xen", "sys/hypervisor/type", M_PREFIX, "xen", 72, false }, /* ABI/stable/sysfs-hypervisor-xen */
	{ "xen", "proc/xen", M_EXISTS, NULL, 62, false },
	{ "zvm", "proc/sysinfo", M_CONTAINS, "z/VM", 70, false }, /* s390: "VM00 Control Program: z/VM" */
	{ "kvm", "proc/sysinfo", M_CONTAINS, "KVM/Linux", 70, false },
	{ "kvm", "proc/device-tree/hypervisor/compatible", M_CONTAINS, "linux,kvm", 70, false },
	{ "xen", "proc/device-tree/hypervisor/compatible", M_CONTAINS, "xen", 70, false },
	{ "vmware", "proc/device-tree/hypervisor/compatible", M_CONTAINS, "vmware", 70, false },
	{ "powervm", "proc/device-tree/ibm,partition-name", M_EXISTS, NULL, 55, false },
	{ "qemu", "proc/device-tree/compatible", M_CONTAINS, "qemu", 50, false }, /* "qemu,pseries" */
	{ "qemu", "proc/device-tree/fw-cfg@10100000", M_EXISTS, NULL, 50, false }, /* riscv virt */
	{ "qemu", "proc/device-tree/fw-cfg@9020000", M_EXISTS, NULL, 50, false }, /* arm virt */
	{ "qemu", "sys/firmware/qemu_fw_cfg", M_EXISTS, NULL, 46, false },
};

/* Whether `row` holds; the line that matched goes to `line`. */
static bool row_holds(int root, const struct file_row *row, char *line, size_t size)
{
	char text[8192];

	line[0] = '\0';
	if (row->match == M_EXISTS)
		return probe_exists(root, row->path);
	if (probe_read(root, row->path, text, sizeof(text)) < 0)
		return false;
	const char *at = row->match == M_CONTAINS ? strstr(text, row->text) : text;
	if (!at || strncmp(at, row->text, strlen(row->text)) != 0)
		return false;
	size_t n = strcspn(text, "\n");
	if (row->match == M_EQUALS && n != strlen(row->text))
		return false;
	/* The text around the match, for people to see. */
	(void)snprintf(line, size, "%.40s", row->match == M_CONTAINS ? row->text : text);
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static void files_look(struct probe *p, const struct probe_source *src)
{
	char line[64], seen[112];

	for (size_t i = 0; i < ARRAY_SIZE(vm_rows); i++) {
		const struct file_row *row = &vm_rows[i];
		if (row->with_bit && probe_is_x86(src) && !p->cpu.hypervisor_bit)
			continue;
		if (!row_holds(src->root, row, line, sizeof(line)))
			continue;
		if (line[0])
			vm_put(p, row->id, row->weight, EVIDENCE("/%s \"%s\"", row->path, line));
		else
			vm_put(p, row->id, row->weight, EVIDENCE("/%s", row->path));
	}
}

/* EC2: the same vendor name stands on virtual machines and on rented bare ones ("m5.metal"). */
static void amazon_look(struct probe *p, const struct probe_source *src)
{
	char vendor[64], product[64], seen[112];

	(void)probe_read_line(src->root, DMI "sys_vendor", vendor, sizeof(vendor));
	(void)probe_read_line(src->root, DMI "product_name", product, sizeof(product));
	if (str_eq(vendor, "Amazon EC2") && !strstr(product, ".metal"))
		vm_put(p, "amazon", 75, EVIDENCE("/%s \"%.16s\", product %.32s", DMI "sys_vendor", vendor, product));
}

/*
 * Firecracker has no SMBIOS tables and says KVM by CPUID. Its start-up documents give the guest kernel
 * "reboot=k panic=1" and nothing but virtio devices; two such signs refine KVM, never contradict it.
 */
static void firecracker_look(struct probe *p, const struct probe_source *src)
{
	char text[4096];
	int signs = 0;
	bool kvm = false;

	for (size_t i = 0; i < p->inside.vm_count; i++)
		kvm = kvm || str_eq(p->inside.vms[i].id, "kvm");
	if (!kvm || probe_exists(src->root, "sys/class/dmi/id/sys_vendor"))
		return;
	if (probe_read(src->root, "proc/cmdline", text, sizeof(text)) > 0) {
		signs += strstr(text, "reboot=k") && strstr(text, "panic=1");
		signs += strstr(text, "virtio_mmio.device=") != NULL;
		signs += 2 * (strstr(text, "firecracker") != NULL);
	}
	signs += probe_exists(src->root, "sys/bus/acpi/devices/FCVMVMID:00") ||
		 probe_exists(src->root, "sys/bus/acpi/devices/FCKR0001:00");
	if (signs >= 2)
		vm_put(p, "firecracker", 64, "KVM without SMBIOS, kernel command line of Firecracker");
}

/* WSL 2 is a Hyper-V guest, WSL 1 a translation of system calls: told by the kernel's own name. */
static void wsl_look(struct probe *p, const struct probe_source *src)
{
	char release[64], seen[112];

	if (probe_read_line(src->root, "proc/sys/kernel/osrelease", release, sizeof(release)) < 0)
		return;
	if (strstr(release, "WSL2") || strstr(release, "microsoft-standard"))
		vm_put(p, "wsl2", 95, EVIDENCE("/proc/sys/kernel/osrelease %s", release));
	else if (strstr(release, "-Microsoft"))
		container_put(p, "wsl1", 95, EVIDENCE("/proc/sys/kernel/osrelease %s", release));
}

/*
 * Dom0 by control_d, or by bit 11 of the features (XENFEAT_dom0, public/features.h): with Debian's kernel
 * the former is empty until xenfs is mounted.
 */
static void xen_look(struct probe *p, const struct probe_source *src)
{
	char text[64];
	static const char *const guests[] = { "PVH", "HVM", "PV" };

	if (p->inside.vm_count == 0 || !str_eq(p->inside.vms[0].id, "xen"))
		return;
	p->inside.xen_role = "domU";
	if (probe_read(src->root, "proc/xen/capabilities", text, sizeof(text)) > 0 && strstr(text, "control_d"))
		p->inside.xen_role = "dom0";
	if (probe_read_line(src->root, "sys/hypervisor/properties/features", text, sizeof(text)) >= 3) {
		/* hexadecimal digits: bit 11 is the top bit of the third from the end */
		char c = (char)tolower((unsigned char)text[strlen(text) - 3]);
		if ((c >= '8' && c <= '9') || (c >= 'a' && c <= 'f'))
			p->inside.xen_role = "dom0";
	}
	if (probe_read_line(src->root, "sys/hypervisor/guest_type", text, sizeof(text)) > 0)
		for (size_t i = 0; i < ARRAY_SIZE(guests) && !p->inside.xen_guest; i++)
			if (str_eq(text, guests[i]))
				p->inside.xen_guest = guests[i];
	if (!p->inside.xen_guest && p->cpu.hypervisor_bit)
		p->inside.xen_guest = "HVM"; /* kernels before 4.13 have no guest_type; PV cannot trap CPUID */
}

static void method_decide(struct probe *p, const struct probe_source *src)
{
	struct probe_inside *in = &p->inside;
	static const char *const buses[] = { "sys/bus/virtio/devices", "sys/bus/xen/devices",
					     "sys/bus/vmbus/devices" };

	for (size_t i = 0; i < ARRAY_SIZE(buses); i++)
		in->paravirtual_devices = in->paravirtual_devices || probe_count_entries(src->root, buses[i]) > 0;
	if (in->vm_count == 0)
		return;
	const struct layer_kind *kind = kind_of(vm_kinds, ARRAY_SIZE(vm_kinds), in->vms[0].id);
	in->vm_type = kind->type;
	in->vm_method = kind->method;
	if (in->xen_guest)
		in->vm_method = str_eq(in->xen_guest, "PV") ? PROBE_METHOD_PARA :
				str_eq(in->xen_guest, "PVH") ? PROBE_METHOD_HYBRID : PROBE_METHOD_HARDWARE;
	if (in->vm_method == PROBE_METHOD_HARDWARE && in->paravirtual_devices)
		in->vm_method = PROBE_METHOD_HYBRID;
}

/* ---- containers ------------------------------------------------------------------------------------ */

static const struct file_row container_rows[] = {
	{ "podman", "run/.containerenv", M_CONTAINS, "engine=\"podman", 90, false }, /* libpod writes engine= */
	{ "buildah", "run/.containerenv", M_CONTAINS, "engine=\"buildah", 90, false },
	{ "podman", "run/.containerenv", M_EXISTS, NULL, 45, false }, /* empty: also CRI-O */
	{ "docker", ".dockerenv", M_EXISTS, NULL, 70, false },
	{ "lxd", "dev/lxd/sock", M_EXISTS, NULL, 92, false },	/* LXD dev-lxd.md */
	{ "incus", "dev/incus/sock", M_EXISTS, NULL, 92, false },
	{ "lxd", "dev/lxd", M_EXISTS, NULL, 91, false },
	{ "incus", "dev/incus", M_EXISTS, NULL, 91, false },
	{ "kubernetes", "var/run/secrets/kubernetes.io/serviceaccount", M_EXISTS, NULL, 40, false },
	{ "kubernetes", "run/secrets/kubernetes.io/serviceaccount", M_EXISTS, NULL, 40, false },
	{ "gvisor", "proc/version", M_CONTAINS, "#1 SMP Sun Jan 10 15:06:54 PST 2016", 85, false }, /* fixed */
};

/* Words in the path of a cgroup; drivers write DIR/ID or DIR-ID.scope. */
static const struct file_row cgroup_rows[] = {
	{ "docker", NULL, M_CONTAINS, "/docker/", 75, false },
	{ "docker", NULL, M_CONTAINS, "/docker-", 75, false },
	{ "podman", NULL, M_CONTAINS, "/libpod-", 76, false },
	{ "cri-o", NULL, M_CONTAINS, "/crio-", 76, false },
	{ "containerd", NULL, M_CONTAINS, "cri-containerd-", 74, false },
	{ "lxc", NULL, M_CONTAINS, "/lxc.payload", 75, false },
	{ "lxc", NULL, M_CONTAINS, ":/lxc/", 75, false },
	{ "kubernetes", NULL, M_CONTAINS, "/kubepods", 42, false },
};

/* Where the files that engines bind over /etc/hostname and its like come from (mountinfo's fourth field). */
static const struct file_row mount_rows[] = {
	{ "docker", NULL, M_CONTAINS, "/docker/containers/", 78, false },
	{ "podman", NULL, M_CONTAINS, "/overlay-containers/", 60, false },
	{ "containerd", NULL, M_CONTAINS, "/io.containerd.", 74, false },
	{ "kubernetes", NULL, M_CONTAINS, "/kubelet/pods/", 43, false },
	{ "kubernetes", NULL, M_CONTAINS, "/pods/", 41, false },
};

/* Values of $container and of the files that systemd keeps it in (systemd.io/CONTAINER_INTERFACE). */
static const struct {
	const char *value, *id;
} container_values[] = {
	{ "docker", "docker" }, { "podman", "podman" }, { "oci", "buildah" }, { "lxc", "lxc" },
	{ "lxc-libvirt", "lxc" }, { "systemd-nspawn", "systemd-nspawn" }, { "rkt", "rkt" },
	{ "wsl", "wsl1" }, { "proot", "proot" }, { "crio", "cri-o" },
};

static void value_put(struct probe *p, const char *value, uint8_t weight, const char *where)
{
	const char *id = "container-other";
	char seen[112];

	for (size_t i = 0; i < ARRAY_SIZE(container_values); i++)
		if (str_eq(container_values[i].value, value))
			id = container_values[i].id;
	container_put(p, id, weight, EVIDENCE("%s: container=%.40s", where, value));
}

static void environ_look(struct probe *p, const struct probe_source *src, const char *path, uint8_t weight)
{
	char text[16384], value[48], seen[112];

	if (probe_read(src->root, path, text, sizeof(text)) <= 0)
		return;
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (str_starts(line, "container=")) {
			const char *s = line + strlen("container=");
			(void)snprintf(value, sizeof(value), "%.*s", (int)MIN(strcspn(s, "\n"), sizeof(value) - 1), s);
			if (value[0])
				value_put(p, value, weight, EVIDENCE("/%s", path));
		} else if (str_starts(line, "KUBERNETES_SERVICE_HOST=")) {
			container_put(p, "kubernetes", 44, EVIDENCE("/%s: KUBERNETES_SERVICE_HOST", path));
		}
	}
}

static void rows_in_text(struct probe *p, const struct file_row *rows, size_t n, const char *text,
			 const char *where)
{
	char seen[112];

	for (size_t i = 0; i < n; i++)
		if (strstr(text, rows[i].text))
			container_put(p, rows[i].id, rows[i].weight, EVIDENCE("%s: %s", where, rows[i].text));
}

/* What mountinfo says about "/": its own root, its type; and the sources of what is mounted below /etc. */
struct root_mount {
	bool any, found, part; /* part: an overlay, or not the top of its file system */
};

/* A btrfs root lies in a subvolume on many machines; engines keep theirs below a directory of this name. */
static bool root_is_part(const char *from, const char *rest)
{
	if (str_starts(rest, "btrfs "))
		return strstr(from, "/subvolumes/") != NULL;
	return !str_eq(from, "/") || str_starts(rest, "overlay") || str_starts(rest, "fuse");
}

static void mountinfo_look(struct probe *p, const struct probe_source *src, struct root_mount *ret)
{
	char text[32768];

	*ret = (struct root_mount){ 0 };
	if (probe_read(src->root, "proc/self/mountinfo", text, sizeof(text)) <= 0)
		return;
	ret->any = true;
	for (char *line = text, *next; line && *line; line = next) {
		char from[256], at[256], rest[128];
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (sscanf(line, "%*s %*s %*s %255s %255s", from, at) != 2)
			continue;
		const char *dash = strstr(line, " - ");
		probe_copy(rest, sizeof(rest), dash ? dash + 3 : "");
		if (str_eq(at, "/")) {
			ret->found = true; /* the last one counts: mounts hide each other */
			ret->part = root_is_part(from, rest);
		} else if (str_starts(at, "/etc/") || str_starts(at, "/dev/termination-log")) {
			rows_in_text(p, mount_rows, ARRAY_SIZE(mount_rows), from, "/proc/self/mountinfo");
		}
	}
}

static void marks_look(struct probe *p, const struct probe_source *src)
{
	char text[4096], seen[112];
	static const char *const managers[] = { "run/host/container-manager", "run/systemd/container" };
	static const char *const groups[] = { "proc/self/cgroup", "proc/1/cgroup" };

	for (size_t i = 0; i < ARRAY_SIZE(container_rows); i++) {
		const struct file_row *row = &container_rows[i];
		char line[64];
		if (row_holds(src->root, row, line, sizeof(line)))
			container_put(p, row->id, row->weight, EVIDENCE("/%s", row->path));
	}
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
		if (probe_read_line(src->root, managers[i], text, sizeof(text)) > 0)
			value_put(p, text, 80, EVIDENCE("/%s", managers[i]));
	environ_look(p, src, "proc/1/environ", 80);
	environ_look(p, src, "proc/self/environ", 50);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (probe_read(src->root, groups[i], text, sizeof(text)) > 0)
			rows_in_text(p, cgroup_rows, ARRAY_SIZE(cgroup_rows), text, groups[i]);
	if (probe_exists(src->root, "proc/vz") && !probe_exists(src->root, "proc/bc"))
		container_put(p, "openvz", 85, "/proc/vz without /proc/bc"); /* the node itself has both */
}

/*
 * The first namespaces have fixed inode numbers (include/linux/proc_ns.h; mnt and net since Linux 6.18,
 * include/uapi/linux/nsfs.h), so a process can tell that it is in them.
 */
static const struct {
	const char *path;
	unsigned int inode;
} first_namespaces[] = {
	{ "proc/self/ns/pid", 0xEFFFFFFCU },
	{ "proc/self/ns/user", 0xEFFFFFFDU },
	{ "proc/self/ns/cgroup", 0xEFFFFFFBU },
};
#define FIRST_MOUNT_NS 0xEFFFFFF8U

/* PROBE_YES when the link names this inode, PROBE_NO when another, else unknown. */
static enum probe_answer ns_is(const struct probe_source *src, const char *path, unsigned int inode)
{
	char link[64], want[32];
	ssize_t n = readlinkat(src->root, path, link, sizeof(link) - 1);

	if (n < 0)
		return PROBE_UNKNOWN;
	link[n] = '\0';
	(void)snprintf(want, sizeof(want), ":[%u]", inode);
	return probe_answer_of(strstr(link, want) != NULL);
}

static enum probe_answer namespaces_look(const struct probe_source *src, const struct root_mount *root)
{
	for (size_t i = 0; i < ARRAY_SIZE(first_namespaces); i++) {
		enum probe_answer a = ns_is(src, first_namespaces[i].path, first_namespaces[i].inode);
		if (a != PROBE_YES)
			return a;
	}
	if (ns_is(src, "proc/self/ns/mnt", FIRST_MOUNT_NS) == PROBE_YES)
		return PROBE_YES;
	/* Shares the machine's processes on purpose (--pid=host), or a service with mounts of its own? */
	return root->part ? PROBE_UNKNOWN : PROBE_YES;
}

static void chroot_look(struct probe *p, const struct probe_source *src, const struct root_mount *root)
{
	struct stat ours, first;

	if (fstatat(src->root, "proc/1/root/", &first, 0) == 0 && fstatat(src->root, ".", &ours, 0) == 0)
		p->inside.chroot = probe_answer_of(first.st_dev != ours.st_dev || first.st_ino != ours.st_ino);
	else if (root->any && !root->found)
		p->inside.chroot = PROBE_YES; /* a directory that nothing is mounted on */
	else if (root->any && !root->part)
		p->inside.chroot = PROBE_NO; /* a part of a file system could be a bind made for a chroot */
}

static void containers_look(struct probe *p, const struct probe_source *src)
{
	struct probe_inside *in = &p->inside;
	struct root_mount root;

	marks_look(p, src);
	mountinfo_look(p, src, &root);
	in->initial_namespaces = namespaces_look(src, &root);
	bool wsl1 = in->container_count > 0 && str_eq(in->containers[0].id, "wsl1");
	if (in->initial_namespaces == PROBE_YES && in->container_count > 0 && !wsl1) {
		probe_copy(in->stale, sizeof(in->stale), in->containers[0].evidence);
		in->container_count = 0;
	}
	if (ns_is(src, "proc/self/ns/pid", first_namespaces[0].inode) == PROBE_NO && in->container_count == 0)
		container_put(p, "container-other", 5, "/proc/self/ns/pid is not the machine's first");
	if (in->container_count == 0)
		chroot_look(p, src, &root);
}

void probe_inside_read(struct probe *p, const struct probe_source *src)
{
	cpuid_look(p, src);
	files_look(p, src);
	amazon_look(p, src);
	firecracker_look(p, src);
	wsl_look(p, src);
	xen_look(p, src);
	method_decide(p, src);
	containers_look(p, src);
}

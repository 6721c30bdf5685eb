/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_PROBE_H
#define CTR_PROBE_H

/*
 * Where on the map of virtualisation a machine stands: what it can run, and what it runs inside of.
 *
 * A module of its own: besides libc it needs only base/err.h, base/util.h, base/sys.h (header) and, for the
 * two printers, base/str.h. Everything is read below a directory descriptor and through one function for
 * CPUID, so that every machine can be probed from a tree of files; what must be asked from the running
 * kernel (system calls, devices, a first virtual machine) happens only with `live`. Needs no privilege,
 * changes nothing, keeps nothing open. Facts are gathered first, the checks are computed from them after.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define PROBE_FORMAT_VERSION 1 /* of the JSON document, contrib/probe-schema.json */

enum probe_answer { PROBE_UNKNOWN, PROBE_NO, PROBE_YES };

/* Fills regs with eax, ebx, ecx, edx of one CPUID leaf. */
typedef void probe_cpuid_fn(void *arg, uint32_t leaf, uint32_t subleaf, uint32_t regs[4]);

struct probe_source {
	int root;		/* directory: proc, sys, dev, etc, run, usr are read below it */
	probe_cpuid_fn *cpuid;	/* NULL: this machine has no such instruction */
	void *cpuid_arg;
	const char *arch;	/* as uname(2) says: x86_64, aarch64, ... */
	uint32_t uid;		/* for whom subordinate ids and rights are looked up */
	bool live;		/* ask the running kernel too */
};

/* ---- what the processor says ----------------------------------------------------------------------- */

struct probe_cpu {
	char vendor[16], model[64];
	enum probe_answer extension;   /* virtualisation in hardware, as this kernel sees it */
	const char *extension_name;    /* "vmx", "svm", "sie", "h", "lvz", "hv", "el2"; never NULL */
	bool firmware_off;	       /* CPUID has it, the kernel does not show it: switched off */
	enum probe_answer paging;      /* second level address translation */
	const char *paging_name;       /* "ept", "npt"; NULL where the architecture has no word for it */
	bool hypervisor_bit;	       /* CPUID leaf 1 ecx bit 31 */
	char features[160];	       /* the ones that matter, separated by spaces */
};

/* ---- KVM and the devices around it ----------------------------------------------------------------- */

enum probe_kvm_stage { /* how far the trial came; each stage includes the ones before */
	PROBE_KVM_NOT_TRIED,
	PROBE_KVM_OPEN_FAILED,
	PROBE_KVM_API_WRONG,
	PROBE_KVM_CREATE_FAILED, /* KVM_CREATE_VM */
	PROBE_KVM_VCPU_FAILED,
	PROBE_KVM_RUN_FAILED,	 /* real mode: mov, out, hlt */
	PROBE_KVM_LONG_FAILED,	 /* 64-bit guest kernel: a locked 16-byte exchange */
	PROBE_KVM_RAN,		 /* everything that was tried worked */
	PROBE_KVM_TIMEOUT,	 /* did not come back */
};

struct probe_device {
	bool exists;
	enum probe_answer usable; /* may be opened for reading and writing */
};

struct probe_kvm {
	struct probe_device dev;
	char group[32];		/* owning group of /dev/kvm when it may use the device, else empty */
	char module[32];	/* kvm_intel, kvm_amd, ...; empty when not to be seen */
	enum probe_answer nested; /* guests may use the extension again */
	enum probe_kvm_stage stage;
	int error;		/* positive errno of the stage that failed, 0 */
	int api;		/* KVM_GET_API_VERSION, 0: not asked */
	bool software;		/* works although the processor shows no extension, or emulates guest kernels */
	struct probe_device vhost_vsock, vhost_net, tun;
	unsigned int iommu_groups, iommus;
};

/* ---- kernel ---------------------------------------------------------------------------------------- */

enum probe_call {
	PROBE_CALL_OPENAT2, PROBE_CALL_CLONE3, PROBE_CALL_CLOSE_RANGE, PROBE_CALL_PIDFD_OPEN,
	PROBE_CALL_PIDFD_SIGNAL, PROBE_CALL_PIDFD_GETFD, PROBE_CALL_OPEN_TREE, PROBE_CALL_MOVE_MOUNT,
	PROBE_CALL_FSOPEN, PROBE_CALL_FSMOUNT, PROBE_CALL_MOUNT_SETATTR, PROBE_CALL_STATMOUNT,
	PROBE_CALL_LISTMOUNT, PROBE_CALL_OPEN_TREE_ATTR, PROBE_CALL_LANDLOCK, PROBE_CALL_COUNT,
};

struct probe_kernel {
	char release[64];
	unsigned int major, minor;
	enum probe_answer calls[PROBE_CALL_COUNT];
	int landlock_abi; /* 0: none */
	char lsm[96];	  /* separated by commas */
	enum probe_answer seccomp, seccomp_notify;
	char seccomp_actions[96];
	bool seccomp_active; /* the probe itself runs under a filter */
};

enum probe_try { /* steps of the trial in a child */
	PROBE_TRY_NOT_DONE,
	PROBE_TRY_USER_FAILED, /* unshare(CLONE_NEWUSER) */
	PROBE_TRY_CAPS_FAILED, /* it exists but gives no capabilities */
	PROBE_TRY_OK,
};

struct probe_namespaces {
	enum probe_answer built_in;
	int64_t max_user, unprivileged_clone, apparmor_restrict; /* sysctls; -1: no such file */
	enum probe_try tried;
	int error;		/* positive errno of the step that failed */
	enum probe_answer overlay; /* a writable overlay inside a user namespace */
	int overlay_error;
	bool overlay_known;	/* listed in /proc/filesystems */
	enum probe_answer idmap;
	char user[33];		/* name of source.uid in etc/passwd, or empty */
	uint64_t subuids, subgids; /* how many subordinate ids */
	uint64_t subuid_first, subgid_first;
};

enum probe_cgroup_mode { PROBE_CGROUP_NONE, PROBE_CGROUP_LEGACY, PROBE_CGROUP_HYBRID, PROBE_CGROUP_UNIFIED };

struct probe_cgroup {
	enum probe_cgroup_mode mode;
	char path[192];		/* own cgroup in the unified hierarchy, or empty */
	char controllers[96];	/* of the root of the unified hierarchy */
	char delegated[96];	/* those that source.uid may use */
	char delegated_at[192]; /* the cgroup they belong to, or empty */
	enum probe_answer kill; /* cgroup.kill */
};

/* ---- programs beside us ---------------------------------------------------------------------------- */

enum probe_helper {
	PROBE_NEWUIDMAP, PROBE_NEWGIDMAP, PROBE_PASTA, PROBE_SLIRP, PROBE_CRIU, PROBE_QEMU,
	PROBE_CLOUD_HYPERVISOR, PROBE_FIRECRACKER, PROBE_VIRTIOFSD, PROBE_FUSE_OVERLAYFS, PROBE_HELPER_COUNT,
};

struct probe_program {
	char path[96];	 /* absolute, or empty */
	bool privileged; /* setuid, or with file capabilities */
};

/* ---- what we run inside of ------------------------------------------------------------------------- */

/* The kinds of the survey in README: where the hypervisor sits, and how the guest's code is run. */
enum probe_type {
	PROBE_TYPE_NONE, PROBE_TYPE_1, PROBE_TYPE_2, PROBE_TYPE_1_OR_2, PROBE_TYPE_OS, PROBE_TYPE_UNKNOWN,
};
enum probe_method {
	PROBE_METHOD_NONE, PROBE_METHOD_EMULATION, PROBE_METHOD_HARDWARE, PROBE_METHOD_PARA,
	PROBE_METHOD_HYBRID, PROBE_METHOD_OS, PROBE_METHOD_UNKNOWN,
};

#define PROBE_LAYER_MAX 6

struct probe_layer {
	const char *id, *name; /* "virtualbox", "Oracle VirtualBox" */
	uint8_t weight;	       /* of the best evidence */
	char evidence[112];    /* where it was seen */
};

struct probe_inside {
	struct probe_layer vms[PROBE_LAYER_MAX]; /* best first; [0] is the answer, the others were seen too */
	size_t vm_count;			 /* 0: bare metal, as far as can be seen */
	enum probe_type vm_type;
	enum probe_method vm_method;
	const char *xen_role, *xen_guest;	/* "dom0" or "domU"; "PV", "PVH", "HVM"; NULL */
	bool paravirtual_devices;		/* virtio, xenbus, vmbus */
	struct probe_layer containers[PROBE_LAYER_MAX];
	size_t container_count;
	enum probe_answer initial_namespaces;	/* this is the machine's own set */
	char stale[112];			/* a container's mark that those namespaces refute */
	enum probe_answer chroot;
};

/* ---- conclusions ----------------------------------------------------------------------------------- */

enum probe_group {
	PROBE_GROUP_VM, PROBE_GROUP_KERNEL, PROBE_GROUP_NS, PROBE_GROUP_CGROUP, PROBE_GROUP_CONFINE,
	PROBE_GROUP_PROGRAMS, PROBE_GROUP_COUNT,
};

#define PROBE_CHECK_MAX 48

struct probe_check {
	const char *name;  /* what --require takes */
	const char *label; /* for people */
	enum probe_group group;
	enum probe_answer answer;
	bool optional;	   /* nothing needs it, something becomes better with it */
	char value[112];
	char advice[200];  /* one sentence; empty when there is nothing to do */
};

struct probe {
	const char *arch;
	uint32_t uid;
	struct probe_cpu cpu;
	struct probe_kvm kvm;
	struct probe_kernel kernel;
	struct probe_namespaces ns;
	struct probe_cgroup cgroup;
	struct probe_program programs[PROBE_HELPER_COUNT];
	struct probe_inside inside;
	const char *verdict; /* "kvm", "kvm-nested", "kvm-software" or "none": what a micro-VM would run on */
	struct probe_check checks[PROBE_CHECK_MAX];
	size_t check_count;
	uint32_t micros; /* how long it took */
};

/*
 * Probes `src`, or with NULL the machine itself. Anything missing is a fact, not a failure; the only error
 * is a root directory that cannot be opened. Takes milliseconds; a KVM that hangs costs two seconds.
 */
int probe_run(struct probe *ret, const struct probe_source *src, struct err *e) MUST_CHECK;

/* Computes verdict and checks from the facts: pure. probe_run() ends with it. */
void probe_judge(struct probe *p);

/* The check of that name, or NULL. */
const struct probe_check *probe_find(const struct probe *p, const char *name);

/* For people: 80 columns, grouped, with colours if asked for. */
void probe_print(const struct probe *p, bool colour, struct strbuf *out);
/* One JSON object and a newline, as contrib/probe-schema.json describes. */
void probe_print_json(const struct probe *p, struct strbuf *out);

const char *probe_call_name(enum probe_call call);
const char *probe_helper_name(enum probe_helper helper);
const char *probe_type_text(enum probe_type type);
const char *probe_method_text(enum probe_method method);

#endif

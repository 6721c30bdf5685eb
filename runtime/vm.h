/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_VM_H
#define CTR_VM_H

/*
 * A container in a micro-VM. On the host it is an ordinary container of ours, whose program is the VMM with a file
 * server and a monitor: namespaces, cgroup with the limits, no capability that the file server does not need, a root
 * with nothing but what they run on. So state, kill, pause, ps, events, stats, hooks and delete are those of any
 * container. Inside, the guest's first process is ctr again: it runs the bundle as an ordinary container of the
 * guest's kernel, so that namespaces, seccomp, capabilities and masked paths hold there too.
 *
 *	vm_prepare.c	kernel, modules and ctr itself as files that any VM starts from; kept by what they are made of
 *	vm_prune.c	and what of that nobody needs any longer
 *	vm_kernel.c	a kernel's image without its compression
 *	vm_limits.c	what the administrator lets be asked for
 *	vm_config.c	one configuration becomes two: the VMM's, and the guest's
 *	vm_leave.c	what a VM's end leaves to others
 *	vm_monitor.c	starts the VMM, carries the streams between it and the clients
 *	vm_filter.c	the system calls that these processes may make
 *	vm_qemu.c	the one file that knows the VMM
 *	vm_client.c	one command in the guest, seen from the host
 *	vm_guest.c	the machine around the guest's first process
 *	vm_agent.c	the guest's first process
 *	vm_worker.c	its children
 *	vm_frame.c	what they say to each other
 */

#include <stdbool.h>
#include <stdint.h>

#include "../netns/tap.h"
#include "../oci/config.h"
#include "ctx.h"
#include "vm_frame.h"
#include "vm_worker.h"

/* How strongly a container is separated from the machine; a later one is the stronger. */
enum isolation { ISOLATION_NAMESPACES, ISOLATION_VM };
struct isolation_choice { enum isolation kind; bool emulate; /* a VM by emulation where there is no KVM */ };
/* "namespaces", "vm" or "vm,emulate". -EINVAL: `who` names the source in the message. */
int isolation_parse(const char *who, const char *text, struct isolation_choice *ret, struct err *e) MUST_CHECK;

/* The word for a choice, as the documents have it. */
const char *isolation_word(const struct isolation_choice *c);

/*
 * What the administrator allows: VM_LIMITS_DIR/vm.conf, then VM_LIMITS_DIR/vm.conf.d/NAME.conf in the order of their
 * names; a member of a later file takes the place of the same one of an earlier file. No file: no limit.
 */
#define VM_LIMITS_DIR "/etc/ctr"
struct vm_range { struct opt_u64 usual, most; };
struct vm_limits {
	struct u32_list isolation;   /* enum isolation_word; of anything that is started, asked for or not */
	struct strv annotations;     /* of those that choose a micro-VM (ANNOTATION_ISOLATION, ANNOTATION_VM_*) */
	struct strv kernels, hypervisors; /* patterns of paths that may be asked for */
	const char *kernel;	     /* taken when none is asked for; not subject to the patterns */
	struct vm_range memory, vcpus; /* bytes; number */
	const char *from[7];	     /* by what is limited: the file that says so; the last one: what is none */
};
/* All in `a`. Anything that is not known or makes no sense is an error, as a limit that is not there would be none. */
int vm_limits_read(struct arena *a, const char *dir, struct vm_limits *ret, struct err *e) MUST_CHECK;
/* Whether a container may be isolated so. -EPERM with the file that says no. */
int vm_limits_isolation(const struct vm_limits *l, const struct isolation_choice *how, struct err *e) MUST_CHECK;
/* Whether the annotations of `c` that choose a micro-VM may be there. -EPERM. */
int vm_limits_annotations(const struct vm_limits *l, const struct config *c, struct err *e) MUST_CHECK;
/* Whether these files may be asked for; `field` names who asks. -EPERM. */
int vm_limits_kernel(const struct vm_limits *l, const char *field, const char *path, struct err *e) MUST_CHECK;
int vm_limits_hypervisor(const struct vm_limits *l, const char *field, const char *path, struct err *e) MUST_CHECK;
/* Whether a machine may be of this size. -EPERM. */
int vm_limits_size(const struct vm_limits *l, uint64_t memory, uint64_t vcpus, struct err *e) MUST_CHECK;

/* Files that a VM starts from. */
struct vm_place {
	const char *root;   /* a directory: the root of the VMM's container */
	const char *kernel; /* release of its kernel */
	bool made;	    /* just now */
};
/*
 * Finds or makes them. `kernel`: path of an image, NULL: the newest of /boot. They are kept in /var/cache/ctr/vm, or in
 * an ordinary user's cache directory, under a name made of everything that went in. Errors name the missing package.
 */
int vm_prepare(struct ctx *ctx, const char *kernel, struct vm_place *ret, struct err *e) MUST_CHECK;

/*
 * Names of the places that kernels refer to which are there now: those of /boot and `kernels`; *cache is the directory
 * that places are in.
 */
int vm_referred(struct arena *a, const struct strv *kernels, const char **cache, struct strv *ret, struct err *e) MUST_CHECK;
#define VM_UNFINISHED ".new-" /* and the pid of who makes it or takes it away */
int vm_remove_tree(const char *path);
/*
 * Removes the places that no kernel refers to any longer, and no container's root is; one line for each in `said`. An
 * older build of ctr, and one of another kind, has places of its own, which go too: it makes them anew.
 */
int vm_prune(struct arena *a, const struct strv *kernels, struct strbuf *said, struct err *e) MUST_CHECK;

/* How the guest reaches the VMM's network namespace. */
enum vm_network {
	VM_NETWORK_NONE,
	VM_NETWORK_USER,       /* out only: by the VMM's own sockets */
	VM_NETWORK_TAP_OR_USER, /* the next one, or the former where the namespace is not ours to change */
	VM_NETWORK_TAP,	       /* in the container's place (netns/tap.h) */
};

/* The two configurations that one becomes, in `a`. */
struct vm_split { const struct config *host, *guest; };
struct vm_machine {
	bool kvm;
	uint64_t memory_mib;
	uint32_t vcpus;
	uint32_t timeout; /* seconds that the guest may take until its agent speaks, and then to answer */
	bool volumes; /* there are binds: a second share */
	enum vm_network network;
	const char *qemu, *virtiofsd, *append;
};
/*
 * `c` is what the bundle says, `rootfs` its absolute root. Refuses what cannot hold in a VM, by the
 * field's path, and what the administrator does not allow. Decides the machine too: memory and processors from
 * the annotations, vm.hwConfig, linux.resources or the administrator, in this order.
 */
int vm_split(struct ctx *ctx, const struct config *c, const char *rootfs, const struct isolation_choice *how,
	     const struct vm_limits *limits, bool init, struct vm_split *ret, struct err *e) MUST_CHECK;
/* The process that runs one more command in the VM, from the process that it shall be in the guest. */
int vm_exec_process(struct arena *a, const struct process *guest, struct process *ret, struct err *e) MUST_CHECK;

/* One command of the guest. */
struct vm_command { bool exec, terminal; const char *document; size_t n; };
/*
 * Runs it over `socket` with our standard streams; `signals` as from signals_take(). The exit status, or an error when
 * the VM ended or said what it must not.
 */
int vm_client(int socket, int signals, const struct vm_command *k, struct err *e) MUST_CHECK;

/* Paths inside the VMM's container. */
#define VM_SOCKET "/run/ctr.sock"
#define VM_SHARE_ROOT "/share/root"
#define VM_SHARE_VOLUMES "/share/volumes"

/* The environment of the monitor; documents come in pieces, since one variable has 128 KiB at most. */
#define VM_ENV_DOCUMENT "CTR_VM_DOCUMENT_"
#define VM_ENV_PIECE 100000u

/* The VMM's command line; descriptors of the machine's port and of its serial line are inherited by it. */
int vm_qemu_argv(struct arena *a, const struct vm_machine *m, const struct tap_set *taps, int port, int serial, char ***ret,
		 struct err *e) MUST_CHECK;
int vm_virtiofsd_argv(struct arena *a, const struct vm_machine *m, const char *dir, const char *cache, int listener,
		      char ***ret, struct err *e) MUST_CHECK;
#define VM_FS_SOCKET(i) ((i) ? "/run/fs1.sock" : "/run/fs0.sock")

/* What the guest is told on its kernel's command line. */
#define VM_WORD_VOLUMES "ctr.volumes"
#define VM_WORD_NETWORK "ctr.network"
#define VM_WORD_TAP "ctr.tap"
#define VM_WORD_EMULATED "ctr.emulated"
/* Of a configuration (vm.kernel.parameters): when each part of the start was over, on the program's standard error. */
#define VM_WORD_STAMPS "ctr.stamps"
/* The user-mode network: QEMU's default one (qemu(1), -netdev user). */
#define VM_NET_ADDRESS "10.0.2.15"
#define VM_NET_MASK "255.255.255.0"
#define VM_NET_GATEWAY "10.0.2.2"

/*
 * Removes from the network namespace at `path`, if it is still the one with this inode, what joining it has left there.
 * For after the VM's end; gone already is success.
 */
int vm_leave_network(const char *path, uint64_t inode, struct err *e) MUST_CHECK;

/*
 * Modules in the guest's initramfs, by when they are loaded: /modules/PREFIX00 and up, in the order of their needs.
 * `asked`: what the kernel calls it when something needs it, and it is not loaded before; else at the start.
 */
#define VM_MODULES_BASE ""
#define VM_MODULES_NETWORK "net"
static const struct { const char *prefix, *asked; } vm_module_groups[] = {
	{ VM_MODULES_BASE, NULL }, { VM_MODULES_NETWORK, NULL }, { "overlay", "fs-overlay" },
};
/* The program that the kernel calls for that: ctr by this name (argv[0]), in the guest alone. */
#define VM_MODPROBE "/modprobe"
int vm_modprobe(int argc, char **argv, struct err *e) MUST_CHECK;

/* The guest's first process; does not return unless it cannot begin. `ctr`: as for its children (vm_worker.h). */
int vm_agent(vm_ctr *ctr, struct err *e) MUST_CHECK;

#endif

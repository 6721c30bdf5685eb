/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_ANNOTATIONS_H
#define CTR_OCI_ANNOTATIONS_H

/*
 * The annotations of a configuration that change what is done: all of them, in one table. Names that begin
 * with "ctr." belong to this program: one that is not in the table is an error, since it may ask for a
 * protection that would silently not be there.
 */

#include <stddef.h>

#include "config.h"

#define ANNOTATION_PREFIX "ctr."

#define ANNOTATION_INIT "ctr.init"
#define ANNOTATION_LANDLOCK "ctr.landlock"
#define ANNOTATION_CORE_SCHED "ctr.core-sched"
#define ANNOTATION_ROOT_IDMAP "ctr.root.idmap"
#define ANNOTATION_CGROUP_LEAF ANNOTATION_PREFIX "cgroup.leaf"
#define ANNOTATION_ISOLATION ANNOTATION_PREFIX "isolation" /* only ever raises it */
/* The machine that a micro-VM is; within the administrator's limits (runtime/vm_limits.c). */
#define ANNOTATION_VM_MEMORY ANNOTATION_PREFIX "vm.memory"
#define ANNOTATION_VM_VCPUS ANNOTATION_PREFIX "vm.vcpus"
#define ANNOTATION_VM_KERNEL ANNOTATION_PREFIX "vm.kernel"
#define ANNOTATION_VM_NETWORK ANNOTATION_PREFIX "vm.network"
#define ANNOTATION_VM_TIMEOUT ANNOTATION_PREFIX "vm.timeout"
#define ANNOTATION_OVERLAY "ctr.overlay"

/* Of engines: what a container is to its pod. A sandbox only holds the namespaces of the others. */
#define ANNOTATION_CRI_TYPE "io.kubernetes.cri.container-type"
#define ANNOTATION_CRIO_TYPE "io.kubernetes.cri-o.ContainerType"
#define ANNOTATION_TYPE_SANDBOX "sandbox"

/* Not of a configuration: `ctr state` of a stopped container adds it when the kernel killed for lack of memory. */
#define ANNOTATION_OOM_KILLED ANNOTATION_PREFIX "oom-killed"

struct annotation {
	const char *name;
	const char *form; /* of its value, for people */
	/* NULL, or what is wrong with the value, as the end of a sentence that begins with its name. */
	const char *(*check)(const char *value);
};

extern const struct annotation annotations[];
extern const size_t annotations_n;

/*
 * Checks all annotations with our prefix; errors go to `doc`. Takes ctr.landlock over into linux.landlock, so
 * that nobody else has to know which way it came: in `a`, and in `c`, which is not constant yet.
 */
void annotations_apply(struct json_doc *doc, struct arena *a, struct config *c);

#endif

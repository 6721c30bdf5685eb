/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_NAMES_H
#define CTR_OCI_NAMES_H

/*
 * The words of the documents and the numbers the kernel or libseccomp has for them. One table per
 * enumeration of the specification, used by the parser, the printer, `features` and the commands.
 * A value may have several words; the first one is what name_of() gives and what `features` lists.
 */

#include <stddef.h>
#include <stdint.h>

#include "../runtime/base/err.h"

struct name_value {
	const char *name;
	uint32_t value;
};

struct name_table {
	const char *what; /* for messages: "unknown WHAT \"word\"" */
	const struct name_value *v;
	size_t n;
};

extern const struct name_table ns_names;	 /* CLONE_NEW* */
extern const struct name_table rlimit_names;	 /* RLIMIT_* */
extern const struct name_table sched_names;	 /* SCHED_* */
extern const struct name_table sched_flag_names; /* SCHED_FLAG_* */
extern const struct name_table ioprio_names;	 /* IOPRIO_CLASS_* */
extern const struct name_table seccomp_action_names; /* SCMP_ACT_*, the errno part zero */
extern const struct name_table seccomp_op_names;     /* enum scmp_compare */
extern const struct name_table seccomp_arch_names;   /* SCMP_ARCH_* */
extern const struct name_table seccomp_flag_names;   /* SECCOMP_FILTER_FLAG_* */
extern const struct name_table mpol_names;	 /* MPOL_* */
extern const struct name_table mpol_flag_names;	 /* MPOL_F_* */
/* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE; the recursive spellings mean the same for a root. */
extern const struct name_table propagation_names;
extern const struct name_table device_names;	  /* linux.devices: 'c', 'b', 'u', 'p' */
extern const struct name_table device_rule_names; /* resources.devices: 'a', 'c', 'b' */
extern const struct name_table personality_names; /* PER_LINUX, PER_LINUX32 */
extern const struct name_table timens_names;	  /* CLOCK_MONOTONIC, CLOCK_BOOTTIME */
extern const struct name_table landlock_fs_names;	  /* LANDLOCK_ACCESS_FS_*, lower case */
extern const struct name_table landlock_net_names;	  /* LANDLOCK_ACCESS_NET_* */
extern const struct name_table landlock_scope_names; /* LANDLOCK_SCOPE_* */
extern const struct name_table vm_format_names;	  /* enum vm_image_format */
extern const struct name_table isolation_names;	  /* enum isolation_word */
extern const struct name_table signal_names;	  /* without "SIG" */

/* Values of vm_image.format; the words are those of config-vm. */
enum vm_image_format { VM_IMAGE_RAW, VM_IMAGE_QCOW2, VM_IMAGE_VDI, VM_IMAGE_VMDK, VM_IMAGE_VHD };

/* What --isolation, ctr.isolation and the administrator's limits speak of; a later one is not always the stronger. */
enum isolation_word { ISOLATION_WORD_NAMESPACES, ISOLATION_WORD_VM, ISOLATION_WORD_EMULATE };

/* The row of a word (exact spelling), or NULL. */
const struct name_value *name_find(const struct name_table *t, const char *name);
/* The first word of a value, or NULL. */
const char *name_of(const struct name_table *t, uint32_t value);

/*
 * Number of a capability spelt as in the specification ("CAP_SYS_ADMIN", upper case), or -1 for a name
 * this build does not know. The specification makes that a warning, not an error.
 */
int cap_by_name(const char *name);
/* By number; libcap's, as a table that is made at build time (oci/gen/capabilities.c). */
extern const char *const cap_names[];
extern const int cap_names_count;
/* "CAP_SYS_ADMIN" of a number, or NULL. */
const char *cap_name(int cap);
/* How many capabilities the build knows: numbers 0 to cap_count() - 1. */
int cap_count(void);

/*
 * A signal as given to `kill`: a number from 1 to 64, or a name in any case with or without "SIG",
 * "RTMIN", "RTMIN+N", "RTMAX", "RTMAX-N" included. The number, or -EINVAL.
 */
int signal_parse(const char *s, struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_CONFIG_H
#define CTR_OCI_CONFIG_H

/*
 * config.json (OCI runtime specification 1.3, Linux and vm) as C structs, filled by the tables in
 * config.c. Constant once parsed: only oci/ and the plan builder read it, and nothing writes to it.
 *
 * Absent and zero differ: an optional scalar carries `set`, an optional object is a pointer, an absent
 * list has n == 0 (and v == NULL; an empty one has v != NULL). Enumerations are stored as the kernel's
 * or libseccomp's number, resolved by the name tables of names.h. Strings live in the document's arena
 * and contain no NUL. Member names are those of the specification.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../runtime/base/err.h"
#include "../runtime/base/str.h"

struct opt_bool { bool set, v; };
struct opt_i64 { bool set; int64_t v; };
struct opt_u64 { bool set; uint64_t v; };
struct opt_u32 { bool set; uint32_t v; };
struct opt_i32 { bool set; int32_t v; };
struct opt_u16 { bool set; uint16_t v; };

#define LIST(type) struct { type *v; size_t n; }

struct u32_list { uint32_t *v; size_t n; };
struct map_entry { const char *key, *value; };
struct string_map { struct map_entry *v; size_t n; };

/* ---- process ------------------------------------------------------------------------------------ */

struct console_size { uint32_t height, width; };

struct user {
	uint32_t uid, gid;
	struct opt_u32 umask;
	struct u32_list additional_gids;
	const char *username; /* Windows only, ignored */
};

/* Unknown capability names are a warning, not an error, so the names are kept as they came. */
struct capabilities { struct strv bounding, effective, inheritable, permitted, ambient; };

struct rlimit_conf { uint32_t type; uint64_t soft, hard; };
struct rlimit_list { struct rlimit_conf *v; size_t n; };

struct scheduler {
	uint32_t policy;	/* SCHED_* */
	int32_t nice, priority;
	struct u32_list flags;	/* SCHED_FLAG_* */
	uint64_t runtime, deadline, period; /* ns */
};

struct io_priority { uint32_t class; int64_t priority; };
struct exec_cpu_affinity { const char *initial, *final; };

struct process {
	bool terminal;
	struct console_size *console_size;
	const char *cwd;
	struct strv env, args;
	const char *command_line; /* Windows only, ignored */
	struct user user;
	struct capabilities *capabilities;
	struct rlimit_list rlimits;
	bool no_new_privileges;
	const char *apparmor_profile, *selinux_label;
	struct opt_i64 oom_score_adj;
	struct scheduler *scheduler;
	struct io_priority *io_priority;
	struct exec_cpu_affinity *exec_cpu_affinity;
};

/* ---- root, mounts, hooks -------------------------------------------------------------------------- */

struct root { const char *path; bool readonly; };

struct id_map { uint32_t container_id, host_id, size; };
struct id_map_list { struct id_map *v; size_t n; };

struct mount_conf {
	const char *destination, *source, *type;
	struct strv options;
	struct id_map_list uid_mappings, gid_mappings;
};

struct hook {
	const char *path;
	struct strv args, env;	/* env.v == NULL: member absent */
	struct opt_i64 timeout;	/* seconds */
};
struct hook_list { struct hook *v; size_t n; };

struct hooks {
	struct hook_list prestart, create_runtime, create_container, start_container, poststart, poststop;
};

/* ---- linux ------------------------------------------------------------------------------------------ */

struct namespace_conf { uint32_t type; /* CLONE_NEW* */ const char *path; };

struct time_offset { int64_t secs; uint32_t nanosecs; };
struct time_offset_entry { const char *key; struct time_offset value; };

struct device_conf {
	uint32_t type;		/* 'c', 'b', 'u' or 'p' */
	const char *path;
	struct opt_i64 major, minor;
	struct opt_u32 file_mode, uid, gid;
};

struct net_device { const char *name; };
struct net_device_entry { const char *key; struct net_device value; };

struct device_rule {
	bool allow;
	uint32_t type;		/* 'a', 'b', 'c'; 0 when absent ('a') */
	struct opt_i64 major, minor;
	const char *access;
};
struct device_rule_list { struct device_rule *v; size_t n; };

struct memory_conf {
	struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct cpu_conf {
	struct opt_u64 shares;
	struct opt_i64 quota;
	struct opt_u64 burst, period;
	struct opt_i64 realtime_runtime;
	struct opt_u64 realtime_period;
	struct opt_i64 idle;
	const char *cpus, *mems;
};

struct weight_device { int64_t major, minor; struct opt_u16 weight, leaf_weight; };
struct throttle_device { int64_t major, minor; uint64_t rate; };
struct throttle_list { struct throttle_device *v; size_t n; };

struct block_io_conf {
	struct opt_u16 weight, leaf_weight;
	LIST(struct weight_device) weight_device;
	struct throttle_list throttle_read_bps, throttle_write_bps, throttle_read_iops, throttle_write_iops;
};

struct hugepage_limit { const char *page_size; uint64_t limit; };
struct net_prio { const char *name; uint32_t priority; };
struct network_conf { struct opt_u32 class_id; LIST(struct net_prio) priorities; };
struct pids_conf { struct opt_i64 limit; };
struct rdma { struct opt_u32 hca_handles, hca_objects; };
struct rdma_entry { const char *key; struct rdma value; };

struct resources {
	struct device_rule_list devices;
	struct memory_conf *memory;
	struct cpu_conf *cpu;
	struct pids_conf *pids;
	struct block_io_conf *block_io;
	LIST(struct hugepage_limit) hugepage_limits;
	struct network_conf *network;
	LIST(struct rdma_entry) rdma;
	struct string_map unified;
};

struct seccomp_arg { uint32_t index; uint64_t value, value_two; uint32_t op; /* enum scmp_compare */ };
struct seccomp_rule {
	struct strv names;
	uint32_t action;	/* SCMP_ACT_* without errno */
	struct opt_u32 errno_ret;
	LIST(struct seccomp_arg) args;
};
struct seccomp_conf {
	uint32_t default_action;
	struct opt_u32 default_errno_ret;
	struct u32_list architectures;	/* SCMP_ARCH_* */
	struct u32_list flags;		/* SECCOMP_FILTER_FLAG_*; v == NULL: member absent */
	const char *listener_path, *listener_metadata;
	LIST(struct seccomp_rule) syscalls;
};

struct intel_rdt {
	const char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct strv schemata;
	bool enable_monitoring;
};

struct memory_policy { uint32_t mode; const char *nodes; struct u32_list flags; };
struct personality_conf { uint32_t domain; struct strv flags; };

/*
 * linux.landlock, an extension (annotation ctr.landlock for writers that know only the specification's members):
 * landlock(7). Words are kept as bits of the kernel's numbers.
 */
struct landlock_path { struct strv paths; struct u32_list allowed_access; };
struct landlock_port { struct u32_list ports, allowed_access; };
struct landlock_rules {
	LIST(struct landlock_path) path_beneath;
	LIST(struct landlock_port) net_port;
};
struct landlock {
	struct u32_list handled_access_fs, handled_access_net, scoped;
	struct landlock_rules rules;
	bool best_effort; /* what the running kernel does not know is left out, with a warning */
};

struct linux_conf {
	LIST(struct namespace_conf) namespaces;
	struct id_map_list uid_mappings, gid_mappings;
	LIST(struct time_offset_entry) time_offsets;
	LIST(struct device_conf) devices;
	LIST(struct net_device_entry) net_devices;
	const char *cgroups_path;
	struct resources *resources;
	struct string_map sysctl;
	struct seccomp_conf *seccomp;
	struct opt_u32 rootfs_propagation; /* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, and MS_REC */
	struct strv masked_paths, readonly_paths;
	const char *mount_label;
	struct intel_rdt *intel_rdt;
	struct memory_policy *memory_policy;
	struct personality_conf *personality;
	struct landlock *landlock;
};

/* ---- vm --------------------------------------------------------------------------------------------- */

struct vm_hypervisor { const char *path; struct strv parameters; };
struct vm_kernel { const char *path; struct strv parameters; const char *initrd; };
struct vm_image { const char *path; struct opt_u32 format; };
struct vm_iomem { struct opt_u64 first_gfn; uint64_t first_mfn, nr_mfns; };
struct vm_hw_config {
	const char *device_tree;
	struct opt_u32 vcpus;
	struct opt_u64 memory;
	struct strv dtdevs;
	LIST(struct vm_iomem) iomems;
	struct u32_list irqs;
};
struct vm_conf {
	struct vm_hypervisor *hypervisor;
	struct vm_kernel *kernel;
	struct vm_image *image;
	struct vm_hw_config *hw_config;
};

/* ---- the document ----------------------------------------------------------------------------------- */

struct config {
	const char *oci_version;
	struct root *root;
	struct process *process;
	const char *hostname, *domainname;
	LIST(struct mount_conf) mounts;
	struct hooks *hooks;
	struct string_map annotations;
	struct linux_conf *linux_;
	struct vm_conf *vm;
	bool foreign; /* a section of another platform is present (windows, solaris, zos, freebsd) */
};

struct json_obj;
struct json_doc;

/* The tables, for whoever writes these documents (json_print of json.h). */
extern const struct json_obj config_json, process_json, resources_json, hooks_json, id_map_json, landlock_json;

/*
 * Parses `n` bytes at `text` into *ret and checks every rule that needs the document alone (validate.c).
 * `origin` names the source in messages ("config.json"). The result lives in `a`.
 * Errors: -EINVAL with "ORIGIN:LINE:COLUMN: PATH: what is wrong".
 */
int config_parse(struct arena *a, const char *origin, const char *text, size_t n, const struct config **ret,
		 struct err *e) MUST_CHECK;

/* The same for a bare process object (exec --process) and a bare resources object (update --resources). */
int process_parse(struct arena *a, const char *origin, const char *text, size_t n,
		  const struct process **ret, struct err *e) MUST_CHECK;
int resources_parse(struct arena *a, const char *origin, const char *text, size_t n,
		    const struct resources **ret, struct err *e) MUST_CHECK;

/*
 * Reports every error of the document, one call of `report` each, with a complete line of text.
 * Returns the number of errors, or a negative errno when the document cannot be examined at all.
 */
int config_check(struct arena *a, const char *origin, const char *text, size_t n,
		 void (*report)(void *arg, const char *line), void *arg, struct err *e) MUST_CHECK;

/*
 * The resources as their author meant them: before version 1.3.0 of the specification a pids.limit of 0 was
 * "no limit" (Podman 4 still writes it so); since then it is a limit of zero. May return `r` itself.
 */
const struct resources *resources_of_version(struct arena *a, const struct resources *r, const char *oci_version);

/* Annotation by name, or NULL. */
const char *config_annotation(const struct config *c, const char *key);
/* Puts an entry in front of those of the map, where it is found first. -ENOMEM. */
int string_map_put(struct arena *a, struct string_map *m, const char *key, const char *value, struct err *e) MUST_CHECK;
/* A bind by its options, or by its type, as engines and other runtimes have it. */
bool config_mount_is_bind(const struct mount_conf *m);
/* The namespace entry of a type (CLONE_NEW*), or NULL. */
const struct namespace_conf *config_namespace(const struct config *c, uint32_t type);

/* ---- validate.c: the rules that need the document alone; errors go to `doc` (json_bad) ---------------- */

void config_validate(struct json_doc *doc, const struct config *c);
void process_validate(struct json_doc *doc, const struct process *p);
void landlock_validate(struct json_doc *doc, const struct landlock *l);
void resources_validate(struct json_doc *doc, const struct resources *r);

#endif

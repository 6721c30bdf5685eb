/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of config.json: which member of the document is which member of which struct of config.h,
 * of what kind, and whether it must be there. Adding a member is adding a row. Rules about values are
 * in validate.c; the interpreter is json.c and its sisters.
 *
 * Leniencies: where the tables (T) and the rules (V) accept what the specification's text or schema
 * would refuse, and who needs it.
 *
 *	null for any optional member (T)	encoders of Go programs write it for nil lists and maps
 *	"" for an optional string or word (T)	the same programs write unset strings as ""; in args, env
 *						and options "" stays what it is
 *	process.user absent (T)			the schema makes it optional: 0:0
 *	ioPriority.priority absent (T)		the schema makes it optional: 0
 *	pids.limit absent (T)			optional in the text, required in the schema
 *	pids.limit 0 before version 1.3.0	"no limit" until then; Podman 4 writes it for --pids-limit -1
 *	seccomp args[].valueTwo absent (T)	Buildah writes masked comparisons with one value
 *	image.format absent (T)			the text says both "required" and "unset means raw"
 *	hwConfig as hwconfig (T)		the Go bindings of the specification carry that tag
 *	rootfsPropagation rshared, rslave,	Docker and containerd send these forms: all mounts of the
 *	  rprivate, runbindable (T)		container instead of the root's alone
 *	blockIO {}, memory {}, cpu {} (T)	Docker always sends an empty blockIO
 *	resources device type "" and		Docker's default rules; absent is "all", -1 is "any"
 *	  major/minor -1 (T, V)
 *	devices[].fileMode with the type's	Podman writes what stat(2) says for --privileged; the bits
 *	  bits of stat(2) (V)			must be those of the device's type
 *	memory and pids -1, quota <= 0 (V)	"unlimited" of every engine
 *	weight 0, shares 0 (V)			"unset" of Docker and Podman
 *	memory.limit 0 (V)			"unset" of Docker; a literal 0 would kill the container
 *	uidMappings beside a user namespace	containerd and CRI-O send both; whether they agree with the
 *	  with a path (V)			namespace only the planner can see
 *	user namespace without mappings (V)	an unprivileged caller has them filled in by the planner
 *	ociVersion of a newer minor, with	the text promises compatibility within a major version;
 *	  suffix -dev, +dev (V)			engines built from main send them
 *	process absent (V)			a container that is created and never started
 *	unknown capability names (V)		the text makes them a warning
 */
#include "config.h"

#include <errno.h>

#include "../runtime/base/util.h"
#include "annotations.h"
#include "json.h"
#include "names.h"

/* ---- process ----------------------------------------------------------------------------------------- */

static JSON_OBJ(console_size,
	J(console_size, "height", U32, height, JSON_REQUIRED),
	J(console_size, "width", U32, width, JSON_REQUIRED));

static JSON_OBJ(user,
	J(user, "uid", U32, uid, JSON_REQUIRED),
	J(user, "gid", U32, gid, JSON_REQUIRED),
	J(user, "umask", OPT_U32, umask, 0),
	J_LIST(user, "additionalGids", U32, additional_gids, 0),
	J(user, "username", STR, username, 0));

static JSON_OBJ(capabilities,
	J_LIST(capabilities, "bounding", STR, bounding, 0),
	J_LIST(capabilities, "effective", STR, effective, 0),
	J_LIST(capabilities, "inheritable", STR, inheritable, 0),
	J_LIST(capabilities, "permitted", STR, permitted, 0),
	J_LIST(capabilities, "ambient", STR, ambient, 0));

static JSON_OBJ(rlimit_conf,
	J_ENUM(rlimit_conf, "type", type, rlimit_names, JSON_REQUIRED),
	J(rlimit_conf, "hard", U64, hard, JSON_REQUIRED),
	J(rlimit_conf, "soft", U64, soft, JSON_REQUIRED));

static JSON_OBJ(scheduler,
	J_ENUM(scheduler, "policy", policy, sched_names, JSON_REQUIRED),
	J(scheduler, "nice", I32, nice, 0),
	J(scheduler, "priority", I32, priority, 0),
	J_ENUM_LIST(scheduler, "flags", flags, sched_flag_names, 0),
	J(scheduler, "runtime", U64, runtime, 0),
	J(scheduler, "deadline", U64, deadline, 0),
	J(scheduler, "period", U64, period, 0));

static JSON_OBJ(io_priority,
	J_ENUM(io_priority, "class", class, ioprio_names, JSON_REQUIRED),
	J(io_priority, "priority", I64, priority, JSON_ALWAYS));

static JSON_OBJ(exec_cpu_affinity,
	J(exec_cpu_affinity, "initial", STR, initial, 0),
	J(exec_cpu_affinity, "final", STR, final, 0));

JSON_OBJ(process,
	J(process, "terminal", BOOL, terminal, 0),
	J_PTR(process, "consoleSize", console_size, console_size, 0),
	J_OBJ(process, "user", user, user, 0),
	J_LIST(process, "args", STR, args, 0),
	J(process, "commandLine", STR, command_line, 0),
	J_LIST(process, "env", STR, env, 0),
	J(process, "cwd", STR, cwd, JSON_REQUIRED),
	J_PTR(process, "capabilities", capabilities, capabilities, 0),
	J_OBJ_LIST(process, "rlimits", rlimits, rlimit_conf, 0),
	J(process, "noNewPrivileges", BOOL, no_new_privileges, 0),
	J(process, "apparmorProfile", STR, apparmor_profile, 0),
	J(process, "oomScoreAdj", OPT_I64, oom_score_adj, 0),
	J_PTR(process, "scheduler", scheduler, scheduler, 0),
	J(process, "selinuxLabel", STR, selinux_label, 0),
	J_PTR(process, "ioPriority", io_priority, io_priority, 0),
	J_PTR(process, "execCPUAffinity", exec_cpu_affinity, exec_cpu_affinity, 0));

/* ---- root, mounts, hooks ------------------------------------------------------------------------------- */

static JSON_OBJ(root,
	J(root, "path", STR, path, JSON_REQUIRED),
	J(root, "readonly", BOOL, readonly, 0));

JSON_OBJ(id_map,
	J(id_map, "containerID", U32, container_id, JSON_REQUIRED),
	J(id_map, "hostID", U32, host_id, JSON_REQUIRED),
	J(id_map, "size", U32, size, JSON_REQUIRED));

static JSON_OBJ(mount_conf,
	J(mount_conf, "destination", STR, destination, JSON_REQUIRED),
	J(mount_conf, "type", STR, type, 0),
	J(mount_conf, "source", STR, source, 0),
	J_LIST(mount_conf, "options", STR, options, 0),
	J_OBJ_LIST(mount_conf, "uidMappings", uid_mappings, id_map, 0),
	J_OBJ_LIST(mount_conf, "gidMappings", gid_mappings, id_map, 0));

static JSON_OBJ(hook,
	J(hook, "path", STR, path, JSON_REQUIRED),
	J_LIST(hook, "args", STR, args, 0),
	J_LIST(hook, "env", STR, env, 0),
	J(hook, "timeout", OPT_I64, timeout, 0));

JSON_OBJ(hooks,
	J_OBJ_LIST(hooks, "prestart", prestart, hook, 0),
	J_OBJ_LIST(hooks, "createRuntime", create_runtime, hook, 0),
	J_OBJ_LIST(hooks, "createContainer", create_container, hook, 0),
	J_OBJ_LIST(hooks, "startContainer", start_container, hook, 0),
	J_OBJ_LIST(hooks, "poststart", poststart, hook, 0),
	J_OBJ_LIST(hooks, "poststop", poststop, hook, 0));

/* ---- linux: resources ---------------------------------------------------------------------------------- */

static JSON_OBJ(device_rule,
	J(device_rule, "allow", BOOL, allow, JSON_REQUIRED),
	J_ENUM(device_rule, "type", type, device_rule_names, 0),
	J(device_rule, "major", OPT_I64, major, 0),
	J(device_rule, "minor", OPT_I64, minor, 0),
	J(device_rule, "access", STR, access, JSON_EMPTY)); /* absent means all: "" must not */

static JSON_OBJ(memory_conf,
	J(memory_conf, "limit", OPT_I64, limit, 0),
	J(memory_conf, "reservation", OPT_I64, reservation, 0),
	J(memory_conf, "swap", OPT_I64, swap, 0),
	J(memory_conf, "kernel", OPT_I64, kernel, 0),
	J(memory_conf, "kernelTCP", OPT_I64, kernel_tcp, 0),
	J(memory_conf, "swappiness", OPT_U64, swappiness, 0),
	J(memory_conf, "disableOOMKiller", OPT_BOOL, disable_oom_killer, 0),
	J(memory_conf, "useHierarchy", OPT_BOOL, use_hierarchy, 0),
	J(memory_conf, "checkBeforeUpdate", OPT_BOOL, check_before_update, 0));

static JSON_OBJ(cpu_conf,
	J(cpu_conf, "shares", OPT_U64, shares, 0),
	J(cpu_conf, "quota", OPT_I64, quota, 0),
	J(cpu_conf, "burst", OPT_U64, burst, 0),
	J(cpu_conf, "period", OPT_U64, period, 0),
	J(cpu_conf, "realtimeRuntime", OPT_I64, realtime_runtime, 0),
	J(cpu_conf, "realtimePeriod", OPT_U64, realtime_period, 0),
	J(cpu_conf, "cpus", STR, cpus, 0),
	J(cpu_conf, "mems", STR, mems, 0),
	J(cpu_conf, "idle", OPT_I64, idle, 0));

static JSON_OBJ(weight_device,
	J(weight_device, "major", I64, major, JSON_REQUIRED),
	J(weight_device, "minor", I64, minor, JSON_REQUIRED),
	J(weight_device, "weight", OPT_U16, weight, 0),
	J(weight_device, "leafWeight", OPT_U16, leaf_weight, 0));

static JSON_OBJ(throttle_device,
	J(throttle_device, "major", I64, major, JSON_REQUIRED),
	J(throttle_device, "minor", I64, minor, JSON_REQUIRED),
	J(throttle_device, "rate", U64, rate, JSON_REQUIRED));

static JSON_OBJ(block_io_conf,
	J(block_io_conf, "weight", OPT_U16, weight, 0),
	J(block_io_conf, "leafWeight", OPT_U16, leaf_weight, 0),
	J_OBJ_LIST(block_io_conf, "weightDevice", weight_device, weight_device, 0),
	J_OBJ_LIST(block_io_conf, "throttleReadBpsDevice", throttle_read_bps, throttle_device, 0),
	J_OBJ_LIST(block_io_conf, "throttleWriteBpsDevice", throttle_write_bps, throttle_device, 0),
	J_OBJ_LIST(block_io_conf, "throttleReadIOPSDevice", throttle_read_iops, throttle_device, 0),
	J_OBJ_LIST(block_io_conf, "throttleWriteIOPSDevice", throttle_write_iops, throttle_device, 0));

static JSON_OBJ(hugepage_limit,
	J(hugepage_limit, "pageSize", STR, page_size, JSON_REQUIRED),
	J(hugepage_limit, "limit", U64, limit, JSON_REQUIRED));

static JSON_OBJ(net_prio,
	J(net_prio, "name", STR, name, JSON_REQUIRED),
	J(net_prio, "priority", U32, priority, JSON_REQUIRED));

static JSON_OBJ(network_conf,
	J(network_conf, "classID", OPT_U32, class_id, 0),
	J_OBJ_LIST(network_conf, "priorities", priorities, net_prio, 0));

static JSON_OBJ(pids_conf,
	J(pids_conf, "limit", OPT_I64, limit, 0));

static JSON_OBJ(rdma,
	J(rdma, "hcaHandles", OPT_U32, hca_handles, 0),
	J(rdma, "hcaObjects", OPT_U32, hca_objects, 0));

JSON_OBJ(resources,
	J_OBJ_LIST(resources, "devices", devices, device_rule, 0),
	J_PTR(resources, "memory", memory, memory_conf, 0),
	J_PTR(resources, "cpu", cpu, cpu_conf, 0),
	J_PTR(resources, "pids", pids, pids_conf, 0),
	J_PTR(resources, "blockIO", block_io, block_io_conf, 0),
	J_OBJ_LIST(resources, "hugepageLimits", hugepage_limits, hugepage_limit, 0),
	J_PTR(resources, "network", network, network_conf, 0),
	J_OBJ_MAP(resources, "rdma", rdma, rdma, 0),
	J_MAP(resources, "unified", STR, unified, 0));

/* ---- linux --------------------------------------------------------------------------------------------- */

static JSON_OBJ(namespace_conf,
	J_ENUM(namespace_conf, "type", type, ns_names, JSON_REQUIRED),
	J(namespace_conf, "path", STR, path, 0));

static JSON_OBJ(time_offset,
	J(time_offset, "secs", I64, secs, 0),
	J(time_offset, "nanosecs", U32, nanosecs, 0));

static JSON_OBJ(device_conf,
	J_ENUM(device_conf, "type", type, device_names, JSON_REQUIRED),
	J(device_conf, "path", STR, path, JSON_REQUIRED),
	J(device_conf, "major", OPT_I64, major, 0),
	J(device_conf, "minor", OPT_I64, minor, 0),
	J(device_conf, "fileMode", OPT_U32, file_mode, 0),
	J(device_conf, "uid", OPT_U32, uid, 0),
	J(device_conf, "gid", OPT_U32, gid, 0));

static JSON_OBJ(net_device,
	J(net_device, "name", STR, name, 0));

static JSON_OBJ(seccomp_arg,
	J(seccomp_arg, "index", U32, index, JSON_REQUIRED),
	J(seccomp_arg, "value", U64, value, JSON_REQUIRED),
	J(seccomp_arg, "valueTwo", U64, value_two, 0),
	J_ENUM(seccomp_arg, "op", op, seccomp_op_names, JSON_REQUIRED));

static JSON_OBJ(seccomp_rule,
	J_LIST(seccomp_rule, "names", STR, names, JSON_REQUIRED),
	J_ENUM(seccomp_rule, "action", action, seccomp_action_names, JSON_REQUIRED),
	J(seccomp_rule, "errnoRet", OPT_U32, errno_ret, 0),
	J_OBJ_LIST(seccomp_rule, "args", args, seccomp_arg, 0));

static JSON_OBJ(seccomp_conf,
	J_ENUM(seccomp_conf, "defaultAction", default_action, seccomp_action_names, JSON_REQUIRED),
	J(seccomp_conf, "defaultErrnoRet", OPT_U32, default_errno_ret, 0),
	J_ENUM_LIST(seccomp_conf, "architectures", architectures, seccomp_arch_names, 0),
	J_ENUM_LIST(seccomp_conf, "flags", flags, seccomp_flag_names, 0),
	J(seccomp_conf, "listenerPath", STR, listener_path, 0),
	J(seccomp_conf, "listenerMetadata", STR, listener_metadata, 0),
	J_OBJ_LIST(seccomp_conf, "syscalls", syscalls, seccomp_rule, 0));

static JSON_OBJ(intel_rdt,
	J(intel_rdt, "closID", STR, clos_id, 0),
	J_LIST(intel_rdt, "schemata", STR, schemata, 0),
	J(intel_rdt, "l3CacheSchema", STR, l3_cache_schema, 0),
	J(intel_rdt, "memBwSchema", STR, mem_bw_schema, 0),
	J(intel_rdt, "enableMonitoring", BOOL, enable_monitoring, 0));

static JSON_OBJ(memory_policy,
	J_ENUM(memory_policy, "mode", mode, mpol_names, JSON_REQUIRED),
	J(memory_policy, "nodes", STR, nodes, 0),
	J_ENUM_LIST(memory_policy, "flags", flags, mpol_flag_names, 0));

static JSON_OBJ(personality_conf,
	J_ENUM(personality_conf, "domain", domain, personality_names, JSON_REQUIRED),
	J_LIST(personality_conf, "flags", STR, flags, 0));

static JSON_OBJ(landlock_path,
	J_LIST(landlock_path, "paths", STR, paths, JSON_REQUIRED),
	J_ENUM_LIST(landlock_path, "allowedAccess", allowed_access, landlock_fs_names, JSON_REQUIRED));

static JSON_OBJ(landlock_port,
	J_LIST(landlock_port, "ports", U32, ports, JSON_REQUIRED),
	J_ENUM_LIST(landlock_port, "allowedAccess", allowed_access, landlock_net_names, JSON_REQUIRED));

static JSON_OBJ(landlock_rules,
	J_OBJ_LIST(landlock_rules, "pathBeneath", path_beneath, landlock_path, 0),
	J_OBJ_LIST(landlock_rules, "netPort", net_port, landlock_port, 0));

JSON_OBJ(landlock,
	J_ENUM_LIST(landlock, "handledAccessFS", handled_access_fs, landlock_fs_names, 0),
	J_ENUM_LIST(landlock, "handledAccessNet", handled_access_net, landlock_net_names, 0),
	J_ENUM_LIST(landlock, "scoped", scoped, landlock_scope_names, 0),
	J_OBJ(landlock, "rules", rules, landlock_rules, 0),
	J(landlock, "bestEffort", BOOL, best_effort, 0));

static JSON_OBJ(linux_conf,
	J_OBJ_LIST(linux_conf, "uidMappings", uid_mappings, id_map, 0),
	J_OBJ_LIST(linux_conf, "gidMappings", gid_mappings, id_map, 0),
	J_MAP(linux_conf, "sysctl", STR, sysctl, 0),
	J_PTR(linux_conf, "resources", resources, resources, 0),
	J(linux_conf, "cgroupsPath", STR, cgroups_path, 0),
	J_OBJ_LIST(linux_conf, "namespaces", namespaces, namespace_conf, 0),
	J_OBJ_LIST(linux_conf, "devices", devices, device_conf, 0),
	J_OBJ_MAP(linux_conf, "netDevices", net_devices, net_device, 0),
	J_PTR(linux_conf, "seccomp", seccomp, seccomp_conf, 0),
	J_OPT_ENUM(linux_conf, "rootfsPropagation", rootfs_propagation, propagation_names, 0),
	J_LIST(linux_conf, "maskedPaths", STR, masked_paths, 0),
	J_LIST(linux_conf, "readonlyPaths", STR, readonly_paths, 0),
	J(linux_conf, "mountLabel", STR, mount_label, 0),
	J_PTR(linux_conf, "intelRdt", intel_rdt, intel_rdt, 0),
	J_PTR(linux_conf, "memoryPolicy", memory_policy, memory_policy, 0),
	J_PTR(linux_conf, "personality", personality, personality_conf, 0),
	J_OBJ_MAP(linux_conf, "timeOffsets", time_offsets, time_offset, 0),
	J_PTR(linux_conf, "landlock", landlock, landlock, 0));

/* ---- vm ------------------------------------------------------------------------------------------------ */

static JSON_OBJ(vm_hypervisor,
	J(vm_hypervisor, "path", STR, path, JSON_REQUIRED),
	J_LIST(vm_hypervisor, "parameters", STR, parameters, 0));

static JSON_OBJ(vm_kernel,
	J(vm_kernel, "path", STR, path, JSON_REQUIRED),
	J_LIST(vm_kernel, "parameters", STR, parameters, 0),
	J(vm_kernel, "initrd", STR, initrd, 0));

static JSON_OBJ(vm_image,
	J(vm_image, "path", STR, path, JSON_REQUIRED),
	J_OPT_ENUM(vm_image, "format", format, vm_format_names, 0));

static JSON_OBJ(vm_iomem,
	J(vm_iomem, "firstGFN", OPT_U64, first_gfn, 0),
	J(vm_iomem, "firstMFN", U64, first_mfn, JSON_REQUIRED),
	J(vm_iomem, "nrMFNs", U64, nr_mfns, JSON_REQUIRED));

static JSON_OBJ(vm_hw_config,
	J(vm_hw_config, "deviceTree", STR, device_tree, 0),
	J(vm_hw_config, "vcpus", OPT_U32, vcpus, 0),
	J(vm_hw_config, "memory", OPT_U64, memory, 0),
	J_LIST(vm_hw_config, "dtdevs", STR, dtdevs, 0),
	J_OBJ_LIST(vm_hw_config, "iomems", iomems, vm_iomem, 0),
	J_LIST(vm_hw_config, "irqs", U32, irqs, 0));

static JSON_OBJ(vm_conf,
	J_PTR(vm_conf, "hypervisor", hypervisor, vm_hypervisor, 0),
	J_PTR(vm_conf, "kernel", kernel, vm_kernel, JSON_REQUIRED),
	J_PTR(vm_conf, "image", image, vm_image, 0),
	J_PTR(vm_conf, "hwConfig", hw_config, vm_hw_config, JSON_LOWER));

/* ---- the document -------------------------------------------------------------------------------------- */

JSON_OBJ(config,
	J(config, "ociVersion", STR, oci_version, JSON_REQUIRED),
	J_PTR(config, "process", process, process, 0),
	J_PTR(config, "root", root, root, JSON_REQUIRED),
	J(config, "hostname", STR, hostname, 0),
	J(config, "domainname", STR, domainname, 0),
	J_OBJ_LIST(config, "mounts", mounts, mount_conf, 0),
	J_PTR(config, "hooks", hooks, hooks, 0),
	J_MAP(config, "annotations", STR, annotations, 0),
	J_PTR(config, "linux", linux_, linux_conf, 0),
	J_PTR(config, "vm", vm, vm_conf, 0),
	J(config, "solaris", PRESENT, foreign, 0),
	J(config, "windows", PRESENT, foreign, 0),
	J(config, "zos", PRESENT, foreign, 0),
	J(config, "freebsd", PRESENT, foreign, 0));

/* ---- entry points -------------------------------------------------------------------------------------- */

int config_parse(struct arena *a, const char *origin, const char *text, size_t n, const struct config **ret,
		 struct err *e)
{
	struct json_doc doc = { 0 };
	void *p;
	int r = json_parse(&doc, a, &config_json, origin, text, n, &p, e);

	if (r < 0)
		return r;
	config_validate(&doc, p);
	annotations_apply(&doc, a, p);
	if (doc.errors)
		return -EINVAL;
	*ret = p;
	return 0;
}

int process_parse(struct arena *a, const char *origin, const char *text, size_t n,
		  const struct process **ret, struct err *e)
{
	struct json_doc doc = { 0 };
	void *p;
	int r = json_parse(&doc, a, &process_json, origin, text, n, &p, e);

	if (r < 0)
		return r;
	process_validate(&doc, p);
	if (doc.errors)
		return -EINVAL;
	*ret = p;
	return 0;
}

int resources_parse(struct arena *a, const char *origin, const char *text, size_t n,
		    const struct resources **ret, struct err *e)
{
	struct json_doc doc = { 0 };
	void *p;
	int r = json_parse(&doc, a, &resources_json, origin, text, n, &p, e);

	if (r < 0)
		return r;
	resources_validate(&doc, p);
	if (doc.errors)
		return -EINVAL;
	*ret = p;
	return 0;
}

int config_check(struct arena *a, const char *origin, const char *text, size_t n,
		 void (*report)(void *arg, const char *line), void *arg, struct err *e)
{
	struct json_doc doc = { .report = report, .arg = arg };
	void *p;
	int r = json_parse(&doc, a, &config_json, origin, text, n, &p, e);

	if (r < 0)
		return r;
	/* The rules need a complete struct: a required string may be NULL after an error of form. */
	if (doc.errors == 0) {
		config_validate(&doc, p);
		annotations_apply(&doc, a, p);
	}
	return (int)MIN(doc.errors, (unsigned int)INT32_MAX);
}

const char *config_annotation(const struct config *c, const char *key)
{
	for (size_t i = 0; i < c->annotations.n; i++)
		if (str_eq(c->annotations.v[i].key, key))
			return c->annotations.v[i].value;
	return NULL;
}

int string_map_put(struct arena *a, struct string_map *m, const char *key, const char *value, struct err *e)
{
	struct map_entry *v = arena_array(a, m->n + 1, sizeof(*v));

	if (!v)
		return err_nomem(e);
	v[0] = (struct map_entry){ key, value };
	for (size_t i = 0; i < m->n; i++)
		v[i + 1] = m->v[i];
	*m = (struct string_map){ v, m->n + 1 };
	return 0;
}

bool config_mount_is_bind(const struct mount_conf *m)
{
	if (m->type && str_eq(m->type, "bind"))
		return true;
	for (size_t i = 0; i < m->options.n; i++)
		if (str_eq(m->options.v[i], "bind") || str_eq(m->options.v[i], "rbind"))
			return true;
	return false;
}

const struct namespace_conf *config_namespace(const struct config *c, uint32_t type)
{
	for (size_t i = 0; c->linux_ && i < c->linux_->namespaces.n; i++)
		if (c->linux_->namespaces.v[i].type == type)
			return &c->linux_->namespaces.v[i];
	return NULL;
}

/* "1.2.1-dev" and the like; the validator has seen to the form. */
static bool before_1_3(const char *version)
{
	return str_starts(version, "1.0.") || str_starts(version, "1.1.") || str_starts(version, "1.2.");
}

const struct resources *resources_of_version(struct arena *a, const struct resources *r, const char *oci_version)
{
	if (!r || !r->pids || !r->pids->limit.set || r->pids->limit.v != 0 || !before_1_3(oci_version))
		return r;
	struct resources *copy = arena_new(a, struct resources);
	if (!copy)
		return NULL;
	*copy = *r;
	copy->pids = NULL;
	return copy;
}

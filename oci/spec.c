/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template of `ctr spec`: the configuration of a shell with as little as a shell needs, written by the
 * tables that read it. The lists below are the template; what differs without privilege is marked in them.
 */
#include "spec.h"

#include <sched.h>

#include "../runtime/base/util.h"
#include "config.h"
#include "features.h"
#include "json.h"
#include "names.h"

/* Kernel ABI numbers that the headers of some C libraries lack. */
#define NR_RLIMIT_NOFILE 7
#define NR_CLONE_NEWCGROUP 0x02000000

enum when { BOTH, ROOT_ONLY, ROOTLESS_ONLY };

static const char *const args[] = { "sh" };
static const char *const env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"TERM=xterm",
};
static const char *const caps[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE" };

#define OPTIONS_MAX 7
static const struct {
	const char *destination, *type, *source, *options[OPTIONS_MAX];
	enum when when;
} mounts[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" }, BOTH },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" }, BOTH },
	{ "/dev/pts", "devpts", "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" }, ROOT_ONLY },
	/* Group 5 (tty) is not mapped in a user namespace of one id. */
	{ "/dev/pts", "devpts", "devpts", { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" },
	  ROOTLESS_ONLY },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" }, BOTH },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" }, BOTH },
	/* A new sysfs without privilege is possible because the network namespace is new too. */
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" }, BOTH },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" }, BOTH },
};

static const struct {
	uint32_t type;
	enum when when;
} namespaces[] = {
	{ CLONE_NEWPID, BOTH },
	{ CLONE_NEWNET, BOTH },
	{ CLONE_NEWIPC, BOTH },
	{ CLONE_NEWUTS, BOTH },
	{ CLONE_NEWNS, BOTH },
	{ NR_CLONE_NEWCGROUP, BOTH },
	{ CLONE_NEWUSER, ROOTLESS_ONLY },
};

/* Host facts without a namespace: keys, hardware, timing, and energy as a side channel (CVE-2020-8694). */
static const char *const masked[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",
};
static const char *const readonly[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* The configuration's lists are not const, but nothing writes to a configuration. */
static struct strv words(const char *const *v, size_t n)
{
	union {
		const char *const *in;
		char **out;
	} u = { v };

	return (struct strv){ u.out, n };
}
#define WORDS(array) words((array), ARRAY_SIZE(array))

static bool applies(enum when when, bool rootless)
{
	return when == BOTH || (when == ROOTLESS_ONLY) == rootless;
}

static size_t fill_mounts(struct mount_conf *v, bool rootless)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		size_t n_options = 0;
		if (!applies(mounts[i].when, rootless))
			continue;
		while (n_options < OPTIONS_MAX && mounts[i].options[n_options])
			n_options++;
		v[n++] = (struct mount_conf){ .destination = mounts[i].destination,
					      .type = mounts[i].type,
					      .source = mounts[i].source,
					      .options = words(mounts[i].options, n_options) };
	}
	return n;
}

static size_t fill_namespaces(struct namespace_conf *v, bool rootless)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (applies(namespaces[i].when, rootless))
			v[n++] = (struct namespace_conf){ .type = namespaces[i].type };
	return n;
}

void spec_print(struct strbuf *b, bool rootless, uint32_t uid, uint32_t gid)
{
	struct mount_conf mount_list[ARRAY_SIZE(mounts)];
	struct namespace_conf ns_list[ARRAY_SIZE(namespaces)];
	struct id_map uid_map = { 0, uid, 1 }, gid_map = { 0, gid, 1 };
	struct device_rule deny_all = { .allow = false, .access = "rwm" };
	struct resources resources = { .devices = { &deny_all, 1 } };
	struct rlimit_conf rlimit = { NR_RLIMIT_NOFILE, 1024, 1024 };
	struct capabilities capabilities = {
		.bounding = WORDS(caps),
		.effective = WORDS(caps),
		.permitted = WORDS(caps),
		/* Empty ones are written: a reader sees that they were thought of. */
		.inheritable = words(caps, 0),
		.ambient = words(caps, 0),
	};
	struct process process = {
		.terminal = true,
		.args = WORDS(args),
		.env = WORDS(env),
		.cwd = "/",
		.capabilities = &capabilities,
		.rlimits = { &rlimit, 1 },
		.no_new_privileges = true,
	};
	struct root root = { "rootfs", true };
	struct linux_conf linux_conf = {
		.namespaces = { ns_list, fill_namespaces(ns_list, rootless) },
		.masked_paths = WORDS(masked),
		.readonly_paths = WORDS(readonly),
	};
	struct config config = {
		/* No member is younger, and crun 1.8 refuses a version it does not know. */
		.oci_version = OCI_VERSION_MIN,
		.process = &process,
		.root = &root,
		.hostname = "ctr",
		.mounts = { mount_list, fill_mounts(mount_list, rootless) },
		.linux_ = &linux_conf,
	};

	if (rootless) {
		linux_conf.uid_mappings = (struct id_map_list){ &uid_map, 1 };
		linux_conf.gid_mappings = (struct id_map_list){ &gid_map, 1 };
	} else {
		linux_conf.resources = &resources;
	}
	json_print(b, &config_json, &config, 2);
	strbuf_puts(b, "\n");
}

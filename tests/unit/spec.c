/* SPDX-License-Identifier: Apache-2.0 */
/* The template: what the parser makes of it, with and without privilege. */
#include "../../oci/spec.h"

#include <sched.h>
#include <stdlib.h>

#include "../../oci/config.h"
#include "../../oci/mount_options.h"
#include "../../oci/names.h"
#include "../../runtime/base/util.h"
#include "tap.h"

static struct arena arena;
static struct err err;

static const struct config *parse(bool rootless, uint32_t uid, uint32_t gid)
{
	struct strbuf b = { 0 };
	const struct config *c = NULL;

	if (!arena.base && arena_init(&arena, 0, &err) < 0)
		return NULL;
	spec_print(&b, rootless, uid, gid);
	CHECK(!b.failed && b.n && b.p[b.n - 1] == '\n');
	if (config_parse(&arena, "template", b.p, b.n, &c, &err) < 0) {
		tap_bad++;
		printf("# %s\n%s", err.text, b.p);
		c = NULL;
	}
	strbuf_done(&b);
	return c;
}

static const struct mount_conf *mount_at(const struct config *c, const char *destination)
{
	for (size_t i = 0; i < c->mounts.n; i++)
		if (str_eq(c->mounts.v[i].destination, destination))
			return &c->mounts.v[i];
	return NULL;
}

static bool has(const struct strv *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], word))
			return true;
	return false;
}

static void check_process(const struct process *p)
{
	CHECK(p->terminal && p->no_new_privileges);
	CHECK_STR(p->cwd, "/");
	CHECK_INT(p->args.n, 1);
	CHECK_STR(p->args.v[0], "sh");
	CHECK(has(&p->env, "TERM=xterm"));
	CHECK_INT(p->env.n, 2);
	CHECK_INT(p->user.uid, 0);
	CHECK(p->capabilities != NULL);
	CHECK_INT(p->capabilities->bounding.n, 3);
	CHECK_INT(p->capabilities->inheritable.n, 0);
	CHECK(p->capabilities->inheritable.v && p->capabilities->ambient.v); /* written, as [] */
	CHECK_INT(p->capabilities->ambient.n, 0);
	for (size_t i = 0; i < p->capabilities->bounding.n; i++)
		CHECK(cap_by_name(p->capabilities->bounding.v[i]) >= 0);
	CHECK_INT(p->rlimits.n, 1);
	CHECK_STR(name_of(&rlimit_names, p->rlimits.v[0].type), "RLIMIT_NOFILE");
	CHECK_INT(p->rlimits.v[0].hard, 1024);
}

static void test_root(void)
{
	static const char *const ns[] = { "pid", "network", "ipc", "uts", "mount", "cgroup" };
	const struct config *c = parse(false, 7, 7);

	if (!c)
		return;
	check_process(c->process);
	CHECK_STR(c->oci_version, "1.0.0");
	CHECK_STR(c->hostname, "ctr");
	CHECK_STR(c->root->path, "rootfs");
	CHECK(c->root->readonly);
	CHECK_INT(c->linux_->namespaces.n, 6);
	for (size_t i = 0; i < ARRAY_SIZE(ns); i++)
		CHECK(config_namespace(c, name_find(&ns_names, ns[i])->value) != NULL);
	CHECK(!config_namespace(c, CLONE_NEWUSER));
	CHECK_INT(c->linux_->uid_mappings.n, 0);
	CHECK(c->linux_->resources && c->linux_->resources->devices.n == 1);
	CHECK(!c->linux_->resources->devices.v[0].allow);
	CHECK_STR(c->linux_->resources->devices.v[0].access, "rwm");
	CHECK_INT(c->mounts.n, 7);
	CHECK(has(&mount_at(c, "/dev/pts")->options, "gid=5"));
	CHECK(has(&mount_at(c, "/sys/fs/cgroup")->options, "ro"));
	CHECK(has(&mount_at(c, "/dev")->options, "size=65536k"));
	CHECK(has(&c->linux_->masked_paths, "/proc/interrupts"));
	CHECK(has(&c->linux_->masked_paths, "/sys/devices/virtual/powercap"));
	CHECK(has(&c->linux_->masked_paths, "/proc/kcore"));
	CHECK(has(&c->linux_->readonly_paths, "/proc/sys"));
}

static void test_rootless(void)
{
	const struct config *c = parse(true, 1000, 1001);

	if (!c)
		return;
	check_process(c->process);
	CHECK(config_namespace(c, CLONE_NEWUSER) != NULL);
	CHECK(config_namespace(c, CLONE_NEWNET) != NULL);
	CHECK_INT(c->linux_->uid_mappings.n, 1);
	CHECK_INT(c->linux_->uid_mappings.v[0].container_id, 0);
	CHECK_INT(c->linux_->uid_mappings.v[0].host_id, 1000);
	CHECK_INT(c->linux_->uid_mappings.v[0].size, 1);
	CHECK_INT(c->linux_->gid_mappings.v[0].host_id, 1001);
	CHECK(c->linux_->resources == NULL);
	CHECK_INT(c->mounts.n, 7);
	CHECK(mount_at(c, "/dev/pts") && !has(&mount_at(c, "/dev/pts")->options, "gid=5"));
	CHECK(has(&mount_at(c, "/sys")->options, "ro"));
}

/* No two mounts on one place, and what is data for a filesystem has a value or is a word of that one. */
static void test_mounts(void)
{
	for (int rootless = 0; rootless <= 1; rootless++) {
		const struct config *c = parse(rootless, 1, 1);
		for (size_t i = 0; c && i < c->mounts.n; i++) {
			const struct mount_conf *m = &c->mounts.v[i];
			struct mount_options o;
			CHECK(mount_at(c, m->destination) == m);
			CHECK_INT(mount_options_parse(&arena, &m->options, &o, &err), 0);
			for (size_t k = 0; k < o.data.n; k++)
				CHECK(strchr(o.data.v[k], '=') || str_eq(o.data.v[k], "newinstance"));
		}
	}
}

static const struct tap_test tests[] = {
	{ "privileged", test_root },
	{ "rootless", test_rootless },
	{ "mounts", test_mounts },
};

TAP_MAIN("spec", tests)

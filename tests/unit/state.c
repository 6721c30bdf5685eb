/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a container: round trip, size, what is refused; and the public state, byte by byte. */
#include "../../oci/state.h"

#include <sched.h>
#include <stdlib.h>

#include "../../oci/json.h"
#include "../../oci/names.h"
#include "../../runtime/base/util.h"
#include "tap.h"

static struct arena arena;
static struct err err;

static bool ready(void)
{
	err = (struct err){ 0 };
	return arena.base || arena_init(&arena, 0, &err) == 0;
}

/* A container as an engine would make it: all members are set. */
static const char config[] =
	"{ \"ociVersion\": \"1.2.0\", \"root\": { \"path\": \"rootfs\" },"
	" \"process\": { \"terminal\": true, \"consoleSize\": { \"height\": 25, \"width\": 80 },"
	"   \"user\": { \"uid\": 1000, \"gid\": 1000, \"umask\": 18, \"additionalGids\": [ 5, 6 ] },"
	"   \"args\": [ \"/bin/secret\", \"argument\" ], \"cwd\": \"/srv\","
	"   \"env\": [ \"PATH=/bin:/usr/bin\", \"EMPTY=\", \"ODD=\\u00e4\\\"\\\\\\n\" ],"
	"   \"capabilities\": { \"bounding\": [ \"CAP_KILL\" ], \"permitted\": [ \"CAP_KILL\" ], \"ambient\": [] },"
	"   \"rlimits\": [ { \"type\": \"RLIMIT_NOFILE\", \"soft\": 1024, \"hard\": 18446744073709551615 } ],"
	"   \"noNewPrivileges\": true, \"apparmorProfile\": \"profile\", \"selinuxLabel\": \"a:b:c:s0:c1,c2\","
	"   \"oomScoreAdj\": -5, \"scheduler\": { \"policy\": \"SCHED_OTHER\", \"nice\": 3 },"
	"   \"ioPriority\": { \"class\": \"IOPRIO_CLASS_BE\", \"priority\": 4 },"
	"   \"execCPUAffinity\": { \"initial\": \"0-1\", \"final\": \"1\" } },"
	" \"hooks\": {"
	"   \"poststart\": [ { \"path\": \"/h/a\", \"args\": [ \"a\", \"b\" ], \"env\": [], \"timeout\": 3 } ],"
	"   \"poststop\": [ { \"path\": \"/h/b\" }, { \"path\": \"/h/c\" } ] },"
	" \"annotations\": { \"key\": \"value\", \"path\": \"/a/b\", \"empty\": \"\" },"
	" \"linux\": { \"namespaces\": [ { \"type\": \"mount\" }, { \"type\": \"user\" } ],"
	"   \"uidMappings\": [ { \"containerID\": 0, \"hostID\": 1000, \"size\": 1 } ],"
	"   \"gidMappings\": [ { \"containerID\": 0, \"hostID\": 1000, \"size\": 1 },"
	"                      { \"containerID\": 1, \"hostID\": 100000, \"size\": 65536 } ] } }";

static bool sample(struct state *s)
{
	const struct config *c;

	if (!ready() || config_parse(&arena, "config", config, sizeof(config) - 1, &c, &err) < 0) {
		printf("# %s\n", err.text);
		tap_bad++;
		return false;
	}
	*s = (struct state){
		.version = STATE_VERSION,
		.oci_version = c->oci_version,
		.id = "web-1",
		.bundle = "/var/lib/bundles/web-1",
		.rootfs = "/var/lib/bundles/web-1/rootfs",
		.status = "running",
		.boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e",
		.pid = 4194304,
		.start_time = UINT64_MAX,
		.creator_pid = 17,
		.creator_start_time = 18,
		.created = "2026-01-02T03:04:05.000000006Z",
		.owner_uid = 1000,
		.owner = "user",
		.isolation = "namespaces",
		.cgroup_manager = "systemd",
		.cgroup_path = "/user.slice/ctr-web-1.scope",
		.cgroup_kept = 1,
		.systemd_scope = "ctr-web-1.scope",
		.namespaces = CLONE_NEWNS | CLONE_NEWUSER,
		.own_pid_namespace = true,
		.deny_setgroups = true,
		.start_hooks = true,
		.seccomp = true,
		.seccomp_flags = 9,
		.listener_path = "/run/listener",
		.listener_metadata = "meta",
		.uid_mappings = c->linux_->uid_mappings,
		.gid_mappings = c->linux_->gid_mappings,
		.personality = { true, name_find(&personality_names, "LINUX32")->value },
		.hooks = c->hooks,
		.annotations = c->annotations,
	};
	CHECK_INT(state_keep_process(&arena, s, c->process, &err), 0);
	/* The configuration is as it was. */
	CHECK_INT(c->process->args.n, 2);
	CHECK(c->process->terminal && c->process->console_size);
	return true;
}

static char *printed(const struct state *s)
{
	struct strbuf b = { 0 };
	char *copy;

	state_print(&b, s);
	CHECK(!b.failed);
	copy = b.p ? arena_strndup(&arena, b.p, b.n) : NULL;
	strbuf_done(&b);
	return copy;
}

static void check_exec_part(const struct process *p)
{
	CHECK(p != NULL);
	if (!p)
		return;
	CHECK(p->args.n == 0 && !p->terminal && !p->console_size);
	CHECK_STR(p->cwd, "/srv");
	CHECK_INT(p->env.n, 3);
	CHECK_STR(p->env.v[2], "ODD=\303\244\"\\\n");
	CHECK_INT(p->user.uid, 1000);
	CHECK(p->user.umask.set && p->user.umask.v == 18);
	CHECK_INT(p->user.additional_gids.n, 2);
	CHECK(p->capabilities && p->capabilities->bounding.n == 1);
	CHECK(p->capabilities && p->capabilities->ambient.v && !p->capabilities->inheritable.v);
	CHECK(p->rlimits.n == 1 && p->rlimits.v[0].hard == UINT64_MAX);
	CHECK(p->no_new_privileges);
	CHECK_STR(p->apparmor_profile, "profile");
	CHECK_STR(p->selinux_label, "a:b:c:s0:c1,c2");
	CHECK(p->oom_score_adj.set && p->oom_score_adj.v == -5);
	CHECK(p->scheduler && p->scheduler->nice == 3);
	CHECK(p->io_priority && p->io_priority->priority == 4);
	CHECK(p->exec_cpu_affinity && str_eq(p->exec_cpu_affinity->final, "1"));
}

static void check_same(const struct state *a, const struct state *b)
{
#define SAME_INT(m) CHECK_INT(a->m, b->m)
#define SAME_STR(m) CHECK_STR(a->m, b->m)
	SAME_INT(version);
	SAME_STR(oci_version);
	SAME_STR(id);
	SAME_STR(bundle);
	SAME_STR(rootfs);
	SAME_STR(status);
	SAME_STR(boot_id);
	SAME_INT(pid);
	CHECK(a->start_time == b->start_time);
	SAME_INT(creator_pid);
	SAME_INT(creator_start_time);
	SAME_STR(created);
	SAME_INT(owner_uid);
	SAME_STR(owner);
	SAME_STR(isolation);
	SAME_STR(cgroup_manager);
	SAME_STR(cgroup_path);
	SAME_INT(cgroup_kept);
	SAME_STR(systemd_scope);
	SAME_INT(namespaces);
	SAME_INT(own_pid_namespace);
	SAME_INT(deny_setgroups);
	SAME_INT(start_hooks);
	SAME_INT(seccomp);
	SAME_INT(seccomp_flags);
	SAME_STR(listener_path);
	SAME_STR(listener_metadata);
	SAME_INT(personality.set);
	SAME_INT(personality.v);
	SAME_INT(uid_mappings.n);
	SAME_INT(gid_mappings.n);
	SAME_INT(annotations.n);
}

static void test_round_trip(void)
{
	struct state s, *back = NULL;

	if (!sample(&s))
		return;
	char *text = printed(&s);
	if (!text || state_parse(&arena, text, strlen(text), &back, &err) < 0) {
		tap_bad++;
		printf("# %s\n# %s\n", err.text, text ? text : "(nothing)");
		return;
	}
	CHECK(strlen(text) < 4096);
	CHECK(strchr(text, '\n') == NULL);
	CHECK(strstr(text, "secret") == NULL);
	check_same(back, &s);
	check_exec_part(back->process);
	CHECK_INT(back->gid_mappings.v[1].size, 65536);
	CHECK_INT(back->gid_mappings.v[1].host_id, 100000);
	CHECK(back->hooks && back->hooks->poststart.n == 1 && back->hooks->poststop.n == 2);
	if (back->hooks && back->hooks->poststart.n == 1 && back->hooks->poststop.n == 2) {
		const struct hook *h = &back->hooks->poststart.v[0];
		CHECK(h->args.n == 2 && h->timeout.set && h->timeout.v == 3);
		CHECK(h->env.v && h->env.n == 0); /* an empty environment is not an absent one */
		CHECK(back->hooks->poststop.v[0].env.v == NULL);
	}
	CHECK_STR(back->annotations.v[1].value, "/a/b");
	CHECK_STR(back->annotations.v[2].value, "");
	/* What was read prints as what was read. */
	CHECK_STR(printed(back), text);
}

/* As `create` writes it first: no process of the container, and nothing optional. */
static void test_smallest(void)
{
	struct state s, *back = NULL;

	if (!ready())
		return;
	s = (struct state){ .version = STATE_VERSION,
			    .oci_version = "1.0.0",
			    .id = "a",
			    .bundle = "/",
			    .rootfs = "/r",
			    .status = "creating",
			    .boot_id = "0",
			    .created = "2026-01-02T03:04:05.000000006Z",
			    .isolation = "vm",
			    .cgroup_manager = "disabled" };
	CHECK_INT(state_keep_process(&arena, &s, NULL, &err), 0);
	char *text = printed(&s);
	CHECK_INT(state_parse(&arena, text, strlen(text), &back, &err), 0);
	CHECK(back && !back->process && !back->hooks && !back->cgroup_path && back->pid == 0);
	CHECK(back && !back->personality.set && back->annotations.n == 0);
}

/* Every shorter piece of a record is refused, and says where. */
static void test_truncated(void)
{
	struct state s, *back = NULL;

	if (!sample(&s))
		return;
	const char *text = printed(&s);
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		/* An exact copy on the heap, so that a read beyond it is seen. */
		char *part = malloc(i + 1);
		if (!part)
			return;
		memcpy(part, text, i);
		int r = state_parse(&arena, part, i, &back, &err);
		if (r != -EINVAL || strncmp(err.text, "state.json", 10) != 0 || strchr(err.text, '\n')) {
			tap_bad++;
			printf("# first %zu bytes: %d \"%s\"\n", i, r, err.text);
		}
		free(part);
	}
	CHECK(back == NULL);
}

struct change { const char *from, *to, *reason; };

/* Replaces the first `from` in the printed sample. */
static char *changed(const char *text, const struct change *c)
{
	const char *at = strstr(text, c->from);

	if (!at) {
		tap_bad++;
		printf("# not in the record: %s\n", c->from);
		return NULL;
	}
	return arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, c->to, at + strlen(c->from));
}

static void test_refused(void)
{
	static const struct change v[] = {
		{ "{\"version\":1,", "{\"version\":2,", "version 2 is not 1: written by another release" },
		{ "{\"version\":1,", "{\"version\":0,", "version 0 is not 1" },
		/* The reason is the version, whatever else that version changed. */
		{ "{\"version\":1,\"ociVersion\":\"1.2.0\"", "{\"version\":7,\"ociVersion\":[]",
		  "version 7 is not 1" },
		{ "{\"version\":1,", "{", "version: is missing" },
		{ "{\"version\":1,", "{\"version\":1,\"version\":1,", "version: given twice" },
		{ "\"id\":\"web-1\"", "\"id\":\"../web\"", "id: is not a container id" },
		{ "\"id\":\"web-1\"", "\"id\":\"\"", "id: " },
		{ "\"id\":\"web-1\"", "\"id\":7", "id: " },
		{ "\"bundle\":\"/var", "\"bundle\":\"var", "bundle: must be an absolute path" },
		{ "\"rootfs\":\"/var", "\"rootfs\":\"var", "rootfs: must be an absolute path" },
		{ "\"status\":\"running\"", "\"status\":\"walk\\ning\"", "status: is not a known word" },
		{ "\"isolation\":\"namespaces\"", "\"isolation\":\"none\"",
		  "isolation: is not a known word" },
		{ "\"bootId\":\"0f", "\"bootId\":\"/f", "bootId: is not a boot id" },
		{ "\"pid\":4194304", "\"pid\":-1", "pid: is not a process id" },
		{ "\"pid\":4194304", "\"pid\":2147483648", "pid: is not a process id" },
		{ "\"pid\":4194304,", "", "pid: is missing" },
		{ "\"pid\":4194304", "\"pid\":\"1\"", "pid: " },
		{ "\"startTime\":18446744073709551615,", "", "startTime: is missing" },
		{ "\"startTime\":18446744073709551615", "\"startTime\":18446744073709551616", "startTime: " },
		{ "\"creatorPid\":17", "\"creatorPid\":-17", "creatorPid: is not a process id" },
		{ "\"cgroupManager\":\"systemd\"", "\"cgroupManager\":\"elogind\"",
		  "cgroupManager: is not a known word" },
		{ "\"cgroupPath\":\"/user.slice/ctr-web-1.scope\",", "", "cgroupPath: is missing" },
		{ "\"/user.slice/ctr-web-1.scope\"", "\"user.slice/x\"",
		  "cgroupPath: must be an absolute path" },
		{ "\"/user.slice/ctr-web-1.scope\"", "\"/user.slice/../x\"",
		  "cgroupPath: must not contain \"..\"" },
		{ "\"/user.slice/ctr-web-1.scope\"", "\"/user.slice/..\"",
		  "cgroupPath: must not contain \"..\"" },
		{ "\"/user.slice/ctr-web-1.scope\"", "\"/./.\"", "cgroupPath: must not be the root" },
		{ "\"/user.slice/ctr-web-1.scope\"", "\"//\"", "cgroupPath: must not be the root" },
		{ "\"cgroupKept\":1", "\"cgroupKept\":3", "cgroupKept: must not be larger than the 2 parts" },
		{ "\"namespaces\":", "\"namespaces\":1", "namespaces: contains unknown kinds" },
		{ "\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1}],", "", "uidMappings: " },
		{ "\"cwd\":\"/srv\"", "\"cwd\":\"srv\"", "process.cwd: must be an absolute path" },
		{ "\"cwd\":\"/srv\",", "", "process" },
		{ "\"/h/a\"", "\"h/a\"", "hooks.poststart[0].path: must be an absolute path" },
		{ "\"/h/c\"", "\"h/c\"", "hooks.poststop[1].path: must be an absolute path" },
		{ "\"timeout\":3", "\"timeout\":0", "hooks.poststart[0].timeout: must be larger than 0" },
		{ "\"LINUX32\"", "\"LINUX33\"", "personality: " },
		{ "\"key\":\"value\"", "\"key\":null", "annotations" },
		{ "\"seccomp\":true", "\"seccomp\":1", "seccomp: " },
	};
	struct state s, *back = NULL;

	if (!sample(&s))
		return;
	const char *text = printed(&s);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		const char *bad = changed(text, &v[i]);
		if (!bad)
			continue;
		int r = state_parse(&arena, bad, strlen(bad), &back, &err);
		if (r != -EINVAL || !strstr(err.text, v[i].reason) || strchr(err.text, '\n')) {
			tap_bad++;
			printf("# %s -> %s: %d \"%s\"\n", v[i].from, v[i].to, r, r < 0 ? err.text : "");
		}
	}
	CHECK(back == NULL);
}

/* Files of others, and members of a later release of the same version. */
static void test_foreign(void)
{
	static const char *const foreign[] = {
		"", " ", "null", "[]", "\"state\"", "{}", "{\"version\":1}", "\177ELF",
		"{\"id\":\"a\",\"init_process_pid\":1,\"config\":{}}",
		"{\"ociVersion\":\"1.0\",\"id\":\"a\",\"status\":\"running\",\"pid\":1,\"bundle\":\"/b\"}",
	};
	struct state s, *back = NULL;

	if (!sample(&s))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		err = (struct err){ 0 };
		CHECK_INT(state_parse(&arena, foreign[i], strlen(foreign[i]), &back, &err), -EINVAL);
		CHECK(strncmp(err.text, "state.json", 10) == 0);
	}
	CHECK(back == NULL);
	const struct change later = { "{\"version\":1,", "{\"version\":1,\"later\":{\"a\":[1]},", "" };
	const char *text = changed(printed(&s), &later);
	CHECK_INT(state_parse(&arena, text, strlen(text), &back, &err), 0);
}

static void test_public(void)
{
	struct state s;
	struct strbuf b = { 0 };

	if (!sample(&s))
		return;
	state_print_public(&b, &s, "paused", 4194304, 0);
	CHECK_STR(b.p, "{\"ociVersion\":\"1.2.0\",\"id\":\"web-1\",\"status\":\"paused\",\"pid\":4194304,"
		       "\"bundle\":\"/var/lib/bundles/web-1\",\"rootfs\":\"/var/lib/bundles/web-1/rootfs\","
		       "\"created\":\"2026-01-02T03:04:05.000000006Z\",\"owner\":\"user\","
		       "\"annotations\":{\"key\":\"value\",\"path\":\"/a/b\",\"empty\":\"\"}}");
	/* What was printed before stays: `list` builds an array this way. */
	strbuf_puts(&b, ",");
	size_t n = b.n;
	s.owner = NULL;
	s.annotations = (struct string_map){ 0 };
	state_print_public(&b, &s, "stopped", 0, 2);
	CHECK_STR(b.p + n, "{\n  \"ociVersion\": \"1.2.0\",\n  \"id\": \"web-1\",\n  \"status\": \"stopped\",\n"
			   "  \"pid\": 0,\n  \"bundle\": \"/var/lib/bundles/web-1\",\n"
			   "  \"rootfs\": \"/var/lib/bundles/web-1/rootfs\",\n"
			   "  \"created\": \"2026-01-02T03:04:05.000000006Z\"\n}");
	strbuf_done(&b);
}

static const struct tap_test tests[] = {
	{ "round trip", test_round_trip },
	{ "the smallest record", test_smallest },
	{ "truncated records", test_truncated },
	{ "refused records", test_refused },
	{ "foreign files and later members", test_foreign },
	{ "public state", test_public },
};

TAP_MAIN("state", tests)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's record and the public state: two tables over the same reader and writer, and the rules
 * for the record. The file lies in a private directory, yet its contents decide what is signalled, run and
 * removed, possibly by root; so a value that cannot be what `create` wrote is an error and not a try.
 */
#include "state.h"

#include <errno.h>
#include <string.h>

#include "../runtime/base/util.h"
#include "json.h"
#include "names.h"

static JSON_OBJ(state,
	J(state, "version", U32, version, JSON_REQUIRED),
	J(state, "ociVersion", STR, oci_version, JSON_REQUIRED),
	J(state, "id", STR, id, JSON_REQUIRED),
	J(state, "bundle", STR, bundle, JSON_REQUIRED),
	J(state, "rootfs", STR, rootfs, JSON_REQUIRED),
	J(state, "status", STR, status, JSON_REQUIRED),
	J(state, "bootId", STR, boot_id, JSON_REQUIRED),
	J(state, "pid", I64, pid, 0),
	J(state, "startTime", U64, start_time, 0),
	J(state, "creatorPid", I64, creator_pid, 0),
	J(state, "creatorStartTime", U64, creator_start_time, 0),
	J(state, "created", STR, created, JSON_REQUIRED),
	J(state, "ownerUid", U32, owner_uid, 0),
	J(state, "owner", STR, owner, 0),
	J(state, "isolation", STR, isolation, JSON_REQUIRED),
	J(state, "cgroupManager", STR, cgroup_manager, JSON_REQUIRED),
	J(state, "cgroupPath", STR, cgroup_path, 0),
	J(state, "cgroupLeaf", BOOL, cgroup_leaf, 0),
	J(state, "cgroupKept", U32, cgroup_kept, 0),
	J(state, "systemdScope", STR, systemd_scope, 0),
	J(state, "rdtGroup", STR, rdt_group, 0),
	J(state, "rdtMonitor", STR, rdt_monitor, 0),
	J(state, "rdtOwn", BOOL, rdt_own, 0),
	J(state, "tapNetns", STR, tap_netns, 0),
	J(state, "tapNetnsInode", U64, tap_netns_inode, 0),
	J(state, "namespaces", U64, namespaces, 0),
	J(state, "ownPidNamespace", BOOL, own_pid_namespace, 0),
	J(state, "denySetgroups", BOOL, deny_setgroups, 0),
	J(state, "dropMknod", BOOL, drop_mknod, 0),
	J(state, "startHooks", BOOL, start_hooks, 0),
	J(state, "seccomp", BOOL, seccomp, 0),
	J(state, "seccompFlags", U64, seccomp_flags, 0),
	J(state, "listenerPath", STR, listener_path, 0),
	J(state, "listenerMetadata", STR, listener_metadata, 0),
	J_OBJ_LIST(state, "uidMappings", uid_mappings, id_map, 0),
	J_OBJ_LIST(state, "gidMappings", gid_mappings, id_map, 0),
	J_OPT_ENUM(state, "personality", personality, personality_names, 0),
	J_PTR(state, "landlock", landlock, landlock, 0),
	J_PTR(state, "process", process, process, 0),
	J_PTR(state, "hooks", hooks, hooks, 0),
	J_MAP(state, "annotations", STR, annotations, 0));

struct public_state {
	const char *oci_version, *id, *status, *bundle, *rootfs, *created, *owner;
	int64_t pid;
	struct string_map annotations;
};

static JSON_OBJ(public_state,
	J(public_state, "ociVersion", STR, oci_version, JSON_REQUIRED),
	J(public_state, "id", STR, id, JSON_REQUIRED),
	J(public_state, "status", STR, status, JSON_REQUIRED),
	J(public_state, "pid", I64, pid, JSON_REQUIRED),
	J(public_state, "bundle", STR, bundle, JSON_REQUIRED),
	J(public_state, "rootfs", STR, rootfs, 0),
	J(public_state, "created", STR, created, 0),
	J(public_state, "owner", STR, owner, 0),
	J_MAP(public_state, "annotations", STR, annotations, 0));

/* The one member that every version of the record has. */
struct state_head { uint32_t version; };
static JSON_OBJ(state_head, J(state_head, "version", U32, version, JSON_REQUIRED));

/* ---- rules ------------------------------------------------------------------------------------------- */

static void need_word(struct json_doc *d, const char *const *s, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(*s, *words))
			return;
	json_bad(d, s, "is not a known word");
}

static void need_absolute(struct json_doc *d, const char *const *s)
{
	if ((*s)[0] != '/')
		json_bad(d, s, "must be an absolute path");
}

/* Below the root of the hierarchy, never that root itself: everything in it is killed in the end. */
static void check_cgroup(struct json_doc *d, const struct state *s)
{
	static const char *const managers[] = { "cgroupfs", "systemd", "systemd-user", "disabled", NULL };
	uint32_t parts = 0;

	need_word(d, &s->cgroup_manager, managers);
	if (!s->cgroup_path) {
		if (!str_eq(s->cgroup_manager, "disabled"))
			json_bad(d, &s->cgroup_path, "is missing");
		return;
	}
	need_absolute(d, &s->cgroup_path);
	for (const char *c = s->cgroup_path; *c;) {
		size_t n = strcspn(c, "/");
		if (n == 2 && c[0] == '.' && c[1] == '.')
			json_bad(d, &s->cgroup_path, "must not contain \"..\"");
		parts += n > 0 && !(n == 1 && c[0] == '.');
		c += n + (c[n] == '/');
	}
	if (parts == 0)
		json_bad(d, &s->cgroup_path, "must not be the root of the hierarchy");
	if (s->cgroup_kept > parts)
		json_bad(d, &s->cgroup_kept, "must not be larger than the %u parts of cgroupPath", parts);
}

static void check_pids(struct json_doc *d, const struct state *s)
{
	bool begun = !str_eq(s->status, "creating");

	if (s->pid < 0 || s->pid > INT32_MAX)
		json_bad(d, &s->pid, "is not a process id");
	if (s->creator_pid < 0 || s->creator_pid > INT32_MAX)
		json_bad(d, &s->creator_pid, "is not a process id");
	if (begun && s->pid == 0)
		json_bad(d, &s->pid, "is missing");
	if (begun && s->start_time == 0)
		json_bad(d, &s->start_time, "is missing");
}

/* clone(2): the numbers of all kinds of namespace that the documents can name. */
static void check_namespaces(struct json_doc *d, const struct state *s)
{
	uint64_t known = 0;

	for (size_t i = 0; i < ns_names.n; i++)
		known |= ns_names.v[i].value;
	if (s->namespaces & ~known)
		json_bad(d, &s->namespaces, "contains unknown kinds of namespace");
	if ((s->uid_mappings.n == 0) != (s->gid_mappings.n == 0))
		json_bad(d, s->uid_mappings.n ? &s->gid_mappings : &s->uid_mappings,
			 "must be given with its counterpart");
}

static void check_hooks(struct json_doc *d, const struct hook_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		need_absolute(d, &l->v[i].path);
		if (l->v[i].timeout.set && l->v[i].timeout.v <= 0)
			json_bad(d, &l->v[i].timeout, "must be larger than 0");
	}
}

/* What is removed with the container: made by us, below the filesystem. */
static void check_rdt(struct json_doc *d, const struct state *s)
{
	const char *const *const paths[] = { &s->rdt_group, &s->rdt_monitor };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const char *const *p = paths[i];
		if (!*p)
			continue;
		need_absolute(d, p);
		if (strstr(*p, "/../") || strstr(*p, "/./"))
			json_bad(d, p, "must not contain \".\" or \"..\"");
	}
	if (s->rdt_own && !s->rdt_group)
		json_bad(d, &s->rdt_group, "is missing");
}

static void state_check(struct json_doc *d, const struct state *s)
{
	static const char *const statuses[] = { "creating", "created", "running", NULL };
	static const char *const isolations[] = { "namespaces", "vm", NULL };

	if (!*s->id || strchr(s->id, '/'))
		json_bad(d, &s->id, "is not a container id");
	need_word(d, &s->status, statuses);
	need_word(d, &s->isolation, isolations);
	need_absolute(d, &s->bundle);
	need_absolute(d, &s->rootfs);
	if (!*s->boot_id || s->boot_id[strspn(s->boot_id, "0123456789abcdef-")])
		json_bad(d, &s->boot_id, "is not a boot id");
	check_pids(d, s);
	check_cgroup(d, s);
	check_namespaces(d, s);
	check_rdt(d, s);
	if (s->process)
		need_absolute(d, &s->process->cwd);
	if (s->hooks) {
		check_hooks(d, &s->hooks->poststart);
		check_hooks(d, &s->hooks->poststop);
	}
}

/* ---- reading and writing ----------------------------------------------------------------------------- */

static int bad_version(uint32_t version, struct err *e)
{
	return err_bad(e, "state.json: version %u is not %u: written by another release", version,
		       STATE_VERSION);
}

int state_parse(struct arena *a, const char *text, size_t n, struct state **ret, struct err *e)
{
	struct json_doc doc = { 0 };
	struct err ignored;
	const struct state_head *head;
	void *p = NULL;
	int r = json_parse(&doc, a, &state_json, "state.json", text, n, &p, e);

	/* Another version may have other members; then that is the reason, not the first that differs. */
	if (r == -EINVAL && json_parse(NULL, a, &state_head_json, "state.json", text, n, &p, &ignored) == 0) {
		head = p;
		if (head->version != STATE_VERSION)
			return bad_version(head->version, e);
	}
	if (r < 0)
		return r;
	struct state *s = p;
	if (s->version != STATE_VERSION)
		return bad_version(s->version, e);
	state_check(&doc, s);
	if (doc.errors)
		return -EINVAL;
	*ret = s;
	return 0;
}

int state_keep_process(struct arena *a, struct state *s, const struct process *p, struct err *e)
{
	if (!p) {
		s->process = NULL;
		return 0;
	}
	struct process *copy = arena_new(a, struct process);
	if (!copy)
		return err_nomem(e);
	*copy = *p;
	copy->args = (struct strv){ 0 };
	copy->command_line = NULL;
	copy->terminal = false;
	copy->console_size = NULL;
	s->process = copy;
	return 0;
}

void state_print(struct strbuf *b, const struct state *s)
{
	json_print(b, &state_json, s, 0);
}

void state_print_public(struct strbuf *b, const struct state *s, const char *status, int64_t pid,
			unsigned int indent)
{
	const struct public_state p = {
		.oci_version = s->oci_version,
		.id = s->id,
		.status = status,
		.pid = pid,
		.bundle = s->bundle,
		.rootfs = s->rootfs,
		.created = s->created,
		.owner = s->owner,
		.annotations = s->annotations,
	};

	json_print(b, &public_state_json, &p, indent);
}

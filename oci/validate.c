/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration may not say: every rule that the document alone decides, one small function per
 * part of the document. The parser has settled types, ranges of C types, words and required members.
 * Rules that need the host (existing files, kernel features, the caller's rights) are the planner's.
 * Leniencies are listed at the head of config.c. No system call, no memory.
 */
#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/stat.h>

#include "../runtime/base/util.h"
#include "config.h"
#include "json.h"
#include "names.h"

#define ID_NONE UINT32_MAX /* the system calls take it for "leave as it is" */
#define ID_MAP_LINES 340   /* user_namespaces(7), since Linux 4.15 */
#define HOST_NAME_LEN 64   /* __NEW_UTS_LEN */
#define DEST_LEN 4095	   /* PATH_MAX without its NUL */
#define DEST_COMPONENTS 256
#define DEV_MAJOR_MAX 4095 /* MINORBITS is 20 of 32 */
#define DEV_MINOR_MAX 1048575
#define ERRNO_MAX 4095	   /* MAX_ERRNO: the kernel cuts a larger one */

/* ---- pieces of syntax ------------------------------------------------------------------------------- */

static void need_absolute(struct json_doc *d, const char *const *path)
{
	if (*path && (*path)[0] != '/')
		json_bad(d, path, "must be an absolute path");
}

static void need_text(struct json_doc *d, const char *const *text)
{
	if ((*text)[0] == '\0')
		json_bad(d, text, "must not be empty");
}

static bool has_component(const char *path, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = path; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		if (strcspn(p, "/") == n && strncmp(p, name, n) == 0 && n > 0)
			return true;
	}
	return false;
}

static size_t count_components(const char *path)
{
	size_t n = 0;

	for (const char *p = path + strspn(path, "/"); *p; p += strspn(p, "/")) {
		p += strcspn(p, "/");
		n++;
	}
	return n;
}

static void check_list_format(struct json_doc *d, const char *const *s)
{
	if (*s && str_ids(*s, NULL) < 0)
		json_bad(d, s, "must be a list of numbers and ranges, such as 0-3,8");
}

/* The dot-separated identifiers of a pre-release or build part; returns the end of it, or NULL. */
static const char *semver_identifiers(const char *s, bool numbers_plain)
{
	for (;; s++) {
		const char *start = s;
		bool digits = true;
		for (; isalnum((unsigned char)*s) || *s == '-'; s++)
			digits = digits && isdigit((unsigned char)*s);
		if (s == start || (numbers_plain && digits && *start == '0' && s - start > 1))
			return NULL;
		if (*s != '.')
			return s;
	}
}

/* semver.org 2.0.0 */
static bool is_semver(const char *s)
{
	for (int i = 0; i < 3; i++) {
		size_t n = strspn(s, "0123456789");
		if (n == 0 || (s[0] == '0' && n > 1))
			return false;
		s += n;
		if (i < 2 && *s++ != '.')
			return false;
	}
	if (*s == '-')
		s = semver_identifiers(s + 1, true);
	if (s && *s == '+')
		s = semver_identifiers(s + 1, false);
	return s && *s == '\0';
}

/* ---- process ---------------------------------------------------------------------------------------- */

static void check_ids(struct json_doc *d, const struct user *u)
{
	if (u->uid == ID_NONE)
		json_bad(d, &u->uid, "%u is not an id", ID_NONE);
	if (u->gid == ID_NONE)
		json_bad(d, &u->gid, "%u is not an id", ID_NONE);
	for (size_t i = 0; i < u->additional_gids.n; i++)
		if (u->additional_gids.v[i] == ID_NONE)
			json_bad(d, &u->additional_gids.v[i], "%u is not an id", ID_NONE);
	if (u->umask.set && u->umask.v > 0777)
		json_bad(d, &u->umask, "must not be larger than 511 (0777)");
}

static void check_program(struct json_doc *d, const struct process *p)
{
	need_absolute(d, &p->cwd);
	if (p->args.n == 0)
		json_bad(d, &p->args, "must not be empty");
	for (size_t i = 0; i < p->env.n; i++) {
		const char *eq = strchr(p->env.v[i], '=');
		if (!eq || eq == p->env.v[i])
			json_bad(d, &p->env.v[i], "must have the form NAME=VALUE");
	}
	if (p->terminal && p->console_size) {
		if (p->console_size->height > UINT16_MAX)
			json_bad(d, &p->console_size->height, "must not be larger than 65535");
		if (p->console_size->width > UINT16_MAX)
			json_bad(d, &p->console_size->width, "must not be larger than 65535");
	}
}

static void check_rlimits(struct json_doc *d, const struct process *p)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct rlimit_conf *l = &p->rlimits.v[i];
		if (seen & 1u << l->type)
			json_bad(d, &l->type, "%s is listed twice", name_of(&rlimit_names, l->type));
		seen |= 1u << l->type;
		if (l->soft > l->hard)
			json_bad(d, &l->soft, "must not be larger than the hard limit");
	}
}

/* sched(7) */
static void check_deadline(struct json_doc *d, const struct scheduler *s)
{
	uint64_t period = s->period ? s->period : s->deadline;

	if (s->policy != SCHED_DEADLINE) {
		if (s->runtime || s->deadline || s->period)
			json_bad_obj(d, s, "runtime, deadline and period need policy SCHED_DEADLINE");
		return;
	}
	if (s->runtime < 1024)
		json_bad(d, &s->runtime, "must be at least 1024");
	else if (s->runtime > s->deadline)
		json_bad(d, &s->deadline, "must not be smaller than runtime");
	else if (s->deadline > period)
		json_bad(d, &s->period, "must not be smaller than deadline");
	else if (period > INT64_MAX)
		json_bad(d, s->period ? &s->period : &s->deadline, "must be smaller than 2^63");
}

static void check_scheduler(struct json_doc *d, const struct process *p)
{
	const struct scheduler *s = p->scheduler;
	if (!s)
		return;
	bool real = s->policy == SCHED_FIFO || s->policy == SCHED_RR;
	bool fair = s->policy == SCHED_OTHER || s->policy == SCHED_BATCH;

	if (s->policy == 4)
		json_bad(d, &s->policy, "SCHED_ISO is not implemented by Linux");
	if (s->nice && (!fair || s->nice < -20 || s->nice > 19))
		json_bad(d, &s->nice, fair ? "must be between -20 and 19" :
					     "needs policy SCHED_OTHER or SCHED_BATCH");
	if (real && (s->priority < 1 || s->priority > 99))
		json_bad(d, &s->priority, "must be between 1 and 99");
	if (!real && s->priority)
		json_bad(d, &s->priority, "needs policy SCHED_FIFO or SCHED_RR");
	for (size_t i = 0; i < s->flags.n; i++)
		if (s->flags.v[i] & 0x60)
			json_bad(d, &s->flags.v[i], "needs a value that the specification has no member for");
	check_deadline(d, s);
}

static void check_process_rest(struct json_doc *d, const struct process *p)
{
	if (p->oom_score_adj.set && (p->oom_score_adj.v < -1000 || p->oom_score_adj.v > 1000))
		json_bad(d, &p->oom_score_adj, "must be between -1000 and 1000");
	/* Linux takes 8 to 8191 for a level with hint bits, so the check is ours. */
	if (p->io_priority && (p->io_priority->priority < 0 || p->io_priority->priority > 7))
		json_bad(d, &p->io_priority->priority, "must be between 0 and 7");
	if (p->exec_cpu_affinity) {
		check_list_format(d, &p->exec_cpu_affinity->initial);
		check_list_format(d, &p->exec_cpu_affinity->final);
	}
}

void process_validate(struct json_doc *d, const struct process *p)
{
	check_program(d, p);
	check_ids(d, &p->user);
	check_rlimits(d, p);
	check_scheduler(d, p);
	check_process_rest(d, p);
}

/* ---- resources -------------------------------------------------------------------------------------- */

static void check_device_rules(struct json_doc *d, const struct resources *r)
{
	for (size_t i = 0; i < r->devices.n; i++) {
		const struct device_rule *rule = &r->devices.v[i];
		if (rule->major.set && rule->major.v < -1)
			json_bad(d, &rule->major, "must not be negative (-1: any)");
		if (rule->minor.set && rule->minor.v < -1)
			json_bad(d, &rule->minor, "must not be negative (-1: any)");
		if (rule->access && (!*rule->access || rule->access[strspn(rule->access, "rwm")]))
			json_bad(d, &rule->access, "must be made of the letters r, w and m");
	}
}

static void need_amount(struct json_doc *d, const struct opt_i64 *v)
{
	if (v->set && v->v < -1)
		json_bad(d, v, "must not be negative (-1: unlimited)");
}

static void check_memory(struct json_doc *d, const struct resources *r)
{
	const struct memory_conf *m = r->memory;
	if (!m)
		return;
	const struct opt_i64 *amounts[] = { &m->limit, &m->reservation, &m->swap, &m->kernel,
					    &m->kernel_tcp };

	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++)
		need_amount(d, amounts[i]);
	if (m->swap.set && m->swap.v > 0 && m->limit.set && m->limit.v > 0 && m->swap.v < m->limit.v)
		json_bad(d, &m->swap, "is memory plus swap and must not be smaller than limit");
	if (m->swappiness.set && m->swappiness.v > 100)
		json_bad(d, &m->swappiness, "must be between 0 and 100");
}

static void check_cpu(struct json_doc *d, const struct resources *r)
{
	const struct cpu_conf *c = r->cpu;
	if (!c)
		return;

	if (c->idle.set && c->idle.v != 0 && c->idle.v != 1)
		json_bad(d, &c->idle, "must be 0 or 1");
	if (c->idle.set && c->idle.v == 1 && c->shares.set && c->shares.v)
		json_bad(d, &c->shares, "cannot be set for an idle group");
	if (c->quota.set && c->quota.v > 0 && c->quota.v < 1000)
		json_bad(d, &c->quota, "must be at least 1000 microseconds");
	if (c->period.set && c->period.v && (c->period.v < 1000 || c->period.v > 1000000))
		json_bad(d, &c->period, "must be between 1000 and 1000000 microseconds");
	if (c->burst.set && c->quota.set && c->quota.v > 0 && c->burst.v > (uint64_t)c->quota.v)
		json_bad(d, &c->burst, "must not be larger than quota");
	check_list_format(d, &c->cpus);
	check_list_format(d, &c->mems);
}

static void need_weight(struct json_doc *d, const struct opt_u16 *w)
{
	if (w->set && w->v && (w->v < 10 || w->v > 1000))
		json_bad(d, w, "must be between 10 and 1000 (0: unset)");
}

static void need_device(struct json_doc *d, const int64_t *major, const int64_t *minor)
{
	if (*major < 0 || *major > DEV_MAJOR_MAX)
		json_bad(d, major, "must be between 0 and %d", DEV_MAJOR_MAX);
	if (*minor < 0 || *minor > DEV_MINOR_MAX)
		json_bad(d, minor, "must be between 0 and %d", DEV_MINOR_MAX);
}

static void check_block_io(struct json_doc *d, const struct resources *r)
{
	const struct block_io_conf *b = r->block_io;
	if (!b)
		return;
	const struct throttle_list *lists[] = { &b->throttle_read_bps, &b->throttle_write_bps,
						&b->throttle_read_iops, &b->throttle_write_iops };

	need_weight(d, &b->weight);
	need_weight(d, &b->leaf_weight);
	for (size_t i = 0; i < b->weight_device.n; i++) {
		const struct weight_device *w = &b->weight_device.v[i];
		need_device(d, &w->major, &w->minor);
		need_weight(d, &w->weight);
		need_weight(d, &w->leaf_weight);
		if (!w->weight.set && !w->leaf_weight.set)
			json_bad_obj(d, w, "must have weight or leafWeight");
	}
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			need_device(d, &lists[l]->v[i].major, &lists[l]->v[i].minor);
}

/* ^[1-9][0-9]*[KMG]B$ */
static bool is_page_size(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && s[0] != '0' && s[n] && strchr("KMG", s[n]) && str_eq(s + n + 1, "B");
}

/* A word that becomes one field of a kernel file. */
static bool is_word(const char *s)
{
	return *s && s[strcspn(s, " \t\n\v\f\r")] == '\0';
}

static void check_resources_rest(struct json_doc *d, const struct resources *r)
{
	if (r->pids)
		need_amount(d, &r->pids->limit);
	for (size_t i = 0; i < r->hugepage_limits.n; i++)
		if (!is_page_size(r->hugepage_limits.v[i].page_size))
			json_bad(d, &r->hugepage_limits.v[i].page_size, "must be a size such as 2MB or 1GB");
	for (size_t i = 0; r->network && i < r->network->priorities.n; i++) {
		const struct net_prio *prio = &r->network->priorities.v[i];
		if (!is_word(prio->name))
			json_bad(d, &prio->name, "is not the name of a network interface");
	}
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct rdma_entry *e = &r->rdma.v[i];
		if (!is_word(e->key))
			json_bad_obj(d, &e->value, "is not the name of a device");
		if (!e->value.hca_handles.set && !e->value.hca_objects.set)
			json_bad_obj(d, &e->value, "must have hcaHandles or hcaObjects");
	}
	for (size_t i = 0; i < r->unified.n; i++) {
		const char *key = r->unified.v[i].key;
		if (!is_word(key) || key[0] == '.' || strchr(key, '/') || strstr(key, ".."))
			json_bad(d, &r->unified.v[i], "is not the name of a cgroup file");
	}
}

void resources_validate(struct json_doc *d, const struct resources *r)
{
	check_device_rules(d, r);
	check_memory(d, r);
	check_cpu(d, r);
	check_block_io(d, r);
	check_resources_rest(d, r);
}

/* ---- top level -------------------------------------------------------------------------------------- */

static void check_version(struct json_doc *d, const struct config *c)
{
	if (!is_semver(c->oci_version))
		json_bad(d, &c->oci_version, "must be a semantic version such as 1.3.0");
	else if (!str_starts(c->oci_version, "1."))
		json_bad(d, &c->oci_version, "this major version is not supported, 1 is");
	if (c->foreign && !c->linux_ && !c->vm)
		json_bad_obj(d, c, "the only platform section is for another operating system");
}

static void check_root(struct json_doc *d, const struct config *c)
{
	need_text(d, &c->root->path);
	for (size_t i = 0; i < c->annotations.n; i++)
		if (c->annotations.v[i].key[0] == '\0')
			json_bad(d, &c->annotations.v[i], "the name must not be empty");
}

static void check_process(struct json_doc *d, const struct config *c)
{
	if (c->process)
		process_validate(d, c->process);
}

static void check_name(struct json_doc *d, const struct config *c, const char *const *name)
{
	if (!*name)
		return;
	if (strlen(*name) > HOST_NAME_LEN)
		json_bad(d, name, "must not be longer than %d bytes", HOST_NAME_LEN);
	if (!config_namespace(c, CLONE_NEWUTS))
		json_bad(d, name, "needs a uts namespace in linux.namespaces");
}

static void check_names(struct json_doc *d, const struct config *c)
{
	check_name(d, c, &c->hostname);
	check_name(d, c, &c->domainname);
}

static void check_hooks(struct json_doc *d, const struct config *c)
{
	const struct hooks *h = c->hooks;
	if (!h)
		return;
	const struct hook_list *lists[] = { &h->prestart, &h->create_runtime, &h->create_container,
					    &h->start_container, &h->poststart, &h->poststop };

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			const struct hook *hook = &lists[l]->v[i];
			need_absolute(d, &hook->path);
			if (hook->timeout.set && hook->timeout.v < 1)
				json_bad(d, &hook->timeout, "must be greater than zero");
		}
}

/* ---- id maps and mounts ----------------------------------------------------------------------------- */

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

/* user_namespaces(7): what the kernel would answer with EINVAL. */
static void check_maps(struct json_doc *d, const struct id_map_list *l)
{
	if (l->n > ID_MAP_LINES) {
		json_bad(d, l, "must not have more than %d entries", ID_MAP_LINES);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		const struct id_map *m = &l->v[i];
		if (m->size == 0)
			json_bad(d, &m->size, "must not be 0");
		if (m->size > UINT32_MAX - m->container_id || m->size > UINT32_MAX - m->host_id)
			json_bad(d, &m->size, "reaches beyond the last id");
		for (size_t k = 0; k < i; k++)
			if (overlap(m->container_id, m->size, l->v[k].container_id, l->v[k].size) ||
			    overlap(m->host_id, m->size, l->v[k].host_id, l->v[k].size)) {
				json_bad_obj(d, m, "overlaps with entry %zu", k);
				break;
			}
	}
}

static void check_mount_maps(struct json_doc *d, const struct config *c, const struct mount_conf *m)
{
	bool uid = m->uid_mappings.n > 0, gid = m->gid_mappings.n > 0;

	check_maps(d, &m->uid_mappings);
	check_maps(d, &m->gid_mappings);
	if (uid != gid)
		json_bad_obj(d, m, "has only one of uidMappings and gidMappings");
	for (size_t i = 0; !uid && !gid && i < m->options.n; i++)
		if ((str_eq(m->options.v[i], "idmap") || str_eq(m->options.v[i], "ridmap")) &&
		    !config_namespace(c, CLONE_NEWUSER))
			json_bad(d, &m->options.v[i],
				 "needs uidMappings and gidMappings, or a user namespace");
}

static void check_mounts(struct json_doc *d, const struct config *c)
{
	for (size_t i = 0; i < c->mounts.n; i++) {
		const struct mount_conf *m = &c->mounts.v[i];
		need_text(d, &m->destination);
		if (strlen(m->destination) > DEST_LEN)
			json_bad(d, &m->destination, "must not be longer than %d bytes", DEST_LEN);
		else if (count_components(m->destination) > DEST_COMPONENTS)
			json_bad(d, &m->destination, "must not have more than %d components",
				 DEST_COMPONENTS);
		check_mount_maps(d, c, m);
	}
}

/* ---- linux ------------------------------------------------------------------------------------------ */

static void check_namespaces(struct json_doc *d, const struct config *c)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < c->linux_->namespaces.n; i++) {
		const struct namespace_conf *ns = &c->linux_->namespaces.v[i];
		if (seen & ns->type)
			json_bad(d, &ns->type, "%s is listed twice", name_of(&ns_names, ns->type));
		seen |= ns->type;
		need_absolute(d, &ns->path);
	}
}

static void check_id_maps(struct json_doc *d, const struct config *c)
{
	const struct id_map_list *lists[] = { &c->linux_->uid_mappings, &c->linux_->gid_mappings };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		check_maps(d, lists[i]);
		if (lists[i]->n && !config_namespace(c, CLONE_NEWUSER))
			json_bad(d, lists[i], "needs a user namespace in linux.namespaces");
	}
}

static void check_time(struct json_doc *d, const struct config *c)
{
	const struct namespace_conf *ns = config_namespace(c, CLONE_NEWTIME);

	for (size_t i = 0; i < c->linux_->time_offsets.n; i++) {
		const struct time_offset_entry *e = &c->linux_->time_offsets.v[i];
		if (!name_find(&timens_names, e->key))
			json_bad_obj(d, &e->value, "unknown clock, monotonic and boottime have offsets");
		if (!ns || ns->path)
			json_bad_obj(d, &e->value, "needs a new time namespace in linux.namespaces");
		if (e->value.nanosecs > 999999999)
			json_bad(d, &e->value.nanosecs, "must be smaller than 1000000000");
	}
}

/* The file type of stat(2), which Podman leaves in the mode. */
static uint32_t type_bits(uint32_t type)
{
	return type == 'p' ? S_IFIFO : type == 'b' ? S_IFBLK : S_IFCHR;
}

static void check_devices(struct json_doc *d, const struct config *c)
{
	for (size_t i = 0; i < c->linux_->devices.n; i++) {
		const struct device_conf *dev = &c->linux_->devices.v[i];
		need_absolute(d, &dev->path);
		if (dev->file_mode.set && (dev->file_mode.v & ~07777U) && (dev->file_mode.v & ~07777U) != type_bits(dev->type))
			json_bad(d, &dev->file_mode, "must not be larger than 4095 (07777)");
		if (dev->uid.set && dev->uid.v == ID_NONE)
			json_bad(d, &dev->uid, "%u is not an id", ID_NONE);
		if (dev->gid.set && dev->gid.v == ID_NONE)
			json_bad(d, &dev->gid, "%u is not an id", ID_NONE);
		if (dev->type == 'p')
			continue;
		if (!dev->major.set)
			json_bad(d, &dev->major, "is missing");
		if (!dev->minor.set)
			json_bad(d, &dev->minor, "is missing");
		if (dev->major.set && (dev->major.v < 0 || dev->major.v > DEV_MAJOR_MAX))
			json_bad(d, &dev->major, "must be between 0 and %d", DEV_MAJOR_MAX);
		if (dev->minor.set && (dev->minor.v < 0 || dev->minor.v > DEV_MINOR_MAX))
			json_bad(d, &dev->minor, "must be between 0 and %d", DEV_MINOR_MAX);
	}
}

/* What the kernel lets an interface be called (dev_valid_name); one %d stands for a free number. */
static bool is_interface(const char *s, bool pattern)
{
	size_t n = strlen(s);
	const char *percent = pattern ? strchr(s, '%') : NULL;

	if (n == 0 || n > 15 || str_eq(s, ".") || str_eq(s, ".."))
		return false;
	if (percent && (percent[1] != 'd' || strchr(percent + 1, '%')))
		return false;
	for (; *s; s++)
		if (*s == '/' || *s == ':' || isspace((unsigned char)*s))
			return false;
	return true;
}

static void check_net_devices(struct json_doc *d, const struct config *c)
{
	for (size_t i = 0; i < c->linux_->net_devices.n; i++) {
		const struct net_device_entry *e = &c->linux_->net_devices.v[i];
		if (!is_interface(e->key, false))
			json_bad_obj(d, &e->value, "is not the name of a network interface");
		if (e->value.name && !is_interface(e->value.name, true))
			json_bad(d, &e->value.name, "is not the name of a network interface");
	}
}

static void check_limits(struct json_doc *d, const struct config *c)
{
	const struct resources *r = c->linux_->resources;

	if (c->linux_->cgroups_path && has_component(c->linux_->cgroups_path, ".."))
		json_bad(d, &c->linux_->cgroups_path, "must not contain \"..\"");
	if (!r)
		return;
	resources_validate(d, r);
	/* Not in an update, where the limit may be the one in force. */
	if (r->memory && r->memory->swap.set && r->memory->swap.v > 0 &&
	    (!r->memory->limit.set || r->memory->limit.v == 0))
		json_bad(d, &r->memory->swap, "needs limit");
}

static void need_paths(struct json_doc *d, const struct config *c, const struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i][0] != '/')
			json_bad(d, &l->v[i], "must be an absolute path");
	/* It would change the host's tree. */
	if (l->n && !config_namespace(c, CLONE_NEWNS))
		json_bad(d, l, "needs a mount namespace in linux.namespaces");
}

static void check_paths(struct json_doc *d, const struct config *c)
{
	need_paths(d, c, &c->linux_->masked_paths);
	need_paths(d, c, &c->linux_->readonly_paths);
}

/* ---- sysctl ----------------------------------------------------------------------------------------- */

/* Which namespace a sysctl belongs to. A pattern that ends in '/' or '*' matches what begins like it. */
static const struct sysctl_owner {
	const char *path;
	uint32_t ns;
} sysctl_owners[] = {
	{ "kernel/msg*", CLONE_NEWIPC },
	{ "kernel/sem", CLONE_NEWIPC },
	{ "kernel/sem_next_id", CLONE_NEWIPC },
	{ "kernel/shm*", CLONE_NEWIPC },
	{ "fs/mqueue/", CLONE_NEWIPC },
	{ "net/", CLONE_NEWNET },
	{ "kernel/domainname", CLONE_NEWUTS },
	{ "kernel/hostname", CLONE_NEWUTS },
	{ "user/", CLONE_NEWUSER },
};

static uint32_t sysctl_owner(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(sysctl_owners); i++) {
		const char *want = sysctl_owners[i].path;
		size_t n = strlen(want);
		if (want[n - 1] == '*' ? strncmp(path, want, n - 1) == 0 :
		    want[n - 1] == '/' ? str_starts(path, want) : str_eq(path, want))
			return sysctl_owners[i].ns;
	}
	return 0;
}

/* sysctl(8): when the first separator is a dot, dots and slashes change places. */
static bool sysctl_path(const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);
	bool swap = key[strcspn(key, "./")] == '.';

	if (n == 0 || n >= size)
		return false;
	for (size_t i = 0; i <= n; i++) {
		char c = key[i];
		if (c && ((unsigned char)c <= ' ' || c == 0x7f))
			return false;
		buf[i] = !swap ? c : c == '.' ? '/' : c == '/' ? '.' : c;
	}
	if (buf[0] == '/' || buf[n - 1] == '/' || strstr(buf, "//"))
		return false;
	return !has_component(buf, "..") && !has_component(buf, ".");
}

static void check_sysctl(struct json_doc *d, const struct config *c)
{
	for (size_t i = 0; i < c->linux_->sysctl.n; i++) {
		const struct map_entry *e = &c->linux_->sysctl.v[i];
		char path[256];
		if (!sysctl_path(e->key, path, sizeof(path))) {
			json_bad(d, e, "is not the name of a sysctl");
			continue;
		}
		uint32_t ns = sysctl_owner(path);
		if (!ns)
			json_bad(d, e, "does not belong to a namespace, so it would change the host");
		else if (!config_namespace(c, ns))
			json_bad(d, e, "needs a namespace of type %s in linux.namespaces",
				 name_of(&ns_names, ns));
		else if ((c->hostname && str_eq(path, "kernel/hostname")) ||
			 (c->domainname && str_eq(path, "kernel/domainname")))
			json_bad(d, e, "is already set by %s", strchr(path, '/') + 1);
		if (strchr(e->value, '\n'))
			json_bad(d, e, "must not contain a newline");
	}
}

/* ---- seccomp ---------------------------------------------------------------------------------------- */

static void check_errno(struct json_doc *d, uint32_t action, const struct opt_u32 *ret)
{
	if (!ret->set)
		return;
	if (action != SCMP_ACT_ERRNO(0) && action != SCMP_ACT_TRACE(0))
		json_bad(d, ret, "needs action SCMP_ACT_ERRNO or SCMP_ACT_TRACE");
	else if (action == SCMP_ACT_ERRNO(0) ? ret->v > ERRNO_MAX : ret->v > UINT16_MAX)
		json_bad(d, ret, "must not be larger than %d",
			 action == SCMP_ACT_ERRNO(0) ? ERRNO_MAX : UINT16_MAX);
}

static void check_seccomp_rule(struct json_doc *d, const struct seccomp_conf *s, const struct seccomp_rule *r)
{
	check_errno(d, r->action, &r->errno_ret);
	if (r->action == SCMP_ACT_NOTIFY && !s->listener_path)
		json_bad(d, &r->action, "SCMP_ACT_NOTIFY needs listenerPath");
	if (r->names.n == 0)
		json_bad(d, &r->names, "must not be empty");
	for (size_t i = 0; i < r->names.n; i++)
		if (!*r->names.v[i])
			json_bad(d, &r->names.v[i], "must not be empty");
	for (size_t i = 0; i < r->args.n; i++)
		if (r->args.v[i].index > 5)
			json_bad(d, &r->args.v[i].index, "must be between 0 and 5");
}

#define FILTER_FLAG_WAIT_KILLABLE_RECV (1U << 5) /* Linux 5.19 */

static void check_seccomp(struct json_doc *d, const struct config *c)
{
	const struct seccomp_conf *s = c->linux_->seccomp;
	if (!s)
		return;

	/* Nobody could answer the system calls of the start itself. */
	if (s->default_action == SCMP_ACT_NOTIFY)
		json_bad(d, &s->default_action, "SCMP_ACT_NOTIFY cannot be the default");
	check_errno(d, s->default_action, &s->default_errno_ret);
	if (s->listener_metadata && !s->listener_path)
		json_bad(d, &s->listener_metadata, "needs listenerPath");
	bool notify = false;
	for (size_t i = 0; i < s->syscalls.n; i++) {
		check_seccomp_rule(d, s, &s->syscalls.v[i]);
		notify |= s->syscalls.v[i].action == SCMP_ACT_NOTIFY;
	}
	/* It says how the listener is waited for; the kernel refuses it without one (seccomp(2)). */
	for (size_t i = 0; i < s->flags.n && !notify; i++)
		if (s->flags.v[i] == FILTER_FLAG_WAIT_KILLABLE_RECV)
			json_bad(d, &s->flags.v[i],
				 "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY");
}

/* ---- intelRdt, memoryPolicy, personality ------------------------------------------------------------ */

static void need_line(struct json_doc *d, const char *const *s)
{
	if (*s && strchr(*s, '\n'))
		json_bad(d, s, "must not contain a newline");
}

static void check_rdt(struct json_doc *d, const struct config *c)
{
	const struct intel_rdt *r = c->linux_->intel_rdt;
	if (!r)
		return;

	if (r->clos_id && !str_eq(r->clos_id, "/") &&
	    (strpbrk(r->clos_id, "/\n") || str_eq(r->clos_id, ".") || str_eq(r->clos_id, "..")))
		json_bad(d, &r->clos_id, "must be \"/\" or the name of a directory");
	need_line(d, &r->l3_cache_schema);
	need_line(d, &r->mem_bw_schema);
	if (r->mem_bw_schema && !str_starts(r->mem_bw_schema, "MB:"))
		json_bad(d, &r->mem_bw_schema, "must begin with \"MB:\"");
	for (size_t i = 0; i < r->schemata.n; i++)
		if (strchr(r->schemata.v[i], '\n'))
			json_bad(d, &r->schemata.v[i], "must not contain a newline");
}

/* set_mempolicy(2) */
static void check_memory_policy(struct json_doc *d, const struct config *c)
{
	const struct memory_policy *p = c->linux_->memory_policy;
	enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY };
	const uint32_t balancing = 1u << 13, relative = 1u << 14, fixed = 1u << 15;
	uint32_t flags = 0;

	if (!p)
		return;
	for (size_t i = 0; i < p->flags.n; i++)
		flags |= p->flags.v[i];
	check_list_format(d, &p->nodes);
	if (p->mode == DEFAULT || p->mode == LOCAL) {
		if (p->nodes)
			json_bad(d, &p->nodes, "must be empty for this mode");
	} else if (p->mode != PREFERRED && !p->nodes) {
		json_bad(d, &p->nodes, "must not be empty for this mode");
	}
	if ((flags & relative) && (flags & fixed))
		json_bad(d, &p->flags, "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
	if ((flags & balancing) && p->mode != BIND && p->mode != PREFERRED_MANY)
		json_bad(d, &p->flags, "MPOL_F_NUMA_BALANCING needs mode MPOL_BIND or MPOL_PREFERRED_MANY");
}

static void check_personality(struct json_doc *d, const struct config *c)
{
	const struct personality_conf *p = c->linux_->personality;

	if (p && p->flags.n)
		json_bad(d, &p->flags, "must be empty: the specification defines no flag");
}

/* ---- landlock ---------------------------------------------------------------------------------------- */

static uint32_t bits_of(const struct u32_list *l)
{
	uint32_t r = 0;

	for (size_t i = 0; i < l->n; i++)
		r |= l->v[i];
	return r;
}

static void need_handled(struct json_doc *d, const struct u32_list *allowed, const struct u32_list *handled,
			 const char *what)
{
	if (allowed->n == 0)
		json_bad(d, allowed, "must not be empty");
	if (bits_of(allowed) & ~bits_of(handled))
		json_bad(d, allowed, "allows what is not in %s", what);
}

void landlock_validate(struct json_doc *d, const struct landlock *l)
{
	if (l->handled_access_fs.n + l->handled_access_net.n + l->scoped.n == 0)
		json_bad_obj(d, l, "must handle something");
	for (size_t i = 0; i < l->rules.path_beneath.n; i++) {
		const struct landlock_path *r = &l->rules.path_beneath.v[i];
		need_handled(d, &r->allowed_access, &l->handled_access_fs, "handledAccessFS");
		if (r->paths.n == 0)
			json_bad(d, &r->paths, "must not be empty");
		for (size_t k = 0; k < r->paths.n; k++)
			if (r->paths.v[k][0] != '/')
				json_bad(d, &r->paths.v[k], "must be an absolute path");
	}
	for (size_t i = 0; i < l->rules.net_port.n; i++) {
		const struct landlock_port *r = &l->rules.net_port.v[i];
		need_handled(d, &r->allowed_access, &l->handled_access_net, "handledAccessNet");
		if (r->ports.n == 0)
			json_bad(d, &r->ports, "must not be empty");
		for (size_t k = 0; k < r->ports.n; k++)
			if (r->ports.v[k] > UINT16_MAX)
				json_bad(d, &r->ports.v[k], "must be at most %d", UINT16_MAX);
	}
}

static void check_landlock(struct json_doc *d, const struct config *c)
{
	const struct landlock *l = c->linux_->landlock;

	if (!l)
		return;
	landlock_validate(d, l);
	/* Without it the kernel would ask for a privilege that the program shall not have. */
	if (c->process && !c->process->no_new_privileges)
		json_bad_obj(d, l, "needs process.noNewPrivileges");
}

/* ---- vm --------------------------------------------------------------------------------------------- */

static void check_vm(struct json_doc *d, const struct config *c)
{
	const struct vm_conf *vm = c->vm;
	if (!vm)
		return;

	if (vm->hypervisor)
		need_absolute(d, &vm->hypervisor->path);
	need_absolute(d, &vm->kernel->path);
	need_absolute(d, &vm->kernel->initrd);
	if (vm->image)
		need_absolute(d, &vm->image->path);
	const struct vm_hw_config *hw = vm->hw_config;
	if (!hw)
		return;
	need_absolute(d, &hw->device_tree);
	if (hw->vcpus.set && hw->vcpus.v == 0)
		json_bad(d, &hw->vcpus, "must not be 0");
	if (hw->memory.set && hw->memory.v == 0)
		json_bad(d, &hw->memory, "must not be 0");
	for (size_t i = 0; i < hw->iomems.n; i++)
		if (hw->iomems.v[i].nr_mfns == 0)
			json_bad(d, &hw->iomems.v[i].nr_mfns, "must not be 0");
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static void (*const checks[])(struct json_doc *d, const struct config *c) = {
	check_version, check_root, check_process, check_names, check_hooks, check_mounts, check_vm,
};

/* Only with a linux section. */
static void (*const linux_checks[])(struct json_doc *d, const struct config *c) = {
	check_namespaces, check_id_maps, check_time, check_devices, check_net_devices, check_limits,
	check_paths, check_sysctl, check_seccomp, check_rdt, check_memory_policy, check_personality,
	check_landlock,
};

void config_validate(struct json_doc *d, const struct config *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i](d, c);
	for (size_t i = 0; c->linux_ && i < ARRAY_SIZE(linux_checks); i++)
		linux_checks[i](d, c);
}

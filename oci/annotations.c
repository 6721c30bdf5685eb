/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of annotations.h and the rules for their values. What an annotation means for the container is
 * decided by the plan builder; no system call here.
 */
#include "annotations.h"

#include <string.h>

#include "../runtime/base/arena.h"
#include "../runtime/base/util.h"
#include "json.h"

static const char *check_bool(const char *value)
{
	return str_eq(value, "true") || str_eq(value, "false") ? NULL : "must be true or false";
}

static const char *check_core_sched(const char *value)
{
	uint64_t pid;

	if (str_eq(value, "new"))
		return NULL;
	return str_starts(value, "pid:") && str_u64(value + 4, INT32_MAX, &pid) == 0 && pid > 0
		       ? NULL
		       : "must be new or pid:NUMBER";
}

static const char *check_isolation(const char *value)
{
	return name_find(&isolation_names, value) ? NULL : "must be namespaces, vm or vm,emulate";
}

static const char *check_memory(const char *value)
{
	int64_t v;

	return str_size(value, &v) == 0 && v > 0 ? NULL : "must be a number of bytes, or with k, m or g behind it";
}

static const char *check_vcpus(const char *value)
{
	uint64_t v;

	return str_u64(value, UINT32_MAX, &v) == 0 && v > 0 ? NULL : "must be a number above 0";
}

static const char *check_path(const char *value)
{
	return value[0] == '/' ? NULL : "must be an absolute path";
}

static const char *check_network(const char *value)
{
	return str_eq(value, "auto") || str_eq(value, "tap") || str_eq(value, "user") || str_eq(value, "none")
		       ? NULL
		       : "must be auto, tap, user or none";
}

static const char *check_timeout(const char *value)
{
	uint64_t v;

	return str_u64(value, 86400, &v) == 0 && v > 0 ? NULL : "must be a number of seconds, at most a day";
}

static const char *check_overlay(const char *value)
{
	return str_eq(value, "tmpfs") || value[0] == '/' ? NULL : "must be tmpfs or an absolute path";
}

const struct annotation annotations[] = {
	{ ANNOTATION_INIT, "true|false", check_bool },
	{ ANNOTATION_LANDLOCK, "linux.landlock as JSON", NULL },
	{ ANNOTATION_CORE_SCHED, "new|pid:NUMBER", check_core_sched },
	{ ANNOTATION_ROOT_IDMAP, "true|false", check_bool },
	{ ANNOTATION_CGROUP_LEAF, "true|false", check_bool },
	{ ANNOTATION_ISOLATION, "namespaces|vm|vm,emulate", check_isolation },
	{ ANNOTATION_VM_MEMORY, "BYTES[k|m|g]", check_memory },
	{ ANNOTATION_VM_VCPUS, "NUMBER", check_vcpus },
	{ ANNOTATION_VM_KERNEL, "FILE", check_path },
	{ ANNOTATION_VM_NETWORK, "auto|tap|user|none", check_network },
	{ ANNOTATION_VM_TIMEOUT, "SECONDS", check_timeout },
	{ ANNOTATION_OVERLAY, "tmpfs|DIRECTORY", check_overlay },
};
const size_t annotations_n = ARRAY_SIZE(annotations);

static const struct annotation *find(const char *name)
{
	for (size_t i = 0; i < annotations_n; i++)
		if (str_eq(annotations[i].name, name))
			return &annotations[i];
	return NULL;
}

static void check_one(struct json_doc *doc, const struct map_entry *m)
{
	if (!str_starts(m->key, ANNOTATION_PREFIX))
		return;
	const struct annotation *k = find(m->key);
	const char *wrong = k && k->check ? k->check(m->value) : NULL;

	if (!k)
		json_bad(doc, &m->value, "no such annotation: names that begin with " ANNOTATION_PREFIX
					 " are this program's own");
	else if (wrong)
		json_bad(doc, &m->value, "%s", wrong);
}

static const struct map_entry *entry(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->annotations.n; i++)
		if (str_eq(c->annotations.v[i].key, name))
			return &c->annotations.v[i];
	return NULL;
}

/* The text of the inner document's error becomes the sentence about the annotation. */
static void take_landlock(struct json_doc *doc, struct arena *a, struct config *c)
{
	const struct map_entry *m = entry(c, ANNOTATION_LANDLOCK);
	struct json_doc inner = { 0 };
	struct err e = { 0 };
	void *p = NULL;

	if (!m)
		return;
	if (c->linux_ && c->linux_->landlock) {
		json_bad(doc, &m->value, "linux.landlock is given too");
		return;
	}
	if (json_parse(&inner, a, &landlock_json, "landlock", m->value, strlen(m->value), &p, &e) == 0)
		landlock_validate(&inner, p);
	if (inner.errors || !p) {
		json_bad(doc, &m->value, "%s", e.text);
		return;
	}
	if (c->process && !c->process->no_new_privileges)
		json_bad(doc, &m->value, "needs process.noNewPrivileges");
	if (!c->linux_)
		c->linux_ = arena_new(a, struct linux_conf);
	if (!c->linux_)
		json_bad(doc, &m->value, "out of memory");
	else
		c->linux_->landlock = p;
}

void annotations_apply(struct json_doc *doc, struct arena *a, struct config *c)
{
	for (size_t i = 0; i < c->annotations.n; i++)
		check_one(doc, &c->annotations.v[i]);
	take_landlock(doc, a, c);
}

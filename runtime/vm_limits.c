/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of isolation, and what the administrator lets a configuration and its annotations ask of micro-VMs. Must
 * not decide what is taken when less than everything is asked for: vm_config.c does. Only reading touches the system.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../oci/annotations.h"
#include "../oci/json.h"
#include "../oci/names.h"
#include "base/fd.h"
#include "base/util.h"
#include "vm.h"

#define LIMITS_MAX ((size_t)64 << 10)
#define MIB ((uint64_t)1024 * 1024)

int isolation_parse(const char *who, const char *text, struct isolation_choice *ret, struct err *e)
{
	const struct name_value *v = name_find(&isolation_names, text);

	if (!v)
		return err_bad(e, "invalid %s \"%s\": must be namespaces, vm or vm,emulate", who, text);
	ret->kind = v->value == ISOLATION_WORD_NAMESPACES ? ISOLATION_NAMESPACES : ISOLATION_VM;
	ret->emulate = v->value == ISOLATION_WORD_EMULATE;
	return 0;
}

static uint32_t word_of(const struct isolation_choice *c)
{
	if (c->kind == ISOLATION_NAMESPACES)
		return ISOLATION_WORD_NAMESPACES;
	return c->emulate ? ISOLATION_WORD_EMULATE : ISOLATION_WORD_VM;
}

const char *isolation_word(const struct isolation_choice *c)
{
	return name_of(&isolation_names, word_of(c));
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

static JSON_OBJ_STRICT(vm_range,
	J(vm_range, "default", OPT_U64, usual, 0),
	J(vm_range, "max", OPT_U64, most, 0));

static JSON_OBJ_STRICT(vm_limits,
	J_ENUM_LIST(vm_limits, "isolation", isolation, isolation_names, 0),
	J_LIST(vm_limits, "annotations", STR, annotations, 0),
	J(vm_limits, "kernel", STR, kernel, 0),
	J_LIST(vm_limits, "kernels", STR, kernels, 0),
	J_LIST(vm_limits, "hypervisors", STR, hypervisors, 0),
	J_OBJ(vm_limits, "memory", memory, vm_range, 0),
	J_OBJ(vm_limits, "vcpus", vcpus, vm_range, 0));

/* Members that one file may say and another say anew. An absent one is nothing but zero bytes. */
enum member { ISOLATION, ANNOTATIONS, KERNELS, HYPERVISORS, MEMORY_MAX, VCPUS_MAX, MEMBERS };
static const struct { enum member is; uint16_t at, size; } members[] = {
#define M(is, member) { is, offsetof(struct vm_limits, member), sizeof(((struct vm_limits *)0)->member) }
	M(ISOLATION, isolation), M(ANNOTATIONS, annotations), M(KERNELS, kernels), M(HYPERVISORS, hypervisors),
	M(MEMORY_MAX, memory.most), M(VCPUS_MAX, vcpus.most), M(MEMBERS, memory.usual), M(MEMBERS, vcpus.usual),
	M(MEMBERS, kernel),
#undef M
};
_Static_assert(MEMBERS < ARRAY_SIZE(((struct vm_limits *)0)->from), "every member's file has a place");

static bool is_ours(const char *annotation)
{
	return str_eq(annotation, ANNOTATION_ISOLATION) || str_starts(annotation, ANNOTATION_PREFIX "vm.");
}

static void check_paths(struct json_doc *d, const struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i][0] != '/')
			json_bad(d, &l->v[i], "must be an absolute path, or a pattern of such");
}

static void check_file(struct json_doc *d, const struct vm_limits *l)
{
	if (l->isolation.v && !l->isolation.n)
		json_bad(d, &l->isolation, "must not be empty: nothing could be started");
	for (size_t i = 0; i < l->annotations.n; i++)
		if (!is_ours(l->annotations.v[i]))
			json_bad(d, &l->annotations.v[i], "must be " ANNOTATION_ISOLATION " or one of " ANNOTATION_PREFIX "vm.*");
	check_paths(d, &l->kernels);
	check_paths(d, &l->hypervisors);
	if (l->kernel && l->kernel[0] != '/')
		json_bad(d, &l->kernel, "must be an absolute path");
}

/* A file that is not there says nothing. */
static int read_file(struct arena *a, const char *path, struct vm_limits *all, struct err *e)
{
	struct json_doc doc = { 0 };
	char *text;
	size_t n;
	void *p = NULL;

	if (!path)
		return err_nomem(e);
	int r = file_read_at(a, AT_FDCWD, path, LIMITS_MAX, &text, &n);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return err_sys(e, r, "read %s", path);
	r = json_parse(&doc, a, &vm_limits_json, path, text, n, &p, e);
	if (r < 0)
		return r;
	check_file(&doc, p);
	if (doc.errors)
		return -e->code;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		static const char zero[sizeof(struct vm_limits)];
		const char *from = (const char *)p + members[i].at;
		if (memcmp(from, zero, members[i].size) == 0)
			continue;
		memcpy((char *)all + members[i].at, from, members[i].size);
		all->from[members[i].is] = path;
	}
	return 0;
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && str_eq(d->d_name + n - 5, ".conf");
}

static int check_range(const struct vm_range *r, const char *name, struct err *e)
{
	if (r->usual.set && r->most.set && r->usual.v > r->most.v)
		return err_bad(e, VM_LIMITS_DIR "/vm.conf: %s.default is above %s.max", name, name);
	return 0;
}

int vm_limits_read(struct arena *a, const char *dir, struct vm_limits *ret, struct err *e)
{
	struct vm_limits all = { 0 };
	struct dirent **names = NULL;
	const char *sub = arena_printf(a, "%s/vm.conf.d", dir);
	int n = 0, r;

	*ret = all;
	if (access(dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = read_file(a, arena_printf(a, "%s/vm.conf", dir), &all, e);
	if (r < 0)
		return r;
	if (!sub)
		return err_nomem(e);
	n = scandir(sub, &names, is_conf, alphasort);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "read %s", sub);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = read_file(a, arena_printf(a, "%s/%s", sub, names[i]->d_name), &all, e);
		free(names[i]);
	}
	free(names);
	if (r == 0)
		r = check_range(&all.memory, "memory", e);
	if (r == 0)
		r = check_range(&all.vcpus, "vcpus", e);
	if (r == 0)
		*ret = all;
	return r;
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

int vm_limits_isolation(const struct vm_limits *l, const struct isolation_choice *how, struct err *e)
{
	for (size_t i = 0; i < l->isolation.n; i++)
		if (l->isolation.v[i] == word_of(how))
			return 0;
	return l->isolation.v ? err_set(e, EPERM, "isolation \"%s\" is not allowed by %s", isolation_word(how), l->from[ISOLATION])
			      : 0;
}

int vm_limits_annotations(const struct vm_limits *l, const struct config *c, struct err *e)
{
	if (!l->annotations.v)
		return 0;
	for (size_t i = 0; i < c->annotations.n; i++) {
		const char *key = c->annotations.v[i].key;
		bool allowed = !is_ours(key);
		for (size_t k = 0; k < l->annotations.n; k++)
			allowed |= str_eq(l->annotations.v[k], key);
		if (!allowed)
			return err_set(e, EPERM, "annotations[\"%s\"]: not allowed by %s", key, l->from[ANNOTATIONS]);
	}
	return 0;
}

/* A pattern is about names, and ".." would lead out of what it names. */
static int check_path(const struct strv *patterns, const char *from, const char *field, const char *path, struct err *e)
{
	bool allowed = false;

	if (!patterns->v)
		return 0;
	for (size_t i = 0; i < patterns->n && !strstr(path, "/../"); i++)
		allowed |= fnmatch(patterns->v[i], path, FNM_PATHNAME | FNM_PERIOD) == 0;
	return allowed ? 0 : err_set(e, EPERM, "%s %s: not allowed by %s", field, path, from);
}

int vm_limits_kernel(const struct vm_limits *l, const char *field, const char *path, struct err *e)
{
	return check_path(&l->kernels, l->from[KERNELS], field, path, e);
}

int vm_limits_hypervisor(const struct vm_limits *l, const char *field, const char *path, struct err *e)
{
	return check_path(&l->hypervisors, l->from[HYPERVISORS], field, path, e);
}

int vm_limits_size(const struct vm_limits *l, uint64_t memory, uint64_t vcpus, struct err *e)
{
	if (l->memory.most.set && memory > l->memory.most.v)
		return err_set(e, EPERM, "micro-VM: %llu MiB of memory: %s allows %llu", (unsigned long long)(memory / MIB),
			       l->from[MEMORY_MAX], (unsigned long long)(l->memory.most.v / MIB));
	if (l->vcpus.most.set && vcpus > l->vcpus.most.v)
		return err_set(e, EPERM, "micro-VM: %llu processors: %s allows %llu", (unsigned long long)vcpus,
			       l->from[VCPUS_MAX], (unsigned long long)l->vcpus.most.v);
	return 0;
}

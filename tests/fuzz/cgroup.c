/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the cgroup half: the first line is linux.cgroupsPath, the rest a resources document -> the list of
 * writes, the properties for systemd and the place, all of which stay inside the container's cgroup; or one clean
 * error.
 */
#include "../../cgroup/cgroup.h"
#include "fuzz.h"

static const struct cgroup_facts facts = {
	.mode = CGROUP_MODE_UNIFIED, .mount = "/sys/fs/cgroup", .own = "/user.slice",
	.controllers = "cpuset cpu io memory hugetlb pids rdma misc", .root_writable = true, .sibling_writable = true,
	.child_writable = true, .privileged = true,
};

static bool plain_name(const char *s)
{
	return s[0] && s[0] != '.' && !strchr(s, '/');
}

static void check_path(const char *path)
{
	must(path[0] == '/' && path[1] && !strstr(path, "//") && !strstr(path, "/./"), "path", path);
	for (const char *p = path; (p = strstr(p, "/..")) != NULL; p++)
		must(p[3] != '/' && p[3] != '\0', "a path that leads upwards", path);
}

static void check_knobs(const struct cgroup_knob_list *k)
{
	for (size_t i = 0; i < k->n; i++) {
		must(plain_name(k->v[i].file), "file", k->v[i].file);
		must(!k->v[i].controller || str_starts(k->v[i].file, k->v[i].controller), "controller", k->v[i].file);
		must(k->v[i].value != NULL, "value", k->v[i].file);
	}
}

static void check_properties(struct arena *a, const struct resources *r)
{
	struct cgroup_property_list l;
	struct err e = { 0 };

	if (cgroup_systemd_properties(a, r, &l, &e) < 0) {
		must_be_error(&e);
		return;
	}
	for (size_t i = 0; i < l.n; i++) {
		const struct cgroup_property *p = &l.v[i];
		bool number = str_eq(p->signature, "t");
		must(number || str_eq(p->signature, "ay"), "signature", p->signature);
		must(p->value[0] && p->value[strspn(p->value, number ? "0123456789" : "0123456789abcdef")] == '\0', p->name, p->value);
	}
}

static void check_place(struct arena *a, const char *path, const struct resources *r, enum cgroup_manager manager)
{
	struct cgroup_request q = { .manager = manager, .cgroups_path = path[0] ? path : NULL, .id = "fuzz", .resources = r };
	const struct cgroup_plan *p;
	struct err e = { 0 };

	if (cgroup_plan_build(a, &facts, &q, &p, &e) < 0) {
		must_be_error(&e);
		return;
	}
	check_path(p->path);
	check_knobs(&p->knobs);
	must(manager != CGROUP_SYSTEMD || (plain_name(p->unit) && p->slice[0] && !strchr(p->slice, '/')), "unit", p->unit);
	for (size_t i = 1; i < p->controllers.n; i++)
		must(strcmp(p->controllers.v[i - 1], p->controllers.v[i]) < 0, "controllers", p->controllers.v[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = fuzz_arena();
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t n = end ? (size_t)(end - data) : 0;
	const struct resources *r;
	struct cgroup_knob_list k;
	struct err e = { 0 };
	char *path = arena_strndup(a, (const char *)data, n);

	if (!end || memchr(data, '\0', n))
		return 0;
	if (resources_parse(a, "r", (const char *)end + 1, size - n - 1, &r, &e) < 0) {
		must_be_error(&e);
		return 0;
	}
	if (cgroup_knobs(a, r, &k, &e) < 0)
		must_be_error(&e);
	else
		check_knobs(&k);
	check_properties(a, r);
	check_place(a, path, r, CGROUP_FS);
	check_place(a, path, r, CGROUP_SYSTEMD);
	return 0;
}

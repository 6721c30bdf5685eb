/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resctrl driver: a directory, one write of schemata, one of the pid. Knows nothing of cgroups, which are
 * another hierarchy, and keeps no state: what is to be removed later is in the container's record.
 */
#include "rdt.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../runtime/base/fd.h"
#include "../runtime/base/mountinfo.h"
#include "../runtime/base/str.h"
#include "../runtime/base/util.h"

#define SCHEMATA_MAX ((size_t)64 << 10)

/* ---- deciding ------------------------------------------------------------------------------------------ */

int rdt_find(struct arena *a, const char *mountinfo, const char **ret, struct err *e)
{
	struct mountinfo_line line;

	*ret = NULL;
	while (mountinfo_next(&mountinfo, &line)) {
		if (!str_eq(line.type, "resctrl"))
			continue;
		*ret = arena_strdup(a, line.point);
		return *ret ? 0 : err_nomem(e);
	}
	return 0;
}

static void add_line(struct strbuf *b, const char *line)
{
	if (line)
		strbuf_printf(b, "%s\n", line);
}

static int plan_schemata(struct arena *a, const struct intel_rdt *conf, struct rdt_plan *p, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };

	add_line(&b, conf->l3_cache_schema);
	add_line(&b, conf->mem_bw_schema);
	for (size_t i = 0; i < conf->schemata.n; i++)
		add_line(&b, conf->schemata.v[i]);
	if (b.failed || (b.n && !(p->schemata = arena_strdup(a, b.p))))
		return err_nomem(e);
	return 0;
}

int rdt_plan_build(struct arena *a, const struct intel_rdt *conf, const char *id, const char *mount,
		   const struct rdt_plan **ret, struct err *e)
{
	struct rdt_plan *p = arena_new(a, struct rdt_plan);
	const char *name = conf->clos_id ? conf->clos_id : id;

	if (!p)
		return err_nomem(e);
	if (!mount)
		return err_set(e, ENOENT, "linux.intelRdt: resctrl is not mounted on this machine");
	p->own = !conf->clos_id;
	p->group = str_eq(name, "/") ? mount : arena_printf(a, "%s/%s", mount, name);
	int r = plan_schemata(a, conf, p, e);
	if (r < 0)
		return r;
	p->must_exist = conf->clos_id && !p->schemata;
	if (conf->enable_monitoring)
		p->monitor = arena_printf(a, "%s/mon_groups/%s", p->group, id);
	if (!p->group || (conf->enable_monitoring && !p->monitor))
		return err_nomem(e);
	*ret = p;
	return 0;
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

/* Hexadecimal masks and decimal shares alike: leading zeros and case do not count. */
static bool same_value(const char *a, size_t an, const char *b, size_t bn)
{
	while (an > 1 && *a == '0')
		a++, an--;
	while (bn > 1 && *b == '0')
		b++, bn--;
	if (an != bn)
		return false;
	for (size_t i = 0; i < an; i++)
		if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
			return false;
	return true;
}

static size_t trimmed(const char **s, size_t n)
{
	while (n && isspace((unsigned char)**s))
		(*s)++, n--;
	while (n && isspace((unsigned char)(*s)[n - 1]))
		n--;
	return n;
}

/* Whether `text`, the group's schemata, has DOMAIN=VALUE in the line of RESOURCE. */
static bool has_share(const char *text, const char *resource, size_t rn, const char *domain, size_t dn,
		      const char *value, size_t vn)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n"), n = strcspn(line, ":");
		const char *name = line;
		if (n >= len || trimmed(&name, n) != rn || memcmp(name, resource, rn) != 0)
			continue;
		for (const char *p = line + n + 1; p < line + len;) {
			size_t item = strcspn(p, ";\n"), eq = strcspn(p, "=");
			const char *d = p, *v = p + eq + 1;
			if (eq < item && same_value(d, trimmed(&d, eq), domain, dn)) {
				size_t l = trimmed(&v, item - eq - 1);
				return same_value(v, l, value, vn);
			}
			p += item + 1;
		}
	}
	return false;
}

/* Every share of every line that is asked for is in the group already. */
static bool all_there(const char *have, const char *wanted)
{
	for (const char *line = wanted; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n"), n = strcspn(line, ":");
		const char *resource = line;
		if (n >= len)
			return false;
		size_t rn = trimmed(&resource, n);
		for (const char *p = line + n + 1; p < line + len;) {
			size_t item = strcspn(p, ";\n"), eq = strcspn(p, "=");
			const char *d = p, *v = p + eq + 1;
			if (eq >= item)
				return false;
			size_t dn = trimmed(&d, eq), vn = trimmed(&v, item - eq - 1);
			if (!has_share(have, resource, rn, d, dn, v, vn))
				return false;
			p += item + 1;
		}
	}
	return true;
}

static int compare(const struct rdt_plan *p, struct err *e)
{
	char path[4096];
	struct arena a;
	char *have;
	size_t n;

	if (!p->schemata)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/schemata", p->group);
	int r = arena_init(&a, SCHEMATA_MAX, e);
	if (r < 0)
		return r;
	r = file_read_at(&a, AT_FDCWD, path, SCHEMATA_MAX, &have, &n);
	if (r < 0)
		r = err_sys(e, r, "linux.intelRdt: read %s", path);
	else if (!all_there(have, p->schemata))
		r = err_set(e, EEXIST, "linux.intelRdt: group %s exists with other schemata", p->group);
	arena_done(&a);
	return r;
}

/* ---- making -------------------------------------------------------------------------------------------- */

static int write_schemata(const struct rdt_plan *p, struct err *e)
{
	char path[4096];

	if (!p->schemata)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/schemata", p->group);
	int r = file_write(AT_FDCWD, path, p->schemata, strlen(p->schemata));
	return r < 0 ? err_sys(e, r, "linux.intelRdt: write %s", path) : 0;
}

/* True in *ret_made when the group is new. */
static int make_group(const struct rdt_plan *p, bool *ret_made, struct err *e)
{
	*ret_made = false;
	if (p->must_exist) {
		struct stat st;
		return stat(p->group, &st) == 0 ? 0
						: err_set(e, errno, "linux.intelRdt.closID: group %s: %s", p->group,
							  errno == ENOENT ? "missing" : err_text(errno));
	}
	if (mkdir(p->group, 0755) == 0) {
		*ret_made = true;
		return write_schemata(p, e);
	}
	if (errno == EEXIST && !p->own)
		return compare(p, e);
	return err_sys(e, errno, "linux.intelRdt: make group %s", p->group);
}

int rdt_make(const struct rdt_plan *p, struct err *e)
{
	bool made;
	int r = make_group(p, &made, e);

	if (r == 0 && p->monitor && mkdir(p->monitor, 0755) < 0)
		r = err_sys(e, errno, "linux.intelRdt.enableMonitoring: make group %s", p->monitor);
	if (r < 0 && made)
		(void)rmdir(p->group);
	return r;
}

static int join(const char *group, pid_t pid, struct err *e)
{
	char path[4096], text[16];

	if (!group)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/tasks", group);
	int n = snprintf(text, sizeof(text), "%d", pid);
	int r = file_write(AT_FDCWD, path, text, (size_t)n);
	return r < 0 ? err_sys(e, r, "linux.intelRdt: write the container's process to %s", path) : 0;
}

int rdt_join(const char *group, const char *monitor, pid_t pid, struct err *e)
{
	int r = join(group, pid, e);

	return r < 0 ? r : join(monitor, pid, e);
}

static int drop(const char *group, struct err *e)
{
	if (!group || rmdir(group) == 0 || errno == ENOENT)
		return 0;
	return err_sys(e, errno, "remove resctrl group %s", group);
}

int rdt_remove(const char *group, bool own, const char *monitor, struct err *e)
{
	int r = drop(monitor, e);

	return r < 0 || !own ? r : drop(group, e);
}

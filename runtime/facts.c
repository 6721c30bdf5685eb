/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers the facts. Looks, never changes anything; decides nothing. */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mountinfo.h"
#include "base/str.h"
#include "../cgroup/rdt.h"
#include "../oci/config.h"
#include "base/sys.h"
#include "base/util.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 15

static int check_kernel(unsigned int *ret_major, struct err *e)
{
	struct utsname u;
	unsigned int major, minor;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return err_set(e, ENOSYS, "cannot tell the kernel's version");
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		return err_set(e, ENOSYS, "kernel %s is too old: %d.%d or later is needed", u.release, KERNEL_MAJOR,
			       KERNEL_MINOR);
	*ret_major = major;
	return 0;
}

static uint64_t parse_hex(const char *s)
{
	uint64_t v = 0;

	for (; (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'f'); s++)
		v = v << 4 | (uint64_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return v;
}

/* The highest capability of the kernel; beyond it PR_CAPBSET_READ is EINVAL. */
static uint32_t last_cap(uint64_t bounding)
{
	/* One that we could have exists. */
	uint32_t cap = bounding ? 63U - (uint32_t)__builtin_clzll(bounding) : CAP_LAST_CAP;

	while (!bounding && cap > 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0)
		cap--;
	while (cap < 63 && prctl(PR_CAPBSET_READ, cap + 1, 0, 0, 0) >= 0)
		cap++;
	return cap;
}

static int gather_caps(int self, struct facts *f, struct err *e)
{
	char buf[4096];
	int n = file_read_short(self, "status", buf, sizeof(buf));

	if (n < 0)
		return err_sys(e, n, "read /proc/self/status");
	const char *eff = strstr(buf, "CapEff:\t"), *bnd = strstr(buf, "CapBnd:\t");
	if (!eff || !bnd)
		return err_set(e, EPROTO, "no capabilities in /proc/self/status");
	f->cap_effective = parse_hex(eff + 8);
	f->cap_bounding = parse_hex(bnd + 8);
	const char *ign = strstr(buf, "SigIgn:\t");
	f->ignored = ign ? parse_hex(ign + 8) : ~0ULL;
	f->last_cap = last_cap(f->cap_bounding);
	return 0;
}

/* The first user namespace has the same number on every machine (linux/nsfs.h, USER_NS_INIT_INO). */
#define USER_NS_INIT_INO 0xEFFFFFFDU

static bool in_child_userns(const struct facts *f)
{
	static const uint64_t types[] = {
#define X(name, type) type,
		PLAN_NAMESPACES(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i] == CLONE_NEWUSER)
			return f->namespaces[i] && f->namespaces[i] != USER_NS_INIT_INO;
	return false;
}

static bool kernel_says_yes(const char *file)
{
	char buf[16];

	return file_read_short(AT_FDCWD, file, buf, sizeof(buf)) > 0 && (buf[0] == 'Y' || buf[0] == '1');
}

void facts_user_name(uint32_t uid, char *name, size_t size)
{
	FILE *fp = fopen("/etc/passwd", "re");
	struct passwd *pw;

	if (!fp)
		return;
	while ((pw = fgetpwent(fp)) != NULL) {
		if (pw->pw_uid != uid)
			continue;
		(void)snprintf(name, size, "%s", pw->pw_name);
		break;
	}
	(void)fclose(fp);
}

/* First line "NAME-OR-UID:START:COUNT" of subuid(5) or subgid(5) that belongs to the user. */
static struct id_range sub_range(const char *file, uint32_t uid)
{
	struct id_range r = { 0 };
	char line[512], number[16], name[256] = "";
	FILE *fp = fopen(file, "re");

	if (!fp)
		return r;
	facts_user_name(uid, name, sizeof(name));
	(void)snprintf(number, sizeof(number), "%u", uid);
	while (r.count == 0 && fgets(line, sizeof(line), fp)) {
		char *start = strchr(line, ':'), *count = start ? strchr(start + 1, ':') : NULL;
		uint64_t s, c;
		if (!count)
			continue;
		*start++ = '\0';
		*count++ = '\0';
		count[strcspn(count, "\n")] = '\0';
		if (!str_eq(line, number) && !(name[0] && str_eq(line, name)))
			continue;
		if (str_u64(start, UINT32_MAX, &s) == 0 && str_u64(count, UINT32_MAX, &c) == 0)
			r = (struct id_range){ (uint32_t)s, (uint32_t)c };
	}
	(void)fclose(fp);
	return r;
}

const char *find_helper(const char *name, char *buf, size_t size)
{
	static const char *const places[] = { "/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin", "/usr/local/sbin",
					      "/sbin" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if ((size_t)snprintf(buf, size, "%s/%s", places[i], name) < size && access(buf, X_OK) == 0)
			return buf;
	}
	return NULL;
}

/* landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION. */
void facts_add_landlock(struct facts *f)
{
	int r = sys_landlock_create_ruleset(NULL, 0, SYS_LANDLOCK_VERSION);

	f->landlock_abi = r > 0 ? (uint32_t)r : 0;
}

void facts_add_labels(struct facts *f)
{
	f->apparmor = kernel_says_yes("/sys/module/apparmor/parameters/enabled");
	f->selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
}

int facts_add_controllers(struct facts *f, struct err *e)
{
	return cgroup_detect_controllers(&f->cgroup, e);
}

int facts_add_resctrl(struct facts *f, struct arena *a, struct err *e)
{
	char *text;
	size_t n;
	int r = file_read(a, AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &n, e);

	return r < 0 ? r : rdt_find(a, text, &f->resctrl, e);
}

int facts_add_kernel_views(struct facts *f, struct arena *a, struct err *e)
{
	struct strv found = { 0 };
	struct mountinfo_line line;
	char *text;
	size_t n;
	int r = file_read(a, AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &n, e);

	if (r < 0)
		return r;
	for (const char *left = text; mountinfo_next(&left, &line);)
		if (str_eq(line.type, "proc") || str_eq(line.type, "sysfs"))
			if (strv_add(a, &found, line.point) < 0)
				return err_nomem(e);
	for (size_t i = 0; i < found.n; i++)
		if (strv_add(a, &f->kernel_views, found.v[found.n - 1 - i]) < 0)
			return err_nomem(e);
	return 0;
}

/* No namespace is joined, and none is owned by another user namespace than ours. */
static bool only_makes(const struct config *c)
{
	const struct linux_conf *l = c ? c->linux_ : NULL;

	for (size_t i = 0; l && i < l->namespaces.n; i++)
		if (l->namespaces.v[i].path || l->namespaces.v[i].type & (CLONE_NEWUSER | SYS_CLONE_NEWTIME))
			return false;
	return l != NULL;
}

/*
 * OPEN_TREE_NAMESPACE, for who may also enter what it makes. In a child user namespace a new proc needs another in sight,
 * which a mount namespace of the root alone has not. The kernel says no to a flag it does not know before it looks at the
 * descriptor, which is none.
 */
static bool knows_tree_namespaces(const struct facts *f)
{
	return !f->in_userns && facts_has_cap(f, CAP_SYS_ADMIN) && facts_has_cap(f, CAP_SYS_CHROOT) &&
	       sys_open_tree(-EBADF, "", SYS_OPEN_TREE_NAMESPACE | SYS_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH) == -EBADF;
}

/* Whether the caller may be in another user namespace than the first, and what the container side compares with. */
static void gather_namespaces(int self, const struct config *c, unsigned int kernel_major, struct facts *f)
{
	static const uint64_t types[] = {
#define X(name, type) type,
		PLAN_NAMESPACES(X)
#undef X
	};
	static const char *const files[] = {
#define X(name, type) "ns/" name,
		PLAN_NAMESPACES(X)
#undef X
	};

	/* Made or joined by the container side itself, when they are new ones. */
	uint64_t inside = CLONE_NEWCGROUP | CLONE_NEWNET;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (types[i] == CLONE_NEWUSER)
			f->namespaces[i] = sys_namespace_id(self, files[i]);
	f->in_userns = in_child_userns(f);
	f->tree_namespaces = c && kernel_major >= 7 && knows_tree_namespaces(f);
	inside |= f->tree_namespaces ? CLONE_NEWNS : 0;
	f->inspects = only_makes(c) && facts_has_cap(f, CAP_SYS_PTRACE) && !f->in_userns;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (types[i] != CLONE_NEWUSER && (!f->inspects || (types[i] & inside && config_namespace(c, (uint32_t)types[i]))))
			f->namespaces[i] = sys_namespace_id(self, files[i]);
}

int facts_gather(struct facts *ret, const struct config *c, struct err *e)
{
	char path[64];
	unsigned int major = 0;
	int r = check_kernel(&major, e);

	if (r < 0)
		return r;
	*ret = (struct facts){ .uid = sys_euid(), .gid = sys_egid() };
	auto_close int self = openat(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (self < 0)
		return err_sys(e, errno, "open /proc/self");
	r = gather_caps(self, ret, e);
	if (r < 0)
		return r;
	gather_namespaces(self, c, major, ret);
	ret->setgroups_denied = ret->in_userns && file_read_short(AT_FDCWD, "/proc/self/setgroups", path, sizeof(path)) > 0 &&
				str_eq(path, "deny");
	if (!facts_has_cap(ret, CAP_SETUID)) {
		ret->subuid = sub_range("/etc/subuid", ret->uid);
		ret->subgid = sub_range("/etc/subgid", ret->uid);
		ret->newuidmap = find_helper("newuidmap", path, sizeof(path)) != NULL;
		ret->newgidmap = find_helper("newgidmap", path, sizeof(path)) != NULL;
	}
	return cgroup_detect(ret->uid == 0 && !ret->in_userns, &ret->cgroup, e);
}

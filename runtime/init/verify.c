/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Post-conditions (D20): what is, asked from the kernel anew, against what was planned; a difference ends the start with
 * the name of the member. Nothing is set here, with one exception: a masked or read-only path that somebody renamed
 * meanwhile is treated once more. A filter that comes after the gate cannot be looked at, since it need not allow that;
 * labels are read back where they are set, by who may. Paths are looked at as the program will find them, in its own view.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "../base/path.h"
#include "init.h"

static int mismatch(struct err *e, const char *what, unsigned long long is, unsigned long long planned)
{
	return err_set(e, EPERM, "post-condition: %s is 0x%llx, planned 0x%llx", what, is, planned);
}

/* ---- namespaces -------------------------------------------------------------------------------------------- */

static int check_namespace(const struct init *in, const struct step_inspect *s, int dir, size_t i, struct err *e)
{
	const char *name = init_namespaces[i].name;
	uint64_t type = init_namespaces[i].type;
	uint32_t hosts = s->namespaces.v[i];

	/* Not known here: the host side looks at it, but the first in a pid namespace knows himself. */
	if (!hosts && type == CLONE_NEWPID && s->fresh & type && !in->forks && getpid() != 1)
		return err_set(e, EPERM, "post-condition: linux.namespaces: pid is the caller's, planned was a new one");
	if (!hosts || in->joined_unknown & type)
		return 0;
	/* What these two give can only be had by making or joining one. */
	if (type & (CLONE_NEWUSER | SYS_CLONE_NEWTIME) && !in->joined[i] && !(s->fresh & type))
		return 0;
	uint32_t is = sys_namespace_id(dir, name);
	if (!is)
		return err_set(e, EPERM, "post-condition: linux.namespaces: %s cannot be read", name);
	if (in->joined[i] && is != in->joined[i])
		return err_set(e, EPERM, "post-condition: linux.namespaces: %s is not the one to be joined", name);
	if (in->joined[i] || (is == hosts) == !(s->fresh & type))
		return 0;
	return err_set(e, EPERM, "post-condition: linux.namespaces: %s is %s", name,
		       is == hosts ? "the caller's, planned was a new one" : "not the caller's");
}

static int check_namespaces(struct init *in, const struct step_inspect *s, struct err *e)
{
	int r = 0;

	if (!in->inspects)
		return 0;
	if (s->namespaces.n != PLAN_NAMESPACES_N)
		return err_set(e, EPROTO, "plan: inspect with %llu namespaces", (unsigned long long)s->namespaces.n);
	int dir = openat(in->proc, "self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "post-condition: look at the namespaces");
	for (size_t i = 0; r == 0 && i < PLAN_NAMESPACES_N; i++)
		r = check_namespace(in, s, dir, i, e);
	init_leave(in, &dir);
	return r;
}

/* ---- masked and read-only paths ------------------------------------------------------------------------------ */

/* Somebody who renames all the time is not given for ever. */
#define PLACE_TRIES 64

void init_note_place(struct init *in, const struct stat *st)
{
	in->places[in->n_places++] = st ? (struct init_place){ st->st_dev, st->st_ino } : (struct init_place){ 0, 0 };
}

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static bool is_read_only(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_RDONLY;
}

static bool is_masked(const struct init *in, const struct stat *st)
{
	return S_ISDIR(st->st_mode) ? st->st_dev == in->empty_at.dev && st->st_ino == in->empty_at.ino : is_null(st);
}

/* The same, of the path as the program will find it: one call for what is nearly always so. False says nothing. */
static bool is_as_planned(const struct init *in, const char *path, bool mask)
{
	struct statvfs fs;
	struct stat st;

	if (!in->entered)
		return false;
	if (!mask)
		return statvfs(path, &fs) < 0 ? errno == ENOENT || errno == ENOTDIR : (fs.f_flag & ST_RDONLY) != 0;
	return fstatat(AT_FDCWD, path, &st, 0) < 0 ? errno == ENOENT || errno == ENOTDIR : is_masked(in, &st);
}

/* Whether the step's path is as planned: 1 yes, 0 not what the step had found there, or the error. */
static int look_at(struct init *in, uint32_t index, const struct step *step, struct err *e)
{
	bool mask = step->op == STEP_MASK;
	const char *path = mask ? ((const struct step_mask *)step->arg)->path :
				  ((const struct step_readonly *)step->arg)->path;
	const struct init_place *was = &in->places[index];
	struct stat st;
	int r = in->n_places > index ? 0 : -ENODATA;

	if (r == 0 && init_is_fixed(in, path) && was->dev == 0 && was->ino == 0)
		return 1; /* as it was: nobody can put something there */
	if (r == 0 && is_as_planned(in, path, mask))
		return 1;
	auto_close int fd = path_open(in->root, path, O_PATH);

	if (r == 0 && (fd == -ENOENT || fd == -ENOTDIR))
		return 1;
	if (r == 0)
		r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	/* What is masked as well cannot be written to either. */
	if (r == 0 && (is_masked(in, &st) || (!mask && is_read_only(fd))))
		return 1;
	if (r == 0 && (st.st_dev != was->dev || st.st_ino != was->ino))
		return 0;
	if (r < 0 && r != -ENODATA)
		return err_sys(e, r, "post-condition: look at %s", path);
	return err_set(e, EPERM, "post-condition: %s: %s %s", mask ? "linux.maskedPaths" : "linux.readonlyPaths", path,
		       mask ? "is not masked" : "can be written");
}

static int again(struct init *in, uint32_t index, const struct step *step, struct err *e)
{
	uint32_t n = in->n_places;
	int r;

	in->n_places = index;
	r = step->op == STEP_MASK ? init_mask(in, step->arg, e) : init_readonly(in, step->arg, e);
	in->n_places = n;
	return r;
}

static int check_place(struct init *in, uint32_t index, const struct step *step, struct err *e)
{
	int r = look_at(in, index, step, e);

	/* Also where it is what the step had found: between its look and its mount the name may have been another's. */
	for (int i = 0; (r == 0 || r == -EPERM) && i < PLACE_TRIES; i++) {
		r = again(in, index, step, e);
		if (r == 0)
			r = look_at(in, index, step, e);
	}
	return r == 0 ? err_set(e, EAGAIN, "post-condition: the root filesystem is being modified concurrently") : r;
}

static int check_places(struct init *in, struct err *e)
{
	struct plan_cursor cursor = { 0 };
	struct step step;
	uint32_t index = 0;
	int r = 1;

	while (r > 0 && plan_next(in->plan, &cursor, &step)) {
		if (step.op == STEP_MASK || step.op == STEP_READONLY)
			r = check_place(in, index++, &step, e);
		if (step.op == STEP_ROOT_ATTR && ((const struct step_root_attr *)step.arg)->readonly && !is_read_only(in->root))
			r = err_set(e, EPERM, "post-condition: root.readonly: the root filesystem can be written");
	}
	return r < 0 ? r : 0;
}

int init_inspect(struct init *in, const struct step_inspect *s, struct err *e)
{
	int r = check_namespaces(in, s, e);

	return r < 0 ? r : check_places(in, e);
}

/* ---- credentials ------------------------------------------------------------------------------------------------ */

static int check_ids(const struct step_credentials *c, struct err *e)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return err_sys(e, errno, "post-condition: read ids");
	for (int i = 0; i < 3; i++) {
		if (u[i] != c->uid)
			return mismatch(e, "process.user.uid", u[i], c->uid);
		if (g[i] != c->gid)
			return mismatch(e, "process.user.gid", g[i], c->gid);
	}
	/* With an id that is none these tell what is and change nothing (setfsuid(2)). */
	if ((uid_t)setfsuid((uid_t)-1) != c->uid || (gid_t)setfsgid((gid_t)-1) != c->gid)
		return err_set(e, EPERM, "post-condition: process.user: the ids for files are others");
	return 0;
}

/* Heapsort: no memory, and no worst case. */
static void sink(uint32_t *v, size_t i, size_t n)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[i] >= v[child])
			return;
		uint32_t t = v[i];
		v[i] = v[child];
		v[child] = t;
	}
}

static void sort_ids(uint32_t *v, size_t n)
{
	for (size_t i = n / 2; i > 0; i--)
		sink(v, i - 1, n);
	for (size_t i = n; i > 1; i--) {
		uint32_t t = v[0];
		v[0] = v[i - 1];
		v[i - 1] = t;
		sink(v, 0, i - 1);
	}
}

/* The kernel has them in an order of its own. */
static int check_groups(const struct step_credentials *c, struct err *e)
{
	size_t n = (size_t)c->groups.n, size = n * 2 * sizeof(uint32_t);

	if (!c->set_groups)
		return 0;
	int is_n = getgroups(0, NULL);
	if (is_n < 0 || (size_t)is_n != n)
		return err_set(e, EPERM, "post-condition: process.user.additionalGids: there are %d, planned %zu", is_n, n);
	if (n == 0)
		return 0;
	uint32_t *is = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *planned = is + n;
	if (is == MAP_FAILED)
		return err_sys(e, errno, "post-condition: make room for groups");
	is_n = getgroups(is_n, is);
	memcpy(planned, c->groups.v, n * sizeof(*planned));
	sort_ids(is, n);
	sort_ids(planned, n);
	bool same = is_n == (int)n && memcmp(is, planned, n * sizeof(*is)) == 0;
	(void)munmap(is, size);
	return same ? 0 : err_set(e, EPERM, "post-condition: process.user.additionalGids: they are others");
}

static int get_ambient(uint32_t last_cap, uint64_t *ret, struct err *e)
{
	*ret = 0;
	for (uint32_t cap = 0; cap <= last_cap; cap++) {
		int r = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0);
		if (r < 0)
			return err_sys(e, errno, "post-condition: read the ambient set");
		*ret |= (uint64_t)r << cap;
	}
	return 0;
}

static int check_caps(const struct step_credentials *s, const struct init_caps *c, struct err *e)
{
	struct init_caps is;
	uint64_t bounding = 0;
	int r = init_get_caps(&is, e);

	if (r == 0)
		r = init_get_bounding(s->last_cap >= 63 ? ~0ULL : (1ULL << (s->last_cap + 1)) - 1, &bounding, e);
	/* Ambient ones are permitted and inheritable: where no capability is both, there is none. */
	if (r == 0 && is.permitted & is.inheritable)
		r = get_ambient(s->last_cap, &is.ambient, e);
	if (r < 0)
		return r;
	is.bounding = bounding;
	const struct {
		const char *name;
		uint64_t is, planned;
	} sets[] = {
		{ "process.capabilities.bounding", is.bounding, c->bounding },
		{ "process.capabilities.effective", is.effective, c->effective },
		{ "process.capabilities.permitted", is.permitted, c->permitted },
		{ "process.capabilities.inheritable", is.inheritable, c->inheritable },
		{ "process.capabilities.ambient", is.ambient, c->ambient },
	};
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (sets[i].is != sets[i].planned)
			return mismatch(e, sets[i].name, sets[i].is, sets[i].planned);
	return 0;
}

/* ---- all of them at once ---------------------------------------------------------------------------------------- */

/* The numbers of one line of /proc/self/status (proc_pid_status(5)): n of them are to be there, all equal to `planned`. */
static bool status_is(const char *text, const char *key, unsigned int base, unsigned int n, uint64_t planned)
{
	const char *c = strstr(text, key);

	if (!c)
		return false;
	for (c += strlen(key); n > 0; n--) {
		uint64_t v = 0;
		bool digits = false;
		for (;; c++, digits = true) {
			unsigned int digit = *c >= '0' && *c <= '9' ? (unsigned int)(*c - '0') :
					     *c >= 'a' && *c <= 'f' ? (unsigned int)(*c - 'a' + 10) : 16;
			if (digit >= base)
				break;
			v = v * base + digit;
		}
		if (!digits || v != planned || *c != (n > 1 ? '\t' : '\n'))
			return false;
		c++;
	}
	return true;
}

#define GROUPS_FEW 64

static bool status_groups(const char *text, const struct step_credentials *c)
{
	const char *p = strstr(text, "\nGroups:\t");
	uint32_t is[GROUPS_FEW], planned[GROUPS_FEW];
	size_t n = 0;

	if (!c->set_groups)
		return true;
	if (!p || c->groups.n >= GROUPS_FEW)
		return false;
	for (p += strlen("\nGroups:\t"); *p >= '0' && *p <= '9' && n < GROUPS_FEW; p += *p == ' ')
		for (is[n++] = 0; *p >= '0' && *p <= '9'; p++)
			is[n - 1] = is[n - 1] * 10 + (uint32_t)(*p - '0');
	if (n != c->groups.n)
		return false;
	for (size_t i = 0; i < n; i++)
		planned[i] = c->groups.v[i];
	sort_ids(is, n);
	sort_ids(planned, n);
	return n == 0 || memcmp(is, planned, n * sizeof(*is)) == 0;
}

/*
 * In the text that the host's procfs has of us everything stands beside each other. False says nothing: it is asked for
 * one by one then, and what differs is named.
 */
static bool all_as_planned(struct init *in, const struct step_verify *s)
{
	const struct step_credentials *c = in->credentials;
	const struct init_caps *caps = &in->caps;
	char text[4096];
	auto_close int fd = in->proc >= 0 ? openat(in->proc, "self/status", O_RDONLY | O_CLOEXEC) : -EBADF;
	ssize_t n = fd >= 0 && init_is_procfs(fd) ? read(fd, text, sizeof(text) - 1) : -1;

	init_leave(in, &fd);
	if (n <= 0 || n == (ssize_t)sizeof(text) - 1)
		return false;
	text[n] = '\0';
	return status_is(text, "\nUid:\t", 10, 4, c->uid) && status_is(text, "\nGid:\t", 10, 4, c->gid) &&
	       status_groups(text, c) &&
	       status_is(text, "\nCapInh:\t", 16, 1, caps->inheritable) &&
	       status_is(text, "\nCapPrm:\t", 16, 1, caps->permitted) &&
	       status_is(text, "\nCapEff:\t", 16, 1, caps->effective) &&
	       status_is(text, "\nCapBnd:\t", 16, 1, caps->bounding) &&
	       status_is(text, "\nCapAmb:\t", 16, 1, caps->ambient) &&
	       status_is(text, "\nNoNewPrivs:\t", 10, 1, s->no_new_privs) &&
	       (!s->seccomp || status_is(text, "\nSeccomp:\t", 10, 1, SECCOMP_MODE_FILTER));
}

static int check_each(const struct init *in, const struct step_verify *s, struct err *e)
{
	int r = check_ids(in->credentials, e);
	if (r == 0)
		r = check_groups(in->credentials, e);
	if (r == 0)
		r = check_caps(in->credentials, &in->caps, e);
	if (r < 0)
		return r;
	int nnp = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	if (nnp != (int)s->no_new_privs)
		return mismatch(e, "process.noNewPrivileges", (unsigned int)nnp, s->no_new_privs);
	int mode = s->seccomp ? prctl(PR_GET_SECCOMP, 0, 0, 0, 0) : SECCOMP_MODE_FILTER;
	return mode == SECCOMP_MODE_FILTER ? 0 : mismatch(e, "linux.seccomp", (unsigned int)mode, SECCOMP_MODE_FILTER);
}

int init_verify(struct init *in, const struct step_verify *s, struct err *e)
{
	if (!in->credentials)
		return err_set(e, EPROTO, "plan: verify before credentials");
	/* Both were read back when they were set, by root: here only that none was passed over. */
	if (s->apparmor && !in->apparmor)
		return err_set(e, EPERM, "post-condition: process.apparmorProfile: was not set");
	if (s->selinux && !in->selinux)
		return err_set(e, EPERM, "post-condition: process.selinuxLabel: was not set");
	bool as_planned = all_as_planned(in, s);
	init_leave(in, &in->proc);
	return as_planned ? 0 : check_each(in, s, e);
}

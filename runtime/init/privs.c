/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of privilege. The order is the plan's: limits and scheduling, labels, no_new_privs (and the filter
 * when there is none), then credentials: bounding set, groups, gid, uid, the sets, ambient: what comes first needs the
 * privilege that the next one takes (D12). Whether it came out as planned is looked at in verify.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../base/path.h"
#include "init.h"

/* ---- limits and scheduling ----------------------------------------------------------------------------- */

static int set_limit(const struct step_rlimit *s, uint64_t soft, uint64_t hard, struct err *e)
{
	int r = sys_prlimit(0, s->resource, &(struct sys_rlimit){ soft, hard });

	return r < 0 ? err_sys(e, r, "set %s to %llu:%llu", s->name, (unsigned long long)s->soft,
			       (unsigned long long)s->hard)
		     : 0;
}

/* Raised while there is the privilege for it; lowered at the end, which needs none. */
int init_rlimit(struct init *in, const struct step_rlimit *s, struct err *e)
{
	struct sys_rlimit now = in->files;

	if (s->resource >= RLIM_NLIMITS || ((s->resource != RLIMIT_NOFILE || !now.hard) && sys_prlimit_get(s->resource, &now) < 0))
		return err_set(e, EINVAL, "set %s: unknown to this kernel", s->name);
	in->limits[s->resource] = s;
	if (s->soft <= now.soft && s->hard <= now.hard)
		return 0;
	return set_limit(s, MAX(s->soft, now.soft), MAX(s->hard, now.hard), e);
}

int init_lower_limits(struct init *in, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(in->limits); i++)
		if (in->limits[i])
			r = set_limit(in->limits[i], in->limits[i]->soft, in->limits[i]->hard, e);
	return r;
}

struct sched_attr_v0 { /* sched_setattr(2), SCHED_ATTR_SIZE_VER0 */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

int init_scheduler(struct init *in, const struct step_scheduler *s, struct err *e)
{
	const struct sched_attr_v0 attr = { sizeof(attr), s->policy,  s->flags,	   s->nice,
					    s->priority,  s->runtime, s->deadline, s->period };

	(void)in;
	return syscall(SYS_sched_setattr, 0, &attr, 0) < 0 ? err_sys(e, errno, "set process.scheduler") : 0;
}

int init_io_priority(struct init *in, const struct step_io_priority *s, struct err *e)
{
	(void)in;
	return syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, s->value) < 0
		       ? err_sys(e, errno, "set process.ioPriority")
		       : 0;
}

int init_memory_policy(struct init *in, const struct step_memory_policy *s, struct err *e)
{
	/* The kernel wants one more than the number of bits it shall look at. */
	unsigned long bits = s->nodes.n ? s->nodes.n * 8 + 1 : 0;

	(void)in;
	return syscall(SYS_set_mempolicy, s->mode, s->nodes.n ? s->nodes.v : NULL, bits) < 0
		       ? err_sys(e, errno, "set linux.memoryPolicy")
		       : 0;
}

int init_personality(struct init *in, const struct step_personality *s, struct err *e)
{
	(void)in;
	return personality((unsigned long)s->persona) < 0 ? err_sys(e, errno, "set linux.personality") : 0;
}

int init_affinity(struct init *in, const struct step_affinity *s, struct err *e)
{
	(void)in;
	return syscall(SYS_sched_setaffinity, 0, s->mask.n, s->mask.v) < 0
		       ? err_sys(e, errno, "set the CPU affinity")
		       : 0;
}

int init_umask(struct init *in, const struct step_umask *s, struct err *e)
{
	(void)e;
	in->umask = (mode_t)s->mask;
	return 0;
}

/* ---- labels, no_new_privs, filter ---------------------------------------------------------------------- */

#define LABEL_MAX 4096

/* Beside another module AppArmor has a directory of its own; older kernels have only the common file. */
static const char *label_file(bool apparmor)
{
	char text[LABEL_MAX];

	return apparmor && init_proc_read("self/attr/apparmor/exec", text, sizeof(text)) != -ENOENT
		       ? "self/attr/apparmor/exec"
		       : "self/attr/exec";
}

/* With no_new_privs AppArmor lets a confined process only narrow what it has: the profile comes on top. */
static const char *apparmor_command(const struct init *in)
{
	char now[LABEL_MAX];
	bool nnp = in->verify && in->verify->no_new_privs;

	if (!nnp || init_proc_read("self/attr/apparmor/current", now, sizeof(now)) < 0)
		return "exec ";
	return strncmp(now, "unconfined", 10) == 0 ? "exec " : "stack ";
}

/*
 * Read back, the label of the next exec: what was written to the file of another process or to something that
 * only looks like the file is not there. AppArmor adds the mode, and a stack names more than one profile.
 */
static int check_label(const struct step_label *s, struct err *e)
{
	char is[LABEL_MAX];
	int n = init_proc_read(label_file(s->apparmor), is, sizeof(is));

	if (n < 0)
		return err_sys(e, n, "post-condition: read back label %s", s->label);
	return strstr(is, s->label) ? 0
				    : err_set(e, EPERM, "post-condition: the label is \"%s\", planned \"%s\"",
					      is, s->label);
}

int init_label(struct init *in, const struct step_label *s, struct err *e)
{
	const char *path = label_file(s->apparmor), *prefix = s->apparmor ? apparmor_command(in) : "";
	char text[LABEL_MAX];
	auto_close int fd = init_proc_open(path, O_WRONLY);

	if (fd == -EXDEV || fd == -EPERM)
		return err_set(e, -fd, "open `/proc/%s`: something else is mounted there", path);
	if (fd < 0)
		return err_sys(e, fd, "open `/proc/%s`", path);
	int n = snprintf(text, sizeof(text), "%s%s", prefix, s->label);
	if (n < 0 || (size_t)n >= sizeof(text))
		return err_set(e, ENAMETOOLONG, "label is too long");
	if (write(fd, text, (size_t)n) != n)
		return err_sys(e, errno, "write label %s to `/proc/%s`", s->label, path);
	*(s->apparmor ? &in->apparmor : &in->selinux) = s->label;
	return check_label(s, e);
}

int init_no_new_privs(struct init *in, const struct step_no_new_privs *s, struct err *e)
{
	(void)in;
	(void)s;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? err_sys(e, errno, "set no_new_privs") : 0;
}

static int hand_listener(struct init *in, int fd, struct err *e)
{
	struct sync_message m = { 0 };
	int got = -1;
	int r = sync_send(in->sync, SYNC_NOTIFY, 0, fd, e);

	if (r == 0)
		r = sync_recv(in->sync, -1, &m, &got, e);
	fd_close(&got);
	if (r < 0)
		return r;
	return m.type == SYNC_HANDED
		       ? 0
		       : err_set(e, EPROTO, "unexpected message \"%s\" instead of handed", sync_name(m.type));
}

/* Past the gate nothing but the exec is left: a profile need not allow what prepares it, and comes last (D13). */
int init_seccomp(struct init *in, const struct step_seccomp *s, struct err *e)
{
	if (!in->started)
		return init_load_filter(in, s, e);
	in->filter = s;
	return 0;
}

int init_load_filter(struct init *in, const struct step_seccomp *s, struct err *e)
{
	if (s->filter.n / sizeof(struct sock_filter) > BPF_MAXINSNS ||
	    s->filter.n % sizeof(struct sock_filter))
		return err_set(e, E2BIG, "linux.seccomp: %llu bytes are no program that the kernel takes",
			       (unsigned long long)s->filter.n);
	const struct sock_fprog prog = { .len = (unsigned short)(s->filter.n / sizeof(struct sock_filter)),
					 .filter = (struct sock_filter *)(uintptr_t)s->filter.v };
	int r = init_enforce_landlock(in, e);
	if (r < 0)
		return r;
	auto_close int fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, (unsigned int)s->flags, &prog);

	if (fd < 0)
		return err_sys(e, fd, "load the seccomp filter");
	if (s->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		return hand_listener(in, fd, e);
	(void)TAKE_FD(fd); /* without a listener the result is 0, not a descriptor */
	return 0;
}

/* ---- credentials --------------------------------------------------------------------------------------- */

/*
 * Without CAP_SETPCAP nothing can be dropped, and need not where it is not there. What is there is verified later. What
 * is to be kept the planner has compared with what we have.
 */
static int drop_bounding(const struct step_credentials *s, struct init_caps *ret, struct err *e)
{
	int r = s->inheritable ? init_get_bounding(s->bounding, &ret->bounding, e) : 0;

	if (r < 0)
		return r;
	if (!s->inheritable)
		ret->bounding = s->bounding;
	for (uint32_t cap = 0; cap <= s->last_cap; cap++)
		if (!(s->bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			int why = errno;
			if (why != EPERM || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
				return err_sys(e, why, "drop capability %u from the bounding set", cap);
		}
	return 0;
}

static int set_ids(const struct step_credentials *s, struct err *e)
{
	int r = s->set_groups ? sys_setgroups((size_t)s->groups.n, s->groups.v) : 0;

	if (r < 0)
		return err_sys(e, r, "set process.user.additionalGids");
	r = sys_setresgid(s->gid);
	if (r < 0)
		return err_sys(e, r, "set process.user.gid to %u", s->gid);
	r = sys_setresuid(s->uid);
	return r < 0 ? err_sys(e, r, "set process.user.uid to %u", s->uid) : 0;
}

int init_get_caps(struct init_caps *ret, struct err *e)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		return err_sys(e, errno, "read the capability sets");
	*ret = (struct init_caps){ .effective = d[0].effective | (uint64_t)d[1].effective << 32,
				   .permitted = d[0].permitted | (uint64_t)d[1].permitted << 32,
				   .inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32 };
	return 0;
}

int init_get_bounding(uint64_t caps, uint64_t *ret, struct err *e)
{
	*ret = 0;
	for (unsigned int cap = 0; cap < 64 && caps >> cap; cap++) {
		int r = caps >> cap & 1 ? prctl(PR_CAPBSET_READ, cap, 0, 0, 0) : 0;
		if (r < 0 && errno != EINVAL) /* that: the kernel has no such capability */
			return err_sys(e, errno, "read the bounding set");
		if (r == 1)
			*ret |= 1ULL << cap;
	}
	return 0;
}

/*
 * What this process cannot have is left out, as the specification wants it; the planner has said so where it
 * could know. The kernel's rules: permitted only shrinks, inheritable stays within it and the bounding set.
 */
static int grantable(const struct step_credentials *s, struct init_caps *ret, struct err *e)
{
	struct init_caps now;
	int r = init_get_caps(&now, e);

	if (r < 0)
		return r;
	uint64_t bounding = now.permitted & ret->bounding;
	ret->permitted = s->permitted & now.permitted;
	ret->effective = s->effective & ret->permitted;
	ret->inheritable = s->inheritable & (now.inheritable | bounding);
	ret->ambient = s->ambient & ret->permitted & ret->inheritable;
	return 0;
}

static int set_caps(const struct step_credentials *s, const struct init_caps *c, struct err *e)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	for (int i = 0; i < 2; i++)
		d[i] = (struct __user_cap_data_struct){ .effective = (uint32_t)(c->effective >> 32 * i),
							.permitted = (uint32_t)(c->permitted >> 32 * i),
							.inheritable = (uint32_t)(c->inheritable >> 32 * i) };
	if (syscall(SYS_capset, &h, d) < 0)
		return err_sys(e, errno, "set process.capabilities");
	/* An ambient one is permitted and inheritable, always: where nothing is both, none is left. */
	if (c->permitted & c->inheritable && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, errno, "clear the ambient set");
	for (uint32_t cap = 0; cap <= s->last_cap; cap++)
		if (c->ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return err_sys(e, errno, "raise ambient capability %u", cap);
	return 0;
}

/*
 * Below the root, and not through a link of /proc: a descriptor that somebody left open would be a way out (D7).
 * Relative links and those of the image are followed. 0 or -errno.
 */
static int enter_cwd(const struct init *in, const char *cwd)
{
	if (strcmp(cwd, "/") == 0 && in->entered)
		return 0; /* where entering it has left us */
	if (strcmp(cwd, "/") == 0)
		return fchdir(in->root) < 0 ? -errno : 0;
	auto_close int fd = path_open(in->root, cwd, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return fd;
	return fchdir(fd) < 0 ? -errno : 0;
}

/* A working directory outside the root shows as a path that is not absolute (D7). */
static int check_cwd(const char *cwd, struct err *e)
{
	char now[PATH_MAX];
	long n = syscall(SYS_getcwd, now, sizeof(now));

	if (n < 0)
		return err_sys(e, errno, "process.cwd %s", cwd);
	if (now[0] != '/')
		return err_set(e, EPERM, "process.cwd %s: is outside of the container", cwd);
	return 0;
}

static int cwd_error(const char *cwd, int errnum, struct err *e)
{
	return err_set(e, -errnum, "process.cwd %s: %s", cwd,
		       errnum == -ENOENT ? "missing"
		       : errnum == -ELOOP ? "a loop of links, or a link of /proc, is on the way"
					  : err_text(-errnum));
}

int init_credentials(struct init *in, const struct step_credentials *s, struct err *e)
{
	int r = drop_bounding(s, &in->caps, e);

	in->credentials = s;
	if (r == 0)
		r = init_root_fd(in, e);
	if (r < 0)
		return r;
	/* Once as root, once as the user: either may be the one who is let in. */
	int there = enter_cwd(in, s->cwd);
	if (there < 0 && there != -EACCES)
		return cwd_error(s->cwd, there, e);
	/* Root, whoever becomes it, keeps them anyway. */
	if (s->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "keep capabilities over the change of user");
	r = set_ids(s, e);
	if (r == 0)
		r = grantable(s, &in->caps, e);
	if (r == 0)
		r = set_caps(s, &in->caps, e);
	if (r < 0)
		return r;
	/* Only a change of the effective ids undoes it: sets that shrink do not (commit_creds() of the kernel). */
	if (in->other_ids || s->uid != sys_euid() || s->gid != sys_egid())
		init_guard();
	if (there < 0 && (there = enter_cwd(in, s->cwd)) < 0)
		return cwd_error(s->cwd, there, e);
	return strcmp(s->cwd, "/") == 0 ? 0 : check_cwd(s->cwd, e); /* we went to the root itself */
}

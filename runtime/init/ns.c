/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, ids and session: the steps before the first mount. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "init.h"

#define MAPS_TIMEOUT_MS 60000

const struct init_namespace init_namespaces[PLAN_NAMESPACES_N] = {
#define X(name, type) { name, type },
	PLAN_NAMESPACES(X)
#undef X
};

/* What init_inspect() will find, when all went well: looked up where the kernel lets us join, so that it lets us look. */
static void note_join(struct init *in, const struct step_join *s)
{
	char path[64];
	struct stat st;

	for (size_t i = 0; i < PLAN_NAMESPACES_N; i++) {
		if (!(s->type & init_namespaces[i].type))
			continue;
		(void)snprintf(path, sizeof(path), "%u/ns/%s", s->pid, init_namespaces[i].name);
		if ((s->pid ? fstatat(in->proc, path, &st, 0) : fstat(in->slots[s->ns], &st)) == 0)
			in->joined[i] = (uint32_t)st.st_ino;
		else
			in->joined_unknown |= init_namespaces[i].type;
	}
}

int init_join(struct init *in, const struct step_join *s, struct err *e)
{
	if (s->ns < 0)
		return err_set(e, EPROTO, "plan: join without a namespace");
	note_join(in, s);
	if (setns(in->slots[s->ns], (int)s->type) < 0)
		return err_sys(e, errno, "join namespace 0x%x", s->type);
	fd_close(&in->slots[s->ns]);
	if (s->type & CLONE_NEWUSER || !s->type) {
		in->other_ids = true;
		init_guard();
	}
	return 0;
}

/*
 * An exec begun ahead: the process that it is for is not known yet, and what follows here is that of another one. This
 * one is in no pid namespace of the container's, so that nobody in there sees it. An end of file: nobody wants it.
 */
int init_rest(struct init *in, const struct step_rest *s, struct err *e)
{
	struct sync_message m = { 0 };
	int fd = -1;

	in->cgroup = s->cgroup >= 0 ? in->slots[s->cgroup] : -1;
	in->ahead = true;
	int r = sync_recv(in->sync, -1, &m, &fd, e);
	if (r < 0)
		return r;
	if (m.type == SYNC_EOF)
		_exit(1);
	fd_close(&fd);
	if (m.type != SYNC_REST || s->plan < 0)
		return err_set(e, EPROTO, "unexpected message \"%s\" instead of the rest of the plan", sync_name(m.type));
	fd = in->slots[s->plan];
	in->slots[s->plan] = -EBADF;
	return init_run(in, fd, e);
}

int init_unshare(struct init *in, const struct step_unshare *s, struct err *e)
{
	(void)in;
	return unshare((int)s->flags) < 0
		       ? err_sys(e, errno, "make namespaces 0x%llx", (unsigned long long)s->flags)
		       : 0;
}

int init_time(struct init *in, const struct step_time *s, struct err *e)
{
	(void)in;
	if (unshare((int)SYS_CLONE_NEWTIME) < 0)
		return err_sys(e, errno, "make a time namespace");
	if (!s->offsets)
		return 0;
	/* The file is root's, not our user namespace's, while nobody may look into us; nobody of the container exists who could. */
	if (s->alone)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	auto_close int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (s->alone)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (fd < 0)
		return err_sys(e, errno, "open the offsets of the time namespace");
	size_t n = strlen(s->offsets);
	return write(fd, s->offsets, n) != (ssize_t)n ? err_sys(e, errno, "set linux.timeOffsets") : 0;
}

/*
 * Where we were begun ahead what our end takes comes after the program's: with the end of the host side, whose death is ours
 * (init_guard). The program's streams and its line are its alone.
 */
static void leave_later(void)
{
	if (sys_close_range(0, ~0U, 0) == 0)
		(void)poll(NULL, 0, -1);
}

/* What is left to do before the part that forked ends. It fails only together with the child, which waits for the maps. */
static int leave(struct init *in, const struct step_fork *s, pid_t pid, int pidfd, struct err *e)
{
	int r = s->trees ? init_clone_trees(in, pidfd, e) : 0;

	if (r == 0)
		r = sync_send(in->sync, SYNC_FORKED, pid, -1, e);
	else
		(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	if (r == 0 && in->ahead)
		leave_later();
	return r;
}

/*
 * The child goes on as the container's first process; a sibling of ours, so that its parent is our caller. It shares
 * our descriptors while we clone sources for it, and is alone with them when we have ended.
 */
int init_fork(struct init *in, const struct step_fork *s, struct err *e)
{
	int fd = -1, pidfd = -1, order[2] = { -1, -1 };
	const struct sys_clone_args args = {
		.flags = s->flags | SYS_CLONE_PARENT | (s->trees ? SYS_CLONE_FILES | SYS_CLONE_PIDFD : 0) |
			 (in->cgroup >= 0 ? SYS_CLONE_INTO_CGROUP : 0),
		.pidfd = s->trees ? (uint64_t)(uintptr_t)&pidfd : 0,
		.cgroup = in->cgroup >= 0 ? (uint64_t)in->cgroup : 0,
	};
	struct sync_message m;
	char none;

	/* A child without maps to wait for waits for the end of this pipe: FORKED precedes all it says. */
	if (!s->maps && pipe2(order, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	/* The maps are written through /proc/PID, which only a dumpable process gives to its owner. No
	 * process of the container exists yet that could make use of that. */
	if (s->maps)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	init_close_left(in); /* they would be closed by both */
	pid_t pid = sys_clone3(&args);
	if (pid < 0)
		return err_sys(e, pid, "create the container's first process");
	if (pid > 0) {
		if (leave(in, s, pid, pidfd, e) < 0)
			return -e->code;
		_exit(0);
	}
	in->other_ids = true;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!s->maps) {
		fd_close(&order[1]);
		while (read(order[0], &none, 1) < 0 && errno == EINTR)
			;
		fd_close(&order[0]);
		return 0;
	}
	int r = sync_recv(in->sync, MAPS_TIMEOUT_MS, &m, &fd, e);
	fd_close(&fd);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (r < 0)
		return r;
	return m.type == SYNC_MAPPED ? 0
				     : err_set(e, EPROTO, "unexpected message \"%s\" instead of id maps",
					       sync_name(m.type));
}

int init_become(struct init *in, const struct step_become *s, struct err *e)
{
	int r = sys_setresgid(s->gid);

	in->other_ids = true;
	if (r < 0)
		return err_sys(e, r, "become group %u of the user namespace", s->gid);
	r = sys_setresuid(s->uid);
	if (r < 0)
		return err_sys(e, r, "become user %u of the user namespace", s->uid);
	init_guard();
	return 0;
}

static int set_key_label(const char *label, struct err *e)
{
	auto_close int fd = init_proc_open("self/attr/keycreate", O_WRONLY);

	if (fd < 0)
		return fd == -ENOENT ? 0 : err_sys(e, fd, "open the label of new keys");
	size_t n = strlen(label);
	if (write(fd, label, n) != (ssize_t)n)
		return err_sys(e, errno, "label the session keyring %s", label);
	return 0;
}

/* Not the caller's terminal to type into, nor his process group to signal; a keyring of its own (D11), for exec as well. */
int init_session(struct init *in, const struct step_session *s, struct err *e)
{
	(void)in;
	/* It fails for who leads a group, which is as good only where that is a session too: the caller's terminal (D11). */
	if (setsid() < 0 && getsid(0) != getpid())
		return err_sys(e, errno, "start a session");
	if (!s->keyring)
		return 0;
	if (s->key_label) {
		int r = set_key_label(s->key_label, e);
		if (r < 0)
			return r;
	}
	/* Without a name: by one the kernel would look through all that have any, and take what somebody else called so. */
	long r = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0);
	/* Kernels without keys, filters of an outer container, a quota that is used up: the caller's keyring
	 * is not reachable through any of them in a way that a new one would prevent. */
	if (r == -ENOSYS || r == -EPERM || r == -EDQUOT)
		return 0;
	return r < 0 ? err_sys(e, (int)r, "join a new session keyring") : 0;
}

static int ack(int sock, const char *what, struct err *e)
{
	union {
		struct nlmsghdr h;
		char bytes[512];
	} buf;
	ssize_t n = recv(sock, &buf, sizeof(buf), 0);

	if (n < (ssize_t)(sizeof(struct nlmsghdr) + sizeof(int)) || buf.h.nlmsg_type != NLMSG_ERROR)
		return err_set(e, EPROTO, "%s: no answer", what);
	int code;
	memcpy(&code, buf.bytes + sizeof(struct nlmsghdr), sizeof(code));
	return code ? err_sys(e, code, "%s", what) : 0;
}

/* Made by the host side while we went on: one of the kernel's slowest, and nothing until here is about it. */
int init_network(struct init *in, const struct step_network *s, struct err *e)
{
	struct sync_message m = { 0 };
	int fd = -1;

	(void)s;
	int r = sync_recv(in->sync, -1, &m, &fd, e);
	if (r == 0 && (m.type != SYNC_NETWORK || fd < 0))
		r = err_set(e, EPROTO, "unexpected message \"%s\" instead of a network namespace", sync_name(m.type));
	if (r == 0 && setns(fd, CLONE_NEWNET) < 0)
		r = err_sys(e, errno, "join the network namespace");
	if (fd >= 0)
		init_leave(in, &fd);
	return r;
}

int init_netlink(struct init *in, const struct step_netlink *s, struct err *e)
{
	auto_close int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (sock < 0)
		return err_sys(e, errno, "%s", s->what);
	for (uint64_t at = 0; at + sizeof(struct nlmsghdr) <= s->messages.n;) {
		struct nlmsghdr h;
		memcpy(&h, s->messages.v + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > s->messages.n - at)
			return err_set(e, EPROTO, "plan: bad netlink message");
		if (send(sock, s->messages.v + at, h.nlmsg_len, 0) < 0)
			return err_sys(e, errno, "%s", s->what);
		int r = ack(sock, s->what, e);
		if (r < 0)
			return r;
		at += NLMSG_ALIGN(h.nlmsg_len);
	}
	init_leave(in, &sock);
	return 0;
}

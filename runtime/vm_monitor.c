/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of a micro-VM's container. Its first process is the client of the container's own program, so that its
 * exit status is the program's and its end is everybody's; a child starts the VMM and carries the frames between the
 * guest's agent and all clients. Must not act upon what is in the frames: it gives them the number of their stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/util.h"
#include "host_converse.h"
#include "vm.h"
#include "vm_filter.h"

#define QUEUE_MAX ((size_t)32 << 20)
#define SERIAL_MAX 8192
#define CHILDREN_MAX 3
#define TELL_MS 1000
#define TICK_MS 1000
#define PING_TICKS 5 /* of silence, before the guest is asked whether it is there */
#define STARTS_MAX 3
#define PATIENCE_TICKS_MIN 5
#define VM_STATUS 125 /* the VM, not the program: what engines call their own failure */

struct tail { size_t n; char text[SERIAL_MAX]; };
/* `used` until both the guest's side (EXIT) and the client's are at their end. */
struct stream { int fd; struct vm_reader *in; struct vm_queue out; bool used, exited; };
struct child { pid_t pid; int pidfd, says; const char *name; struct tail said; };

struct mux {
	struct arena *a;
	struct vm_machine machine;
	struct tap_set taps;
	int sharer; /* of the network namespace's sockets, while the VM needs them */
	int port, listener, serial;
	struct vm_reader in;
	struct vm_queue out;
	struct tail said; /* by the guest's kernel */
	struct child children[CHILDREN_MAX];
	size_t n_children;
	struct stream streams[VM_STREAMS_MAX];
	int64_t ticked;
	uint32_t silent; /* ticks since the guest was last heard */
	uint32_t waited, starts; /* ticks until hello, of all starts; their number */
	bool hello;
};

/* ---- starting it ------------------------------------------------------------------------------------------- */

static int listen_at(const char *path, int backlog, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, backlog) < 0)
		return err_sys(e, errno, "listen at %s", path);
	return TAKE_FD(fd);
}

/* The last use of the right to change the network. What is started gets it no more either. */
static void drop_network_rights(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct v[2];

	(void)prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0);
	if (syscall(SYS_capget, &h, v) < 0)
		_exit(VM_STATUS);
	v[0].effective &= ~(1U << CAP_NET_ADMIN);
	v[0].permitted &= ~(1U << CAP_NET_ADMIN);
	v[0].inheritable &= ~(1U << CAP_NET_ADMIN); /* and with it from the ambient ones */
	if (syscall(SYS_capset, &h, v) < 0)
		_exit(VM_STATUS);
}

/* Nothing of ours is left to the VMM: no capability, and no way to get one. */
static void drop_everything(bool change_ids)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	/* An id that owns nothing, where there is one; the device of KVM may be root's. */
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0); /* EPERM: there is nothing that could be gained back */
	if (change_ids && syscall(SYS_setresgid, 65534, 65534, 65534) == 0)
		(void)syscall(SYS_setresuid, 65534, 65534, 65534);
	if (syscall(SYS_capset, &h, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(126);
}

/* What is left of ourselves when everything is started: it reads what the guest says. */
static int lock_up(enum vm_filter filter, struct err *e)
{
	drop_everything(false);
	int r = vm_filter_apply(filter);
	return r < 0 ? err_sys(e, r, "filter the system calls of the micro-VM's monitor") : 0;
}

/* The file server holds a descriptor for every file that the guest knows. */
static void raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

/*
 * The file server ends when it cannot drop its supplementary groups. Where a user namespace denies that (one id mapped
 * by an ordinary user), they are the caller's own, as in any container of his: the server is told that it is done.
 */
static void allow_kept_groups(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { ARRAY_SIZE(code), code };

	if (syscall(SYS_setgroups, 0, NULL) < 0 && errno == EPERM)
		best_effort(sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog));
}

static int start(struct mux *m, const char *name, char **argv, const int *keep, size_t n_keep, bool drop,
		 enum vm_filter filter, struct err *e)
{
	struct child *c = &m->children[m->n_children];
	static char *const env[] = { NULL };
	int says[2];
	sigset_t none;

	if (pipe2(says, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(e, errno, "start %s", argv[0]);
	c->name = name;
	c->says = says[0];
	c->pid = fork();
	if (c->pid < 0)
		return err_sys(e, errno, "start %s", argv[0]);
	if (c->pid == 0) {
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(says[1], STDOUT_FILENO);
		(void)dup2(says[1], STDERR_FILENO);
		raise_files();
		for (size_t i = 0; i < n_keep; i++)
			(void)fcntl(keep[i], F_SETFD, 0);
		if (drop)
			drop_everything(!m->machine.kvm);
		else
			allow_kept_groups();
		if (vm_filter_apply(filter) < 0)
			_exit(126);
		(void)execve(argv[0], argv, env);
		(void)dprintf(STDERR_FILENO, "%s: %s\n", argv[0], err_text(errno));
		_exit(127);
	}
	(void)close(says[1]);
	c->pidfd = sys_pidfd_open(c->pid, 0);
	m->n_children++;
	return c->pidfd < 0 ? err_sys(e, c->pidfd, "watch %s", argv[0]) : 0;
}

static int start_share(struct mux *m, int i, struct err *e)
{
	auto_close int listener = listen_at(VM_FS_SOCKET(i), 1, e);
	char **argv;

	if (listener < 0)
		return listener;
	/* The VMM may have another id. */
	if (chmod(VM_FS_SOCKET(i), 0666) < 0)
		return err_sys(e, errno, "open %s to the VMM", VM_FS_SOCKET(i));
	/* Only this VM writes to the root; volumes may change under it. */
	int r = vm_virtiofsd_argv(m->a, &m->machine, i ? VM_SHARE_VOLUMES : VM_SHARE_ROOT, i ? "auto" : "always", listener, &argv, e);
	return r < 0 ? r : start(m, "the file server", argv, &listener, 1, false, VM_FILTER_FILES, e);
}

static int start_all(struct mux *m, struct err *e)
{
	int port[2] = { -EBADF, -EBADF }, serial[2] = { -EBADF, -EBADF };
	char **argv;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial) < 0)
		return err_sys(e, errno, "make the micro-VM's lines");
	int r = 0;
	for (int i = 0; r == 0 && i < (m->machine.volumes ? 2 : 1); i++)
		r = start_share(m, i, e);
	if (r == 0)
		r = vm_qemu_argv(m->a, &m->machine, &m->taps, port[1], serial[1], &argv, e);
	int keep[2 + TAP_MAX] = { port[1], serial[1] };
	for (size_t i = 0; i < m->taps.n; i++)
		keep[2 + i] = m->taps.v[i].fd;
	if (r == 0)
		r = start(m, "the micro-VM", argv, keep, 2 + m->taps.n, true,
			  m->machine.network == VM_NETWORK_USER ? VM_FILTER_VMM_ONLINE : VM_FILTER_VMM, e);
	fd_close(&port[1]);
	fd_close(&serial[1]);
	m->starts++;
	m->port = port[0];
	m->serial = serial[0];
	(void)fcntl(m->port, F_SETFL, O_NONBLOCK);
	(void)fcntl(m->serial, F_SETFL, O_NONBLOCK);
	return r;
}

/* Where it has another id than we, one of its own kind has to do it: we have no right to send anybody a signal. */
static void end_child(const struct child *c)
{
	int status;

	if (sys_pidfd_send_signal(c->pidfd, SIGKILL) < 0) {
		pid_t pid = fork();
		if (pid == 0) {
			drop_everything(true);
			_exit(sys_pidfd_send_signal(c->pidfd, SIGKILL) < 0);
		}
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* What start_all() has begun ends, as if it had not been. */
static void stop_all(struct mux *m)
{
	for (size_t i = 0; i < m->n_children; i++) {
		struct child *c = &m->children[i];
		end_child(c);
		fd_close(&c->pidfd);
		fd_close(&c->says);
		c->said.n = 0;
	}
	m->n_children = 0;
	for (int i = 0; i < 2; i++)
		(void)unlink(VM_FS_SOCKET(i));
	fd_close(&m->port);
	fd_close(&m->serial);
	m->in.at = m->in.n = 0;
	m->said.n = 0;
	m->silent = 0;
}

/* ---- why it ended ------------------------------------------------------------------------------------------ */

static void tail_read(struct tail *t, int *fd)
{
	char data[1024];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		fd_close(fd);
	if (n <= 0)
		return;
	if (t->n + (size_t)n >= sizeof(t->text)) {
		size_t drop = t->n + (size_t)n - sizeof(t->text) + 1;
		t->n -= drop;
		memmove(t->text, t->text + drop, t->n);
	}
	memcpy(t->text + t->n, data, (size_t)n);
	t->n += (size_t)n;
	t->text[t->n] = '\0';
}

/* The line that says most: a panic's first, or our agent's last; else the last one. */
static const char *telling(struct tail *t)
{
	static const char *const best[] = { "Kernel panic", "micro-VM's agent: ", "Out of memory" };
	char *line = NULL, *end;

	for (size_t i = 0; !line && i < ARRAY_SIZE(best); i++)
		line = strstr(t->text, best[i]);
	if (!line) {
		while (t->n && strchr("\r\n ", t->text[t->n - 1]))
			t->text[--t->n] = '\0';
		line = strrchr(t->text, '\n');
		line = line ? line + 1 : t->text;
	}
	end = line + strcspn(line, "\r\n");
	*end = '\0';
	return *line ? line : NULL;
}

/*
 * The one that ended first, when it was `seen` that one has: the file server goes with the VMM, and may be seen to go before
 * it. Who was killed did not follow another; else it is the VMM, the last of them, if its end of the line is closed.
 */
static struct child *first_to_end(struct mux *m, struct child *seen)
{
	struct pollfd p = { .fd = m->port };

	for (size_t i = 0; i < m->n_children; i++) {
		siginfo_t si = { 0 };
		struct child *c = &m->children[i];
		if (waitid((idtype_t)P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
			continue;
		if (si.si_code != CLD_EXITED)
			return c;
	}
	return m->n_children && poll(&p, 1, 0) > 0 && p.revents & POLLHUP ? &m->children[m->n_children - 1] : seen;
}

static int explain(struct mux *m, struct child *c, struct err *e)
{
	const struct timespec pause = { 0, 50000000 };

	(void)nanosleep(&pause, NULL); /* what it said last is on its way */
	c = first_to_end(m, c);
	if (m->serial >= 0)
		tail_read(&m->said, &m->serial);
	if (c->says >= 0)
		tail_read(&c->said, &c->says);
	const char *complaint = telling(&c->said), *said = telling(&m->said);
	bool panic = said && strstr(said, "anic");
	const char *why = panic || !complaint ? said : complaint;
	return err_set(e, ECONNRESET, "%s ended%s%s", c->name, why ? ": " : "", why ? why : "");
}

/* ---- carrying ---------------------------------------------------------------------------------------------- */

static int to_guest(struct mux *m, enum vm_type type, uint16_t stream, const void *data, size_t n, struct err *e)
{
	int r = vm_put(&m->out, QUEUE_MAX, type, stream, data, n);

	return r < 0 ? err_sys(e, r, "talk to the micro-VM") : 0;
}

static void stream_close(struct stream *s)
{
	fd_close(&s->fd);
	free(s->in);
	s->in = NULL;
	vm_queue_done(&s->out);
}

static int stream_open(struct mux *m, int fd)
{
	for (size_t i = 0; i < VM_STREAMS_MAX; i++) {
		struct stream *s = &m->streams[i];
		if (s->used)
			continue;
		s->in = calloc(1, sizeof(*s->in));
		if (!s->in)
			break;
		s->fd = fd;
		s->used = true;
		s->exited = false;
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		return 0;
	}
	(void)close(fd);
	return -EAGAIN;
}

/* A client's frame goes on with its stream's number. A client that is gone or says nonsense loses its stream. */
static int from_client(struct mux *m, uint16_t i, struct err *e)
{
	struct stream *s = &m->streams[i];
	struct vm_head h;
	const char *data;
	struct err wrong;
	int n = vm_read(s->in, s->fd), next = 0;

	if (n == -EAGAIN)
		return 0;
	while (n > 0 && (next = vm_next(s->in, VM_FROM_HOST, &h, &data, &wrong)) > 0) {
		int r = to_guest(m, (enum vm_type)h.type, i, data, h.size, e);
		if (r < 0)
			return r;
	}
	if (n > 0 && next == 0)
		return 0;
	stream_close(s);
	s->used = !s->exited;
	return s->exited ? 0 : to_guest(m, VM_GONE, i, NULL, 0, e);
}

static int from_guest(struct mux *m, struct err *e)
{
	struct vm_head h;
	const char *data;
	int n = vm_read(&m->in, m->port);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return explain(m, &m->children[m->n_children - 1], e);
	if (m->hello)
		m->silent = 0;
	while ((n = vm_next(&m->in, VM_FROM_GUEST, &h, &data, e)) > 0) {
		struct stream *s = &m->streams[h.stream];
		uint32_t protocol;

		if (h.type == VM_HELLO) {
			memcpy(&protocol, data, sizeof(protocol));
			if (protocol != VM_PROTOCOL)
				return err_set(e, EPROTO, "the micro-VM's agent speaks version %u, not %u", protocol, VM_PROTOCOL);
			m->hello = true;
			m->silent = 0;
			continue;
		}
		if (h.type == VM_PONG)
			continue;
		if (!m->hello || !s->used || s->exited)
			return err_set(e, EPROTO, "the micro-VM's agent sent a message for stream %u, which does not exist", h.stream);
		if (s->fd >= 0 && vm_put(&s->out, (size_t)4 * VM_WINDOW, (enum vm_type)h.type, 0, data, h.size) < 0)
			return err_set(e, EPROTO, "the micro-VM's agent sent more than it was given room for");
		if (h.type == VM_EXIT) {
			s->exited = true;
			s->used = s->fd >= 0;
		}
	}
	return n;
}

static void flush_clients(struct mux *m)
{
	for (uint16_t i = 0; i < VM_STREAMS_MAX; i++) {
		struct stream *s = &m->streams[i];
		if (s->fd >= 0 && vm_waits(&s->out))
			best_effort(vm_flush(&s->out, s->fd)); /* one that is gone shows when it is read from */
	}
}

/* Where things are in what is polled: three lines, two for each child, the streams. */
#define CHILDREN_AT 3
#define STREAMS_AT (CHILDREN_AT + 2 * CHILDREN_MAX)

/* Before its hello the guest is told nothing, and the clients are not heard: it may have to be started again. */
static size_t poll_set(struct mux *m, struct pollfd *p)
{
	size_t n = 0;

	p[n++] = (struct pollfd){ .fd = m->port, .events = (short)(POLLIN | (m->hello && vm_waits(&m->out) ? POLLOUT : 0)) };
	p[n++] = (struct pollfd){ .fd = m->hello ? m->listener : -1, .events = POLLIN };
	p[n++] = (struct pollfd){ .fd = m->serial, .events = POLLIN };
	for (size_t i = 0; i < ARRAY_SIZE(m->children); i++) {
		p[n++] = (struct pollfd){ .fd = i < m->n_children ? m->children[i].pidfd : -1, .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = i < m->n_children ? m->children[i].says : -1, .events = POLLIN };
	}
	for (size_t i = 0; i < VM_STREAMS_MAX; i++)
		p[n++] = (struct pollfd){ .fd = m->hello ? m->streams[i].fd : -1,
					  .events = (short)(POLLIN | (vm_waits(&m->streams[i].out) ? POLLOUT : 0)) };
	return n;
}

/* What it said last is told, and that is lost for it. */
static int give_up(struct mux *m, const char *what, struct err *e)
{
	const char *said = m->said.n ? telling(&m->said) : NULL;

	return err_set(e, ETIMEDOUT, "the micro-VM did not %s within %u seconds%s%s", what, m->machine.timeout, said ? ": " : "",
		       said ? said : "");
}

/* On the program's standard error, unless somebody lets it overflow. */
static void warn_restart(struct mux *m)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	const char *said = m->said.n ? telling(&m->said) : NULL;

	if (poll(&p, 1, 0) > 0 && p.revents & POLLOUT)
		(void)dprintf(STDERR_FILENO, "ctr: warning: the micro-VM was silent for %u seconds while it started%s%s: it is started again\n",
			      m->silent, said ? ", after " : "", said ? said : "");
}

/*
 * An emulated machine may hang in its kernel where another does not: by emulation, interrupts come at moments at which
 * no hardware would give one. Nothing has happened in it yet, so that another one can take its place. The last
 * one has all the time that is left, because a machine that is only slow makes nothing faster by a new beginning.
 */
static int tick_start(struct mux *m, struct err *e)
{
	const uint32_t patience = MAX(m->machine.timeout / 6, (uint32_t)PATIENCE_TICKS_MIN);

	if (++m->waited > m->machine.timeout)
		return give_up(m, "start", e);
	if (m->machine.kvm || m->silent < patience || m->starts == STARTS_MAX || m->machine.timeout - m->waited < patience)
		return 0;
	warn_restart(m);
	stop_all(m);
	int r = start_all(m, e);
	return r < 0 ? r : 1;
}

/*
 * Time is counted while this process runs: what a pause takes from it, it takes from the guest as well. A guest that
 * is silent is asked; one that does not answer is given up, since nobody could end its program in another way. 1: it is
 * another one now.
 */
static int tick(struct mux *m, struct err *e)
{
	const int64_t now = now_ms();
	const uint32_t nobody = 0;

	if (now - m->ticked < TICK_MS)
		return 0;
	m->ticked = now;
	m->silent++;
	if (!m->hello)
		return tick_start(m, e);
	if (m->silent > m->machine.timeout)
		return give_up(m, "answer", e);
	if (m->silent != MIN(PING_TICKS, m->machine.timeout / 2 + 1))
		return 0;
	return to_guest(m, VM_PING, 0, &nobody, sizeof(nobody), e);
}

static int step(struct mux *m, struct err *e)
{
	struct pollfd p[STREAMS_AT + VM_STREAMS_MAX];
	size_t n = poll_set(m, p);
	int r = poll(p, n, (int)MAX(m->ticked + TICK_MS - now_ms(), (int64_t)1));

	if (r < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "wait");
	r = tick(m, e);
	if (r != 0)
		return MIN(r, 0);
	if (p[2].revents) {
		tail_read(&m->said, &m->serial);
		m->silent = m->hello ? m->silent : 0;
	}
	for (size_t i = 0; i < m->n_children; i++)
		if (p[CHILDREN_AT + 2 * i + 1].revents)
			tail_read(&m->children[i].said, &m->children[i].says);
	r = p[0].revents & (POLLIN | POLLHUP) ? from_guest(m, e) : 0;
	for (size_t i = 0; i < m->n_children; i++)
		if (p[CHILDREN_AT + 2 * i].revents && (r == 0 || r == -ECONNRESET))
			r = explain(m, &m->children[i], e);
	if (r < 0)
		return r;
	if (p[1].revents) {
		int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			best_effort(stream_open(m, fd));
	}
	for (uint16_t i = 0; r == 0 && i < VM_STREAMS_MAX; i++)
		if (p[STREAMS_AT + i].revents & (POLLIN | POLLHUP | POLLERR))
			r = from_client(m, i, e);
	flush_clients(m);
	if (r == 0 && m->hello && vm_flush(&m->out, m->port) < 0)
		r = explain(m, &m->children[m->n_children - 1], e);
	return r;
}

static void tell(struct stream *s, const struct err *e)
{
	if (s->fd < 0 || vm_put(&s->out, QUEUE_MAX, VM_FAIL, 0, e->text, strlen(e->text)) < 0)
		return;
	best_effort(vm_flush(&s->out, s->fd));
	(void)shutdown(s->fd, SHUT_WR);
}

/*
 * Everybody hears why, before the end of this process closes their lines. The client of the container's own program is
 * the last, since its end is everybody's.
 */
static void tell_all(struct mux *m, const struct err *e)
{
	const int64_t deadline = now_ms() + TELL_MS;
	char data[1024];

	for (size_t i = VM_STREAMS_MAX; i-- > 0;) {
		struct stream *s = &m->streams[i];
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		ssize_t n = 1;
		tell(s, e);
		/* It has heard when it closes its end; what it says until then is of no use. */
		while (i != VM_MAIN && s->fd >= 0 && n > 0 && poll(&p, 1, (int)MAX(deadline - now_ms(), (int64_t)0)) > 0)
			n = read(s->fd, data, sizeof(data));
	}
}

/* The guest is told before it is told anything else. */
static int tell_network(struct mux *m, struct err *e)
{
	const struct strbuf *b = &m->taps.messages;
	int r = 0;

	for (size_t at = 0; r == 0 && at < b->n; at += VM_DATA_MAX)
		r = to_guest(m, VM_NET, 0, b->p + at, MIN(b->n - at, (size_t)VM_DATA_MAX), e);
	return r < 0 ? r : to_guest(m, VM_NET, 0, NULL, 0, e);
}

/* The taps, where they are to be and may be. Afterwards nobody here can change the network any more. */
static int join_network(struct mux *m, struct err *e)
{
	const bool try = m->machine.network == VM_NETWORK_TAP_OR_USER;
	int r = 0;

	if (try || m->machine.network == VM_NETWORK_TAP) {
		r = tap_join(&m->taps, e);
		if (r == 0)
			m->machine.network = m->taps.n ? VM_NETWORK_TAP : VM_NETWORK_NONE;
		else if (try && (r == -EPERM || r == -EACCES)) {
			m->machine.network = VM_NETWORK_USER;
			r = 0;
		}
	}
	drop_network_rights();
	if (r == 0 && m->machine.network == VM_NETWORK_USER)
		r = tap_keep_out(&m->sharer, e);
	return r == 0 && m->taps.n ? tell_network(m, e) : r;
}

static __attribute__((noreturn)) void carry(struct arena *a, const struct vm_machine *machine, int main_client)
{
	struct mux *m = calloc(1, sizeof(*m));
	struct err e = { 0 };

	if (!m)
		_exit(VM_STATUS);
	m->a = a;
	m->machine = *machine;
	m->ticked = now_ms();
	m->port = m->serial = m->listener = m->sharer = -EBADF;
	for (size_t i = 0; i < VM_STREAMS_MAX; i++)
		m->streams[i].fd = -EBADF;
	int r = stream_open(m, main_client);
	if (r == 0)
		r = m->listener = listen_at(VM_SOCKET, 16, &e);
	if (r >= 0)
		r = join_network(m, &e);
	if (r >= 0)
		r = start_all(m, &e);
	while (r >= 0 && !m->hello)
		r = step(m, &e);
	tap_set_done(&m->taps); /* they are the VMM's now */
	/* Until here the guest has said one word of fixed length, and nobody's program runs in it. */
	if (r >= 0)
		r = lock_up(VM_FILTER_MONITOR, &e);
	while (r >= 0)
		r = step(m, &e);
	tell_all(m, &e);
	_exit(VM_STATUS);
}

/* ---- the two commands -------------------------------------------------------------------------------------- */

static int number_of(const char *name, uint64_t max, uint64_t *ret, struct err *e)
{
	const char *text = getenv(name);

	return text && str_u64(text, max, ret) == 0 ? 0 : err_bad(e, "%s is missing", name);
}

static int read_command(struct strbuf *b, bool exec, struct vm_command *ret, struct err *e)
{
	char name[64];
	uint64_t terminal = 0;
	const char *text;
	int r = number_of("CTR_VM_TERMINAL", 1, &terminal, e);

	for (size_t i = 0; snprintf(name, sizeof(name), VM_ENV_DOCUMENT "%zu", i), (text = getenv(name)); i++)
		strbuf_puts(b, text);
	if (b->failed)
		return err_nomem(e);
	*ret = (struct vm_command){ exec, terminal != 0, b->p ? b->p : "", b->n };
	return r;
}

static int read_machine(struct vm_machine *m, struct err *e)
{
	uint64_t kvm, vcpus, volumes, network, timeout;
	int r = number_of("CTR_VM_KVM", 1, &kvm, e);

	if (r == 0)
		r = number_of("CTR_VM_MEMORY", UINT32_MAX, &m->memory_mib, e);
	if (r == 0)
		r = number_of("CTR_VM_VCPUS", 256, &vcpus, e);
	if (r == 0)
		r = number_of("CTR_VM_TIMEOUT", UINT32_MAX, &timeout, e);
	if (r == 0)
		r = number_of("CTR_VM_VOLUMES", 1, &volumes, e);
	if (r == 0)
		r = number_of("CTR_VM_NETWORK", VM_NETWORK_TAP, &network, e);
	if (r < 0)
		return r;
	m->network = (enum vm_network)network;
	m->kvm = kvm;
	m->timeout = (uint32_t)timeout;
	m->vcpus = (uint32_t)vcpus;
	m->volumes = volumes;
	m->qemu = getenv("CTR_VM_QEMU");
	m->virtiofsd = getenv("CTR_VM_VIRTIOFSD");
	m->append = getenv("CTR_VM_APPEND");
	return m->qemu && m->virtiofsd ? 0 : err_bad(e, "CTR_VM_QEMU is missing");
}

/* Said here, because this is the program of a container and not a command that somebody called. */
static int finish(int status, const struct err *e)
{
	if (status >= 0)
		return status;
	(void)fprintf(stderr, "ctr: %s\n", e->text);
	return VM_STATUS;
}

static int monitor_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	auto_strbuf struct strbuf document = { 0 };
	struct vm_machine machine = { 0 };
	struct vm_command k = { 0 };
	int pair[2];

	(void)opts;
	(void)argc;
	(void)argv;
	int r = read_machine(&machine, e);
	if (r == 0)
		r = read_command(&document, false, &k, e);
	if (r == 0)
		r = signals_take(e);
	if (r < 0)
		return finish(r, e);
	int signals = r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return finish(err_sys(e, errno, "make a socket pair"), e);
	pid_t pid = fork();
	if (pid < 0)
		return finish(err_sys(e, errno, "start the monitor"), e);
	if (pid == 0) {
		(void)close(pair[0]);
		(void)close(signals);
		carry(&ctx->arena, &machine, pair[1]);
	}
	(void)close(pair[1]);
	r = lock_up(VM_FILTER_CLIENT, e);
	return finish(r < 0 ? r : vm_client(pair[0], signals, &k, e), e);
}

static int client_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	auto_strbuf struct strbuf document = { 0 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = VM_SOCKET };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct vm_command k = { 0 };

	(void)ctx;
	(void)opts;
	(void)argc;
	(void)argv;
	int r = read_command(&document, true, &k, e);
	if (r == 0)
		r = signals_take(e);
	if (r < 0)
		return finish(r, e);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return finish(err_sys(e, errno, "reach the micro-VM's monitor"), e);
	const int signals = r;
	r = lock_up(VM_FILTER_CLIENT, e);
	return finish(r < 0 ? r : vm_client(fd, signals, &k, e), e);
}

/* Not for people: they are what runs inside a micro-VM's container. */
const struct command command_vm_monitor = { .name = "vm-monitor", .operands = "", .help = "", .run = monitor_run };
const struct command command_vm_client = { .name = "vm-client", .operands = "", .help = "", .run = client_run };

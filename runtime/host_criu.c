/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the program criu. Nothing here knows the form of its images. */
#include "host_criu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../oci/annotations.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"
#include "base/wait.h"
#include "criu_rpc.h"

extern char **environ;

#define IMAGE_DEFAULT "checkpoint"
#define CRIU_TIMEOUT_MS 1800000 /* gigabytes of memory go to a disk */
#define LOG_MAX ((size_t)64 << 20)

const struct criu_outside criu_outside[CRIU_OUTSIDE] = {
	{ CLONE_NEWNET, "net", "extRootNetNS" },
	{ CLONE_NEWPID, "pid", "extRootPidNS" },
};

/* ---- words -------------------------------------------------------------------------------------------------- */

void criu_word(struct criu_words *w, const char *word)
{
	w->failed |= strv_add(w->arena, &w->list, word) < 0;
}

void criu_option(struct criu_words *w, const char *name, const char *value)
{
	if (!value)
		return;
	criu_word(w, name);
	criu_word(w, value);
}

void criu_optionf(struct criu_words *w, const char *name, const char *fmt, ...)
{
	char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0) {
		w->failed = true;
		value = NULL;
	}
	va_end(ap);
	criu_option(w, name, value);
	free(value);
}

static bool is_word(const char *value, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(value, *words))
			return true;
	return false;
}

static int check_words(const struct criu_opts *o, struct err *e)
{
	static const char *const modes[] = { "soft", "full", "strict", "ignore", "none", "props", NULL };
	static const char *const locks[] = { "iptables", "nftables", "skip", NULL };

	if (o->manage_cgroups && !is_word(o->manage_cgroups, modes))
		return err_bad(e, "invalid --manage-cgroups-mode \"%s\": must be soft, full, strict or ignore", o->manage_cgroups);
	if (o->network_lock && !is_word(o->network_lock, locks))
		return err_bad(e, "invalid --network-lock \"%s\": must be iptables or nftables", o->network_lock);
	for (size_t i = 0; i < o->empty_ns.n; i++)
		if (!str_eq(o->empty_ns.v[i], "network"))
			return err_bad(e, "invalid --empty-ns \"%s\": must be network", o->empty_ns.v[i]);
	return 0;
}

static const char *images(const struct criu_opts *o)
{
	return o->image_path ? o->image_path : IMAGE_DEFAULT;
}

int criu_begin(struct ctx *ctx, struct criu_words *w, const char *action, const struct criu_opts *o, const char *rootfs,
	       struct err *e)
{
	const struct { bool set; const char *word; } flags[] = {
		{ o->tcp_established, "--tcp-established" }, { o->tcp_close, "--tcp-close" },
		{ o->ext_unix_sk, "--ext-unix-sk" },	     { o->shell_job, "--shell-job" },
		{ o->file_locks, "--file-locks" },	     { o->link_remap, "--link-remap" },
		{ o->auto_dedup, "--auto-dedup" },	     { o->lazy_pages, "--lazy-pages" },
	};
	const char *log = arena_printf(&ctx->arena, "%s.log", action);
	int r = check_words(o, e);

	if (r < 0)
		return r;
	if (geteuid() != 0)
		return err_set(e, EPERM, "checkpoint and restore need root");
	if (mkdir(images(o), 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make directory %s", images(o));
	if (o->work_path && mkdir(o->work_path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make directory %s", o->work_path);
	*w = (struct criu_words){ .arena = &ctx->arena };
	criu_word(w, "criu");
	criu_word(w, action);
	criu_option(w, "--images-dir", images(o));
	criu_option(w, "--work-dir", o->work_path ? o->work_path : images(o));
	criu_option(w, "--log-file", log);
	criu_word(w, "-v4");
	criu_option(w, "--root", rootfs);
	char *mode = arena_printf(&ctx->arena, "--manage-cgroups=%s", o->manage_cgroups ? o->manage_cgroups : "ignore");
	w->failed |= !log || !mode;
	if (mode)
		criu_word(w, mode);
	criu_option(w, "--network-lock", o->network_lock);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].set)
			criu_word(w, flags[i].word);
	for (size_t i = 0; i < o->empty_ns.n; i++)
		criu_option(w, "--empty-ns", "net");
	return w->failed ? err_nomem(e) : 0;
}

int criu_check_config(const struct config *c, const char *id, const char *verb, struct err *e)
{
	const struct namespace_conf *user = config_namespace(c, CLONE_NEWUSER);
	const char *overlay = config_annotation(c, ANNOTATION_OVERLAY), *idmap = config_annotation(c, ANNOTATION_ROOT_IDMAP);
	const struct { bool set; const char *what; } out[] = {
		{ c->linux_ && c->linux_->landlock, "Landlock rules" },
		{ c->linux_ && c->linux_->seccomp && c->linux_->seccomp->listener_path, "a seccomp listener" },
		{ user && !user->path, "a user namespace of its own" },
		{ c->vm, "a micro-VM" },
		{ overlay != NULL, "a root with a layer of its own (" ANNOTATION_OVERLAY ")" },
		{ idmap && str_eq(idmap, "true"), "a root with mapped ids (" ANNOTATION_ROOT_IDMAP ")" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(out); i++)
		if (out[i].set)
			return err_set(e, EOPNOTSUPP, "cannot %s container \"%s\": it has %s, which criu's images cannot hold", verb, id,
				       out[i].what);
	return 0;
}

/* ---- running it ---------------------------------------------------------------------------------------------------- */

static int find_program(struct arena *a, const char **ret, struct err *e)
{
	static const char usual[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const char *path = getenv("PATH");
	const char *lists[] = { path ? path : "", usual };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (const char *at = lists[i]; *at; at += *at == ':') {
			size_t n = strcspn(at, ":");
			char *file = arena_printf(a, "%.*s/criu", (int)n, at);
			if (!file)
				return err_nomem(e);
			at += n;
			if (file[0] == '/' && access(file, X_OK) == 0) {
				*ret = file;
				return 0;
			}
		}
	return err_set(e, ENOENT, "checkpoint and restore need the program criu (package criu)");
}

/* The first line of the log that is an error, without criu's time and place: the later ones only follow from it. */
static const char *complaint(struct arena *a, const char *log)
{
	char *text, *found, *line;
	size_t n;

	if (file_read_at(a, AT_FDCWD, log, LOG_MAX, &text, &n) < 0)
		return NULL;
	found = strstr(text, "Error (");
	if (!found)
		return NULL;
	found[strcspn(found, "\n")] = '\0';
	line = strstr(found, "): ");
	return line ? line + 3 : found;
}

static int enter_cgroup(int fd)
{
	return fd < 0 ? 0 : file_write(fd, "cgroup.procs", "0", 1);
}

struct err *criu_shared_err(struct err *e)
{
	void *p = mmap(NULL, sizeof(struct err), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		return p;
	(void)err_sys(e, errno, "start criu");
	return NULL;
}

/* One process of criu. */
struct child {
	const char *path;
	char **words;
	int cgroup_fd; /* -1: stays in ours */
	int socket;    /* for criu alone; -1: none */
	criu_prepare *prepare;
	void *arg;
	struct err *said; /* shared with it */
};

static int prepare_child(const struct child *c)
{
	int r = enter_cgroup(c->cgroup_fd);

	if (r < 0)
		return err_sys(c->said, r, "enter the container's cgroup");
	if (c->socket >= 0 && fcntl(c->socket, F_SETFD, 0) < 0)
		return err_sys(c->said, errno, "pass a socket on");
	return c->prepare ? c->prepare(c->arg, c->said) : 0;
}

__attribute__((noreturn)) static void become_criu(const struct child *c)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prepare_child(c) < 0)
		_exit(125);
	(void)dup2(null, 1);
	(void)dup2(null, 2);
	(void)execve(c->path, c->words, environ);
	(void)err_sys(c->said, errno, "run %s", c->path);
	_exit(127);
}

/* Waits for its end: a status as of waitpid(), or an error. */
static int wait_criu(pid_t pid, struct err *e)
{
	auto_close int pidfd = sys_pidfd_open(pid, 0);
	bool late = pidfd >= 0 && proc_wait_end(pidfd, CRIU_TIMEOUT_MS) == -ETIMEDOUT;
	int status = 0;

	if (late)
		(void)kill(pid, SIGKILL); /* our own unreaped child: the number is certain */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "wait for criu");
	return late ? err_set(e, ETIMEDOUT, "criu failed: no end after %d minutes", CRIU_TIMEOUT_MS / 60000) : status;
}

static int explain(struct arena *a, const struct criu_opts *o, const char *action, int status, struct err *e)
{
	const char *log = arena_printf(a, "%s/%s.log", o->work_path ? o->work_path : images(o), action);
	const char *said = log ? complaint(a, log) : NULL;

	return err_set(e, ECANCELED, "criu failed: %s (log file: %s)",
		       said ? said : WIFSIGNALED(status) ? "killed by a signal" : "no reason given", log ? log : "?");
}

static int start(struct ctx *ctx, struct child *c, struct err *e)
{
	int r = find_program(&ctx->arena, &c->path, e);

	if (r < 0)
		return r;
	c->said = criu_shared_err(e); /* what it says when it does not get as far as criu */
	if (!c->said)
		return -e->code;
	pid_t pid = fork();
	if (pid == 0)
		become_criu(c);
	return pid < 0 ? err_sys(e, errno, "start criu") : pid;
}

/* Its own reason, where it did not become criu. */
static int finish(struct child *c, int r, struct err *e)
{
	if (c->said && c->said->code)
		r = err_set(e, c->said->code, "%s", c->said->text);
	if (c->said)
		(void)munmap(c->said, sizeof(*c->said));
	return r;
}

int criu_run(struct ctx *ctx, struct criu_words *w, const struct criu_opts *o, const char *action, criu_prepare *prepare,
	     void *arg, struct err *e)
{
	struct child c = { .words = w->list.v, .cgroup_fd = -EBADF, .socket = -EBADF, .prepare = prepare, .arg = arg };
	int r = w->failed ? err_nomem(e) : start(ctx, &c, e);

	if (r > 0)
		r = wait_criu(r, e);
	r = finish(&c, r, e);
	return r > 0 ? explain(&ctx->arena, o, action, r, e) : r;
}

/* ---- service mode ----------------------------------------------------------------------------------------------- */

#define ANSWER_MAX 16384

/* The length of the next message, 0 at the end; a descriptor that came with it. */
static ssize_t receive(int sock, void *buf, size_t size, int *ret_fd, struct err *e)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec io = { buf, size };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;

	if (wait_for(sock, POLLIN, deadline_in(CRIU_TIMEOUT_MS)) == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "criu failed: no answer within %d minutes", CRIU_TIMEOUT_MS / 60000);
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET)
		return err_sys(e, errno, "hear of criu");
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return MAX(n, (ssize_t)0);
}

static int tell(int sock, const struct strbuf *b, struct err *e)
{
	if (b->failed)
		return err_nomem(e);
	/* criu may have ended, which the next answer shows; SIGPIPE is ignored. */
	return send(sock, b->p, b->n, MSG_NOSIGNAL) < 0 && errno != EPIPE ? err_sys(e, errno, "speak to criu") : 0;
}

/*
 * Answers notifications until the result: 1 when the process is restored, 0 when criu failed or ended. `own` keeps the
 * first error of an event: criu then undoes what it did, and fails in its turn.
 */
static int serve(int sock, criu_event *event, void *arg, pid_t *ret_pid, struct err *own, struct err *e)
{
	char buf[ANSWER_MAX];

	for (;;) {
		auto_strbuf struct strbuf reply = { 0 };
		auto_close int fd = -EBADF;
		struct criu_answer a;
		ssize_t n = receive(sock, buf, sizeof(buf), &fd, e);
		if (n <= 0)
			return (int)n;
		if (criu_answer_parse(buf, (size_t)n, &a) < 0)
			return err_set(e, EPROTO, "criu failed: an answer that is none");
		if (a.type != CRIU_NOTIFY) {
			*ret_pid = a.pid;
			return a.type == CRIU_RESTORE && a.success && a.pid > 0;
		}
		int r = own->code ? -own->code : event(arg, a.script, a.pid, &fd, own);
		criu_reply(&reply, r == 0);
		r = tell(sock, &reply, e);
		if (r < 0)
			return r;
	}
}

/*
 * The request; the directories stay open until criu has ended. They are opened in its mount namespace, which is not
 * ours: it mounts in them.
 */
static int request(struct strbuf *b, const struct criu_words *w, const struct criu_opts *o, pid_t pid, int dirs[2], struct err *e)
{
	const char *names[2] = { images(o), o->work_path ? o->work_path : images(o) };

	for (size_t i = 0; i < 2; i++) {
		const char *path = arena_printf(w->arena, "/proc/%d/%s/%s", pid, names[i][0] == '/' ? "root" : "cwd", names[i]);
		if (!path)
			return err_nomem(e);
		dirs[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dirs[i] < 0)
			return err_sys(e, errno, "open directory %s", names[i]);
	}
	return criu_request(b, w, dirs[0], dirs[1], e);
}

/* Until it has become criu, or has ended. */
static void wait_exec(int fd)
{
	char c;

	while (read(fd, &c, 1) < 0 && errno == EINTR)
		continue;
}

/* From its start to its end: a status as of waitpid(), 0 when the process is restored. */
static int converse(struct ctx *ctx, struct child *c, int sock, const struct criu_words *w, const struct criu_opts *o,
		    criu_event *event, pid_t *ret_pid, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	struct err own = { 0 }, second;
	int exec_pipe[2], dirs[2] = { -EBADF, -EBADF };

	if (pipe2(exec_pipe, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	pid_t pid = start(ctx, c, e);
	fd_close(&c->socket); /* or the end of criu would not show */
	fd_close(&exec_pipe[1]);
	if (pid >= 0)
		wait_exec(exec_pipe[0]);
	fd_close(&exec_pipe[0]);
	if (pid < 0)
		return pid;
	int r = request(&b, w, o, pid, dirs, e);
	if (r == 0)
		r = tell(sock, &b, e);
	if (r == 0)
		r = serve(sock, event, c->arg, ret_pid, &own, e);
	if (r < 0)
		(void)kill(pid, SIGKILL); /* our own unreaped child: the number is certain */
	(void)shutdown(sock, SHUT_RDWR);
	int status = wait_criu(pid, r < 0 ? &second : e);
	fd_close(&dirs[0]);
	fd_close(&dirs[1]);
	if (own.code)
		return err_set(e, own.code, "%s", own.text);
	if (r < 0 || status < 0)
		return r < 0 ? r : status;
	/* Without a result it failed, whatever its status. */
	return r == 1 ? 0 : MAX(status, 1);
}

int criu_restore(struct ctx *ctx, struct criu_words *w, const struct criu_opts *o, int cgroup_fd, criu_prepare *prepare,
		 criu_event *event, void *arg, pid_t *ret_pid, struct err *e)
{
	int pair[2];

	if (w->failed)
		return err_nomem(e);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make sockets");
	auto_close int ours = pair[0];
	char *words[] = { (char[]){ "criu" }, (char[]){ "swrk" }, arena_printf(&ctx->arena, "%d", pair[1]), NULL };
	struct child c = { .words = words, .cgroup_fd = cgroup_fd, .socket = pair[1], .prepare = prepare, .arg = arg };
	int r = words[2] ? converse(ctx, &c, ours, w, o, event, ret_pid, e) : err_nomem(e);
	fd_close(&c.socket);
	r = finish(&c, r, e);
	return r > 0 ? explain(&ctx->arena, o, "restore", r, e) : r;
}

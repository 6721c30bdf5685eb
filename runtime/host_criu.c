/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the program criu. Nothing here knows the form of its images. */
#include "host_criu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../oci/annotations.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"

extern char **environ;

#define IMAGE_DEFAULT "checkpoint"
#define CRIU_TIMEOUT_MS 1800000 /* gigabytes of memory go to a disk */
#define LOG_MAX ((size_t)64 << 20)

/* ---- words -------------------------------------------------------------------------------------------------- */

void criu_word(struct criu_words *w, const char *word)
{
	if (w->n + 1 >= w->size) {
		size_t size = w->size ? w->size * 2 : 64;
		char **v = arena_array(w->arena, size, sizeof(*v));
		if (v && w->n)
			memcpy(v, w->v, w->n * sizeof(*v));
		w->failed |= !v;
		if (!v)
			return;
		w->v = v;
		w->size = size;
	}
	w->v[w->n] = arena_strdup(w->arena, word);
	w->failed |= !w->v[w->n];
	w->v[++w->n] = NULL;
}

void criu_option(struct criu_words *w, const char *name, const char *value)
{
	if (!value)
		return;
	criu_word(w, name);
	criu_word(w, value);
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
	const char *overlay = config_annotation(c, ANNOTATION_OVERLAY), *idmap = config_annotation(c, ANNOTATION_ROOT_IDMAP);
	const struct { bool set; const char *what; } out[] = {
		{ c->process && c->process->terminal, "a terminal" },
		{ c->linux_ && c->linux_->landlock, "Landlock rules" },
		{ c->linux_ && c->linux_->seccomp && c->linux_->seccomp->listener_path, "a seccomp listener" },
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

/* What the child says when it does not get as far as criu: in memory that both see. */
static struct err *shared_err(struct err *e)
{
	void *p = mmap(NULL, sizeof(struct err), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		return p;
	(void)err_sys(e, errno, "start criu");
	return NULL;
}

__attribute__((noreturn)) static void become_criu(const char *path, char **words, int cgroup_fd, criu_prepare *prepare, void *arg,
						  struct err *said)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	int r = enter_cgroup(cgroup_fd);
	if (r < 0)
		r = err_sys(said, r, "enter the container's cgroup");
	if (r == 0 && prepare)
		r = prepare(arg, said);
	if (r < 0)
		_exit(125);
	(void)dup2(null, 1);
	(void)dup2(null, 2);
	(void)execve(path, words, environ);
	(void)err_sys(said, errno, "run %s", path);
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

static int start(const char *path, struct criu_words *w, int cgroup_fd, criu_prepare *prepare, void *arg, struct err *said,
		 struct err *e)
{
	pid_t pid = fork();

	if (pid == 0)
		become_criu(path, w->v, cgroup_fd, prepare, arg, said);
	return pid < 0 ? err_sys(e, errno, "start criu") : pid;
}

int criu_run(struct ctx *ctx, struct criu_words *w, const struct criu_opts *o, const char *action, int cgroup_fd,
	     criu_prepare *prepare, void *arg, struct err *e)
{
	const char *path = NULL;
	struct err *said = NULL;
	int r = w->failed ? err_nomem(e) : find_program(&ctx->arena, &path, e);

	if (r < 0 || !(said = shared_err(e)))
		return -e->code;
	r = start(path, w, cgroup_fd, prepare, arg, said, e);
	if (r > 0)
		r = wait_criu(r, e);
	if (r > 0 && said->code)
		r = err_set(e, said->code, "%s", said->text);
	else if (r > 0)
		r = explain(&ctx->arena, o, action, r, e);
	(void)munmap(said, sizeof(*said));
	return r;
}

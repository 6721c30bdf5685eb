/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr sandbox-network: the createRuntime hook of `ctr sandbox --net pasta`. Reads the container's state and lets
 * pasta connect its network namespace through ordinary sockets of the caller. Pasta does not see that nobody is left
 * in the namespace: a guard waits for the end of the container's first process, and ends it then. Has no network code
 * of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../oci/json.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/util.h"
#include "ctx.h"
#include "host_run.h"

#define STATE_MAX ((size_t)1 << 20)
#define TIMEOUT_MS 20000
#define PASTA "/usr/bin/pasta"

struct network_opts { struct strv publish; };
static const struct opt network_options[] = {
	{ "publish", 'p', OPT_LIST, offsetof(struct network_opts, publish), "HOST:INSIDE[/udp]", "connections from outside" },
	OPT_END,
};

struct hook_state { int64_t pid; };
static JSON_OBJ(hook_state, J(hook_state, "pid", I64, pid, JSON_REQUIRED));

static int read_pid(struct ctx *ctx, int64_t *ret, struct err *e)
{
	char *text = arena_alloc(&ctx->arena, STATE_MAX);
	struct json_doc doc = { 0 };
	void *parsed;
	size_t n = 0;
	ssize_t got;

	if (!text)
		return err_nomem(e);
	while (n < STATE_MAX && (got = read(STDIN_FILENO, text + n, STATE_MAX - n)) != 0) {
		if (got < 0 && errno != EINTR)
			return err_sys(e, errno, "read the state from standard input");
		n += got > 0 ? (size_t)got : 0;
	}
	int r = json_parse(&doc, &ctx->arena, &hook_state_json, "state", text, n, &parsed, e);
	if (r < 0)
		return r;
	*ret = ((struct hook_state *)parsed)->pid;
	return *ret > 0 ? 0 : err_bad(e, "state: pid: must be that of a process");
}

struct words { char *v[80]; size_t n; };

static void put(struct words *w, const char *word)
{
	if (w->n + 1 < ARRAY_SIZE(w->v))
		w->v[w->n++] = (char *)(uintptr_t)word;
}

/* HOST:INSIDE or one number for both, behind an address of the host where one is given: pasta's own form. */
static int put_publish(struct ctx *ctx, struct words *w, const char *p, struct err *e)
{
	size_t n = strcspn(p, "/");
	bool udp = str_eq(p + n, "/udp");
	char *ports = arena_strndup(&ctx->arena, p, n);

	if (!ports)
		return err_nomem(e);
	if (n == 0 || (p[n] && !udp && !str_eq(p + n, "/tcp")) || strspn(ports, "0123456789.:") != n || w->n > 60)
		return err_bad(e, "invalid --publish \"%s\": must be HOST:INSIDE, port numbers, with /udp for UDP", p);
	/* ADDRESS:HOST:INSIDE -> ADDRESS/HOST:INSIDE */
	char *colon = strchr(ports, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
	if (second)
		*colon = '/';
	put(w, udp ? "-u" : "-t");
	put(w, ports);
	return 0;
}

/* Pasta's daemon is the one child that is left when the process that was started has ended. */
static void end_children(void)
{
	char text[64];
	uint64_t pid;

	if (file_read_short(AT_FDCWD, "/proc/thread-self/children", text, sizeof(text)) >= 0) {
		text[strcspn(text, " ")] = '\0';
		if (str_u64(text, INT32_MAX, &pid) == 0 && pid > 0)
			(void)kill((pid_t)pid, SIGKILL); /* not reaped yet: the number is ours */
	}
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* Starts pasta, says on `ready` how that went (a line, empty when well), and stays until the container has ended. */
__attribute__((noreturn)) static void guard(int pidfd, struct words *w, int ready)
{
	struct job j = { .path = PASTA, .argv = w->v, .stdin_fd = -1, .timeout_ms = TIMEOUT_MS, .pidfd = -EBADF, .output = -EBADF };
	struct err e = { 0 };

	(void)setsid();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	int r = job_start(&j, &e);
	r = r < 0 ? r : job_wait(&j, &e);
	best_effort(fd_write_all(ready, e.text, r < 0 ? strlen(e.text) : 0));
	/* Whoever started the hook waits for the end of its output. */
	(void)sys_close_range(0, 2, 0);
	(void)close(ready);
	while (r == 0 && proc_wait_end(pidfd, -1) == -EINTR)
		;
	end_children();
	_exit(0);
}

static int start_guard(pid_t container, struct words *w, struct err *e)
{
	auto_close int pidfd = sys_pidfd_open(container, 0);
	char said[512];
	int pipefd[2];
	size_t n = 0;
	ssize_t got;

	if (pidfd < 0)
		return err_sys(e, pidfd, "watch the container's process");
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	auto_close int ours = pipefd[0], theirs = pipefd[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "start the guard of pasta");
	if (pid == 0)
		guard(pidfd, w, theirs);
	fd_close(&theirs);
	while (n < sizeof(said) - 1 && ((got = read(ours, said + n, sizeof(said) - 1 - n)) > 0 || (got < 0 && errno == EINTR)))
		n += got > 0 ? (size_t)got : 0;
	said[n] = '\0';
	return n ? err_set(e, ECANCELED, PASTA ": %s", said) : 0;
}

/* The gateway's address would otherwise lead to what listens on the host's loopback. */
static int run_pasta(struct ctx *ctx, const struct network_opts *o, pid_t container, const char *pid, struct err *e)
{
	struct words w = { { 0 }, 0 };
	bool tcp = false, udp = false;

	for (const char *const *word = (const char *const[]){ "pasta", "--config-net", "--no-map-gw", "--quiet", "-T", "none",
							      "-U", "none", NULL }; *word; word++)
		put(&w, *word);
	/* Root's would become nobody, who may not enter; it lays down its capabilities and its view of files either way. */
	if (geteuid() == 0) {
		put(&w, "--runas");
		put(&w, "0:0");
	}
	for (size_t i = 0; i < o->publish.n; i++) {
		bool is_udp = strstr(o->publish.v[i], "/udp") != NULL;
		int r = put_publish(ctx, &w, o->publish.v[i], e);
		if (r < 0)
			return r;
		udp |= is_udp;
		tcp |= !is_udp;
	}
	if (!tcp) {
		put(&w, "-t");
		put(&w, "none");
	}
	if (!udp) {
		put(&w, "-u");
		put(&w, "none");
	}
	put(&w, pid);
	return start_guard(container, &w, e);
}

static int network_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct network_opts *o = opts;
	int64_t pid = 0;
	int r = read_pid(ctx, &pid, e);
	const char *word = r < 0 ? NULL : arena_printf(&ctx->arena, "%lld", (long long)pid);

	(void)argc;
	(void)argv;
	if (r < 0)
		return r;
	if (!word)
		return err_nomem(e);
	if (access(PASTA, X_OK) == 0)
		return run_pasta(ctx, o, (pid_t)pid, word, e);
	return err_set(e, ENOENT, "--net pasta needs the program pasta (package passt)");
}

const struct command command_sandbox_network = {
	.name = "sandbox-network",
	.operands = "",
	.help = "",
	.run = network_run,
	.options = network_options,
	.opts_size = sizeof(struct network_opts),
	.order = OPT_MIXED,
};

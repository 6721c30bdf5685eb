/* SPDX-License-Identifier: Apache-2.0 */
/* Id maps: one write per file, by ourselves where that is permitted, else by newuidmap and newgidmap. */
#include "host_idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/util.h"
#include "host_run.h"

#define HELPER_TIMEOUT_MS 10000

static int write_map(pid_t pid, const char *file, const struct id_map_list *map, struct err *e)
{
	auto_strbuf struct strbuf text = { 0 };
	char path[64];

	for (size_t i = 0; i < map->n; i++)
		strbuf_printf(&text, "%u %u %u\n", map->v[i].container_id, map->v[i].host_id, map->v[i].size);
	if (text.failed)
		return err_nomem(e);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	int r = file_write(AT_FDCWD, path, text.p, text.n);
	return r < 0 ? err_sys(e, r, "write %s of the user namespace", file) : 0;
}

static int deny_setgroups(pid_t pid, struct err *e)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	int r = file_write(AT_FDCWD, path, "deny", 4);
	return r < 0 ? err_sys(e, r, "deny setgroups in the user namespace") : 0;
}

/* argv of newuidmap: PROGRAM PID (INSIDE OUTSIDE COUNT)... */
struct helper {
	struct arena *a;
	char path[64];
	struct job job;
};

static int helper_start(struct helper *h, const char *name, pid_t pid, const struct id_map_list *map, struct err *e)
{
	static char *const no_env[] = { NULL };
	char **argv = arena_array(h->a, map->n * 3 + 3, sizeof(*argv));
	size_t n = 0;

	if (!argv)
		return err_nomem(e);
	if (!find_helper(name, h->path, sizeof(h->path)))
		return err_set(e, EPERM, "%s is missing (package uidmap)", name);
	argv[n++] = h->path;
	argv[n++] = arena_printf(h->a, "%d", pid);
	for (size_t i = 0; i < map->n; i++) {
		argv[n++] = arena_printf(h->a, "%u", map->v[i].container_id);
		argv[n++] = arena_printf(h->a, "%u", map->v[i].host_id);
		argv[n++] = arena_printf(h->a, "%u", map->v[i].size);
	}
	for (size_t i = 0; i < n; i++)
		if (!argv[i])
			return err_nomem(e);
	h->job = (struct job){ .path = h->path,
			       .argv = argv,
			       .env = no_env,
			       .stdin_fd = -1,
			       .timeout_ms = HELPER_TIMEOUT_MS,
			       .pidfd = -EBADF,
			       .output = -EBADF };
	return job_start(&h->job, e);
}

/* Side by side: each costs about a millisecond of set-id start-up. */
static int run_helpers(pid_t pid, const struct id_maps *maps, struct arena *a, struct err *e)
{
	struct helper u = { .a = a }, g = { .a = a };
	struct err second;
	int r = helper_start(&u, "newuidmap", pid, &maps->uid, e);

	if (r < 0)
		return r;
	int rg = helper_start(&g, "newgidmap", pid, &maps->gid, &second);
	r = job_wait(&u.job, e);
	if (r < 0)
		r = err_in(e, "newuidmap, which gives what /etc/subuid has for the caller");
	if (rg == 0) {
		rg = job_wait(&g.job, &second);
		if (rg < 0)
			rg = err_in(&second, "newgidmap, which gives what /etc/subgid has for the caller");
	}
	if (r == 0 && rg < 0) {
		*e = second;
		r = rg;
	}
	return r;
}

int idmap_write(pid_t pid, const struct id_maps *maps, struct err *e)
{
	int r = 0;

	if (maps->helpers) {
		struct arena a;
		r = arena_init(&a, (size_t)1 << 20, e);
		if (r < 0)
			return r;
		r = run_helpers(pid, maps, &a, e);
		arena_done(&a);
		return r;
	}
	if (maps->deny_setgroups)
		r = deny_setgroups(pid, e);
	if (r == 0)
		r = write_map(pid, "uid_map", &maps->uid, e);
	if (r == 0)
		r = write_map(pid, "gid_map", &maps->gid, e);
	return r;
}

int idmap_namespace(const struct id_map_list *uid, const struct id_map_list *gid, struct err *e)
{
	const struct id_maps maps = { .set = true, .uid = *uid, .gid = *gid };
	struct sys_clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	char path[64];
	pid_t pid = sys_clone3(&args);

	if (pid == 0) {
		/* Lives until the parent has its descriptor; dies with it. */
		(void)pause();
		_exit(0);
	}
	if (pid < 0)
		return err_sys(e, pid, "make a user namespace for an id-mapped mount");
	int r = idmap_write(pid, &maps, e), fd = -EBADF;
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = err_sys(e, errno, "open the user namespace of an id-mapped mount");
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return r < 0 ? r : fd;
}

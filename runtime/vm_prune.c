/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes away what vm_prepare.c made and no kernel refers to any longer. A place goes under another name first, so that
 * nobody finds half of one. Must not touch what a container runs in: a place is its VMM's root, from its creation on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "vm.h"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

int vm_remove_tree(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 ? -errno : 0;
}

/* Whether it is the root of a process that we may look at; a container's first one is, for who started it. */
static bool is_root_of_some(const char *path)
{
	struct stat place, st;
	const struct dirent *d;
	char root[300];
	bool found = false;
	DIR *proc = opendir("/proc");

	if (!proc || stat(path, &place) < 0) { /* nothing is known: it may be */
		if (proc)
			(void)closedir(proc);
		return true;
	}
	while (!found && (d = readdir(proc))) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		(void)snprintf(root, sizeof(root), "/proc/%s/root", d->d_name);
		found = stat(root, &st) == 0 && st.st_ino == place.st_ino && st.st_dev == place.st_dev;
	}
	(void)closedir(proc);
	return found;
}

static bool is_named(const struct strv *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(names->v[i], name))
			return true;
	return false;
}

/* Left by one that was killed: nobody of this number lives, or only one who has got it since, and then it stays. */
static bool is_left(const char *name)
{
	char proc[64];
	uint64_t pid;

	if (str_u64(name + strlen(VM_UNFINISHED), INT32_MAX, &pid) < 0)
		return false;
	(void)snprintf(proc, sizeof(proc), "/proc/%llu", (unsigned long long)pid);
	return access(proc, F_OK) < 0 && errno == ENOENT;
}

static int prune_one(struct arena *a, const char *cache, const char *name, struct strbuf *said, struct err *e)
{
	const char *path = arena_printf(a, "%s/%s", cache, name), *aside = arena_printf(a, "%s/" VM_UNFINISHED "%d", cache, getpid());

	if (!path || !aside)
		return err_nomem(e);
	if (is_root_of_some(path)) {
		strbuf_printf(said, "kept %s: a container runs in it\n", path);
		return 0;
	}
	if (rename(path, aside) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "remove %s", path); /* ENOENT: another was faster */
	int r = vm_remove_tree(aside);
	if (r < 0)
		return err_sys(e, r, "remove %s", path);
	strbuf_printf(said, "removed %s\n", path);
	return 0;
}

int vm_prune(struct arena *a, const struct strv *kernels, struct strbuf *said, struct err *e)
{
	const char *cache = NULL;
	const struct dirent *d;
	struct strv names = { 0 };
	int r = vm_referred(a, kernels, &cache, &names, e);
	DIR *dir = r == 0 ? opendir(cache) : NULL;

	if (r == 0 && !dir)
		r = err_sys(e, errno, "read %s", cache);
	while (r == 0 && (d = readdir(dir)))
		if (str_starts(d->d_name, VM_UNFINISHED) ? is_left(d->d_name) : d->d_name[0] != '.' && !is_named(&names, d->d_name))
			r = prune_one(a, cache, d->d_name, said, e);
	if (dir)
		(void)closedir(dir);
	return r < 0 ? r : said->failed ? err_nomem(e) : 0;
}

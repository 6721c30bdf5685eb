/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctr-net: moves network interfaces with their addresses between the caller's network namespace and
 * another one (linux.netDevices of the OCI configuration). See netns/netns.h for the command line.
 *
 * All or nothing: what can be refused is refused before anything moves, and what fails later is taken back,
 * addresses and state included (routes that were added by hand to an interface are lost with its first
 * move). It works on indices; a name is looked up once, in the namespace where the interface is.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../runtime/base/str.h"
#include "../../runtime/base/util.h"
#include "rtnl.h"

/* A chosen index can be taken by somebody else before the move. */
#define MOVE_RETRIES 8

struct device {
	struct netns_pair pair;
	struct rtnl_link old; /* in the namespace it comes from */
	struct rtnl_addrs addrs;
	uint32_t index; /* in the other namespace */
	char name[NETNS_NAME_SIZE]; /* there; not a pattern */
	bool moved;
};

struct job {
	struct arena arena;
	struct rtnl from, to;
	struct device *v;
	size_t n;
};

/* ---- namespaces ------------------------------------------------------------------------------------ */

static int open_sides(const char *path, struct rtnl *here, struct rtnl *there, struct err *e)
{
	struct stat a, b;

	here->where = "the network namespace of the host";
	there->where = "the network namespace of the container";
	here->ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (here->ns < 0)
		return err_sys(e, errno, "open /proc/self/ns/net");
	there->ns = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (there->ns < 0)
		return err_sys(e, errno, "open %s", path);
	if (fstat(here->ns, &a) < 0 || fstat(there->ns, &b) < 0)
		return err_sys(e, errno, "examine network namespaces");
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return err_bad(e, "the container's network namespace is the one that the devices are in");
	int r = rtnl_open(here, e);
	if (r < 0)
		return r;
	if (setns(there->ns, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "enter %s", there->where);
	return rtnl_open(there, e);
}

/* ---- checks before anything moves ------------------------------------------------------------------ */

static int check_device(struct job *j, struct device *d, const struct rtnl_links *from,
			const struct rtnl_links *to, struct err *e)
{
	const struct rtnl_link *l = rtnl_by_name(from, d->pair.name);

	if (!l)
		return err_set(e, ENODEV, "there is none of that name in %s", j->from.where);
	d->old = *l;
	if (l->flags & IFF_LOOPBACK)
		return err_bad(e, "the loopback device cannot be moved");
	if (netns_name_is_pattern(d->pair.new_name))
		return 0;
	if (rtnl_by_name(to, d->pair.new_name))
		return err_set(e, EEXIST, "the name \"%s\" is taken in %s", d->pair.new_name, j->to.where);
	for (const struct device *o = j->v; o < d; o++) {
		if (str_eq(o->pair.new_name, d->pair.new_name))
			return err_set(e, EEXIST, "the name \"%s\" is given to \"%s\" already",
				       d->pair.new_name, o->pair.name);
	}
	return 0;
}

static int check_all(struct job *j, struct err *e)
{
	struct rtnl_links from, to;
	int r = rtnl_links(&j->from, &j->arena, &from, e);

	if (r == 0)
		r = rtnl_links(&j->to, &j->arena, &to, e);
	for (size_t i = 0; r == 0 && i < j->n; i++) {
		struct device *d = &j->v[i];
		for (size_t k = 0; k < i; k++)
			if (str_eq(j->v[k].pair.name, d->pair.name))
				return err_bad(e, "network device \"%s\" is named twice", d->pair.name);
		r = check_device(j, d, &from, &to, e);
		if (r < 0)
			return err_in(e, "network device \"%s\"", d->pair.name);
	}
	return r;
}

/* ---- one device ------------------------------------------------------------------------------------ */

/* The index it has, as the kernel would choose too; else one above all. */
static uint32_t free_index(const struct rtnl_links *l, uint32_t wanted)
{
	uint32_t above = wanted;

	if (!rtnl_by_index(l, wanted))
		return wanted;
	for (size_t i = 0; i < l->n; i++)
		above = MAX(above, l->v[i].index);
	return above + 1;
}

/*
 * Where the kernel names the device (%d), and when it fails half-way, the literal name says nothing. The
 * index does, since we choose it: the kernel takes it or refuses, so nothing that somebody else makes in the
 * target meanwhile can be mistaken for our device.
 */
static int locate(struct job *j, struct device *d, uint32_t index, struct err *e)
{
	struct rtnl_links to;
	int r = rtnl_links(&j->to, &j->arena, &to, e);

	if (r < 0)
		return r;
	const struct rtnl_link *l = rtnl_by_index(&to, index);
	if (!l)
		return err_set(e, ENODEV, "it is not where it was moved");
	d->index = index;
	memcpy(d->name, l->name, sizeof(d->name));
	return 0;
}

/* Whether it left its place: then a failed move was only half of one. */
static bool has_left(struct job *j, const struct device *d)
{
	struct rtnl_links from;
	struct err ignored;

	return rtnl_links(&j->from, &j->arena, &from, &ignored) == 0 && !rtnl_by_index(&from, d->old.index);
}

static int transfer(struct job *j, struct device *d, struct err *e)
{
	bool rename = !str_eq(d->pair.name, d->pair.new_name);
	struct rtnl_links to;
	struct err second;
	int r;

	for (int i = 0;; i++) {
		r = rtnl_links(&j->to, &j->arena, &to, e);
		if (r < 0)
			return r;
		uint32_t index = free_index(&to, d->old.index);
		r = rtnl_move(&j->from, d->old.index, &j->to, index, rename ? d->pair.new_name : NULL, e);
		if (r == 0 || has_left(j, d)) {
			int found = locate(j, d, index, r == 0 ? e : &second);
			d->moved = found == 0;
			return r < 0 ? r : found;
		}
		if (r != -EBUSY || i >= MOVE_RETRIES)
			return r;
		/* Busy for another reason than a taken index stays busy. */
		if (rtnl_links(&j->to, &j->arena, &to, &second) < 0 || !rtnl_by_index(&to, index))
			return r;
	}
}

static int move_device(struct job *j, struct device *d, struct err *e)
{
	int r = rtnl_addrs(&j->from, &j->arena, d->old.index, &d->addrs, e);

	if (r == 0)
		r = transfer(j, d, e);
	if (r == 0)
		r = rtnl_add_addrs(&j->to, &d->addrs, d->index, d->old.name, d->name, e);
	if (r == 0)
		r = rtnl_up(&j->to, d->index, e);
	return r < 0 ? err_in(e, "network device \"%s\"", d->pair.name) : 0;
}

static int return_device(struct job *j, struct device *d, struct err *e)
{
	struct rtnl_links from;
	int r = rtnl_links(&j->from, &j->arena, &from, e);

	if (r < 0)
		return r;
	uint32_t index = free_index(&from, d->old.index);
	bool renamed = !str_eq(d->name, d->old.name);
	r = rtnl_move(&j->to, d->index, &j->from, index, renamed ? d->old.name : NULL, e);
	if (r == 0)
		r = rtnl_add_addrs(&j->from, &d->addrs, index, d->old.name, d->old.name, e);
	if (r == 0 && d->old.flags & IFF_UP)
		r = rtnl_up(&j->from, index, e);
	return r;
}

/* ---- all of them ----------------------------------------------------------------------------------- */

/* What could not be put back is added to the reason. */
static void return_all(struct job *j, struct err *e)
{
	for (size_t i = j->n; i-- > 0;) {
		struct err why, first = *e;
		if (j->v[i].moved && return_device(j, &j->v[i], &why) < 0)
			(void)err_set(e, first.code, "%.400s; and \"%s\" could not be put back: %.300s",
				      first.text, j->v[i].pair.name, why.text);
	}
}

/* Fixed names before patterns, so that the kernel cannot give a number away that a fixed name means. */
static int move_all(struct job *j, struct err *e)
{
	int r = check_all(j, e);

	for (int pattern = 0; pattern < 2; pattern++)
		for (size_t i = 0; r == 0 && i < j->n; i++)
			if (netns_name_is_pattern(j->v[i].pair.new_name) == (pattern == 1))
				r = move_device(j, &j->v[i], e);
	if (r < 0)
		return_all(j, e);
	return r;
}

static int run(struct job *j, int argc, char **argv, struct err *e)
{
	bool move = argc > 1 && str_eq(argv[1], "move");
	int r = 0;

	if (argc < 4 || (!move && !str_eq(argv[1], "back")))
		return err_bad(e, "usage: ctr-net move|back NETNS NAME[:NEW_NAME]...");
	j->n = (size_t)argc - 3;
	j->v = arena_array(&j->arena, j->n, sizeof(*j->v));
	if (!j->v)
		return err_nomem(e);
	for (size_t i = 0; r == 0 && i < j->n; i++)
		r = netns_pair_parse(argv[3 + i], &j->v[i].pair, e);
	if (r == 0)
		r = open_sides(argv[2], move ? &j->from : &j->to, move ? &j->to : &j->from, e);
	return r < 0 ? r : move_all(j, e);
}

int main(int argc, char **argv)
{
	struct job j = { .from = { .ns = -EBADF }, .to = { .ns = -EBADF } };
	struct err e = { 0 };
	int r = arena_init(&j.arena, 0, &e);

	if (r == 0)
		r = run(&j, argc, argv, &e);
	if (r < 0)
		(void)fprintf(stderr, "%s\n", e.text);
	for (size_t i = 0; r == 0 && i < j.n; i++)
		(void)printf("%s:%s\n", j.v[i].name, j.v[i].old.name);
	rtnl_close(&j.from);
	rtnl_close(&j.to);
	arena_done(&j.arena);
	return r < 0;
}

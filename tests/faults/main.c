/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults: what the runtime does when something goes wrong at every possible place.
 *
 *   faults points OPTIONS     a failing call, or the end, at every call
 *   faults kills OPTIONS      the end at random moments: kills=N of each command
 *
 * Options are NAME=VALUE. runtime, bundle, state, outputs: as in faults.h; the bundle's program is witness.c.
 * Status 0: everything was as promised.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"

static const struct {
	const char *name;
	enum { TEXT, NUMBER, UID } kind;
	size_t offset;
} options[] = {
	{ "runtime", TEXT, offsetof(struct setting, runtime) },
	{ "bundle", TEXT, offsetof(struct setting, bundle) },
	{ "state", TEXT, offsetof(struct setting, world.state) },
	{ "outputs", TEXT, offsetof(struct setting, world.outputs) },
	{ "cgroups", TEXT, offsetof(struct setting, world.cgroups) },
	{ "resources", TEXT, offsetof(struct setting, resources) },
	{ "knob", TEXT, offsetof(struct setting, knob) },
	{ "ops", TEXT, offsetof(struct setting, ops) },
	{ "faults", TEXT, offsetof(struct setting, errors) },
	{ "table", TEXT, offsetof(struct setting, table) },
	{ "title", TEXT, offsetof(struct setting, title) },
	{ "stride", NUMBER, offsetof(struct setting, stride) },
	{ "offset", NUMBER, offsetof(struct setting, offset) },
	{ "kills", NUMBER, offsetof(struct setting, kills) },
	{ "seconds", NUMBER, offsetof(struct setting, seconds) },
	{ "uid", UID, offsetof(struct setting, uid) },
	{ "gid", UID, offsetof(struct setting, gid) },
};

static bool take_option(struct setting *s, char *arg)
{
	char *value = strchr(arg, '=');

	if (!value)
		return false;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		void *into = (char *)s + options[i].offset;
		if (strcmp(options[i].name, arg) != 0)
			continue;
		if (options[i].kind == TEXT)
			*(const char **)into = value;
		else if (options[i].kind == NUMBER)
			*(long *)into = strtol(value, NULL, 10);
		else
			*(uid_t *)into = (uid_t)strtoul(value, NULL, 10);
		return true;
	}
	return false;
}

static int appending_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

int main(int argc, char **argv)
{
	struct setting s = { .stride = 1, .kills = 100, .title = argc > 1 ? argv[1] : "" };
	bool points = argc > 1 && strcmp(argv[1], "points") == 0, kills = argc > 1 && strcmp(argv[1], "kills") == 0;
	int i = 2;

	for (; i < argc && strchr(argv[i], '='); i++)
		if (!take_option(&s, argv[i])) {
			(void)fprintf(stderr, "faults: unknown option %s\n", argv[i]);
			return 2;
		}
	if ((!points && !kills) || !s.runtime || !s.bundle || !s.world.state || s.stride < 1) {
		(void)fprintf(stderr, "usage: faults points|kills runtime=FILE bundle=DIR state=DIR ...\n");
		return 2;
	}
	s.out = appending_file("out");
	s.err = appending_file("err");
	if (s.out < 0 || s.err < 0 || !world_begin(&s.world))
		return 2;
	return points ? points_main(&s) : kills_main(&s);
}

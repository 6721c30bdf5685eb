/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure part of linux.netDevices: names, pairs, and the command lines of the program that moves the
 * interfaces. Used by ctr and by that program, so that both have one idea of what a name is. Runs nothing.
 */
#include "netns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../runtime/base/str.h"

bool netns_name_ok(const char *name, bool pattern)
{
	size_t n = strlen(name);
	const char *percent = strchr(name, '%');

	if (n == 0 || n >= NETNS_NAME_SIZE || str_eq(name, ".") || str_eq(name, ".."))
		return false;
	if (percent && (!pattern || percent[1] != 'd' || strchr(percent + 1, '%')))
		return false;
	for (const char *c = name; *c; c++) {
		/* The kernel's isspace() knows Latin-1: a no-break space is one too. */
		unsigned char u = (unsigned char)*c;
		if (u == '/' || u == ':' || u <= ' ' || u == 0x7f || u == 0xa0)
			return false;
	}
	return true;
}

bool netns_name_is_pattern(const char *name)
{
	return strchr(name, '%') != NULL;
}

int netns_pair_parse(const char *text, struct netns_pair *ret, struct err *e)
{
	struct netns_pair p = { 0 };
	size_t n = strcspn(text, ":");

	if (n >= sizeof(p.name))
		return err_bad(e, "the name of a network device is longer than %d bytes",
			       NETNS_NAME_SIZE - 1);
	memcpy(p.name, text, n);
	if (!netns_name_ok(p.name, false))
		return err_bad(e, "not the name of a network device, or not a pair NAME:NEW_NAME");
	const char *second = text[n] ? text + n + 1 : p.name;
	if (!netns_name_ok(second, true))
		return err_bad(e, "network device \"%s\": not a name that it could have", p.name);
	memcpy(p.new_name, second, strlen(second));
	*ret = p;
	return 0;
}

static char **argv_begin(struct arena *a, size_t pairs, const char *program, const char *command,
			 const char *netns)
{
	char **argv = arena_array(a, pairs + 4, sizeof(*argv));

	if (!argv)
		return NULL;
	argv[0] = arena_strdup(a, program);
	argv[1] = arena_strdup(a, command);
	argv[2] = arena_strdup(a, netns);
	return argv[0] && argv[1] && argv[2] ? argv : NULL;
}

int netns_move_argv(struct arena *a, const char *program, const char *netns, const struct net_device_entry *v,
		    size_t n, char *const **ret, struct err *e)
{
	char **argv = argv_begin(a, n, program, "move", netns);

	if (!argv)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		const char *new_name = v[i].value.name ? v[i].value.name : v[i].key;
		if (!netns_name_ok(v[i].key, false) || !netns_name_ok(new_name, true))
			return err_bad(e, "linux.netDevices[%zu]: is not the name of a network interface", i);
		argv[3 + i] = arena_printf(a, "%s:%s", v[i].key, new_name);
		if (!argv[3 + i])
			return err_nomem(e);
	}
	*ret = argv;
	return 0;
}

int netns_back_argv(struct arena *a, const char *program, const char *netns, const char *printed,
		    char *const **ret, struct err *e)
{
	size_t lines = 0, n = 3;
	struct netns_pair pair;

	for (const char *p = printed; *p; p++)
		lines += *p == '\n';
	char **argv = argv_begin(a, lines, program, "back", netns);
	if (!argv)
		return err_nomem(e);
	for (const char *end; (end = strchr(printed, '\n')); printed = end + 1) {
		argv[n] = arena_strndup(a, printed, (size_t)(end - printed));
		if (!argv[n])
			return err_nomem(e);
		int r = netns_pair_parse(argv[n++], &pair, e);
		if (r < 0)
			return err_in(e, "output of %s", program);
	}
	if (*printed)
		return err_bad(e, "output of %s: does not end with a line", program);
	*ret = argv;
	return 0;
}

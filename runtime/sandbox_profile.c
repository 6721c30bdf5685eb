/* SPDX-License-Identifier: Apache-2.0 */
/* Options of `ctr sandbox` from files: found, read and put below those of the command line. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/util.h"
#include "opt.h"
#include "sandbox.h"

#define PROFILE_MAX ((size_t)64 << 10)

/* The user's own comes before the administrator's. */
static int read_profile(struct arena *a, const char *name, char **ret, const char **ret_file, struct err *e)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *files[] = {
		config && config[0] == '/' ? arena_printf(a, "%s/ctr/%s.sandbox", config, name)
					   : arena_printf(a, "%s/.config/ctr/%s.sandbox", sandbox_home(), name),
		arena_printf(a, "/etc/ctr/%s.sandbox", name),
	};
	size_t n;

	if (!*name || strchr(name, '/'))
		return err_bad(e, "invalid --profile \"%s\": must be a name", name);
	if (!files[0] || !files[1])
		return err_nomem(e);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = file_read_at(a, AT_FDCWD, files[i], PROFILE_MAX, ret, &n);
		if (r == -ENOENT || r == -ENOTDIR)
			continue;
		*ret_file = files[i];
		return r < 0 ? err_sys(e, r, "read %s", files[i]) : 0;
	}
	return err_set(e, ENOENT, "--profile %s: neither %s nor %s", name, files[0], files[1]);
}

/* "name value" of a line, or NULLs for an empty one; both are cut out of it. */
static void split_line(char *line, char **ret_name, char **ret_value)
{
	size_t n = strlen(line);

	while (n && strchr(" \t\r", line[n - 1]))
		line[--n] = '\0';
	line += strspn(line, " \t");
	*ret_name = *line && *line != '#' ? line : NULL;
	*ret_value = NULL;
	if (!*ret_name)
		return;
	line += strcspn(line, " \t=");
	if (!*line)
		return;
	*line++ = '\0';
	*ret_value = line + strspn(line, " \t=");
}

static int line_option(struct arena *a, const struct opt *rows, char *line, struct sandbox_opts *into, struct err *e)
{
	char *name, *value, *argv[4] = { 0 };
	bool help = false;
	int n = 0, r;

	split_line(line, &name, &value);
	if (!name)
		return 0;
	if (str_eq(name, "profile"))
		return err_bad(e, "a profile cannot name another");
	if (value && str_starts(value, "~/"))
		value = arena_printf(a, "%s%s", sandbox_home(), value + 1);
	argv[0] = value ? arena_printf(a, "--%s=%s", name, value) : arena_printf(a, "--%s", name);
	if (!argv[0])
		return err_nomem(e);
	r = opt_parse(a, rows, into, OPT_MIXED, 0, 1, argv, &n, &help, e);
	return r == 0 && help ? err_bad(e, "flag provided but not defined: --%s", name) : r;
}

static int one_profile(struct arena *a, const struct opt *rows, const char *name, struct sandbox_opts *into, struct err *e)
{
	const char *file = NULL;
	char *text, *next;
	int r = read_profile(a, name, &text, &file, e);

	for (int line = 1; r == 0 && text; text = next, line++) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		r = line_option(a, rows, text, into, e);
		if (r < 0)
			return err_in(e, "%s:%d", file, line);
	}
	return r;
}

int sandbox_profiles(struct arena *a, const struct opt *rows, struct sandbox_opts *o, struct err *e)
{
	struct sandbox_opts below = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->profile.n; i++)
		r = one_profile(a, rows, o->profile.v[i], &below, e);
	return r < 0 ? r : opt_merge(a, rows, o, &below, e);
}

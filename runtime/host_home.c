/* SPDX-License-Identifier: Apache-2.0 */
/* HOME for programs whose configuration names none. Reads one bounded file of the image, as data. */
#include "host_home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci/passwd.h"
#include "base/sys.h"
#include "base/util.h"

#define PASSWD_MAX ((size_t)1 << 20)

static bool has_home(const struct strv *env)
{
	for (size_t i = 0; i < env->n; i++)
		if (str_starts(env->v[i], "HOME=") && env->v[i][5] != '\0')
			return true;
	return false;
}

static int open_passwd(const char *root)
{
	const struct sys_open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_MAGICLINKS,
	};
	auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? -1 : sys_openat2(dir, "etc/passwd", &how);
}

const char *host_home(struct arena *a, const char *root, const struct strv *env, uint32_t uid)
{
	char home[4096];
	struct stat st;

	if (has_home(env))
		return NULL;
	auto_close int fd = open_passwd(root);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > PASSWD_MAX)
		return "/";
	char *text = arena_alloc(a, (size_t)st.st_size + 1);
	ssize_t n = text ? read(fd, text, (size_t)st.st_size) : -1;
	if (n < 0 || !passwd_home(text, (size_t)n, uid, home, sizeof(home)))
		return "/";
	const char *copy = arena_strdup(a, home);
	return copy ? copy : "/";
}

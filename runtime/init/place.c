/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What many steps do alike and the kernel need not be asked for each time: the directory that a row of destinations
 * lies in stays open (masks, devices and mounts come in rows), and descriptors that are done with are closed together.
 * Must not decide what is done at a place, nor make anything: a path that is not found in this way is the steps' own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../base/path.h"
#include "init.h"

/* ---- the directory of a row ---------------------------------------------------------------------------------- */

void init_forget_dir(struct init *in)
{
	init_leave(in, &in->dir);
	in->dir_path = NULL;
	in->dir_is_root = in->dir_is_plain = in->dir_lacks = false;
	in->dir_dev = 0;
}

/* The length of what is before the last name; 0 for a path that says more than names ("..", "a//b", "a/"). */
static size_t split(const char *path)
{
	size_t start = 0;

	if (path[0] != '/')
		return 0;
	for (const char *c = path; *c; c++) {
		if (*c != '/')
			continue;
		if (!c[1] || c[1] == '/' || (c[1] == '.' && (!c[2] || c[2] == '/' || (c[2] == '.' && (!c[3] || c[3] == '/')))))
			return 0;
		start = (size_t)(c + 1 - path);
	}
	return strlen(path + start) < PATH_NAME_SIZE ? start : 0;
}

static bool is_in_row(const struct init *in, const char *path, size_t n)
{
	return n > 0 && in->dir_path && strncmp(in->dir_path, path, n) == 0 && !strchr(in->dir_path + n, '/');
}

bool init_in_row(const struct init *in, const char *path)
{
	return is_in_row(in, path, split(path));
}

int init_dir_of(struct init *in, const char *path, const char **ret_name)
{
	char parent[PATH_MAX];
	size_t n = split(path);

	if (n == 0 || n >= sizeof(parent))
		return -EINVAL;
	*ret_name = path + n;
	if (is_in_row(in, path, n))
		return in->dir_is_root ? in->root : in->dir;
	init_forget_dir(in);
	if (n == 1) {
		in->dir_path = path;
		in->dir_is_root = true;
		return in->root;
	}
	memcpy(parent, path, n - 1);
	parent[n - 1] = '\0';
	/* No link on the way: then the text is the place, for whoever compares it. */
	int fd = path_open_strict(in->root, parent, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	in->dir = fd;
	in->dir_path = path;
	return fd;
}

void init_into_new(struct init *in, const char *path, int *fd)
{
	static char row[PATH_MAX];
	size_t n = strlen(path);

	if (split(path) == 0 || n + 2 > sizeof(row))
		return;
	init_forget_dir(in);
	memcpy(row, path, n);
	row[n] = '/';
	row[n + 1] = '\0';
	in->dir = *fd;
	*fd = -EBADF;
	in->dir_path = row;
	in->dir_is_plain = in->dir_lacks = true;
}

void init_covered(struct init *in, const char *path)
{
	size_t n = strlen(path);

	if (in->dir_path && (split(path) == 0 || (strncmp(in->dir_path, path, n) == 0 && in->dir_path[n] == '/')))
		init_forget_dir(in);
}

bool init_is_fixed(const struct init *in, const char *path)
{
	return in->own_proc && strncmp(path, "/proc/", 6) == 0 && split(path) == 6;
}

/* ---- what is done with ----------------------------------------------------------------------------------------- */

void init_leave(struct init *in, int *fd)
{
	if (*fd < 0)
		return;
	if (in->left_max == 0) {
		fd_close(fd);
		return;
	}
	if (in->n_left == in->left_max)
		init_close_left(in);
	/* In their order: nearly always it is a higher one. */
	uint32_t at = in->n_left++;
	for (; at > 0 && in->left[at - 1] > *fd; at--)
		in->left[at] = in->left[at - 1];
	in->left[at] = *fd;
	*fd = -EBADF;
}

void init_close_left(struct init *in)
{
	for (uint32_t i = 0, end; i < in->n_left; i = end) {
		for (end = i + 1; end < in->n_left && in->left[end] == in->left[end - 1] + 1; end++)
			;
		if (sys_close_range((unsigned int)in->left[i], (unsigned int)in->left[end - 1], 0) < 0)
			for (uint32_t at = i; at < end; at++)
				(void)close(in->left[at]);
	}
	in->n_left = 0;
}

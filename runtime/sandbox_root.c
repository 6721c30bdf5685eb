/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind `ctr sandbox --root`: a plain directory, a bundle, or an OCI image layout. An image is
 * unpacked by umoci, never by code of our own, and only once per digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci/json.h"
#include "base/fd.h"
#include "base/util.h"
#include "bundle.h"
#include "host_run.h"
#include "sandbox.h"

#define DOCUMENT_MAX ((size_t)16 << 20)
#define REF_NAME "org.opencontainers.image.ref.name"

/* What is needed of image-spec's image index. */
struct image_manifest { const char *digest; struct string_map annotations; };
struct image_index { LIST(struct image_manifest) manifests; };
static JSON_OBJ(image_manifest,
	J(image_manifest, "digest", STR, digest, JSON_REQUIRED),
	J_MAP(image_manifest, "annotations", STR, annotations, 0));
static JSON_OBJ(image_index,
	J_OBJ_LIST(image_index, "manifests", manifests, image_manifest, JSON_REQUIRED));

static bool has_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

static int use_bundle(struct arena *a, const char *dir, struct sandbox_root *ret, struct err *e)
{
	const char *file = arena_printf(a, "%s/config.json", dir);
	const struct config *c = NULL;
	char path[PATH_MAX];
	int r = file ? bundle_config(a, file, &c, e) : err_nomem(e);

	if (r < 0 || !c)
		return err_in(e, "--root %s", dir);
	const char *root = c->root->path[0] == '/' ? c->root->path : arena_printf(a, "%s/%s", dir, c->root->path);
	if (!root)
		return err_nomem(e);
	if (!realpath(root, path))
		return err_set(e, errno, "--root %s: %s: %s", dir, root, err_text(errno));
	if (c->process) {
		ret->args = c->process->args;
		ret->env = c->process->env;
	}
	ret->path = arena_strdup(a, path);
	return ret->path ? 0 : err_nomem(e);
}

/* ---- image layouts -------------------------------------------------------------------------------------------- */

static const char *ref_name(const struct image_manifest *m)
{
	for (size_t i = 0; i < m->annotations.n; i++)
		if (str_eq(m->annotations.v[i].key, REF_NAME))
			return m->annotations.v[i].value;
	return NULL;
}

/* The manifest with the tag; without a tag the only one. */
static int find_manifest(struct arena *a, const char *dir, const char *tag, const struct image_manifest **ret,
			 struct err *e)
{
	const char *file = arena_printf(a, "%s/index.json", dir);
	struct json_doc doc = { 0 };
	void *parsed = NULL;
	char *text;
	size_t n;

	if (!file)
		return err_nomem(e);
	int r = file_read(a, AT_FDCWD, file, DOCUMENT_MAX, &text, &n, e);
	if (r == 0)
		r = json_parse(&doc, a, &image_index_json, "index.json", text, n, &parsed, e);
	if (r < 0 || !parsed)
		return r < 0 ? r : err_nomem(e);
	const struct image_index *index = parsed;
	for (size_t i = 0; i < index->manifests.n; i++) {
		const struct image_manifest *m = &index->manifests.v[i];
		if (tag ? ref_name(m) && str_eq(ref_name(m), tag) : index->manifests.n == 1) {
			*ret = m;
			return 0;
		}
	}
	return tag ? err_set(e, ENOENT, "no image \"%s\"", tag)
		   : err_bad(e, "%zu images: name one as DIR:TAG", index->manifests.n);
}

static int run_umoci(const char *image, const char *to, struct err *e)
{
	char *argv[] = { (char *)(uintptr_t)"umoci", (char *)(uintptr_t)"unpack", (char *)(uintptr_t)"--rootless",
			 (char *)(uintptr_t)"--image", (char *)(uintptr_t)image, (char *)(uintptr_t)to, NULL };
	struct job j = { .path = "/usr/bin/umoci", .argv = argv, .stdin_fd = -1, .pidfd = -EBADF, .output = -EBADF };
	int r = job_start(&j, e);

	if (r == -ENOENT)
		return err_set(e, ENOENT, "unpacking an image needs umoci (package umoci)");
	return r < 0 ? r : job_wait(&j, e);
}

/* The unpacked image gets its name when it is complete; two at once both unpack, and one of them is kept. */
static int use_image(struct arena *a, const char *dir, const char *tag, struct sandbox_root *ret, struct err *e)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const struct image_manifest *m = NULL;
	int r = find_manifest(a, dir, tag, &m, e);

	if (r < 0)
		return err_in(e, "--root %s", dir);
	if (strspn(m->digest, "0123456789abcdefghijklmnopqrstuvwxyz:") != strlen(m->digest) || !*m->digest)
		return err_bad(e, "--root %s: index.json: invalid digest \"%s\"", dir, m->digest);
	const char *bundle = cache && cache[0] == '/' ? arena_printf(a, "%s/ctr/images/%s", cache, m->digest)
						: arena_printf(a, "%s/.cache/ctr/images/%s", sandbox_home(), m->digest);
	const char *unfinished = bundle ? arena_printf(a, "%s.%d", bundle, getpid()) : NULL;
	const char *image = arena_printf(a, "%s:%s", dir, tag ? tag : ref_name(m) ? ref_name(m) : "latest");
	if (!unfinished || !image)
		return err_nomem(e);
	if (!has_file(bundle, "config.json")) {
		r = dirs_make_above(bundle, 0700, "directory", e);
		if (r == 0)
			r = run_umoci(image, unfinished, e);
		if (r < 0)
			return err_in(e, "--root %s", dir);
		if (rename(unfinished, bundle) < 0 && !has_file(bundle, "config.json"))
			return err_sys(e, errno, "rename %s", unfinished);
	}
	return use_bundle(a, bundle, ret, e);
}

int sandbox_root_find(struct arena *a, const char *name, struct sandbox_root *ret, struct err *e)
{
	char path[PATH_MAX], *given = arena_strdup(a, name), *tag = NULL;

	*ret = (struct sandbox_root){ 0 };
	if (!given)
		return err_nomem(e);
	if (access(given, F_OK) < 0 && (tag = strrchr(given, ':')))
		*tag++ = '\0';
	if (!realpath(given, path))
		return err_set(e, errno, "--root %s: %s", name, errno == ENOENT ? "missing" : err_text(errno));
	if (has_file(path, "oci-layout"))
		return use_image(a, path, tag, ret, e);
	if (tag)
		return err_set(e, ENOENT, "--root %s: missing", name);
	if (has_file(path, "config.json"))
		return use_bundle(a, path, ret, e);
	struct stat st;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "--root %s: not a directory", name);
	ret->path = arena_strdup(a, path);
	return ret->path ? 0 : err_nomem(e);
}

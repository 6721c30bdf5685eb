/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_OCI_MOUNT_OPTIONS_H
#define CTR_OCI_MOUNT_OPTIONS_H

/*
 * mounts[].options (config.md, "Linux mount options"): words -> what the mount calls take. One table, a
 * row per word; `features` lists the same rows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../runtime/base/arena.h"
#include "../runtime/base/err.h"
#include "../runtime/base/str.h"
#include "config.h"

/*
 * A later option overrides an earlier one of the same meaning. Order of application: the recursive
 * attributes, then those of this mount; a recursive option has already taken its bits out of attr_*, so
 * that "ro,rrw" ends writable and "rro,rw" is a writable mount with read-only ones below it.
 */
struct mount_options {
	/*
	 * MOUNT_ATTR_* for fsmount() (attr_set) and mount_setattr(). The access times are one field of
	 * several bits: whenever an option speaks about them, attr_clr holds all of MOUNT_ATTR__ATIME, as
	 * the kernel demands, and attr_set the chosen class (0: relatime).
	 */
	uint64_t attr_set, attr_clr; /* of this mount */
	uint64_t rec_set, rec_clr;   /* of it and everything below it (AT_RECURSIVE) */
	uint32_t propagation; /* MS_PRIVATE ..., with MS_REC for the r forms; the last one counts. 0: none */
	/*
	 * Flags of the superblock as mount(2) takes them: MS_RDONLY, MS_SYNCHRONOUS, MS_DIRSYNC,
	 * MS_MANDLOCK, MS_LAZYTIME, MS_I_VERSION, MS_SILENT. `ro` is both this and an attribute. They mean
	 * nothing on a bind.
	 */
	uint32_t ms_flags, ms_clear;
	bool bind, recursive, remount;
	bool idmap, idmap_recursive; /* id-mapped; with everything below it */
	bool tmpcopyup;		     /* a tmpfs starts with what the destination holds */
	bool copy_symlink;	     /* a source that is a link is made anew at the destination */
	bool src_nofollow, dest_nofollow;
	/* From "idmap=uids=A-B-N#...;gids=...": A in the filesystem, B shown for it, N ids. n 0: none. */
	struct id_map_list uid_map, gid_map;
	struct strv data; /* for the filesystem, in order: "key" or "key=value"; empty words left out */
};

/* Strings of `data` are those of `options`. -EINVAL only for a malformed idmap, -ENOMEM. */
int mount_options_parse(struct arena *a, const struct strv *options, struct mount_options *ret,
			struct err *e) MUST_CHECK;

/* What the kernel would silently ignore on a bind (or its remount) is -EINVAL: a word for a filesystem. */
int mount_options_check_bind(const struct mount_options *o, struct err *e) MUST_CHECK;

/* The words, sorted (bytewise); i < mount_option_count(). */
size_t mount_option_count(void);
const char *mount_option_name(size_t i);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CGROUP_INTERNAL_H
#define CTR_CGROUP_INTERNAL_H

/* What the files of cgroup/ share; nothing outside of it (and its unit test) includes this. */

#include "cgroup.h"

/* ---- pure ------------------------------------------------------------------------------------------ */

/* Whether `word` (n bytes) is one of the blank-separated words. */
bool cg_has_word(const char *words, const char *word, size_t n);
/* The next word at *p: its length, 0 at the end; *ret points at it and *p behind it. */
size_t cg_next_word(const char **p, const char **ret);
/* Takes the lines of /proc/self/cgroup: own, v1_controllers. */
void cg_parse_self(const char *text, struct cgroup_facts *f);
/*
 * The next component at *p: its length, 0 at the end. Empty components and "." are skipped; ".." gives
 * the whole path away: (size_t)-1.
 */
size_t cg_next_component(const char **p, const char **ret);
/* 0, or -EINVAL for a path that leaves its root or has a component that cgroupfs cannot have. */
int cg_path_check(const char *path, struct err *e) MUST_CHECK;
/* The value of "KEY N" in the text of a flat keyed file, or -1. */
int64_t cg_keyed(const char *text, const char *key);

/* swap (memory plus swap) as memory.swap.max: bytes, -1 for max, -2 for "not asked for". */
int cg_swap(const struct memory_conf *m, int64_t *ret, struct err *e) MUST_CHECK;
/* What is wrong with a list of CPUs or nodes that str_ids() does not take. -EINVAL. */
int cg_bad_list(const char *member, const char *value, struct err *e) MUST_CHECK;

/* ---- files ------------------------------------------------------------------------------------------ */

/* Whole file as text without the last newline, cut to size - 1: length, or -errno. */
int cg_read(int dirfd, const char *file, char *buf, size_t size) MUST_CHECK;
/* One write of the whole value ("" is sent as a newline): 0 or -errno. */
int cg_write(int dirfd, const char *file, const char *value) MUST_CHECK;

/* The root of cgroup2: an open directory, which is not the caller's to close, and its name for messages. */
int cg_base(const char **ret_mount, struct err *e) MUST_CHECK;
/* The controllers that it has, read once. cg_base() comes before. */
int cg_base_controllers(char ret[CGROUP_WORDS_MAX], struct err *e) MUST_CHECK;
/* Beneath, without links and without leaving the file system: descriptor (close-on-exec) or -errno. */
int cg_open_below(int dirfd, const char *path, int flags) MUST_CHECK;
/* A directory, likewise. */
int cg_open_dir(int dirfd, const char *path) MUST_CHECK;

/*
 * Removes the directories of `path` from the last up to, not including, the first `kept` components; ends
 * without complaint at one that is in use. 0, or -errno of the last component (gone already is 0).
 */
int cg_remove_chain(int base, const char *path, unsigned int kept);

/*
 * Enables the controllers of `avail` for the children of fd and leaves in `avail` those that are enabled
 * then: what the children have. Only those in `need` must succeed. `fresh`: none is on yet. `where` names fd in messages.
 */
int cg_enable(int fd, bool fresh, char avail[CGROUP_WORDS_MAX], const struct strv *need, const char *where,
	      struct err *e) MUST_CHECK;
/* Gives uid the directory and the files of cgroups(7), delegation; nothing else. A missing file is no error. */
int cg_delegate(int fd, uid_t uid, struct err *e) MUST_CHECK;

/* checkBeforeUpdate (E26) against the usage that the cgroup's files report: 0 or -EBUSY. */
int cg_usage_check(int fd, const struct cgroup_knob_list *k, struct err *e) MUST_CHECK;

#endif

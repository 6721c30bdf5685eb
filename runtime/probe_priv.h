/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_PROBE_PRIV_H
#define CTR_PROBE_PRIV_H

/* Between the files of the probe. */

#include <sys/types.h>

#include "probe.h"

/*
 * The first size - 1 bytes of a regular file below root as text: bytes that are neither printable ASCII nor
 * white space become '?', NULs become newlines (environ, device tree). Length, or -errno with buf empty.
 */
int probe_read(int root, const char *path, char *buf, size_t size);
/* The same, only the first line without trailing blanks. */
int probe_read_line(int root, const char *path, char *buf, size_t size);
/* A file that is one number; -1 if it is not there or something else. */
int64_t probe_read_number(int root, const char *path);
bool probe_exists(int root, const char *path);
/* Entries of a directory, without . and ..; 0 when it cannot be read. */
unsigned int probe_count_entries(int root, const char *path);
/* Opening for reading and writing, as the caller. */
void probe_device_look(const struct probe_source *src, const char *path, struct probe_device *ret);

/* word is one of the words of text[0..n), which blanks, commas and newlines separate. */
bool probe_has_word(const char *text, size_t n, const char *word);
/* Appends with a separator if there is room for all of it. */
void probe_append(char *buf, size_t size, const char *separator, const char *text);
void probe_copy(char *buf, size_t size, const char *text);
static inline bool probe_is_x86(const struct probe_source *src)
{
	return str_eq(src->arch, "x86_64") || (strlen(src->arch) == 4 && str_eq(src->arch + 2, "86"));
}

static inline enum probe_answer probe_answer_of(bool yes)
{
	return yes ? PROBE_YES : PROBE_NO;
}

void probe_cpu_read(struct probe *p, const struct probe_source *src);
void probe_inside_read(struct probe *p, const struct probe_source *src);
/* The overlay file system is built in or loaded. */
bool probe_overlay_known(int root);
void probe_files_read(struct probe *p, const struct probe_source *src);
/* These ask the running kernel. */
void probe_kernel_ask(struct probe *p, const struct probe_source *src);

/*
 * Work in a child, so that it can be undone by the child's end and waited for with a deadline. The two trials
 * are started first and asked last: the files are read meanwhile. Every start needs its finish.
 */
struct probe_job {
	pid_t pid; /* 0: not started */
	int fd;
};

/* work(src, fd) has to write its answer into fd. When no child can be had the finish says so. */
void probe_job_start(struct probe_job *job, void (*work)(const struct probe_source *src, int fd),
		     const struct probe_source *src);
/*
 * Takes the answer, exactly n bytes: 0, or -ETIMEDOUT, -EIO (ended without an answer), -ECHILD (not started)
 * or another -errno. The child is gone afterwards either way.
 */
int probe_job_finish(struct probe_job *job, void *answer, size_t n, int timeout_ms) MUST_CHECK;

void probe_userns_start(struct probe_job *job, const struct probe_source *src);
void probe_userns_finish(struct probe_job *job, struct probe *p);
void probe_kvm_start(struct probe_job *job, const struct probe_source *src);
void probe_kvm_finish(struct probe_job *job, struct probe *p);

#endif

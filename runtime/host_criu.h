/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_CRIU_H
#define CTR_HOST_CRIU_H

/*
 * Checkpoint and restore by the program criu: what it is told about a container, and how it is run. What is in
 * the images is criu's affair alone.
 */

#include "../oci/config.h"
#include "bundle.h"
#include "ctx.h"
#include "host_cgroup.h"
#include "opt.h"
#include "store.h"

/* Options of both commands; the first member of their option structs. */
struct criu_opts {
	const char *image_path, *work_path, *manage_cgroups, *network_lock;
	struct strv empty_ns;
	bool tcp_established, tcp_close, ext_unix_sk, shell_job, file_locks, link_remap, auto_dedup, lazy_pages;
};
#define CRIU_OPTION_ROWS(type)                                                                                        \
	{ "image-path", 0, OPT_STRING, offsetof(type, criu.image_path), "DIR", "where the images are (default: checkpoint)" }, \
	{ "work-path", 0, OPT_STRING, offsetof(type, criu.work_path), "DIR", "where criu's log goes (default: the images')" }, \
	{ "tcp-established", 0, OPT_FLAG, offsetof(type, criu.tcp_established), NULL, "allow open TCP connections" },  \
	{ "tcp-close", 0, OPT_FLAG, offsetof(type, criu.tcp_close), NULL, "close TCP connections" },                   \
	{ "ext-unix-sk", 0, OPT_FLAG, offsetof(type, criu.ext_unix_sk), NULL, "allow UNIX sockets of the outside" },   \
	{ "shell-job", 0, OPT_FLAG, offsetof(type, criu.shell_job), NULL, "allow a session or terminal of the outside" }, \
	{ "file-locks", 0, OPT_FLAG, offsetof(type, criu.file_locks), NULL, "keep file locks" },                       \
	{ "link-remap", 0, OPT_FLAG, offsetof(type, criu.link_remap), NULL, "allow files that are open and removed" }, \
	{ "auto-dedup", 0, OPT_FLAG, offsetof(type, criu.auto_dedup), NULL, "images do not repeat memory of earlier ones" }, \
	{ "lazy-pages", 0, OPT_FLAG, offsetof(type, criu.lazy_pages), NULL, "memory follows when it is needed" },       \
	{ "manage-cgroups-mode", 0, OPT_STRING, offsetof(type, criu.manage_cgroups), "MODE",                          \
	  "what criu does with cgroups: soft, full, strict, ignore (default: ignore)" },                              \
	{ "network-lock", 0, OPT_STRING, offsetof(type, criu.network_lock), "METHOD", "iptables or nftables" },        \
	{ "empty-ns", 0, OPT_LIST, offsetof(type, criu.empty_ns), "network", "make the namespace, leave its content to others" }

/* A configuration file of criu's own, as with runc. */
#define CRIU_CONFIG_ANNOTATION "org.criu.config"
/* Namespaces that may stay outside of the images, and the names under which these know them, as with runc. */
#define CRIU_OUTSIDE 2
extern const struct criu_outside { uint32_t type; const char *file, *key; } criu_outside[CRIU_OUTSIDE];

/* Not of criu's command line: its service mode makes terminals whose master is not in the images, and hands them over. */
#define CRIU_TERMINAL_WORD "--orphan-pts-master"

/* The words of one call of criu. */
struct criu_words {
	struct arena *arena;
	struct strv list;
	bool failed;
};
void criu_word(struct criu_words *w, const char *word);
/* Nothing is added where `value` is NULL: an option that was not given. */
void criu_option(struct criu_words *w, const char *name, const char *value);
void criu_optionf(struct criu_words *w, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Checks what both commands must not be asked for, and begins the words: "criu ACTION" with the common options. */
int criu_begin(struct ctx *ctx, struct criu_words *w, const char *action, const struct criu_opts *o, const char *rootfs,
	       struct err *e) MUST_CHECK;

/* What a container has that no image can hold is an error: Landlock, a micro-VM, layers. */
int criu_check_config(const struct config *c, const char *id, const char *verb, struct err *e) MUST_CHECK;

/* What to do in the child before it becomes criu. */
typedef int criu_prepare(void *arg, struct err *e);
/*
 * Runs it and waits. An error has the first complaint in criu's log.
 */
int criu_run(struct ctx *ctx, struct criu_words *w, const struct criu_opts *o, const char *action, criu_prepare *prepare,
	     void *arg, struct err *e) MUST_CHECK;

/*
 * criu is at `script`, a name of its documentation of action scripts, with `pid` as the first process (0: not said).
 * `fd` (-1: none) is closed afterwards, unless it was taken (TAKE_FD). An error ends the restoration.
 */
typedef int criu_event(void *arg, const char *script, pid_t pid, int *fd, struct err *e);
/*
 * The same in criu's service mode, which tells how far it is: restores what `w` says, in the cgroup `cgroup_fd` (-1:
 * ours). *ret_pid is the first process, a child of ours.
 */
int criu_restore(struct ctx *ctx, struct criu_words *w, const struct criu_opts *o, int cgroup_fd, criu_prepare *prepare,
		 criu_event *event, void *arg, pid_t *ret_pid, struct err *e) MUST_CHECK;

/* An error that a process and its child both see, or NULL; munmap() ends it. */
struct err *criu_shared_err(struct err *e);

/*
 * The terminal behind `master`, in the devpts of the restored process `pid`, becomes its /dev/console, where restore was
 * told of CRIU_CONSOLE_STAND_IN for it; otherwise nothing happens. The container must be stopped.
 */
#define CRIU_CONSOLE "/dev/console"
#define CRIU_CONSOLE_STAND_IN "/dev/null"
int criu_console_mount(pid_t pid, int master, struct err *e) MUST_CHECK;

#endif

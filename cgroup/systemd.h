/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_CGROUP_SYSTEMD_H
#define CTR_CGROUP_SYSTEMD_H

/*
 * The systemd driver: a scope per container, made by the system's manager or the user's, and below it what the
 * cgroupfs driver does. The bus is spoken by the helper program ctr-systemd; it is started only here, with an
 * empty environment, gets its answers in before a deadline and is killed after it (D21, F20).
 *
 * Order of a start, in which a scope is never empty (the manager collects it at once then) and the first
 * process is born where it belongs:
 *
 *   cgroup_systemd_create   the scope, with the helper itself as a placeholder inside
 *   cgroup_attach_devices, cgroup_apply(EARLY), clone3(CLONE_INTO_CGROUP)
 *   cgroup_systemd_release  the placeholder leaves; before the container's process goes on
 *   cgroup_apply(LATE)
 *
 * When ctr dies in between, the placeholder sees the end of its input, and scope and unit vanish.
 */

#include "cgroup.h"

#define CGROUP_SYSTEMD_TIMEOUT_MS 10000

struct cgroup_systemd_options {
	const char *helper;	/* path of ctr-systemd; NULL: it is not installed, which is an error then */
	bool user;		/* the caller's user manager instead of the system's */
	const char *bus;	/* D-Bus address; NULL: as the environment says, see cgroup_systemd_bus() */
	int timeout_ms;		/* for one conversation; 0: CGROUP_SYSTEMD_TIMEOUT_MS */
	const char *id;		/* of the container: names the unit's description, by which a leftover is known as ours */
	struct cgroup_property_list limits; /* of cgroup_systemd_properties() */
	/*
	 * Of the container, or NULL. "org.systemd.property.NAME" with a value in GVariant's text format sets a
	 * property (true, 'text', uint64 5, ['a', 'b']); names ending in Sec take seconds. What places the unit
	 * (Slice, PIDs, ...) is refused.
	 */
	const struct string_map *annotations;
};

/* The placeholder. Initialise with CGROUP_SYSTEMD_NONE; release is then always allowed. */
struct cgroup_systemd {
	pid_t pid;
	int pidfd, socket;
	const char *tasks_max; /* the property that has to wait until the placeholder is gone, or NULL */
};
#define CGROUP_SYSTEMD_NONE { .pid = 0, .pidfd = -EBADF, .socket = -EBADF, .tasks_max = NULL }

/*
 * The address of the bus. System: DBUS_SYSTEM_BUS_ADDRESS, else the well-known socket. User:
 * DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus; -ENOENT when neither is set. In the arena or the
 * environment. (Within a user namespace the bus takes the caller for who he is outside: the library sends no
 * id of its own, and the socket's credentials are translated by the kernel.)
 */
int cgroup_systemd_bus(struct arena *a, bool user, const char **ret, struct err *e) MUST_CHECK;

/*
 * Starts the plan's unit (manager CGROUP_SYSTEMD). A failed unit that an earlier container of the same name
 * left is cleared away; any other unit of that name is -EEXIST. With a leaf the container's cgroup is made
 * below the scope, with the controllers that the plan needs (-EOPNOTSUPP: the manager delegates one of them
 * not), and the placeholder is moved there. Owner as planned.
 *
 * *ret_fd: the container's cgroup, fit for CLONE_INTO_CGROUP, which is -EACCES for an ordinary user whose
 * own process lives outside of the user manager's tree: cgroup_systemd_attach() is the way round. *ret_path:
 * its path below the root of the mount, in the arena. On failure nothing is left.
 */
int cgroup_systemd_create(struct arena *a, const struct cgroup_plan *p, const struct cgroup_systemd_options *o,
			  struct cgroup_systemd *ret, int *ret_fd, const char **ret_path,
			  struct err *e) MUST_CHECK;

/*
 * The placeholder goes, and is gone when this returns. Must come after the container's first process is in (or
 * after a failure: the manager then collects the scope). A limit of one process is told to the manager here.
 */
int cgroup_systemd_release(struct arena *a, const struct cgroup_plan *p, const struct cgroup_systemd_options *o,
			   struct cgroup_systemd *s, struct err *e) MUST_CHECK;

/* Lets the manager move a process into the unit ("" or the leaf below it); needs no right in cgroupfs. */
int cgroup_systemd_attach(struct arena *a, const struct cgroup_plan *p, const struct cgroup_systemd_options *o,
			  pid_t pid, struct err *e) MUST_CHECK;

/*
 * Changes the limits of a running container: the manager's properties first, then the files of the cgroup at
 * `path`. checkBeforeUpdate is honoured (-EBUSY).
 */
int cgroup_systemd_update(struct arena *a, const char *path, const char *unit,
			  const struct cgroup_systemd_options *o, const struct cgroup_knob_list *k,
			  struct err *e) MUST_CHECK;

/*
 * Kills what lives in the cgroup at `path` (the unit's own, or the leaf below), waits for its end and lets the
 * manager stop and forget the unit. Gone already is success; repeatable.
 */
int cgroup_systemd_remove(struct arena *a, const char *path, const char *unit,
			  const struct cgroup_systemd_options *o, struct err *e) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_HOST_IDMAP_H
#define CTR_HOST_IDMAP_H

#include "plan_build.h"

/* Writes the maps of the user namespace that process `pid` lives in (user_namespaces(7)). */
int idmap_write(pid_t pid, const struct id_maps *maps, struct err *e) MUST_CHECK;

/* A user namespace with these maps and nobody in it, as a descriptor: what an id-mapped mount takes. */
int idmap_namespace(const struct id_map_list *uid, const struct id_map_list *gid, struct err *e) MUST_CHECK;

#endif

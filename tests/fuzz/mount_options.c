/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of mount options (and id-mapped mounts' maps): words, one per line -> flags that the mount calls take,
 * or one clean error. A second list of the same words gives the same.
 */
#include <linux/mount.h>
#include <sys/mount.h>

#include "../../oci/mount_options.h"
#include "fuzz.h"

#define ATTRS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | \
	       MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW)

/* The access times are one field: whoever sets a class of them clears the whole field, or the kernel refuses. */
static void check_attrs(uint64_t set, uint64_t clr)
{
	must(((set | clr) & ~(uint64_t)ATTRS) == 0, "attributes", "unknown bits");
	must((set & clr & ~(uint64_t)MOUNT_ATTR__ATIME) == 0, "attributes", "a bit both set and cleared");
	must(!(set & MOUNT_ATTR__ATIME) || (clr & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME, "access times", "not cleared");
}

static void check_map(const struct id_map_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		must(l->v[i].size > 0 && (uint64_t)l->v[i].container_id + l->v[i].size - 1 <= UINT32_MAX &&
		     (uint64_t)l->v[i].host_id + l->v[i].size - 1 <= UINT32_MAX, "id map", "out of range");
}

static void check(const struct mount_options *o, const struct words *w)
{
	const uint32_t kinds = MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE, kind = o->propagation & kinds;

	check_attrs(o->attr_set, o->attr_clr);
	check_attrs(o->rec_set, o->rec_clr);
	must((kind & (kind - 1)) == 0 && (o->propagation & ~(kinds | MS_REC)) == 0, "propagation", "more than one kind");
	must((o->ms_flags & o->ms_clear) == 0, "flags", "a bit both set and cleared");
	check_map(&o->uid_map);
	check_map(&o->gid_map);
	must(o->data.n <= w->n, "data", "more words than there were");
	for (size_t i = 0; i < o->data.n; i++)
		must(o->data.v[i][0] != '\0', "data", "an empty word");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = fuzz_arena();
	struct words w = words_of(data, size, '\n');
	struct strv list = { w.v, w.n };
	struct mount_options one = { 0 }, two = { 0 };
	struct err e = { 0 };
	int r = mount_options_parse(a, &list, &one, &e);

	if (r < 0) {
		must_be_error(&e);
	} else {
		check(&one, &w);
		must(mount_options_parse(a, &list, &two, &e) == 0, "the second time", e.text);
		must(one.attr_set == two.attr_set && one.rec_clr == two.rec_clr && one.data.n == two.data.n, "twice", "differs");
		if (mount_options_check_bind(&one, &e) < 0)
			must_be_error(&e);
	}
	words_free(&w);
	return 0;
}

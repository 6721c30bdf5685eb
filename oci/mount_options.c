/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of mounts[].options: one row each, applied in the order of the list. Every word of the
 * specification's table is here, whether it must, should or may be known, and three of crun's that engines
 * pass on. A word that has no row belongs to the filesystem; whether that makes sense for the mount at
 * hand is the caller's business (mount_options_check_bind).
 */
#include "mount_options.h"

#include <stddef.h>
#include <string.h>
#include <sys/mount.h>

#include "../runtime/base/sys.h"
#include "../runtime/base/util.h"

/* include/uapi/linux/mount.h; not every C library has it. */
#define NR_MS_LAZYTIME (1u << 25)

enum what {
	NOTHING,
	ATTR,	     /* an attribute bit, and perhaps a flag of the superblock */
	ATIME,	     /* the access time class */
	PROPAGATION, /* MS_*, MS_REC included */
	BIND,	     /* MS_BIND, perhaps with MS_REC */
	SWITCH,	     /* a bool of struct mount_options at `offset` */
	IDMAP,
};

enum { SET, CLEAR, SET_ALL, CLEAR_ALL /* _ALL: recursive */ };

struct row {
	const char *name;
	uint8_t what, how;
	uint16_t offset;
	uint32_t value; /* by what: MOUNT_ATTR_* or MS_* */
	uint32_t super; /* MS_* */
};

#define NAMED(word) { .name = (word), .what = NOTHING }
#define FLAG(word, h, attr, ms) { .name = (word), .what = ATTR, .how = (h), .value = (attr), .super = (ms) }
#define CLASS(word, h, v) { .name = (word), .what = ATIME, .how = (h), .value = SYS_MOUNT_ATTR_##v }
#define SPREAD(word, v) { .name = (word), .what = PROPAGATION, .value = (v) }
#define BOOL(word, member) \
	{ .name = (word), .what = SWITCH, .offset = offsetof(struct mount_options, member) }

#define RDONLY SYS_MOUNT_ATTR_RDONLY
#define NOSUID SYS_MOUNT_ATTR_NOSUID
#define NODEV SYS_MOUNT_ATTR_NODEV
#define NOEXEC SYS_MOUNT_ATTR_NOEXEC
#define NODIRATIME SYS_MOUNT_ATTR_NODIRATIME
#define NOSYMFOLLOW SYS_MOUNT_ATTR_NOSYMFOLLOW

/* Sorted, for the look-up and for `features`. */
static const struct row rows[] = {
	FLAG("async", CLEAR, 0, MS_SYNCHRONOUS),
	CLASS("atime", CLEAR, NOATIME),
	{ .name = "bind", .what = BIND, .value = MS_BIND },
	BOOL("copy-symlink", copy_symlink),
	NAMED("defaults"),
	BOOL("dest-nofollow", dest_nofollow),
	FLAG("dev", CLEAR, NODEV, 0),
	FLAG("diratime", CLEAR, NODIRATIME, 0),
	FLAG("dirsync", SET, 0, MS_DIRSYNC),
	FLAG("exec", CLEAR, NOEXEC, 0),
	{ .name = "idmap", .what = IDMAP },
	FLAG("iversion", SET, 0, MS_I_VERSION),
	FLAG("lazytime", SET, 0, NR_MS_LAZYTIME),
	FLAG("loud", CLEAR, 0, MS_SILENT),
	FLAG("mand", SET, 0, MS_MANDLOCK),
	CLASS("noatime", SET, NOATIME),
	FLAG("nodev", SET, NODEV, 0),
	FLAG("nodiratime", SET, NODIRATIME, 0),
	FLAG("noexec", SET, NOEXEC, 0),
	FLAG("noiversion", CLEAR, 0, MS_I_VERSION),
	FLAG("nolazytime", CLEAR, 0, NR_MS_LAZYTIME),
	FLAG("nomand", CLEAR, 0, MS_MANDLOCK),
	CLASS("norelatime", CLEAR, RELATIME),
	CLASS("nostrictatime", CLEAR, STRICTATIME),
	FLAG("nosuid", SET, NOSUID, 0),
	FLAG("nosymfollow", SET, NOSYMFOLLOW, 0),
	SPREAD("private", MS_PRIVATE),
	CLASS("ratime", CLEAR_ALL, NOATIME),
	{ .name = "rbind", .what = BIND, .value = MS_BIND | MS_REC },
	FLAG("rdev", CLEAR_ALL, NODEV, 0),
	FLAG("rdiratime", CLEAR_ALL, NODIRATIME, 0),
	CLASS("relatime", SET, RELATIME),
	BOOL("remount", remount),
	FLAG("rexec", CLEAR_ALL, NOEXEC, 0),
	{ .name = "ridmap", .what = IDMAP, .how = SET_ALL },
	CLASS("rnoatime", SET_ALL, NOATIME),
	FLAG("rnodev", SET_ALL, NODEV, 0),
	FLAG("rnodiratime", SET_ALL, NODIRATIME, 0),
	FLAG("rnoexec", SET_ALL, NOEXEC, 0),
	CLASS("rnorelatime", CLEAR_ALL, RELATIME),
	CLASS("rnostrictatime", CLEAR_ALL, STRICTATIME),
	FLAG("rnosuid", SET_ALL, NOSUID, 0),
	FLAG("rnosymfollow", SET_ALL, NOSYMFOLLOW, 0),
	FLAG("ro", SET, RDONLY, MS_RDONLY),
	SPREAD("rprivate", MS_PRIVATE | MS_REC),
	CLASS("rrelatime", SET_ALL, RELATIME),
	FLAG("rro", SET_ALL, RDONLY, 0),
	FLAG("rrw", CLEAR_ALL, RDONLY, MS_RDONLY),
	SPREAD("rshared", MS_SHARED | MS_REC),
	SPREAD("rslave", MS_SLAVE | MS_REC),
	CLASS("rstrictatime", SET_ALL, STRICTATIME),
	FLAG("rsuid", CLEAR_ALL, NOSUID, 0),
	FLAG("rsymfollow", CLEAR_ALL, NOSYMFOLLOW, 0),
	SPREAD("runbindable", MS_UNBINDABLE | MS_REC),
	FLAG("rw", CLEAR, RDONLY, MS_RDONLY),
	SPREAD("shared", MS_SHARED),
	FLAG("silent", SET, 0, MS_SILENT),
	SPREAD("slave", MS_SLAVE),
	BOOL("src-nofollow", src_nofollow),
	CLASS("strictatime", SET, STRICTATIME),
	FLAG("suid", CLEAR, NOSUID, 0),
	FLAG("symfollow", CLEAR, NOSYMFOLLOW, 0),
	FLAG("sync", SET, 0, MS_SYNCHRONOUS),
	BOOL("tmpcopyup", tmpcopyup),
	SPREAD("unbindable", MS_UNBINDABLE),
};

size_t mount_option_count(void)
{
	return ARRAY_SIZE(rows);
}

const char *mount_option_name(size_t i)
{
	return rows[i].name;
}

/* The row of a word of `n` bytes, or NULL. */
static const struct row *row_find(const char *word, size_t n)
{
	size_t low = 0, high = ARRAY_SIZE(rows);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = strncmp(word, rows[mid].name, n);
		if (r == 0 && rows[mid].name[n] == '\0')
			return &rows[mid];
		/* A prefix of the row's name sorts before it. */
		if (r <= 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* How much of a word to quote in a message: up to what would break the line or the terminal. */
static int quotable(const char *s)
{
	int n = 0;

	while (n < 200 && s[n] >= ' ' && s[n] < 0x7f)
		n++;
	return n;
}

/* ---- idmap=uids=A-B-N#A-B-N;gids=A-B-N -------------------------------------------------------- */

/* Decimal digits up to the character `end` or the end of the text. */
static int take_number(const char **s, const char *end, uint64_t *ret)
{
	char digits[11];
	size_t n = strcspn(*s, end);

	if (n == 0 || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, *s, n);
	digits[n] = '\0';
	*s += n;
	return str_u64(digits, UINT32_MAX, ret);
}

/* "A-B-N", up to '#', ';' or the end. */
static int take_triple(const char **s, struct id_map *ret)
{
	uint64_t v[3];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		int r = take_number(s, "-#;", &v[i]);
		if (r < 0)
			return r;
		if (i + 1 < ARRAY_SIZE(v) && *(*s)++ != '-')
			return -EINVAL;
	}
	/* 2^32 - 1 is "no id" to the kernel. */
	if (**s == '-' || v[2] == 0 || v[0] + v[2] > UINT32_MAX || v[1] + v[2] > UINT32_MAX)
		return -EINVAL;
	*ret = (struct id_map){ (uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2] };
	return 0;
}

/* The triples behind "uids=", up to ';' or the end. At most as many as there are separators, and one. */
static int take_map(struct arena *a, const char **s, struct id_map_list *ret)
{
	size_t most = 1, n = 0;

	for (const char *c = *s; *c && *c != ';'; c++)
		most += *c == '#';
	struct id_map *v = arena_array(a, most, sizeof(*v));
	if (!v)
		return -ENOMEM;
	do {
		int r = take_triple(s, &v[n++]);
		if (r < 0)
			return r;
	} while (*(*s) == '#' && (*s)++);
	*ret = (struct id_map_list){ v, n };
	return 0;
}

/* Both lists, in any order, each once. */
static int idmap_value(struct arena *a, const char *option, const char *s, struct mount_options *o,
		       struct err *e)
{
	struct id_map_list uids = { 0 }, gids = { 0 };
	int r = 0;

	while (r == 0 && *s) {
		struct id_map_list *into = str_starts(s, "uids=") ? &uids :
					   str_starts(s, "gids=") ? &gids : NULL;
		if (!into || into->n) {
			r = -EINVAL;
			break;
		}
		s += strlen("uids=");
		r = take_map(a, &s, into);
		if (r == 0 && *s == ';')
			s++;
	}
	if (r == -ENOMEM)
		return err_nomem(e);
	if (r < 0 || !uids.n || !gids.n)
		return err_bad(e, "\"%.*s\" is not of the form idmap=uids=A-B-N#...;gids=A-B-N#...",
			       quotable(option), option);
	o->uid_map = uids;
	o->gid_map = gids;
	return 0;
}

/* ---- one word ---------------------------------------------------------------------------------- */

static void apply_attr(const struct row *row, struct mount_options *o)
{
	bool all = row->how >= SET_ALL, set = row->how == SET || row->how == SET_ALL;
	uint64_t mask = row->what == ATIME ? SYS_MOUNT_ATTR__ATIME : row->value;
	uint64_t *attr_set = all ? &o->rec_set : &o->attr_set, *attr_clr = all ? &o->rec_clr : &o->attr_clr;
	/*
	 * Taking an access time class back ends in the kernel's default unless another one was chosen
	 * meanwhile: "strictatime,atime" is still strict, as it is with mount(2)'s separate flags.
	 */
	bool drop = set || row->what != ATIME || (*attr_set & mask) == row->value;

	if (all) {
		o->attr_set &= ~mask;
		o->attr_clr &= ~mask;
	}
	if (drop)
		*attr_set &= ~mask;
	*attr_clr &= ~mask;
	if (set)
		*attr_set |= row->value;
	if (!set || row->what == ATIME)
		*attr_clr |= mask;
	if (set) {
		o->ms_flags |= row->super;
		o->ms_clear &= ~row->super;
	} else {
		o->ms_flags &= ~row->super;
		o->ms_clear |= row->super;
	}
}

static int apply(struct arena *a, const struct row *row, const char *option, struct mount_options *o,
		 struct err *e)
{
	const char *value = strchr(option, '=');

	switch ((enum what)row->what) {
	case NOTHING:
		break;
	case ATTR:
	case ATIME:
		apply_attr(row, o);
		break;
	case PROPAGATION:
		o->propagation = row->value;
		break;
	case BIND:
		o->bind = true;
		o->recursive |= (row->value & MS_REC) != 0;
		break;
	case SWITCH:
		*(bool *)((char *)o + row->offset) = true;
		break;
	case IDMAP:
		if (value && idmap_value(a, option, value + 1, o, e) < 0)
			return -e->code;
		o->idmap = true;
		o->idmap_recursive = row->how == SET_ALL;
		break;
	}
	return 0;
}

int mount_options_parse(struct arena *a, const struct strv *options, struct mount_options *ret, struct err *e)
{
	struct mount_options o = { 0 };

	o.data.v = arena_array(a, options->n + 1, sizeof(*o.data.v));
	if (!o.data.v)
		return err_nomem(e);
	for (size_t i = 0; i < options->n; i++) {
		char *option = options->v[i];
		size_t n = strcspn(option, "=");
		const struct row *row = row_find(option, n);
		/* Only an id map takes a value: "ro=1" is nothing of ours. */
		if (row && (!option[n] || row->what == IDMAP)) {
			int r = apply(a, row, option, &o, e);
			if (r < 0)
				return r;
		} else if (*option) {
			o.data.v[o.data.n++] = option;
		}
	}
	*ret = o;
	return 0;
}

int mount_options_check_bind(const struct mount_options *o, struct err *e)
{
	if (o->data.n)
		return err_bad(e, "\"%.*s\" has no meaning for a bind", quotable(o->data.v[0]), o->data.v[0]);
	if (o->tmpcopyup)
		return err_bad(e, "tmpcopyup has no meaning for a bind");
	return 0;
}

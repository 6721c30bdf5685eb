/* SPDX-License-Identifier: Apache-2.0 */
/* Mount option words: what each one sets, how they combine, and what is refused. */
#include "../../oci/mount_options.h"

#include <stdlib.h>
#include <sys/mount.h>

#include "../../runtime/base/sys.h"
#include "../../runtime/base/util.h"
#include "tap.h"

#define RDONLY SYS_MOUNT_ATTR_RDONLY
#define NOATIME SYS_MOUNT_ATTR_NOATIME
#define STRICT SYS_MOUNT_ATTR_STRICTATIME
#define ATIME SYS_MOUNT_ATTR__ATIME
#define LAZY (1u << 25)
#define WORDS_MAX 16

static struct arena arena;
static struct err err;

/* Splits at blanks, so that commas stay available for values. */
static int parse(const char *words, struct mount_options *ret)
{
	char *v[WORDS_MAX + 1] = { 0 };
	struct strv list = { v, 0 };
	char *text;

	if (!arena.base && arena_init(&arena, 0, &err) < 0)
		return -ENOMEM;
	err = (struct err){ 0 };
	text = arena_strdup(&arena, words);
	for (char *w = text; w && list.n < WORDS_MAX;) {
		char *end = strchr(w, ' ');
		if (end)
			*end = '\0';
		v[list.n++] = w;
		w = end ? end + 1 : NULL;
	}
	if (!*words)
		list.n = 0;
	return mount_options_parse(&arena, &list, ret, &err);
}

static struct mount_options ok(const char *words)
{
	struct mount_options o = { 0 };

	if (parse(words, &o) != 0) {
		tap_bad++;
		printf("# %s: %s\n", words, err.text);
	}
	return o;
}

/* The four words of attributes, the two of the superblock: what a list of words must give. */
struct expect {
	const char *words;
	uint64_t set, clr, rec_set, rec_clr;
	uint32_t ms, ms_clear;
};

static void check_all(const struct expect *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct mount_options o = ok(v[i].words);
		if (o.attr_set != v[i].set || o.attr_clr != v[i].clr || o.rec_set != v[i].rec_set ||
		    o.rec_clr != v[i].rec_clr || o.ms_flags != v[i].ms || o.ms_clear != v[i].ms_clear) {
			tap_bad++;
			printf("# %s: attr %llx %llx rec %llx %llx ms %x %x\n", v[i].words,
			       (unsigned long long)o.attr_set, (unsigned long long)o.attr_clr,
			       (unsigned long long)o.rec_set, (unsigned long long)o.rec_clr, o.ms_flags,
			       o.ms_clear);
		}
		CHECK_INT(o.data.n, 0);
	}
}

static void test_single(void)
{
	static const struct expect v[] = {
		{ "", 0, 0, 0, 0, 0, 0 },
		{ "defaults", 0, 0, 0, 0, 0, 0 },
		{ "ro", 1, 0, 0, 0, MS_RDONLY, 0 },
		{ "rw", 0, 1, 0, 0, 0, MS_RDONLY },
		{ "nosuid", 2, 0, 0, 0, 0, 0 },
		{ "suid", 0, 2, 0, 0, 0, 0 },
		{ "nodev", 4, 0, 0, 0, 0, 0 },
		{ "dev", 0, 4, 0, 0, 0, 0 },
		{ "noexec", 8, 0, 0, 0, 0, 0 },
		{ "exec", 0, 8, 0, 0, 0, 0 },
		{ "nodiratime", 0x80, 0, 0, 0, 0, 0 },
		{ "diratime", 0, 0x80, 0, 0, 0, 0 },
		{ "nosymfollow", 0x200000, 0, 0, 0, 0, 0 },
		{ "symfollow", 0, 0x200000, 0, 0, 0, 0 },
		{ "sync", 0, 0, 0, 0, MS_SYNCHRONOUS, 0 },
		{ "async", 0, 0, 0, 0, 0, MS_SYNCHRONOUS },
		{ "dirsync", 0, 0, 0, 0, MS_DIRSYNC, 0 },
		{ "mand", 0, 0, 0, 0, MS_MANDLOCK, 0 },
		{ "nomand", 0, 0, 0, 0, 0, MS_MANDLOCK },
		{ "lazytime", 0, 0, 0, 0, LAZY, 0 },
		{ "nolazytime", 0, 0, 0, 0, 0, LAZY },
		{ "iversion", 0, 0, 0, 0, MS_I_VERSION, 0 },
		{ "noiversion", 0, 0, 0, 0, 0, MS_I_VERSION },
		{ "silent", 0, 0, 0, 0, MS_SILENT, 0 },
		{ "loud", 0, 0, 0, 0, 0, MS_SILENT },
	};

	check_all(v, ARRAY_SIZE(v));
}

static void test_recursive(void)
{
	static const struct expect v[] = {
		{ "rro", 0, 0, 1, 0, 0, 0 },
		{ "rrw", 0, 0, 0, 1, 0, MS_RDONLY },
		{ "rnosuid", 0, 0, 2, 0, 0, 0 },
		{ "rsuid", 0, 0, 0, 2, 0, 0 },
		{ "rnodev", 0, 0, 4, 0, 0, 0 },
		{ "rdev", 0, 0, 0, 4, 0, 0 },
		{ "rnoexec", 0, 0, 8, 0, 0, 0 },
		{ "rexec", 0, 0, 0, 8, 0, 0 },
		{ "rnodiratime", 0, 0, 0x80, 0, 0, 0 },
		{ "rdiratime", 0, 0, 0, 0x80, 0, 0 },
		{ "rnosymfollow", 0, 0, 0x200000, 0, 0, 0 },
		{ "rsymfollow", 0, 0, 0, 0x200000, 0, 0 },
		{ "rnoatime", 0, 0, NOATIME, ATIME, 0, 0 },
		{ "ratime", 0, 0, 0, ATIME, 0, 0 },
		{ "rrelatime", 0, 0, 0, ATIME, 0, 0 },
		{ "rnorelatime", 0, 0, 0, ATIME, 0, 0 },
		{ "rstrictatime", 0, 0, STRICT, ATIME, 0, 0 },
		{ "rnostrictatime", 0, 0, 0, ATIME, 0, 0 },
	};

	check_all(v, ARRAY_SIZE(v));
}

static void test_atime(void)
{
	static const struct expect v[] = {
		{ "noatime", NOATIME, ATIME, 0, 0, 0, 0 },
		{ "atime", 0, ATIME, 0, 0, 0, 0 },
		{ "relatime", 0, ATIME, 0, 0, 0, 0 },
		{ "norelatime", 0, ATIME, 0, 0, 0, 0 },
		{ "strictatime", STRICT, ATIME, 0, 0, 0, 0 },
		{ "nostrictatime", 0, ATIME, 0, 0, 0, 0 },
		{ "noatime strictatime", STRICT, ATIME, 0, 0, 0, 0 },
		{ "strictatime noatime", NOATIME, ATIME, 0, 0, 0, 0 },
		{ "noatime relatime", 0, ATIME, 0, 0, 0, 0 },
		{ "noatime atime", 0, ATIME, 0, 0, 0, 0 },
		{ "strictatime atime", STRICT, ATIME, 0, 0, 0, 0 },
		{ "noatime nostrictatime", NOATIME, ATIME, 0, 0, 0, 0 },
		{ "noatime nodiratime", NOATIME | 0x80, ATIME, 0, 0, 0, 0 },
		/* The recursive call comes first and speaks about this mount too. */
		{ "noatime rstrictatime", 0, 0, STRICT, ATIME, 0, 0 },
		{ "rstrictatime noatime", NOATIME, ATIME, STRICT, ATIME, 0, 0 },
	};

	check_all(v, ARRAY_SIZE(v));
}

static void test_override(void)
{
	static const struct expect v[] = {
		{ "ro rw", 0, RDONLY, 0, 0, 0, MS_RDONLY },
		{ "rw ro", RDONLY, 0, 0, 0, MS_RDONLY, 0 },
		{ "sync async", 0, 0, 0, 0, 0, MS_SYNCHRONOUS },
		{ "async sync", 0, 0, 0, 0, MS_SYNCHRONOUS, 0 },
		{ "nosuid nodev noexec suid", 12, 2, 0, 0, 0, 0 },
		{ "rro rrw", 0, 0, 0, RDONLY, 0, MS_RDONLY },
		{ "ro rrw", 0, 0, 0, RDONLY, 0, MS_RDONLY },
		{ "rro rw", 0, RDONLY, RDONLY, 0, 0, MS_RDONLY },
		{ "rw rro", 0, 0, RDONLY, 0, 0, MS_RDONLY },
		{ "ro nosuid rro", 2, 0, RDONLY, 0, MS_RDONLY, 0 },
	};

	check_all(v, ARRAY_SIZE(v));
}

static void test_propagation_and_bind(void)
{
	CHECK_INT(ok("private").propagation, MS_PRIVATE);
	CHECK_INT(ok("rprivate").propagation, MS_PRIVATE | MS_REC);
	CHECK_INT(ok("shared").propagation, MS_SHARED);
	CHECK_INT(ok("rshared").propagation, MS_SHARED | MS_REC);
	CHECK_INT(ok("slave").propagation, MS_SLAVE);
	CHECK_INT(ok("rslave").propagation, MS_SLAVE | MS_REC);
	CHECK_INT(ok("unbindable").propagation, MS_UNBINDABLE);
	CHECK_INT(ok("runbindable").propagation, MS_UNBINDABLE | MS_REC);
	CHECK_INT(ok("rshared slave").propagation, MS_SLAVE);
	CHECK_INT(ok("ro").propagation, 0);

	struct mount_options o = ok("bind ro");
	CHECK(o.bind && !o.recursive && !o.remount);
	o = ok("rbind");
	CHECK(o.bind && o.recursive);
	o = ok("rbind bind"); /* flags add up */
	CHECK(o.bind && o.recursive);
	o = ok("remount");
	CHECK(o.remount && !o.bind);
	o = ok("tmpcopyup");
	CHECK(o.tmpcopyup && !o.copy_symlink && !o.src_nofollow && !o.dest_nofollow);
	o = ok("copy-symlink src-nofollow");
	CHECK(o.copy_symlink && o.src_nofollow && !o.dest_nofollow && !o.tmpcopyup);
	CHECK(ok("dest-nofollow").dest_nofollow);
}

static void test_data(void)
{
	struct mount_options o = ok("nosuid mode=755 size=65536k acl ro=1 roo r noatime=x");

	CHECK_INT(o.attr_set, SYS_MOUNT_ATTR_NOSUID);
	CHECK_INT(o.ms_flags, 0);
	CHECK_INT(o.data.n, 7);
	if (o.data.n == 7) {
		CHECK_STR(o.data.v[0], "mode=755");
		CHECK_STR(o.data.v[1], "size=65536k");
		CHECK_STR(o.data.v[2], "acl");
		CHECK_STR(o.data.v[3], "ro=1");
		CHECK_STR(o.data.v[5], "r");
		CHECK(o.data.v[7] == NULL);
	}
	CHECK_INT(mount_options_check_bind(&o, &err), -EINVAL);
	CHECK_STR(err.text, "\"mode=755\" has no meaning for a bind");
	o = ok("acl\n\033[2Jfake");
	CHECK_INT(mount_options_check_bind(&o, &err), -EINVAL);
	CHECK_STR(err.text, "\"acl\" has no meaning for a bind");
	o = ok("RO  =");
	CHECK_INT(o.data.n, 2); /* words are spelt exactly; the empty one is none */
	o = ok("rbind rprivate nosuid noexec rro idmap");
	CHECK_INT(mount_options_check_bind(&o, &err), 0);
	o = ok("bind tmpcopyup");
	CHECK_INT(mount_options_check_bind(&o, &err), -EINVAL);
}

static void test_idmap(void)
{
	struct mount_options o = ok("idmap");

	CHECK(o.idmap && !o.idmap_recursive && o.uid_map.n == 0);
	o = ok("ridmap");
	CHECK(o.idmap && o.idmap_recursive);
	o = ok("bind idmap=uids=0-1000-1#1-100000-65535;gids=5-6-7");
	CHECK(o.idmap && !o.idmap_recursive);
	CHECK_INT(o.uid_map.n, 2);
	CHECK_INT(o.gid_map.n, 1);
	if (o.uid_map.n == 2 && o.gid_map.n == 1) {
		CHECK_INT(o.uid_map.v[0].host_id, 1000);
		CHECK_INT(o.uid_map.v[1].container_id, 1);
		CHECK_INT(o.uid_map.v[1].host_id, 100000);
		CHECK_INT(o.uid_map.v[1].size, 65535);
		CHECK_INT(o.gid_map.v[0].container_id, 5);
		CHECK_INT(o.gid_map.v[0].size, 7);
	}
	o = ok("ridmap=gids=0-0-4294967295;uids=0-0-1;");
	CHECK(o.idmap_recursive && o.gid_map.n == 1);
	CHECK_INT(o.data.n, 0);

	static const char *const bad[] = {
		"idmap=",
		"idmap=uids=0-0-1",
		"idmap=gids=0-0-1",
		"idmap=uids=0-0-1;gids=0-0",
		"idmap=uids=0-0-1;gids=0-0-0",
		"idmap=uids=0-0-1;gids=0-0-1-2",
		"idmap=uids=;gids=0-0-1",
		"idmap=uids=0-0-1#;gids=0-0-1",
		"idmap=uids=0-0-1;;gids=0-0-1",
		"idmap=uids=@0-0-1;gids=0-0-1",
		"idmap=uids=0-0-1;uids=0-0-1;gids=0-0-1",
		"idmap=uids=1-0-4294967295;gids=0-0-1",
		"idmap=uids=0-4294967295-1;gids=0-0-1",
		"idmap=uids=0-0-99999999999;gids=0-0-1",
		"idmap=uids=0--1;gids=0-0-1",
		"idmap=uids=0-0-1;gids=0-0-1;x",
		"idmap=uids=+0-0-1;gids=0-0-1",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(bad[i], &o) != -EINVAL) {
			tap_bad++;
			printf("# accepted: %s\n", bad[i]);
		}
		CHECK(strstr(err.text, bad[i]) != NULL);
	}
}

/* What the look-up finds is exactly what `features` lists, and it is sorted. */
static void test_table(void)
{
	static const char *const must[] = {
		"async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap",
		"iversion", "lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec",
		"noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid",
		"nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount",
		"rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime",
		"rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw",
		"rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
		"silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
		"copy-symlink", "src-nofollow", "dest-nofollow",
	};

	CHECK_INT(mount_option_count(), ARRAY_SIZE(must));
	for (size_t i = 0; i < ARRAY_SIZE(must); i++)
		CHECK_INT(ok(must[i]).data.n, 0);
	for (size_t i = 0; i < mount_option_count(); i++) {
		CHECK_INT(ok(mount_option_name(i)).data.n, 0);
		CHECK(i == 0 || strcmp(mount_option_name(i - 1), mount_option_name(i)) < 0);
	}
}

static const struct tap_test tests[] = {
	{ "one word", test_single },
	{ "recursive words", test_recursive },
	{ "access time classes", test_atime },
	{ "later words win", test_override },
	{ "propagation, binds and switches", test_propagation_and_bind },
	{ "data for the filesystem", test_data },
	{ "id maps", test_idmap },
	{ "the table", test_table },
};

TAP_MAIN("mount_options", tests)

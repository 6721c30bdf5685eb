/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the options of `ctr sandbox` to an OCI configuration, as text. First the view is made, a list of what is
 * visible where and how; mounts and Landlock rules are both printed from it, so that they cannot differ. Nothing
 * is set up here, and nothing that `ctr run` could not be given in a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../oci/annotations.h"
#include "../oci/json.h"
#include "base/fd.h"
#include "base/util.h"
#include "sandbox.h"

extern const char sandbox_seccomp[];
extern const uint64_t sandbox_seccomp_size;

#define FILE_MAX ((size_t)1 << 20)

/* Bound read-only where the host has them. */
static const char *const system_dirs[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store",
};
/* The caller's variables that go in; all others stay outside. */
static const char *const kept_env[] = { "TERM", "LANG", "LC_ALL", "TZ", "COLORTERM" };
/* What of the home graphical programs read. */
static const char *const font_dirs[] = { ".fonts", ".local/share/fonts", ".config/fontconfig" };
/* The capabilities of --user root in a root of its own, where packages are installed; in its user namespace alone. */
static const char root_caps[] = "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\","
				"\"CAP_NET_BIND_SERVICE\",\"CAP_SETFCAP\",\"CAP_SETGID\",\"CAP_SETPCAP\",\"CAP_SETUID\"]";

static const char fixed_mounts[] =
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"noexec\",\"mode=755\","
	"\"size=64k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
	"\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"nodev\",\"noexec\","
	"\"mode=1777\",\"size=64m\"]},"
	"{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"nodev\",\"mode=1777\"]}";
static const char paths[] =
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\",\"/proc/keys\","
	"\"/proc/latency_stats\",\"/proc/sched_debug\",\"/proc/scsi\",\"/proc/timer_list\",\"/proc/timer_stats\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]";

/* ---- the view -------------------------------------------------------------------------------------------- */

enum item_kind { ITEM_RO, ITEM_RW, ITEM_MEMORY, ITEM_LAYER, ITEM_DEVICE };

struct item {
	enum item_kind kind;
	const char *source, *destination;
	struct strv options; /* further ones of the mount */
	const char *layer;   /* directory with upper and work */
};

struct view {
	struct arena *a;
	const struct sandbox_opts *o;
	const struct sandbox_root *root;
	const char *layers;
	char cwd[PATH_MAX];
	const char *root_layer; /* that of the root directory itself, or NULL */
	struct item *v;
	size_t n, size;
	struct strv env; /* "NAME=VALUE", further ones */
};

static struct item *view_add(struct view *w, enum item_kind kind, const char *source, const char *destination, struct err *e)
{
	if (w->n == w->size) {
		size_t size = w->size ? w->size * 2 : 32;
		struct item *v = arena_array(w->a, size, sizeof(*v));
		if (!v) {
			(void)err_nomem(e);
			return NULL;
		}
		if (w->n)
			memcpy(v, w->v, w->n * sizeof(*v));
		w->v = v;
		w->size = size;
	}
	struct item *i = &w->v[w->n];
	*i = (struct item){ kind, arena_strdup(w->a, source), arena_strdup(w->a, destination), { 0 }, NULL };
	if (!i->source || !i->destination) {
		(void)err_nomem(e);
		return NULL;
	}
	w->n++;
	return i;
}

static int add(struct view *w, enum item_kind kind, const char *path, struct err *e)
{
	return view_add(w, kind, path, path, e) ? 0 : -e->code;
}

/* A directory whose changes go to a layer of its own. */
static int add_layer(struct view *w, const char *path, struct err *e)
{
	struct item *i = view_add(w, ITEM_LAYER, path, path, e);

	return i ? layer_make(w->a, w->layers, path, &i->layer, e) : -e->code;
}

static int add_named(struct view *w, enum item_kind kind, const struct strv *list, const char *option, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		char path[PATH_MAX];
		if (!realpath(list->v[i], path))
			return err_set(e, errno, "--%s %s: %s", option, list->v[i],
				       errno == ENOENT ? "missing" : err_text(errno));
		r = add(w, kind, path, e);
	}
	return r;
}

static int add_system(struct view *w, struct err *e)
{
	const struct sandbox_opts *o = w->o;
	int r = 0;

	if (!w->root->host)
		return o->overlay_root ? layer_make(w->a, w->layers, w->root->path, &w->root_layer, e) : 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(system_dirs); i++) {
		struct stat st;
		/* Where /bin is a link into /usr it shows the same directory, which has one layer only. */
		if (lstat(system_dirs[i], &st) == 0 && !(o->overlay_root && S_ISLNK(st.st_mode)))
			r = o->overlay_root ? add_layer(w, system_dirs[i], e) : add(w, ITEM_RO, system_dirs[i], e);
	}
	return r;
}

static bool is_system_dir(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(system_dirs); i++)
		if (str_eq(path, system_dirs[i]))
			return true;
	return str_eq(path, "/");
}

/* Hides the home; the current directory comes on top, unless it is the system's, which stays read-only. */
static int add_own(struct view *w, struct err *e)
{
	char home[PATH_MAX];
	bool have_home = realpath(sandbox_home(), home) != NULL;
	size_t n = strlen(w->cwd);
	int r = 0;

	/* A directory that holds the home would show what must be hidden. */
	if (have_home && n > 1 && str_starts(home, w->cwd) && (home[n] == '/' || !home[n]))
		return err_set(e, EPERM, "sandbox: the current directory %s holds the home directory, which stays hidden: "
					 "change to a project's directory", w->cwd);
	if (w->root->host && !str_eq(sandbox_home(), "/tmp"))
		r = add(w, ITEM_MEMORY, sandbox_home(), e);
	for (size_t i = 0; r == 0 && i < w->o->tmpfs.n; i++)
		r = add(w, ITEM_MEMORY, w->o->tmpfs.v[i], e);
	if (r < 0 || is_system_dir(w->cwd))
		return r;
	return w->o->overlay ? add_layer(w, w->cwd, e) : add(w, ITEM_RW, w->cwd, e);
}

/* "a,b" as words. */
static int split(struct arena *a, char *text, struct strv *ret, struct err *e)
{
	char *next;

	for (; text; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		if (*text && strv_add(a, ret, text) < 0)
			return err_nomem(e);
	}
	return 0;
}

static bool has_word(const struct strv *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], word))
			return true;
	return false;
}

/* SRC:DST[:OPTION,...] */
static int add_binds(struct view *w, struct err *e)
{
	for (size_t i = 0; i < w->o->bind.n; i++) {
		char *text = arena_strdup(w->a, w->o->bind.v[i]), path[PATH_MAX];
		char *to = text ? strchr(text, ':') : NULL, *options = to ? strchr(to + 1, ':') : NULL;
		if (!text)
			return err_nomem(e);
		if (to)
			*to++ = '\0';
		if (options)
			*options++ = '\0';
		if (!to || to[0] != '/')
			return err_bad(e, "invalid --bind \"%s\": must be SOURCE:/DESTINATION[:OPTION,...]", w->o->bind.v[i]);
		if (!realpath(text, path))
			return err_set(e, errno, "--bind %s: %s", text, errno == ENOENT ? "missing" : err_text(errno));
		struct strv words = { 0 };
		if (split(w->a, options, &words, e) < 0)
			return -e->code;
		bool ro = has_word(&words, "ro") || has_word(&words, "rro");
		struct item *item = view_add(w, ro ? ITEM_RO : ITEM_RW, path, to, e);
		if (!item)
			return -e->code;
		item->options = words;
	}
	return 0;
}

static int add_devices(struct view *w, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->o->device.n; i++) {
		const char *path = w->o->device.v[i];
		struct stat st;
		if (!str_starts(path, "/dev/"))
			return err_bad(e, "invalid --device \"%s\": must be a path below /dev", path);
		if (stat(path, &st) < 0)
			return err_set(e, errno, "--device %s: %s", path, errno == ENOENT ? "missing" : err_text(errno));
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			return err_bad(e, "--device %s: not a device", path);
		r = add(w, ITEM_DEVICE, path, e);
	}
	return r;
}

static int add_env(struct view *w, const char *name, struct err *e)
{
	const char *value = getenv(name);
	const char *both = value ? arena_printf(w->a, "%s=%s", name, value) : "";

	if (!value)
		return 0;
	return !both || strv_add(w->a, &w->env, both) < 0 ? err_nomem(e) : 0;
}

static int add_if_there(struct view *w, enum item_kind kind, const char *path, struct err *e)
{
	if (!path)
		return err_nomem(e);
	return access(path, F_OK) == 0 ? add(w, kind, path, e) : 0;
}

/* The sockets of the display and no other: of Wayland, else of X11, which does not keep its clients apart. */
static int add_gui(struct view *w, struct err *e)
{
	const char *run = getenv("XDG_RUNTIME_DIR"), *wayland = getenv("WAYLAND_DISPLAY"), *x = getenv("DISPLAY");
	const char *authority = getenv("XAUTHORITY");
	int r = 0;

	if (!wayland && !x)
		return err_bad(e, "--gui: neither WAYLAND_DISPLAY nor DISPLAY is set");
	if (wayland && (wayland[0] == '/' || run))
		r = add_if_there(w, ITEM_RW, wayland[0] == '/' ? wayland : arena_printf(w->a, "%s/%s", run, wayland), e);
	if (r == 0 && wayland)
		r = add_env(w, "WAYLAND_DISPLAY", e);
	if (r == 0 && wayland)
		r = add_env(w, "XDG_RUNTIME_DIR", e);
	if (r == 0 && x && x[0] == ':')
		r = add_if_there(w, ITEM_RW, arena_printf(w->a, "/tmp/.X11-unix/X%.*s", (int)strcspn(x + 1, "."), x + 1), e);
	if (r == 0 && x)
		r = add_env(w, "DISPLAY", e);
	if (r == 0 && x && authority)
		r = add_env(w, "XAUTHORITY", e);
	if (r == 0 && x && authority)
		r = add_if_there(w, ITEM_RO, authority, e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(font_dirs); i++)
		r = add_if_there(w, ITEM_RO, arena_printf(w->a, "%s/%s", sandbox_home(), font_dirs[i]), e);
	return r < 0 ? r : add_if_there(w, ITEM_DEVICE, "/dev/dri", e);
}

/*
 * Where /etc/resolv.conf is a link out of /etc, what it names is visible too. A resolver on the loopback of the host
 * answers nobody in a network namespace: there the file that names the ones behind it is taken.
 */
static int add_resolver(struct view *w, struct err *e)
{
	static const char behind[] = "/run/systemd/resolve/resolv.conf";
	char path[PATH_MAX];

	if (!w->o->net || str_eq(w->o->net, "none") || !realpath("/etc/resolv.conf", path))
		return 0;
	const char *source = str_eq(w->o->net, "host") || access(behind, R_OK) < 0 ? path : behind;
	if (w->root->host && str_starts(path, "/etc/") && source == path)
		return 0;
	return view_add(w, ITEM_RO, source, w->root->host ? path : "/etc/resolv.conf", e) ? 0 : -e->code;
}

/* In the order in which they cover each other: system, home, what was named, and read-only parts of that. */
static int make_view(struct view *w, struct err *e)
{
	int r = add_system(w, e);

	if (r == 0)
		r = add_own(w, e);
	if (r == 0)
		r = add_named(w, ITEM_RW, &w->o->rw, "rw", e);
	if (r == 0)
		r = add_binds(w, e);
	if (r == 0)
		r = add_named(w, ITEM_RO, &w->o->ro, "ro", e);
	if (r == 0)
		r = add_devices(w, e);
	if (r == 0 && w->o->gui)
		r = add_gui(w, e);
	return r < 0 ? r : add_resolver(w, e);
}

/* ---- printing it ------------------------------------------------------------------------------------------------ */

/* A path as value of an overlay option: overlayfs splits at colons, and mount options at commas. */
static int put_layer_path(struct strbuf *b, const char *option, const char *path, const char *tail, struct err *e)
{
	char text[PATH_MAX + 32];

	if (strpbrk(path, ":,\\"))
		return err_bad(e, "--overlay: %s: a path with a colon, a comma or a backslash cannot have a layer", path);
	(void)snprintf(text, sizeof(text), "%s=%s%s", option, path, tail);
	strbuf_json(b, text);
	return 0;
}

static int put_layer(struct strbuf *b, const struct item *i, struct err *e)
{
	int r = put_layer_path(b, "lowerdir", i->source, "", e);

	strbuf_puts(b, ",");
	if (r == 0)
		r = put_layer_path(b, "upperdir", i->layer, "/upper", e);
	strbuf_puts(b, ",");
	if (r == 0)
		r = put_layer_path(b, "workdir", i->layer, "/work", e);
	strbuf_puts(b, ",\"userxattr\",\"nosuid\",\"nodev\"");
	return r;
}

/* "ro" of a bind is that of all that is mounted in it, as everywhere in a sandbox. */
static void put_words(struct strbuf *b, const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++) {
		strbuf_puts(b, ",");
		strbuf_json(b, str_eq(words->v[i], "ro") ? "rro" : words->v[i]);
	}
}

static int put_mounts(struct strbuf *b, const struct view *w, struct err *e)
{
	static const struct { const char *type, *options; } forms[] = {
		[ITEM_RO] = { "bind", "\"rbind\",\"rprivate\",\"nosuid\",\"nodev\",\"rro\"" },
		[ITEM_RW] = { "bind", "\"rbind\",\"rprivate\",\"nosuid\",\"nodev\",\"rw\"" },
		[ITEM_MEMORY] = { "tmpfs", "\"nosuid\",\"nodev\",\"mode=700\"" },
		[ITEM_LAYER] = { "overlay", NULL },
		[ITEM_DEVICE] = { "bind", "\"rbind\",\"rprivate\",\"nosuid\",\"noexec\"" },
	};
	int r = 0;

	strbuf_puts(b, "\"mounts\":[");
	strbuf_puts(b, fixed_mounts);
	for (size_t i = 0; r == 0 && i < w->n; i++) {
		const struct item *item = &w->v[i];
		strbuf_printf(b, ",{\"type\":\"%s\",\"source\":", forms[item->kind].type);
		strbuf_json(b, strchr("bl", forms[item->kind].type[0]) ? item->source : forms[item->kind].type);
		strbuf_puts(b, ",\"destination\":");
		strbuf_json(b, item->destination);
		strbuf_puts(b, ",\"options\":[");
		if (item->kind == ITEM_LAYER)
			r = put_layer(b, item, e);
		else
			strbuf_puts(b, forms[item->kind].options);
		put_words(b, &item->options);
		strbuf_puts(b, "]}");
	}
	strbuf_puts(b, "],");
	return r;
}

#define READING "\"execute\",\"read_file\",\"read_dir\""
#define WRITING READING ",\"write_file\",\"remove_dir\",\"remove_file\",\"make_char\",\"make_dir\",\"make_reg\",\"make_sock\"," \
		"\"make_fifo\",\"make_block\",\"make_sym\",\"refer\",\"truncate\",\"ioctl_dev\""

/* `writable` -1: none of the view's items. */
static void put_rule(struct strbuf *b, const struct view *w, const char *access, const char *first, int writable)
{
	strbuf_printf(b, "{\"allowedAccess\":[%s],\"paths\":[%s", access, first);
	for (size_t i = 0; i < w->n; i++) {
		if ((w->v[i].kind != ITEM_RO) != writable)
			continue;
		strbuf_puts(b, ",");
		strbuf_json(b, w->v[i].destination);
	}
	strbuf_puts(b, "]}");
}

/* The view once more, for a kernel that can hold programs to it without mounts: landlock(7), from version 2 on,
 * since version 1 forbids to move files between directories. */
static void put_landlock(struct strbuf *b, const struct view *w)
{
	struct facts f = { 0 };

	facts_add_landlock(&f);
	if (w->o->no_landlock || f.landlock_abi < 2)
		return;
	strbuf_puts(b, "\"landlock\":{\"bestEffort\":true,\"handledAccessFS\":[" WRITING "],"
		       "\"scoped\":[\"abstract_unix_socket\"],\"rules\":{\"pathBeneath\":[");
	/* The root of the host's view holds mount points and nothing else. */
	put_rule(b, w, w->o->overlay_root ? WRITING : w->root->host ? "\"read_dir\"" : READING, "\"/\"", -1);
	strbuf_puts(b, ",");
	put_rule(b, w, READING, "\"/proc\"", false);
	strbuf_puts(b, ",");
	put_rule(b, w, WRITING, "\"/tmp\",\"/dev\",\"/proc\"", true);
	strbuf_puts(b, "]}},");
}

/* Whole variables of --env, names that take the caller's, and those that this program sets itself. */
static int put_env(struct strbuf *b, const struct view *w, struct err *e)
{
	const struct strv *given = &w->o->env, *of_root = &w->root->env;

	strbuf_puts(b, "\"env\":[");
	strbuf_json(b, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
	for (size_t i = 0; i < of_root->n + w->env.n; i++) {
		strbuf_puts(b, ",");
		strbuf_json(b, i < of_root->n ? of_root->v[i] : w->env.v[i - of_root->n]);
	}
	auto_strbuf struct strbuf s = { 0 };
	strbuf_printf(&s, "HOME=%s", sandbox_home());
	if (s.failed)
		return err_nomem(e);
	if (w->root->host) {
		strbuf_puts(b, ",");
		strbuf_json(b, s.p);
	}
	/* Prompts that shells make of these say where one is; bash.bashrc of Debian makes its own of the first. */
	strbuf_puts(b, ",\"debian_chroot=sandbox\",\"PS1=(sandbox) \\\\w\\\\$ \"");
	for (size_t i = 0; i < ARRAY_SIZE(kept_env) + given->n; i++) {
		const char *name = i < ARRAY_SIZE(kept_env) ? kept_env[i] : given->v[i - ARRAY_SIZE(kept_env)];
		const char *value = strchr(name, '=') ? "" : getenv(name);
		auto_strbuf struct strbuf t = { 0 };
		if (!value)
			continue;
		strbuf_printf(&t, strchr(name, '=') ? "%s" : "%s=%s", name, value);
		if (t.failed)
			return err_nomem(e);
		strbuf_puts(b, ",");
		strbuf_json(b, t.p);
	}
	strbuf_puts(b, "]");
	return 0;
}

/* ---- ids, limits, network, filter ---------------------------------------------------------------------------------- */

struct ids { uint32_t uid, gid; bool range; /* root with the ids that belong to it */ };

/* root, or UID[:GID]; without a word the caller's own. */
static int parse_user(const struct view *w, struct ids *ret, struct err *e)
{
	const char *user = w->o->user;
	uint64_t uid, gid;
	char text[32];

	*ret = (struct ids){ geteuid(), getegid(), false };
	if (!user)
		return 0;
	if (str_eq(user, "root"))
		user = "0";
	size_t n = strcspn(user, ":");
	(void)snprintf(text, sizeof(text), "%.*s", (int)n, user);
	if (n >= sizeof(text) || str_u64(text, UINT32_MAX - 1, &uid) < 0 ||
	    str_u64(user[n] ? user + n + 1 : text, UINT32_MAX - 1, &gid) < 0)
		return err_bad(e, "invalid --user \"%s\": must be root or UID[:GID]", user);
	*ret = (struct ids){ (uint32_t)uid, (uint32_t)gid, uid == 0 && !w->root->host };
	return 0;
}

static void put_maps(struct strbuf *b, const struct ids *ids)
{
	/* The plan's own choice: the caller as root, with the subordinate ids that belong to him. */
	if (ids->range && geteuid() != 0)
		return;
	uint32_t size = ids->range ? 65536 : 1;
	strbuf_printf(b, "\"uidMappings\":[{\"containerID\":%u,\"hostID\":%u,\"size\":%u}],"
			 "\"gidMappings\":[{\"containerID\":%u,\"hostID\":%u,\"size\":%u}],",
		      ids->uid, geteuid(), size, ids->gid, getegid(), size);
}

/* "1.5" as thousandths. */
static int parse_cpus(const char *text, int64_t *ret)
{
	char whole[12], part[4] = "000";
	size_t n = strcspn(text, "."), m = text[n] ? strlen(text + n + 1) : 0;
	uint64_t a, b;

	if (n >= sizeof(whole) || m > 3 || (text[n] && m == 0))
		return -EINVAL;
	(void)snprintf(whole, sizeof(whole), "%.*s", (int)n, text);
	memcpy(part, text + n + (m ? 1 : 0), m);
	if (str_u64(whole, 100000, &a) < 0 || str_u64(part, 999, &b) < 0 || a * 1000 + b < 10)
		return -EINVAL;
	*ret = (int64_t)(a * 1000 + b);
	return 0;
}

static int put_resources(struct strbuf *b, const struct sandbox_opts *o, struct err *e)
{
	int64_t memory = 0, cpus = 0, pids = 0;

	if (o->memory && (str_size(o->memory, &memory) < 0 || memory == 0))
		return err_bad(e, "invalid --memory \"%s\": must be a number of bytes, or with k, m or g behind it", o->memory);
	if (o->cpus && parse_cpus(o->cpus, &cpus) < 0)
		return err_bad(e, "invalid --cpus \"%s\": must be a number such as 1.5", o->cpus);
	if (o->pids && str_i64(o->pids, 1, INT32_MAX, &pids) < 0)
		return err_bad(e, "invalid --pids \"%s\": must be a number", o->pids);
	if (!memory && !cpus && !pids)
		return 0;
	strbuf_puts(b, "\"resources\":{");
	/* Swap would be a way around the limit. */
	if (memory)
		strbuf_printf(b, "\"memory\":{\"limit\":%lld,\"swap\":%lld}%s", (long long)memory, (long long)memory,
			      cpus || pids ? "," : "");
	if (cpus)
		strbuf_printf(b, "\"cpu\":{\"quota\":%lld,\"period\":100000}%s", (long long)cpus * 100, pids ? "," : "");
	if (pids)
		strbuf_printf(b, "\"pids\":{\"limit\":%lld}", (long long)pids);
	strbuf_puts(b, "},");
	return 0;
}

/* default, off, or a file with an object like linux.seccomp. */
static int put_seccomp(struct strbuf *b, const struct view *w, struct err *e)
{
	static const struct json_obj any = { .what = "seccomp", .size = 1 };
	const char *s = w->o->seccomp ? w->o->seccomp : "default";
	struct json_doc doc = { 0 };
	void *parsed;
	char *text;
	size_t n;

	if (str_eq(s, "off"))
		return 0;
	strbuf_puts(b, "\"seccomp\":");
	if (str_eq(s, "default")) {
		strbuf_add(b, sandbox_seccomp, (size_t)sandbox_seccomp_size);
		strbuf_puts(b, ",");
		return 0;
	}
	int r = file_read_at(w->a, AT_FDCWD, s, FILE_MAX, &text, &n);
	if (r < 0)
		return err_set(e, -r, "--seccomp %s: %s", s, r == -ENOENT ? "neither default, off nor a file" : err_text(-r));
	/* One whole document: what follows it cannot become another part of the configuration. */
	r = json_parse(&doc, w->a, &any, s, text, n, &parsed, e);
	if (r < 0)
		return r;
	if (strstr(text, "\"archMap\"") || strstr(text, "\"includes\"") || strstr(text, "\"excludes\""))
		return err_bad(e, "--seccomp %s: a profile for engines: its archMap, includes and excludes mean nothing in "
				  "an OCI configuration", s);
	strbuf_add(b, text, n);
	strbuf_puts(b, ",");
	return 0;
}

static int put_linux(struct strbuf *b, const struct view *w, const struct ids *ids, struct err *e)
{
	bool host = w->o->net && str_eq(w->o->net, "host");

	strbuf_printf(b, "\"linux\":{\"namespaces\":[{\"type\":\"user\"},{\"type\":\"mount\"},{\"type\":\"pid\"},"
			 "{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"cgroup\"}%s],",
		      host ? "" : ",{\"type\":\"network\"}");
	put_maps(b, ids);
	int r = put_resources(b, w->o, e);
	if (r == 0)
		r = put_seccomp(b, w, e);
	if (r == 0)
		put_landlock(b, w);
	strbuf_puts(b, paths);
	strbuf_puts(b, "}");
	return r;
}

/* The connection is made by a hook: with --save and --detach too nothing of ours has to stay. */
static int put_network(struct strbuf *b, const struct view *w, struct err *e)
{
	const struct sandbox_opts *o = w->o;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	bool pasta = o->net && str_eq(o->net, "pasta");

	if (o->net && !pasta && !str_eq(o->net, "host") && !str_eq(o->net, "none"))
		return err_bad(e, "invalid --net \"%s\": must be none, host or pasta", o->net);
	if (o->publish.n && !pasta)
		return err_bad(e, "--publish needs --net pasta");
	if (!pasta)
		return 0;
	if (n < 0)
		return err_sys(e, errno, "find the path of ctr");
	self[n] = '\0';
	strbuf_puts(b, "\"hooks\":{\"createRuntime\":[{\"path\":");
	strbuf_json(b, self);
	strbuf_puts(b, ",\"timeout\":30,\"args\":[\"ctr\",\"sandbox-network\"");
	for (size_t i = 0; i < o->publish.n; i++) {
		strbuf_puts(b, ",\"--publish\",");
		strbuf_json(b, o->publish.v[i]);
	}
	strbuf_puts(b, "]}]},");
	return 0;
}

static int put_process(struct strbuf *b, const struct view *w, const struct ids *ids, char *const *args, struct err *e)
{
	bool terminal = !w->o->detach && isatty(0) && isatty(1) && isatty(2);
	const char *caps = ids->range ? root_caps : "[]";

	strbuf_printf(b, "\"process\":{\"terminal\":%s,\"noNewPrivileges\":true,\"user\":{\"uid\":%u,\"gid\":%u},"
			 "\"capabilities\":{\"bounding\":%s,\"effective\":%s,\"permitted\":%s},\"cwd\":",
		      terminal ? "true" : "false", ids->uid, ids->gid, caps, caps, caps);
	strbuf_json(b, w->o->workdir ? w->o->workdir : w->cwd);
	strbuf_puts(b, ",\"args\":[");
	for (size_t i = 0; args[i]; i++) {
		strbuf_puts(b, i ? "," : "");
		strbuf_json(b, args[i]);
	}
	strbuf_puts(b, "],");
	int r = put_env(b, w, e);
	strbuf_puts(b, "},");
	return r;
}

int sandbox_config(struct strbuf *b, struct arena *a, const struct sandbox_opts *o, const struct sandbox_root *root,
		   const char *layers, char *const *args, struct err *e)
{
	struct view w = { .a = a, .o = o, .root = root, .layers = layers };
	struct ids ids = { 0 };

	if (!getcwd(w.cwd, sizeof(w.cwd)))
		return err_sys(e, errno, "find the current directory");
	int r = make_view(&w, e);
	if (r == 0)
		r = parse_user(&w, &ids, e);
	if (r < 0)
		return r;
	strbuf_puts(b, "{\"ociVersion\":\"1.0.2\",\"hostname\":");
	strbuf_json(b, o->name ? o->name : "sandbox");
	strbuf_printf(b, ",\"root\":{\"readonly\":%s,\"path\":", o->overlay_root ? "false" : "true");
	strbuf_json(b, root->path);
	/* Mount points are made where the root has none: in memory, or in its layer. */
	strbuf_puts(b, "},\"annotations\":{\"" ANNOTATION_OVERLAY "\":");
	strbuf_json(b, w.root_layer ? w.root_layer : "tmpfs");
	strbuf_puts(b, "},");
	r = put_network(b, &w, e);
	if (r == 0)
		r = put_process(b, &w, &ids, args, e);
	if (r == 0)
		r = put_mounts(b, &w, e);
	if (r == 0)
		r = put_linux(b, &w, &ids, e);
	strbuf_puts(b, "}\n");
	return r == 0 && b->failed ? err_nomem(e) : r;
}

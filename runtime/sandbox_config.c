/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the options of `ctr sandbox` to an OCI configuration, as text. Only what is named here is visible
 * inside; nothing is set up here, and nothing that `ctr run` could not be given in a file.
 */
#include "sandbox_config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

extern const char sandbox_seccomp[];
extern const uint64_t sandbox_seccomp_size;

/* Bound read-only where the host has them. */
static const char *const system_dirs[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store",
};
/* The caller's variables that go in; all others stay outside. */
static const char *const kept_env[] = { "TERM", "LANG", "LC_ALL", "TZ", "COLORTERM" };

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

static void bind_mount(struct strbuf *b, const char *path, bool writable)
{
	strbuf_puts(b, ",{\"type\":\"bind\",\"source\":");
	strbuf_json(b, path);
	strbuf_puts(b, ",\"destination\":");
	strbuf_json(b, path);
	strbuf_printf(b, ",\"options\":[\"rbind\",\"rprivate\",\"nosuid\",\"nodev\",\"%s\"]}", writable ? "rw" : "rro");
}

static void tmpfs_mount(struct strbuf *b, const char *path)
{
	strbuf_puts(b, ",{\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"destination\":");
	strbuf_json(b, path);
	strbuf_puts(b, ",\"options\":[\"nosuid\",\"nodev\",\"mode=700\"]}");
}

static int bind_all(struct strbuf *b, const struct strv *list, const char *option, bool writable, struct err *e)
{
	for (size_t i = 0; i < list->n; i++) {
		char path[PATH_MAX];
		if (!realpath(list->v[i], path))
			return err_set(e, errno, "--%s %s: %s", option, list->v[i],
				       errno == ENOENT ? "missing" : err_text(errno));
		bind_mount(b, path, writable);
	}
	return 0;
}

static const char *home_dir(void)
{
	const char *home = getenv("HOME");

	return home && home[0] == '/' && home[1] ? home : "/tmp";
}

/* In the order in which they cover each other: system, home, what was named, and read-only parts of that. */
static int put_mounts(struct strbuf *b, const struct sandbox_opts *o, const char *cwd, struct err *e)
{
	char home[PATH_MAX];
	bool have_home = realpath(home_dir(), home) != NULL;
	size_t n = strlen(cwd);

	/* A directory that holds the home would show what must be hidden. */
	if (have_home && n > 1 && str_starts(home, cwd) && (home[n] == '/' || !home[n]))
		return err_set(e, EPERM, "sandbox: the current directory %s holds the home directory, which stays hidden: "
					 "change to a project's directory", cwd);
	strbuf_puts(b, fixed_mounts);
	for (size_t i = 0; i < ARRAY_SIZE(system_dirs); i++)
		if (access(system_dirs[i], F_OK) == 0)
			bind_mount(b, system_dirs[i], false);
	if (!str_eq(home_dir(), "/tmp"))
		tmpfs_mount(b, home_dir());
	for (size_t i = 0; i < o->tmpfs.n; i++)
		tmpfs_mount(b, o->tmpfs.v[i]);
	if (n > 1)
		bind_mount(b, cwd, true);
	int r = bind_all(b, &o->rw, "rw", true, e);
	return r < 0 ? r : bind_all(b, &o->ro, "ro", false, e);
}

static int put_env(struct strbuf *b, const struct sandbox_opts *o, struct err *e)
{
	strbuf_puts(b, "\"env\":[\"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\",");
	auto_strbuf struct strbuf s = { 0 };
	strbuf_printf(&s, "HOME=%s", home_dir());
	if (s.failed)
		return err_nomem(e);
	strbuf_json(b, s.p);
	/* Prompts that shells make of these say where one is; bash.bashrc of Debian makes its own of the first. */
	strbuf_puts(b, ",\"debian_chroot=sandbox\",\"PS1=(sandbox) \\\\w\\\\$ \"");
	for (size_t i = 0; i < ARRAY_SIZE(kept_env) + o->env.n; i++) {
		const char *given = i < ARRAY_SIZE(kept_env) ? kept_env[i] : o->env.v[i - ARRAY_SIZE(kept_env)];
		const char *value = strchr(given, '=') ? "" : getenv(given);
		auto_strbuf struct strbuf t = { 0 };
		if (!value)
			continue;
		strbuf_printf(&t, strchr(given, '=') ? "%s" : "%s=%s", given, value);
		if (t.failed)
			return err_nomem(e);
		strbuf_puts(b, ",");
		strbuf_json(b, t.p);
	}
	strbuf_puts(b, "]");
	return 0;
}

static int put_linux(struct strbuf *b, const struct sandbox_opts *o, struct err *e)
{
	bool host = o->net && str_eq(o->net, "host");

	if (o->net && !host && !str_eq(o->net, "none"))
		return err_bad(e, "invalid --net \"%s\": must be none or host", o->net);
	if (o->seccomp && !str_eq(o->seccomp, "default") && !str_eq(o->seccomp, "off"))
		return err_bad(e, "invalid --seccomp \"%s\": must be default or off", o->seccomp);
	strbuf_printf(b, "\"linux\":{\"namespaces\":[{\"type\":\"user\"},{\"type\":\"mount\"},{\"type\":\"pid\"},"
			 "{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"cgroup\"}%s],"
			 "\"uidMappings\":[{\"containerID\":%u,\"hostID\":%u,\"size\":1}],"
			 "\"gidMappings\":[{\"containerID\":%u,\"hostID\":%u,\"size\":1}],",
		      host ? "" : ",{\"type\":\"network\"}", geteuid(), geteuid(), getegid(), getegid());
	if (!o->seccomp || str_eq(o->seccomp, "default")) {
		strbuf_puts(b, "\"seccomp\":");
		strbuf_add(b, sandbox_seccomp, (size_t)sandbox_seccomp_size);
		strbuf_puts(b, ",");
	}
	strbuf_puts(b, paths);
	strbuf_puts(b, "}");
	return 0;
}

int sandbox_config(struct strbuf *b, const struct sandbox_opts *o, const char *root, char *const *args, struct err *e)
{
	char cwd[PATH_MAX];
	bool terminal = isatty(0) && isatty(1) && isatty(2);

	if (!getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "find the current directory");
	strbuf_puts(b, "{\"ociVersion\":\"1.0.2\",\"hostname\":\"sandbox\",\"root\":{\"readonly\":true,\"path\":");
	strbuf_json(b, root);
	strbuf_printf(b, "},\"process\":{\"terminal\":%s,\"noNewPrivileges\":true,\"user\":{\"uid\":%u,\"gid\":%u},"
			 "\"capabilities\":{},\"cwd\":", terminal ? "true" : "false", geteuid(), getegid());
	strbuf_json(b, o->workdir ? o->workdir : cwd);
	strbuf_puts(b, ",\"args\":[");
	for (size_t i = 0; args[i]; i++) {
		strbuf_puts(b, i ? "," : "");
		strbuf_json(b, args[i]);
	}
	strbuf_puts(b, "],");
	int r = put_env(b, o, e);
	strbuf_puts(b, "},\"mounts\":[");
	if (r == 0)
		r = put_mounts(b, o, cwd, e);
	strbuf_puts(b, "],");
	if (r == 0)
		r = put_linux(b, o, e);
	strbuf_puts(b, "}\n");
	return r == 0 && b->failed ? err_nomem(e) : r;
}

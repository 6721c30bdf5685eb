/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a micro-VM starts from: the distribution's kernel, a small initramfs with ctr and the few modules
 * that it needs, and the root directory of the VMM's container. They are made once and kept under a name that is made
 * of everything that went in, so that nothing is ever changed under a VM that runs. Nothing is downloaded.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host_run.h"
#include "sanitized.h"
#include "vm.h"
#include "vm_kernel.h"

#define FILE_MAX ((size_t)64 << 20)
#define MODULES_MAX 32
#define FORMAT "5" /* of what is made here */

struct source {
	const char *kernel, *release, *modules; /* image, its release, its modules' directory */
	struct strv load;			/* files of modules, in the order in which they are to be loaded */
	size_t ends[ARRAY_SIZE(vm_module_groups)]; /* of each group's, which follow each other */
};

/* ---- the kernel -------------------------------------------------------------------------------------------- */

/* The release in the header of an x86 image (Documentation/arch/x86/boot.rst, kernel_version), else in its name. */
static const char *release_of(struct arena *a, const char *image)
{
	unsigned char head[0x210];
	char text[128] = "";
	auto_close int fd = open(image, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const char *name = strrchr(image, '/');

	if (fd >= 0 && pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) && memcmp(head + 0x202, "HdrS", 4) == 0) {
		off_t at = 0x200 + (head[0x20e] | head[0x20f] << 8);
		ssize_t n = pread(fd, text, sizeof(text) - 1, at);
		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, " ")] = '\0';
	}
	if (!*text && name && str_starts(name, "/vmlinuz-"))
		(void)snprintf(text, sizeof(text), "%s", name + strlen("/vmlinuz-"));
	return *text && !strchr(text, '/') ? arena_strdup(a, text) : NULL;
}

static const char *modules_of(struct arena *a, const char *image, const char *release)
{
	const char *slash = strrchr(image, '/');
	const char *dir = arena_printf(a, "%.*s/../lib/modules/%s", (int)(slash - image), image, release);
	struct stat st;

	return dir && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) ? dir : NULL;
}

static bool usable(struct arena *a, const char *image, struct source *s)
{
	const char *release = access(image, R_OK) == 0 ? release_of(a, image) : NULL;
	const char *modules = release ? modules_of(a, image, release) : NULL;

	if (modules)
		*s = (struct source){ .kernel = image, .release = release, .modules = modules };
	return modules != NULL;
}

/* Every image of /boot that we may read and that has its modules. `each`: 0, or what ends the search. */
static int each_kernel(struct arena *a, int (*each)(void *arg, const struct source *s), void *arg)
{
	struct source one;
	const struct dirent *d;
	DIR *boot = opendir("/boot");
	int r = 0;

	while (boot && r == 0 && (d = readdir(boot)))
		if (str_starts(d->d_name, "vmlinuz-") && usable(a, arena_printf(a, "/boot/%s", d->d_name), &one))
			r = each(arg, &one);
	if (boot)
		(void)closedir(boot);
	return r;
}

static int take_newer(void *arg, const struct source *one)
{
	struct source *s = arg;

	if (!s->kernel || strverscmp(one->release, s->release) > 0)
		*s = *one;
	return 0;
}

/* The running kernel's image, else the newest that has its modules. */
static int find_kernel(struct arena *a, struct source *s, struct err *e)
{
	struct utsname u;

	if (uname(&u) == 0 && usable(a, arena_printf(a, "/boot/vmlinuz-%s", u.release), s))
		return 0;
	best_effort(each_kernel(a, take_newer, s));
	return s->kernel ? 0 : err_set(e, ENOENT, "micro-VM: no kernel with modules in /boot that we may read (Debian: "
						  "linux-image-cloud-amd64)");
}

/* ---- modules ----------------------------------------------------------------------------------------------- */

/* In the order of vm_module_groups. */
static const struct { const char *name; bool needed; size_t group; } wanted[] = {
	{ "virtio_mmio", true, 0 }, { "virtio_console", true, 0 }, { "virtiofs", true, 0 },
	{ "virtio_net", true, 1 },
	{ "overlay", false, 2 },
};

/* Whether `path` (".../virtio-mmio.ko.xz") is the file of module `name`. */
static bool is_module(const char *path, size_t n, const char *name)
{
	const char *base = memrchr(path, '/', n);
	size_t len = strlen(name);

	base = base ? base + 1 : path;
	n -= (size_t)(base - path);
	if (n < len + 3 || strncmp(base + len, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((base[i] == '-' ? '_' : base[i]) != name[i])
			return false;
	return true;
}

static int load_add(struct arena *a, struct source *s, const char *file, size_t n, struct err *e)
{
	for (size_t i = 0; i < s->load.n; i++)
		if (strlen(s->load.v[i]) == n && memcmp(s->load.v[i], file, n) == 0)
			return 0;
	if (s->load.n == MODULES_MAX)
		return err_set(e, E2BIG, "micro-VM: kernel %s needs too many modules", s->release);
	s->load.v[s->load.n] = arena_strndup(a, file, n);
	return s->load.v[s->load.n++] ? 0 : err_nomem(e);
}

/* A line of modules.dep: "FILE: NEEDED...", the farthest need last (depmod(8)). */
static int load_line(struct arena *a, struct source *s, const char *line, size_t file, size_t n, struct err *e)
{
	size_t end = n;
	int r = 0;

	while (r == 0 && end > file + 1) {
		size_t begin = end;
		while (begin > file + 1 && line[begin - 1] != ' ')
			begin--;
		if (end > begin)
			r = load_add(a, s, line + begin, end - begin, e);
		end = begin > file + 1 ? begin - 1 : file + 1;
	}
	return r < 0 ? r : load_add(a, s, line, file, e);
}

static int find_module(struct arena *a, struct source *s, const char *dep, const char *builtin, size_t i, struct err *e)
{
	for (const char *line = dep; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t n = strcspn(line, "\n");
		const char *colon = memchr(line, ':', n);
		if (colon && is_module(line, (size_t)(colon - line), wanted[i].name))
			return load_line(a, s, line, (size_t)(colon - line), n, e);
	}
	for (const char *line = builtin; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (is_module(line, strcspn(line, "\n"), wanted[i].name))
			return 0;
	return wanted[i].needed ? err_set(e, ENOENT, "micro-VM: kernel %s has no %s", s->release, wanted[i].name) : 0;
}

static int find_modules(struct arena *a, struct source *s, struct err *e)
{
	char *dep, *builtin;
	size_t n;

	s->load.v = arena_array(a, MODULES_MAX, sizeof(char *));
	if (!s->load.v)
		return err_nomem(e);
	int r = file_read(a, AT_FDCWD, arena_printf(a, "%s/modules.dep", s->modules), FILE_MAX, &dep, &n, e);
	if (r == 0)
		r = file_read(a, AT_FDCWD, arena_printf(a, "%s/modules.builtin", s->modules), FILE_MAX, &builtin, &n, e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(wanted); i++) {
		r = find_module(a, s, dep, builtin, i, e);
		s->ends[wanted[i].group] = s->load.n;
	}
	return r;
}

/* ---- the initramfs: cpio, "newc" (Documentation/driver-api/early-userspace/buffer-format.rst) ------------------- */

static void pad(struct strbuf *b, size_t to)
{
	static const char zero[512];

	while (b->n % to)
		strbuf_add(b, zero, MIN(to - b->n % to, sizeof(zero)));
}

static void entry(struct strbuf *b, const char *name, unsigned int mode, const void *data, size_t n)
{
	static unsigned int ino = 0;

	strbuf_printf(b, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", ++ino, mode, 0U, 0U, 1U, 0U, n, 0U,
		      0U, 0U, 0U, strlen(name) + 1, 0U);
	strbuf_add(b, name, strlen(name) + 1);
	pad(b, 4);
	strbuf_add(b, data, n);
	pad(b, 4);
}

/* Signatures are not missed: like the kernel modules come from the distribution's files, by our hand. */
static int entry_file(struct arena *a, struct strbuf *b, const char *name, unsigned int mode, const char *path, struct err *e)
{
	size_t used = a->used, n;
	char *data;
	int r = file_read(a, AT_FDCWD, path, FILE_MAX, &data, &n, e);

	if (r == 0)
		entry(b, name, mode, data, vm_elf_trim(data, n));
	arena_rewind(a, used);
	return r;
}

/* What the guest runs: ctr itself. */
static int guest_program(struct arena *a, const char **ret, struct err *e)
{
	char buf[PATH_MAX];

	*ret = "/proc/self/exe";
	if (!CTR_SANITIZED)
		return 0;
	const char *beside = own_helper(SANITIZED_GUEST, buf, sizeof(buf));
	if (!beside)
		return err_set(e, ENOENT, "micro-VM: no " SANITIZED_GUEST " beside ctr, which is built with sanitizers");
	*ret = arena_strdup(a, beside);
	return *ret ? 0 : err_nomem(e);
}

static int make_initrd(struct arena *a, const struct source *s, const char *to, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	char name[32];
	const char *ctr;
	int r = guest_program(a, &ctr, e);

	entry(&b, "modules", S_IFDIR | 0755, NULL, 0);
	if (r == 0)
		r = entry_file(a, &b, "ctr", S_IFREG | 0755, ctr, e);
	entry(&b, "init", S_IFLNK | 0777, "ctr", 3);
	for (size_t i = 0, g = 0, begin = 0; r == 0 && i < s->load.n; i++) {
		for (; i == s->ends[g]; g++) /* the last one ends behind all */
			begin = i;
		(void)snprintf(name, sizeof(name), "modules/%s%02zu", vm_module_groups[g].prefix, i - begin);
		r = entry_file(a, &b, name, S_IFREG | 0644, arena_printf(a, "%s/%s", s->modules, s->load.v[i]), e);
	}
	if (r < 0)
		return r;
	entry(&b, "TRAILER!!!", 0, NULL, 0);
	pad(&b, 4096); /* QEMU puts tables of its own right behind it, and some versions into its last page */
	if (b.failed)
		return err_nomem(e);
	r = file_replace(AT_FDCWD, to, b.p, b.n, 0644);
	return r < 0 ? err_sys(e, r, "write %s", to) : 0;
}

/* ---- the directory ----------------------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to, mode_t mode, struct err *e)
{
	char data[65536];
	auto_close int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ssize_t n;
	int r = 0;

	if (in < 0 || out < 0)
		return err_sys(e, errno, "copy %s to %s", from, to);
	while (r == 0 && (n = read(in, data, sizeof(data))) > 0)
		r = fd_write_all(out, data, (size_t)n);
	if (r == 0 && n < 0)
		r = -errno;
	if (r == 0 && fchmod(out, mode) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "copy %s to %s", from, to) : 0;
}

static int make_dir(const char *path, struct err *e)
{
	return mkdir(path, 0755) < 0 && errno != EEXIST ? err_sys(e, errno, "make directory %s", path) : 0;
}

/* Where the dynamic linker of the VMM looks, as on this machine. */
static int make_links(struct arena *a, const char *root, struct err *e)
{
	static const char *const names[] = { "bin", "sbin", "lib", "lib32", "lib64" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char target[PATH_MAX];
		const char *path = arena_printf(a, "%s/%s", root, names[i]), *own = arena_printf(a, "/%s", names[i]);
		if (!path || !own)
			return err_nomem(e);
		ssize_t n = readlink(own, target, sizeof(target) - 1);
		if (n < 0 && errno == EINVAL)
			return err_set(e, EINVAL, "micro-VM: %s is a directory: systems without a merged /usr are not "
						  "supported", own);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (symlink(target, path) < 0)
			return err_sys(e, errno, "make link %s", path);
	}
	return 0;
}

static int make_kernel(struct arena *a, const struct source *s, const char *to, struct err *e)
{
	auto_strbuf struct strbuf b = { 0 };
	size_t used = a->used, n;
	char *image;
	int r = file_read(a, AT_FDCWD, s->kernel, FILE_MAX, &image, &n, e);

	if (r < 0)
		return r;
	bool unpacked = vm_kernel_unpack(image, n, &b);
	r = file_replace(AT_FDCWD, to, unpacked ? b.p : image, unpacked ? b.n : n, 0644);
	arena_rewind(a, used);
	return r < 0 ? err_sys(e, r, "write %s", to) : 0;
}

static int fill(struct ctx *ctx, const struct source *s, const char *root, struct err *e)
{
	static const char *const dirs[] = { "", "/boot", "/dev", "/etc", "/proc", "/run", "/share", VM_SHARE_ROOT,
					    VM_SHARE_VOLUMES, "/sys", "/tmp", "/usr" };
	struct arena *a = &ctx->arena;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
		r = make_dir(arena_printf(a, "%s%s", root, dirs[i]), e);
	if (r == 0)
		r = make_links(a, root, e);
	if (r == 0)
		r = copy_file("/proc/self/exe", arena_printf(a, "%s/ctr", root), 0755, e);
	if (r == 0)
		r = make_kernel(a, s, arena_printf(a, "%s/boot/vmlinuz", root), e);
	return r < 0 ? r : make_initrd(a, s, arena_printf(a, "%s/boot/initrd", root), e);
}

/* FNV-1a: tells apart what differs by accident; nobody gains by a collision in a directory of his own. */
static void mix(uint64_t *h, const void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*h = (*h ^ ((const unsigned char *)data)[i]) * 1099511628211U;
}

static int mix_file(uint64_t *h, const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, errno, "examine %s", path);
	mix(h, path, strlen(path));
	mix(h, &st.st_size, sizeof(st.st_size));
	mix(h, &st.st_mtim, sizeof(st.st_mtim));
	mix(h, &st.st_ino, sizeof(st.st_ino));
	return 0;
}

static int key_of(struct arena *a, const struct source *s, uint64_t *h, struct err *e)
{
	*h = 14695981039346656037U;
	mix(h, FORMAT CTR_VERSION, strlen(FORMAT CTR_VERSION));
	int r = mix_file(h, "/proc/self/exe", e);
	const char *guest;
	if (r == 0 && CTR_SANITIZED && (r = guest_program(a, &guest, e)) == 0)
		r = mix_file(h, guest, e);
	if (r == 0)
		r = mix_file(h, s->kernel, e);
	return r < 0 ? r : mix_file(h, arena_printf(a, "%s/modules.dep", s->modules), e);
}

static int cache_dir(struct arena *a, const char **ret, struct err *e)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *dir;

	if (geteuid() == 0)
		dir = arena_strdup(a, "/var/cache");
	else if (cache && cache[0] == '/')
		dir = arena_strdup(a, cache);
	else if (home && home[0] == '/')
		dir = arena_printf(a, "%s/.cache", home);
	else
		return err_set(e, ENOENT, "micro-VM: no place for the kernel's files: neither XDG_CACHE_HOME nor HOME is set");
	int r = dir ? make_dir(dir, e) : err_nomem(e);
	if (r == 0)
		r = make_dir(dir = arena_printf(a, "%s/ctr", dir), e);
	if (r == 0)
		r = make_dir(dir = arena_printf(a, "%s/vm", dir), e);
	*ret = dir;
	return r;
}

static const char *name_of(struct arena *a, const struct source *s, struct err *e)
{
	uint64_t key;

	if (key_of(a, s, &key, e) < 0)
		return NULL;
	const char *name = arena_printf(a, "%s-%016llx", s->release, (unsigned long long)key);
	if (!name)
		(void)err_nomem(e);
	return name;
}

#define REFERRED_MAX 256
struct referred { struct arena *a; struct strv *names; struct err *e; };

static int take_name(void *arg, const struct source *s)
{
	struct referred *x = arg;
	const char *name = x->names->n < REFERRED_MAX ? name_of(x->a, s, x->e) : NULL;

	if (!name)
		return x->names->n < REFERRED_MAX ? -x->e->code : err_set(x->e, E2BIG, "more than %d kernels", REFERRED_MAX);
	x->names->v[x->names->n++] = (char *)(uintptr_t)name;
	return 0;
}

int vm_referred(struct arena *a, const struct strv *kernels, const char **cache, struct strv *ret, struct err *e)
{
	struct referred x = { a, ret, e };
	struct source one;
	int r = cache_dir(a, cache, e);

	*ret = (struct strv){ arena_array(a, REFERRED_MAX, sizeof(char *)), 0 };
	if (r == 0 && !ret->v)
		r = err_nomem(e);
	if (r == 0)
		r = each_kernel(a, take_name, &x);
	for (size_t i = 0; r == 0 && i < kernels->n; i++)
		if (usable(a, kernels->v[i], &one))
			r = take_name(&x, &one);
	return r;
}

int vm_prepare(struct ctx *ctx, const char *kernel, struct vm_place *ret, struct err *e)
{
	struct arena *a = &ctx->arena;
	struct source s = { 0 };
	const char *cache = NULL;
	const char *name = NULL;
	int r = 0;

	if (!kernel)
		r = find_kernel(a, &s, e);
	else if (kernel[0] != '/' || !usable(a, kernel, &s))
		r = err_set(e, ENOENT, "vm.kernel.path %s: not a kernel image that we may read, with its modules in "
				       "../lib/modules", kernel);
	if (r == 0 && !(name = name_of(a, &s, e)))
		r = -e->code;
	if (r == 0)
		r = cache_dir(a, &cache, e);
	if (r < 0)
		return r;
	*ret = (struct vm_place){ .kernel = s.release };
	ret->root = arena_printf(a, "%s/%s", cache, name);
	const char *fresh = arena_printf(a, "%s/" VM_UNFINISHED "%d", cache, getpid());
	if (!ret->root || !fresh)
		return err_nomem(e);
	if (access(ret->root, F_OK) == 0)
		return 0;
	r = find_modules(a, &s, e);
	mode_t old = umask(022);
	if (r == 0)
		r = fill(ctx, &s, fresh, e);
	(void)umask(old);
	if (r == 0 && rename(fresh, ret->root) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		r = err_sys(e, errno, "keep %s", ret->root);
	ret->made = r == 0;
	if (access(fresh, F_OK) == 0)
		best_effort(vm_remove_tree(fresh));
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes a micro-VM's guest a machine: its root, the few modules, the network's beginnings, the shares, the line to
 * the host. Done once by the first process, and by nobody after it but the kernel, which asks for a module when
 * something needs it. Must wait for events and not by the clock, as an emulated processor has no time to spare: but for
 * the moment before the kernel opens a port that it shows already, which nothing tells of (open_listed()).
 */
#include "vm_guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../cgroup/cgroup.h"
#include "base/fd.h"
#include "base/util.h"
#include "base/wait.h"
#include "vm.h"

#define PORT_DIR "/dev"
#define PORT "/dev/vport0p1"
#define PORT_WAIT_MS 20000
#define MODULES_MAX 32
#define MODULE_COMPRESSED 4 /* finit_module(2), Linux 5.17 */
#define OWN "/ctr"
#define CGROUPS "/sys/fs/cgroup"

/* ---- root and modules -------------------------------------------------------------------------------------- */

static const struct {
	const char *type, *target;
	unsigned long flags;
	const char *data;
} mounts[] = {
	{ "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "devtmpfs", "/dev", MS_NOSUID, NULL },
	{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666" },
	{ "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755" },
	{ "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777" },
	{ "cgroup2", CGROUPS, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
};

/* pivot_root(2) is not for the kernel's first root: the guest's own is a tmpfs, with nothing but ctr. */
static int change_root(struct err *e)
{
	static const char *const dirs[] = { "/root/proc", "/root/sys", "/root/dev", "/root/run", "/root/tmp", "/root/share",
					    "/root/share/root", "/root/share/volumes", "/root/modules" };

	(void)mkdir("/root", 0755);
	if (mount("tmpfs", "/root", "tmpfs", MS_NODEV, "mode=755") < 0)
		return err_sys(e, errno, "mount the guest's root");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0755) < 0)
			return err_sys(e, errno, "make %s", dirs[i]);
	auto_close int own = open("/root" VM_MODPROBE, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (own < 0 || mount(OWN, "/root" VM_MODPROBE, NULL, MS_BIND, NULL) < 0)
		return err_sys(e, errno, "keep %s", OWN);
	if (mount("/modules", "/root/modules", NULL, MS_BIND, NULL) < 0)
		return err_sys(e, errno, "keep the modules");
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, errno, "change to the guest's root");
	return 0;
}

static int mount_all(struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		(void)mkdir(mounts[i].target, 0755); /* /dev/pts is not there before /dev is */
		if (mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags, mounts[i].data) < 0)
			return err_sys(e, errno, "mount %s", mounts[i].target);
	}
	/*
	 * Containers of ours have their parent, with no controller: what one may use of the machine is the host's part. Who
	 * needs a controller there, or hands them on, enables it (cgroup/fs.c); the others cost the emulated kernel its
	 * bookkeeping of every page and process.
	 */
	return mkdir(CGROUPS CGROUP_PARENT, 0755) < 0 ? err_sys(e, errno, "make cgroup " CGROUP_PARENT) : 0;
}

/* In the order of their names, which is that of their needs. */
static int load_modules(const char *prefix, struct err *e)
{
	char path[64];

	for (int i = 0; i < MODULES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/modules/%s%02d", prefix, i);
		auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return 0;
		int r = (int)syscall(SYS_finit_module, fd, "", 0);
		if (r < 0 && errno == ENOEXEC)
			r = (int)syscall(SYS_finit_module, fd, "", MODULE_COMPRESSED);
		if (r < 0 && errno != EEXIST)
			return err_sys(e, errno, "load %s", path);
	}
	return 0;
}

/*
 * What a program may want and most do not is loaded when the kernel asks for it (request_module() in its sources). Where
 * it does not let itself be told by whom: at once.
 */
static int leave_modules(struct err *e)
{
	int r = file_write(AT_FDCWD, "/proc/sys/kernel/modprobe", VM_MODPROBE, strlen(VM_MODPROBE));

	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(vm_module_groups); i++) {
		if (!vm_module_groups[i].asked)
			continue;
		int loaded = load_modules(vm_module_groups[i].prefix, e);
		if (loaded < 0)
			return loaded;
	}
	return 0;
}

/* The kernel calls `modprobe -q -- NAME`. */
int vm_modprobe(int argc, char **argv, struct err *e)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(vm_module_groups); i++)
		if (vm_module_groups[i].asked && str_eq(argv[argc - 1], vm_module_groups[i].asked))
			return load_modules(vm_module_groups[i].prefix, e);
	return err_set(e, ENOENT, "no module %s", argc > 1 ? argv[argc - 1] : "");
}

bool vm_guest_is_told(const char *word)
{
	char line[4096];

	return file_read_short(AT_FDCWD, "/proc/cmdline", line, sizeof(line)) > 0 && strstr(line, word);
}

/* ---- network: the loopback, and the VMM's (netdevice(7), rt_route of route(7)) ------------------------------- */

static int set_flags_up(int s, const char *name, struct err *e)
{
	struct ifreq r = { .ifr_flags = IFF_UP | IFF_RUNNING };

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return ioctl(s, SIOCSIFFLAGS, &r) < 0 ? err_sys(e, errno, "bring up %s", name) : 0;
}

static struct sockaddr address(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr any;

	(void)inet_pton(AF_INET, text, &in.sin_addr);
	memcpy(&any, &in, sizeof(any));
	return any;
}

static int set_up_network(struct err *e)
{
	auto_close int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { .ifr_name = "eth0" };
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	bool user = vm_guest_is_told(VM_WORD_NETWORK);
	int done = s < 0 ? err_sys(e, errno, "reach the network's settings") : set_flags_up(s, "lo", e);

	if (done == 0 && (user || vm_guest_is_told(VM_WORD_TAP)))
		done = load_modules(VM_MODULES_NETWORK, e);
	if (done < 0 || !user) /* the host says what a tap is to be (VM_NET) */
		return done;
	r.ifr_addr = address(VM_NET_ADDRESS);
	if (ioctl(s, SIOCSIFADDR, &r) < 0)
		return err_sys(e, errno, "set the address of eth0");
	r.ifr_netmask = address(VM_NET_MASK);
	if (ioctl(s, SIOCSIFNETMASK, &r) < 0)
		return err_sys(e, errno, "set the mask of eth0");
	done = set_flags_up(s, "eth0", e);
	route.rt_gateway = address(VM_NET_GATEWAY);
	route.rt_dst = route.rt_genmask = address("0.0.0.0");
	if (done == 0 && ioctl(s, SIOCADDRT, &route) < 0)
		return err_sys(e, errno, "set the default route");
	return done;
}

/* ---- the line to the host ------------------------------------------------------------------------------------ */

int vm_wait_for_file(const char *dir, const char *path, int64_t deadline)
{
	auto_close int watch = inotify_init1(IN_CLOEXEC);
	int r = watch < 0 || inotify_add_watch(watch, dir, IN_CREATE | IN_MOVED_TO) < 0 ? -errno : 0;

	/* It is looked for after the watch is set, and after each event. */
	while (r == 0 && access(path, F_OK) < 0) {
		char events[4096];
		r = wait_for(watch, POLLIN, deadline);
		if (r == 0 && read(watch, events, sizeof(events)) < 0)
			r = -errno;
	}
	return r;
}

/* The port is there before the kernel has heard that the host has its end open: until then it says that nobody has. */
static int wait_for_host(int port, int64_t deadline)
{
	auto_close int events = epoll_create1(EPOLL_CLOEXEC);
	/* By its edge: as long as nobody has it open, poll(2) would return at once. */
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	int r = events < 0 || epoll_ctl(events, EPOLL_CTL_ADD, port, &ev) < 0 ? -errno : 0;

	while (r == 0) {
		int n = epoll_wait(events, &ev, 1, (int)MAX(deadline - now_ms(), (int64_t)0));
		if (n > 0 && !(ev.events & EPOLLHUP))
			return 0;
		if (n == 0 || (n < 0 && errno != EINTR))
			r = n == 0 ? -ETIMEDOUT : -errno;
	}
	return r;
}

/*
 * The name is there a moment before the kernel has the port in its list and opens it (virtio_console: ENXIO until then);
 * nothing tells when that is.
 */
static int open_listed(int64_t deadline)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (;;) {
		int fd = open(PORT, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 || errno != ENXIO)
			return fd < 0 ? -errno : fd;
		if (now_ms() > deadline)
			return -ENXIO;
		(void)nanosleep(&moment, NULL);
	}
}

static int open_port(struct err *e)
{
	const int64_t deadline = now_ms() + PORT_WAIT_MS;
	int r = vm_wait_for_file(PORT_DIR, PORT, deadline);
	auto_close int port = r < 0 ? r : open_listed(deadline);

	if (port < 0)
		return err_sys(e, port, "open %s", PORT);
	r = wait_for_host(port, deadline);
	return r < 0 ? err_sys(e, r, "wait until the host opens %s", PORT) : TAKE_FD(port);
}

void vm_stamp(struct vm_stamps *s, const char *what)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	if (s->n < ARRAY_SIZE(s->v)) {
		s->v[s->n].what = what;
		s->v[s->n++].ms = (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
	}
}

int vm_guest_set_up(struct vm_stamps *s, struct err *e)
{
	int r = change_root(e);

	if (r == 0)
		r = mount_all(e);
	vm_stamp(s, "root");
	if (r == 0)
		r = load_modules(VM_MODULES_BASE, e);
	if (r == 0)
		r = leave_modules(e);
	vm_stamp(s, "modules");
	if (r == 0)
		r = set_up_network(e);
	vm_stamp(s, "network");
	if (r == 0 && mount("root", VM_SHARE_ROOT, "virtiofs", 0, NULL) < 0)
		r = err_sys(e, errno, "mount the share of the root filesystem");
	if (r == 0 && vm_guest_is_told(VM_WORD_VOLUMES) && mount("volumes", VM_SHARE_VOLUMES, "virtiofs", 0, NULL) < 0)
		r = err_sys(e, errno, "mount the share of the volumes");
	vm_stamp(s, "shares");
	r = r < 0 ? r : open_port(e);
	vm_stamp(s, "line to the host");
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU and virtiofsd as the VMM: the one file that knows their options. Another VMM is another file with these
 * functions. Must not start anything: the monitor does.
 */
#include "vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/util.h"

struct args { struct arena *a; char **v; size_t n, room; bool failed; };

static void add(struct args *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct args *x, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	char *s = n >= 0 && (size_t)n < sizeof(text) && x->n + 1 < x->room ? arena_strdup(x->a, text) : NULL;
	if (s)
		x->v[x->n++] = s;
	else
		x->failed = true;
}

static int finish(struct args *x, char ***ret, struct err *e)
{
	if (!x->v || x->failed)
		return err_set(e, E2BIG, "the micro-VM's command line is too long");
	*ret = x->v;
	return 0;
}

#ifdef __x86_64__
struct moment { uint64_t ns, cycles; };

/* Both clocks at once: of some attempts the one that was interrupted least. */
static struct moment take_moment(void)
{
	struct moment best = { 0, 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		struct timespec t;
		uint64_t before = __builtin_ia32_rdtsc();
		(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		uint64_t took = __builtin_ia32_rdtsc() - before;
		if (took >= least)
			continue;
		least = took;
		best = (struct moment){ (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec, before + took / 2 };
	}
	return best;
}
#endif

/*
 * Emulated, the machine has no timer of a known rate, and the kernel would measure the processor's against one that a
 * busy host delays: it is told the rate, which is the host's own.
 */
static unsigned long tsc_khz(void)
{
#ifdef __x86_64__
	const struct timespec pause = { 0, 2000000 };
	const struct moment first = take_moment();

	(void)nanosleep(&pause, NULL);
	const struct moment last = take_moment();
	return last.ns > first.ns ? (unsigned long)((last.cycles - first.cycles) * 1000000U / (last.ns - first.ns)) : 0;
#else
	return 0;
#endif
}

/*
 * What a kernel does while it starts, and no guest of ours needs: it looks for the name of each function that could be
 * traced, puts names into the descriptions of what could be, and makes a directory for each of these; tests the one
 * function for keys that is no part of the self-tests; reads the certificates of modules' signatures, which ours have not.
 * A kernel that knows none of them passes over their names.
 */
#define VM_KERNEL_SKIPS \
	"ftrace_check_for_weak_functions,trace_eval_init,tracer_init_tracefs,crypto_kdf108_init,load_system_certificate_list"
/*
 * The security modules that hold by themselves. The others wait for a policy that nobody loads: labels and profiles of
 * a container are those of its VMM, on the host.
 */
#define VM_KERNEL_LSM "landlock,lockdown,yama,integrity"
/*
 * For an emulated processor locked instructions are like others, and to rewrite them one by one, as a kernel does that finds
 * itself on one processor, takes a tenth of its start. How long tasks wait for what they lack (/proc/pressure) it would
 * reckon at each switch from one to another; `vm.kernel.parameters` come after this, with psi=1 for who wants to know.
 */
#define VM_KERNEL_EMULATED "noreplace-smp psi=0 " VM_WORD_EMULATED

static void add_kernel(struct args *x, const struct vm_machine *m)
{
	static const char *const words[] = { [VM_NETWORK_NONE] = "", [VM_NETWORK_USER] = " " VM_WORD_NETWORK,
					     [VM_NETWORK_TAP_OR_USER] = "", [VM_NETWORK_TAP] = " " VM_WORD_TAP };
	unsigned long khz = m->kvm ? 0 : tsc_khz();
	char tsc[64] = "";

	if (khz)
		(void)snprintf(tsc, sizeof(tsc), " tsc=reliable tsc_early_khz=%lu", khz);
	add(x, "-kernel");
	add(x, "/boot/vmlinuz");
	add(x, "-initrd");
	add(x, "/boot/initrd");
	add(x, "-append");
	/* A guest that panics ends the machine; self-tests of its cryptography would take half a second. */
	add(x, "console=ttyS0 quiet panic=-1 reboot=t cryptomgr.notests=1 lsm=" VM_KERNEL_LSM " initcall_blacklist=" VM_KERNEL_SKIPS
	    "%s%s%s%s%s%s", tsc, m->kvm ? "" : " " VM_KERNEL_EMULATED, m->volumes ? " " VM_WORD_VOLUMES : "", words[m->network], m->append ? " " : "", m->append ? m->append : "");
}

static void add_network(struct args *x, const struct vm_machine *m, const struct tap_set *taps)
{
	if (m->network == VM_NETWORK_USER) {
		add(x, "-netdev");
		add(x, "user,id=net,ipv6=off");
		add(x, "-device");
		add(x, "virtio-net-device,netdev=net");
	}
	for (size_t i = 0; i < taps->n; i++) {
		const uint8_t *mac = taps->v[i].mac;
		add(x, "-netdev");
		add(x, "tap,id=net%zu,fd=%d", i, taps->v[i].fd);
		add(x, "-device");
		add(x, "virtio-net-device,netdev=net%zu,mac=%02x:%02x:%02x:%02x:%02x:%02x", i, mac[0], mac[1], mac[2], mac[3],
		    mac[4], mac[5]);
	}
}

int vm_qemu_argv(struct arena *a, const struct vm_machine *m, const struct tap_set *taps, int port, int serial, char ***ret,
		 struct err *e)
{
	struct args x = { .a = a, .v = arena_array(a, 80, sizeof(char *)), .room = 80 };
	static const char *const fixed[] = {
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		/* vhost-user devices know only the present form of virtio. */
		"-global", "virtio-mmio.force-legacy=false",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-device", "virtio-serial-device,max_ports=2",
	};

	add(&x, "%s", m->qemu);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		add(&x, "%s", fixed[i]);
	/* Without PIC and PIT an emulated guest gets no interrupt that it is not ready for; the clock is read from the RTC. */
	add(&x, "-M");
	add(&x, "microvm,acpi=on,isa-serial=on,pic=off,pit=off,rtc=on,memory-backend=m");
	add(&x, "-accel");
	add(&x, m->kvm ? "kvm" : "tcg,tb-size=64");
	add(&x, "-cpu");
	/*
	 * Emulated, a repeated string instruction takes as long for a byte as for eight: told that bytes are fast, the
	 * kernel would clear and copy its pages byte by byte.
	 */
	add(&x, m->kvm ? "host" : "max,erms=off,fsrm=off");
	add(&x, "-smp");
	add(&x, "%u", m->vcpus);
	add(&x, "-m");
	add(&x, "%lluM", (unsigned long long)m->memory_mib);
	add(&x, "-object");
	add(&x, "memory-backend-memfd,id=m,share=on,size=%lluM", (unsigned long long)m->memory_mib);
	add(&x, "-chardev");
	add(&x, "socket,id=port,fd=%d", port);
	add(&x, "-device");
	add(&x, "virtserialport,chardev=port,nr=1,name=ctr.0");
	add(&x, "-chardev");
	add(&x, "socket,id=serial,fd=%d", serial);
	add(&x, "-serial");
	add(&x, "chardev:serial");
	for (int i = 0; i < (m->volumes ? 2 : 1); i++) {
		add(&x, "-chardev");
		add(&x, "socket,id=fs%d,path=%s", i, VM_FS_SOCKET(i));
		add(&x, "-device");
		add(&x, "vhost-user-fs-device,chardev=fs%d,tag=%s,queue-size=1024", i, i ? "volumes" : "root");
	}
	add_network(&x, m, taps);
	add_kernel(&x, m);
	return finish(&x, ret, e);
}

int vm_virtiofsd_argv(struct arena *a, const struct vm_machine *m, const char *dir, const char *cache, int listener,
		      char ***ret, struct err *e)
{
	struct args x = { .a = a, .v = arena_array(a, 16, sizeof(char *)), .room = 16 };

	add(&x, "%s", m->virtiofsd);
	add(&x, "--fd=%d", listener);
	add(&x, "--rlimit-nofile=0"); /* the monitor has raised it as far as it goes */
	add(&x, "-o");
	add(&x, "source=%s", dir);
	add(&x, "-o");
	add(&x, "cache=%s", cache);
	add(&x, "-o");
	add(&x, "sandbox=chroot"); /* the namespaces are there already */
	add(&x, "-o");
	add(&x, "xattr");
	return finish(&x, ret, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether /dev/kvm really runs guests: opens it, makes a machine with one page of memory and one processor,
 * and runs a few instructions. All in a child with a deadline, since a broken KVM may never come back. A
 * second guest in 64-bit mode finds the KVMs that interpret guest kernels in software and know only part of
 * the instructions: Linux as a guest would die on them.
 */
#include "probe_priv.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/util.h"

/* Under emulation a first guest takes half a second by itself. */
#define KVM_DEADLINE_MS 2000

struct kvm_answer {
	enum probe_kvm_stage stage;
	int error, api;
};

#ifdef __GLIBC__
#define REQUEST unsigned long
#else
#define REQUEST int
#endif

static int kvm_call(int fd, unsigned long request, void *arg)
{
	int r;

	/* An int in one C library and a long in the other; the kernel takes 32 bits of it. */
	do {
		r = ioctl(fd, (REQUEST)request, arg);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

#if defined(__x86_64__)

#define GUEST_SIZE 0x10000U
#define GUEST_CODE 0x1000U
#define GUEST_PORT 0x10
#define GUEST_MARK 0xb7

struct vcpu {
	int kvm, vm, fd;
	int cpuid; /* what setting it said: only 64-bit mode needs it */
	struct kvm_run *run;
	size_t run_size;
	unsigned char *mem;
};

/* Until the OUT with the mark and the HLT behind it: 0, else -EIO, or what the call said. */
static int vcpu_go(struct vcpu *v)
{
	bool marked = false;

	for (int exits = 0; exits < 16; exits++) {
		int r = kvm_call(v->fd, KVM_RUN, NULL);
		if (r < 0)
			return r;
		if (v->run->exit_reason == KVM_EXIT_HLT)
			return marked ? 0 : -EIO;
		if (v->run->exit_reason != KVM_EXIT_IO || v->run->io.direction != KVM_EXIT_IO_OUT ||
		    v->run->io.port != GUEST_PORT)
			return -EIO;
		marked = ((unsigned char *)v->run)[v->run->io.data_offset] == GUEST_MARK;
	}
	return -EIO;
}

static int run_real_mode(struct vcpu *v)
{
	static const unsigned char code[] = {
		0xb0, GUEST_MARK, /* mov $mark, %al */
		0xe6, GUEST_PORT, /* out %al, $port */
		0xf4,		  /* hlt */
	};
	struct kvm_sregs s;
	struct kvm_regs regs = { .rip = GUEST_CODE, .rflags = 2 };

	memcpy(v->mem + GUEST_CODE, code, sizeof(code));
	int r = kvm_call(v->fd, KVM_GET_SREGS, &s);
	if (r < 0)
		return r;
	s.cs.base = 0;
	s.cs.selector = 0;
	r = kvm_call(v->fd, KVM_SET_SREGS, &s);
	if (r == 0)
		r = kvm_call(v->fd, KVM_SET_REGS, &regs);
	return r < 0 ? r : vcpu_go(v);
}

static void table_put(unsigned char *mem, unsigned int at, uint64_t entry)
{
	memcpy(mem + at, &entry, sizeof(entry));
}

/* Flat 64-bit segments, the first 2 MiB mapped onto themselves (SDM vol. 3A, 4.5 and 10.8.5). */
static int long_mode(struct vcpu *v)
{
	enum { PML4 = 0x2000, PDPT = 0x3000, PD = 0x4000, PRESENT_WRITE = 3, LARGE = 0x80 };
	struct kvm_segment seg = { .limit = 0xffffffff, .present = 1, .s = 1, .g = 1 };
	struct kvm_sregs s;
	int r = kvm_call(v->fd, KVM_GET_SREGS, &s);

	if (r < 0)
		return r;
	table_put(v->mem, PML4, PDPT | PRESENT_WRITE);
	table_put(v->mem, PDPT, PD | PRESENT_WRITE);
	table_put(v->mem, PD, PRESENT_WRITE | LARGE);
	s.cr3 = PML4;
	s.cr4 = 0x20;		/* PAE */
	s.cr0 = 0x80000033;	/* PG, NE, ET, MP, PE */
	s.efer = 0x500;		/* LME, LMA */
	seg.type = 11;		/* code, readable */
	seg.selector = 0x08;
	seg.l = 1;
	s.cs = seg;
	seg.type = 3;		/* data, writable */
	seg.selector = 0x10;
	seg.l = 0;
	seg.db = 1;
	s.ds = s.es = s.fs = s.gs = s.ss = seg;
	return kvm_call(v->fd, KVM_SET_SREGS, &s);
}

static int run_long_mode(struct vcpu *v)
{
	/* rsi: 16 bytes of zeros; compared with rdx:rax = 0, replaced by rcx:rbx. */
	static const unsigned char code[] = {
		0xf0, 0x48, 0x0f, 0xc7, 0x0e, /* lock cmpxchg16b (%rsi) */
		0xb9, 0xe8, 0x03, 0x00, 0x00, /* mov $1000, %ecx */
		0xff, 0xc9,		      /* 1: dec %ecx */
		0x75, 0xfc,		      /* jnz 1b */
		0x8a, 0x06,		      /* mov (%rsi), %al */
		0xe6, GUEST_PORT,	      /* out %al, $port */
		0xf4,			      /* hlt */
	};
	struct kvm_regs regs = { .rip = GUEST_CODE, .rflags = 2, .rsi = 0x8000, .rbx = GUEST_MARK };

	memcpy(v->mem + GUEST_CODE, code, sizeof(code));
	int r = v->cpuid;
	if (r == 0)
		r = long_mode(v);
	if (r == 0)
		r = kvm_call(v->fd, KVM_SET_REGS, &regs);
	return r < 0 ? r : vcpu_go(v);
}

/* The processor's whole offer: without it KVM refuses long mode, after the first run it takes it no more. */
static int cpuid_pass(struct vcpu *v)
{
	enum { ENTRIES = 256 };
	union {
		struct kvm_cpuid2 head;
		unsigned char room[sizeof(struct kvm_cpuid2) + ENTRIES * sizeof(struct kvm_cpuid_entry2)];
	} c = { .head = { .nent = ENTRIES } };
	int r = kvm_call(v->kvm, KVM_GET_SUPPORTED_CPUID, &c);

	return r < 0 ? r : kvm_call(v->fd, KVM_SET_CPUID2, &c);
}

static int vcpu_make(struct vcpu *v)
{
	int size = kvm_call(v->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);

	if (size < (int)sizeof(struct kvm_run))
		return size < 0 ? size : -EIO;
	v->run_size = (size_t)size;
	v->mem = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (v->mem == MAP_FAILED)
		return -errno;
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_SIZE,
						      .userspace_addr = (uintptr_t)v->mem };
	/* Intel without unrestricted guests runs real mode through a task segment, which needs a place. */
	(void)kvm_call(v->vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000UL);
	int r = kvm_call(v->vm, KVM_SET_USER_MEMORY_REGION, &region);
	if (r < 0)
		return r;
	v->fd = kvm_call(v->vm, KVM_CREATE_VCPU, NULL);
	if (v->fd < 0)
		return v->fd;
	v->cpuid = cpuid_pass(v);
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	return v->run == MAP_FAILED ? -errno : 0;
}

static void guests_run(int kvm, int vm, struct kvm_answer *a)
{
	struct vcpu v = { .kvm = kvm, .vm = vm };
	int r = vcpu_make(&v);

	a->stage = PROBE_KVM_VCPU_FAILED;
	if (r == 0) {
		a->stage = PROBE_KVM_RUN_FAILED;
		r = run_real_mode(&v);
	}
	if (r == 0) {
		a->stage = PROBE_KVM_LONG_FAILED;
		r = run_long_mode(&v);
	}
	if (r == 0)
		a->stage = PROBE_KVM_RAN;
	a->error = -r;
}

#else

/* No guest code for this architecture: a processor that can be made has to do. */
static void guests_run(int kvm, int vm, struct kvm_answer *a)
{
	(void)kvm;
	int r = kvm_call(vm, KVM_CREATE_VCPU, NULL);

	a->stage = r < 0 ? PROBE_KVM_VCPU_FAILED : PROBE_KVM_RAN;
	a->error = r < 0 ? -r : 0;
}

#endif

/* Descriptors and mappings end with the process. */
static void kvm_child(const struct probe_source *src, int fd)
{
	struct kvm_answer a = { .stage = PROBE_KVM_OPEN_FAILED };
	int kvm = openat(src->root, "dev/kvm", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (kvm < 0) {
		a.error = errno;
		goto out;
	}
	a.stage = PROBE_KVM_API_WRONG;
	a.api = kvm_call(kvm, KVM_GET_API_VERSION, NULL);
	if (a.api != KVM_API_VERSION) {
		a.error = a.api < 0 ? -a.api : 0;
		a.api = MAX(a.api, 0);
		goto out;
	}
	a.stage = PROBE_KVM_CREATE_FAILED;
	int vm = kvm_call(kvm, KVM_CREATE_VM, NULL);
	if (vm < 0) {
		a.error = -vm;
		goto out;
	}
	guests_run(kvm, vm, &a);
out:
	best_effort((int)write(fd, &a, sizeof(a)));
}

void probe_kvm_start(struct probe_job *job, const struct probe_source *src)
{
	*job = (struct probe_job){ .fd = -EBADF };
	if (probe_exists(src->root, "dev/kvm"))
		probe_job_start(job, kvm_child, src);
}

void probe_kvm_finish(struct probe_job *job, struct probe *p)
{
	struct kvm_answer a;
	int r = probe_job_finish(job, &a, sizeof(a), KVM_DEADLINE_MS);

	if (r == -ECHILD)
		return;
	if (r < 0) {
		p->kvm.stage = r == -ETIMEDOUT ? PROBE_KVM_TIMEOUT : PROBE_KVM_RUN_FAILED;
		p->kvm.error = -r;
		return;
	}
	p->kvm.stage = a.stage;
	p->kvm.error = a.error;
	p->kvm.api = a.api;
}

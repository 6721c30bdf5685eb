/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor offers for running guests. x86 is asked twice, by CPUID and through /proc/cpuinfo: the
 * kernel takes vmx and svm out of its list when the firmware has locked them off, the instruction does not.
 */
#include "probe_priv.h"

#include <stdio.h>

#include "base/util.h"

/* The value of "key : value" in cpuinfo; a length of 0 when there is no such line. */
static const char *cpuinfo_field(const char *text, const char *key, size_t *ret_n)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, len) != 0)
			continue;
		const char *s = line + len;
		s += strspn(s, " \t");
		if (*s != ':')
			continue;
		s++;
		s += strspn(s, " \t");
		*ret_n = strcspn(s, "\n");
		return s;
	}
	*ret_n = 0;
	return "";
}

static void copy_field(const char *text, const char *key, char *buf, size_t size)
{
	size_t n;
	const char *s = cpuinfo_field(text, key, &n);

	n = MIN(n, size - 1);
	memcpy(buf, s, n);
	buf[n] = '\0';
}

/* Words of cpuinfo that matter to a monitor: acceleration of interrupts, of nesting, of dirty logging. */
static const char *const features[] = {
	/* Intel, from "vmx flags" since Linux 5.9, from "flags" before */
	"vnmi", "unrestricted_guest", "vpid", "ept_ad", "apicv", "posted_intr", "pml", "shadow_vmcs",
	"tsc_scaling", "preemption_timer", "flexpriority", "ept_violation_ve", "ept_1gb",
	/* AMD, from "flags" */
	"nrip_save", "vmcb_clean", "flushbyasid", "decodeassists", "pausefilter", "avic", "x2avic",
	"v_vmsave_vmload", "vgif", "sev", "sev_es", "sev_snp",
	/* guest of an Intel trust domain */
	"tdx_guest",
};

static void x86_read(struct probe *p, const struct probe_source *src, const char *cpuinfo)
{
	struct probe_cpu *c = &p->cpu;
	size_t n, vmx_n;
	const char *flags = cpuinfo_field(cpuinfo, "flags", &n);
	const char *vmx_flags = cpuinfo_field(cpuinfo, "vmx flags", &vmx_n);
	bool vmx = probe_has_word(flags, n, "vmx"), svm = probe_has_word(flags, n, "svm");
	bool raw_vmx = false, raw_svm = false;

	if (src->cpuid) {
		uint32_t r[4];
		src->cpuid(src->cpuid_arg, 1, 0, r);
		raw_vmx = r[2] >> 5 & 1; /* SDM vol. 2A, CPUID.1:ECX.VMX */
		c->hypervisor_bit = r[2] >> 31;
		src->cpuid(src->cpuid_arg, 0x80000000, 0, r);
		if (r[0] >= 0x80000001 && r[0] < 0x80010000) {
			src->cpuid(src->cpuid_arg, 0x80000001, 0, r);
			raw_svm = r[2] >> 2 & 1; /* APM vol. 3, Fn8000_0001_ECX.SVM */
		}
	} else {
		c->hypervisor_bit = probe_has_word(flags, n, "hypervisor");
	}
	bool amd = svm || raw_svm || str_eq(c->vendor, "AuthenticAMD") || str_eq(c->vendor, "HygonGenuine");
	c->extension_name = amd ? "svm" : "vmx";
	c->extension = probe_answer_of(vmx || svm);
	c->firmware_off = n > 0 && !vmx && !svm && (raw_vmx || raw_svm);
	c->paging_name = amd ? "npt" : "ept";
	if (vmx || svm)
		c->paging = probe_answer_of(probe_has_word(flags, n, c->paging_name) ||
					    probe_has_word(vmx_flags, vmx_n, c->paging_name));
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (probe_has_word(flags, n, features[i]) || probe_has_word(vmx_flags, vmx_n, features[i]))
			probe_append(c->features, sizeof(c->features), " ", features[i]);
}

/* The other architectures: which word of which line of cpuinfo means it. */
static const struct arch_rule {
	const char *arch, *field, *word, *name;
} arch_rules[] = {
	{ "s390x", "features", "sie", "sie" },	    /* arch/s390/kernel/processor.c */
	{ "loongarch64", "Features", "lvz", "lvz" }, /* arch/loongarch/kernel/proc.c */
};

static void other_read(struct probe *p, const struct probe_source *src, const char *cpuinfo)
{
	struct probe_cpu *c = &p->cpu;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(arch_rules); i++) {
		const struct arch_rule *rule = &arch_rules[i];
		if (!str_eq(rule->arch, src->arch))
			continue;
		const char *s = cpuinfo_field(cpuinfo, rule->field, &n);
		c->extension_name = rule->name;
		c->extension = probe_answer_of(probe_has_word(s, n, rule->word));
		return;
	}
	if (str_starts(src->arch, "riscv")) {
		/* "rv64imafdch_zicsr...": single letters up to the first underscore (riscv/uabi.rst). */
		const char *s = cpuinfo_field(cpuinfo, "isa", &n);
		size_t letters = strcspn(s, "_\n");
		c->extension_name = "h";
		if (letters > strlen("rv64"))
			c->extension = probe_answer_of(memchr(s + 4, 'h', letters - 4) != NULL);
	} else if (str_starts(src->arch, "ppc")) {
		/* The bare machine says so in its device tree; in an LPAR the mode belongs to the hypervisor. */
		char compatible[256];
		int r = probe_read(src->root, "proc/device-tree/compatible", compatible, sizeof(compatible));
		c->extension_name = "hv";
		c->extension = r < 0 ? PROBE_UNKNOWN : probe_answer_of(strstr(compatible, "ibm,powernv") != NULL);
	} else {
		/* arm64: whether the kernel was entered at EL2 is only in its log; /dev/kvm answers instead. */
		c->extension_name = str_eq(src->arch, "aarch64") ? "el2" : "unknown";
		c->extension = src->live || probe_exists(src->root, "dev/kvm") ?
			probe_answer_of(probe_exists(src->root, "dev/kvm")) : PROBE_UNKNOWN;
	}
}

void probe_cpu_read(struct probe *p, const struct probe_source *src)
{
	char cpuinfo[8192]; /* the first processor */
	static const char *const vendors[] = { "vendor_id", "mvendorid", "CPU implementer", "cpu" };
	static const char *const models[] = { "model name", "uarch", "Model Name", "cpu model", "machine" };

	(void)probe_read(src->root, "proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	for (size_t i = 0; i < ARRAY_SIZE(vendors) && !p->cpu.vendor[0]; i++)
		copy_field(cpuinfo, vendors[i], p->cpu.vendor, sizeof(p->cpu.vendor));
	for (size_t i = 0; i < ARRAY_SIZE(models) && !p->cpu.model[0]; i++)
		copy_field(cpuinfo, models[i], p->cpu.model, sizeof(p->cpu.model));
	if (probe_is_x86(src))
		x86_read(p, src, cpuinfo);
	else
		other_read(p, src, cpuinfo);
}

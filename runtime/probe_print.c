/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe for people: what we are inside of, then the checks by group, each missing thing followed by what
 * to do about it. 80 columns; colours only mark the answers, the words carry the meaning.
 */
#include "probe_priv.h"

#include <stdio.h>

#include "base/util.h"

#define COLUMNS 80
#define INDENT 30 /* where values begin */

struct page {
	struct strbuf *out;
	bool colour;
};

enum paint { PAINT_TITLE, PAINT_GOOD, PAINT_BAD, PAINT_DIM };

static void paint(const struct page *pg, enum paint how, const char *text)
{
	static const char *const codes[] = { "\033[1m", "\033[32m", "\033[31m", "\033[33m" };

	if (pg->colour)
		strbuf_puts(pg->out, codes[how]);
	strbuf_puts(pg->out, text);
	if (pg->colour)
		strbuf_puts(pg->out, "\033[0m");
}

/* Words of `text` from column `at` on; continued lines begin in column `indent`. */
static void wrapped(const struct page *pg, const char *text, size_t at, size_t indent)
{
	bool first = true;

	while (*text) {
		size_t n = strcspn(text, " ");
		if (!first && at + 1 + n > COLUMNS) {
			strbuf_printf(pg->out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			strbuf_puts(pg->out, " ");
			at++;
		}
		strbuf_add(pg->out, text, n);
		at += n;
		text += n;
		text += strspn(text, " ");
		first = false;
	}
	strbuf_puts(pg->out, "\n");
}

static void headline(const struct page *pg, const char *label, const char *text)
{
	strbuf_printf(pg->out, "  %-14s", label);
	wrapped(pg, text, 16, 16);
}

/* ---- the place on the map -------------------------------------------------------------------------- */

static void print_machine(const struct page *pg, const struct probe *p)
{
	const struct probe_inside *in = &p->inside;
	char text[512];
	bool dom0 = in->xen_role && str_eq(in->xen_role, "dom0");

	if (in->vm_count == 0) {
		headline(pg, "machine", "bare metal, as far as can be seen");
		return;
	}
	if (in->xen_role)
		(void)snprintf(text, sizeof(text), "%s %s%s%s%s", in->vms[0].name, in->xen_role,
			       in->xen_guest ? " (" : "", in->xen_guest ? in->xen_guest : "", in->xen_guest ? ")" : "");
	else
		(void)snprintf(text, sizeof(text), "virtual machine, %s", in->vms[0].name);
	headline(pg, "machine", text);
	(void)snprintf(text, sizeof(text), "%s; %s", probe_type_text(in->vm_type), probe_method_text(in->vm_method));
	headline(pg, "kind", text);
	if (dom0)
		headline(pg, "", "the hardware is below: this is the hypervisor's own control domain");
	(void)snprintf(text, sizeof(text), "%s", in->vms[0].evidence);
	headline(pg, "seen by", text);
	for (size_t i = 1; i < in->vm_count; i++) {
		if (str_eq(in->vms[i].id, "vm-other"))
			continue;
		(void)snprintf(text, sizeof(text), "also %s: %s", in->vms[i].name, in->vms[i].evidence);
		headline(pg, "", text);
	}
}

static void print_container(const struct page *pg, const struct probe *p)
{
	const struct probe_inside *in = &p->inside;
	char text[512] = "";

	for (size_t i = 0; i < in->container_count; i++)
		probe_append(text, sizeof(text), ", ", in->containers[i].name);
	if (in->container_count > 0) {
		headline(pg, "container", text);
		headline(pg, "kind", probe_type_text(PROBE_TYPE_OS));
		headline(pg, "seen by", in->containers[0].evidence);
		return;
	}
	headline(pg, "container", in->chroot == PROBE_YES ? "none, but a chroot" : "none");
	if (in->stale[0]) {
		(void)snprintf(text, sizeof(text), "a left-over says otherwise (%s), but these are the machine's first "
						   "namespaces", in->stale);
		headline(pg, "", text);
	}
}

static void print_place(const struct page *pg, const struct probe *p)
{
	static const struct {
		const char *verdict, *text;
	} verdicts[] = {
		{ "kvm", "by KVM, with hardware behind it" },
		{ "kvm-nested", "by KVM, nested in this virtual machine" },
		{ "kvm-software", "by a KVM in software: small guests only, or emulation (QEMU's tcg)" },
		{ "none", "by emulation only (QEMU's tcg)" },
	};
	char text[160];

	paint(pg, PAINT_TITLE, "Where this machine stands");
	strbuf_puts(pg->out, "\n");
	print_machine(pg, p);
	print_container(pg, p);
	(void)snprintf(text, sizeof(text), "%s%s%s, %s", p->cpu.model[0] ? p->cpu.model : "unknown",
		       p->cpu.vendor[0] ? ", " : "", p->cpu.vendor, p->arch);
	headline(pg, "processor", text);
	if (p->cpu.features[0])
		headline(pg, "", p->cpu.features);
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (str_eq(verdicts[i].verdict, p->verdict))
			headline(pg, "micro-VMs", verdicts[i].text);
}

/* ---- the checks ------------------------------------------------------------------------------------ */

static void print_check(const struct page *pg, const struct probe_check *c)
{
	static const struct {
		const char *word;
		enum paint how;
	} marks[] = {
		[PROBE_UNKNOWN] = { "  ?   ", PAINT_DIM },
		[PROBE_NO] = { "  no  ", PAINT_BAD },
		[PROBE_YES] = { "  ok  ", PAINT_GOOD },
	};
	bool could = c->answer == PROBE_NO && c->optional;

	paint(pg, could ? PAINT_DIM : marks[c->answer].how, could ? "  -   " : marks[c->answer].word);
	strbuf_printf(pg->out, "%-*s", INDENT - 6, c->label);
	wrapped(pg, c->value, INDENT, INDENT);
	if (c->answer != PROBE_YES && c->advice[0]) {
		strbuf_puts(pg->out, "        ");
		wrapped(pg, c->advice, 8, 8);
	}
}

/* What is missing among the optional programs fits in one line. */
static void print_programs(const struct page *pg, const struct probe *p)
{
	char missing[256] = "";

	for (size_t i = 0; i < p->check_count; i++) {
		const struct probe_check *c = &p->checks[i];
		if (c->group != PROBE_GROUP_PROGRAMS)
			continue;
		if (c->answer == PROBE_NO && str_eq(c->value, "not found"))
			probe_append(missing, sizeof(missing), ", ", c->name);
		else
			print_check(pg, c);
	}
	if (missing[0]) {
		paint(pg, PAINT_DIM, "  -   ");
		strbuf_printf(pg->out, "%-*s", INDENT - 6, "not installed");
		wrapped(pg, missing, INDENT, INDENT);
	}
}

void probe_print(const struct probe *p, bool colour, struct strbuf *out)
{
	static const char *const titles[PROBE_GROUP_COUNT] = {
		[PROBE_GROUP_VM] = "Virtual machines",
		[PROBE_GROUP_KERNEL] = "Kernel",
		[PROBE_GROUP_NS] = "Namespaces and mounts",
		[PROBE_GROUP_CGROUP] = "Control groups",
		[PROBE_GROUP_CONFINE] = "Confinement",
		[PROBE_GROUP_PROGRAMS] = "Programs",
	};
	struct page pg = { .out = out, .colour = colour };

	print_place(&pg, p);
	for (size_t g = 0; g < PROBE_GROUP_COUNT; g++) {
		strbuf_puts(out, "\n");
		paint(&pg, PAINT_TITLE, titles[g]);
		strbuf_puts(out, "\n");
		if (g == PROBE_GROUP_PROGRAMS) {
			print_programs(&pg, p);
			continue;
		}
		for (size_t i = 0; i < p->check_count; i++)
			if (p->checks[i].group == g)
				print_check(&pg, &p->checks[i]);
	}
}

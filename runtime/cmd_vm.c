/* SPDX-License-Identifier: Apache-2.0 */
/* ctr vm: what micro-VMs need, made before the first one needs it, and explained. */
#include <stdio.h>

#include "base/fd.h"
#include "base/util.h"
#include "vm.h"

struct vm_opts { const char *kernel; };

static const struct opt vm_options[] = {
	{ "kernel", 0, OPT_STRING, offsetof(struct vm_opts, kernel), "FILE", "kernel image (default: the newest of /boot)" },
	OPT_END,
};

static int vm_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct vm_opts *o = opts;
	auto_strbuf struct strbuf b = { 0 };
	struct vm_place place;

	(void)argc;
	if (!str_eq(argv[0], "prepare"))
		return err_bad(e, "vm: unknown operand \"%s\": must be prepare", argv[0]);
	int r = vm_prepare(ctx, o->kernel, &place, e);
	if (r < 0)
		return r;
	strbuf_printf(&b, "%s %s\n"
			  "  kernel   %s, from the distribution's package, unpacked where it can be\n"
			  "  initrd   ctr as the guest's first process, and the kernel's modules for its console and shares\n"
			  "  root     of the container that the VMM runs in: this directory, and /usr read-only\n",
		      place.made ? "made" : "found", place.root, place.kernel);
	return print_out(&b, e);
}

const struct command command_vm = {
	.name = "vm",
	.operands = "prepare",
	.help = "make the files that micro-VMs start from",
	.run = vm_run,
	.options = vm_options,
	.opts_size = sizeof(struct vm_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
	.details = "They are made once for each kernel and each build of ctr, also by the first container that needs them.\n",
};

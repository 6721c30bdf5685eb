/* SPDX-License-Identifier: Apache-2.0 */
/* ctr vm: what micro-VMs need, made before the first one needs it, and explained; and what nobody needs any longer. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "vm.h"
#include "vm_kernel.h"

struct vm_opts { const char *kernel; };

static const struct opt vm_options[] = {
	{ "kernel", 0, OPT_STRING, offsetof(struct vm_opts, kernel), "FILE", "kernel image (default: the newest of /boot)" },
	OPT_END,
};

#define HEAD_MAX ((size_t)64 << 10) /* of an image: a payload begins behind a few sectors and a stub */

/* How the guest finds its kernel. */
static void say_kernel(struct arena *a, const char *root, struct strbuf *b)
{
	const char *path = arena_printf(a, "%s/boot/vmlinuz", root), *by;
	char *head = arena_alloc(a, HEAD_MAX);
	auto_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -EBADF;
	ssize_t n = fd >= 0 && head ? read(fd, head, HEAD_MAX) : 0;

	if (n > 4 && memcmp(head, "\177ELF", 4) == 0)
		strbuf_puts(b, ", unpacked");
	else if (n > 0 && (by = vm_kernel_compression(head, (size_t)n)))
		strbuf_printf(b, ", as it is: compressed by %s, which the guest undoes at each start", by);
	else
		strbuf_puts(b, ", as it is");
}

static int prepare(struct ctx *ctx, const char *kernel, struct strbuf *b, struct err *e)
{
	struct vm_place place;
	int r = vm_prepare(ctx, kernel, &place, e);

	if (r < 0)
		return r;
	strbuf_printf(b, "%s %s\n  kernel   %s, from the distribution's package", place.made ? "made" : "found", place.root,
		      place.kernel);
	say_kernel(&ctx->arena, place.root, b);
	strbuf_puts(b, "\n"
		       "  initrd   ctr as the guest's first process, and the kernel's modules for its console and shares\n"
		       "  root     of the container that the VMM runs in: this directory, and /usr read-only\n");
	return 0;
}

/* The administrator's kernel is one that is referred to, wherever it is. */
static int prune(struct ctx *ctx, const char *kernel, struct strbuf *b, struct err *e)
{
	struct vm_limits limits;
	char *v[2];
	struct strv kernels = { v, 0 };
	int r = vm_limits_read(&ctx->arena, VM_LIMITS_DIR, &limits, e);

	if (r < 0)
		return r;
	if (kernel)
		v[kernels.n++] = (char *)(uintptr_t)kernel;
	if (limits.kernel)
		v[kernels.n++] = (char *)(uintptr_t)limits.kernel;
	return vm_prune(&ctx->arena, &kernels, b, e);
}

static int vm_run(struct ctx *ctx, const void *opts, int argc, char **argv, struct err *e)
{
	const struct vm_opts *o = opts;
	auto_strbuf struct strbuf b = { 0 };
	const bool away = str_eq(argv[0], "prune");

	(void)argc;
	if (!away && !str_eq(argv[0], "prepare"))
		return err_bad(e, "vm: unknown operand \"%s\": must be prepare or prune", argv[0]);
	int r = away ? prune(ctx, o->kernel, &b, e) : prepare(ctx, o->kernel, &b, e);
	return r < 0 ? r : print_out(&b, e);
}

const struct command command_vm = {
	.name = "vm",
	.operands = "prepare|prune",
	.help = "make the files that micro-VMs start from, or remove them",
	.run = vm_run,
	.options = vm_options,
	.opts_size = sizeof(struct vm_opts),
	.order = OPT_MIXED,
	.min_operands = 1,
	.max_operands = 1,
	.details = "prepare: they are made once for each kernel and each build of ctr, also by the first container that needs\n"
		   "them. prune: those go that no kernel of /boot, of --kernel or of /etc/ctr/vm.conf refers to with this build\n"
		   "of ctr, and that no container runs in.\n",
};

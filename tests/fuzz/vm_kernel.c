/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of kernels' images and modules, as packages or administrators may bring them: unpacked, or left as they are. */
#include "../../runtime/vm_kernel.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = { 0 };
	char *copy = exact_copy(data, size);

	if (vm_kernel_unpack(copy, size, &b))
		must(b.n >= 64 && memcmp(b.p, "\177ELF", 4) == 0, "a program that is none", "");
	strbuf_done(&b);
	(void)vm_kernel_compression(copy, size);
	must(vm_elf_trim(copy, size) <= size, "a module that grew", "");
	free(copy);
	return 0;
}

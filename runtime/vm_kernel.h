/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTR_VM_KERNEL_H
#define CTR_VM_KERNEL_H

/*
 * A kernel's image without its compression, so that no guest has to undo it at every start: by emulation that takes a
 * quarter of a second. Pure: bytes in, bytes out.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * The ELF program inside an x86 image (Documentation/arch/x86/boot.rst, payload_offset), when it is compressed by LZ4,
 * as Debian's are, and can be entered directly (Documentation/arch/x86/pvh). False: start the image as it is.
 */
bool vm_kernel_unpack(const char *image, size_t n, struct strbuf *ret);

/* What an image is compressed by ("zstd"): for people. NULL: not known, or it is not compressed. */
const char *vm_kernel_compression(const char *image, size_t n);

/*
 * A program or module, `n` bytes, without what it needs not to be loaded by the guest's kernel; how many bytes are left. Of a
 * program: names and lines for debuggers. Of a module: the signature behind it; and sections that an emulated processor is
 * busier with than with all the rest, which lose their names.
 */
size_t vm_elf_trim(char *file, size_t n);

#endif

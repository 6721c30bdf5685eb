/* SPDX-License-Identifier: Apache-2.0 */
/* The default seccomp profile as text inside ctr: a sandbox needs no file of the installation. */
	.section .rodata, "a"
	.globl sandbox_seccomp, sandbox_seccomp_end
sandbox_seccomp:
	.incbin "contrib/seccomp/default.json"
sandbox_seccomp_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits

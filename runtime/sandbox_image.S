/* SPDX-License-Identifier: Apache-2.0 */
/* The default seccomp profile as text inside ctr: a sandbox needs no file of the installation. */
	.section .rodata, "a"
	.globl sandbox_seccomp, sandbox_seccomp_size
sandbox_seccomp:
	.incbin "contrib/seccomp/default.json"
1:	.balign 8
sandbox_seccomp_size:
	.quad 1b - sandbox_seccomp
	.section .note.GNU-stack, "", %progbits

/* SPDX-License-Identifier: Apache-2.0 */
/* The container side as bytes inside ctr: host_spawn.c copies it into a sealed memfd and enters that. */
	.section .rodata, "a"
	.globl ctr_init_image, ctr_init_image_size
	.balign 16
ctr_init_image:
	.incbin CTR_INIT_FILE
1:	.size ctr_init_image, 1b - ctr_init_image
	.balign 8
ctr_init_image_size:
	.quad 1b - ctr_init_image
	.section .note.GNU-stack, "", %progbits

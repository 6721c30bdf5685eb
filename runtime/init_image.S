/* SPDX-License-Identifier: Apache-2.0 */
/* The container side as bytes inside ctr: host_spawn.c copies it into a sealed memfd and enters that. */
	.section .rodata, "a"
	.globl ctr_init_image, ctr_init_image_end
	.balign 16
ctr_init_image:
	.incbin CTR_INIT_FILE
ctr_init_image_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
